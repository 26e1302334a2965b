"""The command line: groups, shared behaviour, exit status."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

import click

import pydlpar

__all__ = ["app"]


class LazyGroup(click.Group):
    """A group that loads a command when it is run, and none for its own help.

    Args:
        lazy: of each command, named as its function: its module, and what it
            does, in a line.
    """

    def __init__(
        self, *args: object, lazy: Mapping[str, tuple[str, str]], **more: object
    ) -> None:
        super().__init__(*args, **more)  # type: ignore[arg-type]
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        return sorted({*super().list_commands(ctx), *self.lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, loaded now."""
        if cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(
            import_module(self.lazy[cmd_name][0]), cmd_name
        )
        return command

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """The list of commands in the help, without loading them."""
        rows = []
        for name in self.list_commands(ctx):
            if name in self.lazy:
                rows.append((name, self.lazy[name][1]))
            elif command := self.get_command(ctx, name):
                rows.append((name, command.get_short_help_str()))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


_COMMANDS = {
    "capture": (
        "pydlpar.cli.capture",
        "Write a transcript of a guest, or of the model.",
    ),
    "compare": (
        "pydlpar.cli.compare",
        "Hold the model against QEMU, a guest or another profile.",
    ),
    "decode": (
        "pydlpar.cli.decode",
        "Show the RTAS events in files, logs and streams.",
    ),
    "encode": ("pydlpar.cli.encode", "Make RTAS events from requests or JSON."),
    "guest": (
        "pydlpar.cli.guest",
        "Boot a real Linux guest in QEMU, and have it do things.",
    ),
    "replay": (
        "pydlpar.cli.replay",
        "Play a transcript of a guest against the model.",
    ),
    "run": (
        "pydlpar.cli.run",
        "Carry out hotplug requests as Linux does, against the firmware model.",
    ),
    "slots": (
        "pydlpar.cli.slots",
        "List connectors (DRCs) and what is behind them.",
    ),
    "stress": (
        "pydlpar.cli.stress",
        "Hotplug under faults, on the firmware model.",
    ),
    "tree": (
        "pydlpar.cli.tree",
        "Look at device trees, compare, check and change them.",
    ),
}


@click.group(
    cls=LazyGroup,
    lazy=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(pydlpar.__version__, prog_name="pydlpar")
def app() -> None:
    """Device hotplug (DLPAR) on IBM Power, on any computer.

    Exit status: 0 when everything was carried out, 1 when a request was refused,
    2 when the input or the command line is wrong.
    """

"""`pydlpar stress`: hotplug under faults, on the firmware model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import click

from pydlpar.cli.app import LazyGroup
from pydlpar.cli.types import LINES, RELEASE
from pydlpar.drc_states import PROFILES

if TYPE_CHECKING:
    from pydlpar.tree import DeviceTree

__all__ = ["INTERRUPTED", "machine_options", "repeat_command", "stress", "tree_maker"]

INTERRUPTED = 130
"""Exit status after Ctrl-C, as of a shell."""

_Command = TypeVar("_Command", bound=Callable[..., object])

_COMMANDS = {
    "exhaust": (
        "pydlpar.cli.stress_exhaust",
        "Fail every call of requests in turn, in every way.",
    ),
    "run": (
        "pydlpar.cli.stress_run",
        "Carry out mixed requests by the million, with random faults.",
    ),
}


@click.group(cls=LazyGroup, lazy=_COMMANDS)
def stress() -> None:
    """Hotplug under faults, on the firmware model.

    Every call of a request can fail; what must hold afterwards is checked: the tree,
    the LMB table, threads and connectors agree, what failed is undone as far as Linux
    undoes it, nothing leaks.

    Exit status: 0 all rules held, 1 one was broken, 2 bad input, 130 interrupted.
    """


def machine_options(command: _Command) -> _Command:
    """The options that say which machine."""
    for option in (
        click.option(
            "--tree",
            metavar="FILE",
            help="Device tree of the machine, as `pydlpar run` takes it. Default: one "
            "that comes with the package.",
        ),
        click.option(
            "--profile",
            type=click.Choice(list(PROFILES)),
            default="lopar",
            show_default=True,
            help="Firmware: as QEMU does it, or as the architecture says.",
        ),
        click.option(
            "--dialect",
            type=RELEASE,
            default="6.12",
            show_default=True,
            help="Linux line whose grammar, order of calls and errors are followed: "
            f"{LINES}.",
        ),
    ):
        command = option(command)
    return command


def tree_maker(path: str | None) -> Callable[[], DeviceTree] | None:
    """Makes a new copy of the tree of a file each time; None without a file."""
    if path is None:
        return None
    # Loaded when a tree is to be read.
    from pydlpar.cli.sources import read_tree

    return partial(type(tree := read_tree(path)).copy, tree)


def repeat_command(name: str, options: dict[str, object]) -> str:
    """The command line that does the same again."""
    from shlex import join

    words = ["pydlpar", "stress", name]
    for option, value in options.items():
        for each in value if isinstance(value, tuple) else (value,):
            if each is True:
                words.append(option)
            elif each not in (None, False):
                words += [option, str(each)] if option else [str(each)]
    return join(words)

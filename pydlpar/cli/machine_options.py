"""Options that describe a machine, for the commands that start one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from pydlpar.cli.types import LINES, RELEASE, SIZE
from pydlpar.compare.machines import AGAINST, MachineSpec

__all__ = ["against_option", "machine_of", "machine_options"]

Command = TypeVar("Command", bound=Callable[..., Any])
_USUAL = MachineSpec()


def against_option(usual: str | None, text: str) -> Callable[[Command], Command]:
    """`--against`, with what it is where it is not given."""
    return click.option(
        "--against", type=click.Choice(AGAINST), default=usual, help=text
    )


def machine_options(command: Command) -> Command:
    """Add the options whose values `machine_of` takes."""
    options = [
        click.option("--cpus", type=click.IntRange(1), help="Cores. Default: 2."),
        click.option("--max-cpus", type=click.IntRange(1), help="At most. Default: 8."),
        click.option("--memory", type=SIZE, help="At the start. Default: 1G."),
        click.option("--max-memory", type=SIZE, help="At most. Default: 4G."),
        click.option("--slots", type=click.IntRange(1), help="Of DIMMs. Default: 8."),
        click.option(
            "--dialect",
            type=RELEASE,
            help=f"Linux line of the dispatcher: {LINES}. Default: 6.12; a guest's "
            "own.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def machine_of(**given: Any) -> MachineSpec:
    """The machine of the options; what was not given is as usual."""
    said = {name: value for name, value in given.items() if value is not None}
    return MachineSpec(**(_USUAL.to_dict() | said))

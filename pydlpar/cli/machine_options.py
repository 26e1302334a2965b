"""Options that describe a machine, for the commands that start one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from pydlpar import ArgumentError
from pydlpar.compare.machines import AGAINST, MachineSpec
from pydlpar.request import DIALECTS
from pydlpar.sizes import parse_size

__all__ = ["SIZE", "against_option", "machine_of", "machine_options"]

Command = TypeVar("Command", bound=Callable[..., Any])
_USUAL = MachineSpec()


class _Size(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    name = "size"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_size(value)
        except ArgumentError as error:
            self.fail(str(error), param, ctx)


SIZE = _Size()
"""A size in bytes, as 512M or 1G."""


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
            type=click.Choice(list(DIALECTS)),
            help="Linux line of the dispatcher. Default: 6.12; a guest's own.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def machine_of(**given: Any) -> MachineSpec:
    """The machine of the options; what was not given is as usual."""
    said = {name: value for name, value in given.items() if value is not None}
    return MachineSpec(**(_USUAL.to_dict() | said))

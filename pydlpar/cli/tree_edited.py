"""A tree that a command edits: where it comes from, where it goes, what changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import click

from pydlpar import DeviceTree
from pydlpar.cli.output import Screen, write_file
from pydlpar.cli.report import diff_lines
from pydlpar.cli.sources import STDIN, InputError, Source, read_source

__all__ = ["Edit", "begin", "writes"]

_Command = TypeVar("_Command", bound=Callable[..., None])


def writes(command: _Command) -> _Command:
    """The options of commands that edit a tree."""
    for option in (
        click.option("--diff", is_flag=True, help="Show what changed."),
        click.option(
            "-i", "--in-place", is_flag=True, help="Write the result back to FILE."
        ),
        click.option(
            "-o",
            "--output",
            metavar="OUT",
            help="Write the result to OUT, gzipped if it ends in .gz; '-' is standard "
            "output.",
        ),
    ):
        command = option(command)
    return command


class Edit(NamedTuple):
    """A tree to be edited and written.

    Attributes:
        source: the tree.
        before: a copy to compare with; None where nobody wants to see it.
        output: where it goes; None is back.
    """

    source: Source
    before: DeviceTree | None
    output: str | None

    def finish(self) -> None:
        """Write the tree, and show what changed."""
        tree = self.source.tree
        if self.output is None:
            write_file(str(self.source.path), tree.to_dtb(), packed=self.source.packed)
        else:
            write_file(self.output, tree.to_dtb())
        if self.before is not None:
            changes = self.before.diff(tree)
            Screen().write_styled(diff_lines(changes, self.before))


def begin(
    file: str,
    output: str | None,
    in_place: bool,
    diff: bool,
    *,
    symbols: bool = False,
) -> Edit:
    """Read what is to be edited, once it is clear where the result goes.

    Args:
        file: the tree.
        output: what `--output` says.
        in_place: whether `--in-place` is given.
        diff: whether what changed is to be shown.
        symbols: keep the labels of source text.
    """
    if in_place == (output is not None):
        raise click.UsageError("give --output OUT or --in-place")
    if diff and output == STDIN:
        raise click.UsageError("--diff and the tree cannot both go to standard output")
    source = read_source(file, symbols=symbols)
    if in_place and source.path is None:
        raise InputError(f"{source.shown}: no blob to write back to: give --output")
    before = source.tree.copy() if diff else None
    return Edit(source, before, output)

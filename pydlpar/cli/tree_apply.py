"""`pydlpar tree apply` and `patch`: overlays and differences, put into a tree."""

from __future__ import annotations

import json

import click

from pydlpar import ConflictError, Diff, DlparError, OverlayError
from pydlpar._ffi import lib
from pydlpar.cli.sources import (
    STDIN,
    InputError,
    read_bytes,
    read_source,
    shown_path,
)
from pydlpar.cli.tree_edited import begin, writes

__all__ = ["apply", "patch"]


class _MisfitError(InputError):
    """The tree is not one that this can be put into. Exit status 1."""

    exit_code = 1


def _once(*paths: str) -> None:
    if paths.count(STDIN) > 1:
        raise InputError("'-' can be read only once")


@click.command(short_help="Apply overlays.")
@click.argument("file")
@click.argument("overlays", nargs=-1, required=True, metavar="OVERLAY...")
@click.option(
    "--first", is_flag=True, help="New nodes come first, as with fdtoverlay; not last."
)
@writes
def apply(
    file: str,
    overlays: tuple[str, ...],
    first: bool,
    output: str | None,
    in_place: bool,
    diff: bool,
) -> None:
    """Apply OVERLAYs to FILE, one after the other: all of them, or nothing is written.

    \b
      pydlpar tree apply machine.dtb uart.dtbo -i
      pydlpar tree apply machine.dtb one.dtbo two.dtso -o new.dtb --diff
      pydlpar tree apply base.dts overlay.dts -o new.dtb

    By libfdt's rules, as fdtoverlay. Source text, be it of FILE or of an OVERLAY, is
    compiled with its labels as symbols (dtc -@); a blob to which overlays refer by
    label needs them, too.

    Exit status: 0 written, 1 an overlay does not fit FILE, 2 bad input.
    """
    _once(file, *overlays)
    edit = begin(file, output, in_place, diff, symbols=True)
    for path in overlays:
        overlay = read_source(path, symbols=True)
        try:
            edit.source.tree.apply_overlay(overlay.tree, first=first)
        except OverlayError as error:
            fits = error.code != lib.DLPAR_ERR_NOTFOUND
            kind = InputError if fits else _MisfitError
            raise kind(f"{overlay.shown}: {error}") from None
        except DlparError as error:
            raise InputError(f"{overlay.shown}: {error}") from None
    edit.finish()


def _read_diff(path: str) -> Diff:
    shown = shown_path(path)
    try:
        record = json.loads(read_bytes(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{shown}: {error}; expected JSON") from None
    if not isinstance(record, dict):
        raise InputError(f"{shown}: expected the object that `tree diff --json` prints")
    try:
        return Diff.from_dict(record)
    except DlparError as error:
        raise InputError(f"{shown}: {error}") from None


@click.command(short_help="Make the changes of a diff.")
@click.argument("file")
@click.argument("changes", metavar="DIFF")
@click.option("-R", "--reverse", is_flag=True, help="Take the changes back.")
@writes
def patch(
    file: str,
    changes: str,
    reverse: bool,
    output: str | None,
    in_place: bool,
    diff: bool,
) -> None:
    """Make in FILE the changes of DIFF, as `pydlpar tree diff --json` printed them.

    \b
      pydlpar tree diff before.dtb after.dtb --json > change.json
      pydlpar tree patch other.dtb change.json -i --diff
      pydlpar tree patch after.dtb change.json --reverse -o before.dtb

    What is changed or removed must be as it was in the tree that DIFF comes from; all
    else may differ. All changes are made, or nothing is written.

    Exit status: 0 written, 1 DIFF does not fit FILE, 2 bad input.
    """
    _once(file, changes)
    edit = begin(file, output, in_place, diff)
    wanted = _read_diff(changes)
    try:
        edit.source.tree.apply(wanted.reversed() if reverse else wanted)
    except ConflictError as error:
        raise _MisfitError(f"{edit.source.shown}: {error}") from None
    except DlparError as error:
        raise InputError(f"{shown_path(changes)}: {error}") from None
    edit.finish()

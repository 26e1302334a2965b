"""`pydlpar tree diff`: how two trees differ."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator

import click

from pydlpar.cli.output import Screen
from pydlpar.cli.report import diff_lines, diff_record
from pydlpar.cli.sources import STDIN, InputError, read_source

__all__ = ["diff", "shortened"]

_DIFFERENT = 1
_LONG = 160
"""Characters of a line from which on what is the same in both is left out."""
_HEAD = 3
"""Words that begin a line: sign and name, `=`, and the first of the value."""
_WORDS = 24
"""Words of a value that are shown."""

Line = tuple[str, str]


def shortened(lines: Iterable[Line]) -> Iterator[Line]:
    """Lines of a diff without the long parts that do not differ.

    Of a line that goes and the one that comes for it, what both begin and end with is
    left out; a line alone is cut. Where it is, `...` says how many words are not there.
    """
    gone: Line | None = None
    for line in lines:
        if gone is not None and line[0].startswith("+") and line[0] != "+":
            old, new = _pair(gone[0], line[0])
            yield old, gone[1]
            yield new, line[1]
            gone = None
            continue
        if gone is not None:
            yield _cut(gone[0].split(" "), 0, 0), gone[1]
        gone = line if line[0].startswith("-") else None
        if gone is None:
            yield _cut(line[0].split(" "), 0, 0), line[1]
    if gone is not None:
        yield _cut(gone[0].split(" "), 0, 0), gone[1]


def _pair(old: str, new: str) -> tuple[str, str]:
    if max(len(old), len(new)) <= _LONG:
        return old, new
    was, now = old.split(" "), new.split(" ")
    shorter = min(len(was), len(now))
    begin = _HEAD
    while begin < shorter and was[begin] == now[begin]:
        begin += 1
    end = 0
    while end < shorter - begin and was[-1 - end] == now[-1 - end]:
        end += 1
    return _cut(was, begin, end), _cut(now, begin, end)


def _cut(words: list[str], begin: int, end: int) -> str:
    """Words without most of the *begin* first and *end* last, and not too many."""
    if sum(map(len, words)) + len(words) <= _LONG:
        return " ".join(words)
    kept = words[:_HEAD]
    if begin > _HEAD:
        kept.append(f"...{begin - _HEAD}...")
    middle = words[max(begin, _HEAD) : len(words) - end]
    kept += (
        word if len(word) <= _LONG else f"{word[:_LONG]}..." for word in middle[:_WORDS]
    )
    left = len(middle) - _WORDS + end if len(middle) > _WORDS else end
    if left > 0:
        kept.append(f"...{left}...")
    return " ".join(kept)


@click.command(short_help="Say how two trees differ.")
@click.argument("a")
@click.argument("b")
@click.option("--full", is_flag=True, help="Show long values whole.")
@click.option("-q", "--quiet", is_flag=True, help="Only the exit status tells.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object of all changes.")
def diff(a: str, b: str, full: bool, quiet: bool, as_json: bool) -> None:
    """Show what turns the tree A into the tree B: `-` what was, `+` what is.

    \b
      pydlpar tree diff before.dtb after.dtb
      pydlpar tree diff before.dtb /proc/device-tree
      pydlpar tree diff @pseries - < after.dtb

    Nodes are compared by path, properties by name and bytes; order counts: `~` is
    what only moved. LMB tables are shown as rows. Of long values only what differs
    is shown: `...7...` stands for seven words left out. --json gives a patch.

    Exit status: 0 they are the same, 1 they differ, 2 bad input.
    """
    if (a, b) == (STDIN, STDIN):
        raise InputError("'-' can be read only once")
    old, new = read_source(a), read_source(b)
    changes = old.tree.diff(new.tree)
    if as_json:
        click.echo(json.dumps(diff_record(changes)))
    elif changes and not quiet:
        screen = Screen()
        lines = diff_lines(changes, old.tree)
        screen.write_styled(
            [(f"--- {old.shown}", "bold"), (f"+++ {new.shown}", "bold")]
        )
        screen.write_styled(lines if full else shortened(lines))
    sys.exit(_DIFFERENT if changes else 0)

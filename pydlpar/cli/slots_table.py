"""Tables that fit: columns as wide as what is in them, on a narrow terminal fewer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pydlpar.cli.output import Screen

__all__ = ["Column", "Row", "table_lines"]

_GAP = "  "
_DOTS = "…"
_NARROWEST = 8
"""A column is not cut below this."""


class Column(NamedTuple):
    """A column.

    Attributes:
        title: its heading.
        rank: which goes first where there is no room, the highest; 0 never goes.
        numbers: its texts are numbers, one digit below the other.
    """

    title: str
    rank: int = 0
    numbers: bool = False


class Row(NamedTuple):
    """A line of the table: a text for each column, and the style of them all."""

    cells: Sequence[str]
    style: str = ""


def table_lines(
    screen: Screen, columns: Sequence[Column], rows: Sequence[Row]
) -> Iterator[str]:
    """A heading and the rows.

    A column with nothing in it is left out. What does not fit the terminal loses
    columns by rank, then the end of its widest ones; a line below says which are
    missing. Output that is no terminal is as wide as it has to be.
    """
    texts = [[screen.visible(cell) for cell in row.cells] for row in rows]
    widths = [
        max((len(line[at]) for line in texts), default=0) for at in range(len(columns))
    ]
    shown = [at for at, width in enumerate(widths) if width or not rows]
    widths = [max(w, len(c.title)) for w, c in zip(widths, columns, strict=True)]
    missing = _drop(screen.width, columns, widths, shown)
    _shorten(screen.width, widths, shown)
    fitting = [(at, widths[at], columns[at].numbers) for at in shown]
    heading = _line(screen, [column.title for column in columns], fitting)
    yield screen.paint(heading, "bold")
    for row, line in zip(rows, texts, strict=True):
        yield screen.paint(_line(screen, line, fitting), row.style)
    if missing:
        yield screen.paint(f"(no room for: {', '.join(missing)})", "dim")


def _width(widths: Sequence[int], shown: Sequence[int]) -> int:
    return sum(widths[at] for at in shown) + len(_GAP) * (len(shown) - 1)


def _drop(
    width: int | None, columns: Sequence[Column], widths: list[int], shown: list[int]
) -> list[str]:
    """Take columns away until the others fit; the titles of those taken."""
    missing: list[str] = []
    while width is not None and _width(widths, shown) > width:
        at = max(shown, key=lambda at: columns[at].rank)
        if not columns[at].rank:
            break
        shown.remove(at)
        missing.append(columns[at].title)
    return missing


def _shorten(width: int | None, widths: list[int], shown: list[int]) -> None:
    """Make the widest columns narrower until all fit, or none is wide."""
    while width is not None and _width(widths, shown) > width:
        widest = max(shown, key=lambda at: widths[at])
        if widths[widest] <= _NARROWEST:
            break
        widths[widest] -= 1


def _line(
    screen: Screen, cells: Sequence[str], fitting: Sequence[tuple[int, int, bool]]
) -> str:
    dots = _DOTS if len(screen.visible(_DOTS)) == 1 else "~"
    parts = []
    for at, width, is_right in fitting:
        cell = cells[at]
        if len(cell) > width:
            cell = cell[: width - 1] + dots
        parts.append(cell.rjust(width) if is_right else cell.ljust(width))
    return _GAP.join(parts).rstrip()

"""How `pydlpar decode` shows events: lines, pages, classic text, JSON."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import Protocol

from pydlpar.cli.decode_input import Found
from pydlpar.cli.output import Screen, write_bytes
from pydlpar.constants import EventSeverity
from pydlpar.rtas import RtasEvent
from pydlpar.rtas_classic import classic_text
from pydlpar.rtas_json import to_json

__all__ = ["ClassicWriter", "JsonWriter", "LineWriter", "PageWriter", "Writer"]

_STYLES: dict[int | None, str] = {
    EventSeverity.WARNING: "yellow",
    EventSeverity.ERROR_SYNC: "red",
    EventSeverity.ERROR: "red",
    EventSeverity.FATAL: "bold red",
    EventSeverity.ALREADY_REPORTED: "dim",
}
# Without a fixed part, by the upper four bits of the user header's severity.
_CLASS_STYLES = {2: "yellow", 4: "red", 5: "bold red", 6: "yellow"}
_HANG = "    "
_FIELD = 24
_PAGE = 100
_MANY = 512
_COLUMNS = re.compile(" {2,}")


class Writer(Protocol):
    """Takes events one by one."""

    def event(self, found: Found) -> None:
        """One more."""

    def flush(self) -> None:
        """The next one may take its time: show what there is."""

    def end(self) -> None:
        """There are no more."""


def _style(event: RtasEvent) -> str:
    if event.severity is not None:
        return _STYLES.get(event.severity, "")
    for section in event.sections:
        if section.id == "UH":
            return _CLASS_STYLES.get(section.event_severity >> 4, "")
    return ""


class _Lines:
    """Lines for people, many at a time; a heading per file if there are several."""

    def __init__(self, screen: Screen, several: bool) -> None:
        self._screen = screen
        self._several = several
        self._file: str | None = None
        self._lines: list[str] = []

    def _put(self, lines: Iterator[str]) -> None:
        self._lines += lines
        if len(self._lines) >= _MANY:
            self.flush()

    def _heading(self, found: Found) -> Iterator[str]:
        if self._several and found.file != self._file:
            if self._file is not None:
                yield ""
            self._file = found.file
            yield self._screen.paint(self._screen.visible(found.file), "bold")

    def flush(self) -> None:
        """Show what there is."""
        self._screen.write(self._lines)
        self._lines = []

    def end(self) -> None:
        """Show the rest."""
        self.flush()


class LineWriter(_Lines):
    """A line an event; in a pipe with the place in front, as `grep` has it."""

    def event(self, found: Found) -> None:
        """One line, on a terminal as many as it takes."""
        self._put(self._summary(found))

    def _summary(self, found: Found) -> Iterator[str]:
        screen = self._screen
        line = screen.visible(found.event.summary())
        if screen.width is None:
            place = f"{screen.visible(found.file)}:{found.place}: "
            yield f"{place if self._several else ''}{self._painted(line, found)}"
            return
        yield from self._heading(found)
        first, *rest = textwrap.wrap(line, screen.width, subsequent_indent=_HANG)
        yield self._painted(first, found)
        yield from rest

    def _painted(self, line: str, found: Found) -> str:
        """The time dim, what it is and how bad it is in the severity's colour."""
        start = line.find("  ") + 2
        end = line.find(": ", start)
        if start < 2 or end < 0:
            return line
        paint = self._screen.paint
        time, kind = (
            paint(line[:start], "dim"),
            paint(line[start:end], _style(found.event)),
        )
        return time + kind + line[end:]


class PageWriter(_Lines):
    """A page an event: every part and field."""

    def event(self, found: Found) -> None:
        """All that is known of it."""
        self._put(self._page(found))

    def _page(self, found: Found) -> Iterator[str]:
        screen = self._screen
        place = f"{found.file}, {found.unit} {found.place}"
        if found.sequence is not None:
            place += f", event {found.sequence}"
        yield screen.paint(screen.visible(place), "dim")
        page = found.event.describe().splitlines()
        body = page.index("") - 1
        width = screen.width
        tight = width is not None and max(map(len, page[body:])) > width
        summary = screen.visible(found.event.summary())
        style = _style(found.event) or "bold"
        for part in textwrap.wrap(
            summary, screen.width or _PAGE, subsequent_indent=_HANG
        ):
            yield screen.paint(part, style)
        for line in page[body:]:
            title = "bold" if line and not line.startswith(" ") else ""
            for part in self._fitting(screen.visible(line), tight):
                yield screen.paint(part, title)
        yield ""

    def _fitting(self, line: str, tight: bool) -> list[str]:
        """A line; if it has to be, broken behind the column of values.

        *tight*: some line of the page has to be; words follow the values then.
        """
        width = self._screen.width
        if width is None or not tight:
            return [line]
        indent = len(line) - len(line.lstrip())
        hang = min(indent + _FIELD if indent else len(_HANG), width // 2)
        line = line[:hang] + _COLUMNS.sub("  ", line[hang:])
        if len(line) <= width:
            return [line]
        return textwrap.wrap(line, width, subsequent_indent=" " * hang)


class ClassicWriter(_Lines):
    """The classic text of an event."""

    def event(self, found: Found) -> None:
        """Its sections."""
        width = self._screen.width
        text = (
            classic_text(found.event)
            if width is None
            else classic_text(found.event, width)
        )
        self._put(map(self._screen.visible, text.splitlines()))


class JsonWriter:
    """One array, or an object a line; each is `to_dict()` and the place, `source`.

    The text is UTF-8, whatever the terminal has.
    """

    def __init__(self, array: bool) -> None:
        self._array = array
        self._count = 0
        self._texts: list[str] = []

    def event(self, found: Found) -> None:
        """One object."""
        source: dict[str, object] = {"file": found.file, found.unit: found.place}
        if found.sequence is not None:
            source["sequence"] = found.sequence
        text = to_json({**found.event.to_dict(), "source": source})
        if self._array:
            text = f"{',' if self._count else '['}\n{text}"
        else:
            text += "\n"
        self._texts.append(text)
        self._count += 1
        if len(self._texts) >= _MANY:
            self.flush()

    def flush(self) -> None:
        """Write what there is."""
        if self._texts:
            write_bytes("".join(self._texts).encode("utf-8", "backslashreplace"))
        self._texts = []

    def end(self) -> None:
        """Close the array."""
        if self._array:
            self._texts.append("\n]\n" if self._count else "[]\n")
        self.flush()

"""Events out of texts and logs on their way into a table.

What C finds stays in C's form: bytes, and places in them. No object is made of
an event.
"""

from __future__ import annotations

from typing import Any

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.constants import Carrier
from pydlpar.errors import EventError
from pydlpar.rtas_batch import EventTable
from pydlpar.rtas_event import RtasEvent
from pydlpar.rtas_text import Source, TextScanner, first_damage, text_pieces

__all__ = ["Gathered", "decode_text"]

_log_places = lib.dlpar_rtas_log_places
_text_places = lib.dlpar_text_places
_buffer = ffi.buffer
_new_uncleared = ffi.new_allocator(should_clear_after_alloc=False)
_NO_SOURCE = lib.DLPAR_RTAS_NO_SOURCE


class Gathered:
    """Rows of a table to be, of one or more files.

    Attributes:
        size: bytes gathered so far.
        rows: how many.
    """

    def __init__(self, strict: bool) -> None:
        self._strict = strict
        self._reset()

    def _reset(self) -> None:
        self.size = self.rows = 0
        self._data: list[bytes] = []
        self._places: list[bytes] = []
        self._sources: list[str] = []

    def _like(self, source: str | None) -> Any:
        """Where the next bytes are, and the number of their file."""
        number = _NO_SOURCE
        if source is not None:
            if source not in self._sources[-1:]:
                self._sources.append(source)
            number = len(self._sources) - 1
        like = ffi.new("struct dlpar_rtas_place *")
        like.offset, like.source = self.size, number
        return like

    def _add(self, data: bytes, places: Any, n: int) -> None:
        self._data.append(data)
        self._places.append(_buffer(places)[:])
        self.size += len(data)
        self.rows += n

    def log(
        self, data: bytes, kind: Carrier, record_length: int, source: str | None
    ) -> None:
        """The events of a log, whole.

        Args:
            data: its bytes.
            kind: what carries the events.
            record_length: of an `error_log`, in bytes.
            source: name of the file.
        """
        like = self._like(source)
        given = like, kind, record_length, data, len(data)
        n = _log_places(ffi.NULL, 0, *given)
        if n < 0:
            raise_error(n, "places of a log", decode_error=EventError)
        places = _new_uncleared("struct dlpar_rtas_place[]", n)
        _log_places(places, n, *given)
        self._add(data, places, n)

    def text(self, out: Any, source: str | None) -> None:
        """What a `TextScanner` has found, a `struct dlpar_text_output`.

        Raises:
            EventError: it is damaged, and all is to be sound.
        """
        if self._strict and (damage := first_damage(out)) is not None:
            raise EventError(str(damage), lib.DLPAR_ERR_TEXT, damage.start)
        places = _new_uncleared("struct dlpar_rtas_place[]", out.n_found)
        _text_places(places, self._like(source), out.found, out.n_found)
        self._add(_buffer(out.bytes, out.n_bytes)[:], places, out.n_found)

    def event(
        self, event: RtasEvent, source: str | None, line: int | None, place: int
    ) -> None:
        """One event that was decoded already.

        Args:
            event: the event, even a damaged one.
            source: name of the file.
            line: where it begins in a text, from 1.
            place: the same, in bytes.
        """
        at = self._like(source)
        at.length, at.place, at.line = len(event.raw), place, line or 0
        at.headless = event.version is None
        self._add(event.raw, at, 1)

    def table(self) -> EventTable:
        """The table of all that was gathered; then it is empty again.

        Raises:
            EventError: an event is damaged, and all are to be sound.
        """
        data = b"".join(self._data)
        places, sources = b"".join(self._places), self._sources
        self._reset()
        return EventTable(data, self._strict, places, sources)


def decode_text(source: Source, strict: bool = True) -> EventTable:
    """Find the RTAS events in a text, and decode them into columns.

    As `scan_text` finds them, but without an object an event.

    Args:
        source: as for `scan_text`.
        strict: False gives damaged events and damaged lines rows, too: those of
            lines have no event, `damage` is `DLPAR_ERR_TEXT` and `fault` tells.

    Returns:
        A table; `line` and `place` say where each event stands in the text.

    Raises:
        EventError: something is damaged; text in front of it, or a log's prose,
            is not.
        TypeError: *source* is none of that.

    Cost: linear, about one native call a piece of text.
    """
    gathered, scanner = Gathered(strict), TextScanner()

    def take(out: Any) -> None:
        gathered.text(out, None)

    for piece in text_pieces(source):
        scanner.feed_into(piece, take)
    scanner.finish_into(take)
    return gathered.table()

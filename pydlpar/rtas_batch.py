"""RTAS events stored back to back, as columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.constants import TextFault
from pydlpar.errors import EventError
from pydlpar.rtas_event import (
    RtasEvent,
    decode_event,
    decode_pel,
    no_event,
    raise_event_error,
)
from pydlpar.rtas_table import BytesLike, as_bytes

__all__ = ["EventColumn", "EventTable", "decode_events", "event_columns"]

_decode = lib.dlpar_rtas_batch_decode
_decode_places = lib.dlpar_rtas_batch_places
_put = lib.dlpar_rtas_batch_put
_new = ffi.new
_TOLERANT = lib.DLPAR_RTAS_TOLERANT
_ERRORS_OF_EVENTS = lib.DLPAR_ERR_TRUNCATED
_HAS_LOCATION = lib.DLPAR_RTAS_ROW_LOCATION
_HEADLESS = lib.DLPAR_RTAS_ROW_HEADLESS
_NO_EVENT = lib.DLPAR_ERR_TEXT


class EventColumn(NamedTuple):
    """One column of an `EventTable`.

    Attributes:
        name: of the attribute.
        format: of an item, as `struct` has it.
        width: bytes of a row.
        arrow_name: of the Arrow column, or "" where there is none.
        arrow_format: of the Arrow C data interface.
        words: what its numbers stand for, by number; "" without a word.
        needs: the bit of `has` without which a row has no value; 0: all do.
    """

    name: str
    format: str
    width: int
    arrow_name: str
    arrow_format: str
    words: tuple[str, ...]
    needs: int


@cache
def event_columns() -> tuple[EventColumn, ...]:
    """Every column of an `EventTable`, in the order of C's table."""
    out = _new("const struct dlpar_rtas_column **")
    n = lib.dlpar_rtas_column_table(out)
    return tuple(
        EventColumn(
            _text(row.name),
            _text(row.view),
            row.width,
            _text(row.arrow_name),
            _text(row.format),
            tuple(map(_text, ffi.unpack(row.words, row.n_words)))
            if row.n_words
            else (),
            row.needs,
        )
        for row in ffi.unpack(out[0], n)
    )


def _text(pointer: Any) -> str:
    return ffi.string(pointer).decode("ascii") if pointer else ""


@cache
def _places() -> dict[str, tuple[str, int]]:
    """Format and width of each column, by name."""
    return {column.name: (column.format, column.width) for column in event_columns()}


class EventTable:
    """Events of a batch, one row each; the columns are read-only memoryviews.

    A column holds 0 where an event lacks the section that it is from; `has`
    says which are there. Of an event's HP, EP and PS sections, the first
    counts. `table[i]` decodes that event in full. A table is an Arrow record
    batch, too: `pyarrow.record_batch(table)`, `polars.DataFrame(table)`.

    Attributes:
        offset, length: where the event's bytes stand in what was decoded; of
            lines that make no event, the length is 0.
        source: number of its file, see `sources`.
        place: where it, or in a text its first line, stands in the file, in
            bytes.
        line: number of its first line in a text, from 1.
        has: bits of `enum dlpar_rtas_has` and `enum dlpar_rtas_row_has` in C:
            which sections there are, and which columns hold a value.
        damage, damage_offset: the error code of a damaged event, and the first
            byte of the input that is not understood; 0 for sound ones. Only
            with `strict=False`.
        fault: why lines of a text make no event, a `TextFault`; or 0.
        version, type, severity, disposition, initiator, target: of the fixed
            part.
        timestamp: of the private header, milliseconds since 1970-01-01 by the
            platform's clock.
        date, time, plid, entry_id, creator: of the private header; date and
            time in BCD, the creator is a character.
        subsystem, event_severity, event_type, action_flags: of the user header.
        reference_code: of the primary SRC, 8 bytes a row: a view of two
            dimensions, unless there are no rows.
        location_offset, location_length: the location code of its first
            call-out, from the start of the event; see `location_code_at`.
        resource, action, id_type, capabilities, drc_index, count, token: of
            the hotplug section.
        epow_action, epow_modifier: of the EPOW section.
        sources: names of the files; none for `decode_events`.
    """

    __slots__ = (
        "_batch",
        "_data",
        "_memory",
        "_rows",
        "_strict",
        "action",
        "action_flags",
        "capabilities",
        "count",
        "creator",
        "damage",
        "damage_offset",
        "date",
        "disposition",
        "drc_index",
        "entry_id",
        "epow_action",
        "epow_modifier",
        "event_severity",
        "event_type",
        "fault",
        "has",
        "id_type",
        "initiator",
        "length",
        "line",
        "location_length",
        "location_offset",
        "offset",
        "place",
        "plid",
        "reference_code",
        "resource",
        "severity",
        "source",
        "sources",
        "subsystem",
        "target",
        "time",
        "timestamp",
        "token",
        "type",
        "version",
    )

    action: memoryview
    action_flags: memoryview
    capabilities: memoryview
    count: memoryview
    creator: memoryview
    damage: memoryview
    damage_offset: memoryview
    date: memoryview
    disposition: memoryview
    drc_index: memoryview
    entry_id: memoryview
    epow_action: memoryview
    epow_modifier: memoryview
    event_severity: memoryview
    event_type: memoryview
    fault: memoryview
    has: memoryview
    id_type: memoryview
    initiator: memoryview
    length: memoryview
    line: memoryview
    location_length: memoryview
    location_offset: memoryview
    offset: memoryview
    place: memoryview
    plid: memoryview
    reference_code: memoryview
    resource: memoryview
    severity: memoryview
    source: memoryview
    subsystem: memoryview
    target: memoryview
    time: memoryview
    timestamp: memoryview
    token: memoryview
    type: memoryview
    version: memoryview

    def __init__(
        self,
        data: bytes,
        strict: bool,
        places: bytes | None = None,
        sources: Sequence[str] = (),
    ) -> None:
        out = _new("struct dlpar_rtas_batch **")
        row, offset = _new("size_t *"), _new("size_t *")
        given = out, row, offset, data, len(data)
        flags = 0 if strict else _TOLERANT
        if places is None:
            rc = _decode(*given, flags)
        else:
            rows = ffi.from_buffer("struct dlpar_rtas_place[]", places)
            rc = _decode_places(*given, rows, len(rows), flags)
        if rc <= _ERRORS_OF_EVENTS:
            what = f"RTAS event {row[0]} of a batch"
            raise_event_error(rc, what, offset[0], row[0])
        if rc < 0:
            raise_error(rc, f"a batch of {len(data)} bytes")
        size = out[0].size
        self._batch = ffi.gc(out[0], _put, size)
        # The buffer keeps the batch alive, and every view keeps the buffer.
        self._memory = memoryview(ffi.buffer(self._batch, size)).toreadonly()
        self._rows = int(self._batch.rows)
        self._data = data
        self._strict = strict
        self.sources = tuple(sources)

    def __getattr__(self, name: str) -> memoryview:
        """A column, made when it is first asked for."""
        place = _places().get(name)
        if place is None:
            raise AttributeError(f"EventTable has no column {name!r}")
        form, width = place
        start = int(ffi.cast("uintptr_t", getattr(self._batch.cols, name)))
        start -= int(ffi.cast("uintptr_t", self._batch))
        view = self._memory[start : start + width * self._rows]
        if form != "B":
            view = view.cast(form)  # type: ignore[call-overload]
        elif width > 1 and self._rows:
            view = view.cast("B", [self._rows, width])
        setattr(self, name, view)
        return view

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, row: int) -> RtasEvent:
        raw = self.raw_at(row)
        if self.damage[row] == _NO_EVENT:
            return no_event(raw, self._damage_at(row))
        if self.has[row] & _HEADLESS:
            return decode_pel(raw, self._strict)
        return decode_event(raw, self._strict)

    def _damage_at(self, row: int) -> EventError:
        """What is wrong with lines that make no event."""
        fault = TextFault(self.fault[row]).name.lower()
        text = f"line {self.line[row]}: no event: {fault}"
        return EventError(text, _NO_EVENT, self.place[row], row)

    def __iter__(self) -> Iterator[RtasEvent]:
        for row in range(len(self)):
            yield self[row]

    def raw_at(self, row: int) -> bytes:
        """The bytes of a row's event; of a damaged one, all up to the next.

        None of lines that make no event.
        """
        start = self.offset[row]
        return self._data[start : start + self.length[row]]

    def location_code_at(self, row: int) -> str | None:
        """Where the first call-out of the row's primary SRC is, or None."""
        if not self.has[row] & _HAS_LOCATION:
            return None
        start = self.offset[row] + self.location_offset[row]
        code = self._data[start : start + self.location_length[row]]
        return code.decode("ascii", "surrogateescape")

    @property
    def damaged(self) -> list[int]:
        """The rows of damaged events; `table[row].damage` says what is wrong."""
        return [row for row, code in enumerate(self.damage) if code]

    def __arrow_c_schema__(self) -> object:
        """A capsule with the Arrow schema, which all tables share."""
        from pydlpar.rtas_arrow import schema_capsule

        return schema_capsule()

    def __arrow_c_array__(
        self, requested_schema: object = None
    ) -> tuple[object, object]:
        """Capsules with the Arrow schema and this table as a struct array.

        Numbers are not copied: the array shares them with this table.

        Args:
            requested_schema: not followed, as the interface allows.
        """
        from pydlpar.rtas_arrow import array_capsule, schema_capsule

        return schema_capsule(), array_capsule(*self.arrow_parts())

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """A capsule with a stream of one batch, this table."""
        from pydlpar.rtas_arrow import stream_capsule

        return stream_capsule([self.arrow_parts()])

    def arrow_parts(self) -> tuple[Any, bytes, tuple[str, ...]]:
        """What `pydlpar.rtas_arrow` makes an array of."""
        return self._batch, self._data, self.sources

    def __repr__(self) -> str:
        return f"<EventTable of {len(self)} events, {len(self._data)} bytes>"


def decode_events(data: BytesLike, strict: bool = True) -> EventTable:
    """Decode events stored back to back.

    Args:
        data: bytes-like, C-contiguous; no padding between the events.
        strict: False gives a damaged event a row, too, with `damage` and
            `damage_offset`, and what stands before the damage. The next event
            is expected where its length word says, or, if that is beyond the
            input, none is.

    Returns:
        A table of as many rows as events; it keeps its own copy of *data*
        unless that is `bytes`.

    Raises:
        EventError: an event is damaged; `.row` is its index, `.offset` the
            byte within *data*. Verdicts are those of `decode_event`.

    Source: LoPAR 7.3.3. Cost: one native call, and one object for each column
    that is asked for.
    """
    return EventTable(as_bytes(data), strict)

"""RTAS events stored back to back, as columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydlpar._ffi import ffi, lib
from pydlpar.rtas_event import RtasEvent, decode_event, raise_event_error
from pydlpar.rtas_table import BytesLike, as_bytes

__all__ = ["EventTable", "decode_events"]

_count = lib.dlpar_rtas_count
_decode_columns = lib.dlpar_rtas_decode_columns

# Column types of struct dlpar_rtas_columns as memoryview formats.
_FORMATS: dict[str, Literal["Q", "I", "B"]] = {
    "uint64_t": "Q",
    "uint32_t": "I",
    "uint8_t": "B",
}


class EventTable:
    """Events of a batch, one row each; the columns are read-only memoryviews.

    A column holds 0 where an event lacks the section that it is from; `has`
    says which are there (bits `DLPAR_RTAS_HAS_*`: 1 PH, 2 UH, 4 HP, 8 EP).
    Of an event's HP and EP sections, the first counts. `table[i]` decodes that
    event in full.

    Attributes:
        offset, length: where the event stands in the input, in bytes.
        plid, date, time: of the private header; date and time in BCD.
        type, severity, disposition, initiator: of the fixed part.
        resource, action, id_type, capabilities, drc_index, count, token: of
            the hotplug section.
        epow_action, epow_modifier: of the EPOW section.
    """

    __slots__ = (
        "_data",
        "action",
        "capabilities",
        "count",
        "date",
        "disposition",
        "drc_index",
        "epow_action",
        "epow_modifier",
        "has",
        "id_type",
        "initiator",
        "length",
        "offset",
        "plid",
        "resource",
        "severity",
        "time",
        "token",
        "type",
    )

    offset: memoryview
    length: memoryview
    plid: memoryview
    date: memoryview
    time: memoryview
    drc_index: memoryview
    count: memoryview
    token: memoryview
    type: memoryview
    severity: memoryview
    disposition: memoryview
    initiator: memoryview
    has: memoryview
    resource: memoryview
    action: memoryview
    id_type: memoryview
    capabilities: memoryview
    epow_action: memoryview
    epow_modifier: memoryview

    def __init__(self, data: bytes) -> None:
        rows = _count(data, len(data))
        columns = ffi.new("struct dlpar_rtas_columns *")
        keep = []
        for name, field in ffi.typeof("struct dlpar_rtas_columns").fields:
            item = field.type.item.cname
            memory = ffi.new(f"{item}[]", rows)
            keep.append(memory)
            setattr(columns, name, memory)
            view = memoryview(ffi.buffer(memory)).cast(_FORMATS[item])
            setattr(self, name, view.toreadonly())
        n_rows, offset = ffi.new("size_t *"), ffi.new("size_t *")
        rc = _decode_columns(columns, rows, n_rows, offset, data, len(data))
        if rc < 0:
            row = n_rows[0]
            raise_event_error(rc, f"RTAS event {row} of a batch", offset[0], row)
        self._data = data

    def __len__(self) -> int:
        return len(self.offset)

    def __getitem__(self, row: int) -> RtasEvent:
        start = self.offset[row]
        return decode_event(self._data[start : start + self.length[row]])

    def __iter__(self) -> Iterator[RtasEvent]:
        for row in range(len(self)):
            yield self[row]

    def __repr__(self) -> str:
        return f"<EventTable of {len(self)} events, {len(self._data)} bytes>"


def decode_events(data: BytesLike) -> EventTable:
    """Decode events stored back to back.

    Args:
        data: bytes-like, C-contiguous; no padding between the events.

    Returns:
        A table of as many rows as events; it keeps its own copy of *data*
        unless that is `bytes`.

    Raises:
        EventError: an event is damaged; `.row` is its index, `.offset` the
            byte within *data*. Verdicts are those of `decode_event`.

    Source: LoPAR 7.3.3. Cost: two native calls, and one object a column.
    """
    return EventTable(as_bytes(data))

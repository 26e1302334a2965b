"""Files and streams that carry RTAS events, whatever the form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.constants import Carrier
from pydlpar.errors import EventError
from pydlpar.rtas_event import RtasEvent, decode_event, decode_pel
from pydlpar.rtas_table import BytesLike, as_bytes

__all__ = ["LogRecord", "decode_log", "detect_log", "detect_records"]

_detect = lib.dlpar_rtas_detect
_next = lib.dlpar_rtas_log_next

_HEADLESS = (Carrier.PEL, Carrier.ESEL)
_NUMBERED = (Carrier.ERROR_LOG_BIG, Carrier.ERROR_LOG_LITTLE)


class LogRecord(NamedTuple):
    """One record of a carrier.

    Attributes:
        carrier: what carries it.
        sequence: its number in an `error_log`; None for others.
        offset: of its event, in bytes from the start of the log.
        event: in one that begins at PH, `type` and the like are None.
    """

    carrier: Carrier
    sequence: int | None
    offset: int
    event: RtasEvent


def detect_log(data: BytesLike) -> Carrier:
    """What carries the events in *data*, by their headers.

    Raises:
        EventError: none of them is recognised.
    """
    return detect_records(as_bytes(data))[0]


def decode_log(
    data: BytesLike,
    kind: Carrier | None = None,
    *,
    record_length: int = 0,
    strict: bool = True,
) -> Iterator[LogRecord]:
    """Decode all events of a log, one after the other.

    Args:
        data: bytes-like, C-contiguous: RTAS events back to back; a platform
            event log of OPAL or a BMC, bare or as an extended SEL record;
            records of `/proc/powerpc/rtas/error_log`.
        kind: what carries them; None has it detected.
        record_length: of an `error_log`, in bytes; 0 has it detected where
            *kind* is, else all of *data* is one record.
        strict: False gives damaged events, too, with `.damage`.

    Raises:
        EventError: not recognised; or an event is damaged: `.row` is its
            number from 0, `.offset` the byte within *data*.

    Source: LoPAR 7.3.3; Linux rtasd.c for records. Cost: two native calls an
    event.
    """
    raw = as_bytes(data)
    if kind is None:
        kind, detected = detect_records(raw)
        record_length = record_length or detected
    decode = decode_pel if kind in _HEADLESS else decode_event
    record = ffi.new("struct dlpar_rtas_carried *")
    with ffi.from_buffer("uint8_t[]", raw) as start:
        at, row = 0, 0
        while at < len(raw):
            rc = _next(record, kind, record_length, start + at, len(raw) - at)
            if rc < 0:
                what = f"record {row} of a log"
                raise_error(rc, what, offset=at, row=row, decode_error=EventError)
            offset = at + record.event_off
            try:
                event = decode(raw[offset : offset + record.event_len], strict)
            except EventError as error:
                raise _moved(error, offset, row) from None
            sequence = record.sequence if kind in _NUMBERED else None
            yield LogRecord(kind, sequence, offset, event)
            at, row = at + record.len, row + 1


def _moved(error: EventError, start: int, row: int) -> EventError:
    """*error* with its offset from the start of the log."""
    offset = start + (error.offset or 0)
    text = f"record {row}, event at byte {start}: {error}"
    return EventError(text, error.code, offset, row)


def detect_records(raw: bytes) -> tuple[Carrier, int]:
    """What carries the events of a whole log, and how long an error_log record is.

    Raises:
        EventError: as `detect_log`.
    """
    length = ffi.new("size_t *")
    rc = _detect(length, raw, len(raw))
    if rc < 0:
        raise_error(rc, "start of a log", offset=0, decode_error=EventError)
    return Carrier(rc), length[0]

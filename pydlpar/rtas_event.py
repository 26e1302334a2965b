"""One RTAS event: decode it, look at it, change a field of it."""

from __future__ import annotations

from datetime import datetime
from struct import Struct
from typing import Any, ClassVar, NoReturn

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.constants import EventDisposition, EventParty, EventSeverity, EventType
from pydlpar.errors import EventError, NotFoundError
from pydlpar.rtas_describe import describe, summary
from pydlpar.rtas_edit import EventEdit
from pydlpar.rtas_encode import (
    COMMON_KINDS,
    EPOW,
    HOTPLUG,
    HOTPLUG_KINDS,
    EpowSection,
    HotplugSection,
    make_epow,
    make_hotplug,
)
from pydlpar.rtas_json import EVENT_SCHEMA, to_json
from pydlpar.rtas_table import (
    BytesLike,
    RtasSection,
    Value,
    as_bytes,
    sections_at,
    set_field,
)

__all__ = [
    "RtasEvent",
    "decode_event",
    "decode_pel",
    "no_event",
    "raise_event_error",
]

_decode = lib.dlpar_rtas_decode
_decode_event = lib.dlpar_rtas_event_decode
_decode_pel = lib.dlpar_rtas_pel_decode
_new = ffi.new
_buffer = ffi.buffer
_NULL = ffi.NULL
_DECODED_T = ffi.typeof("struct dlpar_rtas_decoded *")
_EVENT_T = ffi.typeof("struct dlpar_rtas_event *")
_PARTS_T = ffi.typeof("struct dlpar_rtas_section *")
_MEMORY_T = ffi.typeof("uint8_t[]")
_SIZE_T = ffi.typeof("size_t *")

# struct dlpar_rtas_event: its size, and where its members are in it.
EVENT_LEN = ffi.sizeof("struct dlpar_rtas_event")


def _at(member: str) -> int:
    return int(ffi.offsetof("struct dlpar_rtas_event", member))


_LEN, _EXT_LENGTH = _at("len"), _at("ext_length")
_PLID, _HP, _EPOW, _HAS = _at("plid"), _at("hp"), _at("epow"), _at("has")
_VERSION, _SEVERITY, _TYPE = _at("version"), _at("severity"), _at("type")
_DISPOSITION, _EXTENDED = _at("disposition"), _at("extended")
_INITIATOR, _TARGET = _at("initiator"), _at("target")

# struct dlpar_rtas_section, as C lays it out; PLID, date and time of an event.
SECTION = Struct("=3I")
_stamp_at = Struct("=3I").unpack_from
_number_at = Struct("=I").unpack_from
_epow_at = EPOW.unpack_from
_hotplug_at = HOTPLUG.unpack_from
_kinds_at = HOTPLUG_KINDS.unpack_from
_common_kinds = COMMON_KINDS.get
_new_object = object.__new__

# Parts there is room for at first, where others than the usual are decoded.
_USUAL = lib.DLPAR_RTAS_PARTS_USUAL
_NOSPACE = lib.DLPAR_ERR_NOSPACE

# Memory that C writes a result to, and the same as a buffer. A thread takes it
# off the list, or makes it, and puts it back.
_pool: list[tuple[Any, Any]] = []


def _new_room() -> tuple[Any, Any]:
    decoded = _new(_DECODED_T)
    return decoded, _buffer(decoded)


_HAS_PH = lib.DLPAR_RTAS_HAS_PH
_HAS_HP = lib.DLPAR_RTAS_HAS_HP
_HAS_EP = lib.DLPAR_RTAS_HAS_EP

_TYPES: dict[int, int] = {int(member): member for member in EventType}
_SEVERITIES: dict[int, int] = {int(member): member for member in EventSeverity}
_DISPOSITIONS: dict[int, int] = {int(m): m for m in EventDisposition}
_PARTIES: dict[int, int] = {int(member): member for member in EventParty}

_EXPECTED: dict[int, str] = {
    lib.DLPAR_ERR_TRUNCATED: "expected as many bytes as its header announces",
    lib.DLPAR_ERR_BADVERSION: "expected version 1 or above",
    lib.DLPAR_ERR_FORMAT: "expected format 14 and company IBM, or before version 6 "
    "format 1 to 5 or 12 to 15",
    lib.DLPAR_ERR_BADLENGTH: "expected sections that fill the event and do not "
    "leave it",
    lib.DLPAR_ERR_SECTION: "expected the section to be as long as its kind needs",
    lib.DLPAR_ERR_SECTORDER: "expected PH first and UH second, or neither",
    lib.DLPAR_ERR_BADVALUE: "expected a NUL after the DRC name",
    lib.DLPAR_ERR_RECORD: "expected a length that it fills and that its holder has",
}


def raise_event_error(
    code: int, what: str, offset: int, row: int | None = None
) -> NoReturn:
    """Raise the error for *code*, with what was expected instead."""
    if code in _EXPECTED:
        what = f"{what}, {_EXPECTED[code]}"
    raise_error(code, what, offset=offset, row=row, decode_error=EventError)


def _error(code: int, decode: Any, data: bytes) -> EventError:
    """What is wrong with *data*, found by decoding it once more."""
    ev, offset = _new(_EVENT_T), _new(_SIZE_T)
    decode(ev, ffi.NULL, 0, offset, data, len(data))
    try:
        raise_event_error(code, f"RTAS event ({len(data)} bytes given)", offset[0])
    except EventError as error:
        return error.with_traceback(None)


class RtasEvent:
    """One RTAS event, immutable.

    `type`, `severity`, `disposition`, `initiator` and `target` are members of
    `EventType`, `EventSeverity`, `EventDisposition` and `EventParty`; numbers
    that these do not know stay plain integers. An event that begins at its PH
    section has none of these, nor a version: they are None.

    Attributes:
        damage: the error that ended the decoding, or None; only with
            `strict=False`.
    """

    __slots__ = ("_data", "_result", "_sections")

    # Set by what makes it: a call of __init__ would cost as much as decoding.
    _data: bytes
    _result: bytes
    _sections: tuple[RtasSection, ...] | None

    _headers: ClassVar[bool] = True
    damage: EventError | None = None

    @property
    def raw(self) -> bytes:
        """The event's bytes; `len(event.raw)` is what it took of the input."""
        (length,) = _number_at(self._result, _LEN)
        if length != len(self._data):
            self._data = self._data[:length]
        return self._data

    @property
    def version(self) -> int | None:
        """Version of the log; 6 and above have sections with two letters."""
        return self._result[_VERSION] if self._headers else None

    @property
    def severity(self) -> int | None:
        """How bad it is."""
        return self._member(_SEVERITY, _SEVERITIES)

    @property
    def disposition(self) -> int | None:
        """How far the platform recovered."""
        return self._member(_DISPOSITION, _DISPOSITIONS)

    @property
    def extended(self) -> bool:
        """Whether a header says that an extended part follows."""
        return bool(self._result[_EXTENDED])

    @property
    def initiator(self) -> int | None:
        """Who raised the event."""
        return self._member(_INITIATOR, _PARTIES)

    @property
    def target(self) -> int | None:
        """The device at the other end."""
        return self._member(_TARGET, _PARTIES)

    @property
    def type(self) -> int | None:
        """What the event is about."""
        return self._member(_TYPE, _TYPES)

    def _member(self, at: int, members: dict[int, int]) -> int | None:
        if not self._headers:
            return None
        number = self._result[at]
        return members.get(number, number)

    @property
    def scope(self) -> int | None:
        """The change scope of a PRRN event; None for others."""
        if self.type != EventType.PRRN:
            return None
        return int(_number_at(self._result, _EXT_LENGTH)[0])

    @property
    def plid(self) -> int | None:
        """Platform log id, read as big-endian; None without a PH section."""
        if not self._result[_HAS] & _HAS_PH:
            return None
        return int(_number_at(self._result, _PLID)[0])

    @property
    def timestamp(self) -> datetime | None:
        """When it was created, by the platform's clock, without a time zone.

        From the PH section, before version 6 from the extended header; None
        without them, or where the date is not one.
        """
        if not self._result[_HAS] & _HAS_PH:
            return self._old_timestamp()
        _, date, time = _stamp_at(self._result, _PLID)
        return _timestamp(date, time)

    def _old_timestamp(self) -> datetime | None:
        for section in self.sections:
            if section.id == "exthdr":
                return _timestamp(int(section.date, 16), int(section.time, 16))
        return None

    @property
    def hotplug(self) -> HotplugSection | None:
        """The first HP section."""
        result = self._result
        # Where there is no section, its place is zero, which is of no kind.
        index, count, kinds = _kinds_at(result, _HP)
        common = _common_kinds(kinds)
        if common is None:
            if not result[_HAS] & _HAS_HP:
                return None
            return make_hotplug(_hotplug_at(result, _HP), self._data)
        # As HotplugSection(...), without the cost of its call.
        section = _new_object(HotplugSection)
        section.resource, section.action, section.id_type, indexed, counted = common
        section.drc_index = index if indexed else None
        section.count = count if counted else None
        section.drc_name = section.token = None
        section.transactional = True
        return section

    @property
    def epow(self) -> EpowSection | None:
        """The first EP section."""
        if not self._result[_HAS] & _HAS_EP:
            return None
        version, *fields = _epow_at(self._result, _EPOW)
        return make_epow(version, tuple(fields))

    @property
    def sections(self) -> tuple[RtasSection, ...]:
        """Every part in wire order, the two headers included."""
        if self._sections is None:
            rows = SECTION.iter_unpack(self._result[EVENT_LEN:])
            self._sections = sections_at(rows, self.raw)
        return self._sections

    def section(self, section_id: str) -> RtasSection:
        """The first section of this id. Raises: NotFoundError."""
        for section in self.sections:
            if section.id == section_id:
                return section
        raise NotFoundError(f"event of {len(self.raw)} bytes: no section {section_id}")

    def replace(self, section_id: str, **fields: Value) -> RtasEvent:
        """A copy with some fields of the first section of that id changed.

        The copy is decoded anew, strictly.

        Raises:
            NotFoundError: no such section, or it has no such field.
            ArgumentError: a value does not fit its field.
            EventError: the changed event is no event any more.
        """
        changed = bytearray(self.raw)
        section = self.section(section_id)
        for name, value in fields.items():
            set_field(changed, section, name, value)
        return decode_event(changed) if self._headers else decode_pel(changed)

    def edit(self) -> EventEdit:
        """The event's parts, to change, add and remove; see `EventEdit`."""
        decode = decode_pel if self.version is None else decode_event
        return EventEdit(self.sections, decode)

    def summary(self) -> str:
        """One line: when, what kind, how severe, what happened and where."""
        return summary(self)

    def describe(self) -> str:
        """A page for people, at most 100 columns: every part and field."""
        return describe(self)

    def to_bytes(self) -> bytes:
        """The event's bytes, exactly as they were decoded."""
        return self.raw

    def to_dict(self) -> dict[str, Any]:
        """Everything, in types that JSON has; bytes as hexadecimal digits.

        `event_schema()` is its JSON schema, `docs/events.md` explains it.
        """
        plain: dict[str, Any] = {
            "schema": EVENT_SCHEMA,
            "length": len(self.raw),
            "raw": self.raw.hex(),
            "sections": [section.to_dict() for section in self.sections],
        }
        if self.damage is not None:
            plain["damage"] = {
                "code": self.damage.code,
                "offset": self.damage.offset,
                "message": str(self.damage),
            }
        return plain

    def to_json(self) -> str:
        """`to_dict()` as JSON, in one line; see `pydlpar.rtas_json`."""
        return to_json(self.to_dict())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RtasEvent):
            return NotImplemented
        return self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        ids = " ".join(section.id for section in self.sections)
        kind = "without headers" if self.type is None else f"type {self.type:#04x}"
        return f"<RtasEvent {kind}, {len(self.raw)} bytes: {ids}>"


class _Headless(RtasEvent):
    """An event that begins at its PH section."""

    __slots__ = ("damage",)
    _headers = False


class _Damaged(RtasEvent):
    """An event that may be damaged, or have more parts than usual."""

    __slots__ = ("damage",)


def _timestamp(date: int, time: int) -> datetime | None:
    digits = f"{date:08x}{time:08x}"
    if not digits.isdecimal():
        return None
    year, rest = int(digits[:4]), digits[4:]
    month, day, hour, minute, second, hundredths = (
        int(rest[i : i + 2]) for i in range(0, 12, 2)
    )
    try:
        return datetime(year, month, day, hour, minute, second, hundredths * 10000)
    except ValueError:
        return None


def decode_event(data: BytesLike, strict: bool = True) -> RtasEvent:
    """Decode the event that *data* starts with.

    Args:
        data: bytes-like, C-contiguous; what follows the event is ignored.
        strict: False returns what stands before the damage, and the error as
            `.damage`, instead of raising it.

    Raises:
        EventError: damaged; `.offset` is the first byte not understood.

    Source: LoPAR 7.3.3 (RTAS event return format). Cost: one native call.
    """
    raw = data if type(data) is bytes else as_bytes(data)
    try:
        room = _pool.pop()
    except IndexError:
        room = _new_room()
    decoded, memory = room
    length = _decode(decoded, raw, len(raw))
    if length < 0:
        return _unusual(_Damaged(), _decode_event, raw, strict)
    event = RtasEvent()
    event._data = raw
    event._result = memory[:length]
    event._sections = None
    _pool.append(room)
    return event


def decode_pel(data: BytesLike, strict: bool = True) -> RtasEvent:
    """Decode a platform event log without RTAS headers: one that begins at PH.

    It has as many sections as PH says, and no parts `hdr` and `exthdr`.

    Args:
        data: bytes-like, C-contiguous; what follows the event is ignored.
        strict: as for `decode_event`.

    Raises:
        EventError: damaged; `.offset` is the first byte not understood.

    Source: LoPAR 7.3.3; the logs of OPAL and BMC. Cost: one native call.
    """
    return _unusual(_Headless(), _decode_pel, as_bytes(data), strict)


def no_event(raw: bytes, damage: EventError) -> RtasEvent:
    """What stands for one where there is none, but a reason why."""
    event = _Damaged()
    _unusual(event, _decode_event, raw, strict=False)
    event.damage = damage
    return event


def _unusual(
    event: _Headless | _Damaged, decode: Any, raw: bytes, strict: bool
) -> RtasEvent:
    """Make *event* one that is damaged, or without headers, or of many parts."""
    n, rc = _USUAL, _NOSPACE
    while rc == _NOSPACE:
        memory = _new(_MEMORY_T, EVENT_LEN + n * SECTION.size)
        ev, parts = ffi.cast(_EVENT_T, memory), ffi.cast(_PARTS_T, memory + EVENT_LEN)
        rc = decode(ev, parts, n, _NULL, raw, len(raw))
        n = ev.n_sections
    event.damage = _error(rc, decode, raw) if rc < 0 else None
    if strict and event.damage:
        raise event.damage
    event._data = raw
    event._result = bytes(_buffer(memory, EVENT_LEN + n * SECTION.size))
    event._sections = None
    return event

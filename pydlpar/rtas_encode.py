"""Hotplug and EPOW events and sections: build them, and read one section."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from struct import Struct
from struct import error as StructError
from typing import Any, Protocol

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.constants import Action, EpowAction, EpowModifier, IdType, Resource
from pydlpar.errors import ArgumentError, EventError
from pydlpar.rtas_table import BytesLike, as_bytes

__all__ = [
    "EpowSection",
    "HotplugLike",
    "HotplugSection",
    "decode_hotplug_section",
    "epow_event",
    "hotplug_event",
    "hotplug_section",
    "pack_hotplug",
    "stamp_of",
]

_decode = lib.dlpar_rtas_hotplug_decode
_encode = lib.dlpar_rtas_hotplug_encode
_build = lib.dlpar_rtas_hotplug_build
_new = ffi.new
_from_buffer = ffi.from_buffer
_buffer = ffi.buffer
_SIZE = ffi.typeof("size_t *")
_STAMP_T = ffi.typeof("struct dlpar_rtas_stamp *")
_HOTPLUG_T = ffi.typeof("struct dlpar_rtas_hotplug *")
_BYTES_T = ffi.typeof("uint8_t[]")
_BUILT_T = ffi.typeof("struct dlpar_rtas_built *")

# struct dlpar_rtas_hotplug, _epow and _stamp, as C lays them out; what stands
# before the event in _built; and of _hotplug index, count, and as one number
# resource, action, identifier kind and capabilities.
HOTPLUG = Struct("=5I4B")
EPOW = Struct("=5B8s")
STAMP = Struct("=4I")
BUILT = Struct("=5I4B4I")
HOTPLUG_KINDS = Struct("=2I12xI")

_fill = BUILT.pack_into

_TOKEN = lib.DLPAR_HP_TOKEN
_NON_TRANSACTIONAL = lib.DLPAR_HP_NON_TRANSACTIONAL
_EVENT_MAX = lib.DLPAR_RTAS_EVENT_MAX

_RESOURCES: dict[int, int] = {int(member): member for member in Resource}
_ACTIONS: dict[int, int] = {int(member): member for member in Action}
_ID_TYPES: dict[int, int] = {int(member): member for member in IdType}
_EPOW_ACTIONS: dict[int, int] = {int(member): member for member in EpowAction}
_EPOW_MODIFIERS: dict[int, int] = {int(member): member for member in EpowModifier}

# Which of index, count and name stand in the section, by identifier kind.
_HOLDS: dict[int, tuple[bool, bool, bool]] = {
    IdType.DRC_NAME: (False, False, True),
    IdType.DRC_INDEX: (True, False, False),
    IdType.DRC_COUNT: (False, True, False),
    IdType.INDEXED_COUNT: (True, True, False),
}
_HOLDS_NOTHING = (False, False, False)


def _word(resource: int, action: int, kind: int, capabilities: int = 0) -> int:
    return int.from_bytes((resource, action, kind, capabilities), sys.byteorder)


# What the common kinds are, by the number that their four bytes make: resource,
# action, identifier kind, and whether index and count stand in the section.
COMMON_KINDS: dict[int, tuple[int, int, int, bool, bool]] = {
    _word(resource, action, kind): (resource, action, kind, *holds[:2])
    for (kind, holds), resource, action in product(_HOLDS.items(), Resource, Action)
    if kind != IdType.DRC_NAME
}

# Memory to build an event in: what C reads and writes, the same as a buffer. A
# thread takes it off the list, or makes it, and puts it back.
_pool: list[tuple[Any, Any]] = []
EVENT_AT = ffi.offsetof("struct dlpar_rtas_built", "event")


def _new_room() -> tuple[Any, Any]:
    built = _new(_BUILT_T)
    return built, _buffer(built)


class HotplugLike(Protocol):
    """What can be encoded: a `HotplugRequest`, a `HotplugSection`, your own.

    Which of index, count and name is needed depends on the identifier kind;
    the others are not looked at. `token` (an int) and `transactional` (true
    where missing) are honoured if there.
    """

    @property
    def resource(self) -> int: ...
    @property
    def action(self) -> int: ...
    @property
    def id_type(self) -> int: ...
    @property
    def drc_index(self) -> int | None: ...
    @property
    def count(self) -> int | None: ...
    @property
    def drc_name(self) -> str | None: ...


@dataclass(slots=True)
class HotplugSection:
    """A hotplug section. What its identifier kind does not have is None.

    Attributes:
        resource, action, id_type: members of `Resource`, `Action`, `IdType`;
            numbers that these do not know stay plain integers.
        drc_index: of the one, or the first, connector.
        count: how many.
        drc_name: name of the connector.
        token: to be given back to firmware with the result, or None.
        transactional: all of it, or nothing.
    """

    resource: int
    action: int
    id_type: int
    drc_index: int | None = None
    count: int | None = None
    drc_name: str | None = None
    token: int | None = None
    transactional: bool = True


@dataclass(slots=True)
class EpowSection:
    """An environmental and power warning.

    Attributes:
        action, modifier: members of `EpowAction` and `EpowModifier`; numbers
            that these do not know stay plain integers.
        extended_modifier: 0 the whole system, 1 this partition; None in
            sections of version 1, which do not define it.
        sensor_value: high nibble of the action's byte.
        reason_code: 8 bytes, the platform's own.
    """

    action: int
    modifier: int
    extended_modifier: int | None
    sensor_value: int
    reason_code: bytes


def make_hotplug(fields: tuple[int, ...], data: bytes) -> HotplugSection:
    """A section from what `HOTPLUG` reads; a name is taken from *data*."""
    index, count, token, name_off, name_len, resource, action, kind, caps = fields
    indexed, counted, named = _HOLDS.get(kind, _HOLDS_NOTHING)
    name = data[name_off : name_off + name_len]
    return HotplugSection(
        _RESOURCES.get(resource, resource),
        _ACTIONS.get(action, action),
        _ID_TYPES.get(kind, kind),
        index if indexed else None,
        count if counted else None,
        name.decode("ascii", "surrogateescape") if named else None,
        token if caps & _TOKEN else None,
        not caps & _NON_TRANSACTIONAL,
    )


def make_epow(version: int, fields: tuple[int, int, int, int, bytes]) -> EpowSection:
    """A section from what the C struct holds after its *version*."""
    sensor, action, modifier, extended, reason = fields
    return EpowSection(
        _EPOW_ACTIONS.get(action, action),
        _EPOW_MODIFIERS.get(modifier, modifier),
        extended if version >= 2 else None,
        sensor,
        reason,
    )


def decode_hotplug_section(data: BytesLike) -> HotplugSection:
    """Decode one HP section, its 8-byte header included.

    Args:
        data: bytes-like; what follows the section is ignored.

    Raises:
        EventError: not an HP section, or damaged; `.offset` in *data*.

    Source: LoPAR hotplug event section. Cost: one native call.
    """
    raw = as_bytes(data)
    out = _new(_HOTPLUG_T)
    rc = _decode(out, ffi.NULL, raw, len(raw))
    if rc < 0:
        offset = _new(_SIZE)
        _decode(out, offset, raw, len(raw))
        raise_error(rc, "hotplug section", offset=offset[0], decode_error=EventError)
    return make_hotplug(HOTPLUG.unpack(_buffer(out)), raw)


def _name_of(request: HotplugLike) -> bytes:
    name = request.drc_name
    if name is None:
        raise ArgumentError("identifier kind DRC_NAME, expected a drc_name")
    try:
        return name.encode("ascii", "surrogateescape")
    except UnicodeEncodeError:
        raise ArgumentError(f"DRC name {name!r}, expected ASCII") from None


def _identifier(request: HotplugLike) -> tuple[Any, Any, int, int, bytes]:
    """Index, count, token, capabilities and name, by what its kind needs."""
    kind = request.id_type
    indexed, counted, named = _HOLDS.get(kind, _HOLDS_NOTHING)
    index = request.drc_index if indexed else 0
    count = request.count if counted else 0
    if index is None:
        raise ArgumentError(f"identifier kind {kind!r}, expected a drc_index")
    if count is None:
        raise ArgumentError(f"identifier kind {kind!r}, expected a count")
    caps = 0
    token: int | None = getattr(request, "token", None)
    if token is not None:
        caps = _TOKEN
    if not getattr(request, "transactional", True):
        caps |= _NON_TRANSACTIONAL
    return index, count, token or 0, caps, _name_of(request) if named else b""


def pack_hotplug(request: HotplugLike) -> tuple[bytes, bytes]:
    """The C struct of *request*, and the name that it is of. Raises: ArgumentError."""
    index, count, token, caps, name = _identifier(request)
    fields = (index, count, token, 0, len(name))
    kinds = (request.resource, request.action, request.id_type, caps)
    try:
        return HOTPLUG.pack(*fields, *kinds), name
    except StructError:
        raise ArgumentError(
            f"{request!r}: index, count and token are 32 bits, the others 8"
        ) from None


def hotplug_section(request: HotplugLike) -> bytes:
    """Encode the HP section of *request*: 20 bytes, but for names and tokens.

    Raises:
        ArgumentError: a number out of range, an identifier kind other than 1
            to 4, an identifier that the kind needs missing, or a name that is
            empty or too long or has a NUL.
    """
    packed, name = pack_hotplug(request)
    out = _new(_BYTES_T, _EVENT_MAX)
    hotplug = _from_buffer(_HOTPLUG_T, packed)
    rc = _encode(out, _EVENT_MAX, hotplug, name, len(name))
    if rc < 0:
        raise_error(rc, f"hotplug section of {request!r}")
    return bytes(_buffer(out, rc))


def _date_and_time(time: datetime) -> tuple[int, int]:
    date = time.year * 10000 + time.month * 100 + time.day
    clock = time.hour * 10000 + time.minute * 100 + time.second
    return date, clock * 100 + time.microsecond // 10000


def _is_little(byteorder: str) -> bool:
    if byteorder not in ("big", "little"):
        raise ArgumentError(f"PLID byte order {byteorder!r}, expected big or little")
    return byteorder == "little"


def stamp_of(plid: int, time: datetime | None, byteorder: str) -> Any:
    """A C stamp, as arguments of `hotplug_event`. Raises: ArgumentError."""
    little = _is_little(byteorder)
    date, clock = _date_and_time(time) if time else (0, 0)
    try:
        packed = STAMP.pack(plid, date, clock, little)
    except StructError:
        raise ArgumentError(f"PLID {plid!r}, expected 32 bits") from None
    return _from_buffer(_STAMP_T, packed)


def hotplug_event(
    request: HotplugLike,
    plid: int = 0,
    time: datetime | None = None,
    plid_byteorder: str = "big",
) -> bytes:
    """Build a complete hotplug event: the bytes that QEMU's firmware raises.

    Args:
        request: what to encode, see `HotplugLike`.
        plid: platform log id, 32 bits.
        time: goes into the private header, to hundredths of a second; None
            leaves it zero.
        plid_byteorder: `"little"` stores the PLID as QEMU does on
            little-endian hosts.

    Returns:
        116 bytes; more with a long name or a token.

    Raises:
        ArgumentError: see `hotplug_section`; also a bad PLID.

    Source: QEMU spapr_events.c. Cost: one native call.
    """
    index, count, token, caps, name = _identifier(request)
    little = plid_byteorder != "big" and _is_little(plid_byteorder)
    date, clock = _date_and_time(time) if time else (0, 0)
    try:
        room = _pool.pop()
    except IndexError:
        room = _new_room()
    built, memory = room
    try:
        _fill(
            memory,
            0,
            index,
            count,
            token,
            0,
            len(name),
            request.resource,
            request.action,
            request.id_type,
            caps,
            plid,
            date,
            clock,
            little,
        )
    except StructError:
        stamp_of(plid, time, plid_byteorder)
        pack_hotplug(request)
        raise
    n = _build(built, name, len(name))
    if n < 0:
        raise_error(n, f"hotplug event of {request!r}")
    event: bytes = memory[EVENT_AT : EVENT_AT + n]
    _pool.append(room)
    return event


def epow_event(
    action: int,
    modifier: int = EpowModifier.NOT_APPLICABLE,
    *,
    extended_modifier: int = 1,
    sensor_value: int = 0,
    reason_code: bytes = bytes(8),
    plid: int = 0,
    time: datetime | None = None,
    plid_byteorder: str = "big",
) -> bytes:
    """Build a complete EPOW event of 116 bytes, as QEMU's firmware raises.

    Args:
        action: `EpowAction`, or any number of 4 bits.
        modifier: `EpowModifier`, or any number of 4 bits.
        extended_modifier: 0 the whole system, 1 this partition.
        sensor_value: 4 bits.
        reason_code: 8 bytes.
        plid, time, plid_byteorder: as for `hotplug_event`.

    Raises:
        ArgumentError: a number out of range, or a reason code of other length.
    """
    if len(reason_code) != 8:
        raise ArgumentError(f"reason code of {len(reason_code)} bytes, expected 8")
    fields = (2, sensor_value, action, modifier, extended_modifier)
    try:
        packed = EPOW.pack(*fields, reason_code)
    except StructError:
        raise ArgumentError(f"EPOW {fields[1:]}, expected 4, 4, 4 and 8 bits") from None
    epow = _from_buffer("struct dlpar_rtas_epow *", packed)
    stamp = stamp_of(plid, time, plid_byteorder)
    out = _new(_BYTES_T, _EVENT_MAX)
    rc = lib.dlpar_rtas_epow_event(out, _EVENT_MAX, epow, stamp)
    if rc < 0:
        raise_error(rc, f"EPOW event of {fields[1:]}")
    return bytes(_buffer(out, rc))

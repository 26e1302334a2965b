"""Hotplug and EPOW events and sections: build them, and read one section."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from struct import Struct
from struct import error as StructError
from typing import Protocol

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
    "hotplug_events",
    "hotplug_section",
]

_decode = lib.dlpar_rtas_hotplug_decode
_encode = lib.dlpar_rtas_hotplug_encode
_encode_event = lib.dlpar_rtas_hotplug_event
_encode_events = lib.dlpar_rtas_hotplug_events
_new = ffi.new
_from_buffer = ffi.from_buffer
_buffer = ffi.buffer
_SIZE = ffi.typeof("size_t *")
_STAMP_T = ffi.typeof("struct dlpar_rtas_stamp *")
_HOTPLUG_T = ffi.typeof("struct dlpar_rtas_hotplug *")
_BYTES_T = ffi.typeof("uint8_t[]")

# struct dlpar_rtas_hotplug, _epow and _stamp, as C lays them out.
HOTPLUG = Struct("=5I4B")
EPOW = Struct("=5B8s")
STAMP = Struct("=4I")

_TOKEN = lib.DLPAR_HP_TOKEN
_NON_TRANSACTIONAL = lib.DLPAR_HP_NON_TRANSACTIONAL
_EVENT_MAX = lib.DLPAR_RTAS_EVENT_MAX

_RESOURCES: dict[int, int] = {int(member): member for member in Resource}
_ACTIONS: dict[int, int] = {int(member): member for member in Action}
_ID_TYPES: dict[int, int] = {int(member): member for member in IdType}
_EPOW_ACTIONS: dict[int, int] = {int(member): member for member in EpowAction}
_EPOW_MODIFIERS: dict[int, int] = {int(member): member for member in EpowModifier}

_NAME = IdType.DRC_NAME
_HAVE_INDEX = (IdType.DRC_INDEX, IdType.INDEXED_COUNT)
_HAVE_COUNT = (IdType.DRC_COUNT, IdType.INDEXED_COUNT)


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
    """A section from the C struct's *fields*; a name is taken from *data*."""
    index, count, token, name_off, name_len, resource, action, kind, caps = fields
    name = None
    if kind == _NAME:
        name = data[name_off : name_off + name_len].decode("ascii", "surrogateescape")
    return HotplugSection(
        _RESOURCES.get(resource, resource),
        _ACTIONS.get(action, action),
        _ID_TYPES.get(kind, kind),
        index if kind in _HAVE_INDEX else None,
        count if kind in _HAVE_COUNT else None,
        name,
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


def _pack(request: HotplugLike, names: bytearray) -> bytes:
    """The C struct of *request*; its name, if any, is appended to *names*."""
    kind = request.id_type
    index = count = name_off = name_len = caps = 0
    if kind in _HAVE_INDEX:
        if request.drc_index is None:
            raise ArgumentError(f"identifier kind {kind!r}, expected a drc_index")
        index = request.drc_index
    if kind in _HAVE_COUNT:
        if request.count is None:
            raise ArgumentError(f"identifier kind {kind!r}, expected a count")
        count = request.count
    if kind == _NAME:
        name_off = len(names)
        names += _name_of(request)
        name_len = len(names) - name_off
    token: int | None = getattr(request, "token", None)
    if token is not None:
        caps |= _TOKEN
    if not getattr(request, "transactional", True):
        caps |= _NON_TRANSACTIONAL
    fields = (index, count, token or 0, name_off, name_len)
    try:
        return HOTPLUG.pack(*fields, request.resource, request.action, kind, caps)
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
    names = bytearray()
    hotplug = _from_buffer(_HOTPLUG_T, _pack(request, names))
    cap = _EVENT_MAX
    out = _new(_BYTES_T, cap)
    rc = _encode(out, cap, hotplug, bytes(names), len(names))
    if rc < 0:
        raise_error(rc, f"hotplug section of {request!r}")
    return bytes(_buffer(out, rc))


def _stamp(plid: int, time: datetime | None, byteorder: str) -> object:
    if byteorder not in ("big", "little"):
        raise ArgumentError(f"PLID byte order {byteorder!r}, expected big or little")
    date = clock = 0
    if time is not None:
        date = time.year * 10000 + time.month * 100 + time.day
        clock = time.hour * 10000 + time.minute * 100 + time.second
        clock = clock * 100 + time.microsecond // 10000
    try:
        packed = STAMP.pack(plid, date, clock, byteorder == "little")
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
    names = bytearray()
    hotplug = _from_buffer(_HOTPLUG_T, _pack(request, names))
    stamp = _stamp(plid, time, plid_byteorder)
    cap = _EVENT_MAX
    out = _new(_BYTES_T, cap)
    rc = _encode_event(out, cap, hotplug, bytes(names), len(names), stamp)
    if rc < 0:
        raise_error(rc, f"hotplug event of {request!r}")
    return bytes(_buffer(out, rc))


def hotplug_events(
    requests: Iterable[HotplugLike],
    plid: int = 0,
    time: datetime | None = None,
    plid_byteorder: str = "big",
) -> bytes:
    """Build hotplug events back to back, as `hotplug_event` for each.

    The PLID grows by one with each event, modulo 2^32. Cost: one native call
    to encode, one to learn the size.
    """
    names = bytearray()
    packed = [_pack(request, names) for request in requests]
    hotplugs = _from_buffer("struct dlpar_rtas_hotplug[]", b"".join(packed))
    what = (hotplugs, len(packed), bytes(names), len(names))
    stamp = _stamp(plid, time, plid_byteorder)
    size, row = _new(_SIZE), _new(_SIZE)
    rc = _encode_events(ffi.NULL, 0, size, row, *what, stamp)
    if rc < 0 and rc != lib.DLPAR_ERR_NOSPACE:
        raise_error(rc, f"hotplug event of request {row[0]}")
    out = _new(_BYTES_T, size[0])
    rc = _encode_events(out, size[0], size, row, *what, stamp)
    if rc < 0:
        raise_error(rc, "hotplug events")
    return bytes(_buffer(out))


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
    stamp = _stamp(plid, time, plid_byteorder)
    out = _new(_BYTES_T, _EVENT_MAX)
    rc = lib.dlpar_rtas_epow_event(out, _EVENT_MAX, epow, stamp)
    if rc < 0:
        raise_error(rc, f"EPOW event of {fields[1:]}")
    return bytes(_buffer(out, rc))

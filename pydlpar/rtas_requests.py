"""Hotplug events by the million: of requests, and of columns."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from io import BytesIO
from itertools import accumulate
from operator import attrgetter
from typing import Any

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.constants import IdType
from pydlpar.errors import ArgumentError
from pydlpar.rtas_encode import HotplugLike, pack_hotplug, stamp_of

__all__ = ["Column", "hotplug_columns", "hotplug_events"]

Column = int | Sequence[int] | bytes | bytearray | memoryview
"""Numbers, one for each event, or one for all. What has the buffer protocol is
taken as it is where its items are those of C, `"B"` or `"I"`."""

_encode = lib.dlpar_rtas_hotplug_columns
_new = ffi.new
_from_buffer = ffi.from_buffer
_BYTES_T = ffi.typeof("uint8_t[]")
_WORDS_T = ffi.typeof("uint32_t[]")
_SIZE_T = ffi.typeof("size_t *")
_REQUESTS_T = ffi.typeof("struct dlpar_rtas_requests *")

_NOSPACE = lib.DLPAR_ERR_NOSPACE
_EVENT_LEN = lib.DLPAR_RTAS_HOTPLUG_LEN
_TOKEN = lib.DLPAR_HP_TOKEN
_NON_TRANSACTIONAL = lib.DLPAR_HP_NON_TRANSACTIONAL

_HAVE_INDEX = frozenset({IdType.DRC_INDEX, IdType.INDEXED_COUNT})
_HAVE_COUNT = frozenset({IdType.DRC_COUNT, IdType.INDEXED_COUNT})
_HAVE_NAME = frozenset({IdType.DRC_NAME})

_get_resource = attrgetter("resource")
_get_action = attrgetter("action")
_get_kind = attrgetter("id_type")
_get_index = attrgetter("drc_index")
_get_count = attrgetter("count")
_get_name = attrgetter("drc_name")


def hotplug_events(
    requests: Iterable[HotplugLike],
    plid: int = 0,
    time: datetime | None = None,
    plid_byteorder: str = "big",
) -> bytes:
    """Build hotplug events back to back, as `hotplug_event` for each.

    The PLID grows by one with each event, modulo 2^32. `hotplug_columns` does
    without an object for each. Cost: one native call.

    Raises:
        ArgumentError: as `hotplug_event`; it names the request.
    """
    each = requests if isinstance(requests, list) else list(requests)
    stamp = stamp_of(plid, time, plid_byteorder)
    try:
        columns, names = _columns_of(each)
    except (TypeError, ValueError, OverflowError, AttributeError):
        _check_each(each)
        raise
    return _encoded(columns, len(each), names, stamp)


def _columns_of(each: list[HotplugLike]) -> tuple[dict[str, Any], bytes]:
    """What C takes, and the names. Raises what a number that is none does."""
    kinds = list(map(_get_kind, each))
    columns = {
        "resource": bytes(map(_get_resource, each)),
        "action": bytes(map(_get_action, each)),
        "id_type": bytes(kinds),
    }
    words = {
        "drc_index": _wanted(each, kinds, _HAVE_INDEX, _get_index),
        "count": _wanted(each, kinds, _HAVE_COUNT, _get_count),
    }
    texts = _wanted(each, kinds, _HAVE_NAME, _get_name)
    names = [
        b"" if text == 0 else text.encode("ascii", "surrogateescape") for text in texts
    ]
    if names:
        lengths = list(map(len, names))
        words["name_len"] = lengths
        words["name_off"] = list(accumulate(lengths, initial=0))[:-1]
    tokens = _optional(each, "token", None)
    if tokens:
        words["token"] = [token or 0 for token in tokens]
    bits = [0 if token is None else _TOKEN for token in tokens] or [0] * len(each)
    for row, whole in enumerate(_optional(each, "transactional", True)):
        if not whole:
            bits[row] |= _NON_TRANSACTIONAL
    columns["capabilities"] = bytes(bits)
    packed = {name: array("I", values) for name, values in words.items() if values}
    return {**columns, **packed}, b"".join(names)


def _wanted(
    each: list[HotplugLike],
    kinds: list[int],
    having: frozenset[IdType],
    get: Callable[[Any], Any],
) -> list[Any]:
    """What identifiers of the kinds *having* it are; 0 for others; [] of none."""
    distinct = set(kinds)
    if distinct <= having:
        return list(map(get, each))
    if distinct.isdisjoint(having):
        return []
    pairs = zip(kinds, map(get, each), strict=True)
    return [value if kind in having else 0 for kind, value in pairs]


def _optional(each: list[HotplugLike], name: str, default: Any) -> list[Any]:
    """An attribute that not all need to have; [] where no type can have it."""
    if not any(_can_have(kind, name) for kind in set(map(type, each))):
        return []
    return [getattr(request, name, default) for request in each]


def _can_have(kind: type, name: str) -> bool:
    """Whether an object of a type may have the attribute, in itself or computed."""
    return (
        hasattr(kind, name) or hasattr(kind, "__getattr__") or kind.__dictoffset__ != 0
    )


def _check_each(each: list[HotplugLike]) -> None:
    """Raise ArgumentError for the first request that cannot be encoded."""
    for row, request in enumerate(each):
        try:
            pack_hotplug(request)
        except ArgumentError as error:
            raise ArgumentError(f"request {row}: {error}") from None


def hotplug_columns(
    resource: Column,
    action: Column,
    id_type: Column,
    *,
    drc_index: Column = 0,
    count: Column = 0,
    capabilities: Column = 0,
    token: Column = 0,
    plid: int = 0,
    time: datetime | None = None,
    plid_byteorder: str = "big",
) -> bytes:
    """Build hotplug events back to back from columns, as `EventTable` has them.

    A number stands for a column of it; with nothing but numbers there is one
    event. What an identifier kind does not have is not looked at. Names cannot
    be given: `hotplug_events` takes them.

    Args:
        resource, action, id_type, capabilities: 8 bits each; of `capabilities`,
            0x80 says that there is a token, 0x40 that it is not transactional.
        drc_index, count, token: 32 bits each.
        plid: of the first event; it grows by one with each, modulo 2^32.
        time, plid_byteorder: as for `hotplug_event`, of all events.

    Raises:
        ArgumentError: columns of different length, a number out of range, an
            identifier kind other than 2 to 4, a bad PLID.

    Cost: one native call, and for what is no buffer a copy of the column.
    """
    stamp = stamp_of(plid, time, plid_byteorder)
    given = {
        "resource": resource,
        "action": action,
        "id_type": id_type,
        "capabilities": capabilities,
        "drc_index": drc_index,
        "count": count,
        "token": token,
    }
    n = _rows(given)
    columns = {
        name: _column(name, values, n, "I" if name in _WIDE else "B")
        for name, values in given.items()
        if not (type(values) is int and values == 0)
    }
    return _encoded(columns, n, b"", stamp)


_WIDE = frozenset({"drc_index", "count", "token"})


def _rows(given: dict[str, Column]) -> int:
    """How many rows all columns have. Raises: ArgumentError."""
    lengths = {
        name: len(values)
        for name, values in given.items()
        if not isinstance(values, int)
    }
    if len(set(lengths.values())) > 1:
        raise ArgumentError(f"columns of different length: {lengths}")
    return next(iter(lengths.values()), 1)


def _column(name: str, values: Column, n: int, form: str) -> Any:
    """What C can read: *values* itself, where its items are of *form*."""
    if isinstance(values, int):
        return _packed(name, (values,), form) * n
    try:
        view = memoryview(values)  # type: ignore[arg-type]
    except TypeError:
        return _packed(name, values, form)
    if view.format == form and view.ndim == 1 and view.c_contiguous:
        return view
    return _packed(name, view.tolist(), form)


def _packed(name: str, values: Iterable[int], form: str) -> array[int]:
    try:
        return array(form, values)
    except (TypeError, OverflowError):
        bits = 8 * array(form).itemsize
        raise ArgumentError(f"column {name}, expected numbers of {bits} bits") from None


def _encoded(columns: dict[str, Any], n: int, names: bytes, stamp: Any) -> bytes:
    """The events of columns that are bytes or arrays of 32-bit words."""
    types = {name: _WORDS_T if _is_wide(c) else _BYTES_T for name, c in columns.items()}
    inputs = {name: _from_buffer(types[name], c) for name, c in columns.items()}
    requests = _new(_REQUESTS_T, inputs)
    size, row = _new(_SIZE_T, n * _EVENT_LEN), _new(_SIZE_T)
    rc = _NOSPACE
    while rc == _NOSPACE:
        # Its memory becomes the result without a copy.
        events = BytesIO(bytes(size[0]))
        with (
            events.getbuffer() as room,
            _from_buffer(_BYTES_T, room, require_writable=True) as out,
        ):
            what = requests, n, names, len(names), stamp
            rc = _encode(out, len(room), size, row, *what)
    if rc < 0:
        raise_error(rc, f"hotplug event of request {row[0]}")
    return events.getvalue()


def _is_wide(column: Any) -> bool:
    return memoryview(column).itemsize > 1

"""Damaged data that firmware may hand to an operating system.

What a broken firmware writes into a configure-connector work area, what is left of
a fragment that was cut, and of an event whose bits flipped. Nothing here is random:
*at* says where, and the same *at* gives the same damage.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from random import Random
from struct import Struct
from typing import Final

from pydlpar._ffi import lib
from pydlpar.connector import WORK_AREA_LEN, Collector, ConnectorResult
from pydlpar.constants import ConnectorStatus
from pydlpar.errors import DlparError, InternalError

__all__ = [
    "EventDamage",
    "FragmentDamage",
    "WorkArea",
    "collect_damaged",
    "damaged_event",
    "damaged_fragment",
]

_HEAD: Final = Struct(">5I")  # DRC index, opaque, name, value length, value
_DATA: Final = _HEAD.size
_BITS: Final = 8
_GARBAGE_CALLS: Final = 8

_SIBLING: Final = int(ConnectorStatus.NEXT_SIBLING)
_CHILD: Final = int(ConnectorStatus.NEXT_CHILD)
_PROPERTY: Final = int(ConnectorStatus.NEXT_PROPERTY)
_PARENT: Final = int(ConnectorStatus.PREVIOUS_PARENT)
_MORE: Final = int(ConnectorStatus.MORE_MEMORY)

_NODE_NAME: Final = b"node\0"
_PROPERTY_NAME: Final = b"reg\0"


class WorkArea(IntEnum):
    """What is wrong with the work areas of a configure-connector sequence."""

    TRUNCATED = 0
    """A property's value ends behind the area."""
    CYCLIC = 1
    """Each node has a child, without an end."""
    LONG_NAME = 2
    """A name that fills the area and has no NUL."""
    CLIMBING = 3
    """Back to a parent above the first node."""
    ORPHAN = 4
    """A property before there is a node."""
    GARBAGE = 5
    """Random bytes, and statuses that ask to look at them."""


class FragmentDamage(IntEnum):
    """What is wrong with a fragment that was collected."""

    TRUNCATED = 0
    GARBAGE = 1
    EMPTY = 2
    """Complete, and nothing was delivered."""


class EventDamage(IntEnum):
    """What becomes of an event on its way."""

    TRUNCATED = 0
    FLIPPED = 1
    """One bit."""
    DROPPED = 2
    """Taken from the queue, and lost."""
    LATE = 3
    """Its interrupt is lost: it waits for the next one."""
    REPEATED = 4
    """The one before comes once more (a spurious interrupt)."""


def _area(index: int, name: bytes, value: bytes = b"") -> bytes:
    """A work area as QEMU fills it: the value behind the name."""
    start = _DATA + len(name)
    head = _HEAD.pack(index, 0, _DATA, len(value), start)
    return (head + name + value).ljust(WORK_AREA_LEN, b"\0")[:WORK_AREA_LEN]


def _calls(shape: WorkArea, index: int, at: int) -> Iterator[tuple[bytes, int]]:
    """The (work area, status) of the calls, of which one is not to be borne."""
    node = _area(index, _NODE_NAME)
    if shape is WorkArea.TRUNCATED:
        yield node, _CHILD
        size = WORK_AREA_LEN - _DATA
        yield _area(index, _PROPERTY_NAME, bytes(size)), _PROPERTY
    elif shape is WorkArea.CYCLIC:
        while True:
            yield node, _CHILD
    elif shape is WorkArea.LONG_NAME:
        yield _area(index, b"n" * WORK_AREA_LEN), _CHILD
    elif shape is WorkArea.CLIMBING:
        yield node, _CHILD
        yield node, _PARENT
        yield node, _PARENT
    elif shape is WorkArea.ORPHAN:
        yield _area(index, _PROPERTY_NAME), _PROPERTY
    else:
        random = Random(at)
        statuses = (_SIBLING, _CHILD, _PROPERTY, _PARENT, _MORE)
        for _ in range(_GARBAGE_CALLS):
            yield random.randbytes(WORK_AREA_LEN), random.choice(statuses)
        yield node, _MORE


def collect_damaged(shape: WorkArea, index: int, at: int = 0) -> ConnectorResult:
    """What the operating system makes of such work areas: a failed walk.

    Args:
        shape: what is wrong with them.
        index: the DRC index that they name.
        at: seed of `GARBAGE`.
    """
    collector = Collector()
    statuses: list[int] = []
    for area, status in _calls(shape, index, at):
        statuses.append(status)
        try:
            collector.feed(area, status)
        except DlparError as error:
            code = lib.DLPAR_ERR_STATUS if error.code is None else error.code
            return ConnectorResult(status, tuple(statuses), None, code)
    raise InternalError(f"work areas with {shape.name} were taken as good")


def damaged_fragment(shape: FragmentDamage, fragment: bytes, at: int) -> bytes:
    """A fragment that no reader may take for a good one."""
    if shape is FragmentDamage.EMPTY:
        return b""
    if shape is FragmentDamage.GARBAGE:
        return Random(at).randbytes(len(fragment))
    return fragment[: at % max(len(fragment), 1)]


def damaged_event(shape: EventDamage, event: bytes, at: int) -> bytes:
    """An event that was cut before byte *at*, or whose bit *at* is the other one."""
    if not event:
        return event
    if shape is EventDamage.TRUNCATED:
        return event[: at % len(event)]
    position = at % (len(event) * _BITS)
    flipped = bytearray(event)
    flipped[position // _BITS] ^= 1 << position % _BITS
    return bytes(flipped)

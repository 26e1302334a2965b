"""`ibm,update-nodes` and `ibm,update-properties`: what a migration changes in a tree.

After a partition was moved, firmware tells through work areas of 4096 bytes which
nodes went, came and changed, by phandle; then, node by node, which properties. Both
sides of that are here: the areas of a list of updates, and the updates of an area.

Source: LoPAR 7.4.8; Linux arch/powerpc/platforms/pseries/mobility.c.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from typing import Final, NamedTuple

from pydlpar.errors import ArgumentError, DecodeError
from pydlpar.names import check_u32, decode_name, encode_name

__all__ = [
    "UPDATE_AREA_LEN",
    "NodeAction",
    "NodeUpdate",
    "PropertyUpdate",
    "node_areas",
    "node_updates",
    "property_areas",
    "property_updates",
]

UPDATE_AREA_LEN: Final = 4096
"""Bytes of a work area."""

_U32: Final = struct.Struct(">I")
_WORD: Final = _U32.size
_NODES_AT: Final = 16
_NODES_HEAD: Final = bytes(_NODES_AT)
_NODE_WORDS: Final = (UPDATE_AREA_LEN - _NODES_AT) // _WORD - 1
_ACTION_SHIFT: Final = 24
_COUNT_MASK: Final = (1 << _ACTION_SHIFT) - 1

_PROPERTIES_HEAD: Final = struct.Struct(">IIQI")  # phandle, state, reserved, count
_REMOVED: Final = 0x80000000
_PARTIAL: Final = 0x80000000
_MODULUS: Final = 1 << 32


class NodeAction(IntEnum):
    """What happened to a node: the top byte of a word of ibm,update-nodes."""

    DELETE = 1
    UPDATE = 2
    ADD = 3


class NodeUpdate(NamedTuple):
    """One node that changed.

    Attributes:
        action: a `NodeAction`; a number that it does not know stays an integer.
        phandle: of the node, or of the parent of one that is added.
        drc_index: what configure-connector delivers the node for; None unless
            it is added.
    """

    action: int
    phandle: int
    drc_index: int | None = None


class PropertyUpdate(NamedTuple):
    """One property that changed.

    Attributes:
        name: of the property.
        value: None where it was removed; empty where firmware gives only the name,
            of which Linux makes nothing.
        more: the value goes on in the next area.
    """

    name: str
    value: bytes | None
    more: bool = False


def node_areas(updates: Iterable[NodeUpdate]) -> list[bytes]:
    """Work areas that hold *updates*, in order; at least one.

    Raises:
        ArgumentError: a number of more than 32 bits, an action that is no
            `NodeAction`, or a DRC index where none belongs or missing.
    """
    areas: list[bytes] = []
    words: list[int] = []
    head, count, current = 0, 0, 0
    for action, phandle, drc_index in updates:
        if (action == NodeAction.ADD) != (drc_index is not None):
            raise ArgumentError(f"action {action} with DRC index {drc_index}")
        check_u32(phandle, "phandle")
        item = [phandle]
        if drc_index is not None:
            item.append(check_u32(drc_index, "DRC index"))
        if len(words) + len(item) + (action != current) > _NODE_WORDS:
            areas.append(_node_area(words))
            words, current = [], 0
        if action != current:
            head, count, current = len(words), 0, NodeAction(action)
            words.append(0)
        count += 1
        words[head] = current << _ACTION_SHIFT | count
        words += item
    return [*areas, _node_area(words)]


def _node_area(words: list[int]) -> bytes:
    return (_NODES_HEAD + struct.pack(f">{len(words)}I", *words)).ljust(
        UPDATE_AREA_LEN, b"\0"
    )


def node_updates(
    area: bytes | bytearray, loses_index: Callable[[int], bool] | None = None
) -> Iterator[NodeUpdate]:
    """The updates of one work area, read as they are asked for.

    Args:
        area: what a call of ibm,update-nodes filled.
        loses_index: asked with the phandle of each node to be added below; where
            true, the DRC index is left to be read as a phandle, as Linux does.

    Raises:
        DecodeError: the area ends within the updates; `.offset` is the byte.
    """
    at = _NODES_AT
    while (word := _word(area, at)) >> _ACTION_SHIFT:
        at += _WORD
        action = word >> _ACTION_SHIFT
        for _ in range(word & _COUNT_MASK):
            phandle = _word(area, at)
            at += _WORD
            if action != NodeAction.ADD or (loses_index and loses_index(phandle)):
                yield NodeUpdate(action, phandle)
                continue
            yield NodeUpdate(action, phandle, _word(area, at))
            at += _WORD


def _word(area: bytes | bytearray, at: int) -> int:
    if at + _WORD > len(area):
        raise DecodeError(
            f"work area of {len(area)} bytes: expected 4 more at {at}", offset=at
        )
    word: int = _U32.unpack_from(area, at)[0]
    return word


def property_areas(
    phandle: int, path: str, updates: Iterable[PropertyUpdate]
) -> list[bytes]:
    """Work areas that hold the changed properties of a node; at least one.

    A value that does not fit into the rest of an area goes on in the next.

    Args:
        phandle: of the node.
        path: of the node; the first area begins with it.

    Raises:
        ArgumentError: an empty value, which firmware cannot tell; a value that
            goes on; or a name or path that does not fit.
    """
    check_u32(phandle, "phandle")
    areas = [_Area(phandle)]
    areas[0].add(b"", encode_name(path) + b"\0")
    for name, value, more in updates:
        if more or value == b"":
            raise ArgumentError(f"property {name!r}: expected a whole value, not empty")
        raw, rest = encode_name(name), value
        while not areas[-1].take(raw, rest):
            if rest is not None:
                rest = rest[areas[-1].part(raw, rest) :]
            areas.append(_Area(phandle))
    return [area.finish() for area in areas]


class _Area:
    """A work area of ibm,update-properties being filled."""

    def __init__(self, phandle: int) -> None:
        self.phandle = phandle
        self.count = 0
        self.data = bytearray(_PROPERTIES_HEAD.size)

    def _room(self, name: bytes) -> int:
        """Bytes that are left for a value of this name; negative for none at all."""
        return UPDATE_AREA_LEN - len(self.data) - len(name) - 1 - _WORD

    def add(self, name: bytes, value: bytes, descriptor: int | None = None) -> None:
        if self._room(name) < len(value):
            raise ArgumentError(f"{name + value!r} does not fit into a work area")
        described = len(value) if descriptor is None else descriptor
        self.data += name + b"\0" + _U32.pack(described) + value
        self.count += 1

    def take(self, name: bytes, value: bytes | None) -> bool:
        """Put in a whole value, or a removal, if there is room."""
        if self._room(name) < len(value or b""):
            if not self.count and (value is None or self._room(name) < 1):
                raise ArgumentError(f"name {name[:64]!r} does not fit a work area")
            return False
        self.add(name, value or b"", _REMOVED if value is None else None)
        return True

    def part(self, name: bytes, value: bytes) -> int:
        """Put in as much of a value as there is room for: how many bytes."""
        room = max(self._room(name), 0)
        if room:
            self.add(name, value[:room], _MODULUS - room)
        return room

    def finish(self) -> bytes:
        _PROPERTIES_HEAD.pack_into(self.data, 0, self.phandle, 0, 0, self.count)
        return bytes(self.data.ljust(UPDATE_AREA_LEN, b"\0"))


def property_updates(area: bytes | bytearray) -> Iterator[PropertyUpdate]:
    """The updates of one work area, read as they are asked for.

    The node's path, with which the first area begins, is left out.

    Raises:
        DecodeError: a name or value reaches beyond the area, or something stands
            behind a value that goes on; `.offset` is the byte.
    """
    if len(area) < _PROPERTIES_HEAD.size:
        raise DecodeError(f"work area of {len(area)} bytes", offset=len(area))
    count = _PROPERTIES_HEAD.unpack_from(area)[-1]
    at = _PROPERTIES_HEAD.size
    if count and area[at : at + 1] == b"\0":
        at += 1 + _WORD + _value_length(area, at + 1)
        count -= 1
    for left in reversed(range(count)):
        end = area.find(0, at)
        if end < 0:
            raise DecodeError("work area: name of a property has no end", offset=at)
        name = decode_name(bytes(area[at:end]))
        descriptor = _word(area, end + 1)
        at = end + 1 + _WORD
        if descriptor == _REMOVED:
            yield PropertyUpdate(name, None)
            continue
        more = descriptor > _PARTIAL
        length = _MODULUS - descriptor if more else descriptor
        if length > len(area) - at or (more and left):
            raise DecodeError(
                f"work area: property {name!r} of {length} bytes at {at}, "
                f"{left} more to follow",
                offset=at,
            )
        yield PropertyUpdate(name, bytes(area[at : at + length]), more)
        at += length


def _value_length(area: bytes | bytearray, at: int) -> int:
    length = _word(area, at)
    if length > len(area) - at - _WORD:
        raise DecodeError(f"work area: path of {length} bytes at {at}", offset=at)
    return length

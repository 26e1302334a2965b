"""Where a connector is: the node that lists its DRC, and the nodes that have it.

Firmware lists connectors in the node above them (`ibm,drc-info` or the arrays):
PHBs in the root, PCI slots in their PHB or bridge. A device behind one names it in
`ibm,my-drc-index`.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, NamedTuple

from pydlpar.errors import DecodeError, TreeError

if TYPE_CHECKING:
    from pydlpar.drc import Drc
    from pydlpar.node import Node
    from pydlpar.partition import Partition
    from pydlpar.tree import DeviceTree

__all__ = [
    "MY_DRC_INDEX",
    "Device",
    "Place",
    "devices_at",
    "devices_below",
    "is_hot_plug",
    "owner",
    "slot",
    "with_index",
]

MY_DRC_INDEX = "ibm,my-drc-index"
"""The property in which a device names its connector."""

_INFO, _INDEXES = "ibm,drc-info", "ibm,drc-indexes"
_WORD = 4
_U32_MAX = 0xFFFFFFFF


class Place(NamedTuple):
    """A connector, and the node that lists it."""

    node: Node
    drc: Drc


class Device(NamedTuple):
    """A device's node, and the connector that it is behind."""

    node: Node
    drc: Drc


def is_hot_plug(drc: Drc) -> bool:
    """True for a physical slot: its type is a number (drmgr `is_hp_type`)."""
    return drc.type.lstrip("0")[:1].isdecimal()


def slot(partition: Partition, index: int) -> Place | None:
    """The physical slot with this DRC index, where the tree has one.

    Raises:
        DecodeError: the list that names the index is malformed.
    """
    tree = partition.tree
    for node in tree.by_property(_INFO):
        drc = partition.drc_list(node).find(index)
        if drc is not None and is_hot_plug(drc):
            return Place(node, drc)
    for node in tree.by_property(_INDEXES):
        if _INFO in node or not _has(node[_INDEXES], index):
            continue
        drc = partition.drc_list(node).find(index)
        if drc is not None and is_hot_plug(drc):
            return Place(node, drc)
    return None


def owner(partition: Partition, index: int, *, info_only: bool) -> Node | None:
    """The node below which Linux puts what "dt add" delivers.

    The first in tree order that lists the index in `ibm,drc-info`, else, unless
    *info_only*, in `ibm,drc-indexes`. A malformed list lists nothing.
    """
    tree = partition.tree
    for node in tree.by_property(_INFO):
        try:
            if index in partition.drc_list(node):
                return node
        except DecodeError:
            continue
    if not info_only:
        for node in tree.by_property(_INDEXES):
            if _has(node[_INDEXES], index):
                return node
    return None


def _has(indexes: bytes, index: int) -> bool:
    """Whether `ibm,drc-indexes` has the index, of as many as its count word says."""
    end = _WORD * (1 + int.from_bytes(indexes[:_WORD], "big"))
    word = index.to_bytes(_WORD, "big")
    at = indexes.find(word, _WORD, end)
    while at % _WORD and at >= 0:
        at = indexes.find(word, at + 1, end)
    return at >= 0


def with_index(tree: DeviceTree, index: int) -> tuple[list[Node], int]:
    """The nodes that have this DRC index, as Linux searches for them.

    Returns:
        Those before the first node whose index cannot be read, in tree order; and
        0, or the errno of reading that one.
    """
    nodes = tree.subtree()
    try:
        # Another number stands for a node without the property.
        cells = tree.column_u32(nodes, MY_DRC_INDEX, default=~index & _U32_MAX)
    except TreeError:
        return _with_readable(tree, index)
    values = cells.tolist()
    if index not in values:
        return [], 0
    return [
        node
        for node, value in zip(nodes, values, strict=True)
        if value == index and node is not None
    ], 0


def _with_readable(tree: DeviceTree, index: int) -> tuple[list[Node], int]:
    """The same where a value has another length than a cell."""
    found: list[Node] = []
    for node in tree.by_property(MY_DRC_INDEX):
        value = node[MY_DRC_INDEX]
        if len(value) < _WORD:
            return found, -errno.EOVERFLOW if value else -errno.ENODATA
        if int.from_bytes(value[:_WORD], "big") == index:
            found.append(node)
    return found, 0


def devices_at(place: Place) -> list[Node]:
    """The nodes of the device in a slot; an adapter may have several."""
    value = place.drc.index.to_bytes(_WORD, "big")
    return [node for node in place.node.children if node.get(MY_DRC_INDEX) == value]


def devices_below(partition: Partition, node: Node) -> list[Device]:
    """The devices below a node that have a connector of their own, deepest first.

    Raises:
        DecodeError: a list of connectors is malformed.
    """
    found = []
    for device in reversed(node.walk()[1:]):
        value = device.get(MY_DRC_INDEX)
        above = device.parent
        if value is None or len(value) != _WORD or above is None:
            continue
        drc = partition.drc_list(above).find(int.from_bytes(value, "big"))
        if drc is not None:
            found.append(Device(device, drc))
    return found

"""The machine that a partition is migrated to: its firmware, and what it tells.

Source: LoPAR 7.4.8. Which changes firmware tells in which order is its own affair;
this one tells first what went, then what changed, then what came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydlpar.connector import ConnectorResult, Server
from pydlpar.errors import ArgumentError
from pydlpar.mobility import (
    NodeAction,
    NodeUpdate,
    PropertyUpdate,
    node_areas,
    property_areas,
)
from pydlpar.platforms.firmware import Firmware

if TYPE_CHECKING:
    from pydlpar.node import Node
    from pydlpar.tree import DeviceTree

__all__ = ["Destination", "TreeUpdate"]

_DRC_INDEX: Final = "ibm,my-drc-index"
_WORD: Final = 4
# Where a node has no DRC index of its own; no type of connectors has these.
_FIRST_INDEX: Final = 0xF0000000
_LAST, _MORE, _INVALID = 0, 1, -3
_STATE: Final = slice(4, 8)
_PHANDLE: Final = slice(0, 4)


class TreeUpdate:
    """How firmware tells a partition that its tree is to become another one.

    Nodes go by phandle. One without, or whose phandle changes, or that gets an empty
    property, which cannot be told, is deleted and added again, with all below it.
    The order of siblings and properties is not told.

    Attributes:
        nodes: the work areas of ibm,update-nodes, in order.
        properties: those of ibm,update-properties, by phandle.
        fragments: what configure-connector delivers, by DRC index.
    """

    def __init__(self, source: DeviceTree, target: DeviceTree) -> None:
        """Compare two trees.

        Raises:
            ArgumentError: no node with a phandle of its own is above a change.
        """
        self._source, self._target = source, target
        self._changed: dict[str, list[PropertyUpdate]] = {}
        self._deleted: dict[str, None] = {}
        self._added: dict[str, None] = {}
        for change in source.diff(target):
            if change.kind == "set" and change.name is not None:
                self._set(change.path, change.name, change.new)
            elif change.kind == "remove":
                self._delete(change.path)
            elif change.kind == "add":
                self._add(change.path)
        self._drop_what_is_replaced()
        self.fragments: dict[int, bytes] = {}
        self.nodes = node_areas(self._node_updates())
        self.properties = {
            self._phandle(path): property_areas(self._phandle(path), path, updates)
            for path, updates in self._changed.items()
        }

    def deliver(self, index: int) -> ConnectorResult | None:
        """What configure-connector gives for an added node, once; None for others."""
        fragment = self.fragments.pop(index, None)
        return None if fragment is None else Server(fragment, index).walk()

    def _set(self, path: str, name: str, value: bytes | None) -> None:
        if value == b"" or not self._phandle(path):
            self._replace(path)
        else:
            updates = self._changed.setdefault(path, [])
            updates.append(PropertyUpdate(name, value))

    def _delete(self, path: str) -> None:
        if self._only_in_source(path):
            self._deleted[path] = None
        else:
            self._replace(_above(path))

    def _add(self, path: str) -> None:
        if self._phandle(_above(path)):
            self._added[path] = None
        else:
            self._replace(_above(path))

    def _replace(self, path: str) -> None:
        """Delete and add the node, or else the next one above that can be told."""
        while path != "/":
            if self._only_in_source(path) and self._phandle(_above(path)):
                self._deleted[path] = self._added[path] = None
                return
            path = _above(path)
        raise ArgumentError(
            "the root or a child of it would have to be deleted and added again: "
            "expected a phandle of its own at each node that changes"
        )

    def _only_in_source(self, path: str) -> bool:
        return _own_phandle(self._source, path) != 0

    def _phandle(self, path: str) -> int:
        """The phandle by which the node is known before and after; 0 for none."""
        phandle = _own_phandle(self._source, path)
        return phandle if phandle == _own_phandle(self._target, path) else 0

    def _drop_what_is_replaced(self) -> None:
        """Forget what is told of nodes below one that is deleted and added."""
        gone = set(self._deleted)

        def is_below(path: str) -> bool:
            while path != "/":
                path = _above(path)
                if path in gone:
                    return True
            return False

        for told in (self._deleted, self._added, self._changed):
            for path in [p for p in told if is_below(p)]:
                del told[path]
        for path in gone:
            self._changed.pop(path, None)

    def _node_updates(self) -> list[NodeUpdate]:
        updates = [
            NodeUpdate(NodeAction.DELETE, _own_phandle(self._source, path))
            for path in self._deleted
        ]
        updates += [
            NodeUpdate(NodeAction.UPDATE, self._phandle(path)) for path in self._changed
        ]
        for path in self._added:
            parent = self._phandle(_above(path))
            updates.append(NodeUpdate(NodeAction.ADD, parent, self._offer(path)))
        return updates

    def _offer(self, path: str) -> int:
        """The DRC index that an added node is delivered for."""
        node = self._target[path]
        value = node.get(_DRC_INDEX, b"")
        index = int.from_bytes(value, "big") if len(value) == _WORD else None
        if index is None or index in self.fragments:
            index = _FIRST_INDEX + len(self.fragments)
        self.fragments[index] = self._target.extract(node).to_dtb()
        return index


def _above(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def _own_phandle(tree: DeviceTree, path: str) -> int:
    """The phandle of a node that no other one has; 0 for none."""
    node: Node | None = tree.root
    for name in path.strip("/").split("/") if path != "/" else ():
        node = node and node.child(name)
    if node is None or node.phandle == 0:
        return 0
    return node.phandle if tree.by_phandle(node.phandle) == node else 0


class Destination(Firmware):
    """The firmware of the machine that a partition arrives on; made by `of`.

    Attributes:
        update: what it tells.
    """

    update: TreeUpdate

    @classmethod
    def of(
        cls, source: DeviceTree, target: DeviceTree, profile: str = "qemu"
    ) -> Destination:
        """The firmware of the machine of *target* for a partition with *source*.

        Raises:
            ArgumentError: no such profile; or see `TreeUpdate`.
            DecodeError: a DRC list or the LMB table of *target* is malformed.
            PlatformError: more connectors than the model takes.
        """
        self = cls.from_tree(target, profile)
        assert isinstance(self, Destination)  # from_tree makes one of its class
        self.update = TreeUpdate(source, target)
        return self

    def update_nodes(self, area: bytearray, scope: int) -> int:
        """ibm,update-nodes: which nodes changed; 0 with the last area, 1 before."""
        del scope
        return _fill(area, self.update.nodes)

    def update_properties(self, area: bytearray, scope: int) -> int:
        """ibm,update-properties of the node that *area* names by phandle."""
        del scope
        areas = self.update.properties.get(int.from_bytes(area[_PHANDLE], "big"))
        return _INVALID if areas is None else _fill(area, areas)

    def configure_connector(self, index: int) -> ConnectorResult:
        """RTAS ibm,configure-connector; once for each node that the update adds."""
        result = self.update.deliver(index)
        return super().configure_connector(index) if result is None else result


def _fill(area: bytearray, areas: list[bytes]) -> int:
    """The next of *areas*; its number is kept where the caller does not look."""
    number = int.from_bytes(area[_STATE], "big")
    if number >= len(areas):
        return _INVALID
    area[:] = areas[number]
    number += 1
    area[_STATE] = number.to_bytes(_WORD, "big")
    return _LAST if number == len(areas) else _MORE

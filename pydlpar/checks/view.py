"""A device tree as the rules of the lint see it, read once.

A blob may nest without limit, and a path is as long as its node is deep; Linux reads
no node below `MAX_DEPTH` (FDT_MAX_DEPTH in drivers/of/fdt.c), and neither do the rules.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydlpar.node import Node
    from pydlpar.tree import DeviceTree

__all__ = ["MAX_DEPTH", "PHANDLE_NAMES", "NodeView", "TreeView", "is_phandle"]

MAX_DEPTH = 62
"""Depth of the deepest node that Linux reads; the root has depth 0."""

PHANDLE_NAMES = ("phandle", "linux,phandle", "ibm,phandle")
CELL = 4
_DEFAULT_ADDRESS_CELLS = 2
_DEFAULT_SIZE_CELLS = 1
_NO_PHANDLE = (0, 0xFFFFFFFF)


def is_phandle(value: int) -> bool:
    """Whether a cell can name a node: 0 and -1 cannot."""
    return value not in _NO_PHANDLE


class NodeView:
    """A node with its properties, all read.

    Attributes:
        name: with the unit address; empty for the root.
        base, unit: what stands before and behind the first `@`; unit is None without.
        parent, children: views; children below `MAX_DEPTH` are left out.
        depth: 0 for the root.
        ignored: number of children left out.
        pairs: names and values in order, with those whose name stood before.
        values: the same by name; of equal names the first counts.
        drc_indexes: those of `ibm,drc-indexes`.
        twin, same_unit: the first child of the same parent that has the same name, the
            same unit address; None where that is this one.
    """

    __slots__ = (
        "base",
        "children",
        "depth",
        "drc_indexes",
        "ignored",
        "name",
        "pairs",
        "parent",
        "same_unit",
        "twin",
        "unit",
        "values",
    )

    def __init__(self, node: Node, parent: NodeView | None) -> None:
        self.name = node.name
        self.base, at, unit = self.name.partition("@")
        self.unit = unit if at else None
        self.parent = parent
        self.children: list[NodeView] = []
        self.depth: int = parent.depth + 1 if parent else 0
        self.ignored = 0
        self.twin: NodeView | None = None
        self.same_unit: NodeView | None = None
        self.pairs = node.properties.pairs()
        self.values: dict[str, bytes] = {}
        for name, value in self.pairs:
            self.values.setdefault(name, value)
        self.drc_indexes = frozenset(self.cells("ibm,drc-indexes")[1:])

    @property
    def path(self) -> str:
        """Absolute path."""
        names, at = [], self
        while at.parent is not None:
            names.append(at.name)
            at = at.parent
        return "/" + "/".join(reversed(names))

    def number(self, name: str) -> int | None:
        """A property of one cell; None where there is none, or it has another size."""
        value = self.values.get(name, b"")
        return int.from_bytes(value, "big") if len(value) == CELL else None

    def cells(self, name: str) -> tuple[int, ...]:
        """The whole cells of a property; none where there is no such property."""
        value = self.values.get(name, b"")
        return struct.unpack_from(f">{len(value) // CELL}I", value)

    def strings(self, name: str) -> list[bytes]:
        """The strings of a property, up to what is not terminated."""
        return self.values.get(name, b"").split(b"\0")[:-1]

    @property
    def address_cells(self) -> int:
        """Cells of an address in `reg` of a child; 2 where the node does not say."""
        cells = self.number("#address-cells")
        return _DEFAULT_ADDRESS_CELLS if cells is None else cells

    @property
    def size_cells(self) -> int:
        """Cells of a size in `reg` of a child; 1 where the node does not say."""
        cells = self.number("#size-cells")
        return _DEFAULT_SIZE_CELLS if cells is None else cells

    @property
    def phandle(self) -> int | None:
        """What other nodes may refer to this one by."""
        for name in PHANDLE_NAMES:
            value = self.number(name)
            if value is not None and is_phandle(value):
                return value
        return None

    @property
    def is_target(self) -> bool:
        """Whether it stands for a node of another tree, which says what it does not."""
        return self.name == "__overlay__" and "#address-cells" not in self.values

    @property
    def first_address(self) -> int | None:
        """The first address of `reg` as one number; None where it has none."""
        if self.parent is None:
            return None
        size = self.parent.address_cells * CELL
        value = self.values.get("reg", b"")
        if not size or len(value) < size:
            return None
        return int.from_bytes(value[:size], "big")


def _first(
    seen: dict[tuple[int, str], NodeView], node: NodeView, key: str
) -> NodeView | None:
    """The node below the same parent that had *key* first; None for *node* itself."""
    first = seen.setdefault((id(node.parent), key), node)
    return None if first is node else first


class TreeView:
    """All nodes that Linux would read, in tree order.

    Attributes:
        nodes: the root first.
        phandles: nodes by phandle; of several, the first.
        my_drc_indexes: nodes by `ibm,my-drc-index`; of several, the first.
        is_overlay: whether it refers to nodes of another tree.
    """

    def __init__(self, tree: DeviceTree) -> None:
        self.nodes: list[NodeView] = []
        self.phandles: dict[int, NodeView] = {}
        self.my_drc_indexes: dict[int, NodeView] = {}
        self._tree = tree
        self._by_handle: dict[int, NodeView] = {}
        self.is_overlay = "/__fixups__" in tree
        self._read(tree.root)
        for node in self.nodes:
            if (phandle := node.phandle) is not None:
                self.phandles.setdefault(phandle, node)
            if (index := node.number("ibm,my-drc-index")) is not None:
                self.my_drc_indexes.setdefault(index, node)

    def _read(self, root: Node) -> None:
        todo: list[tuple[Node, NodeView | None]] = [(root, None)]
        names: dict[tuple[int, str], NodeView] = {}
        units: dict[tuple[int, str], NodeView] = {}
        while todo:
            node, parent = todo.pop()
            view = NodeView(node, parent)
            if parent is not None:
                parent.children.append(view)
                view.twin = _first(names, view, view.name)
                if view.unit:
                    view.same_unit = _first(units, view, view.unit)
            self.nodes.append(view)
            self._by_handle[node.handle] = view
            below = node.children
            if view.depth == MAX_DEPTH:
                view.ignored = len(below)
            else:
                todo.extend((child, view) for child in reversed(below))

    def find(self, path: str) -> NodeView | None:
        """The node of an absolute path, as the tree finds it."""
        node = self._tree.get(path)
        return None if node is None else self._by_handle.get(node.handle)

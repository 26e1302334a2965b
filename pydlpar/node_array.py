"""`NodeArray`: many nodes of a tree as numbers, each an object only when asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, overload

from pydlpar._ffi import ffi
from pydlpar.node import Node, node_at

if TYPE_CHECKING:
    from pydlpar.tree import DeviceTree

__all__ = ["NodeArray", "view"]


def view(array: object, form: Literal["B", "I", "i", "q"]) -> memoryview[int]:
    """A read-only view of an array of the core, which it keeps alive."""
    return memoryview(ffi.buffer(array)).toreadonly().cast("B").cast(form)


class NodeArray(Sequence["Node | None"]):
    """Nodes of a tree, or None where there is none.

    The core gives handles as an array; an item becomes a `Node` when it is read.

    Attributes:
        tree: the tree.
        handles: a read-only view of the handles, negative where there is no node.
    """

    __slots__ = ("handles", "tree")

    def __init__(self, tree: DeviceTree, handles: object, count: int) -> None:
        """Take over the first *count* of an `int64_t` array of the core."""
        self.tree = tree
        self.handles = view(handles, "q")[:count]

    def __len__(self) -> int:
        return len(self.handles)

    @overload
    def __getitem__(self, index: int) -> Node | None: ...
    @overload
    def __getitem__(self, index: slice) -> list[Node | None]: ...
    def __getitem__(self, index: int | slice) -> Node | list[Node | None] | None:
        if isinstance(index, slice):
            return [self._node(handle) for handle in self.handles[index]]
        return self._node(self.handles[index])

    def __iter__(self) -> Iterator[Node | None]:
        return map(self._node, self.handles)

    def __repr__(self) -> str:
        return f"<NodeArray, {len(self)} nodes>"

    def _node(self, handle: int) -> Node | None:
        return node_at(self.tree, handle) if handle >= 0 else None

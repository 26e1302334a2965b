"""Edits of a `DeviceTree`: nodes in, nodes out, transactions, many at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.bulk import TreeBulk
from pydlpar.edits import Batch, Template, Transaction, begin, commit, roll_back
from pydlpar.errors import TreeError
from pydlpar.names import Buffer, as_bytes, check_place, encode_name, encode_props
from pydlpar.node import Node, node_at
from pydlpar.tree_move import TreeMove

if TYPE_CHECKING:
    from pydlpar.tree import DeviceTree

__all__ = ["TREE_OUT", "TreeEdit", "seed"]

_FIRST = lib.DLPAR_TREE_FIRST
_add = lib.dlpar_tree_add
_remove = lib.dlpar_tree_remove
TREE_OUT = ffi.typeof("struct dlpar_tree **")
_T = TypeVar("_T")


def seed() -> int:
    """A fresh key for a tree's hash tables: names may come from anywhere."""
    return int.from_bytes(os.urandom(8), "little")


class TreeEdit(TreeMove, TreeBulk):
    """What `DeviceTree` has to change its nodes with."""

    __slots__ = ()

    def add_node(
        self,
        path: str,
        properties: Mapping[str, Buffer],
        *,
        first: bool = False,
        before: Node | None = None,
        after: Node | None = None,
    ) -> Node:
        """Add a node, as the last child of its parent if no place is said.

        Args:
            path: of the node to be.
            properties: names and values, in order.
            first: before all other children, as libfdt puts it.
            before, after: a sibling to be.

        Raises:
            NotFoundError: the parent does not exist.
            ExistsError: the node does.
            ArgumentError: a name is empty, too long or has a `/` or NUL; more than
                one place is said, or a sibling to be is none.
        """
        above, _, name = path.rpartition("/")
        if before is None and after is None:
            return self._add(self.handle(above or "/"), name, properties, first)
        parent = self[above or "/"]
        return self.add_child(
            parent, name, properties, first=first, before=before, after=after
        )

    def add_child(
        self,
        parent: Node,
        name: str,
        properties: Mapping[str, Buffer],
        *,
        first: bool = False,
        before: Node | None = None,
        after: Node | None = None,
    ) -> Node:
        """Add a node below *parent*; places and errors as of `add_node()`."""
        if before is not None or after is not None:
            check_place(first, before, after)
            with self.transaction():
                node = self.add_child(parent, name, properties)
                self.move(node, parent, before=before, after=after)
            return node
        return self._add(self.own(parent), name, properties, first)

    def _add(
        self, parent: int, name: str, properties: Mapping[str, Buffer], first: bool
    ) -> Node:
        raw, stream = encode_name(name), encode_props(properties)
        flags = _FIRST if first else 0
        handle = _add(self.ptr, parent, raw, len(raw), stream, len(stream), flags)
        if handle < 0:
            raise_error(handle, f"new node {name!r}", decode_error=TreeError)
        node = Node()
        node.tree = self  # type: ignore[assignment]
        node.handle = handle
        return node

    def remove_node(self, path: str) -> None:
        """Remove the node of a path, and its subtree."""
        self.remove(self[path])

    def remove(self, node: Node | int) -> None:
        """Remove a node, or that of a handle, and its subtree.

        Raises:
            ArgumentError: it is the root, or of another tree.
        """
        if not isinstance(node, int):
            node = node.handle if node.tree is self else self.own(node)
        rc = _remove(self.ptr, node)
        if rc < 0:
            raise_error(rc, "removal of a node", decode_error=TreeError)

    def attach(self, parent_path: str, fragment: DeviceTree) -> Node:
        """Copy the children of another tree's root below a node; all or nothing.

        Returns:
            The first of the new nodes.

        Raises:
            NotFoundError: no such parent.
            ExistsError: it has a child of one of the names.
            TreeError: the fragment's root has properties, or no children.
        """
        parent = self[parent_path]
        handle = lib.dlpar_tree_graft_tree(self.ptr, parent.handle, fragment.ptr)
        if handle < 0:
            raise_error(handle, f"attach at {parent_path}", decode_error=TreeError)
        return node_at(self, handle)

    def detach(self, path: str) -> DeviceTree:
        """Take a subtree out: a tree of its own, with the node below its root."""
        node = self[path]
        fragment = self.extract(node)
        self.remove(node)
        return fragment

    def extract(self, node: Node) -> DeviceTree:
        """Copy a subtree: a tree of its own, with the node below its root."""
        out = ffi.new(TREE_OUT)
        rc = lib.dlpar_tree_extract(self.ptr, out, self.own(node), seed())
        if rc < 0:
            raise_error(rc, "copy of a subtree", decode_error=TreeError)
        return self._of(out[0])

    def graft(self, parent: Node, fragment: Buffer) -> list[Node]:
        """Attach a flattened fragment below *parent*; all or nothing.

        Args:
            parent: where the children of the fragment's root go, behind the others.
            fragment: a flattened tree whose root has no properties.

        Returns:
            The new nodes, without those of their subtrees. What another thread
            adds below *parent* in that moment may be among them.

        Raises:
            ExistsError: *parent* has a child of one of the names.
            TreeError: the fragment is malformed, or its root has properties or no
                children.
        """
        ptr, offset = self.ptr, ffi.new("size_t *")
        blob = as_bytes(fragment, "a fragment")
        handle = lib.dlpar_tree_graft(ptr, offset, self.own(parent), blob, len(blob))
        if handle < 0:
            raise_error(handle, "fragment", offset=offset[0], decode_error=TreeError)
        nodes = []
        while handle >= 0:
            nodes.append(node_at(self, handle))
            handle = lib.dlpar_tree_next(ptr, handle)
        return nodes

    def transaction(self) -> Transaction:
        """Edits that happen whole or not at all: `with tree.transaction(): ...`."""
        return Transaction(cast("DeviceTree", self))

    def whole(self, edit: Callable[..., _T], *arguments: Any) -> _T:
        """What `edit(*arguments)` returns, made within a transaction of its own.

        The same as calling it in `with tree.transaction():`, at less cost.
        """
        ptr = self.ptr
        depth = begin(ptr)
        try:
            result = edit(*arguments)
        except BaseException:
            roll_back(ptr, depth)
            raise
        commit(ptr, depth)
        return result

    def template(self, properties: Mapping[str, Buffer]) -> Template:
        """A node's properties encoded once, to be added many times."""
        return Template(cast("DeviceTree", self), properties)

    def batch(self) -> Batch:
        """A stream of edits in one call and one transaction."""
        return Batch(cast("DeviceTree", self))

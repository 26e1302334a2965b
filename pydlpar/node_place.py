"""Where a node stands: above and below others; and its properties, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.errors import ArgumentError
from pydlpar.names import check_place, encode_name
from pydlpar.references import NodeReferences

if TYPE_CHECKING:
    from pydlpar.node import Node

__all__ = ["NodePlace"]

_DEPTH_MAX = 0xFFFFFFFF


class NodePlace(NodeReferences):
    """What `Node` has to say where it stands."""

    __slots__ = ()

    @property
    def depth(self) -> int:
        """How many nodes are above: 0 for the root."""
        depth = lib.dlpar_tree_depth_of(self.tree.ptr, self.handle)
        if depth < 0:
            self._fail(depth)
        return int(depth)

    def supernode(self, depth: int) -> Node:
        """The node at *depth* on the way from the root to here.

        Raises:
            NotFoundError: this node is not as deep.
        """
        if not 0 <= depth <= _DEPTH_MAX:
            raise ArgumentError(f"depth {depth}: expected 0 to {_DEPTH_MAX}")
        handle = lib.dlpar_tree_supernode(self.tree.ptr, self.handle, depth)
        if handle < 0:
            self._fail(handle)
        return self._at(handle)

    def ancestors(self) -> list[Node]:
        """The nodes above, the parent first, the root last."""
        return self._list(lib.dlpar_tree_ancestors)

    def walk_depths(self) -> list[tuple[Node, int]]:
        """The nodes of this subtree in tree order, each with its depth below here."""
        tree, cap = self.tree, 64
        while True:
            out, depths = ffi.new("int64_t[]", cap), ffi.new("uint32_t[]", cap)
            n = lib.dlpar_tree_walk_depths(tree.ptr, out, depths, cap, self.handle)
            if n < 0:
                self._fail(n)
            if n <= cap:
                pairs = zip(ffi.unpack(out, n), ffi.unpack(depths, n), strict=True)
                return [(self._at(handle), depth) for handle, depth in pairs]
            cap = n

    def descend(self, path: str) -> Node:
        """The node of a path that begins below here, as `a/b`.

        Components without a unit address match as in `DeviceTree[...]`.

        Raises:
            NotFoundError: no such node.
        """
        raw = encode_name(path)
        handle = lib.dlpar_tree_descend(self.tree.ptr, self.handle, raw, len(raw))
        if handle < 0:
            raise_error(handle, f"{self.path}, below it {path!r}")
        return self._at(handle)

    def is_compatible(self, name: str) -> bool:
        """Whether `compatible` lists *name*; case counts."""
        raw = encode_name(name)
        rc = lib.dlpar_tree_is_compatible(self.tree.ptr, self.handle, raw, len(raw))
        if rc < 0:
            self._fail(rc)
        return bool(rc)

    def order(
        self,
        name: str,
        *,
        first: bool = False,
        before: str | None = None,
        after: str | None = None,
    ) -> None:
        """Put a property elsewhere among the others: last, if nothing is said.

        Raises:
            NotFoundError: no such property.
            ArgumentError: more than one place is said.
        """
        check_place(first, before, after)
        names = self._names()
        if after is not None:
            if after not in names:
                self._fail(lib.DLPAR_ERR_NOTFOUND, after)
            rest = [n for n in names[names.index(after) + 1 :] if n != name]
            before = rest[0] if rest else None
        elif first:
            before = names[0] if names else None
        raw, behind = encode_name(name), encode_name(before or "")
        rc = lib.dlpar_tree_order(
            self.tree.ptr,
            self.handle,
            raw,
            len(raw),
            ffi.NULL if before is None else behind,
            len(behind),
        )
        if rc < 0:
            self._fail(rc, name if name not in names else before)

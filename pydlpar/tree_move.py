"""Nodes of a `DeviceTree` under another name, or in another place."""

from __future__ import annotations

from pydlpar._ffi import lib, raise_error
from pydlpar.errors import ArgumentError, TreeError
from pydlpar.names import check_place, encode_name
from pydlpar.node import Node
from pydlpar.tree_header import TreeHeader

__all__ = ["TreeMove"]

_NONE: int = lib.DLPAR_TREE_NONE


class TreeMove(TreeHeader):
    """What `DeviceTree` has to rename and move nodes; their objects stay valid."""

    __slots__ = ()

    def rename(self, node: Node, name: str) -> None:
        """Give a node another unit name.

        Raises:
            ExistsError: a sibling has it.
            ArgumentError: it is empty, too long, or has a `/` or NUL; the node is
                the root, or of another tree.
        """
        raw = encode_name(name)
        rc = lib.dlpar_tree_rename(self.ptr, self.own(node), raw, len(raw))
        if rc < 0:
            raise_error(rc, f"{node!r} as {name!r}", decode_error=TreeError)

    def move(
        self,
        node: Node,
        parent: Node,
        *,
        first: bool = False,
        before: Node | None = None,
        after: Node | None = None,
    ) -> None:
        """Put a node, with its subtree, elsewhere: last, if no place is said.

        Args:
            node: what to move; nothing of its subtree is copied.
            parent: its parent from now on; may be what it is.
            first: before all other children.
            before, after: a child of *parent*.

        Raises:
            ExistsError: another child of *parent* has the node's name.
            ArgumentError: the node is the root or of another tree; *parent* lies in
                its subtree; more than one place is said, or a sibling to be is none.
        """
        handle, above = self.own(node), self.own(parent)
        follower = self._follower(parent, first, before, after)
        rc = lib.dlpar_tree_move(self.ptr, handle, above, follower)
        if rc == lib.DLPAR_ERR_BADARG:
            raise ArgumentError(
                f"{node!r} to {parent!r}: expected not the root, nor a place below "
                "itself",
                rc,
            )
        if rc < 0:
            raise_error(rc, f"{node!r} to {parent!r}", decode_error=TreeError)

    def _follower(
        self, parent: Node, first: bool, before: Node | None, after: Node | None
    ) -> int:
        """The child of *parent* that is to come next, or `_NONE`."""
        check_place(first, before, after)
        sibling = before if before is not None else after
        if sibling is not None:
            handle = self.own(sibling)
            if sibling.parent != parent:
                raise ArgumentError(f"{sibling!r} is no child of {parent!r}")
            if after is not None:
                handle = lib.dlpar_tree_next(self.ptr, handle)
        else:
            handle = lib.dlpar_tree_first(self.ptr, parent.handle) if first else _NONE
        return handle if handle >= 0 else _NONE

"""Look-ups of a `DeviceTree`: by path, by phandle, by what nodes hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.errors import ArgumentError, TreeError
from pydlpar.names import check_u32, encode_name
from pydlpar.node import Node, Scratch

if TYPE_CHECKING:
    from pydlpar.tree import DeviceTree

__all__ = ["TreeLookup"]

_NOTFOUND = lib.DLPAR_ERR_NOTFOUND
_path = lib.dlpar_tree_path
_phandle = lib.dlpar_tree_phandle


class TreeLookup:
    """What `DeviceTree` has to find nodes with."""

    __slots__ = ("__weakref__", "ptr", "scratch")

    def _adopt(self, ptr: object) -> None:
        """Take over a tree of the core; other threads may get it from here on."""
        self.ptr = ffi.gc(ptr, lib.dlpar_tree_free)
        self.scratch: list[Scratch] = []
        rc = lib.dlpar_tree_share(self.ptr)
        if rc < 0:
            raise_error(rc, "device tree")

    @classmethod
    def _of(cls, ptr: object) -> DeviceTree:
        tree = cls.__new__(cls)
        tree._adopt(ptr)
        return cast("DeviceTree", tree)

    def own(self, node: Node) -> int:
        """The handle of a node of this tree.

        Raises:
            ArgumentError: it is a node of another tree.
        """
        if node.tree is not self:
            raise ArgumentError(f"{node!r} is a node of another tree")
        return node.handle

    @property
    def root(self) -> Node:
        """The root node."""
        return Node(self, lib.dlpar_tree_root(self.ptr))

    def nodes(self) -> Iterator[Node]:
        """All nodes in tree order, the root first."""
        return iter(self.root.walk())

    def __getitem__(self, path: str) -> Node:
        """The node of an absolute path.

        A component without `@` that no child is named like stands for the first
        child that differs only by its unit address, as in libfdt.

        Raises:
            NotFoundError: no such node (a `KeyError`).
            ArgumentError: the path does not begin with `/`.
        """
        try:
            raw = path.encode()
        except UnicodeEncodeError:
            raw = encode_name(path)
        handle = _path(self.ptr, raw, len(raw))
        if handle < 0:
            raise_error(handle, f"node {path!r}", decode_error=TreeError)
        return Node(self, handle)

    def get(self, path: str) -> Node | None:
        """The node of an absolute path, or None."""
        raw = encode_name(path)
        handle = _path(self.ptr, raw, len(raw))
        if handle >= 0:
            return Node(self, handle)
        if handle != _NOTFOUND:
            raise_error(handle, f"node {path!r}", decode_error=TreeError)
        return None

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and self.get(path) is not None

    def by_phandle(self, phandle: int) -> Node:
        """The node with this phandle.

        Raises:
            NotFoundError: none has it.
        """
        handle = _phandle(self.ptr, check_u32(phandle, "phandle"))
        if handle < 0:
            raise_error(handle, f"phandle {phandle:#x}", decode_error=TreeError)
        return Node(self, handle)

    def find_child(self, parent: Node, name: str, value: int) -> Node | None:
        """The first child of *parent* whose one-cell property equals *value*."""
        raw = encode_name(name)
        check_u32(value, f"property {name!r}")
        handle = lib.dlpar_tree_find_child(
            self.ptr, self.own(parent), raw, len(raw), value
        )
        return self._found(handle)

    def find(self, device_type: str, name: str, value: int) -> Node | None:
        """The first node of a device_type whose one-cell property equals *value*."""
        kind, raw = encode_name(device_type), encode_name(name)
        check_u32(value, f"property {name!r}")
        handle = lib.dlpar_tree_find(self.ptr, kind, len(kind), raw, len(raw), value)
        return self._found(handle)

    def _found(self, handle: int) -> Node | None:
        if handle >= 0:
            return Node(self, handle)
        if handle != _NOTFOUND:
            raise_error(handle, "node", decode_error=TreeError)
        return None

"""Look-ups of a `DeviceTree`: by path, by phandle, by what nodes hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.errors import ArgumentError, TreeError
from pydlpar.names import Buffer, as_bytes, check_u32, encode_name
from pydlpar.node import Node, Scratch, node_at, nodes_at

if TYPE_CHECKING:
    from pydlpar.tree import DeviceTree

__all__ = ["TreeLookup"]

_NOTFOUND = lib.DLPAR_ERR_NOTFOUND
_path = lib.dlpar_tree_path
_find = lib.dlpar_tree_find
_find_child = lib.dlpar_tree_find_child
_phandle = lib.dlpar_tree_phandle
_SOME = 256
"""How many nodes a search asks for at a time."""


class TreeLookup:
    """What `DeviceTree` has to find nodes with."""

    __slots__ = ("__weakref__", "blob", "ptr", "scratch")

    def _adopt(self, ptr: object, blob: bytes = b"") -> None:
        """Take over a tree of the core; other threads may get it from here on.

        Args:
            blob: what it borrows, and must outlive it.
        """
        self.blob = blob
        self.ptr = ffi.gc(ptr, lib.dlpar_tree_free)
        self.scratch: list[Scratch] = []
        rc = lib.dlpar_tree_share(self.ptr)
        if rc < 0:
            raise_error(rc, "device tree")

    @classmethod
    def _of(cls, ptr: object, blob: bytes = b"") -> DeviceTree:
        tree = cls.__new__(cls)
        tree._adopt(ptr, blob)
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
        return node_at(self, lib.dlpar_tree_root(self.ptr))

    def nodes(self) -> Iterator[Node]:
        """All nodes in tree order, the root first."""
        return iter(self.root.walk())

    def __getitem__(self, path: str) -> Node:
        """The node of an absolute path, or of one that begins with an alias.

        A component without `@` that no child is named like stands for the first
        child that differs only by its unit address, as in libfdt. Without the first
        `/`, the first component is an alias: `serial0`, `ethernet0/mdio`.

        Raises:
            NotFoundError: no such node (a `KeyError`).
            ArgumentError: the path is empty.
        """
        try:
            raw = path.encode()
        except UnicodeEncodeError:
            raw = encode_name(path)
        handle = _path(self.ptr, raw, len(raw))
        if handle < 0:
            what = "node" if path[:1] == "/" else "node of an alias"
            raise_error(handle, f"{what} {path!r}", decode_error=TreeError)
        node = Node()  # as `node_at()`: a call less where users wait for it
        node.tree = self  # type: ignore[assignment]
        node.handle = handle
        return node

    def node(self, handle: int) -> Node:
        """The node of a handle, which is what `Node.handle` holds.

        A handle of no node, or of a removed one, is an error at its first use.
        """
        return node_at(self, handle)

    def get(self, path: str) -> Node | None:
        """The node of a path or alias, or None."""
        try:
            raw = path.encode()
        except UnicodeEncodeError:
            raw = encode_name(path)
        handle = _path(self.ptr, raw, len(raw))
        if handle >= 0:
            return node_at(self, handle)
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
        return node_at(self, handle)

    def find_child(self, parent: Node, name: str, value: int) -> Node | None:
        """The first child of *parent* whose one-cell property equals *value*."""
        if parent.tree is not self:
            self.own(parent)
        try:
            raw = name.encode()
        except UnicodeEncodeError:
            raw = encode_name(name)
        try:
            handle = _find_child(self.ptr, parent.handle, raw, len(raw), value)
        except OverflowError:
            check_u32(value, f"property {name!r}")
            raise
        return node_at(self, handle) if handle >= 0 else self._found(handle)

    def find(self, device_type: str, name: str, value: int) -> Node | None:
        """The first node of a device_type whose one-cell property equals *value*."""
        try:
            kind, raw = device_type.encode(), name.encode()
        except UnicodeEncodeError:
            kind, raw = encode_name(device_type), encode_name(name)
        try:
            handle = _find(self.ptr, kind, len(kind), raw, len(raw), value)
        except OverflowError:
            check_u32(value, f"property {name!r}")
            raise
        return self._found(handle)

    def by_compatible(self, name: str) -> list[Node]:
        """The nodes that list *name* in `compatible`, in tree order.

        Case counts, as in libfdt; Linux ignores it.
        """
        raw = encode_name(name)
        return self._search(lib.dlpar_tree_find_compatible, raw, len(raw))

    def by_name(self, name: str) -> list[Node]:
        """The nodes of this unit name, in tree order.

        Without `@` also those that differ only by their unit address.
        """
        raw = encode_name(name)
        return self._search(lib.dlpar_tree_find_name, raw, len(raw))

    def by_type(self, device_type: str) -> list[Node]:
        """The nodes whose `device_type` is this string, in tree order."""
        return self.by_property("device_type", encode_name(device_type) + b"\0")

    def by_property(self, name: str, value: Buffer | None = None) -> list[Node]:
        """The nodes that have a property, in tree order; of this value, if one."""
        raw = encode_name(name)
        data = b"" if value is None else as_bytes(value)
        wanted = ffi.NULL if value is None else data
        return self._search(lib.dlpar_tree_find_prop, raw, len(raw), wanted, len(data))

    def _search(self, function: Callable[..., int], *what: object) -> list[Node]:
        """All that a search finds: one call for each `_SOME` of them."""
        found: list[Node] = []
        out, last = ffi.new("int64_t[]", _SOME), lib.DLPAR_TREE_NONE
        while True:
            n = function(self.ptr, out, _SOME, last, *what)
            if n < 0:
                raise_error(n, "search", decode_error=TreeError)
            if n:
                found += nodes_at(self, ffi.unpack(out, n))
            if n < _SOME:
                return found
            last = found[-1].handle

    @property
    def max_phandle(self) -> int:
        """The highest phandle of a node; 0 when none has one."""
        return self._number(lib.dlpar_tree_max_phandle(self.ptr), "highest phandle")

    def new_phandle(self) -> int:
        """A phandle that no node has: the highest and one, or the lowest free.

        It is taken only when a node's `phandle` is set to it.
        """
        return self._number(lib.dlpar_tree_free_phandle(self.ptr), "free phandle")

    def _number(self, value: int, what: str) -> int:
        if value < 0:
            raise_error(value, what, decode_error=TreeError)
        return int(value)

    def _info(self) -> Any:
        info = ffi.new("struct dlpar_tree_info *")
        lib.dlpar_tree_info(self.ptr, info)
        return info

    def _found(self, handle: int) -> Node | None:
        if handle >= 0:
            return node_at(self, handle)
        if handle != _NOTFOUND:
            raise_error(handle, "node", decode_error=TreeError)
        return None

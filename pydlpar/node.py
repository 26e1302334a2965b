"""`Node`: one node of a device tree, by a checked handle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NoReturn, overload

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.errors import NotFoundError, TreeError
from pydlpar.names import (
    Buffer,
    as_bytes,
    decode_name,
    decode_props,
    encode_name,
)
from pydlpar.node_place import NodePlace

if TYPE_CHECKING:
    from pydlpar.tree import DeviceTree
    from pydlpar.tree_lookup import TreeLookup

__all__ = ["Node", "PropertyMap"]

_NOTFOUND = lib.DLPAR_ERR_NOTFOUND
_get = lib.dlpar_tree_get
_set = lib.dlpar_tree_set
_unset = lib.dlpar_tree_unset
_path_of = lib.dlpar_tree_path_of
_unpack = ffi.unpack
PATH_CAP = 512
"""Bytes of a tree's scratch for paths; longer ones take a buffer of their own."""

_NAME = ffi.typeof("const char **")


class PropertyMap(Mapping[str, bytes]):
    """The properties of a node, in order: a live, read-only view."""

    __slots__ = ("_node",)

    def __init__(self, node: Node) -> None:
        self._node = node

    def __getitem__(self, name: str) -> bytes:
        return self._node[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.as_dict())

    def __len__(self) -> int:
        return len(self.as_dict())

    def __contains__(self, name: object) -> bool:
        return name in self._node

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.as_dict()!r})"

    def as_dict(self) -> dict[str, bytes]:
        """A copy, made in one call; of equal names the first counts."""
        props: dict[str, bytes] = {}
        for name, value in decode_props(self._node._stream()):
            props.setdefault(decode_name(name), value)
        return props


class Node(NodePlace):
    """A node of a `DeviceTree`.

    It holds the tree and a handle with a generation: once the node is removed,
    every use raises `StaleHandleError`; should a roll-back bring the node back,
    the object works again. Two objects for one node are equal.

    Property values are bytes. Typed access says the type and checks the length.
    """

    __slots__ = ("handle", "tree")

    tree: DeviceTree

    def __init__(self, tree: TreeLookup, handle: int) -> None:
        self.tree = tree  # type: ignore[assignment]  # a part of it, to its own parts
        self.handle = handle

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Node):
            return NotImplemented
        return self.tree is other.tree and self.handle == other.handle

    def __hash__(self) -> int:
        return hash((id(self.tree), self.handle))

    def __repr__(self) -> str:
        try:
            return f"<Node {self.path}>"
        except NotFoundError:
            return "<Node, removed>"

    def _fail(self, code: int, name: str | None = None) -> NoReturn:
        what = "node" if code == lib.DLPAR_ERR_STALE or name is None else self.path
        if name is not None:
            what += f", property {name!r}"
        raise_error(code, what, decode_error=TreeError)

    def _at(self, handle: int) -> Node:
        return Node(self.tree, handle)

    def _names(self) -> list[str]:
        return [decode_name(name) for name, _ in decode_props(self._stream())]

    @property
    def name(self) -> str:
        """Unit name, with the unit address; empty for the root."""
        out = ffi.new(_NAME)
        n = lib.dlpar_tree_name(self.tree.ptr, out, self.handle)
        if n < 0:
            self._fail(n)
        return decode_name(_unpack(out[0], n))

    @property
    def path(self) -> str:
        """Absolute path."""
        tree = self.tree
        n = _path_of(tree.ptr, tree.path_out, PATH_CAP, self.handle)
        if n >= 0:
            return decode_name(_unpack(tree.path_out, n))
        cap = PATH_CAP
        while n == lib.DLPAR_ERR_NOSPACE:
            cap *= 4
            out = ffi.new("char[]", cap)
            n = _path_of(tree.ptr, out, cap, self.handle)
        if n < 0:
            self._fail(n)
        return decode_name(_unpack(out, n))

    @property
    def parent(self) -> Node | None:
        """The node above; None for the root."""
        handle = lib.dlpar_tree_parent(self.tree.ptr, self.handle)
        if handle >= 0:
            return Node(self.tree, handle)
        if handle != _NOTFOUND:
            self._fail(handle)
        return None

    @property
    def children(self) -> list[Node]:
        """The nodes directly below, in order."""
        return self._list(lib.dlpar_tree_children)

    def walk(self) -> list[Node]:
        """The nodes of this subtree in tree order, itself first."""
        return self._list(lib.dlpar_tree_walk)

    def _list(self, function: Callable[..., int]) -> list[Node]:
        tree, cap = self.tree, 64
        while True:
            out = ffi.new("int64_t[]", cap)
            n = function(tree.ptr, out, cap, self.handle)
            if n < 0:
                self._fail(n)
            if n <= cap:
                return [Node(tree, handle) for handle in _unpack(out, n)] if n else []
            cap = n

    def child(self, name: str) -> Node | None:
        """The child of exactly this unit name, or None."""
        raw = encode_name(name)
        handle = lib.dlpar_tree_child(self.tree.ptr, self.handle, raw, len(raw))
        if handle >= 0:
            return Node(self.tree, handle)
        if handle != _NOTFOUND:
            self._fail(handle)
        return None

    @property
    def phandle(self) -> int:
        """The node's phandle; 0 when it has none."""
        value = lib.dlpar_tree_phandle_of(self.tree.ptr, self.handle)
        if value < 0:
            self._fail(value)
        return int(value)

    @property
    def properties(self) -> PropertyMap:
        """All properties, in order: a live, read-only mapping."""
        return PropertyMap(self)

    def _stream(self) -> bytes:
        cap = 4096
        while True:
            out = ffi.new("uint8_t[]", cap)
            n = lib.dlpar_tree_props(self.tree.ptr, out, cap, self.handle)
            if n < 0:
                self._fail(n)
            if n <= cap:
                return bytes(ffi.buffer(out, n))
            cap = n

    def __getitem__(self, name: str) -> bytes:
        tree = self.tree
        raw = encode_name(name)
        out = tree.value_out
        n = _get(tree.ptr, out, self.handle, raw, len(raw))
        if n < 0:
            self._fail(n, name)
        value: bytes = _unpack(out[0], n)
        return value

    def set(self, name: str, value: Buffer) -> None:
        """Give a property a value; a new property goes last.

        The same as `node[name] = value`, a little faster.

        Raises:
            TypeError: *value* is not bytes-like.
            ArgumentError: the name is empty, too long or has a NUL.
        """
        try:
            raw = name.encode()
        except UnicodeEncodeError:
            raw = encode_name(name)
        if type(value) is not bytes:
            value = as_bytes(value)
        rc = _set(self.tree.ptr, self.handle, raw, len(raw), value, len(value))
        if rc < 0:
            self._fail(rc, name)

    __setitem__ = set

    def __delitem__(self, name: str) -> None:
        raw = encode_name(name)
        rc = _unset(self.tree.ptr, self.handle, raw, len(raw))
        if rc < 0:
            self._fail(rc, name)

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        raw = encode_name(name)
        n = _get(self.tree.ptr, self.tree.value_out, self.handle, raw, len(raw))
        if n < 0 and n != _NOTFOUND:
            self._fail(n, name)
        return bool(n >= 0)

    @overload
    def get(self, name: str) -> bytes | None: ...
    @overload
    def get(self, name: str, default: bytes) -> bytes: ...
    def get(self, name: str, default: bytes | None = None) -> bytes | None:
        """A property's value, or *default* where there is none."""
        tree = self.tree
        raw = encode_name(name)
        out = tree.value_out
        n = _get(tree.ptr, out, self.handle, raw, len(raw))
        if n >= 0:
            value: bytes = _unpack(out[0], n)
            return value
        if n != _NOTFOUND:
            self._fail(n, name)
        return default

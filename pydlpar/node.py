"""`Node`: one node of a device tree, by a checked handle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, overload

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.dts import node_text
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

__all__ = ["Node", "PropertyMap", "node_at", "nodes_at"]

_NOTFOUND = lib.DLPAR_ERR_NOTFOUND
_NOSPACE = lib.DLPAR_ERR_NOSPACE
_NULL = ffi.NULL
_read = lib.dlpar_tree_read
_get = lib.dlpar_reader_get
_set = lib.dlpar_tree_set
_unset = lib.dlpar_tree_unset
_name_of = lib.dlpar_tree_name_of
_path_of = lib.dlpar_tree_path_of
_props = lib.dlpar_tree_props
_unpack = ffi.unpack

_SCRATCH_LEN = 4096
_SCRATCH = ffi.typeof("uint8_t[]")
_READER = ffi.typeof("struct dlpar_reader *")
Scratch = tuple[Any, Any, Any]
"""A buffer for what the core copies out, the same to take bytes from, and a reader.

A call takes one from its tree's list, or makes one, and puts it back: no two calls
ever share one, be they in two threads or one within the other.
"""


def _new_scratch(tree: TreeLookup) -> Scratch:
    out = ffi.new(_SCRATCH, _SCRATCH_LEN)
    reader = ffi.new(_READER, (tree.ptr, out, _SCRATCH_LEN))
    return out, ffi.buffer(out), reader


def _copy_long(
    n: int, copy: Callable[..., int], ptr: object, *node: object
) -> tuple[int, bytes]:
    """What has no room in a scratch, of *n* bytes where that is known.

    Asked again for as long as another thread has made it grow meanwhile.
    """
    cap = _SCRATCH_LEN
    while n > cap or n == _NOSPACE:
        cap = max(n, 4 * cap)
        out = ffi.new(_SCRATCH, cap)
        n = copy(ptr, out, cap, *node)
    return n, bytes(ffi.buffer(out, n)) if n > 0 else b""


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
        for name, value in self.pairs():
            props.setdefault(name, value)
        return props

    def pairs(self) -> list[tuple[str, bytes]]:
        """Names and values, with those that an equal name before them hides."""
        stream = decode_props(self._node._copy(_props))
        return [(decode_name(name), value) for name, value in stream]


class Node(NodePlace):
    """A node of a `DeviceTree`.

    It holds the tree and a handle with a generation: once the node is removed,
    every use raises `StaleHandleError`; should a roll-back bring the node back,
    the object works again. Two objects for one node are equal.

    Property values are bytes. Typed access says the type and checks the length.
    """

    __slots__ = ("handle", "tree")

    # Set by what makes it: a call of __init__ would cost as much as the look-up.
    tree: DeviceTree
    handle: int

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

    def _copy(self, function: Callable[..., int]) -> bytes:
        """What a function of the core writes about the node."""
        tree = self.tree
        pool = tree.scratch
        try:
            scratch = pool.pop()
        except IndexError:
            scratch = _new_scratch(tree)
        n = function(tree.ptr, scratch[0], _SCRATCH_LEN, self.handle)
        if 0 <= n <= _SCRATCH_LEN:
            data: bytes = scratch[1][:n]
            pool.append(scratch)
            return data
        pool.append(scratch)
        if n > _SCRATCH_LEN or n == _NOSPACE:
            n, data = _copy_long(n, function, tree.ptr, self.handle)
        if n < 0:
            self._fail(n)
        return data

    @overload
    def get(self, name: str) -> bytes | None: ...
    @overload
    def get(self, name: str, default: bytes) -> bytes: ...
    def get(self, name: str, default: bytes | None = None) -> bytes | None:
        """A property's value, or *default* where there is none."""
        # As `_copy()`, written out again, and in `__getitem__()` once more: these
        # are the reads that users wait for.
        try:
            raw = name.encode()
        except UnicodeEncodeError:
            raw = encode_name(name)
        pool = self.tree.scratch
        try:
            scratch = pool.pop()
        except IndexError:
            scratch = _new_scratch(self.tree)
        n = _get(scratch[2], self.handle, raw, len(raw))
        if 0 <= n <= _SCRATCH_LEN:
            value: bytes = scratch[1][:n]
            pool.append(scratch)
            return value
        pool.append(scratch)
        found = None if n == _NOTFOUND else self._unusual(n, name, raw)
        return default if found is None else found

    def _unusual(self, n: int, name: str, raw: bytes) -> bytes | None:
        """A property that has no room in a scratch, or does not exist: None."""
        if n > _SCRATCH_LEN:
            n, value = _copy_long(n, _read, self.tree.ptr, self.handle, raw, len(raw))
        if n >= 0:
            return value
        if n != _NOTFOUND:
            self._fail(n, name)
        return None

    def _at(self, handle: int) -> Node:
        return node_at(self.tree, handle)

    def _names(self) -> list[str]:
        return [decode_name(name) for name, _ in decode_props(self._copy(_props))]

    @property
    def name(self) -> str:
        """Unit name, with the unit address; empty for the root."""
        return decode_name(self._copy(_name_of))

    @property
    def path(self) -> str:
        """Absolute path."""
        return decode_name(self._copy(_path_of))

    @property
    def parent(self) -> Node | None:
        """The node above; None for the root."""
        handle = lib.dlpar_tree_parent(self.tree.ptr, self.handle)
        if handle >= 0:
            return node_at(self.tree, handle)
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
                return nodes_at(tree, _unpack(out, n)) if n else []
            cap = n

    def to_dts(self, *, labels: bool = False, string_lists: bool = False) -> str:
        """This node with its subtree as source text; as `DeviceTree.to_dts()`.

        It stands for itself, without indentation, version and reservations.
        """
        return node_text(self, labels=labels, string_lists=string_lists)

    def child(self, name: str) -> Node | None:
        """The child of exactly this unit name, or None."""
        raw = encode_name(name)
        handle = lib.dlpar_tree_child(self.tree.ptr, self.handle, raw, len(raw))
        if handle >= 0:
            return node_at(self.tree, handle)
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

    def __getitem__(self, name: str) -> bytes:
        try:
            raw = name.encode()
        except UnicodeEncodeError:
            raw = encode_name(name)
        pool = self.tree.scratch
        try:
            scratch = pool.pop()
        except IndexError:
            scratch = _new_scratch(self.tree)
        n = _get(scratch[2], self.handle, raw, len(raw))
        if 0 <= n <= _SCRATCH_LEN:
            value: bytes = scratch[1][:n]
            pool.append(scratch)
            return value
        pool.append(scratch)
        found = self._unusual(n, name, raw)
        if found is None:
            self._fail(_NOTFOUND, name)
        return found

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
        n = _read(self.tree.ptr, _NULL, 0, self.handle, raw, len(raw))
        if n < 0 and n != _NOTFOUND:
            self._fail(n, name)
        return bool(n >= 0)


def node_at(tree: TreeLookup, handle: int) -> Node:
    """The node of a handle that the core gave."""
    node = Node()
    node.tree = tree  # type: ignore[assignment]  # a part of it, to its own parts
    node.handle = handle
    return node


def nodes_at(tree: TreeLookup, handles: Iterable[int]) -> list[Node]:
    """The nodes of many."""
    return [node_at(tree, handle) for handle in handles]

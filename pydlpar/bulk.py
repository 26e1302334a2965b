"""Reads of a `DeviceTree`, many in one call: paths, and a property as a column."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn, cast, overload

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.errors import ArgumentError, TreeError
from pydlpar.names import check_u32, encode_name
from pydlpar.node import Node, node_at
from pydlpar.node_array import NodeArray, view
from pydlpar.tree_lookup import TreeLookup

if TYPE_CHECKING:
    from pydlpar.tree import DeviceTree

__all__ = ["Column", "TreeBulk"]

_BADPATH = lib.DLPAR_ERR_BADPATH
_STALE = lib.DLPAR_ERR_STALE
_path = lib.dlpar_tree_path
_paths = lib.dlpar_tree_paths
_column = lib.dlpar_tree_column
_column_u32 = lib.dlpar_tree_column_u32
_walk = lib.dlpar_tree_walk
_HANDLES = ffi.typeof("int64_t[]")
_BYTES = ffi.typeof("uint8_t[]")
_LENGTHS = ffi.typeof("int32_t[]")
_CELLS = ffi.typeof("uint32_t[]")
_ROW = ffi.typeof("size_t *")
_FIRST_GUESS = 16
"""Bytes of a value, before the core has said what all of them take."""

Nodes = NodeArray | Sequence["Node | int | None"]


class Column(Sequence["bytes | None"]):
    """A property of many nodes: bytes, or None where a node does not have it.

    Attributes:
        values: all values one after the other, without padding.
        offsets: where in `values` each begins, and at last where they end.
        lengths: of each value, -1 where the property is missing.
    """

    __slots__ = ("lengths", "offsets", "values")

    def __init__(
        self, values: memoryview[int], offsets: object, lengths: object
    ) -> None:
        """Take over what the core filled."""
        self.values = values
        self.offsets = view(offsets, "q")
        self.lengths = view(lengths, "i")

    def __len__(self) -> int:
        return len(self.lengths)

    @overload
    def __getitem__(self, index: int) -> bytes | None: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes | None]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes | None] | None:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        length = self.lengths[index]
        if length < 0:
            return None
        begin = self.offsets[index if index >= 0 else index + len(self)]
        return bytes(self.values[begin : begin + length])

    def __iter__(self) -> Iterator[bytes | None]:
        values = bytes(self.values)
        for begin, length in zip(self.offsets, self.lengths, strict=False):
            yield values[begin : begin + length] if length >= 0 else None

    def __repr__(self) -> str:
        return f"<Column, {len(self)} values, {len(self.values)} bytes>"


class TreeBulk(TreeLookup):
    """What `DeviceTree` has to read many nodes in one call."""

    __slots__ = ()

    def handle(self, path: str) -> int:
        """The node of an absolute path as a number, for calls that take one.

        A node's handle is what `Node.handle` holds. Errors as of `tree[path]`.
        """
        try:
            raw = path.encode()
        except UnicodeEncodeError:
            raw = encode_name(path)
        handle: int = _path(self.ptr, raw, len(raw))
        if handle < 0:
            raise_error(handle, f"node {path!r}", decode_error=TreeError)
        return handle

    def paths(self, paths: Sequence[str]) -> NodeArray:
        """The nodes of many absolute paths, in one call.

        Returns:
            A node for each path, None where there is none.

        Raises:
            ArgumentError: a path is empty, or holds a NUL.
        """
        raw = encode_name("\0".join(paths))
        count = len(paths)
        out = ffi.new(_HANDLES, count)
        n = _paths(self.ptr, out, count, raw, len(raw))
        if n < 0:
            bad = next(path for path in paths if "\0" in path)
            raise ArgumentError(f"path {bad!r}: a NUL in it", n)
        found = NodeArray(cast("DeviceTree", self), out, count)
        if n < count and _BADPATH in found.handles:
            bad = paths[found.handles.tolist().index(_BADPATH)]
            raise_error(_BADPATH, f"node {bad!r}")
        return found

    def subtree(self, top: Node | None = None) -> NodeArray:
        """A node and all below it in tree order; without *top*, the whole tree."""
        handle = self.own(top) if top else lib.dlpar_tree_root(self.ptr)
        count = _walk(self.ptr, ffi.NULL, 0, handle)
        if count < 0:
            raise_error(count, "node", decode_error=TreeError)
        out = ffi.new(_HANDLES, count)
        if _walk(self.ptr, out, count, handle) != count:
            raise_error(lib.DLPAR_ERR_BUSY, "walk over a tree")
        return NodeArray(cast("DeviceTree", self), out, count)

    def column(self, nodes: Nodes, name: str) -> Column:
        """One property of many nodes, in one call.

        Args:
            nodes: a `NodeArray`, or nodes and handles in any mixture.
            name: the property.

        Returns:
            For each node the value, None where it has no such property.

        Raises:
            StaleHandleError: one of the nodes is gone, or is None.
        """
        handles, count = self._handles(nodes)
        raw = encode_name(name)
        offsets, lengths = ffi.new(_HANDLES, count + 1), ffi.new(_LENGTHS, count)
        need, cap = count * _FIRST_GUESS, -1
        while need > cap:
            cap = need
            out = ffi.new(_BYTES, cap)
            need = _column(
                self.ptr, out, cap, lengths, offsets, handles, count, raw, len(raw)
            )
        if need < 0:
            self._fail_at(need, offsets[0], handles, name)
        return Column(view(out, "B")[:need], offsets, lengths)

    def column_u32(
        self, nodes: Nodes, name: str, *, default: int | None = None
    ) -> memoryview[int]:
        """One property of many nodes, each of one cell, in one call.

        Args:
            nodes: a `NodeArray`, or nodes and handles in any mixture.
            name: the property.
            default: what stands for a property that is missing.

        Returns:
            A view of unsigned 32-bit numbers: `tolist()`, slices, `array("I", ...)`.

        Raises:
            NotFoundError: a node has no such property and there is no *default*.
            TreeError: a value is not 4 bytes long.
            StaleHandleError: one of the nodes is gone, or is None.
        """
        handles, count = self._handles(nodes)
        raw, missing = encode_name(name), -1
        if default is not None:
            missing = check_u32(default, "default")
        out, row = ffi.new(_CELLS, count), ffi.new(_ROW)
        rc = _column_u32(self.ptr, out, row, handles, count, raw, len(raw), missing)
        if rc < 0:
            self._fail_at(rc, row[0], handles, name)
        return view(out, "I")

    def _handles(self, nodes: Nodes) -> tuple[object, int]:
        """What the core takes for nodes: an array, and its length."""
        if isinstance(nodes, NodeArray):
            if nodes.tree is not self:
                raise ArgumentError("the nodes are of another tree")
            return ffi.from_buffer(_HANDLES, nodes.handles), len(nodes)
        number = self._handle_of
        try:
            handles = array(
                "q",
                [
                    node.handle
                    if type(node) is Node and node.tree is self
                    else number(node)
                    for node in nodes
                ],
            )
        except OverflowError:
            raise ArgumentError("a handle of no tree") from None
        return ffi.from_buffer(_HANDLES, handles), len(handles)

    def _handle_of(self, node: Node | int | None) -> int:
        if node is None:
            return -1
        return node if isinstance(node, int) else self.own(node)

    def _fail_at(self, code: int, row: int, handles: object, name: str) -> NoReturn:
        what = f"node {row} of the list"
        if code != _STALE:
            node = node_at(self, handles[row])  # type: ignore[index]  # an array
            what += f", {node.path}"
        what += f", property {name!r}"
        raise_error(code, what, row=row, decode_error=TreeError)

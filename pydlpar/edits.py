"""Transactions, node templates and batches of edits on a device tree."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.errors import ArgumentError, TreeError
from pydlpar.names import Buffer, as_bytes, encode_name, encode_props
from pydlpar.node import Node

if TYPE_CHECKING:
    from pydlpar.tree import DeviceTree

__all__ = ["Batch", "Template", "Transaction"]

_depth = lib.dlpar_tree_depth
_begin = lib.dlpar_tree_begin
_commit = lib.dlpar_tree_commit
_rollback = lib.dlpar_tree_rollback
_stamp = lib.dlpar_tree_stamp
_record = struct.Struct(">IqII")


class Transaction:
    """A stretch of edits that happens whole or not at all.

    A context manager: leaving it by an exception, or after `rollback()`, restores
    the tree bit for bit. Transactions nest; each undoes its own part.
    """

    __slots__ = ("_depth", "_tree")

    def __init__(self, tree: DeviceTree) -> None:
        self._tree = tree
        self._depth = 0

    def __enter__(self) -> Transaction:
        if self._depth:
            raise_error(lib.DLPAR_ERR_BADARG, "begin of a transaction that is open")
        rc = _begin(self._tree.ptr)
        if rc < 0:
            raise_error(rc, "begin of a transaction", decode_error=TreeError)
        self._depth = rc
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.rollback()
        else:
            self._end(_commit, "commit")

    def rollback(self) -> None:
        """Undo all edits since the transaction began, and end it.

        Transactions opened within it that are still open end with it.
        """
        self._end(_rollback, "roll-back")

    def _end(self, function: Callable[..., int], what: str) -> None:
        """Close down to this one's level; nothing where an outer one has done so."""
        ptr = self._tree.ptr
        while self._depth and _depth(ptr) >= self._depth:
            rc = function(ptr)
            if rc < 0:
                raise_error(rc, f"{what} of a transaction", decode_error=TreeError)
        self._depth = 0


class Template:
    """The properties of a node, encoded once and added many times.

    Made by `DeviceTree.template()`; freed with the tree, or by `close()`.
    """

    __slots__ = ("_props", "number", "tree")

    def __init__(self, tree: DeviceTree, properties: Mapping[str, Buffer]) -> None:
        self.tree = tree
        self._props = encode_props(properties)
        self.number = self._encode()

    def _encode(self) -> int:
        n = lib.dlpar_tree_template(self.tree.ptr, self._props, len(self._props))
        if n < 0:
            raise_error(n, "template", decode_error=TreeError)
        return int(n)

    def add(
        self, parent: Node, name: str, patch: Mapping[str, Buffer] | None = None
    ) -> Node:
        """Add a node with these properties as the last child of *parent*.

        Args:
            parent: a node of the template's tree.
            name: unit name.
            patch: values that differ from the template's; same names and sizes.

        Raises:
            ExistsError: *parent* has a child of that name.
            NotFoundError: the template has no property of a patch's name.
            TreeError: a patch has another size.
        """
        raw = encode_name(name)
        change = encode_props(patch) if patch else b""
        handle = _stamp(
            self.tree.ptr,
            self.tree.own(parent),
            raw,
            len(raw),
            self.number,
            change,
            len(change),
            0,
        )
        if handle < 0:
            raise_error(handle, f"template as node {name!r}", decode_error=TreeError)
        return Node(self.tree, handle)

    def close(self) -> None:
        """Free what the template occupies; using it then raises."""
        rc = lib.dlpar_tree_drop_template(self.tree.ptr, self.number)
        if rc < 0:
            raise_error(rc, "template", decode_error=TreeError)


class Batch:
    """A stream of edits, carried out in one call and one transaction.

    Collects operations; `run()`, or leaving it as a context manager without an
    exception, carries them out. What `add()` returns stands for the node to be,
    as the target of later operations of the same batch.
    """

    def __init__(self, tree: DeviceTree) -> None:
        self._tree = tree
        self._parts: list[bytes] = []
        self._count = 0
        self.nodes: list[Node | None] = []

    def __enter__(self) -> Batch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.run()

    def __len__(self) -> int:
        return self._count

    def _append(self, op: int, node: Node | int, name: bytes, data: bytes) -> int:
        target = node if isinstance(node, int) else self._tree.own(node)
        if not -(1 << 63) <= target < 1 << 63:
            raise ArgumentError(f"node {target}: expected one of this tree or batch")
        self._parts += (_record.pack(op, target, len(name), len(data)), name, data)
        self._count += 1
        return -self._count

    def add(self, parent: Node | int, name: str, props: Mapping[str, Buffer]) -> int:
        """Add a node; returns what stands for it within the batch."""
        raw = encode_name(name)
        return self._append(lib.DLPAR_TREE_OP_ADD, parent, raw, encode_props(props))

    def stamp(
        self,
        parent: Node | int,
        name: str,
        template: Template,
        patch: Mapping[str, Buffer] | None = None,
    ) -> int:
        """Add a node from a template; returns what stands for it."""
        if template.tree is not self._tree:
            raise ArgumentError("the template is of another tree")
        data = template.number.to_bytes(4, "big") + encode_props(patch or {})
        return self._append(lib.DLPAR_TREE_OP_STAMP, parent, encode_name(name), data)

    def set(self, node: Node | int, name: str, value: Buffer) -> None:
        """Give a property a value."""
        self._append(lib.DLPAR_TREE_OP_SET, node, encode_name(name), as_bytes(value))

    def unset(self, node: Node | int, name: str) -> None:
        """Remove a property."""
        self._append(lib.DLPAR_TREE_OP_UNSET, node, encode_name(name), b"")

    def remove(self, node: Node | int) -> None:
        """Remove a node and its subtree."""
        self._append(lib.DLPAR_TREE_OP_REMOVE, node, b"", b"")

    def run(self) -> list[Node | None]:
        """Carry out all operations and forget them.

        Returns:
            One entry per operation: the node it made, or None. Also kept as
            `nodes`.

        Raises:
            DlparError: an operation failed; `.row` (bytes errors) or the message
                gives its index. The tree is what it was.
        """
        stream, count = b"".join(self._parts), self._count
        self._parts, self._count = [], 0
        out = ffi.new("int64_t[]", count + 1)
        n = lib.dlpar_tree_batch(self._tree.ptr, out, count, stream, len(stream))
        if n < 0:
            what = f"operation {out[0]} of the batch"
            raise_error(n, what, row=out[0], decode_error=TreeError)
        tree = self._tree
        handles = ffi.unpack(out, n) if n else []
        self.nodes = [Node(tree, h) if h >= 0 else None for h in handles]
        return self.nodes

"""Transactions, node templates and batches of edits on a device tree."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.errors import ArgumentError, TreeError
from pydlpar.names import Buffer, as_bytes, encode_name, encode_props
from pydlpar.node import Node, node_at
from pydlpar.node_array import NodeArray

if TYPE_CHECKING:
    from pydlpar.tree import DeviceTree

__all__ = [
    "Batch",
    "Prepared",
    "Template",
    "Transaction",
    "begin",
    "commit",
    "roll_back",
]

_depth = lib.dlpar_tree_depth
_begin = lib.dlpar_tree_begin
_commit_to = lib.dlpar_tree_commit_to
_rollback = lib.dlpar_tree_rollback
_stamp = lib.dlpar_stamper_add
_batch = lib.dlpar_tree_batch
_record = struct.Struct(">IqII")
_lengths = struct.Struct(">II")
_STAMPER = ffi.typeof("struct dlpar_stamper *")
_HANDLES = ffi.typeof("int64_t[]")

_FLAGS_SHIFT = 16  # of an operation's flags
_SLOTS = lib.DLPAR_TREE_SLOTS
_ADD = lib.DLPAR_TREE_OP_ADD
_ADD_FIRST = _ADD | lib.DLPAR_TREE_FIRST << _FLAGS_SHIFT
_STAMP_SLOTS = lib.DLPAR_TREE_OP_STAMP | _SLOTS << _FLAGS_SHIFT
_SET = lib.DLPAR_TREE_OP_SET
_UNSET = lib.DLPAR_TREE_OP_UNSET
_REMOVE = lib.DLPAR_TREE_OP_REMOVE
_FIND = lib.DLPAR_TREE_OP_FIND


class Transaction:
    """A stretch of edits that happens whole or not at all.

    A context manager: leaving it by an exception, or after `rollback()`, restores
    the tree bit for bit. Transactions nest; each undoes its own part. It belongs to
    the thread that enters it.
    """

    __slots__ = ("_depth", "_tree")

    def __init__(self, tree: DeviceTree) -> None:
        self._tree = tree
        self._depth = 0

    def __enter__(self) -> Transaction:
        if self._depth:
            raise_error(lib.DLPAR_ERR_BADARG, "begin of a transaction that is open")
        self._depth = begin(self._tree.ptr)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.rollback()
        elif self._depth:
            commit(self._tree.ptr, self._depth)
            self._depth = 0

    def rollback(self) -> None:
        """Undo all edits since the transaction began, and end it.

        Transactions opened within it that are still open end with it.
        """
        if self._depth:
            roll_back(self._tree.ptr, self._depth)
            self._depth = 0


def begin(ptr: object) -> int:
    """Begin a transaction of the calling thread: how many are open now."""
    depth: int = _begin(ptr)
    if depth < 0:
        raise_error(depth, "begin of a transaction", decode_error=TreeError)
    return depth


def commit(ptr: object, depth: int) -> None:
    """End the transactions from level *depth* on; nothing where that has been done."""
    rc = _commit_to(ptr, depth)
    if rc < 0:
        raise_error(rc, "commit of a transaction", decode_error=TreeError)


def roll_back(ptr: object, depth: int) -> None:
    """The same, and undo their edits."""
    # Asked once: behind the last end, the next may be another thread's.
    for _ in range(depth, _depth(ptr) + 1):
        rc = _rollback(ptr)
        if rc < 0:
            raise_error(rc, "roll-back of a transaction", decode_error=TreeError)


class Template:
    """The properties of a node, encoded once and added many times.

    Made by `DeviceTree.template()`; freed with the tree, or by `close()`.

    Attributes:
        tree: the tree it is of.
        number: what the core calls it.
    """

    __slots__ = ("_ptr", "_slots", "_stamper", "number", "tree")

    def __init__(self, tree: DeviceTree, properties: Mapping[str, Buffer]) -> None:
        self.tree = tree
        self._ptr = tree.ptr
        self._slots = {name: slot for slot, name in enumerate(properties)}
        props = encode_props(properties)
        number = lib.dlpar_tree_template(self._ptr, props, len(props))
        if number < 0:
            raise_error(number, "template", decode_error=TreeError)
        self.number = int(number)
        self._stamper = ffi.new(_STAMPER, (self._ptr, self.number, _SLOTS))

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
        tree = self.tree
        if parent.tree is not tree:
            tree.own(parent)
        return node_at(tree, self.stamp(parent.handle, name, patch))

    def stamp(
        self,
        parent: int,
        name: str,
        patch: Mapping[str, Buffer] | bytes | None = None,
    ) -> int:
        """The same from handle to handle, without an object: see `Node.handle`.

        *patch* may also be what `encode_patch()` made of one.
        """
        try:
            raw = name.encode()
        except UnicodeEncodeError:
            raw = encode_name(name)
        if isinstance(patch, bytes):
            change = patch
        else:
            change = self.encode_patch(patch) if patch else b""
        handle: int = _stamp(self._stamper, parent, raw, len(raw), change, len(change))
        if handle < 0:
            raise_error(handle, f"template as node {name!r}", decode_error=TreeError)
        return handle

    def encode_patch(self, patch: Mapping[str, Buffer]) -> bytes:
        """A patch as the core takes it: by the properties' places.

        Raises:
            NotFoundError: the template has no property of a patch's name.
        """
        parts: list[bytes] = []
        for name, value in patch.items():
            slot = self._slots.get(name)
            if slot is None:
                raise_error(lib.DLPAR_ERR_NOTFOUND, f"template, property {name!r}")
            data = as_bytes(value)
            parts += (_lengths.pack(slot, len(data)), data)
        return b"".join(parts)

    def close(self) -> None:
        """Free what the template occupies; using it then raises."""
        rc = lib.dlpar_tree_drop_template(self._ptr, self.number)
        if rc < 0:
            raise_error(rc, "template", decode_error=TreeError)


class Prepared:
    """A stream of edits that can be carried out again and again.

    Made by `Batch.prepare()`. It names nodes by handles: one that is gone when it
    runs is an error then.
    """

    __slots__ = ("_count", "_stream", "_tree")

    def __init__(self, tree: DeviceTree, stream: bytes, count: int) -> None:
        self._tree = tree
        self._stream = stream
        self._count = count

    def __len__(self) -> int:
        return self._count

    def run(self) -> NodeArray:
        """Carry out all operations, in one call and one transaction.

        Returns:
            One entry per operation: the node it made or found, or None.

        Raises:
            DlparError: an operation failed; `.row` (bytes errors) or the message
                gives its index. The tree is what it was.
        """
        stream, count = self._stream, self._count
        out = ffi.new(_HANDLES, count + 1)
        n = _batch(self._tree.ptr, out, count, stream, len(stream))
        if n < 0:
            what = f"operation {out[0]} of the batch"
            raise_error(n, what, row=out[0], decode_error=TreeError)
        return NodeArray(self._tree, out, count)


class Batch:
    """A stream of edits, carried out in one call and one transaction.

    Collects operations; `run()`, or leaving it as a context manager without an
    exception, carries them out. What `add()`, `stamp()` and `find()` return stands
    for the node to be, as the target of later operations of the same batch.
    """

    def __init__(self, tree: DeviceTree) -> None:
        self._tree = tree
        self._parts: list[bytes] = []
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
        return len(self._parts)

    def _append(self, op: int, node: Node | int, name: bytes, data: bytes) -> int:
        target = node if isinstance(node, int) else self._tree.own(node)
        try:
            head = _record.pack(op, target, len(name), len(data))
        except struct.error:
            raise ArgumentError(
                f"node {target}: expected one of this tree or batch"
            ) from None
        parts = self._parts
        parts.append(head + name + data)
        return -len(parts)

    def add(
        self,
        parent: Node | int,
        name: str,
        props: Mapping[str, Buffer],
        *,
        first: bool = False,
    ) -> int:
        """Add a node; returns what stands for it within the batch."""
        op = _ADD_FIRST if first else _ADD
        return self._append(op, parent, encode_name(name), encode_props(props))

    def stamp(
        self,
        parent: Node | int,
        name: str,
        template: Template,
        patch: Mapping[str, Buffer] | None = None,
    ) -> int:
        """Add a node from a template; returns what stands for it.

        Raises:
            NotFoundError: the template has no property of a patch's name.
        """
        if template.tree is not self._tree:
            raise ArgumentError("the template is of another tree")
        data = template.number.to_bytes(4, "big")
        if patch:
            data += template.encode_patch(patch)
        return self._append(_STAMP_SLOTS, parent, encode_name(name), data)

    def find(self, node: Node | int, path: str) -> int:
        """Look up a node by its path below *node*; returns what stands for it."""
        return self._append(_FIND, node, encode_name(path), b"")

    def set(self, node: Node | int, name: str, value: Buffer) -> None:
        """Give a property a value."""
        self._append(_SET, node, encode_name(name), as_bytes(value))

    def unset(self, node: Node | int, name: str) -> None:
        """Remove a property."""
        self._append(_UNSET, node, encode_name(name), b"")

    def remove(self, node: Node | int) -> None:
        """Remove a node and its subtree."""
        self._append(_REMOVE, node, b"", b"")

    def prepare(self) -> Prepared:
        """The operations so far as a stream that can be run many times."""
        return Prepared(self._tree, b"".join(self._parts), len(self._parts))

    def run(self) -> list[Node | None]:
        """Carry out all operations and forget them.

        Returns:
            One entry per operation: the node it made or found, or None. Also kept
            as `nodes`.

        Raises:
            DlparError: as of `Prepared.run()`.
        """
        prepared = self.prepare()
        self._parts = []
        self.nodes = list(prepared.run())
        return self.nodes

"""`DeviceTree`: a flattened device tree that can be looked up and edited fast."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.dts import Change, compare, tree_text
from pydlpar.edits import Batch, Template, Transaction
from pydlpar.errors import ArgumentError, TreeError
from pydlpar.interop import read_directory, read_pyfdt, write_pyfdt
from pydlpar.node import (
    PATH_CAP,
    Buffer,
    Node,
    as_bytes,
    check_u32,
    encode_name,
    encode_props,
)

if TYPE_CHECKING:
    import pyfdt.pyfdt

__all__ = ["DeviceTree", "Reservation"]

_NOTFOUND = lib.DLPAR_ERR_NOTFOUND
_FIRST = lib.DLPAR_TREE_FIRST
_path = lib.dlpar_tree_path
_flat = lib.dlpar_tree_flat
_phandle = lib.dlpar_tree_phandle
_TREE_OUT = ffi.typeof("struct dlpar_tree **")


class Reservation(NamedTuple):
    """An entry of the memory reserve map: address and size in bytes."""

    address: int
    size: int


def _seed() -> int:
    """A fresh key for a tree's hash tables: names may come from anywhere."""
    return int.from_bytes(os.urandom(8), "little")


def _check_limit(memory_limit: int) -> None:
    if not 0 <= memory_limit < 1 << 64:
        raise ArgumentError(f"memory limit {memory_limit}: expected bytes, or 0")


class DeviceTree:
    """A device tree: a live index over a flattened blob.

    Look-ups by path, phandle and property name take constant time (but where names
    or phandles stand twice, a search); an edit moves no other node; every edit can
    be undone; what did not change is copied whole when the tree is written out.

    A tree belongs to one thread at a time, and is not to be used from a signal
    handler; an edit that meets another one raises `BusyError`.

    Attributes:
        ptr: the C object, for the modules of this package.
        value_out, path_out: scratch for the address of a value, and for a path.
    """

    __slots__ = ("__weakref__", "path_out", "ptr", "value_out")

    def __init__(self, *, memory_limit: int = 0) -> None:
        """A tree that holds only a root.

        Args:
            memory_limit: most bytes the tree may ever allocate; 0 is no limit.
        """
        _check_limit(memory_limit)
        out = ffi.new(_TREE_OUT)
        rc = lib.dlpar_tree_new(out, _seed(), memory_limit)
        if rc < 0:
            raise_error(rc, "new device tree")
        self._adopt(out[0])

    def _adopt(self, ptr: object) -> None:
        self.ptr = ffi.gc(ptr, lib.dlpar_tree_free)
        self.value_out = ffi.new("const char **")
        self.path_out = ffi.new("char[]", PATH_CAP)

    @classmethod
    def _of(cls, ptr: object) -> DeviceTree:
        tree = cls.__new__(cls)
        tree._adopt(ptr)
        return tree

    @classmethod
    def from_dtb(
        cls, data: Buffer, *, lenient: bool = False, memory_limit: int = 0
    ) -> DeviceTree:
        """Validate and index a flattened device tree.

        Args:
            data: bytes-like, versions 16 and 17; bytes after its total size are
                ignored. It is copied.
            lenient: accept a structure block that runs past its stated size.
            memory_limit: most bytes the tree may ever allocate; 0 is no limit.

        Raises:
            TreeError: malformed; `.code` says how, `.offset` at which byte.
            NoSpaceError: memory or its limit is exhausted.

        Source: Devicetree Specification 0.4, chapter 5.
        """
        blob = as_bytes(data, "a device tree")
        _check_limit(memory_limit)
        out, offset = ffi.new(_TREE_OUT), ffi.new("size_t *")
        flags = lib.DLPAR_TREE_LENIENT if lenient else 0
        rc = lib.dlpar_tree_parse(
            out, offset, blob, len(blob), _seed(), memory_limit, flags
        )
        if rc < 0:
            raise_error(rc, "device tree", offset=offset[0], decode_error=TreeError)
        return cls._of(out[0])

    @classmethod
    def from_filesystem(cls, path: str | os.PathLike[str]) -> DeviceTree:
        """Read a tree of directories and files, as `/proc/device-tree`.

        A directory is a node, a file a property; both in alphabetical order.

        Raises:
            OSError: *path* or something below cannot be read.
        """
        tree = cls()
        read_directory(tree, path)
        return tree

    @classmethod
    def from_pyfdt(cls, fdt: pyfdt.pyfdt.Fdt) -> DeviceTree:
        """The same tree as a `pyfdt` object (extra `pyfdt`)."""
        return cls.from_dtb(read_pyfdt(fdt))

    def to_pyfdt(self) -> pyfdt.pyfdt.Fdt:
        """The same tree as a `pyfdt` object (extra `pyfdt`)."""
        return write_pyfdt(self.to_dtb())

    def to_dtb(self) -> bytes:
        """The tree as a version 17 blob."""
        size = _flat(self.ptr, self.value_out)
        if size >= 0:
            copy: bytes = ffi.unpack(self.value_out[0], size)
            return copy
        size = lib.dlpar_tree_flat_size(self.ptr)
        if size < 0:
            raise_error(size, "device tree", decode_error=TreeError)
        # Written before anyone else can see the object, as a C extension would
        # fill a new bytes: a copy of several megabytes less. It is never one of
        # the interpreter's shared bytes, which have at most one byte.
        blob = bytes(size)
        if lib.dlpar_tree_flatten(self.ptr, ffi.from_buffer(blob), size) != size:
            raise_error(lib.DLPAR_ERR_INTERNAL, "write-out of a device tree")
        return blob

    def write_into(self, buffer: bytearray | memoryview) -> int:
        """Write the tree into a caller's buffer.

        Returns:
            How many bytes it took.

        Raises:
            NoSpaceError: the buffer is too small; nothing is written.
        """
        with ffi.from_buffer("uint8_t[]", buffer, require_writable=True) as out:
            n = lib.dlpar_tree_flatten(self.ptr, out, len(out))
        if n < 0:
            raise_error(n, "write-out of a device tree", decode_error=TreeError)
        return int(n)

    def to_dts(self) -> str:
        """The tree as source text, values shown as dtc shows those of a blob."""
        return tree_text(self)

    def diff(self, other: DeviceTree) -> list[Change]:
        """What turns this tree into *other*, in tree order."""
        return list(compare(self.root, other.root))

    def __len__(self) -> int:
        """Number of nodes, the root included."""
        return int(self._info().n_nodes)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<DeviceTree, {len(self)} nodes>"

    def _info(self) -> Any:
        info = ffi.new("struct dlpar_tree_info *")
        lib.dlpar_tree_info(self.ptr, info)
        return info

    @property
    def memory(self) -> int:
        """Bytes that the tree has allocated."""
        return int(self._info().memory)

    @property
    def depth(self) -> int:
        """Number of open transactions."""
        return int(lib.dlpar_tree_depth(self.ptr))

    @property
    def edits(self) -> int:
        """A number that grows with every change made or undone."""
        return int(self._info().edits)

    @property
    def boot_cpu(self) -> int:
        """Physical id of the boot CPU, as the header gives it."""
        return int(self._info().boot_cpu)

    @property
    def reservations(self) -> list[Reservation]:
        """The memory reserve map."""
        address, size = ffi.new("uint64_t *"), ffi.new("uint64_t *")
        found, i = [], 0
        while lib.dlpar_tree_reservation(self.ptr, address, size, i) == 0:
            found.append(Reservation(address[0], size[0]))
            i += 1
        return found

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

    def add_node(
        self, path: str, properties: Mapping[str, Buffer], *, first: bool = False
    ) -> Node:
        """Add a node, as the last child of its parent, or as its first.

        Raises:
            NotFoundError: the parent does not exist.
            ExistsError: the node does.
            ArgumentError: a name is empty, too long or has a `/` or NUL.
        """
        above, _, name = path.rpartition("/")
        return self.add_child(self[above or "/"], name, properties, first=first)

    def add_child(
        self,
        parent: Node,
        name: str,
        properties: Mapping[str, Buffer],
        *,
        first: bool = False,
    ) -> Node:
        """Add a node below *parent*; errors as of `add_node()`."""
        raw, stream = encode_name(name), encode_props(properties)
        flags = _FIRST if first else 0
        handle = lib.dlpar_tree_add(
            self.ptr, self.own(parent), raw, len(raw), stream, len(stream), flags
        )
        if handle < 0:
            raise_error(handle, f"new node {name!r}", decode_error=TreeError)
        return Node(self, handle)

    def remove_node(self, path: str) -> None:
        """Remove the node of a path, and its subtree."""
        self.remove(self[path])

    def remove(self, node: Node) -> None:
        """Remove a node and its subtree.

        Raises:
            ArgumentError: it is the root, or of another tree.
        """
        rc = lib.dlpar_tree_remove(self.ptr, self.own(node))
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
        return Node(self, handle)

    def detach(self, path: str) -> DeviceTree:
        """Take a subtree out: a tree of its own, with the node below its root."""
        node = self[path]
        fragment = self.extract(node)
        self.remove(node)
        return fragment

    def extract(self, node: Node) -> DeviceTree:
        """Copy a subtree: a tree of its own, with the node below its root."""
        out = ffi.new(_TREE_OUT)
        rc = lib.dlpar_tree_extract(self.ptr, out, self.own(node), _seed())
        if rc < 0:
            raise_error(rc, "copy of a subtree", decode_error=TreeError)
        return DeviceTree._of(out[0])

    def graft(self, parent: Node, fragment: Buffer) -> list[Node]:
        """Attach a flattened fragment below *parent*; all or nothing.

        Args:
            parent: where the children of the fragment's root go, behind the others.
            fragment: a flattened tree whose root has no properties.

        Returns:
            The new nodes, without those of their subtrees.

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
            nodes.append(Node(self, handle))
            handle = lib.dlpar_tree_next(ptr, handle)
        return nodes

    def transaction(self) -> Transaction:
        """Edits that happen whole or not at all: `with tree.transaction(): ...`."""
        return Transaction(self)

    def template(self, properties: Mapping[str, Buffer]) -> Template:
        """A node's properties encoded once, to be added many times."""
        return Template(self, properties)

    def batch(self) -> Batch:
        """A stream of edits in one call and one transaction."""
        return Batch(self)

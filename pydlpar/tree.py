"""`DeviceTree`: a flattened device tree that can be looked up and edited fast."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.changes import Diff, compare
from pydlpar.conflicts import patch
from pydlpar.dts import tree_text
from pydlpar.errors import ArgumentError, TreeError
from pydlpar.interop import read_directory, read_pyfdt, write_pyfdt
from pydlpar.names import Buffer, as_bytes
from pydlpar.tree_edit import TREE_OUT, TreeEdit, seed
from pydlpar.tree_header import Reservation, wrong_version

if TYPE_CHECKING:
    import pyfdt.pyfdt

__all__ = ["DeviceTree", "Reservation"]

_NOTFOUND = lib.DLPAR_ERR_NOTFOUND
_FIRST = lib.DLPAR_TREE_FIRST
_path = lib.dlpar_tree_path
_flat = lib.dlpar_tree_flat
_phandle = lib.dlpar_tree_phandle


def _check_limit(memory_limit: int) -> None:
    if not 0 <= memory_limit < 1 << 64:
        raise ArgumentError(f"memory limit {memory_limit}: expected bytes, or 0")


class DeviceTree(TreeEdit):
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

    __slots__ = ()

    def __init__(self, *, memory_limit: int = 0) -> None:
        """A tree that holds only a root.

        Args:
            memory_limit: most bytes the tree may ever allocate; 0 is no limit.
        """
        _check_limit(memory_limit)
        out = ffi.new(TREE_OUT)
        rc = lib.dlpar_tree_new(out, seed(), memory_limit)
        if rc < 0:
            raise_error(rc, "new device tree")
        self._adopt(out[0])

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
        out, offset = ffi.new(TREE_OUT), ffi.new("size_t *")
        flags = lib.DLPAR_TREE_LENIENT if lenient else 0
        rc = lib.dlpar_tree_parse(
            out, offset, blob, len(blob), seed(), memory_limit, flags
        )
        if rc < 0:
            what = "device tree" + wrong_version(rc, blob)
            raise_error(rc, what, offset=offset[0], decode_error=TreeError)
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

    def copy(self) -> DeviceTree:
        """A tree of its own with the same content.

        A tree and its latest copy know what they have in common: `diff()` between
        them looks only at what changed since. Not so for a copy that is made within
        a transaction, nor for older ones: there it looks at every node.
        """
        out = ffi.new(TREE_OUT)
        rc = lib.dlpar_tree_copy(self.ptr, out, seed())
        if rc < 0:
            raise_error(rc, "copy of a device tree", decode_error=TreeError)
        return self._of(out[0])

    def diff(self, other: DeviceTree) -> Diff:
        """What turns this tree into *other*: a sequence of changes, and a patch.

        By content, with the order of nodes and properties, the memory reserve map
        and the boot CPU; padding, NOPs and the strings block do not count. Empty,
        and false, between equals.
        """
        return compare(self.ptr, other.ptr)

    def apply(self, diff: Diff) -> None:
        """Make the changes of a difference; all or nothing.

        What the difference changes or removes must be as it was when the difference
        was made; all else may differ, but for the sibling that something goes behind.
        After `tree.apply(tree.diff(other))` both have the same content, and
        `tree.apply(diff.reversed())` takes it back.

        Raises:
            ConflictError: it does not fit: which path, which property, what was
                expected and what is there.
            TreeError: a fragment in a difference made by hand is malformed.
        """
        patch(self, diff)

    def __len__(self) -> int:
        """Number of nodes, the root included."""
        return int(self._info().n_nodes)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<DeviceTree, {len(self)} nodes>"

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

"""`DeviceTree`: a flattened device tree that can be looked up and edited fast."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.changes import Diff, compare
from pydlpar.conflicts import patch
from pydlpar.dts import tree_text
from pydlpar.dts_source import Source, compile_source
from pydlpar.errors import ArgumentError, TreeError
from pydlpar.interop import pyfdt_frame, read_directory, read_pyfdt, write_pyfdt
from pydlpar.names import Buffer, as_bytes
from pydlpar.overlay import merge_overlay
from pydlpar.tree_edit import TREE_OUT, TreeEdit, seed
from pydlpar.tree_header import Reservation, wrong_version

if TYPE_CHECKING:
    import pyfdt.pyfdt

__all__ = ["DeviceTree", "Reservation"]

_NOSPACE = lib.DLPAR_ERR_NOSPACE
_flat_size = lib.dlpar_tree_flat_size
_flatten = lib.dlpar_tree_flatten
_compact = lib.dlpar_tree_compact
_compact_size = lib.dlpar_tree_compact_size


def _check_limit(memory_limit: int) -> None:
    if not 0 <= memory_limit < 1 << 64:
        raise ArgumentError(f"memory limit {memory_limit}: expected bytes, or 0")


class DeviceTree(TreeEdit):
    """A device tree: a live index over a flattened blob.

    Look-ups by path, phandle and property name take constant time (but where names
    or phandles stand twice, a search); an edit moves no other node; every edit can
    be undone; what did not change is copied whole when the tree is written out.

    Threads may share a tree. Each call that reads or changes it finds it between
    two edits: readers run together, an edit waits until it is alone, and a batch is
    one edit. What takes several calls, as a loop over nodes, may meet the edits of
    others in between. A transaction belongs to the thread that began it: until it
    ends, an edit of another thread raises `BusyError`, and reads see what it has
    done so far. Different trees have nothing in common, so threads use them in
    parallel.

    Attributes:
        ptr: the C object, for the modules of this package.
        scratch: buffers that no call is using just now, likewise.
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
                ignored. `bytes` are kept, and copied at the first edit that would
                change them; anything else is copied at once.
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
        flags = lib.DLPAR_TREE_BORROW | (lib.DLPAR_TREE_LENIENT if lenient else 0)
        rc = lib.dlpar_tree_parse(
            out, offset, blob, len(blob), seed(), memory_limit, flags
        )
        if rc < 0:
            what = "device tree" + wrong_version(rc, blob)
            raise_error(rc, what, offset=offset[0], decode_error=TreeError)
        return cls._of(out[0], blob)

    @classmethod
    def from_dts(
        cls,
        source: Source,
        *,
        include: Iterable[str | os.PathLike[str]] = (),
        symbols: bool = False,
        force: bool = False,
        boot_cpu: int | None = None,
        dtc: str | os.PathLike[str] = "dtc",
        timeout: float | None = None,
        memory_limit: int = 0,
    ) -> DeviceTree:
        """Compile device tree source by running dtc, which must be installed.

        A source may read any file (`/include/`, `/incbin/`): compile only those
        that you trust. A property `name` that repeats the node's name is kept,
        where dtc by itself leaves it out; so what `to_dts()` writes comes back.

        Args:
            source: text as `str` or bytes-like, or the path of a file as a
                `pathlib.Path`. Text includes files from the current directory, a
                file from its own.
            include: further directories to search for included files.
            symbols: keep the labels in `__symbols__`, for overlays (`dtc -@`).
            force: compile what dtc calls an error in a tree, as a duplicate name
                (`dtc -f`).
            boot_cpu: physical id of the boot CPU; without it dtc takes `reg` of
                the first node below `/cpus`, or 0.
            dtc: the command.
            timeout: seconds that dtc may take; dtc 1.6 never ends on some input.
            memory_limit: as in `from_dtb()`.

        Warns:
            DtsWarning: each message of dtc about a source that it compiled.

        Raises:
            DtsError: dtc refuses the source; with its messages and the place.
            FileNotFoundError: dtc is not installed.

        Source: Devicetree Specification 0.4, chapter 6.
        """
        blob = compile_source(
            source,
            include=include,
            symbols=symbols,
            force=force,
            boot_cpu=boot_cpu,
            dtc=dtc,
            timeout=timeout,
            stacklevel=3,
        )
        return cls.from_dtb(blob, memory_limit=memory_limit)

    @classmethod
    def from_filesystem(
        cls,
        path: str | os.PathLike[str],
        *,
        progress: Callable[[str], None] | None = None,
        on_error: Callable[[OSError], None] | None = None,
    ) -> DeviceTree:
        """Read a tree of directories and files, as `/proc/device-tree`.

        A directory is a node, a file a property; both in alphabetical order. Symbolic
        links are followed, but one to a directory above it is an error.

        Args:
            path: the directory.
            progress: called with each directory before it is read.
            on_error: called with the error, which names the file, where one cannot
                be read; it is then left out. By default the error is raised.

        Raises:
            OSError: *path* or something below cannot be read.
        """
        tree = cls()
        read_directory(tree, path, progress, on_error)
        return tree

    @classmethod
    def from_pyfdt(cls, fdt: pyfdt.pyfdt.Fdt) -> DeviceTree:
        """The tree that a `pyfdt` object (extra `pyfdt`) holds, which is not changed.

        Every value is the bytes that it stands for; NOPs, and reserve entries of
        size 0, are left out; a property after a subnode, which `pyfdt` allows, is
        put before it.

        Raises:
            ArgumentError: it has no root, or a name that no node can have.
        """
        tree = cls.from_dtb(pyfdt_frame(fdt))
        read_pyfdt(tree, fdt)
        return tree

    def to_pyfdt(self) -> pyfdt.pyfdt.Fdt:
        """The same tree as a `pyfdt` object (extra `pyfdt`).

        Its value types are `pyfdt`'s guess; the bytes survive.

        Raises:
            ArgumentError: a name is not printable ASCII, which `pyfdt` refuses.
        """
        return write_pyfdt(self)

    def to_dtb(self, *, compact: bool = False) -> bytes:
        """The tree as a version 17 blob.

        Args:
            compact: leave out property names that nothing uses any more: one once
                made stays in the strings block. Visits every node.

        Raises:
            TreeError: it would be larger than 2 GiB.
            NoSpaceError: no memory for what *compact* has to note.
        """
        if compact:
            return self._written(_compact_size, _compact)
        return self._written(_flat_size, _flatten)

    def _written(self, measure: Callable[..., int], write: Callable[..., int]) -> bytes:
        # Written before anyone else can see the object, as a C extension would
        # fill a new bytes: a copy of several megabytes less. It is never one of
        # the interpreter's shared bytes, which have at most one byte.
        n = _NOSPACE
        while n == _NOSPACE:  # again where another thread has made it grow
            size = measure(self.ptr)
            if size < 0:
                raise_error(size, "device tree", decode_error=TreeError)
            blob = bytes(size)
            n = write(self.ptr, ffi.from_buffer(blob), size)
        if n < 0:
            raise_error(n, "write-out of a device tree", decode_error=TreeError)
        return blob if n == size else blob[:n]

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

    def to_dts(self, *, labels: bool = False, string_lists: bool = False) -> str:
        """The tree as source text: byte for byte what dtc 1.6 writes of its blob.

        Compiled by dtc, it gives the same nodes, properties and reservations; the
        boot CPU has no place in it. A character is a byte of UTF-8; bytes that are
        not UTF-8, which only names can have, are surrogates, as in names.

        Args:
            labels: write the labels that `__symbols__` gives (`dtc -@`), as dtc
                does since 1.8.
            string_lists: a list of strings as `"a", "b"`, as dtc does since 1.7;
                else as `"a\\0b"`.

        Raises:
            NoSpaceError: it would be longer than the tree's memory limit.
            TreeError: it would be longer than 2 GiB, as that of a tree some ten
                thousands of levels deep.
        """
        return tree_text(self, labels=labels, string_lists=string_lists)

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

    def apply_overlay(
        self, overlay: Buffer | DeviceTree, *, first: bool = False
    ) -> None:
        """Apply a device tree overlay (`.dtbo`) by libfdt's rules; all or nothing.

        Phandles of the overlay move above those of this tree, references by
        `__fixups__` are filled in from `/__symbols__`, every fragment is merged
        into its target, and the overlay's symbols become symbols of this tree.

        Args:
            overlay: the blob, or a tree made of it, to be applied many times; it
                is what it was afterwards.
            first: new nodes become first children, as libfdt has it; not last.

        Raises:
            OverlayError: malformed, or a symbol or target is missing here; the
                error says which fragment, symbol, node, property and byte.
            TreeError: it is no device tree.

        Source: dtc, Documentation/dt-object-internal.txt; fdt_overlay_apply() of
        libfdt 1.7.1.
        """
        if not isinstance(overlay, DeviceTree):
            overlay = DeviceTree.from_dtb(overlay)
        merge_overlay(self, overlay, first=first)

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

"""LMB tables: `ibm,dynamic-memory`, `ibm,dynamic-memory-v2`.

A table holds every logical memory block (LMB) of the partition in the order of
the property, which is the order that the kernel walks it in. The DRC index is
not unique (QEMU lists index 0 for boot memory and gaps), so rows are named by
their position; `find` gives the first row with a DRC index.

Source: LoPAR C.6.6.2; Linux arch/powerpc/mm/drmem.c.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from struct import Struct
from struct import error as StructError
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.errors import ArgumentError, NotFoundError, TreeError
from pydlpar.lookup import LookupArrays
from pydlpar.names import decode_name, encode_name

if TYPE_CHECKING:
    from pydlpar.tree import DeviceTree

__all__ = ["NO_ASSOCIATIVITY", "Lmb", "LmbColumns", "LmbTable", "LookupArrays"]

NO_ASSOCIATIVITY: int = lib.DLPAR_LMB_AA_NONE
"""Associativity index of an LMB that has none."""

_MERGE = {"exact": 0, "kernel": lib.DLPAR_DRMEM_MERGE_KERNEL}
_BY_DRC: int = lib.DLPAR_DRMEM_KEY_DRC
_BY_BASE: int = lib.DLPAR_DRMEM_KEY_BASE
_MAX_LMBS: int = lib.DLPAR_DRMEM_MAX_LMBS
_ASSIGNED: int = lib.DLPAR_LMB_ASSIGNED
_RESERVED: int = lib.DLPAR_LMB_RESERVED

_find = lib.dlpar_drmem_find
_count = lib.dlpar_drmem_count
_next = lib.dlpar_drmem_next
_change_flags = lib.dlpar_drmem_change_flags
_alike = lib.dlpar_drmem_alike
_fill = lib.dlpar_drmem_fill
_store = lib.dlpar_drmem_store
_v1_encode = lib.dlpar_drmem_v1_encode
_v2_encode = lib.dlpar_drmem_v2_encode

_buffer = ffi.buffer

_ROW = Struct("=QIII4x")  # struct dlpar_lmb, without its reserved word
_ROW_SIZE = _ROW.size
_WORDS = _ROW_SIZE // 4
_unpack_row = _ROW.unpack_from
_new_row = tuple.__new__  # what Lmb._make() does, without the detour
_LMBS = ffi.typeof("struct dlpar_lmb[]")
_NO_SPACE: int = lib.DLPAR_ERR_NOSPACE
_STORED = ffi.typeof("struct dlpar_drmem_stored *")
_unpack_stored = Struct("NNNi").unpack_from
_FORM = ffi.typeof("struct dlpar_drmem_form *")
_PROPERTIES = ("", "ibm,dynamic-memory", "ibm,dynamic-memory-v2")
_LEAST_OUT = 1024
_BYTES, _U32S = ffi.typeof("uint8_t[]"), ffi.typeof("uint32_t[]")


class Lmb(NamedTuple):
    """One logical memory block: base address in bytes, and three 32-bit words."""

    base: int
    drc_index: int
    aa_index: int
    flags: int


class LmbColumns(NamedTuple):
    """Columns of a table: read-only views that follow every later change of it."""

    base: memoryview
    drc_index: memoryview
    aa_index: memoryview
    flags: memoryview


class LmbTable:
    """The partition's LMBs, in property order; base and DRC index never change.

    A table belongs to one thread at a time.

    Attributes:
        lmb_size: bytes of one LMB.
        version: 1 or 2 for the property it was read from, 0 if there was none.
        address_cells: cells of a base address in a version 1 property.
    """

    __slots__ = (
        "_aa_indexes",
        "_by_base",
        "_by_drc",
        "_did",
        "_drc_indexes",
        "_flags",
        "_forms",
        "_len",
        "_lmbs",
        "_out",
        "_rows",
        "_text",
        "_told",
        "address_cells",
        "lmb_size",
        "version",
    )

    def __init__(
        self,
        lmbs: Iterable[tuple[int, int, int, int]],
        lmb_size: int,
        version: int = 2,
        address_cells: int = 2,
    ) -> None:
        """Make a table of rows (base, drc_index, aa_index, flags).

        Raises:
            ArgumentError: *version* is neither 0, 1 nor 2, *lmb_size* is not a
                positive 64-bit number, a row does not fit, or there are more
                than `DLPAR_DRMEM_MAX_LMBS`.
        """
        try:
            rows = b"".join(_ROW.pack(*row) for row in lmbs)
        except StructError as error:
            raise ArgumentError(f"LMB row: {error}") from None
        count = len(rows) // _ROW.size
        if count > _MAX_LMBS:
            raise ArgumentError(f"{count} LMBs, at most {_MAX_LMBS} are supported")
        memory = ffi.new(_LMBS, count)
        ffi.memmove(memory, rows, len(rows))
        self._adopt(memory, count, lmb_size, version, address_cells)
        self._index()

    @classmethod
    def from_properties(
        cls,
        dynamic_memory: bytes | None,
        dynamic_memory_v2: bytes | None,
        lmb_size: int,
        address_cells: int = 2,
    ) -> LmbTable:
        """Read the property that is there; version 1 wins, as in the kernel.

        Args:
            dynamic_memory: value of `ibm,dynamic-memory`, or None.
            dynamic_memory_v2: value of `ibm,dynamic-memory-v2`, or None.
            lmb_size: bytes of one LMB, from `ibm,lmb-size`.
            address_cells: the root's `#address-cells`; only version 1 uses it.

        Returns:
            The table; empty, with version 0, where both are None.

        Raises:
            DecodeError: the value is malformed; `.offset` is the byte.
            ArgumentError: *lmb_size* or *address_cells* is out of range.
        """
        self = cls.__new__(cls)
        offset = ffi.new("size_t *")
        if dynamic_memory is not None:
            what, version = "ibm,dynamic-memory", 1
            count_lmbs, decode = lib.dlpar_drmem_v1_count, lib.dlpar_drmem_v1_decode
            data, unit = memoryview(dynamic_memory).tobytes(), address_cells
        elif dynamic_memory_v2 is not None:
            what, version = "ibm,dynamic-memory-v2", 2
            count_lmbs, decode = lib.dlpar_drmem_v2_count, lib.dlpar_drmem_v2_decode
            data, unit = memoryview(dynamic_memory_v2).tobytes(), lmb_size
        else:
            self._adopt(ffi.new(_LMBS, 0), 0, lmb_size, 0, address_cells)
            self._index()
            return self
        self._check_shape(lmb_size, version, address_cells)
        count = count_lmbs(offset, data, len(data), unit)
        if count < 0:
            raise_error(count, what, offset=offset[0])
        memory = ffi.new(_LMBS, count)
        decode(memory, count, offset, data, len(data), unit)
        self._adopt(memory, count, lmb_size, version, address_cells)
        self._index()
        return self

    @staticmethod
    def _check_shape(lmb_size: int, version: int, address_cells: int) -> None:
        if not 0 < lmb_size < 1 << 64:
            raise ArgumentError(f"LMB size {lmb_size}, expected 1 to 2**64 - 1")
        if version not in (0, 1, 2):
            raise ArgumentError(f"version {version}, expected 0, 1 or 2")
        if address_cells not in (1, 2):
            raise ArgumentError(f"{address_cells} address cells, expected 1 or 2")

    def _adopt(
        self,
        memory: object,
        count: int,
        lmb_size: int,
        version: int,
        address_cells: int,
    ) -> None:
        """Take over *memory*, an array of *count* LMBs, and lay the views over it."""
        self._check_shape(lmb_size, version, address_cells)
        self._lmbs = memory
        self._len = count
        self._make_room(_LEAST_OUT)
        self._did = ffi.new(_STORED)
        self._told = _buffer(self._did)
        form = lmb_size, address_cells
        self._forms = {how: ffi.new(_FORM, (*form, n)) for how, n in _MERGE.items()}
        self.lmb_size = lmb_size
        self.version = version
        self.address_cells = address_cells
        self._rows = memoryview(ffi.buffer(memory)).cast("B")
        words = self._rows.cast("I") if count else memoryview(b"").cast("I")
        self._drc_indexes = words[2::_WORDS]
        self._aa_indexes = words[3::_WORDS]
        self._flags = words[4::_WORDS]

    def _index(self) -> None:
        """Sort positions by DRC index and by base, for the look-ups."""
        scratch = ffi.new(_U32S, self._len)
        self._by_drc = ffi.new(_U32S, self._len)
        self._by_base = ffi.new(_U32S, self._len)
        sort = lib.dlpar_drmem_sort
        sort(self._by_drc, scratch, self._lmbs, self._len, _BY_DRC)
        sort(self._by_base, scratch, self._lmbs, self._len, _BY_BASE)

    def copy(self) -> LmbTable:
        """An independent table with the same rows."""
        twin = LmbTable.__new__(LmbTable)
        memory = ffi.new(_LMBS, self._len)
        ffi.memmove(memory, self._lmbs, len(self._rows))
        twin._adopt(memory, self._len, self.lmb_size, self.version, self.address_cells)
        # Keys never change, so the indexes are shared.
        twin._by_drc, twin._by_base = self._by_drc, self._by_base
        return twin

    def __len__(self) -> int:
        return self._len

    def __getitem__(self, position: int) -> Lmb:
        """The row at *position*; negative ones count from the end."""
        if position < 0:
            position += self._len
        if not 0 <= position < self._len:
            raise IndexError(f"LMB {position} of {self._len}")
        return _new_row(Lmb, _unpack_row(self._rows, position * _ROW_SIZE))

    def __iter__(self) -> Iterator[Lmb]:
        return map(Lmb._make, _ROW.iter_unpack(self._rows))

    def __eq__(self, other: object) -> bool:
        """Whether both have the same rows and LMB size, whatever the version."""
        if not isinstance(other, LmbTable):
            return NotImplemented
        return self.lmb_size == other.lmb_size and self._rows == other._rows

    def __repr__(self) -> str:
        return (
            f"<LmbTable of {self._len} LMBs of {self.lmb_size:#x} bytes, "
            f"version {self.version}>"
        )

    def find(self, drc_index: int) -> int | None:
        """Position of the first LMB, in table order, with *drc_index*, or None."""
        try:
            found: int = _find(self._by_drc, self._lmbs, self._len, _BY_DRC, drc_index)
        except OverflowError:
            raise ArgumentError(f"DRC index {drc_index} is not unsigned") from None
        return found if found >= 0 else None

    def find_base(self, base: int) -> int | None:
        """Position of the first LMB whose base address is *base*, or None."""
        try:
            found: int = _find(self._by_base, self._lmbs, self._len, _BY_BASE, base)
        except OverflowError:
            raise ArgumentError(f"base address {base} is not unsigned") from None
        return found if found >= 0 else None

    def flags(self, position: int) -> int:
        """Flags of the LMB at *position*: `LmbFlags` bits."""
        flags: int = self._flags[position]
        return flags

    def words(self, position: int) -> tuple[int, int]:
        """Flags and associativity index of the LMB at *position*."""
        return self._flags[position], self._aa_indexes[position]

    def removable(self, position: int) -> bool:
        """Whether its flags let an LMB be removed: ASSIGNED and not RESERVED."""
        return self._flags[position] & (_ASSIGNED | _RESERVED) == _ASSIGNED

    def set(
        self,
        position: int,
        *,
        flags: int | None = None,
        aa_index: int | None = None,
    ) -> None:
        """Replace flags, associativity index, or both, of one LMB.

        Raises:
            ArgumentError: a value is not an unsigned 32-bit number; nothing is set.
            IndexError: there is no such LMB.
        """
        old = self._flags[position]
        try:
            if flags is not None:
                self._flags[position] = flags
            if aa_index is not None:
                self._aa_indexes[position] = aa_index
        except ValueError:
            self._flags[position] = old
            raise ArgumentError(
                f"LMB {position}: flags {flags}, associativity index {aa_index}: "
                "expected unsigned 32-bit numbers"
            ) from None

    def change_flags(
        self, start: int, count: int = 1, *, clear: int = 0, set: int = 0
    ) -> None:
        """Clear, then set, flag bits of *count* LMBs from position *start* on.

        Raises:
            ArgumentError: the range leaves the table, or bits are not 32-bit.
        """
        try:
            rc = _change_flags(self._lmbs, self._len, start, count, clear, set)
        except OverflowError as error:
            raise ArgumentError(f"flags of LMBs: {error}") from None
        if rc < 0:
            raise_error(rc, f"flags of {count} LMBs at {start} of {self._len}")

    def fill(self, start: int, stop: int, flags: int, aa_index: int) -> None:
        """Give the LMBs from *start* to before *stop* these flags and this index.

        Raises:
            ArgumentError: the range leaves the table, or a value is not 32-bit.
        """
        if stop - start == 1 and 0 <= start < self._len:
            old = self._flags[start]
            try:
                self._flags[start] = flags
                self._aa_indexes[start] = aa_index
            except ValueError as error:
                self._flags[start] = old
                raise ArgumentError(f"LMB {start}: {error}") from None
            return
        try:
            rc = _fill(self._lmbs, self._len, start, stop - start, flags, aa_index)
        except OverflowError as error:
            raise ArgumentError(f"LMBs {start} to {stop}: {error}") from None
        if rc < 0:
            raise_error(rc, f"LMBs {start} to {stop} of {self._len}")

    def alike(self, start: int, limit: int) -> int:
        """The position behind the run of LMBs from *start* on that are alike.

        They have equal flags and associativity indexes. At most *limit* are looked
        at, which is 1 or more.

        Raises:
            ArgumentError: there is no such LMB, or *limit* is below 1.
        """
        try:
            end: int = _alike(self._lmbs, self._len, start, limit)
        except OverflowError as error:
            raise ArgumentError(f"LMBs alike from {start} on: {error}") from None
        if end < 0:
            raise_error(end, f"{limit} LMBs alike from {start} of {self._len} on")
        return end

    def drc_index(self, position: int) -> int:
        """DRC index of the LMB at *position*."""
        index: int = self._drc_indexes[position]
        return index

    def drc_indexes(self, start: int, stop: int) -> memoryview:
        """DRC indexes of the LMBs from *start* to before *stop*: a view."""
        return self._drc_indexes[start:stop].toreadonly()

    def count(self, mask: int, value: int, limit: int | None = None) -> int:
        """Count LMBs with `flags & mask == value`, stopping at *limit* if given."""
        limit = self._len if limit is None else limit
        try:
            found: int = _count(self._lmbs, self._len, mask, value, limit)
        except OverflowError as error:
            raise ArgumentError(f"count of LMBs: {error}") from None
        return found

    def next(self, position: int, mask: int, value: int) -> int | None:
        """First position >= *position* with `flags & mask == value`, or None."""
        try:
            found: int = _next(self._lmbs, self._len, position, mask, value)
        except OverflowError as error:
            raise ArgumentError(f"LMB after {position}: {error}") from None
        return found if found >= 0 else None

    def columns(self) -> LmbColumns:
        """The columns as read-only views of 64-bit bases and 32-bit words."""
        if not self._len:
            empty = memoryview(b"")
            words = empty.cast("I")
            return LmbColumns(empty.cast("Q"), words, words, words)
        bases = self._rows.cast("Q").toreadonly()[:: _WORDS // 2]
        words = self._rows.cast("I").toreadonly()
        return LmbColumns(bases, *(words[at::_WORDS] for at in (2, 3, 4)))

    def to_v1(self) -> bytes:
        """The table as `ibm,dynamic-memory`, with the table's address cells.

        Raises:
            ArgumentError: a base address does not fit the address cells.
        """
        return self._encode(_v1_encode, self.address_cells)

    def to_v2(self, merge: Literal["exact", "kernel"] = "exact") -> bytes:
        """The table as `ibm,dynamic-memory-v2`.

        Args:
            merge: "exact" begins a set wherever base, DRC index, associativity
                index or flags do not follow on. "kernel" looks at the last two
                only, as Linux does: sets apart from each other may merge, and
                then expand to wrong addresses when read again.
        """
        how = _MERGE.get(merge)
        if how is None:
            raise ArgumentError(f"merge {merge!r}, expected 'exact' or 'kernel'")
        return self._encode(_v2_encode, self.lmb_size, how)

    def encode(self, merge: Literal["exact", "kernel"] = "exact") -> bytes:
        """The table as the property it was read from; *merge* as in `to_v2`.

        Raises:
            NotFoundError: it was read from none.
        """
        if not self.version:
            raise NotFoundError("there was no ibm,dynamic-memory property")
        return self.to_v1() if self.version == 1 else self.to_v2(merge)

    def store(
        self,
        tree: DeviceTree,
        path: str,
        merge: Literal["exact", "kernel"] = "exact",
    ) -> tuple[str, str, bytes, bytes] | None:
        """Write the table to the property that a node has for it; version 1 wins.

        Args:
            tree: whose node it is.
            path: of the node of the LMB table.
            merge: as in `to_v2`.

        Returns:
            The node's path, the property's name, its old and its new value; None
            where these are equal, and nothing was written.

        Raises:
            NotFoundError: there is no such node, or it has neither property.
            ArgumentError: a base address does not fit the address cells.
        """
        try:
            raw = path.encode()
        except UnicodeEncodeError:
            raw = encode_name(path)
        ptr, did, form = tree.ptr, self._did, self._forms[merge]
        lmbs, n, size = self._lmbs, self._len, len(raw)
        while True:
            room = len(self._text)
            version = _store(ptr, did, self._out, room, raw, size, lmbs, n, form)
            if version != _NO_SPACE:
                break
            self._make_room(2 * room)
        if version < 0:
            what = f"{self._len} LMBs to {path}"
            raise_error(version, what, decode_error=TreeError)
        old, new, length, changed = _unpack_stored(self._told)
        if not changed:
            return None
        text, end = self._text, old + new
        where: bytes = text[end : end + length]
        name = path if where == raw else decode_name(where)
        return name, _PROPERTIES[version], text[:old], text[old:end]

    def _encode(self, encode: Callable[..., int], *how: int) -> bytes:
        size = encode(self._out, len(self._text), self._lmbs, self._len, *how)
        if size == _NO_SPACE:
            self._make_room(encode(ffi.NULL, 0, self._lmbs, self._len, *how))
            size = encode(self._out, len(self._text), self._lmbs, self._len, *how)
        if size < 0:
            raise_error(size, f"{self._len} LMBs")
        written: bytes = self._text[:size]
        return written

    def _make_room(self, size: int) -> None:
        self._out = ffi.new(_BYTES, size)
        self._text = _buffer(self._out)

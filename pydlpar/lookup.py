"""`ibm,associativity-lookup-arrays`: where an LMB's associativity index points.

Source: LoPAR C.6.6.2; Linux arch/powerpc/mm/numa.c.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.errors import ArgumentError

__all__ = ["LookupArrays"]

_NOT_FOUND: int = lib.DLPAR_ERR_NOTFOUND
_HEADER = 8
_CELL = 4
_BYTES = ffi.typeof("uint8_t[]")
_U32S = ffi.typeof("uint32_t[]")


class LookupArrays:
    """`ibm,associativity-lookup-arrays`: N arrays of M 32-bit cells. Immutable."""

    __slots__ = ("_data", "_index", "m", "n")

    def __init__(self, data: bytes) -> None:
        """Read the value *data* of the property.

        Raises:
            DecodeError: it is malformed; `.offset` is the byte.
        """
        self._data = memoryview(data).tobytes()
        shape = ffi.new("struct dlpar_lookup *")
        offset = ffi.new("size_t *")
        rc = lib.dlpar_lookup_decode(shape, offset, self._data, len(self._data))
        if rc < 0:
            raise_error(rc, "ibm,associativity-lookup-arrays", offset=offset[0])
        self.n: int = shape.n_arrays
        self.m: int = shape.n_cells
        self._index: dict[bytes, int] | None = None

    @classmethod
    def from_property(cls, data: bytes) -> LookupArrays:
        """The same as `LookupArrays(data)`."""
        return cls(data)

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> tuple[int, ...]:
        """Array *index* as a tuple of M cells; negative ones count from the end."""
        position = index + self.n if index < 0 else index
        if not 0 <= position < self.n:
            raise IndexError(f"lookup array {index} of {self.n}")
        cells = ffi.new(_U32S, self.m)
        lib.dlpar_lookup_get(cells, self.m, self._data, len(self._data), position)
        return tuple(cells)

    def cell(self, index: int, at: int) -> int:
        """Cell *at* of array *index*, both of which are there."""
        start = _HEADER + (index * self.m + at) * _CELL
        return int.from_bytes(self._data[start : start + _CELL], "big")

    def __bytes__(self) -> bytes:
        return self._data

    def __repr__(self) -> str:
        return f"<LookupArrays: {self.n} of {self.m} cells>"

    def find(self, cells: Sequence[int]) -> int | None:
        """Index of the first array equal to *cells*, or None.

        Raises:
            ArgumentError: there are not M cells, or one is not 32-bit.
        """
        values = _cells(cells)
        rc = lib.dlpar_lookup_find(self._data, len(self._data), values, len(cells))
        if rc == _NOT_FOUND:
            return None
        if rc < 0:
            raise_error(rc, f"look-up of {len(cells)} cells in arrays of {self.m}")
        return int(rc)

    def index_of(self, cells: bytes) -> int | None:
        """Index of the first array equal to *cells*, big-endian; or None.

        As `find`, for one who looks often: a table of the arrays is made once.
        """
        if self._index is None:
            width = self.m * _CELL
            ends = range(len(self._data), _HEADER, -width) if self.n else ()
            rows = (self._data[end - width : end] for end in ends)
            # From the last to the first, which stays where two are equal.
            numbers = range(self.n - 1, -1, -1)
            self._index = dict(zip(rows, numbers, strict=True))
        return self._index.get(cells)

    def appended(self, cells: Sequence[int]) -> bytes:
        """The property's value with one more array, which gets the index `n`.

        Raises:
            ArgumentError: there are not M cells, or one is not 32-bit.
        """
        values, need = _cells(cells), len(self._data) + 4 * len(cells)
        out = ffi.new(_BYTES, need)
        rc = lib.dlpar_lookup_append(
            out, need, self._data, len(self._data), values, len(cells)
        )
        if rc < 0:
            raise_error(rc, f"{len(cells)} cells appended to arrays of {self.m}")
        return bytes(ffi.buffer(out))


def _cells(cells: Sequence[int]) -> object:
    try:
        return ffi.new(_U32S, list(cells))
    except (OverflowError, TypeError) as error:
        raise ArgumentError(f"associativity cells: {error}") from None

"""The order in which QEMU lists its connectors.

QEMU keeps all connectors of a machine in one hash table, and writes a node's
`ibm,drc-*` arrays in the order in which they lie there. Consumers have to match
by value; the order matters to who compares bytes. The table is that of GLib:
power of two in size, open addressing with steps 1, 2, 3 ..., the home of a key
being its hash modulo the largest prime below the size.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from pydlpar.constants import DrcType
from pydlpar.drc import drc_type

__all__ = ["DrcOrder", "creation_order"]

_PRIMES: Final = (
    *(1, 2, 3, 7, 13, 31, 61, 127, 251, 509, 1021, 2039, 4093, 8191, 16381),
    *(32749, 65521, 131071, 262139, 524287, 1048573, 2097143, 4194301),
)
"""The largest prime below each power of two."""

_MIN_SHIFT: Final = 3
_SPREAD: Final = 11
_GROWTH: Final = 1.333
_SPARE_SHIFT: Final = 4
_SHRINK: Final = 4
_STRING_SEED, _STRING_FACTOR = 5381, 33
_U32: Final = 0xFFFFFFFF
_GONE: Final = -1


def _string_hash(index: int) -> int:
    """Hash of a connector's key: its index in hexadecimal digits."""
    value = _STRING_SEED
    for char in b"%x" % index:
        value = value * _STRING_FACTOR + char & _U32
    return value


def creation_order(indexes: Iterable[int]) -> list[int]:
    """DRC indexes in the order in which QEMU creates the connectors."""
    ranks: dict[int, int] = {
        DrcType.CPU: 0,
        DrcType.LMB: 1,
        DrcType.PMEM: 2,
        DrcType.PHB: 3,
    }
    return sorted(indexes, key=lambda index: (ranks.get(drc_type(index), 4), index))


class DrcOrder:
    """A table of DRC indexes with the iteration order of QEMU's.

    None in a place stands for one that was never used, -1 for one that was left.
    """

    def __init__(self, indexes: Iterable[int] = ()) -> None:
        self._places: list[int | None] = []
        self._count = self._used = 0
        self._set_size(_MIN_SHIFT)
        self._places = [None] * self._size
        for index in indexes:
            self.add(index)

    def _set_size(self, shift: int) -> None:
        self._size = 1 << shift
        self._prime = _PRIMES[shift]

    def _home(self, index: int) -> int:
        return (_string_hash(index) * _SPREAD & _U32) % self._prime

    def add(self, index: int) -> None:
        """Put in an index that is not there yet."""
        place = self._home(index)
        step, gap = 0, None
        while (found := self._places[place]) is not None:
            if found == _GONE and gap is None:
                gap = place
            step += 1
            place = place + step & self._size - 1
        if gap is None:
            self._used += 1
        self._places[place if gap is None else gap] = index
        self._count += 1
        self._resize_if_needed()

    def remove(self, index: int) -> None:
        """Take out an index that is there."""
        place, step = self._home(index), 0
        while self._places[place] != index:
            step += 1
            place = place + step & self._size - 1
        self._places[place] = _GONE
        self._count -= 1
        self._resize_if_needed()

    def select(self, wanted: Collection[int]) -> list[int]:
        """Those indexes that are *wanted*, in the table's order."""
        return [
            found for found in self._places if found is not None and found in wanted
        ]

    def _resize_if_needed(self) -> None:
        too_large = self._size > max(self._count * _SHRINK, 1 << _MIN_SHIFT)
        too_full = self._size <= self._used + (self._used >> _SPARE_SHIFT)
        if too_large or too_full:
            self._resize()

    def _resize(self) -> None:
        """Move every index to its place in the new size, within the one array.

        An index whose new place is taken by one that has not moved yet pushes
        that one out, which is then the next to move.
        """
        old_size = self._size
        self._set_size(max(int(self._count * _GROWTH).bit_length(), _MIN_SHIFT))
        places = self._places
        places += [None] * (self._size - old_size)
        moved: set[int] = set()
        for start in range(old_size):
            index = places[start]
            if start in moved:
                continue
            places[start] = None
            while index is not None and index != _GONE:
                place, step = self._home(index), 0
                while place in moved:
                    step += 1
                    place = place + step & self._size - 1
                moved.add(place)
                places[place], index = index, places[place]
        del places[self._size :]
        self._used = self._count

"""What a blob says besides its nodes: memory reservations and the boot CPU.

Source: Devicetree Specification 0.4, 5.2 and 5.3.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.errors import ArgumentError, TreeError
from pydlpar.names import check_u32
from pydlpar.tree_names import TreeNames

__all__ = ["Reservation", "TreeHeader", "wrong_version"]

_U64_MAX = (1 << 64) - 1
_VERSION = 20  # offset in the header, before that of last_comp_version
_versions = struct.Struct(">II")


class Reservation(NamedTuple):
    """An entry of the memory reserve map: address and size in bytes."""

    address: int
    size: int


def _check(address: int, size: int) -> None:
    if not (0 <= address <= _U64_MAX and 0 < size <= _U64_MAX):
        raise ArgumentError(
            f"reservation of {size:#x} bytes at {address:#x}: expected 64-bit "
            "numbers, and a size above 0, which would end the map"
        )


def wrong_version(rc: int, blob: bytes) -> str:
    """Which version a blob is of, where that is why it was refused."""
    if rc != lib.DLPAR_ERR_BADVERSION:
        return ""
    version, compatible = _versions.unpack_from(blob, _VERSION)
    return f" of version {version}, read by {compatible} on (expected 16 or 17)"


class TreeHeader(TreeNames):
    """What `DeviceTree` has for the header and the reserve map.

    Changes are edits as others are: a transaction takes them back.
    """

    __slots__ = ()

    @property
    def boot_cpu(self) -> int:
        """Physical id of the boot CPU, as the header gives it; may be set."""
        return int(self._info().boot_cpu)

    @boot_cpu.setter
    def boot_cpu(self, value: int) -> None:
        check_u32(value, "boot CPU")
        self._done(lib.dlpar_tree_set_boot_cpu(self.ptr, value), "boot CPU")

    @property
    def reservations(self) -> list[Reservation]:
        """The memory reserve map, a copy; may be set as a whole.

        Raises:
            ArgumentError: an entry to be set has the size 0, or is no pair of 64-bit
                numbers.
        """
        address, size = ffi.new("uint64_t *"), ffi.new("uint64_t *")
        found, i = [], 0
        while lib.dlpar_tree_reservation(self.ptr, address, size, i) == 0:
            found.append(Reservation(address[0], size[0]))
            i += 1
        return found

    @reservations.setter
    def reservations(self, entries: Iterable[tuple[int, int]]) -> None:
        numbers: list[int] = []
        for address, size in entries:
            _check(address, size)
            numbers += (address, size)
        pairs = ffi.new("uint64_t[]", numbers)
        rc = lib.dlpar_tree_set_reservations(self.ptr, pairs, len(numbers) // 2)
        self._done(rc, "memory reservations")

    def reserve(self, address: int, size: int) -> None:
        """Add an entry to the memory reserve map, behind the others.

        Raises:
            ArgumentError: the size is 0, or a number is not of 64 bits.
        """
        _check(address, size)
        rc = lib.dlpar_tree_reserve(self.ptr, address, size)
        self._done(rc, f"reservation of {size:#x} bytes at {address:#x}")

    def unreserve(self, index: int) -> None:
        """Remove the entry of this index from the memory reserve map.

        Raises:
            NotFoundError: there is none.
        """
        check_u32(index, "reservation")
        rc = lib.dlpar_tree_unreserve(self.ptr, index)
        self._done(rc, f"reservation {index}")

    def _done(self, rc: int, what: str) -> None:
        if rc < 0:
            raise_error(rc, what, decode_error=TreeError)

"""`reg`, `ranges` and `dma-ranges`: addresses on a bus, and on the way to the root.

An address is one number, of as many cells as the bus says: a PCI address has three,
which `PciAddress` takes apart.

Source: Devicetree Specification 0.4, 2.3.5 to 2.3.9; IEEE 1275 PCI bus binding 2.1,
2.2.1; Linux drivers/of/address.c.
"""

from __future__ import annotations

from typing import NamedTuple

from pydlpar._ffi import lib
from pydlpar.errors import ArgumentError, NotFoundError, TreeError
from pydlpar.names import encode_name
from pydlpar.node_values import NodeValues

__all__ = ["NodeAddresses", "PciAddress", "Range", "Region"]

_NOTFOUND = lib.DLPAR_ERR_NOTFOUND
_BADVALUE = lib.DLPAR_ERR_BADVALUE
_get_u32 = lib.dlpar_tree_get_u32

_ADDRESS_CELLS, _SIZE_CELLS = 2, 1  # where a node does not say
_MAX_CELLS = 4  # as libfdt's FDT_MAX_NCELLS
_PCI_CELLS = 3
_CELL_BITS = 32
_NUMBER_BITS = 64  # what an address can count to; a third cell says what it is
_PCI_TYPES = frozenset({b"pci\0", b"pciex\0"})


class Region(NamedTuple):
    """An entry of `reg`; of a bus with `#size-cells` 0 the size is 0."""

    address: int
    size: int


class Range(NamedTuple):
    """An entry of `ranges`: addresses of a bus, and where its parent has them."""

    child: int
    parent: int
    size: int


class PciAddress(NamedTuple):
    """A three-cell PCI address, taken apart.

    Attributes:
        space: 0 configuration, 1 I/O, 2 memory of 32 bits, 3 of 64.
        bus, device, function, register: the configuration address.
        address: the lower two cells.
        fixed: not relocatable (bit n).
        prefetchable: bit p.
        aliased: bit t.
    """

    space: int
    bus: int
    device: int
    function: int
    register: int
    address: int
    fixed: bool = False
    prefetchable: bool = False
    aliased: bool = False

    @classmethod
    def decode(cls, number: int) -> PciAddress:
        """The parts of an address of three cells.

        Raises:
            ArgumentError: it has more.
        """
        if not 0 <= number < 1 << _PCI_CELLS * _CELL_BITS:
            raise ArgumentError(f"PCI address {number:#x}: expected three cells")
        high = number >> _NUMBER_BITS
        return cls(
            high >> 24 & 3,
            high >> 16 & 0xFF,
            high >> 11 & 0x1F,
            high >> 8 & 7,
            high & 0xFF,
            number & (1 << _NUMBER_BITS) - 1,
            bool(high >> 31),
            bool(high >> 30 & 1),
            bool(high >> 29 & 1),
        )

    def encode(self) -> int:
        """The address as one number.

        Raises:
            ArgumentError: a part does not fit into its bits.
        """
        high = (self.fixed << 31) | (self.prefetchable << 30) | (self.aliased << 29)
        high |= (self.space << 24) | (self.bus << 16) | (self.device << 11)
        number = (high | self.function << 8 | self.register) << _NUMBER_BITS
        number |= self.address
        if number < 0 or PciAddress.decode(number) != self:
            raise ArgumentError(f"{self}: a part does not fit")
        return number


def _pci_kind(address: int) -> int:
    """I/O 1, memory 2 whatever its width, configuration 0."""
    return min(PciAddress.decode(address).space, 2)


def _pci_offset(address: int, start: int) -> int:
    """How far from the start of a range; -1 where it is of another space."""
    kind = _pci_kind(address)
    if not kind or kind != _pci_kind(start):
        return -1
    return PciAddress.decode(address).address - PciAddress.decode(start).address


class NodeAddresses(NodeValues):
    """What `Node` has for addresses.

    `#address-cells` and `#size-cells` are the parent's, 2 and 1 where it does not
    say; they are not inherited from further above.
    """

    __slots__ = ()

    @property
    def address_cells(self) -> int:
        """Cells of an address of the node's children: `#address-cells`, else 2.

        Raises:
            TreeError: it is not one cell of 0 to 4.
        """
        return self._cell_count("#address-cells", _ADDRESS_CELLS)

    @property
    def size_cells(self) -> int:
        """Cells of a size of the node's children: `#size-cells`, else 1.

        Raises:
            TreeError: it is not one cell of 0 to 4.
        """
        return self._cell_count("#size-cells", _SIZE_CELLS)

    def reg(self, name: str = "reg") -> list[Region]:
        """The node's addresses on its parent's bus, with their sizes.

        Args:
            name: another property of the same form, as `assigned-addresses`.

        Raises:
            NotFoundError: no such property.
            TreeError: its length is no multiple of an entry's.
            ArgumentError: the node is the root, which is on no bus.
        """
        bus = self._bus()
        rows = self.records(name, bus.address_cells, bus.size_cells)
        return [Region(*row) for row in rows]

    def set_reg(self, *regions: tuple[int, int], name: str = "reg") -> None:
        """Give the node addresses: pairs of address and size.

        Raises:
            ArgumentError: a number does not fit into the parent's cells; of a bus
                with `#size-cells` 0, sizes are 0.
        """
        bus = self._bus()
        self.set_records(name, (bus.address_cells, bus.size_cells), regions)

    def ranges(self, name: str = "ranges") -> list[Range] | None:
        """How the addresses of the node's bus lie on its parent's.

        Args:
            name: another property of the same form, as `dma-ranges`.

        Returns:
            None where there is no such property: nothing is mapped. An empty list
            where it is empty: every address is the same on both.

        Raises:
            TreeError: its length is no multiple of an entry's.
            ArgumentError: the node is the root.
        """
        widths = self._range_cells()
        if name not in self:
            return None
        return [Range(*row) for row in self.records(name, *widths)]

    def dma_ranges(self) -> list[Range] | None:
        """The same of `dma-ranges`."""
        return self.ranges("dma-ranges")

    def set_ranges(self, *ranges: tuple[int, int, int], name: str = "ranges") -> None:
        """Map the node's bus: child address, parent address and size of each range.

        Without any, every address is the same on both.
        """
        self.set_records(name, self._range_cells(), ranges)

    def translate(self, address: int, size: int = 1, *, dma: bool = False) -> int:
        """An address on the node's bus as one of the root's, of the CPU's.

        Args:
            address: as in the node's `reg`.
            size: bytes that must lie together all the way.
            dma: by `dma-ranges`, where one that is missing leaves the address as it
                is, as in Linux.

        Raises:
            NotFoundError: a bus on the way has no `ranges`, or none that holds the
                address; a configuration address of PCI is in none.
            TreeError: a property on the way is malformed.
            ArgumentError: the node is the root.
        """
        if size < 1:
            raise ArgumentError(f"size {size}: expected 1 or more")
        bus = self._bus()
        if address < 0 or address >> bus.address_cells * _CELL_BITS:
            raise ArgumentError(
                f"{self.path}: address {address:#x}: expected {bus.address_cells} cells"
            )
        above = bus.parent
        while above is not None:
            address = bus._map(address, size, "dma-ranges" if dma else "ranges")
            bus, above = above, above.parent
        return address

    def resources(self, name: str = "reg") -> list[Region]:
        """The node's addresses as the root's: `reg()`, each translated.

        Raises:
            NotFoundError, TreeError: as of `reg()` and `translate()`.
        """
        return [
            Region(self.translate(address, size or 1), size)
            for address, size in self.reg(name)
        ]

    def _bus(self) -> NodeAddresses:
        bus = self.parent
        if bus is None:
            raise ArgumentError("the root is on no bus")
        return bus

    def _cell_count(self, name: str, default: int) -> int:
        raw = encode_name(name)
        count = _get_u32(self.tree.ptr, self.handle, raw, len(raw))
        if count == _NOTFOUND:
            return default
        if count < 0:
            self._fail(count, name)
        if count > _MAX_CELLS:
            raise TreeError(
                f"{self.path}, property {name!r}: {count}, expected 0 to {_MAX_CELLS}",
                _BADVALUE,
            )
        return int(count)

    def _range_cells(self) -> tuple[int, int, int]:
        return self.address_cells, self._bus().address_cells, self.size_cells

    def _is_pci(self) -> bool:
        if self.address_cells != _PCI_CELLS:
            return False
        known = self.get("device_type") in _PCI_TYPES
        return known or self.name.partition("@")[0] == "pcie"

    def _map(self, address: int, size: int, name: str) -> int:
        """An address of the node's bus as one of its parent's."""
        ranges = self.ranges(name)
        pci = self._is_pci()
        if ranges is None and name == "ranges":
            raise NotFoundError(
                f"{self.path}, property 'ranges': not found, expected a mapping of "
                f"{address:#x}",
                _NOTFOUND,
            )
        if not ranges:
            if pci and self._bus().address_cells < _PCI_CELLS:
                address = PciAddress.decode(address).address
            return self._fitting(address, 0, name)
        for entry in ranges:
            offset = _pci_offset(address, entry.child) if pci else address - entry.child
            if 0 <= offset <= entry.size - size:
                return self._fitting(entry.parent, offset, name)
        raise NotFoundError(
            f"{self.path}, property {name!r}: no range holds {address:#x} "
            f"and {size} bytes from there",
            _NOTFOUND,
        )

    def _fitting(self, start: int, offset: int, name: str) -> int:
        """An address of the parent's bus: what counts in it must not overflow."""
        cells = self._bus().address_cells
        if cells < _PCI_CELLS:
            counted, bits = start, cells * _CELL_BITS
        else:
            counted, bits = start & (1 << _NUMBER_BITS) - 1, _NUMBER_BITS
        if counted + offset >> bits:
            raise TreeError(
                f"{self.path}, property {name!r}: address {start + offset:#x}, "
                f"expected {cells} cells",
                _BADVALUE,
            )
        return start + offset

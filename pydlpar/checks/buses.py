"""Rules about PCI and simple buses."""

from __future__ import annotations

from collections.abc import Iterator

from pydlpar.checks.rule import Found, Severity, rule
from pydlpar.checks.view import CELL, NodeView, TreeView

__all__ = ["RULES"]

_ADDRESS_CELLS = 3
_SIZE_CELLS = 2
_BUS_RANGE_CELLS = 2
_LAST_BUS = 0xFF
# phys.hi of a PCI address: npt000ss bbbbbbbb dddddfff rrrrrrrr
_SPACE = 0xFF000000
_REGISTER = 0xFF


def _is_pci(node: NodeView | None) -> bool:
    return node is not None and node.values.get("device_type") == b"pci\0"


def _is_simple(node: NodeView | None) -> bool:
    return node is not None and b"simple-bus" in node.strings("compatible")


@rule(Severity.WARNING)
def pci_bridge(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """A PCI bridge has its name, three address and two size cells, ranges and buses."""
    if not _is_pci(node):
        return
    if node.base not in ("pci", "pcie"):
        yield None, f"a PCI bridge named {node.base!r}, expected pci or pcie"
    if "ranges" not in node.values:
        yield None, "a PCI bridge without ranges"
    for name, expected in (
        ("#address-cells", _ADDRESS_CELLS),
        ("#size-cells", _SIZE_CELLS),
    ):
        cells = node.number(name)
        if cells != expected:
            shown = "missing" if cells is None else str(cells)
            yield name, f"{shown}, expected {expected} for PCI"
    buses = node.values.get("bus-range")
    if buses is None:
        return
    if len(buses) != _BUS_RANGE_CELLS * CELL:
        yield "bus-range", f"{len(buses)} bytes, expected two cells"
        return
    first, last = node.cells("bus-range")
    if first > last:
        yield "bus-range", f"from {first} to {last}, expected the lower first"
    if last > _LAST_BUS:
        yield "bus-range", f"up to {last}, expected at most {_LAST_BUS}"


@rule(Severity.WARNING)
def pci_device_reg(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """A PCI device has its configuration address in `reg` and its name."""
    if not _is_pci(node.parent):
        return
    if "reg" not in node.values:
        yield None, "a PCI device without reg"
        return
    cells = node.cells("reg")[:_ADDRESS_CELLS]
    if len(cells) < _ADDRESS_CELLS:
        return
    high, *rest = cells
    if any(rest):
        yield "reg", "the address has more than its first cell, expected zeros"
    if high & _SPACE:
        yield "reg", f"address {high:#010x} is not in configuration space"
    if high & _REGISTER:
        yield "reg", f"address {high:#010x} is of a register, expected its number 0"
    device, function = high >> 11 & 0x1F, high >> 8 & 7
    expected = [f"{device:x},{function:x}"] + [f"{device:x}"] * (not function)
    if node.unit is not None and node.unit not in expected:
        yield None, f"unit address {node.unit}, expected {' or '.join(expected)}"


@rule(Severity.WARNING)
def pci_device_bus_num(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """The bus number of a PCI device lies in `bus-range` of the bridge."""
    if node.parent is None or not _is_pci(node.parent):
        return
    cells, buses = node.cells("reg"), node.parent.cells("bus-range")
    if not cells or len(buses) != _BUS_RANGE_CELLS:
        return
    bus = cells[0] >> 16 & _LAST_BUS
    if not buses[0] <= bus <= buses[1]:
        yield "reg", f"bus {bus}, but the bridge has {buses[0]} to {buses[1]}"


@rule(Severity.WARNING)
def simple_bus_reg(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """A node on a simple bus has an address, and it is the unit address."""
    above = node.parent
    if above is None or not _is_simple(above):
        return
    address = node.first_address
    if address is None:
        ranges = node.values.get("ranges", b"")
        start = node.address_cells * CELL
        end = start + above.address_cells * CELL
        if "reg" in node.values or start == end or len(ranges) < end:
            yield None, "on a simple bus, but reg or ranges has no address"
            return
        address = int.from_bytes(ranges[start:end], "big")
    if node.unit is not None and node.unit != f"{address:x}":
        yield None, f"unit address {node.unit}, expected {address:x}"


RULES = (pci_bridge, pci_device_reg, pci_device_bus_num, simple_bus_reg)

"""What configure-connector delivers for PCI functions, bridges and host bridges.

Nodes are built as QEMU builds them (hw/ppc/spapr_pci.c `spapr_dt_pci_device`,
`spapr_dt_phb`), properties in the order in which it delivers them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from pydlpar import drc_encode
from pydlpar.connector import FragmentNode
from pydlpar.drc import Drc, drc_id
from pydlpar.platforms.pci_function import PciFunction, node_base_name

__all__ = [
    "FUNCTIONS",
    "INTERRUPT_PARENT",
    "SLOTS",
    "drc_arrays",
    "function_node",
    "host_bridge_node",
    "host_bridge_unit",
]

SLOTS, FUNCTIONS = 32, 8
"""Slots of a bus, and functions of a slot."""

_CELL: Final = 4
_LIVE_INSERTION: Final = 0xFFFFFFFF
_SLOT_TYPE: Final = "28"

# Fields of phys.hi of a PCI address (IEEE 1275 PCI Bus Binding).
_BUS_SHIFT, _FUNCTION_SHIFT = 16, 8
_FIRST_BAR, _ROM_OFFSET, _BRIDGE_ROM_OFFSET = 0x10, 0x30, 0x38
_ROM_BAR: Final = 6

# Bits of the status register, and what they are called in the device tree.
_STATUS_FLAGS: Final = (
    (0x40, "udf-supported"),
    (0x20, "66mhz-capable"),
    (0x80, "fast-back-to-back"),
)
_DEVSEL_MASK: Final = 0x600

# Where a host bridge has its windows (QEMU include/hw/pci-host/spapr.h).
_BUID_BASE: Final = 0x0800000020000000
_WINDOW_BASE: Final = 0x200000000000
_IO_SIZE: Final = 0x10000
_MEM32_SIZE, _MEM32_BUS = 1 << 31, 0x80000000
_MEM64_SIZE: Final = 1 << 40
_SPACE_IO, _SPACE_MEM32, _SPACE_MEM64 = 0x01000000, 0x02000000, 0x03000000
_LIOBN_BASE, _LIOBN_SHIFT = 0x80000000, 8
_DMA_WINDOW_SIZE: Final = 0x40000000
_MSI_VECTORS: Final = 0xD00
_DDW_CALLS: Final = (0x2026, 0x2027, 0x2028)
_DDW_RESET: Final = 0x2029

_LSI_BASE, _PINS = 0x1200, 4
INTERRUPT_PARENT: Final = 0x1111
"""Phandle of the interrupt controller before the guest has numbered its nodes."""
_LEVEL: Final = 1
_MAP_MASK: Final = (0xF800, 0, 0, 0xFFFFFFFF)
_SLOT_SHIFT: Final = 11


def _cells(values: Iterable[int]) -> bytes:
    return b"".join(value.to_bytes(_CELL, "big") for value in values)


def _u64(value: int) -> tuple[int, int]:
    return value >> 32, value & 0xFFFFFFFF


def _text(value: str) -> bytes:
    return value.encode("ascii") + b"\0"


def drc_arrays(indexes: Sequence[int]) -> dict[str, bytes]:
    """The four arrays of a node with these PCI connectors, as QEMU delivers them."""
    drcs = [
        Drc(index, f"C{drc_id(index)}", _SLOT_TYPE, _LIVE_INSERTION)
        for index in indexes
    ]
    return dict(reversed(drc_encode.drc_arrays(drcs).items()))


def _registers(function: PciFunction, address: int) -> bytes:
    """`reg`: an entry for the configuration space, then one for each BAR."""
    entries = [address, 0, 0, 0, 0]
    for bar in function.bars:
        offset = _FIRST_BAR + _CELL * bar.number
        if bar.number == _ROM_BAR:
            offset = _BRIDGE_ROM_OFFSET if function.is_bridge else _ROM_OFFSET
        entries += [address | offset | bar.space, 0, 0, *_u64(bar.size)]
    return _cells(entries)


def function_node(
    function: PciFunction,
    devfn: int,
    drc_index: int,
    phb: int,
    bus: int,
    slots: Sequence[int] | None = None,
    children: Sequence[FragmentNode] = (),
    phandle: int | None = None,
) -> FragmentNode:
    """The node of a PCI function.

    Args:
        devfn: slot times eight plus function.
        phb: index of the host bridge.
        bus: number of the bus it sits on.
        slots: DRC indexes of the slots behind a bridge, in the order of its arrays;
            None for a function that is none.
        children: nodes of the functions behind a bridge.
        phandle: value of `ibm,phandle`; None leaves it, `name` and `compatible` out,
            as QEMU does and LoPAR does not.
    """
    slot, number = divmod(devfn, FUNCTIONS)
    base = node_base_name(function.class_code)
    address = bus << _BUS_SHIFT | devfn << _FUNCTION_SHIFT
    location = f"qemu_{function.driver}:{phb:04x}:{bus:02x}:{slot:02x}.{number:x}"
    own: dict[str, bytes] = {}
    if phandle is not None:
        own["name"] = _text(base)
        compatible = f"pci{function.vendor:x},{function.device:x}"
        own["compatible"] = _text(compatible)
        own["ibm,phandle"] = _cells([phandle])
    own |= _leading(function, slots)
    if function.extended_config:
        own["ibm,pci-config-space-type"] = _cells([1])
    own["reg"] = _registers(function, address)
    numbers = {
        "ibm,req#msi-x": function.msix,
        "ibm,req#msi": function.msi,
        "ibm,my-drc-index": drc_index,
    }
    own |= {key: _cells([value]) for key, value in numbers.items() if value}
    own["ibm,loc-code"] = _text(location)
    own |= {name: b"" for bit, name in _STATUS_FLAGS if function.status & bit}
    own |= _identity(function)
    name = f"{base}@{slot:x},{number:x}" if number else f"{base}@{slot:x}"
    return FragmentNode(name, own, children)


def _leading(function: PciFunction, slots: Sequence[int] | None) -> dict[str, bytes]:
    """What a bridge has in place of the bus timings of other functions."""
    if slots is not None:
        cells = {"#size-cells": _cells([2]), "#address-cells": _cells([3])}
        return drc_arrays(slots) | cells
    return {
        "max-latency": _cells([function.max_latency]),
        "min-grant": _cells([function.min_grant]),
    }


def _identity(function: PciFunction) -> dict[str, bytes]:
    own = {
        "devsel-speed": _cells([function.status & _DEVSEL_MASK]),
        "cache-line-size": _cells([function.cache_line]),
    }
    where_set = {
        "subsystem-vendor-id": function.subsystem_vendor,
        "subsystem-id": function.subsystem,
        "interrupts": function.pin,
    }
    own |= {name: _cells([value]) for name, value in where_set.items() if value}
    own["class-code"] = _cells([function.class_code])
    own["revision-id"] = _cells([function.revision])
    own["device-id"] = _cells([function.device])
    own["vendor-id"] = _cells([function.vendor])
    return own


def host_bridge_unit(index: int) -> int:
    """The unit address of a host bridge (BUID)."""
    return _BUID_BASE + index


def host_bridge_node(
    index: int,
    drc_index: int,
    slots: Sequence[int],
    children: Sequence[FragmentNode] = (),
    domains: Sequence[int] | None = None,
    phandle: int | None = None,
    interrupt_parent: int = INTERRUPT_PARENT,
) -> FragmentNode:
    """The node of a host bridge.

    Args:
        index: of the host bridge among its kind.
        slots: DRC indexes of its slots, in the order of its arrays.
        children: nodes of the functions on its bus.
        domains: associativity of its NUMA node, without the count; None where it
            was not said.
        phandle: value of `ibm,phandle`; None leaves it out.
        interrupt_parent: phandle of the interrupt controller.
    """
    unit = host_bridge_unit(index)
    liobn = _LIOBN_BASE | index << _LIOBN_SHIFT
    own = {"name": _text("pci")}
    if phandle is not None:
        own["ibm,phandle"] = _cells([phandle])
    own |= drc_arrays(slots)
    own |= {
        "#size-cells": _cells([2]),
        "#address-cells": _cells([3]),
        "qemu,phb-enumerated": _cells([1]),
        "ibm,my-drc-index": _cells([drc_index]),
        "ibm,dma-window": _cells([liobn, 0, 0, 0, _DMA_WINDOW_SIZE]),
        "ibm,#dma-size-cells": _cells([2]),
        "ibm,#dma-address-cells": _cells([2]),
        "interrupt-map": _interrupt_map(index, interrupt_parent),
        "interrupt-map-mask": _cells(_MAP_MASK),
    }
    if domains is not None:
        own["ibm,associativity"] = _cells([len(domains), *domains])
    own |= {
        "ibm,ddw-extensions": _cells([2, _DDW_RESET, 1]),
        "ibm,ddw-applicable": _cells(_DDW_CALLS),
        "ibm,pe-total-#msi": _cells([_MSI_VECTORS]),
        "ibm,pci-config-space-type": _cells([1]),
        "reg": _cells([*_u64(unit), 0, 0]),
        "ranges": _ranges(index),
        "bus-range": _cells([0, 0xFF]),
        "used-by-rtas": b"",
        "#interrupt-cells": _cells([1]),
        "compatible": _text("IBM,Logical_PHB"),
        "device_type": _text("pci"),
    }
    return FragmentNode(f"pci@{unit:x}", own, children)


def _interrupt_map(index: int, parent: int) -> bytes:
    """Four level interrupts for a host bridge, turned by one from slot to slot."""
    rows: list[int] = []
    for slot in range(SLOTS):
        for pin in range(_PINS):
            source = _LSI_BASE + _PINS * index + (slot + pin) % _PINS
            rows += [slot << _SLOT_SHIFT, 0, 0, pin + 1]
            rows += [parent, source, _LEVEL]
    return _cells(rows)


def _ranges(index: int) -> bytes:
    """I/O, 32-bit and 64-bit memory: bus address, address of the machine, size."""
    mem32 = _WINDOW_BASE + (index + 1) * _MEM32_SIZE
    mem64 = _WINDOW_BASE + (index + 1) * _MEM64_SIZE
    io = _WINDOW_BASE + index * _IO_SIZE
    windows = (
        (_SPACE_IO, 0, io, _IO_SIZE),
        (_SPACE_MEM32, _MEM32_BUS, mem32, _MEM32_SIZE),
        (_SPACE_MEM64, mem64, mem64, _MEM64_SIZE),
    )
    rows: list[int] = []
    for space, bus, address, size in windows:
        rows += [space, *_u64(bus), *_u64(address), *_u64(size)]
    return _cells(rows)

"""What a PCI function says of itself in its configuration space.

Only what reaches the device tree: identity, class, base address registers,
interrupts. `pci_models` has those of QEMU's device models.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final, NamedTuple

from pydlpar.errors import ArgumentError

__all__ = ["BarSpace", "PciBar", "PciFunction", "node_base_name"]

ROM_BAR: Final = 6
"""Number of the expansion ROM, behind the six base address registers."""

_U8, _U16, _U24 = 0xFF, 0xFFFF, 0xFFFFFF
_PINS: Final = 4
_SUBCLASS_SHIFT, _CLASS_SHIFT = 8, 16
_BRIDGE_CLASS: Final = 0x0604


class BarSpace(IntEnum):
    """Address space of a base address register, as in `phys.hi` of `reg`."""

    IO = 0x01000000
    MEM32 = 0x02000000
    MEM64 = 0x03000000


class PciBar(NamedTuple):
    """A base address register: number (6 is the ROM), space, size in bytes."""

    number: int
    space: BarSpace
    size: int


class PciFunction(NamedTuple):
    """A PCI function, as its configuration space describes it.

    Attributes:
        driver: name of the model, which becomes part of `ibm,loc-code`.
        vendor, device, class_code, revision: identity; class code with interface.
        subsystem_vendor, subsystem: 0 where it has none.
        bars: base address registers in use, ascending; number 6 is the ROM.
        pin: interrupt pin, 1 to 4; 0 for none.
        msi, msix: vectors; 0 where it cannot.
        min_grant, max_latency, cache_line: registers of the same name.
        status: status register: bits 5 to 7 and 9 to 10 reach the device tree.
        extended_config: it has extended configuration space (PCI Express, PCI-X 2).
        parts: names of the objects that QEMU keeps below the device.
    """

    driver: str
    vendor: int
    device: int
    class_code: int
    revision: int = 0
    subsystem_vendor: int = 0
    subsystem: int = 0
    bars: tuple[PciBar, ...] = ()
    pin: int = 1
    msi: int = 0
    msix: int = 0
    min_grant: int = 0
    max_latency: int = 0
    cache_line: int = 0
    status: int = 0
    extended_config: bool = False
    parts: tuple[str, ...] = ()

    @property
    def is_bridge(self) -> bool:
        """It has a bus of its own behind it."""
        return self.class_code >> _SUBCLASS_SHIFT == _BRIDGE_CLASS

    def check(self) -> None:
        """Raise ArgumentError where a register cannot hold its value."""
        if not (self.driver.isascii() and self.driver.isprintable() and self.driver):
            raise ArgumentError(f"driver {self.driver!r}: expected printable ASCII")
        widths = {
            "vendor": _U16,
            "device": _U16,
            "class_code": _U24,
            "revision": _U8,
            "subsystem_vendor": _U16,
            "subsystem": _U16,
            "pin": _PINS,
            "msi": _U16,
            "msix": _U16,
            "min_grant": _U8,
            "max_latency": _U8,
            "cache_line": _U8,
            "status": _U16,
        }
        for name, largest in widths.items():
            value = getattr(self, name)
            if not 0 <= value <= largest:
                raise ArgumentError(f"{name} {value:#x}: expected 0..{largest:#x}")
        numbers = [bar.number for bar in self.bars]
        if numbers != sorted(set(numbers)) or not set(numbers) <= set(range(7)):
            raise ArgumentError(f"BARs {numbers}: expected 0 to {ROM_BAR}, ascending")
        for bar in self.bars:
            if bar.size <= 0 or bar.size & (bar.size - 1):
                raise ArgumentError(
                    f"BAR {bar.number}: size {bar.size:#x}: expected a power of two"
                )


# IEEE 1275 PCI Bus Binding, "name" by class code: base class, then subclass, then
# interface. A class without an entry is called as its base class.
_BASE_CLASSES: Final = (
    "legacy-device",
    "mass-storage",
    "network",
    "display",
    "multimedia-device",
    "memory-controller",
    "unknown-bridge",
    "communication-controller",
    "system-peripheral",
    "input-controller",
    "docking-station",
    "cpu",
    "serial-bus",
    "wireless-controller",
    "intelligent-io",
    "satellite-device",
    "encryption",
    "data-processing-controller",
)
_UNKNOWN_CLASS: Final = "pci"
_SUBCLASSES: Final[Mapping[int, tuple[str, ...]]] = {
    0x01: ("scsi", "ide", "fdc", "ipi", "raid", "ata", "sata", "sas"),
    0x02: ("ethernet", "token-ring", "fddi", "atm", "isdn", "worldfip", "picmg"),
    0x03: ("vga", "xga", "3d-controller"),
    0x04: ("video", "sound", "telephony"),
    0x05: ("memory", "flash"),
    0x06: (
        *("host", "isa", "eisa", "mca", "pci", "pcmcia", "nubus", "cardbus"),
        *("raceway", "semi-transparent-pci", "infiniband"),
    ),
    0x07: ("serial", "parallel", "multiport-serial", "modem", "gpib", "smart-card"),
    0x08: (
        *("interrupt-controller", "dma-controller", "timer", "rtc"),
        *("hot-plug-controller", "sd-host-controller"),
    ),
    0x09: ("keyboard", "pen", "mouse", "scanner", "gameport"),
    0x0A: ("dock",),
    0x0C: (
        *("firewire", "access-bus", "ssa", "usb", "fibre-channel", "smb"),
        *("infiniband", "ipmi", "sercos", "canbus"),
    ),
    0x0D: ("irda", "consumer-ir"),
    0x10: ("network-encryption",),
    0x11: ("dpio", "counter"),
}
_OTHER_SUBCLASSES: Final[Mapping[int, str]] = {
    0x0001: "display",
    0x0B20: "powerpc",
    0x0B30: "mips",
    0x0B40: "co-processor",
    0x0D10: "rf-controller",
    0x1010: "entertainment-encryption",
    0x1110: "measurement",
}
_INTERFACES: Final = {
    0x080010: "io-apic",
    0x080020: "io-xapic",
    0x0C0300: "usb-uhci",
    0x0C0310: "usb-ohci",
    0x0C0320: "usb-ehci",
    0x0C0330: "usb-xhci",
    0x0C0380: "usb-unknown",
    0x0C03FE: "usb-device",
}


def node_base_name(class_code: int) -> str:
    """Name of a function's node, without its address.

    Args:
        class_code: 24 bits: base class, subclass, interface.
    """
    base = class_code >> _CLASS_SHIFT
    if base >= len(_BASE_CLASSES):
        return _UNKNOWN_CLASS
    if class_code in _INTERFACES:
        return _INTERFACES[class_code]
    both = class_code >> _SUBCLASS_SHIFT
    names, subclass = _SUBCLASSES.get(base, ()), both & _U8
    if subclass < len(names):
        return names[subclass]
    return _OTHER_SUBCLASSES.get(both, _BASE_CLASSES[base])

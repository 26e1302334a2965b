"""What a slot's type and the node behind it say: descriptions, names, caches.

Sources: LoPAR 13.5.2 (connector types); Linux arch/powerpc/kernel/pci-common.c (PCI
domains), drivers/of/base.c (caches); powerpc-utils lsslot (what is shown).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pydlpar.errors import NotFoundError
from pydlpar.slot import SlotKind

if TYPE_CHECKING:
    from pydlpar.node import Node
    from pydlpar.slot import Slot

__all__ = ["PciIds", "cpu_caches", "describe_type", "linux_name", "pci_ids"]

_WORDS = {
    SlotKind.CPU: "processor",
    SlotKind.MEM: "memory",
    SlotKind.PMEM: "persistent memory",
    SlotKind.PHB: "PCI host bridge",
    SlotKind.SLOT: "logical I/O slot",
    SlotKind.PORT: "HEA port",
}
# Width in bits, MHz, volts.
_PCI = (
    (32, 33, "5"),
    (32, 50, "5"),
    (32, 33, "3.3"),
    (64, 33, "5"),
    (64, 50, "5"),
    (64, 33, "3.3"),
    (32, 66, "3.3"),
    (64, 66, "3.3"),
)
_PCI_X_FIRST = 11
_PCI_X = (
    (32, 66),
    (32, 100),
    (32, 133),
    (64, 66),
    (64, 100),
    (64, 133),
    (64, 266),
    (64, 533),
)
_PCIE_FIRST = 19
_PCIE_LANES = (1, 2, 4, 8, 16, 32)
# Revision, lanes, those of them that are connected.
_PCIE_WIRED = tuple(
    (revision, lanes, wired)
    for revision in (3, 4)
    for lanes, some in ((8, (1, 4, 8)), (16, (1, 8, 16)))
    for wired in some
)
_U2_LANES = 4
# Revision, connected lanes.
_U2 = ((3, 4), (4, 4), (4, 2))

_CACHES = ("l2-cache", "next-level-cache")
_DOMAIN_MASK = 0xFFFF


def _lanes(revision: int, form: str, lanes: int, wired: int) -> str:
    some = "" if wired == lanes else f" (x{wired} connected)"
    return f"PCIe {revision}{form} x{lanes}{some}"


def _types() -> dict[str, str]:
    pci = [f"PCI {bits}-bit {mhz} MHz {volts} V" for bits, mhz, volts in _PCI]
    pci_x = [f"PCI-X {bits}-bit {mhz} MHz" for bits, mhz in _PCI_X]
    pcie = [_lanes(rev, "", n, n) for rev in (1, 2) for n in _PCIE_LANES]
    pcie += [_lanes(rev, "", n, wired) for rev, n, wired in _PCIE_WIRED]
    pcie += [_lanes(rev, " U.2", _U2_LANES, wired) for rev, wired in _U2]
    groups = ((1, pci), (_PCI_X_FIRST, pci_x), (_PCIE_FIRST, pcie))
    return {
        str(n): text for first, group in groups for n, text in enumerate(group, first)
    }


_TYPES = _types()


def describe_type(slot: Slot) -> str:
    """A slot's type in words: `PCIe 2 x8` for 28."""
    if slot.kind is not SlotKind.PCI:
        is_vio = slot.node is not None and _is_vio(slot.node)
        return "virtual I/O slot" if is_vio else _WORDS[slot.kind]
    return _TYPES.get(slot.drc.type, f"type {slot.drc.type}" if slot.drc.type else "")


def _is_vio(node: Node) -> bool:
    parent = node.parent
    return parent is not None and parent.get("device_type") == b"vdevice\0"


def _host_bridge(node: Node) -> Node | None:
    """The PCI host bridge that a node is, or is below of."""
    at, above = node, node.parent
    while above is not None and above.parent is not None:
        at, above = above, above.parent
    return at if at.get("device_type") == b"pci\0" else None


def linux_name(node: Node) -> str | None:
    """What Linux calls the device of a node: `0001:00:02.0` for a PCI function.

    A host bridge has its domain, a virtual device its unit address; of other nodes,
    or where `reg` is missing, None.
    """
    if _is_vio(node):
        return node.name.partition("@")[2] or None
    bridge = _host_bridge(node)
    reg = node.get("reg", b"")
    if bridge is None or len(reg) < 4:
        return None
    domain = _domain(bridge)
    if domain is None or node == bridge:
        return None if domain is None else f"{domain:04x}"
    high = int.from_bytes(reg[:4], "big")
    bus, device, function = high >> 16 & 0xFF, high >> 11 & 0x1F, high >> 8 & 7
    return f"{domain:04x}:{bus:02x}:{device:02x}.{function}"


def _domain(bridge: Node) -> int | None:
    """The domain that Linux takes: as it is told, else the low half of the BUID."""
    told = bridge.get("linux,pci-domain", b"")
    if len(told) == 4:
        return int.from_bytes(told, "big")
    reg = bridge.get("reg", b"")
    return int.from_bytes(reg[:8], "big") & _DOMAIN_MASK if len(reg) >= 8 else None


class PciIds(NamedTuple):
    """What a PCI function says that it is."""

    vendor: int
    device: int
    class_code: int


def pci_ids(node: Node) -> PciIds | None:
    """The identity of a PCI function; None of other nodes.

    Raises:
        TreeError: one of the properties is not 4 bytes long.
    """
    names = ("vendor-id", "device-id", "class-code")
    if not all(name in node for name in names):
        return None
    return PciIds(*map(node.u32, names))


def cpu_caches(cpu: Node) -> list[Node]:
    """The caches of a CPU that have nodes: level 2 first, then what is behind it.

    A phandle that no node has ends the list, and so does one that leads back.

    Raises:
        TreeError: what should be a phandle is not 4 bytes long.
    """
    found: list[Node] = []
    at = cpu
    while True:
        name = next((name for name in _CACHES if name in at), None)
        if name is None:
            return found
        try:
            at = at.reference(name)
        except NotFoundError:
            return found
        if at in found:
            return found
        found.append(at)

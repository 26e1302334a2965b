"""Places for memory devices: DIMMs and NVDIMMs share slots and addresses.

Rules and error texts are QEMU's (spapr.c `spapr_memory_pre_plug`,
hw/mem/memory-device.c, pc-dimm.c, hw/ppc/spapr_nvdimm.c), in its order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from pydlpar.connector import FragmentNode, fragment_nodes
from pydlpar.constants import DrcType
from pydlpar.drc import drc_id, drc_index, drc_type
from pydlpar.errors import PlatformError
from pydlpar.platforms.firmware_devices import Connector, Device, DeviceKind
from pydlpar.platforms.firmware_inventory import NO_NODE, Inventory
from pydlpar.platforms.firmware_registry import Registry
from pydlpar.platforms.fragments import lmb_node, pmem_node

__all__ = ["MemorySlots", "Nvdimm"]

_HOST_ALIGNMENT: Final = 2 << 20
"""QEMU aligns memory devices for its host's huge pages."""

_MIB: Final = 1 << 20
_MIN_LABEL_SIZE: Final = 128 << 10
_MEMORY_KINDS: Final = (DeviceKind.DIMM, DeviceKind.NVDIMM)


class Nvdimm(Device):
    """Persistent memory.

    Attributes:
        uuid: its unit GUID.
        label_size: bytes of its label area, which are not part of its size.
    """

    __slots__ = ("label_size", "uuid")

    def __init__(
        self, id: str | None, path: str, connector: Connector, uuid: str, label: int
    ) -> None:
        super().__init__(DeviceKind.NVDIMM, id, path, [connector])
        self.uuid = uuid
        self.label_size = label


def _boot_nvdimm(device: Device) -> Nvdimm:
    """An NVDIMM of the boot tree, by what its node says."""
    (node,) = fragment_nodes(device.fragment or b"")
    found = node.properties
    number = {
        name: int.from_bytes(found.get(f"ibm,{name}", b""), "big")
        for name in ("number-of-blocks", "block-size", "metadata-size")
    }
    guid = found.get("ibm,unit-guid", b"").rstrip(b"\0").decode("ascii", "replace")
    connector = device.connectors[0]
    label = number["metadata-size"]
    nvdimm = Nvdimm(device.id, device.path, connector, guid, label)
    nvdimm.size = number["number-of-blocks"] * number["block-size"]
    nvdimm.slot = drc_id(connector.index)
    nvdimm.fragment = device.fragment
    return nvdimm


class MemorySlots:
    """Slots and addresses of memory devices.

    Args:
        inventory: what the machine starts with.
        address_bug: deliver LMB addresses with the bug of QEMU.
    """

    def __init__(
        self, inventory: Inventory, registry: Registry, address_bug: bool
    ) -> None:
        self._profile = inventory.profile
        self._registry = registry
        self._connectors = inventory.connectors
        self._inventory = inventory
        self._slots = inventory.slots
        self._lmb_size = inventory.lmb_size
        self._lmbs = inventory.lmbs
        self._bases = {c.index: base for base, c in inventory.lmbs.items()}
        self._address_bug = address_bug
        self._adopt_nvdimms()

    def _adopt_nvdimms(self) -> None:
        """Take in the NVDIMMs of the boot tree.

        Their nodes have no address. The first form of the LMB table gives them
        away: as LMBs that are assigned, but to no node (and that have no device, as
        their connectors know). With the second form the first gaps are theirs.
        """
        ranges: list[tuple[int, int]] = []
        for device in list(self._registry):
            if device.kind is DeviceKind.DIMM and device.node == NO_NODE:
                ranges.append((device.address, device.end))
                for connector in device.connectors:
                    connector.detach()
                    connector.reset()
                self._registry.remove(device)
        for device in list(self._registry):
            index = device.drc_indexes[0]
            if device.kind is not DeviceKind.IO or drc_type(index) != DrcType.PMEM:
                continue
            nvdimm = _boot_nvdimm(device)
            fitting = [
                n for n, (at, end) in enumerate(ranges) if end - at >= nvdimm.size
            ]
            if fitting:
                nvdimm.address, end = ranges.pop(fitting[0])
                ranges.insert(fitting[0], (nvdimm.end, end))
            elif self._lmbs and nvdimm.size:
                nvdimm.address = self._place(nvdimm.size, None)
            self._registry.attach(nvdimm)

    def add_dimm(
        self, size: int, id: str | None, addr: int | None, node: int
    ) -> Device:
        """Plug a DIMM of *size* bytes; into the first gap where *addr* is None.

        Raises:
            PlatformError: it does not fit, as QEMU would say it.
        """
        self._registry.check_id(id)
        if size <= 0 or size % self._lmb_size:
            raise PlatformError(
                "Hotplugged memory size must be a multiple of "
                f"{self._lmb_size // _MIB} MB"
            )
        slot = self._free_slot()
        address = self._place(size, addr)
        self.check_node(node)
        device = Device(DeviceKind.DIMM, id, self._registry.path(id), [])
        device.address, device.size = address, size
        device.node, device.slot = node, slot
        device.connectors = list(self._lmbs_at(address, size))
        self._registry.attach(device)
        return device

    def add_nvdimm(
        self, size: int, uuid: str | None, label_size: int, id: str | None, node: int
    ) -> Nvdimm:
        """Plug an NVDIMM of *size* bytes, its label area not counted.

        Raises:
            PlatformError: it does not fit, as QEMU would say it.
        """
        self._registry.check_id(id)
        if 0 <= label_size < _MIN_LABEL_SIZE:
            raise PlatformError(
                f"Property 'nvdimm.label-size' ({label_size:#x}) is required at least "
                f"{_MIN_LABEL_SIZE:#x}"
            )
        guid = self._parse_uuid(uuid)
        if size <= 0 or size % self._lmb_size:
            raise PlatformError(
                "PAPR requires NVDIMM memory size (excluding label) to be a multiple "
                f"of {self._lmb_size // _MIB}MB"
            )
        slot = self._free_slot()
        address = self._place(size, None)
        self.check_node(node)
        connector = self._connectors.get(drc_index(DrcType.PMEM, slot))
        if connector is None:
            raise PlatformError(f"there is no connector for an NVDIMM in slot {slot}")
        device = Nvdimm(id, self._registry.path(id), connector, guid, label_size)
        device.address, device.size = address, size
        device.node, device.slot = node, slot
        self._registry.attach(device)
        return device

    @staticmethod
    def _parse_uuid(uuid: str | None) -> str:
        if uuid is None:
            raise PlatformError("NVDIMM device requires the uuid to be set")
        try:
            return str(UUID(uuid))
        except ValueError:
            raise PlatformError("Property 'nvdimm.uuid' has invalid value") from None

    def _dimms(self) -> list[Device]:
        """Memory devices in order of their address."""
        dimms = [device for device in self._registry if device.kind in _MEMORY_KINDS]
        return sorted(dimms, key=lambda dimm: dimm.address)

    def _free_slot(self) -> int:
        if not self._lmbs:
            raise PlatformError(
                "memory devices (e.g. for memory hotplug) are not enabled, please "
                "specify the maxmem option"
            )
        taken = {dimm.slot for dimm in self._dimms()}
        slot = next(slot for slot in range(len(taken) + 1) if slot not in taken)
        if self._slots is not None and slot >= self._slots:
            raise PlatformError("no free slots available")
        return slot

    def _place(self, size: int, addr: int | None) -> int:
        """The address for a DIMM: the given one, checked, or the first gap."""
        first, last = min(self._lmbs), max(self._lmbs)
        end = last + self._lmb_size
        used = sum(dimm.size for dimm in self._dimms())
        if used + size > end - first:
            raise PlatformError(
                f"not enough space, currently {used:#x} in use of total space for "
                f"memory devices {end - first:#x}"
            )
        if addr is None:
            return self._first_gap(size, first, end)
        alignment = _HOST_ALIGNMENT if self._profile == "qemu" else self._lmb_size
        if addr % alignment:
            raise PlatformError(f"address must be aligned to {alignment:#x} bytes")
        if addr < first or addr + size > end:
            raise PlatformError(
                f"can't add memory device [{addr:#x}:{size:#x}], usable range for "
                f"memory devices [{first:#x}:{end - first:#x}]"
            )
        for dimm in self._dimms():
            if addr < dimm.end and dimm.address < addr + size:
                raise PlatformError(
                    f"address range conflicts with memory device id='{dimm.id or ''}'"
                )
        return addr

    def _first_gap(self, size: int, first: int, end: int) -> int:
        address = first
        for dimm in self._dimms():
            if address + size <= dimm.address:
                break
            address = max(address, dimm.end)
        if address + size > end:
            raise PlatformError(
                "could not find position in guest address space for memory device - "
                "memory fragmented due to alignments"
            )
        return address

    def _lmbs_at(self, address: int, size: int) -> Iterator[Connector]:
        """The connectors of a range: its address is rounded down to an LMB."""
        start = address - address % self._lmb_size
        for base in range(start, start + size, self._lmb_size):
            connector = self._lmbs.get(base)
            if connector is None:
                raise PlatformError(f"there is no LMB at {base:#x}")
            yield connector

    def check_node(self, node: int) -> None:
        """Raise PlatformError where there is no such NUMA node."""
        if not 0 <= node < len(self._inventory.domains):
            raise PlatformError(
                f"'DIMM property node has value {node}' which exceeds the number of "
                f"numa nodes: {len(self._inventory.domains)}"
            )

    def node(self, connector: Connector, device: Device) -> FragmentNode:
        """What configure-connector delivers for an LMB or an NVDIMM."""
        index = connector.index
        phandle = None if self._profile == "qemu" else index
        domains = self._inventory.domains[device.node or 0]
        if isinstance(device, Nvdimm):
            return pmem_node(
                index,
                device.size // self._lmb_size,
                self._lmb_size,
                device.label_size,
                device.uuid,
                domains,
                phandle=phandle,
            )
        return lmb_node(
            self._bases[index],
            self._lmb_size,
            index,
            domains,
            address_bug=self._address_bug,
            phandle=phandle,
        )

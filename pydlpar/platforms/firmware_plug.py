"""Where a device may be plugged, and what its connector then delivers.

Rules and error texts are QEMU's (spapr.c `spapr_core_pre_plug`,
`spapr_memory_pre_plug`, hw/mem/memory-device.c, pc-dimm.c), in its order.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd
from typing import Final

from pydlpar.connector import make_fragment
from pydlpar.drc import drc_id
from pydlpar.errors import PlatformError
from pydlpar.platforms.firmware_devices import Connector, Device, DeviceKind
from pydlpar.platforms.firmware_inventory import Inventory
from pydlpar.platforms.fragments import CpuTemplate, lmb_node

__all__ = ["Chassis"]

_HOST_ALIGNMENT: Final = 2 << 20
"""QEMU aligns memory devices for its host's huge pages."""

_MIB: Final = 1 << 20


class Chassis:
    """The devices of a machine and the places that are left.

    Args:
        inventory: what the machine starts with; not to be used by others.
        address_bug: deliver LMB addresses with the bug of QEMU.
    """

    def __init__(self, inventory: Inventory, address_bug: bool) -> None:
        self._profile = inventory.profile
        self._template = inventory.template
        self._radix = inventory.radix
        self._domains = inventory.domains
        self._slots = inventory.slots
        self._lmb_size = inventory.lmb_size
        self._lmbs = inventory.lmbs
        self._bases = {c.index: base for base, c in inventory.lmbs.items()}
        self._cpus = {
            drc_id(connector.index): connector
            for connector in sorted(
                inventory.connectors.values(), key=lambda found: found.index
            )
            if connector.is_cpu
        }
        self._spacing = gcd(*self._cpus)
        self._address_bug = address_bug
        self._devices = {device.path: device for device in inventory.devices}
        self._anonymous = len(self._devices)

    @property
    def devices(self) -> tuple[Device, ...]:
        """Every device, in the order in which they came."""
        return tuple(self._devices.values())

    def find(self, target: str | Device) -> Device:
        """The device with this id or path, or that device itself.

        Raises:
            PlatformError: it is not there.
        """
        if isinstance(target, Device):
            device = self._devices.get(target.path)
            if device is target:
                return device
            target = target.id or target.path
        for device in self._devices.values():
            if target in (device.id, device.path):
                return device
        raise PlatformError(f"Device '{target}' not found")

    def remove(self, device: Device) -> None:
        """Forget a device that has left."""
        del self._devices[device.path]

    def is_boot_core(self, device: Device) -> bool:
        """True for the core that the machine cannot run without: the first."""
        return device.connectors[0] is next(iter(self._cpus.values()), None)

    def add_core(self, core_id: int | None, id: str | None, node: int | None) -> Device:
        """Plug a core; the first free one where *core_id* is None.

        Raises:
            PlatformError: there is no such place, it is taken, or there is no core
                in the tree to make one like.
        """
        self._check_id(id)
        connector = self._cpu_place(core_id)
        self._check_node(node or 0)
        if self._template is None:
            raise PlatformError("the tree has no core to model one on")
        device = Device(DeviceKind.CORE, id, self._path(id), [connector])
        device.core_id, device.node = drc_id(connector.index), node
        self._attach(device)
        return device

    def _cpu_place(self, core_id: int | None) -> Connector:
        if core_id is None:
            free = (c for c in self._cpus.values() if c.device is None)
            connector = next(free, None)
            if connector is None:
                raise PlatformError(f"all {len(self._cpus)} cores are populated")
            return connector
        if self._spacing and core_id % self._spacing:
            raise PlatformError(f"invalid core id {core_id}")
        found = self._cpus.get(core_id)
        if found is None:
            raise PlatformError(f"core id {core_id} out of range")
        if found.device is not None:
            raise PlatformError(f"core {core_id} already populated")
        return found

    def add_dimm(
        self, size: int, id: str | None, addr: int | None, node: int
    ) -> Device:
        """Plug a DIMM of *size* bytes; into the first gap where *addr* is None.

        Raises:
            PlatformError: it does not fit, as QEMU would say it.
        """
        self._check_id(id)
        self._check_node(node)
        if size <= 0 or size % self._lmb_size:
            raise PlatformError(
                "Hotplugged memory size must be a multiple of "
                f"{self._lmb_size // _MIB} MB"
            )
        slot = self._free_slot()
        address = self._place(size, addr)
        device = Device(DeviceKind.DIMM, id, self._path(id), [])
        device.address, device.size = address, size
        device.node, device.slot = node, slot
        device.connectors = list(self._lmbs_at(address, size))
        self._attach(device)
        return device

    def _dimms(self) -> list[Device]:
        """DIMMs in order of their address."""
        dimms = [d for d in self._devices.values() if d.kind is DeviceKind.DIMM]
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

    def fragment(self, connector: Connector) -> bytes:
        """What configure-connector delivers for the device of a connector."""
        device = connector.device
        if device is None:
            raise PlatformError(f"{connector!r} has no device")
        if device.fragment is not None:
            return device.fragment
        index = connector.index
        phandle = None if self._profile == "qemu" else index
        if device.kind is DeviceKind.CORE:
            domains = None if device.node is None else self._domains[device.node]
            node = self._core_template(device).node(
                device.core_id, index, domains, phandle, radix=self._radix
            )
            return make_fragment([node])
        node = lmb_node(
            self._bases[index],
            self._lmb_size,
            index,
            self._domains[device.node or 0],
            address_bug=self._address_bug,
            phandle=phandle,
        )
        return make_fragment([node])

    def _core_template(self, device: Device) -> CpuTemplate:
        template = device.template or self._template
        if template is None:
            raise PlatformError("the tree has no core to model one on")
        return template

    def _attach(self, device: Device) -> None:
        for connector in device.connectors:
            connector.attach(device)
        self._devices[device.path] = device

    def _path(self, id: str | None) -> str:
        if id is not None:
            return f"/machine/peripheral/{id}"
        self._anonymous += 1
        return f"/machine/peripheral-anon/device[{self._anonymous - 1}]"

    def _check_id(self, id: str | None) -> None:
        if id is not None and f"/machine/peripheral/{id}" in self._devices:
            raise PlatformError(f"Duplicate device ID '{id}'")

    def _check_node(self, node: int) -> None:
        if not 0 <= node < len(self._domains):
            raise PlatformError(
                f"'DIMM property node has value {node}' which exceeds the number of "
                f"numa nodes: {len(self._domains)}"
            )

"""Where a device may be plugged, and what its connector then delivers.

Rules and error texts are QEMU's, in its order. Cores are here (spapr.c
`spapr_core_pre_plug`); memory is in `firmware_memory`, PCI in `firmware_pci`.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import gcd

from pydlpar.connector import FragmentNode, make_fragment
from pydlpar.drc import drc_id
from pydlpar.errors import PlatformError
from pydlpar.platforms.firmware_devices import Connector, Device, DeviceKind
from pydlpar.platforms.firmware_inventory import Inventory
from pydlpar.platforms.firmware_memory import MemorySlots
from pydlpar.platforms.firmware_pci import Deletion, PciTopology
from pydlpar.platforms.firmware_registry import Registry
from pydlpar.platforms.fragments import CpuTemplate
from pydlpar.platforms.numa import Numa
from pydlpar.platforms.pci_bus import HostBridge, PciDevice
from pydlpar.tree import DeviceTree

__all__ = ["Chassis"]


class Chassis:
    """The devices of a machine and the places that are left.

    Args:
        inventory: what the machine starts with; not to be used by others.
        address_bug: deliver LMB addresses with the bug of QEMU.

    Attributes:
        registry: every device.
        memory: places for DIMMs and NVDIMMs.
        pci: host bridges, buses and slots.
    """

    def __init__(self, inventory: Inventory, address_bug: bool) -> None:
        self._profile = inventory.profile
        self._radix = inventory.radix
        self._inventory = inventory
        self._cpus = {
            drc_id(connector.index): connector
            for connector in sorted(
                inventory.connectors.values(), key=lambda found: found.index
            )
            if connector.is_cpu
        }
        self._spacing = gcd(*self._cpus)
        self.registry = Registry(inventory.devices)
        self.memory = MemorySlots(inventory, self.registry, address_bug)
        self.pci = PciTopology(inventory, self.registry)

    def associate(self, numa: Numa) -> None:
        """Have all devices say their NUMA nodes as *numa* has them, from now on.

        Raises:
            DecodeError: a device of the boot tree names none of the nodes.
        """
        inventory = self._inventory
        if inventory.domains == numa.domains:
            return
        inventory.domains = numa.domains
        if inventory.template is not None:
            inventory.template = inventory.template.moved(numa)
        for device in self.registry:
            if device.template is not None:
                device.template = device.template.moved(numa)
            if device.fragment is not None:
                tree = DeviceTree.from_dtb(device.fragment)
                numa.write_to(tree)
                device.fragment = tree.to_dtb()
        for connector in inventory.connectors.values():
            connector.forget_fragment()

    def is_boot_core(self, device: Device) -> bool:
        """True for the core that the machine cannot run without: the first."""
        return device.connectors[0] is next(iter(self._cpus.values()), None)

    def add_core(self, core_id: int | None, id: str | None, node: int | None) -> Device:
        """Plug a core; the first free one where *core_id* is None.

        Raises:
            PlatformError: there is no such place, it is taken, or there is no core
                in the tree to make one like.
        """
        self.registry.check_id(id)
        connector = self._cpu_place(core_id)
        self.memory.check_node(node or 0)
        if self._inventory.template is None:
            raise PlatformError("the tree has no core to model one on")
        device = Device(DeviceKind.CORE, id, self.registry.path(id), [connector])
        device.core_id, device.node = drc_id(connector.index), node
        self.registry.attach(device)
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

    def take_out(self, device: Device) -> Iterable[Deletion]:
        """Remove a device that has left: ids and paths of what is gone with it."""
        if isinstance(device, PciDevice | HostBridge):
            return self.pci.take_out(device)
        self.registry.remove(device)
        return ((device.id, device.path),)

    def fragment(self, connector: Connector) -> bytes:
        """What configure-connector delivers for the device of a connector."""
        device = connector.device
        if device is None:
            raise PlatformError(f"{connector!r} has no device")
        if device.kind in (DeviceKind.PCI, DeviceKind.PHB):
            return make_fragment([self.pci.node(device)])
        if device.fragment is not None:
            return device.fragment
        return make_fragment([self._node(connector, device)])

    def _node(self, connector: Connector, device: Device) -> FragmentNode:
        if device.kind is not DeviceKind.CORE:
            return self.memory.node(connector, device)
        index = connector.index
        phandle = None if self._profile == "qemu" else index
        domains = None if device.node is None else self._inventory.domains[device.node]
        return self._core_template(device).node(
            device.core_id, index, domains, phandle, radix=self._radix
        )

    def _core_template(self, device: Device) -> CpuTemplate:
        template = device.template or self._inventory.template
        if template is None:
            raise PlatformError("the tree has no core to model one on")
        return template

"""Host bridges, PCI buses, and what may be plugged into their slots.

Rules and error texts are QEMU's (hw/ppc/spapr_pci.c `spapr_pci_pre_plug`, spapr.c
`spapr_phb_pre_plug`, hw/pci/pci.c), in its order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydlpar._ffi import lib
from pydlpar.connector import FragmentNode, fragment_nodes
from pydlpar.constants import DrcType
from pydlpar.drc import drc_id, drc_index
from pydlpar.drc_states import DrcKind
from pydlpar.errors import PlatformError
from pydlpar.platforms.drc_order import DrcOrder, creation_order
from pydlpar.platforms.firmware_devices import Connector, Device, DeviceKind
from pydlpar.platforms.firmware_inventory import Inventory
from pydlpar.platforms.firmware_registry import Registry
from pydlpar.platforms.fragments_pci import (
    FUNCTIONS,
    INTERRUPT_PARENT,
    SLOTS,
)
from pydlpar.platforms.pci_bus import HostBridge, PciBus, PciDevice
from pydlpar.platforms.pci_function import PciFunction
from pydlpar.platforms.pci_models import PCI_MODELS
from pydlpar.platforms.pci_nodes import PciNodes

__all__ = ["Deletion", "PciTopology"]

Deletion = tuple[str | None, str]
"""Id and path of an object that is gone."""

_PHB_SHIFT, _CHASSIS_SHIFT = 16, 8
_U8: Final = 0xFF
_SLOT_TYPE: Final = "28"
_TCE_TABLES: Final = 2
_MAX_DEPTH: Final[int] = lib.DLPAR_CONNECTOR_MAX_DEPTH - 2
"""Bridges behind each other that a fragment of the host bridge has room for."""

_LIOBN_BASE, _LIOBN_SHIFT = 0x80000000, 8


def _driver_of(device: Device) -> str:
    """Name of a boot device's model: QEMU puts it into the location code."""
    (node,) = fragment_nodes(device.fragment or b"")
    location = node.properties.get("ibm,loc-code", b"").rstrip(b"\0")
    driver = location.decode("ascii", "replace").partition(":")[0]
    return driver.removeprefix("qemu_") or node.name.partition("@")[0]


class PciTopology:
    """The host bridges of a machine, with all that is behind them."""

    def __init__(self, inventory: Inventory, registry: Registry) -> None:
        self._profile = inventory.profile
        self._connectors = inventory.connectors
        self._inventory = inventory
        self._interrupt_parent = inventory.interrupt_parent or INTERRUPT_PARENT
        self._registry = registry
        self._buses: dict[str, PciBus] = {}
        self._anonymous = 0
        self._order: DrcOrder | None = None
        self._places = {
            drc_id(connector.index): connector
            for connector in self._connectors.values()
            if connector.kind is DrcKind.PHB
        }
        for device in list(registry):
            connector = device.connectors[0]
            if device.kind is DeviceKind.IO and connector.kind is DrcKind.PHB:
                self._adopt_bridge(device)
        self.enumerate()

    def _adopt_bridge(self, found: Device) -> None:
        """Take in a host bridge of the boot tree, and what is behind it."""
        connector = found.connectors[0]
        index = drc_id(connector.index)
        bus = self._add_bus(None, index, connector)
        bridge = HostBridge(found.id, found.path, connector, index, bus)
        bridge.fragment = found.fragment
        self._registry.attach(bridge)
        self._adopt_functions(bus)

    def _adopt_functions(self, root: PciBus) -> None:
        pending = [root]
        while pending:
            bus = pending.pop()
            for connector in bus.slots.values():
                found = connector.device
                if found is None:
                    continue
                driver = _driver_of(found)
                device = PciDevice(found.id, found.path, connector, bus, driver)
                device.fragment = found.fragment
                self._registry.attach(device)
                bus.devices.append(device)
                if connector.children:
                    chassis = connector.children[0].index >> _CHASSIS_SHIFT & _U8
                    device.behind = self._add_bus(
                        None, bus.phb, connector, chassis, bus.depth + 1
                    )
                    pending.append(device.behind)

    def _add_bus(
        self,
        name: str | None,
        phb: int,
        owner: Connector,
        chassis: int = 0,
        depth: int = 0,
    ) -> PciBus:
        if self._profile == "lopar":
            owner.guard_children(self._profile)
        if name is None:
            name = f"pci.{self._anonymous}"
            self._anonymous += 1
        bus = self._buses[name] = PciBus(name, phb, owner.children, chassis, depth)
        return bus

    def enumerate(self) -> None:
        """Number all buses, as firmware does when the machine starts."""
        for bus in self._buses.values():
            if not bus.chassis:
                bus.enumerate()

    def reset(self) -> None:
        """Do to the functions what a machine reset does: one register is cleared."""
        for bus in self._buses.values():
            for device in bus.devices:
                if device.function is not None:
                    device.function = device.function._replace(cache_line=0)

    def add_function(
        self,
        driver: str | PciFunction,
        slot: int | None,
        function: int,
        id: str | None,
        *,
        bus: str | int,
        multifunction: bool,
        chassis: int | None,
    ) -> PciDevice:
        """Plug a PCI function; into the first free slot where *slot* is None.

        Raises:
            PlatformError: it cannot be plugged, as QEMU would say it.
        """
        model = self._model(driver)
        where = self._find_bus(bus)
        self._registry.check_id(id)
        if slot is not None and not (0 <= slot < SLOTS and 0 <= function < FUNCTIONS):
            raise PlatformError(
                f"Property '{model.driver}.addr' doesn't take value "
                f"'{slot:x}.{function:x}'"
            )
        if model.is_bridge:
            self._check_chassis(chassis)
            if where.depth >= _MAX_DEPTH:
                raise PlatformError(f"PCI bridges nested deeper than {_MAX_DEPTH}")
        connector = self._slot(where, model, slot, function, multifunction)
        device = PciDevice(
            id,
            self._registry.path(id),
            connector,
            where,
            model.driver,
            model,
        )
        if model.is_bridge and chassis is not None:
            connector.children = self._add_slots(where.phb, chassis)
            device.behind = self._add_bus(
                id, where.phb, connector, chassis, where.depth + 1
            )
        self._registry.attach(device)
        where.devices.append(device)
        return device

    @staticmethod
    def _model(driver: str | PciFunction) -> PciFunction:
        if isinstance(driver, PciFunction):
            driver.check()
            return driver
        model = PCI_MODELS.get(driver)
        if model is None:
            raise PlatformError(f"'{driver}' is not a valid device model name")
        return model

    def _find_bus(self, bus: str | int) -> PciBus:
        if isinstance(bus, str):
            found = self._buses.get(bus)
        else:
            roots = (known for known in self._buses.values() if not known.chassis)
            found = next((root for root in roots if root.phb == bus), None)
        if found is None:
            raise PlatformError(f"Bus '{bus}' not found")
        return found

    def _check_chassis(self, chassis: int | None) -> None:
        if not chassis:
            raise PlatformError('PCI Bridge lacks a "chassis_nr" property')
        if not 0 < chassis <= _U8:
            raise PlatformError("Parameter 'chassis_nr' expects uint8_t")
        if any(bus.chassis == chassis for bus in self._buses.values()):
            raise PlatformError(f"Bridge chassis {chassis} already in use")

    def _slot(
        self,
        bus: PciBus,
        model: PciFunction,
        slot: int | None,
        function: int,
        multifunction: bool,
    ) -> Connector:
        """The connector that a function goes to, by all of QEMU's rules.

        Where no slot is named QEMU looks at function 7 of slot 31 before it looks
        for a free one: a machine whose last slot is in use has none free.
        """
        if slot is None:
            self._check_place(bus, SLOTS - 1, FUNCTIONS - 1)
            function = 0
            free = (n for n in range(SLOTS) if bus.function(n, 0) is None)
            slot = next(free)
        else:
            self._check_place(bus, slot, function)
        self._check_multifunction(bus, slot, function, multifunction)
        connector = bus.slots.get(slot * FUNCTIONS + function)
        if connector is None:
            raise PlatformError(
                f"bus '{bus.name}' has no connector for {model.driver} in slot "
                f"{slot}, function {function}"
            )
        return connector

    @staticmethod
    def _check_place(bus: PciBus, slot: int, function: int) -> None:
        """The slot takes the function: it is free, and function 0 has not come.

        Where a function other than 0 is plugged a second time, after function 0,
        QEMU aborts; here it is an error like the others.
        """
        first, present = bus.function(slot, 0), bus.function(slot, function)
        if present is not None:
            name = present.driver if first is None else first.driver
            raise PlatformError(f"PCI: slot {slot} already occupied by {name}")
        if first is not None:
            raise PlatformError(
                f"PCI: slot {slot} function 0 already occupied by {first.driver}, "
                "additional functions can no longer be exposed to guest."
            )

    @staticmethod
    def _check_multifunction(
        bus: PciBus, slot: int, function: int, multifunction: bool
    ) -> None:
        if function or multifunction:
            return
        for device in bus.functions(slot):
            raise PlatformError(
                f"PCI: {slot:x}.0 indicates single function, but "
                f"{slot:x}.{device.number:x} is already populated."
            )

    def add_bridge(
        self, index: int | None, id: str | None, numa_node: int | None
    ) -> HostBridge:
        """Plug a host bridge.

        Raises:
            PlatformError: it cannot be plugged, as QEMU would say it.
        """
        self._registry.check_id(id)
        connector = self._bridge_place(index)
        if numa_node is not None and not 0 <= numa_node < len(self._inventory.domains):
            raise PlatformError("Invalid NUMA node ID for PCI host bridge")
        number = drc_id(connector.index)
        connector.children = self._add_slots(number, 0)
        name = None if id is None else f"{id}.0"
        bus = self._add_bus(name, number, connector)
        bridge = HostBridge(id, self._registry.path(id), connector, number, bus)
        bridge.node = numa_node
        self._registry.attach(bridge)
        return bridge

    def _bridge_place(self, index: int | None) -> Connector:
        if index is None:
            raise PlatformError('"index" for PAPR PHB is mandatory')
        if index < 0:
            raise PlatformError("Parameter 'index' expects uint32_t")
        connector = self._places.get(index)
        if connector is None:
            last = max(self._places, default=-1)
            raise PlatformError(
                f'"index" for PAPR PHB is too large (max {last})'
                if index > last
                else f"there is no connector for PHB {index}"
            )
        if connector.device is not None:
            raise PlatformError(f"PHB {index} already attached")
        return connector

    def _add_slots(self, phb: int, chassis: int) -> list[Connector]:
        """The connectors of a new bus."""
        if self._order is None and self._profile == "qemu":
            self._order = DrcOrder(creation_order(self._connectors))
        first = drc_index(DrcType.PCI, phb << _PHB_SHIFT | chassis << _CHASSIS_SHIFT)
        slots = []
        for index in range(first, first + SLOTS * FUNCTIONS):
            name = f"C{drc_id(index)}"
            slot = Connector(index, name, _SLOT_TYPE, DrcKind.PHYSICAL, self._profile)
            self._connectors[index] = slot
            if self._order is not None:
                self._order.add(index)
            slots.append(slot)
        return slots

    def take_out(self, device: PciDevice | HostBridge) -> Iterator[Deletion]:
        """Remove a device that has left, and what is behind it.

        Returns:
            What QEMU's management is told is gone, in order: the connectors of a
            host bridge, then what is on its bus, the latest first, at last itself.
        """
        gone: list[Deletion] = []
        if isinstance(device, HostBridge):
            gone += self._close_bus(device, device.bus)
            gone += self._empty_bus(device.bus)
            liobn = _LIOBN_BASE | device.index << _LIOBN_SHIFT
            for window in range(_TCE_TABLES):
                gone.append((None, f"{device.path}/tce-table-{liobn | window:x}"))
        else:
            device.bus.devices.remove(device)
            if device.behind is not None:
                gone += self._empty_bus(device.behind)
                gone += self._close_bus(device, device.behind)
            if device.function is not None:
                gone += [(None, f"{device.path}/{p}") for p in device.function.parts]
        for connector in device.connectors:
            connector.detach()
            connector.children = []
        self._registry.remove(device)
        gone.append((device.id, device.path))
        return iter(gone)

    def _empty_bus(self, bus: PciBus) -> Iterator[Deletion]:
        for device in reversed(bus.devices):
            yield from self.take_out(device)

    def _close_bus(self, owner: Device, bus: PciBus) -> Iterator[Deletion]:
        """Remove a bus with its connectors, which are told of from last to first."""
        del self._buses[bus.name]
        for slot in sorted(bus.slots.values(), key=lambda c: -c.index):
            del self._connectors[slot.index]
            if self._order is not None:
                self._order.remove(slot.index)
            yield None, f"{owner.path}/dr-connector[{slot.index}]"

    def node(self, device: Device) -> FragmentNode:
        """What configure-connector delivers for a host bridge or a function."""
        nodes = PciNodes(
            self._profile, self._inventory.domains, self._order, self._interrupt_parent
        )
        return nodes.node(device)

"""PCI buses of a machine, and the devices that have to do with them."""

from __future__ import annotations

from typing import Final

from pydlpar.platforms.firmware_devices import Connector, Device, DeviceKind
from pydlpar.platforms.fragments_pci import FUNCTIONS
from pydlpar.platforms.pci_function import PciFunction

__all__ = ["HostBridge", "PciBus", "PciDevice"]

_DEVFN_MASK: Final = 0xFF


class PciBus:
    """The bus of a host bridge, or the one behind a PCI bridge.

    Attributes:
        name: what QEMU calls it.
        phb: index of the host bridge.
        chassis: number of the bridge's chassis; 0 for the bus of the host bridge.
        depth: bridges between it and the bus of the host bridge, its own included.
        number: bus number, as the functions on it have it in their addresses.
        slots: connectors by device and function number.
        devices: what is on it, in the order in which it came.
    """

    __slots__ = ("chassis", "depth", "devices", "name", "number", "phb", "slots")

    def __init__(
        self,
        name: str,
        phb: int,
        connectors: list[Connector],
        chassis: int = 0,
        depth: int = 0,
    ) -> None:
        self.name = name
        self.phb = phb
        self.chassis = chassis
        self.depth = depth
        self.number = 0
        self.slots = {slot.index & _DEVFN_MASK: slot for slot in connectors}
        self.devices: list[PciDevice] = []

    def function(self, slot: int, number: int) -> PciDevice | None:
        """The function with this number, or None."""
        connector = self.slots.get(slot * FUNCTIONS + number)
        device = None if connector is None else connector.device
        return device if isinstance(device, PciDevice) else None

    def functions(self, slot: int) -> list[PciDevice]:
        """The functions of a slot, ascending."""
        found = (self.function(slot, number) for number in range(FUNCTIONS))
        return [device for device in found if device is not None]

    def enumerate(self, number: int = 0) -> int:
        """Number this bus and those behind it, depth first; the last number."""
        self.number = number
        for device in sorted(self.devices, key=lambda found: found.devfn):
            if device.behind is not None:
                number = device.behind.enumerate(number + 1)
        return number


class PciDevice(Device):
    """A PCI function.

    Attributes:
        driver: name of its model.
        function: its configuration space; None for one of the boot tree.
        bus: the bus it sits on.
        devfn: its slot times eight plus its function number.
        behind: the bus behind a bridge, or None.
    """

    __slots__ = ("behind", "bus", "devfn", "driver", "function")

    def __init__(
        self,
        id: str | None,
        path: str,
        connector: Connector,
        bus: PciBus,
        driver: str,
        function: PciFunction | None = None,
    ) -> None:
        super().__init__(DeviceKind.PCI, id, path, [connector])
        self.bus = bus
        self.devfn = connector.index & _DEVFN_MASK
        self.driver = driver
        self.function = function
        self.behind: PciBus | None = None

    @property
    def number(self) -> int:
        """Its function number, 0 to 7."""
        return self.devfn % FUNCTIONS

    def slot_connectors(self) -> list[Connector]:
        """Connectors of its slot that have a function, ascending."""
        functions = self.bus.functions(self.devfn // FUNCTIONS)
        return [device.connectors[0] for device in functions]


class HostBridge(Device):
    """A PCI host bridge (PHB).

    Attributes:
        index: its number among its kind.
        bus: its bus.
    """

    __slots__ = ("bus", "index")

    def __init__(
        self, id: str | None, path: str, connector: Connector, index: int, bus: PciBus
    ) -> None:
        super().__init__(DeviceKind.PHB, id, path, [connector])
        self.index = index
        self.bus = bus

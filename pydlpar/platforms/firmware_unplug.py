"""Unplugging: asking for a device back, getting it, being refused.

A device that the partition has not taken leaves at once. Otherwise a flag on its
connectors waits until the partition gives them back, in any order and without a
time limit, or refuses (QEMU spapr.c `spapr_core_unplug_request`,
`spapr_memory_unplug_request`, `spapr_lmb_release`, `spapr_memory_unplug_rollback`,
`spapr_phb_unplug_request`, spapr_pci.c `spapr_pci_unplug_request`).
"""

from __future__ import annotations

from pydlpar.constants import Action, Resource
from pydlpar.errors import PlatformError
from pydlpar.platforms.firmware_devices import Connector, Device, DeviceKind
from pydlpar.platforms.firmware_events import EventQueue, QmpEvents
from pydlpar.platforms.firmware_plug import Chassis
from pydlpar.platforms.pci_bus import HostBridge, PciDevice
from pydlpar.request import HotplugRequest

__all__ = ["Unplugging"]


class Unplugging:
    """Unplug requests and their ends.

    Args:
        report_twice: tell the management twice that a DIMM was refused by
            unisolating, as QEMU does.
    """

    def __init__(
        self,
        chassis: Chassis,
        events: EventQueue,
        qmp_events: QmpEvents,
        *,
        report_twice: bool,
    ) -> None:
        self._chassis = chassis
        self._events = events
        self._qmp_events = qmp_events
        self._report_twice = report_twice

    def request_core(self, core: Device) -> None:
        """Ask for a core; each further request raises the event again."""
        if self._chassis.is_boot_core(core):
            raise PlatformError("Boot CPU core may not be unplugged")
        connector = core.connectors[0]
        if not connector.unplug_requested:
            self._request(connector)
        self._events.raise_index(Resource.CPU, Action.REMOVE, connector.index)

    def request_dimm(self, dimm: Device) -> None:
        """Ask for all LMBs of a DIMM.

        A DIMM that has lost LMBs to an unplug refused half way cannot be asked for
        again (QEMU aborts): it stays as it is.
        """
        name = dimm.id or ""
        if dimm.remaining is not None:
            raise PlatformError(f"Memory unplug already in progress for device {name}")
        lost = sum(connector.device is not dimm for connector in dimm.connectors)
        total = len(dimm.connectors)
        if lost:
            raise PlatformError(
                f"device '{name or dimm.path}' has lost {lost} of its {total} LMBs "
                "to an unplug that was refused, and cannot be unplugged any more"
            )
        dimm.remaining = total
        for connector in dimm.connectors:
            self._request(connector)
        request = HotplugRequest.indexed_count(
            Resource.MEMORY, Action.REMOVE, total, dimm.connectors[0].index
        )
        self._events.raise_hotplug(request)

    def request_function(self, device: PciDevice) -> None:
        """Ask for a PCI function.

        Function 0 takes the others of its slot along, and only it is told of: for
        all that are still there, from the last to the first.
        """
        connector = device.connectors[0]
        if connector.unplug_requested:
            raise PlatformError(
                f"PCI device unplug already in progress for device {device.id}"
            )
        if device.behind is not None:
            raise PlatformError("PCI: Hot unplug of PCI bridges not supported")
        if device.number:
            self._request(connector)
            return
        for present in device.slot_connectors()[1:]:
            if not present.unplug_requested:
                self._request(present)
        self._request(connector)
        for present in reversed(device.slot_connectors()):
            self._events.raise_index(Resource.PCI, Action.REMOVE, present.index)

    def request_bridge(self, bridge: HostBridge) -> None:
        """Ask for a host bridge, with all that is behind it."""
        connector = bridge.connectors[0]
        if connector.unplug_requested:
            raise PlatformError(
                f"PCI Host Bridge unplug already in progress for device {bridge.id}"
            )
        self._request(connector)
        self._events.raise_index(Resource.PHB, Action.REMOVE, connector.index)

    def _request(self, connector: Connector) -> None:
        connector.request_unplug()
        if connector.is_empty_state:
            self.release(connector)

    def release(self, connector: Connector) -> None:
        """The device leaves the connector; the last LMB takes its DIMM along."""
        device = connector.device
        connector.detach()
        if device is None:
            return
        if device.remaining is not None:
            device.remaining -= 1
            if device.remaining:
                return
        for id, path in self._chassis.take_out(device):
            self._qmp_events.send("DEVICE_DELETED", id, path=path)

    def reject(self, connector: Connector) -> None:
        """The guest refuses by unisolating a connector that was asked for."""
        device = connector.device
        if device is None:
            return
        if device.kind is DeviceKind.DIMM:
            self.roll_back(connector)
            if not self._report_twice:
                return
        connector.cancel_unplug()
        self._send_guest_error(device)

    def roll_back(self, connector: Connector) -> None:
        """The guest keeps a DIMM; LMBs that it has given back stay lost."""
        dimm = connector.device
        if dimm is None:
            return
        dimm.remaining = None
        for lmb in dimm.connectors:
            if lmb.device is dimm:
                lmb.cancel_unplug()
        name = dimm.id or ""
        message = f"Memory hotunplug rejected by the guest for device {name}"
        self._qmp_events.send("MEM_UNPLUG_ERROR", name, msg=message)
        self._send_guest_error(dimm)

    def _send_guest_error(self, device: Device) -> None:
        self._qmp_events.send("DEVICE_UNPLUG_GUEST_ERROR", device.id, path=device.path)

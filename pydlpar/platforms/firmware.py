"""A model of the platform firmware: connectors, devices, events.

It answers the RTAS calls of a partition and lets the platform plug and unplug
devices, as QEMU's pseries machine (profile `qemu`, bugs included) or as the
architecture says (profile `lopar`). What a call does to a connector stands in
`drc_states`, its effects in `firmware_rtas`; here is what the management does.
"""

from __future__ import annotations

from pydlpar.constants import Action, Resource
from pydlpar.drc_states import PROFILES
from pydlpar.errors import ArgumentError, PlatformError
from pydlpar.platforms.cas import CasReply, client_architecture_support
from pydlpar.platforms.firmware_devices import Connector, Device, DeviceKind
from pydlpar.platforms.firmware_events import Clock
from pydlpar.platforms.firmware_inventory import read_inventory
from pydlpar.platforms.firmware_repeats import RepeatedCalls
from pydlpar.platforms.numa import Numa
from pydlpar.platforms.pci_bus import HostBridge, PciDevice
from pydlpar.platforms.pci_function import PciFunction
from pydlpar.request import HotplugRequest
from pydlpar.tree import DeviceTree

__all__ = ["Firmware"]

_LABEL_SIZE = 128 << 10


class Firmware(RepeatedCalls):
    """The firmware of one machine, made by `from_tree`.

    It has the methods of a `Platform` for the partition, and others for the
    machine's management. It belongs to one thread at a time.

    Attributes:
        profile: "qemu" or "lopar".
        events: RTAS events raised and not yet fetched.
        qmp_events: the latest events for the management, as dicts.
    """

    @classmethod
    def from_tree(
        cls,
        tree: DeviceTree,
        profile: str = "qemu",
        clock: Clock = None,
        *,
        lmb_address_bug: bool = False,
    ) -> Firmware:
        """The firmware of the machine that a tree describes.

        The tree is read once; later changes of it are the partition's.

        Args:
            tree: as firmware made it, or as a running partition has it.
            profile: "qemu" (QEMU 7.2, bugs included) or "lopar".
            clock: time stamp of events: a datetime, a function that gives one, or
                None for all zeros.
            lmb_address_bug: deliver LMBs with the wrong address that QEMU gives
                them (the DRC type left in); nobody is known to look at it.

        Raises:
            ArgumentError: no such profile.
            DecodeError: a DRC list or the LMB table is malformed.
            PlatformError: more connectors than the model takes.
        """
        if profile not in PROFILES:
            raise ArgumentError(
                f"profile {profile!r}: expected one of {', '.join(PROFILES)}"
            )
        inventory = read_inventory(tree, profile)
        return cls(inventory, clock, lmb_address_bug=lmb_address_bug)

    @property
    def devices(self) -> tuple[Device, ...]:
        """Every device of the machine, in the order in which they came."""
        return tuple(self._chassis.registry)

    @property
    def connectors(self) -> dict[int, Connector]:
        """Every connector by DRC index; a copy of the index, not of the entries."""
        return dict(self._connectors)

    def connector(self, index: int) -> Connector | None:
        """The connector with a DRC index; None where there is none."""
        return self._connectors.get(index)

    def plug_cpu(
        self, core_id: int | None = None, id: str | None = None, node: int | None = None
    ) -> Device:
        """Plug a core, and tell the partition.

        Args:
            core_id: id of its first thread; the first free one if None.
            id: the name to unplug it by.
            node: NUMA node; None takes that of the cores that are there.

        Raises:
            PlatformError: it cannot be plugged, in QEMU's words.
        """
        device = self._chassis.add_core(core_id, id, node)
        self.events.raise_index(Resource.CPU, Action.ADD, device.connectors[0].index)
        return device

    def plug_memory(
        self, size: int, id: str | None = None, addr: int | None = None, node: int = 0
    ) -> Device:
        """Plug a DIMM, and tell the partition.

        A guest that negotiated hotplug events is told which LMBs, another one only
        how many.

        Args:
            size: bytes, a multiple of the LMB size.
            id: the name to unplug it by.
            addr: its address; the first gap that is large enough if None.
            node: NUMA node.

        Raises:
            PlatformError: it cannot be plugged, in QEMU's words.
        """
        dimm = self._chassis.memory.add_dimm(size, id, addr, node)
        count = len(dimm.connectors)
        if self.events.hotplug_class:
            request = HotplugRequest.indexed_count(
                Resource.MEMORY, Action.ADD, count, dimm.connectors[0].index
            )
        else:
            request = HotplugRequest.by_count(Resource.MEMORY, Action.ADD, count)
        self.events.raise_hotplug(request)
        return dimm

    def plug_nvdimm(
        self,
        size: int,
        uuid: str | None = None,
        label_size: int = _LABEL_SIZE,
        id: str | None = None,
        node: int = 0,
    ) -> Device:
        """Plug an NVDIMM, and tell the partition. It cannot be unplugged.

        Args:
            size: bytes that the partition gets, a multiple of the LMB size; the
                label area is not among them.
            uuid: its unit GUID, which QEMU wants to be said.
            label_size: bytes of the label area.
            id: its name.
            node: NUMA node.

        Raises:
            PlatformError: it cannot be plugged, in QEMU's words.
        """
        device = self._chassis.memory.add_nvdimm(size, uuid, label_size, id, node)
        self.events.raise_index(Resource.PMEM, Action.ADD, device.connectors[0].index)
        return device

    def plug_phb(
        self,
        index: int | None = None,
        id: str | None = None,
        numa_node: int | None = None,
    ) -> HostBridge:
        """Plug a PCI host bridge, and tell the partition.

        Its 256 slots come with it; its bus is called after *id*, with ".0".

        Args:
            index: number of the host bridge, 0 to 30, which QEMU wants to be said.
            id: the name to unplug it by.
            numa_node: NUMA node; None to say nothing about it.

        Raises:
            PlatformError: it cannot be plugged, in QEMU's words.
        """
        bridge = self._chassis.pci.add_bridge(index, id, numa_node)
        self.events.raise_index(Resource.PHB, Action.ADD, bridge.connectors[0].index)
        return bridge

    def plug_pci(
        self,
        driver: str | PciFunction,
        slot: int | None = None,
        function: int = 0,
        id: str | None = None,
        *,
        bus: str | int = 0,
        multifunction: bool = False,
        chassis: int | None = None,
    ) -> PciDevice:
        """Plug a PCI function, and tell the partition once function 0 is there.

        Functions other than 0 come first, and are told of with function 0.

        Args:
            driver: a name in `PCI_MODELS`, or a function of your own.
            slot: 0 to 31; the first without a function 0 if None.
            function: 0 to 7.
            id: the name to unplug it by.
            bus: index of the host bridge, or a bus as QEMU names it: "pci.0", the
                id of a host bridge with ".0", the id of a PCI bridge.
            multifunction: the slot has more functions than this one.
            chassis: number of the chassis behind a PCI bridge, 1 to 255; its 256
                slots come with it.

        Raises:
            PlatformError: it cannot be plugged, in QEMU's words.
            ArgumentError: a register of the function cannot hold its value.
        """
        device = self._chassis.pci.add_function(
            driver,
            slot,
            function,
            id,
            bus=bus,
            multifunction=multifunction,
            chassis=chassis,
        )
        if not device.number:
            for present in device.slot_connectors():
                self.events.raise_index(Resource.PCI, Action.ADD, present.index)
        return device

    def unplug(self, target: str | Device) -> None:
        """Ask for a device back.

        It leaves at once if the partition has not taken it, else when the
        partition gives it back, or at the next reset. `qmp_events` tells.

        Args:
            target: its id, its path, or itself.

        Raises:
            PlatformError: there is no such device, or it cannot be asked for, in
                QEMU's words.
        """
        device = self._chassis.registry.find(target)
        if isinstance(device, PciDevice):
            self._unplugging.request_function(device)
        elif isinstance(device, HostBridge):
            self._unplugging.request_bridge(device)
        elif device.kind is DeviceKind.CORE:
            self._unplugging.request_core(device)
        elif device.kind is DeviceKind.DIMM:
            if self._negotiated and not self.events.hotplug_class:
                raise PlatformError("Memory hot unplug not supported for this guest")
            self._unplugging.request_dimm(device)
        else:
            kind = device.kind.value
            raise PlatformError(f"{kind} device hot unplug is not supported yet.")

    def system_powerdown(self) -> None:
        """Ask the partition to shut down: an EPOW event."""
        self.events.raise_powerdown()

    def reset(self) -> None:
        """Reset the machine: pending unplugs complete, events are dropped.

        The partition has to negotiate again (`cas`).
        """
        self._reset_connectors()
        self._chassis.pci.reset()
        self.events.clear()
        self.events.hotplug_class = False
        self._negotiated = False

    def cas(self, *, hotplug_events: bool = True) -> None:
        """Client architecture support: the partition says what it can do.

        Connectors are reset as by a machine reset, and hotplug events dropped: the
        tree that the partition is given then has everything in it.

        Args:
            hotplug_events: it takes hotplug events (option vector 5, byte 6 bit 5).
        """
        self._negotiated = True
        self.events.hotplug_class = hotplug_events
        self._reset_connectors()
        self.events.drop_hotplug()

    def client_architecture_support(
        self,
        boot: DeviceTree,
        table: bytes,
        *,
        numa: Numa | None = None,
    ) -> CasReply:
        """The hypervisor call of that name: what the partition can do, and its tree.

        See `platforms.cas`, also for what firmware is to offer.

        Args:
            boot: the tree that this firmware was made from; not changed.
            table: what the partition passes: processors and option vectors.
            numa: nodes and distances; None takes what *boot* says.

        Raises:
            DecodeError: the table is malformed, or a property of *boot* that has to
                be read.
        """
        return client_architecture_support(self, boot, table, numa=numa)

    def associate(self, numa: Numa) -> None:
        """Have devices say their NUMA nodes so from now on, also those that are there.

        Raises:
            DecodeError: a device of the boot tree names none of the nodes.
        """
        self._chassis.associate(numa)

    def _reset_connectors(self) -> None:
        for connector in list(self._connectors.values()):
            if connector.index not in self._connectors:
                continue  # left with the host bridge that it belonged to
            if connector.unplug_requested:
                self._unplugging.release(connector)
            connector.reset()
        self._chassis.pci.enumerate()

"""The management of a machine under stress: it plugs devices and asks for them back.

What hotplug events begin with. The partition is interrupted then, as by firmware;
in a kernel line without the interrupt it is told by a request.

Each DIMM that comes and goes has one LMB: QEMU cannot be asked a second time for one
of which a part has been given back, so that larger ones would come to an end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from pydlpar.constants import Action, DrcType, Resource
from pydlpar.drc import drc_id, drc_index
from pydlpar.drc_states import DrcKind
from pydlpar.platforms.firmware_devices import DeviceKind
from pydlpar.platforms.pci_bus import HostBridge
from pydlpar.request import HotplugRequest
from pydlpar.stress.repair import give_back

if TYPE_CHECKING:
    from pydlpar.outcome import Outcome
    from pydlpar.platforms.firmware import Firmware
    from pydlpar.stress.machine import Machine

__all__ = ["CARD", "Management", "Place", "free_bridges", "free_slots", "plug_bridge"]

CARD: Final = "virtio-net-pci"
"""What is plugged into slots."""

_UNPLUG_SHARE: Final = 0.1
"""How often what is there is asked back, so that most of it is there."""

_SLOTS: Final = 4
_BRIDGES: Final = 2
_FUNCTIONS: Final = 8


class Place(NamedTuple):
    """Where a device comes and goes.

    Attributes:
        resource: as what the partition has it.
        drc: index of its connector, or of the first of several.
        plug: puts a device there.
    """

    resource: Resource
    drc: int
    plug: Callable[[], object]


def free_slots(firmware: Firmware) -> Iterator[tuple[int, int]]:
    """Host bridge and device number of each slot that has nothing in it.

    Those of function 0, of the host bridges that the machine started with.
    """
    for bridge in firmware.devices:
        if isinstance(bridge, HostBridge):
            for devfn in sorted(bridge.bus.slots):
                slot, function = divmod(devfn, _FUNCTIONS)
                if not function and not bridge.bus.functions(slot):
                    yield bridge.index, slot


def free_bridges(firmware: Firmware) -> Iterator[int]:
    """Numbers of the host bridges that are not there."""
    for index, connector in sorted(firmware.connectors.items()):
        if connector.kind is DrcKind.PHB and connector.device is None:
            yield drc_id(index)


def plug_bridge(firmware: Firmware, number: int) -> None:
    """Plug a host bridge, with a card in its first slot."""
    firmware.plug_phb(number)
    firmware.plug_pci(CARD, 1, bus=number)


class Management:
    """Plugs and unplugs, at random.

    Attributes:
        dimms: places of DIMMs of one LMB, by DRC index.
    """

    def __init__(self, machine: Machine, random: Random) -> None:
        self._machine = machine
        self._firmware = machine.firmware
        self._random = random
        self.dimms = {place.drc: place for place in self._dimm_places()}
        places = [
            *self._core_places(),
            *self.dimms.values(),
            *self._slot_places(),
            *self._bridge_places(),
        ]
        known = machine.dispatcher.resources
        self._places = [place for place in places if place.resource in known]

    @property
    def has_places(self) -> bool:
        """Whether anything comes and goes."""
        return bool(self._places)

    def _core_places(self) -> Iterator[Place]:
        """Of all cores but the first, which QEMU does not give up."""
        firmware = self._firmware
        if not any(device.kind is DeviceKind.CORE for device in firmware.devices):
            return
        cores = sorted(i for i, c in firmware.connectors.items() if c.is_cpu)
        for index in cores[1:]:
            plug = partial(firmware.plug_cpu, drc_id(index))
            yield Place(Resource.CPU, index, plug)

    def _dimm_places(self) -> Iterator[Place]:
        for device in self._firmware.devices:
            if device.kind is DeviceKind.DIMM and len(device.connectors) == 1:
                plug = partial(
                    self._firmware.plug_memory,
                    device.size,
                    addr=device.address,
                    node=device.node or 0,
                )
                yield Place(Resource.MEMORY, device.connectors[0].index, plug)

    def _slot_places(self) -> Iterator[Place]:
        """Some slots; where it takes more than one function, the last has two."""
        firmware = self._firmware
        slots = list(free_slots(firmware))[:_SLOTS]
        for number, (bus, slot) in enumerate(slots, 1):
            index = drc_index(DrcType.PCI, bus << 16 | slot * _FUNCTIONS)
            plug: Callable[[], object] = partial(firmware.plug_pci, CARD, slot, bus=bus)
            if number == len(slots) and firmware.connector(index + 1) is not None:
                plug = partial(self._plug_pair, bus, slot, index + 1)
            yield Place(Resource.PCI, index, plug)

    def _plug_pair(self, bus: int, slot: int, second: int) -> None:
        """Both functions of a slot; the partition may have kept the second one."""
        plug = partial(self._firmware.plug_pci, CARD, slot, bus=bus)
        connector = self._firmware.connector(second)
        if connector is not None and connector.device is None:
            plug(1)
        plug(0, multifunction=True)

    def _bridge_places(self) -> Iterator[Place]:
        firmware = self._firmware
        for number in islice(free_bridges(firmware), _BRIDGES):
            index = drc_index(DrcType.PHB, number)
            yield Place(Resource.PHB, index, partial(plug_bridge, firmware, number))

    def change(self) -> tuple[str, list[Outcome]]:
        """Plug or unplug something, and have the partition hear of it.

        Returns:
            What was done, in words; what the partition did about it.
        """
        place = self._choose()
        connector = self._firmware.connector(place.drc)
        device = None if connector is None else connector.device
        action = Action.ADD if device is None else Action.REMOVE
        request = HotplugRequest.index(place.resource, action, place.drc)
        dispatcher = self._machine.dispatcher
        if device is None:
            place.plug()
        elif connector is not None and connector.unplug_requested:
            # The event was lost, or the partition failed: somebody sees to it.
            return str(request), [dispatcher.handle(request)]
        else:
            self._firmware.unplug(device)
        words = f"{'plug' if device is None else 'unplug'} {place.drc:#010x}"
        if dispatcher.behaviour.interrupts:
            return words, dispatcher.interrupt()
        self._firmware.events.clear()
        return words, [dispatcher.handle(request)]

    def _choose(self) -> Place:
        """Any place that is empty; one in ten of the others."""
        while True:
            place = self._random.choice(self._places)
            connector = self._firmware.connector(place.drc)
            is_empty = connector is None or connector.device is None
            if is_empty or self._random.random() < _UNPLUG_SHARE:
                return place

    def offer(self, index: int) -> None:
        """See to it that a DIMM is there which can be taken, and say nothing.

        The partition does not have it; what of it a removal has left is given back.
        """
        connector = self._firmware.connector(index)
        if connector is None:
            return
        give_back(self._firmware, connector)
        if connector.device is None:
            self.dimms[index].plug()
            self._firmware.events.clear()

    def ask_back(self, index: int) -> None:
        """See to it that the DIMM in a place may leave, and say nothing."""
        connector = self._firmware.connector(index)
        if connector is None or connector.device is None:
            return
        if not connector.unplug_requested:
            self._firmware.unplug(connector.device)
            self._firmware.events.clear()

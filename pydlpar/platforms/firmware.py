"""A model of the platform firmware: connectors, devices, events.

It answers the RTAS calls of a partition and lets the platform plug and unplug
devices, as QEMU's pseries machine (profile `qemu`, bugs included) or as the
architecture says (profile `lopar`). What a call does to a connector stands in
`drc_states`; here are the effects on devices, and the platform's own rules.
"""

from __future__ import annotations

from typing import Final

from pydlpar._ffi import lib
from pydlpar.connector import ConnectorResult, Server
from pydlpar.constants import Action, Resource, RtasStatus, Sensor
from pydlpar.drc_states import (
    CONFIGURE,
    PROFILES,
    STREAM,
    Call,
    Effect,
    Transition,
    describe_rejection,
)
from pydlpar.errors import ArgumentError, PlatformError
from pydlpar.platforms.firmware_devices import Connector, Device, DeviceKind
from pydlpar.platforms.firmware_events import Clock, EventQueue, QmpEvents
from pydlpar.platforms.firmware_inventory import Inventory, read_inventory
from pydlpar.platforms.firmware_plug import Chassis
from pydlpar.platforms.firmware_unplug import Unplugging
from pydlpar.platforms.willing import WillingSystem
from pydlpar.request import HotplugRequest
from pydlpar.tree import DeviceTree

__all__ = ["Firmware"]

_SUCCESS: Final = int(RtasStatus.SUCCESS)
_INVALID: Final = int(RtasStatus.INVALID_PARAMETER)
_FAILED: Final[int] = lib.DLPAR_ERR_STATUS
_MULTI_LEVEL: Final = int(RtasStatus.SLOT_ISOLATED)
_NO_EVENT: Final = 1
_ENTITY_SENSE: Final = int(Sensor.ENTITY_SENSE)
_NO_SENSOR: Final = (_INVALID, 0)
_SEQUENCE_CELL: Final = slice(4, 8)
_NEW_SEQUENCE, _RUNNING_SEQUENCE = bytes(4), b"\0\0\0\1"
_LOG_MAX: Final = 2048
_EPOW_SHUTDOWN: Final = 3


def _nothing_delivered(status: int) -> ConnectorResult:
    """The result of a sequence that ended with its first call."""
    error = 0 if status == _SUCCESS else _FAILED
    return ConnectorResult(status, (status,), None, error)


class Firmware(WillingSystem):
    """The firmware of one machine, made by `from_tree`.

    It has the methods of a `Platform` for the partition, and others for the
    machine's management. It belongs to one thread at a time.

    Attributes:
        profile: "qemu" or "lopar".
        events: RTAS events raised and not yet fetched.
        qmp_events: the latest events for the management, as dicts.
    """

    def __init__(
        self,
        inventory: Inventory,
        clock: Clock = None,
        *,
        lmb_address_bug: bool = False,
    ) -> None:
        self.profile = inventory.profile
        self.events = EventQueue(clock, "little" if self._is_qemu else "big")
        self.events.hotplug_class = inventory.hotplug_events
        self.qmp_events = QmpEvents()
        self._connectors = inventory.connectors
        self._chassis = Chassis(inventory, lmb_address_bug)
        self._unplugging = Unplugging(
            self._chassis, self.events, self.qmp_events, report_twice=self._is_qemu
        )
        self._negotiated = inventory.negotiated
        self._rejected: tuple[Connector, Call, int, int] | None = None

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
    def _is_qemu(self) -> bool:
        return self.profile == "qemu"

    @property
    def devices(self) -> tuple[Device, ...]:
        """Every device of the machine, in the order in which they came."""
        return self._chassis.devices

    @property
    def connectors(self) -> dict[int, Connector]:
        """Every connector by DRC index; a copy of the index, not of the entries."""
        return dict(self._connectors)

    @property
    def last_rejection(self) -> str | None:
        """Which call was rejected last, in which state, and where it is allowed."""
        if self._rejected is None:
            return None
        connector, call, here, status = self._rejected
        text = describe_rejection(self.profile, connector.kind, call, here, status)
        return f"DRC {connector.index:#010x}: {text}"

    # The partition's side.

    def get_sensor_state(self, sensor: int, index: int) -> tuple[int, int]:
        """RTAS get-sensor-state: (status, state)."""
        connector = self._connectors.get(index)
        if sensor != _ENTITY_SENSE or connector is None:
            return self._other_sensor(sensor)
        return connector.sense[connector.situation]

    def _other_sensor(self, sensor: int) -> tuple[int, int]:
        # LoPAR requires the EPOW sensor, QEMU does not have it.
        if sensor == Sensor.EPOW and not self._is_qemu:
            return _SUCCESS, _EPOW_SHUTDOWN if self.events.has_epow() else 0
        return _NO_SENSOR

    def set_indicator(self, indicator: int, index: int, value: int) -> int:
        """RTAS set-indicator: the status."""
        connector = self._connectors.get(index)
        if connector is None:
            return _INVALID
        row = connector.indicators.get((indicator, value))
        here = connector.situation
        if row is None:
            self._rejected = connector, (indicator, value), here, _INVALID
            return _INVALID
        status, after, effect = row[here]
        if effect:
            return self._carry_out(connector, (indicator, value), row[here])
        if status:
            self._rejected = connector, (indicator, value), here, status
        connector.situation = after
        return status

    def _carry_out(
        self, connector: Connector, call: Call, transition: Transition
    ) -> int:
        """Take a transition that has an effect beside the new state."""
        status, after, effect = transition
        if effect == Effect.CHECK_CHILDREN and not self._all_isolated(connector):
            self._rejected = connector, call, connector.situation, _MULTI_LEVEL
            return _MULTI_LEVEL
        connector.situation = after
        if effect == Effect.REWIND:
            connector.rewind()
        elif effect == Effect.RELEASE:
            self._unplugging.release(connector)
        elif effect == Effect.REJECT:
            self._unplugging.reject(connector)
        elif effect == Effect.SHOW:
            connector.visual = call[1]
        return status

    @staticmethod
    def _all_isolated(connector: Connector) -> bool:
        return all(
            child.configure[child.situation].status != STREAM
            for child in connector.children
        )

    def configure_connector(self, index: int) -> ConnectorResult:
        """RTAS ibm,configure-connector, from the first call to the last.

        Returns:
            The last status, the statuses of all calls, and the fragment: a
            flattened tree whose root's children are the delivered nodes, or None.
        """
        connector = self._connectors.get(index)
        if connector is None:
            return _nothing_delivered(_INVALID)
        status = self._begin_configure(connector)
        if status != STREAM:
            return _nothing_delivered(status)
        result = connector.walked if connector.at_start else None
        if result is None:
            result = self._walk(connector)
        if result.status == _SUCCESS:
            connector.situation = connector.configure[connector.situation].situation
        return result

    def _walk(self, connector: Connector) -> ConnectorResult:
        server = connector.server or self._serve(connector)
        result = server.walk()
        complete = result.status == _SUCCESS
        if complete and connector.at_start:
            connector.walked = result
        connector.at_start = complete
        return result

    def connector_call(self, index: int, work_area: bytearray) -> int:
        """One call of ibm,configure-connector: the status.

        Args:
            work_area: 4096 bytes; filled as the status says. A sequence that was
                abandoned goes on in the `qemu` profile; in `lopar` it begins anew
                when the second cell is zero.
        """
        connector = self._connectors.get(index)
        if connector is None:
            return _INVALID
        status = self._begin_configure(connector)
        if status != STREAM:
            return status
        server = connector.server or self._serve(connector)
        if not self._is_qemu:
            if work_area[_SEQUENCE_CELL] == _NEW_SEQUENCE:
                connector.rewind()
            work_area[_SEQUENCE_CELL] = _RUNNING_SEQUENCE
        status = server.call(work_area)
        connector.at_start = status == _SUCCESS
        if status == _SUCCESS:
            connector.situation = connector.configure[connector.situation].situation
        return status

    def _begin_configure(self, connector: Connector) -> int:
        """`STREAM` where the connector's state lets it deliver, else the status."""
        here = connector.situation
        status, _, effect = connector.configure[here]
        if status < _SUCCESS:
            self._rejected = connector, CONFIGURE, here, status
        elif effect == Effect.REJECT_LATE:
            self._unplugging.roll_back(connector)
        return status

    def _serve(self, connector: Connector) -> Server:
        """The server of a connector's fragment, kept until the device leaves."""
        server = Server(
            self._chassis.fragment(connector),
            connector.index,
            sibling_status=not self._is_qemu,
        )
        connector.server = server
        return server

    def check_exception(self, mask: int, length: int = _LOG_MAX) -> tuple[int, bytes]:
        """RTAS check-exception: (status, the first event of a class in *mask*).

        The status is 1, and the event empty, where there is none. At most *length*
        bytes are given (LoPAR; QEMU writes behind the buffer).
        """
        event = self.events.fetch(mask)
        if event is None:
            return _NO_EVENT, b""
        return _SUCCESS, event[: max(length, 0)]

    def event_scan(self, mask: int, length: int = _LOG_MAX) -> tuple[int, bytes]:
        """RTAS event-scan: (status, event). QEMU never gives one this way."""
        if self._is_qemu:
            self.events.pulse_pending()
            return _NO_EVENT, b""
        return self.check_exception(mask, length)

    # The platform's side.

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
        dimm = self._chassis.add_dimm(size, id, addr, node)
        count = len(dimm.connectors)
        if self.events.hotplug_class:
            request = HotplugRequest.indexed_count(
                Resource.MEMORY, Action.ADD, count, dimm.connectors[0].index
            )
        else:
            request = HotplugRequest.by_count(Resource.MEMORY, Action.ADD, count)
        self.events.raise_hotplug(request)
        return dimm

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
        device = self._chassis.find(target)
        if device.kind is DeviceKind.CORE:
            self._unplugging.request_core(device)
        elif device.kind is DeviceKind.IO:
            raise PlatformError(
                f"unplug of {device!r}: this model unplugs cores and DIMMs only"
            )
        elif self._negotiated and not self.events.hotplug_class:
            raise PlatformError("Memory hot unplug not supported for this guest")
        else:
            self._unplugging.request_dimm(device)

    def system_powerdown(self) -> None:
        """Ask the partition to shut down: an EPOW event."""
        self.events.raise_powerdown()

    def reset(self) -> None:
        """Reset the machine: pending unplugs complete, events are dropped.

        The partition has to negotiate again (`cas`).
        """
        self._reset_connectors()
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

    def _reset_connectors(self) -> None:
        for connector in self._connectors.values():
            if connector.unplug_requested:
                self._unplugging.release(connector)
            connector.reset()

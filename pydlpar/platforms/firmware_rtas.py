"""The calls of a partition: RTAS, as far as hotplug needs it.

What a call does to a connector stands in `drc_states`; here the row is looked up
and its effect carried out.
"""

from __future__ import annotations

from typing import Final

from pydlpar._ffi import lib
from pydlpar.connector import ConnectorResult, Server
from pydlpar.constants import RtasStatus, Sensor
from pydlpar.drc_states import (
    CONFIGURE,
    STREAM,
    Call,
    Effect,
    Transition,
    describe_rejection,
)
from pydlpar.errors import TreeError
from pydlpar.platforms.firmware_devices import LIVE_INSERTION, Connector
from pydlpar.platforms.firmware_events import Clock, EventQueue, QmpEvents
from pydlpar.platforms.firmware_inventory import Inventory
from pydlpar.platforms.firmware_plug import Chassis
from pydlpar.platforms.firmware_power import FULL_POWER, PowerDomains
from pydlpar.platforms.firmware_unplug import Unplugging
from pydlpar.platforms.willing import WillingSystem

__all__ = ["RtasCalls"]

_SUCCESS: Final = int(RtasStatus.SUCCESS)
_INVALID: Final = int(RtasStatus.INVALID_PARAMETER)
_NOT_BUILT: Final = int(RtasStatus.HARDWARE_ERROR)
_FAILED: Final[int] = lib.DLPAR_ERR_STATUS
_MULTI_LEVEL: Final = int(RtasStatus.SLOT_ISOLATED)
_NO_EVENT: Final = 1
_ENTITY_SENSE: Final = int(Sensor.ENTITY_SENSE)
_NO_SENSOR: Final = (_INVALID, 0)
_SEQUENCE_CELL: Final = slice(4, 8)
_NEW_SEQUENCE, _RUNNING_SEQUENCE = bytes(4), b"\0\0\0\1"
_LOG_MAX: Final = 2048
_EPOW_SHUTDOWN: Final = 3
_U32: Final = 0xFFFFFFFF

# Bound once: looking up a member of an enumeration is slow.
_CHECK_CHILDREN: Final = Effect.CHECK_CHILDREN
_REWIND: Final = Effect.REWIND
_RELEASE: Final = Effect.RELEASE
_REJECT: Final = Effect.REJECT
_REJECT_LATE: Final = Effect.REJECT_LATE
_SHOW: Final = Effect.SHOW


def _nothing_delivered(status: int) -> ConnectorResult:
    """The result of a sequence that ended with its first call."""
    error = 0 if status == _SUCCESS else _FAILED
    return ConnectorResult(status, (status,), None, error)


class RtasCalls(WillingSystem):
    """The side of the firmware that a partition calls. See `Firmware`."""

    def __init__(
        self,
        inventory: Inventory,
        clock: Clock = None,
        *,
        lmb_address_bug: bool = False,
    ) -> None:
        self.profile = inventory.profile
        self._inventory = inventory
        self._is_qemu = self.profile == "qemu"
        self.events = EventQueue(clock, "little" if self._is_qemu else "big")
        self.events.hotplug_class = inventory.hotplug_events
        self.qmp_events = QmpEvents()
        self._connectors = inventory.connectors
        self._chassis = Chassis(inventory, lmb_address_bug)
        self._unplugging = Unplugging(
            self._chassis, self.events, self.qmp_events, report_twice=self._is_qemu
        )
        self._negotiated = inventory.negotiated
        self._power = PowerDomains(inventory.connectors)
        self._rejected: tuple[Connector, Call, int, int] | None = None

    @property
    def last_rejection(self) -> str | None:
        """Which call was rejected last, in which state, and where it is allowed."""
        if self._rejected is None:
            return None
        connector, call, here, status = self._rejected
        text = describe_rejection(self.profile, connector.kind, call, here, status)
        return f"DRC {connector.index:#010x}: {text}"

    def get_sensor_state(self, sensor: int, index: int) -> tuple[int, int]:
        """RTAS get-sensor-state: (status, state)."""
        connector = self._connectors.get(index)
        if sensor != _ENTITY_SENSE or connector is None:
            return self._other_sensor(sensor)
        if connector.parent is not None and not connector.parent.is_in_use:
            return _NO_SENSOR
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
        if connector.parent is not None and not connector.parent.is_in_use:
            return _INVALID
        row = connector.indicators.get((indicator, value))
        here = connector.situation
        if row is None:
            self._rejected = connector, (indicator, value), here, _INVALID
            return _INVALID
        status, after, effect = row[here]
        if effect and (effect != _REWIND or not connector.at_start):
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
        if effect == _CHECK_CHILDREN and not self._all_isolated(connector):
            self._rejected = connector, call, connector.situation, _MULTI_LEVEL
            return _MULTI_LEVEL
        connector.situation = after
        if effect == _REWIND:
            connector.rewind()
        elif effect == _RELEASE:
            self._unplugging.release(connector)
        elif effect == _REJECT:
            self._unplugging.reject(connector)
        elif effect == _SHOW:
            connector.visual = call[1]
        return status

    @staticmethod
    def _all_isolated(connector: Connector) -> bool:
        return all(
            child.configure[child.situation].status != STREAM
            for child in connector.children
        )

    def set_power_level(self, domain: int, level: int) -> tuple[int, int]:
        """RTAS set-power-level: (status, the level that holds).

        QEMU knows only the domain -1 of live insertion, and ignores the level.
        """
        if self._is_qemu:
            return self.get_power_level(domain)
        return self._power.set_level(domain, level)

    def get_power_level(self, domain: int) -> tuple[int, int]:
        """RTAS get-power-level: (status, level)."""
        if not self._is_qemu:
            return self._power.level(domain)
        if domain & _U32 == LIVE_INSERTION:
            return _SUCCESS, FULL_POWER
        return _NO_SENSOR

    def configure_connector(self, index: int) -> ConnectorResult:
        """RTAS ibm,configure-connector, from the first call to the last.

        Returns:
            The last status, those of all calls, and the fragment or None. After an
            abandoned `connector_call` QEMU goes on in the middle: no fragment.
        """
        connector = self._connectors.get(index)
        if connector is None:
            return _nothing_delivered(_INVALID)
        status = self._begin_configure(connector)
        if status != STREAM:
            return _nothing_delivered(status)
        if not (self._is_qemu or connector.at_start):
            connector.rewind()
        result = connector.walked if connector.at_start else None
        if result is None:
            result = self._walk(connector)
        if result.status == _SUCCESS:
            connector.situation = connector.configure[connector.situation].situation
        return result

    def _walk(self, connector: Connector) -> ConnectorResult:
        server = self._serve(connector)
        if server is None:
            return _nothing_delivered(_NOT_BUILT)
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
        server = self._serve(connector)
        if server is None:
            return _NOT_BUILT
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
        if connector.parent is not None and not connector.parent.is_in_use:
            return _INVALID
        here = connector.situation
        status, _, effect = connector.configure[here]
        if status < _SUCCESS:
            self._rejected = connector, CONFIGURE, here, status
        elif effect == _REJECT_LATE:
            self._unplugging.roll_back(connector)
        return status

    def _serve(self, connector: Connector) -> Server | None:
        """The server of a connector's fragment, kept until the device leaves.

        None where there is more behind the connector than a fragment can hold.
        """
        if connector.server is None:
            try:
                fragment = self._chassis.fragment(connector)
            except TreeError:
                return None
            connector.server = Server(
                fragment, connector.index, sibling_status=not self._is_qemu
            )
        return connector.server

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

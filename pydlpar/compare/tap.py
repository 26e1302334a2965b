"""A platform with somebody listening: what is fetched and called is written down."""

from __future__ import annotations

from typing import Any, Final

from pydlpar.connector import ConnectorResult
from pydlpar.constants import Sensor
from pydlpar.platforms.firmware import Firmware
from pydlpar.platforms.firmware_devices import Device

__all__ = ["EventTap", "Tracer"]

_LOG_MAX: Final = 2048
_ENTITY_SENSE: Final = int(Sensor.ENTITY_SENSE)
_TRACED: Final = {
    9001: "isolation_state",
    9002: "dr_indicator",
    9003: "allocation_state",
}


class EventTap:
    """A platform whose events are kept as they are fetched.

    Everything else is the platform's own.

    Attributes:
        platform: the platform.
        fetched: events fetched since the list was cleared.
    """

    def __init__(self, platform: Any) -> None:
        self.platform = platform
        self.fetched: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.platform, name)

    def check_exception(self, mask: int, length: int = _LOG_MAX) -> tuple[int, bytes]:
        """RTAS check-exception."""
        status, event = self.platform.check_exception(mask, length)
        if not status:
            self.fetched.append(event)
        return status, event


class Tracer(EventTap):
    """The firmware model, whose calls are written down as QEMU's trace points do.

    Attributes:
        platform: the model.
        trace: lines since the list was cleared.
    """

    platform: Firmware

    def __init__(self, platform: Firmware) -> None:
        super().__init__(platform)
        self.trace: list[str] = []

    def get_sensor_state(self, sensor: int, index: int) -> tuple[int, int]:
        """RTAS get-sensor-state. QEMU traces only what it does not know."""
        if sensor != _ENTITY_SENSE:
            self.trace.append(
                f"spapr_rtas_get_sensor_state_not_supported sensor index: {index:#x}, "
                f"type: {sensor}"
            )
        elif index not in self.platform.connectors:
            self.trace.append(
                f"spapr_rtas_get_sensor_state_invalid sensor index: {index:#x}"
            )
        return self.platform.get_sensor_state(sensor, index)

    def set_indicator(self, indicator: int, index: int, value: int) -> int:
        """RTAS set-indicator."""
        if indicator in _TRACED:
            self.trace.append(
                f"spapr_drc_set_{_TRACED[indicator]} drc: {index:#x}, state: {value:#x}"
            )
        return self.platform.set_indicator(indicator, index, value)

    def configure_connector(self, index: int) -> ConnectorResult:
        """RTAS ibm,configure-connector, to its end."""
        result = self.platform.configure_connector(index)
        if result.status == 0:
            self.trace.append(f"spapr_drc_set_configured drc: {index:#x}")
        return result

    def plugged(self, device: Device) -> None:
        """A device came: its connectors are attached."""
        for index in device.drc_indexes:
            self.trace.append(f"spapr_drc_attach drc: {index:#x}")

    def unplug(self, target: str) -> None:
        """Ask for a device back."""
        found = (d for d in self.platform.devices if target in (d.id, d.path))
        device = next(found, None)
        for connector in () if device is None else device.connectors:
            index = connector.index
            self.trace.append(f"spapr_drc_unplug_request drc: {index:#x}")
            if not connector.is_empty_state:
                self.trace.append(f"spapr_drc_awaiting_quiesce drc: {index:#x}")
        self.platform.unplug(target)

"""RTAS calls of a partition, answered by a QEMU machine."""

from __future__ import annotations

from typing import Final

from pydlpar._ffi import lib
from pydlpar.connector import WORK_AREA_LEN, Collector, ConnectorResult, new_work_area
from pydlpar.constants import RtasStatus
from pydlpar.errors import ArgumentError, DecodeError
from pydlpar.platforms.qemu_qtest import AREA, Qtest
from pydlpar.platforms.willing import WillingSystem

__all__ = ["QemuRtas"]

_SUCCESS: Final = int(RtasStatus.SUCCESS)
_LAST_STATUS: Final[int] = lib.DLPAR_CONNECTOR_PREVIOUS_PARENT
_FAILED: Final[int] = lib.DLPAR_ERR_STATUS
_LOG_MAX: Final = 2048
_LOG_READ: Final = 256
"""Bytes of a log that are fetched in the first place: QEMU's longest has 128."""
_LOG_HEADER: Final = 8
_VECTOR: Final = 0x500
"""Of an external interrupt: what Linux passes."""
_U32: Final = 0xFFFFFFFF


class QemuRtas(WillingSystem):
    """The calls. What the operating system does itself succeeds."""

    _qtest: Qtest

    def rtas(self, name: str, *arguments: int, n_results: int = 1) -> list[int]:
        """Any RTAS call, by its name in `/rtas`: its results, signed.

        Args:
            arguments: of 32 bits each, negative ones as in two's complement.

        Raises:
            PlatformError: there is no such call.
            QemuError: QEMU died, or did not answer in time.
        """
        cells = [argument & _U32 for argument in arguments]
        return self._qtest.rtas(name, cells, n_results)

    def get_sensor_state(self, sensor: int, index: int) -> tuple[int, int]:
        """RTAS get-sensor-state: (status, state)."""
        status, state = self._qtest.rtas("get-sensor-state", (sensor, index), 2)
        return status, state

    def set_indicator(self, indicator: int, index: int, value: int) -> int:
        """RTAS set-indicator: the status."""
        return self._qtest.rtas("set-indicator", (indicator, index, value), 1)[0]

    def set_power_level(self, domain: int, level: int) -> tuple[int, int]:
        """RTAS set-power-level: (status, the level that holds)."""
        arguments = domain & _U32, level & _U32
        status, holds = self._qtest.rtas("set-power-level", arguments, 2)
        return status, holds

    def get_power_level(self, domain: int) -> tuple[int, int]:
        """RTAS get-power-level: (status, level)."""
        status, level = self._qtest.rtas("get-power-level", (domain & _U32,), 2)
        return status, level

    def configure_connector(self, index: int) -> ConnectorResult:
        """RTAS ibm,configure-connector, from the first call to the last.

        Returns:
            The last status, those of all calls, and the fragment or None. After an
            abandoned `connector_call` QEMU goes on in the middle: no fragment.
        """
        self._qtest.write(AREA, new_work_area(index))
        collector = Collector()
        statuses: list[int] = []
        while True:
            status, area = self._connector()
            statuses.append(status)
            if not _SUCCESS <= status <= _LAST_STATUS:
                return ConnectorResult(status, tuple(statuses), None, _FAILED)
            try:
                complete = collector.feed(area, status)
            except DecodeError as error:
                code = _FAILED if error.code is None else error.code
                return ConnectorResult(status, tuple(statuses), None, code)
            if complete:
                fragment = collector.fragment()
                return ConnectorResult(status, tuple(statuses), fragment, 0)

    def connector_call(self, index: int, work_area: bytearray) -> int:
        """One call of ibm,configure-connector: the status.

        Args:
            index: of the connector; QEMU takes the one that the work area names.
            work_area: 4096 bytes; filled as the status says.
        """
        del index
        if len(work_area) != WORK_AREA_LEN:
            raise ArgumentError(
                f"work area of {len(work_area)} bytes, expected {WORK_AREA_LEN}"
            )
        self._qtest.write(AREA, work_area)
        status, work_area[:] = self._connector()
        return status

    def _connector(self) -> tuple[int, bytes]:
        (status,), area = self._qtest.rtas_with_area(
            "ibm,configure-connector", (AREA, 0), 1, WORK_AREA_LEN
        )
        return status, area

    def check_exception(self, mask: int, length: int = _LOG_MAX) -> tuple[int, bytes]:
        """RTAS check-exception: (status, the first event of a class in *mask*).

        The status is 1, and the event empty, where there is none. At most *length*
        bytes are given; QEMU writes the others too, behind the buffer.
        """
        arguments = _VECTOR, 0, mask & _U32, 0, AREA, max(length, 0)
        return self._event("check-exception", arguments, length)

    def event_scan(self, mask: int, length: int = _LOG_MAX) -> tuple[int, bytes]:
        """RTAS event-scan: (status, event). QEMU never gives one this way."""
        arguments = mask & _U32, 0, AREA, max(length, 0)
        return self._event("event-scan", arguments, length)

    def _event(
        self, name: str, arguments: tuple[int, ...], length: int
    ) -> tuple[int, bytes]:
        (status,), log = self._qtest.rtas_with_area(name, arguments, 1, _LOG_READ)
        if status != _SUCCESS:
            return status, b""
        size = _LOG_HEADER + int.from_bytes(log[4:_LOG_HEADER], "big")
        if size > _LOG_READ:
            log = self._qtest.read(AREA, min(size, _LOG_MAX))
        return status, log[: min(size, max(length, 0))]

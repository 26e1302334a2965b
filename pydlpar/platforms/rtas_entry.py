"""RTAS as a partition enters it: a token, and cells in its memory.

`Firmware` has a method for each call; here is what surrounds them: the argument
block, its numbers of arguments and results, addresses, buffers (LoPAR 7.2.8; QEMU
spapr_hcall.c `h_rtas`, spapr_rtas.c). Whoever brings an emulated processor or a
guest's memory can let it call the model as it would call the real one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from pydlpar.connector import WORK_AREA_LEN
from pydlpar.constants import RtasStatus
from pydlpar.errors import ArgumentError
from pydlpar.tree import DeviceTree

__all__ = ["H_PARAMETER", "H_SUCCESS", "RtasEntry", "RtasFirmware", "rtas_tokens"]

H_SUCCESS: Final = 0
H_PARAMETER: Final = -4
"""Statuses of the hypervisor call that carries an RTAS call."""

_CELL: Final = 4
_MAX_CELLS: Final = 16
"""Arguments or results: more than any call has."""

_REAL_ADDRESS: Final = (1 << 60) - 1
"""QEMU ignores the top four bits of an address."""

_LOG_MAX: Final = 2048
_SUCCESS: Final = int(RtasStatus.SUCCESS)
_INVALID: Final = int(RtasStatus.INVALID_PARAMETER)


class RtasFirmware(Protocol):
    """What answers the calls: `Firmware`, or a platform around it."""

    profile: str

    def get_sensor_state(self, sensor: int, index: int) -> tuple[int, int]:
        """RTAS get-sensor-state."""

    def set_indicator(self, indicator: int, index: int, value: int) -> int:
        """RTAS set-indicator."""

    def connector_call(self, index: int, work_area: bytearray) -> int:
        """One call of RTAS ibm,configure-connector."""

    def check_exception(self, mask: int, length: int) -> tuple[int, bytes]:
        """RTAS check-exception."""

    def event_scan(self, mask: int, length: int) -> tuple[int, bytes]:
        """RTAS event-scan."""

    def set_power_level(self, domain: int, level: int) -> tuple[int, int]:
        """RTAS set-power-level."""

    def get_power_level(self, domain: int) -> tuple[int, int]:
        """RTAS get-power-level."""


def rtas_tokens(tree: DeviceTree) -> dict[int, str]:
    """Names of RTAS calls by token, as `/rtas` has them.

    A call is a property of one cell whose name is one that `RtasEntry` knows.
    """
    rtas = tree.get("/rtas")
    if rtas is None:
        return {}
    return {rtas.u32(name): name for name in _SHAPES if name in rtas}


# Numbers of arguments that a call may have, and of results that it must have.
_SHAPES: Final[Mapping[str, tuple[tuple[int, ...], int]]] = {
    "check-exception": ((6, 7), 1),
    "event-scan": ((4,), 1),
    "set-indicator": ((3,), 1),
    "get-sensor-state": ((2,), 2),
    "set-power-level": ((2,), 2),
    "get-power-level": ((1,), 2),
    "ibm,configure-connector": ((2,), 1),
}


class RtasEntry:
    """The entry into a firmware, for one partition's memory.

    Args:
        firmware: answers.
        memory: the partition's memory from address 0 on; changed in place. What
            lies behind its end reads as zeros and takes no writes.
        tokens: names of calls by token (`rtas_tokens`).
        overrun: check-exception writes the whole event, however short the buffer
            is, as QEMU does.
    """

    def __init__(
        self,
        firmware: RtasFirmware,
        memory: bytearray,
        tokens: Mapping[int, str],
        *,
        overrun: bool = False,
    ) -> None:
        self._firmware = firmware
        self._memory = memory
        self._tokens = dict(tokens)
        self._overrun = overrun
        self._calls: dict[str, Callable[[list[int]], tuple[int, ...]]] = {
            "check-exception": self._check_exception,
            "event-scan": self._event_scan,
            "set-indicator": lambda a: (firmware.set_indicator(*a),),
            "get-sensor-state": lambda a: firmware.get_sensor_state(*a),
            "set-power-level": lambda a: firmware.set_power_level(*a),
            "get-power-level": lambda a: firmware.get_power_level(*a),
            "ibm,configure-connector": self._configure_connector,
        }

    def hcall(self, address: int) -> int:
        """Hypervisor call 0xF000: the status, 0 or -4 for an unknown token.

        At *address* are cells: token, number of arguments, number of results, the
        arguments, and room for the results.
        """
        token, n_args, n_results = self._cells(address, 3)
        arguments = address + 3 * _CELL
        results = arguments + n_args * _CELL
        name = self._tokens.get(token)
        if name is None:
            self._store(results, _INVALID)
            return H_PARAMETER
        self.call(name, n_args, arguments, n_results, results)
        return H_SUCCESS

    def call(
        self, name: str, n_args: int, arguments: int, n_results: int, results: int
    ) -> None:
        """A call by name: cells at *arguments*, answers to *results*.

        A number of arguments or results that the call does not have is status -3.

        Raises:
            ArgumentError: no such call.
        """
        shape = _SHAPES.get(name)
        if shape is None:
            raise ArgumentError(f"RTAS call {name!r}, expected {', '.join(_SHAPES)}")
        if n_args not in shape[0] or n_results != shape[1]:
            self._refuse(name, results)
            return
        status, *values = self._calls[name](self._cells(arguments, n_args))
        self._store(results, status)
        if status == _SUCCESS or name == _SENSOR:
            for number, value in enumerate(values, 1):
                self._store(results + number * _CELL, value)

    def _refuse(self, name: str, results: int) -> None:
        self._store(results, _INVALID)
        if name == _SENSOR:
            self._store(results + _CELL, 0)

    def _check_exception(self, arguments: list[int]) -> tuple[int, ...]:
        _, _, mask, _, buffer, length = arguments[:6]
        return self._deliver(self._firmware.check_exception, mask, buffer, length)

    def _event_scan(self, arguments: list[int]) -> tuple[int, ...]:
        mask, _, buffer, length = arguments
        return self._deliver(self._firmware.event_scan, mask, buffer, length)

    def _deliver(
        self,
        fetch: Callable[[int, int], tuple[int, bytes]],
        mask: int,
        buffer: int,
        length: int,
    ) -> tuple[int, ...]:
        status, event = fetch(mask, _LOG_MAX if self._overrun else length)
        self._write(buffer, event)
        return (status,)

    def _configure_connector(self, arguments: list[int]) -> tuple[int, ...]:
        """QEMU takes the second argument for the address's upper half."""
        address, extent = arguments
        if self._firmware.profile == "qemu":
            address |= extent << 32
        area = bytearray(self._read(address, WORK_AREA_LEN))
        status = self._firmware.connector_call(
            int.from_bytes(area[:_CELL], "big"), area
        )
        self._write(address, area)
        return (status,)

    def _cells(self, address: int, count: int) -> list[int]:
        data = self._read(address, _CELL * min(count, _MAX_CELLS))
        return list(struct.unpack(f">{len(data) // _CELL}I", data))

    def _store(self, address: int, value: int) -> None:
        self._write(address, (value & 0xFFFFFFFF).to_bytes(_CELL, "big"))

    def _read(self, address: int, size: int) -> bytes:
        address &= _REAL_ADDRESS
        return bytes(self._memory[address : address + size]).ljust(size, b"\0")

    def _write(self, address: int, data: bytes | bytearray) -> None:
        address &= _REAL_ADDRESS
        room = max(len(self._memory) - address, 0)
        self._memory[address : address + min(len(data), room)] = data[:room]


_SENSOR: Final = "get-sensor-state"
"""The one call that always writes its second result."""

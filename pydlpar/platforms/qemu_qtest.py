"""The qtest channel of a QEMU machine: its memory, and RTAS calls from outside.

A line protocol: `read ADDR LEN` is answered `OK 0x...`, `rtas NAME NARGS ARGS NRET
RETS` by the status of the hypervisor call (QEMU softmmu/qtest.c, hw/ppc/spapr_rtas.c
`qtest_rtas_call`). It works beside TCG, also while the machine is stopped.
"""

from __future__ import annotations

import socket
import struct
import time
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Final

from pydlpar.errors import ArgumentError, PlatformError
from pydlpar.platforms.qemu_process import QemuProcess

__all__ = ["AREA", "Qtest"]

_ARGUMENTS: Final = 0x10000
_RESULTS: Final = 0x10040
_CELLS: Final = 16
AREA: Final = 0x10080
"""Where in the guest's memory the buffer of a call is, behind its results."""
_CHUNK: Final = 1 << 16
_SHORTEST: Final = 0.001  # a timeout of 0 would mean not to wait at all


class Qtest:
    """The channel, spoken to by one thread at a time."""

    def __init__(self, channel: socket.socket, process: QemuProcess) -> None:
        self._channel = channel
        self._process = process
        self._in_step = True  # False while an answer is out, or was never fetched

    def ask(self, *lines: str) -> list[str]:
        """Send lines in one piece: what is said to each, after the `OK`.

        Raises:
            PlatformError: a line was refused.
            QemuError: QEMU died, or did not answer in time.
        """
        self._process.check()
        answers = []
        for line, said in zip(lines, self._converse(lines), strict=True):
            word, _, rest = said.partition(" ")
            if word != "OK":
                raise PlatformError(f"qtest {line[:60]!r}: {said}")
            answers.append(rest)
        return answers

    def _converse(self, lines: Sequence[str]) -> list[str]:
        """The lines that answer these lines."""
        doing = f"qtest {lines[0].split()[0]!r}"
        if not self._in_step:
            raise self._process.interrupted(doing)
        self._in_step = False
        try:
            said = self._exchange("".join(line + "\n" for line in lines), len(lines))
        except TimeoutError:
            raise self._process.hung(doing, self._process.deadline) from None
        except (OSError, EOFError):
            raise self._process.died(doing) from None
        self._in_step = True
        return said

    def _exchange(self, text: str, n_lines: int) -> list[str]:
        limit = self._process.deadline
        end = time.monotonic() + limit
        got = bytearray()
        self._channel.settimeout(limit)
        self._channel.sendall(text.encode("ascii"))
        while n_lines:
            self._channel.settimeout(max(end - time.monotonic(), _SHORTEST))
            piece = self._channel.recv(_CHUNK)
            if not piece:
                raise EOFError
            n_lines -= piece.count(b"\n")
            got += piece
        return got.decode("ascii", errors="replace").splitlines()

    def write(self, address: int, data: bytes | bytearray) -> None:
        """Write to the guest's memory."""
        self.ask(_write_line(address, data))

    def read(self, address: int, size: int) -> bytes:
        """Read the guest's memory."""
        return b64decode(self.ask(_read_line(address, size))[0])

    def rtas(self, name: str, arguments: Sequence[int], n_results: int) -> list[int]:
        """An RTAS call by name: its results, signed, zeros where QEMU sets none."""
        return self.rtas_with_area(name, arguments, n_results, 0)[0]

    def rtas_with_area(
        self, name: str, arguments: Sequence[int], n_results: int, area_len: int
    ) -> tuple[list[int], bytes]:
        """The same, and the first bytes of the memory at `AREA` after the call.

        Raises:
            ArgumentError: more than 16 arguments or results, or not of 32 bits.
            PlatformError: no such call.
        """
        if max(len(arguments), n_results) > _CELLS:
            raise ArgumentError(f"RTAS {name}: at most {_CELLS} arguments and results")
        cells = bytearray(AREA - _ARGUMENTS)
        try:
            struct.pack_into(f">{len(arguments)}I", cells, 0, *arguments)
        except struct.error as error:
            raise ArgumentError(f"RTAS {name}{tuple(arguments)}: {error}") from None
        where = f"{len(arguments)} {_ARGUMENTS:#x} {n_results} {_RESULTS:#x}"
        _, status, found = self.ask(
            _write_line(_ARGUMENTS, cells),
            f"rtas {name} {where}",
            _read_line(_RESULTS, AREA - _RESULTS + area_len),
        )
        if int(status, 16):
            raise PlatformError(f"RTAS {name}: the hypervisor call returned {status}")
        memory = b64decode(found)
        results = struct.unpack_from(f">{n_results}i", memory)
        return list(results), memory[AREA - _RESULTS :]


def _write_line(address: int, data: bytes | bytearray) -> str:
    return f"b64write {address:#x} {len(data):#x} {b64encode(data).decode()}"


def _read_line(address: int, size: int) -> str:
    return f"b64read {address:#x} {size:#x}"

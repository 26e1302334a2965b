"""The ring behind `/proc/powerpc/rtas/error_log`: events on their way to rtas_errd.

64 slots of a sequence number and an event. The number is in the byte order of the
kernel; behind a short event stands what the slot held before. A full ring loses its
oldest slot. What is read is a record as `decode_log()` takes it.

Source: Linux arch/powerpc/platforms/pseries/rtasd.c `pSeries_log_error`,
`rtas_log_read`.
"""

from __future__ import annotations

import errno
import os
from typing import Final, Literal

from pydlpar._ffi import lib
from pydlpar.constants import Carrier
from pydlpar.errors import ArgumentError

__all__ = ["ErrorLogRing"]

_SLOTS: Final = 64
_NUMBER_LEN: Final = 4
_NUMBER_MASK: Final = 0xFFFFFFFF
_HEADER_LEN: Final = 8
_LOG_MAX: Final[int] = lib.DLPAR_RTAS_EVENT_MAX
_FLAGS_BYTE, _EXTENDED_BIT = 1, 0x04
_LENGTH = slice(4, 8)
_CARRIERS: Final = {
    "big": Carrier.ERROR_LOG_BIG,
    "little": Carrier.ERROR_LOG_LITTLE,
}


class ErrorLogRing:
    """Events logged and not yet read. Belongs to one thread at a time.

    Attributes:
        log_max: bytes of an event at most.
        record_length: bytes of what one read gives.
        carrier: what the records are to `decode_log()`.
        sequence: number of the last event; the first one has 1.
        lost: events overwritten before they were read.
        enabled: events are still logged; False after a fatal one.
    """

    def __init__(
        self,
        log_max: int = _LOG_MAX,
        byteorder: Literal["little", "big"] = "little",
        sequence: int = 0,
    ) -> None:
        """An empty ring.

        Args:
            log_max: `rtas-error-log-max` of the node /rtas.
            byteorder: of the kernel, "little" or "big".
            sequence: number of the last event before, which Linux reads from NVRAM.

        Raises:
            ArgumentError: a size below an event's header or above 2048, another
                byte order, or a number of more than 32 bits.
        """
        if not _HEADER_LEN <= log_max <= _LOG_MAX:
            raise ArgumentError(
                f"log size {log_max}: expected {_HEADER_LEN} to {_LOG_MAX} bytes"
            )
        if byteorder not in _CARRIERS:
            raise ArgumentError(f"byte order {byteorder!r}, expected big or little")
        if not 0 <= sequence <= _NUMBER_MASK:
            raise ArgumentError(f"sequence number {sequence}: expected 32 bits")
        self.log_max = log_max
        self.record_length = _NUMBER_LEN + log_max
        self.carrier = _CARRIERS[byteorder]
        self.sequence = sequence
        self.lost = 0
        self.enabled = True
        self._byteorder = byteorder
        self._slots = bytearray(_SLOTS * self.record_length)
        self._first = self._count = 0

    def __len__(self) -> int:
        """Events that can be read; poll(2) reports more than none."""
        return self._count

    def log(self, event: bytes, fatal: bool = False) -> None:
        """Log an event; a fatal one is numbered, not kept, and ends all logging."""
        self.sequence = (self.sequence + 1) & _NUMBER_MASK
        if fatal:
            self.enabled = False
        if not self.enabled:
            return
        length = _logged_length(event, self.log_max)
        start = (self._first + self._count) % _SLOTS * self.record_length
        number = self.sequence.to_bytes(_NUMBER_LEN, self._byteorder)
        record = number + event[:length].ljust(length, b"\0")
        self._slots[start : start + len(record)] = record
        if self._count < _SLOTS:
            self._count += 1
        else:
            self._first = (self._first + 1) % _SLOTS
            self.lost += 1

    def read(self, size: int | None = None) -> bytes:
        """Read the oldest record, as read(2) of *size* bytes without waiting.

        Raises:
            OSError: EINVAL, *size* is less than a record.
            BlockingIOError: EAGAIN, there is none yet; without O_NONBLOCK Linux
                would sleep, or give ENODATA where logging has ended (`enabled`).
        """
        if size is not None and size < self.record_length:
            reason = f"read of {size} bytes, expected {self.record_length} or more"
            raise OSError(errno.EINVAL, reason)
        if not self._count:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        start = self._first * self.record_length
        self._first = (self._first + 1) % _SLOTS
        self._count -= 1
        return bytes(self._slots[start : start + self.record_length])

    def drain(self) -> bytes:
        """All records that can be read, back to back, oldest first."""
        return b"".join([self.read() for _ in range(self._count)])


def _logged_length(event: bytes, log_max: int) -> int:
    """Bytes of an event by its header, whatever there is (`log_rtas_len`)."""
    header = event[:_HEADER_LEN].ljust(_HEADER_LEN, b"\0")
    length = _HEADER_LEN
    if header[_FLAGS_BYTE] & _EXTENDED_BIT:
        length += int.from_bytes(header[_LENGTH], "big")
    return min(length, log_max)

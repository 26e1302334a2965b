"""Interrupts and polls that are not about hotplug: EPOW, internal errors, event-scan.

All of them log what they fetch into the ring that rtas_errd reads. One event an
interrupt, as in Linux; firmware is to interrupt again.

Deviations from Linux: a status of check-exception other than 0 means that there is
no event; Linux ignores it and acts on what stands in the buffer, as here with
`Quirk.STALE_LOG`. Of a damaged log, in which Linux reads out of bounds, counts what
can be read.

Source: Linux arch/powerpc/platforms/pseries/ras.c, rtasd.c.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydlpar.constants import EventMask, EventSeverity, EventType, RtasStatus, Sensor
from pydlpar.epow import Reaction, epow_reaction
from pydlpar.errors import EventError
from pydlpar.operations.behaviour import Quirk
from pydlpar.rtas import decode_event

if TYPE_CHECKING:
    from pydlpar.error_log_ring import ErrorLogRing
    from pydlpar.operations.calls import Platform
    from pydlpar.rtas import RtasEvent
    from pydlpar.tree import DeviceTree

__all__ = [
    "EpowOutcome",
    "ErrorOutcome",
    "RasEvents",
    "Scan",
    "scan_delay",
    "scan_rate",
]

_EPOW_SENSOR: Final = int(Sensor.EPOW)
_CRITICAL_ABOVE: Final = 3
_EPOW: Final = int(EventMask.EPOW)
_INTERNAL_ERROR: Final = int(EventMask.INTERNAL_ERROR)
_ALL: Final = 0xFFFFFFFF
_SCAN_SECONDS: Final = 30
_TYPE_BYTE: Final = slice(3, 4)
_PRRN: Final = bytes([EventType.PRRN])
_MOST_EVENTS: Final = 1 << 14
"""Events of one poll; firmware that has more to tell is not listened to for ever."""


@dataclass(frozen=True)
class EpowOutcome:
    """What became of an EPOW interrupt.

    Attributes:
        reaction: what Linux does.
        event: what it acted on; None where there was nothing that can be read.
        sensor: status and state of the EPOW sensor, read before.
        critical: check-exception was told that time is short.
        outstanding: warnings not taken back by a reset, this one included.
    """

    reaction: Reaction
    event: RtasEvent | None
    sensor: tuple[int, int]
    critical: bool
    outstanding: int


@dataclass(frozen=True)
class ErrorOutcome:
    """What became of an internal-error interrupt.

    Attributes:
        reaction: `EMERGENCY_POWEROFF` for a fatal error, else `MESSAGE`.
        status: of check-exception.
        event: what was logged; empty where nothing was.
    """

    reaction: Reaction
    status: int
    event: bytes


@dataclass(frozen=True)
class Scan:
    """What one poll with event-scan gave.

    Attributes:
        errno: 0; ENODEV where the machine has no event-scan or no rate for it; EIO
            where there was no end of events.
        status: of the last call; 1 where there are no more events.
        events: the events logged, in order.
        ignored: resource reassignments (PRRN), which Linux does not log.
    """

    errno: int
    status: int
    events: tuple[bytes, ...] = ()
    ignored: int = 0


class RasEvents:
    """The handlers and what they remember.

    Attributes:
        log: the ring that they write to.
        outstanding: power warnings not taken back by a reset.
    """

    def __init__(self, log: ErrorLogRing, quirks: Iterable[Quirk] = ()) -> None:
        self.log = log
        self.outstanding = 0
        self._replays = Quirk.STALE_LOG in quirks
        self._buffer = b""

    def keep(self, log: bytes) -> None:
        """Have the buffer, which the hotplug interrupt shares, hold *log*."""
        self._buffer = log

    @property
    def stale(self) -> bytes:
        """What an interrupt without an event acts upon; empty for nothing."""
        return self._buffer if self._replays else b""

    def epow_interrupt(self, platform: Platform) -> EpowOutcome:
        """Serve the interrupt of `/event-sources/epow-events`."""
        sensor = platform.get_sensor_state(_EPOW_SENSOR, 0)
        status, log = self._fetch(platform, _EPOW)
        event = None
        reaction = Reaction.NONE
        if status == 0:
            self.log.log(log)
            event = _decoded(log)
        epow = None if event is None else event.epow
        if epow is not None:
            reaction, self.outstanding = epow_reaction(
                epow.action, epow.modifier, self.outstanding
            )
        critical = sensor[1] > _CRITICAL_ABOVE
        return EpowOutcome(reaction, event, sensor, critical, self.outstanding)

    def error_interrupt(self, platform: Platform) -> ErrorOutcome:
        """Serve the interrupt of `/event-sources/internal-errors`."""
        status, log = platform.check_exception(_INTERNAL_ERROR, self.log.log_max)
        event = None
        if status == 0:
            self.keep(log)
            event = _decoded(log)
        severity = None if event is None else event.severity
        fatal = severity is not None and severity >= EventSeverity.ERROR_SYNC
        logged = log if status == 0 else self.stale
        if logged:
            self.log.log(logged, fatal)
        reaction = Reaction.EMERGENCY_POWEROFF if fatal else Reaction.MESSAGE
        return ErrorOutcome(reaction, status, logged)

    def event_scan(self, platform: Platform, tree: DeviceTree) -> Scan:
        """Poll with event-scan until there is no event.

        Hotplug events that come this way are only logged. Linux polls for as long as
        there are events; here 16384 are enough.
        """
        rate = scan_rate(tree)
        if rate is None:
            return Scan(errno.ENODEV, int(RtasStatus.SUCCESS))
        status, events, ignored = int(RtasStatus.SUCCESS), [], 0
        for _ in range(_MOST_EVENTS if rate else 0):
            status, log = platform.event_scan(_ALL, self.log.log_max)
            if status:
                break
            if log[_TYPE_BYTE] == _PRRN:
                ignored += 1
                continue
            self.log.log(log)
            events.append(log)
        endless = len(events) + ignored == _MOST_EVENTS
        return Scan(errno.EIO if endless else 0, status, tuple(events), ignored)

    def _fetch(self, platform: Platform, mask: int) -> tuple[int, bytes]:
        """Status and event of check-exception, or what the buffer holds."""
        status, log = platform.check_exception(mask, self.log.log_max)
        if status == 0:
            self.keep(log)
        elif self.stale:
            return 0, self.stale
        return status, log


def _decoded(log: bytes) -> RtasEvent | None:
    try:
        return decode_event(log, strict=False)
    except EventError:
        return None


def scan_rate(tree: DeviceTree) -> int | None:
    """How often a minute event-scan is to be called; None where it is not to be."""
    rtas = tree.get("/rtas")
    if rtas is None or "event-scan" not in rtas:
        return None
    rate = rtas.get("rtas-event-scan-rate")
    return None if rate is None else int.from_bytes(rate, "big")


def scan_delay(rate: int) -> float:
    """Seconds between two polls of Linux once it has been round all CPUs."""
    return _SCAN_SECONDS / rate

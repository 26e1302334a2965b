"""The firmware's queue of RTAS events, and what it tells its management.

One queue for all classes, first in first out, without a bound and without
merging (QEMU spapr_events.c). The class of a hotplug event is decided when it is
fetched, not when it is queued: it is its own class for a guest that negotiated
hotplug events (option vector 5, byte 6, bit 5), else it counts as EPOW.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime
from operator import itemgetter
from typing import Any, Final

from pydlpar.constants import Action, EventMask, Resource
from pydlpar.request import HotplugRequest
from pydlpar.rtas import epow_event, hotplug_event

__all__ = ["Clock", "EventQueue", "QmpEvents"]

Clock = datetime | Callable[[], datetime | None] | None
"""The time stamp of events: fixed, asked for, or none (all zeros)."""

_EPOW_SHUTDOWN: Final = 3
_EPOW_NORMAL: Final = 1
_PLID_MASK: Final = 0xFFFFFFFF


class EventQueue:
    """Events raised and not yet fetched.

    Args:
        clock: time stamp of each event as it is raised.
        plid_byteorder: "little" for the log id as QEMU stores it on a
            little-endian host, "big" as LoPAR wants it.

    Attributes:
        hotplug_class: the guest negotiated hotplug events.
        pulses: how often the interrupt of each class was raised.
    """

    def __init__(self, clock: Clock, plid_byteorder: str) -> None:
        self.hotplug_class = False
        self.pulses = {EventMask.EPOW: 0, EventMask.HOTPLUG: 0}
        self._clock = clock
        self._byteorder = plid_byteorder
        self._plid = 0
        # By kind, so that a long queue costs no more; numbered, to keep one order.
        self._raised = 0
        self._pending: dict[EventMask, deque[tuple[int, bytes]]] = {
            EventMask.EPOW: deque(),
            EventMask.HOTPLUG: deque(),
        }

    def __len__(self) -> int:
        return sum(map(len, self._pending.values()))

    def raise_hotplug(self, request: HotplugRequest) -> None:
        """Queue a hotplug event and raise its interrupt."""
        event = hotplug_event(
            request,
            plid=self._next_plid(),
            time=self._now(),
            plid_byteorder=self._byteorder,
        )
        self._queue(EventMask.HOTPLUG, event)

    def raise_index(self, resource: Resource, action: Action, drc_index: int) -> None:
        """Queue a hotplug event about one DRC."""
        self.raise_hotplug(HotplugRequest.index(resource, action, drc_index))

    def raise_powerdown(self) -> None:
        """Queue the EPOW event of an orderly shutdown."""
        event = epow_event(
            _EPOW_SHUTDOWN,
            _EPOW_NORMAL,
            plid=self._next_plid(),
            time=self._now(),
            plid_byteorder=self._byteorder,
        )
        self._queue(EventMask.EPOW, event)

    def fetch(self, mask: int) -> bytes | None:
        """Take the first event of a class in *mask*; None where there is none."""
        queues = [
            queue
            for kind, queue in self._pending.items()
            if queue and self._class_of(kind) & mask
        ]
        if not queues:
            return None
        _, event = min(queues, key=itemgetter(0)).popleft()
        self.pulse_pending()
        return event

    def pulse_pending(self) -> None:
        """Raise the interrupt of every class that has events."""
        waiting = {self._class_of(k) for k, queue in self._pending.items() if queue}
        for event_class in waiting:
            self.pulses[event_class] += 1

    def has_epow(self) -> bool:
        """True while a power event has not been fetched."""
        return bool(self._pending[EventMask.EPOW])

    def drop_hotplug(self) -> None:
        """Forget hotplug events, as at CAS; power events stay."""
        self._pending[EventMask.HOTPLUG].clear()

    def clear(self) -> None:
        """Forget everything, as at reset. The log id goes on counting."""
        for queue in self._pending.values():
            queue.clear()

    def _class_of(self, kind: EventMask) -> EventMask:
        if kind is EventMask.HOTPLUG and not self.hotplug_class:
            return EventMask.EPOW
        return kind

    def _queue(self, kind: EventMask, event: bytes) -> None:
        self._pending[kind].append((self._raised, event))
        self._raised += 1
        self.pulses[self._class_of(kind)] += 1

    def _next_plid(self) -> int:
        plid = self._plid
        self._plid = (plid + 1) & _PLID_MASK
        return plid

    def _now(self) -> datetime | None:
        return self._clock() if callable(self._clock) else self._clock


class QmpEvents(deque[dict[str, Any]]):
    """The latest events that QEMU would send to its management, oldest first.

    Each is a dict as on the wire: {"event": name, "data": {...}}, without the
    time stamp. Only the last `LIMIT` are kept.
    """

    LIMIT: Final = 4096

    def __init__(self) -> None:
        super().__init__(maxlen=self.LIMIT)

    def send(self, event: str, device: str | None, **data: Any) -> None:
        """Add an event; *device* is the id of a device, if it has one."""
        named = {} if device is None else {"device": device}
        self.append({"event": event, "data": named | data})

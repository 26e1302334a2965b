"""The same calls for many LMBs at once: what the model can answer without them.

An answer, and what a call does to the connector of an LMB, follow from the
connector's situation alone (`drc_states`), and what configure-connector delivers
from the NUMA node of the device. So where one LMB went from one situation to
another, all of its like go the same way, and need not be asked one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from pydlpar.drc_states import DrcKind, situation
from pydlpar.operations.calls import METHODS
from pydlpar.platforms.firmware_devices import Connector, Device, DeviceKind
from pydlpar.platforms.firmware_rtas import RtasCalls

__all__ = ["RepeatedCalls"]

_UNPLUG: Final = situation(0, False, True)
_LMB: Final = DrcKind.LMB
_LOGICAL: Final = DrcKind.LOGICAL
_DIMM: Final = DeviceKind.DIMM


class _Watched(NamedTuple):
    """What the calls about an LMB depend on, before they are made."""

    connector: Connector
    situation: int
    device: Device | None
    rejected: object


class _Absent(NamedTuple):
    """There is no such connector: each call is invalid."""


_ABSENT: Final = _Absent()


class RepeatedCalls(RtasCalls):
    """`RtasCalls` that repeats calls about LMBs. See `LmbRepeater`."""

    def lmb_repeater(self) -> RepeatedCalls | None:
        """Itself, unless somebody has put a call of their own before the model's."""
        for name in METHODS:
            own = getattr(getattr(self, name), "__func__", None)
            if own is not getattr(RtasCalls, name):
                return None
        return self

    def watch_lmb(self, index: int) -> _Watched | _Absent | None:
        """The situation that the connector *index* is in; None for one not alike."""
        connector = self._connectors.get(index)
        if connector is None:
            return _ABSENT
        device = connector.device
        if not _is_plain(connector) or (device is not None and not _is_dimm(device)):
            return None
        return self._watched(connector)

    def _watched(self, connector: Connector) -> _Watched:
        here, device = connector.situation, connector.device
        return _Watched(connector, here, device, self._rejected)

    def repeat_lmbs(self, watched: Any, indexes: Sequence[int], calls: int) -> int:
        """See `LmbRepeater`."""
        del calls
        if isinstance(watched, _Absent):
            return self._count_absent(indexes)
        if watched is None or not _is_plain(watched.connector):
            return 0
        leaves = watched.connector.device is not watched.device
        ended = (watched.situation ^ watched.connector.situation) & _UNPLUG
        if ended and not leaves:
            # The guest has refused an unplug, which concerns the whole DIMM.
            return 0
        count = self._follow(watched, indexes, leaves)
        if count and self._rejected is not watched.rejected and self._rejected:
            last = self._connectors[indexes[count - 1]]
            self._rejected = (last, *self._rejected[1:])
        return count

    def _count_absent(self, indexes: Sequence[int]) -> int:
        count = 0
        for index in indexes:
            if index in self._connectors:
                break
            count += 1
        return count

    def _follow(self, watched: _Watched, indexes: Sequence[int], leaves: bool) -> int:
        """Bring connectors where the one before them is, as long as they are alike."""
        find, release = self._connectors.get, self._unplugging.release
        before, after = watched.situation, watched.connector.situation
        same, count = watched.device, 0
        for index in indexes:
            connector = find(index)
            if (
                connector is None
                or connector.situation != before
                or not connector.at_start
                or connector.kind is not _LMB
            ):
                break
            device = connector.device
            if device is not same:
                if device is None or same is None or not _is_dimm(device):
                    break
                if device.node != same.node:
                    break
                same = device
            if leaves:
                release(connector)
            connector.situation = after
            count += 1
        return count

    def lmb_state(self, index: int) -> tuple[object, ...] | None:
        """See `LmbRepeater`: none with an unplug pending, which concerns others too."""
        connector = self._connectors.get(index)
        if connector is None:
            return _ABSENT
        here, device = connector.situation, connector.device
        if connector.kind is not _LMB or not connector.at_start or here & _UNPLUG:
            return None
        if device is None:
            return self.profile, here
        if device.kind is not _DIMM:
            return None
        return self.profile, here, self._inventory.domains[device.node or 0]

    def drc_state(self, index: int) -> tuple[object, ...] | None:
        """See `LmbRepeater`: of a core or NVDIMM, with no unplug pending."""
        connector = self._connectors.get(index)
        if connector is None or connector.kind is not _LOGICAL:
            return None
        here = connector.situation
        if here & _UNPLUG or not connector.at_start or connector.parent is not None:
            return None
        return self.profile, here

    def watch_drc(self, index: int) -> _Watched:
        """See `LmbRepeater`."""
        return self._watched(self._connectors[index])

    def lmb_came(self, watched: _Watched | _Absent | None) -> tuple[Any, ...] | None:
        """See `LmbRepeater`: the situation, and the call rejected last, if one was."""
        if watched is None or isinstance(watched, _Absent):
            return watched
        connector, _, device, rejected = watched
        if connector.device is not device or not connector.at_start:
            return None
        if self._rejected is rejected or self._rejected is None:
            return connector.situation, None
        return connector.situation, self._rejected[1:]

    def move_lmb(self, index: int, came: tuple[Any, ...], calls: int) -> None:
        """See `LmbRepeater`."""
        del calls
        if came:
            connector = self._connectors[index]
            connector.situation, rejected = came
            if rejected is not None:
                self._rejected = (connector, *rejected)


def _is_plain(connector: Connector) -> bool:
    """An LMB's, whose next configure-connector begins with the first node."""
    return connector.kind is _LMB and connector.at_start


def _is_dimm(device: Device) -> bool:
    return device.kind is _DIMM

"""Setting right, as an administrator would, what failed requests left behind.

Linux leaves some connectors acquired and some threads offline when a call fails
(`evidence.EXCUSES`), and firmware cannot mend that. In a long run such leftovers
would add up until nothing is left to be plugged.
"""

from __future__ import annotations

from typing import Final

from pydlpar.constants import (
    AllocationState,
    DrcState,
    Indicator,
    IsolationState,
    LmbFlags,
)
from pydlpar.drc_states import DrcKind
from pydlpar.partition import Partition
from pydlpar.platforms.firmware import Firmware
from pydlpar.platforms.firmware_devices import Connector
from pydlpar.stress.state import cpu_threads

__all__ = ["repair"]

_ISOLATION: Final = int(Indicator.ISOLATION_STATE)
_ALLOCATION: Final = int(Indicator.ALLOCATION_STATE)
_ISOLATE: Final = int(IsolationState.ISOLATE)
_UNISOLATE: Final = int(IsolationState.UNISOLATE)
_UNUSABLE: Final = int(AllocationState.UNUSABLE)
_USABLE: Final = int(AllocationState.USABLE)
_ASSIGNED: Final = int(LmbFlags.ASSIGNED)
_NO_DRC: Final = int(LmbFlags.DRC_INVALID)


def repair(partition: Partition, firmware: Firmware) -> int:
    """Give back what the partition does not use, configure and start what it has.

    Goes the way that the state tables allow, by the firmware's own calls.

    Returns:
        How many connectors and threads were not as they should be.
    """
    mended = 0
    cpus = cpu_threads(partition)
    wanted = {
        lmb.drc_index
        for lmb in partition.lmbs
        if lmb.flags & _ASSIGNED and not lmb.flags & _NO_DRC
    }
    for index, connector in firmware.connectors.items():
        if connector.is_cpu:
            mended += _settle(firmware, connector, index in cpus)
        elif connector.kind is DrcKind.LMB:
            mended += _settle(firmware, connector, index in wanted)
    for threads in cpus.values():
        stopped = set(partition.allowed(threads)) - partition.online
        partition.online |= stopped
        mended += len(stopped)
    return mended


def _settle(firmware: Firmware, connector: Connector, used: bool) -> bool:
    """Bring a connector where it belongs; whether it was elsewhere."""
    index, table = connector.index, connector.table
    if connector.state == (table.ready if used else table.empty):
        return False
    if used:
        firmware.set_indicator(_ALLOCATION, index, _USABLE)
        firmware.set_indicator(_ISOLATION, index, _UNISOLATE)
        firmware.configure_connector(index)
        return True
    if connector.state == DrcState.LOGICAL_UNISOLATE:
        firmware.configure_connector(index)
    firmware.set_indicator(_ISOLATION, index, _ISOLATE)
    firmware.set_indicator(_ALLOCATION, index, _UNUSABLE)
    return True

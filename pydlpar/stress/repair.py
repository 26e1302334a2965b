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
from pydlpar.drc_states import DrcKind, situation
from pydlpar.partition import Partition
from pydlpar.platforms.firmware import Firmware
from pydlpar.platforms.firmware_devices import Connector
from pydlpar.platforms.firmware_power import FULL_POWER
from pydlpar.stress.state import DRC_INDEX, cpu_threads

__all__ = ["give_back", "repair"]

_ISOLATION: Final = int(Indicator.ISOLATION_STATE)
_ALLOCATION: Final = int(Indicator.ALLOCATION_STATE)
_ISOLATE: Final = int(IsolationState.ISOLATE)
_UNISOLATE: Final = int(IsolationState.UNISOLATE)
_UNUSABLE: Final = int(AllocationState.UNUSABLE)
_USABLE: Final = int(AllocationState.USABLE)
_ASSIGNED: Final = int(LmbFlags.ASSIGNED)
_UNISOLATED: Final = (DrcState.LOGICAL_UNISOLATE, DrcState.PHYSICAL_UNISOLATE)
_SHIFT: Final = situation(1).bit_length() - 1
_NO_DRC: Final = int(LmbFlags.DRC_INVALID)


def repair(partition: Partition, firmware: Firmware) -> int:
    """Give back what the partition does not use, configure and start what it has.

    Goes the way that the state tables allow, by the firmware's own calls. A DIMM that
    QEMU does not take back unasked leaves for good.

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
    wanted |= cpus.keys()
    nodes = partition.tree.by_property(DRC_INDEX)
    wanted.update(partition.tree.column_u32(nodes, DRC_INDEX))
    # What is behind another connector comes after it, and goes before it.
    known = firmware.connectors
    # As `is_empty_state`, written out: hundreds of slots are empty.
    taken = [i for i, c in known.items() if c.situation >> _SHIFT != c.table.empty]
    for index in sorted(taken, reverse=True):
        mended += index not in wanted and give_back(firmware, known[index])
    for index in sorted(wanted & known.keys()):
        mended += _take(firmware, known[index])
    for threads in cpus.values():
        stopped = set(partition.allowed(threads)) - partition.online
        partition.online |= stopped
        mended += len(stopped)
    return mended


def _take(firmware: Firmware, connector: Connector) -> bool:
    """Configure what the partition has; whether it was not."""
    index = connector.index
    if connector.is_in_use:
        return False
    if connector.kind is DrcKind.PHYSICAL:
        firmware.set_power_level(connector.power_domain, FULL_POWER)
    else:
        firmware.set_indicator(_ALLOCATION, index, _USABLE)
    firmware.set_indicator(_ISOLATION, index, _UNISOLATE)
    firmware.configure_connector(index)
    return True


def give_back(firmware: Firmware, connector: Connector) -> bool:
    """Release what the partition does not have; whether it was not."""
    index, device = connector.index, connector.device
    if connector.is_empty_state or connector.state == DrcState.PHYSICAL_AVAILABLE:
        return False
    if connector.state in _UNISOLATED:
        firmware.configure_connector(index)
    refused = firmware.set_indicator(_ISOLATION, index, _ISOLATE)
    if refused and device is not None and len(device.connectors) == 1:
        firmware.unplug(device)
        firmware.events.clear()
        firmware.set_indicator(_ISOLATION, index, _ISOLATE)
    if connector.kind is not DrcKind.PHYSICAL:
        firmware.set_indicator(_ALLOCATION, index, _UNUSABLE)
    return True

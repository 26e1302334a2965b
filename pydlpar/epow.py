"""Environmental and power warnings: what Linux and rtas_errd make of one.

Source: Linux arch/powerpc/platforms/pseries/ras.c `rtas_parse_epow_errlog`,
`handle_system_shutdown`; rtas_errd of ppc64-diag for the status numbers.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Final

from pydlpar.constants import EpowAction, EpowModifier
from pydlpar.errors import NotFoundError

if TYPE_CHECKING:
    from pydlpar.rtas import RtasEvent
    from pydlpar.rtas_table import RtasSection

__all__ = ["EpowStatus", "Reaction", "epow_reaction", "epow_status"]


class Reaction(Enum):
    """What Linux does about a power warning or an error that firmware reports.

    Members:
        NONE: nothing.
        MESSAGE: a line in the kernel log.
        COMPLAINT: one that says that the event was not understood.
        ORDERLY_POWEROFF: user space is asked to shut down.
        EMERGENCY_POWEROFF: disks are synced, and the power is off at once.
    """

    NONE = "none"
    MESSAGE = "message"
    COMPLAINT = "complaint"
    ORDERLY_POWEROFF = "orderly-poweroff"
    EMERGENCY_POWEROFF = "emergency-poweroff"


class EpowStatus(IntEnum):
    """The number that rtas_errd writes to `/var/log/epow_status`.

    POWER_SWITCH leaves 4 ms, FAN_FAULT 20 s, BATTERY 10 minutes.
    """

    NORMAL = 0
    PRIMARY_POWER = 1
    POWER_SUPPLY = 2
    POWER_SWITCH = 3
    THERMAL = 4
    FAN_FAULT = 5
    FAN = 6
    BATTERY = 7
    COOLING_WARNING = 8
    POWER_WARNING = 9
    SHUTDOWN_REQUESTED = 10
    CRITICAL_FUNCTIONS = 11


_NIBBLE: Final = 0x0F

_REACTIONS: Final[dict[int, Reaction]] = {
    EpowAction.WARN_COOLING: Reaction.MESSAGE,
    EpowAction.WARN_POWER: Reaction.MESSAGE,
    EpowAction.SYSTEM_HALT: Reaction.ORDERLY_POWEROFF,
    EpowAction.MAIN_ENCLOSURE: Reaction.EMERGENCY_POWEROFF,
    EpowAction.POWER_OFF: Reaction.EMERGENCY_POWEROFF,
}
_SHUTDOWNS: Final[dict[int, Reaction]] = {
    EpowModifier.NORMAL_SHUTDOWN: Reaction.ORDERLY_POWEROFF,
    EpowModifier.UTILITY_POWER_LOST: Reaction.MESSAGE,
    EpowModifier.CRITICAL_FUNCTIONS_LOST: Reaction.ORDERLY_POWEROFF,
    EpowModifier.AMBIENT_TEMPERATURE: Reaction.ORDERLY_POWEROFF,
}
_SHUTDOWN_STATUS: Final[dict[int, EpowStatus]] = {
    EpowModifier.NORMAL_SHUTDOWN: EpowStatus.SHUTDOWN_REQUESTED,
    EpowModifier.UTILITY_POWER_LOST: EpowStatus.BATTERY,
    EpowModifier.CRITICAL_FUNCTIONS_LOST: EpowStatus.CRITICAL_FUNCTIONS,
    EpowModifier.AMBIENT_TEMPERATURE: EpowStatus.THERMAL,
}
_PLAIN_STATUS: Final[dict[int, EpowStatus]] = {
    EpowAction.RESET: EpowStatus.NORMAL,
    EpowAction.WARN_COOLING: EpowStatus.COOLING_WARNING,
    EpowAction.WARN_POWER: EpowStatus.POWER_WARNING,
}
# Why power fails in logs before version 6, in the order that they are looked at.
_CAUSES: Final = (
    ("power_source_lost", EpowStatus.PRIMARY_POWER),
    ("power_supply", EpowStatus.POWER_SUPPLY),
    ("power_switch", EpowStatus.POWER_SWITCH),
)


def epow_reaction(action: int, modifier: int, outstanding: int) -> tuple[Reaction, int]:
    """What Linux does about a warning, and the warnings outstanding after it.

    Args:
        action, modifier: of the section; the low nibbles count.
        outstanding: warnings that came and were not taken back by a reset.
    """
    action, modifier = action & _NIBBLE, modifier & _NIBBLE
    if action == EpowAction.RESET:
        if outstanding > 0:
            return Reaction.MESSAGE, outstanding - 1
        return Reaction.NONE, outstanding
    if action == EpowAction.SYSTEM_SHUTDOWN:
        reaction = _SHUTDOWNS.get(modifier, Reaction.COMPLAINT)
    else:
        reaction = _REACTIONS.get(action, Reaction.COMPLAINT)
    return reaction, outstanding + 1


def epow_status(event: RtasEvent) -> EpowStatus | None:
    """The number that rtas_errd writes for an event; None where it writes none.

    Above `NORMAL` it runs `/etc/rc.powerfail`. Logs before version 6 say in flags
    what failed; where none does, the primary power has.
    """
    flags = _old_section(event)
    if flags is not None:
        action, modifier = int(flags["action"]), 0
    elif event.epow is not None:
        action, modifier = event.epow.action, event.epow.modifier
    else:
        return None
    if action == EpowAction.SYSTEM_SHUTDOWN:
        if _is_set(flags, "fan"):
            return EpowStatus.FAN
        if _is_set(flags, "power_fault"):
            return EpowStatus.BATTERY
        return _SHUTDOWN_STATUS.get(modifier, EpowStatus.BATTERY)
    if action == EpowAction.SYSTEM_HALT:
        return EpowStatus.FAN_FAULT if _is_set(flags, "fan") else EpowStatus.THERMAL
    if action in (EpowAction.MAIN_ENCLOSURE, EpowAction.POWER_OFF):
        for flag, status in _CAUSES:
            if _is_set(flags, flag):
                return status
        return EpowStatus.PRIMARY_POWER
    return _PLAIN_STATUS.get(action)


def _old_section(event: RtasEvent) -> RtasSection | None:
    try:
        return event.section("epow")
    except NotFoundError:
        return None


def _is_set(flags: RtasSection | None, name: str) -> bool:
    return flags is not None and bool(flags[name])

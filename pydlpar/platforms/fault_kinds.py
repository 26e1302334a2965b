"""What can go wrong with a call of a platform: kinds of faults, and which fit.

Which calls there are is read from `operations.calls.METHODS`; what `ANSWERS` does
not name answers 0 or a negative errno.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from typing import Any, Final, NamedTuple

from pydlpar.constants import EntitySense, RtasStatus
from pydlpar.platforms.damage import EventDamage, FragmentDamage, WorkArea

__all__ = ["ANSWERS", "Answer", "Fault", "FaultKind", "Injected", "faults_of"]


class FaultKind(Enum):
    """What is done to a call.

    Members:
        STATUS: RTAS answers a failing status; the call is not made.
        DELAY: RTAS answers that it is busy; the caller may try again.
        STATE: a sensor answers another state, with status 0; it is not read.
        WORK_AREA: configure-connector delivers what cannot be collected
            (`WorkArea`); the connector stays as it is.
        FRAGMENT: the walk is made, and what it gave is damaged
            (`FragmentDamage`).
        EVENT: an event is damaged, lost or repeated (`EventDamage`).
        REFUSED: the operating system answers a negative errno and does nothing.
    """

    STATUS = "status"
    DELAY = "delay"
    STATE = "state"
    WORK_AREA = "work-area"
    FRAGMENT = "fragment"
    EVENT = "event"
    REFUSED = "refused"


class Fault(NamedTuple):
    """One fault.

    Attributes:
        kind: what is done.
        value: the status, the state, the negative errno, or a member of
            `WorkArea`, `FragmentDamage` or `EventDamage`.
        at: where damage is: a byte, a bit, or a seed, as the kind has it.
    """

    kind: FaultKind
    value: int
    at: int = 0

    def __str__(self) -> str:
        where = f" at {self.at}" if self.at else ""
        return f"{self.kind.value} {self._value_word()}{where}"

    @property
    def has_place(self) -> bool:
        """Whether *at* makes a difference."""
        return (self.kind, self.value) in _PLACED

    def _value_word(self) -> str:
        words = _WORDS.get(self.kind)
        if words is not None:
            name: str = words(self.value).name
            return name.lower().replace("_", "-")
        if self.kind is FaultKind.REFUSED:
            return errno.errorcode.get(-self.value, str(self.value))
        return str(int(self.value))


_WORDS: Final[Mapping[FaultKind, Callable[[int], Any]]] = {
    FaultKind.WORK_AREA: WorkArea,
    FaultKind.FRAGMENT: FragmentDamage,
    FaultKind.EVENT: EventDamage,
}


_PLACED: Final = frozenset(
    {
        (FaultKind.WORK_AREA, WorkArea.GARBAGE),
        (FaultKind.FRAGMENT, FragmentDamage.TRUNCATED),
        (FaultKind.FRAGMENT, FragmentDamage.GARBAGE),
        (FaultKind.EVENT, EventDamage.TRUNCATED),
        (FaultKind.EVENT, EventDamage.FLIPPED),
    }
)


class Injected(NamedTuple):
    """A fault that was injected: into which call, counted from 0."""

    call: int
    method: str
    arguments: tuple[int, ...]
    fault: Fault

    def __str__(self) -> str:
        arguments = ", ".join(f"{argument:#x}" for argument in self.arguments)
        return f"call {self.call}, {self.method}({arguments}): {self.fault}"

    def to_dict(self) -> dict[str, Any]:
        """Itself as JSON has it."""
        return {
            "call": self.call,
            "method": self.method,
            "arguments": list(self.arguments),
            "fault": str(self.fault),
            "kind": self.fault.kind.value,
            "value": int(self.fault.value),
            "at": self.fault.at,
        }


class Answer(Enum):
    """The form of a method's answer."""

    STATUS = "status"
    PAIR = "(status, value)"
    CONNECTOR = "ConnectorResult"
    EVENT = "(status, event)"
    ERRNO = "0 or a negative errno"


ANSWERS: Final[Mapping[str, Answer]] = {
    "get_sensor_state": Answer.PAIR,
    "set_indicator": Answer.STATUS,
    "configure_connector": Answer.CONNECTOR,
    "set_power_level": Answer.PAIR,
    "get_power_level": Answer.PAIR,
    "check_exception": Answer.EVENT,
    "event_scan": Answer.EVENT,
    "update_nodes": Answer.STATUS,
    "update_properties": Answer.STATUS,
}

_FAILURES: Final = (
    RtasStatus.HARDWARE_ERROR,
    RtasStatus.INVALID_PARAMETER,
    RtasStatus.UNEXPECTED_STATE_CHANGE,
    RtasStatus.SLOT_ISOLATED,
    RtasStatus.OUTSTANDING_TRANSLATION,
    RtasStatus.NO_RESOURCE,
    RtasStatus.NOT_CONFIGURABLE,
)
_BUSY: Final = (
    RtasStatus.BUSY,
    *range(RtasStatus.EXTENDED_DELAY_MIN, RtasStatus.EXTENDED_DELAY_MAX + 1),
)
_REFUSALS: Final[Mapping[str, tuple[int, ...]]] = {
    "add_memory": (errno.ENOMEM, errno.EEXIST),
    "online_memory": (errno.EINVAL, errno.ENOMEM),
    "offline_memory": (errno.EBUSY, errno.EINTR),
}
_USUAL_REFUSALS: Final = (errno.EBUSY, errno.EIO)


def _kind(kind: FaultKind, values: Any) -> tuple[Fault, ...]:
    return tuple(Fault(kind, value) for value in values)


@cache
def faults_of(method: str) -> tuple[Fault, ...]:
    """Every fault that a method of a platform can have; *at* is 0 in each."""
    answer = ANSWERS.get(method, Answer.ERRNO)
    if answer is Answer.ERRNO:
        refusals = _REFUSALS.get(method, _USUAL_REFUSALS)
        return _kind(FaultKind.REFUSED, (-number for number in refusals))
    failing = _kind(FaultKind.STATUS, map(int, _FAILURES))
    if answer is Answer.EVENT:
        return failing + _kind(FaultKind.EVENT, EventDamage)
    failing += _kind(FaultKind.DELAY, map(int, _BUSY))
    if answer is Answer.CONNECTOR:
        failing += _kind(FaultKind.WORK_AREA, WorkArea)
        failing += _kind(FaultKind.FRAGMENT, FragmentDamage)
    elif method == "get_sensor_state":
        failing += _kind(FaultKind.STATE, map(int, EntitySense))
    return failing

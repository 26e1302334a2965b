"""The vocabulary of operations: what they yield, what they are sent, who answers.

An operation is a generator. It yields effects and is sent the answer to each; it
returns 0, a negative errno, or a positive RTAS status that the kernel would have
let through. Where there is no call to make, that is returned without a generator.
An effect is a tuple `(kind, *arguments)`; `kind` is one of the numbers below, and
`METHODS[kind]` the name of the `Platform` method that answers it.

DRC calls are those of Linux, arch/powerpc/platforms/pseries/dlpar.c.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from pydlpar.connector import ConnectorResult
from pydlpar.constants import (
    AllocationState,
    EntitySense,
    Indicator,
    IsolationState,
    RtasStatus,
    Sensor,
)
from pydlpar.errors import DecodeError, ExistsError
from pydlpar.operations.quirks import Quirk
from pydlpar.partition import LOOKUP_ARRAYS

if TYPE_CHECKING:
    from pydlpar.node import Node
    from pydlpar.operations.behaviour import Behaviour
    from pydlpar.operations.recall import Recall
    from pydlpar.partition import Partition

__all__ = [
    "ADD_MEMORY",
    "CONFIGURE_CONNECTOR",
    "FUNCTIONS",
    "GET_POWER_LEVEL",
    "GET_SENSOR_STATE",
    "METHODS",
    "OFFLINE_CPU",
    "OFFLINE_DEVICE",
    "OFFLINE_MEMORY",
    "ONLINE_CPU",
    "ONLINE_DEVICE",
    "ONLINE_MEMORY",
    "POWERS",
    "REMOVE_MEMORY",
    "REPEAT",
    "SET_INDICATOR",
    "SET_POWER_LEVEL",
    "SLEEP",
    "WATCH",
    "Effect",
    "Entry",
    "LmbRepeater",
    "Operation",
    "Platform",
    "Run",
    "Started",
    "acquire",
    "configure",
    "graft",
    "indicator_failed",
    "nothing",
    "release",
    "rtas_errno",
    "unisolate",
]

GET_SENSOR_STATE = 0
SET_INDICATOR = 1
CONFIGURE_CONNECTOR = 2
ONLINE_CPU = 3
OFFLINE_CPU = 4
ADD_MEMORY = 5
ONLINE_MEMORY = 6
OFFLINE_MEMORY = 7
REMOVE_MEMORY = 8
SET_POWER_LEVEL = 9
GET_POWER_LEVEL = 10
ONLINE_DEVICE = 11
OFFLINE_DEVICE = 12

POWERS = frozenset({SET_POWER_LEVEL, GET_POWER_LEVEL})
"""The calls about power levels, which are RTAS functions too."""

METHODS = (
    "get_sensor_state",
    "set_indicator",
    "configure_connector",
    "online_cpu",
    "offline_cpu",
    "add_memory",
    "online_memory",
    "offline_memory",
    "remove_memory",
    "set_power_level",
    "get_power_level",
    "online_device",
    "offline_device",
)
"""Name of the `Platform` method by kind of effect."""

SLEEP = len(METHODS)
"""Wait so many milliseconds: no platform, but the dispatcher answers it, with 0."""

WATCH = SLEEP + 1
"""Remember the state of a DRC: what follows is to be repeated. No call."""

REPEAT = SLEEP + 2
"""Repeat all that was called since `WATCH` for a run of LMBs. See `repeat.py`."""

FUNCTIONS = (
    "get-sensor-state",
    "set-indicator",
    "ibm,configure-connector",
    "online-cpu",
    "offline-cpu",
    "add-memory",
    "online-memory",
    "offline-memory",
    "remove-memory",
    "set-power-level",
    "get-power-level",
    "online-device",
    "offline-device",
    "sleep",
)
"""Name for people by kind of effect.

The first three and those of `POWERS` are RTAS functions.
"""

Effect = tuple[Any, ...]
Entry = tuple[tuple[Any, ...], Any]
"""An effect and its answer."""

Losing = Callable[[bytes], bytes]
Operation = Generator[Effect, Any, int]
Started = Operation | int
"""An operation, or what it has returned already: it had no call to make."""

_SENSE = int(Sensor.ENTITY_SENSE)
_PRESENT = int(EntitySense.PRESENT)
_UNUSABLE = int(EntitySense.UNUSABLE)
_ALLOCATION = int(Indicator.ALLOCATION_STATE)
_ISOLATION = int(Indicator.ISOLATION_STATE)
_ALLOCATE = int(AllocationState.USABLE)
_DEALLOCATE = int(AllocationState.UNUSABLE)
_ISOLATE = int(IsolationState.ISOLATE)
_UNISOLATE = int(IsolationState.UNISOLATE)

_LOST_CHILDREN = Quirk.LOST_CHILDREN
_SENSE_WORDS = {int(member): member.name.lower() for member in EntitySense}

_ERRNOS = {
    int(RtasStatus.HARDWARE_ERROR): errno.EIO,
    int(RtasStatus.INVALID_PARAMETER): errno.EINVAL,
    int(RtasStatus.SLOT_ISOLATED): errno.EFAULT,
    int(RtasStatus.OUTSTANDING_TRANSLATION): errno.EEXIST,
    int(RtasStatus.NO_RESOURCE): errno.ENODEV,
}


class Platform(Protocol):
    """The other side of an operation: firmware, and the rest of the kernel.

    The first four and the power levels are RTAS calls and answer RTAS status words.
    The others do what the operating system does itself and answer 0 or a negative
    errno.
    """

    def get_sensor_state(self, sensor: int, index: int, /) -> tuple[int, int]:
        """Status and state of a sensor of the DRC *index*."""

    def set_indicator(self, indicator: int, index: int, value: int, /) -> int:
        """Set an indicator of the DRC *index*."""

    def configure_connector(self, index: int, /) -> ConnectorResult:
        """Walk ibm,configure-connector to its end, or to the first failure.

        A busy answer ends the walk too, with its status: called again, it goes on
        where it stopped.
        """

    def check_exception(self, mask: int, length: int, /) -> tuple[int, bytes]:
        """Status (0: an event, 1: none) and the next event of a class."""

    def event_scan(self, mask: int, length: int, /) -> tuple[int, bytes]:
        """The same, where nobody interrupted; a dispatcher calls it for its poll."""

    def online_cpu(self, thread: int, /) -> int:
        """Start the CPU thread with this hardware number."""

    def offline_cpu(self, thread: int, /) -> int:
        """Stop the CPU thread with this hardware number."""

    def add_memory(self, base: int, size: int, node: int, /) -> int:
        """Add *size* bytes of memory at *base* to NUMA node *node*."""

    def online_memory(self, base: int, size: int, /) -> int:
        """Take the memory block at *base* into use."""

    def offline_memory(self, base: int, size: int, /) -> int:
        """Take the memory block at *base* out of use."""

    def remove_memory(self, base: int, size: int, /) -> int:
        """Remove the memory block at *base*; Linux ignores the answer."""

    def set_power_level(self, domain: int, level: int, /) -> tuple[int, int]:
        """Status, and the level that a power domain has then."""

    def get_power_level(self, domain: int, /) -> tuple[int, int]:
        """Status and level of a power domain."""

    def online_device(self, index: int, /) -> int:
        """Bind drivers to the I/O or pmem device behind the DRC *index*."""

    def offline_device(self, index: int, /) -> int:
        """Quiesce that device and unbind its drivers."""


class LmbRepeater(Protocol):
    """A platform that can answer for many LMBs what it answered for one.

    A platform class that has a method `lmb_repeater()` offers it, or None where it
    cannot vouch for each of its calls.
    """

    def watch_lmb(self, index: int, /) -> Any:
        """What the answers of the next calls about the LMB *index* depend on."""

    def repeat_lmbs(self, watched: Any, indexes: Sequence[int], calls: int, /) -> int:
        """Make the calls since *watched*, *calls* in number, for other LMBs.

        Goes on as long as each would be answered as it was; what it did stays done.

        Returns:
            For how many of *indexes*, from the first on.
        """

    def lmb_state(self, index: int, /) -> Any:
        """What all answers about the LMB *index* follow from, and what calls do to it.

        Equal states, of whatever platform, have equal answers. None where there is
        more to it.
        """

    def drc_state(self, index: int, /) -> Any:
        """The same of a connector that is no LMB's, and stands for itself."""

    def watch_drc(self, index: int, /) -> Any:
        """As `watch_lmb`, of such a connector; for `lmb_came`."""

    def lmb_came(self, watched: Any, /) -> Any:
        """What became of an LMB in the calls since *watched*.

        None where more than its own state has changed, or could be seen to have.
        """

    def move_lmb(self, index: int, came: Any, calls: int, /) -> None:
        """Have the same become of another LMB in the same state, in as many calls."""


class Run:
    """One request being carried out: what it works on, changed, and why it failed.

    Attributes:
        partition: what the operating system knows.
        behaviour: how its kernel line behaves.
        changes: changes to the tree, in order: ("add", path), ("remove", path),
            ("set", path, property, old, new).
        undo: calls `(function, *arguments)` that take back, in reverse, what the
            tree's own transaction does not know of.
        recall: the steps that are known, which need not be made by calls; None
            where each is to be called.
        exit_status: of the command that user space runs for it; None where the
            kernel carries it out.
        leaked: the positive RTAS status that it ended with, or 0.
        cause: why it failed, as a format and its arguments: what was told first.
    """

    # Of the class, because most requests never set them.
    exit_status: int | None = None
    leaked = 0
    cause: tuple[Any, ...] | None = None
    _summary: tuple[Any, ...] | None = None
    _memory: Node | None = None
    _arrays: bytes | None = None

    def __init__(
        self, partition: Partition, behaviour: Behaviour, recall: Recall | None = None
    ) -> None:
        self.partition = partition
        self.behaviour = behaviour
        self.changes: list[tuple[Any, ...]] = []
        self.undo: list[tuple[Any, ...]] = []
        self.recall = recall

    def fail(self, rc: int, *reason: Any) -> int:
        """Return *rc*, keeping *reason* (a format and its arguments) if the first."""
        if self.cause is None:
            self.cause = reason
        return rc

    def fall_short(self, rc: int, *reason: Any) -> int:
        """Return *rc*, keeping *reason* as the sum of what went wrong."""
        self._summary = reason
        return rc

    def take_back(self) -> None:
        """Undo what the tree's transaction does not know of."""
        for function, *arguments in reversed(self.undo):
            function(*arguments)
        self.undo.clear()

    @property
    def memory(self) -> Node | None:
        """The node that holds the LMB table; it does not move within a request."""
        node = self._memory
        if node is None:
            node = self._memory = self.partition.memory
        return node

    @property
    def arrays(self) -> bytes | None:
        """The associativity lookup arrays, as `memory` has them or `arrays` is set."""
        value = self._arrays
        if value is None:
            node = self.memory
            if node is not None:
                value = self._arrays = node.get(LOOKUP_ARRAYS)
        return value

    @arrays.setter
    def arrays(self, value: bytes) -> None:
        self._arrays = value

    @property
    def reason(self) -> str:
        """Why the request failed, in words: the sum, then the first cause."""
        parts = [part for part in (self._summary, self.cause) if part]
        return ": ".join(part[0].format(*part[1:]) for part in parts)


def nothing() -> Operation:
    """An operation that makes no call, and succeeds."""
    yield from ()
    return 0


def rtas_errno(status: int) -> int:
    """The negative errno of an RTAS status; positive ones are passed through.

    Source: Linux arch/powerpc/kernel/rtas.c `rtas_error_rc`.
    """
    return status if status >= 0 else -_ERRNOS.get(status, errno.ERANGE)


def acquire(run: Run, index: int) -> Operation:
    """Make the DRC usable and unisolate it; -EPERM where it is not unusable."""
    status, state = yield (GET_SENSOR_STATE, _SENSE, index)
    if status or state != _UNUSABLE:
        return _sensor_failed(run, index, status, state, _UNUSABLE)
    status = yield (SET_INDICATOR, _ALLOCATION, index, _ALLOCATE)
    if status:
        return indicator_failed(run, _ALLOCATION, index, _ALLOCATE, status)
    status = yield (SET_INDICATOR, _ISOLATION, index, _UNISOLATE)
    if status:
        yield (SET_INDICATOR, _ALLOCATION, index, _DEALLOCATE)
        return indicator_failed(run, _ISOLATION, index, _UNISOLATE, status)
    return 0


def release(run: Run, index: int) -> Operation:
    """Isolate the DRC and make it unusable; -EPERM where it is not present."""
    status, state = yield (GET_SENSOR_STATE, _SENSE, index)
    if status or state != _PRESENT:
        return _sensor_failed(run, index, status, state, _PRESENT)
    status = yield (SET_INDICATOR, _ISOLATION, index, _ISOLATE)
    if status:
        return indicator_failed(run, _ISOLATION, index, _ISOLATE, status)
    status = yield (SET_INDICATOR, _ALLOCATION, index, _DEALLOCATE)
    if status:
        yield (SET_INDICATOR, _ISOLATION, index, _UNISOLATE)
        return indicator_failed(run, _ALLOCATION, index, _DEALLOCATE, status)
    return 0


def unisolate(index: int) -> Operation:
    """Hint to firmware that a removal failed; nobody looks at the result."""
    status, state = yield (GET_SENSOR_STATE, _SENSE, index)
    if status or state != _PRESENT:
        return -errno.EPERM
    yield (SET_INDICATOR, _ISOLATION, index, _UNISOLATE)
    return 0


def configure(run: Run, index: int) -> Generator[Effect, Any, bytes | None]:
    """The fragment that configure-connector delivers, or None where it fails."""
    result = yield (CONFIGURE_CONNECTOR, index)
    if result.status or result.fragment is None:
        run.fail(
            -errno.EINVAL,
            "ibm,configure-connector({:#010x}) ended with status {}",
            index,
            result.status,
        )
        return None
    fragment: bytes = result.fragment
    return fragment


def graft(
    run: Run, parent: Node, index: int, fragment: bytes, *, losing: Losing | None = None
) -> tuple[list[Node], int]:
    """Attach the delivered nodes below *parent*, or none of them.

    Args:
        losing: makes of the fragment the part of it that Linux attaches; used
            where `Quirk.LOST_CHILDREN` is on.

    Returns:
        The nodes and 0; or none, and -EEXIST (a name is taken) or -EINVAL (the
        fragment is malformed).
    """
    try:
        if losing and _LOST_CHILDREN in run.behaviour.quirks:
            fragment = losing(fragment)
        return run.partition.grafts.attach(parent, fragment), 0
    except (ExistsError, DecodeError) as error:
        rc = -errno.EEXIST if isinstance(error, ExistsError) else -errno.EINVAL
        return [], run.fail(rc, "nodes of DRC {:#010x}: {}", index, error)


def _sensor_failed(run: Run, index: int, status: int, state: int, want: int) -> int:
    if status:
        return run.fail(
            -errno.EPERM,
            "get-sensor-state({}, {:#010x}) failed with status {}",
            _SENSE,
            index,
            status,
        )
    return run.fail(
        -errno.EPERM,
        "get-sensor-state({}, {:#010x}) said {} ({}), expected {} ({})",
        _SENSE,
        index,
        _SENSE_WORDS.get(state, "an unknown state"),
        state,
        _SENSE_WORDS[want],
        want,
    )


def indicator_failed(
    run: Run, indicator: int, index: int, value: int, status: int
) -> int:
    """The errno of a set-indicator call that failed, with the reason noted."""
    return run.fail(
        rtas_errno(status),
        "set-indicator({}, {:#010x}, {}) failed with status {}",
        indicator,
        index,
        value,
        status,
    )

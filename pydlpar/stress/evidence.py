"""What excuses a deviation: which calls failed, and what the kernel then leaves.

Linux does not undo everything when a call fails (`spec/kernel.md` 4). Each row of
`EXCUSES` is one such case: which rule it breaks, where that is written, and which
calls must have failed, on this very DRC, LMB or thread, for it to count. A
deviation that no row explains is a violation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from pydlpar.constants import (
    Action,
    AllocationState,
    DrcType,
    Indicator,
    Resource,
)
from pydlpar.drc import drc_type
from pydlpar.operations.behaviour import MemoryStyle
from pydlpar.operations.calls import (
    ADD_MEMORY,
    CONFIGURE_CONNECTOR,
    FUNCTIONS,
    GET_SENSOR_STATE,
    ONLINE_CPU,
    SET_INDICATOR,
)
from pydlpar.outcome import WITH_RESULT

if TYPE_CHECKING:
    from pydlpar.outcome import Entry, Outcome

__all__ = ["EXCUSES", "Evidence", "Excuse", "Subject", "excuse_for"]

_SENSOR: Final = "get-sensor-state"
_INDICATOR: Final = "set-indicator"
_CONFIGURE: Final = "ibm,configure-connector"

# Calls whose second argument says what they are about; of others it is the first.
_STATE_CALLS: Final = frozenset({GET_SENSOR_STATE, SET_INDICATOR})
_POWER: Final = "set-power-level"
_Key = tuple[str, int]
"""A function, and the DRC index, base address or thread that it was called about."""

_ALLOCATE: Final = (SET_INDICATOR, int(Indicator.ALLOCATION_STATE))
_DT, _REMOVE, _MEMORY = Resource.DT, Action.REMOVE, Resource.MEMORY
_CARDS: Final = (Resource.PCI, _DT)
_USES: Final = (ADD_MEMORY, ONLINE_CPU)
_PUT_BACK: Final = (_CONFIGURE, "add-memory", "online-memory")


class Subject(NamedTuple):
    """What a deviation is about.

    Attributes:
        drc: DRC index; None where it has none.
        base: base address of an LMB, else None.
        threads: threads of a CPU, or the one concerned.
        reserved: an LMB is RESERVED.
        slot: it is a physical slot.
        booked: there was a property to write the LMB table to.
        bridge: DRC index of the PCI bridge that a slot is behind.
    """

    drc: int | None = None
    base: int | None = None
    threads: tuple[int, ...] = ()
    reserved: bool = False
    slot: bool = False
    booked: bool = True
    bridge: int | None = None


class Evidence:
    """What failed in the requests since the state was last known to be in order.

    Attributes:
        style: how the kernel line keeps the books of memory.
        failed: calls that failed, (function, DRC index, base or thread).
        undone: calls that worked in requests that failed, likewise.
        removing: those that failed in a request to remove.
        edited: DRC indexes of requests of the resource "dt".
        arrived: DRC indexes of cards that were added.
        tried: DRC indexes that were acquired and released, with nothing in between.
        memory: DRC indexes and bases that failed requests for memory called about.
    """

    def __init__(self, style: MemoryStyle = MemoryStyle.TABLE) -> None:
        self.style = style
        self.failed: set[_Key] = set()
        self.undone: set[_Key] = set()
        self.removing: set[_Key] = set()
        self.memory: set[int] = set()
        self.edited: set[int] = set()
        self.arrived: set[int] = set()
        self.tried: set[int] = set()

    def note(self, outcome: Outcome) -> None:
        """Take in what failed in a request."""
        request, entries = outcome.request, outcome.entries
        if request is not None and request.resource == _DT:
            self.edited.add(request.drc_index or 0)
        if request is not None and request.resource in _CARDS and not outcome.errno:
            self.arrived.add(request.drc_index or 0)
        if not entries:
            return
        if self.style is MemoryStyle.EACH:
            self.tried |= _tried(entries)
        made, failed = _sorted_out(entries)
        if outcome.errno:
            failed |= _useless_walks(entries)
        self.failed |= failed
        if request is None:
            return
        if request.action == _REMOVE:
            self.removing |= failed
        if outcome.errno:
            self.undone |= made - failed
            if request.resource == _MEMORY:
                self.memory.update(key for _, key in made)
        elif request.resource == _MEMORY:
            # The property has been written from the whole table.
            self.memory.clear()

    def forget(self) -> None:
        """All is in order again, but for a property that nobody has written yet."""
        self.failed.clear()
        self.undone.clear()
        self.removing.clear()
        self.edited.clear()
        self.arrived.clear()
        self.tried.clear()

    def has_failed(self, functions: Iterable[str], key: int | None) -> bool:
        """Whether one of these calls failed about *key*."""
        return any((function, key) in self.failed for function in functions)


def _about(effect: tuple[int, ...]) -> _Key:
    kind = effect[0]
    return FUNCTIONS[kind], effect[2 if kind in _STATE_CALLS else 1]


def _sorted_out(entries: list[Entry]) -> tuple[set[_Key], set[_Key]]:
    """What the calls were about, all of them; and those that failed.

    So has the sensor of a DRC that was read, and nothing done to the DRC after it.
    """
    made: set[_Key] = set()
    failed: set[_Key] = set()
    last: dict[int, int] = {}
    for effect, answer in entries:
        kind = effect[0]
        if kind in _STATE_CALLS:
            key = effect[2]
            last[key] = kind
        else:
            key = effect[1]
        about = FUNCTIONS[kind], key
        made.add(about)
        if answer and (answer[0] if kind in WITH_RESULT else answer):
            failed.add(about)
    for index, kind in last.items():
        if kind == GET_SENSOR_STATE:
            failed.add((_SENSOR, index))
    return made, failed


def _tried(entries: list[Entry]) -> set[int]:
    """DRCs that were acquired, and released before they were configured."""
    acquired: set[int] = set()
    tried: set[int] = set()
    for effect, answer in entries:
        if effect[0] == CONFIGURE_CONNECTOR:
            acquired.discard(effect[1])
        elif effect[:2] == _ALLOCATE and not answer:
            _, _, index, value = effect
            if value == AllocationState.USABLE:
                acquired.add(index)
            elif index in acquired:
                tried.add(index)
    return tried


def _useless_walks(entries: list[Entry]) -> set[_Key]:
    """Walks that worked, and were not followed by the use of what they gave.

    So it was damaged, which the calls alone do not tell.
    """
    kinds = [effect[0] for effect, _ in entries]
    return {
        _about(effect)
        for (effect, _), after in zip(entries, [*kinds[1:], None], strict=True)
        if effect[0] == CONFIGURE_CONNECTOR and after not in _USES
    }


class Excuse(NamedTuple):
    """A documented exception.

    Attributes:
        rule: the rule that may be broken.
        source: the section of the reference that says so.
        why: in words.
        applies: whether what failed explains it, for this subject.
    """

    rule: str
    source: str
    why: str
    applies: Callable[[Evidence, Subject], bool]


def _drc_refused(evidence: Evidence, subject: Subject) -> bool:
    return evidence.has_failed((_INDICATOR, _SENSOR), subject.drc)


def _indicator_refused(evidence: Evidence, subject: Subject) -> bool:
    return evidence.has_failed((_INDICATOR,), subject.drc)


def _not_put_back(evidence: Evidence, subject: Subject) -> bool:
    keys = (subject.drc, subject.base)
    return any((name, key) in evidence.removing for name in _PUT_BACK for key in keys)


def _kept_in_use(evidence: Evidence, subject: Subject) -> bool:
    return evidence.has_failed(("offline-memory",), subject.base)


def _thread_stopped(evidence: Evidence, subject: Subject) -> bool:
    return any(
        ("offline-cpu", thread) in evidence.undone
        or ("online-cpu", thread) in evidence.failed
        for thread in subject.threads
    )


def _thread_refused(evidence: Evidence, subject: Subject) -> bool:
    names = ("offline-cpu", "online-cpu")
    return any(evidence.has_failed(names, thread) for thread in subject.threads)


def _cpu_refused(evidence: Evidence, subject: Subject) -> bool:
    names = (_SENSOR, _INDICATOR, _CONFIGURE)
    return evidence.has_failed(names, subject.drc) or _thread_refused(evidence, subject)


def _lmb_refused(evidence: Evidence, subject: Subject) -> bool:
    names = (_SENSOR, _INDICATOR, *_PUT_BACK)
    return evidence.has_failed(names, subject.drc) or evidence.has_failed(
        names, subject.base
    )


def _books_taken_back(evidence: Evidence, subject: Subject) -> bool:
    clone = evidence.style is MemoryStyle.CLONE
    return clone and (
        _lmb_refused(evidence, subject) or _kept_in_use(evidence, subject)
    )


def _never_configured(evidence: Evidence, subject: Subject) -> bool:
    del subject
    return evidence.style is MemoryStyle.CLONE


def _is_reserved(evidence: Evidence, subject: Subject) -> bool:
    del evidence
    return subject.reserved


def _edited(evidence: Evidence, subject: Subject) -> bool:
    return not evidence.edited.isdisjoint((subject.drc, subject.bridge))


def _came_along(evidence: Evidence, subject: Subject) -> bool:
    return subject.bridge in evidence.arrived


def _tried_in_use(evidence: Evidence, subject: Subject) -> bool:
    return subject.drc in evidence.tried


def _slot_overlooked(evidence: Evidence, subject: Subject) -> bool:
    return subject.slot and evidence.has_failed((_SENSOR,), subject.drc)


def _device_refused(evidence: Evidence, subject: Subject) -> bool:
    names = (_SENSOR, _INDICATOR, _CONFIGURE, "online-device")
    powered = any(name == _POWER for name, _ in evidence.failed)
    return powered or evidence.has_failed(names, subject.drc)


def _bridge_refused(evidence: Evidence, subject: Subject) -> bool:
    return subject.slot and any(
        name in (_SENSOR, _INDICATOR) and drc_type(key) == DrcType.PHB
        for name, key in evidence.failed
    )


def _not_booked(evidence: Evidence, subject: Subject) -> bool:
    del evidence
    return not subject.booked


def _not_written(evidence: Evidence, subject: Subject) -> bool:
    return subject.drc in evidence.memory or subject.base in evidence.memory


HELD: Final = "drc-held"
LOST: Final = "drc-lost"
UNCONFIGURED: Final = "drc-unconfigured"
THREADS: Final = "threads-allowed"
PROPERTY: Final = "lmb-property"
DEVICE_CHANGED: Final = "failure-device"
CPU_CHANGED: Final = "failure-cpu"
LMB_ADDED: Final = "failure-lmb-added"
LMB_REMOVED: Final = "failure-lmb-removed"

EXCUSES: Final = (
    Excuse(
        HELD,
        "kernel.md 4.1 release, 8.1 B23",
        "a refused release leaves the DRC with the partition; nobody asks again",
        _drc_refused,
    ),
    Excuse(
        HELD,
        "kernel.md 4.4.3, 4.4.4",
        "an LMB that could not be put back keeps its DRC, which was never released",
        _not_put_back,
    ),
    Excuse(
        HELD,
        "kernel.md 4.4.6",
        "4.1: memory that could not be taken back stays, and the books forget it",
        _books_taken_back,
    ),
    Excuse(
        HELD,
        "kernel.md 4.6",
        "dt edits the tree only: user space acquires and releases the DRC, and those "
        "behind a bridge",
        _edited,
    ),
    Excuse(
        LOST,
        "kernel.md 4.4.6",
        "4.10 to 4.15 try LMBs in use too, and release one whose sensor said otherwise",
        _tried_in_use,
    ),
    Excuse(
        LOST,
        "operations/io.py",
        "drmgr acquires what a PHB has in its slots, not what a bridge brings along",
        _came_along,
    ),
    Excuse(
        LOST,
        "kernel.md 4.1 release step 3",
        "the DRC was unisolated again, and is not configured again; or that failed too",
        _indicator_refused,
    ),
    Excuse(
        LOST,
        "operations/io.py",
        "a slot whose sensor says that it is empty is left alone, whatever came with "
        "its PHB",
        _slot_overlooked,
    ),
    Excuse(
        DEVICE_CHANGED,
        "operations/io.py",
        "a device has gone although its slot was not powered off; or its roll-back "
        "was refused",
        _device_refused,
    ),
    Excuse(
        DEVICE_CHANGED,
        "operations/io.py",
        "what a PHB had in its slots is gone before firmware refuses to take the PHB",
        _bridge_refused,
    ),
    Excuse(
        LOST,
        "kernel.md 4.4.6",
        "4.1: memory that could not be put back is gone, and the books keep it",
        _books_taken_back,
    ),
    Excuse(
        UNCONFIGURED,
        "kernel.md 4.4.6",
        "4.1 takes an LMB without configure-connector",
        _never_configured,
    ),
    Excuse(
        THREADS,
        "kernel.md 4.3 remove step 2, 8.1 B9",
        "threads that a failed removal took offline stay offline",
        _thread_stopped,
    ),
    Excuse(
        PROPERTY,
        "kernel.md 4.4.5",
        "a failed request leaves the property as it was, not the table",
        _not_written,
    ),
    Excuse(
        CPU_CHANGED,
        "kernel.md 4.3 historic, add step 8",
        "a CPU whose roll-back was refused stays as it is",
        _cpu_refused,
    ),
    Excuse(
        LMB_ADDED,
        "kernel.md 4.4.3",
        "an LMB that does not go offline again stays added",
        _kept_in_use,
    ),
    Excuse(
        LMB_ADDED,
        "kernel.md 4.4.3, 8.1 B11a",
        "a RESERVED LMB that was added cannot be removed again",
        _is_reserved,
    ),
    *(
        Excuse(
            rule,
            "kernel.md 4.4.5, 8.1 B16",
            "without a property for the table a change is an error, and stays",
            _not_booked,
        )
        for rule in (LMB_ADDED, LMB_REMOVED)
    ),
    Excuse(
        LMB_REMOVED,
        "kernel.md 4.4.3, 4.4.4",
        "an LMB that could not be put back stays removed",
        _lmb_refused,
    ),
)
"""Every deviation that Linux is known to leave behind, and nothing else."""


def excuse_for(rule: str, evidence: Evidence, subject: Subject) -> Excuse | None:
    """The documented exception that explains a broken rule, if there is one."""
    for excuse in EXCUSES:
        if excuse.rule == rule and excuse.applies(evidence, subject):
            return excuse
    return None

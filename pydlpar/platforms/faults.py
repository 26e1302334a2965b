"""Any platform, with faults: `Faulty` fails calls as a plan says.

    platform = Faulty(firmware, AtRandom(seed=7, probability=0.01))
    dispatcher = Dispatcher(partition, platform)
    ...
    platform.injected            # what was done to which call

Which calls there are is read from `operations.calls.METHODS`, so that a new one is
covered as soon as it exists. A call that a fault refuses is not made: the platform
does not know of it. The same plan on the same calls injects the same faults.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from math import log
from random import Random
from typing import Any, Final, Protocol

from pydlpar.connector import ConnectorResult
from pydlpar.errors import ArgumentError
from pydlpar.operations.calls import METHODS, LmbRepeater
from pydlpar.platforms.damage import (
    EventDamage,
    FragmentDamage,
    WorkArea,
    collect_damaged,
    damaged_event,
    damaged_fragment,
)
from pydlpar.platforms.fault_kinds import (
    ANSWERS,
    Answer,
    Fault,
    FaultKind,
    Injected,
    faults_of,
)

__all__ = [
    "NEVER",
    "AtCalls",
    "AtRandom",
    "Fault",
    "FaultKind",
    "FaultPlan",
    "Faulty",
    "Injected",
    "Once",
    "faults_of",
]

_KEPT: Final = 10_000
_STEP_CALLS: Final = 32  # more than what is done to one LMB takes
_NO_EVENT: Final = (1, b"")
_OTHER_METHODS: Final = (
    "check_exception",
    "event_scan",
    "update_nodes",
    "update_properties",
)
"""What a dispatcher asks beside what operations do; not every platform has them."""


class FaultPlan(Protocol):
    """When there is to be a fault, and which."""

    def due(self, call: int) -> int | None:
        """The number of the next call, from *call* on, to be failed; None for none."""

    def pick(self, call: int, method: str) -> Fault | None:
        """What happens to that call; None for nothing after all."""


class _Never:
    """No fault at all."""

    def due(self, call: int) -> int | None:
        del call
        return None

    def pick(self, call: int, method: str) -> Fault | None:
        del call, method
        return None


NEVER: Final[FaultPlan] = _Never()
"""The plan without faults."""


class AtCalls:
    """Given faults at given calls, which are counted from 0.

    Args:
        faults: the fault by number of the call.
    """

    def __init__(self, faults: Mapping[int, Fault]) -> None:
        self.faults = dict(faults)
        self._calls = sorted(self.faults)

    def due(self, call: int) -> int | None:
        """See `FaultPlan`."""
        return next((due for due in self._calls if due >= call), None)

    def pick(self, call: int, method: str) -> Fault | None:
        """See `FaultPlan`."""
        del method
        return self.faults.get(call)


class AtRandom:
    """Any fault that fits, at random; the same from the same seed.

    Args:
        seed: of the random numbers.
        probability: of a fault, by call; 0 to 1.
        weights: how likely each kind is, beside the others that fit the call;
            what is not named has none. None for all faults alike.

    Raises:
        ArgumentError: *probability* is not one.
    """

    _PLACES: Final = 32  # bits of a random place

    def __init__(
        self,
        seed: int,
        probability: float,
        weights: Mapping[FaultKind, float] | None = None,
    ) -> None:
        if not 0 <= probability <= 1:
            raise ArgumentError(f"probability {probability}: expected 0 to 1")
        self.seed = seed
        self.probability = probability
        self.weights = weights
        self._random = Random(seed)
        self._choices: dict[str, tuple[tuple[Fault, ...], list[float]]] = {}

    def due(self, call: int) -> int | None:
        """See `FaultPlan`; the gaps are drawn, not each call."""
        if self.probability == 0:
            return None
        if self.probability == 1:
            return call
        left = 1 - self._random.random()
        return call + int(log(left) / log(1 - self.probability))

    def pick(self, call: int, method: str) -> Fault | None:
        """See `FaultPlan`."""
        del call
        faults, weights = self._choices_of(method)
        if not faults:
            return None
        fault = self._random.choices(faults, cum_weights=weights)[0]
        return fault._replace(at=self._random.getrandbits(self._PLACES))

    def _choices_of(self, method: str) -> tuple[tuple[Fault, ...], list[float]]:
        found = self._choices.get(method)
        if found is None:
            weights = self.weights
            chosen = tuple(
                fault
                for fault in faults_of(method)
                if weights is None or weights.get(fault.kind, 0) > 0
            )
            each = (1.0 if weights is None else weights[f.kind] for f in chosen)
            found = self._choices[method] = chosen, list(accumulate(each))
        return found


class Once:
    """One fault for each `Faulty.follow`, at one of the calls that come then.

    Every call is as likely as any other to fail, if none before it has.

    Args:
        seed: of the random numbers.
        reach: which call it is on average, 1 being the next; 1 or more.

    Raises:
        ArgumentError: *reach* is below 1.
    """

    def __init__(self, seed: int, reach: float) -> None:
        if reach < 1:
            raise ArgumentError(f"reach {reach}: expected 1 or more")
        self._drawn = AtRandom(seed, 1 / reach)

    def due(self, call: int) -> int | None:
        """See `FaultPlan`."""
        return None if call else self._drawn.due(call)

    def pick(self, call: int, method: str) -> Fault | None:
        """See `FaultPlan`."""
        return self._drawn.pick(call, method)


class Tally:
    """What a call of `Faulty` looks at first.

    Apart from it, whose attributes are slow to read: it passes unknown ones on.

    Attributes:
        calls: number of calls so far.
        due: number of the next call to be failed; -1 where there is none.
        injected: number of faults so far, under any plan.
    """

    __slots__ = ("calls", "due", "injected")

    def __init__(self) -> None:
        self.calls = self.injected = 0
        self.due = -1


class Faulty:
    """A platform whose calls fail as a plan says; a `Platform` itself.

    What is not a call of a `Platform` is the platform's own: `plug_cpu`, `events`.

    Args:
        platform: who answers the calls that do not fail.
        plan: which ones do.
        keep: how many of the latest faults are kept.

    Attributes:
        platform: as given.
        tally: calls and faults in numbers, for who looks at each call.
        injected: the latest faults injected, oldest first.
        counts: how many there were of each, by method and fault without place.
    """

    def __init__(
        self, platform: Any, plan: FaultPlan = NEVER, *, keep: int = _KEPT
    ) -> None:
        self.platform = platform
        self.tally = Tally()
        self.injected: deque[Injected] = deque(maxlen=keep)
        self.counts: Counter[tuple[str, FaultKind, int]] = Counter()
        self._event = b""
        self.follow(plan)
        for name in (*METHODS, *_OTHER_METHODS):
            method = getattr(platform, name, None)
            if method is not None:
                setattr(self, name, self._wrapped(name, method))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["platform"], name)

    @property
    def calls(self) -> int:
        """Number of calls so far, under this plan."""
        return self.tally.calls

    @property
    def due(self) -> int:
        """Number of the next call to be failed; -1 where there is none."""
        return self.tally.due

    @property
    def n_injected(self) -> int:
        """How many faults there were."""
        return self.tally.injected

    def follow(self, plan: FaultPlan) -> None:
        """Take another plan from the next call on, which is number 0 of it."""
        self._plan = plan
        self.tally.calls = 0
        self.tally.due = self._next(0)

    @property
    def at_rest(self) -> Any:
        """The platform without faults, for as long as none is due.

        Its calls are not counted, and events not forgotten, which may be repeated.
        """
        return _AtRest(self)

    def to_list(self) -> list[dict[str, Any]]:
        """The faults that are kept, as JSON has them."""
        return [injected.to_dict() for injected in self.injected]

    def lmb_repeater(self) -> LmbRepeater | None:
        """The platform's, for as long as no fault is due."""
        offer = getattr(type(self.platform), "lmb_repeater", None)
        inner: LmbRepeater | None = offer and offer(self.platform)
        return None if inner is None else _UntilFault(self, inner)

    def remembering(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """A method of the platform that fetches events, with the last one kept."""

        def fetch(*arguments: int) -> Any:
            answer = method(*arguments)
            if answer[0] == 0:
                self._event = answer[1]
            return answer

        return fetch

    def _next(self, call: int) -> int:
        due = self._plan.due(call)
        return -1 if due is None else due

    def _wrapped(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        tally = self.tally
        make = method
        if ANSWERS.get(name) is Answer.EVENT:
            make = self.remembering(method)

        def call(*arguments: Any) -> Any:
            number = tally.calls
            tally.calls = number + 1
            if number == tally.due:
                return self._fail(number, name, method, arguments)
            return make(*arguments)

        return call

    def _fail(
        self,
        number: int,
        name: str,
        method: Callable[..., Any],
        arguments: tuple[Any, ...],
    ) -> Any:
        fault = self._plan.pick(number, name)
        self.tally.due = self._next(number + 1)
        if fault is None:
            return method(*arguments)
        # A work area, which the platform would fill, is no argument to be shown.
        shown = tuple(value for value in arguments if isinstance(value, int))
        self.injected.append(Injected(number, name, shown, fault))
        self.tally.injected += 1
        self.counts[name, fault.kind, fault.value] += 1
        answer = ANSWERS.get(name, Answer.ERRNO)
        if answer is Answer.CONNECTOR:
            return _connector(fault, method, arguments[0])
        if answer is Answer.EVENT:
            return self._deliver(fault, method, arguments)
        if answer is Answer.PAIR:
            sensed = fault.kind is FaultKind.STATE
            return (0, fault.value) if sensed else (fault.value, 0)
        return fault.value

    def _deliver(
        self, fault: Fault, method: Callable[..., Any], arguments: tuple[int, ...]
    ) -> tuple[int, bytes]:
        """Fetch an event, or not, and do to it what the fault says."""
        if fault.kind is FaultKind.STATUS:
            return fault.value, b""
        shape = EventDamage(fault.value)
        if shape is EventDamage.LATE:
            return _NO_EVENT
        if shape is EventDamage.REPEATED:
            return (0, self._event) if self._event else _NO_EVENT
        status, event = method(*arguments)
        if status or shape is EventDamage.DROPPED:
            return (status, event) if status else _NO_EVENT
        self._event = event
        return 0, damaged_event(shape, event, fault.at)


class _AtRest:
    """What `Faulty.at_rest` is: calls go past the wrapper."""

    def __init__(self, faulty: Faulty) -> None:
        self._platform = faulty.platform
        for name in (*METHODS, *_OTHER_METHODS):
            method = getattr(self._platform, name, None)
            if method is not None:
                fetches = ANSWERS.get(name) is Answer.EVENT
                own = faulty.remembering(method) if fetches else method
                setattr(self, name, own)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_platform"], name)

    def lmb_repeater(self) -> LmbRepeater | None:
        """The platform's own."""
        offer = getattr(type(self._platform), "lmb_repeater", None)
        inner: LmbRepeater | None = offer and offer(self._platform)
        return inner


class _UntilFault:
    """Repeats calls up to the next fault, which a call has to meet on its own."""

    def __init__(self, faulty: Faulty, inner: LmbRepeater) -> None:
        self._tally = faulty.tally
        self._inner = inner

    def watch_lmb(self, index: int) -> tuple[int, Any]:
        """What the platform needs, and whether a fault comes in between."""
        return self._tally.injected, self._inner.watch_lmb(index)

    def repeat_lmbs(
        self, watched: tuple[int, Any], indexes: Sequence[int], calls: int
    ) -> int:
        """See `LmbRepeater`."""
        tally = self._tally
        injected, state = watched
        if injected != tally.injected:
            return 0
        if tally.due >= 0:
            indexes = indexes[: (tally.due - tally.calls) // calls]
        count = self._inner.repeat_lmbs(state, indexes, calls)
        tally.calls += count * calls
        return count

    def lmb_state(self, index: int) -> Any:
        """See `LmbRepeater`: none where a fault may come in between."""
        tally = self._tally
        if 0 <= tally.due - tally.calls < _STEP_CALLS:
            return None
        return self._inner.lmb_state(index)

    def drc_state(self, index: int) -> Any:
        """See `LmbRepeater`."""
        tally = self._tally
        if 0 <= tally.due - tally.calls < _STEP_CALLS:
            return None
        return self._inner.drc_state(index)

    def watch_drc(self, index: int) -> tuple[int, Any]:
        """See `LmbRepeater`."""
        return self._tally.injected, self._inner.watch_drc(index)

    def lmb_came(self, watched: tuple[int, Any]) -> Any:
        """See `LmbRepeater`."""
        injected, state = watched
        return self._inner.lmb_came(state) if injected == self._tally.injected else None

    def move_lmb(self, index: int, came: Any, calls: int) -> None:
        """See `LmbRepeater`."""
        self._tally.calls += calls
        self._inner.move_lmb(index, came, calls)


def _connector(fault: Fault, method: Callable[..., Any], index: int) -> ConnectorResult:
    """The answer of a configure-connector that fails."""
    if fault.kind is FaultKind.WORK_AREA:
        return collect_damaged(WorkArea(fault.value), index, fault.at)
    if fault.kind is FaultKind.FRAGMENT:
        result: ConnectorResult = method(index)
        if result.fragment is None:
            return result
        shape = FragmentDamage(fault.value)
        return result._replace(
            fragment=damaged_fragment(shape, result.fragment, fault.at)
        )
    return ConnectorResult(fault.value, (fault.value,), None, 0)

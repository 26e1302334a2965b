"""A request with every one of its calls failed in turn, in every way.

    for trial in exhaust(lambda: make_machine(small_tree()), request):
        assert not trial.violations, trial

The machine is made anew for each trial, so that a trial is one fault (or, with
*pairs*, two: a fault, and another one in the roll-back) and nothing before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydlpar.platforms.faults import Fault, Injected, faults_of
from pydlpar.request import HotplugRequest
from pydlpar.stress.evidence import Evidence
from pydlpar.stress.invariants import Violation, check
from pydlpar.stress.machine import Machine
from pydlpar.stress.state import snapshot

__all__ = ["Summary", "Trial", "exhaust", "summarise"]

Setup = Callable[[], Machine]
Choice = Callable[[str], Iterable[Fault]]
_INTERRUPT = "interrupt"


class Trial(NamedTuple):
    """One request with some of its calls failed.

    Attributes:
        request: the request in words, or "interrupt".
        faults: what was injected.
        errno: of the outcome, the last one of an interrupt; 0 for success.
        calls: how many calls were made.
        violations: the rules that did not hold afterwards.
    """

    request: str
    faults: tuple[Injected, ...]
    errno: int
    calls: int
    violations: tuple[Violation, ...]

    def __str__(self) -> str:
        failed = "; ".join(map(str, self.faults)) or "no fault"
        broken = "; ".join(map(str, self.violations)) or "all rules hold"
        return f"{self.request}: {failed}: errno {self.errno}: {broken}"

    def to_dict(self) -> dict[str, Any]:
        """Itself as JSON has it."""
        return {
            "request": self.request,
            "faults": [fault.to_dict() for fault in self.faults],
            "errno": self.errno,
            "calls": self.calls,
            "violations": [broken.to_dict() for broken in self.violations],
        }


@dataclass
class Summary:
    """Trials counted.

    Attributes:
        trials: how many.
        faults: how many faults they had.
        methods: faults by method.
        errnos: trials by errno.
        failed: the trials in which a rule did not hold.
    """

    trials: int = 0
    faults: int = 0
    methods: dict[str, int] = field(default_factory=dict)
    errnos: dict[int, int] = field(default_factory=dict)
    failed: list[Trial] = field(default_factory=list)

    def add(self, trial: Trial) -> None:
        """Count one."""
        self.trials += 1
        self.faults += len(trial.faults)
        for fault in trial.faults:
            self.methods[fault.method] = self.methods.get(fault.method, 0) + 1
        self.errnos[trial.errno] = self.errnos.get(trial.errno, 0) + 1
        if trial.violations:
            self.failed.append(trial)


def summarise(trials: Iterable[Trial]) -> Summary:
    """Count trials."""
    summary = Summary()
    for trial in trials:
        summary.add(trial)
    return summary


def exhaust(
    setup: Setup,
    request: HotplugRequest | None,
    *,
    pairs: bool = False,
    places: Iterable[int] = (0,),
    choose: Choice = faults_of,
) -> Iterator[Trial]:
    """Carry out a request without a fault, then once for each fault of each call.

    Args:
        setup: makes the machine; the same each time.
        request: what is carried out; None for the hotplug interrupt, where *setup*
            raised events.
        pairs: then also with each two faults, the second one in a call that came
            after the first. As many trials as faults squared.
        choose: the faults of a method; all that it can have, if not given.
        places: where damaged data is damaged: each gives a trial of its own.

    Yields:
        The trial without a fault first. Without a fault there must be no violation
        either, whatever *setup* did.
    """
    places = tuple(places)
    trial, methods = _try(setup, request, {})
    yield trial
    for call, fault in _faults(methods, 0, places, choose):
        trial, later = _try(setup, request, {call: fault})
        yield trial
        if pairs:
            for other, second in _faults(later, call + 1, places, choose):
                yield _try(setup, request, {call: fault, other: second})[0]


def _faults(
    methods: list[str], start: int, places: tuple[int, ...], choose: Choice
) -> Iterator[tuple[int, Fault]]:
    """Each fault of each call from *start* on."""
    for call in range(start, len(methods)):
        for fault in choose(methods[call]):
            for at in places if fault.has_place else (0,):
                yield call, fault._replace(at=at)


def _try(
    setup: Setup,
    request: HotplugRequest | None,
    faults: dict[int, Fault],
) -> tuple[Trial, list[str]]:
    """Carry out a request with these faults; the methods that were called, too."""
    machine = setup()
    recorder = _Recorder(faults)
    machine.platform.follow(recorder)
    before = snapshot(machine.partition)
    dispatcher = machine.dispatcher
    outcomes = (
        dispatcher.interrupt() if request is None else [dispatcher.handle(request)]
    )
    evidence = Evidence(machine.style)
    for outcome in outcomes:
        evidence.note(outcome)
    violations = check(
        machine.partition,
        machine.firmware,
        before if len(outcomes) == 1 else None,
        outcomes[0] if len(outcomes) == 1 else None,
        evidence=evidence,
    )
    trial = Trial(
        _INTERRUPT if request is None else str(request),
        tuple(machine.platform.injected),
        outcomes[-1].errno if outcomes else 0,
        machine.platform.calls,
        tuple(violations),
    )
    return trial, recorder.methods


class _Recorder:
    """A plan of given faults that sees every call go by."""

    def __init__(self, faults: dict[int, Fault]) -> None:
        self.methods: list[str] = []
        self._faults = faults

    def due(self, call: int) -> int | None:
        """Every call is, so that its method is known."""
        return call

    def pick(self, call: int, method: str) -> Fault | None:
        """The fault of that call, if it has one."""
        self.methods.append(method)
        return self._faults.get(call)

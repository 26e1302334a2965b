"""Requests by the million, with faults, and the rules checked all along.

    report = run(Plan(seed=1), 1_000_000, faults=0.01)
    assert report.violation is None, report.violation

A run is repeated by the same plan, count and rate of faults: to see what led to a
violation, run to the step before it.

Faults are a share of the requests: for each it is drawn whether one sets off with it,
and at which of the calls to come it arrives. A request that makes fewer calls leaves it
to the next one. Or they are a share of the calls, which gives several times as many,
and more of them to requests that make many calls.
"""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from os import sysconf
from pathlib import Path
from time import perf_counter
from typing import Any, Final, Literal

from pydlpar.constants import Resource
from pydlpar.dispatch import Outcome
from pydlpar.errors import ArgumentError
from pydlpar.operations.behaviour import MemoryStyle
from pydlpar.platforms.faults import NEVER, AtRandom, FaultPlan, Injected, Once
from pydlpar.request import HotplugRequest
from pydlpar.stress.evidence import Evidence
from pydlpar.stress.invariants import Violation, check
from pydlpar.stress.machine import Machine, make_machine
from pydlpar.stress.plan import Item, Requests, requests
from pydlpar.stress.repair import repair
from pydlpar.stress.state import Snapshot, snapshot
from pydlpar.stress.steps import Step
from pydlpar.tree import DeviceTree

__all__ = ["Broken", "Plan", "Report", "Run", "run"]

_STATM: Final = Path("/proc/self/statm")
_RESIDENT: Final = 1  # which number of it
_FULL_EVERY: Final = 50  # checks
_NEAR: Final = 4  # calls before a fault: the next request will meet it
_LATEST: Final = 5
_REACH: Final = 6  # calls until a fault arrives, on average: about a request's
_OTHER_SEED: Final = 1 << 64  # which requests have faults is not to follow the mix

_PLAIN: Final = (Resource.CPU, Resource.MEMORY)
"""Of which only what fails is evidence."""

Unit = Literal["request", "call"]
"""What the rate of faults is a share of."""


@dataclass(frozen=True)
class Plan:
    """What a run does, all from a seed.

    Attributes:
        seed: of requests and faults.
        weights: mix of the requests, as in `plan.requests`.
        dialect: the kernel line.
        profile: of the firmware.
        tree: makes the machine's tree; None for the embedded one.
    """

    seed: int = 0
    weights: Mapping[str, float] | None = None
    dialect: str = "6.12"
    profile: str = "lopar"
    tree: Callable[[], DeviceTree] | None = None

    def machine(self, faults: FaultPlan) -> Machine:
        """The machine, with devices everywhere."""
        return make_machine(
            None if self.tree is None else self.tree(),
            dialect=self.dialect,
            profile=self.profile,
            faults=faults,
            devices=True,
        )

    def requests(self, machine: Machine) -> Requests:
        """The requests, one after the other."""
        return requests(self.seed, machine, self.weights)


@dataclass(frozen=True)
class Broken:
    """Where a run ended because a rule did not hold.

    Attributes:
        seed, step: what leads there: that many requests of that seed.
        request: the last one.
        violations: the rules that it found broken.
        faults: the latest faults before.
    """

    seed: int
    step: int
    request: str
    violations: tuple[Violation, ...]
    faults: tuple[Injected, ...]

    def __str__(self) -> str:
        broken = "; ".join(map(str, self.violations))
        faults = "; ".join(map(str, self.faults))
        return (
            f"seed {self.seed}, step {self.step}, {self.request}: {broken} "
            f"(latest faults: {faults or 'none'})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Itself as JSON has it."""
        return {
            "seed": self.seed,
            "step": self.step,
            "request": self.request,
            "violations": [violation.to_dict() for violation in self.violations],
            "faults": [fault.to_dict() for fault in self.faults],
        }


@dataclass
class Report:
    """What a run did.

    Attributes:
        seed, dialect, profile: of the plan.
        requests: how many were carried out.
        outcomes: how many by result: "ok" or the name of the errno.
        kinds: how many of each kind (see `plan.WEIGHTS`), and how many of those failed.
        faults: how many calls failed, of `calls`.
        checks: how often the rules were checked.
        mended: connectors and threads set right that requests had left behind.
        seconds: time it took, checks included.
        grown: bytes of resident memory more at the end than after a tenth of it;
            None where the system does not tell.
        violation: the first broken rules; None when all held.
    """

    seed: int
    dialect: str
    profile: str
    requests: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, tuple[int, int]] = field(default_factory=dict)
    calls: int = 0
    faults: int = 0
    checks: int = 0
    mended: int = 0
    seconds: float = 0.0
    grown: int | None = None
    violation: Broken | None = None

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds if self.seconds else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Itself as JSON has it."""
        record = vars(self) | {"rate": self.rate}
        broken = self.violation
        return record | {"violation": None if broken is None else broken.to_dict()}


def run(
    plan: Plan,
    count: int,
    *,
    faults: float = 0.01,
    per: Unit = "request",
    check_every: int = 1000,
) -> Report:
    """Carry out *count* requests; stop at the first violation.

    See `Run`, which can be watched.
    """
    under_way = Run(plan, count, faults=faults, per=per, check_every=check_every)
    for _ in under_way:
        pass
    return under_way.report


class Run:
    """A run; it goes on while it is iterated over.

    Every *check_every* requests, the next one that a fault meets is looked at from
    before to after, and what was left behind until then is mended (`repair`); then
    no exception is made any more.

    Args:
        plan: which requests, on which machine.
        count: how many.
        faults: share of the requests that a call fails in, 0 to 1.
        per: "call" for a share of all calls instead.
        check_every: requests from check to check.

    Attributes:
        report: what it did so far; complete when the iteration ends, however it does.

    Raises:
        ArgumentError: *check_every* is below 1, *faults* is not a probability, *per*
            is neither of its words, or the plan has a weight that cannot be.
    """

    def __init__(
        self,
        plan: Plan,
        count: int,
        *,
        faults: float = 0.01,
        per: Unit = "request",
        check_every: int = 1000,
    ) -> None:
        if check_every < 1:
            raise ArgumentError(f"check_every {check_every}: expected 1 or more")
        if per not in ("request", "call"):
            raise ArgumentError(f"faults per {per!r}: expected 'request' or 'call'")
        self._plan = plan
        self._count = count
        self._check_every = check_every
        self._set_off(AtRandom(plan.seed, faults), per)
        self._requests = plan.requests(self._machine)
        self._stream = iter(self._requests)
        self._evidence = Evidence(self._machine.style)
        self._made: Counter[str] = Counter()
        self._failures: Counter[tuple[str, int]] = Counter()
        self._latest: tuple[Item | None, Outcome | None] = None, None
        style = self._machine.style
        # 4.1 never configures an LMB, which therefore cannot be isolated.
        self._refuses = style is MemoryStyle.CLONE
        self._done = 0
        self.report = Report(plan.seed, plan.dialect, plan.profile)

    def _set_off(self, faults: AtRandom, per: Unit) -> None:
        """Make the machine, and draw the first request that a fault is to meet."""
        self._machine = self._plan.machine(faults if per == "call" else NEVER)
        self._calm = self._machine.platform.at_rest
        self._draws: AtRandom | None = None
        self._drawn: int | None = None
        if per == "request":
            self._machine.dispatcher.platform = self._calm
            self._draws = AtRandom(self._plan.seed + _OTHER_SEED, faults.probability)
            self._drawn = self._draws.due(0)
        often = faults.probability * _REACH > 1
        self._once = Once(self._plan.seed, 1 / faults.probability if often else _REACH)

    def __iter__(self) -> Iterator[Report]:
        """Carry out all; yields `report` after each check."""
        report, count = self.report, self._count
        start = perf_counter()
        first = None
        try:
            while self._done < count and report.violation is None:
                left = self._check_every - self._done % self._check_every
                self._go_on(min(left, count - self._done))
                if self._done < count:
                    self._sample(count)
                if first is None and self._done >= count // 10:
                    first = _resident()
                self._sum_up(start)
                yield report
            if report.violation is None:
                self._settle(full=True)
        finally:
            self._sum_up(start)
        last = _resident()
        report.grown = None if first is None or last is None else last - first

    def _sum_up(self, start: float) -> None:
        report, machine = self.report, self._machine
        report.seconds = perf_counter() - start
        report.requests = self._done
        report.calls = machine.dispatcher.calls
        report.faults = machine.platform.n_injected
        errnos: Counter[int] = Counter()
        refused: Counter[str] = Counter()
        for (kind, number), n in self._failures.items():
            errnos[number] += n
            refused[kind] += n
        errnos[0] = self._done - refused.total()
        report.kinds = {
            kind: (n, refused[kind]) for kind, n in sorted(self._made.items())
        }
        report.outcomes = {
            errno.errorcode.get(number, "ok"): n
            for number, n in sorted(errnos.items())
            if n
        }

    def _go_on(self, count: int) -> None:
        """Carry out *count* requests, with a fault on its way to those drawn."""
        end = self._done + count
        while self._done < end:
            calm = end if self._drawn is None else min(self._drawn, end)
            if self._done < calm:
                self._carry_out(calm - self._done)
            else:
                self._arm()
                self._carry_out(1)
                self._rest()

    def _arm(self) -> None:
        """Have a fault arrive at one of the next calls, unless one does already."""
        platform = self._machine.platform
        if platform.due < 0:
            platform.follow(self._once)
            self._machine.dispatcher.platform = platform

    def _rest(self) -> None:
        """Where it has arrived, draw the next request for one."""
        if self._draws and self._drawn is not None and self._machine.platform.due < 0:
            self._machine.dispatcher.platform = self._calm
            self._drawn = self._draws.due(self._drawn + 1)

    def _carry_out(self, count: int) -> None:
        """The hot loop."""
        handle = self._machine.dispatcher.handle
        tally, failures = self._machine.platform.tally, self._failures
        made: list[str] = []
        done = made.append
        source = self._requests
        note, always = self._evidence.note, self._refuses
        seen = tally.injected
        outcome: Outcome | None
        try:
            for item in islice(self._stream, count):
                if isinstance(item, HotplugRequest):
                    outcome = handle(item)
                    failed = outcome.errno
                    if failed or always or tally.injected != seen:
                        seen = tally.injected
                        note(outcome)
                else:
                    outcome, failed = self._step(item, seen)
                    seen = tally.injected
                done(source.kind)
                if failed:
                    failures[source.kind, failed] += 1
        finally:
            # Of a run that is interrupted, too.
            self._made.update(made)
            self._done += len(made)
        self._latest = item, outcome

    def _step(self, step: Step, seen: int) -> tuple[Outcome | None, int]:
        """The only outcome, where there is one only; the first errno that is not 0."""
        outcomes = step.perform()
        always = self._refuses or self._machine.platform.tally.injected != seen
        failed = 0
        for outcome in outcomes:
            request = outcome.request
            failed = failed or outcome.errno
            # Of devices it counts that they came, too.
            device = request is not None and request.resource not in _PLAIN
            if outcome.errno or always or device:
                self._evidence.note(outcome)
        return outcomes[0] if len(outcomes) == 1 else None, failed

    def _sample(self, count: int) -> None:
        """Look at the next request that a fault is to meet, from before to after."""
        platform = self._machine.platform
        if self._drawn is not None:
            self._go_on(max(min(self._drawn, count) - self._done, 0))
            self._arm()
        while self._done < count and platform.due - platform.calls > _NEAR:
            self._go_on(1)
        if self._done < count:
            full = self.report.checks % _FULL_EVERY == 0
            before = snapshot(self._machine.partition, full=full)
            self._go_on(1)
            self._check(before, full)
            self._settle(full)

    def _check(self, before: Snapshot | None, full: bool) -> None:
        """Check the rules, those of the last request too where *before* is given."""
        machine, report = self._machine, self.report
        if report.violation is not None:
            return
        report.checks += 1
        request, outcome = self._latest
        violations = check(
            machine.partition,
            machine.firmware,
            None if outcome is None else before,
            None if before is None else outcome,
            evidence=self._evidence,
            full=full,
        )
        if violations:
            report.violation = Broken(
                self._plan.seed,
                self._done,
                "" if request is None else str(request),
                tuple(violations),
                tuple(machine.platform.injected)[-_LATEST:],
            )

    def _settle(self, full: bool) -> None:
        """Mend what was left behind; from then on nothing is excused."""
        machine = self._machine
        self.report.mended += repair(machine.partition, machine.firmware)
        self._evidence.forget()
        self._check(None, full)


def _resident() -> int | None:
    """Bytes of this process in memory."""
    if not _STATM.exists():
        return None
    pages = int(_STATM.read_text().split()[_RESIDENT])
    return pages * sysconf("SC_PAGESIZE")

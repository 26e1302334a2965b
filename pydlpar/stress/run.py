"""Requests by the million, with faults, and the rules checked all along.

    report = run(Plan(seed=1), 1_000_000, faults=0.01)
    assert report.violation is None, report.violation

A run is repeated by the same plan, count and rate of faults: to see what led to a
violation, run to the step before it.
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
from typing import Any, Final

from pydlpar.errors import ArgumentError
from pydlpar.operations.behaviour import MemoryStyle
from pydlpar.platforms.faults import AtRandom, Injected
from pydlpar.request import HotplugRequest
from pydlpar.stress.evidence import Evidence
from pydlpar.stress.invariants import Violation, check
from pydlpar.stress.machine import Machine, make_machine
from pydlpar.stress.plan import requests
from pydlpar.stress.repair import repair
from pydlpar.stress.state import Snapshot, snapshot
from pydlpar.tree import DeviceTree

__all__ = ["Broken", "Plan", "Report", "run"]

_STATM: Final = Path("/proc/self/statm")
_RESIDENT: Final = 1  # which number of it
_FULL_EVERY: Final = 50  # checks
_NEAR: Final = 4  # calls before a fault: the next request will meet it
_LATEST: Final = 5


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

    def machine(self, faults: float) -> Machine:
        """The machine, with faults in that share of its calls."""
        return make_machine(
            None if self.tree is None else self.tree(),
            dialect=self.dialect,
            profile=self.profile,
            faults=AtRandom(self.seed, faults),
        )

    def requests(self, machine: Machine) -> Iterator[HotplugRequest]:
        """The requests, one after the other."""
        return requests(
            self.seed, machine.partition, self.weights, dialect=self.dialect
        )


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
    check_every: int = 1000,
) -> Report:
    """Carry out *count* requests; stop at the first violation.

    Every *check_every* requests, the next one that a fault meets is looked at from
    before to after, and what was left behind until then is mended (`repair`); then
    no exception is made any more.

    Args:
        plan: which requests, on which machine.
        faults: share of the calls that fail, 0 to 1.
        check_every: requests from check to check.

    Raises:
        ArgumentError: *check_every* is below 1, or *faults* is not a probability.
    """
    if check_every < 1:
        raise ArgumentError(f"check_every {check_every}: expected 1 or more")
    machine = plan.machine(faults)
    return _Run(plan, machine).go(count, check_every)


class _Run:
    """A run under way."""

    def __init__(self, plan: Plan, machine: Machine) -> None:
        self._plan = plan
        self._machine = machine
        self._stream = plan.requests(machine)
        self._evidence = Evidence(machine.style)
        self._errnos: Counter[int] = Counter()
        # 4.1 never configures an LMB, which therefore cannot be isolated; QEMU keeps
        # memory that it did not ask for: a removal succeeds with a refused release.
        self._refuses = machine.style is MemoryStyle.CLONE or plan.profile == "qemu"
        self._done = 0
        self._report = Report(plan.seed, plan.dialect, plan.profile)

    def go(self, count: int, check_every: int) -> Report:
        """Carry out *count* requests."""
        report, platform = self._report, self._machine.platform
        start = perf_counter()
        first = None
        while self._done < count and report.violation is None:
            self._carry_out(min(check_every, count - self._done))
            if self._done < count:
                self._sample(count)
            if first is None and self._done >= count // 10:
                first = _resident()
        if report.violation is None:
            self._settle(full=True)
        report.seconds = perf_counter() - start
        report.requests = self._done
        report.calls, report.faults = platform.calls, platform.n_injected
        report.outcomes = {
            errno.errorcode.get(number, "ok"): n
            for number, n in sorted(self._errnos.items())
        }
        last = _resident()
        report.grown = None if first is None or last is None else last - first
        return report

    def _carry_out(self, count: int) -> None:
        """The hot loop."""
        handle = self._machine.dispatcher.handle
        tally, errnos = self._machine.platform.tally, self._errnos
        note, always = self._evidence.note, self._refuses
        seen = tally.injected
        for request in islice(self._stream, count):
            outcome = handle(request)
            failed = outcome.errno
            errnos[failed] += 1
            if failed or always or tally.injected != seen:
                seen = tally.injected
                note(outcome)
        self._done += count

    def _sample(self, count: int) -> None:
        """Look at the next request that a fault is to meet, from before to after."""
        platform = self._machine.platform
        while self._done < count and platform.due - platform.calls > _NEAR:
            self._carry_out(1)
        if self._done < count:
            full = self._report.checks % _FULL_EVERY == 0
            before = snapshot(self._machine.partition, full=full)
            self._carry_out(1)
            self._check(before, full)
            self._settle(full)

    def _check(self, before: Snapshot | None, full: bool) -> None:
        """Check the rules, those of the last request too where *before* is given."""
        machine, report = self._machine, self._report
        if report.violation is not None:
            return
        report.checks += 1
        outcome = machine.dispatcher.last
        violations = check(
            machine.partition,
            machine.firmware,
            before,
            None if before is None else outcome,
            evidence=self._evidence,
            full=full,
        )
        if violations:
            report.violation = Broken(
                self._plan.seed,
                self._done,
                "" if outcome is None else str(outcome.request),
                tuple(violations),
                tuple(machine.platform.injected)[-_LATEST:],
            )

    def _settle(self, full: bool) -> None:
        """Mend what was left behind; from then on nothing is excused."""
        machine = self._machine
        self._report.mended += repair(machine.partition, machine.firmware)
        self._evidence.forget()
        self._check(None, full)


def _resident() -> int | None:
    """Bytes of this process in memory."""
    if not _STATM.exists():
        return None
    pages = int(_STATM.read_text().split()[_RESIDENT])
    return pages * sysconf("SC_PAGESIZE")

"""The dispatcher: one entry point for requests written and requests raised.

Text written to `/sys/kernel/dlpar` and events fetched at the hotplug interrupt
become the same request, and `Dispatcher.handle` carries it out: it runs the
operation of the resource, answers each of its effects from the platform, retries
what firmware calls busy, and keeps a record. It reads no clock and sleeps only
through the callable it is given.

Busy answers (Linux rtas.c `rtas_busy_delay`): -2 is retried at once, 990x after
10^x ms, at most one second, without a limit unless `max_busy` sets one. Beyond it
the operation sees the busy status, and treats it as a failure.

A positive RTAS status that Linux would hand to the writer as a byte count is
reported as EIO; with `Quirk.POSITIVE_STATUS`, `write` returns it. Everything that is
otherwise than in Linux is listed in `pydlpar.MENDED`.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from operator import attrgetter
from typing import Any

from pydlpar.constants import EventMask, Resource, RtasStatus
from pydlpar.edits import begin, commit, roll_back
from pydlpar.entries.points import EntryPoints
from pydlpar.errors import BusyError, EventError, RequestError
from pydlpar.names import Buffer
from pydlpar.operations import cpu, dt, io, memory, pmem
from pydlpar.operations.behaviour import Behaviour, Quirk, behaviour_of
from pydlpar.operations.calls import (
    CONFIGURE_CONNECTOR,
    GET_POWER_LEVEL,
    GET_SENSOR_STATE,
    METHODS,
    POWERS,
    REPEAT,
    SET_INDICATOR,
    SLEEP,
    Entry,
    LmbRepeater,
    Operation,
    Platform,
    Run,
    Started,
)
from pydlpar.operations.recall import Recall
from pydlpar.operations.repeat import Repeated
from pydlpar.outcome import Call, EventCounts, Outcome
from pydlpar.partition import Partition
from pydlpar.request import HotplugRequest, dialect_of, first_page, parse_request
from pydlpar.rtas import decode_event

__all__ = ["Call", "Dispatcher", "EventCounts", "Outcome"]

_BUSY = int(RtasStatus.BUSY)
_DELAY_MIN = int(RtasStatus.EXTENDED_DELAY_MIN)
_DELAY_MAX = int(RtasStatus.EXTENDED_DELAY_MAX)
_LONGEST_DELAY_MS = 1000
_MS = 1000

_methods_of = attrgetter(*METHODS)
_HOTPLUG = int(EventMask.HOTPLUG)
_LOG_MAX = 2048
_MOST_EVENTS = 1 << 14
"""Events of one interrupt."""

_Handler = Callable[[Run, HotplugRequest], Started]
_Entry = tuple[_Handler, Behaviour | None]
_OPERATIONS: dict[int, _Handler] = {
    Resource.CPU: cpu.operate,
    Resource.MEMORY: memory.operate,
    Resource.DT: dt.operate,
}


class Dispatcher(EntryPoints):
    """Carries out hotplug requests on a partition against a platform.

    Belongs to one thread at a time, as requests hold one lock in the kernel: a
    request that meets another one raises `BusyError`.

    Where the platform raises an exception, the tree, the LMB table and the threads
    are what they were before the request; the platform is not.

    Attributes:
        partition: what the operating system knows.
        platform: who answers the calls; may be replaced by another one.
        dialect: the kernel line.
        behaviour: what it does, quirks included.
        user_space: what the kernel leaves to user space is carried out too.
        events: counts of events.
        last: outcome of the last write, event or request; None before the first.
    """

    def __init__(
        self,
        partition: Partition,
        platform: Platform,
        dialect: str = "6.12",
        *,
        user_space: bool = False,
        quirks: Iterable[Quirk] | str | None = None,
        sleep: Callable[[float], object] | None = None,
        max_busy: int | None = None,
    ) -> None:
        """Set up.

        Args:
            dialect: a key of `DIALECTS`, or any release of Linux from 4.1 on.
            user_space: carry out events of PCI slots and PHBs too, as the daemon
                rtas_errd has drmgr do it. What rtas_errd ignores is not handled.
            quirks: bugs to imitate, instead of those that a dialect has by default;
                or their names with commas between them: "kernel" for all that this
                release of Linux has, "none" for none.
            sleep: called with the seconds of an extended delay. Without it no time
                passes; the delay is in the record either way.
            max_busy: busy answers in a row to one call that are borne; one more,
                and it counts as failed. None for no limit, as in Linux.

        Raises:
            ArgumentError: no such dialect or quirk.
        """
        self.partition = partition
        self.dialect = dialect
        self.behaviour = behaviour_of(dialect, quirks)
        self.user_space = user_space
        self.events = EventCounts()
        self.last: Outcome | None = None
        self._calls = 0
        self._known = Recall(memory.RELEASING)
        self._sleep = sleep
        self._max_busy = max_busy
        self.platform = platform
        self._operations = _operations(dialect, self.behaviour, user_space)
        self._kernel_resources = {Resource.CPU, Resource.MEMORY}
        if self.behaviour.pmem:
            self._kernel_resources.add(Resource.PMEM)
        self._log_size = _log_size(partition)
        self._lock = threading.Lock()
        self._start_entries(self._log_size)

    @property
    def platform(self) -> Platform:
        """Who answers the calls."""
        return self._platform

    @platform.setter
    def platform(self, platform: Platform) -> None:
        self._platform = platform
        calls = _methods_of(platform)
        self._methods = (*calls, self._pause, self._watch, self._repeat)
        # Of its class: what wraps a platform does not pass calls on unseen.
        offer = getattr(type(platform), "lmb_repeater", None)
        self._repeater: LmbRepeater | None = offer and offer(platform)
        self._known.repeater = self._repeater

    @property
    def calls(self) -> int:
        """How many calls requests and interrupts have made."""
        return self._calls + self._known.spared

    @property
    def resources(self) -> tuple[int, ...]:
        """The resources that have an operation here."""
        return tuple(self._operations)

    def write(self, data: Buffer | str) -> int:
        """Write to `/sys/kernel/dlpar`, once.

        Returns:
            Bytes taken, which is at most a page, or -errno. Why is in `.last`.
        """
        page = first_page(data)
        if not page:
            return 0
        try:
            request = parse_request(page, self.dialect)
        except RequestError as error:
            self.last = Outcome(None, error.errno, [], [], str(error))
            return -error.errno
        outcome = self.handle(request)
        if outcome.errno == 0:
            return len(page)
        if Quirk.POSITIVE_STATUS in self.behaviour.quirks and outcome.leaked:
            return outcome.leaked
        return -outcome.errno

    def read(self) -> bytes:
        """Read `/sys/kernel/dlpar`.

        Raises:
            PermissionError: the dialect cannot be read from (EACCES).
        """
        listing = dialect_of(self.dialect).listing
        if listing is None:
            raise PermissionError(
                errno.EACCES, f"Linux {self.dialect} has no show method"
            )
        return listing

    def interrupt(self) -> list[Outcome]:
        """The hotplug interrupt: fetch events until there are none, act on each.

        Linux fetches one event an interrupt, ignores the status, and counts on
        being interrupted again; here the status ends it, unless it is the first
        and `Quirk.STALE_LOG` is on, or the 16384th event: what is left waits for the
        next interrupt. In a dialect that does not know the interrupt nothing happens.

        Raises:
            BusyError: a request is being carried out; no event was fetched.
        """
        outcomes: list[Outcome] = []
        if not self.behaviour.interrupts:
            return outcomes
        self._take_lock("hotplug interrupt")
        try:
            for _ in range(_MOST_EVENTS):
                status, log = self._platform.check_exception(_HOTPLUG, self._log_size)
                self._calls += 1
                if status:
                    log = b"" if outcomes else self.ras.stale
                    return [*outcomes, self._act(log)] if log else outcomes
                self.ras.keep(log)
                outcomes.append(self._act(log))
            return outcomes
        finally:
            self._lock.release()

    def event(self, log: bytes) -> Outcome:
        """Act on one event log, as the interrupt handler does with what it fetched.

        Events that are none of the kernel's business, or no events at all, are
        counted and reported as not handled.

        Raises:
            BusyError: a request is being carried out.
        """
        self._take_lock("event")
        try:
            return self._act(log)
        finally:
            self._lock.release()

    def _act(self, log: bytes) -> Outcome:
        self.last = self._event(log)
        return self.last

    def _event(self, log: bytes) -> Outcome:
        try:
            section = decode_event(log).hotplug
        except EventError as error:
            self.events.damaged += 1
            return Outcome(None, 0, [], [], str(error), handled=False)
        if section is None:
            self.events.without_section += 1
            reason = "the event has no hotplug section"
            return Outcome(None, 0, [], [], reason, handled=False)
        request = HotplugRequest.from_section(section)
        if request.resource not in self._kernel_resources:
            reason = "this resource is left to user space"
            if self.user_space:
                reason = io.ignored(request)
            if reason:
                self.events.user_space += 1
                self.error_log.log(log)
                return Outcome(request, 0, [], [], reason, handled=False)
        self.events.handled += 1
        return self._carry_out(request)

    def handle(self, request: HotplugRequest) -> Outcome:
        """Carry out one request.

        Raises:
            BusyError: another one is being carried out.
        """
        if not self._lock.acquire(False):
            raise _busy(request)
        try:
            operate, behaviour = self._operations.get(request.resource, _NO_OPERATION)
            outcome = self.last = self._run(operate, request, request, behaviour)
            return outcome
        finally:
            self._lock.release()

    def _take_lock(self, what: object) -> None:
        if not self._lock.acquire(False):
            raise _busy(what)

    def _carry_out(self, request: HotplugRequest) -> Outcome:
        operate, behaviour = self._operations.get(request.resource, _NO_OPERATION)
        return self._run(operate, request, request, behaviour)

    def _perform(
        self,
        operate: Callable[[Run, Any], Started],
        argument: Any,
    ) -> Outcome:
        self._take_lock(repr(argument))
        try:
            self.last = self._run(operate, argument, None, None)
            return self.last
        finally:
            self._lock.release()

    def _run(
        self,
        operate: Callable[[Run, Any], Started],
        argument: Any,
        request: HotplugRequest | None,
        behaviour: Behaviour | None,
    ) -> Outcome:
        partition = self.partition
        known = self._known
        trace: list[Entry] = []
        self._trace = known.trace = trace
        recall = None if known.repeater is None else known
        run = Run(partition, behaviour or self.behaviour, recall)
        # As `DeviceTree.whole`, written out: all requests come by here.
        tree = partition.tree.ptr
        depth = begin(tree)
        try:
            started = operate(run, argument)
            if isinstance(started, int):
                rc = started
            else:
                rc = self._drive(run, started, trace)
            commit(tree, depth)
        except BaseException:
            roll_back(tree, depth)
            run.take_back()
            raise
        finally:
            self._calls += len(trace)
        failed = -rc
        if rc > 0:
            run.leaked, failed = rc, errno.EIO
        return Outcome(request, failed, trace, run.changes, run)

    def _drive(self, run: Run, operation: Operation, trace: list[Entry]) -> int:
        """Answer an operation's effects until it returns."""
        send, append = operation.send, trace.append
        methods = self._methods
        answer: Any = None
        try:
            while True:
                effect = send(answer)
                kind = effect[0]
                answer = methods[kind](*effect[1:])
                if kind > SLEEP:
                    continue  # It has put into the record what is to be there.
                append((effect, answer))
                if answer and (kind <= CONFIGURE_CONNECTOR or kind in POWERS):
                    status = answer if kind == SET_INDICATOR else answer[0]
                    if status and _is_busy(status):
                        answer = self._retry(effect, answer, run.behaviour, trace)
        except StopIteration as stop:
            rc: int = stop.value
            return rc

    def _retry(
        self,
        effect: tuple[int, ...],
        answer: Any,
        behaviour: Behaviour,
        trace: list[Entry],
    ) -> Any:
        """Repeat a call that was answered busy, as long as the dialect would."""
        kind = effect[0]
        busy = 0
        while True:
            status = answer if kind == SET_INDICATOR else answer[0]
            if not (_is_busy(status) and _retries(behaviour, kind, status)):
                return answer
            busy += 1
            if self._max_busy is not None and busy > self._max_busy:
                return answer
            if status != _BUSY:
                delay = min(10 ** (status - _DELAY_MIN), _LONGEST_DELAY_MS)
                trace.append(((SLEEP, delay), self._pause(delay)))
            answer = self._methods[kind](*effect[1:])
            trace.append((effect, answer))

    def _watch(self, index: int) -> tuple[int, Any]:
        """Where the record stands, and what answers about an LMB depend on."""
        watched = None if self._repeater is None else self._repeater.watch_lmb(index)
        return len(self._trace), watched

    def _repeat(self, watched: tuple[int, Any], start: int, stop: int) -> Repeated:
        """Repeat what was called since `_watch`, for as many LMBs as it is true of."""
        begin, state = watched
        trace, table = self._trace, self.partition.lmbs
        steps = trace[begin:]
        if steps and steps[0][0][0] == REPEAT:
            steps = steps[0][1].steps
        count = 0
        if self._repeater is not None and steps:
            indexes = table.drc_indexes(start, stop)
            count = self._repeater.repeat_lmbs(state, indexes, len(steps))
        repeated = Repeated(steps, table, start, start + count)
        self._calls += count * len(steps) - 1  # It is one entry of the record.
        trace.append(((REPEAT,), repeated))
        return repeated

    def _pause(self, milliseconds: int) -> int:
        self._calls -= 1  # A wait is in the record, and no call.
        if self._sleep is not None:
            self._sleep(milliseconds / _MS)
        return 0


def _retries(behaviour: Behaviour, kind: int, status: int) -> bool:
    """Whether a busy answer is asked for again (Linux rtas.c)."""
    if kind == GET_SENSOR_STATE:
        return behaviour.sensor_retry
    if kind == CONFIGURE_CONNECTOR:
        return status == _BUSY or behaviour.connector_delay
    return status == _BUSY or kind != GET_POWER_LEVEL


def _busy(what: object) -> BusyError:
    return BusyError(f"{what}: another request is being carried out")


def _is_busy(status: int) -> bool:
    return status == _BUSY or _DELAY_MIN <= status <= _DELAY_MAX


def _no_handler(run: Run, request: HotplugRequest) -> int:
    return run.fail(-errno.EINVAL, "there is no handler for {!s}", request)


_NO_OPERATION: _Entry = (_no_handler, None)


def _operations(
    dialect: str, behaviour: Behaviour, user_space: bool
) -> dict[int, _Entry]:
    """The operation of each resource, with its behaviour where it has its own."""
    known = dialect_of(dialect).resources.values()
    found: dict[int, _Entry] = {
        resource: (operate, None)
        for resource, operate in _OPERATIONS.items()
        if resource in known
    }
    if behaviour.pmem:
        found[Resource.PMEM] = (pmem.operate, None)
    if user_space:
        # librtas waits wherever a call is answered busy, whatever the kernel.
        patient = replace(behaviour, sensor_retry=True, connector_delay=True)
        found.update((resource, (io.operate, patient)) for resource in io.RESOURCES)
    return found


def _log_size(partition: Partition) -> int:
    """Bytes of the event buffer: what firmware states, at most what Linux has."""
    rtas = partition.tree.get("/rtas")
    value = None if rtas is None else rtas.get("rtas-error-log-max")
    return _LOG_MAX if value is None else min(int.from_bytes(value, "big"), _LOG_MAX)

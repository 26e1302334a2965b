"""The dispatcher: entry points, busy answers, events, record, exceptions."""

from __future__ import annotations

import errno
import threading

import pytest
from script import (
    ASSIGNED,
    LMB_SIZE,
    NO_EVENT,
    PRESENT,
    UNUSABLE,
    Script,
    acquired,
    add_lmbs,
    add_memory,
    cells,
    configured,
    cpu_drc,
    cpu_fragment,
    event,
    hint,
    isolate,
    lmb_drc,
    lmb_fragment,
    make_tree,
    memory,
    offline,
    online,
    released,
    run,
    sensor,
    unisolate,
    usable,
)

from pydlpar.connector import ConnectorResult
from pydlpar.constants import Action, Resource
from pydlpar.dispatch import Call, Dispatcher
from pydlpar.errors import ArgumentError, BusyError, PlatformError
from pydlpar.operations.calls import FUNCTIONS
from pydlpar.partition import Partition
from pydlpar.request import DIALECTS, PAGE_SIZE, HotplugRequest

C1, C2 = cpu_drc(1), cpu_drc(2)
ADD = b"cpu add index 0x10000002\n"
ADDED = [acquired(C2), configured(C2, cpu_fragment(2)), online(2)]
REMOVED = [offline(1), released(C1)]

# Vector M of the specification: the smallest event, memory remove index.
HEAD = bytes.fromhex("063460e5000000248600 8e00000000000000000049424d00")


def log(body):
    """An event whose only section is a hotplug section with this data."""
    return HEAD + bytes.fromhex("4850001401000000") + bytes.fromhex(body)


def dispatcher(*steps, dialect="6.12", **options):
    script = Script(*steps)
    return Dispatcher(Partition(make_tree()), script, dialect, **options), script


def test_write_returns_the_bytes_taken():
    """2.4: all of them, whatever was ignored; up to one page."""
    target, script = dispatcher(ADDED, offline(2), released(C2))
    assert target.write(ADD) == len(ADD)
    long = b"cpu remove index 0x10000002 " + b"x" * PAGE_SIZE
    assert target.write(long) == PAGE_SIZE
    script.finish()


def test_write_of_nothing_never_reaches_the_handler():
    target, _ = dispatcher()
    assert target.write(b"") == 0
    assert target.last is None


@pytest.mark.parametrize("kind", [str, bytes, bytearray, memoryview])
def test_write_takes_text_and_any_bytes(kind):
    target, script = dispatcher(ADDED)
    data = ADD.decode() if kind is str else kind(ADD)
    assert target.write(data) == len(ADD)
    script.finish()


def test_write_that_does_not_parse_says_why():
    target, _ = dispatcher()
    assert target.write("cpu add drc-name X") == -errno.EINVAL
    assert target.last.request is None
    assert target.last.calls == []
    assert "invalid id type 'drc-name' at byte 8" in target.last.reason
    assert "EINVAL" in repr(target.last)


@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_read_by_dialect(dialect):
    """2.5: EACCES where there is no show method."""
    target, _ = dispatcher(dialect=dialect)
    if DIALECTS[dialect].listing is None:
        with pytest.raises(PermissionError) as caught:
            target.read()
        assert caught.value.errno == errno.EACCES
    else:
        assert target.read() == DIALECTS[dialect].listing


def test_unknown_dialect_is_refused():
    with pytest.raises(ArgumentError, match="dialect '7'"):
        dispatcher(dialect="7")


def test_record_names_every_call():
    """The walk of configure-connector is one record with every status."""
    target, _ = dispatcher(ADDED)
    target.write(ADD)
    assert target.last.calls == [
        Call("get-sensor-state", (9003, C2), 0, 2),
        Call("set-indicator", (9003, C2, 1), 0),
        Call("set-indicator", (9001, C2, 1), 0),
        Call("ibm,configure-connector", (C2,), 0, (2, 3, 0)),
        Call("online-cpu", (2,), 0),
    ]
    assert repr(target.last) == "<Outcome of 'cpu add index 0x10000002': ok>"
    effects = [effect for effect, _ in target.last.entries]
    calls = [(FUNCTIONS[kind], tuple(arguments)) for kind, *arguments in effects]
    assert calls == [call[:2] for call in target.last.calls]


def busy_connector(status):
    return (("configure_connector", C2), ConnectorResult(status, (status,), None, 0))


@pytest.mark.parametrize("status", [-2, *range(9900, 9906)])
def test_busy_calls_are_repeated(status):
    """7.2: -2 at once, 990x after 10^x ms but at most a second; no limit."""
    slept = []
    target, script = dispatcher(
        [sensor(C2, PRESENT, status)] * 3,
        sensor(C2, UNUSABLE),
        [usable(C2, status)] * 2,
        usable(C2),
        unisolate(C2, status),
        unisolate(C2),
        busy_connector(status),
        configured(C2, cpu_fragment(2)),
        online(2),
        sleep=slept.append,
    )
    assert target.write(ADD) == len(ADD)
    script.finish()
    delays = [] if status == -2 else [min(10 ** (status - 9900), 1000)] * 7
    assert slept == [delay / 1000 for delay in delays]
    sleeps = [call for call in target.last.calls if call.function == "sleep"]
    assert sleeps == [Call("sleep", (delay,), 0) for delay in delays]


@pytest.mark.parametrize("status", [9899, 9906, 9000, 1, -3])
def test_other_statuses_are_not_repeated(status):
    target, script = dispatcher(sensor(C2, UNUSABLE), usable(C2, status))
    assert target.write(ADD) == -errno.EINVAL
    script.finish()


def test_cap_on_busy_answers_makes_the_call_fail():
    """B26: with a cap the operation sees the busy status."""
    target, script = dispatcher(
        offline(1),
        sensor(C1, PRESENT),
        [isolate(C1, -2)] * 4,
        online(1),
        [sensor(C1, PRESENT, 9900)] * 4,
        max_busy=3,
    )
    assert target.write("cpu remove index 0x10000001") == -errno.ERANGE
    script.finish()


def test_sleeping_is_optional_and_always_recorded():
    target, script = dispatcher(sensor(C2, UNUSABLE, 9905), sensor(C2, PRESENT))
    target.write(ADD)
    script.finish()
    assert target.last.calls[1] == Call("sleep", (1000,), 0)


@pytest.mark.parametrize("dialect", ["4.5", "4.10"])
def test_old_kernels_do_not_retry_the_sensor(dialect):
    """4.1, version note: a transient busy answer fails the request."""
    target, script = dispatcher(sensor(C2, UNUSABLE, -2), dialect=dialect)
    assert target.write(ADD) == -errno.EINVAL
    script.finish()


@pytest.mark.parametrize("dialect", ["4.5", "4.10"])
def test_old_kernels_retry_configure_connector_on_minus_2_only(dialect):
    steps = [acquired(C2), busy_connector(-2), busy_connector(9900), released(C2)]
    target, script = dispatcher(steps, dialect=dialect)
    assert target.write(ADD) == -errno.EINVAL
    script.finish()


def test_positive_status_is_eio():
    """2.4: Linux would return it as a byte count."""
    tree = add_lmbs(make_tree(), 0)
    steps = [sensor(lmb_drc(0), UNUSABLE), usable(lmb_drc(0), 42)]
    assert run(tree, "memory add index 0x80000000", *steps).last.errno == errno.EIO


def test_interrupt_drains_the_queue():
    """One request an event, until the status is not 0."""
    target, script = dispatcher(
        event(log("01010200 10000002 00000000")),
        ADDED,
        event(log("01020200 10000001 00000000")),
        REMOVED,
        NO_EVENT,
    )
    outcomes = target.interrupt()
    script.finish()
    assert [str(outcome.request) for outcome in outcomes] == [
        "cpu add index 0x10000002",
        "cpu remove index 0x10000001",
    ]
    assert [outcome.errno for outcome in outcomes] == [0, 0]
    assert target.events.handled == 2
    assert target.last is outcomes[-1]


def test_event_gives_the_same_request_as_the_text():
    tree = add_lmbs(make_tree(), 0, 0, ASSIGNED)
    add = [
        [
            acquired(lmb_drc(n)),
            configured(lmb_drc(n), lmb_fragment(1, 0)),
            add_memory(n * LMB_SIZE),
            memory("online", n * LMB_SIZE),
        ]
        for n in (0, 1)
    ]
    script = Script(event(log("02010400 00000002 80000000")), add, NO_EVENT)
    target = Dispatcher(Partition(tree), script)
    (outcome,) = target.interrupt()
    script.finish()
    assert str(outcome.request) == "memory add indexed-count 2 0x80000000"
    assert outcome.errno == 0


def test_spurious_interrupt_does_nothing():
    """B2: Linux would replay the last event."""
    target, script = dispatcher(NO_EVENT)
    assert target.interrupt() == []
    script.finish()


@pytest.mark.parametrize("resource", [3, 4, 5, 7, 99])
def test_other_resources_are_left_to_user_space(resource):
    """1.4 step 4: PCI and PHB go to the error-log device."""
    body = f"{resource:02x}010200 20000001 00000000"
    target, script = dispatcher(event(log(body)), NO_EVENT)
    (outcome,) = target.interrupt()
    script.finish()
    assert not outcome.handled
    assert outcome.errno == 0
    assert outcome.request.resource == resource
    assert "user space" in outcome.reason
    assert target.events.user_space == 1


def test_event_without_hotplug_section_is_counted():
    """B1: Linux dereferences a null pointer."""
    epow = HEAD + bytes.fromhex("4550001402000000" + "03010100" + "00" * 8)
    target, script = dispatcher(event(epow), NO_EVENT)
    (outcome,) = target.interrupt()
    script.finish()
    assert (outcome.request, outcome.handled) == (None, False)
    assert target.events.without_section == 1


def test_damaged_event_is_counted():
    """B3: and the next one is still fetched."""
    good = event(log("01010200 10000002 00000000"))
    target, script = dispatcher(event(b"\0" * 7), good, ADDED, NO_EVENT)
    damaged, handled = target.interrupt()
    script.finish()
    assert not damaged.handled
    assert damaged.reason
    assert handled.errno == 0
    assert (target.events.damaged, target.events.handled) == (1, 1)


def test_old_kernels_do_not_know_the_interrupt():
    target, _ = dispatcher(dialect="4.5")
    assert target.interrupt() == []


def test_event_buffer_is_at_most_what_linux_has():
    """3.9: rtas-error-log-max, clamped to 2048."""
    for stated, used in ((1024, 1024), (4096, 2048)):
        tree = make_tree()
        tree.add_node("/rtas", {"rtas-error-log-max": cells(stated)})
        script = Script((("check_exception", 0x10000000, used), (1, b"")))
        Dispatcher(Partition(tree), script).interrupt()
        script.finish()


@pytest.mark.parametrize("resource", [Resource.SLOT, Resource.PHB, Resource.PCI, 200])
def test_resource_without_a_handler_is_einval(resource):
    """1.3: other resources have none."""
    target, _ = dispatcher()
    outcome = target.handle(HotplugRequest.index(resource, Action.ADD, 1))
    assert outcome.errno == errno.EINVAL
    assert "there is no handler for" in outcome.reason


@pytest.mark.parametrize("resource", [Resource.CPU, Resource.MEMORY])
def test_unknown_action_and_names_are_einval(resource):
    target, _ = dispatcher()
    unknown = HotplugRequest.index(resource, Action.ADD, 1)._replace(action=3)
    assert target.handle(unknown).errno == errno.EINVAL
    named = HotplugRequest.by_name(resource, Action.ADD, "CPU 1")
    assert target.handle(named).errno == errno.EINVAL


def state(partition):
    return (
        partition.tree.to_dtb(),
        list(partition.lmbs),
        partition.online.copy(),
        partition.logical_ids.copy(),
    )


BOOM = PlatformError("the connection is gone")


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("cpu add index 0x10000002", ADDED),
        ("cpu remove index 0x10000001", REMOVED),
        ("cpu remove index 0x10000003", hint(cpu_drc(3))),
        (
            "memory add index 0x80000000",
            [
                acquired(lmb_drc(0)),
                configured(lmb_drc(0), lmb_fragment(1, 7)),
                add_memory(0),
                memory("online", 0),
            ],
        ),
        (
            "memory remove count 2",
            [
                *(memory("offline", LMB_SIZE), memory("remove", LMB_SIZE)),
                *(memory("offline", 2 * LMB_SIZE), memory("remove", 2 * LMB_SIZE)),
                *(released(lmb_drc(1)), released(lmb_drc(2))),
            ],
        ),
    ],
)
def test_exception_of_the_platform_leaves_everything_as_it_was(text, steps):
    """At whichever call it comes; the next request finds a working dispatcher."""
    whole = Script(steps).steps
    for position in range(len(whole)):
        tree = add_lmbs(make_tree(), 0, ASSIGNED, ASSIGNED)
        partition = Partition(tree)
        before = state(partition)
        script = Script(whole[:position], (whole[position][0], BOOM))
        target = Dispatcher(partition, script)
        with pytest.raises(PlatformError):
            target.write(text)
        assert state(partition) == before
        script.steps = list(whole)
        target.write(text)
        script.finish()


def test_request_within_a_request_is_busy():
    """One lock for all requests; nothing waits for it here."""

    class Reentrant(Script):
        def get_sensor_state(self, *_):
            return target.write(ADD)

    target = Dispatcher(Partition(make_tree()), Reentrant())
    with pytest.raises(BusyError, match="another request"):
        target.write(ADD)
    with pytest.raises(BusyError):
        target.write(ADD)


def test_request_from_another_thread_is_busy():
    entered, leave = threading.Event(), threading.Event()

    class Slow(Script):
        def get_sensor_state(self, *_):
            entered.set()
            leave.wait(10)
            return 0, PRESENT

    target = Dispatcher(Partition(make_tree()), Slow())
    thread = threading.Thread(target=target.write, args=(ADD,))
    thread.start()
    assert entered.wait(10)
    with pytest.raises(BusyError):
        target.write(ADD)
    leave.set()
    thread.join()
    assert target.last.errno == errno.EINVAL

"""`Faulty`: which calls it fails, how, and that it does so again from the same seed."""

from __future__ import annotations

import errno
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydlpar import ArgumentError, Dispatcher, EventError, Partition, decode_event
from pydlpar.connector import fragment_nodes
from pydlpar.errors import DlparError
from pydlpar.operations.calls import METHODS
from pydlpar.platforms.damage import (
    EventDamage,
    FragmentDamage,
    WorkArea,
    collect_damaged,
    damaged_event,
    damaged_fragment,
)
from pydlpar.platforms.faults import (
    NEVER,
    AtCalls,
    AtRandom,
    Fault,
    FaultKind,
    Faulty,
    Once,
    faults_of,
)
from pydlpar.platforms.firmware import Firmware
from pydlpar.stress.machine import small_tree

CPU = 0x10000004
HOTPLUG = 1 << 28
EVERY = (*METHODS, "check_exception", "event_scan")


def firmware():
    """A machine with a core to be had, and its event."""
    machine = Firmware.from_tree(small_tree(), "lopar")
    machine.plug_cpu(4)
    return machine


def faulty(*faults, **named):
    return Faulty(firmware(), AtCalls(dict(enumerate(faults))), **named)


def taken(platform):
    """The core, so far that configure-connector delivers it."""
    platform.set_indicator(9003, CPU, 1)
    platform.set_indicator(9001, CPU, 1)
    return platform.configure_connector(CPU)


@pytest.mark.parametrize("method", EVERY)
def test_every_method_of_a_platform_has_faults(method):
    """Also one that is not known by name: it answers an errno."""
    faults = faults_of(method)
    assert faults
    assert len({str(fault) for fault in faults}) == len(faults)


def test_an_unknown_method_refuses():
    kinds = {fault.kind for fault in faults_of("a_method_to_come")}
    assert kinds == {FaultKind.REFUSED}


def test_every_status_of_the_reference_can_be_injected():
    """-1, -2, -3, 9900 to 9905, -9000 to -9003 (kernel.md 7.1)."""
    expected = {-1, -2, -3, *range(9900, 9906), *range(-9003, -8999)}
    for method in ("get_sensor_state", "set_indicator", "configure_connector"):
        kinds = (FaultKind.STATUS, FaultKind.DELAY)
        values = {f.value for f in faults_of(method) if f.kind in kinds}
        assert expected <= values, method
    assert Fault(FaultKind.REFUSED, -errno.ENOMEM) in faults_of("add_memory")


def test_a_failed_call_is_not_made():
    """The platform keeps its state, and the answer has the method's form."""
    status = Fault(FaultKind.STATUS, -9001)
    platform = faulty(status, status, Fault(FaultKind.STATE, 1))
    assert platform.set_indicator(9003, CPU, 1) == -9001
    assert platform.get_sensor_state(9003, CPU) == (-9001, 0)
    assert platform.get_sensor_state(9003, CPU) == (0, 1)
    assert platform.get_sensor_state(9003, CPU) == (0, 2)
    assert platform.offline_cpu(3) == 0
    assert platform.calls == 5
    assert platform.n_injected == 3


def test_a_refused_call_of_the_system():
    platform = faulty(Fault(FaultKind.REFUSED, -errno.EBUSY))
    assert platform.offline_memory(0, 1) == -errno.EBUSY
    assert platform.offline_memory(0, 1) == 0


def test_a_connector_call_fails_with_a_status():
    platform = faulty()
    platform.follow(AtCalls({2: Fault(FaultKind.STATUS, -9003)}))
    result = taken(platform)
    assert (result.status, result.statuses, result.fragment) == (-9003, (-9003,), None)


@pytest.mark.parametrize("shape", list(WorkArea))
@pytest.mark.parametrize("at", [0, 1, 99])
def test_damaged_work_areas_are_refused_by_the_collector(shape, at):
    """Each ends with an error of the operating system's side, not with a fragment."""
    result = collect_damaged(shape, CPU, at)
    assert result.fragment is None
    assert result.error < 0
    assert len(result.statuses) >= 1
    assert result == collect_damaged(shape, CPU, at)


@pytest.mark.parametrize("shape", list(FragmentDamage))
@pytest.mark.parametrize("at", [0, 1, 40, 5000])
def test_damaged_fragments_are_refused(shape, at):
    """The walk was made, so that the connector is configured; nothing is decoded."""
    platform = Faulty(firmware(), AtCalls({2: Fault(FaultKind.FRAGMENT, shape, at)}))
    result = taken(platform)
    assert result.status == 0
    assert platform.connectors[CPU].state.name == "LOGICAL_CONFIGURED"
    with pytest.raises(DlparError):
        fragment_nodes(result.fragment)


def test_a_walk_that_gave_nothing_cannot_be_damaged():
    platform = faulty(Fault(FaultKind.FRAGMENT, FragmentDamage.EMPTY))
    assert platform.configure_connector(0x7FFFFFFF).fragment is None


@pytest.mark.parametrize("shape", [EventDamage.TRUNCATED, EventDamage.FLIPPED])
def test_a_damaged_event(shape):
    """It differs from the true one in length, or in one bit."""
    platform = faulty(Fault(FaultKind.EVENT, shape, 700))
    status, event = platform.check_exception(HOTPLUG, 2048)
    true = firmware().check_exception(HOTPLUG, 2048)[1]
    assert status == 0
    assert event == damaged_event(shape, true, 700)
    if shape is EventDamage.TRUNCATED:
        assert true.startswith(event)
        with pytest.raises(EventError):
            decode_event(event)
    else:
        flipped = int.from_bytes(event, "big") ^ int.from_bytes(true, "big")
        assert flipped.bit_count() == 1


def test_lost_late_and_repeated_events():
    """Dropped is gone; late waits; repeated comes twice, and only if there was one."""
    dropped = faulty(Fault(FaultKind.EVENT, EventDamage.DROPPED))
    assert dropped.check_exception(HOTPLUG, 2048) == (1, b"")
    assert len(dropped.events) == 0
    late = faulty(Fault(FaultKind.EVENT, EventDamage.LATE))
    assert late.check_exception(HOTPLUG, 2048) == (1, b"")
    assert late.check_exception(HOTPLUG, 2048)[0] == 0
    again = Fault(FaultKind.EVENT, EventDamage.REPEATED)
    repeated = faulty(again)
    assert repeated.check_exception(HOTPLUG, 2048) == (1, b"")
    repeated.follow(AtCalls({1: again}))
    first = repeated.check_exception(HOTPLUG, 2048)
    assert repeated.check_exception(HOTPLUG, 2048) == first
    assert repeated.check_exception(HOTPLUG, 2048) == (1, b"")


def test_a_status_of_check_exception_takes_no_event():
    platform = faulty(Fault(FaultKind.STATUS, -1))
    assert platform.check_exception(HOTPLUG, 2048) == (-1, b"")
    assert len(platform.events) == 1


@given(st.binary(max_size=64), st.integers(0, 1 << 32))
def test_damage_to_any_bytes(data, at):
    """Cut ones are a prefix, flipped ones as long; of nothing there is nothing."""
    cut = damaged_event(EventDamage.TRUNCATED, data, at)
    assert data.startswith(cut)
    assert len(cut) < len(data) or not data
    assert len(damaged_event(EventDamage.FLIPPED, data, at)) == len(data)
    assert len(damaged_fragment(FragmentDamage.GARBAGE, data, at)) == len(data)


def answers(seed, probability=0.3, weights=None):
    platform = Faulty(firmware(), AtRandom(seed, probability, weights))
    made = [platform.get_sensor_state(9003, CPU) for _ in range(50)]
    made += [platform.configure_connector(CPU) for _ in range(20)]
    return made, platform


def test_the_same_seed_injects_the_same():
    """And another one another."""
    made, platform = answers(3)
    again, other = answers(3)
    assert made == again
    assert platform.injected == other.injected
    assert answers(4)[0] != made


def test_probability():
    """0 is never, 1 always; between, about as many as said."""
    assert answers(1, 0)[1].n_injected == 0
    assert answers(1, 1)[1].n_injected == 70
    platform = Faulty(firmware(), AtRandom(5, 0.01), keep=10)
    for _ in range(20_000):
        platform.online_cpu(0)
    assert 150 < platform.n_injected < 250
    assert len(platform.injected) == 10
    assert sum(platform.counts.values()) == platform.n_injected


@pytest.mark.parametrize("probability", [-0.1, 1.1])
def test_no_probability(probability):
    with pytest.raises(ArgumentError, match="expected 0 to 1"):
        AtRandom(1, probability)


def test_weights_choose_the_kinds():
    """What has no weight does not happen, also where nothing is left."""
    platform = answers(1, 1, {FaultKind.DELAY: 1})[1]
    assert {injected.fault.kind for injected in platform.injected} == {FaultKind.DELAY}
    assert platform.online_cpu(0) == 0
    assert answers(1, 1, {FaultKind.REFUSED: 1})[1].n_injected == 0


def test_once_is_one_fault_for_each_time_it_is_followed():
    """At any of the calls to come: as many calls later as said, on average."""
    platform = Faulty(firmware(), NEVER)
    plan = Once(3, 8)
    at = []
    for number in range(2000):
        platform.follow(plan)
        while platform.due >= 0:
            platform.online_cpu(0)
        at.append(platform.calls)
        assert platform.n_injected == number + 1
        platform.online_cpu(0)
        assert platform.n_injected == number + 1
    assert min(at) == 1
    assert 7 < sum(at) / len(at) < 9
    with pytest.raises(ArgumentError, match="expected 1 or more"):
        Once(3, 0.5)


def test_at_rest_nothing_fails_and_nothing_is_counted():
    """But an event that is fetched can be repeated later."""
    platform = Faulty(firmware(), AtRandom(1, 1))
    calm = platform.at_rest
    assert calm.set_indicator(9003, CPU, 1) == 0
    status, event = calm.check_exception(HOTPLUG, 2048)
    assert (status, platform.calls, platform.n_injected) == (0, 0, 0)
    assert calm.profile == "lopar"
    assert calm.lmb_repeater() is platform.platform
    platform.follow(AtCalls({0: Fault(FaultKind.EVENT, EventDamage.REPEATED)}))
    assert platform.check_exception(HOTPLUG, 2048) == (0, event)


def test_faults_are_told_in_words_and_json():
    platform = faulty(
        Fault(FaultKind.STATUS, -9001), Fault(FaultKind.REFUSED, -errno.ENOMEM)
    )
    platform.set_indicator(9003, CPU, 1)
    platform.add_memory(0x10000000, 0x1000, 0)
    assert [str(injected) for injected in platform.injected] == [
        "call 0, set_indicator(0x232b, 0x10000004, 0x1): status -9001",
        "call 1, add_memory(0x10000000, 0x1000, 0x0): refused ENOMEM",
    ]
    assert json.loads(json.dumps(platform.to_list()))[1] == {
        "call": 1,
        "method": "add_memory",
        "arguments": [0x10000000, 0x1000, 0],
        "fault": "refused ENOMEM",
        "kind": "refused",
        "value": -errno.ENOMEM,
        "at": 0,
    }
    assert str(Fault(FaultKind.WORK_AREA, WorkArea.LONG_NAME)) == "work-area long-name"
    assert str(Fault(FaultKind.EVENT, 1, 12)) == "event flipped at 12"


def test_what_is_not_a_call_is_the_platforms():
    platform = Faulty(firmware(), NEVER)
    assert platform.profile == "lopar"
    assert platform.due == -1
    with pytest.raises(AttributeError):
        _ = platform.no_such_thing


def test_a_dispatcher_takes_it_as_a_platform():
    """A delay is borne, an error is not (kernel.md 7.2)."""
    delayed = faulty(Fault(FaultKind.DELAY, 9901), Fault(FaultKind.DELAY, -2))
    dispatcher = Dispatcher(Partition(small_tree()), delayed)
    assert dispatcher.write(f"cpu add index {CPU:#x}") > 0
    assert [call.function for call in dispatcher.last.calls][:2] == [
        "get-sensor-state",
        "sleep",
    ]
    failed = faulty(Fault(FaultKind.STATUS, -1))
    dispatcher = Dispatcher(Partition(small_tree()), failed)
    assert dispatcher.write(f"cpu add index {CPU:#x}") == -errno.EINVAL

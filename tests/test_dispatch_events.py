"""Events and requests by dialect: what is fetched, kept, refused, or left alone."""

from __future__ import annotations

import errno

import pytest
from script import (
    NO_EVENT,
    Script,
    acquired,
    add_lmbs,
    configured,
    cpu_drc,
    cpu_fragment,
    event,
    make_tree,
    online,
)

from pydlpar.constants import Action, Resource
from pydlpar.dispatch import Dispatcher
from pydlpar.errors import BusyError
from pydlpar.partition import Partition
from pydlpar.request import DIALECTS, HotplugRequest
from pydlpar.rtas import hotplug_event

C2, C3 = cpu_drc(2), cpu_drc(3)
ADD_2 = HotplugRequest.index(Resource.CPU, Action.ADD, C2)
ADD_3 = HotplugRequest.index(Resource.CPU, Action.ADD, C3)
LOG_2, LOG_3 = hotplug_event(ADD_2), hotplug_event(ADD_3)


def added(core):
    drc = cpu_drc(core)
    return [acquired(drc), configured(drc, cpu_fragment(core)), online(core)]


def dispatcher(*steps, dialect="6.12", **options):
    tree = add_lmbs(make_tree(), 0, 0)
    script = Script(*steps)
    return Dispatcher(Partition(tree), script, dialect, **options), script


@pytest.mark.parametrize("status", [1, -1, -2, -3, 9900, 9905])
def test_log_of_a_failed_call_is_not_read(status):
    """B2, 7.2: the buffer may hold the last event; no status is retried."""
    target, script = dispatcher(event(LOG_2), added(2), event(LOG_2, status))
    (outcome,) = target.interrupt()
    script.finish()
    assert outcome.errno == 0
    assert target.events.handled == 1


@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_interrupt_by_dialect(dialect):
    """1.1: served since 4.8, so not in the two oldest dialects."""
    serves = dialect not in ("4.1", "4.5")
    steps = [event(LOG_2), added(2), NO_EVENT] if serves else []
    target, script = dispatcher(*steps, dialect=dialect)
    assert [outcome.errno for outcome in target.interrupt()] == [0] * serves
    script.finish()


def test_failed_event_does_not_end_the_interrupt():
    """1.4: nobody looks at the result; the next event is carried out."""
    absent = HotplugRequest.index(Resource.CPU, Action.ADD, cpu_drc(9))
    steps = [event(hotplug_event(absent)), event(LOG_2), added(2), NO_EVENT]
    target, script = dispatcher(*steps)
    assert [outcome.errno for outcome in target.interrupt()] == [errno.EINVAL, 0]
    script.finish()
    assert target.events.handled == 2


def test_long_name_of_an_event_is_kept():
    """B5: Linux cuts it to eight bytes. No handler goes by name."""
    name = "U9080.M9S.7812345-V1-C" + "0" * 40
    request = HotplugRequest.by_name(Resource.CPU, Action.ADD, name)
    target, script = dispatcher(event(hotplug_event(request)), NO_EVENT)
    (outcome,) = target.interrupt()
    script.finish()
    assert outcome.request == request
    assert outcome.errno == errno.EINVAL


def test_pmem_event_is_the_kernels_though_it_has_no_handler():
    """1.4 step 4: queued, not left to user space."""
    request = HotplugRequest.index(Resource.PMEM, Action.ADD, 0x90000000)
    target, script = dispatcher(event(hotplug_event(request)), NO_EVENT)
    (outcome,) = target.interrupt()
    script.finish()
    assert outcome.handled
    assert target.events.user_space == 0


def test_interrupt_within_a_request_loses_no_event():
    """B4: it is refused before an event is fetched, so that none is dropped."""

    class Interrupting(Script):
        def get_sensor_state(self, sensor, index):
            with pytest.raises(BusyError):
                target.interrupt()
            with pytest.raises(BusyError):
                target.event(LOG_3)
            return super().get_sensor_state(sensor, index)

    script = Interrupting(added(2), event(LOG_3), added(3), NO_EVENT)
    target = Dispatcher(Partition(make_tree()), script)
    assert target.handle(ADD_2).errno == 0
    assert target.events.handled == 0
    (outcome,) = target.interrupt()
    script.finish()
    assert (outcome.request, outcome.errno) == (ADD_3, 0)
    assert target.events.handled == 1


def test_request_within_an_interrupt_is_busy():
    """The lock is held from the fetch of an event to the end of its request."""

    class Writing(Script):
        def check_exception(self, mask, length):
            with pytest.raises(BusyError):
                target.handle(ADD_3)
            return super().check_exception(mask, length)

    script = Writing(event(LOG_2), added(2), NO_EVENT, added(3))
    target = Dispatcher(Partition(make_tree()), script)
    assert len(target.interrupt()) == 1
    assert target.handle(ADD_3).errno == 0
    script.finish()


REQUESTS = [
    ("4.1", HotplugRequest.index(Resource.MEMORY, Action.ADD, 0x80000009)),
    ("4.1", HotplugRequest.by_count(Resource.MEMORY, Action.ADD, 9)),
    ("4.10", HotplugRequest.indexed_count(Resource.MEMORY, Action.ADD, 1, 0x80000009)),
    ("4.5", HotplugRequest.index(Resource.CPU, Action.ADD, cpu_drc(9))),
    ("4.5", HotplugRequest.by_count(Resource.CPU, Action.ADD, 9)),
]


@pytest.mark.parametrize(("since", "request_"), REQUESTS, ids=str)
@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_record_is_refused_where_its_text_would_be(dialect, since, request_):
    """2.7: a dialect has no handler for what its kernels do not know."""
    names = list(DIALECTS)
    target, _ = dispatcher(dialect=dialect)
    outcome = target.handle(request_)
    assert outcome.errno == errno.EINVAL
    unknown = names.index(dialect) < names.index(since)
    assert ("no handler for" in outcome.reason) == unknown

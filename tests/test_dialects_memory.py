"""Memory requests, row by row, in every kernel line: calls, errno, table, property.

CLONE is 4.1 to 4.9, EACH 4.10 to 4.15, TABLE later; releases stand for lines that
differ otherwise.
"""

from __future__ import annotations

import errno

import pytest
from lmb_script import L0, L1, L2, NODE, flags_of, partition_of
from script import (
    ASSIGNED,
    LMB_SIZE,
    NO_AA,
    NO_EVENT,
    PRESENT,
    RESERVED,
    UNUSABLE,
    Script,
    acquired,
    add_memory,
    configured,
    event,
    hint,
    lmb_drc,
    lmb_fragment,
    memory,
    not_configured,
    released,
    run,
    sensor,
)

from pydlpar.constants import IdType, Resource
from pydlpar.dispatch import Dispatcher
from pydlpar.drmem import LmbTable
from pydlpar.operations.behaviour import MemoryStyle, behaviour_of
from pydlpar.request import DIALECTS, HotplugRequest, release_of
from pydlpar.rtas import hotplug_event

LINES = [*DIALECTS, "4.9", "4.16", "5.4", "5.10", "5.13", "5.14", "6.17"]
CLONE, EACH, TABLE = MemoryStyle.CLONE, MemoryStyle.EACH, MemoryStyle.TABLE
every = pytest.mark.parametrize("line", sorted(LINES, key=release_of))
ranged = pytest.mark.parametrize(
    "line", [line for line in LINES if behaviour_of(line).memory is not CLONE]
)
PROPERTY = "ibm,dynamic-memory"


def style(line):
    return behaviour_of(line).memory


def since(line, release):
    return release_of(line) >= release_of(release)


def block(number):
    base = number * LMB_SIZE
    return [add_memory(base), memory("online", base)]


def plugged(line, number):
    """The calls of a successful addition."""
    drc = lmb_drc(number)
    if style(line) is CLONE:
        return [acquired(drc), block(number)]
    return [acquired(drc), configured(drc, lmb_fragment(1, 0)), block(number)]


def unplugged(line, *numbers):
    """The calls of a successful removal."""
    gone = [
        [memory("offline", n * LMB_SIZE), memory("remove", n * LMB_SIZE)]
        for n in numbers
    ]
    given = [released(lmb_drc(n)) for n in numbers]
    if style(line) is CLONE:
        return [list(pair) for pair in zip(gone, given, strict=True)]
    return [*gone, *given]


def outcome(line, partition, text, *steps, **options):
    return run(partition, text, *steps, dialect=line, **options).last


def table_of(value):
    return LmbTable.from_properties(value, None, LMB_SIZE)


def updates(done):
    """What the property was set to, as (flags, associativity index) of each LMB."""
    return [
        [(lmb.flags, lmb.aa_index) for lmb in table_of(change[4])]
        for change in done.changes
        if change[2] == PROPERTY
    ]


@every
def test_add_by_index(line):
    """4.4.2, 4.4.6: one update; 4.1 leaves the associativity index as it was."""
    partition = partition_of(0, 0)
    done = outcome(line, partition, f"memory add index {L1}", plugged(line, 1))
    assert done.errno == 0
    assert flags_of(partition) == [0, ASSIGNED]
    aa_index = NO_AA if style(line) is CLONE else 0
    assert updates(done) == [[(0, NO_AA), (ASSIGNED, aa_index)]]


@every
def test_add_by_index_of_what_is_assigned(line):
    """4.4.2, B24: from 4.10 on the sensor is asked first, whose -1 is EPERM."""
    steps = [] if style(line) is CLONE else [sensor(L0, PRESENT)]
    done = outcome(line, partition_of(ASSIGNED), f"memory add index {L0}", steps)
    assert done.errno == (errno.EPERM if steps else errno.EINVAL)
    assert done.changes == []


@every
@pytest.mark.parametrize("action", ["add", "remove"])
def test_an_index_that_is_not_in_the_table(line, action):
    done = outcome(line, partition_of(0), f"memory {action} index 0x80000099")
    assert (done.errno, done.calls) == (errno.EINVAL, [])


@every
@pytest.mark.parametrize("call", ["add", "online"])
def test_memory_that_is_refused(line, call):
    """4.4.1, 4.4.6: the errno of the kernel; EACH has written twice by then."""
    partition = partition_of(0)
    refused = [add_memory(0, -errno.EEXIST)]
    if call == "online":
        refused = [add_memory(0), memory("online", 0, -errno.EEXIST)]
        refused += [memory("remove", 0)]
    steps = [plugged(line, 0)[:-1], refused, released(L0)]
    done = outcome(line, partition, f"memory add index {L0}", *steps)
    assert done.errno == errno.EEXIST
    assert flags_of(partition) == [0]
    written = [[(ASSIGNED, 0)], [(0, NO_AA)]] if style(line) is EACH else []
    assert updates(done) == written


@ranged
def test_configure_connector_that_fails(line):
    """4.4.1, B10: released twice; 4.1 does not call it."""
    steps = [acquired(L0), not_configured(L0), released(L0), sensor(L0, UNUSABLE)]
    done = outcome(line, partition_of(0), f"memory add index {L0}", steps)
    assert (done.errno, done.changes) == (errno.EINVAL, [])


@every
def test_add_count_passes_assigned_lmbs(line):
    """4.4.3: EACH acquires them too, and learns from the sensor that they are."""
    steps = [sensor(L0, PRESENT)] if style(line) is EACH else []
    steps += plugged(line, 1)
    done = outcome(line, partition_of(ASSIGNED, 0), "memory add count 1", steps)
    assert done.errno == 0


def test_add_count_of_an_assigned_lmb_that_firmware_denies():
    """EACH acquires it, finds it assigned, and gives it away."""
    partition = partition_of(ASSIGNED, 0)
    steps = [acquired(L0), released(L0), plugged("4.10", 1)]
    assert outcome("4.10", partition, "memory add count 1", steps).errno == 0
    assert flags_of(partition) == [ASSIGNED, ASSIGNED]


@every
def test_add_count_counts_reserved_lmbs_before_5_14(line):
    """4.4.3: since, they are tried, but do not count."""
    partition = partition_of(RESERVED, 0)
    steps = [] if since(line, "5.14") else [plugged(line, 0), plugged(line, 1)]
    done = outcome(line, partition, "memory add count 2", steps)
    assert done.errno == (0 if steps else errno.EINVAL)
    assert flags_of(partition)[0] == (RESERVED | ASSIGNED if steps else RESERVED)


@every
def test_an_addition_that_falls_short_is_taken_back(line):
    """4.4.3: since 5.14 a RESERVED LMB that was added stays (B11a)."""
    partition = partition_of(RESERVED, 0, 0)
    steps = [plugged(line, 0), sensor(L1, PRESENT), sensor(L2, PRESENT)]
    back = [] if since(line, "5.14") else unplugged(line, 0)
    done = outcome(line, partition, "memory add count 2", *steps, *back)
    assert done.errno == errno.EINVAL
    assert flags_of(partition)[0] == (RESERVED if back else RESERVED | ASSIGNED)
    assert len(updates(done)) == (2 if style(line) is EACH else 0)


@every
@pytest.mark.parametrize("form", ["count 1", f"index {L0}"])
def test_reserved_lmbs_can_be_removed_before_5_14(line, form):
    """4.4.1: the flag was not looked at."""
    partition = partition_of(ASSIGNED | RESERVED)
    steps = [] if since(line, "5.14") else unplugged(line, 0)
    done = outcome(line, partition, f"memory remove {form}", *steps)
    assert done.errno == (0 if steps else errno.EINVAL)
    mended = partition_of(ASSIGNED | RESERVED)
    text = f"memory remove {form}"
    assert outcome(line, mended, text, quirks="none").errno == errno.EINVAL


@every
def test_remove_by_count(line):
    """4.4.3: the lowest; 4.1 releases with each LMB, the others at the end."""
    partition = partition_of(ASSIGNED, ASSIGNED, ASSIGNED)
    done = outcome(line, partition, "memory remove count 2", *unplugged(line, 0, 1))
    assert done.errno == 0
    assert flags_of(partition) == [0, 0, ASSIGNED]
    assert len(updates(done)) == (2 if style(line) is EACH else 1)
    gone = (0, 0) if style(line) is CLONE else (0, NO_AA)
    assert updates(done)[-1] == [gone, gone, (ASSIGNED, 0)]


def put_back(line, form, *hints):
    """A removal of two LMBs of which the second refuses to go offline."""
    partition = partition_of(ASSIGNED, ASSIGNED)
    gone, again = unplugged(line, 0), plugged(line, 0)
    if style(line) is not CLONE:
        gone, again = gone[:1], again[1:]  # The connector is kept until the end.
    steps = [gone, memory("offline", LMB_SIZE, -errno.EBUSY), *hints, again]
    done = outcome(line, partition, f"memory remove {form}", *steps)
    assert flags_of(partition) == [ASSIGNED, ASSIGNED]
    return done.errno


@every
def test_a_removal_by_count_that_fails_is_put_back(line):
    """4.4.3, B13: without a hint."""
    assert put_back(line, "count 2") == errno.EINVAL


@ranged
def test_a_removal_of_a_range_that_fails_is_put_back(line):
    """4.4.4: with a hint since 5.14."""
    hints = [hint(L0)] if since(line, "5.14") else []
    assert put_back(line, f"indexed-count 2 {L0}", *hints) == errno.EINVAL


@every
@pytest.mark.parametrize("action", ["add", "remove"])
def test_ranges(line, action):
    """4.4.4: what is done already is passed over; RESERVED refuses all of it."""
    before = [ASSIGNED, 0] if action == "add" else [0, ASSIGNED]
    text = f"memory {action} indexed-count 2 {L0}"
    if style(line) is CLONE:
        assert outcome(line, partition_of(*before), text).errno == errno.EINVAL
        return
    steps = plugged(line, 1) if action == "add" else unplugged(line, 1)
    partition = partition_of(*before)
    done = outcome(line, partition, text, *steps)
    assert (done.errno, len(updates(done))) == (0, 1)
    assert flags_of(partition) == [ASSIGNED if action == "add" else 0] * 2
    done = outcome(line, partition_of(0, RESERVED), text)
    assert (done.errno, done.calls) == (errno.EINVAL, [])
    done = outcome(line, partition_of(0), text)
    assert (done.errno, done.calls) == (errno.EINVAL, [])


@every
@pytest.mark.parametrize("count", [0x80000000, 0xFFFFFFFF])
def test_ranges_of_2_to_the_31(line, count):
    """B12: a successful no-op since 5.14, imitated on request; else EINVAL."""
    text = f"memory add indexed-count {count} {L0}"
    assert outcome(line, partition_of(0), text).errno == errno.EINVAL
    done = outcome(line, partition_of(0), text, quirks="kernel")
    assert done.errno == (0 if since(line, "5.14") else errno.EINVAL)
    assert (done.calls, flags_of(partition_of(0))) == ([], [0])


@every
@pytest.mark.parametrize("form", ["add count 0", "remove count 0"])
def test_nothing_is_einval(line, form):
    done = outcome(line, partition_of(0, ASSIGNED), f"memory {form}")
    assert (done.errno, done.calls) == (errno.EINVAL, [])


@every
def test_version_2_came_with_the_table(line):
    """0.2, 4.16: before, only `ibm,dynamic-memory` is looked for."""
    steps = plugged(line, 0) if style(line) is TABLE else []
    done = outcome(line, partition_of(0, version=2), "memory add count 1", *steps)
    assert done.errno == (0 if steps else errno.EINVAL)
    assert len(done.changes) == bool(steps)


@every
@pytest.mark.parametrize("status", [-2, 9900])
def test_busy_sensor(line, status):
    """4.1, 0.2: the retry came with 5.14; before, -1 is EPERM."""
    steps = [sensor(L0, UNUSABLE, status)]
    if since(line, "5.14"):
        steps += plugged(line, 0)
    done = outcome(line, partition_of(0), f"memory add index {L0}", *steps)
    assert done.errno == (0 if since(line, "5.14") else errno.EPERM)


def readd(word, id_type=IdType.DRC_INDEX):
    request = HotplugRequest(Resource.MEMORY, 3, id_type, word)
    if id_type != IdType.DRC_INDEX:
        request = request._replace(drc_index=None, count=word)
    return event(hotplug_event(request))


@pytest.mark.parametrize("id_type", [IdType.DRC_INDEX, IdType.DRC_COUNT])
@pytest.mark.parametrize("line", ["4.10", "4.16", "5.10", "5.11", "6.12"])
def test_readd(line, id_type):
    """4.4.6: 4.10 to 5.10 remove and add without a call for the connector."""
    partition = partition_of(ASSIGNED)
    known = not since(line, "5.11")
    done = [unplugged(line, 0)[0], plugged(line, 0)[1:]] if known else []
    script = Script(readd(L0, id_type), *done, NO_EVENT)
    (outcome,) = Dispatcher(partition, script, line).interrupt()
    script.finish()
    assert outcome.errno == (0 if known else errno.EINVAL)
    assert flags_of(partition) == [ASSIGNED]


@pytest.mark.parametrize("line", ["4.10", "5.10"])
def test_readd_that_fails(line):
    """4.4.6: the rc of the failing step; the connector goes with an addition."""
    gone = unplugged(line, 0)[0]
    failed = [configured(L0, lmb_fragment(1, 0)), add_memory(0, -errno.ENOMEM)]
    for word, steps, error in (
        (0x99, [], errno.EINVAL),
        (L1, [], errno.EINVAL),
        (L0, [memory("offline", 0, -errno.EBUSY)], errno.EBUSY),
        (L0, [gone, failed, released(L0)], errno.ENOMEM),
    ):
        script = Script(readd(word), *steps, NO_EVENT)
        (done,) = Dispatcher(partition_of(ASSIGNED, 0), script, line).interrupt()
        script.finish()
        assert done.errno == error


@every
def test_a_property_that_is_written_from_elsewhere(line):
    """4.4.5: before 4.16 the property is all there is; later only its aa_index."""
    partition = partition_of(0, 0)
    partition.tree[NODE]["phandle"] = (7).to_bytes(4, "big")
    new = partition_of(ASSIGNED, 0).tree[NODE][PROPERTY]
    target = Dispatcher(partition, Script(), line)
    command = f"update_property 7 {PROPERTY} {len(new)} ".encode() + new
    assert target.write_ofdt(command) == len(command)
    taken = style(line) is not TABLE
    assert flags_of(partition) == [ASSIGNED if taken else 0, 0]
    assert partition.lmbs[0].aa_index == 0

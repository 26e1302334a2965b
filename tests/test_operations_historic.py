"""Operations of older kernels: CPU by count, and memory in its older styles."""

from __future__ import annotations

import errno

import pytest
from script import (
    ASSIGNED,
    LMB_SIZE,
    PRESENT,
    RESERVED,
    UNUSABLE,
    acquired,
    add_lmbs,
    add_memory,
    cells,
    configured,
    cpu_drc,
    cpu_fragment,
    lmb_drc,
    lmb_fragment,
    make_tree,
    memory,
    offline,
    online,
    released,
    run,
    sensor,
    usable,
)

from pydlpar.partition import Partition

OLD = ["4.5", "4.10"]
NODE = "/ibm,dynamic-reconfiguration-memory"
L0, L1, L2 = map(lmb_drc, range(3))


def outcome(partition, text, *steps, **options):
    return run(partition, text, *steps, **options).last


def added(core):
    drc = cpu_drc(core)
    return [acquired(drc), configured(drc, cpu_fragment(core)), online(core)]


def removed(core):
    return [offline(core), released(cpu_drc(core))]


@pytest.mark.parametrize("dialect", OLD)
def test_add_count_takes_absent_cpus_in_order_of_the_list(dialect):
    """4.3 historic: the DRC indexes that no CPU has."""
    partition = Partition(make_tree((0, 2), listed=(3, 0, 1, 2)))
    done = outcome(partition, "cpu add count 2", added(3), added(1), dialect=dialect)
    assert done.errno == 0
    assert partition.online == {0, 1, 2, 3}


@pytest.mark.parametrize("dialect", OLD)
def test_too_few_to_add_is_einval_without_a_call(dialect):
    partition = Partition(make_tree())
    done = outcome(partition, "cpu add count 3", dialect=dialect)
    assert done.errno == errno.EINVAL
    assert done.reason == "2 of 3 CPUs can be added"
    assert outcome(make_tree(), "cpu add count 0xffffffff", dialect=dialect).errno


@pytest.mark.parametrize("dialect", OLD)
def test_failed_addition_removes_what_was_added(dialect):
    partition = Partition(make_tree())
    done = outcome(
        partition,
        "cpu add count 2",
        added(2),
        sensor(cpu_drc(3), PRESENT),
        removed(2),
        dialect=dialect,
    )
    assert done.errno == errno.EINVAL
    assert done.reason.startswith("1 of 2 CPUs could be added: get-sensor-state")
    assert partition.online == {0, 1}


@pytest.mark.parametrize("dialect", OLD)
def test_remove_count_takes_the_first_in_tree_order(dialect):
    partition = Partition(make_tree((0, 1, 2)))
    steps = [removed(0), removed(1)]
    done = outcome(partition, "cpu remove count 2", steps, dialect=dialect)
    assert done.errno == 0
    assert partition.online == {2}


@pytest.mark.parametrize("dialect", OLD)
def test_one_cpu_more_than_asked_must_be_present(dialect):
    partition = Partition(make_tree((0, 1)))
    done = outcome(partition, "cpu remove count 2", dialect=dialect)
    assert done.errno == errno.EINVAL
    assert done.reason == "2 CPUs are present, cannot remove 2"


@pytest.mark.parametrize("dialect", OLD)
def test_failed_removal_adds_again_and_gives_no_hint(dialect):
    """The hint came with 5.13."""
    partition = Partition(make_tree((0, 1, 2)))
    done = outcome(
        partition,
        "cpu remove count 2",
        removed(0),
        offline(1, -errno.EBUSY),
        added(0),
        dialect=dialect,
    )
    assert done.errno == errno.EINVAL
    assert partition.online == {0, 1, 2}


@pytest.mark.parametrize("dialect", OLD)
def test_roll_back_of_a_count_is_in_order(dialect):
    """4.3 historic: what was added or removed first is taken back first."""
    partition = Partition(make_tree((0, 1, 2), listed=range(6)))
    done = outcome(
        partition,
        "cpu add count 3",
        *(added(3), added(4), sensor(cpu_drc(5), PRESENT)),
        *(removed(3), removed(4)),
        dialect=dialect,
    )
    assert done.errno == errno.EINVAL
    partition = Partition(make_tree((0, 1, 2, 3)))
    done = outcome(
        partition,
        "cpu remove count 3",
        *(removed(0), removed(1), offline(2, -errno.EBUSY)),
        *(added(0), added(1)),
        dialect=dialect,
    )
    assert done.errno == errno.EINVAL
    assert partition.online == {0, 1, 2, 3}


@pytest.mark.parametrize("dialect", OLD)
def test_roll_back_of_a_count_goes_on_where_it_fails(dialect):
    """4.3 historic: nobody looks at its results; EINVAL whatever the cause."""
    partition = Partition(make_tree((0, 1, 2, 3)))
    done = outcome(
        partition,
        "cpu remove count 3",
        *(removed(0), removed(1), offline(2, -errno.EBUSY)),
        *(sensor(cpu_drc(0), PRESENT), added(1)),
        dialect=dialect,
    )
    assert done.errno == errno.EINVAL
    assert partition.online == {1, 2, 3}


@pytest.mark.parametrize("dialect", OLD)
def test_unreadable_index_is_einval_at_once(dialect):
    """A deviation: Linux goes on with index 0."""
    tree = make_tree((0, 1, 2))
    tree["/cpus/PowerPC,POWER9@1"]["ibm,my-drc-index"] = b"\0"
    done = outcome(tree, "cpu remove count 2", dialect=dialect)
    assert (done.errno, done.calls) == (errno.EINVAL, [])


@pytest.mark.parametrize("dialect", OLD)
@pytest.mark.parametrize("text", ["cpu add count 0", "cpu remove count 0"])
def test_count_of_zero_does_nothing(text, dialect):
    done = outcome(make_tree(), text, dialect=dialect)
    assert (done.errno, done.calls) == (0, [])


def test_add_count_without_cpus_node_is_einval():
    tree = make_tree(())
    tree.remove_node("/cpus")
    assert outcome(tree, "cpu add count 1", dialect="4.5").errno == errno.EINVAL
    assert outcome(tree, "cpu remove count 1", dialect="4.5").errno == errno.EINVAL


def drc_info_tree():
    record = b"CPU\0CPU \0" + cells(cpu_drc(0), 0, 4, 1, 0xFFFFFFFF)
    tree = make_tree((0,))
    tree["/cpus"]["ibm,drc-info"] = cells(1) + record
    return tree


def test_collector_over_drc_info_stays_at_a_present_cpu():
    """4.3, known bug: it does not advance, and finds too few."""
    done = outcome(drc_info_tree(), "cpu add count 1", dialect="4.10")
    assert done.errno == errno.EINVAL
    assert done.reason == "0 of 1 CPUs can be added"


def test_collector_over_drc_info_advances_without_the_quirk():
    done = outcome(
        drc_info_tree(),
        "cpu add count 2",
        added(1),
        added(2),
        dialect="4.10",
        quirks=(),
    )
    assert done.errno == 0


def test_indexed_count_of_cpus_is_einval_in_the_handler():
    """2.7, column 4.10."""
    text = "cpu add indexed-count 1 0x10000002"
    assert outcome(make_tree(), text, dialect="4.10").errno == errno.EINVAL


@pytest.mark.parametrize("dialect", OLD)
def test_cache_nodes_are_dropped_and_left_behind(dialect):
    """Before 5.16 only the CPU's own node came and went."""
    tree = make_tree()
    tree["/cpus/PowerPC,POWER9@1"]["l2-cache"] = cells(0x21)
    cache = {"device_type": b"cache\0", "phandle": cells(0x21)}
    tree.add_node("/cpus/l2-cache@1", cache)
    done = outcome(tree, "cpu remove index 0x10000001", removed(1), dialect=dialect)
    assert done.changes == [("remove", "/cpus/PowerPC,POWER9@1")]
    data = cpu_fragment(2, siblings=[("l2-cache@2", {})])
    drc = cpu_drc(2)
    steps = [acquired(drc), configured(drc, data), online(2)]
    done = outcome(tree, "cpu add index 0x10000002", steps, dialect=dialect)
    assert done.changes == [("add", "/cpus/PowerPC,POWER9@2")]
    assert "/cpus/l2-cache@2" not in tree


def memory_of(*flags, **options):
    return Partition(add_lmbs(make_tree(), *flags, **options))


def flags_of(partition):
    return [lmb.flags for lmb in partition.lmbs]


def plugged(number):
    """Addition of 4.1: no configure-connector."""
    drc, base = lmb_drc(number), number * LMB_SIZE
    return [acquired(drc), add_memory(base), memory("online", base)]


def unplugged(number):
    """Removal of 4.1: the DRC goes with its LMB."""
    drc, base = lmb_drc(number), number * LMB_SIZE
    return [memory("offline", base), memory("remove", base), released(drc)]


CLONE = ["4.1", "4.5"]


@pytest.mark.parametrize("dialect", CLONE)
def test_clone_style_adds_without_configure_connector(dialect):
    """4.4.6: acquire with each LMB, associativity untouched, written once."""
    partition = memory_of(0, 0)
    aa_index = partition.lmbs[0].aa_index
    steps = [plugged(0), plugged(1)]
    done = outcome(partition, "memory add count 2", steps, dialect=dialect)
    assert done.errno == 0
    assert len(done.changes) == 1
    assert flags_of(partition) == [ASSIGNED, ASSIGNED]
    assert partition.lmbs[0].aa_index == aa_index


@pytest.mark.parametrize("dialect", CLONE)
def test_clone_style_removes_whatever_is_assigned(dialect):
    """4.4.6: removable by the ASSIGNED flag alone; release ignored."""
    partition = memory_of(ASSIGNED | RESERVED, ASSIGNED)
    steps = [unplugged(0), memory("offline", LMB_SIZE), memory("remove", LMB_SIZE)]
    steps += [sensor(L1, UNUSABLE)]
    done = outcome(partition, "memory remove count 2", steps, dialect=dialect)
    assert done.errno == 0
    assert flags_of(partition) == [RESERVED, 0]


@pytest.mark.parametrize("dialect", CLONE)
def test_clone_style_failure_forgets_what_it_did(dialect):
    """4.4.6: the edited copy is dropped, with an LMB that refused to go back."""
    partition = memory_of(0, 0)
    before = list(partition.lmbs)
    done = outcome(
        partition,
        "memory add count 2",
        plugged(0),
        sensor(L1, PRESENT),
        memory("offline", 0, -errno.EBUSY),
        dialect=dialect,
    )
    assert done.errno == errno.EINVAL
    assert list(partition.lmbs) == before
    assert done.changes == []


def test_clone_style_by_index():
    partition = memory_of(0, ASSIGNED)
    text = "memory add index 0x80000000"
    steps = [sensor(L0, UNUSABLE), usable(L0, -3)]
    assert outcome(partition, text, steps, dialect="4.1").errno == errno.EINVAL
    steps = [acquired(L0), add_memory(0, -errno.EEXIST), released(L0)]
    assert outcome(partition, text, steps, dialect="4.1").errno == errno.EEXIST
    assert outcome(partition, text, plugged(0), dialect="4.1").errno == 0
    text = "memory remove index 0x80000001"
    assert outcome(partition, text, unplugged(1), dialect="4.1").errno == 0
    assert flags_of(partition) == [ASSIGNED, 0]


def test_clone_style_failed_removal_acquires_again():
    partition = memory_of(ASSIGNED, ASSIGNED)
    done = outcome(
        partition,
        "memory remove count 2",
        unplugged(0),
        memory("offline", LMB_SIZE, -errno.EBUSY),
        plugged(0),
        dialect="4.1",
    )
    assert done.errno == errno.EINVAL
    assert flags_of(partition) == [ASSIGNED, ASSIGNED]


@pytest.mark.parametrize("dialect", [*CLONE, "4.10"])
@pytest.mark.parametrize("present", [False, True])
def test_without_version_1_it_is_einval(dialect, present):
    """4.4.6, B22: no lock is leaked; version 2 came later."""
    partition = memory_of(0, version=2) if present else Partition(make_tree())
    done = outcome(partition, "memory add count 1", dialect=dialect)
    assert (done.errno, done.calls) == (errno.EINVAL, [])


def test_each_style_writes_the_property_after_each_lmb():
    """4.4.6, 4.10: two LMBs, two updates; a failure does not take them back."""
    partition = memory_of(0, 0)
    full = [
        [
            acquired(lmb_drc(n)),
            configured(lmb_drc(n), lmb_fragment(1, 0)),
            add_memory(n * LMB_SIZE),
            memory("online", n * LMB_SIZE),
        ]
        for n in (0, 1)
    ]
    done = outcome(partition, "memory add count 2", full, dialect="4.10")
    assert [change[2] for change in done.changes] == ["ibm,dynamic-memory"] * 2
    steps = [memory("offline", 0), memory("remove", 0)]
    steps += [memory("offline", LMB_SIZE, -errno.EBUSY), full[0][1:]]
    text = "memory remove indexed-count 2 0x80000000"
    done = outcome(partition, text, steps, dialect="4.10")
    assert done.errno == errno.EINVAL
    assert len(done.changes) == 2


def test_each_style_range_may_not_leave_the_table():
    """4.4.6: Linux reads beyond it."""
    text = "memory add indexed-count 2 0x80000000"
    assert outcome(memory_of(0), text, dialect="4.10").errno == errno.EINVAL

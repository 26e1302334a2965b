"""CPU requests: calls in order, roll-back and errno, row by row as in Linux 6.12."""

from __future__ import annotations

import errno

import pytest
from script import (
    EMPTY,
    PRESENT,
    UNUSABLE,
    acquired,
    cells,
    configured,
    cpu_drc,
    cpu_fragment,
    cpu_properties,
    fragment,
    hint,
    isolate,
    make_tree,
    not_configured,
    offline,
    online,
    released,
    run,
    sensor,
    unisolate,
    unusable,
    usable,
)

from pydlpar.partition import Partition
from pydlpar.tree import DeviceTree

C2 = cpu_drc(2)
ADD = "cpu add index 0x10000002"
REMOVE = "cpu remove index 0x10000001"
C1 = cpu_drc(1)
CPU2 = "/cpus/PowerPC,POWER9@2"
CPU1 = "/cpus/PowerPC,POWER9@1"


def outcome(tree, text, *steps, **options):
    return run(tree, text, *steps, **options).last


def test_add_makes_just_these_calls():
    """4.3: sensor, usable, unisolate, configure, online; the node is attached."""
    partition = Partition(make_tree())
    done = outcome(
        partition, ADD, acquired(C2), configured(C2, cpu_fragment(2)), online(2)
    )
    assert done.errno == 0
    assert done.reason == ""
    assert done.changes == [("add", CPU2)]
    assert partition.tree[CPU2].u32("ibm,my-drc-index") == C2
    assert partition.online == {0, 1, 2}
    assert partition.logical_ids == {0: 0, 1: 1, 2: 2}


def test_add_without_cpus_node_is_enodev():
    done = outcome(DeviceTree(), ADD)
    assert done.errno == errno.ENODEV


def test_add_of_a_present_cpu_is_einval_without_a_call():
    done = outcome(make_tree((0, 2)), ADD)
    assert done.errno == errno.EINVAL
    assert done.reason == "CPU 0x10000002 exists already"


def test_add_of_an_unlisted_index_is_einval_without_a_call():
    done = outcome(make_tree(), "cpu add index 0x10000009")
    assert done.errno == errno.EINVAL
    assert done.reason == "/cpus lists no DRC 0x10000009"


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        (
            [sensor(C2, PRESENT)],
            "get-sensor-state(9003, 0x10000002) said present (1), "
            "expected unusable (2)",
        ),
        (
            [sensor(C2, EMPTY)],
            "get-sensor-state(9003, 0x10000002) said empty (0), expected unusable (2)",
        ),
        (
            [sensor(C2, UNUSABLE, -3)],
            "get-sensor-state(9003, 0x10000002) failed with status -3",
        ),
        (
            [sensor(C2, UNUSABLE), usable(C2, -3)],
            "set-indicator(9003, 0x10000002, 1) failed with status -3",
        ),
        (
            [
                sensor(C2, UNUSABLE),
                usable(C2),
                unisolate(C2, -1),
                unusable(C2, -1),
            ],
            "set-indicator(9001, 0x10000002, 1) failed with status -1",
        ),
        (
            [sensor(C2, UNUSABLE), usable(C2, 1)],
            "set-indicator(9003, 0x10000002, 1) failed with status 1",
        ),
    ],
)
def test_any_failure_to_acquire_is_einval(steps, reason):
    """4.1, 4.3 step 4: what was made usable is made unusable, ignoring the answer."""
    done = outcome(make_tree(), ADD, steps)
    assert done.errno == errno.EINVAL
    assert done.reason == reason
    assert done.changes == []


@pytest.mark.parametrize("status", [-9003, -1, -3, 5])
def test_failed_configure_releases_and_is_einval(status):
    done = outcome(
        make_tree(), ADD, acquired(C2), not_configured(C2, status), released(C2)
    )
    assert done.errno == errno.EINVAL
    assert f"ended with status {status}" in done.reason


def test_refused_release_after_failed_configure_is_ignored():
    """4.1: firmware in state UNISOLATE refuses to isolate; errno stays EINVAL."""
    done = outcome(
        make_tree(),
        ADD,
        acquired(C2),
        not_configured(C2),
        sensor(C2, PRESENT),
        isolate(C2, -3),
    )
    assert done.errno == errno.EINVAL
    assert "configure-connector" in done.reason


def test_complete_walk_without_nodes_counts_as_failure():
    """4.2: status 0 before anything was delivered is a failure for the caller."""
    done = outcome(make_tree(), ADD, acquired(C2), configured(C2, None), released(C2))
    assert done.errno == errno.EINVAL


@pytest.mark.parametrize("data", [b"", b"not a tree", DeviceTree().to_dtb()])
def test_malformed_fragment_is_einval_and_released(data):
    tree = make_tree()
    before = tree.to_dtb()
    done = outcome(tree, ADD, acquired(C2), configured(C2, data), released(C2))
    assert done.errno == errno.EINVAL
    assert tree.to_dtb() == before


def test_name_that_exists_is_eexist_and_released():
    """A deviation: Linux would have two nodes of one name."""
    tree = make_tree()
    data = fragment([("PowerPC,POWER9@1", cpu_properties(2))])
    done = outcome(tree, ADD, acquired(C2), configured(C2, data), released(C2))
    assert done.errno == errno.EEXIST
    assert tree[CPU1].u32("ibm,my-drc-index") == C1


def test_caches_are_attached_with_their_cpu():
    """4.3 step 6: node and siblings are one changeset."""
    tree = make_tree()
    data = cpu_fragment(2, siblings=[("l2-cache@2", {}), ("l3-cache@2", {})])
    done = outcome(tree, ADD, acquired(C2), configured(C2, data), online(2))
    assert done.changes == [
        ("add", CPU2),
        ("add", "/cpus/l2-cache@2"),
        ("add", "/cpus/l3-cache@2"),
    ]


def test_no_free_ids_is_enospc_and_detached():
    """B8: Linux leaves freed nodes attached; here everything is taken back."""
    partition = Partition(make_tree(), max_cpus=2)
    before = partition.tree.to_dtb()
    done = outcome(
        partition, ADD, acquired(C2), configured(C2, cpu_fragment(2)), released(C2)
    )
    assert done.errno == errno.ENOSPC
    assert partition.tree.to_dtb() == before
    assert partition.logical_ids == {0: 0, 1: 1}


def test_thread_number_in_use_is_eexist_and_detached():
    """A deviation: Linux would take the other CPU's thread offline."""
    partition = Partition(make_tree())
    data = cpu_fragment(2, **{"ibm,ppc-interrupt-server#s": cells(1)})
    done = outcome(partition, ADD, acquired(C2), configured(C2, data), released(C2))
    assert done.errno == errno.EEXIST
    assert CPU2 not in partition.tree
    assert partition.online == {0, 1}


def test_node_without_threads_is_einval_detached_and_released():
    """4.3 step 7: online finds no server numbers."""
    partition = Partition(make_tree())
    properties = cpu_properties(2)
    del properties["ibm,ppc-interrupt-server#s"]
    data = fragment([("PowerPC,POWER9@2", properties)])
    done = outcome(partition, ADD, acquired(C2), configured(C2, data), released(C2))
    assert done.errno == errno.EINVAL
    assert done.changes == [("add", CPU2), ("remove", CPU2)]
    assert CPU2 not in partition.tree


def test_failed_online_takes_threads_down_detaches_and_releases():
    """4.3 step 7: rc of the online; the CPU node goes, cache nodes stay."""
    tree = make_tree((0,), listed=[0, 4], threads=4)
    partition = Partition(tree)
    drc = cpu_drc(4)
    data = cpu_fragment(4, threads=4, siblings=[("l2-cache@4", {})])
    done = outcome(
        partition,
        "cpu add index 0x10000004",
        acquired(drc),
        configured(drc, data),
        online(4),
        online(5),
        online(6, -errno.EIO),
        offline(4),
        offline(5),
        released(drc),
    )
    assert done.errno == errno.EIO
    assert done.reason == "thread 6 did not come online: -5"
    assert partition.online == {0, 1, 2, 3}
    assert set(partition.logical_ids) == {0, 1, 2, 3}
    assert "/cpus/PowerPC,POWER9@4" not in tree
    assert "/cpus/l2-cache@4" in tree


def test_thread_that_does_not_go_down_again_keeps_the_cpu():
    """A deviation: Linux stops at a BUG when it detaches an online thread."""
    tree = make_tree((0,), listed=[0, 4], threads=2)
    partition = Partition(tree)
    drc = cpu_drc(4)
    done = outcome(
        partition,
        "cpu add index 0x10000004",
        acquired(drc),
        configured(drc, cpu_fragment(4, threads=2)),
        online(4),
        online(5, -errno.ENOMEM),
        offline(4, -errno.EBUSY),
    )
    assert done.errno == errno.ENOMEM
    assert partition.online == {0, 1, 4}
    assert "/cpus/PowerPC,POWER9@4" in tree


def test_smt_policy_keeps_other_threads_offline():
    """4.3 step 7: the primary thread always, others as the policy allows."""
    tree = make_tree((0,), listed=[0, 4], threads=4)
    partition = Partition(tree, smt_threads=2)
    drc = cpu_drc(4)
    done = outcome(
        partition,
        "cpu add index 0x10000004",
        acquired(drc),
        configured(drc, cpu_fragment(4, threads=4)),
        online(4),
        online(5),
    )
    assert done.errno == 0
    assert partition.online == {0, 1, 2, 3, 4, 5}
    assert partition.logical_ids[7] == 7


def test_remove_makes_just_these_calls():
    """4.3: offline, sensor, isolate, unusable; the node is detached."""
    partition = Partition(make_tree())
    done = outcome(partition, REMOVE, offline(1), released(C1))
    assert done.errno == 0
    assert done.changes == [("remove", CPU1)]
    assert CPU1 not in partition.tree
    assert partition.online == {0}
    assert partition.logical_ids == {0: 0}


def test_remove_of_an_absent_cpu_is_enodev_with_a_hint():
    """4.3: the hint follows every failed removal, "no such CPU" too."""
    done = outcome(make_tree(), "cpu remove index 0x10000002", hint(C2))
    assert done.errno == errno.ENODEV


def test_hint_stops_where_the_drc_is_not_present():
    done = outcome(make_tree(), "cpu remove index 0x10000002", sensor(C2, UNUSABLE))
    assert done.errno == errno.ENODEV


def test_last_cpu_is_einval_with_a_hint():
    """B9: the inner EBUSY reaches the writer as EINVAL."""
    partition = Partition(make_tree((1,)))
    done = outcome(partition, REMOVE, hint(C1))
    assert done.errno == errno.EINVAL
    assert done.reason == "thread 1 is the last one online"
    assert partition.online == {1}


def test_threads_taken_down_before_the_last_stay_down():
    """4.3: of the last core, all threads but one go offline and stay so."""
    partition = Partition(make_tree((0,), listed=[0], threads=4))
    done = outcome(
        partition,
        "cpu remove index 0x10000000",
        offline(0),
        offline(1),
        offline(2),
        hint(cpu_drc(0)),
    )
    assert done.errno == errno.EINVAL
    assert partition.online == {3}


def test_failed_offline_is_einval_and_keeps_threads_down():
    partition = Partition(make_tree((0, 4), threads=4))
    drc = cpu_drc(4)
    done = outcome(
        partition,
        "cpu remove index 0x10000004",
        offline(4),
        offline(5, -errno.EBUSY),
        hint(drc),
    )
    assert done.errno == errno.EINVAL
    assert partition.online == {0, 1, 2, 3, 5, 6, 7}


def test_threads_offline_already_are_not_touched():
    partition = Partition(make_tree((0, 4), threads=4))
    partition.online -= {5, 6}
    drc = cpu_drc(4)
    done = outcome(
        partition, "cpu remove index 0x10000004", offline(4), offline(7), released(drc)
    )
    assert done.errno == 0


def test_remove_of_a_cpu_without_threads_is_einval_with_a_hint():
    tree = make_tree()
    del tree[CPU1]["ibm,ppc-interrupt-server#s"]
    done = outcome(tree, REMOVE, hint(C1))
    assert done.errno == errno.EINVAL
    assert CPU1 in tree


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([sensor(C1, UNUSABLE)], errno.EPERM),
        ([sensor(C1, PRESENT, -1)], errno.EPERM),
        ([sensor(C1, PRESENT), isolate(C1, -1)], errno.EIO),
        ([sensor(C1, PRESENT), isolate(C1, -3)], errno.EINVAL),
        ([sensor(C1, PRESENT), isolate(C1, -9000)], errno.EFAULT),
        ([sensor(C1, PRESENT), isolate(C1, -9001)], errno.EEXIST),
        ([sensor(C1, PRESENT), isolate(C1, -9002)], errno.ENODEV),
        ([sensor(C1, PRESENT), isolate(C1, -7)], errno.ERANGE),
        ([sensor(C1, PRESENT), isolate(C1, -9003)], errno.ERANGE),
        ([sensor(C1, PRESENT), isolate(C1, 1)], errno.EIO),
        (
            [
                sensor(C1, PRESENT),
                isolate(C1),
                unusable(C1, -3),
                unisolate(C1, -1),
            ],
            errno.EINVAL,
        ),
    ],
)
def test_failed_release_brings_threads_back_and_is_its_errno(steps, expected):
    """4.3 step 3, 7.3: the status becomes the errno, a positive one EIO."""
    partition = Partition(make_tree())
    done = outcome(partition, REMOVE, offline(1), steps, online(1), hint(C1))
    assert done.errno == expected
    assert done.changes == []
    assert partition.online == {0, 1}


def cached_tree():
    """Two CPUs with an L2 each and an L3 for both."""
    tree = make_tree()
    for core in (0, 1):
        tree[f"/cpus/PowerPC,POWER9@{core}"]["l2-cache"] = cells(0x20 + core)
        tree.add_node(
            f"/cpus/l2-cache@{core}",
            {
                "device_type": b"cache\0",
                "phandle": cells(0x20 + core),
                "l2-cache": cells(0x30),
            },
        )
    shared = {"device_type": b"cache\0", "phandle": cells(0x30)}
    tree.add_node("/cpus/l3-cache@0", shared)
    return tree


def test_caches_of_one_cpu_go_shared_ones_stay():
    """4.3 step 4: detach along the chain, stop at the first shared cache."""
    tree = cached_tree()
    done = outcome(tree, REMOVE, offline(1), released(C1))
    assert done.changes == [("remove", CPU1), ("remove", "/cpus/l2-cache@1")]
    assert "/cpus/l3-cache@0" in tree


def test_last_user_of_a_cache_takes_it_along():
    tree = cached_tree()
    tree["/cpus/l2-cache@0"]["l2-cache"] = cells(0x99)
    done = outcome(tree, REMOVE, offline(1), released(C1))
    assert ("remove", "/cpus/l3-cache@0") in done.changes


def test_chain_of_caches_ends_at_an_unknown_phandle():
    tree = cached_tree()
    tree["/cpus/l2-cache@1"]["l2-cache"] = cells(0x99)
    done = outcome(tree, REMOVE, offline(1), released(C1))
    assert done.changes == [("remove", CPU1), ("remove", "/cpus/l2-cache@1")]


def test_cache_that_names_itself_stays():
    """No loop: it is its own user."""
    tree = cached_tree()
    tree["/cpus/l2-cache@1"]["l2-cache"] = cells(0x21)
    done = outcome(tree, REMOVE, offline(1), released(C1))
    assert done.changes == [("remove", CPU1)]


@pytest.mark.parametrize("dialect", ["5.16", "6.12"])
@pytest.mark.parametrize(
    "text",
    [
        "cpu add count 1",
        "cpu remove count 1",
        "cpu add indexed-count 1 0x10000002",
        "cpu remove indexed-count 1 0x10000001",
    ],
)
def test_newer_kernels_take_an_index_only(dialect, text):
    """2.7: accepted by the parser, EINVAL by the handler, before any look-up."""
    assert outcome(make_tree(), text, dialect=dialect).errno == errno.EINVAL


def test_drc_info_lists_cpus_up_to_another_type():
    """4.3 step 3: the scan ends at the first record that is no CPU's."""
    record = b"CPU\0CPU \0" + cells(0x10000000, 0, 2, 1, 0xFFFFFFFF)
    other = b"MEM\0LMB \0" + cells(0x80000000, 0, 2, 1, 0xFFFFFFFF)
    late = b"CPU\0CPU \0" + cells(0x10000002, 2, 2, 1, 0xFFFFFFFF)
    tree = make_tree()
    tree["/cpus"]["ibm,drc-info"] = cells(3) + record + other + late
    assert outcome(tree, ADD).errno == errno.EINVAL
    tree["/cpus"]["ibm,drc-info"] = cells(2) + record + late
    steps = (acquired(C2), configured(C2, cpu_fragment(2)), online(2))
    assert outcome(tree, ADD, *steps).errno == 0

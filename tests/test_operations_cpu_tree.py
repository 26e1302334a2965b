"""CPU requests and the tree: which node is meant, which caches go along."""

from __future__ import annotations

import errno

import pytest
from script import (
    PRESENT,
    Script,
    acquired,
    cells,
    configured,
    cpu_drc,
    cpu_fragment,
    cpu_properties,
    hint,
    isolate,
    make_tree,
    offline,
    online,
    released,
    run,
    sensor,
)

from pydlpar.constants import Action, IdType, Resource
from pydlpar.dispatch import Dispatcher
from pydlpar.partition import Partition
from pydlpar.request import HotplugRequest
from pydlpar.tree import DeviceTree

C1, C2 = cpu_drc(1), cpu_drc(2)
ADD = "cpu add index 0x10000002"
REMOVE = "cpu remove index 0x10000001"
CPU1, CPU2 = "/cpus/PowerPC,POWER9@1", "/cpus/PowerPC,POWER9@2"
REMOVED = [offline(1), released(C1)]
ADDED = [acquired(C2), configured(C2, cpu_fragment(2)), online(2)]


def outcome(tree, text, *steps, **options):
    return run(tree, text, *steps, **options).last


def add_cache(tree, path, handle, **links):
    properties = {"device_type": b"cache\0", "phandle": cells(handle)}
    links = {name.replace("_", "-"): cells(value) for name, value in links.items()}
    tree.add_node(path, properties | links)


@pytest.mark.parametrize("dialect", ["4.5", "4.10", "5.16", "6.12"])
def test_any_child_of_cpus_with_the_index_stops_an_addition(dialect):
    """4.3 step 2: direct children of /cpus, of whatever type."""
    tree = make_tree()
    tree.add_node("/cpus/other@2", {"ibm,my-drc-index": cells(C2)})
    done = outcome(tree, ADD, dialect=dialect)
    assert (done.errno, done.calls) == (errno.EINVAL, [])


@pytest.mark.parametrize("path", ["/other@2", CPU1 + "/other@2"])
def test_the_index_elsewhere_does_not_stop_an_addition(path):
    """4.3 step 2: only direct children of /cpus are looked at."""
    tree = make_tree()
    tree.add_node(path, {"ibm,my-drc-index": cells(C2)})
    assert outcome(tree, ADD, ADDED).errno == 0


def test_indexes_are_listed_to_the_end_of_the_property():
    """4.3 step 3: the count word is skipped, not believed."""
    tree = make_tree()
    tree["/cpus"]["ibm,drc-indexes"] = cells(1, cpu_drc(0), C1, C2)
    assert outcome(tree, ADD, ADDED).errno == 0


def test_count_word_is_no_index():
    """4.3 step 3: it is skipped."""
    tree = make_tree()
    tree["/cpus"]["ibm,drc-indexes"] = cells(C2, cpu_drc(0))
    assert outcome(tree, ADD).errno == errno.EINVAL


def test_drc_info_wins_and_counts_in_its_step():
    """4.3 step 3: first + k * increment; the array is not read beside it."""
    tree = make_tree()
    record = b"CPU 4\0CPU \0" + cells(cpu_drc(0), 0, 3, 2, 0xFFFFFFFF)
    tree["/cpus"]["ibm,drc-info"] = cells(1) + record
    assert outcome(tree, "cpu add index 0x10000003").errno == errno.EINVAL
    assert outcome(tree, "cpu add index 0x10000006").errno == errno.EINVAL
    assert outcome(tree, ADD, ADDED).errno == 0


def test_only_a_node_of_type_cpu_is_removed():
    """4.3: by device_type, and by DRC index."""
    tree = make_tree()
    tree.add_node("/cpus/other@2", {"ibm,my-drc-index": cells(C2)})
    done = outcome(tree, "cpu remove index 0x10000002", hint(C2))
    assert done.errno == errno.ENODEV


def test_children_of_a_delivered_node_are_attached():
    """4.3 step 6, B21; a deviation: Linux loses them."""
    fragment = DeviceTree()
    fragment.add_node("/PowerPC,POWER9@2", cpu_properties(2))
    fragment.add_node("/PowerPC,POWER9@2/child", {})
    tree = make_tree()
    steps = [acquired(C2), configured(C2, fragment.to_dtb()), online(2)]
    done = outcome(tree, ADD, steps)
    assert done.changes == [("add", CPU2)]
    assert CPU2 + "/child" in tree


def test_next_level_cache_is_a_link_too():
    """4.3 step 4: of the newer name; a chain of both names is followed."""
    tree = make_tree()
    tree[CPU1]["next-level-cache"] = cells(0x21)
    add_cache(tree, "/cpus/l2-cache@1", 0x21, l2_cache=0x31)
    add_cache(tree, "/cpus/l3-cache@1", 0x31)
    done = outcome(tree, REMOVE, REMOVED)
    removed = [CPU1, "/cpus/l2-cache@1", "/cpus/l3-cache@1"]
    assert done.changes == [("remove", path) for path in removed]


def test_l2_cache_is_the_link_where_there_are_both():
    """4.3 step 4: `l2-cache` is asked for first."""
    tree = make_tree()
    tree[CPU1]["next-level-cache"] = cells(0x31)
    tree[CPU1]["l2-cache"] = cells(0x21)
    add_cache(tree, "/cpus/l2-cache@1", 0x21)
    add_cache(tree, "/cpus/l3-cache@1", 0x31)
    done = outcome(tree, REMOVE, REMOVED)
    assert done.changes == [("remove", CPU1), ("remove", "/cpus/l2-cache@1")]


@pytest.mark.parametrize("link", ["l2-cache", "next-level-cache"])
@pytest.mark.parametrize("user", ["/cpus/PowerPC,POWER9@0", "/cpus/l2-cache@9"])
def test_cache_with_another_user_stays(user, link):
    """4.3 step 4: a CPU or a cache, by either name."""
    tree = make_tree()
    add_cache(tree, "/cpus/l2-cache@9", 0x29)
    add_cache(tree, "/cpus/l2-cache@1", 0x21)
    tree[CPU1]["l2-cache"] = cells(0x21)
    tree[user][link] = cells(0x21)
    done = outcome(tree, REMOVE, REMOVED)
    assert done.changes == [("remove", CPU1)]
    assert "/cpus/l2-cache@1" in tree


def test_failed_release_keeps_the_caches():
    """4.3 steps 3 and 4: nothing is detached before the DRC is released."""
    tree = make_tree()
    tree[CPU1]["l2-cache"] = cells(0x21)
    add_cache(tree, "/cpus/l2-cache@1", 0x21)
    before = tree.to_dtb()
    refused = [sensor(C1, PRESENT), isolate(C1, -9001)]
    done = outcome(tree, REMOVE, offline(1), refused, online(1), hint(C1))
    assert done.errno == errno.EEXIST
    assert tree.to_dtb() == before


def test_threads_brought_back_are_those_the_policy_allows():
    """4.3 step 3: the online of an addition, for what is offline."""
    partition = Partition(make_tree((0, 4), threads=2), smt_threads=1)
    drc = cpu_drc(4)
    done = outcome(
        partition,
        "cpu remove index 0x10000004",
        *(offline(4), offline(5), sensor(drc, 2), online(4), sensor(drc, 2)),
    )
    assert done.errno == errno.EPERM
    assert partition.online == {0, 1, 4}


def test_request_in_plain_numbers_is_carried_out():
    """A record made by hand: a number is as good as its enumerator."""
    partition, script = Partition(make_tree()), Script(ADDED, REMOVED)
    target = Dispatcher(partition, script)
    for action, index in ((Action.ADD, C2), (Action.REMOVE, C1)):
        words = (int(Resource.CPU), int(action), int(IdType.DRC_INDEX))
        assert target.handle(HotplugRequest(*words, index)).errno == 0
    script.finish()

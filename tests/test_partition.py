"""What the kernel keeps beside the tree: LMBs, threads, logical ids, NUMA nodes."""

from __future__ import annotations

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from script import (
    AI_INVALID,
    ASSIGNED,
    LMB_SIZE,
    add_lmbs,
    cells,
    cpu_properties,
    make_tree,
)

from pydlpar.errors import ArgumentError, DecodeError
from pydlpar.partition import Partition
from pydlpar.tree import DeviceTree

NODE = "/ibm,dynamic-reconfiguration-memory"


def add_numa(tree, domains=4, form=0x80, points=(1,)):
    """Reference points, the number of possible nodes, and the affinity form."""
    tree.add_node(
        "/rtas",
        {
            "ibm,associativity-reference-points": cells(*points),
            "ibm,max-associativity-domains": cells(1, domains),
        },
    )
    vector = bytes([25, 0, 0, 0, 0, form, 0])
    tree.add_node("/chosen", {"ibm,architecture-vec-5": vector})
    return tree


def test_boot_threads_are_present_and_online_in_tree_order():
    tree = make_tree((4, 0), listed=(0, 4, 8), threads=4)
    partition = Partition(tree)
    assert partition.logical_ids == {4: 0, 5: 1, 6: 2, 7: 3, 0: 4, 1: 5, 2: 6, 3: 7}
    assert partition.online == set(range(8))
    assert partition.max_cpus == 12


def test_other_nodes_below_cpus_are_no_cpus():
    tree = make_tree()
    tree.add_node("/cpus/l2-cache@0", {"device_type": b"cache\0"})
    assert len(Partition(tree).cpu_nodes()) == 2


def test_tree_without_cpus_has_none():
    partition = Partition(DeviceTree())
    assert (partition.cpus, partition.cpu_nodes()) == (None, [])
    assert (partition.online, partition.max_cpus) == (set(), 0)


@pytest.mark.parametrize("options", [{"max_cpus": 1}, {"smt_threads": 0}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ArgumentError):
        Partition(make_tree(), **options)


def test_ids_are_an_aligned_block():
    """4.3: n threads take n free ids beginning at a multiple of n."""
    tree = make_tree((0,), listed=range(8))
    partition = Partition(tree, max_cpus=8)
    cpu = partition.cpu_nodes()[0]
    assert partition.attach_threads(cpu, (10, 11)) == 0
    assert partition.logical_ids[10] == 2
    assert partition.attach_threads(cpu, (20, 21, 22, 23)) == 0
    assert partition.logical_ids[20] == 4
    assert partition.attach_threads(cpu, (30,)) == 0
    assert partition.logical_ids[30] == 1
    assert partition.attach_threads(cpu, (40,)) == -errno.ENOSPC
    partition.detach_threads((21,))
    assert partition.attach_threads(cpu, (40, 41)) == -errno.ENOSPC
    assert partition.attach_threads(cpu, (40,)) == 0
    assert partition.logical_ids[40] == 5


def test_thread_that_is_present_is_eexist():
    partition = Partition(make_tree())
    assert partition.attach_threads(partition.cpu_nodes()[0], (9, 1)) == -errno.EEXIST
    assert 9 not in partition.logical_ids


def test_core_without_threads_takes_no_id():
    partition = Partition(make_tree(), max_cpus=2)
    assert partition.attach_threads(partition.cpu_nodes()[0], ()) == 0


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 7), st.integers(1, 4))))
def test_ids_are_never_shared(steps):
    """Against a set: every thread has an id of its own, blocks are aligned."""
    partition = Partition(make_tree((), listed=()), max_cpus=8)
    cpu = partition.tree.root
    for attach, core, count in steps:
        threads = range(core * 4, core * 4 + count)
        if not attach:
            given_back = partition.detach_threads(threads)
            partition.restore_threads(given_back)
            partition.detach_threads(threads)
        elif partition.attach_threads(cpu, threads) == 0:
            assert partition.logical_ids[threads[0]] % count == 0
        ids = list(partition.logical_ids.values())
        assert len(ids) == len(set(ids))
        assert all(0 <= number < 8 for number in ids)


def numa_cpu(tree, core, node):
    properties = cpu_properties(core) | {"ibm,associativity": cells(1, node)}
    return tree.add_node(f"/cpus/PowerPC,POWER9@{core:x}", properties)


def test_ids_last_used_on_the_node_come_first():
    """4.3: then those of no node, then any."""
    tree = add_numa(make_tree((), listed=range(4)))
    cpus = [numa_cpu(tree, core, core % 2) for core in range(3)]
    partition = Partition(tree)
    assert partition.logical_ids == {0: 0, 1: 1, 2: 2}
    partition.detach_threads((0, 1))
    # Id 0 was node 0's: a CPU of node 1 takes 1, then 3, and 0 only at last.
    assert partition.attach_threads(cpus[1], (11,)) == 0
    assert partition.attach_threads(cpus[1], (12,)) == 0
    assert partition.attach_threads(cpus[1], (13,)) == 0
    assert partition.attach_threads(cpus[1], (14,)) == -errno.ENOSPC
    ids = partition.logical_ids
    assert [ids[thread] for thread in (11, 12, 13)] == [1, 3, 0]


@pytest.mark.parametrize(
    ("form", "points", "associativity", "expected"),
    [
        (0x80, (2,), (3, 0, 2, 0), 2),
        (0x20, (2,), (3, 0, 2, 0), 2),
        (0x00, (1, 3), (3, 0, 0, 2), 2),
        (0x00, (1,), (1, 2), None),
        (0x80, (1,), (1, 0xFFFF), None),
        (0x80, (1,), (1, 99), None),
        (0x80, (2,), (1, 2), None),
        (0x80, (2,), (1, 2, 2), None),
        (0x80, (), (1, 2), None),
    ],
)
def test_node_id_is_the_primary_domain(form, points, associativity, expected):
    """3.11: first reference point in form 1 and 2, second in form 0."""
    tree = add_numa(make_tree((), listed=range(1)), form=form, points=points)
    del tree["/rtas"]["ibm,max-associativity-domains"]
    tree["/rtas"]["ibm,current-associativity-domains"] = cells(3, 4, 4, 4)
    cpu = tree.add_node("/cpus/cpu@0", {"ibm,associativity": cells(*associativity)})
    assert Partition(tree).node_of(cpu) == expected


def test_node_id_comes_from_the_next_parent_that_has_one():
    tree = add_numa(make_tree())
    tree["/cpus"]["ibm,associativity"] = cells(1, 3)
    partition = Partition(tree)
    assert partition.node_of(partition.cpu_nodes()[0]) == 3
    assert partition.node_of(tree.root) is None
    assert partition.first_node == 3


def test_without_reference_points_there_is_one_node():
    partition = Partition(add_lmbs(make_tree(), ASSIGNED, arrays=(2,)))
    assert partition.memory_node(0) == 0


def test_node_of_memory_is_that_of_its_lookup_array():
    """3.11: AI_INVALID, an index out of range, or no array: the first node."""
    tree = add_lmbs(make_tree((), ()), ASSIGNED, ASSIGNED | AI_INVALID, 0, arrays=(2,))
    partition = Partition(add_numa(tree))
    assert [partition.memory_node(position) for position in range(3)] == [2, 2, 2]
    assert partition.first_node == 2
    tree.add_node("/memory@0", {"device_type": b"memory\0"})
    tree["/memory@0"]["ibm,associativity"] = cells(1, 1)
    partition = Partition(tree)
    assert [partition.memory_node(position) for position in range(3)] == [2, 1, 1]
    for damaged in (b"", cells(9, 9), cells(1, 0)):
        tree[NODE]["ibm,associativity-lookup-arrays"] = damaged
        assert Partition(tree).memory_node(0) == 1
    del tree[NODE]["ibm,associativity-lookup-arrays"]
    assert Partition(tree).memory_node(0) == 1


def test_table_is_read_from_either_version():
    for version in (1, 2):
        partition = Partition(add_lmbs(make_tree(), ASSIGNED, 0, version=version))
        assert partition.lmbs.version == version
        assert [lmb.base for lmb in partition.lmbs] == [0, LMB_SIZE]


def test_root_cells_say_how_to_read():
    """3.11: sizes and addresses have the root's cells, by default one."""
    tree = DeviceTree()
    record = struct.pack(">IIIII", 0x1000, 0x80000000, 0, 0, ASSIGNED)
    tree.add_node(
        NODE,
        {"ibm,lmb-size": cells(0x1000), "ibm,dynamic-memory": cells(1) + record},
    )
    (lmb,) = Partition(tree).lmbs
    assert (lmb.base, lmb.drc_index, lmb.flags) == (0x1000, 0x80000000, ASSIGNED)


@pytest.mark.parametrize("size", [None, b"", b"\0\0\0\x10", bytes(8)])
def test_without_a_size_there_is_no_table(size):
    """3.11: missing or too short."""
    tree = add_lmbs(make_tree(), ASSIGNED)
    if size is None:
        del tree[NODE]["ibm,lmb-size"]
    else:
        tree[NODE]["ibm,lmb-size"] = size
    partition = Partition(tree)
    assert len(partition.lmbs) == 0
    assert partition.memory_error is None


def test_damaged_table_is_empty_and_says_why():
    tree = add_lmbs(make_tree(), ASSIGNED)
    tree[NODE]["ibm,dynamic-memory"] = cells(7)
    partition = Partition(tree)
    assert len(partition.lmbs) == 0
    assert isinstance(partition.memory_error, DecodeError)


def test_listed_cpus_follow_the_property():
    """It is kept while it is the same, and read again once it is not."""
    partition = Partition(make_tree())
    cpus = partition.cpus
    assert partition.knows_cpu(cpus, 0x10000003)
    cpus["ibm,drc-indexes"] = cells(1, 5)
    assert not partition.knows_cpu(cpus, 0x10000003)
    assert partition.knows_cpu(cpus, 5)


def test_real_trees_give_partitions(real_trees):
    """Every thread of a real tree is online, every id its own, none left over."""
    for name, data in real_trees.items():
        partition = Partition(DeviceTree.from_dtb(data))
        threads = len(partition.logical_ids)
        assert threads == len(partition.online) > 0, name
        assert sorted(partition.logical_ids.values()) == list(range(threads))
        assert partition.max_cpus >= threads
        assert partition.memory_error is None

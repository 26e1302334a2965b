"""Counts by policies: what each chooses, and in which order."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slot_trees import NO_AA, cpu, drcs, info, memory, numa

from pydlpar import (
    ArgumentError,
    DeviceTree,
    HotplugRequest,
    Partition,
    ResolveError,
)
from pydlpar.choose import choose, merge_adjacent, numa_shares
from pydlpar.constants import Action, Resource

CPU, MEMORY = Resource.CPU, Resource.MEMORY
ADD, REMOVE = Action.ADD, Action.REMOVE


def chosen(partition, *arguments, **options):
    return [r.drc_index & 0xFFF for r in choose(partition, *arguments, **options)]


@pytest.fixture
def partition():
    """CPUs 0 and 2 of 5; LMBs 0, 2, 3 in use, 3 reserved, 1 and 4 free, 5 no DRC."""
    tree = DeviceTree()
    tree.add_node("/cpus", info(drcs("CPU", "CPU ", 0x10000000, 0, 5)))
    cpu(tree, 0, 0x10000000)
    cpu(tree, 2, 0x10000002)
    memory(tree, [(0, 8), (NO_AA, 0), (0, 8), (0, 0x88), (NO_AA, 0), (NO_AA, 0x20)])
    return Partition(tree)


@pytest.mark.parametrize(
    ("resource", "action", "policy", "expected"),
    [
        (CPU, ADD, "lowest-first", [1, 3]),
        (CPU, ADD, "highest-first", [4, 3]),
        (CPU, ADD, "drmgr", [1, 3]),
        (CPU, REMOVE, "lowest-first", [0, 2]),
        (CPU, REMOVE, "highest-first", [2, 0]),
        (CPU, REMOVE, "drmgr", [2, 0]),
        (MEMORY, ADD, "lowest-first", [1, 4]),
        (MEMORY, ADD, "highest-first", [4, 1]),
        (MEMORY, REMOVE, "lowest-first", [0, 2]),
        (MEMORY, REMOVE, "highest-first", [2, 0]),
        (MEMORY, REMOVE, "numa-balanced", [0, 2]),
        (MEMORY, REMOVE, "drmgr", [0, 2]),
    ],
)
def test_each_policy_has_its_order(partition, resource, action, policy, expected):
    """Two of what is free or in use; reserved LMBs and those without DRC are not."""
    assert chosen(partition, resource, action, 2, policy) == expected
    for request in choose(partition, resource, action, 2, policy):
        assert (request.resource, request.action) == (resource, action)
    with pytest.raises(ResolveError, match=r"count 9: only \d can be (add|remov)ed"):
        choose(partition, resource, action, 9, policy)


def test_the_kernel_may_choose(partition):
    """A count stays a count; drmgr adds memory that way."""
    for resource in (CPU, MEMORY):
        for action in (ADD, REMOVE):
            requests = choose(partition, resource, action, 7, "kernel")
            assert requests == [HotplugRequest.by_count(resource, action, 7)]
    requests = choose(partition, MEMORY, ADD, 7, "drmgr")
    assert [str(request) for request in requests] == ["memory add count 7"]


def test_what_is_not_available_is_left_out(partition):
    odd = {"available": lambda index: index % 2 == 1}
    assert chosen(partition, CPU, ADD, 2, **odd) == [1, 3]
    assert chosen(partition, MEMORY, ADD, 1, "highest-first", **odd) == [1]
    with pytest.raises(ResolveError, match="only 1 can be added"):
        choose(partition, MEMORY, ADD, 2, **odd)
    assert chosen(partition, CPU, REMOVE, 2, **odd) == [0, 2]


def test_what_no_policy_is_for(partition):
    with pytest.raises(ArgumentError, match="policy 'best': expected kernel, lowest"):
        choose(partition, CPU, ADD, 1, "best")
    for resource, action in ((CPU, REMOVE), (MEMORY, ADD)):
        with pytest.raises(ArgumentError, match="numa-balanced is for memory that is"):
            choose(partition, resource, action, 1, "numa-balanced")
    for resource in (Resource.PCI, Resource.PHB, Resource.PMEM, Resource.DT):
        with pytest.raises(ResolveError, match="only cpu and memory"):
            choose(partition, resource, ADD, 1)
    with pytest.raises(ResolveError, match="count 0: expected 1 or more"):
        choose(partition, CPU, ADD, 0)


def test_a_partition_without_anything_has_nothing_to_choose():
    partition = Partition(DeviceTree())
    for resource in (CPU, MEMORY):
        for action in (ADD, REMOVE):
            with pytest.raises(ResolveError, match="only 0 can be"):
                choose(partition, resource, action, 1)


def test_a_record_of_millions_is_not_listed():
    tree = DeviceTree()
    tree.add_node("/cpus", info(drcs("CPU", "CPU ", 0x10000000, 0, 1 << 18)))
    cpu(tree, 0, 0x10000000)
    partition = Partition(tree, max_cpus=8)
    assert chosen(partition, CPU, ADD, 2, "drmgr") == [1, 2]
    assert chosen(partition, CPU, ADD, 2) == [1, 2]
    highest = choose(partition, CPU, ADD, 1, "highest-first")[0]
    assert highest.drc_index == 0x1003FFFF


# Count, (CPUs, LMBs) of nodes, what they give; worked out by hand from the rule.
SHARES = [
    # Without CPUs: in proportion to the LMBs, and before all others.
    (4, {0: (4, 10), 1: (0, 6), 2: (0, 2)}, {1: 3, 2: 1}),
    # 6 of 8 LMBs stay; ratios 50: 3 each stay. The higher node gives first.
    (2, {0: (2, 4), 1: (2, 4)}, {1: 1, 0: 1}),
    # Ratios (9*75+50)/10 = 72 and (9*25+50)/10 = 27; of 10: 7 and 2 may stay.
    (6, {0: (3, 8), 1: (1, 8)}, {1: 6}),
    (10, {0: (3, 8), 1: (1, 8)}, {1: 7, 0: 3}),
    # Ratios 86 and 14; of 500: 430 and 70 may stay.
    (500, {0: (9, 500), 1: (1, 500)}, {1: 430, 0: 70}),
    # All that there is.
    (99, {0: (1, 2), 1: (0, 3), 2: (5, 0)}, {1: 3, 0: 2}),
    (0, {0: (1, 2)}, {}),
    (3, {}, {}),
]


@pytest.mark.parametrize(("count", "nodes", "expected"), SHARES)
def test_shares_of_numa_nodes(count, nodes, expected):
    shares = numa_shares(count, nodes)
    assert shares == expected
    assert list(shares) == list(expected)


NODES = st.dictionaries(
    st.integers(0, 7), st.tuples(st.integers(0, 9), st.integers(0, 99)), max_size=5
)


@given(st.integers(0, 300), NODES)
def test_nodes_give_what_is_wanted_and_no_more_than_they_have(count, nodes):
    shares = numa_shares(count, nodes)
    assert sum(shares.values()) == min(count, sum(lmbs for _, lmbs in nodes.values()))
    for node, share in shares.items():
        assert 0 < share <= nodes[node][1]
    bare = sum(lmbs for cpus, lmbs in nodes.values() if not cpus)
    given_bare = sum(n for node, n in shares.items() if not nodes[node][0])
    assert given_bare == min(count, bare)


def test_lmbs_are_taken_from_nodes_by_their_cpus():
    """Node 1 has no CPU and gives first; then node 2, which has the fewer threads."""
    tree = DeviceTree()
    tree.add_node("/cpus", info(drcs("CPU", "CPU ", 0x10000000, 0, 4)))
    cpu(tree, 0, 0x10000000, node=0, threads=6)
    cpu(tree, 8, 0x10000001, node=2, threads=2)
    numa(tree, 3)
    memory(tree, [(n % 3, 8) for n in range(12)], nodes=3)
    partition = Partition(tree)
    assert chosen(partition, MEMORY, REMOVE, 3, "numa-balanced") == [1, 4, 7]
    # 8 LMBs left on 0 and 2; 2 of them go: of node 2, ratio (9*25+50)/10 = 27.
    found = chosen(partition, MEMORY, REMOVE, 6, "numa-balanced")
    assert found == [1, 4, 7, 10, 2, 5]


def test_adjacent_lmbs_become_one_request():
    """Same action, each index one more; other requests stay as they are."""
    index = HotplugRequest.index
    wanted = [index(MEMORY, ADD, n) for n in (4, 5, 6, 9)]
    wanted += [index(MEMORY, REMOVE, 10), index(CPU, ADD, 11), index(CPU, ADD, 12)]
    wanted += [HotplugRequest.by_count(MEMORY, ADD, 2)]
    assert [str(request) for request in merge_adjacent(wanted)] == [
        "memory add indexed-count 3 0x00000004",
        "memory add index 0x00000009",
        "memory remove index 0x0000000a",
        "cpu add index 0x0000000b",
        "cpu add index 0x0000000c",
        "memory add count 2",
    ]
    assert merge_adjacent([]) == []


def allocated(step):
    """The DRCs that a step made usable (1) or unusable (0), in order."""
    found = []
    for line in step["drc_trace"]:
        if "set_allocation_state" in line:
            index, state = line.split("drc: ")[1].split(", state: ")
            found.append((int(index, 16), int(state, 16)))
    return found


def test_drmgr_of_a_real_guest_chose_the_same(corpus):
    """It tried every core to add in the order of the list, until one was there."""
    folder = corpus / "guest" / "cpu-lifecycle"
    steps = json.loads((folder / "transcript.json").read_text())["steps"]
    compared = 0
    for before, step in pairwise(steps):
        if "drmgr -c cpu" not in step.get("what", ""):
            continue
        name = before.get("tree") or "07-add-1.dtb"
        tree = DeviceTree.from_dtb((folder / name).read_bytes())
        action = REMOVE if " -r " in step["what"] else ADD
        tried = [index for index, state in allocated(step) if state == (action is ADD)]
        requests = choose(Partition(tree), CPU, action, len(tried), "drmgr")
        assert [request.drc_index for request in requests] == tried
        compared += len(tried)
    assert compared == 13

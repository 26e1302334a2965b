"""What a memory request leaves in the tree: table, lookup arrays, NUMA node."""

from __future__ import annotations

import errno
import struct

import pytest
from lmb_script import L0, L1, L2, NODE, flags_of, outcome, partition_of
from script import (
    ASSIGNED,
    LMB_SIZE,
    NO_AA,
    PRESENT,
    RESERVED,
    UNUSABLE,
    acquired,
    add_lmbs,
    add_memory,
    cells,
    configured,
    fragment,
    lmb_drc,
    lmb_fragment,
    make_tree,
    memory,
    not_configured,
    released,
    sensor,
)

from pydlpar.operations.behaviour import Quirk
from pydlpar.partition import Partition

V1, V2 = "ibm,dynamic-memory", "ibm,dynamic-memory-v2"
ARRAYS = "ibm,associativity-lookup-arrays"
ADD_0 = "memory add index 0x80000000"


def added(number, *associativity, node=0):
    base = number * LMB_SIZE
    return [
        acquired(lmb_drc(number)),
        configured(lmb_drc(number), lmb_fragment(*associativity or (1, 0))),
        add_memory(base, node=node),
        memory("online", base),
    ]


def dirty(*flags):
    """A partition whose version 1 property has a reserved word that is not 0."""
    tree = add_lmbs(make_tree(), *flags)
    raw = bytearray(tree[NODE][V1])
    struct.pack_into(">I", raw, 4 + 12, 0xDEAD)
    tree[NODE][V1] = bytes(raw)
    return Partition(tree)


NO_OPS = [
    ("memory add indexed-count 1 0x80000000", ASSIGNED),
    ("memory remove indexed-count 1 0x80000000", 0),
]


@pytest.mark.parametrize(("text", "flags"), NO_OPS)
def test_successful_no_op_writes_the_property(text, flags):
    """4.4.5: on every rc of 0; the reserved words are cleared even then."""
    partition = dirty(flags)
    done = outcome(partition, text)
    assert (done.errno, done.calls) == (0, [])
    assert [change[2] for change in done.changes] == [V1]
    assert partition.tree[NODE][V1] == partition.lmbs.to_v1()


@pytest.mark.parametrize(("text", "flags"), NO_OPS)
def test_successful_no_op_without_a_property_is_eperm(text, flags):
    """4.4.5, B16: writing it is what fails."""
    partition = partition_of(flags)
    del partition.tree[NODE][V1]
    assert outcome(partition, text).errno == errno.EPERM


@pytest.mark.parametrize(("text", "flags"), NO_OPS)
def test_each_style_writes_nothing_for_a_no_op(text, flags):
    """4.4.6, 4.10: the property follows each LMB, and there was none."""
    done = outcome(dirty(flags), text, dialect="4.10")
    assert (done.errno, done.changes) == (0, [])


@pytest.mark.parametrize(
    "text",
    [
        "memory add index 0x80000000",
        "memory add count 1",
        "memory add indexed-count 1 0x80000000",
    ],
)
def test_failed_request_does_not_write_the_property(text):
    """4.4.5: not even to clear the reserved words."""
    done = outcome(dirty(0), text, sensor(L0, PRESENT))
    assert done.errno in (errno.EPERM, errno.EINVAL)
    assert done.changes == []


def test_request_writes_the_property_once():
    """4.4.5: however many LMBs it took."""
    partition = partition_of(0, 0)
    done = outcome(partition, "memory add count 2", added(0), added(1))
    assert [change[2] for change in done.changes] == [V1]


def test_version_1_wins_where_both_are_there():
    """3.11, 4.4.5: read and written; version 2 is left alone."""
    tree = add_lmbs(make_tree(), 0)
    tree[NODE][V2] = cells(0)
    partition = Partition(tree)
    done = outcome(partition, ADD_0, added(0))
    assert [change[2] for change in done.changes] == [V1]
    assert tree[NODE][V2] == cells(0)


def test_repeated_failures_enlarge_the_lookup_arrays_once():
    """4.4.5: the array of a failed request stays, and is found by the next."""
    partition = partition_of(0, arrays=(5,))
    failing = [
        acquired(L0),
        configured(L0, lmb_fragment(1, 6)),
        add_memory(0, -errno.ENOMEM),
        released(L0),
    ]
    changes = [outcome(partition, ADD_0, *failing).changes for _ in range(2)]
    assert [len(change) for change in changes] == [1, 0]
    assert partition.tree[NODE][ARRAYS] == cells(2, 1, 5, 6)
    assert outcome(partition, ADD_0, added(0, 1, 6)).errno == 0
    assert partition.lmbs[0].aa_index == 1


def test_roll_back_keeps_the_enlarged_lookup_arrays():
    """4.4.5: of a count that fell short, the first LMB's array stays."""
    partition = partition_of(0, 0, arrays=(5,))
    before = partition.tree[NODE][V1]
    done = outcome(
        partition,
        "memory add count 2",
        added(0, 1, 6),
        *([acquired(L1), not_configured(L1), released(L1), sensor(L1, UNUSABLE)]),
        *(memory("offline", 0), memory("remove", 0), released(L0)),
    )
    assert done.errno == errno.EINVAL
    assert [change[2] for change in done.changes] == [ARRAYS]
    assert partition.tree[NODE][V1] == before
    assert partition.lmbs[0].aa_index == NO_AA


def test_double_release_is_visible_in_the_calls():
    """B10: where firmware does not object, the DRC is released twice in full."""
    partition = partition_of(0)
    steps = [acquired(L0), not_configured(L0), released(L0), released(L0)]
    done = outcome(partition, ADD_0, *steps)
    assert done.errno == errno.EINVAL
    names = [call.function for call in done.calls[-6:]]
    assert names == ["get-sensor-state", "set-indicator", "set-indicator"] * 2


@pytest.mark.parametrize(
    ("delivered", "index"),
    [((3, 1, 2, 4), 1), ((3, 1, 2, 3), 0), ((4, 1, 2, 3, 9), 0), ((3, 4, 2, 1), 2)],
)
def test_lookup_compares_all_words_behind_the_count(delivered, index):
    """4.4.1 step 2c: M words, all of them; what is delivered beyond is not read."""
    partition = partition_of(0)
    partition.tree[NODE][ARRAYS] = cells(2, 3, 1, 2, 3, 1, 2, 4)
    assert outcome(partition, ADD_0, added(0, *delivered)).errno == 0
    assert partition.lmbs[0].aa_index == index
    arrays = partition.tree[NODE][ARRAYS]
    assert arrays[:4] == cells(max(2, index + 1))
    assert len(arrays) == 8 + 12 * max(2, index + 1)


def test_shorter_associativity_than_the_arrays_is_einval():
    """4.4.1: Linux reads beyond it."""
    partition = partition_of(0)
    partition.tree[NODE][ARRAYS] = cells(1, 3, 1, 2, 3)
    answer = configured(L0, lmb_fragment(2, 1, 2))
    twice = [released(L0), sensor(L0, UNUSABLE)]
    done = outcome(partition, ADD_0, acquired(L0), answer, twice)
    assert done.errno == errno.EINVAL


def test_associativity_is_that_of_the_first_node():
    """4.2, 4.4.1: configure-connector may deliver siblings; they do not count."""
    first = ("memory@0", {"ibm,associativity": cells(1, 6)})
    second = ("memory@1", {"ibm,associativity": cells(1, 5)})
    partition = partition_of(0, arrays=(5, 6))
    steps = added(0)
    steps[1] = configured(L0, fragment([first, second]))
    assert outcome(partition, ADD_0, steps).errno == 0
    assert partition.lmbs[0].aa_index == 1


@pytest.mark.parametrize(("domain", "node"), [(2, 2), (1, 1), (3, 3), (99, 1)])
def test_memory_goes_to_the_node_of_its_new_index(domain, node):
    """4.4.1 step 3: looked up after step 2; an impossible one is the first node."""
    tree = add_lmbs(make_tree(), 0, ASSIGNED, arrays=(1, 2))
    points = {
        "ibm,associativity-reference-points": cells(1),
        "ibm,max-associativity-domains": cells(1, 4),
    }
    tree.add_node("/rtas", points)
    vector = bytes([25, 0, 0, 0, 0, 0x80, 0])
    tree.add_node("/chosen", {"ibm,architecture-vec-5": vector})
    partition = Partition(tree)
    assert outcome(partition, ADD_0, added(0, 1, domain, node=node)).errno == 0


def test_reserved_lmb_counts_as_added_by_count():
    """B11: it was not counted as available, but is the first that is tried."""
    partition = partition_of(RESERVED, 0)
    assert outcome(partition, "memory add count 1", added(0)).errno == 0
    assert flags_of(partition) == [RESERVED | ASSIGNED, 0]


def test_reserved_lmbs_beside_a_range_do_not_matter():
    """4.4.4: only entries of the range itself are looked at."""
    partition = partition_of(RESERVED, 0, RESERVED)
    text = "memory add indexed-count 1 0x80000001"
    assert outcome(partition, text, added(1)).errno == 0
    text = "memory remove indexed-count 1 0x80000001"
    removed = [memory("offline", LMB_SIZE), memory("remove", LMB_SIZE), released(L1)]
    assert outcome(partition, text, removed).errno == 0


def test_range_may_end_with_the_table():
    """4.4.4: only beyond its end it is EINVAL."""
    partition = partition_of(ASSIGNED, 0, 0)
    text = "memory add indexed-count 2 0x80000001"
    assert outcome(partition, text, added(1), added(2)).errno == 0


def test_range_is_of_table_entries_not_of_indexes():
    """4.4.4: the next n entries, whatever DRC index they have."""
    tree = add_lmbs(make_tree(), 0, 0, 0)
    raw = bytearray(tree[NODE][V1])
    struct.pack_into(">I", raw, 4 + 24 + 8, L2)
    struct.pack_into(">I", raw, 4 + 48 + 8, L1)
    tree[NODE][V1] = bytes(raw)
    partition = Partition(tree)
    steps = [acquired(L2), configured(L2, lmb_fragment(1, 0))]
    steps += [add_memory(LMB_SIZE), memory("online", LMB_SIZE)]
    text = "memory add indexed-count 2 0x80000000"
    assert outcome(partition, text, added(0), steps).errno == 0


@pytest.mark.parametrize("count", [0x80000000, 0xFFFFFFFF])
def test_huge_range_with_the_quirk_writes_the_property(count):
    """B12: Linux reports success, so that it writes; RESERVED is not seen."""
    partition = dirty(RESERVED)
    text = f"memory add indexed-count {count} 0x80000000"
    done = outcome(partition, text, quirks={Quirk.SIGNED_COUNT})
    assert (done.errno, done.calls) == (0, [])
    assert [change[2] for change in done.changes] == [V1]

"""Memory requests by indexed-count, and how the properties are written."""

from __future__ import annotations

import errno
import struct

import pytest
from lmb_script import (
    FRAGMENT,
    L0,
    L1,
    L2,
    NODE,
    added,
    flags_of,
    outcome,
    partition_of,
    removed,
)
from script import (
    ASSIGNED,
    LMB_SIZE,
    NO_AA,
    PRESENT,
    RESERVED,
    UNUSABLE,
    acquired,
    add_memory,
    cells,
    configured,
    hint,
    lmb_drc,
    make_tree,
    memory,
    not_configured,
    released,
    sensor,
    unisolate,
)

from pydlpar.drmem import LmbTable
from pydlpar.operations.behaviour import Quirk
from pydlpar.partition import Partition


@pytest.mark.parametrize("action", ["add", "remove"])
@pytest.mark.parametrize(
    ("ids", "reason"),
    [
        ("0 0x80000000", "a count of 0 asks for nothing"),
        ("1 0x80000009", "LMB 0x80000009 is not in the table"),
        ("2 0x80000003", "2 LMBs from 0x80000003 on leave the table: there are 1"),
        ("0x80000000 0x80000000", "leave the table: there are 4"),
        ("0xffffffff 0x80000000", "leave the table: there are 4"),
        ("3 0x80000000", "LMB 0x80000002 is RESERVED"),
    ],
)
def test_bad_ranges_are_einval_without_a_call(action, ids, reason):
    """4.4.4; B12: a count of 2^31 or more is rejected too."""
    partition = partition_of(0, 0, RESERVED, 0)
    done = outcome(partition, f"memory {action} indexed-count {ids}")
    assert done.errno == errno.EINVAL
    assert reason in done.reason


@pytest.mark.parametrize("action", ["add", "remove"])
def test_huge_count_is_a_no_op_with_the_quirk(action):
    """B12 as Linux has it: the loops are empty, the result is success."""
    partition = partition_of(0, RESERVED)
    text = f"memory {action} indexed-count 0x80000000 0x80000000"
    done = outcome(partition, text, quirks={Quirk.SIGNED_COUNT})
    assert done.errno == 0
    assert done.calls == []
    text = f"memory {action} indexed-count 0x80000000 0x80000009"
    assert outcome(partition, text, quirks={Quirk.SIGNED_COUNT}).errno == errno.EINVAL


def test_range_of_addition_skips_what_is_assigned():
    partition = partition_of(0, ASSIGNED, 0, 0)
    done = outcome(
        partition,
        "memory add indexed-count 3 0x80000000",
        acquired(L0),
        added(0),
        acquired(L2),
        added(2),
    )
    assert done.errno == 0
    assert flags_of(partition) == [ASSIGNED, ASSIGNED, ASSIGNED, 0]


def test_range_without_anything_to_do_is_success():
    """4.4.4: all skipped; the property is written all the same."""
    partition = partition_of(ASSIGNED, ASSIGNED)
    done = outcome(partition, "memory add indexed-count 2 0x80000000")
    assert (done.errno, done.calls, done.changes) == (0, [], [])
    partition = partition_of(0, 0)
    done = outcome(partition, "memory remove indexed-count 2 0x80000000")
    assert (done.errno, done.calls, done.changes) == (0, [], [])


@pytest.mark.parametrize(
    "failing",
    [
        [sensor(L2, PRESENT)],
        [acquired(L2), not_configured(L2), released(L2), sensor(L2, UNUSABLE)],
        [
            acquired(L2),
            configured(L2, FRAGMENT),
            add_memory(2 * LMB_SIZE, -errno.EEXIST),
            released(L2),
        ],
    ],
)
def test_first_failure_of_an_addition_is_rolled_back(failing):
    """4.4.4: stop, remove and release what was added, in order; EINVAL."""
    partition = partition_of(0, 0, 0, 0)
    before = partition.tree.to_dtb()
    done = outcome(
        partition,
        "memory add indexed-count 4 0x80000000",
        acquired(L0),
        added(0),
        acquired(L1),
        added(1),
        failing,
        removed(0),
        released(L0),
        memory("offline", LMB_SIZE, -errno.EBUSY),
    )
    assert done.errno == errno.EINVAL
    assert flags_of(partition) == [0, ASSIGNED, 0, 0]
    assert partition.tree.to_dtb() == before


def test_range_of_removal_skips_what_is_not_assigned():
    partition = partition_of(ASSIGNED, 0, ASSIGNED, ASSIGNED)
    done = outcome(
        partition,
        "memory remove indexed-count 3 0x80000000",
        removed(0),
        removed(2),
        released(L0),
        sensor(L2, UNUSABLE),
    )
    assert done.errno == 0
    assert flags_of(partition) == [0, 0, 0, ASSIGNED]


def test_first_failure_of_a_removal_is_rolled_back_with_hints():
    """4.4.4: hint, then add without acquire; none for the one that failed."""
    partition = partition_of(ASSIGNED, ASSIGNED, ASSIGNED, ASSIGNED)
    done = outcome(
        partition,
        "memory remove indexed-count 4 0x80000000",
        removed(0),
        removed(1),
        memory("offline", 2 * LMB_SIZE, -errno.EBUSY),
        hint(L0),
        added(0),
        sensor(L1, PRESENT),
        unisolate(L1, -3),
        not_configured(L1),
        released(L1),
    )
    assert done.errno == errno.EINVAL
    assert flags_of(partition) == [ASSIGNED, 0, ASSIGNED, ASSIGNED]
    assert done.changes == []


def v1(rows):
    records = (struct.pack(">QIIII", b, d, 0, a, f) for b, d, a, f in rows)
    return cells(len(rows)) + b"".join(records)


ADD_0 = ("memory add index 0x80000000", acquired(L0), added(0))


def test_version_1_keeps_its_length_and_clears_reserved_words():
    """4.4.5, v1: count word, every record, reserved words 0."""
    partition = partition_of(0, ASSIGNED)
    node = partition.tree[NODE]
    raw = bytearray(node["ibm,dynamic-memory"])
    struct.pack_into(">I", raw, 4 + 24 + 12, 0xDEAD)
    node["ibm,dynamic-memory"] = bytes(raw)
    assert outcome(partition, *ADD_0).errno == 0
    rows = [(0, L0, 0, ASSIGNED), (LMB_SIZE, L1, 0, ASSIGNED)]
    assert node["ibm,dynamic-memory"] == v1(rows)


def test_version_2_is_written_as_sets():
    """4.4.5, v2: the example of the specification, reached by an addition."""
    partition = partition_of(0, ASSIGNED, 0, version=2)
    assert outcome(partition, *ADD_0).errno == 0
    assert partition.tree[NODE]["ibm,dynamic-memory-v2"] == bytes.fromhex(
        "00000002 00000002 0000000000000000 80000000 00000000 00000008"
        "00000001 0000000020000000 80000002 ffffffff 00000000"
    )


@pytest.mark.parametrize(
    ("quirks", "sets"), [(set(), 2), ({Quirk.V2_MERGE}, 1)], ids=["split", "merged"]
)
def test_version_2_across_a_gap(quirks, sets):
    """B14: Linux merges across the gap; here that is a quirk, off by default."""
    tree = make_tree()
    rows = [(0, L0, NO_AA, 0), (0x100000000, lmb_drc(16), 0, ASSIGNED)]
    table = LmbTable(rows, LMB_SIZE)
    tree.add_node(
        NODE,
        {
            "ibm,lmb-size": struct.pack(">Q", LMB_SIZE),
            "ibm,dynamic-memory-v2": table.to_v2(),
            "ibm,associativity-lookup-arrays": cells(1, 1, 0),
        },
    )
    partition = Partition(tree)
    assert outcome(partition, *ADD_0, quirks=quirks).errno == 0
    written = partition.tree[NODE]["ibm,dynamic-memory-v2"]
    assert written[:4] == cells(sets)
    again = LmbTable.from_properties(None, written, LMB_SIZE)
    assert (list(again) == list(partition.lmbs)) == (sets == 2)


def test_without_a_property_it_is_eperm_and_memory_stays():
    """4.4.5, B16: the LMB was added, the writer sees EPERM."""
    partition = partition_of(0)
    del partition.tree[NODE]["ibm,dynamic-memory"]
    assert outcome(partition, *ADD_0).errno == errno.EPERM
    assert flags_of(partition) == [ASSIGNED]
    partition = partition_of(ASSIGNED)
    partition.tree.remove_node(NODE)
    done = outcome(partition, "memory remove count 1", removed(0), released(L0))
    assert done.errno == errno.EPERM
    assert flags_of(partition) == [0]


@pytest.mark.parametrize(
    "text",
    [
        "memory add count 1",
        "memory add index 0",
        "memory add indexed-count 1 0",
        "memory remove count 1",
    ],
)
def test_without_a_table_everything_is_einval(text):
    """4.4: no drmem node: an empty table."""
    done = outcome(Partition(make_tree()), text)
    assert done.errno == errno.EINVAL
    assert done.calls == []

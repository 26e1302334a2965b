"""Memory requests by index and by count: calls, roll-back and errno of Linux 6.12."""

from __future__ import annotations

import errno
import struct

import pytest
from lmb_script import (
    FRAGMENT,
    L0,
    L1,
    L2,
    L3,
    NODE,
    added,
    flags_of,
    outcome,
    partition_of,
    removed,
)
from script import (
    AI_INVALID,
    ASSIGNED,
    LMB_SIZE,
    NO_AA,
    PRESENT,
    RESERVED,
    UNUSABLE,
    Script,
    acquired,
    add_lmbs,
    add_memory,
    cells,
    configured,
    fragment,
    isolate,
    lmb_fragment,
    make_tree,
    memory,
    not_configured,
    released,
    sensor,
    unisolate,
    unusable,
    usable,
)

from pydlpar.constants import Action, IdType, Resource
from pydlpar.dispatch import Dispatcher
from pydlpar.operations.behaviour import Quirk
from pydlpar.partition import Partition
from pydlpar.request import HotplugRequest


def test_add_by_index_makes_just_these_calls():
    """4.4.1: acquire, configure, add, online; flags and index are written."""
    partition = partition_of(ASSIGNED, 0)
    node = partition.tree[NODE]
    before = node["ibm,dynamic-memory"]
    done = outcome(partition, "memory add index 0x80000001", acquired(L1), added(1))
    assert done.errno == 0
    assert flags_of(partition) == [ASSIGNED, ASSIGNED]
    assert partition.lmbs[1].aa_index == 0
    after = node["ibm,dynamic-memory"]
    assert after == before[:-8] + cells(0, ASSIGNED)
    assert done.changes == [("set", NODE, "ibm,dynamic-memory", before, after)]


def test_remove_by_index_makes_just_these_calls():
    """4.4.1: offline, remove, then the release; the index becomes invalid."""
    partition = partition_of(ASSIGNED, ASSIGNED)
    done = outcome(
        partition, "memory remove index 0x80000001", removed(1), released(L1)
    )
    assert done.errno == 0
    assert flags_of(partition) == [ASSIGNED, 0]
    assert partition.tree[NODE]["ibm,dynamic-memory"][-8:] == cells(NO_AA, 0)


@pytest.mark.parametrize("action", ["add", "remove"])
def test_index_outside_the_table_is_einval_without_a_call(action):
    done = outcome(partition_of(0), f"memory {action} index 0x80000009")
    assert done.errno == errno.EINVAL
    assert done.reason == "LMB 0x80000009 is not in the table"


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([sensor(L0, PRESENT)], errno.EPERM),
        ([sensor(L0, UNUSABLE, -3)], errno.EPERM),
        ([sensor(L0, UNUSABLE), usable(L0, -3)], errno.EINVAL),
        ([sensor(L0, UNUSABLE), usable(L0, -9002)], errno.ENODEV),
        ([sensor(L0, UNUSABLE), usable(L0, 7)], errno.EIO),
        (
            [sensor(L0, UNUSABLE), usable(L0), unisolate(L0, -1), unusable(L0)],
            errno.EIO,
        ),
    ],
)
def test_failed_acquisition_is_the_errno(steps, expected):
    """4.4.2, B24: -1 of the sensor reaches the writer as EPERM."""
    done = outcome(partition_of(0), "memory add index 0x80000000", steps)
    assert done.errno == expected
    assert done.changes == []


def test_assigned_lmb_that_firmware_gives_is_einval_and_released():
    """4.4.1 step 1, after the acquisition."""
    partition = partition_of(ASSIGNED)
    done = outcome(partition, "memory add index 0x80000000", acquired(L0), released(L0))
    assert done.errno == errno.EINVAL
    assert done.reason == "LMB 0x80000000 is assigned"


def test_reserved_lmb_can_be_added_by_index():
    """4.4.2: RESERVED is not looked at."""
    partition = partition_of(RESERVED)
    done = outcome(partition, "memory add index 0x80000000", acquired(L0), added(0))
    assert done.errno == 0
    assert flags_of(partition) == [RESERVED | ASSIGNED]


TWICE = [released(L0), sensor(L0, UNUSABLE)]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (not_configured(L0), errno.EINVAL),
        (configured(L0, lmb_fragment()), errno.ENODEV),
        (configured(L0, fragment([])), errno.ENODEV),
        (configured(L0, lmb_fragment(1)), errno.EINVAL),
        (configured(L0, b"junk"), errno.EINVAL),
    ],
)
def test_failed_associativity_releases_twice(answer, expected):
    """4.4.1 step 2, B10: once where it fails, once by the caller."""
    partition = partition_of(0)
    before = partition.tree.to_dtb()
    done = outcome(
        partition, "memory add index 0x80000000", acquired(L0), answer, TWICE
    )
    assert done.errno == expected
    assert partition.tree.to_dtb() == before
    assert partition.lmbs[0].aa_index == NO_AA


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, errno.ENODEV), (b"", errno.EINVAL), (cells(2, 1, 0), errno.EINVAL)],
)
def test_lookup_arrays_absent_or_damaged(value, expected):
    """4.4.1 step 2b; damaged ones are read beyond their end by Linux."""
    partition = partition_of(0)
    if value is None:
        del partition.tree[NODE]["ibm,associativity-lookup-arrays"]
    else:
        partition.tree[NODE]["ibm,associativity-lookup-arrays"] = value
    steps = [acquired(L0), configured(L0, FRAGMENT), TWICE]
    done = outcome(partition, "memory add index 0x80000000", *steps)
    assert done.errno == expected


def test_known_associativity_is_found_not_added():
    """4.4.1 step 2c: the words behind the length word are compared."""
    partition = partition_of(0, arrays=(5, 6, 7))
    steps = [acquired(L0), configured(L0, lmb_fragment(1, 6)), added(0)[1:]]
    assert outcome(partition, "memory add index 0x80000000", *steps).errno == 0
    assert partition.lmbs[0].aa_index == 1


def test_new_associativity_is_appended():
    """4.4.1 step 2c: one property update of its own, before the table's."""
    partition = partition_of(0, arrays=(5,))
    steps = [acquired(L0), configured(L0, lmb_fragment(1, 6)), added(0)[1:]]
    done = outcome(partition, "memory add index 0x80000000", *steps)
    assert partition.lmbs[0].aa_index == 1
    arrays = partition.tree[NODE]["ibm,associativity-lookup-arrays"]
    assert arrays == cells(2, 1, 5, 6)
    assert [change[2] for change in done.changes] == [
        "ibm,associativity-lookup-arrays",
        "ibm,dynamic-memory",
    ]


def test_failed_request_may_have_enlarged_the_lookup_arrays():
    """4.4.5: flags stay as they were, the new array stays."""
    partition = partition_of(0, arrays=(5,))
    flags = partition.tree[NODE]["ibm,dynamic-memory"]
    done = outcome(
        partition,
        "memory add index 0x80000000",
        acquired(L0),
        configured(L0, lmb_fragment(1, 6)),
        add_memory(0, -errno.EEXIST),
        released(L0),
    )
    assert done.errno == errno.EEXIST
    assert partition.tree[NODE]["ibm,dynamic-memory"] == flags
    assert partition.tree[NODE]["ibm,associativity-lookup-arrays"] == cells(2, 1, 5, 6)
    assert partition.lmbs[0].aa_index == NO_AA


def test_failed_online_removes_the_memory_again():
    """4.4.1 step 5."""
    partition = partition_of(0)
    done = outcome(
        partition,
        "memory add index 0x80000000",
        acquired(L0),
        configured(L0, FRAGMENT),
        add_memory(0),
        memory("online", 0, -errno.ENOMEM),
        memory("remove", 0),
        released(L0),
    )
    assert done.errno == errno.ENOMEM
    assert partition.lmbs[0].aa_index == NO_AA
    assert flags_of(partition) == [0]


@pytest.mark.parametrize("flags", [0, RESERVED, ASSIGNED | RESERVED, AI_INVALID])
def test_lmb_that_is_not_removable_is_einval(flags):
    done = outcome(partition_of(flags), "memory remove index 0x80000000")
    assert done.errno == errno.EINVAL
    assert "is not removable" in done.reason


@pytest.mark.parametrize(
    ("area", "expected"),
    [
        ((0, LMB_SIZE), 0),
        ((LMB_SIZE - 1, 1), 0),
        ((2 * LMB_SIZE, 1), 0),
        ((LMB_SIZE, 1), errno.EINVAL),
        ((2 * LMB_SIZE - 1, 1), errno.EINVAL),
        ((0, 3 * LMB_SIZE), errno.EINVAL),
    ],
)
def test_dump_area_cannot_be_removed(area, expected):
    partition = Partition(add_lmbs(make_tree(), ASSIGNED, ASSIGNED), fadump=area)
    steps = [] if expected else [removed(1), released(L1)]
    done = outcome(partition, "memory remove index 0x80000001", *steps)
    assert done.errno == expected


@pytest.mark.parametrize("rc", [errno.EBUSY, errno.EINTR, errno.EAGAIN, errno.EINVAL])
def test_failed_offline_is_the_errno(rc):
    """4.4.1: no DRC call; not even a hint (B13)."""
    partition = partition_of(ASSIGNED)
    steps = [memory("offline", 0, -rc)]
    done = outcome(partition, "memory remove index 0x80000000", *steps)
    assert done.errno == rc
    assert flags_of(partition) == [ASSIGNED]


@pytest.mark.parametrize("status", [-1, -9001, 9])
def test_refused_release_after_removal_is_success(status):
    """4.4.2, B23: gone for the kernel, with firmware still; visible in the calls."""
    partition = partition_of(ASSIGNED)
    steps = [removed(0), sensor(L0, PRESENT), isolate(L0, status)]
    done = outcome(partition, "memory remove index 0x80000000", *steps)
    assert done.errno == 0
    assert done.calls[-1].status == status
    assert flags_of(partition) == [0]


def test_result_of_remove_memory_is_not_looked_at():
    partition = partition_of(ASSIGNED)
    steps = [memory("offline", 0), memory("remove", 0, -5), released(L0)]
    assert outcome(partition, "memory remove index 0x80000000", *steps).errno == 0


@pytest.mark.parametrize("text", ["memory add count 0", "memory remove count 0"])
def test_count_of_zero_is_einval(text):
    assert outcome(partition_of(0, ASSIGNED), text).errno == errno.EINVAL


def test_too_few_available_is_einval_without_a_call():
    """4.4.3: neither RESERVED nor ASSIGNED ones are available."""
    partition = partition_of(0, RESERVED, ASSIGNED, 0)
    done = outcome(partition, "memory add count 3")
    assert done.errno == errno.EINVAL
    assert done.reason == "2 of 3 LMBs are available"
    big = outcome(partition, "memory add count 0xffffffff")
    assert big.errno == errno.EINVAL


def test_add_count_takes_the_first_that_let_themselves():
    """4.4.3: acquire fails: next; add fails: release, next; stop at n."""
    partition = partition_of(ASSIGNED, 0, 0, 0, 0)
    done = outcome(
        partition,
        "memory add count 1",
        sensor(L1, PRESENT),
        acquired(L2),
        configured(L2, FRAGMENT),
        add_memory(2 * LMB_SIZE, -errno.EEXIST),
        released(L2),
        acquired(L3),
        added(3),
    )
    assert done.errno == 0
    assert done.reason == ""
    assert flags_of(partition) == [ASSIGNED, 0, 0, ASSIGNED, 0]


def test_short_add_count_is_rolled_back_in_table_order():
    """4.4.3: remove-one, and where that works release; EINVAL whatever the cause."""
    partition = partition_of(0, 0, 0)
    property_before = partition.tree[NODE]["ibm,dynamic-memory"]
    done = outcome(
        partition,
        "memory add count 3",
        acquired(L0),
        added(0),
        acquired(L1),
        added(1),
        sensor(L2, PRESENT),
        memory("offline", 0, -errno.EBUSY),
        removed(1),
        released(L1),
    )
    assert done.errno == errno.EINVAL
    assert done.reason == (
        "2 of 3 LMBs could be added: get-sensor-state(9003, 0x80000002) said "
        "present (1), expected unusable (2)"
    )
    # The one that refused to go offline stays; the property knows nothing of it.
    assert flags_of(partition) == [ASSIGNED, 0, 0]
    assert partition.tree[NODE]["ibm,dynamic-memory"] == property_before


def test_add_count_tries_reserved_lmbs():
    """B11: not counted as available, but tried; B11a: and not rolled back."""
    partition = partition_of(RESERVED, 0, 0)
    done = outcome(
        partition,
        "memory add count 2",
        acquired(L0),
        added(0),
        sensor(L1, PRESENT),
        sensor(L2, PRESENT),
    )
    assert done.errno == errno.EINVAL
    assert flags_of(partition) == [RESERVED | ASSIGNED, 0, 0]


def test_reserved_lmbs_are_skipped_without_the_quirk():
    partition = partition_of(RESERVED, 0, 0)
    done = outcome(
        partition,
        "memory add count 1",
        acquired(L1),
        added(1),
        quirks=set(Quirk) - {Quirk.RESERVED_WALK},
    )
    assert done.errno == 0


def test_too_few_removable_is_einval_without_a_call():
    partition = partition_of(0, ASSIGNED | RESERVED, ASSIGNED)
    done = outcome(partition, "memory remove count 2")
    assert done.errno == errno.EINVAL
    assert done.reason == "1 of 2 LMBs are removable"


def test_dump_area_is_not_counted_as_removable():
    tree = add_lmbs(make_tree(), ASSIGNED, ASSIGNED)
    partition = Partition(tree, fadump=(0, 1))
    done = outcome(partition, "memory remove count 2")
    assert done.reason == "1 of 2 LMBs are removable"
    steps = [removed(1), released(L1)]
    assert outcome(partition, "memory remove count 1", *steps).errno == 0


def test_remove_count_takes_the_lowest_and_releases_at_the_end():
    """4.4.3: failure: next; the DRCs only after all were removed."""
    partition = partition_of(ASSIGNED, ASSIGNED | RESERVED, ASSIGNED, ASSIGNED)
    done = outcome(
        partition,
        "memory remove count 2",
        memory("offline", 0, -errno.EBUSY),
        removed(2),
        removed(3),
        released(L2),
        sensor(L3, UNUSABLE),
    )
    assert done.errno == 0
    assert flags_of(partition) == [ASSIGNED, ASSIGNED | RESERVED, 0, 0]


def test_short_remove_count_is_added_again_without_acquire_or_hint():
    """4.4.3, B13: no unisolate; a failing addition is only logged."""
    partition = partition_of(ASSIGNED, ASSIGNED, ASSIGNED)
    before = partition.tree.to_dtb()
    done = outcome(
        partition,
        "memory remove count 3",
        removed(0),
        removed(1),
        memory("offline", 2 * LMB_SIZE, -errno.EBUSY),
        added(0),
        not_configured(L1),
        released(L1),
    )
    assert done.errno == errno.EINVAL
    assert done.reason == (
        "2 of 3 LMBs could be removed: memory at 0x20000000 did not go offline: -16"
    )
    assert flags_of(partition) == [ASSIGNED, 0, ASSIGNED]
    assert partition.tree.to_dtb() == before


def test_first_match_of_a_repeated_index_is_taken():
    """B25: QEMU lists index 0 for boot memory and gaps."""
    tree = add_lmbs(make_tree(), RESERVED, RESERVED, 0)
    raw = bytearray(tree[NODE]["ibm,dynamic-memory"])
    for row in (0, 1):
        struct.pack_into(">I", raw, 4 + 24 * row + 8, 0)
    tree[NODE]["ibm,dynamic-memory"] = bytes(raw)
    partition = Partition(tree)
    done = outcome(partition, "memory add index 0", sensor(0, UNUSABLE, -3))
    assert done.errno == errno.EPERM
    done = outcome(partition, "memory remove index 0")
    assert "LMB 0x00000000 is not removable, flags 0x80" in done.reason


def test_request_without_an_index_is_einval():
    """An index request made by hand that names none."""
    request = HotplugRequest(Resource.MEMORY, Action.ADD, IdType.DRC_INDEX)
    done = Dispatcher(partition_of(0), Script()).handle(request)
    assert done.errno == errno.EINVAL
    assert done.reason == "the request names no DRC index"

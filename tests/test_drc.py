"""DRC index arithmetic and the two encodings of DRC lists.

Whatever the bytes: a list, or DecodeError with the byte.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from script import cells

from pydlpar.constants import DrcType
from pydlpar.drc import (
    Drc,
    DrcList,
    DrcRun,
    cpu_indexes,
    drc_id,
    drc_index,
    drc_type,
)
from pydlpar.errors import ArgumentError, DecodeError, DrcListError
from pydlpar.tree import DeviceTree

LIVE = 0xFFFFFFFF
# The record list of the specification: one record of 4 cores, step 8.
FOUR_CORES = bytes.fromhex(
    "00000001 43505500 43505520 00 10000000 00000000 00000004 00000008 ffffffff"
)


def record(kind, prefix, *numbers):
    return kind.encode() + b"\0" + prefix.encode() + b"\0" + cells(*numbers)


def info(*records):
    return cells(len(records)) + b"".join(records)


@given(st.sampled_from(DrcType), st.integers(0, (1 << 28) - 1))
def test_index_is_type_and_id(kind, identifier):
    index = drc_index(kind, identifier)
    assert drc_type(index) is kind
    assert drc_id(index) == identifier
    assert index == kind << 28 | identifier


def test_unknown_types_stay_numbers():
    assert drc_type(0xF0000001) == 15
    assert drc_type(0) == 0


@pytest.mark.parametrize("identifier", [-1, 1 << 28])
def test_id_that_would_reach_the_type_is_refused(identifier):
    with pytest.raises(ArgumentError, match=r"expected 0\.\.0xfffffff"):
        drc_index(DrcType.CPU, identifier)


def test_arrays_are_read_in_their_order():
    """3.12, and QEMU's own example: hash order, kept as it is."""
    drcs = DrcList.from_arrays(
        cells(4, 0x10000003, 0x10000000, 0x10000001, 0x10000002),
        cells(4) + b"CPU 3\0CPU 0\0CPU 1\0CPU 2\0",
        cells(4) + b"CPU\0" * 4,
        cells(4, *[LIVE] * 4),
    )
    assert len(drcs) == 4
    assert next(iter(drcs)) == Drc(0x10000003, "CPU 3", "CPU", LIVE)
    assert drcs.find(0x10000001).name == "CPU 1"
    assert drcs.find_name("CPU 2").index == 0x10000002
    assert 0x10000002 in drcs
    assert 0x10000004 not in drcs
    assert drcs.find(0x10000004) is None
    assert drcs.find_name("CPU 4") is None


def test_absent_arrays_are_empty_columns():
    drcs = DrcList.from_arrays(cells(2, 5, 6))
    assert list(drcs) == [Drc(5, "", "", LIVE), Drc(6, "", "", LIVE)]


def test_of_equal_entries_the_first_counts():
    drcs = DrcList.from_arrays(cells(2, 5, 5), cells(2) + b"a\0b\0")
    assert drcs.find(5).name == "a"
    drcs = DrcList.from_arrays(cells(2, 5, 6), cells(2) + b"a\0a\0")
    assert drcs.find_name("a").index == 5


@pytest.mark.parametrize(
    ("columns", "message", "name", "offset"),
    [
        ((b"",), "ibm,drc-indexes: no count word", "indexes", 0),
        ((b"\0\0\0",), "no count word", "indexes", 0),
        ((cells(2, 5),), "count 2, but 4 bytes follow", "indexes", 8),
        ((cells(2**32 - 1, 5),), "count 4294967295, but 4 bytes", "indexes", 8),
        ((cells(0, 5),), "count 0, but 4 bytes follow", "indexes", 4),
        ((cells(1, 5), cells(1) + b"a"), "count 1, but 0 strings", "names", 4),
        ((cells(1, 5), cells(1) + b"a\0b"), "count 1, but 1 strings", "names", 6),
        ((cells(1, 5), cells(2) + b"a\0"), "count 2, but 1 strings", "names", 6),
        ((cells(1, 5), cells(2) + b"a\0b\0"), "2 entries, expected 1", "names", 0),
        ((cells(1, 5), None, cells(0)), "0 entries, expected 1", "types", 0),
        (
            (cells(1, 5), None, None, cells(2, 1, 1)),
            "2 entries, expected 1",
            "power-domains",
            0,
        ),
    ],
)
def test_malformed_arrays_are_decode_errors(columns, message, name, offset):
    """The property, and the first byte that is missing or too much."""
    with pytest.raises(DrcListError, match=message) as caught:
        DrcList.from_arrays(*columns)
    assert (caught.value.property, caught.value.offset) == (f"ibm,drc-{name}", offset)
    assert caught.value.path is None


def test_example_of_the_specification():
    """3.12: index and name grow by the increment."""
    drcs = DrcList.from_info(FOUR_CORES)
    assert [drc.index for drc in drcs] == [0x10000000 + 8 * k for k in range(4)]
    assert [drc.name for drc in drcs] == ["CPU 0", "CPU 8", "CPU 16", "CPU 24"]
    assert drcs.find(0x10000010) == Drc(0x10000010, "CPU 16", "CPU", LIVE)
    assert drcs.find_name("CPU 24").index == 0x10000018
    two = DrcList.from_info(info(FOUR_CORES[4:], record("X", "X", 1, 1, 1, 1, 0)))
    assert two.find_name("X1").index == 1
    for absent in ("CPU 4", "CPU 32", "CPU", "CPU -8", "CPU 08", "LMB 8", "CPU \u0661"):
        assert drcs.find_name(absent) is None
    assert drcs.find_name("CPU " + "9" * 5000) is None


def test_a_run_is_not_expanded():
    """A record may claim 2^32 connectors; look-ups cost nothing."""
    drcs = DrcList.from_info(info(record("MEM", "LMB ", 0, 0, 0xFFFFFFFF, 1, LIVE)))
    assert len(drcs) == 0xFFFFFFFF
    assert drcs.find(0x80000000).name == "LMB 2147483648"
    assert drcs.find_name("LMB 4294967294").index == 0xFFFFFFFE


def test_run_without_increment_has_one_element():
    drcs = DrcList.from_info(info(record("PHB", "PHB ", 7, 1, 9, 0, LIVE)))
    assert list(drcs) == [Drc(7, "PHB 1", "PHB", LIVE)]


def test_run_without_elements_is_empty():
    """3.12: the kernel's last index underflows; there is nothing in it."""
    run = DrcRun("CPU", "CPU ", 7, 1, 0, 1, LIVE)
    assert list(run.indexes) == []
    assert len(DrcList((run,))) == 0


@pytest.mark.parametrize(
    ("data", "offset", "row"),
    [
        (b"", 0, None),
        (cells(1), 4, 0),  # no type
        (cells(1) + b"CPU", 4, 0),  # type without an end
        (cells(1) + b"CPU\0CPU ", 8, 0),  # prefix without an end
        (FOUR_CORES[:-1], 13, 0),  # the cells begin at byte 13
        (cells(2) + FOUR_CORES[4:], 33, 1),  # no second record
        (info(record("CPU", "", 0xFFFFFFFF, 0, 2, 1, 0)), 9, 0),  # leaves 32 bits
    ],
)
def test_malformed_info_is_a_decode_error(data, offset, row):
    with pytest.raises(DecodeError) as caught:
        DrcList.from_info(data)
    assert (caught.value.offset, caught.value.row) == (offset, row)


def test_every_truncation_of_a_list_is_a_decode_error():
    data = info(FOUR_CORES[4:], record("LMB", "LMB ", 1, 1, 1, 1, 1))
    for length in range(len(data)):
        with pytest.raises(DecodeError):
            DrcList.from_info(data[:length])


@given(st.binary(max_size=64))
def test_any_bytes_are_a_list_or_a_decode_error(data):
    for read in (DrcList.from_info, DrcList.from_arrays):
        for properties in (data, cells(1) + data, cells(2) + data):
            try:
                drcs = read(properties)
            except DecodeError as error:
                assert error.offset is not None  # noqa: PT017
            else:
                assert len(drcs) >= 0
    assert isinstance(cpu_indexes(data, data), tuple)


def test_a_position_is_a_connector_of_either_encoding():
    arrays = DrcList.from_arrays(cells(2, 5, 6), cells(2) + b"a\0b\0")
    assert (arrays[0].name, arrays[-1].name) == ("a", "b")
    two = DrcList.from_info(info(FOUR_CORES[4:], record("X", "X", 1, 7, 2, 1, 0)))
    assert [two[k] for k in range(len(two))] == list(two)
    assert (two[4].name, two[-1].name) == ("X7", "X8")
    for wrong in (6, -7):
        with pytest.raises(IndexError, match=f"connector {wrong} of 6"):
            two[wrong]


def test_info_wins_over_arrays():
    properties = {"ibm,drc-info": FOUR_CORES, "ibm,drc-indexes": cells(1, 5)}
    assert len(DrcList.from_properties(properties)) == 4
    del properties["ibm,drc-info"]
    assert len(DrcList.from_properties(properties)) == 1
    assert len(DrcList.from_properties({})) == 0


def listed(info, indexes):
    return [index for part in cpu_indexes(info, indexes) for index in part]


def test_kernel_skips_the_count_word_only():
    """4.3 step 3: scanned to the end of the property."""
    assert listed(None, cells(1, 5, 6)) == [5, 6]
    assert listed(None, cells(9, 5) + b"\0\0") == [5]
    assert listed(None, b"") == []
    assert listed(None, None) == []


def test_kernel_stops_at_the_first_record_of_another_type():
    """A type that only begins with CPU is one."""
    cpu = record("CPUX", "CPU ", 1, 0, 2, 1, LIVE)
    data = info(cpu, record("MEM", "LMB ", 9, 0, 1, 1, LIVE), cpu)
    assert listed(data, cells(1, 5)) == [1, 2]


def test_kernel_stops_at_a_malformed_record():
    cpu = record("CPU", "CPU ", 1, 0, 2, 1, LIVE)
    assert listed(cells(2) + cpu, None) == [1, 2]
    assert listed(b"", cells(1, 5)) == []


def test_real_trees_list_their_cpus(real_trees):
    """Every CPU node's own index is listed under a name that ends in its id."""
    for name, data in real_trees.items():
        cpus = DeviceTree.from_dtb(data)["/cpus"]
        drcs = DrcList.from_properties(cpus.properties)
        for cpu in cpus.children:
            if "ibm,my-drc-index" in cpu:
                drc = drcs.find(cpu.u32("ibm,my-drc-index"))
                assert drc is not None, name
                assert drc.type == "CPU"
                assert drc.name == f"CPU {drc_id(drc.index)}"
                assert drcs.find_name(drc.name) == drc

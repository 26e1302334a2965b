"""Lists of connectors written as properties: what is read again is the same.

Rows of firmware.md 3.1 (types and names), 3.2 (arrays), 3.3 (`ibm,drc-info`).
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from script import cells

from pydlpar.drc import Drc, DrcList, DrcRun
from pydlpar.drc_encode import ARRAYS, drc_arrays, drc_info
from pydlpar.errors import ArgumentError
from pydlpar.tree import DeviceTree

LIVE = 0xFFFFFFFF

NAMED = st.builds(
    Drc,
    st.integers(0, 2**32 - 1),
    st.builds(
        "{}{}".format, st.sampled_from(["", "C", "U1-C0"]), st.integers(0, 2**40)
    ),
    st.sampled_from(["CPU", "28"]),
    st.integers(0, 2**32 - 1),
)


@given(st.lists(NAMED, max_size=8))
def test_either_encoding_gives_the_same_list_again(drcs):
    """Order, names, types, power domains: nothing is lost in between."""
    drcs = DrcList(drcs=tuple(drcs))
    assert list(DrcList.from_info(drc_info(drcs))) == list(drcs)
    assert list(DrcList.from_properties(drc_arrays(drcs))) == list(drcs)


@given(st.integers(0, 99), st.integers(1, 9), st.integers(1, 50))
def test_connectors_that_follow_each_other_are_one_record(first, step, count):
    run = DrcRun("MEM", "LMB ", first, first, count, step if count > 1 else 1, LIVE)
    drcs = DrcList.from_properties(drc_arrays(DrcList((run,))))
    assert DrcList.from_info(drc_info(drcs)).runs == (run,)


def test_what_an_encoding_cannot_hold_is_refused():
    with pytest.raises(ArgumentError, match="'Slot': ibm,drc-info has only names"):
        drc_info(DrcList(drcs=(Drc(1, "Slot", "28", LIVE),)))
    for name in ("\ufffd1", "a\0001"):
        with pytest.raises(ArgumentError, match="expected ASCII"):
            drc_info(DrcList(drcs=(Drc(1, name, "28", LIVE),)))
    huge = DrcList((DrcRun("MEM", "LMB ", 0, 0, 2**32 - 1, 1, LIVE),))
    assert len(drc_info(huge)) == 33
    with pytest.raises(ArgumentError, match="4294967295 connectors as arrays"):
        drc_arrays(huge)


def test_real_lists_become_records_and_arrays_again(real_trees):
    """The arrays of every real tree come back byte for byte, through one property."""
    count = 0
    for data in real_trees.values():
        for node in DeviceTree.from_dtb(data).by_property("ibm,drc-indexes"):
            properties = node.properties.as_dict()
            drcs = DrcList.from_properties(properties)
            records = DrcList.from_info(drc_info(drcs))
            arrays = drc_arrays(records)
            assert {name: properties[name] for name in arrays} == arrays
            count += 1
    assert count > 60


CPUS = [Drc(0x10000000 + n, f"CPU {n}", "CPU", LIVE) for n in (3, 0, 1, 2)]


def test_arrays_of_the_sample():
    """3.2: a count each; numbers; strings without padding; in the given order."""
    assert drc_arrays(CPUS) == {
        "ibm,drc-indexes": cells(4, 0x10000003, 0x10000000, 0x10000001, 0x10000002),
        "ibm,drc-power-domains": cells(4, LIVE, LIVE, LIVE, LIVE),
        "ibm,drc-names": b"\0\0\0\x04CPU 3\0CPU 0\0CPU 1\0CPU 2\0",
        "ibm,drc-types": b"\0\0\0\x04" + b"CPU\0" * 4,
    }
    assert len(drc_arrays(CPUS)["ibm,drc-names"]) == 28
    assert tuple(drc_arrays([])) == ARRAYS
    assert set(drc_arrays([]).values()) == {cells(0)}


def test_info_of_the_sample():
    """3.3: count; type, prefix, first index, first number, elements, step, domain."""
    record = b"CPU\0CPU \0" + cells(0x10000000, 0, 4, 1, LIVE)
    assert drc_info(sorted(CPUS)) == cells(1) + record
    assert drc_info(CPUS)[:4] == cells(2)
    assert drc_info([]) == cells(0)


@pytest.mark.parametrize(
    ("drcs", "runs"),
    [
        (
            [Drc(0x10000000 + 8 * n, f"CPU {8 * n}", "CPU", LIVE) for n in range(3)],
            [DrcRun("CPU", "CPU ", 0x10000000, 0, 3, 8, LIVE)],
        ),
        (
            [Drc(5, "PHB 5", "PHB", LIVE), Drc(6, "PHB 6", "PHB", 1)],
            [
                DrcRun("PHB", "PHB ", 5, 5, 1, 1, LIVE),
                DrcRun("PHB", "PHB ", 6, 6, 1, 1, 1),
            ],
        ),
        (
            [Drc(n, f"U9-V1-C{m}", "28", LIVE) for n, m in ((1, 1), (2, 2), (3, 9))],
            [
                DrcRun("28", "U9-V1-C", 1, 1, 2, 1, LIVE),
                DrcRun("28", "U9-V1-C", 3, 9, 1, 1, LIVE),
            ],
        ),
        ([Drc(7, "C007", "28", 0)], [DrcRun("28", "C00", 7, 7, 1, 1, 0)]),
        ([Drc(7, "C00", "28", 0)], [DrcRun("28", "C0", 7, 0, 1, 1, 0)]),
    ],
)
def test_runs(drcs, runs):
    """A record ends where step, domain or name do not go on; no leading zero."""
    assert list(DrcList.from_info(drc_info(drcs)).runs) == runs


@pytest.mark.parametrize(
    ("drc", "message"),
    [
        (Drc(1 << 32, "C1", "28", 0), "expected 32"),
        (Drc(-1, "C1", "28", 0), "expected 32"),
        (Drc(1, "C1", "28", 1 << 32), "expected 32"),
        (Drc(1, "é1", "28", 0), "expected ASCII"),
        (Drc(1, "C\0" + "1", "28", 0), "without NUL"),
        (Drc(1, "C1", "é", 0), "expected ASCII"),
    ],
)
def test_what_cannot_be_written(drc, message):
    for write in (drc_arrays, drc_info):
        with pytest.raises(ArgumentError, match=message):
            write([drc])


def test_name_without_a_number_is_for_arrays_only():
    drc = Drc(1, "CPU", "CPU", LIVE)
    assert list(DrcList.from_properties(drc_arrays([drc]))) == [drc]
    with pytest.raises(ArgumentError, match="names that end in a number"):
        drc_info([drc])

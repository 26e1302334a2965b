"""DRC lists written: as arrays and as `ibm,drc-info`, and read back.

Rows of firmware.md 3.1 (types and names), 3.2 (arrays), 3.3 (`ibm,drc-info`).
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from script import cells

from pydlpar import ArgumentError
from pydlpar.drc import Drc, DrcList, DrcRun
from pydlpar.drc_encode import ARRAYS, drc_arrays, drc_info

LIVE = 0xFFFFFFFF
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
    assert drc_info(CPUS) == cells(1) + record
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
                DrcRun("PHB", "PHB ", 6, 6, 1, 1, 1),
                DrcRun("PHB", "PHB ", 5, 5, 1, 1, LIVE),
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


drcs = st.lists(
    st.builds(
        Drc,
        st.integers(0, LIVE),
        st.builds(
            "{}{}".format,
            st.text("CPU -0", max_size=3),
            st.integers(0, LIVE),
        ),
        st.sampled_from(["CPU", "28", ""]),
        st.sampled_from([0, LIVE]),
    ),
    max_size=12,
)


@given(drcs)
def test_both_are_read_back(listed):
    assert list(DrcList.from_properties(drc_arrays(listed))) == listed
    try:
        info = drc_info(listed)
    except ArgumentError:
        # A prefix that ends in digits makes a number beyond 32 bits.
        assert any(len(drc.name) > 10 for drc in listed)
    else:
        assert sorted(DrcList.from_info(info)) == sorted(listed)


@given(st.integers(0, 1 << 27), st.integers(1, 50), st.integers(1, 9))
def test_equal_steps_are_one_record(first, count, step):
    numbers = range(first, first + count * step, step)
    listed = [Drc(0x10000000 + n, f"CPU {n}", "CPU", LIVE) for n in numbers]
    assert drc_info(listed)[:4] == cells(1)


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
    with pytest.raises(ArgumentError, match="ends in digits"):
        drc_info([drc])

"""Lists of connectors written as properties: what is read again is the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydlpar.drc import Drc, DrcList, DrcRun
from pydlpar.drc_encode import drc_arrays, drc_info
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

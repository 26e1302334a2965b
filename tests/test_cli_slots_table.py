"""Rows that share a line, and tables that fit, whatever is in them."""

from __future__ import annotations

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from hypothesis import given
from hypothesis import strategies as st

from pydlpar import Lmb, Slot, SlotKind
from pydlpar.cli.output import Screen
from pydlpar.cli.slots_fold import folded
from pydlpar.cli.slots_table import Column, Row, table_lines
from pydlpar.drc import Drc


def slot(index, name, kind=SlotKind.PCI, lmb=None, owner="/"):
    return Slot(kind, Drc(index, name, "28", 0), owner, None, lmb)


def folds(*slots, look=lambda _: None):
    spans = ((one, one, 1) for one in slots)
    return [(f.first.drc.name, f.count) for f in folded(spans, look)]


def test_neighbours_share_a_line():
    assert folds(slot(1, "C1"), slot(2, "C2"), slot(3, "C3")) == [("C1", 3)]
    assert folds(slot(1, ""), slot(2, "")) == [("", 2)]
    assert folds() == []


@pytest.mark.parametrize(
    "second",
    [
        slot(3, "C2"),  # not the next index
        slot(2, "C3", owner="/pci"),
        slot(2, "D2"),
        slot(2, "C"),
        slot(2, "C1"),
        slot(2, "C02"),
        slot(2, "C2", SlotKind.PHB),
        slot(2, "C2", lmb=Lmb(0, 2, 0, 0)),
    ],
)
def test_what_differs_has_its_own_line(second):
    assert [count for _, count in folds(slot(1, "C1"), second)] == [1, 1]


def test_cores_may_be_as_far_apart_as_their_threads():
    cores = [slot(n, f"CPU {n}", SlotKind.CPU) for n in (0, 8, 16, 20)]
    assert folds(*cores) == [("CPU 0", 3), ("CPU 20", 1)]


def test_lmbs_must_follow_each_other_in_address_and_be_alike():
    def lmb(n, base, aa=0, flags=0):
        return slot(n, f"LMB {n}", SlotKind.MEM, Lmb(base, n, aa, flags))

    assert folds(lmb(1, 0x10), lmb(2, 0x20), lmb(3, 0x40)) == [
        ("LMB 1", 2),
        ("LMB 3", 1),
    ]
    assert len(folds(lmb(1, 0x10), lmb(2, 0x20, aa=1))) == 2
    assert len(folds(lmb(1, 0x10), lmb(2, 0x20, flags=0x80))) == 2
    # In use, each has its own.
    assert len(folds(lmb(1, 0x10, flags=8), lmb(2, 0x20, flags=8))) == 2


def test_the_caller_says_what_else_must_be_equal():
    pair = slot(1, "C1"), slot(2, "C2")
    assert len(folds(*pair, look=lambda slot: slot.drc.index)) == 2


def test_a_span_stays_whole():
    first, last = slot(1, "C1"), slot(9, "C9")
    spans = [
        (slot(0, "C0"),) * 2 + (1,),
        (first, last, 9),
        (slot(10, "C10"),) * 2 + (1,),
    ]
    assert [fold.count for fold in folded(spans, lambda _: None)] == [1, 9, 1]


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from("ab"))))
def test_no_slot_is_lost(given_slots):
    slots = [slot(index, f"{name}{index}") for index, name in given_slots]
    found = list(folded(((one, one, 1) for one in slots), lambda _: None))
    assert sum(fold.count for fold in found) == len(slots)
    at = 0
    for fold in found:
        assert (fold.first, fold.last) == (slots[at], slots[at + fold.count - 1])
        at += fold.count


COLUMNS = [Column("Name"), Column("Number", 1, True), Column("Rest", 2)]


def table(rows, width=None):
    screen = Screen()
    screen.width = width
    return list(table_lines(screen, COLUMNS, [Row(row) for row in rows]))


def test_columns_are_as_wide_as_what_is_in_them():
    assert table([("a", "1", "x"), ("long one", "100", "")]) == [
        "Name      Number  Rest",
        "a              1  x",
        "long one     100",
    ]


def test_an_empty_column_is_left_out_and_an_empty_table_is_a_heading():
    assert table([("a", "", "x")]) == ["Name  Rest", "a     x"]
    assert table([]) == ["Name  Number  Rest"]


def test_what_has_no_room_is_named():
    assert table([("a", "1", "x" * 20)], 20) == [
        "Name  Number",
        "a          1",
        "(no room for: Rest)",
    ]
    assert table([("abcdefghijkl", "1", "x")], 10) == [
        "Name",
        "abcdefghi…",
        "(no room for: Rest, Number)",
    ]


CELLS = st.text("ab \x1b\n\u00e9", max_size=30)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=5), st.integers(8, 80))
def test_a_table_is_never_wider_than_its_terminal(rows, width):
    """Down to the width of its first column; and no control character gets out."""
    lines = table(rows, width)
    body = [line for line in lines if not line.startswith("(no room")]
    assert len(body) == len(rows) + 1
    assert all(len(line) <= width for line in body)
    assert all(line.isprintable() for line in lines)

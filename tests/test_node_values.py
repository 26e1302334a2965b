"""Typed values: what is written is what is read; lengths are checked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydlpar import ArgumentError, DeviceTree, NotFoundError, TreeError

SIZES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8}


@pytest.fixture
def node():
    return DeviceTree().add_node("/n", {})


@pytest.mark.parametrize(("kind", "size"), SIZES.items())
@given(data=st.data())
def test_numbers_survive(kind, size, data):
    """Of each width, one and many; big-endian."""
    node = DeviceTree().root
    numbers = data.draw(st.lists(st.integers(0, (1 << 8 * size) - 1), max_size=5))
    getattr(node, f"set_{kind}")("x", *numbers)
    assert node["x"] == b"".join(n.to_bytes(size, "big") for n in numbers)
    assert getattr(node, f"{kind}s")("x") == tuple(numbers)
    if len(numbers) == 1:
        assert getattr(node, kind)("x") == numbers[0]
    else:
        with pytest.raises(TreeError, match=f"{len(numbers) * size} bytes, expected"):
            getattr(node, kind)("x")


@pytest.mark.parametrize(("kind", "size"), SIZES.items())
def test_numbers_that_do_not_fit(node, kind, size):
    """Refused, and nothing is written."""
    for number in (-1, 1 << 8 * size):
        with pytest.raises(ArgumentError, match=f"'x': number {number}: expected 0 to"):
            getattr(node, f"set_{kind}")("x", 1, number)
    with pytest.raises(TypeError):
        getattr(node, f"set_{kind}")("x", 1.5)
    assert "x" not in node


@pytest.mark.parametrize(("kind", "size"), SIZES.items())
def test_missing_and_wrong_lengths_are_named(node, kind, size):
    with pytest.raises(NotFoundError, match="/n, property 'x'"):
        getattr(node, kind)("x")
    with pytest.raises(NotFoundError, match="/n, property 'x'"):
        getattr(node, f"{kind}s")("x")
    node["x"] = bytes(size + 1)
    with pytest.raises(TreeError, match=f"{size + 1} bytes, expected {size} bytes"):
        getattr(node, kind)("x")
    if size > 1:
        with pytest.raises(TreeError, match=f"expected a multiple of {size}"):
            getattr(node, f"{kind}s")("x")


@given(st.lists(st.integers(0, 4), min_size=1, max_size=4), st.data())
def test_records_survive(widths, data):
    """Numbers of any width in cells, of width 0 too, where only 0 fits."""
    rows = data.draw(
        st.lists(
            st.tuples(*(st.integers(0, (1 << 32 * w) - 1) for w in widths)), max_size=4
        )
    )
    node = DeviceTree().root
    node.set_records("x", widths, rows)
    assert len(node["x"]) == 4 * sum(widths) * len(rows)
    if sum(widths):
        assert node.records("x", *widths) == rows


def test_cells_are_records_of_one_width(node):
    node.set_u32("x", 1, 2, 3, 4, 5, 6)
    assert node.cells("x", 1) == [(1,), (2,), (3,), (4,), (5,), (6,)]
    assert node.cells("x", 2) == [(1, 2), (3, 4), (5, 6)]
    assert node.cells("x", 3) == [(1, 2, 3), (4, 5, 6)]
    assert node.records("x", 2, 1) == [((1 << 32) + 2, 3), ((4 << 32) + 5, 6)]
    for n in (4, 5, 7):
        with pytest.raises(TreeError, match=f"24 bytes, expected records of {4 * n}"):
            node.cells("x", n)
    for n in (0, -1):
        with pytest.raises(ArgumentError, match="records of"):
            node.cells("x", n)


def test_records_that_cannot_be(node):
    node["x"] = b""
    assert node.records("x", 0) == node.records("x") == []
    node["x"] = bytes(4)
    for widths in ((), (0, 0)):
        with pytest.raises(TreeError, match="records of 0"):
            node.records("x", *widths)
    with pytest.raises(ArgumentError, match="cells"):
        node.records("x", 2, -1)
    with pytest.raises(ArgumentError, match="expected 2 numbers"):
        node.set_records("y", (1, 1), [(1, 2), (3,)])
    with pytest.raises(ArgumentError, match="expected 0 to 0x0"):
        node.set_records("y", (1, 0), [(1, 2)])
    assert "y" not in node


@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"))))
def test_strings_survive(strings):
    node = DeviceTree().root
    node.set_string("x", *strings)
    assert node.strings("x") == tuple(strings)
    if len(strings) == 1:
        assert node.string("x") == strings[0]
    else:
        with pytest.raises(TreeError, match=f"{len(strings)} strings, expected one"):
            node.string("x")


def test_value_without_a_nul_is_no_string(node):
    node["x"] = b"abc"
    for read in (node.string, node.strings):
        with pytest.raises(TreeError, match="no NUL") as caught:
            read("x")
        assert caught.value.offset == 2


def test_flags_are_there_or_not(node):
    assert not node.flag("x")
    node.set_flag("x")
    assert node.flag("x")
    assert node["x"] == b""
    for _ in range(2):
        node.set_flag("x", False)
        assert not node.flag("x")


def test_appended_values_follow(node):
    node.append_u32("x", 1, 2)
    node.append_u32("x", 3)
    node.append_u64("x", 4)
    assert node.u32s("x") == (1, 2, 3, 0, 4)
    node.append_string("s", "a")
    node.append_string("s", "b", "c")
    assert node.strings("s") == ("a", "b", "c")
    with pytest.raises(TypeError):
        node.append("x", "text")
    with pytest.raises(ArgumentError):
        node.append("", b"")
    with pytest.raises(ArgumentError):
        node.append_u32("x", 1 << 32)

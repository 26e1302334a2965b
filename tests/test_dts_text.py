"""Source text: dtc's bytes, whatever the tree holds, and never too much of it."""

from __future__ import annotations

import itertools

import pytest
from dtctool import (
    LABELS,
    LISTS,
    OCTAL_AFTER_NUL,
    corpus_trees,
    decompile,
    encoded,
    needs_dtc,
    plain_trees,
    values,
)
from hypothesis import given
from hypothesis import strategies as st
from plaintree import END, END_NODE, begin, blob, cell

from pydlpar import BusyError, DeviceTree, NoSpaceError, StaleHandleError, TreeError
from pydlpar._ffi import ffi, lib
from pydlpar.dts import _written, value_text

pytestmark = pytest.mark.usefixtures("unpreloaded")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"", ""),
        (b"cpu\0", '"cpu"'),
        (b"a\0b\0", '"a\\0b"'),
        (b'q"\\\a\b\t\n\v\f\r\0', '"q\\"\\\\\\a\\b\\t\\n\\v\\f\\r"'),
        (b"\0ab\0", '"\\0ab"'),
        (b"ab\0\0", '"ab\\0"'),
        (b"a\0007\0", '"a\\0007"'),
        (b"a\0008\0", '"a\\08"'),
        (b"a\x7f\0", "[61 7f 00]"),
        (b"a\x1b\0", "[61 1b 00]"),
        (b"a\0\0\0", "<0x61000000>"),
        (b"\0", "[00]"),
        (b"abc", "[61 62 63]"),
        (b"abcd", "<0x61626364>"),
        (cell(0) + cell(0xF) + cell(0x10), "<0x00 0x0f 0x10>"),
        (cell(0xFF) + cell(0x100) + cell(0xDEADBEEF), "<0xff 0x100 0xdeadbeef>"),
    ],
)
def test_value_in_source_form(value, text):
    """Text where all of it reads as text, else cells, else bytes."""
    assert value_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"a\0b\0", '"a", "b"'),
        (b"\0ab\0\0cd\0", '"", "ab", "", "cd"'),
        (b"a\0007\0", '"a", "7"'),
        (b"a\0", '"a"'),
    ],
)
def test_list_of_strings_is_one_on_demand(value, text):
    """As dtc 1.7 has it; all else is as it was."""
    assert value_text(value, string_lists=True) == text
    assert value_text(cell(7), string_lists=True) == value_text(cell(7))


@given(values, st.booleans())
def test_value_is_measured_exactly_and_stays_within_its_buffer(value, lists):
    """At every capacity: the same length, the text or nothing, no byte beyond."""
    flags = lib.DLPAR_DTS_STRING_LISTS if lists else 0
    size = lib.dlpar_dts_value(ffi.NULL, 0, value, len(value), flags)
    text = value_text(value, string_lists=lists).encode("ascii")
    assert size == len(text)
    for cap in range(size + 10):
        out = ffi.new("char[]", b"\xee" * (size + 10))
        assert lib.dlpar_dts_value(out, cap, value, len(value), flags) == size
        got = bytes(ffi.buffer(out))
        assert got[cap : size + 10] == b"\xee" * (size + 10 - cap)
        if cap >= size:
            assert got[:size] == text


@given(plain_trees())
def test_tree_is_measured_exactly_and_stays_within_its_buffer(plain):
    tree = DeviceTree.from_dtb(plain.to_dtb())
    text = encoded(tree.to_dts())
    size, flags = len(text), lib.DLPAR_DTS_HEADER
    for cap in {0, 1, size // 2, *range(max(size - 12, 0), size + 12)}:
        out = ffi.new("char[]", b"\xee" * (size + 12))
        args = (tree.root.handle, ffi.NULL, 0, flags)
        assert lib.dlpar_tree_dts(tree.ptr, out, cap, *args) == size
        got = bytes(ffi.buffer(out))
        assert got[cap : size + 12] == b"\xee" * (size + 12 - cap)
        if cap >= size:
            assert got[:size] == text


@needs_dtc
@given(plain_trees())
def test_any_tree_reads_as_dtc_has_it(plain):
    """Byte for byte, in tree order: dtc sorts nothing either."""
    for node in map(plain.node, plain.paths()):
        node.props = {
            name: value
            for name, value in node.props.items()
            if LISTS or not OCTAL_AFTER_NUL.search(value)
        }
    data = plain.to_dtb()
    theirs = decompile(data)
    assert theirs is not None
    assert encoded(DeviceTree.from_dtb(data).to_dts(string_lists=LISTS)) == theirs


@needs_dtc
def test_real_trees_read_as_dtc_has_them(corpus, real_trees):
    """Byte for byte; only what dtc cannot digest itself is left out."""
    compared = 0
    for name, data in corpus_trees(corpus, real_trees).items():
        if LABELS and b"__symbols__" in data:
            continue
        theirs = decompile(data)
        assert theirs is not None, name
        ours = DeviceTree.from_dtb(data).to_dts(string_lists=LISTS)
        assert encoded(ours) == theirs, name
        compared += 1
    assert compared > 100


def test_reservations_come_first():
    """A line each, all sixteen digits; then the root without a blank line."""
    entries = [0x1, 0x1000, 0xFEDCBA9876543210, 0xFFFFFFFFFFFFFFFF, 0, 0]
    rsv = b"".join(value.to_bytes(8, "big") for value in entries)
    tree = DeviceTree.from_dtb(blob(DeviceTree().to_dtb()[56:], rsv=rsv))
    assert tree.to_dts() == (
        "/dts-v1/;\n\n"
        "/memreserve/\t0x0000000000000001 0x0000000000001000;\n"
        "/memreserve/\t0xfedcba9876543210 0xffffffffffffffff;\n"
        "/ {\n};\n"
    )


def test_text_of_a_node_stands_for_itself():
    """No version, no reservations, no indentation; its subtree is below it."""
    tree = DeviceTree()
    tree.add_node("/cpus", {"#size-cells": cell(0)})
    tree.add_node("/cpus/cpu@0", {"device_type": b"cpu\0", "64-bit": b""})
    tree.add_node("/other", {})
    assert tree["/cpus"].to_dts() == (
        "cpus {\n\t#size-cells = <0x00>;\n\n"
        '\tcpu@0 {\n\t\tdevice_type = "cpu";\n\t\t64-bit;\n\t};\n};\n'
    )
    assert f"/dts-v1/;\n\n{tree.root.to_dts()}" == tree.to_dts()


def test_text_follows_edits():
    """What was set, added and removed, in the order that the blob would have."""
    tree = DeviceTree()
    node = tree.add_node("/a", {"x": b"\0\0\0\1", "y": b"keep\0"})
    tree.add_node("/b", {})
    node["x"] = b"grown to another size\0"
    node["y"] = b"kept\0"
    tree.remove_node("/b")
    tree.add_node("/a/c", {"big": bytes(300_000)})
    text = tree.to_dts()
    assert text == DeviceTree.from_dtb(tree.to_dtb()).to_dts()
    assert 'y = "kept";' in text
    assert len(text) > 5 * 300_000 / 4


def test_equal_names_are_all_shown():
    """The first counts, but text hides nothing."""
    body = cell(3) + cell(4) + cell(0) + cell(1) + cell(3) + cell(4) + cell(0) + cell(2)
    data = blob(begin() + body + cell(END_NODE) + cell(END), b"x\0")
    text = DeviceTree.from_dtb(data).to_dts()
    assert "\tx = <0x01>;\n\tx = <0x02>;\n" in text


def test_names_that_are_not_utf8_survive():
    tree = DeviceTree()
    tree.root["caf\udce9"] = b""
    tree.add_node("/g\u00e9", {})
    assert encoded(tree.to_dts()) == (
        b"/dts-v1/;\n\n/ {\n\tcaf\xe9;\n\n\tg\xc3\xa9 {\n\t};\n};\n"
    )


def test_text_of_a_removed_node_is_an_error():
    tree = DeviceTree()
    node = tree.add_node("/a", {})
    tree.remove_node("/a")
    with pytest.raises(StaleHandleError):
        node.to_dts()


def _chain(depth: int) -> bytes:
    structure = begin() + begin(b"a") * depth + cell(END_NODE) * (depth + 1)
    return blob(structure + cell(END))


def test_depth_needs_no_recursion():
    depth = 3000
    lines = DeviceTree.from_dtb(_chain(depth)).to_dts().splitlines()
    assert lines[-1] == "};"
    assert "\t" * depth + "a {" in lines


def test_text_of_unbounded_depth_is_an_error_not_a_swamped_machine():
    """Indentation grows with the square of depth: here to 20 GB."""
    with pytest.raises(TreeError) as error:
        DeviceTree.from_dtb(_chain(100_000)).to_dts()
    assert error.value.code == lib.DLPAR_ERR_TOOBIG


def test_text_keeps_to_the_memory_limit():
    data = _chain(2000)
    assert len(DeviceTree.from_dtb(data).to_dts()) > 4_000_000
    tree = DeviceTree.from_dtb(data, memory_limit=2_000_000)
    with pytest.raises(NoSpaceError) as error:
        tree.to_dts()
    assert error.value.code == lib.DLPAR_ERR_NOMEM


def test_text_that_changes_while_it_is_written_is_an_error():
    """Another thread edited: the second answer differs from the first."""
    sizes = itertools.count(5)
    with pytest.raises(BusyError):
        _written(lambda _out, _cap: next(sizes), "text")


def test_value_beyond_what_we_address_is_an_error():
    big = ffi.cast("uint8_t *", ffi.NULL)
    size = lib.DLPAR_TREE_SIZE_MAX + 1
    rc = lib.dlpar_dts_value(ffi.NULL, 0, big, size, 0)
    assert rc == lib.DLPAR_ERR_TOOBIG

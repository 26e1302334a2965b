"""A tree on bytes that are not its own: never written to, kept while it lives."""

from __future__ import annotations

import gc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plaintree import END, END_NODE, begin, blob, cell, prop

from pydlpar import DeviceTree, ExistsError, NoSpaceError
from pydlpar._ffi import ffi, lib


def _sample() -> bytes:
    tree = DeviceTree()
    for i in range(4):
        node = tree.add_node(f"/n{i}", {"reg": cell(i), "phandle": cell(i + 1)})
        tree.add_node(f"{node.path}/below", {"value": bytes([i]) * 24})
    return tree.to_dtb()


SAMPLE = _sample()
PATHS = [node.path for node in DeviceTree.from_dtb(SAMPLE).nodes()][1:]


def _fresh() -> bytes:
    """Equal to SAMPLE, but an object of its own."""
    return bytes(bytearray(SAMPLE))


def _overwrite(node):
    node[next(iter(node.properties))] = b"\xff" * 4


def _grow(node):
    node["reg"] = b"longer than before"


def _unset(node):
    del node[next(iter(node.properties))]


def _rename(node):
    node.tree.rename(node, "other")


def _remove(node):
    node.tree.remove(node)


EDITS = (_overwrite, _grow, _unset, _rename, _remove)


def edits():
    """A list of (edit, path)."""
    return st.lists(st.tuples(st.sampled_from(EDITS), st.sampled_from(PATHS)))


def _edit(tree, script):
    for edit, path in script:
        node = tree.get(path)
        if node is not None and len(node.properties):
            with suppress(ExistsError):
                edit(node)


@given(edits())
def test_no_edit_writes_to_the_bytes(script):
    """And the tree is what one of a copy becomes."""
    data = _fresh()
    tree, other = DeviceTree.from_dtb(data), DeviceTree.from_dtb(bytearray(data))
    _edit(tree, script)
    _edit(other, script)
    assert data == SAMPLE
    assert tree.to_dtb() == other.to_dtb()


@given(edits(), edits(), edits())
def test_roll_back_finds_the_images_that_moved(first, inside, after):
    """An image noted before the first write in place is not the caller's bytes."""
    data = _fresh()
    tree = DeviceTree.from_dtb(data)
    _edit(tree, first)
    before = tree.to_dtb()
    with pytest.raises(ZeroDivisionError), tree.transaction():
        _edit(tree, inside)
        raise ZeroDivisionError
    assert tree.to_dtb() == before
    _edit(tree, after)
    assert data == SAMPLE


def test_a_grown_node_rolled_back_then_written_in_place():
    """The journal held the caller's image, and the blob was copied meanwhile."""
    data = _fresh()
    tree = DeviceTree.from_dtb(data)
    with pytest.raises(ZeroDivisionError), tree.transaction():
        tree["/n1"]["reg"] = b"longer than before"
        tree["/n2"]["reg"] = cell(7)
        raise ZeroDivisionError
    tree["/n1"]["reg"] = cell(9)
    assert data == SAMPLE
    assert tree["/n1"].u32("reg") == 9


def test_names_written_twice_in_the_strings_are_folded_in_a_copy():
    """Folding changes the offset in a record."""
    twice = prop(0, b"1234") + begin(b"n") + prop(4, b"5678") + cell(END_NODE)
    data = blob(begin() + twice + cell(END_NODE) + cell(END), b"reg\0reg\0")
    kept = bytes(bytearray(data))
    tree = DeviceTree.from_dtb(data)
    assert (tree.root["reg"], tree["/n"]["reg"]) == (b"1234", b"5678")
    assert data == kept


def test_the_bytes_live_as_long_as_the_tree():
    """Nobody else holds them."""
    tree = DeviceTree.from_dtb(_fresh())
    node = tree["/n3/below"]
    del tree
    gc.collect()
    rubbish = [_fresh() for _ in range(64)]
    assert node["value"] == b"\x03" * 24
    assert len(rubbish) == 64


def test_other_buffers_are_copied():
    """They could change at any time."""
    data = bytearray(SAMPLE)
    tree = DeviceTree.from_dtb(memoryview(data))
    data[:] = bytes(len(data))
    assert tree.to_dtb() == SAMPLE


def test_a_copy_that_finds_no_memory_leaves_the_tree_alone():
    """The limit holds a tree of borrowed bytes, not a copy of them besides."""
    big = DeviceTree()
    big.add_node("/n", {"value": bytes(1 << 20), "reg": cell(1)})
    data = big.to_dtb()
    tree = DeviceTree.from_dtb(data, memory_limit=1 << 19)
    with pytest.raises(NoSpaceError):
        tree["/n"]["reg"] = cell(2)
    assert tree.to_dtb() == data


@pytest.mark.parametrize("flag", [0, lib.DLPAR_TREE_BORROW])
def test_in_c_a_tree_borrows_where_it_is_told_to(flag):
    """The memory of the tree then leaves out the blob."""
    data = blob(begin() + prop(0, bytes(9000)) + cell(END_NODE) + cell(END), b"v\0")
    out, info = ffi.new("struct dlpar_tree **"), ffi.new("struct dlpar_tree_info *")
    assert lib.dlpar_tree_parse(out, ffi.NULL, data, len(data), 1, 0, flag) == 0
    tree = ffi.gc(out[0], lib.dlpar_tree_free)
    lib.dlpar_tree_info(tree, info)
    assert (info.memory > len(data)) == (not flag)

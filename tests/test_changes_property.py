"""Differences of any two trees: as a patch, back again, as JSON; hostile streams.

A stream of any bytes gives a patched tree or a documented error, and then the tree
is what it was.
"""

from __future__ import annotations

import json

import pytest
from changetrees import make, specs, tokens
from hypothesis import given
from hypothesis import strategies as st
from plaintree import PlainTree
from test_tree_property import CODES, _apply, edits

from pydlpar import Change, DeviceTree, Diff
from pydlpar._ffi import ffi, lib

trees = specs(unique=True) | specs(unique=False)
headers = st.tuples(
    st.sampled_from([b"", bytes(15) + b"\1", bytes(15) + b"\2" + bytes(15) + b"\3"]),
    st.integers(0, 2),
    st.sampled_from([1, -1]),
)


def _tree(spec, header) -> DeviceTree:
    rsv, boot_cpu, order = header
    return DeviceTree.from_dtb(make(spec, rsv=rsv, boot_cpu=boot_cpu, order=order))


def _check(old: DeviceTree, new: DeviceTree) -> Diff:
    """All that holds for any two trees."""
    was, now = tokens(old), tokens(new)
    diff = old.diff(new)
    assert bool(diff) == (was != now) == bool(len(diff))
    back = diff.reversed()
    assert back.reversed() == diff
    again = Diff.from_dict(json.loads(json.dumps(diff.to_dict())))
    assert again == diff
    assert Diff(diff).stream == diff.stream
    patched = old.copy()
    patched.apply(again)
    assert tokens(patched) == now
    patched.apply(back)
    assert tokens(patched) == was
    return diff


@given(trees, headers, trees, headers)
def test_patched_by_the_difference_one_is_the_other(first, one, second, two):
    """In content and order; the reverse takes it back; JSON keeps it."""
    _check(_tree(first, one), _tree(second, two))


@given(specs(unique=False), headers, headers)
def test_equal_trees_do_not_differ(spec, one, two):
    """However the names lie in the strings block."""
    old = _tree(spec, one)
    new = _tree(spec, (*one[:2], two[2]))
    assert old.diff(new) == []
    assert old.diff(old) == []
    assert old.diff(old.copy()) == []


@given(edits, edits, edits)
def test_copies_know_what_changed(before, first, second):
    """Between copies, whatever was edited, the difference is that of strangers."""
    tree, plain = DeviceTree(), PlainTree()
    for edit in before:
        _apply(tree, plain, edit)
    copy, other = tree.copy(), PlainTree()
    other.root = _plain_copy(plain.root)
    for edit in first:
        _apply(tree, plain, edit)
    for edit in second:
        _apply(copy, other, edit)
    diff = _check(tree, copy)
    assert diff == DeviceTree.from_dtb(tree.to_dtb()).diff(
        DeviceTree.from_dtb(copy.to_dtb())
    )
    assert _check(copy, tree).stream == copy.copy().diff(tree.copy()).stream


def _plain_copy(node):
    twin = type(node)(node.name, dict(node.props))
    twin.children = [_plain_copy(child) for child in node.children]
    return twin


@given(specs(unique=True), specs(unique=True), edits)
def test_a_patch_that_is_rolled_back_leaves_no_trace(first, second, inside):
    """Moves, reserve map and boot CPU are undone like any edit."""
    old, new = (DeviceTree.from_dtb(make(spec)) for spec in (first, second))
    diff, before = old.diff(new), old.to_dtb()
    with old.transaction() as transaction:
        old.apply(diff)
        for kind, pick, name, _, value in inside:
            if kind == "set":
                nodes = list(old.nodes())
                nodes[pick % len(nodes)][name] = value
        transaction.rollback()
    assert old.to_dtb() == before
    old.apply(diff)
    assert tokens(old) == tokens(new)


def _apply_stream(tree: DeviceTree, stream: bytes) -> int:
    offset = ffi.new("size_t *")
    before = tree.to_dtb()
    rc = lib.dlpar_tree_apply(tree.ptr, offset, stream, len(stream))
    assert rc in CODES | {0}
    assert offset[0] <= len(stream)
    if rc < 0:
        assert tree.to_dtb() == before
    else:
        assert DeviceTree.from_dtb(tree.to_dtb()).diff(tree) == []
    return rc


@pytest.fixture(scope="module")
def pair() -> tuple[bytes, bytes]:
    """A tree, and the stream of a difference of every kind for it."""
    old = ("", [("a", b"1"), ("b", b"2"), ("c", b"")], [
        ("x", [("v", b"1234")], [("y", [("w", b"")], [])]),
        ("z", [("phandle", b"\0\0\0\1")], []),
        ("k", [], []),
    ])  # fmt: skip
    new = ("", [("c", b""), ("a", b"3"), ("d", b"22")], [
        ("k", [], []),
        ("x", [("v", b"4321")], [("q", [], [])]),
        ("n", [("w", b"1")], [("m", [], [])]),
    ])  # fmt: skip
    one, two = make(old), make(new, rsv=bytes(15) + b"\1", boot_cpu=7)
    diff = DeviceTree.from_dtb(one).diff(DeviceTree.from_dtb(two))
    assert {change.kind for change in diff} == {
        "add", "remove", "move", "set", "reservations", "boot_cpu",
    }  # fmt: skip
    return one, diff.stream


def test_truncated_streams_change_nothing(pair):
    blob, stream = pair
    tree = DeviceTree.from_dtb(blob)
    out = bytearray(len(stream))
    for length in range(1, len(stream)):
        _apply_stream(tree.copy(), stream[:length])
        rc = lib.dlpar_diff_reverse(
            ffi.from_buffer(out), ffi.NULL, stream[:length], length
        )
        assert rc in (0, lib.DLPAR_ERR_TRUNCATED)


def test_a_stream_ends_where_it_began(pair):
    """At the root, or it is malformed: its reverse could not begin."""
    tree = DeviceTree.from_dtb(pair[0])
    diff = Diff([Change("set", "/x/y", "w", b"", b"1")])
    up = Diff([Change("set", "/x", "v", b"", b"")])
    assert _apply_stream(tree.copy(), diff.stream) == 0
    for stream in (diff.stream[:-21], diff.stream + up.stream[-21:]):
        assert _apply_stream(tree, stream) == lib.DLPAR_ERR_BADVALUE


def test_damaged_streams_change_nothing_or_fit(pair):
    """One wrong byte anywhere, two ways."""
    blob, stream = pair
    tree = DeviceTree.from_dtb(blob)
    fits = 0
    for at in range(len(stream)):
        for flip in (0x01, 0xFF):
            data = bytearray(stream)
            data[at] ^= flip
            fits += _apply_stream(tree.copy(), bytes(data)) == 0
    assert 0 < fits < len(stream)


@given(st.lists(st.tuples(st.integers(0, 1 << 12), st.binary(max_size=6)), max_size=4))
def test_streams_of_any_bytes(pair, edits):
    blob, stream = pair
    data = bytearray(stream)
    for at, new in edits:
        at %= len(data)
        data[at : at + len(new)] = new
    _apply_stream(DeviceTree.from_dtb(blob), bytes(data))

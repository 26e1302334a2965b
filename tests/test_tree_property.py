"""The core against the plain-Python reference: random edits, damage, round trips.

Damaged input gives a tree or a documented error, never anything else.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plaintree import PlainTree, cell, content

from pydlpar import DeviceTree, TreeError
from pydlpar._ffi import lib

NAMES = ["reg", "phandle", "status", "ibm,my-drc-index", "a", "linux,phandle"]
NODES = ["cpu@0", "cpu@1", "memory", "l2-cache@7", "x"]
CODES = {getattr(lib, n) for n in dir(lib) if n.startswith("DLPAR_ERR_")}

names = st.sampled_from(NAMES) | st.text("abcz,-#@", min_size=1, max_size=40)
values = st.binary(max_size=9) | st.binary(min_size=4, max_size=4)
edits = st.lists(
    st.tuples(
        st.sampled_from(["set", "set", "add", "add", "remove", "unset", "move"]),
        st.integers(0, 1 << 16),
        names,
        st.sampled_from(NODES),
        values,
    ),
    max_size=60,
)


def _apply(tree: DeviceTree, plain: PlainTree, edit) -> None:
    """One edit on both; the path is picked among those there are."""
    kind, pick, name, child, value = edit
    paths = plain.paths()
    path = paths[pick % len(paths)]
    if kind == "set":
        tree[path][name] = value
        plain.set(path, name, value)
    elif kind == "unset" and plain.unset(path, name):
        del tree[path][name]
    elif kind == "add" and plain.add(path, child, {name: value}):
        tree.add_child(tree[path], child, {name: value})
    elif kind == "remove" and path != "/":
        plain.remove(path)
        tree.remove_node(path)
    elif kind == "move" and path != "/":
        node = plain.node(path)
        plain.remove(path)
        fragment = tree.detach(path)
        parent = plain.paths()[pick % len(plain.paths())]
        if plain.node(parent).child(node.name) is None:
            plain.node(parent).children.append(node)
            tree.attach(parent, fragment)


def _same(tree: DeviceTree, plain: PlainTree) -> None:
    assert content(tree) == plain.root.content()
    assert content(DeviceTree.from_dtb(tree.to_dtb())) == plain.root.content()
    assert [node.path for node in tree.nodes()] == plain.paths()
    for phandle in {node.phandle for node in tree.nodes()} - {0, 0xFFFFFFFF}:
        assert tree.by_phandle(phandle).path == plain.by_phandle(phandle)


@given(before=edits, inside=edits, after=edits)
def test_edits_equal_those_on_the_reference(before, inside, after):
    """The same edits give the same tree; a roll-back gives the same bytes."""
    tree, plain = DeviceTree(), PlainTree()
    for edit in before:
        _apply(tree, plain, edit)
    _same(tree, plain)
    tree = DeviceTree.from_dtb(plain.to_dtb())
    bytes_before = tree.to_dtb()
    with tree.transaction() as transaction:
        copy = PlainTree()
        copy.root = _copy(plain.root)
        for edit in inside:
            _apply(tree, copy, edit)
        _same(tree, copy)
        transaction.rollback()
    assert tree.to_dtb() == bytes_before
    for edit in after:
        _apply(tree, plain, edit)
    _same(tree, plain)


def _copy(node):
    twin = type(node)(node.name, dict(node.props))
    twin.children = [_copy(child) for child in node.children]
    return twin


@given(first=edits, second=edits)
def test_difference_is_empty_only_between_equals(first, second):
    one, plain_one = DeviceTree(), PlainTree()
    two, plain_two = DeviceTree(), PlainTree()
    for edit in first:
        _apply(one, plain_one, edit)
    for edit in second:
        _apply(two, plain_two, edit)

    equal = plain_one.root.content() == plain_two.root.content()
    assert (one.diff(two) == []) == equal
    assert one.diff(one) == []


@given(st.binary(max_size=300))
def test_any_bytes_behind_a_good_header(tail):
    """Structure blocks of any bytes: a tree or a documented error."""
    data = bytearray(DeviceTree().to_dtb())
    data[56:] = tail
    data[4:8] = cell(len(data))
    data[36:40] = cell(len(tail))
    data[12:16] = cell(len(data))
    _read(bytes(data))


def _read(data: bytes, visit: bool = True) -> bool:
    """Whether it is accepted; if so it can be written and everything visited."""
    try:
        tree = DeviceTree.from_dtb(data)
    except TreeError as error:
        if error.code not in CODES or not 0 <= error.offset <= len(data):
            pytest.fail(f"undocumented: {error!r}, code {error.code}")
        return False
    written = tree.to_dtb()
    assert DeviceTree.from_dtb(written).to_dtb() == written
    for node in tree.nodes() if visit else ():
        assert tree[node.path].name == node.name
        assert all(name in node for name in node.properties)
    return True


def test_truncation_at_every_length(small_tree):
    """No prefix of a real tree is accepted: it would end before its total size."""
    for length in range(len(small_tree)):
        assert not _read(small_tree[:length])


def test_truncation_that_admits_to_it(small_tree):
    """The total size tells the truth, so the blocks are what is cut."""
    for length in range(40, len(small_tree), 3):
        data = bytearray(small_tree[:length])
        data[4:8] = cell(length)
        assert not _read(bytes(data))


def test_every_byte_flipped(small_tree):
    """One wrong byte anywhere in a real tree, three ways."""
    good = 0
    for i in range(len(small_tree)):
        for flip in (0x01, 0x80, 0xFF):
            data = bytearray(small_tree)
            data[i] ^= flip
            good += _read(bytes(data), visit=i % 16 == 0)
    assert 0 < good < 3 * len(small_tree)


def test_random_damage_to_bigger_trees(real_trees):
    """Several wrong bytes and cells in trees with every kind of node."""
    chance = random.Random(20)
    for name in ("phb4.dtb", "numa2-smp8.dtb", "nvdimm.dtb"):
        base = real_trees[name]
        for _ in range(300):
            data = bytearray(base)
            for _ in range(chance.randint(1, 4)):
                at = chance.randrange(0, len(data) - 4) & ~3
                data[at : at + 4] = cell(chance.choice([0, 1, 2, 3, 4, 9, 0xFFFFFFFF]))
            _read(bytes(data))

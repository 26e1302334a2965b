"""Memory: flat under cycles without end, within its limit, whatever the blob is."""

from __future__ import annotations

import pytest
from plaintree import END, END_NODE, begin, blob, cell, prop

from pydlpar import DeviceTree, NoSpaceError, TreeError
from pydlpar._ffi import ffi, lib

ROOT, CLOSE, DONE = begin(), cell(END_NODE), cell(END)
PROPS = {"phandle": cell(7), **{f"property-{i}": bytes(i) for i in range(1, 16)}}
CYCLES, AT_ONCE, WARM_UP = 100_000, 500, 1000


def _add(batch, tree, _template, i):
    batch.remove(batch.add(tree.root, f"cpu@{i:x}", PROPS))


def _stamp(batch, tree, template, i):
    batch.remove(batch.stamp(tree.root, f"cpu@{i:x}", template))


def _phandle(batch, tree, template, i):
    node = batch.stamp(tree.root, f"cpu@{i:x}", template, {"phandle": cell(i + 1)})
    batch.set(node, "phandle", cell(i + 2))
    batch.remove(node)


def _resize(batch, tree, _template, i):
    # Every batch ends with the same size, as the block in use depends on it.
    batch.set(tree.root, "size", bytes(i % AT_ONCE * 7919 % 5000))


def _new_names(batch, tree, _template, i):
    batch.set(tree.root, f"never-again-{i}", b"")


@pytest.mark.parametrize("cycle", [_add, _stamp, _phandle, _resize])
def test_memory_is_flat_under_cycles(cycle):
    """After the first thousand, 10^5 cycles allocate nothing more."""
    tree = DeviceTree()
    template = tree.template(PROPS)
    memory = None
    for start in range(0, CYCLES, AT_ONCE):
        batch = tree.batch()
        for i in range(start, start + AT_ONCE):
            cycle(batch, tree, template, i)
        batch.run()
        if start == WARM_UP:
            memory = tree.memory
    assert tree.memory == memory


@pytest.mark.parametrize("cycle", [_add, _phandle, _resize, _new_names])
def test_memory_is_flat_under_roll_backs(cycle):
    """What a roll-back undoes is free again: names too, that never come back."""
    tree = DeviceTree()
    template = tree.template(PROPS)
    before, memory = tree.to_dtb(), None
    for start in range(0, CYCLES // 5, AT_ONCE):
        with tree.transaction() as transaction:
            batch = tree.batch()
            for i in range(start, start + AT_ONCE):
                cycle(batch, tree, template, i)
            batch.run()
            transaction.rollback()
        if start == WARM_UP:
            memory = tree.memory
    assert tree.memory == memory
    assert tree.to_dtb() == before


def _long_names(count: int, ends: int) -> bytes:
    """A node whose properties are named by so many ends of one long string."""
    names = b"a" * 4095 + b"\0"
    props = b"".join(prop(i % ends, b"") for i in range(count))
    return blob(ROOT + begin(b"x") + props + CLOSE + CLOSE + DONE, names)


def test_properties_longer_than_the_limit_are_refused():
    """Written out with their names they take far more than the blob has."""
    data = _long_names(20_000, 2048)
    limit = 4 << 20
    tree = DeviceTree.from_dtb(data, memory_limit=limit)
    with pytest.raises(NoSpaceError) as caught:
        dict(tree["/x"].properties)
    assert caught.value.code == lib.DLPAR_ERR_NOMEM
    assert tree["/x"]["a" * 4095] == b""
    assert len(dict(DeviceTree.from_dtb(data)["/x"].properties)) == 2048


def test_properties_longer_than_any_blob_are_refused():
    """Without a limit the largest size of a blob is one: 2 GiB."""
    tree = DeviceTree.from_dtb(_long_names(530_000, 1))
    with pytest.raises(TreeError) as caught:
        dict(tree["/x"].properties)
    assert caught.value.code == lib.DLPAR_ERR_TOOBIG


def test_ordinary_properties_are_within_the_limit(small_tree):
    """The least limit that a tree can be read with is enough to show its nodes."""
    need = DeviceTree.from_dtb(small_tree).memory
    tree = DeviceTree.from_dtb(small_tree, memory_limit=need * 2)
    assert sum(len(node.properties) for node in tree.nodes()) > 200


def test_every_kind_of_growth_keeps_to_the_limit(small_tree):
    """Nodes, names, journal, templates, directory: none goes past it."""
    limit = DeviceTree.from_dtb(small_tree).memory + 200_000

    def nodes(tree, i):
        tree.add_node(f"/n{i}", {"a": bytes(100)})

    def names(tree, i):
        tree.root[f"name-{i}"] = b""

    def journal(tree, _):
        tree.transaction().__enter__()
        tree.root["compatible"] = bytes(13)

    def templates(tree, _):
        tree.template(PROPS)

    def value(tree, i):
        tree.root["big"] = bytes(i * 1000)

    for grow in (nodes, names, journal, templates, value):
        tree = DeviceTree.from_dtb(small_tree, memory_limit=limit)
        with pytest.raises(NoSpaceError):
            for i in range(100_000):
                grow(tree, i)
                assert tree.memory <= limit
        assert tree.memory <= limit
        assert DeviceTree.from_dtb(tree.to_dtb()).diff(tree) == []


def test_million_levels_within_memory():
    """Read, walked, edited, written, rolled back and freed: nothing recurses.

    400 bytes a level, of which a blob has 12.
    """
    depth = 1_000_000
    levels = begin(b"a") * depth + prop(0, cell(7)) + CLOSE * depth
    data = blob(ROOT + levels + CLOSE + DONE, b"phandle\0")
    tree = DeviceTree.from_dtb(data, memory_limit=400 * depth)
    walked = lib.dlpar_tree_walk(tree.ptr, ffi.NULL, 0, tree.root.handle)
    assert walked == depth + 1
    assert tree.by_phandle(7).path == "/a" * depth
    assert tree.to_dtb() == data
    assert tree.to_dtb(compact=True) == data
    with tree.transaction() as transaction:
        tree.by_phandle(7)["x"] = b"1"
        written = tree.to_dtb()
        assert len(DeviceTree.from_dtb(written)) == depth + 1
        assert len(tree.extract(tree["/a"])) == depth + 1
        tree.remove_node("/a")
        assert len(tree) == 1
        transaction.rollback()
    assert tree.to_dtb() == data
    tree.remove_node("/a")
    assert len(tree) == 1

"""Many reads in one call: the same answers as one by one, and nothing silent."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plaintree import PlainTree, cell

from pydlpar import (
    ArgumentError,
    DeviceTree,
    NotFoundError,
    StaleHandleError,
    TreeError,
)
from pydlpar._ffi import ffi, lib


@pytest.fixture
def tree() -> DeviceTree:
    plain = PlainTree()
    plain.add("/", "cpus", {"#address-cells": cell(1)})
    for i in range(50):
        props = {"reg": cell(i), "text": b"x" * i}
        if i % 3:
            props["third"] = cell(i)
        plain.add("/cpus", f"cpu@{i:x}", props)
    return DeviceTree.from_dtb(plain.to_dtb())


CPUS = [f"/cpus/cpu@{i:x}" for i in range(50)]


def test_paths_gives_what_look_ups_one_by_one_give(tree):
    paths = [
        *CPUS,
        "/",
        "/cpus",
        "//cpus///cpu@1/",
        "/cpus/cpu",
        "no-alias",
        "/none",
        "/",
    ]
    found = tree.paths(paths)
    assert list(found) == [tree.get(path) for path in paths]
    assert found[-2] is None
    assert found.handles[-2] < 0
    assert len(tree.paths([])) == 0
    assert list(tree.paths(["/none"])) == [None]


def test_paths_names_the_one_that_is_wrong(tree):
    with pytest.raises(ArgumentError, match="'': bad path"):
        tree.paths(["/", "/none", ""])
    with pytest.raises(ArgumentError, match=r"'/cpus\\x00/x': a NUL"):
        tree.paths(["/", "/cpus\0/x"])
    with pytest.raises(ArgumentError, match="a NUL"):
        tree.paths(["\0"])


@pytest.mark.parametrize("text", [b"", b"/", b"/\0/", b"/\0/\0/", b"\0\0\0\0"])
@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_paths_are_as_many_as_said(tree, text, n):
    """The core compares the number of paths with that of their separators."""
    out = ffi.new("int64_t[]", 8)
    code = lib.dlpar_tree_paths(tree.ptr, out, n, text, len(text))
    fits = text.count(b"\0") == n - 1 if n else not text
    assert (code >= 0) == fits
    assert fits or code == lib.DLPAR_ERR_BADLENGTH
    assert out[n] == 0


def test_handle_is_that_of_the_node(tree):
    for path in ("/", *CPUS):
        assert tree.handle(path) == tree[path].handle
    with pytest.raises(NotFoundError, match="'/none'"):
        tree.handle("/none")
    with pytest.raises(ArgumentError):
        tree.handle("")


def test_subtree_is_a_walk_without_objects(tree):
    assert list(tree.subtree()) == tree.root.walk()
    assert list(tree.subtree(tree["/cpus"])) == tree["/cpus"].walk()
    cpu = tree["/cpus/cpu@1"]
    assert list(tree.subtree(cpu)) == [cpu]
    tree.remove(cpu)
    with pytest.raises(StaleHandleError):
        tree.subtree(cpu)
    with pytest.raises(ArgumentError, match="another tree"):
        tree.subtree(DeviceTree().root)


@pytest.mark.parametrize("form", ["array", "nodes", "handles", "mixture"])
@pytest.mark.parametrize("name", ["reg", "text", "third", "none", "x" * 5000])
def test_column_gives_what_nodes_one_by_one_give(tree, form, name):
    """An empty value is not a missing one."""
    nodes = tree.paths(CPUS)
    given = {
        "array": nodes,
        "nodes": list(nodes),
        "handles": nodes.handles.tolist(),
        "mixture": [*nodes[:25], *nodes.handles[25:]],
    }[form]
    want = [node.get(name) for node in nodes]
    column = tree.column(given, name)
    assert len(column) == 50
    assert list(column) == want
    assert [column[i] for i in range(-50, 50)] == want * 2
    assert column[10:20] == want[10:20]
    values = [value for value in want if value is not None]
    assert bytes(column.values) == b"".join(values)
    assert column.lengths.tolist() == [-1 if v is None else len(v) for v in want]
    assert column.offsets[-1] == len(column.values)
    with pytest.raises(IndexError):
        column[50]


def test_column_of_no_nodes(tree):
    column = tree.column([], "reg")
    assert (len(column), list(column), bytes(column.values)) == (0, [], b"")
    assert column.offsets.tolist() == [0]
    assert tree.column_u32([], "reg").tolist() == []


def test_column_outlives_edits_and_the_nodes(tree):
    """It is a copy: what happens to the tree afterwards does not change it."""
    column, cells = (
        tree.column(tree.subtree(), "reg"),
        tree.column_u32(tree.paths(CPUS), "reg"),
    )
    want = list(column)
    tree.remove_node("/cpus")
    del tree
    assert list(column) == want
    assert cells.tolist() == list(range(50))
    with pytest.raises(TypeError):
        cells[0] = 1
    with pytest.raises(TypeError):
        column.values[0] = 1


def test_column_u32_says_what_is_missing(tree):
    """Never a silent 0: an error that names the node, or what the caller wants."""
    nodes = tree.paths(CPUS)
    assert tree.column_u32(nodes, "reg").tolist() == list(range(50))
    assert array("I", tree.column_u32(nodes[5:7], "reg")) == array("I", [5, 6])
    with pytest.raises(NotFoundError, match=r"node 0 .*/cpus/cpu@0, property 'third'"):
        tree.column_u32(nodes, "third")
    with pytest.raises(NotFoundError):
        tree.column_u32(nodes, "none")
    got = tree.column_u32(nodes, "third", default=0xFFFFFFFF).tolist()
    assert got == [i if i % 3 else 0xFFFFFFFF for i in range(50)]
    assert set(tree.column_u32(nodes, "none", default=0)) == {0}
    for default in (-1, 1 << 32):
        with pytest.raises(ArgumentError, match="default"):
            tree.column_u32(nodes, "reg", default=default)


def test_column_u32_refuses_other_sizes(tree):
    with pytest.raises(TreeError, match=r"node 0 of the list, /cpus/cpu@0") as caught:
        tree.column_u32(tree.paths(CPUS), "text", default=0)
    assert caught.value.row == 0
    tree["/cpus/cpu@7"]["reg"] = b"12345"
    with pytest.raises(TreeError, match="cpu@7") as caught:
        tree.column_u32(tree.paths(CPUS), "reg")
    assert caught.value.row == 7


@pytest.mark.parametrize("read", ["column", "column_u32"])
def test_columns_refuse_nodes_that_are_none(tree, read):
    """Gone, None, of another tree, or no handle at all."""
    function = getattr(tree, read)
    nodes = list(tree.paths(CPUS))
    tree.remove(nodes[3])
    for bad in (nodes, nodes[3:], [nodes[0], None], [-1], [1 << 40], [(1 << 63) - 1]):
        with pytest.raises(StaleHandleError, match=r"node \d of the list"):
            function(bad, "reg")
    with pytest.raises(StaleHandleError):
        function(tree.paths([CPUS[0], "/none"]), "reg")
    with pytest.raises(ArgumentError, match="no tree"):
        function([1 << 63], "reg")
    other = DeviceTree()
    with pytest.raises(ArgumentError, match="another tree"):
        function(other.paths(["/"]), "reg")
    with pytest.raises(ArgumentError, match="another tree"):
        function([other.root], "reg")


def test_node_may_stand_in_a_list_many_times(tree):
    node = tree["/cpus/cpu@5"]
    assert list(tree.column([node] * 1000, "text")) == [b"xxxxx"] * 1000


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.binary(max_size=60)), max_size=30),
    st.lists(st.integers(0, 29), max_size=60),
)
def test_column_of_any_values_in_any_order(values, order):
    """Whatever the guess of the size was."""
    tree = DeviceTree()
    nodes = [
        tree.add_node(f"/n{i}", {} if value is None else {"v": value})
        for i, value in enumerate(values)
    ]
    order = [i for i in order if i < len(nodes)]
    column = tree.column([nodes[i] for i in order], "v")
    assert list(column) == [values[i] for i in order]


@pytest.mark.parametrize("cap", range(0, 12))
def test_column_writes_no_byte_past_its_room(tree, cap):
    """The core fills what fits, and says what all of it takes."""
    tree["/cpus/cpu@0"]["v"], tree["/cpus/cpu@1"]["v"] = b"abcde", b"fghij"
    handles = tree.paths(CPUS[:3]).handles
    nodes = ffi.from_buffer("int64_t[]", handles)
    out = ffi.new("uint8_t[]", b"\xee" * 12)
    lengths, offsets = ffi.new("int32_t[]", 3), ffi.new("int64_t[]", 4)
    need = lib.dlpar_tree_column(
        tree.ptr, out, cap, lengths, offsets, nodes, 3, b"v", 1
    )
    assert (need, list(lengths), list(offsets)) == (10, [5, 5, -1], [0, 5, 10, 10])
    fits = cap // 5 * 5
    assert bytes(out) == (b"abcdefghij"[:fits]).ljust(12, b"\xee") + b"\0"

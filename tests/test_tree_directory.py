"""A property is found by name after any edit: the directory follows the image."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plaintree import PlainTree, cell

from pydlpar import ArgumentError, DeviceTree, ExistsError
from pydlpar._ffi import ffi, lib

REACH = 0xFFFF * 4
"""Bytes of an image whose places a directory can tell."""

_names = st.sampled_from([f"p{i}" for i in range(12)] + ["phandle", "linux,phandle"])
_values = st.one_of(st.binary(max_size=9), st.integers(0, 5000).map(bytes))
_edits = st.lists(st.tuples(_names, st.one_of(st.none(), _values)), max_size=40)


def _apply(node, want: dict[str, bytes], edits) -> None:
    for name, value in edits:
        if value is not None:
            node[name] = value
            want[name] = value
        elif name in want:
            del node[name]
            del want[name]


def _check(node, want: dict[str, bytes]) -> None:
    assert dict(node.properties) == want
    assert list(node.properties) == list(want)
    for i in range(12):
        assert node.get(f"p{i}") == want.get(f"p{i}")
    value = next(
        (want[n] for n in ("phandle", "linux,phandle") if len(want.get(n, b"")) == 4),
        bytes(4),
    )
    phandle = int.from_bytes(value, "big")
    assert node.phandle == (0 if phandle == 0xFFFFFFFF else phandle)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(_names, _values, max_size=10),
    _edits,
    _edits,
    st.sampled_from("rat"),
)
def test_properties_are_what_a_dict_would_hold(props, edits, undone, origin):
    """Of a node read, added or stamped; and again after a roll-back."""
    tree = DeviceTree()
    if origin == "r":
        plain = PlainTree()
        plain.add("/", "n", props)
        tree = DeviceTree.from_dtb(plain.to_dtb())
        node = tree["/n"]
    elif origin == "a":
        node = tree.add_node("/n", props)
    else:
        node = tree.template(props).add(tree.root, "n")
    want = dict(props)
    _check(node, want)
    _apply(node, want, edits)
    _check(node, want)
    with tree.transaction() as transaction:
        _apply(node, dict(want), undone)
        transaction.rollback()
    _check(node, want)
    _check(DeviceTree.from_dtb(tree.to_dtb())["/n"], want)


@pytest.mark.parametrize("size", [REACH - 200, REACH - 100, REACH, REACH + 100])
def test_image_at_the_reach_of_a_directory(size):
    """On either side of it, and across it both ways, every property is found."""
    tree = DeviceTree()
    props = {"big": bytes(size), "last": b"x"}
    for node in (
        tree.add_node("/a", props),
        tree.template(props).add(tree.root, "t"),
        DeviceTree.from_dtb(tree.to_dtb())["/a"],
    ):
        assert node["last"] == b"x"
        for step in (-300, 4, 300, 0):
            node["big"] = bytes(size + step)
            node[f"after{step}"] = b"y"
            assert node["last"] == b"x"
            assert node[f"after{step}"] == b"y"
            assert len(node["big"]) == size + step
        del node["big"]
        assert node["last"] == b"x"


@pytest.mark.parametrize("count", [1, 2])
def test_tree_of_nodes_that_no_directory_reaches(count):
    """Read, so large that they are scanned; also the only one."""
    plain = PlainTree()
    props = {"big": bytes(REACH), "last": b"x"}
    plain.root.props.update(props)
    if count == 2:
        plain.add("/", "n", props)
    tree = DeviceTree.from_dtb(plain.to_dtb())
    for node in tree.nodes():
        assert dict(node.properties) == props
        assert node["last"] == b"x"
        node["big"] = b""
        assert node["last"] == b"x"
        assert dict(node.properties) == {"big": b"", "last": b"x"}


_shapes = st.lists(
    st.dictionaries(st.sampled_from("abcd"), st.binary(max_size=6), max_size=4),
    min_size=1,
    max_size=12,
)


@given(_shapes, st.data())
def test_nodes_of_a_kind_share_what_an_edit_does_not(shapes, data):
    """Read, with few names and sizes: an edit of one is seen in that one alone."""
    plain = PlainTree()
    for i, props in enumerate(shapes * 3):
        plain.add("/", f"n{i}", props)
    tree = DeviceTree.from_dtb(plain.to_dtb())
    want = {f"/n{i}": dict(props) for i, props in enumerate(shapes * 3)}
    for path in data.draw(st.lists(st.sampled_from(list(want)), max_size=6)):
        name = data.draw(st.sampled_from("abcd"))
        value = data.draw(st.none() | st.binary(max_size=20))
        _apply(tree[path], want[path], [(name, value)])
    for path, props in want.items():
        assert {n: tree[path].get(n) for n in "abcd"} == dict.fromkeys("abcd") | props


@pytest.mark.parametrize("between", [1 << 16, 1 << 17])
def test_shared_entries_hold_half_of_a_name(between):
    """Names that differ in the other half only are told apart by the records."""
    filler, left = {}, between - len("a\0")
    while left:
        name = f"{left}".rjust(min(left, 2048) - 1, "x")
        filler[name] = b""
        left -= len(name) + 1
    plain = PlainTree()
    for path, props in (("1", {"a": b"1"}), ("f", filler), ("2", {"b": b"2"})):
        plain.add("/", path, props)
    tree = DeviceTree.from_dtb(plain.to_dtb())
    strings = plain.to_dtb().rpartition(b"a\0x")[1:]
    assert b"".join(strings).index(b"b\0") == between
    assert (tree["/1"].get("a"), tree["/1"].get("b")) == (b"1", None)
    assert (tree["/2"].get("a"), tree["/2"].get("b")) == (None, b"2")


def test_nodes_of_a_kind_take_no_directory_each():
    """Its entries, 4 bytes a property, are taken once for all that have them."""

    def memory(alike: bool) -> int:
        plain = PlainTree()
        for i in range(1000):
            sizes = [4 if alike else (i >> k % 10 & 1) * 4 for k in range(40)]
            props = {f"p{k}": bytes(size) for k, size in enumerate(sizes)}
            plain.add("/", f"n{i:04}", props)
        return DeviceTree.from_dtb(plain.to_dtb()).memory

    assert memory(alike=False) - memory(alike=True) > 1000 * 40 * 4 * 0.9


def _add_time(n: int) -> float:
    props = {f"p{i}": b"" for i in range(n)}
    best = 9e9
    for _ in range(3):
        tree = DeviceTree()
        start = time.process_time()
        tree.add_node("/n", props)
        best = min(best, time.process_time() - start)
    return best


def test_node_of_very_many_properties_takes_linear_time():
    """Sixteen times the properties: 16 times the time and some cache; not 256 times."""
    assert _add_time(160_000) < 64 * _add_time(10_000)


def test_names_beyond_those_kept_are_written_right():
    props = {f"name-{i}": cell(i) for i in range(300)}
    node = DeviceTree().add_node("/n", props)
    assert dict(node.properties) == props


@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 200])
def test_a_name_that_stands_twice_is_refused_anywhere(n):
    """Whether tree or stream knew the name; the names made are taken back."""
    tree = DeviceTree()
    tree.root["old"] = b""
    before = tree.to_dtb()
    one = b"".join(_prop(f"p{i}") for i in range(n))
    for name in ("new", "old"):
        for stream in (_prop(name) + one + _prop(name), one + _prop(name) * 2):
            code = lib.dlpar_tree_add(tree.ptr, 0, b"n", 1, stream, len(stream), 0)
            assert code == lib.DLPAR_ERR_EXISTS
            assert lib.dlpar_tree_template(tree.ptr, stream, len(stream)) == code
    assert tree.to_dtb() == before
    tree.add_node("/n", {"old": b"", "new": b"", "p0": b""})


def _prop(name: str) -> bytes:
    raw = name.encode()
    return len(raw).to_bytes(4, "big") + bytes(4) + raw


def test_mark_of_a_stream_does_not_outlive_it():
    """The same name in one node after another is no duplicate."""
    tree = DeviceTree()
    for i in range(1000):
        tree.add_node(f"/n{i}", {"same": b"", f"own{i % 7}": b""})
    assert len(tree) == 1001


def test_malformed_streams_are_refused_whole():
    """Cut at every byte: an error, or a shorter stream; never a change."""
    tree = DeviceTree()
    stream = _prop("aa") + _prop("bbb")
    before = tree.to_dtb()
    whole = {0, len(_prop("aa"))}
    for cut in range(len(stream)):
        code = lib.dlpar_tree_template(tree.ptr, stream[:cut], cut)
        if cut in whole:
            assert lib.dlpar_tree_drop_template(tree.ptr, code) == 0
        else:
            assert code == lib.DLPAR_ERR_TRUNCATED
    # A template that was dropped leaves its names.
    assert tree.to_dtb() != before
    for bad in (_prop(""), _prop("a\0b"), _prop("x" * 4096)):
        code = lib.dlpar_tree_add(tree.ptr, 0, b"n", 1, bad, len(bad), 0)
        assert code == lib.DLPAR_ERR_BADARG
    assert len(tree) == 1


def test_name_that_spans_two_known_ones_is_not_found():
    """`a` and `b` stand side by side in the strings block, `a\\0b` is no name."""
    tree = DeviceTree()
    tree.root["a"] = b""
    tree.root["b"] = b""
    value = ffi.new("const char **")
    assert lib.dlpar_tree_get(tree.ptr, value, 0, b"a\0b", 3) == lib.DLPAR_ERR_NOTFOUND
    with pytest.raises(ArgumentError):
        tree.root["a\0b"] = b""


def test_add_of_an_existing_node_makes_no_names():
    tree = DeviceTree()
    tree.add_node("/n", {})
    before = tree.to_dtb()
    with pytest.raises(ExistsError):
        tree.add_node("/n", {"brand-new": b""})
    assert tree.to_dtb() == before

"""Batches: built once, run many times; look-ups, flags and patches within them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plaintree import cell

from pydlpar import (
    DeviceTree,
    DlparError,
    ExistsError,
    NodeArray,
    NotFoundError,
    StaleHandleError,
    TreeError,
)
from pydlpar._ffi import ffi, lib


@pytest.fixture
def tree(small_tree) -> DeviceTree:
    return DeviceTree.from_dtb(small_tree)


PROPS = {"reg": cell(1), "phandle": cell(0x700), "name": b"cpu\0", "empty": b""}


def test_prepared_stream_runs_again_and_again(tree, small_tree):
    """A cycle leaves the tree as it was, so it can follow itself."""
    batch = tree.batch()
    new = batch.stamp(tree["/cpus"], "hot", tree.template(PROPS))
    batch.find(tree.root, "cpus/hot")
    batch.remove(new)
    cycle = batch.prepare()
    assert len(cycle) == 3
    handles = set()
    for _ in range(5):
        nodes = cycle.run()
        assert nodes.handles[0] == nodes.handles[1] >= 0 > nodes.handles[2]
        handles.add(nodes.handles[0])
    assert len(handles) == 5  # each run made a node of its own
    assert tree["/cpus"].child("hot") is None
    assert DeviceTree.from_dtb(small_tree).diff(tree) == []


def test_prepared_stream_outlives_its_batch_and_its_failure(tree):
    batch = tree.batch()
    batch.add(tree.root, "new", {"a": b"1"})
    stream = batch.prepare()
    assert batch.run() == [tree["/new"]]
    assert len(batch) == 0
    with pytest.raises(ExistsError, match="operation 0 of the batch"):
        stream.run()
    tree.remove_node("/new")
    assert stream.run()[0] == tree["/new"]


def test_prepared_stream_names_nodes_by_handle(tree):
    """A node that is gone when it runs is an error, not another node."""
    batch = tree.batch()
    batch.set(tree["/rtas"], "x", b"1")
    stream = batch.prepare()
    stream.run()
    tree.remove_node("/rtas")
    tree.add_node("/rtas", {})
    with pytest.raises(StaleHandleError, match="operation 0"):
        stream.run()


def test_results_are_an_array_whose_items_are_made_when_read(tree):
    batch = tree.batch()
    batch.add(tree.root, "a", {})
    batch.set(tree.root, "x", b"")
    batch.find(tree.root, "/")
    nodes = batch.prepare().run()
    assert isinstance(nodes, NodeArray)
    assert list(nodes) == [tree["/a"], None, tree.root]
    assert nodes[-1] == tree.root
    assert nodes[:2] == [tree["/a"], None]
    assert nodes.handles.tolist() == [tree["/a"].handle, -1, tree.root.handle]
    assert repr(nodes) == "<NodeArray, 3 nodes>"
    with pytest.raises(IndexError):
        nodes[3]
    with pytest.raises(TypeError):
        nodes.handles[0] = 7


def test_find_goes_below_a_node_that_the_batch_made(tree):
    """The path of find() begins at the node; the result can be a target."""
    with tree.batch() as batch:
        top = batch.add(tree.root, "top", {})
        batch.add(top, "mid@1", {})
        mid = batch.find(top, "mid")  # as in a path, without its address
        batch.add(mid, "leaf", {})
        leaf = batch.find(tree.root, "/top//mid@1/leaf/")
        batch.set(leaf, "x", b"y")
    assert tree["/top/mid@1/leaf"]["x"] == b"y"


def test_find_of_nothing_undoes_all(tree, small_tree):
    batch = tree.batch()
    batch.add(tree.root, "new", {"brand-new-name": b""})
    batch.find(tree.root, "none")
    with pytest.raises(NotFoundError, match="operation 1"):
        batch.run()
    assert tree.to_dtb() == small_tree


def test_add_first_within_a_batch(tree):
    with tree.batch() as batch:
        batch.add(tree.root, "second", {}, first=True)
        batch.add(tree.root, "first", {}, first=True)
        batch.add(tree.root, "last", {})
    names = [child.name for child in tree.root.children]
    assert (names[0], names[1], names[-1]) == ("first", "second", "last")


def test_template_by_handles_gives_the_node_that_add_gives(tree):
    template = tree.template(PROPS)
    cpus = tree["/cpus"]
    handle = template.stamp(cpus.handle, "a@1", {"phandle": cell(9), "empty": b""})
    assert tree.handle("/cpus/a@1") == handle
    assert tree.by_phandle(9) == tree.node(handle)
    assert dict(tree.node(handle).properties) == {**PROPS, "phandle": cell(9)}
    tree.remove(handle)
    with pytest.raises(NotFoundError, match="a@1"):
        tree.handle("/cpus/a@1")
    for use in (
        lambda: tree.remove(handle),
        lambda: template.stamp(handle, "x"),
    ):
        with pytest.raises(StaleHandleError):
            use()
    assert template.add(cpus, "odd\udcff").name == "odd\udcff"


@pytest.mark.parametrize("phandle", [0, 0xFFFFFFFF])
def test_stamped_node_without_a_phandle(tree, phandle):
    """0 and -1 are no phandles, in a template or in a patch."""
    node = tree.template({"phandle": cell(phandle)}).add(tree.root, "a")
    assert node.phandle == 0
    node = tree.template(PROPS).add(tree.root, "b", {"phandle": cell(phandle)})
    assert node.phandle == 0


def test_patch_of_an_unknown_name_is_refused_when_it_is_given(tree):
    template = tree.template(PROPS)
    with pytest.raises(NotFoundError, match="template, property 'nope'"):
        template.add(tree.root, "x", {"nope": b""})
    batch = tree.batch()
    with pytest.raises(NotFoundError):
        batch.stamp(tree.root, "x", template, {"nope": b""})
    batch.stamp(tree.root, "x", template, {"reg": b"12345"})
    with pytest.raises(TreeError, match="operation 0"):
        batch.run()


def _stamp(tree: DeviceTree, number: int, patch: bytes, flags: int) -> int:
    args = (b"new", 3, number, patch, len(patch), flags)
    return int(lib.dlpar_tree_stamp(tree.ptr, 0, *args))


def _slot(slot: int, value: bytes) -> bytes:
    return slot.to_bytes(4, "big") + len(value).to_bytes(4, "big") + value


@pytest.mark.parametrize("big", [False, True])
def test_patch_by_place_checks_every_record(tree, big):
    """Also of a template beyond the reach of a directory."""
    props = {"big": bytes(300_000), **PROPS} if big else PROPS
    reg = list(props).index("reg")
    number = tree.template(props).number
    before = tree.to_dtb()
    good = _slot(reg, cell(5))
    for patch, code in (
        (_slot(len(props), cell(5)), lib.DLPAR_ERR_NOTFOUND),
        (_slot(0xFFFFFFFF, b""), lib.DLPAR_ERR_NOTFOUND),
        (_slot(reg, b"12345"), lib.DLPAR_ERR_BADLENGTH),
        (good + _slot(reg, b""), lib.DLPAR_ERR_BADLENGTH),
        *((good[:cut], lib.DLPAR_ERR_TRUNCATED) for cut in range(1, len(good))),
    ):
        assert _stamp(tree, number, patch, lib.DLPAR_TREE_SLOTS) == code
    assert tree.to_dtb() == before
    assert _stamp(tree, number, good + good, lib.DLPAR_TREE_SLOTS) > 0
    assert tree["/new"].u32("reg") == 5
    assert [tree["/new"][name] for name in PROPS if name != "reg"] == [
        PROPS[name] for name in PROPS if name != "reg"
    ]


@pytest.mark.parametrize("big", [False, True])
def test_patch_by_name_checks_every_record(tree, big):
    props = {"big": bytes(300_000), **PROPS} if big else PROPS
    number = tree.template(props).number

    def named(name: bytes, value: bytes) -> bytes:
        sizes = len(name).to_bytes(4, "big") + len(value).to_bytes(4, "big")
        return sizes + name + value

    good = named(b"reg", cell(5))
    for patch, code in (
        (named(b"none", b""), lib.DLPAR_ERR_NOTFOUND),
        (named(b"#size-cells", b""), lib.DLPAR_ERR_NOTFOUND),  # of other nodes
        (named(b"", b""), lib.DLPAR_ERR_BADARG),
        (named(b"a\0b", b""), lib.DLPAR_ERR_BADARG),
        (named(b"reg", b""), lib.DLPAR_ERR_BADLENGTH),
        *((good[:cut], lib.DLPAR_ERR_TRUNCATED) for cut in range(1, len(good))),
    ):
        assert _stamp(tree, number, patch, 0) == code
    assert "/new" not in tree
    assert _stamp(tree, number, good, lib.DLPAR_TREE_FIRST) > 0
    assert tree["/new"].u32("reg") == 5
    assert tree.root.children[0] == tree["/new"]


def _record(op: int, node: int, name: bytes, data: bytes) -> bytes:
    sizes = len(name).to_bytes(4, "big") + len(data).to_bytes(4, "big")
    return (
        op.to_bytes(4, "big")
        + node.to_bytes(8, "big", signed=True)
        + sizes
        + (name + data)
    )


def test_malformed_streams_are_refused_whole(tree, small_tree):
    """Cut at every byte, and with what no operation is."""
    good = _record(lib.DLPAR_TREE_OP_ADD, 0, b"new", b"")
    out = ffi.new("int64_t[]", 8)
    for stream, code in (
        *((good[:cut], lib.DLPAR_ERR_TRUNCATED) for cut in range(1, len(good))),
        (_record(0, 0, b"", b""), lib.DLPAR_ERR_BADARG),
        (_record(7, 0, b"", b""), lib.DLPAR_ERR_BADARG),
        (_record(lib.DLPAR_TREE_OP_FIND, 0, b"cpus", b"x"), lib.DLPAR_ERR_BADARG),
        (_record(lib.DLPAR_TREE_OP_STAMP, 0, b"x", b"123"), lib.DLPAR_ERR_TRUNCATED),
    ):
        n = lib.dlpar_tree_batch(tree.ptr, out, 8, stream, len(stream))
        assert n == code
        n = lib.dlpar_tree_batch(tree.ptr, out, 8, good + stream, len(good + stream))
        assert (n, out[0]) == (code, 1)
        assert tree.to_dtb() == small_tree
    assert lib.dlpar_tree_batch(tree.ptr, out, 0, b"", 0) == 0
    assert lib.dlpar_tree_batch(tree.ptr, out, 0, good, len(good)) == (
        lib.DLPAR_ERR_NOSPACE
    )


_steps = st.lists(
    st.tuples(st.sampled_from("arsdtc"), st.integers(0, 5), st.binary(max_size=40)),
    max_size=60,
)


def _step(tree: DeviceTree, kind: str, at: int, value: bytes) -> None:
    """One edit of whatever there is; what does not fit is left."""
    nodes = [n for n in tree.nodes() if n != tree.root and n.name.startswith("n")]
    node = nodes[at % len(nodes)] if nodes else tree.root
    try:
        if kind == "a":
            tree.add_child(node, f"n{at}", {"v": value})
        elif kind == "r":
            tree.remove(node)
        elif kind == "s":
            node[f"p{at}"] = value
        elif kind == "d":
            del node[f"p{at}"]
        elif kind == "t":
            tree.template({"v": value, "phandle": cell(at)}).add(node, f"n{at}")
        else:  # a node that is new and gone again
            tree.remove(tree.add_child(node, "cycle", {"v": value}))
    except DlparError:
        pass


@settings(max_examples=120, deadline=None)
@given(_steps, _steps, _steps)
def test_roll_back_restores_the_bytes_after_any_edits(before, outer, inner):
    """Nodes added and removed within a transaction leave no trace either."""
    tree = DeviceTree()
    for step in before:
        _step(tree, *step)
    start, live = tree.to_dtb(), [(n, n.path) for n in tree.nodes()]
    with tree.transaction() as transaction:
        for step in outer:
            _step(tree, *step)
        middle = tree.to_dtb()
        with tree.transaction() as savepoint:
            for step in inner:
                _step(tree, *step)
            savepoint.rollback()
        assert tree.to_dtb() == middle
        transaction.rollback()
    assert tree.to_dtb() == start
    assert [(n, n.path) for n in tree.nodes()] == live


def test_cycles_in_one_transaction_keep_memory_flat(tree):
    """What a transaction adds and removes again at once need not be kept."""
    template = tree.template({"big": bytes(3000)})
    batch = tree.batch()
    for i in range(1000):
        batch.remove(batch.stamp(tree.root, f"n{i}", template))
    stream = batch.prepare()
    with tree.transaction():
        tree.remove(template.add(tree.root, "x"))
        before = tree.memory
        for i in range(1000):
            tree.remove(template.add(tree.root, f"n{i}"))
        assert tree.memory == before
    stream.run()
    assert tree.memory == before

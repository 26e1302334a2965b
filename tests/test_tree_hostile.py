"""What is meant to break the core: odd sizes, hash collisions, foreign objects."""

from __future__ import annotations

import contextlib
import threading
import time

import pytest
from plaintree import END, END_NODE, begin, blob, cell, prop

from pydlpar import (
    ArgumentError,
    BusyError,
    DeviceTree,
    NoSpaceError,
    StaleHandleError,
    TreeError,
)
from pydlpar._ffi import lib

ROOT, CLOSE, DONE = begin(), cell(END_NODE), cell(END)


def test_shrinking_a_property_stays_within_its_block():
    """The first edit of a node copies an image larger than the one to come."""
    tree = DeviceTree()
    tree.add_node("/a", {"big": b"A" * 3000})
    tree = DeviceTree.from_dtb(tree.to_dtb())
    spare = tree.add_node("/x", {"v": b"x" * 8})
    tree.add_node("/y", {"v": b"y" * 8})
    tree.remove(spare)
    tree["/a"]["big"] = b"s"
    assert tree["/y"]["v"] == b"y" * 8
    assert tree["/a"]["big"] == b"s"


def test_roll_back_finds_room_for_duplicate_phandles():
    """Nodes that stand in no table come into one when others are put back."""
    source = DeviceTree()
    for kind in "ab":
        for i in range(1, 42):
            source.add_node(f"/{kind}{i}", {"phandle": cell(i)})
    tree = DeviceTree.from_dtb(source.to_dtb())
    for i in range(1, 42):
        tree.remove_node(f"/a{i}")
    before = tree.to_dtb()
    with tree.transaction() as transaction:
        for i in range(41):
            tree.add_node(f"/c{i}", {"phandle": cell(1000 + i)})
        for i in range(1, 42):
            tree[f"/b{i}"].set_u32("phandle", 0)
        transaction.rollback()
    assert tree.to_dtb() == before
    assert tree.by_phandle(41).path == "/b41"


def test_reserve_map_inside_the_structure_block_is_a_copy():
    """Blocks may overlap; an edit of one must not change the other."""
    structure = ROOT + prop(0, bytes(20)) + CLOSE + DONE
    tree = DeviceTree.from_dtb(blob(structure, b"v\0", rsv_off=56 + 24))
    tree.root["v"] = b"\1" * 20
    assert tree.reservations == []
    assert DeviceTree.from_dtb(tree.to_dtb()).root["v"] == b"\1" * 20


@pytest.mark.parametrize("shift", [0, 8, 16])
def test_phandles_chosen_to_collide_cost_no_more(shift):
    """Keys depend on the tree's seed: this would take minutes."""
    nodes = b"".join(
        begin(b"n%d" % i) + prop(0, cell((i + 1) << shift)) + CLOSE
        for i in range(200_000)
    )
    tree = DeviceTree.from_dtb(blob(ROOT + nodes + CLOSE + DONE, b"phandle\0"))
    assert tree.by_phandle(cell_of(60_000 << shift)).phandle == cell_of(60_000 << shift)


def cell_of(value: int) -> int:
    return value & 0xFFFFFFFF


def test_names_that_need_more_than_there_is():
    """Suffixes of one name, written out in full, would need 4 GiB: refused."""
    longest = b"a" * 4095 + b"\0"
    props = b"".join(prop(i % 2048, b"") for i in range(1_400_000))
    data = blob(ROOT + begin(b"x") + props + CLOSE + CLOSE + DONE, longest)
    tree = DeviceTree.from_dtb(data)
    with pytest.raises((TreeError, NoSpaceError)) as caught:
        tree.extract(tree["/x"])
    assert caught.value.code in (lib.DLPAR_ERR_TOOBIG, lib.DLPAR_ERR_NOMEM)
    other = DeviceTree()
    with pytest.raises(TreeError) as caught:
        other.graft(other.root, data)
    assert caught.value.code == lib.DLPAR_ERR_TOOBIG
    assert len(other) == 1


def test_only_the_root_has_an_empty_name():
    with pytest.raises(TreeError) as caught:
        DeviceTree.from_dtb(blob(ROOT + begin(b"") + CLOSE + CLOSE + DONE))
    assert caught.value.code == lib.DLPAR_ERR_NODENAME
    assert caught.value.offset == 56 + 8 + 4


def test_first_phandle_property_of_a_wrong_size_is_none():
    """Of equal names the first counts, here as everywhere."""
    data = blob(
        ROOT
        + begin(b"a")
        + prop(0, b"12345")
        + prop(0, cell(7))
        + CLOSE
        + CLOSE
        + DONE,
        b"phandle\0",
    )
    assert DeviceTree.from_dtb(data)["/a"].phandle == 0


def test_nodes_of_another_tree_are_refused(small_tree):
    """A handle says nothing of its tree, so the tree is checked."""
    tree, other = DeviceTree.from_dtb(small_tree), DeviceTree.from_dtb(small_tree)
    node = other["/cpus"]
    fragment = DeviceTree()
    fragment.add_node("/new", {})
    template = other.template({"a": b""})
    for use in (
        lambda: tree.remove(node),
        lambda: tree.add_child(node, "x", {}),
        lambda: tree.graft(node, fragment.to_dtb()),
        lambda: tree.extract(node),
        lambda: tree.find_child(node, "reg", 0),
        lambda: tree.template({"a": b""}).add(node, "x"),
        lambda: tree.batch().remove(node),
        lambda: tree.batch().stamp(tree.root, "x", template),
    ):
        with pytest.raises(ArgumentError, match="of another tree"):
            use()
    assert DeviceTree.from_dtb(small_tree).diff(tree) == []


def test_template_numbers_are_not_given_out_again():
    """A closed template stays closed, though its place is used anew."""
    tree = DeviceTree()
    old = tree.template({"a": b"1"})
    old.close()
    new = tree.template({"b": b"2"})
    for use in (old.close, lambda: old.add(tree.root, "x")):
        with pytest.raises(StaleHandleError):
            use()
    assert dict(new.add(tree.root, "x").properties) == {"b": b"2"}


@pytest.mark.parametrize(
    "use",
    [
        lambda t: t.by_phandle(-1),
        lambda t: t.by_phandle(1 << 32),
        lambda t: t.find_child(t.root, "reg", -1),
        lambda t: t.find("cpu", "reg", 1 << 32),
        lambda t: t.root.set_u32("x", -1),
        lambda t: t.root.set_u32("x", 1 << 32),
        lambda t: t.batch().set(1 << 63, "x", b""),
        lambda t: t.root.get("\ud800"),
        lambda t: "\ud800" in t.root,
        lambda t: t["/\ud800"],
        lambda _: DeviceTree(memory_limit=-1),
        lambda t: DeviceTree.from_dtb(t.to_dtb(), memory_limit=-1),
    ],
)
def test_arguments_out_of_range_are_argument_errors(use):
    with pytest.raises(ArgumentError):
        use(DeviceTree())


def test_wrong_types_say_what_was_expected():
    with pytest.raises(TypeError, match="a device tree is bytes-like, not NoneType"):
        DeviceTree.from_dtb(None)
    tree, fragment = DeviceTree(), DeviceTree()
    fragment.add_node("/a", {})
    assert tree.graft(tree.root, bytearray(fragment.to_dtb()))[0].path == "/a"


def test_outer_roll_back_ends_inner_transactions(small_tree):
    """What is open inside ends with it, and does not commit later."""
    tree = DeviceTree.from_dtb(small_tree)
    with tree.transaction() as outer:
        tree.root["x"] = b"1"
        with tree.transaction():
            tree.root["y"] = b"2"
            outer.rollback()
            assert tree.depth == 0
        assert tree.depth == 0
    assert tree.to_dtb() == small_tree


def test_transaction_cannot_be_entered_twice(small_tree):
    tree = DeviceTree.from_dtb(small_tree)
    transaction = tree.transaction()
    with transaction:
        with pytest.raises(ArgumentError), transaction:
            pass
        assert tree.depth == 1
    assert tree.depth == 0
    with transaction:
        tree.root["x"] = b"1"
    assert tree.root["x"] == b"1"


def test_edit_that_meets_another_thread_is_refused():
    """The core lets go of the interpreter's lock, so it has one of its own."""
    fragment = DeviceTree()
    batch = fragment.batch()
    for i in range(50_000):
        batch.add(fragment.root, f"n{i}", {"x": b"1"})
    batch.run()
    tree = DeviceTree()
    node = tree.add_node("/here", {"v": b"0"})
    refused = threading.Event()

    def edit() -> None:
        while not refused.is_set():
            try:
                node.set("v", b"1")
            except BusyError:
                refused.set()

    other = threading.Thread(target=edit)
    other.start()
    deadline = time.monotonic() + 60
    while not refused.is_set() and time.monotonic() < deadline:
        with contextlib.suppress(BusyError), tree.transaction() as transaction:
            tree.attach("/here", fragment)
            transaction.rollback()
    met = refused.is_set()
    refused.set()
    other.join()
    assert met
    assert DeviceTree.from_dtb(tree.to_dtb()).diff(tree) == []

"""Write-out of a parsed tree: runs of clean siblings between changed ones."""

from __future__ import annotations

import random

import pytest
from plaintree import NOP, PlainTree, begin, blob, cell, content

from pydlpar import DeviceTree

END_NODE, END = cell(2), cell(9)


def _forest(rng: random.Random, nodes: int) -> PlainTree:
    plain, parents = PlainTree(), ["", "/a", "/a/b"]
    plain.add("/", "a", {})
    plain.add("/a", "b", {})
    for i in range(nodes):
        parent = rng.choice(parents)
        plain.add(parent or "/", f"n{i}", {"reg": bytes(rng.randrange(40))})
        if rng.random() < 0.2:
            parents.append(f"{parent}/n{i}")
    return plain


def _change(rng: random.Random, tree: DeviceTree, plain: PlainTree, i: int) -> None:
    path = rng.choice(plain.paths())
    kind = rng.choice(["set", "set", "add", "front", "remove"])
    if kind == "set":
        tree[path]["reg"] = value = bytes(rng.randrange(300))
        plain.set(path, "reg", value)
    elif kind == "remove":
        if path != "/":
            tree.remove_node(path)
            plain.remove(path)
    else:
        tree.add_child(tree[path], f"new{i}", {}, first=kind == "front")
        plain.add(path, f"new{i}", {})
        if kind == "front":
            siblings = plain.node(path).children
            siblings.insert(0, siblings.pop())


@pytest.mark.parametrize("seed", range(8))
def test_every_change_of_a_wide_tree_is_written(seed):
    """Hundreds of records: new ones, reused ones, removed ones; any order."""
    rng = random.Random(seed)
    plain = _forest(rng, 300)
    tree = DeviceTree.from_dtb(plain.to_dtb())
    for i in range(60):
        _change(rng, tree, plain, i)
        assert content(DeviceTree.from_dtb(tree.to_dtb())) == plain.root.content()


@pytest.mark.parametrize("seed", range(4))
def test_what_was_rolled_back_is_written_as_before(seed):
    """Records put back into runs that were cut around them."""
    rng = random.Random(seed)
    plain = _forest(rng, 200)
    tree = DeviceTree.from_dtb(plain.to_dtb())
    for _ in range(5):
        with tree.transaction() as transaction:
            for path in rng.sample(plain.paths()[1:], 12):
                if path in tree:
                    tree.remove_node(path)
            tree.to_dtb()
            transaction.rollback()
        assert content(DeviceTree.from_dtb(tree.to_dtb())) == plain.root.content()


def test_nops_between_siblings_are_not_copied_with_them():
    """Clean subtrees that a NOP parts in the blob are two runs."""
    node = [begin(f"n{i}".encode()) + END_NODE for i in range(150)]
    gaps = cell(NOP).join(node)
    tree = DeviceTree.from_dtb(blob(begin() + gaps + END_NODE + END))
    plain = blob(begin() + b"".join(node) + END_NODE + END)
    assert tree.to_dtb() == plain
    tree["/n70"]["a"] = b"1"
    del tree["/n70"]["a"]
    assert content(DeviceTree.from_dtb(tree.to_dtb())) == content(
        DeviceTree.from_dtb(plain)
    )


def test_record_used_again_for_an_earlier_child_ends_no_run():
    """A new first child may have a record of the blob behind its siblings'."""
    plain = PlainTree()
    plain.add("/", "p", {})
    for name in ("a", "b"):
        plain.add("/p", name, {"x": b"1234"})
    plain.add("/", "r", {})
    tree = DeviceTree.from_dtb(plain.to_dtb())
    tree.remove_node("/r")
    tree.add_node("/p/new", {}, first=True)
    again = DeviceTree.from_dtb(tree.to_dtb())
    assert [node.path for node in again.nodes()] == [
        "/",
        "/p",
        *(f"/p/{name}" for name in ("new", "a", "b")),
    ]

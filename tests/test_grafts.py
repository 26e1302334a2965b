"""Fragments attached from templates: the same tree, nodes and errors as grafted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydlpar import grafts as grafts_module
from pydlpar.errors import DlparError, ExistsError, TreeError
from pydlpar.grafts import Grafts
from pydlpar.tree import DeviceTree

names = st.text("abcdefgh", min_size=1, max_size=4)
properties = st.dictionaries(names, st.binary(max_size=9), max_size=5)


def fragment(nodes, children=()):
    tree = DeviceTree()
    for name, values in nodes.items():
        tree.add_node(f"/{name}", values)
        for child in children:
            tree.add_node(f"/{name}/{child}", {})
    return tree.to_dtb()


def pair():
    """A tree with templates, one without, and what attaches to each."""
    trees = DeviceTree(), DeviceTree()
    for tree in trees:
        tree.add_node("/cpus", {"#size-cells": b"\0\0\0\0"})
        tree.add_node("/cpus/taken", {})
    return trees, (Grafts(trees[0]).attach, trees[1].graft)


@given(
    st.lists(st.dictionaries(names, properties, min_size=1, max_size=3), max_size=3),
    st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=20),
    st.booleans(),
)
def test_it_is_the_same_as_grafted(fragments, plan, children):
    """Bit for bit, whatever comes and goes, in any order and again and again."""
    blobs = [fragment(nodes, ["below"] if children else []) for nodes in fragments]
    trees, attach = pair()
    for which, goes in plan:
        if which >= len(blobs):
            continue
        came = []
        for tree, function in zip(trees, attach, strict=True):
            try:
                nodes = function(tree["/cpus"], blobs[which])
                came.append([node.path for node in nodes])
                if goes:
                    for node in nodes:
                        tree.remove(node)
            except DlparError as error:
                came.append((type(error), str(error)))
        assert came[0] == came[1]
        assert trees[0].to_dtb() == trees[1].to_dtb()


def again(attach, tree, blob, times=3):
    """Attach so often that it is known, and take it away each time."""
    for _ in range(times):
        for node in attach(tree["/cpus"], blob):
            tree.remove(node)


def test_a_name_that_is_taken_leaves_nothing():
    """The first node is not left behind where the second cannot be attached."""
    (tree, _), (attach, _) = pair()
    blob = fragment({"one": {"a": b"1"}, "two": {}})
    again(attach, tree, blob)
    tree.add_node("/cpus/two", {})
    before = tree.to_dtb()
    for _ in range(2):
        with pytest.raises(ExistsError):
            attach(tree["/cpus"], blob)
        assert tree.to_dtb() == before


def test_what_a_roll_back_took_along_is_made_again():
    """A template that was made in a transaction is gone with it."""
    (tree, _), (attach, _) = pair()
    blob = fragment({"one": {"a": b"1"}})
    transaction = tree.transaction()
    with transaction:
        again(attach, tree, blob)
        transaction.rollback()
    again(attach, tree, blob)
    (node,) = attach(tree["/cpus"], blob)
    assert node["a"] == b"1"


def test_many_fragments_take_no_more_memory(monkeypatch):
    """The templates of those before are freed."""
    monkeypatch.setattr(grafts_module, "_MOST", 4)
    (tree, _), (attach, _) = pair()
    sizes = []
    for number in range(400):
        again(attach, tree, fragment({"one": {"a": number.to_bytes(4096, "big")}}))
        sizes.append(tree.memory)
    assert sizes[-1] - sizes[100] < 10 * 4096


def test_a_malformed_fragment_is_refused():
    (tree, _), (attach, _) = pair()
    for _ in range(3):
        with pytest.raises(TreeError):
            attach(tree["/cpus"], b"no tree")

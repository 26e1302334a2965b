"""Rename, move, order, append: against the reference, written out, rolled back."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plaintree import PlainTree, cell, content

from pydlpar import (
    ArgumentError,
    DeviceTree,
    ExistsError,
    NoSpaceError,
    NotFoundError,
    StaleHandleError,
)


def _forest(rng: random.Random, nodes: int) -> PlainTree:
    """Nested and flat parts, of nodes of different sizes."""
    plain, parents = PlainTree(), ["/"]
    for i in range(nodes):
        parent = rng.choice(parents)
        plain.add(parent, f"n{i}", {"reg": bytes(rng.randrange(40))})
        if rng.random() < 0.3:
            parents.append(f"{parent.rstrip('/')}/n{i}")
    return plain


def _written(tree: DeviceTree):
    return content(DeviceTree.from_dtb(tree.to_dtb()))


def _plain_move(plain: PlainTree, path: str, parent: str, at: int) -> None:
    node = plain.node(path)
    plain.remove(path)
    plain.node(parent).children.insert(at, node)


def _edit(rng: random.Random, tree: DeviceTree, plain: PlainTree, i: int) -> None:
    """One edit on both."""
    paths = plain.paths()
    path = rng.choice(paths[1:])
    kind = rng.choice(["move", "move", "move", "rename", "set", "add", "remove"])
    if kind == "move":
        _move_somewhere(rng, tree, plain, path)
    elif kind == "rename":
        name = f"r{i}" + "x" * rng.randrange(9)
        tree.rename(tree[path], name)
        plain.node(path).name = name
    elif kind == "set":
        tree[path]["reg"] = value = bytes(rng.randrange(99))
        plain.set(path, "reg", value)
    elif kind == "remove" and len(paths) > 20:
        tree.remove_node(path)
        plain.remove(path)
    elif kind == "add":
        tree.add_child(tree[path], f"a{i}", {}, first=True)
        plain.add(path, f"a{i}", {})
        siblings = plain.node(path).children
        siblings.insert(0, siblings.pop())


def _move_somewhere(rng, tree, plain, path):
    parent = rng.choice(plain.paths())
    if (parent + "/").startswith(path + "/"):
        with pytest.raises(ArgumentError):
            tree.move(tree[path], tree[parent])
        return
    node, above = tree[path], tree[parent]
    rest = [c for c in above.children if c != node]
    at = rng.randrange(len(rest) + 1)
    place = rng.choice(["first", "last", "before", "after"])
    if place == "first" or (place == "after" and not at):
        at = 0
        tree.move(node, above, first=True)
    elif place == "last" or at == len(rest):
        at = len(rest)
        tree.move(node, above)
    elif place == "before":
        tree.move(node, above, before=rest[at])
    else:
        tree.move(node, above, after=rest[at - 1])
    _plain_move(plain, path, parent, at)


@pytest.mark.parametrize("seed", range(10))
def test_moves_of_a_parsed_tree_equal_those_on_the_reference(seed):
    """Clean subtrees in any new order and place are found and written out."""
    rng = random.Random(seed)
    plain = _forest(rng, 150)
    tree = DeviceTree.from_dtb(plain.to_dtb())
    for i in range(80):
        _edit(rng, tree, plain, i)
        assert _written(tree) == plain.root.content()
    assert [node.path for node in tree.nodes()] == plain.paths()
    assert [tree[path].path for path in plain.paths()] == plain.paths()


@pytest.mark.parametrize("seed", range(6))
def test_roll_back_takes_moves_back(seed):
    """Mixed with all other edits and with inner transactions; then edits go on."""
    rng = random.Random(seed)
    plain = _forest(rng, 100)
    tree = DeviceTree.from_dtb(plain.to_dtb())
    before = tree.to_dtb()
    for _ in range(4):
        copy = _twin(plain)
        with tree.transaction() as outer:
            for i in range(15):
                _edit(rng, tree, copy, i)
            state = tree.to_dtb()
            throwaway = _twin(copy)
            with tree.transaction() as inner:
                for i in range(20, 35):
                    _edit(rng, tree, throwaway, i)
                inner.rollback()
            assert tree.to_dtb() == state
            with tree.transaction():
                for i in range(40, 50):
                    _edit(rng, tree, copy, i)
            assert _written(tree) == copy.root.content()
            outer.rollback()
        assert tree.to_dtb() == before
        assert [tree[path].path for path in plain.paths()] == plain.paths()
    for i in range(60, 90):
        _edit(rng, tree, plain, i)
    assert _written(tree) == plain.root.content()


def _twin(plain: PlainTree) -> PlainTree:
    """A copy without the use of a blob."""
    twin, todo = PlainTree(), []
    todo.append((plain.root, twin.root))
    while todo:
        old, new = todo.pop()
        new.props = dict(old.props)
        new.children = [type(old)(child.name) for child in old.children]
        todo += zip(old.children, new.children, strict=True)
    return twin


@pytest.fixture
def tree() -> DeviceTree:
    tree = DeviceTree()
    for path in ("/a", "/b", "/b/x", "/b/x/y", "/c"):
        tree.add_node(path, {})
    tree["/b/x"].set_u32("phandle", 7)
    return DeviceTree.from_dtb(tree.to_dtb())


def _names(tree: DeviceTree, path: str = "/") -> list[str]:
    return [child.name for child in tree[path].children]


def test_moved_node_keeps_handle_phandle_and_subtree(tree):
    node, below = tree["/b/x"], tree["/b/x/y"]
    tree.move(node, tree["/c"])
    assert (node.path, below.path) == ("/c/x", "/c/x/y")
    assert tree.by_phandle(7) == node
    assert tree["/c/x/y"] == below
    assert "/b/x" not in tree


@pytest.mark.parametrize(
    ("place", "order"),
    [
        ({}, "bca"),
        ({"first": True}, "abc"),
        ({"before": "/c"}, "bac"),
        ({"after": "/b"}, "bac"),
        ({"after": "/c"}, "bca"),
        ({"before": "/a"}, "abc"),
        ({"after": "/a"}, "abc"),
        ({"before": "/b"}, "abc"),
    ],
)
def test_places_among_siblings(tree, place, order):
    """Of the node that is first now; before or after itself is where it is."""
    where = {
        key: value if value is True else tree[value] for key, value in place.items()
    }
    tree.move(tree["/a"], tree.root, **where)
    assert "".join(_names(tree)) == order
    assert _written(tree) == content(tree)


@pytest.mark.parametrize(
    ("place", "order"),
    [({"before": "/b"}, "anbc"), ({"after": "/b"}, "abnc"), ({"after": "/c"}, "abcn")],
)
def test_new_node_beside_a_sibling(tree, place, order):
    where = {key: tree[value] for key, value in place.items()}
    node = tree.add_node("/n", {"a": b"1"}, **where)
    assert "".join(_names(tree)) == order
    assert node["a"] == b"1"


def test_new_node_beside_no_sibling_is_not_made(tree):
    """All or nothing."""
    before = tree.to_dtb()
    with pytest.raises(ArgumentError, match="no child"):
        tree.add_node("/n", {}, before=tree["/b/x"])
    with pytest.raises(ArgumentError, match="one of first=, before= and after="):
        tree.add_node("/n", {}, before=tree["/b"], first=True)
    assert tree.to_dtb() == before


def test_moves_that_are_refused_change_nothing(tree):
    before = tree.to_dtb()
    tree.add_node("/c/x", {})
    tree.remove_node("/c/x")
    gone = tree.add_node("/gone", {})
    tree.remove(gone)
    other = DeviceTree()
    for node, parent, place, error in [
        (tree.root, tree["/a"], {}, ArgumentError),
        (tree["/b"], tree["/b"], {}, ArgumentError),
        (tree["/b"], tree["/b/x/y"], {}, ArgumentError),
        (tree["/a"], tree["/b"], {"before": tree["/c"]}, ArgumentError),
        (tree["/a"], tree["/b"], {"after": tree["/c"]}, ArgumentError),
        (tree["/a"], tree["/b"], {"first": True, "after": tree["/c"]}, ArgumentError),
        (tree["/a"], other.root, {}, ArgumentError),
        (gone, tree["/b"], {}, StaleHandleError),
        (tree["/a"], gone, {}, StaleHandleError),
        (tree["/a"], gone, {"first": True}, StaleHandleError),
    ]:
        with pytest.raises(error):
            tree.move(node, parent, **place)
    assert tree.to_dtb() == before


def test_move_to_where_the_name_is_taken(tree):
    tree.add_node("/c/x", {})
    before = tree.to_dtb()
    with pytest.raises(ExistsError, match="/b/x> to <Node /c>"):
        tree.move(tree["/b/x"], tree["/c"])
    assert tree.to_dtb() == before


def test_renamed_node_is_found_by_its_new_name_only(tree):
    node = tree["/b/x"]
    for name in ("longer-than-before@1000", "s", "name"):
        tree.rename(node, name)
        assert node.name == name
        assert tree[f"/b/{name}/y"].parent == node
        assert tree.by_phandle(7) == node
        assert _written(tree) == content(tree)
    assert "/b/x" not in tree
    tree.add_node("/b/x", {})


def test_names_that_a_node_cannot_have(tree):
    before = tree.to_dtb()
    with pytest.raises(ExistsError):
        tree.rename(tree["/a"], "b")
    for name in ("", "a/b", "a\0", "x" * 4096):
        with pytest.raises(ArgumentError):
            tree.rename(tree["/a"], name)
    with pytest.raises(ArgumentError):
        tree.rename(tree.root, "name")
    tree.rename(tree["/a"], "a")
    assert tree.to_dtb() == before


def test_rename_after_other_edits_is_undone_in_order(tree):
    """The image is in the journal already; names must be right at every step."""
    before = tree.to_dtb()
    with tree.transaction() as transaction:
        node = tree["/b/x"]
        node["a"] = b"first"
        tree.rename(node, "z")
        tree.rename(tree["/b"], "bb")
        tree.add_node("/bb/x", {})
        tree.move(node, tree["/c"])
        node["a"] = b"second and longer"
        tree.rename(node, "x")
        tree.remove_node("/bb/x")
        tree.remove(node)
        transaction.rollback()
    assert tree.to_dtb() == before
    assert tree["/b/x/y"].path == "/b/x/y"


def test_committed_renames_free_what_they_replaced():
    tree = DeviceTree()
    node = tree.add_node("/n", {"a": bytes(5000)})
    for i in range(100):
        with tree.transaction():
            tree.rename(node, f"n{i % 7}")
            node.order("a")
        if i == 10:
            memory = tree.memory
    assert tree.memory == memory


def _props(node) -> str:
    return "".join(node.properties)


@pytest.mark.parametrize(
    ("name", "place", "order"),
    [
        ("a", {}, "bcda"),
        ("d", {"first": True}, "dabc"),
        ("a", {"before": "d"}, "bcad"),
        ("d", {"before": "b"}, "adbc"),
        ("a", {"after": "c"}, "bcad"),
        ("d", {"after": "a"}, "adbc"),
        ("b", {"after": "d"}, "acdb"),
        ("b", {"before": "b"}, "abcd"),
        ("b", {"after": "b"}, "abcd"),
        ("b", {"before": "c"}, "abcd"),
        ("d", {}, "abcd"),
        ("a", {"first": True}, "abcd"),
    ],
)
def test_order_of_properties(name, place, order):
    """Of different sizes; values go with their names, and come back."""
    tree = DeviceTree()
    values = {n: n.encode() * i for n, i in zip("abcd", (1, 9, 0, 70), strict=True)}
    tree.add_node("/n", values)
    tree = DeviceTree.from_dtb(tree.to_dtb())
    node, before = tree["/n"], tree.to_dtb()
    with tree.transaction() as transaction:
        node.order(name, **place)
        assert _props(node) == order
        assert node.properties.as_dict() == values
        assert _written(tree) == content(tree)
        transaction.rollback()
    assert tree.to_dtb() == before
    node.order(name, **place)
    assert _props(node) == order


def test_order_names_the_property_that_is_not_there(tree):
    node = tree["/b/x"]
    for name, place in [
        ("none", {}),
        ("phandle", {"before": "none"}),
        ("phandle", {"after": "none"}),
    ]:
        with pytest.raises(NotFoundError, match="/b/x, property 'none'"):
            node.order(name, **place)


@given(st.lists(st.binary(max_size=70), min_size=1, max_size=6))
def test_append_lengthens(parts):
    """As fdt_appendprop(); a property that is not there is made."""
    tree = DeviceTree()
    for part in parts:
        tree.root.append("a", part)
        tree.root.append("b", b"")
    assert tree.root["a"] == b"".join(parts)
    assert tree.root["b"] == b""
    assert _written(tree) == content(tree)


def test_append_is_undone(tree):
    node, before = tree["/b/x"], tree.to_dtb()
    with tree.transaction() as transaction:
        node.append("phandle", cell(8))
        assert node.phandle == 0
        node.append("new", b"1")
        transaction.rollback()
    assert tree.to_dtb() == before
    assert tree.by_phandle(7) == node


def test_memory_limit_leaves_the_tree_whole():
    """Every edit of this file either happens or does not."""
    refused = 0
    for limit in range(10000, 90000, 700):
        tree = DeviceTree(memory_limit=limit)
        try:
            for name in ("a", "b", "c"):
                tree.add_node(f"/{name}", {"x": bytes(300), "y": b""})
            with tree.transaction() as transaction:
                refused += _until_refused(tree)
                transaction.rollback()
        except NoSpaceError:
            continue  # before the first of these edits
        assert _names(tree) == ["a", "b", "c"]
        assert content(tree) == _written(tree)
    assert refused > 100


def _until_refused(tree: DeviceTree) -> int:
    edits = [
        lambda i: tree.rename(tree.root.children[0], f"n{i}" + "x" * 300),
        lambda _: tree.move(tree.root.children[0], tree.root),
        lambda _: tree.root.children[0].append("x", bytes(500)),
        lambda _: tree.root.children[0].order("x"),
        lambda i: tree.reserve(i, 1 + i),
    ]
    refused = 0
    for i in range(200):
        before = tree.to_dtb()
        try:
            edits[i % len(edits)](i)
        except NoSpaceError:
            assert tree.to_dtb() == before
            refused += 1
    return refused

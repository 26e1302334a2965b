"""A batch finds the node that was made last without a search, and only that one."""

from __future__ import annotations

import random

import pytest

from pydlpar import DeviceTree, Node, NotFoundError

PROPS = {"reg": b"\0\0\0\1"}
NAMES = ("a", "b", "cpu@1", "cpu@2", "a-long-unit-name@10", "a-long-unit-name@11")


@pytest.fixture
def tree() -> DeviceTree:
    """Two parents, and nothing below them."""
    made = DeviceTree()
    made.add_node("/x", {})
    made.add_node("/y", {})
    return made


def found(tree: DeviceTree, parent: Node, name: str) -> Node | None:
    """What a batch finds."""
    batch = tree.batch()
    batch.find(parent, name)
    try:
        return batch.run()[0]
    except NotFoundError:
        return None


@pytest.mark.parametrize("stamped", [False, True])
def test_it_is_found_where_it_is(tree: DeviceTree, stamped: bool) -> None:
    """Not below another parent, not by a part of its name, not once it is gone."""
    x, y = tree["/x"], tree["/y"]
    template = tree.template(PROPS)
    node = template.add(x, "cpu@1") if stamped else tree.add_child(x, "cpu@1", PROPS)
    assert found(tree, x, "cpu@1") == node == found(tree, x, "cpu")
    assert found(tree, tree.root, "x/cpu@1") == node
    assert found(tree, y, "cpu@1") is found(tree, x, "cpu@") is None
    assert found(tree, x, "cpu@11") is found(tree, tree.root, "cpu@1") is None
    tree.remove(node)
    assert found(tree, x, "cpu@1") is None


def test_it_may_be_renamed_and_moved(tree: DeviceTree) -> None:
    """It is known by what it is called now, below whom it is now."""
    x, y = tree["/x"], tree["/y"]
    node = tree.add_child(x, "cpu@1", PROPS)
    tree.rename(node, "cpu@2")
    assert found(tree, x, "cpu@1") is None
    assert found(tree, x, "cpu@2") == node
    tree.move(node, y)
    assert found(tree, x, "cpu@2") is None
    assert found(tree, y, "cpu@2") == node


def test_what_a_roll_back_took_is_not_found(tree: DeviceTree) -> None:
    """Nor is its record taken for a node that has it now."""
    x, y = tree["/x"], tree["/y"]
    with tree.transaction() as transaction:
        tree.add_child(x, "cpu@1", PROPS)
        transaction.rollback()
    assert found(tree, x, "cpu@1") is None
    other = tree.graft(y, fragment("cpu@1"))[0]
    assert found(tree, x, "cpu@1") is None
    assert found(tree, y, "cpu@1") == other


def fragment(name: str) -> bytes:
    """One node, for `graft`."""
    made = DeviceTree()
    made.add_node(f"/{name}", PROPS)
    return made.to_dtb()


@pytest.mark.parametrize("seed", range(20))
def test_it_is_what_a_search_finds(tree: DeviceTree, seed: int) -> None:
    """Through random edits: a batch and a look-up by path agree on every name."""
    choose = random.Random(seed)
    parents = {path: tree[path] for path in ("/x", "/y")}
    template = tree.template(PROPS)
    for _ in range(200):
        path, name = choose.choice(list(parents)), choose.choice(NAMES)
        parent, node = parents[path], tree.get(f"{path}/{name}")
        step = choose.randrange(5)
        if node is None or node.name != name:
            made = [template.add, tree.add_child][step % 2]
            made(parent, name) if step % 2 == 0 else made(parent, name, PROPS)
        elif step == 0:
            tree.remove(node)
        elif step == 1 and not tree.get(f"{path}/other"):
            tree.rename(node, "other")
        elif step == 2 and not parents["/y"].child(name):
            tree.move(node, parents["/y"])
        for above, at in parents.items():
            for wanted in (*NAMES, "other"):
                assert found(tree, at, wanted) == tree.get(f"{above}/{wanted}")

"""Equal names and equal phandles, moved and renamed: still as a fresh parse says."""

from __future__ import annotations

import random

import pytest
from plaintree import begin, blob, cell, prop

from pydlpar import ArgumentError, DeviceTree, ExistsError, NotFoundError

PHANDLES = range(1, 6)


def _blob(rng: random.Random) -> bytes:
    """Nodes of three names, with or without an address, and of few phandles."""

    def node(name: bytes, depth: int) -> bytes:
        out = begin(name) + prop(0, cell(rng.choice([0, *PHANDLES]))) * rng.randrange(3)
        for _ in range(rng.randrange(4) if depth < 4 else 0):
            address = b"@1" if rng.random() < 0.3 else b""
            out += node(b"n%d" % rng.randrange(3) + address, depth + 1)
        return out + cell(2)

    return blob(node(b"", 0) + cell(9), b"phandle\0")


def _content(tree: DeviceTree):
    return [(node.depth, node.name, node._stream()) for node in tree.nodes()]


def _found(tree: DeviceTree, paths: list[str]) -> list[int | None]:
    """Where in the tree what each look-up finds stands."""
    place = {node: i for i, node in enumerate(tree.nodes())}
    nodes = [tree.get(path) for path in paths]
    for phandle in PHANDLES:
        try:
            nodes.append(tree.by_phandle(phandle))
        except NotFoundError:
            nodes.append(None)
    return [None if node is None else place[node] for node in nodes]


def _check(tree: DeviceTree) -> None:
    again = DeviceTree.from_dtb(tree.to_dtb())
    assert _content(tree) == _content(again)
    paths = [node.path for node in tree.nodes()]
    assert _found(tree, paths) == _found(again, paths)
    assert tree.max_phandle == max(node.phandle for node in tree.nodes())
    assert tree.new_phandle() == again.new_phandle()


def _edit(rng: random.Random, tree: DeviceTree) -> None:
    nodes = list(tree.nodes())
    node, other = rng.choice(nodes), rng.choice(nodes)
    siblings = other.children
    places = [{}, {"first": True}]
    if siblings:
        places += [{"before": rng.choice(siblings)}, {"after": rng.choice(siblings)}]
    edit = rng.choice(
        [
            lambda: tree.move(node, other, **rng.choice(places)),
            lambda: tree.move(node, other, **rng.choice(places)),
            lambda: tree.rename(node, f"n{rng.randrange(4)}"),
            lambda: tree.remove(node),
            lambda: tree.add_child(other, "m", {}, first=rng.random() < 0.5),
            lambda: node.set_u32("phandle", rng.choice(PHANDLES)),
            lambda: node.order("phandle", first=True),
        ]
    )
    try:
        edit()
    except (ArgumentError, ExistsError, NotFoundError):
        _check(tree)


@pytest.mark.parametrize("seed", range(25))
def test_edits_among_duplicates(seed):
    """After edits, within transactions, after roll-backs, and on."""
    rng = random.Random(seed)
    tree = DeviceTree.from_dtb(_blob(rng))
    for _ in range(5):
        _edit(rng, tree)
    _check(tree)
    before = tree.to_dtb()
    with tree.transaction() as outer:
        for _ in range(6):
            _edit(rng, tree)
        inside = tree.to_dtb()
        with tree.transaction() as inner:
            for _ in range(6):
                _edit(rng, tree)
            _check(tree)
            inner.rollback()
        assert tree.to_dtb() == inside
        with tree.transaction():
            _edit(rng, tree)
        _check(tree)
        outer.rollback()
    assert tree.to_dtb() == before
    for _ in range(5):
        _edit(rng, tree)
    _check(tree)

"""Look-ups by a one-cell property give what a search gives, whatever was edited.

A table answers them once a search was long and a transaction began after it.
"""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pydlpar.errors import DlparError, NoSpaceError, NotFoundError
from pydlpar.tree import DeviceTree

NAME, OTHER = "ibm,my-drc-index", "l2-cache"
MANY = 60
GROUPS = ("cpus", "more")


def cell(value):
    return struct.pack(">I", value)


def big_tree(values=range(MANY), **options):
    """Children of two nodes, by turns, each with a cell of its own."""
    tree = DeviceTree(**options)
    for group in GROUPS:
        tree.add_node(f"/{group}", {})
    for n, value in enumerate(values):
        add(tree, n, value)
    return tree


def add(tree, n, value):
    kind = b"cpu\0" if n % 3 else b"cache\0"
    props = {"device_type": kind, NAME: cell(value), OTHER: cell(value // 2)}
    return tree.add_node(f"/{GROUPS[n % 2]}/n@{n:x}", props)


def warm(tree):
    """Ask for what is not there, and begin a transaction: now there are tables."""
    for name in (NAME, OTHER):
        assert tree.find("cpu", name, 0xFFFF) is None
        with tree.transaction():
            pass


def searched(tree, device_type, name, value):
    found = (
        node
        for node in tree.nodes()
        if node.get(name) == cell(value)
        and node.get("device_type") == device_type.encode() + b"\0"
    )
    return next(found, None)


def searched_child(parent, name, value):
    found = (c for c in parent.children if c.get(name) == cell(value))
    return next(found, None)


def check(tree, values):
    for name in (NAME, OTHER):
        for value in values:
            for kind in ("cpu", "cache"):
                found = tree.find(kind, name, value)
                assert found == searched(tree, kind, name, value)
            for group in GROUPS:
                parent = tree.get(f"/{group}")
                if parent is not None:
                    found = tree.find_child(parent, name, value)
                    assert found == searched_child(parent, name, value)


numbers = st.integers(0, MANY + 3)
small = st.integers(0, 9)
names = st.sampled_from([NAME, OTHER])
edits = st.one_of(
    st.tuples(st.just("add"), numbers, small),
    st.tuples(st.just("remove"), numbers),
    st.tuples(st.just("set"), numbers, names, small),
    st.tuples(st.just("long"), numbers, names),
    st.tuples(st.just("unset"), numbers, names),
    st.tuples(st.just("append"), numbers, names, small),
    st.tuples(st.just("rename"), numbers, numbers),
    st.tuples(st.just("move"), numbers),
    st.tuples(st.just("order"), numbers, names),
    st.tuples(st.just("empty"), small),
    st.just(("graft",)),
)
plans = st.lists(
    st.tuples(st.sampled_from(["no", "kept", "undone"]), st.lists(edits, max_size=8)),
    max_size=5,
)


class Undone(Exception):
    """Leaves a transaction."""


def carry_out(tree, steps):
    """Edits, those that do not fit left out; tables are looked at in between."""
    for step in steps:
        with suppress(DlparError):
            change(tree, *step)
        check(tree, (3, 5))


@settings(max_examples=80, deadline=None)
@given(plan=plans, first=st.integers(1, MANY))
def test_look_ups_follow_every_edit(plan, first):
    """Also those that are undone, and where several nodes have one value."""
    tree = big_tree([n % first for n in range(MANY)])
    warm(tree)
    for how, steps in plan:
        if how == "no":
            carry_out(tree, steps)
        else:
            with suppress(Undone), tree.transaction():
                carry_out(tree, steps)
                if how == "undone":
                    raise Undone
    check(tree, range(11))


def change(tree, what, n=0, *rest):
    path = f"/{GROUPS[n % 2]}/n@{n:x}"
    if what == "add":
        add(tree, n, *rest)
    elif what == "remove":
        tree.remove_node(path)
    elif what == "set":
        tree[path][rest[0]] = cell(rest[1])
    elif what == "long":
        tree[path][rest[0]] = bytes(8)
    elif what == "unset":
        del tree[path][rest[0]]
    elif what == "append":
        tree[path].set(rest[0], b"")
        tree[path].append_u32(rest[0], rest[1])
    elif what == "rename":
        tree.rename(tree[path], f"n@{rest[0]:x}")
    elif what == "move":
        tree.move(tree[path], tree[f"/{GROUPS[n % 2 - 1]}"])
    elif what == "order":
        tree[path].order(rest[0], first=True)
    elif what == "empty":
        tree.remove_node(f"/{GROUPS[n % 2]}")
        tree.add_node(f"/{GROUPS[n % 2]}", {})
    elif what == "graft":
        tree.attach("/cpus", fragment())


def fragment():
    made = DeviceTree()
    made.add_node("/grafted", {"device_type": b"cpu\0", NAME: cell(5)})
    return made


def used(tree):
    """Bytes that the tree's tables take."""
    with tree.transaction():
        pass  # there is a journal from now on
    before = tree.memory
    warm(tree)
    return tree.memory - before


def test_searches_take_names_of_any_byte():
    """Bytes that are no UTF-8, in the kind and in the property."""
    tree = DeviceTree()
    node = tree.add_node("/a", {"device_type": b"\xff\0", "\udcfe": b"\0\0\0\7"})
    assert tree.find("\udcff", "\udcfe", 7) == node
    assert tree.find_child(tree.root, "\udcfe", 7) == node
    assert tree.find("\udcff", "\udcfd", 7) is None


def test_a_short_search_makes_no_table():
    """Who has few nodes, or asks for the first of many, pays nothing."""
    tree = big_tree(range(10))
    assert used(tree) == 0
    tree = big_tree()
    with tree.transaction():
        pass
    before = tree.memory
    assert tree.find("cache", NAME, 0) is not None
    with tree.transaction():
        pass
    assert tree.memory == before


def test_a_long_search_makes_one():
    """With the transaction after it; and a copy begins without."""
    tree = big_tree()
    assert used(tree) > 512
    assert used(tree) == 0
    assert used(tree.copy()) > 512


def test_only_a_few_names_have_tables():
    """The fifth name is searched for."""
    tree = big_tree()
    grown = []
    for n in range(6):
        tree["/cpus"].set_u32(f"p{n}", 7)
        before = tree.memory
        assert tree.find("cpu", f"p{n}", 1) is None
        with tree.transaction():
            pass
        grown.append(tree.memory - before > 256)
        assert tree.find_child(tree.root, f"p{n}", 7) == tree["/cpus"]
    assert grown == [True] * 4 + [False] * 2


def test_a_value_of_very_many_is_searched_for():
    """The table is given up, and look-ups still find the first."""
    tree = big_tree([7] * 300)
    used(tree)
    assert used(tree) == 0
    assert tree.find("cache", NAME, 7) == tree["/cpus"].children[0]
    assert tree.find("cpu", NAME, 8) is None
    with tree.transaction():
        tree["/more"].children[3].set_u32(NAME, 8)
    found = tree.find("cpu", NAME, 8)
    assert found is not None
    assert found.parent == tree["/more"]


def test_memory_stays_flat_over_many_cycles():
    """Entries of what has gone make room, at the latest by a table made anew."""
    tree = big_tree()
    warm(tree)

    def cycles(n):
        for k in range(n):
            with tree.transaction():
                node = add(tree, MANY + k % 7, 1000 + k)
                node.set_u32(NAME, 5000 + k)
            assert tree.find(("cpu", "cache")[(MANY + k % 7) % 3 == 0], NAME, 5000 + k)
            tree.remove(node)
            assert tree.find("cpu", NAME, 5000 + k) is None

    cycles(500)
    before = tree.memory
    cycles(3000)
    assert tree.memory <= before


def test_without_memory_for_a_table_there_is_a_search():
    """A limit is no error of a look-up."""
    blob = big_tree().to_dtb()
    limit = DeviceTree.from_dtb(blob).memory
    tree = None
    while tree is None:
        limit += 256
        with suppress(NoSpaceError):
            tree = DeviceTree.from_dtb(blob, memory_limit=limit)
            warm(tree)
    check(tree, (0, 3, MANY))


def test_a_stale_parent_is_an_error():
    """With a table as without."""
    tree = big_tree()
    warm(tree)
    parent = tree["/cpus"]
    tree.remove(parent)
    with pytest.raises(NotFoundError):
        tree.find_child(parent, NAME, 0)


def test_zero_and_the_highest_value_are_found():
    """No value is taken for an empty place."""
    tree = big_tree([*range(1, MANY), 0, 0xFFFFFFFF])
    warm(tree)
    check(tree, (0, 0xFFFFFFFF, 0xFFFFFFFE))


@pytest.mark.parametrize("value", [cell(2000), bytes(8)])
def test_what_an_outer_transaction_undoes_is_found_again(value):
    """The table was made within it, of what it had changed."""
    tree = big_tree()
    node = tree.find("cpu", NAME, 40)
    with suppress(Undone), tree.transaction():
        node[NAME] = value
        warm(tree)
        assert tree.find("cpu", NAME, 40) is None
        raise Undone
    assert tree.find("cpu", NAME, 40) == node


def test_a_value_that_wanders_does_not_crowd_the_table():
    """One node at a time has it, but each time it is another record."""
    tree = big_tree()
    warm(tree)
    before = tree.memory
    for n in range(MANY, MANY + 130):
        node = add(tree, 2 * n, 9000)
        tree.remove(node)
        tree.add_node(f"/x@{n:x}", {})
    assert tree.memory > before
    assert used(tree) == 0

"""Property names of edits: guessed, hashed or known not to be there, all the same.

An edit guesses the next name from what followed the last one the time before, and a
node that was added last is known to lack the names that were not seen since.
"""

from __future__ import annotations

from contextlib import closing, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plaintree import BEGIN_NODE, END, END_NODE, blob, cell, pad, prop

from pydlpar import ArgumentError, DeviceTree, ExistsError, NotFoundError
from pydlpar._ffi import ffi, lib


def stream(*names: str, value: bytes = b"v") -> bytes:
    """Properties as the core takes them; a mapping cannot have a name twice."""
    return b"".join(
        cell(len(name)) + cell(len(value)) + name.encode() + value for name in names
    )


@pytest.fixture
def core():
    """A tree of the core, empty, and its root."""
    out = ffi.new("struct dlpar_tree **")
    assert lib.dlpar_tree_new(out, 7, 0) == 0
    yield out[0]
    lib.dlpar_tree_free(out[0])


def add(core, name: str, props: bytes) -> int:
    root = lib.dlpar_tree_root(core)
    return lib.dlpar_tree_add(
        core, root, name.encode(), len(name), props, len(props), 0
    )


def put(core, node: int, name: str, value: bytes = b"v") -> int:
    return lib.dlpar_tree_set(core, node, name.encode(), len(name), value, len(value))


ORDERS = (
    ("a1", "b1", "c1"),
    ("c1", "a1", "b1"),
    ("b1", "c1"),
    ("a1", "b1c", "c1"),
    ("a1", "b1", "c", "c1"),
)


def test_same_names_in_another_order():
    """A guess that is wrong is not taken, be it as long, or the right one's start."""
    tree = DeviceTree()
    for i, names in enumerate(ORDERS * 2):
        props = {name: f"{i}{name}".encode() for name in names}
        node = tree.add_node(f"/n@{i}", props)
        assert list(node.properties.items()) == list(props.items())
        assert DeviceTree.from_dtb(tree.to_dtb())[f"/n@{i}"].properties == props


@pytest.mark.parametrize("before", [("a", "b"), ("a",), ("b", "a"), ("a", "b", "c")])
@pytest.mark.parametrize("names", ["aa", "aba", "abb", "abca", "xx"])
def test_name_that_stands_twice_is_refused(core, before, names):
    """However well the guesses go, also where a name was its own successor."""
    for i in range(2):
        assert add(core, f"n@{i}", stream(*before)) >= 0
    node = add(core, "own", b"")
    for _ in range(3):
        assert put(core, node, "a") == 0
    assert add(core, "twice", stream(*names)) == lib.DLPAR_ERR_EXISTS
    assert add(core, "twice", stream("a", "b", "c", "x")) >= 0


def test_names_beyond_the_table_of_names(core):
    """It grows in the middle of a stream that is known: guesses are then of others."""
    names = [f"name-{i}" for i in range(400)]
    for round in range(3):
        for n in (10, 60, 70, 400, 200):
            node = add(core, f"n@{round}{n}", stream(*names[:n]))
            assert node >= 0
            for name in names[:n]:
                value = ffi.new("const char **")
                got = lib.dlpar_tree_get(core, value, node, name.encode(), len(name))
                assert got == 1, name
        assert add(core, "twice", stream(*names, names[-1])) == lib.DLPAR_ERR_EXISTS


def test_names_that_a_roll_back_took():
    """Slots of others move into theirs; the same names then come anew."""
    names = [f"n{i:02}" for i in range(40)]
    tree = DeviceTree()
    tree.add_node("/first", dict.fromkeys(names[::4], b"1"))
    before = tree.to_dtb()
    for part in (names, names[::-1], names[1::2]):
        for end in (len(part), len(part) // 2):
            with tree.transaction() as transaction:
                tree.add_node("/late", dict.fromkeys(part, b"2"))
                tree["/first"].set("n-new", b"3")
                transaction.rollback()
            assert tree.to_dtb() == before
            node = tree.add_node("/again", dict.fromkeys(part[:end], b"4"))
            assert list(node.properties) == list(part[:end])
            assert dict(tree["/first"].properties) == dict.fromkeys(names[::4], b"1")
            tree.remove(node)
            tree = DeviceTree.from_dtb(before)


def test_empty_name_of_a_blob_is_not_for_edits():
    """A blob may have one; it is read, but never made, guessed or not."""
    structure = cell(BEGIN_NODE) + pad(b"\0") + prop(0, b"x") + prop(1, b"y")
    structure += cell(END_NODE) + cell(END)
    tree = DeviceTree.from_dtb(blob(structure, b"\0a\0"))
    for name in ("a", "b", "a"):
        tree.root[name] = b"z"
        with pytest.raises(ArgumentError):
            tree.root[""] = b"z"
        with pytest.raises(ArgumentError):
            tree.add_node("/n", {name: b"", "": b""})
    assert tree.root.properties == {"": b"x", "a": b"z", "b": b"z"}


def test_patch_of_a_template_by_names_in_any_order():
    """The same names again and again, others, and one that the tree has not."""
    tree = DeviceTree()
    template = tree.template({"a": b"1", "b": b"2", "c": b"3"})
    orders = (("a", "b"), ("a", "b"), ("b", "a"), ("c",), ("a", "c"), ("a", "b"))
    for i, names in enumerate(orders):
        node = template.add(tree.root, f"n@{i}", dict.fromkeys(names, b"x"))
        want = {"a": b"1", "b": b"2", "c": b"3"} | dict.fromkeys(names, b"x")
        assert dict(node.properties) == want
        for missing in ("no", "x" * 5000):
            with pytest.raises((NotFoundError, ArgumentError)):
                template.add(tree.root, "bad", {"a": b"x", missing: b"x"})


def test_property_of_the_newest_node_is_replaced():
    """What it was added with, and what it was given since, in any size."""
    tree = DeviceTree()
    tree.add_node("/old", {"b": b""})
    node = tree.add_node("/n", {"a": b"1"})
    for name in ("a", "b", "b", "a", "c", "b"):
        for value in (b"22", b"33", b"", b"4" * 400):
            node[name] = value
            assert node[name] == value
    assert list(node.properties) == ["a", "b", "c"]


def test_newest_node_after_a_stream_that_made_none():
    """A template, or properties that were refused: its own have to be looked for."""
    tree = DeviceTree()
    tree.template({"b": b""})
    node = tree.add_node("/n", {"a": b"1", "b": b"1"})
    tree.template({"c": b""})
    node["a"] = b"2"
    with pytest.raises(ExistsError):
        tree.add_node("/n", {"c": b""})
    with pytest.raises(ArgumentError):
        tree.add_node("/m", {"d": b"", "": b""})
    node["b"] = b"2"
    assert dict(node.properties) == {"a": b"2", "b": b"2"}


def test_properties_that_a_difference_gave_the_newest_node():
    """It writes them all at once: none is taken to be missing."""
    tree, other = DeviceTree(), DeviceTree()
    other.add_node("/n", {"a": b"1", "later": b"2", "last": b"3"})
    tree.add_node("/x", {"later": b"", "last": b""})
    tree.remove_node("/x")
    tree.add_node("/n", {"a": b"1"})
    tree.apply(tree.diff(other))
    for name in ("later", "last"):
        tree["/n"][name] = b"new"
    assert dict(tree["/n"].properties) == {"a": b"1", "later": b"new", "last": b"new"}


@pytest.mark.parametrize("how", ["template", "copy"])
def test_record_of_the_newest_node_given_to_another(how):
    """Which has its properties not by a stream: none is taken to be missing."""
    tree = DeviceTree()
    other = DeviceTree()
    other.add_node("/n", {"t": b"1", "u": b"2"})
    template = tree.template({"t": b"1", "u": b"2"})
    newest = tree.add_node("/newest", {"a": b""})
    tree.remove(newest)
    if how == "template":
        node = template.add(tree.root, "n")
    else:
        (node,) = tree.graft(tree.root, other.to_dtb())
    for name in ("t", "u", "a"):
        node[name] = b"new"
    assert dict(node.properties) == dict.fromkeys("tua", b"new")


_names = st.sampled_from(
    ["a", "b", "c", "aa", "bb", "cc", "name-of-17-chars", "x" * 40]
)
_props = st.lists(_names, max_size=6)
_values = st.sampled_from([b"", b"v", b"four", b"v" * 12, b"v" * 33, b"v" * 300])
_node = st.integers(0, 5)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), _node, _props),
        st.tuples(st.just("stamp"), _node, _props),
        st.tuples(st.just("set"), _node, st.tuples(_names, _values)),
        st.tuples(st.just("unset"), _node, _names),
        st.tuples(st.just("remove"), _node, st.none()),
        st.tuples(st.just("rename"), _node, st.none()),
        st.tuples(st.just("undone"), _node, st.lists(st.tuples(_names, _values))),
        st.tuples(st.just("lost"), _node, _props),
    ),
    max_size=40,
)


class Model:
    """A tree, and what a dictionary of dictionaries makes of the same edits."""

    def __init__(self) -> None:
        self.tree = DeviceTree()
        self.want: dict[str, dict[str, bytes]] = {}

    def step(self, op: str, number: int, given) -> None:
        name = f"n@{number}"
        if op in ("add", "stamp", "lost"):
            getattr(self, op)(name, dict.fromkeys(given, b"v"))
        elif name in self.want:
            getattr(self, op)(name, given)

    def add(self, name: str, props: dict[str, bytes]) -> None:
        with suppress(ExistsError):
            self.tree.add_node(f"/{name}", props)
            self.want[name] = dict(props)

    def stamp(self, name: str, props: dict[str, bytes]) -> None:
        with suppress(ExistsError), closing(self.tree.template(props)) as template:
            template.add(self.tree.root, name, dict(props))
            self.want[name] = dict(props)

    def lost(self, name: str, props: dict[str, bytes]) -> None:
        with self.tree.transaction() as transaction:
            with suppress(ExistsError):
                self.tree.add_node(f"/{name}", props | {"lost": b""})
            transaction.rollback()

    def set(self, name: str, given: tuple[str, bytes]) -> None:
        self.tree[f"/{name}"][given[0]] = given[1]
        self.want[name][given[0]] = given[1]

    def unset(self, name: str, prop: str) -> None:
        if prop in self.want[name]:
            del self.tree[f"/{name}"][prop], self.want[name][prop]

    def remove(self, name: str, _) -> None:
        self.tree.remove_node(f"/{name}")
        del self.want[name]

    def rename(self, name: str, _) -> None:
        self.tree.rename(self.tree[f"/{name}"], "other")
        self.tree.rename(self.tree["/other"], name)

    def undone(self, name: str, edits) -> None:
        with self.tree.transaction() as transaction:
            for prop, value in edits:
                self.tree[f"/{name}"][prop] = value
            transaction.rollback()

    def check(self) -> None:
        for tree in (self.tree, DeviceTree.from_dtb(self.tree.to_dtb())):
            got = {n.name: list(n.properties.items()) for n in tree.root.children}
            assert got == {n: list(p.items()) for n, p in self.want.items()}


@settings(max_examples=150, deadline=None)
@given(_steps)
def test_names_are_what_a_dictionary_would_hold(steps):
    """Of nodes added, stamped, edited, removed, undone, in any order of names."""
    model = Model()
    for op, number, given_ in steps:
        model.step(op, number, given_)
    model.check()

"""What differs between two trees: what a reader, and a patch, need to know."""

from __future__ import annotations

import json

import pytest
from changetrees import change_cpus, make, tokens
from plaintree import NOP, begin, blob, cell, prop

from pydlpar import Change, ConflictError, DeviceTree, Diff, NoSpaceError, TreeError
from pydlpar.errors import ArgumentError


def tree_of(*children, props=(), **header) -> DeviceTree:
    return DeviceTree.from_dtb(make(("", list(props), list(children)), **header))


def leaf(name: str, *props: tuple[str, bytes]):
    return (name, list(props), [])


def fragment(*children) -> bytes:
    return tree_of(*children).to_dtb()


def names(tree: DeviceTree, path: str = "/") -> list[str]:
    return [child.name for child in tree[path].children]


@pytest.fixture
def trees() -> tuple[DeviceTree, DeviceTree]:
    cpus = [("a", cell(1)), ("b", b"x\0"), ("gone", b"")]
    old = tree_of(("cpus", cpus, [leaf("cpu@0", ("reg", cell(0)))]))
    new = old.copy()
    change_cpus(new)
    return old, new


def test_changes_tell_nodes_and_properties(trees):
    """Old and new of each, a subtree whole, and where it stands."""
    old, new = trees
    cpu0 = fragment(leaf("cpu@0", ("reg", cell(0))))
    cpu1 = fragment(("cpu@1", [("reg", cell(1))], [leaf("cache")]))
    assert old.diff(new) == [
        Change("set", "/cpus", "gone", b"", None, was_after="b"),
        Change("set", "/cpus", "new", None, b"", after="b"),
        Change("set", "/cpus", "a", cell(1), cell(2)),
        Change("remove", "/cpus/cpu@0", None, cpu0, None, was_after=""),
        Change("add", "/cpus/cpu@1", None, None, cpu1, after=""),
    ]
    assert old.diff(old) == []
    assert not old.diff(old)


def test_a_difference_is_a_sequence(trees):
    diff = trees[0].diff(trees[1])
    assert (len(diff), diff[0].name, diff[-1].kind) == (5, "gone", "add")
    assert [change.kind for change in diff[2:4]] == ["set", "remove"]
    assert diff == tuple(diff) == Diff(diff)
    assert diff != diff.reversed()
    assert diff != "add"
    assert repr(diff) == "<Diff, 5 changes>"


def test_the_reverse_comes_in_reverse_order(trees):
    """Each change turned round, the last one first."""
    diff = trees[0].diff(trees[1])
    assert diff.reversed()[0] == Change(
        "remove", "/cpus/cpu@1", None, diff[4].new, None, was_after=""
    )
    assert diff.reversed()[2] == Change("set", "/cpus", "a", cell(2), cell(1))


def test_one_child_that_moved_is_one_change():
    """The rest keeps its order, however far it went."""
    letters = "abcdefghij"
    old = tree_of(*map(leaf, letters))
    for order in ("jabcdefghi", "bcdefghija", "abdefcghij"):
        diff = old.diff(tree_of(*map(leaf, order)))
        assert [change.kind for change in diff] == ["move"]
        copy = old.copy()
        copy.apply(diff)
        assert "".join(names(copy)) == order
    assert old.diff(tree_of(*map(leaf, "jabcdefghi"))) == [
        Change("move", "/j", was_after="i", after="")
    ]


def test_moves_tell_where_they_start_and_end():
    """In the list as it is when they happen, among what has come by then."""
    diff = tree_of(*map(leaf, "aybcd")).diff(tree_of(*map(leaf, "nadbcmy")))
    assert [(c.kind, c.path, c.was_after, c.after) for c in diff] == [
        ("add", "/n", None, ""),
        ("move", "/d", "c", "a"),
        ("add", "/m", None, "c"),
        ("move", "/y", "d", "m"),
    ]


def test_properties_move_too():
    old = tree_of(props=[("a", b"1"), ("b", b"2"), ("c", b"3")])
    new = tree_of(props=[("c", b"3"), ("a", b"1"), ("b", b"4")])
    assert old.diff(new) == [
        Change("move", "/", "c", was_after="b", after=""),
        Change("set", "/", "b", b"2", b"4"),
    ]
    old.apply(old.diff(new))
    assert list(old.root.properties) == ["c", "a", "b"]


def test_a_node_that_moved_keeps_its_handle():
    old = tree_of(*map(leaf, "abc"))
    node = old["/c"]
    old.apply(old.diff(tree_of(*map(leaf, "cab"))))
    assert names(old) == ["c", "a", "b"]
    assert node.path == "/c"


def test_equal_names_are_counted():
    """The k-th of a name is the k-th of the other list."""
    old = tree_of(leaf("m", ("v", b"1")), leaf("m", ("v", b"2")), leaf("x[2]"))
    new = tree_of(leaf("m", ("v", b"1")), leaf("m", ("v", b"3")))
    assert old.diff(new) == [
        Change(
            "remove", "/x[2][0]", None, fragment(leaf("x[2]")), None, was_after="m[2]"
        ),
        Change("set", "/m[2]", "v", b"2", b"3"),
    ]
    twice = tree_of(props=[("p", b"1"), ("p", b"2")])
    once = tree_of(props=[("p", b"1")])
    assert twice.diff(once) == [
        Change("set", "/", "p[2]", b"2", None, was_after="p[1]")
    ]
    copy = once.copy()
    copy.apply(twice.diff(once).reversed())
    assert tokens(copy) == tokens(twice)


def test_the_header_counts():
    """Memory reservations and the boot CPU, as the blob has them."""
    entry = bytes(7) + b"\1" + bytes(6) + b"\x10\0"
    old, new = tree_of(), tree_of(rsv=entry, boot_cpu=4)
    diff = old.diff(new)
    assert diff == [
        Change("reservations", "/", None, b"", entry),
        Change("boot_cpu", "/", None, cell(0), cell(4)),
    ]
    before = old.to_dtb()
    old.apply(diff)
    assert (old.boot_cpu, old.reservations) == (4, [(1, 0x1000)])
    assert tokens(DeviceTree.from_dtb(old.to_dtb())) == tokens(new)
    old.apply(diff.reversed())
    assert old.to_dtb() == before
    with old.transaction() as transaction:
        old.apply(diff)
        transaction.rollback()
    assert old.to_dtb() == before


def test_padding_and_nops_are_no_content():
    strings = b"a\0b\0"
    nop = cell(NOP)
    clean = begin() + prop(0, b"x") + prop(2, b"") + cell(2) + cell(9)
    odd = nop + begin() + nop + prop(0, b"x")[:-1] + b"\xff" + prop(2, b"")
    odd += nop + cell(2) + cell(9)
    one, two = (DeviceTree.from_dtb(blob(body, strings)) for body in (clean, odd))
    assert one.diff(two) == []
    assert two.diff(one) == []


def test_real_trees_differ_and_are_patched(real_trees):
    """From one machine to the next, with everything that differs between them."""
    for first, second in (
        ("smp4-2g.dtb", "numa2-smp8.dtb"),
        ("phb4.dtb", "nvdimm.dtb"),
        ("smp64-8g.dtb", "smp4-2g.dtb"),
    ):
        old, new = (DeviceTree.from_dtb(real_trees[n]) for n in (first, second))
        before, diff = tokens(old), old.diff(new)
        old.apply(diff)
        assert tokens(old) == tokens(new)
        old.apply(diff.reversed())
        assert tokens(old) == before


CONFLICTS = [
    # How the tree differs from the one expected, and what is said.
    (lambda t: t.remove_node("/cpus"), "/cpus: expected a node, found none"),
    (
        lambda t: t["/cpus"].set("a", cell(7)),
        "/cpus, property 'a': expected <0x01>, found <0x07>",
    ),
    (
        lambda t: t["/cpus"].__delitem__("a"),
        "/cpus, property 'a': expected <0x01>, found none",
    ),
    (
        lambda t: t["/cpus"].set("gone", b"long" * 20),
        "/cpus, property 'gone': expected an empty one, found "
        "<0x6c6f6e67 0x6c6f6e67 0x6c6f6e67 0x6c6f6e67 0x6c6f6e67 0x6c... (80 bytes)",
    ),
    (
        lambda t: t["/cpus"].set("new", b"x\0"),
        "/cpus, property 'new': expected none, found \"x\"",
    ),
    (
        lambda t: t["/cpus"].__delitem__("b"),
        "/cpus, 'new': expected 'b' to stand before it, found none",
    ),
    (
        lambda t: t.remove_node("/cpus/cpu@0"),
        "/cpus/cpu@0: expected a node, found none",
    ),
    (
        lambda t: t.add_node("/cpus/cpu@1", {}),
        "/cpus/cpu@1: expected no such node, found one",
    ),
    (
        lambda t: t["/cpus/cpu@0"].set("reg", b""),
        "/cpus/cpu@0, property 'reg': expected <0x00>, found an empty one",
    ),
    (
        lambda t: t["/cpus/cpu@0"].set("more", b"x\0"),
        "/cpus/cpu@0, property 'more': expected none, found \"x\"",
    ),
    (
        lambda t: t.add_node("/cpus/cpu@0/x", {}),
        "/cpus/cpu@0/x: expected no such node, found one",
    ),
]


@pytest.mark.parametrize(("edit", "text"), CONFLICTS, ids=[c[1] for c in CONFLICTS])
def test_a_patch_that_does_not_fit(trees, edit, text):
    """What was expected where, and what is there; the tree is as it was."""
    diff = trees[0].diff(trees[1])
    tree = trees[0]
    edit(tree)
    before = tree.to_dtb()
    with pytest.raises(ConflictError) as caught:
        tree.apply(diff)
    assert str(caught.value) == text
    assert caught.value.path in text
    assert tree.to_dtb() == before
    assert tree.depth == 0


def test_a_conflict_says_it_in_parts(trees):
    diff = trees[0].diff(trees[1])
    trees[0]["/cpus"]["a"] = cell(7)
    with pytest.raises(ConflictError) as caught:
        trees[0].apply(diff)
    error = caught.value
    assert (error.path, error.name) == ("/cpus", "a")
    assert (error.expected, error.found) == (cell(1), cell(7))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            Change("boot_cpu", "/", None, cell(1), cell(2)),
            "header: expected boot CPU 1, found 0",
        ),
        (
            Change("reservations", "/", None, bytes(15) + b"\1", b""),
            "memory reserve map: expected the entries of the difference, "
            "found 0 others",
        ),
        (Change("move", "/b", after=""), "/b: expected a node, found none"),
        (
            Change("move", "/a", after="b"),
            "/a: expected 'b' to stand before it, found none",
        ),
        (
            Change("move", "/a", "w", after=""),
            "/a, property 'w': expected one, found none",
        ),
        (
            Change("set", "/a", "v[2]", b"1", b"2"),
            "/a, property 'v[2]': expected \"\", found another",
        ),
    ],
)
def test_conflicts_of_other_kinds(change, text):
    tree = tree_of(("a", [("v", b"1"), ("v", b"3")], []))
    with pytest.raises(ConflictError) as caught:
        tree.apply(Diff([change]))
    assert str(caught.value).replace("[31]", '""') == text


def test_what_stands_around_need_not_fit(trees):
    """A patch goes on a tree that differs elsewhere."""
    old, new = trees
    diff = old.diff(new)
    old["/cpus"]["other"] = b"1"
    old.add_node("/cpus/cpu@8", {}, first=True)
    old.add_node("/memory", {}, first=True)
    old.apply(diff)
    assert names(old, "/cpus") == ["cpu@1", "cpu@8"]
    assert old["/cpus"]["other"] == b"1"
    assert "/cpus/cpu@1/cache" in old


def test_changes_made_by_hand(trees):
    """In any order, with a place only where it matters."""
    old = trees[0]
    old.apply(
        Diff(
            [
                Change("add", "/m", None, None, fragment(leaf("m"))),
                Change("set", "/cpus", "z", None, b"1"),
                Change("move", "/cpus", after="m"),
                Change("set", "/cpus/cpu@0", "reg", cell(0), cell(9)),
                Change("set", "/m", "late", None, b""),
            ]
        )
    )
    assert names(old) == ["m", "cpus"]
    assert list(old["/cpus"].properties) == ["a", "b", "gone", "z"]
    assert old["/cpus/cpu@0"].u32("reg") == 9
    assert "late" in old["/m"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (Change("add", "m", None, None, b""), "expected one from the root"),
        (Change("add", "/", None, None, b""), "root cannot"),
        (Change("paint", "/a"), "unknown kind"),
        (Change("add", "/a"), "without its value"),
        (Change("boot_cpu", "/", None, None, b""), "without its value"),
        (Change("set", "/a", "p"), "no such change of a property"),
        (Change("add", "/a", "p", None, b""), "no such change of a property"),
        (Change("move", "/a", "p", after="x[4294967296]"), "count above"),
    ],
)
def test_changes_that_cannot_be_written(change, text):
    with pytest.raises(ArgumentError, match=text):
        Diff([change])


@pytest.mark.parametrize(
    "change",
    [
        Change("add", "/m", None, None, b"no tree"),
        Change("add", "/m", None, None, fragment(leaf("other"))),
        Change("add", "/m", None, None, fragment(leaf("m"), leaf("n"))),
        Change("add", "/m", None, None, fragment()),
        Change("boot_cpu", "/", None, b"", b"1"),
        Change("reservations", "/", None, b"", b"1"),
        Change("reservations", "/", None, b"", bytes(16)),
        Change("set", "/", "a\0b", None, b""),
        Change("set", "/", "n" * 5000, None, b""),
    ],
)
def test_changes_with_malformed_contents(change):
    """Said with the offset of the record; the tree is as it was."""
    tree = tree_of()
    with pytest.raises(TreeError) as caught:
        tree.apply(Diff([change]))
    assert caught.value.offset == 0
    assert tree.diff(tree_of()) == []


def test_json_form_is_stable(trees):
    """What is stored today is read for ever."""
    diff = trees[0].diff(trees[1])
    record = json.loads(json.dumps(diff.to_dict()))
    cpu0 = fragment(leaf("cpu@0", ("reg", cell(0)))).hex()
    assert list(record) == ["format", "version", "changes"]
    assert (record["format"], record["version"]) == ("pydlpar-diff", 1)
    changes = record["changes"]
    assert changes[:4] == [
        {"kind": "set", "path": "/cpus", "property": "gone", "old": "",
         "was_after": "b"},
        {"kind": "set", "path": "/cpus", "property": "new", "new": "", "after": "b"},
        {"kind": "set", "path": "/cpus", "property": "a", "old": "00000001",
         "new": "00000002"},
        {"kind": "remove", "path": "/cpus/cpu@0", "old": cpu0, "was_after": ""},
    ]  # fmt: skip
    assert Diff.from_dict(record) == diff


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ({}, "expected 'pydlpar-diff', 1"),
        ({"format": "pydlpar-diff", "version": 2}, "version 2"),
        ({"changes": None}, "without its list"),
        ({"changes": ["x"]}, "change 0: expected an object"),
        ({"changes": [{"kind": "set"}]}, "change 0: expected an object"),
        ({"changes": [{"kind": "set", "path": 1}]}, "change 0: expected strings"),
        ({"changes": [{"kind": "add", "path": "/a", "x": ""}]}, "not 'x'"),
        ({"changes": [{"kind": "add", "path": "/a", "new": "0"}]}, "new is not hex"),
        ({"changes": [{"kind": "add", "path": "/a"}]}, "without its value"),
    ],
)
def test_json_that_is_no_difference(record, text):
    if "changes" in record:
        record = {"format": "pydlpar-diff", "version": 1, **record}
    with pytest.raises(ArgumentError, match=text):
        Diff.from_dict(record)


def test_names_of_any_bytes_survive_json():
    """Surrogates stand for bytes that are no text."""
    old, new = DeviceTree(), DeviceTree()
    new.add_node("/\udcff", {"\udcfe": b"1"})["é"] = b"2"
    diff = Diff.from_dict(json.loads(json.dumps(old.diff(new).to_dict())))
    old.apply(diff)
    assert tokens(old) == tokens(new)


def test_memory_limit_holds_for_differences():
    """Long names and values that stand often in one tree: an error, not memory."""
    wide = leaf("x", *(("n" * 4000 + str(i % 8), b"1") for i in range(2000)))
    data = make(("", [], [wide]))
    tree = DeviceTree.from_dtb(data, memory_limit=1 << 21)
    with pytest.raises(NoSpaceError):
        tree.diff(tree_of(leaf("x")))
    assert tree.diff(DeviceTree.from_dtb(data)) == []

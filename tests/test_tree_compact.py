"""Write-out without unused names: the same tree, in a strings block of its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plaintree import END, END_NODE, PlainTree, begin, blob, cell, content, prop

from pydlpar import DeviceTree, NoSpaceError

ROOT, CLOSE, DONE = begin(), cell(END_NODE), cell(END)


def _strings(data: bytes) -> bytes:
    start, size = (int.from_bytes(data[at : at + 4], "big") for at in (12, 32))
    return data[start : start + size]


def test_names_that_nothing_uses_are_left_out():
    """Those of removed properties and nodes, and of templates; others keep order."""
    tree = DeviceTree()
    tree.root["a"] = b"1"
    tree.root["gone"] = b""
    tree.add_node("/n", {"b": b"2", "also-gone": b""})
    tree.template({"never-used": b""})
    del tree.root["gone"], tree["/n"]["also-gone"]
    assert _strings(tree.to_dtb()) == b"a\0gone\0b\0also-gone\0never-used\0"
    compact = tree.to_dtb(compact=True)
    assert _strings(compact) == b"a\0b\0"
    assert content(DeviceTree.from_dtb(compact)) == content(tree)


def test_ends_of_names_are_shared_as_before():
    """A name within another stays there; alone, it is all that is kept."""
    names = b"my-reg\0other\0"
    both = ROOT + prop(0, b"1") + prop(3, b"2") + CLOSE + DONE
    tree = DeviceTree.from_dtb(blob(both, names))
    assert tree.to_dtb(compact=True) == blob(both, b"my-reg\0")
    del tree.root["my-reg"]
    end = ROOT + prop(0, b"2") + CLOSE + DONE
    assert tree.to_dtb(compact=True) == blob(end, b"reg\0")


def test_spellings_that_were_folded_are_left_out():
    """A blob that has a name twice comes back with it once."""
    twice = ROOT + prop(0, b"1") + begin(b"n") + prop(4, b"2") + CLOSE + CLOSE + DONE
    once = ROOT + prop(0, b"1") + begin(b"n") + prop(0, b"2") + CLOSE + CLOSE + DONE
    tree = DeviceTree.from_dtb(blob(twice, b"reg\0reg\0"))
    assert tree.to_dtb(compact=True) == blob(once, b"reg\0")


def test_the_tree_itself_does_not_change():
    """Handles, templates, an open transaction and the plain blob go on as before."""
    tree = DeviceTree()
    node = tree.add_node("/n", {"x": b"1"})
    template = tree.template({"t": b"7"})
    with tree.transaction() as transaction:
        del node["x"]
        before, memory, edits = tree.to_dtb(), tree.memory, tree.edits
        assert _strings(tree.to_dtb(compact=True)) == b""
        assert (tree.to_dtb(), tree.memory, tree.edits) == (before, memory, edits)
        transaction.rollback()
    assert node["x"] == b"1"
    assert template.add(tree.root, "m")["t"] == b"7"


def test_names_of_the_past_are_dropped():
    """Names that never come again grow the strings block; compact undoes it.

    A name costs its bytes, its NUL and its place in a table that doubles.
    """
    tree = DeviceTree()
    n, step = 100_000, 50_000
    tree.root["status"] = b"okay\0"
    for start in range(0, n, step):
        batch = tree.batch()
        for i in range(start, start + step):
            batch.set(tree.root, f"name-{i:07}", b"")
            batch.unset(tree.root, f"name-{i:07}")
        batch.run()
    assert len(_strings(tree.to_dtb())) == len("status\0") + n * 13
    assert tree.memory < n * (13 * 1.5 + 16) + (4 << 20)
    compact = tree.to_dtb(compact=True)
    assert _strings(compact) == b"status\0"
    again = DeviceTree.from_dtb(compact)
    assert again.memory < 32768
    assert again.to_dtb() == compact


def test_scratch_counts_against_the_limit():
    """Without room for its notes it fails, and the tree can be written plainly."""
    names = bytes([65 + i % 26 for i in range(4000)]) + b"\0"
    data = blob(ROOT + CLOSE + DONE, names * 200)
    need = DeviceTree.from_dtb(data).memory
    tree = DeviceTree.from_dtb(data, memory_limit=need + len(names) * 200 // 8)
    with pytest.raises(NoSpaceError):
        tree.to_dtb(compact=True)
    assert tree.to_dtb() == data
    roomy = DeviceTree.from_dtb(data, memory_limit=need + len(names) * 200 // 5)
    assert roomy.to_dtb(compact=True) == blob(ROOT + CLOSE + DONE)


def test_real_trees_have_only_names_they_use(real_trees):
    """What QEMU makes is compact already: the identity, and again after an edit."""
    for name, data in real_trees.items():
        tree = DeviceTree.from_dtb(data)
        compact = tree.to_dtb(compact=True)
        assert content(DeviceTree.from_dtb(compact)) == content(tree), name
        assert DeviceTree.from_dtb(compact).to_dtb(compact=True) == compact, name
        assert len(compact) <= len(data), name


names = st.sampled_from(["reg", "my-reg", "g", "status", "a"]) | st.text(
    "abc", min_size=1, max_size=3
)


@given(
    st.lists(st.tuples(st.integers(0, 9), names, st.binary(max_size=5))),
    st.lists(st.tuples(st.integers(0, 9), names)),
)
def test_content_is_that_of_the_plain_blob(sets, unsets):
    """Any edits: equal content, each used name once, in order of the old block."""
    tree, plain = DeviceTree(), PlainTree()
    paths = ["/", *(f"/n{i}" for i in range(5)), *(f"/n1/m{i}" for i in range(4))]
    for path in paths[1:]:
        tree.add_node(path, {})
        plain.add(path.rpartition("/")[0] or "/", path.rpartition("/")[2], {})
    for at, name, value in sets:
        tree[paths[at]][name] = value
        plain.set(paths[at], name, value)
    for at, name in unsets:
        if plain.unset(paths[at], name):
            del tree[paths[at]][name]
    compact = tree.to_dtb(compact=True)
    assert content(DeviceTree.from_dtb(compact)) == plain.root.content()
    used = {name.encode() for path in paths for name in plain.node(path).props}
    kept = _strings(compact).split(b"\0")[:-1]
    assert sorted(kept) == sorted(used)
    assert [s for s in _strings(tree.to_dtb()).split(b"\0") if s in used] == kept

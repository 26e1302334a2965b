"""Searches, depth, supernodes, phandles, aliases: libfdt is the oracle."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plaintree import PlainTree, cell

from pydlpar import (
    ArgumentError,
    DeviceTree,
    NotFoundError,
    StaleHandleError,
    TreeError,
)
from pydlpar._ffi import ffi, lib

NONE = lib.DLPAR_TREE_NONE
COMPATIBLE = [b"", b"a\0", b"aa", b"a\0b\0", b"ab\0", b"\0a\0", b"b\0\0a\0"]


class Oracle:
    """What libfdt says of a blob, by path."""

    def __init__(self, blob: bytes) -> None:
        self.libfdt = pytest.importorskip("libfdt", reason="pylibfdt is the oracle")
        self.fdt = self.libfdt.Fdt(blob)
        self.raw = self.fdt._fdt

    def path(self, offset: int) -> str:
        return self.fdt.get_path(offset)

    def compatible(self, name: str) -> list[str]:
        found, at = [], -1
        while True:
            at = self.libfdt.fdt_node_offset_by_compatible(self.raw, at, name)
            if at < 0:
                return found
            found.append(self.path(at))

    def supernode(self, path: str, depth: int) -> str | None:
        at = self.libfdt.fdt_supernode_atdepth_offset(
            self.raw, self.fdt.path_offset(path), depth, None
        )
        return None if at < 0 else self.path(at)


def _every_compatible(tree: DeviceTree) -> set[str]:
    nodes = tree.by_property("compatible")
    return {name for node in nodes for name in node.strings("compatible")}


def test_real_trees_by_compatible(real_trees):
    """The same nodes in the same order."""
    for name in ("pci8-virtio.dtb", "phb8-pci-bridges.dtb", "nvdimm.dtb"):
        oracle, tree = Oracle(real_trees[name]), DeviceTree.from_dtb(real_trees[name])
        for compatible in [*sorted(_every_compatible(tree)), "none"]:
            paths = [node.path for node in tree.by_compatible(compatible)]
            assert paths == oracle.compatible(compatible)
            assert all(tree[path].is_compatible(compatible) for path in paths)


@given(st.lists(st.sampled_from(COMPATIBLE), min_size=1, max_size=8))
def test_string_lists_of_any_form(values):
    """Empty lists, empty strings, beginnings and ends of others."""
    plain = PlainTree()
    for i, value in enumerate(values):
        plain.add("/", f"n{i}", {"compatible": value})
    blob = plain.to_dtb()
    oracle, tree = Oracle(blob), DeviceTree.from_dtb(blob)
    for name in ("a", "b", "ab", "none"):
        assert [node.path for node in tree.by_compatible(name)] == oracle.compatible(
            name
        )


def test_string_without_a_nul_is_none():
    """libfdt reads one byte beyond the value, and may find the NUL there."""
    tree = DeviceTree()
    tree.add_node("/n", {"compatible": b"b\0a"})
    assert [tree.by_compatible(name) for name in ("a", "b")] == [[], [tree["/n"]]]


def _big() -> DeviceTree:
    tree = DeviceTree()
    for i in range(700):
        tree.add_node(f"/n@{i}", {"a": b"1", "device_type": b"t\0"})
        tree.add_node(f"/n@{i}/m", {"compatible": b"x\0y\0"})
    return tree


def test_searches_that_find_more_than_one_call_asks_for():
    tree = _big()
    assert [n.path for n in tree.by_name("n")] == [f"/n@{i}" for i in range(700)]
    assert [n.path for n in tree.by_compatible("y")] == [
        f"/n@{i}/m" for i in range(700)
    ]
    assert len(tree.by_type("t")) == len(tree.by_property("a")) == 700
    assert tree.by_property("a", b"1") == tree.by_property("a")
    assert tree.by_property("a", b"2") == tree.by_property("none") == []
    assert tree.by_property("a", b"") == tree.by_type("") == []
    assert tree.by_property("a", memoryview(b"1"))[0].path == "/n@0"


def test_names_with_and_without_an_address():
    """With `@` a name is whole; as in libfdt, only the address may be left out."""
    tree = DeviceTree()
    for path in ("/cpu", "/cpu@0", "/cpus", "/cpus/cpu@1", "/cpus/cpu@10", "/a@cpu"):
        tree.add_node(path, {})
    names = {
        "cpu": ["/cpu", "/cpu@0", "/cpus/cpu@1", "/cpus/cpu@10"],
        "cpu@1": ["/cpus/cpu@1"],
        "cpus": ["/cpus"],
        "cp": [],
        "cpu@": [],
        "": ["/"],
    }
    for name, paths in names.items():
        assert [node.path for node in tree.by_name(name)] == paths


def test_search_goes_on_behind_a_node():
    """As fdt_node_offset_by_compatible(); fewer than asked for: no more."""
    tree = _big()
    out = ffi.new("int64_t[]", 3)

    def search(cap, start):
        return lib.dlpar_tree_find_name(tree.ptr, out, cap, start, b"m", 1)

    assert search(1, NONE) == 1
    assert search(3, out[0]) == 3
    assert search(0, NONE) == 0
    assert search(3, tree["/n@698"].handle) == 2
    assert search(3, tree["/n@699/m"].handle) == 0
    gone = tree.add_node("/gone", {})
    tree.remove(gone)
    assert search(3, gone.handle) == lib.DLPAR_ERR_STALE


def test_string_with_a_nul_is_no_string():
    """It would match two strings that stand together."""
    tree = DeviceTree()
    tree.root["compatible"] = b"a\0b\0"
    with pytest.raises(ArgumentError):
        tree.by_compatible("a\0b")
    assert not tree.root.is_compatible("a\0b")


def test_depth_and_supernodes_of_real_trees(real_trees):
    blob = real_trees["phb8-pci-bridges.dtb"]
    oracle, tree = Oracle(blob), DeviceTree.from_dtb(blob)
    nodes = random.Random(5).sample(list(tree.nodes()), 60)
    for node in nodes:
        path = node.path
        at = oracle.fdt.path_offset(path)
        assert node.depth == oracle.libfdt.fdt_node_depth(oracle.raw, at)
        for depth in range(node.depth + 1):
            assert node.supernode(depth).path == oracle.supernode(path, depth)
        above = [node.supernode(depth) for depth in range(node.depth)]
        assert node.ancestors() == above[::-1]
        with pytest.raises(NotFoundError):
            node.supernode(node.depth + 1)


def test_depth_of_a_deep_tree():
    """More nodes above than one call asks for."""
    tree, node = DeviceTree(), None
    path = ""
    for i in range(200):
        path += f"/n{i}"
        node = tree.add_node(path, {})
    assert node.depth == 200
    assert [n.name for n in node.ancestors()][:2] == ["n198", "n197"]
    assert node.ancestors()[-1] == tree.root == node.supernode(0)
    assert node.supernode(200) == node
    assert [d for _, d in tree.root.walk_depths()] == list(range(201))
    for depth in (-1, 1 << 32):
        with pytest.raises(ArgumentError):
            node.supernode(depth)


def test_walk_with_depths(real_trees):
    """The nodes of walk(), with depths that fit their paths."""
    tree = DeviceTree.from_dtb(real_trees["pci8-virtio.dtb"])
    for top in (tree.root, tree["/cpus"], tree.root.children[0]):
        pairs = top.walk_depths()
        assert [node for node, _ in pairs] == top.walk()
        assert all(node.depth - top.depth == depth for node, depth in pairs)


def test_removed_nodes_have_no_place():
    tree = DeviceTree()
    node = tree.add_node("/a", {})
    tree.remove(node)
    for use in (
        lambda: node.depth,
        lambda: node.supernode(0),
        node.ancestors,
        node.walk_depths,
        lambda: node.descend("x"),
        lambda: node.is_compatible("x"),
    ):
        with pytest.raises(StaleHandleError):
            use()


def test_descend_finds_below(small_tree):
    tree = DeviceTree.from_dtb(small_tree)
    cpu = tree["/cpus"].children[0]
    assert tree["/cpus"].descend(cpu.name) == cpu
    assert tree.root.descend(f"cpus/{cpu.name}") == cpu
    assert tree.root.descend("cpus/PowerPC,POWER9") == cpu
    assert cpu.descend("") == cpu
    with pytest.raises(NotFoundError, match=r"/cpus, below it 'a/b'"):
        tree["/cpus"].descend("a/b")


def test_highest_phandle_follows_every_edit(small_tree):
    """As libfdt finds it by a walk: after edits, removals, roll-backs."""
    tree = DeviceTree.from_dtb(small_tree)

    def check():
        oracle = Oracle(tree.to_dtb())
        assert tree.max_phandle == oracle.libfdt.fdt_get_max_phandle(oracle.raw)
        assert tree.new_phandle() == tree.max_phandle + 1
        assert tree.new_phandle() not in {node.phandle for node in tree.nodes()}

    check()
    node = tree.add_node("/a", {"phandle": cell(0x9000)})
    check()
    with tree.transaction() as transaction:
        tree.remove(node)
        check()
        other = tree.add_node("/b", {"phandle": cell(tree.new_phandle())})
        other.set_u32("phandle", 0x9999)
        check()
        transaction.rollback()
    check()
    assert tree.max_phandle == 0x9000
    node.set_u32("phandle", 5)
    check()
    del node["phandle"]
    check()


def test_lowest_free_phandle_when_the_highest_is_taken():
    tree = DeviceTree()
    assert (tree.max_phandle, tree.new_phandle()) == (0, 1)
    for i, phandle in enumerate((0xFFFFFFFE, 1, 2, 2, 4, 0xFFFFFFFF, 0)):
        tree.add_node(f"/n{i}", {"phandle": cell(phandle)})
    assert (tree.max_phandle, tree.new_phandle()) == (0xFFFFFFFE, 3)
    tree["/n0"].set_u32("phandle", 3)
    assert tree.new_phandle() == 5


def test_aliases_of_a_blob_that_tests_libfdt(corpus):
    """Good, empty, circular and unterminated ones, through every look-up."""
    blob = (corpus / "dtc-tests" / "aliases.dtb").read_bytes()
    oracle, tree = Oracle(blob), DeviceTree.from_dtb(blob)
    assert tree.aliases == {
        "s1": "/subnode@1",
        "ss1": "/subnode@1/subsubnode",
        "sss1": "/subnode@1/subsubnode/subsubsubnode",
    }
    for name, path in tree.aliases.items():
        assert oracle.fdt.get_alias(name) == path
        assert tree.alias(name) == tree[name] == tree[path]
    for path in ("s1/subsubnode", "ss1/subsubsubnode/", "s1//subsubnode"):
        assert tree[path].path == oracle.path(oracle.fdt.path_offset(path))
    for name in ("empty", "loop", "nonull", "relative", "none", "s1/none", "s", "s1x"):
        assert name not in tree
        with pytest.raises(NotFoundError):
            tree[name]
        with pytest.raises(NotFoundError, match="/aliases"):
            tree.alias(name)


def test_alias_of_a_node_that_is_not_there():
    tree = DeviceTree()
    tree.add_node("/aliases", {"a": b"/gone\0", "b": b"/\0more\0"})
    with pytest.raises(NotFoundError, match="no node '/gone'"):
        tree.alias("a")
    assert "a" not in tree
    assert tree["b"] == tree.root
    tree.remove_node("/aliases")
    assert tree.aliases == {}
    assert tree.get("b") is None


def test_labels(corpus):
    path = corpus / "dtc-tests" / "overlay_base_manual_symbols.test.dtb"
    tree = DeviceTree.from_dtb(path.read_bytes())
    assert tree.by_label("test").path == tree.symbols["test"] == "/test-node"
    with pytest.raises(NotFoundError, match="/__symbols__, property 'none'"):
        tree.by_label("none")


def test_console():
    """A path or an alias, with and without options; the older name."""
    tree = DeviceTree()
    with pytest.raises(NotFoundError, match="/chosen"):
        tree.stdout  # noqa: B018
    uart = tree.add_node("/uart@0", {})
    chosen = tree.add_node("/chosen", {})
    with pytest.raises(NotFoundError, match="'stdout-path'"):
        tree.stdout  # noqa: B018
    tree.add_node("/aliases", {"serial0": b"/uart@0\0"})
    for value, options in [
        ("serial0:115200n8", "115200n8"),
        ("serial0", ""),
        ("/uart:a:b", "a:b"),
        ("/uart@0", ""),
    ]:
        chosen.set_string("stdout-path", value)
        assert tree.stdout == (uart, options)
    for value in ("serial1", "", ":115200"):
        chosen.set_string("stdout-path", value)
        with pytest.raises(NotFoundError, match="no node"):
            tree.stdout  # noqa: B018
    chosen["stdout-path"] = b"no NUL"
    with pytest.raises(TreeError):
        tree.stdout  # noqa: B018
    del chosen["stdout-path"]
    chosen.set_string("linux,stdout-path", "/uart@0")
    assert tree.stdout.node == uart

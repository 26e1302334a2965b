"""Overlays: what applying one does to a tree."""

from __future__ import annotations

import pytest
from overlays import base, blob, overlay, unordered, with_local_fixups
from plaintree import cell

from pydlpar import ArgumentError, DeviceTree, NoSpaceError, TreeError
from pydlpar._ffi import ffi, lib


def test_properties_and_nodes_are_merged():
    """Properties are set, new nodes come last with all that is below them."""
    tree = base()
    tree.apply_overlay(
        overlay(
            {
                "": {"ranges": cell(5), "new": b"x"},
                "/uart@0": {"status": b"okay\0"},
                "/dma": {"reg": cell(3)},
                "/dma/channel@0": {"name": b"a\0"},
                "/dma/channel@1": {},
            }
        )
    )
    assert tree["/soc"].properties.as_dict() == {
        "phandle": cell(1),
        "ranges": cell(5),
        "new": b"x",
    }
    assert tree["/soc/uart@0"].string("status") == "okay"
    assert [node.path for node in tree["/soc"].walk()] == [
        "/soc",
        "/soc/uart@0",
        "/soc/dma",
        "/soc/dma/channel@0",
        "/soc/dma/channel@1",
    ]
    assert tree["/soc/dma"]["reg"] == cell(3)
    assert unordered(DeviceTree.from_dtb(tree.to_dtb()).root) == unordered(tree.root)


def test_first_gives_the_order_of_libfdt():
    """Every new node becomes the first child, so new siblings come out reversed."""
    tree = base()
    tree.apply_overlay(overlay({"": {}, "/a": {}, "/b": {}}), first=True)
    assert [node.name for node in tree["/soc"].children] == ["b", "a", "uart@0"]


def test_target_is_a_phandle_before_a_path():
    tree = base()
    target = {"target": cell(7), "target-path": b"/nowhere\0"}
    tree.apply_overlay(overlay({"": {"new": b""}}, target))
    assert "new" in tree["/soc/uart@0"]


def test_target_zero_means_the_path():
    """As in libfdt, phandle 0 is none."""
    tree = base()
    target = {"target": cell(0), "target-path": b"/bare\0"}
    tree.apply_overlay(overlay({"": {"new": b""}}, target))
    assert "new" in tree["/bare"]


def test_target_path_may_begin_with_an_alias():
    """As every path that is looked up; the symbol gets the whole path."""
    tree = base()
    labels = {"new": b"/fragment@0/__overlay__/led\0"}
    target = {"target-path": b"serial0\0"}
    tree.apply_overlay(overlay({"": {}, "/led": {}}, target, symbols=labels))
    assert "/soc/uart@0/led" in tree
    assert tree["/__symbols__"].string("new") == "/soc/uart@0/led"


def test_name_without_address_merges_into_the_one_with():
    """libfdt's rule; below a node that the overlay adds, names are whole."""
    tree = base()
    tree.apply_overlay(
        overlay(
            {
                "": {},
                "/uart": {"status": b"okay\0"},
                "/new": {},
                "/new/cpu@0": {},
                "/new/cpu": {"here": b""},
            }
        )
    )
    assert tree["/soc/uart@0"].string("status") == "okay"
    assert [child.name for child in tree["/soc/new"].children] == ["cpu@0", "cpu"]
    assert tree["/soc/new/cpu@0"].properties.as_dict() == {}


def test_same_node_twice_is_merged_into_one():
    """Two fragments that add one node make one node."""
    tree = base()
    two = blob(
        {
            "/": {},
            "/fragment@0": {"target-path": b"/soc\0"},
            "/fragment@0/__overlay__": {},
            "/fragment@0/__overlay__/led": {"a": b"1"},
            "/fragment@1": {"target-path": b"/soc/led\0"},
            "/fragment@1/__overlay__": {"b": b"2"},
            "/other": {"target-path": b"/nowhere\0"},
        }
    )
    tree.apply_overlay(two)
    assert tree["/soc/led"].properties.as_dict() == {"a": b"1", "b": b"2"}


def test_fixups_are_filled_in_from_the_symbols():
    """Each place gets the phandle of the symbol's node; several in one property."""
    tree = base()
    tree.apply_overlay(
        overlay(
            {"": {}, "/user": {"dmas": cell(~0) + cell(9) + cell(~0)}},
            {"target": cell(~0)},
            fixups={
                "soc": b"/fragment@0:target:0\0",
                "uart": b"/fragment@0/__overlay__/user:dmas:0\0"
                b"/fragment@0/__overlay__/user:dmas:8\0",
            },
        )
    )
    assert tree["/soc/user"].u32s("dmas") == (7, 9, 7)


def test_phandles_move_above_those_of_the_base():
    """phandle and linux,phandle grow by the base's largest; so do references."""
    tree = base()
    tree.apply_overlay(
        with_local_fixups(
            {
                "": {},
                "/clock": {"phandle": cell(1), "linux,phandle": cell(1)},
                "/user": {"clocks": cell(4) + cell(1), "self": cell(2)},
                "/none": {"phandle": cell(0)},
            },
            {"/user": {"clocks": cell(4), "self": cell(0)}},
        )
    )
    assert tree["/soc/clock"].u32("phandle") == 8
    assert tree["/soc/clock"].u32("linux,phandle") == 8
    assert tree["/soc/user"].u32s("clocks") == (4, 8)
    assert tree["/soc/user"].u32("self") == 9
    assert tree["/soc/none"].u32("phandle") == 0
    assert tree.by_phandle(8).path == "/soc/clock"


def test_phandle_of_the_base_is_kept():
    """Nodes of the base refer to it; references of the overlay follow it."""
    tree = base()
    tree.apply_overlay(
        with_local_fixups(
            {
                "": {},
                "/uart@0": {"phandle": cell(3), "new": b""},
                "/user": {"uart": cell(3), "other": cell(4)},
                "/led": {"phandle": cell(4)},
            },
            {"/user": {"uart": cell(0), "other": cell(0)}},
        )
    )
    assert tree["/soc/uart@0"].phandle == 7
    assert tree["/soc/user"].u32("uart") == 7
    assert tree["/soc/user"].u32("other") == tree["/soc/led"].phandle == 11
    assert tree.by_phandle(tree["/user"].u32("uart")).path == "/soc/uart@0"


def test_target_may_be_a_node_that_another_fragment_adds():
    """A target that is a local reference follows the phandle that is kept, too."""
    nodes = {
        "/": {},
        "/fragment@0": {"target-path": b"/soc\0"},
        "/fragment@0/__overlay__": {},
        "/fragment@0/__overlay__/new": {"phandle": cell(1)},
        "/fragment@0/__overlay__/uart@0": {"phandle": cell(2)},
        "/fragment@1": {"target": cell(1)},
        "/fragment@1/__overlay__": {"one": b""},
        "/fragment@2": {"target": cell(2)},
        "/fragment@2/__overlay__": {"two": b"", "phandle": cell(5)},
        "/__local_fixups__": {},
        "/__local_fixups__/fragment@1": {"target": cell(0)},
        "/__local_fixups__/fragment@2": {"target": cell(0)},
    }
    tree = base()
    tree.apply_overlay(blob(nodes))
    assert "one" in tree["/soc/new"]
    assert "two" in tree["/soc/uart@0"]
    assert tree["/soc/uart@0"].phandle == 7


def test_symbols_become_symbols_of_the_base():
    """Paths are those of the base; what is in no fragment's node is left out."""
    tree = base()
    tree.apply_overlay(
        overlay(
            {"": {}, "/led": {}},
            symbols={
                "led": b"/fragment@0/__overlay__/led\0",
                "top": b"/fragment@0/__overlay__\0",
                "uart": b"/fragment@0/__overlay__/uart@0\0",
                "fragment": b"/fragment@0\0",
                "elsewhere": b"/a/b/c\0",
                "almost": b"/fragment@0/__overlay__x/led\0",
            },
        )
    )
    symbols = tree["/__symbols__"]
    assert symbols.string("led") == "/soc/led"
    assert symbols.string("top") == "/soc"
    assert symbols.string("uart") == "/soc/uart@0"
    assert not {"fragment", "elsewhere", "almost"} & set(symbols.properties)
    root = overlay(
        {"": {}, "/led": {}},
        {"target-path": b"/\0"},
        symbols={
            "led": b"/fragment@0/__overlay__/led\0",
            "root": b"/fragment@0/__overlay__\0",
        },
    )
    tree.apply_overlay(root)
    assert symbols.string("led") == "/led"
    assert symbols.string("root") == "/"


def test_symbols_are_made_where_the_base_has_none():
    tree = DeviceTree.from_dtb(blob({"/": {}, "/soc": {}}))
    labels = {"soc": b"/fragment@0/__overlay__\0"}
    tree.apply_overlay(overlay({"": {}}, symbols=labels))
    assert tree["/__symbols__"].string("soc") == "/soc"


def test_overlay_can_be_applied_to_many_trees():
    """A tree made of an overlay is what it was afterwards, also on failure."""
    data = with_local_fixups(
        {"": {}, "/uart@0": {"phandle": cell(1)}, "/user": {"uart": cell(1)}},
        {"/user": {"uart": cell(0)}},
    )
    kept = DeviceTree.from_dtb(data)
    before, results = kept.to_dtb(), set()
    for _ in range(3):
        tree = base()
        tree.apply_overlay(kept)
        results.add(tree.to_dtb())
        with pytest.raises(TreeError):
            DeviceTree().apply_overlay(kept)
        assert kept.to_dtb() == before
        assert kept["/fragment@0/__overlay__/uart@0"].phandle == 1
    assert len(results) == 1


def test_overlay_is_part_of_an_open_transaction():
    """What a roll-back undoes includes an overlay, bit for bit."""
    tree = base()
    before = tree.to_dtb()
    with tree.transaction() as transaction:
        tree.apply_overlay(overlay({"": {"x": b""}, "/new": {"phandle": cell(1)}}))
        assert tree.by_phandle(8).path == "/soc/new"
        transaction.rollback()
    assert tree.to_dtb() == before
    assert tree.get("/soc/new") is None


def test_overlay_onto_itself_is_refused():
    tree = base()
    with pytest.raises(ArgumentError):
        tree.apply_overlay(tree)


def test_error_may_be_left_out_from_c():
    """A C program that does not ask why still gets the code."""
    tree, bad = base(), DeviceTree.from_dtb(overlay({"": {}}, {"x": b""}))
    rc = lib.dlpar_tree_overlay(tree.ptr, ffi.NULL, bad.ptr, 0)
    assert rc == lib.DLPAR_ERR_OVERLAY


def test_memory_limit_of_the_base_holds():
    """An overlay that does not fit leaves the tree as it was."""
    data = base().to_dtb()
    limit = DeviceTree.from_dtb(data).memory + (1 << 16)
    tree = DeviceTree.from_dtb(data, memory_limit=limit)
    with pytest.raises(NoSpaceError):
        tree.apply_overlay(overlay({"": {}, "/big": {"x": bytes(1 << 20)}}))
    assert tree.to_dtb() == data


def test_depth_is_not_limited():
    """Thousands of levels, in the overlay and in its local fixups."""
    tree, data, depth = base(), DeviceTree(), 20_000
    data.add_node("/fragment@0", {"target-path": b"/soc\0"})
    at = data.add_node("/fragment@0/__overlay__", {})
    for path in ("", "/fragment@0", "/fragment@0/__overlay__"):
        fixups = data.add_node(f"/__local_fixups__{path}", {})
    for _ in range(depth):
        at, fixups = data.add_child(at, "d", {}), data.add_child(fixups, "d", {})
    at["phandle"] = at["self"] = cell(1)
    fixups["self"] = cell(0)
    before = len(tree)
    tree.apply_overlay(data)
    assert len(tree) == before + depth
    assert tree.by_phandle(8).u32("self") == 8


def test_cost_is_linear_in_the_overlay():
    """Ten thousand conflicts and references to them: no walk for each."""
    n = 10_000
    tree, data = DeviceTree(), DeviceTree()
    soc = tree.add_node("/soc", {})
    data.add_node("/fragment@0", {"target-path": b"/soc\0"})
    refs = b"".join(cell(n - i) for i in range(n))
    top = data.add_node("/fragment@0/__overlay__", {"refs": refs})
    for i in range(n):
        tree.add_child(soc, f"n@{i}", {"phandle": cell(i + 1)})
        data.add_child(top, f"n@{i}", {"phandle": cell(i + 1)})
    for path in ("", "/fragment@0", "/fragment@0/__overlay__"):
        where = data.add_node(f"/__local_fixups__{path}", {})
    where["refs"] = b"".join(cell(4 * i) for i in range(n))
    tree.apply_overlay(data)
    assert soc["refs"] == refs
    assert tree[f"/soc/n@{n - 1}"].phandle == n

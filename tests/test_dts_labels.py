"""Labels in source text: those of `__symbols__`, where source has a place for them."""

from __future__ import annotations

import pytest
from dtctool import needs_dtc
from hypothesis import given
from hypothesis import strategies as st
from plaintree import content

from pydlpar import DeviceTree
from pydlpar._ffi import ffi, lib

pytestmark = pytest.mark.usefixtures("unpreloaded")


def labelled(symbols: dict[str, bytes]) -> DeviceTree:
    tree = DeviceTree()
    tree.add_node("/bus", {})
    tree.add_node("/bus/uart@0", {})
    tree.add_node("/bus/uart@1", {})
    tree.add_node("/__symbols__", symbols)
    return tree


def heads(tree: DeviceTree) -> list[str]:
    """The lines that open a node, bare."""
    lines = tree.to_dts(labels=True).splitlines()
    return [line.strip(" \t{") for line in lines if line.endswith("{")]


def test_nodes_carry_their_labels_on_demand():
    tree = labelled({"com0": b"/bus/uart@0\0", "soc": b"/bus\0"})
    assert heads(tree) == ["/", "soc: bus", "com0: uart@0", "uart@1", "__symbols__"]
    assert "com0: " not in tree.to_dts()
    assert tree["/bus"].to_dts(labels=True).startswith("soc: bus {\n\n\tcom0: uart@0 {")


def test_several_labels_come_last_first():
    """As dtc has them, which puts each in front of those before it."""
    tree = labelled(dict.fromkeys(("a", "b", "c"), b"/bus/uart@0\x00"))
    assert "c: b: a: uart@0" in heads(tree)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("com0", b"/bus/uart@9\0"),  # no such node
        ("com0", b"/bus/uart@0"),  # no string
        ("com0", b"/bus/uart\0"),  # only a part of a name
        ("com0", b"bus/uart@0\0"),  # no path
        ("com0", b"\0"),
        ("com0", b""),
        ("com0", b"/\0"),  # source knows no label of the root
        ("com-0", b"/bus/uart@0\0"),  # not a label
        ("0com", b"/bus/uart@0\0"),
        ("com\u00e9", b"/bus/uart@0\0"),
    ],
)
def test_what_is_no_label_is_left_out(name, value):
    """A label is a C name; its value is the complete path of another node."""
    assert heads(labelled({name: value})) == heads(labelled({}))


def test_path_ends_at_its_first_nul():
    """As dtc reads it; repeated slashes count as one."""
    tree = labelled({"com0": b"/bus//uart@0/\0junk"})
    assert "com0: uart@0" in heads(tree)


def test_without_symbols_there_are_no_labels():
    tree = DeviceTree()
    tree.add_node("/a", {})
    assert tree.to_dts(labels=True) == tree.to_dts()


def test_labels_follow_edits():
    tree = labelled({"com0": b"/bus/uart@0\0", "com1": b"/bus/uart@1\0"})
    tree.remove_node("/bus/uart@0")
    tree.add_node("/bus/uart@0", {})
    tree.remove_node("/bus/uart@1")
    assert heads(tree) == ["/", "bus", "com0: uart@0", "__symbols__"]


def test_table_that_is_too_small_holds_the_first_found():
    tree = labelled({f"l{i}": b"/bus\0" for i in range(3)})
    table = ffi.new("struct dlpar_tree_label[]", 2)
    assert lib.dlpar_tree_labels(tree.ptr, table, 2) == 3
    found = [ffi.unpack(one.name, one.name_len) for one in table]
    assert found == [b"l0", b"l1"]


@given(st.lists(st.integers(0, 6), max_size=40))
def test_labels_are_sorted_by_node_and_newest_first(picks):
    """In whatever order the symbols stand."""
    tree = DeviceTree()
    for i in range(7):
        tree.add_node(f"/n{i}", {})
    names = {f"l{k}": f"/n{pick}\0".encode() for k, pick in enumerate(picks)}
    tree.add_node("/__symbols__", names)
    expected = ["/"]
    for i in range(7):
        mine = [f"l{k}: " for k, pick in enumerate(picks) if pick == i]
        expected.append("".join(reversed(mine)) + f"n{i}")
    assert heads(tree) == [*expected, "__symbols__"]


@needs_dtc
@pytest.mark.filterwarnings("ignore::pydlpar.DtsWarning")
def test_labels_survive_a_round_trip_through_dtc():
    """Compiled, with and without `-@`, the text gives the tree that it came from."""
    source = (
        "/dts-v1/; / { soc: bus { com0: uart { x; }; com1: first: port {}; };"
        " user { port = <&com0 7>; }; };"
    )
    tree = DeviceTree.from_dts(source, symbols=True)
    text = tree.to_dts(labels=True)
    assert "soc: bus {" in text
    assert "com0: uart {" in text
    assert content(DeviceTree.from_dts(text)) == content(tree)
    assert content(DeviceTree.from_dts(text, symbols=True)) == content(tree)

"""Every rule of the lint: what it finds, and what it lets pass.

Trees are written as {path: {property: value}}; a value is bytes, a string, or cells.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plaintree import END_NODE, begin, blob, cell, prop

from pydlpar import ArgumentError, DeviceTree, Finding, Severity, lint
from pydlpar.checks.view import MAX_DEPTH
from pydlpar.lint import RULES

CELLS = {"#address-cells": 1, "#size-cells": 1}
PCI = {
    "device_type": "pci",
    "#address-cells": 3,
    "#size-cells": 2,
    "ranges": b"",
    "bus-range": (0, 1),
}
CONTROLLER = {"phandle": 1, "interrupt-controller": b"", "#interrupt-cells": 2}
MAPPER = {"#address-cells": 1, "#interrupt-cells": 1}


def value_of(value: bytes | str | int | tuple[int, ...]) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape") + b"\0"
    return b"".join(map(cell, (value,) if isinstance(value, int) else value))


def make(nodes: dict[str, dict[str, object]]) -> DeviceTree:
    """A tree of nodes, in order; nodes above that are not named are made empty."""
    tree = DeviceTree()
    for path, properties in nodes.items():
        at = tree.root
        for name in path.split("/"):
            if name:
                at = at.child(name) or tree.add_child(at, name, {})
        for name, value in properties.items():
            at[name] = value_of(value)
    return tree


# Rule, tree, and what it finds: nodes, or (node, property).
BAD = [
    ("node_name_chars", {"/a b": {}}, "/a b"),
    ("node_name_chars", {"/a#": {}}, "/a#"),
    ("node_name_chars", {"/a@1*": {}}, "/a@1*"),
    ("node_name_chars", {"/a\udcff": {}}, "/a\udcff"),
    ("property_name_chars", {"/": {"a b": 1}}, ("/", "a b")),
    ("property_name_chars", {"/": {"\u00e9": 1}}, ("/", "\u00e9")),
    ("property_name_chars", {"/": {"\udc80": 1}}, ("/", "\udc80")),
    ("node_name_format", {"/a@1@2": {}}, "/a@1@2"),
    ("node_name_format", {"/a@": {}}, "/a@"),
    ("node_name_format", {"/@1": {}}, "/@1"),
    ("node_name_length", {"/" + "a" * 32: {}}, "/" + "a" * 32),
    ("property_name_length", {"/": {"a" * 32: 1}}, ("/", "a" * 32)),
    ("node_name_vs_property_name", {"/": {"a": 1}, "/a": {}}, "/a"),
    ("name_properties", {"/a@1": {"name": "a@1"}}, ("/a@1", "name")),
    ("device_type_is_string", {"/": {"device_type": b"cpu"}}, ("/", "device_type")),
    ("model_is_string", {"/": {"model": b""}}, ("/", "model")),
    ("status_is_string", {"/": {"status": b"a\0b\0"}}, ("/", "status")),
    ("label_is_string", {"/": {"label": 1 << 24}}, ("/", "label")),
    ("compatible_is_string_list", {"/": {"compatible": b"a"}}, ("/", "compatible")),
    ("compatible_is_string_list", {"/": {"compatible": b""}}, ("/", "compatible")),
    ("names_is_string_list", {"/": {"reg-names": b"a\0b"}}, ("/", "reg-names")),
    ("status_value", {"/": {"status": "on"}}, ("/", "status")),
    ("address_cells_is_cell", {"/": {"#address-cells": b"2"}}, ("/", "#address-cells")),
    ("size_cells_is_cell", {"/": {"#size-cells": (0, 1)}}, ("/", "#size-cells")),
    (
        "interrupt_cells_is_cell",
        {"/": {"#interrupt-cells": b""}},
        ("/", "#interrupt-cells"),
    ),
    ("cells_is_cell", {"/": {"#clock-cells": b"a"}}, ("/", "#clock-cells")),
    ("explicit_phandles", {"/a": {"phandle": 0}}, ("/a", "phandle")),
    ("explicit_phandles", {"/a": {"phandle": 0xFFFFFFFF}}, ("/a", "phandle")),
    ("explicit_phandles", {"/a": {"phandle": b"ab"}}, ("/a", "phandle")),
    (
        "explicit_phandles",
        {"/a": {"phandle": 1, "linux,phandle": 2}},
        ("/a", "linux,phandle"),
    ),
    (
        "explicit_phandles",
        {"/a": {"phandle": 1}, "/b": {"ibm,phandle": 1}},
        ("/b", "ibm,phandle"),
    ),
    ("alias_paths", {"/aliases": {"a": "/none"}}, ("/aliases", "a")),
    ("alias_paths", {"/aliases": {"a": b"/"}}, ("/aliases", "a")),
    ("alias_paths", {"/aliases": {"a": "aliases"}}, ("/aliases", "a")),
    ("alias_paths", {"/aliases": {"A": "/"}}, ("/aliases", "A")),
    ("chosen_node_is_root", {"/a/chosen": {}}, "/a/chosen"),
    ("chosen_node_bootargs", {"/chosen": {"bootargs": b"a"}}, ("/chosen", "bootargs")),
    (
        "chosen_node_stdout_path",
        {"/chosen": {"stdout-path": 1}},
        ("/chosen", "stdout-path"),
    ),
    (
        "obsolete_chosen_interrupt_controller",
        {"/chosen": {"interrupt-controller": 1}},
        ("/chosen", "interrupt-controller"),
    ),
    (
        "root_required",
        {"/": {**CELLS, "compatible": "a"}},
        ("/", "model"),
    ),
    ("reg_format", {"/": {"reg": 1}}, ("/", "reg")),
    ("reg_format", {"/": CELLS, "/a@0": {"reg": 0}}, ("/a@0", "reg")),
    ("reg_format", {"/": CELLS, "/a@0": {"reg": b""}}, ("/a@0", "reg")),
    (
        "reg_format",
        {"/": {"#address-cells": 0, "#size-cells": 0}, "/a@0": {"reg": 0}},
        ("/a@0", "reg"),
    ),
    ("ranges_format", {"/": {"ranges": b""}}, ("/", "ranges")),
    (
        "ranges_format",
        {"/": CELLS, "/a": {**CELLS, "#size-cells": 2, "ranges": b""}},
        ("/a", "ranges"),
    ),
    (
        "ranges_format",
        {"/": CELLS, "/a@0": {**CELLS, "ranges": (0, 0)}},
        ("/a@0", "ranges"),
    ),
    (
        "dma_ranges_format",
        {"/": CELLS, "/a": {**CELLS, "dma-ranges": 0}},
        ("/a", "dma-ranges"),
    ),
    ("unit_address_vs_reg", {"/": CELLS, "/a": {"reg": (0, 1)}}, "/a"),
    ("unit_address_vs_reg", {"/a@1": {}}, "/a@1"),
    ("unit_address_format", {"/a@01": {}}, "/a@01"),
    ("unit_address_format", {"/a@0x1": {}}, "/a@0x1"),
    (
        "unit_address_mismatch",
        {"/": CELLS, "/a@10": {"reg": (16, 1)}, "/a@11": {"reg": (16, 1)}},
        ("/a@11", "reg"),
    ),
    ("avoid_default_addr_size", {"/": {"#size-cells": 1}, "/a@0": {"reg": 0}}, "/a@0"),
    ("avoid_unnecessary_addr_size", {"/a": CELLS, "/a/b": {}}, "/a"),
    ("unique_unit_address", {"/": CELLS, "/a@1": {}, "/b@1": {}}, "/b@1"),
    ("pci_bridge", {"/a": PCI}, "/a"),
    ("pci_bridge", {"/pci": {**PCI, "bus-range": (2, 1)}}, ("/pci", "bus-range")),
    ("pci_bridge", {"/pci": {**PCI, "bus-range": (0, 256)}}, ("/pci", "bus-range")),
    ("pci_bridge", {"/pci": {**PCI, "bus-range": 0}}, ("/pci", "bus-range")),
    ("pci_bridge", {"/pci": {**PCI, "#size-cells": 1}}, ("/pci", "#size-cells")),
    (
        "pci_bridge",
        {"/pci": {name: PCI[name] for name in PCI if name != "ranges"}},
        "/pci",
    ),
    ("pci_device_reg", {"/pci": PCI, "/pci/a@1": {}}, "/pci/a@1"),
    ("pci_device_reg", {"/pci": PCI, "/pci/a@1": {"reg": (0x1000, 0, 0)}}, "/pci/a@1"),
    (
        "pci_device_reg",
        {"/pci": PCI, "/pci/a@1": {"reg": (0x800, 0, 1)}},
        ("/pci/a@1", "reg"),
    ),
    (
        "pci_device_reg",
        {"/pci": PCI, "/pci/a@1": {"reg": (0x02000800, 0, 0)}},
        ("/pci/a@1", "reg"),
    ),
    (
        "pci_device_reg",
        {"/pci": PCI, "/pci/a@1": {"reg": (0x810, 0, 0)}},
        ("/pci/a@1", "reg"),
    ),
    (
        "pci_device_bus_num",
        {"/pci": PCI, "/pci/a@1": {"reg": (0x20800, 0, 0)}},
        ("/pci/a@1", "reg"),
    ),
    (
        "simple_bus_reg",
        {"/a": {**CELLS, "compatible": "simple-bus"}, "/a/b@1": {"reg": (2, 1)}},
        "/a/b@1",
    ),
    ("simple_bus_reg", {"/a": {"compatible": "simple-bus"}, "/a/b": {}}, "/a/b"),
    ("clocks_property", {"/a": {"clocks": 9}}, ("/a", "clocks")),
    ("clocks_property", {"/a": {"clocks": b"abc"}}, ("/a", "clocks")),
    ("clocks_property", {"/a": {"clocks": 1, "phandle": 1}}, ("/a", "clocks")),
    (
        "clocks_property",
        {"/a": {"clocks": (1, 5), "phandle": 1, "#clock-cells": 2}},
        ("/a", "clocks"),
    ),
    ("gpios_property", {"/a": {"x-gpios": 9}}, ("/a", "x-gpios")),
    ("phandle_exists", {"/a": {"interrupt-parent": 9}}, ("/a", "interrupt-parent")),
    ("phandle_exists", {"/a": {"l2-cache": b""}}, ("/a", "l2-cache")),
    ("interrupts_property", {"/a": {"interrupts": 1}}, ("/a", "interrupts")),
    ("interrupts_property", {"/a": {"interrupts": b"1"}}, ("/a", "interrupts")),
    (
        "interrupts_property",
        {"/a": CONTROLLER, "/a/b": {"interrupts": 1}},
        ("/a/b", "interrupts"),
    ),
    (
        "interrupts_property",
        {"/a": {"phandle": 1}, "/b": {"interrupts": 1, "interrupt-parent": 1}},
        ("/b", "interrupts"),
    ),
    ("interrupt_provider", {"/a": {"interrupt-controller": b""}}, "/a"),
    ("interrupt_provider", {"/a": {"#interrupt-cells": 1}}, ("/a", "#interrupt-cells")),
    ("interrupt_map", {"/a": {"interrupt-map": b""}}, ("/a", "interrupt-map")),
    *(
        (
            "interrupt_map",
            {"/a": CONTROLLER, "/b": {**MAPPER, "interrupt-map": rows}},
            ("/b", "interrupt-map"),
        )
        for rows in ((0, 0), (0, 0, 9, 1, 2), (0, 0, 1, 1), b"abc")
    ),
    (
        "interrupt_map",
        {"/b": {**MAPPER, "interrupt-map": b"", "interrupt-map-mask": 1}},
        ("/b", "interrupt-map-mask"),
    ),
]

GOOD = {
    "/": {**CELLS, "compatible": "a,b", "model": "x", "status": "fail-3"},
    "/aliases": {"a-1": "/pic@8"},
    "/chosen": {"bootargs": "quiet", "stdout-path": "/pic@8"},
    "/pic@8": {**CONTROLLER, "reg": (8, 1), "name": "pic", "linux,phandle": 1},
    "/bus@0": {
        **CELLS,
        "compatible": b"x\0simple-bus\0",
        "ranges": (0, 0, 16),
        "interrupt-parent": 1,
    },
    "/bus@0/a@4": {"reg": (4, 1), "interrupts": (1, 2, 3, 4), "clocks": (2, 7)},
    "/bus@0/b@5": {"reg": (5, 1), "interrupts-extended": (1, 0, 0, 0, 1, 0, 0)},
    "/clock": {"#clock-cells": 1, "phandle": 2, "l2-cache": 2},
    "/pci@1": {
        **PCI,
        "ranges": (0,) * 6,
        "#interrupt-cells": 1,
        "interrupt-map": (0, 0, 0, 1, 1, 5, 6),
    },
    "/pci@1/eth@1,1": {"reg": (0x10900, 0, 0, 0, 0), "msi-parent": 2},
    "/pci@1/eth@2": {"reg": (0x1000, 0, 0, 0, 0)},
}


@pytest.mark.parametrize(("rule", "nodes", "where"), BAD)
def test_rule_finds_what_is_wrong(rule, nodes, where):
    """It and nothing else, at its node and property."""
    expected = (where, None) if isinstance(where, str) else where
    found = lint(make(nodes), only=[rule])
    assert [(one.path, one.property) for one in found] == [expected]
    assert found[0].rule == rule
    assert found[0].severity is RULES[rule].severity


def test_what_is_right_passes():
    """A tree with nearly everything that rules look at."""
    assert lint(make(GOOD)) == []


def test_duplicates_are_told_of_the_later_one():
    """The core keeps both, and finds the first."""
    names = b"p\0"
    inner = begin(b"a") + cell(END_NODE)
    twice = prop(0, b"1") + prop(0, b"2")
    tree = DeviceTree.from_dtb(
        blob(begin() + twice + inner + inner + cell(END_NODE) + cell(9), names)
    )
    found = lint(tree, only=["duplicate_node_names", "duplicate_property_names"])
    assert [(one.path, one.property) for one in found] == [("/", "p"), ("/a", None)]
    assert {one.severity for one in found} == {Severity.ERROR}


def test_nodes_that_linux_does_not_read_are_told_once():
    """However deep a tree is, the lint looks no deeper than Linux."""
    depth = 20000
    deep = begin() + begin(b"a") * depth + cell(END_NODE) * (depth + 1)
    found = lint(DeviceTree.from_dtb(blob(deep + cell(9))), skip=["root_required"])
    assert [one.rule for one in found] == ["node_depth"]
    assert found[0].path == "/a" * MAX_DEPTH


def test_overlays_are_completed_where_they_are_applied():
    """References to the base are -1, and its #cells are not known."""
    nodes = {
        "/fragment@0": {"target": 0xFFFFFFFF},
        "/fragment@0/__overlay__/a@1": {
            "reg": 1,
            "interrupts": 1,
            "interrupt-parent": 0xFFFFFFFF,
        },
        "/__fixups__": {},
    }
    assert lint(make(nodes), skip=["root_required"]) == []
    del nodes["/__fixups__"]
    assert {one.rule for one in lint(make(nodes), skip=["root_required"])} == {
        "phandle_exists",
        "interrupts_property",
    }


def test_rules_can_be_chosen_and_findings_limited():
    tree = make({"/a b": {}, "/c d": {"e f": 1}})
    assert {one.rule for one in lint(tree, skip=["root_required"])} == {
        "node_name_chars",
        "property_name_chars",
    }
    assert len(lint(tree, only=["node_name_chars"])) == 2
    assert len(lint(tree, only=["node_name_chars"], limit=1)) == 1
    with pytest.raises(ArgumentError, match="nonsense"):
        lint(tree, only=["nonsense"])
    with pytest.raises(ArgumentError, match="limit -1"):
        lint(tree, limit=-1)


def test_finding_reads_like_a_line_of_a_compiler():
    finding = Finding("reg_format", Severity.WARNING, "/a", "reg", "too short")
    assert str(finding) == "warning: /a: reg: too short [reg_format]"
    assert str(finding._replace(property=None)).startswith("warning: /a: too short")


def test_every_rule_is_tested_and_says_what_it_wants():
    """By the tables here and in test_lint_power.py."""
    from test_lint_power import BAD as POWER

    tested = {row[0] for row in (*BAD, *POWER)}
    tested |= {"duplicate_node_names", "duplicate_property_names", "node_depth"}
    alike = {name for name, rule in RULES.items() if rule.summary.startswith("`")}
    untested = RULES.keys() - tested
    assert all(name.endswith("_property") for name in untested & alike)
    assert untested <= alike
    assert all(rule.summary.endswith(".") for rule in RULES.values())


_NAMES = sorted(
    {key for _, nodes, _ in BAD for props in nodes.values() for key in props}
)
_WORDS = st.lists(st.integers(0, 9), max_size=8).map(lambda words: tuple(words))
_PROPS = st.dictionaries(st.sampled_from(_NAMES), _WORDS | st.binary(max_size=9))


@given(st.lists(st.tuples(st.sampled_from(sorted(GOOD)), _PROPS), max_size=6))
def test_no_values_make_a_rule_fail(changes):
    """Whatever the properties that rules look at hold, there are findings or none."""
    tree = make(GOOD)
    for path, props in changes:
        for name, value in props.items():
            tree[path][name] = value_of(value)
    for found in lint(tree):
        assert found.path in tree

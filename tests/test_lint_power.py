"""The rules of the lint about what hotplug on IBM Power reads."""

from __future__ import annotations

import struct

import pytest
from plaintree import cell

from pydlpar import DeviceTree, lint
from pydlpar.data import default_tree_bytes
from pydlpar.lint import RULES

MEMORY = "/ibm,dynamic-reconfiguration-memory"
TABLE = "ibm,dynamic-memory-v2"
INDEXES, NAMES = "ibm,drc-indexes", "ibm,drc-names"
ONE_SET = cell(1) + struct.pack(">IQIII", 1, 0, 5, 0, 8)
SAME_TWICE = cell(2) + 2 * struct.pack(">IQIII", 1, 0, 5, 0, 8)
WITHOUT_DRC = cell(2) + 2 * struct.pack(">IQIII", 1, 0, 0, 0, 0x20)

# Rule, node, property, its value (None: removed), and the property found.
BAD = [
    ("drc_arrays", "/cpus", NAMES, None, NAMES),
    ("drc_arrays", "/cpus", NAMES, b"\0\0", NAMES),
    ("drc_arrays", "/cpus", NAMES, cell(16) + b"CPU 0", NAMES),
    ("drc_arrays", "/cpus", INDEXES, cell(16) + b"abc", INDEXES),
    ("drc_indexes_unique", "/cpus", INDEXES, cell(2) + 2 * cell(7), INDEXES),
    (
        "my_drc_index_unique",
        "/cpus/PowerPC,POWER9@1",
        "ibm,my-drc-index",
        cell(0x10000000),
        "ibm,my-drc-index",
    ),
    (
        "my_drc_index_unique",
        "/cpus/PowerPC,POWER9@1",
        "ibm,my-drc-index",
        b"abc",
        "ibm,my-drc-index",
    ),
    (
        "my_drc_index_known",
        "/cpus/PowerPC,POWER9@1",
        "ibm,my-drc-index",
        cell(0x10000077),
        "ibm,my-drc-index",
    ),
    ("lmb_table", MEMORY, TABLE, b"abc", TABLE),
    ("lmb_table", MEMORY, TABLE, SAME_TWICE, TABLE),
    ("lmb_table", MEMORY, "ibm,lmb-size", cell(1), "ibm,lmb-size"),
    ("lmb_table", MEMORY, "ibm,lmb-size", None, "ibm,lmb-size"),
    ("associativity", "/memory@0", "ibm,associativity", cell(3), "ibm,associativity"),
    (
        "associativity",
        MEMORY,
        "ibm,associativity-lookup-arrays",
        cell(9),
        "ibm,associativity-lookup-arrays",
    ),
]


@pytest.fixture
def tree() -> DeviceTree:
    return DeviceTree.from_dtb(default_tree_bytes())


@pytest.mark.parametrize(("rule", "path", "name", "value", "where"), BAD)
def test_rule_finds_what_is_wrong(tree, rule, path, name, value, where):
    """On a machine that is right but for one property."""
    assert lint(tree, only=[rule]) == []
    if value is None:
        del tree[path][name]
    else:
        tree[path][name] = value
    found = lint(tree, only=[rule])
    assert [(one.rule, one.path, one.property) for one in found] == [
        (rule, path, where)
    ]


@pytest.mark.parametrize("table", [ONE_SET, WITHOUT_DRC, cell(0)])
def test_tables_that_are_right(tree, table):
    """Memory without a connector may stand there many times."""
    tree[MEMORY][TABLE] = table
    assert lint(tree, only=["lmb_table"]) == []


def test_arrays_of_unequal_length_are_told_with_both_numbers(tree):
    """An array that agrees with its own first cell can still be too short."""
    tree["/cpus"][NAMES] = cell(2) + b"CPU 0\0CPU 1\0"
    (found,) = lint(tree, only=["drc_arrays"])
    assert (found.path, found.property) == ("/cpus", NAMES)
    assert "2 entries, but ibm,drc-indexes has 16" in found.message


def test_tables_elsewhere_are_not_read(tree):
    """A table stands for a million LMBs in 28 bytes: only the machine's own is read."""
    tree.add_node("/x", {TABLE: b"abc"})
    assert lint(tree, only=["lmb_table"]) == []


def test_rules_for_power_come_after_those_for_all_trees():
    names = list(RULES)
    assert names.index("drc_arrays") > names.index("interrupt_map")

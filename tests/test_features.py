"""What the table of features names exists."""

from __future__ import annotations

import re

import pytest
from places import ROOT

from pydlpar import DeviceTree, Diff, Node
from pydlpar._ffi import lib

TABLE = ROOT / "docs" / "features.md"


@pytest.mark.parametrize(
    ("prefix", "owner"),
    [
        ("tree.", DeviceTree),
        ("DeviceTree.", DeviceTree),
        ("node.", Node),
        ("diff.", Diff),
        ("Diff.", Diff),
    ],
)
def test_names_in_the_table_are_ours(prefix, owner):
    names = set(re.findall(rf"`{re.escape(prefix)}(\w+)", TABLE.read_text()))
    assert names
    assert {name for name in names if not hasattr(owner, name)} == set()


def test_commands_in_the_table_are_there():
    pytest.importorskip("click")
    from pydlpar.cli.tree import tree

    names = set(re.findall(r"`pydlpar tree ([\w-]+)", TABLE.read_text()))
    assert {"apply", "patch"} <= names <= tree.commands.keys()


def test_functions_in_the_table_are_in_the_header():
    names = set(re.findall(r"`(dlpar_\w+)`", TABLE.read_text()))
    assert len(names) > 5
    assert {name for name in names if not hasattr(lib, name)} == set()


def test_every_row_says_something():
    rows = [line for line in TABLE.read_text().splitlines() if line.startswith("|")]
    assert len(rows) > 50
    assert all(len(cell.strip()) > 2 for row in rows for cell in row.split("|")[1:-1])

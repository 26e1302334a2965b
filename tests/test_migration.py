"""docs/migration.md: its examples run, and the names in its tables are there."""

from __future__ import annotations

import doctest
import importlib.util
import re
from pathlib import Path

import pytest
from places import ROOT

import pydlpar
from pydlpar.edits import Batch, Template, Transaction

PAGE = ROOT / "docs" / "migration.md"
OURS = {
    "tree": pydlpar.DeviceTree,
    "DeviceTree": pydlpar.DeviceTree,
    "node": pydlpar.Node,
    "batch": Batch,
    "template": Template,
    "transaction": Transaction,
    "pydlpar": pydlpar,
}
MARK = "†"


def tables():
    """Rows of the page by section: theirs, ours, what differs."""
    if not PAGE.exists():
        pytest.skip("the docs are not beside the tests")
    found = {}
    for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        rows = re.findall(r"^\| (.*?) \| ?(.*?) \| ?(.*?) ?\|$", section, re.MULTILINE)
        found[section.split("\n")[0].split(" ")[0].strip(",")] = rows[1:]
    return found


def named(ours):
    """What a cell of our column names: object, attribute, whether it is marked."""
    for call, mark in re.findall(rf"`([^`]+)`( {MARK})?", ours):
        for owner, name in re.findall(r"\b([A-Za-z]+)\.([a-z]\w+)", call):
            if owner in OURS:
                yield OURS[owner], name, bool(mark)


def c_names():
    headers = Path(pydlpar.get_include()).glob("dlpar*.h")
    return set(re.findall(r"\b(dlpar_\w+)\(", "".join(h.read_text() for h in headers)))


def test_examples_run():
    if not PAGE.exists():
        pytest.skip("the docs are not beside the tests")
    result = doctest.testfile(
        str(PAGE),
        module_relative=False,
        optionflags=doctest.NORMALIZE_WHITESPACE,
        encoding="utf-8",
    )
    assert result.attempted > 15
    assert result.failed == 0


def test_every_section_has_its_table():
    names = [name for name, rows in tables().items() if rows]
    assert names == ["libfdt", "pylibfdt", "pyfdt", "fdt", "dtlib", "dtoolkit"]


def test_our_names_exist():
    """A marked name is yet to come; once it is there, the mark has to go."""
    wrong, seen = [], 0
    for rows in tables().values():
        for _, ours, _ in rows:
            for owner, name, marked in named(ours):
                seen += 1
                if hasattr(owner, name) == marked:
                    wrong.append(f"{owner.__name__}.{name}")
    assert wrong == []
    assert seen > 80


def test_our_c_names_exist():
    known, wrong, seen = c_names(), [], 0
    for _, ours, _ in tables()["libfdt"]:
        for name, mark in re.findall(rf"`(dlpar_\w+)\(\)`( {MARK})?", ours):
            seen += 1
            if (name in known) == bool(mark):
                wrong.append(name)
    assert wrong == []
    assert seen > 30


@pytest.mark.parametrize(
    ("section", "module"),
    [
        ("pylibfdt", "libfdt"),
        ("pyfdt", "pyfdt.pyfdt"),
        ("fdt", "fdt"),
        ("dtlib", "devicetree.dtlib"),
    ],
)
def test_their_names_exist(section, module):
    """What is to be replaced is what those libraries have."""
    peer = pytest.importorskip(module)
    found = importlib.util.find_spec(module)
    text = "".join(
        path.read_text(encoding="utf-8")
        for path in Path(found.origin).parent.glob("*.py")
        if section != "pylibfdt" or path.name == "libfdt.py"
    )
    theirs = " ".join(row[0] for row in tables()[section])
    names = set(re.findall(r"\b([A-Za-z_]\w+)\(|\.([a-z]\w+)", theirs))
    names = {a or b for a, b in names} - {"str"}
    missing = {n for n in names if not re.search(rf"\b{n}\b", text)}
    assert missing == set(), peer
    assert len(names) > 10

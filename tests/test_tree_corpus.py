"""dtc's own test trees: the verdict of its table on each, and what they hold.

Where our error says something else than libfdt's, the reason stands here.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from blobwalk import nop_behind_the_root
from libfdt_oracle import Content, every_libfdt, tree_content

from pydlpar import DeviceTree, TreeError
from pydlpar._ffi import lib

# What libfdt says, and which of our errors say the same in more detail.
SAME_CLASS = {
    "OK": {"OK"},
    "TRUNCATED": {"TOTALSIZE", "TOOBIG", "BLOCK", "RSVMAP", "NOEND", "STRING"},
    "BADSTRUCTURE": {"NESTING", "PROPLEN", "TOKEN", "NODENAME"},
    "BADOFFSET": {"NAMEOFF"},
    "ALIGNMENT": {"ALIGNMENT"},
    "BADVERSION": {"BADVERSION"},
    "BADMAGIC": {"BADMAGIC"},
}
# Blobs that the table does not speak of, where libfdt 1.6 and 1.7 differ from us:
# what they say, what we say, why.
DIFFERENT = {
    "mangle-offstruct-unaligned2.dtb": (
        "BADSTRUCTURE",
        "ALIGNMENT",
        "a misaligned block was no error of its own before 1.8",
    ),
    "ov2_test_tree1.dtb.test.dtb": (
        "TRUNCATED",
        "BADVERSION",
        "version 2 has no size of the strings block, so libfdt reads one from nowhere",
    ),
    "ov3_test_tree1.dtb.test.dtb": (
        "OK",
        "BADVERSION",
        "versions below 16 hold a whole path as a node's name",
    ),
    "noppy.sw_tree1.test.dtb": (
        "BADSTRUCTURE",
        "OK",
        "a NOP behind the root was refused before 1.8",
    ),
}


@pytest.fixture(scope="module")
def folder(corpus: Path) -> Path:
    return corpus / "dtc-tests"


@pytest.fixture(scope="module")
def verdicts(folder: Path) -> dict[str, list]:
    return json.loads((folder / "verdicts.json").read_text())


def _verdict(data: bytes) -> str:
    """OK, or the name of our error."""
    try:
        DeviceTree.from_dtb(data)
    except TreeError as error:
        prefix = "DLPAR_ERR_"
        codes = {getattr(lib, n): n for n in dir(lib) if n.startswith(prefix)}
        return codes[error.code].removeprefix(prefix)
    return "OK"


def test_verdict_of_every_case(folder, verdicts):
    """Each case of the table: valid or not as it says, and the same class of error."""
    assert len(verdicts["cases"]) > 80
    for case in verdicts["cases"]:
        ours = _verdict((folder / case["file"]).read_bytes())
        theirs = case["check_full"].removeprefix("FDT_ERR_")
        assert (ours == "OK") == case["valid"], (case["file"], ours)
        assert ours in SAME_CLASS[theirs], (case["file"], theirs, ours)


def test_counts_of_every_valid_case(folder, verdicts):
    """Nodes, properties, reservations and depth of the root's subtree."""
    for case in verdicts["cases"]:
        if not case["valid"]:
            continue
        tree = DeviceTree.from_dtb((folder / case["file"]).read_bytes())
        nodes = tree_content(tree).nodes
        found = {
            "nodes": len(nodes),
            "props": sum(len(props) for _, _, props in nodes),
            "memrsv": len(tree.reservations),
            "depth": max(depth for depth, _, _ in nodes),
        }
        assert found == {key: case[key] for key in found}, case["file"]


def test_verdict_on_the_other_blobs_is_that_of_libfdt(folder, verdicts):
    """Those outside the table: libfdt itself is asked; four differ, each with why."""
    told = {case["file"] for case in verdicts["cases"]}
    others = [path for path in sorted(folder.glob("*.dtb")) if path.name not in told]
    libfdt = every_libfdt()["pylibfdt"]
    assert len(others) > 100
    different = {}
    for path in others:
        data = path.read_bytes()
        ours, theirs = _verdict(data), libfdt.check_full(data)
        if ours not in SAME_CLASS[theirs]:
            different[path.name] = (theirs, ours)
    known = {name: pair[:2] for name, pair in DIFFERENT.items()}
    if libfdt.check_full(_nop_at_the_end()) == "OK":  # libfdt 1.8 or newer
        del known["noppy.sw_tree1.test.dtb"], known["mangle-offstruct-unaligned2.dtb"]
    assert different == known


def _nop_at_the_end() -> bytes:
    """An empty tree with a NOP between the root's end and END."""
    data = bytearray(DeviceTree().to_dtb())
    data[-4:] = b"\0\0\0\4\0\0\0\x09"
    for field in (4, 12, 36):  # total size, strings, size of the structure block
        data[field : field + 4] = (
            int.from_bytes(data[field : field + 4], "big") + 4
        ).to_bytes(4, "big")
    assert nop_behind_the_root(bytes(data))
    return bytes(data)


@pytest.fixture(scope="module")
def pairs(folder, verdicts) -> dict[str, list[tuple[DeviceTree, DeviceTree]]]:
    """The table's pairs of trees, but for the one of version 3."""

    def tree(name: str) -> DeviceTree:
        return DeviceTree.from_dtb((folder / name).read_bytes())

    refused = "ov3_test_tree1.dtb.test.dtb"
    return {
        kind: [(tree(one), tree(two)) for one, two in pairs if two != refused]
        for kind, pairs in verdicts["equality"].items()
    }


def _unordered(content: Content) -> object:
    """The same with properties and siblings sorted, level by level from below."""
    levels: list[list[object]] = [[]]
    for depth, name, props in reversed(content.nodes):
        while len(levels) <= depth + 1:
            levels.append([])
        below, levels[depth + 1] = levels[depth + 1], []
        levels[depth].append((name, sorted(props), sorted(below)))
    return sorted(content.reservations), levels[0]


def test_equal_trees_are_equal_and_others_are_not(pairs):
    """The pairs of the table: equal, equal but for the order, different."""
    assert [len(found) for found in pairs.values()] == [7, 2, 9]
    for one, two in pairs["equal_ordered"]:
        assert tree_content(one) == tree_content(two)
    for one, two in pairs["equal_unordered_only"]:
        a, b = tree_content(one), tree_content(two)
        assert a != b
        assert _unordered(a) == _unordered(b)
    for one, two in pairs["different"]:
        assert _unordered(tree_content(one)) != _unordered(tree_content(two))


def test_diff_agrees_with_the_pairs(pairs):
    """`diff()` finds nothing between equals and something between the others.

    But where only the reserve map differs, which is no part of a node.
    """
    for one, two in pairs["equal_ordered"]:
        assert one.diff(two) == []
    for one, two in pairs["different"]:
        if tree_content(one).nodes != tree_content(two).nodes:
            assert one.diff(two) != []

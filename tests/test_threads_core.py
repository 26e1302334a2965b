"""The core's lock does not nest: who holds it calls nothing that takes it.

A second read lock waits behind an editor that waits for the first, for ever; no test
that runs would be sure to meet that, so the source is read instead.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pydlpar import DeviceTree
from pydlpar._ffi import ffi, lib

CORE = Path(__file__).parent.parent / "csrc"
FUNCTION = re.compile(
    r"^(?P<head>(?:static )?(?:inline )?[a-z][\w ]*[ *])(?P<name>\w+)\([^;{]*\)\n"
    r"\{\n(?P<body>.*?)^\}",
    re.MULTILINE | re.DOTALL,
)
ENTERS = re.compile(r"\b(?:tree_enter\w*|TREE_READ)\(")
CALL = re.compile(r"\b\w+(?=\()")
PUBLIC = re.compile(r"\bdlpar_tree_\w+(?=\()")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
# Trees that no other thread has yet, or has any more.
OWN = {
    "dlpar_tree_parse",
    "dlpar_tree_new",
    "dlpar_tree_free",
    "dlpar_tree_share",
}


def functions(source: str) -> dict[str, str]:
    """Bodies by name."""
    return {m["name"]: m["body"] for m in FUNCTION.finditer(COMMENT.sub("", source))}


def faults(bodies: dict[str, str]) -> list[str]:
    """Public functions that never enter, and calls of public ones from within."""
    entering = {name for name, body in bodies.items() if ENTERS.search(body)}
    found = []
    for name, body in bodies.items():
        public = name.startswith("dlpar_tree_") and name not in OWN
        calls = set(PUBLIC.findall(body)) - OWN
        enters = name in entering or bool(entering & set(CALL.findall(body)))
        if public and not enters and not calls:
            found.append(f"{name} does not enter the tree")
        if calls and (name in entering or not public):
            found.append(f"{name} calls {', '.join(sorted(calls))}")
    return found


SOURCES = [p for p in sorted(CORE.glob("*.c")) if "dlpar_tree_" in p.read_text()]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_public_functions_enter_and_call_no_other(path):
    assert faults(functions(path.read_text())) == []


def test_every_function_of_the_header_is_seen():
    """What the test above does not find in a source, it cannot judge."""
    header = COMMENT.sub("", (CORE / "dlpar_tree.h").read_text())
    declared = set(PUBLIC.findall(header))
    seen = set().union(*(functions(p.read_text()) for p in CORE.glob("*.c")))
    assert declared
    assert declared <= seen


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("int dlpar_tree_x(int t)\n{\n\treturn t;\n}\n", "does not enter"),
        ("static int x(int t)\n{\n\treturn dlpar_tree_get(t);\n}\n", "x calls"),
        (
            "int dlpar_tree_x(int t)\n{\n\treturn TREE_READ(t, dlpar_tree_y(t));\n}\n",
            "calls dlpar_tree_y",
        ),
    ],
)
def test_faults_are_found(source, fault):
    assert fault in " ".join(faults(functions(source)))


def test_value_is_written_only_where_all_of_it_fits():
    """The length comes back either way, so that the caller can come again."""
    tree = DeviceTree()
    node = tree.add_node("/n", {"v": b"12345"}).handle
    out = ffi.new("uint8_t[]", 8)
    assert lib.dlpar_tree_read(tree.ptr, out, 4, node, b"v", 1) == 5
    assert not any(out)
    assert lib.dlpar_tree_read(tree.ptr, out, 5, node, b"v", 1) == 5
    assert bytes(out) == b"12345\0\0\0"
    assert lib.dlpar_tree_read(tree.ptr, ffi.NULL, 0, node, b"v", 1) == 5
    assert (
        lib.dlpar_tree_read(tree.ptr, out, 8, node, b"w", 1) == lib.DLPAR_ERR_NOTFOUND
    )
    tree.remove_node("/n")
    assert lib.dlpar_tree_read(tree.ptr, out, 8, node, b"v", 1) == lib.DLPAR_ERR_STALE


def test_name_is_written_only_where_it_fits():
    tree = DeviceTree()
    node = tree.add_node("/name@1", {}).handle
    out = ffi.new("char[]", 8)
    assert lib.dlpar_tree_name_of(tree.ptr, out, 5, node) == lib.DLPAR_ERR_NOSPACE
    assert lib.dlpar_tree_name_of(tree.ptr, out, 8, node) == 6
    assert ffi.string(out) == b"name@1"
    assert lib.dlpar_tree_name_of(tree.ptr, ffi.NULL, 0, 0) == 0
    assert lib.dlpar_tree_name_of(tree.ptr, out, 8, -1) == lib.DLPAR_ERR_STALE

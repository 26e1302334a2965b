"""The core's lock does not nest: who holds it calls nothing that takes it.

A second read lock waits behind an editor that waits for the first, for ever; no test
that runs would be sure to meet that, so the source is read instead.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

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

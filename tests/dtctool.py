"""dtc, the oracle for source text, as far as it is installed; trees to try it on."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import strategies as st
from plaintree import PlainNode, PlainTree, cell

from pydlpar import DeviceTree, TreeError

DTC = shutil.which("dtc")
needs_dtc = pytest.mark.skipif(DTC is None, reason="dtc is not installed")

# dtc leaves out a property `name` that repeats the node's name; we keep it.
KEEP_NAMES = ("-E", "no-name_properties", "-W", "no-name_properties")
# Some of dtc's own checks end in an assertion, or never.
TIMEOUT = 20
OCTAL_AFTER_NUL = re.compile(rb"\0[0-7]")
# dtc 1.6 dies of an assertion in its own checks, or never ends.
DTC_FAILS = {
    "bad-graph-reg-cells.test.dtb",
    "bad-graph-root1.test.dtb",
    "bad-graph-root2.test.dtb",
    "bad-graph-root3.test.dtb",
    "bad-graph-root4.test.dtb",
    "noppy.rw_tree1.test.dtb",
    "noppy.sw_tree1.test.dtb",
    "noppy.test_tree1.dtb",
    "phandle-args-overflow.test.dtb",
}


def _version() -> tuple[int, int]:
    if DTC is None:
        return (0, 0)
    run = subprocess.run([DTC, "--version"], capture_output=True, text=True, check=True)
    major, minor = re.search(r"(\d+)\.(\d+)", run.stdout).groups()
    return (int(major), int(minor))


VERSION = _version()
LISTS = VERSION >= (1, 7)
"""Whether it writes a list of strings as one."""
LABELS = VERSION >= (1, 8)
"""Whether it writes the labels of `__symbols__`, and references to them."""


def decompile(data: bytes) -> bytes | None:
    """What dtc writes of a blob, be it with errors; None where it gives up."""
    command = [DTC, "-q", "-I", "dtb", "-O", "dts", *KEEP_NAMES]
    for options in ([], ["-f"]):
        run = subprocess.run(
            command + options, input=data, capture_output=True, timeout=TIMEOUT
        )
        if run.returncode == 0:
            return run.stdout
        if b"use -f" not in run.stderr:
            break
    return None


def corpus_trees(corpus: Path, real_trees: dict[str, bytes]) -> dict[str, bytes]:
    """Real blobs, and of those of dtc's own tests what both of us read."""
    blobs = real_trees | {
        path.name: path.read_bytes()
        for path in sorted((corpus / "dtc-tests").glob("*.dtb"))
        if path.name not in DTC_FAILS
    }
    read = {}
    for name, data in blobs.items():
        with contextlib.suppress(TreeError):
            DeviceTree.from_dtb(data)
            read[name] = data
    assert len(read) > 100
    return read


texts = st.text('aZ~ "\\\a\b\t\n\v\f\r017\x1b\x7f', max_size=8)
values = (
    st.binary(max_size=13)
    | st.lists(st.integers(0, 0xFFFFFFFF).map(cell), max_size=4).map(b"".join)
    | st.lists(texts, max_size=4).map(lambda t: "".join(f"{s}\0" for s in t).encode())
)
odd_names = st.text(
    st.characters(min_codepoint=1, max_codepoint=0x2FF, exclude_characters="/"),
    min_size=1,
    max_size=9,
)


@st.composite
def plain_trees(draw, names=odd_names):
    """Any shape, any values; names of siblings differ."""
    tree = PlainTree()
    nodes = [tree.root]
    for name in draw(st.lists(names, max_size=8)):
        parent = draw(st.sampled_from(nodes))
        if not parent.child(name):
            parent.children.append(PlainNode(name))
            nodes.append(parent.children[-1])
    for node in nodes:
        node.props = draw(st.dictionaries(names, values, max_size=5))
    return tree


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")

"""Source text: what dtc writes, and what a reader needs."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from plaintree import blob, cell

from pydlpar import DeviceTree
from pydlpar.dts import value_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"", ""),
        (b"cpu\0", '"cpu"'),
        (b"a\0b\0", '"a\\0b"'),
        (b'q"\\\n\t\0', '"q\\"\\\\\\n\\t"'),
        (cell(1), "<0x01>"),
        (cell(1) + cell(0xDEADBEEF), "<0x01 0xdeadbeef>"),
        (b"\1\2\3", "[01 02 03]"),
        (b"\0", "[00]"),
        (b"abc", "[61 62 63]"),
        (b"abcd", "<0x61626364>"),
        (b"ab\0\0", '"ab\\0"'),
        (b"a\0\0\0", "<0x61000000>"),
    ],
)
def test_value_in_source_form(value, text):
    """Text where all of it reads as text, else cells, else bytes."""
    assert value_text(value) == text


def test_source_text_is_that_of_dtc(real_trees):
    """Line for line what `dtc -I dtb -O dts` writes of real trees."""
    dtc = shutil.which("dtc")
    if dtc is None:
        pytest.skip("dtc is not installed")
    for name in ("smp4-2g.dtb", "numa2-smp8.dtb", "phb4.dtb", "nvdimm.dtb"):
        run = subprocess.run(
            [dtc, "-q", "-I", "dtb", "-O", "dts"],
            input=real_trees[name],
            capture_output=True,
            check=True,
        )
        theirs = run.stdout.decode("latin-1").splitlines()
        assert DeviceTree.from_dtb(real_trees[name]).to_dts().splitlines() == theirs


def test_reservations_are_shown():
    entry = bytes(7) + b"\1" + bytes(6) + b"\x10\0"
    data = DeviceTree().to_dtb()
    tree = DeviceTree.from_dtb(blob(data[56:], rsv=entry + bytes(16)))
    assert "/memreserve/\t0x0000000000000001 0x0000000000001000;" in tree.to_dts()


def test_text_of_a_deep_tree_needs_no_recursion():
    tree = DeviceTree()
    node = tree.root
    for _ in range(3000):
        node = tree.add_child(node, "a", {})
    assert tree.to_dts().count("a {") == 3000

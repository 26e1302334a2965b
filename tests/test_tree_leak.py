"""Memory that a tree has taken goes back when it is freed, and while it lives."""

from __future__ import annotations

import subprocess
import sys

import pytest
from places import ROOT

# What malloc has handed out, before and after a great many rounds of one thing.
SCRIPT = """
import ctypes, sys
from pydlpar import DeviceTree, TreeError
from pydlpar.data import default_tree_bytes

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks "
                "fordblks keepcost".split()]

try:
    mallinfo = ctypes.CDLL(None).mallinfo2
except AttributeError:
    sys.exit(77)
mallinfo.restype = Info
data = default_tree_bytes()
cut = data[:4] + (len(data) - 9).to_bytes(4, "big") + data[8:-9]
broken = data.replace(b"cpus", b"cp/s")

def refused(blob):
    try:
        DeviceTree.from_dtb(blob)
    except TreeError:
        return
    raise AssertionError("accepted")

def edited():
    tree = DeviceTree.from_dtb(data)
    template = tree.template({f"t{i}": bytes(i * 500) for i in range(12)})
    for i in range(70):
        template.add(tree.root, f"n{i}")
    tree.transaction().__enter__()
    tree.remove_node("/cpus")
    tree.root["compatible"] = bytes(9000)
"""
ROUNDS = {
    "parse": "DeviceTree.from_dtb(data)",
    "refused in the header": "refused(cut)",
    "refused in the structure": "refused(broken)",
    "new": "DeviceTree()",
    "extract": "tree.extract(tree['/cpus'])",
    "edited, in a transaction left open": "edited()",
}


@pytest.mark.parametrize("what", ROUNDS.values(), ids=ROUNDS.keys())
def test_nothing_is_left_behind(what):
    """Hundreds of rounds leave no block, however small, per round."""
    code = (
        f"{SCRIPT}\ntree = DeviceTree.from_dtb(data)\n"
        f"def rounds(n):\n    for _ in range(n): {what}\n"
        "rounds(50)\nbefore = mallinfo().uordblks\nrounds(500)\n"
        "print(mallinfo().uordblks - before)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    if run.returncode == 77:
        pytest.skip("this C library does not say what malloc has handed out")
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) < 500 * 16

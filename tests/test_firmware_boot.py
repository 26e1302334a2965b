"""What a device tree must say for a model of its machine to be made."""

from __future__ import annotations

import pytest

from pydlpar import DecodeError, DeviceTree, Dispatcher, Firmware, Partition
from pydlpar.stress.machine import small_tree

ASSIGNED_TO = 16  # the byte of an LMB's record that its associativity list begins at
RECORD, COUNT = 24, 4
DRMEM = "/ibm,dynamic-reconfiguration-memory"


def tree_of(node: int, *, arrays: bool) -> DeviceTree:
    """LMBs of one NUMA node, with or without lists for the nodes."""
    tree = small_tree()
    drmem = tree[DRMEM]
    table = bytearray(drmem["ibm,dynamic-memory"])
    for at in range(COUNT + ASSIGNED_TO, len(table), RECORD):
        table[at : at + 4] = node.to_bytes(4, "big")
    drmem["ibm,dynamic-memory"] = bytes(table)
    if not arrays:
        del drmem["ibm,associativity-lookup-arrays"]
    return tree


@pytest.mark.parametrize("arrays", [True, False])
@pytest.mark.parametrize("node", [7, 0xFFFFFFFE])
def test_an_lmb_belongs_to_a_node_that_the_tree_has(node: int, arrays: bool) -> None:
    """Else no one could tell its associativity once it is asked for."""
    with pytest.raises(
        DecodeError, match=f"LMB 1: associativity list {node}, expected below 1"
    ):
        Firmware.from_tree(tree_of(node, arrays=arrays))


@pytest.mark.parametrize(
    ("dialect", "added"), [("4.1", 18), ("4.10", -22), ("6.12", -22)]
)
def test_without_lists_all_memory_is_of_node_0(dialect: str, added: int) -> None:
    """It goes; it comes where Linux does not look for its list among them."""
    tree = tree_of(0, arrays=False)
    dispatcher = Dispatcher(Partition(tree), Firmware.from_tree(tree, "lopar"), dialect)
    assert dispatcher.write(b"memory remove count 1") == 21
    assert dispatcher.write(b"memory add count 1") == added

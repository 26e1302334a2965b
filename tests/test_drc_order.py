"""The order of QEMU's lists of connectors: that of its boot trees."""

from __future__ import annotations

import gzip
import random

import pytest
from places import CORPUS

from pydlpar import DeviceTree
from pydlpar.data import default_tree_bytes
from pydlpar.drc import DrcList
from pydlpar.platforms.drc_order import DrcOrder, creation_order


def boot_trees():
    folder = CORPUS / "dtb"
    found = sorted([*folder.glob("*.dtb"), *folder.glob("*.dtb.gz")])
    return [*found, None]


@pytest.mark.parametrize(
    "path", boot_trees(), ids=lambda path: path.name if path else "default"
)
def test_lists_of_a_boot_tree(path):
    """Every list of a tree, from its connectors as QEMU creates them: 300 to 33000.

    The connectors of a bridge are created with it, so after those of its own host
    bridge and before those of the next: as their numbers are.
    """
    data = default_tree_bytes() if path is None else path.read_bytes()
    if path is not None and path.suffix == ".gz":
        data = gzip.decompress(data)
    lists = [
        [drc.index for drc in DrcList.from_properties(node.properties)]
        for node in DeviceTree.from_dtb(data).nodes()
        if "ibm,drc-indexes" in node
    ]
    order = DrcOrder(creation_order(index for found in lists for index in found))
    for found in lists:
        assert order.select(set(found)) == found


def test_what_was_removed_is_not_listed():
    """However often connectors come and go; each is there once."""
    rng = random.Random(5)
    order, there = DrcOrder(), set()
    for _ in range(20000):
        index = 0x40000000 | rng.randrange(700)
        if index in there:
            there.remove(index)
            order.remove(index)
        else:
            there.add(index)
            order.add(index)
    listed = order.select(there)
    assert sorted(listed) == sorted(there)
    assert order.select(range(0x40000000, 0x40000400)) == listed

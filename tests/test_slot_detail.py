"""What types and nodes say in words."""

from __future__ import annotations

import pytest
from script import cells
from slot_trees import cpu

from pydlpar import DeviceTree, Slot, SlotKind, Slots, TreeError
from pydlpar.drc import Drc
from pydlpar.slot_detail import cpu_caches, describe_type, linux_name, pci_ids


def described(kind, type_name):
    return describe_type(Slot(kind, Drc(1, "", type_name, 0), "", None, None))


@pytest.mark.parametrize(
    ("type_name", "words"),
    [
        ("1", "PCI 32-bit 33 MHz 5 V"),
        ("8", "PCI 64-bit 66 MHz 3.3 V"),
        ("9", "type 9"),
        ("10", "type 10"),
        ("11", "PCI-X 32-bit 66 MHz"),
        ("18", "PCI-X 64-bit 533 MHz"),
        ("19", "PCIe 1 x1"),
        ("24", "PCIe 1 x32"),
        ("28", "PCIe 2 x8"),
        ("30", "PCIe 2 x32"),
        ("31", "PCIe 3 x8 (x1 connected)"),
        ("33", "PCIe 3 x8"),
        ("35", "PCIe 3 x16 (x8 connected)"),
        ("42", "PCIe 4 x16"),
        ("43", "PCIe 3 U.2 x4"),
        ("45", "PCIe 4 U.2 x4 (x2 connected)"),
        ("99", "type 99"),
        ("", ""),
    ],
)
def test_connector_types_in_words(type_name, words):
    """LoPAR 13.5.2; QEMU's 28 is what lsslot calls PCI-E, Rev 2, 8x lanes."""
    assert described(SlotKind.PCI, type_name) == words


def test_other_kinds_in_words():
    for kind in SlotKind:
        if kind is not SlotKind.PCI:
            assert described(kind, "whatever")


def pci_tree(**bridge):
    tree = DeviceTree()
    tree.add_node("/pci@1", {"device_type": b"pci\0", **bridge})
    tree.add_node("/pci@1/pci@2", {"reg": cells(0x00001000, 0, 0, 0, 0)})
    # Bus 1, device 2, function 3.
    tree.add_node("/pci@1/pci@2/net@2,3", {"reg": cells(0x00011300, 0, 0, 0, 0)})
    return tree


def test_linux_names_of_pci_functions():
    """The domain is the low half of the BUID, or what the tree says."""
    tree = pci_tree(reg=cells(0x08000000, 0x20000011, 0, 0))
    assert linux_name(tree["/pci@1"]) == "0011"
    assert linux_name(tree["/pci@1/pci@2"]) == "0011:00:02.0"
    assert linux_name(tree["/pci@1/pci@2/net@2,3"]) == "0011:01:02.3"
    tree["/pci@1"]["linux,pci-domain"] = cells(7)
    assert linux_name(tree["/pci@1/pci@2/net@2,3"]) == "0007:01:02.3"
    del tree["/pci@1/pci@2/net@2,3"]["reg"]
    assert linux_name(tree["/pci@1/pci@2/net@2,3"]) is None
    assert linux_name(pci_tree()["/pci@1/pci@2"]) is None
    assert linux_name(pci_tree()["/pci@1"]) is None


def test_linux_names_of_other_nodes():
    tree = DeviceTree()
    tree.add_node("/vdevice", {"device_type": b"vdevice\0"})
    tree.add_node("/vdevice/l-lan@30000002", {"ibm,my-drc-index": cells(0x30000002)})
    tree.add_node("/vdevice/bare", {})
    assert linux_name(tree["/vdevice/l-lan@30000002"]) == "30000002"
    assert linux_name(tree["/vdevice/bare"]) is None
    assert linux_name(tree["/vdevice"]) is None
    assert linux_name(tree.root) is None
    assert describe_type(Slots(tree).find(0x30000002)) == "virtual I/O slot"


def test_names_of_real_devices(real_trees):
    """QEMU's location codes end in the address that Linux gives the device."""
    compared = 0
    for name in ("pci8-virtio.dtb", "pci24-e1000.dtb", "phb8-pci-bridges.dtb"):
        tree = DeviceTree.from_dtb(real_trees[name])
        for node in tree.by_property("ibm,loc-code"):
            assert node.string("ibm,loc-code").partition(":")[2] == linux_name(node)
            compared += 1
    assert compared == 8 + 24 + 119


def test_identity_of_a_function():
    tree = pci_tree()
    node = tree["/pci@1/pci@2"]
    assert pci_ids(node) is None
    node.set_u32("vendor-id", 0x1014)
    node.set_u32("device-id", 0x0034)
    node.set_u32("class-code", 0x060400)
    assert pci_ids(node) == (0x1014, 0x34, 0x60400)
    node["class-code"] = b"\0"
    with pytest.raises(TreeError, match="class-code"):
        pci_ids(node)


def test_caches_are_followed_by_phandle():
    """`l2-cache`, or `next-level-cache`; a chain that is a circle ends."""
    tree = DeviceTree()
    tree.add_node("/cpus", {})
    node = cpu(tree, 0, 0x10000000, l2_cache=cells(2))
    tree.add_node("/cpus/l2", {"phandle": cells(2), "next-level-cache": cells(3)})
    tree.add_node("/cpus/l3", {"phandle": cells(3)})
    assert [cache.name for cache in cpu_caches(node)] == ["l2", "l3"]
    tree["/cpus/l3"]["l2-cache"] = cells(9)  # nobody has it
    assert len(cpu_caches(node)) == 2
    tree["/cpus/l3"]["l2-cache"] = cells(2)
    assert len(cpu_caches(node)) == 2
    tree["/cpus/l3"]["l2-cache"] = b"\0"
    with pytest.raises(TreeError, match="l2-cache"):
        cpu_caches(node)
    assert cpu_caches(tree["/cpus"]) == []

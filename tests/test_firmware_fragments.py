"""Fragments of cores and LMBs: what QEMU delivers, in its order."""

from __future__ import annotations

import re

import pytest
from places import CORPUS, DATA

from pydlpar import DeviceTree, Firmware
from pydlpar.connector import fragment_nodes
from pydlpar.data import default_tree_bytes
from pydlpar.platforms.fragments import CpuTemplate, lmb_node

MIB = 1 << 20


def transcript(name):
    """A captured walk: (node name, properties in order)."""
    path = CORPUS / "rtas" / "qemu" / name
    if not path.exists():
        pytest.skip(f"{path.name} needs the corpus (PYDLPAR_CORPUS)")
    text = path.read_text()
    (node,) = re.findall(r"^rc=00000002 child (.*)$", text, re.M)
    rows = re.findall(r"^rc=00000003 prop (\S+) len=\d+ (\w*)$", text, re.M)
    return node, {name: bytes.fromhex(value) for name, value in rows}


def delivered(firmware, index):
    """The one node that a connector delivers, after it was taken."""
    assert firmware.set_indicator(9003, index, 1) == 0
    assert firmware.set_indicator(9001, index, 1) == 0
    result = firmware.configure_connector(index)
    assert result.status == 0
    (node,) = fragment_nodes(result.fragment)
    return node


def test_core_is_what_qemu_delivers():
    """Name, order of properties and every value, but for two: the size of the page
    table is the machine's own, and the features depend on what was negotiated."""
    name, expected = transcript("configure-connector-cpu.txt")
    firmware = Firmware.from_tree(tree_with_one_core())
    firmware.plug_cpu(1)
    node, properties, children = delivered(firmware, 0x10000001)
    assert (node, children) == (name, [])
    assert list(properties) == list(expected)
    different = {key for key in expected if properties[key] != expected[key]}
    assert different <= {"ibm,pft-size", "ibm,pa-features"}


def tree_with_one_core():
    tree = DeviceTree.from_dtb(default_tree_bytes())
    for number in (1, 2, 3):
        tree.remove_node(f"/cpus/PowerPC,POWER9@{number}")
    return tree


@pytest.mark.parametrize(("mmu", "size"), [("40", "00000000"), ("00", "00000019")])
def test_hash_table_has_no_size_for_a_radix_guest(mmu, size):
    """It has given up the table that it was started with (byte 24 of its vector)."""
    tree = DeviceTree.from_dtb(default_tree_bytes())
    vector = bytearray(tree["/chosen"]["ibm,architecture-vec-5"])
    vector[24:25] = bytes.fromhex(mmu)
    tree["/chosen"]["ibm,architecture-vec-5"] = bytes(vector)
    firmware = Firmware.from_tree(tree)
    firmware.plug_cpu(7)
    _, properties, _ = delivered(firmware, 0x10000007)
    assert properties["ibm,pft-size"].hex() == "00000000" + size


def test_lmb_is_what_qemu_delivers_with_its_bug():
    """QEMU leaves the DRC type in the address; FORM1 associativity."""
    name, expected = transcript("configure-connector-mem.txt")
    tree = DeviceTree.from_dtb((DATA / "v1.dtb").read_bytes())
    firmware = Firmware.from_tree(tree, lmb_address_bug=True)
    firmware.plug_memory(256 * MIB)
    node, properties, children = delivered(firmware, 0x80000004)
    assert (node, children) == (name, [])
    assert list(properties.items()) == list(expected.items())


def test_lmb_has_its_address_by_default():
    firmware = Firmware.from_tree(DeviceTree.from_dtb((DATA / "v1.dtb").read_bytes()))
    firmware.plug_memory(256 * MIB)
    node, properties, _ = delivered(firmware, 0x80000004)
    assert node == "memory@40000000"
    assert properties["reg"].hex() == "00000000400000000000000010000000"


def test_lmb_of_the_second_node_has_its_associativity():
    """The domains are those of the NUMA node that the DIMM was plugged into."""
    firmware = Firmware.from_tree(DeviceTree.from_dtb((DATA / "numa.dtb").read_bytes()))
    firmware.plug_memory(256 * MIB, node=1)
    _, properties, _ = delivered(firmware, 0x80000008)
    assert properties["ibm,associativity"].hex() == "00000004" + "0" * 24 + "00000001"


@pytest.mark.parametrize(
    ("node", "expected"), [(None, (5, 0, 0, 0, 0, 2)), (1, (5, 0, 0, 0, 1, 2))]
)
def test_associativity_of_a_core(node, expected):
    """It ends with the thread's id; the node's domains stand before it."""
    firmware = Firmware.from_tree(DeviceTree.from_dtb((DATA / "numa.dtb").read_bytes()))
    firmware.plug_cpu(2, node=node)
    _, properties, _ = delivered(firmware, 0x10000002)
    cells = b"".join(value.to_bytes(4, "big") for value in expected)
    assert properties["ibm,associativity"] == cells


def test_template_leaves_out_what_firmware_did_not_say():
    """Boot loader and kernel add a name, a phandle and a mark of their own."""
    added = {"name": b"x\0", "phandle": bytes(4), "slof,from-fdt": bytes(4)}
    template = CpuTemplate("PowerPC,POWER9@0", added | {"reg": bytes(4)})
    node, properties, _ = template.node(0x1A, 0x1000001A)
    assert node == "PowerPC,POWER9@1a"
    assert properties == {
        "name": b"PowerPC,POWER9@1a\0",
        "reg": b"\0\0\0\x1a",
        "ibm,my-drc-index": b"\x10\0\0\x1a",
    }


def test_threads_of_a_core_are_numbered_from_its_id():
    """Servers are the threads; pairs of global servers keep their second cell."""
    template = CpuTemplate(
        "PowerPC,POWER8@8",
        {
            "ibm,ppc-interrupt-server#s": bytes.fromhex("00000008 00000009"),
            "ibm,ppc-interrupt-gserver#s": bytes.fromhex(
                "00000008 00000005 00000009 00000006"
            ),
        },
    )
    _, properties, _ = template.node(16, 0x10000010)
    assert template.threads == 2
    assert properties["ibm,ppc-interrupt-server#s"].hex() == "0000001000000011"
    assert (
        properties["ibm,ppc-interrupt-gserver#s"].hex()
        == "00000010000000050000001100000006"
    )


def test_properties_unknown_to_qemu_come_last():
    """A core of another platform keeps all that it has."""
    template = CpuTemplate(
        "PowerPC,POWER10@0", {"l2-cache": b"\0\0\0\1", "reg": bytes(4)}
    )
    _, properties, _ = template.node(8, 0x10000008)
    assert list(properties) == ["name", "reg", "l2-cache", "ibm,my-drc-index"]


def test_lopar_gives_every_node_a_phandle():
    """LoPAR wants `ibm,phandle` in each node; QEMU has none."""
    firmware = Firmware.from_tree(
        DeviceTree.from_dtb(default_tree_bytes()), profile="lopar"
    )
    firmware.plug_cpu(7)
    firmware.plug_memory(256 * MIB)
    for index in (0x10000007, 0x80000010):
        _, properties, _ = delivered(firmware, index)
        assert properties["ibm,phandle"] == index.to_bytes(4, "big")


def test_lmb_node_by_hand():
    """Address and size are 64-bit, whatever their value."""
    node = lmb_node(0x1_0000_0000, 0x1000_0000, 0x80000010, (0, 1))
    assert node == (
        "memory@100000000",
        {
            "ibm,associativity": bytes.fromhex("00000002 00000000 00000001"),
            "reg": bytes.fromhex("0000000100000000 0000000010000000"),
            "device_type": b"memory\0",
        },
        (),
    )

"""NVDIMMs of the model: places, refusals, and those of the boot tree."""

from __future__ import annotations

import struct

import pytest
from places import DATA

from pydlpar import DeviceTree, Firmware, PlatformError
from pydlpar.data import default_tree_bytes

MIB = 1 << 20
GIB = 1 << 30
UUID = "75a3cdd7-6a2f-4791-8d15-fe0a920e8e9e"


def v1():
    return DeviceTree.from_dtb((DATA / "v1.dtb").read_bytes())


@pytest.fixture(params=["qemu", "lopar"])
def machine(request):
    """4 slots, LMBs from 1 to 3 GiB."""
    return Firmware.from_tree(v1(), request.param)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((256 * MIB,), "NVDIMM device requires the uuid to be set"),
        ((256 * MIB, "xx"), "Property 'nvdimm.uuid' has invalid value"),
        (
            (256 * MIB, UUID, 1024),
            "Property 'nvdimm.label-size' (0x400) is required at least 0x20000",
        ),
        (
            (100 * MIB, UUID),
            "PAPR requires NVDIMM memory size (excluding label) to be a multiple of "
            "256MB",
        ),
        (
            (0, UUID),
            "PAPR requires NVDIMM memory size (excluding label) to be a multiple of "
            "256MB",
        ),
        (
            (4 * GIB, UUID),
            "not enough space, currently 0x0 in use of total space for memory devices "
            "0x80000000",
        ),
    ],
)
def test_nvdimm_that_cannot_be_plugged(machine, arguments, text):
    with pytest.raises(PlatformError) as caught:
        machine.plug_nvdimm(*arguments)
    assert str(caught.value) == text
    assert (len(machine.events), len(machine.devices)) == (0, 2)


def test_nvdimms_and_dimms_share_slots_and_addresses(machine):
    """Each takes the first slot and the first gap; its LMBs are not to be had."""
    first = machine.plug_nvdimm(512 * MIB, UUID, id="n")
    second = machine.plug_memory(256 * MIB, "d")
    third = machine.plug_nvdimm(256 * MIB, UUID, node=0)
    places = [(d.slot, d.address) for d in (first, second, third)]
    assert places == [(0, GIB), (1, GIB + 512 * MIB), (2, GIB + 768 * MIB)]
    assert first.drc_indexes == (0x90000000,)
    assert third.drc_indexes == (0x90000002,)
    assert machine.get_sensor_state(9003, 0x80000004) == (0, 2)
    assert machine.set_indicator(9003, 0x80000004, 1) == -3
    with pytest.raises(PlatformError, match="conflicts with memory device id='n'"):
        machine.plug_memory(256 * MIB, addr=GIB + 256 * MIB)
    machine.plug_memory(256 * MIB)
    with pytest.raises(PlatformError, match="no free slots"):
        machine.plug_nvdimm(256 * MIB, UUID)


def test_nvdimm_tells_the_partition_and_stays(machine):
    machine.plug_nvdimm(256 * MIB, UUID, id="n")
    status, event = machine.check_exception(0xFFFFFFFF)
    assert (status, event[0x68:].hex()) == (0, "060102009000000000000000")
    assert machine.set_indicator(9003, 0x90000000, 1) == 0
    assert machine.set_indicator(9001, 0x90000000, 1) == 0
    assert machine.configure_connector(0x90000000).status == 0
    with pytest.raises(PlatformError) as caught:
        machine.unplug("n")
    assert str(caught.value) == "nvdimm device hot unplug is not supported yet."


def with_nvdimm(tree, slot, blocks):
    """A node as QEMU makes it, for a boot tree."""
    parent = "/ibm,persistent-memory"
    index = (0x90000000 | slot).to_bytes(4, "big")
    tree.add_node(
        f"{parent}/ibm,pmemory@{0x90000000 | slot:x}",
        {
            "ibm,metadata-size": (1 << 17).to_bytes(4, "big"),
            "ibm,number-of-blocks": blocks.to_bytes(8, "big"),
            "ibm,block-size": (256 * MIB).to_bytes(8, "big"),
            "ibm,my-drc-index": index,
            "ibm,unit-guid": UUID.encode() + b"\0",
            "reg": index,
        },
    )
    return tree


def nvdimms(machine):
    return {
        d.slot: (d.address, d.size, d.uuid, d.label_size)
        for d in machine.devices
        if d.kind.value == "nvdimm"
    }


def test_nvdimm_of_a_boot_tree_takes_the_first_gap():
    """Nothing says where it lies in the second form of the LMB table."""
    tree = DeviceTree.from_dtb(default_tree_bytes())
    machine = Firmware.from_tree(with_nvdimm(tree, 2, 4))
    assert nvdimms(machine) == {2: (4 * GIB, GIB, UUID, 1 << 17)}
    assert machine.plug_nvdimm(256 * MIB, UUID).address == 5 * GIB


def test_nvdimm_of_a_boot_tree_lies_where_the_table_says():
    """In its first form: LMBs assigned to no node, with no device (7.2, observed)."""
    tree = with_nvdimm(with_nvdimm(v1(), 2, 1), 3, 1)
    node = tree["/ibm,dynamic-reconfiguration-memory"]
    rows = bytearray(node["ibm,dynamic-memory"])
    for lmb in (6, 7):
        at = 4 + 24 * lmb
        assert struct.unpack_from(">Q", rows, at) == (lmb * 256 * MIB,)
        rows[at + 16 : at + 24] = bytes.fromhex("ffffffff 00000008")
    node["ibm,dynamic-memory"] = bytes(rows)
    machine = Firmware.from_tree(tree)
    assert {slot: found[0] for slot, found in nvdimms(machine).items()} == {
        2: 6 * 256 * MIB,
        3: 7 * 256 * MIB,
    }
    assert machine.get_sensor_state(9003, 0x80000006) == (0, 2)
    assert machine.plug_memory(512 * MIB).address == GIB
    assert machine.plug_memory(256 * MIB).address == 2 * GIB


def test_nvdimm_of_a_boot_tree_that_says_nothing():
    """A node without its sizes is kept, and takes no room."""
    tree = v1()
    tree.add_node(
        "/ibm,persistent-memory/ibm,pmemory@90000001",
        {"ibm,my-drc-index": bytes.fromhex("90000001")},
    )
    machine = Firmware.from_tree(tree)
    assert nvdimms(machine) == {1: (0, 0, "", 0)}
    assert machine.configure_connector(0x90000001).status == 0
    assert machine.plug_memory(256 * MIB).address == GIB

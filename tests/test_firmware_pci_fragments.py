"""Fragments of PCI functions, host bridges and NVDIMMs: real ones, byte for byte.

Against walks of configure-connector that were captured, and against the nodes of
boot trees, where QEMU builds the same nodes by the same code.
"""

from __future__ import annotations

import gzip
import re

import pytest
from places import CORPUS

from pydlpar import PCI_MODELS, DeviceTree, Firmware
from pydlpar.connector import fragment_nodes
from pydlpar.data import default_tree_bytes
from pydlpar.platforms.pci_function import node_base_name
from pydlpar.platforms.pci_models import without_rom

MIB = 1 << 20
UUID = "75a3cdd7-6a2f-4791-8d15-fe0a920e8e9e"


def transcript(kind):
    """A captured walk: node name, and (property, length, first 512 bytes) in order."""
    path = CORPUS / "rtas" / "qemu" / f"configure-connector-{kind}.txt"
    if not path.exists():
        pytest.skip(f"{path.name} needs the corpus (PYDLPAR_CORPUS)")
    text = path.read_text()
    (node,) = re.findall(r"^rc=00000002 child (.*)$", text, re.M)
    rows = re.findall(r"^rc=00000003 prop (\S+) len=(\d+) (\w*)$", text, re.M)
    return node, [(name, int(size), bytes.fromhex(value)) for name, size, value in rows]


def tree(name):
    path = CORPUS / "dtb" / name
    if not path.exists():
        pytest.skip(f"{name} needs the corpus (PYDLPAR_CORPUS)")
    data = path.read_bytes()
    return DeviceTree.from_dtb(gzip.decompress(data) if name.endswith("gz") else data)


def default(profile="qemu"):
    return Firmware.from_tree(DeviceTree.from_dtb(default_tree_bytes()), profile)


def delivered(machine, index):
    """The one node that a connector delivers, after it was taken."""
    if index >> 28 != 4:
        assert machine.set_indicator(9003, index, 1) == 0
    assert machine.set_indicator(9001, index, 1) == 0
    (node,) = fragment_nodes(machine.configure_connector(index).fragment)
    return node


def test_function_as_captured():
    name, expected = transcript("pci")
    machine = default()
    machine.plug_pci("virtio-rng-pci", 0)
    node = delivered(machine, 0x40000000)
    assert node.name == name
    assert list(node.properties.items()) == [(key, own) for key, _, own in expected]


def test_host_bridge_as_captured():
    """All but the order of its list, which depends on the whole machine."""
    name, expected = transcript("phb")
    machine = default()
    machine.plug_phb(1)
    node = delivered(machine, 0x20000001)
    assert node.name == name
    assert list(node.properties) == [name for name, _, _ in expected]
    for name, size, value in expected:
        own = node.properties[name]
        assert len(own) == size, name
        if name not in ("ibm,drc-names", "ibm,drc-indexes"):
            assert own.startswith(value), name


def words(data):
    return [data[at : at + 4] for at in range(0, len(data), 4)]


def test_nvdimm_as_captured():
    """The captured machine has four associativity domains, this one has one."""
    name, expected = transcript("pmem")
    machine = default()
    machine.plug_nvdimm(256 * MIB, UUID.upper())
    node = delivered(machine, 0x90000000)
    assert node.name == name
    domains = {"ibm,associativity": bytes.fromhex("00000001 00000000")}
    captured = {key: value for key, _, value in expected}
    assert list(node.properties.items()) == list((captured | domains).items())


def boot_node(found, path):
    """A node as QEMU has it at boot: what configure-connector says but the name."""
    node = found[path]
    return node.name, {key: bytes(value) for key, value in node.properties.items()}


@pytest.mark.parametrize(
    ("file", "driver", "class_name", "slots"),
    [
        ("pci8-virtio.dtb", "virtio-net-pci", "ethernet", range(1, 9)),
        ("pci24-e1000.dtb", "e1000", "ethernet", range(1, 25)),
    ],
)
def test_functions_as_at_boot(file, driver, class_name, slots):
    """Cards with their boot ROMs: each node, plugged into the same machine later."""
    boot = tree(file)
    machine = Firmware.from_tree(boot)
    for slot in slots:
        index = 0x40000000 | slot << 3
        for device in machine.devices:
            if index in device.drc_indexes:
                machine.unplug(device)
                assert machine.set_indicator(9001, index, 0) == 0
        machine.plug_pci(driver, slot)
        node = delivered(machine, index)
        path = f"/pci@800000020000000/{class_name}@{slot:x}"
        name, properties = boot_node(boot, path)
        # The machine reset before the boot has cleared this register.
        properties["cache-line-size"] = node.properties["cache-line-size"]
        assert (node.name, dict(node.properties)) == (name, properties)


@pytest.mark.parametrize(("file", "count"), [("phb4.dtb.gz", 4), ("phb16.dtb.gz", 16)])
def test_host_bridges_as_at_boot(file, count):
    """Every value, the order of the lists among them: plugged one after the other
    into the machine without them."""
    boot = tree(file)
    bare = tree(file)
    for index in range(1, count):
        bare.remove_node(f"/pci@80000002000{index:04x}")
    machine = Firmware.from_tree(bare)
    for index in range(1, count):
        machine.plug_phb(index)
    for index in range(1, count):
        node = delivered(machine, 0x20000000 | index)
        name, properties = boot_node(boot, f"/pci@80000002000{index:04x}")
        assert node.name == name
        assert dict(node.properties) == {"name": b"pci\0"} | properties


def test_bridges_as_at_boot():
    """Seven host bridges with a bridge and sixteen functions each: whole subtrees."""
    file = "phb8-pci-bridges.dtb.gz"
    boot, bare = tree(file), tree(file)
    for index in range(1, 8):
        bare.remove_node(f"/pci@80000002000{index:04x}")
    machine = Firmware.from_tree(bare)
    for index in range(1, 8):
        machine.plug_phb(index, f"phb{index}")
        bridge = {"id": f"br{index}", "chassis": index}
        machine.plug_pci("pci-bridge", 0, bus=index, **bridge)
        for slot in range(1, 17):
            machine.plug_pci("virtio-net-pci", slot, bus=f"br{index}")
    for index in range(1, 8):
        pending = [
            (delivered(machine, 0x20000000 | index), f"/pci@80000002000{index:04x}")
        ]
        n_nodes = 0
        while pending:
            node, path = pending.pop()
            n_nodes += 1
            _, properties = boot_node(boot, path)
            own = dict(node.properties)
            own.pop("name", None)
            assert own == properties, path
            names = [child.name for child in boot[path].children]
            assert [child.name for child in node.children] == names
            pending += [(child, f"{path}/{child.name}") for child in node.children]
        assert n_nodes == 18


def test_nvdimm_as_at_boot():
    """A gibibyte in slot 0, and the next one behind it."""
    boot = tree("nvdimm.dtb")
    machine = Firmware.from_tree(boot)
    name, properties = boot_node(boot, "/ibm,persistent-memory/ibm,pmemory@90000000")
    device = machine.plug_nvdimm(1024 * MIB, UUID)
    assert (device.slot, device.address) == (1, (4 << 30) + (1 << 30))
    node = delivered(machine, 0x90000001)
    number = (0x90000001).to_bytes(4, "big")
    own = {"ibm,my-drc-index": number, "reg": number}
    assert node.name == name.replace("90000000", "90000001")
    own["ibm,associativity"] = node.properties["ibm,associativity"]
    assert dict(node.properties) == properties | own


def test_host_bridge_of_the_boot_tree():
    """It looks as it did, but for what is on its bus by then."""
    boot = tree("pci8-virtio.dtb")
    machine = Firmware.from_tree(boot)
    gone = next(d for d in machine.devices if 0x40000010 in d.drc_indexes)
    assert gone.driver == "virtio-net-pci"
    machine.unplug(gone)
    assert machine.set_indicator(9001, 0x40000010, 0) == 0
    machine.plug_pci("nvme", 31)
    (node,) = fragment_nodes(machine.configure_connector(0x20000000).fragment)
    slots = [f"ethernet@{slot}" for slot in (1, 3, 4, 5, 6, 7, 8)]
    assert [child.name for child in node.children] == [*slots, "mass-storage@1f"]
    _, properties = boot_node(boot, "/pci@800000020000000")
    assert dict(node.properties) == {"name": b"pci\0"} | properties


def test_lopar_adds_what_qemu_leaves_out():
    """LoPAR wants name, compatible and a phandle in each node."""
    machine = default("lopar")
    machine.plug_phb(1, "p")
    machine.plug_pci("e1000", 2, bus="p.0")
    bridge = delivered(machine, 0x20000001)
    (card,) = bridge.children
    for node, index in ((bridge, 0x20000001), (card, 0x40010010)):
        assert node.properties["ibm,phandle"] == index.to_bytes(4, "big")
    assert card.properties["name"] == b"ethernet\0"
    assert card.properties["compatible"] == b"pci8086,100e\0"
    indexes = words(bridge.properties["ibm,drc-indexes"])[1:]
    assert indexes == sorted(indexes)


def test_more_than_a_fragment_can_hold():
    """Thousands of functions below one host bridge: a hardware error, no exception."""
    machine = default()
    machine.plug_phb(1, "p")
    card = PCI_MODELS["e1000"]._replace(driver="e" * 600)
    for chassis in range(1, 33):
        bridge = {"id": f"b{chassis}", "chassis": chassis}
        machine.plug_pci("pci-bridge", bus="p.0", **bridge)
        for devfn in reversed(range(256)):
            slot, function = divmod(devfn, 8)
            more = {"bus": bridge["id"], "multifunction": True}
            machine.plug_pci(card, slot, function, **more)
    assert machine.set_indicator(9003, 0x20000001, 1) == 0
    assert machine.set_indicator(9001, 0x20000001, 1) == 0
    result = machine.configure_connector(0x20000001)
    assert (result.status, result.fragment) == (-1, None)
    area = bytearray((0x20000001).to_bytes(4, "big") + bytes(4092))
    assert machine.connector_call(0x20000001, area) == -1


@pytest.mark.parametrize(
    ("class_code", "name"),
    [
        (0x000000, "legacy-device"),
        (0x000100, "display"),
        (0x00FF00, "legacy-device"),
        (0x010802, "mass-storage"),
        (0x010700, "sas"),
        (0x028000, "network"),
        (0x030200, "3d-controller"),
        (0x060400, "pci"),
        (0x068000, "unknown-bridge"),
        (0x080020, "io-xapic"),
        (0x0B2000, "powerpc"),
        (0x0C0300, "usb-uhci"),
        (0x0C0310, "usb-ohci"),
        (0x0C0340, "usb"),
        (0x0C0500, "smb"),
        (0x110100, "counter"),
        (0x118000, "data-processing-controller"),
        (0x120000, "pci"),
        (0xFF0000, "pci"),
    ],
)
def test_names_of_classes(class_code, name):
    """Interface, subclass, base class; behind the last base class it is a "pci"."""
    assert node_base_name(class_code) == name


def test_models_are_what_they_say():
    """Each can be plugged; without a ROM there is no seventh BAR."""
    for driver, model in PCI_MODELS.items():
        model.check()
        assert model.driver == driver
        assert 6 not in {bar.number for bar in without_rom(model).bars}

"""Facts of the trees that the model starts from: firmware.md 2.2, 2.4, 3.1 to 3.3,
5.1 to 5.3. They hold for the package's trees, those of the corpus, and QEMU's.
"""

from __future__ import annotations

import pytest
from oracle import QEMU, qemu_machine
from places import DATA
from script import cells

from pydlpar import DeviceTree, Firmware
from pydlpar.constants import DrcType, EventMask
from pydlpar.data import default_tree_bytes
from pydlpar.drc import Drc, DrcList, drc_index
from pydlpar.drc_states import DrcKind
from pydlpar.platforms.qemu import MACHINE

LIVE = 0xFFFFFFFF
GIB = 1 << 30
LMB = 256 << 20


def package_trees():
    blobs = [default_tree_bytes(), *(p.read_bytes() for p in DATA.glob("*.dtb"))]
    return [DeviceTree.from_dtb(blob) for blob in blobs]


@pytest.fixture(scope="module")
def trees(real_trees):
    return [*package_trees(), *map(DeviceTree.from_dtb, real_trees.values())]


def dump(*arguments, machine=MACHINE):
    """The tree of a machine whose guest has not negotiated."""
    if QEMU is None:
        pytest.skip("needs qemu-system-ppc64")
    with qemu_machine(arguments, None, machine=machine) as qemu:
        return qemu.device_tree()


@pytest.mark.parametrize(
    ("number", "mask"),
    [
        (0, EventMask.INTERNAL_ERROR),
        (1, EventMask.EPOW),
        (3, EventMask.HOTPLUG),
        (4, EventMask.IO),
    ],
)
def test_masks_of_event_classes(number, mask):
    """2.2: 1 << (31 - class)."""
    assert mask == 1 << (31 - number)


def test_event_sources():
    """2.4: two classes, irq 0x1000 and 0x1001, edge; no parent, no name."""
    for tree in package_trees():
        sources = tree["/event-sources"]
        assert sources["interrupt-ranges"] == cells(0x1000, 1, 0x1001, 1)
        assert sources["#interrupt-cells"] == cells(2)
        assert sources["interrupt-controller"] == b""
        assert tree["/event-sources/epow-events"]["interrupts"] == cells(0x1000, 0)
        hotplug = tree["/event-sources/hot-plug-events"]
        assert hotplug["interrupts"] == cells(0x1001, 0)
        for node in (sources, hotplug):
            assert not {"interrupt-parent", "name"} & set(node.properties)


def test_event_sources_without_hotplug():
    """2.2, 2.4: `modern-hotplug-events=off` leaves one class."""
    tree = dump(machine=f"{MACHINE},modern-hotplug-events=off")
    assert [n.name for n in tree["/event-sources"].children] == ["epow-events"]
    assert tree["/event-sources"]["interrupt-ranges"] == cells(0x1000, 1)


@pytest.mark.parametrize(
    ("kind", "identifier", "index"),
    [
        (DrcType.CPU, 2, 0x10000002),
        (DrcType.PHB, 1, 0x20000001),
        (DrcType.VIO, 0, 0x30000000),
        (DrcType.PCI, 1 << 16 | 5 << 8 | 3 << 3, 0x40010518),
        (DrcType.LMB, GIB // LMB, 0x80000004),
        (DrcType.PMEM, 0, 0x90000000),
    ],
)
def test_index_of_each_type(kind, identifier, index):
    """3.1: type and id."""
    assert drc_index(kind, identifier) == index


NAMES = {
    DrcType.CPU: ("CPU", "CPU {}", DrcKind.LOGICAL),
    DrcType.PHB: ("PHB", "PHB {}", DrcKind.PHB),
    DrcType.PCI: ("28", "C{}", DrcKind.PHYSICAL),
    DrcType.LMB: ("MEM", "LMB {}", DrcKind.LMB),
    DrcType.PMEM: ("PMEM", "PMEM {}", DrcKind.LOGICAL),
}


def test_names_types_and_places(trees):
    """3.1, 3.2: type and name by the index, live insertion, where each is listed,
    and 31 host bridges; 256 slots a host bridge or bridge."""
    for tree in trees:
        for node in tree.nodes():
            if "ibm,drc-indexes" not in node:
                continue
            listed = list(DrcList.from_properties(node.properties))
            kinds = {DrcType(drc.index >> 28) for drc in listed}
            if node.path == "/":
                assert kinds <= {DrcType.PHB, DrcType.LMB, DrcType.PMEM}
                assert sum(drc.type == "PHB" for drc in listed) == 31
            elif node.path == "/cpus":
                assert kinds == {DrcType.CPU}
            else:
                assert kinds == {DrcType.PCI}
                assert len(listed) == 256
            for drc in listed:
                kind, name, _ = NAMES[DrcType(drc.index >> 28)]
                identifier = drc.index & 0x0FFFFFFF
                expected = Drc(drc.index, name.format(identifier), kind, LIVE)
                assert drc == expected


@pytest.mark.parametrize("profile", ["qemu", "lopar"])
def test_kinds_of_connectors(profile):
    """3.1: all are logical but slots."""
    firmware = Firmware.from_tree(package_trees()[0], profile)
    for index, connector in firmware.connectors.items():
        assert connector.kind is NAMES[DrcType(index >> 28)][2]
        physical = connector.kind is DrcKind.PHYSICAL
        assert (connector.state.value > 4) == physical


def test_name_has_the_id_only():
    """3.1: function 0 of host bridge 1 is "C65536"."""
    tree = DeviceTree.from_dtb(default_tree_bytes())
    drcs = DrcList.from_properties(tree["/pci@800000020000000"].properties)
    assert drcs.find(0x40000018).name == "C24"
    assert NAMES[DrcType.PCI][1].format(1 << 16) == "C65536"


def test_room_for_memory():
    """3.1: begins at ram rounded up to 1 GiB: 1280 MiB of 4 GiB give LMBs 8 to 18."""
    tree = dump("-m", "1280M,slots=2,maxmem=4G")
    firmware = Firmware.from_tree(tree)
    lmbs = sorted(i & 0xFFF for i in firmware.connectors if i >> 28 == 8)
    assert lmbs == list(range(8, 19))
    assert firmware.plug_memory(LMB).address == 2 * GIB


def test_slots_are_connectors_of_pmem():
    """3.1: as many as `slots`."""
    firmware = Firmware.from_tree(dump("-m", "1G,slots=3,maxmem=4G"))
    assert [hex(i) for i in firmware.connectors if i >> 28 == 9] == [
        *("0x90000000", "0x90000001", "0x90000002")
    ]


def test_old_machine_numbers_cores_by_eight():
    """3.1: vsmt 8 before pseries-4.2; each core has a connector, boot cores too."""
    old = MACHINE.replace("pseries-7.2", "pseries-4.1")
    firmware = Firmware.from_tree(dump("-smp", "2,maxcpus=4", machine=old))
    indexes = sorted(i for i in firmware.connectors if i >> 28 == 1)
    assert indexes == [0x10000000 + 8 * n for n in range(4)]
    assert firmware.plug_cpu(16).drc_indexes == (0x10000010,)


def test_cpus_and_vdevice(trees):
    """5.2: cells, arrays, one node a core with its index; no VIO connector."""
    for tree in trees:
        cpus, vdevice = tree["/cpus"], tree["/vdevice"]
        assert (cpus.u32("#address-cells"), cpus.u32("#size-cells")) == (1, 0)
        for core in cpus.children:
            if core.get("device_type") == b"cpu\0":
                assert core.u32("ibm,my-drc-index") == 0x10000000 + core.u32("reg")
        assert (vdevice.u32("#address-cells"), vdevice.u32("#size-cells")) == (1, 0)
        assert vdevice["compatible"] == b"IBM,vdevice\0"
        assert vdevice["device_type"] == b"vdevice\0"
        assert vdevice.u32("#interrupt-cells") == 2
        assert "nvram@71000000" in [node.name for node in vdevice.children]
        assert not [name for name in vdevice.properties if "drc" in name]


def test_persistent_memory(real_trees):
    """5.2: cells and type of the node; the device says its connector."""
    tree = DeviceTree.from_dtb(real_trees["nvdimm.dtb"])
    node = tree["/ibm,persistent-memory"]
    assert (node.u32("#address-cells"), node.u32("#size-cells")) == (1, 0)
    assert [child.u32("ibm,my-drc-index") for child in node.children] == [0x90000000]


def test_rtas(trees):
    """5.3: sizes, and what may be added: the end of the room for memory (0 without
    any), the size of an LMB, cores."""
    for tree in trees:
        rtas = tree["/rtas"]
        assert rtas.u32("rtas-error-log-max") == 2048
        assert rtas.u32("rtas-event-scan-rate") == 1
        capacity = rtas.u32s("ibm,lrdr-capacity")
        end, size, cores = (
            capacity[0] << 32 | capacity[1],
            capacity[2] << 32 | capacity[3],
            capacity[4],
        )
        listed = list(DrcList.from_properties(tree["/cpus"].properties))
        assert (size, cores) == (LMB, len(listed))
        assert rtas.u32("rtas-size") == 20 + 2048 + 16 * cores + 8
        root = DrcList.from_properties(tree.root.properties)
        lmbs = [drc.index & 0x0FFFFFFF for drc in root if drc.type == "MEM"]
        assert end == (max(lmbs) + 1 if lmbs else 0) * LMB


def test_boot_memory(trees):
    """5.1: /memory@0 and others, of a power of two, none with a connector."""
    for tree in trees:
        nodes = [n for n in tree.root.children if n.name.startswith("memory@")]
        assert "memory@0" in [node.name for node in nodes]
        for node in nodes:
            _, _, high, low = node.u32s("reg")
            size = high << 32 | low
            assert size & (size - 1) == 0 or node.name == "memory@0"
            assert node["device_type"] == b"memory\0"
            assert "ibm,my-drc-index" not in node

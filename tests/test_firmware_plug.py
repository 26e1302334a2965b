"""What may be plugged where, in QEMU's words (7.2.22, observed)."""

from __future__ import annotations

from pathlib import Path

import pytest

from pydlpar import ArgumentError, DeviceTree, Firmware, PlatformError
from pydlpar.constants import DrcState
from pydlpar.data import default_tree_bytes

DATA = Path(__file__).parent / "data"
MIB = 1 << 20
GIB = 1 << 30


def firmware(name=None, profile="qemu"):
    data = (DATA / f"{name}.dtb").read_bytes() if name else default_tree_bytes()
    return Firmware.from_tree(DeviceTree.from_dtb(data), profile)


def test_default_tree():
    """4 of 16 cores, no DIMM, the connectors of 48 LMBs, 31 PHBs, 32 slots."""
    machine = firmware()
    kinds = {}
    for connector in machine.connectors.values():
        kinds.setdefault(connector.drc_type, []).append(connector)
    assert {kind: len(found) for kind, found in kinds.items()} == {
        "CPU": 16,
        "PHB": 31,
        "28": 256,
        "PMEM": 32,
        "MEM": 48,
    }
    taken = [c for c in machine.connectors.values() if c.device]
    assert {c.index for c in taken} == {0x20000000, *range(0x10000000, 0x10000004)}
    assert {c.state for c in taken} == {DrcState.LOGICAL_CONFIGURED}


def test_connectors_of_a_running_partition():
    """Index 0, which stands for boot memory in the LMB table, is no connector."""
    machine = firmware("v1")
    assert machine.get_sensor_state(9003, 0) == (-3, 0)
    assert machine.get_sensor_state(9003, 0x80000004) == (0, 2)


@pytest.mark.parametrize(
    ("core_id", "text"),
    [
        (2, "core 2 already populated"),
        (99, "core id 99 out of range"),
        (-1, "core id -1 out of range"),
    ],
)
def test_core_that_cannot_be_plugged(core_id, text):
    machine = firmware()
    with pytest.raises(PlatformError) as caught:
        machine.plug_cpu(core_id)
    assert str(caught.value) == text
    assert len(machine.events) == 0


def test_core_between_two_places():
    """With two threads a core, ids are even."""
    tree = DeviceTree.from_dtb(default_tree_bytes())
    indexes = b"".join((0x10000000 + n).to_bytes(4, "big") for n in (0, 2, 4))
    tree["/cpus"]["ibm,drc-indexes"] = (3).to_bytes(4, "big") + indexes
    for name in ("names", "types", "power-domains"):
        del tree["/cpus"][f"ibm,drc-{name}"]
    for number in (1, 2, 3):
        tree.remove_node(f"/cpus/PowerPC,POWER9@{number}")
    machine = Firmware.from_tree(tree)
    with pytest.raises(PlatformError, match=r"^invalid core id 1$"):
        machine.plug_cpu(1)
    assert machine.plug_cpu(2).drc_indexes == (0x10000002,)


def test_core_without_a_place_named_takes_the_first():
    machine = firmware()
    cores = [machine.plug_cpu() for _ in range(12)]
    assert [core.core_id for core in cores] == list(range(4, 16))
    with pytest.raises(PlatformError, match=r"^all 16 cores are populated$"):
        machine.plug_cpu()


def test_core_needs_another_to_look_like():
    tree = DeviceTree.from_dtb(default_tree_bytes())
    for number in range(4):
        tree.remove_node(f"/cpus/PowerPC,POWER9@{number}")
    machine = Firmware.from_tree(tree)
    with pytest.raises(PlatformError, match="no core to model one on"):
        machine.plug_cpu(1)


def test_id_is_unique_among_plugged_devices():
    machine = firmware()
    machine.plug_cpu(id="x")
    with pytest.raises(PlatformError, match=r"^Duplicate device ID 'x'$"):
        machine.plug_memory(256 * MIB, "x")
    with pytest.raises(PlatformError, match=r"^Duplicate device ID 'x'$"):
        machine.plug_cpu(id="x")


def test_paths_are_those_of_qemu():
    machine = firmware()
    assert machine.plug_cpu(id="x").path == "/machine/peripheral/x"
    anonymous = machine.plug_cpu(), machine.plug_memory(256 * MIB)
    paths = [device.path for device in anonymous]
    assert len(set(paths)) == 2
    assert all(p.startswith("/machine/peripheral-anon/device[") for p in paths)


@pytest.mark.parametrize("size", [100 * MIB, 257 * MIB, 0, -256 * MIB])
def test_dimm_is_a_multiple_of_the_lmb(size):
    with pytest.raises(
        PlatformError, match=r"^Hotplugged memory size must be a multiple of 256 MB$"
    ):
        firmware().plug_memory(size)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"addr": 0x10000000},
            "can't add memory device [0x10000000:0x10000000], usable range for "
            "memory devices [0x40000000:0x80000000]",
        ),
        (
            {"addr": 0xC0000000},
            "can't add memory device [0xc0000000:0x10000000], usable range for "
            "memory devices [0x40000000:0x80000000]",
        ),
        ({"addr": 0x70080000}, "address must be aligned to 0x200000 bytes"),
        ({"addr": 0x50000000}, "address range conflicts with memory device id='c'"),
        (
            {"node": 5},
            "'DIMM property node has value 5' which exceeds the number of numa "
            "nodes: 1",
        ),
    ],
)
def test_dimm_that_does_not_fit(arguments, text):
    """The machine has 2 GiB of room from 1 GiB on; 512 MiB of it are taken."""
    machine = firmware("v1")
    machine.plug_memory(512 * MIB, "c")
    with pytest.raises(PlatformError) as caught:
        machine.plug_memory(256 * MIB, **arguments)
    assert str(caught.value) == text
    assert len(machine.devices) == 3
    assert len(machine.events) == 1


def test_no_space_says_how_much_is_taken():
    machine = firmware("v1")
    machine.plug_memory(512 * MIB)
    with pytest.raises(PlatformError) as caught:
        machine.plug_memory(2 * GIB)
    assert str(caught.value) == (
        "not enough space, currently 0x20000000 in use of total space for memory "
        "devices 0x80000000"
    )


def test_slots_are_as_many_as_the_machine_has():
    """As many as it has PMEM connectors."""
    machine = firmware("v1")
    dimms = [machine.plug_memory(256 * MIB) for _ in range(4)]
    assert [dimm.slot for dimm in dimms] == [0, 1, 2, 3]
    with pytest.raises(PlatformError, match=r"^no free slots available$"):
        machine.plug_memory(256 * MIB)
    machine.unplug(dimms[1])
    assert machine.plug_memory(256 * MIB).slot == 1


def test_machine_without_room_for_memory():
    tree = DeviceTree.from_dtb(default_tree_bytes())
    tree.remove_node("/ibm,dynamic-reconfiguration-memory")
    for name in ("indexes", "names", "types", "power-domains"):
        del tree.root[f"ibm,drc-{name}"]
    with pytest.raises(PlatformError, match=r"please specify the maxmem option$"):
        Firmware.from_tree(tree).plug_memory(256 * MIB)


def test_dimm_goes_into_the_first_gap():
    """The gaps that QEMU was observed to fill, in its order."""
    machine = firmware()
    base = 0x1_0000_0000
    machine.plug_memory(256 * MIB, "c", addr=base)
    machine.plug_memory(256 * MIB, "g2", addr=base + 0x20000000)
    places = [machine.plug_memory(256 * MIB).address - base for _ in range(3)]
    assert places == [0x10000000, 0x30000000, 0x40000000]
    machine.unplug("c")
    assert machine.plug_memory(512 * MIB).address - base == 0x50000000
    assert machine.plug_memory(256 * MIB).address == base


def test_room_in_pieces_is_not_enough():
    machine = firmware("v1")
    machine.plug_memory(256 * MIB, addr=0x60000000)
    machine.plug_memory(256 * MIB, addr=0xA0000000)
    with pytest.raises(PlatformError, match=r"memory fragmented due to alignments$"):
        machine.plug_memory(GIB)


def test_qemu_takes_an_address_inside_an_lmb():
    """The DIMM gets the LMBs of its address divided by their size."""
    machine = firmware("v1")
    dimm = machine.plug_memory(512 * MIB, addr=0x60200000)
    assert dimm.address == 0x60200000
    assert dimm.drc_indexes == (0x80000006, 0x80000007)


def test_lopar_wants_an_address_of_an_lmb():
    with pytest.raises(PlatformError, match="aligned to 0x10000000 bytes"):
        firmware("v1", "lopar").plug_memory(256 * MIB, addr=0x60200000)


def test_lmbs_assigned_at_the_start_are_dimms():
    """A run of LMBs of one NUMA node is one DIMM that the partition holds."""
    tree = DeviceTree.from_dtb((DATA / "numa.dtb").read_bytes())
    memory = tree["/ibm,dynamic-reconfiguration-memory"]
    rows = [
        (2, 0x80000000, 0x80000008, 0, 8),
        (1, 0xA0000000, 0x8000000A, 1, 8),
        (1, 0xB0000000, 0x8000000B, 0xFFFFFFFF, 0),
        (2, 0xC0000000, 0x8000000C, 1, 0x108),
        (2, 0xE0000000, 0x8000000E, 0xFFFFFFFF, 0),
    ]
    memory["ibm,dynamic-memory-v2"] = len(rows).to_bytes(4, "big") + b"".join(
        count.to_bytes(4, "big")
        + base.to_bytes(8, "big")
        + b"".join(cell.to_bytes(4, "big") for cell in cells)
        for count, base, *cells in rows
    )
    machine = Firmware.from_tree(tree)
    dimms = [d for d in machine.devices if d.kind.value == "pc-dimm"]
    assert [(d.address, d.size, d.node) for d in dimms] == [
        (0x80000000, 512 * MIB, 0),
        (0xA0000000, 256 * MIB, 1),
        (0xC0000000, 512 * MIB, 1),
    ]
    assert machine.get_sensor_state(9003, 0x8000000D) == (0, 1)
    assert machine.get_sensor_state(9003, 0x8000000B) == (0, 2)
    assert machine.plug_memory(256 * MIB).address == 0xB0000000


def test_hole_among_the_lmbs():
    """A table may leave addresses out; a DIMM cannot lie there."""
    tree = DeviceTree.from_dtb((DATA / "v1.dtb").read_bytes())
    memory = tree["/ibm,dynamic-reconfiguration-memory"]
    table = memory["ibm,dynamic-memory"]
    # Twelve LMBs, 24 bytes each; the one at 0x60000000 is the seventh.
    table = (11).to_bytes(4, "big") + table[4 : 4 + 6 * 24] + table[4 + 7 * 24 :]
    memory["ibm,dynamic-memory"] = table
    for name in ("indexes", "names", "types", "power-domains"):
        del tree.root[f"ibm,drc-{name}"]
    machine = Firmware.from_tree(tree)
    with pytest.raises(PlatformError, match="there is no LMB at 0x60000000"):
        machine.plug_memory(1 * GIB)
    assert machine.plug_memory(512 * MIB).address == 0x40000000


def test_unknown_profile():
    tree = DeviceTree.from_dtb(default_tree_bytes())
    with pytest.raises(ArgumentError, match="expected one of qemu, lopar"):
        Firmware.from_tree(tree, profile="opal")


def test_too_many_connectors_are_refused():
    """A DRC list that claims thousands of millions must not be expanded."""
    tree = DeviceTree.from_dtb(default_tree_bytes())
    tree["/cpus"]["ibm,drc-info"] = bytes.fromhex(
        "00000001 43505500 43505520 00 10000000 00000000 80000000 00000001 ffffffff"
    )
    with pytest.raises(PlatformError, match=r"lists 2147483648 connectors"):
        Firmware.from_tree(tree)

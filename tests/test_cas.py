"""Client architecture support: the table, every bit, and the tree that follows.

Rows of firmware.md 2.5 (negotiation), 5.1 (memory in the tree) and 6.6 (what is
plugged around boot).
"""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import QEMU, qemu_machine
from pci_pair import PciPair
from places import DATA
from script import cells

from pydlpar import DecodeError, DeviceTree, Firmware
from pydlpar.data import default_tree_bytes
from pydlpar.data.generate import LEGACY, LINUX, V1
from pydlpar.drc import DrcList
from pydlpar.drmem import LookupArrays
from pydlpar.platforms.cas import client_architecture_support, read_cas_request
from pydlpar.platforms.options import OFFERED, Option, negotiate

MIB = 1 << 20
DRMEM = "/ibm,dynamic-reconfiguration-memory"
POWER9 = (0xFFFFFFFF, 0x004E1200)
END = (0, 0xFFFFFFFF)
NOTHING_1_TO_4 = [bytes.fromhex("00ff80"), b"\0", b"\0", b"\0"]


def table(vector_5, processors=(POWER9, END)):
    """The table that a partition passes; *vector_5* begins with its length byte."""
    pairs = b"".join(struct.pack(">2I", *pair) for pair in processors)
    first = b"".join(bytes([len(v) - 1]) + v for v in NOTHING_1_TO_4)
    return pairs + b"\x04" + first + vector_5


def vector_of(*options):
    """A vector that requests *options*, as long as QEMU's longest."""
    vector = bytearray(26)
    for option in options:
        byte, bit = option.value
        vector[byte - 1] |= 0x80 >> bit
    return bytes(vector)


def machine(name=None, profile="qemu"):
    data = (DATA / f"{name}.dtb").read_bytes() if name else default_tree_bytes()
    boot = DeviceTree.from_dtb(data)
    return boot, Firmware.from_tree(boot, profile)


BITS = {
    Option.DYNAMIC_MEMORY: (2, 0x20),
    Option.FORM1: (5, 0x80),
    Option.FORM2: (5, 0x20),
    Option.HOTPLUG_EVENTS: (6, 0x04),
    Option.SLOTS_PER_PHB: (6, 0x02),
    Option.HPT_RESIZE: (6, 0x01),
    Option.DYNAMIC_MEMORY_V2: (22, 0x80),
    Option.DRC_INFO: (22, 0x40),
    Option.XIVE: (23, 0x40),
    Option.RADIX: (24, 0x40),
    Option.RADIX_GTSE: (26, 0x40),
}
LOPAR_ONLY = {Option.DRC_INFO, Option.SLOTS_PER_PHB}


@pytest.mark.parametrize("profile", ["qemu", "lopar"])
@pytest.mark.parametrize("option", Option)
def test_every_bit(option, profile):
    """2.5: a bit alone is at its byte, if it is offered; QEMU has no drc-info."""
    byte, mask = BITS[option]
    got = negotiate(b"\xff" * 26, {option})
    assert got == bytes([byte - 1]) + bytes(byte - 1) + bytes([mask])
    assert option.is_set(got)
    assert not any(other.is_set(got) for other in set(Option) - {option})
    offered = profile == "lopar" or option not in LOPAR_ONLY
    assert option.is_set(negotiate(vector_of(option), OFFERED[profile])) == offered


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), "00 00"),
        (
            (Option.DYNAMIC_MEMORY, Option.FORM1, Option.HPT_RESIZE),
            "05 00 20 00 00 80 01",
        ),
        (
            (
                *(Option.DYNAMIC_MEMORY, Option.FORM1, Option.HPT_RESIZE),
                *(Option.FORM2, Option.HOTPLUG_EVENTS, Option.DYNAMIC_MEMORY_V2),
            ),
            "15 00 20 00 00 a0 05" + "00" * 15 + "80",
        ),
        (Option, "19 00 20 00 00 a0 05" + "00" * 15 + "80 40 40 00 40"),
    ],
)
def test_examples_of_the_property(options, expected):
    """2.5: a length less one, and the bytes up to the last that is not zero."""
    got = negotiate(vector_of(*options), OFFERED["qemu"])
    assert got == bytes.fromhex(expected)


@given(st.binary(max_size=256))
def test_agreed_is_offered_and_requested(requested):
    """No bit comes from nowhere, whatever the length of the vector."""
    for profile, offered in OFFERED.items():
        got = negotiate(requested, offered)
        assert got[0] == len(got) - 2
        assert got[-1] or len(got) == 2
        asked = b"\0" + requested
        for option in Option:
            assert option.is_set(got) == (option.is_set(asked) and option in offered)
        assert profile in OFFERED


def test_table_of_a_partition():
    """2.5: pairs up to one whose value leaves its mask; vectors by number."""
    request = read_cas_request(table(LINUX))
    assert request.processors == (POWER9,)
    assert sorted(request.vectors) == [1, 2, 3, 4, 5]
    assert request.vectors[1].hex() == "00ff80"
    assert request.vectors[5] == LINUX[1:]


def test_every_end_of_the_table():
    """Whatever is cut off: DecodeError with the byte."""
    whole = table(LINUX)
    for size in range(len(whole)):
        with pytest.raises(DecodeError) as caught:
            read_cas_request(whole[:size])
        assert 0 <= caught.value.offset <= size


@given(st.binary(max_size=80))
def test_any_table(data):
    """It is read, or there is an error that names a byte of it."""
    error, request = None, None
    try:
        request = read_cas_request(data)
    except DecodeError as caught:
        error = caught
    if request is None:
        assert 0 <= error.offset <= len(data)
    else:
        assert all(request.vectors.values())


@pytest.mark.parametrize("count", [0, 3])
def test_missing_vector_5_is_refused(count):
    """2.5: H_PARAMETER; nothing is reset."""
    boot, firmware = machine("v1")
    firmware.plug_memory(256 * MIB)
    vectors = b"".join(bytes([len(v) - 1]) + v for v in NOTHING_1_TO_4[: count + 1])
    data = struct.pack(">2I", *END) + bytes([count]) + vectors
    assert client_architecture_support(firmware, boot, data) == (-4, b"", None)
    assert firmware.get_sensor_state(9003, 0x80000004) == (0, 2)


def test_effects_in_their_order():
    """2.5, 3.6, 6.6: reset, hotplug events dropped, a tree with all that is plugged."""
    boot, firmware = machine("v1")
    firmware.plug_memory(512 * MIB, "d")
    firmware.plug_cpu(1)
    firmware.system_powerdown()
    reply = client_architecture_support(firmware, boot, table(V1))
    assert reply.status == 0
    assert len(firmware.events) == 1
    assert firmware.get_sensor_state(9003, 0x80000004) == (0, 1)
    assert firmware.check_exception(0x10000000) == (1, b"")
    core = reply.tree["/cpus/PowerPC,POWER9@1"]
    assert core.u32("ibm,my-drc-index") == 0x10000001
    assert "name" not in core
    again = Firmware.from_tree(reply.tree)
    assert [d.drc_indexes for d in again.devices if d.size] == [
        (0x80000004, 0x80000005)
    ]


def test_pending_unplug_is_gone_from_the_tree():
    """6.6: it completes at CAS."""
    boot, firmware = machine()
    firmware.unplug(next(d for d in firmware.devices if d.core_id == 3))
    reply = client_architecture_support(firmware, boot, table(LINUX))
    assert "/cpus/PowerPC,POWER9@3" in boot
    assert "/cpus/PowerPC,POWER9@3" not in reply.tree
    assert "/cpus/PowerPC,POWER9@2" in reply.tree


@pytest.mark.parametrize(
    ("vector", "hotplug"), [(LINUX, True), (LEGACY, False), (b"\0\0", False)]
)
def test_class_of_hotplug_events_is_negotiated(vector, hotplug):
    """2.3: without byte 6 bit 5 they count as power events."""
    boot, firmware = machine("v1")
    client_architecture_support(firmware, boot, table(vector))
    firmware.plug_cpu(1)
    assert firmware.check_exception(0x10000000)[0] == (0 if hotplug else 1)


def test_no_source_no_offer():
    """2.2: without the hotplug class in the tree the bit is not offered."""
    boot, firmware = machine()
    boot.remove_node("/event-sources/hot-plug-events")
    reply = client_architecture_support(firmware, boot, table(LINUX))
    assert not Option.HOTPLUG_EVENTS.is_set(reply.vector)


EXAMPLE_V1 = cells(16) + b"".join(
    cells(0, base, drc, 0, aa, flags)
    for base, drc, aa, flags in [
        *[(n << 28, 0, 0xFFFFFFFF, 0xA0) for n in range(4)],
        *[(n << 28, 0x80000000 + n, 0, 8) for n in (4, 5)],
        *[(n << 28, 0x80000000 + n, 0xFFFFFFFF, 0) for n in range(6, 16)],
    ]
)
EXAMPLE_V2 = bytes.fromhex(
    "00000003 00000004 0000000000000000 00000000 ffffffff 000000a0"
    "00000002 0000000040000000 80000004 00000000 00000108"
    "0000000a 0000000060000000 80000006 ffffffff 00000000"
)


@pytest.mark.parametrize(
    ("vector", "name", "expected"),
    [
        (V1, "ibm,dynamic-memory", EXAMPLE_V1),
        (LINUX, "ibm,dynamic-memory-v2", EXAMPLE_V2),
    ],
)
def test_example_of_the_lmb_table(vector, name, expected):
    """5.1: 1 GiB and a DIMM of 512 MiB, maxmem 4 GiB."""
    boot, firmware = machine("v1")
    drcs = {
        "ibm,drc-indexes": cells(12, *range(0x80000004, 0x80000010)),
        "ibm,drc-types": cells(12) + b"MEM\0" * 12,
    }
    for prop in ("names", "power-domains"):
        del boot.root[f"ibm,drc-{prop}"]
    for prop, value in drcs.items():
        boot.root[prop] = value
    boot.remove_node(DRMEM)
    firmware = Firmware.from_tree(boot)
    firmware.plug_memory(512 * MIB)
    node = client_architecture_support(firmware, boot, table(vector)).tree[DRMEM]
    assert node[name] == expected
    assert node.u64("ibm,lmb-size") == 256 * MIB
    assert node.u32("ibm,memory-flags-mask") == 0xFF
    assert node.u32("ibm,memory-preservation-time") == 0
    arrays = LookupArrays(node["ibm,associativity-lookup-arrays"])
    assert (len(arrays), arrays.m) == (1, 4 if vector is V1 else 1)
    others = {"ibm,dynamic-memory", "ibm,dynamic-memory-v2"} - {name}
    assert not others & set(node.properties)


def test_dimms_side_by_side_are_sets_of_their_own():
    """5.1: one set a DIMM, and one for each gap."""
    boot, firmware = machine()
    base = 1 << 32
    for address, size in (
        (base, 256),
        (base + 256 * MIB, 512),
        (base + (1 << 30), 256),
    ):
        firmware.plug_memory(size * MIB, addr=address)
    tree = client_architecture_support(firmware, boot, table(LINUX)).tree
    value = tree[DRMEM]["ibm,dynamic-memory-v2"]
    lengths = [row[0] for row in struct.iter_unpack(">IQIII", value[4:])]
    assert lengths == [16, 1, 2, 1, 1, 43]


def test_no_table_without_option_or_room():
    """5.1: the node is there only if byte 2 bit 2 was negotiated, and maxmem > ram."""
    boot, firmware = machine()
    assert DRMEM in boot
    without = client_architecture_support(firmware, boot, table(b"\0\0"))
    assert DRMEM not in without.tree
    assert without.tree["/chosen"]["ibm,architecture-vec-5"] == b"\0\0"
    boot.remove_node(DRMEM)
    for name in ("indexes", "names", "types", "power-domains"):
        del boot.root[f"ibm,drc-{name}"]
    reply = client_architecture_support(Firmware.from_tree(boot), boot, table(LINUX))
    assert DRMEM not in reply.tree


def test_drc_info_of_lopar():
    """3.3: with 22.1 it replaces all four arrays; without, the arrays come back."""
    boot, firmware = machine(profile="lopar")
    asked = bytearray(LINUX)
    asked[22] |= 0x40
    tree = client_architecture_support(firmware, boot, table(bytes(asked))).tree
    for path in ("/", "/cpus", "/pci@800000020000000"):
        old = DrcList.from_properties(boot[path].properties)
        new = DrcList.from_properties(tree[path].properties)
        assert sorted(old) == sorted(new)
        assert [n for n in tree[path].properties if n.startswith("ibm,drc-")] == [
            "ibm,drc-info"
        ]
    back = client_architecture_support(
        Firmware.from_tree(tree, "lopar"), tree, table(LINUX)
    ).tree
    assert "ibm,drc-info" not in back["/cpus"]
    assert sorted(DrcList.from_properties(back["/cpus"].properties)) == sorted(
        DrcList.from_properties(boot["/cpus"].properties)
    )


def test_boot_tree_is_not_changed():
    boot, firmware = machine()
    before = boot.to_dtb()
    firmware.plug_cpu(7)
    client_architecture_support(firmware, boot, table(V1))
    assert boot.to_dtb() == before


NODES = [
    *("-object", "memory-backend-ram,id=r0,size=1G"),
    *("-object", "memory-backend-ram,id=r1,size=1G"),
    *("-numa", "node,nodeid=0,memdev=r0,cpus=0-1"),
    *("-numa", "node,nodeid=1,memdev=r1,cpus=2-3"),
    *("-numa", "dist,src=0,dst=1,val=40"),
]
MACHINES = {
    "one": ["-smp", "2,maxcpus=4", "-m", "2G,slots=4,maxmem=4G"],
    "two": ["-smp", "2,maxcpus=4", "-m", "2G,slots=4,maxmem=4G", *NODES],
}
# No more than the interrupt controller and translation mode that all have.
BARE = LINUX[:1] + bytes(22) + LINUX[23:]
# A matter of the processor's translation mode, which this model does not follow.
OWN = {"ibm,pft-size", "ibm,pa-features", "rng-seed", "ibm,arch-vec-5-platform-support"}


def differences(ours, theirs):
    """Properties that two trees do not have alike, the order aside."""
    found = {}
    for tree in (ours, theirs):
        for node in tree.nodes():
            for name, value in node.properties.items():
                if name not in OWN:
                    found.setdefault((node.path, name), []).append(bytes(value))
    return sorted(where for where, v in found.items() if len(v) != 2 or v[0] != v[1])


@pytest.mark.skipif(QEMU is None, reason="needs qemu-system-ppc64")
@pytest.mark.parametrize(
    "vector", [LINUX, V1, LEGACY, BARE], ids=["linux", "v1", "legacy", "bare"]
)
@pytest.mark.parametrize("name", MACHINES)
def test_tree_is_that_of_qemu(name, vector):
    """What another vector makes of the machine, and what was plugged before CAS."""
    with qemu_machine(MACHINES[name], V1) as qemu:
        boot = qemu.device_tree()
    firmware = Firmware.from_tree(boot)
    last = len(MACHINES[name]) > 4
    with qemu_machine(MACHINES[name], vector) as qemu:
        assert not differences(
            client_architecture_support(firmware, boot, table(vector)).tree,
            qemu.device_tree(),
        )
        for each in (qemu, firmware):
            each.plug_memory(512 * MIB, "a", None, int(last))
            each.plug_memory(256 * MIB, "b", 0xE0000000)
            each.plug_cpu(3, "c", *([1] if last and each is firmware else []))
        qemu.reset()
        qemu.cas()
        assert not differences(
            client_architecture_support(firmware, boot, table(vector)).tree,
            qemu.device_tree(),
        )


@pytest.mark.skipif(QEMU is None, reason="needs qemu-system-ppc64")
def test_devices_are_in_the_tree_as_in_qemu():
    """5, 6.6: a host bridge, functions on two buses and an NVDIMM, after CAS."""
    arguments = ["-smp", "1,maxcpus=2", "-m", "1G,slots=4,maxmem=4G"]
    arguments += ["-machine", "nvdimm=on"]
    with qemu_machine(arguments, LINUX) as qemu:
        pair = PciPair(qemu)
        boot = qemu.device_tree()
        pair.phb(1, "p")
        pair.pci("virtio-net-pci", 3, id="n")
        pair.pci("virtio-blk-pci", 5, id="b", bus="p.0")
        pair.nvdimm(512 * MIB, "75a3cdd7-6a2f-4791-8d15-fe0a920e8e9e", id="v")
        qemu.reset()
        qemu.cas()
        reply = client_architecture_support(pair.model, boot, table(LINUX))
        theirs = qemu.device_tree()
    trees = reply.tree, theirs
    assert {n.path for n in reply.tree.nodes()} == {n.path for n in theirs.nodes()}
    # QEMU lists connectors in the order of a hash table, which grew.
    lists = [where for where in differences(reply.tree, theirs) if "drc-" in where[1]]
    assert differences(reply.tree, theirs) == lists
    for path, _ in lists:
        ours, other = (DrcList.from_properties(t[path].properties) for t in trees)
        assert sorted(ours) == sorted(other)

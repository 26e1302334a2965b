"""What is plugged after client architecture support says its NUMA node as agreed."""

from __future__ import annotations

import pytest
from oracle import needs_qemu, qemu_machine
from pci_pair import PciPair
from test_cas import NODES, machine, table, vector_of

from pydlpar import DecodeError, Firmware
from pydlpar.connector import fragment_nodes
from pydlpar.constants import LmbFlags
from pydlpar.data.generate import LINUX, V1
from pydlpar.drmem_read import read_lmbs
from pydlpar.platforms.numa import Numa
from pydlpar.platforms.options import Option

MIB = 1 << 20
ISOLATION, ALLOCATION = 9001, 9003
TWO = ["-smp", "2,maxcpus=4", "-m", "2G,slots=4,maxmem=4G", *NODES]
TWO += ["-machine", "nvdimm=on"]
# As Linux on a hash table: the model leaves a radix guest no table size.
FORM2, FORM1 = (vector[:24] + bytes(3) for vector in (LINUX, V1))
ASSOCIATIVITY = "ibm,associativity"
UUID = "75a3cdd7-6a2f-4791-8d15-fe0a920e8e9e"
CORE, BOOT_CORE, LMB, PMEM, PHB = 0x10000003, 0x10000001, 0x80000008, 0x90000001, 1


def take(side, index):
    """Acquire a connector, as a partition does."""
    return [
        side.set_indicator(ALLOCATION, index, 1),
        side.set_indicator(ISOLATION, index, 1),
    ]


def cells(firmware, index):
    """The associativity that configure-connector delivers."""
    take(firmware, index)
    (node,) = fragment_nodes(firmware.configure_connector(index).fragment)
    value = node.properties[ASSOCIATIVITY]
    return [int.from_bytes(value[at : at + 4], "big") for at in range(0, len(value), 4)]


def support(firmware, boot, vector, **options):
    return firmware.client_architecture_support(boot, table(vector), **options)


@needs_qemu
@pytest.mark.parametrize(("before", "after"), [(FORM2, FORM1), (FORM1, FORM2)])
def test_fragments_are_those_of_qemu(before, after):
    """A model that was of another form before, beside a QEMU that never was."""
    with qemu_machine(TWO, before) as qemu:
        boot = qemu.device_tree()
    with qemu_machine(TWO, after) as qemu:
        pair = PciPair(qemu)
        pair.model = Firmware.from_tree(boot, lmb_address_bug=True)
        support(pair.model, boot, after)
        qemu.plug_cpu(3, "c")
        pair.model.plug_cpu(3, "c", 1)
        for side in (qemu, pair.model):
            side.plug_memory(256 * MIB, "m", None, 1)
        assert pair.nvdimm(256 * MIB, UUID, node=1) == [None, None]
        assert pair.phb(PHB, "p", numa_node=1) == [None, None]
        ours = set(pair.model.connectors)
        slots = [index for index in ours if index >> 16 == 0x4001]
        assert slots
        for side in (qemu, pair.model):
            assert side.set_indicator(ISOLATION, BOOT_CORE, 0) == 0
        for index in (CORE, BOOT_CORE, LMB, PMEM, 0x20000000 | PHB):
            answers = [take(side, index) for side in (qemu, pair.model)]
            assert answers[0] == answers[1] == [0, 0], hex(index)
            walks = pair.walk(index)
            assert walks[0] == walks[1], hex(index)


@needs_qemu
@pytest.mark.parametrize("vector", [FORM2, FORM1], ids=["v2", "v1"])
def test_half_a_dimm_in_the_table_of_qemu(vector):
    """A DIMM that has lost an LMB is in the table of the next CAS, as in QEMU."""
    arguments = ["-smp", "1,maxcpus=2", "-m", "1G,slots=4,maxmem=3G"]
    first, second = 0x80000004, 0x80000005
    with qemu_machine(arguments, vector) as qemu:
        boot = qemu.device_tree()
        model = Firmware.from_tree(boot)
        for side in (qemu, model):
            side.plug_memory(512 * MIB, "d")
            lose(side, first, second)
        qemu.reset()
        qemu.cas()
        theirs = qemu.device_tree()
    reply = support(model, boot, vector)
    assert list(read_lmbs(reply.tree)) == list(read_lmbs(theirs))


def lose(side, first, second):
    """Take a DIMM of two LMBs, be asked for it, give one back and keep the other."""
    for index in (first, second):
        take(side, index)
        area = bytearray(4096)
        area[:4] = index.to_bytes(4, "big")
        while side.connector_call(index, area) > 0:
            pass
    side.unplug("d")
    assert side.set_indicator(ISOLATION, first, 0) == 0
    assert side.set_indicator(ALLOCATION, first, 0) == 0
    assert side.set_indicator(ISOLATION, second, 1) == 0


def test_half_a_dimm_in_the_table_of_lopar():
    """Only what is there is assigned."""
    boot, firmware = machine("v1", "lopar")
    dimm = firmware.plug_memory(768 * MIB, "d")
    first, second, third = dimm.drc_indexes
    assert cells(firmware, first)
    lose(firmware, second, third)
    tree = support(firmware, boot, V1).tree
    found = {lmb.drc_index: lmb.flags for lmb in read_lmbs(tree)}
    assert [bool(found[index] & LmbFlags.ASSIGNED) for index in dimm.drc_indexes] == [
        True,
        False,
        True,
    ]


def test_form_back_and_forth():
    """Of two nodes: form 1 has four domains and form 2 one, the node in the end."""
    boot, firmware = machine("numa")
    core = firmware.plug_cpu(3, node=1).drc_indexes[0]
    lmb = firmware.plug_memory(256 * MIB, node=1).drc_indexes[0]
    for vector, length in ((V1, 4), (LINUX, 1), (V1, 4)):
        support(firmware, boot, vector)
        found = cells(firmware, lmb)
        assert (len(found), found[0], found[-1]) == (length + 1, length, 1)
        for index, node in ((core, 1), (0x10000001, 0)):
            firmware.set_indicator(ISOLATION, index, 0)
            found = cells(firmware, index)
            assert (len(found), found[0]) == (length + 2, length + 1)
            assert found[-2:] == [node, index & 0xFFFF]


def test_nodes_given_by_the_caller():
    """Two nodes instead of the one that the tree has."""
    boot, firmware = machine()
    support(firmware, boot, V1, numa=Numa.of(2, {(0, 1): 40}))
    dimm = firmware.plug_memory(256 * MIB, node=1)
    assert cells(firmware, dimm.drc_indexes[0])[-1] == 1


def test_reply_is_that_of_the_function():
    boot, firmware = machine()
    reply = support(firmware, boot, V1)
    assert (reply.status, Option.FORM2.is_set(reply.vector)) == (0, False)
    assert "/cpus" in reply.tree
    everything = vector_of(*Option)
    asked = bytes([len(everything) - 1]) + everything
    assert Option.FORM2.is_set(support(firmware, boot, asked).vector)


def test_boot_device_on_a_node_that_is_not_there():
    """Its associativity cannot be told in another form."""
    boot, firmware = machine()
    pmem = {ASSOCIATIVITY: bytes([0, 0, 0, 1, 0, 0, 0, 9])}
    pmem |= {"ibm,my-drc-index": bytes.fromhex("90000000")}
    boot.add_node("/ibm,persistent-memory/ibm,pmemory@90000000", pmem)
    firmware = Firmware.from_tree(boot)
    with pytest.raises(DecodeError, match="expected to name one of 1 NUMA nodes"):
        support(firmware, boot, V1)

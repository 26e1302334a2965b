"""Views of a tree's connectors. Whatever the lists: slots, or DecodeError that says
node, property and byte.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from script import cells
from slot_trees import DRMEM, LIVE, arrays, cpu, drcs, info, machine, memory

from pydlpar import DecodeError, DeviceTree, DrcListError, SlotKind, Slots, TreeError
from pydlpar.drc import Drc, DrcList, DrcRun
from pydlpar.drc_encode import drc_arrays, drc_info
from pydlpar.drmem_read import read_lmbs
from pydlpar.slots import SlotCount, slot_kind

KINDS = [
    ("CPU", 0x80000000, SlotKind.CPU),
    ("MEM", 1, SlotKind.MEM),
    ("PMEM", 1, SlotKind.PMEM),
    ("PHB", 1, SlotKind.PHB),
    ("SLOT", 1, SlotKind.SLOT),
    ("PORT", 1, SlotKind.PORT),
    ("28", 0x10000000, SlotKind.PCI),
    ("", 0x10000000, SlotKind.CPU),
    ("", 0x20000000, SlotKind.PHB),
    ("", 0x40000000, SlotKind.PCI),
    ("", 0x80000000, SlotKind.MEM),
    ("", 0x90000000, SlotKind.PMEM),
    ("", 0x71000000, SlotKind.SLOT),
]


def names(slots):
    return [slot.drc.name for slot in slots]


@pytest.mark.parametrize(("type_name", "index", "kind"), KINDS)
def test_the_type_says_what_it_is_for_and_without_one_the_index(type_name, index, kind):
    assert slot_kind(type_name, index) is kind


def test_both_encodings_give_the_same_slots():
    """Names, indexes and order of use do not depend on how a list is written."""
    record = drcs("CPU", "CPU ", 0x10000000, 0, 4, 8)
    one, other = DeviceTree(), DeviceTree()
    one.add_node("/cpus", info(record))
    other.add_node("/cpus", drc_arrays(record))
    for tree in (one, other):
        cpu(tree, 8, 0x10000008)
        slots = Slots(tree)
        assert names(slots.of(SlotKind.CPU)) == ["CPU 0", "CPU 8", "CPU 16", "CPU 24"]
        assert [slot.in_use for slot in slots.of(SlotKind.CPU)] == [
            False,
            True,
            False,
            False,
        ]
        assert slots.count(SlotKind.CPU) == SlotCount(4, 1, 0)
        assert slots.find(0x10000010).drc == Drc(0x10000010, "CPU 16", "CPU", LIVE)
        assert slots.find(0x10000010).owner == "/cpus"


def test_what_stands_behind_a_slot():
    """A node by its own index; its path, location code and threads."""
    slots = Slots(machine())
    card = slots.find(0x40010008)
    assert card.path == "/pci@800000020000001/ethernet@1"
    assert card.loc_code == "U1-P1-C2-T1"
    assert card.threads == ()
    assert (card.kind, card.drc.name, card.in_use) == (SlotKind.PCI, "C65544", True)
    assert slots.find(0x10000008).threads == tuple(range(8, 16))
    assert slots.find(0x10000008).loc_code is None
    empty = slots.find(0x40010001)
    assert (empty.path, empty.loc_code, empty.threads) == (None, None, ())
    assert slots.find(0x40010010) is None


def test_lmbs_are_in_use_as_their_table_says():
    """ASSIGNED decides; what the table does not have is not known; no DRC, no slot."""
    slots = Slots(machine())
    found = {slot.drc.name: slot.in_use for slot in slots.of(SlotKind.MEM)}
    # LMB 3 has the flag "no DRC", LMB 9 is in the list alone.
    assert found == {
        "LMB 0": True,
        "LMB 1": True,
        "LMB 2": False,
        "LMB 3": None,
        "LMB 9": None,
    }
    assert slots.count(SlotKind.MEM) == SlotCount(5, 2, 2)
    assert slots.find(0x80000002).lmb.base == 0x20000000
    assert slots.find(0x80000009).lmb is None
    assert slots.lmbs.lmb_size == 0x10000000
    assert names(slots.of(SlotKind.MEM, in_use=False)) == ["LMB 2"]


def test_without_a_table_the_tree_does_not_tell():
    tree = DeviceTree()
    for name, value in arrays("MEM", (0x80000001, "LMB 1")).items():
        tree.root[name] = value
    slots = Slots(tree)
    assert slots.lmbs is None
    assert slots.find(0x80000001).in_use is None
    assert slots.count(SlotKind.MEM) == SlotCount(1, 0, 1)


def test_memory_of_a_table_alone_has_no_name():
    """PowerVM: LMBs need not be in a list of connectors."""
    tree = DeviceTree()
    memory(tree, [(0, 8)])
    (slot,) = Slots(tree).of(SlotKind.MEM)
    assert (slot.drc.name, slot.owner, slot.in_use) == ("", "", True)
    assert Slots(tree).count(SlotKind.MEM) == SlotCount(1, 1, 0)
    assert Slots(tree).find(0x80000000) == slot
    assert Slots(tree).find(0x80000001) is None


def test_a_node_that_no_list_has_is_a_slot():
    """Virtual devices on old firmware: `ibm,my-drc-index` alone."""
    tree = DeviceTree()
    properties = {"ibm,my-drc-index": cells(0x30000002)}
    tree.add_node("/vdevice", {})
    tree.add_node("/vdevice/v-scsi@30000002", properties)
    (slot,) = Slots(tree).of(SlotKind.SLOT)
    assert slot.path == "/vdevice/v-scsi@30000002"
    assert Slots(tree).find(0x30000002) == slot
    assert Slots(tree).count(SlotKind.SLOT) == SlotCount(1, 1, 0)
    assert [span[2] for span in Slots(tree).spans(SlotKind.SLOT)] == [1]


def test_search_takes_what_the_command_prints():
    """Index, path, name, location code; a name wins over a location code."""
    slots = Slots(machine())
    for word in ("0x40010008", "C65544", "U1-P1-C2-T1",
                 "/pci@800000020000001/ethernet@1"):  # fmt: skip
        assert [slot.drc.index for slot in slots.search(word)] == [0x40010008]
    for word in ("0x1", "C1", "/cpus", "/nix", "", "0x123456789", "U\u0661", "\0"):
        assert slots.search(word) == []


def test_a_name_in_two_lists_is_two_slots():
    tree = DeviceTree()
    tree.add_node("/pci@1", arrays("28", (1, "C0")))
    tree.add_node("/pci@2", arrays("28", (2, "C0")))
    assert [slot.owner for slot in Slots(tree).find_name("C0")] == ["/pci@1", "/pci@2"]


def test_what_a_list_has_twice_is_one_slot():
    tree = DeviceTree()
    tree.add_node("/cpus", arrays("CPU", (0x10000001, "a"), (0x10000001, "b")))
    slots = Slots(tree)
    assert names(slots.of(SlotKind.CPU)) == ["a"]
    assert slots.find(0x10000001).drc.name == "a"


def test_slots_follow_the_tree():
    tree = machine()
    slots = Slots(tree)
    assert slots.count(SlotKind.CPU).in_use == 2
    tree.remove_node("/cpus/PowerPC,POWER9@8")
    assert slots.count(SlotKind.CPU).in_use == 1
    assert slots.find(0x10000008).in_use is False
    del tree["/cpus"]["ibm,drc-info"]
    assert list(slots.lists) == ["/pci@800000020000001", "/"]


def test_spans_keep_apart_what_is_in_use():
    """Records whole, but for what is in use, and what the caller wants apart."""
    slots = Slots(machine())
    found = [(a.drc.name, b.drc.name, n) for a, b, n in slots.spans(SlotKind.PCI)]
    assert found == [
        ("C65536", "C65543", 8),
        ("C65544", "C65544", 1),
        ("C65545", "C65551", 7),
    ]
    counts = [n for _, _, n in slots.spans(SlotKind.PCI, [0x40010000, 5])]
    assert counts == [1, 7, 1, 7]
    assert [n for *_, n in slots.spans(SlotKind.PCI, [0x40010001])] == [1, 1, 6, 1, 7]
    assert [n for _, _, n in slots.spans(SlotKind.MEM)] == [1] * 5


def test_a_record_of_a_million_costs_nothing():
    """LoPAR 13.5.2: records are runs; nothing here depends on how long one is."""
    tree = DeviceTree()
    tree.add_node("/cpus", info(drcs("CPU", "CPU ", 0x10000000, 0, 0x0FFFFFFF)))
    tree.root["ibm,drc-info"] = info(drcs("MEM", "LMB ", 0x80000000, 0, 1 << 30))[
        "ibm,drc-info"
    ]
    cpu(tree, 5, 0x10000005)
    memory(tree, [(0, 8)] * 4)
    slots = Slots(tree)
    assert slots.count(SlotKind.CPU) == SlotCount(0x0FFFFFFF, 1, 0)
    assert slots.count(SlotKind.MEM) == SlotCount(1 << 30, 4, (1 << 30) - 4)
    assert slots.find(0xBFFFFFFF).drc.name == "LMB 1073741823"
    assert slots.find_name("CPU 9999999")[0].drc.index == 0x1098967F
    assert names(slots.of(SlotKind.CPU, in_use=True)) == ["CPU 5"]
    assert next(slots.of(SlotKind.CPU, in_use=False)).drc.name == "CPU 0"
    assert [n for _, _, n in slots.spans(SlotKind.MEM)] == [1] * 4 + [(1 << 30) - 4]


BAD = [
    ("ibm,drc-info", cells(1) + b"CPU", 4),
    ("ibm,drc-indexes", cells(2, 5), 8),
    ("ibm,drc-names", cells(1) + b"CPU", 4),
    ("ibm,drc-types", cells(2) + b"CPU\0", 8),
    ("ibm,drc-power-domains", b"", 0),
]


@pytest.mark.parametrize(("name", "value", "offset"), BAD)
def test_a_malformed_list_says_node_property_and_byte(name, value, offset):
    tree = DeviceTree()
    tree.add_node("/cpus", {**arrays("CPU", (1, "CPU 1")), name: value})
    with pytest.raises(DrcListError, match=f"^/cpus: {name}") as caught:
        Slots(tree)
    error = caught.value
    assert (error.path, error.property, error.offset) == ("/cpus", name, offset)


def test_a_malformed_index_of_a_node_says_which():
    tree = DeviceTree()
    tree.add_node("/cpus", {"ibm,my-drc-index": b"\0"})
    with pytest.raises(TreeError, match="/cpus, property 'ibm,my-drc-index': 1 bytes"):
        Slots(tree)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ibm,dynamic-memory": cells(2)}, "ibm,dynamic-memory"),
        ({"ibm,lmb-size": cells(0, 0)}, "LMB size 0"),
        ({"ibm,lmb-size": cells(1)}, "expected 8 bytes"),
        ({"ibm,lmb-size": None}, "LMB size 0"),
    ],
)
def test_a_malformed_lmb_table_says_where(changes, message):
    tree = DeviceTree()
    node = memory(tree, [(0, 8)])
    for name, value in changes.items():
        if value is None:
            del node[name]
        else:
            node[name] = value
    with pytest.raises(DecodeError, match=f"^{DRMEM}.*{message}"):
        read_lmbs(tree)


def test_a_tree_without_table_has_none():
    tree = DeviceTree()
    assert read_lmbs(tree) is None
    tree.add_node(DRMEM, {})
    assert read_lmbs(tree) is None


RUNS = st.builds(
    DrcRun,
    st.sampled_from(["CPU", "28", "MEM", ""]),
    st.sampled_from(["C", "CPU ", ""]),
    st.integers(0, 60),
    st.integers(0, 9),
    st.integers(0, 12),
    st.integers(0, 3),
    st.just(LIVE),
)


@given(st.lists(RUNS, max_size=4), st.sets(st.integers(0, 60), max_size=3))
def test_every_view_agrees_with_the_plain_list(runs, used):
    """`of`, `count`, `spans`, `find` against what the lists say one by one."""
    drclist = DrcList(tuple(runs))
    tree = DeviceTree()
    tree.add_node("/cpus", {"ibm,drc-info": drc_info(drclist)})
    for index in used:
        tree.add_node(f"/cpus/c@{index:x}", {"ibm,my-drc-index": cells(index)})
    slots = Slots(tree)
    listed = list(drclist)
    for kind in SlotKind:
        plain = {drc.index for drc in listed if slot_kind(drc.type, drc.index) is kind}
        stray = {i for i in used if i not in drclist and slot_kind("", i) is kind}
        found = list(slots.of(kind))
        assert {slot.drc.index for slot in found} == plain | stray
        assert [s.drc.index for s in found] == sorted(plain | stray)
        for slot in found:
            assert (slot.drc.index in used) == (slot.in_use is True)
        spanned = set()
        for first, last, count in slots.spans(kind):
            assert count == 1 or not first.in_use
            indexes = range(first.drc.index, last.drc.index + 1)
            assert count <= len(indexes)
            spanned |= {i for i in indexes if i in plain | stray}
        assert spanned == plain | stray
    for drc in listed:
        assert slots.find(drc.index).drc == drclist.find(drc.index)
        assert slots.find_name(drc.name)[0].drc == drclist.find_name(drc.name)


def test_all_real_trees(real_trees):
    """Every device of every tree stands behind a listed slot that finds it again."""
    for name, data in real_trees.items():
        tree = DeviceTree.from_dtb(data)
        slots = Slots(tree)
        for node in tree.by_property("ibm,my-drc-index"):
            slot = slots.at(node)
            assert slot.owner, name
            assert slot.in_use
            assert slots.find(slot.drc.index) == slot
            assert [s.path for s in slots.search(slot.drc.name)] == [node.path]
        for kind in SlotKind:
            found = list(slots.of(kind))
            count = slots.count(kind)
            assert len(found) == count.total == sum(n for *_, n in slots.spans(kind))
            assert sum(slot.in_use is True for slot in found) == count.in_use
            assert sum(slot.in_use is None for slot in found) == count.unknown
            assert [s for s in found if s.in_use] == list(slots.of(kind, in_use=True))


def test_all_trees_of_real_guests(corpus):
    """`/proc/device-tree` of a running Linux, with its LMB table."""
    paths = sorted((corpus / "guest").rglob("*.dtb"))
    assert len(paths) > 25
    for path in paths:
        slots = Slots(DeviceTree.from_dtb(path.read_bytes()))
        table = slots.lmbs
        for slot in slots.of(SlotKind.MEM):
            assert slot.drc.name == f"LMB {slot.drc.index & 0xFFFFFFF}"
            assert table.find(slot.drc.index) is not None

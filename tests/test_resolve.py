"""What a person calls a connector: exactly that one, or an error; never another."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from slot_trees import arrays, machine

from pydlpar import (
    DeviceTree,
    HotplugRequest,
    Partition,
    ResolveError,
    Resolver,
    resolve,
)
from pydlpar.constants import IdType
from pydlpar.data import default_tree_bytes


@pytest.fixture(scope="module")
def partition():
    return Partition(machine())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cpu remove CPU 8", "cpu remove index 0x10000008"),
        ("cpu remove name CPU 8", "cpu remove index 0x10000008"),
        ("cpu remove 0x10000008", "cpu remove index 0x10000008"),
        ("cpu remove index 0x10000008", "cpu remove index 0x10000008"),
        ("cpu remove index 268435464", "cpu remove index 0x10000008"),
        ("cpu remove index 02000000010", "cpu remove index 0x10000008"),
        ("cpu remove /cpus/PowerPC,POWER9@8", "cpu remove index 0x10000008"),
        ("cpu remove path /cpus/PowerPC,POWER9@8", "cpu remove index 0x10000008"),
        ("  memory   add LMB 2 ", "memory add index 0x80000002"),
        ("mem add LMB 9\n", "memory add index 0x80000009"),
        ("pci remove U1-P1-C2-T1", "pci remove index 0x40010008"),
        ("slot remove loc-code U1-P1-C2-T1", "slot remove index 0x40010008"),
        ("phb remove /pci@800000020000001", "phb remove index 0x20000001"),
        ("dt add 0x40010001", "dt add index 0x40010001"),
        ("memory add indexed-count 2 0x80000001",
         "memory add indexed-count 2 0x80000001"),
        ("memory add count 1", "memory add index 0x80000002"),
        ("cpu add count 1", "cpu add index 0x10000010"),
    ],
)  # fmt: skip
def test_a_word_is_one_request(partition, text, expected):
    """DRC name, index as the kernel reads it, path, location code, count."""
    assert [str(request) for request in resolve(partition, text)] == [expected]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # What drmgr turns into "memory remove count 1".
        ("memory remove LMB-1", "'LMB-1' names no connector of memory; there is LMB"),
        ("memory remove 80000001", "'80000001' names no connector"),
        ("memory remove 1", r"\(a number is given as index N or count N\)"),
        ("memory remove 0x80000077", "'0x80000077' names no connector of memory"),
        ("memory remove 0x180000001", "'0x180000001' names no connector"),
        ("memory remove index 0x", "index '0x': expected a DRC index, as 0x80000010"),
        ("memory remove index 09", "index '09': expected a DRC index"),
        ("memory remove index 1 2", "index '1 2': expected a DRC index"),
        ("memory remove index", "index '': expected a DRC index"),
        ("memory remove count x", "count 'x': expected a number"),
        ("memory remove count 0", "count 0: expected 1 or more"),
        ("memory remove count 5", "only 1 can be removed"),
        ("memory add indexed-count 2", "expected a number and a DRC index"),
        ("memory add indexed-count 2 7", "'7' names no connector of memory"),
        # A connector, but of something else.
        ("memory remove CPU 8", "'CPU 8' is CPU 8 of cpu, not of memory"),
        ("cpu remove 0x80000001", "'0x80000001' is LMB 1 of mem, not of cpu"),
        ("pci remove /pci@800000020000001", "is a connector of phb, not of pci"),
        ("cpu remove name LMB 1", "'name LMB 1' is LMB 1 of mem"),
        ("cpu remove CPU 9", "'CPU 9' names no connector of cpu; there is CPU 8"),
        ("cpu remove path cpus", "there is no node 'cpus'"),
        ("cpu remove /nix", "there is no node '/nix'"),
        ("cpu remove /cpus", "node /cpus has no ibm,my-drc-index"),
        ("pci remove loc-code U9", "names no connector of pci; there is C6"),
        ("pci add count 1", "only cpu and memory are asked for by number"),
        # No request at all.
        ("", "no resource given: expected cpu, memory"),
        ("disk remove 1", "resource 'disk': expected cpu, memory"),
        ("cpu", "no action given: expected add, remove"),
        ("cpu drop 1", "action 'drop': expected add, remove"),
        ("cpu remove", "cpu remove: what"),
        ("cpu remove  \n", "cpu remove: what"),
    ],
)
def test_what_does_not_resolve_is_an_error(partition, text, message):
    with pytest.raises(ResolveError, match=message) as caught:
        resolve(partition, text)
    assert len(caught.value.candidates) <= 8
    assert caught.value.word in text


def test_candidates_resolve(partition):
    """What an error offers is a word that would have done."""
    with pytest.raises(ResolveError) as caught:
        resolve(partition, "memory remove LMB 7")
    assert caught.value.candidates
    for candidate in caught.value.candidates:
        (request,) = resolve(partition, f"memory remove {candidate}")
        assert request.id_type is IdType.DRC_INDEX


def test_a_name_of_two_connectors_is_an_error():
    tree = DeviceTree()
    tree.add_node("/pci@1", arrays("28", (0x40000001, "C0")))
    tree.add_node("/pci@2", arrays("28", (0x40010001, "C0")))
    tree.add_node("/phbs", arrays("PHB", (0x20000001, "C0")))
    partition = Partition(tree)
    with pytest.raises(ResolveError, match="'C0' names 2 connectors") as caught:
        resolve(partition, "pci add C0")
    assert caught.value.candidates == ("0x40000001", "0x40010001")
    # The resource decides where that is enough.
    (request,) = resolve(partition, "phb add C0")
    assert request.drc_index == 0x20000001


def test_a_location_code_of_two_functions_is_an_error():
    tree = machine()
    bus = "/pci@800000020000001"
    node = tree[f"{bus}/ethernet@1"]
    properties = node.properties.as_dict() | {"ibm,my-drc-index": b"\x40\x01\0\x09"}
    tree.add_node(f"{bus}/ethernet@1,1", properties)
    with pytest.raises(ResolveError, match="names 2 connectors; there is 0x40010008"):
        resolve(Partition(tree), "pci remove U1-P1-C2-T1")


def test_a_resolver_follows_its_partition():
    partition = Partition(DeviceTree.from_dtb(default_tree_bytes()))
    resolver = Resolver(partition, "highest-first", available=lambda index: index % 2)
    (request,) = resolver.resolve("cpu add count 1")
    assert request.drc_index == 0x1000000F
    partition.tree.remove_node("/cpus/PowerPC,POWER9@3")
    with pytest.raises(ResolveError, match="no node"):
        resolver.resolve("cpu remove /cpus/PowerPC,POWER9@3")


KEYS = "cpu memory mem pci phb dt add remove index name path loc-code count"
NAMES = "indexed-count CPU LMB 8 0x80000001 0x10000008 1 / /cpus U1-P1-C2-T1"
WORDS = st.sampled_from([*KEYS.split(), *NAMES.split()]) | st.text(max_size=4)


@given(st.lists(WORDS, max_size=6).map(" ".join))
@example("cpu remove path /cpus/\0")
@example("cpu remove /\ud800")
@example("cpu remove name \ud800")
def test_any_text_is_requests_that_name_what_exists_or_an_error(partition, text):
    """Never a count that was not asked for, never an index that is not there."""
    resolver = Resolver(partition)
    try:
        requests = resolver.resolve(text)
    except ResolveError:
        return
    assert requests
    for request in requests:
        assert isinstance(request, HotplugRequest)
        assert request.id_type in (IdType.DRC_INDEX, IdType.INDEXED_COUNT)
        assert resolver.slots.find(request.drc_index) is not None


def test_names_of_real_trees_resolve_to_their_index(real_trees):
    """Whatever `pydlpar slots` prints as a name of a CPU can be given back."""
    for data in real_trees.values():
        resolver = Resolver(Partition(DeviceTree.from_dtb(data)))
        for path, drcs in resolver.slots.lists.items():
            if path != "/cpus":
                continue
            for drc in list(drcs)[:64]:
                (request,) = resolver.resolve(f"cpu add {drc.name}")
                assert request.drc_index == drc.index

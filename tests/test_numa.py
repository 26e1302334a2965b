"""Associativity of NUMA nodes: FORM1 and FORM2, by example, by rule, by QEMU.

Rows of firmware.md 5.3 (what /rtas says) and 5.4.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import QEMU, qemu_machine
from places import DATA
from script import cells

from pydlpar import ArgumentError, DecodeError, DeviceTree, PlatformError
from pydlpar.data import default_tree_bytes
from pydlpar.data.generate import LINUX, V1
from pydlpar.drmem import LookupArrays
from pydlpar.platforms.numa import Numa, boot_domains, form_of

GIB = 1 << 30


@pytest.mark.parametrize(
    ("distance", "domains"),
    [
        (20, (0, 0, 0, 1)),
        (40, (0, 0, 1, 1)),
        (80, (0, 1, 1, 1)),
        (160, (1, 1, 1, 1)),
        (121, (1, 1, 1, 1)),
        (11, (1, 1, 1, 1)),
    ],
)
def test_examples_of_two_nodes(distance, domains):
    """5.4: what was observed of node 1."""
    assert Numa.of(2, {(0, 1): distance}).domains == ((0, 0, 0, 0), domains)


def test_example_of_three_nodes():
    """5.4: a distance that earlier nodes rule out is not told: 80 becomes 40."""
    numa = Numa.of(3, {(0, 1): 20, (0, 2): 40, (1, 2): 80})
    assert numa.domains[1:] == ((0, 0, 0, 1), (0, 0, 2, 2))
    tree = DeviceTree()
    for node, base in enumerate(("0", "40000000", "80000000")):
        associativity = {"ibm,associativity": numa.memory(node)}
        tree.add_node(f"/memory@{base}", {"device_type": b"memory\0", **associativity})
    assert Numa.from_tree(tree).distances[1][2] == 40


LEVELS = [range(12, 31), range(32, 61), range(62, 121)]


@pytest.mark.parametrize("distance", range(11, 256))
def test_level_of_every_distance(distance):
    """5.4: 12 to 30, 32 to 60, 62 to 120 share 3, 2, 1 domains. In QEMU 11, 31 and
    61 share none; without that bug they belong to the level that they begin."""
    shared = next((3 - n for n, level in enumerate(LEVELS) if distance in level), 0)
    mended = {11: 3, 31: 2, 61: 1}.get(distance, shared)
    expected = [(0,) * n + (1,) * (4 - n) for n in (shared, mended)]
    for bug, domains in zip((True, False), expected, strict=True):
        assert Numa.of(2, {(0, 1): distance}, level_bug=bug).domains[1] == domains


def test_bytes_of_form1():
    """<4 d1 d2 d3 node> and <5 d1 d2 d3 node server>; the arrays drop the count."""
    numa = Numa.of(2, {(0, 1): 40})
    assert numa.memory(1) == cells(4, 0, 0, 1, 1)
    assert numa.cpu(1, 6) == cells(5, 0, 0, 1, 1, 6)
    assert numa.lookup_arrays() == cells(2, 4, 0, 0, 0, 0, 0, 0, 1, 1)


def test_bytes_of_form2():
    """<1 node> and <2 node server>; N is 1."""
    numa = Numa.of(2, {(0, 1): 40}, 2)
    assert numa.memory(1) == cells(1, 1)
    assert numa.cpu(1, 6) == cells(2, 1, 6)
    assert numa.lookup_arrays() == cells(2, 1, 0, 1)


@pytest.mark.parametrize(
    ("n_nodes", "form", "points", "most"),
    [
        (1, 1, (4, 4, 2), (4, 0, 0, 0, 1)),
        (2, 1, (4, 3, 2, 1), (4, 2, 2, 2, 2)),
        (5, 1, (4, 3, 2, 1), (4, 5, 5, 5, 5)),
        (1, 2, (1,), (1, 1)),
        (3, 2, (1,), (1, 3)),
    ],
)
def test_what_rtas_says(n_nodes, form, points, most):
    """5.3: reference points and the most domains of each level."""
    says = Numa.of(n_nodes, form=form).rtas_properties()
    assert says["ibm,associativity-reference-points"] == cells(*points)
    assert says["ibm,max-associativity-domains"] == cells(*most)
    assert ("ibm,numa-distance-table" in says) == (form == 2)


def test_distance_table():
    """5.3: n and the ids; n squared in a cell, then bytes, row by row."""
    says = Numa.of(2, {(0, 1): 40, (1, 0): 30}, 2).rtas_properties()
    assert says["ibm,numa-lookup-index-table"] == cells(2, 0, 1)
    assert says["ibm,numa-distance-table"] == cells(4) + bytes([10, 40, 30, 10])


def test_direction_matters_in_form2_only():
    """5.4: FORM1 refuses asymmetric distances."""
    distances = {(0, 1): 40, (1, 0): 30}
    assert Numa.of(2, distances, 2).distances == ((10, 40), (30, 10))
    with pytest.raises(PlatformError, match=r"40 from node 0 to 1, but 30 back"):
        Numa.of(2, distances)


@pytest.mark.parametrize(
    ("n_nodes", "distances", "form"),
    [
        (0, {}, 1),
        (2, {}, 3),
        (2, {(0, 1): 10}, 1),
        (2, {(0, 1): 9}, 1),
        (2, {(0, 1): 256}, 1),
        (2, {(0, 0): 20}, 1),
        (2, {(0, 2): 20}, 1),
        (2, {(-1, 0): 20}, 1),
    ],
)
def test_nodes_that_there_cannot_be(n_nodes, distances, form):
    with pytest.raises(ArgumentError):
        Numa.of(n_nodes, distances, form)


matrices = st.integers(1, 5).flatmap(
    lambda n: st.fixed_dictionaries(
        {(a, b): st.integers(11, 255) for a in range(n) for b in range(a + 1, n)}
    ).map(lambda distances: (n, distances))
)


@given(matrices, st.booleans())
def test_form1_by_its_rule(matrix, bug):
    """Each node's last domain is itself, and what node 0 shares with another is
    what the distance says."""
    n_nodes, distances = matrix
    numa = Numa.of(n_nodes, distances, level_bug=bug)
    assert [domains[3] for domains in numa.domains] == list(range(n_nodes))
    assert all(len(domains) == 4 for domains in numa.domains)
    arrays = LookupArrays(numa.lookup_arrays())
    assert [arrays[n] for n in range(n_nodes)] == list(numa.domains)
    assert numa.domains[0] == (0, 0, 0, 0)


@given(matrices)
def test_form2_is_read_back(matrix):
    """The table loses nothing."""
    numa = Numa.of(*matrix, form=2)
    tree = DeviceTree()
    tree.add_node("/rtas", numa.rtas_properties())
    assert form_of(tree) == 2
    assert Numa.from_tree(tree) == numa
    assert numa.as_form(1) == Numa.of(*matrix)


@pytest.mark.parametrize(
    "table",
    [b"", cells(0), cells(3) + bytes(3), cells(4) + bytes(3), cells(1) + bytes(4)],
)
def test_table_that_is_no_square(table):
    tree = DeviceTree()
    says = Numa.of(2, form=2).rtas_properties()
    tree.add_node("/rtas", says | {"ibm,numa-distance-table": table})
    with pytest.raises(DecodeError, match="expected a square of 1 to 256"):
        Numa.from_tree(tree)


def test_distance_that_there_cannot_be():
    tree = DeviceTree()
    says = Numa.of(2, form=2).rtas_properties()
    table = cells(4) + bytes([10, 9, 20, 10])
    tree.add_node("/rtas", says | {"ibm,numa-distance-table": table})
    with pytest.raises(ArgumentError, match="distance 9 from node 0 to 1"):
        Numa.from_tree(tree)


@pytest.mark.parametrize(
    ("domains", "expected"),
    [
        ([], ((0,),)),
        ([(0,)], ((0,),)),
        ([(2, 0, 0), (2, 0, 2)], ((0, 0), (1, 1), (0, 2))),
    ],
)
def test_domains_of_boot_memory(domains, expected):
    """A node without memory shares nothing; memory that says nothing has none."""
    tree = DeviceTree()
    for number, values in enumerate(domains):
        said = {"device_type": b"memory\0", "ibm,associativity": cells(*values)}
        tree.add_node(f"/memory@{number:x}", said)
    assert boot_domains(tree) == expected


def test_node_that_nobody_has():
    """Four thousand million nodes are not made up."""
    tree = DeviceTree()
    said = {"device_type": b"memory\0", "ibm,associativity": cells(1, 0xFFFFFFFF)}
    tree.add_node("/memory@0", said)
    with pytest.raises(DecodeError, match="names node 4294967295") as caught:
        Numa.from_tree(tree)
    assert caught.value.offset == 4


def test_trees_of_the_package():
    """One node in the default tree, by FORM2; two by FORM1, 20 apart."""
    assert Numa.from_tree(DeviceTree.from_dtb(default_tree_bytes())) == Numa.of(
        1, {}, 2
    )
    two = DeviceTree.from_dtb((DATA / "numa.dtb").read_bytes())
    assert Numa.from_tree(two) == Numa.of(2)
    assert form_of(DeviceTree()) == 1


def test_tree_of_the_corpus(real_trees):
    """Two nodes 40 apart: every associativity in the tree is computed."""
    tree = DeviceTree.from_dtb(real_trees["numa2-smp8.dtb"])
    numa = Numa.of(2, {(0, 1): 40})
    assert Numa.from_tree(tree) == numa
    check_tree(tree, numa)


def check_tree(tree, numa):
    """Everything that a tree says of associativity is what *numa* says."""
    seen = 0
    for node in tree.nodes():
        if "ibm,associativity" not in node:
            continue
        ids = node.u32s("ibm,associativity")
        if node.get("device_type") == b"cpu\0":
            expected = numa.cpu(ids[-2], ids[-1])
        else:
            expected = numa.memory(ids[-1])
        assert node["ibm,associativity"] == expected, node.path
        seen += 1
    assert seen
    for name, value in numa.rtas_properties().items():
        assert tree["/rtas"][name] == value, name
    drmem = tree.get("/ibm,dynamic-reconfiguration-memory")
    if drmem is not None:
        assert drmem["ibm,associativity-lookup-arrays"] == numa.lookup_arrays()


@pytest.mark.skipif(QEMU is None, reason="needs qemu-system-ppc64")
@pytest.mark.parametrize("vector", [V1, LINUX], ids=["form1", "form2"])
@pytest.mark.parametrize(
    "distances",
    [(20, 40, 80), (11, 31, 61), (160, 12, 30), (32, 62, 121), (60, 120, 20)],
    ids=str,
)
def test_qemu_computes_the_same(vector, distances):
    """Three nodes, memory and a core on each."""
    pairs = dict(zip(((0, 1), (0, 2), (1, 2)), distances, strict=True))
    machine = ["-smp", "3,maxcpus=3", "-m", "3G,slots=4,maxmem=5G"]
    for n in range(3):
        machine += ["-object", f"memory-backend-ram,id=r{n},size=1G"]
        machine += ["-numa", f"node,nodeid={n},memdev=r{n},cpus={n}"]
    for (src, dst), distance in pairs.items():
        machine += ["-numa", f"dist,src={src},dst={dst},val={distance}"]
    with qemu_machine(machine, vector) as qemu:
        tree = qemu.device_tree()
    check_tree(tree, Numa.of(3, pairs, 1 if vector is V1 else 2))

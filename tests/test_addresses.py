"""`reg`, `ranges`, translation: values worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydlpar import (
    ArgumentError,
    DeviceTree,
    NotFoundError,
    PciAddress,
    Range,
    Region,
    TreeError,
)

IO, MEM32, MEM64 = 1 << 88, 2 << 88, 3 << 88  # the space, in the first of three cells


def _bus(tree, path, cells, ranges=None):
    """A bus of some address and size cells; *ranges* None: no such property."""
    node = tree.add_node(path, {})
    node.set_u32("#address-cells", cells[0])
    node.set_u32("#size-cells", cells[1])
    if ranges is not None:
        node.set_ranges(*ranges)
    return node


@pytest.fixture
def tree() -> DeviceTree:
    """The root of 2+2 cells, a bus of 1+1 mapped twice, one of 1+1 below it."""
    tree = DeviceTree()
    tree.root.set_u32("#address-cells", 2)
    tree.root.set_u32("#size-cells", 2)
    soc = [(0x1000, 0x1_0000_0000, 0x1000), (0x8000, 0xF000_0000_0000, 0x8000)]
    _bus(tree, "/soc", (1, 1), soc)
    _bus(tree, "/soc/bus@8000", (1, 1), [(0, 0x8000, 0x100), (0x200, 0x1F00, 0x100)])
    tree.add_node("/soc/bus@8000/dev@10", {})
    return tree


def test_cells_of_a_blob_that_tests_libfdt(corpus):
    """Values, defaults, and what cannot be; libfdt also refuses 0 address cells."""
    libfdt = pytest.importorskip("libfdt", reason="pylibfdt is the oracle")
    for name in ("addresses.test.dtb", "default-addr-size.test.dtb"):
        blob = (corpus / "dtc-tests" / name).read_bytes()
        tree, fdt = DeviceTree.from_dtb(blob), libfdt.Fdt(blob)
        for node in tree.nodes():
            at = fdt.path_offset(node.path)
            for ours, theirs, kind in [
                (lambda n: n.address_cells, libfdt.fdt_address_cells, "#address-cells"),
                (lambda n: n.size_cells, libfdt.fdt_size_cells, "#size-cells"),
            ]:
                expected = theirs(fdt._fdt, at)
                if expected >= 0:
                    assert ours(node) == expected
                elif node.get(kind) != bytes(4):
                    with pytest.raises(TreeError, match=f"{node.path}, .*{kind}"):
                        ours(node)


def test_defaults_are_not_inherited():
    """2 and 1 where a node does not say, whatever is said above it."""
    tree = DeviceTree()
    tree.root.set_u32("#address-cells", 1)
    tree.root.set_u32("#size-cells", 2)
    node = tree.add_node("/a", {})
    assert (tree.root.address_cells, tree.root.size_cells) == (1, 2)
    assert (node.address_cells, node.size_cells) == (2, 1)


@pytest.mark.parametrize(
    ("cells", "regions", "value"),
    [
        ((1, 1), [(0x10, 4)], "00000010 00000004"),
        ((2, 1), [(1 << 32, 4)], "00000001 00000000 00000004"),
        ((1, 0), [(3, 0), (4, 0)], "00000003 00000004"),
        ((2, 2), [(1, 2)], "00000000 00000001 00000000 00000002"),
        ((3, 2), [(MEM32 | 9, 1)], "02000000 00000000 00000009 00000000 00000001"),
        ((1, 1), [], ""),
    ],
)
def test_reg_by_the_parents_cells(cells, regions, value):
    tree = DeviceTree()
    node = _bus(tree, "/bus", cells)
    device = tree.add_node("/bus/dev", {})
    device.set_reg(*regions)
    assert device["reg"] == bytes.fromhex(value)
    assert device.reg() == regions
    assert all(type(region) is Region for region in device.reg())
    device.set_reg(*regions, name="assigned-addresses")
    assert device.reg("assigned-addresses") == regions
    assert node.address_cells == cells[0]


def test_reg_that_cannot_be(tree):
    device = tree["/soc/bus@8000/dev@10"]
    with pytest.raises(NotFoundError, match="dev@10, property 'reg'"):
        device.reg()
    device["reg"] = bytes(12)
    with pytest.raises(TreeError, match="12 bytes, expected records of 8"):
        device.reg()
    with pytest.raises(ArgumentError, match="expected 0 to 0xffffffff"):
        device.set_reg((1 << 32, 1))
    with pytest.raises(ArgumentError, match="root is on no bus"):
        tree.root.reg()
    with pytest.raises(ArgumentError, match="root is on no bus"):
        tree.root.translate(0)
    tree["/soc/bus@8000"].set_u32("#size-cells", 0)
    with pytest.raises(ArgumentError, match="expected 0 to 0x0"):
        device.set_reg((1, 1))
    tree["/soc/bus@8000"].set_u32("#size-cells", 5)
    with pytest.raises(TreeError, match="'#size-cells': 5, expected 0 to 4"):
        device.reg()


def test_ranges_missing_empty_and_not(tree):
    """None maps nothing, empty maps all."""
    soc = tree["/soc"]
    assert soc.ranges() == [
        Range(0x1000, 0x1_0000_0000, 0x1000),
        Range(0x8000, 0xF000_0000_0000, 0x8000),
    ]
    assert soc.dma_ranges() is None
    soc.set_ranges(name="dma-ranges")
    assert soc.dma_ranges() == []
    soc["ranges"] = bytes(15)
    with pytest.raises(TreeError, match="/soc, property 'ranges': 15 bytes"):
        soc.ranges()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (0x0, 0xF000_0000_0000),
        (0x10, 0xF000_0000_0010),
        (0xFF, 0xF000_0000_00FF),
        (0x200, 0x1_0000_0F00),
        (0x2FF, 0x1_0000_0FFF),
    ],
)
def test_translation_through_two_buses(tree, address, expected):
    device = tree["/soc/bus@8000/dev@10"]
    assert device.translate(address) == expected
    device.set_reg((address, 1))
    assert device.resources() == [Region(expected, 1)]


@pytest.mark.parametrize(
    ("address", "size"), [(0x100, 1), (0x1FF, 1), (0x300, 1), (0xF0, 0x11), (0, 0x400)]
)
def test_address_in_no_range(tree, address, size):
    """Or not with all of its bytes."""
    device = tree["/soc/bus@8000/dev@10"]
    with pytest.raises(NotFoundError, match=f"bus@8000, .*holds {address:#x} "):
        device.translate(address, size)


def test_translation_stops_where_a_bus_is_not_mapped(tree):
    device = tree["/soc/bus@8000/dev@10"]
    del tree["/soc"]["ranges"]
    with pytest.raises(NotFoundError, match="/soc, property 'ranges': not found"):
        device.translate(0)
    tree["/soc"].set_ranges()
    assert device.translate(0x10) == 0x8010


def test_dma_by_its_own_ranges(tree):
    """Missing is the identity, as in Linux; one that is there counts."""
    device = tree["/soc/bus@8000/dev@10"]
    assert device.translate(0x123, dma=True) == 0x123
    tree["/soc"].set_ranges((0, 0x8000_0000, 0x1000), name="dma-ranges")
    assert device.translate(0x123, dma=True) == 0x8000_0123
    with pytest.raises(NotFoundError, match="'dma-ranges'"):
        device.translate(0x1000, dma=True)


def test_addresses_that_do_not_fit(tree):
    device = tree["/soc/bus@8000/dev@10"]
    for address in (-1, 1 << 32):
        with pytest.raises(ArgumentError, match="expected 1 cells"):
            device.translate(address)
    with pytest.raises(ArgumentError, match="size 0"):
        device.translate(0, 0)
    tree["/soc/bus@8000"].set_ranges((0, 0xFFFF_FFF0, 0x100))
    with pytest.raises(TreeError, match="0x100000000, expected 1 cells"):
        device.translate(0x10)
    _bus(tree, "/wide", (2, 1), [])
    _bus(tree, "/wide/narrow", (1, 1), [])
    _bus(tree, "/wide/narrow/wide", (2, 1), [])
    deep = tree.add_node("/wide/narrow/wide/dev", {})
    assert deep.translate(5) == 5
    with pytest.raises(TreeError, match="/wide/narrow/wide, property 'ranges'"):
        deep.translate(1 << 32)


@given(
    st.lists(st.tuples(st.integers(0, 3), *[st.integers(0, 0xF00)] * 2), max_size=5),
    st.integers(0, 0x4FFF),
)
def test_first_range_that_holds_it_counts(ranges, address):
    """Against the rule said in a line."""
    tree = DeviceTree()
    entries = [(c << 12, 0x10000 + p, size) for c, p, size in ranges]
    _bus(tree, "/bus", (1, 1), entries or [(0, 0, 0)])
    device = tree.add_node("/bus/dev", {})
    hits = [p + address - c for c, p, size in entries if c <= address < c + size]
    if hits:
        assert device.translate(address) == hits[0]
    else:
        with pytest.raises(NotFoundError):
            device.translate(address)


def _pci_tree() -> DeviceTree:
    """A host as in a server's tree, and a bridge below it."""
    tree = DeviceTree()
    host = _bus(
        tree,
        "/pci@1",
        (3, 2),
        [
            (IO, 0x2000_0000_0000, 0x10000),
            (MEM32 | 0x8000_0000, 0x2000_8000_0000, 0x8000_0000),
            (MEM64 | 0x2100_0000_0000, 0x2100_0000_0000, 0x100_0000_0000),
        ],
    )
    host.set_string("device_type", "pci")
    bridge = [(MEM32 | 0xC000_0000, MEM32 | 0xC000_0000, 0x100_0000)]
    _bus(tree, "/pci@1/pci@2", (3, 2), bridge).set_string("device_type", "pci")
    tree.add_node("/pci@1/dev", {})
    tree.add_node("/pci@1/pci@2/dev", {})
    return tree


def _bar(space, address, **flags):
    return PciAddress(space, 0, 1, 0, 0x10, address, **flags).encode()


@pytest.mark.parametrize("path", ["/pci@1/dev", "/pci@1/pci@2/dev"])
def test_pci_memory_by_its_space_and_number(path):
    """Bus, device, function, register and flags do not matter, nor the width."""
    device = _pci_tree()[path]
    for space in (2, 3):
        for flags in ({}, {"fixed": True}, {"prefetchable": True, "aliased": True}):
            address = _bar(space, 0xC000_1000, **flags)
            assert device.translate(address, 0x1000) == 0x2000_C000_1000


def test_pci_spaces_are_apart():
    tree = _pci_tree()
    device = tree["/pci@1/dev"]
    assert device.translate(_bar(1, 0x3F8)) == 0x2000_0000_03F8
    assert device.translate(_bar(3, 0x2100_0000_0001)) == 0x2100_0000_0001
    for address in (_bar(0, 0), _bar(1, 0x8000_0000), _bar(2, 0x3F8)):
        with pytest.raises(NotFoundError):
            device.translate(address)
    with pytest.raises(NotFoundError, match="/pci@1/pci@2"):
        tree["/pci@1/pci@2/dev"].translate(_bar(1, 0x3F8))


def test_pci_bus_with_empty_ranges():
    """The number goes on, what says which space does not."""
    tree = _pci_tree()
    tree["/pci@1"].set_ranges()
    assert tree["/pci@1/dev"].translate(_bar(2, 0x9000_0000)) == 0x9000_0000
    tree["/pci@1/pci@2"].set_ranges()
    assert tree["/pci@1/pci@2/dev"].translate(_bar(2, 0x9000)) == 0x9000


def test_three_cells_that_are_not_pci():
    """All of the number counts; a node named pcie is PCI without a type."""
    tree = _pci_tree()
    del tree["/pci@1"]["device_type"]
    device = tree["/pci@1/dev"]
    assert device.translate(MEM32 | 0xC000_0000) == 0x2000_C000_0000
    with pytest.raises(NotFoundError):
        device.translate(_bar(2, 0xC000_0000))
    tree.rename(tree["/pci@1"], "pcie@1")
    assert device.translate(_bar(2, 0xC000_0000)) == 0x2000_C000_0000


def test_isa_addresses_are_two_cells():
    """The first says I/O or memory."""
    tree = _pci_tree()
    io = PciAddress.decode(IO).encode()
    _bus(tree, "/pci@1/isa@7", (2, 1), [(1 << 32, io, 0x10000)])
    device = tree.add_node("/pci@1/isa@7/serial", {})
    assert device.translate(1 << 32 | 0x3F8, 8) == 0x2000_0000_03F8
    with pytest.raises(NotFoundError):
        device.translate(0x3F8)


_parts = st.builds(
    PciAddress,
    st.integers(0, 3),
    st.integers(0, 255),
    st.integers(0, 31),
    st.integers(0, 7),
    st.integers(0, 255),
    st.integers(0, (1 << 64) - 1),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


@given(_parts)
def test_pci_addresses_survive(parts):
    assert PciAddress.decode(parts.encode()) == parts


def test_pci_address_of_a_bar():
    """npt000ss bbbbbbbb dddddfff rrrrrrrr, high and low: worked out by hand."""
    parts = PciAddress(2, 1, 2, 3, 0x14, 0x1234, False, True)
    assert parts.encode() == 0x42011314_00000000_00001234
    for wrong in (
        parts._replace(space=4),
        parts._replace(device=32),
        parts._replace(function=8),
        parts._replace(register=256),
        parts._replace(bus=-1),
        parts._replace(address=1 << 64),
    ):
        with pytest.raises(ArgumentError):
            wrong.encode()
    for number in (-1, 1 << 96):
        with pytest.raises(ArgumentError, match="three cells"):
            PciAddress.decode(number)


def test_real_pci_hosts(real_trees):
    """QEMU's host bridge: windows of I/O, 32-bit and 64-bit memory."""
    tree = DeviceTree.from_dtb(real_trees["pci8-virtio.dtb"])
    host = tree["/pci@800000020000000"]
    assert host.reg() == [(0x800000020000000, 0)]
    assert host.ranges() == [
        (IO, 0x2000_0000_0000, 0x10000),
        (MEM32 | 0x8000_0000, 0x2000_8000_0000, 0x8000_0000),
        (MEM64 | 0x2100_0000_0000, 0x2100_0000_0000, 0x100_0000_0000),
    ]
    device = host.children[0]
    config, io = device.reg()[:2]
    assert PciAddress.decode(config.address)[:4] == (0, 0, 1, 0)
    assert PciAddress.decode(io.address)[:5] == (1, 0, 1, 0, 0x10)
    assert device.translate(_bar(2, 0x8000_4000)) == 0x2000_8000_4000
    assert tree["/memory@0"].resources() == tree["/memory@0"].reg()
    with pytest.raises(NotFoundError, match="/cpus, property 'ranges'"):
        tree["/cpus"].children[0].resources()


def test_ranges_of_dtc_tests(corpus):
    path = corpus / "dtc-tests" / "pci-bridge-ok.test.dtb"
    tree = DeviceTree.from_dtb(path.read_bytes())
    assert tree["/pcie@10000000000"].reg() == [(0x100_0000_0000 >> 4, 0x1000)]
    assert tree["/pci"].ranges() == [(0, 0, 0x10000)]

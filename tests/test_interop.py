"""Trees from and to the forms of others."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plaintree import begin, blob, cell, content

from pydlpar import ArgumentError, DeviceTree


@pytest.fixture
def pyfdt():
    return pytest.importorskip("pyfdt.pyfdt")


def test_pyfdt_both_ways(real_trees):
    """The content survives: pyfdt orders its strings block anew."""
    pytest.importorskip("pyfdt")
    for name in ("smp4-2g.dtb", "phb4.dtb"):
        tree = DeviceTree.from_dtb(real_trees[name])
        fdt = tree.to_pyfdt()
        assert fdt.resolve_path("/cpus/#address-cells").words == [1]
        assert content(DeviceTree.from_pyfdt(fdt)) == content(tree)


VALUES = [
    b"",
    b"\0",
    b"\0\0\0\0",
    b"text\0",
    b"two\0strings\0",
    b"gap\0\0here\0",
    b"no end",
    b"tab\t\x0b\x0c\0",
    b"line\n\0",
    "n\u00e4me\0".encode(),
    b"\xff\xfe\x80",
    b"\x80\0\0\0",
    b"abc\0",
    bytes(range(256)),
]


def test_values_survive_whatever_pyfdt_guesses(pyfdt):
    """Strings, words or bytes: it is the same bytes that come back."""
    tree = DeviceTree()
    for i, value in enumerate(VALUES):
        tree.root[f"p{i}"] = value
        tree.add_node(f"/n{i}", {"value": value})
    fdt = tree.to_pyfdt()
    assert content(DeviceTree.from_pyfdt(fdt)) == content(tree)
    again = pyfdt.FdtBlobParse(io.BytesIO(fdt.to_dtb())).to_fdt()
    assert content(DeviceTree.from_pyfdt(again)) == content(tree)


@given(
    st.dictionaries(
        st.text("abc,-#", min_size=1), st.binary(max_size=9) | st.just(b"a\0b\0")
    )
)
def test_any_value_survives(values):
    pytest.importorskip("pyfdt")
    tree = DeviceTree()
    tree.add_node("/n", values)
    assert content(DeviceTree.from_pyfdt(tree.to_pyfdt())) == content(tree)


def test_header_survives(pyfdt):
    """Boot CPU and reservations, whatever address ends the map."""
    del pyfdt
    rsv = cell(0) + cell(5) + cell(0) + cell(6) + cell(1) + bytes(4 + 8)
    data = blob(begin() + cell(2) + cell(9), rsv=rsv, boot_cpu=3)
    tree = DeviceTree.from_dtb(data)
    fdt = tree.to_pyfdt()
    assert fdt.reserve_entries == [{"address": 5, "size": 6}]
    assert fdt.header["boot_cpuid_phys"] == 3
    back = DeviceTree.from_pyfdt(fdt)
    assert (back.boot_cpu, back.reservations) == (3, [(5, 6)])


def test_reserve_entry_of_size_zero_hides_no_other(pyfdt):
    """pyfdt alone reads on behind one."""
    fdt = DeviceTree().to_pyfdt()
    fdt.add_reserve_entries([{"address": 1, "size": 0}, {"address": 2, "size": 3}])
    assert DeviceTree.from_pyfdt(fdt).reservations == [(2, 3)]
    assert pyfdt.FdtBlobParse(io.BytesIO(fdt.to_dtb())).to_fdt().reserve_entries


def test_what_only_pyfdt_allows_is_read(pyfdt):
    """NOPs, a property after a subnode, an old version; the object stays as it was."""
    fdt = pyfdt.Fdt(version=3, last_comp_version=2, boot_cpuid_phys=1)
    root, child = pyfdt.FdtNode("/"), pyfdt.FdtNode("child")
    root.append(pyfdt.FdtNop())
    root.append(child)
    root.append(pyfdt.FdtPropertyWords("late", [1, 2]))
    child.append(pyfdt.FdtPropertyStrings("s", ["eight888"]))
    fdt.add_rootnode(root, prenops=[pyfdt.FdtNop()], postnops=[pyfdt.FdtNop()])
    header = dict(fdt.header)
    tree = DeviceTree.from_pyfdt(fdt)
    assert fdt.header == header
    assert tree.root.u32s("late") == (1, 2)
    assert tree["/child"].string("s") == "eight888"
    assert tree.boot_cpu == 1


def test_node_and_property_of_one_name(pyfdt):
    """Which pyfdt's own append() refuses."""
    del pyfdt
    tree = DeviceTree()
    tree.root["cache"] = cell(1)
    tree.add_node("/cache", {})
    assert content(DeviceTree.from_pyfdt(tree.to_pyfdt())) == content(tree)


@pytest.mark.parametrize("where", ["node", "property"])
def test_name_that_pyfdt_refuses_is_an_error(pyfdt, where):
    """Said with the path, not as pyfdt's bare Exception."""
    del pyfdt
    tree = DeviceTree()
    node = tree.add_node("/caf\u00e9" if where == "node" else "/cafe", {})
    if where == "property":
        node["caf\u00e9"] = b""
    with pytest.raises(ArgumentError, match=r"^/caf., 'caf\u00e9': pyfdt takes only"):
        tree.to_pyfdt()


def test_pyfdt_tree_without_a_root_is_an_error(pyfdt):
    with pytest.raises(ArgumentError, match="no root"):
        DeviceTree.from_pyfdt(pyfdt.Fdt())


def test_directory_becomes_a_tree(tmp_path):
    """Directories are nodes, files are properties, in alphabetical order."""
    (tmp_path / "cpus" / "cpu@1").mkdir(parents=True)
    (tmp_path / "cpus" / "cpu@0").mkdir()
    (tmp_path / "cpus" / "cpu@0" / "reg").write_bytes(cell(0))
    (tmp_path / "model").write_bytes(b"x\0")
    tree = DeviceTree.from_filesystem(tmp_path)
    assert [node.path for node in tree.nodes()] == [
        "/",
        "/cpus",
        "/cpus/cpu@0",
        "/cpus/cpu@1",
    ]
    assert tree.root.string("model") == "x"
    assert tree["/cpus/cpu@0"]["reg"] == cell(0)


def test_missing_directory_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        DeviceTree.from_filesystem(tmp_path / "none")

"""Trees from and to the forms of others."""

from __future__ import annotations

import pytest
from plaintree import cell, content

from pydlpar import DeviceTree


def test_pyfdt_both_ways(real_trees):
    """The content survives: pyfdt orders its strings block anew."""
    pytest.importorskip("pyfdt")
    for name in ("smp4-2g.dtb", "phb4.dtb"):
        tree = DeviceTree.from_dtb(real_trees[name])
        fdt = tree.to_pyfdt()
        assert fdt.resolve_path("/cpus/#address-cells").words == [1]
        assert content(DeviceTree.from_pyfdt(fdt)) == content(tree)


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

"""The LMB table written to its property: which one, what was there, what is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydlpar._ffi import ffi, lib
from pydlpar.drmem import LmbTable
from pydlpar.errors import ArgumentError, NotFoundError
from pydlpar.tree import DeviceTree

V1, V2 = "ibm,dynamic-memory", "ibm,dynamic-memory-v2"
PATH = "/ibm,dynamic-reconfiguration-memory"
LMB = 256 << 20


def table(count=4, **options):
    """LMBs of which no two are alike, so that no set has two of them."""
    rows = [(n * LMB, 0x80000000 | n, n, 8) for n in range(count)]
    return LmbTable(rows, LMB, **options)


def tree_with(**properties):
    tree = DeviceTree()
    names = {"v1": V1, "v2": V2}
    node = tree.add_node(PATH, {names[key]: data for key, data in properties.items()})
    return tree, node


@pytest.mark.parametrize(("key", "name"), [("v1", V1), ("v2", V2)])
def test_the_property_that_is_there_is_written(key, name):
    """Path, name, old and new value are told; the other one is not made."""
    tree, node = tree_with(**{key: b"was here"})
    lmbs = table()
    new = lmbs.to_v1() if key == "v1" else lmbs.to_v2()
    assert lmbs.store(tree, PATH) == (PATH, name, b"was here", new)
    assert dict(node.properties) == {name: new}


def test_version_1_wins():
    """As in Linux, which writes only this one where both are there."""
    tree, node = tree_with(v1=b"", v2=b"two")
    assert table().store(tree, PATH) == (PATH, V1, b"", table().to_v1())
    assert node[V2] == b"two"


def test_an_equal_value_is_not_written():
    """Nothing is told, and the tree has not been edited."""
    tree, _ = tree_with(v2=table().to_v2())
    before = tree.edits
    assert table().store(tree, PATH) is None
    assert tree.edits == before


def test_without_a_property_there_is_nothing_to_write_to():
    tree, _ = tree_with()
    before = tree.to_dtb()
    with pytest.raises(NotFoundError):
        table().store(tree, PATH)
    assert tree.to_dtb() == before


def test_without_the_node_there_is_nothing_either():
    with pytest.raises(NotFoundError, match="LMBs to /ibm,dyn"):
        table().store(DeviceTree(), PATH)


def test_the_path_is_the_nodes():
    """Also where it has a unit address that was not said."""
    tree = DeviceTree()
    tree.add_node("/a", {})
    node = tree.add_node(f"/a{PATH}@5", {V2: b""})
    assert table().store(tree, f"/a{PATH}")[0] == node.path == f"/a{PATH}@5"


@given(st.binary(max_size=5000), st.integers(0, 300), st.booleans())
def test_values_of_any_size(old, count, first):
    """The old one, the new one and the path are told whole, however long."""
    tree, node = tree_with(**{"v1" if first else "v2": old})
    lmbs = table(count)
    new = lmbs.to_v1() if first else lmbs.to_v2()
    name = V1 if first else V2
    assert lmbs.store(tree, PATH) == (None if old == new else (PATH, name, old, new))
    assert node[name] == new


def test_sets_are_merged_as_by_the_kernel():
    """Across a gap, where that is asked for."""
    rows = [(n * LMB, 0x80000000 | n, 0, 8) for n in (0, 2)]
    lmbs = LmbTable(rows, LMB)
    tree, node = tree_with(v2=b"")
    lmbs.store(tree, PATH, "kernel")
    assert node[V2] == lmbs.to_v2("kernel") != lmbs.to_v2()


def test_a_base_that_needs_two_cells_is_refused():
    """The property stays as it was."""
    tree, _ = tree_with(v1=b"old")
    lmbs = LmbTable([(1 << 40, 0x80000000, 0, 8)], LMB, 1, address_cells=1)
    before = tree.to_dtb()
    with pytest.raises(ArgumentError):
        lmbs.store(tree, PATH)
    assert tree.to_dtb() == before


def test_in_a_transaction_it_is_undone():
    tree, node = tree_with(v2=b"old")
    transaction = tree.transaction()
    with transaction:
        table().store(tree, PATH)
        transaction.rollback()
    assert node[V2] == b"old"


@pytest.mark.parametrize("short", range(1, 200, 7))
def test_too_small_a_buffer_changes_nothing(short):
    """Wherever it ends: in the old value, in the new one, or in the path."""
    tree, node = tree_with(v2=b"old value")
    lmbs = ffi.new("struct dlpar_lmb[]", [(n * LMB, n, n, 8, 0) for n in range(6)])
    did = ffi.new("struct dlpar_drmem_stored *")
    need = 9 + len(table(6).to_v2()) + len(PATH)
    cap = max(need - short, 0)
    out = ffi.new("uint8_t[]", need)
    form = ffi.new("struct dlpar_drmem_form *", [LMB, 2, 0])
    arguments = PATH.encode(), len(PATH), lmbs, 6, form
    assert (
        lib.dlpar_drmem_store(tree.ptr, did, out, cap, *arguments)
        == lib.DLPAR_ERR_NOSPACE
    )
    assert (did.old_len, node[V2]) == (0, b"old value")
    assert lib.dlpar_drmem_store(tree.ptr, did, out, need, *arguments) == 2
    assert (did.old_len, did.path_len, did.changed) == (9, len(PATH), 1)

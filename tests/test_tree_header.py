"""Memory reservations and the boot CPU: edits, undone as others are."""

from __future__ import annotations

import pytest
from plaintree import begin, blob, cell

from pydlpar import ArgumentError, DeviceTree, NotFoundError, Reservation, TreeError
from pydlpar._ffi import lib

libfdt = pytest.importorskip("libfdt", reason="pylibfdt is the oracle")


def _read(tree: DeviceTree):
    """Reservations and boot CPU as libfdt reads them from what is written."""
    fdt = libfdt.Fdt(tree.to_dtb())
    entries = [tuple(fdt.get_mem_rsv(i)) for i in range(fdt.num_mem_rsv())]
    return entries, fdt.boot_cpuid_phys()


def test_reservations_are_added_removed_and_replaced(small_tree):
    tree = DeviceTree.from_dtb(small_tree)
    tree.reserve(0x1000, 0x2000)
    tree.reserve(0xFFFFFFFFFFFF0000, 0x10000)
    assert tree.reservations[-1] == Reservation(0xFFFFFFFFFFFF0000, 0x10000)
    assert _read(tree)[0] == tree.reservations
    tree.unreserve(0)
    assert _read(tree)[0] == tree.reservations == [(0xFFFFFFFFFFFF0000, 0x10000)]
    tree.reservations = [(1, 2), Reservation(3, 4), (5, 6)]
    assert _read(tree)[0] == [(1, 2), (3, 4), (5, 6)]
    tree.unreserve(1)
    assert _read(tree)[0] == tree.reservations == [(1, 2), (5, 6)]
    tree.reservations = []
    assert _read(tree)[0] == tree.reservations == []


def test_boot_cpu_is_set(small_tree):
    tree = DeviceTree.from_dtb(small_tree)
    for cpu in (8, 0xFFFFFFFF, 0):
        tree.boot_cpu = cpu
        assert tree.boot_cpu == _read(tree)[1] == cpu


def test_roll_back_restores_the_header(small_tree):
    """In any order with other edits; the blob is again what it was."""
    tree = DeviceTree.from_dtb(small_tree)
    with tree.transaction() as outer:
        tree.boot_cpu = 3
        tree.reserve(1, 2)
        with tree.transaction() as inner:
            tree.reservations = [(7, 8)]
            tree.root["x"] = b"1"
            tree.boot_cpu = 4
            inner.rollback()
        assert (tree.boot_cpu, tree.reservations) == (3, [(1, 2)])
        with tree.transaction():
            tree.unreserve(0)
            tree.reserve(9, 9)
        outer.rollback()
    assert tree.to_dtb() == small_tree
    assert (tree.boot_cpu, tree.reservations) == (0, [])


def test_commit_keeps_the_header_and_frees_the_rest():
    tree = DeviceTree()
    for i in range(100):
        with tree.transaction():
            tree.reservations = [(i, 1)] * 500
            tree.boot_cpu = i
        if i == 5:
            memory = tree.memory
    assert tree.memory == memory
    assert (tree.boot_cpu, tree.reservations[0]) == (99, (99, 1))


def test_entries_that_cannot_be(small_tree):
    tree = DeviceTree.from_dtb(small_tree)
    for address, size in [(0, 0), (1, 0), (-1, 1), (1 << 64, 1), (0, 1 << 64)]:
        with pytest.raises(ArgumentError, match="above 0"):
            tree.reserve(address, size)
        with pytest.raises(ArgumentError, match="above 0"):
            tree.reservations = [(1, 1), (address, size)]
    with pytest.raises(NotFoundError, match="reservation 0"):
        tree.unreserve(0)
    with pytest.raises(ArgumentError):
        tree.unreserve(-1)
    for cpu in (-1, 1 << 32):
        with pytest.raises(ArgumentError, match="boot CPU"):
            tree.boot_cpu = cpu
    assert tree.to_dtb() == small_tree


def test_core_refuses_an_entry_that_ends_the_map():
    tree = DeviceTree()
    assert lib.dlpar_tree_reserve(tree.ptr, 5, 0) == lib.DLPAR_ERR_BADARG
    pairs = (1, 1, 2, 0)
    assert lib.dlpar_tree_set_reservations(tree.ptr, pairs, 2) == lib.DLPAR_ERR_BADARG
    assert tree.reservations == []


@pytest.mark.parametrize("version", range(1, 16))
def test_old_versions_are_an_error_that_says_where(version):
    """1 to 15 have another structure block; libfdt reads from 2 on, nobody writes."""
    data = blob(
        begin() + cell(2) + cell(9), version=version, last_comp=min(version, 16)
    )
    with pytest.raises(TreeError, match=f"version {version}, read by") as caught:
        DeviceTree.from_dtb(data)
    assert caught.value.code == lib.DLPAR_ERR_BADVERSION
    assert caught.value.offset == 20

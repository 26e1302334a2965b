"""Differences of two trees: what a reader needs."""

from __future__ import annotations

import pytest
from plaintree import cell

from pydlpar import Change, DeviceTree
from pydlpar.dts import change_lines


@pytest.fixture
def trees() -> tuple[DeviceTree, DeviceTree]:
    old = DeviceTree()
    old.add_node("/cpus", {"a": cell(1), "b": b"x\0", "gone": b""})
    old.add_node("/cpus/cpu@0", {"reg": cell(0)})
    new = DeviceTree.from_dtb(old.to_dtb())
    new.remove_node("/cpus/cpu@0")
    new.add_node("/cpus/cpu@1", {"reg": cell(1)})
    new.add_node("/cpus/cpu@1/cache", {})
    new["/cpus"]["a"] = cell(2)
    new["/cpus"]["new"] = b""
    del new["/cpus"]["gone"]
    return old, new


def test_difference_tells_nodes_and_properties(trees):
    old, new = trees
    assert old.diff(new) == [
        Change("set", "/cpus", "a", cell(1), cell(2)),
        Change("set", "/cpus", "gone", b"", None),
        Change("set", "/cpus", "new", None, b""),
        Change("remove", "/cpus/cpu@0"),
        Change("add", "/cpus/cpu@1"),
    ]
    assert old.diff(old) == []


def test_difference_as_text(trees):
    old, new = trees
    assert list(change_lines(old.diff(new), old, new)) == [
        "@@ /cpus @@",
        "-a = <0x01>;",
        "+a = <0x02>;",
        "@@ /cpus @@",
        "-gone;",
        "@@ /cpus @@",
        "+new;",
        "@@ /cpus @@",
        "-cpu@0 {",
        "-\treg = <0x00>;",
        "-};",
        "@@ /cpus @@",
        "+cpu@1 {",
        "+\treg = <0x01>;",
        "+",
        "+\tcache {",
        "+\t};",
        "+};",
    ]

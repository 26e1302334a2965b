"""Differences as text for people."""

from __future__ import annotations

from changetrees import change_cpus
from plaintree import cell

from pydlpar import Change, DeviceTree, change_lines


def test_difference_as_text():
    """Under the path of the node, and whole subtrees as source."""
    old = DeviceTree()
    old.add_node("/cpus", {"a": cell(1), "b": b"x\0", "gone": b""})
    old.add_node("/cpus/cpu@0", {"reg": cell(0)})
    new = old.copy()
    change_cpus(new)
    new.add_node("/first", {}, first=True)
    assert list(change_lines(old.diff(new))) == [
        "@@ / @@",
        "+first {",
        "+};",
        "@@ /cpus @@",
        "-gone;",
        "@@ /cpus @@",
        "+new;",
        "@@ /cpus @@",
        "-a = <0x01>;",
        "+a = <0x02>;",
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


def test_moves_and_the_header_as_text():
    """What moved is neither lost nor new; properties of the root are no header."""
    entry = bytes(7) + b"\1" + bytes(6) + b"\x10\0"
    changes = [
        Change("reservations", "/", None, b"", entry),
        Change("boot_cpu", "/", None, cell(0), cell(4)),
        Change("set", "/", "model", b"a\0", b"b\0"),
        Change("move", "/cpus/cpu@1", None, was_after="cpu@0", after=""),
        Change("move", "/cpus", "reg", was_after="", after=None),
    ]
    assert list(change_lines(changes)) == [
        "@@ / @@",
        "+/memreserve/\t0x0000000000000001 0x0000000000001000;",
        "@@ / @@",
        "-boot CPU 0",
        "+boot CPU 4",
        "@@ / @@",
        '-model = "a";',
        '+model = "b";',
        "@@ /cpus @@",
        "~cpu@1: was behind cpu@0, is first",
        "@@ /cpus @@",
        "~reg: was first, is last",
    ]

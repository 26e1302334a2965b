"""The list of what is mended, and the switches: what is on, what each one does."""

from __future__ import annotations

import errno
import re
from typing import get_args

import pytest
from io_script import PMEM, add, carry_out, device_properties, io_tree, unchanged
from io_script import online as bound
from script import (
    NO_EVENT,
    UNUSABLE,
    Script,
    acquired,
    add_lmbs,
    configured,
    cpu_drc,
    cpu_fragment,
    event,
    lmb_drc,
    make_tree,
    offline,
    online,
    released,
    sensor,
    usable,
)

import pydlpar
from pydlpar.constants import Action, Resource
from pydlpar.dispatch import Dispatcher
from pydlpar.errors import ArgumentError
from pydlpar.operations.behaviour import behaviour_of, read_quirks
from pydlpar.operations.mended import MENDED
from pydlpar.operations.quirks import Cause, Quirk
from pydlpar.partition import Partition
from pydlpar.request import DIALECTS, HotplugRequest
from pydlpar.rtas import epow_event, hotplug_event
from pydlpar.tree import DeviceTree

C1, C2 = cpu_drc(1), cpu_drc(2)
ADD_2 = HotplugRequest.index(Resource.CPU, Action.ADD, C2)
ADDED = [acquired(C2), configured(C2, cpu_fragment(2)), online(2)]

ALWAYS = {
    Quirk.LOST_CHILDREN,
    Quirk.MIGRATED_CHILDREN,
    Quirk.OFDT_BOUND,
    Quirk.POSITIVE_STATUS,
    Quirk.RESERVED_WALK,
    Quirk.STALE_LOG,
    Quirk.UPDATE_DESYNC,
}
TABLE = ALWAYS | {Quirk.V2_MERGE}
KERNEL = {
    "4.1": ALWAYS,
    "4.5": ALWAYS | {Quirk.DRC_INFO_COUNT},
    "4.10": ALWAYS | {Quirk.DRC_INFO_COUNT},
    "4.16": TABLE | {Quirk.DRC_INFO_COUNT},
    "5.14": TABLE | {Quirk.DRC_INFO_COUNT, Quirk.SIGNED_COUNT},
    "5.16": TABLE | {Quirk.SIGNED_COUNT},
    "6.12": TABLE | {Quirk.SIGNED_COUNT, Quirk.DT_DRC_INFO},
    "6.17": TABLE | {Quirk.SIGNED_COUNT},
}
BY_DEFAULT = {Quirk.DRC_INFO_COUNT, Quirk.DT_DRC_INFO, Quirk.RESERVED_WALK}


def test_every_switch_is_in_the_list_once():
    """And what has none is not defined."""
    assert pydlpar.MENDED is MENDED
    assert sorted(item.quirk.value for item in MENDED if item.quirk) == sorted(
        quirk.value for quirk in pydlpar.Quirk
    )
    names = [item.name for item in MENDED]
    assert len(set(names)) == len(names)
    for item in MENDED:
        assert (item.cause == "defined") == (item.quirk is not None), item.name
        assert item.quirk is None or item.name == item.quirk.value
        assert item.quirk or not item.followed
        assert item.cause in get_args(Cause)
        assert item.dialects, item.name
        assert item.linux != item.model


def test_dialects_are_those_with_a_release_that_has_it():
    """The dialect 4.10 stands for all up to 5.15."""
    found = {item.name: item.dialects for item in MENDED}
    assert found["v2-merge"] == ("4.10", "5.16", "6.12")
    assert found["empty-table"] == ("4.10",)
    assert found["drc-info-count"] == ("4.5", "4.10")
    assert found["dt-drc-info"] == ("6.12",)
    assert found["stale-log"] == tuple(DIALECTS)


def test_every_numbered_bug_that_is_not_followed_is_in_the_list():
    """8.1: the others are done as Linux does them; docs/dialects.md names them."""
    found = {n for item in MENDED for n in re.findall(r"B\d+", item.reference)}
    assert found == {
        f"B{n}" for n in (*range(1, 9), 11, 12, 14, 15, 17, *range(19, 23))
    }


@pytest.mark.parametrize("line", list(KERNEL))
def test_what_a_line_has(line):
    """What "kernel" stands for, and what is on without being asked for."""
    assert behaviour_of(line, "kernel").quirks == KERNEL[line]
    assert behaviour_of(line).quirks == KERNEL[line] & BY_DEFAULT
    assert behaviour_of(line, "none").quirks == set()
    assert behaviour_of(line, ()) == behaviour_of(line, "none")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v2-merge", {Quirk.V2_MERGE}),
        ("v2-merge,stale-log", {Quirk.V2_MERGE, Quirk.STALE_LOG}),
        ("kernel,drmgr-blind", KERNEL["6.12"] | {Quirk.DRMGR_BLIND}),
        ("none,v2-merge", {Quirk.V2_MERGE}),
    ],
)
def test_names(text, expected):
    """A name need not be one that the release has."""
    assert read_quirks(text, "6.12") == expected
    target = Dispatcher(Partition(make_tree()), Script(), quirks=text)
    assert target.behaviour.quirks == expected


@pytest.mark.parametrize(
    "text", ["", "v2_merge", "kernel,", "kernel, none", "V2_MERGE"]
)
def test_other_names_are_refused(text):
    with pytest.raises(ArgumentError, match="expected kernel, none, drc-info-count"):
        read_quirks(text, "6.12")
    with pytest.raises(ArgumentError):
        Dispatcher(Partition(make_tree()), Script(), quirks=text)


@pytest.mark.parametrize("dialect", list(DIALECTS)[1:])
@pytest.mark.parametrize("quirks", [None, "none", "kernel"])
def test_what_meets_no_bug_is_the_same(dialect, quirks):
    """With any switches."""
    tree = make_tree()
    script = Script(ADDED, offline(1), released(C1))
    target = Dispatcher(Partition(tree), script, dialect, quirks=quirks)
    assert target.write("cpu add index 0x10000002") > 0
    assert target.write("cpu remove index 0x10000001") > 0
    script.finish()
    assert tree.to_dtb() == make_tree((0, 2)).to_dtb()


@pytest.mark.parametrize("status", [1, 42, 9000])
def test_positive_status(status):
    """2.4: a count of bytes to the writer; EIO in the record either way."""
    for quirks, result in (("none", -errno.EIO), ("kernel", status)):
        partition = Partition(add_lmbs(make_tree(), 0))
        index = lmb_drc(0)
        script = Script(sensor(index, UNUSABLE), usable(index, status))
        target = Dispatcher(partition, script, quirks=quirks)
        assert target.write(f"memory add index {index}") == result
        script.finish()
        assert (target.last.errno, target.last.leaked) == (errno.EIO, status)
        assert target.last.changes == []
    assert target.write("memory add count 0") == -errno.EINVAL
    assert (target.last.leaked, Dispatcher(partition, script).last) == (0, None)
    assert target.write("junk") == -errno.EINVAL
    assert target.last.leaked == 0


def with_children(fragment):
    tree = DeviceTree.from_dtb(fragment)
    tree.add_node(f"{tree.root.children[0].path}/child", {"x": b""})
    return tree.to_dtb()


@pytest.mark.parametrize("dialect", list(DIALECTS)[1:])
def test_lost_children_of_a_cpu(dialect):
    """4.3, 4.8, B21: of its siblings, none is lost where they are attached at all."""
    data = with_children(cpu_fragment(2, siblings=[("l2-cache@2", {})]))
    steps = [acquired(C2), configured(C2, data), online(2)]
    for quirks, kept in (("none", True), ("kernel", False)):
        tree = make_tree()
        target = Dispatcher(Partition(tree), Script(*steps), dialect, quirks=quirks)
        assert target.handle(ADD_2).errno == 0
        assert ("/cpus/PowerPC,POWER9@2/child" in tree) == kept
        assert ("/cpus/l2-cache@2" in tree) == (dialect in ("5.16", "6.12"))


def test_lost_children_of_persistent_memory():
    """4.5, 4.8: siblings too."""
    made = DeviceTree()
    made.add_node("/ibm,pmemory@1", device_properties(PMEM))
    made.add_node("/ibm,pmemory@1/child", {})
    made.add_node("/other@2", {})
    above = "/ibm,persistent-memory"
    for quirks, kept in (("none", True), ("kernel", False)):
        tree = io_tree()
        tree.add_node(above, {"device_type": b"ibm,persistent-memory\0"})
        steps = [acquired(PMEM), configured(PMEM, made.to_dtb()), bound(PMEM)]
        request = add(PMEM, Resource.PMEM)
        options = {"user_space": False, "quirks": quirks}
        assert carry_out(tree, request, *steps, **options).errno == 0
        for path in ("ibm,pmemory@1/child", "other@2"):
            assert (f"{above}/{path}" in tree) == kept
        assert f"{above}/ibm,pmemory@1" in tree


@pytest.mark.parametrize("quirks", ["none", "kernel"])
def test_a_damaged_fragment_is_no_matter_of_switches(quirks):
    tree = make_tree()
    steps = [acquired(C2), configured(C2, b"junk"), released(C2)]
    done = unchanged(tree, ADD_2, *steps, user_space=False, quirks=quirks)
    assert done.errno == errno.EINVAL


def test_stale_log_at_the_hotplug_interrupt():
    """B2: a spurious interrupt replays the last event; the second add is refused."""
    log = event(hotplug_event(ADD_2))
    for quirks, replayed in (("none", 0), ("kernel", 1)):
        script = Script(NO_EVENT, log, ADDED, NO_EVENT, NO_EVENT)
        target = Dispatcher(Partition(make_tree()), script, quirks=quirks)
        assert target.interrupt() == []
        assert [done.errno for done in target.interrupt()] == [0]
        again = target.interrupt()
        script.finish()
        assert [done.errno for done in again] == [errno.EINVAL] * replayed
        assert target.events.handled == 1 + replayed


def test_stale_log_is_shared_by_the_interrupts():
    """1.4: one buffer; an EPOW log has no hotplug section (B1)."""
    log = epow_event(action=1)
    epow = [(("get_sensor_state", 9, 0), (0, 1))]
    epow += [(("check_exception", 0x40000000, 2048), (0, log))]
    script = Script(*epow, NO_EVENT)
    target = Dispatcher(Partition(make_tree()), script, quirks="kernel")
    target.epow_interrupt()
    (done,) = target.interrupt()
    script.finish()
    assert not done.handled
    assert target.events.without_section == 1

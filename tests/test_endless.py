"""Firmware that always has more to tell is not listened to for ever."""

from __future__ import annotations

import errno

import pytest
from script import Script, cells, make_tree

from pydlpar import DeviceTree, Dispatcher, Partition
from pydlpar.entries import ras
from pydlpar.mobility import NodeAction, NodeUpdate, node_areas
from pydlpar.platforms.faults import AtCalls, AtRandom, Fault, FaultKind, Faulty
from pydlpar.platforms.migration import Destination
from pydlpar.request import HotplugRequest
from pydlpar.rtas import hotplug_event
from pydlpar.stress.machine import make_machine, small_tree

EVENT = hotplug_event(HotplugRequest.index(1, 1, 0x10000004))
CPU_GONE = ("remove", "/cpus/PowerPC,POWER9@2")


class Endless(Script):
    """Has another event, another work area, another piece of a value each time."""

    def __init__(self, area=None, piece=None, status=1):
        super().__init__()
        self.calls = 0
        self.area, self.piece, self.status = area, piece, status

    def update_nodes(self, area, *_):
        self.calls += 1
        area[:] = self.area
        return self.status

    def update_properties(self, area, *_):
        self.calls += 1
        area[:] = self.piece
        return 1

    def event_scan(self, *_):
        self.calls += 1
        return 0, EVENT

    check_exception = event_scan


def moving():
    names = ("ibm,update-nodes", "ibm,update-properties")
    tree = make_tree()
    tree.add_node("/rtas", dict.fromkeys(names, cells(1)))
    tree.add_node("/dev", {"phandle": cells(2), "a": b"1"})
    return Dispatcher(Partition(tree), Script())


def test_endless_nodes_end_with_an_error():
    """EIO; what was told before is done."""
    (area,) = node_areas([NodeUpdate(NodeAction.DELETE, 2)])
    target = moving()
    firmware = Endless(area)
    result = target.migrate(firmware)
    assert (result.errno, result.deleted) == (errno.EIO, 1)
    assert firmware.calls == 1 << 16 < result.areas
    assert "more to tell" in target.last.reason


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0xFFFFF060])
def test_endless_properties_end_with_an_error(size):
    """A warning about the node, which stays as it is; then nothing more is asked."""
    (area,) = node_areas([NodeUpdate(NodeAction.UPDATE, 2)])
    length = -size & 0xFFFFFFFF
    entry = b"a\0" + cells(size) + b"x" * length
    piece = cells(2, 0, 0, 0, 1) + entry
    target = moving()
    firmware = Endless(area, piece.ljust(4096, b"\0")[:4096])
    result = target.migrate(firmware)
    assert (result.errno, len(result.warnings)) == (errno.EIO, 1)
    assert firmware.calls == 1 << 16
    assert target.partition.tree["/dev"]["a"] == b"1"


def test_endless_events_end_the_poll(monkeypatch):
    """EIO, with all that was logged."""
    monkeypatch.setattr(ras, "_MOST_EVENTS", 50)
    tree = make_tree()
    rates = {"event-scan": cells(1), "rtas-event-scan-rate": cells(4)}
    tree.add_node("/rtas", rates)
    scan = Dispatcher(Partition(tree), Endless()).event_scan()
    assert (scan.errno, scan.status, len(scan.events)) == (errno.EIO, 0, 50)


def test_endless_events_end_the_interrupt():
    """What is left waits for the next one, as firmware interrupts again."""
    firmware = Endless()
    target = Dispatcher(Partition(DeviceTree()), firmware)
    assert len(target.interrupt()) == firmware.calls == 1 << 14


def travellers(faults):
    """A machine, and another one with faults that has one core less."""
    source = small_tree(present=2)
    for number, node in enumerate(source.nodes(), 1):
        node["phandle"] = cells(number)
    functions = ("ibm,update-nodes", "ibm,update-properties")
    for name in functions:
        source["/rtas"][name] = cells(1)
    target = source.copy()
    target.remove_node(CPU_GONE[1])
    machine = make_machine(source)
    machine.partition.online -= {2, 3}
    return machine, Faulty(Destination.of(source, target, "lopar"), faults)


def test_faulty_destination_is_a_destination():
    """Updates pass through it, and are counted as calls."""
    machine, destination = travellers(AtCalls({}))
    result = machine.dispatcher.migrate(destination)
    assert (result.errno, result.deleted) == (0, 1)
    assert machine.dispatcher.last.changes == [CPU_GONE]
    assert destination.calls == 1


def test_failed_update_nodes():
    """A status of failure ends the migration; a work area is no argument to show."""
    machine, destination = travellers(AtCalls({0: Fault(FaultKind.STATUS, -1)}))
    result = machine.dispatcher.migrate(destination)
    assert (result.errno, result.deleted) == (errno.EIO, 0)
    assert str(destination.injected[0]) == "call 0, update_nodes(0x1): status -1"
    assert destination.to_list()[0]["arguments"] == [1]


def test_every_migration_with_every_fault_ends():
    machine, destination = travellers(AtRandom(1, 1.0))
    assert machine.dispatcher.migrate(destination).errno

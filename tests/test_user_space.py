"""Events of slots and host bridges in process: model, interrupt, drmgr's sequences."""

from __future__ import annotations

import pytest
from io_script import LIVE, PHB0, io_tree, slot
from script import NO_EVENT, Script, event

from pydlpar import DeviceTree, Dispatcher, Firmware, Partition
from pydlpar.constants import Action, IdType, Resource
from pydlpar.outcome import Outcome
from pydlpar.request import DIALECTS, HotplugRequest
from pydlpar.rtas import hotplug_event

S = slot(0, 8)


class Machine:
    """A model with one host bridge, and a partition that acts on every event."""

    def __init__(self, corpus, dialect="6.12", profile="qemu"):
        blob = (corpus / "guest/pci-lifecycle/00-boot.dtb").read_bytes()
        tree = DeviceTree.from_dtb(blob)
        self.firmware = Firmware.from_tree(tree, profile)
        self.partition = Partition(tree)
        self.dispatcher = Dispatcher(
            self.partition, self.firmware, dialect, user_space=True
        )
        self.boot = tree.to_dts()

    def take(self, count):
        """Carry out the pending events; their outcomes, all of them successes."""
        outcomes = self.dispatcher.interrupt()
        assert [o.errno for o in outcomes] == [0] * count, outcomes
        assert all(o.handled for o in outcomes)
        return outcomes

    def paths(self, outcomes):
        return [change for outcome in outcomes for change in outcome.changes]


@pytest.fixture
def machine(corpus):
    return Machine(corpus)


def test_function_of_a_slot(machine):
    machine.firmware.plug_pci("virtio-net-pci", id="n")
    (added,) = machine.take(1)
    (path,) = [path for _, path in added.changes]
    assert added.exit_status == 0
    assert path in machine.partition.tree
    machine.firmware.unplug("n")
    assert machine.paths(machine.take(1)) == [("remove", path)]
    assert machine.partition.tree.to_dts() == machine.boot
    assert machine.firmware.qmp_events[-1]["event"] == "DEVICE_DELETED"


def test_functions_0_to_7_and_back(machine):
    """firmware.md 6.1, 6.5: told of with function 0; removed 7..0."""
    for function in range(7, -1, -1):
        machine.firmware.plug_pci(
            "virtio-rng-pci", 3, function, f"f{function}", multifunction=True
        )
    added = machine.take(8)
    assert [o.request.drc_index & 7 for o in added] == list(range(8))
    machine.firmware.unplug("f0")
    removed = machine.take(8)
    assert [o.request.drc_index & 7 for o in removed] == list(range(7, -1, -1))
    assert machine.partition.tree.to_dts() == machine.boot


def test_host_bridge_with_a_device(machine):
    """The device is plugged behind it afterwards, and leaves with it."""
    machine.firmware.plug_phb(1, "phb1")
    machine.take(1)
    machine.firmware.plug_pci("e1000", 2, bus="phb1.0", id="e")
    machine.take(1)
    assert len(machine.partition.tree["/pci@800000020000001"].children) == 1
    machine.firmware.unplug("phb1")
    (removed,) = machine.take(1)
    assert [path.count("/") for _, path in removed.changes] == [2, 1]
    assert machine.partition.tree.to_dts() == machine.boot


def test_host_bridge_that_comes_with_a_device(machine):
    """Plugged before the guest looks: its own event finds the slot occupied."""
    machine.firmware.plug_phb(1, "phb1")
    machine.firmware.plug_pci("e1000", 2, bus="phb1.0", id="e")
    bridge, device = machine.dispatcher.interrupt()
    assert (bridge.errno, bridge.exit_status) == (0, 0)
    assert bridge.changes == [("add", "/pci@800000020000001")]
    assert len(machine.partition.tree["/pci@800000020000001"].children) == 1
    assert "is occupied already" in device.reason
    machine.firmware.unplug("phb1")
    machine.take(1)
    assert machine.partition.tree.to_dts() == machine.boot


def test_bridge_and_what_is_behind_it(machine):
    """firmware.md 6.1: a bridge cannot be unplugged; what is behind it can."""
    machine.firmware.plug_pci("pci-bridge", 4, id="b", chassis=5)
    machine.take(1)
    machine.firmware.plug_pci("virtio-rng-pci", 1, bus="b", id="r")
    (added,) = machine.take(1)
    assert added.request.drc_index == slot(0, 8, chassis=5)
    (path,) = [path for _, path in added.changes]
    assert path.count("/") == 3
    machine.firmware.unplug("r")
    assert machine.paths(machine.take(1)) == [("remove", path)]


def test_persistent_memory(machine):
    uuid = "75a3cdd7-6a2f-4791-8d15-fe0a920e8e9e"
    machine.firmware.plug_nvdimm(1 << 28, uuid, 1 << 17, id="v")
    (added,) = machine.take(1)
    assert added.changes == [("add", "/ibm,persistent-memory/ibm,pmemory@90000000")]
    assert added.exit_status is None


def test_stale_events_of_a_device_that_left(machine):
    """firmware.md 6.1: unplugged before the guest looked; sense is "empty"."""
    machine.firmware.plug_pci("virtio-rng-pci", 3, id="r")
    machine.firmware.unplug("r")
    (stale,) = machine.dispatcher.interrupt()
    assert stale.reason.startswith("slot C24 has no card")
    machine.firmware.plug_phb(1, "phb1")
    machine.firmware.unplug("phb1")
    added, removed = machine.dispatcher.interrupt()
    assert (added.exit_status, removed.exit_status) == (255, 3)
    assert machine.partition.tree.to_dts() == machine.boot


def test_rounds_leave_nothing(machine):
    """Tree and connector lists do not grow."""
    sizes = set()
    for _ in range(200):
        machine.firmware.plug_pci("virtio-rng-pci", 3, id="r")
        machine.take(1)
        machine.firmware.unplug("r")
        machine.take(1)
        sizes.add(len(machine.partition.tree.to_dtb()))
    assert len(sizes) == 1


def test_firmware_as_the_architecture_says(corpus):
    """LoPAR: a PHB is isolated after what is behind it, else -9000."""
    machine = Machine(corpus, profile="lopar")
    machine.firmware.plug_pci("e1000", 3, id="first")
    machine.take(1)
    machine.firmware.plug_phb(1, "phb1")
    machine.take(1)
    machine.firmware.plug_pci("e1000", 2, bus="phb1.0", id="e")
    machine.take(1)
    machine.firmware.unplug("phb1")
    machine.take(1)
    machine.firmware.unplug("first")
    machine.take(1)
    assert machine.partition.tree.to_dts() == machine.boot


@pytest.mark.parametrize("dialect", ["4.10", "5.16", "6.12"])
def test_every_dialect_that_is_interrupted(corpus, dialect):
    """User space does it, whatever the kernel."""
    machine = Machine(corpus, dialect)
    machine.firmware.plug_pci("virtio-rng-pci", id="r")
    machine.take(1)


@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_without_user_space_it_is_left_alone(dialect):
    """As before: an event is not handled, a request has no handler."""
    request = HotplugRequest.index(Resource.PCI, Action.ADD, S)
    target = Dispatcher(Partition(io_tree()), Script(), dialect)
    assert target.user_space is False
    done = target.event(hotplug_event(request))
    assert (done.handled, done.errno, done.exit_status) == (False, 0, None)
    assert done.reason == "this resource is left to user space"
    assert "no handler" in target.handle(request).reason


IGNORED = [
    (Resource.SLOT, Action.ADD, IdType.DRC_INDEX, "resource 3"),
    (Resource.DT, Action.ADD, IdType.DRC_INDEX, "resource 7"),
    (99, Action.ADD, IdType.DRC_INDEX, "resource 99"),
    (Resource.PCI, 3, IdType.DRC_INDEX, "action 3"),
    (Resource.PCI, Action.ADD, IdType.DRC_NAME, "id type 1"),
    (Resource.PHB, Action.REMOVE, IdType.INDEXED_COUNT, "id type 4"),
]


@pytest.mark.parametrize(("resource", "action", "id_type", "what"), IGNORED)
def test_what_rtas_errd_ignores_is_ignored(resource, action, id_type, what):
    """userspace.md 5: slots, names, indexed counts; the outcome says so."""
    sample = HotplugRequest.index(Resource.PCI, Action.ADD, S)
    if id_type == IdType.DRC_NAME:
        sample = HotplugRequest.by_name(Resource.PCI, Action.ADD, "C8")
    elif id_type == IdType.INDEXED_COUNT:
        sample = HotplugRequest.indexed_count(Resource.PCI, Action.ADD, 1, S)
    request = sample._replace(resource=resource, action=action)
    script = Script(event(hotplug_event(request)), NO_EVENT)
    target = Dispatcher(Partition(io_tree()), script, user_space=True)
    (outcome,) = target.interrupt()
    assert (outcome.handled, outcome.errno, outcome.calls) == (False, 0, [])
    assert outcome.reason == f"rtas_errd ignores {what}"
    assert target.events.user_space == 1
    assert target.handle(request).errno == (5 if resource == Resource.DT else 22)


@pytest.mark.parametrize("resource", [Resource.PCI, Resource.PHB])
def test_count_reaches_drmgr(resource):
    """userspace.md 5: `-q` is passed on; drmgr then misses a name or index."""
    request = HotplugRequest.by_count(resource, Action.ADD, 2)
    script = Script(event(hotplug_event(request)), NO_EVENT)
    target = Dispatcher(Partition(io_tree()), script, user_space=True)
    (outcome,) = target.interrupt()
    assert (outcome.handled, outcome.exit_status) == (True, 255)
    assert (target.events.handled, target.events.user_space) == (1, 0)


def test_busy_answers_are_waited_for_whatever_the_kernel():
    """librtas: old kernels give up on a busy sensor, drmgr does not."""
    busy = [(("get_sensor_state", 9003, PHB0 + 1), (9901, 0))]
    steps = [*busy, (("get_sensor_state", 9003, PHB0 + 1), (0, 1))]
    script = Script(*steps)
    target = Dispatcher(Partition(io_tree()), script, "4.5", user_space=True)
    request = HotplugRequest.index(Resource.PHB, Action.ADD, PHB0 + 1)
    assert "said present" in target.handle(request).reason
    script.finish()


def test_busy_power_level_is_asked_again():
    """7.2: set-power-level is retried with delay, as set-indicator is."""
    waited = []
    answers = [(9902, 0), (-2, 0), (-1, 0)]
    steps = [(("set_indicator", 9001, S, 0), 0)]
    steps += [(("set_power_level", LIVE, 0), answer) for answer in answers]
    script = Script(*steps)
    target = Dispatcher(
        Partition(io_tree()), script, user_space=True, sleep=waited.append
    )
    done = target.handle(HotplugRequest.index(Resource.PCI, Action.ADD, S))
    script.finish()
    assert (done.errno, waited) == (5, [0.1])


def test_outcome_without_request_has_no_exit_status():
    assert Outcome(None, 22, [], [], "no request").exit_status is None

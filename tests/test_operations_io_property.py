"""Any answers at all: no exception, the tree stays sound, `changes` tells the truth."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from io_script import (
    PHB1,
    PMEM,
    TYPE,
    arrays,
    card,
    device_properties,
    io_tree,
    phb_fragment,
    slot,
)

from pydlpar.connector import ConnectorResult
from pydlpar.constants import Action, Resource
from pydlpar.dispatch import Dispatcher
from pydlpar.operations.behaviour import Quirk
from pydlpar.operations.calls import METHODS
from pydlpar.partition import Partition
from pydlpar.request import HotplugRequest
from pydlpar.tree import DeviceTree

BEHIND = slot(0, 0, chassis=1)
INDEXES = [slot(0, 0), slot(0, 8), slot(1, 8), BEHIND, PHB1, PMEM, 0x99999999]
RESOURCES = [Resource.PCI, Resource.PHB, Resource.PMEM, Resource.DT]
BRIDGE = device_properties(slot(0, 8)) | arrays((BEHIND, TYPE))
STATUSES = [0] * 12 + [-1, -3, -9000, -9001, -9003, 7]
SENSORS = [(0, 1)] * 6 + [(0, 2)] * 4 + [(0, 0), (-1, 0), (-9000, 0), (-9001, 0)]
FRAGMENTS = [
    card("x@1", slot(0, 8)),
    card("y@0", BEHIND),
    card("v", PMEM),
    phb_fragment(),
    phb_fragment(devices=[("x@1", slot(1, 8))]),
    b"junk",
]


class Whim:
    """A platform that answers as hypothesis says."""

    def __init__(self, data):
        self.data = data
        self.calls = 0

    def draw(self, values):
        self.calls += 1
        assert self.calls < 3000
        return self.data.draw(st.sampled_from(values))

    def get_sensor_state(self, _sensor, _index):
        return self.draw(SENSORS)

    def set_indicator(self, _indicator, _index, _value):
        return self.draw(STATUSES)

    def configure_connector(self, _index):
        status = self.draw(STATUSES)
        if status:
            return ConnectorResult(status, (status,), None, 0)
        return ConnectorResult(0, (2, 0), self.draw(FRAGMENTS), 0)

    def set_power_level(self, _domain, level):
        return self.draw(STATUSES), level

    def _effect(self, *_):
        return self.draw([0, 0, 0, -16])


for _name in METHODS[3:]:
    if not hasattr(Whim, _name):
        setattr(Whim, _name, Whim._effect)


def start():
    tree = io_tree()
    tree.add_node("/ibm,persistent-memory", {"device_type": b"ibm,persistent-memory\0"})
    tree.add_node("/pci@800000020000000/pci@1", BRIDGE)
    return tree


def paths(tree):
    return {node.path for node in tree.nodes()}


def predicted(before, after, changes):
    """The paths that the changes lead to; what came with a node is taken as given."""
    now = set(before)
    for kind, path in changes:
        assert kind in ("add", "remove")
        if kind == "add":
            assert path not in now
            now |= {p for p in after if f"{p}/".startswith(f"{path}/")} | {path}
        else:
            assert path in now
            now = {p for p in now if not f"{p}/".startswith(f"{path}/")}
    return now


REQUESTS = st.builds(
    HotplugRequest.index,
    st.sampled_from(RESOURCES),
    st.sampled_from([Action.ADD, Action.REMOVE]),
    st.sampled_from(INDEXES),
)


@given(
    st.data(),
    st.lists(REQUESTS, min_size=1, max_size=6),
    st.sets(st.sampled_from([Quirk.DRMGR_BLIND, Quirk.DRMGR_FORGETS])),
)
def test_any_answers_leave_the_tree_in_order(data, requests, quirks):
    tree = start()
    target = Dispatcher(Partition(tree), Whim(data), user_space=True, quirks=quirks)
    for request in requests:
        before, text = paths(tree), tree.to_dts()
        done = target.handle(request)
        after = paths(tree)
        assert predicted(before, after, done.changes) == after, (request, done)
        assert bool(done.errno) == bool(done.reason)
        kernel = request.resource in (Resource.PMEM, Resource.DT)
        assert kernel == (done.exit_status is None)
        assert kernel or bool(done.exit_status) == bool(done.errno)
        if not done.changes:
            assert tree.to_dts() == text
        if done.errno and request.action == Action.ADD:
            assert before == after
        assert paths(DeviceTree.from_dtb(tree.to_dtb())) == after

"""A simulated migration: afterwards the partition has the tree of the destination."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from script import cells

from pydlpar.dispatch import Dispatcher
from pydlpar.errors import ArgumentError
from pydlpar.mobility import NodeAction, NodeUpdate, node_updates
from pydlpar.partition import Partition
from pydlpar.platforms.firmware import Firmware
from pydlpar.platforms.migration import Destination, TreeUpdate
from pydlpar.platforms.willing import WillingSystem
from pydlpar.tree import DeviceTree

ROOT_PHANDLE = 0x1000


def content(node):
    """A subtree without the order of siblings and properties."""
    children = {child.name: content(child) for child in node.children}
    return dict(node.properties), children


def new_tree():
    tree = DeviceTree()
    tree.root["phandle"] = cells(ROOT_PHANDLE)
    functions = ("ibm,update-nodes", "ibm,update-properties")
    rtas = {"phandle": cells(ROOT_PHANDLE + 1)} | dict.fromkeys(functions, cells(1))
    tree.add_node("/rtas", rtas)
    return tree


class Machine(WillingSystem):
    """The destination alone, without a model of connectors."""

    def __init__(self, source, target):
        self.update = TreeUpdate(source, target)

    update_nodes = Destination.update_nodes
    update_properties = Destination.update_properties
    get_sensor_state = set_indicator = check_exception = event_scan = None
    set_power_level = get_power_level = None

    def configure_connector(self, index):
        return self.update.deliver(index)


def moved(source, target):
    partition = Partition(source.copy())
    dispatcher = Dispatcher(partition, Machine(source, source))
    result = dispatcher.migrate(Machine(source, target))
    assert result.warnings == []
    assert result.errno == 0
    assert content(partition.tree.root) == content(target.root)
    return result


names = st.sampled_from(["a", "b", "c@1", "c@2"])
values = st.one_of(st.binary(max_size=8), st.binary(min_size=4000, max_size=4050))
properties = st.dictionaries(
    st.sampled_from(["x", "y", "device_type", "ibm,my-drc-index"]), values, max_size=3
)
paths = st.lists(names, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


@st.composite
def trees(draw, bare=False):
    """Paths with their properties; *bare*: below the first level some lack a phandle.

    A phandle goes with the path, so that it is the same in another tree, or not.
    """
    tree = new_tree()
    for path in draw(st.lists(paths, max_size=12)):
        above = path.rpartition("/")[0]
        if path in tree or (above and above not in tree):
            continue
        node = tree.add_node(path, draw(properties))
        if not (bare and above and draw(st.booleans())):
            shift = draw(st.sampled_from([0, 0, 0, 0x10000]))
            node["phandle"] = cells(zlib.crc32(path.encode()) % 0x7FFFFFFF + shift)
    return tree


@settings(max_examples=200)
@given(trees(), trees())
def test_tree_becomes_the_target(source, target):
    """4.10: whatever differs; every node has a phandle."""
    moved(source, target)


@settings(max_examples=200)
@given(trees(bare=True), trees(bare=True))
def test_tree_with_nodes_that_have_no_phandle(source, target):
    """Told by way of the next node above that has one, where there is."""
    try:
        TreeUpdate(source, target)
    except ArgumentError:
        assume(False)
    moved(source, target)


def test_change_that_cannot_be_told():
    """No node above it goes by a phandle of its own."""
    source, target = new_tree(), new_tree()
    del source.root["phandle"], target.root["phandle"]
    target.add_node("/a", {})
    with pytest.raises(ArgumentError, match="phandle"):
        TreeUpdate(source, target)


def test_phandle_that_two_nodes_have_is_nobodys():
    """What hangs below one of them is told by way of the node above both."""
    source = new_tree()
    for path, phandle in (("/a", 1), ("/a/b", 2), ("/a/c", 2)):
        source.add_node(path, {"phandle": cells(phandle)})
    target = source.copy()
    target.add_node("/a/c/d", {})
    assert TreeUpdate(source, target).properties == {}
    moved(source, target)


def test_two_new_nodes_of_one_drc_index():
    """Each is delivered, under an index of its own."""
    source, target = new_tree(), new_tree()
    for name in "ab":
        properties = {"ibm,my-drc-index": cells(0x77), "name": name.encode()}
        target.add_node(f"/{name}", properties)
    assert sorted(TreeUpdate(source, target).fragments) == [0x77, 0xF0000001]
    moved(source, target)


def test_order_is_first_gone_then_changed_then_new():
    source = new_tree()
    source.add_node("/gone", {"phandle": cells(1)})
    source.add_node("/changed", {"phandle": cells(2)})
    target = new_tree()
    target.add_node("/new", {"ibm,my-drc-index": cells(0x77)})
    target.add_node("/changed", {"phandle": cells(2), "a": b"b"})
    (area,) = TreeUpdate(source, target).nodes
    assert list(node_updates(area)) == [
        NodeUpdate(NodeAction.DELETE, 1),
        NodeUpdate(NodeAction.UPDATE, 2),
        NodeUpdate(NodeAction.ADD, ROOT_PHANDLE, 0x77),
    ]


def machine_tree(blob):
    """A tree of QEMU's firmware, with phandles and the functions of a migration."""
    tree = DeviceTree.from_dtb(blob)
    for number, node in enumerate(tree.nodes(), 1):
        if not node.phandle:
            node["phandle"] = cells(number)
    for name in ("ibm,update-nodes", "ibm,update-properties"):
        tree["/rtas"][name] = cells(1)
    return tree


def test_destination_is_a_machine(small_tree):
    """What it changed is there; requests go to its firmware from then on."""
    source = machine_tree(small_tree)
    target = source.copy()
    target["/chosen"]["bootargs"] = b"x" * 9000
    target.add_node("/ibm,extra", {"phandle": cells(999), "empty": b""})
    target.remove_node("/event-sources/epow-events")
    origin = Firmware.from_tree(source)
    dispatcher = Dispatcher(Partition(source.copy()), origin)
    destination = Destination.of(source, target)
    result = dispatcher.migrate(destination)
    assert (result.added, result.deleted, result.updated) == (1, 1, 1)
    assert content(dispatcher.partition.tree.root) == content(target.root)
    device = destination.plug_cpu()
    (outcome,) = dispatcher.interrupt()
    assert outcome.errno == 0
    assert device.connectors[0].index == outcome.request.drc_index
    assert destination.update_properties(bytearray(4096), 1) == -3


def test_platform_that_raises_leaves_the_tree(small_tree):
    """The tree is as it was; the partition has arrived all the same."""
    source = machine_tree(small_tree)
    target = source.copy()
    target["/chosen"]["a"] = b"b"
    target["/vdevice"]["a"] = b"b"
    dispatcher = Dispatcher(Partition(source.copy()), Firmware.from_tree(source))
    destination = Destination.of(source, target)
    chosen = source["/chosen"].phandle
    destination.update.properties = {chosen: destination.update.properties[chosen]}
    destination.update.properties[source["/vdevice"].phandle] = [None]
    with pytest.raises(TypeError):
        dispatcher.migrate(destination)
    assert dispatcher.partition.tree.to_dtb() == source.to_dtb()
    assert dispatcher.platform is destination

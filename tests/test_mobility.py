"""ibm,update-nodes and -properties: areas, bounds, what the kernel makes of them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from script import Script, cells, configured, cpu_drc, cpu_properties, make_tree

from pydlpar.connector import ConnectorResult, make_fragment
from pydlpar.dispatch import Dispatcher
from pydlpar.errors import ArgumentError, DecodeError
from pydlpar.mobility import (
    NodeAction,
    NodeUpdate,
    PropertyUpdate,
    node_areas,
    node_updates,
    property_areas,
    property_updates,
)
from pydlpar.operations.behaviour import Quirk
from pydlpar.partition import Partition

DELETE, UPDATE, ADD = NodeAction
u32s = st.integers(0, 0xFFFFFFFF)
node_update = st.one_of(
    st.builds(NodeUpdate, st.sampled_from([DELETE, UPDATE]), u32s, st.none()),
    st.builds(NodeUpdate, st.just(ADD), u32s, u32s),
)


def refused(updates):
    """Where the updates of an area are damaged, or None."""
    try:
        list(updates)
    except DecodeError as error:
        return error.offset
    return None


@given(st.lists(node_update, max_size=2500))
def test_node_updates_come_back(updates):
    """Every list, over as many areas as it takes."""
    areas = node_areas(updates)
    assert all(len(area) == 4096 for area in areas)
    assert [update for area in areas for update in node_updates(area)] == updates


def test_full_areas():
    """1019 words and the end: as many as there is room for."""
    updates = [NodeUpdate(DELETE, number) for number in range(1018 + 1)]
    assert len(node_areas(updates[:-1])) == 1
    areas = node_areas(updates)
    assert [len(area) for area in areas] == [4096, 4096]
    assert [u for area in areas for u in node_updates(area)] == updates


def test_bytes_of_an_area():
    """4.10: from byte 16 on; action and count in a word, then phandles."""
    updates = [NodeUpdate(DELETE, 5), NodeUpdate(DELETE, 6), NodeUpdate(ADD, 7, 8)]
    (area,) = node_areas(updates)
    words = cells(0x01000002, 5, 6, 0x03000001, 7, 8, 0)
    assert area == bytes(16) + words + bytes(4096 - 16 - len(words))


@pytest.mark.parametrize(
    "update",
    [
        (DELETE, 1, 2),
        (ADD, 1, None),
        (DELETE, 1 << 32, None),
        (ADD, 1, -1),
        (ADD, -1, 1),
    ],
)
def test_update_that_cannot_be_told(update):
    with pytest.raises(ArgumentError):
        node_areas([NodeUpdate(*update)])


@given(st.binary(max_size=100))
def test_any_node_area_is_read_or_refused(data):
    """No bound is passed; the offset lies in the area."""
    area = bytes(16) + data
    offset = refused(node_updates(area))
    assert offset is None or 16 <= offset <= len(area)


property_update = st.builds(
    PropertyUpdate,
    st.text("abc,#-", min_size=1, max_size=31),
    st.one_of(st.none(), st.binary(min_size=1, max_size=9000)),
    st.just(False),
)


def joined(areas):
    """Updates of all areas, with values that go on put together."""
    whole, begun = [], b""
    for area in areas:
        for name, value, more in property_updates(area):
            if more:
                begun += value
            else:
                whole.append(
                    PropertyUpdate(name, None if value is None else begun + value)
                )
                begun = b""
    assert begun == b""
    return whole


@given(st.lists(property_update, max_size=6), st.integers(1, 4000))
def test_property_updates_come_back(updates, path_length):
    areas = property_areas(7, "/" + "p" * path_length, updates)
    assert all(len(area) == 4096 and area[:4] == cells(7) for area in areas)
    assert joined(areas) == updates


def test_bytes_of_a_property_area():
    """4.10: phandle, state, reserved, count; the path, then the properties."""
    updates = [PropertyUpdate("a", b"xyz"), PropertyUpdate("bc", None)]
    (area,) = property_areas(0x11, "/cpus", updates)
    head = cells(0x11, 0, 0, 0, 3)
    entries = b"\0" + cells(6) + b"/cpus\0" + b"a\0" + cells(3) + b"xyz"
    entries += b"bc\0" + cells(0x80000000)
    assert area.rstrip(b"\0") == (head + entries).rstrip(b"\0")


def test_value_goes_on_in_the_next_area():
    """4.10: the length is negative, and nothing stands behind it."""
    first, second = property_areas(
        1, "/", [PropertyUpdate("n", bytes(range(250)) * 20)]
    )
    (part,) = property_updates(first)
    assert part.more
    room = 4096 - 20 - (1 + 4 + 2) - (2 + 4)
    assert len(part.value) == room
    assert first[4096 - room - 4 : 4096 - room] == struct.pack(">i", -room)
    (rest,) = property_updates(second)
    assert (len(rest.value), rest.more) == (5000 - room, False)


@pytest.mark.parametrize(
    ("path", "update"),
    [
        ("/", PropertyUpdate("a", b"")),
        ("/", PropertyUpdate("a", b"b", True)),
        ("/", PropertyUpdate("n" * 4072, None)),
        ("/", PropertyUpdate("n" * 4071, b"x" * 9)),
        ("p" * 4096, PropertyUpdate("a", b"b")),
    ],
)
def test_property_that_cannot_be_told(path, update):
    with pytest.raises(ArgumentError):
        property_areas(1, path, [update])


@given(st.integers(0, 5), st.binary(max_size=60))
def test_any_property_area_is_read_or_refused(count, data):
    area = cells(1, 0, 0, 0, count) + data
    offset = refused(property_updates(area))
    assert offset is None or 20 <= offset <= len(area)


def test_nothing_may_follow_a_value_that_goes_on():
    """4.10: Linux goes backwards from there."""
    entries = b"a\0" + cells(0xFFFFFFFF) + b"x" + b"b\0" + cells(0)
    with pytest.raises(DecodeError, match="1 more to follow"):
        list(property_updates(cells(1, 0, 0, 0, 2) + entries))


def test_no_properties_in_an_empty_area():
    """Linux would take the zeros for a path and count down from zero."""
    assert list(property_updates(cells(1) + bytes(4092))) == []


class Firmware(Script):
    """A script whose areas are the answers of the two calls."""

    def __init__(self, nodes, properties=(), *steps):
        super().__init__(*steps)
        self.nodes, self.properties = list(nodes), list(properties)

    def update_nodes(self, area, scope):
        assert (len(area), scope) == (4096, 1)
        status, area[:] = self.nodes.pop(0)
        return status

    def update_properties(self, area, scope):
        assert (len(area), scope) == (4096, 1)
        phandle, status, filled = self.properties.pop(0)
        assert int.from_bytes(area[:4], "big") == phandle
        area[: len(filled)] = filled
        return status


def started(functions=("ibm,update-nodes", "ibm,update-properties"), **options):
    tree = make_tree()
    tree.add_node("/rtas", dict.fromkeys(functions, cells(1)))
    tree["/cpus"]["phandle"] = cells(1)
    tree.add_node("/dev", {"phandle": cells(2), "a": b"1"})
    tree.add_node("/dev/child", {"phandle": cells(3)})
    facilities = {"device_type": b"ibm,platform-facilities\0", "phandle": cells(4)}
    tree.add_node("/ibm,platform-facilities", facilities)
    tree.add_node("/ibm,platform-facilities/gzip", {"phandle": cells(5)})
    return Dispatcher(Partition(tree), Script(), **options)


def told(*updates, status=0):
    (area,) = node_areas([NodeUpdate(*update) for update in updates])
    return status, area


def area_of(phandle, count, entries):
    return cells(phandle, 0, 0, 0, count) + entries


def test_delete():
    """4.10: with the subtree; an unknown phandle is passed over."""
    target = started()
    nodes = [told((DELETE, 99), (DELETE, 2), (DELETE, 3))]
    result = target.migrate(Firmware(nodes))
    assert (result.errno, result.deleted, len(result.warnings)) == (0, 1, 2)
    assert target.last.changes == [("remove", "/dev")]
    assert "/dev" not in target.partition.tree


@pytest.mark.parametrize("phandle", [4, 5])
def test_platform_facilities_are_not_deleted(phandle):
    """4.10: nor what is directly below them."""
    target = started()
    result = target.migrate(Firmware([told((DELETE, phandle))]))
    assert (result.deleted, result.ignored) == (0, 1)
    assert target.last.changes == []


def test_cpu_that_is_online_is_not_deleted():
    target = started()
    target.partition.tree["/cpus/PowerPC,POWER9@1"]["phandle"] = cells(9)
    result = target.migrate(Firmware([told((DELETE, 9), (DELETE, 1))]))
    assert result.deleted == 0
    assert all("online" in warning for warning in result.warnings)


def test_root_is_not_deleted():
    target = started()
    target.partition.tree.root["phandle"] = cells(9)
    assert target.migrate(Firmware([told((DELETE, 9))])).warnings


def test_update():
    """4.10: set, remove, name only, in parts; over two areas."""
    first = b"\0" + cells(5) + b"/dev\0" + b"b\0" + cells(1) + b"2"
    first += b"none\0" + cells(0x80000000) + b"a\0" + cells(0)
    first += b"c\0" + cells(0xFFFFFFFE) + b"xy"
    second = b"ignored\0" + cells(1) + b"z" + b"a\0" + cells(0x80000000)
    properties = [(2, 1, area_of(2, 5, first)), (2, 0, area_of(2, 2, second))]
    target = started()
    result = target.migrate(Firmware([told((UPDATE, 2))], properties))
    assert (result.updated, result.warnings) == (1, [])
    node = target.partition.tree["/dev"]
    assert dict(node.properties) == {"phandle": cells(2), "b": b"2", "c": b"xyz"}
    assert [change[2:] for change in target.last.changes] == [
        ("b", None, b"2"),
        ("c", None, b"xyz"),
        ("a", b"1", None),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        (-1, b""),
        (0, area_of(2, 1, b"b\0" + cells(5000) + b"2")),
        (0, area_of(2, 1, b"b" * 4076)),
        (0, area_of(2, 1, b"n" * 3000 + b"\0" + cells(5000))),
    ],
)
def test_failed_update_does_not_end_the_rest(answer):
    """4.10: errors of properties are logged and passed over."""
    target = started()
    nodes = [told((UPDATE, 2), (DELETE, 3))]
    result = target.migrate(Firmware(nodes, [(2, *answer)]))
    assert (result.errno, result.deleted, len(result.warnings)) == (0, 1, 1)
    assert dict(target.partition.tree["/dev"].properties)["a"] == b"1"


DEVICE = ("d", {"x": b"1"}, [("kid", {}, [])])


def fragment(*nodes):
    return make_fragment(nodes)


def test_add():
    """4.10: configure-connector below the parent that the phandle names."""
    target = started()
    step = configured(0x77, fragment(DEVICE, ("e", {}, [])))
    result = target.migrate(Firmware([told((ADD, 2, 0x77))], (), step))
    assert result.added == 1
    assert target.last.changes == [("add", "/dev/d"), ("add", "/dev/e")]
    assert "/dev/d/kid" in target.partition.tree
    assert [call.function for call in target.last.calls] == ["ibm,configure-connector"]


def test_children_that_linux_loses():
    """B21: attached by its root alone."""
    target = started(quirks=[Quirk.MIGRATED_CHILDREN])
    step = configured(0x77, fragment(DEVICE, ("e", {}, [])))
    target.migrate(Firmware([told((ADD, 2, 0x77))], (), step))
    assert [node.name for node in target.partition.tree["/dev/d"].walk()] == ["d"]
    assert "/dev/e" not in target.partition.tree


def test_added_cpu_gets_logical_ids():
    target = started()
    cpu = ("PowerPC,POWER9@2", cpu_properties(2), [])
    step = configured(cpu_drc(2), fragment(cpu))
    target.migrate(Firmware([told((ADD, 1, cpu_drc(2)))], (), step))
    assert target.partition.logical_ids[2] == 2
    assert 2 not in target.partition.online


@pytest.mark.parametrize(
    "delivered",
    [
        ConnectorResult(-9003, (-9003,), None, 0),
        ConnectorResult(0, (0,), fragment(("child", {}, [])), 0),
    ],
)
def test_node_that_is_not_added(delivered):
    """Nothing is delivered; or the name is taken. The rest goes on."""
    target = started()
    step = (("configure_connector", 0x77), delivered)
    nodes = [told((ADD, 2, 0x77), (DELETE, 3))]
    result = target.migrate(Firmware(nodes, (), step))
    assert (result.added, result.deleted, len(result.warnings)) == (0, 1, 1)


def test_platform_facilities_are_not_added():
    target = started()
    node = ("f", {"device_type": b"ibm,platform-facilities\0"}, [])
    step = configured(0x77, fragment(node))
    result = target.migrate(Firmware([told((ADD, 2, 0x77))], (), step))
    assert (result.added, result.ignored) == (0, 1)
    assert "/dev/f" not in target.partition.tree
    assert target.last.changes == []


@pytest.mark.parametrize(("quirks", "deleted"), [([], 0), ([Quirk.UPDATE_DESYNC], 1)])
def test_unknown_parent(quirks, deleted):
    """B20: Linux reads the DRC index as the phandle of the next node."""
    area = bytearray(4096)
    words = cells(0x03000001, 99, 0x01000001, 3)
    area[16 : 16 + len(words)] = words
    target = started(quirks=quirks)
    result = target.migrate(Firmware([(0, bytes(area))]))
    assert result.deleted == deleted
    assert ("/dev/child" in target.partition.tree) != deleted


def test_more_areas_until_the_last():
    """4.10: 1 is more, 0 the last; anything else ends it."""
    target = started()
    nodes = [told((DELETE, 3), status=1), told((DELETE, 2), status=-1)]
    result = target.migrate(Firmware(nodes))
    assert (result.errno, result.deleted) == (5, 1)
    assert "/dev" in target.partition.tree
    assert "-1" in target.last.reason


def test_area_without_an_end():
    """Linux reads on behind it; here that is -EINVAL, and what was done stays."""
    area = bytes(16) + cells(0x01000001, 3) + cells(0x02000000) * 1018
    target = started()
    result = target.migrate(Firmware([(0, area)]))
    assert (result.errno, result.deleted) == (22, 1)


def test_missing_functions():
    """4.10: no ibm,update-nodes is a success; -properties is passed over."""
    assert started(()).migrate(Firmware([])).errno == 0
    target = started(["ibm,update-nodes"])
    assert target.migrate(Firmware([told((UPDATE, 2))])).warnings


def test_unknown_action_is_passed_over():
    target = started()
    area = bytearray(4096)
    area[16:24] = cells(0x04000001, 2)
    assert target.migrate(Firmware([(0, bytes(area))])).errno == 0
    assert target.last.changes == []


def test_destination_answers_from_now_on():
    target = started()
    destination = Firmware([told()], (), (("online_cpu", 0), 0))
    target.migrate(destination)
    assert target.platform is destination

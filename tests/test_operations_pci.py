"""PCI slots: drmgr's calls in order, what it leaves on failure, and exit status."""

from __future__ import annotations

import errno

import pytest
from io_script import (
    DOMAIN,
    PATH0,
    TYPE,
    add,
    arrays,
    card,
    carry_out,
    device_properties,
    gone,
    io_tree,
    light,
    offline,
    online,
    power,
    prepared,
    remove,
    shut,
    slot,
    taken,
    unchanged,
)
from script import (
    cells,
    configured,
    fragment,
    isolate,
    not_configured,
    sensor,
    unisolate,
)

from pydlpar.constants import Action, Resource
from pydlpar.operations.behaviour import Quirk
from pydlpar.request import HotplugRequest

S = slot(0, 8)
NODE = f"{PATH0}/ethernet@1"
DELIVERED = configured(S, card("ethernet@1", S))
ADDED = [prepared(S), taken(S), DELIVERED, online(S)]


def occupied():
    return io_tree(devices=[("ethernet@1", S)])


def removed(index):
    return [light(index, 1), offline(index), isolate(index), power(0)]


def test_add_and_remove():
    """userspace.md 5: isolate, off, light, sensor, on, unisolate, configure, rescan."""
    tree = io_tree()
    done = carry_out(tree, add(S), ADDED)
    assert (done.errno, done.exit_status) == (0, 0)
    assert done.changes == [("add", NODE)]
    assert tree.to_dtb() == occupied().to_dtb()
    done = carry_out(tree, remove(S), removed(S))
    assert (done.errno, done.exit_status) == (0, 0)
    assert done.changes == [("remove", NODE)]
    assert tree.to_dtb() == io_tree().to_dtb()


def test_calls_in_words():
    """The record has level and state of what gives two values."""
    calls = carry_out(io_tree(), add(S), ADDED).calls
    assert [(c.function, c.status, c.result) for c in calls[1:5]] == [
        ("set-power-level", 0, 0),
        ("set-indicator", 0, None),
        ("get-sensor-state", 0, 1),
        ("set-power-level", 0, 100),
    ]
    assert (calls[-1].function, calls[-1].arguments) == ("online-device", (S,))


def test_functions_of_a_slot_come_and_go_in_any_order():
    """firmware.md 6.1: an event for each function, 0..7 to come and 7..0 to go."""
    indexes = [slot(0, 8 + function) for function in range(8)]
    tree = io_tree(slots=[(index, TYPE) for index in indexes])
    before = tree.to_dtb()
    for number, index in enumerate(indexes):
        name = f"ethernet@1,{number}" if number else "ethernet@1"
        steps = [prepared(index), taken(index), configured(index, card(name, index))]
        assert carry_out(tree, add(index), steps, online(index)).errno == 0
    assert len(tree[PATH0].children) == 8
    for index in reversed(indexes):
        assert carry_out(tree, remove(index), removed(index)).errno == 0
    assert tree.to_dtb() == before


def test_adapter_of_several_nodes():
    """An adapter may have a node a function, all with the slot's index."""
    tree = io_tree()
    nodes = [(f"ethernet@1,{n}", device_properties(S)) for n in range(2)]
    steps = [prepared(S), taken(S), configured(S, fragment(nodes)), online(S)]
    paths = [f"{PATH0}/ethernet@1,{n}" for n in range(2)]
    assert carry_out(tree, add(S), *steps).changes == [("add", p) for p in paths]
    done = carry_out(tree, remove(S), removed(S))
    assert done.changes == [("remove", p) for p in paths]


def test_slot_behind_a_bridge():
    """firmware.md 4.5: a bridge lists its own connectors; its node is the parent."""
    behind = slot(0, 0, chassis=1)
    bridge = device_properties(S) | arrays((behind, TYPE))
    tree = io_tree()
    steps = [prepared(S), taken(S), configured(S, fragment([("pci@1", bridge)]))]
    assert carry_out(tree, add(S), steps, online(S)).errno == 0
    steps = [prepared(behind), taken(behind), configured(behind, card("x@0", behind))]
    done = carry_out(tree, add(behind), steps, online(behind))
    assert done.changes == [("add", f"{PATH0}/pci@1/x@0")]
    steps = [light(S, 1), offline(behind), offline(S), gone(behind), isolate(S)]
    done = carry_out(tree, remove(S), steps, power(0))
    gone_paths = [f"{PATH0}/pci@1/x@0", f"{PATH0}/pci@1"]
    assert done.changes == [("remove", path) for path in gone_paths]
    assert tree.to_dtb() == io_tree().to_dtb()


def test_drmgr_does_not_look_behind_a_bridge():
    """DRMGR_FORGETS: only the slot itself is given back."""
    behind = slot(0, 0, chassis=1)
    tree = io_tree()
    tree.add_node(f"{PATH0}/pci@1", device_properties(S) | arrays((behind, TYPE)))
    tree.add_node(f"{PATH0}/pci@1/x@0", device_properties(behind))
    done = carry_out(tree, remove(S), removed(S), quirks={Quirk.DRMGR_FORGETS})
    assert done.changes == [("remove", f"{PATH0}/pci@1")]


def test_lists_as_drc_info():
    """3.12: power domain and type come from the record as well."""
    tree = io_tree(slots=[])
    record = b"28\0C\0" + cells(slot(0, 0), 0, 2, 8, DOMAIN)
    tree[PATH0]["ibm,drc-info"] = cells(1) + record
    assert carry_out(
        tree,
        add(S),
        isolate(S),
        power(0, domain=DOMAIN),
        light(S, 1),
        sensor(S, 1),
        power(100, domain=DOMAIN),
        unisolate(S),
        DELIVERED,
        online(S),
    ).changes == [("add", NODE)]


@pytest.mark.parametrize("request_", [add(S), remove(S)], ids=str)
@pytest.mark.parametrize("kind", ["SLOT", "PHB", "", "0", "x28"])
def test_only_numbered_types_are_slots(request_, kind):
    """drmgr `is_hp_type`: a logical slot is not for hot plug."""
    done = unchanged(io_tree(slots=[(S, kind)]), request_)
    assert (done.errno, done.exit_status) == (errno.ENODEV, 255)
    assert done.reason == "no slot for hot plug has DRC 0x40000008"


def test_first_of_equal_indexes_that_is_a_slot_counts():
    """A node that lists the index with another type is passed over."""
    tree = io_tree(slots=[(S, "SLOT")])
    tree.add_node("/pci@1", arrays((S, "13")))
    done = carry_out(tree, add(S), ADDED)
    assert done.changes == [("add", "/pci@1/ethernet@1")]


def test_damaged_list_is_einval():
    tree = io_tree()
    tree[PATH0]["ibm,drc-names"] = cells(1) + b"C0\0"
    for request in (add(S), remove(S)):
        done = unchanged(tree, request)
        assert (done.errno, done.exit_status) == (errno.EINVAL, 255)
        assert f"{PATH0}: ibm,drc-names: 1 entries, expected 2" in done.reason


def test_occupied_slot():
    """drmgr do_add: the light goes on, exit status 255."""
    done = unchanged(occupied(), add(S), light(S, 1, -3))
    assert (done.errno, done.exit_status) == (errno.EEXIST, 255)
    assert done.reason == "slot C8 is occupied already"


def test_empty_slot_is_asked_for_half_a_minute():
    """drmgr check_card_presence: 30 times, a second apart; then isolate, off."""
    waited = []
    steps = [prepared(S), [sensor(S, 0)] * 30, shut(S)]
    done = unchanged(io_tree(), add(S), steps, sleep=waited.append)
    assert (done.errno, done.exit_status) == (errno.ENXIO, 255)
    assert waited == [1.0] * 29
    assert [c.arguments for c in done.calls if c.function == "sleep"] == [(1000,)] * 29


def test_card_that_comes_late():
    steps = [prepared(S), [sensor(S, 0)] * 29, taken(S), DELIVERED, online(S)]
    assert carry_out(io_tree(), add(S), *steps).errno == 0


NEED_POWER, POWER_ONLY = -9000, -9001


def test_sensor_that_needs_power_and_unisolation():
    """rtas sensor status -9000: powered and unisolated to be asked, and then once."""
    steps = [sensor(S, 0, NEED_POWER), power(100), unisolate(S), sensor(S, 1)]
    done = carry_out(io_tree(), add(S), prepared(S), steps, DELIVERED, online(S))
    assert done.errno == 0


def test_sensor_that_needs_power():
    """-9001: powered to be asked, unisolated afterwards."""
    steps = [sensor(S, 0, POWER_ONLY), power(100), sensor(S, 1), unisolate(S)]
    done = carry_out(io_tree(), add(S), prepared(S), steps, DELIVERED, online(S))
    assert done.errno == 0


@pytest.mark.parametrize(
    ("steps", "error"),
    [
        ([isolate(S, -1), power(0)], errno.EIO),
        ([isolate(S, -9000), power(0)], errno.EFAULT),
        ([isolate(S), power(0, -1)], errno.EIO),
        ([isolate(S), power(0), light(S, 1, -3)], errno.EINVAL),
    ],
    ids=["isolate", "multi-level", "off", "light"],
)
def test_add_that_fails_before_the_slot_is_asked(steps, error):
    """drmgr do_add: only a failed isolation is followed by a call."""
    done = unchanged(io_tree(), add(S), *steps)
    assert (done.errno, done.exit_status) == (error, 255)
    assert "failed with status" in done.reason


@pytest.mark.parametrize(
    ("steps", "error"),
    [
        ([sensor(S, 0, -1)], errno.EIO),
        ([sensor(S, 2)], errno.EIO),
        ([sensor(S, 0, NEED_POWER), power(100, -9000)], errno.EFAULT),
        ([sensor(S, 0, NEED_POWER), power(100), unisolate(S, -3)], errno.EINVAL),
        ([sensor(S, 0, POWER_ONLY), power(100), sensor(S, 0, -1)], errno.EIO),
        ([sensor(S, 1), power(100, -9000)], errno.EFAULT),
        ([sensor(S, 1), power(100), unisolate(S, -1)], errno.EIO),
        ([taken(S), not_configured(S, -9002)], errno.EIO),
        ([taken(S), configured(S, b"junk")], errno.EINVAL),
    ],
)
def test_add_that_fails_ends_isolated_and_off(steps, error):
    """drmgr add_work: isolate, power off, whatever they answer; no node came."""
    for statuses in ((0, 0), (-3, -1)):
        end = [isolate(S, statuses[0]), power(0, statuses[1])]
        done = unchanged(io_tree(), add(S), prepared(S), steps, end)
        assert (done.errno, done.exit_status) == (error, 255)
        assert done.changes == []


def test_name_that_is_taken():
    """ofdt add_node refuses a path that exists."""
    tree = io_tree(devices=[("ethernet@1", slot(0, 0))])
    done = unchanged(tree, add(S), prepared(S), taken(S), DELIVERED, shut(S))
    assert done.errno == errno.EEXIST


@pytest.mark.parametrize("answer", [(0, -1), (2, 0)])
def test_drmgr_goes_on_blindly(answer):
    """DRMGR_BLIND: only "empty" stops it, not an error nor another state."""
    steps = [prepared(S), sensor(S, *answer), power(100), unisolate(S), DELIVERED]
    done = carry_out(io_tree(), add(S), *steps, online(S), quirks={Quirk.DRMGR_BLIND})
    assert done.errno == 0


def test_nobody_looks_at_the_rescan():
    """drmgr ignores what the kernel says to it."""
    done = carry_out(io_tree(), add(S), ADDED[:-1], online(S, -errno.EIO))
    assert (done.errno, done.exit_status) == (0, 0)


def test_remove_of_an_empty_slot():
    """drmgr remove_work: light on, light off, 255."""
    done = unchanged(io_tree(), remove(S), light(S, 1), light(S, 0, -1))
    assert (done.errno, done.exit_status) == (errno.ENOENT, 255)
    assert done.reason == "slot C8 has no configured card"
    assert unchanged(io_tree(), remove(S), light(S, 1, -1)).errno == errno.EIO


def test_drivers_that_do_not_let_go():
    """Removal ends before firmware or the tree hear of it; the light stays on."""
    done = unchanged(occupied(), remove(S), light(S, 1), offline(S, -errno.EBUSY))
    assert (done.errno, done.exit_status) == (errno.EBUSY, 255)
    assert "0x40000008 do not let go" in done.reason


def test_isolation_that_is_refused():
    """-9001, valid outstanding translations: the device stays, and works on."""
    steps = [light(S, 1), offline(S), isolate(S, -9001), online(S)]
    done = unchanged(occupied(), remove(S), *steps)
    assert (done.errno, done.exit_status, done.changes) == (errno.EEXIST, 255, [])


def test_drmgr_forgets_a_device():
    """DRMGR_FORGETS: its node has left already, and the slot is powered off."""
    tree = occupied()
    steps = [light(S, 1), offline(S), isolate(S, -9001), power(0)]
    done = carry_out(tree, remove(S), *steps, quirks={Quirk.DRMGR_FORGETS})
    assert done.errno == errno.EEXIST
    assert done.changes == [("remove", NODE)]
    assert tree.to_dtb() == io_tree().to_dtb()


def test_slot_that_does_not_go_off():
    """drmgr tries once more; it is isolated, so that the node has left."""
    steps = [light(S, 1), offline(S), isolate(S), power(0, -1), power(0, -1)]
    done = carry_out(occupied(), remove(S), *steps)
    assert (done.errno, done.exit_status) == (errno.EIO, 255)
    assert done.changes == [("remove", NODE)]


def test_device_behind_a_bridge_that_is_not_given_back():
    """What follows it, the bridge and the slot stay and work on."""
    one, two = slot(0, 0, chassis=1), slot(0, 1, chassis=1)
    tree = io_tree()
    lists = arrays((one, TYPE), (two, TYPE))
    tree.add_node(f"{PATH0}/pci@1", device_properties(S) | lists)
    for name, index in (("x@0", one), ("y@1", two)):
        tree.add_node(f"{PATH0}/pci@1/{name}", device_properties(index))
    steps = [light(S, 1), offline(two), offline(one), offline(S), gone(two)]
    steps += [light(one, 0), isolate(one, -1), online(one), online(S)]
    done = carry_out(tree, remove(S), *steps)
    assert done.errno == errno.EIO
    assert done.changes == [("remove", f"{PATH0}/pci@1/y@1")]


def test_count_has_drmgr_complain():
    """rtas_errd passes -q on; drmgr wants a name or an index."""
    done = unchanged(io_tree(), HotplugRequest.by_count(Resource.PCI, Action.ADD, 1))
    assert (done.errno, done.exit_status) == (errno.EINVAL, 255)
    assert done.reason == "a DRC name or index must be given"

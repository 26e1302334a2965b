"""RTAS calls on the model: statuses, cursors, what the two profiles differ in."""

from __future__ import annotations

import pytest

from pydlpar import DeviceTree, Firmware
from pydlpar.connector import fragment_nodes
from pydlpar.constants import DrcState
from pydlpar.data import default_tree_bytes

CORE, SPARE, BRIDGE, SLOT, PMEM = (
    0x10000001,
    0x10000007,
    0x20000000,
    0x40000018,
    0x90000000,
)
UNKNOWN = 0x10000063


def firmware(profile="qemu", tree=None):
    return Firmware.from_tree(
        tree or DeviceTree.from_dtb(default_tree_bytes()), profile
    )


def area_of(index):
    return bytearray(index.to_bytes(4, "big") + bytes(4092))


def name_in(area):
    return bytes(area[0x14 : area.index(0, 0x14)]).decode()


@pytest.mark.parametrize("profile", ["qemu", "lopar"])
def test_unknown_connector(profile):
    """Every call answers -3."""
    machine = firmware(profile)
    assert machine.get_sensor_state(9003, UNKNOWN) == (-3, 0)
    assert machine.set_indicator(9001, UNKNOWN, 1) == -3
    assert machine.configure_connector(UNKNOWN)[:3] == (-3, (-3,), None)
    assert machine.connector_call(UNKNOWN, area_of(UNKNOWN)) == -3


@pytest.mark.parametrize("sensor", [0, 3, 9001, 9002, 9004])
def test_unknown_sensor(sensor):
    assert firmware().get_sensor_state(sensor, CORE) == (-3, 0)


@pytest.mark.parametrize(("indicator", "value"), [(9001, 2), (9003, 2), (9000, 0)])
def test_unknown_indicator_or_value(indicator, value):
    machine = firmware()
    assert machine.last_rejection is None
    assert machine.set_indicator(indicator, CORE, value) == -3
    assert machine.last_rejection == (
        f"DRC 0x10000001: set-indicator({indicator}, {value}): logical connector in "
        "state LOGICAL_CONFIGURED, status -3; no such indicator or value"
    )


def test_epow_sensor_is_lopar_only():
    """It shows the action of a power event that was not fetched."""
    machine = firmware("lopar")
    assert machine.get_sensor_state(9, 0) == (0, 0)
    machine.system_powerdown()
    assert machine.get_sensor_state(9, 0) == (0, 3)
    assert firmware().get_sensor_state(9, 0) == (-3, 0)


def test_life_of_a_core():
    """From empty to configured and back, with the state after each call."""
    machine = firmware()
    connector = machine.connectors[SPARE]
    assert machine.set_indicator(9003, SPARE, 1) == -3
    machine.plug_cpu(7)
    assert machine.get_sensor_state(9003, SPARE) == (0, 2)
    states = []
    for indicator, value in ((9003, 1), (9001, 1)):
        assert machine.set_indicator(indicator, SPARE, value) == 0
        states.append(connector.state)
    assert machine.configure_connector(SPARE).status == 0
    states.append(connector.state)
    for indicator, value in ((9001, 0), (9003, 0)):
        assert machine.set_indicator(indicator, SPARE, value) == 0
        states.append(connector.state)
    assert [int(state) for state in states] == [2, 3, 4, 2, 1]
    assert connector.device is not None


def test_walk_of_a_core():
    """One call for the node, one a property, the last one says complete."""
    machine = firmware()
    result = machine.configure_connector(CORE)
    ((name, properties, _),) = fragment_nodes(result.fragment)
    assert name == "PowerPC,POWER9@1"
    assert list(result.statuses) == [2, *[3] * len(properties), 0]


def test_fragment_is_kept_until_the_device_leaves():
    """Built at the first call, as in QEMU; a new device has a new one."""
    machine = firmware()
    machine.plug_cpu(7, "c")
    machine.set_indicator(9003, SPARE, 1)
    machine.set_indicator(9001, SPARE, 1)
    machine.configure_connector(SPARE)
    kept = machine.connectors[SPARE].server
    machine.configure_connector(SPARE)
    assert machine.connectors[SPARE].server is kept
    machine.unplug("c")
    machine.set_indicator(9001, SPARE, 0)
    machine.set_indicator(9003, SPARE, 0)
    assert machine.connectors[SPARE].server is None


@pytest.mark.parametrize("state", [1, 2])
def test_connector_that_delivers_nothing(state):
    """QEMU: -9003. LoPAR: an isolated one is complete at once."""
    for profile, status in (("qemu", -9003), ("lopar", -9003 if state == 1 else 0)):
        machine = firmware(profile)
        machine.plug_cpu(7)
        if state == 2:
            assert machine.set_indicator(9003, SPARE, 1) == 0
        assert machine.configure_connector(SPARE)[:3] == (status, (status,), None)
        assert machine.connector_call(SPARE, area_of(SPARE)) == status
        assert machine.connectors[SPARE].state == state


def test_rejected_configure_says_where_it_is_allowed():
    machine = firmware()
    machine.configure_connector(SPARE)
    assert machine.last_rejection.endswith(
        "allowed in LOGICAL_UNISOLATE, LOGICAL_CONFIGURED"
    )


def test_abandoned_sequence_goes_on_in_qemu():
    """The cursor is the connector's: a new work area changes nothing."""
    machine = firmware()
    area = area_of(CORE)
    assert machine.connector_call(CORE, area) == 2
    assert machine.connector_call(CORE, area_of(CORE)) == 3
    assert machine.connector_call(CORE, area_of(CORE)) == 3


def test_abandoned_sequence_begins_anew_in_lopar():
    """A zero in the second cell begins a sequence."""
    machine = firmware("lopar")
    area = area_of(CORE)
    assert [machine.connector_call(CORE, area) for _ in range(3)] == [2, 3, 3]
    area = area_of(CORE)
    assert machine.connector_call(CORE, area) == 2
    assert name_in(area) == "PowerPC,POWER9@1"


def test_two_connectors_may_be_walked_at_once():
    machine = firmware()
    areas = {index: area_of(index) for index in (CORE, CORE + 1)}
    seen = {index: [] for index in areas}
    for _ in range(3):
        for index, area in areas.items():
            machine.connector_call(index, area)
            seen[index].append(name_in(area))
    assert seen[CORE][0] == "PowerPC,POWER9@1"
    assert seen[CORE + 1][0] == "PowerPC,POWER9@2"
    assert seen[CORE][1:] == seen[CORE + 1][1:]


def test_unisolate_rewinds_only_from_available():
    """A repeated unisolate does not; isolating and unisolating does."""
    machine = firmware()
    area = area_of(CORE)
    machine.connector_call(CORE, area)
    machine.set_indicator(9001, CORE, 1)
    assert machine.connector_call(CORE, area) == 3
    machine.set_indicator(9001, CORE, 0)
    machine.set_indicator(9001, CORE, 1)
    assert machine.connector_call(CORE, area) == 2


def test_configured_only_when_complete():
    machine = firmware()
    machine.set_indicator(9001, CORE, 0)
    machine.set_indicator(9001, CORE, 1)
    area = area_of(CORE)
    connector = machine.connectors[CORE]
    statuses = []
    while not statuses or statuses[-1]:
        assert connector.state is DrcState.LOGICAL_UNISOLATE
        statuses.append(machine.connector_call(CORE, area))
    assert connector.state is DrcState.LOGICAL_CONFIGURED
    assert machine.connector_call(CORE, area) == 2


def test_slots_keep_their_visual_indicator():
    machine = firmware()
    assert machine.connectors[SLOT].visual == 0
    for value in (1, 2, 3, 0):
        assert machine.set_indicator(9002, SLOT, value) == 0
        assert machine.connectors[SLOT].visual == value
    assert machine.set_indicator(9002, SLOT, 4) == -3
    assert machine.set_indicator(9002, CORE, 1) == -3


def test_empty_slot_differs_between_the_profiles():
    assert firmware().get_sensor_state(9003, SLOT) == (0, 0)
    assert firmware().set_indicator(9001, SLOT, 1) == -3
    assert firmware("lopar").set_indicator(9001, SLOT, 1) == 0


def test_host_bridge_and_nvdimm_connectors_follow_the_tables():
    machine = firmware()
    assert machine.get_sensor_state(9003, BRIDGE) == (0, 1)
    assert machine.get_sensor_state(9003, BRIDGE + 1) == (0, 2)
    assert machine.get_sensor_state(9003, PMEM) == (0, 2)
    result = machine.configure_connector(BRIDGE)
    ((name, properties, _),) = fragment_nodes(result.fragment)
    assert name == "pci@800000020000000"
    assert properties["ibm,my-drc-index"] == BRIDGE.to_bytes(4, "big")
    assert machine.set_indicator(9001, BRIDGE, 0) == 0
    assert machine.configure_connector(BRIDGE).status == -9003


def tree_with_a_card():
    tree = DeviceTree.from_dtb(default_tree_bytes())
    tree.add_node(
        "/pci@800000020000000/ethernet@3",
        {"reg": bytes(20), "ibm,my-drc-index": SLOT.to_bytes(4, "big")},
    )
    return tree


def test_bridge_above_a_card_in_use():
    """LoPAR: -9000 until the card is isolated. QEMU takes it along."""
    machine = firmware("lopar", tree_with_a_card())
    assert machine.get_sensor_state(9003, SLOT) == (0, 1)
    assert machine.set_indicator(9001, BRIDGE, 0) == -9000
    assert machine.last_rejection.endswith(
        "status -9000; allowed in "
        "LOGICAL_UNUSABLE, LOGICAL_AVAILABLE, LOGICAL_CONFIGURED"
    )
    assert machine.connectors[BRIDGE].state is DrcState.LOGICAL_CONFIGURED
    assert machine.set_indicator(9001, SLOT, 0) == 0
    assert machine.set_indicator(9001, BRIDGE, 0) == 0
    assert firmware("qemu", tree_with_a_card()).set_indicator(9001, BRIDGE, 0) == 0


def test_tree_of_the_partition_is_not_the_firmwares():
    """Edits after the start change nothing that firmware delivers."""
    tree = DeviceTree.from_dtb(default_tree_bytes())
    machine = firmware(tree=tree)
    tree.remove_node("/cpus")
    assert machine.configure_connector(CORE).status == 0


def test_operating_system_is_always_allowed_to():
    machine = firmware()
    assert machine.online_cpu(1) == machine.offline_cpu(1) == 0
    assert machine.add_memory(0, 1, 0) == machine.remove_memory(0, 1) == 0
    assert machine.online_memory(0, 1) == machine.offline_memory(0, 1) == 0

"""Unplugging: at once, when the guest gives back, or never."""

from __future__ import annotations

from pathlib import Path

import pytest

from pydlpar import DeviceTree, Firmware, PlatformError
from pydlpar.constants import DrcState
from pydlpar.data import default_tree_bytes

DATA = Path(__file__).parent / "data"
MIB = 1 << 20
ISOLATION, ALLOCATION = 9001, 9003
LMBS = (0x80000004, 0x80000005, 0x80000006)


def firmware(name=None, profile="qemu"):
    data = (DATA / f"{name}.dtb").read_bytes() if name else default_tree_bytes()
    return Firmware.from_tree(DeviceTree.from_dtb(data), profile)


def take(machine, *indexes):
    """As a guest takes connectors."""
    for index in indexes:
        assert machine.set_indicator(ALLOCATION, index, 1) == 0
        assert machine.set_indicator(ISOLATION, index, 1) == 0
        assert machine.configure_connector(index).status == 0


def give_back(machine, *indexes):
    """As a guest gives connectors back."""
    for index in indexes:
        assert machine.set_indicator(ISOLATION, index, 0) == 0
        assert machine.set_indicator(ALLOCATION, index, 0) == 0


def events(machine):
    """RTAS events, all of them: what section HP says."""
    found = []
    while True:
        status, event = machine.check_exception(0xFFFFFFFF)
        if status:
            return found
        found.append(event[0x68:].hex())


def qmp(machine):
    return [(e["event"], e["data"].get("device")) for e in machine.qmp_events]


def state(machine, index):
    return machine.connectors[index].state


@pytest.fixture(params=["qemu", "lopar"])
def machine(request):
    """A machine with a DIMM of three LMBs that the guest has taken."""
    machine = firmware("v1", request.param)
    machine.plug_memory(768 * MIB, "d")
    take(machine, *LMBS)
    machine.check_exception(0xFFFFFFFF)
    return machine


def test_core_leaves_when_the_guest_gives_it_back():
    machine = firmware()
    machine.plug_cpu(7, "c7")
    take(machine, 0x10000007)
    machine.unplug("c7")
    assert qmp(machine) == []
    give_back(machine, 0x10000007)
    assert list(machine.qmp_events) == [
        {
            "event": "DEVICE_DELETED",
            "data": {"device": "c7", "path": "/machine/peripheral/c7"},
        }
    ]
    assert machine.set_indicator(ALLOCATION, 0x10000007, 1) == -3
    machine.plug_cpu(7, "c7")


def test_core_that_nobody_took_leaves_at_once_and_is_announced_still():
    """Both events stay queued: a guest has to live with them."""
    machine = firmware()
    machine.plug_cpu(7, "c7")
    machine.unplug("c7")
    assert qmp(machine) == [("DEVICE_DELETED", "c7")]
    assert events(machine) == ["010102001000000700000000", "010202001000000700000000"]
    assert machine.get_sensor_state(9003, 0x10000007) == (0, 2)


def test_each_request_for_a_core_raises_the_event_again():
    machine = firmware()
    core = next(d for d in machine.devices if d.drc_indexes == (0x10000003,))
    for _ in range(3):
        machine.unplug(core)
    assert events(machine) == ["010202001000000300000000"] * 3


def test_core_kept_by_the_guest():
    """Unisolating refuses, once; the next request waits again."""
    machine = firmware()
    core = next(d for d in machine.devices if d.drc_indexes == (0x10000003,))
    machine.unplug(core)
    assert machine.set_indicator(ISOLATION, 0x10000003, 1) == 0
    assert machine.set_indicator(ISOLATION, 0x10000003, 1) == 0
    assert list(machine.qmp_events) == [
        {"event": "DEVICE_UNPLUG_GUEST_ERROR", "data": {"path": core.path}}
    ]
    give_back(machine, 0x10000003)
    assert machine.connectors[0x10000003].device is core
    take(machine, 0x10000003)
    machine.unplug(core)
    give_back(machine, 0x10000003)
    assert machine.connectors[0x10000003].device is None


def test_unisolating_an_isolated_core_is_no_refusal():
    """From AVAILABLE it is an ordinary transition: the unplug stays pending."""
    machine = firmware()
    core = next(d for d in machine.devices if d.drc_indexes == (0x10000003,))
    machine.unplug(core)
    assert machine.set_indicator(ISOLATION, 0x10000003, 0) == 0
    assert machine.set_indicator(ISOLATION, 0x10000003, 1) == 0
    assert machine.connectors[0x10000003].unplug_requested
    assert qmp(machine) == []


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("nope", "Device 'nope' not found"),
        ("/machine/peripheral/nope", "Device '/machine/peripheral/nope' not found"),
    ],
)
def test_device_that_is_not_there(target, text):
    with pytest.raises(PlatformError) as caught:
        firmware().unplug(target)
    assert str(caught.value) == text


def test_device_that_has_left():
    machine = firmware()
    core = machine.plug_cpu(7, "c7")
    machine.unplug(core)
    with pytest.raises(PlatformError, match=r"^Device 'c7' not found$"):
        machine.unplug(core)


def test_boot_core_stays():
    machine = firmware()
    core = next(d for d in machine.devices if d.drc_indexes == (0x10000000,))
    with pytest.raises(PlatformError, match=r"^Boot CPU core may not be unplugged$"):
        machine.unplug(core)
    assert len(machine.events) == 0


@pytest.mark.parametrize("order", [LMBS, LMBS[::-1], (LMBS[1], LMBS[2], LMBS[0])])
def test_dimm_leaves_with_its_last_lmb(machine, order):
    """In whatever order the guest gives them back."""
    machine.unplug("d")
    give_back(machine, *order[:2])
    assert qmp(machine) == []
    give_back(machine, order[2])
    assert qmp(machine) == [("DEVICE_DELETED", "d")]
    assert events(machine) == ["020204000000000380000004"]


def test_untouched_lmbs_are_released_on_the_spot():
    """Two of three were taken: they alone are waited for."""
    machine = firmware("v1")
    dimm = machine.plug_memory(768 * MIB, "d")
    take(machine, *LMBS[:2])
    machine.unplug("d")
    assert dimm.remaining == 2
    assert machine.connectors[LMBS[2]].device is None
    give_back(machine, *LMBS[:2])
    assert qmp(machine) == [("DEVICE_DELETED", "d")]


def test_untouched_dimm_leaves_at_once():
    machine = firmware("v1")
    machine.plug_memory(768 * MIB, "d")
    machine.unplug("d")
    assert qmp(machine) == [("DEVICE_DELETED", "d")]
    assert events(machine) == ["020104000000000380000004", "020204000000000380000004"]


def test_second_request_for_a_dimm_is_refused_while_pending(machine):
    machine.unplug("d")
    with pytest.raises(
        PlatformError, match=r"^Memory unplug already in progress for device d$"
    ):
        machine.unplug("d")
    assert events(machine) == ["020204000000000380000004"]


def test_old_guest_keeps_its_memory():
    machine = firmware("legacy")
    machine.plug_memory(256 * MIB, "d")
    with pytest.raises(
        PlatformError, match=r"^Memory hot unplug not supported for this guest$"
    ):
        machine.unplug("d")


def test_before_negotiation_memory_may_leave():
    """Nothing negotiated at all is not the same as an old guest."""
    machine = firmware("legacy")
    machine.reset()
    machine.plug_memory(256 * MIB, "d")
    machine.unplug("d")
    assert qmp(machine) == [("DEVICE_DELETED", "d")]


@pytest.mark.parametrize("index", LMBS)
def test_guest_keeps_a_dimm_by_unisolating_any_lmb(machine, index):
    """The whole unplug is rolled back; QEMU tells it twice."""
    machine.unplug("d")
    assert machine.set_indicator(ISOLATION, index, 1) == 0
    times = 2 if machine.profile == "qemu" else 1
    refused = ("DEVICE_UNPLUG_GUEST_ERROR", "d")
    assert qmp(machine) == [("MEM_UNPLUG_ERROR", "d"), *[refused] * times]
    assert machine.qmp_events[0]["data"]["msg"] == (
        "Memory hotunplug rejected by the guest for device d"
    )
    assert not any(machine.connectors[i].unplug_requested for i in LMBS)
    assert {state(machine, i) for i in LMBS} == {DrcState.LOGICAL_CONFIGURED}
    machine.unplug("d")
    give_back(machine, *LMBS)
    assert qmp(machine)[-1] == ("DEVICE_DELETED", "d")


def test_guest_keeps_a_dimm_by_configuring_an_lmb_again(machine):
    """The first configure-connector call rolls back, and is told once."""
    machine.unplug("d")
    assert machine.configure_connector(LMBS[1]).status == 0
    assert qmp(machine) == [
        ("MEM_UNPLUG_ERROR", "d"),
        ("DEVICE_UNPLUG_GUEST_ERROR", "d"),
    ]
    assert not any(machine.connectors[i].unplug_requested for i in LMBS)


def test_one_call_of_configure_connector_is_enough_to_keep_a_dimm(machine):
    machine.unplug("d")
    area = bytearray(LMBS[0].to_bytes(4, "big") + bytes(4092))
    assert machine.connector_call(LMBS[0], area) == 2
    assert not machine.connectors[LMBS[2]].unplug_requested


def test_lmbs_given_back_before_a_refusal_stay_lost(machine):
    """Nobody can take them, and the DIMM cannot be asked for again (QEMU aborts)."""
    dimm = machine.devices[-1]
    machine.unplug("d")
    give_back(machine, LMBS[0])
    assert machine.set_indicator(ISOLATION, LMBS[1], 1) == 0
    assert machine.set_indicator(ALLOCATION, LMBS[0], 1) == -3
    with pytest.raises(PlatformError, match=r"'d' has lost 1 of its 3 LMBs"):
        machine.unplug("d")
    assert machine.devices[-1] is dimm
    assert dimm.remaining is None
    assert state(machine, LMBS[1]) is DrcState.LOGICAL_CONFIGURED


def test_memory_without_a_request_stays_isolated_only_in_lopar(machine):
    """Guest-initiated removal of memory fails on QEMU with a hardware error."""
    status = machine.set_indicator(ISOLATION, LMBS[0], 0)
    if machine.profile == "qemu":
        assert status == -1
        assert "LMB connector in state LOGICAL_CONFIGURED" in machine.last_rejection
    else:
        assert status == 0
        assert machine.set_indicator(ALLOCATION, LMBS[0], 0) == 0
        assert machine.connectors[LMBS[0]].device is not None
        take(machine, LMBS[0])


@pytest.mark.parametrize("again", ["reset", "cas"])
def test_pending_unplug_completes_when_the_machine_starts_anew(machine, again):
    machine.unplug("d")
    getattr(machine, again)()
    assert qmp(machine) == [("DEVICE_DELETED", "d")]
    assert {state(machine, i) for i in LMBS} == {DrcState.LOGICAL_UNUSABLE}


@pytest.mark.parametrize("again", ["reset", "cas"])
def test_plugged_device_is_in_use_after_a_start(again):
    """Hotplug before the guest is up: the device is in its tree, no event."""
    machine = firmware("v1")
    machine.plug_memory(256 * MIB)
    machine.plug_cpu(1)
    getattr(machine, again)()
    for index in (0x80000004, 0x10000001):
        assert state(machine, index) is DrcState.LOGICAL_CONFIGURED
    assert events(machine) == []


def test_guest_negotiates_anew_after_a_reset():
    machine = firmware("v1")
    machine.reset()
    machine.plug_memory(256 * MIB, "before")
    machine.cas(hotplug_events=False)
    machine.plug_memory(256 * MIB, "old")
    assert events(machine) == ["020103000000000100000000"]
    machine.cas(hotplug_events=True)
    machine.plug_memory(256 * MIB, "new")
    assert events(machine) == ["020104000000000180000006"]

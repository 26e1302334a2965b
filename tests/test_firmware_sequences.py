"""What guest and platform do one after the other: firmware.md 3.6, 3.7, 4, 6.

Sequences of a guest that takes a connector, refuses it, gives it back; the walk of
configure-connector, call by call; and what each device does when it is asked for.
"""

from __future__ import annotations

import pytest
from places import DATA
from script import cells

from pydlpar import DeviceTree, Firmware, PlatformError
from pydlpar.data import default_tree_bytes

MIB = 1 << 20
ALL = 0xFFFFFFFF
CORE, SPARE, LMB = 0x10000001, 0x10000007, 0x80000010
PAGE = 4096


def machine(name=None, profile="qemu", **how):
    data = (DATA / f"{name}.dtb").read_bytes() if name else default_tree_bytes()
    return Firmware.from_tree(DeviceTree.from_dtb(data), profile, **how)


def plugged(kind, profile="qemu"):
    """A machine with something that nobody has taken: (firmware, its connector)."""
    firmware = machine(profile=profile)
    if kind == "core":
        firmware.plug_cpu(7, "d")
        return firmware, SPARE
    firmware.plug_memory(256 * MIB, "d")
    return firmware, LMB


def area_of(index, filler=b"\0"):
    return bytearray(cells(index) + filler * (PAGE - 4))


def walk(firmware, index, filler=b"\0"):
    """Statuses and work areas of a whole sequence."""
    area, seen = area_of(index, filler), []
    while not seen or seen[-1][0] > 0:
        seen.append((firmware.connector_call(index, area), bytes(area)))
    return seen


def told(firmware):
    return [event["event"] for event in firmware.qmp_events]


KINDS = pytest.mark.parametrize("kind", ["core", "LMB"])
PROFILES = pytest.mark.parametrize("profile", ["qemu", "lopar"])


@KINDS
@PROFILES
def test_guest_takes_and_gives_back(kind, profile):
    """3.7: sense 2, usable, unisolate, configure until 0, sense 1; isolate,
    unusable, sense 2. A step that is left out is refused."""
    firmware, index = plugged(kind, profile)
    assert firmware.get_sensor_state(9003, index) == (0, 2)
    assert firmware.set_indicator(9001, index, 1) == -3
    assert firmware.set_indicator(9003, index, 1) == 0
    assert firmware.set_indicator(9001, index, 1) == 0
    assert walk(firmware, index)[-1][0] == 0
    assert firmware.get_sensor_state(9003, index) == (0, 1)
    assert firmware.set_indicator(9003, index, 0) == -3
    firmware.unplug("d")
    assert firmware.set_indicator(9001, index, 0) == 0
    assert told(firmware) == []
    assert firmware.set_indicator(9003, index, 0) == 0
    assert told(firmware) == ["DEVICE_DELETED"]
    assert firmware.get_sensor_state(9003, index) == (0, 2)
    assert firmware.set_indicator(9003, index, 1) == -3


@KINDS
@PROFILES
def test_guest_gives_up_while_taking(kind, profile):
    """3.7: after a failure it says unusable, and may begin again."""
    firmware, index = plugged(kind, profile)
    assert firmware.set_indicator(9003, index, 1) == 0
    assert firmware.set_indicator(9003, index, 0) == 0
    assert firmware.connectors[index].device is not None
    assert firmware.set_indicator(9003, index, 1) == 0
    assert firmware.set_indicator(9001, index, 1) == 0
    assert walk(firmware, index)[-1][0] == 0


@KINDS
@PROFILES
@pytest.mark.parametrize("configured", [False, True])
def test_guest_refuses(kind, profile, configured):
    """3.7: unisolating in state 3 or 4; the state stays."""
    firmware, index = plugged(kind, profile)
    firmware.set_indicator(9003, index, 1)
    firmware.set_indicator(9001, index, 1)
    if configured:
        walk(firmware, index)
    state = firmware.connectors[index].state
    firmware.unplug("d")
    assert firmware.set_indicator(9001, index, 1) == 0
    assert set(told(firmware)) >= {"DEVICE_UNPLUG_GUEST_ERROR"}
    assert firmware.connectors[index].state is state
    assert not firmware.connectors[index].unplug_requested
    assert firmware.connectors[index].device is not None


@KINDS
def test_plugging_changes_no_state(kind):
    """3.6: attach needs an empty connector; state 1 stays, sense stays 2."""
    firmware, index = plugged(kind)
    assert firmware.connectors[index].state == 1
    with pytest.raises(PlatformError):
        firmware.plug_cpu(7) if kind == "core" else firmware.plug_memory(
            256 * MIB, addr=(index & 0xFFF) << 28
        )


@KINDS
def test_no_timeout(kind):
    """6.4: whatever the guest does in between, a pending unplug stays pending."""
    firmware, index = plugged(kind)
    firmware.set_indicator(9003, index, 1)
    firmware.unplug("d")
    for _ in range(1000):
        firmware.get_sensor_state(9003, index)
        firmware.check_exception(ALL)
        firmware.set_indicator(9001, index, 0)
    assert firmware.connectors[index].unplug_requested
    assert told(firmware) == []


def test_golden_lmb_sequence():
    """4.4: work areas of QEMU, filled with 0xcc before, byte for byte."""
    boot = DeviceTree.from_dtb((DATA / "v1.dtb").read_bytes())
    drmem = boot["/ibm,dynamic-reconfiguration-memory"]
    drmem["ibm,associativity-lookup-arrays"] = cells(1, 1, 0)
    firmware = Firmware.from_tree(boot, lmb_address_bug=True)
    firmware.plug_memory(256 * MIB)
    firmware.set_indicator(9003, 0x80000004, 1)
    firmware.set_indicator(9001, 0x80000004, 1)
    seen = walk(firmware, 0x80000004, b"\xcc")
    stale = b"\xcc" * 4
    expected = [
        (2, stale * 2, b"memory@800000040000000\0"),
        (3, cells(8, 0x26), b"ibm,associativity\0" + cells(1, 0)),
        (3, cells(16, 0x18), b"reg\0" + cells(0x8000000, 0x40000000, 0, 0x10000000)),
        (3, cells(7, 0x20), b"device_type\0memory\0"),
    ]
    assert [status for status, _ in seen] == [2, 3, 3, 3, 0]
    for (status, place, data), (got, area) in zip(expected, seen, strict=False):
        head = cells(0x80000004) + stale + cells(0x14) + place
        assert (got, area[: 0x14 + len(data)]) == (status, head + data)
    assert seen[4][1] == seen[3][1]


def test_walk_of_a_core():
    """4.3, 4.5: 2 first, then 30 properties in reverse order of creation, 0 at the
    end: 32 calls; again and again, the state being 4."""
    firmware = machine()
    for _ in range(2):
        seen = walk(firmware, CORE)
        assert [status for status, _ in seen] == [2, *[3] * 30, 0]
        names = [area[0x14 : area.index(0, 0x14)].decode() for _, area in seen]
        assert names[0] == "PowerPC,POWER9@1"
        assert names[1:5] == [
            *("name", "ibm,dec-bits", "ibm,processor-radix-AP-encodings"),
            "ibm,ppc-interrupt-gserver#s",
        ]
        assert names[27:31] == ["cpu-version", "device_type", "reg", "ibm,my-drc-index"]
        assert firmware.connectors[CORE].state == 4


def test_value_is_clipped_at_the_end_of_the_area():
    """4.1: no error, and the length that is told is the whole one."""
    tree = DeviceTree.from_dtb(default_tree_bytes())
    tree["/cpus/PowerPC,POWER9@1"]["x-large"] = bytes(range(256)) * 20
    seen = walk(Firmware.from_tree(tree), CORE)
    (area,) = [
        area for status, area in seen if status and area[0x14:0x1C] == b"x-large\0"
    ]
    assert int.from_bytes(area[0x0C:0x10], "big") == 5120
    assert area[0x1C:] == (bytes(range(256)) * 20)[: PAGE - 0x1C]


def test_fragment_is_kept_over_a_change_of_nodes():
    """4.3: built at the first call, cached until the device leaves."""
    firmware = machine("numa")
    firmware.plug_cpu(2, "c", node=1)
    firmware.set_indicator(9003, 0x10000002, 1)
    firmware.set_indicator(9001, 0x10000002, 1)
    first = walk(firmware, 0x10000002)
    firmware.cas()
    assert walk(firmware, 0x10000002) == first


@pytest.mark.parametrize(
    ("core_id", "text"),
    [
        (16, "core id 16 out of range"),
        (3, "core 3 already populated"),
    ],
)
def test_core_is_refused(core_id, text):
    """6.5: in these words."""
    with pytest.raises(PlatformError) as caught:
        machine().plug_cpu(core_id)
    assert str(caught.value) == text


@pytest.mark.parametrize("again", ["reset", "cas"])
def test_hotplug_before_cas(again):
    """6.6: the event is of the EPOW class, and dropped when the guest negotiates;
    the device is simply there."""
    firmware = machine("v1")
    firmware.reset()
    firmware.plug_cpu(1)
    assert firmware.check_exception(0x10000000) == (1, b"")
    assert len(firmware.events) == 1
    getattr(firmware, again)()
    assert firmware.check_exception(ALL) == (1, b"")
    assert firmware.get_sensor_state(9003, 0x10000001) == (0, 1)
    assert firmware.connectors[0x10000001].state == 4


def test_cold_plugged_devices_raise_nothing():
    """6.6: they are CONFIGURED from the start."""
    firmware = machine()
    assert len(firmware.events) == 0
    assert all(c.state in (4, 8) for c in firmware.connectors.values() if c.device)


def test_queue_has_no_bound_and_merges_nothing():
    """2.3: twenty thousand equal events are twenty thousand; a long queue is no slower
    to fetch from, so that this takes a moment."""
    firmware = machine()
    core = next(d for d in firmware.devices if d.core_id == 3)
    for _ in range(20_000):
        firmware.unplug(core)
    assert len(firmware.events) == 20_000
    tails = {firmware.check_exception(ALL)[1][0x60:] for _ in range(20_000)}
    assert len(tails) == 1
    assert firmware.check_exception(ALL) == (1, b"")

"""The queue of RTAS events: order, classes, bytes."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from places import CORPUS, DATA

from pydlpar import DeviceTree, Firmware, decode_event
from pydlpar.constants import EventMask
from pydlpar.data import default_tree_bytes
from pydlpar.platforms.firmware_events import QmpEvents

TIME = datetime(2026, 1, 2, 3, 4, 5)
MIB = 1 << 20
EPOW, HOTPLUG = 0x40000000, 0x10000000

# firmware.md 1.4 and 1.5: observed with this clock.
COMMON = (
    "49424d00 50480030 00000000 20260102 03040500 00000000 00000000 48000003 00000000"
    "00000000 00000000 00000000 00000000 55480018 00000000"
)
GOLDEN_EPOW = bytes.fromhex(
    "06340040 0000006c 86008e00 00000000 00000000"
    + COMMON
    + "a00000d0 00000000 00000000 00000000 45500014 02000000 03010100 00000000 00000000"
)
GOLDEN_LMB = bytes.fromhex(
    "063460e5 0000006c 86008e00 00000000 00000000"
    + COMMON
    + "80000000 00000000 00000000 00000000 48500014 01000000 02010400 00000001 80000004"
)


def firmware(name=None, profile="qemu", clock=TIME):
    data = (DATA / f"{name}.dtb").read_bytes() if name else default_tree_bytes()
    return Firmware.from_tree(DeviceTree.from_dtb(data), profile, clock)


def tail(event):
    """Section HP without its header, as hex."""
    return event[0x68:].hex()


def plids(machine, *masks):
    """Log ids fetched with each mask in turn; None where there was none."""
    found = []
    for mask in masks:
        status, event = machine.check_exception(mask)
        assert status == (0 if event else 1)
        found.append(event[0x40] if event else None)
    return found


def test_mask_takes_the_first_event_of_its_class():
    """The order that QEMU was observed to keep (firmware.md 2.3)."""
    machine = firmware()
    machine.system_powerdown()
    machine.plug_cpu(4)
    machine.system_powerdown()
    machine.plug_cpu(5)
    masks = (HOTPLUG, 0xFFFFFFFF, EPOW, EPOW, HOTPLUG, HOTPLUG)
    assert plids(machine, *masks) == [1, 0, 2, None, 3, None]


@pytest.mark.parametrize("mask", [0, 0x80000000, 0x20000000, 0x08000000])
def test_other_masks_find_nothing(mask):
    machine = firmware()
    machine.system_powerdown()
    machine.plug_cpu(4)
    assert machine.check_exception(mask) == (1, b"")
    assert len(machine.events) == 2


def test_epow_event_is_the_observed_one():
    machine = firmware()
    machine.system_powerdown()
    assert machine.check_exception(EPOW) == (0, GOLDEN_EPOW)


def test_memory_event_is_the_observed_one():
    machine = firmware("v1")
    machine.plug_memory(256 * MIB)
    assert machine.check_exception(HOTPLUG) == (0, GOLDEN_LMB)


@pytest.mark.parametrize(
    ("profile", "stored"), [("qemu", "01000000"), ("lopar", "00000001")]
)
def test_log_id_in_the_byte_order_of_the_profile(profile, stored):
    """QEMU on a little-endian host forgets to swap it."""
    machine = firmware(profile=profile)
    machine.plug_cpu(4)
    machine.plug_cpu(5)
    machine.check_exception(HOTPLUG)
    _, event = machine.check_exception(HOTPLUG)
    assert event[0x40:0x44].hex() == stored


@pytest.mark.parametrize(
    ("name", "act", "expected"),
    [
        (None, lambda m: m.plug_cpu(10), "010102001000000a00000000"),
        (None, lambda m: m.unplug(m.devices[2]), "010202001000000200000000"),
        ("v1", lambda m: m.plug_memory(768 * MIB), "020104000000000380000004"),
        ("legacy", lambda m: m.plug_memory(512 * MIB), "020103000000000200000000"),
        ("legacy", lambda m: m.plug_memory(768 * MIB), "020103000000000300000000"),
    ],
)
def test_section_of_each_event(name, act, expected):
    """Cores by index; memory by count and index, or by count for an old guest."""
    machine = firmware(name)
    act(machine)
    _, event = machine.check_exception(0xFFFFFFFF)
    assert tail(event) == expected


def test_removal_of_a_dimm_names_count_and_index():
    machine = firmware("v1")
    machine.plug_memory(768 * MIB, "d")
    machine.unplug("d")
    machine.check_exception(HOTPLUG)
    assert tail(machine.check_exception(HOTPLUG)[1]) == "020204000000000380000004"


def test_old_guest_finds_hotplug_events_among_power_events():
    """Without negotiation the class is EPOW, in one queue with power events."""
    machine = firmware("legacy")
    machine.plug_memory(256 * MIB)
    machine.system_powerdown()
    assert plids(machine, HOTPLUG, EPOW, EPOW) == [None, 0, 1]


def test_class_is_decided_when_an_event_is_fetched():
    """CAS between the two changes it; a power event shows that the queue lives."""
    machine = firmware("legacy")
    machine.plug_memory(256 * MIB)
    machine.events.hotplug_class = True
    assert plids(machine, EPOW, HOTPLUG) == [None, 0]


def test_interrupts_are_pulsed_when_queued_and_while_any_are_left():
    """One pulse an event, and after each fetch one for every class left."""
    machine = firmware()
    machine.plug_cpu(4)
    machine.plug_cpu(5)
    machine.system_powerdown()
    pulses = machine.events.pulses
    assert pulses == {EventMask.EPOW: 1, EventMask.HOTPLUG: 2}
    machine.check_exception(HOTPLUG)
    assert pulses == {EventMask.EPOW: 2, EventMask.HOTPLUG: 3}
    machine.check_exception(HOTPLUG)
    assert pulses == {EventMask.EPOW: 3, EventMask.HOTPLUG: 3}
    machine.check_exception(HOTPLUG)
    assert pulses == {EventMask.EPOW: 3, EventMask.HOTPLUG: 3}


@pytest.mark.parametrize("length", [0, 1, 40, 115, 116, 2048])
def test_event_is_cut_to_the_buffer(length):
    """At most the caller's length is given (QEMU writes past the buffer)."""
    machine = firmware()
    machine.system_powerdown()
    assert machine.check_exception(EPOW, length) == (0, GOLDEN_EPOW[:length])
    assert len(machine.events) == 0


def test_event_scan_of_qemu_only_pulses():
    machine = firmware()
    machine.plug_cpu(4)
    assert machine.event_scan(0xFFFFFFFF) == (1, b"")
    assert machine.events.pulses[EventMask.HOTPLUG] == 2
    assert len(machine.events) == 1


def test_event_scan_of_lopar_delivers():
    """An event is delivered by one of the two calls, not by both."""
    machine = firmware(profile="lopar")
    machine.plug_cpu(4)
    status, event = machine.event_scan(0xFFFFFFFF)
    assert status == 0
    assert decode_event(event).hotplug.drc_index == 0x10000004
    assert machine.check_exception(0xFFFFFFFF) == (1, b"")


def test_clock_may_be_a_function_or_none():
    """The time is asked for when the event is raised; none gives zeros."""
    times = iter([TIME, datetime(2027, 12, 31, 23, 59, 58)])
    machine = firmware(clock=lambda: next(times))
    machine.plug_cpu(4)
    machine.plug_cpu(5)
    stamps = [machine.check_exception(HOTPLUG)[1][0x20:0x28].hex() for _ in "ab"]
    assert stamps == ["2026010203040500", "2027123123595800"]
    machine = firmware(clock=None)
    machine.plug_cpu(4)
    assert machine.check_exception(HOTPLUG)[1][0x20:0x28] == bytes(8)


def test_reset_drops_all_events_and_cas_only_hotplug():
    machine = firmware()
    machine.system_powerdown()
    machine.plug_cpu(4)
    machine.cas()
    assert plids(machine, HOTPLUG, EPOW) == [None, 0]
    machine.system_powerdown()
    machine.plug_cpu(5)
    machine.reset()
    assert plids(machine, 0xFFFFFFFF) == [None]


def test_log_id_counts_on_over_a_reset():
    """The counter belongs to the process, not to the machine."""
    machine = firmware()
    machine.plug_cpu(4)
    machine.reset()
    machine.cas()
    machine.plug_cpu(5)
    assert plids(machine, HOTPLUG) == [1]


def test_management_events_are_bounded():
    """A run of a million unplugs does not grow memory."""
    log = QmpEvents()
    for number in range(QmpEvents.LIMIT + 5):
        log.send("DEVICE_DELETED", None, path=str(number))
    assert len(log) == QmpEvents.LIMIT
    assert log[0] == {"event": "DEVICE_DELETED", "data": {"path": "5"}}


@pytest.mark.parametrize(
    ("name", "tree", "act"),
    [
        ("cpu-add-index-10000001", "v1", lambda m: m.plug_cpu(1)),
        ("mem-add-count-2", "legacy", lambda m: m.plug_memory(512 * MIB)),
        (
            "mem-add-countindexed-4-80000004",
            "v1",
            lambda m: m.plug_memory(1024 * MIB),
        ),
        ("epow-3-1-1", "v1", lambda m: m.system_powerdown()),
    ],
)
def test_events_equal_those_captured_from_qemu(name, tree, act):
    """Byte for byte, but for time stamp and log id."""
    path = CORPUS / "rtas" / "qemu" / f"{name}.txt"
    if not path.exists():
        pytest.skip("needs the corpus (PYDLPAR_CORPUS)")
    words = re.findall(r"^RTAS \d+: (.*)$", path.read_text(), re.M)
    captured = bytearray.fromhex(" ".join(words))
    machine = firmware(tree)
    act(machine)
    made = bytearray(machine.check_exception(0xFFFFFFFF)[1])
    for event in (captured, made):
        event[0x20:0x28] = bytes(8)
        event[0x40:0x44] = bytes(4)
    assert made == captured

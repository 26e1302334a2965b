"""Every byte of every log that the model raises: firmware.md 1.1 to 1.5, 1.7.

Each row of the tables is (offset, size, value as hex); together they are the whole
log, which a test checks.
"""

from __future__ import annotations

from datetime import datetime

import pytest
from places import DATA

from pydlpar import DeviceTree, Firmware, decode_event
from pydlpar.constants import Action, Resource
from pydlpar.data import default_tree_bytes
from pydlpar.platforms.firmware_events import EventQueue
from pydlpar.rtas import build_event

TIME = datetime(2026, 1, 2, 3, 4, 5)
MIB = 1 << 20
ALL = 0xFFFFFFFF

# 1.1, 1.3: what both kinds have alike.
COMMON = {
    "extended length": (0x04, 4, "0000006c"),
    "flags": (0x08, 1, "86"),
    "reserved 09": (0x09, 1, "00"),
    "b2": (0x0A, 1, "8e"),
    "reserved 0b": (0x0B, 9, "00" * 9),
    "company": (0x14, 4, "49424d00"),
    "PH id": (0x18, 2, "5048"),
    "PH length": (0x1A, 2, "0030"),
    "PH version": (0x1C, 4, "00000000"),
    "date": (0x20, 4, "20260102"),
    "time": (0x24, 4, "03040500"),
    "platform data 28": (0x28, 8, "00" * 8),
    "creator": (0x30, 1, "48"),
    "reserved 31": (0x31, 2, "0000"),
    "section count": (0x33, 1, "03"),
    "reserved 34": (0x34, 4, "00000000"),
    "platform data 38": (0x38, 8, "00" * 8),
    "PLID": (0x40, 4, "00000000"),
    "platform data 44": (0x44, 4, "00000000"),
    "UH id": (0x48, 2, "5548"),
    "UH length": (0x4A, 2, "0018"),
    "UH version": (0x4C, 4, "00000000"),
    "platform data 51": (0x51, 1, "00"),
    "event severity": (0x52, 1, "00"),
    "platform data 54": (0x54, 4, "00000000"),
    "reserved 58": (0x58, 2, "0000"),
    "action flags": (0x5A, 2, "0000"),
    "reserved 5c": (0x5C, 4, "00000000"),
}
EPOW = COMMON | {
    "summary": (0x00, 4, "06340040"),
    "subsystem": (0x50, 1, "a0"),
    "sub-type": (0x53, 1, "d0"),
    "EP id": (0x60, 2, "4550"),
    "EP length": (0x62, 2, "0014"),
    "EP version": (0x64, 1, "02"),
    "EP creator": (0x65, 3, "000000"),
    "action code": (0x68, 1, "03"),
    "modifier": (0x69, 1, "01"),
    "extended modifier": (0x6A, 1, "01"),
    "reserved 6b": (0x6B, 1, "00"),
    "reason": (0x6C, 8, "00" * 8),
}
HOTPLUG = COMMON | {
    "summary": (0x00, 4, "063460e5"),
    "subsystem": (0x50, 1, "80"),
    "sub-type": (0x53, 1, "00"),
    "HP id": (0x60, 2, "4850"),
    "HP length": (0x62, 2, "0014"),
    "HP version": (0x64, 1, "01"),
    "HP creator": (0x65, 3, "000000"),
    "capabilities": (0x6B, 1, "00"),
}


def machine(name=None):
    data = (DATA / f"{name}.dtb").read_bytes() if name else default_tree_bytes()
    return Firmware.from_tree(DeviceTree.from_dtb(data), clock=TIME)


def raised(name, *acts):
    """The last event that some acts raise."""
    firmware = machine(name)
    for act in acts:
        act(firmware)
    event = b""
    while True:
        status, found = firmware.check_exception(ALL)
        if status:
            return event
        event = found


def raised_for(resource, action, index):
    """What the queue makes of a request about one DRC."""
    events = EventQueue(TIME, "little")
    events.raise_index(resource, action, index)
    return events.fetch(ALL)


def check(event, rows):
    covered = bytearray(len(event))
    for name, (offset, size, value) in rows.items():
        assert event[offset : offset + size].hex() == value, name
        covered[offset : offset + size] = b"\1" * size
    return covered


def test_power_event():
    """1.1 to 1.4: 116 bytes, each of them in a row."""
    event = raised(None, lambda m: m.system_powerdown())
    assert len(event) == 116
    assert all(check(event, EPOW))


KINDS = {
    "CPU add": (
        raised("v1", lambda m: m.plug_cpu(1)),
        "01010200 10000001 00000000",
    ),
    "CPU remove": (
        raised(None, lambda m: m.unplug(m.devices[2])),
        "01020200 10000002 00000000",
    ),
    "memory add, 1 LMB": (
        raised("v1", lambda m: m.plug_memory(256 * MIB)),
        "02010400 00000001 80000004",
    ),
    "memory add, 3 LMBs": (
        raised("v1", lambda m: m.plug_memory(768 * MIB)),
        "02010400 00000003 80000004",
    ),
    "memory remove, 3 LMBs": (
        raised("v1", lambda m: m.plug_memory(768 * MIB, "d"), lambda m: m.unplug("d")),
        "02020400 00000003 80000004",
    ),
    "legacy memory add, 2 LMBs": (
        raised("legacy", lambda m: m.plug_memory(512 * MIB)),
        "02010300 00000002 00000000",
    ),
    "legacy memory add, 3 LMBs": (
        raised("legacy", lambda m: m.plug_memory(768 * MIB)),
        "02010300 00000003 00000000",
    ),
    "PHB add": (
        raised_for(Resource.PHB, Action.ADD, 0x20000001),
        "04010200 20000001 00000000",
    ),
    "PHB remove": (
        raised_for(Resource.PHB, Action.REMOVE, 0x20000001),
        "04020200 20000001 00000000",
    ),
    "PCI add": (
        raised_for(Resource.PCI, Action.ADD, 0x40000018),
        "05010200 40000018 00000000",
    ),
    "PCI remove": (
        raised_for(Resource.PCI, Action.REMOVE, 0x40000018),
        "05020200 40000018 00000000",
    ),
    "PMEM add": (
        raised_for(Resource.PMEM, Action.ADD, 0x90000000),
        "06010200 90000000 00000000",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_hotplug_event(kind):
    """1.5: 116 bytes and a section of 20 whatever the identifier; its kind, action
    and identifier type, and the identifier."""
    event, tail = KINDS[kind]
    assert len(event) == 116
    same = {name: row for name, row in HOTPLUG.items() if name != "PLID"}
    covered = check(event, same)
    assert event[0x68:].hex() == tail.replace(" ", "")
    assert not any(covered[0x68:0x6B])
    assert sum(covered) == 116 - 4 - 3 - 8
    section = decode_event(event).hotplug
    assert section.resource == int(tail[:2], 16)
    assert section.action == int(tail[2:4], 16)
    assert section.id_type == int(tail[4:6], 16)


@pytest.mark.parametrize(
    ("word", "field", "value"),
    [
        *((0x06000000 | n << 21, "severity", n) for n in range(7)),
        *((0x06000000 | n << 19, "disposition", n) for n in range(3)),
        *((0x06000000 | n << 12, "initiator", n) for n in (0, 1, 2, 4, 6)),
        *((0x06000000 | n << 8, "target", n) for n in (0, 1, 2, 4, 6)),
        *((0x06000000 | n, "type", n) for n in (*range(11), 0x40, 0xE5)),
        *((0x06000000 | n, "type", n) for n in (0xE0, 0xE1, 0xE2, 0xE3, 0xE4)),
        *((n << 24, "version", n) for n in (1, 5, 6)),
    ],
)
def test_summary_word(word, field, value):
    """1.2: each value of each field, read and written."""
    event = decode_event(word.to_bytes(4, "big") + bytes(4))
    assert event.sections[0][field] == value
    built = build_event(
        **{"type": 0, "severity": 0, field: value}, sections=(), headers=False
    )
    mask = 0xFFFFFFFF if field != "version" else 0xFF000000
    assert int.from_bytes(built.raw[:4], "big") & mask == word & mask


def test_scope_of_a_prrn_is_no_length():
    """1.2: type 0xa0 has no extended part; its length word says what changed."""
    event = decode_event(bytes.fromhex("060000a0 12345678"))
    assert event.sections[0]["scope"] == 0x12345678


@pytest.mark.parametrize(("section_id", "length"), [("LR", 20), ("MT", 28)])
def test_other_sections(section_id, length):
    """1.7: those that QEMU never emits are walked by their length."""
    event = build_event(sections=[(section_id, {})])
    section = event.sections[-1]
    assert (section.id, section.length) == (section_id, length)
    assert section.offset == 0x60


def test_limit_of_a_log():
    """1.7: 2048 bytes, as `rtas-error-log-max` says (5.3)."""
    tree = DeviceTree.from_dtb(default_tree_bytes())
    assert tree["/rtas"].u32("rtas-error-log-max") == 2048

"""Every call in every situation of a connector, made on the model itself.

firmware.md 3.4 to 3.6: what is expected is the transcription in `drc_grid`; here
the model answers, and its devices, flags and management events are looked at. A
last test holds the same pairs against QEMU.
"""

from __future__ import annotations

import functools
import itertools

import pytest
from drc_grid import UNISOLATE, expected_cells, read_cell
from oracle import QEMU, qemu_machine
from places import DATA

from pydlpar import DeviceTree, Firmware, PlatformError
from pydlpar.constants import DrcState
from pydlpar.data.generate import V1
from pydlpar.drc_states import (
    CONFIGURE,
    PROFILES,
    DrcKind,
    Effect,
    situation,
    situations,
    state_table,
)

MIB = 1 << 20
INDEXES = {
    DrcKind.LOGICAL: 0x10000001,
    DrcKind.LMB: 0x80000004,
    DrcKind.PHB: 0x20000000,
    DrcKind.PHYSICAL: 0x40000018,
}
CALLS = [(9001, 0), (9001, 1), (9003, 0), (9003, 1)]
ODD_CALLS = [
    *[(9001, value) for value in (2, 3, 0xFFFFFFFF)],
    *[(9003, value) for value in (2, 3, 4, 0xFFFFFFFF)],
    *[(9002, value) for value in (4, 0xFFFFFFFF)],
    *[(indicator, 0) for indicator in (1, 9, 9000, 9004)],
]


@functools.cache
def blob():
    return (DATA / "v1.dtb").read_bytes()


def arrange(profile, kind, state, device, unplug):
    """A machine with a device behind each of `INDEXES`, one of them in a situation:
    (firmware, its connector, the device)."""
    firmware = Firmware.from_tree(DeviceTree.from_dtb(blob()), profile)
    firmware.plug_cpu(1, "core")
    firmware.plug_memory(256 * MIB, "dimm")
    places = {each: firmware.connectors[index] for each, index in INDEXES.items()}
    if kind is DrcKind.PHYSICAL:
        places[kind].attach(places[DrcKind.PHB].device)
    connector = places[kind]
    owner = connector.device
    if not device:
        connector.detach()
    elif unplug and kind is DrcKind.LMB:
        owner.remaining = 1
    connector.situation = situation(state, device, unplug)
    connector.at_start = False
    connector.visual = 9
    return firmware, connector, owner


def make(firmware, connector, call):
    if call == CONFIGURE:
        return firmware.configure_connector(connector.index).status
    return firmware.set_indicator(call[0], connector.index, call[1])


def after(effect, device, unplug):
    """Device and flag once an effect is carried out, and what is told."""
    if effect is Effect.RELEASE:
        return False, False, ["DEVICE_DELETED"]
    if effect in (Effect.REJECT, Effect.REJECT_LATE):
        return device, False, ["DEVICE_UNPLUG_GUEST_ERROR"]
    return device, unplug, []


CELLS = [
    pytest.param(*cell, id="-".join(map(str, (cell[0], cell[1].value, *cell[2:6]))))
    for cell in expected_cells()
]


@pytest.mark.parametrize(
    ("profile", "kind", "call", "state", "device", "unplug", "cell"), CELLS
)
def test_pair_on_the_model(profile, kind, call, state, device, unplug, cell):
    """Status, next state, device, flag, cursor and what the management hears."""
    status, next_state, effect = read_cell(cell, state)
    firmware, connector, owner = arrange(profile, kind, state, device, unplug)
    if status == 1 and not device:
        with pytest.raises(PlatformError, match="has no device"):
            make(firmware, connector, call)
        return  # never reached: see below
    connector.at_start = call == CONFIGURE
    assert make(firmware, connector, call) == (0 if status == 1 else status)
    has, flag, told = after(effect, device, unplug)
    assert connector.state == next_state
    assert (connector.device is owner, connector.unplug_requested) == (has, flag)
    heard = {e["event"] for e in firmware.qmp_events} - {"MEM_UNPLUG_ERROR"}
    assert sorted(heard) == told
    rewound = call == CONFIGURE or effect in (Effect.REWIND, Effect.RELEASE)
    assert connector.at_start == rewound
    assert connector.visual == 9


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("kind", DrcKind)
def test_value_or_indicator_that_is_not_there(profile, kind):
    """3.5: -3 in every situation, and nothing changes."""
    for case in situations(kind):
        firmware, connector, _ = arrange(profile, kind, *case)
        for call in ODD_CALLS:
            assert make(firmware, connector, call) == -3
            assert connector.situation == situation(*case)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("kind", DrcKind)
def test_visual_indicator(profile, kind):
    """3.5: physical connectors take 0 to 3 in any state, empty or not."""
    physical = kind is DrcKind.PHYSICAL
    for case in situations(kind):
        firmware, connector, _ = arrange(profile, kind, *case)
        for value in range(4):
            assert make(firmware, connector, (9002, value)) == (0 if physical else -3)
            assert connector.visual == (value if physical else 9)
            assert connector.situation == situation(*case)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("kind", DrcKind)
def test_entity_sense(profile, kind):
    """3.5: logical: 2 in state 1, else 1; physical: 1 with a device, else 0."""
    for state, device, unplug in situations(kind):
        firmware, connector, _ = arrange(profile, kind, state, device, unplug)
        logical = 2 if state == 1 else 1
        sense = int(device) if kind is DrcKind.PHYSICAL else logical
        assert firmware.get_sensor_state(9003, connector.index) == (0, sense)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("kind", DrcKind)
def test_reset(profile, kind):
    """3.6: pending unplugs complete; 4 or 8 with a device, 1 or 6 without; the
    visual indicator is 1 with a device, else 0."""
    for again in ("reset", "cas"):
        for state, device, unplug in situations(kind):
            firmware, connector, owner = arrange(profile, kind, state, device, unplug)
            getattr(firmware, again)()
            stays = device and not unplug
            physical = kind is DrcKind.PHYSICAL
            ready, empty = (8, 6) if physical else (4, 1)
            assert connector.state == (ready if stays else empty)
            assert connector.device is (owner if stays else None)
            assert connector.visual == int(stays)
            assert not connector.unplug_requested


def reachable(profile, kind):
    """Situations that calls, plugging, unplugging and resets can lead to."""
    table = state_table(profile, kind)
    todo = [situation(table.empty), situation(table.ready, True)]
    seen = set(todo)
    while todo:
        here = todo.pop()
        state, device, unplug = here >> 2, here & 2, here & 1
        found = [table.configure[here]]
        found += [table.indicators[call][here] for call in table.indicators]
        nexts = [
            row.situation & ~3 if row.effect == Effect.RELEASE else row.situation
            for row in found
            if row.status in (0, 1)
        ]
        if not device and state == table.empty:
            nexts.append(here | 2)
        if device and not unplug:
            nexts.append(here & ~3 if state == table.empty else here | 1)
        if unplug:
            nexts.append(here & ~1)
        fresh = set(nexts) - seen
        seen |= fresh
        todo += fresh
    return seen


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("kind", DrcKind)
def test_nothing_is_in_use_without_a_device(profile, kind):
    """So no connector has to deliver what is not there; nor is an unplug pending
    behind one that the guest has not taken, nor a slot ever without power."""
    table = state_table(profile, kind)
    for here in reachable(profile, kind):
        state, device, unplug = DrcState(here >> 2), here & 2, here & 1
        assert device or state in (table.empty, DrcState.LOGICAL_AVAILABLE)
        assert not (unplug and state == table.empty)
        assert state is not DrcState.PHYSICAL_AVAILABLE


def test_every_state_number():
    """3.4: 1 to 4 logical, 5 to 8 physical."""
    assert [(s.value, s.name.partition("_")[2]) for s in DrcState] == [
        *[(1, "UNUSABLE"), (2, "AVAILABLE"), (3, "UNISOLATE"), (4, "CONFIGURED")],
        *[(5, "AVAILABLE"), (6, "POWERON"), (7, "UNISOLATE"), (8, "CONFIGURED")],
    ]


# How a guest brings a connector with a device from its empty state to another.
WAYS = {
    1: [],
    2: [(9003, 1)],
    3: [(9003, 1), (9001, 1)],
    4: [(9003, 1), (9001, 1), CONFIGURE],
    6: [],
    7: [(9001, 1)],
    8: [(9001, 1), CONFIGURE],
}
PROBE = [(9001, 0), (9003, 0), (9003, 1), (9001, 1), CONFIGURE]


class Slots:
    """Fresh connectors of QEMU, one at a time, each with a device behind it."""

    def __init__(self, qemu, kind):
        self.qemu, self.kind, self.count = qemu, kind, 0

    def next(self):
        """(DRC index, id of the device)."""
        self.count += 1
        number, name = self.count, f"d{self.count}"
        if self.kind is DrcKind.LOGICAL:
            self.qemu.plug_cpu(number, name)
            return 0x10000000 + number, name
        if self.kind is DrcKind.LMB:
            self.qemu.plug_memory(256 * MIB, name, (3 + number) << 28)
            return 0x80000003 + number, name
        if self.kind is DrcKind.PHB:
            driver = "spapr-pci-host-bridge"
            self.qemu.command("device_add", driver=driver, id=name, index=number)
            return 0x20000000 + number, name
        self.qemu.command(
            "device_add", driver="pci-testdev", id=name, addr=f"{number:x}.0"
        )
        return 0x40000000 + (number << 3), name

    def empty(self):
        """DRC index of a connector that nothing is behind."""
        first = {1: 0x1000003B, 2: 0x2000001E, 4: 0x400000F8, 8: 0x8000002F}
        return first[INDEXES[self.kind] >> 28]

    def call(self, index, call):
        if call != CONFIGURE:
            return self.qemu.set_indicator(call[0], index, call[1])
        area = bytearray(index.to_bytes(4, "big") + bytes(4092))
        status = 1
        while status > 0:
            status = self.qemu.connector_call(index, area)
        return status


def foretell(table, here, call):
    """What a table says: (status, next situation)."""
    row = table.configure if call == CONFIGURE else table.indicators[call]
    status, where, effect = row[here]
    if effect == Effect.RELEASE:
        where &= ~3
    elif effect in (Effect.REJECT, Effect.REJECT_LATE):
        where &= ~1
    return (0 if status == 1 else status), where


@pytest.mark.skipif(QEMU is None, reason="needs qemu-system-ppc64")
@pytest.mark.parametrize("firsts", [CALLS[:2], CALLS[2:], [CONFIGURE]], ids=str)
@pytest.mark.parametrize("kind", DrcKind)
def test_qemu_agrees_about_every_pair(kind, firsts):
    """A fresh connector for each situation: the call, and then calls that tell in
    which state it is."""
    table = state_table("qemu", kind)
    arguments = ["-smp", "1,maxcpus=60", "-m", "1G,slots=32,maxmem=12G"]
    with qemu_machine(arguments, V1) as qemu:
        slots = Slots(qemu, kind)
        pairs = itertools.product(situations(kind), firsts)
        for (state, device, unplug), first in pairs:
            if state not in WAYS or (unplug and state == table.empty):
                continue
            if not device and state != table.empty:
                continue
            index, name = slots.next() if device else (slots.empty(), None)
            here = situation(table.empty, device)
            for call in WAYS[state]:
                status, here = foretell(table, here, call)
                assert slots.call(index, call) == status == 0
            if unplug:
                qemu.unplug(name)
                here |= 1
            assert here == situation(state, device, unplug)
            for call in [(9002, value) for value in range(4)]:
                assert slots.call(index, call) == foretell(table, here, call)[0]
            for call in ODD_CALLS:
                assert slots.call(index, call) == -3
            for call in (first, *PROBE, first):
                status, here = foretell(table, here, call)
                assert slots.call(index, call) == status, (state, unplug, call)
                sense = qemu.get_sensor_state(9003, index)
                assert sense == table.sense[here], (state, unplug, call)


def test_one_call_refuses():
    """3.5: a guest refuses by unisolating, and by nothing else."""
    refusals = {cell[2] for cell in expected_cells() if cell[6].endswith("!REJECT")}
    assert refusals == {UNISOLATE}

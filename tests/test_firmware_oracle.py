"""The model against QEMU itself: the same random calls, the same answers.

Every status, state, work area, event and error text is compared. QEMU does not
survive two things, which are left out: asking for a DIMM that has lost LMBs, and,
under TCG, any change of memory after a core has left. So a run has either cores
or DIMMs that come and go.
"""

from __future__ import annotations

import random

import pytest
from oracle import QEMU, qemu_machine

from pydlpar import Firmware, PlatformError
from pydlpar.data.generate import LEGACY, LINUX

pytestmark = pytest.mark.skipif(QEMU is None, reason="needs qemu-system-ppc64")

MIB = 1 << 20
STEPS = 200
MACHINE = ["-smp", "2,maxcpus=200", "-m", "1G,slots=6,maxmem=3G"]
# As Linux on a hash table: the model leaves a radix guest no table size.
HASH = LINUX[:24] + bytes(3)
OLD = LEGACY[:24] + bytes(3)

CORES = [0x10000000 + number for number in range(7)]
LMBS = [0x80000004 + number for number in range(9)]
OTHERS = [0x20000000, 0x20000001, 0x40000018, 0x90000000, 0, 0x70000000]
CALLS = [
    *[(9001, 0), (9001, 1), (9003, 0), (9003, 1)] * 5,
    *[(9001, 2), (9003, 2), (9002, 1), (9000, 0)],
]
TIME = slice(0x20, 0x28)


class Pair:
    """A QEMU and a model that are asked the same."""

    def __init__(self, qemu, seed, cores):
        self.qemu = qemu
        self.model = Firmware.from_tree(qemu.device_tree(), lmb_address_bug=True)
        self.random = random.Random(seed)
        self.cores = cores
        self.ids = []

    def pick_index(self):
        return self.random.choice(
            self.random.choice([CORES, CORES, LMBS, LMBS, LMBS, OTHERS])
        )

    def sensor(self):
        sensor = self.random.choice([9003] * 9 + [9])
        arguments = sensor, self.pick_index()
        return (
            ("get_sensor_state", arguments),
            self.qemu.get_sensor_state(*arguments),
            self.model.get_sensor_state(*arguments),
        )

    def indicator(self):
        indicator, value = self.random.choice(CALLS)
        arguments = indicator, self.pick_index(), value
        return (
            ("set_indicator", arguments),
            self.qemu.set_indicator(*arguments),
            self.model.set_indicator(*arguments),
        )

    def take(self):
        """What a guest does to take a connector, as far as it gets."""
        index = self.random.choice(CORES + LMBS)
        made = []
        for call in ((9003, 1), (9001, 1)):
            arguments = call[0], index, call[1]
            made.append([m.set_indicator(*arguments) for m in (self.qemu, self.model)])
        return ("take", index), [m[0] for m in made], [m[1] for m in made]

    def connector(self):
        """Some calls of configure-connector, often to the end."""
        index = self.random.choice(CORES + LMBS)
        areas = [bytearray(index.to_bytes(4, "big") + b"\xcc" * 4092) for _ in "ab"]
        found = []
        for _ in range(self.random.choice([1, 3, 50])):
            got = self.qemu.connector_call(index, areas[0])
            expected = self.model.connector_call(index, areas[1])
            found.append((got, expected))
            if areas[0] != areas[1] or got != expected or got <= 0:
                break
        return (
            ("connector_call", index, found),
            (found[-1][0], bytes(areas[0])),
            (found[-1][1], bytes(areas[1])),
        )

    def exception(self):
        mask = self.random.choice([0x10000000, 0x40000000, 0xFFFFFFFF, 0x08000000])
        answers = []
        for machine in (self.qemu, self.model):
            status, event = machine.check_exception(mask)
            event = bytearray(event)
            event[TIME] = bytes(8) if event else b""
            answers.append((status, event.hex()))
        return ("check_exception", mask), *answers

    def plug(self):
        id = f"d{self.random.randrange(12)}"
        if self.cores:
            arguments = "plug_cpu", self.random.randrange(8), id
        else:
            size = self.random.choice([256, 256, 512, 768, 100, 4096]) * MIB
            lmb = self.random.choice([None, None, 4, 6, 9, 2, 13])
            addr = None if lmb is None else lmb * 256 * MIB
            node = self.random.choice([0] * 9 + [1])
            arguments = "plug_memory", size, id, addr, node
        self.ids.append(id)
        return self.both(*arguments)

    def unplug(self):
        target = self.random.choice([*self.ids, "nothing"])
        return self.both("unplug", target)

    def powerdown(self):
        return self.both("system_powerdown")

    def both(self, name, *arguments):
        """A management command on both: None, or what it was refused with."""
        answers = []
        for machine in (self.model, self.qemu):
            try:
                getattr(machine, name)(*arguments)
                answers.append(None)
            except PlatformError as error:
                answers.append(str(error))
            if answers[0] and "cannot be unplugged any more" in answers[0]:
                return (name, *arguments), None, None
        return (name, *arguments), *answers

    def step(self):
        action = self.random.choices(
            [
                *(self.sensor, self.indicator, self.take, self.connector),
                *(self.exception, self.plug, self.unplug, self.powerdown),
            ],
            weights=[10, 40, 8, 8, 8, 8, 8, 1],
        )[0]
        return action()

    def management_events(self):
        """Events for the management of both, without those of parts of a core."""
        kept = ("DEVICE_DELETED", "DEVICE_UNPLUG_GUEST_ERROR", "MEM_UNPLUG_ERROR")
        from_qemu = [
            event
            for event in self.qemu.qmp_events
            if event["event"] in kept and "/thread[" not in str(event["data"])
        ]
        return from_qemu, list(self.model.qmp_events)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("cores", [True, False], ids=["cores", "dimms"])
@pytest.mark.parametrize("vector", [HASH, OLD], ids=["modern", "legacy"])
def test_same_calls_same_answers(vector, cores, seed):
    with qemu_machine(MACHINE, vector) as qemu:
        pair = Pair(qemu, seed, cores)
        for number in range(STEPS):
            what, expected, got = pair.step()
            assert got == expected, f"seed {seed}, step {number}: {what}"
            from_qemu, from_model = pair.management_events()
            assert from_model == from_qemu, f"seed {seed}, step {number}: {what}"


def test_reset_completes_what_is_pending():
    """A reset releases, drops events, and puts what is plugged to use."""
    with qemu_machine(MACHINE, HASH) as qemu:
        pair = Pair(qemu, 0, True)
        pair.both("plug_cpu", 3, "c")
        pair.both("plug_memory", 512 * MIB, "a")
        pair.both("plug_memory", 256 * MIB, "b")
        for machine in (qemu, pair.model):
            for index in LMBS[:2]:
                assert machine.set_indicator(9003, index, 1) == 0
                assert machine.set_indicator(9001, index, 1) == 0
        pair.both("unplug", "a")
        pair.both("system_powerdown")
        pair.both("reset")
        for index in CORES + LMBS + OTHERS:
            assert qemu.get_sensor_state(9003, index) == (
                pair.model.get_sensor_state(9003, index)
            )
        from_qemu, from_model = pair.management_events()
        assert from_model == from_qemu
        assert pair.exception()[1:] == ((1, ""), (1, ""))
        assert pair.both("unplug", "b")[1:] == (None, None)

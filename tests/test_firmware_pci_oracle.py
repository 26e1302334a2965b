"""PCI devices, host bridges and NVDIMMs: the model against QEMU itself.

Every status, event, error text and work area is compared. QEMU does not survive
some things, which are left out here and tested in `test_firmware_pci`.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest
from oracle import QEMU, qemu_machine
from pci_pair import PciPair

from pydlpar.data.generate import LINUX, V1
from pydlpar.platforms.pci_models import PCI_MODELS

pytestmark = pytest.mark.skipif(QEMU is None, reason="needs qemu-system-ppc64")

MIB = 1 << 20
MACHINE = ["-M", "nvdimm=on", "-smp", "1,maxcpus=4", "-m", "1G,slots=4,maxmem=3G"]
HASH = LINUX[:24] + bytes(3)
FORM1 = V1[:24] + bytes(3)
UUID = "75A3CDD7-6a2f-4791-8d15-fe0a920e8e9e"
MOUSE = "virtio-mouse-pci"
STEPS = 150


@pytest.fixture
def pair():
    with qemu_machine(MACHINE, HASH) as qemu:
        yield PciPair(qemu)


def same(answers):
    """Both answers, which are the same."""
    assert answers[1] == answers[0]
    return answers[0]


def test_fragments_of_all_models(pair):
    """Every model of the table: all calls, all work areas, byte for byte."""
    index = 0x40000000
    for slot, driver in enumerate(sorted(PCI_MODELS)[:30]):
        bridge = {"chassis": 7} if driver == "pci-bridge" else {}
        assert same(pair.pci(driver, slot, id=f"d{slot}", **bridge)) is None, driver
        assert same(pair.indicator(9001, index | slot << 3, 1)) == 0
        assert same(pair.walk(index | slot << 3))[-1][0] == 0, driver
    same(pair.events())


def test_fragments_of_the_other_models(pair):
    for slot, driver in enumerate(sorted(PCI_MODELS)[30:]):
        assert same(pair.pci(driver, slot)) is None, driver
        assert same(pair.indicator(9001, 0x40000000 | slot << 3, 1)) == 0
        assert same(pair.walk(0x40000000 | slot << 3))[-1][0] == 0, driver


def test_fragment_after_a_reset(pair):
    """A machine reset clears the cache line register, and numbers the buses."""
    same(pair.pci("e1000", 3))
    same(pair.pci("pci-bridge", 5, id="b", chassis=6))
    same(pair.pci("qemu-xhci", 2, bus="b"))
    pair.qemu.reset()
    pair.model.reset()
    for index in (0x40000018, 0x40000028, 0x40000610):
        assert same(pair.sense(index)) == (0, 1)
        assert same(pair.walk(index))[-1][0] == 0


@pytest.mark.parametrize("index", [1, 30])
def test_fragment_of_a_host_bridge(pair, index):
    """With a function of a slot, bridges behind bridges, and what is behind them."""
    same(pair.phb(index, "p"))
    same(pair.pci("pci-bridge", 5, id="b1", bus="p.0", chassis=7))
    same(pair.pci("pci-bridge", 3, id="b2", bus="p.0", chassis=8))
    same(pair.pci("pci-bridge", 3, id="b3", bus="b2", chassis=9))
    for bus in ("b1", "b3"):
        same(pair.pci(MOUSE, 2, bus=bus))
    same(pair.pci(MOUSE, 6, 3, bus="p.0"))
    same(pair.pci("nvme", 6, bus="p.0", multifunction=True))
    assert same(pair.indicator(9003, 0x20000000 | index, 1)) == 0
    assert same(pair.indicator(9001, 0x20000000 | index, 1)) == 0
    assert len(same(pair.walk(0x20000000 | index))) > 100
    # What comes after the host bridge was configured has its bus number.
    same(pair.pci(MOUSE, 9, bus="b1"))
    slot = 0x40000000 | index << 16 | 7 << 8 | 9 << 3
    assert same(pair.indicator(9001, slot, 1)) == 0
    same(pair.walk(slot))
    same(pair.events())


def test_fragment_of_a_bridge_that_was_not_numbered(pair):
    """Plugged into a running host bridge: its bus has number 0 until a reset."""
    same(pair.pci("pci-bridge", 5, id="b", chassis=6))
    same(pair.pci(MOUSE, 2, bus="b"))
    assert same(pair.indicator(9001, 0x40000028, 1)) == 0
    same(pair.walk(0x40000028))


def test_host_bridge_on_a_numa_node():
    """It says its associativity only where its node was said."""
    with qemu_machine(MACHINE, FORM1) as qemu:
        pair = PciPair(qemu)
        assert "Invalid NUMA node" in same(pair.phb(1, "p", numa_node=5))
        assert same(pair.phb(1, "p", numa_node=0)) is None
        same(pair.indicator(9003, 0x20000001, 1))
        same(pair.indicator(9001, 0x20000001, 1))
        same(pair.walk(0x20000001))


def test_order_of_lists_follows_plugging(pair):
    """Host bridges that come and go leave their trace in the order of the lists."""
    for index in (1, 2, 3):
        same(pair.phb(index, f"p{index}"))
    same(pair.unplug("p2"))
    same(pair.unplug("p1"))
    for index in (7, 1, 2, 9):
        same(pair.phb(index, f"q{index}"))
        same(pair.indicator(9003, 0x20000000 | index, 1))
        same(pair.indicator(9001, 0x20000000 | index, 1))
        same(pair.walk(0x20000000 | index))


def test_refusals(pair):
    """What cannot be plugged, in QEMU's words and its order of checks."""
    refused = [
        pair.pci("nodriver", 3),
        pair.pci(MOUSE, 3, bus="nope"),
        pair.pci(MOUSE, 32),
        pair.pci(MOUSE, 3, 8),
        pair.pci("pci-bridge", 3, id="b"),
        pair.pci("pci-bridge", 3, id="b", chassis=0),
        pair.pci("pci-bridge", 3, id="b", chassis=300),
        pair.phb(None, "p"),
        pair.phb(31, "p"),
        pair.phb(-1, "p"),
        pair.phb(0, "p"),
    ]
    same(pair.pci(MOUSE, 3, 1, "f1"))
    refused += [pair.pci(MOUSE, 4, id="f1"), pair.pci(MOUSE, 3, id="f0")]
    same(pair.pci(MOUSE, 3, id="f0", multifunction=True))
    same(pair.pci("pci-bridge", 8, id="b", chassis=5))
    same(pair.phb(1, "p"))
    refused += [
        pair.pci(MOUSE, 3, 2),
        pair.pci(MOUSE, 3),
        pair.pci("pci-bridge", 3),
        pair.pci("pci-bridge", 3, chassis=9),
        pair.pci("pci-bridge", 3, 2, chassis=9),
        pair.pci("pci-bridge", 9, chassis=5),
        pair.pci("pci-bridge", 2, bus="p.0", chassis=5),
        pair.phb(1),
        pair.phb(2, "p"),
        pair.phb(1, "q", numa_node=7),
        pair.unplug("b"),
        pair.unplug("nothing"),
    ]
    assert None not in [same(answers) for answers in refused]
    same(pair.events())


def test_full_bus(pair):
    """Where no slot is named, a taken last slot means that there is none."""
    for _ in range(32):
        assert same(pair.pci(MOUSE)) is None
    assert "slot 31 function 0 already occupied" in same(pair.pci(MOUSE))
    same(pair.unplug("/machine/peripheral-anon/device[5]"))
    assert "slot 31 function 0 already occupied" in same(pair.pci("nvme"))


def test_names_of_buses(pair):
    """A bus without an id is numbered, whatever it hangs on."""
    same(pair.phb(1))
    same(pair.phb(2, "q"))
    same(pair.pci("pci-bridge", 0, bus="q.0", chassis=9))
    same(pair.phb(3))
    for name in ("pci.0", "pci.1", "pci.2", "pci.3", "pci.4", "q.0"):
        same(pair.pci(MOUSE, bus=name))
    same(pair.events())


def test_functions_of_a_slot_leave_together(pair):
    """Function 0 takes the others along; events from the last to the first."""
    for number in (3, 1, 0):
        same(pair.pci(MOUSE, 4, number, f"g{number}", multifunction=True))
    assert len(same(pair.events())) == 3
    for number in (0, 3):
        same(pair.indicator(9001, 0x40000020 + number, 1))
        same(pair.walk(0x40000020 + number))
    assert same(pair.unplug("g3")) is None
    assert "already in progress" in same(pair.unplug("g3"))
    assert same(pair.unplug("g0")) is None
    assert "already in progress" in same(pair.unplug("g0"))
    assert same(pair.events()) == [
        "050202004000002300000000",
        "050202004000002000000000",
    ]
    for number in (0, 3):
        assert same(pair.indicator(9001, 0x40000020 + number, 0)) == 0
    for number in range(8):
        assert same(pair.sense(0x40000020 + number)) == (0, 0)
    came = pair.management_events(settle=True)
    assert sorted(map(str, came[0])) == sorted(map(str, came[1]))


def test_host_bridge_leaves_with_its_devices(pair):
    """Refused, then given back: 256 connectors, what is on it, its tables, itself."""
    same(pair.phb(1, "p"))
    same(pair.pci(MOUSE, 1, id="m", bus="p.0"))
    same(pair.pci("nvme", 2, bus="p.0"))
    same(pair.indicator(9003, 0x20000001, 1))
    same(pair.indicator(9001, 0x20000001, 1))
    same(pair.walk(0x20000001))
    assert same(pair.unplug("p")) is None
    assert "already in progress" in same(pair.unplug("p"))
    assert same(pair.indicator(9001, 0x20000001, 1)) == 0
    assert same(pair.management_events())[0]["event"] == "DEVICE_UNPLUG_GUEST_ERROR"
    assert same(pair.unplug("p")) is None
    assert same(pair.indicator(9001, 0x20000001, 0)) == 0
    assert same(pair.indicator(9003, 0x20000001, 0)) == 0
    same(pair.events())
    assert same(pair.sense(0x40010008)) == (-3, 0)
    from_qemu, from_model = pair.management_events(settle=True)
    assert from_qemu[:256] == from_model[:256]
    # A paused QEMU may keep the last references to a device, and then its event.
    assert Counter(map(str, from_qemu)) <= Counter(map(str, from_model))
    assert len(from_model) == 256 + 2 + 1 + 2 + 1


def test_nvdimms(pair):
    """Refusals, events, fragments; they stay."""
    refused = [
        pair.nvdimm(256 * MIB),
        pair.nvdimm(256 * MIB, UUID, 1024),
        pair.nvdimm(100 * MIB, UUID),
        pair.nvdimm(256 * MIB, "xx"),
        pair.nvdimm(256 * MIB, UUID, node=1),
        pair.nvdimm(8192 * MIB, UUID),
    ]
    assert None not in [same(answers) for answers in refused]
    for number, size in enumerate((256, 512)):
        assert same(pair.nvdimm(size * MIB, UUID, id=f"n{number}")) is None
        same(pair.indicator(9003, 0x90000000 + number, 1))
        same(pair.indicator(9001, 0x90000000 + number, 1))
        same(pair.walk(0x90000000 + number))
    assert "not supported yet" in same(pair.unplug("n0"))
    assert len(same(pair.events())) == 2


def test_default_host_bridge_can_be_asked_for(pair):
    """That of the boot tree: its event, and nothing before the guest agrees."""
    (bridge,) = [d for d in pair.model.devices if 0x20000000 in d.drc_indexes]
    pair.model.unplug(bridge)
    pair.qemu.command("device_del", id="/machine/unattached/device[4]")
    assert same(pair.events()) == ["040202002000000000000000"]


class Mixed:
    """Random steps about PCI slots of the first host bridge and of others."""

    def __init__(self, pair, seed):
        self.pair = pair
        self.random = random.Random(seed)
        self.ids = []

    def index(self):
        phb = self.random.randrange(3)
        devfn = self.random.choice([0, 8, 16, 17, 18, 24, 25])
        return self.random.choice(
            [0x40000000 | phb << 16 | devfn] * 9 + [0x20000000 | phb] * 3
        )

    def plug(self):
        id = f"d{self.random.randrange(9)}"
        self.ids.append(id)
        bus = self.random.choice(["pci.0", "pci.0", "pci.0", "d1.0", "d2.0"])
        slot, function = self.random.choice(
            [(None, 0), (1, 0), (2, 0), (2, 1), (2, 2), (3, 1), (3, 0)]
        )
        if function and self.is_there(bus, slot, function):
            return ["left out"] * 2  # QEMU does not survive it
        driver = self.random.choice([MOUSE, "e1000", "nvme"])
        multi = self.random.random() < 0.6
        return self.pair.pci(driver, slot, function, id, bus, multifunction=multi)

    def is_there(self, bus, slot, function):
        index = {"pci.0": 0, "d1.0": 1, "d2.0": 2}[bus]
        drc = 0x40000000 | index << 16 | slot << 3 | function
        found = self.pair.model.connectors.get(drc)
        return found is not None and found.device is not None

    def plug_bridge(self):
        index = self.random.choice([0, 1, 2])
        self.ids.append(f"d{index}")
        return self.pair.phb(index, f"d{index}")

    def unplug(self):
        return self.pair.unplug(self.random.choice([*self.ids, "nothing"]))

    def call(self):
        if self.random.random() < 0.1:
            return self.pair.indicator(9002, self.index(), self.random.randrange(5))
        if self.random.random() < 0.3:
            return self.pair.indicator(9003, self.index(), self.random.randrange(2))
        return self.pair.indicator(9001, self.index(), self.random.randrange(2))

    def step(self):
        action = self.random.choices(
            [
                self.plug,
                self.plug_bridge,
                self.unplug,
                self.call,
                lambda: self.pair.sense(self.index()),
                lambda: self.pair.walk(self.index()),
                self.pair.events,
            ],
            weights=[20, 6, 14, 35, 10, 10, 5],
        )[0]
        return action()


@pytest.mark.parametrize("seed", range(4))
def test_same_calls_same_answers(pair, seed):
    """Plugging, unplugging and a guest's calls, at random."""
    mixed = Mixed(pair, seed)
    for number in range(STEPS):
        expected, got = mixed.step()
        assert got == expected, f"seed {seed}, step {number}"
    # A paused QEMU may keep the last references to a device, and then its event.
    from_qemu, from_model = (Counter(map(str, c)) for c in pair.management_events())
    assert from_qemu
    assert from_qemu <= from_model

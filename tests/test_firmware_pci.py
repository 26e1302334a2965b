"""PCI devices and host bridges of the model: rules, events, what goes along.

Texts and orders are QEMU's (7.2.22, observed): see `test_firmware_pci_oracle`.
"""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from places import CORPUS

from pydlpar import (
    PCI_MODELS,
    ArgumentError,
    BarSpace,
    DeviceTree,
    Firmware,
    PciBar,
    PciFunction,
    PlatformError,
)
from pydlpar.connector import fragment_nodes
from pydlpar.constants import DrcState
from pydlpar.data import default_tree_bytes

ISOLATION, VISUAL, ALLOCATION = 9001, 9002, 9003
MOUSE = "virtio-mouse-pci"
SLOT3 = 0x40000018
PHB1 = 0x20000001


@pytest.fixture(params=["qemu", "lopar"])
def machine(request):
    return firmware(request.param)


def firmware(profile="qemu"):
    return Firmware.from_tree(DeviceTree.from_dtb(default_tree_bytes()), profile)


def events(machine):
    """RTAS events, all of them: what section HP says."""
    found = []
    while not (answer := machine.check_exception(0xFFFFFFFF))[0]:
        found.append(answer[1][0x68:].hex())
    return found


def qmp(machine):
    came = [
        (e["event"], e["data"].get("device"), e["data"]["path"].rsplit("/", 1)[-1])
        for e in machine.qmp_events
    ]
    machine.qmp_events.clear()
    return came


def take_slot(machine, *indexes):
    for index in indexes:
        assert machine.set_indicator(ISOLATION, index, 1) == 0
        assert machine.configure_connector(index).status == 0


def take_bridge(machine, index):
    assert machine.set_indicator(ALLOCATION, index, 1) == 0
    take_slot(machine, index)


def refused(call, *arguments, **more):
    with pytest.raises(PlatformError) as caught:
        call(*arguments, **more)
    return str(caught.value)


def test_function_zero_tells_of_all(machine):
    """Others come first, silently; then events in ascending order, 0 the first."""
    for number in (5, 2):
        machine.plug_pci(MOUSE, 3, number, f"f{number}")
    assert events(machine) == []
    machine.plug_pci(MOUSE, 3, 0, "f0", multifunction=True)
    assert events(machine) == [
        "050102004000001800000000",
        "050102004000001a00000000",
        "050102004000001d00000000",
    ]
    assert machine.get_sensor_state(9003, SLOT3) == (0, 1)
    assert machine.get_sensor_state(9003, SLOT3 + 1) == (0, 0)


def test_slot_with_its_first_function_is_closed(machine):
    machine.plug_pci(MOUSE, 3, 1)
    assert refused(machine.plug_pci, MOUSE, 3) == (
        "PCI: 3.0 indicates single function, but 3.1 is already populated."
    )
    machine.plug_pci(MOUSE, 3, multifunction=True)
    assert refused(machine.plug_pci, MOUSE, 3, 2) == (
        "PCI: slot 3 function 0 already occupied by virtio-mouse-pci, additional "
        "functions can no longer be exposed to guest."
    )


@pytest.mark.parametrize("with_first", [True, False])
def test_function_plugged_twice(machine, with_first):
    """QEMU aborts, with function 0 and without; here it is refused."""
    machine.plug_pci(MOUSE, 3, 1)
    if with_first:
        machine.plug_pci(MOUSE, 3, multifunction=True)
    assert refused(machine.plug_pci, "e1000", 3, 1) == (
        "PCI: slot 3 already occupied by virtio-mouse-pci"
    )


def test_refused_plugging_changes_nothing(machine):
    """No event, no device, no connector, no bus."""
    machine.plug_pci(MOUSE, 3, id="m")
    machine.plug_pci("pci-bridge", 4, id="b", chassis=7)
    events(machine)
    before = (machine.devices, list(machine.connectors))
    for arguments, more in [
        ((MOUSE, 3), {}),
        ((MOUSE, 5, 0, "m"), {}),
        (("pci-bridge", 5), {"chassis": 7}),
        (("pci-bridge", 5), {}),
        (("no-such-driver", 5), {}),
        ((MOUSE, 32), {}),
        ((MOUSE, 3, 8), {}),
        ((MOUSE, 5), {"bus": "nope"}),
        ((MOUSE, 5), {"bus": 9}),
    ]:
        refused(machine.plug_pci, *arguments, **more)
    for arguments in [(None,), (31,), (-1,), (0,), (1, "m"), (1, None, 9)]:
        refused(machine.plug_phb, *arguments)
    assert (machine.devices, list(machine.connectors)) == before
    assert events(machine) == []


def test_slot_is_the_first_without_a_function_zero(machine):
    machine.plug_pci(MOUSE, 0, 1)
    device = machine.plug_pci(MOUSE, multifunction=True)
    assert device.drc_indexes == (0x40000000,)
    assert machine.plug_pci(MOUSE).drc_indexes == (0x40000008,)


def test_bus_by_host_bridge_or_by_name(machine):
    """The index of the host bridge, or QEMU's name."""
    machine.plug_phb(4, "p")
    machine.plug_pci("pci-bridge", 1, id="b", bus=4, chassis=9)
    for bus, index in [
        (0, 0x40000010),
        ("pci.0", 0x40000018),
        (4, 0x40040010),
        ("p.0", 0x40040018),
        ("b", 0x40040910),
    ]:
        slot = index >> 3 & 31
        assert machine.plug_pci(MOUSE, slot, bus=bus).drc_indexes == (index,)


def test_function_zero_takes_the_others_along(machine):
    """Marked from the first, told of from the last, gone when each is given back."""
    for number in (2, 1, 0):
        machine.plug_pci(MOUSE, 3, number, f"f{number}", multifunction=True)
    take_slot(machine, SLOT3, SLOT3 + 2)
    events(machine)
    machine.unplug("f0")
    # Function 1 was never taken: it leaves at once, and is not told of.
    assert qmp(machine)[-1] == ("DEVICE_DELETED", "f1", "f1")
    assert events(machine) == ["050202004000001a00000000", "050202004000001800000000"]
    assert refused(machine.unplug, "f2") == (
        "PCI device unplug already in progress for device f2"
    )
    assert machine.set_indicator(ISOLATION, SLOT3, 0) == 0
    assert qmp(machine)[-1] == ("DEVICE_DELETED", "f0", "f0")
    assert machine.get_sensor_state(9003, SLOT3) == (0, 0)
    assert machine.get_sensor_state(9003, SLOT3 + 2) == (0, 1)
    assert machine.set_indicator(ISOLATION, SLOT3 + 2, 0) == 0
    assert qmp(machine) == [
        ("DEVICE_DELETED", None, "virtio-backend"),
        ("DEVICE_DELETED", "f2", "f2"),
    ]


def test_other_function_waits_for_function_zero(machine):
    """Its unplugging is noted, without an event."""
    machine.plug_pci(MOUSE, 3, 1, "f1")
    machine.plug_pci(MOUSE, 3, 0, "f0", multifunction=True)
    take_slot(machine, SLOT3, SLOT3 + 1)
    events(machine)
    machine.unplug("f1")
    assert (events(machine), qmp(machine)) == ([], [])
    machine.unplug("f0")
    assert len(events(machine)) == 2


def test_untouched_function_leaves_without_an_event(machine):
    """The event that told of it stays queued."""
    machine.plug_pci("e1000", 3, id="n")
    machine.unplug("n")
    assert qmp(machine) == [("DEVICE_DELETED", "n", "n")]
    assert events(machine) == ["050102004000001800000000"]
    assert refused(machine.unplug, "n") == "Device 'n' not found"


def test_isolating_a_function_that_is_not_asked_for_keeps_it(machine):
    machine.plug_pci(MOUSE, 3, id="m")
    take_slot(machine, SLOT3)
    assert machine.set_indicator(ISOLATION, SLOT3, 0) == 0
    assert machine.get_sensor_state(9003, SLOT3) == (0, 1)
    assert qmp(machine) == []


def test_bridge_brings_its_slots_and_stays(machine):
    machine.plug_pci("pci-bridge", 4, id="b", chassis=7)
    assert len(machine.connectors[0x40000020].children) == 256
    # LoPAR: they are the partition's once it has configured the bridge.
    empty = (0, 0) if machine.profile == "qemu" else (-3, 0)
    assert machine.get_sensor_state(9003, 0x400007FF) == empty
    take_slot(machine, 0x40000020)
    assert machine.get_sensor_state(9003, 0x400007FF) == (0, 0)
    assert refused(machine.unplug, "b") == (
        "PCI: Hot unplug of PCI bridges not supported"
    )


def test_bridges_are_not_nested_without_end():
    """Deeper than configure-connector can deliver is refused when plugged."""
    machine = firmware()
    bus = 0
    with pytest.raises(PlatformError, match="nested deeper than"):
        for chassis in range(1, 256):
            machine.plug_pci(
                "pci-bridge", 0, id=f"b{chassis}", bus=bus, chassis=chassis
            )
            bus = f"b{chassis}"
    assert 50 < chassis < 64
    machine.plug_pci(MOUSE, 0, id="m", bus=bus)
    assert machine.set_indicator(ISOLATION, 0x40000000, 1) == 0
    assert machine.configure_connector(0x40000000).status == 0


def test_host_bridge_and_all_behind_it():
    """Its connectors first, from last to first; then the latest on its bus; its
    DMA tables; itself. Whoever comes after has its places."""
    machine = firmware()
    machine.plug_phb(1, "p")
    machine.plug_pci(MOUSE, 1, id="m", bus="p.0")
    machine.plug_pci("pci-bridge", 2, id="b", bus="p.0", chassis=6)
    machine.plug_pci(MOUSE, 3, id="behind", bus="b")
    take_bridge(machine, PHB1)
    events(machine)
    machine.unplug("p")
    assert events(machine) == ["040202002000000100000000"]
    assert refused(machine.unplug, "p") == (
        "PCI Host Bridge unplug already in progress for device p"
    )
    assert machine.set_indicator(ISOLATION, PHB1, 0) == 0
    assert qmp(machine) == []
    assert machine.set_indicator(ALLOCATION, PHB1, 0) == 0
    gone = [name for _, _, name in qmp(machine)]
    assert gone[:256] == [f"dr-connector[{0x400100FF - n}]" for n in range(256)]
    behind = ["virtio-backend", "behind"]
    assert gone[256:258] == behind
    assert len(gone[258:514]) == 256
    assert gone[514:] == [
        "b",
        *("virtio-backend", "m"),
        *("tce-table-80000100", "tce-table-80000101", "p"),
    ]
    assert machine.get_sensor_state(9003, 0x40010008) == (-3, 0)
    assert machine.set_indicator(ISOLATION, 0x40010618, 1) == -3
    machine.plug_phb(1, "p")
    machine.plug_pci("pci-bridge", 2, id="b", bus="p.0", chassis=6)


def test_untouched_host_bridge_leaves_at_once(machine):
    """And its event comes all the same."""
    machine.plug_phb(2, "p")
    machine.unplug("p")
    assert qmp(machine)[-1] == ("DEVICE_DELETED", "p", "p")
    assert events(machine) == ["040102002000000200000000", "040202002000000200000000"]


def test_guest_refuses_to_give_a_host_bridge(machine):
    machine.plug_phb(1, "p")
    take_bridge(machine, PHB1)
    machine.unplug("p")
    assert machine.set_indicator(ISOLATION, PHB1, 1) == 0
    assert qmp(machine) == [("DEVICE_UNPLUG_GUEST_ERROR", "p", "p")]
    machine.unplug("p")


def test_reset_completes_what_is_pending(machine):
    """A host bridge that leaves takes the pending connectors of its slots along."""
    machine.plug_phb(1, "p")
    machine.plug_pci(MOUSE, 1, id="m", bus="p.0")
    machine.plug_pci(MOUSE, 3, id="n")
    take_bridge(machine, PHB1)
    take_slot(machine, 0x40010008, SLOT3)
    for name in ("m", "p", "n"):
        machine.unplug(name)
    machine.reset()
    assert {"m", "p", "n"} <= {name for _, _, name in qmp(machine)}
    assert not {"m", "p", "n"} & {device.id for device in machine.devices}
    assert 0x40010008 not in machine.connectors


def test_cas_puts_what_is_plugged_to_use(machine):
    """Its event is dropped: it is in the tree that the guest is given."""
    machine.plug_phb(1, "p")
    machine.plug_pci(MOUSE, 1, bus="p.0")
    machine.cas()
    assert events(machine) == []
    connectors = machine.connectors
    assert connectors[PHB1].state is DrcState.LOGICAL_CONFIGURED
    assert connectors[0x40010008].state is DrcState.PHYSICAL_CONFIGURED
    assert connectors[0x40010010].state is DrcState.PHYSICAL_POWERON


@pytest.mark.parametrize("value", range(4))
def test_visual_indicator(machine, value):
    """Of physical connectors only, with four values."""
    assert machine.set_indicator(VISUAL, SLOT3, value) == 0
    assert machine.connectors[SLOT3].visual == value
    assert machine.set_indicator(VISUAL, SLOT3, 4) == -3
    assert machine.set_indicator(VISUAL, PHB1, value) == -3


def test_qemu_isolates_a_host_bridge_above_live_devices():
    machine = firmware("qemu")
    machine.plug_phb(1, "p")
    machine.plug_pci(MOUSE, 1, bus="p.0")
    take_bridge(machine, PHB1)
    take_slot(machine, 0x40010008)
    assert machine.set_indicator(ISOLATION, PHB1, 0) == 0


def test_lopar_isolates_from_the_bottom():
    """-9000 as long as a slot below is not isolated: bridges, then the host bridge."""
    machine = firmware("lopar")
    machine.plug_phb(1, "p")
    machine.plug_pci("pci-bridge", 1, bus="p.0", id="b", chassis=3)
    machine.plug_pci(MOUSE, 2, bus="b")
    take_bridge(machine, PHB1)
    bridge, mouse = 0x40010008, 0x40010310
    take_slot(machine, bridge, mouse)
    for index in (PHB1, bridge):
        assert machine.set_indicator(ISOLATION, index, 0) == -9000
    assert "status -9000" in machine.last_rejection
    assert machine.set_indicator(ISOLATION, mouse, 0) == 0
    assert machine.set_indicator(ISOLATION, PHB1, 0) == -9000
    assert machine.set_indicator(ISOLATION, bridge, 0) == 0
    assert machine.set_indicator(ISOLATION, PHB1, 0) == 0


def test_lopar_slot_needs_its_host_bridge():
    """A connector that the partition does not own has no sensor, no indicator."""
    machine = firmware("lopar")
    machine.plug_phb(1, "p")
    machine.plug_pci(MOUSE, 1, bus="p.0")
    slot = 0x40010008
    assert machine.get_sensor_state(9003, slot) == (-3, 0)
    assert machine.set_indicator(ISOLATION, slot, 1) == -3
    take_bridge(machine, PHB1)
    assert machine.get_sensor_state(9003, slot) == (0, 1)
    assert machine.set_indicator(ISOLATION, slot, 1) == 0


def test_events_of_a_real_guest():
    """A transcript's devices, plugged in its order: its events, byte for byte."""
    folder = CORPUS / "guest" / "pci-lifecycle"
    if not folder.exists():
        pytest.skip("needs the corpus (PYDLPAR_CORPUS)")
    steps = json.loads((folder / "transcript.json").read_text())["steps"]
    now = datetime(2000, 1, 1)
    tree = DeviceTree.from_dtb((folder / "00-boot.dtb").read_bytes())
    machine = Firmware.from_tree(tree, clock=lambda: now)
    seen = 0
    for step in (step for step in steps if "event" in step):
        expected = bytes.fromhex(step["event"])
        now = datetime.strptime(expected[0x20:0x27].hex(), "%Y%m%d%H%M%S")
        given = step["args"] or {}
        if given.get("driver") == "spapr-pci-host-bridge":
            machine.plug_phb(given["index"], given["id"])
        elif "driver" in given:
            slot = given.get("addr", "").partition(".")[0]
            place = int(slot, 16) if slot else None
            machine.plug_pci(given["driver"], place, id=given["id"])
        elif step["what"] == "device_del":
            # The guest had taken the device before.
            take_slot(machine, 0x40000000)
            machine.unplug(given["id"])
        else:
            machine.system_powerdown()
        assert machine.check_exception(0xFFFFFFFF) == (0, expected)
        seen += 1
    assert seen == 5


def test_function_of_ones_own():
    """Registers as said; the name of the node follows the class."""
    card = PciFunction(
        "my-card",
        vendor=0x1014,
        device=0x04DA,
        class_code=0x120000,
        revision=2,
        subsystem=0x1234,
        bars=(PciBar(0, BarSpace.MEM64, 1 << 20), PciBar(6, BarSpace.MEM32, 2048)),
        pin=0,
        msix=64,
        status=0x2E0,
        min_grant=5,
        max_latency=9,
        cache_line=32,
        extended_config=True,
    )
    machine = firmware()
    machine.plug_pci(card, 3, 2)
    machine.plug_pci(card, 3, multifunction=True)
    assert machine.set_indicator(ISOLATION, SLOT3 + 2, 1) == 0
    (node,) = fragment_nodes(machine.configure_connector(SLOT3 + 2).fragment)
    assert node.name == "pci@3,2"
    values = {key: value.hex() for key, value in node.properties.items()}
    reg = values.pop("reg")
    assert reg == (
        "00001a00" + "0" * 32 + "03001a10" + "0" * 16 + "0000000000100000"
        "02001a30" + "0" * 16 + "0000000000000800"
    )
    assert bytes.fromhex(values.pop("ibm,loc-code")) == b"qemu_my-card:0000:00:03.2\0"
    assert values == {
        "max-latency": "00000009",
        "min-grant": "00000005",
        "ibm,pci-config-space-type": "00000001",
        "ibm,req#msi-x": "00000040",
        "ibm,my-drc-index": "4000001a",
        "udf-supported": "",
        "66mhz-capable": "",
        "fast-back-to-back": "",
        "devsel-speed": "00000200",
        "cache-line-size": "00000020",
        "subsystem-id": "00001234",
        "class-code": "00120000",
        "revision-id": "00000002",
        "device-id": "000004da",
        "vendor-id": "00001014",
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"vendor": 0x10000},
        {"device": -1},
        {"class_code": 1 << 24},
        {"pin": 5},
        {"msix": 1 << 16},
        {"status": 1 << 16},
        {"bars": (PciBar(0, BarSpace.IO, 3),)},
        {"bars": (PciBar(0, BarSpace.IO, 0),)},
        {"bars": (PciBar(7, BarSpace.IO, 4),)},
        {"bars": (PciBar(1, BarSpace.IO, 4), PciBar(1, BarSpace.IO, 4))},
    ],
)
def test_function_that_cannot_be(wrong):
    """A register that cannot hold its value is the caller's mistake."""
    machine = firmware()
    card = PCI_MODELS["e1000"]._replace(**wrong)
    with pytest.raises(ArgumentError, match="expected"):
        machine.plug_pci(card, 3)
    assert machine.get_sensor_state(9003, SLOT3) == (0, 0)


def test_driver_names_that_no_property_can_hold():
    """The name goes into the location code, which is ASCII."""
    card = PCI_MODELS["e1000"]._replace(driver="käse")
    with pytest.raises(ArgumentError, match="ASCII"):
        firmware().plug_pci(card, 3)

"""A real QEMU as the platform: the dispatcher runs on it as on the model."""

from __future__ import annotations

import struct
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import needs_qemu

from pydlpar import (
    ArgumentError,
    Dispatcher,
    Firmware,
    Partition,
    PlatformError,
    QemuDiedError,
    decode_event,
)
from pydlpar.connector import new_work_area
from pydlpar.operations.calls import METHODS
from pydlpar.platforms.qemu import Qemu, machine_arguments
from pydlpar.platforms.qemu_boot import (
    BASIC_VECTOR_5,
    LINUX_VECTOR_5,
    LIVE_CELLS,
    OLD_VECTOR_5,
    boot_image,
    cas_is_done,
    cas_table,
    check_cas,
    with_hotplug_events,
)
from pydlpar.platforms.qemu_pool import QemuPool

pytestmark = pytest.mark.usefixtures("unpreloaded")

MIB = 1 << 20
SENSE, ISOLATION, ALLOCATION = 9003, 9001, 9003
BOOT_CORE = 0x10000000
HOTPLUG, EPOW = 0x10000000, 0x40000000
UUID = "75a3cdd7-6a2f-4791-8d15-fe0a920e8e9e"
SEED = {"rng-seed"}
HASH_TABLE = LINUX_VECTOR_5[:24] + bytes(3)  # of a radix guest's no core tells
GONE = {
    "event": "DEVICE_DELETED",
    "data": {"device": "a", "path": "/machine/peripheral/a"},
}


@pytest.fixture(scope="module")
def pool():
    with QemuPool() as made:
        yield made


@pytest.fixture
def qemu(pool):
    with pool.machine() as machine:
        yield machine


def dispatcher(qemu):
    return Dispatcher(Partition(qemu.device_tree()), qemu)


@needs_qemu
def test_is_a_platform(qemu):
    """It answers all that an operation may ask."""
    assert [name for name in METHODS if not callable(getattr(qemu, name, None))] == []


@needs_qemu
def test_management_is_that_of_the_model():
    """Same names; what the model takes, QEMU takes, in the same order."""
    names = ["plug_cpu", "plug_memory", "plug_nvdimm", "plug_phb", "plug_pci"]
    names += ["unplug", "system_powerdown", "reset", "connector_call", "event_scan"]
    names += ["check_exception", "configure_connector", "set_indicator"]
    for name in names:
        ours, theirs = (getattr(kind, name).__code__ for kind in (Qemu, Firmware))
        expected = theirs.co_varnames[: theirs.co_argcount + theirs.co_kwonlyargcount]
        assert ours.co_varnames[: len(expected)] == expected, name


@needs_qemu
def test_memory_comes_and_goes_by_events(qemu):
    """Plugged, taken, asked back, given back; the tree follows."""
    target = dispatcher(qemu)
    before = target.partition.tree.to_dtb()
    device = qemu.plug_memory(512 * MIB, "a")
    assert device.drc_indexes == (0x80000004, 0x80000005)
    (outcome,) = target.interrupt()
    assert (str(outcome.request), outcome.errno) == (
        "memory add indexed-count 2 0x80000004",
        0,
    )
    assert outcome.calls
    assert target.partition.tree.to_dtb() != before
    assert GONE not in qemu.qmp_events
    qemu.unplug(device)
    (outcome,) = target.interrupt()
    assert (str(outcome.request), outcome.errno) == (
        "memory remove indexed-count 2 0x80000004",
        0,
    )
    assert GONE in qemu.qmp_events
    assert target.partition.tree.to_dtb() == before
    assert target.interrupt() == []


@needs_qemu
def test_cores_come_and_go_by_events(qemu):
    target = dispatcher(qemu)
    device = qemu.plug_cpu(id="a")
    assert device.drc_indexes == (BOOT_CORE + 1,)
    assert [str(o.request) for o in target.interrupt()] == ["cpu add index 0x10000001"]
    assert "/cpus/PowerPC,POWER9@1" in target.partition.tree
    qemu.unplug("a")
    (outcome,) = target.interrupt()
    assert (str(outcome.request), outcome.errno) == ("cpu remove index 0x10000001", 0)
    assert "/cpus/PowerPC,POWER9@1" not in target.partition.tree
    assert GONE in qemu.qmp_events


@needs_qemu
def test_requests_as_text(qemu):
    """Written by somebody, not raised by QEMU: the DRCs are what decides."""
    target = dispatcher(qemu)
    qemu.plug_memory(512 * MIB)
    qemu.plug_cpu()
    for text in ("memory add count 2", "cpu add index 0x10000001"):
        assert target.write(text) == len(text)
    assert target.write("cpu add index 0x10000002") < 0
    assert target.write("memory add count 1") < 0
    # Linux does not look whether QEMU lets go of it, which nobody asked for (8: 14).
    assert target.write("memory remove count 1") > 0
    assert qemu.get_sensor_state(SENSE, 0x80000005) == (0, 1)
    assert target.write("cpu remove index 0x10000001") > 0


@needs_qemu
def test_outcomes_are_those_of_the_model(pool):
    """Call by call, with the answers: the dispatcher cannot tell them apart."""
    texts = ["memory add count 1", "cpu add index 0x10000003", "memory remove count 9"]
    with pool.machine(vector_5=HASH_TABLE) as qemu:
        boot = qemu.device_tree()
        model = Firmware.from_tree(boot, lmb_address_bug=True)
        outcomes, trees = [], []
        for platform in (qemu, model):
            trees.append(boot.copy())
            target = Dispatcher(Partition(trees[-1]), platform)
            platform.plug_memory(768 * MIB, "a")
            platform.plug_cpu(3, "c")
            found = target.interrupt()
            for text in texts:
                target.write(text)
                found.append(target.last)
            platform.unplug("a")
            found += target.interrupt()
            outcomes.append([(str(o.request), o.errno, o.calls) for o in found])
        assert outcomes[0] == outcomes[1]
        assert len(outcomes[0]) == 6
        assert list(trees[0].diff(trees[1])) == []
        assert "/cpus/PowerPC,POWER9@3" in trees[0]


@needs_qemu
def test_devices_know_their_connectors(qemu):
    """The index that a plug answers has the device behind it."""
    assert qemu.plug_phb(3, "p").drc_indexes == (0x20000003,)
    assert qemu.plug_phb(4).path.startswith("/machine/peripheral-anon/device[")
    found = [
        qemu.plug_pci("virtio-mouse-pci"),
        qemu.plug_pci("virtio-mouse-pci", 5, 1, multifunction=True),
        qemu.plug_pci("virtio-mouse-pci", 2, bus=3),
        qemu.plug_pci("virtio-mouse-pci", 2, bus=4),
        qemu.plug_pci("pci-bridge", 7, id="b", bus="p.0", chassis=9),
        qemu.plug_pci("virtio-mouse-pci", 4, bus="b"),
    ]
    assert [device.drc_indexes[0] for device in found] == [
        *(0x40000000, 0x40000029, 0x40030010, 0x40040010, 0x40030038, 0x40030920)
    ]
    for device in found:
        (index,) = device.drc_indexes
        path = qemu.command(
            "qom-get", path=f"/dr-connector/{index:x}", property="device"
        )
        assert path == device.path
    with pytest.raises(PlatformError, match="there is no host bridge 9"):
        qemu.plug_pci("virtio-mouse-pci", bus=9)
    with pytest.raises(ArgumentError, match="in which slot"):
        qemu.plug_pci("virtio-mouse-pci", function=1)


@needs_qemu
def test_nvdimm(pool):
    with pool.machine(arguments=("-machine", "nvdimm=on")) as qemu:
        device = qemu.plug_nvdimm(256 * MIB, UUID, id="n")
        assert device.drc_indexes == (0x90000000,)
        (index,) = device.drc_indexes
        assert qemu.get_sensor_state(SENSE, index) == (0, 2)
        with pytest.raises(PlatformError, match="hot unplug is not supported yet"):
            qemu.unplug("n")
        with pytest.raises(PlatformError):
            qemu.plug_nvdimm(256 * MIB)


@needs_qemu
def test_memory_of_a_refused_or_departed_dimm_is_given_back(qemu):
    def backends():
        return [m["id"] for m in qemu.command("query-memdev") if m.get("id")]

    before = backends()
    with pytest.raises(PlatformError, match="multiple of 256 MB"):
        qemu.plug_memory(100 * MIB)
    assert backends() == before
    qemu.plug_memory(256 * MIB, "a")
    qemu.unplug("a")
    qemu.plug_memory(256 * MIB, "a")
    assert len(backends()) == len(before) + 1


@needs_qemu
def test_rooms_run_out(pool):
    with pool.machine(cpus=1, max_cpus=2) as qemu:
        qemu.plug_cpu()
        with pytest.raises(PlatformError, match="all 2 cores are populated"):
            qemu.plug_cpu()


@needs_qemu
def test_events_are_cut_to_the_buffer(qemu):
    """The model and LoPAR truncate; QEMU writes on behind the buffer."""
    assert qemu.check_exception(HOTPLUG) == (1, b"")
    for _ in range(2):
        qemu.plug_memory(256 * MIB)
    status, event = qemu.check_exception(HOTPLUG, 40)
    assert (status, len(event)) == (0, 40)
    status, event = qemu.check_exception(HOTPLUG)
    assert (status, len(event)) == (0, 116)
    assert decode_event(event).hotplug.count == 1
    qemu.system_powerdown()
    assert qemu.check_exception(HOTPLUG) == (1, b"")
    assert qemu.event_scan(-1) == (1, b"")
    assert decode_event(qemu.check_exception(EPOW)[1]).epow is not None


@needs_qemu
def test_work_areas(qemu):
    """Call by call a guest sees what the whole walk collects."""
    whole = qemu.configure_connector(BOOT_CORE)
    assert (whole.status, whole.error) == (0, 0)
    area, statuses = new_work_area(BOOT_CORE), []
    while not statuses or statuses[-1]:
        statuses.append(qemu.connector_call(BOOT_CORE, area))
    assert tuple(statuses) == whole.statuses
    refused = qemu.configure_connector(BOOT_CORE + 1)
    assert (refused.status, refused.fragment) == (-9003, None)
    # An abandoned sequence goes on in the middle (4.3): that is no fragment.
    for _ in range(3):
        qemu.connector_call(BOOT_CORE, area)
    broken = qemu.configure_connector(BOOT_CORE)
    assert broken.fragment is None
    assert broken.error < 0
    with pytest.raises(ArgumentError, match="expected 4096"):
        qemu.connector_call(BOOT_CORE, bytearray(100))


@needs_qemu
def test_power_levels_and_other_calls(qemu):
    """3.5: QEMU knows the domain of live insertion, and ignores the level."""
    assert qemu.set_power_level(-1, 0) == (0, 100)
    assert qemu.get_power_level(0xFFFFFFFF) == (0, 100)
    assert qemu.set_power_level(5, 0) == (-3, 0)
    assert qemu.get_power_level(5) == (-3, 0)
    assert qemu.rtas("set-indicator", ISOLATION, BOOT_CORE) == [-3]
    assert qemu.rtas("get-time-of-day", n_results=8)[0] == 0
    with pytest.raises(ArgumentError, match="at most 16"):
        qemu.rtas("get-time-of-day", *range(17))
    with pytest.raises(ArgumentError, match="get-sensor-state"):
        qemu.get_sensor_state(SENSE, 1 << 32)


@needs_qemu
def test_cas_and_reset(qemu):
    """6.6: plugged before CAS, it is in the tree; and in use without an event."""
    qemu.reset()
    (index,) = qemu.plug_memory(256 * MIB).drc_indexes
    assert qemu.get_sensor_state(SENSE, index) == (0, 2)
    qemu.cas(hotplug_events=False)
    assert qemu.get_sensor_state(SENSE, index) == (0, 1)
    assert qemu.check_exception(-1) == (1, b"")
    vector = qemu.device_tree()["/chosen"]["ibm,architecture-vec-5"]
    assert not vector[6] & 4
    qemu.cas(vector_5=BASIC_VECTOR_5)
    vector = qemu.device_tree()["/chosen"]["ibm,architecture-vec-5"]
    assert vector[6] & 4
    qemu.cas()


@needs_qemu
def test_cas_is_refused(qemu):
    """A table without option vectors: the hypervisor says so, and QEMU lives."""
    with pytest.raises(PlatformError, match=r"CAS failed: .* returned -4"):
        qemu._negotiate(bytes(64))
    assert qemu.get_sensor_state(SENSE, BOOT_CORE) == (0, 1)
    qemu.cas()


@needs_qemu
def test_guest_memory(qemu):
    qemu.write_memory(0x20000, b"pydlpar")
    assert qemu.read_memory(0x20000, 7) == b"pydlpar"


@needs_qemu
def test_clock_stands_still():
    """The same time in every event: two runs can be compared byte by byte."""
    logs = []
    for _ in range(2):
        with Qemu(clock=datetime(2026, 1, 2, 3, 4, 5)) as qemu:
            qemu.plug_cpu()
            logs.append(qemu.check_exception(HOTPLUG)[1])
    assert logs[0] == logs[1]
    assert logs[0][0x20:0x28] == bytes.fromhex("2026010203040500")


@needs_qemu
def test_pool_gives_a_machine_as_new(pool):
    with pool.machine() as first:
        pid = first.process.pid
        before = first.device_tree()
        first.plug_memory(512 * MIB, "a")
        first.plug_phb(5, "p")
        first.plug_pci("virtio-mouse-pci", 1, bus=5)
        dispatcher(first).interrupt()
        first.system_powerdown()
    with pool.machine() as second:
        assert second.process.pid == pid
        assert not second._peripherals()
        assert second.check_exception(-1) == (1, b"")
        changed = {change.name for change in before.diff(second.device_tree())}
        # QEMU lists connectors in an order that their number changes (3.2).
        assert {name for name in changed if not name.startswith("ibm,drc-")} <= SEED
        second.plug_memory(512 * MIB, "a")
    with pool.machine(memory=512 * MIB) as other:
        assert other.process.pid != pid


def lose_a_core(qemu):
    """Plug one and take it away. Whether QEMU, under TCG, has survived that."""
    qemu.plug_cpu(id="a")
    try:
        qemu.unplug("a")
    except QemuDiedError:
        return False
    return True


@needs_qemu
@pytest.mark.parametrize(
    "spoil",
    [
        lambda qemu: qemu.plug_cpu(id="a"),
        lose_a_core,
        lambda qemu: qemu.plug_pci("pci-bridge", chassis=3),
        lambda qemu: qemu.close(),
    ],
    ids=["core", "departed core", "bridge", "closed"],
)
def test_pool_does_not_keep_what_cannot_be_renewed(spoil):
    with QemuPool() as pool:
        with pool.machine() as qemu:
            pid = qemu.process.pid
            spoil(qemu)
        assert len(pool) == 0
        with pool.machine() as qemu:
            assert qemu.process.pid != pid
        assert len(pool) == 1


@needs_qemu
def test_machine_that_lost_a_core_is_not_reset():
    """QEMU would not survive it, or go on with freed memory: it is not tried."""
    for _ in range(20):
        with Qemu() as qemu:
            if lose_a_core(qemu):
                assert not qemu.renew()
                assert qemu.process.is_running()
                return
    pytest.fail("no QEMU of twenty has survived that a core leaves")


@needs_qemu
def test_pool_ends_what_failed_and_what_is_too_much():
    with QemuPool(idle=1) as pool:
        with pytest.raises(RuntimeError, match="a test failed"), pool.machine() as qemu:
            raise RuntimeError("a test failed")
        assert len(pool) == 0
        assert not qemu.process.is_running()
        for memory in (512 * MIB, 768 * MIB):
            with pool.machine(memory=memory) as qemu:
                pass
        assert len(pool) == 1
        qemu.process.close()
        with pool.machine(memory=768 * MIB) as other:
            assert other is not qemu
    assert len(pool) == 0
    with pytest.raises(ArgumentError, match="idle=-1"):
        QemuPool(idle=-1)


def test_command_line():
    line = machine_arguments(
        machine="pseries",
        cpus=2,
        max_cpus=None,
        max_memory=None,
        devices=["x"],
        clock=datetime(2026, 1, 2),
    )
    assert line == [
        *("-M", "pseries", "-cpu", "power9_v2.0", "-smp", "2,maxcpus=2"),
        *("-m", "size=1073741824B", "-device", "x"),
        *("-rtc", "base=2026-01-02T00:00:00,clock=vm"),
    ]
    bare = machine_arguments(machine="pseries", cpus=None, memory=None)
    assert bare == ["-M", "pseries", "-cpu", "power9_v2.0"]


@pytest.mark.parametrize("vector", [LINUX_VECTOR_5, BASIC_VECTOR_5, OLD_VECTOR_5])
def test_table_of_cas(vector):
    """B.6.2.3: pairs up to one whose pattern has bits that its mask has not; then
    the number of vectors less one, and each with its length less one."""
    table = cas_table(vector)
    pairs = list(struct.iter_unpack(">2I", table[:24]))
    assert [bool(pvr & ~mask) for mask, pvr in pairs] == [False, False, True]
    rest, lengths = table[25:], []
    for _ in range(table[24] + 1):
        lengths.append(rest[0] + 1)
        rest = rest[lengths[-1] + 1 :]
    assert rest == b""
    assert lengths == [3, 1, 1, 1, 26]


@given(st.binary(max_size=300))
def test_vector_begins_with_its_length(data):
    """Whatever else is passed is refused before QEMU would read over its end."""
    if len(data) >= 2 and data[0] == len(data) - 2:
        assert cas_table(data).endswith(data)
    else:
        with pytest.raises(ArgumentError, match="option vector 5"):
            cas_table(data)


@given(st.binary(min_size=1, max_size=254), st.booleans())
def test_hotplug_events_in_a_vector(data, wanted):
    vector = bytes([len(data) - 1]) + data
    changed = with_hotplug_events(vector, wanted)
    assert changed[0] == len(changed) - 2
    assert bool(changed[6] & 4) == wanted
    assert (
        with_hotplug_events(changed, bool(vector[6:7] and vector[6] & 4))[
            1 : len(vector)
        ]
        == vector[1:]
    )


def test_boot_image_and_its_cells():
    """Entered at 0x100; the cells say nothing, then done, then how it failed."""
    image = boot_image()
    assert image[0x100:0x104] != bytes(4)
    address, cells = LIVE_CELLS
    assert image[address : address + len(cells)] == bytes(len(cells))
    assert not cas_is_done(cells)
    good, bad = (struct.pack(">QqQ", 0, result, 1) for result in (0, -4))
    assert cas_is_done(good)
    assert cas_is_done(bad)
    check_cas(good)
    with pytest.raises(PlatformError, match="returned -4"):
        check_cas(bad)

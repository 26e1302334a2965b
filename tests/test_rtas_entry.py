"""RTAS as a partition enters it: tokens, numbers of arguments, addresses, buffers.

Rows of firmware.md 2.1 (calls), 3.5 (shapes of the DRC calls), 4.1 (arguments and
work area of configure-connector), 5.3 (tokens).
"""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import QEMU, qemu_machine
from places import DATA

from pydlpar import ArgumentError, DeviceTree, Firmware
from pydlpar.data import default_tree_bytes
from pydlpar.data.generate import V1
from pydlpar.platforms.rtas_entry import RtasEntry, rtas_tokens

ARGUMENTS, RESULTS, BUFFER = 0x100, 0x200, 0x1000
MEMORY = 0x8000
UNTOUCHED = 0xCCCCCCCC
CORE, SPARE = 0x10000001, 0x10000007
EPOW = 0x40000000
# firmware.md 5.3
TOKENS = {
    0x200E: "check-exception",
    0x200F: "event-scan",
    0x201A: "set-indicator",
    0x201B: "set-power-level",
    0x201C: "get-power-level",
    0x201D: "get-sensor-state",
    0x201E: "ibm,configure-connector",
}
OTHER_TOKENS = {
    "start-cpu": 0x2006,
    "stop-self": 0x2007,
    "query-cpu-stopped-state": 0x2005,
    "ibm,os-term": 0x201F,
    "ibm,suspend-me": 0x202A,
    "ibm,nmi-register": 0x202B,
    "ibm,nmi-interlock": 0x202C,
}


class Guest:
    """A partition's memory and its way into the firmware."""

    def __init__(self, profile="qemu", size=MEMORY, **how):
        tree = DeviceTree.from_dtb(default_tree_bytes())
        self.firmware = Firmware.from_tree(tree, profile)
        self.memory = bytearray(b"\xcc" * size)
        self.entry = RtasEntry(self.firmware, self.memory, rtas_tokens(tree), **how)

    def put(self, address, *values):
        struct.pack_into(f">{len(values)}I", self.memory, address, *values)

    def cells(self, address, count):
        return list(struct.unpack_from(f">{count}i", self.memory, address))

    def rtas(self, name, arguments, n_results):
        """The call, and two cells of results whatever their number."""
        self.put(ARGUMENTS, *arguments)
        self.put(RESULTS, UNTOUCHED, UNTOUCHED)
        self.entry.call(name, len(arguments), ARGUMENTS, n_results, RESULTS)
        return self.cells(RESULTS, 2)


NONE = UNTOUCHED - (1 << 32)
GOOD = {
    "check-exception": ((0x500, 0x1000, EPOW, 0, BUFFER, 2048), 1, [1, NONE]),
    "event-scan": ((0xFFFFFFFF, 0, BUFFER, 2048), 1, [1, NONE]),
    "set-indicator": ((9001, CORE, 1), 1, [0, NONE]),
    "get-sensor-state": ((9003, CORE), 2, [0, 1]),
    "set-power-level": ((0xFFFFFFFF, 0), 2, [0, 100]),
    "get-power-level": ((0xFFFFFFFF,), 2, [0, 100]),
    "ibm,configure-connector": ((BUFFER, 0), 1, [-3, NONE]),
}


@pytest.mark.parametrize("name", GOOD)
def test_call_of_the_right_shape(name):
    arguments, n_results, expected = GOOD[name]
    assert Guest().rtas(name, arguments, n_results) == expected


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("n_results", range(4))
@pytest.mark.parametrize("n_args", range(10))
def test_every_number_of_arguments_and_results(name, n_args, n_results):
    """2.1, 3.5, 4: any other shape is -3; check-exception takes 6 or 7. Only
    get-sensor-state writes its second result all the same: 0."""
    good, wanted, expected = GOOD[name]
    guest = Guest()
    arguments = (*good, *[0] * 10)[:n_args]
    takes = {"check-exception": (6, 7)}.get(name, (len(good),))
    got = guest.rtas(name, arguments, n_results)
    if n_args in takes and n_results == wanted:
        assert got == expected
    else:
        assert got == [-3, 0 if name == "get-sensor-state" else NONE]


def test_power_domain_that_is_not_live():
    """3.5: -3, and the second result is not written."""
    assert Guest().rtas("set-power-level", (0, 100), 2) == [-3, NONE]
    assert Guest().rtas("get-power-level", (0,), 2) == [-3, NONE]


@pytest.mark.parametrize(
    "arguments", [(9002, CORE), (9, 0), (9003, 0x10000063), (0, CORE)]
)
def test_sensor_that_is_not_there(arguments):
    """3.5: (-3, 0), both written."""
    assert Guest().rtas("get-sensor-state", arguments, 2) == [-3, 0]


def hcall(guest, token, arguments, n_results=1, address=0x300):
    guest.put(address, token, len(arguments), n_results, *arguments)
    status = guest.entry.hcall(address)
    return status, guest.cells(address + 12 + 4 * len(arguments), 2)


def test_argument_block():
    """2.1: token, counts, arguments, results; big-endian cells in that order."""
    guest = Guest()
    assert hcall(guest, 0x201A, (9001, CORE, 1)) == (0, [0, NONE])
    assert hcall(guest, 0x201D, (9003, CORE), 2) == (0, [0, 1])


@pytest.mark.parametrize("token", [0, 0x2000, 0x2999, 0xFFFFFFFF])
def test_unknown_token(token):
    """2.1: H_PARAMETER, and -3 as the first result."""
    assert hcall(Guest(), token, (9001, CORE, 1)) == (-4, [-3, NONE])


@pytest.mark.parametrize("nibble", range(16))
def test_top_nibble_of_an_address_is_ignored(nibble):
    """2.1: of 64 bits."""
    guest = Guest()
    address = nibble << 60 | 0x300
    guest.put(0x300, 0x201D, 2, 2, 9003, CORE)
    assert guest.entry.hcall(address) == 0
    assert guest.cells(0x300 + 20, 2) == [0, 1]


def test_tokens_of_the_trees():
    """5.3: of the package's trees, and of every tree of QEMU 7.2."""
    for data in (default_tree_bytes(), (DATA / "v1.dtb").read_bytes()):
        tree = DeviceTree.from_dtb(data)
        assert rtas_tokens(tree) == TOKENS
        for name, token in OTHER_TOKENS.items():
            assert tree["/rtas"].u32(name) == token, name
    assert rtas_tokens(DeviceTree()) == {}


def test_unknown_name():
    with pytest.raises(ArgumentError, match=r"'stop-self', expected check-exception"):
        Guest().rtas("stop-self", (), 1)


@pytest.mark.parametrize("length", [0, 1, 40, 115, 116, 117, 2048])
@pytest.mark.parametrize("overrun", [False, True])
def test_buffer_of_check_exception(length, overrun):
    """2.1: cut to the buffer; QEMU writes all 116 bytes whatever the length."""
    guest = Guest(overrun=overrun)
    guest.firmware.system_powerdown()
    arguments = (0x500, 0x1000, EPOW, 0, BUFFER, length)
    assert guest.rtas("check-exception", arguments, 1) == [0, NONE]
    written = 116 if overrun else min(length, 116)
    behind = guest.memory[BUFFER : BUFFER + 200]
    assert behind[written:] == b"\xcc" * (200 - written)
    assert behind[:written] == event_of_powerdown()[:written]


def event_of_powerdown():
    tree = DeviceTree.from_dtb(default_tree_bytes())
    firmware = Firmware.from_tree(tree)
    firmware.system_powerdown()
    return firmware.check_exception(EPOW)[1]


@pytest.mark.parametrize(
    ("place", "value"), [(0, 0), (1, 0xFFFFFFFF), (3, 1), (6, 0x12345678)]
)
def test_arguments_that_are_ignored(place, value):
    """2.1: vector, additional information, critical flag, extended information."""
    guest = Guest()
    guest.firmware.system_powerdown()
    arguments = [0x500, 0x1000, EPOW, 0, BUFFER, 2048, 0]
    arguments[place] = value
    assert guest.rtas("check-exception", arguments, 1) == [0, NONE]
    assert guest.memory[BUFFER : BUFFER + 116] == event_of_powerdown()


def test_nothing_found_leaves_the_buffer():
    """2.1: status 1, not a byte written."""
    guest = Guest()
    arguments = (0x500, 0x1000, EPOW, 0, BUFFER, 2048)
    assert guest.rtas("check-exception", arguments, 1) == [1, NONE]
    assert guest.memory[BUFFER : BUFFER + 116] == b"\xcc" * 116


def test_event_scan_delivers_in_lopar():
    """2.1: by one of the two calls, not by both."""
    guest = Guest("lopar")
    guest.firmware.system_powerdown()
    arguments = (0xFFFFFFFF, 0, BUFFER, 2048)
    assert guest.rtas("event-scan", arguments, 1) == [0, NONE]
    assert guest.memory[BUFFER : BUFFER + 4].hex() == "06340040"
    assert guest.rtas("event-scan", arguments, 1) == [1, NONE]


def test_second_argument_of_configure_connector():
    """4.1: QEMU takes it for the address's upper half, finds no DRC there; LoPAR
    lets it be a page of extra memory."""
    for profile, status in (("qemu", -3), ("lopar", 2)):
        guest = Guest(profile)
        guest.put(BUFFER, CORE, 0)
        got = guest.rtas("ibm,configure-connector", (BUFFER, 0x2000), 1)
        assert got == [status, NONE]


def test_work_area():
    """4.1: index kept, offset 0x14 of the name; value length and offset."""
    guest = Guest()
    guest.put(BUFFER, CORE, 0)
    call = "ibm,configure-connector", (BUFFER, 0), 1
    assert guest.rtas(*call) == [2, NONE]
    node = guest.cells(BUFFER, 5)
    assert node == [CORE, 0, 0x14, NONE, NONE]
    area = guest.memory[BUFFER : BUFFER + 4096]
    assert area[0x14 : area.index(0, 0x14)] == b"PowerPC,POWER9@1"
    assert guest.rtas(*call) == [3, NONE]
    index, second, name, length, value = guest.cells(BUFFER, 5)
    area = guest.memory[BUFFER : BUFFER + 4096]
    assert (index, second, name) == (CORE, 0, 0x14)
    assert value == area.index(0, 0x14) + 1
    assert area[value : value + length] == b"PowerPC,POWER9@1\0"


@given(
    st.sampled_from(list(GOOD)),
    st.lists(st.integers(0, 0xFFFFFFFF), max_size=8),
    st.integers(0, 4),
    st.sampled_from([0, 1, 100, MEMORY]),
)
def test_any_arguments(name, arguments, n_results, size):
    """Memory keeps its size; a call outside it is answered, not more."""
    guest = Guest(size=MEMORY)
    del guest.memory[size:]
    guest.firmware.system_powerdown()
    guest.entry.call(name, len(arguments), ARGUMENTS, n_results, RESULTS)
    assert len(guest.memory) == size


@pytest.mark.skipif(QEMU is None, reason="needs qemu-system-ppc64")
def test_qemu_answers_the_same():
    """Every shape of every call, both results, and short buffers."""
    machine = ["-smp", "2,maxcpus=8", "-m", "1G,slots=4,maxmem=3G"]
    with qemu_machine(machine, V1) as qemu:
        tree = qemu.device_tree()
        guest = Guest(overrun=True)
        guest.firmware = Firmware.from_tree(tree)
        guest.entry = RtasEntry(
            guest.firmware, guest.memory, rtas_tokens(tree), overrun=True
        )
        qemu.write_memory(0, bytes(guest.memory))
        for each in (qemu, guest.firmware):
            for _ in range(4):
                each.system_powerdown()
        for name, (good, _, _) in GOOD.items():
            for n_args in range(8):
                for n_results in range(3):
                    arguments = (*good, *[0] * 8)[:n_args]
                    qemu.write_memory(RESULTS, b"\xcc" * 8)
                    qemu.write_memory(
                        ARGUMENTS, struct.pack(">8I", *good, *[0] * (8 - len(good)))
                    )
                    where = f"{n_args} {ARGUMENTS:#x} {n_results} {RESULTS:#x}"
                    qemu.qtest(f"rtas {name} {where}")
                    theirs = list(struct.unpack(">2i", qemu.read_memory(RESULTS, 8)))
                    ours = guest.rtas(name, arguments, n_results)
                    assert ours == theirs, (name, n_args, n_results)
        for length in (0, 40, 2048):
            arguments = (0x500, 0, EPOW, 0, BUFFER, length)
            qemu.write_memory(BUFFER, b"\xcc" * 200)
            guest.memory[BUFFER : BUFFER + 200] = b"\xcc" * 200
            (status,) = qemu.rtas("check-exception", *arguments)
            assert [status, NONE] == guest.rtas("check-exception", arguments, 1)
            for part in (slice(0, 0x20), slice(0x28, 200)):
                theirs = qemu.read_memory(BUFFER, 200)
                assert guest.memory[BUFFER : BUFFER + 200][part] == theirs[part]

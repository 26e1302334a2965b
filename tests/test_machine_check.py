"""Machine checks as RTAS events: firmware.md 1.2 (summary words) and 1.6."""

from __future__ import annotations

import pytest

from pydlpar import decode_event
from pydlpar.platforms.machine_check import (
    MachineCheck,
    machine_check,
    machine_check_event,
)

NIP, DAR = 0x1111222233334444, 0x5555666677778888
DATA_SIDE = 0x200000
UE, SLB, ERAT, TLB = 0, 1, 2, 4


@pytest.mark.parametrize(
    ("srr1", "error", "sub"),
    [
        (0x40000, UE, 0x41),
        (0x80000, SLB, 0x80),
        (0xC0000, SLB, 0x81),
        (0x100000, ERAT, 0x82),
        (0x140000, TLB, 0x82),
        (0x180000, UE, 0x42),
    ],
)
def test_fetch_of_an_instruction(srr1, error, sub):
    """1.6: SRR1 under 0x081c0000; the address is NIP. Other bits do not matter."""
    for others in (0, 0xFFFFFFFFF7C3FFFF & ~DATA_SIDE):
        got = machine_check(srr1 | others, 0xFFFFFFFF, NIP, DAR)
        assert got == MachineCheck(error, sub, NIP)


@pytest.mark.parametrize(
    ("dsisr", "error", "sub", "address"),
    [
        (0x8000, UE, 3, 0),
        (0x4000, UE, 0x44, DAR),
        (0x800, ERAT, 0x82, DAR),
        (0x400, TLB, 0x82, DAR),
        (0x80, SLB, 0x81, DAR),
        (0x100, SLB, 0x80, DAR),
    ],
)
def test_load_or_store(dsisr, error, sub, address):
    """1.6: DSISR where SRR1 bit 42 is set; only UE of the access has no address."""
    got = machine_check(DATA_SIDE | 0x40000, dsisr, NIP, DAR)
    assert got == MachineCheck(error, sub, address)


def test_first_bit_of_dsisr_that_matches():
    """1.6: in this order: 8000, 4000, 800, 400, 80, 100."""
    order = [0x8000, 0x4000, 0x800, 0x400, 0x80, 0x100]
    for position, bit in enumerate(order):
        behind = sum(order[position:])
        alone = machine_check(DATA_SIDE, bit, NIP, DAR)
        assert machine_check(DATA_SIDE, behind, NIP, DAR) == alone


@pytest.mark.parametrize(
    ("srr1", "dsisr"), [(0, 0xFFFFFFFF), (0x1C0000, 0), (0x8040000, 0), (DATA_SIDE, 0)]
)
def test_no_row_matches(srr1, dsisr):
    assert machine_check(srr1, dsisr, NIP, DAR) is None


@pytest.mark.parametrize(
    ("known", "recovered", "summary"),
    [
        (True, True, "06641000"),
        (True, False, "06741000"),
        (False, True, "06041000"),
        (False, False, "06141000"),
    ],
)
def test_summary_word(known, recovered, summary):
    """1.2: severity ERROR_SYNC where the cause is known, initiator CPU."""
    check = MachineCheck(SLB, 0x81, NIP) if known else None
    event = machine_check_event(check, recovered=recovered)
    assert event[:4].hex() == summary


def test_bytes_of_the_log():
    """1.1, 1.3, 1.6: 64 bytes; extended header, then MC at 0x18; no PH, no UH."""
    event = machine_check_event(MachineCheck(SLB, 0x81, NIP))
    assert len(event) == 64
    assert event[4:8].hex() == "00000038"
    assert event[0x08:0x18].hex() == "86008e00" + "00" * 8 + "49424d00"
    assert event[0x18:0x20].hex() == "4d43002801000000"
    assert event[0x20:0x28] == bytes(8)  # FRU and processor are never filled
    assert event[0x28:0x30].hex() == "0181" + "00" * 6
    assert event[0x30:0x38].hex() == f"{NIP:016x}"
    assert event[0x38:] == bytes(8)


@pytest.mark.parametrize("check", [None, MachineCheck(UE, 0x44, DAR)])
def test_decoded(check):
    event = decode_event(machine_check_event(check))
    assert [section.id for section in event.sections] == ["hdr", "exthdr", "MC"]
    section = event.sections[-1]
    assert section["error_detail"] == (check.sub if check else 0)
    assert section["effective_address"] == (check.address if check else 0)

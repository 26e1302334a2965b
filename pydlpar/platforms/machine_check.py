"""Machine checks: what the registers say, as the RTAS event that firmware makes.

Firmware hands it to the handler that the partition registered by
`ibm,nmi-register`; check-exception never delivers it. The log has a section MC
behind the extended header, and neither PH nor UH (QEMU spapr_events.c
`spapr_mce_dispatch_elog`; Power ISA 7.5.2).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from pydlpar.constants import EventDisposition, EventParty, EventSeverity, EventType
from pydlpar.rtas import build_event

__all__ = ["MachineCheck", "machine_check", "machine_check_event"]

_UE: Final = 0
_SLB: Final = 1
_ERAT: Final = 2
_TLB: Final = 4

_EA_VALID: Final[dict[int, int]] = {_UE: 0x40, _SLB: 0x80, _ERAT: 0x80, _TLB: 0x80}

_SRR1_MASK: Final = 0x081C0000
_SRR1_DATA_SIDE: Final = 1 << (63 - 42)


class _Row(NamedTuple):
    """A cause: bits of the register, what they mean, is the address valid."""

    bits: int
    error: int
    sub: int
    address: bool


_INSTRUCTION: Final = (
    _Row(0x40000, _UE, 1, True),
    _Row(0x80000, _SLB, 0, True),
    _Row(0xC0000, _SLB, 1, True),
    _Row(0x100000, _ERAT, 2, True),
    _Row(0x140000, _TLB, 2, True),
    _Row(0x180000, _UE, 2, True),
)
_DATA: Final = (
    _Row(0x8000, _UE, 3, False),
    _Row(0x4000, _UE, 4, True),
    _Row(0x800, _ERAT, 2, True),
    _Row(0x400, _TLB, 2, True),
    _Row(0x80, _SLB, 1, True),
    _Row(0x100, _SLB, 0, True),
)


class MachineCheck(NamedTuple):
    """What a machine check was about.

    Attributes:
        error: 0 memory (UE), 1 SLB, 2 ERAT, 4 TLB.
        sub: kind of it, with the bit that says that *address* is valid.
        address: effective address, or 0.
    """

    error: int
    sub: int
    address: int


def machine_check(srr1: int, dsisr: int, nip: int, dar: int) -> MachineCheck | None:
    """What the registers at the interrupt say; None where no row matches.

    Args:
        srr1, dsisr: causes: of loads and stores in DSISR, of fetches in SRR1.
        nip, dar: the address, of an instruction or of data.
    """
    if srr1 & _SRR1_DATA_SIDE:
        row = next((row for row in _DATA if dsisr & row.bits), None)
        where = dar
    else:
        row = next((row for row in _INSTRUCTION if srr1 & _SRR1_MASK == row.bits), None)
        where = nip
    if row is None:
        return None
    if not row.address:
        return MachineCheck(row.error, row.sub, 0)
    return MachineCheck(row.error, row.sub | _EA_VALID[row.error], where)


def machine_check_event(
    check: MachineCheck | None, *, recovered: bool = False
) -> bytes:
    """The log of a machine check: 64 bytes.

    Args:
        check: what it was about; None for one that no row explains, of which the
            log then says nothing and claims no severity.
        recovered: the processor can go on.
    """
    error, sub, address = check or (0, 0, 0)
    severity = EventSeverity.NO_ERROR if check is None else EventSeverity.ERROR_SYNC
    event = build_event(
        EventType.OTHER,
        severity,
        [
            (
                "MC",
                {
                    "error_type": error,
                    "error_detail": sub,
                    "effective_address": address,
                },
            )
        ],
        disposition=EventDisposition.FULLY_RECOVERED
        if recovered
        else EventDisposition.NOT_RECOVERED,
        initiator=EventParty.CPU,
        headers=False,
    )
    return event.raw

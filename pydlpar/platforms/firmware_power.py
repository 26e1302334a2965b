"""Power domains of physical connectors (LoPAR 13.5.3.2).

A domain is a number in `ibm,drc-power-domains`; the connectors that share it are
switched together. QEMU has none: all its connectors allow live insertion.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydlpar.constants import DrcState, RtasStatus
from pydlpar.drc_states import DrcKind
from pydlpar.platforms.firmware_devices import LIVE_INSERTION, Connector

__all__ = ["FULL_POWER", "PowerDomains"]

FULL_POWER: Final = 100
_U32: Final = 0xFFFFFFFF
_SUCCESS: Final = int(RtasStatus.SUCCESS)
_INVALID: Final = int(RtasStatus.INVALID_PARAMETER)
_FAILED: Final = int(RtasStatus.HARDWARE_ERROR)
_UNKNOWN: Final = (_INVALID, 0)
_ISOLATED: Final = (DrcState.PHYSICAL_AVAILABLE, DrcState.PHYSICAL_POWERON)


class PowerDomains:
    """Levels of the domains that the connectors of a machine name.

    Args:
        connectors: by DRC index; connectors that come or go later count too.
    """

    def __init__(self, connectors: Mapping[int, Connector]) -> None:
        self._connectors = connectors

    def _members(self, domain: int) -> list[Connector]:
        domain &= _U32
        return [
            connector
            for connector in self._connectors.values()
            if connector.power_domain == domain and connector.kind is DrcKind.PHYSICAL
        ]

    def level(self, domain: int) -> tuple[int, int]:
        """Status and level of a domain: full, or none."""
        if domain & _U32 == LIVE_INSERTION:
            return _SUCCESS, FULL_POWER
        members = self._members(domain)
        if not members:
            return _UNKNOWN
        off = all(slot.state is DrcState.PHYSICAL_AVAILABLE for slot in members)
        return _SUCCESS, 0 if off else FULL_POWER

    def set_level(self, domain: int, level: int) -> tuple[int, int]:
        """Switch a domain: 0 is off, any other level up to 100 is full power.

        A domain with a connector that is not isolated is not switched off: LoPAR
        demands that order, and gives no status for who breaks it. That of live
        insertion is always on: software must not name it, but drmgr does, and would
        not get any further.
        """
        if domain & _U32 == LIVE_INSERTION:
            return self.level(domain)
        members = self._members(domain)
        if not members or not 0 <= level <= FULL_POWER:
            return _UNKNOWN
        if not level and any(slot.state not in _ISOLATED for slot in members):
            return _FAILED, FULL_POWER
        before, after = _ISOLATED if level else _ISOLATED[::-1]
        for slot in members:
            if slot.state is before:
                slot.move_to(after)
        return self.level(domain)

"""Option vector 5: what partition and firmware agree on (LoPAR B.6.2.3).

Bytes are counted from 1, bits from the most significant, 0.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from typing import Final

__all__ = ["OFFERED", "Option", "negotiate"]

_MAX_LENGTH: Final = 256
_TOP_BIT: Final = 0x80


class Option(Enum):
    """A bit of option vector 5: (byte, bit)."""

    DYNAMIC_MEMORY = (2, 2)
    FORM1 = (5, 0)
    FORM2 = (5, 2)
    HOTPLUG_EVENTS = (6, 5)
    SLOTS_PER_PHB = (6, 6)
    HPT_RESIZE = (6, 7)
    DYNAMIC_MEMORY_V2 = (22, 0)
    DRC_INFO = (22, 1)
    XIVE = (23, 1)
    RADIX = (24, 1)
    RADIX_GTSE = (26, 1)

    @property
    def mask(self) -> int:
        """The bit in its byte."""
        return _TOP_BIT >> self.value[1]

    def is_set(self, vector: bytes) -> bool:
        """Whether a vector (a length less one, then bytes) has it."""
        byte = self.value[0]
        return byte < len(vector) and bool(vector[byte] & self.mask)


_QEMU: Final = frozenset(Option) - {Option.DRC_INFO, Option.SLOTS_PER_PHB}

OFFERED: Final = {"qemu": _QEMU, "lopar": frozenset(Option)}
"""What firmware knows, by profile. QEMU 7.2 always gives the four DRC arrays."""


def negotiate(requested: bytes, offered: Collection[Option]) -> bytes:
    """`ibm,architecture-vec-5`: what is offered and requested.

    Args:
        requested: the partition's vector, from its byte 1 on.

    Returns:
        The number of bytes less one, and the bytes up to the last that is not 0;
        at least one.
    """
    agreed = bytearray(_MAX_LENGTH)
    for option in offered:
        byte = option.value[0]
        if byte <= len(requested):
            agreed[byte - 1] |= requested[byte - 1] & option.mask
    kept = bytes(agreed).rstrip(b"\0") or b"\0"
    return bytes([len(kept) - 1]) + kept

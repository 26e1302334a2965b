"""Sizes as people write them: 512M, 1G, 0x10000000."""

from __future__ import annotations

import re
from typing import Final

from pydlpar.errors import ArgumentError

__all__ = ["parse_size"]

_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE: Final = re.compile(r"(0[xX][0-9a-fA-F]+|[0-9]+)([KMGT]?)(?:i?B)?", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Bytes, from a number with or without a unit: powers of 1024.

    Raises:
        ArgumentError: it is no such number.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ArgumentError(f"size {text!r}: expected a number of bytes, as 512M or 1G")
    return int(match[1], 10 if match[1].isdecimal() else 16) * _UNITS[match[2].upper()]

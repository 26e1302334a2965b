"""Write a list of DRCs: as the four arrays, or as `ibm,drc-info`.

The counterpart of `drc.DrcList`, which reads both (LoPAR 13.5.2).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from pydlpar.drc import Drc
from pydlpar.errors import ArgumentError

__all__ = ["ARRAYS", "drc_arrays", "drc_info"]

ARRAYS = (
    "ibm,drc-indexes",
    "ibm,drc-power-domains",
    "ibm,drc-names",
    "ibm,drc-types",
)
"""Names of the four arrays."""

_U32 = struct.Struct(">I")
_RUN_CELLS = struct.Struct(">5I")
_DIGITS = "0123456789"


def drc_arrays(drcs: Iterable[Drc]) -> dict[str, bytes]:
    """The four arrays of *drcs*, in their order.

    Raises:
        ArgumentError: a number is not 32-bit, or a text not ASCII.
    """
    listed = list(drcs)
    columns = (
        b"".join(_cell(drc.index) for drc in listed),
        b"".join(_cell(drc.power_domain) for drc in listed),
        b"".join(_text(drc.name) for drc in listed),
        b"".join(_text(drc.type) for drc in listed),
    )
    count = _cell(len(listed))
    return {name: count + column for name, column in zip(ARRAYS, columns, strict=True)}


class _Entry(NamedTuple):
    """A connector with its name taken apart; sorted so that runs lie together."""

    type: str
    power_domain: int
    prefix: str
    drc_index: int
    suffix: int


def drc_info(drcs: Iterable[Drc]) -> bytes:
    """`ibm,drc-info` of *drcs*, in as few records as one pass over them gives.

    Connectors come sorted by type, power domain, prefix of the name and index.

    Raises:
        ArgumentError: a name that does not end with a number, a number that is not
            32-bit, or a text not ASCII.
    """
    records = [_record(run) for run in _runs(sorted(map(_entry, drcs)))]
    return _cell(len(records)) + b"".join(records)


def _entry(drc: Drc) -> _Entry:
    prefix = drc.name.rstrip(_DIGITS)
    digits = drc.name[len(prefix) :]
    if not digits:
        raise ArgumentError(f"DRC name {drc.name!r}, expected one that ends in digits")
    number = digits.lstrip("0") or "0"
    prefix += digits[: len(digits) - len(number)]
    return _Entry(drc.type, drc.power_domain, prefix, drc.index, int(number))


def _runs(entries: list[_Entry]) -> list[list[_Entry]]:
    """Entries whose indexes and names go on in equal steps."""
    runs: list[list[_Entry]] = [entries[:1]] if entries else []
    for before, entry in pairwise(entries):
        run = runs[-1]
        step = entry.drc_index - before.drc_index
        alike = entry[:3] == before[:3] and entry.suffix - before.suffix == step > 0
        if alike and (len(run) == 1 or step == run[1].drc_index - run[0].drc_index):
            run.append(entry)
        else:
            runs.append([entry])
    return runs


def _record(run: list[_Entry]) -> bytes:
    first = run[0]
    step = run[1].drc_index - first.drc_index if len(run) > 1 else 1
    try:
        cells = _RUN_CELLS.pack(
            first.drc_index, first.suffix, len(run), step, first.power_domain
        )
    except struct.error:
        raise ArgumentError(f"DRC {first}: expected 32-bit numbers") from None
    return _text(first.type) + _text(first.prefix) + cells


def _cell(value: int) -> bytes:
    try:
        return _U32.pack(value)
    except struct.error:
        raise ArgumentError(f"DRC list: {value}, expected 32 bits") from None


def _text(value: str) -> bytes:
    if not value.isascii() or "\0" in value:
        raise ArgumentError(f"DRC list: text {value!r}, expected ASCII without NUL")
    return value.encode("ascii") + b"\0"

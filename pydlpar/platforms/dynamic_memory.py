"""`/ibm,dynamic-reconfiguration-memory` as firmware writes it.

QEMU lists every LMB from address 0 to the end of the room for DIMMs; those of
boot memory have no connector (spapr.c `spapr_dt_dynamic_memory`, `_v2`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Final, NamedTuple

from pydlpar.constants import LmbFlags
from pydlpar.drmem import NO_ASSOCIATIVITY, Lmb, LmbTable

__all__ = ["Dimm", "LmbRow", "drmem_properties", "lmb_rows"]

_SET: Final = struct.Struct(">IQIII")
_COUNT: Final = struct.Struct(">I")
_LMB_SIZE: Final = struct.Struct(">Q")
_BOOT_FLAGS: Final = int(LmbFlags.RESERVED | LmbFlags.DRC_INVALID)
_ASSIGNED: Final = int(LmbFlags.ASSIGNED)
_REMOVABLE: Final = int(LmbFlags.HOTREMOVABLE)
_FLAGS_MASK: Final = 0xFF
"""QEMU's, which does not cover the flag that says hot-removable."""


class Dimm(NamedTuple):
    """Memory that is plugged: address and size in bytes, NUMA node."""

    base: int
    size: int
    node: int


class LmbRow(NamedTuple):
    """An LMB, and which of the DIMMs it belongs to, if any."""

    base: int
    drc_index: int
    dimm: Dimm | None


def lmb_rows(
    connectors: Mapping[int, int], lmb_size: int, dimms: Iterable[Dimm]
) -> list[LmbRow]:
    """Every LMB from address 0 to behind the last connector.

    Args:
        connectors: DRC index by base address.
        dimms: each begins in the LMB of its address.
    """
    owners = {
        base: dimm
        for dimm in dimms
        for base in range(
            dimm.base - dimm.base % lmb_size,
            dimm.base - dimm.base % lmb_size + dimm.size,
            lmb_size,
        )
    }
    end = max(connectors, default=-lmb_size) + lmb_size
    return [
        LmbRow(base, connectors.get(base, 0), owners.get(base))
        for base in range(0, end, lmb_size)
    ]


def drmem_properties(
    rows: Iterable[LmbRow], lmb_size: int, lookup_arrays: bytes, version: int
) -> dict[str, bytes]:
    """The node's properties, by name.

    Args:
        lookup_arrays: `ibm,associativity-lookup-arrays`.
        version: 1 for `ibm,dynamic-memory`, 2 for `ibm,dynamic-memory-v2`.
    """
    if version == 1:
        lmbs = [Lmb(*_lmb(row, _ASSIGNED)) for row in rows]
        table = {"ibm,dynamic-memory": LmbTable(lmbs, lmb_size, 1).to_v1()}
    else:
        table = {"ibm,dynamic-memory-v2": _sets(rows)}
    return {
        "ibm,lmb-size": _LMB_SIZE.pack(lmb_size),
        "ibm,memory-flags-mask": _COUNT.pack(_FLAGS_MASK),
        "ibm,memory-preservation-time": _COUNT.pack(0),
        **table,
        "ibm,associativity-lookup-arrays": lookup_arrays,
    }


def _lmb(row: LmbRow, assigned: int) -> tuple[int, int, int, int]:
    if not row.drc_index:
        return row.base, 0, NO_ASSOCIATIVITY, _BOOT_FLAGS
    if row.dimm is None:
        return row.base, row.drc_index, NO_ASSOCIATIVITY, 0
    return row.base, row.drc_index, row.dimm.node, assigned


def _sets(rows: Iterable[LmbRow]) -> bytes:
    """A set for boot memory, for each DIMM, and for each gap between them.

    DIMMs that lie side by side are not joined.
    """
    sets = []
    for _, run in groupby(rows, key=lambda row: (bool(row.drc_index), row.dimm)):
        members = list(run)
        sets.append(_SET.pack(len(members), *_lmb(members[0], _ASSIGNED | _REMOVABLE)))
    return _COUNT.pack(len(sets)) + b"".join(sets)

"""What a kernel line does with a request, and which of its bugs are imitated.

The grammar of a line stands in `request.py`; here is what its handlers do. Bugs
that change the outcome of a well-formed request are quirks: each can be switched
on and off on its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from pydlpar.errors import ArgumentError

__all__ = ["BEHAVIOURS", "Behaviour", "MemoryStyle", "Quirk", "behaviour_of"]


class Quirk(Enum):
    """Bugs of Linux that can be imitated.

    Members:
        DRC_INFO_COUNT: before 5.16, "cpu add count" over `ibm,drc-info` stays at
            the first CPU that exists, so that it finds too few.
        MIGRATED_CHILDREN: of what a migration adds, only the first node is attached.
        OFDT_BOUND: "update_property" on `/proc/powerpc/ofdt` takes a length that
            overshoots the end by that of the phandle and one; there are zeros.
        RESERVED_WALK: "memory add count" does not count RESERVED LMBs as
            available, but tries them; one that it added cannot be removed again.
        SIGNED_COUNT: an indexed-count of 2^31 or more is a successful no-op.
        STALE_LOG: an EPOW or error interrupt without an event acts on the last one
            that came by either.
        UPDATE_DESYNC: a node to be added below an unknown phandle leaves its DRC
            index behind, which is taken for the next phandle.
        V2_MERGE: `ibm,dynamic-memory-v2` is written with sets merged across gaps,
            which a reader expands to wrong addresses.
        DT_DRC_INFO: before 6.17, "dt add" looks for the node that owns a connector
            in `ibm,drc-info` only.

    Bugs of drmgr that can be imitated:
        DRMGR_BLIND: a PCI slot whose sensor cannot be read is taken to have a card.
        DRMGR_FORGETS: nodes leave the tree before their connector is isolated, and
            do not come back where that is refused; what is behind a bridge is not
            given back, nor what a PHB that fails had acquired.
    """

    DRC_INFO_COUNT = "drc-info-count"
    DRMGR_BLIND = "drmgr-blind"
    DRMGR_FORGETS = "drmgr-forgets"
    DT_DRC_INFO = "dt-drc-info"
    MIGRATED_CHILDREN = "migrated-children"
    OFDT_BOUND = "ofdt-bound"
    RESERVED_WALK = "reserved-walk"
    SIGNED_COUNT = "signed-count"
    STALE_LOG = "stale-log"
    UPDATE_DESYNC = "update-desync"
    V2_MERGE = "v2-merge"


class MemoryStyle(Enum):
    """How the memory handler keeps its books.

    Members:
        CLONE: edits a copy of `ibm,dynamic-memory` and writes it on success; the
            DRC is acquired and released with each LMB; no configure-connector.
        EACH: writes the property after each LMB.
        TABLE: edits the LMB table; writes the property once, on success.
    """

    CLONE = "clone"
    EACH = "each"
    TABLE = "table"


@dataclass(frozen=True)
class Behaviour:
    """Handlers of one kernel line.

    Attributes:
        memory: see `MemoryStyle`.
        cpu_by_count: "cpu add count 2" is carried out.
        interrupts: the hotplug interrupt is served.
        cache_nodes: cache nodes come and go with their CPU; before, those that
            came with it were dropped and those it left behind stayed.
        hints: a failed removal is followed by an unisolate call, from which
            firmware learns that the removal was refused.
        sensor_retry: a busy answer to get-sensor-state is retried, not an error.
        connector_delay: 990x from configure-connector is retried, not an error.
        pmem: persistent memory is the kernel's, not left to user space.
        quirks: the bugs imitated.
    """

    memory: MemoryStyle
    cpu_by_count: bool
    interrupts: bool
    cache_nodes: bool
    hints: bool
    sensor_retry: bool
    connector_delay: bool
    pmem: bool
    quirks: frozenset[Quirk] = frozenset({Quirk.RESERVED_WALK, Quirk.DT_DRC_INFO})


def _historic(memory: MemoryStyle, interrupts: bool) -> Behaviour:
    """The handlers before they were reworked between 5.13 and 5.16."""
    return Behaviour(
        memory,
        cpu_by_count=True,
        interrupts=interrupts,
        cache_nodes=False,
        hints=False,
        sensor_retry=False,
        connector_delay=False,
        pmem=False,
        quirks=frozenset({Quirk.DRC_INFO_COUNT, Quirk.RESERVED_WALK}),
    )


_NEWEST = Behaviour(
    MemoryStyle.TABLE,
    cpu_by_count=False,
    interrupts=True,
    cache_nodes=True,
    hints=True,
    sensor_retry=True,
    connector_delay=True,
    pmem=True,
)

BEHAVIOURS = {
    "4.1": _historic(MemoryStyle.CLONE, interrupts=False),
    "4.5": _historic(MemoryStyle.CLONE, interrupts=False),
    "4.10": _historic(MemoryStyle.EACH, interrupts=True),
    "5.16": _NEWEST,
    "6.12": _NEWEST,
}
"""The behaviours by dialect."""


def behaviour_of(dialect: str, quirks: Iterable[Quirk] | None = None) -> Behaviour:
    """The behaviour of a dialect; *quirks*, where given, replace its own.

    Raises:
        ArgumentError: no such dialect.
    """
    if dialect not in BEHAVIOURS:
        raise ArgumentError(
            f"dialect {dialect!r}: expected one of {', '.join(BEHAVIOURS)}"
        )
    behaviour = BEHAVIOURS[dialect]
    if quirks is None:
        return behaviour
    return Behaviour(**{**vars(behaviour), "quirks": frozenset(quirks)})

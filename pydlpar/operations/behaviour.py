"""What a kernel release does with a request, and which of its bugs are imitated.

The grammar of a release stands in `request.py`; here is what its handlers do. They
changed between the releases that name a dialect, too, so that any release can be
asked for: a table of changes is gone through up to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Any

from pydlpar.errors import ArgumentError
from pydlpar.operations.mended import MENDED
from pydlpar.operations.quirks import Quirk
from pydlpar.request import DIALECTS, release_of

__all__ = [
    "BEHAVIOURS",
    "CHANGES",
    "Behaviour",
    "MemoryStyle",
    "Quirk",
    "behaviour_of",
    "read_quirks",
]


class MemoryStyle(Enum):
    """How the memory handler keeps its books.

    Members:
        CLONE: edits a copy of `ibm,dynamic-memory` and writes it on success; the
            DRC is acquired and released with each LMB; no configure-connector.
        EACH: writes the property with each LMB, before its memory is added and
            after it was removed; "add count" asks the sensors of assigned LMBs.
        TABLE: edits the LMB table; writes the property once, on success.
    """

    CLONE = "clone"
    EACH = "each"
    TABLE = "table"


@dataclass(frozen=True)
class Behaviour:
    """Handlers of one kernel release.

    Attributes:
        memory: see `MemoryStyle`.
        cpu_by_count: "cpu add count 2" is carried out.
        interrupts: the hotplug interrupt is served.
        cache_nodes: cache nodes come and go with their CPU; before, those that
            came with it were dropped and those it left behind stayed.
        hints: a failed removal of a CPU is followed by an unisolate call, from
            which firmware learns that the removal was refused.
        range_hints: so is that of an indexed-count of LMBs, for each one that is
            added again.
        sensor_retry: a busy answer to get-sensor-state is retried, not an error.
        connector_delay: 990x from configure-connector is retried, not an error.
        pmem: persistent memory is the kernel's, not left to user space.
        readd: action 3 of a memory event removes an LMB and adds it again.
        skips_reserved: RESERVED LMBs neither count as available nor are removed.
        quirks: the bugs imitated.
    """

    memory: MemoryStyle = MemoryStyle.CLONE
    cpu_by_count: bool = True
    interrupts: bool = False
    cache_nodes: bool = False
    hints: bool = False
    range_hints: bool = False
    sensor_retry: bool = False
    connector_delay: bool = False
    pmem: bool = False
    readd: bool = False
    skips_reserved: bool = False
    quirks: frozenset[Quirk] = frozenset()


CHANGES: dict[str, dict[str, Any]] = {
    "4.9": {"interrupts": True},
    "4.10": {"memory": MemoryStyle.EACH, "readd": True},
    "4.16": {"memory": MemoryStyle.TABLE},
    "5.4": {"pmem": True},
    "5.11": {"readd": False},
    "5.13": {"hints": True},
    "5.14": {
        "sensor_retry": True,
        "connector_delay": True,
        "range_hints": True,
        "skips_reserved": True,
    },
    "5.16": {"cpu_by_count": False, "cache_nodes": True},
}
"""What became of the handlers of 4.1, by the release that has it first.

Where history names no release it is the first one that was read with the change.
"""

_NONE, _KERNEL = "none", "kernel"
_BY_NAME = {quirk.value: quirk for quirk in Quirk}


@lru_cache
def _natural(dialect: str) -> Behaviour:
    """The behaviour of a release with the bugs that are followed by default."""
    release = release_of(dialect)
    changes: dict[str, Any] = {}
    for since, change in CHANGES.items():
        if release >= release_of(since):
            changes |= change
    quirks = frozenset(
        item.quirk
        for item in MENDED
        if item.quirk and item.followed and item.applies(dialect)
    )
    return Behaviour(**changes, quirks=quirks)


def behaviour_of(
    dialect: str, quirks: Iterable[Quirk] | str | None = None
) -> Behaviour:
    """The behaviour of a release.

    Args:
        dialect: a key of `DIALECTS`, or any release from 4.1 on.
        quirks: the bugs to imitate instead of those that are by default; see
            `read_quirks` for text.

    Raises:
        ArgumentError: no such release, or no such quirk.
    """
    behaviour = _natural(dialect)
    if quirks is None:
        return behaviour
    if isinstance(quirks, str):
        quirks = read_quirks(quirks, dialect)
    return replace(behaviour, quirks=frozenset(quirks))


def read_quirks(text: str, dialect: str) -> frozenset[Quirk]:
    """The bugs that names, separated by commas, stand for.

    Args:
        text: values of `Quirk`; "kernel" is every one that this release of Linux
            has, "none" none at all.

    Raises:
        ArgumentError: no such release, or no such name.
    """
    found: set[Quirk] = set()
    for name in text.split(","):
        if name == _KERNEL:
            found |= _of_linux(dialect)
        elif name in _BY_NAME:
            found.add(_BY_NAME[name])
        elif name != _NONE:
            expected = ", ".join((_KERNEL, _NONE, *_BY_NAME))
            raise ArgumentError(f"quirk {name!r}: expected {expected}")
    return frozenset(found)


def _of_linux(dialect: str) -> set[Quirk]:
    return {
        item.quirk
        for item in MENDED
        if item.quirk and item.of == "Linux" and item.applies(dialect)
    }


BEHAVIOURS = {name: behaviour_of(name) for name in DIALECTS}
"""The behaviours by dialect."""

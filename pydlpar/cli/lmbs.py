"""A changed LMB table as rows that can be read."""

from __future__ import annotations

from collections.abc import Iterator

from pydlpar import Change, DeviceTree, DlparError, LmbTable
from pydlpar.cli.words import size_text
from pydlpar.constants import LmbFlags

__all__ = ["is_lmb_table", "row_lines"]

_TABLES = ("ibm,dynamic-memory", "ibm,dynamic-memory-v2")
_NO_NODE = 0xFFFFFFFF
_FLAG_WORDS = {
    LmbFlags.ASSIGNED: "assigned",
    LmbFlags.RESERVED: "reserved",
    LmbFlags.DRC_INVALID: "no DRC",
    LmbFlags.AI_INVALID: "no associativity",
    LmbFlags.HOTREMOVABLE: "hot-removable",
}


def is_lmb_table(change: Change) -> bool:
    """Whether a change is of an LMB table, from one to another."""
    return change.name in _TABLES and None not in (change.old, change.new)


def _flag_words(flags: int) -> str:
    words = [word for flag, word in _FLAG_WORDS.items() if flags & flag]
    return ", ".join(words) or "free"


def _rows(table: LmbTable) -> Iterator[str]:
    """Runs of LMBs that differ in nothing but their place, a line each."""
    start, lmbs = 0, list(table)
    for end in range(1, len(lmbs) + 1):
        first = lmbs[start]
        if end < len(lmbs):
            drc = first.drc_index + (end - start if first.drc_index else 0)
            base = first.base + (end - start) * table.lmb_size
            lmb = lmbs[end]
            here = (lmb.base, lmb.aa_index, lmb.flags)
            if here == (base, first.aa_index, first.flags) and lmb.drc_index in (
                drc,
                first.drc_index + end - start,
            ):
                continue
        count = end - start
        size = count * table.lmb_size
        aa = "-" if first.aa_index == _NO_NODE else str(first.aa_index)
        yield (
            f"{first.drc_index:#010x} +{count:<5} "
            f"{first.base:#014x}-{first.base + size - 1:#014x} {size_text(size):>8}  "
            f"aa {aa:<3} {_flag_words(first.flags)}"
        )
        start = end


def row_lines(change: Change, tree: DeviceTree) -> Iterator[str]:
    """A change of an LMB table as a diff of its rows: DRC, addresses, size, flags."""
    size = tree[change.path].get("ibm,lmb-size", b"")
    yield f"@@ {change.path} {change.name} @@"
    try:
        old, new = (
            list(_rows(_table(str(change.name), value or b"", size)))
            for value in (change.old, change.new)
        )
    except DlparError as error:
        yield f"-{(change.old or b'').hex()}"
        yield f"+{(change.new or b'').hex()}"
        yield f" ({error})"
        return
    yield from (f"-{row}" for row in old if row not in new)
    yield from (f"+{row}" for row in new if row not in old)


def _table(name: str, value: bytes, lmb_size: bytes) -> LmbTable:
    size = int.from_bytes(lmb_size, "big")
    if name == _TABLES[0]:
        return LmbTable.from_properties(value, None, size)
    return LmbTable.from_properties(None, value, size)

"""Changes of a device tree as text for people: `-` what was, `+` what is."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from pydlpar.changes import Change
from pydlpar.dts import node_lines, prop_line
from pydlpar.tree import DeviceTree

__all__ = ["change_lines"]

_entry = struct.Struct(">QQ")


def change_lines(changes: Iterable[Change]) -> Iterator[str]:
    """Changes as a diff: `-` what was, `+` what is, `~` what moved.

    Each stands under the path of the node that it is in, between `@@`.
    """
    for change in changes:
        yield f"@@ {_where(change)} @@"
        if change.kind == "move":
            yield _move_line(change)
            continue
        lines = _header_lines if change.path == "/" and change.name is None else _lines
        if change.old is not None:
            yield from (f"-{line}" for line in lines(change, change.old))
        if change.new is not None:
            yield from (f"+{line}" for line in lines(change, change.new))


def _where(change: Change) -> str:
    if change.name is not None or change.path == "/":
        return change.path
    return change.path.rpartition("/")[0] or "/"


def _lines(change: Change, value: bytes) -> Iterator[str]:
    if change.name is not None:
        yield prop_line(change.name, value)
        return
    for node in DeviceTree.from_dtb(value).root.children:
        yield from node_lines(node)


def _header_lines(change: Change, value: bytes) -> Iterator[str]:
    if change.kind == "boot_cpu":
        yield f"boot CPU {int.from_bytes(value, 'big')}"
        return
    for address, size in _entry.iter_unpack(value):
        yield f"/memreserve/\t{address:#018x} {size:#018x};"


def _move_line(change: Change) -> str:
    label = change.name or change.path.rpartition("/")[2]
    was, now = (
        {None: "last", "": "first"}.get(place, f"behind {place}")
        for place in (change.was_after, change.after)
    )
    return f"~{label}: was {was}, is {now}"

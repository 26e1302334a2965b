"""What a request may leave behind: what it promised, or what was there before."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TypeAlias

from pydlpar.constants import Action, DrcType, IdType, LmbFlags, Resource
from pydlpar.dispatch import Outcome
from pydlpar.drc import drc_type
from pydlpar.operations.behaviour import MemoryStyle
from pydlpar.partition import Partition
from pydlpar.request import HotplugRequest
from pydlpar.stress import evidence as known
from pydlpar.stress.evidence import Subject
from pydlpar.stress.state import DRC_INDEX, Snapshot

__all__ = ["broken_by_request"]

Broken: TypeAlias = tuple[str, str, Subject]

_ASSIGNED = int(LmbFlags.ASSIGNED)
_RESERVED = int(LmbFlags.RESERVED)
_SIGN_BIT = 0x80000000
_ROWS = 8  # where the rows of the lookup arrays begin
_STRUCTURE_SIZE = slice(36, 40)  # of a blob's header
_NOBODY = Subject()


def broken_by_request(
    partition: Partition,
    before: Snapshot,
    now: Snapshot,
    outcome: Outcome,
    style: MemoryStyle,
) -> Iterator[Broken]:
    """The rules that a request broke: (rule, message, what it is about)."""
    if outcome.errno:
        yield from _failure(partition, before, now)
        if before.tree is not None:
            yield from _nodes(before, now)
        if style is not MemoryStyle.EACH and now.table != before.table:
            message = "a failed request has written the LMB table"
            yield "failure-property", message, _NOBODY
    elif outcome.handled and outcome.request is not None:
        for message in _success(partition, before, now, outcome.request):
            yield "success", f"{outcome.request}: {message}", _NOBODY
    if before.arrays is not None:
        rows = before.arrays[_ROWS:]
        if now.arrays is None or not now.arrays[_ROWS:].startswith(rows):
            yield "failure-arrays", "lookup arrays are gone or changed", _NOBODY
    if before.tree is not None and now.tree is not None:
        for message in _unreported(before, now, outcome):
            yield "changes", f"{outcome.request}: {message}", _NOBODY
        yield from _size(before, now)


def _failure(partition: Partition, before: Snapshot, now: Snapshot) -> Iterator[Broken]:
    """What a failed request changed although it failed."""
    for index in sorted(before.cpus.keys() ^ now.cpus.keys()):
        gone = index in before.cpus
        threads = before.cpus[index] if gone else now.cpus[index]
        message = f"CPU {index:#010x} {'went' if gone else 'came'}"
        yield known.CPU_CHANGED, message, Subject(index, threads=threads)
    if before.flags == now.flags:
        return
    for position, (old, new) in enumerate(zip(before.flags, now.flags, strict=True)):
        if (old ^ new) & _ASSIGNED:
            lmb = partition.lmbs[position]
            reserved = bool(new & _RESERVED)
            booked = before.table is not None
            subject = Subject(lmb.drc_index, lmb.base, reserved=reserved, booked=booked)
            added = bool(new & _ASSIGNED)
            rule = known.LMB_ADDED if added else known.LMB_REMOVED
            message = f"LMB {lmb.drc_index:#010x} {'came' if added else 'went'}"
            yield rule, message, subject


def _nodes(before: Snapshot, now: Snapshot) -> Iterator[Broken]:
    """Devices whose nodes came or went although the request failed."""
    had, has = (_owners(s) for s in (before, now))
    for index in sorted((had ^ has) - before.cpus.keys() - now.cpus.keys()):
        message = f"device {index:#010x} {'went' if index in had else 'came'}"
        slot = drc_type(index) == DrcType.PCI
        yield known.DEVICE_CHANGED, message, Subject(index, slot=slot)


def _owners(state: Snapshot) -> set[int]:
    """DRC indexes of the nodes that have one."""
    if state.tree is None:
        return set()
    return {node.u32(DRC_INDEX) for node in state.tree.by_property(DRC_INDEX)}


def _success(
    partition: Partition, before: Snapshot, now: Snapshot, request: HotplugRequest
) -> Iterator[str]:
    """What a request that succeeded has not done."""
    sign = 1 if request.action == Action.ADD else -1
    if request.resource == Resource.CPU:
        yield from _cpu_success(before, now, request, sign)
    elif request.resource == Resource.MEMORY:
        yield from _memory_success(partition, before, now, request, sign)


def _cpu_success(
    before: Snapshot, now: Snapshot, request: HotplugRequest, sign: int
) -> Iterator[str]:
    changed = before.cpus.keys() ^ now.cpus.keys()
    if request.id_type == IdType.DRC_INDEX:
        if (request.drc_index in now.cpus) is not (sign > 0):
            yield "the CPU is where it was"
        if changed - {request.drc_index}:
            yield "other CPUs have changed"
    elif len(now.cpus) - len(before.cpus) != sign * (request.count or 0):
        yield f"there were {len(before.cpus)} CPUs, now {len(now.cpus)}"


def _memory_success(
    partition: Partition,
    before: Snapshot,
    now: Snapshot,
    request: HotplugRequest,
    sign: int,
) -> Iterator[str]:
    count, index = request.count or 0, request.drc_index
    if request.id_type == IdType.DRC_COUNT:
        had, has = (sum(f & _ASSIGNED > 0 for f in s.flags) for s in (before, now))
        if has - had != sign * count:
            yield f"there were {had} LMBs, now {has}"
        return
    start = None if index is None else partition.lmbs.find(index)
    if start is None or count >= _SIGN_BIT:
        return
    end = start + (count if request.id_type == IdType.INDEXED_COUNT else 1)
    for position, flags in enumerate(now.flags):
        if start <= position < end:
            if bool(flags & _ASSIGNED) is not (sign > 0):
                yield f"LMB {position} of {start}..{end - 1} is where it was"
        elif (flags ^ before.flags[position]) & _ASSIGNED:
            yield f"LMB {position} outside {start}..{end - 1} has changed"


def _unreported(before: Snapshot, now: Snapshot, outcome: Outcome) -> Iterator[str]:
    """Differences between the trees that the outcome does not tell of."""
    if before.tree is None or now.tree is None:
        return
    nodes = {"add": 1, "remove": -1}
    told: dict[str, int] = {}
    named: set[tuple[str, str]] = set()
    for kind, path, *rest in outcome.changes:
        if kind in nodes:
            told[path] = told.get(path, 0) + nodes[kind]
        else:
            named.add((path, rest[0]))
    # A subtree that came or went is one difference, whatever was told of its parts.
    whole = {path for path, net in told.items() if net}
    told = {path: net for path, net in told.items() if not _above(path, whole)}
    differs = dict.fromkeys((path for path, net in told.items() if net), 0)
    for change in before.tree.diff(now.tree):
        path = change.path
        if change.kind in nodes:
            differs[path] = nodes[change.kind]
        elif change.kind == "set":
            if path not in told and (path, change.name or "") not in named:
                yield f"{path} {change.name} is another"
        elif change.kind != "move":
            yield f"{change.kind} is another"
    for path, net in differs.items():
        if told.get(path, 0) != net:
            yield f"{path}: told {told.get(path, 0):+d}, is {net:+d}"


def _above(path: str, paths: Collection[str]) -> bool:
    """Whether a node above this one is among *paths*."""
    while path.rfind("/") > 0:
        path = path[: path.rfind("/")]
        if path in paths:
            return True
    return False


def _size(before: Snapshot, now: Snapshot) -> Iterator[Broken]:
    """Equal trees have equal structure blocks: nothing is left of what came and went.

    The strings block may keep the names of properties, each once.
    """
    if before.tree is None or now.tree is None or before.tree.diff(now.tree):
        return
    was, size = (s.tree.to_dtb()[_STRUCTURE_SIZE] for s in (before, now) if s.tree)
    if was != size:
        message = f"the structure took {was.hex()} bytes, now {size.hex()}"
        yield "tree-size", message, _NOBODY

"""Memory hotplug: the calls, their roll-back and errno as in Linux hotplug-memory.c.

One LMB at a time is added or removed by the functions of `lmb.py`; here is which
LMBs a request takes, in which order, and what happens when one fails.

Deviations from Linux, each where it crashes, leaks or corrupts:

* An indexed-count of 2^31 or more: Linux does nothing and reports success since
  5.14; here it is -EINVAL, unless `Quirk.SIGNED_COUNT` is on.
* `ibm,dynamic-memory-v2` is written with sets split at every gap, unless
  `Quirk.V2_MERGE` is on.
* An `ibm,associativity` or lookup array that is too short: Linux reads beyond it;
  here it is -EINVAL.
* 4.1 to 4.15 read a word of the property that firmware leaves 0 as their own mark;
  here it is not read, and written as 0.
* 4.1 without the drmem node or property: Linux keeps the hotplug lock for ever;
  here it is just -EINVAL.
* An indexed-count in 4.10 to 4.15 could leave the table, and one with nothing to do
  returned what stood on the stack; here that is -EINVAL, and success.

Followed although surprising: RESERVED LMBs are tried by "add count", and removed
before 5.14 (see `Quirk.RESERVED_WALK`); the DRC is released twice where
associativity fails; a refused release leaves the LMB with firmware, and success is
reported; only indexed-count removal gives the unisolate hint.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING

from pydlpar.constants import Action, IdType, LmbFlags
from pydlpar.operations.behaviour import MemoryStyle
from pydlpar.operations.calls import (
    Operation,
    Run,
    Started,
    acquire,
    nothing,
    release,
    unisolate,
)
from pydlpar.operations.lmb import (
    add_lmb,
    excludes_reserved,
    removable,
    remove_lmb,
    write_table,
)
from pydlpar.operations.quirks import Quirk
from pydlpar.operations.repeat import Step, each_alike, one
from pydlpar.partition import DYNAMIC_MEMORY

if TYPE_CHECKING:
    from pydlpar.request import HotplugRequest

__all__ = ["RELEASING", "operate"]

# Bound once: looking up a member of an enumeration is slow.
_TABLE, _EACH, _CLONE = MemoryStyle.TABLE, MemoryStyle.EACH, MemoryStyle.CLONE
_RESERVED_WALK = Quirk.RESERVED_WALK

_ASSIGNED = int(LmbFlags.ASSIGNED)
_RESERVED = int(LmbFlags.RESERVED)
_FREE = _ASSIGNED | _RESERVED
_SIGN_BIT = 0x80000000
_READD = 3


def operate(run: Run, request: HotplugRequest) -> Started:
    """The operation of a memory request (`dlpar_memory`)."""
    style = run.behaviour.memory
    if style is _EACH:
        # The property, which is written after each LMB, is part of what would repeat.
        run.recall = None
    if style is not _TABLE and not _has_version_1(run):
        return run.fail(-errno.EINVAL, f"there is no {DYNAMIC_MEMORY}")
    handler = _HANDLERS.get((request.action, request.id_type))
    if run.behaviour.readd and request.action == _READD:
        handler = _readd
    # Ranges came after the oldest style.
    ranged = handler is _add_range or handler is _remove_range
    if handler is None or (ranged and style is _CLONE):
        return run.fail(-errno.EINVAL, "there is no handler for {!s}", request)
    started = handler(run, request)
    if isinstance(started, int):
        return _close_books(run, started)
    return _operate(run, started)


def _operate(run: Run, handler: Operation) -> Operation:
    return _close_books(run, (yield from handler))


def _close_books(run: Run, rc: int) -> int:
    """Keep or drop the books of a request that ended, as the kernel line does."""
    style = run.behaviour.memory
    if rc == 0 and style is not _EACH:
        return write_table(run)
    if rc and style is _CLONE:
        # Linux drops its edited copy of the property.
        run.take_back()
    return rc


def _has_version_1(run: Run) -> bool:
    node = run.memory
    return node is not None and DYNAMIC_MEMORY in node


def _add_index(run: Run, request: HotplugRequest) -> Started:
    position = _find(run, request)
    if position is None:
        return -errno.EINVAL
    return one(run, _acquire_and_add, position)


def _remove_index(run: Run, request: HotplugRequest) -> Started:
    position = _find(run, request)
    if position is None:
        return -errno.EINVAL
    return one(run, _remove_and_release, position)


def _readd(run: Run, request: HotplugRequest) -> Operation:
    """Remove an LMB and add it again, for another NUMA node.

    Linux takes the first word for an index, whatever the id type.
    """
    if request.count is not None:
        request = request._replace(drc_index=request.count)
    position = _find(run, request)
    if position is None:
        return -errno.EINVAL
    rc = yield from remove_lmb(run, position)
    if rc:
        return rc
    rc = yield from add_lmb(run, position)
    if rc:
        yield from _release(run, position)
    return rc


def _find(run: Run, request: HotplugRequest) -> int | None:
    index = request.drc_index
    if index is None:
        run.fail(-errno.EINVAL, "the request names no DRC index")
        return None
    position = run.partition.lmbs.find(index)
    if position is None:
        run.fail(-errno.EINVAL, "LMB {:#010x} is not in the table", index)
    return position


def _add_count(run: Run, request: HotplugRequest) -> Operation:
    """Add the first LMBs that let themselves be added; too few are removed again."""
    count = request.count or 0
    table = run.partition.lmbs
    mask = _FREE if excludes_reserved(run) else _ASSIGNED
    available = table.count(mask, 0, count)
    if count == 0 or available < count:
        return run.fail(-errno.EINVAL, "{} of {} LMBs are available", available, count)
    mask = _walked(run)
    added: list[range] = []
    done = 0
    position = table.next(0, mask, 0)
    while position is not None and done < count:
        rc, end = yield from each_alike(
            run, _acquire_and_add, position, position + count - done, len(table)
        )
        if rc == 0:
            added.append(range(position, end))
            done += end - position
        position = table.next(end, mask, 0)
    if done == count:
        return 0
    run.fall_short(-errno.EINVAL, "{} of {} LMBs could be added", done, count)
    yield from _take_back(run, added)
    return -errno.EINVAL


def _walked(run: Run) -> int:
    """The flags that keep "add count" from trying an LMB."""
    mask = _FREE
    if _RESERVED_WALK in run.behaviour.quirks:
        mask &= ~_RESERVED
    if run.behaviour.memory is _EACH:
        mask &= ~_ASSIGNED  # It learns from the sensor that one is in use.
    return mask


def _remove_count(run: Run, request: HotplugRequest) -> Operation:
    """Remove the first LMBs that let themselves; DRCs are released at the end."""
    count = request.count or 0
    table = run.partition.lmbs
    available = _count_removable(run, count)
    if count == 0 or available < count:
        return run.fail(-errno.EINVAL, "{} of {} LMBs are removable", available, count)
    removed: list[range] = []
    done = 0
    position = table.next(0, _ASSIGNED, _ASSIGNED)
    while position is not None and done < count:
        rc, end = yield from each_alike(
            run, remove_lmb, position, position + count - done, len(table)
        )
        if rc == 0:
            removed.append(range(position, end))
            done += end - position
        position = table.next(end, _ASSIGNED, _ASSIGNED)
    if done == count:
        yield from _release_all(run, removed)
        return 0
    run.fall_short(-errno.EINVAL, "{} of {} LMBs could be removed", done, count)
    yield from _put_back(run, removed, hint=False)
    return -errno.EINVAL


def _count_removable(run: Run, limit: int) -> int:
    """How many LMBs flags and dump area let go, up to *limit*."""
    table = run.partition.lmbs
    if run.partition.fadump is None or run.behaviour.memory is _CLONE:
        mask = _FREE if excludes_reserved(run) else _ASSIGNED
        return table.count(mask, _ASSIGNED, limit)
    positions = (p for p in range(len(table)) if removable(run, p))
    return sum(1 for _ in islice(positions, limit))


def _add_range(run: Run, request: HotplugRequest) -> Operation:
    """Add those of a range that are not assigned; the first failure ends it."""
    positions = _range(run, request)
    if positions is None:
        return -errno.EINVAL
    table = run.partition.lmbs
    added: list[range] = []
    position = table.next(positions.start, _ASSIGNED, 0)
    while position is not None and position < positions.stop:
        rc, end = yield from each_alike(run, _acquire_and_add, position, positions.stop)
        if rc:
            yield from _take_back(run, added)
            return -errno.EINVAL
        added.append(range(position, end))
        position = table.next(end, _ASSIGNED, 0)
    return 0


def _remove_range(run: Run, request: HotplugRequest) -> Operation:
    """Remove those of a range that are assigned; the first failure ends it."""
    positions = _range(run, request)
    if positions is None:
        return -errno.EINVAL
    table = run.partition.lmbs
    removed: list[range] = []
    position = table.next(positions.start, _ASSIGNED, _ASSIGNED)
    while position is not None and position < positions.stop:
        rc, end = yield from each_alike(run, remove_lmb, position, positions.stop)
        if rc:
            yield from _put_back(run, removed, hint=run.behaviour.range_hints)
            return -errno.EINVAL
        removed.append(range(position, end))
        position = table.next(end, _ASSIGNED, _ASSIGNED)
    yield from _release_all(run, removed)
    return 0


def _range(run: Run, request: HotplugRequest) -> range | None:
    """The table entries of an indexed-count, none of them RESERVED."""
    count = request.count or 0
    if count == 0:
        run.fail(-errno.EINVAL, "a count of 0 asks for nothing")
        return None
    start = _find(run, request)
    if start is None:
        return None
    if count >= _SIGN_BIT and Quirk.SIGNED_COUNT in run.behaviour.quirks:
        return range(0)
    table = run.partition.lmbs
    if count > len(table) - start:
        run.fail(
            -errno.EINVAL,
            "{} LMBs from {:#010x} on leave the table: there are {}",
            count,
            request.drc_index,
            len(table) - start,
        )
        return None
    reserved = table.next(start, _RESERVED, _RESERVED)
    if reserved is not None and reserved < start + count:
        run.fail(-errno.EINVAL, "LMB {:#010x} is RESERVED", table[reserved].drc_index)
        return None
    return range(start, start + count)


def _acquire_and_add(run: Run, position: int) -> Operation:
    """Add an LMB, and release it again where that fails."""
    if run.behaviour.memory is _CLONE:
        return add_lmb(run, position)
    return _acquired(run, position)


def _acquired(run: Run, position: int) -> Operation:
    index = run.partition.lmbs.drc_index(position)
    rc = yield from acquire(run, index)
    if rc:
        return rc
    rc = yield from add_lmb(run, position)
    if rc:
        yield from release(run, index)
    return rc


def _each(run: Run, step: Step, ranges: Iterable[range]) -> Operation:
    """Do *step* to every LMB, whatever comes of it."""
    for positions in ranges:
        position = positions.start
        while position < positions.stop:
            _, position = yield from each_alike(
                run, step, position, positions.stop, positions.stop
            )
    return 0


def _take_back(run: Run, added: Iterable[range]) -> Operation:
    """Remove what a failed addition added; what refuses stays."""
    return _each(run, _remove_and_release, added)


def _remove_and_release(run: Run, position: int) -> Operation:
    rc = yield from remove_lmb(run, position)
    if rc == 0:
        yield from _release(run, position)
    return rc


def _put_back(run: Run, removed: Iterable[range], *, hint: bool) -> Operation:
    """Add what a failed removal removed; its DRCs were never released."""
    return _each(run, _hint_and_add if hint else add_lmb, removed)


def _hint_and_add(run: Run, position: int) -> Operation:
    yield from unisolate(run.partition.lmbs.drc_index(position))
    return (yield from add_lmb(run, position))


def _release_all(run: Run, removed: Iterable[range]) -> Operation:
    return _each(run, _release, removed)


def _release(run: Run, position: int) -> Operation:
    """Release an LMB's DRC, unless removing it did; the result is not used."""
    if run.behaviour.memory is _CLONE:
        return nothing()
    return release(run, run.partition.lmbs.drc_index(position))


RELEASING: frozenset[Step] = frozenset({_release})
"""The steps that do not look at the associativity lookup arrays."""

_HANDLERS: dict[tuple[int, int], Callable[[Run, HotplugRequest], Started]] = {
    (Action.ADD, IdType.DRC_INDEX): _add_index,
    (Action.ADD, IdType.DRC_COUNT): _add_count,
    (Action.ADD, IdType.INDEXED_COUNT): _add_range,
    (Action.REMOVE, IdType.DRC_INDEX): _remove_index,
    (Action.REMOVE, IdType.DRC_COUNT): _remove_count,
    (Action.REMOVE, IdType.INDEXED_COUNT): _remove_range,
}

"""One logical memory block added or removed, and the properties that tell of it.

Linux hotplug-memory.c `dlpar_add_lmb`, `dlpar_remove_lmb`,
`update_lmb_associativity_index`; mm/drmem.c `drmem_update_dt`.

An LMB never becomes a node: what configure-connector delivers is only looked at.
"""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING

from pydlpar.constants import LmbFlags
from pydlpar.drmem import NO_ASSOCIATIVITY
from pydlpar.errors import DecodeError, NotFoundError
from pydlpar.operations.behaviour import MemoryStyle
from pydlpar.operations.calls import (
    ADD_MEMORY,
    OFFLINE_MEMORY,
    ONLINE_MEMORY,
    REMOVE_MEMORY,
    Operation,
    Run,
    acquire,
    configure,
    release,
)
from pydlpar.operations.quirks import Quirk
from pydlpar.partition import LOOKUP_ARRAYS, MEMORY_PATH

if TYPE_CHECKING:
    from pydlpar.lookup import LookupArrays

__all__ = ["add_lmb", "excludes_reserved", "removable", "remove_lmb", "write_table"]

# Bound once: looking up a member of an enumeration is slow.
_EACH, _CLONE = MemoryStyle.EACH, MemoryStyle.CLONE
_RESERVED_WALK, _V2_MERGE = Quirk.RESERVED_WALK, Quirk.V2_MERGE

_ASSIGNED = int(LmbFlags.ASSIGNED)
_RESERVED = int(LmbFlags.RESERVED)
_WORD = 4


def add_lmb(run: Run, position: int) -> Operation:
    """Add the LMB at *position*; its DRC is acquired, except in the oldest style."""
    partition = run.partition
    table = partition.lmbs
    lmb = table[position]
    if lmb.flags & _ASSIGNED:
        return run.fail(-errno.EINVAL, "LMB {:#010x} is assigned", lmb.drc_index)
    if run.behaviour.memory is _CLONE:
        return (yield from _add_acquiring(run, position))
    fragment = yield from configure(run, lmb.drc_index)
    rc, arrays = _choose_associativity(run, position, fragment)
    if rc:
        # The caller releases again; the second one finds nothing to release.
        yield from release(run, lmb.drc_index)
        return rc
    each = run.behaviour.memory is _EACH
    if each:
        _set(run, position, flags=lmb.flags | _ASSIGNED)
        write_table(run)
    node = partition.memory_node(position, arrays)
    rc = yield from _add_block(run, lmb.base, node)
    if rc:
        _set(run, position, flags=lmb.flags, aa_index=NO_ASSOCIATIVITY)
        if each:
            write_table(run)
    elif not each:
        _set(run, position, flags=lmb.flags | _ASSIGNED)
    return rc


def _add_acquiring(run: Run, position: int) -> Operation:
    """Add as Linux 4.1 did: acquire here, leave the associativity alone."""
    lmb = run.partition.lmbs[position]
    rc = yield from acquire(run, lmb.drc_index)
    if rc:
        return rc
    node = run.partition.memory_node(position)
    rc = yield from _add_block(run, lmb.base, node)
    if rc:
        yield from release(run, lmb.drc_index)
        return rc
    _set(run, position, flags=lmb.flags | _ASSIGNED)
    return 0


def _add_block(run: Run, base: int, node: int) -> Operation:
    size = run.partition.lmbs.lmb_size
    rc: int = yield (ADD_MEMORY, base, size, node)
    if rc:
        return run.fail(rc, "memory at {:#x} was not added: {}", base, rc)
    rc = yield (ONLINE_MEMORY, base, size)
    if rc:
        run.fail(rc, "memory at {:#x} did not come online: {}", base, rc)
        yield (REMOVE_MEMORY, base, size)
    return rc


def remove_lmb(run: Run, position: int) -> Operation:
    """Remove the LMB at *position*; its DRC is kept, except in the oldest style."""
    table = run.partition.lmbs
    base, index, _, flags = table[position]
    size = table.lmb_size
    if not removable(run, position):
        return run.fail(
            -errno.EINVAL, "LMB {:#010x} is not removable, flags {:#x}", index, flags
        )
    rc: int = yield (OFFLINE_MEMORY, base, size)
    if rc:
        return run.fail(rc, "memory at {:#x} did not go offline: {}", base, rc)
    yield (REMOVE_MEMORY, base, size)
    if run.behaviour.memory is _CLONE:
        yield from release(run, index)
        _set(run, position, flags=flags & ~_ASSIGNED)
        return 0
    _set(run, position, flags=flags & ~_ASSIGNED, aa_index=NO_ASSOCIATIVITY)
    return write_table(run) if run.behaviour.memory is _EACH else 0


def excludes_reserved(run: Run) -> bool:
    """Whether RESERVED LMBs are not available, and not removable."""
    behaviour = run.behaviour
    return behaviour.skips_reserved or _RESERVED_WALK not in behaviour.quirks


def removable(run: Run, position: int) -> bool:
    """Whether flags and dump area let the LMB go (`lmb_is_removable`)."""
    table = run.partition.lmbs
    flags = table.flags(position)
    if not flags & _ASSIGNED:
        return False
    if flags & _RESERVED and excludes_reserved(run):
        return False
    if run.partition.fadump is None or run.behaviour.memory is _CLONE:
        return True
    start, size = run.partition.fadump
    base = table[position].base
    return base + table.lmb_size <= start or start + size <= base


def _choose_associativity(
    run: Run, position: int, fragment: bytes | None
) -> tuple[int, LookupArrays | None]:
    """Point the LMB at the lookup array that firmware delivers, adding a new one.

    Returns:
        0 and the lookup arrays; or why not, and None.
    """
    partition = run.partition
    index = partition.lmbs.drc_index(position)
    if fragment is None:
        return -errno.EINVAL, None
    try:
        value = partition.associativity_of(fragment)
    except DecodeError as error:
        return run.fail(-errno.EINVAL, "node of LMB {:#010x}: {}", index, error), None
    if value is None:
        reason = "LMB {:#010x} was delivered without associativity"
        return run.fail(-errno.ENODEV, reason, index), None
    memory, raw = run.memory, run.arrays
    if memory is None or raw is None:
        return run.fail(-errno.ENODEV, f"there is no {LOOKUP_ARRAYS}"), None
    try:
        arrays = partition.lookup_arrays(raw)
    except DecodeError as error:
        return run.fail(-errno.EINVAL, "{}", error), None
    if len(value) < (arrays.m + 1) * _WORD:
        reason = "LMB {:#010x}: associativity of {} bytes, expected {} and a count"
        rc = run.fail(-errno.EINVAL, reason, index, len(value), arrays.m * _WORD)
        return rc, None
    found = arrays.index_of(value[_WORD : (arrays.m + 1) * _WORD])
    if found is None:
        found = arrays.n
        cells = struct.unpack_from(f">{arrays.m}I", value, _WORD)
        longer = arrays.appended(cells)
        memory[LOOKUP_ARRAYS] = longer
        run.changes.append(("set", memory.path, LOOKUP_ARRAYS, raw, longer))
        run.arrays = longer
        arrays = partition.lookup_arrays(longer)
    _set(run, position, aa_index=found)
    return 0, arrays


def write_table(run: Run) -> int:
    """Write the table to the property that is there; -EPERM where there is none."""
    partition = run.partition
    store, kernel = partition.lmbs.store, _V2_MERGE in run.behaviour.quirks
    try:
        did = store(partition.tree, MEMORY_PATH, "kernel" if kernel else "exact")
    except NotFoundError:
        return run.fail(-errno.EPERM, "there is no property to write the LMB table to")
    if did is not None:
        run.changes.append(("set", *did))
    return 0


def _set(
    run: Run, position: int, flags: int | None = None, aa_index: int | None = None
) -> None:
    """Change an LMB, and remember how to take that back."""
    partition = run.partition
    table = partition.lmbs
    old_flags, old_index = table.words(position)
    run.undo.append((partition.set_lmb, position, old_flags, old_index))
    table.fill(
        position,
        position + 1,
        old_flags if flags is None else flags,
        old_index if aa_index is None else aa_index,
    )

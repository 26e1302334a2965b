"""What the rest of the kernel does when an entry has edited the tree.

The callbacks that Linux runs after a node came or went or a property was replaced
(`of_reconfig_notifier_register`): the CPU code numbers threads, the memory code
reads associativity indexes again. Errors of theirs are dropped: the edit stays.

memblock, which nodes of device_type "memory" change, is not modelled.

Source: Linux hotplug-cpu.c `pseries_smp_notifier`, hotplug-memory.c
`pseries_memory_notifier`, mm/drmem.c `drmem_update_lmbs`.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from pydlpar.drmem import LmbTable
from pydlpar.errors import DecodeError
from pydlpar.operations.behaviour import MemoryStyle
from pydlpar.partition import DYNAMIC_MEMORY, DYNAMIC_MEMORY_V2

if TYPE_CHECKING:
    from pydlpar.node import Node
    from pydlpar.operations.calls import Run

__all__ = ["attached", "detach", "update"]

_CPU = b"cpu\0"


def attached(run: Run, node: Node) -> None:
    """A node was attached: note it, and number the threads of a CPU."""
    run.changes.append(("add", node.path))
    if node.get("device_type") != _CPU:
        return
    threads = run.partition.threads_of(node) or ()
    if run.partition.attach_threads(node, threads) == 0:
        run.undo.append((run.partition.detach_threads, threads))


def detach(run: Run, node: Node) -> int:
    """Detach a node with its subtree, and make the threads of CPUs absent.

    Returns:
        0, or -EBUSY where a thread is online: Linux stops at a BUG.
    """
    partition = run.partition
    threads = [
        thread
        for below in node.walk()
        if below.get("device_type") == _CPU
        for thread in partition.threads_of(below) or ()
    ]
    if not partition.online.isdisjoint(threads):
        return run.fail(-errno.EBUSY, "{}: its threads are online", node.path)
    run.undo.append((partition.restore_threads, partition.detach_threads(threads)))
    run.changes.append(("remove", node.path))
    partition.tree.remove(node)
    return 0


def update(run: Run, node: Node, name: str, value: bytes) -> None:
    """Replace a property, or add it; of an LMB table, read what Linux reads of it."""
    run.changes.append(("set", node.path, name, node.get(name), value))
    node[name] = value
    if name in (DYNAMIC_MEMORY, DYNAMIC_MEMORY_V2) and node == run.partition.memory:
        _read_lmbs(run, name, value)


def _read_lmbs(run: Run, name: str, value: bytes) -> None:
    """Take over the associativity index of each LMB; flags and rows stay.

    Before 4.16 there was no table beside the property: all of it counts. A malformed
    one, which Linux reads past its end, changes nothing.
    """
    table = run.partition.lmbs
    is_v1 = name == DYNAMIC_MEMORY
    try:
        new = LmbTable.from_properties(
            value if is_v1 else None,
            None if is_v1 else value,
            table.lmb_size,
            table.address_cells,
        )
    except DecodeError:
        return
    if run.behaviour.memory is not MemoryStyle.TABLE:
        run.undo.append((setattr, run.partition, "lmbs", table))
        run.partition.lmbs = new
        return
    for lmb in new:
        position = table.find(lmb.drc_index)
        if position is None:
            continue
        old = table[position]
        if old.aa_index != lmb.aa_index:
            run.undo.append((run.partition.set_lmb, position, old.flags, old.aa_index))
            table.set(position, aa_index=lmb.aa_index)

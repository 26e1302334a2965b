"""What a partition and its firmware are like at one moment, to compare with later."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pydlpar.partition import DYNAMIC_MEMORY, DYNAMIC_MEMORY_V2, LOOKUP_ARRAYS

if TYPE_CHECKING:
    from pydlpar.partition import Partition
    from pydlpar.tree import DeviceTree

__all__ = ["DRC_INDEX", "Snapshot", "cpu_threads", "lookup_arrays", "snapshot"]

DRC_INDEX = "ibm,my-drc-index"
_WORD = 4


class Snapshot(NamedTuple):
    """The state that a request may change.

    Attributes:
        cpus: threads of each present CPU, by DRC index.
        online: threads that are online.
        flags: flags of each LMB, by position.
        table: the property that holds the LMB table; None where there is none.
        arrays: the associativity lookup arrays, likewise.
        tree: a copy of the tree; None in a cheap snapshot.
    """

    cpus: dict[int, tuple[int, ...]]
    online: frozenset[int]
    flags: tuple[int, ...]
    table: bytes | None
    arrays: bytes | None
    tree: DeviceTree | None


def cpu_threads(partition: Partition) -> dict[int, tuple[int, ...]]:
    """Hardware numbers of the threads of each present CPU, by its DRC index.

    A CPU whose index cannot be read is left out.
    """
    found = {}
    for node in partition.cpu_nodes():
        value = node.get(DRC_INDEX)
        if value is not None and len(value) == _WORD:
            threads = partition.threads_of(node) or ()
            found[int.from_bytes(value, "big")] = threads
    return found


def lookup_arrays(partition: Partition) -> bytes | None:
    """The property with the associativity lookup arrays; None where there is none."""
    node = partition.memory
    return None if node is None else node.get(LOOKUP_ARRAYS)


def snapshot(partition: Partition, *, full: bool = True) -> Snapshot:
    """What *partition* is like now; *full* with a copy of its tree (milliseconds)."""
    node = partition.memory
    table = arrays = None
    if node is not None:
        table = node.get(DYNAMIC_MEMORY)
        if table is None:
            table = node.get(DYNAMIC_MEMORY_V2)
        arrays = node.get(LOOKUP_ARRAYS)
    return Snapshot(
        cpu_threads(partition),
        frozenset(partition.online),
        tuple(partition.lmbs.columns().flags),
        table,
        arrays,
        partition.tree.copy() if full else None,
    )

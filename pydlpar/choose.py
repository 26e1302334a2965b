"""Which connectors a request for a number of them means: policies, by name.

* `kernel`: the kernel chooses; the request stays a count.
* `lowest-first`: the lowest DRC indexes, LMBs in the order of their table, which is
  the kernel's own order for memory.
* `highest-first`: the reverse.
* `numa-balanced`: LMBs to remove, spread over the NUMA nodes as drmgr does.
* `drmgr`: what drmgr asks for: LMBs to remove balanced, LMBs to add left to the
  kernel, cores to add in the order of their list, cores to remove in the reverse
  order (as seen in transcripts of a real guest).

Nothing is tried: a connector that the platform has nothing behind is chosen, too,
unless the caller knows better (`available`).

Sources: Linux hotplug-memory.c; powerpc-utils drmgr (NUMA rule, order of cores).
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Final

from pydlpar.constants import Action, IdType, LmbFlags, Resource
from pydlpar.errors import ArgumentError, ResolveError
from pydlpar.request import HotplugRequest

if TYPE_CHECKING:
    from pydlpar.partition import Partition

__all__ = ["POLICIES", "Available", "choose", "merge_adjacent", "numa_shares"]

POLICIES: Final = (
    "kernel",
    "lowest-first",
    "highest-first",
    "numa-balanced",
    "drmgr",
)
"""Names of the policies."""

Available = Callable[[int], bool]
"""Whether the platform has something behind the connector of a DRC index."""

_PERCENT: Final = 100
_CPU_WEIGHT: Final = 9
_LMB_WEIGHT: Final = 1
_NOT_FREE: Final = int(LmbFlags.ASSIGNED | LmbFlags.RESERVED | LmbFlags.DRC_INVALID)
_ASSIGNED: Final = int(LmbFlags.ASSIGNED)


def choose(
    partition: Partition,
    resource: Resource,
    action: Action,
    count: int,
    policy: str = "lowest-first",
    available: Available | None = None,
) -> list[HotplugRequest]:
    """Requests for *count* connectors, one for each, in the order to make them.

    Args:
        partition: what there is to choose from.
        resource: CPU or MEMORY; of others, no request can be for a number.
        count: 1 or more.
        policy: one of `POLICIES`.
        available: leave out connectors to add that it says no to; all are taken to
            be available without it.

    Raises:
        ArgumentError: no such policy, or none for this resource and action.
        ResolveError: there are fewer to choose from, or *resource* is another.
    """
    if policy not in POLICIES:
        raise ArgumentError(f"policy {policy!r}: expected {', '.join(POLICIES)}")
    what = f"{resource.name.lower()} {action.name.lower()} count {count}"
    if resource not in (Resource.CPU, Resource.MEMORY):
        raise ResolveError(f"{what}: only cpu and memory are asked for by number", what)
    if count < 1:
        raise ResolveError(f"{what}: expected 1 or more", what)
    is_memory, is_removal = resource is Resource.MEMORY, action is Action.REMOVE
    if policy == "kernel" or (policy == "drmgr" and is_memory and not is_removal):
        return [HotplugRequest.by_count(resource, action, count)]
    if policy == "numa-balanced" and not (is_memory and is_removal):
        raise ArgumentError(f"{what}: numa-balanced is for memory that is removed")
    if not is_memory:
        indexes = _choose_cpus(partition, is_removal, count, policy, available)
    elif is_removal and policy in ("numa-balanced", "drmgr"):
        indexes = _balanced(partition, count)
    else:
        indexes = _choose_lmbs(partition, is_removal, count, policy, available)
    if len(indexes) < count:
        done = "removed" if is_removal else "added"
        raise ResolveError(f"{what}: only {len(indexes)} can be {done}", what)
    return [HotplugRequest.index(resource, action, index) for index in indexes]


def _choose_cpus(
    partition: Partition,
    is_removal: bool,
    count: int,
    policy: str,
    available: Available | None,
) -> list[int]:
    cpus = partition.cpus
    if cpus is None:
        return []
    present = {
        cpu.u32("ibm,my-drc-index"): None
        for cpu in partition.cpu_nodes()
        if "ibm,my-drc-index" in cpu
    }
    listed = (index for part in partition.cpu_indexes(cpus) for index in part)
    if is_removal:
        found = [index for index in listed if index in present]
        found.reverse()
        return _first(found, count, policy)
    free = (index for index in listed if index not in present)
    return _first(_only(free, available), count, policy)


def _only(indexes: Iterable[int], available: Available | None) -> Iterable[int]:
    return indexes if available is None else filter(available, indexes)


def _first(indexes: Iterable[int], count: int, policy: str) -> list[int]:
    """As many as wanted, without a list of all: a record may stand for millions."""
    if policy == "lowest-first":
        return heapq.nsmallest(count, indexes)
    if policy == "highest-first":
        return heapq.nlargest(count, indexes)
    return list(islice(indexes, count))


def _choose_lmbs(
    partition: Partition,
    is_removal: bool,
    count: int,
    policy: str,
    available: Available | None,
) -> list[int]:
    lmbs = partition.lmbs
    order = range(len(lmbs)) if policy == "lowest-first" else range(len(lmbs))[::-1]
    if is_removal:
        found = (lmbs[at].drc_index for at in order if lmbs.removable(at))
        return list(islice(found, count))
    free = (lmbs[at].drc_index for at in order if not lmbs.flags(at) & _NOT_FREE)
    return list(islice(_only(free, available), count))


def _balanced(partition: Partition, count: int) -> list[int]:
    """LMBs to remove: of every node its share, the lowest ones of the table."""
    threads: Counter[int] = Counter()
    for cpu in partition.cpu_nodes():
        node = partition.node_of(cpu)
        node = partition.first_node if node is None else node
        threads[node] += len(partition.threads_of(cpu) or ())
    members: dict[int, list[int]] = {}
    for position in _removable(partition):
        node = partition.memory_node(position)
        members.setdefault(node, []).append(partition.lmbs[position].drc_index)
    nodes = {node: (threads[node], len(found)) for node, found in members.items()}
    shares = numa_shares(count, nodes)
    return [index for node in shares for index in members[node][: shares[node]]]


def _removable(partition: Partition) -> Iterator[int]:
    position = partition.lmbs.next(0, _ASSIGNED, _ASSIGNED)
    while position is not None:
        if partition.lmbs.removable(position):
            yield position
        position = partition.lmbs.next(position + 1, _ASSIGNED, _ASSIGNED)


def numa_shares(count: int, nodes: Mapping[int, tuple[int, int]]) -> dict[int, int]:
    """How many LMBs each NUMA node gives when *count* are removed, as drmgr decides.

    Nodes without CPUs give first, each in proportion to its LMBs. What is left to
    give comes from the others so that the LMBs that stay are spread by a ratio: 90 %
    for the share of CPUs, 10 % for that of LMBs, in whole percents. The nodes with
    the lowest ratio give first.

    Args:
        count: LMBs to remove.
        nodes: CPUs and removable LMBs of each node.

    Returns:
        LMBs by node, in the order of giving; all there are where *count* is more.
    """
    given: dict[int, int] = {}
    bare = {node: n for node, (cpus, n) in sorted(nodes.items()) if not cpus and n}
    left = min(count, sum(bare.values()))
    rest = min(count - left, sum(n for cpus, n in nodes.values() if cpus))
    while left:
        for node, share in _by_lmbs(left, bare):
            bare[node] -= share
            left -= share
            given[node] = given.get(node, 0) + share
    with_cpus = {node: pair for node, pair in sorted(nodes.items()) if all(pair)}
    for node, share in _by_ratio(rest, with_cpus):
        given[node] = share
    return given


def _by_lmbs(count: int, lmbs: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    """One round over nodes without CPUs; a share of none becomes all that is left."""
    total, left = sum(lmbs.values()), count
    for node, n in list(lmbs.items()):
        share = count * (n * _PERCENT // total) // _PERCENT or left
        share = min(share, n, left)
        if share:
            yield node, share
        left -= share


def _by_ratio(
    count: int, nodes: Mapping[int, tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """The shares of nodes with CPUs. The ratios make 100 % at most, so that what the
    nodes keep is never more than is to stay, and one round is enough.
    """
    cpus = sum(pair[0] for pair in nodes.values())
    lmbs = sum(pair[1] for pair in nodes.values())
    ratios = {
        node: (
            _CPU_WEIGHT * (c * _PERCENT // cpus) + _LMB_WEIGHT * (n * _PERCENT // lmbs)
        )
        // (_CPU_WEIGHT + _LMB_WEIGHT)
        for node, (c, n) in nodes.items()
    }
    stay, left = lmbs - count, count
    # Of equal ratios the higher node comes first, as in drmgr's list.
    for node in sorted(nodes, key=lambda node: (ratios[node], -node)):
        n = nodes[node][1]
        share = min(left, n - min(n, stay * ratios[node] // _PERCENT))
        if share:
            yield node, share
        left -= share


def merge_adjacent(requests: Iterable[HotplugRequest]) -> list[HotplugRequest]:
    """Requests for memory by index that follow each other, as indexed-counts.

    The kernel carries one out whole or not at all. Others are kept as they are.
    Indexes are taken to follow each other in the LMB table, too.
    """
    merged: list[HotplugRequest] = []
    for request in requests:
        count = _count_with(merged[-1], request) if merged else 0
        if count:
            first = merged[-1].drc_index or 0
            merged[-1] = HotplugRequest.indexed_count(
                Resource.MEMORY, Action(request.action), count, first
            )
        else:
            merged.append(request)
    return merged


def _count_with(last: HotplugRequest, request: HotplugRequest) -> int:
    """LMBs of two requests together; 0 where the second does not follow the first."""
    if last.drc_index is None or request.id_type is not IdType.DRC_INDEX:
        return 0
    if last[:2] != request[:2] or request.resource is not Resource.MEMORY:
        return 0
    count = 1 if last.count is None else last.count
    return count + 1 if request.drc_index == last.drc_index + count else 0

"""Requests from a seed: endless, mixed, fit to the present state; some invalid."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Final

from pydlpar.constants import Action, IdType, LmbFlags, Resource
from pydlpar.errors import ArgumentError
from pydlpar.operations.behaviour import behaviour_of
from pydlpar.partition import Partition
from pydlpar.request import HotplugRequest, dialect_of
from pydlpar.stress.state import DRC_INDEX

__all__ = ["WEIGHTS", "requests"]

WEIGHTS: Final[Mapping[str, float]] = {
    "cpu": 4,
    "memory-index": 3,
    "memory-count": 1,
    "memory-range": 1,
    "invalid": 1,
}
"""How often each kind comes, beside the others.

`cpu` by index, and by count where the kernel line takes that; memory by `index`, by
`count` and by indexed-count (`range`); `invalid` ones are refused, each for another
reason.
"""

_ADD, _REMOVE = Action.ADD, Action.REMOVE
_CPU, _MEMORY = Resource.CPU, Resource.MEMORY
_BY_COUNT, _BY_RANGE = IdType.DRC_COUNT, IdType.INDEXED_COUNT
_ASSIGNED: Final = int(LmbFlags.ASSIGNED)
_RESERVED: Final = int(LmbFlags.RESERVED)
_MOST_LMBS: Final = 4
_MOST_CPUS: Final = 2
_BY_INDEX_SHARE: Final = 0.75
_DECK: Final = 4096

Maker = Callable[[], HotplugRequest]


def requests(
    seed: int,
    partition: Partition,
    weights: Mapping[str, float] | None = None,
    *,
    dialect: str = "6.12",
) -> Iterator[HotplugRequest]:
    """Requests without an end, each made when it is asked for.

    The same seed on the same partition that answers the same gives the same
    requests.

    Args:
        seed: of the random numbers.
        partition: where they are to fit: what is absent is added, what is present
            removed, unless it is the last.
        weights: see `WEIGHTS`, which it replaces.
        dialect: the kernel line that they are for.

    Raises:
        ArgumentError: a weight is not of `WEIGHTS`, or none is above 0.
    """
    weights = WEIGHTS if weights is None else weights
    unknown = weights.keys() - WEIGHTS.keys()
    if unknown:
        known = ", ".join(WEIGHTS)
        raise ArgumentError(f"weight of {min(unknown)!r}: expected one of {known}")
    makers = _Makers(Random(seed), partition, dialect).by_kind()
    chosen = {kind: weight for kind, weight in weights.items() if kind in makers}
    if not any(weight > 0 for weight in chosen.values()):
        raise ArgumentError(f"weights {dict(weights)}: expected one above 0")
    return _endless(Random(seed), [makers[kind] for kind in chosen], [*chosen.values()])


def _endless(
    random: Random, makers: list[Maker], weights: list[float]
) -> Iterator[HotplugRequest]:
    while True:
        for maker in random.choices(makers, weights, k=_DECK):
            yield maker()


class _Makers:
    """Makes a request of each kind. Bound to one partition and one kernel line."""

    def __init__(self, random: Random, partition: Partition, dialect: str) -> None:
        self._below = random.random
        self._partition = partition
        self._table = partition.lmbs
        cpus = partition.cpus
        listed = [] if cpus is None else partition.cpu_indexes(cpus)
        self._cpu_list = [index for indexes in listed for index in indexes]
        self._cpu_requests = [_pair(_CPU, index) for index in self._cpu_list]
        self._positions = [
            position
            for position, lmb in enumerate(self._table)
            if not lmb.flags & _RESERVED
        ]
        self._lmb_requests = [
            _pair(_MEMORY, self._table[position].drc_index)
            for position in self._positions
        ]
        self._by_count = behaviour_of(dialect).cpu_by_count
        self._grammar = dialect_of(dialect)
        self._invalid_ones = self._list_invalid()

    def by_kind(self) -> dict[str, Maker]:
        """The makers of what this machine and kernel line have."""
        makers: dict[str, Maker] = {"invalid": self._invalid}
        taken = self._grammar.resources.values()
        if self._cpu_list and _CPU in taken:
            makers["cpu"] = self._any_cpu if self._by_count else self._cpu
        if self._positions:
            makers["memory-index"] = self._memory_index
            makers["memory-count"] = self._memory_count
            if _BY_RANGE in self._grammar.id_types.values():
                makers["memory-range"] = self._memory_range
        return makers

    def _any_cpu(self) -> HotplugRequest:
        if self._below() < _BY_INDEX_SHARE:
            return self._cpu()
        count = 1 + int(self._below() * _MOST_CPUS)
        present = len(self._partition.cpu_nodes())
        action = _REMOVE if self._below() < present / len(self._cpu_list) else _ADD
        return HotplugRequest(_CPU, action, _BY_COUNT, None, count, None)

    def _cpu(self) -> HotplugRequest:
        """What is absent comes; what is present goes."""
        at = int(self._below() * len(self._cpu_list))
        add, remove = self._cpu_requests[at]
        partition = self._partition
        cpus = partition.cpus
        if cpus is None:
            return add
        node = partition.tree.find_child(cpus, DRC_INDEX, self._cpu_list[at])
        if node is None:
            return add
        threads = partition.threads_of(node) or ()
        # The last one cannot go: another one is to come.
        return remove if len(partition.online) > len(threads) else add

    def _memory_index(self) -> HotplugRequest:
        at = int(self._below() * len(self._positions))
        add, remove = self._lmb_requests[at]
        assigned = self._table.flags(self._positions[at]) & _ASSIGNED
        return remove if assigned else add

    def _memory_count(self) -> HotplugRequest:
        count = 1 + int(self._below() * _MOST_LMBS)
        action = _ADD if self._below() < self._free_share() else _REMOVE
        return HotplugRequest(_MEMORY, action, _BY_COUNT, None, count, None)

    def _free_share(self) -> float:
        free = self._table.count(_ASSIGNED | _RESERVED, 0)
        return free / len(self._positions)

    def _memory_range(self) -> HotplugRequest:
        at = int(self._below() * len(self._positions))
        count = 1 + int(self._below() * _MOST_LMBS)
        position = self._positions[at]
        action = _REMOVE if self._table.flags(position) & _ASSIGNED else _ADD
        index = self._lmb_requests[at][0].drc_index
        return HotplugRequest(_MEMORY, action, _BY_RANGE, index, count, None)

    def _invalid(self) -> HotplugRequest:
        return self._invalid_ones[int(self._below() * len(self._invalid_ones))]

    def _list_invalid(self) -> list[HotplugRequest]:
        """Requests that no state makes valid."""
        lmbs, absent = len(self._table), 0x7FFFFFFF
        found = [
            HotplugRequest.index(resource, action, absent)
            for resource in (_CPU, _MEMORY)
            for action in (_ADD, _REMOVE)
        ]
        for action in (_ADD, _REMOVE):
            found += [
                HotplugRequest.by_count(_MEMORY, action, 0),
                HotplugRequest.by_count(_MEMORY, action, lmbs + 1),
                HotplugRequest.by_count(_CPU, action, len(self._cpu_list) + 1),
                HotplugRequest.by_name(_MEMORY, action, "LMB 1"),
                HotplugRequest.indexed_count(_MEMORY, action, 1, absent),
            ]
            if self._positions:
                first = self._lmb_requests[0][0].drc_index or 0
                found += [
                    HotplugRequest.indexed_count(_MEMORY, action, count, first)
                    for count in (0, lmbs + 1, 0x80000000)
                ]
        found.append(HotplugRequest(_MEMORY, 9, IdType.DRC_INDEX, absent))
        found.append(HotplugRequest(99, _ADD, IdType.DRC_INDEX, absent))
        return found


def _pair(resource: Resource, index: int) -> tuple[HotplugRequest, HotplugRequest]:
    """The requests to add and to remove one DRC."""
    add = HotplugRequest.index(resource, _ADD, index)
    return add, HotplugRequest.index(resource, _REMOVE, index)

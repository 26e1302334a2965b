"""Requests from a seed: endless, mixed, fit to the present state; some invalid."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import accumulate
from random import Random
from typing import Final

from pydlpar.constants import Action, IdType, LmbFlags, Resource
from pydlpar.errors import ArgumentError
from pydlpar.operations.behaviour import MemoryStyle
from pydlpar.request import HotplugRequest, dialect_of
from pydlpar.stress.machine import Machine
from pydlpar.stress.management import Management
from pydlpar.stress.state import DRC_INDEX
from pydlpar.stress.steps import (
    Step,
    device_makers,
    entry_makers,
    malformed,
    raised,
    written,
)

__all__ = ["WEIGHTS", "Item", "Requests", "requests"]

WEIGHTS: Final[Mapping[str, float]] = {
    "cpu": 40,
    "memory-index": 30,
    "memory-count": 10,
    "memory-range": 10,
    "invalid": 4,
    "text": 4,
    "malformed": 2,
    "event": 2,
    "plug": 1,
    "pci": 1,
    "phb": 0.02,
    "pmem": 1,
    "dt": 1,
    "ofdt": 1,
    "probe": 1,
}
"""How often each kind comes, beside the others.

CPUs and memory come and go most, as on real machines; of the others there are some
ten thousand in a million.

* `cpu`: by index, and by count where the kernel line takes that;
* `memory-index`, `memory-count`, `memory-range`: by index, count, indexed-count;
* `invalid`: refused, each for another reason;
* `text`: one of the above, as text written; `event`: as an event of firmware;
* `malformed`: text that is no request;
* `plug`: the management plugs a core, a DIMM of one LMB, a card or a host bridge, or
  asks for it back, and the partition is interrupted;
* `pci`, `phb`, `pmem`: what is there goes, what is not comes;
* `dt`: the same as an edit of the tree alone;
* `ofdt`: nodes and properties through `/proc/powerpc/ofdt`;
* `probe`: a core by hand, probed or released.

What a machine does not have and a kernel line does not know is left out. Where
firmware is QEMU, memory goes only after the management has asked for it; where the
kernel line never configures it (4.1, 4.5), what a removal leaves is given back first.
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

_new = tuple.__new__  # what HotplugRequest() does, without the detour

Item = HotplugRequest | Step
"""A request to be carried out, or something else to be done."""

Maker = Callable[[], Item]


class Requests:
    """Requests without an end, each made when it is asked for; see `requests`.

    Attributes:
        kind: the kind of the latest one.
    """

    def __init__(
        self, seed: int, makers: Mapping[str, Maker], weights: Mapping[str, float]
    ) -> None:
        self.kind = ""
        self._random = Random(seed)
        self._makers = [(kind, makers[kind]) for kind in weights]
        self._weights = [*accumulate(weights.values())]

    def __iter__(self) -> Iterator[Item]:
        draw = self._random.choices
        while True:
            for kind, maker in draw(self._makers, cum_weights=self._weights, k=_DECK):
                self.kind = kind
                yield maker()


def requests(
    seed: int, machine: Machine, weights: Mapping[str, float] | None = None
) -> Requests:
    """Requests without an end, for a machine as it is when each is made.

    The same seed on the same machine that answers the same gives the same requests.

    Args:
        seed: of the random numbers.
        machine: where they are to fit: what is absent is added, what is present
            removed, unless it is the last.
        weights: see `WEIGHTS`, which it replaces.

    Raises:
        ArgumentError: a weight is not of `WEIGHTS` or below 0, or none of those that
            this machine has is above 0.
    """
    weights = WEIGHTS if weights is None else weights
    unknown = weights.keys() - WEIGHTS.keys()
    if unknown:
        known = ", ".join(WEIGHTS)
        raise ArgumentError(f"weight of {min(unknown)!r}: expected one of {known}")
    makers = _Makers(Random(seed), machine).by_kind()
    chosen = {kind: weight for kind, weight in weights.items() if kind in makers}
    if not any(weight > 0 for weight in chosen.values()) or min(chosen.values()) < 0:
        had = ", ".join(makers)
        raise ArgumentError(
            f"weights {dict(weights)}: expected one above 0, and none below; this "
            f"machine has {had}"
        )
    return Requests(seed, makers, chosen)


class _Makers:
    """Makes a request of each kind. Bound to one machine."""

    def __init__(self, random: Random, machine: Machine) -> None:
        partition, dialect = machine.partition, machine.dispatcher.dialect
        self._random = random
        self._below = random.random
        self._machine = machine
        self._management = Management(machine, random)
        self._partition = partition
        self._table = partition.lmbs
        # QEMU takes no memory back that it has not asked for; the oldest kernels leave
        # it in a state in which no firmware does.
        is_qemu = machine.firmware.profile == "qemu"
        self._asks_back = is_qemu or machine.style is MemoryStyle.CLONE
        cpus = partition.cpus
        listed = [] if cpus is None else partition.cpu_indexes(cpus)
        self._cpu_list = [index for indexes in listed for index in indexes]
        self._threads: dict[int, tuple[int, ...]] = {}
        self._cpu_requests = [_pair(_CPU, index) for index in self._cpu_list]
        self._positions = [
            position
            for position, lmb in enumerate(self._table)
            if not lmb.flags & _RESERVED
            and (not self._asks_back or lmb.drc_index in self._management.dimms)
        ]
        self._known_positions = frozenset(self._positions)
        # What a removal that fails goes on with cannot be had back, either.
        self._removes_by_count = not self._asks_back or all(
            position in self._known_positions
            for position, lmb in enumerate(self._table)
            if lmb.flags & _ASSIGNED
        )
        self._lmb_requests = [
            _pair(_MEMORY, self._table[position].drc_index)
            for position in self._positions
        ]
        self._by_count = machine.dispatcher.behaviour.cpu_by_count
        self._grammar = dialect_of(dialect)
        self._invalid_ones = self._list_invalid()

    def by_kind(self) -> dict[str, Maker]:
        """The makers of what this machine and kernel line have."""
        machine, random = self._machine, self._random
        plain: dict[str, Callable[[], HotplugRequest]] = {"invalid": self._invalid}
        taken = self._grammar.resources.values()
        if self._cpu_list and _CPU in taken:
            plain["cpu"] = self._any_cpu if self._by_count else self._cpu
        if self._positions:
            plain["memory-index"] = self._memory_index
            plain["memory-count"] = self._memory_count
            if _BY_RANGE in self._grammar.id_types.values():
                plain["memory-range"] = self._memory_range
        some = [*plain.values()]
        makers: dict[str, Maker] = {**plain}
        makers["text"] = lambda: written(machine, str(random.choice(some)()))
        makers["malformed"] = partial(malformed, machine, random)
        if machine.dispatcher.behaviour.interrupts:
            makers["event"] = lambda: raised(machine, random.choice(some)())
        if self._management.has_places:
            makers["plug"] = self._plug
        makers |= device_makers(machine, random) | entry_makers(machine, random)
        return makers

    def _plug(self) -> Step:
        return Step("{}", "the management", lambda: self._management.change()[1])

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
        threads = self._threads.get(at) or self._find_threads(at)
        partition = self._partition
        if not threads or threads[0] not in partition.logical_ids:
            return add
        # The last one cannot go: another one is to come.
        return remove if len(partition.online) > len(threads) else add

    def _find_threads(self, at: int) -> tuple[int, ...]:
        """The threads of a CPU, if it is there; they are the same each time."""
        partition = self._partition
        cpus, threads = partition.cpus, None
        if cpus is not None:
            node = partition.tree.find_child(cpus, DRC_INDEX, self._cpu_list[at])
            threads = None if node is None else partition.threads_of(node)
        if threads:
            self._threads[at] = threads
        return threads or ()

    def _memory_index(self) -> HotplugRequest:
        at = int(self._below() * len(self._positions))
        position = self._positions[at]
        add, remove = self._lmb_requests[at]
        request = remove if self._table.flags(position) & _ASSIGNED else add
        return self._arranged(request, [position]) if self._asks_back else request

    def _memory_count(self) -> HotplugRequest:
        count = 1 + int(self._below() * _MOST_LMBS)
        action = _ADD if self._below() < self._free_share() else _REMOVE
        if action == _REMOVE and not self._removes_by_count:
            return self._memory_index()
        positions: Iterable[int] = ()
        if self._asks_back:
            lowest = self._lowest(0 if action == _ADD else _ASSIGNED, count)
            positions = self._known_positions.intersection(lowest)
            count = len(positions)
            if not count:
                return self._memory_index()
        request = _new(HotplugRequest, (_MEMORY, action, _BY_COUNT, None, count, None))
        return self._arranged(request, positions) if self._asks_back else request

    def _lowest(self, assigned: int, count: int) -> list[int]:
        """The LMBs that the kernel takes for a count: the lowest that it can."""
        found: list[int] = []
        position = self._table.next(0, _ASSIGNED | _RESERVED, assigned)
        while position is not None and len(found) < count:
            found.append(position)
            position = self._table.next(position + 1, _ASSIGNED | _RESERVED, assigned)
        return found

    def _free_share(self) -> float:
        free = self._table.count(_ASSIGNED | _RESERVED, 0)
        return free / len(self._positions)

    def _memory_range(self) -> HotplugRequest:
        at = int(self._below() * len(self._positions))
        count = 1 + int(self._below() * _MOST_LMBS)
        position = self._positions[at]
        action = _REMOVE if self._table.flags(position) & _ASSIGNED else _ADD
        index = self._lmb_requests[at][0].drc_index
        if self._asks_back:
            while position + count - 1 not in self._known_positions:
                count -= 1
        request = _new(HotplugRequest, (_MEMORY, action, _BY_RANGE, index, count, None))
        if not self._asks_back:
            return request
        return self._arranged(request, range(position, position + count))

    def _arranged(
        self, request: HotplugRequest, positions: Iterable[int]
    ) -> HotplugRequest:
        """The request, with the management's part done, where it has one."""
        adds = request.action == _ADD
        do = self._management.offer if adds else self._management.ask_back
        for position in positions:
            if adds is not bool(self._table.flags(position) & _ASSIGNED):
                do(self._table[position].drc_index)
        return request

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

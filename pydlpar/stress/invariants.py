"""What holds of a partition and its firmware, whatever calls fail.

`check` gives the rules that are broken. A deviation that `evidence.EXCUSES` explains,
by calls that did fail on that very connector, block or thread, is not one.

Rules about the state:

* `threads-present`: threads of the CPU nodes are the threads present; those online
  are among them, and one is online;
* `cpu-ids`: logical CPU ids are distinct, below the limit, and not free as well;
* `threads-allowed`: threads that the SMT policy lets come online are online;
* `lmb-property`: the property says what the LMB table says;
* `lmb-associativity`: an assigned LMB points into the lookup arrays, or nowhere;
* `drc-legal`: each connector is in a state of its kind; `drc-device`: connectors and
  devices agree about each other, pending unplugs included;
* `drc-held`: what the partition does not have is not acquired; `drc-lost`: what it
  has is configured, or (`drc-unconfigured`) at least unisolated;
* `drc-node`: no two nodes have one DRC index;
* `tree-phandles`, `tree-round-trip`: each phandle is found, and written out and
  parsed the tree is the same.

Rules about a request, with the state before it:

* `success`: what a request said that it did is done;
* `failure-cpu`, `failure-lmb-added`, `failure-lmb-removed`, `failure-device`,
  `failure-property`, `failure-arrays`: a failed one left CPUs, LMBs, I/O devices and
  properties as they were;
* `changes`: the tree differs by what the outcome says, and by nothing else;
* `tree-size`: the structure block of an equal tree is as long.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydlpar.constants import DrcState, LmbFlags
from pydlpar.dispatch import Outcome
from pydlpar.drc_states import DrcKind, situation, situations
from pydlpar.drmem import NO_ASSOCIATIVITY, LmbTable, LookupArrays
from pydlpar.errors import DlparError
from pydlpar.operations.behaviour import MemoryStyle
from pydlpar.partition import DYNAMIC_MEMORY, DYNAMIC_MEMORY_V2, Partition
from pydlpar.platforms.firmware import Firmware
from pydlpar.platforms.firmware_devices import Connector
from pydlpar.platforms.pci_bus import PciDevice
from pydlpar.stress import evidence as known
from pydlpar.stress.aftermath import broken_by_request
from pydlpar.stress.evidence import Evidence, Subject, excuse_for
from pydlpar.stress.state import (
    DRC_INDEX,
    Snapshot,
    cpu_threads,
    lookup_arrays,
    snapshot,
)

__all__ = ["Violation", "check"]

_ASSIGNED = int(LmbFlags.ASSIGNED)
_NO_DRC = int(LmbFlags.DRC_INVALID)
_AI_INVALID = int(LmbFlags.AI_INVALID)
_UNISOLATED = frozenset(
    situation(DrcState.LOGICAL_UNISOLATE, True, unplug) for unplug in (False, True)
)

_LEGAL = {
    kind: {situation(*case): case[1] for case in situations(kind)} for kind in DrcKind
}
"""Whether there is a device, in each situation of a kind."""

_STATE_SHIFT = situation(1).bit_length() - 1

# Bound once: looking up a member of an enumeration is slow, and so is its hash.
_LOGICAL, _LMB = DrcKind.LOGICAL, DrcKind.LMB
_SWITCHED_OFF = int(DrcState.PHYSICAL_AVAILABLE)


class Violation(NamedTuple):
    """A broken rule: which, and what is not as it has to be."""

    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.message}"

    def to_dict(self) -> dict[str, Any]:
        """Itself as JSON has it."""
        return self._asdict()


class _Deviation(NamedTuple):
    rule: str
    message: str
    subject: Subject = Subject()


@dataclass
class _View:
    """What the rules look at."""

    partition: Partition
    connectors: dict[int, Connector]
    firmware: Firmware | None
    cpus: dict[int, tuple[int, ...]]

    def __post_init__(self) -> None:
        # Of the others, which are most, there is nothing to be wrong.
        self.occupied = [
            connector
            for connector in self.connectors.values()
            if connector.device is not None
            or connector.situation != connector.table.empty << _STATE_SHIFT
        ]


def check(
    partition: Partition,
    firmware: Firmware | None = None,
    before: Snapshot | None = None,
    outcome: Outcome | None = None,
    *,
    evidence: Evidence | None = None,
    style: MemoryStyle = MemoryStyle.TABLE,
    full: bool = True,
) -> list[Violation]:
    """The rules that do not hold.

    Args:
        partition: what the operating system knows.
        firmware: the model behind it; None leaves the rules of connectors out.
        before: the state before the request of *outcome*.
        outcome: a request just carried out; what failed in it may excuse.
        evidence: what failed in earlier requests; None for nothing but *outcome*.
        style: how the kernel line keeps the books of memory.
        full: with the rules that look at the whole tree: milliseconds, else some
            hundred microseconds.
    """
    if evidence is None:
        evidence = Evidence(style)
        if outcome is not None:
            evidence.note(outcome)
    view = _View(
        partition,
        {} if firmware is None else firmware.connectors,
        firmware,
        cpu_threads(partition),
    )
    found = list(_state_deviations(view, full))
    if before is not None and outcome is not None:
        now = snapshot(partition, full=full)
        found += [
            _Deviation(*broken)
            for broken in broken_by_request(
                partition, before, now, outcome, evidence.style
            )
        ]
    return [
        Violation(rule, message)
        for rule, message, subject in found
        if excuse_for(rule, evidence, subject) is None
    ]


def _state_deviations(view: _View, full: bool) -> Iterator[_Deviation]:
    yield from _threads(view)
    yield from _cpu_ids(view)
    yield from _table(view)
    yield from _associativity(view)
    yield from _connectors(view)
    yield from _devices(view)
    yield from _cpu_connectors(view)
    yield from _lmb_connectors(view)
    if full:
        yield from _other_connectors(view)
        yield from _phandles(view)
        yield from _round_trip(view)


def _threads(view: _View) -> Iterator[_Deviation]:
    partition = view.partition
    nodes = {
        thread
        for node in partition.cpu_nodes()
        for thread in partition.threads_of(node) or ()
    }
    present, online = partition.logical_ids.keys(), partition.online
    for thread in sorted(nodes ^ present):
        where = "has an id but no node" if thread in present else "has no id"
        yield _Deviation("threads-present", f"thread {thread} {where}")
    for thread in sorted(online - present):
        yield _Deviation("threads-present", f"thread {thread} is online, not present")
    if present and not online:
        yield _Deviation("threads-present", "no thread is online")
    for index, threads in view.cpus.items():
        for thread in partition.allowed(threads):
            if thread not in online:
                message = f"thread {thread} of CPU {index:#010x} is not online"
                subject = Subject(index, threads=(thread,))
                yield _Deviation(known.THREADS, message, subject)


def _cpu_ids(view: _View) -> Iterator[_Deviation]:
    partition = view.partition
    for number, count in Counter(partition.logical_ids.values()).items():
        if count > 1:
            yield _Deviation("cpu-ids", f"{count} threads have id {number}")
        if not 0 <= number < partition.max_cpus:
            limit = partition.max_cpus
            yield _Deviation("cpu-ids", f"id {number}: expected 0..{limit - 1}")
    used = sum(1 << number for number in set(partition.logical_ids.values()))
    free = ((1 << partition.max_cpus) - 1) & ~used
    if partition.free_ids != free:
        message = f"free ids are {partition.free_ids:#x}, expected {free:#x}"
        yield _Deviation("cpu-ids", message)


def _table(view: _View) -> Iterator[_Deviation]:
    """The property as it would be read at boot, row by row."""
    partition = view.partition
    table, node = partition.lmbs, partition.memory
    if node is None or not table.version:
        return
    v1, v2 = node.get(DYNAMIC_MEMORY), node.get(DYNAMIC_MEMORY_V2)
    if (v2 if v1 is None else v1) == table.encode():
        return
    try:
        read = LmbTable.from_properties(v1, v2, table.lmb_size, table.address_cells)
    except DlparError as error:
        yield _Deviation("lmb-property", f"it cannot be read: {error}")
        return
    if len(read) != len(table):
        yield _Deviation(
            "lmb-property", f"it has {len(read)} LMBs, expected {len(table)}"
        )
        return
    for said, lmb in zip(read, table, strict=True):
        if said != lmb:
            message = f"it says {said}, the table says {lmb}"
            yield _Deviation(known.PROPERTY, message, Subject(lmb.drc_index, lmb.base))


def _associativity(view: _View) -> Iterator[_Deviation]:
    partition = view.partition
    raw = lookup_arrays(partition)
    if raw is None:
        return
    try:
        rows = LookupArrays.from_property(raw).n
    except DlparError as error:
        yield _Deviation("lmb-associativity", f"the lookup arrays: {error}")
        return
    for lmb in partition.lmbs:
        if not lmb.flags & _ASSIGNED or lmb.flags & _AI_INVALID:
            continue
        if lmb.aa_index != NO_ASSOCIATIVITY and lmb.aa_index >= rows:
            message = f"{lmb}: there are {rows} lookup arrays"
            yield _Deviation("lmb-associativity", message)


def _connectors(view: _View) -> Iterator[_Deviation]:
    kind, legal = _LMB, _LEGAL[_LMB]
    for connector in view.occupied:
        if connector.kind is not kind:
            kind = connector.kind
            legal = _LEGAL[kind]
        has_device = legal.get(connector.situation)
        if has_device is None:
            message = f"{connector.index:#010x} is in situation {connector.situation}"
            yield _Deviation("drc-legal", message)
        elif has_device is not (connector.device is not None):
            message = f"{connector!r}: device {connector.device!r} is not as it says"
            yield _Deviation("drc-device", message)


def _devices(view: _View) -> Iterator[_Deviation]:
    """Each device is behind its connectors, and an unplug waits for all it has."""
    if view.firmware is None:
        return
    known_devices = {id(device): device for device in view.firmware.devices}
    held: dict[int, list[Connector]] = {key: [] for key in known_devices}
    for connector in view.occupied:
        device = connector.device
        if device is None:
            continue
        if id(device) not in held or connector not in device.connectors:
            yield _Deviation("drc-device", f"{connector!r} has {device!r}, a stranger")
        else:
            held[id(device)].append(connector)
    for key, device in known_devices.items():
        if not held[key]:
            yield _Deviation("drc-device", f"{device!r} has no connector")
        waiting = sum(connector.unplug_requested for connector in held[key])
        if device.remaining is not None and device.remaining != waiting:
            message = f"{device!r} waits for {device.remaining} LMBs, not {waiting}"
            yield _Deviation("drc-device", message)


def _cpu_connectors(view: _View) -> Iterator[_Deviation]:
    taken = [c.index for c in view.occupied if c.kind is _LOGICAL]
    for index in dict.fromkeys((*taken, *view.cpus)):
        connector = view.connectors.get(index)
        if connector is not None and connector.is_cpu:
            threads = view.cpus.get(index)
            if not _agrees(connector, threads is not None):
                subject = Subject(index, threads=threads or ())
                yield _taken(connector, threads is not None, subject)


def _lmb_connectors(view: _View) -> Iterator[_Deviation]:
    for lmb in view.partition.lmbs:
        connector = view.connectors.get(lmb.drc_index)
        if connector is not None and not lmb.flags & _NO_DRC:
            assigned = bool(lmb.flags & _ASSIGNED)
            if not _agrees(connector, assigned):
                subject = Subject(lmb.drc_index, lmb.base)
                yield _taken(connector, assigned, subject)


def _other_connectors(view: _View) -> Iterator[_Deviation]:
    """I/O devices: a node for each connector that is configured, and one only."""
    owners = Counter(
        node.u32(DRC_INDEX) for node in view.partition.tree.by_property(DRC_INDEX)
    )
    for index, count in owners.items():
        if count > 1:
            message = f"{count} nodes have DRC index {index:#010x}"
            yield _Deviation("drc-node", message)
    above = _bridges(view)
    for index, connector in view.connectors.items():
        if connector.kind is _LMB or _agrees(connector, index in owners):
            continue
        if not connector.is_cpu:
            slot = connector.kind is DrcKind.PHYSICAL
            subject = Subject(index, slot=slot, bridge=above.get(index))
            yield _taken(connector, index in owners, subject)


def _bridges(view: _View) -> dict[int, int]:
    """The slot of the PCI bridge that a slot is behind, by DRC index."""
    if view.firmware is None:
        return {}
    return {
        slot.index: device.connectors[0].index
        for device in view.firmware.devices
        if isinstance(device, PciDevice) and device.behind is not None
        for slot in device.behind.slots.values()
    }


def _agrees(connector: Connector, has: bool) -> bool:
    """Whether the firmware knows that the partition has what is behind a DRC."""
    state, table = connector.situation >> _STATE_SHIFT, connector.table
    if has:
        return state == table.ready
    return state in (table.empty, _SWITCHED_OFF)


def _taken(connector: Connector, has: bool, subject: Subject) -> _Deviation:
    """That it does not."""
    if not has:
        message = f"{connector!r} is acquired, and the partition does not use it"
        return _Deviation(known.HELD, message, subject)
    unisolated = connector.situation in _UNISOLATED and subject.base is not None
    rule = known.UNCONFIGURED if unisolated else known.LOST
    message = f"{connector!r} is not configured, and the partition uses it"
    return _Deviation(rule, message, subject)


def _phandles(view: _View) -> Iterator[_Deviation]:
    tree = view.partition.tree
    for node in tree.by_property("phandle"):
        value = node.u32("phandle")
        try:
            found = tree.by_phandle(value)
        except DlparError as error:
            yield _Deviation("tree-phandles", f"{node.path}: {error}")
            continue
        if found != node:
            message = f"{node.path} and {found.path} have {value:#x}"
            yield _Deviation("tree-phandles", message)


def _round_trip(view: _View) -> Iterator[_Deviation]:
    tree = view.partition.tree
    for compact in (False, True):
        try:
            again = type(tree).from_dtb(tree.to_dtb(compact=compact))
        except DlparError as error:
            yield _Deviation("tree-round-trip", str(error))
            continue
        for change in tree.diff(again):
            message = f"{change.kind} {change.path} {change.name or ''}"
            yield _Deviation("tree-round-trip", message.rstrip())

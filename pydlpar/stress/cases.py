"""Requests to be exhausted: each operation of each resource, on a machine that fits.

`CASES` is the table to extend: who adds a resource to the dispatcher adds what is
done with it here, and `exhaust` covers it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import NamedTuple

from pydlpar.constants import Action, Resource
from pydlpar.request import HotplugRequest, parse_request
from pydlpar.stress.machine import LIVE, Machine, make_machine, small_tree
from pydlpar.tree import DeviceTree

__all__ = ["CASES", "Case", "cases"]

_POWER_DOMAIN = 1
_BUSY_LIMIT = 8
_MIB = 1 << 20


def _nothing(machine: Machine) -> None:
    del machine


class Case(NamedTuple):
    """A request, and the machine that it is for.

    Attributes:
        request: the request; None for the interrupt, with what *prepare* raises.
        by_count: only for kernel lines that take CPUs by count.
        io: the machine has PCI slots and persistent memory.
        given: what the machine is like, in words, where *prepare* does something.
        prepare: what is done before, to a machine whose connectors all
            have a device (none of those that are not in use, for the interrupt).
    """

    request: HotplugRequest | None
    by_count: bool = False
    io: bool = False
    prepare: Callable[[Machine], object] = _nothing
    given: str = ""

    @property
    def name(self) -> str:
        """What tells it from the other cases."""
        words = "interrupt" if self.request is None else str(self.request)
        return f"{words} after {self.given}" if self.given else words

    def machine(
        self, dialect: str, profile: str, version: int = 1, *, live: bool = False
    ) -> Machine:
        """The machine, with an LMB table of that version.

        Its slots have a power domain; those of QEMU, and all where *live* is true,
        are for live insertion.
        """
        domain = LIVE if live or profile == "qemu" else _POWER_DOMAIN
        made = make_machine(
            _tree(version, self.io, domain),
            dialect=dialect,
            profile=profile,
            populate=self.request is not None,
            max_busy=_BUSY_LIMIT,
        )
        self.prepare(made)
        return made


@cache
def _tree(version: int, io: bool, power_domain: int) -> DeviceTree:
    """The tree of a machine, which every machine copies."""
    return small_tree(version=version, io=io, power_domain=power_domain)


def _unplug(machine: Machine, index: int) -> None:
    """Ask for the device behind a connector, and leave the event."""
    connector = machine.firmware.connector(index)
    if connector is not None and connector.device is not None:
        machine.firmware.unplug(connector.device)


def _unplug_memory(machine: Machine) -> None:
    """Ask for all LMBs in use, so that firmware lets them go."""
    _unplug(machine, 0x80000001)
    machine.firmware.events.clear()


def _io(resource: Resource, action: Action, index: int) -> Case:
    """An I/O device that comes, after it went, or goes."""
    request = HotplugRequest.index(resource, action, index)
    if action == Action.REMOVE:
        return Case(request, io=True)
    removal = HotplugRequest.index(resource, Action.REMOVE, index)
    return Case(request, io=True, prepare=lambda made: made.dispatcher.handle(removal))


def _case(text: str, by_count: bool = False) -> Case:
    return Case(parse_request(text, "4.10"), by_count)


CASES = (
    _case("cpu add index 0x10000004"),
    _case("cpu remove index 0x10000002"),
    _case("cpu remove index 0x10000006"),
    _case("cpu add count 1", by_count=True),
    _case("cpu add count 2", by_count=True),
    _case("cpu remove count 1", by_count=True),
    _case("memory add index 0x80000006"),
    _case("memory remove index 0x80000002"),
    _case("memory add count 2"),
    _case("memory remove count 2"),
    _case("memory add indexed-count 2 0x80000006"),
    _case("memory remove indexed-count 2 0x80000002"),
    *(
        Case(parse_request(text), prepare=_unplug_memory, given="unplug DIMM")
        for text in (
            "memory remove index 0x80000003",
            "memory remove count 4",
            "memory remove indexed-count 4 0x80000001",
        )
    ),
    *(
        _io(resource, action, index)
        for resource, index in (
            (Resource.PMEM, 0x90000000),
            (Resource.DT, 0x40000008),
            (Resource.PCI, 0x40000008),
            (Resource.PHB, 0x20000000),
        )
        for action in (Action.ADD, Action.REMOVE)
    ),
    Case(None, prepare=lambda made: made.firmware.plug_cpu(4), given="plug core"),
    Case(
        None,
        prepare=lambda made: made.firmware.plug_memory(512 * _MIB),
        given="plug DIMM",
    ),
    Case(None, prepare=partial(_unplug, index=0x10000002), given="unplug core"),
    Case(None, prepare=partial(_unplug, index=0x80000001), given="unplug DIMM"),
)
"""The cases, on `small_tree()`: two of four cores, four of eight LMBs are in use."""


def cases(dialect: str) -> Iterator[Case]:
    """The cases that a kernel line understands."""
    made = make_machine(small_tree(), dialect=dialect)
    resources, behaviour = made.dispatcher.resources, made.dispatcher.behaviour
    for case in CASES:
        if case.request is None:
            if behaviour.interrupts:
                yield case
        elif case.request.resource in resources and (
            behaviour.cpu_by_count or not case.by_count
        ):
            yield case

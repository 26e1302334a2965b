"""Requests to be exhausted: each operation of each resource, on a machine that fits.

`CASES` is the table to extend: who adds a resource to the dispatcher adds what is
done with it here, and `exhaust` covers it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from pydlpar.operations.behaviour import behaviour_of
from pydlpar.platforms.firmware import Firmware
from pydlpar.request import DIALECTS, HotplugRequest, parse_request
from pydlpar.stress.machine import Machine, make_machine, small_tree

__all__ = ["CASES", "Case", "cases"]

_BUSY_LIMIT = 8
_MIB = 1 << 20


def _nothing(firmware: Firmware) -> None:
    del firmware


class Case(NamedTuple):
    """A request, and the machine that it is for.

    Attributes:
        request: the request; None for the interrupt, with what *prepare* raises.
        by_count: only for kernel lines that take CPUs by count.
        prepare: what the platform does before, to a machine whose connectors all
            have a device (none of those that are not in use, for the interrupt).
    """

    request: HotplugRequest | None
    by_count: bool = False
    prepare: Callable[[Firmware], object] = _nothing

    def machine(self, dialect: str, profile: str, version: int = 1) -> Machine:
        """The machine, with an LMB table of that version."""
        made = make_machine(
            small_tree(version=version),
            dialect=dialect,
            profile=profile,
            populate=self.request is not None,
            max_busy=_BUSY_LIMIT,
        )
        self.prepare(made.firmware)
        return made


def _unplug_memory(firmware: Firmware) -> None:
    """Ask for all LMBs in use, so that firmware lets them go."""
    dimm = firmware.connectors[0x80000001].device
    if dimm is not None:
        firmware.unplug(dimm)
    firmware.events.clear()


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
    Case(parse_request("memory remove index 0x80000003"), prepare=_unplug_memory),
    Case(parse_request("memory remove count 4"), prepare=_unplug_memory),
    Case(
        parse_request("memory remove indexed-count 4 0x80000001"),
        prepare=_unplug_memory,
    ),
    Case(None, prepare=lambda firmware: firmware.plug_cpu(4)),
    Case(None, prepare=lambda firmware: firmware.plug_memory(512 * _MIB)),
    Case(
        None,
        prepare=lambda firmware: firmware.unplug(
            firmware.connectors[0x10000002].device or ""
        ),
    ),
    Case(
        None,
        prepare=lambda firmware: firmware.unplug(
            firmware.connectors[0x80000001].device or ""
        ),
    ),
)
"""The cases, on `small_tree()`: two of four cores, four of eight LMBs are in use."""


def cases(dialect: str) -> Iterator[Case]:
    """The cases that a kernel line understands."""
    behaviour = behaviour_of(dialect)
    resources = DIALECTS[dialect].resources.values()
    for case in CASES:
        if case.request is None:
            if behaviour.interrupts:
                yield case
        elif case.request.resource in resources and (
            behaviour.cpu_by_count or not case.by_count
        ):
            yield case

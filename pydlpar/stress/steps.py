"""Steps of a run that are more than one call of `Dispatcher.handle`.

Text as it is written, events, the platform's devices, the resources of user space,
and the other entries of the kernel. `plan` mixes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from pydlpar.constants import Action, DrcType, Resource
from pydlpar.drc import drc_type
from pydlpar.request import HotplugRequest
from pydlpar.rtas import hotplug_event
from pydlpar.stress.state import DRC_INDEX

if TYPE_CHECKING:
    from pydlpar.outcome import Outcome
    from pydlpar.stress.machine import Machine

__all__ = ["Step", "device_makers", "entry_makers", "malformed", "raised", "written"]

_ADD, _REMOVE = Action.ADD, Action.REMOVE
_OFDT_NODES: Final = 8
_OFDT_PHANDLE: Final = 0x00F00000
_WORDS: Final = ("memory", "cpu", "add", "remove", "index", "count", "0x7fffffff")
_NOISE: Final = ("", "-", "0x", "4294967296", "\t", "\0", "drc-name", "add\n")
_WORD: Final = 4
_SEVERAL: Final = 6
"""Words of a malformed text, at most."""


class Step(NamedTuple):
    """What is done, and how; it may have several outcomes, or none.

    In words by `str()`: a format and what it is about, as few are ever looked at.
    """

    form: str
    about: object
    perform: Callable[[], Sequence[Outcome]]

    def __str__(self) -> str:
        return self.form.format(self.about)


Make = Callable[[], Step]


def written(machine: Machine, text: str) -> Step:
    """Text written to `/sys/kernel/dlpar`."""
    dispatcher = machine.dispatcher

    def perform() -> list[Outcome]:
        dispatcher.write(text)
        return [] if dispatcher.last is None else [dispatcher.last]

    return Step("write {!r}", text, perform)


def raised(machine: Machine, request: HotplugRequest) -> Step:
    """An event that says the request."""
    log = hotplug_event(request)
    return Step("event {!s}", request, lambda: [machine.dispatcher.event(log)])


def malformed(machine: Machine, random: Random) -> Step:
    """Text of the grammar's words and others, in any order."""
    words = random.choices(_WORDS + _NOISE, k=random.randint(1, _SEVERAL))
    return written(machine, random.choice((" ", "  ", "\n")).join(words) + "\n")


def device_makers(machine: Machine, random: Random) -> dict[str, Make]:
    """Steps for cards, host bridges and persistent memory, by request."""
    resources = machine.dispatcher.resources
    indexes = {
        index: drc_type(index)
        for index, connector in sorted(machine.firmware.connectors.items())
        if connector.device is not None
    }
    made: dict[str, Make] = {}
    for kind, resource, type_ in (
        ("pci", Resource.PCI, DrcType.PCI),
        ("phb", Resource.PHB, DrcType.PHB),
        ("pmem", Resource.PMEM, DrcType.PMEM),
        ("dt", Resource.DT, DrcType.PCI),
    ):
        found = [index for index, other in indexes.items() if other == type_]
        if kind == "phb":
            # What is behind the first is for the other kinds.
            found = found[1:]
        if found and resource in resources:
            made[kind] = partial(_toggle, machine, random, resource, found)
    return made


def _toggle(
    machine: Machine, random: Random, resource: Resource, indexes: Sequence[int]
) -> Step:
    """What has a node goes, what has none comes."""
    index = random.choice(indexes)
    tree = machine.partition.tree
    nodes = tree.by_property(DRC_INDEX, index.to_bytes(_WORD, "big"))
    action = _REMOVE if nodes else _ADD
    request = HotplugRequest.index(resource, action, index)
    return Step("{!s}", request, lambda: [machine.dispatcher.handle(request)])


def entry_makers(machine: Machine, random: Random) -> dict[str, Make]:
    """Steps for `/proc/powerpc/ofdt`, and for cpu probe and release."""
    made: dict[str, Make] = {"ofdt": partial(_ofdt, machine, random)}
    partition = machine.partition
    cpus = partition.cpus
    listed = [] if cpus is None else partition.cpu_indexes(cpus)
    cores = [index for indexes in listed for index in indexes]
    if cores:
        made["probe"] = partial(_probe, machine, random, cores)
    return made


def _ofdt(machine: Machine, random: Random) -> Step:
    """A command about a node of our own, or one that is refused."""
    number = random.randrange(_OFDT_NODES)
    path, phandle = f"/stress-{number}", _OFDT_PHANDLE + number
    if path not in machine.partition.tree:
        value = phandle.to_bytes(4, "big")
        command = f"add_node {path} phandle 4 ".encode() + value + b" name 1 x"
    else:
        command = random.choice(
            [
                f"remove_node {path}",
                f"add_property {phandle} a 3 abc",
                f"update_property {phandle} a 2 xy",
                f"remove_property {phandle} a",
                f"add_node {path} a 1 a",
                "remove_node /",
                "remove_node /cpus",
                f"update_property {phandle} a 9 x",
                "add_node /none/none a 1 a",
            ]
        ).encode()
    return Step(
        "ofdt {!r}",
        command,
        lambda: _entry(machine, machine.dispatcher.write_ofdt, command),
    )


def _entry(
    machine: Machine,
    write: Callable[[bytes], int],
    data: bytes,
    request: HotplugRequest | None = None,
) -> list[Outcome]:
    """Write to an entry; *request* is what its outcome has to answer for."""
    write(data)
    outcome = machine.dispatcher.last
    if outcome is None:
        return []
    outcome.request = request
    return [outcome]


def _probe(machine: Machine, random: Random, cores: Sequence[int]) -> Step:
    """A core by hand: probed where it is absent, else released by its path."""
    index = random.choice(cores)
    partition, dispatcher = machine.partition, machine.dispatcher
    cpus = partition.cpus
    node = None if cpus is None else partition.tree.find_child(cpus, DRC_INDEX, index)
    action = _ADD if node is None else _REMOVE
    write = dispatcher.write_probe if node is None else dispatcher.write_release
    data = (f"{index:#x}\n" if node is None else node.path).encode()
    request = HotplugRequest.index(Resource.CPU, action, index)
    form = "probe {}" if node is None else "release {}"
    return Step(
        form, data.decode().strip(), lambda: _entry(machine, write, data, request)
    )

"""What a person calls a connector, to the request for exactly that one.

drmgr takes `-s NAME` or `-s 0xINDEX`; what it cannot read becomes "count 1", and
some other LMB is removed. Here a word that names no connector, or several, or one
of another resource, is an error that says what it could have been.

    cpu remove CPU 3                 a DRC name, as `pydlpar slots` prints it
    memory remove 0x80000010         a DRC index; it must be one of the machine's
    memory remove index 2147483664   the same; after `index`, any number of the kernel's
    pci remove U78C9.001.1-P1-C2-T1  a location code
    cpu remove /cpus/PowerPC,POWER9@8    the path of the node behind it
    memory add count 4               by a policy (see `choose`)
    memory add indexed-count 4 0x80000010

`name`, `loc-code` and `path` before a word say which it is, as `index` does.
"""

from __future__ import annotations

from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING

from pydlpar.choose import Available, choose
from pydlpar.constants import Action, IdType, Resource
from pydlpar.errors import RequestError, ResolveError
from pydlpar.request import HotplugRequest, parse_request
from pydlpar.slot import Slot, SlotKind
from pydlpar.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydlpar.partition import Partition

__all__ = ["Resolver", "resolve"]

_RESOURCES = {
    "cpu": Resource.CPU,
    "memory": Resource.MEMORY,
    "mem": Resource.MEMORY,
    "pmem": Resource.PMEM,
    "pci": Resource.PCI,
    "slot": Resource.SLOT,
    "phb": Resource.PHB,
    "dt": Resource.DT,
}
_ACTIONS = {"add": Action.ADD, "remove": Action.REMOVE}
_KINDS: dict[Resource, tuple[SlotKind, ...]] = {
    Resource.CPU: (SlotKind.CPU,),
    Resource.MEMORY: (SlotKind.MEM,),
    Resource.PMEM: (SlotKind.PMEM,),
    Resource.PCI: (SlotKind.PCI, SlotKind.SLOT),
    Resource.SLOT: (SlotKind.SLOT, SlotKind.PCI),
    Resource.PHB: (SlotKind.PHB,),
    Resource.DT: tuple(SlotKind),
}
_SEARCHED = 4096
"""Names that are compared with one that is not found."""
_SHOWN = 5
"""Candidates that an error has at most."""


def resolve(
    partition: Partition,
    text: str,
    policy: str = "lowest-first",
    available: Available | None = None,
) -> list[HotplugRequest]:
    """The requests that a text means; see `Resolver.resolve`."""
    return Resolver(partition, policy, available).resolve(text)


class Resolver:
    """Resolves texts on one partition, which it follows.

    Attributes:
        slots: the connectors of the partition's tree.
    """

    def __init__(
        self,
        partition: Partition,
        policy: str = "lowest-first",
        available: Available | None = None,
    ) -> None:
        """Look at a partition.

        Args:
            policy: how a count is resolved: one of `choose.POLICIES`.
            available: as `choose` takes it.

        Raises:
            DecodeError: a list of connectors or the LMB table is malformed.
        """
        self._partition = partition
        self._policy = policy
        self._available = available
        self.slots = Slots(partition.tree)

    def resolve(self, text: str) -> list[HotplugRequest]:
        """The requests that a text means: RESOURCE ACTION, and what.

        Returns:
            One request, or for a count as many as the policy says.

        Raises:
            ResolveError: it means nothing that the machine has; `.candidates`.
            ArgumentError: the policy is none, or none for this.
        """
        words = text.split(None, 2)
        resource = _RESOURCES.get(words[0]) if words else None
        if resource is None:
            raise _unknown("resource", words[:1], _RESOURCES)
        action = _ACTIONS.get(words[1]) if len(words) > 1 else None
        if action is None:
            raise _unknown("action", words[1:2], _ACTIONS)
        what = words[2].strip() if len(words) > 2 else ""
        if not what:
            raise ResolveError(
                f"{' '.join(words)}: what? Expected a DRC name or index, a location "
                "code, a path, or count N",
                text,
            )
        key, _, rest = what.partition(" ")
        if key in ("count", "indexed-count"):
            return self._number(resource, action, key, rest)
        return [HotplugRequest.index(resource, action, self.index(resource, what))]

    def _number(
        self, resource: Resource, action: Action, key: str, rest: str
    ) -> list[HotplugRequest]:
        request = _parse(key, rest)
        count = request.count or 0
        if request.id_type is IdType.DRC_COUNT:
            given = self._partition, resource, action, count
            return choose(*given, self._policy, self._available)
        index = self._expect(resource, _index_of(request), rest.split()[-1])
        return [HotplugRequest.indexed_count(resource, action, count, index)]

    def index(self, resource: Resource, what: str) -> int:
        """The DRC index of the one connector that *what* names.

        Args:
            resource: what it must be.
            what: a name, index, location code or path, also with the word before it
                that says so.

        Raises:
            ResolveError: none, several, or of another resource.
        """
        key, _, rest = what.partition(" ")
        if key == "index":
            return self._expect(resource, _index_of(_parse(key, rest)), rest)
        if key == "name":
            found = self.slots.find_name(rest)
        elif key == "loc-code":
            found = self.slots.find_loc_code(rest)
        elif key == "path" or what.startswith("/"):
            found = self._at_path(rest if key == "path" else what)
        else:
            found = self.slots.search(what)
        return self._one(resource, what, found)

    def _at_path(self, path: str) -> list[Slot]:
        node = self.slots.node(path)
        if node is None:
            raise ResolveError(f"there is no node {path!r}", path)
        slot = self.slots.at(node)
        if slot is None:
            raise ResolveError(f"node {node.path} has no ibm,my-drc-index", path)
        return [slot]

    def _one(self, resource: Resource, what: str, found: list[Slot]) -> int:
        fitting = {s.drc.index: s for s in found if s.kind in _KINDS[resource]}
        if len(fitting) == 1:
            return next(iter(fitting))
        if fitting:
            candidates = tuple(f"{index:#010x}" for index in sorted(fitting))
            raise _error(f"{what!r} names {len(fitting)} connectors", what, candidates)
        if found:
            slot = found[0]
            raise ResolveError(
                f"{what!r} is {slot.drc.name or 'a connector'} of {slot.kind.value}, "
                f"not of {resource.name.lower()}",
                what,
            )
        hint = " (a number is given as index N or count N)" if what.isdecimal() else ""
        raise _error(
            f"{what!r} names no connector of {resource.name.lower()}{hint}",
            what,
            self._similar(resource, what),
        )

    def _expect(self, resource: Resource, index: int, word: str) -> int:
        slot = self.slots.find(index)
        return self._one(resource, word, [] if slot is None else [slot])

    def _similar(self, resource: Resource, what: str) -> tuple[str, ...]:
        """Names like the one that was not found; without any, the first there are."""
        word = what.removeprefix("name ").removeprefix("loc-code ")
        slots = (slot for kind in _KINDS[resource] for slot in self.slots.of(kind))
        names = [s.drc.name or f"{s.drc.index:#010x}" for s in islice(slots, _SEARCHED)]
        return tuple(get_close_matches(word, names, _SHOWN) or names[:_SHOWN])


def _parse(key: str, rest: str) -> HotplugRequest:
    """Numbers as the kernel reads them. Nothing may follow them here."""
    expected = {
        "index": "a DRC index, as 0x80000010 or 2147483664",
        "count": "a number",
        "indexed-count": "a number and a DRC index",
    }[key]
    if len(rest.split()) == len(key.split("-")):
        try:
            return parse_request(f"memory add {key} {' '.join(rest.split())}")
        except RequestError:
            pass
    raise ResolveError(f"{key} {rest!r}: expected {expected}", rest)


def _index_of(request: HotplugRequest) -> int:
    return 0 if request.drc_index is None else request.drc_index


def _error(text: str, word: str, candidates: tuple[str, ...]) -> ResolveError:
    if candidates:
        text += f"; there is {', '.join(candidates)}"
    return ResolveError(text, word, candidates)


def _unknown(what: str, words: list[str], known: Iterable[str]) -> ResolveError:
    text = f"no {what} given" if not words else f"{what} {words[0]!r}"
    names = tuple(known)
    word = words[0] if words else ""
    return ResolveError(f"{text}: expected {', '.join(names)}", word, names)

"""Views of a tree's connectors: every list of them, and what stands behind each.

A connector is known by its DRC index, by the name that a list gives it, by the node
that carries its index (`ibm,my-drc-index`) with that node's path and location code,
and an LMB by its row in the LMB table. Nothing is expanded before it is asked for:
a record of `ibm,drc-info` may stand for millions of connectors.

Sources: LoPAR 13.5.2 (lists, connector types), C.6.6.2 (LMBs).
"""

from __future__ import annotations

import heapq
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from pydlpar.constants import LmbFlags
from pydlpar.drc import Drc, DrcList, DrcRun
from pydlpar.drmem import Lmb, LmbTable
from pydlpar.drmem_read import read_lmbs
from pydlpar.errors import ArgumentError, DrcListError
from pydlpar.slot import LOC_CODE, Slot, SlotKind, slot_kind

if TYPE_CHECKING:
    from pydlpar.node import Node
    from pydlpar.tree import DeviceTree

__all__ = ["Slot", "SlotCount", "SlotKind", "Slots", "slot_kind"]

_MY_INDEX = "ibm,my-drc-index"
_LISTS = ("ibm,drc-info", "ibm,drc-indexes")
_INDEX = re.compile(r"0[xX][0-9a-fA-F]{1,8}").fullmatch
_LIVE = 0xFFFFFFFF
_NO_DRC = int(LmbFlags.DRC_INVALID)


class SlotCount(NamedTuple):
    """How many connectors of a kind there are, in use, and not known to be either."""

    total: int
    in_use: int
    unknown: int


class _Owned(NamedTuple):
    """A list and the node that has it."""

    owner: str
    drcs: DrcList


class Slots:
    """The connectors of a tree; they follow its edits. Belongs to one thread at a time.

    Order is that of the DRC index, and for LMBs that of the LMB table.
    """

    def __init__(self, tree: DeviceTree) -> None:
        """Read the lists, the LMB table and which node has which index.

        Raises:
            DrcListError: a list is malformed; `.path`, `.property`, `.offset` say
                where.
            DecodeError: so is the LMB table, or an `ibm,my-drc-index`.
        """
        self.tree = tree
        self._read()

    def _read(self) -> None:
        tree = self.tree
        self._edits = tree.edits
        owners: dict[str, Node] = {}
        for name in _LISTS:
            owners.update((node.path, node) for node in tree.by_property(name))
        self._lists = tuple(_read_list(path, node) for path, node in owners.items())
        self._nodes: dict[int, Node] = {}
        for node in tree.by_property(_MY_INDEX):
            self._nodes.setdefault(node.u32(_MY_INDEX), node)
        self._lmbs = read_lmbs(tree)

    def _refresh(self) -> None:
        if self._edits != self.tree.edits:
            self._read()

    @property
    def lists(self) -> dict[str, DrcList]:
        """The lists, by path of the node that has them."""
        self._refresh()
        return {owned.owner: owned.drcs for owned in self._lists}

    @property
    def lmbs(self) -> LmbTable | None:
        """The LMB table, or None."""
        self._refresh()
        return self._lmbs

    def _slot(self, drc: Drc, owner: str) -> Slot:
        kind = slot_kind(drc.type, drc.index)
        lmb = None
        if kind is SlotKind.MEM and self._lmbs is not None:
            position = self._lmbs.find(drc.index)
            if position is not None and not self._lmbs.flags(position) & _NO_DRC:
                lmb = self._lmbs[position]
        return Slot(kind, drc, owner, self._nodes.get(drc.index), lmb)

    def find(self, index: int) -> Slot | None:
        """The connector with this DRC index, also where only a node or the LMB table
        knows it. The first one where several lists have it.
        """
        self._refresh()
        for owner, drcs in self._lists:
            drc = drcs.find(index)
            if drc is not None:
                return self._slot(drc, owner)
        return self._unlisted(index)

    def _unlisted(self, index: int) -> Slot | None:
        slot = self._slot(Drc(index, "", "", _LIVE), "")
        if slot.lmb is None and self._lmbs is not None:
            position = self._lmbs.find(index)
            if position is not None and not self._lmbs.flags(position) & _NO_DRC:
                slot = slot._replace(kind=SlotKind.MEM, lmb=self._lmbs[position])
        return None if slot.node is None and slot.lmb is None else slot

    def find_name(self, name: str) -> list[Slot]:
        """The connectors of this name, at most one of each list."""
        self._refresh()
        found = ((owner, drcs.find_name(name)) for owner, drcs in self._lists)
        return [self._slot(drc, owner) for owner, drc in found if drc is not None]

    def find_loc_code(self, code: str) -> list[Slot]:
        """The connectors whose node has this location code."""
        self._refresh()
        try:
            value = code.encode("ascii") + b"\0"
        except UnicodeEncodeError:
            return []
        found = (self.at(node) for node in self.tree.by_property(LOC_CODE, value))
        return [slot for slot in found if slot is not None]

    def search(self, word: str) -> list[Slot]:
        """The connectors that a word can mean.

        `0x` and up to eight digits is a DRC index, what begins with `/` the path of
        a node, anything else a DRC name; a location code where nothing is named so.
        """
        if _INDEX(word):
            slot = self.find(int(word, 16))
        elif word.startswith("/"):
            node = self.node(word)
            slot = None if node is None else self.at(node)
        else:
            return self.find_name(word) or self.find_loc_code(word)
        return [] if slot is None else [slot]

    def node(self, path: str) -> Node | None:
        """The node of an absolute path; None also for what cannot be one."""
        try:
            return self.tree.get(path) if path.startswith("/") else None
        except ArgumentError:
            return None

    def at(self, node: Node) -> Slot | None:
        """The connector behind which a node stands: by its own index."""
        if _MY_INDEX not in node:
            return None
        return self.find(node.u32(_MY_INDEX))

    def of(self, kind: SlotKind, *, in_use: bool | None = None) -> Iterator[Slot]:
        """The connectors of a kind.

        Those in use are found by what uses them, whatever the number of others.

        Args:
            in_use: only those that are, or that are not; both do without those of
                which the tree does not tell.
        """
        self._refresh()
        if kind is SlotKind.MEM:
            slots = self._memory()
        elif in_use:
            slots = self._used(kind)
        else:
            slots = self._listed(kind)
        return slots if in_use is None else (s for s in slots if s.in_use is in_use)

    def spans(
        self, kind: SlotKind, alone: Iterable[int] = ()
    ) -> Iterator[tuple[Slot, Slot, int]]:
        """The connectors of a kind as `of` gives them, (first, last, how many).

        What a record stands for comes as one, but for connectors in use, which come
        alone. All of a span but the name, index and address is as its first says.

        Args:
            alone: DRC indexes that are to come alone, too.
        """
        self._refresh()
        rows = (lmb.drc_index for lmb in self._rows())
        single = sorted({*self._nodes, *alone, *rows})
        if kind is SlotKind.MEM:
            yield from ((slot, slot, 1) for slot in self._memory_rows())
        spans = [(drc, drc, 1, "") for drc in self._strays(kind)]
        for owner, drcs in self._lists:
            for run in drcs.runs:
                if slot_kind(run.type, run.first) is kind:
                    for at, to in _pieces(run, single):
                        spans.append((run.drc(at), run.drc(to), to - at + 1, owner))
            some = (d for d in drcs.drcs if slot_kind(d.type, d.index) is kind)
            spans += ((drc, drc, 1, owner) for drc in some)
        for first, last, count, owner in sorted(spans, key=lambda span: span[0].index):
            slot = self._slot(first, owner)
            if kind is not SlotKind.MEM or slot.lmb is None:
                yield slot, self._slot(last, owner) if count > 1 else slot, count

    def count(self, kind: SlotKind) -> SlotCount:
        """How many there are; no record is expanded."""
        self._refresh()
        listed = sum(1 for _ in self._strays(kind))
        listed += sum(len(p) for owned in self._lists for p in _parts(owned, kind))
        used = list(self._used(kind))
        if kind is not SlotKind.MEM:
            return SlotCount(listed, len(used), 0)
        without_row = sum(slot.lmb is None for slot in used)
        rows = assigned = both = 0
        for lmb in self._rows():
            rows += 1
            assigned += lmb.flags & LmbFlags.ASSIGNED != 0
            both += self._is_listed(lmb.drc_index)
        unknown = listed - both - without_row
        return SlotCount(rows + listed - both, assigned + without_row, unknown)

    def _is_listed(self, index: int) -> bool:
        return any(index in owned.drcs for owned in self._lists)

    def _rows(self) -> Iterator[Lmb]:
        """The LMBs that have a connector."""
        return (lmb for lmb in self._lmbs or () if not lmb.flags & _NO_DRC)

    def _used(self, kind: SlotKind) -> Iterator[Slot]:
        for index in sorted(self._nodes):
            slot = self.find(index)
            if slot is not None and slot.kind is kind:
                yield slot

    def _strays(self, kind: SlotKind) -> Iterator[Drc]:
        """Connectors that a node has, but no list."""
        for index in sorted(self._nodes):
            if slot_kind("", index) is kind and not self._is_listed(index):
                yield Drc(index, "", "", _LIVE)

    def _listed(self, kind: SlotKind) -> Iterator[Slot]:
        """Those of lists and nodes by index; what a list has twice comes once."""
        streams: list[Iterator[tuple[int, int, Drc]]] = []
        owners: list[str] = []
        for owned in self._lists:
            for part in _parts(owned, kind):
                streams.append(_keyed(part, len(owners)))
                owners.append(owned.owner)
        streams.append(_keyed(self._strays(kind), len(owners)))
        owners.append("")
        last = None
        for index, row, drc in heapq.merge(*streams):
            if (index, owners[row]) != last:
                yield self._slot(drc, owners[row])
            last = index, owners[row]

    def _memory_rows(self) -> Iterator[Slot]:
        for lmb in self._rows():
            slot = self.find(lmb.drc_index)
            if slot is not None:
                yield slot._replace(kind=SlotKind.MEM, lmb=lmb)

    def _memory(self) -> Iterator[Slot]:
        """LMBs of the table, then connectors of memory that it does not have."""
        yield from self._memory_rows()
        for slot in self._listed(SlotKind.MEM):
            if slot.lmb is None:
                yield slot


def _pieces(run: DrcRun, alone: Sequence[int]) -> Iterator[tuple[int, int]]:
    """A record's positions, from and to, in pieces; those *alone*, in order, are one
    each.
    """
    indexes, at = run.indexes, 0
    start, end = bisect_left(alone, run.first), bisect_left(alone, indexes.stop)
    for position in (indexes.index(i) for i in alone[start:end] if i in indexes):
        if position > at:
            yield at, position - 1
        yield position, position
        at = position + 1
    if at < len(indexes):
        yield at, len(indexes) - 1


class _Run:
    """The connectors of a record, each made when it is asked for."""

    def __init__(self, run: DrcRun) -> None:
        self._run = run

    def __len__(self) -> int:
        return len(self._run.indexes)

    def __iter__(self) -> Iterator[Drc]:
        return map(self._run.drc, range(len(self)))


def _parts(owned: _Owned, kind: SlotKind) -> Iterator[_Run | list[Drc]]:
    """The connectors of a kind in one list, in parts that are each in order."""
    for run in owned.drcs.runs:
        if slot_kind(run.type, run.first) is kind:
            yield _Run(run)
    some = [drc for drc in owned.drcs.drcs if slot_kind(drc.type, drc.index) is kind]
    if some:
        yield sorted(some, key=attrgetter("index"))


def _keyed(drcs: Iterable[Drc], row: int) -> Iterator[tuple[int, int, Drc]]:
    return ((drc.index, row, drc) for drc in drcs)


def _read_list(path: str, node: Node) -> _Owned:
    try:
        return _Owned(path, DrcList.from_properties(node.properties))
    except DrcListError as error:
        raise error.at(path) from None

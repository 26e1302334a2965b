"""Slots as rows of a table and as JSON objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from string import digits
from typing import Any

from pydlpar import LookupArrays, Node
from pydlpar.cli.slots_fold import Fold, folded
from pydlpar.cli.slots_table import Column, Row
from pydlpar.constants import DrcState, LmbFlags
from pydlpar.platforms.firmware_devices import Connector
from pydlpar.slot import Slot, SlotKind
from pydlpar.slot_detail import cpu_caches, describe_type, linux_name, pci_ids
from pydlpar.slots import Slots

__all__ = ["SlotWriter"]

_LOOKUP = "ibm,associativity-lookup-arrays"
_DRMEM = "/ibm,dynamic-reconfiguration-memory"
_LIVE = 0xFFFFFFFF
_NAMED = 4
"""Slots of a host bridge that are named before the rest is only counted."""
_CONFIGURED = (DrcState.LOGICAL_CONFIGURED, DrcState.PHYSICAL_CONFIGURED)
_STYLES = {"in use": "green", "plugged": "yellow", "free": "dim"}
_FIRST_LEVEL = 2
"""Level of the first cache that has a node of its own."""

_CELLS = ("Name", "DRC Index", "State")
_COLUMNS: dict[SlotKind, tuple[Column, ...]] = {
    SlotKind.CPU: (Column("OF Node", 1), Column("Threads", 2)),
    SlotKind.MEM: (
        Column("Address", 1),
        Column("Removable", 2),
        Column("Associativity", 3),
        Column("Section", 4),
    ),
    SlotKind.PMEM: (Column("OF Node", 1), Column("Location Code", 2)),
    SlotKind.PHB: (
        Column("OF Node"),
        Column("Domain", 2),
        Column("Slot(s) Connected", 1),
    ),
}
_IO_COLUMNS = (
    Column("Description", 3),
    Column("Linux Name", 2),
    Column("Device(s)"),
    Column("Location Code", 4),
)
_CACHE_COLUMNS = (Column("L2 Cache", 3), Column("L3 Cache", 4))


class SlotWriter:
    """Makes rows and objects of the slots of one tree.

    Args:
        slots: the slots.
        connectors: of the firmware under them, by DRC index; None without one.
        caches: CPUs with the names of their caches.
    """

    def __init__(
        self,
        slots: Slots,
        connectors: Mapping[int, Connector] | None = None,
        *,
        caches: bool = False,
    ) -> None:
        self._slots = slots
        self._connectors = connectors
        self._caches = caches
        self._bridges: dict[str, list[str]] | None = None
        node = slots.tree.get(_DRMEM)
        value = None if node is None else node.get(_LOOKUP)
        self._arrays = None if value is None else LookupArrays(value)

    def columns(self, kind: SlotKind) -> list[Column]:
        """The columns of a kind."""
        some = _COLUMNS.get(kind, _IO_COLUMNS)
        if kind is SlotKind.CPU and self._caches:
            some += _CACHE_COLUMNS
        return [*map(Column, _CELLS), *some]

    def rows(self, spans: Iterable[tuple[Slot, Slot, int]]) -> Iterator[Row]:
        """Rows; slots that are not in use and follow each other share one."""
        for fold in folded(spans, self._state):
            state = self._state(fold.first)
            yield Row(self._cells(fold), _STYLES.get(state, ""))

    def plugged(self) -> dict[int, Slot]:
        """What the platform has and nobody has taken yet, by DRC index."""
        slots = map(self._slots.find, self._connectors or ())
        return {
            slot.drc.index: slot
            for slot in slots
            if slot is not None and self.is_plugged(slot)
        }

    def lines(self, slots: Iterable[Slot]) -> Iterator[list[str]]:
        """The cells of every slot."""
        return (self._cells(Fold(slot, slot, 1)) for slot in slots)

    def _connector(self, slot: Slot) -> Connector | None:
        return (self._connectors or {}).get(slot.drc.index)

    def is_plugged(self, slot: Slot) -> bool:
        """Whether the platform has something there that nobody has taken yet."""
        connector = self._connector(slot)
        if connector is None or connector.device is None or slot.in_use:
            return False
        return connector.state not in _CONFIGURED

    def _state(self, slot: Slot) -> str:
        if slot.in_use:
            return "in use"
        if self.is_plugged(slot):
            return "plugged"
        return "unknown" if slot.in_use is None else "free"

    def _cells(self, fold: Fold) -> list[str]:
        first, last, count = fold
        state = self._state(first)
        cells = [
            _name_span(first.drc.name, last.drc.name),
            _span(f"{first.drc.index:#010x}", f"{last.drc.index:#010x}", count),
            state if count == 1 else f"{state} ({count})",
        ]
        if first.kind is SlotKind.CPU:
            return cells + self._cpu_cells(first)
        if first.kind is SlotKind.MEM:
            return cells + self._lmb_cells(fold)
        if first.kind is SlotKind.PMEM:
            return [*cells, _name(first.node), first.loc_code or ""]
        if first.kind is SlotKind.PHB:
            return cells + self._bridge_cells(first)
        return [
            *cells,
            describe_type(first),
            _linux_name(first) or "",
            _device(first.node),
            first.loc_code or "",
        ]

    def _cpu_cells(self, slot: Slot) -> list[str]:
        cells = [_name(slot.node), _ranges(slot.threads)]
        if self._caches:
            names = [] if slot.node is None else [c.name for c in cpu_caches(slot.node)]
            cells += [*names, "", ""][: len(_CACHE_COLUMNS)]
        return cells

    def _lmb_cells(self, fold: Fold) -> list[str]:
        first, last = fold.first.lmb, fold.last.lmb
        if first is None or last is None:
            return [""] * len(_COLUMNS[SlotKind.MEM])
        section = self._section(fold.first)
        cells = self._associativity(fold.first)
        return [
            _span(f"{first.base:#x}", f"{last.base:#x}", fold.count),
            {True: "yes", False: "no"}.get(_removable(fold.first), ""),  # type: ignore[arg-type]
            "" if cells is None else " ".join(map(str, cells)),
            "" if section is None else f"memory{section}",
        ]

    def _section(self, slot: Slot) -> int | None:
        """Number of the memory block that Linux makes of an LMB in use."""
        table = self._slots.lmbs
        if table is None or slot.lmb is None or not slot.in_use:
            return None
        return slot.lmb.base // table.lmb_size

    def _associativity(self, slot: Slot) -> tuple[int, ...] | None:
        if slot.lmb is None or self._arrays is None:
            return None
        aa = slot.lmb.aa_index
        return self._arrays[aa] if aa < len(self._arrays) else None

    def _bridge_cells(self, slot: Slot) -> list[str]:
        if slot.node is None:
            return [""] * len(_COLUMNS[SlotKind.PHB])
        total, names = self._behind(slot.node)
        text = str(total)
        if names:
            more = ", ..." if len(names) > _NAMED else ""
            text += f" ({len(names)} in use: {', '.join(names[:_NAMED])}{more})"
        return [slot.node.path, linux_name(slot.node) or "", text]

    def _behind(self, node: Node) -> tuple[int, list[str]]:
        """How many slots a host bridge has, and the names of those in use."""
        if self._bridges is None:
            self._bridges = {}
            for slot in self._slots.of(SlotKind.PCI, in_use=True):
                top = "/".join(slot.owner.split("/")[:2])
                self._bridges.setdefault(top, []).append(slot.drc.name)
        path, below = node.path, f"{node.path}/"
        total = sum(
            len(drcs)
            for owner, drcs in self._slots.lists.items()
            if owner == path or owner.startswith(below)
        )
        return total, self._bridges.get(path, [])

    def record(self, slot: Slot) -> dict[str, Any]:
        """A slot as a JSON object; `docs/slots.md` says what is in it."""
        domain = slot.drc.power_domain
        record: dict[str, Any] = {
            "type": "slot",
            "kind": slot.kind.value,
            "index": slot.drc.index,
            "name": slot.drc.name or None,
            "drc_type": slot.drc.type or None,
            "description": describe_type(slot) or None,
            "power_domain": None if domain == _LIVE else domain,
            "owner": slot.owner or None,
            "in_use": slot.in_use,
            "path": slot.path,
            "loc_code": slot.loc_code,
            "linux_name": _linux_name(slot),
        }
        record.update(self._more(slot))
        if self._connectors is not None:
            record["firmware"] = self._firmware(slot)
        return record

    def _more(self, slot: Slot) -> dict[str, Any]:
        """What only the slots of a kind have."""
        if slot.kind is SlotKind.CPU:
            nodes = [] if slot.node is None else cpu_caches(slot.node)
            return {
                "threads": list(slot.threads),
                "caches": [node.path for node in nodes],
            }
        if slot.kind is SlotKind.MEM:
            return self._lmb_record(slot)
        if slot.kind is SlotKind.PHB:
            total, names = (0, []) if slot.node is None else self._behind(slot.node)
            return {"slots": total, "slots_in_use": names}
        ids = None if slot.node is None else pci_ids(slot.node)
        return {"pci": None if ids is None else ids._asdict()}

    def _lmb_record(self, slot: Slot) -> dict[str, Any]:
        lmb, table = slot.lmb, self._slots.lmbs
        cells = self._associativity(slot)
        return {
            "address": None if lmb is None else lmb.base,
            "size": None if lmb is None or table is None else table.lmb_size,
            "flags": None if lmb is None else lmb.flags,
            "removable": _removable(slot),
            "associativity": None if cells is None else list(cells),
            "section": self._section(slot),
        }

    def _firmware(self, slot: Slot) -> dict[str, Any] | None:
        connector = self._connector(slot)
        if connector is None:
            return None
        device = connector.device
        return {
            "state": connector.state.name.lower(),
            "device": None if device is None else device.kind.value,
        }

    def caches(self, slots: Iterable[Slot]) -> list[dict[str, Any]]:
        """The caches of CPUs, each once, with the CPUs that share it."""
        found: dict[str, dict[str, Any]] = {}
        for slot in slots:
            nodes = [] if slot.node is None else cpu_caches(slot.node)
            for level, node in enumerate(nodes, _FIRST_LEVEL):
                record = found.setdefault(
                    node.path,
                    {
                        "type": "cache",
                        "path": node.path,
                        "level": level,
                        "phandle": node.phandle or None,
                        "cpus": [],
                    },
                )
                record["cpus"].append(slot.drc.name or slot.path)
        return list(found.values())


def _span(first: str, last: str, count: int) -> str:
    if count == 1 or first == last:
        return first
    return f"{first} .. {last}"


def _name_span(first: str, last: str) -> str:
    """`LMB 16..63`: two names that end in numbers, what they share said once."""
    if first == last:
        return first
    return f"{first}..{last[len(last.rstrip(digits)) :]}"


def _name(node: Node | None) -> str:
    return "" if node is None else node.name


def _device(node: Node | None) -> str:
    if node is None:
        return ""
    ids = pci_ids(node)
    return (
        node.name if ids is None else f"{node.name} ({ids.vendor:04x}:{ids.device:04x})"
    )


def _linux_name(slot: Slot) -> str | None:
    return None if slot.node is None else linux_name(slot.node)


def _removable(slot: Slot) -> bool | None:
    """Whether an LMB in use may be removed; None of others."""
    if slot.lmb is None or not slot.in_use:
        return None
    return not slot.lmb.flags & LmbFlags.RESERVED


def _ranges(numbers: tuple[int, ...]) -> str:
    """`0-7,16` for the numbers of threads."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in parts)

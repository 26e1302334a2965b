"""Dynamic reconfiguration connectors: index arithmetic and the lists of them.

A DRC list comes in two encodings: four parallel arrays (`ibm,drc-indexes`, `-names`,
`-types`, `-power-domains`; QEMU, older firmware) or the one property `ibm,drc-info`,
whose records stand for runs of connectors (LoPAR 13.5.2). Both become `DrcList`,
which answers look-ups by index and by name without expanding a run: a record may
claim four thousand million connectors.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

from pydlpar.constants import DrcType
from pydlpar.errors import ArgumentError, DecodeError, DrcListError

__all__ = [
    "Drc",
    "DrcList",
    "DrcRun",
    "cpu_indexes",
    "drc_id",
    "drc_index",
    "drc_type",
]

_U32 = struct.Struct(">I")
_RUN_CELLS = struct.Struct(">5I")
_WORD = _U32.size
_U32_MAX = 0xFFFFFFFF
_U32_DIGITS = 10
_TYPE_SHIFT = 28
_ID_MASK = (1 << _TYPE_SHIFT) - 1
_TYPES = {int(member): member for member in DrcType}

_CPU_TYPE = "CPU"
_INFO = "ibm,drc-info"
_INDEXES, _NAMES = "ibm,drc-indexes", "ibm,drc-names"
_TYPE_NAMES, _DOMAINS = "ibm,drc-types", "ibm,drc-power-domains"


def drc_index(drc_type: int, identifier: int) -> int:
    """The DRC index of connector *identifier* of a type."""
    if not 0 <= identifier <= _ID_MASK:
        raise ArgumentError(f"DRC id {identifier:#x}: expected 0..{_ID_MASK:#x}")
    return drc_type << _TYPE_SHIFT | identifier


def drc_type(index: int) -> DrcType | int:
    """The type in the top nibble of a DRC index; a plain int where it has no name."""
    value = index >> _TYPE_SHIFT
    return _TYPES.get(value, value)


def drc_id(index: int) -> int:
    """A DRC index without its type."""
    return index & _ID_MASK


class Drc(NamedTuple):
    """One connector. `power_domain` 0xFFFFFFFF means live insertion."""

    index: int  # type: ignore[assignment]
    name: str
    type: str
    power_domain: int


class DrcRun(NamedTuple):
    """A run of connectors: a record of `ibm,drc-info`.

    Element i has index `first + i * increment` and the name `prefix` followed by
    the decimal number `suffix + i * increment` (LoPAR; Linux 6.12 rpaphp counts
    the names by one instead).
    """

    type: str
    prefix: str
    first: int
    suffix: int
    elements: int
    increment: int
    power_domain: int

    @property
    def indexes(self) -> range:
        """The DRC indexes, in order. Without an increment there is only one."""
        if self.increment == 0:
            return range(self.first, self.first + min(self.elements, 1))
        end = self.first + self.elements * self.increment
        return range(self.first, end, self.increment)

    def drc(self, position: int) -> Drc:
        """The connector at *position*, 0 based."""
        index = self.indexes[position]
        name = f"{self.prefix}{self.suffix + index - self.first}"
        return Drc(index, name, self.type, self.power_domain)


class DrcList:
    """The connectors below one node, in the order of its properties.

    Attributes:
        drcs: those that arrays list.
        runs: those that `ibm,drc-info` lists.
    """

    def __init__(self, runs: tuple[DrcRun, ...] = (), drcs: tuple[Drc, ...] = ()):
        self.runs = runs
        self.drcs = drcs
        lengths = [len(drcs), *(len(run.indexes) for run in runs)]
        self._ends = list(accumulate(lengths))

    # An index or name that is listed twice: the first one counts.
    @cached_property
    def _by_index(self) -> dict[int, Drc]:
        return {drc.index: drc for drc in reversed(self.drcs)}

    @cached_property
    def _by_name(self) -> dict[str, Drc]:
        return {drc.name: drc for drc in reversed(self.drcs)}

    @classmethod
    def from_properties(cls, properties: Mapping[str, bytes]) -> DrcList:
        """The list that a node's properties hold; `ibm,drc-info` wins.

        Raises:
            DrcListError: one is malformed; `.property`, and `.offset` in it.
        """
        if _INFO in properties:
            return cls.from_info(properties[_INFO])
        if _INDEXES not in properties:
            return cls()
        return cls.from_arrays(
            properties[_INDEXES],
            properties.get(_NAMES),
            properties.get(_TYPE_NAMES),
            properties.get(_DOMAINS),
        )

    @classmethod
    def from_arrays(
        cls,
        indexes: bytes,
        names: bytes | None = None,
        types: bytes | None = None,
        power_domains: bytes | None = None,
    ) -> DrcList:
        """The list that the four arrays hold.

        An absent array leaves names and types empty and the power domain at live
        insertion. Arrays of different length are a DrcListError.
        """
        numbers = _array(indexes, _INDEXES)
        n = len(numbers)
        columns = {
            _INDEXES: numbers,
            _NAMES: [""] * n if names is None else _strings(names, _NAMES),
            _TYPE_NAMES: [""] * n if types is None else _strings(types, _TYPE_NAMES),
            _DOMAINS: (_U32_MAX,) * n
            if power_domains is None
            else _array(power_domains, _DOMAINS),
        }
        for name, column in columns.items():
            if len(column) != n:
                raise DrcListError(
                    f"{name}: {len(column)} entries, expected {n} as in {_INDEXES}",
                    offset=0,
                    property=name,
                )
        return cls(drcs=tuple(map(Drc, *columns.values())))

    @classmethod
    def from_info(cls, data: bytes) -> DrcList:
        """The list that `ibm,drc-info` holds."""
        return cls(runs=tuple(_runs(data)))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, position: int) -> Drc:
        """The connector at *position* of the list; negative ones from the end."""
        at = position + len(self) if position < 0 else position
        if not 0 <= at < len(self):
            raise IndexError(f"connector {position} of {len(self)}")
        if at < len(self.drcs):
            return self.drcs[at]
        row = bisect_right(self._ends, at)
        return self.runs[row - 1].drc(at - self._ends[row - 1])

    def __iter__(self) -> Iterator[Drc]:
        yield from self.drcs
        for run in self.runs:
            for position in range(len(run.indexes)):
                yield run.drc(position)

    def __contains__(self, index: object) -> bool:
        return index in self._by_index or any(index in r.indexes for r in self.runs)

    def find(self, index: int) -> Drc | None:
        """The first connector with this DRC index."""
        for run in self.runs:
            if index in run.indexes:
                return run.drc(run.indexes.index(index))
        return self._by_index.get(index)

    def find_name(self, name: str) -> Drc | None:
        """The first connector with this name."""
        for run in self.runs:
            number = name[len(run.prefix) :]
            if not (name.startswith(run.prefix) and number.isdecimal()):
                continue
            if len(number) > _U32_DIGITS:
                continue
            index = run.first + int(number) - run.suffix
            if index in run.indexes:
                drc = run.drc(run.indexes.index(index))
                if drc.name == name:
                    return drc
        return self._by_name.get(name)


def cpu_indexes(
    info: bytes | None, indexes: bytes | None
) -> tuple[Collection[int], ...]:
    """The DRC indexes that Linux takes as CPUs below `/cpus`, in its order.

    One collection for each record of `ibm,drc-info`, or one for the array; it is
    ordered, and quick to ask whether it has an index.

    Args:
        info: `ibm,drc-info`, which wins; read up to the first record that is not
            of a type beginning with "CPU".
        indexes: `ibm,drc-indexes`, read to its end whatever its count word says.

    Malformed records end the list, as in the kernel. A run that leaves 32 bits
    wraps around there; here it ends the list.

    Source: hotplug-cpu.c `valid_cpu_drc_index`.
    """
    if info is None:
        return () if indexes is None else (dict.fromkeys(_words(indexes)[1:]),)
    found: list[range] = []
    try:
        for run in _runs(info):
            if not run.type.startswith(_CPU_TYPE):
                break
            found.append(run.indexes)
    except DecodeError:
        return tuple(found)
    return tuple(found)


def _words(data: bytes) -> tuple[int, ...]:
    """The whole 32-bit words of a property; odd bytes at its end do not count."""
    whole = len(data) // _WORD
    return struct.unpack_from(f">{whole}I", data)


def _count(data: bytes, name: str) -> int:
    if len(data) < _WORD:
        raise DrcListError(f"{name}: no count word", offset=0, property=name)
    count: int = _U32.unpack_from(data)[0]
    return count


def _array(data: bytes, name: str) -> tuple[int, ...]:
    count = _count(data, name)
    end = _WORD * (count + 1)
    if end != len(data):
        raise DrcListError(
            f"{name}: count {count}, but {len(data) - _WORD} bytes follow",
            offset=min(end, len(data)),
            property=name,
        )
    return _words(data)[1:]


def _strings(data: bytes, name: str) -> list[str]:
    count = _count(data, name)
    parts = data[_WORD:].split(b"\0")
    if count != len(parts) - 1 or parts[-1]:
        whole = parts[: min(count, len(parts) - 1)]
        raise DrcListError(
            f"{name}: count {count}, but {len(parts) - 1} strings follow",
            offset=_WORD + sum(len(part) + 1 for part in whole),
            property=name,
        )
    return [text.decode("ascii", "replace") for text in parts[:count]]


def _runs(data: bytes) -> Iterator[DrcRun]:
    """The records of `ibm,drc-info`, each checked before it is given out."""
    offset = _WORD
    for row in range(_count(data, _INFO)):
        kind, at = _string(data, offset, row)
        prefix, at = _string(data, at, row)
        if _RUN_CELLS.size > len(data) - at:
            raise DrcListError(
                f"{_INFO}: record {row} ends at byte {len(data)} inside its "
                f"cells, expected {_RUN_CELLS.size} bytes at {at}",
                offset=at,
                row=row,
                property=_INFO,
            )
        run = DrcRun(kind, prefix, *_RUN_CELLS.unpack_from(data, at))
        if run.indexes and run.indexes[-1] > _U32_MAX:
            raise DrcListError(
                f"{_INFO}: record {row}: last index {run.indexes[-1]:#x} "
                "exceeds 32 bits",
                offset=at,
                row=row,
                property=_INFO,
            )
        yield run
        offset = at + _RUN_CELLS.size


def _string(data: bytes, offset: int, row: int) -> tuple[str, int]:
    end = data.find(0, offset)
    if end < 0:
        raise DrcListError(
            f"{_INFO}: record {row}: string at byte {offset} has no end",
            offset=offset,
            row=row,
            property=_INFO,
        )
    return data[offset:end].decode("ascii", "replace"), end + 1

"""Dynamic reconfiguration connectors: index arithmetic and the lists of them.

A DRC list comes in two encodings: four parallel arrays (`ibm,drc-indexes`, `-names`,
`-types`, `-power-domains`; QEMU, older firmware) or the one property `ibm,drc-info`,
whose records stand for runs of connectors (LoPAR 13.5.2). Both become `DrcList`,
which answers look-ups by index and by name without expanding a run: a record may
claim four thousand million connectors.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from pydlpar.constants import DrcType
from pydlpar.errors import ArgumentError, DecodeError

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
    """The connectors below one node, in the order of its properties."""

    def __init__(self, runs: tuple[DrcRun, ...] = (), drcs: tuple[Drc, ...] = ()):
        self.runs = runs
        self._drcs = drcs
        # An index or name that is listed twice: the first one counts.
        self._by_index = {drc.index: drc for drc in reversed(drcs)}
        self._by_name = {drc.name: drc for drc in reversed(drcs)}

    @classmethod
    def from_properties(cls, properties: Mapping[str, bytes]) -> DrcList:
        """The list that a node's properties hold; `ibm,drc-info` wins.

        Raises:
            DecodeError: one of them is malformed; `.offset` is the byte in it.
        """
        if "ibm,drc-info" in properties:
            return cls.from_info(properties["ibm,drc-info"])
        if "ibm,drc-indexes" not in properties:
            return cls()
        return cls.from_arrays(
            properties["ibm,drc-indexes"],
            properties.get("ibm,drc-names"),
            properties.get("ibm,drc-types"),
            properties.get("ibm,drc-power-domains"),
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
        insertion. Arrays of different length are a DecodeError.
        """
        numbers = _array(indexes, "ibm,drc-indexes")
        n = len(numbers)
        columns = (
            numbers,
            [""] * n if names is None else _strings(names, "ibm,drc-names"),
            [""] * n if types is None else _strings(types, "ibm,drc-types"),
            (_U32_MAX,) * n
            if power_domains is None
            else _array(power_domains, "ibm,drc-power-domains"),
        )
        for column in columns:
            if len(column) != n:
                raise DecodeError(
                    f"DRC arrays: {len(column)} entries, expected {n} as in "
                    "ibm,drc-indexes",
                    offset=0,
                )
        return cls(drcs=tuple(map(Drc, *columns)))

    @classmethod
    def from_info(cls, data: bytes) -> DrcList:
        """The list that `ibm,drc-info` holds."""
        return cls(runs=tuple(_runs(data)))

    def __len__(self) -> int:
        return len(self._drcs) + sum(len(run.indexes) for run in self.runs)

    def __iter__(self) -> Iterator[Drc]:
        yield from self._drcs
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
        raise DecodeError(f"{name}: no count word", offset=0)
    count: int = _U32.unpack_from(data)[0]
    return count


def _array(data: bytes, name: str) -> tuple[int, ...]:
    count = _count(data, name)
    if count != len(data) // _WORD - 1:
        raise DecodeError(
            f"{name}: count {count}, but {len(data) - _WORD} bytes follow", offset=0
        )
    return _words(data)[1:]


def _strings(data: bytes, name: str) -> list[str]:
    count = _count(data, name)
    body = data[_WORD:]
    if count != body.count(0) or (count and not body.endswith(b"\0")):
        raise DecodeError(
            f"{name}: count {count}, but {body.count(0)} strings follow", offset=0
        )
    return [text.decode("ascii", "replace") for text in body.split(b"\0")[:count]]


def _runs(data: bytes) -> Iterator[DrcRun]:
    """The records of `ibm,drc-info`, each checked before it is given out."""
    offset = _WORD
    for row in range(_count(data, "ibm,drc-info")):
        kind, at = _string(data, offset, row)
        prefix, at = _string(data, at, row)
        if _RUN_CELLS.size > len(data) - at:
            raise DecodeError(
                f"ibm,drc-info: record {row} ends at byte {len(data)} inside its "
                f"cells, expected {_RUN_CELLS.size} bytes at {at}",
                offset=at,
                row=row,
            )
        run = DrcRun(kind, prefix, *_RUN_CELLS.unpack_from(data, at))
        if run.indexes and run.indexes[-1] > _U32_MAX:
            raise DecodeError(
                f"ibm,drc-info: record {row}: last index {run.indexes[-1]:#x} "
                "exceeds 32 bits",
                offset=at,
                row=row,
            )
        yield run
        offset = at + _RUN_CELLS.size


def _string(data: bytes, offset: int, row: int) -> tuple[str, int]:
    end = data.find(0, offset)
    if end < 0:
        raise DecodeError(
            f"ibm,drc-info: record {row}: string at byte {offset} has no end",
            offset=offset,
            row=row,
        )
    return data[offset:end].decode("ascii", "replace"), end + 1

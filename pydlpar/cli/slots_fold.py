"""Slots that differ in nothing but their place, as one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from pydlpar.slot import Slot, SlotKind

__all__ = ["Fold", "folded"]

_NUMBERED = re.compile(r"(.*?)(0|[1-9][0-9]*)", re.DOTALL | re.ASCII).fullmatch


class Fold(NamedTuple):
    """Slots that follow each other; mostly one."""

    first: Slot
    last: Slot
    count: int  # type: ignore[assignment]


def folded(
    spans: Iterable[tuple[Slot, Slot, int]], look: Callable[[Slot], object]
) -> Iterator[Fold]:
    """Spans of slots; single ones that are not in use, in runs in which index, name
    and address grow evenly.

    Args:
        look: what must be equal of two slots beside what they are.
    """
    fold: Fold | None = None
    alike: object = None
    first: tuple[int, ...] = ()
    last: tuple[int, ...] = ()
    for span in spans:
        slot, _, count = span
        numbers, rest = _place(slot)
        key = rest, look(slot)
        if fold is not None:
            # Cores are as far apart as they have threads; others have to be neighbours.
            near = slot.kind is SlotKind.CPU or numbers[0] == last[0] + 1
            joins = count == 1 and key == alike and near and not slot.in_use
            if joins and _grow(fold.count, first, last, numbers):
                fold, last = Fold(fold.first, slot, fold.count + 1), numbers
                continue
            yield fold
        fold = Fold(*span)
        alike, first, last = (None if count > 1 else key), numbers, numbers
    if fold is not None:
        yield fold


def _place(slot: Slot) -> tuple[tuple[int, ...], tuple[object, ...]]:
    """What of a slot grows along a run, and what stays."""
    drc, lmb = slot.drc, slot.lmb
    match = _NUMBERED(drc.name)
    numbers = [drc.index]
    stays = [slot.kind, slot.in_use, slot.owner, drc.type, drc.power_domain]
    if match is not None:
        numbers.append(int(match[2]))
    if lmb is not None:
        numbers.append(lmb.base)
        stays += lmb.flags, lmb.aa_index
    stays.append(drc.name if match is None else match[1])
    return tuple(numbers), tuple(stays)


def _grow(
    count: int, first: tuple[int, ...], last: tuple[int, ...], new: tuple[int, ...]
) -> bool:
    """Whether each number goes on as evenly as it grew so far."""
    return len(new) == len(last) and all(
        c > b and (c - b) * (count - 1) == b - a
        for a, b, c in zip(first, last, new, strict=True)
    )

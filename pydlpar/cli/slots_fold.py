"""Slots that differ in nothing but their place, as one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from pydlpar.slots import Slot

__all__ = ["Fold", "folded"]

_NUMBERED = re.compile(r"(.*?)(0|[1-9][0-9]*)", re.DOTALL | re.ASCII).fullmatch


class Fold(NamedTuple):
    """Slots that follow each other; mostly one."""

    first: Slot
    last: Slot
    count: int  # type: ignore[assignment]


def folded(slots: Iterable[Slot], look: Callable[[Slot], object]) -> Iterator[Fold]:
    """Slots that are not in use, in runs in which index, name and address grow evenly.

    Args:
        look: what must be equal of two slots beside what they are.
    """
    fold: Fold | None = None
    for slot in slots:
        if fold is None:
            fold = Fold(slot, slot, 1)
        elif look(fold.last) == look(slot) and _follows(fold, slot):
            fold = Fold(fold.first, slot, fold.count + 1)
        else:
            yield fold
            fold = Fold(slot, slot, 1)
    if fold is not None:
        yield fold


def _alike(slot: Slot) -> tuple[object, ...]:
    lmb = slot.lmb
    place = None if lmb is None else (lmb.flags, lmb.aa_index)
    return (
        slot.kind,
        slot.in_use,
        slot.owner,
        slot.drc.type,
        slot.drc.power_domain,
        place,
    )


def _follows(fold: Fold, slot: Slot) -> bool:
    if slot.in_use or _alike(slot) != _alike(fold.last):
        return False
    places = [_place(one) for one in (fold.first, fold.last, slot)]
    if len({prefix for prefix, _ in places}) > 1:
        return False
    return all(
        _even(fold.count, *numbers)
        for numbers in zip(*(numbers for _, numbers in places), strict=True)
    )


def _place(slot: Slot) -> tuple[str, tuple[int, ...]]:
    """The name without its number; and all numbers that grow along a run."""
    match = _NUMBERED(slot.drc.name)
    numbers = [slot.drc.index]
    if match is not None:
        numbers.append(int(match[2]))
    if slot.lmb is not None:
        numbers.append(slot.lmb.base)
    return (slot.drc.name if match is None else match[1]), tuple(numbers)


def _even(count: int, first: int, last: int, new: int) -> bool:
    return new > last and (new - last) * (count - 1) == last - first

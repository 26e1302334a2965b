"""The shortest plan that still shows something: delta debugging."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["shrink"]

T = TypeVar("T")


def shrink(
    items: Sequence[T], shows: Callable[[list[T]], bool], trials: int = 200
) -> list[T]:
    """Leave out as many items as possible while *shows* stays true.

    Halves are left out first, then smaller and smaller pieces, from the end on. With
    trials enough, no single item of the result can be left out.

    Args:
        items: a list that shows it.
        shows: whether a list does; called at most *trials* times.
        trials: how often it may be called.
    """
    kept = list(items)
    size = len(kept) // 2 or 1
    while kept:
        end, smaller = len(kept), False
        while end > 0:
            if not trials:
                return kept
            trials -= 1
            start = max(0, end - size)
            shorter = kept[:start] + kept[end:]
            if shows(shorter):
                kept, smaller = shorter, True
            end = start
        if size == 1 and not smaller:
            break
        size = max(1, size // 2)
    return kept

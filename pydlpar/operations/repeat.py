"""The same step for many LMBs: one by calls, its like by asking for the same again.

A step is the definition of what happens to an LMB. Where the platform can tell how
many of the following LMBs would be answered alike, call by call, it is asked to
answer all of them at once; the record keeps them as one entry, which is written out
when somebody looks. The calls, their order and the results are those of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from pydlpar.operations.calls import (
    CONFIGURE_CONNECTOR,
    GET_SENSOR_STATE,
    REPEAT,
    SET_INDICATOR,
    WATCH,
    Effect,
    Entry,
    Operation,
    Run,
    Started,
)

if TYPE_CHECKING:
    from pydlpar.drmem import LmbTable
    from pydlpar.operations.recall import Begun

__all__ = [
    "OF_DRC",
    "Again",
    "Repeated",
    "Step",
    "again",
    "each_alike",
    "one",
    "written_out",
]

Step = Callable[[Run, int], Operation]
"""What is done to the LMB at a position of the table, or to a connector."""

_MOST = 4096
"""LMBs of a run: comparing them must not cost more than a step."""

_FEW = 8
"""LMBs of a run that are sooner asked about one by one, where the step is known."""

OF_DRC = {GET_SENSOR_STATE: 2, SET_INDICATOR: 2, CONFIGURE_CONNECTOR: 1}
"""Which part of an effect is the DRC index; the others have a base address in it."""
_BASE = 1


class Repeated(NamedTuple):
    """Calls that LMBs have in common, as an entry of the record.

    Attributes:
        steps: effects and answers of the LMB before.
        table, start, stop: the LMBs for which they were repeated.
    """

    steps: list[Entry]
    table: LmbTable
    start: int
    stop: int

    def entries(self) -> Iterator[Entry]:
        """Effects and answers, as if each had been called."""
        for position in range(self.start, self.stop):
            base, index = self.table[position][:2]
            for effect, answer in self.steps:
                at = OF_DRC.get(effect[0], _BASE)
                about = base if effect[0] not in OF_DRC else index
                yield (*effect[:at], about, *effect[at + 1 :]), answer


def written_out(trace: list[Entry]) -> Iterator[Entry]:
    """The entries of a record, one for each call."""
    for entry in trace:
        kind = entry[0][0]
        if kind < WATCH:
            yield entry
        elif kind == REPEAT:
            yield from entry[1].entries()


class Again(NamedTuple):
    """Calls that a connector has in common with another one, likewise.

    Attributes:
        steps: effects and answers of the other; all are about it.
        drc_index: of the connector that they were made again for.
    """

    steps: list[Entry]
    drc_index: int

    def entries(self) -> Iterator[Entry]:
        """Effects and answers, as if each had been called."""
        for effect, answer in self.steps:
            at = OF_DRC[effect[0]]
            yield (*effect[:at], self.drc_index, *effect[at + 1 :]), answer


def again(run: Run, step: Step, index: int) -> Operation:
    """Do *step* to a connector: as it was done to one like it, or by calls.

    For steps of calls about that connector only.
    """
    recall = run.recall
    if recall is None:
        return (yield from step(run, index))
    known = recall.find_drc(run, step, index)
    if isinstance(known, int):
        return known
    rc = yield from step(run, index)
    if known:
        recall.keep_drc(run, known, index, rc)
    return rc


def one(run: Run, step: Step, position: int) -> Started:
    """Do *step* to one LMB: as it was done to one like it, or by calls."""
    recall = run.recall
    if recall is None or run.partition.fadump is not None:
        return step(run, position)
    behind = position + 1
    known = recall.find(run, step, position, behind, behind)
    if isinstance(known, tuple):
        return known[0]
    return _kept(run, step, position, known)


def _kept(run: Run, step: Step, position: int, begun: Begun | None) -> Operation:
    """Do *step* to one LMB by calls, and keep it for its like."""
    rc = yield from step(run, position)
    if begun and run.recall:
        run.recall.keep(run, begun, position, rc)
    return rc


def each_alike(
    run: Run, step: Step, start: int, stop: int, refused: int = 0
) -> Generator[Effect, Any, tuple[int, int]]:
    """Do *step* to the LMB at *start*, and to those behind it that go the same way.

    Args:
        stop: the position to end before, as long as the step returns 0.
        refused: the same where it returns anything else.

    Returns:
        What the step returned for each of them, and the position behind the last.
    """
    recall, behind = run.recall, start + 1
    if recall is None or run.partition.fadump is not None:
        return (yield from step(run, start)), behind
    table = run.partition.lmbs
    most = max(stop, refused) - start
    alike = behind if most <= 1 else table.alike(start, min(most, _MOST))
    begun = None
    if alike - start <= _FEW:
        known = recall.find(run, step, start, min(alike, stop), min(alike, refused))
        if isinstance(known, tuple):
            return known
        begun = known
    if alike == behind:
        return (yield from _kept(run, step, start, begun)), behind
    before = table[start]
    watched = yield (WATCH, before.drc_index)
    rc = yield from _kept(run, step, start, begun)
    end = min(alike, refused if rc else stop)
    if end > behind:
        repeated = yield (REPEAT, watched, behind, end)
        end = repeated.stop
        after = table[start]
        if after != before:
            run.undo.append((table.fill, behind, end, before.flags, before.aa_index))
            table.fill(behind, end, after.flags, after.aa_index)
    return rc, max(end, behind)

"""What was done to one LMB, done to its like without asking anybody again.

A step (`repeat.Step`) goes by the words of the table's row, by the lookup arrays, and
by what the platform answers, which has the same answers for LMBs in the same state
(`LmbRepeater.lmb_state`). So a step that was made once is known for all of these: its
calls, their answers, its result. The record has the calls as if they had been made.

Not everything is kept: a step that changed the tree, or more of the platform than the
LMB's own state, or that had to wait, is made anew each time; one that failed has a
reason to tell, and is made anew where that may be of the one LMB only.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydlpar.constants import LmbFlags
from pydlpar.operations.calls import REPEAT, SLEEP
from pydlpar.operations.repeat import OF_DRC, Again, Repeated

if TYPE_CHECKING:
    from pydlpar.operations.calls import Entry, LmbRepeater, Run
    from pydlpar.operations.repeat import Step

__all__ = ["Begun", "Recall"]

_ASSIGNED = int(LmbFlags.ASSIGNED)

_MOST = 4096
"""Steps that are kept; a machine has some dozen."""


_new = tuple.__new__  # without the detour by Repeated.__new__()
_REPEATED = (REPEAT,)
"""The effect in the record."""

_Told = tuple[tuple[Any, ...], tuple[Any, ...]]
"""What a reason says before and behind the DRC index."""


class _Known(NamedTuple):
    """A step that was made.

    Attributes:
        rc: what it returned.
        steps: its calls with their answers, of the LMB or connector it was made for.
        came: what became of that, in the platform's terms.
        told: the reason that it gave; None where it gave none, false where that may
            be of that LMB only, or was not asked for.
        flags, aa_index: what the LMB's row has in the end.
    """

    rc: int
    steps: list[Entry]
    came: Any
    told: _Told | Literal[False] | None = None
    flags: int = 0
    aa_index: int = 0


class Begun:
    """A step about to be made, to be kept when it has been.

    Attributes:
        key: of what is known.
        watched: the platform's note.
        calls, changes, cause: what the record and the request had then.
    """

    __slots__ = ("calls", "cause", "changes", "key", "watched")

    def __init__(
        self,
        key: tuple[Any, ...],
        watched: Any,
        calls: int,
        changes: int,
        cause: tuple[Any, ...] | None,
    ) -> None:
        self.key = key
        self.watched = watched
        self.calls = calls
        self.changes = changes
        self.cause = cause


class Recall:
    """The steps that are known, of all requests of one dispatcher.

    Args:
        blind: the steps for LMBs that do not look at the lookup arrays.

    Attributes:
        repeater: whose LMBs these are; None where nothing can be known of them.
        trace: the record of the present request.
        spared: calls in records that have not been an entry of their own.
    """

    def __init__(self, blind: Collection[Step] = ()) -> None:
        self._blind = blind
        self.repeater: LmbRepeater | None = None
        self.trace: list[Entry] = []
        self.spared = 0
        self._known: dict[tuple[Any, ...], _Known] = {}

    def find_drc(self, run: Run, step: Step, index: int) -> int | Begun | None:
        """Make *step* for a connector where it is known.

        Returns:
            What it returned. Else as `find`.
        """
        repeater = self.repeater
        state = None if repeater is None else repeater.drc_state(index)
        if repeater is None or state is None:
            return None
        key = step, state
        known = self._known.get(key)
        if known is None or (known.told is not None and not _tell(run, known, index)):
            return self._begun(run, key, repeater.watch_drc(index))
        steps = known.steps
        calls = len(steps)
        repeater.move_lmb(index, known.came, calls)
        self.trace.append((_REPEATED, _new(Again, (steps, index))))
        self.spared += calls - 1
        return known.rc

    def keep_drc(self, run: Run, begun: Begun, index: int, rc: int) -> None:
        """Keep a step that has been made as `find_drc` noted it, if it can be."""
        came, steps = self._came(begun)
        if came is not None:
            told = _told(run, begun, steps, index)
            self._keep(begun.key, _Known(rc, steps, came, told))

    def _begun(self, run: Run, key: tuple[Any, ...], watched: Any) -> Begun:
        return Begun(key, watched, len(self.trace), len(run.changes), run.cause)

    def _keep(self, key: tuple[Any, ...], known: _Known) -> None:
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[key] = known

    def _came(self, begun: Begun) -> tuple[Any, list[Entry]]:
        """What became of what was watched, None where it is nothing to keep; how."""
        steps = self.trace[begun.calls :]
        if self.repeater is None or any(effect[0] >= SLEEP for effect, _ in steps):
            return None, steps
        return self.repeater.lmb_came(begun.watched), steps

    def find(
        self, run: Run, step: Step, start: int, stop: int, refused: int
    ) -> tuple[int, int] | Begun | None:
        """Make *step* for the LMB at *start*, and those like it, where it is known.

        Args:
            stop, refused: the position to end before, as of `repeat.each_alike`; the
                rows up to there are equal.

        Returns:
            What it returned, and the position behind the last. Else a note to give to
            `keep`; None where the step is none to be kept.
        """
        repeater, table = self.repeater, run.partition.lmbs
        if repeater is None:
            return None
        index = table.drc_index(start)
        state = repeater.lmb_state(index)
        if state is None:
            return None
        words = table.words(start)
        # Of an LMB in use no step has to choose a lookup array, either.
        looks = not (words[0] & _ASSIGNED or step in self._blind)
        key = step, words, state, run.arrays if looks else None
        known = self._known.get(key)
        if known is None or (known.told is not None and not _tell(run, known, index)):
            return self._begun(run, key, repeater.watch_lmb(index))
        rc, steps, came, _, flags, aa_index = known
        calls, end = len(steps), start + 1
        repeater.move_lmb(index, came, calls)
        last = refused if rc else stop
        while end < last:
            index = table.drc_index(end)
            if repeater.lmb_state(index) != state:
                break
            repeater.move_lmb(index, came, calls)
            end += 1
        repeated = _new(Repeated, (steps, table, start, end))
        self.trace.append((_REPEATED, repeated))
        self.spared += (end - start) * calls - 1
        if words != (flags, aa_index):
            run.undo.append((table.fill, start, end, *words))
            table.fill(start, end, flags, aa_index)
        return rc, end

    def keep(self, run: Run, begun: Begun, position: int, rc: int) -> None:
        """Keep a step that has been made as `find` noted it, if it can be."""
        came, steps = self._came(begun)
        if came is None or len(run.changes) != begun.changes:
            return
        table = run.partition.lmbs
        told = _told(run, begun, steps, table.drc_index(position))
        words = table.words(position)
        self._keep(begun.key, _Known(rc, steps, came, told, *words))


def _tell(run: Run, known: _Known, index: int) -> bool:
    """Give the reason of a step that is known, where there is none yet; or false."""
    if run.cause is None:
        if not known.told:
            return False
        before, behind = known.told
        run.cause = *before, index, *behind
    return True


def _told(
    run: Run, begun: Begun, steps: list[Entry], index: int
) -> _Told | Literal[False] | None:
    """The reason that a step gave; see `_Known`."""
    cause = run.cause
    if cause is None:
        return None
    if begun.cause is not None:
        return False
    # What else of an LMB might be in it comes of calls about its memory.
    if cause.count(index) != 1 or any(effect[0] not in OF_DRC for effect, _ in steps):
        return False
    at = cause.index(index)
    return cause[:at], cause[at + 1 :]

"""Doing the same steps on a model and on the real thing, and holding them together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, NamedTuple

from pydlpar.change_text import change_lines
from pydlpar.compare.explained import EXPLAINED, LEFT_OUT, Context
from pydlpar.compare.sides import Answer, ModelSide, Side
from pydlpar.compare.steps import Step
from pydlpar.errors import PlatformError
from pydlpar.tree import DeviceTree

__all__ = ["Comparison", "Difference", "Pair", "compare"]

_TREE: Final = "tree"
_EVENTS: Final = "qmp_events"
_ALIVE: Final = "alive"
_EXACT: Final = frozenset({"level", "result", "state", "status"})
"""Aspects that are numbers: another number is another difference."""
_LINES: Final = 12
_AROUND: Final = 8
_LONG: Final = 400


class Pair(NamedTuple):
    """A model and its counterpart, fresh from their start.

    Attributes:
        model: the model.
        real: a real QEMU, a guest, or another model.
        ordered: the order of nodes and properties counts.
    """

    model: ModelSide
    real: Side
    ordered: bool = True

    def close(self) -> None:
        """End both."""
        try:
            self.real.close()
        finally:
            self.model.close()


class Difference(NamedTuple):
    """One aspect of one step that is not the same.

    Attributes:
        number: of the step, from 1.
        step: the step.
        aspect: which part of its answer, as `sides.Answer` lists them; `alive` where
            the real one is gone.
        model: what the model gave, in words.
        real: what the real one gave.
        explained: name of the rule that explains it, or None.
    """

    number: int
    step: Step
    aspect: str
    model: str
    real: str
    explained: str | None = None

    def __str__(self) -> str:
        why = f" ({self.explained})" if self.explained else ""
        return (
            f"step {self.number}, {self.step}: {self.aspect}{why}: "
            f"model {self.model}, real {self.real}"
        )

    def is_like(self, other: Difference) -> bool:
        """Whether it is the same kind of difference, perhaps at another step."""
        return self._kind() == other._kind()

    def _kind(self) -> tuple[str | None, ...]:
        kind = self.step.verb, self.aspect, self.explained
        return (*kind, self.model, self.real) if self.aspect in _EXACT else kind

    def to_dict(self) -> dict[str, Any]:
        """Itself as JSON has it."""
        return self._asdict() | {"step": self.step.to_dict()}


@dataclass
class Comparison:
    """What came of a plan.

    Attributes:
        steps: those that were done, as they can be done again.
        compared: single comparisons, by aspect.
        differences: all of them, in order.
        left_out: steps that were not done, by the rule that says why.
    """

    steps: list[Step] = field(default_factory=list)
    compared: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def unexplained(self) -> list[Difference]:
        """The differences that nothing explains."""
        return [found for found in self.differences if found.explained is None]

    @property
    def n_compared(self) -> int:
        """How many single comparisons were made."""
        return self.compared.total()

    def to_dict(self) -> dict[str, Any]:
        """Itself as JSON has it, without the steps."""
        return {
            "steps": len(self.steps),
            "compared": dict(self.compared),
            "left_out": dict(self.left_out),
            "differences": [found.to_dict() for found in self.differences],
        }


def compare(
    pair: Pair,
    steps: Iterable[Step] | Callable[[ModelSide], Iterable[Step]],
    *,
    most: int = 100,
    until: Callable[[Difference], bool] | None = None,
) -> Comparison:
    """Do steps on both, in step.

    Args:
        pair: both sides; they are not closed.
        steps: the steps, or what makes them up as it looks at the model.
        most: unexplained differences after which it ends.
        until: ends it at a difference; None for never.

    Returns:
        What was compared and found. Where the real one dies it ends there: that is
        a difference of the aspect `alive`.
    """
    lockstep = _Lockstep(pair)
    found = lockstep.result
    for step in steps(pair.model) if callable(steps) else steps:
        before = len(found.differences)
        if not lockstep.do(step):
            break
        new = found.differences[before:]
        if until is not None and any(map(until, new)):
            break
        if new and len(found.unexplained) >= most:
            break
    return found


class _Lockstep:
    """A comparison under way."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._context = Context(pair.model)
        self._awaited: list[dict[str, Any]] = []
        self.result = Comparison()

    def do(self, step: Step) -> bool:
        """Do a step on both; False where the real one is gone."""
        result, context = self.result, self._context
        context.look()
        for rule in LEFT_OUT:
            if rule.applies(step, context):
                result.left_out[rule.name] += 1
                return True
        result.steps.append(step)
        ours = self._pair.model.do(step)
        try:
            theirs = self._pair.real.do(step)
        except PlatformError as error:
            self._differ(step, _ALIVE, "answered", str(error))
            return False
        for aspect in ours.keys() & theirs.keys():
            self._compare(step, aspect, ours, theirs)
        return True

    def _compare(self, step: Step, aspect: str, ours: Answer, theirs: Answer) -> None:
        self.result.compared[aspect] += 1
        mine, other = ours[aspect], theirs[aspect]
        if aspect == _TREE:
            self._compare_trees(step, mine, other)
        elif aspect == _EVENTS:
            self._compare_events(step, mine, other)
        elif mine != other:
            self._differ(step, aspect, mine, other)

    def _compare_trees(self, step: Step, ours: DeviceTree, theirs: DeviceTree) -> None:
        changes = [
            change
            for change in ours.diff(theirs)
            if self._pair.ordered or change.kind != "move"
        ]
        if changes:
            lines = list(islice(change_lines(changes), _LINES))
            text = "\n".join([f"{len(changes)} changes:", *lines])
            self._differ(step, _TREE, f"{len(ours)} nodes", text)

    def _compare_events(
        self, step: Step, ours: list[dict[str, Any]], theirs: list[dict[str, Any]]
    ) -> None:
        """In order; those that are awaited from earlier steps may come first."""
        if not self._awaited and ours == theirs:
            return
        in_order = bool(self._awaited)
        missing, unexpected = list(ours), []
        for event in theirs:
            if event in self._awaited:
                self._awaited.remove(event)
            elif event in missing:
                missing.remove(event)
            else:
                unexpected.append(event)
        self._awaited += missing
        if missing or unexpected:
            self._differ(step, _EVENTS, missing, unexpected)
        elif not in_order:
            self._differ(step, _EVENTS, ours, theirs)

    def _differ(self, step: Step, aspect: str, ours: Any, theirs: Any) -> None:
        rules = (r for r in EXPLAINED if r.applies(aspect, ours, theirs, self._context))
        rule = next(rules, None)
        mine, other = _words(ours, theirs)
        self.result.differences.append(
            Difference(
                len(self.result.steps),
                step,
                aspect,
                mine,
                other,
                None if rule is None else rule.name,
            )
        )


def _words(ours: Any, theirs: Any) -> tuple[str, str]:
    """Both values, short, from where they differ."""
    if isinstance(ours, bytes) and isinstance(theirs, bytes):
        return _bytes(ours, theirs)
    if isinstance(ours, list) and isinstance(theirs, list):
        pairs = zip(ours, theirs, strict=False)
        at = next((n for n, (a, b) in enumerate(pairs) if a != b), None)
        if at is None:
            at = min(len(ours), len(theirs))
        both = ours, theirs
        mine, other = (part[at] if at < len(part) else "nothing" for part in both)
        words = _words(mine, other)
        return f"[{at}] {words[0]}", f"[{at}] {words[1]}"
    return _short(ours), _short(theirs)


def _bytes(ours: bytes, theirs: bytes) -> tuple[str, str]:
    pairs = zip(ours, theirs, strict=False)
    at = next((n for n, (a, b) in enumerate(pairs) if a != b), None)
    if at is None:
        return f"{len(ours)} bytes", f"{len(theirs)} bytes"
    start = max(0, at - _AROUND)
    around = slice(start, at + _AROUND)
    mine, other = (f"byte {at}: {part[around].hex(' ')}" for part in (ours, theirs))
    return mine, other


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _LONG else text[:_LONG] + "..."

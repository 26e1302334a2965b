"""Plans as files: a difference that anybody can see again.

A file is JSON, with a version. It says the machine, what the model is compared with,
the steps, and the differences that they showed.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydlpar.compare.lockstep import Comparison, Difference, compare
from pydlpar.compare.machines import AGAINST, MachineSpec, Opener, opener
from pydlpar.compare.shrink import shrink
from pydlpar.compare.steps import Step, step_from_dict
from pydlpar.errors import ArgumentError
from pydlpar.tree import DeviceTree

__all__ = ["FORMAT", "VERSION", "SavedPlan", "run_plan", "shrink_plan"]

FORMAT: Final = "pydlpar-plan"
VERSION: Final = 1


@dataclass
class SavedPlan:
    """A plan, and where it is to be run.

    Attributes:
        steps: what is done.
        against: what the model is compared with, one of `AGAINST`.
        machine: the machine.
        other: the second profile, or the line of Linux, where there is a choice.
        tree: of the machine, where it is none of QEMU's.
        differences: what the steps showed when they were saved, in words.
        cache: directory of fetched kernels, which is of where it is run; not saved.
    """

    steps: list[Step]
    against: str = "model"
    machine: MachineSpec = field(default_factory=MachineSpec)
    other: str | None = None
    tree: DeviceTree | None = None
    differences: list[Any] = field(default_factory=list)
    cache: Path | None = None

    def opener(self) -> Opener:
        """Starts what the plan is run on."""
        more: dict[str, Any] = {}
        if self.other is not None:
            more["other"] = self.other
        if self.tree is not None:
            more["tree"] = self.tree
        if self.cache is not None and self.against == "guest":
            more["cache"] = self.cache
        return opener(self.machine, self.against, **more)

    def to_json(self) -> str:
        """The file's text."""
        tree = None
        if self.tree is not None:
            tree = b64encode(self.tree.to_dtb()).decode("ascii")
        record = {
            "format": FORMAT,
            "version": VERSION,
            "against": self.against,
            "machine": self.machine.to_dict(),
            "other": self.other,
            "tree": tree,
            "steps": [step.to_dict() for step in self.steps],
            "differences": self.differences,
        }
        return json.dumps(record, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> SavedPlan:
        """The plan in a file's text.

        Raises:
            ArgumentError: it is none, or of another version; the message says where.
        """
        try:
            record = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ArgumentError(f"plan: no JSON: {error}") from None
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise ArgumentError(f"plan: expected an object with format {FORMAT!r}")
        if record.get("version") != VERSION:
            raise ArgumentError(
                f"plan: version {record.get('version')!r}, expected {VERSION}"
            )
        if record.get("against") not in AGAINST:
            raise ArgumentError(
                f"plan: against {record.get('against')!r}, expected one of "
                f"{', '.join(AGAINST)}"
            )
        return cls(
            _steps(record.get("steps")),
            record["against"],
            MachineSpec.from_dict(record.get("machine", {})),
            _typed(record, "other", str),
            _tree(_typed(record, "tree", str)),
            _typed(record, "differences", list) or [],
        )


def _steps(records: object) -> list[Step]:
    if not isinstance(records, list):
        raise ArgumentError("plan: expected 'steps', a list")
    steps = []
    for number, record in enumerate(records, 1):
        try:
            steps.append(step_from_dict(record))
        except ArgumentError as error:
            raise ArgumentError(f"plan, step {number}: {error}") from None
    return steps


def _typed(record: dict[str, Any], name: str, kind: type) -> Any:
    value = record.get(name)
    if value is not None and not isinstance(value, kind):
        raise ArgumentError(f"plan: {name} is {value!r}, expected {kind.__name__}")
    return value


def _tree(text: str | None) -> DeviceTree | None:
    if text is None:
        return None
    try:
        return DeviceTree.from_dtb(b64decode(text, validate=True))
    except Base64Error as error:
        raise ArgumentError(f"plan: tree: {error}") from None


def run_plan(open_pair: Opener, steps: Sequence[Step], **options: Any) -> Comparison:
    """Start both sides, compare, end both. Options are those of `compare`."""
    pair = open_pair()
    try:
        return compare(pair, steps, **options)
    finally:
        pair.close()


def shrink_plan(
    open_pair: Opener, steps: Sequence[Step], found: Difference, trials: int = 200
) -> list[Step]:
    """The shortest plan that shows a difference of the same kind.

    Args:
        open_pair: starts both sides; once for each trial.
        steps: those that showed it.
        found: the difference.
        trials: how many plans may be tried.
    """

    def shows(shorter: list[Step]) -> bool:
        came = run_plan(open_pair, shorter, until=found.is_like).differences
        return any(map(found.is_like, came))

    return shrink(steps[: found.number], shows, trials)

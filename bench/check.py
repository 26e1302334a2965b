"""Compare what was measured with `baseline.json`: `python -m bench.check`.

Ratios of one run, so that the machine does not matter; never absolute times. Exit
status 1 when one is worse than its gate. One between gate and target is shown.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.results import HERE, RESULTS, Results

__all__ = ["BASELINE", "Verdict", "judge", "main", "show"]

BASELINE = HERE / "baseline.json"


@dataclass(frozen=True)
class Verdict:
    """A row of the baseline at one size, and the ratio found; None: not measured."""

    suite: str
    op: str
    size: str
    reference: str
    bound: str
    target: float
    gate: float
    ratio: float | None

    def _reaches(self, limit: float) -> bool:
        if self.ratio is None:
            return False
        return self.ratio >= limit if self.bound == "least" else self.ratio <= limit

    def __str__(self) -> str:
        sign = ">=" if self.bound == "least" else "<="
        found = "not measured" if self.ratio is None else f"{self.ratio:,.2f}"
        what = f"{self.suite} {self.op} {self.size} against {self.reference}"
        return f"{what}: {found}, gate {sign} {self.gate:g}"

    @property
    def other_op(self) -> str:
        """The operation of the reference."""
        other, colon, _ = self.reference.partition(":")
        return other if colon else self.op

    @property
    def other_sizes(self) -> list[str]:
        """The size of the reference where it is not that of the row."""
        return [self.reference[1:]] if self.reference.startswith("@") else []

    @property
    def passed(self) -> bool:
        """Whether it is within its gate."""
        return self._reaches(self.gate)

    @property
    def word(self) -> str:
        """The verdict in words."""
        if self.ratio is None:
            return "not measured"
        if self._reaches(self.target):
            return "ok"
        return "below target" if self.passed else "FAILED"


def _reference(
    results: Results, suite: str, op: str, size: str, reference: str
) -> float | None:
    """What ours is held against.

    A peer; with `@1000` ours at another size; with `cycle:libfdt` a peer at another
    operation.
    """
    if reference.startswith("@"):
        return results.get(suite, op, reference[1:])
    other, colon, peer = reference.partition(":")
    if colon:
        return results.get(suite, other, size, peer)
    return results.get(suite, op, size, reference)


def judge(results: Results, baseline: Path = BASELINE) -> Iterator[Verdict]:
    """A verdict for every row of the baseline, at every size it names."""
    rows = json.loads(baseline.read_text(encoding="utf-8"))["rows"]
    for suite, op, sizes, reference, bound, target, gate in rows:
        # A row without sizes that nobody measured must not vanish.
        for size in sizes or results.sizes(suite, op) or ["any"]:
            ours = results.get(suite, op, size)
            theirs = _reference(results, suite, op, size, reference)
            ratio = None
            if ours is not None and theirs is not None:
                ratio = theirs / ours if bound == "least" else ours / theirs
            yield Verdict(suite, op, size, reference, bound, target, gate, ratio)


def show(verdicts: list[Verdict], console: Console) -> None:
    """Print the verdicts as a table."""
    columns = "suite", "operation", "size", "against", "ratio", "target", "gate", ""
    table = Table(*columns)
    for v in verdicts:
        sign = "≥" if v.bound == "least" else "≤"
        ratio = "-" if v.ratio is None else f"{v.ratio:,.2f}"
        limits = f"{sign} {v.target:g}", f"{sign} {v.gate:g}"
        style = "" if v.word == "ok" else "yellow" if v.passed else "bold red"
        row = v.suite, v.op, v.size, v.reference, ratio, *limits, v.word
        table.add_row(*row, style=style)
    console.print(table)


def main(arguments: list[str]) -> int:
    """Judge a results file, by default that of the last run."""
    path = Path(arguments[0]) if arguments else RESULTS
    if not path.is_file():
        print(f"no {path}: run `python -m bench` first", file=sys.stderr)
        return 2
    verdicts = list(judge(Results.read(path)))
    show(verdicts, Console())
    failed = [v for v in verdicts if not v.passed]
    print(f"{len(verdicts)} ratios, {len(failed)} worse than their gates")
    for verdict in failed:
        print(f"  {verdict}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

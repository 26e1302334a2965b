"""What a run measured: one figure an operation, size and library, and the machine."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = [
    "HERE",
    "OURS",
    "RESULTS",
    "Figure",
    "Results",
    "best",
    "from_core",
    "from_pytest",
]

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
OURS = "pydlpar"


@dataclass(frozen=True)
class Figure:
    """What one operation took.

    Attributes:
        suite: "core", C against C, or "python".
        size: number of nodes, or the name of a tree.
        peer: whose: `OURS`, or what it is compared with.
        ns: nanoseconds an operation: of the core the median, else the minimum, as
            rounds in Python are short enough to be disturbed whole or not at all.
    """

    suite: str
    op: str
    size: str
    peer: str
    ns: float


class Results:
    """The figures of a run, and on what they were measured."""

    def __init__(self, machine: dict[str, str], figures: list[Figure]) -> None:
        self.machine = machine
        self.figures = figures
        self._by_key = {(f.suite, f.op, f.size, f.peer): f.ns for f in figures}

    def get(self, suite: str, op: str, size: str, peer: str = OURS) -> float | None:
        """A figure in nanoseconds, None where it was not measured."""
        return self._by_key.get((suite, op, size, peer))

    def sizes(self, suite: str, op: str) -> list[str]:
        """The sizes at which an operation was measured."""
        return list(
            dict.fromkeys(
                f.size for f in self.figures if (f.suite, f.op) == (suite, op)
            )
        )

    def with_newer(self, figures: list[Figure]) -> Results:
        """The same with figures of another run in place of those they repeat."""
        known = {(f.suite, f.op, f.size, f.peer): f for f in self.figures}
        known |= {(f.suite, f.op, f.size, f.peer): f for f in figures}
        return Results(self.machine, list(known.values()))

    def write(self, path: Path = RESULTS) -> None:
        """Keep them as JSON."""
        figures = [asdict(figure) for figure in self.figures]
        text = json.dumps({"machine": self.machine, "figures": figures}, indent=1)
        path.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path = RESULTS) -> Results:
        """Read what `write()` wrote."""
        data = json.loads(path.read_text(encoding="utf-8"))
        return cls(data["machine"], [Figure(**figure) for figure in data["figures"]])


def from_core(lines: str) -> list[Figure]:
    """The figures that bench/core.c printed."""
    figures = []
    for row in map(json.loads, lines.splitlines()):
        key = ("core", row["op"], row["size"])
        figures.append(Figure(*key, OURS, row["ours"]))
        if "theirs" in row:
            figures.append(Figure(*key, row["reference"], row["theirs"]))
    return figures


def from_pytest(report: dict[str, Any]) -> list[Figure]:
    """The figures in a JSON report of pytest-benchmark."""
    figures = []
    for row in report["benchmarks"]:
        info = row["extra_info"]
        ns = row["stats"]["min"] * 1e9 / info["items"]
        figures.append(Figure("python", info["op"], info["size"], info["peer"], ns))
    return figures


def best(figures: list[Figure]) -> list[Figure]:
    """Of figures for the same thing, the smallest; in the order of the first."""
    found: dict[tuple[str, str, str, str], Figure] = {}
    for figure in figures:
        key = (figure.suite, figure.op, figure.size, figure.peer)
        if key not in found or figure.ns < found[key].ns:
            found[key] = figure
    return list(found.values())

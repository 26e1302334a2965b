"""Build and run every benchmark: `python -m bench`.

Writes `bench/results.json` and prints the tables as Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import distribution, version
from pathlib import Path

from bench import check, events, librtas
from bench.build import ROOT, BenchError, build_core, call
from bench.check import BASELINE, Verdict, judge
from bench.measure import BUDGET
from bench.plot import draw
from bench.report import markdown, page, write_between
from bench.results import HERE, Figure, Results, best, from_core, from_pytest
from bench.trees import LARGE, REALS, SIZES, load, plan

__all__ = ["Bench", "main"]

PACKAGES = ("construct", "pylibfdt", "pyfdt", "fdt", "devicetree")

# Of a run in C: milliseconds, repetitions. In Python: seconds a benchmark, passes. A
# disturbance lasts longer than a benchmark: peers are met anew in another pass.
FULL = (20, 11, 0.3, 3)
QUICK = (5, 5, 0.15, 1)
FEW = 3
"""Repetitions at the largest size, where libfdt takes seconds for one."""


TRIES = 3
"""How often a ratio may be measured before it counts as missed."""

DOCS = ROOT / "docs"
LABELS = (*REALS, *map(str, SIZES))


class Bench:
    """What a run needs: a folder to work in, and how much effort it makes."""

    def __init__(self, where: Path, quick: bool = False) -> None:
        effort = QUICK if quick else FULL
        self.milliseconds, self.repetitions, self.seconds, self.passes = effort
        self.where = where

    @cached_property
    def library(self) -> Path | None:
        """The folder of librtasevent's source, None where it is not to be had."""
        return librtas.fetch(self.where)

    def all(self) -> tuple[list[Figure], str]:
        """Every figure; also the processor."""
        figures = self.core() + self.events()
        more, processor = self.python()
        return figures + more, processor

    def core(self, labels: Sequence[str] = LABELS, only: str = "") -> list[Figure]:
        """The core against libfdt in C: all operations, or *only* one."""
        program, figures = build_core(self.where), []
        for label in labels:
            sample = load(label)
            blob, work = self.where / "tree.dtb", self.where / "plan"
            blob.write_bytes(sample.blob)
            work.write_text(plan(sample), encoding="ascii")
            large = sample.n_nodes >= LARGE
            times = min(self.repetitions, FEW) if large else self.repetitions
            command = [str(program), str(blob), str(work), label]
            command += [str(self.milliseconds), str(times), *([only] if only else [])]
            figures += from_core(call(command))
            print(f"core, {label} {only}: done", file=sys.stderr)
        return figures

    def events(self) -> list[Figure]:
        """The core's events, against librtasevent where that is to be had."""
        effort = self.milliseconds, self.repetitions
        return events.run(self.where, self.library, *effort)

    def python(self, select: str = "") -> tuple[list[Figure], str]:
        """The benchmarks of pytest, the best of all passes; also the processor.

        Args:
            select: which, as of pytest's option `-k`.
        """
        report = self.where / "report.json"
        # The objects of a peer's tree would be searched for garbage on everyone's time.
        options = ["-q", "--benchmark-only", "--benchmark-disable-gc"]
        command = [sys.executable, "-m", "pytest", str(HERE), *options]
        command += [f"--benchmark-json={report}", f"--rootdir={ROOT}", "-k", select]
        environment = os.environ | {BUDGET: str(self.seconds)}
        figures: list[Figure] = []
        for number in range(1, self.passes + 1):
            call(command, cwd=ROOT, env=environment)
            found = json.loads(report.read_text(encoding="utf-8"))
            figures = best(figures + from_pytest(found))
            print(f"Python, pass {number} of {self.passes}: done", file=sys.stderr)
        return figures, found["machine_info"]["cpu"].get("brand_raw", "?")

    def again(self, verdict: Verdict) -> list[Figure]:
        """Both sides of a ratio, measured anew.

        The benchmarks of pytest have size and operation in their names, as
        `[100-path`, `lmb[4096` and `[event-read-`.
        """
        size, operations = verdict.size, dict.fromkeys([verdict.op, verdict.other_op])
        if verdict.suite == "python":
            names = [f"[{size}-{op} or {op}[{size} or [{op}-" for op in operations]
            return self.python(" or ".join(names))[0]
        if size in events.LABELS:
            return self.events()
        labels = [*verdict.other_sizes, size]
        return [figure for op in operations for figure in self.core(labels, op)]


def settle(bench: Bench, results: Results, baseline: Path = BASELINE) -> Results:
    """The results with what missed its gate measured anew.

    Other work on the machine passes, a regression stays: what misses its gate every
    time does so in the results.
    """
    for number in range(2, TRIES + 1):
        for verdict in judge(results, baseline):
            if not verdict.passed:
                print(f"{verdict}: time {number} of {TRIES}", file=sys.stderr)
                results = results.with_newer(bench.again(verdict))
    return results


def _libfdt_version() -> str:
    """libfdt does not tell its version; the package manager may."""
    if not shutil.which("dpkg-query"):
        return "of the system"
    command = ["dpkg-query", "-W", "-f", "${Version}", "libfdt-dev"]
    found = subprocess.run(command, capture_output=True, text=True)
    return found.stdout.strip() or "of the system"


def _cffi_version() -> str:
    """Its wheels are slower than what is compiled here: docs/speed.md."""
    tags = distribution("cffi").read_text("WHEEL") or ""
    return version("cffi") + (" of its wheel" if "manylinux" in tags else "")


def _machine(processor: str) -> dict[str, str]:
    facts = {"on": processor, "Python": platform.python_version()}
    facts |= {"libfdt": _libfdt_version(), "cffi": _cffi_version()}
    return facts | {name: version(name) for name in PACKAGES}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less exact; for CI")
    parser.add_argument(
        "--readme",
        action="store_true",
        help="put tables and plot into README.md and docs/",
    )
    parser.add_argument(
        "--check", action="store_true", help="compare with baseline.json"
    )
    return parser.parse_args()


def main() -> int:
    """Run, keep, print; with --check, judge."""
    arguments = _arguments()
    try:
        with tempfile.TemporaryDirectory() as name:
            bench = Bench(Path(name), arguments.quick)
            figures, processor = bench.all()
            facts = _machine(processor) | {"librtasevent": librtas.named(bench.library)}
            results = Results(facts, figures)
            if arguments.check:
                results = settle(bench, results)
    except BenchError as error:
        print(error, file=sys.stderr)
        return 2
    results.write()
    text = markdown(results)
    print(text)
    if arguments.readme:
        try:
            write_between(text, ROOT / "README.md")
            write_between(page(results), DOCS / "speed.md")
            draw(results, DOCS / "speed.svg")
        except (OSError, ValueError) as error:
            print(error, file=sys.stderr)
            return 2
    return check.main([]) if arguments.check else 0

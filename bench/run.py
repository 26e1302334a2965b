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
from importlib.metadata import version
from pathlib import Path

from bench import check, events, librtas
from bench.build import ROOT, BenchError, build_core, call
from bench.measure import BUDGET
from bench.plot import draw
from bench.report import markdown, page, write_between
from bench.results import HERE, Figure, Results, best, from_core, from_pytest
from bench.trees import LARGE, REALS, SIZES, load, plan

__all__ = ["main"]

PACKAGES = ("cffi", "construct", "pylibfdt", "pyfdt", "fdt", "devicetree")

# Of a run in C: milliseconds, repetitions. In Python: seconds a benchmark, passes. A
# disturbance lasts longer than a benchmark: peers are met anew in another pass.
FULL = (20, 11, 0.3, 3)
QUICK = (5, 5, 0.15, 1)
FEW = 3
"""Repetitions at the largest size, where libfdt takes seconds for one."""


DOCS = ROOT / "docs"
LABELS = (*REALS, *map(str, SIZES))


def run_core(
    where: Path, milliseconds: int, repetitions: int, labels: Sequence[str] = LABELS
) -> list[Figure]:
    """The core against libfdt in C."""
    program, figures = build_core(where), []
    for label in labels:
        sample = load(label)
        blob, work = where / "tree.dtb", where / "plan"
        blob.write_bytes(sample.blob)
        work.write_text(plan(sample), encoding="ascii")
        times = min(repetitions, FEW) if sample.n_nodes >= LARGE else repetitions
        arguments = (str(blob), str(work), label, str(milliseconds), str(times))
        figures += from_core(call([str(program), *arguments]))
        print(f"core, {label}: done", file=sys.stderr)
    return figures


def run_python(where: Path, seconds: float, passes: int) -> tuple[list[Figure], str]:
    """The benchmarks of pytest, the best of all passes; also the processor."""
    report = where / "report.json"
    # The objects of a peer's tree would be searched for garbage on everyone's time.
    options = ["-q", "--benchmark-only", "--benchmark-disable-gc"]
    command = [sys.executable, "-m", "pytest", str(HERE), *options]
    command += [f"--benchmark-json={report}", f"--rootdir={ROOT}"]
    figures: list[Figure] = []
    for number in range(1, passes + 1):
        call(command, cwd=ROOT, env=os.environ | {BUDGET: str(seconds)})
        found = json.loads(report.read_text(encoding="utf-8"))
        figures = best(figures + from_pytest(found))
        print(f"Python, pass {number} of {passes}: done", file=sys.stderr)
    return figures, found["machine_info"]["cpu"].get("brand_raw", "?")


def _libfdt_version() -> str:
    """libfdt does not tell its version; the package manager may."""
    if not shutil.which("dpkg-query"):
        return "of the system"
    command = ["dpkg-query", "-W", "-f", "${Version}", "libfdt-dev"]
    found = subprocess.run(command, capture_output=True, text=True)
    return found.stdout.strip() or "of the system"


def _machine(processor: str) -> dict[str, str]:
    facts = {"on": processor, "Python": platform.python_version()}
    facts["libfdt"] = _libfdt_version()
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
    milliseconds, repetitions, seconds, passes = QUICK if arguments.quick else FULL
    try:
        with tempfile.TemporaryDirectory() as name:
            figures = run_core(Path(name), milliseconds, repetitions)
            library = librtas.fetch(Path(name))
            figures += events.run(Path(name), library, milliseconds, repetitions)
            more, processor = run_python(Path(name), seconds, passes)
    except BenchError as error:
        print(error, file=sys.stderr)
        return 2
    facts = _machine(processor) | {"librtasevent": librtas.named(library)}
    results = Results(facts, figures + more)
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

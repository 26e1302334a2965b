"""Instructions of the C core, counted by valgrind: `python -m bench.instructions`.

A count is the same on every run and however busy the machine, so that a change of two
in a hundred shows where a clock sees noise. It depends on the compiler, the C library
and the processor's features; `instructions.json` names those it was made with. Where
they are others, the parent commit is built and counted as well, and compared with.

Counted is what the benchmark has within its clock.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import events
from bench.build import (
    ROOT,
    BenchError,
    MissingError,
    build_core,
    build_events,
    call,
)
from bench.trees import load, plan

__all__ = ["COUNTS", "Drift", "compare", "count", "main"]

COUNTS = Path(__file__).resolve().parent / "instructions.json"
LIMIT = 1.02
"""A count may grow to this times what it was."""

_LABEL = "1000"
_TIMES = 256
_OPERATIONS = (
    "parse",
    "path",
    "phandle",
    "parent",
    "get",
    "set",
    "grow",
    "add",
    "remove",
    "cycle",
    "cycle-template",
    "cycle-batch",
    "cycle-undone",
    "template-undone",
    "write-one",
    "write-all",
)
_FEWER = {"parse": 4, "write-one": 8, "write-all": 8}
_EVENTS = ("event-walk", "event-columns", "event-encode", "text-scan")
_FEATURES = ("avx2", "avx512f", "erms", "fsrm")
_TOTAL = re.compile(r"Collected\s*:\s+(\d+)")


def machine() -> str:
    """What a count depends on: compiler, C library, processor features."""
    compiler = call([os.environ.get("CC", "cc"), "--version"]).splitlines()[0]
    flags: set[str] = set()
    if Path("/proc/cpuinfo").is_file():
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
        flags = set(text.split())
    features = "+".join(f for f in _FEATURES if f in flags) or "plain"
    library = " ".join(platform.libc_ver())
    return f"{compiler}, {library}, {platform.machine()} {features}"


def _refs(command: list[str]) -> tuple[int, int]:
    """Instructions of a run, and how many operations it was."""
    tool = ["valgrind", "--tool=callgrind", "--collect-atstart=no"]
    tool.append("--callgrind-out-file=/dev/null")
    done = subprocess.run([*tool, *command], capture_output=True, text=True)
    found = _TOTAL.search(done.stderr)
    if done.returncode or not found:
        raise BenchError(f"valgrind failed:\n{done.stderr.strip()}")
    return int(found[1]), int(done.stdout)


def count(core: Path, where: Path) -> dict[str, float]:
    """Instructions an operation, by operation.

    Raises:
        MissingError: no valgrind.
    """
    if not shutil.which("valgrind"):
        raise MissingError("no valgrind: install it (Debian: valgrind)")
    sample, counts = load(_LABEL), {}
    blob, work = where / "tree.dtb", where / "plan"
    blob.write_bytes(sample.blob)
    work.write_text(plan(sample), encoding="ascii")
    for operation in _OPERATIONS:
        n = _FEWER.get(operation, _TIMES)
        command = [core, blob, work, "count", n, operation]
        refs, times = _refs([str(word) for word in command])
        counts[operation] = round(refs / times, 1)
    return counts


def count_events(program: Path, where: Path) -> dict[str, float]:
    """The same of the codec of events; of the scan, a thousand bytes."""
    given, counts = events.files(where, events.load(events.HOTPLUG)), {}
    for operation in _EVENTS:
        command = [str(program), *given, "count", str(events.BATCH), operation]
        refs, times = _refs(command)
        counts[operation] = round(refs / times, 1)
    return counts


def count_all(where: Path, sources: Path = ROOT / "csrc") -> dict[str, float]:
    """Both, of the sources of a directory."""
    counts = count(build_core(where, sources), where)
    return counts | count_events(build_events(where, None, sources), where)


def count_parent(where: Path) -> dict[str, float]:
    """The same of the core in the parent commit, run by today's benchmark.

    Raises:
        MissingError: no git, or no parent.
    """
    command = ["git", "-C", str(ROOT), "archive", "HEAD^", "csrc"]
    try:
        found = subprocess.run(command, capture_output=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise MissingError(f"no parent commit to compare with: {error}") from None
    with tarfile.open(fileobj=io.BytesIO(found)) as archive:
        archive.extractall(where)
    return count_all(where, where / "csrc")


@dataclass(frozen=True)
class Drift:
    """An operation's count, and what it was; None: not known."""

    operation: str
    now: float
    was: float | None

    @property
    def ratio(self) -> float | None:
        """Now over then."""
        return None if not self.was else self.now / self.was

    @property
    def passed(self) -> bool:
        """Whether it is known and within the limit."""
        return self.ratio is not None and self.ratio <= LIMIT


def compare(now: dict[str, float], was: dict[str, float]) -> list[Drift]:
    """A verdict for each operation that is or was; one that vanished fails."""
    drifts = [Drift(name, n, was.get(name)) for name, n in now.items()]
    lost = [Drift(name, float("inf"), n) for name, n in was.items() if name not in now]
    return drifts + lost


def _show(drifts: list[Drift]) -> None:
    table = Table("operation", "instructions", "were", "ratio", "")
    for drift in drifts:
        ratio = "-" if drift.ratio is None else f"{drift.ratio:.3f}"
        were = "-" if drift.was is None else f"{drift.was:,.1f}"
        word = "ok" if drift.passed else "FAILED"
        style = "" if drift.passed else "bold red"
        now = f"{drift.now:,.1f}"
        table.add_row(drift.operation, now, were, ratio, word, style=style)
    Console().print(table)


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.instructions", description=__doc__
    )
    parser.add_argument(
        "--keep", action="store_true", help="write the counts to instructions.json"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Count; compare with what was kept, or keep. Status 1: one grew too much."""
    options = _arguments(arguments)
    kept = json.loads(COUNTS.read_text(encoding="utf-8")) if COUNTS.is_file() else {}
    here = machine()
    try:
        with tempfile.TemporaryDirectory() as name:
            where = Path(name)
            now = count_all(where)
            if options.keep:
                text = json.dumps({"machine": here, "counts": now}, indent=1)
                COUNTS.write_text(text + "\n", encoding="utf-8")
                return 0
            if kept.get("machine") == here:
                was, source = kept["counts"], COUNTS.name
            else:
                (where / "parent").mkdir()
                was, source = count_parent(where / "parent"), "the parent commit"
    except BenchError as error:
        print(error, file=sys.stderr)
        return 2
    drifts = compare(now, was)
    _show(drifts)
    failed = sum(not drift.passed for drift in drifts)
    print(f"{len(drifts)} counts against {source} ({here}), {failed} grew over 2 %")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

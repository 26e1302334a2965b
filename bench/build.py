"""Building the C program of the benchmarks."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

from bench import librtas
from bench.results import HERE

__all__ = ["ROOT", "BenchError", "MissingError", "build_core", "build_events", "call"]

ROOT = HERE.parent
CORE = ("core.c", "timing.c", "core_ours.c", "core_cycles.c", "core_libfdt.c")
EVENTS = ("events.c", "timing.c")
CFLAGS = ("-std=c11", "-O3", "-Wall", "-Wextra")


class BenchError(Exception):
    """Something that a run needs failed."""


class MissingError(BenchError):
    """Something that a run needs is not on this machine."""


def call(command: list[str], **options: object) -> str:
    done = subprocess.run(command, capture_output=True, text=True, **options)  # type: ignore[call-overload]
    if done.returncode:
        words = done.stderr.strip() or done.stdout.strip()
        raise BenchError(f"{Path(command[0]).name} failed:\n{words}")
    output: str = done.stdout
    return output


def _libfdt_flags() -> list[str]:
    """How to compile against libfdt; Debian's has no pkg-config file."""
    if shutil.which("pkg-config"):
        found = subprocess.run(
            ["pkg-config", "--cflags", "--libs", "libfdt"],
            capture_output=True,
            text=True,
        )
        if not found.returncode:
            return shlex.split(found.stdout)
    return ["-lfdt"]


def _compiler() -> str:
    cc = os.environ.get("CC", "cc")
    if not shutil.which(cc):
        raise MissingError(f"no C compiler: {cc}")
    return cc


def build_core(where: Path, sources: Path = ROOT / "csrc") -> Path:
    """Compile the C program, with the core of a directory.

    Raises:
        MissingError: no compiler, or no libfdt.
        BenchError: it does not compile.
    """
    cc = _compiler()
    flags = _libfdt_flags()
    probe = subprocess.run(
        [cc, *flags, "-include", "libfdt.h", "-E", "-xc", os.devnull],
        capture_output=True,
    )
    if probe.returncode:
        raise MissingError("no libfdt.h: install libfdt-dev (Fedora: libfdt-devel)")
    program = where / "core"
    files = [HERE / name for name in CORE] + sorted(sources.glob("*.c"))
    include = f"-I{sources}"
    call([cc, *CFLAGS, include, "-o", str(program), *map(str, files), *flags])
    return program


def build_events(
    where: Path, library: Path | None = None, sources: Path = ROOT / "csrc"
) -> Path:
    """Compile the C program of events, with the codec of a directory.

    Args:
        library: librtasevent's source to compare with, or None.

    Raises:
        MissingError: no compiler.
        BenchError: it does not compile.
    """
    cc, program, objects = _compiler(), where / "events", []
    files = [HERE / name for name in EVENTS] + sorted(sources.glob("*.c"))
    flags = [f"-I{sources}"]
    if library:
        files.append(HERE / "events_librtas.c")
        flags += ["-DBENCH_LIBRTAS", f"-I{librtas.include(library)}"]
        for source in librtas.sources(library):
            objects.append(str(where / f"{source.stem}.o"))
            # Its own warnings are not ours.
            quiet = [cc, "-O2", "-w", f"-I{librtas.include(library)}", "-c", "-o"]
            call([*quiet, objects[-1], str(source)])
    call([cc, *CFLAGS, *flags, "-o", str(program), *map(str, files), *objects])
    return program

"""librtasevent, the parser of the field, for comparison.

Its source is Debian's package, taken by `apt-get` when a run begins: it is LGPL, and
no part of it is kept here. Debian builds it for Power only; as it has no code for a
processor, its C files are compiled as they are.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from bench.results import Figure, Results

__all__ = ["LIBRARY", "estimate", "fetch", "include", "named", "sources"]

LIBRARY = "PYDLPAR_LIBRTAS"
"""Environment variable: a folder with librtas' source, taken instead of Debian's."""

_FOLDER = "librtasevent_src"
_INCLUDED = "rtas_src_codes.c"
_SOURCES = Path("/etc/apt/sources.list.d/debian.sources")
_SECONDS = 120

# Its time in memcpy's of the same event, as a run with it has measured: by label.
_PER_COPY = {
    "hotplug": 28.0,
    "memory-info": 50.0,
    "100-sections": 363.0,
    "1000-sections": 3_270.0,
    "4000-sections": 8_140.0,
}


def sources(library: Path) -> list[Path]:
    """The files to compile, of a folder that has them."""
    found = sorted((library / _FOLDER).glob("*.c"))
    return [path for path in found if path.name != _INCLUDED]


def include(library: Path) -> Path:
    """Where its headers are."""
    return library / _FOLDER


def named(library: Path | None) -> str:
    """Its version by the name of its folder; without, how figures were had."""
    return library.name.rpartition("-")[2] if library else "estimated from memcpy"


def _source_list(where: Path) -> Path | None:
    """Debian's own list of packages, changed to sources."""
    if not shutil.which("apt-get") or not _SOURCES.is_file():
        return None
    text = _SOURCES.read_text(encoding="utf-8")
    path = where / "deb-src.sources"
    path.write_text(text.replace("Types: deb\n", "Types: deb-src\n"), encoding="utf-8")
    return path


def fetch(where: Path) -> Path | None:
    """The folder of its source, below *where*; None where it is not to be had.

    The machine's own list of packages is left as it is.
    """
    given = os.environ.get(LIBRARY)
    if given:
        return Path(given) if sources(Path(given)) else None
    listed = _source_list(where)
    if not listed:
        return None
    (where / "lists").mkdir()
    options = [f"Dir::Etc::sourcelist={listed}", "Dir::Etc::sourceparts=-"]
    options += [f"Dir::State::lists={where / 'lists'}", f"Dir::Cache={where}"]
    apt = ["apt-get", "-q", *(f"-o{option}" for option in options)]
    steps = (
        [*apt, "update"],
        [*apt, "source", "--tar-only", "librtas"],
        ["sh", "-c", "tar -xf librtas_*.orig.tar.*"],
    )
    try:
        for step in steps:
            subprocess.run(
                step, cwd=where, capture_output=True, check=True, timeout=_SECONDS
            )
    except (OSError, subprocess.SubprocessError):
        return None
    found = [path for path in where.glob("librtas-*") if sources(path)]
    return found[0] if found else None


def estimate(figures: list[Figure]) -> list[Figure]:
    """What it would take, by what it took of memcpy's time elsewhere."""
    results = Results({}, figures)
    made = []
    for label, times in _PER_COPY.items():
        copied = results.get("core", "event-least", label, "memcpy")
        for op in ("event-walk", "event-columns"):
            if copied and results.get("core", op, label):
                ns = times * copied
                made.append(Figure("core", op, label, "librtasevent", ns))
    return made

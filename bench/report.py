"""The figures as Markdown, between the markers of README.md and docs/speed.md."""

from __future__ import annotations

from pathlib import Path

from bench.bench_dispatch import EMBEDDED, MIXED
from bench.results import OURS, Results
from bench.trees import REAL, REALS, SIZES

__all__ = ["markdown", "page", "write_between"]

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"

_LARGE = "10000"
_SHOWN = (REAL, _LARGE)
_ALL = (*REALS, *map(str, SIZES))
_HEADS = {
    "smp64-8g": "64-CPU guest, 77 nodes",
    "smp1024-8g": "1 024-CPU guest, 1 037 nodes",
    **{str(size): f"{size:,} nodes".replace(",", " ") for size in SIZES},
}
_UNITS = (("ns", 1.0), ("µs", 1e3), ("ms", 1e6), ("s", 1e9))
_DIGITS = 3

# Operation, what it is called, whom it is compared with.
_CORE = (
    ("parse", "validate and index", "fdt_check_full"),
    ("path", "look up a path", "libfdt"),
    ("phandle", "look up a phandle", "libfdt"),
    ("parent", "parent of a node", "libfdt"),
    ("get", "get a property", "libfdt"),
    ("set", "set a property, same size", "libfdt"),
    ("grow", "grow a property", "libfdt"),
    ("add", "add a node, 10 properties", "libfdt"),
    ("remove", "remove a node", "libfdt"),
    ("cycle", "add a CPU, find it, remove it", "libfdt"),
    ("cycle-undone", "the same, rolled back", ""),
    ("cycle-template", "the same, from a template", ""),
    ("cycle-batch", "the same, in a prepared batch", ""),
    ("template-undone", "from a template, set, rolled back", ""),
    ("write-clean", "write out, unchanged", "memcpy"),
    ("write-one", "write out, one node changed", "memcpy"),
    ("write-few", "write out, ten nodes changed", "memcpy"),
    ("write-percent", "write out, 1 % changed", "memcpy"),
    ("write-all", "write out, all changed", "memcpy"),
)
_PYTHON = (
    ("parse", "parse and validate"),
    ("path", "look up a path"),
    ("phandle", "look up a phandle"),
    ("path-many", "look up a path, 1 000 in one call"),
    ("get", "get a property"),
    ("get-many", "get a property, 1 000 in one call"),
    ("set", "set a property, same size"),
    ("grow", "grow a property"),
    ("add", "add a node, 10 properties"),
    ("remove", "remove a node"),
    ("cycle", "add a CPU, find it, remove it"),
    ("cycle-undone", "the same, rolled back"),
    ("cycle-template", "the same, from a template"),
    ("cycle-batch", "the same, in a prepared batch of 1 000"),
    ("cycle-batch-alike", "the same, no property changed"),
    ("write", "grow a property, write out"),
    ("write-same", "set a property, write out"),
    ("dts", "as source text"),
)
_PEERS = ("pylibfdt", "fdt", "pyfdt", "dtlib")
_EVENTS = (
    ("event-read", "decode an event"),
    ("event-read-16", "decode an event of 16 parts, list them"),
    ("event-read-batch", "decode an event, in a batch of 1 000"),
    ("event-write", "encode an event"),
    ("event-write-batch", "encode an event, in a batch of 1 000"),
    ("event-write-columns", "encode an event, from columns of 1 000"),
    ("request-parse", "parse a request"),
)
# Operation, sample, what it is called, whom it is compared with.
_EVENTS_CORE = (
    ("event-walk", "hotplug", "validate and walk a hotplug event", "librtasevent"),
    ("event-walk", "memory-info", "the same, 16 parts", "librtasevent"),
    ("event-walk", "100-sections", "the same, 100 sections", "librtasevent"),
    ("event-walk", "1000-sections", "the same, 1 000 sections", "librtasevent"),
    ("event-walk", "4000-sections", "the same, 4 000 sections", "librtasevent"),
    ("event-columns", "hotplug", "hotplug events to columns, each", "librtasevent"),
    ("event-encode", "hotplug", "encode hotplug events, each", "memcpy"),
    ("text-scan", "hotplug", "find events in a log, each 1 000 bytes", "memcpy"),
)
_SECOND = 1e9


def duration(ns: float | None) -> str:
    """Three digits and a unit; nothing where nothing was measured."""
    if ns is None:
        return ""
    name, size = next(((n, s) for n, s in reversed(_UNITS) if ns >= s), _UNITS[0])
    value = ns / size
    whole = len(str(int(value)))
    return f"{value:.{max(0, _DIGITS - whole)}f} {name}"


def factor(ours: float | None, theirs: float | None) -> str:
    """How many times faster ours is."""
    if ours is None or theirs is None:
        return ""
    ratio = theirs / ours
    return f"{ratio:,.0f}x" if ratio >= 10 else f"{ratio:.2g}x"


def _table(heads: list[str], rows: list[list[str]]) -> list[str]:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _core(results: Results, sizes: tuple[str, ...]) -> list[str]:
    heads, rows = ["C core"], []
    for size in sizes:
        heads += [_HEADS[size], "libfdt", "faster"]
    for op, text, reference in _CORE:
        row = [f"{text} (memcpy)" if reference == "memcpy" else text]
        for size in sizes:
            ours = results.get("core", op, size)
            theirs = results.get("core", op, size, reference)
            row += [duration(ours), duration(theirs), factor(ours, theirs)]
        rows.append(row)
    return _table(heads, rows)


def _python(results: Results, size: str) -> list[str]:
    heads = [f"Python, {_HEADS[size]}", OURS, *_PEERS, "faster than pylibfdt"]
    rows = []
    for op, text in _PYTHON:
        ours = results.get("python", op, size)
        peers = [results.get("python", op, size, peer) for peer in _PEERS]
        figures = [duration(ns) for ns in (ours, *peers)]
        rows.append([text, *figures, factor(ours, peers[0])])
    return _table(heads, rows)


def _events(results: Results) -> list[str]:
    heads, rows = ["RTAS events, Python", OURS], []
    for peer in ("plain struct", "construct"):
        heads += [peer, "faster"]
    for op, text in _EVENTS:
        ours = results.get("python", op, "1")
        row = [text, duration(ours)]
        for peer in ("struct", "construct"):
            theirs = results.get("python", op, "1", peer)
            row += [duration(theirs), factor(ours, theirs)]
        rows.append(row)
    return _table(heads, rows)


def _events_core(results: Results) -> list[str]:
    heads, rows = ["RTAS events, C core", OURS, "reference", "", "faster"], []
    for op, size, text, peer in _EVENTS_CORE:
        ours = results.get("core", op, size)
        theirs = results.get("core", op, size, peer)
        figures = [duration(ours), peer, duration(theirs), factor(ours, theirs)]
        rows.append([text, *figures])
    return _table(heads, rows)


def _requests(results: Results) -> list[str]:
    heads = ["Requests, Python", "a request", "a second", "pylibfdt, edits alone"]
    rows = []
    for op, size, text in (
        ("request", EMBEDDED, "CPUs, embedded machine"),
        ("request", REAL, f"CPUs, {_HEADS[REAL]}"),
        ("mixed", MIXED, "all kinds mixed, 1 % with a fault, checked"),
    ):
        ours = results.get("python", op, size)
        if ours is not None:
            theirs = results.get("python", op, size, "pylibfdt")
            rate = f"{_SECOND / ours:,.0f}"
            rows.append([text, duration(ours), rate, duration(theirs)])
    return _table(heads, rows)


def _about(results: Results) -> list[str]:
    on = ", ".join(f"{key} {value}" for key, value in results.machine.items())
    return [f"`python -m bench`: {on}."]


def _join(parts: list[list[str]]) -> str:
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def markdown(results: Results) -> str:
    """The tables of README.md, and what they were measured on and by."""
    parts = [
        _about(results),
        _core(results, _SHOWN),
        *(_python(results, size) for size in _SHOWN),
        _events_core(results),
        _events(results),
        _requests(results),
    ]
    return _join(parts)


def _growth(results: Results) -> list[str]:
    """Ours alone: an operation at every generated size."""
    small, large = str(SIZES[1]), str(SIZES[-1])
    heads = ["C core, ours", *(_HEADS[str(size)] for size in SIZES), "1 000 to 100 000"]
    rows = []
    for op, text, _ in _CORE:
        ours = [results.get("core", op, str(size)) for size in SIZES]
        first, last = (results.get("core", op, size) for size in (small, large))
        grown = f"{last / first:.1f}x" if first and last else ""
        rows.append([text, *map(duration, ours), grown])
    return _table(heads, rows)


def _memory(results: Results) -> list[str]:
    found = {size: results.get("core", "memory", size) for size in _ALL}
    heads = ["Memory above the blob", *(_HEADS[size] for size in _ALL)]
    figures = ["" if n is None else f"{n:.0f}" for n in found.values()]
    return _table(heads, [["bytes a node", *figures]])


def page(results: Results) -> str:
    """All that was measured, size by size."""
    parts = [
        _about(results),
        _growth(results),
        _memory(results),
        *(_core(results, (size,)) for size in _ALL),
        *(_python(results, size) for size in _ALL),
        _events_core(results),
        _events(results),
        _requests(results),
    ]
    return _join(parts)


def write_between(text: str, file: Path) -> None:
    """Put *text* between the markers of a page.

    Raises:
        ValueError: it does not have them.
    """
    before = file.read_text(encoding="utf-8")
    head, begin, rest = before.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{file.name} has no {BEGIN} ... {END}")
    file.write_text(f"{head}{BEGIN}\n{text}{END}{tail}", encoding="utf-8")

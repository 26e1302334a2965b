"""The figures as Markdown, and into README.md between its markers."""

from __future__ import annotations

from pathlib import Path

from bench.bench_dispatch import EMBEDDED
from bench.results import OURS, Results
from bench.trees import REAL, SIZES

__all__ = ["markdown", "write_readme"]

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"

_LARGE = str(SIZES[-1])
_SHOWN = (REAL, _LARGE)
_HEADS = {REAL: "64-CPU guest, 77 nodes", _LARGE: "10 000 nodes"}
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
    ("get", "get a property"),
    ("set", "set a property, same size"),
    ("grow", "grow a property"),
    ("add", "add a node, 10 properties"),
    ("remove", "remove a node"),
    ("cycle", "add a CPU, find it, remove it"),
    ("cycle-undone", "the same, rolled back"),
    ("cycle-template", "the same, from a template"),
    ("cycle-batch", "the same, in a batch of 64"),
    ("write", "grow a property, write out"),
    ("write-same", "set a property, write out"),
)
_PEERS = ("pylibfdt", "fdt", "pyfdt")
_EVENTS = (
    ("event-read", "decode an event"),
    ("event-read-batch", "decode an event, in a batch of 1 000"),
    ("event-write", "encode an event"),
    ("event-write-batch", "encode an event, in a batch of 1 000"),
    ("request-parse", "parse a request"),
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


def _core(results: Results) -> list[str]:
    heads, rows = ["C core"], []
    for size in _SHOWN:
        heads += [_HEADS[size], "libfdt", "faster"]
    for op, text, reference in _CORE:
        row = [f"{text} (memcpy)" if reference == "memcpy" else text]
        for size in _SHOWN:
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
    heads, rows = ["RTAS events, Python", OURS, "plain struct", "faster"], []
    for op, text in _EVENTS:
        ours = results.get("python", op, "1")
        theirs = results.get("python", op, "1", "struct")
        rows.append([text, duration(ours), duration(theirs), factor(ours, theirs)])
    return _table(heads, rows)


def _requests(results: Results) -> list[str]:
    heads = ["CPU requests, Python", "a request", "a second", "pylibfdt, edits alone"]
    rows = []
    for size, text in ((EMBEDDED, "embedded machine"), (REAL, _HEADS[REAL])):
        ours = results.get("python", "request", size)
        if ours is not None:
            theirs = results.get("python", "request", size, "pylibfdt")
            rate = f"{_SECOND / ours:,.0f}"
            rows.append([text, duration(ours), rate, duration(theirs)])
    return _table(heads, rows)


def markdown(results: Results) -> str:
    """All tables, and what they were measured on and by."""
    on = ", ".join(f"{key} {value}" for key, value in results.machine.items())
    parts = [
        [f"`python -m bench`: {on}."],
        _core(results),
        *(_python(results, size) for size in _SHOWN),
        _events(results),
        _requests(results),
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def write_readme(text: str, readme: Path) -> None:
    """Put *text* between the markers.

    Raises:
        ValueError: *readme* does not have them.
    """
    page = readme.read_text(encoding="utf-8")
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{readme.name} has no {BEGIN} ... {END}")
    readme.write_text(f"{head}{BEGIN}\n{text}{END}{tail}", encoding="utf-8")

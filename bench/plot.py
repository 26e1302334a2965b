"""Time against nodes as a picture: `python -m bench.plot [FILE.svg]`.

One panel an operation, both axes logarithmic, of the last run's figures.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bench.report import duration
from bench.results import OURS, RESULTS, Results
from bench.trees import SIZES

__all__ = ["draw", "main"]

_PANELS = (
    ("parse", "Read a tree, checked in full"),
    ("path", "Look up a path"),
    ("phandle", "Look up a phandle"),
    ("get", "Get a property"),
    ("set", "Set a property, same size"),
    ("grow", "Grow a property"),
    ("add", "Add a node, 10 properties"),
    ("remove", "Remove a node"),
    ("cycle", "Add a CPU, find it, remove it"),
    ("write", "Grow a property, write the tree out"),
    ("dts", "As source text"),
    ("write-same", "Set a property, write the tree out"),
)
_COLUMNS = 3

# Suite, library, name, colour (Okabe and Ito's, told apart by the colour-blind), dash.
_LINES = (
    ("core", OURS, "pydlpar, C", "#0072b2", "-"),
    ("python", OURS, "pydlpar, Python", "#56b4e9", "-"),
    ("core", "libfdt", "libfdt, C", "#d55e00", "--"),
    ("python", "pylibfdt", "pylibfdt", "#e69f00", "--"),
    ("python", "fdt", "fdt", "#009e73", ":"),
    ("python", "pyfdt", "pyfdt", "#999999", ":"),
    ("python", "dtlib", "dtlib", "#cc79a7", ":"),
)
_DECADES = [10.0**k for k in range(0, 12)]
_INK = "#333333"


def _curve(
    results: Results, suite: str, peer: str, op: str
) -> tuple[list[int], list[float]]:
    if (suite, peer, op) == ("core", "libfdt", "parse"):
        peer = "fdt_check_full"
    found = [(n, results.get(suite, op, str(n), peer)) for n in SIZES]
    known = [(n, ns) for n, ns in found if ns is not None]
    return [n for n, _ in known], [ns for _, ns in known]


def _short(ns: float, _position: int) -> str:
    number, unit = duration(ns).split()
    return f"{float(number):g} {unit}"


def _panel(axes: Axes, results: Results, op: str, title: str) -> None:
    for suite, peer, name, colour, dash in _LINES:
        nodes, times = _curve(results, suite, peer, op)
        width = 2.2 if peer == OURS else 1.5
        axes.plot(
            nodes,
            times,
            dash,
            color=colour,
            label=name,
            linewidth=width,
            marker="o",
            markersize=3.5,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_title(title, loc="left", fontsize=10, color=_INK)
    axes.xaxis.set_major_locator(FixedLocator(list(SIZES)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(
        FixedLocator([ns for ns in _DECADES if low <= ns <= high][::1])
    )
    axes.yaxis.set_major_formatter(FuncFormatter(_short))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.tick_params(labelsize=8, colors=_INK)
    axes.spines[["top", "right"]].set_visible(False)


def draw(results: Results, file: Path) -> None:
    """Write the picture; the suffix says in which format."""
    rows = -(-len(_PANELS) // _COLUMNS)
    with mpl.rc_context({"svg.hashsalt": OURS, "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(11, 2.9 * rows + 1.0), layout="constrained")
        grid = figure.subplots(rows, _COLUMNS, sharex=True)
        for axes, (op, title) in zip(grid.flat, _PANELS, strict=True):
            _panel(axes, results, op, title)
        for axes in grid[-1]:
            axes.set_xlabel("nodes", fontsize=9, color=_INK)
        for row in grid:
            row[0].set_ylabel("time an operation", fontsize=9, color=_INK)
        handles, names = grid.flat[0].get_legend_handles_labels()
        figure.legend(
            handles,
            names,
            loc="outside lower center",
            ncols=len(names),
            frameon=False,
            fontsize=9,
        )
        figure.suptitle(
            "Device tree operations: time against size of the tree (both axes "
            "logarithmic, lower is faster)",
            fontsize=12,
            color=_INK,
        )
        figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else {})


def main(arguments: list[str]) -> int:
    """Draw the figures of the last run."""
    if not RESULTS.is_file():
        print(f"no {RESULTS}: run `python -m bench` first", file=sys.stderr)
        return 2
    draw(Results.read(), Path(arguments[0] if arguments else "speed.svg"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

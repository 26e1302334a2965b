"""The benchmarks' own logic: trees, verdicts, tables. What they time checks itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import libfdt
import pytest

from bench import structs
from bench.build import ROOT, MissingError, build_core
from bench.check import Verdict, judge, main
from bench.instructions import Drift, compare
from bench.plot import draw
from bench.report import BEGIN, END, duration, factor, markdown, write_between
from bench.results import HERE, OURS, Figure, Results, best, from_core, from_pytest
from bench.run import Bench, settle
from bench.trees import Sample, plan, sample
from pydlpar import DeviceTree, decode_event, hotplug_event, parse_request


def _results(ours: float, theirs: float) -> Results:
    key = ("core", "path", "10000")
    figures = [Figure(*key, OURS, ours), Figure(*key, "libfdt", theirs)]
    return Results({"on": "a machine"}, figures)


def _baseline(tmp_path: Path, *row: object) -> Path:
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps({"rows": [row]}))
    return path


@pytest.mark.parametrize("n", [77, 100, 1_000])
def test_a_tree_is_valid_for_libfdt_and_as_described(n: int) -> None:
    """A peer accepts the blob, and the sample says where its nodes are."""
    made = sample(n)
    assert libfdt.fdt_check_full(bytearray(made.blob), len(made.blob)) == 0
    tree = DeviceTree.from_dtb(made.blob)
    nodes = list(tree.nodes())
    assert len(nodes) == made.n_nodes == n
    assert [nodes[i].path for i in made.order] == list(made.paths)
    assert all(nodes[i].u32("phandle") == number for number, i in made.phandles)
    assert all(name in tree[path] for path in made.paths for name in made.get)


def test_trees_are_the_same_every_time() -> None:
    """A seed decides: figures of two runs are about one tree."""
    sample.cache_clear()
    first = sample(100)
    sample.cache_clear()
    assert sample(100) == first


def test_half_the_nodes_are_flat() -> None:
    """The shape of a large partition: the nested half, and the CPUs."""
    tree = DeviceTree.from_dtb(sample(1_000).blob)
    flat = len(tree["/cpus"].children)
    assert 480 <= flat <= 520
    assert max(node.path.count("/") for node in tree.nodes()) >= 5


def test_new_nodes_are_new() -> None:
    """A node to be added has a phandle and a DRC index that the tree lacks."""
    made: Sample = sample(1_000)
    used = {number for number, _ in made.phandles}
    new = [int.from_bytes(made.new_props(k)["phandle"], "big") for k in range(64)]
    assert len(set(new)) == 64
    assert used.isdisjoint(new)


def test_a_plan_has_a_line_an_item() -> None:
    """What the C program reads."""
    made = sample(100)
    words = [line.split() for line in plan(made).splitlines()]
    assert sum(w[0] == "node" for w in words) == len(made.paths)
    assert sum(w[0] == "get" for w in words) == 10
    assert sum(w[0] == "prop" for w in words) == 16
    assert ["prop", "64-bit", "-"] in words


@pytest.mark.parametrize(
    ("theirs", "word", "passed"),
    [
        (1000.0, "ok", True),
        (999.0, "below target", True),
        (500.0, "below target", True),
        (499.0, "FAILED", False),
    ],
)
def test_a_ratio_has_a_target_and_a_gate(
    tmp_path: Path, theirs: float, word: str, passed: bool
) -> None:
    """At least: reference over ours, to the limit itself."""
    row = ("core", "path", ["10000"], "libfdt", "least", 1000, 500)
    (verdict,) = judge(_results(1.0, theirs), _baseline(tmp_path, *row))
    assert (verdict.word, verdict.passed) == (word, passed)


@pytest.mark.parametrize(
    ("ours", "word"), [(1.3, "ok"), (2.6, "below target"), (2.7, "FAILED")]
)
def test_a_ratio_may_be_bounded_above(tmp_path: Path, ours: float, word: str) -> None:
    """At most: ours over reference."""
    row = ("core", "path", ["10000"], "libfdt", "most", 1.3, 2.6)
    (verdict,) = judge(_results(ours, 1.0), _baseline(tmp_path, *row))
    assert verdict.word == word


@pytest.mark.parametrize(
    "row",
    [
        ("core", "path", ["77"], "libfdt", "least", 1, 1),
        ("core", "path", None, "memcpy", "least", 1, 1),
        ("core", "fly", None, "libfdt", "most", 1, 1),
    ],
)
def test_what_was_not_measured_fails(tmp_path: Path, row: tuple[object, ...]) -> None:
    """A benchmark that vanished is not one that passed."""
    verdicts: list[Verdict] = list(judge(_results(1, 1), _baseline(tmp_path, *row)))
    assert [(v.word, v.passed) for v in verdicts] == [("not measured", False)]


def test_the_exit_status_tells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """1 where a ratio of the real baseline is missed, 2 without results."""
    path = tmp_path / "results.json"
    assert main([str(path)]) == 2
    assert "python -m bench" in capsys.readouterr().err
    _results(1.0, 10.0).write(path)
    assert main([str(path)]) == 1
    assert "FAILED" in capsys.readouterr().out


def test_the_last_lines_say_what_was_missed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A log that is cut above still tells."""
    path = tmp_path / "results.json"
    _results(1.0, 10.0).write(path)
    main([str(path)])
    lines = capsys.readouterr().out.splitlines()
    assert "  core path 10000 against libfdt: 10.00, gate >= 5000" in lines[-125:]


class Measured(Bench):
    """Finds what the test says, and keeps what it was asked for."""

    def __init__(self, *ratios: float) -> None:
        self.ratios, self.asked = [*ratios], []

    def again(self, verdict: Verdict) -> list[Figure]:
        self.asked.append(verdict.op)
        return _results(1.0, self.ratios.pop(0)).figures


@pytest.mark.parametrize(
    ("ratios", "asked"),
    [
        ([5000.0], []),
        ([10.0, 5000.0], ["path"]),
        ([10.0, 11.0, 5000.0], ["path", "path"]),
        ([10.0, 11.0, 12.0, 5000.0], ["path", "path"]),
    ],
)
def test_what_missed_its_gate_is_measured_again(
    tmp_path: Path, ratios: list[float], asked: list[str]
) -> None:
    """Twice at most; what then misses it still fails."""
    baseline = _baseline(tmp_path, "core", "path", ["10000"], "libfdt", "least", 9, 50)
    bench = Measured(*ratios[1:])
    settled = settle(bench, _results(1.0, ratios[0]), baseline)
    (verdict,) = judge(settled, baseline)
    assert bench.asked == asked
    assert verdict.ratio == ratios[len(asked)]
    assert verdict.passed == (ratios[len(asked)] >= 50)


class Asked(Bench):
    """Measures nothing, and keeps what it was asked for."""

    def __init__(self) -> None:
        self.calls: list[object] = []

    def core(self, labels: Sequence[str] = (), only: str = "") -> list[Figure]:
        self.calls.append((only, *labels))
        return []

    def events(self) -> list[Figure]:
        self.calls.append("events")
        return []

    def python(self, select: str = "") -> tuple[list[Figure], str]:
        self.calls.append(select)
        return [], ""


@pytest.mark.parametrize(
    ("row", "asked"),
    [
        (("core", "get", "10000", "libfdt"), [("get", "10000")]),
        (("core", "get", "100000", "@1000"), [("get", "1000", "100000")]),
        (
            ("core", "cycle-template", "100", "cycle:libfdt"),
            [("cycle-template", "100"), ("cycle", "100")],
        ),
        (("core", "event-walk", "hotplug", "librtasevent"), ["events"]),
    ],
)
def test_both_sides_of_a_ratio_are_measured_again(
    row: tuple[str, str, str, str], asked: list[object]
) -> None:
    """Those of the core by their names, of events all at once."""
    bench = Asked()
    bench.again(Verdict(*row, "least", 1, 1, None))
    assert bench.calls == asked


@pytest.mark.parametrize(
    ("op", "size", "reference", "tests"),
    [
        ("path", "100", "pylibfdt", "operation[100-path-pydlpar] [100-path-pylibfdt]"),
        (
            "cycle-batch",
            "smp64-8g",
            "cycle:pylibfdt",
            "own_operation[smp64-8g-cycle-batch] operation[smp64-8g-cycle-pylibfdt]",
        ),
        ("lmb", "4096", "pydlpar-one-by-one", "lmb[4096-pydlpar] lmb[4096-pydlpar-o"),
        ("request", "smp64-8g", "pylibfdt", "request[smp64-8g-pydlpar] g-pylibfdt]"),
        ("event-read", "1", "struct", "events[event-read-pydlpar] [event-read-struct]"),
    ],
)
def test_benchmarks_of_pytest_are_selected(
    op: str, size: str, reference: str, tests: str
) -> None:
    """Both sides, few others, none of a larger tree."""
    bench = Asked()
    bench.again(Verdict("python", op, size, reference, "least", 1, 1, None))
    (select,) = bench.calls
    command = [sys.executable, "-m", "pytest", str(HERE), "--collect-only", "-q"]
    found = subprocess.run(
        [*command, "-k", str(select)], cwd=ROOT, capture_output=True, text=True
    ).stdout
    assert all(test in found for test in tests.split())
    assert found.count("::") < 25
    assert "100000" not in found


def test_growth_is_held_against_ours_at_another_size(tmp_path: Path) -> None:
    """`@100`: the same operation on a tree of 100 nodes."""
    times = {"100": 10.0, "10000": 35.0}
    figures = [Figure("core", "path", size, OURS, ns) for size, ns in times.items()]
    row = ("core", "path", ["10000"], "@100", "most", 4, 8)
    (verdict,) = judge(Results({}, figures), _baseline(tmp_path, *row))
    assert (verdict.ratio, verdict.word) == (3.5, "ok")


def test_a_count_may_grow_by_two_percent() -> None:
    """Not by more; what is new or lost is no pass either."""
    was = {"get": 100.0, "set": 100.0, "path": 50.0}
    now = {"get": 102.0, "set": 102.1, "fly": 7.0}
    verdicts = {drift.operation: drift.passed for drift in compare(now, was)}
    assert verdicts == {"get": True, "set": False, "fly": False, "path": False}
    assert Drift("get", 51.0, 50.0).ratio == 1.02


def test_the_picture_has_a_panel_an_operation(tmp_path: Path) -> None:
    """Of figures that are few, as of all."""
    file = tmp_path / "speed.svg"
    draw(_results(50.0, 1_000_000.0), file)
    text = file.read_text(encoding="utf-8")
    assert text.startswith("<?xml")
    assert text.count('id="axes_') == 12


def test_results_survive_a_file(tmp_path: Path) -> None:
    """What is read is what was written."""
    path = tmp_path / "results.json"
    before = _results(1.5, 2.5)
    before.write(path)
    after = Results.read(path)
    assert (after.machine, after.figures) == (before.machine, before.figures)


def test_figures_come_from_both_programs() -> None:
    """The core gives medians of both sides; pytest the minimum of a round's items."""
    row = '{"op": "get", "size": "100", "ours": 2.0, "reference": "libfdt"'
    assert from_core(row + ', "theirs": 8.0}') == [
        Figure("core", "get", "100", OURS, 2.0),
        Figure("core", "get", "100", "libfdt", 8.0),
    ]
    info = {"op": "get", "size": "100", "peer": "fdt", "items": 64}
    found = {"benchmarks": [{"extra_info": info, "stats": {"min": 64e-9}}]}
    (figure,) = from_pytest(found)
    assert (figure.peer, round(figure.ns, 6)) == ("fdt", 1.0)


def test_of_several_passes_the_best_counts() -> None:
    """One figure an operation, size and library."""
    slow, fast = (Figure("core", "get", "1", OURS, ns) for ns in (2.0, 1.0))
    other = Figure("core", "set", "1", OURS, 3.0)
    assert best([slow, other, fast]) == [fast, other]


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (None, ""),
        (4.2, "4.20 ns"),
        (55.04, "55.0 ns"),
        (999.0, "999 ns"),
        (1234.0, "1.23 µs"),
        (2.5e9, "2.50 s"),
    ],
)
def test_durations_have_three_digits(ns: float | None, text: str) -> None:
    """Readable at a glance."""
    assert duration(ns) == text


def test_factors_say_how_many_times() -> None:
    """Two digits below ten, whole numbers above."""
    assert factor(2, 1) == "0.5x"
    assert factor(1, 8000) == "8,000x"
    assert factor(None, 1) == ""


def test_tables_go_between_the_markers(tmp_path: Path) -> None:
    """The rest of the page stays; without markers nothing is written."""
    page = tmp_path / "README.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    write_between("new\n", page)
    text = page.read_text(encoding="utf-8")
    assert text == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    page.write_text("none", encoding="utf-8")
    with pytest.raises(ValueError, match="bench:begin"):
        write_between("new\n", page)
    assert page.read_text(encoding="utf-8") == "none"


def test_markdown_shows_what_was_measured() -> None:
    """A row an operation, the ratio beside it."""
    text = markdown(_results(50.0, 1_000_000.0))
    row = next(line for line in text.splitlines() if "look up a path" in line)
    assert "50.0 ns | 1.00 ms | 20,000x |" in row


def test_the_plain_reference_agrees_with_the_library() -> None:
    """The two sides of the event benchmarks do the same work."""
    request = parse_request("memory remove indexed-count 3 0x80000010")
    log = hotplug_event(request, plid=7)
    plain, section = structs.decode(log), decode_event(log).hotplug
    assert section is not None
    assert (plain.drc_index, plain.drc_count) == (section.drc_index, section.count)
    assert (plain.plid, plain.end) == (7, len(log))
    with pytest.raises(ValueError, match="not a version 6 log in full"):
        structs.decode(log[:-1])


@pytest.mark.parametrize(
    ("compiler", "words"),
    [("no-such-compiler", "no C compiler: no-such"), ("false", "install libfdt-dev")],
)
def test_what_is_missing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiler: str, words: str
) -> None:
    """Without a compiler, or a header that it finds, there is advice, no listing."""
    monkeypatch.setenv("CC", compiler)
    with pytest.raises(MissingError, match=words):
        build_core(tmp_path)


def test_the_core_program_runs(tmp_path: Path) -> None:
    """It checks every result itself; every operation gives a figure."""
    try:
        bench = Bench(tmp_path, quick=True)
        bench.milliseconds = bench.repetitions = 1
        figures = bench.core(["100"])
    except MissingError as error:
        pytest.skip(str(error))
    operations = {figure.op for figure in figures}
    ours = [figure for figure in figures if figure.peer == OURS]
    assert len(ours) == len(operations) > 10
    assert all(figure.ns > 0 for figure in figures)

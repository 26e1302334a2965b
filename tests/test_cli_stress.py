"""`pydlpar stress`: tables, JSON, exit status, and the command that repeats it."""

from __future__ import annotations

import json
import shlex

import pytest

pytest.importorskip("rich")
from click.testing import CliRunner

from pydlpar.cli.app import app
from pydlpar.operations import cpu as cpu_operations
from pydlpar.stress.machine import small_tree
from pydlpar.stress.run import Run

SMALL = ["--count", "600", "--check-every", "100"]


def stress(*arguments):
    return CliRunner().invoke(app, ["stress", *map(str, arguments)])


@pytest.fixture
def tree(tmp_path):
    path = tmp_path / "small.dtb"
    path.write_bytes(small_tree().to_dtb())
    return path


@pytest.fixture
def broken(monkeypatch):
    """A kernel that never gives a core back."""

    def no_release(*_):
        yield from ()
        return 0

    monkeypatch.setattr(cpu_operations, "release", no_release)


def test_run_shows_a_table():
    """A line a kind, then totals; all rules held: 0."""
    result = stress("run", *SMALL, "--seed", 3)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].split() == ["Kind", "Requests", "Carried", "out", "Refused"]
    assert any(line.startswith("memory-index ") for line in lines)
    assert lines[-1] == "All rules held"
    assert "600 requests of Linux 6.12 on lopar firmware, seed 3" in result.output


@pytest.mark.parametrize("profile", ["lopar", "qemu"])
def test_run_as_json(profile, tree):
    options = ["--dialect", "4.10", "--profile", profile, "--tree", tree]
    result = stress("run", *SMALL, *options, "--mix", "cpu=2,plug", "--json")
    assert result.exit_code == 0, result.output
    record = json.loads(result.output)
    assert record["requests"] == 600
    assert set(record["kinds"]) == {"cpu", "plug"}
    assert (record["violation"], record["interrupted"]) == (None, False)
    assert f"--tree {tree}" in record["command"]


def test_faults_of_requests_or_of_calls():
    """A share of the calls is several times as many; the command says which."""
    often = ["--count", "2000", "--faults", "0.05", "--json"]
    few, many = (
        json.loads(stress("run", *often, "--faults-per", unit).output)
        for unit in ("request", "call")
    )
    assert 2 * few["faults"] < many["faults"]
    assert "--faults-per call" in many["command"]
    assert few["violation"] is many["violation"] is None


def test_same_seed_same_run():
    one, two, other = (
        json.loads(stress("run", *SMALL, "--seed", seed, "--json").output)
        for seed in (1, 1, 2)
    )
    assert one["outcomes"] == two["outcomes"] != other["outcomes"]


@pytest.mark.usefixtures("broken")
def test_broken_rule_and_how_to_repeat_it(tree):
    """Exit status 1; the command shown ends in the same way."""
    arguments = ["--mix", "cpu=1", "--check-every", 5, "--tree", tree, "--seed", 2]
    result = stress("run", "--count", 4000, *arguments)
    assert result.exit_code == 1
    *_, found, title, command = result.output.splitlines()
    assert title == "To repeat it:"
    assert "drc-held" in found
    again = CliRunner().invoke(app, shlex.split(command)[1:])
    assert found in again.output.splitlines()
    assert again.exit_code == 1


def test_interrupted_run_tells_what_it_did(monkeypatch):
    """Ctrl-C: the report so far, and 130."""
    go_on = Run.__iter__

    def interrupted(self):
        for number, report in enumerate(go_on(self)):
            yield report
            if number == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(Run, "__iter__", interrupted)
    many = ["--count", "6000", "--check-every", "100"]
    result = stress("run", *many)
    assert result.exit_code == 130
    assert "Interrupted" in result.output
    record = json.loads(stress("run", *many, "--json").output)
    assert record["interrupted"]
    assert 0 < record["requests"] < 6000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--mix", "foo"], "expected one of cpu"),
        (["run", "--mix", "cpu=x"], "expected KIND=NUMBER"),
        (["run", "--mix", "cpu=0"], "expected one above 0"),
        (["run", "--faults", "2"], "2"),
        (["run", "--tree", "nowhere.dtb"], "nowhere.dtb"),
        (["exhaust", "cpu grow"], "cpu grow"),
        (["exhaust", "--tree", "@pseries"], "REQUEST"),
    ],
)
def test_bad_input(arguments, said):
    result = stress(*arguments)
    assert result.exit_code == 2
    assert said in result.output


def test_exhaust_shows_a_table():
    """Of a request and of a case by its name."""
    names = ["cpu add index 0x10000004", "interrupt after plug core"]
    result = stress("exhaust", *names, "--faults", "kinds")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert [line.split("  ")[0] for line in lines[1:3]] == names
    assert lines[-1] == "All rules held"


def test_exhaust_on_a_tree_as_json(tree):
    text = "memory remove index 0x80000002"
    result = stress("exhaust", "--tree", tree, text, "--json", "--faults", "kinds")
    record, summary = map(json.loads, result.output.splitlines())
    assert (record["request"], record["failed"]) == (text, [])
    assert summary["trials"] == record["trials"] == record["faults"] + 1
    assert sum(record["errnos"].values()) == record["trials"]
    assert summary["type"] == "summary"


def test_exhaust_of_all_cases_of_an_old_kernel_line():
    result = stress("exhaust", "--dialect", "4.1", "--faults", "kinds")
    assert result.exit_code == 0, result.output
    assert "cpu" not in result.output


@pytest.mark.usefixtures("broken")
def test_exhaust_finds_and_repeats():
    text = "cpu add index 0x10000004"
    result = stress("exhaust", text, "--faults", "kinds")
    assert result.exit_code == 1
    *_, found, _, command = result.output.splitlines()
    assert found.startswith(f"{text}: ")
    again = CliRunner().invoke(app, shlex.split(command)[1:])
    assert found in again.output.splitlines()


def test_interrupted_exhaust(monkeypatch):
    """What was tried until then is shown."""

    def interrupted(*_, **__):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr("pydlpar.cli.stress_exhaust.exhaust_request", interrupted)
    for extra in ([], ["--json"]):
        result = stress("exhaust", "cpu add index 0x10000004", *extra)
        assert result.exit_code == 130
        assert "nterrupted" in result.output

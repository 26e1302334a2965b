"""pydlpar compare, capture and replay, as somebody at a terminal uses them."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from click.testing import CliRunner

from pydlpar.cli.app import app

MODEL = ("--against", "model")
ADD = "cpu add index 0x10000001"
REMOVE = "cpu remove index 0x10000001"
PLUG = (
    'qmp device_add {"driver": "power9_v2.0-spapr-cpu-core", "core-id": 9, "id": "c"}'
)


def run(*arguments, stdin=None):
    return CliRunner().invoke(app, [str(a) for a in arguments], input=stdin)


def test_equal():
    """One line, status 0."""
    result = run("compare", *MODEL, "--other", "qemu", REMOVE, ADD)
    assert result.output == "2 steps, 10 comparisons with model: equal\n"
    assert result.exit_code == 0


def test_a_difference_is_shown_shrunk_and_saved(tmp_path):
    """And the saved plan shows it again, by itself."""
    plan = tmp_path / "plan.json"
    seed = ("--seed", 1, "--mix", "slots", "-o", plan)
    result = run("compare", *MODEL, "--other", "lopar", *seed)
    assert result.exit_code == 1
    lines = result.output.splitlines()
    at = lines.index("shortest plan that shows the first: 3 steps")
    assert lines[at + 3].strip().startswith("set_indicator(indicator=9001")
    assert lines[at + 4] == f"saved: pydlpar compare -f {plan}"
    assert lines[-1].endswith("unexplained differences")
    saved = json.loads(plan.read_text())
    assert [d["aspect"] for d in saved["differences"]] == ["status"]
    again = run("compare", "-f", plan, "--json")
    assert again.exit_code == 1
    assert json.loads(again.output)["differences"][0]["real"] == "-9000"


def test_requests_from_a_file(tmp_path):
    file = tmp_path / "requests"
    file.write_text(f"# a comment\n{REMOVE}\n\nnonsense\n")
    result = run("compare", *MODEL, "--other", "qemu", "-f", file, "--json")
    assert json.loads(result.output)["steps"] == 2
    result = run("compare", *MODEL, "--other", "qemu", "-f", "-", stdin=f"{ADD}\n")
    assert result.output.startswith("1 step,")


WRONG = [
    (["compare"], "expected one of REQUEST..., --file and --seed"),
    (["compare", "--seed", "1", "x"], "expected one of REQUEST..."),
    (["compare", *MODEL, "--other", "phyp", "x"], "profile 'phyp': expected one of"),
    (["compare", *MODEL, "--cpus", "9", "x"], "9 of 8 cores"),
    (["compare", "--against", "guest", "--seed", "1", "--mix", "dimms"], "--mix dimms"),
    (["compare", "--against", "guest", "--cache", ".", "x"], "not in the cache"),
    (["compare", *MODEL, "--cache", ".", "x"], "--cache: kernels are of a guest"),
    (["capture", "x"], "nothing to do"),
    (["capture", "x", "--cache", ".", "sh x"], "not in the cache"),
    (["capture", "x", "--of", "model", "fly"], "expected one of dlpar, ofdt, qmp, sh"),
    (["capture", "x", "--of", "model", "sh ls"], "the model has no shell"),
    (["capture", "x", "--of", "model", "qmp x {"], "arguments: "),
    (["capture", "x", "--of", "model", "qmp x []"], "expected a command, then a JSON"),
    (["capture", "x", "--of", "model", "qmp migrate"], "the model has none"),
    (["capture", "x", "--linux", "2.4", "sh x"], "Linux '2.4': expected one of"),
    (["replay", "/nowhere"], "/nowhere: No such file or directory"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_wrong_input_is_told_in_a_line(arguments, message, tmp_path, monkeypatch):
    """Status 2, and what was expected."""
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert result.output.count("\n") == 1


def test_without_qemu(monkeypatch, tmp_path):
    """It is said that it is needed, and which."""
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run("compare", REMOVE)
    assert result.exit_code == 2
    assert "needed" in result.output


def test_what_was_captured_replays(tmp_path):
    """The keys are those of a guest's transcript; a later change is found."""
    folder = tmp_path / "t"
    steps = [f"dlpar {REMOVE}", PLUG, 'qmp device_del {"id": "no"}', r"ofdt x\n\xff"]
    result = run("capture", folder, "--of", "model", *steps)
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1] == f"5 steps in {folder}"
    record = json.loads((folder / "transcript.json").read_text())
    keys = {"kind", "what", "result", "dmesg", "drc_trace", "qmp_events"}
    assert all(keys <= step.keys() for step in record["steps"])
    assert record["steps"][1]["result"] == "write=27 len=27 errno=0 (ok)"
    assert "event" in record["steps"][2]
    result = run("replay", folder)
    assert result.exit_code == 0
    assert result.output.splitlines()[-1].endswith("comparisons: all equal")
    record["steps"][1]["result"] = "write=-1 len=27 errno=16 (Device or resource busy)"
    (folder / "transcript.json").write_text(json.dumps(record))
    result = run("replay", folder, "-q")
    assert result.exit_code == 1
    assert "transcript  [-16]" in result.output
    assert result.output.splitlines()[-1].endswith("1 different")
    lines = run("replay", folder, "--json").output.splitlines()
    found = [json.loads(line) for line in lines]
    assert [step["step"] for step in found if step["differences"]] == [2]


def test_capture_from_a_file_as_json(tmp_path):
    file = tmp_path / "steps"
    file.write_text(f"# first\ndlpar {REMOVE}\n\n")
    result = run("capture", tmp_path / "t", "--of", "model", "-f", file, "--json")
    (step,) = map(json.loads, result.output.splitlines())
    assert step["what"] == REMOVE


def test_what_led_to_an_error_is_kept(tmp_path):
    """A transcript of what was done until then."""
    folder = tmp_path / "t"
    result = run("capture", folder, "--of", "model", f"dlpar {REMOVE}", "qmp quit")
    assert result.exit_code == 2
    assert len(json.loads((folder / "transcript.json").read_text())["steps"]) == 2

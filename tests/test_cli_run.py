"""`pydlpar run`, as somebody at a terminal uses it."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from click.testing import CliRunner

from pydlpar import DeviceTree, HotplugRequest, hotplug_event
from pydlpar.cli.app import app
from pydlpar.constants import Action, Resource
from pydlpar.data import default_tree_bytes

REMOVE_3 = "cpu remove index 0x10000003"
ADD_5 = HotplugRequest.index(Resource.CPU, Action.ADD, 0x10000005)


@pytest.fixture
def run():
    """Run the command in process; COLUMNS wide, without colours."""

    def run_it(*arguments: str, stdin: str | bytes | None = None):
        return CliRunner().invoke(app, ["run", *arguments], input=stdin)

    return run_it


def test_removal_on_the_embedded_tree(run):
    """One line a request, with what it did; then the totals."""
    result = run(REMOVE_3)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"✓ {REMOVE_3}  ok      -/cpus/PowerPC,POWER9@3",
        "1 request: 1 carried out; 3 RTAS calls; tree: 1 node removed",
    ]


def test_refusal_tells_errno_and_reason_and_ends_the_run(run):
    result = run(REMOVE_3, REMOVE_3, "memory add count 1")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[1] == (
        f"✗ {REMOVE_3}  ENODEV  No such device: there is no CPU 0x10000003"
    )
    assert "1 carried out, 1 refused, 1 not tried (--keep-going tries all)" in lines[2]


def test_keep_going_tries_all(run):
    result = run("-k", REMOVE_3, REMOVE_3, "cpu  add index 1", "cpu remove count 1")
    assert result.exit_code == 1
    assert "4 requests: 1 carried out, 3 refused" in result.stdout
    assert "invalid action '' at byte 4" in result.stdout


def test_plugged_devices_wait_for_the_requests(run):
    """--plug makes a DRC available; the request takes it."""
    result = run("--plug", "cpu", "--plug", "memory=1G", "cpu add index 0x10000004",
                 "memory add count 4")  # fmt: skip
    assert result.exit_code == 0
    assert "+/cpus/PowerPC,POWER9@4" in result.stdout
    assert "+4 LMBs (1 GiB)" in result.stdout


def test_plug_alone_goes_by_the_interrupt(run):
    """Without requests the events that the platform raised are acted upon."""
    result = run("--plug", "cpu=6", "--plug", "memory=512M@0x180000000")
    assert result.exit_code == 0
    assert "✓ cpu add index 0x10000006" in result.stdout
    assert "✓ memory add indexed-count 2 0x80000018" in result.stdout


def test_interrupts_can_be_left_and_asked_for(run):
    assert "0 requests" in run("--plug", "cpu", "--no-interrupt").stdout
    result = run("--plug", "cpu", "--interrupt", REMOVE_3)
    assert "2 requests: 2 carried out" in result.stdout


def test_trace_shows_every_call_in_order(run):
    result = run("--plug", "cpu", "--trace", "cpu add index 0x10000004")
    assert [line.strip() for line in result.stdout.splitlines()[1:-1]] == [
        "get-sensor-state(entity-sense, 0x10000004) = 0 (unusable)",
        "set-indicator(allocation-state, 0x10000004, usable) = 0",
        "set-indicator(isolation-state, 0x10000004, unisolate) = 0",
        "ibm,configure-connector(0x10000004) = 0 (32 calls)",
        "online-cpu(4) = 0",
    ]


def test_diff_shows_lmbs_as_rows_and_nodes_as_source(run):
    result = run("--plug", "memory=1G", "--diff", "memory add count 4", REMOVE_3)
    lines = result.stdout.splitlines()
    assert "-0x80000010 +48    0x000100000000-0x0003ffffffff   12 GiB  aa -   free" in (
        lines
    )
    assert (
        "+0x80000010 +4     0x000100000000-0x00013fffffff    1 GiB  aa 0   assigned"
        in lines
    )
    assert "-PowerPC,POWER9@3 {" in lines
    assert any(
        line.startswith("-") and line.endswith(" ibm,my-drc-index = <0x10000003>;")
        for line in lines
    )


def test_output_is_the_resulting_tree(run, tmp_path):
    target = tmp_path / "out.dtb"
    result = run("-o", str(target), REMOVE_3)
    assert result.exit_code == 0
    assert f"tree written to {target}" in result.stdout.replace("\n", "")
    tree = DeviceTree.from_dtb(target.read_bytes())
    assert "/cpus/PowerPC,POWER9@3" not in tree
    again = run("--tree", str(target), REMOVE_3)
    assert again.exit_code == 1


def test_refused_run_writes_nothing(run, tmp_path):
    """Unless it was told to go on: then the result is wanted."""
    target = tmp_path / "out.dtb"
    target.write_bytes(b"before")
    assert run("-o", str(target), REMOVE_3, REMOVE_3).exit_code == 1
    assert target.read_bytes() == b"before"
    assert run("-k", "-o", str(target), REMOVE_3, REMOVE_3).exit_code == 1
    assert len(DeviceTree.from_dtb(target.read_bytes())) > 1
    assert [path.name for path in tmp_path.iterdir()] == ["out.dtb"]


def test_json_is_one_object_a_line(run):
    result = run("--json", "--trace", "--diff", "-k", REMOVE_3, REMOVE_3)
    first, second, diff, summary = map(json.loads, result.stdout.splitlines())
    assert first["request"] == REMOVE_3
    assert (first["errno"], first["rtas_calls"]) == (0, 3)
    assert first["changes"] == [{"kind": "remove", "path": "/cpus/PowerPC,POWER9@3"}]
    functions = [call["function"] for call in first["calls"]]
    assert functions == ["offline-cpu", "get-sensor-state", *["set-indicator"] * 2]
    assert (second["errno"], second["error"]) == (19, "ENODEV")
    assert "no CPU" in second["reason"]
    assert [change["kind"] for change in diff["changes"]] == ["remove"]
    assert (summary["done"], summary["refused"], summary["remove"]) == (1, 1, 1)


def test_requests_from_a_file_and_standard_input(run, tmp_path):
    """Blank lines and comments are skipped; refusals name file and line."""
    text = f"# comment\n\n{REMOVE_3}\n{REMOVE_3}\n"
    path = tmp_path / "requests.txt"
    path.write_text(text)
    for arguments, stdin, name in (
        (("-f", str(path)), None, str(path)),
        (("-f", "-"), text, "standard input"),
    ):
        result = run(*arguments, stdin=stdin)
        assert result.exit_code == 1
        assert f"[{name}:4]" in result.stdout


def test_events_binary_and_hex(run, tmp_path):
    """Binary, bare hex and the kernel's log lines give the same."""
    event = hotplug_event(ADD_5)
    lines = "".join(
        f"<4>[    1.0] RTAS {i // 16}: {event[i : i + 16].hex()}\n"
        for i in range(0, len(event), 16)
    )
    for name, data in (
        ("binary", event + event),
        ("hex", (event + event).hex().encode()),
        ("log", lines.encode()),
    ):
        path = tmp_path / name
        path.write_bytes(data)
        result = run("--plug", "cpu=5", "--no-interrupt", "-e", str(path), "-k")
        assert "✓ cpu add index 0x10000005" in result.stdout, name
        assert result.exit_code == (0 if name == "log" else 1), name


def test_event_left_to_user_space_is_no_failure(run, tmp_path):
    path = tmp_path / "event"
    path.write_bytes(
        hotplug_event(HotplugRequest.index(Resource.PCI, Action.ADD, 0x40000008))
    )
    result = run("-e", str(path))
    assert result.exit_code == 0
    assert "this resource is left to user space" in result.stdout


def test_tree_may_be_gzipped_or_a_directory(run, tmp_path):
    packed = tmp_path / "tree.dtb.gz"
    packed.write_bytes(gzip.compress(default_tree_bytes()))
    assert run("--tree", str(packed), REMOVE_3).exit_code == 0
    folder = tmp_path / "device-tree"
    for node in DeviceTree.from_dtb(default_tree_bytes()).nodes():
        place = folder / node.path.lstrip("/")
        place.mkdir(parents=True, exist_ok=True)
        for name, value in node.properties.items():
            (place / name).write_bytes(value)
    assert run("--tree", str(folder), REMOVE_3).exit_code == 0


@pytest.mark.parametrize("dialect", ["4.5", "4.10", "5.16", "6.12"])
def test_dialects(run, dialect):
    """CPUs by count went away with 5.16."""
    result = run("--dialect", dialect, "cpu remove count 1")
    assert result.exit_code == (0 if dialect in ("4.5", "4.10") else 1)


def test_profile_lopar(run):
    assert run("--profile", "lopar", "--plug", "cpu").exit_code == 0


BAD = [
    (["--tree", "{none}", REMOVE_3], "none: No such file or directory"),
    (["--tree", "{junk}", REMOVE_3], "wrong magic number (at byte 0); expected a flat"),
    (["--tree", "{gz}", REMOVE_3], "damaged gzip data"),
    (["--tree", "{empty}", REMOVE_3], "ends inside a record (at byte 0)"),
    (["-f", "{none}"], "none: No such file or directory"),
    (["-e", "{junk}"], "no RTAS event in the text, expected a log or a hex dump"),
    (["-e", "{empty}"], "empty, expected RTAS events"),
    (["-e", "{binary}"], "byte 0 is 0xff, expected RTAS events"),
    (["-e", "{cut}"], "event 2, which begins at byte 116"),
    (["-e", "{epow}"], "event 1 (type 0x40) has no hotplug section"),
    (["--plug", "disk"], "--plug disk: not understood, expected cpu[=CORE], memory"),
    (["--plug", "memory"], "not understood"),
    (["--plug", "memory=1X"], "size '1X'"),
    (["--plug", "memory=1M"], "must be a multiple of 256 MB"),
    (["--plug", "cpu=x"], "number 'x'"),
    (["--plug", "cpu=99"], "core id 99 out of range"),
    (["--plug", "cpu=1"], "already populated"),
    (["--plug", "cpu", "--dialect", "4.1"], "does not know the hotplug interrupt"),
    ([], "nothing to do"),
    (["-f", "-", "-e", "-"], "'-' can be read only once"),
    (["-o", "{none}/x/y", REMOVE_3], "No such file or directory"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_bad_input_is_one_clear_line_and_status_2(run, tmp_path, arguments, message):
    """Where it is wrong and what was expected, on standard error."""
    from pydlpar import epow_event

    event = hotplug_event(ADD_5)
    files = {
        "junk": b"this is no tree\n",
        "gz": gzip.compress(default_tree_bytes())[:-20],
        "empty": b"",
        "binary": b"\xff\xfe\x00",
        "cut": event + event[:60],
        "epow": epow_event(3, 1),
    }
    names = {"none": str(tmp_path / "none")}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        names[name] = str(tmp_path / name)
    result = run(*[argument.format(**names) for argument in arguments])
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("pydlpar: ")
    assert message in line


def test_control_characters_do_not_reach_the_terminal(run):
    result = run("cpu\x1b[31m add")
    assert "\x1b" not in result.stdout
    assert "cpu\\x1b[31m add" in result.stdout


def test_terminal_without_utf8_gets_ascii():
    code = "from pydlpar.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "run", "-k", REMOVE_3, "h\u00e9"],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )
    lines = done.stdout.decode("ascii").splitlines()
    assert lines[0].startswith(f"+ {REMOVE_3}")
    assert lines[1].startswith("x h\\")
    assert done.returncode == 1


def test_installed_command_speaks_help_and_version():
    """The module behind the entry point, in a process of its own."""
    code = "from pydlpar.cli import main; main()"
    for argument, expected in (("--help", "run"), ("--version", "pydlpar, version")):
        done = subprocess.run(
            [sys.executable, "-c", code, argument],
            capture_output=True,
            text=True,
            check=True,
        )
        assert expected in done.stdout


def test_missing_extra_is_said_in_one_line():
    code = (
        "import sys; sys.modules['click'] = None\nfrom pydlpar.cli import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == (
        "pydlpar: the command needs 'click': pip install 'pydlpar[cli]'\n"
    )


def test_named_requests_mean_what_they_name(run):
    """A DRC name as `pydlpar slots` prints it; a count by a policy; each told."""
    result = run("-n", "cpu remove CPU 3", "-n", "cpu remove count 2",
                 "--policy", "highest-first")  # fmt: skip
    assert result.exit_code == 0
    assert [line.split("  ")[0] for line in result.stdout.splitlines()] == [
        "✓ cpu remove index 0x10000003",
        "✓ cpu remove index 0x10000002",
        "✓ cpu remove index 0x10000001",
        "3 requests: 3 carried out; 9 RTAS calls; tree: 3 nodes removed",
    ]


def test_named_requests_take_what_the_platform_has(run):
    """A count to add: only connectors with something behind them."""
    result = run("--plug", "cpu=9", "-n", "cpu add count 1")
    assert "✓ cpu add index 0x10000009" in result.stdout
    result = run("--plug", "cpu=9", "-n", "cpu add count 2")
    assert result.exit_code == 1
    assert "cpu add count 2: only 1 can be added" in result.stdout


def test_named_request_that_does_not_resolve_is_refused(run):
    """Nothing is removed in its place; the run ends unless it is to go on."""
    named = ("-n", "memory remove LMB-99", "-n", "cpu remove CPU 3")
    result = run("--plug", "memory=1G", "memory add count 4", *named)
    assert result.exit_code == 1
    assert "'LMB-99' names no connector of memory; there is LMB" in result.stdout
    assert "1 carried out, 1 refused, 1 not tried" in result.stdout
    result = run("-k", *named, "--json")
    first, second, _ = map(json.loads, result.stdout.splitlines())
    assert (first["request"], first["error"]) == ("memory remove LMB-99", "EINVAL")
    assert (second["request"], second["errno"]) == (REMOVE_3, 0)


def test_policy_that_does_not_fit_is_refused(run):
    result = run("-n", "cpu add count 1", "--policy", "numa-balanced")
    assert result.exit_code == 1
    assert "numa-balanced is for memory that is removed" in result.stdout

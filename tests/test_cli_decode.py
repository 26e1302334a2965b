"""`pydlpar decode`: what it reads, which events it shows, and in which form."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from datetime import datetime

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

import click
from click.testing import CliRunner
from places import CORPUS

import pydlpar
from pydlpar.cli.app import app
from pydlpar.cli.decode_input import from_binary
from pydlpar.cli.encode import kernel_text
from pydlpar.constants import EpowAction
from pydlpar.rtas_classic import classic_text
from pydlpar.rtas_input import is_text

MAIN = "from pydlpar.cli import main; main()"
TIME = datetime(2026, 1, 2, 3, 4, 5)
MEMORY = pydlpar.hotplug_event(
    pydlpar.HotplugRequest.indexed_count(2, 1, 4, 0x80000010), 7, TIME
)
EPOW = pydlpar.epow_event(EpowAction.SYSTEM_SHUTDOWN, plid=8)
ERROR = pydlpar.build_event(
    severity=4,
    sections=[
        ("UH", {"subsystem": 0x20, "event_severity": 0x40}),
        (
            "PS",
            {
                "reference_code": "B123E504",
                "callouts": [{"priority": "H", "location_code": "U78-P1"}],
            },
        ),
    ],
    time=datetime(2026, 2, 3),
).raw
ALL = MEMORY + EPOW + ERROR
LINES = [
    "2026-01-02 03:04:05.00  hotplug (event): memory add, 4 from index 0x80000010",
    "no time  environment or power warning (event): system shutdown, this partition",
    "2026-02-03 00:00:00.00  platform error (error): memory, unrecoverable; B123E504",
]


def run(*arguments, stdin=None):
    """`pydlpar decode ARGUMENTS`; output is no terminal, so there are no colours."""
    return CliRunner().invoke(app, ["decode", *map(str, arguments)], input=stdin)


def text_of(*events):
    lines = [line for n, raw in enumerate(events) for line in kernel_text(raw, n)]
    return "".join(f"Jan  2 03:04:05 host kernel: {line}\n" for line in lines).encode()


def error_log(*events, byteorder="little"):
    return b"".join(
        pydlpar.encode_error_log(pydlpar.decode_event(raw), n, byteorder)
        for n, raw in enumerate(events, 1)
    )


FORMS = {
    "binary": ALL,
    "text": text_of(MEMORY, EPOW, ERROR),
    "gzip": gzip.compress(text_of(MEMORY)) + gzip.compress(text_of(EPOW, ERROR)),
    "little": error_log(MEMORY, EPOW, ERROR),
    "big": error_log(MEMORY, EPOW, ERROR, byteorder="big"),
    "hex": b"\n".join(raw.hex(" ", 4).encode() for raw in (ALL,)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("as_file", [True, False])
def test_every_form_gives_the_same_lines(form, as_file, tmp_path):
    """Files and standard input; totals are not among the output."""
    if as_file:
        (tmp_path / "f").write_bytes(FORMS[form])
        result = run(tmp_path / "f")
    else:
        result = run("-", stdin=FORMS[form])
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert [line[: len(want)] for line, want in zip(lines, LINES, strict=True)] == LINES
    assert result.stderr == "3 events\n"


def test_logs_without_rtas_header():
    result = run(stdin=pydlpar.encode_pel(pydlpar.decode_event(ERROR)))
    assert "platform event log: memory, unrecoverable; B123E504" in result.stdout


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (["--type", "hotplug"], [0]),
        (["--type", "0xe0", "-t", "epow"], [1, 2]),
        (["--type", "platform-error"], [2]),
        (["--severity", "error"], [2]),
        (["--severity", "unrecoverable"], [2]),
        (["--severity", "event", "-s", "information"], [0, 1]),
        (["--since", "2026-01-03"], [2]),
        (["--until", "2026-01-02"], [0]),
        (["--until", "2026-01-02 03:04:04"], []),
        (["--since", "2026-01-02 03:04:05", "--until", "2026-03-01"], [0, 2]),
        (["--section", "hp"], [0]),
        (["--section", "EP", "--section", "PS"], [1, 2]),
        (["--refcode", "b1*"], [2]),
        (["--refcode", "BA*"], []),
        (["--where", "drc-index=0x80000010"], [0]),
        (["--where", "HP.resource=memory", "--where", "count=4"], [0]),
        (["--where", "PS.resource=memory"], []),
        (["--where", "location-code=U78*"], [2]),
        (["--where", "callout.priority=H"], [2]),
        (["--where", "plid=8"], [1]),
        (["--where", "drc-index=0x80000010", "--type", "epow"], []),
    ],
)
def test_filters(options, shown):
    """Of one kind either value will do; of different kinds, all have to."""
    result = run(*options, stdin=ALL)
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    wanted = [LINES[i] for i in shown]
    assert [line[: len(w)] for line, w in zip(lines, wanted, strict=True)] == wanted
    assert result.stderr == f"3 events, {len(shown)} shown\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--type", "hotplugg"], "expected a number or one of other, retry"),
        (["--severity", "bad"], "expected a number or one of no_error, event"),
        (["--since", "yesterday"], "expected one as 2026-01-02"),
        (["--until", "2026-01-02T00:00:00+01:00"], "has a time zone"),
        (["--where", "drc-index"], "expected FIELD=VALUE"),
        (["--where", "drcindex=1"], "no section has a field 'drcindex'"),
        (["--json", "--classic"], "exclude each other"),
        (["--follow", "--json"], "use --ndjson"),
        (["--follow", "a", "b"], "takes one FILE"),
        (["--follow", "/no/such"], "/no/such: No such file"),
        (["/no/such"], "/no/such: No such file"),
        (["-", "-"], "only once"),
    ],
)
def test_bad_usage_is_status_2(arguments, message):
    result = run(*arguments, stdin=b"")
    assert result.exit_code == 2
    assert message in result.stderr.replace("\n", " ")
    assert result.stdout == ""


def test_damage_in_text_is_told_and_counted():
    """The sound event beside it is shown; the status says that there was damage."""
    broken = text_of(MEMORY).splitlines(keepends=True)
    del broken[4]
    result = run(stdin=b"".join(broken) + text_of(EPOW))
    assert result.exit_code == 1
    assert result.stdout.splitlines() == LINES[1:2]
    first, last = result.stderr.splitlines()
    assert first.startswith("standard input: lines 1 to 9, event 0: a line is lost")
    assert last == "1 event, damage in 1 place"


def test_damage_in_a_section_leaves_what_stands_before_it():
    """Its place is that in the file; the next event is found by its length word."""
    bad = bytearray(MEMORY)
    bad[98] = 0xFF  # length of the HP section
    result = run("--ndjson", stdin=EPOW + bytes(bad) + ERROR)
    objects = [json.loads(line) for line in result.stdout.splitlines()]
    assert (result.exit_code, len(objects)) == (1, 3)
    assert [part["id"] for part in objects[1]["sections"]][-1] == "UH"
    assert objects[1]["damage"]["offset"] == 96
    assert f"event at byte {len(EPOW)}: " in result.stderr


@pytest.mark.parametrize("size", range(len(MEMORY)))
def test_every_truncation_ends_with_a_status(size):
    """Nothing that is cut off raises; what is left of an event is damage."""
    result = run(stdin=EPOW + MEMORY[:size])
    assert isinstance(result.exception, SystemExit | None), result.exception
    assert result.exit_code == (size > 0)
    assert result.stdout.startswith(LINES[1])


def test_directories_and_files_without_events(tmp_path):
    """Files in order; those without an event are named, and no failure."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(MEMORY)
    (tmp_path / "b.txt").write_bytes(text_of(EPOW))
    (tmp_path / "c.txt").write_text("nothing\n")
    (tmp_path / "d").write_bytes(b"\x7fELF\0\0\0\0" * 9)
    (tmp_path / "e").write_bytes(b"")
    result = run(tmp_path)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"{tmp_path}/a/x:0: {LINES[0]}",
        f"{tmp_path}/b.txt:1: {LINES[1]}",
    ]
    assert result.stderr.splitlines() == [
        f"no event in 3 files: {tmp_path}/c.txt, {tmp_path}/d, {tmp_path}/e",
        "2 events in 2 files",
    ]


def test_a_named_file_that_is_neither_is_status_1(tmp_path):
    """A text without events was read; a binary of another kind was not."""
    (tmp_path / "t").write_text("nothing\n")
    (tmp_path / "b").write_bytes(b"\x7fELF\0\0\0\0" * 9)
    text, other = run(tmp_path / "t"), run(tmp_path / "b")
    assert (text.exit_code, other.exit_code) == (0, 1)
    assert "no RTAS event in it" in text.stderr
    assert "neither RTAS events nor text" in other.stderr


@pytest.mark.parametrize("cut", [12, -5])
def test_damaged_gzip(cut, tmp_path):
    data = bytearray(gzip.compress(text_of(MEMORY)))
    (tmp_path / "f.gz").write_bytes(data[:cut])
    result = run(tmp_path / "f.gz")
    assert result.exit_code == 1
    assert "damaged gzip data: it ends early" in result.stderr


def test_json_is_one_array_that_says_where():
    """Each object is `to_dict()` and its place; none is an empty array."""
    objects = json.loads(run("--json", stdin=text_of(MEMORY, EPOW)).stdout)
    assert [each.pop("source") for each in objects] == [
        {"file": "standard input", "line": 1, "sequence": 0},
        {"file": "standard input", "line": 11, "sequence": 1},
    ]
    assert objects == [pydlpar.decode_event(raw).to_dict() for raw in (MEMORY, EPOW)]
    assert json.loads(run("--json", stdin=b"").stdout) == []
    logged = run("--ndjson", stdin=error_log(MEMORY, EPOW)).stdout.splitlines()
    assert [json.loads(line)["source"] for line in logged] == [
        {"file": "standard input", "byte": 4, "sequence": 1},
        {"file": "standard input", "byte": 2056, "sequence": 2},
    ]


def test_pages_hold_every_event():
    lines = run("-v", stdin=MEMORY + EPOW).stdout.splitlines()
    assert lines[0] == "standard input, byte 0"
    assert lines[1] == LINES[0]
    for section in pydlpar.decode_event(MEMORY).sections:
        assert any(f"({section.id}) at {section.offset:#06x}" in line for line in lines)
    assert f"standard input, byte {len(MEMORY)}" in lines


def test_classic_text():
    """Titles to width minus 11, pairs in a line, words, blocks in groups."""
    lines = run("--classic", stdin=ERROR).stdout.splitlines()
    assert lines[0] == "==== hdr section ".ljust(69, "=")
    assert "Type:               000000e0    platform error" in lines
    assert "Reference code:     B123E504" in lines
    assert "---- callout" in lines
    assert max(map(len, lines)) <= 80
    narrow = classic_text(pydlpar.decode_event(ERROR), 60).splitlines()
    assert max(map(len, narrow)) <= 60
    assert narrow[0] == "==== hdr section ".ljust(49, "=")


def test_classic_text_of_what_is_damaged():
    bad = bytearray(MEMORY)
    bad[98] = 0xFF
    text = classic_text(pydlpar.decode_event(bad, strict=False))
    assert "==== damaged ===" in text
    assert "HP section" not in text


def test_records_begin_where_the_file_has_them():
    """A stream is read in parts; places count from the start of it all."""
    found = list(from_binary(MEMORY + EPOW, "f", 1000))
    assert [item.place for item in found] == [1000, 1000 + len(MEMORY)]


def test_what_is_text():
    assert is_text(b"")
    assert is_text(b"\x1b[1mRTAS\r\n\t\xe9")
    assert not is_text(MEMORY)
    assert not is_text(b"a\0")


def test_arrow_without_pyarrow(monkeypatch, tmp_path):
    """Said before anything is read."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = run("--arrow", tmp_path / "f", stdin=ALL)
    assert result.exit_code == 2
    assert "pip install 'pydlpar[arrow]'" in result.stderr


def test_arrow_file(tmp_path):
    """A row an event, the filters' choice, with its file as a word."""
    arrow = pytest.importorskip("pyarrow")
    (tmp_path / "a").write_bytes(MEMORY + EPOW)
    (tmp_path / "b").write_bytes(text_of(ERROR, EPOW))
    pel = pydlpar.encode_pel(pydlpar.decode_event(ERROR))
    (tmp_path / "c").write_bytes(pel)
    target = tmp_path / "events.arrow"
    result = run("--arrow", target, tmp_path / "a", tmp_path / "b", tmp_path / "c")
    assert result.exit_code == 0, result.stderr
    rows = arrow.ipc.open_file(target).read_all().to_pylist()
    assert [row["type"] for row in rows] == [
        "hotplug",
        "epow",
        "platform_error",
        "epow",
        None,
    ]
    assert rows[0]["drc_index"] == 0x80000010
    assert [row["source"][-1] for row in rows] == ["a", "a", "b", "b", "c"]
    assert [row["line"] for row in rows][1:3] == [None, 1]
    assert [row["place"] for row in rows][:3] == [0, len(MEMORY), 0]
    assert rows[4]["reference_code"] == rows[2]["reference_code"] == "B123E504"
    assert run("--arrow", target, "--type", "retry", tmp_path / "a").exit_code == 0
    assert arrow.ipc.open_file(target).read_all().num_rows == 0


def test_a_broken_pipe_is_quiet(tmp_path):
    (tmp_path / "f").write_bytes(MEMORY * 20000)
    command = f"{sys.executable} -c '{MAIN}' decode {tmp_path / 'f'} | head -1"
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, timeout=60, check=False
    )
    assert done.stdout.decode().rstrip("\n") == LINES[0]
    assert b"Traceback" not in done.stderr
    assert b"Broken" not in done.stderr


@pytest.mark.parametrize("option", [(), ("-v",), ("--classic",)])
def test_on_a_terminal(option, tmp_path):
    """Colours by severity, a heading a file, and no line wider than the terminal."""
    (tmp_path / "a").write_bytes(ERROR + EPOW)
    (tmp_path / "b").write_bytes(MEMORY)
    arguments = ["decode", *option, str(tmp_path)]
    env = {"FORCE_COLOR": "1", "COLUMNS": "60", "TERM": "xterm", "NO_COLOR": None}
    shown = CliRunner().invoke(app, arguments, env=env, color=True)
    plain = click.unstyle(shown.stdout)
    assert max(map(len, plain.replace(str(tmp_path), "").splitlines())) <= 60
    assert ("\x1b[31mplatform error (error)\x1b[0m: " in shown.stdout) == (not option)
    if not option:
        assert plain.splitlines()[0] == f"{tmp_path}/a"
        assert f"\n\n{tmp_path}/b\n" in plain
    env["NO_COLOR"] = "1"
    plain_run = CliRunner().invoke(app, arguments, env=env, color=True)
    assert plain_run.stdout == plain


def test_names_cannot_command_the_terminal(tmp_path):
    """Control characters of a file's name are shown as such."""
    (tmp_path / "a\x1b[2J").write_bytes(MEMORY)
    (tmp_path / "b").write_bytes(EPOW[:-4])
    result = run(tmp_path)
    assert "\x1b" not in result.stdout + result.stderr
    assert "\\x1b[2J:0: " in result.stdout


def test_the_corpus_is_read_whole():
    """Of 101 files and streams, what is damaged is what is known to be."""
    folder = CORPUS / "rtas"
    if not folder.exists():
        pytest.skip("no corpus of RTAS events (PYDLPAR_CORPUS)")
    result = run(folder / "ppc64-diag" / "events", folder / "qemu", folder / "linux")
    damaged = [line for line in result.stderr.splitlines() if ": line" in line]
    assert [os.path.basename(line.split(": ")[0]) for line in damaged] == [
        "missing_line"
    ]
    esel = run(folder / "opal-pel" / "raw" / "0x5034a000.esel")
    assert "platform event log: environment, predicted failure; 11007201" in esel.stdout

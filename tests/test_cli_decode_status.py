"""`pydlpar decode` when things go wrong: what it tells, and its exit status."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

import rtas_vectors as v
from click.testing import CliRunner

from pydlpar.cli import decode
from pydlpar.cli.app import app
from pydlpar.cli.encode import kernel_text

MAIN = "from pydlpar.cli import main; main()"
RSS = (
    "import atexit, resource, sys\n"
    "usage = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
    "atexit.register(lambda: print(usage(), file=sys.stderr))\n"
    "from pydlpar.cli import main; main()"
)
WAIT = 60
UNREADABLE = "/proc/self/mem"  # opens, for anybody; its first byte cannot be read
needs_proc = pytest.mark.skipif(not os.path.exists(UNREADABLE), reason="no /proc")
LOG = "".join(f"host kernel: {line}\n" for line in kernel_text(v.HP_ONLY, 1))
NOISE = "Jan  2 03:04:05 host sshd[1]: accepted a connection of somebody\n"


def run(*arguments, stdin=None):
    return CliRunner().invoke(app, ["decode", *map(str, arguments)], input=stdin)


def start(code, *arguments, **more):
    """The command in a process of its own, where SIGINT is not ignored."""
    return subprocess.Popen(
        [sys.executable, "-c", code, "decode", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **more,
    )


@needs_proc
@pytest.mark.parametrize("named", [True, False])
def test_what_cannot_be_read_is_told_and_the_rest_goes_on(named, tmp_path):
    """Status 2, whether it was named or found in a directory."""
    (tmp_path / "a").write_bytes(v.HP_ONLY)
    (tmp_path / "b").symlink_to(UNREADABLE)
    (tmp_path / "c").write_bytes(v.PRRN)
    paths = sorted(tmp_path.iterdir()) if named else [tmp_path]
    result = run("--ndjson", *paths)
    assert result.exit_code == 2
    assert len(result.stdout.splitlines()) == 2
    assert result.stderr.splitlines() == [
        f"{tmp_path}/b: cannot be read: Input/output error",
        "2 events in 2 files, 1 file not read",
    ]


def test_a_link_to_nowhere_is_told(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "gone")
    (tmp_path / "b").write_bytes(v.HP_ONLY)
    result = run(tmp_path)
    assert result.exit_code == 2
    assert f"{tmp_path}/a: cannot be read: No such file" in result.stderr


def test_a_named_file_that_is_not_there_is_told_before_anything_is_read(tmp_path):
    (tmp_path / "a").write_bytes(v.HP_ONLY)
    result = run(tmp_path / "a", tmp_path / "gone")
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_an_interrupt_ends_it_with_what_was_found(form):
    """Status 130; what was found is shown, and no array is closed."""
    command = start(MAIN, *form, "-", stdin=subprocess.PIPE)
    with command:
        command.stdin.write(LOG)
        command.stdin.flush()
        shown = command.stdout.readline()
        assert shown
        command.send_signal(signal.SIGINT)
        out, errors = command.communicate(timeout=WAIT)
    assert command.returncode == 130
    assert errors == "interrupted\n1 event\n"
    assert "]\n" not in out


@pytest.mark.skipif(
    "asan" in os.environ.get("LD_PRELOAD", ""), reason="AddressSanitizer needs more"
)
def test_memory_does_not_grow_with_a_pipe():
    """Thirty megabytes of log through a pipe, in the memory of one."""
    pytest.importorskip("resource")
    piece = NOISE * 1000 + LOG
    peaks = []
    for times in (15, 450):
        command = start(RSS, "--ndjson", "-", stdin=subprocess.PIPE)
        _, errors = command.communicate(piece * times, timeout=WAIT)
        total, peak = errors.splitlines()
        assert total == f"{times} events"
        peaks.append(int(peak))
    assert peaks[1] - peaks[0] < 8 << 10  # KiB


def test_no_rich_is_told_when_it_is_needed(tmp_path):
    """Output in colours needs it; how to get it is said in a line."""
    (tmp_path / "a").write_bytes(v.HP_ONLY)
    code = f"import sys; sys.modules['rich'] = None; {MAIN}"
    command = [sys.executable, "-c", code, "decode", str(tmp_path / "a")]
    plain = subprocess.run(command, capture_output=True, text=True, check=False)
    assert plain.returncode == 0
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "FORCE_COLOR": "1"},
    )
    assert done.returncode == 1
    assert done.stderr.startswith("pydlpar: the command needs 'rich")
    assert "Traceback" not in done.stderr


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def test_what_is_told_fits_the_terminal(monkeypatch):
    """In a pipe it is one line; names are not broken at their hyphens."""
    text = "file-name: lines 1 to 9, event 0: a line is lost: 3 found, expected 2"
    monkeypatch.setenv("COLUMNS", "40")
    for stream in (_Terminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stderr", stream)
        decode._tell(text)
        lines = stream.getvalue().splitlines()
        if stream.isatty():
            assert max(map(len, lines)) <= 40
            assert lines[0].startswith("file-name: lines")
            assert " ".join(map(str.strip, lines)) == text
        else:
            assert lines == [text]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--type", "bogus"),
        ("--severity", "bogus"),
        ("--since", "bogus"),
        ("--until", "bogus"),
        ("--where", "bogus"),
    ],
)
def test_a_wrong_filter_is_told_by_its_option(option, value):
    result = run(option, value, stdin=b"")
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.stderr


def test_a_page_on_a_narrow_terminal_has_no_ragged_words(tmp_path):
    """If one line does not fit, words follow the values on all of them."""
    (tmp_path / "a").write_bytes(v.EPOW_SHUTDOWN)
    env = {"FORCE_COLOR": "1", "NO_COLOR": "1", "COLUMNS": "56", "TERM": "xterm"}
    narrow = CliRunner().invoke(
        app, ["decode", "-v", str(tmp_path / "a")], env=env, color=True
    )
    lines = narrow.stdout.replace(str(tmp_path), "").splitlines()
    assert max(map(len, lines)) <= 56
    assert "    event_severity          0x00  information" in lines
    env["COLUMNS"] = "100"
    wide = CliRunner().invoke(
        app, ["decode", "-v", str(tmp_path / "a")], env=env, color=True
    )
    assert "    event_severity          0x00                information" in wide.stdout

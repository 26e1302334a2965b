"""`pydlpar decode --follow`: what comes is shown when it comes."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

import pydlpar
from pydlpar.cli.encode import kernel_text

MAIN = "from pydlpar.cli import main; main()"
WAIT = 60


def event(index: int) -> bytes:
    request = pydlpar.HotplugRequest.index(2, 1, index)
    return pydlpar.hotplug_event(request, index, datetime(2026, 1, 2))


def text(index: int) -> str:
    return "".join(f"{line}\n" for line in kernel_text(event(index), index))


def line(index: int) -> str:
    return f"2026-01-02 00:00:00.00  hotplug (event): memory add, index {index:#010x}\n"


def record(index: int) -> bytes:
    return pydlpar.encode_error_log(pydlpar.decode_event(event(index)), index, "little")


class _Following:
    """The command at work, and the lines that it has given."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", MAIN, "decode", "--follow", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # What runs in the background of a shell has it ignored, and passes it on.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self) -> None:
        for got in self.process.stdout:
            self._lines.put(got)

    def next(self) -> str:
        return self._lines.get(timeout=WAIT)

    def interrupt(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=WAIT), self.process.stderr.read()


@contextmanager
def following(*arguments):
    command = _Following(*map(str, arguments))
    try:
        yield command
    finally:
        command.process.kill()
        command.process.wait()
        command.process.stdout.close()
        command.process.stderr.close()


def append(path: Path, data: str | bytes) -> None:
    with path.open("ab") as file:
        file.write(data.encode() if isinstance(data, str) else data)


def test_a_log_that_grows_and_an_interrupt(tmp_path):
    """An event is shown when its last line is there; SIGINT is a clean end."""
    log = tmp_path / "messages"
    log.write_text("a line\n" + text(1))
    with following(log) as command:
        assert command.next() == line(1)
        middle = len(text(2)) // 2
        append(log, text(2)[:middle])
        append(log, text(2)[middle:])
        assert command.next() == line(2)
        assert command.interrupt() == (0, "2 events\n")


def test_a_log_that_is_rotated(tmp_path):
    """As `tail -F`: the file that has the name now is read from its start."""
    log = tmp_path / "messages"
    log.write_text(text(1))
    with following("--ndjson", log) as command:
        assert '"line":1' in command.next()
        log.rename(tmp_path / "messages.1")
        append(tmp_path / "messages.1", text(2))
        log.write_text("a line\n" + text(3))
        assert '"line":11' in command.next()
        assert '"line":2' in command.next()
        assert command.interrupt() == (0, "3 events\n")


def test_a_log_that_is_cut(tmp_path):
    """As logrotate's `copytruncate` does: it is read from its start."""
    log = tmp_path / "messages"
    log.write_text(text(1) + text(2))
    with following(log) as command:
        assert [command.next(), command.next()] == [line(1), line(2)]
        os.truncate(log, 0)
        append(log, text(3))
        assert command.next() == line(3)


def test_damage_is_told_and_ends_with_status_1(tmp_path):
    log = tmp_path / "messages"
    lines = text(1).splitlines(keepends=True)
    log.write_text("".join(lines[:3] + lines[4:]) + text(2))
    with following(log) as command:
        assert command.next() == line(2)
        status, errors = command.interrupt()
    assert status == 1
    assert "a line is lost" in errors
    assert errors.endswith("1 event, damage in 1 place\n")


def test_records_of_a_file_that_grows(tmp_path):
    """A record that is not whole yet is waited for."""
    log = tmp_path / "records"
    log.write_bytes(record(1))
    with following("--ndjson", log) as command:
        assert '"byte":4,"sequence":1' in command.next()
        append(log, record(2)[:1000])
        append(log, record(2)[1000:] + record(3))
        assert '"byte":2056,"sequence":2' in command.next()
        assert '"byte":4108,"sequence":3' in command.next()


def test_a_stream_of_records_ends_with_its_writer(tmp_path):
    """Each read gives whole records, as that of the kernel's error_log does."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with following(pipe) as command:
        with pipe.open("wb", buffering=0) as file:
            for index in (1, 2):
                file.write(record(index))
                assert command.next() == line(index)
        assert command.process.wait(timeout=WAIT) == 0
        assert command.process.stderr.read() == "2 events\n"

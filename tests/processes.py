"""What runs, as the kernel tells it."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

PATIENCE = 60.0  # seconds
ENDED = "ZX"


def _stat(pid):
    """(state, number of the parent) of a process; None where there is none."""
    try:
        text = Path("/proc", str(pid), "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[1])


def is_alive(pid):
    """True for a process that runs or is stopped, not for one that has ended."""
    found = _stat(pid)
    return found is not None and found[0] not in ENDED


def children():
    """Processes that we have started and not reaped."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return {pid for pid in pids if (_stat(pid) or ("", 0))[1] == os.getpid()}


def wait_until(condition, patience=PATIENCE):
    """The first true answer of a condition."""
    end = time.monotonic() + patience
    while not (answer := condition()):
        assert time.monotonic() < end, f"not within {patience} s"
        time.sleep(0.005)
    return answer


def signal_soon(pid, number):
    """Send a signal to a process that may have ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)

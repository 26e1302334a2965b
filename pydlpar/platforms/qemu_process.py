"""A QEMU process: started, spoken to, and never left behind.

Its sockets and files are handed over as open descriptors, so nothing of it has a
name in a file system. It has a session of its own, and the kernel kills it when
the one who started it is gone, however that came about.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from pydlpar.errors import (
    QemuDiedError,
    QemuError,
    QemuHungError,
    QemuUnavailableError,
)
from pydlpar.platforms.qemu_loop import BackgroundLoop

__all__ = ["MINIMUM_VERSION", "QemuProcess", "check_version"]

MINIMUM_VERSION: Final = (7, 2)
"""The first QEMU that tells its device tree over QMP (`dumpdtb`)."""

_LAST_WORDS: Final = 2000
_GRACE: Final = 2.0
"""Seconds for what takes no time: to end once told to, to say one's version."""

# The kernel sends the signal when the thread that started the process ends. Set
# before the look at the parent: it may have gone in between.
_LAUNCHER: Final = """
import ctypes, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(1, signal.SIGKILL, 0, 0, 0):  # PR_SET_PDEATHSIG
    sys.exit("prctl: " + os.strerror(ctypes.get_errno()))
if os.getppid() != int(sys.argv[1]):
    sys.exit("whoever started this has gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


def _wanted() -> str:
    return ".".join(map(str, MINIMUM_VERSION))


def check_version(program: str, version: tuple[int, int]) -> None:
    """Refuse a QEMU that is too old.

    Raises:
        QemuUnavailableError: it is older than `MINIMUM_VERSION`.
    """
    if version < MINIMUM_VERSION:
        raise QemuUnavailableError(
            f"{program} is QEMU {version[0]}.{version[1]}, too old: "
            f"{_wanted()} or newer is needed"
        )


class _Resources:
    """What has to be given back: kept apart, so that a finalizer can reach it."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.loop = BackgroundLoop()
        self.stderr = os.memfd_create("pydlpar-stderr")
        self.ours: list[socket.socket] = []
        self.theirs: list[socket.socket] = []
        self.files: list[int] = []
        self.popen: subprocess.Popen[bytes] | None = None
        self.hang_up: list[Callable[[], object]] = []

    def kill(self) -> None:
        """End the process and all that it has started, and reap it."""
        popen = self.popen
        if popen is None or popen.returncode is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(popen.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            popen.wait(_GRACE)

    def drop_theirs(self) -> None:
        """Close our copies of what the process was given."""
        for channel in self.theirs:
            channel.close()
        for file in self.files:
            os.close(file)
        self.theirs.clear()
        self.files.clear()

    def release(self) -> None:
        """Give everything back."""
        self.kill()
        self.drop_theirs()
        for hang_up in self.hang_up:
            hang_up()
        for channel in self.ours:
            channel.close()
        self.ours.clear()
        self.loop.close()
        os.close(self.stderr)

    def finalize(self) -> None:
        """The same, called from anywhere: by the garbage collector, in any thread.

        A forked child must leave it to its parent.
        """
        if os.getpid() != self.owner:
            return
        if self.loop.is_current():
            threading.Thread(target=self.release).start()
        else:
            self.release()


class QemuProcess:
    """A QEMU process. Make its channels and files, start it, close it.

    Args:
        program: path, or a name to be looked up in PATH.
        deadline: seconds that any answer may take.

    Raises:
        QemuUnavailableError: there is no such program.
    """

    def __init__(self, program: str, deadline: float) -> None:
        found = shutil.which(program)
        if found is None:
            raise QemuUnavailableError(
                f"{program} is not in PATH: QEMU {_wanted()} or newer with the "
                "target ppc64-softmmu is needed"
            )
        self.program = found
        self.deadline = deadline
        self._failure: Callable[[], QemuError] | None = None
        self._arguments: list[str] = []
        self._resources = _Resources()
        self.loop = self._resources.loop
        self._finalizer = weakref.finalize(self, self._resources.finalize)
        # At exit the kernel does it, when our threads end.
        self._finalizer.atexit = False

    def channel(self, name: str) -> socket.socket:
        """Our end of a new character device with this id."""
        ours, theirs = socket.socketpair()
        self._resources.ours.append(ours)
        self._resources.theirs.append(theirs)
        self._arguments += ["-chardev", f"socket,id={name},fd={theirs.fileno()}"]
        return ours

    def file(self, data: bytes) -> str:
        """The path, for the process only, of a file with these bytes."""
        descriptor = os.memfd_create("pydlpar")
        self._resources.files.append(descriptor)
        with open(descriptor, "wb", closefd=False) as file:
            file.write(data)
        return f"/proc/self/fd/{descriptor}"

    def at_end(self, hang_up: Callable[[], object]) -> None:
        """Have a function called once the process is gone; it must not hold us."""
        self._resources.hang_up.append(hang_up)

    def start(self, arguments: Sequence[str]) -> None:
        """Start the process, once."""
        given = self._resources
        command = [
            *(sys.executable, "-I", "-S", "-c", _LAUNCHER),
            *(str(os.getpid()), self.program),
            *self._arguments,
            *arguments,
        ]
        descriptors = [channel.fileno() for channel in given.theirs]
        given.popen = self.loop.call(
            lambda: subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=given.stderr,
                stderr=given.stderr,
                pass_fds=[*descriptors, *given.files],
                start_new_session=True,
            )
        )
        given.drop_theirs()

    def __repr__(self) -> str:
        popen = self._resources.popen
        return f"<QemuProcess {self.program} {popen and popen.pid}>"

    @property
    def pid(self) -> int:
        """Number of the process.

        Raises:
            QemuError: it has not been started.
        """
        return self._popen().pid

    @property
    def returncode(self) -> int | None:
        """How it ended, as `subprocess` has it; None while it has not been seen to."""
        popen = self._resources.popen
        return None if popen is None else popen.returncode

    def is_running(self) -> bool:
        """True while the process can be spoken to."""
        popen = self._resources.popen
        return self._failure is None and popen is not None and popen.poll() is None

    def _popen(self) -> subprocess.Popen[bytes]:
        if self._resources.popen is None:
            raise QemuError(f"{self.program} has not been started")
        return self._resources.popen

    def last_words(self) -> str:
        """What the process wrote last, to its standard error or output."""
        if not self._finalizer.alive:
            return ""
        file = self._resources.stderr
        start = max(0, os.fstat(file).st_size - _LAST_WORDS)
        return os.pread(file, _LAST_WORDS, start).decode(errors="replace")

    def check(self) -> None:
        """Refuse to go on with a process that failed or was closed.

        Raises:
            QemuError: as it failed first.
        """
        if self._failure is not None:
            raise self._failure()

    def died(self, doing: str) -> QemuError:
        """The error of a process that closed a channel; it is reaped."""
        if self._failure is None:
            popen = self._popen()
            try:
                popen.wait(_GRACE)
                how = _ending(popen.returncode)
            except subprocess.TimeoutExpired:
                how = "closed a channel and did not end"
            self._fail(
                QemuDiedError,
                f"{self.program} {how} during {doing}",
                returncode=popen.returncode,
            )
        return self._error()

    def hung(self, doing: str, waited: float) -> QemuError:
        """The error of a process that did not answer in time; it is killed."""
        if self._failure is None:
            message = f"{self.program} did not answer {doing} within {waited:g} s"
            self._fail(QemuHungError, message, waited=waited)
        return self._error()

    def interrupted(self, doing: str) -> QemuError:
        """The error of a conversation that was left in the middle; it is killed."""
        if self._failure is None:
            self._fail(QemuError, f"{self.program}: {doing} was interrupted")
        return self._error()

    def _fail(
        self, kind: type[QemuError], message: str, **facts: int | float | None
    ) -> None:
        self._resources.kill()
        if facts.get("returncode", 0) is None:
            facts["returncode"] = self.returncode
        self._failure = partial(kind, message, self.last_words(), **facts)

    def _error(self) -> QemuError:
        if self._failure is None:
            raise QemuError(f"{self.program} has not failed")
        return self._failure()

    def version_by_running(self) -> tuple[int, int] | None:
        """What `--version` says, for a process that never got to tell; or None."""
        try:
            run = subprocess.run(
                [self.program, "--version"],
                capture_output=True,
                text=True,
                timeout=_GRACE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        found = re.search(r"version (\d+)\.(\d+)", run.stdout)
        return None if found is None else (int(found[1]), int(found[2]))

    def close(self) -> None:
        """Kill and reap the process, and close all that leads to it."""
        if self._failure is None:
            self._failure = partial(QemuError, f"{self.program}: closed")
        self._finalizer()


def _ending(returncode: int) -> str:
    if returncode >= 0:
        return f"ended with exit code {returncode}"
    try:
        return f"was killed by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"was killed by signal {-returncode}"

"""The machine this runs on: a real partition, or a guest, from inside.

Requests are written to `/sys/kernel/dlpar` and `/proc/powerpc/ofdt`, the device tree
and the error log are read. What changes the machine is only done when asked for, by
root, and with the lock of drmgr held.
"""

from __future__ import annotations

import errno
import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pydlpar.errors import LinuxError
from pydlpar.platforms.linux_lock import LOCK_FILE, dr_lock
from pydlpar.tree import DeviceTree

__all__ = ["Linux", "Planned"]

_DLPAR = "sys/kernel/dlpar"
_OFDT = "proc/powerpc/ofdt"
_DEVICE_TREE = "proc/device-tree"
_ERROR_LOG = "proc/powerpc/rtas/error_log"
_SLOT = 4 + 2048  # of the error log: sequence number and the largest log
_MILLISECONDS = 1000


class Planned(NamedTuple):
    """A write that a dry run left out.

    Attributes:
        path: of the file.
        data: what would have been written, in one write(2).
    """

    path: Path
    data: bytes


class Linux:
    """A partition from inside. For one thread, and one object a process.

    Args:
        change: do what changes the machine; else it is a dry run, and only noted.
        lock_deadline: seconds to wait for drmgr to end.
        root: where the file systems are mounted, for tests.
        user: effective user id; that of this process if None.

    Attributes:
        planned: writes that a dry run left out, in order.

    Raises:
        LinuxError: this is no pseries machine with DLPAR, with the reason; or
            changes are wanted, and it is not root who wants them.
    """

    def __init__(
        self,
        *,
        change: bool = False,
        lock_deadline: float = 10.0,
        root: str | os.PathLike[str] = "/",
        user: int | None = None,
    ) -> None:
        self._root = Path(root)
        self._change = change
        self._lock_deadline = lock_deadline
        self._locked = False
        self.planned: list[Planned] = []
        self._check_platform()
        if change:
            _check_root(os.geteuid() if user is None else user)

    def _check_platform(self) -> None:
        tree = self._root / _DEVICE_TREE
        if not tree.is_dir():
            raise LinuxError(f"{tree}: not there: no machine with a device tree")
        if not (tree / "rtas").is_dir():
            raise LinuxError(f"{tree}: no node /rtas: not a pseries machine")
        dlpar = self._root / _DLPAR
        if not dlpar.exists():
            raise LinuxError(
                f"{dlpar}: not there: a kernel before 4.1, or without DLPAR"
            )

    def device_tree(self) -> DeviceTree:
        """The machine's `/proc/device-tree`.

        Raises:
            OSError: it cannot be read.
        """
        return DeviceTree.from_filesystem(self._root / _DEVICE_TREE)

    def read(self) -> bytes:
        """What `/sys/kernel/dlpar` says that it takes: `memory,cpu,dt`, say.

        Raises:
            LinuxError: it does not tell, as kernels before 4.11.
        """
        return self._read(self._root / _DLPAR)

    def _read(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise LinuxError(f"{path}: {error.strerror}") from None

    def write(self, data: bytes) -> int:
        """One write(2) to `/sys/kernel/dlpar`: bytes taken, or -errno.

        In a dry run nothing is taken, 0, and the write is `planned`.

        Raises:
            LockedError: drmgr, or somebody like it, did not end in time.
            LinuxError: the file, or the lock's, cannot be opened.
        """
        return self._write(self._root / _DLPAR, data)

    def write_ofdt(self, data: bytes) -> int:
        """The same to `/proc/powerpc/ofdt`."""
        return self._write(self._root / _OFDT, data)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold drmgr's lock for several writes, which then do not take it.

        Raises:
            LockedError: as `write`.
            LinuxError: this object holds it already; or as `write`.
        """
        if self._locked:
            raise LinuxError("drmgr's lock: held already by this process")
        with dr_lock(self._root / LOCK_FILE, self._lock_deadline):
            self._locked = True
            try:
                yield
            finally:
                self._locked = False

    def _write(self, path: Path, data: bytes) -> int:
        if not self._change:
            self.planned.append(Planned(path, data))
            return 0
        if self._locked:
            return _write_once(path, data)
        with self.locked():
            return _write_once(path, data)

    def error_log(self, wait: float | None = 0.0) -> Iterator[bytes]:
        """Records of `/proc/powerpc/rtas/error_log`, each as `decode_log` reads it.

        They are taken: rtas_errd, if it runs, gets those that this does not.

        Args:
            wait: seconds without a record after which this ends; None for never.

        Raises:
            LinuxError: it cannot be opened, or read.
        """
        path = self._root / _ERROR_LOG
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise LinuxError(f"{path}: {error.strerror}") from None
        try:
            while record := _next_record(handle, path, wait):
                yield record
        finally:
            os.close(handle)


def _check_root(user: int) -> None:
    if user != 0:
        raise LinuxError(f"needs root to change the machine: this is user {user}")


def _write_once(path: Path, data: bytes) -> int:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except OSError as error:
        raise LinuxError(f"{path}: {error.strerror}") from None
    try:
        return os.write(handle, data)
    except OSError as error:
        return -(error.errno or errno.EIO)
    finally:
        os.close(handle)


def _next_record(handle: int, path: Path, wait: float | None) -> bytes:
    """The next record; nothing where the log was stopped, or none came in time."""
    end = None if wait is None else time.monotonic() + wait
    ready = select.poll()
    ready.register(handle, select.POLLIN)
    while True:
        try:
            return os.read(handle, _SLOT)
        except BlockingIOError:
            left = None if end is None else max(0.0, end - time.monotonic())
            if left == 0:
                return b""
            ready.poll(None if left is None else left * _MILLISECONDS)
        except OSError as error:
            if error.errno == errno.ENODATA:
                return b""
            raise LinuxError(f"{path}: {error.strerror}") from None

"""The lock that drmgr and lsslot hold while they work: one operation at a time.

It is a POSIX record lock, exclusive, on a file that anybody of them makes. The kernel
gives it back when its process ends, or closes *any* descriptor of that file: so one
process must not take it twice.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydlpar.errors import LinuxError, LockedError

__all__ = ["LOCK_FILE", "dr_lock"]

LOCK_FILE = "var/lock/dr_config_lock"
"""Its place below the root."""

_MODE = 0o600
_POLL = 0.1
# struct flock of 64-bit Linux: type, whence, start, length, process.
_FLOCK = struct.Struct("@hhqqi4x")


@contextmanager
def dr_lock(path: Path, deadline: float) -> Iterator[None]:
    """Hold the lock.

    Args:
        path: its file, made if there is none.
        deadline: seconds to wait for it; 0 to try once.

    Raises:
        LockedError: somebody else still holds it, and who.
        LinuxError: its file cannot be opened.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
    except OSError as error:
        raise LinuxError(f"{path}: {error.strerror}") from None
    try:
        end = time.monotonic() + deadline
        while not _try_lock(handle):
            left = end - time.monotonic()
            if left <= 0:
                holder = _holder(handle)
                who = "somebody" if holder is None else f"process {holder}"
                raise LockedError(
                    f"{path}: held by {who} for all of {deadline:g} s", holder
                )
            time.sleep(min(_POLL, left))
        yield
    finally:
        os.close(handle)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # POSIX allows either
        return False
    return True


def _holder(handle: int) -> int | None:
    """The process that holds it; None if it has just been given back."""
    asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    kind, _, _, _, process = _FLOCK.unpack(fcntl.fcntl(handle, fcntl.F_GETLK, asked))
    return None if kind == fcntl.F_UNLCK else int(process)

"""Events as they come: the kernel's stream, or a log that grows."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from itertools import chain

from pydlpar._ffi import lib
from pydlpar.cli.decode_input import Item, from_binary, from_text
from pydlpar.cli.inputs import InputError
from pydlpar.rtas_input import is_text

__all__ = ["LIVE", "follow"]

LIVE = "/proc/powerpc/rtas/error_log"
"""Linux: a read waits for the next event and gives one record."""

_INTERVAL = 0.25
_CHUNK = 1 << 16
_RECORD = int(lib.DLPAR_RTAS_LOG_RECORD)


class _Tail:
    """A file that grows, or is replaced, or begins anew: as `tail -F` reads it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = os.open(path, os.O_RDONLY)
        status = os.fstat(self._file)
        # A file in /proc has no size: a read gives whole records, as they come.
        self.framed = stat.S_ISREG(status.st_mode) and status.st_size > 0
        self._pipe = not stat.S_ISREG(status.st_mode)

    def read(self) -> bytes:
        """What is new; nothing where this file is at its end for good."""
        while not (data := os.read(self._file, _CHUNK)):
            if self._pipe or self._is_over():
                break
            time.sleep(_INTERVAL)
        return data

    def _is_over(self) -> bool:
        """Whether another file has the name now, or this one was cut."""
        own = os.fstat(self._file)
        try:
            other = os.stat(self._path)
        except FileNotFoundError:
            return False  # until the next one is there
        if (own.st_dev, own.st_ino) != (other.st_dev, other.st_ino):
            return True
        return 0 < own.st_size < os.lseek(self._file, 0, os.SEEK_CUR)

    def again(self) -> bool:
        """Begin with the file that has the name now; False: there is none."""
        if self._pipe:
            return False
        self.close()
        self._file = os.open(self._path, os.O_RDONLY)
        return True

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def pieces(self) -> Iterator[bytes]:
        """What is in it and what is added, up to its end or an interrupt."""
        try:
            while data := self.read():
                yield data
        except KeyboardInterrupt:
            self._pipe = True


def follow(path: str) -> Iterator[Item]:
    """What is in a file, and what is added to it, until interrupted.

    Raises:
        InputError: it cannot be read.
    """
    try:
        tail = _Tail(path)
        try:
            yield from _followed(tail, path)
            while tail.again():
                yield from _followed(tail, path)
        finally:
            tail.close()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None


def _followed(tail: _Tail, path: str) -> Iterator[Item]:
    pieces = tail.pieces()
    head = next(pieces, b"")
    if is_text(head):
        yield from from_text(chain((head,), pieces), path)
        return
    pending, start = b"", 0
    for piece in chain((head,), pieces):
        pending += piece
        whole = len(pending) - len(pending) % _RECORD if tail.framed else len(pending)
        if whole:
            yield from from_binary(pending[:whole], path, start)
            pending, start = pending[whole:], start + whole
        yield None

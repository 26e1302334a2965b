"""What a file holds: text, a log in binary, or neither; gzipped or not.

One place decides, for `read_logs` and for the command.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from enum import Enum
from itertools import chain
from typing import BinaryIO, NamedTuple

from pydlpar.errors import EventError
from pydlpar.rtas_log import detect_log

__all__ = ["Contents", "Form", "file_pieces", "is_text", "look_into"]

_CHUNK = 1 << 20
_LOOK = 4096
_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
# What no text has among its first bytes; an event begins with its version.
_CONTROLS = bytes(set(range(0x20)) - set(b"\t\n\f\r\x1b"))


class Form(Enum):
    """What a file holds, by how it begins."""

    TEXT = "text"
    LOG = "log"
    STRANGE = "strange"
    """Neither; a log may be behind it, so it is searched as a text is."""


class Contents(NamedTuple):
    """A file's contents, unpacked, in pieces."""

    form: Form
    pieces: Iterator[bytes]


def is_text(head: bytes) -> bool:
    """Whether a file that begins so is text."""
    return head.translate(None, _CONTROLS) == head


def file_pieces(file: BinaryIO) -> Iterator[bytes]:
    """A file in pieces of bounded size, as they come."""
    # A pipe's read() waits for all that it was asked for, read1() does not.
    while piece := file.read1(_CHUNK):  # type: ignore[attr-defined]
        yield piece


def look_into(pieces: Iterator[bytes]) -> Contents:
    """What a file holds.

    Args:
        pieces: of its bytes, from the start; gzipped ones are unpacked.

    Raises:
        EventError: while the pieces are read: damaged gzip data.
    """
    pieces = _unpacked(pieces)
    head = next(pieces, b"")
    while len(head) < _LOOK and not is_text(head):
        more = next(pieces, b"")
        if not more:
            break
        head += more
    form = Form.TEXT
    if not is_text(head[:_LOOK]):
        form = Form.LOG if _is_log(head) else Form.STRANGE
    return Contents(form, chain((head,), pieces))


def _is_log(head: bytes) -> bool:
    try:
        detect_log(head)
    except EventError:
        return False
    return True


def _unpacked(packed: Iterator[bytes]) -> Iterator[bytes]:
    head = next(packed, b"")
    while 0 < len(head) < len(_GZIP) and (more := next(packed, b"")):
        head += more
    pieces = chain((head,), packed)
    return _unzipped(pieces) if head.startswith(_GZIP) else pieces


def _unzipped(packed: Iterator[bytes]) -> Iterator[bytes]:
    member = zlib.decompressobj(_GZIP_WINDOW)
    try:
        for piece in packed:
            while piece:
                if member.eof:
                    member = zlib.decompressobj(_GZIP_WINDOW)
                if data := member.decompress(piece, _CHUNK):
                    yield data
                piece = member.unused_data if member.eof else member.unconsumed_tail
    except zlib.error as error:
        raise EventError(f"damaged gzip data: {error}") from None
    if data := member.flush():
        yield data
    if not member.eof:
        raise EventError("damaged gzip data: it ends early")

"""What `pydlpar decode` reads: files, directories and streams, of any kind."""

from __future__ import annotations

import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pydlpar import EventError, decode_event, decode_log, detect_log
from pydlpar.cli.sources import STDIN, InputError, shown_path
from pydlpar.rtas import FoundEvent, RtasEvent, TextDamage, TextScanner

__all__ = [
    "Damage",
    "Found",
    "Input",
    "Item",
    "Nothing",
    "find_inputs",
    "from_binary",
    "from_text",
    "is_text",
    "read_input",
]

_CHUNK = 1 << 20
_LOOK = 4096
_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
# What no text has among its first bytes; an event begins with its version.
_CONTROLS = bytes(set(range(0x20)) - set(b"\t\n\f\r\x1b"))


class Input(NamedTuple):
    """One file, or standard input.

    Attributes:
        path: of the file; `-` is standard input.
        size: in bytes; 0 where that is not known before it is read.
        named: on the command line, not found in a directory.
    """

    path: str
    size: int
    named: bool


class Found(NamedTuple):
    """An event, and where it stands.

    Attributes:
        event: what could be read of it, if it is damaged.
        file: as messages name it.
        unit: of `place`: `"line"` of a text, from 1, or `"byte"`, from 0.
        place: where it begins.
        sequence: its number in an `error_log`, or by a text's markers.
    """

    event: RtasEvent
    file: str
    unit: str
    place: int
    sequence: int | None


class Damage(NamedTuple):
    """What could not be read: where, why, and what was expected."""

    file: str
    text: str


class Nothing(NamedTuple):
    """A file without any event. *understood* is false of one that is no text."""

    file: str
    understood: bool
    named: bool


Item = Found | Damage | Nothing | None
"""None stands between pieces of the input: the next one may take its time."""


def is_text(head: bytes) -> bool:
    """Whether a file that begins so is text."""
    return head.translate(None, _CONTROLS) == head


def find_inputs(paths: Iterable[str]) -> list[Input]:
    """The files that *paths* name, those below directories in order of their names.

    Raises:
        InputError: there is no such file or directory.
    """
    found: list[Input] = []
    for path in paths:
        if path == STDIN:
            found.append(Input(path, 0, True))
            continue
        try:
            status = os.stat(path)
            if stat.S_ISDIR(status.st_mode):
                found += _below(path)
            else:
                found.append(Input(path, status.st_size, True))
        except OSError as error:
            raise InputError(f"{error.filename}: {error.strerror}") from None
    if [given.path for given in found].count(STDIN) > 1:
        raise InputError("'-' can be read only once")
    return found


def _below(directory: str) -> list[Input]:
    os.scandir(directory).close()
    closed: list[str] = []
    found: list[Input] = []
    # What cannot be looked into is told when it cannot be read.
    for root, _, names in os.walk(
        directory, onerror=lambda e: closed.append(e.filename)
    ):
        for path in (Path(root, name) for name in names):
            if path.is_file():
                found.append(Input(str(path), path.stat().st_size, False))
    found += (Input(path, 0, False) for path in closed)
    return sorted(found, key=lambda given: Path(given.path).parts)


def read_input(given: Input, advance: Callable[[int], object]) -> Iterator[Item]:
    """All that is in a file; *advance* is told how many bytes were read."""
    shown = shown_path(given.path)
    try:
        if given.path == STDIN:
            yield from _read(_pieces(sys.stdin.buffer, advance), shown, given.named)
        else:
            with open(given.path, "rb") as file:
                yield from _read(_pieces(file, advance), shown, given.named)
    except OSError as error:
        if given.named:
            raise InputError(f"{shown}: {error.strerror}") from None
        yield Damage(shown, f"cannot be read: {error.strerror}")
    except zlib.error as error:
        yield Damage(shown, f"damaged gzip data: {error}")


def _pieces(file: BinaryIO, advance: Callable[[int], object]) -> Iterator[bytes]:
    """A file in pieces, as they come."""
    # A pipe's read() waits for all that it was asked for, read1() does not.
    while piece := file.read1(_CHUNK):  # type: ignore[attr-defined]
        advance(len(piece))
        yield piece


def _unpacked(packed: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces of a file; unpacked if it is gzipped. Raises: zlib.error."""
    head = next(packed, b"")
    if not head.startswith(_GZIP):
        yield from chain((head,), packed)
        return
    member = zlib.decompressobj(_GZIP_WINDOW)
    for piece in chain((head,), packed):
        while piece:
            if member.eof:
                member = zlib.decompressobj(_GZIP_WINDOW)
            yield member.decompress(piece, _CHUNK)
            piece = member.unused_data if member.eof else member.unconsumed_tail
    yield member.flush()
    if not member.eof:
        raise zlib.error("it ends early")


def _read(pieces: Iterator[bytes], shown: str, named: bool) -> Iterator[Item]:
    pieces = _unpacked(pieces)
    head = next(pieces, b"")
    while not is_text(head[:_LOOK]) and len(head) < _LOOK:
        more = next(pieces, b"")
        if not more:
            break
        head += more
    text = is_text(head[:_LOOK]) or not _is_log(head)
    if text:
        items = from_text(chain((head,), pieces), shown)
    else:
        items = from_binary(b"".join(chain((head,), pieces)), shown)
    empty = True
    for item in items:
        empty = empty and item is None
        yield item
    if empty:
        yield Nothing(shown, is_text(head[:_LOOK]), named)


def _is_log(head: bytes) -> bool:
    try:
        detect_log(head)
    except EventError:
        return False
    return True


def from_text(pieces: Iterable[bytes], shown: str) -> Iterator[Item]:
    """The events and the damage in a text that comes in pieces."""
    scanner = TextScanner()
    for piece in pieces:
        for item in scanner.feed(piece):
            yield from _of_text(item, shown)
        yield None
    for item in scanner.finish():
        yield from _of_text(item, shown)


def _of_text(item: FoundEvent | TextDamage, shown: str) -> Iterator[Item]:
    if isinstance(item, TextDamage):
        yield Damage(shown, str(item))
        return
    event = decode_event(item.raw, strict=False)
    yield Found(event, shown, "line", item.first_line, item.number)
    if event.damage is not None:
        yield Damage(shown, f"line {item.first_line}: {event.damage}")


def from_binary(data: bytes, shown: str, start: int = 0) -> Iterator[Item]:
    """The events of a log in binary, as far as it can be followed.

    Args:
        data: whole records.
        shown: the file, as messages name it.
        start: where *data* begins in it.
    """
    try:
        for record in decode_log(data, strict=False):
            event, place = record.event, start + record.offset
            yield Found(event, shown, "byte", place, record.sequence)
            if event.damage is not None:
                yield Damage(shown, f"event at byte {place}: {event.damage}")
    except EventError as error:
        yield Damage(shown, str(error))

"""What `pydlpar decode` reads: files, directories and streams, of any kind."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pydlpar.cli.inputs import STDIN, InputError, shown_path
from pydlpar.errors import EventError
from pydlpar.rtas import (
    FoundEvent,
    RtasEvent,
    TextDamage,
    TextScanner,
    decode_event,
    decode_log,
)
from pydlpar.rtas_input import Contents, Form, file_pieces, look_into

__all__ = [
    "Damage",
    "Found",
    "Input",
    "Item",
    "Nothing",
    "find_inputs",
    "from_binary",
    "from_text",
    "read_input",
]


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
        line: of a text, from 1, where it begins; None in a log in binary.
        byte: of the file, where it or its line begins.
        sequence: its number in an `error_log`, or by a text's markers.
    """

    event: RtasEvent
    file: str
    line: int | None
    byte: int
    sequence: int | None

    @property
    def unit(self) -> str:
        """What `place` counts: `"line"` or `"byte"`."""
        return "byte" if self.line is None else "line"

    @property
    def place(self) -> int:
        """Where it begins, as people look for it."""
        return self.byte if self.line is None else self.line


class Damage(NamedTuple):
    """What is wrong: where, why, and what was expected.

    Attributes:
        file: as messages name it.
        text: what there is to say.
        closed: it is the file that cannot be read, not what it holds.
    """

    file: str
    text: str
    closed: bool = False


class Nothing(NamedTuple):
    """A file without any event. *understood* is false of one that is no text."""

    file: str
    understood: bool
    named: bool


Item = Found | Damage | Nothing | None
"""None stands between pieces of the input: the next one may take its time."""


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
    found: list[Input] = []

    def closed(error: OSError) -> None:
        # What cannot be looked into is told when it cannot be read.
        found.append(Input(error.filename, 0, False))

    for root, _, names in os.walk(directory, onerror=closed):
        for path in (os.path.join(root, name) for name in names):
            try:
                status = os.stat(path)
            except OSError:
                found.append(Input(path, 0, False))
                continue
            if stat.S_ISREG(status.st_mode):
                found.append(Input(path, status.st_size, False))
    return sorted(found, key=lambda given: Path(given.path).parts)


def read_input(given: Input, advance: Callable[[int], object]) -> Iterator[Item]:
    """All that is in a file; *advance* is told how many bytes were read."""
    shown = shown_path(given.path)
    try:
        if given.path == STDIN:
            contents = look_into(_told(sys.stdin.buffer, advance))
            yield from _read(contents, shown, given.named)
        else:
            with open(given.path, "rb") as file:
                contents = look_into(_told(file, advance))
                yield from _read(contents, shown, given.named)
    except OSError as error:
        yield Damage(shown, f"cannot be read: {error.strerror}", closed=True)
    except EventError as error:
        yield Damage(shown, str(error))


def _told(file: BinaryIO, advance: Callable[[int], object]) -> Iterator[bytes]:
    for piece in file_pieces(file):
        advance(len(piece))
        yield piece


def _read(contents: Contents, shown: str, named: bool) -> Iterator[Item]:
    if contents.form is Form.LOG:
        items = from_binary(b"".join(contents.pieces), shown)
    else:
        items = from_text(contents.pieces, shown)
    empty = True
    for item in items:
        empty = empty and item is None
        yield item
    if empty:
        yield Nothing(shown, contents.form is Form.TEXT, named)


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
    yield Found(event, shown, item.first_line, item.start, item.number)
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
            yield Found(event, shown, None, place, record.sequence)
            if event.damage is not None:
                yield Damage(shown, f"event at byte {place}: {event.damage}")
    except EventError as error:
        yield Damage(shown, str(error))

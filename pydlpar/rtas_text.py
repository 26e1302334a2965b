"""RTAS events in text: any log, any hex dump, files of any size, live streams.

    for item in scan_text(open("/var/log/messages", "rb")):
        if isinstance(item, FoundEvent):
            print(item.first_line, item.event)
        else:
            print(item)                     # what is damaged, where, and why

The reading is C's; what Python does is one object an event.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from struct import Struct
from threading import Lock
from typing import Any, Protocol

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.constants import TextFault, TextKind
from pydlpar.errors import BusyError, EventError
from pydlpar.rtas_event import RtasEvent, decode_event
from pydlpar.rtas_table import BytesLike

__all__ = [
    "FoundEvent",
    "TextDamage",
    "TextScanner",
    "events_from_hex",
    "first_damage",
    "scan_text",
    "text_pieces",
]

_feed = lib.dlpar_text_scan_feed
_from_buffer = ffi.from_buffer
_buffer = ffi.buffer
_new_uncleared = ffi.new_allocator(should_clear_after_alloc=False)

# struct dlpar_text_found, as C lays it out at the start of each record.
FOUND = Struct("=4Q9I3Bx")
_START, _END, _FIRST, _LAST, _DATA, _SIZE = range(6)
_NUMBER, _PADDING, _REPEATED, _EXPECTED, _GOT, _KIND, _MARKERS, _REASON = range(8, 16)
_WORDS = FOUND.size // 4
_DATA_WORD = 8  # of the struct seen as words: data_off
_REASON_BYTE = FOUND.size - 2

_CHUNK = 1 << 20
_FOUND_CAP = 2 * lib.DLPAR_TEXT_FOUND_MIN
_BYTES_CAP = 2 * lib.DLPAR_TEXT_OUT_MIN

_HAS_BEGIN = lib.DLPAR_TEXT_HAS_BEGIN
_HAS_END = lib.DLPAR_TEXT_HAS_END
_HAS_NUMBER = lib.DLPAR_TEXT_HAS_NUMBER

_STAMP = re.compile(
    r"(?P<iso>\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?)"
    r"|(?P<syslog>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)(?! \d{4}\])"
    r"|\[(?P<bracket>[ <]*[\d+][^\]T]*|[A-Z][a-z]{2}[^\]]*:[^\]]*)\]"
    r"|^\d+,\d+,(?P<kmsg>\d+),"
)
_HOST = re.compile(r"(?:\d\d:\d\d:\d\d|T[\d:.,]+(?:Z|[+-]\d\d:?\d\d)) (\S+) \S")

_WANTED = {
    TextFault.LOST: "a line is lost: {1} found, expected {0}",
    TextFault.ORDER: "lines out of order: {1} found before {0}",
    TextFault.REPEATED: "line {1} again with other bytes, expected {0}",
    TextFault.SHORT: "the event ends at {1} bytes, expected {0}",
    TextFault.LONG: "{1} bytes, expected {0} and zeros as padding",
    TextFault.DIGITS: "line {0} of the event, byte {1} of the log's: expected "
    "pairs of hexadecimal digits, 16 at most",
    TextFault.ROW: "{1} bytes in a line before the last one, expected {0}",
    TextFault.MARKER: "begin of event {0}, end of event {1}: expected the same",
    TextFault.MIXED: "events of one writer overlap: line {1} found where {0} was "
    "expected, no telling which one's",
    TextFault.EMPTY: "markers of an event, expected lines between them",
    TextFault.TOOBIG: "{1} bytes, expected {0} at most",
    TextFault.NOEVENT: "not understood at byte {1} of the dump, expected an event",
}


class Readable(Protocol):
    """A file, text or binary."""

    def read(self, size: int, /) -> str | bytes:
        """At most *size* characters or bytes; empty at the end."""


Source = str | BytesLike | Readable | Iterable[str | bytes]
"""What can be scanned: text, a file, or pieces of text with their newlines."""


class _Found:
    """Where something stands in a text."""

    __slots__ = ("_record",)

    def __init__(self, record: bytes) -> None:
        self._record = record

    @property
    def _row(self) -> tuple[int, ...]:
        return FOUND.unpack_from(self._record)

    @property
    def prefix(self) -> str:
        """What the first line begins with, before "RTAS"; at most 255 bytes."""
        start = FOUND.size + self._row[_SIZE]
        return self._record[start:].decode("utf-8", "surrogateescape")

    @property
    def start(self) -> int:
        """Byte offset of the first line; of `str`, in its UTF-8 encoding."""
        return self._row[_START]

    @property
    def end(self) -> int:
        """Byte offset behind the last line, its newline not included."""
        return self._row[_END]

    @property
    def first_line(self) -> int:
        """Number of the first line, its marker included; from 1."""
        return self._row[_FIRST]

    @property
    def last_line(self) -> int:
        """Number of the last line."""
        return self._row[_LAST]

    @property
    def number(self) -> int | None:
        """The event number of the markers."""
        known = self._row[_MARKERS] & _HAS_NUMBER
        return self._row[_NUMBER] if known else None

    @property
    def kind(self) -> TextKind:
        """Which form it has."""
        return TextKind(self._row[_KIND])

    @property
    def has_begin(self) -> bool:
        """Whether there is a begin marker."""
        return bool(self._row[_MARKERS] & _HAS_BEGIN)

    @property
    def has_end(self) -> bool:
        """Whether there is an end marker."""
        return bool(self._row[_MARKERS] & _HAS_END)

    @property
    def repeated(self) -> int:
        """Lines that stood there twice alike; they count once."""
        return self._row[_REPEATED]

    @property
    def stamp(self) -> str | None:
        """The time stamp in the prefix, as it is written there."""
        match = _STAMP.search(self.prefix)
        if match is None or match.lastgroup is None:
            return None
        return match[match.lastgroup].strip()

    @property
    def host(self) -> str | None:
        """The host name in the prefix, where a syslog puts it."""
        match = _HOST.search(self.prefix)
        return match[1] if match else None

    def _where(self) -> str:
        first, last = self.first_line, self.last_line
        lines = f"line {first}" if first == last else f"lines {first} to {last}"
        return lines if self.number is None else f"{lines}, event {self.number}"


class FoundEvent(_Found):
    """An event found in a text, whole by its line numbers and its length word.

    It keeps one copy of the event's bytes; everything is read when asked for.
    """

    __slots__ = ()

    @property
    def raw(self) -> bytes:
        """The event's bytes."""
        return self._record[FOUND.size : FOUND.size + self._row[_SIZE]]

    @property
    def padding(self) -> int:
        """Zero bytes that the text shows after the event."""
        return self._row[_PADDING]

    @property
    def event(self) -> RtasEvent:
        """The event decoded, anew with each access. Raises: EventError."""
        return decode_event(self.raw)

    def __repr__(self) -> str:
        return f"<FoundEvent: {self._where()}: {len(self.raw)} bytes>"


class TextDamage(_Found):
    """Lines of an event that cannot be put together; `str()` says why."""

    __slots__ = ()

    @property
    def fault(self) -> TextFault:
        """What is wrong."""
        return TextFault(self._row[_REASON])

    @property
    def expected(self) -> int:
        """What was expected: a line number or bytes, see `fault`."""
        return self._row[_EXPECTED]

    @property
    def got(self) -> int:
        """What stands there instead."""
        return self._row[_GOT]

    def __str__(self) -> str:
        wanted = _WANTED[self.fault].format(self.expected, self.got)
        return f"{self._where()}: {wanted}"

    def __repr__(self) -> str:
        return f"<TextDamage: {self}>"


Taker = Callable[[Any], object]
"""Gets a `struct dlpar_text_output`."""


class TextScanner:
    """Finds events in a text that comes in pieces, as from a live stream.

    It holds at most one line and what events are open, never the text. Belongs
    to one thread at a time.
    """

    __slots__ = ("_bytes", "_found", "_lock", "_memory", "_out", "_scan")

    def __init__(self) -> None:
        self._lock = Lock()
        size = lib.dlpar_text_scan_size()
        self._memory = _new_uncleared("uint64_t[]", size // 8)
        self._scan = ffi.cast("struct dlpar_text_scan *", self._memory)
        lib.dlpar_text_scan_init(self._scan)
        self._found = _new_uncleared("struct dlpar_text_found[]", _FOUND_CAP)
        self._bytes = _new_uncleared("uint8_t[]", _BYTES_CAP)
        self._out = ffi.new("struct dlpar_text_output *")
        self._out.found, self._out.found_cap = self._found, _FOUND_CAP
        self._out.bytes, self._out.bytes_cap = self._bytes, _BYTES_CAP

    def feed(self, text: str | BytesLike) -> list[FoundEvent | TextDamage]:
        """What ends within the next piece of the text.

        Raises:
            BusyError: another thread is feeding this scanner.
        """
        items: list[FoundEvent | TextDamage] = []
        self.feed_into(text, lambda out: items.extend(_found(out)))
        return items

    def finish(self) -> list[FoundEvent | TextDamage]:
        """What was still open when the text ended; then it may begin anew.

        Raises:
            BusyError: as `feed`.
        """
        items: list[FoundEvent | TextDamage] = []
        self.finish_into(lambda out: items.extend(_found(out)))
        return items

    def feed_into(self, text: str | BytesLike, take: Taker) -> None:
        """As `feed`, for those that want what C found as it is.

        Args:
            text: the next piece.
            take: gets a `struct dlpar_text_output`, valid during the call.
        """
        self._scan_all(text, False, take)

    def finish_into(self, take: Taker) -> None:
        """As `finish`; see `feed_into`."""
        self._scan_all(b"", True, take)
        lib.dlpar_text_scan_init(self._scan)

    def _scan_all(self, text: str | BytesLike, last: bool, take: Taker) -> None:
        data = (
            text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        )
        if not self._lock.acquire(blocking=False):
            raise BusyError("another thread is feeding this TextScanner")
        try:
            with _from_buffer(data) as memory:
                self._scan_memory(memory, len(memory), last, take)
        finally:
            self._lock.release()

    def _scan_memory(self, memory: Any, size: int, last: bool, take: Taker) -> None:
        text, out = ffi.cast("uint8_t *", memory), self._out
        offset = 0
        while True:
            rc = _feed(self._scan, out, text + offset, size - offset, last)
            if rc < 0:
                raise_error(rc, "scanning text")
            if out.n_found:
                take(out)
            if rc == 0:
                return
            offset += out.used


def _found(out: Any) -> Iterable[FoundEvent | TextDamage]:
    """An object for each record of an output."""
    n, end = out.n_found, out.n_bytes
    data = _buffer(out.bytes, end)[:]
    founds = memoryview(_buffer(out.found, n * FOUND.size))
    starts = [
        start - FOUND.size for start in founds.cast("I")[_DATA_WORD::_WORDS].tolist()
    ]
    starts.append(end)
    records = [data[at:to] for at, to in pairwise(starts)]
    if not out.n_damaged:
        return map(FoundEvent, records)
    return [
        TextDamage(record) if record[_REASON_BYTE] else FoundEvent(record)
        for record in records
    ]


def first_damage(out: Any) -> TextDamage | None:
    """The first damage of a `struct dlpar_text_output`."""
    if not out.n_damaged:
        return None
    return next(item for item in _found(out) if isinstance(item, TextDamage))


def text_pieces(source: Source) -> Iterator[str | BytesLike]:
    """*source* in pieces of bounded size, as far as that is in our hands."""
    if isinstance(source, bytearray | memoryview):
        source = memoryview(source).cast("B")
    if isinstance(source, str | bytes | memoryview):
        for start in range(0, len(source), _CHUNK):
            yield source[start : start + _CHUNK]
        return
    # A pipe's read() waits for all it was asked for, read1() does not.
    read = getattr(source, "read1", None) or getattr(source, "read", None)
    if read is None:
        yield from source  # type: ignore[misc]
        return
    while piece := read(_CHUNK):
        yield piece


def scan_text(source: Source) -> Iterator[FoundEvent | TextDamage]:
    """Find the RTAS events in a text, and the damage.

    Found are the kernel's `RTAS <n>: ...` lines behind any prefix, with or without
    their begin and end markers, between lines of others, of several writers at a
    time; and hex dumps: bare, AIX `errpt`, `xxd`, `hexdump -C`. A dump that does
    not begin the text has to look like an event with sections.

    A line that stands twice alike counts once. An event that has a line missing,
    out of order, cut, or repeated with other bytes, or that is not as long as its
    length word says, is never decoded: it is reported.

    Args:
        source: text; a file, binary or text; or pieces of text, newlines included.

    Yields:
        What is found, in the order in which it ends, as soon as it does.

    Raises:
        TypeError: *source* is none of that.

    Source: the kernel's rtasd.c, rtas_errd, AIX errpt, as observed. Cost: linear;
    memory: one piece of the text, and open events.
    """
    scanner = TextScanner()
    for piece in text_pieces(source):
        yield from scanner.feed(piece)
    yield from scanner.finish()


def events_from_hex(text: str | BytesLike) -> bytes:
    """The events that a text shows, back to back; damage is an error.

    Raises:
        EventError: there is none, or one is damaged; the message has its lines.
    """
    raws = []
    for item in scan_text(text):
        if isinstance(item, TextDamage):
            raise EventError(str(item))
        raws.append(item.raw)
    if not raws:
        raise EventError("no RTAS event in the text, expected a log or a hex dump")
    return b"".join(raws)

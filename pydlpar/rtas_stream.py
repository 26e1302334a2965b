"""Files of RTAS events, or directories of them, read as tables."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from pydlpar.constants import Carrier
from pydlpar.errors import EventError
from pydlpar.rtas_batch import EventTable
from pydlpar.rtas_log import decode_log, detect_log
from pydlpar.rtas_text import events_from_hex

__all__ = ["EventStream", "events_of_file", "read_logs"]

Reader = Callable[[bytes], bytes]
"""The contents of a file to the events in it, back to back."""

_BATCH_BYTES = 16 << 20
_LOOK = 4096
# What no text has among its first bytes; an event begins with its version.
_CONTROLS = bytes(set(range(0x20)) - set(b"\t\n\f\r\x1b"))


def events_of_file(data: bytes) -> bytes:
    """The RTAS events of a file's contents, back to back.

    Args:
        data: such events; records of `/proc/powerpc/rtas/error_log`; or text, a
            hex dump. Binary that is none of these passes for events, and so
            for damaged ones.

    Raises:
        EventError: it is text without a hex dump, or with a wrong one; or a log
            that begins at PH, of OPAL or a BMC, which has no RTAS header.
    """
    head = data[:_LOOK]
    if head.translate(None, _CONTROLS) == head:
        return events_from_hex(data.decode("ascii", "replace"))
    try:
        carrier = detect_log(data)
    except EventError:
        return data
    if carrier is Carrier.RTAS:
        return data
    if carrier in (Carrier.PEL, Carrier.ESEL):
        raise EventError(
            f"{carrier.name} log, expected RTAS events: it has no RTAS header, "
            "decode_log() reads it"
        )
    return b"".join(record.event.raw for record in decode_log(data, strict=False))


class EventStream:
    """Tables of the events of many files; an Arrow stream, too.

    Every iteration reads the files anew and holds one table at a time. Arrow's
    consumers, `polars.DataFrame(stream)` and the like, get all tables at once.

    Attributes:
        paths: of the files.
        rejected: of the last iteration, the files that hold no events, each
            with its error; only with `strict=False`.
    """

    def __init__(
        self, paths: Iterable[Path], strict: bool, batch_bytes: int, reader: Reader
    ) -> None:
        self.paths = tuple(paths)
        self.rejected: list[tuple[Path, EventError]] = []
        self._strict = strict
        self._batch_bytes = batch_bytes
        self._reader = reader

    def __iter__(self) -> Iterator[EventTable]:
        self.rejected = []
        parts: list[bytes] = []
        names: list[str] = []
        size = 0
        for path in self.paths:
            try:
                part = self._reader(path.read_bytes())
            except EventError as error:
                if self._strict:
                    raise EventError(
                        f"{path}: {error}", error.code, error.offset, error.row
                    ) from error
                self.rejected.append((path, error))
                continue
            parts.append(part)
            names.append(str(path))
            size += len(part)
            if size >= self._batch_bytes:
                yield EventTable(parts, names, self._strict)
                parts, names, size = [], [], 0
        if parts:
            yield EventTable(parts, names, self._strict)

    def __arrow_c_schema__(self) -> object:
        """A capsule with the Arrow schema, which all tables share."""
        from pydlpar.rtas_arrow import schema_capsule

        return schema_capsule()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """A capsule with all tables, one batch each; the files are read now.

        Args:
            requested_schema: not followed, as the interface allows.
        """
        from pydlpar.rtas_arrow import stream_capsule

        return stream_capsule([table.arrow_parts() for table in self])

    def __repr__(self) -> str:
        return f"<EventStream of {len(self.paths)} files>"


def read_logs(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    strict: bool = False,
    batch_bytes: int = _BATCH_BYTES,
    reader: Reader = events_of_file,
) -> EventStream:
    """The events of files, and of all files in and below directories.

    Args:
        paths: one path or several; files of a directory are taken in the order
            of their names.
        strict: True raises for the first damaged event or file. False gives
            damaged events rows, as `decode_events` does, and notes files
            without events in `.rejected`.
        batch_bytes: a table ends with the file that reaches this many bytes.
        reader: gets a file's contents, gives the events in it, back to back.

    Raises:
        FileNotFoundError: there is no such path.
    """
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    files = [file for path in paths for file in _files(Path(path))]
    return EventStream(files, strict, batch_bytes, reader)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    if not path.exists():
        raise FileNotFoundError(f"no file or directory {str(path)!r}")
    return [path]

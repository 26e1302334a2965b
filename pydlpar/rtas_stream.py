"""Files of RTAS events, or directories of them, read as tables."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from pydlpar.constants import Carrier
from pydlpar.errors import EventError
from pydlpar.rtas_batch import EventTable
from pydlpar.rtas_input import Form, file_pieces, look_into
from pydlpar.rtas_log import detect_records
from pydlpar.rtas_places import Gathered
from pydlpar.rtas_text import TextScanner

__all__ = ["EventStream", "read_logs"]

Reader = Callable[[bytes], bytes]
"""The contents of a file to the events in it, back to back."""

_BATCH_BYTES = 16 << 20


class EventStream:
    """Tables of the events of many files; an Arrow stream, too.

    Every iteration reads the files anew and holds one table at a time. Arrow's
    consumers, `polars.DataFrame(stream)` and the like, get all tables at once.

    Attributes:
        paths: of the files.
        rejected: of the last iteration, the files that hold no events or cannot
            be read to their end, each with its error; only with `strict=False`.
    """

    def __init__(
        self,
        paths: Iterable[Path],
        strict: bool,
        batch_bytes: int,
        reader: Reader | None,
    ) -> None:
        self.paths = tuple(paths)
        self.rejected: list[tuple[Path, EventError | OSError]] = []
        self._strict = strict
        self._batch_bytes = batch_bytes
        self._reader = reader

    def __iter__(self) -> Iterator[EventTable]:
        self.rejected = []
        gathered = Gathered(self._strict)
        for path in self.paths:
            try:
                for _ in self._gather(path, gathered):
                    if gathered.size >= self._batch_bytes:
                        yield gathered.table()
            except (EventError, OSError) as error:
                if not self._strict:
                    self.rejected.append((path, error))
                elif isinstance(error, EventError):
                    raise EventError(
                        f"{path}: {error}", error.code, error.offset, error.row
                    ) from error
                else:
                    raise
        if gathered.rows:
            yield gathered.table()

    def _gather(self, path: Path, gathered: Gathered) -> Iterator[None]:
        """Take the events of a file; each step is a place to end a table."""
        name = str(path)
        if self._reader is not None:
            data = self._reader(path.read_bytes())
            gathered.log(data, Carrier.RTAS, 0, name)
            yield
            return
        with path.open("rb") as file:
            form, pieces = look_into(file_pieces(file))
            if form is Form.LOG:
                data = b"".join(pieces)
                gathered.log(data, *detect_records(data), name)
                yield
                return
            found = 0

            def take(out: Any) -> None:
                nonlocal found
                found += out.n_found
                gathered.text(out, name)

            scanner = TextScanner()
            for piece in pieces:
                scanner.feed_into(piece, take)
                yield
            scanner.finish_into(take)
            yield
            if not found:
                raise EventError(_NOTHING[form])

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


_NOTHING = {
    Form.TEXT: "no RTAS event in the text, expected a log or a hex dump",
    Form.STRANGE: "neither RTAS events nor text",
}


def read_logs(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    strict: bool = False,
    batch_bytes: int = _BATCH_BYTES,
    reader: Reader | None = None,
) -> EventStream:
    """The events of files, and of all files in and below directories.

    What a file holds is detected: RTAS events; a platform event log of OPAL or a
    BMC, bare or as an extended SEL record; records of an `error_log`; or text: a
    log, a hex dump; each gzipped, too. In a table, `source`, `place` and `line`
    say where an event was found.

    Args:
        paths: one path or several; files of a directory are taken in the order
            of their names.
        strict: True raises for the first damaged event or file. False gives
            damaged events and damaged lines rows, as `decode_text` does, and
            notes files without events, and what cannot be read, in `.rejected`.
        batch_bytes: a table ends with the piece of a file (1 MiB of a text, all
            of a log in binary) that reaches this many bytes.
        reader: for other files: gets the contents of each, gives the events in
            it, back to back.

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

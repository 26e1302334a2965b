"""Events as a file of Apache Arrow."""

from __future__ import annotations

import importlib
from typing import Any

import click

from pydlpar.cli.decode_input import Found
from pydlpar.cli.output import write_file
from pydlpar.cli.sources import InputError
from pydlpar.cli.words import counted
from pydlpar.rtas_batch import EventTable

__all__ = ["ArrowWriter"]

_BATCH_BYTES = 16 << 20


class ArrowWriter:
    """Collects the columns of events; the file is written whole at the end.

    The columns are those of `EventTable`. A log that begins at PH has no fixed
    part, and so no row.
    """

    def __init__(self, path: str) -> None:
        try:
            self._arrow: Any = importlib.import_module("pyarrow")
        except ModuleNotFoundError:
            raise InputError(
                "--arrow needs 'pyarrow': pip install 'pydlpar[arrow]'"
            ) from None
        self._path = path
        self._parts: list[bytearray] = []
        self._files: list[str] = []
        self._size = 0
        self._batches: list[Any] = []
        self._headless = 0

    def event(self, found: Found) -> None:
        """One row."""
        if found.event.version is None:
            self._headless += 1
            return
        raw = found.event.raw
        if self._files and self._files[-1] == found.file:
            self._parts[-1] += raw
        else:
            self._parts.append(bytearray(raw))
            self._files.append(found.file)
        self._size += len(raw)
        if self._size >= _BATCH_BYTES:
            self._batch()

    def _batch(self) -> None:
        table = EventTable(list(map(bytes, self._parts)), self._files, False)
        self._batches.append(self._arrow.record_batch(table))
        self._parts, self._files, self._size = [], [], 0

    def flush(self) -> None:
        """Nothing is shown before the end."""

    def end(self) -> None:
        """Write the file. A file has one dictionary a column, for all batches."""
        if self._parts or not self._batches:
            self._batch()
        arrow = self._arrow
        table = arrow.Table.from_batches(self._batches).unify_dictionaries()
        sink = arrow.BufferOutputStream()
        with arrow.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        write_file(self._path, sink.getvalue().to_pybytes())
        if self._headless:
            logs = counted(self._headless, "log")
            click.echo(
                f"pydlpar: {logs} without RTAS header left out: Arrow's columns "
                "are those of RTAS events (see --ndjson)",
                err=True,
            )

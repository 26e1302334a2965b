"""Events as a file of Apache Arrow."""

from __future__ import annotations

import importlib
from typing import Any

from pydlpar.cli.decode_input import Found
from pydlpar.cli.inputs import InputError
from pydlpar.cli.output import write_file
from pydlpar.rtas_places import Gathered

__all__ = ["ArrowWriter"]

_BATCH_BYTES = 16 << 20


class ArrowWriter:
    """Collects the columns of events; the file is written whole at the end.

    The columns are those of `EventTable`.
    """

    def __init__(self, path: str) -> None:
        try:
            self._arrow: Any = importlib.import_module("pyarrow")
        except ModuleNotFoundError:
            raise InputError(
                "--arrow needs 'pyarrow': pip install 'pydlpar[arrow]'"
            ) from None
        self._path = path
        self._gathered = Gathered(strict=False)
        self._batches: list[Any] = []

    def event(self, found: Found) -> None:
        """One row."""
        self._gathered.event(found.event, found.file, found.line, found.byte)
        if self._gathered.size >= _BATCH_BYTES:
            self._batch()

    def _batch(self) -> None:
        self._batches.append(self._arrow.record_batch(self._gathered.table()))

    def flush(self) -> None:
        """Nothing is shown before the end."""

    def end(self) -> None:
        """Write the file. A file has one dictionary a column, for all batches."""
        if self._gathered.rows or not self._batches:
            self._batch()
        arrow = self._arrow
        table = arrow.Table.from_batches(self._batches).unify_dictionaries()
        sink = arrow.BufferOutputStream()
        with arrow.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        write_file(self._path, sink.getvalue().to_pybytes())

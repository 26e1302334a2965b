"""Where the command puts its output: standard output, and files replaced whole."""

from __future__ import annotations

import gzip
import os
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path

import click

from pydlpar.cli.inputs import STDIN, InputError
from pydlpar.cli.words import visible

__all__ = ["Screen", "write_bytes", "write_file"]

_MODE = 0o644
_LINES = 512
# What makes Rich take for a terminal what is none.
_FORCES = frozenset({"FORCE_COLOR", "TTY_COMPATIBLE"})


class Screen:
    """Standard output for people: lines with colours, where it has them.

    Rich decides whether it has them (NO_COLOR, FORCE_COLOR, TERM); it takes too long
    over the hundred thousand lines of a large tree to write them.

    Attributes:
        width: columns of the terminal; None where output is no terminal.
    """

    def __init__(self) -> None:
        if not sys.stdout.isatty() and os.environ.keys().isdisjoint(_FORCES):
            self._colour = False
            self._encoding = sys.stdout.encoding or "utf-8"
            self.width: int | None = None
            return
        # Takes longer to load than a small log to decode.
        from rich.console import Console

        console = Console()
        self._colour = console.color_system is not None and not console.no_color
        self._encoding = console.encoding
        self.width = console.width if console.is_terminal else None

    def paint(self, text: str, style: str) -> str:
        """Text in a style: words of colours, `bold` and `dim`. It must be visible."""
        if not self._colour or not style:
            return text
        colours = [word for word in style.split() if word not in ("bold", "dim")]
        return click.style(
            text,
            fg=colours[0] if colours else None,
            bold="bold" in style or None,
            dim="dim" in style or None,
        )

    def visible(self, text: str) -> str:
        """Text that a terminal can be given: no control characters."""
        return visible(text, self._encoding)

    def visible_line(self, line: str) -> str:
        """The same of a line that tabs indent."""
        return "\t".join(map(self.visible, line.split("\t")))

    def write_styled(self, lines: Iterable[tuple[str, str]]) -> None:
        """Write lines, each all of one style."""
        self.write(self.paint(self.visible_line(line), style) for line, style in lines)

    def write(self, lines: Iterable[str]) -> None:
        """Write lines, many at a time."""
        rest = iter(lines)
        while chunk := list(islice(rest, _LINES)):
            click.echo("\n".join(chunk), color=self._colour)


def write_bytes(data: bytes) -> None:
    """Write bytes as they are to standard output."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def write_file(path: str, data: bytes, *, packed: bool = False) -> None:
    """Replace a file whole: whoever reads it sees the old or the new content.

    Args:
        path: file, whose mode is kept if it exists; `-` is standard output.
        data: its content.
        packed: gzip it; so is a file named `*.gz`.

    Raises:
        InputError: it cannot be written.
    """
    if packed or path.endswith(".gz"):
        data = gzip.compress(data, mtime=0)
    if path == STDIN:
        write_bytes(data)
        return
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(data)  # a device or a pipe stays what it is
            return
        mode = target.stat().st_mode & 0o7777 if target.exists() else _MODE
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(name, mode)
            os.replace(name, target)
        except OSError:
            with suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None

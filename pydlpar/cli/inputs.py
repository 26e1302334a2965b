"""What every command says of its input; it loads little, for a quick start."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pydlpar.cli.words import visible

__all__ = ["STDIN", "InputError", "MissingError", "read_bytes", "shown_path"]

STDIN = "-"


class InputError(click.ClickException):
    """What was given cannot be used. Exit status 2."""

    exit_code = 2

    def show(self, file: object = None) -> None:
        """One line on standard error, which names from a tree cannot break."""
        del file
        text = visible(self.format_message(), "utf-8")
        click.echo(f"pydlpar: {text}", err=True)


class MissingError(InputError):
    """The tree has no such node or property. Exit status 1."""

    exit_code = 1


def read_bytes(path: str) -> bytes:
    """A file, or standard input, whole."""
    try:
        if path == STDIN:
            return sys.stdin.buffer.read()
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None


def shown_path(path: str) -> str:
    """A source as messages name it."""
    return "standard input" if path == STDIN else path

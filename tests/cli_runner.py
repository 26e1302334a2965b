"""Run `pydlpar tree` in process, as somebody at a terminal or in a pipe does."""

from __future__ import annotations

from click.testing import CliRunner, Result

from pydlpar.cli.app import app

__all__ = ["tree_command"]


def tree_command(*arguments: object, stdin: bytes | None = None) -> Result:
    """`pydlpar tree ARGUMENTS`; output is no terminal, so there are no colours."""
    return CliRunner().invoke(app, ["tree", *map(str, arguments)], input=stdin)

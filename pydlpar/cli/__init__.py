"""The `pydlpar` command."""

from __future__ import annotations

import sys
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Entry point of the `pydlpar` command."""
    try:
        from pydlpar.cli.app import app
    except ModuleNotFoundError as error:
        if error.name not in ("click", "rich"):
            raise
        sys.exit(
            f"pydlpar: the command needs {error.name!r}: pip install 'pydlpar[cli]'"
        )
    app()
    raise SystemExit(0)

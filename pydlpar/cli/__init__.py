"""The `pydlpar` command."""

from __future__ import annotations

import sys
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Entry point of the `pydlpar` command."""
    try:
        from pydlpar.cli.app import app

        # What a command needs is loaded when it needs it.
        app()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in ("click", "rich"):
            raise
        sys.exit(f"pydlpar: the command needs {package!r}: pip install 'pydlpar[cli]'")
    raise SystemExit(0)

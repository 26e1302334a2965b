"""Where the codec's C files lie, for programs that use it without Python.

    cc -O2 -I"$(python -c 'import pydlpar; print(pydlpar.get_include())')" \\
        -o program program.c \\
        $(python -c 'import pydlpar; print(*pydlpar.get_sources())')
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["get_include", "get_sources"]

_PACKAGE = Path(__file__).resolve().parent


def _directory() -> Path:
    """Within the package when installed, beside it in a checkout."""
    places = (_PACKAGE / "csrc", _PACKAGE.parent / "csrc")
    for place in places:
        if (place / "dlpar.h").is_file():
            return place
    raise FileNotFoundError(f"dlpar.h: neither in {places[0]} nor in {places[1]}")


def get_include() -> str:
    """The directory to give to the C compiler with `-I`: that of `dlpar.h`.

    Raises:
        FileNotFoundError: this installation came without the C files.
    """
    return str(_directory())


def get_sources() -> list[str]:
    """The C files to compile with a program that includes `dlpar.h`.

    C11, no other libraries, no flags needed; each file compiles by itself.

    Raises:
        FileNotFoundError: this installation came without the C files.
    """
    return [str(path) for path in sorted(_directory().glob("*.c"))]

"""Types of options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from pydlpar.errors import ArgumentError
from pydlpar.request import DIALECTS, release_of
from pydlpar.sizes import parse_size

__all__ = ["LINES", "RELEASE", "SIZE"]

LINES = f"{', '.join(DIALECTS)}, or any release from 4.1 on"
"""What may be a `RELEASE`, for help texts."""


class _Checked(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """What a function of the library takes; its error is the option's."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self._read = read

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except ArgumentError as error:
            self.fail(str(error), param, ctx)


def _known(release: str) -> str:
    release_of(release)
    return release


SIZE = _Checked("size", parse_size)
"""A size in bytes, as 512M or 1G."""

RELEASE = _Checked("release", _known)
"""A dialect: one of the lines, or a release of Linux."""

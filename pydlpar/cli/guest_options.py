"""Options of the commands that boot a guest, and what they say of its errors."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from pydlpar import DlparError, Guest
from pydlpar.cli.inputs import InputError
from pydlpar.cli.words import visible
from pydlpar.platforms.guest_packages import KERNELS
from pydlpar.platforms.qemu import PROGRAM

__all__ = ["FailedError", "booted", "cache_option", "guest_options"]

Command = Callable[..., Any]

_MIB = 1 << 20

cache_option = click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where fetched files are kept. Default: pydlpar/guest in XDG_CACHE_HOME.",
)


class FailedError(InputError):
    """The machine failed, or there is none. Exit status 3."""

    exit_code = 3

    def show(self, file: object = None) -> None:
        """On standard error, with the lines of the guest's console."""
        del file
        lines = self.format_message().split("\n")
        text = "\n".join(visible(line, "utf-8") for line in lines)
        click.echo(f"pydlpar: {text}", err=True)


_OPTIONS = (
    click.option(
        "--linux",
        "line",
        type=click.Choice(list(KERNELS)),
        default="6.12",
        show_default=True,
        help="Line of Linux, as `pydlpar guest fetch` got it.",
    ),
    click.option(
        "--kernel",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A vmlinux of your own instead.",
    ),
    click.option(
        "--initrd",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="An initial file system of your own, below the one that is made.",
    ),
    click.option(
        "--add",
        multiple=True,
        metavar="FILE[:PATH]",
        help="A file or directory for the guest, by its PATH there; default: the same "
        "as here. May be repeated.",
    ),
    cache_option,
    click.option("--cpus", type=click.IntRange(1), default=2, show_default=True),
    click.option("--max-cpus", type=click.IntRange(1), default=16, show_default=True),
    click.option(
        "--memory", type=click.IntRange(1), default=1024, show_default="1024, in MiB"
    ),
    click.option(
        "--max-memory", type=click.IntRange(1), default=8192, show_default="8192"
    ),
    click.option(
        "--device",
        "devices",
        multiple=True,
        metavar="DEVICE",
        help="A device at the start, as after QEMU's -device. May be repeated.",
    ),
    click.option("--append", default="", help="More words for the kernel."),
    click.option("--qemu", default=PROGRAM, show_default=True, metavar="PROGRAM"),
    click.option(
        "--deadline",
        type=click.FloatRange(0, min_open=True),
        default=60.0,
        show_default=True,
        help="Seconds that anything in the guest may take.",
    ),
    click.option(
        "--boot-deadline",
        type=click.FloatRange(0, min_open=True),
        default=240.0,
        show_default=True,
        help="Seconds that its boot may take.",
    ),
)


def guest_options(command: Command) -> Command:
    """Add the options of a guest to a command, which gets them as `booted` does."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@contextmanager
def booted(
    *,
    memory: int,
    max_memory: int,
    add: Sequence[str],
    qemu: str,
    **options: Any,
) -> Iterator[Guest]:
    """A guest as the options want it, and its errors in a line.

    Raises:
        InputError: an option cannot be used, or what it needs is not there.
        FailedError: the machine failed.
    """
    try:
        with Guest(
            memory=memory * _MIB,
            max_memory=max_memory * _MIB,
            add=dict(_added(text) for text in add),
            program=qemu,
            **options,
        ) as guest:
            yield guest
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}") from None
    except DlparError as error:
        raise FailedError(str(error)) from None


def _added(text: str) -> tuple[str, Path]:
    source, _, path = text.partition(":")
    if not Path(source).exists():
        raise InputError(f"--add {text}: there is no {source}")
    return (path or os.path.abspath(source)).lstrip("/"), Path(source)

"""Device tree source to a blob, by running dtc.

Source is a language with includes, expressions and references: dtc is what defines
it, and is not written anew here.
"""

from __future__ import annotations

import errno
import os
import re
import warnings
from collections.abc import Iterable
from typing import NamedTuple, NoReturn

from pydlpar.errors import ArgumentError, DtsError, DtsWarning
from pydlpar.names import Buffer, as_bytes, check_u32

__all__ = ["DtsMessage", "Source", "compile_source", "read_messages"]

Source = str | Buffer | os.PathLike[str]

# A property `name` that repeats the node's name is kept: firmware has one in every
# node, and a tree is not to lose properties on its way through source.
_COMMAND = ("-I", "dts", "-O", "dtb")
_KEEP_NAMES = ("-E", "no-name_properties", "-W", "no-name_properties")

_KIND = re.compile(
    r"\b(?:(?P<error>fatal error|lexical error|error)|warning)"
    r"(?: \((?P<check>\w+)\))?: ",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"(?:[\w ]+: )?(?P<file>[^\"]+?):(?P<line>\d+)\.(?P<column>\d+)(?:-\S+)? "
)


class DtsMessage(NamedTuple):
    """What dtc said of a source.

    Attributes:
        text: the message as dtc wrote it; lines that continue it included.
        error: whether it is an error; else a warning.
        check: the name of dtc's check that failed, or None.
        file: where it is; `<stdin>` for source given as text. None where dtc gave
            no place, as are the two that follow.
        line: from 1.
        column: from 1.
    """

    text: str
    error: bool
    check: str | None = None
    file: str | None = None
    line: int | None = None
    column: int | None = None


def _message(text: str, failed: bool) -> DtsMessage:
    kind, place = _KIND.search(text), _PLACE.match(text)
    return DtsMessage(
        text,
        error=bool(kind["error"]) if kind else failed,
        check=kind["check"] if kind else None,
        file=place["file"] if place else None,
        line=int(place["line"]) if place else None,
        column=int(place["column"]) if place else None,
    )


def read_messages(stderr: bytes, failed: bool) -> tuple[DtsMessage, ...]:
    """The messages of a run of dtc; *failed* tells what those without a kind are."""
    found: list[str] = []
    for line in stderr.decode("utf-8", "backslashreplace").splitlines():
        if found and line[:1].isspace():
            found[-1] += f"\n{line}"
        elif line:
            found.append(line)
    return tuple(_message(text, failed) for text in found)


def _fail(status: int, messages: tuple[DtsMessage, ...]) -> NoReturn:
    errors = tuple(message for message in messages if message.error)
    ended = f"signal {-status}" if status < 0 else f"status {status}"
    text = "\n".join(message.text for message in errors) or f"it ended with {ended}"
    raise DtsError(f"dtc: {text}", messages)


def _run(
    command: list[str], text: bytes | None, timeout: float | None
) -> tuple[int, bytes, bytes]:
    import subprocess  # by those alone who compile: it is slow to import

    try:
        run = subprocess.run(
            command,
            input=text if text is not None else b"",
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError:
        raise FileNotFoundError(
            errno.ENOENT,
            "dtc is not installed; it compiles device tree source "
            "(Debian, Ubuntu: package device-tree-compiler; Fedora: dtc)",
            command[0],
        ) from None
    except subprocess.TimeoutExpired:
        raise DtsError(f"dtc: no answer within {timeout} s") from None
    return run.returncode, run.stdout, run.stderr


def compile_source(
    source: Source,
    *,
    include: Iterable[str | os.PathLike[str]] = (),
    symbols: bool = False,
    force: bool = False,
    boot_cpu: int | None = None,
    dtc: str | os.PathLike[str] = "dtc",
    timeout: float | None = None,
    stacklevel: int = 2,
) -> bytes:
    """A blob from source; see `DeviceTree.from_dts()`.

    Args:
        stacklevel: as of `warnings.warn()`: whose line the warnings name.
    """
    command = [os.fspath(dtc), *_COMMAND, *_KEEP_NAMES]
    for folder in include:
        command += ["-i", os.fspath(folder)]
    if symbols:
        command.append("-@")
    if force:
        command.append("-f")
    if boot_cpu is not None:
        command += ["-b", str(check_u32(boot_cpu, "boot CPU"))]
    text: bytes | None = None
    if isinstance(source, os.PathLike):
        # "-" would be standard input.
        command += ["--", os.path.join(os.curdir, source)]
    elif isinstance(source, str):
        text = _encode(source)
    else:
        text = as_bytes(source, "device tree source")
    status, blob, stderr = _run(command, text, timeout)
    messages = read_messages(stderr, status != 0)
    if status:
        _fail(status, messages)
    for message in messages:
        warnings.warn(f"dtc: {message.text}", DtsWarning, stacklevel=stacklevel)
    return blob


def _encode(source: str) -> bytes:
    try:
        return source.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise ArgumentError(
            f"device tree source: character {error.start} stands for no byte"
        ) from None

"""Where the command takes its input from: trees, requests, events, devices.

Everything is read before anything is done. Input that cannot be read or understood
raises `InputError`: one line that says where and what was expected.
"""

from __future__ import annotations

import gzip
import re
import sys
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

import click

from pydlpar import (
    DeviceTree,
    EventError,
    Firmware,
    PlatformError,
    TreeError,
    decode_event,
)
from pydlpar.data import default_tree_bytes
from pydlpar.rtas import events_from_hex

__all__ = [
    "InputError",
    "Step",
    "plug",
    "read_events",
    "read_requests",
    "read_tree",
]

STDIN = "-"
_GZIP = b"\x1f\x8b"
_EVENT_VERSIONS = range(1, 16)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE = re.compile(r"(0[xX][0-9a-fA-F]+|[0-9]+)([KMGT]?)(?:i?B)?", re.IGNORECASE)


class InputError(click.ClickException):
    """What was given cannot be used. Exit status 2."""

    exit_code = 2

    def show(self, file: object = None) -> None:
        """One line on standard error."""
        del file
        click.echo(f"pydlpar: {self.format_message()}", err=True)


class Step(NamedTuple):
    """One thing to carry out.

    Attributes:
        data: text as written to `/sys/kernel/dlpar`, or an event's bytes.
        is_event: which of the two.
        origin: where it came from, as `FILE:LINE`; empty for an argument.
    """

    data: bytes
    is_event: bool
    origin: str


def _read(path: str) -> bytes:
    try:
        if path == STDIN:
            return sys.stdin.buffer.read()
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None


def _shown(path: str) -> str:
    return "standard input" if path == STDIN else path


def read_tree(path: str | None) -> DeviceTree:
    """The tree of a blob (gzipped or not) or a directory; the embedded one if None."""
    if path is None:
        return DeviceTree.from_dtb(default_tree_bytes())
    if path != STDIN and Path(path).is_dir():
        try:
            return DeviceTree.from_filesystem(path)
        except OSError as error:
            raise InputError(f"{error.filename}: {error.strerror}") from None
    data = _read(path)
    if data.startswith(_GZIP):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{_shown(path)}: damaged gzip data: {error}") from None
    try:
        return DeviceTree.from_dtb(data)
    except TreeError as error:
        raise InputError(
            f"{_shown(path)}: {error}; expected a flattened device tree"
        ) from None


def read_requests(path: str) -> Iterator[Step]:
    """The requests of a file, one a line; blank lines and `#` comments are skipped.

    The newline is part of a request, as when it is echoed into the file.
    """
    for number, line in enumerate(_read(path).splitlines(keepends=True), 1):
        if line.strip() and not line.lstrip().startswith(b"#"):
            yield Step(line, False, f"{_shown(path)}:{number}")


def read_events(path: str) -> Iterator[Step]:
    """The events of a file: RTAS logs back to back, binary or as a hex dump."""
    data = _read(path)
    shown = _shown(path)
    if not data:
        raise InputError(f"{shown}: empty, expected RTAS events")
    if data[0] not in _EVENT_VERSIONS or data[:2].isspace():
        data = _from_dump(data, shown)
    offset = number = 0
    while offset < len(data):
        number += 1
        try:
            event = decode_event(data[offset:])
        except EventError as error:
            where = f"event {number}, which begins at byte {offset}"
            raise InputError(f"{shown}: {where}: {error}") from None
        if event.hotplug is None:
            kind = event.section("hdr").type
            raise InputError(
                f"{shown}: event {number} (type {kind:#04x}) has no "
                "hotplug section, expected a hotplug event"
            )
        yield Step(event.raw, True, f"{shown}, event {number}")
        offset += len(event.raw)


def _from_dump(data: bytes, shown: str) -> bytes:
    try:
        return events_from_hex(data.decode("ascii"))
    except UnicodeDecodeError as error:
        raise InputError(
            f"{shown}: byte {error.start} is {data[error.start]:#04x}, expected RTAS "
            "events (binary, first byte 1 to 15) or their hex dump"
        ) from None
    except EventError as error:
        raise InputError(f"{shown}: {error}") from None


def _size(text: str, spec: str) -> int:
    match = _SIZE.fullmatch(text)
    if match is None:
        _bad_plug(spec, f"size {text!r}")
    return int(match[1], 0) * _UNITS[match[2].upper()]


def _number(text: str, spec: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        _bad_plug(spec, f"number {text!r}")


def _bad_plug(spec: str, what: str) -> NoReturn:
    raise InputError(
        f"--plug {spec}: {what}, expected cpu[=CORE] or memory=SIZE[@ADDRESS], "
        "as cpu, cpu=6, memory=1G, memory=512M@0x180000000"
    )


def plug(firmware: Firmware, specs: Iterable[str]) -> None:
    """Plug what `--plug` names."""
    for spec in specs:
        kind, _, value = spec.partition("=")
        try:
            if kind == "cpu":
                firmware.plug_cpu(_number(value, spec) if value else None)
            elif kind == "memory" and value:
                size, _, address = value.partition("@")
                firmware.plug_memory(
                    _size(size, spec), addr=_number(address, spec) if address else None
                )
            else:
                _bad_plug(spec, "not understood")
        except PlatformError as error:
            raise InputError(f"--plug {spec}: {error}") from None

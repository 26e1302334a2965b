"""Where the command takes its input from: trees, requests, events, devices.

Everything is read before anything is done. Input that cannot be read or understood
raises `InputError`: one line that says where and what was expected.
"""

from __future__ import annotations

import gzip
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

from pydlpar import (
    DeviceTree,
    DlparError,
    DtsWarning,
    EventError,
    Node,
    TreeError,
    decode_event,
)
from pydlpar.cli.inputs import (
    STDIN,
    InputError,
    MissingError,
    read_bytes,
    shown_path,
)
from pydlpar.cli.words import counted, visible
from pydlpar.data import default_tree_bytes
from pydlpar.rtas import events_from_hex

__all__ = [
    "EMBEDDED",
    "STDIN",
    "InputError",
    "MissingError",
    "Source",
    "Step",
    "compile_tree",
    "is_directory",
    "is_text",
    "node_at",
    "read_blob",
    "read_bytes",
    "read_events",
    "read_requests",
    "read_source",
    "read_tree",
    "shown_path",
]

EMBEDDED = "@pseries"
"""What the tree of the embedded machine is called where a file is expected."""
_GZIP = b"\x1f\x8b"
_TEXT = b"/dts-v1/"
_TEXT_SUFFIXES = (".dts", ".dtso")
_EVENT_VERSIONS = range(1, 16)


class Source(NamedTuple):
    """A tree and where it came from.

    Attributes:
        tree: the tree.
        shown: its source, as messages name it.
        path: the file it can be written back to; None where it is no file.
        packed: whether the file is gzipped.
    """

    tree: DeviceTree
    shown: str
    path: Path | None
    packed: bool


class Step(NamedTuple):
    """One thing to carry out.

    Attributes:
        data: text as written to `/sys/kernel/dlpar`, or an event's bytes.
        is_event: which of the two.
        origin: where it came from, as `FILE:LINE`; empty for an argument.
        is_named: the text names what it means, as `Resolver` reads it.
    """

    data: bytes
    is_event: bool
    origin: str
    is_named: bool = False


def read_blob(path: str) -> tuple[bytes, bool]:
    """The bytes of a blob, unpacked, and whether they were gzipped."""
    if path == EMBEDDED:
        return default_tree_bytes(), False
    data = read_bytes(path)
    if not data.startswith(_GZIP):
        return data, False
    try:
        return gzip.decompress(data), True
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{shown_path(path)}: damaged gzip data: {error}") from None


def is_text(path: str, data: bytes) -> bool:
    """Whether a source is text for dtc: by its name, or by how it begins."""
    named = path.removesuffix(".gz").endswith(_TEXT_SUFFIXES)
    return named or data.lstrip().startswith(_TEXT)


def compile_tree(
    path: str, data: bytes, *, packed: bool, symbols: bool = False
) -> DeviceTree:
    """The tree of a source text, by dtc; that dtc warns is told on standard error.

    Args:
        path: where the text is, next to what it includes.
        data: what was read there, unpacked.
        packed: whether the file is gzipped, so that dtc cannot read it itself.
        symbols: keep the labels, for overlays.

    Raises:
        InputError: there is no dtc, or it refuses the text.
    """
    shown = shown_path(path)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", DtsWarning)
        try:
            source = data if packed or path == STDIN else Path(path)
            tree = DeviceTree.from_dts(source, symbols=symbols)
        except FileNotFoundError as error:
            raise InputError(f"{shown}: {error.strerror}") from None
        except DlparError as error:
            raise InputError(f"{shown}: {_one_line(error)}") from None
    if told:
        count = counted(len(told), "warning")
        text = f"{shown}: {count}, the first: {_one_line(told[0].message)}"
        click.echo(f"pydlpar: {visible(text, 'utf-8')}", err=True)
    return tree


def _one_line(error: object) -> str:
    return "; ".join(str(error).split("\n"))


def read_source(path: str, *, symbols: bool = False) -> Source:
    """The tree of a blob (gzipped or not), text, a directory, or the embedded one.

    Args:
        path: where it is.
        symbols: keep the labels of text, for overlays.
    """
    shown = shown_path(path)
    if is_directory(path):
        try:
            tree = DeviceTree.from_filesystem(path)
        except OSError as error:
            raise InputError(f"{error.filename}: {error.strerror}") from None
        except DlparError as error:
            raise InputError(f"{shown}: {error}") from None
        return Source(tree, shown, None, False)
    data, packed = read_blob(path)
    if is_text(path, data):
        tree = compile_tree(path, data, packed=packed, symbols=symbols)
        return Source(tree, shown, None, False)
    try:
        tree = DeviceTree.from_dtb(data)
    except TreeError as error:
        raise InputError(
            f"{shown}: {error}; expected a flattened device tree, or text "
            "that begins with /dts-v1/"
        ) from None
    except DlparError as error:
        raise InputError(f"{shown}: {error}") from None
    is_file = path not in (STDIN, EMBEDDED)
    return Source(tree, shown, Path(path) if is_file else None, packed)


def is_directory(path: str) -> bool:
    """Whether a source is a directory such as /proc/device-tree."""
    return path not in (STDIN, EMBEDDED) and Path(path).is_dir()


def read_tree(path: str | None) -> DeviceTree:
    """The tree of a source; the embedded one if None."""
    return read_source(EMBEDDED if path is None else path).tree


def node_at(source: Source, path: str) -> Node:
    """The node of a path.

    Raises:
        MissingError: there is none.
        InputError: the path is none.
    """
    try:
        node = source.tree.get(path)
    except DlparError as error:
        raise InputError(f"{source.shown}: {error}, expected one as /cpus") from None
    if node is None:
        raise MissingError(f"{source.shown}: no node {path}")
    return node


def read_requests(path: str) -> Iterator[Step]:
    """The requests of a file, one a line; blank lines and `#` comments are skipped.

    The newline is part of a request, as when it is echoed into the file.
    """
    for number, line in enumerate(read_bytes(path).splitlines(keepends=True), 1):
        if line.strip() and not line.lstrip().startswith(b"#"):
            yield Step(line, False, f"{shown_path(path)}:{number}")


def read_events(path: str) -> Iterator[Step]:
    """The events of a file: RTAS logs back to back, binary or as a hex dump."""
    data = read_bytes(path)
    shown = shown_path(path)
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
    if not data[:1].isascii():
        raise InputError(
            f"{shown}: byte 0 is {data[0]:#04x}, expected RTAS events (binary, first "
            "byte 1 to 15), their hex dump or a log"
        )
    try:
        return events_from_hex(data)
    except EventError as error:
        raise InputError(f"{shown}: {error}") from None

"""Property values as text: for the eye, and of a type that the caller names."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from typing import Any

from pydlpar.cli.sources import InputError, read_bytes

__all__ = ["KINDS", "decode", "encode", "json_value", "pieces", "strings_of"]

KINDS = ("string", "strings", "u8", "u16", "u32", "u64", "cells", "hex", "raw")
"""What a value can be asked for, or given, as."""

_WIDTHS = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "cells": 4}
_CELL = 4
_BARE = 9
"""The last number that is the same in hexadecimal and decimal."""

_COUNTED = ("ibm,drc-names", "ibm,drc-types")
"""A cell with the number of strings, then the strings (LoPAR 2.9)."""

_PRINTABLE = re.compile(rb"(?:[\x20-\x7e]+\0)+")
_HEX = re.compile(r"(?:0[xX])?([0-9a-fA-F]*)")

Piece = tuple[str, str]
"""Some text and its style."""


def strings_of(value: bytes) -> list[str] | None:
    """The strings of a value that looks like some: each printable and terminated."""
    if not _PRINTABLE.fullmatch(value):
        return None
    return value[:-1].decode("ascii").split("\0")


def _quoted(text: str) -> Piece:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"', "green"


def pieces(name: str, value: bytes, most: int | None) -> Iterator[Piece]:
    """A value as lsprop shows it: strings where it is printable, else hexadecimal.

    Args:
        name: of the property.
        value: what it has.
        most: bytes to show before the rest is left out; None is all.
    """
    strings = strings_of(value)
    if strings is None and name in _COUNTED and len(value) > _CELL:
        strings = strings_of(value[_CELL:])
        if strings is not None:
            yield f"{value[:_CELL].hex()}", "yellow"
    if strings is not None:
        yield from _some_strings(strings, most)
    else:
        step = _CELL if len(value) % _CELL == 0 else 1
        shown = value if most is None else value[:most]
        for at in range(0, len(shown), step):
            yield shown[at : at + step].hex(), "yellow"
        if len(value) == _CELL and (number := int.from_bytes(value, "big")) > _BARE:
            yield f"({number})", "dim"
    if most is not None and len(value) > most:
        yield f"... {len(value)} bytes", "dim"


def _some_strings(strings: Sequence[str], most: int | None) -> Iterator[Piece]:
    """Whole strings, but for a first one that is too long by itself."""
    shown = 0
    for text in strings:
        if most is not None and shown + len(text) > most:
            if not shown:
                yield _quoted(text[:most])
            return
        shown += len(text) + 1
        yield _quoted(text)


def json_value(name: str, value: bytes) -> dict[str, Any]:
    """A property as a JSON object: always `hex`; else what it looks like."""
    strings = strings_of(value)
    cells = None
    if strings is None and value and len(value) % _CELL == 0:
        cells = list(struct.unpack(f">{len(value) // _CELL}I", value))
    return {
        "name": name,
        "length": len(value),
        "hex": value.hex(),
        "strings": strings,
        "cells": cells,
    }


def decode(value: bytes, kind: str, where: str) -> list[str] | list[int]:
    """A value as what the caller says that it is; `raw` is not for here.

    Raises:
        InputError: it is not.
    """
    if kind in ("string", "strings"):
        return _decode_strings(value, kind, where)
    if kind == "hex":
        return [value.hex()]
    width = _WIDTHS[kind]
    if len(value) % width:
        raise InputError(
            f"{where}: {len(value)} bytes, expected a multiple of {width} for {kind}"
        )
    return [
        int.from_bytes(value[at : at + width], "big")
        for at in range(0, len(value), width)
    ]


def _decode_strings(value: bytes, kind: str, where: str) -> list[str]:
    if not value and kind == "strings":
        return []
    if not value or value[-1]:
        raise InputError(f"{where}: no NUL at its end, expected {kind}")
    found = value[:-1].split(b"\0")
    if kind == "string" and len(found) > 1:
        raise InputError(f"{where}: {len(found)} strings, expected one")
    return [text.decode("utf-8", "surrogateescape") for text in found]


def encode(texts: Sequence[str], kind: str) -> bytes:
    """The value that words of the command line stand for; none is an empty value.

    Raises:
        InputError: one does not fit the type.
    """
    if not texts:
        return b""
    if kind in ("string", "raw") and len(texts) > 1:
        raise InputError(f"{len(texts)} values, expected one for {kind}")
    if kind == "raw":
        return read_bytes(texts[0])
    if kind in ("string", "strings"):
        return b"".join(_encode_string(text) for text in texts)
    if kind == "hex":
        return b"".join(_encode_hex(text) for text in texts)
    return b"".join(_encode_number(text, kind) for text in texts)


def _encode_string(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape") + b"\0"


def _encode_hex(text: str) -> bytes:
    match = _HEX.fullmatch(text)
    if match is None or len(match[1]) % 2:
        raise InputError(f"value {text!r}: expected pairs of hexadecimal digits")
    return bytes.fromhex(match[1])


def _encode_number(text: str, kind: str) -> bytes:
    width = _WIDTHS[kind]
    bits = 8 * width
    try:
        number = int(text, 16 if kind == "cells" else 0)
    except ValueError:
        base = "a hexadecimal number" if kind == "cells" else "a number"
        raise InputError(f"value {text!r}: expected {base} for {kind}") from None
    if not -(1 << bits - 1) <= number < 1 << bits:
        raise InputError(f"value {text!r}: expected at most {bits} bits for {kind}")
    return (number & (1 << bits) - 1).to_bytes(width, "big")

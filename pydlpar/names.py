"""Names and values on their way to the core and back: text and bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from functools import lru_cache

from pydlpar.errors import ArgumentError

__all__ = [
    "Buffer",
    "as_bytes",
    "check_place",
    "check_u32",
    "decode_name",
    "decode_props",
    "encode_name",
    "encode_props",
]

Buffer = bytes | bytearray | memoryview

_lengths = struct.Struct(">II")
U32_MAX = 0xFFFFFFFF

# Shapes of nodes that are remembered, and properties of one at most.
_SHAPES = 512
_SHAPE_MAX = 64


def encode_name(name: str) -> bytes:
    """The bytes of a node or property name; any byte survives a round trip."""
    try:
        return name.encode()
    except UnicodeEncodeError:
        pass
    try:
        return name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise ArgumentError(
            f"name {name!r}: character {error.start} stands for no byte"
        ) from None


def check_u32(value: int, what: str) -> int:
    """A number that fits into a cell.

    Raises:
        ArgumentError: it does not.
    """
    if not 0 <= value <= U32_MAX:
        raise ArgumentError(f"{what} {value}: expected 0 to {U32_MAX:#x}")
    return value


def check_place(first: bool, before: object, after: object) -> None:
    """At most one place is said.

    Raises:
        ArgumentError: more are.
    """
    if first + (before is not None) + (after is not None) > 1:
        raise ArgumentError("expected one of first=, before= and after=")


def decode_name(name: bytes) -> str:
    """The text of a node or property name."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("utf-8", "surrogateescape")


def as_bytes(value: Buffer, what: str = "a property value") -> bytes:
    """Bytes of any bytes-like object; never a guess at what a number might mean."""
    if type(value) is bytes:
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise TypeError(
        f"{what} is bytes-like, not {type(value).__name__}; set_u32() and "
        "set_string() encode numbers and text with their width"
    )


def encode_props(props: Mapping[str, Buffer]) -> bytes:
    """Properties as the stream that the core takes."""
    if len(props) > _SHAPE_MAX:
        return _encode_props(props)
    values = list(props.values())
    try:
        parts, size = _shape(tuple(props), tuple(map(len, values)))
        parts = parts.copy()
        parts[1::2] = values
        stream = b"".join(parts)
    except TypeError:  # a value that has no bytes
        return _encode_props(props)
    # Another size: a memoryview whose items have several bytes.
    return stream if len(stream) == size else _encode_props(props)


@lru_cache(_SHAPES)
def _shape(
    names: tuple[str, ...], lengths: tuple[int, ...]
) -> tuple[list[Buffer], int]:
    """The stream's parts with gaps for the values, and its size with them.

    Devices of a kind have the same names, and values of the same sizes.
    """
    parts: list[Buffer] = []
    for name, length in zip(names, lengths, strict=True):
        key = encode_name(name)
        parts += (_lengths.pack(len(key), length) + key, b"")
    return parts, sum(map(len, parts)) + sum(lengths)


def _encode_props(props: Mapping[str, Buffer]) -> bytes:
    """Of any number, and with values of any type that has bytes."""
    parts: list[bytes] = []
    add, pack = parts.append, _lengths.pack
    for name, value in props.items():
        try:
            key = name.encode()
        except UnicodeEncodeError:
            key = encode_name(name)
        data = value if type(value) is bytes else as_bytes(value)
        add(pack(len(key), len(data)))
        add(key)
        add(data)
    return b"".join(parts)


def decode_props(stream: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and values of a stream that the core gave."""
    at = 0
    while at < len(stream):
        name_len, value_len = _lengths.unpack_from(stream, at)
        at += 8
        end = at + name_len
        yield stream[at:end], stream[end : end + value_len]
        at = end + value_len

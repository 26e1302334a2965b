"""What the values of a node's properties mean: said by the caller, never guessed."""

from __future__ import annotations

import operator
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NoReturn

from pydlpar._ffi import lib
from pydlpar.errors import ArgumentError, TreeError
from pydlpar.names import as_bytes, decode_name, encode_name

if TYPE_CHECKING:
    from pydlpar.names import Buffer
    from pydlpar.node import Node
    from pydlpar.tree import DeviceTree

__all__ = ["NodeValues"]

_BADLENGTH = lib.DLPAR_ERR_BADLENGTH
_get_u32 = lib.dlpar_tree_get_u32
_append = lib.dlpar_tree_append

_FORMATS = {1: "B", 2: "H", 4: "I", 8: "Q"}
_CELL = 4
"""Bytes of a cell."""


def _packed(name: str, size: int, number: int) -> bytes:
    """A number in *size* bytes, big-endian; 0 bytes hold nothing but 0."""
    value = operator.index(number)
    if value < 0 or value >> 8 * size:
        limit = (1 << 8 * size) - 1
        raise ArgumentError(
            f"property {name!r}: number {value}: expected 0 to {limit:#x}"
        )
    return value.to_bytes(size, "big")


def _text(strings: Iterable[str]) -> bytes:
    return b"".join(encode_name(text) + b"\0" for text in strings)


class NodeValues:
    """What `Node` has to read and write values as numbers and text.

    All numbers are unsigned and big-endian. Reading raises `NotFoundError` where
    there is no such property, and `TreeError` where its length is another than the
    type's; writing raises `ArgumentError` where a number does not fit.
    """

    __slots__ = ()

    if TYPE_CHECKING:  # of Node
        tree: DeviceTree
        handle: int

        @property
        def name(self) -> str: ...
        @property
        def path(self) -> str: ...
        @property
        def parent(self) -> Node | None: ...
        @property
        def phandle(self) -> int: ...
        def __getitem__(self, name: str) -> bytes: ...
        def __setitem__(self, name: str, value: Buffer) -> None: ...
        def __delitem__(self, name: str) -> None: ...
        def __contains__(self, name: object) -> bool: ...
        def get(self, name: str) -> bytes | None: ...
        def _fail(self, code: int, name: str | None = None) -> NoReturn: ...
        def _at(self, handle: int) -> Node: ...
        def _list(self, function: Callable[..., int]) -> list[Node]: ...
        def _names(self) -> list[str]: ...

    def u8(self, name: str) -> int:
        """A property of one byte, as a number."""
        return self._number(name, 1)

    def u16(self, name: str) -> int:
        """A property of 2 bytes, as a number."""
        return self._number(name, 2)

    def u32(self, name: str) -> int:
        """A property of one cell.

        Raises:
            NotFoundError: no such property.
            TreeError: it is not 4 bytes long.
        """
        raw = encode_name(name)
        value = _get_u32(self.tree.ptr, self.handle, raw, len(raw))
        if value < 0:
            if value == _BADLENGTH:
                raise self._length_error(name, "4 bytes")
            self._fail(value, name)
        return int(value)

    def u64(self, name: str) -> int:
        """A property of two cells, as one number."""
        return self._number(name, 8)

    def u8s(self, name: str) -> tuple[int, ...]:
        """A property as bytes, each a number."""
        return self._numbers(name, 1)

    def u16s(self, name: str) -> tuple[int, ...]:
        """A property as numbers of 2 bytes."""
        return self._numbers(name, 2)

    def u32s(self, name: str) -> tuple[int, ...]:
        """A property as 32-bit cells."""
        return self._numbers(name, _CELL)

    def u64s(self, name: str) -> tuple[int, ...]:
        """A property as numbers of two cells."""
        return self._numbers(name, 8)

    def cells(self, name: str, n: int) -> list[tuple[int, ...]]:
        """A property as records of *n* 32-bit cells: with 2, as pairs.

        Raises:
            TreeError: its length is no multiple of the record's.
        """
        if n < 1:
            raise ArgumentError(f"property {name!r}: records of {n} cells")
        return self.records(name, *(1,) * n)

    def records(self, name: str, *widths: int) -> list[tuple[int, ...]]:
        """A property as records of numbers, each some cells wide.

        Args:
            name: of the property.
            widths: of each number of a record, in cells; one of 0 cells is 0.

        Raises:
            TreeError: its length is no multiple of the record's.
        """
        value = self[name]
        sizes = [width * _CELL for width in widths]
        if any(size < 0 for size in sizes):
            raise ArgumentError(f"property {name!r}: numbers of {widths} cells")
        step = sum(sizes)
        if len(value) % step if step else value:
            raise self._length_error(name, f"records of {step}")
        found = []
        for at in range(0, len(value), step or 1):
            row = []
            for size in sizes:
                row.append(int.from_bytes(value[at : at + size], "big"))
                at += size
            found.append(tuple(row))
        return found

    def string(self, name: str) -> str:
        """A property that is one NUL-terminated string."""
        strings = self.strings(name)
        if len(strings) != 1:
            raise TreeError(
                f"{self.path}, property {name!r}: {len(strings)} strings, expected one"
            )
        return strings[0]

    def strings(self, name: str) -> tuple[str, ...]:
        """A property that is a list of NUL-terminated strings."""
        value = self[name]
        if not value:
            return ()
        if value[-1]:
            raise TreeError(
                f"{self.path}, property {name!r}: no NUL at its end, expected strings",
                offset=len(value) - 1,
            )
        return tuple(decode_name(part) for part in value[:-1].split(b"\0"))

    def flag(self, name: str) -> bool:
        """Whether the property is there: a boolean, by its presence."""
        return name in self

    def set_u8(self, name: str, *numbers: int) -> None:
        """Give a property the value of one or more bytes."""
        self._set_numbers(name, 1, numbers)

    def set_u16(self, name: str, *numbers: int) -> None:
        """Give a property the value of one or more numbers of 2 bytes."""
        self._set_numbers(name, 2, numbers)

    def set_u32(self, name: str, *cells: int) -> None:
        """Give a property the value of one or more cells.

        Raises:
            ArgumentError: a number does not fit into a cell.
        """
        self._set_numbers(name, _CELL, cells)

    def set_u64(self, name: str, *numbers: int) -> None:
        """Give a property the value of one or more numbers of two cells."""
        self._set_numbers(name, 8, numbers)

    def set_records(
        self, name: str, widths: Sequence[int], rows: Iterable[Sequence[int]]
    ) -> None:
        """Give a property the value of records; the reverse of `records()`."""
        parts = []
        for row in rows:
            if len(row) != len(widths):
                raise ArgumentError(
                    f"property {name!r}: record {tuple(row)}: "
                    f"expected {len(widths)} numbers"
                )
            for width, number in zip(widths, row, strict=True):
                parts.append(_packed(name, width * _CELL, number))
        self[name] = b"".join(parts)

    def set_string(self, name: str, *strings: str) -> None:
        """Give a property the value of one or more NUL-terminated strings."""
        self[name] = _text(strings)

    def set_flag(self, name: str, value: bool = True) -> None:
        """Make a property that is empty; with False, remove it if it is there."""
        if value:
            self[name] = b""
        elif name in self:
            del self[name]

    def append(self, name: str, value: Buffer) -> None:
        """Lengthen a property by some bytes; where there is none, make it."""
        raw, data = encode_name(name), as_bytes(value)
        rc = _append(self.tree.ptr, self.handle, raw, len(raw), data, len(data))
        if rc < 0:
            self._fail(rc, name)

    def append_u32(self, name: str, *cells: int) -> None:
        """Lengthen a property by cells."""
        self.append(name, b"".join(_packed(name, _CELL, cell) for cell in cells))

    def append_u64(self, name: str, *numbers: int) -> None:
        """Lengthen a property by numbers of two cells."""
        self.append(name, b"".join(_packed(name, 8, number) for number in numbers))

    def append_string(self, name: str, *strings: str) -> None:
        """Lengthen a property by NUL-terminated strings."""
        self.append(name, _text(strings))

    def _number(self, name: str, size: int) -> int:
        value = self[name]
        if len(value) != size:
            raise self._length_error(name, f"{size} bytes")
        return int.from_bytes(value, "big")

    def _numbers(self, name: str, size: int) -> tuple[int, ...]:
        value = self[name]
        if len(value) % size:
            raise self._length_error(name, f"a multiple of {size} bytes")
        return struct.unpack(f">{len(value) // size}{_FORMATS[size]}", value)

    def _set_numbers(self, name: str, size: int, numbers: Sequence[int]) -> None:
        self[name] = b"".join(_packed(name, size, number) for number in numbers)

    def _length_error(self, name: str, expected: str) -> TreeError:
        return TreeError(
            f"{self.path}, property {name!r}: {len(self[name])} bytes, "
            f"expected {expected}",
            _BADLENGTH,
        )

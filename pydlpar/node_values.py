"""What the values of a node's properties mean: said by the caller, never guessed."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NoReturn

from pydlpar._ffi import lib
from pydlpar.errors import DecodeError, TreeError
from pydlpar.names import check_u32, decode_name, encode_name

if TYPE_CHECKING:
    from pydlpar.names import Buffer
    from pydlpar.tree import DeviceTree

__all__ = ["NodeValues"]

_BADLENGTH = lib.DLPAR_ERR_BADLENGTH
_get_u32 = lib.dlpar_tree_get_u32


class NodeValues:
    """What `Node` has to read and write values as numbers and text."""

    __slots__ = ()

    if TYPE_CHECKING:  # of Node
        tree: DeviceTree
        handle: int

        @property
        def path(self) -> str: ...
        def __getitem__(self, name: str) -> bytes: ...
        def __setitem__(self, name: str, value: Buffer) -> None: ...
        def _fail(self, code: int, name: str | None = None) -> NoReturn: ...

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
        value = self[name]
        if len(value) != 8:
            raise self._length_error(name, "8 bytes")
        return int.from_bytes(value, "big")

    def u32s(self, name: str) -> tuple[int, ...]:
        """A property as 32-bit cells."""
        value = self[name]
        if len(value) % 4:
            raise self._length_error(name, "a multiple of 4 bytes")
        return struct.unpack(f">{len(value) // 4}I", value)

    def string(self, name: str) -> str:
        """A property that is one NUL-terminated string."""
        strings = self.strings(name)
        if len(strings) != 1:
            raise DecodeError(
                f"{self.path}, property {name!r}: {len(strings)} strings, expected one"
            )
        return strings[0]

    def strings(self, name: str) -> tuple[str, ...]:
        """A property that is a list of NUL-terminated strings."""
        value = self[name]
        if not value:
            return ()
        if value[-1]:
            raise DecodeError(
                f"{self.path}, property {name!r}: no NUL at its end, expected strings",
                offset=len(value) - 1,
            )
        return tuple(decode_name(part) for part in value[:-1].split(b"\0"))

    def set_u32(self, name: str, *cells: int) -> None:
        """Give a property the value of one or more cells.

        Raises:
            ArgumentError: a number does not fit into a cell.
        """
        for cell in cells:
            check_u32(cell, f"property {name!r}: cell")
        self[name] = struct.pack(f">{len(cells)}I", *cells)

    def set_string(self, name: str, *strings: str) -> None:
        """Give a property the value of one or more NUL-terminated strings."""
        self[name] = b"".join(encode_name(text) + b"\0" for text in strings)

    def _length_error(self, name: str, expected: str) -> TreeError:
        return TreeError(
            f"{self.path}, property {name!r}: {len(self[name])} bytes, "
            f"expected {expected}",
            _BADLENGTH,
        )

"""Sections of an RTAS event and their fields, read through the tables in C."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from struct import Struct
from typing import Any, NamedTuple

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.errors import ArgumentError, NotFoundError

__all__ = [
    "BytesLike",
    "FieldRow",
    "RtasSection",
    "Value",
    "as_bytes",
    "section_fields",
    "set_field",
]

BytesLike = bytes | bytearray | memoryview
"""What is decoded; C-contiguous."""

Value = int | str | bytes
"""What a field can hold: numbers, text and BCD digits, bytes."""

_section_get = lib.dlpar_rtas_section_get
_field_set = lib.dlpar_rtas_field_set

_UINT = lib.DLPAR_RTAS_UINT
_BCD = (lib.DLPAR_RTAS_DATE, lib.DLPAR_RTAS_TIME)
_BYTES = lib.DLPAR_RTAS_BYTES
# struct dlpar_rtas_value, as C lays it out.
VALUE = Struct("=Q4I")
# Parts below have no section header, and no two characters for an id.
_FIRST_SECTION_ID = 0x2020


def as_bytes(data: BytesLike) -> bytes:
    """*data* itself if it is `bytes`, else a copy. Raises: TypeError."""
    return data if type(data) is bytes else bytes(memoryview(data))


class FieldRow(NamedTuple):
    """One row of a section's table."""

    name: str
    type: int
    offset: int
    length: int


class _Layout(NamedTuple):
    name: str
    rows: tuple[FieldRow, ...]


@cache
def _layouts() -> dict[int, _Layout]:
    """Every table of the C side, by section number; 0 is for unknown ones."""
    out = ffi.new("const struct dlpar_rtas_layout **")
    n = lib.dlpar_rtas_layouts(out)
    tables = ffi.unpack(out[0], n)
    return {table.id: _layout(table) for table in tables}


def _layout(table: Any) -> _Layout:
    fields = ffi.unpack(table.fields, table.n_fields)
    rows = tuple(FieldRow(_text(f.name), f.type, f.off, f.len) for f in fields)
    return _Layout(_text(table.name), rows)


def _text(pointer: Any) -> str:
    return str(ffi.string(pointer).decode("ascii"))


def _layout_of(number: int) -> _Layout:
    layouts = _layouts()
    return layouts.get(number) or layouts[0]


def section_fields(section_id: str) -> tuple[FieldRow, ...]:
    """The table of a section: its rows, in wire order.

    A name can stand in several rows, of which at most one applies. Of a
    section without a table of its own, header and `data` are known.

    Args:
        section_id: `"PH"`, `"HP"` ..., or `"hdr"`, `"exthdr"` ...
    """
    for layout in _layouts().values():
        if layout.name == section_id:
            return layout.rows
    return _layouts()[0].rows


class RtasSection(Mapping[str, Value]):
    """One part of an event: a mapping from field names to values.

    Fields are attributes, too. Only those are there that the section has: an
    EPOW section of version 1 has no `extended_modifier`. Texts are cut at the
    first NUL; BCD dates and times are their eight digits as a string.

    Attributes:
        id: `"PH"`, `"HP"` ..., or `"hdr"`, `"exthdr"` for the two headers, or
            a lower-case word for what logs before version 6 hold.
        offset: of its first byte, from the start of the event.
        length: in bytes, its own header included.
    """

    __slots__ = ("_number", "_raw", "_values", "id", "length", "offset")

    id: str
    offset: int
    length: int

    def __init__(self, number: int, offset: int, length: int, event: bytes) -> None:
        self._number = number
        self._raw = event
        self._values: dict[str, Value] | None = None
        self.offset = offset
        self.length = length
        if number < _FIRST_SECTION_ID:
            self.id = _layout_of(number).name
        else:
            self.id = chr(number >> 8) + chr(number & 0xFF)

    @property
    def raw(self) -> bytes:
        """The section's bytes."""
        return self._raw[self.offset : self.offset + self.length]

    def _fields(self) -> dict[str, Value]:
        if self._values is None:
            self._values = _read(self._number, self.raw)
        return self._values

    def __getitem__(self, name: str) -> Value:
        try:
            return self._fields()[name]
        except KeyError:
            raise NotFoundError(f"section {self.id}: no field {name!r}") from None

    def __getattr__(self, name: str) -> Value:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._fields()[name]
        except KeyError:
            raise AttributeError(f"section {self.id}: no field {name!r}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields())

    def __len__(self) -> int:
        return len(self._fields())

    def __repr__(self) -> str:
        return f"<RtasSection {self.id} at {self.offset}, {self.length} bytes>"

    def to_dict(self) -> dict[str, int | str]:
        """Fields, id, offset and length; bytes as hexadecimal digits."""
        plain: dict[str, int | str] = {
            "id": self.id,
            "offset": self.offset,
            "length": self.length,
        }
        for name, value in self._fields().items():
            if name not in plain:
                plain[name] = value.hex() if isinstance(value, bytes) else value
        return plain


def _read(number: int, raw: bytes) -> dict[str, Value]:
    rows = _layout_of(number).rows
    values = ffi.new("struct dlpar_rtas_value[]", len(rows))
    rc = _section_get(values, len(rows), number, raw, len(raw))
    if rc < 0:
        raise_error(rc, f"fields of section {number:#06x}")
    fields: dict[str, Value] = {}
    for row, value in zip(rows, VALUE.iter_unpack(ffi.buffer(values)), strict=True):
        integer, start, length, present, kind = value
        if not present:
            continue
        if kind == _UINT:
            fields[row.name] = integer
        elif kind in _BCD:
            fields[row.name] = f"{integer:08x}"
        else:
            data = raw[start : start + length]
            fields[row.name] = data if kind == _BYTES else _decode_text(data)
    return fields


def _decode_text(data: bytes) -> str:
    return data.decode("ascii", "surrogateescape")


def set_field(event: bytearray, section: RtasSection, name: str, value: Value) -> None:
    """Write one field of *section* into *event*, in place.

    Raises:
        NotFoundError: the section has no such field.
        ArgumentError: the value does not fit it or is of the wrong type.
    """
    kinds = {row.type for row in _layout_of(section._number).rows if row.name == name}
    number, data = _to_wire(kinds, name, value)
    with ffi.from_buffer("uint8_t[]", event, require_writable=True) as start:
        rc = _field_set(
            start + section.offset,
            section.length,
            section._number,
            name.encode("ascii", "replace"),
            number,
            data,
            len(data),
        )
    if rc < 0:
        raise_error(rc, f"section {section.id}, field {name!r} = {value!r}")


def _to_wire(kinds: set[int], name: str, value: Value) -> tuple[int, bytes]:
    """The number and the bytes that C takes for *value*."""
    if isinstance(value, int) and _UINT in kinds:
        if value < 0 or value >> 64:
            raise ArgumentError(f"field {name!r} = {value}, expected 0 to 2^64-1")
        return value, b""
    if isinstance(value, str) and kinds & set(_BCD):
        if len(value) != 8 or not (value.isascii() and value.isdecimal()):
            raise ArgumentError(f"field {name!r} = {value!r}, expected 8 digits")
        return int(value, 16), b""
    if isinstance(value, bytes) and _BYTES in kinds:
        return 0, value
    if isinstance(value, str) and kinds.isdisjoint({_UINT, _BYTES, *_BCD}):
        return 0, value.encode("ascii", "surrogateescape")
    raise ArgumentError(f"field {name!r} = {value!r} is of the wrong type")

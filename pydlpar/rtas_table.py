"""Sections of an RTAS event and their fields, read through the tables in C."""

from __future__ import annotations

from collections.abc import (
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    Mapping,
    ValuesView,
)
from functools import cache, lru_cache
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
    "section_number",
    "sections_at",
    "set_field",
    "to_wire",
]

BytesLike = bytes | bytearray | memoryview
"""What is decoded; C-contiguous."""

Value = int | str | bytes | tuple[Any, ...]
"""What a field can hold: numbers, text and BCD digits, bytes, or several:
numbers, words, records."""

_section_get = lib.dlpar_rtas_section_get
_records = lib.dlpar_rtas_records
_field_set = lib.dlpar_rtas_field_set
_new = ffi.new
_new_object = object.__new__
_buffer = ffi.buffer
_SIZE_T = ffi.typeof("size_t *")
_VALUES_T = ffi.typeof("struct dlpar_rtas_value[]")
_RECORDS_T = ffi.typeof("struct dlpar_rtas_record[]")

_UINT = lib.DLPAR_RTAS_UINT
_BCD = (lib.DLPAR_RTAS_DATE, lib.DLPAR_RTAS_TIME)
_BYTES = lib.DLPAR_RTAS_BYTES
_NUMBERS = lib.DLPAR_RTAS_NUMBERS
_WORDS = lib.DLPAR_RTAS_WORDS
_TEXTS = {lib.DLPAR_RTAS_TEXT, lib.DLPAR_RTAS_STRING, lib.DLPAR_RTAS_PADDED}
_RECORDS = lib.DLPAR_RTAS_RECORDS
_NOSPACE = lib.DLPAR_ERR_NOSPACE
# struct dlpar_rtas_value and struct dlpar_rtas_record, as C lays them out.
VALUE = Struct("=Q4I")
RECORD = Struct("=5I")
# Parts from here on have no section header, and no two characters for an id.
_HEADERS = 0x10000
# More ids than are known; of a log full of unknown ones, not all are kept.
_IDS_KEPT = 128
# Records of most sections; a longer list costs a second call.
_RECORDS_ROOM = 64


def as_bytes(data: BytesLike) -> bytes:
    """*data* itself if it is `bytes`, else a copy. Raises: TypeError."""
    return data if type(data) is bytes else bytes(memoryview(data))


class FieldRow(NamedTuple):
    """One row of a section's table.

    Attributes:
        name: of the field.
        type: `DLPAR_RTAS_UINT` ..., how its bytes are read.
        offset, length: in bytes; a length of 0 is one that the section's
            contents or its end decide, as they do for the offset of rows
            that stand behind another.
        maximum: the largest number that it holds; 0 where it is none.
        unit: bytes of each of several numbers.
        of: the table of its records, for `section_fields`, or "".
    """

    name: str
    type: int
    offset: int
    length: int
    maximum: int
    unit: int
    of: str


class _Layout(NamedTuple):
    name: str
    rows: tuple[FieldRow, ...]
    names: tuple[str, ...]
    has_records: bool


@cache
def _layouts() -> dict[int, _Layout]:
    """Every table of the C side, by section number; 0 is for unknown ones."""
    out = ffi.new("const struct dlpar_rtas_layout **")
    n = lib.dlpar_rtas_layouts(out)
    tables = ffi.unpack(out[0], n)
    names = {table.id: _text(table.name) for table in tables}
    return {table.id: _layout(table, names) for table in tables}


def _layout(table: Any, names: dict[int, str]) -> _Layout:
    fields = ffi.unpack(table.fields, table.n_fields)
    rows = tuple(
        FieldRow(
            _text(f.name),
            f.type,
            f.off,
            f.len,
            _maximum(f),
            f.unit,
            names[f.of] if f.of else "",
        )
        for f in fields
    )
    of_rows = tuple(row.name for row in rows)
    return _Layout(names[table.id], rows, of_rows, any(f.of for f in fields))


def _maximum(field: Any) -> int:
    if field.type != _UINT:
        return 0
    mask: int = field.mask or (1 << 8 * field.len) - 1
    return mask >> int(field.shift)


def _text(pointer: Any) -> str:
    return str(ffi.string(pointer).decode("ascii"))


def _layout_of(number: int) -> _Layout:
    layouts = _layouts()
    if number in layouts:
        return layouts[number]
    return layouts[lib.DLPAR_RTAS_SUB if number >= lib.DLPAR_RTAS_SUB else 0]


@lru_cache(maxsize=_IDS_KEPT)
def _id_of(number: int) -> str:
    """The two characters of a section, or a word for what has none."""
    if number >= _HEADERS:
        return _layout_of(number).name
    return chr(number >> 8) + chr(number & 0xFF)


def section_fields(section_id: str) -> tuple[FieldRow, ...]:
    """The table of a section or record: its rows, in wire order.

    A name can stand in several rows, of which at most one applies. Of a
    section without a table of its own, header and `data` are known.

    Args:
        section_id: `"PH"`, `"HP"` ..., or `"hdr"`, `"exthdr"` ..., or that of
            a record: `"callout"`, `"ID"` ...
    """
    for layout in _layouts().values():
        if layout.name == section_id:
            return layout.rows
    return _layouts()[0].rows


def section_number(section_id: str) -> int:
    """The number of a section's or record's table; of an unknown section, its
    two characters.

    Raises:
        ArgumentError: neither a known word nor two characters of 8 bits.
    """
    for number, layout in _layouts().items():
        if layout.name == section_id and number:
            return number
    if len(section_id) != 2 or max(section_id) > "\xff":
        raise ArgumentError(f"section {section_id!r}, expected two characters")
    return int.from_bytes(section_id.encode("latin-1"), "big")


class RtasSection(Mapping[str, Any]):
    """One part of an event: a mapping from field names to values.

    Fields are attributes, too. Only those are there that the section has: an
    EPOW section of version 1 has no `extended_modifier`. Texts are cut at the
    first NUL; BCD dates and times are their eight digits as a string. Records
    inside of a section, such as the call-outs of PS, are a tuple of objects of
    this class; so are the sub-structures of each.

    Attributes:
        id: `"PH"`, `"HP"` ..., or `"hdr"`, `"exthdr"` for the two headers, or
            a lower-case word for what logs before version 6 hold; `"callout"`,
            `"ID"` ... for records.
        number: `enum dlpar_rtas_part` or `enum dlpar_rtas_record_id` of C.
        offset: of its first byte, from the start of the event.
        length: in bytes, its own header included.
    """

    __slots__ = ("_at", "_event", "_inside", "_values")

    # What a section holds is looked for when it is first asked for; so these
    # two are not there before.
    _inside: dict[int, tuple[RtasSection, ...]]
    _values: dict[str, Value]

    def __init__(self, at: tuple[int, int, int], event: bytes) -> None:
        self._at = at
        self._event = event

    @property
    def offset(self) -> int:
        """Of its first byte, from the start of the event."""
        return self._at[0]

    @property
    def length(self) -> int:
        """In bytes, its own header included."""
        return self._at[1]

    @property
    def number(self) -> int:
        """The number of its table in C; of an unknown section, its two bytes."""
        return self._at[2]

    @property
    def id(self) -> str:
        """Its two characters, or a word for what has none."""
        return _id_of(self._at[2])

    @property
    def raw(self) -> bytes:
        """The section's bytes."""
        offset, length, _ = self._at
        return self._event[offset : offset + length]

    def first(self, record_id: str) -> RtasSection | None:
        """The first record of this id directly inside, or None.

        `section.callouts[0].first("ID")` is the identity of a call-out's FRU.
        """
        for value in self._fields().values():
            if isinstance(value, tuple):
                for record in value:
                    if isinstance(record, RtasSection) and record.id == record_id:
                        return record
        return None

    def _fields(self) -> dict[str, Value]:
        try:
            values: dict[str, Value] = _values_of(self)
        except AttributeError:
            self._values = values = self._read()
        return values

    def _read(self) -> dict[str, Value]:
        raw, number = self.raw, self._at[2]
        layout = _layout_of(number)
        n = len(layout.rows)
        inside: dict[int, tuple[RtasSection, ...]] = {}
        if layout.has_records:
            try:
                inside = _inside_of(self)
            except AttributeError:
                inside = self._search(raw)
        values = _new(_VALUES_T, n)
        rc = _section_get(values, n, number, raw, len(raw))
        if rc < 0:
            raise_error(rc, f"fields of section {self.id}")
        fields: dict[str, Value] = {}
        read = zip(layout.names, VALUE.iter_unpack(_buffer(values)), strict=True)
        for i, (name, value) in enumerate(read):
            integer, start, length, present, kind = value
            if not present:
                continue
            if kind == _UINT:
                fields[name] = integer
            elif kind == _BYTES:
                fields[name] = raw[start : start + length]
            elif kind in _BCD:
                fields[name] = f"{integer:08x}"
            elif kind == _RECORDS:
                fields[name] = inside.get(i, ())
            else:
                fields[name] = _convert(layout.rows[i], raw[start : start + length])
        return fields

    def _search(self, raw: bytes) -> dict[int, tuple[RtasSection, ...]]:
        """All records inside, at any depth, in one call; those of each row.

        Of a damaged list, which only tolerant decoding lets pass, those before
        the damage.
        """
        offset, _, number = self._at
        n, room = _new(_SIZE_T), _RECORDS_ROOM
        found = _new(_RECORDS_T, room)
        rc = _records(found, room, n, ffi.NULL, number, raw, len(raw))
        if rc == _NOSPACE:
            room = n[0]
            found = _new(_RECORDS_T, room)
            _records(found, room, n, ffi.NULL, number, raw, len(raw))
        lists: list[dict[int, list[RtasSection]]] = [{}]
        holders: list[RtasSection] = []
        rows = RECORD.iter_unpack(_buffer(found, n[0] * RECORD.size))
        for start, length, kind, parent, row in rows:
            record = RtasSection((offset + start, length, kind), self._event)
            lists[parent].setdefault(row, []).append(record)
            lists.append({})
            holders.append(record)
        inside = [{row: tuple(found) for row, found in each.items()} for each in lists]
        for record, its in zip(holders, inside[1:], strict=True):
            record._inside = its
        return inside[0]

    def __getitem__(self, name: str) -> Any:
        try:
            return self._fields()[name]
        except KeyError:
            raise NotFoundError(f"section {self.id}: no field {name!r}") from None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._fields()[name]
        except KeyError:
            raise AttributeError(f"section {self.id}: no field {name!r}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields())

    # As `Mapping` has them, without a look-up for every field.
    def __contains__(self, name: object) -> bool:
        return name in self._fields()

    def keys(self) -> KeysView[str]:
        """The names of the fields, in wire order."""
        return self._fields().keys()

    def values(self) -> ValuesView[Any]:
        """Their values."""
        return self._fields().values()

    def items(self) -> ItemsView[str, Any]:
        """Both."""
        return self._fields().items()

    def __len__(self) -> int:
        return len(self._fields())

    def __repr__(self) -> str:
        return f"<RtasSection {self.id} at {self.offset}, {self.length} bytes>"

    def to_dict(self) -> dict[str, Any]:
        """Fields, id, offset and length; bytes as hexadecimal digits.

        Records are dictionaries of the same form, in a list.
        """
        plain: dict[str, Any] = {
            "id": self.id,
            "offset": self.offset,
            "length": self.length,
        }
        for name, value in self._fields().items():
            if name not in plain:
                plain[name] = _plain(value)
        return plain


# Of a section, or an AttributeError; `__getattr__` is not asked.
_values_of = RtasSection._values.__get__  # type: ignore[attr-defined]
_inside_of = RtasSection._inside.__get__  # type: ignore[attr-defined]


def sections_at(
    rows: Iterable[tuple[int, int, int]], event: bytes
) -> tuple[RtasSection, ...]:
    """The parts of *event* at these offsets, of these lengths and numbers."""
    sections = []
    for at in rows:
        # As RtasSection(...), without the cost of its call.
        section = _new_object(RtasSection)
        section._at = at
        section._event = event
        sections.append(section)
    return tuple(sections)


def _plain(value: Value) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [v.to_dict() if isinstance(v, RtasSection) else v for v in value]
    return value


def _convert(row: FieldRow, data: bytes) -> Value:
    """Numbers, text or words, from their bytes."""
    if row.type == _NUMBERS:
        starts = range(0, len(data), row.unit)
        return tuple(int.from_bytes(data[i : i + row.unit], "big") for i in starts)
    text = data.decode("ascii", "surrogateescape")
    if row.type == _WORDS:
        return tuple(text.split(" ")) if text else ()
    return text


def set_field(event: bytearray, section: RtasSection, name: str, value: Value) -> None:
    """Write one field of *section* into *event*, in place.

    Raises:
        NotFoundError: the section has no such field.
        ArgumentError: the value does not fit it or is of the wrong type.
    """
    rows = [row for row in _layout_of(section.number).rows if row.name == name]
    number, data = to_wire(rows, name, value)
    with ffi.from_buffer("uint8_t[]", event, require_writable=True) as start:
        rc = _field_set(
            start + section.offset,
            section.length,
            section.number,
            name.encode("ascii", "replace"),
            number,
            data,
            len(data),
        )
    if rc < 0:
        raise_error(rc, f"section {section.id}, field {name!r} = {value!r}")


def to_wire(rows: list[FieldRow], name: str, value: Value) -> tuple[int, bytes]:
    """The number and the bytes that C takes for *value*. Raises: ArgumentError."""
    kinds = {row.type for row in rows}
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
    if isinstance(value, str) and kinds & _TEXTS:
        return 0, value.encode("ascii", "surrogateescape")
    if isinstance(value, tuple) and _WORDS in kinds:
        return 0, " ".join(value).encode("ascii", "surrogateescape")
    if isinstance(value, tuple) and _NUMBERS in kinds:
        return 0, _numbers(rows[0].unit, name, value)
    raise ArgumentError(f"field {name!r} = {value!r} is of the wrong type")


def _numbers(unit: int, name: str, values: tuple[Any, ...]) -> bytes:
    try:
        return b"".join(value.to_bytes(unit, "big") for value in values)
    except (AttributeError, OverflowError):
        raise ArgumentError(
            f"field {name!r} = {values!r}, expected numbers of {8 * unit} bits"
        ) from None

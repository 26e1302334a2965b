"""Parts of an RTAS event from their fields: sections, call-outs, headers.

Everything here is bytes: `rtas_build` makes events of them, `rtas_edit` takes
events apart and puts them together again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from struct import Struct
from typing import Any, NamedTuple, NoReturn

from pydlpar._ffi import ffi, lib
from pydlpar.constants import IdType
from pydlpar.errors import ArgumentError, NotFoundError
from pydlpar.rtas_table import (
    FieldRow,
    RtasSection,
    Value,
    section_fields,
    section_number,
    set_field,
    to_wire,
)

__all__ = [
    "Part",
    "assemble",
    "build_part",
    "edit_part",
    "part_number",
    "record_table",
    "table_rows",
]

_build = lib.dlpar_rtas_section_build
_new = ffi.new
_buffer = ffi.buffer
_INPUTS_T = ffi.typeof("struct dlpar_rtas_input[]")
_BYTES_T = ffi.typeof("uint8_t[]")
_SIZE_T = ffi.typeof("size_t *")

# struct dlpar_rtas_input, as C lays it out.
INPUT = Struct("=Q3I4x")
# A section's length word has 16 bits.
_PART_MAX = 0xFFFF
# From here on, numbers of parts without a two-character id.
_HEADERS = 0x10000
_SUB = lib.DLPAR_RTAS_SUB
_HDR = lib.DLPAR_RTAS_HDR
_PH = lib.DLPAR_RTAS_PH
_SRC = ("PS", "SS")
# PH counts sections in a byte.
_COUNT_MAX = 0xFF

_UINT = lib.DLPAR_RTAS_UINT
_BCD = (lib.DLPAR_RTAS_DATE, lib.DLPAR_RTAS_TIME)
_BYTES = lib.DLPAR_RTAS_BYTES
_NUMBERS = lib.DLPAR_RTAS_NUMBERS
_RECORDS = lib.DLPAR_RTAS_RECORDS

# What a record or section gets where nothing is said; {} for the others.
_DEFAULTS: dict[str, dict[str, Value]] = {
    "PH": {"version": 1, "creator": "H"},
    "EP": {"version": 2},
    "PS": {"version": 1, "src_version": 2},
    "SS": {"version": 1, "src_version": 2},
    "callout": {"type": 2},
    "ID": {"component": 1},
}
_SECTION_DEFAULTS: dict[str, Value] = {"version": 1}
# The id of a call-out list, and how many hex words there are, counted from 1.
_CALLOUT_LIST = 0xC0
_WORD_COUNT = 9
# An SRC tells its own length, which begins behind the section header.
_SRC_LENGTH_LESS = 8
# What firmware sends at least: the room of every identifier.
_HOTPLUG_LENGTH = 20
_TOKEN_LENGTH = 4
_PROCEDURE = 4
# Bits of a call-out that say which sub-structures it has besides ID.
_SUBSTRUCTURE_BITS = {"PE": 3, "MR": 4}

# Fields that follow from others: they are made anew where those change.
_FOLLOWING = frozenset(
    {
        "length",
        "src_length",
        "callouts_length",
        "location_length",
        "identity_included",
        "substructures_included",
        "unit_count",
        "reading_count",
        "symptom_length",
        "name_length",
        "target_count",
        "file_name_length",
    }
)
# Fields that hold the same bytes as the one that changes, or say that it is
# there.
_RESTATED: dict[str, frozenset[str]] = {
    "callouts": frozenset({"src_flags", "additional_sections", "platform_data"}),
    "file_name": frozenset({"name"}),
    "location_codes": frozenset({"data"}),
    "registers": frozenset({"data"}),
    "dump_size": frozenset({"data", "event_subtype"}),
    "token": frozenset({"capabilities"}),
    "part_number": frozenset({"flags"}),
    "procedure": frozenset({"flags"}),
    "ccin": frozenset({"flags"}),
    "serial": frozenset({"flags"}),
    "units": frozenset({"flags"}),
}


class Part(NamedTuple):
    """One part of an event: its number in C, and its bytes."""

    number: int
    data: bytes


def part_number(part_id: str, inside: str = "") -> int:
    """The number in C of a part, or of a record of the table *inside*."""
    if inside and inside != "substructure":
        return section_number(inside)
    known = section_number(part_id)
    if inside:
        return known if known >> 16 == _SUB >> 16 else _SUB | known
    return known & 0xFFFF if known >> 16 == _SUB >> 16 else known


def _rows(part_id: str, inside: str) -> tuple[FieldRow, ...]:
    """The table of a part, or of a record of the table *inside*."""
    is_sub = section_number(part_id) >> 16 == _SUB >> 16
    if inside == "substructure":
        return section_fields(part_id if is_sub else inside)
    return section_fields("" if is_sub else inside or part_id)


def build_part(part_id: str, fields: Mapping[str, Any], inside: str = "") -> Part:
    """One section, or one record of the table *inside*, from its fields.

    Lengths, counts and the flags that say what is there follow from the other
    fields where they are not given; so does what a kind of section always
    has, such as its version. Call-outs and the like are a list of mappings,
    of `RtasSection` or of bytes; a call-out takes its sub-structures as such
    a list, or each under its id: `{"priority": "H", "ID": {"ccin": "2A3B"}}`.

    Raises:
        ArgumentError: no such field, a value beyond its range, or fields that
            contradict each other.
    """
    number = part_number(part_id, inside)
    rows = _rows(part_id, inside)
    given = _completed(part_id, inside, fields)
    data = _built(part_id, number, rows, given)
    if part_id == "HP" and "length" not in fields:
        least = _HOTPLUG_LENGTH + (_TOKEN_LENGTH if "token" in fields else 0)
        if len(data) < least:
            data = _built(part_id, number, rows, {**given, "length": least})
    if part_id in _SRC and not fields.keys() & {"src_length", "platform_data"}:
        whole = bytearray(data)
        _put(whole, number, "src_length", len(data) - _SRC_LENGTH_LESS)
        data = bytes(whole)
    return Part(number, data)


def _put(data: bytearray, number: int, name: str, value: int) -> None:
    """Write a number that is known to fit into a part."""
    section = RtasSection((0, len(data), number), bytes(data))
    set_field(data, section, name, value)


def _completed(part_id: str, inside: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """*fields* with what a part of this kind has unless said otherwise."""
    given = {name: value for name, value in fields.items() if name != "offset"}
    kind = inside if inside in _DEFAULTS else part_id
    given.pop("id", None)
    if not inside and part_number(part_id) < _HEADERS:
        given = {**_SECTION_DEFAULTS, **_DEFAULTS.get(kind, {}), **given}
    else:
        given = {**_DEFAULTS.get(kind, {}), **given}
    if kind == "callout":
        _complete_callout(given)
    elif kind == "ID" and "procedure" in fields and "flags" not in fields:
        given = {**given, "component": fields.get("component", _PROCEDURE)}
    elif kind == "HP" and "id_type" not in given:
        given["id_type"] = _identifier_kind(given)
    elif kind in _SRC:
        if "callouts" in given:
            given.setdefault("callouts_id", _CALLOUT_LIST)
        if "platform_data" not in given:
            given.setdefault("word_count", _WORD_COUNT)
    return given


def _complete_callout(given: dict[str, Any]) -> None:
    inside = list(given.get("substructures", ()))
    for key in ("ID", "PE", "MR"):
        if key in given:
            inside.append({"id": key, **given.pop(key)})
    if not inside:
        return
    ids = [_id_of(each) for each in inside]
    bits = 0
    for each in ids:
        bits |= _SUBSTRUCTURE_BITS.get(each, 0)
    given["substructures"] = inside
    given.setdefault("identity_included", int("ID" in ids))
    given.setdefault("substructures_included", bits)


def _id_of(record: object) -> str:
    """The id of a sub-structure in whatever form; "" where it has none."""
    if isinstance(record, RtasSection):
        return record.id
    if isinstance(record, bytes):
        return record[:2].decode("latin-1")
    return str(record.get("id", "")) if isinstance(record, Mapping) else ""


def _identifier_kind(given: Mapping[str, Any]) -> int:
    if "drc_name" in given:
        return IdType.DRC_NAME
    if "count" not in given:
        return IdType.DRC_INDEX
    return IdType.INDEXED_COUNT if "drc_index" in given else IdType.DRC_COUNT


def _built(
    part_id: str, number: int, rows: Sequence[FieldRow], given: Mapping[str, Any]
) -> bytes:
    by_name: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        by_name.setdefault(row.name, []).append(i)
    pool, inputs, names = bytearray(), [], []
    for name, value in given.items():
        if name not in by_name:
            if name == "length":  # of a part that does not tell its own
                continue
            known = ", ".join(by_name)
            raise ArgumentError(f"section {part_id}: no field {name!r} of {known}")
        own = [rows[i] for i in by_name[name]]
        amount, data = _wire(part_id, own, name, value)
        inputs.append(INPUT.pack(amount, by_name[name][0], len(pool), len(data)))
        names.append(name)
        pool += data
    out, at = _new(_BYTES_T, _PART_MAX), _new(_SIZE_T)
    packed = ffi.from_buffer(_INPUTS_T, b"".join(inputs))
    rc = _build(out, _PART_MAX, at, number, packed, len(inputs), bytes(pool), len(pool))
    if rc < 0:
        name = names[at[0]] if at[0] < len(names) else "length"
        own = [rows[i] for i in by_name.get(name, ())]
        _reject(part_id, own, name, given.get(name, "as its fields need"))
    return bytes(_buffer(out, rc))


def _wire(
    part_id: str, rows: Sequence[FieldRow], name: str, value: Any
) -> tuple[int, bytes]:
    """The number and the bytes that C takes for *value*, of whatever form."""
    row = rows[0]
    if isinstance(value, list):
        value = tuple(value)
    try:
        if row.type == _RECORDS:
            return 0, b"".join(_record(row.of, each) for each in value)
        if row.type == _BYTES and isinstance(value, str):
            value = bytes.fromhex(value)
        if row.type == _NUMBERS and row.length and isinstance(value, tuple):
            value += (0,) * (row.length // row.unit - len(value))
        return to_wire(list(rows), name, value)
    except (ArgumentError, ValueError, TypeError) as error:
        if row.type == _RECORDS and isinstance(error, ArgumentError):
            raise
        _reject(part_id, rows, name, value)


def _record(table: str, given: Any) -> bytes:
    if isinstance(given, bytes):
        return given
    if isinstance(given, RtasSection):
        return given.raw
    if not isinstance(given, Mapping):
        raise ArgumentError(f"{table} {given!r}, expected a mapping of its fields")
    if table == "substructure" and "id" not in given:
        raise ArgumentError(f"sub-structure {given!r}, expected an id: ID, PE, MR")
    return build_part(str(given.get("id", table)), given, table).data


def _reject(
    part_id: str, rows: Sequence[FieldRow], name: str, value: object
) -> NoReturn:
    text = f"section {part_id}, field {name!r} = {value!r}"
    expected = _expected(rows[0], max(r.maximum for r in rows)) if rows else "less"
    raise ArgumentError(
        f"{text}, expected {expected}, in agreement with the other fields",
        lib.DLPAR_ERR_BADARG,
    )


def _expected(row: FieldRow, maximum: int) -> str:
    if row.type == _UINT:
        return f"0 to {maximum:#x}"
    if row.type in _BCD:
        return "8 decimal digits as text"
    if row.type == _BYTES:
        return f"{row.length} bytes" if row.length else "bytes"
    if row.type == _NUMBERS:
        room = f"at most {row.length // row.unit} " if row.length else ""
        return f"{room}numbers of {8 * row.unit} bits"
    if row.type == _RECORDS:
        return f"a list of records {row.of!r} that it has room for"
    room = f"at most {row.length} " if row.length else ""
    return f"{room}ASCII characters without NUL"


def table_rows(section: RtasSection) -> tuple[FieldRow, ...]:
    """The table that *section*, which may be a record, is read by."""
    return _rows(section.id, record_table(section))


def record_table(section: RtasSection) -> str:
    """What `build_part` takes as *inside* for it: "" for what is no record."""
    number = section.number
    if number < _SUB:
        return ""
    return "substructure" if number >> 16 == _SUB >> 16 else section.id


def edit_part(section: RtasSection, changes: Mapping[str, Any]) -> Part:
    """*section* with some fields changed; where all stay in their place, with
    every other byte kept.

    A value of another length has the section built anew from its fields, and
    what counts and says what is there is made to agree, unless it is among
    the changes.

    Raises:
        ArgumentError: as `build_part`.
    """
    number, part_id = section.number, section.id
    inside = record_table(section)
    rows = _rows(part_id, inside)
    data, left = bytearray(section.raw), {}
    for name in _in_order(rows, changes):
        now = RtasSection((0, len(data), number), bytes(data))
        try:
            set_field(data, now, name, _as_value(rows, name, changes[name]))
        except (ArgumentError, NotFoundError, ValueError):
            left[name] = changes[name]
    if not left:
        return Part(number, bytes(data))
    now = RtasSection((0, len(data), number), bytes(data))
    stale = _FOLLOWING.union(*(_RESTATED.get(name, ()) for name in left))
    stale -= changes.keys()
    fields = {name: value for name, value in now.items() if name not in stale}
    return build_part(part_id, {**fields, **left}, inside)


def _in_order(rows: Sequence[FieldRow], changes: Mapping[str, Any]) -> Iterable[str]:
    """The names of *changes*, those first that others depend on."""
    order = {row.name: i for i, row in enumerate(rows)}
    return sorted(changes, key=lambda name: order.get(name, len(order)))


def _as_value(rows: Sequence[FieldRow], name: str, value: Any) -> Value:
    """*value* with the forms that JSON has made ours."""
    row = next((r for r in rows if r.name == name), None)
    if row is not None and row.type == _BYTES and isinstance(value, str):
        return bytes.fromhex(value)
    result: Value = tuple(value) if isinstance(value, list) else value
    return result


def assemble(parts: Sequence[Part], count: bool = True) -> bytes:
    """Put *parts* together; the header gets the length, PH the section count.

    *count* false leaves that of PH as it is.
    """
    whole = sum(len(part.data) for part in parts)
    sections = sum(1 for part in parts if part.number < _HEADERS)
    done = []
    for number, data in parts:
        changed = bytearray(data)
        if number == _HDR and len(parts) > 1:
            _put(changed, number, "ext_length", whole - len(data))
        elif number == _PH and count:
            _put(changed, number, "section_count", min(sections, _COUNT_MAX))
        done.append(bytes(changed))
    return b"".join(done)

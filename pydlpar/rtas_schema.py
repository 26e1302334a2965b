"""The JSON schema of `RtasEvent.to_dict()`, made of the tables in C.

`data/event.schema.json` is this schema as a file, for those who have no Python;
a test says when it is out of date, `make schema` makes it anew.
"""

from __future__ import annotations

import json
from typing import Any

from pydlpar._ffi import ffi, lib
from pydlpar.rtas_json import EVENT_SCHEMA
from pydlpar.rtas_table import FieldRow, section_fields

__all__ = ["event_schema", "event_schema_text"]

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SUB = int(lib.DLPAR_RTAS_SUB)
_UINT = lib.DLPAR_RTAS_UINT
_BCD = (lib.DLPAR_RTAS_DATE, lib.DLPAR_RTAS_TIME)
_TEXTS = (lib.DLPAR_RTAS_TEXT, lib.DLPAR_RTAS_STRING, lib.DLPAR_RTAS_PADDED)
# What every part has, whatever its table: where it stands.
_PLACE: Schema = {
    "offset": {
        "description": "of its first byte, from the start of the event",
        "type": "integer",
        "minimum": 0,
    },
    "length": {"description": "in bytes", "type": "integer", "minimum": 0},
}
_UNSIGNED: Schema = {"type": "integer", "minimum": 0}


def event_schema() -> Schema:
    """JSON schema (draft 2020-12) of what `RtasEvent.to_dict()` gives."""
    out = ffi.new("const struct dlpar_rtas_layout **")
    n = lib.dlpar_rtas_layouts(out)
    layouts = ffi.unpack(out[0], n)
    defs: Schema = {}
    sections: list[str] = []
    records: list[str] = []
    for layout in layouts:
        name = ffi.string(layout.name).decode("ascii")
        is_record = layout.id >= _SUB
        key = _key(name, is_record)
        fixed = not is_record or not layout.len_len
        defs[key] = _part(layout, name, fixed)
        if layout.id and not layout.keyed:
            (records if is_record else sections).append(name)
    defs["section"] = _chosen(sections, False, "unknown")
    defs["record"] = _chosen(records, True, "substructure")
    return {
        "$schema": _DIALECT,
        "$id": f"urn:{EVENT_SCHEMA.replace('/', ':')}",
        "title": "RTAS event of an IBM Power platform, as pydlpar decodes it",
        "type": "object",
        "required": ["schema", "length", "raw", "sections"],
        "properties": {
            "schema": {"const": EVENT_SCHEMA},
            "length": {"description": "in bytes", **_UNSIGNED},
            "raw": {
                "description": "all bytes, as hexadecimal digits",
                "type": "string",
                "pattern": "^([0-9a-f]{2})*$",
            },
            "sections": {
                "description": "every part in wire order, headers included",
                "type": "array",
                "items": {"$ref": "#/$defs/section"},
            },
            "damage": _damage(),
        },
        "$defs": defs,
    }


def event_schema_text() -> str:
    """`event_schema()` as the text of its file."""
    return json.dumps(event_schema(), indent=1) + "\n"


def _key(name: str, is_record: bool) -> str:
    """A definition's name: `ID` can be a sub-structure, or an unknown section."""
    return f"record-{name}" if is_record else f"section-{name}"


def _damage() -> Schema:
    return {
        "description": "what ended a tolerant decoding; the parts stand before it",
        "type": "object",
        "required": ["code", "offset", "message"],
        "properties": {
            "code": {"description": "enum dlpar_err", "type": "integer"},
            "offset": {"description": "first byte not understood", **_UNSIGNED},
            "message": {"type": "string"},
        },
    }


def _chosen(names: list[str], is_record: bool, otherwise: str) -> Schema:
    """A part is what its id says; of another id, *otherwise*."""
    known = [
        {
            "if": {"properties": {"id": {"const": name}}},
            "then": {"$ref": f"#/$defs/{_key(name, is_record)}"},
        }
        for name in names
    ]
    unknown = {
        "if": {"properties": {"id": {"enum": names}}},
        "else": {"$ref": f"#/$defs/{_key(otherwise, is_record)}"},
    }
    return {"type": "object", "required": ["id"], "allOf": [*known, unknown]}


def _part(layout: Any, name: str, is_sure: bool) -> Schema:
    """The object of one table."""
    fields = ffi.unpack(layout.fields, layout.n_fields)
    properties: Schema = {"id": {"type": "string"}, **_PLACE}
    required = ["id", "offset", "length"]
    for row, field in zip(section_fields(name), fields, strict=True):
        if row.name in ("id", "length"):
            continue
        value = _value(row)
        before = properties.setdefault(row.name, value)
        if before != value:
            properties[row.name] = {"anyOf": [before, value]}
        if is_sure and _always(field, layout.min_len) and row.name not in required:
            required.append(row.name)
    return {"type": "object", "required": required, "properties": properties}


def _always(field: Any, min_len: int) -> bool:
    """Whether the shortest section of its kind has the field."""
    return bool(
        field.when == lib.DLPAR_RTAS_ALWAYS
        and getattr(field, "from") == lib.DLPAR_RTAS_FROM_START
        and field.len
        and not field.count_len
        and field.off + field.len <= min_len
    )


def _value(row: FieldRow) -> Schema:
    """What a field of this kind looks like in JSON."""
    if row.type == _UINT:
        return {"type": "integer", "minimum": 0, "maximum": row.maximum}
    if row.type in _BCD:
        return {"type": "string", "pattern": "^[0-9a-f]{8}$"}
    if row.type == lib.DLPAR_RTAS_BYTES:
        digits = f"{{{2 * row.length}}}" if row.length else "*"
        unit = "[0-9a-f]" if row.length else "([0-9a-f]{2})"
        return {"type": "string", "pattern": f"^{unit}{digits}$"}
    if row.type in _TEXTS:
        limit = {"maxLength": row.length} if row.length else {}
        return {"type": "string", **limit}
    if row.type == lib.DLPAR_RTAS_WORDS:
        return {"type": "array", "items": {"type": "string"}}
    if row.type == lib.DLPAR_RTAS_NUMBERS:
        top = (1 << 8 * row.unit) - 1
        return {"type": "array", "items": {**_UNSIGNED, "maximum": top}}
    # Records: of one kind, or, of a call-out, what each one's id says.
    kind = "record" if row.of == "substructure" else _key(row.of, True)
    return {"type": "array", "items": {"$ref": f"#/$defs/{kind}"}}

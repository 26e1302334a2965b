"""The layout of a version 6 event as one would write it with construct.

Sections other than PH and HP are kept as bytes, as in `bench/structs.py`.
"""

from __future__ import annotations

from typing import Any

from construct import (
    BitsInteger,
    BitStruct,
    Bytes,
    Const,
    FixedSized,
    Flag,
    GreedyBytes,
    GreedyRange,
    Int8ub,
    Int16ub,
    Int32ub,
    Prefixed,
    Struct,
    Switch,
    this,
)

__all__ = ["EVENT", "drc_index", "read"]

_HEAD, _INDEX, _PLID_AT = 8, 2, 32

_HOTPLUG = Struct(
    "resource" / Int8ub,
    "action" / Int8ub,
    "id_type" / Int8ub,
    "capabilities" / Int8ub,
    "identifier" / Int32ub,
    "second" / Int32ub,
)
_PRIVATE = Struct("before" / Bytes(_PLID_AT), "plid" / Int32ub, "entry" / Int32ub)
_SECTION = Struct(
    "id" / Bytes(2),
    "length" / Int16ub,
    "version" / Int8ub,
    "subtype" / Int8ub,
    "component" / Int16ub,
    "body"
    / FixedSized(
        this.length - _HEAD,
        Switch(this.id, {b"PH": _PRIVATE, b"HP": _HOTPLUG}, default=GreedyBytes),
    ),
)
EVENT = Struct(
    "version" / Int8ub,
    "flags"
    / BitStruct(
        "severity" / BitsInteger(3),
        "disposition" / BitsInteger(2),
        "extended" / Flag,
        "reserved" / BitsInteger(2),
    ),
    "parties" / BitStruct("initiator" / BitsInteger(4), "target" / BitsInteger(4)),
    "type" / Int8ub,
    "extended"
    / Prefixed(
        Int32ub,
        Struct(
            "bits" / Bytes(12),
            "company" / Const(b"IBM\0"),
            "sections" / GreedyRange(_SECTION),
        ),
    ),
)
"""A whole event."""


def read(log: bytes) -> Any:
    """The event as construct's containers."""
    return EVENT.parse(log)


def drc_index(log: bytes) -> int | None:
    """The DRC index that a hotplug event names."""
    for section in read(log).extended.sections:
        if section.id == b"HP" and section.body.id_type == _INDEX:
            found: int = section.body.identifier
            return found
    return None

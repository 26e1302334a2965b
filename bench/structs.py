"""The reference for RTAS events: hotplug logs in plain Python, with `struct`.

What one would write without a library: it walks the sections and checks every bound,
and knows only the hotplug section. It makes no objects but a tuple.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

__all__ = ["Plain", "decode", "decode_all", "encode"]

_FIXED = struct.Struct(">BBBBI")
_HEAD = struct.Struct(">2sHBBH")
_HOTPLUG = struct.Struct(">BBBBI")
_PLID = struct.Struct(">I")
_COUNT_INDEX = struct.Struct(">II")
_VERSION, _EXTENDED, _HOTPLUG_TYPE = 6, 0x04, 0xE5
_EXTENDED_LEN, _SECTION_LEN, _PLID_OFFSET, _ID_OFFSET = 16, 8, 40, 12
_COUNT, _INDEX, _INDEXED_COUNT = 3, 2, 4
_BEFORE_PLID = (
    bytes.fromhex("063460e50000006c86008e")
    + bytes(9)
    + b"IBM\0"
    + bytes.fromhex("50480030")
    + bytes(20)
    + b"H\0\0\3"
    + bytes(12)
)
_AFTER_PLID = bytes(4) + bytes.fromhex("554800180000000080") + bytes(15)


class Plain(NamedTuple):
    """What a hotplug log asks for, and where the next log begins."""

    type: int
    plid: int
    resource: int
    action: int
    id_type: int
    drc_index: int
    drc_count: int
    end: int


def decode(log: bytes, start: int = 0) -> Plain:
    """The hotplug log at *start*.

    Raises:
        ValueError: not a version 6 log, or a length leaves it, or no hotplug section.
    """
    version, flags, _, kind, length = _FIXED.unpack_from(log, start)
    end = start + _FIXED.size + length
    if version != _VERSION or not flags & _EXTENDED or end > len(log):
        raise ValueError(f"log at byte {start}: not a version 6 log in full")
    at, plid = start + _FIXED.size + _EXTENDED_LEN, 0
    while at + _SECTION_LEN <= end:
        name, section_len, _, _, _ = _HEAD.unpack_from(log, at)
        if section_len < _SECTION_LEN or at + section_len > end:
            raise ValueError(f"section at byte {at}: length {section_len}")
        if name == b"PH":
            (plid,) = _PLID.unpack_from(log, at + _PLID_OFFSET)
        elif name == b"HP":
            resource, action, id_type, _, first = _HOTPLUG.unpack_from(log, at + 8)
            index = first if id_type == _INDEX else 0
            count = first if id_type == _COUNT else 0
            if id_type == _INDEXED_COUNT:
                count, index = _COUNT_INDEX.unpack_from(log, at + _ID_OFFSET)
            return Plain(kind, plid, resource, action, id_type, index, count, end)
        at += section_len
    raise ValueError(f"log at byte {start}: no hotplug section")


def decode_all(logs: bytes) -> list[Plain]:
    """Every log of a batch."""
    found, at = [], 0
    while at < len(logs):
        found.append(decode(logs, at))
        at = found[-1].end
    return found


def encode(resource: int, action: int, drc_index: int, plid: int) -> bytes:
    """The 116 bytes of a hotplug log that names a DRC by its index."""
    return b"".join(
        (
            _BEFORE_PLID,
            _PLID.pack(plid),
            _AFTER_PLID,
            _HEAD.pack(b"HP", 20, 1, 0, 0),
            _HOTPLUG.pack(resource, action, _INDEX, 0, drc_index),
            bytes(4),
        )
    )

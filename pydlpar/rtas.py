"""RTAS events: the hotplug section."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from pydlpar.errors import EventError

__all__ = ["decode_event", "hotplug_section"]


def hotplug_section(request: Any) -> bytes:
    """The 20-byte hotplug section that carries *request*."""
    first = request.count if request.count is not None else request.drc_index
    second = (request.drc_index or 0) if request.id_type == 4 else 0
    return struct.pack(
        ">2sHBBHBBBBII",
        b"HP",
        20,
        1,
        0,
        0,
        request.resource,
        request.action,
        request.id_type,
        0,
        first,
        second,
    )


class Section(NamedTuple):
    resource: int
    action: int
    id_type: int
    drc_index: int | None
    count: int | None  # type: ignore[assignment]
    drc_name: str | None


class Event(NamedTuple):
    hotplug: Section | None


def decode_event(data: bytes) -> Event:
    if data[:1] != b"\6":
        raise EventError("not a log", offset=0)
    at = data.find(b"HP")
    if at < 0:
        return Event(None)
    res, act, idt, _, first, second = struct.unpack_from(">4B2I", data, at + 8)
    return Event(Section(res, act, idt, first if idt == 2 else second, first, None))

"""RTAS events: the hotplug section."""

from __future__ import annotations

import struct
from typing import Any

__all__ = ["hotplug_section"]


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

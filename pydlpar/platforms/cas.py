"""Client architecture support (CAS): what a partition can do, and what it gets.

The partition hands firmware a table of processor versions and option vectors;
what both sides know of vector 5 holds from then on, and firmware gives the
partition a tree made for it (LoPAR B.6.2.3; QEMU spapr_hcall.c
`do_client_architecture_support`, spapr_ovec.c).
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from pydlpar.errors import DecodeError
from pydlpar.platforms.guest_tree import agreed_numa, guest_tree
from pydlpar.platforms.options import OFFERED, Option, negotiate
from pydlpar.platforms.rtas_entry import H_PARAMETER, H_SUCCESS

if TYPE_CHECKING:
    from pydlpar.platforms.firmware import Firmware
    from pydlpar.platforms.numa import Numa
    from pydlpar.tree import DeviceTree

__all__ = ["CasReply", "CasRequest", "client_architecture_support", "read_cas_request"]

_PVR_PAIR: Final = struct.Struct(">2I")
_NEEDED: Final = (1, 5)
"""Option vectors without which there is no negotiation."""


class CasRequest(NamedTuple):
    """What a partition says of itself.

    Attributes:
        processors: (mask, value) of the processor versions that it runs on.
        vectors: option vectors by number, 1 first; their bytes from byte 1 on.
    """

    processors: tuple[tuple[int, int], ...]
    vectors: Mapping[int, bytes]


class CasReply(NamedTuple):
    """What firmware answers.

    Attributes:
        status: of the hypervisor call: 0, or -4 where a vector is missing.
        vector: `ibm,architecture-vec-5`: what was agreed on; empty if refused.
        tree: made for the partition; None if refused.
    """

    status: int
    vector: bytes
    tree: DeviceTree | None


def read_cas_request(table: bytes) -> CasRequest:
    """Read the table that a partition passes.

    (mask, value) pairs of 32 bits up to one whose value has a bit outside its
    mask; the number of vectors less one; for each its length less one, and bytes.

    Raises:
        DecodeError: it ends within one of these; `.offset` is the byte.
    """
    processors = []
    offset = 0
    while True:
        if _PVR_PAIR.size > len(table) - offset:
            raise DecodeError("CAS: processor list without an end", offset=offset)
        mask, value = _PVR_PAIR.unpack_from(table, offset)
        offset += _PVR_PAIR.size
        if value & ~mask:
            break
        processors.append((mask, value))
    vectors = {}
    count, offset = _length(table, offset, "number of vectors")
    for number in range(1, count + 1):
        size, offset = _length(table, offset, f"length of vector {number}")
        if size > len(table) - offset:
            raise DecodeError(
                f"CAS: vector {number} of {size} bytes, {len(table) - offset} are left",
                offset=offset,
            )
        vectors[number] = table[offset : offset + size]
        offset += size
    return CasRequest(tuple(processors), vectors)


def _length(table: bytes, offset: int, what: str) -> tuple[int, int]:
    if offset >= len(table):
        raise DecodeError(f"CAS: no {what}", offset=offset)
    return table[offset] + 1, offset + 1


def client_architecture_support(
    firmware: Firmware,
    boot: DeviceTree,
    table: bytes,
    offered: Collection[Option] | None = None,
    numa: Numa | None = None,
) -> CasReply:
    """The hypervisor call ibm,client-architecture-support of a partition.

    What both sides know is agreed on, connectors are reset, hotplug events are
    dropped, and the partition is given a tree that has everything that is plugged.
    What is plugged from then on says its NUMA node in the form agreed on.

    Args:
        boot: the tree that *firmware* was made from, or that the machine started
            with; not changed.
        table: see `read_cas_request`.
        offered: what firmware knows; None takes that of its profile, without
            hotplug events where *boot* has no source of them.
        numa: nodes and distances; None takes what *boot* says.

    Raises:
        DecodeError: the table is malformed, or a property of *boot* that has to be
            read.
    """
    request = read_cas_request(table)
    if any(number not in request.vectors for number in _NEEDED):
        return CasReply(H_PARAMETER, b"", None)
    if offered is None:
        offered = OFFERED[firmware.profile]
        if "/event-sources/hot-plug-events" not in boot:
            offered = offered - {Option.HOTPLUG_EVENTS}
    vector = negotiate(request.vectors[_NEEDED[-1]], offered)
    firmware.cas(hotplug_events=Option.HOTPLUG_EVENTS.is_set(vector))
    firmware.associate(agreed_numa(boot, vector, numa))
    return CasReply(H_SUCCESS, vector, guest_tree(firmware, boot, vector, numa))

"""Why we refuse what libfdt accepts, and the other way round: each a predicate.

Reads a blob by the specification alone. Only for blobs that one of the two
readers accepts, so the walk trusts lengths. docs/blobs.md lists the same reasons.
"""

from __future__ import annotations

from collections.abc import Iterator

from plaintree import BEGIN_NODE, END, END_NODE, NOP, PROP

NAME_MAX = 4095

# A reason, and the error that we give for it.
REFUSED = {
    "version below 16": "BADVERSION",
    "misaligned block": "ALIGNMENT",
    "property after a subnode": "PROPORDER",
    "property outside a node": "NESTING",
    "no root": "NOROOT",
    "node name with a slash": "NODENAME",
    "node without a name": "NODENAME",
    "node name above 4095 bytes": "NODENAME",
    "property name above 4095 bytes": "STRING",
    "version 16, name beyond size_dt_strings": "NAMEOFF",
    "version 16, name ends beyond size_dt_strings": "STRING",
}

# libfdt 1.6 adds such a length to an offset and wraps; 1.7 refuses it as we do.
REFUSED_SINCE_1_7 = {"property length that wraps": "PROPLEN"}


def _cell(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")


def _align(at: int) -> int:
    return (at + 3) & ~3


def tokens(data: bytes) -> Iterator[tuple[int, int]]:
    """Each token and its offset in the blob, up to END.

    Raises:
        ValueError: there is none, so no reader should have accepted the blob.
    """
    start = at = _cell(data, 8)
    while at < len(data):
        tag, here = _cell(data, at), at
        yield tag, here
        at += 4
        if tag == BEGIN_NODE:
            at = start + _align(data.index(b"\0", at) + 1 - start)
        elif tag == PROP:
            at = start + _align(at + 8 + _cell(data, at) - start)
        elif tag == END:
            return
    raise ValueError("no END token")


def _name_reasons(data: bytes, at: int, depth: int) -> Iterator[str]:
    name = data[at + 4 : data.index(b"\0", at + 4)]
    if b"/" in name:
        yield "node name with a slash"
    if depth and not name:
        yield "node without a name"
    if len(name) > NAME_MAX:
        yield "node name above 4095 bytes"


def _prop_reasons(data: bytes, at: int, version: int) -> Iterator[str]:
    nameoff, strings, size = _cell(data, at + 8), _cell(data, 12), _cell(data, 32)
    end = data.index(b"\0", strings + nameoff) - strings
    if end - nameoff > NAME_MAX:
        yield "property name above 4095 bytes"
    if version == 16 and nameoff >= size:
        yield "version 16, name beyond size_dt_strings"
    elif version == 16 and end >= size:
        yield "version 16, name ends beyond size_dt_strings"


def _structure_reasons(data: bytes, version: int) -> Iterator[str]:
    """What the walk meets; @closed is one flag a level: a subnode has ended."""
    closed: list[bool] = []
    roots = 0
    for tag, at in tokens(data):
        if tag == BEGIN_NODE:
            yield from _name_reasons(data, at, len(closed))
            roots += not closed
            closed.append(False)
        elif tag == END_NODE:
            closed.pop()
            if closed:
                closed[-1] = True
        elif tag == PROP:
            if not closed:
                yield "property outside a node"
            elif closed[-1]:
                yield "property after a subnode"
            if _cell(data, at + 4) > len(data):
                yield "property length that wraps"
                return
            yield from _prop_reasons(data, at, version)
        elif tag == END and not roots:
            yield "no root"


def reasons(data: bytes) -> set[str]:
    """Why we may refuse a blob that libfdt accepts."""
    version = _cell(data, 20)
    found = set()
    if version < 16:
        return {"version below 16"}
    if _cell(data, 8) % 4 or _cell(data, 16) % 8:
        found.add("misaligned block")
    return found | set(_structure_reasons(data, version))


def nop_behind_the_root(data: bytes) -> bool:
    """libfdt below 1.8 refuses a NOP between the root's end and END."""
    depth = 0
    seen = False
    for tag, _ in tokens(data):
        if tag == BEGIN_NODE:
            depth, seen = depth + 1, True
        elif tag == END_NODE:
            depth -= 1
        elif tag == NOP and seen and not depth:
            return True
    return False


def nop_before_the_root(data: bytes) -> bool:
    """libfdt takes offset 0 for the root, and so finds no node in such a blob."""
    return next(tokens(data))[0] == NOP

"""Build any RTAS event: from keyword arguments, or from what `to_dict` gave."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydlpar._ffi import lib
from pydlpar.constants import EventDisposition, EventParty, EventSeverity, EventType
from pydlpar.errors import ArgumentError
from pydlpar.rtas_event import RtasEvent, decode_event, decode_pel
from pydlpar.rtas_parts import Part, assemble, build_part, edit_part, part_number
from pydlpar.rtas_table import RtasSection

__all__ = [
    "build_event",
    "build_section",
    "encode_error_log",
    "encode_pel",
    "event_from_dict",
]

SectionLike = str | bytes | RtasSection | tuple[str, Mapping[str, Any]]
"""An id alone, ready bytes, a section of another event, or id and fields."""

_PLATFORM_VERSION = 6
_PLATFORM_FORMAT = 14
_VENDOR = "vendor"
# Format number of the extended header by what stands behind it, before 6.
_FORMATS = {
    "cpu": 1,
    "mem": 2,
    "io": 3,
    "post": 4,
    "epow": 5,
    "ibm_diag": 12,
    "sp": 13,
    _VENDOR: 14,
}
_EXTENDED = {"valid": 1, "new": 1, "big_endian": 1, "powerpc": 1}
_HEADER_LENGTH = 8
# What /proc/powerpc/rtas/error_log gives with each read: number and event.
_SEQUENCE_LENGTH = 4
_RECORD_LENGTH = _SEQUENCE_LENGTH + int(lib.DLPAR_RTAS_EVENT_MAX)


def build_section(section_id: str, **fields: Any) -> bytes:
    """One section, or one part of an event before version 6, from its fields.

        build_section("PS", reference_code="B7006970", callouts=[
            {"priority": "H", "location_code": "U5877.001-P1",
             "ID": {"part_number": "45D1234", "ccin": "2A3B"}}])

    What is not given is zero; lengths, counts and the flags that say what is
    there follow. Names are those of `section_fields(section_id)`.

    Raises:
        ArgumentError: no such field, a value beyond its range, or fields that
            contradict each other: with section, field, value and range.

    Source: LoPAR 7.3.3. Cost: one native call a section and record.
    """
    return build_part(section_id, fields).data


def build_event(
    type: int = EventType.PLATFORM_ERROR,
    severity: int = EventSeverity.EVENT,
    sections: Iterable[SectionLike] = (),
    *,
    disposition: int = EventDisposition.FULLY_RECOVERED,
    initiator: int = EventParty.UNKNOWN,
    target: int = EventParty.UNKNOWN,
    version: int = _PLATFORM_VERSION,
    scope: int | None = None,
    plid: int = 0,
    time: datetime | None = None,
    headers: bool = True,
) -> RtasEvent:
    """Build an event of any kind; it is decoded strictly, so it is a valid one.

        build_event(EventType.PLATFORM_ERROR, EventSeverity.ERROR, [
            ("UH", {"subsystem": 0x20, "event_severity": 0x40}),
            ("PS", {"reference_code": "B123E504"}),
        ], plid=0x50000001, time=datetime(2026, 1, 2))

    Args:
        type, severity, disposition, initiator, target, version: of the fixed
            part.
        sections: in wire order, see `SectionLike`. From version 6 on, PH and
            UH are added in front where they are missing. Before, one body
            (`"cpu"`, `"mem"`, `"io"`, `"post"`, `"epow"`, `"ibm_diag"`,
            `"sp"`) and a part `"vendor"`, either alone or both. `"exthdr"`
            changes fields of the extended header.
        scope: of a PRRN event, which has nothing else.
        plid, time: go into PH; before version 6, the time into the extended
            header. An entry id is the PLID unless PH says otherwise.
        headers: False adds neither PH nor UH; without any section, the event
            is its 8-byte header.

    Raises:
        ArgumentError: see `build_section`.
        EventError: sections in an order, or of a length, that no event has.

    Source: LoPAR 7.3.3.
    """
    given = list(sections)
    fixed = {
        "version": version,
        "severity": severity,
        "disposition": disposition,
        "initiator": initiator,
        "target": target,
        "type": type,
    }
    if type == EventType.PRRN:
        return decode_event(build_part("hdr", {**fixed, "scope": scope or 0}).data)
    if scope is not None:
        raise ArgumentError(f"scope {scope} of type {type}, expected one with PRRN")
    stamp = _stamp(time)
    if version < _PLATFORM_VERSION:
        parts = _old_parts(given, stamp)
    else:
        parts = _platform_parts(given, stamp, plid, headers)
    if len(parts) == 1:
        alone = build_part("hdr", fixed).data
        return decode_event(alone.ljust(_HEADER_LENGTH, b"\0"))
    header = build_part("hdr", {**fixed, "ext_length": 0})
    counted = not any("section_count" in _split(each)[1] for each in given)
    return decode_event(assemble([header, *parts], counted))


def _stamp(time: datetime | None) -> dict[str, str]:
    if time is None:
        return {}
    hundredths = time.microsecond // 10000
    return {
        "date": time.strftime("%Y%m%d").rjust(8, "0"),
        "time": f"{time:%H%M%S}{hundredths:02}",
    }


def _split(given: SectionLike) -> tuple[str, Mapping[str, Any]]:
    """The id of what is given, and its fields; none where it is ready."""
    if isinstance(given, str):
        return given, {}
    if isinstance(given, RtasSection):
        return given.id, {}
    if isinstance(given, bytes):
        return given[:2].decode("latin-1"), {}
    return given


def _part(given: SectionLike, defaults: Mapping[str, Any]) -> Part:
    if isinstance(given, bytes):
        return Part(part_number(_split(given)[0]), given)
    if isinstance(given, RtasSection):
        return Part(given.number, given.raw)
    section_id, fields = _split(given)
    return build_part(section_id, {**defaults, **fields})


def _extended_header(given: list[SectionLike], defaults: dict[str, Any]) -> Part:
    """The extended header, with what *given* says of it, which is taken out."""
    for i, each in enumerate(given):
        if _split(each)[0] == "exthdr":
            return _part(given.pop(i), defaults)
    return build_part("exthdr", defaults)


def _platform_parts(
    given: list[SectionLike], stamp: dict[str, str], plid: int, headers: bool
) -> list[Part]:
    own = {**_EXTENDED, "format": _PLATFORM_FORMAT, "company": "IBM"}
    parts = [_extended_header(given, own)]
    ids = [_split(each)[0] for each in given]
    if headers and "UH" not in ids:
        given.insert(ids.index("PH") + 1 if "PH" in ids else 0, "UH")
    if headers and "PH" not in ids:
        given.insert(0, "PH")
    private = {**stamp, "plid": plid, "entry_id": plid}
    for each in given:
        parts.append(_part(each, private if _split(each)[0] == "PH" else {}))
    return parts


def _old_parts(given: list[SectionLike], stamp: dict[str, str]) -> list[Part]:
    bodies = [_split(each)[0] for each in given if _split(each)[0] != "exthdr"]
    unknown = [body for body in bodies if body not in _FORMATS]
    if unknown:
        known = ", ".join(_FORMATS)
        raise ArgumentError(f"part {unknown[0]!r} before version 6, expected {known}")
    number = _FORMATS[bodies[0]] if bodies else 0
    header = _extended_header(given, {**_EXTENDED, **stamp, "format": number})
    return [header, *(_part(each, {}) for each in given)]


def event_from_dict(plain: Mapping[str, Any]) -> RtasEvent:
    """The event that `RtasEvent.to_dict` gave, its JSON read again included.

    What was not edited comes back byte by byte, padding included: `raw` keeps
    it. A section whose fields differ from `raw` is changed as by
    `RtasEvent.edit`; one that `raw` does not have is built. Without `raw`, all
    are built, what no field speaks of being zero. Sections that are left out
    are removed; length and, with `raw`, section count follow.

    Raises:
        ArgumentError: not of that form, or see `build_section`.
        EventError: the result is no event.
    """
    sections = _sections_of(plain)
    decode = decode_event if sections[0]["id"] == "hdr" else decode_pel
    base = decode(_raw_of(plain), False) if "raw" in plain else None
    if base is not None and list(sections) == base.to_dict()["sections"]:
        return base
    old = {(s.id, s.offset): s for s in base.sections} if base is not None else {}
    parts = [_from_dict(each, old) for each in sections]
    before = sum(section.length for section in old.values())
    if len(parts) == len(old) and sum(len(p.data) for p in parts) == before:
        return decode(b"".join(part.data for part in parts))
    private = [each for each in sections if each.get("id") == "PH"]
    told = base is None and any("section_count" in each for each in private)
    return decode(assemble(parts, not told))


def _sections_of(plain: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    sections = plain.get("sections")
    if not isinstance(sections, (list, tuple)) or not sections:
        raise ArgumentError(f"event {plain!r:.60}, expected a list `sections`")
    for each in sections:
        if not isinstance(each, Mapping) or not isinstance(each.get("id"), str):
            raise ArgumentError(f"section {each!r:.60}, expected an `id`")
        if not isinstance(each.get("offset", 0), int):
            raise ArgumentError(f"section {each!r:.60}, expected a number as `offset`")
    return sections


def _raw_of(plain: Mapping[str, Any]) -> bytes:
    try:
        return bytes.fromhex(plain["raw"])
    except (TypeError, ValueError):
        raise ArgumentError(
            f"`raw` {plain['raw']!r:.60}, expected hexadecimal digits"
        ) from None


def _from_dict(
    plain: Mapping[str, Any], old: Mapping[tuple[str, int], RtasSection]
) -> Part:
    was = old.get((plain["id"], plain.get("offset", -1)))
    if was is None:
        return build_part(plain["id"], plain)
    known = was.to_dict()
    changes = {k: v for k, v in plain.items() if known.get(k) != v}
    if not changes:
        return Part(was.number, was.raw)
    return edit_part(was, _records_kept(was, changes))


def _records_kept(was: RtasSection, changes: Mapping[str, Any]) -> dict[str, Any]:
    """*changes*, those records that did not change being as they were."""
    kept = dict(changes)
    for name, value in changes.items():
        before = was.get(name)
        if not isinstance(value, (list, tuple)) or not isinstance(before, tuple):
            continue
        records = {r.offset: r for r in before if isinstance(r, RtasSection)}
        if records:
            kept[name] = [_record(each, records) for each in value]
    return kept


def _record(plain: Any, old: Mapping[int, RtasSection]) -> Any:
    was = old.get(plain.get("offset", -1)) if isinstance(plain, Mapping) else None
    if was is None:
        return plain
    known = was.to_dict()
    changes = {k: v for k, v in plain.items() if known.get(k) != v}
    if not changes:
        return was
    return edit_part(was, _records_kept(was, changes)).data


def encode_pel(event: RtasEvent) -> bytes:
    """The event as a platform event log: from its PH section on.

    Raises:
        ArgumentError: it has no PH section.
    """
    for section in event.sections:
        if section.id == "PH":
            return event.raw[section.offset :]
    raise ArgumentError(f"{event!r}, expected a PH section")


def encode_error_log(
    event: RtasEvent,
    sequence: int,
    byteorder: Literal["big", "little"] = sys.byteorder,
    length: int = _RECORD_LENGTH,
) -> bytes:
    """The event as a record of `/proc/powerpc/rtas/error_log`.

    Args:
        event: with its RTAS header.
        sequence: its number, 32 bits.
        byteorder: of the number; that of the machine that writes it.
        length: of the record, which zeros fill, in bytes.

    Raises:
        ArgumentError: no RTAS header, a number beyond 32 bits, or an event
            that the record has no room for.

    Source: Linux arch/powerpc/platforms/pseries, rtasd.
    """
    if event.version is None:
        raise ArgumentError(f"{event!r}, expected an RTAS header")
    if not 0 <= sequence < 1 << 8 * _SEQUENCE_LENGTH:
        raise ArgumentError(f"sequence number {sequence}, expected 32 bits")
    if _SEQUENCE_LENGTH + len(event.raw) > length:
        raise ArgumentError(
            f"record of {length} bytes, expected {_SEQUENCE_LENGTH + len(event.raw)}"
        )
    record = sequence.to_bytes(_SEQUENCE_LENGTH, byteorder) + event.raw
    return record.ljust(length, b"\0")

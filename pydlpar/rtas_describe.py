"""RTAS events for people: in one line, and as a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydlpar._ffi import lib
from pydlpar.constants import IdType
from pydlpar.errors import ArgumentError
from pydlpar.rtas_encode import EpowSection, HotplugSection
from pydlpar.rtas_parts import build_part, record_table, table_rows
from pydlpar.rtas_table import FieldRow, RtasSection
from pydlpar.rtas_words import word

if TYPE_CHECKING:
    from pydlpar.rtas_event import RtasEvent

__all__ = ["describe", "hex_dump", "summary"]

_TITLES = {
    "hdr": "Fixed part",
    "exthdr": "Extended header",
    "cpu": "CPU error",
    "mem": "Memory error",
    "io": "I/O error",
    "post": "Power-on self-test error",
    "epow": "Environment or power warning",
    "ibm_diag": "IBM diagnostic",
    "sp": "Service processor error",
    "vendor": "Vendor data",
    "PH": "Private header",
    "UH": "User header",
    "PS": "Primary reference code",
    "SS": "Secondary reference code",
    "EP": "Environment or power warning",
    "HP": "Hotplug request",
    "MT": "Failing enclosure",
    "LR": "Logical resource",
    "LP": "Partitions concerned",
    "IE": "I/O event",
    "DH": "Dump locator",
    "MC": "Machine check",
    "EH": "Extended user header",
    "ED": "Extended user data",
    "EI": "Environment readings",
    "MI": "Manufacturing information",
    "SW": "Software error",
    "UD": "User data",
    "CH": "Call-home text",
    "HM": "Management console",
    "callout": "call-out",
    "ID": "part",
    "PE": "power enclosure",
    "MR": "replaceable units",
    "unit": "unit",
    "reading": "reading",
    "register": "register",
}
_NO_TIME = "no time"
# What a number counts or measures is told in decimal, too.
_DECIMAL = ("count", "length", "size", "line", "temperature", "capacity")

# Said in the title of a section.
_IN_TITLE = ("id", "length", "version", "subtype", "creator_component")
_STEP = "    "
_NAME_WIDTH = 24
_VALUE_WIDTH = 18
_WIDTH = 100
# Bytes up to this many stand in the line of their field.
_INLINE = 16
_LINE = 16

_UINT = lib.DLPAR_RTAS_UINT
_BYTES = lib.DLPAR_RTAS_BYTES
_NUMBERS = lib.DLPAR_RTAS_NUMBERS
_RECORDS = lib.DLPAR_RTAS_RECORDS
_WORDS = lib.DLPAR_RTAS_WORDS


def summary(event: RtasEvent) -> str:
    """One line: when, what kind and how severe, what happened and where.

        2026-01-02 03:04:05.06  hotplug (event): memory add, 4 from index 0x80000010

    It has no line breaks and only printable characters, whatever the event
    holds.
    """
    kind = "platform event log"
    if event.type is not None and event.severity is not None:
        severity = word("hdr", "severity", event.severity)
        kind = f"{word('hdr', 'type', event.type)} ({severity})"
    what = "; ".join(_what(event)) or "nothing else is known"
    damage = " [damaged]" if event.damage is not None else ""
    return _printable(f"{_time(event)}  {kind}: {what}{damage}")


def _time(event: RtasEvent) -> str:
    stamp = event.timestamp
    if stamp is None:
        return _NO_TIME
    return f"{stamp:%Y-%m-%d %H:%M:%S}.{stamp.microsecond // 10000:02}"


def _what(event: RtasEvent) -> Iterator[str]:
    if event.scope is not None:
        yield f"scope {event.scope:#010x}"
    hotplug, epow = event.hotplug, event.epow
    if hotplug is not None:
        yield _hotplug(hotplug)
    if epow is not None:
        yield _epow(epow)
    parts = {section.id: section for section in reversed(event.sections)}
    if "UH" in parts and hotplug is None and epow is None:
        yield _severity(parts["UH"])
    for name in ("PS", "SS"):
        if name in parts:
            yield _reference(parts[name])
            break
    for name, tell in _OTHERS.items():
        if name in parts:
            yield tell(parts[name])


def _hotplug(hp: HotplugSection) -> str:
    resource = word("HP", "resource", hp.resource)
    what = f"{resource} {word('HP', 'action', hp.action)}"
    if hp.id_type == IdType.DRC_NAME:
        return f"{what}, connector {hp.drc_name}"
    if hp.id_type == IdType.DRC_COUNT:
        return f"{what}, count {hp.count}"
    if hp.id_type == IdType.INDEXED_COUNT:
        return f"{what}, {hp.count} from index {hp.drc_index:#010x}"
    if hp.drc_index is not None:
        return f"{what}, index {hp.drc_index:#010x}"
    return f"{what}, identifier kind {word('HP', 'id_type', hp.id_type)}"


def _epow(ep: EpowSection) -> str:
    text = f"{word('EP', 'action', ep.action)}"
    if ep.modifier:
        text += f" ({word('EP', 'modifier', ep.modifier)})"
    if ep.extended_modifier is not None:
        text += f", {word('EP', 'extended_modifier', ep.extended_modifier)}"
    return text


def _severity(uh: RtasSection) -> str:
    subsystem = word("UH", "subsystem", uh.subsystem)
    return f"{subsystem}, {word('UH', 'event_severity', uh.event_severity)}"


def _reference(src: RtasSection) -> str:
    text = str(src.reference_code)
    words = word(src.id, "reference_code", src.reference_code)
    if words:
        text += f" ({words})"
    callout = src.first("callout")
    if callout is None:
        return text
    where = callout.get("location_code") or _identity(callout)
    more = len(src.callouts) - 1
    text += (
        f" at {where or 'no place'} ({word('callout', 'priority', callout.priority)})"
    )
    return f"{text} and {more} more" if more else text


def _identity(callout: RtasSection) -> str:
    part = callout.first("ID")
    if part is None:
        return ""
    return str(part.get("part_number") or part.get("procedure") or "")


def _dump(dh: RtasSection) -> str:
    return f"{word('DH', 'subtype', dh.subtype)} {dh.dump_id:#010x}"


def _logical(lr: RtasSection) -> str:
    return f"{word('LR', 'resource', lr.resource)} {lr.identifier:#010x}"


def _io_event(ie: RtasSection) -> str:
    return f"{word('IE', 'event_type', ie.event_type)}, index {ie.drc_index:#010x}"


def _machine_check(mc: RtasSection) -> str:
    return f"{word('MC', 'error_type', mc.error_type)}, CPU {mc.processor:#x}"


def _bits_set(body: RtasSection) -> str:
    names = (row.name for row in table_rows(body) if row.maximum == 1)
    bits = ", ".join(name.replace("_", " ") for name in names if body.get(name))
    return f"{_TITLES[body.id]}: {bits}" if bits else _TITLES[body.id]


def _old_epow(body: RtasSection) -> str:
    return str(word("epow", "action", body.action))


def _diagnostic(body: RtasSection) -> str:
    return f"diagnostic event {body.event_id:#010x}"


def _vendor(body: RtasSection) -> str:
    codes = body.get("location_codes", ())
    return f"at {' '.join(codes)}" if codes else f"vendor data, {body.length} bytes"


_OTHERS = {
    "DH": _dump,
    "LR": _logical,
    "IE": _io_event,
    "MC": _machine_check,
    "cpu": _bits_set,
    "mem": _bits_set,
    "io": _bits_set,
    "post": _bits_set,
    "sp": _bits_set,
    "epow": _old_epow,
    "ibm_diag": _diagnostic,
    "vendor": _vendor,
}


def describe(event: RtasEvent) -> str:
    """A page for people, at most 100 columns wide.

    Parts in order, each with its fields in aligned columns: name, value, and
    what the value means. Single bits are listed where they are set. Bytes
    that no field speaks of are shown where they are not zero; those of
    unknown sections as a hex dump. Ends with a line break.
    """
    lines = [*_wrapped(summary(event), "", ""), f"{len(event.raw)} bytes"]
    for section in event.sections:
        lines.append("")
        lines += _section(section)
    end = max((s.offset + s.length for s in event.sections), default=0)
    if event.damage is not None:
        lines += ["", *_wrapped(f"Damaged: {event.damage}", "", _STEP)]
    if end < len(event.raw):
        lines += [f"Bytes after the last whole part, from {end:#06x}:"]
        lines += hex_dump(event.raw[end:], _STEP, end)
    return "\n".join(lines) + "\n"


def _section(section: RtasSection) -> Iterator[str]:
    title = _TITLES.get(section.id, "Section without a table")
    name = section.id if section.id.isprintable() else f"{section.number:#06x}"
    line = f"{title} ({name}) at {section.offset:#06x}, {section.length} bytes"
    if "creator_component" in section:
        line += f", version {section.version}"
        if (subtype := word(section.id, "subtype", section.subtype)) is not None:
            line += f", {subtype}"
        elif section.subtype:
            line += f", subtype {section.subtype:#04x}"
        if section.creator_component:
            line += f", component {section.creator_component:#06x}"
    yield line
    yield from _fields(section, _STEP, _IN_TITLE if section.number < 1 << 16 else ())


def _fields(section: RtasSection, indent: str, skip: tuple[str, ...]) -> Iterator[str]:
    rows = {row.name: row for row in table_rows(section)}
    bits = [
        name
        for name, value in section.items()
        if rows[name].maximum == 1 and value and name not in skip
    ]
    records: list[RtasSection] = []
    for name, value in section.items():
        row = rows[name]
        if name in skip or row.maximum == 1:
            continue
        if row.type == _RECORDS:
            records += value
        else:
            yield from _field(section.id, row, value, indent)
    if bits:
        text = ", ".join(bits)
        yield from _wrapped(text, f"{indent}{'bits set':{_NAME_WIDTH}}", _hang(indent))
    yield from _unspoken(section, indent)
    yield from _records(records, indent)


def _hang(indent: str) -> str:
    return indent + " " * _NAME_WIDTH


def _records(records: list[RtasSection], indent: str) -> Iterator[str]:
    ids = [record.id for record in records]
    for i, record in enumerate(records):
        title = _TITLES.get(record.id, f"sub-structure {record.id}")
        if ids.count(record.id) > 1:
            title += f" {ids[: i + 1].count(record.id)} of {ids.count(record.id)}"
        yield _printable(indent + title)
        yield from _fields(record, indent + _STEP, ("id", "length"))


def _field(section_id: str, row: FieldRow, value: Any, indent: str) -> Iterator[str]:
    start = f"{indent}{row.name:{_NAME_WIDTH}}"
    if row.type == _BYTES:
        if len(value) <= _INLINE:
            yield (start + (value.hex(" ", -4) or "-")).rstrip()
        else:
            yield f"{start}{len(value)} bytes"
            yield from hex_dump(value, indent + _STEP)
        return
    if row.type == _NUMBERS:
        text = " ".join(f"{number:0{2 * row.unit}x}" for number in value)
    elif row.type == _WORDS:
        text = " ".join(value)
    elif row.type == _UINT:
        text = f"{value:#0{2 + _digits(row)}x}"
    else:
        text = value
    words = _meaning(section_id, row, value)
    if words:
        text = f"{text:{_VALUE_WIDTH}}  {words}"
    yield from _wrapped(_printable(text) or "-", start, _hang(indent))


def _digits(row: FieldRow) -> int:
    return max(1, (row.maximum.bit_length() + 3) // 4)


def _meaning(section_id: str, row: FieldRow, value: Any) -> str:
    if isinstance(value, (int, str)):
        words = word(section_id, row.name, value)
        if words is not None:
            return words
    if row.type == _UINT and value > 9 and row.name.endswith(_DECIMAL):
        return str(value)
    if row.type in (lib.DLPAR_RTAS_DATE, lib.DLPAR_RTAS_TIME) and value.isdecimal():
        if not int(value):
            return ""
        if row.type == lib.DLPAR_RTAS_DATE:
            return f"{value[:4]}-{value[4:6]}-{value[6:]}"
        return f"{value[:2]}:{value[2:4]}:{value[4:6]}.{value[6:]}"
    return ""


def _unspoken(section: RtasSection, indent: str) -> Iterator[str]:
    """Bytes of *section* that its fields do not say."""
    raw = section.raw
    try:
        said = build_part(section.id, dict(section), record_table(section)).data
    except ArgumentError:
        yield f"{indent}its bytes"
        yield from hex_dump(raw, indent + _STEP)
        return
    said = said[: len(raw)].ljust(len(raw), b"\0")
    other = [i for i in range(len(raw)) if raw[i] != said[i]]
    if other:
        text = ", ".join(f"{i:#04x}: {raw[i]:02x}" for i in other)
        start = f"{indent}{'other bytes':{_NAME_WIDTH}}"
        yield from _wrapped(text, start, _hang(indent))


def hex_dump(data: bytes, indent: str = "", first: int = 0) -> Iterator[str]:
    """*data* in lines of 16 bytes: offset, digits, text; equal lines are one `*`.

    Args:
        indent: what each line begins with.
        first: the offset of the first byte.
    """
    before, starred = None, False
    for at in range(0, len(data), _LINE):
        line = data[at : at + _LINE]
        last = at + _LINE >= len(data)
        if line == before and not last:
            if not starred:
                yield f"{indent}*"
            starred = True
            continue
        before, starred = line, False
        text = "".join(chr(b) if 0x20 <= b < 0x7F else "." for b in line)
        yield f"{indent}{first + at:04x}  {line.hex(' ', -4):{_LINE * 2 + 3}}  {text}"


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "?" for c in text)


def _wrapped(text: str, start: str, hang: str) -> Iterator[str]:
    """*text* behind *start*, in lines of at most 100 columns."""
    room = _WIDTH - len(hang or start)
    text = _printable(text)
    while len(text) > room:
        cut = text.rfind(" ", 1, room + 1)
        cut = room if cut <= 0 else cut
        yield (start + text[:cut]).rstrip()
        text, start = text[cut:].lstrip(), hang
    yield (start + text).rstrip()

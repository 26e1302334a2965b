"""Which events `pydlpar decode` shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

import click

from pydlpar.constants import EventSeverity, EventType
from pydlpar.rtas import RtasEvent, RtasSection, event_schema, word

__all__ = ["Test", "refcode_test", "section_test", "severity_test", "time_test"]
__all__ += ["type_test", "where_test"]

Test = Callable[[RtasEvent], bool]

_TYPES = {member.name.lower(): int(member) for member in EventType}
_SEVERITIES = {member.name.lower(): int(member) for member in EventSeverity}
# Of a user header: the upper four bits of its severity.
_CLASSES = {
    "information": 0,
    "recovered": 1,
    "predicted": 2,
    "unrecoverable": 4,
    "critical": 5,
    "diagnostic": 6,
}
_DAY = "%Y-%m-%d"


def _number(text: str) -> int | None:
    try:
        return int(text, 0)
    except ValueError:
        return None


def _bad(option: str, text: str) -> click.BadParameter:
    return click.BadParameter(text, param_hint=f"'{option}'")


def _named(option: str, text: str, names: dict[str, int]) -> int:
    number = names.get(text.lower().replace("-", "_").replace(" ", "_"))
    if number is None:
        number = _number(text)
    if number is None:
        expected = ", ".join(names)
        raise _bad(option, f"{text!r}, expected a number or one of {expected}")
    return number


def type_test(given: tuple[str, ...]) -> Test:
    """Events of one of these types."""
    types = {_named("--type", text, _TYPES) for text in given}
    return lambda event: event.type in types


def severity_test(given: tuple[str, ...]) -> Test:
    """Events of one of these severities: of the fixed part, or the user header."""
    classes = {_CLASSES[text.lower()] for text in given if text.lower() in _CLASSES}
    rest = [text for text in given if text.lower() not in _CLASSES]
    known = _SEVERITIES | dict.fromkeys(_CLASSES, 0)
    severities = {_named("--severity", text, known) for text in rest}

    def test(event: RtasEvent) -> bool:
        if event.severity in severities:
            return True
        return any(
            section.event_severity >> 4 in classes
            for section in event.sections
            if section.id == "UH"
        )

    return test


def time_test(since: str | None, until: str | None) -> Test:
    """Events of a span of time, both ends included; none that have no time."""
    first = _time("--since", since) if since else datetime.min
    last = _time("--until", until) if until else datetime.max
    if until and len(until) == len("2026-01-02"):
        last += timedelta(days=1, microseconds=-1)

    def test(event: RtasEvent) -> bool:
        stamp = event.timestamp
        return stamp is not None and first <= stamp <= last

    return test


def _time(option: str, text: str) -> datetime:
    try:
        stamp = datetime.fromisoformat(text)
    except ValueError:
        raise _bad(
            option,
            f"time {text!r}, expected one as 2026-01-02 or '2026-01-02 03:04:05'",
        ) from None
    if stamp.tzinfo is not None:
        raise _bad(
            option, f"time {text!r} has a time zone, which the platform's clock has not"
        )
    return stamp


def section_test(given: tuple[str, ...]) -> Test:
    """Events that have one of these sections."""
    ids = {text.lower() for text in given}
    return lambda event: any(section.id.lower() in ids for section in event.sections)


def refcode_test(given: tuple[str, ...]) -> Test:
    """Events whose primary or secondary reference code matches a pattern."""
    patterns = [text.upper() for text in given]

    def test(event: RtasEvent) -> bool:
        return any(
            fnmatchcase(section.reference_code, pattern)
            for section in event.sections
            if section.id in ("PS", "SS")
            for pattern in patterns
        )

    return test


def where_test(text: str) -> Test:
    """Events with a field of that value, in any section or record.

    Args:
        text: `FIELD=VALUE` or `SECTION.FIELD=VALUE`; the value a number, a pattern,
            or what the number means in words.
    """
    key, equals, value = text.partition("=")
    section_id, dot, name = key.rpartition(".")
    name = name.replace("-", "_")
    if not equals or not name:
        raise _bad("--where", f"{text!r}, expected FIELD=VALUE")
    if name not in _field_names():
        raise _bad("--where", f"{text!r}: no section has a field {name!r}")
    number = _number(value)

    def test(event: RtasEvent) -> bool:
        return any(
            name in part and _matches(part, name, value, number)
            for part in _parts(event.sections)
            if not dot or part.id.lower() == section_id.lower()
        )

    return test


def _field_names() -> set[str]:
    parts = event_schema()["$defs"].values()
    return {name for part in parts for name in part.get("properties", ())}


def _parts(sections: tuple[RtasSection, ...]) -> Iterator[RtasSection]:
    """Sections and the records in them, those of records too."""
    left = list(sections)
    while left:
        part = left.pop()
        yield part
        for value in part.values():
            if isinstance(value, tuple):
                left += [item for item in value if isinstance(item, RtasSection)]


def _matches(part: RtasSection, name: str, text: str, number: int | None) -> bool:
    found: Any = part[name]
    for value in found if isinstance(found, tuple) else (found,):
        if isinstance(value, int):
            if value == number or word(part.id, name, value) == text:
                return True
        elif isinstance(value, bytes):
            if fnmatchcase(value.hex(), text.lower()):
                return True
        elif isinstance(value, str) and fnmatchcase(value, text):
            return True
    return False

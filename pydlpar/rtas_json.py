"""Events as JSON: one object, or one a line (NDJSON).

What an object holds is that of `RtasEvent.to_dict()`, and `event_schema()` says
it in JSON schema. JSON is text, and texts of an event can hold any byte: in
JSON one above 0x7f is the character of that number (as in Latin-1), where
`to_dict()` has a lone surrogate, as Python does. Reading undoes that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any

from pydlpar.errors import EventError

if TYPE_CHECKING:
    from pydlpar.rtas_event import RtasEvent

__all__ = ["EVENT_SCHEMA", "from_json", "read_ndjson", "to_json", "write_ndjson"]

EVENT_SCHEMA = "pydlpar-event/1"
"""Name and version of what `to_dict()` gives. Within a version, keys may be
added; none is removed or changes its type or meaning."""

_BYTES = {0xDC00 + byte: byte for byte in range(0x80, 0x100)}
_CHARACTERS = {byte: surrogate for surrogate, byte in _BYTES.items()}


def to_json(plain: dict[str, Any]) -> str:
    """What `to_dict()` gave as JSON, without line breaks."""
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    return text if text.isascii() else text.translate(_BYTES)


def from_json(text: str | bytes) -> dict[str, Any]:
    """The dictionary that `to_json` was given, if *text* is what it made.

    Raises:
        EventError: no JSON, not an object, or of another schema.
    """
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise EventError(f"no JSON: {error}, expected an event's object") from None
    if not isinstance(plain, dict):
        raise EventError(f"JSON of {type(plain).__name__}, expected an event's object")
    if plain.get("schema") != EVENT_SCHEMA:
        raise EventError(
            f"object of schema {plain.get('schema')!r}, expected {EVENT_SCHEMA!r}"
        )
    restored: dict[str, Any] = _restored(plain)
    return restored


def _restored(value: Any) -> Any:
    """*value* with its texts as `to_dict()` has them. As deep as JSON's reader."""
    if isinstance(value, str):
        return value if value.isascii() else value.translate(_CHARACTERS)
    if isinstance(value, list):
        return [_restored(item) for item in value]
    if isinstance(value, dict):
        # A section's id is its two bytes as characters in to_dict(), too.
        return {k: v if k == "id" else _restored(v) for k, v in value.items()}
    return value


def write_ndjson(events: Iterable[RtasEvent], file: IO[str]) -> int:
    """Write events to a text file, one object a line.

    Args:
        events: such as an `EventTable`.
        file: opened with `encoding="utf-8"` and `newline="\\n"`.

    Returns:
        How many.
    """
    n = 0
    for event in events:
        file.write(event.to_json() + "\n")
        n += 1
    return n


def read_ndjson(file: Iterable[str | bytes]) -> Iterator[dict[str, Any]]:
    """The objects of a file of lines, each what `to_dict()` gave; blank lines pass.

    Raises:
        EventError: a line is none; the message has its number, from 1.
    """
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            yield from_json(line)
        except EventError as error:
            raise EventError(f"line {number}: {error}") from None

"""Events as text in the classic form, for those who compare old listings.

The form is that of the `rtas_event_decode` command of Linux on Power: titles
filled with `=`, pairs of a label and eight digits, two in a line, and raw blocks.
Labels are the names of the fields as pydlpar has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import TYPE_CHECKING

from pydlpar.rtas_table import RtasSection
from pydlpar.rtas_words import word

if TYPE_CHECKING:
    from pydlpar.rtas_event import RtasEvent

__all__ = ["classic_text"]

_WIDTH = 80
_MARGIN = 11
_LABEL = 20
_DIGITS = 8
_GAP = "    "
_LINE = 16
# A section's own header is told by its title.
_HEADER = ("id", "length", "version", "subtype", "creator_component")
_HEADERS = ("hdr", "exthdr")


def classic_text(event: RtasEvent, width: int = _WIDTH) -> str:
    """The event in the classic form; numbers that are zero are left out.

    Args:
        event: one of any kind, or the sound part of a damaged one.
        width: of a line, in columns, 40 or more; titles end 11 before it.

    Returns:
        Lines of printable characters; the last one ends with a line break, too.
    """
    lines: list[str] = []
    for section in event.sections:
        for line in _section(section, width):
            lines += wrap(line, width, subsequent_indent=" " * _LABEL) or [""]
    if event.damage is not None:
        lines += [_title("damaged", width), _printable(str(event.damage))]
    return "\n".join(lines) + "\n"


def _title(name: str, width: int) -> str:
    return f"==== {name} ".ljust(width - _MARGIN, "=")


def _section(section: RtasSection, width: int) -> Iterator[str]:
    name = section.id if section.id.isprintable() else f"{section.number:#06x}"
    yield _title(f"{name} section", width)
    skipped = () if section.id in _HEADERS else _HEADER
    yield from _fields(section, skipped)
    yield ""


def _fields(section: RtasSection, skipped: tuple[str, ...]) -> Iterator[str]:
    pairs: list[str] = []
    others: list[str] = []
    records: list[RtasSection] = []
    for name, value in section.items():
        if name in skipped or not value:
            continue
        if isinstance(value, int):
            words = word(section.id, name, value)
            if words is None:
                pairs.append(_pair(name, value))
            else:
                others.append(_printable(f"{_pair(name, value)}{_GAP}{words}"))
        elif isinstance(value, bytes):
            others += [_label(name).rstrip(), *_block(value)]
        elif isinstance(value, str):
            others.append(_printable(_label(name) + value))
        else:
            texts = [item for item in value if not isinstance(item, RtasSection)]
            records += [item for item in value if isinstance(item, RtasSection)]
            if texts:
                others.append(_printable(_label(name) + " ".join(map(_item, texts))))
    yield from (_GAP.join(pairs[at : at + 2]) for at in range(0, len(pairs), 2))
    yield from others
    for record in records:
        yield f"---- {_printable(record.id)}"
        yield from _fields(record, _HEADER)


def _label(name: str) -> str:
    text = name.replace("_", " ").capitalize()[: _LABEL - 2]
    return f"{text}:".ljust(_LABEL)


def _pair(name: str, value: int) -> str:
    return f"{_label(name)}{value:0{_DIGITS}x}"


def _item(value: int | str) -> str:
    return value if isinstance(value, str) else f"{value:0{_DIGITS}x}"


def _block(data: bytes) -> Iterator[str]:
    """Lines of 16 bytes: offset, four groups of digits, text."""
    for at in range(0, len(data), _LINE):
        line = data[at : at + _LINE]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in line)
        yield f"{at:#06x}: {line.hex(' ', -4):{2 * _LINE + 3}} [{text:{_LINE}}]"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)

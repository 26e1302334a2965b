"""Hex dumps of RTAS events to bytes: bare, xxd, hexdump -C, kernel log."""

from __future__ import annotations

import re

from pydlpar.errors import EventError

__all__ = ["events_from_hex"]

# A dump line of the kernel, after whatever a logger put before it, and the
# marker lines around: "RTAS: 1 -------- RTAS event begin --------".
_LOG = re.compile(r"\bRTAS (\d+):(.*)")
_MARKER = re.compile(r"\bRTAS: .*\bRTAS event ?(begin|end)\b")
# "00000000: 0634 60e5  .4`.", "00000000  06 34 60 e5  |.4`.|", "00000004".
_XXD = re.compile(r"([0-9A-Fa-f]{4,16}): (.*?)(?:  .*)?")
_CANONICAL = re.compile(r"([0-9A-Fa-f]{7,16})(?:  ([0-9A-Fa-f ]+)\|.*\|)?")


def events_from_hex(text: str) -> bytes:
    """The bytes that a hex dump shows, of one event or several back to back.

    Accepted are bare digits, the output of `xxd` and of `hexdump -C`, and the
    kernel's own `RTAS <n>: ...` lines with any prefix. In a log, lines are
    counted from 0 for each event: a missing one is an error, one that stands
    twice in a row counts once, and lines of others are passed over.

    Raises:
        EventError: there is no dump, or a line is not understood; the message
            has its number.
    """
    lines = [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1)]
    lines = [(n, line) for n, line in lines if line]
    if not lines:
        raise EventError("no hex dump in the text")
    if any(_LOG.search(line) for _, line in lines):
        return _from_log(lines)
    first = lines[0][1]
    if _XXD.fullmatch(first):
        return _with_offsets(lines, _XXD, "xxd")
    if "|" in first and _CANONICAL.fullmatch(first):
        return _with_offsets(lines, _CANONICAL, "hexdump -C")
    return b"".join(_bytes_of(line, n) for n, line in lines)


def _bytes_of(digits: str, number: int) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise EventError(
            f"line {number}: {digits!r}, expected pairs of hexadecimal digits"
        ) from None


def _with_offsets(
    lines: list[tuple[int, str]], form: re.Pattern[str], tool: str
) -> bytes:
    data = bytearray()
    for number, line in lines:
        match = form.fullmatch(line)
        if match is None:
            raise EventError(f"line {number}: {line!r}, expected a line of {tool}")
        offset = int(match[1], 16)
        if offset != len(data):
            raise EventError(
                f"line {number}: offset {offset:#x}, expected {len(data):#x}"
            )
        data += _bytes_of(match[2] or "", number)
    return bytes(data)


def _from_log(lines: list[tuple[int, str]]) -> bytes:
    data = bytearray()
    expected, last, inside = 0, None, False
    for number, line in lines:
        marker = _MARKER.search(line)
        if marker:
            expected, last, inside = 0, None, marker[1] == "begin"
        match = _LOG.search(line)
        if match is None:
            continue
        row = int(match[1]), _bytes_of(match[2], number)
        if row == last:
            continue
        # Without markers, line 0 is where the next event begins.
        if row[0] != expected and (inside or row[0] != 0):
            raise EventError(f"line {number}: RTAS {row[0]}, expected RTAS {expected}")
        expected, last = row[0] + 1, row
        data += row[1]
    return bytes(data)

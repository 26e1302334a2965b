"""Events as the tools of the field show them, for the tests of text."""

from __future__ import annotations

import json

ROW = 16


def rows(data):
    return [data[start : start + ROW] for start in range(0, len(data), ROW)]


def as_log(data, prefix="", number=1, begin=True, end=True, separator=" "):
    """The lines that the kernel prints with rtasmsgs=on, *prefix* before each."""
    lines = [f"RTAS {n}: {row.hex(separator, -4)}" for n, row in enumerate(rows(data))]
    if begin:
        lines.insert(0, f"RTAS: {number} -------- RTAS event begin --------")
    if end:
        lines.append(f"RTAS: {number} -------- RTAS event end ----------")
    return [prefix + line for line in lines]


def as_xxd(data, group=2, upper=False):
    """What `xxd -g GROUP` prints."""
    lines = []
    for n, row in enumerate(rows(data)):
        digits = row.hex(" ", -group)
        text = "".join(chr(b) if 32 <= b < 127 else "." for b in row)
        digits = digits.upper() if upper else digits
        lines.append(f"{n * ROW:08x}: {digits:<39}  {text}")
    return "\n".join(lines) + "\n"


def as_hexdump(data):
    """What `hexdump -Cv` prints."""
    lines = []
    for n, row in enumerate(rows(data)):
        halves = f"{row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}"
        text = "".join(chr(b) if 32 <= b < 127 else "." for b in row)
        lines.append(f"{n * ROW:08x}  {halves}  |{text}|")
    return "\n".join([*lines, f"{len(data):08x}"]) + "\n"


def as_errpt(data):
    """What AIX `errpt -a` shows under PROBLEM DATA: 32 bytes a line, a gutter."""
    lines = []
    for start in range(0, len(data), 32):
        row = data[start : start + 32]
        text = "".join(chr(b) if 32 < b < 127 else "." for b in row)
        gutter = f" [{text}]" if len(row) == 32 else ""
        lines.append(row.hex(" ", -2).upper() + gutter)
    return "\n".join(lines) + "\n"


def as_bare(data):
    return "".join(row.hex(" ", -4) + "\n" for row in rows(data))


def as_journal_json(lines):
    """What `journalctl -o json` prints of a log's lines."""
    return [
        json.dumps({"_HOSTNAME": "larry", "__CURSOR": f"s={n}", "MESSAGE": line})
        for n, line in enumerate(lines)
    ]


def as_journal_export(lines):
    """What `journalctl -o export` prints of a log's lines."""
    return [
        f"__REALTIME_TIMESTAMP=175628{n}\n_HOSTNAME=larry\nMESSAGE={line}\n"
        for n, line in enumerate(lines)
    ]


# What stands before "RTAS", the time stamp in it, the host.
PREFIXES = [
    ("", None, None),
    ("[   47.123456] ", "47.123456", None),
    ("[   47.123456][    T1] ", "47.123456", None),
    ("[Wed Aug 27 12:16:33 2025] ", "Wed Aug 27 12:16:33 2025", None),
    ("<7>[   47.123456] ", "47.123456", None),
    ("7,1234,47123456,-;", "47123456", None),
    ("7,1234,47123456,-,caller=T1;", "47123456", None),
    ("Aug 27 12:16:33 larry kernel: ", "Aug 27 12:16:33", "larry"),
    ("Aug  7 12:16:33 deadbeef kernel: ", "Aug  7 12:16:33", "deadbeef"),
    ("Aug 27 12:16:33 RTAS kernel: ", "Aug 27 12:16:33", "RTAS"),
    ("Aug 27 12:16:33 my-RTAS kernel: ", "Aug 27 12:16:33", "my-RTAS"),
    ("Aug 27 12:16:33 larry kernel: [ 1234.567890] ", "Aug 27 12:16:33", "larry"),
    (
        "2025-08-27T12:16:33.123456+02:00 larry kernel: ",
        "2025-08-27T12:16:33.123456+02:00",
        "larry",
    ),
    ("2025-08-27T12:16:33+0200 larry kernel: ", "2025-08-27T12:16:33+0200", "larry"),
    ("<13>Aug 27 12:16:33 larry kernel: ", "Aug 27 12:16:33", "larry"),
    (
        "<13>1 2025-08-27T12:16:33Z larry kernel - - - ",
        "2025-08-27T12:16:33Z",
        "larry",
    ),
    ("kern  :info  : [    1.000000] ", "1.000000", None),
]

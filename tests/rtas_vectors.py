"""Golden RTAS events, for the tests of the rtas room.

A, B, C and M are written from the layouts of Linux asm/rtas-types.h; the QEMU
logs were observed on a qemu-system-ppc64 7.2.22 pseries machine. Offsets of
what matters: 0x18 PH, 0x40 PLID, 0x48 UH, 0x60 HP or EP.
"""

from __future__ import annotations

import pydlpar

HEAD = bytes.fromhex(
    "063460e5 0000006c 86008e00 00000000 00000000 49424d00"  # fixed, extended
    "50480030 00000000 20260102 03040500 00000000 00000000"  # PH
    "48000003 00000000 00000000 00000000 00000000 00000000"
    "55480018 00000000 80000000 00000000 00000000 00000000"  # UH
)

MEMORY_ADD_INDEXED = HEAD + bytes.fromhex(
    "48500014 01000000 02010400 00000004 80000010"
)
CPU_REMOVE_INDEX = HEAD + bytes.fromhex("48500014 01000000 01020200 10000008 00000000")
EPOW_SHUTDOWN = bytes.fromhex(
    "06340040 0000006c 86008e00 00000000 00000000 49424d00 50480030 00000000"
    "20260102 03040500 00000000 00000000 48000003 00000000 00000000 00000000"
    "00000000 00000000 55480018 00000000 a00000d0 00000000 00000000 00000000"
    "45500014 02000000 03010100 00000000 00000000"
)
HP_ONLY = bytes.fromhex(
    "063460e5 00000024 86008e00 00000000 00000000 49424d00"
    "48500014 01000000 02020200 80000003 00000000"
)
HEADER_ONLY = bytes.fromhex("064000e2 12345678")
PRRN = bytes.fromhex("060000a0 00000123")
SUMMARY = bytes.fromhex("06b01409")
# Before version 6: format 5, so an EPOW body of 28 bytes.
V3_EPOW = bytes.fromhex(
    "03240040 00000028 a6878500 12345678 20021231"
    "00000035 b8500000 0000000b 00000002 ffffffff 00000001 00000000"
)

# HP sections that QEMU's machine sent: bytes, then resource, action,
# identifier kind, index and count.
QEMU_HP = [
    ("48500014 01000000 01010200 10000002 00000000", (1, 1, 2, 0x10000002, None)),
    ("48500014 01000000 01020200 10000002 00000000", (1, 2, 2, 0x10000002, None)),
    ("48500014 01000000 02010400 00000001 80000004", (2, 1, 4, 0x80000004, 1)),
    ("48500014 01000000 02010400 00000003 80000004", (2, 1, 4, 0x80000004, 3)),
    ("48500014 01000000 02020400 00000003 80000004", (2, 2, 4, 0x80000004, 3)),
    ("48500014 01000000 02010300 00000002 00000000", (2, 1, 3, None, 2)),
    ("48500014 01000000 04010200 20000001 00000000", (4, 1, 2, 0x20000001, None)),
    ("48500014 01000000 04020200 20000001 00000000", (4, 2, 2, 0x20000001, None)),
    ("48500014 01000000 05010200 40000018 00000000", (5, 1, 2, 0x40000018, None)),
    ("48500014 01000000 05020200 40000018 00000000", (5, 2, 2, 0x40000018, None)),
    ("48500014 01000000 06010200 90000000 00000000", (6, 1, 2, 0x90000000, None)),
]

ALL = [
    MEMORY_ADD_INDEXED,
    CPU_REMOVE_INDEX,
    EPOW_SHUTDOWN,
    HP_ONLY,
    HEADER_ONLY,
    PRRN,
    V3_EPOW,
]


def section(ident: bytes, body: bytes, length: int | None = None) -> bytes:
    """A version 6 section, with a true length unless another is given."""
    size = 8 + len(body) if length is None else length
    return ident + size.to_bytes(2, "big") + b"\x01\x00\x00\x00" + body


def event(*sections: bytes, length: int | None = None) -> bytes:
    """A version 6 event without PH and UH, of these sections."""
    body = HEAD[8:24] + b"".join(sections)
    size = len(body) if length is None else length
    return HEAD[:4] + size.to_bytes(4, "big") + body


def attempt(function, *arguments):
    """What *function* returns, and None; or None, and its EventError."""
    try:
        return function(*arguments), None
    except pydlpar.EventError as error:
        return None, error


def callout(subs: bytes, location: bytes = b"U1\0\0") -> bytes:
    """A call-out with these sub-structures."""
    size = 4 + len(location) + len(subs)
    return bytes([size, 0x28]) + b"H" + bytes([len(location)]) + location + subs


def source(*callouts: bytes, words: int | None = None) -> bytes:
    """An event of a PS section alone; *words* is what its list's length says."""
    found = b"".join(callouts)
    size = (4 + len(found)) // 4 if words is None else words
    body = b"\2\1" + bytes(38) + b"B1818A0F".ljust(32)
    head = b"\xc0\0" + size.to_bytes(2, "big")
    return event(section(b"PS", body + head + found))


CALLOUT = callout(
    b"ID\x1c\x1d80P4142\x00261CYL31F4197003"
    b"PE\x1c\x009133-55A10E1B2C\0\0\0\0\0RIO\0"
    b"MR\x18\x02\0\0\0\0\0\0\0H\x10\x02\0\1\0\0\0L\x10\x02\0\2",
    b"U1-P1\0\0\0",
)
# Every section that has a table, with something in each place.
_BODY = bytes(range(1, 60)) + bytes(60)
SECTIONS = event(
    *(section(ident, _BODY) for ident in b"MT LR IE DH MC ED MI SW CH HM UD".split()),
    section(b"LP", b"\0\3\5\2\0\0\0\3lpar3\0\5\0\6\xff\xff\xff"),
    section(b"EI", bytes(19) + b"\1" + bytes(range(8))),
    section(b"EH", _BODY[:52] + b"\0\0\0\0 $\1\2\3\4\5\6\0\0\0\x08B182_950pad."),
)
VENDOR = (
    b"\3\x24\0\x40\0\0\0\x24\xa6\x87\x8e\0" + bytes(8) + b"IBM\0"
    b"U1-P1 U2\0\0\0\0\0\x06FFab\0\2"
)
# One log before version 6 for each format that has a body.
BODIES = [
    V3_EPOW[:10] + bytes([0x80 | number]) + V3_EPOW[11:20] + bytes(range(1, 29))
    for number in (1, 2, 3, 4, 5, 13)
]
RICH = [source(CALLOUT, callout(b"")), SECTIONS, VENDOR, *BODIES]

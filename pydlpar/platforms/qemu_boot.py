"""The firmware that a QEMU machine is started with: it does CAS and nothing else.

Client architecture support (LoPAR B.6.2.3) is how a guest says what it can do. The
hypervisor then resets its connectors, and hands over the device tree. A guest that
never asks is given no hotplug events and no LMB table.

QEMU loads the image at 0 and enters it at 0x100. It waits for a word to be set,
makes the call, tells the result, and waits again.
"""

from __future__ import annotations

import struct
from typing import Final

from pydlpar.errors import ArgumentError, PlatformError

__all__ = [
    "BASIC_VECTOR_5",
    "LINUX_VECTOR_5",
    "LIVE_CELLS",
    "OLD_VECTOR_5",
    "boot_image",
    "cas_is_done",
    "cas_table",
    "check_cas",
    "with_hotplug_events",
]

LINUX_VECTOR_5: Final = bytes.fromhex("19 0020 0000 a005") + bytes(15) + b"\x80@@\0@"
"""Option vector 5 as Linux 6.1 asks: dynamic memory (byte 2), FORM1 and FORM2
associativity (5), hotplug events and HPT resizing (6), `ibm,dynamic-memory-v2`
(22), XIVE (23), radix (24, 26). The first byte is the length less one."""

BASIC_VECTOR_5: Final = (
    LINUX_VECTOR_5[:5] + b"\x80" + LINUX_VECTOR_5[6:22] + b"\0" + LINUX_VECTOR_5[23:]
)
"""Without FORM2 and v2: 4-level associativity, and `ibm,dynamic-memory`."""

OLD_VECTOR_5: Final = BASIC_VECTOR_5[:6] + b"\x01" + BASIC_VECTOR_5[7:]
"""Without hotplug events as well: such a guest hears of memory by count."""

_HOTPLUG_BYTE: Final = 6
_HOTPLUG_EVENTS: Final = 0x04
_VECTOR_MAX: Final = 256

ENTRY: Final = 0x100
TABLE: Final = 0x1000
_GO, _RESULT, _DONE = 0x2000, 0x2008, 0x2010
_IMAGE_LEN: Final = 0x2018
_CODE: Final = (
    0xE8E02000,  # wait: ld r7, GO(0)
    0x2C270000,  # cmpdi r7, 0
    0x4182FFF8,  # beq wait
    0x38E00000,  # li    r7, 0
    0xF8E02000,  # std   r7, GO(0)
    0x3C600000,  # lis   r3, 0
    0x6063F002,  # ori   r3, r3, 0xf002     H_CAS
    0x38801000,  # li    r4, TABLE
    0x3CA00100,  # lis   r5, 0x100          reply buffer at 16 MiB
    0x3CC00020,  # lis   r6, 0x20           of 2 MiB
    0x44000022,  # sc    1
    0xF8602008,  # std   r3, RESULT(0)
    0x38E00001,  # li    r7, 1
    0xF8E02010,  # std   r7, DONE(0)
    0x4BFFFFC8,  # b     wait
)

_CELLS: Final = struct.Struct(">QqQ")
LIVE_CELLS: Final = (_GO, _CELLS.pack(1, 0, 0))
"""Where to write what to have the call made: GO is set, RESULT and DONE are not."""

_ANY: Final = 0xFFFFFFFF
# PVR list: POWER9 v2.0, architecture 3.00, the terminator; then option vectors.
_PVR_LIST: Final = struct.pack(">6I", _ANY, 0x4E1200, _ANY, 0x0F000005, 0, _ANY)
_VECTORS_1_TO_4: Final = b"\x04" + b"\x02\x00\xff\x80" + 3 * b"\x00\x00"


def boot_image() -> bytes:
    """The firmware: code at 0x100, no table yet."""
    image = bytearray(_IMAGE_LEN)
    struct.pack_into(f">{len(_CODE)}I", image, ENTRY, *_CODE)
    return bytes(image)


def cas_table(vector_5: bytes) -> bytes:
    """What the call is made with: processors, and option vectors.

    Raises:
        ArgumentError: the first byte of the vector is not its length less one.
    """
    if not 2 <= len(vector_5) <= _VECTOR_MAX + 1 or vector_5[0] != len(vector_5) - 2:
        raise ArgumentError(
            f"option vector 5: {vector_5.hex(' ')}: expected a byte, and that many "
            "bytes and one more"
        )
    return _PVR_LIST + _VECTORS_1_TO_4 + vector_5


def cas_is_done(cells: bytes) -> bool:
    """Whether the call has been made, by what `LIVE_CELLS` became."""
    done: int = _CELLS.unpack(cells)[2]
    return bool(done)


def check_cas(cells: bytes) -> None:
    """Look at what `LIVE_CELLS` became when the call had been made.

    Raises:
        PlatformError: it failed.
    """
    _, result, _ = _CELLS.unpack(cells)
    if result:
        raise PlatformError(f"CAS failed: the hypervisor call returned {result}")


def with_hotplug_events(vector_5: bytes, wanted: bool) -> bytes:
    """The vector with hotplug events (byte 6, bit 5) asked for, or not."""
    vector = bytearray(vector_5.ljust(_HOTPLUG_BYTE + 1, b"\0"))
    vector[0] = len(vector) - 2
    if wanted:
        vector[_HOTPLUG_BYTE] |= _HOTPLUG_EVENTS
    else:
        vector[_HOTPLUG_BYTE] &= ~_HOTPLUG_EVENTS
    return bytes(vector)

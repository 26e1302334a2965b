"""What is found is kept alone: no piece of the text, no batch, stays with it."""

from __future__ import annotations

import sys

import rtas_vectors as v
import text_forms as forms

from pydlpar import FoundEvent, TextDamage, TextScanner, scan_text
from pydlpar._ffi import ffi, lib

LOG = "".join(f"host kernel: {line}\n" for line in forms.as_log(v.EPOW_SHUTDOWN))
BROKEN = LOG.replace("RTAS 3:", "RTAS 4:", 1)


def test_one_event_kept_does_not_keep_the_others():
    """Of ten thousand in one piece, an event holds its own bytes and no more."""
    found = list(scan_text(LOG * 10_000))
    assert len(found) == 10_000
    size = sum(map(sys.getsizeof, (found[0], found[0]._record)))
    assert size < len(v.EPOW_SHUTDOWN) + 256
    assert {item.raw for item in found} == {v.EPOW_SHUTDOWN}
    assert [item.first_line for item in found[-2:]] == [
        1 + 9998 * len(forms.as_log(v.EPOW_SHUTDOWN)),
        1 + 9999 * len(forms.as_log(v.EPOW_SHUTDOWN)),
    ]


def test_damage_among_many_events_keeps_its_place():
    """Events and damage come in their order, wherever a batch of C ends."""
    parts = [LOG] * 5000
    for at in (0, 17, 2047, 2048, 4999):
        parts[at] = BROKEN
    found = list(scan_text("".join(parts)))
    kinds = [isinstance(item, TextDamage) for item in found]
    assert [at for at, damaged in enumerate(kinds) if damaged] == [
        0,
        17,
        2047,
        2048,
        4999,
    ]
    assert all(item.prefix == "host kernel: " for item in found)


def test_a_record_is_its_struct_its_event_and_its_prefix():
    """What C documents of `bytes`: each record can be kept alone."""
    (item,) = scan_text(LOG)
    assert isinstance(item, FoundEvent)
    found = ffi.from_buffer("struct dlpar_text_found *", item._record, False)
    size = ffi.sizeof("struct dlpar_text_found")
    assert item._record == (
        bytes(ffi.buffer(found)) + v.EPOW_SHUTDOWN + b"host kernel: "
    )
    assert (found.data_off, found.prefix_off) == (size, size + len(v.EPOW_SHUTDOWN))


def test_writers_are_told_apart_whatever_line_came_before():
    """Two writers whose lines alternate, prefixes of one length: both whole."""
    lines = LOG.splitlines(keepends=True)
    other = [line.replace("host", "hose") for line in lines]
    mixed = "".join(line for pair in zip(lines, other, strict=True) for line in pair)
    found = list(scan_text(mixed))
    assert [item.prefix for item in found] == ["host kernel: ", "hose kernel: "]
    assert {item.raw for item in found} == {v.EPOW_SHUTDOWN}


def test_a_prefix_longer_than_what_is_remembered():
    long = "x" * (lib.DLPAR_TEXT_PREFIX_MAX + 9) + " "
    text = "".join(f"{long}{line}\n" for line in forms.as_log(v.EPOW_SHUTDOWN))
    (item,) = scan_text(text + "\n")
    assert item.raw == v.EPOW_SHUTDOWN
    assert len(item.prefix) == lib.DLPAR_TEXT_PREFIX_MAX


def test_a_scanner_can_be_used_again_after_its_end():
    scanner = TextScanner()
    for _ in range(2):
        items = scanner.feed(LOG) + scanner.finish()
        assert [item.first_line for item in items] == [1]

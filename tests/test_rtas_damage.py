"""Damaged bytes give success or an EventError: never anything else.

Every vector is cut at every length and has every byte flipped.
"""

from __future__ import annotations

import pytest
import rtas_vectors as v
from hypothesis import example, given
from hypothesis import strategies as st

import pydlpar
from pydlpar import decode_event, decode_events, decode_hotplug_section
from pydlpar._ffi import ffi, lib

NAMED = pydlpar.hotplug_event(pydlpar.HotplugSection(5, 1, 1, drc_name="C1", token=1))
LONG = v.event(*(v.section(b"UD", bytes(n)) for n in range(20)))
VECTORS = [*v.ALL, v.SUMMARY, NAMED, LONG, *v.RICH]


def examine(data):
    """Decode in every way; the strict verdict: an event, or an error."""
    tolerant = decode_event(data, strict=False)
    plain = tolerant.to_dict()
    assert len(plain["sections"]) == len(tolerant.sections)
    assert all(s.offset + s.length <= len(data) for s in tolerant.sections)
    event, error = v.attempt(decode_event, data)
    if error:
        damage = tolerant.damage
        assert (error.code, error.offset) == (damage.code, damage.offset)
        assert 0 <= error.offset <= len(data)
        return None
    assert tolerant.damage is None
    assert event == tolerant
    assert event.to_bytes() == data[: len(event.raw)]
    assert sum(s.length for s in event.sections) == len(event.raw)
    return event


@pytest.mark.parametrize("data", VECTORS)
def test_cut_anywhere(data):
    """A proper part of an extended event is never an event."""
    for length in range(len(data)):
        event = examine(data[:length])
        if data[1] & 4:
            assert event is None
    assert examine(data).raw == data


@pytest.mark.parametrize("data", VECTORS)
@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_any_byte_flipped(data, flip):
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= flip
        examine(bytes(changed))


@pytest.mark.parametrize("data", VECTORS)
@pytest.mark.parametrize("word", [0, 1, 7, 8, 0x7FFF, 0xFFFF])
def test_any_word_replaced(data, word):
    """What a length field could hold, at every even offset."""
    for position in range(0, len(data) - 1, 2):
        changed = bytearray(data)
        changed[position : position + 2] = word.to_bytes(2, "big")
        examine(bytes(changed))


@given(st.binary(max_size=300))
def test_any_bytes(data):
    examine(data)


@given(st.binary(max_size=200))
def test_any_sections_behind_good_headers(data):
    examine(v.event(data))


def section_names():
    out = ffi.new("const struct dlpar_rtas_layout **")
    n = lib.dlpar_rtas_layouts(out)
    return [ffi.string(table.name).decode() for table in out[0][0:n]]


@example(parts=[(n.to_bytes(2, "big"), b"") for n in range(12)])
@given(st.lists(st.tuples(st.binary(min_size=2, max_size=2), st.binary(max_size=40))))
def test_any_whole_sections_are_listed(parts):
    """What is well formed is walked to its end, whatever the ids."""
    known = {name.encode() for name in section_names()}
    parts = [(ident, body) for ident, body in parts if ident not in known]
    event = examine(v.event(*(v.section(ident, body) for ident, body in parts)))
    assert [s.raw[:2] for s in event.sections[2:]] == [ident for ident, _ in parts]
    assert [s["data"] for s in event.sections[2:]] == [body for _, body in parts]


@given(st.binary(max_size=400))
def test_any_bytes_as_a_batch(data):
    table, error = v.attempt(decode_events, data)
    if error:
        assert 0 <= error.offset <= len(data)
    else:
        assert sum(table.length) == len(data)


@given(st.binary(max_size=60))
def test_any_bytes_as_a_lone_section(data):
    for candidate in (data, v.section(b"HP", data)):
        section, error = v.attempt(decode_hotplug_section, candidate)
        assert section or 0 <= error.offset <= len(candidate)

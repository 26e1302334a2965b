"""Built events are the bytes that firmware raises, and decode to what went in."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace

import pytest
import rtas_vectors as v
from hypothesis import given
from hypothesis import strategies as st

import pydlpar
from pydlpar import HotplugSection, decode_event, decode_events
from pydlpar._ffi import ffi, lib
from pydlpar.constants import Action, EpowAction, EpowModifier, IdType, Resource
from pydlpar.rtas import (
    decode_hotplug_section,
    epow_event,
    hotplug_event,
    hotplug_events,
    hotplug_section,
)

WHEN = datetime(2026, 1, 2, 3, 4, 5)
REMOVE = HotplugSection(Resource.CPU, Action.REMOVE, IdType.DRC_INDEX, 0x10000008)

u32 = st.integers(0, 2**32 - 1)
u8 = st.integers(0, 255)
names = st.text(st.characters(min_codepoint=1, max_codepoint=127), min_size=1)
common = {
    "resource": u8,
    "action": u8,
    "token": st.none() | u32,
    "transactional": st.booleans(),
}
hotplugs = st.one_of(
    st.builds(HotplugSection, **common, id_type=st.just(1), drc_name=names),
    st.builds(HotplugSection, **common, id_type=st.just(2), drc_index=u32),
    st.builds(HotplugSection, **common, id_type=st.just(3), count=u32),
    st.builds(HotplugSection, **common, id_type=st.just(4), drc_index=u32, count=u32),
)
times = st.none() | st.datetimes().map(
    lambda t: t.replace(microsecond=t.microsecond // 10000 * 10000)
)


@pytest.mark.parametrize(("tail", "expected"), v.QEMU_HP)
def test_hotplug_event_is_qemus_to_the_byte(tail, expected):
    tail = bytes.fromhex(tail)
    request = HotplugSection(*expected)
    assert hotplug_event(request, time=WHEN) == v.HEAD + tail
    assert hotplug_section(request) == tail


def test_epow_event_is_qemus_to_the_byte():
    built = epow_event(
        EpowAction.SYSTEM_SHUTDOWN, EpowModifier.NORMAL_SHUTDOWN, time=WHEN
    )
    assert built == v.EPOW_SHUTDOWN


def test_plid_is_big_endian_or_as_qemu_stores_it_on_x86():
    big = hotplug_event(REMOVE, plid=0x01020304)
    little = hotplug_event(REMOVE, plid=0x01020304, plid_byteorder="little")
    assert big[0x40:0x44] == b"\1\2\3\4"
    assert little[0x40:0x44] == b"\4\3\2\1"
    assert big[:0x40] + big[0x44:] == little[:0x40] + little[0x44:]


def test_time_of_none_is_all_zero():
    assert hotplug_event(REMOVE)[0x20:0x28] == bytes(8)


def test_time_has_hundredths():
    when = datetime(1999, 12, 31, 23, 59, 58, 129999)
    stamp = hotplug_event(REMOVE, time=when)[0x20:0x28]
    assert stamp.hex() == "1999123123595812"


def test_a_request_is_whatever_has_the_attributes():
    """No token or transactional needed; what the kind has not is not read."""
    request = SimpleNamespace(
        resource=2, action=1, id_type=3, drc_index=None, count=4, drc_name=None
    )
    assert decode_event(hotplug_event(request)).hotplug == HotplugSection(
        2, 1, 3, None, 4
    )


@pytest.mark.parametrize(
    ("name", "length"),
    [("A", 20), ("A" * 7, 20), ("A" * 8, 24), ("A" * 11, 24), ("A" * 12, 28)],
)
def test_a_name_is_ended_by_a_nul_and_padded_to_words(name, length):
    request = HotplugSection(5, 1, 1, drc_name=name)
    section = hotplug_section(request)
    assert len(section) == length
    assert section[12:].rstrip(b"\0") == name.encode()
    with_token = hotplug_section(HotplugSection(5, 1, 1, drc_name=name, token=9))
    assert len(with_token) == length + 4
    assert with_token[-4:] == b"\0\0\0\x09"


def test_longest_name_fits_the_largest_event():
    """An event above the 2048 bytes that an OS asks for is never built."""
    longest = lib.DLPAR_RTAS_NAME_MAX
    request = HotplugSection(5, 1, 1, drc_name="N" * longest, token=1)
    built = hotplug_event(request)
    assert len(built) == lib.DLPAR_RTAS_EVENT_MAX
    assert decode_event(built).hotplug == request
    request.drc_name += "N"
    with pytest.raises(pydlpar.ArgumentError):
        hotplug_event(request)


@given(hotplugs, u32, times, st.sampled_from(["big", "little"]))
def test_decode_gives_back_what_was_built(request, plid, time, order):
    event = decode_event(hotplug_event(request, plid, time, order))
    assert event.hotplug == request
    assert event.timestamp == time
    assert event.plid == int.from_bytes(plid.to_bytes(4, "big"), order)
    assert decode_hotplug_section(hotplug_section(request)) == request
    assert [s.id for s in event.sections] == ["hdr", "exthdr", "PH", "UH", "HP"]


@given(st.lists(hotplugs, max_size=6), u32, times)
def test_a_batch_is_its_events_one_after_the_other(requests, plid, time):
    batch = hotplug_events(requests, plid, time)
    singles = [
        hotplug_event(request, (plid + n) % 2**32, time)
        for n, request in enumerate(requests)
    ]
    assert batch == b"".join(singles)
    assert [event.hotplug for event in decode_events(batch)] == requests


@given(hotplugs, u32)
def test_building_anew_from_what_was_decoded_gives_the_same_bytes(request, plid):
    built = hotplug_event(request, plid)
    event = decode_event(built)
    assert hotplug_event(event.hotplug, event.plid, event.timestamp) == built


@given(
    st.integers(0, 15),
    st.integers(0, 15),
    u8,
    st.integers(0, 15),
    st.binary(min_size=8, max_size=8),
)
def test_epow_decodes_to_what_was_built(action, modifier, extended, sensor, reason):
    event = decode_event(
        epow_event(
            action,
            modifier,
            extended_modifier=extended,
            sensor_value=sensor,
            reason_code=reason,
            plid=5,
        )
    )
    assert event.epow == pydlpar.EpowSection(action, modifier, extended, sensor, reason)
    assert event.plid == 5
    assert len(event.raw) == 116


@pytest.mark.parametrize(
    "changes",
    [
        {"id_type": 0},
        {"id_type": 5},
        {"drc_index": None},
        {"drc_index": -1},
        {"drc_index": 2**32},
        {"resource": 256},
        {"token": 2**32},
        {"id_type": 3},
        {"id_type": 4},
        {"id_type": 1},
        {"id_type": 1, "drc_name": ""},
        {"id_type": 1, "drc_name": "a\0b"},
        {"id_type": 1, "drc_name": "ä"},
    ],
)
def test_what_cannot_be_encoded_is_refused(changes):
    fields = {"drc_index": 1, "count": None, "drc_name": None, **changes}
    request = SimpleNamespace(**{"resource": 1, "action": 1, "id_type": 2, **fields})
    for build in (hotplug_section, hotplug_event, lambda r: hotplug_events([r])):
        with pytest.raises(pydlpar.ArgumentError):
            build(request)


def test_a_batch_names_the_request_that_it_refuses():
    bad = HotplugSection(1, 1, 7)
    with pytest.raises(pydlpar.ArgumentError, match="request 1"):
        hotplug_events([REMOVE, bad, REMOVE])


@pytest.mark.parametrize(
    "arguments",
    [{"plid": -1}, {"plid": 2**32}, {"plid_byteorder": "middle"}],
)
def test_bad_header_values_are_refused(arguments):
    for build in (hotplug_event, lambda r, **a: hotplug_events([r], **a)):
        with pytest.raises(pydlpar.ArgumentError):
            build(REMOVE, **arguments)
    with pytest.raises(pydlpar.ArgumentError):
        epow_event(3, **arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"action": 16},
        {"action": 3, "modifier": 16},
        {"action": 3, "sensor_value": 16},
        {"action": 256},
        {"action": 3, "extended_modifier": 256},
        {"action": 3, "reason_code": bytes(7)},
    ],
)
def test_bad_epow_values_are_refused(arguments):
    with pytest.raises(pydlpar.ArgumentError):
        epow_event(**arguments)


def encode_into(function, out, cap, stamp=None):
    """One event or section into *out* by the C function of that name."""
    hotplug = ffi.new("struct dlpar_rtas_hotplug *", {"id_type": 2, "drc_index": 1})
    epow = ffi.new("struct dlpar_rtas_epow *")
    stamp = stamp or ffi.new("struct dlpar_rtas_stamp *")
    size, row = ffi.new("size_t *"), ffi.new("size_t *")
    more = {
        "hotplug_encode": (hotplug, b"", 0),
        "hotplug_event": (hotplug, b"", 0, stamp),
        "hotplug_events": (size, row, hotplug, 1, b"", 0, stamp),
        "epow_event": (epow, stamp),
    }
    return getattr(lib, f"dlpar_rtas_{function}")(out, cap, *more[function])


@pytest.mark.parametrize(
    ("function", "need"),
    [
        ("hotplug_encode", 20),
        ("hotplug_event", 116),
        ("hotplug_events", 116),
        ("epow_event", 116),
    ],
)
def test_too_small_a_buffer_is_not_written_to(function, need):
    """NOSPACE at every capacity below the need; then not a byte beyond it."""
    guard = b"\xaa" * (need + 4)
    for cap in range(need):
        out = ffi.new("uint8_t[]", len(guard))
        ffi.memmove(out, guard, len(guard))
        assert encode_into(function, out, cap) == lib.DLPAR_ERR_NOSPACE
        assert bytes(ffi.buffer(out)) == guard
    assert encode_into(function, out, need) >= 0
    assert bytes(ffi.buffer(out))[need:] == guard[need:]
    assert 0xAA not in bytes(ffi.buffer(out))[:need]


@pytest.mark.parametrize(
    ("offset", "length"), [(0, 5), (4, 1), (2**32 - 1, 2), (1, 2**32 - 1)]
)
def test_a_name_outside_of_the_names_is_refused(offset, length):
    fields = {"id_type": 1, "name_off": offset, "name_len": length}
    hotplug = ffi.new("struct dlpar_rtas_hotplug *", fields)
    out = ffi.new("uint8_t[]", 2048)
    rc = lib.dlpar_rtas_hotplug_encode(out, 2048, hotplug, b"ABCD", 4)
    assert rc == lib.DLPAR_ERR_BADARG


@pytest.mark.parametrize("field", ["date", "time"])
def test_a_stamp_of_more_than_eight_digits_is_refused(field):
    stamp = ffi.new("struct dlpar_rtas_stamp *", {field: 100_000_000})
    for function in ("hotplug_event", "hotplug_events", "epow_event"):
        out = ffi.new("uint8_t[]", 116)
        rc = encode_into(function, out, 116, stamp)
        assert rc == lib.DLPAR_ERR_BADARG
        assert bytes(ffi.buffer(out)) == bytes(116)

"""One RTAS event is decoded as its layouts say, and damage is located."""

from __future__ import annotations

import mmap
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
import rtas_vectors as v

import pydlpar
from pydlpar._ffi import ffi, lib
from pydlpar.constants import (
    Action,
    EpowAction,
    EpowModifier,
    EventDisposition,
    EventParty,
    EventSeverity,
    EventType,
    IdType,
    Resource,
)
from pydlpar.rtas import decode_event, decode_hotplug_section


def sections_of(event):
    return [(s.id, s.offset, s.length) for s in event.sections]


def test_vector_a_memory_add_indexed_count():
    event = decode_event(v.MEMORY_ADD_INDEXED)
    assert event.hotplug == pydlpar.HotplugSection(
        Resource.MEMORY, Action.ADD, IdType.INDEXED_COUNT, 0x80000010, 4
    )
    assert sections_of(event) == [
        ("hdr", 0, 8),
        ("exthdr", 8, 16),
        ("PH", 24, 48),
        ("UH", 72, 24),
        ("HP", 96, 20),
    ]
    assert event.timestamp == datetime(2026, 1, 2, 3, 4, 5)
    assert event.plid == 0


def test_header_fields_are_members_of_their_enumerations():
    event = decode_event(v.MEMORY_ADD_INDEXED)
    assert event.version == 6
    assert event.type is EventType.HOTPLUG
    assert event.severity is EventSeverity.EVENT
    assert event.disposition is EventDisposition.NOT_RECOVERED
    assert event.initiator is EventParty.HOTPLUG
    assert event.target is EventParty.UNKNOWN
    assert event.extended is True
    assert event.epow is None
    assert event.scope is None


def test_vector_b_cpu_remove_index():
    hotplug = decode_event(v.CPU_REMOVE_INDEX).hotplug
    assert (hotplug.resource, hotplug.action) == (Resource.CPU, Action.REMOVE)
    assert (hotplug.drc_index, hotplug.count) == (0x10000008, None)


def test_vector_c_epow_normal_shutdown():
    event = decode_event(v.EPOW_SHUTDOWN)
    assert event.type is EventType.EPOW
    assert event.hotplug is None
    assert event.epow == pydlpar.EpowSection(
        EpowAction.SYSTEM_SHUTDOWN, EpowModifier.NORMAL_SHUTDOWN, 1, 0, bytes(8)
    )


def test_vector_m_hp_only_needs_neither_ph_nor_uh():
    """Linux finds a section whatever stands before it, so it is an event."""
    event = decode_event(v.HP_ONLY)
    assert sections_of(event)[2:] == [("HP", 24, 20)]
    assert event.hotplug.drc_index == 0x80000003
    assert event.plid is None
    assert event.timestamp is None


@pytest.mark.parametrize(("tail", "expected"), v.QEMU_HP)
def test_qemu_hotplug_sections(tail, expected):
    hotplug = decode_event(v.HEAD + bytes.fromhex(tail)).hotplug
    assert hotplug == pydlpar.HotplugSection(*expected)
    assert decode_hotplug_section(bytes.fromhex(tail)) == hotplug


def test_indexed_count_has_the_count_first():
    body = bytes.fromhex("02010400 00000007 80000001")
    hotplug = decode_hotplug_section(v.section(b"HP", body))
    assert (hotplug.count, hotplug.drc_index) == (7, 0x80000001)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("05010100 43313200", "C12"),
        ("05010100 4331322d 4331322d 43313200", "C12-C12-C12"),
        ("05010100 43313200 ff", "C12"),
        ("05010100 00000000", ""),
    ],
)
def test_drc_name_ends_at_its_nul(body, name):
    hotplug = decode_hotplug_section(v.section(b"HP", bytes.fromhex(body)))
    assert hotplug.drc_name == name
    assert hotplug.drc_index is None
    assert hotplug.count is None


def test_drc_name_in_an_event_is_found_behind_ph_and_uh():
    section = v.section(b"HP", bytes.fromhex("05010100 5048422031300000"))
    data = bytearray(v.HEAD + section)
    data[7] = len(data) - 8
    assert decode_event(data).hotplug.drc_name == "PHB 10"


def test_token_is_the_last_word_of_the_section():
    """Also where the identifier leaves bytes between, as QEMU's length does."""
    body = bytes.fromhex("010102c0 10000001 00000000 deadbeef")
    hotplug = decode_hotplug_section(v.section(b"HP", body))
    assert hotplug.token == 0xDEADBEEF
    assert hotplug.transactional is False
    body = bytes.fromhex("01010280 10000001 deadbeef")
    hotplug = decode_hotplug_section(v.section(b"HP", body))
    assert (hotplug.drc_index, hotplug.token) == (0x10000001, 0xDEADBEEF)
    assert hotplug.transactional is True


def test_token_is_no_part_of_the_name():
    """A name that only the token's bytes would end has no NUL."""
    body = bytes.fromhex("05010180 41414141 42424242 00000001")
    with pytest.raises(pydlpar.EventError) as caught:
        decode_hotplug_section(v.section(b"HP", body))
    assert caught.value.code == lib.DLPAR_ERR_BADVALUE
    assert caught.value.offset == 12
    body = bytes.fromhex("05010180 41414100 00000001")
    hotplug = decode_hotplug_section(v.section(b"HP", body))
    assert (hotplug.drc_name, hotplug.token) == ("AAA", 1)


def test_unknown_numbers_stay_integers():
    """Firmware may know resources and identifier kinds that we do not."""
    body = bytes.fromhex("2a070900 10000001 00000000")
    hotplug = decode_hotplug_section(v.section(b"HP", body))
    assert (hotplug.resource, hotplug.action, hotplug.id_type) == (42, 7, 9)
    assert (hotplug.drc_index, hotplug.count, hotplug.drc_name) == (None, None, None)
    data = bytearray(v.EPOW_SHUTDOWN)
    data[1], data[3], data[0x68] = 0xFC, 0x77, 0xFF
    event = decode_event(data)
    assert (event.severity, event.disposition, event.type) == (7, 3, 0x77)
    assert (event.epow.action, event.epow.sensor_value) == (15, 15)


def test_epow_of_version_1_has_no_extended_modifier():
    data = bytearray(v.EPOW_SHUTDOWN)
    data[0x64] = 1
    event = decode_event(data)
    assert event.epow.extended_modifier is None
    assert "extended_modifier" not in event.section("EP")


def test_the_first_of_several_hotplug_sections_counts():
    """As Linux takes the first section of an id."""
    first = v.section(b"HP", bytes.fromhex("01010200 10000001 00000000"))
    second = v.section(b"HP", bytes.fromhex("02020300 00000005 00000000"))
    assert decode_event(v.event(first, second)).hotplug.drc_index == 0x10000001


def test_the_first_of_several_epow_sections_counts():
    first, second = v.EPOW_SHUTDOWN[96:], v.section(b"EP", bytes(12))
    assert decode_event(v.event(first, second)).epow.action == 3


def test_an_event_beyond_four_gigabytes_is_refused():
    """Offsets are 32 bits; only the first page of the memory is touched."""
    try:
        memory = mmap.mmap(-1, 2**32 + 4096)
    except (OSError, OverflowError):
        pytest.skip("no address space of 4 GiB")
    memory[:24] = v.event(length=0xFFFFFFFF)
    event, offset = ffi.new("struct dlpar_rtas_event *"), ffi.new("size_t *")
    with memory, ffi.from_buffer("uint8_t[]", memory) as start:
        rc = lib.dlpar_rtas_event_decode(event, ffi.NULL, 0, offset, start, len(memory))
    assert rc == lib.DLPAR_ERR_TOOBIG
    assert offset[0] == 4


@pytest.mark.parametrize("data", [v.HEADER_ONLY, v.PRRN, v.SUMMARY])
def test_events_without_an_extended_part_are_their_header(data):
    event = decode_event(data)
    assert sections_of(event) == [("hdr", 0, len(data))]
    assert event.raw == data
    assert event.hotplug is None


def test_length_word_of_a_prrn_is_its_scope():
    assert decode_event(v.PRRN).scope == 0x123
    assert decode_event(v.PRRN).section("hdr")["scope"] == 0x123
    assert "ext_length" not in decode_event(v.PRRN).section("hdr")
    extended = bytes.fromhex("060400a0 7fffffff")
    assert decode_event(extended).scope == 0x7FFFFFFF


def test_extended_part_of_length_zero_is_allowed():
    event = decode_event(bytes.fromhex("064400e0 00000000"))
    assert event.extended is True
    assert sections_of(event) == [("hdr", 0, 8)]


def test_before_version_6_the_format_number_picks_the_body():
    assert sections_of(decode_event(v.V3_EPOW)) == [
        ("hdr", 0, 8),
        ("exthdr", 8, 12),
        ("epow", 20, 28),
    ]


def test_unknown_sections_are_kept_whole():
    event = decode_event(v.event(v.section(b"ZZ", b"\x01\x02\x03"), v.HP_ONLY[24:]))
    assert sections_of(event)[2:] == [("ZZ", 24, 11), ("HP", 35, 20)]
    assert event.section("ZZ")["data"] == b"\x01\x02\x03"
    assert event.section("ZZ").raw == v.section(b"ZZ", b"\x01\x02\x03")


def test_a_list_of_many_sections_is_complete():
    """More than fit the first attempt's memory."""
    parts = [v.section(b"UD", bytes([n % 256])) for n in range(300)]
    event = decode_event(v.event(*parts))
    assert len(event.sections) == 302
    assert [s["data"][0] for s in event.sections[2:]] == [n % 256 for n in range(300)]


def test_bytes_after_the_event_are_ignored():
    event = decode_event(v.CPU_REMOVE_INDEX + bytes(1932))
    assert event.raw == v.CPU_REMOVE_INDEX
    assert event == decode_event(v.CPU_REMOVE_INDEX)
    assert len({event, decode_event(v.CPU_REMOVE_INDEX)}) == 1


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_contiguous_buffer_is_taken(kind):
    assert decode_event(kind(v.HP_ONLY)).raw == v.HP_ONLY


@pytest.mark.parametrize("data", ["0634", 116, None])
def test_what_is_no_buffer_is_refused(data):
    with pytest.raises(TypeError):
        decode_event(data)


# Bytes, code, offset of the first byte not understood.
DAMAGED = [
    (b"", "TRUNCATED", 0),
    (b"\x06\x34\x60", "TRUNCATED", 0),
    (b"\x06\x34\x60\xe5", "TRUNCATED", 4),  # extended, length word missing
    (b"\x06\x00\x00\xa0", "TRUNCATED", 4),  # PRRN, scope missing
    (b"\x06\x00\x00\x00\x00", "TRUNCATED", 4),  # neither summary nor header
    (v.HP_ONLY[:-1], "TRUNCATED", 4),  # announces 44 bytes, has 43
    (v.event(length=0xFFFFFFFF), "TRUNCATED", 4),
    (bytes(8), "BADVERSION", 0),
    (v.event()[:8] + v.event()[8:10] + b"\x85" + v.event()[11:], "FORMAT", 10),
    (v.event()[:20] + b"XYZ\0", "FORMAT", 20),
    (v.event(b"", length=15), "BADLENGTH", 4),  # less than the extended header
    (v.V3_EPOW[:7] + b"\x0b" + v.V3_EPOW[8:], "BADLENGTH", 4),
    (v.V3_EPOW[:7] + b"\x27" + v.V3_EPOW[8:], "BADLENGTH", 20),  # body of 27
    (v.V3_EPOW[:10] + b"\x86" + v.V3_EPOW[11:], "FORMAT", 10),
    (v.V3_EPOW[:7] + b"\x2b" + v.V3_EPOW[8:] + b"abc", "BADLENGTH", 48),
    (v.event(b"HP\0\x14\1\0\0"), "BADLENGTH", 24),  # 7 bytes are no header
    (v.event(bytes(1)), "BADLENGTH", 24),
    (v.event(bytes(7)), "BADLENGTH", 24),
    (v.event(bytes(8)), "SECTION", 24),
    (v.event(v.section(b"UD", b"", length=0)), "SECTION", 24),
    (v.event(v.section(b"UD", b"", length=7)), "SECTION", 24),
    (v.event(v.section(b"UD", b"", length=9)), "BADLENGTH", 24),
    (v.event(v.section(b"UD", b""), v.section(b"HP", bytes(4))), "SECTION", 32),
    (v.event(v.section(b"HP", b"\1\1\4\0" + bytes(4))), "SECTION", 24),
    (v.event(v.section(b"HP", b"\1\1\2\x80" + bytes(4))), "SECTION", 24),
    (v.event(v.section(b"HP", b"\5\1\1\0ABCD")), "BADVALUE", 36),
    (v.event(v.section(b"EP", bytes(11))), "SECTION", 24),
    (v.event(v.HEAD[24:72]), "SECTORDER", 72),  # PH without UH
    (v.event(v.HEAD[24:72], v.HP_ONLY[24:]), "SECTORDER", 72),
    (v.event(v.HEAD[72:96]), "SECTORDER", 24),  # UH without PH
    (v.event(v.HP_ONLY[24:], v.HEAD[24:96]), "SECTORDER", 44),
    (v.event(v.HEAD[24:96], v.HEAD[24:72]), "SECTORDER", 96),  # PH again
    (v.event(v.HEAD[24:96], v.HEAD[72:96]), "SECTORDER", 96),  # UH again
    (v.event(v.section(b"PH", bytes(39))), "SECTION", 24),
]


@pytest.mark.parametrize(("data", "code", "offset"), DAMAGED)
def test_damage_has_a_code_and_a_place(data, code, offset):
    with pytest.raises(pydlpar.EventError, match=f"at byte {offset}") as caught:
        decode_event(data)
    assert caught.value.code == getattr(lib, f"DLPAR_ERR_{code}")
    assert caught.value.offset == offset


@pytest.mark.parametrize(("data", "code", "offset"), DAMAGED)
def test_tolerant_decoding_gives_what_stands_before_the_damage(data, code, offset):
    event = decode_event(data, strict=False)
    assert event.damage.code == getattr(lib, f"DLPAR_ERR_{code}")
    assert event.damage.offset == offset
    assert event.to_dict()["damage"]["offset"] == offset
    if code != "TRUNCATED":
        assert all(s.offset + s.length <= max(offset, 24) for s in event.sections)


def test_whole_sections_of_a_truncated_event_are_given():
    """All but the last, whatever the length word announces."""
    event = decode_event(v.MEMORY_ADD_INDEXED[:-1], strict=False)
    assert [s.id for s in event.sections] == ["hdr", "exthdr", "PH", "UH"]
    assert event.damage.code == lib.DLPAR_ERR_TRUNCATED
    assert event.timestamp == datetime(2026, 1, 2, 3, 4, 5)
    assert event.hotplug is None
    assert len(event.raw) == 115


def test_undamaged_event_has_no_damage():
    event = decode_event(v.HP_ONLY, strict=False)
    assert event.damage is None
    assert "damage" not in event.to_dict()


SECTION_DAMAGED = [
    (b"HP\0", "TRUNCATED", 0),
    (v.section(b"EP", bytes(12)), "FORMAT", 0),
    (v.section(b"HP", bytes(12), length=15), "SECTION", 0),
    (v.section(b"HP", bytes(12), length=21), "TRUNCATED", 0),
    (v.section(b"HP", b"\1\1\4\0" + bytes(7)), "SECTION", 0),
]


@pytest.mark.parametrize(("data", "code", "offset"), SECTION_DAMAGED)
def test_damaged_lone_section(data, code, offset):
    with pytest.raises(pydlpar.EventError) as caught:
        decode_hotplug_section(data)
    assert caught.value.code == getattr(lib, f"DLPAR_ERR_{code}")
    assert caught.value.offset == offset


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("20240229 23595999", datetime(2024, 2, 29, 23, 59, 59, 990000)),
        ("20230229 00000000", None),  # no such day
        ("00000000 00000000", None),
        ("2024011a 00000000", None),  # no decimal digit
        ("20240101 24000000", None),
    ],
)
def test_timestamp_is_none_where_the_date_is_none(date, expected):
    data = bytearray(v.HP_ONLY)
    data[24:24] = v.HEAD[24:32] + bytes.fromhex(date) + v.HEAD[40:96]
    data[7] = len(data) - 8
    assert decode_event(data).timestamp == expected


def test_threads_do_not_share_what_they_decode_into():
    """The memory that results are written to is used again and again."""
    vectors = [*v.ALL, v.SUMMARY, *v.RICH] * 20

    def shapes(_):
        return [sections_of(decode_event(data)) for data in vectors]

    expected = shapes(0)
    with ThreadPoolExecutor(4) as threads:
        assert all(found == expected for found in threads.map(shapes, range(8)))

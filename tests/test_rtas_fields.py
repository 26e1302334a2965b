"""Fields are read and written through the tables, and only where they are."""

from __future__ import annotations

import json

import pytest
import rtas_vectors as v
from hypothesis import given
from hypothesis import strategies as st

import pydlpar
from pydlpar import decode_event, hotplug_event
from pydlpar._ffi import ffi, lib
from pydlpar.rtas import section_fields
from pydlpar.rtas_encode import BUILT, EPOW, EVENT_AT, HOTPLUG, HOTPLUG_KINDS, STAMP
from pydlpar.rtas_event import SECTION
from pydlpar.rtas_table import RECORD, VALUE

NAMED = hotplug_event(pydlpar.HotplugSection(5, 1, 1, drc_name="PHB 10", token=3))


def layouts():
    out = ffi.new("const struct dlpar_rtas_layout **")
    n = lib.dlpar_rtas_layouts(out)
    return ffi.unpack(out[0], n)


@pytest.mark.parametrize(
    ("form", "struct"),
    [
        (SECTION, "section"),
        (HOTPLUG, "hotplug"),
        (HOTPLUG_KINDS, "hotplug"),
        (EPOW, "epow"),
        (STAMP, "stamp"),
        (VALUE, "value"),
        (RECORD, "record"),
    ],
)
def test_formats_are_as_large_as_the_c_structs(form, struct):
    """A struct that grows must not be read with its old format."""
    assert form.size == ffi.sizeof(f"struct dlpar_rtas_{struct}")


def test_what_is_written_to_build_an_event_ends_where_the_event_begins():
    """Request and stamp are one format, and nothing stands between."""
    assert BUILT.size == HOTPLUG.size + STAMP.size == EVENT_AT
    assert ffi.offsetof("struct dlpar_rtas_built", "stamp") == HOTPLUG.size


# Rows that a section of its least length lacks: of HP, whose length its
# decoder checks, and of parts that are met shorter than their layout.
BEYOND = {
    ("hdr", "ext_length"),
    ("hdr", "scope"),
    ("exthdr", "company"),
    ("HM", "model"),
    ("HM", "serial"),
}


def rows_of(number):
    """How many rows the table has that C finds for a number."""
    values = ffi.new("struct dlpar_rtas_value[]", 128)
    return lib.dlpar_rtas_section_get(values, 128, number, bytes(8), 8)


def test_every_table_is_found_by_its_number():
    """And is the only one of it."""
    numbers = [layout.id for layout in layouts()]
    assert len(set(numbers)) == len(numbers)
    for layout in layouts():
        assert rows_of(layout.id) == layout.n_fields


def test_what_resembles_an_id_is_none():
    """Letters of other case or digits, and numbers beside those of the parts."""
    known = {layout.id: layout.n_fields for layout in layouts()}
    others = {0: known[0], 2: known[lib.DLPAR_RTAS_SUB]}
    for number in list(known):
        for other in (number ^ 0x20, number ^ 0x2000, number ^ 0x4040, number + 1):
            wanted = known.get(other, others.get(other >> 16, known[0]))
            assert rows_of(other) == wanted, hex(other)
    for number in (0x10000, 0x1000B, 0x30000, 0x30005, 0x40001, 0xFFFFFFFF):
        assert rows_of(number) == known[0]


def test_rows_stay_inside_of_the_shortest_section():
    for layout in layouts():
        for row in ffi.unpack(layout.fields, layout.n_fields):
            name = ffi.string(layout.name).decode(), ffi.string(row.name).decode()
            if name in BEYOND or row.when or setting(row, "from") or row.count_len:
                continue
            assert row.off + row.len <= layout.min_len, name


def setting(row, name):
    """A member whose name is a word of Python."""
    return getattr(row, name)


def test_rows_that_are_called_fixed_always_fit():
    """The check of a section begins behind them."""
    for layout in layouts():
        rows = ffi.unpack(layout.fields, layout.n_fields)
        assert bool(layout.holds) == any(row.of for row in rows)
        for row in rows[: layout.fixed]:
            assert not row.when or setting(row, "from") == 0
            assert not row.count_len
            assert 0 < row.off + row.len <= layout.min_len
        rest = rows[layout.fixed :]
        assert not rest or setting(rest[0], "from") != lib.DLPAR_RTAS_FROM_LAST


def test_numbers_that_lengths_are_made_of_stand_before_what_they_measure():
    for layout in layouts():
        for row in ffi.unpack(layout.fields, layout.n_fields):
            if row.count_len:
                assert row.count_len in (1, 2)
                assert row.count_off + row.count_len <= layout.min_len or row.when
                assert row.unit
            assert row.when_len in ((2, 4) if row.when else (0,))
            assert bool(row.of) == (row.type == lib.DLPAR_RTAS_RECORDS)


def test_rows_have_sound_masks_and_widths():
    for layout in layouts():
        for row in ffi.unpack(layout.fields, layout.n_fields):
            if row.type == lib.DLPAR_RTAS_UINT:
                assert row.len in (1, 2, 4, 8)
            if row.type == lib.DLPAR_RTAS_NUMBERS:
                assert row.unit in (1, 2, 4, 8)
            if row.mask:
                assert row.mask >> row.shift & 1
                assert row.mask >> row.shift << row.shift == row.mask
                assert row.mask < 1 << (8 * row.len)
            assert not row.when_value & ~row.when_mask


def test_fields_are_items_and_attributes():
    section = decode_event(v.MEMORY_ADD_INDEXED).section("PH")
    assert section["date"] == section.date == "20260102"
    assert section.time == "03040500"
    assert section.creator == "H"
    assert section["platform_data"] == bytes(8)
    assert section.section_count == 3
    assert "plid" in section
    names = {row.name for row in section_fields("PH")}
    assert names - set(section) == {"creator_subsystem_name"}
    assert len(section) == len(dict(section)) == len(names) - 1


def test_what_is_not_there_is_said_to_be_missing():
    section = decode_event(v.CPU_REMOVE_INDEX).section("HP")
    with pytest.raises(pydlpar.NotFoundError, match="HP: no field 'count'"):
        section["count"]
    with pytest.raises(AttributeError, match="no field 'count'"):
        _ = section.count
    with pytest.raises(AttributeError):
        _ = section._nothing
    with pytest.raises(pydlpar.NotFoundError, match="no section MT"):
        decode_event(v.HP_ONLY).section("MT")


def test_identifier_fields_follow_the_kind():
    named = decode_event(NAMED).section("HP")
    assert (named["drc_name"], named["token"]) == ("PHB 10", 3)
    indexed = decode_event(v.MEMORY_ADD_INDEXED).section("HP")
    assert (indexed["count"], indexed["drc_index"]) == (4, 0x80000010)
    assert "drc_name" not in indexed
    assert "token" not in indexed


def test_to_dict_is_json_and_has_every_field():
    plain = decode_event(v.MEMORY_ADD_INDEXED).to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["length"] == 116
    assert [s["id"] for s in plain["sections"]] == ["hdr", "exthdr", "PH", "UH", "HP"]
    assert plain["sections"][4]["offset"] == 96
    assert plain["sections"][2]["platform_data"] == "00" * 8


@pytest.mark.parametrize("data", [*v.ALL, NAMED])
def test_writing_a_field_its_own_value_changes_nothing(data):
    """Each field of each section, one at a time."""
    event = decode_event(data)
    for section in event.sections:
        for name, value in section.items():
            assert event.replace(section.id, **{name: value}).raw == data


def test_writing_changes_the_field_and_nothing_else():
    event = decode_event(v.MEMORY_ADD_INDEXED)
    changed = event.replace("PH", plid=7, date="19991231", creator="E")
    assert changed.plid == 7
    assert changed.section("PH").creator == "E"
    assert changed.timestamp.year == 1999
    assert changed.hotplug == event.hotplug
    assert event.raw == v.MEMORY_ADD_INDEXED
    severe = event.replace("hdr", severity=5)
    assert (severe.severity, severe.disposition) == (5, event.disposition)
    assert sum(a != b for a, b in zip(event.raw, severe.raw, strict=True)) == 1


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_numbers_are_read_as_written(count, index):
    event = decode_event(v.MEMORY_ADD_INDEXED)
    hotplug = event.replace("HP", count=count, drc_index=index).hotplug
    assert (hotplug.count, hotplug.drc_index) == (count, index)


def test_a_shorter_name_is_padded_with_nul():
    event = decode_event(NAMED).replace("HP", drc_name="P")
    assert event.hotplug.drc_name == "P"
    assert event.section("HP").raw[12:20] == b"P" + bytes(7)
    assert event.hotplug.token == 3


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("hdr", "severity", 8),
        ("hdr", "version", 256),
        ("hdr", "version", -1),
        ("hdr", "version", 1 << 64),
        ("hdr", "version", "6"),
        ("PH", "plid", 1 << 32),
        ("PH", "date", "2026010"),
        ("PH", "date", "2026010a"),
        ("PH", "date", 20260102),
        ("PH", "creator", "HE"),
        ("PH", "creator", "\0"),
        ("PH", "platform_data", bytes(7)),
        ("PH", "platform_data", "00000000"),
        ("HP", "drc_name", "A" * 8),
        ("HP", "drc_name", b"A"),
        ("HP", "drc_name", "A\0"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(section, field, value):
    with pytest.raises(pydlpar.ArgumentError, match=field):
        decode_event(NAMED).replace(section, **{field: value})


def test_a_field_that_is_not_there_cannot_be_written():
    event = decode_event(v.CPU_REMOVE_INDEX)
    with pytest.raises(pydlpar.NotFoundError):
        event.replace("HP", count=1)
    with pytest.raises(pydlpar.ArgumentError, match="nonsense"):
        event.replace("HP", nonsense=1)


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [("HP", "length", 21), ("HP", "id_type", 1), ("hdr", "version", 0)],
)
def test_a_change_that_breaks_the_event_is_an_error(section, field, value):
    """An index of ff ff ff ff ... read as a name has no NUL."""
    event = decode_event(v.HEAD + v.section(b"HP", b"\1\1\2\0" + b"\xff" * 8))
    with pytest.raises(pydlpar.EventError):
        event.replace(section, **{field: value})


def test_single_field_functions_of_c():
    """What Python's mapping is built on is there for C callers by name."""
    section = v.MEMORY_ADD_INDEXED[96:]
    value = ffi.new("struct dlpar_rtas_value *")
    get = lib.dlpar_rtas_field_get
    assert get(value, lib.DLPAR_RTAS_HP, b"drc_index", section, 20) == 0
    assert (value.number, value.off, value.len) == (0x80000010, 16, 4)
    for name, length in ((b"drc_index", 19), (b"resource", 8), (b"token", 20)):
        rc = get(value, lib.DLPAR_RTAS_HP, name, section, length)
        assert rc == lib.DLPAR_ERR_NOTFOUND
    assert value.number == 0x80000010
    rc = lib.dlpar_rtas_section_get(value, 1, lib.DLPAR_RTAS_HP, section, 20)
    assert rc == lib.DLPAR_ERR_NOSPACE


def test_numbers_of_eight_bytes():
    """The addresses of a machine check; MC has no PH and UH before it."""
    body = bytes(16) + bytes.fromhex("c000000012345678 0000000002345000")
    event = decode_event(v.event(v.section(b"MC", body)))
    assert event.section("MC").effective_address == 0xC000000012345678
    top = event.replace("MC", logical_address=2**64 - 1)
    assert top.section("MC").logical_address == 2**64 - 1
    assert top.section("MC").effective_address == 0xC000000012345678


def test_a_string_without_its_nul_is_not_there():
    """C callers may ask about a section that no walk has passed."""
    section = v.section(b"HP", b"\5\1\1\0ABCD")
    value = ffi.new("struct dlpar_rtas_value *")
    rc = lib.dlpar_rtas_field_get(
        value, lib.DLPAR_RTAS_HP, b"drc_name", section, len(section)
    )
    assert rc == lib.DLPAR_ERR_NOTFOUND


@pytest.mark.parametrize("number", [0x2026010A, 0xA0000000, 1 << 32])
def test_a_date_that_is_not_bcd_is_refused(number):
    section = ffi.new("uint8_t[]", v.HEAD[24:72])
    rc = lib.dlpar_rtas_field_set(
        section, 48, lib.DLPAR_RTAS_PH, b"date", number, b"", 0
    )
    assert rc == lib.DLPAR_ERR_BADARG
    assert bytes(ffi.buffer(section, 48)) == v.HEAD[24:72]


@given(st.binary(max_size=64), st.sampled_from([int(x.id) for x in layouts()]))
def test_no_contents_or_length_makes_a_reader_fail(data, number):
    """Whatever the section holds, fields are there or not; none leaves it."""
    values = ffi.new("struct dlpar_rtas_value[]", 32)
    n = lib.dlpar_rtas_section_get(values, 32, number, data, len(data))
    assert n > 0
    for value in values[0:n]:
        assert not value.present or value.off + value.len <= len(data)

"""Records inside of sections: call-outs, their sub-structures, readings.

Lengths are never taken for granted; what is too short for what it announces is
an error at its first byte.
"""

from __future__ import annotations

import pytest
import rtas_vectors as v
from hypothesis import given
from hypothesis import strategies as st

import pydlpar
from pydlpar import decode_event
from pydlpar._ffi import ffi, lib
from pydlpar.rtas import section_fields

RECORD = lib.DLPAR_ERR_RECORD


def shape(event):
    """Its sections with their texts, as far as a record's content goes."""
    return [c.to_dict() for c in event.section("PS").callouts]


def test_a_call_out_has_its_location_and_sub_structures():
    (callout,) = decode_event(v.source(v.CALLOUT)).section("PS").callouts
    assert (callout.id, callout.type, callout.priority) == ("callout", 2, "H")
    assert callout.location_code == "U1-P1"
    assert [sub.id for sub in callout.substructures] == ["ID", "PE", "MR"]
    identity = callout.first("ID")
    assert (identity.component, identity.part_number) == (1, "80P4142")
    assert (identity.ccin, identity.serial) == ("261C", "YL31F4197003")
    assert "procedure" not in identity
    enclosure = callout.first("PE")
    assert (enclosure.model, enclosure.serial) == ("9133-55A", "10E1B2C")
    assert enclosure.name == "RIO"
    units = [(u.priority, u.unit_id) for u in callout.first("MR").units]
    assert units == [("H", 0x10020001), ("L", 0x10020002)]
    assert callout.first("XX") is None


def test_records_know_where_they_are():
    """So that their bytes can be pointed at, and changed."""
    event = decode_event(v.source(v.CALLOUT))
    (callout,) = event.section("PS").callouts
    assert callout.raw == v.CALLOUT
    assert callout.offset == event.raw.index(v.CALLOUT)
    for sub in callout.substructures:
        assert event.raw[sub.offset : sub.offset + sub.length] == sub.raw
        assert sub.raw[:2].decode() == sub.id


def test_number_and_procedure_take_one_place():
    flags = {0x08: "part_number", 0x02: "procedure"}
    for flag, name in flags.items():
        sub = b"ID\x0c" + bytes([0x10 | flag]) + b"ABCDEFGH"
        (callout,) = decode_event(v.source(v.callout(sub))).section("PS").callouts
        (identity,) = callout.substructures
        assert identity[name] == "ABCDEFGH"
        assert not set(identity) & (set(flags.values()) - {name})


def test_what_an_identity_lacks_takes_no_place():
    sub = b"ID\x10\x11" + b"SERIALNUMBER"
    (callout,) = decode_event(v.source(v.callout(sub))).section("PS").callouts
    assert callout.first("ID").serial == "SERIALNUMBER"
    assert "ccin" not in callout.first("ID")


def test_unknown_sub_structures_are_kept_whole():
    event = decode_event(v.source(v.callout(b"ZZ\x08\x01abcd")))
    (sub,) = event.section("PS").callouts[0].substructures
    assert (sub.id, sub["id"], sub["data"]) == ("substructure", "ZZ", b"abcd")
    assert sub.number == lib.DLPAR_RTAS_SUB


def test_a_section_of_the_name_of_a_sub_structure_is_unknown():
    section = decode_event(v.event(v.section(b"ID", b"abcd"))).section("ID")
    assert section["data"] == b"abcd"


def test_many_call_outs_are_complete():
    """More than fit the first attempt's memory."""
    event = decode_event(v.source(*[v.callout(b"")] * 200))
    assert len(event.section("PS").callouts) == 200
    assert len({c.offset for c in event.section("PS").callouts}) == 200


def test_a_source_without_the_flag_has_no_list():
    source = decode_event(v.event(v.section(b"PS", b"\2" + bytes(71)))).section("PS")
    assert "callouts" not in source
    assert source.hex_words == (0,) * 8


LP = b"\0\3\5\2" + b"\0\0\0\3" + b"lpar3" + b"\0\5\0\6" + b"\0\0\0"
EI = bytes(8) + b"\0\0\0\7" + b"\0\x15" + b"\0\2" + b"\1\0\0\2"
EI += b"\0\0\0\1\0\2\0\3" + b"\0\0\0\4\0\5\0\6"
EH = b"8246-L2C".ljust(52, b"\0") + bytes(15) + b"\x08B182_950pad."


def test_partitions_follow_a_name_of_any_length():
    section = decode_event(v.event(v.section(b"LP", LP))).section("LP")
    assert (section["name"], section.targets) == ("lpar3", (5, 6))
    assert (section.primary_partition, section.partition_id) == (3, 3)


def test_readings_are_as_many_as_are_announced():
    section = decode_event(v.event(v.section(b"EI", EI))).section("EI")
    readings = [(r.corrosion, r.temperature, r.rate) for r in section.readings]
    assert readings == [(1, 2, 3), (4, 5, 6)]
    assert (section.first_corrosion, section.first_temperature) == (7, 0x15)


def test_symptom_is_as_long_as_is_announced():
    section = decode_event(v.event(v.section(b"EH", EH))).section("EH")
    assert (section.model, section.symptom) == ("8246-L2C", "B182_950")


def test_software_errors_depend_on_the_sections_version():
    body = b"\0\0\0\1\0\2\0\3\0\0\0\4\3abc"
    first = decode_event(v.event(v.section(b"SW", body))).section("SW")
    assert (first.line, first.object_id, first.file_name) == (0x20003, 4, "abc")
    data = bytearray(v.event(v.section(b"SW", body)))
    data[28] = 2
    second = decode_event(data).section("SW")
    assert (second.file_id, second.location_id) == (2, 3)
    assert "file_name" not in second


def vendor(body):
    """A log before version 6 that is the vendor's only."""
    size = (12 + len(body)).to_bytes(4, "big")
    return b"\3\x24\0\x40" + size + b"\xa6\x87\x8e\0" + bytes(8) + body


def test_vendor_part_of_ibm_has_locations_and_registers():
    body = b"IBM\0U1-P1 U2\0\0\0\0" + b"\0\x06FFab" + b"\0\x04XY" + b"\0\2"
    part = decode_event(vendor(body)).section("vendor")
    assert part.location_codes == ("U1-P1", "U2")
    registers = [(r.register_id, r["data"]) for r in part.registers]
    assert registers == [("FF", b"ab"), ("XY", b"")]


@pytest.mark.parametrize(
    "body", [b"ABC\0U1\0\0", b"IBM\0", b"IBM\0U1-P1", b"IBM\0U1\0\0\0\x99FFab"]
)
def test_vendor_part_of_another_form_is_its_bytes(body):
    """LoPAR leaves it to the vendor, so its form is no damage."""
    part = decode_event(vendor(body)).section("vendor")
    assert part["data"] == body[4:]
    assert not part.get("registers")


# Body of a section, and what is wrong from where on in it.
DAMAGED = [
    (v.source(b"\0\x20H\0"), 84),  # a call-out of length 0
    (v.source(b"\3\x20H\0"), 84),
    (v.source(b"\5\x20H\0"), 84),  # leaves the list
    (v.source(b"\4\x20H\4"), 84),  # location leaves the call-out
    (v.source(v.callout(b""), b"\0\0\0\0"), 92),
    (v.source(v.callout(b"ID\3\0")), 92),  # sub-structure below 4 bytes
    (v.source(v.callout(b"ID\5\0")), 92),  # leaves the call-out
    (v.source(v.callout(b"ID\4\x18")), 92),  # too short for a part number
    (v.source(v.callout(b"ID\x0c\x1d" + bytes(8))), 92),
    (v.source(v.callout(b"PE\x08\0" + bytes(4))), 92),
    (v.source(v.callout(b"MR\x08\1" + bytes(4))), 92),  # one unit, no room
    (v.source(v.callout(b"ZZ\2\0")), 92),
    (v.source(words=2), 0),  # the list leaves the section
    (v.source(words=0), 0),  # below its own header
    (v.event(v.section(b"PS", b"\2\1" + bytes(70))), 0),  # no list
    (v.event(v.section(b"LP", LP[:12])), 0),  # name leaves the section
    (v.event(v.section(b"LP", b"\0\3\0\xff" + LP[4:])), 0),
    (v.event(v.section(b"EI", EI[:-1])), 0),
    (v.event(v.section(b"EH", EH[:-5])), 0),
]


@pytest.mark.parametrize(("data", "offset"), DAMAGED)
def test_damage_inside_of_a_section_has_its_place(data, offset):
    _, error = v.attempt(decode_event, data)
    assert error is not None
    assert (error.code, error.offset) == (RECORD, 24 + offset)


@pytest.mark.parametrize(("data", "offset"), DAMAGED)
def test_tolerant_decoding_keeps_the_section_and_what_stands_before(data, offset):
    event = decode_event(data, strict=False)
    assert (event.damage.code, event.damage.offset) == (RECORD, 24 + offset)
    section = event.sections[-1]
    assert section.offset == 24
    assert dict(section)["id"] == section.id
    for record in section.get("callouts", ()):
        assert record.offset <= 24 + offset
    assert event.to_dict()["damage"]["code"] == RECORD


def edited(event, holder, **fields):
    """The event with fields of a section or record changed."""
    changed = bytearray(event.raw)
    for name, value in fields.items():
        pydlpar.rtas_table.set_field(changed, holder, name, value)
    return decode_event(changed)


def test_fields_of_records_are_written_in_place():
    event = decode_event(v.source(v.CALLOUT))
    (callout,) = event.section("PS").callouts
    other = edited(event, callout, location_code="U9", priority="L")
    other = edited(other, callout.first("ID"), serial="S", ccin="1234")
    (unit, _) = callout.first("MR").units
    other = edited(other, unit, unit_id=7)
    (changed,) = other.section("PS").callouts
    assert (changed.location_code, changed.priority) == ("U9", "L")
    assert (changed.first("ID").serial, changed.first("ID").ccin) == ("S", "1234")
    assert changed.first("MR").units[0].unit_id == 7
    assert changed.first("PE") == callout.first("PE")


def test_codes_are_padded_with_blanks_and_numbers_fill_their_place():
    event = decode_event(v.source(v.CALLOUT))
    other = event.replace("PS", reference_code="B7006970", hex_words=tuple(range(8)))
    assert other.raw[24 + 48 : 24 + 80] == b"B7006970".ljust(32)
    assert other.section("PS").reference_code == "B7006970"
    assert other.section("PS").hex_words == tuple(range(8))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reference_code", "B" * 33),
        ("hex_words", (1, 2)),
        ("hex_words", (1 << 32,) * 8),
        ("hex_words", ("1",) * 8),
        ("hex_words", 1),
        ("callouts", ()),
        ("callouts", b""),
    ],
)
def test_values_that_do_not_fit_are_refused(field, value):
    with pytest.raises(pydlpar.ArgumentError, match=field):
        decode_event(v.source(v.CALLOUT)).replace("PS", **{field: value})


def test_location_codes_stay_in_their_place():
    """Behind them stand the registers."""
    event = decode_event(vendor(b"IBM\0U1-P1 U2\0\0\0\0" + b"\0\x06FFab\0\2"))
    other = event.replace("vendor", location_codes=("U1-P1-U2",))
    assert other.section("vendor").location_codes == ("U1-P1-U2",)
    assert other.section("vendor").registers[0]["data"] == b"ab"
    with pytest.raises(pydlpar.ArgumentError, match="location_codes"):
        event.replace("vendor", location_codes=("U1-P1", "U2-P2"))


def every(holder):
    """A section and all records inside of it."""
    yield holder
    for value in holder.values():
        if isinstance(value, tuple) and value and not isinstance(value[0], int | str):
            for record in value:
                yield from every(record)


@pytest.mark.parametrize("data", v.RICH)
def test_writing_a_field_its_own_value_changes_nothing(data):
    event = decode_event(data)
    for section in event.sections:
        for holder in every(section):
            rows = section_fields(holder.id)
            kept = {row.name for row in rows if row.type != lib.DLPAR_RTAS_RECORDS}
            for name in kept & set(holder):
                assert edited(event, holder, **{name: holder[name]}).raw == data, name


@given(st.binary(max_size=120))
def test_any_call_out_list(data):
    """An event with all of the list accounted for, or damage inside of it."""
    data = data + bytes(-len(data) % 4)
    event, error = v.attempt(decode_event, v.source(data))
    if error:
        assert error.code == RECORD
        assert 24 + 84 <= error.offset <= 24 + 84 + len(data)
        return
    assert sum(c.length for c in event.section("PS").callouts) == len(data)
    for callout in event.section("PS").callouts:
        inside = sum(sub.length for sub in callout.substructures)
        assert 4 + callout.location_length + inside == callout.length


def test_records_of_c_are_counted_without_room():
    section = v.source(v.CALLOUT)[24:]
    n, offset = ffi.new("size_t *"), ffi.new("size_t *")
    get = lib.dlpar_rtas_records
    assert get(ffi.NULL, 0, n, offset, lib.DLPAR_RTAS_PS, section, len(section)) == 0
    assert n[0] == 6
    few = ffi.new("struct dlpar_rtas_record[]", 2)
    rc = get(few, 2, n, offset, lib.DLPAR_RTAS_PS, section, len(section))
    assert (rc, n[0]) == (lib.DLPAR_ERR_NOSPACE, 6)
    assert [few[0].id, few[1].id] == [lib.DLPAR_RTAS_CALLOUT, lib.DLPAR_RTAS_SUB_ID]
    assert (few[0].parent, few[1].parent) == (0, 1)
    assert get(ffi.NULL, 0, n, offset, lib.DLPAR_RTAS_UD, section, len(section)) == 0
    assert n[0] == 0


@given(st.binary(max_size=90), st.sampled_from(["PS", "EI", "V5_VENDOR", "SUB_MR"]))
def test_any_bytes_as_a_holder_of_records(data, name):
    """C callers may ask about a section that no walk has passed."""
    n, offset = ffi.new("size_t *"), ffi.new("size_t *", 0)
    found = ffi.new("struct dlpar_rtas_record[]", 64)
    number = getattr(lib, f"DLPAR_RTAS_{name}")
    rc = lib.dlpar_rtas_records(found, 64, n, offset, number, data, len(data))
    assert rc in (0, RECORD)
    assert offset[0] <= len(data)
    for record in found[0 : n[0]]:
        assert record.off + record.len <= len(data)
        assert record.parent <= n[0]

"""An edited event differs where it was edited, and nowhere else."""

from __future__ import annotations

import json
import sys

import pytest
import rtas_vectors as vectors

import pydlpar
from pydlpar import ArgumentError, EventError, NotFoundError, build_event

CALLOUTS = [
    {"priority": "H", "location_code": "U1-P1", "ID": {"ccin": "2A3B"}},
    {"priority": "L", "ID": {"procedure": "FSPSP04"}},
]


@pytest.fixture
def event():
    """With odd bytes in a reserved place of PH, and behind a text."""
    made = build_event(
        sections=[
            ("PS", {"reference_code": "B7006970", "callouts": CALLOUTS}),
            ("MT", {"model": "9117", "serial": "10ABCDE"}),
            ("UD", {"data": b"\1\2\3\4"}),
            ("UD", {"data": b"\5"}),
        ]
    )
    raw = bytearray(made.raw)
    raw[made.section("PH").offset + 26] = 0x55
    raw[made.section("MT").offset + 8 + 6] = 0x66
    return pydlpar.decode_event(raw)


def changed(before, after):
    return [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]


def test_field_that_stays_in_place_changes_its_bytes_only(event):
    """Padding and reserved bytes are kept."""
    after = event.edit().set("UH", event_severity=0x40).build()
    assert changed(event.raw, after.raw) == [event.section("UH").offset + 10]
    assert event.edit().build() == event


def test_longer_value_has_the_section_built_anew(event):
    """Its lengths follow, and that of the event; the others are kept."""
    after = event.edit().set("UD", 1, data=bytes(40)).build()
    assert after.sections[-1].data == bytes(40)
    assert after.section("hdr").ext_length == len(after.raw) - 8
    assert (
        after.raw[24 : event.sections[-1].offset]
        == (event.raw[24 : event.sections[-1].offset])
    )


def test_call_outs_can_be_replaced_and_taken_from_before(event):
    """A list of call-outs takes old ones as they are."""
    first, second = event.section("PS").callouts
    after = event.edit().set("PS", callouts=[second, {"priority": "M"}, first]).build()
    src = after.section("PS")
    assert [c.priority for c in src.callouts] == ["L", "M", "H"]
    assert src.callouts[2].raw == first.raw
    assert src.src_length == src.length - 8


def test_call_outs_can_be_added_to_a_section_without():
    """What says that they are there follows."""
    bare = build_event(sections=[("PS", {"reference_code": "B7006970"})])
    after = bare.edit().set("PS", callouts=CALLOUTS).build()
    assert after.section("PS").src_flags == 1
    assert len(after.section("PS").callouts) == 2


def test_sections_are_added_and_removed(event):
    """Section count and length follow."""
    edit = event.edit().add("HP", drc_index=5, before="UD").remove("UD", 1)
    after = edit.add("CH", comment="text").build()
    ids = [s.id for s in after.sections]
    assert ids == ["hdr", "exthdr", "PH", "UH", "PS", "MT", "HP", "UD", "CH"]
    assert after.section("PH").section_count == 7
    assert after.section("PH").raw[26] == 0x55


def test_what_is_not_there_or_does_not_fit_is_refused(event):
    """With the section, and how many there are."""
    for section_id, nth in [("XX", 0), ("UD", 2)]:
        with pytest.raises(NotFoundError, match=f"section {section_id} {nth}"):
            event.edit().remove(section_id, nth)
    with pytest.raises(ArgumentError, match="section UD -1"):
        event.edit().set("UD", -1, subtype=1)
    with pytest.raises(ArgumentError, match="section UH, field 'subsystem'"):
        event.edit().set("UH", subsystem=256)
    with pytest.raises(ArgumentError, match="no field 'nothing'"):
        event.edit().set("UH", nothing=256)
    with pytest.raises(EventError, match="PH first"):
        event.edit().remove("UH").build()


def test_edited_json_is_an_edited_event(event):
    """A number, a text that grows inside of a call-out, a section left out."""
    shape = json.loads(json.dumps(event.to_dict()))
    shape["sections"][3]["subsystem"] = 0x20
    shape["sections"][4]["callouts"][0]["location_code"] = "U5877.001.1234567-P1"
    del shape["sections"][6]
    after = pydlpar.event_from_dict(shape)
    assert after.section("UH").subsystem == 0x20
    first, second = after.section("PS").callouts
    assert first.location_code == "U5877.001.1234567-P1"
    assert first.location_length == 20
    assert first.first("ID").ccin == "2A3B"
    assert second.raw == event.section("PS").callouts[1].raw
    assert [s.id for s in after.sections][4:] == ["PS", "MT", "UD"]
    assert after.section("PH").section_count == 5
    assert after.section("PH").raw[26] == 0x55
    assert after.section("MT").raw == event.section("MT").raw


@pytest.mark.parametrize(
    "shape", [{}, {"sections": []}, {"sections": [{}]}, {"sections": "PH"}]
)
def test_dictionary_of_another_form_is_refused(shape):
    """A list of sections, each with its id."""
    with pytest.raises(ArgumentError, match="expected a"):
        pydlpar.event_from_dict(shape)


def test_damaged_event_comes_back_from_its_dictionary():
    """What could not be read is in `raw`."""
    event = pydlpar.decode_event(vectors.EPOW_SHUTDOWN[:-3], strict=False)
    assert pydlpar.event_from_dict(event.to_dict()).raw == event.raw


def test_pel_and_back(event):
    """A platform event log begins at PH and has no headers; edits keep it so."""
    pel = pydlpar.decode_pel(pydlpar.encode_pel(event))
    assert pel.raw == event.raw[24:]
    assert pydlpar.encode_pel(pel) == pel.raw
    assert pydlpar.event_from_dict(pel.to_dict()) == pel
    after = pel.edit().add("CH", comment="text").build()
    assert after.section("PH").section_count == 7
    with pytest.raises(ArgumentError, match="PH section"):
        pydlpar.encode_pel(pydlpar.decode_event(vectors.PRRN))
    with pytest.raises(ArgumentError, match="RTAS header"):
        pydlpar.encode_error_log(pel, 1)


@pytest.mark.parametrize("order", ["big", "little"])
def test_error_log_record_is_read_back(event, order):
    """Sequence number in the writer's byte order, zero fill to 2052 bytes."""
    record = pydlpar.encode_error_log(event, 7, order)
    assert len(record) == 2052
    (found,) = pydlpar.decode_log(record)
    assert (found.sequence, found.event) == (7, event)
    native = pydlpar.encode_error_log(event, 7)
    assert native == pydlpar.encode_error_log(event, 7, sys.byteorder)
    with pytest.raises(ArgumentError, match="32 bits"):
        pydlpar.encode_error_log(event, 1 << 32, order)
    with pytest.raises(ArgumentError, match="record of 20 bytes"):
        pydlpar.encode_error_log(event, 7, order, 20)

"""What is built reads back as it was asked for, or is refused with a reason."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
import rtas_vectors as vectors
from hypothesis import assume, given
from hypothesis import strategies as st
from places import CORPUS

import pydlpar
from pydlpar import ArgumentError, EventError, build_event, build_section
from pydlpar._ffi import ffi, lib
from pydlpar.constants import EventSeverity, EventType
from pydlpar.rtas_parts import build_part, record_table
from pydlpar.rtas_table import RtasSection, section_fields, section_number

SECTIONS = [
    "PH",
    "UH",
    "HP",
    "EP",
    "UD",
    "EH",
    "MT",
    "LR",
    "LP",
    "IE",
    "DH",
    "MC",
    "ED",
    "EI",
    "MI",
    "SW",
    "CH",
    "HM",
    "PS",
    "SS",
    "XY",
]
OLD = ["cpu", "mem", "io", "post", "epow", "ibm_diag", "sp", "vendor"]

text = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-. ", min_size=1).map(
    lambda s: s.strip() or "U1"
)


def words(longest: int) -> st.SearchStrategy[str]:
    return text.map(lambda s: s[:longest].strip() or "A")


def numbers(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, (1 << bits) - 1)


def some(**fields) -> st.SearchStrategy[dict]:
    """A mapping with any of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


part = st.fixed_dictionaries(
    {"id": st.just("ID")},
    optional={
        "component": numbers(4),
        "part_number": words(8),
        "ccin": words(4),
        "serial": words(12),
    },
)
procedure = st.fixed_dictionaries({"id": st.just("ID"), "procedure": words(8)})
enclosure = st.fixed_dictionaries(
    {"id": st.just("PE"), "model": words(8), "serial": words(12)},
    optional={"name": words(30)},
)
units = st.fixed_dictionaries(
    {
        "id": st.just("MR"),
        "units": st.lists(some(priority=st.sampled_from("HML"), unit_id=numbers(32))),
    }
).filter(lambda mr: len(mr["units"]) < 15)
unknown_sub = st.fixed_dictionaries(
    {"id": st.just("ZZ"), "data": st.sampled_from([b"", b"1234", b"12345678"])}
)
subs = st.one_of(part, procedure, enclosure, units, unknown_sub)
callout = st.fixed_dictionaries(
    {"priority": st.sampled_from("HMABCL")},
    optional={
        "type": numbers(4),
        "location_code": words(80),
        "substructures": st.lists(subs, max_size=2),
    },
)
src = some(
    src_version=numbers(8),
    hex_words=st.lists(numbers(32), min_size=8, max_size=8).map(tuple),
    reference_code=words(32),
    callouts=st.lists(callout, max_size=6),
)
reading = some(corrosion=numbers(32), temperature=numbers(16), rate=numbers(16))
FIELDS = {
    "PH": some(
        creator=st.sampled_from("CEHWLSBTMKP"),
        section_count=numbers(8),
        plid=numbers(32),
        entry_id=numbers(32),
        platform_data=st.binary(min_size=8, max_size=8),
        creator_component=numbers(16),
    ),
    "UH": some(
        subsystem=numbers(8),
        event_severity=numbers(8),
        event_type=numbers(8),
        action_flags=numbers(16),
    ),
    "EP": some(
        sensor_value=numbers(4),
        action=numbers(4),
        modifier=numbers(4),
        extended_modifier=numbers(8),
        reason_code=st.binary(min_size=8, max_size=8),
    ),
    "HP": st.one_of(
        some(drc_index=numbers(32), token=numbers(32), action=numbers(8)),
        some(count=numbers(32), drc_index=numbers(32), resource=numbers(8)),
        some(drc_name=words(60), token=numbers(32)),
    ),
    "PS": src,
    "SS": src,
    "MT": some(model=words(8), serial=words(12)),
    "HM": st.fixed_dictionaries({"model": words(8), "serial": words(12)}),
    "LR": some(
        resource=numbers(8),
        capacity=numbers(16),
        identifier=numbers(32),
        address_low=numbers(32),
    ),
    "LP": some(
        primary_partition=numbers(16),
        partition_id=numbers(32),
        name=words(60),
        targets=st.lists(numbers(16), max_size=9).map(tuple),
    ),
    "IE": st.one_of(
        some(event_type=numbers(8), scope=numbers(8), drc_index=numbers(32)),
        some(dump_size=numbers(64)),
        some(data=st.binary(max_size=216)),
    ),
    "DH": st.one_of(
        some(dump_id=numbers(32), size=numbers(64), file_name=words(40)),
        some(name_is_hex=st.just(1), name=st.binary(max_size=40)),
    ),
    "MC": some(
        processor=numbers(32),
        effective_address=numbers(64),
        logical_address_valid=numbers(1),
    ),
    "EH": some(model=words(8), firmware_version=words(16), symptom=words(80)),
    "ED": some(data_creator=st.sampled_from("EH"), data=st.binary(max_size=99)),
    "EI": some(first_time=numbers(64), readings=st.lists(reading, max_size=20)),
    "MI": some(flags=numbers(32)),
    "SW": st.one_of(
        some(return_code=numbers(32), line=numbers(32), file_name=words(60)),
        st.fixed_dictionaries(
            {"version": st.just(2)}, optional={"file_id": numbers(16)}
        ),
    ),
    "UD": some(data=st.binary(max_size=300), subtype=numbers(8)),
    "CH": some(comment=words(140)),
    "XY": some(data=st.binary(max_size=300)),
    "cpu": some(cpu_id=numbers(8), failing_address=numbers(64), internal=numbers(1)),
    "mem": some(element=numbers(16), bad_data=numbers(1)),
    "io": some(sending_vendor=numbers(16), bus_timeout=numbers(1)),
    "post": some(device_name=words(12), post_code=st.binary(min_size=4, max_size=4)),
    "epow": some(sensor_value=numbers(28), action=numbers(4), cuod=numbers(1)),
    "ibm_diag": some(event_id=numbers(32)),
    "sp": some(company=st.just("IBM"), timeout=numbers(1), sensor_token=numbers(32)),
    "vendor": st.fixed_dictionaries(
        {
            "vendor": st.just(b"IBM\0"),
            "location_codes": st.lists(
                words(20).map(lambda s: s.replace(" ", "-")), max_size=4
            ).map(tuple),
            "registers": st.lists(
                st.fixed_dictionaries(
                    {"register_id": st.just("02"), "data": st.binary(max_size=20)}
                ),
                max_size=3,
            ),
        }
    ),
}


def plain(value):
    """Records as mappings, for comparison."""
    if isinstance(value, RtasSection):
        value = dict(value)
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    return value


def contains(found, asked) -> bool:
    """Whether *found* has all that was *asked* for, at any depth."""
    if isinstance(asked, dict):
        return all(
            name in found and contains(found[name], asked[name]) for name in asked
        )
    if isinstance(asked, list):
        return len(found) == len(asked) and all(map(contains, found, asked))
    return found == asked


def test_every_kind_of_section_has_a_strategy():
    assert {*SECTIONS, *OLD} == FIELDS.keys()


@pytest.mark.parametrize("section_id", SECTIONS)
@given(data=st.data())
def test_section_reads_back_as_it_was_built(section_id, data):
    """Build, encode, decode, equal: each field given has its value, strictly."""
    asked = data.draw(FIELDS[section_id])
    event = build_event(sections=[(section_id, asked)])
    assert pydlpar.decode_event(event.to_bytes()) == event
    assert contains(plain(event.section(section_id)), plain(asked))
    if "section_count" not in asked:
        assert event.section("PH").section_count == len(event.sections) - 2
    assert event.section("hdr").ext_length == len(event.raw) - 8


@pytest.mark.parametrize("section_id", OLD)
@given(data=st.data())
def test_part_before_version_6_reads_back_as_it_was_built(section_id, data):
    """Bodies of versions 1 to 5 pick their format number themselves."""
    asked = data.draw(FIELDS[section_id])
    event = build_event(version=4, sections=[(section_id, asked)])
    assert [s.id for s in event.sections] == ["hdr", "exthdr", section_id]
    assert contains(plain(event.section(section_id)), plain(asked))


@pytest.mark.parametrize("section_id", [*SECTIONS, *OLD])
@given(data=st.data())
def test_fields_of_any_bytes_build_a_section_of_these_fields(section_id, data):
    """Whatever is read from a section can be written again."""
    number = section_number(section_id)
    least = len(build_section(section_id))
    raw = bytearray(data.draw(st.binary(min_size=least, max_size=least + 60)))
    if number < 0x10000:
        raw[:4] = section_id.encode() + len(raw).to_bytes(2, "big")
    # Dates have to be digits.
    for row in section_fields(section_id):
        if row.type in (lib.DLPAR_RTAS_DATE, lib.DLPAR_RTAS_TIME):
            raw[row.offset : row.offset + 4] = b"\x20\x26\x01\x02"
    section = RtasSection((0, len(raw), number), bytes(raw))
    fields = dict(section)
    # A name without an end is there, but no field.
    assume(section_id != "HP" or section.id_type != 1 or "drc_name" in section)
    built = build_part(section_id, fields).data
    again = RtasSection((0, len(built), number), built)
    assert plain(again) == plain(section)


def test_event_of_the_platform_has_what_it_needs():
    """Section count, lengths, list of call-outs: nothing has to be given."""
    event = build_event(
        EventType.PLATFORM_ERROR,
        EventSeverity.ERROR,
        [
            ("PS", {"reference_code": "B7006970", "callouts": [
                {"priority": "H", "location_code": "U5877.001-P1",
                 "ID": {"part_number": "45D1234", "ccin": "2A3B", "serial": "YL1"},
                 "PE": {"model": "9117-MMA", "serial": "10ABCDE", "name": "top"}},
                {"priority": "L", "ID": {"procedure": "FSPSP04"}},
            ]}),
            ("UD", {"data": b"\1\2\3"}),
        ],
        plid=0x50000001,
        time=datetime(2026, 1, 2, 3, 4, 5, 60000),
    )  # fmt: skip
    assert [s.id for s in event.sections] == ["hdr", "exthdr", "PH", "UH", "PS", "UD"]
    first, second = event.section("PS").callouts
    assert (first.type, first.identity_included, first.substructures_included) == (
        2,
        1,
        3,
    )
    assert first.first("ID").raw.hex() == (
        "49441c1d" + b"45D1234\0".hex() + b"2A3B".hex() + b"YL1".ljust(12, b"\0").hex()
    )
    assert first.first("PE").name == "top"
    assert second.first("ID").component == 4
    src = event.section("PS")
    assert (src.callouts_id, src.src_length) == (0xC0, src.length - 8)
    assert src.callouts_length * 4 == src.length - 80
    assert event.timestamp == datetime(2026, 1, 2, 3, 4, 5, 60000)
    assert event.plid == event.section("PH").entry_id == 0x50000001


def test_prrn_and_header_only():
    """A PRRN has its scope for a length; an event can be a header only."""
    event = build_event(EventType.PRRN, severity=0, scope=0x123)
    assert event.raw == vectors.PRRN
    assert build_event(version=6, headers=False).raw.hex() == "062000e000000000"


def test_vendor_registers_are_ended_as_their_list_demands():
    """A run of registers ends with a length of 2."""
    built = build_section(
        "vendor",
        vendor=b"IBM\0",
        location_codes=("U1-P1",),
        registers=[{"register_id": "02", "data": b"\1\2\3\4"}],
    )
    assert built[4:].hex() == b"U1-P1\0\0\0".hex() + "0008" + "3032" + "01020304" + (
        "00020000"
    )


@pytest.mark.parametrize(
    ("section_id", "fields", "says"),
    [
        ("UH", {"subsystem": 256}, "section UH, field 'subsystem' = 256.*0 to 0xff"),
        ("UH", {"subsystem": -1}, "section UH, field 'subsystem'.*0 to 0xff"),
        ("UH", {"nothing": 1}, "section UH: no field 'nothing'"),
        ("UH", {"subsystem": "ten"}, "field 'subsystem' = 'ten'"),
        ("PH", {"date": "2026-1-2"}, "field 'date'.*8 decimal digits"),
        ("PH", {"platform_data": b"123"}, "field 'platform_data'.*8 bytes"),
        ("PH", {"platform_data": "xyz"}, "field 'platform_data'.*8 bytes"),
        ("MT", {"model": "123456789"}, "field 'model'.*at most 8 ASCII"),
        ("MT", {"model": "a\0b"}, "field 'model'.*without NUL"),
        ("PS", {"hex_words": (1,) * 9}, "field 'hex_words'.*at most 8 numbers"),
        ("PS", {"src_flags": 0, "callouts": [{}]}, "field 'callouts"),
        ("PS", {"callouts": [{"ID": {"ccin": "12345"}}]}, "section ID, field 'ccin'"),
        ("PS", {"callouts": [{"location_code": "U" * 300}]}, "'location_code'"),
        ("PS", {"callouts": [{"location_code": "U" * 252}]}, "section callout"),
        ("PS", {"callouts": [7]}, "callout 7, expected a mapping"),
        ("PS", {"callouts": [{"substructures": [{}]}]}, "expected an id"),
        ("PS", {"callouts": 7}, "field 'callouts' = 7.*list of records 'callout'"),
        ("PS", {"callouts": [b"\4 H\0" + b"1"]}, "field 'callouts'.*list of records"),
        ("HP", {"id_type": 2, "count": 1}, "field '(count|id_type)'"),
        ("EP", {"version": 1, "extended_modifier": 1}, "'version'|'extended"),
        ("UD", {"length": 4}, "field 'length' = 4"),
        ("UD", {"data": bytes(65530)}, "section UD"),
        ("UD", {"data": bytes(8), "length": 12}, "field 'data'"),
        ("UDX", {}, "section 'UDX', expected two characters"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(section_id, fields, says):
    """The error says section, field, value and what was expected."""
    with pytest.raises(ArgumentError, match=says):
        build_section(section_id, **fields)


def test_events_that_are_none_are_refused():
    """Order, parts of another version, a scope where there is none."""
    with pytest.raises(EventError, match="PH first"):
        build_event(sections=["UD", "PH"])
    with pytest.raises(ArgumentError, match="part 'PS' before version 6"):
        build_event(version=3, sections=["PS"])
    with pytest.raises(ArgumentError, match="scope"):
        build_event(scope=1)


def test_sections_of_another_event_are_taken_as_they_are():
    """Ready bytes and decoded sections are not built anew."""
    event = pydlpar.decode_event(vectors.MEMORY_ADD_INDEXED)
    again = build_event(
        event.type,
        event.severity,
        [event.section("exthdr"), *(s.raw for s in event.sections[2:])],
        disposition=event.disposition,
        initiator=event.initiator,
    )
    assert again == event


def _native(inputs, cap=1024, blob=b"abc", number=lib.DLPAR_RTAS_MT):
    out, at = ffi.new("uint8_t[]", cap), ffi.new("size_t *", 99)
    rows = ffi.new("struct dlpar_rtas_input[]", inputs)
    n = len(inputs)
    return lib.dlpar_rtas_section_build(
        out, cap, at, number, rows, n, blob, len(blob)
    ), at[0]


@given(st.data())
def test_native_builder_stays_within_its_room(data):
    """Any rows with any values: a section that fits, or a documented error."""
    numbers_of_tables = [section_number(name) for name in [*SECTIONS, *OLD, "callout"]]
    one = st.tuples(
        st.sampled_from([0, 1, 4, 255, 65535, 2**64 - 1]),
        st.integers(0, 30),
        st.integers(0, 70),
        st.integers(0, 70),
    )
    inputs = data.draw(st.lists(one, max_size=12))
    number = data.draw(st.sampled_from(numbers_of_tables))
    cap = data.draw(st.integers(256, 400))
    rc, _ = _native(inputs, cap, bytes(range(1, 100)), number)
    allowed = (lib.DLPAR_ERR_BADARG, lib.DLPAR_ERR_NOSPACE)
    assert 0 < rc <= cap or rc in allowed


def test_native_builder_checks_what_it_is_given():
    """A row or bytes that are not there: the input is named, nothing read."""
    bad = lib.DLPAR_ERR_BADARG
    assert _native([]) == (28, 99)
    assert _native([(0, 5, 0, 3)]) == (28, 99)
    assert _native([(0, 5, 0, 3), (0, 999, 0, 0)]) == (bad, 1)
    assert _native([(0, 5, 1, 3)]) == (bad, 0)
    assert _native([(0, 5, 4, 0)]) == (bad, 0)
    assert _native([(0, 5, 2**32 - 1, 2)]) == (bad, 0)
    assert _native([], cap=lib.DLPAR_RTAS_BUILD_MIN - 1)[0] == lib.DLPAR_ERR_NOSPACE
    assert _native([(0, 5, 0, 300)], 300, bytes(300), lib.DLPAR_RTAS_UD)[0] == (
        lib.DLPAR_ERR_NOSPACE
    )


def _cases():
    path = CORPUS / "rtas" / "cases.json"
    if not path.exists():
        return []
    found = json.loads(path.read_text())["events"]
    return [(c["name"], bytes.fromhex(c["hex"])) for c in found if c["expect"]["ok"]]


def _decode(data):
    return (pydlpar.decode_pel if data[:2] == b"PH" else pydlpar.decode_event)(data)


@pytest.mark.skipif(not _cases(), reason="no corpus")
def test_dictionary_of_a_real_event_gives_it_back():
    """With `raw` byte by byte; without, every field."""
    for name, data in _cases():
        event = _decode(data)
        shape = json.loads(json.dumps(event.to_dict()))
        assert pydlpar.event_from_dict(shape) == event, name
        del shape["raw"]
        built = pydlpar.event_from_dict(shape)
        for ours, theirs in zip(built.sections, event.sections, strict=True):
            assert plain(ours) == plain(theirs), name


@pytest.mark.skipif(not _cases(), reason="no corpus")
def test_every_section_and_record_of_real_events_can_be_built_again():
    """Their fields alone give a section of the same fields."""
    for name, data in _cases():
        todo = list(_decode(data).sections)
        while todo:
            section = todo.pop()
            built = build_part(section.id, dict(section), record_table(section)).data
            again = RtasSection((0, len(built), section.number), built)
            assert plain(again) == plain(section), (name, section)
            for value in section.values():
                if isinstance(value, tuple):
                    todo += [each for each in value if isinstance(each, RtasSection)]

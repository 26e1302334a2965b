"""Events are found in what carries them, and read there as they are alone."""

from __future__ import annotations

import itertools
import json

import places
import pytest
import rtas_vectors as v
from hypothesis import given
from hypothesis import strategies as st

import pydlpar
from pydlpar import decode_event, decode_log, decode_pel, detect_log
from pydlpar._ffi import ffi, lib
from pydlpar.constants import Carrier

CORPUS = places.CORPUS / "rtas"
PEL = v.MEMORY_ADD_INDEXED[24:]
IPMI = bytes.fromhex("0000df00 00000020 0004ffff 6faa0000")
BIG, LITTLE = Carrier.ERROR_LOG_BIG, Carrier.ERROR_LOG_LITTLE
NAMED = {BIG: "big", LITTLE: "little"}


def record(event, sequence, order, size=2052):
    """As Linux gives it: number, event, zeros."""
    return (sequence.to_bytes(4, order) + event).ljust(size, b"\0")


def events_of(data, kind=None, **more):
    return [each.event.raw for each in decode_log(data, kind, **more)]


def test_events_back_to_back():
    data = b"".join([v.MEMORY_ADD_INDEXED, v.PRRN, v.V3_EPOW, v.HEADER_ONLY])
    records = list(decode_log(data))
    assert [r.carrier for r in records] == [Carrier.RTAS] * 4
    assert [r.sequence for r in records] == [None] * 4
    assert [r.offset for r in records] == [0, 116, 124, 172]
    assert b"".join(r.event.raw for r in records) == data


def test_zeros_behind_the_last_event_are_fill():
    assert events_of(v.CPU_REMOVE_INDEX + bytes(908)) == [v.CPU_REMOVE_INDEX]
    assert events_of(v.PRRN + bytes(100)) == [v.PRRN]


def test_an_event_that_begins_at_ph_has_no_headers():
    event = decode_pel(PEL)
    assert [s.id for s in event.sections] == ["PH", "UH", "HP"]
    assert [s.offset for s in event.sections] == [0, 48, 72]
    assert event.hotplug == decode_event(v.MEMORY_ADD_INDEXED).hotplug
    assert event.timestamp == decode_event(v.MEMORY_ADD_INDEXED).timestamp
    assert event.raw == event.to_bytes() == PEL
    nothing = (event.version, event.type, event.severity, event.disposition)
    assert (*nothing, event.initiator, event.target) == (None,) * 6
    assert event.extended is False
    assert event.scope is None
    assert "without headers" in repr(event)
    assert event.replace("PH", plid=9).plid == 9


def test_ph_says_how_many_sections_follow():
    """So what follows them is not part of the event."""
    assert decode_pel(PEL + PEL).raw == PEL
    assert events_of(PEL + PEL + bytes(44)) == [PEL, PEL]


def test_esel_is_a_pel_behind_sixteen_bytes():
    (only,) = decode_log(IPMI + PEL)
    assert (only.carrier, only.sequence, only.offset) == (Carrier.ESEL, None, 16)
    assert only.event.raw == PEL
    assert events_of((IPMI + PEL) * 2) == [PEL, PEL]


@pytest.mark.parametrize("kind", [BIG, LITTLE])
@pytest.mark.parametrize("size", [256, 1028, 2052])
def test_error_log_records_of_either_byte_order(kind, size):
    """Size and order are found where they are not given."""
    events = [v.CPU_REMOVE_INDEX, v.EPOW_SHUTDOWN, v.MEMORY_ADD_INDEXED, v.HP_ONLY]
    for first in (0, 1, 254, 0xFFFE, 0xFFFFFF):
        data = b"".join(
            record(event, n, NAMED[kind], size) for n, event in enumerate(events, first)
        )
        for records in (
            list(decode_log(data)),
            list(decode_log(data, kind, record_length=size)),
        ):
            assert [r.carrier for r in records] == [kind] * 4
            assert [r.sequence for r in records] == list(range(first, first + 4))
            assert [r.offset for r in records] == [n * size + 4 for n in range(4)]
            assert [r.event.raw for r in records] == events


def test_one_record_needs_no_fill():
    data = record(v.HP_ONLY, 7, "big", 0)
    assert [(r.carrier, r.sequence) for r in decode_log(data)] == [(BIG, 7)]
    assert events_of(data, BIG) == [v.HP_ONLY]


def test_last_record_may_lack_its_fill():
    data = record(v.HP_ONLY, 1, "big") + record(v.CPU_REMOVE_INDEX, 2, "big", 0)
    assert events_of(data) == [v.HP_ONLY, v.CPU_REMOVE_INDEX]
    assert detect_log(data) is BIG


@pytest.mark.parametrize(
    "data", [b"", b"abc", bytes(64), b"PH" + bytes(46), b"hello, world", b"\xff" * 200]
)
def test_what_carries_no_event_is_refused(data):
    with pytest.raises(pydlpar.EventError):
        detect_log(data)


def test_what_follows_a_pel_is_ignored_unless_it_is_another():
    """OPAL's files have a fixed size, and more than zeros behind the log."""
    assert events_of(PEL + b"TESTSRC4") == [PEL]
    assert events_of(IPMI + PEL + b"TESTSRC4" * 9) == [PEL]


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5])
def test_a_given_carrier_is_not_detected(kind):
    """So what it cannot hold is damage, not another carrier."""
    with pytest.raises(pydlpar.EventError) as caught:
        list(decode_log(b"\0" * 7, Carrier(kind)))
    assert 0 <= caught.value.offset <= 16
    assert list(decode_log(b"", Carrier(kind))) == []


def test_damage_has_its_row_and_its_place_in_the_log():
    bad = v.event(v.section(b"UD", b"", length=7))
    data = v.HP_ONLY + bad + v.CPU_REMOVE_INDEX
    with pytest.raises(pydlpar.EventError, match=r"record 1, .* byte 44") as caught:
        list(decode_log(data))
    assert (caught.value.row, caught.value.offset) == (1, 44 + 24)
    assert caught.value.code == lib.DLPAR_ERR_SECTION
    events = [r.event for r in decode_log(data, strict=False)]
    assert [bool(e.damage) for e in events] == [False, True, False]
    assert events[2].raw == v.CPU_REMOVE_INDEX


def test_events_before_the_damage_come_first():
    found = decode_log(v.HP_ONLY + v.event(bytes(8)))
    assert next(found).event.raw == v.HP_ONLY
    with pytest.raises(pydlpar.EventError):
        next(found)


PEL_DAMAGED = [
    (b"", "TRUNCATED", 0),
    (b"PH\0\x30", "TRUNCATED", 0),
    (v.HP_ONLY, "FORMAT", 0),
    (PEL[:72], "TRUNCATED", 72),
    (PEL[:-1], "BADLENGTH", 72),
    (PEL[:48], "TRUNCATED", 48),
    (PEL[:27] + b"\1" + PEL[28:], "SECTORDER", 48),
    (PEL[:27] + b"\4" + PEL[28:], "TRUNCATED", 92),
    (PEL[:72] + bytes(20), "SECTION", 72),
]


@pytest.mark.parametrize(("data", "code", "offset"), PEL_DAMAGED)
def test_damaged_pel(data, code, offset):
    with pytest.raises(pydlpar.EventError) as caught:
        decode_pel(data)
    assert caught.value.code == getattr(lib, f"DLPAR_ERR_{code}")
    assert caught.value.offset == offset
    tolerant = decode_pel(data, strict=False)
    assert tolerant.damage.offset == offset
    assert all(s.offset + s.length <= offset for s in tolerant.sections)


def test_carriers_of_c_refuse_what_is_none():
    carried = ffi.new("struct dlpar_rtas_carried *")
    for carrier, size in ((0, 0), (6, 0), (BIG, 7)):
        rc = lib.dlpar_rtas_log_next(carried, carrier, size, v.HP_ONLY, 44)
        assert rc == lib.DLPAR_ERR_BADARG


def all_of(data, kind, strict):
    return list(decode_log(data, kind, strict=strict))


@given(st.binary(max_size=200), st.sampled_from(list(Carrier)), st.booleans())
def test_any_bytes_end_in_events_or_an_error(data, kind, strict):
    """Each record takes some bytes, so the log comes to its end."""
    records, error = v.attempt(all_of, data, kind, strict)
    if error:
        assert 0 <= error.offset <= len(data)
    else:
        ends = [r.offset + len(r.event.raw) for r in records]
        assert all(end <= len(data) for end in ends)
        assert ends == sorted(ends)


@given(st.binary(max_size=64))
def test_any_bytes_behind_good_headers(data):
    for log in (PEL[:72] + data, IPMI + PEL[:72] + data, b"\0\0\0\1" + v.HEAD + data):
        records, error = v.attempt(all_of, log, None, True)
        assert records or 0 <= error.offset <= len(log)


def contents(file):
    if not CORPUS.is_dir():
        pytest.skip("no corpus: set PYDLPAR_CORPUS")
    return (CORPUS / file).read_bytes()


def cases(kind):
    return json.loads(contents("cases.json"))[kind]


def test_records_that_linux_gave():
    for case in cases("stream"):
        data = contents(case["file"])
        (only,) = decode_log(data)
        assert NAMED[only.carrier] == case["byteorder"]
        assert only.sequence == case["sequence"]
        assert only.event.raw.hex() == case["event_hex"]
        assert len(data) == case["record_length"]


def test_records_that_linux_gave_as_one_stream():
    data = b"".join(contents(case["file"]) for case in cases("stream")[:2])
    records = list(decode_log(data))
    assert [(r.carrier, r.sequence) for r in records] == [(LITTLE, 1), (LITTLE, 2)]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("opal-pel/raw/0x07.pel", "pel_opal_0x07"),
        ("opal-pel/raw/0x5034a000.pel", "pel_opal_0x5034a000"),
        ("opal-pel/raw/0x5034a000.esel", "pel_opal_0x5034a000"),
        ("opal-pel/raw/0x5055ed2e.pel", "pel_opal_0x5055ed2e"),
        ("bmc-pel/2022031117262324_8900011F.pel", "pel_bmc_8900011F"),
    ],
)
def test_platform_logs_are_those_of_the_wrapped_cases(file, name):
    """Bare, of 16 KiB with zeros behind, or as an extended SEL record."""
    (only,) = decode_log(contents(file))
    (case,) = (each for each in cases("events") if each["name"] == name)
    assert only.event.raw.hex() == case["hex"][48:]
    assert only.carrier is (Carrier.ESEL if file.endswith("esel") else Carrier.PEL)


def test_a_log_with_nothing_but_its_private_header():
    data = contents("opal-pel/raw/0x50000004.pel")
    (only,) = decode_log(data, strict=False)
    assert [s.id for s in only.event.sections] == ["PH"]
    assert only.event.section("PH").entry_id == 0x50000004
    assert only.event.damage.code == lib.DLPAR_ERR_SECTORDER


# Outputs of opal-elog-parse, the files they are of, and which of our fields
# each label is.
PARSED = {
    "006": "opal-pel/raw/0x5055ed2e.pel",
    "007": "opal-pel/raw/0x5034a000.pel",
    "011": "opal-pel/raw/0x07.pel",
    "013": "opal-pel/raw/0x5034a000.esel",
}
LABELS = {
    ("PH", "Platform Log Id"): lambda s: f"0x{s.plid:x}",
    ("PH", "Entry ID"): lambda s: f"0x{s.entry_id:x}",
    ("PH", "Section Count"): lambda s: str(s.section_count),
    ("PS", "SRC Version"): lambda s: f"0x{s.src_version:x}",
    ("PS", "Valid Word Count"): lambda s: f"0x{s.word_count:x}",
    ("PS", "Primary Reference Code"): lambda s: s.reference_code,
    ("PS", "Hex Words 2 - 5"): lambda s: " ".join(f"{w:08X}" for w in s.hex_words[:4]),
    ("PS", "Hex Words 6 - 9"): lambda s: " ".join(f"{w:08X}" for w in s.hex_words[4:]),
    ("PS", "Callout Count"): lambda s: str(len(s.callouts)),
    ("PS", "Location Code"): lambda s: s.callouts[0].location_code,
    ("PS", "Part Number"): lambda s: s.callouts[0].first("ID").part_number,
    ("PS", "CCIN"): lambda s: s.callouts[0].first("ID").ccin,
    ("PS", "Machine Type Model"): lambda s: s.callouts[0].first("PE").model,
    ("PS", "PCE"): lambda s: s.callouts[0].first("PE").name,
    ("EH", "Machine Type Model"): lambda s: s.model,
    ("EH", "Serial Number"): lambda s: s.serial,
    ("EH", "FW Released Ver"): lambda s: s.firmware_version,
    ("EH", "FW SubSys Version"): lambda s: s.subsystem_version,
    ("EH", "Symptom Id Len"): lambda s: str(s.symptom_length),
    ("EH", "Symptom Id"): lambda s: s.symptom,
    ("MT", "Machine Type Model"): lambda s: s.model,
    ("MT", "Serial Number"): lambda s: s.serial,
}


def printed(text):
    """Sections of an output: their id, and the pairs of label and value."""
    pairs, section = [], None
    for line in text.splitlines():
        label, colon, value = line.strip("|").partition(":")
        if not colon:
            continue
        label, value = label.strip(), value.strip()
        if label == "Section Version":
            section = value.partition("(")[2].rstrip(")")
            pairs.append((section, []))
        elif section:
            pairs[-1][1].append((label, value))
    return pairs


@pytest.mark.parametrize("number", sorted(PARSED))
def test_platform_logs_are_read_as_another_tool_printed_them(number):
    name = f"opal-pel/expected/test-opal-elog-parse-{number}.result.out"
    expected = printed(contents(name).decode())
    (only,) = decode_log(contents(PARSED[number]))
    sections = only.event.sections
    assert [s.id for s in sections] == [name for name, _ in expected]
    compared = set()
    for section, (name, pairs) in zip(sections, expected, strict=True):
        for label, group in itertools.groupby(pairs, key=lambda pair: pair[0]):
            value = next(iter(group))[1]
            if (name, label) in LABELS:
                assert LABELS[name, label](section) == value, (name, label)
                compared.add((name, label))
    assert len(compared) >= 12

"""Real and synthesised events of the corpus are read as its cases say.

The cases are the work of an independent decoder; `SECTIONS` maps its names to
ours. Sections without a table of their own are compared by place and length.
"""

from __future__ import annotations

import json

import places
import pytest
import rtas_vectors as v

from pydlpar import decode_event, decode_events, events_from_hex, hotplug_event
from pydlpar._ffi import lib

CORPUS = places.CORPUS / "rtas"
if not CORPUS.is_dir():
    pytest.skip("no corpus: set PYDLPAR_CORPUS", allow_module_level=True)

CASES = json.loads((CORPUS / "cases.json").read_text())
EVENTS = {case["name"]: case for case in CASES["events"]}
GOOD = sorted(name for name, case in EVENTS.items() if case["expect"]["ok"])

CODES = {
    "bad-company-id": lib.DLPAR_ERR_FORMAT,
    "length-exceeds-buffer": lib.DLPAR_ERR_TRUNCATED,
    "missing-section": lib.DLPAR_ERR_SECTORDER,
    "section-length": lib.DLPAR_ERR_SECTION,
    "section-order": lib.DLPAR_ERR_SECTORDER,
    "section-overrun": lib.DLPAR_ERR_BADLENGTH,
}
# Damage inside of the call-outs of a PS section, which has no table yet: the
# section is whole, and kept as it is.
NOT_JUDGED = {"bad_fru_len0", "bad_id_flags"}
BAD = sorted(set(EVENTS) - set(GOOD) - NOT_JUDGED)

SAME = {
    "hdr": "version severity disposition extended initiator target type",
    "exthdr": "valid unrecoverable recoverable predictive platform_specific "
    "platform_value non_hardware group_failure residual boot post",
    "PH": "platform_data plid",
    "UH": "event_severity event_type platform_data",
    "HP": "action count drc_index drc_name token non_transactional",
    "EP": "sensor_value extended_modifier reason_code",
    "MT": "model",
    "LR": "resource capacity",
    "MC": "fru_id",
    "IE": "event_type rpc_length scope drc_index",
    "DH": "size_valid",
}
RENAMED = {
    "hdr": {"ext_log_length": "ext_length"},
    "exthdr": {
        "unrecoverable_bypassed": "bypassed",
        "newlog": "new",
        "bigendian": "big_endian",
        "power_pc": "powerpc",
        "addr_invalid": "address_invalid",
        "format_type": "format",
        "hot_plug": "hot_pluggable",
        "config_change": "config_changed",
    },
    "PH": {
        "creator_id": "creator",
        "scn_count": "section_count",
        "log_entry_id": "entry_id",
    },
    "UH": {
        "subsystem_id": "subsystem",
        "event_data": "event_scope",
        "action": "action_flags",
    },
    "HP": {
        "hp_type": "resource",
        "identifier": "id_type",
        "capability": "capabilities",
    },
    "EP": {"action_code": "action", "event_modifier": "modifier"},
    "MT": {"serial_no": "serial"},
    "LR": {"id_or_index_or_addr_hi": "identifier", "addr_lo": "address_low"},
    "MC": {
        "processor_id": "processor",
        "mc_type": "error_type",
        "detail": "error_detail",
    },
    "IE": {"subtype": "event_subtype", "rpc_data": "data"},
    "DH": {
        "id": "dump_id",
        "location": "sent_to_hmc",
        "fname_type": "name_is_hex",
        "id_len": "name_length",
        "os_id": "name",
    },
    "vendor": {"vendor_id": "vendor", "vendor_data": "data"},
}
SECTIONS = {
    kind: {**{n: n for n in SAME.get(kind, "").split()}, **RENAMED.get(kind, {})}
    for kind in {*SAME, *RENAMED}
}
HEADER = {
    "id": "id",
    "length": "length",
    "version": "version",
    "subtype": "subtype",
    "creator_comp_id": "creator_component",
}
# Where the pairs of digits of the case's date and time stand in ours.
BCD = {
    "date_year": ("date", 0, 4),
    "date_month": ("date", 4, 6),
    "date_day": ("date", 6, 8),
    "time_hour": ("time", 0, 2),
    "time_minutes": ("time", 2, 4),
    "time_seconds": ("time", 4, 6),
    "time_hundredths": ("time", 6, 8),
}


def data_of(name):
    return bytes.fromhex(EVENTS[name]["hex"])


def compare(section, case):
    """One section against one of the case's; how many values were compared."""
    plain = section.to_dict()
    pairs = [(case.get("offset", 0), section.offset)]
    names = SECTIONS.get(section.id, {})
    for name, value in case.items():
        if name in names:
            pairs.append((value, plain.get(names[name])))
        elif name in BCD and section.id in ("exthdr", "PH"):
            field, start, end = BCD[name]
            pairs.append((f"{value:0{end - start}x}", plain[field][start:end]))
    for name, value in case.get("v6hdr", {}).items():
        pairs.append((value, plain[HEADER[name]]))
    assert [ours for _, ours in pairs] == [theirs for theirs, _ in pairs]
    return len(pairs)


@pytest.mark.parametrize("name", GOOD)
def test_event_is_read_as_its_case_says(name):
    data, expect = data_of(name), EVENTS[name]["expect"]
    event = decode_event(data)
    assert len(event.raw) == expect["event_length"]
    assert [s.id for s in event.sections] == [c["kind"] for c in expect["sections"]]
    for section, case in zip(event.sections, expect["sections"], strict=True):
        assert compare(section, case) >= (7 if section.id in SAME else 1)
    assert event.to_bytes() == data[: len(event.raw)]


@pytest.mark.parametrize("kind", sorted(SECTIONS))
def test_every_name_of_the_adapter_is_in_some_case(kind):
    """A misspelt name would compare nothing."""
    seen = {
        name
        for case in CASES["events"]
        for section in case["expect"].get("sections", [])
        if section["kind"] == kind
        for name in section
    }
    assert set(SECTIONS[kind]) - seen <= {"drc_name"}


@pytest.mark.parametrize("name", GOOD)
def test_private_header_has_the_cases_timestamp(name):
    for case in EVENTS[name]["expect"]["sections"]:
        if case["kind"] == "PH":
            stamp = decode_event(data_of(name)).timestamp
            text = (
                stamp and f"{stamp:%Y-%m-%dT%H:%M:%S}.{stamp.microsecond // 10000:02}"
            )
            assert text == case["timestamp"]


@pytest.mark.parametrize("name", BAD)
def test_malformed_event_gets_the_same_verdict(name):
    expect = EVENTS[name]["expect"]
    _, error = v.attempt(decode_event, data_of(name))
    assert error is not None
    assert error.code == CODES[expect["error"]]
    assert expect["offset"] in (None, error.offset)


@pytest.mark.parametrize("name", sorted(NOT_JUDGED))
def test_malformed_call_outs_leave_the_walk_whole(name):
    event = decode_event(data_of(name))
    assert [s.id for s in event.sections] == ["hdr", "exthdr", "PH", "UH", "PS"]


def test_the_corpus_as_one_batch():
    """All events with an end of their own, in one call."""
    raws = [data_of(name) for name in GOOD if len(data_of(name)) >= 8]
    table = decode_events(b"".join(raws))
    assert table.length.tolist() == [len(raw) for raw in raws]
    assert [event.raw for event in table] == raws


QEMU = [name for name in GOOD if name.startswith("qemu_") and "epow" not in name]


@pytest.mark.parametrize("name", QEMU)
def test_qemu_events_are_built_anew_to_the_byte(name):
    """On an x86-64 host, so the PLID is little-endian."""
    event = decode_event(data_of(name))
    plid = int.from_bytes(event.plid.to_bytes(4, "big"), "little")
    built = hotplug_event(event.hotplug, plid, event.timestamp, "little")
    assert built == event.raw


FILES = {
    case["file"]: case["events"]
    for case in CASES["files"]
    if (CORPUS / case["file"]).suffix in ("", ".txt")
}


@pytest.mark.parametrize("file", sorted(FILES))
def test_dump_files_hold_the_events_of_their_cases(file):
    table = decode_events(events_from_hex((CORPUS / file).read_text()))
    expected = [e.get("hex") or EVENTS[e["case"]]["hex"] for e in FILES[file]]
    assert [event.raw.hex() for event in table] == expected


# A lost line cannot be made good; every other wrapping can.
LOST = {"missing_line"}


@pytest.mark.parametrize("case", CASES["text"], ids=lambda case: case["name"])
def test_wrapped_dumps_give_their_events_or_an_error(case):
    data, error = v.attempt(events_from_hex, case["text"])
    assert (error is not None) == (case["name"] in LOST)
    if data:
        events = [event.raw.hex() for event in decode_events(data)]
        assert events == [e["hex"] for e in case["expect"]]


@pytest.mark.parametrize("case", CASES["stream"], ids=lambda case: case["name"])
def test_error_log_records_hold_an_event_behind_their_number(case):
    record = (CORPUS / case["file"]).read_bytes()
    event = decode_event(memoryview(record)[4:])
    assert event.raw.hex() == case["event_hex"]


def test_fragment_of_a_dump_is_refused_at_its_first_line():
    text = (CORPUS / "fragments/p630-syslog-tail.txt").read_text()
    _, error = v.attempt(events_from_hex, text)
    assert "lines 1 to 19, event 15: a line is lost: 46 found" in str(error)

"""Real and synthesised events of the corpus are read as its cases say.

The cases are the work of an independent decoder; `rtas_adapter` has its names.
Every name of every section is compared.
"""

from __future__ import annotations

import json

import places
import pytest
import rtas_adapter as adapter
import rtas_vectors as v

from pydlpar import decode_event, decode_events, events_from_hex, hotplug_event
from pydlpar._ffi import lib

CORPUS = places.CORPUS / "rtas"
if not CORPUS.is_dir():
    pytest.skip("no corpus: set PYDLPAR_CORPUS", allow_module_level=True)

CASES = json.loads((CORPUS / "cases.json").read_text())
EVENTS = {case["name"]: case for case in CASES["events"]}
GOOD = sorted(name for name, case in EVENTS.items() if case["expect"]["ok"])
BAD = sorted(set(EVENTS) - set(GOOD))

CODES = {
    "bad-company-id": lib.DLPAR_ERR_FORMAT,
    "callout-overrun": lib.DLPAR_ERR_RECORD,
    "length-exceeds-buffer": lib.DLPAR_ERR_TRUNCATED,
    "missing-section": lib.DLPAR_ERR_SECTORDER,
    "section-length": lib.DLPAR_ERR_SECTION,
    "section-order": lib.DLPAR_ERR_SECTORDER,
    "section-overrun": lib.DLPAR_ERR_BADLENGTH,
}
# Names of a case that say what kind of section it is, or are compared apart.
APART = {"kind", "offset", "v6hdr", "timestamp"}


def data_of(name):
    return bytes.fromhex(EVENTS[name]["hex"])


def table_of(kind):
    return "SRC" if kind in ("PS", "SS") else kind


def compare(section, case):
    """One section against one of the case's."""
    kind = case["kind"]
    assert (section.id, section.offset) == (kind, case.get("offset", 0))
    found = adapter.theirs(section, table_of(kind))
    said = {name: value for name, value in case.items() if name not in APART}
    assert {name: found[name] for name in said} == said
    if "v6hdr" in case:
        assert adapter.header_of(section) == case["v6hdr"]


@pytest.mark.parametrize("name", GOOD)
def test_event_is_read_as_its_case_says(name):
    data, expect = data_of(name), EVENTS[name]["expect"]
    event = decode_event(data)
    assert len(event.raw) == expect["event_length"]
    assert len(event.sections) == len(expect["sections"])
    for section, case in zip(event.sections, expect["sections"], strict=True):
        compare(section, case)
    assert event.to_bytes() == data[: len(event.raw)]


def test_the_adapter_has_no_name_that_no_case_has():
    """A misspelt name would compare nothing."""
    seen = {}
    for case in CASES["events"]:
        for section in case["expect"].get("sections", []):
            seen.setdefault(table_of(section["kind"]), set()).update(section)
            if section["kind"] == "vendor":
                registers = section.get("registers", [])
                seen.setdefault("register", set()).update(*registers)
            for fru in section.get("frus", []):
                seen.setdefault("callout", set()).update(fru)
                for sub in fru["subs"]:
                    seen.setdefault(sub["id"], set()).update(sub)
                    seen.setdefault("unit", set()).update(*sub.get("mrus", []))
    for kind, names in seen.items():
        assert adapter.names_of(kind) == names - APART, kind


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


@pytest.mark.parametrize("name", ["bad_fru_len0", "bad_id_flags"])
def test_damaged_call_outs_leave_what_stands_before(name):
    """The section is there, with what of its list is sound."""
    event = decode_event(data_of(name), strict=False)
    assert [s.id for s in event.sections] == ["hdr", "exthdr", "PH", "UH", "PS"]
    source = event.section("PS")
    assert source.reference_code
    for callout in source.callouts:
        assert callout.offset < event.damage.offset
        assert callout.substructures == ()


def test_the_corpus_as_one_batch():
    """All events with an end of their own, in one call."""
    raws = [data_of(name) for name in GOOD if len(data_of(name)) >= 8]
    table = decode_events(b"".join(raws))
    assert table.length.tolist() == [len(raw) for raw in raws]
    assert [event.raw for event in table] == raws


# What servicelog printed of a call-out, and which of our fields it is.
PRINTED = {
    "Priority": ("callout", "priority"),
    "Procedure Id": ("ID", "procedure"),
    "Location": ("callout", "location_code"),
    "FRU": ("ID", "part_number"),
    "Serial": ("ID", "serial"),
    "CCIN": ("ID", "ccin"),
}
OUTPUTS = sorted(
    path.stem
    for path in (CORPUS / "ppc64-diag/expected").glob("*.out")
    if path.stem.startswith("v6") and "<< Callout" in path.read_text(errors="replace")
)


def printed_callouts(name):
    """Every call-out of an output, as label and value."""
    path = CORPUS / "ppc64-diag/expected" / f"{name}.out"
    for block in path.read_text(errors="replace").split("<< Callout")[1:]:
        pairs = (line.strip() for line in block.split("\n\n")[0].splitlines()[1:])
        yield dict(split_label(line) for line in pairs)


def split_label(line):
    label, colon, value = line.partition(":")
    if not colon:
        label, _, value = line.partition(" ")
    return label.strip(), value.strip()


@pytest.mark.parametrize("name", OUTPUTS)
def test_call_outs_are_those_that_servicelog_stored(name):
    event = decode_event(data_of(name))
    expected = list(printed_callouts(name))
    for callout, printed in zip(event.section("PS").callouts, expected, strict=True):
        holders = {"callout": callout, "ID": callout.first("ID") or {}}
        for label, (holder, field) in PRINTED.items():
            assert holders[holder].get(field, "") == printed[label], label


def test_some_samples_have_an_output_with_call_outs():
    assert len(OUTPUTS) == 8


def test_locations_before_version_6_are_those_that_servicelog_stored():
    codes = decode_event(data_of("v4_io_bus_failure")).section("vendor").location_codes
    printed = printed_callouts("v4_io_bus_failure")
    assert list(codes) == [each["Location"] for each in printed]


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
    assert "line 1: RTAS 46, expected RTAS 0" in str(error)

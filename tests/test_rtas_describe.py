"""The line and the page say what the event holds, all of it, in their width."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
import rtas_vectors as vectors
from hypothesis import given
from hypothesis import strategies as st
from places import CORPUS

import pydlpar
from pydlpar import build_event, decode_event
from pydlpar.constants import EventSeverity
from pydlpar.rtas_describe import hex_dump


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (
            vectors.MEMORY_ADD_INDEXED,
            "2026-01-02 03:04:05.00  hotplug (event): "
            "memory add, 4 from index 0x80000010",
        ),
        (
            vectors.CPU_REMOVE_INDEX,
            "2026-01-02 03:04:05.00  hotplug (event): CPU remove, index 0x10000008",
        ),
        (
            vectors.EPOW_SHUTDOWN,
            "2026-01-02 03:04:05.00  environment or power warning (event): "
            "system shutdown (normal shutdown), this partition",
        ),
        (vectors.PRRN, "no time  resource reassignment (no error): scope 0x00000123"),
        (
            vectors.SUMMARY,
            "no time  uncorrected ECC error (fatal): nothing else is known",
        ),
        (
            vectors.V3_EPOW,
            "2002-12-31 12:34:56.78  environment or power warning (event): "
            "main enclosure loses power",
        ),
    ],
)
def test_summary_says_when_what_and_where(data, line):
    """Time, type, severity, what happened and to what."""
    assert decode_event(data).summary() == line


@pytest.mark.parametrize(
    ("fields", "end"),
    [
        ({"drc_name": "Slot C4"}, "unknown (0x00) unknown (0x00), connector Slot C4"),
        ({"resource": 2, "action": 1, "count": 3}, "memory add, count 3"),
        ({"resource": 9, "action": 7, "drc_index": 1}, ", index 0x00000001"),
        ({"id_type": 9}, "identifier kind unknown (0x09)"),
    ],
)
def test_summary_of_hotplug_names_what_it_is_about(fields, end):
    """Name, index or count, by its identifier."""
    assert build_event(sections=[("HP", fields)]).summary().endswith(end)


def test_summary_of_an_error_has_code_and_first_call_out():
    """Reference code, its meaning, and the call-out that comes first."""
    event = build_event(
        severity=EventSeverity.ERROR,
        sections=[
            ("UH", {"subsystem": 0x30, "event_severity": 0x40}),
            ("PS", {"reference_code": "BA188002", "callouts": [
                {"priority": "H", "location_code": "U5877-P1"},
                {"priority": "L", "ID": {"procedure": "FSPSP04"}}]}),
        ],
        time=datetime(2026, 1, 2, 3, 4, 5),
    )  # fmt: skip
    assert event.summary() == (
        "2026-01-02 03:04:05.00  platform error (error): I/O hub, bridge or bus, "
        "unrecoverable; BA188002 (EEH: an I/O adapter failed and could not be "
        "recovered) at U5877-P1 (mandatory) and 1 more"
    )


@pytest.mark.parametrize(
    ("section_id", "fields", "part"),
    [
        ("DH", {"subtype": 2, "dump_id": 5}, "platform system dump 0x00000005"),
        ("LR", {"resource": 0x41, "identifier": 5}, "memory block (LMB) 0x00000005"),
        ("IE", {"event_type": 1, "drc_index": 5}, "error detected, index 0x00000005"),
        ("MC", {"error_type": 1, "processor": 5}, "SLB error, CPU 0x5"),
        ("cpu", {"internal": 1, "io_timeout": 1}, "CPU error: internal, io timeout"),
        ("mem", {}, "Memory error"),
        ("ibm_diag", {"event_id": 5}, "diagnostic event 0x00000005"),
        ("vendor", {"vendor": b"IBM\0", "location_codes": ("U1", "U2")}, "at U1 U2"),
        ("vendor", {"data": b"1234"}, "vendor data, 8 bytes"),
    ],
)
def test_summary_of_each_section_that_says_something(section_id, fields, part):
    """What stands in the section is in the line."""
    version = 6 if section_id.isupper() else 3
    event = build_event(version=version, sections=[(section_id, fields)])
    assert event.summary().endswith(part)


def test_page_has_every_field_in_columns():
    """Name, value, meaning; single bits by name; offsets of the sections."""
    lines = decode_event(vectors.MEMORY_ADD_INDEXED).describe().splitlines()
    assert "Hotplug request (HP) at 0x0060, 20 bytes, version 1" in lines
    assert "    resource                0x02                memory" in lines
    assert "    count                   0x00000004" in lines
    assert "    bits set                valid, new, big_endian, powerpc" in lines
    assert "    date                    20260102            2026-01-02" in lines


def test_page_shows_bytes_that_no_field_speaks_of():
    """Reserved bytes that are not zero, padding, and what follows the damage."""
    raw = bytearray(vectors.MEMORY_ADD_INDEXED)
    raw[0x18 + 26] = 0x55
    raw[0x48 + 20] = 0x66
    page = decode_event(raw).describe()
    assert "other bytes             0x1a: 55" in page
    assert "other bytes             0x14: 66" in page
    assert "other bytes             0x04: 12, 0x05: 34, 0x06: 56, 0x07: 78" in (
        decode_event(vectors.HEADER_ONLY).describe()
    )


def test_page_of_a_damaged_event_has_all_its_bytes():
    """The damage in words, and a dump of what could not be read."""
    event = decode_event(vectors.EPOW_SHUTDOWN[:-3], strict=False)
    page = event.describe()
    assert event.summary().endswith("[damaged]")
    assert "Damaged: " in page
    assert "0060  45500014 02000000 03010100 00000000" in page


def test_unknown_section_is_dumped():
    """Its bytes as digits and text."""
    page = build_event(sections=[("XY", {"data": b"0123456789abcdefgh"})]).describe()
    assert "Section without a table (XY) at" in page
    assert "        0000  30313233 34353637 38396162 63646566  0123456789abcdef" in page


def test_dump_stars_lines_that_repeat():
    """As other dumps do; the last line is always there."""
    lines = list(hex_dump(bytes(80) + b"x", "  ", 0x20))
    zero = "00000000 00000000 00000000 00000000  ................"
    assert lines == [f"  0020  {zero}", "  *", f"  0070  {'78':35}  x"]
    assert len(list(hex_dump(bytes(16)))) == 1
    assert list(hex_dump(b"")) == []


def _texts(event):
    return event.summary(), event.describe()


@given(st.data())
def test_any_bytes_give_a_line_and_a_page_that_print(data):
    """Damaged ones, too: no control characters, no line above 100 columns."""
    base = bytearray(data.draw(st.sampled_from(vectors.ALL)))
    for _ in range(data.draw(st.integers(0, 6))):
        base[data.draw(st.integers(1, len(base) - 1))] = data.draw(st.integers(0, 255))
    line, page = _texts(decode_event(base, strict=False))
    assert line.isprintable()
    assert all(len(each) <= 100 and each.isprintable() for each in page.splitlines())


@pytest.mark.skipif(not (CORPUS / "rtas").exists(), reason="no corpus")
def test_real_events_are_described_in_full():
    """No section falls back on its bytes; every text of it is on the page."""
    for case in json.loads((CORPUS / "rtas" / "cases.json").read_text())["events"]:
        raw = bytes.fromhex(case["hex"])
        decode = pydlpar.decode_pel if raw[:2] == b"PH" else decode_event
        event = decode(raw, False)
        line, page = _texts(event)
        assert line.isprintable(), case["name"]
        assert all(len(each) <= 100 for each in page.splitlines()), case["name"]
        if not case["expect"]["ok"]:
            continue
        assert "its bytes" not in page, case["name"]
        for section in event.sections:
            for value in section.values():
                if isinstance(value, str) and value.isprintable() and len(value) < 50:
                    assert value.strip() in page, (case["name"], section, value)

"""Columns say what the events say, row by row, with the same verdicts."""

from __future__ import annotations

import gc
import json
from datetime import datetime, timedelta

import pytest
import rtas_vectors as v
from hypothesis import given
from hypothesis import strategies as st
from places import CORPUS

import pydlpar
from pydlpar import EventTable, decode_event, decode_events
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
    TextFault,
)
from pydlpar.rtas_batch import event_columns

FILE = CORPUS / "rtas" / "cases.json"
CASES = json.loads(FILE.read_text())["events"] if FILE.exists() else []
needs_corpus = pytest.mark.skipif(not CASES, reason="corpus/rtas/cases.json is absent")
STREAM = b"".join(v.ALL) + v.SUMMARY


def test_columns_of_known_events():
    table = decode_events(STREAM)
    assert len(table) == 8
    assert table.offset.tolist() == [0, 116, 232, 348, 392, 400, 408, 456]
    assert table.length.tolist() == [116, 116, 116, 44, 8, 8, 48, 4]
    assert table.type.tolist() == [229, 229, 64, 229, 226, 160, 64, 9]
    sections = [has & 0x3FFFFF for has in table.has]
    assert sections == [7, 7, 11, 4, 0, 0, lib.DLPAR_RTAS_ROW_V5, 0]
    assert table.drc_index.tolist()[:4] == [0x80000010, 0x10000008, 0, 0x80000003]
    assert table.count.tolist()[:4] == [4, 0, 0, 0]
    assert table.resource.tolist() == [2, 1, 0, 2, 0, 0, 0, 0]
    assert table.action.tolist()[:4] == [1, 2, 0, 2]
    assert table.id_type.tolist()[:4] == [4, 2, 0, 2]
    assert table.epow_action.tolist()[:4] == [0, 0, 3, 0]
    assert table.epow_modifier.tolist()[:4] == [0, 0, 1, 0]
    assert table.date.tolist()[:4] == [0x20260102] * 3 + [0]
    assert table.time.tolist()[:4] == [0x03040500] * 3 + [0]
    assert table.severity.tolist() == [1, 1, 1, 1, 2, 0, 1, 5]
    assert table.disposition.tolist()[:4] == [2, 2, 2, 2]
    assert table.initiator.tolist() == [6, 6, 0, 6, 0, 0, 0, 1]


def test_plid_token_and_capabilities_have_columns():
    request = pydlpar.HotplugSection(1, 1, 2, 5, token=9, transactional=False)
    table = decode_events(pydlpar.hotplug_events([request] * 3, plid=40))
    assert table.plid.tolist() == [40, 41, 42]
    assert table.token.tolist() == [9, 9, 9]
    assert table.capabilities.tolist() == [0xC0] * 3


def test_rows_are_events():
    table = decode_events(STREAM)
    assert [event.raw for event in table] == [*v.ALL, v.SUMMARY]
    assert table[-1].raw == v.SUMMARY
    assert table[1] == decode_event(v.CPU_REMOVE_INDEX)
    with pytest.raises(IndexError):
        table[8]
    assert repr(table) == "<EventTable of 8 events, 460 bytes>"


def test_no_bytes_are_no_events():
    table = decode_events(b"")
    assert len(table) == 0
    assert list(table) == []
    assert table.drc_index.tolist() == []


def test_columns_cannot_be_written():
    with pytest.raises(TypeError):
        decode_events(v.HP_ONLY).drc_index[0] = 1


def test_the_input_may_change_afterwards():
    data = bytearray(v.HP_ONLY)
    table = decode_events(data)
    data[:] = bytes(len(data))
    assert table[0].raw == v.HP_ONLY
    data.clear()  # no view of it is left behind


@pytest.mark.parametrize(
    ("damaged", "code", "offset"),
    [
        (v.HP_ONLY[:-1], "TRUNCATED", 4),
        (bytes(16), "BADVERSION", 0),
        (v.event(v.section(b"UD", b"", length=0)), "SECTION", 24),
        (b"\x06\x34", "TRUNCATED", 0),
    ],
)
def test_damage_has_a_row_and_a_place_in_the_input(damaged, code, offset):
    data = v.HP_ONLY + v.PRRN + damaged
    with pytest.raises(pydlpar.EventError, match="event 2") as caught:
        decode_events(data)
    assert caught.value.code == getattr(lib, f"DLPAR_ERR_{code}")
    assert (caught.value.row, caught.value.offset) == (2, 52 + offset)


@given(st.lists(st.sampled_from(v.ALL), max_size=8), st.integers(0, 800), st.data())
def test_a_batch_is_judged_as_its_events_are(events, cut, data):
    """Cut anywhere and with a byte flipped: same rows, or the same error."""
    raw = bytearray(b"".join(events))[:cut]
    if raw:
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    raw = bytes(raw)
    rows, position, failure = [], 0, None
    while position < len(raw) and failure is None:
        event, error = v.attempt(decode_event, raw[position:])
        if error:
            failure = (error.code, position + error.offset, len(rows))
        else:
            rows.append((position, event))
            position += len(event.raw)
    table, error = v.attempt(decode_events, raw)
    if error:
        assert (error.code, error.offset, error.row) == failure
        return
    assert failure is None
    assert table.offset.tolist() == [offset for offset, _ in rows]
    for row, (_, event) in enumerate(rows):
        hotplug = event.hotplug
        assert table[row] == event
        assert table.type[row] == event.type
        assert table.drc_index[row] == ((hotplug and hotplug.drc_index) or 0)
        assert table.count[row] == ((hotplug and hotplug.count) or 0)
        assert table.plid[row] == (event.plid or 0)


def test_too_few_rows_are_said_to_be_too_few():
    """C fills what there is room for and says where the rest begins."""
    columns = ffi.new("struct dlpar_rtas_columns *")
    keep = []
    for column in event_columns():
        pointer = getattr(columns, column.name)
        memory = ffi.new("uint64_t[]", 2)
        keep.append(memory)
        setattr(columns, column.name, ffi.cast(ffi.typeof(pointer), memory))
    rows, offset = ffi.new("size_t *"), ffi.new("size_t *")
    rc = lib.dlpar_rtas_decode_columns(columns, 2, rows, offset, STREAM, len(STREAM), 0)
    assert rc == lib.DLPAR_ERR_NOSPACE
    assert (rows[0], offset[0]) == (2, 232)
    assert columns.drc_index[1] == 0x10000008
    unknown = lib.dlpar_rtas_decode_columns(columns, 2, rows, offset, STREAM, 8, 2)
    assert unknown == lib.DLPAR_ERR_BADARG


def test_every_column_of_c_is_an_attribute():
    names = {name for name, _ in ffi.typeof("struct dlpar_rtas_columns").fields}
    assert {column.name for column in event_columns()} == names
    assert names <= set(EventTable.__slots__)
    table = decode_events(STREAM)
    for column in event_columns():
        view = getattr(table, column.name)
        assert (len(view), view.nbytes) == (8, 8 * column.width)
        assert view.readonly
    with pytest.raises(AttributeError, match="no_such"):
        _ = table.no_such


def test_a_column_outlives_its_table():
    """The memory is freed with the last view of it."""
    column = decode_events(v.CPU_REMOVE_INDEX * 1000).drc_index
    gc.collect()
    assert column.tolist() == [0x10000008] * 1000


def test_words_are_the_names_of_the_enumerations():
    enums = {
        "type": EventType,
        "severity": EventSeverity,
        "disposition": EventDisposition,
        "initiator": EventParty,
        "target": EventParty,
        "resource": Resource,
        "action": Action,
        "id_type": IdType,
        "epow_action": EpowAction,
        "epow_modifier": EpowModifier,
        "fault": TextFault,
    }
    columns = {column.name: column for column in event_columns() if column.words}
    assert columns.keys() == enums.keys()
    for name, enum in enums.items():
        words = {i: word for i, word in enumerate(columns[name].words) if word}
        if name == "fault":
            assert words.pop(lib.DLPAR_TEXT_GOOD) == "none"
        assert words == {int(member): member.name.lower() for member in enum}


def _judged(event, table, row):
    """Whether a row says what its event says."""
    parts = {section.id: section for section in reversed(event.sections)}
    uh, ps, ph = parts.get("UH"), parts.get("PS"), parts.get("PH")
    stamp = None
    if table.has[row] & lib.DLPAR_RTAS_ROW_TIMESTAMP:
        stamp = datetime(1970, 1, 1) + timedelta(milliseconds=table.timestamp[row])
    assert stamp == event.timestamp
    if uh:
        assert table.subsystem[row] == uh.subsystem
        assert table.event_severity[row] == uh.event_severity
        assert table.event_type[row] == uh.event_type
        assert table.action_flags[row] == uh.action_flags
    if ph:
        assert chr(table.creator[row]).strip("\0") == ph.creator
        assert table.entry_id[row] == ph.entry_id
    code = table.reference_code.tobytes()[8 * row : 8 * row + 8]
    place = None
    if ps:
        assert code.decode().rstrip("\0 ") == ps.reference_code[:8].rstrip()
        callouts = ps.get("callouts") or ()
        place = (callouts[0].get("location_code") or None) if callouts else None
    assert (table.location_code_at(row) or None) == place
    for name in ("PS", "SS", "MT", "LR", "LP", "IE", "DH", "MC", "EH", "ED", "EI"):
        bit = getattr(lib, f"DLPAR_RTAS_ROW_{name}")
        assert bool(table.has[row] & bit) == (name in parts)


@needs_corpus
def test_rows_say_what_events_say():
    """Over the whole corpus, damaged events included."""
    for case in CASES:
        data = bytes.fromhex(case["hex"])
        table = decode_events(data, strict=False)
        assert sum(table.length) == len(data)
        for row in range(len(table)):
            event = table[row]
            _judged(event, table, row)
            assert table.damage[row] == (event.damage.code if event.damage else 0)
            if event.damage:
                offset = table.offset[row] + event.damage.offset
                assert table.damage_offset[row] == offset


def test_one_damaged_event_does_not_lose_the_rest():
    bad = v.event(v.section(b"UD", b"", length=0))
    table = decode_events(v.HP_ONLY + bad + v.CPU_REMOVE_INDEX, strict=False)
    assert table.damaged == [1]
    assert table.damage.tolist() == [0, lib.DLPAR_ERR_SECTION, 0]
    assert table.damage_offset[1] == len(v.HP_ONLY) + 24
    assert table[1].damage.offset == 24
    assert table.drc_index[2] == 0x10000008
    assert table.raw_at(1) == bad


def test_an_event_that_leaves_the_input_is_its_last_row():
    table = decode_events(v.HP_ONLY + v.HP_ONLY[:-1], strict=False)
    assert table.damage.tolist() == [0, lib.DLPAR_ERR_TRUNCATED]
    assert table.length.tolist() == [44, 43]


@given(st.binary(max_size=200))
def test_tolerant_decoding_takes_any_bytes(data):
    """Rows cover the input, whatever it is."""
    table = decode_events(data, strict=False)
    assert sum(table.length) == len(data)
    for row, code in enumerate(table.damage):
        assert table[row].damage is None or code == table[row].damage.code


@pytest.mark.parametrize(
    ("date", "time", "expected"),
    [
        ("20240229", "23595999", datetime(2024, 2, 29, 23, 59, 59, 990000)),
        ("19000301", "00000000", datetime(1900, 3, 1)),
        ("00010101", "00000001", datetime(1, 1, 1, 0, 0, 0, 10000)),
        ("99991231", "12000000", datetime(9999, 12, 31, 12)),
        ("20230229", "00000000", None),
        ("19000229", "00000000", None),
        ("20230431", "00000000", None),
        ("00000101", "00000000", None),
        ("20231301", "00000000", None),
        ("20230001", "00000000", None),
        ("20230100", "00000000", None),
        ("20230101", "24000000", None),
        ("20230101", "00600000", None),
        ("20230101", "00006000", None),
        ("2023010a", "00000000", None),
        ("a0230101", "00000000", None),
        ("20230101", "0000000b", None),
    ],
)
def test_timestamps_are_dates_or_none(date, time, expected):
    data = bytearray(v.CPU_REMOVE_INDEX)
    data[0x20:0x28] = bytes.fromhex(date + time)
    table = decode_events(data)
    _judged(table[0], table, 0)
    assert table[0].timestamp == expected

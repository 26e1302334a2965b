"""Columns say what the events say, row by row, with the same verdicts."""

from __future__ import annotations

import pytest
import rtas_vectors as v
from hypothesis import given
from hypothesis import strategies as st

import pydlpar
from pydlpar import decode_event, decode_events
from pydlpar._ffi import ffi, lib

STREAM = b"".join(v.ALL) + v.SUMMARY


def test_columns_of_known_events():
    table = decode_events(STREAM)
    assert len(table) == 8
    assert table.offset.tolist() == [0, 116, 232, 348, 392, 400, 408, 456]
    assert table.length.tolist() == [116, 116, 116, 44, 8, 8, 48, 4]
    assert table.type.tolist() == [229, 229, 64, 229, 226, 160, 64, 9]
    assert table.has.tolist() == [7, 7, 11, 4, 0, 0, 0, 0]
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
    for name, field in ffi.typeof("struct dlpar_rtas_columns").fields:
        keep.append(ffi.new(f"{field.type.item.cname}[]", 2))
        setattr(columns, name, keep[-1])
    rows, offset = ffi.new("size_t *"), ffi.new("size_t *")
    rc = lib.dlpar_rtas_decode_columns(columns, 2, rows, offset, STREAM, len(STREAM))
    assert rc == lib.DLPAR_ERR_NOSPACE
    assert (rows[0], offset[0]) == (2, 232)
    assert columns.drc_index[1] == 0x10000008

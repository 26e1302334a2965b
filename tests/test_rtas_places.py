"""Texts and logs of any kind as tables: a row an event, and where it was found."""

from __future__ import annotations

import gzip
import io

import pytest
import rtas_vectors as v
import text_forms as forms
from hypothesis import given
from hypothesis import strategies as st
from places import CORPUS

import pydlpar
from pydlpar import decode_text, read_logs, scan_text
from pydlpar._ffi import ffi, lib
from pydlpar.constants import Carrier, TextFault
from pydlpar.rtas import event_columns
from pydlpar.rtas_places import Gathered

PEL = v.CPU_REMOVE_INDEX[24:]
IPMI = bytes.fromhex("0000df00 00000020 0004ffff 6faa0000")
NOISE = "Jan  2 03:04:05 host sshd[1]: accepted\n"


def log(*events, prefix="Jan  2 03:04:05 host kernel: "):
    lines = [forms.as_log(raw, prefix, n) for n, raw in enumerate(events)]
    return "".join(f"{line}\n" for event in lines for line in event)


def record(event, sequence, order="big", size=2052):
    return (sequence.to_bytes(4, order) + event).ljust(size, b"\0")


def columns_of(table):
    """All columns but those that say where, as lists."""
    where = {"offset", "damage_offset", "source", "place", "line", "has"}
    return {
        column.name: getattr(table, column.name).tolist()
        for column in event_columns()
        if column.name not in where
    }


@pytest.mark.parametrize("form", [str, str.encode, io.StringIO, str.splitlines])
def test_a_text_gives_the_columns_of_its_events(form):
    """As `decode_events` of their bytes; whatever the text comes as."""
    text = NOISE + log(*v.ALL) + NOISE
    source = form(text)
    if isinstance(source, list):
        source = [f"{line}\n" for line in source]
    table = decode_text(source)
    assert columns_of(table) == columns_of(pydlpar.decode_events(b"".join(v.ALL)))
    assert [event.raw for event in table] == v.ALL
    found = list(scan_text(text))
    assert table.line.tolist() == [item.first_line for item in found]
    assert table.place.tolist() == [item.start for item in found]


def test_an_empty_text_is_an_empty_table():
    assert len(decode_text("")) == 0
    assert len(decode_text(NOISE)) == 0


def test_damaged_lines_are_rows_that_say_why():
    """With no event, no fixed part, and what is wrong as a word."""
    lost = log(v.EPOW_SHUTDOWN).replace("RTAS 2:", "RTAS 3:", 1)
    text = log(v.HP_ONLY) + lost + log(v.PRRN)
    table = decode_text(text, strict=False)
    assert table.damaged == [1]
    assert table.fault.tolist() == [0, TextFault.LOST, 0]
    assert table.damage[1] == lib.DLPAR_ERR_TEXT
    assert table.has[1] == lib.DLPAR_RTAS_ROW_LINE | lib.DLPAR_RTAS_ROW_DAMAGED
    assert (table.length[1], table.raw_at(1)) == (0, b"")
    assert table.line[1] == 1 + len(forms.as_log(v.HP_ONLY))
    event = table[1]
    assert (event.raw, event.sections) == (b"", ())
    assert str(event.damage).startswith(f"line {table.line[1]}: no event: lost")
    assert [each.raw for each in table] == [v.HP_ONLY, b"", v.PRRN]


def test_strict_reading_tells_the_lines():
    text = NOISE + log(v.EPOW_SHUTDOWN).replace("RTAS 2:", "RTAS 3:", 1)
    with pytest.raises(pydlpar.EventError, match=r"lines 2 to 11.*a line is lost") as e:
        decode_text(text)
    assert e.value.code == lib.DLPAR_ERR_TEXT
    assert e.value.offset == len(NOISE)


def test_strict_reading_refuses_a_damaged_event_in_sound_lines():
    bad = bytearray(v.MEMORY_ADD_INDEXED)
    bad[98] = 0xFF  # length of the HP section
    with pytest.raises(pydlpar.EventError) as caught:
        decode_text(log(v.PRRN, bytes(bad)))
    assert caught.value.row == 1
    table = decode_text(log(v.PRRN, bytes(bad)), strict=False)
    assert table.damaged == [1]
    assert table.fault.tolist() == [0, 0]
    assert table[1].damage is not None


@given(st.lists(st.sampled_from(v.ALL), max_size=9), st.data())
def test_tables_and_objects_agree_on_any_cut_text(events, data):
    """Lines left out at random: each event and each damage is one row."""
    lines = log(*events).splitlines(keepends=True)
    kept = [line for line in lines if data.draw(st.integers(0, 9))]
    text = "".join(kept)
    found = list(scan_text(text))
    table = decode_text(text, strict=False)
    assert [table.raw_at(i) for i in range(len(table))] == [
        getattr(item, "raw", b"") for item in found
    ]
    assert table.fault.tolist() == [getattr(item, "fault", 0) for item in found]
    assert table.line.tolist() == [item.first_line for item in found]


@pytest.fixture
def folder(tmp_path):
    """A file of each kind; the fourth letter of its name says how many events."""
    files = {
        "a-1.pel": PEL,
        "b-2.esel": (IPMI + PEL) * 2,
        "c-2.error_log": record(v.HP_ONLY, 7) + record(v.PRRN, 8),
        "d-3.little": b"".join(record(v.HP_ONLY, n, "little") for n in (1, 2, 3)),
        "e-7.bin": b"".join(v.ALL),
        "f-2.log": (NOISE + log(v.HP_ONLY, v.PRRN)).encode(),
        "g-2.log.gz": gzip.compress((NOISE + log(v.HP_ONLY, v.PRRN)).encode()),
        "h-1.hex": v.CPU_REMOVE_INDEX.hex(" ", 4).encode(),
        "i-1.bin.gz": gzip.compress(PEL),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def test_every_kind_of_file_is_read(folder):
    """With its name, and the place and the line in it."""
    stream = read_logs(folder, strict=True)
    (table,) = stream
    rows = [
        (table.sources[source].rsplit("/", 1)[1], place, line)
        for source, place, line in zip(
            table.source, table.place, table.line, strict=True
        )
    ]
    counts = [(name[0], int(name[2])) for name in sorted({row[0] for row in rows})]
    assert [letter for letter, _ in counts] == list("abcdefghi")
    assert len(table) == sum(count for _, count in counts)
    places = {}
    for name, place, line in rows:
        places.setdefault(name[0], []).append((place, line))
    head = len(forms.as_log(v.HP_ONLY))
    behind = len(log(v.HP_ONLY))
    assert places["a"] == [(0, 0)]
    assert places["b"] == [(16, 0), (32 + len(PEL), 0)]
    assert places["c"] == [(4, 0), (2056, 0)]
    assert places["d"] == [(4, 0), (2056, 0), (4108, 0)]
    assert places["f"] == [(len(NOISE), 2), (len(NOISE) + behind, 2 + head)]
    assert places["g"] == places["f"]
    assert places["h"] == [(0, 1)]
    assert stream.rejected == []


def test_a_log_without_rtas_headers_has_rows(folder):
    """The fixed part is not there, so its columns have no value; the rest is."""
    (table,) = read_logs(folder / "a-1.pel")
    assert table.has[0] & lib.DLPAR_RTAS_ROW_HEADLESS
    assert not table.has[0] & lib.DLPAR_RTAS_ROW_HEADER
    assert table.drc_index.tolist() == [0x10000008]
    assert table[0] == pydlpar.decode_pel(PEL)
    whole = pydlpar.decode_events(v.CPU_REMOVE_INDEX)
    for name in ("timestamp", "plid", "creator", "resource", "action", "subsystem"):
        assert getattr(table, name)[0] == getattr(whole, name)[0]


def test_a_rest_that_is_no_record_is_a_damaged_row(tmp_path):
    """Also of a carrier; what stands before it is sound."""
    (tmp_path / "esel").write_bytes((IPMI + PEL) + (IPMI + PEL)[:40])
    (tmp_path / "log").write_bytes(record(v.HP_ONLY, 1) + record(v.PRRN, 2)[:6])
    (table,) = read_logs(tmp_path)
    assert table.damaged == [1, 3]
    assert table.damage[3] == lib.DLPAR_ERR_TRUNCATED


def test_what_cannot_be_read_is_set_aside_and_the_rest_goes_on(folder):
    """Damaged gzip data behind sound events, a strange file, one that is gone."""
    packed = (folder / "g-2.log.gz").read_bytes()
    (folder / "g-2.log.gz").write_bytes(packed[:-5])
    (folder / "z").write_bytes(b"\x7fELF\0\0\0" * 9)
    (folder / "y.txt").write_text("nothing\n")
    stream = read_logs([folder, folder / "e-7.bin"])
    (folder / "h-1.hex").unlink()
    (table,) = stream
    assert len(table) == 2 + 18 + 7
    assert [(path.name, type(error).__name__) for path, error in stream.rejected] == [
        ("g-2.log.gz", "EventError"),
        ("h-1.hex", "FileNotFoundError"),
        ("y.txt", "EventError"),
        ("z", "EventError"),
    ]
    texts = [str(error) for _, error in stream.rejected]
    assert "it ends early" in texts[0]
    assert "no RTAS event in the text" in texts[2]
    assert texts[3] == "neither RTAS events nor text"
    with pytest.raises(pydlpar.EventError, match=r"g-2\.log\.gz: damaged gzip"):
        list(read_logs(folder, strict=True))


def test_a_table_ends_within_a_long_text(tmp_path):
    """So memory is bounded by a table and a piece, not by a file."""
    path = tmp_path / "messages"
    path.write_text((NOISE * 100 + log(v.EPOW_SHUTDOWN)) * 1000)
    tables = list(read_logs(path, batch_bytes=1 << 16))
    assert len(tables) > 2
    assert sum(map(len, tables)) == 1000
    lines = [line for table in tables for line in table.line]
    step = 100 + len(forms.as_log(v.EPOW_SHUTDOWN))
    assert lines == [101 + n * step for n in range(1000)]


def test_a_reader_of_ones_own(tmp_path):
    """It gives events back to back; places count in what it gives."""
    (tmp_path / "x").write_bytes(b"magic" + v.HP_ONLY + v.PRRN)
    (table,) = read_logs(tmp_path, reader=lambda data: data[5:])
    assert table.place.tolist() == [0, len(v.HP_ONLY)]
    assert table.sources == (str(tmp_path / "x"),)


@pytest.mark.parametrize(("offset", "length"), [(44, 1), (45, 0), (0, 45)])
def test_places_beyond_the_input_are_refused(offset, length):
    place = ffi.new("struct dlpar_rtas_place[1]")
    place[0].offset, place[0].length = offset, length
    out = ffi.new("struct dlpar_rtas_batch **")
    row, err = ffi.new("size_t *"), ffi.new("size_t *")
    given = out, row, err, v.HP_ONLY, len(v.HP_ONLY), place, 1
    assert lib.dlpar_rtas_batch_places(*given, 0) == lib.DLPAR_ERR_BADARG
    place[0].offset = place[0].length = 0
    assert lib.dlpar_rtas_batch_places(*given, 2) == lib.DLPAR_ERR_BADARG


@given(st.binary(max_size=300), st.sampled_from(list(Carrier)), st.integers(8, 99))
def test_any_bytes_are_rows_of_any_carrier(data, kind, size):
    """Every byte is within some record, or the record's fill; none is read twice."""
    gathered = Gathered(strict=False)
    gathered.log(data, kind, size, "f")
    table = gathered.table()
    ends = 0
    for offset, length in zip(table.offset, table.length, strict=True):
        assert ends <= offset <= offset + length <= len(data)
        ends = offset + length
    assert [event.damage is not None for event in table] == [
        bool(code) for code in table.damage
    ]


@pytest.mark.skipif(not (CORPUS / "rtas").exists(), reason="corpus/rtas is absent")
def test_the_corpus_is_read_whole():
    """What is damaged or rejected is what is known to be."""
    folder = CORPUS / "rtas"
    parts = [folder / "ppc64-diag" / "events", folder / "opal-pel", folder / "bmc-pel"]
    stream = read_logs([*parts, folder / "qemu"])
    tables = list(stream)
    headless = sum(
        bool(has & lib.DLPAR_RTAS_ROW_HEADLESS) for t in tables for has in t.has
    )
    assert headless > 0
    rejected = [path.name for path, _ in stream.rejected]
    logs = [name for name in rejected if name.endswith((".pel", ".esel"))]
    assert logs == ["0x01.pel", "0x05.pel"]

"""Tables as Arrow: what consumers get, and that memory is freed once.

The structs are looked at by hand, as a consumer in C does, so that most of this
runs without any Arrow library; with one, it judges.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import threading
from pathlib import Path

import pytest
import rtas_vectors as v
from places import CORPUS

import pydlpar
from pydlpar import decode_events, read_logs
from pydlpar._ffi import ffi, lib
from pydlpar.rtas_batch import event_columns

STREAM = b"".join(v.ALL)
STATM = Path("/proc/self/statm")
EVENTS = CORPUS / "rtas" / "ppc64-diag" / "events"
needs_events = pytest.mark.skipif(not EVENTS.exists(), reason="corpus/rtas is absent")

_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)
_NAMES = {
    "struct ArrowSchema *": b"arrow_schema",
    "struct ArrowArray *": b"arrow_array",
    "struct ArrowArrayStream *": b"arrow_array_stream",
}


def opened(capsule, kind):
    """The struct in a capsule; the capsule is to be kept."""
    return ffi.cast(kind, _pointer(capsule, _NAMES[kind]))


def array_of(table):
    """Schema and array of a table, and the capsules that own them."""
    capsules = table.__arrow_c_array__()
    schema = opened(capsules[0], "struct ArrowSchema *")
    return schema, opened(capsules[1], "struct ArrowArray *"), capsules


def texts(array):
    """The strings of an array, None where null."""
    offsets = ffi.cast("int32_t *", array.buffers[1])
    start = ffi.cast("char *", array.buffers[2])
    found = []
    for i in range(array.length):
        size = offsets[i + 1] - offsets[i]
        data = ffi.buffer(start + offsets[i], size)[:].decode("utf-8")
        found.append(data if is_valid(array, i) else None)
    return found


def is_valid(array, i):
    if array.buffers[0] == ffi.NULL:
        return True
    bits = ffi.cast("uint8_t *", array.buffers[0])
    return bool(bits[i // 8] >> i % 8 & 1)


def column_of(schema, array, name):
    """One column, by name."""
    for i in range(schema.n_children):
        if ffi.string(schema.children[i].name).decode() == name:
            return schema.children[i], array.children[i]
    raise LookupError(name)


def words_of(schema, array, name):
    """A dictionary column as words."""
    _, column = column_of(schema, array, name)
    words = texts(column.dictionary)
    indexes = ffi.cast("uint8_t *", column.buffers[1])
    return [
        words[indexes[i]] if is_valid(column, i) else None for i in range(column.length)
    ]


def test_the_schema_is_that_of_the_column_table():
    table = decode_events(b"")
    capsule = table.__arrow_c_schema__()
    schema = opened(capsule, "struct ArrowSchema *")
    assert ffi.string(schema.format) == b"+s"
    columns = [column for column in event_columns() if column.arrow_name]
    assert schema.n_children == len(columns)
    for i, column in enumerate(columns):
        child = schema.children[i]
        assert ffi.string(child.name).decode() == column.arrow_name
        assert ffi.string(child.format).decode() == column.arrow_format
        assert bool(child.flags & lib.ARROW_FLAG_NULLABLE) == bool(column.needs)
        assert not column.words or child.dictionary != ffi.NULL


def test_numbers_are_the_tables_own_memory():
    table = decode_events(STREAM)
    schema, array, capsules = array_of(table)
    for name in ("drc_index", "offset", "type", "timestamp"):
        _, column = column_of(schema, array, name)
        size = getattr(table, name).nbytes
        shared = ffi.from_buffer(getattr(table, name))
        assert ffi.cast("void *", column.buffers[1]) == ffi.cast("void *", shared)
        assert column.length * (size // len(table)) == size
        assert int(ffi.cast("uintptr_t", column.buffers[1])) % 64 == 0
    assert capsules


def test_what_a_row_does_not_have_is_null():
    schema, array, _capsules = array_of(decode_events(STREAM))
    present = {
        "drc_index": [1, 1, 0, 1, 0, 0, 0],
        "count": [1, 0, 0, 0, 0, 0, 0],
        "token": [0, 0, 0, 0, 0, 0, 0],
        "plid": [1, 1, 1, 0, 0, 0, 0],
        "timestamp": [1, 1, 1, 0, 0, 0, 1],
        "damage": [0, 0, 0, 0, 0, 0, 0],
        "source": [0, 0, 0, 0, 0, 0, 0],
        "type": [1, 1, 1, 1, 1, 1, 1],
    }
    for name, expected in present.items():
        _, column = column_of(schema, array, name)
        assert [is_valid(column, i) for i in range(7)] == [bool(x) for x in expected]
        assert column.null_count == expected.count(0)


def test_enumerations_are_words_and_unknown_numbers_their_digits():
    strange = bytearray(v.SUMMARY)
    strange[3] = 0xF7
    schema, array, _capsules = array_of(decode_events(v.HP_ONLY + v.PRRN + strange))
    assert words_of(schema, array, "type") == ["hotplug", "prrn", "0xf7"]
    assert words_of(schema, array, "severity") == ["event", "no_error", "fatal"]
    assert words_of(schema, array, "resource") == ["memory", None, None]
    assert words_of(schema, array, "action") == ["remove", None, None]


def src(code):
    """An event with a primary SRC and one call-out."""
    callout = b"\x0c\x28H\x08U1-\xe9\0\0\0\0"
    body = b"\x02\x01" + bytes(38) + code.ljust(32) + b"\xc0\x00\x00\x04" + callout
    return v.event(v.section(b"PS", body))


def test_texts_are_utf8_whatever_the_event_holds():
    """Blanks and NULs that fill a field up are not part of it."""
    codes = [b"B7006970", b"AB  ", b"A\0B", b"\xff\xe9123456", b""]
    table = decode_events(b"".join(map(src, codes)) + v.PRRN)
    schema, array, _capsules = array_of(table)
    _, column = column_of(schema, array, "reference_code")
    expected = ["B7006970", "AB", "A", "ÿé123456", "", None]
    assert texts(column) == expected
    _, column = column_of(schema, array, "location_code")
    assert texts(column) == ["U1-é"] * 5 + [None]
    assert table.location_code_at(0) == "U1-\udce9"
    assert table.location_code_at(5) is None


def test_a_column_can_be_moved_out_and_outlive_the_rest():
    """As the interface allows: take a child, release the parent, then it."""
    schema, array, capsules = array_of(decode_events(STREAM * 100))
    _, column = column_of(schema, array, "drc_index")
    taken = ffi.new("struct ArrowArray *", column[0])
    column.release = ffi.NULL
    del array, schema, capsules
    gc.collect()
    values = ffi.cast("uint32_t *", taken.buffers[1])
    assert [values[7 * i] for i in range(100)] == [0x80000010] * 100
    taken.release(taken)
    assert taken.release == ffi.NULL


def test_a_struct_taken_out_of_its_capsule_is_not_released_with_it():
    schema_of_all = decode_events(b"").__arrow_c_schema__()
    schema = opened(schema_of_all, "struct ArrowSchema *")
    _, array, capsules = array_of(decode_events(STREAM))
    taken = ffi.new("struct ArrowArray *", array[0])
    array.release = ffi.NULL
    del capsules
    gc.collect()
    assert words_of(schema, taken, "type")[:3] == ["hotplug", "hotplug", "epow"]
    taken.release(taken)


def _resident():
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(
    "asan" in os.environ.get("LD_PRELOAD", ""),
    reason="AddressSanitizer keeps freed memory for a while",
)
@pytest.mark.skipif(not STATM.exists(), reason="/proc/self/statm is absent")
def test_nothing_is_left_behind():
    """Hundreds of rounds, with capsules used and unused: no growth."""
    data = STREAM * 300

    def rounds(n):
        for i in range(n):
            table = decode_events(data)
            table.__arrow_c_schema__()
            capsules = table.__arrow_c_array__()
            stream = table.__arrow_c_stream__()
            if i % 2:
                opened(capsules[1], "struct ArrowArray *").release(
                    opened(capsules[1], "struct ArrowArray *")
                )
                out = ffi.new("struct ArrowArray *")
                taken = opened(stream, "struct ArrowArrayStream *")
                assert taken.get_next(taken, out) == 0
                out.release(out)
                taken.release(taken)

    rounds(20)
    gc.collect()
    before = _resident()
    rounds(200)
    gc.collect()
    # A table is 200 KiB; 200 lost ones would be 40 MiB.
    assert _resident() - before < 4 << 20


def test_threads_may_release_at_once():
    """Each takes some columns; the last hold frees the batch, once."""
    for _ in range(20):
        schema, array, capsules = array_of(decode_events(STREAM * 50))
        taken = []
        for i in range(array.n_children):
            taken.append(ffi.new("struct ArrowArray *", array.children[i][0]))
            array.children[i].release = ffi.NULL
        del schema, array, capsules
        threads = [
            threading.Thread(target=lambda part: [a.release(a) for a in part], args=[p])
            for p in (taken[::4], taken[1::4], taken[2::4], taken[3::4])
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(a.release == ffi.NULL for a in taken)


def test_names_that_do_not_belong_to_a_batch_are_refused():
    table = decode_events(STREAM)
    out = ffi.new("struct ArrowArray *")
    names = ffi.new("struct dlpar_rtas_names *")
    rc = lib.dlpar_rtas_arrow_array(out, table._batch, STREAM, 10, names)
    assert (rc, out.release) == (lib.DLPAR_ERR_BADARG, ffi.NULL)


def _folder(path):
    (path / "sub").mkdir()
    (path / "a.bin").write_bytes(v.HP_ONLY + v.PRRN)
    (path / "b.bin").write_bytes(v.HP_ONLY[:-1])
    (path / "c.txt").write_text(v.CPU_REMOVE_INDEX.hex(" ", 4))
    (path / "sub" / "d.bin").write_bytes(v.EPOW_SHUTDOWN)
    (path / "sub" / "empty").write_bytes(b"")
    (path / "notes.md").write_text("no events here\n")
    return path


def test_a_directory_is_read_file_by_file(tmp_path):
    """No event takes bytes of the next file; files are taken in order."""
    stream = read_logs(_folder(tmp_path))
    (table,) = stream
    names = [table.sources[i].removeprefix(f"{tmp_path}/") for i in table.source]
    assert names == ["a.bin", "a.bin", "b.bin", "c.txt", "sub/d.bin"]
    assert table.damaged == [2]
    assert table.place.tolist() == [0, 44, 0, 0, 0]
    assert table.damage_offset[2] - table.offset[2] == 4
    assert [path.name for path, _ in stream.rejected] == ["notes.md", "empty"]
    assert repr(stream) == "<EventStream of 6 files>"


def test_tables_end_with_a_file(tmp_path):
    tables = list(read_logs(_folder(tmp_path), batch_bytes=1))
    assert [len(table) for table in tables] == [2, 1, 1, 1]
    assert sum(len(t) for t in read_logs(tmp_path, batch_bytes=100)) == 5


def test_strict_reading_stops_at_the_first_damage(tmp_path):
    folder = _folder(tmp_path)
    with pytest.raises(pydlpar.EventError, match=r"event 2 .*expected as many"):
        list(read_logs([folder / "a.bin", str(folder / "b.bin")], strict=True))
    with pytest.raises(pydlpar.EventError, match=r"notes\.md: no RTAS event"):
        list(read_logs(folder / "notes.md", strict=True))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_logs(folder / "nowhere")


def test_a_stream_hands_out_all_batches_and_then_none(tmp_path):
    stream = read_logs(_folder(tmp_path), batch_bytes=1)
    capsule = stream.__arrow_c_stream__()
    opened_stream = opened(capsule, "struct ArrowArrayStream *")
    schema = ffi.new("struct ArrowSchema *")
    assert opened_stream.get_schema(opened_stream, schema) == 0
    sizes = []
    out = ffi.new("struct ArrowArray *")
    while opened_stream.get_next(opened_stream, out) == 0 and out.release:
        sizes.append(out.length)
        _, source = column_of(schema, out, "source")
        assert len(texts(source.dictionary)) == 1
        out.release(out)
    assert sizes == [2, 1, 1, 1]
    assert opened_stream.get_last_error(opened_stream) == ffi.NULL
    schema.release(schema)


def test_pyarrow_reads_it(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="no pyarrow")
    table = decode_events(STREAM)
    batch = pa.record_batch(table)
    batch.validate(full=True)
    assert batch.column("drc_index").to_pylist()[:3] == [0x80000010, 0x10000008, None]
    assert batch.column("type").to_pylist()[5] == "prrn"
    assert str(batch.schema.field("timestamp").type) == "timestamp[ms]"
    del table
    gc.collect()
    assert batch.column("plid").null_count == 4
    whole = pa.table(read_logs(_folder(tmp_path), batch_bytes=1))
    whole.validate(full=True)
    assert whole.column("source").num_chunks == 4
    assert whole.column("damage").to_pylist().count(None) == 4


@needs_events
def test_pyarrow_reads_the_corpus():
    pa = pytest.importorskip("pyarrow", reason="no pyarrow")
    whole = pa.table(read_logs(CORPUS / "rtas"))
    whole.validate(full=True)
    types = pa.table(read_logs(EVENTS)).column("type").to_pylist()
    assert types.count("platform_error") == 10


@needs_events
def test_polars_reads_it():
    pl = pytest.importorskip("polars", reason="no polars")
    frame = pl.DataFrame(read_logs(EVENTS, batch_bytes=1))
    assert len(frame) == 20
    codes = frame.filter(pl.col("type").cast(pl.String) == "platform_error")
    assert "10009133" in codes["reference_code"].to_list()
    assert frame["source"].n_unique() == 20


@needs_events
def test_duckdb_reads_it():
    duckdb = pytest.importorskip("duckdb", reason="no duckdb")
    logs = read_logs(EVENTS, batch_bytes=1)
    query = "select type, count(*) from logs group by 1 order by 2 desc, 1 limit 2"
    with contextlib.closing(duckdb.connect()) as connection:
        rows = connection.sql(query).fetchall()
    assert rows == [("platform_error", 10), ("deallocation", 3)]
    assert logs.rejected == []


@needs_events
def test_pandas_reads_it():
    pd = pytest.importorskip("pandas", minversion="3", reason="no pandas 3")
    pytest.importorskip("pyarrow", reason="no pyarrow")
    frame = pd.DataFrame.from_arrow(read_logs(EVENTS))
    assert (frame["type"] == "platform_error").sum() == 10


def test_numpy_reads_columns_in_place():
    np = pytest.importorskip("numpy", reason="no numpy")
    table = decode_events(src(b"B7006970") + v.HP_ONLY)
    column = np.asarray(table.drc_index)
    assert column.tolist() == [0, 0x80000003]
    assert not column.flags.owndata
    codes = np.asarray(table.reference_code).view("S8").ravel()
    assert codes.tolist() == [b"B7006970", b""]

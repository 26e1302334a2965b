"""LMB tables: whatever the bytes are, a table or a documented error comes out."""

from __future__ import annotations

from itertools import pairwise
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import CORPUS

import pydlpar
from pydlpar import DecodeError, DeviceTree, Lmb, LmbTable
from pydlpar._ffi import ffi, lib
from pydlpar.constants import LmbFlags
from pydlpar.drmem import _ROW, NO_ASSOCIATIVITY

MIB_256 = 0x10000000


def words(text: str) -> bytes:
    """The bytes of 32-bit hexadecimal words."""
    return bytes.fromhex(text)


# The example of the kernel's property update: three LMBs of 256 MiB.
LINUX_LMBS = [
    Lmb(0, 0x80000000, 0, 8),
    Lmb(0x10000000, 0x80000001, 0, 8),
    Lmb(0x20000000, 0x80000002, NO_ASSOCIATIVITY, 0),
]
LINUX_V1 = words(
    "00000003 00000000 00000000 80000000 00000000 00000000 00000008"
    "         00000000 10000000 80000001 00000000 00000000 00000008"
    "         00000000 20000000 80000002 00000000 ffffffff 00000000"
)
LINUX_V2 = words(
    "00000002 00000002 00000000 00000000 80000000 00000000 00000008"
    "         00000001 00000000 20000000 80000002 ffffffff 00000000"
)
# QEMU with 1 GiB, a 512 MiB DIMM and room up to 4 GiB, after negotiation of v2.
QEMU_V2 = words(
    "00000003 00000004 00000000 00000000 00000000 ffffffff 000000a0"
    "         00000002 00000000 40000000 80000004 00000000 00000108"
    "         0000000a 00000000 60000000 80000006 ffffffff 00000000"
)
# The same machine without: boot memory is listed with DRC index 0, four times.
QEMU_V1 = b"".join(
    [pack(">I", 16)]
    + [pack(">QIIII", i * MIB_256, 0, 0, 0xFFFFFFFF, 0xA0) for i in range(4)]
    + [pack(">QIIII", i * MIB_256, 0x80000000 + i, 0, 0, 8) for i in (4, 5)]
    + [
        pack(">QIIII", i * MIB_256, 0x80000000 + i, 0, 0xFFFFFFFF, 0)
        for i in range(6, 16)
    ]
)


def v1(data: bytes, address_cells: int = 2) -> LmbTable:
    return LmbTable.from_properties(data, None, MIB_256, address_cells)


def v2(data: bytes, lmb_size: int = MIB_256) -> LmbTable:
    return LmbTable.from_properties(None, data, lmb_size)


U32 = st.integers(0, 0xFFFFFFFF)
FLAGS = st.integers(0, 0x7FFFFFFF)
ROWS = st.lists(st.builds(Lmb, st.integers(0, 2**64 - 1), U32, U32, FLAGS), max_size=40)
# Neighbours that often, but not always, belong to one set.
RUNS = st.lists(
    st.builds(
        Lmb,
        st.integers(0, 5).map(lambda i: i * MIB_256),
        st.integers(0, 5),
        st.integers(0, 1),
        st.sampled_from([0, 8, 0xA0]),
    ),
    max_size=40,
)


def test_row_format_is_the_c_struct():
    """Rows are read out by one format, which must be the C layout."""
    assert _ROW.size == ffi.sizeof("struct dlpar_lmb")
    row = ffi.new("struct dlpar_lmb *", (1, 2, 3, 4))
    assert _ROW.unpack(ffi.buffer(row)) == (1, 2, 3, 4)


def test_kernel_example_decodes_from_both_properties():
    assert list(v1(LINUX_V1)) == LINUX_LMBS
    assert list(v2(LINUX_V2)) == LINUX_LMBS
    assert v1(LINUX_V1) == v2(LINUX_V2)


def test_kernel_example_encodes_to_both_properties():
    table = LmbTable(LINUX_LMBS, MIB_256)
    assert table.to_v1() == LINUX_V1
    assert table.to_v2() == table.to_v2(merge="kernel") == LINUX_V2


def test_gap_splits_a_set_unless_the_kernel_is_followed():
    """Linux compares neither base nor DRC index; its set re-reads wrongly."""
    rows = [*LINUX_LMBS[:2], Lmb(0x100000000, 0x80000010, 0, 8)]
    table = LmbTable(rows, MIB_256)
    kernel = words("00000001 00000003 00000000 00000000 80000000 00000000 00000008")
    assert table.to_v2(merge="kernel") == kernel
    assert list(v2(kernel)) != rows
    assert list(v2(table.to_v2())) == rows


@pytest.mark.parametrize(
    ("row", "sets"),
    [
        (Lmb(0x10000000, 0x80000001, 0, 8), 1),
        (Lmb(0x20000000, 0x80000001, 0, 8), 2),  # base does not follow on
        (Lmb(0x10000000, 0x80000002, 0, 8), 2),  # DRC index does not follow on
        (Lmb(0x10000000, 0x80000001, 1, 8), 2),
        (Lmb(0x10000000, 0x80000001, 0, 0), 2),
        (Lmb(0, 0x80000000, 0, 8), 2),  # the same LMB once more
    ],
)
def test_each_discontinuity_alone_splits(row, sets):
    table = LmbTable([Lmb(0, 0x80000000, 0, 8), row], MIB_256)
    assert len(table.to_v2()) == 4 + 24 * sets


def test_wrap_of_base_or_drc_index_splits():
    """A set cannot express an index or address that wraps, so it ends there."""
    top = 2**64 - MIB_256
    for first, second in [
        (Lmb(0, 0xFFFFFFFF, 0, 0), Lmb(MIB_256, 0, 0, 0)),
        (Lmb(top, 1, 0, 0), Lmb(0, 2, 0, 0)),
    ]:
        table = LmbTable([first, second], MIB_256)
        assert list(v2(table.to_v2())) == [first, second]


def test_mark_is_never_written_and_never_read():
    """The in-request mark lives in bit 31 of the flags, in memory only."""
    table = LmbTable(LINUX_LMBS, MIB_256)
    table.change_flags(0, 3, set=LmbFlags.MARKED)
    assert table.flags(0) == 0x80000008
    assert table.to_v1() == LINUX_V1
    assert table.to_v2() == LINUX_V2
    table.change_flags(1, clear=LmbFlags.MARKED)
    assert table.to_v2() == LINUX_V2  # a mark alone does not split a set
    marked = LINUX_V1[:24] + b"\x80\x00\x00\x08" + LINUX_V1[28:]
    assert v1(marked).flags(0) == 8


def test_reserved_word_of_v1_is_skipped_and_written_as_zero():
    dirty = LINUX_V1[:16] + b"\xde\xad\xbe\xef" + LINUX_V1[20:]
    assert v1(dirty).to_v1() == LINUX_V1


def test_qemu_v1_lists_index_0_many_times_and_find_gives_the_first():
    table = v1(QEMU_V1)
    assert table.find(0) == 0
    assert table.find(0x80000004) == 4
    assert table.find(1) is None
    assert table.find_base(3 * MIB_256) == 3
    assert table.find_base(3 * MIB_256 + 1) is None
    assert table.encode() == QEMU_V1
    assert list(v2(table.to_v2())) == list(table)


def test_qemu_v2_expands_index_0_to_0_1_2_3():
    table = v2(QEMU_V2)
    assert [row.drc_index for row in table][:5] == [0, 1, 2, 3, 0x80000004]
    assert len(table) == 16
    assert table[15] == table[-1] == Lmb(0xF0000000, 0x8000000F, NO_ASSOCIATIVITY, 0)
    assert table.encode() == QEMU_V2


def test_v1_wins_where_both_exist_and_the_version_is_kept():
    both = LmbTable.from_properties(LINUX_V1, QEMU_V2, MIB_256)
    assert (both.version, len(both)) == (1, 3)
    assert both.encode() == LINUX_V1
    assert v2(QEMU_V2).version == 2


def test_no_property_gives_an_empty_table_that_cannot_be_encoded():
    table = LmbTable.from_properties(None, None, MIB_256)
    assert (len(table), list(table), table.version) == (0, [], 0)
    assert table.find(0) is None
    assert table.next(0, 0, 0) is None
    assert table.columns().flags.tolist() == []
    assert (table.to_v1(), table.to_v2()) == (bytes(4), bytes(4))
    with pytest.raises(pydlpar.NotFoundError, match="no ibm,dynamic-memory"):
        table.encode()


def test_one_address_cell_is_read_and_written():
    data = words("00000001 10000000 80000001 00000000 00000000 00000008")
    table = v1(data, address_cells=1)
    assert list(table) == [LINUX_LMBS[1]]
    assert table.encode() == data
    high = LmbTable([Lmb(1 << 32, 1, 0, 0)], MIB_256, version=1, address_cells=1)
    with pytest.raises(pydlpar.ArgumentError, match="bad argument"):
        high.to_v1()


def test_set_of_no_lmbs_is_allowed_and_disappears():
    empty = words("00000001 00000000 00000000 00000000 80000000 00000000 00000008")
    assert len(v2(empty)) == 0
    assert v2(empty).encode() == bytes(4)


LIMIT = lib.DLPAR_DRMEM_MAX_LMBS
MALFORMED_V2 = [
    # (property, code, offset)
    (b"", lib.DLPAR_ERR_TRUNCATED, 0),
    (words("00000001"), lib.DLPAR_ERR_TRUNCATED, 4),  # its only set is missing
    (words("ffffffff") + LINUX_V2[4:], lib.DLPAR_ERR_TRUNCATED, 52),
    (LINUX_V2 + b"\0", lib.DLPAR_ERR_BADLENGTH, 52),
    (words("00000001") + LINUX_V2[4:], lib.DLPAR_ERR_BADLENGTH, 28),
    # A count of 2^32 - 1 in the set's first word.
    (words("00000001 ffffffff") + bytes(20), lib.DLPAR_ERR_TOOBIG, 4),
    # Two sets, each allowed, together one LMB above the limit.
    (
        pack(">I", 2) + pack(">IQIII", LIMIT, 0, 0, 0, 0) + pack(">I", 1) + bytes(20),
        lib.DLPAR_ERR_TOOBIG,
        28,
    ),
    # The second LMB's base would be 2^64, or its DRC index 2^32.
    (
        pack(">IIQIII", 1, 2, 2**64 - MIB_256, 0, 0, 0),
        lib.DLPAR_ERR_BADVALUE,
        8,
    ),
    (pack(">IIQIII", 1, 2, 0, 0xFFFFFFFF, 0, 0), lib.DLPAR_ERR_BADVALUE, 16),
]


@pytest.mark.parametrize(("data", "code", "offset"), MALFORMED_V2)
def test_malformed_v2_is_refused_at_its_byte(data, code, offset):
    with pytest.raises(DecodeError, match=f"v2: .*at byte {offset}") as caught:
        v2(data)
    assert (caught.value.code, caught.value.offset) == (code, offset)


@pytest.mark.parametrize(
    ("data", "code", "offset"),
    [
        (b"\0\0\0", lib.DLPAR_ERR_TRUNCATED, 0),
        (LINUX_V1[:-1], lib.DLPAR_ERR_TRUNCATED, 52),
        (LINUX_V1 + bytes(4), lib.DLPAR_ERR_BADLENGTH, 76),
        (words("ffffffff"), lib.DLPAR_ERR_TRUNCATED, 4),
        (pack(">I", LIMIT + 1) + bytes(24 * (LIMIT + 1)), lib.DLPAR_ERR_TOOBIG, 0),
    ],
)
def test_malformed_v1_is_refused_at_its_byte(data, code, offset):
    with pytest.raises(DecodeError, match="ibm,dynamic-memory") as caught:
        v1(data)
    assert (caught.value.code, caught.value.offset) == (code, offset)


def test_largest_table_is_accepted():
    """The limit itself is allowed; one more is not."""
    data = pack(">IIQIII", 1, LIMIT, 0, 0, 0, 0)
    table = v2(data, lmb_size=1)
    assert table[-1].base == LIMIT - 1
    assert table.encode() == data
    with pytest.raises(pydlpar.ArgumentError, match="at most"):
        LmbTable([(0, 0, 0, 0)] * (LIMIT + 1), MIB_256)


@pytest.mark.parametrize(
    "change",
    [
        {"lmb_size": 0},
        {"lmb_size": 1 << 64},
        {"version": 3},
        {"address_cells": 3},
        {"lmbs": [(-1, 0, 0, 0)]},
        {"lmbs": [(0, 0, 0, 1 << 32)]},
        {"lmbs": [(0, 0, 0)]},
    ],
)
def test_bad_arguments_of_a_table_are_refused(change):
    arguments = {"lmbs": LINUX_LMBS, "lmb_size": MIB_256} | change
    with pytest.raises(pydlpar.ArgumentError):
        LmbTable(**arguments)


@pytest.mark.parametrize("data", [LINUX_V1, LINUX_V2, QEMU_V1, QEMU_V2])
def test_truncated_property_is_refused_at_every_length(data):
    read = v1 if data in (LINUX_V1, QEMU_V1) else v2
    for length in range(len(data)):
        with pytest.raises(DecodeError):
            read(data[:length])


@pytest.mark.parametrize("data", [LINUX_V1, LINUX_V2])
def test_flipped_byte_gives_a_table_or_a_decode_error(data):
    for read in (v1, v2):
        for at in range(len(data)):
            for flip in (0x01, 0x80, 0xFF):
                damaged = bytearray(data)
                damaged[at] ^= flip
                try:
                    table = read(bytes(damaged))
                except DecodeError:
                    continue
                assert list(read(table.encode())) == list(table)


@given(st.binary(max_size=120), st.sampled_from([1, MIB_256, 2**63]))
def test_any_bytes_give_a_table_or_a_decode_error(data, lmb_size):
    for properties in ((data, None), (None, data)):
        for cells in (1, 2):
            try:
                table = LmbTable.from_properties(*properties, lmb_size, cells)
            except DecodeError:
                continue
            assert len(table) == len(list(table))


@given(ROWS | RUNS)
def test_encode_then_decode_gives_the_rows_back(rows):
    table = LmbTable(rows, MIB_256)
    assert list(v1(table.to_v1())) == rows
    assert list(v2(table.to_v2())) == rows


@given(ROWS | RUNS)
def test_kernel_merge_never_gives_more_sets_than_exact(rows):
    table = LmbTable(rows, MIB_256)
    assert len(table.to_v2("kernel")) <= len(table.to_v2())
    changes = sum(a[2:] != b[2:] for a, b in pairwise(rows))
    assert len(table.to_v2("kernel")) == 4 + 24 * ((changes + 1) if rows else 0)


@given(ROWS | RUNS, U32)
def test_look_ups_agree_with_a_linear_search(rows, other):
    """The first match in table order, whatever the order of the keys."""
    table = LmbTable(rows, MIB_256)
    indexes, bases = [row.drc_index for row in rows], [row.base for row in rows]
    for drc_index in {*indexes, other, 0}:
        first = indexes.index(drc_index) if drc_index in indexes else None
        assert table.find(drc_index) == first
    for base in {*bases, other, 0}:
        assert table.find_base(base) == (bases.index(base) if base in bases else None)


@given(RUNS, st.sampled_from([0, 8, 0x80, 0x88]), st.sampled_from([0, 8]))
def test_count_and_next_agree_with_a_linear_search(rows, mask, value):
    table = LmbTable(rows, MIB_256)
    matches = [i for i, row in enumerate(rows) if row.flags & mask == value]
    assert table.count(mask, value) == len(matches)
    assert table.count(mask, value, 2) == min(len(matches), 2)
    found, position = [], table.next(0, mask, value)
    while position is not None:
        found.append(position)
        position = table.next(position + 1, mask, value)
    assert found == matches


def test_set_replaces_only_what_is_given():
    table = v2(LINUX_V2)
    table.set(2, flags=LmbFlags.ASSIGNED)
    assert table[2] == Lmb(0x20000000, 0x80000002, NO_ASSOCIATIVITY, 8)
    table.set(-1, aa_index=0)
    assert table[2] == Lmb(0x20000000, 0x80000002, 0, 8)
    assert table.to_v2()[:8] == words("00000001 00000003")  # now one set


def test_set_with_a_bad_value_sets_nothing():
    table = v2(LINUX_V2)
    for bad in ({"flags": -1}, {"flags": 0, "aa_index": 1 << 32}):
        with pytest.raises(pydlpar.ArgumentError, match="32-bit"):
            table.set(0, **bad)
    with pytest.raises(IndexError):
        table.set(3, flags=0)
    assert table.encode() == LINUX_V2


def test_removable_is_assigned_and_not_reserved():
    flags = [0, 8, 0x80, 0x88, 0x108, 0xA0]
    table = LmbTable([(i, i, 0, f) for i, f in enumerate(flags)], MIB_256)
    assert [table.removable(i) for i in range(6)] == [0, 1, 0, 0, 1, 0]


def test_change_of_flags_clears_first_and_keeps_to_its_range():
    table = v1(QEMU_V1)
    table.change_flags(4, 2, clear=0xFF, set=0x21)
    assert table.columns().flags.tolist()[3:7] == [0xA0, 0x21, 0x21, 0]
    for start, count in ((16, 1), (17, 0), (0, 17), (1, 2**64 - 1), (-1, 1)):
        with pytest.raises(pydlpar.ArgumentError):
            table.change_flags(start, count, set=1)
    assert table.count(1, 1) == 2


@pytest.mark.parametrize(
    "call",
    [
        lambda table: table.find(-1),
        lambda table: table.find_base(1 << 64),
        lambda table: table.next(-1, 0, 0),
        lambda table: table.count(1 << 32, 0),
        lambda table: table.to_v2("linux"),
    ],
)
def test_number_out_of_range_is_an_argument_error(call):
    with pytest.raises(pydlpar.ArgumentError):
        call(v2(LINUX_V2))


def test_copy_is_independent_and_equal():
    table = v2(LINUX_V2)
    twin = table.copy()
    assert twin == table
    assert (twin.version, twin.lmb_size) == (2, MIB_256)
    twin.set(0, flags=0)
    assert twin != table
    assert table.encode() == LINUX_V2
    assert twin.find(0x80000002) == 2
    assert table != LINUX_V2


def test_columns_are_live_and_read_only():
    table = v2(LINUX_V2)
    columns = table.columns()
    table.set(1, flags=0x80)
    assert columns.flags.tolist() == [8, 0x80, 0]
    assert columns.base.tolist() == [0, 0x10000000, 0x20000000]
    assert columns.drc_index.tolist() == [0x80000000, 0x80000001, 0x80000002]
    assert columns.aa_index.tolist() == [0, 0, NO_ASSOCIATIVITY]
    with pytest.raises(TypeError):
        columns.flags[0] = 1
    with pytest.raises(IndexError):
        table[3]
    assert repr(table) == "<LmbTable of 3 LMBs of 0x10000000 bytes, version 2>"


def test_trees_of_a_real_guest_round_trip_byte_for_byte():
    """What Linux 6.1 wrote in its own guest is what we write of it."""
    folder = CORPUS / "guest" / "memory-lifecycle"
    if not folder.is_dir():
        pytest.skip("the corpus is not there; set PYDLPAR_CORPUS")
    sizes = set()
    for path in sorted(folder.glob("*.dtb")):
        tree = DeviceTree.from_dtb(path.read_bytes())
        node = tree["/ibm,dynamic-reconfiguration-memory"]
        data = node["ibm,dynamic-memory-v2"]
        table = v2(data, node.u64("ibm,lmb-size"))
        assert len(table) == 32
        assert table.to_v2() == table.to_v2("kernel") == data
        sizes.add(len(data))
    assert len(sizes) > 2

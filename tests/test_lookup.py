"""Lookup arrays: whatever the bytes are, arrays or a documented error come out."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pydlpar
from pydlpar import DecodeError, LookupArrays
from pydlpar._ffi import ffi, lib

# Two arrays of four cells: nodes 0 and 1, form 1 associativity.
FORM_1 = pack(">10I", 2, 4, 0, 0, 0, 0, 0, 0, 1, 1)
U32 = st.integers(0, 0xFFFFFFFF)


def test_arrays_are_read_without_a_length_word_of_their_own():
    arrays = LookupArrays.from_property(FORM_1)
    assert (arrays.n, arrays.m, len(arrays)) == (2, 4, 2)
    assert list(arrays) == [(0, 0, 0, 0), (0, 0, 1, 1)]
    assert arrays[-1] == (0, 0, 1, 1)
    assert bytes(arrays) == FORM_1
    assert repr(arrays) == "<LookupArrays: 2 of 4 cells>"
    for index in (2, -3):
        with pytest.raises(IndexError, match=r"of 2"):
            arrays[index]


@given(st.integers(1, 5).flatmap(lambda m: st.lists(st.tuples(*[U32] * m))))
def test_one_cell_is_that_of_the_whole_array(rows):
    """`cell(n, m)` is `arrays[n][m]`, for every cell."""
    m = len(rows[0]) if rows else 3
    cells = [cell for row in rows for cell in row]
    arrays = LookupArrays(pack(f">{2 + len(cells)}I", len(rows), m, *cells))
    said = [[arrays.cell(n, at) for at in range(m)] for n in range(len(rows))]
    assert said == [list(row) for row in rows]


def test_find_gives_the_first_equal_array():
    arrays = LookupArrays(pack(">5I", 3, 1, 7, 9, 9))
    assert [arrays.find((cell,)) for cell in (7, 9, 8)] == [0, 1, None]


def test_append_adds_one_array_with_the_next_index():
    longer = LookupArrays(LookupArrays(FORM_1).appended([1, 2, 3, 4]))
    assert (longer.n, longer.m) == (3, 4)
    assert longer.find((1, 2, 3, 4)) == 2
    assert list(longer)[:2] == list(LookupArrays(FORM_1))


def test_first_array_decides_the_length_only_where_none_is_given():
    empty = LookupArrays(bytes(8))
    assert empty.find((1, 2)) is None
    assert list(LookupArrays(empty.appended((1, 2)))) == [(1, 2)]
    with pytest.raises(pydlpar.ArgumentError):
        LookupArrays(pack(">2I", 0, 3)).appended((1, 2))


@pytest.mark.parametrize("cells", [(), (0, 0, 0), (0,) * 5, (0, 0, 0, 1 << 32), "four"])
def test_cells_of_another_shape_are_refused(cells):
    """Linux compares beyond the shorter of the two; the length counts here."""
    arrays = LookupArrays(FORM_1)
    with pytest.raises(pydlpar.ArgumentError):
        arrays.find(cells)
    with pytest.raises(pydlpar.ArgumentError):
        arrays.appended(cells)


@pytest.mark.parametrize(
    ("data", "code", "offset"),
    [
        (b"", lib.DLPAR_ERR_TRUNCATED, 0),
        (FORM_1[:7], lib.DLPAR_ERR_TRUNCATED, 4),
        (FORM_1[:-1], lib.DLPAR_ERR_TRUNCATED, 36),
        (FORM_1 + b"\0", lib.DLPAR_ERR_BADLENGTH, 40),
        (pack(">2I", 1, 0), lib.DLPAR_ERR_BADVALUE, 4),
        # The product is 2^64 - 2^33 + 1, which must not wrap to 1.
        (pack(">3I", 2**32 - 1, 2**32 - 1, 0), lib.DLPAR_ERR_TRUNCATED, 12),
        (pack(">3I", 2**31, 2, 0), lib.DLPAR_ERR_TRUNCATED, 12),
    ],
)
def test_malformed_property_is_refused_at_its_byte(data, code, offset):
    with pytest.raises(DecodeError, match=f"lookup-arrays.*at byte {offset}") as caught:
        LookupArrays(data)
    assert (caught.value.code, caught.value.offset) == (code, offset)


def test_every_truncation_is_refused():
    for length in range(len(FORM_1)):
        with pytest.raises(DecodeError):
            LookupArrays(FORM_1[:length])


@given(st.binary(max_size=64))
def test_any_bytes_give_arrays_or_a_decode_error(data):
    try:
        arrays = LookupArrays(data)
    except DecodeError:
        return
    assert all(len(array) == arrays.m for array in arrays)


@given(
    st.integers(1, 5).flatmap(
        lambda m: st.lists(
            st.lists(U32, min_size=m, max_size=m), min_size=1, max_size=6
        )
    )
)
def test_table_built_by_appending_finds_every_array_at_its_first_place(rows):
    data = bytes(8)
    for row in rows:
        data = LookupArrays(data).appended(row)
    arrays = LookupArrays(data)
    assert [list(array) for array in arrays] == rows
    assert [arrays.find(row) for row in rows] == [rows.index(row) for row in rows]


def test_too_small_output_is_refused_and_left_alone():
    out = ffi.new("uint8_t[]", b"\xaa" * 55)
    rc = lib.dlpar_lookup_append(out, 55, FORM_1, len(FORM_1), [1, 2, 3, 4], 4)
    assert rc == lib.DLPAR_ERR_NOSPACE
    assert set(bytes(out)) <= {0xAA, 0}


def test_get_of_a_missing_array_or_wrong_length_is_refused_in_c():
    cells = ffi.new("uint32_t[]", 5)
    get = lib.dlpar_lookup_get
    assert get(cells, 4, FORM_1, len(FORM_1), 2) == lib.DLPAR_ERR_NOTFOUND
    assert get(cells, 5, FORM_1, len(FORM_1), 0) == lib.DLPAR_ERR_BADARG
    assert get(cells, 4, FORM_1, 3, 0) == lib.DLPAR_ERR_TRUNCATED


def test_functions_of_c_check_the_property_and_the_result_themselves():
    out, cells = ffi.new("uint8_t[]", 64), ffi.new("uint32_t[]", 4)
    broken, size = FORM_1[:-1], len(FORM_1) - 1
    truncated, empty = lib.DLPAR_ERR_TRUNCATED, bytes(8)
    assert lib.dlpar_lookup_find(broken, size, cells, 4) == truncated
    assert lib.dlpar_lookup_append(out, 64, broken, size, cells, 4) == truncated
    rc = lib.dlpar_lookup_append(out, 64, empty, 8, cells, 1 << 30)
    assert rc == lib.DLPAR_ERR_TOOBIG

"""Many events at once are those that one at a time would be, whatever they are of."""

from __future__ import annotations

from array import array
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pydlpar
from pydlpar import (
    ArgumentError,
    HotplugRequest,
    HotplugSection,
    decode_events,
    hotplug_columns,
    hotplug_event,
    hotplug_events,
)
from pydlpar._ffi import ffi, lib
from pydlpar.rtas_encode import stamp_of

TOKEN, ALONE = 0x80, 0x40

u8 = st.integers(0, 0xFF)
u32 = st.integers(0, 0xFFFFFFFF)
rows = st.lists(st.tuples(u8, u8, st.integers(2, 4), u32, u32, u8, u32), min_size=1)
names = st.text(st.characters(min_codepoint=1, max_codepoint=127), min_size=1)


class Bare:
    """A request that has no token, nor can have one."""

    __slots__ = ("action", "count", "drc_index", "drc_name", "id_type", "resource")

    def __init__(self, index):
        self.resource, self.action, self.id_type = 1, 1, 2
        self.drc_index, self.count, self.drc_name = index, None, None


class Computed(Bare):
    """One whose token is found when it is asked for."""

    __slots__ = ()

    def __getattr__(self, name):
        if name == "token":
            return 7
        raise AttributeError(name)


def one_by_one(requests, plid=0):
    return b"".join(hotplug_event(r, plid + i) for i, r in enumerate(requests))


def section(row):
    """The request of a row of columns; bits that have no meaning are left out."""
    resource, action, kind, index, count, caps, token = row
    return HotplugSection(
        resource,
        action,
        kind,
        index if kind != 3 else None,
        count if kind != 2 else None,
        token=token if caps & TOKEN else None,
        transactional=not caps & ALONE,
    )


def columns(rows):
    """Arguments for rows, as lists."""
    fields = (list(values) for values in zip(*rows, strict=True))
    resource, action, kind, index, count, caps, token = fields
    more = {"drc_index": index, "count": count, "capabilities": caps, "token": token}
    return (resource, action, kind), more


@given(rows, u32)
def test_columns_are_the_events_of_their_rows(rows, plid):
    """Each as `hotplug_event` has it, with capabilities that it can say."""
    rows = [(*row[:5], row[5] & (TOKEN | ALONE), row[6]) for row in rows]
    plid = min(plid, 2**32 - len(rows))
    first, more = columns(rows)
    made = hotplug_columns(*first, **more, plid=plid)
    assert made == one_by_one(map(section, rows), plid)


@given(rows)
def test_columns_of_a_table_are_written_as_they_were_read(rows):
    """Bits of the capabilities that nobody knows included."""
    first, more = columns(rows)
    made = hotplug_columns(*first, **more)
    table = decode_events(made)
    again = hotplug_columns(
        table.resource,
        table.action,
        table.id_type,
        drc_index=table.drc_index,
        count=table.count,
        capabilities=table.capabilities,
        token=table.token,
    )
    assert again == made


@pytest.mark.parametrize(
    "indexes",
    [
        [5, 6, 7],
        (5, 6, 7),
        range(5, 8),
        array("I", [5, 6, 7]),
        array("Q", [5, 6, 7]),
        array("b", [5, 6, 7]),
        bytes([5, 6, 7]),
        bytearray([5, 6, 7]),
        memoryview(array("I", [5, 0, 6, 0, 7]))[::2],
    ],
    ids=["list", "tuple", "range", "I", "Q", "b", "bytes", "bytearray", "strided"],
)
def test_a_column_is_any_sequence_or_buffer(indexes):
    """What is no array of C's own type is copied to one."""
    wanted = one_by_one([HotplugRequest.index(1, 2, i) for i in (5, 6, 7)])
    assert hotplug_columns(1, [2, 2, 2], b"\2\2\2", drc_index=indexes) == wanted


def test_a_number_is_a_column_of_it():
    """With nothing but numbers there is one event; without rows, none."""
    one = hotplug_event(HotplugRequest.index(1, 1, 9), 3)
    assert hotplug_columns(1, 1, 2, drc_index=9, plid=3) == one
    assert hotplug_columns([], 1, 2, drc_index=9) == b""
    assert hotplug_events([]) == b""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"drc_index": [1, 2], "count": [1]}, "different length"),
        ({"resource": 256}, "column resource, expected numbers of 8 bits"),
        ({"resource": -1}, "column resource"),
        ({"drc_index": [2**32]}, "column drc_index, expected numbers of 32 bits"),
        ({"drc_index": array("q", [-1])}, "column drc_index"),
        ({"count": ["1"]}, "column count"),
        ({"count": [None]}, "column count"),
        ({"token": memoryview(bytes(4)).cast("B", (2, 2))}, "column token"),
        ({"id_type": [2, 2, 1, 2]}, "request 2"),
        ({"id_type": 0}, "request 0"),
        ({"plid": 2**32}, "PLID"),
    ],
)
def test_columns_that_cannot_be_encoded_are_refused(arguments, said):
    """The error says which column, or which row."""
    given = {"resource": 1, "action": 1, "id_type": 2, **arguments}
    with pytest.raises(ArgumentError, match=said):
        hotplug_columns(**given)


@given(st.lists(st.tuples(st.integers(0, 5), u32, u32, names, u32)))
def test_requests_of_all_kinds_can_stand_side_by_side(given):
    """With and without token, whole or not, from any class."""
    requests = []
    for form, index, count, name, token in given:
        requests += [
            (HotplugRequest.index(1, 1, index)),
            (HotplugRequest.indexed_count(2, 2, count, index)),
            (HotplugRequest.by_name(3, 1, name)),
            (HotplugSection(6, 1, 3, count=count, token=token)),
            (HotplugSection(4, 2, 2, index, transactional=False)),
            (SimpleNamespace(**HotplugRequest.by_count(1, 2, count)._asdict())),
        ][form : form + 2]
    assert hotplug_events(iter(requests)) == one_by_one(requests)


@pytest.mark.parametrize("kind", [Bare, Computed])
def test_a_token_is_honoured_wherever_it_comes_from(kind):
    """And need not be there."""
    requests = [kind(index) for index in range(3)]
    made = hotplug_events(requests)
    assert made == one_by_one(requests)
    assert len(made) == 3 * (116 if kind is Bare else 120)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (HotplugSection(1, 1, 2), "request 1: .*expected a drc_index"),
        (HotplugSection(1, 1, 4, drc_index=1), "request 1: .*expected a count"),
        (HotplugSection(1, 1, 1), "request 1: .*expected a drc_name"),
        (HotplugSection(1, 1, 1, drc_name="ä"), "request 1: .*expected ASCII"),
        (HotplugSection(1, 1, 1, drc_name=""), "request 1"),
        (HotplugSection(1, 1, 2, 2**32), "request 1: .*32 bits"),
        (HotplugSection(256, 1, 2, 1), "request 1: .*8"),
        (HotplugSection(1, 1, 2, 1, token=-1), "request 1: .*32 bits"),
        (HotplugSection(1, 1, 0), "request 1"),
    ],
)
def test_the_error_names_the_request(bad, said):
    """And what was expected of it, as it does for one alone."""
    good = HotplugRequest.index(1, 1, 5)
    with pytest.raises(ArgumentError, match=said):
        hotplug_events([good, bad, good])
    with pytest.raises(ArgumentError):
        hotplug_event(bad)


def encode(cap, **fields):
    """Rows of DRC index 1 and 2 by the C function; what it says and writes."""
    index = ffi.new("uint32_t[]", [1, 2])
    kinds = ffi.new("uint8_t[]", [2, 2])
    cols = {"drc_index": index, "id_type": kinds, **fields}
    out = ffi.new("uint8_t[]", b"\xaa" * 300)
    size, row = ffi.new("size_t *"), ffi.new("size_t *")
    cols = ffi.new("struct dlpar_rtas_requests *", cols)
    stamp = stamp_of(7, None, "big")
    rc = lib.dlpar_rtas_hotplug_columns(
        out, cap, size, row, cols, 2, ffi.NULL, 0, stamp
    )
    return rc, size[0], row[0], bytes(ffi.buffer(out, 300))


def test_columns_that_are_not_given_are_zero():
    """All rows of them; and not a byte is written behind the events."""
    rc, size, _, out = encode(232)
    assert (rc, size) == (lib.DLPAR_OK, 232)
    assert out[:232] == hotplug_columns(0, 0, 2, drc_index=[1, 2], plid=7)
    assert set(out[232:]) == {0xAA}


def test_columns_without_room_say_how_much_they_need():
    """Nothing is written then, nor where a row is bad."""
    rc, size, _, out = encode(231)
    assert (rc, size, set(out)) == (lib.DLPAR_ERR_NOSPACE, 232, {0xAA})
    kinds = ffi.new("uint8_t[]", [2, 9])
    rc, _, row, out = encode(232, id_type=kinds)
    assert (rc, row, set(out)) == (lib.DLPAR_ERR_BADARG, 1, {0xAA})


def test_names_of_columns_are_where_they_say():
    """Offset and length of each in the names; not beyond them."""
    cols = {
        "id_type": ffi.new("uint8_t[]", [1]),
        "name_off": ffi.new("uint32_t[]", [1]),
        "name_len": ffi.new("uint32_t[]", [3]),
    }
    out, size = ffi.new("uint8_t[]", 200), ffi.new("size_t *")
    what = ffi.new("struct dlpar_rtas_requests *", cols), 1
    stamp = stamp_of(0, None, "big")
    for names, wanted in ((b"abcd", lib.DLPAR_OK), (b"abc", lib.DLPAR_ERR_BADARG)):
        rc = lib.dlpar_rtas_hotplug_columns(
            out, 200, size, ffi.NULL, *what, names, len(names), stamp
        )
        assert rc == wanted
    made = bytes(ffi.buffer(out, 116))
    assert pydlpar.decode_event(made).hotplug.drc_name == "bcd"

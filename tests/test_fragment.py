"""Fragments: what is made reads back, and any bytes give nodes or a TreeError."""

from __future__ import annotations

from struct import pack, pack_into, unpack_from

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pydlpar
from pydlpar import DeviceTree
from pydlpar._ffi import ffi, lib
from pydlpar.connector import (
    _ITEM,
    Collector,
    FragmentNode,
    Server,
    fragment_nodes,
    make_fragment,
    new_work_area,
)

NAMES = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="/"),
    min_size=1,
    max_size=8,
)
PROPERTIES = st.dictionaries(NAMES, st.binary(max_size=12), max_size=5)
LEAVES = st.builds(FragmentNode, NAMES, PROPERTIES, st.just([]))
NODES = st.recursive(
    LEAVES,
    lambda below: st.builds(
        FragmentNode, NAMES, PROPERTIES, st.lists(below, max_size=3)
    ),
    max_leaves=8,
)
FRAGMENTS = st.lists(NODES, min_size=1, max_size=3)

BEGIN, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9
ROOT = (BEGIN, 0)
NODE_A = (BEGIN, 0x61000000)  # "a"
P = (PROP, 0, 0)  # an empty property, its name the first in the strings block
TAIL = (END_NODE, END)


def blob(*tokens, strings=b"p\0"):
    """A flattened tree of the given structure block, one word a token."""
    flat = [word for token in tokens for word in token]
    struct = pack(f">{len(flat)}I", *flat)
    strings_off = 56 + len(struct)
    header = (
        0xD00DFEED, strings_off + len(strings), 56, strings_off, 40,
        17, 16, 0, len(strings), len(struct),
    )  # fmt: skip
    return pack(">10I", *header) + bytes(16) + struct + strings


def test_item_format_is_the_c_struct():
    assert _ITEM.size == ffi.sizeof("struct dlpar_fragment_item")


def test_smallest_fragment_word_by_word():
    """One node "a" with one empty property "p", as the specification has it."""
    fragment = make_fragment([("a", {"p": b""}, ())])
    assert fragment == blob(ROOT, NODE_A, P, (END_NODE,), TAIL)
    assert fragment_nodes(fragment) == [FragmentNode("a", {"p": b""}, [])]


def test_names_of_properties_are_shared():
    nodes = [("a", {"common-name": b"1"}, ()), ("b", {"common-name": b"2"}, ())]
    assert make_fragment(nodes).count(b"common-name\0") == 1


def test_padding_is_zero():
    """Values of every length end on a token boundary, with zeros between."""
    for size in range(1, 9):
        data = make_fragment([("a", {"p": b"\xff" * size}, ())])
        assert data.count(b"\xff" * size + bytes(-size % 4)) == 1
        assert len(data) % 4 == 2  # tokens are words, then "p\0"


def test_device_tree_reads_what_is_made():
    children = [FragmentNode("c@1", {"reg": b"\0\0\0\1"}, [])]
    data = make_fragment([("a", {"p": b"123"}, children), ("b", {}, ())])
    tree = DeviceTree.from_dtb(data)
    assert [node.path for node in tree.nodes()] == ["/", "/a", "/a/c@1", "/b"]
    assert tree["/a/c@1"].u32("reg") == 1
    assert tree["/a"]["p"] == b"123"
    assert tree.to_dtb() == data


def test_what_libfdt_makes_is_read():
    """Insertion at the front, string block at its end: another layout."""
    libfdt = pytest.importorskip("libfdt")
    fdt = libfdt.Fdt.create_empty_tree(1024)
    for name in ("b", "a"):
        at = fdt.add_subnode(0, name)
        fdt.setprop(at, "name", name.encode() + b"\0")
    read = fragment_nodes(fdt.as_bytearray())
    assert [(n.name, dict(n.properties)) for n in read] == [
        ("a", {"name": b"a\0"}),
        ("b", {"name": b"b\0"}),
    ]


@given(FRAGMENTS)
def test_made_fragment_reads_back_and_survives_every_way_of_walking(nodes):
    fragment = make_fragment(nodes)
    assert fragment_nodes(fragment) == nodes
    for sibling_status in (False, True):
        server = Server(fragment, 7, sibling_status=sibling_status)
        result = server.walk()
        assert result.status == result.error == 0
        assert fragment_nodes(result.fragment) == nodes
        collector, area, statuses = Collector(), new_work_area(7), []
        done = False
        while not done:
            statuses.append(server.call(area))
            done = collector.feed(area, statuses[-1])
        assert collector.fragment() == result.fragment
        assert tuple(statuses) == result.statuses


@pytest.mark.parametrize(
    ("nodes", "code", "row"),
    [
        ([], lib.DLPAR_ERR_NOROOT, 0),
        ([("", {}, ())], lib.DLPAR_ERR_NODENAME, 0),
        ([("a/b", {}, ())], lib.DLPAR_ERR_NODENAME, 0),
        ([("a", {"p": b""}, ()), ("b c", {}, ())], lib.DLPAR_ERR_NODENAME, 3),
        ([("a", {"": b""}, ())], lib.DLPAR_ERR_BADVALUE, 1),
        ([("a", {"x\ty": b""}, ())], lib.DLPAR_ERR_BADVALUE, 1),
        # A NUL would shift every later name by one.
        ([("a\0b", {}, ())], lib.DLPAR_ERR_BADLENGTH, 2),
        ([("a\0b", {"p": b""}, ())], lib.DLPAR_ERR_BADLENGTH, 3),
        ([("a", {"p": bytes(0x400000)}, ())], lib.DLPAR_ERR_TOOBIG, 1),
        ([("a", {"p": bytes(0x400001)}, ())], lib.DLPAR_ERR_TOOBIG, 1),
    ],
)
def test_node_that_cannot_be_encoded_is_refused(nodes, code, row):
    with pytest.raises(pydlpar.TreeError, match="fragment, ") as caught:
        make_fragment(nodes)
    assert (caught.value.code, caught.value.row) == (code, row)


def test_name_must_be_ascii():
    with pytest.raises(pydlpar.ArgumentError, match="ascii"):
        make_fragment([("caf\xe9", {}, ())])


def test_node_that_contains_itself_is_refused():
    children = []
    children.append(("a", {}, children))
    with pytest.raises(pydlpar.ArgumentError, match="deeper"):
        make_fragment(children)


@pytest.mark.parametrize(
    ("ops", "names", "values", "code", "at"),
    [
        ([], b"", b"", lib.DLPAR_ERR_NOROOT, 0),
        ([0], b"p\0", b"", lib.DLPAR_ERR_PROPORDER, 0),
        ([-1, -1, -2, 0], b"a\0b\0p\0", b"", lib.DLPAR_ERR_PROPORDER, 3),
        ([-2], b"", b"", lib.DLPAR_ERR_NESTING, 0),
        ([-1, -2, -2], b"a\0", b"", lib.DLPAR_ERR_NESTING, 2),
        ([-1], b"a\0", b"", lib.DLPAR_ERR_NESTING, 1),
        ([-1, -2], b"", b"", lib.DLPAR_ERR_TRUNCATED, 0),
        ([-1, -2], b"a", b"", lib.DLPAR_ERR_TRUNCATED, 0),
        ([-1, 2, -2], b"a\0p\0", b"1", lib.DLPAR_ERR_TRUNCATED, 1),
        ([-1, 0, -2], b"a\0p", b"", lib.DLPAR_ERR_TRUNCATED, 1),
        ([-1, -2], b"a\0b\0", b"", lib.DLPAR_ERR_BADLENGTH, 2),
        ([-1, -2], b"a\0", b"1", lib.DLPAR_ERR_BADLENGTH, 2),
        ([-1] * 65, b"a\0" * 65, b"", lib.DLPAR_ERR_TOOBIG, 64),
        ([-1, 0xFFFFFFF0, -2], b"a\0p\0", b"", lib.DLPAR_ERR_TRUNCATED, 1),
    ],
)
def test_operations_that_make_no_fragment_are_refused(ops, names, values, code, at):
    ops = [op & 0xFFFFFFFF for op in ops]
    out, err_op = ffi.new("uint8_t[]", 4096), ffi.new("size_t *")
    rc = lib.dlpar_fragment_build(
        out, 4096, err_op, ops, len(ops), names, len(names), values, len(values)
    )
    assert (rc, err_op[0]) == (code, at)


def test_builder_never_writes_beyond_its_buffer():
    """Every smaller capacity is refused, and the bytes behind it stay."""
    ops = [op & 0xFFFFFFFF for op in (-1, 3, 1, -1, -2, -2)]
    arguments = ffi.NULL, ops, len(ops), b"a\0p\0q\0b\0", 8, b"1234", 4
    need = lib.dlpar_fragment_build(ffi.new("uint8_t[]", 512), 512, *arguments)
    for cap in range(512):
        out = ffi.new("uint8_t[]", b"\xaa" * 511)
        rc = lib.dlpar_fragment_build(out, cap, *arguments)
        assert rc == (need if cap >= need else lib.DLPAR_ERR_NOSPACE)
        assert bytes(out)[cap:511] == b"\xaa" * (511 - cap)


GOOD = blob(ROOT, NODE_A, P, NODE_A, (END_NODE,), (END_NODE,), TAIL)


def patched(offset, word):
    data = bytearray(GOOD)
    pack_into(">I", data, offset, word)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "code", "offset"),
    [
        (GOOD[:39], lib.DLPAR_ERR_TRUNCATED, 0),
        (patched(0, 0xEDFE0DD0), lib.DLPAR_ERR_BADMAGIC, 0),
        (patched(4, len(GOOD) + 1), lib.DLPAR_ERR_TOTALSIZE, 4),
        (patched(4, 39), lib.DLPAR_ERR_TOTALSIZE, 4),
        (
            patched(4, 0x400001) + bytes(0x400000),
            lib.DLPAR_ERR_TOOBIG,
            4,
        ),
        (patched(8, 58), lib.DLPAR_ERR_ALIGNMENT, 8),
        (patched(8, 0xFFFFFFFC), lib.DLPAR_ERR_BLOCK, 8),
        (patched(36, 0xFFFFFFFF), lib.DLPAR_ERR_BLOCK, 8),
        (patched(12, 0xFFFFFFFF), lib.DLPAR_ERR_BLOCK, 12),
        (patched(32, 0xFFFFFFFF), lib.DLPAR_ERR_BLOCK, 12),
        (patched(20, 16), lib.DLPAR_ERR_BADVERSION, 20),
        (patched(24, 18), lib.DLPAR_ERR_BADVERSION, 24),
        (blob((END_NODE,)), lib.DLPAR_ERR_NOROOT, 56),
        (blob(), lib.DLPAR_ERR_NOEND, 56),
        (blob((NOP,)), lib.DLPAR_ERR_NOEND, 60),
        (blob(NODE_A, TAIL), lib.DLPAR_ERR_NODENAME, 60),  # a root with a name
        (blob(ROOT, P, TAIL), lib.DLPAR_ERR_BADVALUE, 64),  # ... or a property
        (blob(ROOT, TAIL), lib.DLPAR_ERR_BADVALUE, 64),  # ... or no child
        (blob(ROOT, ROOT, (END_NODE,), TAIL), lib.DLPAR_ERR_NODENAME, 68),
        (blob(ROOT, (BEGIN, 0x612F6200), (2,), TAIL), lib.DLPAR_ERR_NODENAME, 68),
        (blob(ROOT, (BEGIN, 0x61616161)), lib.DLPAR_ERR_NODENAME, 68),
        (blob(ROOT, NODE_A, NODE_A, (2,), P, (2,), TAIL), -40, 84),  # PROPORDER
        (blob(ROOT, NODE_A, (7,)), lib.DLPAR_ERR_TOKEN, 72),
        (blob(ROOT, NODE_A, (END,)), lib.DLPAR_ERR_NESTING, 72),
        (blob(ROOT, NODE_A, (END_NODE,), (END_NODE,), NODE_A), -35, 80),
        (blob(ROOT, NODE_A, (END_NODE,), (END_NODE,)), lib.DLPAR_ERR_NOEND, 80),
        (blob(ROOT, NODE_A, (PROP, 4, 0)), lib.DLPAR_ERR_PROPLEN, 76),
        (blob(ROOT, NODE_A, (PROP, 0xFFFFFFFF, 0, 0)), lib.DLPAR_ERR_PROPLEN, 76),
        (blob(ROOT, NODE_A, (PROP, 0)), lib.DLPAR_ERR_PROPLEN, 76),
        (blob(ROOT, NODE_A, (PROP, 0, 2)), lib.DLPAR_ERR_NAMEOFF, 80),
        (blob(ROOT, NODE_A, P, strings=b"pp"), lib.DLPAR_ERR_STRING, 84),
        (blob(ROOT, NODE_A, P, (2,), TAIL, strings=b"/\0"), -22, 96),  # BADVALUE
        (blob(ROOT, *[NODE_A] * 65), lib.DLPAR_ERR_TOOBIG, 64 + 8 * 64),
    ],
)
def test_malformed_fragment_is_refused_at_its_byte(data, code, offset):
    with pytest.raises(pydlpar.TreeError, match=f"at byte {offset}") as caught:
        fragment_nodes(data)
    assert (caught.value.code, caught.value.offset) == (code, offset)
    with pytest.raises(pydlpar.TreeError):
        Server(data, 1)


def test_property_twice_in_a_node_is_not_swallowed():
    data = blob(ROOT, NODE_A, P, P, (END_NODE,), TAIL)
    with pytest.raises(pydlpar.ExistsError, match="'p' at byte"):
        fragment_nodes(data)


def test_no_operation_tokens_are_skipped_everywhere():
    nop = (NOP,)
    data = blob(
        nop, ROOT, nop, NODE_A, nop, P, nop, nop, (2,), nop, NODE_A, (2,), nop, TAIL
    )
    expected = [FragmentNode("a", {"p": b""}, []), FragmentNode("a", {}, [])]
    assert fragment_nodes(data) == expected
    assert Server(data, 1).walk().statuses == (2, 3, 4, 2, 0)
    assert Server(data, 1, sibling_status=True).walk().statuses == (2, 3, 1, 0)


def serve_all(data, flags=0):
    """Serve whatever *data* is until it is refused or done; the statuses."""
    cursor = ffi.new("struct dlpar_connector_cursor *")
    area = ffi.new("uint8_t[]", 4096)
    statuses = []
    while not statuses or statuses[-1] > 0:
        before = cursor.off
        status = lib.dlpar_connector_serve(cursor, area, data, len(data), flags)
        assert status in (-1, 0, 1, 2, 3, 4)
        assert status == 0 or cursor.off > before or status == -1
        statuses.append(status)
    return statuses


def test_truncated_and_flipped_fragments_are_survived_by_every_reader():
    """The server's own checks hold too, without the check made beforehand."""
    whole = bytearray(GOOD)
    damaged = [GOOD[:length] for length in range(len(GOOD))]
    for at in range(len(GOOD)):
        for flip in (0x01, 0x02, 0x04, 0x80, 0xFF):
            whole[at] ^= flip
            damaged.append(bytes(whole))
            whole[at] ^= flip
    for data in damaged:
        try:
            fragment_nodes(data)
        except (pydlpar.TreeError, pydlpar.ExistsError):
            pass
        else:
            assert serve_all(data)[-1] == 0
        serve_all(data)
        serve_all(data, lib.DLPAR_CONNECTOR_SIBLING_STATUS)


@given(st.lists(st.sampled_from([1, 2, 3, 4, 9, 0, 0x61000000]), max_size=20))
def test_any_structure_block_is_survived_by_every_reader(words):
    data = blob(ROOT, words, TAIL)
    accepted = True
    try:
        fragment_nodes(data)
    except pydlpar.ExistsError:
        pass
    except pydlpar.TreeError:
        accepted = False
    statuses = serve_all(data)
    assert not accepted or statuses[-1] == 0


@pytest.mark.parametrize(
    ("tokens", "statuses"),
    [
        ((ROOT, TAIL), [-1]),
        ((ROOT, (END,)), [-1]),
        ((ROOT, P, TAIL), [-1]),
        ((ROOT, NODE_A, (END,)), [2, -1]),
        ((ROOT, NODE_A, (END_NODE,), (END,)), [2, -1]),
        ((ROOT, NODE_A, (END_NODE,)), [2, -1]),
        (((END_NODE,),), [-1]),
        ((ROOT, *[NODE_A] * 65), [2] * 64 + [-1]),
    ],
)
def test_server_answers_nonsense_with_hardware_error(tokens, statuses):
    assert serve_all(blob(*tokens)) == statuses


def test_unknown_flag_or_stray_cursor_is_a_hardware_error():
    cursor = ffi.new("struct dlpar_connector_cursor *")
    area = ffi.new("uint8_t[]", 4096)
    serve = lib.dlpar_connector_serve
    assert serve(cursor, area, GOOD, len(GOOD), 2) == -1
    for cursor.off in (len(GOOD), 0xFFFFFFFF, unpack_from(">I", GOOD, 36)[0] - 3):
        assert serve(cursor, area, GOOD, len(GOOD), 0) == -1


def test_walk_without_enough_room_leaves_the_connector_alone():
    """NOSPACE means that the whole walk can be repeated with more."""
    cursor = ffi.new("struct dlpar_connector_cursor *")
    walked = ffi.new("struct dlpar_connector_walked *")
    statuses = ffi.new("int32_t[]", 8)
    for cap in range(200):
        out = ffi.new("uint8_t[]", cap)
        for n_max in (0, 3, 8):
            rc = lib.dlpar_connector_walk(
                out, cap, statuses, n_max, walked, cursor, 1, GOOD, len(GOOD), 0
            )
            fits = cap >= len(GOOD) and n_max == 8
            assert rc == (len(GOOD) if fits else lib.DLPAR_ERR_NOSPACE)
            assert (cursor.off, cursor.depth) == (0, 0)
    assert list(statuses)[: walked.n_calls] == [2, 3, 2, 4, 0]


def test_grow_to_a_smaller_buffer_and_early_finish_are_refused():
    state = ffi.new("struct dlpar_connector_collector *")
    out = ffi.new("uint8_t[]", 64)
    assert lib.dlpar_connector_grow(out, 63, state, out, 64) == lib.DLPAR_ERR_BADARG
    assert lib.dlpar_connector_finish(out, 64, state) == lib.DLPAR_ERR_SEQUENCE
    state.state = lib.DLPAR_ERR_WORKAREA
    assert lib.dlpar_connector_finish(out, 64, state) == lib.DLPAR_ERR_WORKAREA


def test_fragment_cannot_be_finished_twice():
    """Its names have been moved; the second time would read them as offsets."""
    state = ffi.new("struct dlpar_connector_collector *")
    out, area = ffi.new("uint8_t[]", 512), ffi.from_buffer(new_work_area(1))
    pack_into(">I2s", area_buffer := ffi.buffer(area), 8, 0x14, b"")
    pack_into("2s", area_buffer, 0x14, b"n\0")
    collect = lib.dlpar_connector_collect
    assert collect(state, out, 512, ffi.NULL, area, 2) == 1
    assert collect(state, out, 512, ffi.NULL, area, 0) == 0
    assert lib.dlpar_connector_finish(out, 512, state) > 0
    assert lib.dlpar_connector_finish(out, 512, state) == lib.DLPAR_ERR_SEQUENCE


def test_call_after_completion_is_out_of_sequence_in_c_too():
    state, out = ffi.new("struct dlpar_connector_collector *"), ffi.new("uint8_t[]", 8)
    state.state = 1
    rc = lib.dlpar_connector_collect(state, out, 8, ffi.NULL, bytes(4096), 2)
    assert rc == lib.DLPAR_ERR_SEQUENCE


def test_item_list_never_exceeds_its_room():
    items = ffi.new("struct dlpar_fragment_item[]", 5)
    need = lib.dlpar_fragment_items(ffi.NULL, 0, ffi.NULL, GOOD, len(GOOD))
    assert need == 5
    for cap in range(need):
        rc = lib.dlpar_fragment_items(items, cap, ffi.NULL, GOOD, len(GOOD))
        assert rc == lib.DLPAR_ERR_NOSPACE
        assert not any(items[i].kind for i in range(cap, need))


def test_structure_block_of_odd_length_ends_inside_a_name():
    """The name's NUL is there, the padding after it is not."""
    data = bytearray(blob(ROOT, NODE_A, TAIL))
    pack_into(">I", data, 36, 8 + 4 + 2)
    with pytest.raises(pydlpar.TreeError) as caught:
        fragment_nodes(data)
    assert (caught.value.code, caught.value.offset) == (lib.DLPAR_ERR_NODENAME, 68)

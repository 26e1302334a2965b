"""Validation: success, or an error with its own code and byte offset."""

from __future__ import annotations

import pytest
from plaintree import BEGIN_NODE, END, END_NODE, NOP, PROP, begin, blob, cell, prop

from pydlpar import DeviceTree, NoSpaceError, TreeError
from pydlpar._ffi import lib

ROOT = begin()
CLOSE = cell(END_NODE)
DONE = cell(END)
EMPTY = ROOT + CLOSE + DONE
STRUCT = 56  # where the structure block of these blobs begins
NAMES = b"reg\0"
VALUE = b"\0\0\0\1"

# What is wrong, the blob, the code, the offset of the byte that is wrong.
MALFORMED = [
    ("no byte at all", b"", "TRUNCATED", 0),
    ("three bytes", b"\xd0\x0d\xfe", "TRUNCATED", 3),
    ("header cut before the version", blob(EMPTY)[:24], "TRUNCATED", 24),
    ("header cut before its end", blob(EMPTY)[:36], "TRUNCATED", 36),
    ("wrong magic", blob(EMPTY, magic=0xEDFE0DD0), "BADMAGIC", 0),
    ("version 15", blob(EMPTY, version=15), "BADVERSION", 20),
    ("version 1", blob(EMPTY, version=1), "BADVERSION", 20),
    (
        "compatible with 18 only",
        blob(EMPTY, version=18, last_comp=18),
        "BADVERSION",
        24,
    ),
    ("compatible above version", blob(EMPTY, last_comp=18), "BADVERSION", 24),
    ("total size below header", blob(EMPTY, total=39), "TOTALSIZE", 4),
    ("total size beyond input", blob(EMPTY, total=73), "TOTALSIZE", 4),
    ("total size negative", blob(EMPTY, total=0x80000000), "TOOBIG", 4),
    ("structure misaligned", blob(EMPTY, struct_off=57), "ALIGNMENT", 8),
    ("structure in the header", blob(EMPTY, struct_off=36), "BLOCK", 8),
    ("structure beyond the blob", blob(EMPTY, struct_off=76), "BLOCK", 8),
    ("strings in the header", blob(EMPTY, strings_off=39), "BLOCK", 12),
    ("strings beyond the blob", blob(EMPTY, strings_off=73), "BLOCK", 12),
    ("reserve map misaligned", blob(EMPTY, rsv_off=44), "ALIGNMENT", 16),
    ("reserve map in the header", blob(EMPTY, rsv_off=32), "BLOCK", 16),
    ("strings too long", blob(EMPTY, size_strings=1), "BLOCK", 32),
    ("strings size negative", blob(EMPTY, size_strings=0xFFFFFFFF), "BLOCK", 32),
    ("structure too long", blob(EMPTY, size_struct=20), "BLOCK", 36),
    ("reserve map without end", blob(EMPTY, rsv=b"\1" * 16), "RSVMAP", 72),
    ("no root", blob(DONE), "NOROOT", STRUCT),
    ("nothing", blob(b""), "NOEND", STRUCT),
    ("no end token", blob(ROOT + CLOSE), "NOEND", STRUCT + 12),
    ("root not closed", blob(ROOT + DONE), "NESTING", STRUCT + 8),
    ("cut within the root", blob(ROOT), "TRUNCATED", STRUCT + 8),
    ("cut within a token", blob(ROOT + b"\0\0"), "TRUNCATED", STRUCT + 8),
    ("closed twice", blob(ROOT + CLOSE + CLOSE + DONE), "NESTING", STRUCT + 12),
    ("two roots", blob(ROOT + CLOSE + ROOT + CLOSE + DONE), "NESTING", STRUCT + 12),
    ("root with a name", blob(begin(b"a") + CLOSE + DONE), "NODENAME", STRUCT + 4),
    (
        "slash in a name",
        blob(ROOT + begin(b"ab/c") + CLOSE + CLOSE + DONE),
        "NODENAME",
        STRUCT + 8 + 4 + 2,
    ),
    (
        "name without a NUL",
        blob(ROOT + cell(BEGIN_NODE) + b"abcd"),
        "NODENAME",
        STRUCT + 12,
    ),
    (
        "name longer than any",
        blob(ROOT + begin(b"a" * 4096) + CLOSE + CLOSE + DONE),
        "NODENAME",
        STRUCT + 12,
    ),
    ("unknown token", blob(ROOT + cell(5) + CLOSE + DONE), "TOKEN", STRUCT + 8),
    ("property before the root", blob(prop(0, b"") + EMPTY, NAMES), "NESTING", STRUCT),
    (
        "property after the root",
        blob(ROOT + CLOSE + prop(0, b"") + DONE, NAMES),
        "NESTING",
        STRUCT + 12,
    ),
    (
        "property after a subnode",
        blob(ROOT + begin(b"a") + CLOSE + prop(0, VALUE) + CLOSE + DONE, NAMES),
        "PROPORDER",
        STRUCT + 8 + 12,
    ),
    (
        "property header cut",
        blob(ROOT + cell(PROP) + cell(0)),
        "TRUNCATED",
        STRUCT + 8,
    ),
    (
        "value leaves the block",
        blob(ROOT + cell(PROP) + cell(21) + cell(0) + VALUE + CLOSE + DONE, NAMES),
        "PROPLEN",
        STRUCT + 12,
    ),
    (
        "value length overflows",
        blob(
            ROOT + cell(PROP) + cell(0xFFFFFFFD) + cell(0) + VALUE + CLOSE + DONE, NAMES
        ),
        "PROPLEN",
        STRUCT + 12,
    ),
    (
        "name offset at the end",
        blob(ROOT + prop(4, VALUE) + CLOSE + DONE, NAMES),
        "NAMEOFF",
        STRUCT + 16,
    ),
    (
        "name offset far away",
        blob(ROOT + prop(0xFFFFFFFF, VALUE) + CLOSE + DONE, NAMES),
        "NAMEOFF",
        STRUCT + 16,
    ),
    (
        "property name without a NUL",
        blob(ROOT + prop(0, VALUE) + CLOSE + DONE, b"reg"),
        "STRING",
        STRUCT + 16,
    ),
    (
        "property name longer than any",
        blob(ROOT + prop(0, VALUE) + CLOSE + DONE, b"a" * 4096 + b"\0"),
        "STRING",
        STRUCT + 16,
    ),
]


@pytest.mark.parametrize(
    ("data", "code", "offset"),
    [case[1:] for case in MALFORMED],
    ids=[case[0] for case in MALFORMED],
)
def test_malformed_blob_gives_its_code_and_offset(data, code, offset):
    """Each failure has a code of its own and the offset of what is wrong."""
    with pytest.raises(TreeError) as caught:
        DeviceTree.from_dtb(data)
    assert caught.value.code == getattr(lib, f"DLPAR_ERR_{code}")
    assert caught.value.offset == offset
    assert f"at byte {offset}" in str(caught.value)


def test_reserve_map_ends_at_size_zero_alone():
    """An entry with address 0 and a size is an entry; so is any before size 0."""
    rsv = bytes(8) + b"\0" * 7 + b"\5" + b"\7" * 8 + bytes(8)
    tree = DeviceTree.from_dtb(blob(EMPTY, rsv=rsv))
    assert tree.reservations == [(0, 5)]
    assert tree.to_dtb() == blob(EMPTY, rsv=rsv)


def test_bytes_after_the_total_size_are_ignored():
    assert DeviceTree.from_dtb(blob(EMPTY, tail=b"junk")).to_dtb() == blob(EMPTY)


def test_bytes_after_the_end_token_are_left_out():
    assert DeviceTree.from_dtb(blob(EMPTY + b"junk")).to_dtb() == blob(EMPTY)


def test_short_structure_size_needs_lenient():
    """A structure block 4 bytes short of its end token is read when asked to."""
    data = blob(EMPTY, size_struct=len(EMPTY) - 4)
    with pytest.raises(TreeError) as caught:
        DeviceTree.from_dtb(data)
    assert caught.value.code == lib.DLPAR_ERR_NOEND
    assert DeviceTree.from_dtb(data, lenient=True).to_dtb() == blob(EMPTY)


def test_version_16_is_read_and_17_written():
    """Version 16 has no size of the structure block; the result is version 17."""
    data = blob(EMPTY, version=16, boot_cpu=3)
    assert DeviceTree.from_dtb(data).to_dtb() == blob(EMPTY, boot_cpu=3)


def test_later_version_compatible_with_16_is_read():
    assert len(DeviceTree.from_dtb(blob(EMPTY, version=18))) == 1


def test_nops_are_left_out():
    """NOP tokens mean nothing anywhere; what is written has none."""
    nop = cell(NOP)
    noppy = (
        nop + ROOT + nop + prop(0, VALUE) + nop + prop(4, b"") + nop + begin(b"a")
        + nop + CLOSE + nop + begin(b"b") + CLOSE + nop + CLOSE + nop + DONE
    )  # fmt: skip
    names = b"reg\0x\0"
    plain = (
        ROOT + prop(0, VALUE) + prop(4, b"") + begin(b"a") + CLOSE + begin(b"b")
        + CLOSE + CLOSE + DONE
    )  # fmt: skip
    tree = DeviceTree.from_dtb(blob(noppy, names))
    assert tree.to_dtb() == blob(plain, names)
    assert tree.root["reg"] == VALUE


def test_of_equal_property_names_the_first_counts():
    """Also where the strings block spells the name twice; all are kept."""
    data = blob(ROOT + prop(0, b"1") + prop(4, b"2") + CLOSE + DONE, b"reg\0reg\0")
    tree = DeviceTree.from_dtb(data)
    assert tree.root["reg"] == b"1"
    del tree.root["reg"]
    assert tree.root["reg"] == b"2"


def test_of_equal_node_names_the_first_counts():
    """Removing it uncovers the second; a roll-back brings it back first."""
    twins = begin(b"a") + prop(0, b"1") + CLOSE + begin(b"a") + prop(0, b"2") + CLOSE
    data = blob(ROOT + twins + CLOSE + DONE, NAMES)
    tree = DeviceTree.from_dtb(data)
    assert tree["/a"]["reg"] == b"1"
    with tree.transaction() as transaction:
        tree.remove_node("/a")
        assert tree["/a"]["reg"] == b"2"
        transaction.rollback()
    assert tree["/a"]["reg"] == b"1"
    assert tree.to_dtb() == data


def test_of_equal_phandles_the_first_in_tree_order_counts():
    node = prop(0, cell(7))
    data = blob(
        ROOT + begin(b"a") + begin(b"b") + node + CLOSE + node[:0] + CLOSE
        + begin(b"c") + node + CLOSE + CLOSE + DONE,
        b"phandle\0",
    )  # fmt: skip
    tree = DeviceTree.from_dtb(data)
    assert tree.by_phandle(7).path == "/a/b"
    tree.remove_node("/a/b")
    assert tree.by_phandle(7).path == "/c"


def test_many_equal_names_cost_no_more_than_others():
    """Duplicates must not make parsing quadratic: this would take hours."""
    twin = begin(b"a") + prop(0, cell(7)) + CLOSE
    tree = DeviceTree.from_dtb(blob(ROOT + twin * 200_000 + CLOSE + DONE, b"phandle\0"))
    assert len(tree) == 200_001


def test_names_may_have_any_byte():
    """Bytes that are no UTF-8 survive in node and property names."""
    data = blob(
        ROOT + begin(b"\xff\x01 @") + prop(0, b"") + CLOSE + CLOSE + DONE, b"\xfe\0"
    )
    tree = DeviceTree.from_dtb(data)
    (node,) = tree.root.children
    assert node.name == "\udcff\x01 @"
    assert list(node.properties) == ["\udcfe"]
    assert tree[node.path] == node
    assert node["\udcfe"] == b""
    assert tree.to_dtb() == data


def test_name_inside_another_name_is_read():
    """Strings blocks may share tails: an offset into the middle of a string."""
    data = blob(ROOT + prop(0, b"1") + prop(4, b"2") + CLOSE + DONE, b"my-reg\0")
    tree = DeviceTree.from_dtb(data)
    assert dict(tree.root.properties) == {"my-reg": b"1", "eg": b"2"}


def test_memory_limit_is_kept():
    """A blob that needs more than the limit is refused, whatever the limit."""
    data = blob(ROOT + (begin(b"a") + CLOSE) * 3 + CLOSE + DONE)
    need = DeviceTree.from_dtb(data).memory
    for limit in range(1, need, 97):
        with pytest.raises(NoSpaceError):
            DeviceTree.from_dtb(data, memory_limit=limit)


def test_any_buffer_is_taken_and_nothing_else():
    data = blob(EMPTY)
    for form in (bytes, bytearray, memoryview):
        assert DeviceTree.from_dtb(form(data)).to_dtb() == data
    with pytest.raises(TypeError):
        DeviceTree.from_dtb("text")


def test_real_trees_come_back_byte_for_byte(real_trees):
    """Parse and write-out of what QEMU makes is the identity."""
    for name, data in real_trees.items():
        assert DeviceTree.from_dtb(data).to_dtb() == data, name

"""What a device tree may be where readers differ; docs/blobs.md lists each rule.

The rules of names twice, of NOPs and of the reserve map stand in test_tree_parse.
"""

from __future__ import annotations

import re

import pytest
from blobwalk import REFUSED
from libfdt_oracle import every_libfdt
from places import ROOT as TOP
from places import TESTS
from plaintree import END, END_NODE, NOP, begin, blob, cell, prop

from pydlpar import DeviceTree, TreeError
from pydlpar._ffi import lib

ROOT, CLOSE, DONE = begin(), cell(END_NODE), cell(END)
EMPTY = ROOT + CLOSE + DONE
DOCS = TOP / "docs" / "blobs.md"


def _code(data: bytes, **options: bool) -> int:
    with pytest.raises(TreeError) as caught:
        DeviceTree.from_dtb(data, **options)
    return caught.value.code


@pytest.mark.parametrize("version", [*range(16), 18, 19, 0xFFFFFFFF])
def test_version_below_16_or_that_needs_a_newer_reader(version):
    """The message says which version it is and which are read."""
    data = blob(EMPTY, version=version, last_comp=version)
    with pytest.raises(TreeError, match=rf"version {version}, .* expected .*16 or 17"):
        DeviceTree.from_dtb(data)
    assert _code(data) == lib.DLPAR_ERR_BADVERSION


@pytest.mark.parametrize("last_comp", [0, 1, 15, 16, 17])
@pytest.mark.parametrize("version", [16, 17, 18, 0xFFFFFFFF])
def test_versions_that_are_read_become_17(version, last_comp):
    """Any that says a reader of 17 understands it; written as 17, compatible 16."""
    data = blob(EMPTY, version=version, last_comp=last_comp, boot_cpu=9)
    if last_comp > version:
        assert _code(data) == lib.DLPAR_ERR_BADVERSION
    else:
        assert DeviceTree.from_dtb(data).to_dtb() == blob(EMPTY, boot_cpu=9)


def _padded(fill: bytes) -> bytes:
    """A blob with odd bytes wherever padding is: names, values, between blocks."""
    name = cell(1) + b"ab\0" + fill[:1]
    value = cell(3) + cell(1) + cell(0) + b"\x07" + fill[:3]
    even = prop(0, b"1234")
    structure = ROOT[:5] + fill[:3] + value + even + name + value + CLOSE + CLOSE + DONE
    return blob(structure, b"reg\0")


def test_padding_may_have_any_value_and_is_kept():
    """It comes back byte for byte, also around a value that is edited in place."""
    data = _padded(b"\xff\xfe\xfd")
    tree = DeviceTree.from_dtb(data)
    assert (tree.root["reg"], tree["/ab"]["reg"]) == (b"\x07", b"\x07")
    assert tree.to_dtb() == data
    tree["/ab"]["reg"] = b"\x08"
    assert tree.to_dtb().count(b"\xff\xfe\xfd") == 3
    assert tree.to_dtb() != data


def test_padding_of_a_value_written_anew_is_zero():
    """Of the value alone; what stands beside it in the node keeps its own."""
    tree = DeviceTree.from_dtb(_padded(b"\xff\xfe\xfd"))
    tree["/ab"]["reg"] = b"12345"
    written = tree.to_dtb()
    assert cell(3) + cell(5) + cell(0) + b"12345\0\0\0" in written
    assert b"ab\0\xff" in written
    assert written.count(b"\xff\xfe\xfd") == 2


def test_bytes_between_and_behind_blocks_are_left_out():
    """What no block covers means nothing: it is not written, and is no error."""
    structure = EMPTY + b"behind END"
    strings = 56 + len(structure) + 5
    data = blob(structure, strings_off=strings, size_strings=0, total=strings + 7)
    assert DeviceTree.from_dtb(data + bytes(20)).to_dtb() == blob(EMPTY)


def test_lenient_is_for_the_size_of_the_structure_block_alone():
    """It reads on up to the total size, and refuses everything else as ever."""
    for short in (4, 8, len(EMPTY)):
        data = blob(EMPTY, size_struct=len(EMPTY) - short)
        assert _code(data) in (lib.DLPAR_ERR_NOEND, lib.DLPAR_ERR_TRUNCATED)
        assert DeviceTree.from_dtb(data, lenient=True).to_dtb() == blob(EMPTY)
    cut = blob(ROOT + CLOSE)
    assert _code(cut, lenient=True) == lib.DLPAR_ERR_NOEND
    late = ROOT + begin(b"a") + CLOSE + prop(0, b"") + CLOSE + DONE
    assert _code(blob(late, b"reg\0"), lenient=True) == lib.DLPAR_ERR_PROPORDER
    longer = blob(EMPTY, size_struct=len(EMPTY) + 4)
    assert _code(longer, lenient=True) == lib.DLPAR_ERR_BLOCK


@pytest.mark.parametrize("version", [16, 17])
def test_strings_block_ends_where_the_header_says(version):
    """In version 16 too, where libfdt does not look at its size."""
    structure = ROOT + prop(4, b"") + CLOSE + DONE
    names = b"reg\0size\0"
    assert (
        DeviceTree.from_dtb(blob(structure, names, version=version)).root["size"] == b""
    )
    beyond = blob(structure, names, version=version, size_strings=4)
    assert _code(beyond) == lib.DLPAR_ERR_NAMEOFF
    cut = blob(structure, names, version=version, size_strings=8)
    assert _code(cut) == lib.DLPAR_ERR_STRING


@pytest.mark.parametrize("length", [31, 32, 1000, 4095])
def test_names_of_any_length_up_to_4095(length):
    """The specification's 31 is for a lint; found by path, read, written back."""
    name = b"n" * length
    structure = ROOT + begin(name) + prop(0, b"7") + CLOSE + CLOSE + DONE
    data = blob(structure, b"p" * length + b"\0")
    tree = DeviceTree.from_dtb(data)
    assert tree["/" + name.decode()]["p" * length] == b"7"
    assert tree.to_dtb() == data


def test_property_without_a_name_is_kept():
    """It can be read, changed and removed; a new one cannot be made."""
    data = blob(ROOT + prop(0, b"7") + CLOSE + DONE, b"\0")
    tree = DeviceTree.from_dtb(data)
    assert dict(tree.root.properties) == {"": b"7"}
    assert tree.to_dtb() == tree.to_dtb(compact=True) == data
    del tree.root[""]
    assert dict(tree.root.properties) == {}


def test_nop_before_and_behind_the_root():
    """They are left out; libfdt finds no node behind the first kind."""
    nop = cell(NOP)
    data = blob(nop + ROOT + begin(b"a") + CLOSE + CLOSE + nop + DONE)
    tree = DeviceTree.from_dtb(data)
    assert tree["/a"].path == "/a"
    assert tree.to_dtb() == blob(ROOT + begin(b"a") + CLOSE + CLOSE + DONE)


def test_buffer_may_lie_anywhere(small_tree):
    """No alignment is asked of the bytes, only of the blocks within them."""
    for shift in range(1, 8):
        view = memoryview(bytes(shift) + small_tree)[shift:]
        assert DeviceTree.from_dtb(view).to_dtb() == small_tree


def test_written_blob_is_what_libfdt_would_not_refuse():
    """Of the oddest tree that is read: libfdt takes what comes out."""
    odd = ROOT + prop(0, b"1") + prop(4, b"2") + begin(b"\xff @,") + CLOSE + CLOSE
    data = blob(cell(NOP) + odd + cell(NOP) + DONE, b"reg\0\0", version=16)
    written = DeviceTree.from_dtb(data).to_dtb()
    assert all(fdt.check_full(written) == "OK" for fdt in every_libfdt().values())


def test_document_names_tests_that_exist():
    """Each rule of docs/blobs.md says which test proves it, and each is there."""
    named = re.findall(r"`(test_\w+)\.py::(test_\w+)`", DOCS.read_text())
    assert len(named) > 20
    for module, test in named:
        assert f"def {test}(" in (TESTS / f"{module}.py").read_text(), (module, test)


def test_document_lists_every_difference_from_libfdt():
    """The reasons that the comparison with libfdt knows, with their errors."""
    text = DOCS.read_text()
    for reason, code in REFUSED.items():
        assert f"| {reason} | `{code}` |" in text

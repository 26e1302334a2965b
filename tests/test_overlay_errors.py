"""Overlays that do not apply: what the error says, and that nothing has changed.

Damaged input gives a tree or a documented error, never anything else.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from overlays import base, blob, overlay, with_local_fixups
from plaintree import cell

import pydlpar
from pydlpar import DeviceTree, OverlayError
from pydlpar._ffi import ffi, lib
from pydlpar.overlay import OverlayReason

CODES = {getattr(lib, name) for name in dir(lib) if name.startswith("DLPAR_ERR_")}
NOTFOUND, MALFORMED = lib.DLPAR_ERR_NOTFOUND, lib.DLPAR_ERR_OVERLAY
TARGET = {"target": cell(~0)}
USER = "/fragment@0/__overlay__/user"
USED = {"/user": {"dmas": cell(1) + cell(2)}}


def fixed(entry: bytes, symbol: str = "uart", **user: bytes) -> bytes:
    """An overlay with one property in `__fixups__`."""
    content = {"": {}, "/user": user or {"dmas": cell(~0)}}
    return overlay(content, fixups={symbol: entry})


def local(where: dict[str, dict[str, bytes]]) -> bytes:
    return with_local_fixups({"": {}, **USED}, where)


def labelled(value: bytes) -> bytes:
    return overlay({"": {}}, symbols={"led": value})


def place(**known: object) -> dict[str, object]:
    names = ("fragment", "symbol", "path", "property", "position")
    return dict.fromkeys(names) | known


def used(symbol: str, **more: object) -> dict[str, object]:
    return place(
        fragment="fragment@0", symbol=symbol, path=USER, property="dmas", **more
    )


ENTRY = USER.encode() + b":dmas:0\0"
FAILURES = {
    "no symbol": (
        fixed(ENTRY, "gone"),
        (OverlayReason.NO_SYMBOL, NOTFOUND),
        used("gone"),
    ),
    "symbol of no node": (
        fixed(ENTRY, "lost"),
        (OverlayReason.SYMBOL_NODE, NOTFOUND),
        used("lost"),
    ),
    "symbol of a node without a phandle": (
        fixed(ENTRY, "bare"),
        (OverlayReason.SYMBOL_PHANDLE, NOTFOUND),
        used("bare"),
    ),
    "no node of the target's phandle": (
        overlay({"": {}}, {"target": cell(3)}),
        (OverlayReason.TARGET_NODE, NOTFOUND),
        place(fragment="fragment@0", path="/fragment@0", property="target"),
    ),
    "no node of the target's path": (
        overlay({"": {}}, {"target-path": b"/none\0"}),
        (OverlayReason.TARGET_PATH, NOTFOUND),
        place(fragment="fragment@0", path="/fragment@0", property="target-path"),
    ),
    "target path without an end": (
        overlay({"": {}}, {"target-path": b"/soc"}),
        (OverlayReason.TARGET_VALUE, MALFORMED),
        place(fragment="fragment@0", path="/fragment@0", property="target-path"),
    ),
    "target of two cells": (
        overlay({"": {}}, {"target": cell(1) + cell(1)}),
        (OverlayReason.TARGET_VALUE, MALFORMED),
        place(fragment="fragment@0", path="/fragment@0", property="target"),
    ),
    "target not filled in": (
        overlay({"": {}}, TARGET),
        (OverlayReason.TARGET_VALUE, MALFORMED),
        place(fragment="fragment@0", path="/fragment@0", property="target"),
    ),
    "no target": (
        overlay({"": {}}, {"x": b""}),
        (OverlayReason.NO_TARGET, MALFORMED),
        place(fragment="fragment@0", path="/fragment@0"),
    ),
    "phandle of three bytes": (
        overlay({"": {}, "/user": {"phandle": b"abc"}}),
        (OverlayReason.PHANDLE_LENGTH, MALFORMED),
        place(fragment="fragment@0", path=USER, property="phandle"),
    ),
    "phandle too large": (
        overlay({"": {}, "/user": {"phandle": cell(0xFFFFFFFF - 7)}}),
        (OverlayReason.PHANDLE_RANGE, MALFORMED),
        place(fragment="fragment@0", path=USER, property="phandle"),
    ),
    "local fixup of no node": (
        local({"/none": {"dmas": cell(0)}}),
        (OverlayReason.LOCAL_NODE, MALFORMED),
        place(fragment="fragment@0", path="/fragment@0/__overlay__/none"),
    ),
    "local fixup of no property": (
        local({"/user": {"none": cell(0)}}),
        (OverlayReason.FIXUP_PROPERTY, MALFORMED),
        place(fragment="fragment@0", path=USER, property="none"),
    ),
    "local fixup of five bytes": (
        local({"/user": {"dmas": cell(0) + b"x"}}),
        (OverlayReason.LOCAL_LENGTH, MALFORMED),
        place(fragment="fragment@0", path=USER, property="dmas"),
    ),
    "local fixup beyond the value": (
        local({"/user": {"dmas": cell(4) + cell(5)}}),
        (OverlayReason.FIXUP_OFFSET, MALFORMED),
        place(fragment="fragment@0", path=USER, property="dmas", position=5),
    ),
    "local fixup in a short value": (
        with_local_fixups({"": {"a": b"abc"}}, {"": {"a": cell(0)}}),
        (OverlayReason.FIXUP_OFFSET, MALFORMED),
        place(
            fragment="fragment@0",
            path="/fragment@0/__overlay__",
            property="a",
            position=0,
        ),
    ),
    "fixup in no node": (
        fixed(b"/fragment@0/__overlay__/none:dmas:0\0"),
        (OverlayReason.FIXUP_NODE, MALFORMED),
        used("uart") | {"path": "/fragment@0/__overlay__/none"},
    ),
    "fixup in no property": (
        fixed(USER.encode() + b":none:0\0"),
        (OverlayReason.FIXUP_PROPERTY, MALFORMED),
        used("uart") | {"property": "none"},
    ),
    "fixup beyond the value": (
        fixed(USER.encode() + b":dmas:1\0"),
        (OverlayReason.FIXUP_OFFSET, MALFORMED),
        used("uart", position=1),
    ),
    "symbol with two strings": (
        labelled(b"/fragment@0/__overlay__/a\0b\0"),
        (OverlayReason.LABEL_PATH, MALFORMED),
        place(fragment="fragment@0", symbol="led", path="/fragment@0/__overlay__/a"),
    ),
    "symbol in no fragment": (
        labelled(b"/fragment@9/__overlay__/a\0"),
        (OverlayReason.LABEL_FRAGMENT, MALFORMED),
        place(symbol="led", path="/fragment@9/__overlay__/a"),
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_error_says_what_and_where(name):
    """Reason, code and every part of the place; the tree is what it was."""
    data, (reason, code), where = FAILURES[name]
    tree = base(lost="/none")
    before = tree.to_dtb()
    with pytest.raises(OverlayError) as caught:
        tree.apply_overlay(data)
    error = caught.value
    assert (error.reason, error.code) == (reason, code)
    assert {key: getattr(error, key) for key in where} == where
    assert tree.to_dtb() == before


def test_message_is_one_that_can_be_acted_on():
    data, _, _ = FAILURES["no symbol"]
    with pytest.raises(OverlayError) as caught:
        base().apply_overlay(data)
    assert str(caught.value) == (
        "overlay, fragment 'fragment@0', symbol 'gone', path "
        "'/fragment@0/__overlay__/user', property 'dmas': "
        "the base's /__symbols__ has no such symbol"
    )


def test_base_without_symbols():
    """Said as such: the base was compiled without them (dtc -@)."""
    with pytest.raises(OverlayError, match="no /__symbols__") as caught:
        DeviceTree.from_dtb(blob({"/": {}, "/soc": {}})).apply_overlay(fixed(ENTRY))
    assert caught.value.reason is OverlayReason.NO_SYMBOLS


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"\0",
        b"/fragment@0\0",
        b"/fragment@0:\0",
        b"/fragment@0:target\0",
        b"/fragment@0::0\0",
        b"/fragment@0:target:\0",
        b"/fragment@0:target:x\0",
        b"/fragment@0:target: 0\0",
        b"/fragment@0:target:-0\0",
        b"/fragment@0:target:0x0\0",
        b"/fragment@0:target:0:\0",
        b"/fragment@0:target:4294967296\0",
        b"/fragment@0:target:00000000000\0",
        b"/fragment@0:target:0",
        ENTRY + b"x",
    ],
)
def test_fixup_that_is_no_place(entry):
    """Path, property and a decimal offset, each ended by a NUL."""
    with pytest.raises(OverlayError) as caught:
        base().apply_overlay(fixed(entry))
    assert caught.value.reason is OverlayReason.FIXUP_FORM
    assert caught.value.symbol == "uart"


def test_symbol_without_an_end_names_no_node():
    tree = base()
    tree["/__symbols__"]["uart"] = b"/soc/uart@0"
    with pytest.raises(OverlayError) as caught:
        tree.apply_overlay(fixed(ENTRY))
    assert caught.value.reason is OverlayReason.SYMBOL_NODE


def test_error_while_symbols_are_merged_undoes_the_rest():
    """The last step fails after nodes were added: they are gone again."""
    tree = base()
    before = tree.to_dtb()
    with pytest.raises(OverlayError):
        tree.apply_overlay(
            overlay({"": {"x": b"1"}, "/new": {}}, symbols={"new": b"relative\0"})
        )
    assert tree.to_dtb() == before


def test_every_reason_has_a_text_of_its_own():
    texts = [lib.dlpar_overlay_reason_text(reason) for reason in OverlayReason]
    words = {ffi.string(text) for text in texts}
    assert len(words) == len(OverlayReason)
    assert ffi.string(lib.dlpar_overlay_reason_text(99)) == b"unknown reason"


def test_what_is_no_tree_is_no_overlay():
    with pytest.raises(pydlpar.TreeError):
        base().apply_overlay(b"not a tree")


WHOLE = with_local_fixups(
    {
        "": {},
        "/uart@0": {"phandle": cell(1), "status": b"okay\0"},
        "/user": {"dmas": cell(1) + cell(9) + cell(~0)},
    },
    {"/user": {"dmas": cell(0)}},
)
_tree = DeviceTree.from_dtb(WHOLE)
_tree.add_node("/__fixups__", {"soc": USER.encode() + b":dmas:8\0"})
_tree.add_node("/__symbols__", {"u": USER.encode() + b"\0"})
WHOLE = _tree.to_dtb()


@given(
    st.lists(
        st.tuples(
            st.integers(56, len(WHOLE) - 1),
            st.sampled_from([0, 1, 4, 255, ord(":"), ord("/"), ord("0")])
            | st.integers(0, 255),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_damaged_overlay_gives_a_tree_or_a_documented_error(damage):
    """Bytes overwritten anywhere behind the header; an error changes nothing."""
    data = bytearray(WHOLE)
    for at, value in damage:
        data[at] = value
    tree = base()
    before = tree.to_dtb()
    try:
        tree.apply_overlay(data)
    except pydlpar.DlparError as raised:
        error = raised
        assert tree.to_dtb() == before
    else:
        DeviceTree.from_dtb(tree.to_dtb())
        return
    assert error.code in CODES


def test_undamaged_overlay_applies():
    """What the damage is done to is right."""
    tree = base()
    tree.apply_overlay(WHOLE)
    assert tree["/soc/user"].u32s("dmas") == (7, 9, 1)
    assert tree["/__symbols__"].string("u") == "/soc/user"

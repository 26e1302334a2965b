"""Properties on their way to the core: the stream, whatever holds the bytes."""

from __future__ import annotations

import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydlpar import ArgumentError
from pydlpar.names import decode_props, encode_name, encode_props

WORDS = memoryview(b"\0\0\0\1\0\0\0\2").cast("I")
HOLDERS = (bytes, bytearray, memoryview, lambda data: memoryview(data)[::1])


def plain(props: dict[str, bytes]) -> bytes:
    """The stream as `dlpar_tree_add()` describes it."""
    return b"".join(
        len(encode_name(name)).to_bytes(4, "big")
        + len(value).to_bytes(4, "big")
        + encode_name(name)
        + value
        for name, value in props.items()
    )


@given(
    st.dictionaries(st.text(max_size=8), st.binary(max_size=9), max_size=80),
    st.sampled_from(HOLDERS),
)
def test_a_stream_has_lengths_names_and_values(props, holder) -> None:
    """Of one property or eighty; bytes of any type."""
    try:
        expected = plain(props)
    except ArgumentError:
        with pytest.raises(ArgumentError):
            encode_props(props)
        return
    held = {name: holder(value) for name, value in props.items()}
    assert encode_props(held) == encode_props(held) == expected
    assert dict(decode_props(expected)) == {
        encode_name(name): value for name, value in props.items()
    }


def test_nodes_of_one_shape_keep_their_values_apart() -> None:
    """Same names and sizes, other values; then other sizes of the same names."""
    for values in ((b"ab", b"c"), (b"de", b"f"), (b"d", b"ef"), (b"", b"")):
        props = dict(zip(("x", "y"), values, strict=True))
        assert encode_props(props) == plain(props)


def test_items_of_several_bytes_count_as_bytes() -> None:
    """A memoryview of two words has eight bytes, not two."""
    props = {"reg": WORDS, "name": b"cpu\0"}
    assert len(WORDS) == 2
    assert encode_props(props) == plain({"reg": bytes(WORDS), "name": b"cpu\0"})


@pytest.mark.parametrize(
    "value", ["text", 7, None, [1], array.array("I", [1, 2])], ids=repr
)
def test_what_is_no_bytes_is_refused(value: object) -> None:
    """Never a guess at what a number might mean."""
    with pytest.raises(TypeError, match="a property value is bytes-like, not"):
        encode_props({"a": b"1", "reg": value})

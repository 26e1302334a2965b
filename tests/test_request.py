"""The newest grammar of `/sys/kernel/dlpar`, and requests as records.

Whatever is written: a request, or RequestError with the errno of write(2).
"""

from __future__ import annotations

import errno
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydlpar.constants import Action, IdType, Resource
from pydlpar.errors import ArgumentError, RequestError
from pydlpar.request import DIALECTS, PAGE_SIZE, HotplugRequest, parse_request

U32 = st.integers(0, 0xFFFFFFFF)


def rejected(data, dialect="6.12"):
    """The RequestError that *data* gives; its errno is always EINVAL."""
    with pytest.raises(RequestError) as caught:
        parse_request(data, dialect)
    assert caught.value.errno == errno.EINVAL
    return caught.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("memory add index 0x80000001", (2, 1, 2, 0x80000001, None)),
        ("memory remove index 0x800003fe", (2, 2, 2, 0x800003FE, None)),
        ("memory add count 2", (2, 1, 3, None, 2)),
        ("memory remove count 1", (2, 2, 3, None, 1)),
        ("memory add indexed-count 4 0x80000010", (2, 1, 4, 0x80000010, 4)),
        ("memory remove indexed-count 4 2147483664", (2, 2, 4, 0x80000010, 4)),
        ("cpu add index 0x10000008", (1, 1, 2, 0x10000008, None)),
        ("cpu remove index 0x10000008", (1, 2, 2, 0x10000008, None)),
        ("cpu add count 2", (1, 1, 3, None, 2)),
        ("cpu remove indexed-count 2 0", (1, 2, 4, 0, 2)),
        ("dt add index 0x20000001", (7, 1, 2, 0x20000001, None)),
        ("dt remove index 0x20000001", (7, 2, 2, 0x20000001, None)),
        ("dt remove count 3", (7, 2, 3, None, 3)),
    ],
)
def test_every_form_is_parsed_with_and_without_newline(text, expected):
    """2.1: all resources take all id types at the parser."""
    request = parse_request(text)
    assert request == (*expected, None)
    assert isinstance(request.resource, Resource)
    assert isinstance(request.action, Action)
    assert isinstance(request.id_type, IdType)
    assert parse_request(text.encode() + b"\n") == request


@pytest.mark.parametrize(
    "text",
    [
        "memory\n add\n count\n 1\n",
        "memory add count 1 junk junk",
        "memory add count 1 \n",
        "memory add count 1 ",
        "memory add count 1\0 garbage",
        "memory add count 1\0\0\0",
        "memory add count 1\n\0",
    ],
)
def test_what_stands_behind_the_last_number_is_ignored(text):
    """2.1, 1.2: one newline a token; trailing tokens and bytes after NUL dropped."""
    assert parse_request(text) == HotplugRequest.by_count(
        Resource.MEMORY, Action.ADD, 1
    )


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("10", 10),
        ("0x10", 16),
        ("0X10", 16),
        ("0xABCdef", 0xABCDEF),
        ("010", 8),
        ("0", 0),
        ("00", 0),
        ("0x0000000000000000000000001", 1),
        ("00000000000000000000000017", 15),
        ("+7", 7),
        ("+0x7", 7),
        ("7\n", 7),
        ("4294967295", 0xFFFFFFFF),
        ("0xffffffff", 0xFFFFFFFF),
        ("037777777777", 0xFFFFFFFF),
    ],
)
def test_numbers_are_read_as_kstrtou32_does(number, value):
    """2.2, the accepted rows."""
    assert parse_request(f"memory add count {number}").count == value
    assert parse_request(f"memory add index {number}").drc_index == value
    request = parse_request(f"memory add indexed-count {number} {number}")
    assert (request.count, request.drc_index) == (value, value)


@pytest.mark.parametrize(
    "number",
    [
        *("-1", "7\t", "7\n\n", "0x", "0X\n", "08", "0b1", "0o7", "1e3", "++1", "+"),
        *("", "\n", "1_000", "0x1_0", "\u0661", "7\r", "800003fe", "x10"),
        *("4294967296", "0x100000000", "040000000000", "9" * 30, "f" * 30),
        *("9" * 5000, "0x" + "f" * 5000, "0" + "7" * 5000),
    ],
)
def test_other_numbers_are_einval(number):
    """2.2: invalid and out of range alike; no fallback from index to count."""
    for form in ("count", "index", "indexed-count 1", "indexed-count"):
        error = rejected(f"memory add {form} {number} ")
        assert error.token == number.encode()


@pytest.mark.parametrize(
    ("text", "token", "message"),
    [
        ("\n", b"\n", "invalid resource '\\n' at byte 0: expected memory, cpu, dt"),
        ("", b"", "invalid resource '' at byte 0"),
        ("\0memory add count 1", b"", "invalid resource '' at byte 0"),
        ("memory", None, "no action given: expected add, remove"),
        ("memory ", b"", "invalid action '' at byte 7"),
        ("memory add", None, "no id type given"),
        ("memory add ", b"", "invalid id type '' at byte 11"),
        ("memory add count", None, "no count given"),
        ("memory add count\n", None, "no count given"),
        ("memory add count ", b"", "invalid count '' at byte 17"),
        ("memory add index", None, "no index given"),
        ("memory add indexed-count 2", None, "no index given"),
        ("memory add indexed-count", None, "no count given"),
        ("memory add indexed-count x 1", b"x", "invalid count 'x' at byte 25"),
        ("memory add indexed-count 1 x", b"x", "invalid index 'x' at byte 27"),
        ("Memory add count 1", b"Memory", "invalid resource 'Memory'"),
        ("MEMORY add count 1", b"MEMORY", "invalid resource"),
        ("memory ADD count 1", b"ADD", "invalid action 'ADD' at byte 7"),
        ("memory  add count 1", b"", "invalid action '' at byte 7"),
        (" memory add count 1", b"", "invalid resource '' at byte 0"),
        ("memory\tadd\tcount\t1", b"memory\tadd\tcount\t1", "invalid resource"),
        ("memory\r add count 1", b"memory\r", "invalid resource"),
        ("memory\n\n add count 1", b"memory\n\n", "invalid resource"),
        ("pmem add index 1", b"pmem", "invalid resource"),
        ("pci add index 1", b"pci", "invalid resource"),
        ("phb add index 1", b"phb", "invalid resource"),
        ("slot add index 1", b"slot", "invalid resource"),
        ("memory readd index 1", b"readd", "invalid action"),
        ("memory update index 1", b"update", "invalid action"),
        ("memory add drc-name X", b"drc-name", "invalid id type"),
        ("memory add name X", b"name", "invalid id type"),
    ],
)
def test_malformed_text_is_einval_and_says_where(text, token, message):
    """2.3: one row each; the token, its place and what was expected."""
    error = rejected(text)
    assert error.token == token
    assert message in str(error)


def test_long_token_is_not_repeated_whole():
    assert len(str(rejected("x" * 60000))) < 120


def test_only_the_first_page_is_looked_at():
    """1.2: a write is cut to one page, wherever that falls."""
    head = b"memory add count 1 "
    assert parse_request(head + b"x" * (2 * PAGE_SIZE)).count == 1
    spaces = b"memory add count" + b"0" * PAGE_SIZE
    assert rejected(spaces).errno == errno.EINVAL
    number = b"memory add count " + b"0" * (PAGE_SIZE - 18) + b"12"
    assert parse_request(number).count == 1


def test_text_is_taken_as_utf_8_whatever_it_holds():
    assert rejected("memör add count 1").token == "memör".encode()
    assert rejected("\ud800 add count 1").token is not None


def test_unknown_dialect_is_named():
    with pytest.raises(ArgumentError, match=r"'2\.6': expected one of 4\.1, 4\.5"):
        parse_request("memory add count 1", "2.6")


@given(st.binary(max_size=80) | st.text(max_size=80), st.sampled_from(list(DIALECTS)))
def test_anything_is_a_request_or_a_request_error(data, dialect):
    try:
        request = parse_request(data, dialect)
    except RequestError:
        assert rejected(data, dialect)
    else:
        assert parse_request(str(request), dialect) == request


WORDS = st.sampled_from(
    [
        *("memory", "cpu", "dt", "add", "remove", "index", "count", "indexed-count"),
        *("1", "0x10000002", "", "-1", "memory\n", "\t", "\0", "0x", "4294967296"),
    ]
)


@given(st.lists(WORDS, max_size=7), st.sampled_from(list(DIALECTS)))
def test_words_in_any_order_are_a_request_or_a_request_error(words, dialect):
    """Canonical text of what is accepted is accepted again, and equal."""
    try:
        request = parse_request(" ".join(words), dialect)
    except RequestError:
        return
    assert parse_request(str(request), dialect) == request


@given(st.sampled_from([Resource.CPU, Resource.MEMORY, Resource.DT]), U32, U32)
def test_canonical_text_is_read_back(resource, index, count):
    for action in Action:
        for request in (
            HotplugRequest.index(resource, action, index),
            HotplugRequest.by_count(resource, action, count),
            HotplugRequest.indexed_count(resource, action, count, index),
        ):
            assert parse_request(str(request)) == request
            assert hash(parse_request(str(request))) == hash(request)


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (
            HotplugRequest.index(Resource.CPU, Action.ADD, 0x10000008),
            "cpu add index 0x10000008",
        ),
        (
            HotplugRequest.by_count(Resource.MEMORY, Action.REMOVE, 2),
            "memory remove count 2",
        ),
        (
            HotplugRequest.indexed_count(Resource.MEMORY, Action.ADD, 2, 0x80000010),
            "memory add indexed-count 2 0x80000010",
        ),
        (HotplugRequest.by_name(Resource.PCI, Action.ADD, "C3"), "pci add drc-name C3"),
        (HotplugRequest(9, 3, 8), "resource-9 action-3 id-type-8"),
    ],
)
def test_text_names_count_before_index(request_, text):
    assert str(request_) == text


def test_numbers_that_do_not_fit_are_refused():
    with pytest.raises(ArgumentError, match="index 0x100000000: expected"):
        HotplugRequest.index(Resource.CPU, Action.ADD, 1 << 32)
    with pytest.raises(ArgumentError, match="count -0x1: expected"):
        HotplugRequest.by_count(Resource.CPU, Action.ADD, -1)


@pytest.mark.parametrize(
    ("id_type", "expected"),
    [
        (IdType.DRC_NAME, (None, None, "C3")),
        (IdType.DRC_INDEX, (5, None, None)),
        (IdType.DRC_COUNT, (None, 6, None)),
        (IdType.INDEXED_COUNT, (5, 6, None)),
        (77, (None, None, None)),
    ],
)
def test_section_gives_what_its_id_type_uses(id_type, expected):
    """Whatever the other words of a section hold; unknown numbers stay numbers."""
    section = SimpleNamespace(
        resource=2, action=9, id_type=int(id_type), drc_index=5, count=6, drc_name="C3"
    )
    request = HotplugRequest.from_section(section)
    assert request == (Resource.MEMORY, 9, id_type, *expected)
    assert request.resource is Resource.MEMORY


def test_bytes_are_the_hotplug_section():
    """3.5: the union holds the count before the index."""
    request = parse_request("memory add indexed-count 4 0x80000010")
    assert bytes(request)[:4] == bytes.fromhex("48500014")
    assert bytes(request)[8:] == bytes.fromhex("02010400 00000004 80000010")
    assert bytes(parse_request("cpu remove index 0x10000008"))[8:] == bytes.fromhex(
        "01020200 10000008 00000000"
    )

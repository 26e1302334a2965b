"""Grammars of older kernels: prefixes with fixed skips, and who accepts what."""

from __future__ import annotations

import errno

import pytest

from pydlpar.constants import Action, Resource
from pydlpar.errors import RequestError
from pydlpar.request import DIALECTS, HotplugRequest, parse_request

PREFIX = ["4.1", "4.5"]
TOKEN = ["4.10", "5.16", "6.12"]


def accepts(text, dialect):
    try:
        parse_request(text, dialect)
    except RequestError:
        return False
    return True


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("memory add index 1", "4.1"),
        ("memory remove index 1", "4.1"),
        ("memory add count 1", "4.1"),
        ("memory remove count 1", "4.1"),
        ("memory add indexed-count 1 2", "4.10"),
        ("memory remove indexed-count 1 2", "4.10"),
        ("cpu add index 1", "4.5"),
        ("cpu remove index 1", "4.5"),
        ("cpu add count 1", "4.5"),
        ("cpu remove count 1", "4.5"),
        ("cpu add indexed-count 1 2", "4.10"),
        ("dt add index 1", "6.12"),
        ("dt remove index 1", "6.12"),
        ("dt remove count 1", "6.12"),
        ("dt remove indexed-count 1 2", "6.12"),
        ("pmem add index 1", None),
        ("phb add index 1", None),
        ("slot add index 1", None),
        ("pci add index 1", None),
    ],
)
def test_acceptance_matrix(text, since):
    """2.7, at the parser; what handlers reject is theirs to test."""
    names = list(DIALECTS)
    first = names.index(since) if since else len(names)
    for position, dialect in enumerate(names):
        assert accepts(text, dialect) == (position >= first), dialect


@pytest.mark.parametrize("dialect", PREFIX)
@pytest.mark.parametrize(
    "text",
    [
        "memory add count 1",
        "memory add count 1\n",
        "memory_add_count_1",
        "memory\tadd\tcount\t1",
        "memoryXaddYcountZ1",
        "memory\nadd\ncount\n1\n",
        "memory add count 0x1",
        "memory add count +01",
        "memory add count 1\0junk",
    ],
)
def test_any_one_character_separates(text, dialect):
    """2.6: the character behind a prefix is skipped unseen."""
    expected = HotplugRequest.by_count(Resource.MEMORY, Action.ADD, 1)
    assert parse_request(text, dialect) == expected


@pytest.mark.parametrize("dialect", PREFIX)
@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("memory add count 5 ", b"5 "),
        ("memory add count 5\n\n", b"5\n\n"),
        ("memory add count 5 junk", b"5 junk"),
        ("memory  add count 5", b" add count 5"),
        ("memory add  count 5", b" count 5"),
        ("memory add count  5", b" 5"),
        ("memory add indexed-count 1 2", b"d-count 1 2"),
        ("memory add index", b""),
        ("memory add count", b""),
        ("memory add count ", b""),
        ("memory add", None),
        ("memory add ", None),
        ("memory", None),
        ("memory ", None),
        ("", None),
        ("\n", b"\n"),
        ("dt add index 1", b"dt add index 1"),
        ("Memory add count 1", b"Memory add count 1"),
        ("memory readd index 1", b"readd index 1"),
    ],
)
def test_prefix_grammar_rejects(text, token, dialect):
    """2.6: the rest must be one number; short texts are EINVAL (B22)."""
    with pytest.raises(RequestError) as caught:
        parse_request(text, dialect)
    assert caught.value.errno == errno.EINVAL
    assert caught.value.token == token


def test_prefix_grammar_says_where():
    with pytest.raises(RequestError, match=r"invalid number ' 5' at byte 17"):
        parse_request("memory add count  5", "4.1")
    with pytest.raises(RequestError, match=r"no action given: expected add, remove"):
        parse_request("memory", "4.1")


@pytest.mark.parametrize("dialect", TOKEN)
def test_tokens_need_spaces(dialect):
    assert not accepts("memory_add_count_1", dialect)
    assert accepts("memory add count 1 junk", dialect)


def test_listings_are_what_reading_gives():
    """2.5: the oldest cannot be read; `dt` is listed since 6.12."""
    listings = [dialect.listing for dialect in DIALECTS.values()]
    assert listings == [None, None, None, b"memory,cpu\n", b"memory,cpu,dt\n"]

"""Every text through every dialect, against the kernel's parsers written out.

The parsers below go through a NUL-terminated buffer character by character, as
strsep(), sysfs_streq(), strncmp() and kstrtou32() do, and share nothing with those
that they check.
"""

from __future__ import annotations

import errno

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from script import Script, make_tree

from pydlpar.dispatch import Dispatcher
from pydlpar.errors import RequestError
from pydlpar.partition import Partition
from pydlpar.request import DIALECTS, PAGE_SIZE, parse_request

RESOURCES = {
    "4.1": {"memory": 2},
    "4.5": {"memory": 2, "cpu": 1},
    "4.10": {"memory": 2, "cpu": 1},
    "5.16": {"memory": 2, "cpu": 1},
    "6.12": {"memory": 2, "cpu": 1, "dt": 7},
}
ACTIONS = {"add": 1, "remove": 2}
LF, SPACE, NUL = 0x0A, 0x20, 0


class InvalidError(Exception):
    """-EINVAL."""


def expected(data, dialect):
    """The fields (resource, action, id type, index, count) of a text, or None."""
    page = data[:PAGE_SIZE] + b"\0"
    text = page[: page.index(0) + 1]
    parse = seed if dialect in ("4.1", "4.5") else tokens
    try:
        return parse(text, RESOURCES[dialect])
    except InvalidError:
        return None


def kstrtou32(text, at):
    """The number from *at* to the NUL; base 0."""
    if text[at] == ord("+"):
        at += 1
    base = 10
    if text[at] == ord("0"):
        base = 8
        if text[at + 1] in b"xX" and digit(text[at + 2]) < 16:
            base, at = 16, at + 2
    value, start = 0, at
    while digit(text[at]) < base:
        value = value * base + digit(text[at])
        at += 1
    if at == start:
        raise InvalidError
    if text[at] == LF:
        at += 1
    if text[at] != NUL or value > 0xFFFFFFFF:
        raise InvalidError
    return value


def digit(char):
    for first, last, value in ((0x30, 0x39, 0), (0x61, 0x66, 10), (0x41, 0x46, 10)):
        if first <= char <= last:
            return char - first + value
    return 99


def streq(token, word):
    """`sysfs_streq`: equal, but for one newline at the end of either."""
    for char, wanted in zip(token, (*word, "\0"), strict=False):
        if wanted == "\0":
            return char == NUL or (char == LF and token[len(word) + 1] == NUL)
        if char != ord(wanted):
            return False
    return False


class Strsep:
    """The tokens of a text, each with a NUL behind it."""

    def __init__(self, text):
        self.rest = text

    def next(self):
        if self.rest is None:
            raise InvalidError
        at = 0
        while self.rest[at] not in (SPACE, NUL):
            at += 1
        token = self.rest[:at] + b"\0"
        self.rest = None if self.rest[at] == NUL else self.rest[at + 1 :]
        return token

    def word(self, words):
        token = self.next()
        for word in words:
            if streq(token, word):
                return word
        raise InvalidError

    def number(self):
        return kstrtou32(self.next() + b"\0\0", 0)


def tokens(text, resources):
    """The parser of 4.10 and later."""
    split = Strsep(text)
    resource = resources[split.word(resources)]
    action = ACTIONS[split.word(ACTIONS)]
    id_type = split.word(("indexed-count", "index", "count"))
    first = split.number()
    if id_type == "indexed-count":
        return resource, action, 4, split.number(), first
    if id_type == "index":
        return resource, action, 2, first, None
    return resource, action, 3, None, first


def seed(text, resources):
    """The parser before it; what it reads behind the NUL is invalid."""
    at = 0

    def prefix(words):
        nonlocal at
        for word in words:
            if text[at : at + len(word)] == word.encode():
                at += len(word) + 1
                if at >= len(text):
                    raise InvalidError
                return word
        raise InvalidError

    resource = resources[prefix(resources)]
    action = ACTIONS[prefix(ACTIONS)]
    id_type = prefix(("index", "count"))
    number = kstrtou32(text + b"\0\0", at)
    if id_type == "index":
        return resource, action, 2, number, None
    return resource, action, 3, None, number


def found(data, dialect):
    try:
        request = parse_request(data, dialect)
    except RequestError as error:
        return None if error.errno == errno.EINVAL else error
    assert request.drc_name is None
    return request[:5]


NUMBERS = (
    *("0", "1", "10", "+7", "-1", "0x10", "0XaB", "010", "08", "0x", "+0x7", "++1"),
    *("4294967295", "4294967296", "0xffffffff", "0x100000000", "037777777777"),
    *("040000000000", "0b1", "1e3", "00", "800003fe", "0x0000000000000001", "1_0"),
)
WORDS = st.sampled_from(
    (
        *("memory", "memory", "cpu", "dt", "add", "add", "remove", "index", "count"),
        *("indexed-count", "Memory", "pmem", "readd", "drc-name", "memor", "memoryX"),
    )
)
SEPARATORS = st.sampled_from(
    [*[" "] * 12, "", "  ", "\t", "\n", "\n ", " \n", "_", "\0", "\r", ","]
)
TAILS = st.sampled_from(["", "", "", "\n", "\n\n", " ", " x", "\0", "\0x", "\t", " \n"])


@st.composite
def near_requests(draw):
    """Texts that are requests, or nearly."""
    form = draw(st.sampled_from(["index", "count", "indexed-count", None]))
    if form is None:
        parts = draw(st.lists(WORDS | st.sampled_from(NUMBERS), max_size=6))
    else:
        parts = [
            draw(st.sampled_from(["memory", "cpu", "dt"])),
            draw(st.sampled_from(["add", "remove"])),
            form,
            draw(st.sampled_from(NUMBERS)),
        ]
        if form == "indexed-count":
            parts.append(draw(st.sampled_from(NUMBERS)))
    text = draw(TAILS) if not parts else ""
    for number, part in enumerate(parts):
        text += part + draw(SEPARATORS if number + 1 < len(parts) else TAILS)
    return text.encode()


@settings(max_examples=400)
@given(near_requests(), st.data())
def test_near_requests_are_parsed_as_the_kernel_does(text, data):
    """2.1, 2.2, 2.6, 2.7: with one character changed, too."""
    if text and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(text) - 1))
        text = text[:at] + data.draw(st.binary(max_size=2)) + text[at + 1 :]
    for dialect in DIALECTS:
        assert found(text, dialect) == expected(text, dialect), (dialect, text)


@given(st.binary(max_size=60))
def test_anything_is_parsed_as_the_kernel_does(text):
    for dialect in DIALECTS:
        assert found(text, dialect) == expected(text, dialect), (dialect, text)


@given(st.text("0123456789abcdefxX+-\n \t\0", max_size=14))
def test_numbers_are_parsed_as_the_kernel_does(number):
    """2.2, in each place where one stands."""
    for form in ("index %s", "count %s", "indexed-count %s 1", "indexed-count 1 %s"):
        text = f"memory add {form % number}".encode()
        for dialect in DIALECTS:
            assert found(text, dialect) == expected(text, dialect), (dialect, text)


@pytest.mark.parametrize("length", [PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1])
def test_the_end_of_the_page_is_the_end_of_the_text(length):
    """1.2: a number may be cut there, and is then another one."""
    for end in (b"17", b"x", b" 7", b"\n\n"):
        text = b"memory add index 0".ljust(length - len(end), b"0") + end
        for dialect in DIALECTS:
            assert found(text, dialect) == expected(text, dialect), (dialect, end)


# 2.3, 2.6: (text, what the parser of prefixes makes of it, that of tokens).
ROWS = [
    ("memory add count 1", 1, 1),
    ("memory add count 1\n", 1, 1),
    ("memory add count 1 ", None, 1),
    ("memory add count 1 \n", None, 1),
    ("memory add count 1 junk junk", None, 1),
    ("memory add count 1\0junk", 1, 1),
    ("memory\n add\n count\n 1\n", None, 1),
    ("memory_add_count_1", 1, None),
    ("memory\tadd\tcount\t1", 1, None),
    ("memory\nadd\ncount\n1\n", 1, None),
    ("memory  add count 1", None, None),
    (" memory add count 1", None, None),
    ("memory\r add count 1", None, None),
    ("Memory add count 1", None, None),
    ("memory ADD count 1", None, None),
    ("\n", None, None),
    ("\0", None, None),
    ("memory", None, None),
    ("memory ", None, None),
    ("memory add", None, None),
    ("memory add ", None, None),
    ("memory add count", None, None),
    ("memory add count\n", None, None),
    ("memory add count ", None, None),
    ("memory add index", None, None),
    ("memory add indexed-count 2", None, None),
    ("memory add indexed-count x 1", None, None),
    ("memory readd index 1", None, None),
    ("memory update index 1", None, None),
    ("memory add drc-name X", None, None),
    ("pmem add index 1", None, None),
    ("pci add index 1", None, None),
    ("phb add index 1", None, None),
    ("slot add index 1", None, None),
    ("memory add count -1", None, None),
    ("memory add count 4294967296", None, None),
]


@pytest.mark.parametrize("dialect", list(DIALECTS))
@pytest.mark.parametrize(("text", "prefixes", "split"), ROWS)
def test_rows_of_malformed_input(text, prefixes, split, dialect):
    """The tables of 2.3 and 2.6, and the transcription with them."""
    wanted = prefixes if dialect in ("4.1", "4.5") else split
    whole = None if wanted is None else (2, 1, 3, None, wanted)
    assert expected(text.encode(), dialect) == whole
    assert found(text.encode(), dialect) == whole


@pytest.mark.parametrize("dialect", list(DIALECTS))
@pytest.mark.parametrize(("text", "prefixes", "split"), ROWS)
def test_rows_as_written(text, prefixes, split, dialect):
    """2.4: -EINVAL without a call; a text that parses reaches the handler."""
    target = Dispatcher(Partition(make_tree()), Script(), dialect)
    assert target.write(text) == -errno.EINVAL
    accepted = prefixes if dialect in ("4.1", "4.5") else split
    assert (target.last.request is not None) == (accepted is not None)
    assert target.last.calls == target.last.changes == []


@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_an_empty_write_takes_nothing(dialect):
    """2.3, the first row: it never reaches the parser."""
    target = Dispatcher(Partition(make_tree()), Script(), dialect)
    assert target.write(b"") == 0
    assert target.last is None


YES, PARSER, HANDLER = "yes", "parser", "handler"
MATRIX = [
    ("memory {} index 1", YES, YES, YES, YES, YES),
    ("memory {} count 1", YES, YES, YES, YES, YES),
    ("memory {} indexed-count 1 1", PARSER, PARSER, YES, YES, YES),
    ("cpu {} index 1", PARSER, YES, YES, YES, YES),
    ("cpu {} count 1", PARSER, YES, YES, HANDLER, HANDLER),
    ("cpu {} indexed-count 1 1", PARSER, PARSER, HANDLER, HANDLER, HANDLER),
    ("dt {} index 1", PARSER, PARSER, PARSER, PARSER, YES),
    ("dt {} count 1", PARSER, PARSER, PARSER, PARSER, HANDLER),
    ("dt {} indexed-count 1 1", PARSER, PARSER, PARSER, PARSER, HANDLER),
    ("pmem {} index 1", PARSER, PARSER, PARSER, PARSER, PARSER),
    ("phb {} index 1", PARSER, PARSER, PARSER, PARSER, PARSER),
    ("slot {} index 1", PARSER, PARSER, PARSER, PARSER, PARSER),
    ("pci {} index 1", PARSER, PARSER, PARSER, PARSER, PARSER),
]
REFUSALS = ("CPUs go by", "nodes go by", "there is no handler")


@pytest.mark.parametrize("action", ["add", "remove"])
@pytest.mark.parametrize("row", MATRIX, ids=lambda row: row[0])
def test_acceptance_matrix(row, action):
    """2.7: who refuses what, in each dialect."""
    form, *answers = row
    for dialect, answer in zip(DIALECTS, answers, strict=True):
        firmware = Script()
        firmware.get_sensor_state = lambda *_: (-3, 0)
        target = Dispatcher(Partition(make_tree((), ())), firmware, dialect)
        result = target.write(form.format(action))
        assert (target.last.request is None) == (answer == PARSER), dialect
        refused = target.last.reason.startswith(REFUSALS)
        assert refused == (answer == HANDLER), dialect
        assert result == -target.last.errno or result == len(form.format(action))

"""Every number that the standard gives a meaning has words; others say theirs."""

from __future__ import annotations

import re

import pytest
from places import CORPUS

import pydlpar
from pydlpar import ActionFlags
from pydlpar.rtas import field_words, flag_words, reference_code_words, word

# Section and field, and every value that has a meaning.
KNOWN = {
    ("hdr", "type"): [*range(11), 64, *range(96, 160), 160, *range(224, 256)],
    ("hdr", "severity"): range(8),
    ("hdr", "disposition"): range(4),
    ("hdr", "initiator"): range(7),
    ("hdr", "target"): range(7),
    ("exthdr", "format"): [*range(1, 7), 12, 13, 14, 15],
    ("PH", "creator"): "CEHWLSBTMKP",
    ("UH", "subsystem"): range(256),
    ("UH", "event_severity"): [
        *(0x00, 0x10, 0x14, 0x15, 0x20, 0x21, 0x22, 0x23, 0x24),
        *(0x40, 0x41, 0x44, 0x45, 0x48, 0x60, 0x61),
    ],
    ("UH", "event_type"): [
        *(0x00, 0x01, 0x08, 0x10, 0x20, 0x21, 0x22, 0x30, 0x40, 0x60, 0x70),
        *(0x80, 0xD0, 0xE0),
    ],
    ("EP", "action"): [0, 1, 2, 3, 4, 5, 7],
    ("EP", "modifier"): range(5),
    ("EP", "extended_modifier"): range(2),
    ("epow", "action"): [0, 1, 2, 3, 4, 5, 7],
    ("HP", "resource"): range(1, 7),
    ("HP", "action"): [1, 2],
    ("HP", "id_type"): range(1, 5),
    ("LR", "resource"): [0x10, 0x11, 0x40, 0x41],
    ("IE", "event_type"): range(1, 5),
    ("IE", "scope"): [0x00, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x51],
    ("IE", "event_subtype"): [0, 1, 3, 4, 5, 8, 9, 10],
    ("DH", "subtype"): range(1, 8),
    ("MC", "error_type"): [0, 1, 2, 4, 5, 7],
    ("callout", "priority"): "HMABCL",
    ("unit", "priority"): "HMABCL",
    ("ID", "component"): [1, 2, 3, 4, 9, 10, 11, 12],
    ("ED", "data_creator"): "CEHWLSBTMKP",
}

# As the standard of firmware codes lists them: what they begin with, their ends.
CODES = {
    "B15172": "00 01 02 03 04 05 06",
    "B18172": "00 01 02 03 04 05 06 07 08",
    "BA0000": "10 20 30 40 50 60 70",
    "BA0100": "00 01 02 03 04 05 06",
    "BA0200": "01 09",
    "BA03": "0011",
    "BA04": "000F 0010",
    "BA05": "0001 0004 000A",
    "BA06": "0003 0004 0005 0007 0008 000B 000C 0020 0021 0022",
    "BA08": "0001 0010 0011 0012 0013 0014 0015",
    "BA09": "0001 0002 0003 0004",
    "BA10": "0001 0002 0003 0004",
    "BA11": "0001 0002 0003 0004",
    "BA12": "0001 0002 0003 0004",
    "BA14": "0001 0002 0003 0004",
    "BA13": "0001 0002 0003 0004 0010 0011 0012 0013 0014 0015",
    "BA15": "0001 1001 1002",
    "BA16": "0001 1001",
    "BA17": "0000 0100 0201 0202 0203 0210 0211 0998 0999",
    "BA18": "0008 0010 0011 0012 0100 0101 8000 8001 8002",
    "BA19": "0001",
    "BA21": "0000 0001 0002",
    "BA25": "0010",
    "BA27": "8001 8002 8003 8004 8005 8006 8007",
}


@pytest.mark.parametrize(("where", "values"), KNOWN.items())
def test_every_value_of_the_standard_has_words_of_its_own(where, values):
    """None is unknown, and the table has no others but what we send."""
    for value in values:
        words = word(*where, value)
        assert words, value
        assert not words.startswith("unknown ("), value


@pytest.mark.parametrize("where", KNOWN)
def test_what_is_not_known_says_its_number(where):
    """So that nothing is lost in words."""
    for value in range(256):
        if isinstance(KNOWN[where], str):
            value = chr(value)
        if value not in KNOWN[where] and where != ("HP", "resource"):
            assert word(*where, value) == (
                f"unknown ({value!r})"
                if isinstance(value, str)
                else f"unknown ({value:#04x})"
            )


def test_field_that_is_no_enumeration_has_no_words():
    """None, not an empty text."""
    assert word("PH", "plid", 7) is None
    assert word("XX", "version", 7) is None
    assert word("PS", "reference_code", "11007201") is None


def test_enumerations_of_a_section_are_listed():
    """What `word` says is what `field_words` lists."""
    listed = {
        (section_id, name)
        for section_id, _ in KNOWN
        for name in field_words(section_id)
    }
    assert listed == {*KNOWN, ("UH", "action_flags")}
    for section_id, name in KNOWN:
        if name != "subsystem":
            for value, words in field_words(section_id)[name].items():
                assert word(section_id, name, value) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0x00, "unknown"),
        (0x10, "processor"),
        (0x1F, "processor"),
        (0x20, "memory"),
        (0x3F, "I/O hub, bridge or bus"),
        (0x79, "other"),
        (0x7A, "surveillance"),
        (0x7F, "surveillance"),
        (0x80, "platform firmware"),
        (0xAF, "environment"),
        (0xB0, "reserved"),
        (0xFF, "reserved"),
    ],
)
def test_subsystems_are_ranges(number, words):
    """Each begins at its number and goes up to the next."""
    assert word("UH", "subsystem", number) == words


def test_action_flags_are_bits():
    """Every combination is read, bits that are not known included."""
    assert flag_words(0) == "none"
    assert flag_words(0xA800) == "service action needed, report externally, call home"
    assert flag_words(0x8001) == "service action needed, unknown (0x01)"
    assert word("UH", "action_flags", 0x4000) == "hidden"
    assert ActionFlags(0xA800) == (
        ActionFlags.SERVICE_ACTION
        | ActionFlags.REPORT_EXTERNALLY
        | ActionFlags.CALL_HOME
    )
    assert [int(flag) for flag in ActionFlags] == [
        *(0x8000, 0x4000, 0x2000, 0x1000, 0x0800, 0x0400)
    ]


def test_reference_codes_are_those_of_the_list():
    """120 keys, each with a text, and no others."""
    keys = {start + end for start, ends in CODES.items() for end in ends.split()}
    assert len(keys) == 120
    assert pydlpar.REFERENCE_CODES.keys() == keys
    assert all(pydlpar.REFERENCE_CODES.values())


def test_reference_code_is_its_first_8_characters():
    """Blanks or words behind it do not matter; a shorter one is none."""
    words = reference_code_words("BA188002")
    assert "could not be recovered" in words
    assert reference_code_words("BA188002" + " " * 24) == words
    assert reference_code_words("ba188002 extra") == words
    assert reference_code_words("BA18800") == ""
    assert reference_code_words("") == ""
    assert word("SS", "reference_code", "BA188002") == words


@pytest.mark.parametrize(
    ("code", "said", "unsaid"),
    [
        ("BA080001", "busy", "test"),
        ("BA080010", "busy", "test"),
        ("BA080013", "no medium", "bad"),
        ("BA130013", "no medium", "bad"),
        ("BA130015", "packet command", "medium"),
        ("BA020009", "locked", "often"),
        ("BA06000C", "pointer", "boot"),
        ("BA151002", "Ethernet adapter", "failed"),
        ("BA170998", "command line", "stack"),
        ("BA170999", "stack", "error"),
        ("BA188000", "not supported", "EEH"),
        ("BA188001", "was recovered", "not be"),
        ("BA188002", "could not be recovered", "was recovered"),
    ],
)
def test_a_text_says_what_is_known_and_no_more(code, said, unsaid):
    """A cause that the list of codes does not name is a guess."""
    words = reference_code_words(code)
    assert said in words
    assert unsaid not in words


def test_texts_agree_with_what_servicelog_wrote():
    """Of the real samples, those that have a code with a text, and those without."""
    expected = CORPUS / "rtas" / "ppc64-diag" / "expected"
    if not expected.is_dir():
        pytest.skip("no corpus: set PYDLPAR_CORPUS")
    found = {}
    for path in expected.glob("*.out"):
        text = path.read_text(encoding="utf-8", errors="replace")
        code = re.search(r"^Reference Code: +(\S+)", text, re.M)
        if code:
            found[code[1]] = (text, reference_code_words(code[1]))
    assert {code for code, (_, words) in found.items() if words} == {"BA188002"}
    text, words = found["BA188002"]
    assert "could not recover" in text
    assert "could not be recovered" in words

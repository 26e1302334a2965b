"""Hex dumps become the bytes they show, or an error with the line's number."""

from __future__ import annotations

import pytest
import rtas_vectors as v
from hypothesis import given
from hypothesis import strategies as st

import pydlpar
from pydlpar import events_from_hex


def as_xxd(data, group=2, upper=False):
    """What `xxd -g GROUP` prints."""
    lines = []
    for start in range(0, len(data), 16):
        row = data[start : start + 16]
        digits = row.hex(" ", -group)
        text = "".join(chr(b) if 32 <= b < 127 else "." for b in row)
        lines.append(f"{start:08x}: {digits.upper() if upper else digits:<39}  {text}")
    return "\n".join(lines) + "\n"


def as_hexdump(data):
    """What `hexdump -Cv` prints."""
    lines = []
    for start in range(0, len(data), 16):
        row = data[start : start + 16]
        halves = f"{row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}"
        text = "".join(chr(b) if 32 <= b < 127 else "." for b in row)
        lines.append(f"{start:08x}  {halves}  |{text}|")
    return "\n".join([*lines, f"{len(data):08x}"]) + "\n"


def as_log(data, prefix="", markers=True):
    """What the kernel prints with rtasmsgs=on."""
    rows = [data[start : start + 16] for start in range(0, len(data), 16)]
    lines = [f"RTAS {n}: {row.hex(' ', -4)}" for n, row in enumerate(rows)]
    if markers:
        lines.insert(0, "RTAS: 1 -------- RTAS event begin --------")
        lines.append("RTAS: 1 -------- RTAS event end ----------")
    return "".join(f"{prefix}{line}\n" for line in lines)


def as_bare(data):
    return data.hex(" ", 4)


FORMS = [as_xxd, as_hexdump, as_log, as_bare]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("data", v.ALL)
def test_every_form_gives_the_bytes_back(form, data):
    assert events_from_hex(form(data)) == data


@given(st.binary(min_size=1, max_size=200), st.sampled_from(FORMS))
def test_any_bytes_come_back(data, form):
    assert events_from_hex(form(data)) == data


@pytest.mark.parametrize("group", [1, 4, 8, 16])
def test_xxd_groups_and_upper_case(group):
    assert events_from_hex(as_xxd(v.HP_ONLY, group, upper=True)) == v.HP_ONLY


@pytest.mark.parametrize(
    "prefix",
    [
        "[    8.829502] ",
        "[   47.123456][    T1] ",
        "Aug 27 12:16:33 deadbeef kernel: ",
        "Aug 27 12:16:33 RTASbox kernel: ",
        "7,1234,47123456,-;",
    ],
)
def test_log_lines_have_any_prefix(prefix):
    text = as_log(v.HP_ONLY, prefix) + as_log(v.PRRN, prefix)
    assert events_from_hex(text) == v.HP_ONLY + v.PRRN


def test_events_of_a_log_may_stand_without_markers():
    """Line 0 begins the next one, also where both begin alike."""
    text = as_log(v.CPU_REMOVE_INDEX, markers=False)
    assert events_from_hex(text + text) == v.CPU_REMOVE_INDEX * 2


def test_equal_short_events_are_two_with_their_markers():
    text = as_log(v.PRRN)
    assert events_from_hex(text + text) == v.PRRN * 2


def test_lines_of_others_are_passed_over():
    lines = as_log(v.HP_ONLY).splitlines()
    lines.insert(3, "[   47.123460] usb 1-1: new device number 2")
    lines.append("ppc64-diag: deadbeef: event")
    assert events_from_hex("\n".join(lines)) == v.HP_ONLY


def test_a_line_twice_in_a_row_counts_once():
    lines = as_log(v.HP_ONLY).splitlines()
    lines.insert(3, lines[2])
    assert events_from_hex("\n".join(lines)) == v.HP_ONLY


LOG = as_log(v.HP_ONLY).splitlines()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no hex dump"),
        ("\n \n", "no hex dump"),
        ("0634\n06x4\n", "line 2: '06x4', expected pairs"),
        ("063", "line 1: '063', expected pairs"),
        ("event begin", "line 1"),
        ("\n".join([*LOG[:2], *LOG[3:]]), "line 3: RTAS 2, expected RTAS 1"),
        (
            "\n".join([*LOG[:2], LOG[1] + "00", *LOG[2:]]),
            "line 3: RTAS 0, expected RTAS 1",
        ),
        ("\n".join([*LOG[:2], "RTAS 1: zz"]), "line 3: ' zz', expected pairs"),
        ("\n".join([*LOG, LOG[2]]), "line 6: RTAS 1, expected RTAS 0"),
        (as_xxd(v.HP_ONLY)[68:], "line 1: offset 0x10, expected 0x0"),
        (as_xxd(v.HP_ONLY) + "*\n", r"line 4: '\*', expected a line of xxd"),
        (
            as_hexdump(v.HP_ONLY) + as_hexdump(v.HP_ONLY),
            "line 5: offset 0x0, expected 0x2c",
        ),
        (
            as_hexdump(v.HP_ONLY).replace("0000002c", "00000030"),
            "line 4: offset 0x30, expected 0x2c",
        ),
        ("00000000  06 34 |.4|\n*\n", r"line 2: '\*', expected a line of hexdump -C"),
    ],
)
def test_what_is_not_understood_is_named_by_its_line(text, message):
    with pytest.raises(pydlpar.EventError, match=message):
        events_from_hex(text)

"""Plain hex dumps become the events they show, or damage with its lines."""

from __future__ import annotations

import pytest
import rtas_vectors as v
import text_forms as forms
from hypothesis import given
from hypothesis import strategies as st

import pydlpar
from pydlpar import FoundEvent, TextDamage, events_from_hex, scan_text
from pydlpar.constants import TextFault, TextKind

KINDS = {
    TextKind.XXD: forms.as_xxd,
    TextKind.HEXDUMP: forms.as_hexdump,
    TextKind.BARE: forms.as_bare,
    TextKind.ERRPT: forms.as_errpt,
}
WITH_SECTIONS = [data for data in v.ALL if data[1] & 4 and len(data) > 20]
LARGE = [data for data in WITH_SECTIONS if len(data) > 32]


@pytest.mark.parametrize("form", [*KINDS.values(), lambda data: data.hex(" ", 4)])
@pytest.mark.parametrize("data", v.ALL)
def test_a_dump_that_is_all_of_the_text_is_any_event(form, data):
    """Header-only events and summary words, too, which have nothing telling."""
    assert events_from_hex(form(data)) == data


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("data", LARGE)
def test_a_dump_amid_other_text_is_found_by_what_an_event_begins_with(kind, data):
    """Its lines and bytes are told, and what stands around is passed over."""
    before, dump = "Detail Data\nPROBLEM DATA\n", KINDS[kind](data)
    (found,) = scan_text(before + dump + "\nResource Name: sysplanar0\n")
    assert isinstance(found, FoundEvent)
    assert (found.raw, found.kind, found.number) == (data, kind, None)
    assert found.start == len(before)
    rows = -(-len(data) // (32 if kind is TextKind.ERRPT else 16))
    assert (found.first_line, found.last_line) == (3, 2 + rows)
    assert (before + dump)[found.start : found.end].count("\n") == rows - 1


@pytest.mark.parametrize("form", [forms.as_xxd, forms.as_hexdump, forms.as_bare])
def test_events_of_a_dump_stand_back_to_back(form):
    """An event may begin in the midst of a line."""
    data = v.HP_ONLY + v.PRRN + v.EPOW_SHUTDOWN + v.HP_ONLY
    found = list(scan_text(form(data)))
    assert [len(item.raw) for item in found] == [44, 8, 116, 44]
    assert b"".join(item.raw for item in found) == data


@pytest.mark.parametrize("form", KINDS.values())
def test_zeros_after_an_event_are_padding(form):
    data = v.EPOW_SHUTDOWN + bytes(1024 - len(v.EPOW_SHUTDOWN))
    assert events_from_hex(form(data)) == v.EPOW_SHUTDOWN


@given(st.lists(st.sampled_from(v.ALL[:-1]), min_size=1), st.sampled_from([1, 2, 4, 8]))
def test_xxd_groups_and_upper_case(events, group):
    data = b"".join(event for event in events if len(event) > 4)
    if data:
        for upper in (False, True):
            assert events_from_hex(forms.as_xxd(data, group, upper)) == data


@pytest.mark.parametrize(
    "text",
    [
        "Dec 12 12:00:00 abba kernel: deadbeef\n",
        "x\ndeadbeef\ncafe\n0123456789abcdef\n",
        "x\n0600a0e0 00000000\n",
        "x\n00000000: 0102 0304 0506 0708\n",
        "x\n06440000 000000ff 00000000 00000000\n",
        "-\n" + "0123456789abcdef" * 200 + "\n",
        "RTAS\nRTAS 3\nRTAS : 3\nRTAS: event: 5, Type: EPOW (64), Severity: 1\n",
        "RTAS: /var/log/scanlog\nxRTAS 0: 00\nRTAS 1234567890: 00\n",
        "RTAS: 5 -------- RTAS event middle\nevent-scan begin\n",
    ],
)
def test_digits_in_a_text_are_no_event_and_no_damage(text):
    assert list(scan_text(text)) == []


XXD = forms.as_xxd(v.HP_ONLY).splitlines(keepends=True)
HEXDUMP = forms.as_hexdump(v.HP_ONLY).splitlines(keepends=True)
BARE = forms.as_bare(v.EPOW_SHUTDOWN).splitlines(keepends=True)


@pytest.mark.parametrize(
    ("text", "fault", "expected", "got"),
    [
        (XXD[1:], TextFault.LOST, 0, 16),
        ([XXD[0], XXD[2]], TextFault.LOST, 16, 32),
        ([XXD[0], XXD[1], XXD[1], XXD[2]], TextFault.LOST, 32, 16),
        (XXD[:2], TextFault.SHORT, 44, 32),
        ([*XXD[:2], "*\n"], TextFault.SHORT, 44, 32),
        ([HEXDUMP[0], HEXDUMP[2]], TextFault.LOST, 16, 32),
        ([*HEXDUMP[:2], "0000002c\n"], TextFault.LOST, 32, 44),
        ([*BARE[:2], BARE[3]], TextFault.SHORT, 116, 48),
        (["x\n", *BARE[:3], "x\n", *BARE[3:]], TextFault.SHORT, 116, 48),
        (["0644\n"], TextFault.SHORT, 4, 2),
        (["063400e5\n"], TextFault.SHORT, 8, 4),
        (["deadbeef 10001000\n"], TextFault.TOOBIG, 16384, 0x10001008),
        ([*BARE, "00ff0000 00000000\n"], TextFault.SHORT, 4, 7),
        (["00000000 00000000\n"], TextFault.NOEVENT, 0, 0),
    ],
)
def test_damage_of_a_dump_has_its_reason(text, fault, expected, got):
    """The events before it count; a part of one is never given out."""
    found = list(scan_text("".join(text)))
    damage = found[-1] if isinstance(found[-1], TextDamage) else found[0]
    assert isinstance(damage, TextDamage)
    assert (damage.fault, damage.expected, damage.got) == (fault, expected, got)
    events = [item.raw for item in found if isinstance(item, FoundEvent)]
    assert events == ([v.EPOW_SHUTDOWN] if text[: len(BARE)] == BARE else [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no RTAS event in the text"),
        ("\n \n", "no RTAS event in the text"),
        ("063", "no RTAS event in the text"),
        ("".join(XXD[:2]), "lines 1 to 2: the event ends at 32 bytes"),
        ("x\nRTAS 1: 00", "line 2: a line is lost: 1 found, expected 0"),
    ],
)
def test_events_from_hex_raises_what_it_cannot_use(text, message):
    with pytest.raises(pydlpar.EventError, match=message):
        events_from_hex(text)

"""Logs: each event is found, with its place; what is not whole is reported."""

from __future__ import annotations

import io
import json

import pytest
import rtas_vectors as v
import text_forms as forms
from places import CORPUS

from pydlpar import FoundEvent, TextDamage, TextScanner, scan_text
from pydlpar.constants import TextFault, TextKind
from pydlpar.errors import EventError

EVENT, OTHER = v.EPOW_SHUTDOWN, v.MEMORY_ADD_INDEXED
LOG = forms.as_log(EVENT)
ROWS = slice(1, len(LOG) - 1)
N_ROWS = len(LOG) - 2


def text_of(*parts):
    return "".join(f"{line}\n" for part in parts for line in part)


def raws(found):
    return [item.raw for item in found if isinstance(item, FoundEvent)]


def damages(found):
    return [item for item in found if isinstance(item, TextDamage)]


@pytest.mark.parametrize(("prefix", "stamp", "host"), forms.PREFIXES)
@pytest.mark.parametrize("data", v.ALL)
def test_every_prefix_is_passed_over_and_its_stamp_told(prefix, stamp, host, data):
    (found,) = scan_text(text_of(forms.as_log(data, prefix, number=7)))
    assert (found.raw, found.number, found.kind) == (data, 7, TextKind.LOG)
    assert (found.prefix, found.stamp, found.host) == (prefix, stamp, host)
    assert found.has_begin
    assert found.has_end
    assert found.event.to_bytes() == data


def test_an_event_tells_its_lines_and_bytes():
    """Lines from 1, both markers included; bytes of the UTF-8 text."""
    before, behind = "größer\n\n", "ppc64-diag: é\n"
    text = (before + text_of(LOG) + behind) * 2
    for times, found in enumerate(scan_text(text)):
        assert found.first_line == 3 + times * (len(LOG) + 3)
        assert found.last_line == found.first_line + len(LOG) - 1
        piece = text.encode()[found.start : found.end].decode()
        assert piece == text_of(LOG).rstrip("\n")


@pytest.mark.parametrize("end", ["\n", "\r\n", "  \n", "\t\r\n"])
@pytest.mark.parametrize("change", [str, str.upper])
@pytest.mark.parametrize("blank", [" ", ""])
def test_line_ends_blanks_and_case_do_not_matter(end, change, blank):
    rows = LOG[ROWS]
    lines = [
        f"RTAS {n}: {change(blank.join(row[8:].split()))}" for n, row in enumerate(rows)
    ]
    lines = [LOG[0], *lines, LOG[-1]]
    (found,) = scan_text(end.join(lines))
    assert found.raw == EVENT


@pytest.mark.parametrize("wrap", [forms.as_journal_json, forms.as_journal_export])
def test_journal_records_hold_a_line_each(wrap):
    assert raws(scan_text(text_of(wrap(LOG)))) == [EVENT]


def test_foreign_lines_between_do_not_matter():
    """The kernel's own about RTAS, a scan log's path, other digits."""
    strange = [
        "RTAS: event: 5, Type: EPOW (64), Severity: 1",
        "RTAS: /var/log/scanlog",
        "usb 1-1: new device",
        "",
        "deadbeef cafe",
        "x" * 9000,
    ]
    lines = [line for row in LOG for line in (*strange, row)]
    assert raws(scan_text(text_of(lines))) == [EVENT]


@pytest.mark.parametrize("begin", [True, False])
@pytest.mark.parametrize("end", [True, False])
def test_markers_may_be_missing(begin, end):
    """Row 0 begins an event as well, and the length word ends it."""
    lines = forms.as_log(EVENT, begin=begin, end=end), forms.as_log(OTHER)
    found = list(scan_text(text_of(*lines)))
    assert raws(found) == [EVENT, OTHER]
    assert (found[0].has_begin, found[0].has_end) == (begin, end)
    assert found[0].number == (1 if begin or end else None)


def test_events_without_any_marker_follow_each_other():
    log = forms.as_log(EVENT, begin=False, end=False)
    assert raws(scan_text(text_of(log, log, log))) == [EVENT] * 3


def test_zeros_behind_an_event_are_padding():
    """Old kernels print 64 lines, whatever the event's length."""
    (found,) = scan_text(text_of(forms.as_log(EVENT + bytes(1024 - len(EVENT)))))
    assert (found.raw, found.padding) == (EVENT, 1024 - len(EVENT))


def test_an_empty_row_ends_an_event_of_full_rows():
    data = EVENT[:16]
    lines = forms.as_log(v.PRRN + bytes(8))
    assert len(data) == 16
    lines.insert(2, "RTAS 1: ")
    assert raws(scan_text(text_of(lines))) == [v.PRRN]


@pytest.mark.parametrize("at", range(len(LOG)))
def test_a_line_twice_in_a_row_counts_once(at):
    (found,) = scan_text(text_of(LOG[: at + 1], LOG[at:]))
    assert found.raw == EVENT
    assert found.repeated == (1 if at < len(LOG) - 1 else 0)


@pytest.mark.parametrize("at", range(1, N_ROWS + 1))
def test_a_lost_row_is_damage(at):
    (damage,) = scan_text(text_of(LOG[:at], LOG[at + 1 :]))
    if at == N_ROWS:
        assert (damage.fault, damage.expected) == (TextFault.SHORT, len(EVENT))
    else:
        assert (damage.fault, damage.expected) == (TextFault.LOST, at - 1)
        assert damage.got == at
    assert (damage.first_line, damage.last_line) == (1, len(LOG) - 1)
    assert damage.number == 1


@pytest.mark.parametrize(
    ("change", "fault", "expected", "got"),
    [
        (lambda t: [t[0], t[2], t[1], *t[3:]], TextFault.ORDER, 0, 1),
        (lambda t: [*t[:4], t[2][:-8] + "ffffffff", *t[4:]], TextFault.REPEATED, 3, 1),
        (lambda t: [*t[:3], t[3][:-1] + "g", *t[4:]], TextFault.DIGITS, 2, 41),
        (lambda t: [*t[:3], t[3][:-1], *t[4:]], TextFault.DIGITS, 2, 41),
        (lambda t: [*t[:3], t[3] + " 00", *t[4:]], TextFault.DIGITS, 2, 44),
        (lambda t: [*t[:3], t[3] + "Aug 27", *t[4:]], TextFault.DIGITS, 2, 43),
        (lambda t: [*t[:3], t[3][:-9], *t[4:]], TextFault.ROW, 16, 12),
        (lambda t: [*t[:-1], "RTAS 8: 00 01", t[-1]], TextFault.ROW, 16, 4),
        (lambda t: [*t[:-2], t[-2] + "00000001", t[-1]], TextFault.LONG, 116, 120),
        (lambda t: t[:-3], TextFault.SHORT, 116, 96),
        (lambda t: [t[0], t[-1]], TextFault.EMPTY, 1, 0),
        (lambda t: t[-1:], TextFault.EMPTY, 1, 0),
        (lambda t: [*t[:-1], t[-1].replace("1", "2")], TextFault.MARKER, 1, 2),
        (lambda _: ["RTAS 0: 0634"], TextFault.SHORT, 4, 2),
        (lambda _: ["RTAS 5: 06340040"], TextFault.LOST, 0, 5),
        (lambda _: ["RTAS 0: 06340040 7fffffff"], TextFault.TOOBIG, 16384, 2**31 + 7),
        (lambda _: ["RTAS 0: xx"], TextFault.DIGITS, 0, 8),
    ],
)
def test_damage_has_its_reason_and_is_not_decoded(change, fault, expected, got):
    """Another event before it and one behind it are found all the same."""
    good = forms.as_log(OTHER, number=8), forms.as_log(OTHER, number=9)
    found = list(scan_text(text_of(good[0], change(LOG), good[1])))
    assert raws(found) == [OTHER, OTHER]
    (damage,) = damages(found)
    assert (damage.fault, damage.expected, damage.got) == (fault, expected, got)
    assert str(damage).startswith(f"line{'s' * (len(change(LOG)) > 1)} 11")
    assert str(expected) in str(damage) or fault is TextFault.EMPTY
    assert damage.kind is TextKind.LOG
    assert repr(damage) == f"<TextDamage: {damage}>"


def test_an_event_beyond_the_limit_is_damage():
    """More rows than are kept."""
    head = bytes.fromhex("06440040 00005000 8e008e00 00000000")
    (damage,) = scan_text(text_of(forms.as_log(head + bytes(0x5000))))
    assert (damage.fault, damage.expected) == (TextFault.TOOBIG, 16384)


def alternate(*logs):
    """One line of each in turn."""
    return [line for group in zip(*logs, strict=True) for line in group]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Aug 27 12:16:33 node1 kernel: ", "Aug 27 12:16:33 node2 kernel: "),
        ("[   47.12][    T1] ", "[   47.13][   T12] "),
        ("Aug 27 12:16:33 a kernel: [ 1.0] ", "Aug 27 12:16:33 b kernel: [ 1.0] "),
        ("2025-08-27T12:16:33Z a kernel: ", "2025-08-27T12:16:33Z a rtas_errd[7]: "),
        ("7,1234,47123456,-,caller=T1;", "7,1235,47123457,-,caller=C1;"),
    ],
)
def test_writers_are_told_apart_by_their_prefix(one, two):
    logs = forms.as_log(EVENT, one), forms.as_log(OTHER, two)
    found = list(scan_text(text_of(alternate(*logs))))
    assert {(item.prefix, item.raw) for item in found} == {(one, EVENT), (two, OTHER)}


def test_stamps_of_a_writer_may_change_from_line_to_line():
    lines = [f"[{n}.5{n}] {line}" for n, line in enumerate(LOG)]
    lines = [f"Aug 27 12:16:{n:02} a x[{n}]: {line}" for n, line in enumerate(lines)]
    assert raws(scan_text(text_of(lines))) == [EVENT]
    lines = [f"{n}:0{n} odd {line}" for n, line in enumerate(LOG)]
    assert raws(scan_text(text_of(lines))) == [EVENT]


def test_events_of_one_writer_are_told_apart_by_their_line_numbers():
    """As far as one event only expects the number."""
    one = forms.as_log(bytes(EVENT[:116]), number=5)
    two = forms.as_log(v.HP_ONLY, number=6)
    lines = [*one[:6], *two[:3], *one[6:8], two[3], one[8], *two[4:], one[9]]
    assert raws(scan_text(text_of(lines))) == [EVENT, v.HP_ONLY]


def test_events_of_one_writer_that_cannot_be_told_apart_are_damage():
    logs = forms.as_log(EVENT, number=5), forms.as_log(OTHER, number=6)
    found = list(scan_text(text_of(alternate(*logs))))
    assert raws(found) == []
    assert {item.fault for item in found} == {TextFault.MIXED}
    assert {item.number for item in found} == {5, 6}


def test_an_event_that_broke_off_does_not_harm_the_next():
    """As when the machine went down in the middle of it."""
    found = list(scan_text(text_of(LOG[:5], forms.as_log(OTHER))))
    assert raws(found) == [OTHER]
    assert [item.fault for item in damages(found)] == [TextFault.SHORT]


def test_more_open_events_than_are_kept_give_damage_for_the_oldest():
    logs = [forms.as_log(EVENT, f"Aug 27 12:16:33 h{n} kernel: ") for n in range(12)]
    found = list(scan_text(text_of(*(log[:5] for log in logs), logs[11][5:])))
    assert raws(found) == [EVENT]
    assert [item.host for item in damages(found)] == [f"h{n}" for n in range(11)]


def test_sources_of_every_kind_give_the_same(tmp_path):
    text = text_of(LOG, forms.as_log(OTHER))
    path = tmp_path / "log"
    path.write_text(text)
    with path.open() as as_text, path.open("rb") as as_bytes:
        sources = [
            text,
            text.encode(),
            bytearray(text.encode()),
            memoryview(text.encode()),
            as_text,
            as_bytes,
            io.StringIO(text),
            text.splitlines(keepends=True),
            iter(text.encode().splitlines(keepends=True)),
            (bytes([byte]) for byte in text.encode()),
        ]
        for source in sources:
            assert raws(scan_text(source)) == [EVENT, OTHER]
    with pytest.raises(TypeError):
        list(scan_text(5))


def test_a_stream_gives_events_as_soon_as_they_end():
    scanner = TextScanner()
    assert scanner.feed(text_of(LOG[:-1])) == []
    assert raws(scanner.feed(LOG[-1])) == []
    assert raws(scanner.feed("\n")) == [EVENT]
    assert scanner.feed(text_of(forms.as_log(OTHER, end=False))) == []
    assert raws(scanner.finish()) == [OTHER]
    (again,) = scanner.feed(text_of(LOG))
    assert again.first_line == 1


def test_many_events_in_one_piece_are_all_found():
    """More than there is room for in one call."""
    text = text_of(forms.as_log(v.PRRN, begin=False, end=False), ["x"], LOG) * 9000
    assert len(list(scan_text(text))) == 18000


def test_the_event_is_decoded_on_demand_only():
    (found,) = scan_text("RTAS 0: 06240040 00000004 00000000\n")
    assert len(found.raw) == 12
    with pytest.raises(EventError):
        _ = found.event
    assert "line 1: 12 bytes" in repr(found)


needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus here")
CASES = CORPUS / "rtas" / "cases.json"
CASES = json.loads(CASES.read_text()) if CASES.exists() else {}


def _expected(events):
    known = {case["name"]: case["hex"] for case in CASES["events"]}
    return [(e["event_no"], e.get("hex") or known[e["case"]]) for e in events]


def _check(source, events):
    found = list(scan_text(source))
    expected = _expected(events)
    assert [(i.number, i.raw.hex()) for i in found if isinstance(i, FoundEvent)] == (
        expected
    )
    assert bool(damages(found)) is not bool(expected)


@needs_corpus
@pytest.mark.parametrize("case", CASES.get("text", []), ids=lambda case: case["name"])
def test_texts_of_the_corpus_give_their_events_or_damage(case):
    _check(case["text"], case["expect"])


@needs_corpus
@pytest.mark.parametrize("case", CASES.get("files", []), ids=lambda case: case["file"])
def test_files_of_the_corpus_give_their_events(case):
    with (CORPUS / "rtas" / case["file"]).open("rb") as file:
        _check(file, case["events"])


@needs_corpus
@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("aix-errpt-6332997.txt", "lines 1 to 9: the event ends at 281 bytes"),
        ("p630-syslog-tail.txt", "lines 1 to 19, event 15: a line is lost: 46 found"),
    ],
)
def test_fragments_of_the_corpus_are_damage(file, message):
    (damage,) = scan_text((CORPUS / "rtas" / "fragments" / file).read_text())
    assert message in str(damage)


def test_any_number_of_events_without_their_end_marker_is_found():
    logs = [forms.as_log(EVENT, number=n, end=False) for n in range(30)]
    assert raws(scan_text(text_of(*logs))) == [EVENT] * 30

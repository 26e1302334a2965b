"""Any wrapping gives the events back; any loss gives damage, never another event."""

from __future__ import annotations

import itertools
import random

import pytest
import rtas_vectors as v
import text_forms as forms
from hypothesis import given
from hypothesis import strategies as st

from pydlpar import FoundEvent, TextDamage, TextScanner, epow_event, scan_text
from pydlpar.constants import TextFault

PREFIXES = [prefix for prefix, _, _ in forms.PREFIXES]
SIZES = [8, 48, 116, 120, 128, 300]


def event_of(rng, size):
    """An event of *size* bytes whose rows are its own, but for some of zeros."""
    if size == 8:
        return bytes([6, rng.choice([0x20, 0x40]), rng.randrange(256), 0xE2]) + bytes(4)
    head = bytes([6, 0x44, 0, 0xE0]) + (size - 8).to_bytes(4, "big")
    body = [
        bytes(16) if rng.random() < 0.3 else rng.randbytes(16)
        for _ in range(size // 16 + 1)
    ]
    return (head + b"".join(body))[:size]


def raws(found):
    return [item.raw for item in found if isinstance(item, FoundEvent)]


def merge(rng, logs):
    """The lines of several logs, each in its order, one after the other at random."""
    logs = [list(reversed(log)) for log in logs]
    merged = []
    while logs := [log for log in logs if log]:
        merged.append(rng.choice(logs).pop())
    return merged


def noise(rng, lines):
    """*lines* with those of others in between."""
    other = ["usb 1-1: new device", "", "RTAS: event: 1, Type: EPOW", "deadbeef", "{"]
    return [
        line
        for own in lines
        for line in (*rng.choices(other, k=rng.choice([0, 0, 1, 2])), own)
    ]


def scan_in_pieces(text, cuts):
    scanner, found = TextScanner(), []
    bounds = [0, *sorted(cuts), len(text)]
    for start, end in itertools.pairwise(bounds):
        found += scanner.feed(text[start:end])
    return found + scanner.finish()


def as_rows(items):
    return [(type(item), item._row[:4], item._row[8:], item.prefix) for item in items]


@given(st.randoms(use_true_random=False), st.sampled_from(PREFIXES), st.data())
def test_any_events_in_any_wrapping_come_back(rng, prefix, data):
    """With or without markers, among other lines, cut into pieces anywhere."""
    events = [event_of(rng, rng.choice(SIZES)) for _ in range(rng.randrange(1, 5))]
    lines = []
    for number, event in enumerate(events, 1):
        # A row that stands twice in a row counts once: markers for short events.
        begin = len(event) <= 16 or data.draw(st.booleans())
        lines += forms.as_log(event, prefix, number, begin, data.draw(st.booleans()))
    end = data.draw(st.sampled_from(["\n", "\r\n", " \n"]))
    text = "".join(line + end for line in noise(rng, lines)).encode()
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=5))
    found = scan_in_pieces(text, cuts)
    assert raws(found) == events
    assert as_rows(found) == as_rows(scan_text(text))


@given(st.randoms(use_true_random=False), st.integers(2, 6))
def test_any_merge_of_writers_gives_the_events_of_each(rng, writers):
    logs, expected = [], []
    for n in range(writers):
        events = [event_of(rng, rng.choice(SIZES[1:])) for _ in range(2)]
        prefix = f"Aug 27 12:16:33 node{n} kernel: [ {n}.123456] "
        logs.append([x for e in events for x in forms.as_log(e, prefix)])
        expected += [(prefix, event) for event in events]
    text = "\n".join(merge(rng, logs))
    found = list(scan_text(text))
    assert sorted((item.prefix, item.raw) for item in found) == sorted(expected)


@pytest.mark.parametrize("form", [forms.as_xxd, forms.as_hexdump, forms.as_errpt])
def test_pieces_may_end_at_every_byte_of_a_dump(form):
    text = form(v.EPOW_SHUTDOWN).encode()
    for cut in range(len(text) + 1):
        assert raws(scan_in_pieces(text, [cut])) == [v.EPOW_SHUTDOWN]


def test_pieces_may_end_at_every_byte_of_a_log():
    """Also two cuts one byte apart, so that a piece is a byte or nothing."""
    log = forms.as_log(v.HP_ONLY, "Aug 27 12:16:33 larry kernel: ")
    text = ("x\n" + "\r\n".join(log) + "\n").encode() * 2
    whole = as_rows(scan_text(text))
    assert len(whole) == 2
    for cut in range(len(text)):
        assert as_rows(scan_in_pieces(text, [cut, cut, cut + 1])) == whole


@given(st.randoms(use_true_random=False), st.sampled_from(SIZES), st.data())
def test_any_lines_lost_from_an_event_never_give_another(rng, size, data):
    """Without a row the event is damage; without markers it still is whole."""
    event = event_of(rng, size)
    log = forms.as_log(event)
    keep = data.draw(st.lists(st.booleans(), min_size=len(log), max_size=len(log)))
    left = [line for line, kept in zip(log, keep, strict=True) if kept]
    found = list(scan_text("\n".join(left)))
    if all(keep[1:-1]):
        assert raws(found) == [event]
    else:
        assert raws(found) == []
        assert bool(found) is bool(left)


@given(st.randoms(use_true_random=False), st.data())
def test_a_run_of_lines_lost_from_a_log_never_gives_another_event(rng, data):
    """Be it inside of one event or from one into a later one."""
    events = [event_of(rng, rng.choice(SIZES[1:])) for _ in range(4)]
    log = [x for n, e in enumerate(events) for x in forms.as_log(e, number=n)]
    start = data.draw(st.integers(0, len(log)))
    end = data.draw(st.integers(start, len(log)))
    found = raws(scan_text("\n".join(log[:start] + log[end:])))
    left = iter(events)
    assert all(raw in left for raw in found)
    ends = [at for at, line in enumerate(log) if "event end" in line]
    begins = [at for at, line in enumerate(log) if "event begin" in line]
    before = [e for e, at in zip(events, ends, strict=True) if at < start]
    behind = [e for e, at in zip(events, begins, strict=True) if at >= end]
    assert found[: len(before)] == before
    assert found[len(found) - len(behind) :] == behind


def lose(rng, log):
    del log[rng.randrange(len(log))]


def repeat(rng, log):
    log.insert(rng.randrange(len(log)), rng.choice(log))


def move(rng, log):
    line = log.pop(rng.randrange(len(log)))
    log.insert(rng.randrange(len(log) + 1), line)


def keep(_rng, _log):
    pass


# One change: two of them can put a row just where another one was lost, and then
# the text is that of another event, whoever reads it.
@given(st.randoms(use_true_random=False), st.sampled_from([lose, repeat, move]))
def test_a_line_lost_repeated_or_moved_never_gives_another_event(rng, change):
    events = [event_of(rng, rng.choice(SIZES[1:])) for _ in range(3)]
    log = [x for n, e in enumerate(events) for x in forms.as_log(e, number=n)]
    change(rng, log)
    found = raws(scan_text("\n".join(log)))
    assert set(found) <= set(events)
    assert found


# One writer's lines are in order: those moved could change places with another's.
@given(st.randoms(use_true_random=False), st.sampled_from([lose, repeat, keep]))
def test_one_writers_merged_events_are_right_or_damage(rng, change):
    """No line is believed that could be of either; every event is accounted for."""
    events = [event_of(rng, rng.choice(SIZES[1:])) for _ in range(2)]
    log = merge(rng, [forms.as_log(e, number=n) for n, e in enumerate(events)])
    change(rng, log)
    found = list(scan_text("\n".join(log)))
    assert set(raws(found)) <= set(events)
    assert found


@given(st.text(alphabet='RTAS 0123456789abcf:-\n[]|".begind', max_size=400))
def test_any_text_gives_found_things_that_lie_in_it(text):
    """Offsets and lines are in order, whatever the text; pieces do not matter."""
    found = list(scan_text(text))
    for item in found:
        assert 0 <= item.start <= item.end <= len(text)
        assert text[: item.start].count("\n") == item.first_line - 1
        assert text[: item.end].count("\n") == item.last_line - 1
        if isinstance(item, TextDamage):
            assert str(item)
    pieces = scan_in_pieces(text.encode(), range(0, len(text), 7))
    assert as_rows(pieces) == as_rows(found)


def test_every_fault_has_its_words():
    from pydlpar.rtas_text import _WANTED

    assert set(_WANTED) == set(TextFault)


def test_memory_does_not_grow_with_the_text():
    """A scanner holds no more than a line and what is open."""
    scanner, rng = TextScanner(), random.Random(4)
    line = "Aug 27 12:16:33 larry kernel: usb 1-1: new device\n" * 1000
    text = line + "\n".join(forms.as_log(epow_event(3, 1))) + "\n"
    for _ in range(50):
        cut = rng.randrange(len(text))
        found = scanner.feed(text[:cut]) + scanner.feed(text[cut:])
        assert len(found) == 1
    assert found[0].first_line == 49 * text.count("\n") + 1001

"""The error-log ring: records as rtasd keeps them, read back by the log decoder."""

from __future__ import annotations

import errno
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydlpar import decode_log
from pydlpar.constants import Carrier
from pydlpar.error_log_ring import ErrorLogRing
from pydlpar.errors import ArgumentError
from pydlpar.rtas import epow_event

SHORT = bytes.fromhex("06 30 00 40 00 00 00 00")  # without an extended part
EVENTS = [epow_event(3, 1, plid=number) for number in range(70)]


@pytest.mark.parametrize(
    ("byteorder", "carrier", "number"),
    [
        ("little", Carrier.ERROR_LOG_LITTLE, b"\1\0\0\0"),
        ("big", Carrier.ERROR_LOG_BIG, b"\0\0\0\1"),
    ],
)
def test_record(byteorder, carrier, number):
    """3.9: number in the kernel's order, then the event; 2052 bytes by default."""
    ring = ErrorLogRing(byteorder=byteorder)
    ring.log(EVENTS[0])
    record = ring.read()
    assert record == number + EVENTS[0] + bytes(2048 - len(EVENTS[0]))
    (found,) = decode_log(record)
    assert (found.carrier, found.sequence) == (carrier, 1)
    assert ring.carrier is carrier
    assert found.event.raw == EVENTS[0]


def test_stream_is_what_the_decoder_takes():
    """All records back to back are a log, its kind and record size detected."""
    ring = ErrorLogRing(log_max=1024)
    for event in EVENTS[:5]:
        ring.log(event)
    records = list(decode_log(ring.drain()))
    assert [record.sequence for record in records] == [1, 2, 3, 4, 5]
    assert [record.event.raw for record in records] == EVENTS[:5]


def test_full_ring_loses_its_oldest():
    """3.9: 64 slots."""
    ring = ErrorLogRing()
    for event in EVENTS:
        ring.log(event)
    assert (len(ring), ring.lost, ring.sequence) == (64, 6, 70)
    stream = ring.drain()
    records = list(decode_log(stream, ring.carrier, record_length=ring.record_length))
    assert [record.sequence for record in records] == list(range(7, 71))
    assert [record.event.raw for record in records] == EVENTS[6:]


def test_what_a_slot_held_stays_behind_a_short_event():
    """3.9: the remainder of a slot is stale."""
    ring = ErrorLogRing(log_max=128)
    for _ in range(64):
        ring.log(EVENTS[0])
        ring.read()
    ring.log(SHORT)
    assert ring.read()[4:] == SHORT + EVENTS[0][8:] + bytes(12)


@pytest.mark.parametrize(
    ("event", "kept"),
    [
        (SHORT, 8),
        (SHORT + b"behind", 8),
        (b"\6\x34\0\x40\0\0\0\0rest", 8),
        (b"\6\x34\0\x40\0\0\0\4restmore", 12),
        (b"\6\x34\0\x40\xff\xff\xff\xff" + b"r" * 200, 64),
        (b"\6\x34\0\x40\0\0\0\7r", 9),
        (b"\6\x34", 2),
        (b"", 0),
    ],
)
def test_logged_length(event, kept):
    """3.9: by the header, the extended bit and the length; clamped to the slot."""
    ring = ErrorLogRing(log_max=64)
    ring.log(event)
    assert ring.read()[4:] == event[:kept].ljust(64, b"\0")


def test_long_event_stays_in_its_slot():
    """What follows in the ring is not overwritten."""
    ring = ErrorLogRing(log_max=64)
    for number in range(64):
        ring.log(SHORT[:7] + bytes([number]))
    ring.read()
    ring.log(b"\6\x34\0\x40\0\0\0\xc8" + b"r" * 200)
    assert ring.read()[4:12] == SHORT[:7] + b"\1"


def test_fatal_event_ends_logging():
    """6.3, 3.9: it is numbered, not kept; what was logged before can be read."""
    ring = ErrorLogRing()
    ring.log(EVENTS[0])
    ring.log(EVENTS[1], fatal=True)
    ring.log(EVENTS[2])
    assert (len(ring), ring.enabled, ring.sequence) == (1, False, 3)
    ring.read()
    with pytest.raises(BlockingIOError) as caught:
        ring.read()
    assert caught.value.errno == errno.EAGAIN


def test_read_needs_room_for_a_record():
    ring = ErrorLogRing(log_max=64)
    ring.log(SHORT)
    with pytest.raises(OSError, match="67 bytes, expected 68") as caught:
        ring.read(67)
    assert caught.value.errno == errno.EINVAL
    assert len(ring.read(4096)) == 68


@pytest.mark.parametrize(
    "arguments",
    [
        {"log_max": 7},
        {"log_max": 2049},
        {"byteorder": "middle"},
        {"sequence": -1},
        {"sequence": 1 << 32},
    ],
)
def test_arguments(arguments):
    with pytest.raises(ArgumentError):
        ErrorLogRing(**arguments)


def test_numbers_go_on_from_nvram_and_wrap():
    ring = ErrorLogRing(sequence=0xFFFFFFFE)
    for _ in range(2):
        ring.log(SHORT)
    (first, second) = (ring.read()[:4], ring.read()[:4])
    assert (first, second) == (b"\xff\xff\xff\xff", bytes(4))


@given(st.lists(st.one_of(st.none(), st.sampled_from(EVENTS)), max_size=200))
def test_against_a_queue(steps):
    """Any order of logging (an event) and reading (None), against a bounded deque."""
    ring, queue, number = ErrorLogRing(log_max=128), deque(maxlen=64), 0
    for event in steps:
        if event is not None:
            number += 1
            queue.append((number, event))
            ring.log(event)
        elif queue:
            number_read, expected = queue.popleft()
            record = ring.read()
            assert int.from_bytes(record[:4], "little") == number_read
            assert record[4 : 4 + len(expected)] == expected
        assert len(ring) == len(queue)

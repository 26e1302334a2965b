"""RTAS events from Python, single and in batches, against plain `struct` and construct.

A round is 1 000 events. A single event costs the crossing into C and an object; plain
Python has neither, and checks less. The batch form is for many.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import pytest

from bench import peers_rtas, structs
from bench.events import REAL_EVENT, load
from bench.measure import measure
from bench.peers import Case
from pydlpar import (
    HotplugRequest,
    decode_event,
    decode_events,
    hotplug_columns,
    hotplug_event,
    hotplug_events,
    parse_request,
)
from pydlpar.constants import Action, IdType, Resource

EVENTS = 1_000
PARTS = 16
INDEXES = [0x10000000 + 8 * k for k in range(EVENTS)]
FIRST_PLID = 0x50000000


def requests() -> list[HotplugRequest]:
    """What the events of a round ask for."""
    return [HotplugRequest.index(Resource.CPU, Action.ADD, i) for i in INDEXES]


def logs() -> list[bytes]:
    """The events of a round."""
    pairs = enumerate(requests(), FIRST_PLID)
    return [hotplug_event(request, plid) for plid, request in pairs]


def read_one_by_one() -> Case:
    """Decode an event, ask for the DRC index."""
    each = logs()

    def run() -> list[int | None]:
        return [decode_event(log).hotplug.drc_index for log in each]  # type: ignore[union-attr]

    return Case(EVENTS, run, _indexes)


def read_plain() -> Case:
    """The same."""
    each, decode = logs(), structs.decode
    return Case(EVENTS, lambda: [decode(log).drc_index for log in each], _indexes)


def read_construct() -> Case:
    """The same."""
    each, read = logs(), peers_rtas.drc_index
    return Case(EVENTS, lambda: [read(log) for log in each], _indexes)


def read_sections() -> Case:
    """Decode an event of 16 parts, list them."""
    log, each = load(REAL_EVENT).events, range(EVENTS)
    return Case(EVENTS, lambda: [decode_event(log).sections for _ in each], _sixteen)


def read_sections_construct() -> Case:
    """The same; the headers are two of the parts."""
    log, each, read = load(REAL_EVENT).events, range(EVENTS), peers_rtas.read
    headers = [None, None]
    return Case(
        EVENTS,
        lambda: [headers + read(log).extended.sections for _ in each],
        _sixteen,
    )


def read_batch() -> Case:
    """Decode a batch, take the column of DRC indexes."""
    data = b"".join(logs())
    return Case(EVENTS, lambda: decode_events(data).drc_index.tolist(), _indexes)


def read_batch_plain() -> Case:
    """The same."""
    data, decode_all = b"".join(logs()), structs.decode_all
    return Case(EVENTS, lambda: [e.drc_index for e in decode_all(data)], _indexes)


def write_one_by_one() -> Case:
    """Encode an event for a request."""
    pairs = list(enumerate(requests(), FIRST_PLID))
    return Case(EVENTS, lambda: [hotplug_event(r, p) for p, r in pairs], _logs)


def write_plain() -> Case:
    """The same."""
    encode, cpu, add = structs.encode, int(Resource.CPU), int(Action.ADD)
    pairs = list(enumerate(INDEXES, FIRST_PLID))
    return Case(EVENTS, lambda: [encode(cpu, add, i, p) for p, i in pairs], _logs)


def write_batch() -> Case:
    """Encode the events of a batch."""
    each = requests()
    return Case(EVENTS, lambda: hotplug_events(each, FIRST_PLID), _batch)


def write_columns() -> Case:
    """The same from columns, without an object for each."""
    indexes = array("I", INDEXES)
    cpu, add, kind = Resource.CPU, Action.ADD, IdType.DRC_INDEX

    def run() -> bytes:
        return hotplug_columns(cpu, add, kind, drc_index=indexes, plid=FIRST_PLID)

    return Case(EVENTS, run, _batch)


def write_batch_plain() -> Case:
    """The same."""
    one_by_one = write_plain().run
    return Case(EVENTS, lambda: b"".join(one_by_one()), _batch)


def parse_requests() -> Case:
    """Request text to a request; nothing to compare with."""
    texts = [b"cpu add index 0x%x\n" % index for index in INDEXES]

    def check(found: list[HotplugRequest]) -> None:
        assert found == requests()

    return Case(EVENTS, lambda: [parse_request(text) for text in texts], check)


def _sixteen(found: list[Any]) -> None:
    assert all(len(parts) == PARTS for parts in found)


def _indexes(found: list[int]) -> None:
    assert found == INDEXES


def _logs(made: list[bytes]) -> None:
    assert made == logs()


def _batch(made: bytes) -> None:
    assert made == b"".join(logs())


CASES: dict[tuple[str, str], Callable[[], Case]] = {
    ("event-read", "pydlpar"): read_one_by_one,
    ("event-read", "struct"): read_plain,
    ("event-read", "construct"): read_construct,
    ("event-read-16", "pydlpar"): read_sections,
    ("event-read-16", "construct"): read_sections_construct,
    ("event-read-batch", "pydlpar"): read_batch,
    ("event-read-batch", "struct"): read_batch_plain,
    ("event-write", "pydlpar"): write_one_by_one,
    ("event-write", "struct"): write_plain,
    ("event-write-batch", "pydlpar"): write_batch,
    ("event-write-batch", "struct"): write_batch_plain,
    ("event-write-columns", "pydlpar"): write_columns,
    ("event-write-columns", "struct"): write_batch_plain,
    ("request-parse", "pydlpar"): parse_requests,
}


@pytest.mark.parametrize(
    ("operation", "peer"), CASES, ids=["-".join(key) for key in CASES]
)
def test_events(benchmark: Any, operation: str, peer: str) -> None:
    """Both sides read and write the same events."""
    benchmark.group = operation
    benchmark.extra_info.update(op=operation, size="1", peer=peer)
    measure(benchmark, CASES[operation, peer]())

"""RTAS events that are measured, and the run of the program in C on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.build import BenchError, build_events, call
from bench.librtas import estimate
from bench.results import Figure, from_core
from bench.trees import corpus
from pydlpar import FoundEvent, HotplugRequest, hotplug_events, scan_text
from pydlpar.constants import Action, Resource

__all__ = ["BATCH", "HOTPLUG", "LABELS", "REAL_EVENT", "EventSample", "load", "run"]

HOTPLUG, REAL_EVENT = "hotplug", "memory-info"
SECTIONS = (100, 1_000, 4_000)
LABELS = (HOTPLUG, REAL_EVENT, *(f"{n}-sections" for n in SECTIONS))
BATCH = 1_000
_FIRST_PLID, _FIRST_INDEX = 0x50000000, 0x10000000
_ROW = 16
_PREFIX = "Jun  1 10:00:00 larry kernel: "
_HEADERS = 96
# Not below 16 bytes: librtasevent takes that many for the header of any.
_SECTION = bytes.fromhex("5544001001000000 0102030405060708")
_SHAPE = (
    (b"PS", 164),
    (b"UD", 76),
    (b"MT", 28),
    *((b"UD", size) for size in (88, 60, 60, 168, 460, 40)),
    *3 * ((b"SW", 20),),
)
_WALK = ("event-walk", "event-least")
_ALL = (*_WALK, "event-columns", "event-encode", "text-scan")


@dataclass(frozen=True)
class EventSample:
    """Events back to back, the same as a log, and what is measured on them."""

    events: bytes
    text: bytes
    operations: tuple[str, ...]


def hotplugs() -> list[bytes]:
    """A batch of hotplug events."""
    data = hotplug_events(
        [
            HotplugRequest.index(Resource.CPU, Action.ADD, _FIRST_INDEX + 8 * k)
            for k in range(BATCH)
        ],
        _FIRST_PLID,
    )
    size = len(data) // BATCH
    return [data[at : at + size] for at in range(0, len(data), size)]


def _log(number: int, event: bytes) -> str:
    """As the kernel prints it."""
    rows = [event[at : at + _ROW].hex(" ", -4) for at in range(0, len(event), _ROW)]
    lines = [f"RTAS: {number} -------- RTAS event begin --------"]
    lines += [f"RTAS {n}: {row}" for n, row in enumerate(rows)]
    lines.append(f"RTAS: {number} -------- RTAS event end ----------")
    return "".join(f"{_PREFIX}{line}\n" for line in lines)


def of_sections(n: int) -> bytes:
    """An event of PH, UH and *n* small sections of user data."""
    head = hotplugs()[0][:_HEADERS]
    body = head[8:] + n * _SECTION
    return head[:4] + len(body).to_bytes(4, "big") + body


def real_event() -> bytes:
    """An event of 16 parts as a machine has sent it, or one of the same shape."""
    path = corpus() / "rtas/ppc64-diag/events/v6_memory_info"
    if not path.is_file():
        body = hotplugs()[0][8:_HEADERS] + b"".join(
            name + size.to_bytes(2, "big") + bytes(size - 4) for name, size in _SHAPE
        )
        return hotplugs()[0][:4] + len(body).to_bytes(4, "big") + body
    for item in scan_text(path.read_bytes()):
        if isinstance(item, FoundEvent):
            return item.event.to_bytes()
    raise BenchError(f"{path.name}: no event")


def load(label: str) -> EventSample:
    """The events of a label."""
    if label == HOTPLUG:
        each = hotplugs()
        text = "".join(_log(n, event) for n, event in enumerate(each))
        return EventSample(b"".join(each), text.encode("ascii"), _ALL)
    if label == REAL_EVENT:
        event = real_event()
    else:
        event = of_sections(int(label.partition("-")[0]))
    return EventSample(event, _log(1, event).encode("ascii"), _WALK)


def files(where: Path, sample: EventSample) -> tuple[str, str]:
    """The sample as the program in C takes it."""
    events, text = where / "events.bin", where / "events.log"
    events.write_bytes(sample.events)
    text.write_bytes(sample.text)
    return str(events), str(text)


def run(
    where: Path, library: Path | None, milliseconds: int, repetitions: int
) -> list[Figure]:
    """Events in C, held against librtasevent; without it, against what it would take.

    Args:
        library: folder of librtasevent's source, None where it is not to be had.

    Raises:
        BenchError: it does not compile, or a result is wrong.
    """
    program, figures = build_events(where, library), []
    for label in LABELS:
        sample = load(label)
        command = [str(program), *files(where, sample), label]
        command += [str(milliseconds), str(repetitions), *sample.operations]
        figures += from_core(call(command))
    return figures if library else figures + estimate(figures)

"""`pydlpar encode`: RTAS events from requests, or from JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

import click

from pydlpar import (
    ArgumentError,
    DlparError,
    HotplugRequest,
    decode_event,
    encode_error_log,
    encode_pel,
    event_from_dict,
    hotplug_events,
)
from pydlpar.cli.inputs import STDIN, InputError, read_bytes, shown_path
from pydlpar.cli.output import write_bytes, write_file
from pydlpar.constants import Action, Resource
from pydlpar.rtas import RtasEvent, from_json

__all__ = ["encode", "kernel_text", "request_of"]

ByteOrder = Literal["big", "little"]

_LINE = 16
_RESOURCES = {member.name.lower(): member for member in Resource}
_ACTIONS = {member.name.lower(): member for member in Action}
_FORMS = ("binary", "text", "pel", "error-log")


@click.command(short_help="Make RTAS events from requests or JSON.")
@click.argument("requests", nargs=-1, metavar="[REQUEST]...")
@click.option(
    "-j",
    "--json",
    "source",
    metavar="FILE",
    help="Events from JSON, as `pydlpar decode --json` or --ndjson gives them; "
    "'-' is standard input.",
)
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(_FORMS),
    default="binary",
    show_default=True,
    help="Events back to back; lines as the kernel logs them; platform event logs, "
    "without RTAS header; or records of the kernel's error_log.",
)
@click.option("-o", "--output", metavar="FILE", default=STDIN, help="Where it goes.")
@click.option(
    "--plid",
    metavar="NUMBER",
    help="Platform log id of the first REQUEST; it grows by one with each. Default: 0.",
)
@click.option(
    "--time",
    metavar="TIME",
    help="Time of REQUESTs: '2026-01-02 03:04:05', or now. Default: none.",
)
@click.option(
    "--byteorder",
    type=click.Choice(["big", "little"]),
    default="big",
    show_default=True,
    help="Of the platform log id, as QEMU on a little-endian host has it wrong, and "
    "of the number in error-log records.",
)
def encode(
    requests: tuple[str, ...],
    source: str | None,
    form: str,
    output: str,
    plid: str | None,
    time: str | None,
    byteorder: ByteOrder,
) -> None:
    """Make the event of each REQUEST, as firmware would send it.

    A REQUEST is `RESOURCE add|remove` and one of `index INDEX`, `count COUNT`,
    `indexed-count COUNT INDEX`, `drc-name NAME`. Resources are cpu, memory, slot,
    phb, pci, pmem and dt.

    \b
      pydlpar encode "memory add count 2" -o event.bin
      pydlpar encode "pci remove index 0x40000000" --format text
      pydlpar decode --json messages | pydlpar encode --json - -o events.bin

    JSON gives back the events that were decoded, byte by byte; what was edited in
    it is changed.

    Exit status: 0 done, 2 bad input.
    """
    if bool(requests) == (source is not None):
        raise click.UsageError("give REQUESTs, or --json FILE")
    if source is not None and (plid is not None or time is not None):
        raise click.UsageError("--plid and --time are for REQUESTs")
    try:
        if source is None:
            events = list(_of_requests(requests, plid, time, byteorder))
        else:
            events = list(_of_json(source))
        data = _encoded(events, form, byteorder)
    except ArgumentError as error:
        raise InputError(str(error)) from None
    if output != STDIN:
        write_file(output, data)
    elif form != "text" and sys.stdout.isatty():
        raise InputError("binary output to a terminal: give -o FILE or --format text")
    else:
        write_bytes(data)


def _number(text: str, what: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise InputError(f"{what} {text!r}, expected a number") from None


def request_of(text: str) -> HotplugRequest:
    """A request for any resource that events know, identified in any way.

    Raises:
        InputError: it is none.
    """
    words = text.split()
    if len(words) > 2 and words[0] in _RESOURCES and words[1] in _ACTIONS:
        what = _RESOURCES[words[0]], _ACTIONS[words[1]]
        match words[2:]:
            case ["index", index]:
                return HotplugRequest.index(*what, _number(index, "index"))
            case ["count", count]:
                return HotplugRequest.by_count(*what, _number(count, "count"))
            case ["indexed-count", count, index]:
                return HotplugRequest.indexed_count(
                    *what, _number(count, "count"), _number(index, "index")
                )
            case ["drc-name", name]:
                return HotplugRequest.by_name(*what, name)
    raise InputError(
        f"request {text!r}, expected as 'memory add count 2': one of "
        f"{', '.join(_RESOURCES)}; add or remove; index INDEX, count COUNT, "
        "indexed-count COUNT INDEX or drc-name NAME"
    )


def _of_requests(
    texts: tuple[str, ...], plid: str | None, time: str | None, byteorder: ByteOrder
) -> Iterator[RtasEvent]:
    stamp = None
    if time == "now":
        stamp = datetime.now()
    elif time is not None:
        try:
            stamp = datetime.fromisoformat(time)
        except ValueError:
            raise InputError(
                f"time {time!r}, expected one as '2026-01-02 03:04:05'"
            ) from None
    first = 0 if plid is None else _number(plid, "platform log id")
    data = hotplug_events(map(request_of, texts), first, stamp, byteorder)
    while data:
        event = decode_event(data)
        yield event
        data = data[len(event.raw) :]


def _of_json(path: str) -> Iterator[RtasEvent]:
    shown = shown_path(path)
    number = 0
    for number, plain in enumerate(_objects(path), 1):
        try:
            yield event_from_dict(from_json(json.dumps(plain)))
        except DlparError as error:
            raise InputError(f"{shown}: event {number}: {error}") from None
    if not number:
        raise InputError(f"{shown}: no event, expected JSON objects of events")


def _objects(path: str) -> Iterator[Any]:
    """What arrays, objects, or objects line by line hold."""
    shown = shown_path(path)
    try:
        text = read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{shown}: byte {error.start}: no UTF-8") from None
    decoder = json.JSONDecoder()
    at = _next(text, 0)
    while at < len(text):
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{shown}: no JSON: {error}") from None
        yield from value if isinstance(value, list) else (value,)
        at = _next(text, at)


def _next(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _encoded(events: list[RtasEvent], form: str, byteorder: ByteOrder) -> bytes:
    if form == "text":
        lines = [
            line
            for number, event in enumerate(events)
            for line in kernel_text(event.raw, number)
        ]
        return "".join(f"{line}\n" for line in lines).encode("ascii")
    if form == "pel":
        return b"".join(map(encode_pel, events))
    if form == "error-log":
        records = enumerate(events, 1)
        return b"".join(encode_error_log(event, n, byteorder) for n, event in records)
    return b"".join(event.raw for event in events)


def kernel_text(raw: bytes, number: int) -> Iterator[str]:
    """An event in lines as Linux logs them with `rtasmsgs=on`.

    Args:
        raw: its bytes.
        number: of the event, for the markers.

    Source: Linux arch/powerpc/platforms/pseries, rtasd.
    """
    yield f"RTAS: {number} -------- RTAS event begin --------"
    for line, at in enumerate(range(0, len(raw), _LINE)):
        yield f"RTAS {line}: {raw[at : at + _LINE].hex(' ', -4)}"
    yield f"RTAS: {number} -------- RTAS event end ----------"

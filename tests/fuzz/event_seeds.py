"""Write the seeds of the events' fuzzer: `python tests/fuzz/event_seeds.py FOLDER`.

Each is two bytes of choices (how it is read; pieces and values) and an event, a batch,
a carrier or a text. Events are those of the tests, some built with every kind of
section, and where `PYDLPAR_CORPUS` says the real ones.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import rtas_vectors as vectors
import text_forms as forms

import pydlpar

EVENT, BATCH, CARRIER, TEXT, ARROW, BUILD, REQUESTS = range(7)
RECORD = 2052
SHORTEST, LONGEST, STEP = 8, 72, 16
LAYOUTS = 39
IDS = b"CH DH ED EH EI EP HM HP IE LP LR MC MI MT PH PS SS SW UD UH XX".split()


def sections() -> Iterator[bytes]:
    """Version 6 events of one section each, of every id and several lengths."""
    for name in IDS:
        for size in range(SHORTEST, LONGEST, STEP):
            body = bytes(range(1, 1 + size))
            yield vectors.event(vectors.section(name, body))


def corpus() -> Iterator[tuple[int, bytes]]:
    """Real logs: as text as they are, else as what carries them."""
    root = Path(os.environ.get("PYDLPAR_CORPUS", "")) / "rtas"
    for path in sorted(root.glob("*/**/*")) if root.is_dir() else ():
        if path.is_file() and "expected" not in path.parts:
            data = path.read_bytes()
            printed = path.suffix not in (".pel", ".esel", ".bin")
            yield TEXT if printed else CARRIER, data
            if printed:
                for item in pydlpar.scan_text(data):
                    if isinstance(item, pydlpar.FoundEvent):
                        yield EVENT, item.event.to_bytes()


def texts(event: bytes) -> Iterator[str]:
    """An event in every form that logs have."""
    yield "\n".join(forms.as_log(event, prefix="Jun  1 10:00:00 host kernel: "))
    yield "\n".join(forms.as_log(event, end=False) + forms.as_log(event, begin=False))
    yield from (forms.as_xxd(event), forms.as_hexdump(event), forms.as_errpt(event))
    yield forms.as_bare(event)


def seeds() -> Iterator[tuple[int, bytes]]:
    """How each is read, and its bytes."""
    whole = [*vectors.ALL, *sections()]
    for event in whole:
        yield EVENT, event
    yield BATCH, b"".join(vectors.ALL)
    for count in range(1, len(vectors.ALL)):
        yield ARROW, b"".join(vectors.ALL[:count])
    for number in range(LAYOUTS):
        yield BUILD, bytes([number % 8]) + bytes(range(number, number + LONGEST))
        yield REQUESTS, bytes([number]) + bytes(range(number, number + LONGEST))
    yield CARRIER, b"".join(vectors.ALL)
    for number, event in enumerate(vectors.ALL):
        yield CARRIER, (number.to_bytes(4, "little") + event).ljust(RECORD, b"\0")
        yield CARRIER, event[20:]
        for text in texts(event):
            yield TEXT, text.encode()
    yield from corpus()


def main(folder: str) -> None:
    """Fill *folder*, made when missing."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    for number, (how, data) in enumerate(seeds()):
        (out / f"{number:05}").write_bytes(bytes([how, number % 251]) + data)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Lists of connectors as properties: `ibm,drc-info`, or the four arrays."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator

from pydlpar.drc import Drc, DrcList, DrcRun
from pydlpar.errors import ArgumentError

__all__ = ["drc_arrays", "drc_info"]

_U32 = struct.Struct(">I")
_RUN_CELLS = struct.Struct(">5I")
_MAX_EXPANDED = 1 << 21
"""Connectors that are written out as arrays."""
# Nine digits at most, so that the number fits into a cell.
_NUMBERED = re.compile(r"(.*?)(0|[1-9][0-9]{0,8})", re.DOTALL | re.ASCII).fullmatch


def drc_info(drcs: DrcList) -> bytes:
    """A list as `ibm,drc-info`, in its order, in as few records as that takes.

    Raises:
        ArgumentError: a name does not end in a number, or is not ASCII.
    """
    runs = [*_runs_of(drcs.drcs), *drcs.runs]
    return _U32.pack(len(runs)) + b"".join(
        _text(run.type) + _text(run.prefix) + _RUN_CELLS.pack(*run[2:]) for run in runs
    )


def drc_arrays(drcs: DrcList) -> dict[str, bytes]:
    """A list as the four arrays, by property name.

    Raises:
        ArgumentError: a string is not ASCII, or the list has more than 2**21
            connectors.
    """
    n = len(drcs)
    if n > _MAX_EXPANDED:
        raise ArgumentError(f"{n} connectors as arrays: at most {_MAX_EXPANDED}")
    indexes, names, types, domains = zip(*drcs, strict=True) if n else ((),) * 4
    return {
        "ibm,drc-indexes": struct.pack(f">{n + 1}I", n, *indexes),
        "ibm,drc-names": _U32.pack(n) + b"".join(map(_text, names)),
        "ibm,drc-types": _U32.pack(n) + b"".join(map(_text, types)),
        "ibm,drc-power-domains": struct.pack(f">{n + 1}I", n, *domains),
    }


def _text(text: str) -> bytes:
    if not text.isascii() or "\0" in text:
        raise ArgumentError(f"DRC string {text!r}: expected ASCII")
    return text.encode("ascii") + b"\0"


def _runs_of(drcs: Iterable[Drc]) -> Iterator[DrcRun]:
    """Connectors as runs: each as long as index and name grow alike."""
    run: DrcRun | None = None
    for drc in drcs:
        match = _NUMBERED(drc.name)
        if match is None:
            raise ArgumentError(
                f"DRC name {drc.name!r}: ibm,drc-info has only names that end in "
                "a number"
            )
        number = int(match[2])
        if run is not None:
            longer = _lengthened(run, drc, match[1], number)
            if longer is not None:
                run = longer
                continue
            yield run
        run = DrcRun(drc.type, match[1], drc.index, number, 1, 1, drc.power_domain)
    if run is not None:
        yield run


def _lengthened(run: DrcRun, drc: Drc, prefix: str, number: int) -> DrcRun | None:
    """The run with one connector more, or None where it does not follow."""
    if (run.type, run.prefix, run.power_domain) != (drc.type, prefix, drc.power_domain):
        return None
    step = drc.index - run.first if run.elements == 1 else run.increment
    distance = run.elements * step
    if step < 1 or drc.index - run.first != distance or number - run.suffix != distance:
        return None
    return run._replace(elements=run.elements + 1, increment=step)

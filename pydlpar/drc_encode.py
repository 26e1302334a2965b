"""Lists of connectors as properties: `ibm,drc-info`, or the four arrays.

The counterpart of `drc.DrcList`, which reads both (LoPAR 13.5.2).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator, Sequence

from pydlpar.drc import Drc, DrcList, DrcRun
from pydlpar.errors import ArgumentError

__all__ = ["ARRAYS", "drc_arrays", "drc_info"]

ARRAYS = (
    "ibm,drc-indexes",
    "ibm,drc-power-domains",
    "ibm,drc-names",
    "ibm,drc-types",
)
"""Names of the four arrays."""

_U32 = struct.Struct(">I")
_RUN_CELLS = struct.Struct(">5I")
_MAX_EXPANDED = 1 << 21
"""Connectors that are written out as arrays."""
# Nine digits at most, so that the number fits into a cell.
_NUMBERED = re.compile(r"(.*?)(0|[1-9][0-9]{0,8})", re.DOTALL | re.ASCII).fullmatch


def drc_info(drcs: DrcList | Iterable[Drc]) -> bytes:
    """A list as `ibm,drc-info`, in its order, in as few records as that takes.

    Raises:
        ArgumentError: a name does not end in a number, a text is not ASCII, or a
            number not 32-bit.
    """
    if isinstance(drcs, DrcList):
        runs = [*_runs_of(drcs.drcs), *drcs.runs]
    else:
        runs = list(_runs_of(drcs))
    return _U32.pack(len(runs)) + b"".join(map(_record, runs))


def _record(run: DrcRun) -> bytes:
    try:
        cells = _RUN_CELLS.pack(*run[2:])
    except struct.error:
        raise ArgumentError(f"DRC {run}: expected 32-bit numbers") from None
    return _text(run.type) + _text(run.prefix) + cells


def drc_arrays(drcs: DrcList | Sequence[Drc]) -> dict[str, bytes]:
    """A list as the four arrays, by property name, in the order of `ARRAYS`.

    Raises:
        ArgumentError: a text is not ASCII, a number not 32-bit, or the list has more
            than 2**21 connectors.
    """
    n = len(drcs)
    if n > _MAX_EXPANDED:
        raise ArgumentError(f"{n} connectors as arrays: at most {_MAX_EXPANDED}")
    indexes, names, types, domains = zip(*drcs, strict=True) if n else ((),) * 4
    count = _U32.pack(n)
    columns = (
        count + _cells(indexes),
        count + _cells(domains),
        count + b"".join(map(_text, names)),
        count + b"".join(map(_text, types)),
    )
    return dict(zip(ARRAYS, columns, strict=True))


def _cells(values: Sequence[int]) -> bytes:
    try:
        return struct.pack(f">{len(values)}I", *values)
    except struct.error:
        raise ArgumentError(f"DRC list: {values}, expected 32 bits each") from None


def _text(text: str) -> bytes:
    if not text.isascii() or "\0" in text:
        raise ArgumentError(f"DRC string {text!r}: expected ASCII without NUL")
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

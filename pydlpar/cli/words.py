"""What became of a request, in words: for lines, traces and JSON."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

from pydlpar._ffi import lib
from pydlpar.constants import (
    AllocationState,
    EntitySense,
    Indicator,
    IsolationState,
    Sensor,
)

if TYPE_CHECKING:
    from pydlpar.dispatch import Call, Outcome

__all__ = [
    "as_record",
    "call_text",
    "code_name",
    "counted",
    "effect_text",
    "errno_name",
    "errno_text",
    "rtas_calls",
    "size_text",
    "visible",
]

_PREFIX = "DLPAR_ERR_"
_CODES: dict[int | None, str] = {
    getattr(lib, name): name.removeprefix(_PREFIX)
    for name in dir(lib)
    if name.startswith(_PREFIX)
}
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")
_VALUES: dict[int, type[IsolationState] | type[AllocationState]] = {
    Indicator.ISOLATION_STATE: IsolationState,
    Indicator.ALLOCATION_STATE: AllocationState,
}


def _word(number: int, kind: Any) -> str:
    try:
        return str(kind(number).name).lower().replace("_", "-")
    except ValueError:
        return str(number)


def errno_name(number: int) -> str:
    """`EINVAL` for 22."""
    return errno.errorcode.get(number, f"errno {number}")


def errno_text(number: int) -> str:
    """`Invalid argument` for 22."""
    return os.strerror(number)


def code_name(code: int | None) -> str:
    """`BADMAGIC` for the code of a malformed tree."""
    return _CODES.get(code, str(code))


def size_text(size: int) -> str:
    """A number of bytes with the largest unit that gives a whole number."""
    unit = 0
    while size and size % 1024 == 0 and unit < len(_UNITS) - 1:
        size //= 1024
        unit += 1
    return f"{size} {_UNITS[unit]}"


def visible(text: str, encoding: str) -> str:
    """Text without control characters, and with those that the terminal knows."""
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return shown.encode(encoding, "backslashreplace").decode(encoding)


def call_text(call: Call) -> str:
    """One call as a line of a trace: function, arguments, answer."""
    arguments = list(call.arguments)
    if call.function == "sleep":
        return f"retry after {arguments[0]} ms"
    if call.function == "get-sensor-state":
        answer = _word(call.result, EntitySense) if not call.status else ""
        shown = f"{_word(arguments[0], Sensor)}, {arguments[1]:#010x}"
    elif call.function == "set-indicator":
        values = _VALUES.get(arguments[0])
        value = _word(arguments[2], values) if values else str(arguments[2])
        shown = f"{_word(arguments[0], Indicator)}, {arguments[1]:#010x}, {value}"
        answer = ""
    elif call.function == "ibm,configure-connector":
        shown = f"{arguments[0]:#010x}"
        answer = f"{len(call.result)} calls"
    else:
        shown = ", ".join(
            f"{value:#x}" if value > 9 else str(value) for value in arguments
        )
        answer = ""
    text = f"{call.function}({shown}) = {call.status}"
    return f"{text} ({answer})" if answer else text


def counted(number: int, thing: str) -> str:
    """`1 property`, `2 properties`."""
    if number != 1:
        thing = f"{thing[:-1]}ies" if thing.endswith("y") else f"{thing}s"
    return f"{number} {thing}"


def effect_text(outcome: Outcome) -> str:
    """What a request that was carried out did: nodes, memory, properties."""
    parts = []
    for change in outcome.changes:
        if change[0] in ("add", "remove"):
            sign = "+" if change[0] == "add" else "-"
            parts.append(f"{sign}{change[1]}")
    memory: dict[str, list[int]] = {"add-memory": [], "remove-memory": []}
    for call in outcome.calls:
        if call.function in memory and call.status == 0:
            memory[call.function].append(call.arguments[1])
    for function, sizes in memory.items():
        if sizes:
            sign = "+" if function == "add-memory" else "-"
            parts.append(
                f"{sign}{counted(len(sizes), 'LMB')} ({size_text(sum(sizes))})"
            )
    return " ".join(parts) or "nothing to do"


def as_record(
    outcome: Outcome, text: str, origin: str, *, trace: bool
) -> dict[str, Any]:
    """An outcome as a JSON object."""
    record: dict[str, Any] = {
        "type": "request",
        "request": text,
        "origin": origin or None,
        "errno": outcome.errno,
        "error": errno_name(outcome.errno) if outcome.errno else None,
        "handled": outcome.handled,
        "reason": outcome.reason or None,
        "changes": [_change(change) for change in outcome.changes],
        "rtas_calls": rtas_calls(outcome),
    }
    if trace:
        record["calls"] = [
            {
                "function": call.function,
                "arguments": list(call.arguments),
                "status": call.status,
                "result": list(call.result)
                if call.function == "ibm,configure-connector"
                else call.result,
            }
            for call in outcome.calls
        ]
    return record


def _change(change: tuple[Any, ...]) -> dict[str, Any]:
    kind, path, *rest = change
    record: dict[str, Any] = {"kind": kind, "path": path}
    if kind == "set":
        name, old, new = rest
        record["property"] = name
        record["old"] = None if old is None else old.hex()
        record["new"] = None if new is None else new.hex()
    return record


_RTAS = frozenset({"get-sensor-state", "set-indicator"})


def rtas_calls(outcome: Outcome) -> int:
    """How many RTAS calls a request made, those of each walk counted one by one."""
    return sum(
        len(call.result)
        if call.function == "ibm,configure-connector"
        else call.function in _RTAS
        for call in outcome.calls
    )

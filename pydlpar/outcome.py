"""What became of a request: its errno, the calls made, the changes to the tree."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pydlpar.operations.calls import (
    CONFIGURE_CONNECTOR,
    FUNCTIONS,
    GET_SENSOR_STATE,
    POWERS,
    Entry,
)
from pydlpar.operations.repeat import written_out

if TYPE_CHECKING:
    from pydlpar.operations.calls import Run
    from pydlpar.request import HotplugRequest

__all__ = ["WITH_RESULT", "Call", "Entry", "EventCounts", "Outcome"]

WITH_RESULT = POWERS | {GET_SENSOR_STATE, CONFIGURE_CONNECTOR}
"""The kinds of effects whose answer begins with status and result."""


class Call(NamedTuple):
    """One call that a request made.

    Attributes:
        function: the RTAS function, what the operating system did, or "sleep".
        arguments: its arguments; of "sleep", the milliseconds.
        status: RTAS status, or 0 or a negative errno.
        result: the state (get-sensor-state) or level (of power), the status of
            every call of the walk (ibm,configure-connector), else None.
    """

    function: str
    arguments: tuple[int, ...]
    status: int
    result: Any = None


class Outcome:
    """What became of a request.

    Attributes:
        request: the request; None where there was none to be understood.
        errno: 0, or the errno that the writer would see.
        handled: False for an event that nobody acts upon here.
        changes: changes to the tree, in order: ("add", path), ("remove", path),
            ("set", path, property, old, new).
    """

    __slots__ = ("_reason", "_trace", "changes", "errno", "handled", "request")

    def __init__(
        self,
        request: HotplugRequest | None,
        errno: int,
        trace: list[Entry],
        changes: list[tuple[Any, ...]],
        reason: Run | str,
        handled: bool = True,
    ) -> None:
        self.request = request
        self.errno = errno
        self.changes = changes
        self.handled = handled
        self._trace = trace
        self._reason = reason

    @property
    def calls(self) -> list[Call]:
        """The calls made, in order."""
        return [_call(effect, answer) for effect, answer in written_out(self._trace)]

    @property
    def entries(self) -> list[Entry]:
        """The same as effects and their answers, as operations see them."""
        return list(written_out(self._trace)) if self._trace else []

    @property
    def exit_status(self) -> int | None:
        """Of drmgr, where that is who carries it out; else None."""
        return None if isinstance(self._reason, str) else self._reason.exit_status

    @property
    def leaked(self) -> int:
        """The positive RTAS status behind an EIO, which Linux hands to the writer."""
        return 0 if isinstance(self._reason, str) else self._reason.leaked

    @property
    def reason(self) -> str:
        """Why it failed or was not handled, in words; empty where it succeeded."""
        if isinstance(self._reason, str):
            return self._reason
        return self._reason.reason if self.errno else ""

    def __repr__(self) -> str:
        result = errno.errorcode.get(self.errno, "ok") if self.errno else "ok"
        why = f": {self.reason}" if self.reason else ""
        return f"<Outcome of {str(self.request)!r}: {result}{why}>"


def _call(effect: tuple[int, ...], answer: Any) -> Call:
    kind, *arguments = effect
    if kind in WITH_RESULT:
        return Call(FUNCTIONS[kind], tuple(arguments), answer[0], answer[1])
    return Call(FUNCTIONS[kind], tuple(arguments), answer)


@dataclass
class EventCounts:
    """How many events came by the interrupt, by what was done with them.

    Attributes:
        handled: given to an operation.
        user_space: left to the daemon in user space, or ignored by it.
        without_section: a well-formed log that has no hotplug section (Linux
            dereferences a null pointer).
        damaged: not a well-formed log (Linux reads out of bounds or loops).
    """

    handled: int = 0
    user_space: int = 0
    without_section: int = 0
    damaged: int = 0

"""Making transcripts: of a real guest, or of the model in its place.

    with GuestRecorder(guest, "bug-report", config) as recorder:
        recorder.do("dlpar", "cpu remove index 0x10000001")

A step is written the way a person would say it: a kind of `transcript.KINDS`, and
what is written, run or commanded; a QMP command has its arguments behind it, as JSON.
"""

from __future__ import annotations

import json
import re
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from pydlpar.compare.replay import Came, Replay
from pydlpar.compare.transcript import KINDS, Transcript, unescaped, write_result
from pydlpar.errors import ArgumentError, PlatformError
from pydlpar.rtas import decode_event
from pydlpar.tree import DeviceTree

if TYPE_CHECKING:
    from pydlpar.platforms.guest import Guest

__all__ = ["GuestRecorder", "ModelRecorder", "Recorder", "parse_line", "trace_options"]

_POWERDOWN: Final = "system_powerdown"
_OF_MACHINE: Final = frozenset(
    {"POWERDOWN", "SHUTDOWN", "STOP", "RESUME", "RESET", "RTC_CHANGE"}
)
"""Events of the machine, which say nothing of a device."""
_EPOW_WAIT: Final = 5.0
"""Seconds for the kernel to fetch an EPOW event, which nothing else tells of."""
_POLL: Final = 0.05
_CHANGES: Final = frozenset({"device_add", "device_del"})
_TRACE_LINE: Final = re.compile(r"spapr_(?:drc|rtas_get_sensor)_\w+ .*")


def parse_line(line: str) -> tuple[str, str, dict[str, Any]]:
    """A step in words: its kind, what, and the arguments of a QMP command.

    Raises:
        ArgumentError: it is none.
    """
    kind, _, rest = line.strip().partition(" ")
    if kind not in KINDS:
        raise ArgumentError(
            f"step {line!r}: expected one of {', '.join(KINDS)}, then what to do"
        )
    if kind != "qmp":
        return kind, rest, {}
    what, _, text = rest.strip().partition(" ")
    try:
        arguments = json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise ArgumentError(f"step {line!r}: arguments: {error}") from None
    if not what or not isinstance(arguments, dict):
        raise ArgumentError(f"step {line!r}: expected a command, then a JSON object")
    return kind, what, arguments


class Recorder(ABC):
    """Does steps and writes them down. A context manager: the file comes at its end.

    Args:
        folder: of the transcript; it is made.
        config: how the machine was started.

    Attributes:
        transcript: what there is so far.
    """

    def __init__(self, folder: str | Path, config: dict[str, Any]) -> None:
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        self.transcript = Transcript(path, config, [])

    def __enter__(self) -> Recorder:
        boot = {"kind": "sh", "what": "true", "result": "", "rc": 0, "dmesg": []}
        boot |= {"drc_trace": [], "qmp_events": []}
        self._keep(boot, "boot", self._tree())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # What led to an error is what a bug report is about.
        self.transcript.write()

    def do(
        self, kind: str, what: str, arguments: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Do a step: what it is in the transcript.

        Raises:
            ArgumentError: it cannot be done here.
            PlatformError: the machine is gone.
        """
        step: dict[str, Any] = {"kind": kind, "what": what}
        if arguments:
            step["args"] = arguments
        step |= self._do(kind, what, arguments or {})
        changes = kind != "qmp" or what in _CHANGES
        return self._keep(step, kind, self._tree() if changes else None)

    def _keep(
        self, step: dict[str, Any], name: str, tree: DeviceTree | None
    ) -> dict[str, Any]:
        if tree is not None:
            blob = tree.to_dtb()
            step["tree"] = f"{len(self.transcript.steps):02d}-{name}.dtb"
            step["tree_bytes"] = len(blob)
            (self.transcript.folder / step["tree"]).write_bytes(blob)
        self.transcript.steps.append(step)
        return step

    @abstractmethod
    def _do(self, kind: str, what: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Do it: all that the transcript says of it, but for the tree."""

    @abstractmethod
    def _tree(self) -> DeviceTree:
        """The device tree now."""


class ModelRecorder(Recorder):
    """The model in the place of a guest. It has no shell, and no kernel messages."""

    def __init__(
        self, boot: DeviceTree, folder: str | Path, config: dict[str, Any]
    ) -> None:
        super().__init__(folder, config)
        self._machine = Replay(boot.copy(), config["dialect"])

    def _tree(self) -> DeviceTree:
        return self._machine.tree

    def _do(self, kind: str, what: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if kind == "sh":
            raise ArgumentError(f"step 'sh {what}': the model has no shell")
        came = self._machine.run({"kind": kind, "what": what, "args": arguments})
        events = self._machine.tracer.platform.qmp_events
        found: dict[str, Any] = {"result": _model_result(kind, what, came)}
        if came.events:
            found["event"] = came.events[-1].hex()
        return found | {
            "dmesg": [],
            "drc_trace": came.trace,
            "qmp_events": list(events),
        }


def _model_result(kind: str, what: str, came: Came) -> object:
    if kind == "qmp":
        return {} if came.refused is None else _qmp_error(came.refused)
    return write_result(came.results[-1], len(unescaped(what)))


def _qmp_error(text: str) -> dict[str, Any]:
    return {"error": {"class": "GenericError", "desc": text}}


def trace_options(path: Path) -> tuple[str, ...]:
    """Options of QEMU that have it write what its connectors do to a file.

    And stay when the guest powers down, so that its memory can still be read.
    """
    events = ("spapr_drc_*", "spapr_rtas_get_sensor_state_*")
    enable = [word for event in events for word in ("-trace", event)]
    return (*enable, "-D", str(path), "-no-shutdown")


class GuestRecorder(Recorder):
    """A real guest.

    Args:
        guest: the guest.
        folder, config: see `Recorder`.
        trace: the file of `trace_options` that the guest was started with; without
            one no step has a `drc_trace`.
    """

    def __init__(
        self,
        guest: Guest,
        folder: str | Path,
        config: dict[str, Any],
        trace: Path | None = None,
    ) -> None:
        super().__init__(folder, config)
        self._guest = guest
        self._trace = trace
        self._traced = self._trace_size()
        self._interrupts = guest.hotplug_interrupts()
        self._buffer = guest.interrupt_buffer()
        guest.dmesg()
        guest.qmp_events.clear()

    def _tree(self) -> DeviceTree:
        return self._guest.device_tree()

    def _trace_size(self) -> int:
        return 0 if self._trace is None else self._trace.stat().st_size

    def _do(self, kind: str, what: str, arguments: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if kind == "qmp":
            found["result"] = self._command(what, arguments)
            found |= self._new_event(what)
        elif kind == "sh":
            run = self._guest.run(what)
            found["result"] = (run.out + run.err).decode(errors="replace")
            found["rc"] = run.status
        else:
            data = unescaped(what)
            write = self._guest.write if kind == "dlpar" else self._guest.write_ofdt
            found["result"] = write_result(write(data), len(data))
        # What was told to power down answers no more.
        gone = what == _POWERDOWN
        messages = [] if gone else self._guest.dmesg()
        found["dmesg"] = [message.text for message in messages]
        if self._trace is not None:
            found["drc_trace"] = self._new_trace(self._trace)
        events = self._guest.qmp_events
        found["qmp_events"] = [e for e in events if e["event"] not in _OF_MACHINE]
        events.clear()
        return found

    def _new_event(self, what: str) -> dict[str, str]:
        """The event that the kernel fetched last, if it is another than before."""
        end = time.monotonic() + (_EPOW_WAIT if what == _POWERDOWN else 0)
        before, self._buffer = self._buffer, self._guest.interrupt_buffer()
        while self._buffer == before:
            if time.monotonic() >= end:
                return {}
            time.sleep(_POLL)
            self._buffer = self._guest.interrupt_buffer()
        if self._buffer is None:
            return {}
        # A damaged one is what a bug report may be about.
        return {"event": decode_event(self._buffer, strict=False).raw.hex()}

    def _command(self, what: str, arguments: dict[str, Any]) -> Any:
        try:
            result = self._guest.command(what, **arguments)
        except PlatformError as error:
            # Its subclasses say that there is no machine any more.
            if type(error) is not PlatformError:
                raise
            return _qmp_error(str(error))
        if what in _CHANGES:
            self._interrupts += 1
            self._guest.settle(self._interrupts)
        return result

    def _new_trace(self, path: Path) -> list[str]:
        """What QEMU traced since the last time, without its time stamps."""
        with path.open("rb") as file:
            file.seek(self._traced)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._traced += len(whole)
        found = map(_TRACE_LINE.search, whole.decode(errors="replace").splitlines())
        return [match[0] for match in found if match]

"""Transcripts of machines: what was done, and everything that came of it.

A transcript is a folder: `transcript.json`, and a flattened device tree for each
step that has one. The file has `config` (how the machine was started) and `steps`,
each an object:

    kind        dlpar: a write to /sys/kernel/dlpar; ofdt: to /proc/powerpc/ofdt;
                qmp: a command of the management, with args; sh: a shell command
    what        what was written (escapes as \\n, \\0, \\xNN), or the command
    result      write=COUNT len=LENGTH errno=NUMBER, or the answer, or the output
    rc          exit status of a shell command
    event       the RTAS event that the step made the kernel fetch, in hex
    dmesg       kernel messages
    drc_trace   what QEMU's trace points of connectors said
    qmp_events  events for the management
    tree        file with the device tree after the step
"""

from __future__ import annotations

import errno
import json
import os
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pydlpar.constants import Action, Resource
from pydlpar.errors import ArgumentError
from pydlpar.tree import DeviceTree

__all__ = [
    "KINDS",
    "Transcript",
    "escaped",
    "event_time",
    "expected_exits",
    "expected_results",
    "expected_sensors",
    "io_commands",
    "unescaped",
    "write_result",
    "writes_of_drmgr",
]

KINDS: Final = ("dlpar", "ofdt", "qmp", "sh")
_FILE: Final = "transcript.json"
_TIME: Final = slice(0x20, 0x27)
_WRITE: Final = re.compile(r"write=(-?\d+) len=\d+ errno=(\d+)")
_DRMGR: Final = re.compile(r"drmgr -c (\w+) -([ar]) -q (\d+)")
_DRMGR_IO: Final = re.compile(r'drmgr -c (pci|phb) -([ar]) -s (?:"([^"]+)"|(\S+))')
_SENSOR: Final = re.compile(r"get-sensor for (\w+): (-?\d+), (-?\d+)")
_RESOURCES: Final = {"pci": Resource.PCI, "phb": Resource.PHB}
_ACTIONS: Final = {"a": Action.ADD, "r": Action.REMOVE}


@dataclass
class Transcript:
    """A transcript.

    Attributes:
        folder: where its trees are.
        config: how the machine was started.
        steps: as in the file.
    """

    folder: Path
    config: dict[str, Any]
    steps: list[dict[str, Any]]

    @classmethod
    def read(cls, folder: str | Path) -> Transcript:
        """The transcript in a folder, or of its file.

        Raises:
            ArgumentError: it is none; the message says which step.
            OSError: the file cannot be read.
        """
        path = Path(folder)
        if path.is_dir():
            path = path / _FILE
        try:
            record = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise ArgumentError(f"{path}: no JSON: {error}") from None
        if not isinstance(record, dict) or not isinstance(record.get("steps"), list):
            raise ArgumentError(f"{path}: expected an object with 'steps', a list")
        for number, step in enumerate(record["steps"], 1):
            problem = _problem(step)
            if problem:
                raise ArgumentError(f"{path}: step {number}: {problem}")
        return cls(path.parent, record.get("config", {}), record["steps"])

    def write(self) -> None:
        """Write the file; its trees are there already.

        Raises:
            OSError: it cannot be written.
        """
        record = {"config": self.config, "steps": self.steps}
        (self.folder / _FILE).write_text(json.dumps(record, indent=1) + "\n")

    def tree(self, name: str) -> DeviceTree:
        """A tree of the transcript.

        Raises:
            ArgumentError: the name leads out of the folder.
            OSError: there is none.
            TreeError: it is malformed.
        """
        if os.path.basename(name) != name:
            raise ArgumentError(f"tree {name!r}: expected a name in {self.folder}")
        return DeviceTree.from_dtb((self.folder / name).read_bytes())

    def boot_tree(self) -> DeviceTree:
        """The tree before anything was done: of the first step that has one.

        Raises:
            ArgumentError: no step has one.
        """
        for step in self.steps:
            if "tree" in step:
                return self.tree(step["tree"])
        raise ArgumentError(f"{self.folder}: no step has a tree")


def _problem(step: object) -> str | None:
    """What is wrong with a step, in words."""
    if not isinstance(step, dict):
        return "expected an object"
    if step.get("kind") not in KINDS:
        return f"kind {step.get('kind')!r}, expected one of {', '.join(KINDS)}"
    types: dict[str, type] = {"what": str, "event": str, "tree": str}
    types |= {"drc_trace": list}
    types |= {"qmp_events": list, "args": dict}
    for name, kind in types.items():
        value = step.get(name)
        if (value is None and name == "what") or not isinstance(value, kind | None):
            return f"{name} is {value!r}, expected {kind.__name__}"
    if not all(isinstance(line, str) for line in step.get("drc_trace") or []):
        return "drc_trace: expected a list of lines"
    events = step.get("qmp_events") or []
    if not all(isinstance(e, dict) and isinstance(e.get("event"), str) for e in events):
        return "qmp_events: expected a list of objects with 'event'"
    try:
        bytes.fromhex(step.get("event") or "")
    except ValueError as error:
        return f"event: {error}"
    result = step.get("result")
    if step["kind"] == "sh" and not isinstance(result, str):
        return f"result {result!r}, expected the output"
    is_write = step["kind"] in ("dlpar", "ofdt")
    if is_write and not (isinstance(result, str) and _WRITE.match(result)):
        return f"result {result!r}, expected write=COUNT len=LENGTH errno=NUMBER"
    return None


def escaped(data: bytes) -> str:
    """Bytes of a write, as a transcript has them."""
    return data.decode("latin-1").encode("unicode_escape").decode("ascii")


def unescaped(what: str) -> bytes:
    """The bytes of a write, from their notation.

    Raises:
        ArgumentError: it is not one.
    """
    try:
        return what.encode("latin-1").decode("unicode_escape").encode("latin-1")
    except UnicodeError as error:
        raise ArgumentError(f"write {what!r}: {error}") from None


def write_result(wrote: int, length: int) -> str:
    """What a write returned, as a transcript has it: bytes taken, or -errno."""
    if wrote >= 0:
        return f"write={wrote} len={length} errno=0 (ok)"
    return f"write=-1 len={length} errno={-wrote} ({os.strerror(-wrote)})"


def event_time(event: bytes) -> datetime | None:
    """The time stamp of an event, binary-coded decimal; None where it is zeros.

    Raises:
        ArgumentError: it is no time.
    """
    text = event[_TIME].hex()
    if not text.strip("0"):
        return None
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S")
    except ValueError:
        raise ArgumentError(f"event with time stamp {text}: no time") from None


def writes_of_drmgr(step: dict[str, Any]) -> list[bytes]:
    """What a shell command wrote to /sys/kernel/dlpar.

    drmgr adds and removes cores by index, and tries one after the other: its
    indexes are those of the hypervisor's trace. Memory goes by count.
    """
    command = _DRMGR.match(step["what"])
    if not command:
        return []
    resource, flag, quantity = command.groups()
    action = {"a": "add", "r": "remove"}[flag]
    if resource == "mem":
        return [f"memory {action} count {quantity}".encode()]
    first = {"a": "allocation_state", "r": "isolation_state"}[flag]
    state = {"a": "0x1", "r": "0x0"}[flag]
    line = re.compile(f"spapr_drc_set_{first} drc: (\\w+), state: {state}")
    found = (line.fullmatch(entry) for entry in step["drc_trace"])
    return [f"cpu {action} index {m[1]}".encode() for m in found if m]


def io_commands(step: dict[str, Any]) -> list[tuple[Resource, Action, str]]:
    """The drmgr commands of a step that are about slots or PHBs, in order."""
    return [
        (_RESOURCES[kind], _ACTIONS[flag], quoted or plain)
        for kind, flag, quoted, plain in _DRMGR_IO.findall(step["what"])
    ]


def expected_exits(step: dict[str, Any]) -> list[int | None]:
    """Exit status of each of the step's drmgr commands; None where none is shown."""
    if step["kind"] != "sh" or not io_commands(step):
        return []
    runs = re.split(r"^drmgr: ", step["result"], flags=re.MULTILINE)[1:]
    shown = [re.search(r"^rc=(\d+)", text, re.MULTILINE) for text in runs]
    return [int(match[1]) if match else None for match in shown]


def expected_sensors(step: dict[str, Any]) -> list[tuple[int, int, int]]:
    """(DRC index, status, state) of each sensor reading that drmgr printed."""
    if step["kind"] != "sh" or not io_commands(step):
        return []
    lines = _SENSOR.findall(step["result"])
    return [(int(index, 16), int(rc), int(state)) for index, rc, state in lines]


def expected_results(step: dict[str, Any]) -> list[int]:
    """What the writes of a step returned: bytes taken, or -errno."""
    if step["kind"] in ("dlpar", "ofdt"):
        match = _WRITE.match(step["result"])
        if match is None:
            raise ArgumentError(f"result {step['result']!r} of a write")
        return [-int(match[2]) if match[1] == "-1" else int(match[1])]
    data = writes_of_drmgr(step) if step["kind"] == "sh" else []
    failed = step["result"].count("Failed to write") if data else 0
    return [-errno.EINVAL] * failed + [len(text) for text in data[failed:]]

"""Replay of a transcript: the model and the dispatcher in the machine's place.

for step in replay(Transcript.read("bug-report")):
    print(step.number, step.differences)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from pydlpar.compare.tap import Tracer
from pydlpar.compare.transcript import (
    Transcript,
    event_time,
    expected_exits,
    expected_results,
    expected_sensors,
    io_commands,
    unescaped,
    writes_of_drmgr,
)
from pydlpar.constants import EventMask, Sensor
from pydlpar.dispatch import Dispatcher
from pydlpar.errors import ArgumentError, PlatformError
from pydlpar.partition import Partition
from pydlpar.platforms.firmware import Firmware
from pydlpar.platforms.firmware_devices import Device
from pydlpar.request import HotplugRequest
from pydlpar.tree import DeviceTree

__all__ = ["DIALECT", "Came", "Replay", "Replayed", "content", "replay"]

DIALECT: Final = "5.16"
"""Of a transcript that does not say what it was: Linux 6.1."""

_EPOW: Final = int(EventMask.EPOW)
_LOG_MAX: Final = 2048
_BEGINNING: Final = datetime(2000, 1, 1)
_HOST_BRIDGE: Final = "spapr-pci-host-bridge"
_CORE_ID: Final = "core-id"
_FIRST_BUS: Final = "pci.0"
_SENSOR_READ: Final = "get-sensor-state"


@dataclass
class Came:
    """What a step gave, in the words of a transcript.

    Attributes:
        results: of its writes: bytes taken, or -errno.
        exits: exit status of each drmgr that ran on a slot or PHB.
        sensors: each reading of a sensor by those: (DRC index, status, state).
        events: RTAS events that were fetched.
        trace: as QEMU's trace points of connectors say it.
        qmp_events: names of events for the management.
        refused: why the management was refused, or None.
    """

    results: list[int] = field(default_factory=list)
    exits: list[int | None] = field(default_factory=list)
    sensors: list[tuple[int, int, int]] = field(default_factory=list)
    events: list[bytes] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    qmp_events: list[str] = field(default_factory=list)
    refused: str | None = None


class Replay:
    """A machine that does what a transcript says.

    Attributes:
        tracer: the model, whose calls are noted.
        dispatcher: the kernel.
        drmgr: user space above the same partition.
    """

    def __init__(self, boot: DeviceTree, dialect: str = DIALECT) -> None:
        self._clock: datetime | None = _BEGINNING
        self.tracer = Tracer(Firmware.from_tree(boot, clock=lambda: self._clock))
        partition = Partition(boot)
        self.dispatcher = Dispatcher(partition, self.tracer, dialect=dialect)
        self.drmgr = Dispatcher(
            partition, self.tracer, dialect=dialect, user_space=True
        )
        self._backends: dict[str, int] = {}

    @property
    def tree(self) -> DeviceTree:
        """The partition's tree now."""
        return self.dispatcher.partition.tree

    def run(self, step: dict[str, Any]) -> Came:
        """Do one step.

        Raises:
            ArgumentError: it has a command that the model does not know.
        """
        came, tracer = Came(), self.tracer
        tracer.fetched, tracer.trace = came.events, came.trace
        tracer.platform.qmp_events.clear()
        if step["kind"] == "dlpar":
            came.results.append(self.dispatcher.write(unescaped(step["what"])))
        elif step["kind"] == "ofdt":
            came.results.append(self.dispatcher.write_ofdt(unescaped(step["what"])))
        elif step["kind"] == "qmp":
            self._command(step, came)
        else:
            came.results += map(self.dispatcher.write, writes_of_drmgr(step))
            for resource, action, name in io_commands(step):
                request = HotplugRequest.index(resource, action, self._index_of(name))
                self._run_drmgr(request, came)
        came.qmp_events = [event["event"] for event in tracer.platform.qmp_events]
        return came

    def _run_drmgr(self, request: HotplugRequest, came: Came) -> None:
        """`drmgr -c pci` and `-c phb`."""
        outcome = self.drmgr.handle(request)
        came.exits.append(outcome.exit_status)
        came.sensors += [
            (call.arguments[1], call.status, call.result)
            for call in outcome.calls
            if call.function == _SENSOR_READ
        ]

    def _index_of(self, name: str) -> int:
        """The DRC index of a DRC name, which some node lists; or said in digits."""
        if name.startswith("0x"):
            return int(name, 16)
        partition = self.dispatcher.partition
        for node in partition.tree.nodes():
            drc = partition.drc_list(node).find_name(name)
            if drc is not None:
                return drc.index
        raise ArgumentError(f"drmgr -s {name!r}: no node lists such a DRC")

    def _epow_interrupt(self) -> None:
        """Linux reads the EPOW sensor, then fetches the event."""
        self.tracer.get_sensor_state(Sensor.EPOW, 0)
        self.tracer.check_exception(_EPOW, _LOG_MAX)

    def _command(self, step: dict[str, Any], came: Came) -> None:
        """A command of the management; queries change nothing."""
        if "event" in step:
            self._clock = event_time(bytes.fromhex(step["event"]))
        try:
            self.manage(step["what"], step.get("args") or {})
        except PlatformError as error:
            came.refused = str(error)

    def manage(self, command: str, arguments: dict[str, Any]) -> None:
        """A QMP command, and what the kernel does when it hears of it.

        Raises:
            PlatformError: it was refused.
            ArgumentError: the model does not know it.
        """
        if command == "object-add":
            size = _argument(arguments, "size", int)
            self._backends[_argument(arguments, "id", str)] = size
        elif command == "device_add":
            self.tracer.plugged(self._plug(arguments))
            self.dispatcher.interrupt()
        elif command == "device_del":
            self.tracer.unplug(_argument(arguments, "id", str))
            self.dispatcher.interrupt()
        elif command == "system_powerdown":
            self.tracer.platform.system_powerdown()
            self._epow_interrupt()
        elif not command.startswith("query-"):
            raise ArgumentError(f"QMP command {command!r}: the model has none")

    def _plug(self, arguments: dict[str, Any]) -> Device:
        firmware = self.tracer.platform
        driver = _argument(arguments, "driver", str)
        id = _argument(arguments, "id", str, None)
        if driver == "pc-dimm":
            backend = _argument(arguments, "memdev", str)
            if backend not in self._backends:
                raise PlatformError(f"Device '{backend}' not found")
            addr = _argument(arguments, "addr", int, None)
            node = _argument(arguments, "node", int, 0)
            return firmware.plug_memory(self._backends[backend], id, addr, node)
        if driver == _HOST_BRIDGE:
            return firmware.plug_phb(_argument(arguments, "index", int), id)
        if _CORE_ID in arguments:
            return firmware.plug_cpu(_argument(arguments, _CORE_ID, int), id)
        slot, function = _place(_argument(arguments, "addr", str, None))
        bus = _argument(arguments, "bus", str, _FIRST_BUS)
        return firmware.plug_pci(driver, slot, function, id, bus=bus)


_REQUIRED: Final = object()


def _argument(
    arguments: dict[str, Any], name: str, kind: type, usual: object = _REQUIRED
) -> Any:
    """An argument of a QMP command, or what it is where it is not given."""
    value = arguments.get(name, usual)
    if value is usual and usual is not _REQUIRED:
        return usual
    if not isinstance(value, kind):
        shown = "missing" if value is _REQUIRED else repr(value)
        raise ArgumentError(f"QMP: {name} is {shown}, expected {kind.__name__}")
    return value


def _place(addr: str | None) -> tuple[int | None, int]:
    """Slot and function of a PCI address such as `5.0`."""
    if addr is None:
        return None, 0
    place, _, number = addr.partition(".")
    try:
        return int(place, 16), int(number or "0", 16)
    except ValueError:
        raise ArgumentError(f"QMP: addr is {addr!r}, expected as 5.0") from None


class Replayed(NamedTuple):
    """One step of a replay.

    Attributes:
        number: from 1.
        step: as the transcript has it.
        came: what the model gave.
        compared: how many aspects were compared.
        differences: aspect, what the transcript has, what came; empty if equal.
    """

    number: int
    step: dict[str, Any]
    came: Came
    compared: int
    differences: list[tuple[str, Any, Any]]


def replay(transcript: Transcript, dialect: str | None = None) -> Iterator[Replayed]:
    """Play a transcript against the model, and compare each step.

    Only what the transcript has of a step is compared.

    Args:
        transcript: what to play.
        dialect: the kernel line; None for what the transcript says.

    Raises:
        ArgumentError: it has no tree, or a command that the model does not know.
        OSError, TreeError: a tree of it cannot be read.
    """
    said = dialect or transcript.config.get("dialect", DIALECT)
    machine = Replay(transcript.boot_tree(), said)
    for number, step in enumerate(transcript.steps, 1):
        came = machine.run(step)
        pairs = list(_aspects(transcript, machine, step, came))
        unequal = [pair for pair in pairs if pair[1] != pair[2]]
        yield Replayed(number, step, came, len(pairs), unequal)


def _aspects(
    transcript: Transcript, machine: Replay, step: dict[str, Any], came: Came
) -> Iterator[tuple[str, Any, Any]]:
    """Each aspect that a transcript has of a step, and what came."""
    if step["kind"] == "qmp":
        refused = _refusal(step.get("result"))
        yield "refused", refused, came.refused
    else:
        yield "results", expected_results(step), came.results
        exits = expected_exits(step)
        shown = [exit for exit in exits if exit is not None]
        pairs = zip(exits, came.exits, strict=False)
        yield "exits", shown, [got for wanted, got in pairs if wanted is not None]
        yield "sensors", expected_sensors(step), came.sensors
    if "drc_trace" in step:
        yield "drc_trace", step["drc_trace"], came.trace
    if "qmp_events" in step:
        names = [event["event"] for event in step["qmp_events"]]
        yield "qmp_events", names, came.qmp_events
    if "event" in step:
        last = came.events[-1] if came.events else b""
        # Captured from the kernel's buffer: zeros at the end may be missing.
        wanted = bytes.fromhex(step["event"]).ljust(len(last), b"\0")
        yield "event", wanted.hex(), last.hex()
    if "tree" in step:
        tree = transcript.tree(step["tree"])
        yield from _tree_aspects(content(tree), content(machine.tree))


def _refusal(result: object) -> object:
    """Why a command was refused, as a transcript has QMP's answer."""
    if isinstance(result, dict) and isinstance(result.get("error"), dict):
        return result["error"].get("desc")
    return None


def _tree_aspects(
    wanted: dict[str, dict[str, bytes]], got: dict[str, dict[str, bytes]]
) -> Iterator[tuple[str, Any, Any]]:
    """The tree as one aspect if it is the same, else each node that differs."""
    differing = [
        path
        for path in sorted(wanted.keys() | got.keys())
        if wanted.get(path) != got.get(path)
    ]
    if not differing:
        yield "tree", None, None
    for path in differing:
        before, after = wanted.get(path), got.get(path)
        names = (before or {}).keys() | (after or {}).keys()
        unequal = [
            name
            for name in sorted(names)
            if (before or {}).get(name) != (after or {}).get(name)
        ]
        yield (
            f"tree {path}",
            _properties(before, unequal),
            _properties(after, unequal),
        )


def _properties(node: dict[str, bytes] | None, names: list[str]) -> object:
    """Some properties of a node in hex; None where there is no such node."""
    if node is None:
        return None
    return {name: node[name].hex(" ", 4) for name in names if name in node}


def content(tree: DeviceTree) -> dict[str, dict[str, bytes]]:
    """A tree as {path: {property: value}}: without any order."""
    return {node.path: node.properties.as_dict() for node in tree.nodes()}

"""Replay of a guest's transcript: the model and the dispatcher in its place.

A transcript is one boot of Linux in QEMU: what was done, what each step answered,
what the hypervisor's trace said, and the guest's device tree. A `Replay` does the
same to a `Firmware` and a `Dispatcher` made from the tree of the boot, and says
for each step what came out, in the words of the transcript.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime

from places import CORPUS

from pydlpar import DeviceTree, Dispatcher, Firmware, Partition

DIALECT = "5.16"  # Linux 6.1
GUESTS = CORPUS / "guest"

TRACED = {9001: "isolation", 9003: "allocation"}
EVENT_TIME = slice(0x20, 0x28)


@dataclass
class Came:
    """What a step gave: results of writes, events, the trace, QMP events."""

    results: list[int] = field(default_factory=list)
    events: list[bytes] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    qmp_events: list[str] = field(default_factory=list)


class Tracer:
    """A firmware whose calls are written down as QEMU's trace points do."""

    def __init__(self, firmware):
        self.firmware = firmware
        self.came = Came()

    def __getattr__(self, name):
        return getattr(self.firmware, name)

    def get_sensor_state(self, sensor, index):
        if index not in self.firmware.connectors:
            self.came.trace.append(
                f"spapr_rtas_get_sensor_state_invalid sensor index: {index:#x}"
            )
        return self.firmware.get_sensor_state(sensor, index)

    def set_indicator(self, indicator, index, value):
        self.came.trace.append(
            f"spapr_drc_set_{TRACED[indicator]}_state drc: {index:#x}, "
            f"state: {value:#x}"
        )
        return self.firmware.set_indicator(indicator, index, value)

    def configure_connector(self, index):
        result = self.firmware.configure_connector(index)
        if result.status == 0:
            self.came.trace.append(f"spapr_drc_set_configured drc: {index:#x}")
        return result

    def check_exception(self, mask, length):
        status, event = self.firmware.check_exception(mask, length)
        if not status:
            self.came.events.append(event)
        return status, event

    def plugged(self, device):
        for index in device.drc_indexes:
            self.came.trace.append(f"spapr_drc_attach drc: {index:#x}")


class Replay:
    """A guest, replayed step by step."""

    def __init__(self, name):
        self.folder = GUESTS / name
        self.steps = json.loads((self.folder / "transcript.json").read_text())["steps"]
        boot = self.tree("00-boot.dtb")
        self.clock = datetime(2000, 1, 1)
        self.tracer = Tracer(Firmware.from_tree(boot, clock=lambda: self.clock))
        self.dispatcher = Dispatcher(Partition(boot), self.tracer, dialect=DIALECT)
        self.backends = {}

    def tree(self, name):
        """A device tree of the transcript."""
        return DeviceTree.from_dtb((self.folder / name).read_bytes())

    def run(self, step):
        """Do one step."""
        self.tracer.came = came = Came()
        self.tracer.qmp_events.clear()
        if step["kind"] == "dlpar":
            self.write(written(step["what"]))
        elif step["kind"] == "qmp":
            self.command(step)
        else:
            for data in writes_of_drmgr(step):
                self.write(data)
        came.qmp_events = [event["event"] for event in self.tracer.qmp_events]
        return came

    def write(self, data):
        self.tracer.came.results.append(self.dispatcher.write(data))

    def command(self, step):
        """A QMP command; queries change nothing."""
        arguments = step.get("args") or {}
        if "event" in step:
            self.clock = time_of(bytes.fromhex(step["event"]))
        if step["what"] == "object-add":
            self.backends[arguments["id"]] = arguments["size"]
        elif step["what"] == "device_add":
            self.tracer.plugged(self.plug(arguments))
            self.dispatcher.interrupt()
        elif not step["what"].startswith("query-"):
            raise ValueError(f"unknown command {step['what']}")

    def plug(self, arguments):
        firmware = self.tracer.firmware
        if arguments["driver"] == "pc-dimm":
            size = self.backends[arguments["memdev"]]
            return firmware.plug_memory(size, arguments["id"])
        return firmware.plug_cpu(arguments["core-id"], arguments["id"])


def written(what):
    """The bytes of a write, from their notation in the transcript."""
    return what.encode("latin-1").decode("unicode_escape").encode("latin-1")


def time_of(event):
    """The time stamp of an event: binary-coded decimal."""
    return datetime.strptime(event[EVENT_TIME].hex()[:14], "%Y%m%d%H%M%S")


def writes_of_drmgr(step):
    """What a shell command wrote to /sys/kernel/dlpar.

    drmgr adds and removes cores by index, and tries one after the other: its
    indexes are those of the hypervisor's trace. Memory goes by count.
    """
    command = re.match(r"drmgr -c (\w+) -([ar]) -q (\d+)", step["what"])
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


def expected_results(step):
    """What the writes of a step returned in the guest: bytes taken, or -errno."""
    if step["kind"] == "dlpar":
        pattern = r"write=(-?\d+) len=\d+ errno=(\d+)"
        wrote, error = re.match(pattern, step["result"]).groups()
        return [-int(error) if wrote == "-1" else int(wrote)]
    data = writes_of_drmgr(step)
    failed = step["result"].count("Failed to write") if data else 0
    return [-22] * failed + [len(text) for text in data[failed:]]


def content(tree):
    """A tree as {path: {property: value}}: without any order."""
    return {node.path: node.properties.as_dict() for node in tree.nodes()}

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
from pydlpar.constants import Action, Resource, Sensor
from pydlpar.request import HotplugRequest

DIALECT = "5.16"  # Linux 6.1
GUESTS = CORPUS / "guest"

TRACED = {9001: "isolation_state", 9002: "dr_indicator", 9003: "allocation_state"}
ENTITY_SENSE = 9003
EPOW = 0x40000000
EVENT_TIME = slice(0x20, 0x28)


@dataclass
class Came:
    """What a step gave: results of writes, events, the trace, QMP events.

    And for each drmgr that ran on a slot or PHB, its exit status and what each of
    its readings of a sensor gave: (DRC index, status, state).
    """

    results: list[int] = field(default_factory=list)
    exits: list[int] = field(default_factory=list)
    sensors: list[tuple[int, int, int]] = field(default_factory=list)
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
        if sensor != ENTITY_SENSE:
            self.came.trace.append(
                f"spapr_rtas_get_sensor_state_not_supported sensor index: {index:#x}, "
                f"type: {sensor}"
            )
        elif index not in self.firmware.connectors:
            self.came.trace.append(
                f"spapr_rtas_get_sensor_state_invalid sensor index: {index:#x}"
            )
        return self.firmware.get_sensor_state(sensor, index)

    def set_indicator(self, indicator, index, value):
        self.came.trace.append(
            f"spapr_drc_set_{TRACED[indicator]} drc: {index:#x}, state: {value:#x}"
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

    def unplug(self, id):
        device = next(found for found in self.firmware.devices if found.id == id)
        for connector in device.connectors:
            self.came.trace.append(
                f"spapr_drc_unplug_request drc: {connector.index:#x}"
            )
            if not connector.is_empty_state:
                self.came.trace.append(
                    f"spapr_drc_awaiting_quiesce drc: {connector.index:#x}"
                )
        self.firmware.unplug(device)


class Replay:
    """A guest, replayed step by step."""

    def __init__(self, name):
        self.folder = GUESTS / name
        self.steps = json.loads((self.folder / "transcript.json").read_text())["steps"]
        boot = self.tree("00-boot.dtb")
        self.clock = datetime(2000, 1, 1)
        self.tracer = Tracer(Firmware.from_tree(boot, clock=lambda: self.clock))
        partition = Partition(boot)
        self.dispatcher = Dispatcher(partition, self.tracer, dialect=DIALECT)
        # The guests have no rtas_errd: drmgr ran where the transcript says so.
        self.drmgr = Dispatcher(
            partition, self.tracer, dialect=DIALECT, user_space=True
        )
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
            for command in io_commands(step):
                self.run_drmgr(*command)
        came.qmp_events = [event["event"] for event in self.tracer.qmp_events]
        return came

    def write(self, data):
        self.tracer.came.results.append(self.dispatcher.write(data))

    def run_drmgr(self, resource, action, name):
        """`drmgr -c pci` and `-c phb`, by DRC name or index."""
        index = int(name, 16) if name.startswith("0x") else self.index_of(name)
        outcome = self.drmgr.handle(HotplugRequest.index(resource, action, index))
        came = self.tracer.came
        came.exits.append(outcome.exit_status)
        came.sensors += [
            (call.arguments[1], call.status, call.result)
            for call in outcome.calls
            if call.function == "get-sensor-state"
        ]

    def index_of(self, name):
        """The DRC index of a name, which some node of the tree lists."""
        partition = self.dispatcher.partition
        lists = (partition.drc_list(node) for node in partition.tree.nodes())
        found = (drcs.find_name(name) for drcs in lists)
        return next(drc.index for drc in found if drc)

    def epow_interrupt(self):
        """Linux reads the EPOW sensor, then fetches the event (kernel.md 6.2)."""
        self.tracer.get_sensor_state(Sensor.EPOW, 0)
        self.tracer.check_exception(EPOW, 2048)

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
        elif step["what"] == "device_del":
            self.tracer.unplug(arguments["id"])
            self.dispatcher.interrupt()
        elif step["what"] == "system_powerdown":
            self.tracer.firmware.system_powerdown()
            self.epow_interrupt()
        elif not step["what"].startswith("query-"):
            raise ValueError(f"unknown command {step['what']}")

    def plug(self, arguments):
        firmware = self.tracer.firmware
        if arguments["driver"] == "pc-dimm":
            size = self.backends[arguments["memdev"]]
            return firmware.plug_memory(size, arguments["id"])
        if arguments["driver"] == "spapr-pci-host-bridge":
            return firmware.plug_phb(arguments["index"], arguments["id"])
        if arguments["driver"].endswith("-pci"):
            slot, function = None, 0
            if "addr" in arguments:
                slot, function = (int(n, 16) for n in arguments["addr"].split("."))
            bus = arguments.get("bus", 0)
            return firmware.plug_pci(
                arguments["driver"], slot, function, arguments["id"], bus=bus
            )
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


def io_commands(step):
    """The drmgr commands of a step that are about slots or PHBs, in order."""
    pattern = r'drmgr -c (pci|phb) -([ar]) -s (?:"([^"]+)"|(\S+))'
    resources = {"pci": Resource.PCI, "phb": Resource.PHB}
    actions = {"a": Action.ADD, "r": Action.REMOVE}
    return [
        (resources[kind], actions[flag], quoted or plain)
        for kind, flag, quoted, plain in re.findall(pattern, step["what"])
    ]


def expected_exits(step):
    """Exit status of each of the step's drmgr commands; None where none is shown."""
    if not io_commands(step):
        return []
    runs = re.split(r"^drmgr: ", step["result"], flags=re.MULTILINE)[1:]
    shown = [re.search(r"^rc=(\d+)", text, re.MULTILINE) for text in runs]
    return [match and int(match[1]) for match in shown]


def expected_sensors(step):
    """(DRC index, status, state) of each sensor reading that drmgr printed."""
    if not io_commands(step):
        return []
    lines = re.findall(r"get-sensor for (\w+): (-?\d+), (-?\d+)", step["result"])
    return [(int(index, 16), int(rc), int(state)) for index, rc, state in lines]


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

"""Scripts of platform calls and answers, and small trees to run requests on.

A `Script` is a platform that expects certain calls in order; an answer that the
real one would give is written beside each. A call that is not the next one fails
the test at the place where it was made.
"""

from __future__ import annotations

import struct

from pydlpar.connector import ConnectorResult
from pydlpar.dispatch import Dispatcher
from pydlpar.operations.calls import METHODS
from pydlpar.partition import Partition
from pydlpar.tree import DeviceTree

EMPTY, PRESENT, UNUSABLE = 0, 1, 2
LMB_SIZE = 0x10000000
ASSIGNED, AI_INVALID, RESERVED = 0x8, 0x40, 0x80
NO_AA = 0xFFFFFFFF


class Script:
    """A platform that plays a list of (method, arguments, answer)."""

    def __init__(self, *steps):
        self.steps = _flat(steps)
        self.made = []

    def finish(self):
        """Every expected call was made."""
        assert not self.steps, f"not called: {self.steps}"


def _player(name):
    def call(self, *arguments):
        made = (name, *arguments)
        self.made.append(made)
        assert self.steps, f"unexpected call {made}"
        expected, answer = self.steps.pop(0)
        assert made == expected
        if isinstance(answer, Exception):
            raise answer
        return answer

    return call


for _name in (*METHODS, "check_exception"):
    setattr(Script, _name, _player(_name))


def _flat(steps):
    """The steps of nested lists, in order."""
    flat = []
    for step in steps:
        flat += _flat(step) if isinstance(step, list) else [step]
    return flat


def sensor(index, state, status=0):
    return (("get_sensor_state", 9003, index), (status, state))


def usable(index, status=0):
    return (("set_indicator", 9003, index, 1), status)


def unusable(index, status=0):
    return (("set_indicator", 9003, index, 0), status)


def unisolate(index, status=0):
    return (("set_indicator", 9001, index, 1), status)


def isolate(index, status=0):
    return (("set_indicator", 9001, index, 0), status)


def acquired(index):
    return [sensor(index, UNUSABLE), usable(index), unisolate(index)]


def released(index):
    return [sensor(index, PRESENT), isolate(index), unusable(index)]


def hint(index):
    return [sensor(index, PRESENT), unisolate(index)]


def configured(index, fragment):
    return (("configure_connector", index), ConnectorResult(0, (2, 3, 0), fragment, 0))


def not_configured(index, status=-9003):
    return (("configure_connector", index), ConnectorResult(status, (status,), None, 0))


def online(thread, rc=0):
    return (("online_cpu", thread), rc)


def offline(thread, rc=0):
    return (("offline_cpu", thread), rc)


def memory(what, base, rc=0):
    return ((f"{what}_memory", base, LMB_SIZE), rc)


def add_memory(base, rc=0, node=0):
    return (("add_memory", base, LMB_SIZE, node), rc)


def event(log, status=0):
    return (("check_exception", 0x10000000, 2048), (status, log))


NO_EVENT = event(b"", 1)


def cells(*values):
    return struct.pack(f">{len(values)}I", *values)


def cpu_drc(core):
    return 0x10000000 | core


def lmb_drc(number):
    return 0x80000000 | number


def cpu_properties(core, threads=1, **more):
    properties = {
        "device_type": b"cpu\0",
        "reg": cells(core),
        "ibm,my-drc-index": cells(cpu_drc(core)),
        "ibm,ppc-interrupt-server#s": cells(*range(core, core + threads)),
    }
    return properties | {name.replace("_", "-"): v for name, v in more.items()}


def cpu_fragment(core, threads=1, siblings=(), **more):
    """What configure-connector delivers for a CPU, with cache nodes behind it."""
    nodes = [(f"PowerPC,POWER9@{core:x}", cpu_properties(core, threads, **more))]
    return fragment([*nodes, *siblings])


def lmb_fragment(*associativity):
    properties = {"device_type": b"memory\0"}
    if associativity:
        properties["ibm,associativity"] = cells(*associativity)
    return fragment([("ibm,memory", properties)])


def fragment(nodes):
    tree = DeviceTree()
    for name, properties in nodes:
        tree.add_node(f"/{name}", properties)
    return tree.to_dtb()


def make_tree(cores=(0, 1), listed=range(4), threads=1):
    """A tree with CPUs; *listed* are the ids of all CPU DRCs."""
    tree = DeviceTree()
    tree.root["#address-cells"] = tree.root["#size-cells"] = cells(2)
    indexes = [cpu_drc(core) for core in listed]
    tree.add_node("/cpus", {"ibm,drc-indexes": cells(len(indexes), *indexes)})
    for core in cores:
        path = f"/cpus/PowerPC,POWER9@{core:x}"
        tree.add_node(path, cpu_properties(core, threads))
    return tree


def add_lmbs(tree, *flags, version=1, arrays=(0,)):
    """Give *tree* one LMB for every number of *flags*; *arrays* has rows of one."""
    rows = [
        (number * LMB_SIZE, lmb_drc(number), 0 if value & ASSIGNED else NO_AA, value)
        for number, value in enumerate(flags)
    ]
    properties = {
        "ibm,lmb-size": struct.pack(">Q", LMB_SIZE),
        "ibm,associativity-lookup-arrays": cells(len(arrays), 1, *arrays),
    }
    if version == 1:
        records = (struct.pack(">QIIII", b, d, 0, a, f) for b, d, a, f in rows)
        properties["ibm,dynamic-memory"] = cells(len(rows)) + b"".join(records)
    else:
        records = (struct.pack(">IQIII", 1, *row) for row in rows)
        properties["ibm,dynamic-memory-v2"] = cells(len(rows)) + b"".join(records)
    tree.add_node("/ibm,dynamic-reconfiguration-memory", properties)
    return tree


def run(tree, text, *steps, dialect="6.12", **options):
    """Write *text* against a script; the dispatcher, with the outcome in `.last`."""
    partition = tree if isinstance(tree, Partition) else Partition(tree)
    script = Script(*steps)
    dispatcher = Dispatcher(partition, script, dialect, **options)
    written = dispatcher.write(text)
    script.finish()
    outcome = dispatcher.last
    assert written == (-outcome.errno if outcome.errno else len(text))
    return dispatcher

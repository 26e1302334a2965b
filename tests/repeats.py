"""Machines of LMBs that answer at once or one by one, and what is seen of them."""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from pydlpar.connector import new_work_area
from pydlpar.dispatch import Dispatcher
from pydlpar.errors import PlatformError
from pydlpar.operations.calls import REPEAT
from pydlpar.partition import Partition
from pydlpar.platforms.faults import Faulty
from pydlpar.platforms.firmware import Firmware
from pydlpar.stress.machine import small_tree

NODE = "/ibm,dynamic-reconfiguration-memory"
ARRAYS = "ibm,associativity-lookup-arrays"
LMB = 256 << 20
FIRST = 0x80000000
LMBS, RESERVED = 24, 2


class OneByOne(Firmware):
    """The same model, which answers each call."""

    def lmb_repeater(self):
        return None


def machine(
    kind, dialect, profile, *, assigned=6, version=1, known=1, faults=None, quirks=None
):
    """A machine with 24 LMBs behind two that are RESERVED, on two NUMA nodes.

    *known* is how many of these the partition's lookup arrays have.
    """
    tree = small_tree(lmbs=LMBS, assigned=assigned, reserved=RESERVED, version=version)
    node = tree[NODE]
    node[ARRAYS] = struct.pack(">4I", 2, 1, 0, 1)
    firmware = kind.from_tree(tree, profile)
    firmware.cas()
    node[ARRAYS] = struct.pack(f">{2 + known}I", known, 1, *range(known))
    platform = firmware if faults is None else Faulty(firmware, faults)
    return Dispatcher(Partition(tree), platform, dialect, quirks=quirks), firmware


def state(dispatcher, firmware):
    """All that a request may change, on both sides."""
    return (
        dispatcher.partition.tree.to_dtb(),
        list(dispatcher.partition.lmbs),
        {
            index: (c.situation, c.device and c.device.path, c.at_start, c.visual)
            for index, c in firmware.connectors.items()
        },
        [(d.path, d.remaining, d.drc_indexes) for d in firmware.devices],
        list(firmware.qmp_events),
        firmware.last_rejection,
        dict(firmware.events.pulses),
    )


def seen(outcome):
    return outcome.errno, outcome.reason, outcome.calls, outcome.changes


def carry_out(dispatcher, firmware, step):
    """One step of a plan; what came of it."""
    what, *arguments = step
    if what == "write":
        rc = dispatcher.write(arguments[0])
        return rc, seen(dispatcher.last)
    if what == "interrupt":
        return [seen(outcome) for outcome in dispatcher.interrupt()]
    try:
        if what == "plug":
            count, at, node = arguments
            addr = None if at is None else (RESERVED + at) * LMB
            firmware.plug_memory(count * LMB, addr=addr, node=node)
        elif what == "unplug":
            devices = [d for d in firmware.devices if d.size]
            if devices:
                firmware.unplug(devices[arguments[0] % len(devices)])
        elif what == "abandon":
            firmware.connector_call(*arguments, new_work_area(*arguments))
        else:
            firmware.reset()
            firmware.cas()
    except PlatformError as error:
        return str(error)
    return None


def written(draw_text):
    return st.tuples(st.just("write"), draw_text)


counts = st.integers(0, LMBS + 2)
indexes = st.integers(RESERVED, RESERVED + LMBS).map(lambda n: FIRST + n)
actions = st.sampled_from(["add", "remove"])
plans = st.lists(
    st.one_of(
        written(st.builds("memory {} count {}".format, actions, counts)),
        written(st.builds("memory {} index {:#x}".format, actions, indexes)),
        written(
            st.builds(
                "memory {} indexed-count {} {:#x}".format, actions, counts, indexes
            )
        ),
        st.tuples(
            st.just("plug"),
            st.integers(1, LMBS),
            st.none() | st.integers(0, LMBS),
            st.integers(0, 1),
        ),
        st.tuples(st.just("unplug"), st.integers(0, 5)),
        st.just(("interrupt",)),
        st.just(("reset",)),
    ),
    min_size=1,
    max_size=12,
)


def repeats(outcome):
    """How many LMBs were not asked for one by one, run by run."""
    repeated = (answer for effect, answer in outcome._trace if effect[0] == REPEAT)
    return [answer.stop - answer.start for answer in repeated]


def filled(kind=Firmware, **options):
    dispatcher, firmware = machine(
        kind, "6.12", options.pop("profile", "qemu"), assigned=0, **options
    )
    firmware.plug_memory(LMBS * LMB, id="dimm")
    return dispatcher, firmware

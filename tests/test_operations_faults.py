"""Any answers to any requests: a documented errno, and books that agree.

The platform answers at random: wrong states, errors, positive statuses, damaged
fragments. Whatever it says, a request ends, raises nothing, and leaves tree, LMB
table and threads consistent with each other.
"""

from __future__ import annotations

import errno

from hypothesis import given
from hypothesis import strategies as st
from script import (
    ASSIGNED,
    RESERVED,
    add_lmbs,
    cells,
    cpu_fragment,
    lmb_fragment,
    make_tree,
)

from pydlpar.connector import ConnectorResult
from pydlpar.dispatch import Dispatcher
from pydlpar.operations.behaviour import MemoryStyle
from pydlpar.operations.calls import METHODS
from pydlpar.partition import DYNAMIC_MEMORY, Partition
from pydlpar.request import DIALECTS
from pydlpar.tree import DeviceTree

NODE = "/ibm,dynamic-reconfiguration-memory"

# What 2.4 lists, and what the fake memory and CPU calls below answer.
ERRNOS = {
    0,
    *(errno.EINVAL, errno.ENODEV, errno.EIO, errno.EPERM, errno.EBUSY),
    *(errno.EEXIST, errno.EFAULT, errno.ERANGE, errno.ENOMEM, errno.ENOSPC),
}
STATUSES = [0, 0, 0, 0, 0, 0, 0, -1, -3, -7, -9000, -9001, -9002, -9003, 1, 5]
RESULTS = [0, 0, 0, 0, -errno.EBUSY, -errno.ENOMEM]
CPU_FRAGMENTS = [
    *(cpu_fragment(core, threads=2) for core in range(0, 16, 2)),
    cpu_fragment(4, siblings=[("l2-cache@4", {"device_type": b"cache\0"})]),
    *(b"", b"junk", DeviceTree().to_dtb(), lmb_fragment(1, 0)),
]
LMB_FRAGMENTS = [
    *(lmb_fragment(1, domain) for domain in range(6)),
    *(lmb_fragment(), lmb_fragment(1), b"junk", DeviceTree().to_dtb()),
]


class Whim:
    """A platform that answers what hypothesis likes; kinder for good progress."""

    def __init__(self, data):
        self.data = data
        self.calls = 0

    def draw(self, values):
        self.calls += 1
        assert self.calls < 2000
        return self.data.draw(st.sampled_from(values))

    def get_sensor_state(self, _sensor, _index):
        return self.draw([(0, 1), (0, 2), (0, 2), (0, 1), (0, 0), (-3, 0), (1, 2)])

    def set_indicator(self, _indicator, _index, _value):
        return self.draw(STATUSES)

    def configure_connector(self, index):
        status = self.draw(STATUSES)
        if status:
            return ConnectorResult(status, (status,), None, 0)
        fragments = CPU_FRAGMENTS if index >> 28 == 1 else LMB_FRAGMENTS
        return ConnectorResult(0, (2, 0), self.draw(fragments), 0)

    def _effect(self, *_):
        return self.draw(RESULTS)


for _name in METHODS[3:]:
    setattr(Whim, _name, Whim._effect)


CPU_TEXTS = st.builds(
    "cpu {} index {:#x}".format,
    st.sampled_from(["add", "remove"]),
    st.integers(0, 15).map(lambda core: 0x10000000 | core),
)
MEMORY_TEXTS = st.builds(
    "memory {} {}".format,
    st.sampled_from(["add", "remove"]),
    st.one_of(
        st.builds("count {}".format, st.integers(0, 7)),
        st.builds("index {:#x}".format, st.integers(0x80000000, 0x80000006)),
        st.builds(
            "indexed-count {} {:#x}".format,
            st.integers(0, 4),
            st.integers(0x80000000, 0x80000006),
        ),
    ),
)
COUNT_TEXTS = st.builds(
    "cpu {} count {}".format, st.sampled_from(["add", "remove"]), st.integers(0, 4)
)


def check(partition):
    """Threads are those of the CPU nodes; one is online; the tree can be read."""
    nodes = partition.cpu_nodes()
    threads = [t for node in nodes for t in partition.threads_of(node) or ()]
    assert set(threads) == set(partition.logical_ids)
    assert partition.online <= set(threads)
    assert partition.online
    ids = list(partition.logical_ids.values())
    assert len(ids) == len(set(ids))
    assert max(ids) < partition.max_cpus
    DeviceTree.from_dtb(partition.tree.to_dtb())


@given(
    st.data(),
    st.lists(CPU_TEXTS | MEMORY_TEXTS | COUNT_TEXTS, min_size=1, max_size=6),
    st.sampled_from(list(DIALECTS)),
    st.booleans(),
)
def test_any_answers_leave_the_books_in_order(data, texts, dialect, limited):
    tree = make_tree((0, 2), listed=range(16), threads=2)
    tree["/cpus/PowerPC,POWER9@0"]["l2-cache"] = cells(7)
    add_lmbs(tree, ASSIGNED, 0, RESERVED, ASSIGNED, 0, ASSIGNED | RESERVED)
    partition = Partition(tree, max_cpus=6 if limited else None)
    dispatcher = Dispatcher(partition, Whim(data), dialect)
    for text in texts:
        before = tree[NODE][DYNAMIC_MEMORY]
        written = dispatcher.write(text)
        done = dispatcher.last
        assert -written in ERRNOS if done.errno else written == len(text)
        assert bool(done.reason) == bool(done.errno)
        check(partition)
        after = tree[NODE][DYNAMIC_MEMORY]
        if dispatcher.behaviour.memory is not MemoryStyle.EACH and done.errno:
            assert after == before
        if done.errno == 0 and text.startswith("memory"):
            assert after == partition.lmbs.to_v1()

"""Any requests, any answers, any release, any switches: books in order, errno known."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from script import ASSIGNED, RESERVED, add_lmbs, cells, make_tree
from test_dialects_lines import LINES
from test_operations_faults import (
    COUNT_TEXTS,
    CPU_TEXTS,
    DYNAMIC_MEMORY,
    ERRNOS,
    MEMORY_TEXTS,
    NODE,
    Whim,
    check,
)
from test_stress_exhaust import one_of_each_kind

from pydlpar.constants import IdType, Resource
from pydlpar.dispatch import Dispatcher
from pydlpar.operations.behaviour import MemoryStyle
from pydlpar.operations.quirks import Quirk
from pydlpar.partition import Partition
from pydlpar.request import HotplugRequest
from pydlpar.stress.cases import cases
from pydlpar.stress.exhaust import Summary, exhaust

READDS = st.integers(0x80000000, 0x80000006).map(
    lambda index: HotplugRequest(Resource.MEMORY, 3, IdType.DRC_INDEX, index)
)
QUIRKS = st.sampled_from([None, "none", "kernel"]) | st.sets(st.sampled_from(Quirk))


@given(
    st.data(),
    st.lists(CPU_TEXTS | MEMORY_TEXTS | COUNT_TEXTS | READDS, min_size=1, max_size=6),
    st.sampled_from(LINES),
    QUIRKS,
)
def test_any_line_leaves_the_books_in_order(data, requests, line, quirks):
    tree = make_tree((0, 2), listed=range(16), threads=2)
    tree["/cpus/PowerPC,POWER9@0"]["l2-cache"] = cells(7)
    add_lmbs(tree, ASSIGNED, 0, RESERVED, ASSIGNED, 0, ASSIGNED | RESERVED)
    partition = Partition(tree)
    target = Dispatcher(partition, Whim(data), line, quirks=quirks)
    for request in requests:
        before = tree[NODE][DYNAMIC_MEMORY]
        if isinstance(request, str):
            result = target.write(request)
            done = target.last
            leaked = Quirk.POSITIVE_STATUS in target.behaviour.quirks and done.leaked
            wanted = -done.errno if done.errno else len(request)
            assert result == (leaked or wanted)
        else:
            done = target.handle(request)
        assert done.errno == 0 or done.errno in ERRNOS
        assert bool(done.reason) == bool(done.errno)
        check(partition)
        after = tree[NODE][DYNAMIC_MEMORY]
        style = target.behaviour.memory
        if style is MemoryStyle.EACH:
            assert after == partition.lmbs.to_v1()
        elif done.errno:
            assert after == before
        if style is MemoryStyle.CLONE and done.errno:
            assert after == partition.lmbs.to_v1()


@pytest.mark.parametrize("line", ["4.9", "4.16", "5.14", "6.17"])
def test_single_faults_break_nothing_between_the_dialects(line):
    """One of each kind at each call, as for the dialects themselves."""
    summary = Summary()
    for case in cases(line):
        setup = partial(case.machine, line, "qemu", 1)
        for trial in exhaust(setup, case.request, choose=one_of_each_kind):
            summary.add(trial)
    assert [str(trial) for trial in summary.failed] == []
    assert summary.trials > 300

"""Real guests, replayed: every step gives what Linux 6.1 in QEMU 7.2 gave."""

from __future__ import annotations

import pytest
from replay import (
    GUESTS,
    Replay,
    content,
    expected_exits,
    expected_results,
    expected_sensors,
    writes_of_drmgr,
)

# Name, steps, writes, steps that raise an event, device trees.
GUEST_RUNS = [
    ("cpu-lifecycle", 22, 27, 2, 12),
    ("memory-lifecycle", 23, 16, 2, 13),
    ("pci-lifecycle", 9, 0, 5, 6),
]


def replay_of(name):
    if not (GUESTS / name / "transcript.json").exists():
        pytest.skip("needs the corpus (PYDLPAR_CORPUS)")
    return Replay(name)


@pytest.mark.parametrize(("name", "steps", "writes", "plugs", "trees"), GUEST_RUNS)
def test_every_step(name, steps, writes, plugs, trees):
    """Results, event bytes, DRC calls, QMP events and the whole tree, in order."""
    replay = replay_of(name)
    compared = {"writes": 0, "plugs": 0, "trees": 0}
    for number, step in enumerate(replay.steps):
        what = f"step {number}: {step['kind']} {step['what']}"
        came = replay.run(step)
        assert came.results == expected_results(step), what
        assert came.trace == step["drc_trace"], what
        for got, shown in zip(came.exits, expected_exits(step), strict=True):
            assert shown in (None, got), what
        assert came.sensors == expected_sensors(step), what
        # The last step of a guest that is powered down has none.
        events = step.get("qmp_events", [])
        assert came.qmp_events == [e["event"] for e in events], what
        events = [bytes.fromhex(step["event"])] if "event" in step else []
        assert came.events == events, what
        if "tree" in step:
            got = content(replay.dispatcher.partition.tree)
            assert got == content(replay.tree(step["tree"])), what
        compared["writes"] += len(came.results)
        compared["plugs"] += len(events)
        compared["trees"] += "tree" in step
    assert len(replay.steps) == steps
    assert compared == {"writes": writes, "plugs": plugs, "trees": trees}


def test_writes_that_drmgr_made():
    """Derived from the trace: one write for each core it tried; memory by count."""
    step = {
        "what": "drmgr -c cpu -a -q 1; echo rc=$?",
        "drc_trace": [
            "spapr_drc_set_allocation_state drc: 0x10000003, state: 0x1",
            "spapr_drc_set_allocation_state drc: 0x10000001, state: 0x1",
            "spapr_drc_set_isolation_state drc: 0x10000001, state: 0x1",
            "spapr_drc_set_configured drc: 0x10000001",
        ],
    }
    tries = [b"cpu add index 0x10000003", b"cpu add index 0x10000001"]
    assert writes_of_drmgr(step) == tries
    step = {"what": "drmgr -c mem -r -q 3", "drc_trace": []}
    assert writes_of_drmgr(step) == [b"memory remove count 3"]
    assert writes_of_drmgr({"what": "cat /proc/meminfo", "drc_trace": []}) == []

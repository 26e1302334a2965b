"""Real guests, replayed: every step gives what Linux 6.1 in QEMU 7.2 gave."""

from __future__ import annotations

import pytest
from replay import GUESTS, Replay, content, expected_results

NAMES = ("cpu-lifecycle", "memory-lifecycle")


@pytest.fixture(params=NAMES)
def replay(request):
    if not (GUESTS / request.param / "transcript.json").exists():
        pytest.skip("needs the corpus (PYDLPAR_CORPUS)")
    return Replay(request.param)


def test_every_step(replay):
    """Result, event, calls, QMP events and device tree of each step, in order."""
    compared = 0
    for number, step in enumerate(replay.steps):
        what = f"step {number}: {step['kind']} {step['what']}"
        came = replay.run(step)
        assert came.results == expected_results(step), what
        assert came.trace == step["drc_trace"], what
        assert came.qmp_events == [e["event"] for e in step["qmp_events"]], what
        events = [bytes.fromhex(step["event"])] if "event" in step else []
        assert came.events == events, what
        if "tree" in step:
            got = content(replay.dispatcher.partition.tree)
            assert got == content(replay.tree(step["tree"])), what
        compared += 1
    assert compared == len(replay.steps)

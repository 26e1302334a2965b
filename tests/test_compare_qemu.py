"""The model against QEMU itself, in step: the specification's tables, and at random.

Every status, state, work area, event, error text, outcome and tree is compared. What
is known to differ stands in `pydlpar.compare.explained`.
"""

from __future__ import annotations

import os
import signal

import compare_plans
import pytest
from compare_plans import KINDS, queue, table
from oracle import QEMU

from pydlpar.compare.lockstep import compare
from pydlpar.compare.machines import MachineSpec, open_qemu, start_qemu
from pydlpar.compare.random_steps import random_steps
from pydlpar.compare.saved import run_plan
from pydlpar.compare.sized_tree import sized_tree
from pydlpar.compare.steps import Step

pytestmark = pytest.mark.skipif(QEMU is None, reason="needs qemu-system-ppc64")

GIB = 1 << 30
LARGE = MachineSpec(cpus=1, max_cpus=40, slots=32, max_memory=11 * GIB, nvdimm=True)
SEEDS = range(3)
STEPS = 170
MODERN, LEGACY = MachineSpec(), MachineSpec(form1=True, events=False)


def run(spec, steps):
    """What a plan gives on a new machine."""
    return run_plan(lambda: open_qemu(spec), steps)


SLOW = [pytest.param("phb", marks=pytest.mark.slow)]
QUICK = [kind for kind in KINDS if kind != "phb"]


@pytest.mark.parametrize("kind", QUICK + SLOW)
def test_connector_tables(kind, record_property):
    """Every call in every state, with a device and without, asked back and not."""
    compared = 0
    for steps in table(kind):
        found = run(LARGE, steps)
        assert found.unexplained == []
        compared += found.n_compared
    record_property("comparisons", compared)
    assert compared >= 400


def test_event_bytes_and_queue_rules():
    """Which events come, in which order, for which classes, byte for byte."""
    found = run(LARGE, list(queue()))
    assert found.unexplained == []
    assert found.compared["event"] >= 30
    assert found.n_compared >= 150


@pytest.mark.parametrize("spec", [MODERN, LEGACY], ids=["modern", "legacy"])
@pytest.mark.parametrize("mix", ["cores", "dimms"])
@pytest.mark.parametrize("seed", SEEDS)
def test_random_steps(seed, mix, spec):
    """Together with the others more than 2000 steps; a difference says its seed."""
    found = run(spec, random_steps(seed, mix, STEPS))
    assert found.unexplained == [], f"seed {seed}"
    assert len(found.steps) + found.left_out.total() == STEPS
    assert found.n_compared > 2 * STEPS


@pytest.mark.parametrize("mix", ["slots", "requests"])
@pytest.mark.parametrize("seed", SEEDS)
def test_random_steps_of_other_kinds(seed, mix):
    found = run(MODERN, random_steps(seed, mix, STEPS))
    assert found.unexplained == [], f"seed {seed}"
    assert {found.explained for found in found.differences} <= {"late-deletion"}
    assert found.n_compared > 2 * STEPS


def test_reset_completes_what_is_pending():
    """A reset releases, drops events, and puts what is plugged to use."""
    make, lmbs = Step.make, (0x80000004, 0x80000005)
    take = compare_plans.indicator
    found = run(
        MODERN,
        [
            make("plug_cpu", core_id=3, id="c"),
            make("plug_memory", size=512 << 20, id="a"),
            make("plug_memory", size=256 << 20, id="b"),
            *[take(kind, lmb, 1) for lmb in lmbs for kind in (9003, 9001)],
            make("unplug", target="a"),
            make("system_powerdown"),
            make("reset"),
            *[compare_plans.sense(index) for index in (*lmbs, 0x80000006, 0x10000003)],
            make("check_exception", mask=0xFFFFFFFF),
            make("unplug", target="b"),
        ],
    )
    assert found.differences == []


SIZES = [
    MachineSpec(),
    MachineSpec(cpus=6, max_cpus=12, memory=2 * GIB, max_memory=6 * GIB, slots=4),
    MachineSpec(cpus=1, max_cpus=1, slots=1, max_memory=5 * GIB),
]
OWN = {"ibm,architecture-vec-5", "rng-seed"}


@pytest.mark.parametrize("spec", SIZES)
def test_tree_of_any_size(spec):
    """The model's tree of a machine is the one that QEMU gives its guest.

    Apart from what the guest has said, which is more in the tree of the package.
    """
    with start_qemu(spec) as qemu:
        real = qemu.device_tree()
    changes = [c for c in sized_tree(spec).diff(real) if c.kind != "move"]
    assert {change.name for change in changes} <= OWN


def test_qemu_that_dies():
    """It is a difference, of the step at which it was noticed, and the end."""
    pair = open_qemu(MODERN)
    try:
        steps = random_steps(1, "cores", 20)(pair.model)

        def killing():
            yield next(steps)
            os.kill(pair.real.platform.process.pid, signal.SIGKILL)
            yield from steps

        found = compare(pair, killing())
    finally:
        pair.close()
    assert [d.aspect for d in found.differences] == ["alive"]
    assert found.differences[0].number == len(found.steps) == 2


def test_a_defect_of_the_model_is_found(monkeypatch):
    """As if the model answered another status in one state."""
    from pydlpar.platforms.firmware import Firmware

    real = Firmware.set_indicator

    def wrong(self, indicator, index, value):
        status = real(self, indicator, index, value)
        return 0 if status == -1 else status

    monkeypatch.setattr(Firmware, "set_indicator", wrong)
    found = run(LARGE, list(table("lmb"))[2])
    assert {d.aspect for d in found.unexplained} >= {"status"}

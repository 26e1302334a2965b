"""Requests by the thousand with faults: the rules hold, and it can be repeated.

A million of them take half a minute; here are enough to see that a run would notice
what is wrong.
"""

from __future__ import annotations

import doctest
import gc
import json
import re
import tracemalloc
from itertools import islice

import pytest
from places import ROOT

from pydlpar import ArgumentError
from pydlpar.drc_states import PROFILES
from pydlpar.operations import cpu as cpu_operations
from pydlpar.request import DIALECTS
from pydlpar.stress import run as run_module
from pydlpar.stress.invariants import check
from pydlpar.stress.machine import make_machine, small_tree
from pydlpar.stress.plan import WEIGHTS, requests
from pydlpar.stress.repair import repair
from pydlpar.stress.run import Plan, Run, run

COUNT = 4000


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_all_rules_hold_with_faults(dialect, profile):
    """Of every kernel line and profile, on the embedded machine."""
    plan = Plan(seed=3, dialect=dialect, profile=profile)
    report = run(plan, COUNT, per="call", check_every=200)
    assert report.violation is None, str(report.violation)
    assert report.requests == COUNT == sum(report.outcomes.values())
    assert report.faults > COUNT // 50
    assert report.checks > COUNT // 200
    assert report.mended
    assert report.rate > 0
    assert sum(total for total, _ in report.kinds.values()) == COUNT
    # Half of what is asked for is done.
    assert report.outcomes["ok"] > COUNT / 2


@pytest.mark.parametrize("share", [0.01, 0.1])
def test_a_share_of_the_requests_has_a_fault(share):
    """As many as said, at every method of a platform."""
    count = 20_000
    under_way = Run(Plan(seed=5), count, faults=share, check_every=200)
    *_, report = under_way
    assert report.violation is None, str(report.violation)
    assert 0.85 * share < report.faults / count < 1.15 * share
    methods = {name for name, *_ in under_way._machine.platform.counts}
    assert methods > {"get_sensor_state", "set_indicator", "configure_connector"}
    assert len(methods) > 8


def test_every_request_that_makes_a_call_can_have_a_fault():
    """A share of 1: the first call of each fails."""
    report = run(Plan(seed=6, tree=small_tree, weights={"cpu": 1}), 500, faults=1)
    assert (report.violation, report.faults) == (None, 500)


def test_a_run_is_repeatable():
    """From the seed: requests, faults, results."""
    one, two = (run(Plan(seed=9, tree=small_tree), 2000) for _ in range(2))
    assert (one.outcomes, one.faults, one.calls) == (
        two.outcomes,
        two.faults,
        two.calls,
    )
    other = run(Plan(seed=10, tree=small_tree), 2000)
    assert other.outcomes != one.outcomes


def test_nothing_is_left_behind_without_faults():
    """But by edits of the tree alone, and by a bridge that brings a card along."""
    weights = {kind: 1 for kind in WEIGHTS if kind not in ("dt", "pci")}
    for profile in PROFILES:
        report = run(Plan(seed=1, profile=profile, weights=weights), 2000, faults=0)
        assert (report.faults, report.violation) == (0, None), str(report.violation)
        assert report.mended == 0


def test_a_violation_ends_the_run(monkeypatch):
    """It tells the seed and the step, the request, the rule, and the latest faults."""

    def no_release(*_):
        yield from ()
        return 0

    monkeypatch.setattr(cpu_operations, "release", no_release)
    plan = Plan(seed=2, tree=small_tree, weights={"cpu": 1})
    report = run(plan, COUNT, check_every=5)
    broken = report.violation
    assert broken is not None
    assert broken.step == report.requests < COUNT
    assert {violation.rule for violation in broken.violations} == {"drc-held"}
    assert str(broken).startswith(f"seed 2, step {broken.step}, ")
    assert json.loads(json.dumps(report.to_dict()))["violation"]["seed"] == 2
    again = run(plan, COUNT, check_every=5)
    assert again.violation == broken


@pytest.mark.parametrize(
    "wrong", [{"faults": -1}, {"faults": 2}, {"check_every": 0}, {"per": "day"}]
)
def test_arguments_are_checked(wrong):
    with pytest.raises(ArgumentError, match="expected"):
        run(Plan(), 10, **wrong)


def test_without_statm_growth_is_not_told(monkeypatch, tmp_path):
    monkeypatch.setattr(run_module, "_STATM", tmp_path / "none")
    assert run(Plan(tree=small_tree), 100).grown is None


PLAIN = {kind: WEIGHTS[kind] for kind in list(WEIGHTS)[:4]}


def made(weights=PLAIN, seed=1, count=300, dialect="6.12"):
    machine = make_machine(small_tree(), dialect=dialect)
    done = []
    for request in islice(requests(seed, machine, weights), count):
        done.append((request, machine.dispatcher.handle(request).errno))
    return done


def test_requests_fit_the_state():
    """Without faults, only what is meant to be invalid is refused."""
    done = made()
    refused = [str(request) for request, failed in done if failed]
    # The last CPU stays, and so do ranges that leave the table, counts too large.
    assert len(refused) < len(done) / 4
    words = {str(request).rsplit(" ", 1)[0].rstrip(" 1234") for request, _ in done}
    assert words >= {
        "cpu add index",
        "cpu remove index",
        "memory add count",
        "memory remove count",
        "memory add indexed-count",
    }


def test_invalid_requests_are_refused():
    done = made(weights={"invalid": 1})
    assert all(failed for _, failed in done)
    assert len({request for request, _ in done}) > 15


def test_cpus_by_count_where_the_kernel_line_takes_them():
    texts = {str(request) for request, _ in made(dialect="4.10")}
    assert any(text.startswith("cpu remove count") for text in texts)
    assert not any(str(r).startswith("cpu add count 1") for r, _ in made())


def test_memory_only_before_cpus_came():
    weights = {"memory-index": 1, "memory-count": 1}
    assert all(r.resource == 2 for r, _ in made(dialect="4.1", weights=weights))


@pytest.mark.parametrize(
    "weights", [{"cpus": 1}, {}, {"cpu": 0}, {"cpu": 1, "ofdt": -1}, {"pci": 1}]
)
def test_weights_are_checked(weights):
    machine = make_machine(small_tree())
    with pytest.raises(ArgumentError, match="expected"):
        requests(1, machine, weights)


def test_repair_puts_connectors_and_threads_right():
    """Whatever state of its kind a connector was left in."""
    machine = make_machine(small_tree())
    firmware, partition = machine.firmware, machine.partition
    for index in (0x10000004, 0x80000006):
        firmware.set_indicator(9003, index, 1)
    firmware.set_indicator(9001, 0x80000006, 1)
    firmware.set_indicator(9001, 0x10000002, 0)
    partition.online.discard(1)
    assert len(check(partition, firmware)) == 4
    assert repair(partition, firmware) == 4
    assert check(partition, firmware) == []
    assert repair(partition, firmware) == 0


def test_the_page_about_it():
    """docs/stress.md: its example runs, its weights are those of the mix."""
    page = ROOT / "docs" / "stress.md"
    if not page.exists():
        pytest.skip("the docs are not beside the tests")
    result = doctest.testfile(str(page), module_relative=False)
    assert (result.failed, result.attempted) == (0, 3)
    rows = re.findall(r"^\| (`.*?) \| ([0-9.]+)", page.read_text(), re.MULTILINE)
    said = {
        kind: float(weight) for kinds, weight in rows for kind in kinds.split("`")[1::2]
    }
    assert said == WEIGHTS


def test_memory_stays_flat(monkeypatch):
    """What is alive at the end was so after a tenth, but for what is remembered.

    Counted: resident pages are at the mercy of whatever ran before in this process.
    """
    trees = []

    def alive():
        gc.collect()
        return tracemalloc.get_traced_memory()[0] + trees[0].memory

    def tree():
        trees.append(small_tree())
        return trees[-1]

    monkeypatch.setattr(run_module, "_resident", alive)
    tracemalloc.start()
    try:
        report = run(Plan(seed=4, tree=tree), 20_000)
    finally:
        tracemalloc.stop()
    assert len(trees) == 1
    assert report.grown < 400 << 10  # 23 bytes a request: less than an object


def test_growth_is_of_resident_memory():
    """What a run could lose would be seen."""
    before = run_module._resident()
    if before is None:
        pytest.skip("/proc/self/statm is absent")
    kept = bytearray(b"\1") * (64 << 20)
    assert run_module._resident() - before > 48 << 20
    assert kept

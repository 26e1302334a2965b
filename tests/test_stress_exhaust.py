"""Every call of every operation failed in every way: no invariant is broken.

The requests are those of `CASES`, for every resource that the dispatcher carries out.
"""

from __future__ import annotations

import json
from functools import partial

import pytest

from pydlpar import parse_request
from pydlpar.constants import Resource
from pydlpar.operations import memory as memory_operations
from pydlpar.operations.calls import METHODS
from pydlpar.platforms.faults import faults_of
from pydlpar.request import DIALECTS
from pydlpar.stress.cases import CASES, cases
from pydlpar.stress.exhaust import Summary, exhaust, summarise
from pydlpar.stress.machine import LIVE, make_machine, small_tree

SETUPS = [
    *((dialect, profile, 1) for dialect in DIALECTS for profile in ("lopar", "qemu")),
    ("6.12", "qemu", 2),
]


def one_of_each_kind(method):
    """A fault of each kind that a method can have."""
    return {fault.kind: fault for fault in faults_of(method)}.values()


@pytest.fixture(scope="module")
def total():
    """What all single faults together gave."""
    return Summary()


@pytest.mark.parametrize(("dialect", "profile", "version"), SETUPS)
def test_single_faults_break_nothing(total, dialect, profile, version):
    """Hundreds of trials each; what fails names request, call, fault and rule.

    Of the newest kernel line every fault; of the others one of each kind.
    """
    summary = Summary()
    choose = faults_of if dialect == "6.12" else one_of_each_kind
    for case in cases(dialect):
        setup = partial(case.machine, dialect, profile, version)
        for trial in exhaust(setup, case.request, choose=choose):
            summary.add(trial)
            total.add(trial)
    assert [str(trial) for trial in summary.failed] == []
    assert summary.trials > 100
    # Most faults are an error to the writer, some are borne.
    assert len(summary.errnos) > 4


@pytest.mark.parametrize("resource", [Resource.PCI, Resource.PHB])
def test_slots_for_live_insertion_in_lopar(total, resource):
    """As QEMU's slots: their power domain is always on."""
    for case in cases("6.12"):
        if case.request is not None and case.request.resource == resource:
            setup = partial(case.machine, "6.12", "lopar", live=True)
            made = setup()
            slots = [c for i, c in made.firmware.connectors.items() if i >> 28 == 4]
            assert {slot.power_domain for slot in slots} <= {LIVE}
            found = list(exhaust(setup, case.request))
            assert [str(trial) for trial in found if trial.violations] == []
            total.add(found[0])


def test_a_sensor_that_lies_about_an_lmb_in_use(monkeypatch):
    """4.10 tries LMBs in use too: it acquires and releases those said to be free."""
    (case,) = (c for c in cases("4.10") if c.name == "memory add count 2")
    setup = partial(case.machine, "4.10", "lopar")

    def broken():
        trials = exhaust(setup, case.request)
        return [t for t in trials if t.violations]

    assert broken() == []
    monkeypatch.setattr("pydlpar.stress.evidence._tried", lambda _: set())
    found = broken()
    assert {v.rule for trial in found for v in trial.violations} == {"drc-lost"}
    assert {str(f.fault) for trial in found for f in trial.faults} == {"state 2"}


def test_cases_have_names_of_their_own():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert "interrupt after plug core" in names


def test_how_many_faults_there_were(total):
    """Thousands; and each call that an operation may make was failed."""
    if not total.trials:
        pytest.skip("counts what the test above did")
    assert total.faults > 4000
    # No operation reads a power level.
    assert total.methods.keys() >= set(METHODS) - {"get_power_level"}


@pytest.mark.parametrize(
    "text",
    [
        "cpu add index 0x10000004",
        "cpu remove index 0x10000002",
        "memory add index 0x80000006",
        "memory remove indexed-count 2 0x80000002",
    ],
)
def test_pairs_of_faults_break_nothing(text):
    """The second one in what follows the first: a roll-back that fails too."""
    tree = small_tree()
    setup = partial(make_machine, tree, max_busy=2)
    found = exhaust(setup, parse_request(text), pairs=True, choose=one_of_each_kind)
    summary = summarise(found)
    assert [str(trial) for trial in summary.failed] == []
    assert summary.trials > 50


def test_every_resource_of_the_dispatcher_has_cases():
    """Who adds an operation adds its cases."""
    handled = set(make_machine(small_tree()).dispatcher.resources)
    assert handled <= {case.request.resource for case in CASES if case.request}
    assert {Resource.CPU, Resource.MEMORY} <= handled


def test_the_first_trial_has_no_fault():
    tree = small_tree()
    request = parse_request("cpu add index 0x10000004")
    first, *rest = exhaust(partial(make_machine, tree), request)
    assert (first.faults, first.errno, first.violations) == ((), 0, ())
    assert all(len(trial.faults) == 1 for trial in rest)
    assert {trial.faults[0].call for trial in rest} == set(range(first.calls))


def test_a_broken_roll_back_is_found(monkeypatch):
    """The proof that the proof can fail: without its release, an LMB stays acquired.

    The trial names the request, the call, the fault and the rule.
    """

    def nothing(*_):
        yield from ()
        return 0

    monkeypatch.setattr(memory_operations, "release", nothing)
    tree = small_tree()
    request = parse_request("memory add index 0x80000006")
    summary = summarise(exhaust(partial(make_machine, tree), request))
    shown = [str(trial) for trial in summary.failed]
    assert any("add_memory" in text and "drc-held" in text for text in shown), shown
    assert shown[0].startswith("memory add index 0x80000006: call ")
    record = json.loads(json.dumps(summary.failed[0].to_dict()))
    assert record["violations"][0]["rule"] == "drc-held"
    assert record["faults"][0]["method"]


def test_interrupts_with_every_fault():
    """Damaged, lost, late and repeated events; the request behind them as well."""
    named = [case for case in CASES if case.request is None]
    assert named
    for case in named:
        setup = partial(case.machine, "6.12", "qemu", 1)
        found = list(exhaust(setup, None, places=range(0, 900, 60)))
        assert [str(trial) for trial in found if trial.violations] == []
        assert found[0].request == "interrupt"
        assert {"check_exception"} <= {t.faults[0].method for t in found[1:]}

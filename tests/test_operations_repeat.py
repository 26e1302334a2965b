"""What is done to a run of LMBs at once is what is done to them one by one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repeats import (
    FIRST,
    LMB,
    LMBS,
    RESERVED,
    OneByOne,
    carry_out,
    filled,
    machine,
    plans,
    repeats,
    state,
)

from pydlpar.dispatch import Dispatcher
from pydlpar.drmem import LmbTable
from pydlpar.errors import ArgumentError
from pydlpar.operations.behaviour import Quirk
from pydlpar.platforms.faults import AtCalls, AtRandom, Fault, FaultKind
from pydlpar.platforms.firmware import Firmware


@settings(max_examples=150, deadline=None)
@given(
    plan=plans,
    dialect=st.sampled_from(["4.1", "4.5", "4.10", "4.16", "5.13", "5.14", "6.12"]),
    profile=st.sampled_from(["qemu", "lopar"]),
    assigned=st.integers(0, LMBS),
    dimms=st.lists(st.tuples(st.integers(1, 12), st.integers(0, 1)), max_size=4),
    version=st.sampled_from([1, 2]),
    known=st.integers(0, 2),
    quirks=st.none() | st.sets(st.sampled_from(sorted(Quirk, key=lambda q: q.value))),
    seed=st.integers(0, 99) | st.none(),
)
def test_runs_and_steps_are_the_same(
    plan, dialect, profile, assigned, dimms, version, known, quirks, seed
):
    """Results, reasons, calls, trees, tables, connectors, devices, events."""
    if dialect in ("4.5", "4.10"):
        version = 1
    plan = [*(("plug", count, None, node) for count, node in dimms), *plan]
    pairs = [
        machine(
            kind,
            dialect,
            profile,
            assigned=assigned,
            version=version,
            known=known,
            faults=None if seed is None else AtRandom(seed, 0.03),
            quirks=quirks,
        )
        for kind in (Firmware, OneByOne)
    ]
    for step in plan:
        came = [carry_out(*pair, step) for pair in pairs]
        assert came[0] == came[1], step
        assert state(*pairs[0]) == state(*pairs[1]), step
    if seed is not None:
        left, right = (dispatcher.platform for dispatcher, _ in pairs)
        assert (left.calls, left.to_list()) == (right.calls, right.to_list())


def both(steps, faults=None):
    """What becomes of the same plan at once and one by one; the outcomes at once."""
    pairs = [
        machine(kind, "6.12", "qemu", assigned=0, known=2, faults=faults and faults())
        for kind in (Firmware, OneByOne)
    ]
    found = []
    for step in steps:
        came = [carry_out(*pair, step) for pair in pairs]
        assert came[0] == came[1], step
        assert state(*pairs[0]) == state(*pairs[1]), step
        found.append(pairs[0][0].last)
    return found


def test_a_run_ends_where_another_numa_node_begins():
    """4.4.1: the lookup array and the node of the memory are others."""
    steps = [("plug", 12, None, 0), ("plug", 12, None, 1)]
    *_, added = both([*steps, ("write", f"memory add count {LMBS}")])
    assert repeats(added) == [RESERVED - 1, 11, 11]
    assert {c.arguments[2] for c in added.calls if c.function == "add-memory"} == {0}


def refused_removal(n_dimms):
    """A removal of all, which the last LMB refuses, and what fails it."""
    calls = n_dimms + 1 + 6 * LMBS + 2 * (LMBS - 1)
    removal = f"memory remove indexed-count {LMBS} {FIRST + RESERVED:#x}"
    refusal = Fault(FaultKind.REFUSED, -16)
    return ("write", removal), lambda: AtCalls({calls: refusal})


def test_a_refused_unplug_is_not_repeated():
    """The first LMB of each DIMM refuses it for all: two errors each."""
    removal, faults = refused_removal(LMBS)
    plugs = [("plug", 1, None, 0)] * LMBS
    unplugs = [("unplug", n) for n in range(LMBS)]
    *_, removed = both([*plugs, ("interrupt",), *unplugs, removal], faults)
    assert removed.errno == 22


def test_an_abandoned_sequence_is_not_repeated():
    """QEMU goes on in the middle of it, and delivers nothing of use."""
    removal, faults = refused_removal(1)
    abandoned = ("abandon", FIRST + RESERVED + 5)
    steps = [("plug", LMBS, None, 0), ("interrupt",), abandoned, removal]
    *_, removed = both(steps, faults)
    assert removed.errno == 22


def test_a_run_is_asked_for_at_once():
    """One step, and the rest of the DIMM behind it."""
    dispatcher, firmware = filled()
    (added,) = dispatcher.interrupt()
    assert repeats(added) == [LMBS - 1]
    assert len(added.calls) == 6 * LMBS
    firmware.unplug("dimm")
    (removed,) = dispatcher.interrupt()
    assert repeats(removed) == [LMBS - 1, LMBS - 1]
    assert len(removed.calls) == 5 * LMBS
    assert firmware.qmp_events[-1]["event"] == "DEVICE_DELETED"


def test_reserved_lmbs_are_asked_for_at_once_too():
    """ "memory add count" tries them each time: one that is refused, and its like."""
    dispatcher, _ = filled()
    assert dispatcher.write("memory add count 1") > 0
    assert repeats(dispatcher.last) == [RESERVED - 1]


def test_a_method_of_ones_own_is_called_each_time():
    """A subclass, or an attribute, that answers a call is never passed over."""

    class Reluctant(Firmware):
        def offline_memory(self, base, size):
            del size
            return -16 if base == (RESERVED + 3) * LMB else 0

    dispatcher, firmware = filled(Reluctant)
    (added,) = dispatcher.interrupt()
    assert repeats(added) == []
    firmware.unplug("dimm")
    (removed,) = dispatcher.interrupt()
    assert removed.errno == 22
    plain = filled()[1]
    plain.add_memory = lambda *_: -12
    assert plain.lmb_repeater() is None


def test_what_wraps_a_platform_does_not_hide_calls():
    """An attribute that is only passed on is not an offer."""

    class Wrapper:
        def __init__(self, platform):
            self.platform = platform

        def __getattr__(self, name):
            return getattr(self.platform, name)

    dispatcher, firmware = filled()
    wrapped = Dispatcher(dispatcher.partition, Wrapper(firmware))
    (added,) = wrapped.interrupt()
    assert (added.errno, repeats(added)) == (0, [])


def test_a_fault_within_a_run_meets_its_own_call():
    """A run ends before the LMB that a fault is due for, and goes on behind it."""
    plan = AtCalls({1 + 6 * 10: Fault(FaultKind.STATUS, -1)})
    dispatcher, _ = filled(faults=plan)
    (outcome,) = dispatcher.interrupt()
    assert outcome.errno == 22
    assert repeats(outcome)[0] == 9
    assert dispatcher.platform.n_injected == 1


@settings(max_examples=25, deadline=None)
@given(plan=plans, seed=st.integers(0, 99))
def test_a_dispatcher_counts_its_calls(plan, seed):
    """Each that the platform sees, of runs too; waits are none."""
    faults = AtRandom(seed, 0.05)
    dispatcher, firmware = machine(Firmware, "6.12", "lopar", faults=faults)
    for step in plan:
        carry_out(dispatcher, firmware, step)
        assert dispatcher.calls == dispatcher.platform.calls


def test_another_platform_may_answer():
    """From the next request on."""
    dispatcher, _ = filled()
    other = OneByOne.from_tree(dispatcher.partition.tree, "qemu")
    dispatcher.platform = other
    dispatcher.write("memory add count 1")
    assert dispatcher.platform is other
    assert repeats(dispatcher.last) == []
    assert dispatcher.last.errno == 22


def test_a_roll_back_is_repeated_too():
    """4.4.4: those that were added are removed again, in the same order."""
    plan = AtCalls({1 + 6 * 20 + 4: Fault(FaultKind.REFUSED, -12)})
    dispatcher, _ = filled(faults=plan, profile="lopar")
    (outcome,) = dispatcher.interrupt()
    assert outcome.errno == 22
    assert sum(repeats(outcome)) > 30
    assert not dispatcher.partition.lmbs.count(0x8, 0x8)


def test_an_exception_takes_a_run_back():
    """Where the platform raises, the table is what it was."""

    class Broken(Firmware):
        made = 0

        def lmb_repeater(self):
            return self

        def repeat_lmbs(self, watched, indexes, calls):
            return super().repeat_lmbs(watched, indexes[:5], calls)

        def online_memory(self, base, size):
            del base, size
            self.made += 1
            if self.made == 3:
                raise OSError("torn out")
            return 0

    dispatcher, firmware = filled(Broken)
    before = list(dispatcher.partition.lmbs)
    with pytest.raises(OSError, match="torn out"):
        dispatcher.interrupt()
    assert firmware.made == 3
    assert list(dispatcher.partition.lmbs) == before


def table(*rows):
    return LmbTable(
        [(n * LMB, FIRST + n, aa, fl) for n, (aa, fl) in enumerate(rows)], LMB
    )


def test_alike_ends_where_flags_or_associativity_differ():
    """Also with the limit and with the table."""
    lmbs = table((0, 8), (0, 8), (1, 8), (1, 0), (1, 0))
    assert [lmbs.alike(n, 9) for n in range(5)] == [2, 2, 3, 5, 5]
    assert lmbs.alike(0, 1) == 1
    assert lmbs.alike(3, 1) == 4


@pytest.mark.parametrize(("start", "limit"), [(5, 1), (0, 0), (-1, 1), (0, -1)])
def test_alike_of_no_lmb_is_an_error(start, limit):
    """There must be one to compare with."""
    with pytest.raises(ArgumentError):
        table(*[(0, 0)] * 5).alike(start, limit)


def test_fill_gives_a_range_both_words():
    """And leaves what is outside."""
    lmbs = table(*[(0, 0)] * 4)
    lmbs.fill(1, 3, 0x8, 7)
    assert [lmb[2:] for lmb in lmbs] == [(0, 0), (7, 8), (7, 8), (0, 0)]
    lmbs.fill(4, 4, 1, 1)


@pytest.mark.parametrize(
    "wrong", [(0, 5, 0, 0), (3, 2, 0, 0), (-1, 1, 0, 0), (0, 1, 1 << 32, 0)]
)
def test_fill_outside_the_table_is_an_error(wrong):
    """Nothing is written then."""
    lmbs = table(*[(0, 0)] * 4)
    before = list(lmbs)
    with pytest.raises(ArgumentError):
        lmbs.fill(*wrong)
    assert list(lmbs) == before


def test_drc_indexes_are_a_view_of_a_range():
    """Read-only, and of the rows asked for."""
    lmbs = table(*[(0, 0)] * 4)
    assert list(lmbs.drc_indexes(1, 3)) == [FIRST + 1, FIRST + 2]
    assert lmbs.drc_index(3) == FIRST + 3
    with pytest.raises(TypeError):
        lmbs.drc_indexes(0, 1)[0] = 1

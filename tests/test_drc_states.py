"""The DRC state tables, against the tables of the specification, pair by pair."""

from __future__ import annotations

import pytest
from drc_grid import (
    ISOLATE,
    UNISOLATE,
    UNUSABLE,
    USABLE,
    expected_cells,
    read_cell,
)

from pydlpar.constants import DrcState
from pydlpar.drc_states import (
    CONFIGURE,
    PROFILES,
    STREAM,
    DrcKind,
    Effect,
    describe_rejection,
    drc_kind,
    situation,
    situations,
    state_table,
)


@pytest.mark.parametrize(
    ("profile", "kind", "call", "state", "device", "unplug", "cell"),
    list(expected_cells()),
)
def test_pair_of_state_and_call(profile, kind, call, state, device, unplug, cell):
    """Each call in each state has the status, next state and effect of the grid."""
    table = state_table(profile, kind)
    row = table.configure if call == CONFIGURE else table.indicators[call]
    got = row[situation(state, device, unplug)]
    status, after, effect = read_cell(cell, state)
    assert got.status == status
    assert got.effect == effect
    assert got.situation == situation(after, device, unplug)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("kind", DrcKind)
def test_grid_covers_the_table(profile, kind):
    """No call and no state is left out above (the visual indicator has its own)."""
    covered = {
        (call, situation(state, device, unplug))
        for p, k, call, state, device, unplug, _ in expected_cells()
        if (p, k) == (profile, kind)
    }
    calls = [*state_table(profile, kind).indicators, CONFIGURE]
    everything = {
        (call, situation(*case))
        for call in calls
        for case in situations(kind)
        if call[0] != 9002
    }
    assert covered == everything


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("kind", DrcKind)
@pytest.mark.parametrize("value", range(4))
def test_visual_indicator(profile, kind, value):
    """9002 takes 0 to 3 on physical connectors in any state, on logical ones never."""
    row = state_table(profile, kind).indicators[9002, value]
    for case in situations(kind):
        here = situation(*case)
        if kind is DrcKind.PHYSICAL:
            assert row[here] == (0, here, Effect.SHOW)
        else:
            assert row[here] == (-3, here, Effect.NONE)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("kind", DrcKind)
def test_other_values_do_not_exist(profile, kind):
    """Exchange and recover, the fourth isolation state, other indicators: no row."""
    calls = set(state_table(profile, kind).indicators)
    assert calls == {ISOLATE, UNISOLATE, UNUSABLE, USABLE} | {
        (9002, value) for value in range(4)
    }


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("kind", DrcKind)
def test_entity_sense(profile, kind):
    """Logical: unusable (2) in UNUSABLE, else present. Physical: as the device."""
    table = state_table(profile, kind)
    for state, device, unplug in situations(kind):
        if kind is DrcKind.PHYSICAL:
            sense = 1 if device else 0
        else:
            sense = 2 if state == DrcState.LOGICAL_UNUSABLE else 1
        assert table.sense[situation(state, device, unplug)] == (0, sense)


@pytest.mark.parametrize("kind", DrcKind)
def test_empty_and_ready_states(kind):
    """A machine starts in state 1 or 6 without a device, in 4 or 8 with one."""
    table = state_table("qemu", kind)
    physical = kind is DrcKind.PHYSICAL
    assert (table.empty, table.ready) == ((6, 8) if physical else (1, 4))


def test_rejection_names_state_call_and_where_it_is_allowed():
    here = situation(1, True, False)
    assert describe_rejection("qemu", DrcKind.LOGICAL, UNISOLATE, here, -3) == (
        "set-indicator(isolation-state, unisolate): logical connector in state "
        "LOGICAL_UNUSABLE, status -3; allowed in LOGICAL_AVAILABLE, "
        "LOGICAL_UNISOLATE, LOGICAL_CONFIGURED"
    )


@pytest.mark.parametrize(
    ("kind", "call", "where"),
    [
        (
            DrcKind.LMB,
            ISOLATE,
            "LOGICAL_UNUSABLE, LOGICAL_AVAILABLE, "
            "LOGICAL_CONFIGURED with an unplug pending",
        ),
        (
            DrcKind.LOGICAL,
            USABLE,
            "LOGICAL_UNUSABLE with a device and no unplug pending, "
            "LOGICAL_AVAILABLE, LOGICAL_UNISOLATE, LOGICAL_CONFIGURED",
        ),
        (
            DrcKind.PHYSICAL,
            UNISOLATE,
            "PHYSICAL_POWERON with a device, PHYSICAL_UNISOLATE, PHYSICAL_CONFIGURED",
        ),
        (DrcKind.PHYSICAL, USABLE, "no state"),
        (DrcKind.LOGICAL, CONFIGURE, "LOGICAL_UNISOLATE, LOGICAL_CONFIGURED"),
    ],
)
def test_rejection_names_the_conditions(kind, call, where):
    """Where a device or an unplug decides, the message says so."""
    state = 5 if kind is DrcKind.PHYSICAL else 1
    text = describe_rejection("qemu", kind, call, situation(state), -3)
    assert text.endswith(f"allowed in {where}")


def test_rejection_of_a_value_that_does_not_exist():
    text = describe_rejection("qemu", DrcKind.LMB, (9003, 2), situation(4, True), -3)
    assert text == (
        "set-indicator(9003, 2): LMB connector in state LOGICAL_CONFIGURED, "
        "status -3; no such indicator or value"
    )


@pytest.mark.parametrize(
    ("drc_type", "index", "kind"),
    [
        ("CPU", 0x10000000, DrcKind.LOGICAL),
        ("MEM", 0x80000000, DrcKind.LMB),
        ("PHB", 0x20000000, DrcKind.PHB),
        ("PMEM", 0x90000000, DrcKind.LOGICAL),
        ("SLOT", 0x30000000, DrcKind.LOGICAL),
        ("28", 0x40000000, DrcKind.PHYSICAL),
        ("23", 0x20000000, DrcKind.PHYSICAL),
        ("", 0x10000000, DrcKind.LOGICAL),
        ("", 0x20000000, DrcKind.PHB),
        ("", 0x40000000, DrcKind.PHYSICAL),
        ("", 0x80000000, DrcKind.LMB),
        ("", 0xF0000000, DrcKind.LOGICAL),
    ],
)
def test_kind_of_a_connector(drc_type, index, kind):
    """The type string decides, and the index where there is none."""
    assert drc_kind(drc_type, index) is kind


def test_stream_is_no_rtas_status():
    """The mark of a state that delivers cannot be taken for a rejection."""
    assert STREAM > 0

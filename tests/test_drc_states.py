"""The DRC state tables, against the tables of the specification, pair by pair.

The grids below are transcribed by hand: QEMU's from hw/ppc/spapr_drc.c, and what
LoPAR says where it differs. A cell is "status" or "status>state" or
"status>state!EFFECT"; a row is (call, one cell a state). Where a device or a
pending unplug matters, there is a grid for each of the three situations.
"""

from __future__ import annotations

import itertools

import pytest

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

ISOLATE, UNISOLATE = (9001, 0), (9001, 1)
UNUSABLE, USABLE = (9003, 0), (9003, 1)
EMPTY, PLUGGED, LEAVING = (False, False), (True, False), (True, True)

# States 1 UNUSABLE, 2 AVAILABLE, 3 UNISOLATE, 4 CONFIGURED.
LOGICAL = {
    EMPTY: {
        ISOLATE: "0 0 -3 0>2",
        UNISOLATE: "-3 0>3!REWIND 0 0",
        UNUSABLE: "0 0>1 -3 -3",
        USABLE: "-3 0 0 0",
        CONFIGURE: "-9003 -9003 1>4 1>4",
    },
    PLUGGED: {
        ISOLATE: "0 0 -3 0>2",
        UNISOLATE: "-3 0>3!REWIND 0 0",
        UNUSABLE: "0 0>1 -3 -3",
        USABLE: "0>2 0 0 0",
        CONFIGURE: "-9003 -9003 1>4 1>4",
    },
    LEAVING: {
        ISOLATE: "0 0 -3 0>2",
        UNISOLATE: "-3 0>3!REWIND 0!REJECT 0!REJECT",
        UNUSABLE: "0 0>1!RELEASE -3 -3",
        USABLE: "-3 0 0 0",
        CONFIGURE: "-9003 -9003 1>4 1>4",
    },
}

# States 5 AVAILABLE, 6 POWERON, 7 UNISOLATE, 8 CONFIGURED.
PHYSICAL = {
    EMPTY: {
        ISOLATE: "0 0 -3 0>6",
        UNISOLATE: "-3 -3 0 0",
        UNUSABLE: "-3 -3 -3 -3",
        USABLE: "-3 -3 -3 -3",
        CONFIGURE: "-9003 -9003 1>8 1>8",
    },
    PLUGGED: {
        ISOLATE: "0 0 -3 0>6",
        UNISOLATE: "-3 0>7!REWIND 0 0",
        UNUSABLE: "-3 -3 -3 -3",
        USABLE: "-3 -3 -3 -3",
        CONFIGURE: "-9003 -9003 1>8 1>8",
    },
    LEAVING: {
        ISOLATE: "0 0 -3 0>6!RELEASE",
        UNISOLATE: "-3 0>7!REWIND 0 0",
        UNUSABLE: "-3 -3 -3 -3",
        USABLE: "-3 -3 -3 -3",
        CONFIGURE: "-9003 -9003 1>8 1>8",
    },
}

# What replaces a row: (profile, kind) -> {(situation, call): row}.
EVERY = (EMPTY, PLUGGED, LEAVING)
LMB_CONFIGURE = {(LEAVING, CONFIGURE): "-9003 -9003 1>4!REJECT_LATE 1>4!REJECT_LATE"}
LOPAR_CONFIGURE = dict.fromkeys(
    itertools.product(EVERY, [CONFIGURE]), "-9003 0 1>4 1>4"
)
DIFFERENT = {
    ("qemu", DrcKind.LMB): {
        (EMPTY, ISOLATE): "0 0 -3 -1",
        (PLUGGED, ISOLATE): "0 0 -3 -1",
    }
    | LMB_CONFIGURE,
    ("lopar", DrcKind.LOGICAL): LOPAR_CONFIGURE,
    ("lopar", DrcKind.LMB): LOPAR_CONFIGURE
    | {(LEAVING, CONFIGURE): "-9003 0 1>4!REJECT_LATE 1>4!REJECT_LATE"},
    ("lopar", DrcKind.PHB): LOPAR_CONFIGURE
    | dict.fromkeys(itertools.product(EVERY, [ISOLATE]), "0 0 -3 0>2!CHECK_CHILDREN"),
    ("lopar", DrcKind.PHYSICAL): {
        (EMPTY, UNISOLATE): "-3 0 0 0",
        (EMPTY, CONFIGURE): "0 0 1>8 1>8",
        (PLUGGED, CONFIGURE): "0 0 1>8 1>8",
        (LEAVING, CONFIGURE): "0 0 1>8 1>8",
    },
}


def expected_cells():
    """Every pair: (profile, kind, call, state, device, unplug, cell)."""
    for profile, kind in itertools.product(PROFILES, DrcKind):
        physical = kind is DrcKind.PHYSICAL
        first = 5 if physical else 1
        for case, rows in (PHYSICAL if physical else LOGICAL).items():
            for call, row in rows.items():
                cells = DIFFERENT.get((profile, kind), {}).get((case, call), row)
                for state, cell in enumerate(cells.split(), first):
                    yield profile, kind, call, state, *case, cell


def read_cell(cell, state):
    """A cell as (status, next state, effect)."""
    rest, _, effect = cell.partition("!")
    status, _, after = rest.partition(">")
    return int(status), int(after or state), Effect[effect or "NONE"]


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

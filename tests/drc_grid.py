"""The DRC state tables of the specification, transcribed by hand.

QEMU's from hw/ppc/spapr_drc.c, and what LoPAR says where it differs. A cell is
"status" or "status>state" or "status>state!EFFECT"; a row is (call, one cell a
state). Where a device or a pending unplug matters, there is a grid for each of
the three situations.
"""

from __future__ import annotations

import itertools

from pydlpar.drc_states import CONFIGURE, PROFILES, DrcKind, Effect

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

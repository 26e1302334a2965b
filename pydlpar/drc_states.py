"""The state machine of a dynamic reconfiguration connector (DRC), as tables.

Everything that affects state lives here. The rules say, for every state and
every call, the status and what becomes of the connector; `platforms/firmware`
looks a row up and carries out its effect, and decides nothing itself.

Two profiles: `qemu` is what QEMU's pseries machine does (hw/ppc/spapr_drc.c),
`lopar` what the architecture says (LoPAR 13.5 to 13.7) where the two differ:

* isolating an LMB works without a pending unplug (QEMU: hardware error);
* unisolating an empty physical slot succeeds (QEMU: invalid parameter);
* configure-connector of an isolated connector is complete at once, with nothing
  delivered (QEMU: -9003);
* isolating a PHB above a connector that is not isolated is the multi-level
  isolation error -9000 (QEMU takes the devices below along).

QEMU never leaves a slot in PHYSICAL_AVAILABLE, the state without power; both
profiles treat it as POWERON from which nothing can be unisolated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum, IntEnum
from functools import cache
from typing import Final, NamedTuple

from pydlpar.constants import (
    AllocationState,
    DrcState,
    DrcType,
    EntitySense,
    Indicator,
    IsolationState,
    RtasStatus,
)

__all__ = [
    "CONFIGURE",
    "PROFILES",
    "STREAM",
    "Call",
    "DrcKind",
    "Effect",
    "StateTable",
    "Transition",
    "describe_rejection",
    "drc_kind",
    "situation",
    "situations",
    "state_table",
    "waits_for_children",
]

PROFILES: Final = ("qemu", "lopar")
"""Names of the behaviours: what QEMU does, what the architecture says."""

Call = tuple[int, int]
"""A call: indicator and value of set-indicator, or `CONFIGURE`."""

CONFIGURE: Final[Call] = (0, 0)
"""The call ibm,configure-connector, among the indicators; 0 is not one."""

STREAM: Final = 1
"""Status of a configure-connector row whose state delivers the fragment."""

_ISOLATE: Final = (Indicator.ISOLATION_STATE, IsolationState.ISOLATE)
_UNISOLATE: Final = (Indicator.ISOLATION_STATE, IsolationState.UNISOLATE)
_UNUSABLE: Final = (Indicator.ALLOCATION_STATE, AllocationState.UNUSABLE)
_USABLE: Final = (Indicator.ALLOCATION_STATE, AllocationState.USABLE)
_VISUAL: Final = tuple((Indicator.DR, value) for value in range(4))

_CALL_NAMES: Final[Mapping[Call, str]] = {
    CONFIGURE: "ibm,configure-connector",
    _ISOLATE: "set-indicator(isolation-state, isolate)",
    _UNISOLATE: "set-indicator(isolation-state, unisolate)",
    _UNUSABLE: "set-indicator(allocation-state, unusable)",
    _USABLE: "set-indicator(allocation-state, usable)",
}


class DrcKind(Enum):
    """Connectors that share a table."""

    LOGICAL = "logical"
    LMB = "LMB"
    PHB = "PHB"
    PHYSICAL = "physical"


class Effect(IntEnum):
    """What the firmware does beside changing the state; 0 is nothing."""

    NONE = 0
    REWIND = 1
    """configure-connector will start from the first node."""
    RELEASE = 2
    """The device leaves: its pending unplug is complete."""
    REJECT = 3
    """The guest refuses the pending unplug, by unisolating."""
    REJECT_LATE = 4
    """The guest refuses it by configuring the LMB again."""
    CHECK_CHILDREN = 5
    """Only when all connectors below are isolated, else -9000."""
    SHOW = 6
    """The value becomes the state of the visual indicator."""


class _Rule(NamedTuple):
    """A row: in one of *states*, and where device and unplug match, if given."""

    calls: tuple[Call, ...]
    states: tuple[DrcState, ...]
    status: int
    next: DrcState | None = None
    effect: Effect = Effect.NONE
    device: bool | None = None
    unplug: bool | None = None


_S = DrcState
_OK: Final = RtasStatus.SUCCESS
_PARAM: Final = RtasStatus.INVALID_PARAMETER
_NOT_NOW: Final = RtasStatus.NOT_CONFIGURABLE

_L_UNUSABLE = (_S.LOGICAL_UNUSABLE,)
_L_AVAILABLE = (_S.LOGICAL_AVAILABLE,)
_L_UNISOLATE = (_S.LOGICAL_UNISOLATE,)
_L_CONFIGURED = (_S.LOGICAL_CONFIGURED,)
_L_OFF = _L_UNUSABLE + _L_AVAILABLE
_L_ON = _L_UNISOLATE + _L_CONFIGURED
_LOGICAL_STATES = _L_OFF + _L_ON

_P_AVAILABLE = (_S.PHYSICAL_AVAILABLE,)
_P_POWERON = (_S.PHYSICAL_POWERON,)
_P_UNISOLATE = (_S.PHYSICAL_UNISOLATE,)
_P_CONFIGURED = (_S.PHYSICAL_CONFIGURED,)
_P_OFF = _P_AVAILABLE + _P_POWERON
_P_ON = _P_UNISOLATE + _P_CONFIGURED
_PHYSICAL_STATES = _P_OFF + _P_ON

# In each list the first rule that matches holds.
_LOGICAL: Final = (
    _Rule((_ISOLATE,), _L_OFF, _OK),
    _Rule((_ISOLATE,), _L_UNISOLATE, _PARAM),
    _Rule((_ISOLATE,), _L_CONFIGURED, _OK, _S.LOGICAL_AVAILABLE),
    _Rule((_UNISOLATE,), _L_UNUSABLE, _PARAM),
    _Rule((_UNISOLATE,), _L_AVAILABLE, _OK, _S.LOGICAL_UNISOLATE, Effect.REWIND),
    _Rule((_UNISOLATE,), _L_ON, _OK, None, Effect.REJECT, unplug=True),
    _Rule((_UNISOLATE,), _L_ON, _OK),
    _Rule((_UNUSABLE,), _L_UNUSABLE, _OK),
    _Rule(
        (_UNUSABLE,),
        _L_AVAILABLE,
        _OK,
        _S.LOGICAL_UNUSABLE,
        Effect.RELEASE,
        unplug=True,
    ),
    _Rule((_UNUSABLE,), _L_AVAILABLE, _OK, _S.LOGICAL_UNUSABLE),
    _Rule((_UNUSABLE,), _L_ON, _PARAM),
    _Rule((_USABLE,), _L_UNUSABLE, _PARAM, device=False),
    _Rule((_USABLE,), _L_UNUSABLE, _PARAM, unplug=True),
    _Rule((_USABLE,), _L_UNUSABLE, _OK, _S.LOGICAL_AVAILABLE),
    _Rule((_USABLE,), _L_AVAILABLE + _L_ON, _OK),
    _Rule(_VISUAL, _LOGICAL_STATES, _PARAM),
    _Rule((CONFIGURE,), _L_ON, STREAM, _S.LOGICAL_CONFIGURED),
    _Rule((CONFIGURE,), _L_OFF, _NOT_NOW),
)

_PHYSICAL: Final = (
    _Rule((_ISOLATE,), _P_OFF, _OK),
    _Rule((_ISOLATE,), _P_UNISOLATE, _PARAM),
    _Rule(
        (_ISOLATE,),
        _P_CONFIGURED,
        _OK,
        _S.PHYSICAL_POWERON,
        Effect.RELEASE,
        unplug=True,
    ),
    _Rule((_ISOLATE,), _P_CONFIGURED, _OK, _S.PHYSICAL_POWERON),
    _Rule((_UNISOLATE,), _P_AVAILABLE, _PARAM),
    _Rule((_UNISOLATE,), _P_POWERON, _PARAM, device=False),
    _Rule((_UNISOLATE,), _P_POWERON, _OK, _S.PHYSICAL_UNISOLATE, Effect.REWIND),
    _Rule((_UNISOLATE,), _P_ON, _OK),
    _Rule((_UNUSABLE, _USABLE), _PHYSICAL_STATES, _PARAM),
    _Rule(_VISUAL, _PHYSICAL_STATES, _OK, None, Effect.SHOW),
    _Rule((CONFIGURE,), _P_ON, STREAM, _S.PHYSICAL_CONFIGURED),
    _Rule((CONFIGURE,), _P_OFF, _NOT_NOW),
)

_LMB: Final = (
    _Rule(
        (CONFIGURE,),
        _L_ON,
        STREAM,
        _S.LOGICAL_CONFIGURED,
        Effect.REJECT_LATE,
        unplug=True,
    ),
)

_QEMU_LMB: Final = (
    _Rule((_ISOLATE,), _L_CONFIGURED, RtasStatus.HARDWARE_ERROR, unplug=False),
)

_LOPAR_PHB: Final = (
    _Rule(
        (_ISOLATE,),
        _L_CONFIGURED,
        _OK,
        _S.LOGICAL_AVAILABLE,
        Effect.CHECK_CHILDREN,
    ),
)

_LOPAR: Final = (
    _Rule((_UNISOLATE,), _P_POWERON, _OK, device=False),
    _Rule((CONFIGURE,), _L_AVAILABLE + _P_OFF, _OK),
)

_RULES: Final[Mapping[tuple[str, DrcKind], tuple[_Rule, ...]]] = {
    ("qemu", DrcKind.LOGICAL): _LOGICAL,
    ("qemu", DrcKind.LMB): _QEMU_LMB + _LMB + _LOGICAL,
    ("qemu", DrcKind.PHB): _LOGICAL,
    ("qemu", DrcKind.PHYSICAL): _PHYSICAL,
    ("lopar", DrcKind.LOGICAL): _LOPAR + _LOGICAL,
    ("lopar", DrcKind.LMB): _LOPAR + _LMB + _LOGICAL,
    ("lopar", DrcKind.PHB): _LOPAR + _LOPAR_PHB + _LOGICAL,
    ("lopar", DrcKind.PHYSICAL): _LOPAR + _PHYSICAL,
}

_UNPLUG: Final = 1
_DEVICE: Final = 2
_STATE_SHIFT: Final = 2
_TYPE_SHIFT: Final = 28
_N_SITUATIONS: Final = (_S.PHYSICAL_CONFIGURED + 1) << _STATE_SHIFT


class Transition(NamedTuple):
    """What a call answers, and what the connector's situation becomes.

    For configure-connector the situation is the one after the whole fragment
    has been delivered, where *status* is `STREAM`.
    """

    status: int
    situation: int
    effect: int


class StateTable(NamedTuple):
    """The rules of one profile and kind, worked out for look-up by situation.

    A tuple is indexed by a situation (see `situation`); places of states that
    this kind does not know hold status -1, and cannot be reached.
    """

    empty: DrcState
    """The state without a device: UNUSABLE or POWERON."""
    ready: DrcState
    """The state of a device in use: CONFIGURED."""
    indicators: Mapping[Call, tuple[Transition, ...]]
    """Rows of set-indicator, by indicator and value; others do not exist."""
    configure: tuple[Transition, ...]
    sense: tuple[tuple[int, int], ...]
    """What get-sensor-state answers for the entity sense: (status, state)."""


def situation(state: int, device: bool = False, unplug: bool = False) -> int:
    """A connector's state, device and pending unplug as one small number."""
    return state << _STATE_SHIFT | (_DEVICE if device else 0) | unplug


def situations(kind: DrcKind) -> Iterator[tuple[DrcState, bool, bool]]:
    """All situations of a kind: (state, has a device, unplug is pending).

    Without a device no unplug can be pending.
    """
    states = _PHYSICAL_STATES if kind is DrcKind.PHYSICAL else _LOGICAL_STATES
    for state in states:
        yield state, False, False
        yield state, True, False
        yield state, True, True


def drc_kind(drc_type: str, drc_index: int) -> DrcKind:
    """The kind of a connector from its `ibm,drc-types` string.

    Types that are not names of logical resources are connector types of
    physical slots, "28" for instance. The index decides for a type that is
    empty.
    """
    logical = {
        "MEM": DrcKind.LMB,
        "PHB": DrcKind.PHB,
        "CPU": DrcKind.LOGICAL,
        "PMEM": DrcKind.LOGICAL,
        "SLOT": DrcKind.LOGICAL,
        "PORT": DrcKind.LOGICAL,
    }
    if drc_type:
        return logical.get(drc_type, DrcKind.PHYSICAL)
    by_index: dict[int, DrcKind] = {
        DrcType.LMB: DrcKind.LMB,
        DrcType.PHB: DrcKind.PHB,
        DrcType.PCI: DrcKind.PHYSICAL,
    }
    return by_index.get(drc_index >> _TYPE_SHIFT, DrcKind.LOGICAL)


def _work_out(rules: tuple[_Rule, ...], kind: DrcKind, call: Call) -> list[Transition]:
    row = [Transition(RtasStatus.HARDWARE_ERROR, 0, Effect.NONE)] * _N_SITUATIONS
    for state, device, unplug in situations(kind):
        rule = next(
            rule
            for rule in rules
            if call in rule.calls
            and state in rule.states
            and rule.device in (None, device)
            and rule.unplug in (None, unplug)
        )
        after = situation(rule.next or state, device, unplug)
        here = situation(state, device, unplug)
        row[here] = Transition(int(rule.status), after, int(rule.effect))
    return row


def _sense(kind: DrcKind, state: DrcState, device: bool) -> tuple[int, int]:
    if kind is DrcKind.PHYSICAL:
        sense = EntitySense.PRESENT if device else EntitySense.EMPTY
    elif state == DrcState.LOGICAL_UNUSABLE:
        sense = EntitySense.UNUSABLE
    else:
        sense = EntitySense.PRESENT
    return int(RtasStatus.SUCCESS), int(sense)


@cache
def state_table(profile: str, kind: DrcKind) -> StateTable:
    """The table of a profile ("qemu" or "lopar") and a kind of connector."""
    rules = _RULES[profile, kind]
    calls = (_ISOLATE, _UNISOLATE, _UNUSABLE, _USABLE, *_VISUAL)
    sense = [(int(RtasStatus.HARDWARE_ERROR), 0)] * _N_SITUATIONS
    for state, device, unplug in situations(kind):
        sense[situation(state, device, unplug)] = _sense(kind, state, device)
    physical = kind is DrcKind.PHYSICAL
    return StateTable(
        empty=_S.PHYSICAL_POWERON if physical else _S.LOGICAL_UNUSABLE,
        ready=_S.PHYSICAL_CONFIGURED if physical else _S.LOGICAL_CONFIGURED,
        indicators={
            (int(call[0]), int(call[1])): tuple(_work_out(rules, kind, call))
            for call in calls
        },
        configure=tuple(_work_out(rules, kind, CONFIGURE)),
        sense=tuple(sense),
    )


@cache
def waits_for_children(profile: str, kind: DrcKind) -> StateTable:
    """The table of a physical connector with connectors behind it, in LoPAR's way.

    It is isolated only when they are, like a PHB (multi-level isolation).
    """
    table = state_table(profile, kind)
    row = tuple(
        after._replace(effect=int(Effect.CHECK_CHILDREN))
        if here == situation(table.ready, True) and not after.status
        else after
        for here, after in enumerate(table.indicators[_ISOLATE])
    )
    return table._replace(indicators={**table.indicators, _ISOLATE: row})


_WHEN: Final[Mapping[frozenset[tuple[bool, bool]], str]] = {
    frozenset({(True, False), (True, True)}): " with a device",
    frozenset({(True, False)}): " with a device and no unplug pending",
    frozenset({(True, True)}): " with an unplug pending",
    frozenset({(False, False)}): " without a device",
    frozenset({(False, False), (True, False)}): " without a pending unplug",
    frozenset({(False, False), (True, True)}): " empty or with an unplug pending",
}


def _allowed(kind: DrcKind, row: tuple[Transition, ...]) -> str:
    where: dict[DrcState, set[tuple[bool, bool]]] = {}
    for state, device, unplug in situations(kind):
        if row[situation(state, device, unplug)].status >= 0:
            where.setdefault(state, set()).add((device, unplug))
    names = [
        state.name + _WHEN.get(frozenset(cases), "") for state, cases in where.items()
    ]
    return ", ".join(names) if names else "no state"


def describe_rejection(
    profile: str, kind: DrcKind, call: Call, here: int, status: int
) -> str:
    """Say which call was rejected in which state, and where it is allowed.

    Args:
        call: (indicator, value), or `CONFIGURE`.
        here: the connector's situation when it was called.
        status: the RTAS status that it answered.
    """
    table = state_table(profile, kind)
    row = table.configure if call == CONFIGURE else table.indicators.get(call)
    name = _CALL_NAMES.get(call, f"set-indicator({call[0]}, {call[1]})")
    state = DrcState(here >> _STATE_SHIFT).name
    text = f"{name}: {kind.value} connector in state {state}, status {status}"
    if row is None:
        return f"{text}; no such indicator or value"
    return f"{text}; allowed in {_allowed(kind, row)}"

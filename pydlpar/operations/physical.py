"""Physical slots: power, isolation, indicator and sensor, in drmgr's sequences.

Source: powerpc-utils `drslot_chrp_pci.c` (`card_present`, `add_work`) and
`common_pci.c` (`acquire_hp_resource`, `release_hp_resource`).
"""

from __future__ import annotations

import errno
from collections.abc import Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pydlpar.constants import (
    EntitySense,
    Indicator,
    IsolationState,
    RtasStatus,
    Sensor,
)
from pydlpar.operations.behaviour import Quirk
from pydlpar.operations.calls import (
    GET_SENSOR_STATE,
    OFFLINE_DEVICE,
    ONLINE_DEVICE,
    SET_INDICATOR,
    SET_POWER_LEVEL,
    SLEEP,
    Effect,
    Operation,
    Run,
    graft,
    indicator_failed,
    rtas_errno,
)

if TYPE_CHECKING:
    from pydlpar.drc import Drc
    from pydlpar.node import Node
    from pydlpar.operations.connectors import Device

__all__ = [
    "Answer",
    "attach",
    "forgets",
    "isolate",
    "light",
    "power",
    "quiesce",
    "release_devices",
    "remove_nodes",
    "resume",
    "sense",
    "shut_down",
    "take_up",
    "unisolate",
]

_SENSE = int(Sensor.ENTITY_SENSE)
_EMPTY = int(EntitySense.EMPTY)
_PRESENT = int(EntitySense.PRESENT)
_ISOLATION = int(Indicator.ISOLATION_STATE)
_DR = int(Indicator.DR)
_ISOLATE = int(IsolationState.ISOLATE)
_UNISOLATE = int(IsolationState.UNISOLATE)

# Status of get-sensor-state: power the slot and unisolate it, or power it, first.
_POWER_AND_UNISOLATE = int(RtasStatus.SLOT_ISOLATED)
_POWER_ONLY = int(RtasStatus.OUTSTANDING_TRANSLATION)

_NAME = "name"
_POWER_OFF, _POWER_ON = 0, 100
_LIGHT_OFF, _LIGHT_ON = 0, 1

_CARD_WAIT_MS = 1000

Answer = tuple[int, int]
"""Status and state of a sensor."""


def light(run: Run, index: int, *, on: bool) -> Operation:
    """Set the visual indicator of a slot."""
    return _indicate(run, _DR, index, _LIGHT_ON if on else _LIGHT_OFF)


def isolate(run: Run, index: int) -> Operation:
    """Isolate a connector."""
    return _indicate(run, _ISOLATION, index, _ISOLATE)


def unisolate(run: Run, index: int) -> Operation:
    """Unisolate a connector."""
    return _indicate(run, _ISOLATION, index, _UNISOLATE)


def _indicate(run: Run, indicator: int, index: int, value: int) -> Operation:
    status = yield (SET_INDICATOR, indicator, index, value)
    if status:
        return indicator_failed(run, indicator, index, value, status)
    return 0


def power(run: Run, drc: Drc, *, on: bool) -> Operation:
    """Power the domain of a slot on or off, also one for live insertion."""
    level = _POWER_ON if on else _POWER_OFF
    status, _ = yield (SET_POWER_LEVEL, drc.power_domain, level)
    if status:
        return run.fail(
            rtas_errno(status),
            "set-power-level({:#x}, {}) failed with status {}",
            drc.power_domain,
            level,
            status,
        )
    return 0


def shut_down(run: Run, drc: Drc) -> Operation:
    """Isolate a slot and power it off, whatever the answers."""
    yield from isolate(run, drc.index)
    yield from power(run, drc, on=False)
    return 0


def sense(index: int, *, tries: int = 1) -> Generator[Effect, Any, Answer]:
    """Status and state of a slot's sensor; read again each second while empty."""
    status, state = yield (GET_SENSOR_STATE, _SENSE, index)
    while tries > 1 and not status and state == _EMPTY:
        yield (SLEEP, _CARD_WAIT_MS)
        status, state = yield (GET_SENSOR_STATE, _SENSE, index)
        tries -= 1
    return status, state


def take_up(
    run: Run,
    drc: Drc,
    *,
    tries: int = 1,
    blind: bool = False,
    said: Answer | None = None,
) -> Generator[Effect, Any, Answer]:
    """Power and unisolate a slot that has a card, so that it can be configured.

    Args:
        tries: how often an empty slot is asked, a second apart.
        blind: take any other answer of the sensor for a card.
        said: what its sensor has said, where it was asked already.

    Returns:
        0, or why it failed; and the state: `PRESENT` where the slot has been
        powered and unisolated, or may have been.
    """
    index = drc.index
    status, state = said or (yield from sense(index, tries=tries))
    powered = unisolated = False
    if status in (_POWER_AND_UNISOLATE, _POWER_ONLY):
        rc = yield from power(run, drc, on=True)
        if rc == 0 and status == _POWER_AND_UNISOLATE:
            rc = yield from unisolate(run, index)
            unisolated = True
        if rc:
            return rc, _PRESENT
        powered = True
        status, state = yield from sense(index, tries=tries)
    if status and not blind:
        return _sensor_failed(run, index, status), _PRESENT if powered else _EMPTY
    if not status and (state == _EMPTY or (state != _PRESENT and not blind)):
        return 0, state
    rc = 0 if powered else (yield from power(run, drc, on=True))
    if rc == 0 and not unisolated:
        rc = yield from unisolate(run, index)
    return rc, _PRESENT


def _sensor_failed(run: Run, index: int, status: int) -> int:
    return run.fail(
        rtas_errno(status) if status < 0 else -errno.EIO,
        "get-sensor-state({}, {:#010x}) failed with status {}",
        _SENSE,
        index,
        status,
    )


def attach(
    run: Run, parent: Node, index: int, fragment: bytes
) -> tuple[list[Node], int]:
    """Attach delivered nodes as through `/proc/powerpc/ofdt`; as `calls.graft`.

    Linux does not show the property `name` of a node that user space adds (seen in
    a 6.1 guest).
    """
    nodes, rc = graft(run, parent, index, fragment)
    for node in nodes:
        run.changes.append(("add", node.path))
        for added in node.walk():
            if _NAME in added:
                del added[_NAME]
    return nodes, rc


def forgets(run: Run) -> bool:
    """Whether nodes leave the tree before firmware has agreed, as in drmgr."""
    return Quirk.DRMGR_FORGETS in run.behaviour.quirks


def remove_nodes(run: Run, nodes: Iterable[Node]) -> None:
    """Take nodes out of the tree, with their subtrees."""
    for node in nodes:
        run.changes.append(("remove", node.path))
        run.partition.tree.remove(node)


def quiesce(run: Run, indexes: Sequence[int]) -> Operation:
    """Unbind the drivers of these devices; all are bound again if one refuses."""
    for done, index in enumerate(indexes):
        rc: int = yield (OFFLINE_DEVICE, index)
        if rc:
            yield from resume(indexes[:done])
            what = "the drivers of device {:#010x} do not let go of it: {}"
            return run.fail(rc, what, index, rc)
    return 0


def resume(indexes: Sequence[int]) -> Operation:
    """Bind the drivers of devices again, the last one first."""
    for index in reversed(indexes):
        yield (ONLINE_DEVICE, index)
    return 0


def release_devices(run: Run, devices: Sequence[Device]) -> Operation:
    """Give devices back and take them out of the tree, up to the first failure.

    The drivers of those that stay are bound again.
    """
    for done, device in enumerate(devices):
        rc = yield from _detach(run, device)
        stay = devices[done:] if rc else devices[done + 1 :]
        if rc == 0:
            rc = yield from power(run, device.drc, on=False)
        if rc:
            if not forgets(run):
                yield from resume([other.drc.index for other in stay])
            return rc
    return 0


def _detach(run: Run, device: Device) -> Operation:
    """Put out a slot's light, isolate it, and take its device out of the tree."""
    if forgets(run):
        remove_nodes(run, [device.node])
    rc = yield from light(run, device.drc.index, on=False)
    if rc == 0:
        rc = yield from isolate(run, device.drc.index)
    if rc == 0 and not forgets(run):
        remove_nodes(run, [device.node])
    return rc

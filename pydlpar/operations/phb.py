"""PCI host bridges: drmgr's sequences, with the deviations that `io` lists.

A PHB's node is below the root, which lists its connector; the slots behind it, in
its own node, may be acquired with it. Source: powerpc-utils `drslot_chrp_phb.c`,
`common_pci.c` (`acquire_hp_children`), `rtas_calls.c` (`acquire_drc`,
`release_drc`).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from pydlpar.constants import (
    AllocationState,
    EntitySense,
    Indicator,
    IsolationState,
    RtasStatus,
    Sensor,
)
from pydlpar.errors import DecodeError
from pydlpar.operations.calls import (
    GET_SENSOR_STATE,
    ONLINE_DEVICE,
    SET_INDICATOR,
    SLEEP,
    Operation,
    Run,
    acquire,
    configure,
    indicator_failed,
)
from pydlpar.operations.connectors import (
    MY_DRC_INDEX,
    devices_below,
    is_hot_plug,
)
from pydlpar.operations.physical import (
    Answer,
    attach,
    forgets,
    quiesce,
    release_devices,
    remove_nodes,
    resume,
    shut_down,
    take_up,
)

if TYPE_CHECKING:
    from pydlpar.drc import Drc
    from pydlpar.node import Node
    from pydlpar.tree import DeviceTree

__all__ = ["FAILED", "add", "remove"]

FAILED = 255
"""Exit status of drmgr for most failures."""

_CHILDREN_FAILED = 1
_NOT_THERE = 3
_OWNED_ALREADY = 5
_EXIT_MASK = 0xFF

_TYPE = "PHB"
_NAME, _CONTROLLER = "pci", "interrupt-controller"
_MAX_SLOTS = 1 << 16
_WORD = 4

_SENSE = int(Sensor.ENTITY_SENSE)
_NO_CARD = (int(RtasStatus.SUCCESS), int(EntitySense.EMPTY))
_PRESENT = int(EntitySense.PRESENT)
_ISOLATION = int(Indicator.ISOLATION_STATE)
_ALLOCATION = int(Indicator.ALLOCATION_STATE)
_ISOLATE = int(IsolationState.ISOLATE)
_UNISOLATE = int(IsolationState.UNISOLATE)
_UNUSABLE = int(AllocationState.UNUSABLE)

_ISOLATE_TRIES = 20
_ISOLATE_WAIT_MS = 1000


def add(run: Run, index: int) -> Operation:
    """Acquire a PHB and what is in its slots (`drmgr -c phb -a`)."""
    tree = run.partition.tree
    if not _is_listed(run, index):
        return run.fail(-errno.ENODEV, "no PHB has DRC {:#010x}", index)
    if _nodes_of(tree, index):
        run.exit_status = _OWNED_ALREADY
        return run.fail(-errno.EEXIST, "PHB {:#010x} is here already", index)
    rc = yield from acquire(run, index)
    if rc:
        return rc
    fragment = yield from configure(run, index)
    if fragment is None:
        yield from _release(run, index)
        return -errno.EIO
    nodes, rc = attach(run, tree.root, index, fragment)
    if rc:
        yield from _release(run, index)
        return rc
    taken: list[Drc] = []
    rc = yield from _fill(run, index, taken)
    if rc == 0:
        return 0
    if not forgets(run):
        for drc in reversed(taken):
            yield from shut_down(run, drc)
    remove_nodes(run, reversed(nodes))
    yield from _release(run, index)
    return rc


def _is_listed(run: Run, index: int) -> bool:
    drc = run.partition.drc_list(run.partition.tree.root).find(index)
    return drc is not None and drc.type == _TYPE


def _nodes_of(tree: DeviceTree, index: int) -> list[Node]:
    """The PHB's node, and that of its interrupt controller; none without the PHB."""
    value = index.to_bytes(_WORD, "big")
    found = [n for n in tree.root.children if n.get(MY_DRC_INDEX) == value]
    bridge = [n for n in found if n.name.startswith(_NAME)]
    controller = [n for n in found if n.name.startswith(_CONTROLLER)]
    return bridge[:1] + controller if bridge else []


def _fill(run: Run, index: int, taken: list[Drc]) -> Operation:
    """Acquire what is in a new PHB's slots, then bind the drivers of it all."""
    nodes = _nodes_of(run.partition.tree, index)
    if not nodes:
        what = "the nodes that were delivered are not those of PHB {:#010x}"
        return run.fail(-errno.EINVAL, what, index)
    rc: int = yield from _take_children(run, nodes[0], taken)
    if rc:
        run.exit_status = _CHILDREN_FAILED
        return rc
    rc = yield (ONLINE_DEVICE, index)
    if rc:
        run.exit_status = -rc & _EXIT_MASK
        return run.fail(rc, "PHB {:#010x} did not come online: {}", index, rc)
    return 0


def _take_children(run: Run, bridge: Node, taken: list[Drc]) -> Operation:
    """Ask every slot of a new PHB; the first failure does not end it."""
    try:
        slots = run.partition.drc_list(bridge)
    except DecodeError as error:
        return run.fail(-errno.EINVAL, "list of connectors: {}", error)
    if len(slots) > _MAX_SLOTS:
        what = "a PHB with {} slots: expected at most {}"
        return run.fail(-errno.EINVAL, what, len(slots), _MAX_SLOTS)
    failed = 0
    for drc in slots:
        if is_hot_plug(drc):
            said = yield (GET_SENSOR_STATE, _SENSE, drc.index)
            if said != _NO_CARD:
                rc = yield from _take_child(run, bridge, drc, taken, said)
                failed = failed or rc
    return failed


def _take_child(
    run: Run, bridge: Node, drc: Drc, taken: list[Drc], said: Answer
) -> Operation:
    rc, state = yield from take_up(run, drc, said=said)
    if state == _PRESENT:
        taken.append(drc)
    if rc or state != _PRESENT:
        return rc
    fragment = yield from configure(run, drc.index)
    if fragment is None:
        return -errno.EIO
    if run.partition.tree.find_child(bridge, MY_DRC_INDEX, drc.index) is not None:
        return 0  # It came with the PHB.
    return attach(run, bridge, drc.index, fragment)[1]


def _release(run: Run, index: int) -> Operation:
    """Isolate a PHB, again each second while it fails, and make it unusable.

    The sensor is read for the log only.
    """
    yield (GET_SENSOR_STATE, _SENSE, index)
    status = yield (SET_INDICATOR, _ISOLATION, index, _ISOLATE)
    for _ in range(_ISOLATE_TRIES):
        if not status:
            break
        status = yield (SET_INDICATOR, _ISOLATION, index, _ISOLATE)
        yield (SLEEP, _ISOLATE_WAIT_MS)
    if status:
        return indicator_failed(run, _ISOLATION, index, _ISOLATE, status)
    status = yield (SET_INDICATOR, _ALLOCATION, index, _UNUSABLE)
    if status:
        yield (SET_INDICATOR, _ISOLATION, index, _UNISOLATE)
        return indicator_failed(run, _ALLOCATION, index, _UNUSABLE, status)
    yield (GET_SENSOR_STATE, _SENSE, index)
    return 0


def remove(run: Run, index: int) -> Operation:
    """Give a PHB back, with what is in its slots (`drmgr -c phb -r`)."""
    if not _is_listed(run, index):
        return run.fail(-errno.ENODEV, "no PHB has DRC {:#010x}", index)
    nodes = _nodes_of(run.partition.tree, index)
    if not nodes:
        run.exit_status = _NOT_THERE
        return run.fail(-errno.ENODEV, "PHB {:#010x} is not here", index)
    below = devices_below(run.partition, nodes[0])
    for device in below:
        if not is_hot_plug(device.drc):
            what = "{} belongs to another connector of the PHB"
            return run.fail(-errno.EBUSY, what, device.node.path)
    if forgets(run):
        below = [device for device in below if device.node.parent == nodes[0]]
    rc = yield from _quiesce(run, index, [device.drc.index for device in below])
    if rc:
        return rc
    rc = yield from release_devices(run, below)
    if rc:
        run.exit_status = -errno.EIO & _EXIT_MASK
    else:
        rc = yield from _leave(run, index, nodes)
    if rc and not forgets(run):
        yield (ONLINE_DEVICE, index)
    return rc


def _quiesce(run: Run, index: int, below: list[int]) -> Operation:
    """Unbind the drivers of what is in the slots, then of the PHB; or of nothing."""
    rc = yield from quiesce(run, below)
    if rc:
        return rc
    rc = yield from quiesce(run, [index])
    if rc:
        run.exit_status = -rc & _EXIT_MASK
        yield from resume(below)
    return rc


def _leave(run: Run, index: int, nodes: list[Node]) -> Operation:
    """Give a PHB back, and take its nodes out of the tree."""
    if forgets(run):
        remove_nodes(run, nodes)
        return (yield from _release(run, index))
    rc = yield from _release(run, index)
    if rc == 0:
        remove_nodes(run, nodes)
    return rc

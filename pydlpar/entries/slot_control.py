"""`/sys/bus/pci/slots/control`: `add_slot` and `remove_slot` by DRC name.

The files belong to the module rpadlpar_io. What it looks after beside the tree is
which of the nodes that it finds has a bus or device: at boot, all. The tree itself
does not change here; whoever writes a name has added the node before, or removes it
afterwards. What the kernel does with the devices is `online_device` and
`offline_device` of the platform.

In the kernel an interrupted wait for the lock ends with -ERESTARTSYS; a dispatcher
refuses a second request instead.

Source: Linux drivers/pci/hotplug/rpadlpar_sysfs.c, rpadlpar_core.c, rpaphp_core.c,
rpaphp_pci.c, rpaphp_slot.c.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING, Final

from pydlpar.constants import EntitySense, RtasStatus, Sensor
from pydlpar.drc import Drc, DrcList
from pydlpar.entries.paths import c_string
from pydlpar.errors import DecodeError
from pydlpar.names import decode_name
from pydlpar.operations.calls import (
    GET_POWER_LEVEL,
    GET_SENSOR_STATE,
    OFFLINE_DEVICE,
    ONLINE_DEVICE,
    SET_POWER_LEVEL,
    Operation,
    Run,
    rtas_errno,
)

if TYPE_CHECKING:
    from pydlpar.node import Node
    from pydlpar.tree import DeviceTree

__all__ = ["NAME_MAX", "SlotControl", "SlotKind", "slot_name"]

NAME_MAX: Final = 63
"""Bytes of a name; a longer one is not taken, and not refused either."""

_DRC_INDEX: Final = "ibm,my-drc-index"
_SENSE: Final = int(Sensor.ENTITY_SENSE)
_PRESENT: Final = int(EntitySense.PRESENT)
_POWER_ON: Final = 100
_POWERED_DOWN: Final = (
    int(RtasStatus.SLOT_ISOLATED),
    int(RtasStatus.OUTSTANDING_TRANSLATION),
)


class SlotKind(Enum):
    """What a name stands for, in the order in which Linux looks for it."""

    SLOT = "SLOT"
    PHB = "PHB"
    VIO = "VIO"


def slot_name(data: bytes) -> bytes:
    """The DRC name in what was written: up to the first NUL or newline."""
    return c_string(data).partition(b"\n")[0]


class SlotControl:
    """Which slots, host bridges and virtual devices the kernel has.

    Attributes:
        present: their DRC indexes.
    """

    def __init__(self, tree: DeviceTree) -> None:
        """Those of a tree at boot."""
        self.present = {drc.index for _, drc, kind in _all(tree) if _fits(drc, kind)}

    def add(self, run: Run, name: bytes) -> Operation:
        """Make the bus or device of a DRC name."""
        found = self._find(run, name)
        if found is None:
            return -errno.ENODEV
        node, drc, kind = found
        if drc.index in self.present:
            return run.fail(-errno.EINVAL, "{} {!r} exists already", kind.value, name)
        rc = yield (ONLINE_DEVICE, drc.index)
        if rc:
            return run.fail(
                -errno.EIO, "{} {!r} was not made: {}", kind.value, name, rc
            )
        self._set(run, drc.index, True)
        if kind is not SlotKind.VIO and (yield from _register_slots(run, node)):
            return -errno.EIO
        return 0

    def remove(self, run: Run, name: bytes) -> Operation:
        """Remove the bus or device of a DRC name."""
        found = self._find(run, name)
        if found is None:
            return -errno.ENODEV
        node, drc, kind = found
        if drc.index not in self.present:
            return run.fail(-errno.EINVAL, "{} {!r} has no bus", kind.value, name)
        if kind is SlotKind.PHB and self._in_use(node):
            return run.fail(-errno.EBUSY, "{} has devices", node.path)
        rc: int = yield (OFFLINE_DEVICE, drc.index)
        if rc and kind is not SlotKind.VIO:
            run.fail(rc, "{} {!r} did not go: {}", kind.value, name, rc)
            if rc != -errno.ERANGE:
                return -errno.EIO
            # I/O space that cannot be unmapped fails a slot. Of a host bridge
            # Linux gets 1, which it takes for success.
            if kind is SlotKind.SLOT:
                return rc
        self._set(run, drc.index, False)
        return 0

    def _find(self, run: Run, name: bytes) -> tuple[Node, Drc, SlotKind] | None:
        wanted = decode_name(name)
        for kind in SlotKind:
            for node, drc, found in _all(run.partition.tree):
                if found is kind and drc.name == wanted and _fits(drc, kind):
                    return node, drc, kind
        run.fail(-errno.ENODEV, "no slot, PHB or virtual device is named {!r}", name)
        return None

    def _set(self, run: Run, index: int, present: bool) -> None:
        change, back = self.present.add, self.present.discard
        if not present:
            change, back = back, change
        change(index)
        run.undo.append((back, index))

    def _in_use(self, phb: Node) -> bool:
        """Whether the bus of a host bridge has devices: nodes with a DRC."""
        return any(_DRC_INDEX in child for child in phb.children)


def _all(tree: DeviceTree) -> Iterator[tuple[Node, Drc, SlotKind]]:
    """The nodes that have a connector in their parent's list, by kind looked for."""
    for kind in (SlotKind.SLOT, SlotKind.PHB):
        for node in tree.by_name("pci"):
            drc = _connector(node)
            if drc is not None:
                yield node, drc, kind
    for parent in tree.by_name("vdevice"):
        for node in parent.children:
            drc = _connector(node)
            if drc is not None:
                yield node, drc, SlotKind.VIO


def _fits(drc: Drc, kind: SlotKind) -> bool:
    return kind is SlotKind.VIO or drc.type == kind.value


def _connector(node: Node) -> Drc | None:
    """The entry of a node in its parent's DRC list (`rpaphp_check_drc_props`)."""
    value, parent = node.get(_DRC_INDEX), node.parent
    if value is None or parent is None:
        return None
    drcs = _drcs(parent)
    return None if drcs is None else drcs.find(int.from_bytes(value[:4], "big"))


def _drcs(node: Node) -> DrcList | None:
    try:
        return DrcList.from_properties(node.properties)
    except DecodeError:
        return None


def _register_slots(run: Run, node: Node) -> Operation:
    """Register the slots that a bridge lists (`rpaphp_add_slot`).

    Those of a hotplug bridge have a number for a type. A slot that fails is left
    out; only the last one decides about the result.
    """
    drcs = _drcs(node)
    rc = 0
    if drcs is None:
        return rc
    for position, drc in enumerate(drcs):
        if position == 0 and not drc.type[:1].isdecimal():
            return rc
        rc = yield from _enable_slot(run, node, drc)
    return rc


def _enable_slot(run: Run, node: Node, drc: Drc) -> Operation:
    """Look at power and occupation of a slot (`rpaphp_enable_slot`)."""
    status, _ = yield (GET_POWER_LEVEL, drc.power_domain)
    if status:
        what = "get-power-level({:#x}) failed with status {}"
        return run.fail(rtas_errno(status), what, drc.power_domain, status)
    status, state = yield (GET_SENSOR_STATE, _SENSE, drc.index)
    if status in _POWERED_DOWN:
        powered, _ = yield (SET_POWER_LEVEL, drc.power_domain, _POWER_ON)
        if powered >= 0:
            status, state = yield (GET_SENSOR_STATE, _SENSE, drc.index)
    if status:
        what = "get-sensor-state({}, {:#010x}) failed with status {}"
        return run.fail(rtas_errno(status), what, _SENSE, drc.index, status)
    if state == _PRESENT and not node.children:
        return run.fail(-errno.EINVAL, "slot {!r} has no node", drc.name)
    return 0

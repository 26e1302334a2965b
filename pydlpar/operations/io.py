"""PCI slots and host bridges: what user space does, as rtas_errd has drmgr do it.

The kernel does not act on these events; it logs them, and the daemon rtas_errd
runs `drmgr -c pci|phb -a|-r -s INDEX` for each. What the kernel does for drmgr
(rescan and remove, slot control) are the effects `online_device` and
`offline_device`; the tree is edited as through `/proc/powerpc/ofdt`. Errors have
the errno nearest to the cause, and `Run.exit_status` has what drmgr exits with.

Deviations from drmgr, the first two switchable (`Quirk.DRMGR_...`):

* A slot whose sensor cannot be read has no card.
* The nodes leave the tree once their connector is isolated; where that is refused
  they stay, and their drivers come back. Connectors behind a bridge are given back
  before it, and those that a PHB had acquired when it fails.
* A PHB that cannot be unisolated is made unusable; drmgr makes it usable again.
* Drivers that refuse to let a device go end the removal, before anything else is
  done; drmgr goes on after a minute. All of a PHB's devices are asked first.
* Only a connector of type PHB in the root is a PHB: drmgr takes any, and would
  acquire an LMB.
* A delivered node whose name another device has is -EEXIST; drmgr takes that one
  for it. A device that came with its PHB is no such case.
* Every node that is delivered arrives; drmgr loses all but the last child of a node.
* The kernel's -EBUSY is final; drmgr asks again each second.

Source: powerpc-utils drslot_chrp_pci.c, drslot_chrp_phb.c, common_pci.c,
rtas_calls.c; ppc64-diag rtas_errd/hotplug.c.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from pydlpar.constants import Action, EntitySense, IdType, Resource
from pydlpar.errors import DecodeError
from pydlpar.operations import phb
from pydlpar.operations.behaviour import Quirk
from pydlpar.operations.calls import (
    ONLINE_DEVICE,
    Operation,
    Run,
    Started,
    configure,
)
from pydlpar.operations.connectors import (
    Device,
    Place,
    devices_at,
    devices_below,
    slot,
)
from pydlpar.operations.phb import FAILED
from pydlpar.operations.physical import (
    attach,
    forgets,
    isolate,
    light,
    power,
    quiesce,
    release_devices,
    remove_nodes,
    shut_down,
    take_up,
)

if TYPE_CHECKING:
    from pydlpar.drc import Drc
    from pydlpar.node import Node
    from pydlpar.request import HotplugRequest

__all__ = ["RESOURCES", "ignored", "operate"]

RESOURCES = (Resource.PCI, Resource.PHB)
"""What is carried out here."""

_EMPTY, _PRESENT = int(EntitySense.EMPTY), int(EntitySense.PRESENT)
_CARD_TRIES = 30
_ACTIONS = (Action.ADD, Action.REMOVE)
_ID_TYPES = (IdType.DRC_INDEX, IdType.DRC_COUNT)


def ignored(request: HotplugRequest) -> str:
    """Why rtas_errd starts nothing for an event; empty where it runs drmgr."""
    if request.resource not in RESOURCES:
        return f"rtas_errd ignores resource {int(request.resource)}"
    if request.action not in _ACTIONS:
        return f"rtas_errd ignores action {int(request.action)}"
    if request.id_type not in _ID_TYPES:
        return f"rtas_errd ignores id type {int(request.id_type)}"
    return ""


def operate(run: Run, request: HotplugRequest) -> Started:
    """The operation of a request for a PCI slot or a PHB."""
    index = request.drc_index
    run.exit_status = FAILED
    if reason := ignored(request):
        return run.fail(-errno.EINVAL, "{}", reason)
    if request.id_type != IdType.DRC_INDEX or index is None:
        return run.fail(-errno.EINVAL, "a DRC name or index must be given")
    add = request.action == Action.ADD
    if request.resource == Resource.PHB:
        return _command(run, (phb.add if add else phb.remove)(run, index))
    return _command(run, (_add if add else _remove)(run, index))


def _command(run: Run, operation: Operation) -> Operation:
    """The operation, with a damaged list of connectors as a failure of it."""
    try:
        rc = yield from operation
    except DecodeError as error:
        return run.fail(-errno.EINVAL, "list of connectors: {}", error)
    if rc == 0:
        run.exit_status = 0
    return rc


def _add(run: Run, index: int) -> Operation:
    place = slot(run.partition, index)
    if place is None:
        return _no_slot(run, index)
    drc = place.drc
    if devices_at(place):
        rc = run.fail(-errno.EEXIST, "slot {} is occupied already", drc.name)
        yield from light(run, index, on=True)
        return rc
    rc = yield from isolate(run, index)
    if rc:
        yield from power(run, drc, on=False)
        return rc
    rc = yield from power(run, drc, on=False)
    if rc == 0:
        rc = yield from light(run, index, on=True)
    if rc:
        return rc
    rc = yield from _configure(run, place)
    if rc:
        yield from shut_down(run, drc)
        return rc
    yield (ONLINE_DEVICE, index)
    return 0


def _configure(run: Run, place: Place) -> Operation:
    """Take the card up, and what it delivers into the tree."""
    node, drc = place
    blind = Quirk.DRMGR_BLIND in run.behaviour.quirks
    rc, state = yield from take_up(run, drc, tries=_CARD_TRIES, blind=blind)
    if rc:
        return rc
    if state != _PRESENT:
        rc = -errno.ENXIO if state == _EMPTY else -errno.EIO
        return run.fail(rc, "slot {} has no card: sensor state {}", drc.name, state)
    fragment = yield from configure(run, drc.index)
    if fragment is None:
        return -errno.EIO
    return attach(run, node, drc.index, fragment)[1]


def _remove(run: Run, index: int) -> Operation:
    place = slot(run.partition, index)
    if place is None:
        return _no_slot(run, index)
    rc = yield from light(run, index, on=True)
    if rc:
        return rc
    nodes = devices_at(place)
    if not nodes:
        what = "slot {} has no configured card"
        rc = run.fail(-errno.ENOENT, what, place.drc.name)
        yield from light(run, index, on=False)
        return rc
    below: list[Device] = []
    if not forgets(run):
        for node in nodes:
            below += devices_below(run.partition, node)
    rc = yield from quiesce(run, [*(device.drc.index for device in below), index])
    if rc:
        return rc
    rc = yield from release_devices(run, below)
    if rc:
        yield (ONLINE_DEVICE, index)
        return rc
    return (yield from _release(run, place.drc, nodes))


def _release(run: Run, drc: Drc, nodes: list[Node]) -> Operation:
    """Isolate a slot, power it off, and take its device out of the tree."""
    if forgets(run):
        remove_nodes(run, nodes)
    rc = yield from isolate(run, drc.index)
    if rc and forgets(run):
        yield from power(run, drc, on=False)
        return rc
    if rc:
        yield (ONLINE_DEVICE, drc.index)
        return rc
    if not forgets(run):
        remove_nodes(run, nodes)
    rc = yield from power(run, drc, on=False)
    if rc:
        yield from power(run, drc, on=False)
    return rc


def _no_slot(run: Run, index: int) -> int:
    return run.fail(-errno.ENODEV, "no slot for hot plug has DRC {:#010x}", index)

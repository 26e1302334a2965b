"""Persistent memory: the calls, their roll-back and errno as in Linux pmem.c.

It comes by the hotplug interrupt only. Linux binds and unbinds the drivers when it
attaches and detaches the node, and nobody looks at how that went. Deviations from
Linux, each where it corrupts or leaks:

* A device that is there already, of which firmware says that it is not: Linux has
  two nodes of one name; here it is -EEXIST and the connector is released.
* A delivered node that cannot be attached: Linux frees it only if the connector
  could *not* be released; here it is given up either way.
* A removal that firmware refuses: Linux attaches again a node that it has freed;
  here it has not been detached.
* A delivered node with children or siblings: Linux loses them; here they are
  attached too, unless `Quirk.LOST_CHILDREN` is on.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from pydlpar.connector import first_alone
from pydlpar.constants import Action, IdType
from pydlpar.operations.calls import (
    OFFLINE_DEVICE,
    ONLINE_DEVICE,
    Operation,
    Run,
    Started,
    acquire,
    configure,
    graft,
    release,
)
from pydlpar.operations.connectors import MY_DRC_INDEX
from pydlpar.operations.repeat import again

if TYPE_CHECKING:
    from pydlpar.node import Node
    from pydlpar.request import HotplugRequest

__all__ = ["operate"]

_DEVICE_TYPE = "ibm,persistent-memory"


def operate(run: Run, request: HotplugRequest) -> Started:
    """The operation of a persistent-memory request (`dlpar_hp_pmem`)."""
    above = next(iter(run.partition.tree.by_type(_DEVICE_TYPE)), None)
    if above is None:
        return run.fail(-errno.ENODEV, "there is no node of type {}", _DEVICE_TYPE)
    index, action = request.drc_index, request.action
    if request.id_type != IdType.DRC_INDEX or index is None:
        return run.fail(-errno.EINVAL, "persistent memory goes by DRC index only")
    if action == Action.ADD:
        return _add(run, above, index)
    if action == Action.REMOVE:
        return _remove(run, above, index)
    return run.fail(-errno.EINVAL, "action {}: expected 1 or 2", action)


def _add(run: Run, above: Node, index: int) -> Operation:
    if (yield from again(run, acquire, index)):
        return -errno.EINVAL
    fragment = yield from configure(run, index)
    if fragment is None:
        yield from again(run, release, index)
        return -errno.EINVAL
    nodes, rc = graft(run, above, index, fragment, losing=first_alone)
    if rc:
        yield from again(run, release, index)
        return rc
    for node in nodes:
        run.changes.append(("add", node.path))
    yield (ONLINE_DEVICE, index)
    return 0


def _remove(run: Run, above: Node, index: int) -> Operation:
    tree = run.partition.tree
    node = tree.find_child(above, MY_DRC_INDEX, index)
    if node is None:
        return run.fail(-errno.ENODEV, "there is no device {:#010x}", index)
    yield (OFFLINE_DEVICE, index)
    rc = yield from again(run, release, index)
    if rc:
        yield (ONLINE_DEVICE, index)
        return rc
    run.changes.append(("remove", node.path))
    tree.remove(node)
    return 0

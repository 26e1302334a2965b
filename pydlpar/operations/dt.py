"""The resource "dt": edits of the device tree, as in Linux 6.12 dlpar.c.

User space has them made under lockdown; it acquires and releases the connector
itself. Deviations from Linux, each where it crashes or corrupts:

* A delivered node whose name exists below its parent: Linux has two nodes of one
  name; here it is -EEXIST, and nothing is attached.
* A fragment that is malformed is -EIO, as where configure-connector fails.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from pydlpar.constants import Action, IdType
from pydlpar.operations.behaviour import Quirk
from pydlpar.operations.calls import Operation, Run, Started, configure, graft
from pydlpar.operations.connectors import owner, with_index

if TYPE_CHECKING:
    from pydlpar.request import HotplugRequest

__all__ = ["operate"]


def operate(run: Run, request: HotplugRequest) -> Started:
    """The operation of a dt request (`dlpar_hp_dt`)."""
    index, action = request.drc_index, request.action
    if request.id_type != IdType.DRC_INDEX or index is None:
        return run.fail(-errno.EINVAL, "nodes go by DRC index only")
    if action == Action.ADD:
        return _add(run, index)
    if action == Action.REMOVE:
        return _remove(run, index)
    return run.fail(-errno.EINVAL, "action {}: expected 1 or 2", action)


def _add(run: Run, index: int) -> Operation:
    tree = run.partition.tree
    # A node whose index cannot be read ends the search, and is no obstacle.
    if with_index(tree, index)[0]:
        return run.fail(-errno.EINVAL, "a node has DRC {:#010x} already", index)
    info_only = Quirk.DT_DRC_INFO in run.behaviour.quirks
    parent = owner(run.partition, index, info_only=info_only)
    if parent is None:
        where = "ibm,drc-info" if info_only else "ibm,drc-info or ibm,drc-indexes"
        return run.fail(-errno.EIO, "no {} lists DRC {:#010x}", where, index)
    fragment = yield from configure(run, index)
    if fragment is None:
        return -errno.EIO
    nodes, rc = graft(run, parent, index, fragment)
    if rc:
        return rc if rc == -errno.EEXIST else -errno.EIO
    for node in nodes:
        run.changes.append(("add", node.path))
    return 0


def _remove(run: Run, index: int) -> int:
    """Take out every node that has the index; that there is none is no failure."""
    tree = run.partition.tree
    nodes, rc = with_index(tree, index)
    if rc:
        return run.fail(rc, "a node's ibm,my-drc-index cannot be read")
    for node in reversed(nodes):
        run.changes.append(("remove", node.path))
        tree.remove(node)
    return 0

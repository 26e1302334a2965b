"""The device tree after a migration: firmware says what changed, the kernel follows.

Deviations from Linux, each where it reads what is not its own or loses something:

* A work area that is cut short ends the updates that it holds; Linux reads on.
* A node to be added below an unknown phandle takes its DRC index along; Linux reads
  that as the next phandle, as here with `Quirk.UPDATE_DESYNC`.
* What is added comes with its children and siblings; Linux attaches one node and
  loses the rest, as here with `Quirk.MIGRATED_CHILDREN`.
* A CPU whose threads are online stays; Linux stops at a BUG.
* Firmware that always has more to tell is not listened to for ever, as in Linux: after
  65536 work areas the update has failed.

Source: Linux arch/powerpc/platforms/pseries/mobility.c `pseries_devicetree_update`.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from pydlpar.connector import ConnectorResult, first_alone
from pydlpar.entries import notify
from pydlpar.errors import ArgumentError, DecodeError, ExistsError, NotFoundError
from pydlpar.mobility import (
    UPDATE_AREA_LEN,
    NodeAction,
    NodeUpdate,
    node_updates,
    property_updates,
)
from pydlpar.operations.behaviour import Quirk
from pydlpar.operations.calls import Operation, Run, configure, rtas_errno

if TYPE_CHECKING:
    from pydlpar.node import Node

__all__ = ["Migration", "UpdatePlatform", "migrate"]

_SCOPE: Final = 1
_LAST, _MORE = 0, 1
_PHANDLE_CELL: Final = slice(0, 4)
_PLATFORM_FACILITIES: Final = b"ibm,platform-facilities\0"
_MOST_AREAS: Final = 1 << 16
"""Work areas of a migration: 256 MiB of properties."""


class UpdatePlatform(Protocol):
    """The firmware of the machine that a partition has arrived on."""

    def update_nodes(self, area: bytearray, scope: int, /) -> int:
        """ibm,update-nodes: fill *area*; 0 for the last one, 1 for more."""

    def update_properties(self, area: bytearray, scope: int, /) -> int:
        """ibm,update-properties of the node that *area* names, likewise."""

    def configure_connector(self, index: int, /) -> ConnectorResult:
        """Deliver a node that is added."""


@dataclass
class Migration:
    """What a migration changed in the tree.

    Attributes:
        errno: 0, or why the updates ended early.
        deleted, updated, added: nodes, without those below.
        ignored: nodes of platform facilities, which stay as they are.
        areas: work areas that firmware was asked to fill.
        warnings: what Linux logs and passes over.
    """

    errno: int = 0
    deleted: int = 0
    updated: int = 0
    added: int = 0
    ignored: int = 0
    areas: int = 0
    warnings: list[str] = field(default_factory=list)

    def take_area(self) -> bool:
        """Count a work area; False where there have been enough."""
        self.areas += 1
        return self.areas <= _MOST_AREAS


def migrate(run: Run, platform: UpdatePlatform, result: Migration) -> Operation:
    """Bring the tree up to date; what became of it is in *result*.

    Does nothing where the tree of before lists no ibm,update-nodes.
    """
    if not _has_function(run, "ibm,update-nodes"):
        return 0
    desync = Quirk.UPDATE_DESYNC in run.behaviour.quirks

    def unknown(phandle: int) -> bool:
        return _by_phandle(run, phandle) is None

    area = bytearray(UPDATE_AREA_LEN)
    while result.take_area():
        status = platform.update_nodes(area, _SCOPE)
        if status not in (_LAST, _MORE):
            rc = rtas_errno(status)
            return run.fail(rc, "ibm,update-nodes failed with status {}", status)
        try:
            for update in node_updates(area, unknown if desync else None):
                node = _by_phandle(run, update.phandle)
                if node is None:
                    result.warnings.append(f"no node has phandle {update.phandle:#x}")
                elif update.drc_index is not None:
                    yield from _add(run, node, update.drc_index, result)
                else:
                    _change(run, platform, node, update, result)
        except DecodeError as error:
            return run.fail(-errno.EINVAL, "ibm,update-nodes: {}", error)
        if status == _LAST:
            return 0
    what = "ibm,update-nodes has more to tell after {} work areas"
    return run.fail(-errno.EIO, what, _MOST_AREAS)


def _has_function(run: Run, name: str) -> bool:
    rtas = run.partition.tree.get("/rtas")
    return rtas is not None and name in rtas


def _by_phandle(run: Run, phandle: int) -> Node | None:
    try:
        return run.partition.tree.by_phandle(phandle)
    except NotFoundError:
        return None


def _change(
    run: Run,
    platform: UpdatePlatform,
    node: Node,
    update: NodeUpdate,
    result: Migration,
) -> None:
    """Delete a node or update its properties."""
    if update.action == NodeAction.UPDATE:
        result.updated += 1
        _update(run, platform, node, result)
    elif update.action == NodeAction.DELETE:
        _delete(run, node, result)


def _delete(run: Run, node: Node, result: Migration) -> None:
    parent = node.parent
    if parent is None:
        result.warnings.append("the root cannot be deleted")
    elif _is_facilities(node) or _is_facilities(parent):
        result.ignored += 1
    elif notify.detach(run, node):
        result.warnings.append(f"{node.path}: its threads are online")
    else:
        result.deleted += 1


def _is_facilities(node: Node) -> bool:
    return node.get("device_type") == _PLATFORM_FACILITIES


def _update(run: Run, platform: UpdatePlatform, node: Node, result: Migration) -> None:
    """Ask for the properties of a node that changed, until there are no more."""
    if not _has_function(run, "ibm,update-properties"):
        result.warnings.append("there is no ibm,update-properties")
        return
    area = bytearray(UPDATE_AREA_LEN)
    area[_PHANDLE_CELL] = node.phandle.to_bytes(4, "big")
    pending: tuple[str, bytearray] | None = None
    while result.take_area():
        status = platform.update_properties(area, _SCOPE)
        if status < 0:
            result.warnings.append(
                f"{node.path}: ibm,update-properties failed with status {status}"
            )
            return
        try:
            for name, value, more in property_updates(area):
                if value is None:
                    _remove_property(run, node, name)
                    pending = None
                elif value:
                    # What goes on has the name that it began with.
                    name, begun = pending = pending or (name, bytearray())
                    begun += value
                    if not more:
                        notify.update(run, node, name, bytes(begun))
                        pending = None
        except (ArgumentError, DecodeError) as error:
            result.warnings.append(f"{node.path}: {error}")
            return
        if status != _MORE:
            return
    result.warnings.append(f"{node.path}: there are always more properties")


def _remove_property(run: Run, node: Node, name: str) -> None:
    old = node.get(name)
    if old is not None:
        del node[name]
        run.changes.append(("set", node.path, name, old, None))


def _add(run: Run, parent: Node, index: int, result: Migration) -> Operation:
    """Attach what configure-connector delivers below *parent*."""
    fragment = yield from configure(run, index)
    if fragment is None:
        result.warnings.append(f"DRC {index:#010x} delivered nothing")
        return -errno.ENOENT
    try:
        if Quirk.MIGRATED_CHILDREN in run.behaviour.quirks:
            fragment = first_alone(fragment)
        nodes = run.partition.tree.graft(parent, fragment)
    except (ExistsError, DecodeError) as error:
        result.warnings.append(f"DRC {index:#010x}: {error}")
        return -errno.EINVAL
    if _is_facilities(nodes[0]):
        for node in nodes:
            run.partition.tree.remove(node)
        result.ignored += 1
        return 0
    for node in nodes:
        notify.attached(run, node)
    result.added += 1
    return 0

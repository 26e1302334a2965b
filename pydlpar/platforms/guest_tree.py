"""The tree that firmware gives a partition when it has said what it can do.

Nothing in the platform's tree changes on hotplug: it is built at machine reset
and at CAS, and has then what is plugged (QEMU spapr.c `spapr_build_fdt`). Here it
is made from the tree that the machine started with.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Final

from pydlpar.connector import fragment_nodes, make_fragment
from pydlpar.constants import DrcType
from pydlpar.drc import Drc, DrcList, drc_id, drc_type
from pydlpar.drc_encode import ARRAYS, drc_arrays, drc_info
from pydlpar.drc_states import DrcKind
from pydlpar.drmem import LmbTable
from pydlpar.drmem_read import read_lmbs
from pydlpar.errors import PlatformError
from pydlpar.node import Node
from pydlpar.platforms.dynamic_memory import Dimm, drmem_properties, lmb_rows
from pydlpar.platforms.firmware_devices import Connector, Device, DeviceKind
from pydlpar.platforms.firmware_inventory import DEFAULT_LMB_SIZE
from pydlpar.platforms.numa import Numa, form_of
from pydlpar.platforms.options import Option
from pydlpar.tree import DeviceTree

if TYPE_CHECKING:
    from pydlpar.platforms.firmware import Firmware

__all__ = ["agreed_numa", "guest_tree", "list_connectors"]

_DRMEM: Final = "/ibm,dynamic-reconfiguration-memory"
_PERSISTENT: Final = "/ibm,persistent-memory"
_VECTOR: Final = "ibm,architecture-vec-5"
_INFO: Final = "ibm,drc-info"
_MY_INDEX: Final = "ibm,my-drc-index"
_CELL: Final = 4


def guest_tree(
    firmware: Firmware,
    boot: DeviceTree,
    vector: bytes,
    numa: Numa | None = None,
) -> DeviceTree:
    """The tree of a partition that has just negotiated, or of one that starts.

    Args:
        firmware: after `reset` or `cas`, so that what is plugged is in use.
        boot: the tree that *firmware* was made from; not changed.
        vector: `ibm,architecture-vec-5`: what was agreed on.
        numa: nodes and distances; None takes what *boot* says.

    Raises:
        DecodeError: a property of *boot* that has to be read is malformed.
        PlatformError: a device is not in use, or has no place in the tree.
    """
    tree = boot.copy()
    _remove_absent(tree, firmware)
    _add_present(tree, firmware)
    nodes = agreed_numa(boot, vector, numa)
    if numa is not None or nodes.form != form_of(boot):
        nodes.write_to(tree)
    _write_memory(tree, firmware, vector, nodes)
    list_connectors(tree, Option.DRC_INFO.is_set(vector))
    chosen = tree.get("/chosen") or tree.add_node("/chosen", {})
    chosen[_VECTOR] = vector
    return tree


def agreed_numa(boot: DeviceTree, vector: bytes, numa: Numa | None = None) -> Numa:
    """Nodes and distances in the form that was agreed on.

    Args:
        numa: instead of what *boot* says.
    """
    form = 2 if Option.FORM2.is_set(vector) else 1
    nodes = Numa.from_tree(boot)
    if numa is None and nodes.form == form:
        return nodes
    return (numa or nodes).as_form(form)


def _owners(tree: DeviceTree) -> Iterator[tuple[Node, int]]:
    """Nodes of devices, outer ones first, with the index of their connector."""
    for node in tree.nodes():
        if _MY_INDEX in node:
            yield node, node.u32(_MY_INDEX)


def _remove_absent(tree: DeviceTree, firmware: Firmware) -> None:
    connectors = firmware.connectors
    gone = [
        node.path
        for node, index in _owners(tree)
        if index in connectors and connectors[index].device is None
    ]
    for path in gone:
        if path in tree:  # it may have left with what it was plugged into
            tree.remove_node(path)


def _add_present(tree: DeviceTree, firmware: Firmware) -> None:
    """Attach what the tree does not have yet; host bridges bring their slots."""
    present = [
        connector
        for connector in firmware.connectors.values()
        if connector.device is not None and connector.kind is not DrcKind.LMB
    ]
    for connector in sorted(present, key=lambda c: c.index):
        known = {index for _, index in _owners(tree)}
        if connector.index not in known:
            result = firmware.configure_connector(connector.index)
            if result.fragment is None:
                raise PlatformError(
                    f"{connector!r} delivers nothing, status {result.status}"
                )
            parent = _parent(tree, connector)
            tree.graft(parent, _as_in_tree(result.fragment))


def _as_in_tree(fragment: bytes) -> bytes:
    """Cores and host bridges say their name only when they are delivered later."""
    nodes = [
        (name, {key: v for key, v in said.items() if key != "name"}, children)
        for name, said, children in fragment_nodes(fragment)
    ]
    return make_fragment(nodes)


def _parent(tree: DeviceTree, connector: Connector) -> Node:
    """The node that a device's node belongs below."""
    if connector.is_cpu:
        return tree["/cpus"]
    if drc_type(connector.index) == DrcType.PMEM:
        return tree.get(_PERSISTENT) or tree.add_node(
            _PERSISTENT,
            {
                "#address-cells": _cells(1),
                "#size-cells": _cells(0),
                "device_type": b"ibm,persistent-memory\0",
            },
        )
    for node in tree.nodes():
        if connector.index in DrcList.from_properties(node.properties):
            return node
    raise PlatformError(f"{connector!r} is in no list of the tree")


def _write_memory(
    tree: DeviceTree, firmware: Firmware, vector: bytes, numa: Numa
) -> None:
    """The table of LMBs, of the version that was agreed on."""
    old = tree.get(_DRMEM)
    lmb_size = DEFAULT_LMB_SIZE if old is None else old.u64("ibm,lmb-size")
    bases = _bases(read_lmbs(tree), firmware, lmb_size)
    arrays = numa.lookup_arrays()
    if old is not None:
        tree.remove(old)
    if not bases or not Option.DYNAMIC_MEMORY.is_set(vector):
        return
    dimms = [
        part
        for device in firmware.devices
        if device.kind is DeviceKind.DIMM
        for part in _parts(device, lmb_size, whole=firmware.profile == "qemu")
    ]
    rows = lmb_rows(bases, lmb_size, dimms)
    version = 2 if Option.DYNAMIC_MEMORY_V2.is_set(vector) else 1
    tree.add_node(_DRMEM, drmem_properties(rows, lmb_size, arrays, version))


def _parts(device: Device, lmb_size: int, *, whole: bool) -> Iterator[Dimm]:
    """What is there of a DIMM: LMBs may be lost to an unplug refused half way.

    QEMU has them assigned: the memory is still in its place (*whole*).
    """
    if whole:
        yield Dimm(device.address, device.size, device.node or 0)
        return
    base = device.address
    for is_there, run in groupby(device.connectors, lambda c: c.device is device):
        size = len(list(run)) * lmb_size
        if is_there:
            yield Dimm(base, size, device.node or 0)
        base += size


def _bases(old: LmbTable | None, firmware: Firmware, lmb_size: int) -> dict[int, int]:
    """DRC index by base address: as the old table has it, or by the index."""
    indexes = [c.index for c in firmware.connectors.values() if c.kind is DrcKind.LMB]
    listed = {lmb.drc_index: lmb.base for lmb in old or ()}
    return {listed.get(i, drc_id(i) * lmb_size): i for i in sorted(indexes)}


def list_connectors(tree: DeviceTree, as_info: bool) -> None:
    """Write the lists of connectors as `ibm,drc-info`, or as the four arrays."""
    for node in tree.nodes():
        if as_info and ARRAYS[0] in node:
            listed = DrcList.from_properties(node.properties)
            for name in ARRAYS:
                if name in node:
                    del node[name]
            node[_INFO] = drc_info(sorted(listed, key=_by_kind))
        elif not as_info and _INFO in node:
            listed = DrcList.from_properties(node.properties)
            del node[_INFO]
            for name, value in drc_arrays(listed).items():
                node[name] = value


def _by_kind(drc: Drc) -> tuple[str, int, int]:
    """So that connectors which one record can hold follow each other."""
    return drc.type, drc.power_domain, drc.index


def _cells(*values: int) -> bytes:
    return b"".join(value.to_bytes(_CELL, "big") for value in values)

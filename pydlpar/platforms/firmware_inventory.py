"""Which connectors and devices a device tree describes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from pydlpar.constants import DrcType, LmbFlags
from pydlpar.drc import DrcList, drc_id, drc_type
from pydlpar.drc_states import DrcKind, drc_kind
from pydlpar.drmem import Lmb, LookupArrays
from pydlpar.drmem_read import read_lmbs
from pydlpar.errors import DecodeError, PlatformError
from pydlpar.node import Node
from pydlpar.platforms.firmware_devices import Connector, Device, DeviceKind
from pydlpar.platforms.fragments import CpuTemplate
from pydlpar.platforms.numa import boot_domains
from pydlpar.tree import DeviceTree

__all__ = ["DEFAULT_LMB_SIZE", "NO_NODE", "Inventory", "read_inventory"]

DEFAULT_LMB_SIZE: Final = 256 << 20
"""Bytes of an LMB where the tree does not say: QEMU's."""

NO_NODE: Final = 0xFFFFFFFF
"""The associativity list of LMBs that belong to no NUMA node."""

_MAX_CONNECTORS: Final = 1 << 21
_DRMEM: Final = "/ibm,dynamic-reconfiguration-memory"
# Bytes of option vector 5 (LoPAR B.6.2.3), and what they say.
_HOTPLUG_BYTE, _HOTPLUG_BIT = 6, 0x04
_MMU_BYTE, _MMU_MASK, _MMU_RADIX = 24, 0xC0, 0x40


@dataclass
class Inventory:
    """What the firmware starts with.

    Attributes:
        connectors: every connector, by DRC index.
        devices: what is behind them at the start.
        lmbs: connectors of LMBs by base address, ascending.
        lmb_size: bytes of an LMB.
        domains: associativity domains of each NUMA node, without the count.
        slots: places for DIMMs; None where the tree sets no limit.
        template: a core to make others like; None where the tree has none.
        negotiated: client architecture support has taken place.
        hotplug_events: and the guest takes hotplug events.
        radix: and the guest translates by radix trees, without a hash table.
        interrupt_parent: phandle of the interrupt controller, which the guest may
            have changed; None where the tree gives it none.
    """

    profile: str
    connectors: dict[int, Connector] = field(default_factory=dict)
    devices: list[Device] = field(default_factory=list)
    lmbs: dict[int, Connector] = field(default_factory=dict)
    lmb_size: int = DEFAULT_LMB_SIZE
    domains: tuple[tuple[int, ...], ...] = ((0,),)
    slots: int | None = None
    template: CpuTemplate | None = None
    negotiated: bool = False
    hotplug_events: bool = False
    radix: bool = False
    interrupt_parent: int | None = None

    def add(self, index: int, name: str, drc_type: str) -> Connector:
        """The connector with this DRC index, made where it is new."""
        connector = self.connectors.get(index)
        if connector is None:
            if len(self.connectors) >= _MAX_CONNECTORS:
                raise PlatformError(
                    f"the tree has more than {_MAX_CONNECTORS} connectors"
                )
            kind = drc_kind(drc_type, index)
            connector = Connector(index, name, drc_type, kind, self.profile)
            self.connectors[index] = connector
        return connector


def read_inventory(tree: DeviceTree, profile: str) -> Inventory:
    """The connectors and devices of a tree.

    A node with `ibm,my-drc-index` is a device in use. LMBs that are assigned at
    the start make up DIMMs: a run of LMBs that follow each other on one NUMA node
    is one DIMM, since the tree does not tell where one ends and the next begins.

    Raises:
        DecodeError: a DRC list or the LMB table is malformed.
        PlatformError: there are more connectors than the model takes.
    """
    inventory = Inventory(profile)
    owners: list[Node] = []
    for node in tree.nodes():
        if "ibm,drc-indexes" in node or "ibm,drc-info" in node:
            _add_connectors(inventory, node)
        if "ibm,my-drc-index" in node:
            owners.append(node)
    for node in owners:
        _add_device(inventory, tree, node)
    _add_memory(inventory, tree)
    _read_negotiation(inventory, tree)
    pmem = sum(drc_type(index) == DrcType.PMEM for index in inventory.connectors)
    inventory.slots = pmem or None
    for node in tree.root.children:
        if "interrupt-controller" in node and "phandle" in node:
            inventory.interrupt_parent = node.u32("phandle")
            break
    for connector in inventory.connectors.values():
        connector.reset()
    return inventory


def _add_connectors(inventory: Inventory, node: Node) -> None:
    """The connectors that a node lists: the slots below it."""
    listed = DrcList.from_properties(node.properties)
    if len(listed) > _MAX_CONNECTORS:
        raise PlatformError(
            f"{node.path} lists {len(listed)} connectors, at most {_MAX_CONNECTORS} "
            "are supported"
        )
    slots = [inventory.add(drc.index, drc.name, drc.type) for drc in listed]
    for slot, drc in zip(slots, listed, strict=True):
        slot.power_domain = drc.power_domain
    if "ibm,my-drc-index" in node:
        inventory.add(node.u32("ibm,my-drc-index"), "", "").children = slots


def _add_device(inventory: Inventory, tree: DeviceTree, node: Node) -> None:
    """The device that a node stands for, behind its connector."""
    is_cpu = node.get("device_type") == b"cpu\0"
    index = node.u32("ibm,my-drc-index")
    connector = inventory.add(index, "", "CPU" if is_cpu else "")
    if connector.device is not None:
        return
    number = len(inventory.devices) + 1
    kind = DeviceKind.CORE if is_cpu else DeviceKind.IO
    path = f"/machine/unattached/device[{number}]"
    device = Device(kind, None, path, [connector])
    if is_cpu:
        device.core_id = node.u32("reg") if "reg" in node else drc_id(index)
        device.template = CpuTemplate(node.name, node.properties)
        inventory.template = inventory.template or device.template
    else:
        device.fragment = tree.extract(node).to_dtb()
    connector.attach(device)
    inventory.devices.append(device)


def _add_memory(inventory: Inventory, tree: DeviceTree) -> None:
    """LMBs, by the table where there is one, else by their DRC index."""
    node = tree.get(_DRMEM)
    if node is not None and "ibm,lmb-size" in node:
        inventory.lmb_size = node.u64("ibm,lmb-size")
        if not inventory.lmb_size:
            raise DecodeError(f"{node.path}: ibm,lmb-size is 0", offset=0)
        for lmb in read_lmbs(tree) or ():
            if not lmb.flags & LmbFlags.DRC_INVALID:
                _add_lmb(inventory, lmb)
    known = {connector.index for connector in inventory.lmbs.values()}
    for index, connector in inventory.connectors.items():
        if connector.kind is DrcKind.LMB and index not in known:
            base = drc_id(index) * inventory.lmb_size
            inventory.lmbs.setdefault(base, connector)
    inventory.lmbs = dict(sorted(inventory.lmbs.items()))
    inventory.domains = _domains(tree, node)
    for device in inventory.devices:
        if len(inventory.domains) <= (device.node or 0) < NO_NODE:
            raise DecodeError(
                f"{device.connectors[0].name}: associativity list {device.node}, "
                f"expected below {len(inventory.domains)}, as many as the tree has"
            )


def _add_lmb(inventory: Inventory, lmb: Lmb) -> None:
    connector = inventory.add(lmb.drc_index, f"LMB {drc_id(lmb.drc_index)}", "MEM")
    inventory.lmbs[lmb.base] = connector
    if not lmb.flags & LmbFlags.ASSIGNED or connector.device is not None:
        return
    dimm = inventory.devices[-1] if inventory.devices else None
    if (
        dimm is None
        or dimm.kind is not DeviceKind.DIMM
        or (dimm.end, dimm.node) != (lmb.base, lmb.aa_index)
    ):
        number = sum(device.kind is DeviceKind.DIMM for device in inventory.devices)
        path = f"/machine/peripheral-anon/device[{number}]"
        dimm = Device(DeviceKind.DIMM, None, path, [])
        dimm.address, dimm.node, dimm.slot = lmb.base, lmb.aa_index, number
        inventory.devices.append(dimm)
    dimm.size += inventory.lmb_size
    dimm.connectors.append(connector)
    connector.attach(dimm)


def _domains(tree: DeviceTree, drmem: Node | None) -> tuple[tuple[int, ...], ...]:
    """Associativity domains of each NUMA node."""
    if drmem is not None and "ibm,associativity-lookup-arrays" in drmem:
        arrays = LookupArrays(drmem["ibm,associativity-lookup-arrays"])
        return tuple(arrays[row] for row in range(len(arrays)))
    return boot_domains(tree)


def _read_negotiation(inventory: Inventory, tree: DeviceTree) -> None:
    """What the guest said that it can do: `/chosen/ibm,architecture-vec-5`."""
    chosen = tree.get("/chosen")
    vector = b"" if chosen is None else chosen.get("ibm,architecture-vec-5", b"")
    vector = vector.ljust(_MMU_BYTE + 1, b"\0")
    inventory.negotiated = any(vector[1:])
    inventory.hotplug_events = bool(vector[_HOTPLUG_BYTE] & _HOTPLUG_BIT)
    inventory.radix = vector[_MMU_BYTE] & _MMU_MASK == _MMU_RADIX

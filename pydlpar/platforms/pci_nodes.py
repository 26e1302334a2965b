"""Fragments of the PCI devices of a machine, put together from what is plugged."""

from __future__ import annotations

from collections.abc import Sequence

from pydlpar.connector import FragmentNode, fragment_nodes
from pydlpar.errors import PlatformError
from pydlpar.platforms.drc_order import DrcOrder
from pydlpar.platforms.firmware_devices import Device
from pydlpar.platforms.fragments_pci import (
    drc_arrays,
    function_node,
    host_bridge_node,
)
from pydlpar.platforms.pci_bus import HostBridge, PciBus, PciDevice

__all__ = ["PciNodes"]


class PciNodes:
    """Builds nodes.

    Args:
        domains: associativity domains of each NUMA node, without the count.
        order: the order in which QEMU lists connectors; None for ascending.
        interrupt_parent: phandle of the interrupt controller.
    """

    def __init__(
        self,
        profile: str,
        domains: Sequence[Sequence[int]],
        order: DrcOrder | None,
        interrupt_parent: int,
    ) -> None:
        self._profile = profile
        self._domains = domains
        self._order = order
        self._interrupt_parent = interrupt_parent

    def node(self, device: Device) -> FragmentNode:
        """What configure-connector delivers for a host bridge or a function.

        One of the boot tree looks as it did there, but for what is on its bus now.
        """
        if isinstance(device, PciDevice):
            return self._function_node(device)
        if not isinstance(device, HostBridge):
            raise PlatformError(f"{device!r} is not on a PCI bus")
        device.bus.enumerate()
        if device.fragment is not None:
            node = self._boot_node(device.fragment, device.bus)
            # QEMU leaves the name to the boot loader in the tree, but not here.
            return node._replace(properties={"name": b"pci\0", **node.properties})
        index = device.connectors[0].index
        return host_bridge_node(
            device.index,
            index,
            self._listed(device.bus),
            self._children(device.bus),
            None if device.node is None else self._domains[device.node],
            self._phandle(index),
            self._interrupt_parent,
        )

    def _function_node(self, device: PciDevice) -> FragmentNode:
        if device.fragment is not None:
            return self._boot_node(device.fragment, device.behind)
        if device.function is None:
            raise PlatformError(f"{device!r} has no configuration space")
        index = device.connectors[0].index
        behind = device.behind
        return function_node(
            device.function,
            device.devfn,
            index,
            device.bus.phb,
            device.bus.number,
            None if behind is None else self._listed(behind),
            () if behind is None else self._children(behind),
            self._phandle(index),
        )

    def _boot_node(self, fragment: bytes, bus: PciBus | None) -> FragmentNode:
        (node,) = fragment_nodes(fragment)
        if bus is None:
            return node
        properties = dict(node.properties)
        if self._order is not None and "ibm,drc-indexes" in properties:
            properties |= drc_arrays(self._listed(bus))
        others = [n for n in node.children if "ibm,my-drc-index" not in n.properties]
        return FragmentNode(node.name, properties, [*self._children(bus), *others])

    def _children(self, bus: PciBus) -> list[FragmentNode]:
        found = sorted(bus.devices, key=lambda device: device.devfn)
        return [self._function_node(device) for device in found]

    def _listed(self, bus: PciBus) -> list[int]:
        """DRC indexes of a bus, in the order in which the profile lists them."""
        indexes = {slot.index for slot in bus.slots.values()}
        return sorted(indexes) if self._order is None else self._order.select(indexes)

    def _phandle(self, index: int) -> int | None:
        return None if self._profile == "qemu" else index

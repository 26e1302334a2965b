"""The tree of a model of any size, made from the one that comes with the package.

It is what QEMU 7.2 gives the guest of such a machine, which a test holds it to.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from pydlpar.constants import DrcType
from pydlpar.drc import Drc, drc_index, drc_type
from pydlpar.drc_encode import drc_arrays
from pydlpar.errors import ArgumentError
from pydlpar.operations.behaviour import MemoryStyle, behaviour_of
from pydlpar.partition import LOOKUP_ARRAYS, Partition
from pydlpar.platforms.drc_order import DrcOrder, creation_order
from pydlpar.platforms.dynamic_memory import drmem_properties, lmb_rows
from pydlpar.platforms.firmware_inventory import DEFAULT_LMB_SIZE
from pydlpar.stress.machine import LIVE, default_tree
from pydlpar.tree import DeviceTree

if TYPE_CHECKING:
    from pydlpar.compare.machines import MachineSpec

__all__ = ["sized_tree"]

_CPU: Final = "/cpus/PowerPC,POWER9@{:x}"
_DRMEM: Final = "/ibm,dynamic-reconfiguration-memory"
_TABLES: Final = ("ibm,dynamic-memory", "ibm,dynamic-memory-v2")
_CAPACITY: Final = "ibm,lrdr-capacity"
_MOST_CPUS: Final = 1024
_MOST_LMBS: Final = 1 << 16
_EMBEDDED_CPUS: Final = 16
_RTAS_PER_CPU: Final = 16
_HASH_SHARE: Final = 7
"""The hash table has 2**-7 of the bytes of memory at the start."""
_HASH_MIN: Final = 18
_BRIDGE: Final = "/pci@800000020000000"
_SIZED: Final = {"CPU": "CPU", "LMB": "MEM", "PMEM": "PMEM"}
"""Type of the connectors of which a machine has as many as it is large, by name."""
_ROOT: Final = frozenset({DrcType.LMB, DrcType.PHB, DrcType.PMEM})
_CPUS: Final = frozenset({DrcType.CPU})
_SLOTS: Final = frozenset({DrcType.PCI})
_U64: Final = struct.Struct(">Q")


def sized_tree(spec: MachineSpec) -> DeviceTree:
    """The tree of a machine.

    Raises:
        ArgumentError: QEMU has no machine of that size.
    """
    _check(spec)
    tree = default_tree()
    _set_cpus(tree, spec)
    _set_memory(tree, spec)
    _set_lists(tree, spec)
    return tree


def _check(spec: MachineSpec) -> None:
    if not 1 <= spec.cpus <= spec.max_cpus <= _MOST_CPUS:
        raise ArgumentError(
            f"{spec.cpus} of {spec.max_cpus} cores: expected 1 to {_MOST_CPUS}"
        )
    for size in (spec.memory, spec.max_memory):
        lmbs, rest = divmod(size, DEFAULT_LMB_SIZE)
        if rest or not 0 < lmbs <= _MOST_LMBS:
            raise ArgumentError(
                f"memory of {size:#x} bytes: expected 1 to {_MOST_LMBS} times "
                f"{DEFAULT_LMB_SIZE:#x}"
            )
    if spec.memory > spec.max_memory:
        raise ArgumentError(
            f"memory of {spec.memory:#x} bytes: at most {spec.max_memory:#x}"
        )


def _set_cpus(tree: DeviceTree, spec: MachineSpec) -> None:
    first = tree[_CPU.format(0)].properties.as_dict()
    for node in list(tree["/cpus"].children):
        tree.remove_node(node.path)
    hash_bits = max((spec.memory - 1).bit_length() - _HASH_SHARE, _HASH_MIN)
    first["ibm,pft-size"] = bytes(4) + hash_bits.to_bytes(4, "big")
    for core in range(spec.cpus):
        cell = core.to_bytes(4, "big")
        own = {
            "reg": cell,
            "ibm,my-drc-index": drc_index(DrcType.CPU, core).to_bytes(4, "big"),
            "ibm,ppc-interrupt-server#s": cell,
            "ibm,ppc-interrupt-gserver#s": cell + bytes(4),
        }
        tree.add_node(_CPU.format(core), first | own)
    numbers = tree["/interrupt-controller@60302031b0000"]
    numbers["ibm,xive-lisn-ranges"] = bytes(4) + spec.max_cpus.to_bytes(4, "big")
    rtas = tree["/rtas"]
    missing = _EMBEDDED_CPUS - spec.max_cpus
    size = rtas.u32("rtas-size") - missing * _RTAS_PER_CPU
    rtas["rtas-size"] = size.to_bytes(4, "big")


def _set_memory(tree: DeviceTree, spec: MachineSpec) -> None:
    size = DEFAULT_LMB_SIZE
    tree["/memory@0"]["reg"] = _U64.pack(0) + _U64.pack(spec.memory)
    connectors = {
        base: drc_index(DrcType.LMB, base // size)
        for base in range(spec.memory, spec.max_memory, size)
    }
    node = tree[_DRMEM]
    is_table = behaviour_of(spec.dialect).memory is MemoryStyle.TABLE
    rows = lmb_rows(connectors, size, ())
    made = drmem_properties(rows, size, node[LOOKUP_ARRAYS], 2 if is_table else 1)
    for name in _TABLES:
        if name in node:
            del node[name]
    for name, value in made.items():
        node[name] = value
    capacity = _U64.pack(spec.max_memory) + _U64.pack(size)
    tree["/rtas"][_CAPACITY] = capacity + spec.max_cpus.to_bytes(4, "big")


def _set_lists(tree: DeviceTree, spec: MachineSpec) -> None:
    """The connectors of the machine, in QEMU's order."""
    roots = [tree.root, tree["/cpus"], tree[_BRIDGE]]
    partition = Partition(tree)
    known = {
        drc.index: drc
        for node in roots
        for drc in partition.drc_list(node).drcs
        if drc.type not in _SIZED.values()
    }
    lmbs = range(spec.memory // DEFAULT_LMB_SIZE, spec.max_memory // DEFAULT_LMB_SIZE)
    for kind, name, numbers in (
        (DrcType.CPU, "CPU", range(spec.max_cpus)),
        (DrcType.LMB, "LMB", lmbs),
        (DrcType.PMEM, "PMEM", range(spec.slots)),
    ):
        text = _SIZED[name]
        for number in numbers:
            index = drc_index(kind, number)
            known[index] = Drc(index, f"{name} {number}", text, LIVE)
    order = DrcOrder(creation_order(known))
    owners = (_ROOT, _CPUS, _SLOTS)
    for node, kinds in zip(roots, owners, strict=True):
        here = [index for index in known if drc_type(index) in kinds]
        drcs = [known[index] for index in order.select(set(here))]
        for name, value in drc_arrays(drcs).items():
            node[name] = value

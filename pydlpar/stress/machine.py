"""A machine to stress: a partition, the firmware below it, and faults in between."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from pydlpar.constants import LmbFlags
from pydlpar.data import default_tree_bytes
from pydlpar.dispatch import Dispatcher
from pydlpar.drc_states import DrcKind
from pydlpar.drmem import NO_ASSOCIATIVITY
from pydlpar.operations.behaviour import MemoryStyle, behaviour_of
from pydlpar.partition import DYNAMIC_MEMORY, LOOKUP_ARRAYS, Partition
from pydlpar.platforms.faults import NEVER, FaultPlan, Faulty
from pydlpar.platforms.firmware import Firmware
from pydlpar.platforms.firmware_devices import DeviceKind
from pydlpar.platforms.guest_tree import list_connectors
from pydlpar.stress.management import CARD, free_bridges, free_slots, plug_bridge
from pydlpar.tree import DeviceTree

__all__ = ["LIVE", "Machine", "default_tree", "make_machine", "small_tree"]

LIVE = 0xFFFFFFFF
"""The power domain of a slot for live insertion."""

_CPU_DRC = 0x10000000
_PHB_DRC = 0x20000000
_PCI_DRC = 0x40000000
_PMEM_DRC = 0x90000000
_LMB_DRC = 0x80000000
_WORD = 4
_SLOTS, _SLOT_STEP, _DEVFN_SHIFT = 4, 8, 8
_PMEM_SLOTS = 2 * 16
"""QEMU has a connector of persistent memory for each slot that a DIMM may take."""
_BRIDGE = "/pci@800000020000000"
_LMB_SIZE = 256 << 20
_L2_PHANDLE = 0x2000
_L3_PHANDLE = 0x3000
_SINGLES = 24
"""LMBs that get a DIMM of their own."""
_DIMMS = 6
"""DIMMs for the other LMBs."""
_MEMORY_KINDS = (DeviceKind.DIMM, DeviceKind.NVDIMM)
_NVDIMMS = 2
_MANY = 8
_CARDS = 4
_KEPT_SLOTS = 4
"""Slots left to `Management`."""
_BEHIND = "behind"
_KEPT_FAULTS = 100
_DRMEM = "/ibm,dynamic-reconfiguration-memory"


@dataclass
class Machine:
    """What belongs together.

    Attributes:
        partition: what the operating system knows.
        firmware: the model, without faults.
        platform: what the dispatcher calls: the model, with faults.
        dispatcher: carries out requests.
    """

    partition: Partition
    firmware: Firmware
    platform: Faulty
    dispatcher: Dispatcher

    @property
    def style(self) -> MemoryStyle:
        """How its kernel line keeps the books of memory."""
        return self.dispatcher.behaviour.memory


def default_tree(dialect: str = "6.12", profile: str = "qemu") -> DeviceTree:
    """The tree that comes with the package, as a kernel line can read it.

    Connectors are listed in `ibm,drc-info` where the profile is "lopar" and the line
    reads it; QEMU 7.2 has the four arrays.
    """
    tree = DeviceTree.from_dtb(default_tree_bytes())
    if behaviour_of(dialect).memory is MemoryStyle.TABLE:
        list_connectors(tree, profile == "lopar")
    else:
        node = tree[_DRMEM]
        table = Partition(tree).lmbs
        node[DYNAMIC_MEMORY] = table.to_v1()
        del node[f"{DYNAMIC_MEMORY}-v2"]
    return tree


def small_tree(
    cores: int = 4,
    present: int = 2,
    threads: int = 2,
    lmbs: int = 8,
    assigned: int = 4,
    *,
    reserved: int = 1,
    version: int = 1,
    io: bool = False,
    power_domain: int = LIVE,
) -> DeviceTree:
    """A small pseries machine: cores that share their caches, and LMBs.

    Args:
        cores: CPU connectors; *present* of them are in use, with *threads* each.
        lmbs: LMB connectors; *assigned* of them are in use.
        reserved: further LMBs before them that are RESERVED and have no connector.
        version: of the LMB table's property, 1 or 2.
        io: with a PCI host bridge of four slots, a card in the second of them, and
            persistent memory.
        power_domain: of the slots; QEMU has only live insertion.
    """
    tree = DeviceTree()
    tree.root["#address-cells"] = tree.root["#size-cells"] = _cells(2)
    indexes = [_CPU_DRC | core * threads for core in range(cores)]
    tree.add_node("/cpus", _connectors(indexes, "CPU"))
    for core in range(present):
        _add_core(tree, core * threads, threads)
    tree.add_node("/rtas", {"ibm,associativity-reference-points": _cells(1)})
    tree.add_node("/chosen", {"ibm,architecture-vec-5": bytes(6) + b"\4"})
    _add_memory(tree, reserved, lmbs, assigned)
    if io:
        _add_io(tree, power_domain)
    if version == 2:
        node = tree[_DRMEM]
        node[f"{DYNAMIC_MEMORY}-v2"] = Partition(tree).lmbs.to_v2()
        del node[DYNAMIC_MEMORY]
    return tree


def _cells(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def _strings(values: list[str]) -> bytes:
    joined = b"".join(value.encode() + b"\0" for value in values)
    return _cells(len(values)) + joined


def _connectors(indexes: list[int], drc_type: str) -> dict[str, bytes]:
    names = [f"{drc_type} {index & 0xFFFF}" for index in indexes]
    return {
        "ibm,drc-indexes": _cells(len(indexes), *indexes),
        "ibm,drc-names": _strings(names),
        "ibm,drc-types": _strings([drc_type] * len(indexes)),
        "ibm,drc-power-domains": _cells(len(indexes), *[LIVE] * len(indexes)),
    }


def _add_core(tree: DeviceTree, first: int, threads: int) -> None:
    properties = {
        "device_type": b"cpu\0",
        "reg": _cells(first),
        "ibm,my-drc-index": _cells(_CPU_DRC | first),
        "ibm,ppc-interrupt-server#s": _cells(*range(first, first + threads)),
        "ibm,associativity": _cells(2, 0, first),
        "l2-cache": _cells(_L2_PHANDLE),
    }
    tree.add_node(f"/cpus/PowerPC,POWER9@{first:x}", properties)
    if first == 0:
        for name, phandle, above in (
            ("l2-cache@2000", _L2_PHANDLE, {"l2-cache": _cells(_L3_PHANDLE)}),
            ("l3-cache@3000", _L3_PHANDLE, {}),
        ):
            own = {"device_type": b"cache\0", "phandle": _cells(phandle)}
            tree.add_node(f"/cpus/{name}", own | above)


def _add_memory(tree: DeviceTree, reserved: int, lmbs: int, assigned: int) -> None:
    rows = []
    for number in range(reserved + lmbs):
        if number < reserved:
            flags = LmbFlags.RESERVED | LmbFlags.DRC_INVALID
            rows.append((number * _LMB_SIZE, number, 0, NO_ASSOCIATIVITY, flags))
            continue
        used = number < reserved + assigned
        aa_index = 0 if used else NO_ASSOCIATIVITY
        flags = LmbFlags.ASSIGNED if used else LmbFlags(0)
        rows.append((number * _LMB_SIZE, _LMB_DRC | number, 0, aa_index, flags))
    table = b"".join(struct.pack(">QIIII", *row) for row in rows)
    tree.add_node(
        _DRMEM,
        {
            "ibm,lmb-size": struct.pack(">Q", _LMB_SIZE),
            LOOKUP_ARRAYS: _cells(1, 1, 0),
            DYNAMIC_MEMORY: _cells(len(rows)) + table,
        },
    )


def _add_io(tree: DeviceTree, power_domain: int) -> None:
    pmems = [_PMEM_DRC | slot for slot in range(_PMEM_SLOTS)]
    bridges, others = _connectors([_PHB_DRC], "PHB"), _connectors(pmems, "PMEM")
    for name, first in bridges.items():
        tree.root[name] = _cells(1 + _PMEM_SLOTS) + first[_WORD:] + others[name][_WORD:]
    # Linux 6.12 looks for the parent of what "dt add" delivers in ibm,drc-info only.
    run = _cells(_PCI_DRC, 0, _SLOTS, _SLOT_STEP, power_domain)
    bridge = {
        "device_type": b"pci\0",
        "ibm,my-drc-index": _cells(_PHB_DRC),
        "ibm,drc-info": _cells(1) + b"28\0C\0" + run,
    }
    tree.add_node(_BRIDGE, bridge)
    card = {
        "ibm,my-drc-index": _cells(_PCI_DRC | _SLOT_STEP),
        "reg": _cells(_SLOT_STEP << _DEVFN_SHIFT, 0, 0, 0, 0),
    }
    tree.add_node(f"{_BRIDGE}/ethernet@1", card)
    above = {"device_type": b"ibm,persistent-memory\0"}
    tree.add_node("/ibm,persistent-memory", above)
    pmem = {"ibm,my-drc-index": _cells(_PMEM_DRC)}
    tree.add_node(f"/ibm,persistent-memory/ibm,pmemory@{_PMEM_DRC:x}", pmem)


def make_machine(
    tree: DeviceTree | None = None,
    *,
    dialect: str = "6.12",
    profile: str = "lopar",
    faults: FaultPlan = NEVER,
    populate: bool = True,
    devices: bool = False,
    max_busy: int | None = None,
) -> Machine:
    """Put a machine together.

    Args:
        tree: its tree, which is copied; the embedded one if None.
        dialect: the kernel line.
        profile: of the firmware. In `lopar` a partition may give up memory that
            nobody asked for, and take it again; in `qemu` it may not.
        faults: what fails; calls are counted from the first request on.
        populate: plug a core or an LMB into every connector that has none, so
            that requests decide alone what is in use.
        devices: plug cards into PCI slots and NVDIMMs as well, which nobody has
            taken yet; the LMBs whose addresses those have are nobody's.
        max_busy: see `Dispatcher`.
    """
    tree = default_tree(dialect, profile) if tree is None else tree
    firmware = Firmware.from_tree(tree, profile)
    partition = Partition(tree.copy())
    if populate:
        _populate(firmware, partition, _NVDIMMS if devices else 0)
    if devices:
        _plug_devices(firmware, partition.lmbs.lmb_size)
    platform = Faulty(firmware, faults, keep=_KEPT_FAULTS)
    dispatcher = Dispatcher(
        partition, platform, dialect, user_space=True, max_busy=max_busy
    )
    return Machine(partition, firmware, platform, dispatcher)


def _populate(firmware: Firmware, partition: Partition, spared: int) -> None:
    """Put a device behind each CPU and LMB connector; the events are dropped.

    Some DIMMs have one LMB, the others several; those could not all be had back from a
    partition on QEMU, where they stay away. The last LMBs are spared where there are
    enough.
    """
    empty = [c for c in firmware.connectors.values() if c.device is None]
    if any(device.kind is DeviceKind.CORE for device in firmware.devices):
        for connector in empty:
            if connector.is_cpu:
                firmware.plug_cpu()
    missing = {c.index for c in empty if c.kind is DrcKind.LMB}
    bases = [lmb.base for lmb in partition.lmbs if lmb.drc_index in missing]
    if spared and len(bases) > _MANY:
        del bases[-spared:]
    size = partition.lmbs.lmb_size
    room = max(_free_dimm_slots(firmware) - spared, 0)
    singles = min(_SINGLES, max(room - _DIMMS, room // 2))
    for base in bases[:singles]:
        firmware.plug_memory(size, addr=base)
    bases = bases[singles:]
    if firmware.profile != "qemu":
        room = min(room - singles, _DIMMS)
        for base, count in _runs(bases, size, -(-len(bases) // max(room, 1)))[:room]:
            firmware.plug_memory(count * size, addr=base)
    firmware.events.clear()


def _free_dimm_slots(firmware: Firmware) -> int:
    """Slots for DIMMs; each has a connector of persistent memory, in QEMU."""
    taken = [device for device in firmware.devices if device.kind in _MEMORY_KINDS]
    slots = sum(c.drc_type == "PMEM" for c in firmware.connectors.values())
    return (slots or _PMEM_SLOTS) - len(taken)


def _plug_devices(firmware: Firmware, lmb_size: int) -> None:
    """Cards, bridges of both kinds, and NVDIMMs; the events are dropped."""
    slots = list(free_slots(firmware))[_KEPT_SLOTS:]
    for bus, slot in slots[1 : 1 + _CARDS]:
        firmware.plug_pci(CARD, slot, bus=bus)
    for bus, slot in slots[:1]:
        firmware.plug_pci("pci-bridge", slot, id=_BEHIND, bus=bus, chassis=1)
        firmware.plug_pci(CARD, 1, bus=_BEHIND)
    for number in islice(free_bridges(firmware), 1):
        plug_bridge(firmware, number)
    kinds = [(c.drc_type, c.device) for c in firmware.connectors.values()]
    n_lmbs = sum(name == "MEM" and device is None for name, device in kinds)
    n_places = sum(name == "PMEM" and device is None for name, device in kinds)
    for number in range(min(_NVDIMMS, n_lmbs, n_places)):
        firmware.plug_nvdimm(lmb_size, str(UUID(int=number + 1)))
    firmware.events.clear()


def _runs(bases: list[int], size: int, longest: int) -> list[tuple[int, int]]:
    """Base and number of LMBs that follow each other, *longest* at most."""
    found: list[tuple[int, int]] = []
    for base in bases:
        start, count = found[-1] if found else (0, 0)
        if count and base == start + count * size and count < longest:
            found[-1] = start, count + 1
        else:
            found.append((base, 1))
    return found

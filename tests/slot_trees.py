"""Small trees with connectors, in either encoding."""

from __future__ import annotations

from script import cells

from pydlpar.drc import Drc, DrcList, DrcRun
from pydlpar.drc_encode import drc_arrays, drc_info
from pydlpar.tree import DeviceTree

LIVE = 0xFFFFFFFF
LMB_SIZE = 0x10000000
NO_AA = 0xFFFFFFFF
DRMEM = "/ibm,dynamic-reconfiguration-memory"


def drcs(kind, prefix, first, suffix, count, step=1):
    """A list of one record."""
    return DrcList((DrcRun(kind, prefix, first, suffix, count, step, LIVE),))


def arrays(kind, *pairs):
    """The four arrays of (index, name)."""
    return drc_arrays(DrcList(drcs=tuple(Drc(i, n, kind, LIVE) for i, n in pairs)))


def info(lists):
    return {"ibm,drc-info": drc_info(lists)}


def cpu(tree, number, index, *, node=None, threads=1, **properties):
    """A CPU below /cpus with a DRC index; on a NUMA node where it is given."""
    values = {
        "device_type": b"cpu\0",
        "reg": cells(number),
        "ibm,my-drc-index": cells(index),
        "ibm,ppc-interrupt-server#s": cells(*range(number, number + threads)),
    }
    if node is not None:
        values["ibm,associativity"] = cells(2, node, number)
    values.update((name.replace("_", "-"), value) for name, value in properties.items())
    return tree.add_node(f"/cpus/PowerPC,POWER9@{number:x}", values)


def numa(tree, nodes):
    """Make a tree tell NUMA nodes: FORM2, domain 1."""
    tree.add_node(
        "/rtas",
        {
            "ibm,associativity-reference-points": cells(1),
            "ibm,max-associativity-domains": cells(1, nodes),
        },
    )
    tree.add_node("/chosen", {"ibm,architecture-vec-5": bytes([0, 0, 0, 0, 0, 0x80])})


def memory(tree, rows, nodes=1):
    """An LMB table of (aa_index, flags), from 0x80000000 at address 0 on."""
    table = [
        cells(0, n * LMB_SIZE, 0x80000000 + n, 0, aa, flags)
        for n, (aa, flags) in enumerate(rows)
    ]
    tree.root.set_u32("#address-cells", 2)
    tree.root.set_u32("#size-cells", 2)
    return tree.add_node(
        DRMEM,
        {
            "ibm,lmb-size": cells(0, LMB_SIZE),
            "ibm,dynamic-memory": cells(len(table)) + b"".join(table),
            "ibm,associativity-lookup-arrays": cells(nodes, 1, *range(nodes)),
        },
    )


def machine():
    """CPUs by record, memory by arrays, a host bridge with a slot in use."""
    tree = DeviceTree()
    tree.add_node("/cpus", info(drcs("CPU", "CPU ", 0x10000000, 0, 4, 8)))
    cpu(tree, 0, 0x10000000, threads=8)
    cpu(tree, 8, 0x10000008, threads=8)
    memory(tree, [(0, 0x8), (0, 0x88), (NO_AA, 0), (NO_AA, 0xA0)])
    names = arrays("MEM", *((0x80000000 + n, f"LMB {n}") for n in (3, 1, 0, 2, 9)))
    tree.root.set_string("model", "IBM pSeries (emulated)")
    for name, value in names.items():
        tree.root[name] = value
    tree.add_node(
        "/pci@800000020000001",
        {
            "device_type": b"pci\0",
            "reg": cells(0x08000000, 0x20000001, 0, 0),
            "ibm,my-drc-index": cells(0x20000001),
            **info(drcs("28", "C", 0x40010000, 65536, 16)),
        },
    )
    tree.add_node(
        "/pci@800000020000001/ethernet@1",
        {
            "reg": cells(0x00010800, 0, 0, 0, 0),
            "vendor-id": cells(0x1AF4),
            "device-id": cells(0x1000),
            "class-code": cells(0x20000),
            "ibm,my-drc-index": cells(0x40010008),
            "ibm,loc-code": b"U1-P1-C2-T1\0",
        },
    )
    return tree

"""Makes the device trees of this project with QEMU. Not part of the package.

    python pydlpar/data/generate.py pseries pydlpar/data/pseries.dtb
    python pydlpar/data/generate.py NAME FILE       # NAME: see TREES below

Needs qemu-system-ppc64 and the extra `qemu`. A pseries machine is started with the
boot stub of `platforms/qemu_boot.py`, which negotiates hotplug events and the LMB
table as Linux does. What QEMU then dumps is the tree that a guest would be given.
Its only random parts, `/chosen/rng-seed` and the padding behind values, are zeroed:
the same QEMU gives the same bytes.
"""

from __future__ import annotations

import argparse
import struct
from pathlib import Path

from pydlpar.platforms.qemu import Qemu
from pydlpar.platforms.qemu_boot import BASIC_VECTOR_5 as V1
from pydlpar.platforms.qemu_boot import LINUX_VECTOR_5 as LINUX
from pydlpar.platforms.qemu_boot import OLD_VECTOR_5 as LEGACY

NUMA_NODES = [
    *("-object", "memory-backend-ram,id=r0,size=1G"),
    *("-object", "memory-backend-ram,id=r1,size=1G"),
    *("-numa", "node,nodeid=0,memdev=r0,cpus=0-1"),
    *("-numa", "node,nodeid=1,memdev=r1,cpus=2-3"),
]

TREES: dict[str, tuple[list[str], bytes]] = {
    "pseries": (["-smp", "4,maxcpus=16", "-m", "4G,slots=32,maxmem=16G"], LINUX),
    "v1": (["-smp", "1,maxcpus=2", "-m", "1G,slots=4,maxmem=3G"], V1),
    "legacy": (["-smp", "1,maxcpus=2", "-m", "1G,slots=4,maxmem=3G"], LEGACY),
    "numa": (
        ["-smp", "2,maxcpus=4", "-m", "2G,slots=4,maxmem=4G", *NUMA_NODES],
        V1[:22] + b"\x80" + V1[23:],
    ),
}

FDT_BEGIN_NODE, FDT_PROP, FDT_END = 1, 3, 9


def settle(dtb: bytes, name: str) -> bytes:
    """The blob with all padding, and the values of the property *name*, zeroed."""
    off_struct, off_strings = struct.unpack_from(">2I", dtb, 8)
    out, at = bytearray(dtb), off_struct
    while (token := struct.unpack_from(">I", dtb, at)[0]) != FDT_END:
        at += 4
        end = at
        if token == FDT_BEGIN_NODE:
            end = dtb.index(b"\0", at) + 1
        elif token == FDT_PROP:
            length, name_off = struct.unpack_from(">2I", dtb, at)
            end = at + 8 + length
            start = off_strings + name_off
            if dtb[start : dtb.index(b"\0", start)] == name.encode():
                out[end - length : end] = bytes(length)
        at = (end + 3) & ~3
        out[end:at] = bytes(at - end)
    return bytes(out)


def generate(machine: list[str], option_vector_5: bytes) -> bytes:
    """The flattened tree of a machine, as QEMU gives it to the guest."""
    with Qemu(
        cpus=None, memory=None, arguments=machine, vector_5=option_vector_5
    ) as qemu:
        return settle(qemu.dtb(), "rng-seed")


def main() -> None:
    """Command line: which tree, into which file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=TREES)
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    arguments.file.write_bytes(generate(*TREES[arguments.name]))


if __name__ == "__main__":
    main()

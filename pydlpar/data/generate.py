"""Makes the device trees of this project with QEMU. Not part of the package.

    python pydlpar/data/generate.py pseries pydlpar/data/pseries.dtb
    python pydlpar/data/generate.py NAME FILE       # NAME: see TREES below

Needs qemu-system-ppc64 (7.2 or newer, for QMP `dumpdtb`). A pseries machine is
started with a firmware of twelve instructions that does nothing but client
architecture support (CAS, LoPAR B.6.2.3): it tells the hypervisor what the
guest can do, so that hotplug events and the LMB table are negotiated as for
Linux. What QEMU then dumps is the tree that a guest would be given. Its only
random parts, `/chosen/rng-seed` and the padding behind values, are zeroed: the
same QEMU gives the same bytes.
"""

from __future__ import annotations

import argparse
import json
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

LINUX = bytes.fromhex("19 0020 0000 a005") + bytes(15) + bytes.fromhex("8040400040")
"""Option vector 5 as Linux 6.1 asks: dynamic memory (byte 2), FORM1 and FORM2
associativity (5), hotplug events and HPT resizing (6), `ibm,dynamic-memory-v2`
(22), XIVE (23), radix (24, 26). The first byte is the length less one."""

V1 = LINUX[:5] + b"\x80" + LINUX[6:22] + b"\x00" + LINUX[23:]
"""Without FORM2 and v2: 4-level associativity, and `ibm,dynamic-memory`."""

LEGACY = V1[:6] + b"\x01" + V1[7:]
"""Without hotplug events as well: such a guest hears of memory by count."""

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

MACHINE = (
    "pseries-7.2,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off"
)

ENTRY, VECTORS, RESULT, DONE = 0x100, 0x1000, 0x2000, 0x2008
FDT_BEGIN_NODE, FDT_PROP, FDT_END = 1, 3, 9
BOOT_CODE = (
    0x3C600000,  # lis   r3, 0
    0x6063F002,  # ori   r3, r3, 0xf002     H_CAS
    0x3C800000,  # lis   r4, 0
    0x60841000,  # ori   r4, r4, VECTORS
    0x3CA00100,  # lis   r5, 0x100          reply buffer at 16 MiB
    0x3CC00020,  # lis   r6, 0x20           of 2 MiB
    0x44000022,  # sc    1
    0xF8602000,  # std   r3, RESULT(0)
    0x3CE00000,  # lis   r7, 0
    0x60E70001,  # ori   r7, r7, 1
    0xF8E02008,  # std   r7, DONE(0)
    0x48000000,  # b     .
)
ANY = 0xFFFFFFFF
# PVR list: POWER9 v2.0, architecture 3.00, the terminator; then option vectors.
PVR_LIST = struct.pack(">6I", *(ANY, 0x4E1200), *(ANY, 0x0F000005), *(0, ANY))
VECTORS_1_TO_4 = b"\x04" + b"\x02\x00\xff\x80" + 3 * b"\x00\x00"


class Qmp:
    """A QMP connection, just enough for this script."""

    def __init__(self, path: Path, deadline: float = 30.0) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + deadline
        while True:
            try:
                self.socket.connect(str(path))
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        self.stream = self.socket.makefile("rw", encoding="utf-8")
        self.stream.readline()
        self.run("qmp_capabilities")

    def run(self, command: str, **arguments: Any) -> Any:
        """Execute a command and return its answer; SystemExit on an error."""
        request = {"execute": command, "arguments": arguments}
        self.stream.write(json.dumps(request) + "\n")
        self.stream.flush()
        while True:
            answer = json.loads(self.stream.readline())
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise SystemExit(f"{command}: {answer['error']['desc']}")


def boot_image(option_vector_5: bytes) -> bytes:
    """The firmware file: loaded at 0, entered at 0x100."""
    image = bytearray(0x2010)
    image[ENTRY : ENTRY + 4 * len(BOOT_CODE)] = struct.pack(">12I", *BOOT_CODE)
    vectors = PVR_LIST + VECTORS_1_TO_4 + option_vector_5
    image[VECTORS : VECTORS + len(vectors)] = vectors
    return bytes(image)


def read_memory(qmp: Qmp, address: int, size: int, scratch: Path) -> bytes:
    """Bytes of the guest's memory."""
    qmp.run("pmemsave", val=address, size=size, filename=str(scratch))
    return scratch.read_bytes()


def negotiate(qmp: Qmp, scratch: Path) -> None:
    """Let the firmware do its call, and stop the machine."""
    qmp.run("cont")
    for _ in range(200):
        time.sleep(0.05)
        result, done = struct.unpack(">qQ", read_memory(qmp, RESULT, 16, scratch))
        if done:
            break
    else:
        raise SystemExit("the guest did not come back from CAS")
    qmp.run("stop")
    if result:
        raise SystemExit(f"CAS failed with status {result}")


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
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "boot").write_bytes(boot_image(option_vector_5))
        command = [
            *("qemu-system-ppc64", "-M", MACHINE, "-cpu", "power9_v2.0"),
            *("-accel", "tcg", "-S", "-display", "none", "-nodefaults"),
            *("-bios", str(folder / "boot")),
            *("-qmp", f"unix:{folder / 'qmp'},server=on,wait=off"),
            *machine,
        ]
        with subprocess.Popen(command) as process:
            try:
                qmp = Qmp(folder / "qmp")
                negotiate(qmp, folder / "memory")
                qmp.run("dumpdtb", filename=str(folder / "dtb"))
                qmp.run("quit")
            finally:
                process.terminate()
        return settle((folder / "dtb").read_bytes(), "rng-seed")


def main() -> None:
    """Command line: which tree, into which file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=TREES)
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    arguments.file.write_bytes(generate(*TREES[arguments.name]))


if __name__ == "__main__":
    main()

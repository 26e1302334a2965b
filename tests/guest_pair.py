"""A real guest and the model of it, told the same: requests, malformed ones, plugs.

Plans come from a seed. They leave out what QEMU does not survive under TCG: asking
for a DIMM that has lost LMBs, and asking for a core; and the removal of memory is of
DIMMs only, which the guest brings online so that it can always be emptied.
"""

from __future__ import annotations

import os
import random
import shutil
from functools import cache
from pathlib import Path

import pytest

from pydlpar import DeviceTree, Dispatcher, Firmware, Partition, PlatformError
from pydlpar.platforms.guest import DIALECT_OF, Guest
from pydlpar.platforms.guest_packages import cached_files

GUEST_CACHE = os.environ.get("PYDLPAR_GUEST_CACHE")
MOVABLE = "memhp_default_state=online_movable"
MIB = 1 << 20

CORES = [0x10000000 + n for n in (0, 1, 2, 3, 4, 5, 15)]
LMBS = [0x80000000 + n for n in (0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 31)]
STRANGE = [0, 1, 0x1000, 0x10000010, 0x20000001, 0x40000000, 0x80000020, 0xFFFFFFFF]
MALFORMED = [
    *(b"", b"\n", b" ", b"\0", b"cpu", b"memory add", b"memory add count"),
    *(b"memory add index", b"cpu remove index 0x", b"cpu add index 10000001x"),
    *(b"memory add count -1", b"memory add count 4294967296", b"memory grow count 1"),
    *(b"pmem add index 0x90000000", b"phb add index 0x20000001", b"disk add count 1"),
    *(b"memory remove drc-name LMB-4", b"cpu add count", b"MEMORY add count 1"),
    *(b"memory  add count 0", b"memory\tadd count 0", b" memory add count 0"),
    *(b"memory add indexed-count 1", b"memory add indexed-count 1 80000004"),
    *(b"memory add indexed-count 0 0x80000004", b"cpu remove indexed-count 1 0x1"),
    *(b"memory add count 0 junk", b"memory add count 0\0junk", b"memory add count 0,1"),
    *(b"dt add index 0x10000001", b"dt add count 1", b"dt remove index 0x80000004"),
    *(b"memory remove count 0x0", b"memory remove count 010", b"cpu add index +1"),
    *(b"x" * 300, b"memory add count 0\n\n", b"memory add count 0x100000000"),
    *(b"cpu remove index 0x1000000g", b"memory add index 0x80000004 0x80000005"),
]

# Linux takes a count of 2^31 for less than 0, and the range for empty: it has the
# table begin with the indexes 0, 1, ... The model refuses it (kernel.md 4.4.4).
DEVIATION = b"memory add indexed-count 0x80000004 1"


@cache
def lacking(line: str) -> str | None:
    """Why there can be no guest of this line of Linux here; None if there can."""
    if shutil.which("qemu-system-ppc64") is None:
        return "needs qemu-system-ppc64"
    pytest.importorskip("qemu.qmp", reason="needs the package qemu.qmp")
    folder = Path(GUEST_CACHE) if GUEST_CACHE else None
    if cached_files(line, folder) is None:
        return f"needs Linux {line}: pydlpar guest fetch {line}"
    return None


def boot(line: str, *, command_line: str = "", **options) -> Guest:
    """A guest of this line, or a skip with the reason."""
    reason = lacking(line)
    if reason:
        pytest.skip(reason)
    folder = Path(GUEST_CACHE) if GUEST_CACHE else None
    words = f"{MOVABLE} {command_line}"
    return Guest(line, cache=folder, append=words, **options)


class GuestPair:
    """A guest and a model that starts from the guest's own tree."""

    def __init__(self, guest, line, seed):
        self.guest = guest
        tree = guest.device_tree()
        self.firmware = Firmware.from_tree(tree)
        self.dispatcher = Dispatcher(
            Partition(DeviceTree.from_dtb(tree.to_dtb())),
            self.firmware,
            dialect=DIALECT_OF[line],
        )
        self.interrupts = guest.hotplug_interrupts()
        self.random = random.Random(seed)
        self.plugged = 0

    def request(self):
        """A request, sensible or not."""
        choose = self.random.choice
        if self.random.random() < 0.15:
            return choose(MALFORMED)
        action = choose(["add", "remove"])
        ending = choose(["", "", "\n"])
        if self.random.random() < 0.35:
            index = choose(CORES * 3 + STRANGE)
            number = choose([f"{index:#x}", f"{index}", f"0X{index:X}"])
            form = choose([f"index {number}"] * 6 + ["count 1"])
            return f"cpu {action} {form}{ending}".encode()
        index, count = choose(LMBS * 3 + STRANGE), choose([0, 1, 1, 1, 2, 2, 3, 40])
        form = choose(
            [f"index {index:#x}", f"count {count}", f"indexed-count {count} {index:#x}"]
        )
        return f"memory {action} {form}{ending}".encode()

    def write(self, data):
        """One request on both: their results."""
        return self.guest.write(data), self.dispatcher.write(data)

    def plug(self):
        """One plug on both: what each refused it with, or None."""
        self.plugged += 1
        if self.random.random() < 0.5:
            name, arguments = "plug_cpu", (None, f"c{self.plugged}")
        else:
            size = self.random.choice([256, 512, 768, 1024]) * MIB
            name, arguments = "plug_memory", (size, f"d{self.plugged}")
        answers = []
        for machine in (self.guest, self.firmware):
            try:
                getattr(machine, name)(*arguments)
                answers.append(None)
            except PlatformError as error:
                answers.append(str(error))
        if answers[0] is None:
            self.interrupts += 1
            self.guest.settle(self.interrupts)
            self.dispatcher.interrupt()
        return (name, *arguments), *answers

    def trees(self):
        """The trees of both, without any order."""
        return content(self.guest.device_tree()), content(
            self.dispatcher.partition.tree
        )


def content(tree):
    """A tree as {path: {property: value}}."""
    return {node.path: node.properties.as_dict() for node in tree.nodes()}


def differing(trees):
    """Where two trees differ: paths, or path and property."""
    left, right = trees
    found = sorted(left.keys() ^ right.keys())
    for path in left.keys() & right.keys():
        names = left[path].keys() | right[path].keys()
        found += [
            f"{path}: {name}"
            for name in sorted(names)
            if left[path].get(name) != right[path].get(name)
        ]
    return found

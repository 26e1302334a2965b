"""Seeded synthetic device trees, and what to look up and change in them.

Half the nodes nested (fan-out 4, up to 7 levels), half flat under /cpus: the shape
of a partition grown large. A node has 16 properties, sized as on a pseries machine,
about 487 bytes; values differ a node.

The blob is written here, by neither the library nor a peer, so that none of them is
measured on its own layout.
"""

from __future__ import annotations

import gzip
import os
import random
import struct
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

__all__ = [
    "LARGE",
    "REAL",
    "REALS",
    "SIZES",
    "Sample",
    "cpu_props",
    "load",
    "plan",
    "sample",
]

Props = dict[str, bytes]

SIZES = (100, 1_000, 10_000, 100_000)
LARGE = SIZES[-1]
"""So large that a peer takes seconds for a thing: less often, or not at all."""

REALS = {"smp64-8g": 77, "smp1024-8g": 1037}
"""Trees that QEMU pseries machines of 64 and 1 024 CPUs give their guests: nodes."""

REAL = next(iter(REALS))

_SEED = 20_150_318
_MAX_SAMPLE = 2_000
_FAN_OUT = 4
_LEVELS = ("pci", "bridge", "slot", "fn", "unit", "port", "ep")
_MAGIC, _BEGIN, _END_NODE, _PROP, _END = 0xD00DFEED, 1, 2, 3, 9
_HEADER_LEN, _VERSION, _COMPATIBLE = 40, 17, 16
_RESERVED = struct.pack(">4Q", 0x1000, 0x2000, 0, 0)
_FEATURES = bytes.fromhex("4200f63fc7c080f0") + bytes(58)
_NEW_ID = 0x8000000


def _cells(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def cpu_props(number: int, phandle: int) -> Props:
    """The 16 properties of a CPU node; the first 10 are those of a short one."""
    threads = [number * 8 + k for k in range(8)]
    return {
        "device_type": b"cpu\0",
        "reg": _cells(number),
        "status": b"okay\0",
        "ibm,my-drc-index": _cells(0x10000000 | number),
        "ibm,ppc-interrupt-server#s": _cells(*threads),
        "ibm,pa-features": _FEATURES,
        "clock-frequency": _cells(1_000_000_000),
        "timebase-frequency": _cells(512_000_000),
        "cpu-version": _cells(0x4E1200),
        "64-bit": b"",
        "phandle": _cells(phandle),
        "ibm,ppc-interrupt-gserver#s": _cells(*chain(*((t, 0) for t in threads))),
        "ibm,associativity": _cells(5, 0, 0, 0, number & 7, number),
        "ibm,segment-page-sizes": _cells(12, 0, 1, 12, 0, 16, 0x110, 1, 16, 1),
        "d-cache-size": _cells(0x8000),
        "i-cache-size": _cells(0x8000),
    }


@dataclass(frozen=True)
class Sample:
    """A tree and the work to do on it.

    Attributes:
        label: the number of nodes, or the name of a real tree.
        paths: nodes to look up and change, distinct, in random order.
        order: for each of them its place in tree order, the root being 0.
        phandles: phandle and place in tree order of the node that has it.
        parent: where new nodes go.
        get: names that every node of `paths` has; `set` and `grow` likewise: the
            property to overwrite in its size, and the one to lengthen by a cell.
    """

    label: str
    blob: bytes
    n_nodes: int
    paths: tuple[str, ...]
    order: tuple[int, ...]
    phandles: tuple[tuple[int, int], ...]
    parent: str
    get: tuple[str, ...]
    set: str
    grow: str

    def new_props(self, number: int = 0) -> Props:
        """Properties of a node that the tree does not have yet."""
        return cpu_props(_NEW_ID + number, _NEW_ID + number)


class _Writer:
    """A flattened tree, written token by token."""

    def __init__(self) -> None:
        self.tokens: list[bytes] = []
        self.strings = bytearray()
        self.offsets: dict[str, int] = {}
        self.paths: list[str] = []

    def begin(self, path: str, props: Props) -> None:
        name = path.rpartition("/")[2].encode() + b"\0"
        self.paths.append(path)
        self.tokens += (_cells(_BEGIN), name, bytes(-len(name) % 4))
        for key, value in props.items():
            head = _cells(_PROP, len(value), self._name(key))
            self.tokens += (head, value, bytes(-len(value) % 4))

    def _name(self, name: str) -> int:
        if name not in self.offsets:
            self.offsets[name] = len(self.strings)
            self.strings += name.encode() + b"\0"
        return self.offsets[name]

    def end(self) -> None:
        self.tokens.append(_cells(_END_NODE))

    def blob(self) -> bytes:
        structure = b"".join(self.tokens) + _cells(_END)
        at = _HEADER_LEN + len(_RESERVED)
        strings_at = at + len(structure)
        header = _cells(
            _MAGIC,
            strings_at + len(self.strings),
            at,
            strings_at,
            _HEADER_LEN,
            _VERSION,
            _COMPATIBLE,
            0,
            len(self.strings),
            len(structure),
        )
        return header + _RESERVED + structure + bytes(self.strings)


def _nested(count: int) -> dict[str, list[str]]:
    """Paths of *count* nodes below the root, filled level by level: their children."""
    children: dict[str, list[str]] = {"": []}
    level, made = [""], 0
    for kind in _LEVELS:
        fan = _FAN_OUT if level != [""] else max(_FAN_OUT, min(64, count // 512))
        below = [f"{parent}/{kind}@{k:x}" for parent in level for k in range(fan)]
        below = below[: count - made]
        for path in below:
            children[path] = []
            children[path.rpartition("/")[0]].append(path)
        level, made = below, made + len(below)
    return children


def _write(n: int) -> _Writer:
    """A tree of *n* nodes: root, /chosen, the nested half, /cpus and the flat half."""
    out, nested = _Writer(), _nested(n // 2 - 3)
    root = {"#address-cells": _cells(2), "#size-cells": _cells(2)}
    out.begin("", root | {"compatible": b"qemu,pseries\0", "device_type": b"chrp\0"})
    out.begin("/chosen", {"bootargs": b"console=hvc0\0"})
    out.end()
    number = 1
    stack = nested[""][::-1]
    while stack:
        path = stack.pop()
        if not path:
            out.end()
            continue
        out.begin(path, cpu_props(number, number))
        number += 1
        stack += ["", *reversed(nested[path])]
    out.begin("/cpus", {"#address-cells": _cells(1), "#size-cells": _cells(0)})
    while len(out.paths) < n:
        out.begin(f"/cpus/PowerPC,POWER9@{number * 8:x}", cpu_props(number, number))
        out.end()
        number += 1
    out.end()
    out.end()
    return out


@cache
def sample(n: int) -> Sample:
    """The synthetic tree of *n* nodes, the same every time."""
    out = _write(n)
    cpus = [i for i, p in enumerate(out.paths) if p and p not in ("/chosen", "/cpus")]
    chosen = random.Random(_SEED + n).sample(cpus, min(len(cpus), _MAX_SAMPLE))
    phandle = {i: number for number, i in enumerate(cpus, 1)}
    names = list(cpu_props(0, 0))
    return Sample(
        label=str(n),
        blob=out.blob(),
        n_nodes=n,
        paths=tuple(out.paths[i] for i in chosen),
        order=tuple(chosen),
        phandles=tuple((phandle[i], i) for i in chosen),
        parent="/cpus",
        get=tuple(names[1::2] + names[2:6:2]),
        set="clock-frequency",
        grow="ibm,associativity",
    )


def corpus() -> Path:
    """Where the dumps of real machines are."""
    default = Path(__file__).resolve().parent.parent / "../shared/corpus"
    return Path(os.environ.get("PYDLPAR_CORPUS", default))


@cache
def real(label: str) -> Sample | None:
    """The tree of a pseries guest, or None where the corpus is not."""
    # The library's own reader finds the nodes; what is measured finds them anew.
    from pydlpar import DeviceTree

    file = corpus() / "dtb" / f"{label}.dtb.gz"
    if not file.is_file():
        return None
    blob = gzip.decompress(file.read_bytes())
    nodes = list(DeviceTree.from_dtb(blob).nodes())
    found = [(i, node.path, node) for i, node in enumerate(nodes)]
    cpus = [(i, path) for i, path, node in found if node.get("device_type") == b"cpu\0"]
    random.Random(_SEED).shuffle(cpus)
    return Sample(
        label=label,
        blob=blob,
        n_nodes=len(nodes),
        paths=tuple(path for _, path in cpus),
        order=tuple(i for i, _ in cpus),
        phandles=tuple((node.phandle, i) for i, _, node in found if node.phandle),
        parent="/cpus",
        get=(
            "reg",
            "status",
            "device_type",
            "ibm,my-drc-index",
            "ibm,pa-features",
            "clock-frequency",
            "cpu-version",
            "64-bit",
            "d-cache-size",
            "ibm,pft-size",
        ),
        set="clock-frequency",
        grow="ibm,pft-size",
    )


def load(label: str) -> Sample:
    """The sample of a label; a generated one of its size stands in for a real one."""
    if label not in REALS:
        return sample(int(label))
    return real(label) or sample(REALS[label])


def plan(of: Sample) -> str:
    """The work as text, a line an item, for the C program."""
    lines = [f"parent {of.parent}", f"set {of.set}", f"grow {of.grow}"]
    lines += [f"get {name}" for name in of.get]
    lines += [f"prop {k} {v.hex() or '-'}" for k, v in of.new_props().items()]
    lines += [f"phandle {number} {i}" for number, i in of.phandles]
    lines += [f"node {i} {p}" for i, p in zip(of.order, of.paths, strict=True)]
    return "\n".join(lines) + "\n"

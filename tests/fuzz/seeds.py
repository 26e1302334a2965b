"""Write the seed corpus of the fuzzer: `python tests/fuzz/seeds.py FOLDER [COUNT]`.

Each is eight bytes of choices, a blob as the tests generate them, and a stream of
operations whose length is the eighth byte.
"""

from __future__ import annotations

import random
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mutants import mutant

N_CHOICES = 7
ADD, STAMP, SET, UNSET, REMOVE = range(1, 6)
ROOT = 0


def _operation(rng: random.Random, done: int) -> bytes:
    """One record of a batch; a node is the root, or one that the batch has made."""
    code = rng.choice([ADD, ADD, SET, SET, UNSET, REMOVE, STAMP])
    node = rng.choice([ROOT, -1 - rng.randrange(done + 1)])
    name = rng.choice([b"reg", b"phandle", b"n%d" % done, b"a"])
    data = bytes(rng.randrange(9)) if code == SET else b""
    if code == ADD and rng.random() < 0.5:
        data = struct.pack(">II", 3, 4) + b"reg" + rng.randbytes(4)
    elif code == STAMP:
        data = bytes(4)
    return struct.pack(">IqII", code, node, len(name), len(data)) + name + data


def _operations(rng: random.Random) -> bytes:
    """A stream that its length fits into a byte."""
    stream = b""
    for i in range(rng.randrange(8)):
        longer = stream + _operation(rng, i)
        stream = longer if len(longer) < 256 else stream
    return stream


def main(folder: str, count: str = "600") -> None:
    """Fill *folder*, made when missing."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    for seed in range(int(count)):
        rng = random.Random(seed)
        head, ops = rng.randbytes(N_CHOICES), _operations(rng)
        (out / f"{seed:05}").write_bytes(head + bytes([len(ops)]) + mutant(seed) + ops)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Blobs near the edge of what is allowed, from a seed: right, wrong, or odd.

Two ways: a list of tokens is changed and encoded with a header that tells the
truth, so that most are accepted and differ in structure; and bytes of a blob are
changed, so that most are wrong somewhere.
"""

from __future__ import annotations

import random

from plaintree import BEGIN_NODE, END, END_NODE, NOP, PROP, begin, blob, cell, prop

Token = tuple[int, bytes, int]  # kind, name or value, offset of a property's name

NAMES = (
    b"reg\0phandle\0linux,phandle\0#address-cells\0my-reg\0\xfe\xff\0\0status\0reg\0"
)
OFFSETS = [0, 4, 12, 26, 41, 44, 48, 51, 52, 59, len(NAMES) - 1]
NODES = [b"a", b"b@1", b"b", b"cpus", b"cpu@0", b"\xfe", b"x" * 40, b"n,m+o_p.q-r"]
ODD_NODES = [b"", b"a/b", b"y" * 4096, b" ", b"@"]
VALUES = [b"", b"\0", b"\0\0\0\1", b"\0\0\0\2", b"okay\0", bytes(9), b"\xff" * 4]
CELLS = [0, 1, 2, 3, 4, 5, 9, 16, 17, 40, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]


def _prop(rng: random.Random) -> Token:
    """A property; now and then named by what may follow the usual names."""
    offset = rng.choice(OFFSETS) if rng.random() < 0.98 else len(NAMES)
    return PROP, rng.choice(VALUES), offset


def _subtree(rng: random.Random, depth: int) -> list[Token]:
    name = rng.choice(NODES) if depth else b""
    out: list[Token] = [(BEGIN_NODE, name, 0)]
    for _ in range(rng.randrange(4)):
        out.append(_prop(rng))
    for _ in range(rng.randrange(4) if depth < 3 else 0):
        out += _subtree(rng, depth + 1)
    return [*out, (END_NODE, b"", 0)]


def _token(rng: random.Random) -> Token:
    kind = rng.choice([BEGIN_NODE, END_NODE, PROP, PROP, NOP, NOP, END])
    if kind == PROP:
        return _prop(rng)
    return kind, rng.choice(ODD_NODES) if kind == BEGIN_NODE else b"", 0


def _shuffle(rng: random.Random, tokens: list[Token]) -> None:
    """One change: a token in, out, twice, elsewhere, or a subtree's name odd."""
    at, to = rng.randrange(len(tokens)), rng.randrange(len(tokens))
    kind = rng.randrange(6)
    if kind == 0:
        tokens.insert(at, _token(rng))
    elif kind == 1:
        tokens.insert(to, tokens.pop(at))
    elif kind == 2 and len(tokens) > 1:
        del tokens[at]
    elif kind == 3:
        tokens.insert(at, tokens[at])
    elif kind == 4:
        tokens.insert(at, (NOP, b"", 0))
    elif tokens[at][0] == BEGIN_NODE:
        tokens[at] = (BEGIN_NODE, rng.choice(ODD_NODES + NODES), 0)


def _encode(rng: random.Random, tokens: list[Token]) -> bytes:
    out = []
    for kind, data, offset in tokens:
        if kind == PROP:
            record = prop(offset, data)
            spare = -len(data) % 4
            if spare and rng.random() < 0.1:
                record = record[:-spare] + rng.randbytes(spare)
            out.append(record)
        else:
            out.append(begin(data) if kind == BEGIN_NODE else cell(kind))
    return b"".join(out)


def _aged(tokens: list[Token]) -> list[Token]:
    """Node names as versions below 16 have them: paths, more or less."""
    return [
        (kind, b"/" + data if kind == BEGIN_NODE else data, offset)
        for kind, data, offset in tokens
    ]


def _header(rng: random.Random, structure: int) -> dict[str, int]:
    """Odd but perhaps true: another version, sizes that reach a little too far."""
    odd: dict[str, int] = {}
    if rng.random() < 0.2:
        odd["version"] = rng.choice([16, 16, 16, 18, 17, 0x10000])
    if rng.random() < 0.1:
        odd["size_strings"] = rng.choice([0, 5, 43, len(NAMES) - 1, len(NAMES) + 1])
    if rng.random() < 0.1:
        odd["size_struct"] = structure + rng.choice([-8, -4, -1, 1, 4, len(NAMES)])
    if rng.random() < 0.05:
        odd["last_comp"] = rng.choice([0, 1, 15, 17, 18])
    if rng.random() < 0.1:
        odd["boot_cpu"] = rng.choice(CELLS)
    return odd


def structured(rng: random.Random) -> bytes:
    """A tree whose tokens were changed a few times, under a header to match."""
    tokens = [*_subtree(rng, 0), (END, b"", 0)]
    for _ in range(rng.choice([0, 0, 1, 1, 1, 2, 3])):
        _shuffle(rng, tokens)
    version = rng.choice([2, 3, 15]) if rng.random() < 0.05 else 17
    structure = _encode(rng, tokens if version == 17 else _aged(tokens))
    rsv = b""
    for _ in range(rng.choice([0, 0, 0, 1, 2])):
        rsv += bytes(7) + b"\1" + rng.choice([bytes(7) + b"\2", b"\xff" * 8])
    rsv += (bytes(8) if rng.random() < 0.9 else b"\7" * 8) + bytes(8)
    tail = rng.choice([b"", b"", b"junk"])
    names = NAMES + rng.choice([b"", b"", b"", b"\0", b"z" * 5000 + b"\0"])
    header = _header(rng, len(structure))
    if version < 16:
        header |= {"version": version, "last_comp": version}
    return blob(structure, names, rsv=rsv, tail=tail, **header)


def damaged(rng: random.Random, base: bytes) -> bytes:
    """A blob with one to four wrong bytes or cells, or cut off."""
    data = bytearray(base)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        kind = rng.randrange(5)
        at = rng.randrange(len(data))
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and len(data) >= 40:
            at = rng.randrange(10) * 4
            old = int.from_bytes(data[at : at + 4], "big")
            data[at : at + 4] = cell(old + rng.choice([-8, -4, -2, -1, 1, 2, 4, 8]))
        elif kind == 2:
            at &= ~3
            data[at : at + 4] = cell(rng.choice([*CELLS, at, len(data)]))
        elif kind == 3:
            data[at] = rng.randrange(256)
        elif rng.random() < 0.2:
            del data[at:]
            data[4:8] = cell(len(data))
    return bytes(data)


def mutant(seed: int) -> bytes:
    """The blob of a seed, always the same one."""
    rng = random.Random(seed)
    data = structured(rng)
    return damaged(rng, data) if rng.random() < 0.4 else data

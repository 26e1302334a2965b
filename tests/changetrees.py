"""Trees for tests of differences: any shape, names that stand twice, and an oracle.

A tree is `(name, [(property, value), ...], [child, ...])`. `tokens()` reads a blob's
structure block again, independently of the core: what must be equal, in order.
"""

from __future__ import annotations

import struct
from typing import Any

from hypothesis import strategies as st
from plaintree import BEGIN_NODE, END, END_NODE, PROP, begin, blob, cell, prop

from pydlpar import DeviceTree

Spec = tuple[str, list[tuple[str, bytes]], list[Any]]


def make(spec: Spec, *, rsv: bytes = b"", boot_cpu: int = 0, order: int = 1) -> bytes:
    """The blob of a tree; *order* -1 gives names the offsets in another order."""
    names: dict[str, None] = {}
    todo = [spec]
    while todo:
        _, props, children = todo.pop()
        names |= dict.fromkeys(name for name, _ in props)
        todo += children
    offsets, strings = {}, b""
    for name in list(names)[::order]:
        offsets[name] = len(strings)
        strings += name.encode() + b"\0"
    out = []
    nodes: list[Spec | None] = [("", *spec[1:])]
    while nodes:
        node = nodes.pop()
        if node is None:
            out.append(cell(END_NODE))
            continue
        out.append(begin(node[0].encode()))
        out += [prop(offsets[name], value) for name, value in node[1]]
        nodes += [None, *reversed(node[2])]
    structure = b"".join(out) + cell(END)
    return blob(structure, strings, rsv=rsv + bytes(16), boot_cpu=boot_cpu)


def tokens(tree: DeviceTree) -> list[object]:
    """Header, names and values of a tree as it is written out, in order."""
    data = tree.to_dtb()
    head = struct.unpack_from(">10I", data)
    strings, at = head[3], head[2]
    found: list[object] = [head[7], data[head[4] : at]]
    while True:
        (token,) = struct.unpack_from(">I", data, at)
        at += 4
        if token == END:
            return found
        if token == END_NODE:
            found.append(token)
        elif token == BEGIN_NODE:
            end = data.index(b"\0", at)
            found.append(data[at:end])
            at = (end + 4) & ~3
        else:
            assert token == PROP
            length, name = struct.unpack_from(">II", data, at)
            name += strings
            value = data[at + 8 : at + 8 + length]
            found.append((data[name : data.index(b"\0", name)], value))
            at = (at + 11 + length) & ~3


_values = st.sampled_from([b"", b"\0", b"abcd", b"abce", b"12345"])
_names = st.sampled_from(["", "[1]", "a", "b", "c", "d", "e", "a[2]", "phandle", "é"])


def specs(*, unique: bool) -> Any:
    """Any small tree; names of siblings differ, or need not."""
    one = {"unique_by": lambda item: item[0]} if unique else {}
    kinds = st.sampled_from(["a", "b", "c", "x@1", "x@2", "a[2]"])
    props = st.lists(st.tuples(_names, _values), max_size=5, **one)

    def node(children: Any) -> Any:
        return st.tuples(kinds, props, children)

    return st.recursive(
        node(st.just([])),
        lambda inner: node(st.lists(inner, max_size=5, **one)),
        max_leaves=14,
    )


def change_cpus(new: DeviceTree) -> None:
    """Give a machine another CPU, and its `/cpus` other properties."""
    new.remove_node("/cpus/cpu@0")
    new.add_node("/cpus/cpu@1", {"reg": cell(1)})
    new.add_node("/cpus/cpu@1/cache", {})
    new["/cpus"]["a"] = cell(2)
    new["/cpus"]["new"] = b""
    del new["/cpus"]["gone"]

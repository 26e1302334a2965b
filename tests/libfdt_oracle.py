"""libfdt itself as an oracle: its verdict on a blob, and what it finds in one.

Two builds of it where both are there: the one inside pylibfdt, and the system's.
Called through ctypes, so names and values are bytes and nothing is decoded.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from plaintree import BEGIN_NODE, END, END_NODE, PROP

from pydlpar import DeviceTree, Node
from pydlpar.names import encode_name

# The names of libfdt.h, by the number that its functions return negated.
ERRORS = {
    1: "NOTFOUND",
    4: "BADOFFSET",
    8: "TRUNCATED",
    9: "BADMAGIC",
    10: "BADVERSION",
    11: "BADSTRUCTURE",
    14: "BADNCELLS",
    19: "ALIGNMENT",
}


Properties = list[tuple[bytes, bytes]]


class Content(NamedTuple):
    """All that a blob says; nodes in tree order with their depth, the root's 0."""

    boot_cpu: int
    reservations: list[tuple[int, int]]
    nodes: list[tuple[int, bytes, Properties]]


class Libfdt:
    """The functions of one libfdt that the tests ask."""

    def __init__(self, path: str) -> None:
        self._lib = ctypes.CDLL(path)
        self._lib.fdt_get_name.restype = ctypes.c_void_p
        self._lib.fdt_getprop_by_offset.restype = ctypes.c_void_p
        self._int = ctypes.c_int()
        self._name = ctypes.c_char_p()

    def check_full(self, data: bytes) -> str:
        """OK, or the name of the error; as the C function, of exactly these bytes."""
        rc = self._lib.fdt_check_full(self._buffer(data), ctypes.c_size_t(len(data)))
        return "OK" if rc == 0 else ERRORS.get(-rc, str(rc))

    @staticmethod
    def _buffer(data: bytes) -> ctypes.Array[ctypes.c_char]:
        return ctypes.create_string_buffer(data, len(data))

    def _tokens(self, fdt: object) -> Iterator[tuple[int, int]]:
        at, after = 0, ctypes.c_int()
        while True:
            tag = self._lib.fdt_next_tag(fdt, at, ctypes.byref(after))
            yield tag, at
            at = after.value
            if tag == END:
                return

    def _bytes(self, address: int) -> bytes:
        return ctypes.string_at(address, self._int.value)

    def _property(self, fdt: object, at: int) -> tuple[bytes, bytes]:
        value = self._lib.fdt_getprop_by_offset(
            fdt, at, ctypes.byref(self._name), ctypes.byref(self._int)
        )
        return self._name.value or b"", self._bytes(value)

    def content(self, data: bytes) -> Content:
        """What a blob that `check_full()` accepts says, by libfdt's reading."""
        fdt, lib = self._buffer(data), self._lib
        nodes: list[tuple[int, bytes, Properties]] = []
        length, depth = ctypes.byref(self._int), 0
        for tag, at in self._tokens(fdt):
            if tag == BEGIN_NODE:
                name = lib.fdt_get_name(fdt, at, length)
                nodes.append((depth, self._bytes(name), []))
                depth += 1
            elif tag == END_NODE:
                depth -= 1
            elif tag == PROP:
                nodes[-1][2].append(self._property(fdt, at))
        return Content(
            int.from_bytes(data[28:32], "big"), self._reservations(fdt), nodes
        )

    def _reservations(self, fdt: object) -> list[tuple[int, int]]:
        address, size = ctypes.c_uint64(), ctypes.c_uint64()
        found = []
        for i in range(self._lib.fdt_num_mem_rsv(fdt)):
            self._lib.fdt_get_mem_rsv(fdt, i, ctypes.byref(address), ctypes.byref(size))
            found.append((address.value, size.value))
        return found

    def path_props(self, data: bytes, path: bytes) -> Properties | None:
        """The properties of the node that a path leads to, or None."""
        fdt = self._buffer(data)
        at = self._lib.fdt_path_offset_namelen(fdt, path, len(path))
        if at < 0:
            return None
        found = []
        at = self._lib.fdt_first_property_offset(fdt, at)
        while at >= 0:
            found.append(self._property(fdt, at))
            at = self._lib.fdt_next_property_offset(fdt, at)
        return found


def pylibfdt() -> Libfdt:
    """The libfdt inside pylibfdt, or a skipped test."""
    module = pytest.importorskip("_libfdt", reason="pylibfdt is not installed")
    found = Libfdt(module.__file__)
    if not hasattr(found._lib, "fdt_next_tag"):
        pytest.skip("this build of pylibfdt hides the functions of libfdt")
    return found


def every_libfdt() -> dict[str, Libfdt]:
    """All that are here: pylibfdt's, and the system's where there is one."""
    found = {"pylibfdt": pylibfdt()}
    system = ctypes.util.find_library("fdt")
    if system:
        found["system"] = Libfdt(system)
    return found


def node_props(node: Node) -> Properties:
    """All properties, those hidden by another of their name too."""
    return [(encode_name(k), v) for k, v in node.properties.pairs()]


def tree_content(tree: DeviceTree) -> Content:
    """What the tree says, in the oracle's words."""
    depths: dict[int, int] = {}
    nodes = []
    for node in tree.nodes():
        above = node.parent
        depths[node.handle] = depth = depths[above.handle] + 1 if above else 0
        nodes.append((depth, encode_name(node.name), node_props(node)))
    return Content(tree.boot_cpu, [tuple(r) for r in tree.reservations], nodes)

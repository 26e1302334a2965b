"""The peer pylibfdt: libfdt's own binding, from the package registry.

An edit that changes a size makes the offsets behind it stale. Where the edit alone is
timed, offsets come from a rehearsal of the same edits; the cycle looks up by path
within the clock, as a caller has to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import libfdt

from bench.peers import MORE, OPERATIONS, SAME, Case, Peer, cell, changed, nothing
from pydlpar import DeviceTree

__all__ = ["Pylibfdt"]

_SLACK = 1 << 18


class Pylibfdt(Peer):
    """libfdt in C, behind SWIG."""

    name = "pylibfdt"
    has = tuple(operation for operation in OPERATIONS if operation != "dts")
    fdt: libfdt.Fdt

    def _renew(self) -> None:
        self.fdt = libfdt.Fdt(self.sample.blob)
        self.fdt.resize(len(self.sample.blob) + _SLACK)

    def _offsets(
        self, paths: Sequence[str], edit: Callable[[int, int], Any]
    ) -> list[int]:
        """Where each node will be when its turn comes: the edits, rehearsed."""
        self._renew()
        found = []
        for k, path in enumerate(paths):
            found.append(self.fdt.path_offset(path))
            edit(found[-1], k)
        return found

    def parse(self) -> Case:
        """Its constructor looks at the header only: the check is made part of it."""
        blob, n = self.sample.blob, self.sample.n_nodes

        def run() -> libfdt.Fdt:
            fdt = libfdt.Fdt(blob)
            libfdt.check_err(libfdt.fdt_check_full(fdt._fdt, len(fdt._fdt)))
            return fdt

        def check(fdt: libfdt.Fdt) -> None:
            at, depth, seen = 0, 0, 0
            while at >= 0 and depth >= 0:
                seen += 1
                at, depth = fdt.next_node(at, depth, (libfdt.NOTFOUND,))
            assert seen == n

        return Case(1, run, check)

    def path(self) -> Case:
        self._renew()
        fdt, paths = self.fdt, self.paths

        def check(found: list[int]) -> None:
            assert [fdt.get_name(at) for at in found] == self.leaf

        return Case(len(paths), lambda: [fdt.path_offset(p) for p in paths], check)

    def phandle(self) -> Case:
        self._renew()
        numbers, find = self.phandles, self.fdt.node_offset_by_phandle

        def check(found: list[int]) -> None:
            assert [self.fdt.get_phandle(at) for at in found] == numbers

        return Case(len(numbers), lambda: [find(n) for n in numbers], check)

    def get(self) -> Case:
        offsets, get = self._offsets(self.paths, lambda *_: None), self.fdt.getprop
        pairs = list(zip(offsets, self.get_names, strict=True))
        tree = DeviceTree.from_dtb(self.sample.blob)

        def check(values: list[libfdt.Property]) -> None:
            names = zip(self.paths, self.get_names, strict=True)
            assert values == [tree[path][name] for path, name in names]

        return Case(len(pairs), lambda: [get(at, name) for at, name in pairs], check)

    def _write_values(self, name: str, values: Sequence[bytes]) -> Case:
        offsets = self._offsets(
            self.paths, lambda at, k: self.fdt.setprop(at, name, values[k])
        )

        def run() -> None:
            setprop = self.fdt.setprop
            for at, value in zip(offsets, values, strict=True):
                setprop(at, name, value)

        def check(_: None) -> None:
            found = [self.fdt.path_offset(p) for p in self.paths]
            assert [self.fdt.getprop(at, name) for at in found] == values

        return Case(len(values), run, check, self._renew)

    def set(self) -> Case:
        return self._write_values(self.sample.set, self.cells)._replace(setup=nothing)

    def grow(self) -> Case:
        name = self.sample.grow
        offsets = self._offsets(self.paths, lambda *_: None)
        values = [bytes(self.fdt.getprop(at, name)) + cell(0) for at in offsets]
        return self._write_values(name, values)

    def add(self) -> Case:
        def run() -> int:
            fdt = self.fdt
            parent = fdt.path_offset(self.sample.parent)
            for name, props in zip(self.new, self.short, strict=True):
                at = fdt.add_subnode(parent, name)
                for key, value in props.items():
                    fdt.setprop(at, key, value)
            return int(parent)

        def check(parent: int) -> None:
            for name, props in zip(self.new, self.short, strict=True):
                at = self.fdt.subnode_offset(parent, name)
                assert {k: self.fdt.getprop(at, k) for k in props} == props

        return Case(self.count, run, check, self._renew)

    def remove(self) -> Case:
        paths = self.removable()
        offsets = self._offsets(paths, lambda at, _: self.fdt.del_node(at))

        def run() -> None:
            del_node = self.fdt.del_node
            for at in offsets:
                del_node(at)

        def check(_: None) -> None:
            gone = (libfdt.NOTFOUND,)
            found = [self.fdt.path_offset(p, gone) for p in paths]
            assert found == [-libfdt.NOTFOUND] * len(paths)

        return Case(len(paths), run, check, self._renew)

    def cycle(self) -> Case:
        self._renew()
        fdt, above = self.fdt, self.sample.parent

        def run() -> list[bool]:
            right = []
            for name, props in zip(self.new, self.props, strict=True):
                at = fdt.add_subnode(fdt.path_offset(above), name)
                for key, value in props.items():
                    fdt.setprop(at, key, value)
                found = fdt.path_offset(f"{above}/{name}")
                right.append(found == at)
                fdt.del_node(found)
            return right

        def check(right: list[bool]) -> None:
            assert right == [True] * self.count

        return Case(self.count, run, check)

    def _write(self, name: str, more: bytes) -> Case:
        offset = self._offsets(self.paths[:1], lambda *_: None)[0]
        before = bytes(self.fdt.getprop(offset, name))
        value = changed(before, more)

        def undo() -> None:
            self.fdt.resize(len(self.sample.blob) + _SLACK)
            self.fdt.setprop(offset, name, before)

        def run() -> bytes:
            self.fdt.setprop(offset, name, value)
            self.fdt.pack()
            return bytes(self.fdt.as_bytearray())

        def check(blob: bytes) -> None:
            assert DeviceTree.from_dtb(blob)[self.paths[0]][name] == value

        return Case(1, run, check, undo)

    def write(self) -> Case:
        return self._write(self.sample.grow, MORE)

    def write_same(self) -> Case:
        return self._write(self.sample.set, SAME)

"""The peers written in Python: pyfdt and fdt.

Both hold a tree of objects, so nodes and properties are found outside the clock like
handles and offsets elsewhere. Reading 10 000 nodes takes them seconds: a tree is read
once and kept, and the set-up of a round undoes what the round before did.
"""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import fdt
from pyfdt import pyfdt

from bench.peers import MORE, SAME, Case, Peer, cell, changed
from bench.trees import LARGE, load
from pydlpar import DeviceTree

__all__ = ["Fdt", "Pyfdt"]


def _read_pyfdt(blob: bytes) -> pyfdt.Fdt:
    return pyfdt.FdtBlobParse(io.BytesIO(blob)).to_fdt()


@cache
def _pyfdt_tree(label: str) -> pyfdt.Fdt:
    return _read_pyfdt(load(label).blob)


@cache
def _fdt_tree(label: str) -> fdt.FDT:
    return fdt.parse_dtb(load(label).blob)


class _Objects(Peer, ABC):
    """What the two have in common; how a library does a thing is in its class."""

    tree: Any
    most_nodes = LARGE - 1

    @abstractmethod
    def _find(self, path: str) -> Any: ...

    @abstractmethod
    def _set(self, node: Any, name: str, value: bytes) -> None: ...

    @abstractmethod
    def _has(self, path: str) -> bool: ...

    @abstractmethod
    def _get(self, node: Any, name: str) -> Any:
        """A property as the library gives it."""

    @abstractmethod
    def _raw(self, found: Any) -> bytes:
        """The bytes of such a property."""

    def _value(self, node: Any, name: str) -> bytes:
        return self._raw(self._get(node, name))

    @abstractmethod
    def _make(self, parent: Any, name: str, props: dict[str, bytes]) -> Any: ...

    @abstractmethod
    def _remove(self, parent: Any, name: str) -> None: ...

    @abstractmethod
    def _by_phandle(self, number: int) -> Any: ...

    def path(self) -> Case:
        find, paths = self._find, self.paths

        def check(found: list[Any]) -> None:
            assert [node.name for node in found] == self.leaf

        return Case(len(paths), lambda: [find(p) for p in paths], check)

    def phandle(self) -> Case:
        """A walk of the whole tree for each, so for one only."""
        numbers, find = self.phandles[:1], self._by_phandle

        def check(found: list[Any]) -> None:
            assert [self._value(n, "phandle") for n in found] == [
                cell(n) for n in numbers
            ]

        return Case(1, lambda: [find(n) for n in numbers], check)

    def get(self) -> Case:
        pairs = [
            (self._find(p), name)
            for p, name in zip(self.paths, self.get_names, strict=True)
        ]
        tree, get = DeviceTree.from_dtb(self.sample.blob), self._get

        def check(found: list[Any]) -> None:
            names = zip(self.paths, self.get_names, strict=True)
            assert [self._raw(item) for item in found] == [
                tree[path][name] for path, name in names
            ]

        return Case(len(pairs), lambda: [get(n, name) for n, name in pairs], check)

    def _write_values(self, name: str, values: Sequence[bytes]) -> Case:
        nodes = [self._find(p) for p in self.paths]
        before = [self._value(node, name) for node in nodes]

        def setup() -> None:
            for node, value in zip(nodes, before, strict=True):
                self._set(node, name, value)

        def run() -> None:
            write = self._set
            for node, value in zip(nodes, values, strict=True):
                write(node, name, value)

        def check(_: None) -> None:
            assert [self._value(node, name) for node in nodes] == values
            setup()

        return Case(len(values), run, check, setup)

    def set(self) -> Case:
        return self._write_values(self.sample.set, self.cells)

    def grow(self) -> Case:
        name = self.sample.grow
        values = [self._value(self._find(p), name) + cell(0) for p in self.paths]
        return self._write_values(name, values)

    def dts(self) -> Case:
        tree, n = self.tree, self.sample.n_nodes

        def check(text: str) -> None:
            assert text.count("};") == n

        return Case(1, tree.to_dts, check)

    def _take_away(self, parent: Any) -> Callable[[], None]:
        def remove() -> None:
            for name in self.new:
                if self._has(f"{self.sample.parent}/{name}"):
                    self._remove(parent, name)

        return remove

    def add(self) -> Case:
        parent = self._find(self.sample.parent)
        take_away = self._take_away(parent)

        def run() -> list[Any]:
            pairs = zip(self.new, self.short, strict=True)
            return [self._make(parent, name, props) for name, props in pairs]

        def check(made: list[Any]) -> None:
            for node, props in zip(made, self.short, strict=True):
                assert {k: self._value(node, k) for k in props} == props
            take_away()

        return Case(self.count, run, check, take_away)

    def remove(self) -> Case:
        places = [path.rpartition("/") for path in self.removable()]
        pairs = [(self._find(above or "/"), name) for above, _, name in places]
        nodes = [self._find(path) for path in self.removable()]

        def put_back() -> None:
            for (parent, _), node, path in zip(
                pairs, nodes, self.removable(), strict=True
            ):
                if not self._has(path):
                    parent.append(node)

        def run() -> None:
            remove = self._remove
            for parent, name in pairs:
                remove(parent, name)

        def check(_: None) -> None:
            assert not any(self._has(path) for path in self.removable())
            put_back()

        return Case(len(pairs), run, check, put_back)

    def cycle(self) -> Case:
        above = self.sample.parent

        def run() -> list[bool]:
            right = []
            for name, props in zip(self.new, self.props, strict=True):
                parent = self._find(above)
                made = self._make(parent, name, props)
                right.append(self._find(f"{above}/{name}") is made)
                self._remove(parent, name)
            return right

        def check(right: list[bool]) -> None:
            assert right == [True] * self.count

        return Case(self.count, run, check)

    def _write(self, name: str, more: bytes) -> Case:
        node = self._find(self.paths[0])
        before = self._value(node, name)
        value = changed(before, more)

        def run() -> bytes:
            self._set(node, name, value)
            blob: bytes = self.tree.to_dtb()
            return blob

        def check(blob: bytes) -> None:
            assert DeviceTree.from_dtb(blob)[self.paths[0]][name] == value
            self._set(node, name, before)

        return Case(1, run, check, lambda: self._set(node, name, before))

    def write(self) -> Case:
        return self._write(self.sample.grow, MORE)

    def write_same(self) -> Case:
        return self._write(self.sample.set, SAME)


class Pyfdt(_Objects):
    """pyfdt 0.3."""

    name = "pyfdt"

    @property
    def tree(self) -> pyfdt.Fdt:
        return _pyfdt_tree(self.sample.label)

    def parse(self) -> Case:
        blob = self.sample.blob

        def check(tree: pyfdt.Fdt) -> None:
            assert tree.resolve_path(self.paths[0]).name == self.leaf[0]

        return Case(1, lambda: _read_pyfdt(blob), check)

    def _find(self, path: str) -> Any:
        return self.tree.resolve_path(path)

    def _set(self, node: Any, name: str, value: bytes) -> None:
        node[node.index(name)] = pyfdt.FdtProperty.new_raw_property(name, value)

    def _has(self, path: str) -> bool:
        return self._find(path) is not None

    def _get(self, node: Any, name: str) -> Any:
        return node[node.index(name)]

    def _raw(self, found: Any) -> bytes:
        """From its flattened form: to_raw() fails under Python 3."""
        record: bytes = found.dtb_represent("")[0]
        length = int.from_bytes(record[4:8], "big")
        return record[12 : 12 + length]

    def _make(self, parent: Any, name: str, props: dict[str, bytes]) -> Any:
        node = pyfdt.FdtNode(name)
        for key, value in props.items():
            node.add_raw_attribute(key, value)
        parent.append(node)
        node.set_parent_node(parent)
        return node

    def _remove(self, parent: Any, name: str) -> None:
        parent.remove(name)

    def _by_phandle(self, number: int) -> Any:
        """It has no such look-up: the walk that it offers, up to the node."""
        for path, item in self.tree.get_rootnode().walk():
            if path.endswith("/phandle") and item.words == [number]:
                return self.tree.resolve_path(path.removesuffix("/phandle"))
        raise LookupError(f"phandle {number:#x}")


class Fdt(_Objects):
    """fdt 0.3.3 (molejar/pyFDT)."""

    name = "fdt"

    @property
    def tree(self) -> fdt.FDT:
        return _fdt_tree(self.sample.label)

    def parse(self) -> Case:
        blob = self.sample.blob

        def check(tree: fdt.FDT) -> None:
            assert tree.get_node(self.paths[0]).name == self.leaf[0]

        return Case(1, lambda: fdt.parse_dtb(blob), check)

    def _find(self, path: str) -> Any:
        return self.tree.get_node(path)

    def _set(self, node: Any, name: str, value: bytes) -> None:
        node.set_property(name, value)

    def _has(self, path: str) -> bool:
        return bool(self.tree.exist_node(path))

    def _get(self, node: Any, name: str) -> Any:
        return node.get_property(name)

    def _raw(self, found: Any) -> bytes:
        if isinstance(found, fdt.PropBytes):
            return bytes(found.data)
        if isinstance(found, fdt.PropWords):
            return b"".join(cell(word) for word in found.data)
        if isinstance(found, fdt.PropStrings):
            return b"".join(text.encode() + b"\0" for text in found.data)
        assert type(found) is fdt.Property
        return b""

    def _make(self, parent: Any, name: str, props: dict[str, bytes]) -> Any:
        node = fdt.Node(name)
        for key, value in props.items():
            node.set_property(key, value or None)
        parent.append(node)
        return node

    def _remove(self, parent: Any, name: str) -> None:
        parent.remove_subnode(name)

    def _by_phandle(self, number: int) -> Any:
        for item in self.tree.search("phandle", fdt.ItemType.PROP_WORDS):
            if item.value == number:
                return item.parent
        raise LookupError(f"phandle {number:#x}")

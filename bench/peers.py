"""What is measured from Python: one operation of one library as a `Case`.

A case runs an operation over some items of a sample. What it needs is made in its
set-up, outside the clock, before every round; what it did is checked after the last.
Peers are used as their own documentation shows, and none is asked to do more than
the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from bench.trees import LARGE, Sample
from pydlpar import Column, DeviceTree, Node, NodeArray

__all__ = [
    "ITEMS",
    "MORE",
    "OPERATIONS",
    "SAME",
    "Case",
    "Peer",
    "Pydlpar",
    "cell",
    "changed",
    "nothing",
]

OPERATIONS = (
    "parse",
    "path",
    "phandle",
    "get",
    "set",
    "grow",
    "add",
    "remove",
    "cycle",
    "write",
    "write-same",
    "dts",
)

ITEMS = 64
"""Items of a round: enough that the clock costs nothing, few for the slow ones."""

FEW = 4
"""Items of a round on the largest tree."""

BATCH = 1_000
"""Cycles of a batch."""

_SHORT = 10


def nothing() -> None:
    """A set-up with nothing to do."""


class Case(NamedTuple):
    """An operation ready to be timed.

    Attributes:
        items: how many operations one `run()` does.
        run: the only part within the clock; its result goes to `check`.
        check: raises AssertionError unless every item was done right.
        setup: to be called before every `run()`.
    """

    items: int
    run: Callable[[], Any]
    check: Callable[[Any], None]
    setup: Callable[[], None] = nothing


def cell(number: int) -> bytes:
    """A property value of one cell."""
    return number.to_bytes(4, "big")


MORE, SAME = bytes(4), b""


def changed(value: bytes, more: bytes) -> bytes:
    """Another value, longer by *more*."""
    return bytes(byte ^ 1 for byte in value) + more


class Peer:
    """A library: methods named as in `OPERATIONS`, each of which makes a case."""

    name: str
    has: Sequence[str] = OPERATIONS
    most_nodes = LARGE
    """Of a tree that it reads within seconds."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.count = ITEMS if sample.n_nodes < LARGE else FEW
        self.paths = list(sample.paths[: self.count])
        self.leaf = [p.rpartition("/")[2] for p in self.paths]
        self.new = [f"PowerPC,POWER9@f{k:05x}" for k in range(self.count)]
        self.props = [sample.new_props(k) for k in range(self.count)]
        self.short = [dict(list(p.items())[:_SHORT]) for p in self.props]
        known = [number for number, _ in sample.phandles]
        self.phandles = [known[k % len(known)] for k in range(self.count)]
        self.get_names = [
            sample.get[k % len(sample.get)] for k in range(len(self.paths))
        ]
        self.cells = [cell(k) for k in range(len(self.paths))]

    def case(self, operation: str) -> Case:
        """The case of an operation."""
        made: Case = getattr(self, operation.replace("-", "_"))()
        return made

    def removable(self) -> list[str]:
        """Paths of the round that no other path lies below."""
        inner = {p.rpartition("/")[0] for p in self.sample.paths}
        return [p for p in self.paths if p not in inner]


class Pydlpar(Peer):
    """This library, call by call."""

    name = "pydlpar"
    has = (
        *OPERATIONS,
        "cycle-template",
        "cycle-batch",
        "cycle-batch-alike",
        "cycle-undone",
        "path-many",
        "get-many",
    )
    tree: DeviceTree
    nodes: list[Node]

    def _renew(self) -> None:
        self.tree = DeviceTree.from_dtb(self.sample.blob)
        self.nodes = [self.tree[p] for p in self.paths]

    def parse(self) -> Case:
        blob, n = self.sample.blob, self.sample.n_nodes

        def check(tree: DeviceTree) -> None:
            assert len(tree) == n

        return Case(1, lambda: DeviceTree.from_dtb(blob), check)

    def path(self) -> Case:
        self._renew()
        tree, paths = self.tree, self.paths

        def check(found: list[Node]) -> None:
            assert [node.path for node in found] == paths

        return Case(len(paths), lambda: [tree[p] for p in paths], check)

    def phandle(self) -> Case:
        self._renew()
        numbers, find = self.phandles, self.tree.by_phandle

        def check(found: list[Node]) -> None:
            assert [node.u32("phandle") for node in found] == numbers

        return Case(len(numbers), lambda: [find(n) for n in numbers], check)

    def get(self) -> Case:
        self._renew()
        pairs = list(zip(self.nodes, self.get_names, strict=True))

        def check(values: list[bytes]) -> None:
            assert values == [node.properties[name] for node, name in pairs]

        return Case(len(pairs), lambda: [n[name] for n, name in pairs], check)

    def _write_values(self, name: str, values: Sequence[bytes]) -> Case:
        def run() -> None:
            for node, value in zip(self.nodes, values, strict=True):
                node[name] = value

        def check(_: None) -> None:
            assert [node[name] for node in self.nodes] == values

        return Case(len(values), run, check, self._renew)

    def set(self) -> Case:
        self._renew()
        return self._write_values(self.sample.set, self.cells)._replace(setup=nothing)

    def grow(self) -> Case:
        self._renew()
        name = self.sample.grow
        return self._write_values(name, [node[name] + cell(0) for node in self.nodes])

    def add(self) -> Case:
        def run() -> list[Node]:
            tree = self.tree
            parent = tree[self.sample.parent]
            pairs = zip(self.new, self.short, strict=True)
            return [tree.add_child(parent, name, props) for name, props in pairs]

        def check(made: list[Node]) -> None:
            assert [n.name for n in made] == self.new
            assert [n.properties.as_dict() for n in made] == self.short

        return Case(self.count, run, check, self._renew)

    def remove(self) -> Case:
        paths = self.removable()

        def setup() -> None:
            self._renew()
            self.nodes = [self.tree[p] for p in paths]

        def run() -> None:
            remove = self.tree.remove
            for node in self.nodes:
                remove(node)

        def check(_: None) -> None:
            assert not any(p in self.tree for p in paths)

        return Case(len(paths), run, check, setup)

    def _new_paths(self) -> list[str]:
        return [f"{self.sample.parent}/{name}" for name in self.new]

    def _check_cycles(self, right: list[bool]) -> None:
        assert right == [True] * self.count
        assert len(self.tree) == self.sample.n_nodes

    def cycle(self) -> Case:
        self._renew()
        tree, props, paths = self.tree, self.props, self._new_paths()

        def run() -> list[bool]:
            right = []
            for path, values in zip(paths, props, strict=True):
                made = tree.add_node(path, values)
                right.append(tree[path] == made)
                tree.remove(made)
            return right

        return Case(self.count, run, self._check_cycles)

    def cycle_template(self) -> Case:
        self._renew()
        tree, names = self.tree, self.new
        template, parent = tree.template(self.props[0]), tree.handle(self.sample.parent)
        same = self.props[0].items()
        patches = [template.encode_patch(dict(p.items() - same)) for p in self.props]
        work = list(zip(names, self._new_paths(), patches, strict=True))

        def run() -> list[bool]:
            right = []
            for name, path, patch in work:
                made = template.stamp(parent, name, patch)
                right.append(tree.handle(path) == made)
                tree.remove(made)
            return right

        return Case(self.count, run, self._check_cycles)

    def cycle_undone(self) -> Case:
        self._renew()
        tree, before = self.tree, self.tree.to_dtb()
        paths = self._new_paths()

        def run() -> list[bool]:
            right = []
            for path, props in zip(paths, self.props, strict=True):
                with tree.transaction() as transaction:
                    made = tree.add_node(path, props)
                    right.append(tree[path] == made)
                    transaction.rollback()
            return right

        def check(right: list[bool]) -> None:
            assert right == [True] * self.count
            assert tree.to_dtb() == before

        return Case(self.count, run, check)

    def cycle_batch(self) -> Case:
        """Each node with values of its own, as CPUs have."""
        return self._cycle_batch(dict(self.props[1].items() - self.props[0].items()))

    def cycle_batch_alike(self) -> Case:
        """Nodes that differ in nothing but their names."""
        return self._cycle_batch({})

    def _cycle_batch(self, patch: dict[str, bytes]) -> Case:
        """Prepared outside the clock, and run again and again."""
        self._renew()
        tree, parent = self.tree, self.tree[self.sample.parent]
        template, batch = tree.template(self.props[0]), tree.batch()
        for k in range(BATCH):
            name = f"PowerPC,POWER9@f{k:05x}"
            batch.stamp(parent, name, template, patch)
            batch.remove(batch.find(parent, name))
        prepared = batch.prepare()

        def check(made: NodeArray) -> None:
            handles = made.handles.tolist()
            assert handles[::3] == handles[1::3]
            assert min(handles[::3]) > 0
            assert len(tree) == self.sample.n_nodes

        return Case(BATCH, prepared.run, check)

    def path_many(self) -> Case:
        self._renew()
        tree = self.tree
        paths = (list(self.sample.paths) * BATCH)[:BATCH]

        def check(found: NodeArray) -> None:
            assert [node.path for node in found if node] == paths

        return Case(BATCH, lambda: tree.paths(paths), check)

    def get_many(self) -> Case:
        self._renew()
        tree, name = self.tree, self.sample.set
        paths = (list(self.sample.paths) * BATCH)[:BATCH]
        nodes = tree.paths(paths)

        def check(column: Column) -> None:
            assert list(column) == [tree[path][name] for path in paths]

        return Case(BATCH, lambda: tree.column(nodes, name), check)

    def _write(self, name: str, more: bytes) -> Case:
        """A property changed, then the tree written out."""
        self._renew()
        node = self.nodes[0]
        before = node[name]
        value = changed(before, more)

        def undo() -> None:
            node[name] = before

        def run() -> bytes:
            node[name] = value
            return self.tree.to_dtb()

        def check(blob: bytes) -> None:
            assert DeviceTree.from_dtb(blob)[self.paths[0]][name] == value

        return Case(1, run, check, undo)

    def dts(self) -> Case:
        tree, n = DeviceTree.from_dtb(self.sample.blob), self.sample.n_nodes

        def check(text: str) -> None:
            assert text.count("};") == n

        return Case(1, tree.to_dts, check)

    def write(self) -> Case:
        return self._write(self.sample.grow, MORE)

    def write_same(self) -> Case:
        return self._write(self.sample.set, SAME)

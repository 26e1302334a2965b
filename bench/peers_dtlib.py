"""The peer dtlib: Zephyr's reader of source text, from the package `devicetree`.

It reads and prints, but changes nothing; it has no reader of blobs, so the tree is
given to it as text, once, outside the clock.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from devicetree import dtlib

from bench.peers import Case, Peer, cell
from bench.trees import load
from pydlpar import DeviceTree

__all__ = ["Dtlib"]


@cache
def _tree(label: str) -> dtlib.DT:
    text = DeviceTree.from_dtb(load(label).blob).to_dts()
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "tree.dts"
        file.write_text(text, encoding="utf-8")
        return dtlib.DT(str(file), force=True)


class Dtlib(Peer):
    """Objects behind dicts; names and phandles are keys."""

    name = "dtlib"
    has = ("path", "phandle", "get", "dts")
    most_nodes = 2_000

    @property
    def tree(self) -> dtlib.DT:
        return _tree(self.sample.label)

    def path(self) -> Case:
        find, paths = self.tree.get_node, self.paths

        def check(found: list[dtlib.Node]) -> None:
            assert [node.path for node in found] == paths

        return Case(len(paths), lambda: [find(p) for p in paths], check)

    def phandle(self) -> Case:
        numbers, table = self.phandles, self.tree.phandle2node

        def check(found: list[dtlib.Node]) -> None:
            values = [node.props["phandle"].value for node in found]
            assert values == [cell(number) for number in numbers]

        return Case(len(numbers), lambda: [table[n] for n in numbers], check)

    def get(self) -> Case:
        names = zip(self.paths, self.get_names, strict=True)
        pairs = [(self.tree.get_node(path), name) for path, name in names]
        tree = DeviceTree.from_dtb(self.sample.blob)
        values = [tree[node.path][name] for node, name in pairs]

        def check(found: list[bytes]) -> None:
            assert found == values

        return Case(len(pairs), lambda: [n.props[k].value for n, k in pairs], check)

    def dts(self) -> Case:
        tree = self.tree

        def check(text: str) -> None:
            assert text.startswith("/dts-v1/;")
            assert text.count("{") == self.sample.n_nodes

        return Case(1, lambda: str(tree), check)

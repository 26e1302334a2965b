"""Fragments that are attached to one tree again and again, decoded once.

The same CPU comes and goes many times, and firmware delivers the same nodes each time.
What came before is attached from templates; the result is that of `DeviceTree.graft`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from pydlpar.errors import DlparError, StaleHandleError
from pydlpar.node import Node, node_at

if TYPE_CHECKING:
    from pydlpar.edits import Template
    from pydlpar.tree import DeviceTree

__all__ = ["Grafts"]

_MOST = 1024
"""Fragments that are known at a time; a template takes about as much as its own."""

_Stamps = list[tuple[str, "Template"]]


class Grafts:
    """What has been attached to a tree.

    Args:
        tree: the tree; it holds the templates.
    """

    def __init__(self, tree: DeviceTree) -> None:
        self._tree = tree
        # None: attached once, and not decoded yet.
        self._known: dict[bytes, _Stamps | None] = {}

    def attach(self, parent: Node, fragment: bytes) -> list[Node]:
        """Attach a fragment below *parent*, or nothing; as `DeviceTree.graft`."""
        stamps = self._known.get(fragment)
        if not stamps:
            nodes = self._tree.graft(parent, fragment)
            if stamps is None:
                self._learn(fragment)
            return nodes
        made: list[Node] = []
        tree, above = self._tree, self._tree.own(parent)
        try:
            for name, template in stamps:
                made.append(node_at(tree, template.stamp(above, name)))
        except DlparError:
            # A name that is taken, or a template that a roll-back has taken along.
            for node in made:
                tree.remove(node)
            del self._known[fragment]
            return tree.graft(parent, fragment)
        return made

    def _learn(self, fragment: bytes) -> None:
        """Make templates of what has come twice, where its nodes are plain."""
        if fragment not in self._known:
            if len(self._known) >= _MOST:
                self._forget()
            self._known[fragment] = None
            return
        nodes = self._tree.from_dtb(fragment).root.children
        make = self._tree.template
        plain = nodes if all(map(_is_plain, nodes)) else []
        self._known[fragment] = [
            (node.name, make(node.properties.as_dict())) for node in plain
        ]

    def _forget(self) -> None:
        for stamps in self._known.values():
            for _, template in stamps or ():
                with suppress(StaleHandleError):  # taken along by a roll-back
                    template.close()
        self._known.clear()


def _is_plain(node: Node) -> bool:
    """Whether it has no children, and no two properties of one name."""
    names = [name for name, _ in node.properties.pairs()]
    return not node.children and len(set(names)) == len(names)

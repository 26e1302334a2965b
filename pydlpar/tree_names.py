"""Other names of nodes: aliases, labels, and what firmware chose.

Source: Devicetree Specification 0.4, 3.3 (/aliases), 3.6 (/chosen); dtc's
Documentation/dt-object-internal.txt (/__symbols__); Linux drivers/of/base.c
(of_find_node_opts_by_path), where `:` ends a path and options follow.
"""

from __future__ import annotations

from typing import NamedTuple

from pydlpar._ffi import lib
from pydlpar.errors import NotFoundError
from pydlpar.names import decode_name
from pydlpar.node import Node
from pydlpar.tree_lookup import TreeLookup

__all__ = ["Stdout", "TreeNames"]

_NOTFOUND = lib.DLPAR_ERR_NOTFOUND
_STDOUT = ("stdout-path", "linux,stdout-path")


class Stdout(NamedTuple):
    """The console that firmware chose, and what is said of it: `115200n8`."""

    node: Node
    options: str


class TreeNames(TreeLookup):
    """What `DeviceTree` has to find nodes by other names."""

    __slots__ = ()

    @property
    def aliases(self) -> dict[str, str]:
        """Aliases and their paths; a property that is no absolute path is none."""
        return self._paths("/aliases")

    @property
    def symbols(self) -> dict[str, str]:
        """Labels and their paths, of a blob compiled with them (`dtc -@`)."""
        return self._paths("/__symbols__")

    def alias(self, name: str) -> Node:
        """The node of an alias; `tree["serial0/a"]` also finds those below it.

        Raises:
            NotFoundError: no such alias, or no node has its path.
        """
        return self._by_path_in("/aliases", name)

    def by_label(self, label: str) -> Node:
        """The node of a label.

        Raises:
            NotFoundError: no such label, or no node has its path.
        """
        return self._by_path_in("/__symbols__", label)

    @property
    def chosen(self) -> Node:
        """The node /chosen.

        Raises:
            NotFoundError: there is none.
        """
        return self["/chosen"]

    @property
    def stdout(self) -> Stdout:
        """The console: `stdout-path` of /chosen, else `linux,stdout-path`.

        Raises:
            NotFoundError: neither is there, or no node has the path or alias.
            TreeError: it is no string.
        """
        chosen = self.chosen
        name = next((name for name in _STDOUT if name in chosen), _STDOUT[0])
        path, _, options = chosen.string(name).partition(":")
        node = self.get(path) if path else None
        if node is None:
            raise NotFoundError(
                f"{chosen.path}, property {name!r}: no node has the path or alias "
                f"{path!r}",
                _NOTFOUND,
            )
        return Stdout(node, options)

    def _paths(self, where: str) -> dict[str, str]:
        node = self.get(where)
        if node is None:
            return {}
        found = {}
        for name, value in node.properties.as_dict().items():
            path, nul, _ = value.partition(b"\0")
            if nul and path[:1] == b"/":
                found[name] = decode_name(path)
        return found

    def _by_path_in(self, where: str, name: str) -> Node:
        path = self._paths(where).get(name)
        if path is None:
            raise NotFoundError(
                f"{where}, property {name!r}: no absolute path", _NOTFOUND
            )
        node = self.get(path)
        if node is None:
            raise NotFoundError(
                f"{where}, property {name!r}: no node {path!r}", _NOTFOUND
            )
        return node

"""Paths as Linux resolves them: whole names, no guess at a unit address.

Source: Linux drivers/of/base.c `of_find_node_opts_by_path`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydlpar.names import decode_name

if TYPE_CHECKING:
    from pydlpar.node import Node
    from pydlpar.tree import DeviceTree

__all__ = ["c_string", "find_path"]


def c_string(data: bytes) -> bytes:
    """What C string functions see of *data*: the bytes before the first NUL."""
    return data[: data.index(0)] if 0 in data else data


def find_path(tree: DeviceTree, path: bytes) -> Node | None:
    """The node of a path, or None.

    Options behind a colon do not count; the first component of a path that does
    not begin with a slash is an alias. An alias of an alias, which Linux follows
    for ever if it leads back, is none.
    """
    if path == b"/":
        return tree.root
    path = path.partition(b":")[0]
    head, slash, rest = path.partition(b"/")
    node: Node | None = tree.root
    if head or not slash:
        aliases = tree.root.child("aliases")
        target = None if aliases is None else aliases.get(decode_name(head))
        if target is None or not target.startswith(b"/"):
            return None
        node = find_path(tree, c_string(target))
    if slash:
        for name in rest.split(b"/"):
            node = node.child(decode_name(name)) if node and name else None
    return node

"""A device tree as source text, and what differs between two trees.

Values are shown as dtc shows those of a blob: text where all of it can be read,
else cells, else bytes. That is for the eye: a type is guessed nowhere else.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pydlpar.node import Node
    from pydlpar.tree import DeviceTree

__all__ = ["Change", "change_lines", "compare", "tree_text", "value_text"]

_ESCAPES = {
    0x00: "\\0",
    0x07: "\\a",
    0x08: "\\b",
    0x09: "\\t",
    0x0A: "\\n",
    0x0B: "\\v",
    0x0C: "\\f",
    0x0D: "\\r",
    0x22: '\\"',
    0x5C: "\\\\",
}
_TEXT = frozenset(range(0x20, 0x7F)) | {7, 8, 9, 10, 11, 12, 13, 0}


class Change(NamedTuple):
    """One difference between two trees.

    Attributes:
        kind: `add` or `remove` (a node, with its subtree), or `set` (a property).
        path: of the node.
        name: of the property; None for a node.
        old: value before; None when there was none.
        new: value after; None when there is none.
    """

    kind: str
    path: str
    name: str | None = None
    old: bytes | None = None
    new: bytes | None = None


def _is_text(value: bytes) -> bool:
    nuls = value.count(0)
    return (
        value[-1] == 0
        and nuls <= len(value) - nuls
        and all(byte in _TEXT for byte in value)
    )


def value_text(value: bytes) -> str:
    """A property value in source form, by dtc's rule for blobs; `""` for none."""
    if not value:
        return ""
    if _is_text(value):
        text = "".join(_ESCAPES.get(byte) or chr(byte) for byte in value[:-1])
        return f'"{text}"'
    if len(value) % 4 == 0:
        cells = struct.unpack(f">{len(value) // 4}I", value)
        return f"<{' '.join(f'0x{cell:02x}' for cell in cells)}>"
    return f"[{value.hex(' ')}]"


def _prop_line(name: str, value: bytes) -> str:
    return f"{name} = {value_text(value)};" if value else f"{name};"


def _node_lines(top: Node) -> Iterator[str]:
    """A subtree, one line at a time; without recursion: depth is not limited."""
    todo: list[tuple[int, Node | None]] = [(0, top)]
    while todo:
        depth, node = todo.pop()
        indent = "\t" * depth
        if node is None:
            yield f"{indent}}};"
            continue
        if node is not top:
            yield ""
        yield f"{indent}{node.name or '/'} {{"
        for name, value in node.properties.as_dict().items():
            yield f"{indent}\t{_prop_line(name, value)}"
        todo.append((depth, None))
        todo.extend((depth + 1, child) for child in reversed(node.children))


def tree_text(tree: DeviceTree) -> str:
    """A whole tree as source text."""
    lines = ["/dts-v1/;", ""]
    for entry in tree.reservations:
        lines.append(f"/memreserve/\t{entry.address:#018x} {entry.size:#018x};")
    lines += _node_lines(tree.root)
    return "\n".join(lines) + "\n"


def _by_name(node: Node) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for child in node.children:
        found.setdefault(child.name, child)
    return found


def _compare_props(
    path: str, old: Mapping[str, bytes], new: Mapping[str, bytes]
) -> Iterator[Change]:
    for name, value in old.items():
        if new.get(name) != value:
            yield Change("set", path, name, value, new.get(name))
    for name, value in new.items():
        if name not in old:
            yield Change("set", path, name, None, value)


def compare(old: Node, new: Node) -> Iterator[Change]:
    """What turns the subtree *old* into *new*, by content; order does not count."""
    todo = [(old, new)]
    while todo:
        before, after = todo.pop()
        path = before.path
        yield from _compare_props(
            path, before.properties.as_dict(), after.properties.as_dict()
        )
        was, now = _by_name(before), _by_name(after)
        for name, child in was.items():
            if name not in now:
                yield Change("remove", child.path)
        for name, child in now.items():
            if name not in was:
                yield Change("add", child.path)
        todo.extend((was[name], now[name]) for name in reversed(was) if name in now)


def change_lines(
    changes: list[Change], old: DeviceTree, new: DeviceTree
) -> Iterator[str]:
    """Changes as a diff: `-` what was, `+` what is, under the path of the node."""
    for change in changes:
        if change.kind == "set":
            name = str(change.name)
            yield f"@@ {change.path} @@"
            if change.old is not None:
                yield f"-{_prop_line(name, change.old)}"
            if change.new is not None:
                yield f"+{_prop_line(name, change.new)}"
            continue
        tree, sign = (new, "+") if change.kind == "add" else (old, "-")
        above, _, _ = change.path.rpartition("/")
        yield f"@@ {above or '/'} @@"
        for line in _node_lines(tree[change.path]):
            yield f"{sign}{line}"

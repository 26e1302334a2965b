"""A device tree as source text.

Values are shown as dtc shows those of a blob: text where all of it can be read,
else cells, else bytes. That is for the eye: a type is guessed nowhere else.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydlpar.node import Node
    from pydlpar.tree import DeviceTree

__all__ = ["node_lines", "prop_line", "tree_text", "value_text"]

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


def prop_line(name: str, value: bytes) -> str:
    """A property in source form."""
    return f"{name} = {value_text(value)};" if value else f"{name};"


def node_lines(top: Node) -> Iterator[str]:
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
            yield f"{indent}\t{prop_line(name, value)}"
        todo.append((depth, None))
        todo.extend((depth + 1, child) for child in reversed(node.children))


def tree_text(tree: DeviceTree) -> str:
    """A whole tree as source text."""
    lines = ["/dts-v1/;", ""]
    for entry in tree.reservations:
        lines.append(f"/memreserve/\t{entry.address:#018x} {entry.size:#018x};")
    lines += node_lines(tree.root)
    return "\n".join(lines) + "\n"

"""A plain-Python device tree: slow, obvious, written from the specification.

The reference that the C core is compared with, and the writer of blobs, right and
wrong, for tests. Source: Devicetree Specification 0.4, chapter 5.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

BEGIN_NODE, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9


def cell(value: int) -> bytes:
    return struct.pack(">I", value & 0xFFFFFFFF)


def pad(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def begin(name: bytes = b"") -> bytes:
    return cell(BEGIN_NODE) + pad(name + b"\0")


def prop(nameoff: int, value: bytes) -> bytes:
    return cell(PROP) + cell(len(value)) + cell(nameoff) + pad(value)


def blob(
    structure: bytes,
    strings: bytes = b"",
    *,
    rsv: bytes = bytes(16),
    version: int = 17,
    boot_cpu: int = 0,
    tail: bytes = b"",
    **header: int,
) -> bytes:
    """A blob around a structure block; *header* overrides fields of the header."""
    size = 40 if version >= 17 else 36
    rsv_off = size + -size % 8
    fields = {
        "magic": 0xD00DFEED,
        "total": 0,
        "struct_off": rsv_off + len(rsv),
        "strings_off": rsv_off + len(rsv) + len(structure),
        "rsv_off": rsv_off,
        "version": version,
        "last_comp": 16,
        "boot_cpu": boot_cpu,
        "size_strings": len(strings),
        "size_struct": len(structure),
    }
    fields["total"] = fields["strings_off"] + len(strings)
    fields.update(header)
    values = list(fields.values())[: size // 4]
    head = b"".join(cell(value) for value in values)
    return head + bytes(rsv_off - size) + rsv + structure + strings + tail


@dataclass
class PlainNode:
    """A node: ordered properties, ordered children."""

    name: str
    props: dict[str, bytes] = field(default_factory=dict)
    children: list[PlainNode] = field(default_factory=list)

    def child(self, name: str) -> PlainNode | None:
        return next((c for c in self.children if c.name == name), None)

    def content(self) -> tuple[object, ...]:
        """All of it, as something to compare."""
        return (
            self.name,
            list(self.props.items()),
            [child.content() for child in self.children],
        )


class PlainTree:
    """A tree of `PlainNode`, with the edits that the core has."""

    def __init__(self) -> None:
        self.root = PlainNode("")

    def node(self, path: str) -> PlainNode | None:
        at: PlainNode | None = self.root
        for part in path.split("/"):
            if part and at is not None:
                at = at.child(part)
        return at

    def paths(self) -> list[str]:
        """Paths of all nodes in tree order."""
        found = []
        todo = [("/", self.root)]
        while todo:
            path, node = todo.pop()
            found.append(path)
            base = "" if path == "/" else path
            todo += [(f"{base}/{c.name}", c) for c in reversed(node.children)]
        return found

    def set(self, path: str, name: str, value: bytes) -> None:
        self.node(path).props[name] = value

    def unset(self, path: str, name: str) -> bool:
        return self.node(path).props.pop(name, None) is not None

    def add(self, path: str, name: str, props: dict[str, bytes]) -> bool:
        parent = self.node(path)
        if parent.child(name):
            return False
        parent.children.append(PlainNode(name, dict(props)))
        return True

    def remove(self, path: str) -> None:
        above, _, name = path.rpartition("/")
        parent = self.node(above or "/")
        parent.children.remove(parent.child(name))

    def by_phandle(self, phandle: int) -> str | None:
        """Path of the first node in tree order that has it."""
        for path in self.paths():
            props = self.node(path).props
            for name in ("phandle", "linux,phandle", "ibm,phandle"):
                if len(props.get(name, b"")) == 4:
                    if props[name] == cell(phandle):
                        return path
                    break
        return None

    def to_dtb(self) -> bytes:
        """A version 17 blob; names in the strings block in order of first use."""
        strings: dict[str, int] = {}
        size = 0
        out = []
        todo: list[PlainNode | None] = [self.root]
        while todo:
            node = todo.pop()
            if node is None:
                out.append(cell(END_NODE))
                continue
            out.append(begin(node.name.encode()))
            for name, value in node.props.items():
                if name not in strings:
                    strings[name] = size
                    size += len(name.encode()) + 1
                out.append(prop(strings[name], value))
            todo += [None, *reversed(node.children)]
        names = b"".join(name.encode() + b"\0" for name in strings)
        return blob(b"".join(out) + cell(END), names)


def content(tree) -> tuple[object, ...]:
    """What `PlainNode.content()` says, of a `DeviceTree`."""

    def of(node):
        return (
            node.name,
            list(node.properties.as_dict().items()),
            [of(child) for child in node.children],
        )

    return of(tree.root)

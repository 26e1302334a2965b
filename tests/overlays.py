"""Bases and overlays for tests, written by hand; and trees as something to compare."""

from __future__ import annotations

from plaintree import PlainTree, cell

from pydlpar import DeviceTree


def blob(nodes: dict[str, dict[str, bytes]]) -> bytes:
    """A blob of nodes by path; a parent stands before its children."""
    tree = PlainTree()
    for path, props in nodes.items():
        above, _, name = path.rpartition("/")
        if name:
            tree.add(above or "/", name, props)
        else:
            tree.root.props.update(props)
    return tree.to_dtb()


def base(**symbols: str) -> DeviceTree:
    """Two nodes with phandles 1 and 7, one without, and symbols for them."""
    names = {"soc": "/soc", "uart": "/soc/uart@0", "bare": "/bare", **symbols}
    nodes = {
        "/": {},
        "/soc": {"phandle": cell(1), "ranges": b""},
        "/soc/uart@0": {"phandle": cell(7), "status": b"disabled\0"},
        "/bare": {},
        "/user": {"uart": cell(7)},
        "/aliases": {"serial0": b"/soc/uart@0\0"},
        "/__symbols__": {k: v.encode() + b"\0" for k, v in names.items()},
    }
    return DeviceTree.from_dtb(blob(nodes))


def overlay(
    content: dict[str, dict[str, bytes]],
    target: dict[str, bytes] | None = None,
    **meta: dict[str, bytes],
) -> bytes:
    """One fragment with *content*, by path below `__overlay__`; more at the root.

    *meta*: `fixups`, `symbols`, the properties of those nodes.
    """
    nodes: dict[str, dict[str, bytes]] = {
        "/": {},
        "/fragment@0": target or {"target-path": b"/soc\0"},
    }
    for path, props in content.items():
        nodes[f"/fragment@0/__overlay__{path}"] = props
    nodes |= {f"/__{name}__": props for name, props in meta.items()}
    return blob(nodes)


def with_local_fixups(
    content: dict[str, dict[str, bytes]], local: dict[str, dict[str, bytes]]
) -> bytes:
    """As `overlay()`, with a mirror of it that holds the local fixups."""
    tree = DeviceTree.from_dtb(overlay(content))
    for path in ("", "/fragment@0", "/fragment@0/__overlay__"):
        tree.add_node(f"/__local_fixups__{path}", {})
    for path, props in local.items():
        where = f"/__local_fixups__/fragment@0/__overlay__{path}"
        node = tree.get(where) or tree.add_node(where, {})
        for name, value in props.items():
            node[name] = value
    return tree.to_dtb()


def unordered(node):
    """All below a node but the order, which libfdt has another of."""
    return dict(node.properties.as_dict()), {
        child.name: unordered(child) for child in node.children
    }

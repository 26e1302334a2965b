"""`pydlpar tree show` and `get`: what a tree says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from pydlpar import DeviceTree, Node
from pydlpar.cli.output import Screen, write_bytes
from pydlpar.cli.sources import EMBEDDED, node_at, read_source
from pydlpar.cli.tree_values import json_value, pieces

__all__ = ["show"]

_MOST = 128
"""Bytes of a value that are shown without --full."""

_INDENT = "  "
_WIDEST_NAME = 34


def below(top: Node, depth: int | None) -> Iterator[tuple[int, Node]]:
    """A subtree in order, to a depth, without recursion: depth has no limit."""
    todo = [(0, top)]
    while todo:
        level, node = todo.pop()
        yield level, node
        if depth is None or level < depth:
            todo.extend((level + 1, child) for child in reversed(node.children))


def property_lines(
    screen: Screen, props: list[tuple[str, bytes]], most: int | None
) -> Iterator[str]:
    """Properties below each other, values beside them, wrapped on a terminal."""
    widest = max((len(name) for name, _ in props), default=0)
    column = min(widest, _WIDEST_NAME)
    for name, value in props:
        label = screen.visible(name)
        head = f"{_INDENT}{screen.paint(label, 'cyan')}"
        at = len(_INDENT) + len(label)
        start = len(_INDENT) + column + 2
        line = head
        if value:
            line += " " * max(start - at, 2)
            at = max(start, at + 2)
        yield from _wrapped(screen, line, at, start, list(pieces(name, value, most)))


def _wrapped(
    screen: Screen, line: str, at: int, start: int, words: list[tuple[str, str]]
) -> Iterator[str]:
    """A line of words, continued under the first one where it gets too long."""
    first = True
    for text, style in words:
        if not first:
            if screen.width and at + 1 + len(text) > screen.width:
                yield line
                line, at = " " * start, start
            else:
                line, at = f"{line} ", at + 1
        line, at, first = line + screen.paint(text, style), at + len(text), False
    yield line


def tree_lines(
    screen: Screen, tree: DeviceTree, top: Node, depth: int | None, most: int | None
) -> Iterator[str]:
    """Nodes with their properties, an empty line between them."""
    if top == tree.root:
        if tree.boot_cpu:
            yield screen.paint(f"boot CPU {tree.boot_cpu}", "dim")
        for entry in tree.reservations:
            text = f"reserved memory {entry.address:#018x} {entry.size:#x} bytes"
            yield screen.paint(text, "dim")
    for number, (_, node) in enumerate(below(top, depth)):
        if number:
            yield ""
        yield screen.paint(screen.visible(node.path), "bold blue")
        yield from property_lines(screen, node.properties.pairs(), most)


def tree_records(
    tree: DeviceTree, top: Node, depth: int | None
) -> Iterator[dict[str, Any]]:
    """The same as JSON objects: one of the tree, then one a node."""
    yield {
        "type": "tree",
        "nodes": len(tree),
        "boot_cpu": tree.boot_cpu,
        "reservations": [
            {"address": entry.address, "size": entry.size}
            for entry in tree.reservations
        ],
    }
    for _, node in below(top, depth):
        yield {
            "type": "node",
            "path": node.path,
            "phandle": node.phandle or None,
            "properties": [json_value(*pair) for pair in node.properties.pairs()],
        }


def source_text(tree: DeviceTree, top: Node) -> str:
    """DTS of the whole tree, or of a node with what is below it."""
    return tree.to_dts() if top == tree.root else top.to_dts()


@click.command(short_help="Show nodes and properties.")
@click.argument("file", default=EMBEDDED)
@click.argument("path", default="/")
@click.option(
    "-d",
    "--depth",
    type=click.IntRange(min=0),
    help="Levels below PATH to show; 0 is the node alone. Default: all.",
)
@click.option("--full", is_flag=True, help="Show long values whole.")
@click.option("-n", "--names", is_flag=True, help="Show paths only, one a line.")
@click.option(
    "--dts", is_flag=True, help="As source text (dtc -I dtb -O dts), from PATH on."
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON object a line: the tree, then each node.",
)
def show(
    file: str,
    path: str,
    depth: int | None,
    full: bool,
    names: bool,
    dts: bool,
    as_json: bool,
) -> None:
    """Show the nodes of FILE from PATH on, with their properties.

    FILE is a blob (also gzipped), a directory such as /proc/device-tree, source text
    (.dts), `-` for standard input, or @pseries (the default), the embedded machine.

    \b
      pydlpar tree show                               # the embedded machine
      pydlpar tree show machine.dtb /cpus --depth 1
      pydlpar tree show /proc/device-tree --names
      pydlpar tree show machine.dtb --dts > machine.dts
      pydlpar tree show machine.dtb --json | jq .path

    Values are shown as lsprop does: as strings where they are printable, else in
    hexadecimal, with a single number also in decimal. Where programs read, name the
    type: see `pydlpar tree get --as`.

    A JSON node has `path`, `phandle` (or null) and `properties`, each with `name`,
    `length`, `hex`, and `strings` or `cells` (else null) for what it looks like.

    Exit status: 0 shown, 1 no such node, 2 bad input.
    """
    if names + dts + as_json > 1:
        raise click.UsageError("--names, --dts and --json exclude each other")
    if dts and depth is not None:
        raise click.UsageError("--dts shows all levels: --depth does not go with it")
    source = read_source(file)
    top = node_at(source, path)
    screen = Screen()
    if dts:
        text = source_text(source.tree, top)
        if screen.width is None:
            write_bytes(text.encode("utf-8", "surrogateescape"))
        else:
            screen.write(map(screen.visible_line, text.splitlines()))
    elif as_json:
        screen.write(map(json.dumps, tree_records(source.tree, top, depth)))
    elif names:
        screen.write(screen.visible(node.path) for _, node in below(top, depth))
    else:
        most = None if full else _MOST
        screen.write(tree_lines(screen, source.tree, top, depth, most))

"""`pydlpar tree get`: properties of a node, for people and for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable

import click

from pydlpar import Node
from pydlpar.cli.output import Screen, write_bytes
from pydlpar.cli.sources import MissingError, Source, node_at, read_source
from pydlpar.cli.tree_values import KINDS, decode, json_value, pieces
from pydlpar.names import encode_name

__all__ = ["get"]


@click.command(short_help="Print properties of a node.")
@click.argument("file")
@click.argument("path")
@click.argument("properties", nargs=-1, metavar="[PROPERTY]...")
@click.option(
    "-a",
    "--as",
    "kind",
    type=click.Choice(KINDS),
    help="What the value is: u8 to u64 are printed in decimal, cells in hexadecimal; "
    "raw is the bytes as they are. Default: as `show` does.",
)
@click.option(
    "--default",
    metavar="TEXT",
    help="What to print where the node or the property is missing.",
)
@click.option(
    "-p", "--properties", "list_props", is_flag=True, help="List their names."
)
@click.option("-n", "--nodes", "list_nodes", is_flag=True, help="List the children.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a property.")
def get(
    file: str,
    path: str,
    properties: tuple[str, ...],
    kind: str | None,
    default: str | None,
    list_props: bool,
    list_nodes: bool,
    as_json: bool,
) -> None:
    """Print PROPERTYs of the node PATH in FILE, one a line.

    \b
      pydlpar tree get @pseries /cpus/PowerPC,POWER9@0 reg --as u32
      pydlpar tree get @pseries / compatible --as strings
      pydlpar tree get @pseries / no-such --default none
      pydlpar tree get @pseries /cpus --properties      # fdtget -p
      pydlpar tree get @pseries / --nodes               # fdtget -l
      pydlpar tree get @pseries /chosen rng-seed --as raw > seed

    Strings of one property come one a line, numbers on one line.

    Exit status: 0 printed, 1 no such node or property, 2 bad input, or a value that
    is not what --as says.
    """
    if list_props + list_nodes + bool(properties) != 1:
        raise click.UsageError("give PROPERTYs, or one of --properties and --nodes")
    if kind == "raw" and (as_json or len(properties) != 1):
        raise click.UsageError("--as raw is for one PROPERTY, and not for --json")
    if default is not None and (as_json or not properties):
        raise click.UsageError("--default is for PROPERTYs, and not for --json")
    source = read_source(file)
    screen = Screen()
    try:
        node: Node | None = node_at(source, path)
    except MissingError:
        if default is None:
            raise
        node = None
    if node is not None and not properties:
        names = (
            (child.name for child in node.children) if list_nodes else node.properties
        )
        screen.write(map(screen.visible, names))
        return
    for name in properties:
        value = None if node is None else node.get(name)
        if value is None or node is None:
            if default is None:
                raise MissingError(f"{source.shown}: {path} has no property {name!r}")
            click.echo(default)
        elif as_json:
            click.echo(json.dumps(_record(source, node, name, value, kind)))
        else:
            _print(screen, source, node, name, value, kind)


def _where(source: Source, node: Node, name: str) -> str:
    return f"{source.shown}: {node.path}, property {name!r}"


def _record(
    source: Source, node: Node, name: str, value: bytes, kind: str | None
) -> dict[str, object]:
    record: dict[str, object] = {"type": "property", "path": node.path}
    if kind is None:
        return record | json_value(name, value)
    words = decode(value, kind, _where(source, node, name))
    return record | {
        "name": name,
        "as": kind,
        "value": words[0] if kind in ("string", "hex") else words,
    }


def _print(
    screen: Screen,
    source: Source,
    node: Node,
    name: str,
    value: bytes,
    kind: str | None,
) -> None:
    if kind == "raw":
        write_bytes(value)
    elif kind is None:
        words = (screen.paint(*piece) for piece in pieces(name, value, None))
        screen.write([" ".join(words)])
    elif kind in ("string", "strings"):
        _print_strings(
            screen, map(str, decode(value, kind, _where(source, node, name)))
        )
    else:
        form = "{:#010x}" if kind == "cells" else "{}"
        found = decode(value, kind, _where(source, node, name))
        screen.write([" ".join(form.format(word) for word in found)])


def _print_strings(screen: Screen, texts: Iterable[str]) -> None:
    """A line each: harmless on a terminal, byte for byte in a pipe."""
    if screen.width is not None:
        screen.write(map(screen.visible, texts))
        return
    write_bytes(b"".join(encode_name(text) + b"\n" for text in texts))

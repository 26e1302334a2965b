"""`pydlpar tree set`, `create`, `delete` and `from-fs`: trees that are written."""

from __future__ import annotations

import errno
import os

import click
from rich.console import Console

from pydlpar import DeviceTree, DlparError, Node
from pydlpar.cli.output import write_file
from pydlpar.cli.sources import (
    STDIN,
    InputError,
    MissingError,
    Source,
    is_directory,
    node_at,
)
from pydlpar.cli.tree_edited import begin, writes
from pydlpar.cli.tree_values import KINDS, encode
from pydlpar.cli.words import counted

__all__ = ["create", "delete", "from_fs", "set_property"]

_EVERY = 256
"""Directories between two words about how far it is."""


def _make(source: Source, path: str, parents: bool) -> Node:
    """Add the node of a path; with *parents*, what is missing of it.

    Raises:
        InputError: a name is not allowed; or a node is there, without *parents*.
        MissingError: the parent is missing, without *parents*.
    """
    tree = source.tree
    at = node_at(source, "/")
    names = [name for name in path.split("/") if name]
    if not path.startswith("/") or not names:
        raise InputError(f"{path!r} is no path of a node below the root")
    try:
        for number, name in enumerate(names, 1):
            child = at.child(name)
            is_last = number == len(names)
            if child is None:
                if not parents and not is_last:
                    raise MissingError(
                        f"{source.shown}: no node {at.path.rstrip('/')}/{name}: "
                        "--parents makes it"
                    )
                child = tree.add_child(at, name, {})
            elif is_last and not parents:
                raise _ExistsError(f"{source.shown}: there is a node {path} already")
            at = child
    except DlparError as error:
        raise InputError(f"{source.shown}: {error}") from None
    return at


class _ExistsError(InputError):
    """What is to be made is there. Exit status 1."""

    exit_code = 1


@click.command("set", short_help="Give a property a value.")
@click.argument("file")
@click.argument("path")
@click.argument("property_name", metavar="PROPERTY")
@click.argument("values", nargs=-1, metavar="[VALUE]...")
@click.option(
    "-a",
    "--as",
    "kind",
    type=click.Choice(KINDS),
    help="What the VALUEs are. Numbers may be decimal or 0x...; cells and hex are "
    "hexadecimal; raw is a file with the bytes.",
)
@click.option("-p", "--parents", is_flag=True, help="Add the nodes of PATH not there.")
@writes
def set_property(
    file: str,
    path: str,
    property_name: str,
    values: tuple[str, ...],
    kind: str | None,
    parents: bool,
    output: str | None,
    in_place: bool,
    diff: bool,
) -> None:
    """Give a PROPERTY of the node PATH in FILE a value; without VALUE, an empty one.

    \b
      pydlpar tree set machine.dtb /chosen bootargs "quiet" --as string -i
      pydlpar tree set machine.dtb / compatible a,b c,d --as strings -i --diff
      pydlpar tree set machine.dtb /memory@0 reg 0 0x80000000 --as u64 -o new.dtb
      pydlpar tree set machine.dtb /a/b flag --parents -o - | dtc -I dtb -O dts
      pydlpar tree set machine.dtb / n --as u32 -i -- -1

    Exit status: 0 written, 1 no such node, 2 bad input.
    """
    if values and kind is None:
        raise click.UsageError("--as says what the VALUEs are: a type is never guessed")
    edit = begin(file, output, in_place, diff)
    try:
        node = node_at(edit.source, path)
    except MissingError:
        if not parents:
            raise
        node = _make(edit.source, path, parents)
    try:
        node[property_name] = encode(values, kind or "hex")
    except DlparError as error:
        raise InputError(f"{edit.source.shown}: {error}") from None
    edit.finish()


@click.command(short_help="Add nodes.")
@click.argument("file")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "-p",
    "--parents",
    is_flag=True,
    help="Add what is missing of each PATH, and nothing where it is there already.",
)
@writes
def create(
    file: str,
    paths: tuple[str, ...],
    parents: bool,
    output: str | None,
    in_place: bool,
    diff: bool,
) -> None:
    """Add nodes without properties to FILE, each as the last child of its parent.

    \b
      pydlpar tree create machine.dtb /options -i           # fdtput -c
      pydlpar tree create machine.dtb /a/b/c -p -o new.dtb  # fdtput -cp

    Exit status: 0 written, 1 the node is there or its parent is not, 2 bad input.
    """
    edit = begin(file, output, in_place, diff)
    for path in paths:
        _make(edit.source, path, parents)
    edit.finish()


@click.command(short_help="Remove a node or properties.")
@click.argument("file")
@click.argument("path")
@click.argument("properties", nargs=-1, metavar="[PROPERTY]...")
@writes
def delete(
    file: str,
    path: str,
    properties: tuple[str, ...],
    output: str | None,
    in_place: bool,
    diff: bool,
) -> None:
    """Remove the node PATH with its subtree from FILE; or PROPERTYs of it.

    \b
      pydlpar tree delete machine.dtb /options -i             # fdtput -r
      pydlpar tree delete machine.dtb /chosen bootargs -i     # fdtput -d

    Exit status: 0 written, 1 no such node or property, 2 bad input.
    """
    edit = begin(file, output, in_place, diff)
    source = edit.source
    node = node_at(source, path)
    if not properties:
        if node.parent is None:
            raise InputError(f"{source.shown}: the root cannot be removed")
        source.tree.remove(node)
    for name in properties:
        if name not in node:
            raise MissingError(f"{source.shown}: {path} has no property {name!r}")
        del node[name]
    edit.finish()


@click.command("from-fs", short_help="Make a blob of a directory.")
@click.argument("directory", metavar="DIR")
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    required=True,
    help="Write the tree to OUT, gzipped if it ends in .gz; '-' is standard output.",
)
@click.option(
    "--skip-unreadable",
    is_flag=True,
    help="Leave out, and name, what cannot be read, as security-* properties.",
)
def from_fs(directory: str, output: str, skip_unreadable: bool) -> None:
    """Make a blob of DIR, a device tree of directories and files.

    \b
      pydlpar tree from-fs /proc/device-tree -o machine.dtb
      pydlpar tree from-fs /proc/device-tree -o - | dtc -I dtb -O dts

    A directory is a node, a file a property, both in alphabetical order.

    Exit status: 0 written, 2 something cannot be read.
    """
    if not is_directory(directory):
        code = errno.ENOTDIR if os.path.exists(directory) else errno.ENOENT
        raise InputError(f"{directory}: {os.strerror(code)}")
    console = Console(stderr=True)
    count = 0

    def skip(error: OSError) -> None:
        if not skip_unreadable:
            raise error
        status.stop()
        click.echo(f"pydlpar: {error.filename}: {error.strerror}, left out", err=True)
        status.start()

    def progress(path: str) -> None:
        nonlocal count
        count += 1
        if count % _EVERY == 0:
            status.update(f"{counted(count, 'node')}, {path}")

    with console.status(directory) as status:
        try:
            tree = DeviceTree.from_filesystem(
                directory, progress=progress, on_error=skip
            )
        except OSError as error:
            raise InputError(f"{error.filename}: {error.strerror}") from None
        except DlparError as error:
            raise InputError(f"{directory}: {error}") from None
        blob = tree.to_dtb()
    write_file(output, blob)
    if output != STDIN:
        click.echo(f"{output}: {counted(len(tree), 'node')}, {len(blob)} bytes")

"""Device trees in the forms of others: a directory, and `pyfdt` objects."""

from __future__ import annotations

import errno
import os
import string
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydlpar.errors import ArgumentError
from pydlpar.names import encode_name

if TYPE_CHECKING:
    import pyfdt.pyfdt

    from pydlpar.node import Node
    from pydlpar.tree import DeviceTree

__all__ = ["pyfdt_frame", "read_directory", "read_pyfdt", "write_pyfdt"]

_PYFDT_CHARACTERS = frozenset(string.printable)


def read_directory(
    tree: DeviceTree,
    path: str | os.PathLike[str],
    progress: Callable[[str], None] | None = None,
    on_error: Callable[[OSError], None] | None = None,
) -> None:
    """Add what a directory holds to an empty tree: files are properties.

    Arguments are those of `DeviceTree.from_filesystem()`.
    """
    todo: list[tuple[Node, str]] = [(tree.root, os.fspath(path))]
    while todo:
        node, directory = todo.pop()
        if progress is not None:
            progress(directory)
        try:
            with os.scandir(directory) as entries:
                listed = sorted(entries, key=lambda entry: encode_name(entry.name))
        except OSError as error:
            if on_error is None:
                raise
            on_error(error)
            continue
        for entry in listed:
            try:
                if _is_node(entry, directory):
                    child = tree.add_child(node, entry.name, {})
                    todo.append((child, entry.path))
                else:
                    node[entry.name] = _read_property(entry)
            except OSError as error:
                if on_error is None:
                    raise
                on_error(error)


def _is_node(entry: os.DirEntry[str], directory: str) -> bool:
    """Whether an entry is a directory; a link to one above it would have no end."""
    if not entry.is_dir():
        return False
    if entry.is_symlink():
        above = os.path.join(os.path.realpath(entry.path), "")
        if os.path.join(os.path.realpath(directory), "").startswith(above):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), entry.path)
    return True


def _read_property(entry: os.DirEntry[str]) -> bytes:
    if not entry.is_file() and os.path.exists(entry.path):
        # Opening a pipe would wait for its writer.
        raise OSError(errno.EINVAL, "neither file nor directory", entry.path)
    try:
        with open(entry.path, "rb") as file:
            return file.read()
    except OSError as error:
        error.filename = entry.path  # which a failing read() does not say
        raise


def pyfdt_frame(fdt: pyfdt.pyfdt.Fdt) -> bytes:
    """A blob without nodes: the boot CPU and the reserve map of a `pyfdt` tree.

    An entry of size 0 reserves nothing, and ends the map for all readers but
    `pyfdt`: it is left out.
    """
    from pyfdt.pyfdt import Fdt, FdtNode

    frame = Fdt(boot_cpuid_phys=fdt.header["boot_cpuid_phys"])
    frame.add_rootnode(FdtNode("/"))
    entries = fdt.reserve_entries or ()
    frame.add_reserve_entries([entry for entry in entries if entry["size"]])
    blob: bytes = frame.to_dtb()
    return blob


def read_pyfdt(tree: DeviceTree, fdt: pyfdt.pyfdt.Fdt) -> None:
    """Add the nodes of a `pyfdt` tree to an empty one; *fdt* is not touched.

    Raises:
        ArgumentError: *fdt* has no root, or a name that no node can have.
    """
    from pyfdt.pyfdt import FdtNode

    if fdt.get_rootnode() is None:
        raise ArgumentError("the pyfdt tree has no root node")
    todo = [(tree.root, fdt.get_rootnode())]
    for name, value in _pyfdt_values(fdt.get_rootnode()).items():
        tree.root[name] = value
    while todo:
        node, source = todo.pop()
        for child in source.subdata:
            if isinstance(child, FdtNode):
                values = _pyfdt_values(child)
                made = tree.add_child(node, child.get_name(), values)
                todo.append((made, child))


def _pyfdt_values(source: pyfdt.pyfdt.FdtNode) -> dict[str, bytes]:
    """The properties of a node, wherever they stand; of equal names the first."""
    from pyfdt.pyfdt import FdtProperty

    values: dict[str, bytes] = {}
    for item in source.subdata:
        if isinstance(item, FdtProperty):
            record, _, _ = item.dtb_represent("")
            length = int.from_bytes(record[4:8], "big")
            values.setdefault(item.get_name(), record[12 : 12 + length])
    return values


def write_pyfdt(tree: DeviceTree) -> pyfdt.pyfdt.Fdt:
    """A `pyfdt` tree with the content of *tree*.

    Raises:
        ArgumentError: a name that is not printable ASCII, which `pyfdt` refuses.
    """
    from pyfdt.pyfdt import Fdt, FdtNode

    fdt = Fdt(boot_cpuid_phys=tree.boot_cpu)
    fdt.add_reserve_entries([entry._asdict() for entry in tree.reservations])
    fdt.add_rootnode(FdtNode("/"))
    todo = [(tree.root, fdt.get_rootnode())]
    while todo:
        node, made = todo.pop()
        # Not by made.append(): it is slow, and takes no node of a property's name.
        for name, value in node.properties.items():
            made.subdata.append(_pyfdt_property(node, name, value))
        for child in node.children:
            inner = FdtNode(_pyfdt_name(child, child.name))
            inner.set_parent_node(made)
            made.subdata.append(inner)
            todo.append((child, inner))
    return fdt


def _pyfdt_property(node: Node, name: str, value: bytes) -> pyfdt.pyfdt.FdtProperty:
    from pyfdt.pyfdt import FdtProperty

    return FdtProperty.new_raw_property(_pyfdt_name(node, name), value)


def _pyfdt_name(node: Node, name: str) -> str:
    if not set(name) <= _PYFDT_CHARACTERS:
        raise ArgumentError(f"{node.path}, {name!r}: pyfdt takes only printable ASCII")
    return name

"""Device trees in the forms of others: a directory, and `pyfdt` objects."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from pydlpar.names import encode_name

if TYPE_CHECKING:
    import pyfdt.pyfdt

    from pydlpar.node import Node
    from pydlpar.tree import DeviceTree

__all__ = ["read_directory", "read_pyfdt", "write_pyfdt"]


def read_directory(tree: DeviceTree, path: str | os.PathLike[str]) -> None:
    """Add what a directory holds to an empty tree: files are properties."""
    todo: list[tuple[Node, str]] = [(tree.root, os.fspath(path))]
    while todo:
        node, directory = todo.pop()
        with os.scandir(directory) as entries:
            listed = sorted(entries, key=lambda entry: encode_name(entry.name))
        for entry in listed:
            if entry.is_dir():
                child = tree.add_child(node, entry.name, {})
                todo.append((child, entry.path))
            else:
                with open(entry.path, "rb") as file:
                    node[entry.name] = file.read()


def read_pyfdt(fdt: pyfdt.pyfdt.Fdt) -> bytes:
    """The blob of a `pyfdt` tree, at the version that this package reads."""
    fdt.header["version"] = 17
    fdt.header["last_comp_version"] = 16
    blob: bytes = fdt.to_dtb()
    return blob


def write_pyfdt(blob: bytes) -> pyfdt.pyfdt.Fdt:
    """A `pyfdt` tree from a blob."""
    from pyfdt.pyfdt import FdtBlobParse

    return FdtBlobParse(io.BytesIO(blob)).to_fdt()

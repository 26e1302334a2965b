"""Device trees in the forms of others: a directory, and `pyfdt` objects."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydlpar.names import encode_name

if TYPE_CHECKING:
    import pyfdt.pyfdt

    from pydlpar.node import Node
    from pydlpar.tree import DeviceTree

__all__ = ["read_directory", "read_pyfdt", "write_pyfdt"]


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

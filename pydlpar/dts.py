"""A device tree as source text.

Values are shown as dtc shows those of a blob: text where all of it can be read,
else cells, else bytes. That is for the eye: a type is guessed nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.errors import TreeError

if TYPE_CHECKING:
    from pydlpar.node import Node
    from pydlpar.tree import DeviceTree

__all__ = ["node_lines", "node_text", "prop_line", "tree_text", "value_text"]

_FLAG_HEADER = lib.DLPAR_DTS_HEADER
_FLAG_LISTS = lib.DLPAR_DTS_STRING_LISTS
_CHARS = ffi.typeof("char[]")
_LABELS = ffi.typeof("struct dlpar_tree_label[]")
_new = ffi.new_allocator(should_clear_after_alloc=False)


def value_text(value: bytes, *, string_lists: bool = False) -> str:
    """A property value in source form, by dtc's rule for blobs; `""` for none.

    Args:
        value: of any size.
        string_lists: a list of strings as `"a", "b"`, not as `"a\\0b"`.
    """
    flags = _FLAG_LISTS if string_lists else 0
    return _written(
        lambda out, cap: lib.dlpar_dts_value(out, cap, value, len(value), flags),
        "a value as source text",
    )


def prop_line(name: str, value: bytes) -> str:
    """A property in source form."""
    return f"{name} = {value_text(value)};" if value else f"{name};"


def _written(write: Callable[[Any, int], int], what: str) -> str:
    """The text that *write* puts into a buffer, once it told how long it is.

    Bytes that are not UTF-8, which names may have, become surrogates, as in names.
    """
    size = write(ffi.NULL, 0)
    if size <= 0:
        if size < 0:
            raise_error(size, what, decode_error=TreeError)
        return ""
    out = _new(_CHARS, size)
    if write(out, size) != size:
        raise_error(lib.DLPAR_ERR_BUSY, what)
    return str(ffi.buffer(out, size), "utf-8", "surrogateescape")


def _labels(tree: DeviceTree) -> tuple[Any, int]:
    """The labels that `__symbols__` gives, as a table for the core."""
    count = lib.dlpar_tree_labels(tree.ptr, ffi.NULL, 0)
    if not count:
        return ffi.NULL, 0
    table = ffi.new(_LABELS, count)
    if lib.dlpar_tree_labels(tree.ptr, table, count) != count:
        raise_error(lib.DLPAR_ERR_BUSY, "labels of a device tree")
    return table, count


def _text(node: Node, labels: bool, flags: int) -> str:
    tree = node.tree
    table, count = _labels(tree) if labels else (ffi.NULL, 0)
    return _written(
        lambda out, cap: lib.dlpar_tree_dts(
            tree.ptr, out, cap, node.handle, table, count, flags
        ),
        "a device tree as source text",
    )


def node_text(node: Node, *, labels: bool = False, string_lists: bool = False) -> str:
    """A node with its subtree as source text; see `Node.to_dts()`."""
    return _text(node, labels, _FLAG_LISTS if string_lists else 0)


def tree_text(
    tree: DeviceTree, *, labels: bool = False, string_lists: bool = False
) -> str:
    """A whole tree as source text; see `DeviceTree.to_dts()`."""
    flags = _FLAG_HEADER | (_FLAG_LISTS if string_lists else 0)
    return _text(tree.root, labels, flags)


def node_lines(top: Node) -> list[str]:
    """A subtree, one line at a time."""
    return node_text(top)[:-1].split("\n")

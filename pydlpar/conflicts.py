"""A difference carried out on a tree, and why it cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.changes import Change, Diff, change_at, split_label
from pydlpar.dts import value_text
from pydlpar.errors import ConflictError, TreeError

if TYPE_CHECKING:
    from pydlpar.node import Node
    from pydlpar.tree import DeviceTree

__all__ = ["patch"]

_NOTFOUND, _EXISTS = lib.DLPAR_ERR_NOTFOUND, lib.DLPAR_ERR_EXISTS
_CONFLICT = lib.DLPAR_ERR_CONFLICT
_WIDEST = 60


def patch(tree: DeviceTree, diff: Diff) -> None:
    """Carry a difference out; errors as of `DeviceTree.apply()`."""
    offset = ffi.new("size_t *")
    rc = lib.dlpar_tree_apply(tree.ptr, offset, diff.stream, len(diff.stream))
    if rc in (_NOTFOUND, _EXISTS, _CONFLICT):
        raise _reason(tree, change_at(diff, offset[0]), rc)
    if rc < 0:
        raise_error(rc, "difference", offset=offset[0], decode_error=TreeError)


def _reason(tree: DeviceTree, change: Change | str, code: int) -> ConflictError:
    """Why a change cannot be made, told from the tree, which is as it was."""
    if isinstance(change, str):
        return _no_node(tree, change, code)
    if change.name is not None:
        return _property(tree, change, change.name, code)
    if change.path == "/":
        return _header(tree, change, code)
    if code == _NOTFOUND:
        return _no_node(tree, change.path, code)
    if code == _EXISTS:
        text = f"{change.path}: expected no such node, found one"
        return ConflictError(text, code, path=change.path)
    if change.kind == "remove":
        return _subtree(tree, change, code)
    return _no_place(change, code)


def _child(node: Node, label: str) -> Node | None:
    nth, name = split_label(label)
    same = [child for child in node.children if child.name == name]
    return same[max(nth, 1) - 1] if len(same) >= max(nth, 1) else None


def _find(tree: DeviceTree, path: str) -> tuple[str, Node | None]:
    """The node of a path; or the first on the way that is not there, as None."""
    node, so_far = tree.root, ""
    for label in filter(None, path.split("/")):
        so_far += f"/{label}"
        child = _child(node, label)
        if child is None:
            return so_far, None
        node = child
    return path, node


def _no_node(tree: DeviceTree, path: str, code: int) -> ConflictError:
    missing, _ = _find(tree, path)
    return ConflictError(f"{missing}: expected a node, found none", code, path=missing)


def _no_place(change: Change, code: int) -> ConflictError:
    what = change.path if change.name is None else f"{change.path}, {change.name!r}"
    return ConflictError(
        f"{what}: expected {change.after!r} to stand before it, found none",
        code,
        path=change.path,
        name=change.name,
    )


def _shown(value: bytes | None) -> str:
    if value is None:
        return "none"
    text = value_text(value) or "an empty one"
    if len(text) <= _WIDEST:
        return text
    return f"{text[:_WIDEST]}... ({len(value)} bytes)"


def _property(tree: DeviceTree, change: Change, label: str, code: int) -> ConflictError:
    _, node = _find(tree, change.path)
    nth, name = split_label(label)
    if code == _CONFLICT and change.old is None:
        return _no_place(change, code)
    expected = "one" if change.kind == "move" else _shown(change.old)
    found = None if node is None or code == _NOTFOUND else node.get(name)
    shown = "another" if nth > 1 and code != _NOTFOUND else _shown(found)
    return ConflictError(
        f"{change.path}, property {label!r}: expected {expected}, found {shown}",
        code,
        path=change.path,
        name=label,
        expected=change.old,
        found=found,
    )


def _header(tree: DeviceTree, change: Change, code: int) -> ConflictError:
    if change.kind == "boot_cpu":
        expected = f"boot CPU {int.from_bytes(change.old or b'', 'big')}"
        return ConflictError(
            f"header: expected {expected}, found {tree.boot_cpu}", code
        )
    entries = len(tree.reservations)
    return ConflictError(
        "memory reserve map: expected the entries of the difference, "
        f"found {entries} others",
        code,
    )


def _subtree(tree: DeviceTree, change: Change, code: int) -> ConflictError:
    """The first thing in which a subtree is not the one to be removed."""
    _, node = _find(tree, change.path)
    if node is None:
        return _no_node(tree, change.path, code)
    first = tree.from_dtb(change.old or b"").diff(tree.extract(node))[0]
    above = change.path.rpartition("/")[0]
    what = f"{above}{first.path}"
    thing = what if first.name is None else f"{what}, property {first.name!r}"
    if first.kind == "move":
        text = f"{thing}: expected in another order"
    elif first.name is None:
        was, now = (
            ("no such node", "one") if first.kind == "add" else ("a node", "none")
        )
        text = f"{thing}: expected {was}, found {now}"
    else:
        text = f"{thing}: expected {_shown(first.old)}, found {_shown(first.new)}"
    return ConflictError(
        text, code, path=what, name=first.name, expected=first.old, found=first.new
    )

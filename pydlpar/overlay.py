"""Device tree overlays: applying one, and what to say when it does not apply."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, NoReturn

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.errors import OverlayError, TreeError
from pydlpar.names import decode_name
from pydlpar.node import node_at

if TYPE_CHECKING:
    from pydlpar.tree import DeviceTree

__all__ = ["OverlayReason", "merge_overlay"]


class OverlayReason(IntEnum):
    """Why an overlay does not apply. "The base" is the tree it is applied to."""

    NO_SYMBOLS = lib.DLPAR_OVERLAY_NO_SYMBOLS
    NO_SYMBOL = lib.DLPAR_OVERLAY_NO_SYMBOL
    SYMBOL_NODE = lib.DLPAR_OVERLAY_SYMBOL_NODE
    SYMBOL_PHANDLE = lib.DLPAR_OVERLAY_SYMBOL_PHANDLE
    TARGET_NODE = lib.DLPAR_OVERLAY_TARGET_NODE
    TARGET_PATH = lib.DLPAR_OVERLAY_TARGET_PATH
    PHANDLE_LENGTH = lib.DLPAR_OVERLAY_PHANDLE_LENGTH
    PHANDLE_RANGE = lib.DLPAR_OVERLAY_PHANDLE_RANGE
    LOCAL_NODE = lib.DLPAR_OVERLAY_LOCAL_NODE
    LOCAL_LENGTH = lib.DLPAR_OVERLAY_LOCAL_LENGTH
    FIXUP_FORM = lib.DLPAR_OVERLAY_FIXUP_FORM
    FIXUP_NODE = lib.DLPAR_OVERLAY_FIXUP_NODE
    FIXUP_PROPERTY = lib.DLPAR_OVERLAY_FIXUP_PROPERTY
    FIXUP_OFFSET = lib.DLPAR_OVERLAY_FIXUP_OFFSET
    NO_TARGET = lib.DLPAR_OVERLAY_NO_TARGET
    TARGET_VALUE = lib.DLPAR_OVERLAY_TARGET_VALUE
    LABEL_PATH = lib.DLPAR_OVERLAY_LABEL_PATH
    LABEL_FRAGMENT = lib.DLPAR_OVERLAY_LABEL_FRAGMENT
    EDIT = lib.DLPAR_OVERLAY_EDIT


_FIXUPS = "/__fixups__"
_LOCAL_FIXUPS = "/__local_fixups__"
_SYMBOLS = "/__symbols__"


def merge_overlay(tree: DeviceTree, overlay: DeviceTree, *, first: bool) -> None:
    """Apply *overlay* to *tree*; see `DeviceTree.apply_overlay()`."""
    error = ffi.new("struct dlpar_overlay_error *")
    flags = lib.DLPAR_TREE_FIRST if first else 0
    rc = lib.dlpar_tree_overlay(tree.ptr, error, overlay.ptr, flags)
    if rc < 0:
        _fail(rc, error, overlay)


def _text(start: Any, length: int) -> str | None:
    return decode_name(ffi.unpack(start, length)) if start != ffi.NULL else None


def _fail(code: int, error: Any, overlay: DeviceTree) -> NoReturn:
    if not error.reason:
        raise_error(code, "overlay", decode_error=TreeError)
    reason = OverlayReason(error.reason)
    place = _place(reason, error, overlay)
    where = ", ".join(f"{what} {value!r}" for what, value in place.items())
    if reason is OverlayReason.EDIT:
        raise_error(code, f"overlay, {where}", decode_error=TreeError)
    why = ffi.string(lib.dlpar_overlay_reason_text(reason)).decode("ascii")
    message = f"overlay, {where}: {why}"
    text = _text(error.text, error.text_len)
    if text is not None:
        message += f" ({text!r})"
    raise OverlayError(message, code, reason=reason, **place)


def _place(reason: OverlayReason, error: Any, overlay: DeviceTree) -> dict[str, Any]:
    """The parts of an `OverlayError` that there are, in order of size."""
    node = node_at(overlay, error.node)
    path, name = node.path, _text(error.prop, error.prop_len)
    place: dict[str, Any] = {}
    if path in (_FIXUPS, _SYMBOLS) and name is not None:
        place["symbol"] = name
        if path == _SYMBOLS:
            path, name = node[name].split(b"\0")[0].decode(errors="replace"), None
        else:
            path, name = _user(reason, error, node[name])
    elif path.startswith(_LOCAL_FIXUPS):
        path = path[len(_LOCAL_FIXUPS) :] or "/"
    if path:
        fragment = path.split("/")[1] if path.startswith("/") else ""
        if fragment and overlay.root.child(fragment):
            place = {"fragment": fragment, **place}
        place["path"] = path
    if name is not None:
        place["property"] = name
    if reason is OverlayReason.FIXUP_OFFSET:
        place["position"] = error.offset
    return place


def _user(reason: OverlayReason, error: Any, value: bytes) -> tuple[str, str | None]:
    """Node and property of the fixup in question, else of a symbol's first."""
    if reason is OverlayReason.FIXUP_FORM:
        return "", None
    if reason < OverlayReason.PHANDLE_LENGTH:
        entry = decode_name(value.split(b"\0")[0])
    else:
        entry = _text(error.text, error.text_len) or ""
    path, _, rest = entry.partition(":")
    return path, rest.partition(":")[0] or None

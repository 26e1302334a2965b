"""What differs between two device trees: as changes, as a patch, as JSON.

The core gives a difference as a stream of records that are carried out one after
the other (`csrc/dlpar_diff.h`); `Diff` keeps that stream, and reads it as `Change`
objects where someone looks.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, overload

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.errors import ArgumentError, TreeError
from pydlpar.names import U32_MAX, decode_name, encode_name

__all__ = ["Change", "Diff", "change_at", "compare", "split_label"]

FORMAT = "pydlpar-diff"
VERSION = 1

_head = struct.Struct(">IIIII")
_nth = struct.Struct(">I")
_counted = re.compile(r"(.*)\[(\d+)\]", re.DOTALL)

_DOWN, _UP = lib.DLPAR_DIFF_DOWN, lib.DLPAR_DIFF_UP
_NODES = {
    "add": lib.DLPAR_DIFF_NODE_ADD,
    "remove": lib.DLPAR_DIFF_NODE_REMOVE,
    "move": lib.DLPAR_DIFF_NODE_MOVE,
}
_NODE_KINDS = {op: kind for kind, op in _NODES.items()}
_HEADER = {
    "reservations": lib.DLPAR_DIFF_RESERVATIONS,
    "boot_cpu": lib.DLPAR_DIFF_BOOT_CPU,
}
_HEADER_KINDS = {op: kind for kind, op in _HEADER.items()}
_PROP_ADD, _PROP_REMOVE = lib.DLPAR_DIFF_PROP_ADD, lib.DLPAR_DIFF_PROP_REMOVE
_PROP_MOVE, _PROP_SET = lib.DLPAR_DIFF_PROP_MOVE, lib.DLPAR_DIFF_PROP_SET
_COMES = (_NODES["add"], _PROP_ADD)
_GOES = (_NODES["remove"], _PROP_REMOVE)
_MOVES = (_NODES["move"], _PROP_MOVE)


class Change(NamedTuple):
    """One difference between two trees; changes happen one after the other.

    Where a name stands twice, `[2]` is put behind it for the second, also in paths;
    a property whose name is empty, as in a blob it may be, is `[1]`.

    Attributes:
        kind: `add`, `remove` (a node, with its subtree), `set` (a property, also one
            that comes or goes), `move` (a node, or a property, among its siblings),
            `reservations` or `boot_cpu` (of the header).
        path: of the node; `/` for the header.
        name: of the property; None for a node or the header.
        old: what was: a property's value; a node with its subtree, as a flattened
            tree whose root has it as its only child; entries of the reserve map, or
            the boot CPU, as the blob has them. None when there was nothing.
        new: what is, likewise.
        was_after: behind which sibling a node or property stood that goes or moves;
            empty when it was the first.
        after: behind which sibling one that comes or moves is to stand; empty to be
            the first; None where that does not matter, or behind the last.
    """

    kind: str
    path: str
    name: str | None = None
    old: bytes | None = None
    new: bytes | None = None
    was_after: str | None = None
    after: str | None = None


class _Record(NamedTuple):
    op: int
    nth: int
    name: bytes
    old: bytes
    new: bytes


def _records(stream: bytes) -> Iterator[_Record]:
    at = 0
    while at < len(stream):
        op, nth, *lengths = _head.unpack_from(stream, at)
        end, parts = at + _head.size, []
        for length in lengths:
            parts.append(stream[end : end + length])
            end += length
        yield _Record(op, nth, *parts)
        at = end


def _record(
    op: int, nth: int, name: bytes, old: bytes = b"", new: bytes = b""
) -> bytes:
    return _head.pack(op, nth, len(name), len(old), len(new)) + name + old + new


def _label(nth: int, name: bytes) -> str:
    """A name as shown: with a count where it needs one, or seems to have one."""
    text = decode_name(name)
    if nth or (text.endswith("]") and _counted.fullmatch(text)):
        return f"{text}[{nth}]"
    return text


def split_label(label: str) -> tuple[int, str]:
    """The count, 0 for none, and the name of a label."""
    match = _counted.fullmatch(label)
    if match is None:
        return 0, label
    if int(match[2]) > U32_MAX:
        raise ArgumentError(f"{label!r}: count above {U32_MAX}")
    return int(match[2]), match[1]


def _key(label: str) -> tuple[int, bytes]:
    nth, name = split_label(label)
    return nth, encode_name(name)


def _place(data: bytes) -> str | None:
    return _label(_nth.unpack_from(data)[0], data[4:]) if data else None


def _place_bytes(label: str | None) -> bytes:
    if label is None:
        return b""
    nth, name = _key(label)
    return _nth.pack(nth) + name


def _change(record: _Record, above: list[str]) -> Change:
    op, label = record.op, _label(record.nth, record.name)
    old, new = record.old, record.new
    kind, name = _NODE_KINDS.get(op), None
    if kind is not None:
        path = "/" + "/".join([*above, label])
    else:
        path = "/" + "/".join(above)
        kind = _HEADER_KINDS.get(op, "move" if op == _PROP_MOVE else "set")
        name = None if op in _HEADER_KINDS else label
    if op in _MOVES:
        return Change(kind, path, name, None, None, _place(old), _place(new))
    if op in _COMES:
        return Change(kind, path, name, None, new, None, _place(old))
    if op in _GOES:
        return Change(kind, path, name, old, None, _place(new))
    return Change(kind, path, name, old, new)


def _changes(stream: bytes) -> Iterator[Change]:
    above: list[str] = []
    for record in _records(stream):
        if record.op == _DOWN:
            above.append(_label(record.nth, record.name))
        elif record.op == _UP:
            above.pop()
        else:
            yield _change(record, above)


def change_at(diff: Diff, offset: int) -> Change | str:
    """What stands at an offset of the stream: a change, or the path of a node."""
    above: list[str] = []
    for record in _records(diff.stream[:offset]):
        if record.op == _DOWN:
            above.append(_label(record.nth, record.name))
        elif record.op == _UP:
            above.pop()
    record = next(_records(diff.stream[offset:]))
    if record.op == _DOWN:
        return "/" + "/".join([*above, _label(record.nth, record.name)])
    return _change(record, above)


def _property_op(change: Change) -> int:
    if change.kind == "move":
        return int(_PROP_MOVE)
    if change.kind != "set" or change.old is change.new is None:
        raise ArgumentError(f"{change.path}: no such change of a property: {change!r}")
    if change.old is None:
        return int(_PROP_ADD)
    return int(_PROP_REMOVE if change.new is None else _PROP_SET)


def _encode(change: Change, label: str) -> bytes:
    """The record of a change, but for its way there."""
    kind, old, new = change.kind, change.old, change.new
    if change.name is not None:
        op, label = _property_op(change), change.name
    elif kind in _NODES:
        op = _NODES[kind]
    elif kind in _HEADER:
        op, label = _HEADER[kind], ""
    else:
        raise ArgumentError(f"{change.path}: unknown kind of change {kind!r}")
    if op in _MOVES:
        old, new = _place_bytes(change.was_after), _place_bytes(change.after)
    elif op in _COMES:
        old = _place_bytes(change.after)
    elif op in _GOES:
        new = _place_bytes(change.was_after)
    if old is None or new is None:
        raise ArgumentError(
            f"{change.path}: a change of kind {kind!r} without its value"
        )
    return _record(op, *_key(label), old, new)


def _steps(above: list[str], target: list[str]) -> Iterator[bytes]:
    """From one node to another; *above* is the path to where the stream is."""
    common = 0
    while common < min(len(above), len(target)) and above[common] == target[common]:
        common += 1
    while len(above) > common:
        yield _record(_UP, *_key(above.pop()))
    for label in target[common:]:
        above.append(label)
        yield _record(_DOWN, *_key(label))


def _stream(changes: Iterable[Change]) -> bytes:
    parts: list[bytes] = []
    above: list[str] = []
    for change in changes:
        if not change.path.startswith("/"):
            raise ArgumentError(f"path {change.path!r}: expected one from the root")
        labels = [label for label in change.path.split("/") if label]
        of_node = change.name is None and change.kind in _NODES
        if of_node and not labels:
            raise ArgumentError(
                f"the root cannot take a change of kind {change.kind!r}"
            )
        own = labels.pop() if of_node else ""
        parts += _steps(above, labels)
        parts.append(_encode(change, own))
    parts += _steps(above, [])
    return b"".join(parts)


class Diff(Sequence[Change]):
    """What turns one tree into another: a sequence of changes that is also a patch.

    Made by `DeviceTree.diff()`, used by `DeviceTree.apply()`. It holds all that it
    needs, added and removed subtrees too, and neither of the trees. Equal to any
    sequence of the same changes.

    Attributes:
        stream: the same in the form of the core.
        compared: how many pairs of nodes were looked at to find it.
    """

    __slots__ = ("_read", "compared", "stream")

    def __init__(self, changes: Iterable[Change] = ()) -> None:
        """A difference of one's own.

        Raises:
            ArgumentError: a change is not one that can be made.
        """
        self._adopt(_stream(changes))

    def _adopt(self, stream: bytes, compared: int = 0) -> None:
        self.stream = stream
        self.compared = compared
        self._read: tuple[Change, ...] | None = None

    @property
    def _all(self) -> tuple[Change, ...]:
        if self._read is None:
            self._read = tuple(_changes(self.stream))
        return self._read

    def __len__(self) -> int:
        return len(self._all)

    def __bool__(self) -> bool:
        return bool(self.stream)

    def __iter__(self) -> Iterator[Change]:
        return iter(self._all)

    @overload
    def __getitem__(self, index: int) -> Change: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Change, ...]: ...
    def __getitem__(self, index: int | slice) -> Change | tuple[Change, ...]:
        return self._all[index]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Diff):
            return self.stream == other.stream
        if isinstance(other, (list, tuple)):
            return self._all == tuple(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]  # equal to lists, which have none

    def __repr__(self) -> str:
        return f"<Diff, {len(self)} changes>"

    def reversed(self) -> Diff:
        """What turns the second tree back into the first."""
        stream = bytes(len(self.stream))
        offset = ffi.new("size_t *")
        rc = lib.dlpar_diff_reverse(
            ffi.from_buffer(stream), offset, self.stream, len(stream)
        )
        if rc < 0:
            raise_error(rc, "difference", offset=offset[0], decode_error=TreeError)
        diff = Diff.__new__(Diff)
        diff._adopt(stream, self.compared)
        return diff

    def to_dict(self) -> dict[str, Any]:
        """The difference in a form that JSON takes; `docs/diff.md` describes it."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "changes": [_as_record(change) for change in self],
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Diff:
        """What `to_dict()` gave.

        Raises:
            ArgumentError: it is something else; which change, and what is wrong.
        """
        if record.get("format") != FORMAT or record.get("version") != VERSION:
            raise ArgumentError(
                f"format {record.get('format')!r}, version {record.get('version')!r}: "
                f"expected {FORMAT!r}, {VERSION}"
            )
        changes = record.get("changes")
        if not isinstance(changes, list):
            raise ArgumentError("a difference without its list of changes")
        return cls(_from_record(i, change) for i, change in enumerate(changes))


_KEYS = ("kind", "path", "property", "old", "new", "was_after", "after")
_BYTES = ("old", "new")


def _as_record(change: Change) -> dict[str, str]:
    values = zip(_KEYS, change, strict=True)
    return {
        key: value.hex() if isinstance(value, bytes) else value
        for key, value in values
        if value is not None
    }


def _from_record(index: int, record: object) -> Change:
    if not isinstance(record, dict) or not {"kind", "path"} <= record.keys():
        raise ArgumentError(f"change {index}: expected an object with kind and path")
    unknown = sorted(record.keys() - set(_KEYS))
    if unknown or not all(isinstance(value, str) for value in record.values()):
        raise ArgumentError(
            f"change {index}: expected strings under {', '.join(_KEYS)}"
            + (f", not {', '.join(map(repr, unknown))}" if unknown else "")
        )
    values: list[Any] = [record.get(key) for key in _KEYS]
    for key in _BYTES:
        if key in record:
            values[_KEYS.index(key)] = _unhex(index, key, record[key])
    return Change(*values)


def _unhex(index: int, key: str, text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ArgumentError(f"change {index}: {key} is not hexadecimal") from None


def compare(old: Any, new: Any) -> Diff:
    """The difference of two trees of the core."""
    out = ffi.new("struct dlpar_diff **")
    rc = lib.dlpar_tree_diff(out, old, new)
    if rc < 0:
        raise_error(rc, "difference of two trees", decode_error=TreeError)
    found = ffi.gc(out[0], lib.dlpar_diff_free)
    data = ffi.new("const char **")
    size = lib.dlpar_diff_stream(found, data)
    diff = Diff()
    diff._adopt(
        ffi.unpack(data[0], size) if size else b"", lib.dlpar_diff_compared(found)
    )
    ffi.release(found)
    return diff

"""`/proc/powerpc/ofdt`: edits of the device tree, one command a write.

    add_node PATH {NAME LEN VALUE }*
    remove_node PATH
    add_property PHANDLE NAME LEN VALUE
    remove_property PHANDLE NAME
    update_property PHANDLE NAME LEN VALUE

One space stands between words; LEN is decimal; VALUE is that many bytes, whatever
they are, and the byte behind it is a space, a NUL or the end. Nothing is stripped.

Deviations from Linux, each where it crashes, leaks or reads what is not its own:

* The parent of a new node does not exist: Linux crashes; here it is -EINVAL.
* A LEN of 2^31 or more: Linux goes backwards in its buffer; here it is -EINVAL.
* `update_property` lets LEN overshoot the end by the length of PHANDLE and one;
  here the end is the end, unless `Quirk.OFDT_BOUND` has zeros stand behind it.
* `add_property` of a name that exists is a success that changes nothing, as in
  Linux, which leaks the new one.
* A name that no tree can hold (empty or too long), or that a sibling has, which
  Linux overlooks in a path without a slash: Linux makes a node or property that
  cannot be found; here it is -EINVAL.
* Of two properties of one name in `add_node` Linux keeps both and finds the later
  one in the text; here that one alone is kept.
* An SLB size of less than 4 bytes is not taken; Linux reads what stands behind it.
* The last node of a CPU whose threads are online: see `notify.detach`.
* A phandle set by `*_property` counts; Linux reads it only from a new node.

Source: Linux arch/powerpc/platforms/pseries/reconfig.c `ofdt_write`.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from pydlpar.entries import notify
from pydlpar.entries.paths import c_string, find_path
from pydlpar.errors import ArgumentError, ExistsError, NoSpaceError, NotFoundError
from pydlpar.names import decode_name
from pydlpar.operations.behaviour import Quirk
from pydlpar.operations.calls import Run

if TYPE_CHECKING:
    from pydlpar.node import Node

__all__ = ["SLB_SIZE", "operate"]

SLB_SIZE = ("slb-size", "ibm,slb-size")
"""Properties whose update sets the number of SLB entries, too."""

_SPACE, _NUL = b" ", b"\0"
_SEPARATORS = (0x20, 0x00)
_WORD = 4
_U32_MASK = 0xFFFFFFFF

_DECIMAL = re.compile(rb"[0-9]*")
_AUTO_BASE = re.compile(rb"0[xX]([0-9a-fA-F]+)|([1-9][0-9]*)|(0[0-7]*)")
_BASES = (0, 16, 10, 8)
# Of a longer number in any base, digits before these are multiples of 2^32.
_COUNTED_DIGITS = 32


class _Property(NamedTuple):
    name: str
    value: bytes


def operate(run: Run, command: bytes) -> int:
    """Carry out one command; returns 0 or a negative errno."""
    word, space, _ = c_string(command).partition(_SPACE)
    handler = _COMMANDS.get(word)
    if not space:
        return run.fail(-errno.EINVAL, "no space behind the command")
    if handler is None:
        expected = ", ".join(key.decode() for key in _COMMANDS)
        return run.fail(-errno.EINVAL, "{!r}: expected {}", word[:32], expected)
    try:
        return handler(run, command[len(word) + 1 :])
    except (ArgumentError, ExistsError) as error:
        return run.fail(-errno.EINVAL, "{}", error)
    except NoSpaceError as error:
        return run.fail(-errno.ENOMEM, "{}", error)


def _add_node(run: Run, data: bytes) -> int:
    path, space, _ = c_string(data).partition(_SPACE)
    if not space:
        return run.fail(-errno.EINVAL, "no space behind the path")
    tree = run.partition.tree
    if find_path(tree, path) is not None:
        return run.fail(-errno.EINVAL, "node {!r} exists already", path)
    properties: list[_Property] = []
    at = len(path) + 1
    while at < len(data):
        found = _next_property(data, at, len(data))
        if found is None:
            return run.fail(-errno.EINVAL, "malformed property at byte {}", at)
        properties.append(found[0])
        at = found[1]
    above, slash, name = path.rpartition(b"/")
    parent = find_path(tree, above) if above else tree.root
    if parent is None or (slash and path == b"/"):
        return run.fail(-errno.EINVAL, "there is no parent of {!r}", path)
    values: dict[str, bytes] = {}
    for key, value in reversed(properties):
        values.setdefault(key, value)
    notify.attached(run, tree.add_child(parent, decode_name(name), values, first=True))
    return 0


def _remove_node(run: Run, data: bytes) -> int:
    path = c_string(data)
    node = find_path(run.partition.tree, path)
    if node is None:
        return run.fail(-errno.ENODEV, "there is no node {!r}", path)
    if node.parent is None:
        return run.fail(-errno.EINVAL, "the root cannot be removed")
    if node.children:
        return run.fail(-errno.EBUSY, "{} has children", node.path)
    return notify.detach(run, node)


def _add_property(run: Run, data: bytes) -> int:
    node, at = _node_of(run, data)
    if node is None:
        return -errno.ENODEV
    found = _next_property(data, at, len(data))
    if found is None:
        return run.fail(-errno.EINVAL, "malformed property at byte {}", at)
    name, value = found[0]
    if name not in node:
        node[name] = value
        run.changes.append(("set", node.path, name, None, value))
    return 0


def _remove_property(run: Run, data: bytes) -> int:
    node, at = _node_of(run, data)
    if node is None:
        return -errno.ENODEV
    name = decode_name(c_string(data[at:]).partition(_SPACE)[0])
    if not name:
        return run.fail(-errno.EINVAL, "no name of a property")
    old = node.get(name)
    if old is None:
        return run.fail(-errno.ENODEV, "{} has no property {!r}", node.path, name)
    del node[name]
    run.changes.append(("set", node.path, name, old, None))
    return 0


def _update_property(run: Run, data: bytes) -> int:
    node, at = _node_of(run, data)
    if node is None:
        return -errno.ENODEV
    if Quirk.OFDT_BOUND in run.behaviour.quirks:
        data += bytes(at)
    found = _next_property(data, at, len(data))
    if found is None:
        return run.fail(-errno.EINVAL, "malformed property at byte {}", at)
    name, value = found[0]
    if not name:
        return run.fail(-errno.ENODEV, "no name of a property")
    notify.update(run, node, name, value)
    if name in SLB_SIZE and len(value) >= _WORD:
        partition = run.partition
        run.undo.append((setattr, partition, "slb_size", partition.slb_size))
        partition.slb_size = int.from_bytes(value[:_WORD], partition.byteorder)
    return 0


def _node_of(run: Run, data: bytes) -> tuple[Node | None, int]:
    """The node whose phandle *data* begins with, and where what follows begins."""
    handle, space, _ = c_string(data).partition(_SPACE)
    if not space:
        run.fail(-errno.ENODEV, "no space behind the phandle")
        return None, 0
    try:
        return run.partition.tree.by_phandle(_auto_base(handle)), len(handle) + 1
    except NotFoundError:
        run.fail(-errno.ENODEV, "no node has the phandle {!r}", handle)
        return None, 0


def _next_property(data: bytes, at: int, end: int) -> tuple[_Property, int] | None:
    """The property at byte *at*, and where the next one begins; None if malformed."""
    stop, nul = data.find(_SPACE, at), data.find(_NUL, at)
    if stop < 0 or 0 <= nul < stop:
        return None
    name = data[at:stop]
    digits = _DECIMAL.match(data, stop + 1)
    assert digits is not None  # it matches nothing, too
    length = int(digits[0][-_COUNTED_DIGITS:] or b"0") & _U32_MASK
    start = digits.end() + 1
    if data[start - 1 : start] != _SPACE or start >= end:
        return None
    stop = start + length
    if stop > end or (stop < end and data[stop] not in _SEPARATORS):
        return None
    return _Property(decode_name(name), data[start:stop]), stop + 1


def _auto_base(text: bytes) -> int:
    """A number as `simple_strtoul(text, NULL, 0)` has it, cut to 32 bits."""
    match = _AUTO_BASE.match(text)
    if match is None:
        return 0
    group = match.lastindex or 0
    return int(match[group][-_COUNTED_DIGITS:], _BASES[group]) & _U32_MASK


_COMMANDS: dict[bytes, Callable[[Run, bytes], int]] = {
    b"add_node": _add_node,
    b"remove_node": _remove_node,
    b"add_property": _add_property,
    b"remove_property": _remove_property,
    b"update_property": _update_property,
}

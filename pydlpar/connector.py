"""`ibm,configure-connector`: how firmware hands the nodes of a device to the OS.

The firmware delivers a *fragment* one node or property per call, through a work
area of 4096 bytes; the OS collects the calls into a fragment again. A fragment is
a flattened device tree whose nameless root has no properties and whose children
are the delivered nodes, in order.

Source: LoPAR 13.5.3.5; QEMU hw/ppc/spapr_drc.c; Linux dlpar.c.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from struct import Struct
from threading import Lock
from typing import NamedTuple, TypeAlias

from pydlpar._ffi import ffi, lib, raise_error
from pydlpar.errors import ArgumentError, PlatformError, TreeError

__all__ = [
    "WORK_AREA_LEN",
    "Collector",
    "ConnectorResult",
    "FragmentNode",
    "Server",
    "first_alone",
    "fragment_nodes",
    "make_fragment",
    "new_work_area",
    "without_children",
    "work_area_drc_index",
]

WORK_AREA_LEN: int = lib.DLPAR_CONNECTOR_AREA_LEN
"""Bytes of a work area."""

_MAX_DEPTH: int = lib.DLPAR_CONNECTOR_MAX_DEPTH
_OP_NODE: int = lib.DLPAR_FRAGMENT_OP_NODE
_OP_END: int = lib.DLPAR_FRAGMENT_OP_END
_NODE: int = lib.DLPAR_FRAGMENT_NODE
_PROPERTY: int = lib.DLPAR_FRAGMENT_PROPERTY
_NO_SPACE: int = lib.DLPAR_ERR_NOSPACE
_EXISTS: int = lib.DLPAR_ERR_EXISTS
_BUSY: int = lib.DLPAR_ERR_BUSY
_STATUS: int = lib.DLPAR_ERR_STATUS
_INVALID_PARAMETER: int = lib.DLPAR_RTAS_INVALID_PARAMETER

_serve = lib.dlpar_connector_serve
_walk = lib.dlpar_connector_walk
_collect = lib.dlpar_connector_collect
_drc_index = lib.dlpar_connector_drc_index

_BYTES = ffi.typeof("uint8_t[]")
_STATUSES = ffi.typeof("int32_t[]")
_WALKED = ffi.typeof("struct dlpar_connector_walked *")
_ITEM = Struct("=5I")  # struct dlpar_fragment_item
_new_uncleared = ffi.new_allocator(should_clear_after_alloc=False)
_NO_OFFSET = int(ffi.cast("size_t", -1))

# Upper bounds of what a fragment needs beside names and values.
_FRAGMENT_OVERHEAD = 96
_TOKEN_OVERHEAD = 24
_COLLECTOR_START = 4096


class FragmentNode(NamedTuple):
    """A delivered node: unit name, properties in order, children in order."""

    name: str
    properties: Mapping[str, bytes]
    children: Sequence[FragmentNode] = ()


_NodeLike: TypeAlias = "tuple[str, Mapping[str, bytes], Sequence[_NodeLike]]"


class ConnectorResult(NamedTuple):
    """What a whole sequence of calls gave.

    Attributes:
        status: RTAS status of the last call; 0 is complete.
        statuses: the status of every call, in order.
        fragment: what was collected, or None if the sequence failed.
        error: 0, or the `DLPAR_ERR_*` code that the OS side stopped with.
    """

    status: int
    statuses: tuple[int, ...]
    fragment: bytes | None
    error: int


def make_fragment(nodes: Sequence[_NodeLike]) -> bytes:
    """Encode *nodes*, each (name, properties, children), as a fragment.

    Raises:
        TreeError: a name is not allowed, or there is no node; `.row` is the
            index of the item, counting nodes, properties and ends of nodes.
        ArgumentError: a name is not ASCII, or nodes are nested too deeply.
    """
    ops: list[int] = []
    names: list[str] = []
    values: list[bytes] = []
    open_nodes: list[Iterator[_NodeLike]] = [iter(nodes)]
    while open_nodes:
        node = next(open_nodes[-1], None)
        if node is None:
            open_nodes.pop()
            ops.append(_OP_END)
            continue
        if len(open_nodes) > _MAX_DEPTH:
            raise ArgumentError(f"fragment deeper than {_MAX_DEPTH} nodes")
        ops.append(_OP_NODE)
        names += (node[0], *node[1])
        values += node[1].values()
        ops += map(len, node[1].values())
        open_nodes.append(iter(node[2]))
    ops.pop()  # the end of the list itself
    return _build(ops, names, b"".join(values))


def without_children(fragment: bytes) -> bytes:
    """The nodes of a fragment, each without those below it.

    Raises:
        TreeError: the fragment is malformed.
    """
    nodes = fragment_nodes(fragment)
    return make_fragment([node._replace(children=()) for node in nodes])


def first_alone(fragment: bytes) -> bytes:
    """The first node of a fragment, without those below it and beside it.

    Raises:
        TreeError: the fragment is malformed.
    """
    return make_fragment([fragment_nodes(fragment)[0]._replace(children=())])


def _build(ops: list[int], names: list[str], values: bytes) -> bytes:
    try:
        joined = "\0".join([*names, ""]).encode("ascii")
    except UnicodeEncodeError as error:
        raise ArgumentError(f"name of a node or property: {error}") from None
    need = _FRAGMENT_OVERHEAD + _TOKEN_OVERHEAD * len(ops) + len(joined) + len(values)
    out, at = _new_uncleared(_BYTES, need), ffi.new("size_t *")
    rc = lib.dlpar_fragment_build(
        out, need, at, ops, len(ops), joined, len(joined), values, len(values)
    )
    if rc < 0:
        before = sum(op != _OP_END for op in ops[: at[0]])
        what = repr(names[before]) if before < len(names) else "its end"
        raise_error(rc, f"fragment, {what}", row=at[0], decode_error=TreeError)
    return bytes(ffi.buffer(out, rc))


def fragment_nodes(fragment: bytes) -> list[FragmentNode]:
    """Decode a fragment: its nodes, with properties as dict, children as list.

    Raises:
        TreeError: the fragment is malformed; `.offset` is the byte.
        ExistsError: a node has two properties of one name.
    """
    data = memoryview(fragment).tobytes()
    count = _check_fragment(data)
    items = ffi.new("struct dlpar_fragment_item[]", count)
    lib.dlpar_fragment_items(items, count, ffi.NULL, data, len(data))
    top: list[FragmentNode] = []
    siblings = [top]
    properties: dict[str, bytes] = {}
    for kind, name_off, name_len, off, size in _ITEM.iter_unpack(ffi.buffer(items)):
        name = data[name_off : name_off + name_len].decode("ascii")
        if kind == _NODE:
            properties = {}
            children: list[FragmentNode] = []
            siblings[-1].append(FragmentNode(name, properties, children))
            siblings.append(children)
        elif kind == _PROPERTY:
            if name in properties:
                raise_error(_EXISTS, f"fragment, property {name!r} at byte {name_off}")
            properties[name] = data[off : off + size]
        else:
            siblings.pop()
    return top


def _check_fragment(data: bytes) -> int:
    """Number of items in a fragment, all of it checked."""
    offset = ffi.new("size_t *")
    count: int = lib.dlpar_fragment_items(ffi.NULL, 0, offset, data, len(data))
    if count < 0:
        raise_error(count, "fragment", offset=offset[0], decode_error=TreeError)
    return count


def new_work_area(drc_index: int) -> bytearray:
    """A work area for the first call of a sequence."""
    area = bytearray(WORK_AREA_LEN)
    try:
        lib.dlpar_connector_begin(ffi.from_buffer(area), drc_index)
    except OverflowError:
        raise ArgumentError(f"DRC index {drc_index}: expected 32 bits") from None
    return area


def work_area_drc_index(work_area: bytes | bytearray | memoryview) -> int:
    """The DRC index that a work area names."""
    index: int = _drc_index(_area(work_area, writable=False))
    return index


def _area(work_area: bytes | bytearray | memoryview, writable: bool) -> object:
    area = ffi.from_buffer(_BYTES, work_area, require_writable=writable)
    if len(area) != WORK_AREA_LEN:
        raise ArgumentError(f"work area of {len(area)} bytes, expected {WORK_AREA_LEN}")
    return area


class Server:
    """Firmware's side: serves one connector's fragment, as QEMU does.

    The position belongs to the connector, not to the work area: who abandons a
    sequence and begins anew goes on in the middle. After completion the next
    call begins again. A server belongs to one thread at a time.
    """

    __slots__ = ("_cursor", "_flags", "drc_index", "fragment")

    def __init__(
        self, fragment: bytes, drc_index: int, *, sibling_status: bool = False
    ) -> None:
        """Serve *fragment* for the connector *drc_index*.

        Args:
            fragment: see `make_fragment`.
            drc_index: of the connector, 32 bits.
            sibling_status: deliver a sibling with status 1, as LoPAR has it,
                instead of 4 and 2, as QEMU does.

        Raises:
            TreeError: the fragment is malformed; `.offset` is the byte.
        """
        self.fragment = memoryview(fragment).tobytes()
        _check_fragment(self.fragment)
        if not 0 <= drc_index < 1 << 32:
            raise ArgumentError(f"DRC index {drc_index}: expected 32 bits")
        self.drc_index = drc_index
        self._flags: int = lib.DLPAR_CONNECTOR_SIBLING_STATUS if sibling_status else 0
        self._cursor = ffi.new("struct dlpar_connector_cursor *")

    def call(self, work_area: bytearray | memoryview) -> int:
        """Answer one call in *work_area* (4096 writable bytes).

        Returns:
            The RTAS status: 0 complete, 1 sibling, 2 child, 3 property, 4 back to
            the parent; -3 when the work area names another connector.
        """
        area = _area(work_area, writable=True)
        if _drc_index(area) != self.drc_index:
            return _INVALID_PARAMETER
        status: int = _serve(
            self._cursor, area, self.fragment, len(self.fragment), self._flags
        )
        return status

    def reset(self) -> None:
        """Begin anew with the next call."""
        self._cursor.off = self._cursor.depth = 0

    def walk(self) -> ConnectorResult:
        """Call until complete, both sides, in one native call.

        Begins where the connector stands. Cost: about 100 ns a call.
        """
        frag = self.fragment
        n_max = len(frag) // 4
        cap = 2 * len(frag) + _FRAGMENT_OVERHEAD
        statuses = _new_uncleared(_STATUSES, n_max)
        walked = ffi.new(_WALKED)
        rc = _NO_SPACE
        while rc == _NO_SPACE:
            out = _new_uncleared(_BYTES, cap)
            rc = _walk(
                out,
                cap,
                statuses,
                n_max,
                walked,
                self._cursor,
                self.drc_index,
                frag,
                len(frag),
                self._flags,
            )
            cap *= 2
        made = tuple(ffi.unpack(statuses, walked.n_calls))
        fragment = bytes(ffi.buffer(out, rc)) if rc >= 0 else None
        return ConnectorResult(walked.status, made, fragment, min(rc, 0))


class Collector:
    """The OS's side: collects the calls of one sequence into a fragment.

    A strict stack machine: whatever firmware sends, a fragment or an error comes
    out, and nothing half-built. Using it from two threads at once is refused.
    """

    __slots__ = ("_buffer", "_fragment", "_lock", "_state")

    def __init__(self) -> None:
        self._state = ffi.new("struct dlpar_connector_collector *")
        self._buffer = _new_uncleared(_BYTES, _COLLECTOR_START)
        self._fragment: bytes | None = None
        self._lock = Lock()

    def feed(self, work_area: bytes | bytearray | memoryview, status: int) -> bool:
        """Take the result of one call; busy statuses are not to be fed.

        Returns:
            Whether the sequence is complete.

        Raises:
            DecodeError: the status is not allowed here, or the work area is
                malformed (`.offset` is the byte); every later call raises too.
            PlatformError: a status other than 0 to 4.
        """
        area = _area(work_area, writable=False)
        if not self._lock.acquire(blocking=False):
            raise_error(_BUSY, "collector")
        try:
            return self._feed(area, status)
        finally:
            self._lock.release()

    def _feed(self, area: object, status: int) -> bool:
        offset = ffi.new("size_t *", _NO_OFFSET)
        rc = _NO_SPACE
        while True:
            cap = len(self._buffer)
            try:
                rc = _collect(self._state, self._buffer, cap, offset, area, status)
            except OverflowError:
                raise ArgumentError(f"status {status}: expected 32 bits") from None
            if rc != _NO_SPACE:
                break
            self._grow(2 * cap)
        if rc < 0:
            self._fail(rc, status, offset[0])
        if not rc:
            size = lib.dlpar_connector_finish(self._buffer, cap, self._state)
            self._fragment = bytes(ffi.buffer(self._buffer, size))
        return not rc

    def _grow(self, cap: int) -> None:
        larger = _new_uncleared(_BYTES, cap)
        lib.dlpar_connector_grow(
            larger, cap, self._state, self._buffer, len(self._buffer)
        )
        self._buffer = larger

    def _fail(self, rc: int, status: int, offset: int) -> None:
        what = f"configure-connector call {self._state.n_calls}, status {status}"
        if rc == _STATUS:
            raise PlatformError(f"{what}: expected 0 to 4", status)
        raise_error(rc, what, offset=None if offset == _NO_OFFSET else offset)

    def fragment(self) -> bytes:
        """What was collected, once `feed` returned True.

        Raises:
            ArgumentError: the sequence is not complete.
        """
        if self._fragment is None:
            raise ArgumentError("the configure-connector sequence is not complete")
        return self._fragment

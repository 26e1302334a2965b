"""Tables of RTAS events as capsules of the Arrow PyCapsule interface.

The structs are made in C, and so are their release callbacks and the capsules'
destructors: no Python runs when a consumer is done, whatever thread that is
in. Loaded only when an Arrow library asks for one; needs none itself.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from pydlpar._ffi import ffi, lib, raise_error

__all__ = ["array_capsule", "schema_capsule", "stream_capsule"]

Batch = tuple[Any, bytes, Sequence[str]]
"""A batch of C, the input that it was decoded from, the names of its parts."""

# PyCapsule_New(pointer, name, destructor): the name is not copied.
_capsule_new = ctypes.PYFUNCTYPE(
    ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p
)(("PyCapsule_New", ctypes.pythonapi))


def _address(pointer: Any) -> int:
    return int(ffi.cast("uintptr_t", pointer))


class _Kind:
    """What the three kinds of capsules differ in."""

    def __init__(self, struct: str, name: Any, drop: str) -> None:
        self._pointer = ffi.typeof(f"{struct} *")
        self._size = ffi.sizeof(struct)
        self._name = _address(name)
        self._drop = _address(ffi.addressof(lib, drop))

    def capsule(self, fill: Callable[[Any], int], what: str) -> object:
        """A capsule whose struct *fill* has filled; it returns an error code."""
        memory = lib.dlpar_capsule_alloc(self._size)
        if memory == ffi.NULL:
            raise_error(lib.DLPAR_ERR_NOMEM, what)
        # From here on the capsule frees it, released or not.
        capsule = _capsule_new(_address(memory), self._name, self._drop)
        rc = fill(ffi.cast(self._pointer, memory))
        if rc < 0:
            raise_error(rc, what)
        return capsule


_SCHEMA = _Kind(
    "struct ArrowSchema", lib.dlpar_capsule_schema_name(), "dlpar_capsule_drop_schema"
)
_ARRAY = _Kind(
    "struct ArrowArray", lib.dlpar_capsule_array_name(), "dlpar_capsule_drop_array"
)
_STREAM = _Kind(
    "struct ArrowArrayStream",
    lib.dlpar_capsule_stream_name(),
    "dlpar_capsule_drop_stream",
)


def schema_capsule() -> object:
    """A capsule with the Arrow schema of every table."""
    return _SCHEMA.capsule(lib.dlpar_rtas_arrow_schema, "Arrow schema of RTAS events")


def array_capsule(batch: Any, data: bytes, sources: Sequence[str]) -> object:
    """A capsule with a batch as an Arrow struct array; it shares the batch."""

    def fill(out: Any) -> int:
        return _fill_array(out, batch, data, sources)

    return _ARRAY.capsule(fill, "Arrow array of RTAS events")


def stream_capsule(batches: Sequence[Batch]) -> object:
    """A capsule with a stream of batches, which it shares."""
    arrays = ffi.new("struct ArrowArray[]", len(batches))
    what = "Arrow stream of RTAS events"
    try:
        for i, batch in enumerate(batches):
            rc = _fill_array(arrays + i, *batch)
            if rc < 0:
                raise_error(rc, f"{what}, batch {i}")
        return _STREAM.capsule(
            lambda out: int(lib.dlpar_rtas_arrow_stream(out, arrays, len(batches))),
            what,
        )
    finally:
        # What the stream has taken over is marked as released.
        for i in range(len(batches)):
            if arrays[i].release:
                arrays[i].release(arrays + i)


def _fill_array(out: Any, batch: Any, data: bytes, sources: Sequence[str]) -> int:
    # A file's name can be any bytes; Arrow's text is UTF-8.
    names = [name.encode("utf-8", "backslashreplace") for name in sources]
    text = ffi.from_buffer("uint8_t[]", b"".join(names))
    ends = ffi.new("uint64_t[]", list(accumulate(map(len, names))))
    given = ffi.new("struct dlpar_rtas_names *", (text, ends, len(names)))
    return int(lib.dlpar_rtas_arrow_array(out, batch, data, len(data), given))

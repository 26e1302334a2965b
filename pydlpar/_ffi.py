"""The only importer of the C core; maps its error codes to exceptions, once."""

from __future__ import annotations

from typing import NoReturn

from pydlpar._native import ffi, lib
from pydlpar.errors import (
    ArgumentError,
    BusyError,
    ConflictError,
    DecodeError,
    DlparError,
    ExistsError,
    InternalError,
    NoSpaceError,
    NotFoundError,
    StaleHandleError,
)

__all__ = ["ffi", "lib", "raise_error"]


_RAISES: dict[int, type[DlparError]] = {
    lib.DLPAR_ERR_NOTFOUND: NotFoundError,
    lib.DLPAR_ERR_EXISTS: ExistsError,
    lib.DLPAR_ERR_NOSPACE: NoSpaceError,
    lib.DLPAR_ERR_STALE: StaleHandleError,
    lib.DLPAR_ERR_BUSY: BusyError,
    lib.DLPAR_ERR_CONFLICT: ConflictError,
    lib.DLPAR_ERR_BADARG: ArgumentError,
    lib.DLPAR_ERR_BADPATH: ArgumentError,
    lib.DLPAR_ERR_NOMEM: NoSpaceError,
    lib.DLPAR_ERR_NOTXN: ArgumentError,
    lib.DLPAR_ERR_INTERNAL: InternalError,
}


def raise_error(
    code: int,
    what: str = "",
    *,
    offset: int | None = None,
    row: int | None = None,
    decode_error: type[DecodeError] = DecodeError,
) -> NoReturn:
    """Raise the exception for the negative *code*. The only place that does.

    Args:
        code: a `DLPAR_ERR_*` value.
        what: what was being done, to what; put before the code's own text.
        offset: byte offset for errors in the input's bytes.
        row: index within a batch.
        decode_error: the class for codes that say that the bytes are wrong.
    """
    text = ffi.string(lib.dlpar_strerror(code)).decode("ascii")
    message = f"{what}: {text}" if what else text
    if code in _RAISES:
        raise _RAISES[code](message, code)
    if offset is not None:
        message += f" (at byte {offset})"
    raise decode_error(message, code, offset, row)

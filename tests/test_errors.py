"""Every C error code has a text and raises the exception that belongs to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pydlpar
from pydlpar._ffi import ffi, lib, raise_error

HEADER = Path(__file__).parent.parent / "csrc" / "dlpar.h"
CODES = {name: getattr(lib, name) for name in dir(lib) if name.startswith("DLPAR_ERR_")}


def test_codes_are_those_of_the_header():
    """The header is the one place where the numbers stand."""
    if not HEADER.exists():
        pytest.skip("the C sources are not beside the tests")
    written = dict(re.findall(r"(DLPAR_ERR_\w+) = (-\d+)", HEADER.read_text()))
    assert {name: int(value) for name, value in written.items()} == CODES


@pytest.mark.parametrize("name", sorted(CODES))
def test_every_code_has_its_own_text(name):
    """A code without a text would be reported as unknown."""
    text = ffi.string(lib.dlpar_strerror(CODES[name])).decode()
    assert text != "unknown error code"
    others = [c for c in CODES.values() if c != CODES[name]]
    assert text not in {ffi.string(lib.dlpar_strerror(c)).decode() for c in others}


def test_unknown_code_is_said_to_be_unknown():
    assert ffi.string(lib.dlpar_strerror(-12345)) == b"unknown error code"


@pytest.mark.parametrize(
    ("code", "expected", "also"),
    [
        (lib.DLPAR_ERR_NOTFOUND, pydlpar.NotFoundError, KeyError),
        (lib.DLPAR_ERR_STALE, pydlpar.StaleHandleError, KeyError),
        (lib.DLPAR_ERR_EXISTS, pydlpar.ExistsError, ValueError),
        (lib.DLPAR_ERR_NOSPACE, pydlpar.NoSpaceError, pydlpar.DlparError),
        (lib.DLPAR_ERR_NOMEM, pydlpar.NoSpaceError, pydlpar.DlparError),
        (lib.DLPAR_ERR_BUSY, pydlpar.BusyError, RuntimeError),
        (lib.DLPAR_ERR_BADARG, pydlpar.ArgumentError, ValueError),
        (lib.DLPAR_ERR_INTERNAL, pydlpar.InternalError, RuntimeError),
    ],
)
def test_code_raises_its_exception(code, expected, also):
    with pytest.raises(expected, match="something: ") as caught:
        raise_error(code, "something")
    assert isinstance(caught.value, also)
    assert caught.value.code == code


@pytest.mark.parametrize("code", sorted(c for c in CODES.values() if -99 < c <= -20))
def test_codes_about_bytes_raise_the_rooms_decode_error(code):
    """Where the bytes are wrong, class, code, offset and row all arrive."""
    with pytest.raises(pydlpar.TreeError, match=r"at byte 12") as caught:
        raise_error(code, offset=12, row=3, decode_error=pydlpar.TreeError)
    assert (caught.value.code, caught.value.offset, caught.value.row) == (code, 12, 3)
    assert isinstance(caught.value, ValueError)

"""LMB tables in C: what a C caller can get wrong is refused, nothing is written."""

from __future__ import annotations

import pytest

from pydlpar._ffi import ffi, lib

MIB_256 = 0x10000000
LIMIT = lib.DLPAR_DRMEM_MAX_LMBS
LINUX_LMBS = [
    (0, 0x80000000, 0, 8),
    (0x10000000, 0x80000001, 0, 8),
    (0x20000000, 0x80000002, 0xFFFFFFFF, 0),
]
# The same three LMBs as Linux writes them.
LINUX_V1 = bytes.fromhex(
    "00000003 00000000 00000000 80000000 00000000 00000000 00000008"
    "         00000000 10000000 80000001 00000000 00000000 00000008"
    "         00000000 20000000 80000002 00000000 ffffffff 00000000"
)
LINUX_V2 = bytes.fromhex(
    "00000002 00000002 00000000 00000000 80000000 00000000 00000008"
    "         00000001 00000000 20000000 80000002 ffffffff 00000000"
)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("dlpar_drmem_v1_decode", (LINUX_V1, len(LINUX_V1), 2)),
        ("dlpar_drmem_v2_decode", (LINUX_V2, len(LINUX_V2), MIB_256)),
    ],
)
def test_decoder_never_writes_more_rows_than_fit(name, arguments):
    """The count made before may be stale; the capacity is what decides."""
    lmbs = ffi.new("struct dlpar_lmb[]", 3)
    decode = getattr(lib, name)
    assert decode(lmbs, 2, ffi.NULL, *arguments) == lib.DLPAR_ERR_NOSPACE
    assert lmbs[0].flags == 0
    assert decode(lmbs, 3, ffi.NULL, *arguments) == 3


@pytest.mark.parametrize(
    ("name", "arguments", "need"),
    [
        ("dlpar_drmem_v1_encode", (2,), len(LINUX_V1)),
        ("dlpar_drmem_v2_encode", (MIB_256, 0), len(LINUX_V2)),
    ],
)
def test_encoder_tells_its_need_and_writes_nothing_when_short(name, arguments, need):
    lmbs = ffi.new("struct dlpar_lmb[]", [(*row, 0) for row in LINUX_LMBS])
    out = ffi.new("uint8_t[]", need)
    encode = getattr(lib, name)
    assert encode(ffi.NULL, 0, lmbs, 3, *arguments) == need
    assert encode(out, need - 1, lmbs, 3, *arguments) == lib.DLPAR_ERR_NOSPACE
    assert not any(out)
    assert encode(out, need, lmbs, 3, *arguments) == need


def test_bad_arguments_are_refused_in_c():
    null, many = ffi.NULL, LIMIT + 1
    for rc in (
        lib.dlpar_drmem_v1_count(null, LINUX_V1, len(LINUX_V1), 0),
        lib.dlpar_drmem_v1_encode(null, 0, null, 0, 3),
        lib.dlpar_drmem_v1_encode(null, 0, null, many, 2),
        lib.dlpar_drmem_v2_count(null, LINUX_V2, len(LINUX_V2), 0),
        lib.dlpar_drmem_v2_encode(null, 0, null, 0, 1, 2),
        lib.dlpar_drmem_v2_encode(null, 0, null, many, 1, 0),
        lib.dlpar_drmem_sort(null, null, null, 0, 2),
        lib.dlpar_drmem_sort(null, null, null, many, lib.DLPAR_DRMEM_KEY_DRC),
        lib.dlpar_drmem_find(null, null, 0, -1, 0),
        lib.dlpar_drmem_count(null, many, 0, 0, 1),
        lib.dlpar_drmem_next(null, many, 0, 0, 0),
    ):
        assert rc == lib.DLPAR_ERR_BADARG


def test_decoder_refuses_what_the_count_would_refuse():
    """It does not rely on having been asked for the count first."""
    lmbs, off = ffi.new("struct dlpar_lmb[]", 3), ffi.new("size_t *")
    rc = lib.dlpar_drmem_v1_decode(lmbs, 3, off, LINUX_V1, len(LINUX_V1) - 1, 2)
    assert (rc, off[0]) == (lib.DLPAR_ERR_TRUNCATED, 52)
    rc = lib.dlpar_drmem_v2_decode(lmbs, 3, off, LINUX_V2, len(LINUX_V2) - 1, 1)
    assert (rc, off[0]) == (lib.DLPAR_ERR_TRUNCATED, 28)
    assert not lmbs[0].flags

"""Against libfdt on blobs near the edge: what it accepts we accept, and read alike.

Where the two differ the reason must be one of those that `blobwalk` can tell and
docs/blobs.md lists; any other difference fails, with its seed. A few thousand
blobs in every run; PYDLPAR_FUZZ_SECONDS runs on for so long with new ones.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections import Counter

import pytest
from blobwalk import (
    REFUSED,
    REFUSED_SINCE_1_7,
    nop_before_the_root,
    nop_behind_the_root,
    reasons,
)
from libfdt_oracle import Libfdt, every_libfdt, node_props, tree_content
from mutants import mutant
from plaintree import begin, blob, cell

from pydlpar import DeviceTree, TreeError
from pydlpar._ffi import lib
from pydlpar.names import encode_name

SEEDS = 4000
SECONDS = float(os.environ.get("PYDLPAR_FUZZ_SECONDS", "0"))


def _parse(data: bytes) -> tuple[DeviceTree | None, int]:
    """A tree, or None and the code of the error."""
    try:
        return DeviceTree.from_dtb(data), 0
    except TreeError as error:
        return None, error.code


def _refused(name: str, data: bytes, code: int) -> str:
    """The reason why we refuse what libfdt accepts; it must explain our code."""
    known = REFUSED if name == "pylibfdt" else REFUSED | REFUSED_SINCE_1_7
    found = [
        reason
        for reason in reasons(data)
        if code == getattr(lib, f"DLPAR_ERR_{known.get(reason, 'INTERNAL')}")
    ]
    assert found, f"refused with {code}, reasons are {reasons(data)}"
    return min(found)


def _ambiguous(tree: DeviceTree) -> bool:
    """Whether a child is named as another one without its unit address.

    For a path without the address libfdt takes whichever comes first, we the one of
    exactly that name.
    """
    for node in tree.nodes():
        names = [child.name for child in node.children]
        if {name.partition("@")[0] for name in names if "@" in name} & {*names}:
            return True
    return False


def _paths_agree(fdt: Libfdt, data: bytes, tree: DeviceTree) -> None:
    """A path leads to the same node in both, or to none."""
    if _ambiguous(tree) or nop_before_the_root(data):
        return
    for node in tree.nodes():
        ours = tree.get(node.path)
        theirs = fdt.path_props(data, encode_name(node.path))
        assert theirs == (None if ours is None else node_props(ours))


def _accepted(libs: dict[str, Libfdt], data: bytes, tree: DeviceTree) -> None:
    """Content equals libfdt's, so does that of what we write; written twice alike."""
    written = tree.to_dtb()
    fdt = libs["pylibfdt"]
    assert all(each.check_full(written) == "OK" for each in libs.values())
    assert fdt.content(written) == tree_content(tree)
    assert DeviceTree.from_dtb(written).to_dtb() == written
    compact = tree.to_dtb(compact=True)
    assert fdt.content(compact) == fdt.content(written)
    if fdt.check_full(data) == "OK":
        assert fdt.content(data) == tree_content(tree)
        _paths_agree(fdt, data, tree)


def _compare(libs: dict[str, Libfdt], data: bytes) -> list[str]:
    """Judge one blob; what to count it as.

    Of versions below 16 libfdt 1.6.1 is not asked: it dereferences NULL on some.
    """
    tree, code = _parse(data)
    verdicts = {
        name: fdt.check_full(data)
        for name, fdt in libs.items()
        if name == "pylibfdt" or int.from_bytes(data[20:24], "big") >= 16
    }
    found = []
    if tree is not None:
        _accepted(libs, data, tree)
        found.append("accepted")
        lenient = DeviceTree.from_dtb(data, lenient=True)
        assert lenient.to_dtb() == tree.to_dtb()
    else:
        found.append("refused")
    for name, verdict in verdicts.items():
        if verdict == "OK" and tree is None:
            found.append(f"{name} accepts: {_refused(name, data, code)}")
        elif verdict != "OK" and tree is not None:
            assert nop_behind_the_root(data), f"{name} refuses: {verdict}"
            found.append(f"{name} refuses: NOP behind the root")
    return found


def _show(counts: Counter[str]) -> None:
    """What pytest shows with -s, or when the test fails."""
    for name, count in sorted(counts.items()):
        sys.stdout.write(f"{count:10} {name}\n")


@pytest.fixture(scope="module")
def libs() -> dict[str, Libfdt]:
    return every_libfdt()


def _judge(libs: dict[str, Libfdt], seeds, until: float | None = None) -> Counter[str]:
    counts: Counter[str] = Counter()
    for seed in seeds:
        if until is not None and time.monotonic() > until:
            break
        try:
            counts.update(_compare(libs, mutant(seed)))
        except (AssertionError, ValueError) as error:
            pytest.fail(f"mutant({seed}): {error}")
    return counts


def test_every_difference_is_explained(libs):
    """A few thousand blobs; every reason that is listed occurs among them."""
    counts = _judge(libs, range(SEEDS))
    _show(counts)
    assert counts["accepted"] > SEEDS // 10
    assert counts["refused"] > SEEDS // 10
    met = {c.partition(": ")[2] for c in counts if c.startswith("pylibfdt accepts")}
    assert met == set(REFUSED)


def test_length_that_wraps_in_libfdt_1_6_is_refused(libs):
    """Of a property 4 GiB long, but for what brings its end back to the next token."""
    structure = begin() + cell(3) + cell(0xFFFFFFFF) + cell(0) + cell(2) + cell(9)
    data = blob(structure, b"reg\0")
    assert _parse(data) == (None, lib.DLPAR_ERR_PROPLEN)
    assert libs["pylibfdt"].check_full(data) != "OK"
    assert reasons(data) == {"property length that wraps"}


@pytest.mark.skipif(not SECONDS, reason="set PYDLPAR_FUZZ_SECONDS to run this")
def test_long_run(libs):
    """New seeds each time, as many as the time allows; counts shown with -s."""
    first = time.time_ns() >> 10
    until = time.monotonic() + SECONDS
    counts = _judge(libs, itertools.count(first), until)
    _show(counts)
    assert counts["accepted"]

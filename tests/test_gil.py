"""Small calls keep the interpreter's lock, bulk calls let go of it."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pydlpar import DeviceTree, decode_event, hotplug_event, parse_request
from pydlpar._ffi import lib

SOURCE = Path(__file__).parents[1] / "csrc/cffi_gil.h"
CALLS = 20_000
LOCKED = getattr(sys, "_is_gil_enabled", lambda: True)()
EVENT = hotplug_event(parse_request("cpu add index 0x10000001"))


def small_calls() -> list[str]:
    """The functions that the header lists."""
    return re.findall(r"\bx\((\w+)\)", SOURCE.read_text(encoding="ascii"))


@pytest.fixture
def tree() -> DeviceTree:
    """A small tree."""
    made = DeviceTree()
    for number in range(10):
        made.add_node(f"/cpu@{number:x}", {"reg": number.to_bytes(4, "big")})
    return made


@pytest.fixture
def patient() -> Iterator[None]:
    """No thread is interrupted: another runs only when a call lets it."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    yield
    sys.setswitchinterval(before)


def another_ran(job: Callable[[], object], calls: int) -> bool:
    """Whether a waiting thread gets to run while a job is called so often."""
    gate, ran = threading.Lock(), threading.Event()
    gate.acquire()

    def wait() -> None:
        with gate:
            ran.set()

    thread = threading.Thread(target=wait)
    thread.start()
    gate.release()
    found = False
    for _ in range(calls):
        job()
        if ran.is_set():
            found = True
            break
    thread.join(60)
    return found


def test_every_small_call_exists() -> None:
    """A misspelt name would let go of the lock, silently."""
    names = small_calls()
    assert len(names) > 30
    assert names == sorted(set(names))
    assert [name for name in names if not hasattr(lib, f"dlpar_{name}")] == []


@pytest.mark.skipif(not LOCKED, reason="an interpreter without that lock")
@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    "job",
    [
        lambda tree: tree["/cpu@3"],
        lambda tree: tree["/cpu@3"]["reg"],
        lambda tree: tree["/cpu@3"].set("reg", b"\0\0\0\7"),
        lambda tree: tree.remove(tree.add_node("/cpu@a", {"reg": b"\0\0\0\1"})),
        lambda tree: tree.whole(tree["/cpu@3"].set, "reg", b"\0\0\0\0\0\0\0\7"),
        lambda _: decode_event(EVENT),
    ],
)
def test_small_calls_keep_it(
    tree: DeviceTree, job: Callable[[DeviceTree], object]
) -> None:
    """To give it back and to take it again would cost as much as the call."""
    assert not another_ran(lambda: job(tree), CALLS)


@pytest.mark.skipif(not LOCKED, reason="an interpreter without that lock")
@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    "job",
    [
        lambda tree: tree.to_dtb(),
        lambda tree: tree.to_dts(),
        lambda tree: tree.copy(),
        lambda tree: tree.paths(["/cpu@3"]),
    ],
)
def test_bulk_calls_let_go_of_it(
    tree: DeviceTree, job: Callable[[DeviceTree], object]
) -> None:
    """Trees of two threads are written out at the same time."""
    assert another_ran(lambda: job(tree), CALLS)

"""Threads that work on trees of their own: how much more is done by two than by one.

    python -m bench.threads

Each operation takes one call into the core, which runs without the interpreter's
lock. Times are the best of many short rounds, since other work on the machine only
ever takes away; twice is all that two processors can give. On a machine that is never
idle look at the processor time: it does not grow where threads share nothing.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from bench.trees import load
from pydlpar import DeviceTree

LABEL = "10000"
ROUNDS = 60
SECONDS = 0.02


class Times(NamedTuple):
    """Seconds an operation takes: by the clock, and of one thread's processor."""

    clock: float
    processor: float


def _round(operations: list[Callable[[], object]], repeat: int) -> Times:
    """Each thread does its operation *repeat* times."""
    used: list[float] = []

    def work(operation: Callable[[], object]) -> None:
        before = time.thread_time()
        for _ in range(repeat):
            operation()
        used.append(time.thread_time() - before)

    threads = [threading.Thread(target=work, args=(o,)) for o in operations]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Times((time.perf_counter() - start) / repeat, min(used) / repeat)


def _best(operations: list[Callable[[], object]]) -> Times:
    repeat = max(1, int(SECONDS / _round(operations, 1).clock))
    rounds = [_round(operations, repeat) for _ in range(ROUNDS)]
    return Times(min(r.clock for r in rounds), min(r.processor for r in rounds))


def _operations() -> dict[str, Callable[[], Callable[[], object]]]:
    """By name, what makes the operation of one thread, with data of its own."""
    blob = load(LABEL).blob

    def parse() -> Callable[[], object]:
        mine = bytes(bytearray(blob))
        return lambda: DeviceTree.from_dtb(mine)

    def write() -> Callable[[], object]:
        tree, room = DeviceTree.from_dtb(blob), bytearray(len(blob) + 4096)
        tree.root["grown"] = b"1"
        return lambda: tree.write_into(room)

    return {"parse": parse, "write into a buffer": write}


def main() -> None:
    """Print a row an operation."""
    print(f"{LABEL} nodes, {os.cpu_count()} processors")
    print(f"{'threads':20} {'one':>9} {'two':>9} {'gain':>6} {'one':>9} {'two':>9}")
    for name, make in _operations().items():
        one, two = _best([make()]), _best([make(), make()])
        print(
            f"{name:20} {one.clock * 1e3:6.3f} ms {two.clock * 1e3:6.3f} ms "
            f"{2 * one.clock / two.clock:5.2f}x "
            f"{one.processor * 1e3:6.3f} ms {two.processor * 1e3:6.3f} ms"
        )


if __name__ == "__main__":
    main()

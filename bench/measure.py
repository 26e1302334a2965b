"""How a case is timed: rounds that fill a budget, set up and checked off the clock."""

from __future__ import annotations

import os
from time import perf_counter
from typing import Any

from bench.peers import Case

__all__ = ["BUDGET", "measure"]

BUDGET = "PYDLPAR_BENCH_SECONDS"
"""Environment variable: seconds a benchmark may take, its set-up included."""

_DEFAULT_BUDGET = 0.3
_ROUNDS = 3, 2_000


def _rounds(case: Case) -> int:
    """Rounds that fill the budget, by a trial; at least a few, unless one fills it."""
    budget = float(os.environ.get(BUDGET, _DEFAULT_BUDGET))
    start = perf_counter()
    case.setup()
    result = case.run()
    took = perf_counter() - start
    case.check(result)
    least, most = _ROUNDS
    return 1 if took > budget else max(least, min(most, int(budget / took)))


def measure(benchmark: Any, case: Case) -> None:
    """Time a case and check what its last round did.

    `extra_info["items"]` is how many operations a round is, for `bench/check.py`.
    """
    rounds = _rounds(case) if benchmark.enabled else 1
    result = benchmark.pedantic(case.run, setup=case.setup, rounds=rounds)
    case.check(result)
    benchmark.extra_info["items"] = case.items

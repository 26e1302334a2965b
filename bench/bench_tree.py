"""The device tree from Python: this library and its peers, operation by operation.

A group is an operation at a size, so that a report shows the ratio. All but the whole
tree's operations (parse, write) work on 64 nodes a round; figures are a round's.
"""

from __future__ import annotations

from typing import Any

import pytest

from bench.measure import measure
from bench.peers import OPERATIONS, Peer, Pydlpar
from bench.peers_libfdt import Pylibfdt
from bench.peers_python import Fdt, Pyfdt
from bench.trees import LARGE, REALS, SIZES, load

PEERS: dict[str, type[Peer]] = {p.name: p for p in (Pydlpar, Pylibfdt, Pyfdt, Fdt)}
OURS = [name for name in Pydlpar.has if name not in OPERATIONS]
LABELS = {**REALS, **{str(size): size for size in SIZES}}
# Reading the largest tree takes those written in Python over a minute.
FAST = (Pydlpar.name, Pylibfdt.name)
COMPARED = [
    (label, operation, peer)
    for label, nodes in LABELS.items()
    for operation in OPERATIONS
    for peer in PEERS
    if nodes < LARGE or peer in FAST
]


def _run(benchmark: Any, label: str, operation: str, peer: str) -> None:
    benchmark.group = f"{operation} {label}"
    benchmark.extra_info.update(op=operation, size=label, peer=peer)
    measure(benchmark, PEERS[peer](load(label)).case(operation))


@pytest.mark.parametrize(("label", "operation", "peer"), COMPARED)
def test_operation(benchmark: Any, label: str, operation: str, peer: str) -> None:
    """Every peer does the operation, and does it right."""
    _run(benchmark, label, operation, peer)


@pytest.mark.parametrize("operation", OURS)
@pytest.mark.parametrize("label", LABELS)
def test_own_operation(benchmark: Any, label: str, operation: str) -> None:
    """What only this library offers: templates, batches, roll-back."""
    _run(benchmark, label, operation, Pydlpar.name)

"""The device tree from Python: this library and its peers, operation by operation.

A group is an operation at a size, so that a report shows the ratio. All but the whole
tree's operations (parse, write) work on 64 nodes a round; figures are a round's.
"""

from __future__ import annotations

from typing import Any

import pytest

from bench.measure import measure
from bench.peers import OPERATIONS, Peer, Pydlpar
from bench.peers_dtlib import Dtlib
from bench.peers_libfdt import Pylibfdt
from bench.peers_python import Fdt, Pyfdt
from bench.trees import REALS, SIZES, load

LIBRARIES: tuple[type[Peer], ...] = (Pydlpar, Pylibfdt, Pyfdt, Fdt, Dtlib)
PEERS = {library.name: library for library in LIBRARIES}
OURS = [name for name in Pydlpar.has if name not in OPERATIONS]
LABELS = {**REALS, **{str(size): size for size in SIZES}}
COMPARED = [
    (label, operation, name)
    for label, nodes in LABELS.items()
    for operation in OPERATIONS
    for name, peer in PEERS.items()
    if nodes <= peer.most_nodes and operation in peer.has
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

"""`/sys/devices/system/cpu/probe` and `release`: a CPU core by hand.

Source: Linux hotplug-cpu.c `dlpar_cpu_probe`, `dlpar_cpu_release`.
"""

from __future__ import annotations

import errno

from pydlpar.entries.paths import c_string, find_path
from pydlpar.operations import cpu
from pydlpar.operations.calls import Run, Started
from pydlpar.request import read_number

__all__ = ["probe", "release"]

_DRC_INDEX = "ibm,my-drc-index"
_WORD = 4


def probe(run: Run, data: bytes) -> Started:
    """Add the CPU whose DRC index is written, as a number with any prefix."""
    text = c_string(data)
    index = read_number(text)
    if index is None:
        return run.fail(-errno.EINVAL, "{!r}: expected a 32-bit number", text[:32])
    return cpu.add(run, index)


def release(run: Run, data: bytes) -> Started:
    """Remove the CPU whose path is written; a newline is part of the path.

    No hint to firmware follows a failure, other than at `/sys/kernel/dlpar`.
    """
    path = c_string(data)
    node = find_path(run.partition.tree, path)
    if node is None:
        return run.fail(-errno.EINVAL, "there is no node {!r}", path)
    value = node.get(_DRC_INDEX, b"")
    if len(value) < _WORD:
        return run.fail(-errno.EINVAL, "{} has no {}", node.path, _DRC_INDEX)
    index = int.from_bytes(value[:_WORD], "big")
    return cpu.remove_node(run, node, index)

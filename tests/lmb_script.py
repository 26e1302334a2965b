"""What tests of memory requests share: partitions of LMBs, and calls by the LMB."""

from __future__ import annotations

from script import (
    LMB_SIZE,
    add_lmbs,
    add_memory,
    configured,
    lmb_drc,
    lmb_fragment,
    make_tree,
    memory,
    run,
)

from pydlpar.partition import Partition

NODE = "/ibm,dynamic-reconfiguration-memory"
FRAGMENT = lmb_fragment(1, 0)
L0, L1, L2, L3 = map(lmb_drc, range(4))


def partition_of(*flags, **options):
    """A partition with one LMB for each of *flags*."""
    return Partition(add_lmbs(make_tree(), *flags, **options))


def outcome(partition, text, *steps, **options):
    """What becomes of a request that makes just these calls."""
    return run(partition, text, *steps, **options).last


def flags_of(partition):
    return [lmb.flags for lmb in partition.lmbs]


def added(number, node=0):
    """The calls of a successful addition, without the acquisition."""
    base = number * LMB_SIZE
    return [
        configured(lmb_drc(number), FRAGMENT),
        add_memory(base, node=node),
        memory("online", base),
    ]


def removed(number):
    """The calls of a successful removal, without the release."""
    base = number * LMB_SIZE
    return [memory("offline", base), memory("remove", base)]

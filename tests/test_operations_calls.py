"""DRC calls and busy answers in every dialect: which status is which failure."""

from __future__ import annotations

import errno

import pytest
from script import (
    ASSIGNED,
    LMB_SIZE,
    PRESENT,
    UNUSABLE,
    acquired,
    add_lmbs,
    add_memory,
    configured,
    cpu_drc,
    cpu_fragment,
    isolate,
    lmb_drc,
    make_tree,
    memory,
    offline,
    online,
    released,
    run,
    sensor,
    unusable,
    usable,
)

from pydlpar.connector import ConnectorResult
from pydlpar.operations.calls import rtas_errno
from pydlpar.partition import Partition
from pydlpar.request import DIALECTS

BUSY = [-2, *range(9900, 9906)]
CLONE = ["4.1", "4.5"]
HISTORIC = [*CLONE, "4.10"]
RETRYING = ["5.16", "6.12"]
C1, C2 = cpu_drc(1), cpu_drc(2)
L0 = lmb_drc(0)
ADD = "cpu add index 0x10000002"
REMOVE = "cpu remove index 0x10000001"


def outcome(partition, text, *steps, **options):
    return run(partition, text, *steps, **options).last


def lmbs(*flags):
    return Partition(add_lmbs(make_tree(), *flags))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (0, 0),
        (-1, -errno.EIO),
        (-3, -errno.EINVAL),
        (-9000, -errno.EFAULT),
        (-9001, -errno.EEXIST),
        (-9002, -errno.ENODEV),
        *((status, -errno.ERANGE) for status in (-2, -7, -9003, -9004, -9999)),
        *((status, status) for status in (1, 5, 9000, 9899, 9900)),
    ],
)
def test_errno_of_a_status(status, expected):
    """7.3: five of their own, other negative ones ERANGE, positive ones unchanged."""
    assert rtas_errno(status) == expected


@pytest.mark.parametrize("status", [-1, -3, 1, 9000])
def test_sensor_that_fails_is_not_believed(status):
    """4.1 step 1: any status but 0 is EPERM, positive too, whatever the state."""
    done = outcome(lmbs(0), "memory add index 0x80000000", sensor(L0, UNUSABLE, status))
    assert done.errno == errno.EPERM
    partition = Partition(make_tree())
    failed = sensor(C1, PRESENT, status)
    done = outcome(partition, REMOVE, offline(1), failed, online(1), failed)
    assert done.errno == errno.EPERM


def test_walk_that_fails_is_not_believed():
    """4.2: what a failed configure-connector collected is nothing."""
    result = ConnectorResult(-9003, (2, -9003), cpu_fragment(2), 0)
    failed = (("configure_connector", C2), result)
    done = outcome(make_tree(), ADD, acquired(C2), failed, released(C2))
    assert done.errno == errno.EINVAL
    assert done.changes == []


@pytest.mark.parametrize("dialect", list(DIALECTS))
@pytest.mark.parametrize("status", BUSY)
def test_indicators_are_always_retried(status, dialect):
    """7.2: set-indicator is a busy loop in every kernel, in both directions."""
    done = outcome(
        lmbs(ASSIGNED),
        "memory remove index 0x80000000",
        *(memory("offline", 0), memory("remove", 0), sensor(L0, PRESENT)),
        *([isolate(L0, status)] * 2, isolate(L0)),
        *([unusable(L0, status)] * 2, unusable(L0)),
        dialect=dialect,
    )
    assert done.errno == 0


@pytest.mark.parametrize("dialect", HISTORIC)
@pytest.mark.parametrize("status", BUSY)
def test_sensor_of_old_kernels_fails_when_busy(status, dialect):
    """4.1, version note: acquire and release fail with -1, without a delay."""
    done = outcome(
        lmbs(0),
        "memory add index 0x80000000",
        sensor(L0, UNUSABLE, status),
        dialect=dialect,
    )
    assert done.errno == errno.EPERM
    done = outcome(
        lmbs(ASSIGNED),
        "memory remove index 0x80000000",
        *(memory("offline", 0), memory("remove", 0), sensor(L0, PRESENT, status)),
        dialect=dialect,
    )
    assert done.errno == 0


@pytest.mark.parametrize("dialect", RETRYING)
@pytest.mark.parametrize("status", BUSY)
def test_sensor_and_connector_of_new_kernels_are_retried(status, dialect):
    """4.1, 4.2, version notes: since 5.14; the hint's sensor too."""
    busy = (("configure_connector", C2), ConnectorResult(status, (status,), None, 0))
    done = outcome(
        make_tree(),
        ADD,
        *(sensor(C2, UNUSABLE, status), acquired(C2)),
        *(busy, configured(C2, cpu_fragment(2)), online(2)),
        dialect=dialect,
    )
    assert done.errno == 0
    done = outcome(
        make_tree(),
        "cpu remove index 0x10000002",
        *(sensor(C2, PRESENT, status), sensor(C2, UNUSABLE)),
        dialect=dialect,
    )
    assert done.errno == errno.ENODEV


@pytest.mark.parametrize("dialect", HISTORIC)
def test_indicator_that_stays_positive_is_eio(dialect):
    """2.4: not a number of bytes written, in no dialect."""
    steps = [sensor(L0, UNUSABLE), usable(L0, 9000)]
    done = outcome(lmbs(0), "memory add index 0x80000000", *steps, dialect=dialect)
    assert done.errno == errno.EIO


@pytest.mark.parametrize("dialect", CLONE)
def test_clone_style_leaves_the_associativity_index(dialect):
    """4.4.6, 4.1: neither addition nor removal touches it."""
    partition = lmbs(ASSIGNED)
    steps = [memory("offline", 0), memory("remove", 0), released(L0)]
    text = "memory remove index 0x80000000"
    assert outcome(partition, text, *steps, dialect=dialect).errno == 0
    assert (partition.lmbs[0].flags, partition.lmbs[0].aa_index) == (0, 0)


@pytest.mark.parametrize("dialect", CLONE)
def test_clone_style_takes_reserved_lmbs_as_available(dialect):
    """4.4.6, 4.1: only ASSIGNED is looked at."""
    partition = lmbs(0x80, 0x80)
    steps = [
        [acquired(lmb_drc(n)), add_memory(n * LMB_SIZE), memory("online", n * LMB_SIZE)]
        for n in (0, 1)
    ]
    done = outcome(partition, "memory add count 2", *steps, dialect=dialect)
    assert done.errno == 0

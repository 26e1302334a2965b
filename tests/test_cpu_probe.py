"""cpu/probe and cpu/release: arguments, results, and the calls that are made."""

from __future__ import annotations

import errno

import pytest
from script import (
    Script,
    acquired,
    configured,
    cpu_drc,
    cpu_fragment,
    make_tree,
    not_configured,
    offline,
    online,
    released,
    sensor,
)

from pydlpar.dispatch import Dispatcher
from pydlpar.partition import Partition

C1, C2, C9 = cpu_drc(1), cpu_drc(2), cpu_drc(9)
CPU1 = "/cpus/PowerPC,POWER9@1"


def start(*steps, tree=None):
    script = Script(*steps)
    return Dispatcher(Partition(tree or make_tree()), script), script


def added(core):
    drc = cpu_drc(core)
    return [acquired(drc), configured(drc, cpu_fragment(core)), online(core)]


@pytest.mark.parametrize(
    "text", ["0x10000002", "268435458\n", "0X10000002", "+0x10000002", "02000000002"]
)
def test_probe_takes_one_number(text):
    """1.5: in the kernel's auto-base format; the same calls as `cpu add index`."""
    target, script = start(added(2))
    assert target.write_probe(text) == len(text)
    script.finish()
    assert "/cpus/PowerPC,POWER9@2" in target.partition.tree
    assert 2 in target.partition.online


@pytest.mark.parametrize(
    "text", ["x", "\n", "0x10000002 ", "0x1\n\n", "0x100000000", "-1", "1 2", "\x001"]
)
def test_probe_of_anything_else(text):
    target, _ = start()
    assert target.write_probe(text) == -errno.EINVAL
    assert target.last.calls == []


@pytest.mark.parametrize("index", [C1, C9])
def test_probe_fails_as_cpu_add(index):
    """It is there already; it is not listed: no call is made."""
    target, _ = start()
    assert target.write_probe(hex(index)) == -errno.EINVAL


def test_probe_gives_back_the_connector():
    target, script = start(acquired(C2), not_configured(C2), released(C2))
    assert target.write_probe(hex(C2)) == -errno.EINVAL
    script.finish()


def test_release_by_path():
    """1.5: the calls of `cpu remove`."""
    target, script = start(offline(1), released(C1))
    assert target.write_release(CPU1) == len(CPU1)
    script.finish()
    assert CPU1 not in target.partition.tree
    assert 1 not in target.partition.logical_ids


@pytest.mark.parametrize(
    "path", [CPU1 + "\n", "/cpus/PowerPC,POWER9", "/none", "/cpus", "/", "cpus"]
)
def test_release_of_what_is_no_cpu(path):
    """1.5: the newline is not stripped; a node without DRC index is none."""
    target, _ = start()
    assert target.write_release(path) == -errno.EINVAL


@pytest.mark.parametrize("value", [None, b"", b"\0\0\0"])
def test_release_without_readable_index(value):
    tree = make_tree()
    if value is None:
        del tree[CPU1]["ibm,my-drc-index"]
    else:
        tree[CPU1]["ibm,my-drc-index"] = value
    target, _ = start(tree=tree)
    assert target.write_release(CPU1) == -errno.EINVAL
    assert target.last.calls == []


def test_refused_release_gives_no_hint():
    """Other than `cpu remove`: the threads come back, and that is all."""
    target, script = start(offline(1), sensor(C1, 2), online(1))
    assert target.write_release(CPU1) == -errno.EPERM
    script.finish()
    assert CPU1 in target.partition.tree
    assert 1 in target.partition.online


def test_empty_write_reaches_nobody():
    target, _ = start()
    assert target.write_probe(b"") == target.write_release("") == 0
    assert target.last is None

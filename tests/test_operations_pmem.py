"""Persistent memory: calls in order, roll-back and errno, as in Linux pmem.c."""

from __future__ import annotations

import errno

import pytest
from io_script import PMEM, add, card, carry_out, io_tree, offline, online, remove
from io_script import unchanged as unchanged_
from script import (
    NO_EVENT,
    PRESENT,
    UNUSABLE,
    Script,
    acquired,
    configured,
    event,
    isolate,
    not_configured,
    released,
    sensor,
    unisolate,
    unusable,
    usable,
)

from pydlpar.constants import Action, Resource
from pydlpar.dispatch import Dispatcher
from pydlpar.partition import Partition
from pydlpar.request import HotplugRequest
from pydlpar.rtas import hotplug_event

ABOVE = "/ibm,persistent-memory"
NAME = "ibm,pmemory@90000000"
ADD, REMOVE = add(PMEM, Resource.PMEM), remove(PMEM, Resource.PMEM)
DELIVERED = configured(PMEM, card(NAME, PMEM))


def pmem_tree(*devices):
    tree = io_tree()
    tree.add_node(ABOVE, {"device_type": b"ibm,persistent-memory\0"})
    for name, index in devices:
        tree.attach(ABOVE, type(tree).from_dtb(card(name, index)))
    return tree


def unchanged(*arguments, **options):
    return unchanged_(*arguments, user_space=False, **options)


def test_add_and_remove():
    """4.5: acquire, configure, attach; release, detach."""
    tree = pmem_tree()
    done = carry_out(
        tree, ADD, acquired(PMEM), DELIVERED, online(PMEM), user_space=False
    )
    assert (done.errno, done.changes) == (0, [("add", f"{ABOVE}/{NAME}")])
    done = carry_out(tree, REMOVE, offline(PMEM), released(PMEM), user_space=False)
    assert (done.errno, done.changes) == (0, [("remove", f"{ABOVE}/{NAME}")])
    assert tree.to_dtb() == pmem_tree().to_dtb()
    assert done.exit_status is None


@pytest.mark.parametrize("call", ["online", "offline"])
def test_nobody_looks_at_the_drivers(call):
    """4.8: errors of notifiers are dropped."""
    tree = pmem_tree() if call == "online" else pmem_tree((NAME, PMEM))
    steps = [offline(PMEM, -errno.EBUSY), released(PMEM)]
    if call == "online":
        steps = [acquired(PMEM), DELIVERED, online(PMEM, -errno.ENXIO)]
    request = ADD if call == "online" else REMOVE
    assert carry_out(tree, request, *steps, user_space=False).errno == 0


@pytest.mark.parametrize(
    "steps",
    [
        [sensor(PMEM, PRESENT)],
        [sensor(PMEM, 0, -1)],
        [sensor(PMEM, UNUSABLE), usable(PMEM, -3)],
        [sensor(PMEM, UNUSABLE), usable(PMEM), unisolate(PMEM, -1), unusable(PMEM)],
        [acquired(PMEM), not_configured(PMEM), released(PMEM)],
        [acquired(PMEM), configured(PMEM, b"junk"), released(PMEM)],
    ],
    ids=["owned", "sensor", "usable", "unisolate", "configure", "fragment"],
)
def test_add_that_fails_is_einval(steps):
    """4.5: whatever the connector said; what was acquired is released."""
    done = unchanged(pmem_tree(), ADD, *steps)
    assert (done.errno, done.changes) == (errno.EINVAL, [])
    assert done.reason


def test_add_of_what_is_there():
    """4.5: nobody looks for it in the tree; the connector says that it is in use."""
    steps = [sensor(PMEM, PRESENT)]
    assert unchanged(pmem_tree((NAME, PMEM)), ADD, steps).errno == errno.EINVAL
    # B17, where firmware says otherwise: Linux has it twice.
    for index in (PMEM, PMEM + 1):
        steps = [acquired(PMEM), DELIVERED, released(PMEM)]
        assert unchanged(pmem_tree((NAME, index)), ADD, steps).errno == errno.EEXIST


def test_remove_of_nothing_is_enodev():
    assert unchanged(pmem_tree((NAME, PMEM + 1)), REMOVE).errno == errno.ENODEV


@pytest.mark.parametrize(
    ("steps", "error"),
    [
        ([sensor(PMEM, UNUSABLE)], errno.EPERM),
        ([sensor(PMEM, PRESENT), isolate(PMEM, -9001)], errno.EEXIST),
        ([sensor(PMEM, PRESENT), isolate(PMEM, -1)], errno.EIO),
        (
            [sensor(PMEM, PRESENT), isolate(PMEM), unusable(PMEM, -3), unisolate(PMEM)],
            errno.EINVAL,
        ),
    ],
)
def test_removal_that_firmware_refuses(steps, error):
    """4.5: the errno of the release; the node stays, its drivers come back."""
    tree = pmem_tree((NAME, PMEM))
    done = unchanged(tree, REMOVE, offline(PMEM), *steps, online(PMEM))
    assert (done.errno, done.changes) == (error, [])


def test_order_of_checks():
    """4.5: the node, then the id type, then the action."""
    count = HotplugRequest.by_count(Resource.PMEM, Action.ADD, 1)
    assert unchanged(io_tree(), count).errno == errno.ENODEV
    assert "DRC index only" in unchanged(pmem_tree(), count).reason
    done = unchanged(pmem_tree(), ADD._replace(action=9))
    assert (done.errno, done.reason) == (errno.EINVAL, "action 9: expected 1 or 2")


@pytest.mark.parametrize(("dialect", "kernels"), [("4.10", False), ("5.16", True)])
def test_who_acts_upon_an_event(dialect, kernels):
    """0.2, by 5.4: before, it is left to user space, where rtas_errd ignores it."""
    steps = [acquired(PMEM), DELIVERED, online(PMEM)] if kernels else []
    for user_space in (False, True):
        script = Script(event(hotplug_event(ADD)), *steps, NO_EVENT)
        target = Dispatcher(
            Partition(pmem_tree()), script, dialect, user_space=user_space
        )
        (outcome,) = target.interrupt()
        script.finish()
        assert (outcome.handled, outcome.errno) == (kernels, 0)
        assert target.events.user_space == (not kernels)
    if not kernels:
        assert outcome.reason == "rtas_errd ignores resource 6"

"""CPU hotplug: the calls, their roll-back and errno as in Linux hotplug-cpu.c.

Deviations from Linux, each where it crashes, leaks or corrupts:

* No free logical CPU ids: Linux returns -ENOSPC but leaves the nodes attached and
  freed; here they are detached.
* A thread number that is present already: Linux would take the other CPU offline
  and let a positive number through; here it is -EEXIST, detached and released.
* A delivered node with children: Linux loses them; here they are attached too,
  unless `Quirk.LOST_CHILDREN` is on.
* A delivered node whose name exists below /cpus: Linux has two nodes of one name;
  here it is -EEXIST and the DRC is released.
* "cpu remove count" with an unreadable `ibm,my-drc-index`: Linux goes on with
  indexes of 0; here it is -EINVAL at once.
* A thread that neither lets its core come online nor goes offline again: Linux
  stops at a BUG when it detaches the CPU; here the CPU stays, with that thread.
* Detaching cannot fail here, so its roll-back has no counterpart.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from pydlpar.connector import without_children
from pydlpar.constants import Action, IdType
from pydlpar.errors import NotFoundError
from pydlpar.operations.calls import (
    OFFLINE_CPU,
    ONLINE_CPU,
    Operation,
    Run,
    Started,
    acquire,
    configure,
    graft,
    release,
    unisolate,
)
from pydlpar.operations.quirks import Quirk
from pydlpar.operations.repeat import again

if TYPE_CHECKING:
    from pydlpar.node import Node
    from pydlpar.request import HotplugRequest

__all__ = ["add", "operate", "remove_node"]

# Bound once: looking up a member of an enumeration is slow.
_ADD, _REMOVE = Action.ADD, Action.REMOVE
_BY_INDEX, _BY_COUNT = IdType.DRC_INDEX, IdType.DRC_COUNT
_DRC_INDEX = "ibm,my-drc-index"
_WORD = 4
_CACHE_LINKS = ("l2-cache", "next-level-cache")


def operate(run: Run, request: HotplugRequest) -> Started:
    """The operation of a CPU request (`dlpar_cpu`)."""
    action, index, count = request.action, request.drc_index, request.count
    adds = action == _ADD
    if not adds and action != _REMOVE:
        return run.fail(-errno.EINVAL, "action {}: expected 1 or 2", action)
    if request.id_type == _BY_INDEX and index is not None:
        return add(run, index) if adds else _remove_or_hint(run, index)
    if not run.behaviour.cpu_by_count:
        return run.fail(-errno.EINVAL, "CPUs go by DRC index only")
    if request.id_type == _BY_COUNT and count is not None:
        return (_add_by_count if adds else _remove_by_count)(run, count)
    return run.fail(-errno.EINVAL, "CPUs go by DRC index and by count only")


def add(run: Run, index: int) -> Operation:
    """Add the CPU of a DRC (`dlpar_cpu_add`)."""
    partition = run.partition
    cpus = partition.cpus
    if cpus is None:
        return run.fail(-errno.ENODEV, "there is no node /cpus")
    if partition.tree.find_child(cpus, _DRC_INDEX, index) is not None:
        return run.fail(-errno.EINVAL, "CPU {:#010x} exists already", index)
    if not partition.knows_cpu(cpus, index):
        return run.fail(-errno.EINVAL, "/cpus lists no DRC {:#010x}", index)
    if (yield from again(run, acquire, index)):
        return -errno.EINVAL
    fragment = yield from configure(run, index)
    if fragment is None:
        yield from again(run, release, index)
        return -errno.EINVAL
    node, threads, rc = _attach(run, cpus, index, fragment)
    if node is None:
        yield from again(run, release, index)
        return rc
    rc = yield from _online(run, threads)
    if rc and partition.online.isdisjoint(threads or ()):
        _detach(run, node, threads)
        yield from again(run, release, index)
    return rc


def _attach(
    run: Run, cpus: Node, index: int, fragment: bytes
) -> tuple[Node | None, Sequence[int] | None, int]:
    """Graft the delivered nodes and number the threads of the first, or neither.

    Returns:
        The first node and its threads, or None and why.
    """
    partition = run.partition
    tree = partition.tree
    nodes, rc = graft(run, cpus, index, fragment, losing=without_children)
    if rc:
        return None, None, rc
    if not run.behaviour.cache_nodes:
        for other in nodes[1:]:
            tree.remove(other)
        del nodes[1:]
    threads = partition.threads_of(nodes[0])
    rc = partition.attach_threads(nodes[0], threads or ())
    if rc == 0:
        run.undo.append((partition.detach_threads, threads or ()))
        for node in nodes:
            run.changes.append(("add", node.path))
        return nodes[0], threads, 0
    for node in nodes:
        tree.remove(node)
    what = "there are no free CPU ids for threads {} of DRC {:#010x}"
    if rc == -errno.EEXIST:
        what = "one of threads {} of DRC {:#010x} is present already"
    return None, None, run.fail(rc, what, threads, index)


def _remove_or_hint(run: Run, index: int) -> Operation:
    rc = yield from _remove(run, index)
    if rc and run.behaviour.hints:
        yield from unisolate(index)
    return rc


def _remove(run: Run, index: int) -> Operation:
    node = run.partition.tree.find("cpu", _DRC_INDEX, index)
    if node is None:
        return run.fail(-errno.ENODEV, "there is no CPU {:#010x}", index)
    return (yield from remove_node(run, node, index))


def remove_node(run: Run, node: Node, index: int) -> Operation:
    """Remove the CPU of a node and its DRC (`dlpar_cpu_remove`)."""
    threads = run.partition.threads_of(node)
    if (yield from _offline(run, threads)):
        return -errno.EINVAL
    rc = yield from again(run, release, index)
    if rc:
        yield from _online(run, threads)
        return rc
    cache = _next_cache(node) if run.behaviour.cache_nodes else None
    _detach(run, node, threads)
    if cache is not None:
        _detach_caches(run, cache)
    return 0


def _online(run: Run, threads: Sequence[int] | None) -> Operation:
    """Bring up the threads that the SMT policy allows; on failure none stays up."""
    partition = run.partition
    if threads is None:
        return run.fail(-errno.EINVAL, "the CPU's node lists no threads")
    online = partition.online
    for thread in partition.allowed(threads):
        rc: int = yield (ONLINE_CPU, thread)
        if rc:
            run.fail(rc, "thread {} did not come online: {}", thread, rc)
            yield from _offline(run, threads)
            return rc
        online.add(thread)
        run.undo.append((online.discard, thread))
    return 0


def _offline(run: Run, threads: Sequence[int] | None) -> Operation:
    """Take down every thread but the last one online; those taken stay down."""
    if threads is None:
        return run.fail(-errno.EINVAL, "the CPU's node lists no threads")
    online = run.partition.online
    for thread in threads:
        if thread not in online:
            continue
        if len(online) == 1:
            return run.fail(-errno.EBUSY, "thread {} is the last one online", thread)
        rc: int = yield (OFFLINE_CPU, thread)
        if rc:
            return run.fail(rc, "thread {} did not go offline: {}", thread, rc)
        online.discard(thread)
        run.undo.append((online.add, thread))
    return 0


def _detach(run: Run, node: Node, threads: Sequence[int] | None) -> None:
    """Take the CPU's node out of the tree and give its thread ids back."""
    partition = run.partition
    ids = partition.detach_threads(threads or ())
    run.undo.append((partition.restore_threads, ids))
    run.changes.append(("remove", node.path))
    partition.tree.remove(node)


def _detach_caches(run: Run, handle: int | None) -> None:
    """Take out the chain of cache nodes from phandle *handle* on.

    It ends at the first cache that another CPU or cache still names. Linux counts
    the users before it detaches anything; afterwards there must be none.
    """
    tree = run.partition.tree
    while handle is not None:
        try:
            cache = tree.by_phandle(handle)
        except NotFoundError:
            return
        if any(
            tree.find(kind, link, handle) is not None
            for kind in ("cpu", "cache")
            for link in _CACHE_LINKS
        ):
            return
        handle = _next_cache(cache)
        run.changes.append(("remove", cache.path))
        tree.remove(cache)


def _next_cache(node: Node) -> int | None:
    """The phandle of the next cache towards memory (`of_find_next_cache_node`)."""
    for link in _CACHE_LINKS:
        value = node.get(link)
        if value is not None:
            return int.from_bytes(value[:_WORD], "big")
    return None


def _add_by_count(run: Run, count: int) -> Operation:
    cpus = run.partition.cpus
    indexes = [] if cpus is None else list(islice(_absent(run, cpus), count))
    if len(indexes) < count:
        return run.fail(
            -errno.EINVAL, "{} of {} CPUs can be added", len(indexes), count
        )
    for done, index in enumerate(indexes):
        if (yield from add(run, index)):
            for added in indexes[:done]:
                yield from _remove(run, added)
            return run.fall_short(
                -errno.EINVAL, "{} of {} CPUs could be added", done, count
            )
    return 0


def _absent(run: Run, cpus: Node) -> Iterator[int]:
    """The listed DRC indexes that no CPU has, in order of the list."""
    tree = run.partition.tree
    stuck = Quirk.DRC_INFO_COUNT in run.behaviour.quirks and "ibm,drc-info" in cpus
    for indexes in run.partition.cpu_indexes(cpus):
        for index in indexes:
            if tree.find_child(cpus, _DRC_INDEX, index) is None:
                yield index
            elif stuck:
                # Linux tries this CPU again for the rest of the record.
                break


def _remove_by_count(run: Run, count: int) -> Operation:
    """Remove the first CPUs in tree order; one more must be there than asked."""
    cpus = run.partition.cpu_nodes()
    if len(cpus) <= count:
        return run.fail(
            -errno.EINVAL, "{} CPUs are present, cannot remove {}", len(cpus), count
        )
    values = [cpu.get(_DRC_INDEX) for cpu in cpus[:count]]
    indexes = [int.from_bytes(v, "big") for v in values if v and len(v) == _WORD]
    if len(indexes) < count:
        return run.fail(-errno.EINVAL, "a CPU has no readable " + _DRC_INDEX)
    for done, index in enumerate(indexes):
        if (yield from _remove(run, index)):
            for removed in indexes[:done]:
                yield from add(run, removed)
            return run.fall_short(
                -errno.EINVAL, "{} of {} CPUs could be removed", done, count
            )
    return 0

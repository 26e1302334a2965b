"""What changed between kernel lines beside memory: CPUs, pmem, dt, interrupts, reading.

Every row of the history (0.2, 2.5, 2.7, 4.1, 4.3) that can be told from outside has
a test that asks each line.
"""

from __future__ import annotations

import errno

import pytest
from io_script import PMEM, add, card, carry_out, io_tree, slot
from io_script import online as bound
from script import (
    NO_EVENT,
    PRESENT,
    UNUSABLE,
    Script,
    acquired,
    cells,
    configured,
    cpu_drc,
    cpu_fragment,
    event,
    hint,
    make_tree,
    not_configured,
    offline,
    online,
    released,
    run,
    sensor,
)

from pydlpar.connector import ConnectorResult
from pydlpar.constants import Action, Resource
from pydlpar.dispatch import Dispatcher
from pydlpar.errors import ArgumentError
from pydlpar.operations.behaviour import BEHAVIOURS, CHANGES, behaviour_of
from pydlpar.partition import Partition
from pydlpar.request import (
    DIALECTS,
    HotplugRequest,
    dialect_of,
    parse_request,
    release_of,
)
from pydlpar.rtas import hotplug_event

C1, C2 = cpu_drc(1), cpu_drc(2)
SLOT = slot(0, 0)
ADD, REMOVE = "cpu add index 0x10000002", "cpu remove index 0x10000001"
LINES = [
    *("4.1", "4.4", "4.5", "4.8", "4.9", "4.10", "4.11", "4.12", "4.13", "4.15"),
    *("4.16", "5.3", "5.4", "5.10", "5.11", "5.12", "5.13", "5.14", "5.15", "5.16"),
    *("6.11", "6.12", "6.16", "6.17"),
]
every = pytest.mark.parametrize("line", LINES)
with_cpus = pytest.mark.parametrize("line", LINES[2:])


def since(line, release):
    return release_of(line) >= release_of(release)


def outcome(line, tree, text, *steps, **options):
    return run(tree, text, *steps, dialect=line, **options).last


def test_lines_are_in_order():
    """A release that is not in the table is as the one before it."""
    assert set(CHANGES) | set(DIALECTS) <= set(LINES)
    assert list(CHANGES) == sorted(CHANGES, key=release_of)
    assert list(DIALECTS) == sorted(DIALECTS, key=release_of)
    for between, line in (
        ("4.4", "4.1"),
        ("4.8", "4.5"),
        ("4.15", "4.13"),
        ("4.18", "4.16"),
        ("5.15", "5.14"),
        ("6.11", "5.16"),
        ("6.16", "6.12"),
        ("19.9", "6.17"),
    ):
        assert behaviour_of(between) == behaviour_of(line)
        assert dialect_of(between).listing == dialect_of(line).listing
    assert BEHAVIOURS.keys() == DIALECTS.keys()


@pytest.mark.parametrize("text", ["4.0", "3.18", "4", "4.1.2", "v4.1", "", "four", "7"])
def test_what_is_no_release_is_refused(text):
    """4.1 is the first that has the file."""
    for use in (dialect_of, behaviour_of, lambda d: parse_request("cpu add", d)):
        with pytest.raises(ArgumentError, match=r"expected one of 4\.1, .* release"):
            use(text)
    with pytest.raises(ArgumentError):
        Dispatcher(Partition(make_tree()), Script(), text)


LISTINGS = {
    "4.1": (0o200, None),
    "4.10": (0o200, None),
    "4.11": (0o600, b"memory,cpu\n"),
    "4.13": (0o644, b"memory,cpu\n"),
    "5.16": (0o644, b"memory,cpu\n"),
    "6.12": (0o644, b"memory,cpu,dt\n"),
}


@every
def test_reading(line):
    """2.5: EACCES where nobody may read, root neither; else what is advertised."""
    mode, listing = [LISTINGS[k] for k in LISTINGS if since(line, k)][-1]
    target = Dispatcher(Partition(make_tree()), Script(), line)
    assert dialect_of(line).mode == mode
    if listing is None:
        with pytest.raises(PermissionError) as caught:
            target.read()
        assert caught.value.errno == errno.EACCES
    else:
        assert target.read() == listing
        words = listing.decode().strip().split(",")
        known = {bytes(word).decode().strip() for word in dialect_of(line).resources}
        assert set(words) == known


@every
def test_resources(line):
    """0.2: CPUs at 4.5, persistent memory by 5.4, dt at 6.12."""
    target = Dispatcher(Partition(make_tree()), Script(), line)
    wanted = {Resource.MEMORY}
    wanted |= {Resource.CPU} if since(line, "4.5") else set()
    wanted |= {Resource.PMEM} if since(line, "5.4") else set()
    wanted |= {Resource.DT} if since(line, "6.12") else set()
    assert set(target.resources) == wanted


@every
def test_interrupts(line):
    """0.2: read in 4.9 first; nothing is fetched before."""
    steps = [NO_EVENT] if since(line, "4.9") else []
    script = Script(*steps)
    assert Dispatcher(Partition(make_tree()), script, line).interrupt() == []
    script.finish()


@every
def test_persistent_memory(line):
    """0.2: by 5.4; before, it is left to user space, or nobody is interrupted."""
    tree = io_tree()
    tree.add_node("/ibm,persistent-memory", {"device_type": b"ibm,persistent-memory\0"})
    log = event(hotplug_event(add(PMEM, Resource.PMEM)))
    steps = [log, NO_EVENT] if since(line, "4.9") else []
    if since(line, "5.4"):
        delivered = configured(PMEM, card("ibm,pmemory@1", PMEM))
        steps[1:1] = [acquired(PMEM), delivered, bound(PMEM)]
    script = Script(*steps)
    done = Dispatcher(Partition(tree), script, line).interrupt()
    script.finish()
    assert [outcome.handled for outcome in done] == (
        [since(line, "5.4")] if since(line, "4.9") else []
    )


@with_cpus
def test_cpu_add(line):
    """4.3: the calls have not changed."""
    steps = [acquired(C2), configured(C2, cpu_fragment(2)), online(2)]
    done = outcome(line, make_tree(), ADD, *steps)
    assert (done.errno, done.changes) == (0, [("add", "/cpus/PowerPC,POWER9@2")])


@with_cpus
@pytest.mark.parametrize(
    ("steps", "error"),
    [
        ([offline(1, -errno.EBUSY)], errno.EINVAL),
        ([offline(1), sensor(C1, UNUSABLE), online(1)], errno.EPERM),
    ],
    ids=["offline", "release"],
)
def test_a_cpu_that_stays(line, steps, error):
    """4.3, B9: the hint came with 5.13."""
    hints = [hint(C1)] if since(line, "5.13") else []
    done = outcome(line, make_tree(), REMOVE, *steps, *hints)
    assert (done.errno, done.changes) == (error, [])


@with_cpus
def test_a_cpu_that_is_not_there(line):
    """4.3: ENODEV, and the hint all the same."""
    tree = make_tree((0,))
    hints = [sensor(C1, UNUSABLE)] if since(line, "5.13") else []
    assert outcome(line, tree, REMOVE, *hints).errno == errno.ENODEV


@with_cpus
@pytest.mark.parametrize("action", ["add", "remove"])
def test_cpus_by_count(line, action):
    """2.7, 4.3: until 5.16, when it became EINVAL."""
    steps = [offline(0), released(cpu_drc(0))]
    if action == "add":
        steps = [acquired(C2), configured(C2, cpu_fragment(2)), online(2)]
    known = not since(line, "5.16")
    done = outcome(line, make_tree(), f"cpu {action} count 1", *(steps * known))
    assert done.errno == (0 if known else errno.EINVAL)


@with_cpus
def test_cache_nodes(line):
    """0.2: they come with their CPU since 5.16."""
    data = cpu_fragment(2, siblings=[("l2-cache@2", {})])
    tree = make_tree()
    steps = [acquired(C2), configured(C2, data), online(2)]
    assert outcome(line, tree, ADD, *steps).errno == 0
    assert ("/cpus/l2-cache@2" in tree) == since(line, "5.16")


@with_cpus
@pytest.mark.parametrize("status", [-2, 9900, 9905])
def test_busy_configure_connector(line, status):
    """4.2: -2 is asked again in all; 990x since 5.14, and is fatal before."""
    busy = (("configure_connector", C2), ConnectorResult(status, (status,), None, 0))
    steps = [acquired(C2), busy]
    again = status == -2 or since(line, "5.14")
    done = [configured(C2, cpu_fragment(2)), online(2)]
    steps += done if again else [sensor(C2, PRESENT, -3)]
    done = outcome(line, make_tree(), ADD, *steps)
    assert done.errno == (0 if again else errno.EINVAL)


@with_cpus
@pytest.mark.parametrize("status", [-2, 9900])
def test_busy_sensor(line, status):
    """4.1: one chance before 5.14."""
    steps = [sensor(C2, UNUSABLE, status)]
    if since(line, "5.14"):
        steps += [acquired(C2), configured(C2, cpu_fragment(2)), online(2)]
    done = outcome(line, make_tree(), ADD, *steps)
    assert done.errno == (0 if since(line, "5.14") else errno.EINVAL)


@with_cpus
def test_the_collector_over_drc_info(line):
    """4.3: until by count itself went."""
    record = b"CPU\0CPU \0" + cells(cpu_drc(0), 0, 4, 1, 0xFFFFFFFF)
    tree = make_tree((0,))
    tree["/cpus"]["ibm,drc-info"] = cells(1) + record
    done = outcome(line, tree, "cpu add count 1")
    assert (done.errno, done.calls) == (errno.EINVAL, [])
    if not since(line, "5.16"):
        done = outcome(line, tree, "cpu add count 1", sensor(C1, PRESENT), quirks=())
        assert done.reason.startswith("0 of 1 CPUs could be added")


@pytest.mark.parametrize("line", ["6.12", "6.16", "6.17", "7.0"])
def test_dt_owner(line):
    """0.2, 4.6: from 6.17 on `ibm,drc-indexes` will do."""
    request = HotplugRequest.index(Resource.DT, Action.ADD, SLOT)
    known = since(line, "6.17")
    steps = [configured(SLOT, card("x@1", SLOT))] if known else []
    options = {"user_space": False, "dialect": line}
    done = carry_out(io_tree(), request, *steps, **options)
    assert done.errno == (0 if known else errno.EIO)
    failed = [not_configured(SLOT)] if known else []
    assert carry_out(io_tree(), request, *failed, **options).errno == errno.EIO


def test_text_of_any_line_takes_one_path():
    """A string of the seed and one of 6.12 do the same, through one entry."""
    results = []
    for line, text in (
        ("4.5", b"cpu_add_index_268435458"),
        ("6.12", b"cpu add index 0x10000002 \n"),
    ):
        tree = make_tree()
        script = Script(acquired(C2), configured(C2, cpu_fragment(2)), online(2))
        target = Dispatcher(Partition(tree), script, line)
        assert target.write(text) == len(text)
        script.finish()
        results.append((target.last.request, target.last.calls, tree.to_dtb()))
    assert results[0] == results[1]

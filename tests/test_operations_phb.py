"""Host bridges: drmgr's calls in order, what is undone, errno and exit status."""

from __future__ import annotations

import errno

import pytest
from io_script import (
    PATH1,
    PHB0,
    PHB1,
    PMEM,
    TYPE,
    arrays,
    card,
    carry_out,
    device_properties,
    gone,
    io_tree,
    light,
    offline,
    online,
    phb_fragment,
    phb_properties,
    power,
    shut,
    slot,
    taken,
)
from io_script import add as add_
from io_script import remove as remove_
from io_script import unchanged as unchanged_
from script import (
    acquired,
    cells,
    configured,
    isolate,
    not_configured,
    sensor,
    unisolate,
    unusable,
    usable,
)

from pydlpar.constants import Resource
from pydlpar.operations.behaviour import Quirk
from pydlpar.tree import DeviceTree

ADD, REMOVE = add_(PHB1, Resource.PHB), remove_(PHB1, Resource.PHB)
S0, S1 = slot(1, 0), slot(1, 8)
EMPTY = [sensor(S0, 0), sensor(S1, 0)]
BARE = configured(PHB1, phb_fragment())
RELEASED = [sensor(PHB1, 1), isolate(PHB1), unusable(PHB1), sensor(PHB1, 2)]


def with_phb(*devices, slots=None):
    tree = io_tree()
    tree.attach("/", DeviceTree.from_dtb(phb_fragment(1, slots, devices)))
    return tree


def unchanged(*arguments, **options):
    done = unchanged_(*arguments, **options)
    added = [change[1] for change in done.changes if change[0] == "add"]
    removed = [change[1] for change in done.changes if change[0] == "remove"]
    assert [path for path in added if path.count("/") == 1] == removed
    return done


def test_add_and_remove():
    """Acquire, configure, every slot asked once, add_slot; and back."""
    tree = io_tree()
    done = carry_out(tree, ADD, acquired(PHB1), BARE, EMPTY, online(PHB1))
    assert (done.errno, done.exit_status) == (0, 0)
    assert done.changes == [("add", PATH1)]
    assert tree.to_dtb() == with_phb().to_dtb()
    done = carry_out(tree, REMOVE, offline(PHB1), RELEASED)
    assert (done.errno, done.exit_status) == (0, 0)
    assert done.changes == [("remove", PATH1)]
    assert tree.to_dtb() == io_tree().to_dtb()


def test_children_that_are_in_the_slots():
    """acquire_hp_children: power, unisolate, configure each; then one add_slot."""
    tree = io_tree()
    children = [sensor(S0, 0), taken(S1), configured(S1, card("x@1", S1))]
    done = carry_out(tree, ADD, acquired(PHB1), BARE, children, online(PHB1))
    assert done.changes == [("add", PATH1), ("add", f"{PATH1}/x@1")]
    steps = [offline(S1), offline(PHB1), gone(S1), RELEASED]
    done = carry_out(tree, REMOVE, *steps)
    assert done.changes == [("remove", f"{PATH1}/x@1"), ("remove", PATH1)]
    assert tree.to_dtb() == io_tree().to_dtb()


def test_child_that_came_with_its_phb():
    """firmware.md 4.5: QEMU delivers them, though their own connectors are isolated."""
    tree = io_tree()
    full = configured(PHB1, phb_fragment(devices=[("x@1", S1)]))
    children = [sensor(S0, 0), taken(S1), configured(S1, card("x@1", S1))]
    done = carry_out(tree, ADD, acquired(PHB1), full, children, online(PHB1))
    assert (done.errno, done.changes) == (0, [("add", PATH1)])
    assert tree.to_dtb() == with_phb(("x@1", S1)).to_dtb()


def test_names_are_not_shown():
    """ofdt: a node that user space adds has no property `name` (pci-lifecycle)."""
    tree = DeviceTree()
    tree.add_node(PATH1, {"name": b"pci\0"} | phb_properties(1))
    tree.add_node(f"{PATH1}/x@1", device_properties(S1, name=b"x\0"))
    full = configured(PHB1, tree.to_dtb())
    tree = io_tree()
    carry_out(tree, ADD, acquired(PHB1), full, EMPTY, online(PHB1))
    assert tree.to_dts() == with_phb(("x@1", S1)).to_dts()


@pytest.mark.parametrize("state", [0, 2, 3, 4])
def test_slots_without_a_card_are_passed_over(state):
    """acquire_hp_resource: only "present" is acted upon."""
    children = [sensor(S0, state), sensor(S1, state)]
    done = carry_out(io_tree(), ADD, acquired(PHB1), BARE, children, online(PHB1))
    assert done.errno == 0


def test_logical_slots_are_not_asked():
    """Type SLOT is for `drmgr -c slot`."""
    only = configured(PHB1, phb_fragment(slots=[(S0, "SLOT"), (S1, TYPE)]))
    steps = [acquired(PHB1), only, sensor(S1, 0), online(PHB1)]
    assert carry_out(io_tree(), ADD, *steps).errno == 0


@pytest.mark.parametrize(
    ("steps", "error"),
    [
        ([sensor(PHB1, 1)], errno.EPERM),
        ([sensor(PHB1, 2), usable(PHB1, -3)], errno.EINVAL),
        (
            [sensor(PHB1, 2), usable(PHB1), unisolate(PHB1, -1), unusable(PHB1)],
            errno.EIO,
        ),
        ([acquired(PHB1), not_configured(PHB1), RELEASED], errno.EIO),
        ([acquired(PHB1), configured(PHB1, b"junk"), RELEASED], errno.EINVAL),
    ],
    ids=["owned", "usable", "unisolate", "configure", "fragment"],
)
def test_add_that_fails_early(steps, error):
    done = unchanged(io_tree(), ADD, *steps)
    assert (done.errno, done.exit_status) == (error, 255)


FAILED_CHILDREN = [
    ([sensor(S0, 0, -1), sensor(S1, 0)], []),
    ([sensor(S0, 0, -9001), power(100, -1), sensor(S1, 0)], shut(S0)),
    ([sensor(S0, 1), power(100, -1), sensor(S1, 0)], shut(S0)),
    ([sensor(S0, 1), power(100), unisolate(S0, -1), sensor(S1, 0)], shut(S0)),
    ([taken(S0), not_configured(S0), sensor(S1, 0)], shut(S0)),
    (
        [
            [taken(S0), configured(S0, card("x", S0))],
            [taken(S1), not_configured(S1)],
        ],
        [shut(S1), shut(S0)],
    ),
]


@pytest.mark.parametrize(("children", "undone"), FAILED_CHILDREN)
def test_child_that_fails_takes_the_phb_along(children, undone):
    """The others are tried; what was acquired is given back; exit status 1."""
    steps = [acquired(PHB1), BARE, children, undone, RELEASED]
    done = unchanged(io_tree(), ADD, *steps)
    assert (done.errno, done.exit_status) == (errno.EIO, 1)
    assert done.reason


def test_drmgr_keeps_the_children_of_a_phb_that_fails():
    """DRMGR_FORGETS: they stay unisolated, behind no node."""
    children = [taken(S0), configured(S0, card("x", S0)), sensor(S1, 0, -1)]
    steps = [acquired(PHB1), BARE, children, RELEASED]
    done = unchanged(io_tree(), ADD, *steps, quirks={Quirk.DRMGR_FORGETS})
    assert done.exit_status == 1


def test_kernel_that_does_not_add_the_slot():
    """dlpar_add_slot: its errno is the exit status; everything is given back."""
    children = [taken(S0), configured(S0, card("x", S0)), sensor(S1, 0)]
    steps = [acquired(PHB1), BARE, children, online(PHB1, -errno.ENODEV)]
    done = unchanged(io_tree(), ADD, *steps, shut(S0), RELEASED)
    assert (done.errno, done.exit_status) == (errno.ENODEV, errno.ENODEV)


@pytest.mark.parametrize("name", ["pci@1", "other"])
def test_nodes_that_are_not_the_phbs(name):
    """What was delivered must be found again by the PHB's index."""
    wrong = device_properties(PHB0 + 5 if name == "pci@1" else PHB1)
    steps = [acquired(PHB1), configured(PHB1, one(name, wrong)), RELEASED]
    done = unchanged(io_tree(), ADD, *steps)
    assert (done.errno, done.exit_status) == (errno.EINVAL, 255)
    assert "not those of PHB" in done.reason


def one(name, properties):
    tree = DeviceTree()
    tree.add_node(f"/{name}", properties)
    return tree.to_dtb()


def test_damaged_list_of_slots():
    broken = device_properties(PHB1) | arrays((S0, TYPE)) | {"ibm,drc-names": b"\0"}
    steps = [acquired(PHB1), configured(PHB1, one("pci@2", broken)), RELEASED]
    assert unchanged(io_tree(), ADD, *steps).errno == errno.EINVAL


def test_list_without_bounds():
    """A record may claim four thousand million slots; none of them is asked."""
    record = b"28\0C\0" + cells(0, 0, 0xFFFFFFFF, 1, 0)
    endless = device_properties(PHB1) | {"ibm,drc-info": cells(1) + record}
    steps = [acquired(PHB1), configured(PHB1, one("pci@2", endless)), RELEASED]
    done = unchanged(io_tree(), ADD, *steps)
    assert done.errno == errno.EINVAL
    assert "4294967295 slots" in done.reason


def test_phb_that_is_here():
    """RC_ALREADY_OWN."""
    done = unchanged(with_phb(), ADD)
    assert (done.errno, done.exit_status) == (errno.EEXIST, 5)


def test_phb_that_is_not_here():
    """RC_NONEXISTENT."""
    done = unchanged(io_tree(), REMOVE)
    assert (done.errno, done.exit_status) == (errno.ENODEV, 3)


@pytest.mark.parametrize("index", [0x20000009, 0x80000004, PMEM])
def test_only_a_listed_phb_is_one(index):
    """Deviation: drmgr would acquire an LMB."""
    for request in (add_(index, Resource.PHB), remove_(index, Resource.PHB)):
        done = unchanged(io_tree(), request)
        assert (done.errno, done.exit_status) == (errno.ENODEV, 255)
        assert done.reason == f"no PHB has DRC {index:#010x}"


def test_interrupt_controller_goes_along():
    """release_phb: the node of its name with the PHB's index."""
    tree = with_phb()
    tree.add_node("/interrupt-controller@9", device_properties(PHB1))
    tree.add_node("/interrupt-controller@8", device_properties(PHB0))
    done = carry_out(tree, REMOVE, offline(PHB1), RELEASED)
    removed = [PATH1, "/interrupt-controller@9"]
    assert done.changes == [("remove", path) for path in removed]
    assert "/interrupt-controller@8" in tree


@pytest.mark.parametrize("who", [S0, S1, PHB1])
def test_drivers_that_do_not_let_go(who):
    """All are asked first; one refusal, and those that had let go are bound again."""
    tree = with_phb(("x@0", S0), ("y@1", S1))
    order = [S1, S0, PHB1]
    asked = order[: order.index(who)]
    steps = [offline(index) for index in asked] + [offline(who, -errno.EBUSY)]
    steps += [online(index) for index in reversed(asked)]
    done = unchanged(tree, REMOVE, *steps)
    expected = errno.EBUSY if who == PHB1 else 255
    assert (done.errno, done.exit_status) == (errno.EBUSY, expected)


def test_logical_child_that_is_owned():
    """phb_has_dlpar_children: in use."""
    tree = with_phb(("x@0", S0), slots=[(S0, "SLOT")])
    done = unchanged(tree, REMOVE)
    assert (done.errno, done.exit_status) == (errno.EBUSY, 255)


def test_isolation_is_tried_for_twenty_seconds():
    """release_drc: -9001, outstanding translations; then the PHB stays."""
    waited = []
    steps = [offline(PHB1), sensor(PHB1, 1), [isolate(PHB1, -9001)] * 21, online(PHB1)]
    done = unchanged(with_phb(), REMOVE, *steps, sleep=waited.append)
    assert (done.errno, done.exit_status) == (errno.EEXIST, 255)
    assert waited == [1.0] * 20


def test_isolation_that_succeeds_late():
    late = [sensor(PHB1, 1), [isolate(PHB1, -9001)] * 20, isolate(PHB1)]
    steps = [offline(PHB1), late, unusable(PHB1), sensor(PHB1, 2)]
    assert carry_out(with_phb(), REMOVE, *steps).errno == 0


def test_phb_that_cannot_be_made_unusable():
    """release_drc: unisolated again; the PHB stays."""
    steps = [sensor(PHB1, 1), isolate(PHB1), unusable(PHB1, -1), unisolate(PHB1)]
    done = unchanged(with_phb(), REMOVE, offline(PHB1), *steps, online(PHB1))
    assert (done.errno, done.exit_status) == (errno.EIO, 255)


def test_drmgr_forgets_a_phb():
    """DRMGR_FORGETS: its nodes have left before firmware is asked."""
    tree = with_phb()
    steps = [sensor(PHB1, 1), isolate(PHB1), unusable(PHB1, -1), unisolate(PHB1)]
    quirks = {Quirk.DRMGR_FORGETS}
    done = carry_out(tree, REMOVE, offline(PHB1), *steps, quirks=quirks)
    assert (done.errno, done.changes) == (errno.EIO, [("remove", PATH1)])
    assert tree.to_dtb() == io_tree().to_dtb()


@pytest.mark.parametrize(
    ("steps", "still"),
    [
        ([light(S1, 0, -1)], [S0, S1]),
        ([light(S1, 0), isolate(S1, -9000)], [S0, S1]),
        ([light(S1, 0), isolate(S1), power(0, -1)], [S0]),
    ],
)
def test_child_that_is_not_given_back(steps, still):
    """Exit status of -EIO; what is still here works on."""
    tree = with_phb(("x@0", S0), ("y@1", S1))
    steps = [offline(S1), offline(S0), offline(PHB1), *steps]
    steps += [online(index) for index in still] + [online(PHB1)]
    done = carry_out(tree, REMOVE, *steps)
    assert done.errno
    assert done.exit_status == 256 - errno.EIO
    here = {node.u32("ibm,my-drc-index") for node in tree[PATH1].children}
    assert here == set(still)


def test_drmgr_looks_at_its_own_slots_only():
    """DRMGR_FORGETS: what is behind a bridge is not given back."""
    behind = slot(1, 0, chassis=1)
    quirks = {Quirk.DRMGR_FORGETS}
    for order, options in (
        ([behind, S0], {}),
        ([S0], {"quirks": quirks}),
    ):
        tree = with_phb(("pci@0", S0))
        for name, value in arrays((behind, TYPE)).items():
            tree[f"{PATH1}/pci@0"][name] = value
        tree.add_node(f"{PATH1}/pci@0/x@0", device_properties(behind))
        steps = [offline(index) for index in order] + [offline(PHB1)]
        steps += [gone(index) for index in order]
        assert carry_out(tree, REMOVE, *steps, RELEASED, **options).errno == 0
        assert tree.to_dtb() == io_tree().to_dtb()

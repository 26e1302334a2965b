"""add_slot and remove_slot: names, what exists, errno, and the slots' sensors."""

from __future__ import annotations

import errno

import pytest
from script import Script, cells, sensor

from pydlpar.dispatch import Dispatcher
from pydlpar.partition import Partition
from pydlpar.tree import DeviceTree

EINVAL, ENODEV, EIO, EBUSY = errno.EINVAL, errno.ENODEV, errno.EIO, errno.EBUSY
PHB, SLOT, VIO = 0x20000001, 0x21010010, 0x30000002
LIVE = 0xFFFFFFFF


def drc_lists(*rows):
    """The four arrays; a row is (index, name, type, power domain)."""
    count = cells(len(rows))
    return {
        "ibm,drc-indexes": count + cells(*(row[0] for row in rows)),
        "ibm,drc-names": count + b"".join(row[1] + b"\0" for row in rows),
        "ibm,drc-types": count + b"".join(row[2] + b"\0" for row in rows),
        "ibm,drc-power-domains": count + cells(*(row[3] for row in rows)),
    }


def make_tree(slots=()):
    """A host bridge with one bridge in a slot, and a virtual device."""
    tree = DeviceTree()
    tree.add_node("/rtas", {"ibm,configure-connector": cells(0x201E)})
    for name, value in drc_lists((PHB, b"PHB 1", b"PHB", LIVE)).items():
        tree.root[name] = value
    in_phb = drc_lists((SLOT, b"C1", b"SLOT", LIVE))
    tree.add_node("/pci@8000", {"ibm,my-drc-index": cells(PHB), **in_phb})
    in_slot = drc_lists(*slots) if slots else {}
    tree.add_node("/pci@8000/pci@1", {"ibm,my-drc-index": cells(SLOT), **in_slot})
    tree.add_node("/vdevice", drc_lists((VIO, b"V-C2", b"VIO-30", LIVE)))
    tree.add_node("/vdevice/l-lan@2", {"ibm,my-drc-index": cells(VIO)})
    return tree


def start(*steps, tree=None, absent=()):
    script = Script(*steps)
    target = Dispatcher(Partition(tree or make_tree()), script)
    target.slots.present -= set(absent)
    return target, script


def bound(index, rc=0):
    return (("online_device", index), rc)


def quiet(index, rc=0):
    return (("offline_device", index), rc)


def level(domain, status=0):
    return (("get_power_level", domain), (status, 100))


def powered(domain, status=0):
    return (("set_power_level", domain, 100), (status, 100))


KINDS = [(b"C1", SLOT), (b"PHB 1", PHB), (b"V-C2", VIO)]


def test_all_of_the_tree_is_present_at_boot():
    assert start()[0].slots.present == {PHB, SLOT, VIO}


@pytest.mark.parametrize(("name", "index"), KINDS)
def test_slot_is_added_once(name, index):
    """4.7: what exists already is -EINVAL."""
    target, script = start(bound(index), absent=[index])
    assert target.add_slot(name) == len(name)
    assert target.add_slot(name) == -EINVAL
    script.finish()
    assert index in target.slots.present


@pytest.mark.parametrize(("name", "index"), KINDS)
def test_slot_that_is_not_made(name, index):
    """4.7: creation fails: -EIO."""
    target, _ = start(bound(index, -errno.ENOMEM), absent=[index])
    assert target.add_slot(name) == -EIO
    assert index not in target.slots.present


@pytest.mark.parametrize(("name", "index"), [KINDS[0], KINDS[2]])
def test_slot_is_removed_once(name, index):
    """4.7: without a bus or device it is -EINVAL."""
    target, script = start(quiet(index))
    assert target.remove_slot(name + b"\n") == len(name) + 1
    assert target.remove_slot(name) == -EINVAL
    script.finish()
    assert target.slots.present == {PHB, SLOT, VIO} - {index}


def test_host_bridge_goes_when_its_bus_is_empty():
    """4.7: -EBUSY before; no bus is -EINVAL."""
    target, script = start(quiet(PHB))
    assert target.remove_slot("PHB 1") == -EBUSY
    target.partition.tree.remove_node("/pci@8000/pci@1")
    assert target.remove_slot("PHB 1") == 5
    assert target.remove_slot("PHB 1") == -EINVAL
    script.finish()


@pytest.mark.parametrize(
    ("name", "index", "rc", "result"),
    [
        (b"C1", SLOT, -errno.EBUSY, -EIO),
        (b"C1", SLOT, -errno.ERANGE, -errno.ERANGE),
        (b"PHB 1", PHB, -errno.EBUSY, -EIO),
        (b"PHB 1", PHB, -errno.ERANGE, 5),
        (b"V-C2", VIO, -errno.EBUSY, 4),
    ],
)
def test_device_that_does_not_go(name, index, rc, result):
    """4.7: deregistration -EIO, I/O space -ERANGE; a PHB's is taken for success."""
    tree = make_tree()
    if index == PHB:
        tree.remove_node("/pci@8000/pci@1")
    target, _ = start(quiet(index, rc), tree=tree)
    assert target.remove_slot(name) == result
    assert (index in target.slots.present) == (result < 0)


@pytest.mark.parametrize("write", ["add_slot", "remove_slot"])
@pytest.mark.parametrize("name", [b"C2", b"\n", b"C1 ", b"c1", b"\0C1", b"PHB"])
def test_unknown_name(write, name):
    target, _ = start()
    assert getattr(target, write)(name) == -ENODEV
    assert target.last.calls == []


@pytest.mark.parametrize("write", ["add_slot", "remove_slot"])
def test_node_that_left_the_tree(write):
    """Names are looked for in nodes; what had a bus does not matter."""
    target, _ = start()
    target.partition.tree.remove_node("/vdevice/l-lan@2")
    assert getattr(target, write)(b"V-C2") == -ENODEV


@pytest.mark.parametrize(
    ("length", "taken"), [(63, -ENODEV), (64, 0), (5000, 0), (0, 0)]
)
def test_long_name_is_not_taken(length, taken):
    """1.5: 64 bytes or more give 0, nothing else."""
    target, _ = start()
    assert target.add_slot(b"x" * length) == taken


def test_name_ends_at_the_newline():
    target, script = start(quiet(SLOT))
    assert target.remove_slot(b"C1\nC2\n") == 6
    script.finish()
    assert target.read_slot_control() == b"0\n"


def test_slot_comes_before_host_bridge():
    """4.7: the order in which types are looked for, whatever the tree's."""
    tree = make_tree()
    names = drc_lists((PHB, b"C1", b"PHB", LIVE))
    tree.root["ibm,drc-names"] = names["ibm,drc-names"]
    target, script = start(quiet(SLOT), tree=tree)
    assert target.remove_slot(b"C1") == 2
    script.finish()


def test_module_needs_configure_connector():
    """4.7: it does not load (-EPERM), so the files are missing."""
    tree = make_tree()
    del tree["/rtas"]["ibm,configure-connector"]
    target, _ = start(tree=tree)
    assert target.remove_slot(b"C1") == -errno.ENOENT


TWO = [(0x40000000, b"C1-1", b"21", 7), (0x40000008, b"C1-2", b"21", 8)]
FIRST, LAST = TWO[0][0], TWO[1][0]


@pytest.mark.parametrize("status", [-9000, -9001])
def test_slot_without_power_is_powered_on(status):
    """4.7: isolated or powered off; then it is asked again."""
    first = [level(7), sensor(FIRST, 0, status), powered(7), sensor(FIRST, 0)]
    steps = [bound(SLOT), first, level(8), sensor(LAST, 0)]
    target, script = start(steps, tree=make_tree(TWO), absent=[SLOT])
    assert target.add_slot(b"C1") == 2
    script.finish()


@pytest.mark.parametrize(
    "last",
    [
        [level(8, -1)],
        [level(8), sensor(LAST, 0, -3)],
        [level(8), sensor(LAST, 0, -9002)],
        [level(8), sensor(LAST, 0, -9001), powered(8, -1)],
        [level(8), sensor(LAST, 0, -9000), powered(8), sensor(LAST, 0, -9000)],
        [level(8), sensor(LAST, 1)],  # occupied, but there is no node below
    ],
)
def test_registration_fails_with_the_last_slot(last):
    """rpaphp: the bus is there, the slot is not; earlier slots do not matter."""
    steps = [bound(SLOT), level(7), sensor(FIRST, 0)]
    target, script = start(steps, last, tree=make_tree(TWO), absent=[SLOT])
    assert target.add_slot(b"C1") == -EIO
    script.finish()
    assert SLOT in target.slots.present
    steps = [bound(SLOT), level(7, -1), level(8), sensor(LAST, 0)]
    target, script = start(steps, tree=make_tree(TWO), absent=[SLOT])
    assert target.add_slot(b"C1") == 2
    script.finish()


def test_occupied_slot_needs_a_node():
    tree = make_tree(TWO)
    tree.add_node("/pci@8000/pci@1/ethernet@0", {})
    steps = [bound(SLOT), level(7), sensor(FIRST, 1), level(8), sensor(LAST, 1)]
    target, script = start(steps, tree=tree, absent=[SLOT])
    assert target.add_slot(b"C1") == 2
    script.finish()


def test_platform_that_raises():
    """Which slots there are is as before."""
    target, _ = start(
        bound(SLOT), (level(7)[0], RuntimeError()), tree=make_tree(TWO), absent=[SLOT]
    )
    with pytest.raises(RuntimeError):
        target.add_slot(b"C1")
    assert SLOT not in target.slots.present


def test_drc_info_and_damage():
    """Names by ibm,drc-info; a damaged list has none."""
    tree = make_tree()
    info = cells(1) + b"PHB\0PHB \0" + cells(PHB, 1, 1, 1, LIVE)
    tree.root["ibm,drc-info"] = info
    tree["/vdevice"]["ibm,drc-types"] = cells(5)
    target, _ = start(tree=tree)
    assert target.slots.present == {PHB, SLOT}
    assert target.remove_slot(b"V-C2") == -ENODEV
    assert target.remove_slot(b"PHB 1") == -EBUSY

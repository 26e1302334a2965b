"""Trees with host bridges and slots, and what drmgr's steps are on them."""

from __future__ import annotations

from script import Script, cells, fragment, isolate, sensor, unisolate

from pydlpar.constants import Action, Resource
from pydlpar.dispatch import Dispatcher
from pydlpar.partition import Partition
from pydlpar.request import HotplugRequest
from pydlpar.tree import DeviceTree

LIVE = 0xFFFFFFFF
DOMAIN = 7
PHB0, PHB1 = 0x20000000, 0x20000001
PATH0, PATH1 = "/pci@800000020000000", "/pci@800000020000001"
PMEM = 0x90000000
TYPE = "28"


def slot(phb, devfn, chassis=0):
    """The DRC index of a slot; of chassis 0, on the PHB's own bus."""
    return 0x40000000 | phb << 16 | chassis << 8 | devfn


def strings(*texts):
    return cells(len(texts)) + b"".join(text.encode() + b"\0" for text in texts)


def arrays(*rows):
    """The four arrays; a row is (index, type) or (index, type, power domain)."""
    rows = [(*row, LIVE)[:3] for row in rows]
    return {
        "ibm,drc-indexes": cells(len(rows), *(index for index, _, _ in rows)),
        "ibm,drc-names": strings(*(f"C{index & 0xFFFF}" for index, _, _ in rows)),
        "ibm,drc-types": strings(*(kind for _, kind, _ in rows)),
        "ibm,drc-power-domains": cells(len(rows), *(domain for *_, domain in rows)),
    }


def device_properties(index, **more):
    return {"ibm,my-drc-index": cells(index)} | more


def phb_properties(number, slots=None):
    if slots is None:
        slots = [(slot(number, devfn), TYPE) for devfn in (0, 8)]
    return device_properties(0x20000000 | number) | arrays(*slots)


def io_tree(slots=None, devices=()):
    """A root that lists two PHBs and an LMB, and the first PHB with *devices*."""
    tree = DeviceTree()
    listed = [(PHB0, "PHB"), (PHB1, "PHB"), (0x80000004, "MEM"), (PMEM, "PMEM")]
    for name, value in arrays(*listed).items():
        tree.root[name] = value
    tree.add_node(PATH0, phb_properties(0, slots))
    for name, index in devices:
        tree.add_node(f"{PATH0}/{name}", device_properties(index))
    return tree


def card(name, index):
    """What a slot delivers."""
    return fragment([(name, device_properties(index))])


def phb_fragment(number=1, slots=None, devices=()):
    """What a PHB delivers, with the devices behind it."""
    tree = DeviceTree()
    path = f"/pci@80000002000000{number}"
    tree.add_node(path, phb_properties(number, slots))
    for name, index in devices:
        tree.add_node(f"{path}/{name}", device_properties(index))
    return tree.to_dtb()


def light(index, value, status=0):
    return (("set_indicator", 9002, index, value), status)


def power(level, status=0, domain=LIVE):
    return (("set_power_level", domain, level), (status, level))


def online(index, rc=0):
    return (("online_device", index), rc)


def offline(index, rc=0):
    return (("offline_device", index), rc)


def prepared(index):
    """drmgr before it looks for a card."""
    return [isolate(index), power(0), light(index, 1)]


def taken(index):
    """A card is there; the slot is powered and unisolated."""
    return [sensor(index, 1), power(100), unisolate(index)]


def shut(index):
    return [isolate(index), power(0)]


def gone(index):
    """The device of a PHB's slot is given back."""
    return [light(index, 0), isolate(index), power(0)]


def add(index, resource=Resource.PCI):
    return HotplugRequest.index(resource, Action.ADD, index)


def remove(index, resource=Resource.PCI):
    return HotplugRequest.index(resource, Action.REMOVE, index)


def carry_out(tree, request, *steps, user_space=True, **options):
    """The outcome of a request against a script; the whole script was played."""
    partition = tree if isinstance(tree, Partition) else Partition(tree)
    script = Script(*steps)
    target = Dispatcher(partition, script, user_space=user_space, **options)
    done = target.handle(request)
    script.finish()
    return done


def unchanged(tree, request, *steps, **options):
    """The outcome of a request that leaves the tree as it was, order included."""
    before = tree.to_dts()
    done = carry_out(tree, request, *steps, **options)
    assert tree.to_dts() == before
    return done

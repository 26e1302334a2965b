"""Plans that go through the firmware's specification, table by table."""

from __future__ import annotations

from pydlpar.compare.steps import Step

MIB = 1 << 20
ANY, EPOW, HOTPLUG = 0xFFFFFFFF, 0x40000000, 0x10000000
UUID = "75a3cdd7-6a2f-4791-8d15-fe0a920e8e9e"
CHUNK = 30
"""Connectors of a kind that one machine has, at most."""
BRIDGES = 12
"""Host bridges: each is told of by 260 events as it leaves; the last 4096 are kept."""

make = Step.make


def indicator(indicator, index, value):
    return make("set_indicator", indicator=indicator, index=index, value=value)


def sense(index, sensor=9003):
    return make("get_sensor_state", sensor=sensor, index=index)


def calls(index):
    """Every call of a guest, each with the next value that is not allowed."""
    yield from (indicator(9001, index, value) for value in range(3))
    yield from (indicator(9003, index, value) for value in range(5))
    yield from (indicator(9002, index, value) for value in range(5))
    yield from (indicator(9000, index, 0), sense(index), sense(index, 9))
    yield make("walk", index=index)


# Of each kind: the index of its number n, and how that comes; whether it can leave.
KINDS = {
    "cpu": (
        lambda n: 0x10000001 + n,
        lambda n: make("plug_cpu", core_id=1 + n, id=f"d{n}"),
        True,
    ),
    "lmb": (
        lambda n: 0x80000004 + n,
        lambda n: make("plug_memory", size=256 * MIB, id=f"d{n}", addr=(4 + n) << 28),
        True,
    ),
    "phb": (
        lambda n: 0x20000001 + n,
        lambda n: make("plug_phb", index=1 + n, id=f"d{n}"),
        True,
    ),
    "pmem": (
        lambda n: 0x90000000 + n,
        lambda n: make("plug_nvdimm", size=256 * MIB, uuid=UUID, id=f"d{n}"),
        False,
    ),
    "pci": (
        lambda n: 0x40000000 | n << 3,
        lambda n: make("plug_pci", driver="virtio-mouse-pci", slot=n, id=f"d{n}"),
        True,
    ),
}
N_CALLS = len(list(calls(0)))


def situations(kind, n):
    """Ways into every state, with a device and without, asked back and not."""
    index_of, plug, can_leave = KINDS[kind]
    index = index_of(n)
    ways = [[], [plug(n)]]
    if kind == "pci":
        ways.append([plug(n), indicator(9001, index, 1)])
    else:
        ways.append([plug(n), indicator(9003, index, 1)])
        ways.append([*ways[-1], indicator(9001, index, 1)])
    ways.append([*ways[-1], make("walk", index=index)])
    if can_leave:
        ways += [[*way, make("unplug", target=f"d{n}")] for way in ways[1:]]
    return ways


def table(kind):
    """Plans that make every call in every situation, each on its own connector."""
    number = len(situations(kind, 0))
    pairs = [(s, c) for s in range(number) for c in range(N_CALLS)]
    # NVDIMMs take the next free slot: those that stay away come last.
    size = BRIDGES if kind == "phb" else CHUNK
    for start in range(0, len(pairs), size):
        chunk = pairs[start : start + size]
        chunk.sort(key=lambda pair: kind == "pmem" and pair[0] == 0)
        ways = [situations(kind, n)[pair[0]] for n, pair in enumerate(chunk)]
        # No core may come after one has left.
        steps = [step for way in ways for step in way[:1]]
        for n, (way, (_, call)) in enumerate(zip(ways, chunk, strict=True)):
            index = KINDS[kind][0](n)
            steps += [*way[1:], list(calls(index))[call], sense(index)]
        # What is left behind, and what a reset makes of it.
        indexes = [KINDS[kind][0](n) for n in range(len(chunk))]
        steps += [make("check_exception", mask=ANY)] * (len(chunk) + 1)
        steps += [make("reset"), *map(sense, indexes)]
        yield steps


def fetch(*masks):
    return [make("check_exception", mask=mask) for mask in masks]


def queue():
    """Event bytes and the rules of the queue: order, classes, reset, CAS."""
    down = make("system_powerdown")
    yield from (down, KINDS["cpu"][1](0), down, KINDS["cpu"][1](1))
    yield from fetch(HOTPLUG, ANY, EPOW, EPOW, HOTPLUG, HOTPLUG, ANY)
    yield from fetch(0, 0x80000000, 0x20000000, 0x08000000)
    yield make("plug_memory", size=512 * MIB, id="m0")
    yield make("plug_memory", size=256 * MIB, id="m1", addr=0xC0000000)
    yield from (make("plug_phb", index=2, id="p"), KINDS["pci"][1](3))
    yield make("event_scan", mask=ANY)
    yield from fetch(EPOW, ANY, HOTPLUG, HOTPLUG, HOTPLUG, ANY)
    for id in ("m0", "p", "d3", "m1", "m0"):
        yield make("unplug", target=id)
    yield from fetch(*[ANY] * 6)
    for made in (make("reset"), make("cas")):
        yield from (down, make("plug_phb", index=3 + len(made.verb)), made)
        yield from fetch(HOTPLUG, ANY, ANY)
    yield make("cas", hotplug_events=False)
    yield make("plug_cpu", core_id=5)
    yield from fetch(HOTPLUG, EPOW, ANY)
    yield make("get_sensor_state", sensor=9, index=0)
    for domain in (ANY, 0, 1):
        yield make("get_power_level", domain=domain)
        yield make("set_power_level", domain=domain, level=0)

"""Steps from a seed: a guest's calls and writes, and a management's commands.

They fit the present state of the model often enough to get somewhere, and are wrong
often enough to be refused. The same seed on the same machine gives the same steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from random import Random
from typing import Final

from pydlpar.compare.sides import ModelSide
from pydlpar.compare.steps import Step
from pydlpar.drc_states import DrcKind
from pydlpar.errors import ArgumentError
from pydlpar.platforms.faults import Faulty
from pydlpar.stress.machine import Machine
from pydlpar.stress.plan import requests

__all__ = ["MIXES", "random_steps"]

MIXES: Final = ("cores", "dimms", "slots", "requests", "guest")
"""What comes and goes: cores; memory; PCI devices and host bridges. `requests` is
none of these, but text written to `/sys/kernel/dlpar` alone, and `guest` is that
with malformed text and with cores and DIMMs that come.

Cores and memory are apart because QEMU under TCG does not survive memory that
changes after a core has left.
"""

_MIB: Final = 1 << 20
_LMB: Final = 256 * _MIB
_SENSE, _ISOLATION, _INDICATOR, _ALLOCATION = 9003, 9001, 9002, 9003
_CALLS: Final = [
    *[(_ISOLATION, 0), (_ISOLATION, 1), (_ALLOCATION, 0), (_ALLOCATION, 1)] * 5,
    *[(_ISOLATION, 2), (_ALLOCATION, 2), (_INDICATOR, 1), (9000, 0)],
]
_MASKS: Final = (0x10000000, 0x40000000, 0xFFFFFFFF, 0x08000000)
_OTHERS: Final = (0x10000000, 0x20000000, 0x20000001, 0x40000018, 0x90000000, 0)
_NAMES: Final = 12
_NEAR: Final = 8
_SCRAWL: Final = (b"", b" ", b"\n", b"\0", b"x", b"-", b"0x", b"  ", b"\t", b"9")
_CORE_SHARE: Final = 0.5
_WEIGHTS: Final[Mapping[str, Mapping[str, float]]] = {
    "cores": {"cpu": 4, "invalid": 1},
    "dimms": {"memory-index": 3, "memory-count": 1, "memory-range": 1, "invalid": 1},
    "requests": {"cpu": 4, "memory-index": 3, "memory-count": 1, "invalid": 1},
    "guest": {
        "cpu": 4,
        "memory-index": 3,
        "memory-count": 1,
        "memory-range": 1,
        "invalid": 1,
    },
}
_DRIVERS: Final = ("virtio-mouse-pci", "e1000", "nvme")
_PLACES: Final = ((None, 0), (1, 0), (2, 0), (2, 1), (2, 2), (3, 1), (3, 0))
_BUSES: Final = ("pci.0", "pci.0", "pci.0", "d1.0", "d2.0")
_DEVFNS: Final = (0, 8, 16, 17, 18, 24, 25)

Maker = Callable[[], Iterable[Step]]


def random_steps(
    seed: int, mix: str, count: int
) -> Callable[[ModelSide], Iterator[Step]]:
    """So many steps, each made when it is asked for.

    Args:
        seed: of the random numbers.
        mix: one of `MIXES`.
        count: how many.

    Raises:
        ArgumentError: no such mix.
    """
    if mix not in MIXES:
        raise ArgumentError(f"mix {mix!r}: expected one of {', '.join(MIXES)}")
    kind = _Slots if mix == "slots" else _Logical
    return lambda model: islice(kind(seed, mix, model).steps(), count)


class _Maker:
    """Makes steps for one machine."""

    def __init__(self, seed: int, mix: str, model: ModelSide) -> None:
        self.random = Random(seed)
        self.model = model
        self.mix = mix

    def weights(self) -> dict[Maker, float]:
        """How often each kind of step comes, beside the others."""
        raise NotImplementedError

    def steps(self) -> Iterator[Step]:
        """Steps without an end."""
        weights = self.weights()
        makers = [*weights]
        while True:
            (maker,) = self.random.choices(makers, [*weights.values()])
            yield from maker()

    def name(self) -> str:
        """An id, which may be taken."""
        return f"d{self.random.randrange(_NAMES)}"

    def unplug(self) -> Iterable[Step]:
        target = self.random.choice([self.name()] * 9 + ["nothing"])
        return [Step.make("unplug", target=target)]

    def interrupt(self) -> Iterable[Step]:
        return [Step.make("interrupt")]

    def walk(self, index: int) -> Iterable[Step]:
        calls = self.random.choice([1, 3, None])
        return [Step.make("walk", index=index, calls=calls)]


class _Logical(_Maker):
    """Cores or DIMMs that come and go, and requests."""

    def __init__(self, seed: int, mix: str, model: ModelSide) -> None:
        super().__init__(seed, mix, model)
        connectors = model.platform.connectors.values()
        cores = [c.index for c in connectors if c.is_cpu][:_NEAR]
        lmbs = [c.index for c in connectors if c.kind is DrcKind.LMB][:_NEAR]
        self.core_ids = [index & 0xFFFF for index in cores] or [0]
        self.first_lmb = (lmbs[0] & 0xFFFF) if lmbs else 0
        self.groups = [g for g in (cores, cores, lmbs, lmbs, lmbs, [*_OTHERS]) if g]
        self.targets = [*cores, *lmbs] or [*_OTHERS]
        dispatcher, firmware = model.dispatcher, model.platform
        machine = Machine(dispatcher.partition, firmware, Faulty(firmware), dispatcher)
        self.requests = iter(requests(seed, machine, _WEIGHTS[mix]))

    def weights(self) -> dict[Maker, float]:
        if self.mix == "requests":
            return {self.write: 1}
        if self.mix == "guest":
            return {self.write: 14, self.scrawl: 2, self.plug: 1}
        return {
            self.sensor: 10,
            self.indicator: 40,
            self.take: 8,
            self.connector: 8,
            self.exception: 6,
            self.interrupt: 3,
            self.plug: 8,
            self.unplug: 8,
            self.write: 12,
            self.powerdown: 1,
        }

    def index(self) -> int:
        return self.random.choice(self.random.choice(self.groups))

    def sensor(self) -> Iterable[Step]:
        sensor = self.random.choice([_SENSE] * 9 + [9])
        return [Step.make("get_sensor_state", sensor=sensor, index=self.index())]

    def indicator(self) -> Iterable[Step]:
        indicator, value = self.random.choice(_CALLS)
        return [_set(indicator, self.index(), value)]

    def take(self) -> Iterable[Step]:
        index = self.random.choice(self.targets)
        return [_set(_ALLOCATION, index, 1), _set(_ISOLATION, index, 1)]

    def connector(self) -> Iterable[Step]:
        return self.walk(self.random.choice(self.targets))

    def exception(self) -> Iterable[Step]:
        return [Step.make("check_exception", mask=self.random.choice(_MASKS))]

    def powerdown(self) -> Iterable[Step]:
        return [Step.make("system_powerdown")]

    def scrawl(self) -> Iterable[Step]:
        """A request that is damaged somewhere."""
        text = bytearray(str(next(self.requests)).encode())
        at = self.random.randrange(len(text))
        text[at : at + self.random.randrange(3)] = self.random.choice(_SCRAWL)
        return [Step.make("write", data=bytes(text))]

    def plug(self) -> Iterable[Step]:
        is_core = self.mix == "cores" or (
            self.mix == "guest" and self.random.random() < _CORE_SHARE
        )
        if is_core:
            core = self.random.choice([*self.core_ids, max(self.core_ids) + 1])
            return [Step.make("plug_cpu", core_id=core, id=self.name())]
        size = self.random.choice([256, 256, 512, 768, 100, 4096]) * _MIB
        near = [self.first_lmb + n for n in (0, 2, 5, -2, 9)]
        lmb = self.random.choice([None, None, *near])
        node = self.random.choice([0] * 9 + [1])
        addr = None if lmb is None else lmb * _LMB
        plug = Step.make("plug_memory", size=size, id=self.name(), addr=addr, node=node)
        return [plug]

    def write(self) -> Iterable[Step]:
        return [Step.make("write", data=str(next(self.requests)).encode())]


class _Slots(_Maker):
    """PCI slots of the first host bridge and of others that come and go."""

    def weights(self) -> dict[Maker, float]:
        return {
            self.plug: 20,
            self.plug_bridge: 6,
            self.unplug: 14,
            self.indicator: 35,
            self.sensor: 10,
            self.connector: 10,
            self.drain: 5,
        }

    def index(self) -> int:
        phb = self.random.randrange(3)
        slot = 0x40000000 | phb << 16 | self.random.choice(_DEVFNS)
        return self.random.choice([slot] * 3 + [0x20000000 | phb])

    def plug(self) -> Iterable[Step]:
        slot, function = self.random.choice(_PLACES)
        plug = Step.make(
            "plug_pci",
            driver=self.random.choice(_DRIVERS),
            slot=slot,
            function=function,
            id=self.name(),
            bus=self.random.choice(_BUSES),
            multifunction=self.random.random() < 0.6,
        )
        return [plug]

    def plug_bridge(self) -> Iterable[Step]:
        index = self.random.randrange(3)
        return [Step.make("plug_phb", index=index, id=f"d{index}")]

    def indicator(self) -> Iterable[Step]:
        indicator = self.random.choice([_ISOLATION] * 6 + [_ALLOCATION] * 3 + [9002])
        states = 5 if indicator == _INDICATOR else 2
        return [_set(indicator, self.index(), self.random.randrange(states))]

    def sensor(self) -> Iterable[Step]:
        return [Step.make("get_sensor_state", sensor=_SENSE, index=self.index())]

    def connector(self) -> Iterable[Step]:
        return self.walk(self.index())

    def drain(self) -> Iterable[Step]:
        return [Step.make("check_exception", mask=0xFFFFFFFF)]


def _set(indicator: int, index: int, value: int) -> Step:
    return Step.make("set_indicator", indicator=indicator, index=index, value=value)

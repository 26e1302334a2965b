"""The machines that are compared: described as data, and started."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from pydlpar.compare.lockstep import Pair
from pydlpar.compare.qemu_side import QemuSide
from pydlpar.compare.sides import ModelSide
from pydlpar.drc_states import PROFILES
from pydlpar.errors import ArgumentError
from pydlpar.platforms.firmware import Firmware
from pydlpar.request import DIALECTS
from pydlpar.stress.machine import default_tree
from pydlpar.tree import DeviceTree

if TYPE_CHECKING:
    from pydlpar.platforms.qemu import Qemu

__all__ = ["AGAINST", "MachineSpec", "Opener", "open_models", "open_qemu", "opener"]

AGAINST: Final = ("model", "qemu", "guest")
"""What a model can be compared with."""

_GIB: Final = 1 << 30

Opener = Callable[[], Pair]
"""Starts a model and its counterpart anew."""


@dataclass(frozen=True)
class MachineSpec:
    """A machine, and the kernel line that runs on it.

    Attributes:
        cpus, max_cpus: cores at the start, and at most.
        memory, max_memory: bytes at the start, and at most.
        slots: places for DIMMs.
        dialect: the kernel line of the dispatcher.
        profile: of the model's firmware.
        events: the partition negotiates hotplug events.
        form1: it knows only the older form of associativity and LMB table.
        nvdimm: the machine takes NVDIMMs.
    """

    cpus: int = 2
    max_cpus: int = 8
    memory: int = _GIB
    max_memory: int = 4 * _GIB
    slots: int = 8
    dialect: str = "6.12"
    profile: str = "qemu"
    events: bool = True
    form1: bool = False
    nvdimm: bool = False

    def __post_init__(self) -> None:
        for name, known in (("dialect", DIALECTS), ("profile", PROFILES)):
            if getattr(self, name) not in known:
                raise ArgumentError(
                    f"{name} {getattr(self, name)!r}: expected one of "
                    f"{', '.join(known)}"
                )

    def to_dict(self) -> dict[str, Any]:
        """Itself as JSON has it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: object) -> MachineSpec:
        """The machine of a JSON form; what it does not say is as usual.

        Raises:
            ArgumentError: it says what is unknown, or of the wrong type.
        """
        if not isinstance(record, dict):
            raise ArgumentError(f"machine {record!r}: expected an object")
        usual = {item.name: item.default for item in fields(cls)}
        for name, value in record.items():
            if name not in usual:
                raise ArgumentError(
                    f"machine: unknown {name!r}, expected {', '.join(usual)}"
                )
            if type(value) is not type(usual[name]):
                kind = type(usual[name]).__name__
                raise ArgumentError(f"machine: {name} {value!r}, expected {kind}")
        return cls(**record)


def open_models(
    spec: MachineSpec,
    other: str = "lopar",
    tree: DeviceTree | None = None,
    change: Callable[[Firmware], object] | None = None,
) -> Pair:
    """Two models of one machine.

    Args:
        spec: the kernel line, and the profile of the first; the rest is the tree's.
        other: profile of the second.
        tree: of both; the embedded one if None.
        change: makes the second another machine, as a defect.
    """
    tree = default_tree(spec.dialect) if tree is None else tree
    models: list[ModelSide] = []
    for profile in (spec.profile, other):
        firmware = Firmware.from_tree(tree, profile)
        if change is not None and models:
            change(firmware)
        models.append(ModelSide(firmware, tree, dialect=spec.dialect))
    return Pair(*models)


def open_qemu(spec: MachineSpec) -> Pair:
    """A model, and a real QEMU of whose tree it is.

    Raises:
        QemuUnavailableError: QEMU is missing or too old.
        QemuError: it did not start.
    """
    qemu = start_qemu(spec)
    try:
        tree = qemu.device_tree()
        firmware = Firmware.from_tree(tree, spec.profile, lmb_address_bug=True)
        return Pair(
            ModelSide(firmware, tree, dialect=spec.dialect),
            QemuSide(qemu, tree, dialect=spec.dialect, close=qemu.close),
        )
    except BaseException:
        qemu.close()
        raise


def start_qemu(spec: MachineSpec) -> Qemu:
    """A real QEMU, paused, which has negotiated.

    Raises:
        QemuUnavailableError: QEMU is missing or too old.
        QemuError: it did not start.
    """
    from pydlpar.platforms.qemu import MACHINE, Qemu
    from pydlpar.platforms.qemu_boot import (
        BASIC_VECTOR_5,
        LINUX_VECTOR_5,
        with_hotplug_events,
    )

    vector = BASIC_VECTOR_5 if spec.form1 else LINUX_VECTOR_5
    # On a hash table: the model of a radix guest says no table size.
    vector = vector[:_RADIX] + bytes(len(vector) - _RADIX)
    return Qemu(
        cpus=spec.cpus,
        max_cpus=spec.max_cpus,
        memory=spec.memory,
        max_memory=spec.max_memory,
        slots=spec.slots,
        machine=f"{MACHINE},nvdimm=on" if spec.nvdimm else MACHINE,
        vector_5=with_hotplug_events(vector, spec.events),
    )


_RADIX: Final = 24


def opener(spec: MachineSpec, against: str, **more: Any) -> Opener:
    """Starts a model and what it is compared with.

    Args:
        spec: the machine.
        against: one of `AGAINST`.
        more: what `open_models` takes beside, for "model".
    """
    if against == "model":
        return lambda: open_models(spec, **more)
    if against == "qemu":
        return lambda: open_qemu(spec)
    raise ArgumentError(f"against {against!r}: expected one of {', '.join(AGAINST)}")

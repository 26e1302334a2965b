"""The machines that are compared: described as data, and started."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydlpar.compare.lockstep import Pair
from pydlpar.compare.qemu_side import QemuSide
from pydlpar.compare.sides import ModelSide
from pydlpar.compare.sized_tree import sized_tree
from pydlpar.drc_states import PROFILES
from pydlpar.errors import ArgumentError
from pydlpar.platforms.firmware import Firmware
from pydlpar.request import release_of
from pydlpar.tree import DeviceTree

if TYPE_CHECKING:
    from pydlpar.platforms.guest import Guest
    from pydlpar.platforms.qemu import Qemu

__all__ = [
    "AGAINST",
    "MachineSpec",
    "Opener",
    "dialect_of",
    "open_guest",
    "open_models",
    "open_qemu",
    "opener",
    "start_guest",
    "start_qemu",
]

AGAINST: Final = ("model", "qemu", "guest")
"""What a model can be compared with."""

_GIB: Final = 1 << 30
_SIZE: Final = ("cpus", "max_cpus", "memory", "max_memory", "slots")
_LINE: Final = "6.12"
_MOVABLE: Final = "memhp_default_state=online_movable"
"""Plugged memory can always be emptied again, so that a removal cannot fail."""

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
        release_of(self.dialect)
        if self.profile not in PROFILES:
            raise ArgumentError(
                f"profile {self.profile!r}: expected one of {', '.join(PROFILES)}"
            )

    def size(self) -> dict[str, Any]:
        """Its size, as arguments of `Qemu` and `Guest`."""
        record = self.to_dict()
        return {name: record[name] for name in _SIZE}

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
        spec: the machine, with the profile of the first.
        other: profile of the second.
        tree: of both; one of the machine's size if None.
        change: makes the second another machine, as a defect.
    """
    tree = sized_tree(spec) if tree is None else tree
    first, second = (Firmware.from_tree(tree, p) for p in (spec.profile, other))
    if change is not None:
        change(second)
    dialect = spec.dialect
    return Pair(
        ModelSide(first, tree, dialect=dialect),
        ModelSide(second, tree, dialect=dialect),
    )


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
        **spec.size(),
        machine=f"{MACHINE},nvdimm=on" if spec.nvdimm else MACHINE,
        vector_5=with_hotplug_events(vector, spec.events),
    )


_RADIX: Final = 24


def open_guest(spec: MachineSpec, line: str, cache: Path | None = None) -> Pair:
    """A model, and a real guest of whose tree it is. Boots for some seconds.

    Args:
        spec: the machine; the kernel line decides the dialect.
        line: of Linux, a key of `platforms.guest.DIALECT_OF`.
        cache: directory of fetched kernels; None for the usual one.

    Raises:
        GuestError: the line is not in the cache, or the guest did not come up.
        QemuError: QEMU is missing, too old, or did not start.
    """
    from pydlpar.compare.guest_side import GuestSide

    guest = start_guest(spec, line, cache)
    try:
        tree = guest.device_tree()
        firmware = Firmware.from_tree(tree, spec.profile)
        dialect = dialect_of(line)
        model = ModelSide(firmware, tree, dialect=dialect, prompt=True)
        return Pair(model, GuestSide(guest), ordered=False)
    except BaseException:
        guest.close()
        raise


def start_guest(
    spec: MachineSpec,
    line: str,
    cache: Path | None = None,
    *,
    options: Sequence[str] = (),
) -> Guest:
    """A real guest, booted, with more options of QEMU. Raises as `open_guest`."""
    from pydlpar.platforms.guest import Guest

    dialect_of(line)
    return Guest(
        line,
        **spec.size(),
        append=_MOVABLE,
        options=options,
        cache=cache,
    )


def dialect_of(line: str) -> str:
    """The dispatcher's dialect of a line of Linux that there are guests of.

    Raises:
        ArgumentError: there are none.
    """
    from pydlpar.platforms.guest import DIALECT_OF

    if line not in DIALECT_OF:
        known = ", ".join(DIALECT_OF)
        raise ArgumentError(f"Linux {line!r}: expected one of {known}")
    return DIALECT_OF[line]


def opener(spec: MachineSpec, against: str, **more: Any) -> Opener:
    """Starts a model and what it is compared with.

    Args:
        spec: the machine.
        against: one of `AGAINST`.
        more: what `open_models` or `open_guest` takes beside.
    """
    if against == "model":
        return lambda: open_models(spec, **more)
    if against == "qemu":
        return lambda: open_qemu(spec)
    if against == "guest":
        line = more.pop("other", _LINE)
        return lambda: open_guest(spec, line, **more)
    raise ArgumentError(f"against {against!r}: expected one of {', '.join(AGAINST)}")

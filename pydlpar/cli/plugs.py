"""What `--plug` and `--unplug` name: devices of the firmware model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NoReturn, TypeAlias
from uuid import NAMESPACE_OID, uuid5

from pydlpar import ArgumentError, Firmware, PlatformError
from pydlpar.cli.inputs import InputError
from pydlpar.sizes import parse_size

if TYPE_CHECKING:
    from pydlpar.platforms.firmware_devices import Device
    from pydlpar.platforms.qemu_plug import QemuPlug

__all__ = ["PLUG_HELP", "plug", "unplug"]

PLUG_HELP = (
    "cpu[=CORE], memory=SIZE[@ADDRESS], nvdimm=SIZE, phb=INDEX or "
    "pci=MODEL[@[BUS:]SLOT[.FUNCTION]]"
)

_PLACE = re.compile(r"(?:(?P<bus>[^:]+):)?(?P<slot>[0-9]+)(?:\.(?P<function>[0-7]))?")

Plug = Callable[..., object]
Machine: TypeAlias = "Firmware | QemuPlug"


def plug(machine: Machine, specs: Iterable[str]) -> None:
    """Plug what `--plug` names.

    A name may follow a comma, as in "cpu=6,id=c6", to unplug it by.

    Raises:
        InputError: it is not understood, or it cannot be plugged.
    """
    for spec in specs:
        device, _, name = spec.partition(",id=")
        kind, _, value = device.partition("=")
        read = _READERS.get(kind)
        if read is None or not (value or kind == "cpu"):
            _bad(spec, "not understood")
        do = read(machine, spec, value)
        _carry_out("--plug", spec, partial(do, id=name) if name else do)


def unplug(firmware: Firmware, names: Iterable[str]) -> None:
    """Ask for what `--unplug` names back: an id, or the DRC index of a connector.

    Raises:
        InputError: there is no such device, or it cannot be unplugged.
    """
    for name in names:
        target: str | Device | None = name
        if name.lower().startswith("0x"):
            connector = firmware.connector(_number(name, "--unplug", name))
            target = None if connector is None else connector.device
        if target is None:
            raise InputError(f"--unplug {name}: no device is behind that connector")
        _carry_out("--unplug", name, partial(firmware.unplug, target))


def _carry_out(option: str, spec: str, do: Plug) -> None:
    try:
        do()
    except (PlatformError, ArgumentError) as error:
        raise InputError(f"{option} {spec}: {error}") from None


def _cpu(machine: Machine, spec: str, value: str) -> Plug:
    core = _number(value, "--plug", spec) if value else None
    return partial(machine.plug_cpu, core)


def _memory(machine: Machine, spec: str, value: str) -> Plug:
    size, _, address = value.partition("@")
    where = _number(address, "--plug", spec) if address else None
    return partial(machine.plug_memory, _size(size, spec), addr=where)


def _nvdimm(machine: Machine, spec: str, value: str) -> Plug:
    uuid = str(uuid5(NAMESPACE_OID, spec))
    return partial(machine.plug_nvdimm, _size(value, spec), uuid)


def _phb(machine: Machine, spec: str, value: str) -> Plug:
    return partial(machine.plug_phb, _number(value, "--plug", spec))


def _pci(machine: Machine, spec: str, value: str) -> Plug:
    model, at, where = value.partition("@")
    if not at:
        return partial(machine.plug_pci, model)
    match = _PLACE.fullmatch(where)
    if match is None:
        _bad(spec, f"place {where!r}")
    bus = match["bus"] or "0"
    return partial(
        machine.plug_pci,
        model,
        int(match["slot"]),
        int(match["function"] or 0),
        bus=int(bus) if bus.isdecimal() else bus,
    )


def _size(text: str, spec: str) -> int:
    try:
        return parse_size(text)
    except ArgumentError:
        _bad(spec, f"size {text!r}")


def _number(text: str, option: str, spec: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        if option == "--plug":
            _bad(spec, f"number {text!r}")
        raise InputError(f"{option} {spec}: expected an id or a DRC index") from None


def _bad(spec: str, what: str) -> NoReturn:
    raise InputError(
        f"--plug {spec}: {what}, expected {PLUG_HELP}, as cpu, cpu=6, memory=1G, "
        "memory=512M@0x180000000, pci=e1000@3, pci=virtio-net-pci@1:2.0"
    )


_READERS: Mapping[str, Callable[[Machine, str, str], Plug]] = {
    "cpu": _cpu,
    "memory": _memory,
    "nvdimm": _nvdimm,
    "phb": _phb,
    "pci": _pci,
}

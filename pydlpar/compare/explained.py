"""Every known difference of the model and a real QEMU, with its reason.

Here and nowhere else. `LEFT_OUT` are steps that QEMU does not survive, so that they
are done on neither side; `EXPLAINED` are differences that are expected. Both say as
narrowly as they can when they apply.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from pydlpar.compare.sides import ModelSide
from pydlpar.compare.steps import Step
from pydlpar.platforms.firmware_devices import Device, DeviceKind
from pydlpar.platforms.fragments_pci import FUNCTIONS
from pydlpar.platforms.pci_bus import PciDevice

__all__ = ["EXPLAINED", "LEFT_OUT", "Context", "Explained", "LeftOut"]

_DELETED: Final = "DEVICE_DELETED"
_MAPS: Final = frozenset(
    {"cas", "plug_cpu", "plug_memory", "plug_nvdimm", "plug_phb", "reset"}
)
_RESETS: Final = frozenset({"cas", "reset"})
_ACTS: Final = frozenset({"set_indicator", "write", "interrupt"})


class Context:
    """What the tables look at beside the step.

    Attributes:
        model: the model's side, before it does the step.
        core_left: a core has left the machine.
        solid: paths of the cores and DIMMs that were there before the step.
    """

    def __init__(self, model: ModelSide) -> None:
        self.model = model
        self.core_left = False
        self.solid: frozenset[str] = frozenset()
        self._cores = 0
        self.look()

    def look(self) -> None:
        """Look at the machine, before each step."""
        cores = len(self.devices(DeviceKind.CORE))
        self.core_left |= cores < self._cores
        self._cores = cores
        kinds = DeviceKind.CORE, DeviceKind.DIMM
        self.solid = frozenset(d.path for d in self.devices(*kinds))

    def devices(self, *kinds: DeviceKind) -> list[Device]:
        """The model's devices of some kinds."""
        return [d for d in self.model.platform.devices if d.kind in kinds]

    def target(self, step: Step) -> Device | None:
        """The device that an unplug means."""
        devices = self.model.platform.devices
        named = (d for d in devices if step["target"] in (d.id, d.path))
        return next(named, None)


class LeftOut(NamedTuple):
    """A step that is not done.

    Attributes:
        name: a short name of the rule.
        reason: what QEMU would do.
        applies: whether a step is such a one, here and now.
    """

    name: str
    reason: str
    applies: Callable[[Step, Context], bool]


class Explained(NamedTuple):
    """A difference that is expected.

    Attributes:
        name: a short name of the rule.
        reason: where it comes from.
        applies: whether an aspect, as the model has it and as QEMU has it, differs
            for this reason; of `qmp_events` each has what the other lacks.
    """

    name: str
    reason: str
    applies: Callable[[str, Any, Any, Context], bool]


def _asks_for_lost_lmbs(step: Step, context: Context) -> bool:
    if step.verb != "unplug":
        return False
    dimm = context.target(step)
    if dimm is None or dimm.kind is not DeviceKind.DIMM or dimm.remaining is not None:
        return False
    return any(connector.device is not dimm for connector in dimm.connectors)


def _changes_memory_after_a_core(step: Step, context: Context) -> bool:
    if step.verb in _RESETS and _leaves(context, DeviceKind.CORE):
        return True
    if not context.core_left:
        return False
    if step.verb in _MAPS:
        return True
    if step.verb == "unplug":
        device = context.target(step)
        return device is not None and device.kind in _MAPPED
    return step.verb in _ACTS and _leaves(context, *_MAPPED)


def _leaves(context: Context, *kinds: DeviceKind) -> bool:
    """Whether a device of these kinds has been asked for and is still there."""
    return any(
        connector.unplug_requested
        for device in context.devices(*kinds)
        for connector in device.connectors
    )


def _plugs_a_function_again(step: Step, context: Context) -> bool:
    if step.verb != "plug_pci" or not step["function"] or step["slot"] is None:
        return False
    place = step["bus"], step["slot"] * FUNCTIONS + step["function"]
    return any(
        isinstance(device, PciDevice) and (device.bus.name, device.devfn) == place
        for device in context.devices(DeviceKind.PCI)
    )


_MAPPED: Final = (DeviceKind.DIMM, DeviceKind.PHB)

LEFT_OUT: Final = (
    LeftOut(
        "lost-lmbs",
        "asked for a DIMM that has lost LMBs to an unplug refused half way, QEMU "
        "aborts (spapr_drc_unplug_request asserts that there is a device)",
        _asks_for_lost_lmbs,
    ),
    LeftOut(
        "memory-after-core",
        "under TCG, QEMU 7.2 keeps the address space of a core that has left in the "
        "list of those that listen to memory: what changes the memory map or that "
        "list (memory, a host bridge, a reset, another core) corrupts its heap",
        _changes_memory_after_a_core,
    ),
    LeftOut(
        "function-again",
        "plugged a second time, a PCI function other than 0 makes QEMU abort "
        "(spapr_drc_attach asserts that there is no device)",
        _plugs_a_function_again,
    ),
)
"""Steps that are done on neither side."""


def _is_late_deletion(aspect: str, model: Any, real: Any, context: Context) -> bool:
    """Only missing ones, and none of a core or DIMM, which leave at once."""
    return (
        aspect == "qmp_events"
        and not real
        and all(event["event"] == _DELETED for event in model)
        and not any(event["data"].get("path") in context.solid for event in model)
    )


def _is_another_order(aspect: str, model: Any, real: Any, context: Context) -> bool:
    """The same deletions, none of a core or DIMM."""
    if aspect != "qmp_events" or len(model) != len(real):
        return False
    return _is_late_deletion(aspect, model, [], context) and all(
        event in real for event in model
    )


EXPLAINED: Final = (
    Explained(
        "late-deletion",
        "a paused QEMU keeps the last reference to a PCI device until its main loop "
        "runs, and tells DEVICE_DELETED later, or when it ends",
        _is_late_deletion,
    ),
    Explained(
        "order-of-deletions",
        "the parts of a host bridge are told in the order in which their last "
        "references go, which depends on what the main loop of QEMU was at",
        _is_another_order,
    ),
)
"""Differences that are expected."""

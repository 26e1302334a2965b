"""One of two counterparts that do the same steps, and what each step gave.

An answer is a dict of aspects. Only aspects that both sides speak of are compared,
so a guest may say less than a model does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from pydlpar.compare.steps import CALLS, MANAGEMENT, Step
from pydlpar.compare.tap import EventTap
from pydlpar.connector import new_work_area
from pydlpar.dispatch import Dispatcher
from pydlpar.errors import PlatformError
from pydlpar.operations.calls import Platform
from pydlpar.outcome import Outcome
from pydlpar.partition import Partition
from pydlpar.platforms.firmware import Firmware
from pydlpar.platforms.pci_models import PCI_MODELS, without_rom
from pydlpar.tree import DeviceTree

__all__ = [
    "Answer",
    "ModelSide",
    "PlatformSide",
    "Side",
    "has_rom",
    "without_time",
]

Answer = dict[str, Any]
"""What a step gave, by aspect.

    status, state, level  of an RTAS call
    statuses, areas       of every call of configure-connector
    event, events         RTAS events that were fetched, without their time
    refused               why the management was refused; None where it was not
    result                what a write returned
    outcomes              request and errno of each event that was acted upon
    calls, changes, tree  of the dispatcher and the partition
    qmp_events            what the management was told
"""

_TIME: Final = slice(0x20, 0x28)
_ROM_BAR: Final = 6
_KEPT: Final = frozenset(
    {"DEVICE_DELETED", "DEVICE_UNPLUG_GUEST_ERROR", "MEM_UNPLUG_ERROR"}
)
_PART: Final = "/thread["


class Side(Protocol):
    """A machine that does steps."""

    def do(self, step: Step) -> Answer:
        """Do a step.

        Raises:
            PlatformError: the machine is gone; what it refuses is an answer.
        """

    def close(self) -> None:
        """End it."""


def without_time(event: bytes) -> bytes:
    """An event log whose time stamp is zeros."""
    if len(event) < _TIME.stop:
        return event
    return event[: _TIME.start] + bytes(_TIME.stop - _TIME.start) + event[_TIME.stop :]


class PlatformSide:
    """A platform with a dispatcher and a partition of its own above it.

    Args:
        platform: with the methods of `Firmware`, for the partition and the
            management.
        tree: of the partition; it is copied.
        dialect: the kernel line.
        user_space: see `Dispatcher`.
        prompt: events are acted upon as soon as they are raised, as a guest does.
        close: called once at the end.

    Attributes:
        platform: the platform.
        dispatcher: the dispatcher.
    """

    def __init__(
        self,
        platform: Any,
        tree: DeviceTree,
        *,
        dialect: str = "6.12",
        user_space: bool = False,
        prompt: bool = False,
        close: Callable[[], object] | None = None,
    ) -> None:
        self.platform = platform
        self._tap = EventTap(platform)
        listening: Platform = self._tap
        self.dispatcher = Dispatcher(
            Partition(tree.copy()), listening, dialect, user_space=user_space
        )
        self._prompt = prompt
        self._close = close

    def close(self) -> None:
        """End the machine, where there is one."""
        if self._close is not None:
            self._close()

    def do(self, step: Step) -> Answer:
        """Do a step."""
        if step.verb in CALLS:
            answer = self._call(step)
        elif step.verb in MANAGEMENT:
            answer = self._manage(step)
        elif step.verb == "interrupt":
            answer = self._interrupt()
        else:
            answer = self._write(step)
        answer["qmp_events"] = self._qmp_events()
        return answer

    def _call(self, step: Step) -> Answer:
        if step.verb == "walk":
            return self._walk(step["index"], step["calls"])
        got = getattr(self.platform, step.verb)(*step.arguments)
        if step.verb == "set_indicator":
            return {"status": got}
        status, value = got
        if isinstance(value, bytes):
            return {"status": status, "event": without_time(value)}
        # What a failed call leaves in its other cells is said nowhere.
        name = "level" if "level" in step.verb else "state"
        return {"status": status} | ({} if status else {name: value})

    def _walk(self, index: int, calls: int | None) -> Answer:
        area = new_work_area(index)
        statuses: list[int] = []
        areas = []
        while calls is None or len(statuses) < calls:
            statuses.append(self.platform.connector_call(index, area))
            areas.append(bytes(area))
            if statuses[-1] <= 0:
                break
        return {"statuses": statuses, "areas": areas}

    def _manage(self, step: Step) -> Answer:
        answer: Answer = {"refused": None}
        try:
            self.manage(step)
        except PlatformError as error:
            # Its subclasses say that there is no machine any more.
            if type(error) is not PlatformError:
                raise
            answer["refused"] = str(error)
        return answer | self._interrupt() if self._prompt else answer

    def manage(self, step: Step) -> None:
        """Do what the management does.

        Raises:
            PlatformError: it was refused.
        """
        if step.verb == "plug_pci":
            self._plug_pci(step.named)
        else:
            getattr(self.platform, step.verb)(**step.named)

    def _plug_pci(self, rules: dict[str, Any]) -> None:
        self.platform.plug_pci(**rules)

    def _interrupt(self) -> Answer:
        self._tap.fetched.clear()
        outcomes = self.dispatcher.interrupt()
        return {
            "events": [without_time(event) for event in self._tap.fetched],
            "outcomes": [(str(found.request), found.errno) for found in outcomes],
            **self._done(outcomes),
        }

    def _write(self, step: Step) -> Answer:
        dispatcher = self.dispatcher
        result = getattr(dispatcher, step.verb)(step["data"])
        outcomes = [] if dispatcher.last is None else [dispatcher.last]
        return {"result": result, **self._done(outcomes)}

    def _done(self, outcomes: Iterable[Outcome]) -> Answer:
        known = list(outcomes)
        return {
            "calls": [call for outcome in known for call in outcome.calls],
            "changes": [change for outcome in known for change in outcome.changes],
            "tree": self.dispatcher.partition.tree,
        }

    def _qmp_events(self) -> list[dict[str, Any]]:
        """Of devices that left or stayed; parts of a core are of no interest."""
        queue = self.platform.qmp_events
        found = [
            event
            for event in queue
            if event["event"] in _KEPT and _PART not in event["data"].get("path", "")
        ]
        queue.clear()
        return found


class ModelSide(PlatformSide):
    """The firmware model.

    A PCI function comes without its boot ROM, whose content is the host's.
    """

    platform: Firmware

    def _plug_pci(self, rules: dict[str, Any]) -> None:
        driver = rules.pop("driver")
        model = PCI_MODELS.get(driver, driver)
        if not isinstance(model, str):
            model = without_rom(model)
        self.platform.plug_pci(model, **rules)


def has_rom(driver: str) -> bool:
    """Whether QEMU gives a PCI model a boot ROM."""
    model = PCI_MODELS.get(driver)
    if model is None:
        return False
    return any(bar.number == _ROM_BAR for bar in model.bars)

"""The side of a real guest: a Linux kernel that does what is written to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydlpar.compare.sides import Answer
from pydlpar.compare.steps import MANAGEMENT, WRITES, Step
from pydlpar.errors import ArgumentError, PlatformError

if TYPE_CHECKING:
    from pydlpar.platforms.guest import Guest

__all__ = ["GUEST_VERBS", "GuestSide"]

GUEST_VERBS: Final = WRITES | MANAGEMENT - {"cas", "reset"}
"""The steps that can be done to a running guest; it makes its RTAS calls itself."""

_QUIET: Final = frozenset({"system_powerdown"})


class GuestSide:
    """A guest. It is ended with the side.

    Attributes:
        guest: the guest.
    """

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        self._interrupts = guest.hotplug_interrupts()

    def close(self) -> None:
        """End the guest."""
        self.guest.close()

    def do(self, step: Step) -> Answer:
        """Do a step, and wait until the kernel has done its part.

        Raises:
            ArgumentError: it cannot be done to a guest.
        """
        if step.verb not in GUEST_VERBS:
            raise ArgumentError(
                f"step {step.verb!r} on a guest: expected one of "
                f"{', '.join(sorted(GUEST_VERBS))}"
            )
        if step.verb in WRITES:
            answer: Answer = {"result": getattr(self.guest, step.verb)(step["data"])}
        else:
            answer = self._manage(step)
        return answer | {"tree": self.guest.device_tree()}

    def _manage(self, step: Step) -> Answer:
        try:
            getattr(self.guest, step.verb)(**step.named)
        except PlatformError as error:
            # Its subclasses say that there is no machine any more.
            if type(error) is not PlatformError:
                raise
            return {"refused": str(error)}
        if _raises_event(step):
            self._interrupts += 1
            self.guest.settle(self._interrupts)
        return {"refused": None}


def _raises_event(step: Step) -> bool:
    """Whether the hotplug interrupt comes; for other functions it does with 0."""
    if step.verb == "plug_pci":
        return not step["function"]
    return step.verb not in _QUIET

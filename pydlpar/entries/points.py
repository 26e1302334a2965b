"""The entries of a dispatcher beside requests and hotplug events.

Each is a method named after the file that is written or the interrupt that comes.
Those that are written return the bytes taken or -errno, as write(2) does; why is in
`.last`.
"""

from __future__ import annotations

import errno
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from pydlpar.entries import cpu_probe, mobility, ofdt
from pydlpar.entries.mobility import Migration, UpdatePlatform
from pydlpar.entries.ras import (
    EpowOutcome,
    ErrorOutcome,
    RasEvents,
    Scan,
)
from pydlpar.entries.slot_control import NAME_MAX, SlotControl, slot_name
from pydlpar.error_log_ring import ErrorLogRing
from pydlpar.names import Buffer
from pydlpar.operations.calls import Operation, Platform, Run, Started
from pydlpar.request import first_page

if TYPE_CHECKING:
    from pydlpar.operations.behaviour import Behaviour
    from pydlpar.outcome import Outcome
    from pydlpar.partition import Partition

__all__ = ["EntryPoints", "MigrationPlatform"]

_NO_SLOT: Final = b"0\n"

_Operate = Callable[[Run, Any], Started]


class MigrationPlatform(Platform, UpdatePlatform, Protocol):
    """The platform that a partition is migrated to."""


class EntryPoints(ABC):
    """What a `Dispatcher` has beside `write`, `interrupt` and `handle`.

    Attributes:
        lockdown: the kernel is locked down: `/proc/powerpc/ofdt` is refused.
        error_log: the ring behind `/proc/powerpc/rtas/error_log`.
        ras: the handlers of EPOW and error interrupts, with their counter.
        slots: the slots, PHBs and virtual devices that the kernel has.
    """

    partition: Partition
    platform: Platform
    behaviour: Behaviour

    def _start_entries(self, log_size: int) -> None:
        self.lockdown = False
        self.error_log = ErrorLogRing(log_size, self.partition.byteorder)
        self.ras = RasEvents(self.error_log, self.behaviour.quirks)
        self.slots = SlotControl(self.partition.tree)

    @abstractmethod
    def _perform(self, operate: _Operate, argument: Any) -> Outcome:
        """Carry out an operation that is no request; it becomes `.last`."""

    def _written(self, operate: _Operate, data: bytes, taken: int) -> int:
        failed = self._perform(operate, data).errno
        return -failed if failed else taken

    def write_ofdt(self, data: Buffer | str) -> int:
        """Write to `/proc/powerpc/ofdt`: one command, whatever its length.

        Raises:
            BusyError: a request is being carried out; so of all entries.
        """
        command = _as_written(data)
        operate = _locked_down if self.lockdown else ofdt.operate
        return self._written(operate, command, len(command))

    def write_probe(self, data: Buffer | str) -> int:
        """Write a DRC index to `/sys/devices/system/cpu/probe`."""
        return self._write_page(cpu_probe.probe, data)

    def write_release(self, data: Buffer | str) -> int:
        """Write the path of a CPU to `/sys/devices/system/cpu/release`."""
        return self._write_page(cpu_probe.release, data)

    def _write_page(self, operate: _Operate, data: Buffer | str) -> int:
        page = first_page(data)
        return self._written(operate, page, len(page)) if page else 0

    def add_slot(self, data: Buffer | str) -> int:
        """Write a DRC name to `/sys/bus/pci/slots/control/add_slot`.

        A name of 64 bytes or more gives 0: nothing taken, nothing wrong.
        """
        return self._write_slot(self.slots.add, data)

    def remove_slot(self, data: Buffer | str) -> int:
        """Write a DRC name to `/sys/bus/pci/slots/control/remove_slot`."""
        return self._write_slot(self.slots.remove, data)

    def read_slot_control(self) -> bytes:
        """Read either of the two."""
        return _NO_SLOT

    def _write_slot(self, operate: _Operate, data: Buffer | str) -> int:
        page = first_page(data)
        if not page or len(page) > NAME_MAX:
            return 0
        if not self._has_connectors():
            operate = _no_module
        return self._written(operate, slot_name(page), len(page))

    def _has_connectors(self) -> bool:
        rtas = self.partition.tree.get("/rtas")
        return rtas is not None and "ibm,configure-connector" in rtas

    def epow_interrupt(self) -> EpowOutcome:
        """The EPOW interrupt: fetch one event, and decide what Linux would do."""
        return self.ras.epow_interrupt(self.platform)

    def error_interrupt(self) -> ErrorOutcome:
        """The internal-error interrupt: fetch one event, and log it."""
        return self.ras.error_interrupt(self.platform)

    def event_scan(self) -> Scan:
        """The periodic poll: fetch events until there are none, and log them."""
        return self.ras.event_scan(self.platform, self.partition.tree)

    def read_error_log(self, size: int | None = None) -> bytes:
        """Read `/proc/powerpc/rtas/error_log`; see `ErrorLogRing.read`."""
        return self.error_log.read(size)

    def migrate(self, destination: MigrationPlatform) -> Migration:
        """Arrive on another machine, and bring the tree up to date.

        That machine answers all calls from now on.
        """
        result = Migration()

        def operate(run: Run, destination: MigrationPlatform) -> Operation:
            return mobility.migrate(run, destination, result)

        self.platform = destination
        result.errno = self._perform(operate, destination).errno
        return result


def _as_written(data: Buffer | str) -> bytes:
    if isinstance(data, str):
        return data.encode("utf-8", "surrogateescape")
    return bytes(data)


def _locked_down(run: Run, command: bytes) -> int:
    del command
    return run.fail(-errno.EPERM, "the kernel is locked down")


def _no_module(run: Run, name: bytes) -> int:
    """Without the RTAS function the module does not load, and there are no files."""
    del name
    return run.fail(-errno.ENOENT, "RTAS has no ibm,configure-connector")

"""A real QEMU pseries machine as the platform: its firmware answers every call.

The machine is paused and runs no guest. RTAS calls are made from outside, through
the qtest channel, which QEMU serves beside TCG too; the management speaks QMP. What
the guest's operating system would do itself succeeds.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from pydlpar.errors import QemuUnavailableError
from pydlpar.platforms.qemu_boot import (
    LINUX_VECTOR_5,
    LIVE_CELLS,
    TABLE,
    boot_image,
    cas_is_done,
    cas_table,
    check_cas,
    with_hotplug_events,
)
from pydlpar.platforms.qemu_plug import QemuPlug
from pydlpar.platforms.qemu_process import QemuProcess
from pydlpar.platforms.qemu_qtest import Qtest
from pydlpar.platforms.qemu_rtas import QemuRtas
from pydlpar.tree import DeviceTree

if TYPE_CHECKING:
    from pydlpar.platforms.qemu_qmp import Qmp

__all__ = ["MACHINE", "PROGRAM", "Qemu", "machine_arguments", "qmp_class"]

PROGRAM: Final = "qemu-system-ppc64"

MACHINE: Final = (
    "pseries-7.2,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off"
)
"""The machine that the model is of; without what TCG cannot do and warns of."""

_GIB: Final = 1 << 30
_POLL: Final = 0.001
_DEADLINE: Final = 10.0


def machine_arguments(
    *,
    machine: str = MACHINE,
    cpu: str = "power9_v2.0",
    cpus: int | None = 1,
    max_cpus: int | None = 8,
    memory: int | None = _GIB,
    max_memory: int | None = 4 * _GIB,
    slots: int = 16,
    devices: Sequence[str] = (),
    clock: datetime | None = None,
) -> list[str]:
    """Command line of a machine.

    Args:
        machine: its type, with options.
        cpu: model of its cores.
        cpus: cores at the start; None to say nothing about cores.
        max_cpus: cores that there is room for; None for as many as there are.
        memory: bytes at the start; None to say nothing about memory.
        max_memory: bytes that there is room for; None for no more.
        slots: places for DIMMs.
        devices: at the start, each as after `-device`.
        clock: the time, which stands still; None for that of the host.
    """
    line = ["-M", machine, "-cpu", cpu]
    if cpus is not None:
        line += ["-smp", f"{cpus},maxcpus={max_cpus or cpus}"]
    if memory is not None:
        room = "" if max_memory is None else f",slots={slots},maxmem={max_memory}B"
        line += ["-m", f"size={memory}B{room}"]
    for device in devices:
        line += ["-device", device]
    if clock is not None:
        line += ["-rtc", f"base={clock:%Y-%m-%dT%H:%M:%S},clock=vm"]
    return line


class Qemu(QemuPlug, QemuRtas):
    """A QEMU machine. A context manager, for one thread at a time.

    It has the methods of a `Platform` for the partition, and those of `Firmware`
    for the machine's management. Should QEMU die, or not answer in time, whatever
    was being asked of it raises a `QemuError`, and so does all that follows.

    Args:
        program: path of QEMU, or a name to be looked up in PATH.
        vector_5: option vector 5 to negotiate with at the start, its length first;
            None to leave that to `cas`.
        arguments: more of the command line; said again, an option overrides.
        deadline: seconds that any answer may take.
        machine, cpu, cpus, max_cpus, memory, max_memory, slots, devices, clock: see
            `machine_arguments`.

    Raises:
        QemuUnavailableError: QEMU, or the package `qemu.qmp`, is missing or too old.
        QemuDiedError: it does not take the command line, as its words say.
        QemuHungError: it did not come up in time.
        PlatformError: client architecture support failed.
    """

    def __init__(
        self,
        *,
        program: str = PROGRAM,
        vector_5: bytes | None = LINUX_VECTOR_5,
        arguments: Sequence[str] = (),
        deadline: float = _DEADLINE,
        machine: str = MACHINE,
        cpu: str = "power9_v2.0",
        cpus: int | None = 1,
        max_cpus: int | None = 8,
        memory: int | None = _GIB,
        max_memory: int | None = 4 * _GIB,
        slots: int = 16,
        devices: Sequence[str] = (),
        clock: datetime | None = None,
    ) -> None:
        super().__init__()
        self._vector_5 = LINUX_VECTOR_5 if vector_5 is None else vector_5
        self._negotiates = vector_5 is not None
        connect = qmp_class()
        line = machine_arguments(
            machine=machine,
            cpu=cpu,
            cpus=cpus,
            max_cpus=max_cpus,
            memory=memory,
            max_memory=max_memory,
            slots=slots,
            devices=devices,
            clock=clock,
        )
        self.process = QemuProcess(program, deadline)
        try:
            self._start([*line, *arguments], connect)
            if self._negotiates:
                self.cas()
        except BaseException:
            self.close()
            raise

    def _start(self, arguments: Sequence[str], connect: type[Qmp]) -> None:
        process = self.process
        self._qmp = connect(process.channel("qmp"), process, self._note)
        self._qtest = Qtest(process.channel("qtest"), process)
        process.start(
            [
                *("-accel", "tcg", "-S", "-display", "none", "-nodefaults"),
                *("-bios", process.file(boot_image())),
                *("-mon", "chardev=qmp,mode=control"),
                *("-qtest", "chardev:qtest", "-qtest-log", "/dev/null"),
                *arguments,
            ]
        )
        self._qmp.connect()
        self._remember_start()

    def __enter__(self) -> Qemu:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Qemu {self.process!r}>"

    def close(self) -> None:
        """End the process; what is asked of the machine after that is refused."""
        self.process.close()

    def read_memory(self, address: int, size: int) -> bytes:
        """Bytes of the guest's memory."""
        return self._qtest.read(address, size)

    def write_memory(self, address: int, data: bytes) -> None:
        """Change the guest's memory. Below 1 MiB and from 16 MiB on it is used."""
        self._qtest.write(address, data)

    def qtest(self, *lines: str) -> list[str]:
        """Lines for the qtest channel: what is said to each, after the `OK`.

        Raises:
            PlatformError: a line was refused.
        """
        return self._qtest.ask(*lines)

    def device_tree(self) -> DeviceTree:
        """The tree that the guest was given at CAS, or at the last reset."""
        return DeviceTree.from_dtb(self.dtb())

    def dtb(self) -> bytes:
        """The same, flattened, as QEMU made it."""
        with tempfile.TemporaryDirectory(prefix="pydlpar-") as folder:
            path = Path(folder, "dtb")
            self.command("dumpdtb", filename=str(path))
            return path.read_bytes()

    def reset(self) -> None:
        """Reset the machine: pending unplugs complete, events are dropped.

        The partition has to negotiate again (`cas`).
        """
        self._qmp.execute_until("system_reset", "RESET")

    def cas(
        self, *, hotplug_events: bool | None = None, vector_5: bytes | None = None
    ) -> None:
        """Client architecture support: the partition says what it can do.

        Connectors are reset as by a machine reset, and hotplug events dropped: the
        tree that the partition is given then has everything in it.

        Args:
            hotplug_events: it takes hotplug events (option vector 5, byte 6 bit 5);
                None for what the vector says.
            vector_5: all that it can do, its length first; None for what the
                machine was made with.

        Raises:
            PlatformError: the hypervisor refused.
            ArgumentError: the vector does not begin with its length.
        """
        vector = self._vector_5 if vector_5 is None else vector_5
        if hotplug_events is not None:
            vector = with_hotplug_events(vector, hotplug_events)
        self._negotiate(cas_table(vector))

    def _negotiate(self, table: bytes) -> None:
        """Let the boot stub make its call with a table."""
        self._qtest.write(TABLE, table)
        cells_at, cells = LIVE_CELLS
        self._qtest.write(cells_at, cells)
        self._qmp.execute("cont")
        limit = self.process.deadline
        end = time.monotonic() + limit
        while not cas_is_done(found := self._qtest.read(cells_at, len(cells))):
            if time.monotonic() > end:
                raise self.process.hung("CAS", limit)
            time.sleep(_POLL)
        self._qmp.execute("stop")
        check_cas(found)

    def renew(self) -> bool:
        """Make the machine as it was at its start, which is faster than another.

        What was plugged is taken out, and the machine reset. Counters go on: log
        ids of events, numbers of devices without a name. Lists of connectors may be
        in another order.

        Returns:
            False where that cannot be done, and the machine is of no more use:
            something plugged cannot be unplugged, or a core was plugged. QEMU's
            TCG does not survive a reset after a core has left.
        """
        added = self._added()
        if not self._take_out(added):
            return False
        self.reset()
        if self._added():
            return False
        if added:
            # The hash table is as large as for the memory that has just left.
            self.reset()
            self._drop_backends()
        if self._negotiates:
            self.cas()
        self.qmp_events.clear()
        return True


def qmp_class() -> type[Qmp]:
    """The QMP client: its library is an extra, and slow to import."""
    try:
        from pydlpar.platforms.qemu_qmp import Qmp
    except ModuleNotFoundError as error:
        raise QemuUnavailableError(
            f"{error}: the package qemu.qmp is needed (pydlpar[qemu])"
        ) from None
    return Qmp

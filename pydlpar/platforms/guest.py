"""A real Linux guest in a QEMU pseries machine: the judge of every model.

It boots an initial file system of our own making, in which an agent does what it is
asked: writes to `/sys/kernel/dlpar`, reads of `/proc/device-tree`, commands. Devices
are plugged by QMP, as into any other machine.
"""

from __future__ import annotations

import re
import tempfile
import time
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from pydlpar.errors import GuestError, QemuDiedError
from pydlpar.platforms.guest_agent import packed
from pydlpar.platforms.guest_image import root_archive
from pydlpar.platforms.guest_link import GuestConsole, GuestLink, unpacked
from pydlpar.platforms.guest_packages import GuestFiles, cached_files
from pydlpar.platforms.qemu import PROGRAM, machine_arguments, qmp_class
from pydlpar.platforms.qemu_plug import QemuPlug
from pydlpar.platforms.qemu_process import QemuProcess
from pydlpar.tree import DeviceTree

if TYPE_CHECKING:
    from pydlpar.platforms.qemu_qmp import Qmp

__all__ = ["DIALECT_OF", "CommandResult", "Guest", "KernelMessage"]

DIALECT_OF = {"6.1": "5.16", "6.12": "6.12"}
"""The dispatcher's dialect of each line of Linux."""

DLPAR = "/sys/kernel/dlpar"
OFDT = "/proc/powerpc/ofdt"
DEVICE_TREE = "/proc/device-tree"

_CONSOLE, _AGENT = 0x71000001, 0x71000002
_COMMAND_LINE = "console=hvc0 quiet panic=-1"
_POLL = 0.05
_CELL = 4  # archives begin at a multiple of it
_GIB = 1 << 30
_LINEAR = (1 << 60) - 1  # the kernel is where its linear mapping has it
_BUFFER_SIZE = 2048  # RTAS_ERROR_LOG_MAX
_KERNEL_SIZE = 64 << 20  # the kernel's own text and data end below
# A log of QEMU's, of hotplug or EPOW: version 6, its type, then the first section.
_EVENT = re.compile(rb"\x06.{2}[\xe5\x40].{16}IBM\0PH\0\x30", re.DOTALL)
_LEVEL = 7  # the lower bits of a message's priority; above them is who wrote it


class CommandResult(NamedTuple):
    """What became of a command in the guest.

    Attributes:
        status: exit status; of one that a signal ended, less than 0.
        out: standard output.
        err: standard error.
        late: it was killed, as its time was over.
    """

    status: int
    out: bytes
    err: bytes
    late: bool


class KernelMessage(NamedTuple):
    """A line of the kernel's log.

    Attributes:
        level: 0 emergency to 7 debug.
        time: microseconds since the boot.
        text: without its time.
    """

    level: int
    time: int
    text: str


class Guest(QemuPlug):
    """A guest, from its boot until `close`; a context manager. For one thread.

    Args:
        line: of Linux, "6.1" or "6.12", from the cache (`pydlpar guest fetch`).
        kernel: a `vmlinux` of one's own instead.
        initrd: an initial file system of one's own, below what we add; it may be
            compressed.
        add: more files for the guest: of this machine, by their path in the guest.
        options: more of QEMU's options.
        append: more words for the kernel's command line.
        cache: directory of fetched files; None for the usual one.
        program: QEMU, a name in PATH or a path.
        accelerator: QEMU's option `-accel`.
        cpus, max_cpus, memory, max_memory, slots, devices, clock: see
            `machine_arguments`; sizes in bytes.
        deadline: seconds that QEMU or the agent may take for anything else.
        boot_deadline: seconds that the boot may take.

    Attributes:
        process: the machine's.
        console: what the guest wrote to its console, and a way to type.
        release: of its kernel, as `uname -r` says it.
        deadline: seconds, as given.

    Raises:
        GuestError: the cache lacks a part; or the guest did not come up, with the
            end of its console.
        QemuError: QEMU is missing or too old, or ended.
        OSError: a file cannot be read.
    """

    def __init__(
        self,
        line: str = "6.12",
        *,
        kernel: Path | None = None,
        initrd: Path | None = None,
        add: Mapping[str, Path] | None = None,
        cpus: int = 2,
        max_cpus: int | None = 16,
        memory: int = _GIB,
        max_memory: int | None = 8 * _GIB,
        slots: int = 32,
        devices: Sequence[str] = (),
        clock: datetime | None = None,
        options: Sequence[str] = (),
        append: str = "",
        cache: Path | None = None,
        program: str = PROGRAM,
        accelerator: str = "tcg",
        deadline: float = 60.0,
        boot_deadline: float = 240.0,
    ) -> None:
        super().__init__()
        files = _files(None if kernel else line, cache)
        vmlinux = kernel or files.kernel
        if vmlinux is None or not vmlinux.is_file():
            raise GuestError(f"{vmlinux}: no kernel there")
        below = initrd.read_bytes() if initrd else b""
        image = below + bytes(-len(below) % _CELL)
        image += root_archive(files.tools, files.module_contents(), add)
        machine = machine_arguments(
            cpus=cpus,
            max_cpus=max_cpus,
            memory=memory,
            max_memory=max_memory,
            slots=slots,
            devices=devices,
            clock=clock,
        )
        boot = [
            *("-kernel", str(vmlinux)),
            *("-append", f"{_COMMAND_LINE} {append}".rstrip()),
            *("-accel", accelerator),
        ]
        connect = qmp_class()
        self.deadline = deadline
        self._buffer: int | None = None
        self.process = QemuProcess(program, deadline)
        try:
            self._start([*machine, *boot, *options], image, connect)
            self.release = self._wait_for_boot(boot_deadline)
        except BaseException:
            self.close()
            raise

    def _start(
        self, arguments: Sequence[str], image: bytes, connect: type[Qmp]
    ) -> None:
        process = self.process
        self._qmp = connect(process.channel("qmp"), process, self._note)
        console, agent = process.channel("console"), process.channel("agent")
        process.start(
            [
                *("-display", "none", "-nodefaults", "-no-reboot"),
                *("-mon", "chardev=qmp,mode=control"),
                *("-device", f"spapr-vty,chardev=console,reg={_CONSOLE:#x}"),
                *("-device", f"spapr-vty,chardev=agent,reg={_AGENT:#x}"),
                *("-initrd", process.file(image)),
                *arguments,
            ]
        )
        self._qmp.connect()
        self._remember_start()
        self.console = GuestConsole(console)
        self._link = GuestLink(agent, process, self.console)

    def _wait_for_boot(self, deadline: float) -> str:
        try:
            return str(self._link.wait(deadline)["release"])
        except QemuDiedError as error:
            raise GuestError(
                f"the guest ended while it booted: {error}", self.console.tail()
            ) from None

    def __enter__(self) -> Guest:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the machine at once. Nothing of it is left; once more is no error."""
        self.process.close()

    def write(self, data: bytes, path: str = DLPAR) -> int:
        """One write(2) to `/sys/kernel/dlpar`: bytes taken, or -errno.

        Raises:
            GuestError: the kernel did not return in time.
            QemuError: the machine ended.
        """
        answer = self._link.try_ask(
            "write", self.deadline, path=path, data=packed(data)
        )
        return -int(answer["errno"]) if "errno" in answer else int(answer["wrote"])

    def write_ofdt(self, data: bytes) -> int:
        """The same to `/proc/powerpc/ofdt`."""
        return self.write(data, OFDT)

    def read(self, path: str = DLPAR) -> bytes:
        """All of a file in the guest, `/sys/kernel/dlpar` by default.

        Raises:
            OSError: as its kernel refused it.
            GuestError, QemuError: as `write`.
        """
        return unpacked(self._ask("read", path=path)["data"])

    def run(
        self, command: str | Sequence[str], timeout: float | None = None
    ) -> CommandResult:
        """Run a command in the guest to its end, or for so many seconds.

        Args:
            command: a line for its shell, or a program and its arguments.
            timeout: seconds; then it is killed. The guest's deadline if None.

        Raises:
            OSError: there is no such program.
            GuestError, QemuError: as `write`.
        """
        argv = ["sh", "-c", command] if isinstance(command, str) else list(command)
        limit = self.deadline if timeout is None else timeout
        # The agent's own clock comes first: it can say what there is so far.
        patience = limit + self.deadline
        answer = self._link.ask("run", patience, argv=argv, timeout=limit)
        return CommandResult(
            answer["status"],
            unpacked(answer["out"]),
            unpacked(answer["err"]),
            answer["late"],
        )

    def device_tree(self) -> DeviceTree:
        """The guest's `/proc/device-tree`, children and properties by name.

        Raises:
            GuestError, QemuError: as `write`.
        """
        answer = self._ask("tree", path=DEVICE_TREE)
        return DeviceTree.from_dtb(zlib.decompress(unpacked(answer["packed"])))

    def dmesg(self) -> list[KernelMessage]:
        """The kernel's messages since the last time, at first all since the boot.

        Raises:
            GuestError: some are lost, as they were overwritten; or as `write`.
            QemuError: the machine ended.
        """
        answer = self._ask("messages")
        if answer["lost"]:
            raise GuestError("kernel messages were overwritten before they were read")
        return [_message(record) for record in answer["records"]]

    def error_log(self) -> bytes:
        """The records that `/proc/powerpc/rtas/error_log` has now; they are taken.

        `pydlpar.decode_log` reads them. A running rtas_errd takes them first.

        Raises:
            GuestError, QemuError: as `write`.
        """
        return b"".join(map(unpacked, self._ask("errors")["slots"]))

    def interrupt_buffer(self) -> bytes | None:
        """What Linux fetched by its last hotplug or EPOW interrupt: 2048 bytes.

        It is the kernel's `ras_log_buf`, read from outside; the rest of longer events
        stands behind a short one. A kernel that lists functions only, as Debian's 6.1
        (no CONFIG_KALLSYMS_ALL), does not say where it is: there it is looked for in
        the kernel's data. None, or zeros, before the first interrupt.

        Raises:
            GuestError, QemuError: as `write`.

        Source: Linux arch/powerpc/platforms/pseries/ras.c.
        """
        if self._buffer is None:
            self._buffer = self._find_buffer()
        if self._buffer is None:
            return None
        return self._memory(self._buffer, _BUFFER_SIZE)

    def _find_buffer(self) -> int | None:
        """Where `ras_log_buf` is: as the kernel says, or where an event is."""
        words = self.run("grep -w ras_log_buf /proc/kallsyms").out.split()
        if words:
            return int(words[0], 16) & _LINEAR
        found = _EVENT.search(self._memory(0, _KERNEL_SIZE))
        return found.start() if found else None

    def _memory(self, address: int, size: int) -> bytes:
        """What is in the machine's memory."""
        with tempfile.TemporaryDirectory(prefix="pydlpar-") as folder:
            path = Path(folder, "memory")
            self.command("pmemsave", val=address, size=size, filename=str(path))
            return path.read_bytes()

    def hotplug_interrupts(self) -> int:
        """How many hotplug interrupts the guest has taken since its boot."""
        return int(self._ask("hotplug")["taken"])

    def settle(self, interrupts: int = 0, deadline: float | None = None) -> None:
        """Wait until the kernel has done all that it was told to by interrupts.

        Args:
            interrupts: how many it must have taken since its boot, at least.
            deadline: seconds; the guest's if None.

        Raises:
            GuestError: it is still at work, or no interrupt came.
            QemuError: the machine ended.
        """
        limit = self.deadline if deadline is None else deadline
        end = time.monotonic() + limit
        idle = 0
        # Twice, as between an interrupt and the work for it nothing shows.
        while idle < 2:
            state = self._ask("hotplug")
            idle = 0 if state["busy"] or state["taken"] < interrupts else idle + 1
            if time.monotonic() > end:
                what = (
                    f"hotplug interrupts: {state['taken']} of {interrupts} came, "
                    f"the kernel is {'at work' if state['busy'] else 'idle'} "
                    f"after {limit:g} s"
                )
                raise GuestError(what, self.console.tail())
            if idle < 2:
                time.sleep(_POLL)

    def _ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        return self._link.ask(what, self.deadline, **arguments)


def _files(line: str | None, cache: Path | None) -> GuestFiles:
    files = cached_files(line, cache)
    if files is None:
        what = f"Linux {line}" if line else "the tools of a guest"
        raise GuestError(f"{what}: not in the cache: run 'pydlpar guest fetch'")
    return files


def _message(record: str) -> KernelMessage:
    """A record of /dev/kmsg: `priority,number,time,flags;text`."""
    head, _, text = record.partition(";")
    priority, _, when, *_ = head.split(",")
    return KernelMessage(int(priority) & _LEVEL, int(when), text.split("\n")[0])

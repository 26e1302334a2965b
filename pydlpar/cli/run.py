"""`pydlpar run`: carry out hotplug requests against the firmware model."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator

import click
from rich.console import Console
from rich.progress import Progress

from pydlpar import (
    ArgumentError,
    DeviceTree,
    Dispatcher,
    DlparError,
    Firmware,
    Partition,
    ResolveError,
)
from pydlpar.choose import POLICIES
from pydlpar.cli.output import write_file
from pydlpar.cli.plugs import PLUG_HELP, plug, unplug
from pydlpar.cli.report import JsonReport, Report, TextReport
from pydlpar.cli.sources import (
    InputError,
    Step,
    read_events,
    read_requests,
    read_tree,
)
from pydlpar.cli.types import LINES, RELEASE
from pydlpar.dispatch import Outcome
from pydlpar.operations.behaviour import behaviour_of
from pydlpar.resolve import resolve

__all__ = ["machine", "run"]

_PROGRESS_FROM = 2000


@click.command()
@click.argument("requests", nargs=-1, metavar="[REQUEST]...")
@click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    metavar="FILE",
    help="Requests from a file, one a line; '-' is standard input.",
)
@click.option(
    "-n",
    "--named",
    "named",
    multiple=True,
    metavar="REQUEST",
    help="A request that names what it means: 'cpu remove CPU 3', by DRC name, index, "
    "location code or path, or a count by --policy. Never a guess. May be repeated.",
)
@click.option(
    "--policy",
    type=click.Choice(list(POLICIES)),
    default="lowest-first",
    show_default=True,
    help="Which connectors a count of --named means.",
)
@click.option(
    "-e",
    "--event",
    "events",
    multiple=True,
    metavar="FILE",
    help="RTAS hotplug events, binary or hex dump; '-' is standard input.",
)
@click.option(
    "--tree",
    metavar="FILE",
    help="Device tree of the machine: a blob (also gzipped), a directory such as "
    "/proc/device-tree, or source text (.dts), by dtc. "
    "Default: a pseries machine with 4 of 16 cores and 4 of 16 GiB.",
)
@click.option(
    "--plug",
    "plugs",
    multiple=True,
    metavar="DEVICE",
    help=f"What the platform makes available first: {PLUG_HELP}; with ,id=NAME to "
    "unplug it by. May be repeated.",
)
@click.option(
    "--unplug",
    "unplugs",
    multiple=True,
    metavar="DEVICE",
    help="What the platform asks back in the end, by its id or DRC index; the "
    "partition acts on it. May be repeated.",
)
@click.option(
    "--user-space",
    is_flag=True,
    help="Carry out events of PCI slots and host bridges too, as rtas_errd and drmgr.",
)
@click.option(
    "--interrupt/--no-interrupt",
    default=None,
    help="Act on the events that --plug raises, as a guest does; or leave the devices "
    "for the requests to take. Default: act where no request is given.",
)
@click.option(
    "--dialect",
    default="6.12",
    show_default=True,
    type=RELEASE,
    help=f"Linux line whose grammar, order of calls and errors are followed: {LINES}.",
)
@click.option(
    "--quirks",
    metavar="NAME,...",
    help="Bugs of Linux to imitate: 'kernel' for all that are defined, 'none', or "
    "names as in docs/dialects.md, where those that are on by default have a *.",
)
@click.option(
    "--profile",
    type=click.Choice(["qemu", "lopar"]),
    default="qemu",
    show_default=True,
    help="Firmware: as QEMU does it, or as the architecture says.",
)
@click.option("-o", "--output", metavar="FILE", help="Write the resulting tree (DTB).")
@click.option("--diff", is_flag=True, help="Show what changed in the tree.")
@click.option("--trace", is_flag=True, help="Show every call of every request.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option(
    "-k", "--keep-going", is_flag=True, help="Go on after a request is refused."
)
def run(
    requests: tuple[str, ...],
    files: tuple[str, ...],
    named: tuple[str, ...],
    policy: str,
    events: tuple[str, ...],
    tree: str | None,
    plugs: tuple[str, ...],
    unplugs: tuple[str, ...],
    user_space: bool,
    interrupt: bool | None,
    dialect: str,
    quirks: str | None,
    profile: str,
    output: str | None,
    diff: bool,
    trace: bool,
    as_json: bool,
    keep_going: bool,
) -> None:
    """Carry out hotplug REQUESTs, as Linux does, against the firmware model.

    A REQUEST is what is written to /sys/kernel/dlpar:

    \b
      pydlpar run "cpu remove index 0x10000003"
      pydlpar run --plug memory=1G "memory add count 4" --diff
      pydlpar run --plug cpu --plug memory=1G --trace
      pydlpar run --plug pci=e1000,id=net --unplug net --user-space
      pydlpar run -f requests.txt -e events.bin --json
      pydlpar run -n "cpu remove CPU 3" -n "memory remove count 2" --policy drmgr

    Requests given as arguments come first, then those of files, then named ones, then
    events, then what is unplugged. `pydlpar slots` prints the names.
    Everything is read before anything is done. At the first refusal the run ends,
    unless --keep-going is given, and no output is written.

    Exit status: 0 all carried out, 1 a request was refused, 2 bad input.
    """
    if [*files, *events, tree].count("-") > 1:
        raise InputError("'-' can be read only once")
    before = read_tree(tree)
    steps = [
        Step(text.encode("utf-8", "surrogateescape"), False, "") for text in requests
    ]
    for path in files:
        steps += read_requests(path)
    steps += [
        Step(text.encode("utf-8", "surrogateescape"), False, "", True) for text in named
    ]
    for path in events:
        steps += read_events(path)
    if not steps and not plugs and not unplugs:
        raise InputError(
            "nothing to do: give requests, --file, --named, --event, --plug "
            "or --unplug (see --help)"
        )
    answers = interrupt is not False
    if interrupt is None:
        interrupt = not steps
    dispatcher, firmware = machine(
        before, dialect, profile, tree, quirks, user_space=user_space
    )
    if (interrupt or (unplugs and answers)) and not dispatcher.behaviour.interrupts:
        raise InputError(
            f"Linux {dialect} does not know the hotplug interrupt: give requests"
        )
    plug(firmware, plugs)
    report: Report
    if as_json:
        report = JsonReport(trace=trace)
    else:
        width = max((len(step.data) for step in steps if not step.is_event), default=44)
        report = TextReport(Console(), width, trace=trace)
    actor = _Actor(dispatcher, firmware, policy)
    refused, left = _carry_out(
        actor, steps, report, interrupt=interrupt, keep_going=keep_going
    )
    if unplugs and (keep_going or not refused):
        if not interrupt:
            firmware.events.clear()  # Of --plug: the requests took the devices.
        unplug(firmware, unplugs)
        if answers:
            refused |= actor.interrupt(report)
    after = dispatcher.partition.tree
    if diff:
        report.diff(before, after)
    written = output if output and (keep_going or not refused) else None
    if written:
        write_file(written, after.to_dtb())
    report.end(left, written)
    sys.exit(1 if refused else 0)


def machine(
    tree: DeviceTree,
    dialect: str,
    profile: str,
    path: str | None,
    quirks: str | None = None,
    *,
    user_space: bool = False,
) -> tuple[Dispatcher, Firmware]:
    """A partition with a copy of the tree, and the firmware under it."""
    try:
        behaviour_of(dialect, quirks)
    except ArgumentError as error:
        raise InputError(str(error)) from None
    try:
        firmware = Firmware.from_tree(tree, profile=profile)
        partition = Partition(DeviceTree.from_dtb(tree.to_dtb()))
    except DlparError as error:
        raise InputError(f"{path or 'the embedded tree'}: {error}") from None
    dispatcher = Dispatcher(
        partition, firmware, dialect, user_space=user_space, quirks=quirks
    )
    return dispatcher, firmware


class _Actor:
    """Carries out steps on one machine."""

    def __init__(self, dispatcher: Dispatcher, firmware: Firmware, policy: str) -> None:
        self.dispatcher = dispatcher
        self._firmware = firmware
        self._policy = policy

    def outcomes(self, step: Step) -> Iterator[Outcome]:
        """What becomes of a step, or of each request that it stands for."""
        if step.is_named:
            yield from self._named(step)
        elif step.is_event:
            yield self.dispatcher.event(step.data)
        else:
            yield self._written(step)

    def interrupt(self, report: Report) -> bool:
        """Interrupt the partition; whether it refused what an event asked for."""
        outcomes = self.dispatcher.interrupt()
        for outcome in outcomes:
            report.outcome(Step(b"", True, "interrupt"), outcome)
        return any(outcome.errno for outcome in outcomes)

    def _named(self, step: Step) -> Iterator[Outcome]:
        connectors = self._firmware.connectors

        def available(index: int) -> bool:
            connector = connectors.get(index)
            return connector is not None and connector.device is not None

        try:
            requests = resolve(
                self.dispatcher.partition,
                step.data.decode("utf-8", "surrogateescape"),
                self._policy,
                available,
            )
        except (ResolveError, ArgumentError) as error:
            yield Outcome(None, errno.EINVAL, [], [], str(error))
            return
        yield from map(self.dispatcher.handle, requests)

    def _written(self, step: Step) -> Outcome:
        write, data = self.dispatcher.write, step.data
        if not data or write(data) == 0 or self.dispatcher.last is None:
            return Outcome(None, 0, [], [], "an empty write does nothing", False)
        return self.dispatcher.last


def _carry_out(
    actor: _Actor,
    steps: list[Step],
    report: Report,
    *,
    interrupt: bool,
    keep_going: bool,
) -> tuple[bool, int]:
    """Do all steps: whether one was refused, and how many were not tried."""
    refused = False
    if interrupt:
        refused = actor.interrupt(report)
    if refused and not keep_going:
        return True, len(steps)
    console = Console(stderr=True)
    # On a terminal the lines themselves show how far it is.
    wanted = console.is_terminal and not sys.stdout.isatty()
    with Progress(
        console=console,
        transient=True,
        disable=len(steps) < _PROGRESS_FROM or not wanted,
    ) as progress:
        task = progress.add_task("requests", total=len(steps))
        for number, step in enumerate(steps, 1):
            for outcome in actor.outcomes(step):
                report.outcome(step, outcome)
                refused |= bool(outcome.errno)
                if refused and not keep_going:
                    return True, len(steps) - number
            progress.advance(task)
    return refused, 0

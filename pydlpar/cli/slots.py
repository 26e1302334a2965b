"""`pydlpar slots`: the connectors of a machine, as lsslot lists them."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import click

from pydlpar import DeviceTree, DlparError
from pydlpar.cli import words
from pydlpar.cli.output import Screen
from pydlpar.cli.plugs import plug
from pydlpar.cli.run import machine
from pydlpar.cli.slots_rows import SlotWriter
from pydlpar.cli.slots_table import Column, Row, table_lines
from pydlpar.cli.sources import (
    EMBEDDED,
    InputError,
    MissingError,
    Source,
    read_source,
)
from pydlpar.cli.types import LINES, RELEASE
from pydlpar.platforms.firmware_devices import Connector
from pydlpar.slot import Slot, SlotKind
from pydlpar.slots import Slots

__all__ = ["slots"]

_KINDS = [kind.value for kind in SlotKind]
_CACHE_COLUMNS = (Column("Cache"), Column("Level"), Column("Phandle"), Column("CPUs"))
_COUNT_COLUMNS = (
    Column("Kind"),
    *(
        Column(title, numbers=True)
        for title in ("Connectors", "In use", "Free", "Unknown", "Plugged")
    ),
)


@click.command(short_help="List connectors (DRCs) and what is behind them.")
@click.argument("file", default=EMBEDDED)
@click.option(
    "-c",
    "--connector",
    "kind_name",
    type=click.Choice(_KINDS),
    help="List the connectors of this kind. Default: how many there are of each.",
)
@click.option("-a", "--available", is_flag=True, help="Only those that are free.")
@click.option("-o", "--occupied", is_flag=True, help="Only those in use.")
@click.option(
    "-s",
    "--slot",
    "names",
    multiple=True,
    metavar="NAME",
    help="Only this one: a DRC index (0x...), a DRC name, the path of a node or a "
    "location code. May be repeated.",
)
@click.option("-b", "--caches", is_flag=True, help="With cpu: their L2 and L3 caches.")
@click.option(
    "-p",
    "--only-caches",
    is_flag=True,
    help="With cpu: the caches, and who shares them.",
)
@click.option(
    "-F",
    "--delimiter",
    metavar="CHAR",
    help="No heading, CHAR between the columns, a line for every connector.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object a line and connector."
)
@click.option(
    "--plug",
    "plugs",
    multiple=True,
    metavar="DEVICE",
    help="As `pydlpar run` has it: plug it into a firmware model of the machine first.",
)
@click.option(
    "-r",
    "--request",
    "requests",
    multiple=True,
    metavar="REQUEST",
    help="Carry out a hotplug request on the model first.",
)
@click.option(
    "--dialect",
    type=RELEASE,
    default="6.12",
    show_default=True,
    help=f"Linux line that carries requests out: {LINES}.",
)
def slots(
    file: str,
    kind_name: str | None,
    available: bool,
    occupied: bool,
    names: tuple[str, ...],
    caches: bool,
    only_caches: bool,
    delimiter: str | None,
    as_json: bool,
    plugs: tuple[str, ...],
    requests: tuple[str, ...],
    dialect: str,
) -> None:
    """List the connectors (DRCs) of FILE and what is behind them.

    FILE is a blob (also gzipped), a directory such as /proc/device-tree, source text
    (.dts), `-` for standard input, or @pseries (the default), the embedded machine.

    \b
      pydlpar slots                                  # how many of each kind
      pydlpar slots /proc/device-tree -c cpu -b      # lsslot -c cpu -b
      pydlpar slots machine.dtb -c pci -o            # lsslot -c pci -o
      pydlpar slots machine.dtb -s "LMB 16" --json
      pydlpar slots -c mem --plug memory=1G -r "memory add count 2"

    On a terminal and in a pipe, connectors that are free and follow each other share
    a line; with --delimiter and --json each has its own.

    A connector is `in use` when the tree has its device, `free` when it has not,
    `plugged` when the platform has a device there that nobody has taken yet (told of
    a model only), and `unknown` where the tree does not tell: LMBs before the
    operating system has asked for an LMB table.

    Exit status: 0 shown, 1 no such connector, or a request was refused; 2 bad input.
    """
    if available and occupied:
        raise click.UsageError("--available and --occupied exclude each other")
    if as_json and delimiter is not None:
        raise click.UsageError("--json and --delimiter exclude each other")
    if delimiter is not None and len(delimiter) != 1:
        raise click.UsageError(f"--delimiter {delimiter!r}: expected one character")
    kind = None if kind_name is None else SlotKind(kind_name)
    if (caches or only_caches) and kind is not SlotKind.CPU:
        raise click.UsageError("--caches and --only-caches go with -c cpu")
    source = read_source(file)
    tree, connectors, refused = _model(source, plugs, requests, dialect)
    in_use = True if occupied else False if available else None
    try:
        view = Slots(tree)
        writer = SlotWriter(view, connectors, caches=caches)
        shown = _Output(view, writer, delimiter, as_json)
        if only_caches:
            shown.caches(in_use)
        elif names:
            shown.named(names, kind, in_use, source.shown)
        elif kind is None:
            shown.counts()
        else:
            shown.all(kind, in_use)
    except DlparError as error:
        raise InputError(f"{source.shown}: {error}") from None
    sys.exit(1 if refused else 0)


def _model(
    source: Source, plugs: tuple[str, ...], requests: tuple[str, ...], dialect: str
) -> tuple[DeviceTree, Mapping[int, Connector] | None, bool]:
    """The tree after all that is to be done first, and the firmware's connectors."""
    if not plugs and not requests:
        return source.tree, None, False
    dispatcher, firmware = machine(source.tree, dialect, "qemu", source.shown)
    plug(firmware, plugs)
    refused = False
    for text in requests:
        dispatcher.write(text.encode("utf-8", "surrogateescape"))
        outcome = dispatcher.last
        if outcome is not None and outcome.errno:
            refused = True
            reason = outcome.reason or words.errno_text(outcome.errno)
            line = f"{text}: {words.errno_name(outcome.errno)}: {reason}"
            click.echo(f"pydlpar: {words.visible(line, 'utf-8')}", err=True)
    return dispatcher.partition.tree, firmware.connectors, refused


class _Output:
    """Writes what was asked for, in the form that was asked for."""

    def __init__(
        self, view: Slots, writer: SlotWriter, delimiter: str | None, as_json: bool
    ) -> None:
        self._view = view
        self._writer = writer
        self._delimiter = delimiter
        self._as_json = as_json
        self._screen = Screen()

    def all(self, kind: SlotKind, in_use: bool | None) -> None:
        """The slots of one kind."""
        if self._as_json or self._delimiter is not None or in_use:
            self.slots(kind, self._view.of(kind, in_use=in_use))
        else:
            spans = self._view.spans(kind, self._writer.plugged())
            some = (span for span in spans if in_use in (None, span[0].in_use))
            self._table(self._writer.columns(kind), self._writer.rows(some))

    def slots(self, kind: SlotKind, found: Iterable[Slot]) -> None:
        """Slots of one kind, one by one."""
        if self._as_json:
            self._screen.write(json.dumps(self._writer.record(slot)) for slot in found)
        elif self._delimiter is not None:
            self._delimited(self._writer.lines(found))
        else:
            self._table(
                self._writer.columns(kind),
                self._writer.rows((slot, slot, 1) for slot in found),
            )

    def _delimited(self, lines: Iterator[list[str]]) -> None:
        join = (self._delimiter or "").join
        self._screen.write(join(map(self._screen.visible, cells)) for cells in lines)

    def _table(self, columns: list[Column], rows: Iterator[Row]) -> None:
        found = list(rows)
        self._screen.write(table_lines(self._screen, columns, found))
        if not found:
            click.echo("pydlpar: there are none", err=True)

    def named(
        self,
        names: tuple[str, ...],
        kind: SlotKind | None,
        in_use: bool | None,
        shown: str,
    ) -> None:
        """Single slots, those of each kind together.

        Raises:
            MissingError: a name means none.
        """
        by_kind: dict[SlotKind, list[Slot]] = {}
        for name in names:
            found = [
                slot
                for slot in self._view.search(name)
                if kind in (None, slot.kind) and in_use in (None, slot.in_use)
            ]
            if not found:
                what = "connector" if kind is None else f"connector of {kind.value}"
                raise MissingError(f"{shown}: no {what} {name!r}")
            for slot in found:
                by_kind.setdefault(slot.kind, []).append(slot)
        for number, (one, some) in enumerate(by_kind.items()):
            if number and not self._as_json and self._delimiter is None:
                self._screen.write([""])
            self.slots(one, some)

    def caches(self, in_use: bool | None) -> None:
        """The caches of the CPUs."""
        records = self._writer.caches(self._view.of(SlotKind.CPU, in_use=in_use))
        if self._as_json:
            self._screen.write(map(json.dumps, records))
            return
        lines = (
            [
                record["path"],
                f"L{record['level']}",
                "" if record["phandle"] is None else f"{record['phandle']:#x}",
                ", ".join(record["cpus"]),
            ]
            for record in records
        )
        if self._delimiter is not None:
            self._delimited(lines)
        else:
            self._table(list(_CACHE_COLUMNS), map(Row, lines))

    def counts(self) -> None:
        """How many connectors there are of each kind that there is."""
        rows: list[list[str]] = []
        records: list[dict[str, object]] = []
        waiting = Counter(slot.kind for slot in self._writer.plugged().values())
        for kind in SlotKind:
            count = self._view.count(kind)
            if not count.total:
                continue
            free = count.total - count.in_use - count.unknown
            numbers = (count.total, count.in_use, free, count.unknown, waiting[kind])
            names = ("total", "in_use", "free", "unknown", "plugged")
            rows.append([kind.value, *map(str, numbers[:3])])
            rows[-1] += [str(number or "") for number in numbers[3:]]
            records.append(
                {"type": "count", "kind": kind.value}
                | dict(zip(names, numbers, strict=True))
            )
        if self._as_json:
            self._screen.write(map(json.dumps, records))
        elif self._delimiter is not None:
            self._delimited(iter(rows))
        else:
            self._table(list(_COUNT_COLUMNS), map(Row, rows))

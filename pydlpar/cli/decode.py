"""`pydlpar decode`: RTAS events of any file, for people and for programs."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import click

from pydlpar.cli import decode_filter
from pydlpar.cli.decode_follow import LIVE, follow
from pydlpar.cli.decode_input import (
    Damage,
    Found,
    Input,
    Item,
    find_inputs,
    read_input,
)
from pydlpar.cli.decode_output import (
    ClassicWriter,
    JsonWriter,
    LineWriter,
    PageWriter,
    Writer,
)
from pydlpar.cli.inputs import STDIN
from pydlpar.cli.output import Screen
from pydlpar.cli.words import counted, visible

__all__ = ["decode"]

_PROGRESS_FROM = 8 << 20
_NAMED = 3
_HANG = "    "
# As a shell has it for a process that SIGINT has ended.
_INTERRUPTED = 130


@click.command(short_help="Show the RTAS events in files, logs and streams.")
@click.argument("paths", nargs=-1, metavar="[FILE|DIR|-]...")
@click.option(
    "-t",
    "--type",
    "types",
    multiple=True,
    metavar="TYPE",
    help="Only of this type: a name (hotplug, epow, platform_error ...) or a number.",
)
@click.option(
    "-s",
    "--severity",
    "severities",
    multiple=True,
    metavar="SEVERITY",
    help="Only of this severity: event, warning, error, fatal ...; or, of platform "
    "logs, recovered, predicted, unrecoverable ...",
)
@click.option(
    "--since",
    metavar="TIME",
    help="Only from this time on, by the platform's clock: 2026-01-02, or "
    "'2026-01-02 03:04:05'.",
)
@click.option("--until", metavar="TIME", help="Only up to this time; a day is whole.")
@click.option(
    "--section",
    "sections",
    multiple=True,
    metavar="ID",
    help="Only with this section, such as HP or PS.",
)
@click.option(
    "--refcode",
    "refcodes",
    multiple=True,
    metavar="GLOB",
    help="Only with such a reference code, as 'B1*'.",
)
@click.option(
    "--where",
    "conditions",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Only where a field has this value: drc-index=0x80000010, "
    "HP.resource=memory, 'location-code=U787*'. Several: all of them.",
)
@click.option("-v", "--verbose", is_flag=True, help="A page an event: every field.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@click.option("--ndjson", is_flag=True, help="One JSON object a line.")
@click.option("--arrow", metavar="FILE", help="Columns to a file of Apache Arrow.")
@click.option("--classic", is_flag=True, help="Text in the form of rtas_event_decode.")
@click.option(
    "-F",
    "--follow",
    "live",
    is_flag=True,
    help=f"Go on with what is added to FILE. Default: {LIVE}.",
)
def decode(
    paths: tuple[str, ...],
    types: tuple[str, ...],
    severities: tuple[str, ...],
    since: str | None,
    until: str | None,
    sections: tuple[str, ...],
    refcodes: tuple[str, ...],
    conditions: tuple[str, ...],
    verbose: bool,
    as_json: bool,
    ndjson: bool,
    arrow: str | None,
    classic: bool,
    live: bool,
) -> None:
    """Show the RTAS events in FILEs, in all files below DIRs, or in a stream.

    What a file holds is detected: events in binary, records of the kernel's
    error_log, platform event logs of OPAL or a BMC (PEL, eSEL), or text: any
    syslog, dmesg or journal, errpt, a hex dump; gzipped, too.

    \b
      pydlpar decode /var/log/messages
      pydlpar decode --since 2026-01-02 --refcode 'B1*' -v /var/log
      dmesg | pydlpar decode --type hotplug --where drc-index=0x80000010
      pydlpar decode --ndjson events.bin | jq .sections[0].type
      pydlpar decode --follow

    A filter that is given twice takes either; an event has to pass all filters.
    Damage and totals are told on standard error. An event with a damaged section
    is shown as far as it is sound.

    Exit status: 0 all read; 1 damage found, or a FILE that is neither text nor
    events; 2 bad usage, or a file that cannot be read; 130 interrupted.
    """
    if sum((verbose, as_json, ndjson, arrow is not None, classic)) > 1:
        raise click.UsageError(
            "--verbose, --json, --ndjson, --arrow and --classic exclude each other"
        )
    if live and (as_json or arrow is not None):
        raise click.UsageError("--follow has no end: use --ndjson")
    if live and (len(paths) > 1 or STDIN in paths):
        raise click.UsageError("--follow takes one FILE")
    tests = _tests(types, severities, since, until, sections, refcodes, conditions)
    if not paths and not live:
        if sys.stdin.isatty():
            raise click.UsageError("no FILE given ('-' is standard input)")
        paths = (STDIN,)
    inputs = [] if live else find_inputs(paths)
    several = len(inputs) > 1
    if arrow is not None:
        from pydlpar.cli.decode_arrow import ArrowWriter

        writer: Writer = ArrowWriter(arrow)
    elif as_json or ndjson:
        writer = JsonWriter(array=as_json)
    elif verbose:
        writer = PageWriter(Screen(), several)
    elif classic:
        writer = ClassicWriter(Screen(), several)
    else:
        writer = LineWriter(Screen(), several)
    report = _Report(writer, tests)
    if live:
        report.live(follow(paths[0] if paths else LIVE))
    else:
        with _progress(inputs) as advance:
            report.all(read_input(given, advance) for given in inputs)
    sys.exit(report.end(len(inputs)))


def _tests(
    types: tuple[str, ...],
    severities: tuple[str, ...],
    since: str | None,
    until: str | None,
    sections: tuple[str, ...],
    refcodes: tuple[str, ...],
    conditions: tuple[str, ...],
) -> list[decode_filter.Test]:
    tests = [decode_filter.where_test(text) for text in conditions]
    if types:
        tests.append(decode_filter.type_test(types))
    if severities:
        tests.append(decode_filter.severity_test(severities))
    if since or until:
        tests.append(decode_filter.time_test(since, until))
    if sections:
        tests.append(decode_filter.section_test(sections))
    if refcodes:
        tests.append(decode_filter.refcode_test(refcodes))
    return tests


@contextmanager
def _progress(inputs: list[Input]) -> Iterator[Callable[[int], object]]:
    """A bar on standard error, where somebody waits for it."""
    total = sum(given.size for given in inputs)
    # On a terminal the lines themselves show how far it is.
    if total < _PROGRESS_FROM or not sys.stderr.isatty() or sys.stdout.isatty():
        yield _no_progress
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    columns = BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("events", total=total)
        yield lambda size: progress.advance(task, size)


def _no_progress(_size: int) -> None:
    """Nobody waits."""


def _tell(text: str) -> None:
    """A line on standard error; on a terminal as many as it takes."""
    text = visible(text, "utf-8")
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns
        text = textwrap.fill(
            text, width, subsequent_indent=_HANG, break_on_hyphens=False
        )
    click.echo(text, err=True)


class _Report:
    """Passes on what was asked for, counts, and tells of damage."""

    def __init__(self, writer: Writer, tests: list[decode_filter.Test]) -> None:
        self._writer = writer
        self._tests = tests
        self._events = self._shown = self._damage = 0
        self._strange = self._closed = 0
        self._without: list[str] = []
        self._interrupted = False

    def take(self, items: Iterable[Item]) -> None:
        """All of one input."""
        for item in items:
            if isinstance(item, Found):
                self._events += 1
                if all(test(item.event) for test in self._tests):
                    self._shown += 1
                    self._writer.event(item)
            elif item is None:
                self._writer.flush()
            elif isinstance(item, Damage):
                self._writer.flush()
                self._closed += item.closed
                self._damage += not item.closed
                _tell(f"{item.file}: {item.text}")
            elif item.named:
                self._strange += not item.understood
                what = "no RTAS event in it"
                if not item.understood:
                    what = "neither RTAS events nor text"
                _tell(f"{item.file}: {what}")
            else:
                self._without.append(item.file)

    def all(self, inputs: Iterable[Iterable[Item]]) -> None:
        """All of all inputs, unless interrupted."""
        try:
            for items in inputs:
                self.take(items)
        except KeyboardInterrupt:
            self._interrupted = True

    def live(self, items: Iterable[Item]) -> None:
        """A stream, until it ends or is interrupted."""
        try:
            self.take(items)
        except KeyboardInterrupt:
            # What was asked for: the end, not a failure.
            self._writer.flush()

    def end(self, files: int) -> int:
        """The rest and the totals. Returns the exit status."""
        if self._interrupted:
            self._writer.flush()
            _tell("interrupted")
        else:
            self._writer.end()
        if self._without:
            names = ", ".join(self._without[:_NAMED])
            more = len(self._without) - _NAMED
            names += f" and {more} more" if more > 0 else ""
            _tell(f"no event in {counted(len(self._without), 'file')}: {names}")
        _tell(self._total(files))
        if self._interrupted:
            return _INTERRUPTED
        return 2 if self._closed else int(bool(self._damage or self._strange))

    def _total(self, files: int) -> str:
        line = counted(self._events, "event")
        if files > 1 and not self._interrupted:
            read = files - len(self._without) - self._closed
            line += f" in {counted(read, 'file')}"
        if self._shown != self._events:
            line += f", {self._shown} shown"
        if self._damage:
            line += f", damage in {counted(self._damage, 'place')}"
        if self._closed:
            line += f", {counted(self._closed, 'file')} not read"
        return line

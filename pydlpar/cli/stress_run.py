"""`pydlpar stress run`: mixed requests by the million, with random faults."""

from __future__ import annotations

import json
import sys
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from pydlpar import ArgumentError, DlparError
from pydlpar.cli.output import Screen
from pydlpar.cli.slots_table import Column, Row, table_lines
from pydlpar.cli.sources import InputError
from pydlpar.cli.stress import INTERRUPTED, machine_options, repeat_command, tree_maker
from pydlpar.cli.words import counted, size_text
from pydlpar.stress.plan import WEIGHTS
from pydlpar.stress.run import Plan, Report, Run, Unit

__all__ = ["run"]

_KIB = 1024


def _weights(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, float] | None:
    """`cpu=4,phb=0.1` as a mapping; None where nothing is given."""
    del context, parameter
    found: dict[str, float] = {}
    for pair in (part for value in values for part in value.split(",")):
        kind, equals, number = pair.partition("=")
        try:
            found[kind] = float(number) if equals else 1.0
        except ValueError:
            raise click.BadParameter(f"{pair!r}: expected KIND=NUMBER") from None
        if kind not in WEIGHTS:
            raise click.BadParameter(f"{kind!r}: expected one of {', '.join(WEIGHTS)}")
    return found or None


@click.command(
    short_help="Carry out mixed requests by the million, with random faults."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of everything.")
@click.option(
    "--count",
    type=click.IntRange(min=0),
    default=100_000,
    show_default=True,
    help="How many requests.",
)
@click.option(
    "--faults",
    type=click.FloatRange(0, 1),
    default=0.01,
    show_default=True,
    help="Share of the requests that meet a fault.",
)
@click.option(
    "--faults-per",
    type=click.Choice(["request", "call"]),
    default="request",
    show_default=True,
    help="What the share is one of: the requests, or all the calls that they make.",
)
@click.option(
    "--mix",
    multiple=True,
    callback=_weights,
    metavar="KIND=WEIGHT,...",
    help="What is asked for, and how often beside the others, instead of all of: "
    + ", ".join(WEIGHTS)
    + ".",
)
@click.option(
    "--check-every",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Requests from one check of the rules to the next.",
)
@machine_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def run(
    seed: int,
    count: int,
    faults: float,
    faults_per: Unit,
    mix: dict[str, float] | None,
    check_every: int,
    dialect: str,
    profile: str,
    tree: str | None,
    as_json: bool,
) -> None:
    """Carry out mixed requests, with random faults, and check the rules.

    The same seed gives the same requests and faults. At the first rule that does not
    hold the run ends, and the command that repeats it is shown. Ctrl-C ends it too.

    \b
      pydlpar stress run
      pydlpar stress run --count 1000000 --seed 7 --profile qemu
      pydlpar stress run --mix cpu=4,plug --dialect 4.10 --faults 0.05
      pydlpar stress run --tree machine.dtb --json

    Exit status: 0 all rules held, 1 one was broken, 2 bad input, 130 interrupted.
    """
    plan = Plan(seed, mix, dialect, profile, tree_maker(tree))
    try:
        under_way = Run(
            plan, count, faults=faults, per=faults_per, check_every=check_every
        )
    except ArgumentError as error:
        raise InputError(str(error)) from None
    except DlparError as error:
        raise InputError(f"{tree or 'the embedded tree'}: {error}") from None
    interrupted = not _watch(under_way, count)
    report = under_way.report
    weights = None if mix is None else ",".join(f"{k}={v:g}" for k, v in mix.items())
    command = repeat_command(
        "run",
        {
            "--seed": seed,
            "--count": count,
            "--faults": f"{faults:g}",
            "--faults-per": faults_per,
            "--mix": weights,
            "--check-every": check_every,
            "--dialect": dialect,
            "--profile": profile,
            "--tree": tree,
        },
    )
    if as_json:
        record = _record(report, interrupted, command)
        click.echo(json.dumps(record))
    else:
        _show(report, interrupted, command)
    sys.exit(1 if report.violation else INTERRUPTED if interrupted else 0)


def _watch(under_way: Run, count: int) -> bool:
    """Go on to the end, with progress on a terminal; False where interrupted."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:,.0f}/s"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("requests", total=count, rate=0)
        try:
            for report in under_way:
                progress.update(task, completed=report.requests, rate=report.rate)
        except KeyboardInterrupt:
            return False
    return True


def _record(report: Report, interrupted: bool, command: str) -> dict[str, Any]:
    return {
        "type": "stress-run",
        **report.to_dict(),
        "interrupted": interrupted,
        "command": command,
    }


def _show(report: Report, interrupted: bool, command: str) -> None:
    screen = Screen()
    columns = [
        Column("Kind"),
        Column("Requests", numbers=True),
        Column("Carried out", numbers=True),
        Column("Refused", numbers=True),
    ]
    rows = [
        Row([kind, f"{total:,}", f"{total - failed:,}", f"{failed:,}"])
        for kind, (total, failed) in report.kinds.items()
    ]
    if rows:
        screen.write([*table_lines(screen, columns, rows), ""])
    results = sorted(report.outcomes.items(), key=lambda pair: -pair[1])
    shown = ", ".join(f"{name} {number:,}" for name, number in results)
    grown = "" if report.grown is None else f", memory {_growth(report.grown)}"
    lines = [
        (f"Results: {shown or 'none'}", ""),
        (
            f"{counted(report.requests, 'request')} of Linux {report.dialect} on "
            f"{report.profile} firmware, seed {report.seed}, in {report.seconds:.1f} s "
            f"({report.rate:,.0f} a second){grown}",
            "",
        ),
        (
            f"{counted(report.calls, 'call')}, {counted(report.faults, 'fault')}, "
            f"{counted(report.checks, 'check')} of the rules, "
            f"{counted(report.mended, 'leftover')} mended",
            "",
        ),
    ]
    if report.violation is not None:
        lines += [("A rule was broken:", "bold red"), (str(report.violation), "red")]
        lines += [("To repeat it:", "bold"), (f"  {command}", "")]
    elif interrupted:
        lines.append(("Interrupted; all rules held until then", "bold yellow"))
    else:
        lines.append(("All rules held", "bold green"))
    screen.write_styled(lines)


def _growth(size: int) -> str:
    return f"{'+' if size >= 0 else '-'}{size_text(abs(size) // _KIB * _KIB)}"

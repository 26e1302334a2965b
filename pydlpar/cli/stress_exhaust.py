"""`pydlpar stress exhaust`: every call of a request failed in turn, in every way."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

import click
from rich.console import Console
from rich.progress import Progress

from pydlpar import DeviceTree, DlparError, RequestError, parse_request
from pydlpar.cli.output import Screen
from pydlpar.cli.slots_table import Column, Row, table_lines
from pydlpar.cli.sources import InputError
from pydlpar.cli.stress import INTERRUPTED, machine_options, repeat_command, tree_maker
from pydlpar.cli.words import counted, errno_name
from pydlpar.platforms.faults import Fault, faults_of
from pydlpar.request import HotplugRequest
from pydlpar.stress.cases import cases
from pydlpar.stress.exhaust import Summary, Trial
from pydlpar.stress.exhaust import exhaust as exhaust_request
from pydlpar.stress.machine import Machine, make_machine

__all__ = ["exhaust"]

_BUSY_LIMIT = 8


class _Subject(NamedTuple):
    """A request and what makes the machine that it is for; None is the interrupt."""

    name: str
    request: HotplugRequest | None
    setup: Callable[[], Machine]


def _one_of_each_kind(method: str) -> Iterable[Fault]:
    return {fault.kind: fault for fault in faults_of(method)}.values()


@click.command(short_help="Fail every call of requests in turn, in every way.")
@click.argument("requests", nargs=-1, metavar="[REQUEST]...")
@click.option(
    "--faults",
    type=click.Choice(["all", "kinds"]),
    default="all",
    show_default=True,
    help="Every fault that a call can have, or one of each kind.",
)
@click.option(
    "--pairs",
    is_flag=True,
    help="Each two faults as well, the second in what follows the first. Takes long.",
)
@click.option("--seed", type=int, default=0, help="Where damaged data is damaged.")
@machine_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def exhaust(
    requests: tuple[str, ...],
    faults: str,
    pairs: bool,
    seed: int,
    dialect: str,
    profile: str,
    tree: str | None,
    as_json: bool,
) -> None:
    """Fail every call of each REQUEST in turn, in every way, and check the rules.

    A REQUEST is what is written to /sys/kernel/dlpar, or the name of a case; without
    one, all cases are tried: every resource of the kernel line, and the interrupt. They
    are for a small machine that is made for them, requests for the machine of --tree
    with a core or an LMB behind each connector.

    \b
      pydlpar stress exhaust
      pydlpar stress exhaust "cpu add index 0x10000004" --pairs --faults kinds
      pydlpar stress exhaust --tree machine.dtb "memory remove count 2"

    Exit status: 0 all rules held, 1 one was broken, 2 bad input, 130 interrupted.
    """
    subjects = _subjects(requests, dialect, profile, tree)
    choose = faults_of if faults == "all" else _one_of_each_kind
    summaries: list[tuple[str, Summary]] = []
    interrupted = False
    try:
        for subject, trials in _all_trials(subjects, choose, pairs, seed):
            summaries.append((subject.name, Summary()))
            for trial in trials:
                summaries[-1][1].add(trial)
    except KeyboardInterrupt:
        interrupted = True
    except DlparError as error:
        raise InputError(f"{tree or 'the machine'}: {error}") from None
    command = partial(
        _command, faults, pairs, seed, dialect=dialect, profile=profile, tree=tree
    )
    if as_json:
        _write_json(summaries, interrupted, command)
    else:
        _show(summaries, interrupted, command)
    broken = any(summary.failed for _, summary in summaries)
    sys.exit(1 if broken else INTERRUPTED if interrupted else 0)


def _subjects(
    requests: tuple[str, ...], dialect: str, profile: str, tree: str | None
) -> list[_Subject]:
    known = {
        case.name: _Subject(
            case.name, case.request, partial(case.machine, dialect, profile)
        )
        for case in cases(dialect)
    }
    if not requests and tree is None:
        return [*known.values()]
    if not requests:
        raise InputError(
            "--tree: the cases are for a machine of their own; say REQUEST"
        )
    make = tree_maker(tree)
    found = []
    for text in requests:
        if make is None and text in known:
            found.append(known[text])
            continue
        try:
            request = parse_request(text, dialect)
        except RequestError as error:
            raise InputError(f"{text}: {error}") from None
        found.append(_Subject(text, request, partial(_machine, make, dialect, profile)))
    return found


def _machine(
    make: Callable[[], DeviceTree] | None, dialect: str, profile: str
) -> Machine:
    return make_machine(
        None if make is None else make(),
        dialect=dialect,
        profile=profile,
        max_busy=_BUSY_LIMIT,
    )


def _all_trials(
    subjects: list[_Subject],
    choose: Callable[[str], Iterable[Fault]],
    pairs: bool,
    seed: int,
) -> Iterator[tuple[_Subject, Iterator[Trial]]]:
    """The trials of each request, with progress on a terminal."""
    console = Console(stderr=True)
    with Progress(
        console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("requests", total=len(subjects))
        for subject in subjects:
            progress.update(task, description=subject.name)
            yield (
                subject,
                exhaust_request(
                    subject.setup,
                    subject.request,
                    pairs=pairs,
                    places=(seed,),
                    choose=choose,
                ),
            )
            progress.advance(task)


def _command(
    faults: str,
    pairs: bool,
    seed: int,
    name: str,
    *,
    dialect: str,
    profile: str,
    tree: str | None,
) -> str:
    return repeat_command(
        "exhaust",
        {
            "": name,
            "--faults": faults,
            "--pairs": pairs,
            "--seed": seed,
            "--dialect": dialect,
            "--profile": profile,
            "--tree": tree,
        },
    )


def _write_json(
    summaries: list[tuple[str, Summary]],
    interrupted: bool,
    command: Callable[[str], str],
) -> None:
    for name, summary in summaries:
        record = {
            "type": "exhaust",
            "request": name,
            "trials": summary.trials,
            "faults": summary.faults,
            "methods": summary.methods,
            "errnos": {
                errno_name(n) if n else "ok": v for n, v in summary.errnos.items()
            },
            "failed": [trial.to_dict() for trial in summary.failed],
            "command": command(name),
        }
        click.echo(json.dumps(record))
    record = {
        "type": "summary",
        "requests": len(summaries),
        "trials": sum(summary.trials for _, summary in summaries),
        "faults": sum(summary.faults for _, summary in summaries),
        "failed": sum(len(summary.failed) for _, summary in summaries),
        "interrupted": interrupted,
    }
    click.echo(json.dumps(record))


def _show(
    summaries: list[tuple[str, Summary]],
    interrupted: bool,
    command: Callable[[str], str],
) -> None:
    screen = Screen()
    columns = [
        Column("Request"),
        Column("Trials", numbers=True),
        Column("Borne", numbers=True),
        Column("Errors", numbers=True),
        Column("Broken", numbers=True),
    ]
    rows = []
    for name, summary in summaries:
        borne = summary.errnos.get(0, 0)
        numbers = (summary.trials, borne, summary.trials - borne, len(summary.failed))
        cells = [name, *(f"{number:,}" for number in numbers)]
        rows.append(Row(cells, "red" if summary.failed else ""))
    screen.write([*table_lines(screen, columns, rows), ""])
    trials = sum(summary.trials for _, summary in summaries)
    faults = sum(summary.faults for _, summary in summaries)
    lines = [(f"{counted(trials, 'trial')} with {counted(faults, 'fault')}", "")]
    failed = [
        (name, summary.failed[0]) for name, summary in summaries if summary.failed
    ]
    if failed:
        name, trial = failed[0]
        lines += [("A rule was broken:", "bold red"), (str(trial), "red")]
        lines += [("To repeat it:", "bold"), (f"  {command(name)}", "")]
    elif interrupted:
        lines.append(("Interrupted; all rules held until then", "bold yellow"))
    else:
        lines.append(("All rules held", "bold green"))
    screen.write_styled(lines)

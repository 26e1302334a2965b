"""`pydlpar compare`: the same steps on the model and on the real thing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from pydlpar import ArgumentError, PlatformError
from pydlpar.cli.guest_options import cache_option
from pydlpar.cli.machine_options import against_option, machine_of, machine_options
from pydlpar.cli.output import Screen, write_file
from pydlpar.cli.sources import InputError, read_bytes, read_requests, read_tree
from pydlpar.cli.words import counted
from pydlpar.compare.explained import EXPLAINED, LEFT_OUT
from pydlpar.compare.guest_side import GUEST_VERBS
from pydlpar.compare.lockstep import Comparison
from pydlpar.compare.lockstep import compare as compare_pair
from pydlpar.compare.random_steps import MIXES, random_steps
from pydlpar.compare.saved import SavedPlan, run_plan, shrink_plan
from pydlpar.compare.sides import ModelSide
from pydlpar.compare.steps import Step

__all__ = ["compare"]

_STEPS = 200
_SHOWN = 10
_REASONS = {rule.name: rule.reason for rule in (*LEFT_OUT, *EXPLAINED)}


@click.command(short_help="Hold the model against QEMU, a guest or another profile.")
@click.argument("requests", nargs=-1, metavar="[REQUEST]...")
@against_option("qemu", "What the model is compared with. Default: qemu.")
@click.option(
    "-f",
    "--file",
    "path",
    metavar="FILE",
    help="A saved plan, with its machine; or requests, one a line ('-': from stdin).",
)
@click.option("--seed", type=int, help="Make the steps up from this number.")
@click.option(
    "--steps",
    "count",
    type=click.IntRange(1),
    default=_STEPS,
    show_default=True,
    help="How many steps a seed makes.",
)
@click.option(
    "--mix",
    type=click.Choice(MIXES),
    help="What a seed's steps are about. Default: cores; of a guest: guest.",
)
@click.option(
    "--other",
    metavar="NAME",
    help="Against a model, its profile (lopar); against a guest, its Linux (6.12).",
)
@click.option(
    "--tree", metavar="FILE", help="Device tree, to compare two models of it."
)
@cache_option
@machine_options
@click.option(
    "--shrink/--no-shrink",
    default=True,
    help="Look for the shortest plan that shows the first difference.",
)
@click.option(
    "--trials",
    type=click.IntRange(1),
    default=200,
    show_default=True,
    help="How many shorter plans may be tried.",
)
@click.option("-o", "--output", metavar="FILE", help="Save the plan that shows it.")
@click.option("--json", "as_json", is_flag=True, help="The report as one JSON object.")
def compare(
    requests: tuple[str, ...],
    against: str,
    path: str | None,
    seed: int | None,
    count: int,
    mix: str | None,
    other: str | None,
    tree: str | None,
    cache: Path | None,
    shrink: bool,
    trials: int,
    output: str | None,
    as_json: bool,
    **machine: Any,
) -> None:
    """Do the same steps on the model and on the real thing, and compare.

    \b
      pydlpar compare "cpu remove index 0x10000001" "cpu add index 0x10000001"
      pydlpar compare --seed 1 --steps 1000 --mix dimms -o difference.json
      pydlpar compare --against guest --seed 7
      pydlpar compare -f difference.json

    Compared are the status of every call, event bytes, results, calls, events for
    the management, and the whole device tree. The first difference that no rule
    explains is shrunk to the shortest plan that shows it.

    Exit status: 0 equal, 1 there is an unexplained difference, 2 bad input, or the
    real thing cannot be started.
    """
    if sum((bool(requests), path is not None, seed is not None)) != 1:
        raise InputError("expected one of REQUEST..., --file and --seed")
    try:
        plan = SavedPlan([], against, machine_of(**machine), other)
        if tree is not None:
            plan.tree = read_tree(tree)
        if path is not None:
            plan = _read(path, plan)
        if cache is not None and plan.against != "guest":
            raise InputError(f"--cache: kernels are of a guest, not of {plan.against}")
        plan.cache = cache
        plan.steps += [_written(text) for text in requests]
        source = _source(plan, seed, count, mix)
        found = _run(plan, source)
    except (ArgumentError, PlatformError) as error:
        raise InputError(str(error)) from None
    plan.steps = found.steps
    unexplained = found.unexplained
    if unexplained and shrink:
        plan.steps = shrink_plan(plan.opener(), found.steps, unexplained[0], trials)
    if unexplained and output:
        again = (
            run_plan(plan.opener(), plan.steps).unexplained if shrink else unexplained
        )
        plan.differences = [difference.to_dict() for difference in again]
        write_file(output, plan.to_json().encode())
    if as_json:
        record = found.to_dict() | {"plan": [step.to_dict() for step in plan.steps]}
        click.echo(json.dumps({"against": plan.against, **record}))
    else:
        screen = Screen()
        saved = output if unexplained else None
        screen.write_styled(_lines(plan, found, shrink, saved))
    sys.exit(1 if unexplained else 0)


def _read(path: str, plan: SavedPlan) -> SavedPlan:
    """The plan of a file; or its requests, on the machine of the options."""
    if path != "-" and read_bytes(path).lstrip().startswith(b"{"):
        return SavedPlan.from_json(read_bytes(path))
    plan.steps = [Step.make("write", data=step.data) for step in read_requests(path)]
    return plan


def _written(text: str) -> Step:
    return Step.make("write", data=text.encode("utf-8", "surrogateescape"))


def _source(
    plan: SavedPlan, seed: int | None, count: int, mix: str | None
) -> Iterable[Step] | Callable[[ModelSide], Iterable[Step]]:
    is_guest = plan.against == "guest"
    if seed is not None:
        mix = mix or ("guest" if is_guest else "cores")
        if is_guest and mix not in ("guest", "requests"):
            raise InputError(f"--mix {mix}: a guest makes its RTAS calls itself")
        return random_steps(seed, mix, count)
    if is_guest:
        for number, step in enumerate(plan.steps, 1):
            if step.verb not in GUEST_VERBS:
                raise InputError(f"step {number}, {step}: cannot be done to a guest")
    return plan.steps


def _run(
    plan: SavedPlan, source: Iterable[Step] | Callable[[ModelSide], Iterable[Step]]
) -> Comparison:
    pair = plan.opener()()
    try:
        return compare_pair(pair, source)
    finally:
        pair.close()


def _lines(
    plan: SavedPlan, found: Comparison, shrunk: bool, saved: str | None
) -> Iterable[tuple[str, str]]:
    """The report."""
    unexplained = found.unexplained
    for difference in unexplained[:_SHOWN]:
        yield f"step {difference.number}, {difference.step}: {difference.aspect}", "red"
        for name in ("model", "real"):
            first, *rest = getattr(difference, name).splitlines() or [""]
            yield f"  {name:5}  {first}", ""
            yield from ((f"         {line}", "") for line in rest)
    if len(unexplained) > _SHOWN:
        yield f"and {len(unexplained) - _SHOWN} more", ""
    if unexplained and shrunk:
        yield (
            f"shortest plan that shows the first: {counted(len(plan.steps), 'step')}",
            "bold",
        )
        yield from ((f"  {step}", "") for step in plan.steps)
    if saved:
        yield f"saved: pydlpar compare -f {saved}", ""
    for name, reason in _REASONS.items():
        number = found.left_out[name] + sum(
            d.explained == name for d in found.differences
        )
        if number:
            yield f"{counted(number, 'time')} {name}: {reason}", "dim"
    result = (
        counted(len(unexplained), "unexplained difference") if unexplained else "equal"
    )
    steps, single = (
        counted(len(found.steps), "step"),
        counted(found.n_compared, "comparison"),
    )
    yield (
        f"{steps}, {single} with {plan.against}: {result}",
        ("bold red" if unexplained else "bold green"),
    )

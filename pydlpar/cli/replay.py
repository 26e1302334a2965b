"""`pydlpar replay`: a transcript of a machine, played against the model."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from pydlpar import ArgumentError, DlparError
from pydlpar.cli.output import Screen
from pydlpar.cli.sources import InputError
from pydlpar.cli.types import LINES, RELEASE
from pydlpar.cli.words import counted
from pydlpar.compare.replay import Replayed
from pydlpar.compare.replay import replay as replay_transcript
from pydlpar.compare.transcript import Transcript

__all__ = ["replay"]

_WIDEST = 60
_LONGEST = 400


@click.command(short_help="Play a transcript of a guest against the model.")
@click.argument("folder", metavar="TRANSCRIPT")
@click.option(
    "--dialect",
    type=RELEASE,
    help=f"Linux line to follow: {LINES}. Default: what the transcript says, or 5.16.",
)
@click.option(
    "--quiet", "-q", is_flag=True, help="Only steps that differ, and the sum."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def replay(folder: str, dialect: str | None, quiet: bool, as_json: bool) -> None:
    """Play a TRANSCRIPT against the model, and say for each step what differs.

    A TRANSCRIPT is a folder that `pydlpar capture` wrote, or its transcript.json.

    \b
      pydlpar replay bug-report
      pydlpar replay bug-report --dialect 6.12 --json

    Exit status: 0 all steps are equal, 1 one differs, 2 bad input.
    """
    screen = Screen()
    different = steps = compared = 0
    try:
        for found in replay_transcript(Transcript.read(folder), dialect):
            steps += 1
            compared += found.compared
            different += bool(found.differences)
            if as_json:
                click.echo(json.dumps(_record(found)))
            elif found.differences or not quiet:
                screen.write_styled(_lines(found))
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}") from None
    except (ArgumentError, DlparError) as error:
        raise InputError(str(error)) from None
    if not as_json:
        result = f"{different} different" if different else "all equal"
        single = counted(compared, "comparison")
        text = f"{counted(steps, 'step')}, {single}: {result}"
        style = "bold red" if different else "bold green"
        screen.write_styled([(text, style)])
    sys.exit(1 if different else 0)


def _lines(found: Replayed) -> list[tuple[str, str]]:
    state = "different" if found.differences else "equal"
    what = f"{found.step['kind']} {found.step['what']}".splitlines()[0]
    if len(what) > _WIDEST:
        what = what[: _WIDEST - 3] + "..."
    style = "red" if found.differences else ""
    lines = [(f"{found.number:4}  {what:{_WIDEST}}  {state}", style)]
    for aspect, wanted, came in found.differences:
        lines.append((f"      {aspect}", ""))
        lines.append((f"        transcript  {_short(wanted)}", ""))
        lines.append((f"        model       {_short(came)}", ""))
    return lines


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def _record(found: Replayed) -> dict[str, Any]:
    return {
        "step": found.number,
        "kind": found.step["kind"],
        "what": found.step["what"],
        "compared": found.compared,
        "differences": [
            {"aspect": aspect, "transcript": wanted, "model": came}
            for aspect, wanted, came in found.differences
        ],
    }

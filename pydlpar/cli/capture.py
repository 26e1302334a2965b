"""`pydlpar capture`: do steps, and write down everything that comes of them."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from pydlpar import ArgumentError, PlatformError
from pydlpar.cli.guest_options import cache_option
from pydlpar.cli.machine_options import machine_of, machine_options
from pydlpar.cli.output import Screen
from pydlpar.cli.sources import InputError, read_bytes, read_tree
from pydlpar.cli.words import counted
from pydlpar.compare.capture import (
    GuestRecorder,
    ModelRecorder,
    Recorder,
    parse_line,
    trace_options,
)
from pydlpar.compare.machines import MachineSpec, dialect_of, start_guest

__all__ = ["capture"]

_LINE = "6.12"


@click.command(short_help="Write a transcript of a guest, or of the model.")
@click.argument("folder", metavar="FOLDER")
@click.argument("steps", nargs=-1, metavar="[STEP]...")
@click.option(
    "--of",
    "origin",
    type=click.Choice(["guest", "model"]),
    default="guest",
    show_default=True,
    help="Whose transcript.",
)
@click.option("-f", "--file", "path", metavar="FILE", help="Steps, one a line.")
@click.option("--linux", "line", default=_LINE, show_default=True, help="Of the guest.")
@cache_option
@click.option("--tree", metavar="FILE", help="Of the model, at its start.")
@machine_options
@click.option("--json", "as_json", is_flag=True, help="Each step as a JSON line.")
def capture(
    folder: str,
    steps: tuple[str, ...],
    origin: str,
    path: str | None,
    line: str,
    cache: Path | None,
    tree: str | None,
    as_json: bool,
    **machine: Any,
) -> None:
    """Do STEPs on a guest or the model, and write a transcript into FOLDER.

    A STEP is `dlpar TEXT` or `ofdt TEXT` (a write; \\n, \\0, \\xNN are escapes),
    `qmp COMMAND {ARGUMENTS}`, or `sh COMMAND` (in a guest only).

    \b
      pydlpar capture bug "dlpar cpu remove index 0x10000001" "sh lparstat"
      pydlpar capture bug -f steps.txt --linux 6.1
      pydlpar capture bug --of model "dlpar memory add count 2"

    The folder can be attached to a bug report; `pydlpar replay` plays it.

    Exit status: 0 done, whatever the steps were answered; 2 bad input, or the guest
    did not start or died: what there was until then is written.
    """
    lines = [*(_lines_of(path) if path else []), *steps]
    if not lines:
        raise InputError("nothing to do: give STEPs or --file (see --help)")
    screen = Screen()
    try:
        parsed = [parse_line(text) for text in lines]
        spec = machine_of(**machine)
        with _recorder(origin, spec, folder, line, cache, tree) as recorder:
            for kind, what, arguments in parsed:
                step = recorder.do(kind, what, arguments)
                if as_json:
                    click.echo(json.dumps(step))
                else:
                    screen.write_styled([(f"{kind} {what}: {_result(step)}", "")])
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}") from None
    except (ArgumentError, PlatformError) as error:
        raise InputError(str(error)) from None
    if not as_json:
        done = counted(len(recorder.transcript.steps), "step")
        screen.write_styled([(f"{done} in {folder}", "bold")])
    sys.exit(0)


def _lines_of(path: str) -> list[str]:
    """The steps of a file; blank lines and `#` comments are skipped."""
    lines = read_bytes(path).decode("utf-8", "surrogateescape").splitlines()
    return [text for text in lines if text.strip() and text.lstrip()[0] != "#"]


def _result(step: dict[str, Any]) -> str:
    result = step["result"]
    text = result if isinstance(result, str) else json.dumps(result)
    return text.rstrip("\n").replace("\n", "\n    ")


@contextmanager
def _recorder(
    origin: str,
    spec: MachineSpec,
    folder: str,
    line: str,
    cache: Path | None,
    tree: str | None,
) -> Iterator[Recorder]:
    """The machine, running, and its recorder."""
    if origin == "model":
        config = {"of": "model", "dialect": spec.dialect, "profile": spec.profile}
        with ModelRecorder(read_tree(tree), folder, config) as recorder:
            yield recorder
        return
    with tempfile.TemporaryDirectory(prefix="pydlpar-") as private:
        trace = Path(private, "trace")
        options = trace_options(trace)
        with start_guest(spec, line, cache, options=options) as guest:
            config = {"of": "guest", "release": guest.release, **spec.size()}
            config["dialect"] = dialect_of(line)
            with GuestRecorder(guest, folder, config, trace) as recorder:
                yield recorder

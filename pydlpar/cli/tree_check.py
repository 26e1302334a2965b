"""`pydlpar tree check`: whether trees are well formed, and make sense."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import click

from pydlpar import (
    ArgumentError,
    DeviceTree,
    Finding,
    Severity,
    TreeError,
    lint,
)
from pydlpar.cli.output import Screen
from pydlpar.cli.sources import (
    STDIN,
    InputError,
    compile_tree,
    is_directory,
    is_text,
    read_blob,
    read_source,
    shown_path,
)
from pydlpar.cli.words import code_name, counted
from pydlpar.lint import RULES

__all__ = ["check"]

_LIMIT = 1000
_BAD_INPUT = 2
_STYLES = {
    Severity.ERROR: "bold red",
    Severity.WARNING: "yellow",
    Severity.NOTE: "dim",
}


class Verdict(NamedTuple):
    """What is to be said of one file.

    Attributes:
        file: as messages name it.
        error: why it is no tree at all; None where it is one.
        nodes: how many it has.
        findings: what is wrong with what it says, up to the limit.
        more: whether there are more than that.
    """

    file: str
    error: TreeError | None
    nodes: int
    findings: list[Finding]
    more: bool

    def is_bad(self, strict: bool) -> bool:
        """Whether the answer is no."""
        bad = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
        return self.error is not None or any(
            one.severity in bad for one in self.findings
        )

    def record(self) -> dict[str, Any]:
        """It as a JSON object."""
        error = self.error and {
            "code": self.error.code,
            "name": code_name(self.error.code),
            "offset": self.error.offset,
            "message": str(self.error),
        }
        return {
            "type": "check",
            "file": self.file,
            "valid": self.error is None,
            "error": error,
            "nodes": self.nodes,
            "findings": [finding._asdict() for finding in self.findings],
            "more": self.more,
        }

    def lines(self, screen: Screen) -> Iterator[str]:
        """It as lines, the last one a summary."""
        head = screen.visible(self.file)
        if self.error is not None:
            word = screen.paint("error", _STYLES[Severity.ERROR])
            yield f"{head}: {word}: {self.error} [{code_name(self.error.code)}]"
            return
        for one in self.findings:
            word = screen.paint(one.severity.value, _STYLES[one.severity])
            rest = screen.visible(str(one).removeprefix(one.severity.value))
            yield f"{head}: {word}{rest}"
        yield f"{head}: {self._summary()}"

    def _summary(self) -> str:
        count = Counter(one.severity for one in self.findings)
        parts = [counted(count[one], one.value) for one in Severity if count[one]]
        more = " and more (--limit 0 shows all)" if self.more else ""
        return (
            f"{counted(self.nodes, 'node')}, {', '.join(parts) or 'no findings'}{more}"
        )


def _judge(
    path: str, lenient: bool, only: tuple[str, ...], skip: tuple[str, ...], limit: int
) -> Verdict:
    """Read one file and apply the rules to it.

    Raises:
        InputError: it cannot be read.
    """
    shown = shown_path(path)
    if is_directory(path):
        tree = read_source(path).tree
    else:
        data, packed = read_blob(path)
        try:
            if is_text(path, data):
                tree = compile_tree(path, data, packed=packed)
            else:
                tree = DeviceTree.from_dtb(data, lenient=lenient)
        except TreeError as error:
            return Verdict(shown, error, 0, [], False)
    found = lint(tree, only=only, skip=skip, limit=limit + 1 if limit else 0)
    more = 0 < limit < len(found)
    return Verdict(shown, None, len(tree), found[:limit] if more else found, more)


def _list_rules(screen: Screen) -> None:
    width = max(map(len, RULES))
    screen.write(
        f"{screen.paint(f'{rule.severity.value:7}', _STYLES[rule.severity])}  "
        f"{name:{width}}  {rule.summary}"
        for name, rule in RULES.items()
    )


@click.command(short_help="Say what is wrong with trees.")
@click.argument("files", nargs=-1, metavar="FILE...")
@click.option("--strict", is_flag=True, help="Warnings too make the exit status 1.")
@click.option("--notes", is_flag=True, help="Also tell what is usual in firmware.")
@click.option("--only", multiple=True, metavar="RULE", help="Apply this rule (repeat).")
@click.option("--skip", multiple=True, metavar="RULE", help="Do not apply it (repeat).")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=_LIMIT,
    show_default=True,
    help="Most findings to tell of a file; 0 is all.",
)
@click.option(
    "--lenient", is_flag=True, help="Accept a structure block beyond its stated size."
)
@click.option("--rules", is_flag=True, help="List the rules.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file.")
def check(
    files: tuple[str, ...],
    strict: bool,
    notes: bool,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    limit: int,
    lenient: bool,
    rules: bool,
    as_json: bool,
) -> None:
    """Check that FILEs are well-formed trees, and that what they say makes sense.

    \b
      pydlpar tree check machine.dtb
      pydlpar tree check *.dtb --strict --skip unit_address_format
      pydlpar tree check @pseries --notes --json
      pydlpar tree check --rules

    A malformed blob is told with the byte where it is wrong and the error's name;
    findings with node, property and rule. The rules have the names of dtc's checks
    where dtc makes the same one.

    Exit status: 0 all is well, 1 a file is malformed or has errors, 2 one cannot be
    read.
    """
    screen = Screen()
    if rules:
        _list_rules(screen)
        return
    if not files:
        raise click.UsageError("give FILEs, or --rules")
    if files.count(STDIN) > 1:
        raise InputError("'-' can be read only once")
    if not notes and not only:
        skip += tuple(
            name for name, rule in RULES.items() if rule.severity is Severity.NOTE
        )
    status = 0
    for path in files:
        try:
            verdict = _judge(path, lenient, only, skip, limit)
        except InputError as error:
            error.show()
            status = _BAD_INPUT
            continue
        except ArgumentError as error:
            raise click.UsageError(f"{error}; see --rules") from None
        if as_json:
            click.echo(json.dumps(verdict.record()))
        else:
            screen.write(verdict.lines(screen))
        if verdict.is_bad(strict):
            status = max(status, 1)
    sys.exit(status)

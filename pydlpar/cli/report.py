"""What the command shows: a line a request, traces, totals, the changed tree."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import click
from rich.console import Console
from rich.text import Text

from pydlpar.change_text import change_lines
from pydlpar.changes import Change, Diff
from pydlpar.cli import words
from pydlpar.cli.lmbs import is_lmb_table, row_lines
from pydlpar.cli.sources import Step
from pydlpar.dispatch import Outcome
from pydlpar.tree import DeviceTree

__all__ = ["JsonReport", "Report", "TextReport", "diff_lines", "diff_record"]

_WIDEST = 48
_DIFF_STYLES = {"+": "green", "-": "red", "~": "yellow", "@": "cyan"}


class Report(Protocol):
    """What happens to be told, in the order in which it happens."""

    def outcome(self, step: Step, outcome: Outcome) -> None:
        """A request was carried out or refused."""

    def diff(self, old: DeviceTree, new: DeviceTree) -> None:
        """What changed in the tree."""

    def end(self, left: int, output: str | None) -> None:
        """All is over: *left* requests were not tried; where the tree went."""


def request_text(step: Step, outcome: Outcome) -> str:
    """The request in canonical form, or as it was given where it has none."""
    if outcome.request is not None:
        return str(outcome.request)
    return step.data.decode("utf-8", "backslashreplace").rstrip("\n")


def diff_lines(changes: Iterable[Change], old: DeviceTree) -> Iterator[tuple[str, str]]:
    """Changes as lines of a diff with their styles; LMB tables as rows."""
    for change in changes:
        if is_lmb_table(change):
            lines = row_lines(change, old)
        else:
            lines = change_lines([change])
        for line in lines:
            yield line, _DIFF_STYLES.get(line[:1], "")


def diff_record(diff: Diff) -> dict[str, Any]:
    """A difference as a JSON object: `Diff.from_dict()` reads it."""
    return {"type": "diff", **diff.to_dict()}


class _Totals:
    def __init__(self) -> None:
        self.count: Counter[str] = Counter()

    def add(self, outcome: Outcome) -> None:
        """Count one request."""
        kind = "refused" if outcome.errno else "done" if outcome.handled else "left"
        self.count[kind] += 1
        self.count["calls"] += words.rtas_calls(outcome)
        for change in outcome.changes:
            self.count[change[0]] += 1

    def record(self) -> dict[str, int]:
        """The totals by name."""
        names = ("done", "refused", "left", "calls", "add", "remove", "set")
        return {name: self.count[name] for name in names}


class TextReport:
    """For people: colours where the terminal has them, one line a request."""

    def __init__(self, console: Console, width: int, *, trace: bool) -> None:
        self._console = console
        utf = console.encoding.lower().startswith("utf")
        self._done, self._refused = "✓✗" if utf else "+x"
        self._width = min(width, _WIDEST)
        self._trace = trace
        self._totals = _Totals()

    def outcome(self, step: Step, outcome: Outcome) -> None:
        """One line: mark, request, result, and why or what."""
        self._totals.add(outcome)
        text = words.visible(request_text(step, outcome), self._console.encoding)
        line = Text()
        if outcome.errno:
            result = words.errno_name(outcome.errno)
            line.append(f"{self._refused} ", "bold red").append(
                text.ljust(self._width), "bold"
            )
            line.append(f"  {result:<8}", "bold red")
            why = outcome.reason or words.errno_text(outcome.errno)
            line.append(f"{words.errno_text(outcome.errno)}: {why}" if why else "")
        elif not outcome.handled:
            line.append("- ", "bold yellow").append(text.ljust(self._width), "bold")
            line.append(f"  {'left':<8}", "bold yellow").append(outcome.reason)
        else:
            line.append(f"{self._done} ", "bold green").append(
                text.ljust(self._width), "bold"
            )
            line.append(f"  {'ok':<8}", "green").append(words.effect_text(outcome))
        if outcome.errno and step.origin:
            line.append(f"  [{step.origin}]", "dim")
        self._print(line)
        if self._trace:
            for call in outcome.calls:
                style = "dim" if call.status == 0 else "yellow"
                self._print(Text(f"    {words.call_text(call)}", style))

    def _print(self, line: Text) -> None:
        self._console.print(line, soft_wrap=True, highlight=False)

    def diff(self, old: DeviceTree, new: DeviceTree) -> None:
        """The changed part of the tree, `-` what was, `+` what is."""
        for line, style in diff_lines(old.diff(new), old):
            self._print(Text(line, style))

    def end(self, left: int, output: str | None) -> None:
        """Totals."""
        count = self._totals.count
        total = count["done"] + count["refused"] + count["left"] + left
        parts = [f"{count['done']} carried out"]
        if count["refused"]:
            parts.append(f"{count['refused']} refused")
        if count["left"]:
            parts.append(f"{count['left']} left alone")
        if left:
            parts.append(f"{left} not tried (--keep-going tries all)")
        tree = [
            f"{words.counted(count[kind], thing)} {done}"
            for kind, thing, done in (
                ("add", "node", "added"),
                ("remove", "node", "removed"),
                ("set", "property", "changed"),
            )
            if count[kind]
        ]
        line = Text(f"{words.counted(total, 'request')}: ", "bold")
        line.append(", ".join(parts))
        line.append(f"; {words.counted(count['calls'], 'RTAS call')}; tree: ")
        line.append(", ".join(tree) or "unchanged")
        self._print(line)
        if output:
            self._print(Text(f"tree written to {output}", "dim"))


class JsonReport:
    """For programs: one JSON object a line, the last one a summary."""

    def __init__(self, *, trace: bool) -> None:
        self._trace = trace
        self._totals = _Totals()

    def _emit(self, record: dict[str, Any]) -> None:
        click.echo(json.dumps(record))

    def outcome(self, step: Step, outcome: Outcome) -> None:
        """A `request` object."""
        self._totals.add(outcome)
        text = request_text(step, outcome)
        self._emit(words.as_record(outcome, text, step.origin, trace=self._trace))

    def diff(self, old: DeviceTree, new: DeviceTree) -> None:
        """A `diff` object."""
        self._emit(diff_record(old.diff(new)))

    def end(self, left: int, output: str | None) -> None:
        """A `summary` object."""
        self._emit(
            {
                "type": "summary",
                **self._totals.record(),
                "not_tried": left,
                "output": output,
            }
        )

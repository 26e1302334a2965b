"""What a rule of the lint is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from typing import NamedTuple

from pydlpar.checks.view import NodeView, TreeView

__all__ = ["Finding", "Rule", "Severity", "rule"]

Found = tuple[str | None, str]
"""Property that is wrong, or None where it is the node; and what is wrong."""

Check = Callable[[NodeView, TreeView], Iterator[Found]]


class Severity(str, Enum):
    """How bad it is."""

    ERROR = "error"
    """Readers will disagree about it, or not read it at all."""
    WARNING = "warning"
    """Against the specification, and some reader may trip."""
    NOTE = "note"
    """Against the specification, but usual in firmware."""


class Finding(NamedTuple):
    """One thing that is wrong with a tree.

    Attributes:
        rule: name of the rule; that of dtc's check where dtc has the same.
        severity: how bad it is.
        path: of the node.
        property: its property, or None where it is the node itself.
        message: what is wrong, and what was expected.
    """

    rule: str
    severity: Severity
    path: str
    property: str | None
    message: str

    def __str__(self) -> str:
        where = self.path if self.property is None else f"{self.path}: {self.property}"
        return f"{self.severity.value}: {where}: {self.message} [{self.rule}]"


class Rule(NamedTuple):
    """A check that is made of every node.

    Attributes:
        name: of the function that makes it.
        severity: of all its findings.
        summary: what it wants, in one line.
        check: yields a property (or None) and a message for all that is wrong.
    """

    name: str
    severity: Severity
    summary: str
    check: Check


def rule(severity: Severity) -> Callable[[Check], Rule]:
    """Make a function a rule, with its name and the first line of its docstring."""

    def wrap(check: Check) -> Rule:
        summary = (check.__doc__ or "").partition("\n")[0]
        return Rule(check.__name__, severity, summary, check)

    return wrap

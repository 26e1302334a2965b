"""`lint()`: what is wrong with a device tree that can be read.

A blob that `DeviceTree.from_dtb()` accepts is well formed; these rules are about what
it says. They have the names of dtc's checks where dtc makes the same check, and follow
the Devicetree Specification 0.4 and, for what hotplug on IBM Power reads, LoPAR 2.9.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydlpar.checks import addresses, buses, names, power, references, values
from pydlpar.checks.rule import Finding, Rule, Severity
from pydlpar.checks.view import TreeView
from pydlpar.errors import ArgumentError

if TYPE_CHECKING:
    from pydlpar.tree import DeviceTree

__all__ = ["RULES", "Finding", "Rule", "Severity", "lint"]

RULES = MappingProxyType(
    {
        rule.name: rule
        for module in (names, values, addresses, buses, references, power)
        for rule in module.RULES
    }
)
"""All rules by name, in the order in which they are applied to a node."""


def _chosen(only: Iterable[str], skip: Iterable[str]) -> list[Rule]:
    wanted, unwanted = list(only), list(skip)
    for name in (*wanted, *unwanted):
        if name not in RULES:
            raise ArgumentError(f"rule {name!r}: expected one of pydlpar.lint.RULES")
    return [
        rule
        for name, rule in RULES.items()
        if name not in unwanted and (not wanted or name in wanted)
    ]


def _findings(tree: DeviceTree, rules: list[Rule]) -> Iterator[Finding]:
    view = TreeView(tree)
    for node in view.nodes:
        for rule in rules:
            for name, message in rule.check(node, view):
                yield Finding(rule.name, rule.severity, node.path, name, message)


def lint(
    tree: DeviceTree,
    *,
    only: Iterable[str] = (),
    skip: Iterable[str] = (),
    limit: int = 0,
) -> list[Finding]:
    """What is wrong with what a tree says, node by node in tree order.

    Args:
        tree: it is not changed.
        only: names of the rules to apply; none stands for all of `RULES`.
        skip: names of rules not to apply.
        limit: stop after that many findings; 0 is no limit. A tree that wants to can
            have as many findings as it has properties.

    Nodes below depth 62, which Linux does not read, are not looked at; the rule
    `node_depth` says where there are any.

    Raises:
        ArgumentError: no such rule, or a negative limit.
    """
    if limit < 0:
        raise ArgumentError(f"limit {limit}: expected a number of findings, or 0")
    found = _findings(tree, _chosen(only, skip))
    return list(islice(found, limit) if limit else found)

"""Rules about names of nodes and properties, and about depth."""

from __future__ import annotations

import string
from collections.abc import Iterator

from pydlpar.checks.rule import Found, Severity, rule
from pydlpar.checks.view import MAX_DEPTH, NodeView, TreeView

__all__ = ["RULES"]

_NODE_CHARS = frozenset(string.ascii_letters + string.digits + ",._+-")
_PROPERTY_CHARS = _NODE_CHARS | frozenset("?#")
_LONGEST = 31


def _odd(name: str, allowed: frozenset[str]) -> str | None:
    """The first character not allowed, as it can be shown; None when all are."""
    if allowed.issuperset(name):
        return None
    for char in name:
        if char not in allowed:
            if "\udc80" <= char <= "\udcff":
                return f"byte {ord(char) - 0xDC00:#04x}, which is not UTF-8"
            return f"character {char!r}"
    return None


@rule(Severity.ERROR)
def duplicate_node_names(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """Children of a node have different names."""
    if node.twin is not None:
        yield None, "a node of this name stands before; look-ups find that one"


@rule(Severity.ERROR)
def duplicate_property_names(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """Properties of a node have different names."""
    if len(node.pairs) == len(node.values):
        return
    seen: set[str] = set()
    for name, _ in node.pairs:
        if name in seen:
            yield name, "a property of this name stands before; that one counts"
        seen.add(name)


@rule(Severity.ERROR)
def node_name_chars(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """Node names have letters, digits and ,._+- (DTSpec 2.2.1)."""
    odd = _odd(node.base, _NODE_CHARS)
    if odd is None and node.unit:
        odd = _odd(node.unit.replace("@", ""), _NODE_CHARS)
    if odd is not None:
        yield None, f"{odd} in the name, expected letters, digits and ,._+-"


@rule(Severity.ERROR)
def property_name_chars(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """Property names have letters, digits and ,._+?#- (DTSpec 2.2.4.1)."""
    for name in node.values:
        odd = _odd(name, _PROPERTY_CHARS)
        if odd is not None:
            yield name, f"{odd} in the name, expected letters, digits and ,._+?#-"


@rule(Severity.ERROR)
def node_name_format(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """A node name is `name` or `name@unit-address`."""
    if node.unit is not None and "@" in node.unit:
        yield None, "several '@' in the name, expected name@unit-address"
    elif node.unit == "":
        yield None, "no unit address behind '@'"
    elif node.parent is not None and not node.base:
        yield None, "no name before '@'"


@rule(Severity.NOTE)
def node_name_length(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """A node name has at most 31 characters before the unit address."""
    if len(node.base) > _LONGEST:
        yield None, f"a name of {len(node.base)} characters, expected up to {_LONGEST}"


@rule(Severity.NOTE)
def property_name_length(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """A property name has at most 31 characters."""
    for name in node.values:
        if len(name) > _LONGEST:
            yield name, f"a name of {len(name)} characters, expected up to {_LONGEST}"


@rule(Severity.WARNING)
def node_name_vs_property_name(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """A node is not named like a property beside it: a directory cannot hold both."""
    if node.parent is not None and node.name in node.parent.values:
        yield None, "its parent has a property of the same name"


@rule(Severity.ERROR)
def name_properties(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """Property `name` is the node's name without the unit address."""
    value = node.values.get("name")
    if node.parent is None or value is None:
        return
    expected = node.base.encode("utf-8", "surrogateescape") + b"\0"
    if value != expected:
        yield "name", f"{value!r}, expected {expected!r}"


@rule(Severity.WARNING)
def node_depth(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """No node is deeper than Linux reads; those below are not looked at."""
    if node.ignored:
        yield (
            None,
            f"{node.ignored} nodes below depth {MAX_DEPTH}, which Linux does not read",
        )


RULES = (
    duplicate_node_names,
    duplicate_property_names,
    node_name_chars,
    property_name_chars,
    node_name_format,
    node_name_length,
    property_name_length,
    node_name_vs_property_name,
    name_properties,
    node_depth,
)

"""Rules about values that have one meaning everywhere: text, cells, phandles, paths."""

from __future__ import annotations

import string
from collections.abc import Iterator

from pydlpar.checks.rule import Found, Rule, Severity, rule
from pydlpar.checks.view import (
    CELL,
    PHANDLE_NAMES,
    NodeView,
    TreeView,
    is_phandle,
)

__all__ = ["RULES"]

_ALIAS_CHARS = frozenset(string.ascii_lowercase + string.digits + "-")
_STATUS = ("okay", "ok", "disabled", "reserved", "fail")
_REQUIRED = ("#address-cells", "#size-cells", "compatible", "model")
_SHOWN = 40


def _not_string(value: bytes) -> str | None:
    if not value:
        return "empty, expected a string"
    if value[-1]:
        return "no NUL at its end, expected a string"
    if 0 in value[:-1]:
        return f"a NUL at byte {value.index(0)}, expected one string"
    return None


def _string_rule(name: str) -> Rule:
    def check(node: NodeView, _tree: TreeView) -> Iterator[Found]:
        value = node.values.get(name)
        wrong = None if value is None else _not_string(value)
        if wrong:
            yield name, wrong

    summary = f"Property `{name}` is one string."
    named = f"{name.replace('-', '_')}_is_string"
    return Rule(named, Severity.WARNING, summary, check)


def _cell_rule(name: str) -> Rule:
    def check(node: NodeView, _tree: TreeView) -> Iterator[Found]:
        value = node.values.get(name)
        if value is not None and len(value) != CELL:
            yield name, f"{len(value)} bytes, expected one cell of 4"

    summary = f"Property `{name}` is one cell."
    named = f"{name[1:].replace('-', '_')}_is_cell"
    return Rule(named, Severity.WARNING, summary, check)


_CELL_NAMES = ("#address-cells", "#size-cells", "#interrupt-cells")


@rule(Severity.WARNING)
def cells_is_cell(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """Any other property `#...-cells` is one cell."""
    for name, value in node.values.items():
        if name in _CELL_NAMES or not name.startswith("#"):
            continue
        if name.endswith("-cells") and len(value) != CELL:
            yield name, f"{len(value)} bytes, expected one cell of 4"


@rule(Severity.WARNING)
def compatible_is_string_list(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """Property `compatible` is a list of strings."""
    value = node.values.get("compatible")
    if value is None:
        return
    if not value:
        yield "compatible", "empty, expected strings"
    elif value[-1]:
        yield "compatible", "no NUL at its end, expected strings"


@rule(Severity.WARNING)
def names_is_string_list(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """Properties `...-names` are lists of strings."""
    for name, value in node.values.items():
        if name.endswith("-names") and value and value[-1]:
            yield name, "no NUL at its end, expected strings"


@rule(Severity.WARNING)
def status_value(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """Property `status` is one of those of DTSpec 2.3.4."""
    value = node.values.get("status", b"")
    if value and _not_string(value) is None:
        text = value[:-1].decode("ascii", "backslashreplace")
        if text not in _STATUS and not text.startswith("fail-"):
            yield "status", f"{text!r}, expected okay, disabled, reserved or fail"


@rule(Severity.ERROR)
def explicit_phandles(node: NodeView, tree: TreeView) -> Iterator[Found]:
    """A phandle is one cell, not 0 or -1, the same under all its names, and unique."""
    seen: int | None = None
    for name in PHANDLE_NAMES:
        value = node.values.get(name)
        if value is None:
            continue
        number = node.number(name)
        if number is None:
            yield name, f"{len(value)} bytes, expected one cell of 4"
        elif not is_phandle(number):
            yield name, f"{number:#x} is no phandle"
        elif seen is not None:
            if number != seen:
                yield name, f"{number:#x}, but {seen:#x} under another name"
        else:
            seen = number
            first = tree.phandles[number]
            if first is not node:
                yield name, f"{number:#x} is the phandle of {first.path} too"


@rule(Severity.WARNING)
def alias_paths(node: NodeView, tree: TreeView) -> Iterator[Found]:
    """Aliases are paths of nodes, under names of lower-case letters, digits and -."""
    if node.depth != 1 or node.name != "aliases":
        return
    for name, value in node.values.items():
        if name in ("name", *PHANDLE_NAMES):
            continue
        if _not_string(value):
            yield name, "not a string, expected the path of a node"
            continue
        path = value[:-1].decode("utf-8", "surrogateescape")
        if not path.startswith("/") or tree.find(path) is None:
            yield name, f"{path[:_SHOWN]!r} is not the path of a node"
        if not _ALIAS_CHARS.issuperset(name):
            yield name, "expected a name of lower-case letters, digits and -"


@rule(Severity.WARNING)
def chosen_node_is_root(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """A node `chosen` stands below the root."""
    if node.name == "chosen" and node.depth != 1:
        yield None, "expected below the root"


def _chosen_string(node: NodeView, names: tuple[str, ...]) -> Iterator[Found]:
    if node.name == "chosen":
        for name in names:
            value = node.values.get(name)
            wrong = None if value is None else _not_string(value)
            if wrong:
                yield name, wrong


@rule(Severity.WARNING)
def chosen_node_bootargs(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """Property `bootargs` of /chosen is one string."""
    yield from _chosen_string(node, ("bootargs",))


@rule(Severity.WARNING)
def chosen_node_stdout_path(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """Property `stdout-path` of /chosen is one string."""
    yield from _chosen_string(node, ("stdout-path", "linux,stdout-path"))


@rule(Severity.WARNING)
def obsolete_chosen_interrupt_controller(
    node: NodeView, _tree: TreeView
) -> Iterator[Found]:
    """/chosen has no property `interrupt-controller`."""
    name = "interrupt-controller"
    if node.name == "chosen" and node.depth == 1 and name in node.values:
        yield name, "obsolete: interrupt-parent says it"


@rule(Severity.NOTE)
def root_required(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """The root has the properties that DTSpec 3.2 requires."""
    if node.parent is None:
        for name in _REQUIRED:
            if name not in node.values:
                yield name, "missing in the root"


RULES = (
    _string_rule("device_type"),
    _string_rule("model"),
    _string_rule("status"),
    _string_rule("label"),
    compatible_is_string_list,
    names_is_string_list,
    status_value,
    *(_cell_rule(name) for name in _CELL_NAMES),
    cells_is_cell,
    explicit_phandles,
    alias_paths,
    chosen_node_is_root,
    chosen_node_bootargs,
    chosen_node_stdout_path,
    obsolete_chosen_interrupt_controller,
    root_required,
)

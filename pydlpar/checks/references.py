"""Rules about what refers to other nodes: phandles with arguments, interrupts."""

from __future__ import annotations

from collections.abc import Iterator

from pydlpar.checks.rule import Found, Rule, Severity, rule
from pydlpar.checks.view import CELL, NodeView, TreeView, is_phandle
from pydlpar.references import OPTIONAL_SPECIFIERS, SPECIFIERS

__all__ = ["RULES"]

_LISTS = {name: cells for name, cells in SPECIFIERS.items() if cells != "#gpio-cells"}
"""Properties of phandles with arguments, but for those of GPIOs: theirs are many."""

_PLAIN = (
    "cpu-handle",
    "interrupt-parent",
    "l2-cache",
    "memory-region",
    "next-level-cache",
    "operating-points-v2",
    "phy-handle",
    "remote-endpoint",
)
"""Properties of phandles and nothing else."""


def _arguments(
    node: NodeView, tree: TreeView, name: str, cells_name: str
) -> Iterator[Found]:
    value = node.values[name]
    if len(value) % CELL:
        yield name, f"{len(value)} bytes, expected cells of 4"
        return
    cells, at = node.cells(name), 0
    while at < len(cells):
        phandle = cells[at]
        if not is_phandle(phandle):
            at += 1
            continue
        target = tree.phandles.get(phandle)
        if target is None:
            yield name, f"no node has phandle {phandle:#x} (cell {at})"
            return
        count = target.number(cells_name)
        if count is None:
            if cells_name not in OPTIONAL_SPECIFIERS:
                yield name, f"{target.path} (cell {at}) has no {cells_name} of one cell"
                return
            count = 0
        if count > len(cells) - at - 1:
            yield (
                name,
                f"{len(cells) - at - 1} cells behind cell {at}, but {target.path} has "
                f"{cells_name} {count}",
            )
            return
        at += 1 + count


def _list_rule(name: str) -> Rule:
    cells_name = _LISTS[name]

    def check(node: NodeView, tree: TreeView) -> Iterator[Found]:
        if name in node.values:
            yield from _arguments(node, tree, name, cells_name)

    summary = f"`{name}` is of phandles, each with as many cells as {cells_name} says."
    named = f"{name.replace('-', '_')}_property"
    return Rule(named, Severity.WARNING, summary, check)


@rule(Severity.WARNING)
def gpios_property(node: NodeView, tree: TreeView) -> Iterator[Found]:
    """`...-gpio(s)` is of phandles, each with as many cells as #gpio-cells says."""
    for name in node.values:
        if name.endswith(",nr-gpios"):
            continue
        if name.endswith(("-gpios", "-gpio")) or name in ("gpios", "gpio"):
            yield from _arguments(node, tree, name, "#gpio-cells")


@rule(Severity.WARNING)
def phandle_exists(node: NodeView, tree: TreeView) -> Iterator[Found]:
    """`interrupt-parent`, `l2-cache` and their like name nodes that are there."""
    for name in _PLAIN:
        value = node.values.get(name)
        if value is None:
            continue
        if not value or len(value) % CELL:
            yield name, f"{len(value)} bytes, expected cells of 4"
            continue
        for cell in node.cells(name):
            if tree.is_overlay and not is_phandle(cell):
                continue  # to be filled in where it is applied
            if cell not in tree.phandles:
                yield name, f"no node has phandle {cell:#x}"


def _is_provider(node: NodeView) -> bool:
    return bool({"interrupt-controller", "interrupt-map"} & node.values.keys())


def _interrupt_parent(node: NodeView, tree: TreeView) -> NodeView | str:
    """Where a node's interrupts go, as DTSpec 2.4 says; or what is wrong."""
    at: NodeView | None = node
    while at is not None:
        if at is not node and _is_provider(at):
            return at
        phandle = at.number("interrupt-parent")
        if phandle is not None:
            found = tree.phandles.get(phandle)
            return found or f"interrupt-parent {phandle:#x} is no node"
        at = at.parent
    return "no interrupt-parent here or above"


@rule(Severity.WARNING)
def interrupts_property(node: NodeView, tree: TreeView) -> Iterator[Found]:
    """`interrupts` has as many cells each as the interrupt parent says."""
    value = node.values.get("interrupts")
    if value is None:
        return
    if len(value) % CELL:
        yield "interrupts", f"{len(value)} bytes, expected cells of 4"
        return
    parent = _interrupt_parent(node, tree)
    if isinstance(parent, str):
        if tree.is_overlay:
            return
        yield "interrupts", parent
        return
    count = parent.number("#interrupt-cells")
    if count is None:
        yield "interrupts", f"its parent {parent.path} has no #interrupt-cells"
    elif not count or len(value) % (count * CELL):
        yield (
            "interrupts",
            f"{len(value)} bytes, expected a multiple of {count * CELL} "
            f"(#interrupt-cells of {parent.path})",
        )


@rule(Severity.WARNING)
def interrupt_provider(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """A node has #interrupt-cells if and only if it provides interrupts."""
    has_cells = "#interrupt-cells" in node.values
    if _is_provider(node) and not has_cells:
        yield None, "provides interrupts, but has no #interrupt-cells"
    elif has_cells and not _is_provider(node):
        yield (
            "#interrupt-cells",
            "but neither interrupt-controller nor interrupt-map here",
        )


@rule(Severity.WARNING)
def interrupt_map(node: NodeView, tree: TreeView) -> Iterator[Found]:
    """`interrupt-map` has whole rows, whose parents exist, and a mask of one."""
    if "interrupt-map" not in node.values:
        return
    addresses, interrupts = (
        node.number(name) for name in ("#address-cells", "#interrupt-cells")
    )
    if addresses is None or interrupts is None:
        yield "interrupt-map", "the node has no #address-cells or no #interrupt-cells"
        return
    child = addresses + interrupts
    mask = node.values.get("interrupt-map-mask")
    if mask is not None and len(mask) != child * CELL:
        yield "interrupt-map-mask", f"{len(mask)} bytes, expected {child * CELL}"
    if len(node.values["interrupt-map"]) % CELL:
        yield "interrupt-map", "expected cells of 4 bytes"
        return
    cells, at = node.cells("interrupt-map"), 0
    while at < len(cells):
        if child >= len(cells) - at:
            yield "interrupt-map", f"ends within the row at cell {at}"
            return
        parent = tree.phandles.get(cells[at + child])
        if parent is None:
            yield "interrupt-map", f"no node has phandle {cells[at + child]:#x}"
            return
        width = parent.number("#interrupt-cells")
        if width is None:
            yield "interrupt-map", f"{parent.path} has no #interrupt-cells"
            return
        # Not the default of two: an interrupt parent without #address-cells has none.
        row = child + 1 + width + (parent.number("#address-cells") or 0)
        if row > len(cells) - at:
            yield "interrupt-map", f"ends within the row at cell {at}"
            return
        at += row


RULES = (
    *(_list_rule(name) for name in _LISTS),
    gpios_property,
    phandle_exists,
    interrupts_property,
    interrupt_provider,
    interrupt_map,
)

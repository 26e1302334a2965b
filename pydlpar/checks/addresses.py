"""Rules about `reg`, `ranges` and unit addresses."""

from __future__ import annotations

import string
from collections.abc import Iterator

from pydlpar.checks.rule import Found, Severity, rule
from pydlpar.checks.view import CELL, NodeView, TreeView

__all__ = ["RULES"]

_HEX = frozenset(string.hexdigits)
_TWO_CELLS = 2


@rule(Severity.WARNING)
def reg_format(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """Property `reg` is a number of (address, size) by the #cells of the parent."""
    value = node.values.get("reg")
    if value is None:
        return
    if node.parent is None:
        yield "reg", "the root has no address"
        return
    above = node.parent
    if above.is_target:
        return
    size = (above.address_cells + above.size_cells) * CELL
    if not value:
        yield "reg", "empty, expected an address"
    elif not size or len(value) % size:
        yield (
            "reg",
            f"{len(value)} bytes, expected a multiple of {size} "
            f"(#address-cells {above.address_cells}, #size-cells {above.size_cells})",
        )


def _ranges(node: NodeView, name: str) -> Iterator[Found]:
    value = node.values.get(name)
    if value is None:
        return
    above = node.parent
    if above is None:
        yield name, "the root has nothing to translate to"
        return
    if above.is_target:
        return
    if not value:
        for what, own, outer in (
            ("#address-cells", node.address_cells, above.address_cells),
            ("#size-cells", node.size_cells, above.size_cells),
        ):
            if own != outer:
                yield name, f"empty, but {what} {own} differs from the parent's {outer}"
        return
    size = (above.address_cells + node.address_cells + node.size_cells) * CELL
    if not size or len(value) % size:
        yield (
            name,
            f"{len(value)} bytes, expected a multiple of {size} (#address-cells "
            f"{node.address_cells}, the parent's {above.address_cells}, "
            f"#size-cells {node.size_cells})",
        )


@rule(Severity.WARNING)
def ranges_format(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """Property `ranges` is empty, or of triples by the #cells of node and parent."""
    yield from _ranges(node, "ranges")


@rule(Severity.WARNING)
def dma_ranges_format(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """Property `dma-ranges` is empty, or of triples as `ranges`."""
    yield from _ranges(node, "dma-ranges")


def _has_address(node: NodeView) -> bool:
    return "reg" in node.values or bool(node.values.get("ranges"))


@rule(Severity.WARNING)
def unit_address_vs_reg(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """A node has a unit address if and only if it has `reg` or `ranges`."""
    if any(child.name == "__overlay__" for child in node.children):
        return
    if _has_address(node):
        if not node.unit:
            yield None, "has reg or ranges, but no unit address"
    elif node.unit:
        yield None, "has a unit address, but neither reg nor ranges"


def _on_known_bus(node: NodeView) -> bool:
    above = node.parent
    return above is not None and (
        b"simple-bus" in above.strings("compatible")
        or above.values.get("device_type") == b"pci\0"
    )


@rule(Severity.WARNING)
def unit_address_format(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """A unit address has no 0x and no leading zeros."""
    unit = node.unit
    if not unit or _on_known_bus(node):
        return
    if unit.startswith("0x"):
        yield None, "a unit address with 0x, expected digits only"
    elif unit[0] == "0" and unit[1:2] and unit[1] in _HEX:
        yield None, "a unit address with leading zeros"


@rule(Severity.WARNING)
def unit_address_mismatch(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """A unit address is the first address of `reg` (buses of one or two cells)."""
    unit, address = node.unit, node.first_address
    if not unit or address is None or node.parent is None or _on_known_bus(node):
        return
    if (
        node.parent.is_target
        or node.parent.address_cells > _TWO_CELLS
        or not _HEX.issuperset(unit)
    ):
        return
    if int(unit, 16) != address:
        yield "reg", f"begins at {address:#x}, but the unit address is {unit}"


@rule(Severity.WARNING)
def avoid_default_addr_size(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """The parent of a node with `reg` or `ranges` has #address-cells, #size-cells."""
    above = node.parent
    if above is None or above.is_target or not {"reg", "ranges"} & node.values.keys():
        return
    for name in ("#address-cells", "#size-cells"):
        if name not in above.values:
            yield None, f"relies on a default: its parent has no {name}"


@rule(Severity.WARNING)
def avoid_unnecessary_addr_size(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """A node whose children have no addresses has no #address-cells, #size-cells."""
    own = node.values
    if node.parent is None or not node.children or own.get("ranges") is not None:
        return
    if "#address-cells" not in own or "#size-cells" not in own or "dma-ranges" in own:
        return
    if not any({"reg", "ranges"} & child.values.keys() for child in node.children):
        yield None, "#address-cells and #size-cells, but no child has an address"


@rule(Severity.WARNING)
def unique_unit_address(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """Children of a bus have different unit addresses."""
    above, first = node.parent, node.same_unit
    if above is None or first is None or first.name == node.name:
        return
    if {"#address-cells", "#size-cells"} <= above.values.keys():
        yield None, f"the unit address of {first.name} too"


RULES = (
    reg_format,
    ranges_format,
    dma_ranges_format,
    unit_address_vs_reg,
    unit_address_format,
    unit_address_mismatch,
    avoid_default_addr_size,
    avoid_unnecessary_addr_size,
    unique_unit_address,
)

"""Rules about what hotplug on IBM Power reads: connectors, LMBs, associativity.

Source: LoPAR 2.9, "Dynamic Reconfiguration"; arch/powerpc/platforms/pseries of Linux.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydlpar.checks.rule import Found, Severity, rule
from pydlpar.checks.view import CELL, NodeView, TreeView
from pydlpar.drmem import LmbTable
from pydlpar.errors import DlparError
from pydlpar.lookup import LookupArrays

__all__ = ["RULES"]

_CELL_ARRAYS = ("ibm,drc-indexes", "ibm,drc-power-domains")
_STRING_ARRAYS = ("ibm,drc-names", "ibm,drc-types")
_INDEX = "ibm,my-drc-index"
_TABLES = ("ibm,dynamic-memory", "ibm,dynamic-memory-v2")
_MEMORY_NODE = "ibm,dynamic-reconfiguration-memory"
_LMB_SIZE_LEN = 8


def _entries(node: NodeView, name: str) -> tuple[int, int] | str:
    """Number of entries stated and there, in an array of connectors; or what is wrong.

    A string array is a cell with the number, then that many strings.
    """
    value = node.values[name]
    if len(value) < CELL:
        return f"{len(value)} bytes, expected a number of entries"
    stated = int.from_bytes(value[:CELL], "big")
    if name in _CELL_ARRAYS:
        if len(value) % CELL:
            return f"{len(value)} bytes, expected cells of 4"
        return stated, len(value) // CELL - 1
    if len(value) > CELL and value[-1]:
        return "no NUL at its end, expected strings"
    return stated, value.count(0, CELL)


@rule(Severity.ERROR)
def drc_arrays(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """`ibm,drc-indexes`, -names, -types, -power-domains are there and equally long."""
    names = [*_CELL_ARRAYS, *_STRING_ARRAYS]
    present = [name for name in names if name in node.values]
    if not present:
        return
    for name in names:
        if name not in present:
            yield name, f"missing beside {present[0]}"
    counts = {}
    for name in present:
        entries = _entries(node, name)
        if isinstance(entries, str):
            yield name, entries
            continue
        stated, there = entries
        if stated != there:
            yield name, f"{there} entries, but its first cell says {stated}"
        counts[name] = there
    for name, count in counts.items():
        first = next(iter(counts))
        if count != counts[first]:
            yield name, f"{count} entries, but {first} has {counts[first]}"


@rule(Severity.ERROR)
def drc_indexes_unique(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """`ibm,drc-indexes` has every index once."""
    indexes = node.cells("ibm,drc-indexes")[1:]
    if len(indexes) != len(set(indexes)):
        seen: set[int] = set()
        for index in indexes:
            if index in seen:
                yield "ibm,drc-indexes", f"{index:#010x} stands twice"
                return
            seen.add(index)


@rule(Severity.ERROR)
def my_drc_index_unique(node: NodeView, tree: TreeView) -> Iterator[Found]:
    """`ibm,my-drc-index` is one cell, of one node only."""
    value = node.values.get(_INDEX)
    if value is None:
        return
    index = node.number(_INDEX)
    if index is None:
        yield _INDEX, f"{len(value)} bytes, expected one cell of 4"
        return
    first = tree.my_drc_indexes[index]
    if first is not node:
        yield _INDEX, f"{index:#010x} is the index of {first.path} too"


@rule(Severity.WARNING)
def my_drc_index_known(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """`ibm,my-drc-index` stands in `ibm,drc-indexes` of the parent, if it has one."""
    index = node.number(_INDEX)
    if index is None or node.parent is None:
        return
    above = node.parent
    if "ibm,drc-indexes" in above.values and index not in above.drc_indexes:
        yield _INDEX, f"{index:#010x} is not in ibm,drc-indexes of the parent"


def _lmb_size(node: NodeView) -> int | None:
    value = node.values.get("ibm,lmb-size", b"")
    return int.from_bytes(value, "big") if len(value) == _LMB_SIZE_LEN else None


@rule(Severity.ERROR)
def lmb_table(node: NodeView, tree: TreeView) -> Iterator[Found]:
    """`ibm,dynamic-memory` (-v2) can be read, and has every DRC index once."""
    present = [name for name in _TABLES if name in node.values]
    if not present or node.depth != 1 or node.name != _MEMORY_NODE:
        return
    size = _lmb_size(node)
    if size is None:
        yield "ibm,lmb-size", f"expected {_LMB_SIZE_LEN} bytes beside {present[0]}"
        return
    for name in present:
        old, new = (node.values[name] if name == one else None for one in _TABLES)
        cells = tree.nodes[0].address_cells
        try:
            table = LmbTable.from_properties(old, new, size, cells)
        except DlparError as error:
            yield name, str(error)
            continue
        # Index 0 is that of memory without a connector.
        indexes = [index for index in table.columns().drc_index if index]
        if len(indexes) != len(set(indexes)):
            yield name, "a DRC index stands twice"


@rule(Severity.WARNING)
def associativity(node: NodeView, _tree: TreeView) -> Iterator[Found]:
    """`ibm,associativity` is a number of cells, and the look-up arrays can be read."""
    value = node.values.get("ibm,associativity")
    if value is not None:
        cells = node.cells("ibm,associativity")
        if not cells or len(value) % CELL or cells[0] != len(cells) - 1:
            yield "ibm,associativity", f"{len(value)} bytes, expected a number of cells"
    arrays = node.values.get("ibm,associativity-lookup-arrays")
    if arrays is not None:
        try:
            LookupArrays(arrays)
        except DlparError as error:
            yield "ibm,associativity-lookup-arrays", str(error)


RULES = (
    drc_arrays,
    drc_indexes_unique,
    my_drc_index_unique,
    my_drc_index_known,
    lmb_table,
    associativity,
)

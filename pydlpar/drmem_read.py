"""The LMB table of a device tree.

Source: LoPAR C.6.6.2; Linux arch/powerpc/mm/drmem.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydlpar.drmem import LmbTable
from pydlpar.errors import ArgumentError, DecodeError

if TYPE_CHECKING:
    from pydlpar.tree import DeviceTree

__all__ = ["read_lmbs"]

_DRMEM = "/ibm,dynamic-reconfiguration-memory"
_TABLES = ("ibm,dynamic-memory", "ibm,dynamic-memory-v2")
_ROOT_CELLS = 1
"""What `#address-cells` of the root is where it is absent (Linux)."""


def read_lmbs(tree: DeviceTree) -> LmbTable | None:
    """The LMB table of a tree; None where it has none.

    Raises:
        DecodeError: it is malformed, or what it is read by: `ibm,lmb-size`, the
            root's `#address-cells`.
    """
    node = tree.get(_DRMEM)
    if node is None or not any(name in node for name in _TABLES):
        return None
    root = tree.root
    cells = root.u32("#address-cells") if "#address-cells" in root else _ROOT_CELLS
    size = node.u64("ibm,lmb-size") if "ibm,lmb-size" in node else 0
    first, second = (node.get(name) for name in _TABLES)
    try:
        return LmbTable.from_properties(first, second, size, cells)
    except ArgumentError as error:
        raise DecodeError(f"{node.path}: {error}", offset=0) from None
    except DecodeError as error:
        text = f"{node.path}: {error}"
        raise DecodeError(text, error.code, error.offset, error.row) from None

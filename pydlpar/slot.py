"""A connector with what stands behind it, and what it is for.

Source: LoPAR 13.5.2 (connector types).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from pydlpar.constants import DrcType, LmbFlags
from pydlpar.drc import Drc, drc_type

if TYPE_CHECKING:
    from pydlpar.drmem import Lmb
    from pydlpar.node import Node

__all__ = ["LOC_CODE", "Slot", "SlotKind", "slot_kind"]

LOC_CODE = "ibm,loc-code"
_SERVERS = "ibm,ppc-interrupt-server#s"


class SlotKind(Enum):
    """What a connector is for, in lsslot's words; `PMEM` is QEMU's."""

    CPU = "cpu"
    MEM = "mem"
    PMEM = "pmem"
    PCI = "pci"
    PHB = "phb"
    SLOT = "slot"
    PORT = "port"


_KINDS = {
    "CPU": SlotKind.CPU,
    "MEM": SlotKind.MEM,
    "PMEM": SlotKind.PMEM,
    "PHB": SlotKind.PHB,
    "SLOT": SlotKind.SLOT,
    "PORT": SlotKind.PORT,
}
_KINDS_BY_INDEX: dict[int, SlotKind] = {
    DrcType.CPU: SlotKind.CPU,
    DrcType.LMB: SlotKind.MEM,
    DrcType.PMEM: SlotKind.PMEM,
    DrcType.PHB: SlotKind.PHB,
    DrcType.PCI: SlotKind.PCI,
}


def slot_kind(type_name: str, index: int) -> SlotKind:
    """The kind of a connector.

    A type that is no word for a logical resource is that of a physical slot ("28").
    Where a list gives no type, the index decides.
    """
    if type_name:
        return _KINDS.get(type_name, SlotKind.PCI)
    return _KINDS_BY_INDEX.get(drc_type(index), SlotKind.SLOT)


class Slot(NamedTuple):
    """A connector and what stands behind it.

    Attributes:
        kind: what it is for.
        drc: index, name, type and power domain; the name is empty where no list
            has the connector.
        owner: path of the node whose list has it; empty where none has.
        node: the node that carries its index, or None.
        lmb: its row of the LMB table, or None.
    """

    kind: SlotKind
    drc: Drc
    owner: str
    node: Node | None
    lmb: Lmb | None

    @property
    def in_use(self) -> bool | None:
        """Whether the operating system has it; None where the tree does not tell.

        That is so of LMBs in a tree without an LMB table, as firmware makes it
        before the operating system has said what it understands.
        """
        if self.node is not None:
            return True
        if self.lmb is not None:
            return bool(self.lmb.flags & LmbFlags.ASSIGNED)
        return None if self.kind is SlotKind.MEM else False

    @property
    def path(self) -> str | None:
        """Path of the node behind it."""
        return None if self.node is None else self.node.path

    @property
    def loc_code(self) -> str | None:
        """Location code of the node behind it.

        Raises:
            TreeError: it is not one string.
        """
        if self.node is None or LOC_CODE not in self.node:
            return None
        return self.node.string(LOC_CODE)

    @property
    def threads(self) -> tuple[int, ...]:
        """Hardware numbers of the threads of a CPU; empty of anything else.

        Raises:
            TreeError: they are no cells.
        """
        if self.node is None or _SERVERS not in self.node:
            return ()
        return self.node.u32s(_SERVERS)

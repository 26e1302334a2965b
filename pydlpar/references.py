"""References from node to node: phandles, and phandles with arguments.

How many arguments follow a phandle is said by the node that it means, in the
property that the binding names: `#clock-cells` for `clocks`.

Source: Devicetree Specification 0.4, 2.3.3 and 2.4; Linux
Documentation/devicetree/bindings; Linux drivers/of/base.c
(of_parse_phandle_with_args), where a phandle 0 is an entry left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pydlpar._ffi import lib
from pydlpar.addresses import NodeAddresses
from pydlpar.errors import ArgumentError, NotFoundError, TreeError
from pydlpar.names import encode_name

if TYPE_CHECKING:
    from pydlpar.node import Node

__all__ = ["OPTIONAL_SPECIFIERS", "SPECIFIERS", "NodeReferences", "Reference"]

_NOTFOUND = lib.DLPAR_ERR_NOTFOUND
_BADLENGTH = lib.DLPAR_ERR_BADLENGTH
_get_u32 = lib.dlpar_tree_get_u32
_phandle = lib.dlpar_tree_phandle

_NO_PHANDLES = frozenset({0, 0xFFFFFFFF})

SPECIFIERS = {
    "clocks": "#clock-cells",
    "cooling-device": "#cooling-cells",
    "dmas": "#dma-cells",
    "gpio": "#gpio-cells",
    "gpios": "#gpio-cells",
    "hwlocks": "#hwlock-cells",
    "interrupts-extended": "#interrupt-cells",
    "io-channels": "#io-channel-cells",
    "iommus": "#iommu-cells",
    "mboxes": "#mbox-cells",
    "msi-parent": "#msi-cells",
    "mux-controls": "#mux-control-cells",
    "phys": "#phy-cells",
    "power-domains": "#power-domain-cells",
    "pwms": "#pwm-cells",
    "resets": "#reset-cells",
    "sound-dai": "#sound-dai-cells",
    "thermal-sensors": "#thermal-sensor-cells",
}
"""Which property says how many arguments a phandle has, by the property it is in."""

OPTIONAL_SPECIFIERS = frozenset({"#msi-cells"})
"""Those that a node need not have: then there are no arguments."""


class Reference(NamedTuple):
    """A node, and the arguments given with it; no node for an entry left out."""

    node: Node | None
    args: tuple[int, ...] = ()


def _specifier(name: str) -> str:
    """The property that a binding names; `x-gpios` and `x-gpio` are GPIOs too."""
    if name.endswith(("-gpios", "-gpio")) and not name.endswith(",nr-gpios"):
        return SPECIFIERS["gpios"]
    try:
        return SPECIFIERS[name]
    except KeyError:
        raise ArgumentError(
            f"property {name!r}: no binding known, say which property of the nodes "
            "meant counts the arguments (cells=)"
        ) from None


class NodeReferences(NodeAddresses):
    """What `Node` has to follow and make references."""

    __slots__ = ()

    def reference(self, name: str) -> Node:
        """The node that a property of one phandle means.

        Raises:
            NotFoundError: no such property, or no node has that phandle.
            TreeError: it is not 4 bytes long.
        """
        return self._meant(name, 0, self.u32(name))

    def references(self, name: str) -> list[Node]:
        """The nodes that a property of phandles means.

        Raises:
            NotFoundError: no such property, or no node has one of the phandles.
            TreeError: its length is no multiple of 4.
        """
        return [self._meant(name, i, p) for i, p in enumerate(self.u32s(name))]

    def phandle_args(self, name: str, cells: str | None = None) -> list[Reference]:
        """The nodes that a property of phandles with arguments means.

        Args:
            name: as `clocks`.
            cells: the property of the nodes meant that counts the arguments, as
                `#clock-cells`; without it, what the binding of *name* says
                (`SPECIFIERS`).

        Raises:
            NotFoundError: no such property, no node has one of the phandles, or the
                node does not say how many arguments it takes.
            TreeError: the value ends within an entry.
            ArgumentError: the binding of *name* is not known.
        """
        counter = cells or _specifier(name)
        values = self.u32s(name)
        found: list[Reference] = []
        at = 0
        while at < len(values):
            phandle, at = values[at], at + 1
            if phandle in _NO_PHANDLES:
                found.append(Reference(None))
                continue
            node = self._meant(name, len(found), phandle)
            end = at + self._count_args(name, node, counter)
            if end > len(values):
                raise TreeError(
                    f"{self.path}, property {name!r}: entry {len(found)}, "
                    f"{node.path}: {len(values) - at} arguments, "
                    f"expected {end - at}",
                    _BADLENGTH,
                    offset=4 * at,
                )
            found.append(Reference(node, values[at:end]))
            at = end
        return found

    def set_references(
        self, name: str, *references: Node | tuple[Node | None, tuple[int, ...]]
    ) -> None:
        """Give a property references: nodes, or `Reference`s with arguments.

        Raises:
            ArgumentError: a node has no phandle (`ensure_phandle()` gives it one), or
                is of another tree; an argument does not fit into a cell.
        """
        cells: list[int] = []
        for reference in references:
            node, args = reference if isinstance(reference, tuple) else (reference, ())
            cells.append(0 if node is None else self._phandle_of(name, node))
            cells += args
        self.set_u32(name, *cells)

    def ensure_phandle(self) -> int:
        """The node's phandle; where it has none, a new one, in `phandle`."""
        if not self.phandle:
            self.set_u32("phandle", self.tree.new_phandle())
        return self.phandle

    def _phandle_of(self, name: str, node: Node) -> int:
        self.tree.own(node)
        if not node.phandle:
            raise ArgumentError(
                f"property {name!r}: {node.path} has no phandle; ensure_phandle() "
                "gives it one"
            )
        return node.phandle

    def _meant(self, name: str, entry: int, phandle: int) -> Node:
        handle = _phandle(self.tree.ptr, phandle)
        if handle < 0:
            raise NotFoundError(
                f"{self.path}, property {name!r}: entry {entry}: "
                f"no node has phandle {phandle:#x}",
                handle,
            )
        return self._at(handle)

    def _count_args(self, name: str, node: Node, counter: str) -> int:
        raw = encode_name(counter)
        count = _get_u32(self.tree.ptr, node.handle, raw, len(raw))
        if count == _NOTFOUND and counter in OPTIONAL_SPECIFIERS:
            return 0
        if count == _NOTFOUND:
            raise NotFoundError(
                f"{node.path}, property {counter!r}: not found, expected by "
                f"{self.path}, property {name!r}",
                count,
            )
        if count < 0:
            node._fail(count, counter)
        return int(count)

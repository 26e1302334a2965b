"""NUMA nodes and their distances, as firmware tells them: associativity.

FORM1 gives each resource a list of domains, from the widest to its node; how far
two nodes are apart follows from the first domain that they share. FORM2 gives the
node alone, and a table of distances (LoPAR 15.3; QEMU hw/ppc/spapr_numa.c).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise, product
from math import isqrt
from typing import Final, NamedTuple

from pydlpar.errors import ArgumentError, DecodeError, PlatformError
from pydlpar.tree import DeviceTree

__all__ = [
    "LOCAL_DISTANCE",
    "REMOTE_DISTANCE",
    "RTAS_PROPERTIES",
    "Numa",
    "boot_domains",
    "form_of",
]

LOCAL_DISTANCE: Final = 10
"""From a node to itself."""

REMOTE_DISTANCE: Final = 20
"""Between two nodes of which nothing else is said."""

_CELL: Final = 4
_MAX_DISTANCE: Final = 255
_FORMS: Final = (1, 2)
_FORM1_LEVELS: Final = 4
_MAX_NODES: Final = 256
"""As many as Linux takes."""

_FORM1_STEPS: Final = (LOCAL_DISTANCE, 30, 60, 120)
"""The largest distance of each level, from the node outwards."""

_ASSOCIATIVITY: Final = "ibm,associativity"
_POINTS: Final = "ibm,associativity-reference-points"
_MAX_DOMAINS: Final = "ibm,max-associativity-domains"
_INDEXES: Final = "ibm,numa-lookup-index-table"
_TABLE: Final = "ibm,numa-distance-table"

RTAS_PROPERTIES: Final = (_POINTS, _MAX_DOMAINS, _INDEXES, _TABLE)
"""What `/rtas` may say about associativity; the last two in FORM2 only."""

_POINTS_OF_ONE_NODE: Final = (4, 4, 2)
_DOMAINS_OF_ONE_NODE: Final = (4, 0, 0, 0, 1)


class Numa(NamedTuple):
    """The nodes of a machine; made by `Numa.of` or `Numa.from_tree`.

    Attributes:
        form: 1 or 2, of the associativity.
        distances: from each node to each, 10 to itself.
        domains: of each node: 4 of them, or the node alone; the node is the last.
    """

    form: int
    distances: tuple[tuple[int, ...], ...]
    domains: tuple[tuple[int, ...], ...]

    @classmethod
    def of(
        cls,
        n_nodes: int,
        distances: Mapping[tuple[int, int], int] | None = None,
        form: int = 1,
        *,
        level_bug: bool = True,
    ) -> Numa:
        """The associativity of *n_nodes* nodes.

        Args:
            distances: (from, to) to distance, 10 to 255. Where one direction is
                not given, it is as the other; where neither is, 20.
            form: 1 or 2.
            level_bug: distances 11, 31 and 61 share no domain, as in QEMU, which
                excludes the lower bound of each level.

        Raises:
            ArgumentError: a node, distance or form that there cannot be.
            PlatformError: FORM1 and distances that depend on the direction.
        """
        if n_nodes < 1 or form not in _FORMS:
            raise ArgumentError(
                f"{n_nodes} nodes, form {form}: expected at least 1, and form 1 or 2"
            )
        rows = _matrix(n_nodes, dict(distances or {}))
        if form == _FORMS[1]:
            return cls(form, rows, tuple((node,) for node in range(n_nodes)))
        for src, dst in product(range(n_nodes), repeat=2):
            if rows[src][dst] != rows[dst][src]:
                raise PlatformError(
                    f"distance {rows[src][dst]} from node {src} to {dst}, but "
                    f"{rows[dst][src]} back: FORM1 cannot tell this"
                )
        return cls(form, rows, _form1_domains(rows, level_bug))

    @classmethod
    def from_tree(cls, tree: DeviceTree) -> Numa:
        """What a tree says: by its distance table, or by the domains it shares.

        FORM1 distances are what Linux makes of them: doubled for each level at
        which two nodes differ. A tree that says nothing has one node.

        Raises:
            DecodeError: a distance table of another size, or a node above 255.
            ArgumentError: a distance that there cannot be.
        """
        form = form_of(tree)
        rtas = tree.get("/rtas")
        if form == _FORMS[1] and rtas is not None and _TABLE in rtas:
            rows: Sequence[Sequence[int]] = _table_rows(rtas[_TABLE])
        else:
            alike = boot_domains(tree)
            rows = [[_shared_distance(a, b) for b in alike] for a in alike]
        return cls.of(len(rows), _pairs(rows), form)

    def as_form(self, form: int) -> Numa:
        """The same nodes and distances in another form."""
        return Numa.of(len(self.distances), _pairs(self.distances), form)

    def memory(self, node: int) -> bytes:
        """`ibm,associativity` of memory (a node of the tree, an LMB, an NVDIMM)."""
        domains = self.domains[node]
        return _cells(len(domains), *domains)

    def cpu(self, node: int, server: int) -> bytes:
        """`ibm,associativity` of a core, which ends with its first thread's id."""
        domains = self.domains[node]
        return _cells(len(domains) + 1, *domains, server)

    def write_to(self, tree: DeviceTree) -> None:
        """Have a tree say these nodes and distances, in this form.

        What has an associativity says its node, whatever form it says it in.

        Raises:
            DecodeError: an associativity names none of the nodes.
        """
        for node in tree.by_property(_ASSOCIATIVITY):
            is_cpu = node.get("device_type") == b"cpu\0"
            try:
                node[_ASSOCIATIVITY] = self.again(node[_ASSOCIATIVITY], is_cpu=is_cpu)
            except DecodeError as error:
                raise DecodeError(f"{node.path}: {error}", offset=0) from None
        rtas = tree.get("/rtas")
        if rtas is None:
            return
        for name in RTAS_PROPERTIES:
            if name in rtas:
                del rtas[name]
        for name, value in self.rtas_properties().items():
            rtas[name] = value

    def again(self, said: bytes, *, is_cpu: bool) -> bytes:
        """`ibm,associativity` of what was on the same node in another form.

        Args:
            said: that names its node last; a core, before its first thread.

        Raises:
            DecodeError: it names none of the nodes.
        """
        cells = [
            int.from_bytes(said[at : at + _CELL], "big")
            for at in range(0, len(said), _CELL)
        ]
        count = 2 if is_cpu else 1
        where = cells[-count] if len(cells) > count else len(self.domains)
        if where >= len(self.domains):
            raise DecodeError(
                f"{_ASSOCIATIVITY} {cells}, expected to name one of "
                f"{len(self.domains)} NUMA nodes",
                offset=0,
            )
        return self.cpu(where, cells[-1]) if is_cpu else self.memory(where)

    def lookup_arrays(self) -> bytes:
        """`ibm,associativity-lookup-arrays`: an array each node, without count."""
        rows = self.domains
        return _cells(len(rows), len(rows[0]), *(cell for row in rows for cell in row))

    def rtas_properties(self) -> dict[str, bytes]:
        """What `/rtas` says about associativity, by property."""
        n_nodes = len(self.domains)
        if self.form == _FORMS[1]:
            table = bytes(cell for row in self.distances for cell in row)
            return {
                _POINTS: _cells(1),
                _MAX_DOMAINS: _cells(1, n_nodes),
                _INDEXES: _cells(n_nodes, *range(n_nodes)),
                _TABLE: _cells(len(table)) + table,
            }
        if n_nodes == 1:
            points, most = _POINTS_OF_ONE_NODE, _DOMAINS_OF_ONE_NODE
            return {_POINTS: _cells(*points), _MAX_DOMAINS: _cells(*most)}
        return {
            _POINTS: _cells(*range(_FORM1_LEVELS, 0, -1)),
            _MAX_DOMAINS: _cells(_FORM1_LEVELS, *[n_nodes] * _FORM1_LEVELS),
        }


def form_of(tree: DeviceTree) -> int:
    """The form of a tree's associativity; 1 where it says nothing."""
    rtas = tree.get("/rtas")
    points = rtas.u32s(_POINTS) if rtas is not None and _POINTS in rtas else ()
    return _FORMS[1] if points == (1,) else _FORMS[0]


def _cells(*values: int) -> bytes:
    return b"".join(value.to_bytes(_CELL, "big") for value in values)


def _pairs(rows: Sequence[Sequence[int]]) -> dict[tuple[int, int], int]:
    return {
        (src, dst): distance
        for src, row in enumerate(rows)
        for dst, distance in enumerate(row)
    }


def _matrix(
    n_nodes: int, given: dict[tuple[int, int], int]
) -> tuple[tuple[int, ...], ...]:
    """Every distance, from those that are given."""
    nodes = range(n_nodes)
    for (src, dst), distance in given.items():
        local = (src == dst) == (distance == LOCAL_DISTANCE)
        known = src in nodes and dst in nodes
        if not known or not local or not LOCAL_DISTANCE <= distance <= _MAX_DISTANCE:
            raise ArgumentError(
                f"distance {distance} from node {src} to {dst}: expected 10 to "
                f"itself, 11 to 255 to another of {n_nodes} nodes"
            )

    def between(src: int, dst: int) -> int:
        if src == dst:
            return LOCAL_DISTANCE
        back = given.get((dst, src), REMOTE_DISTANCE)
        return given.get((src, dst), back)

    return tuple(tuple(between(src, dst) for dst in nodes) for src in nodes)


def _form1_domains(
    rows: tuple[tuple[int, ...], ...], level_bug: bool
) -> tuple[tuple[int, ...], ...]:
    """Domains of each node: those of an earlier node as far as it is near."""
    nodes = range(len(rows))
    domains = [[node] * _FORM1_LEVELS for node in nodes]
    for src in nodes:
        for dst in nodes[src:]:
            shared = _shared_levels(rows[src][dst], level_bug)
            domains[dst][:shared] = domains[src][:shared]
    return tuple(tuple(each) for each in domains)


def _shared_levels(distance: int, level_bug: bool) -> int:
    """How many domains, from the widest, two nodes have in common."""
    if distance == LOCAL_DISTANCE:
        return _FORM1_LEVELS
    for level, (lower, upper) in enumerate(pairwise(_FORM1_STEPS), 1):
        if lower + level_bug < distance <= upper:
            return _FORM1_LEVELS - level
    return 0


def boot_domains(tree: DeviceTree) -> tuple[tuple[int, ...], ...]:
    """The domains of each NUMA node as boot memory has them; (0,) where it has none.

    The last domain is the node. Nodes without boot memory share nothing.

    Raises:
        DecodeError: a node above 255.
    """
    found: dict[int, tuple[int, ...]] = {}
    for node in tree.root.children:
        if node.get("device_type") == b"memory\0" and "ibm,associativity" in node:
            _, *domains = node.u32s("ibm,associativity") or (0,)
            if domains and domains[-1] >= _MAX_NODES:
                raise DecodeError(
                    f"{node.path}: ibm,associativity names node {domains[-1]}, "
                    f"expected at most {_MAX_NODES - 1}",
                    offset=_CELL * len(domains),
                )
            if domains:
                found.setdefault(domains[-1], tuple(domains))
    if not found:
        return ((0,),)
    levels = max(map(len, found.values()))
    return tuple(found.get(n, (n,) * levels) for n in range(max(found) + 1))


def _table_rows(table: bytes) -> list[bytes]:
    """Rows of `ibm,numa-distance-table`: a count cell, then a byte a distance."""
    cells = table[_CELL:]
    n_nodes = isqrt(len(cells))
    count = int.from_bytes(table[:_CELL], "big")
    if not count == n_nodes * n_nodes == len(cells) or not 0 < n_nodes <= _MAX_NODES:
        raise DecodeError(
            f"/rtas: {_TABLE} of {count} distances in {len(cells)} bytes, expected a "
            f"square of 1 to {_MAX_NODES}",
            offset=0,
        )
    return [cells[at : at + n_nodes] for at in range(0, len(cells), n_nodes)]


def _shared_distance(ours: tuple[int, ...], theirs: tuple[int, ...]) -> int:
    distance = LOCAL_DISTANCE
    for mine, other in zip(reversed(ours), reversed(theirs), strict=False):
        if mine == other:
            break
        distance *= 2
    return distance

"""What the operating system side of a partition knows: tree, LMBs, CPU threads.

The state that Linux builds at boot from the device tree and keeps beside it: the
table of logical memory blocks, which threads are present under which logical CPU
id, and which are online. Operations change it; nothing here makes a call.

Sources: Linux arch/powerpc/mm/drmem.c, mm/numa.c, platforms/pseries/hotplug-cpu.c
(`find_cpu_id_range`), kernel/smp.c.
"""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterable, Sequence
from functools import reduce
from operator import or_
from struct import unpack_from
from typing import TYPE_CHECKING, Literal

from pydlpar.constants import LmbFlags
from pydlpar.drc import DrcList, cpu_indexes
from pydlpar.drmem import LmbTable, LookupArrays
from pydlpar.errors import ArgumentError, DecodeError, DlparError, DrcListError
from pydlpar.grafts import Grafts

if TYPE_CHECKING:
    from pydlpar.node import Node
    from pydlpar.tree import DeviceTree

__all__ = [
    "DYNAMIC_MEMORY",
    "DYNAMIC_MEMORY_V2",
    "LOOKUP_ARRAYS",
    "MEMORY_PATH",
    "Partition",
]

DYNAMIC_MEMORY = "ibm,dynamic-memory"
DYNAMIC_MEMORY_V2 = "ibm,dynamic-memory-v2"
LOOKUP_ARRAYS = "ibm,associativity-lookup-arrays"

_DRC_INFO = "ibm,drc-info"
_DRC_ARRAYS = (
    "ibm,drc-indexes",
    "ibm,drc-names",
    "ibm,drc-types",
    "ibm,drc-power-domains",
)
_KEPT_LISTS = 64
"""Connector lists that are kept decoded: one for every PHB, and some bridges."""

_KEPT_FRAGMENTS = 4096
"""Fragments of LMBs whose associativity is kept: one for every LMB of most machines."""

MEMORY_PATH = "/ibm,dynamic-reconfiguration-memory"
"""The node that holds the LMB table."""

_SERVERS = "ibm,ppc-interrupt-server#s"
_ASSOCIATIVITY = "ibm,associativity"
_WORD = 4

_DEFAULT_CELLS = 1
_MAX_NODES = 256
_NO_NODE_ID = 0xFFFF

# Option vector 5: byte and bits that say how to read the reference points.
_FORM_BYTE = 5
_FORM_1_OR_2 = 0xA0

_ASSIGNED = int(LmbFlags.ASSIGNED)
_AI_INVALID = int(LmbFlags.AI_INVALID)


class Partition:
    """A partition as its kernel sees it. Belongs to one thread at a time.

    Attributes:
        tree: the device tree; the partition's own from now on.
        grafts: what firmware delivered for it, to be attached again.
        lmbs: the LMB table; empty where the tree has none, or a damaged one.
        memory_error: what is wrong with a damaged one, else None.
        online: hardware numbers of the CPU threads that are online.
        logical_ids: logical CPU id by hardware number, of every thread present.
        max_cpus: logical CPU ids that there are.
        smt_threads: threads of a core that may come online; None for all.
        fadump: (base, size) in bytes of the firmware-assisted dump area, which
            cannot be removed; None where there is none.
        byteorder: of the kernel.
        slb_size: entries of the SLB, where they were set since boot.
    """

    def __init__(
        self,
        tree: DeviceTree,
        *,
        max_cpus: int | None = None,
        smt_threads: int | None = None,
        fadump: tuple[int, int] | None = None,
        byteorder: Literal["little", "big"] = "little",
    ) -> None:
        """Read the state of a freshly booted partition from its tree.

        Args:
            max_cpus: default: a core's threads for every CPU DRC that is listed,
                but at least the threads present.

        Raises:
            ArgumentError: more threads are present than *max_cpus*, or
                *smt_threads* is below 1.
        """
        if smt_threads is not None and smt_threads < 1:
            raise ArgumentError(f"smt_threads {smt_threads}: expected 1 or more")
        self.tree = tree
        self.grafts = Grafts(tree)
        self.smt_threads = smt_threads
        self.fadump = fadump
        self.byteorder = byteorder
        self.slb_size: int | None = None
        self._listed: tuple[
            tuple[bytes | None, bytes | None], tuple[Collection[int], ...]
        ] = ((None, None), ())
        self._drc_lists: dict[tuple[bytes | None, ...], DrcList] = {}
        self._delivered: dict[bytes, bytes | None] = {}
        self._arrays: tuple[bytes, LookupArrays] | None = None
        self._recorded: dict[int, int] = {}
        self._primary, self._max_nodes = _numa_shape(tree)
        self.memory_error: DlparError | None = None
        self.lmbs = self._read_lmbs()
        self._start_cpus(max_cpus)
        self.first_node = min(self._boot_nodes(), default=0)

    def _read_lmbs(self) -> LmbTable:
        node = self.memory
        cells = self.tree.root.get("#size-cells")
        size = _WORD * (
            _DEFAULT_CELLS if cells is None else int.from_bytes(cells, "big")
        )
        raw = b"" if node is None else node.get("ibm,lmb-size", b"")
        lmb_size = int.from_bytes(raw[:size], "big")
        if node is None or len(raw) < size or lmb_size == 0:
            return LmbTable((), lmb_size=1, version=0)
        cells = self.tree.root.get("#address-cells")
        try:
            return LmbTable.from_properties(
                node.get(DYNAMIC_MEMORY),
                node.get(DYNAMIC_MEMORY_V2),
                lmb_size,
                _DEFAULT_CELLS if cells is None else int.from_bytes(cells, "big"),
            )
        except (DecodeError, ArgumentError) as error:
            self.memory_error = error
            return LmbTable((), lmb_size, version=0)

    def _start_cpus(self, max_cpus: int | None) -> None:
        """Number the threads of the present CPUs in tree order; all are online."""
        self.logical_ids: dict[int, int] = {}
        per_core = 1
        for cpu in self.cpu_nodes():
            threads = self.threads_of(cpu) or ()
            per_core = max(per_core, len(threads))
            first = len(self.logical_ids)
            self.logical_ids.update((t, n) for n, t in enumerate(threads, first))
            if self._max_nodes > 1:
                self._record(self.node_of(cpu), ((1 << len(threads)) - 1) << first)
        self.online = set(self.logical_ids)
        present = len(self.logical_ids)
        if max_cpus is None:
            lists = () if self.cpus is None else self.cpu_indexes(self.cpus)
            listed = sum(len(indexes) for indexes in lists)
            max_cpus = max(listed * per_core, present)
        if max_cpus < present:
            raise ArgumentError(
                f"{present} threads are present, but max_cpus is {max_cpus}"
            )
        self.max_cpus = max_cpus
        self._free = ((1 << max_cpus) - 1) >> present << present

    def _record(self, nid: int | None, ids: int) -> None:
        """Remember on which NUMA node, if any, logical ids were used last."""
        if nid is not None:
            for other in self._recorded:
                self._recorded[other] &= ~ids
            self._recorded[nid] = self._recorded.get(nid, 0) | ids

    def cpu_nodes(self) -> list[Node]:
        """The nodes of the present CPUs, in tree order."""
        cpus = self.cpus
        if cpus is None:
            return []
        return [c for c in cpus.children if c.get("device_type") == b"cpu\0"]

    def _boot_nodes(self) -> set[int]:
        """The NUMA nodes that have a CPU or memory."""
        found = {self.node_of(cpu) for cpu in self.cpu_nodes()}
        found.update(
            self.node_of(child)
            for child in self.tree.root.children
            if child.get("device_type") == b"memory\0"
        )
        arrays = self._lookup_arrays()
        position = self.lmbs.next(0, _ASSIGNED, _ASSIGNED)
        while position is not None:
            found.add(self._lmb_node(position, arrays))
            position = self.lmbs.next(position + 1, _ASSIGNED, _ASSIGNED)
        return {nid for nid in found if nid is not None}

    @property
    def cpus(self) -> Node | None:
        """The node /cpus."""
        return self.tree.get("/cpus")

    @property
    def memory(self) -> Node | None:
        """The node that holds the LMB table."""
        return self.tree.get(MEMORY_PATH)

    @property
    def free_ids(self) -> int:
        """The logical CPU ids that are free, as a mask."""
        return self._free

    def cpu_indexes(self, cpus: Node) -> tuple[Collection[int], ...]:
        """The DRC indexes of CPUs that /cpus lists, in order."""
        info = cpus.get(_DRC_INFO)
        raw = (info, None if info is not None else cpus.get("ibm,drc-indexes"))
        if raw != self._listed[0]:
            self._listed = (raw, cpu_indexes(*raw))
        return self._listed[1]

    def knows_cpu(self, cpus: Node, index: int) -> bool:
        """Whether /cpus lists a CPU with this DRC index."""
        for indexes in self.cpu_indexes(cpus):  # noqa: SIM110 (hot path)
            if index in indexes:
                return True
        return False

    def drc_list(self, node: Node) -> DrcList:
        """The connectors that a node lists.

        Raises:
            DrcListError: the list is malformed.
        """
        info = node.get(_DRC_INFO)
        # It wins: the arrays are not looked at where it is.
        names = _DRC_ARRAYS if info is None else ()
        raw = (info, *[node.get(name) for name in names])
        found = self._drc_lists.get(raw)
        if found is None:
            if len(self._drc_lists) >= _KEPT_LISTS:
                self._drc_lists.clear()
            pairs = zip((_DRC_INFO, *names), raw, strict=True)
            present = {name: value for name, value in pairs if value is not None}
            try:
                found = DrcList.from_properties(present)
            except DrcListError as error:
                raise error.at(node.path) from None
            self._drc_lists[raw] = found
        return found

    def threads_of(self, cpu: Node) -> tuple[int, ...] | None:
        """Hardware numbers of a CPU's threads; None where its node lists none."""
        value = cpu.get(_SERVERS)
        if value is None:
            return None
        if len(value) == _WORD:
            return (int.from_bytes(value, "big"),)
        return unpack_from(f">{len(value) // _WORD}I", value)

    def allowed(self, threads: Sequence[int]) -> Sequence[int]:
        """The threads of a core that the SMT policy lets come online."""
        return threads if self.smt_threads is None else threads[: self.smt_threads]

    def attach_threads(self, cpu: Node, threads: Sequence[int]) -> int:
        """Make a new core's threads present, under an aligned block of free ids.

        Ids that were last used on the same NUMA node come first, then any.

        Returns:
            0, -ENOSPC (no such block), or -EEXIST (one is present already).
        """
        count = len(threads)
        if count == 0:
            return 0
        if not self.logical_ids.keys().isdisjoint(threads):
            return -errno.EEXIST
        first = nid = None
        if self._max_nodes > 1:
            nid = self.node_of(cpu)
            others = [ids for node, ids in self._recorded.items() if node != nid]
            elsewhere = reduce(or_, others, 0) if nid is not None else 0
            first = _block(self._free & ~elsewhere, count)
        if first is None:
            first = _block(self._free, count)
        if first is None:
            return -errno.ENOSPC
        block = ((1 << count) - 1) << first
        self._free &= ~block
        self._record(nid, block)
        for number, thread in enumerate(threads, first):
            self.logical_ids[thread] = number
        return 0

    def detach_threads(self, threads: Iterable[int]) -> list[tuple[int, int]]:
        """Make threads absent; the pairs (thread, id) can be given back."""
        given = []
        for thread in threads:
            number = self.logical_ids.pop(thread, None)
            if number is not None:
                self._free |= 1 << number
                given.append((thread, number))
        return given

    def restore_threads(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Undo `detach_threads`."""
        for thread, number in pairs:
            self.logical_ids[thread] = number
            self._free &= ~(1 << number)

    def node_of(self, node: Node) -> int | None:
        """NUMA node of a tree node, from its own associativity or a parent's."""
        at: Node | None = node
        while at is not None:
            value = at.get(_ASSOCIATIVITY)
            if value is not None:
                cells = unpack_from(f">{len(value) // _WORD}I", value)
                primary = self._primary
                if 0 < primary < len(cells) and cells[0] >= primary:
                    return self._possible(cells[primary])
                return None
            at = at.parent
        return None

    def set_lmb(self, position: int, flags: int, aa_index: int) -> None:
        """Give an LMB these flags and this associativity index."""
        self.lmbs.set(position, flags=flags, aa_index=aa_index)

    def associativity_of(self, fragment: bytes) -> bytes | None:
        """`ibm,associativity` of the first node that firmware delivered.

        A fragment is parsed once: the same LMB comes with the same again.

        Raises:
            DecodeError: the fragment is malformed.
        """
        try:
            return self._delivered[fragment]
        except KeyError:
            pass
        nodes = self.tree.from_dtb(fragment).root.children
        value = nodes[0].get(_ASSOCIATIVITY) if nodes else None
        if len(self._delivered) >= _KEPT_FRAGMENTS:
            self._delivered.clear()
        self._delivered[fragment] = value
        return value

    def lookup_arrays(self, value: bytes) -> LookupArrays:
        """The associativity lookup arrays that the property says; the last are kept.

        Raises:
            DecodeError: it is malformed.
        """
        kept = self._arrays
        if kept is None or kept[0] != value:
            kept = self._arrays = value, LookupArrays(value)
        return kept[1]

    def memory_node(self, position: int, arrays: LookupArrays | None = None) -> int:
        """NUMA node for the LMB at *position*; the first one where it has none.

        Args:
            arrays: the lookup arrays, if at hand.
        """
        if not self._primary:
            return self.first_node
        nid = self._lmb_node(position, arrays or self._lookup_arrays())
        return self.first_node if nid is None else nid

    def _lmb_node(self, position: int, arrays: LookupArrays | None) -> int | None:
        flags, aa_index = self.lmbs.words(position)
        if arrays is None or flags & _AI_INVALID or aa_index >= arrays.n:
            return None
        if not 0 < self._primary <= arrays.m:
            return None
        return self._possible(arrays.cell(aa_index, self._primary - 1))

    def _lookup_arrays(self) -> LookupArrays | None:
        """The associativity lookup arrays; None where absent or damaged."""
        node = self.memory
        value = None if node is None else node.get(LOOKUP_ARRAYS)
        if value is None:
            return None
        try:
            return self.lookup_arrays(value)
        except DecodeError:
            return None

    def _possible(self, nid: int) -> int | None:
        return nid if nid != _NO_NODE_ID and nid < self._max_nodes else None


def _block(free: int, count: int) -> int | None:
    """The lowest set run of *count* bits that begins at a multiple of *count*."""
    starts = free
    if count > 1:
        for shift in range(1, count):
            starts &= free >> shift
        blocks = -(-free.bit_length() // count)
        starts &= ((1 << blocks * count) - 1) // ((1 << count) - 1)
    return (starts & -starts).bit_length() - 1 if starts else None


def _numa_shape(tree: DeviceTree) -> tuple[int, int]:
    """Position of the primary domain (0: none) and number of possible nodes."""
    rtas = tree.get("/rtas")
    chosen = tree.get("/chosen")
    value = None if rtas is None else rtas.get("ibm,associativity-reference-points")
    if rtas is None or value is None:
        return 0, 1
    vector = b"" if chosen is None else chosen.get("ibm,architecture-vec-5", b"")
    form_1_or_2 = len(vector) > _FORM_BYTE and vector[_FORM_BYTE] & _FORM_1_OR_2
    points = unpack_from(f">{len(value) // _WORD}I", value)
    depth = 0 if form_1_or_2 else 1
    primary = points[depth] if len(points) > depth else 0
    limits = rtas.get("ibm,current-associativity-domains")
    if limits is None:
        limits = rtas.get("ibm,max-associativity-domains", b"")
    domains = unpack_from(f">{len(limits) // _WORD}I", limits)
    return primary, domains[primary] if 0 < primary < len(domains) else _MAX_NODES

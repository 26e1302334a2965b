"""What configure-connector delivers for a core, an LMB and an NVDIMM.

The nodes are built as QEMU builds them (`spapr_core_dt_populate`,
`spapr_lmb_dt_populate`, `spapr_dt_nvdimm`): properties in the order in which QEMU
delivers them, which is the reverse of the order in which it creates them. A core
looks like the cores that the machine has; only its numbers are its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from pydlpar.connector import FragmentNode

if TYPE_CHECKING:
    from pydlpar.platforms.numa import Numa

__all__ = ["CpuTemplate", "lmb_node", "pmem_node"]

_CELL: Final = 4
_ASSOCIATIVITY: Final = "ibm,associativity"
_CPU_ORDER: Final = (
    "ibm,dec-bits",
    "ibm,processor-radix-AP-encodings",
    "ibm,ppc-interrupt-gserver#s",
    "ibm,ppc-interrupt-server#s",
    "ibm,associativity",
    "ibm,pft-size",
    "ibm,chip-id",
    "ibm,pa-features",
    "ibm,segment-page-sizes",
    "ibm,dfp",
    "ibm,vmx",
    "ibm,processor-segment-sizes",
    "ibm,spurr",
    "ibm,purr",
    "64-bit",
    "status",
    "ibm,slb-size",
    "slb-size",
    "clock-frequency",
    "timebase-frequency",
    "i-cache-size",
    "d-cache-size",
    "i-cache-line-size",
    "i-cache-block-size",
    "d-cache-line-size",
    "d-cache-block-size",
    "cpu-version",
    "device_type",
    "reg",
    "ibm,my-drc-index",
)

# Added by the boot loader or the kernel, so never part of what firmware says.
_NOT_FIRMWARE: Final = frozenset(
    {"name", "phandle", "linux,phandle", "ibm,phandle", "slof,from-fdt"}
)


def _cells(values: Iterable[int]) -> bytes:
    return b"".join(value.to_bytes(_CELL, "big") for value in values)


def _text(value: str) -> bytes:
    return value.encode("ascii") + b"\0"


class CpuTemplate:
    """A core of the machine, to make others like it.

    Args:
        name: name of the node, with its unit address.
        properties: its properties; values as in the tree.

    Attributes:
        threads: threads of a core.
    """

    def __init__(self, name: str, properties: Mapping[str, bytes]) -> None:
        self._base = name.partition("@")[0]
        rest = [key for key in properties if key not in _CPU_ORDER]
        self._properties = {
            key: bytes(properties[key])
            for key in (*_CPU_ORDER, *rest)
            if key in properties and key not in _NOT_FIRMWARE
        }
        servers = self._properties.get("ibm,ppc-interrupt-server#s", bytes(_CELL))
        self.threads = max(1, len(servers) // _CELL)

    def moved(self, numa: Numa) -> CpuTemplate:
        """The same core, which says its NUMA node as *numa* has it.

        Raises:
            DecodeError: it names none of the nodes.
        """
        said = self._properties.get(_ASSOCIATIVITY)
        if said is None:
            return self
        again = {_ASSOCIATIVITY: numa.again(said, is_cpu=True)}
        return CpuTemplate(self._base, {**self._properties, **again})

    def node(
        self,
        core_id: int,
        drc_index: int,
        associativity: Sequence[int] | None = None,
        phandle: int | None = None,
        *,
        radix: bool = False,
    ) -> FragmentNode:
        """The node of a core.

        Args:
            core_id: id of the core's first thread.
            associativity: domains of the core's NUMA node, without the count and
                without the thread's id; None keeps those of the template.
            phandle: value of `ibm,phandle`; None leaves the property out, as QEMU
                does and LoPAR does not.
            radix: the guest has given up its hash table, so that it has no size.
        """
        name = f"{self._base}@{core_id:x}"
        own = {"name": _text(name)} | self._properties
        own |= {"reg": _cells([core_id]), "ibm,my-drc-index": _cells([drc_index])}
        self._number_threads(own, core_id)
        if _ASSOCIATIVITY in own:
            own[_ASSOCIATIVITY] = self._associativity(core_id, associativity)
        if radix and "ibm,pft-size" in own:
            own["ibm,pft-size"] = bytes(len(own["ibm,pft-size"]))
        if phandle is not None:
            own["ibm,phandle"] = _cells([phandle])
        return FragmentNode(name, own)

    def _number_threads(self, own: dict[str, bytes], core_id: int) -> None:
        threads = range(core_id, core_id + self.threads)
        if "ibm,ppc-interrupt-server#s" in own:
            own["ibm,ppc-interrupt-server#s"] = _cells(threads)
        if "ibm,ppc-interrupt-gserver#s" in own:
            old = own["ibm,ppc-interrupt-gserver#s"]
            own["ibm,ppc-interrupt-gserver#s"] = b"".join(
                _cells([thread]) + old[at + _CELL : at + 2 * _CELL]
                for thread, at in zip(
                    threads, range(0, len(old), 2 * _CELL), strict=False
                )
            )

    def _associativity(self, core_id: int, domains: Sequence[int] | None) -> bytes:
        if domains is None:
            return self._properties[_ASSOCIATIVITY][:-_CELL] + _cells([core_id])
        return _cells([len(domains) + 1, *domains, core_id])


def lmb_node(
    address: int,
    size: int,
    drc_index: int,
    domains: Sequence[int],
    *,
    address_bug: bool = False,
    phandle: int | None = None,
) -> FragmentNode:
    """The node of an LMB.

    Args:
        address: first byte of the LMB; *size* is in bytes too.
        domains: associativity of its NUMA node, without the count.
        address_bug: put the address where QEMU puts it: DRC index times LMB size,
            with the type bits of the index left in. Linux looks at the
            associativity only.
    """
    if address_bug:
        address = drc_index * size
    properties = {
        _ASSOCIATIVITY: _cells([len(domains), *domains]),
        "reg": address.to_bytes(2 * _CELL, "big") + size.to_bytes(2 * _CELL, "big"),
        "device_type": _text("memory"),
    }
    if phandle is not None:
        properties["ibm,phandle"] = _cells([phandle])
    return FragmentNode(f"memory@{address:x}", properties)


def pmem_node(
    drc_index: int,
    blocks: int,
    block_size: int,
    label_size: int,
    uuid: str,
    domains: Sequence[int],
    *,
    phandle: int | None = None,
) -> FragmentNode:
    """The node of an NVDIMM.

    Args:
        blocks: blocks of *block_size* bytes, the label area not counted.
        label_size: bytes of the label area.
        uuid: unit GUID, as text in the usual form.
        domains: associativity of its NUMA node, without the count.
    """
    properties = {
        "ibm,cache-flush-required": b"",
        "ibm,pmem-application": _text("operating-system"),
        "ibm,metadata-size": _cells([label_size]),
        "ibm,number-of-blocks": blocks.to_bytes(2 * _CELL, "big"),
        "ibm,block-size": block_size.to_bytes(2 * _CELL, "big"),
        "ibm,my-drc-index": _cells([drc_index]),
        "ibm,unit-guid": _text(uuid),
        _ASSOCIATIVITY: _cells([len(domains), *domains]),
        "device_type": _text("ibm,pmemory"),
        "compatible": _text("ibm,pmemory"),
        "reg": _cells([drc_index]),
    }
    if phandle is not None:
        properties["ibm,phandle"] = _cells([phandle])
    return FragmentNode(f"ibm,pmemory@{drc_index:x}", properties)

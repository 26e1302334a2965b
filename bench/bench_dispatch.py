"""Full hotplug requests through `Dispatcher.write`, firmware model included.

A request is text to be parsed, the RTAS calls of its operation, the firmware's answers
and the edit of the tree. A round takes CPUs away and gives them back. The reference is
pylibfdt doing the edits alone: look up, delete, add with the same properties. Mixed
requests of all kinds have none.
"""

from __future__ import annotations

from typing import Any

import libfdt
import pytest

from bench.measure import measure
from bench.peers import Case
from bench.trees import REAL, real
from pydlpar import DeviceTree, Dispatcher, Firmware, Node, Partition
from pydlpar.constants import LmbFlags
from pydlpar.data import default_tree_bytes
from pydlpar.stress.machine import small_tree
from pydlpar.stress.run import Plan, Report, Run

EMBEDDED = "embedded"
MIXED = "10000"
"""Requests of a round of all kinds; the rules are checked after each thousand."""
SLACK = 1 << 18
ASSIGNED = int(LmbFlags.ASSIGNED)
LMB_SIZE = 256 << 20
"""Bytes of an LMB of `small_tree`."""
CPUS = 32
"""CPUs that a round takes away, unless the machine has fewer to give."""


def blob_of(label: str) -> bytes:
    """A pseries machine: the one in the package, or a dump of the corpus."""
    if label == EMBEDDED:
        return default_tree_bytes()
    found = real(label)
    if found is None:
        pytest.skip(f"no {label}.dtb.gz in the corpus (set PYDLPAR_CORPUS)")
    return found.blob


def cpus(tree: DeviceTree) -> list[Node]:
    """All CPUs."""
    return [n for n in tree["/cpus"].children if n.get("device_type") == b"cpu\0"]


def to_take(tree: DeviceTree) -> list[Node]:
    """The CPUs that a round takes away: not the one that boots."""
    return cpus(tree)[1 : CPUS + 1]


def dispatcher_case(blob: bytes, profile: str) -> Case:
    """Requests by DRC index: half of them remove, half add."""
    tree = DeviceTree.from_dtb(blob)
    firmware = Firmware.from_tree(tree, profile)
    dispatcher = Dispatcher(Partition(tree), firmware)
    paths = {node.path for node in cpus(tree)}
    indexes = [node.u32("ibm,my-drc-index") for node in to_take(tree)]
    texts = [b"cpu remove index 0x%x\n" % index for index in indexes]
    texts += [b"cpu add index 0x%x\n" % index for index in indexes]

    def run() -> list[int]:
        write = dispatcher.write
        return [write(text) for text in texts]

    def check(taken: list[int]) -> None:
        assert taken == [len(text) for text in texts]
        assert paths == {node.path for node in cpus(tree)}
        assert dispatcher.last is not None
        assert dispatcher.last.changes[0][0] == "add"

    return Case(len(texts), run, check)


def edits_case(blob: bytes) -> Case:
    """The same changes of the tree, by pylibfdt, and nothing else of a request."""
    tree = DeviceTree.from_dtb(blob)
    props = {node.path: node.properties.as_dict() for node in to_take(tree)}
    fdt = libfdt.Fdt(blob)
    fdt.resize(len(blob) + SLACK)

    def run() -> None:
        for path in props:
            fdt.del_node(fdt.path_offset(path))
        for path, values in props.items():
            above, _, name = path.rpartition("/")
            at = fdt.add_subnode(fdt.path_offset(above), name)
            for key, value in values.items():
                fdt.setprop(at, key, value)

    def check(_: None) -> None:
        for path, values in props.items():
            at = fdt.path_offset(path)
            assert {key: fdt.getprop(at, key) for key in values} == values

    return Case(2 * len(props), run, check)


class OneByOne(Firmware):
    """The model, which has to answer every call."""

    def lmb_repeater(self) -> None:
        """Makes no offer."""


def memory_case(kind: type[Firmware], lmbs: int) -> Case:
    """A DIMM of many LMBs: taken in one request, given back in another."""
    tree = small_tree(lmbs=lmbs, assigned=0, version=2)
    firmware = kind.from_tree(tree, "lopar")
    firmware.plug_memory(lmbs * LMB_SIZE)
    dispatcher = Dispatcher(Partition(tree), firmware)
    texts = [b"memory %s count %d\n" % (what, lmbs) for what in (b"add", b"remove")]

    def run() -> list[int]:
        return [dispatcher.write(text) for text in texts]

    def check(taken: list[int]) -> None:
        assert taken == [len(text) for text in texts]
        assert not dispatcher.partition.lmbs.count(ASSIGNED, ASSIGNED)

    return Case(2 * lmbs, run, check)


def mixed_case() -> Case:
    """What `pydlpar stress run` does, the same in each round."""
    plan, count = Plan(seed=1, profile="lopar"), int(MIXED)
    made: list[Run] = []

    def run() -> Report:
        *_, report = made.pop()
        return report

    def check(report: Report) -> None:
        assert report.violation is None, str(report.violation)
        assert report.requests == count
        assert report.faults

    return Case(count, run, check, lambda: made.append(Run(plan, count)))


def test_mixed(benchmark: Any) -> None:
    """Requests of every kind, some with a fault; no rule is broken."""
    benchmark.group = "mixed"
    benchmark.extra_info.update(op="mixed", size=MIXED, peer="pydlpar")
    measure(benchmark, mixed_case())


@pytest.mark.parametrize("peer", ["pydlpar", "pydlpar-one-by-one"])
@pytest.mark.parametrize("lmbs", [64, 4096])
def test_lmb(benchmark: Any, lmbs: int, peer: str) -> None:
    """LMBs of one request, all at once and each on its own."""
    benchmark.group = f"lmb {lmbs}"
    benchmark.extra_info.update(op="lmb", size=str(lmbs), peer=peer)
    measure(benchmark, memory_case(Firmware if peer == "pydlpar" else OneByOne, lmbs))


@pytest.mark.parametrize("peer", ["pydlpar", "pydlpar-lopar", "pylibfdt"])
@pytest.mark.parametrize("label", [EMBEDDED, REAL])
def test_request(benchmark: Any, label: str, peer: str) -> None:
    """Every request succeeds and leaves the machine as it was."""
    benchmark.group = f"request {label}"
    benchmark.extra_info.update(op="request", size=label, peer=peer)
    blob = blob_of(label)
    if peer == "pylibfdt":
        measure(benchmark, edits_case(blob))
    else:
        profile = "lopar" if peer == "pydlpar-lopar" else "qemu"
        measure(benchmark, dispatcher_case(blob, profile))

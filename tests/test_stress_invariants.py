"""Each invariant holds of a machine in order, and fails where its subject is wrong.

A mutation per rule: the state is corrupted on purpose, and exactly that rule says so.
"""

from __future__ import annotations

import pytest
from script import cells

from pydlpar import DeviceTree, HotplugRequest, Partition, parse_request
from pydlpar.constants import Action, Resource
from pydlpar.dispatch import Outcome
from pydlpar.drc_states import DrcKind, situation
from pydlpar.drmem import LmbTable
from pydlpar.stress.evidence import EXCUSES, Evidence
from pydlpar.stress.invariants import check
from pydlpar.stress.machine import default_tree, make_machine, small_tree
from pydlpar.stress.state import snapshot

NODE = "/ibm,dynamic-reconfiguration-memory"
CPU, OTHER_CPU, FREE_CPU = 0x10000000, 0x10000002, 0x10000004
LMB, FREE_LMB = 0x80000001, 0x80000006
_RESOURCES = {2: Resource.PHB, 4: Resource.PCI, 9: Resource.PMEM}


def machine(**options):
    return make_machine(small_tree(), **options)


def rules(found):
    return {violation.rule for violation in found}


@pytest.mark.parametrize("profile", ["qemu", "lopar"])
@pytest.mark.parametrize("dialect", ["4.1", "4.10", "6.12"])
def test_all_hold_of_a_fresh_machine(profile, dialect):
    for tree in (None, small_tree(), small_tree(version=2)):
        made = make_machine(tree, profile=profile)
        assert check(made.partition, made.firmware) == []
    made = make_machine(default_tree(dialect), dialect=dialect, profile=profile)
    assert check(made.partition, made.firmware) == []


def test_all_hold_of_real_trees(real_trees):
    """Nothing in the rules is made up: trees of real guests keep them."""
    checked = 0
    for name, blob in real_trees.items():
        tree = DeviceTree.from_dtb(blob)
        partition = Partition(tree)
        if partition.memory_error is None:
            found = rules(check(partition))
            assert found <= {"tree-phandles"}, (name, found)
            checked += 1
    assert checked


def present_without_node(made):
    made.partition.logical_ids[77] = 7


def node_without_id(made):
    made.partition.detach_threads([3])


def online_but_absent(made):
    made.partition.online.add(99)


def nothing_online(made):
    made.partition.online.clear()


def one_thread_offline(made):
    made.partition.online.discard(1)


def id_twice(made):
    made.partition.logical_ids[3] = 0


def id_beyond(made):
    made.partition.logical_ids[3] = 1000


def id_leaked(made):
    made.partition.attach_threads(made.partition.cpu_nodes()[0], [40, 41])
    for thread in (40, 41):
        del made.partition.logical_ids[thread]


def property_differs(made):
    made.partition.lmbs.set(2, flags=0)
    made.firmware.connectors[0x80000002].reset()


def property_unreadable(made):
    made.partition.tree[NODE]["ibm,dynamic-memory"] = b"\0\0\0\1"


def property_shorter(made):
    shorter = LmbTable(list(made.partition.lmbs)[:-1], 0x10000000)
    made.partition.tree[NODE]["ibm,dynamic-memory"] = shorter.to_v1()


def associativity_beyond(made):
    partition = made.partition
    partition.lmbs.set(2, aa_index=9)
    partition.tree[NODE]["ibm,dynamic-memory"] = partition.lmbs.to_v1()


def arrays_damaged(made):
    made.partition.tree[NODE]["ibm,associativity-lookup-arrays"] = cells(5, 5)


def illegal_state(made):
    made.firmware.connectors[FREE_CPU].situation = situation(5, True)


def device_unknown_to_state(made):
    made.firmware.connectors[FREE_CPU].device = None


def device_of_another(made):
    connectors = made.firmware.connectors
    connectors[FREE_CPU].device = connectors[CPU].device


def unplug_miscounted(made):
    device = made.firmware.connectors[LMB].device
    device.remaining = 3


def cpu_acquired(made):
    made.firmware.set_indicator(9003, FREE_CPU, 1)


def lmb_acquired(made):
    made.firmware.set_indicator(9003, FREE_LMB, 1)


def cpu_released(made):
    made.firmware.set_indicator(9001, CPU, 0)


def lmb_released(made):
    made.firmware.set_indicator(9001, LMB, 0)


def lmb_unconfigured(made):
    lmb_released(made)
    made.firmware.set_indicator(9001, LMB, 1)


def two_nodes_of_a_drc(made):
    made.partition.tree.add_node("/other", {"ibm,my-drc-index": cells(CPU)})


def phandle_twice(made):
    node = made.partition.tree["/cpus"]
    node["phandle"] = cells(0x2000)


def slot_taken(made):
    made.firmware.set_indicator(9001, 0x40000000, 1)
    made.firmware.connectors[0x40000000].situation = situation(7, False)


def card_isolated(made):
    made.firmware.set_indicator(9001, 0x40000008, 0)


@pytest.mark.parametrize(
    ("mutate", "rule"),
    [
        (present_without_node, "threads-present"),
        (node_without_id, "threads-present"),
        (online_but_absent, "threads-present"),
        (nothing_online, "threads-present"),
        (one_thread_offline, "threads-allowed"),
        (id_twice, "cpu-ids"),
        (id_beyond, "cpu-ids"),
        (id_leaked, "cpu-ids"),
        (property_differs, "lmb-property"),
        (property_unreadable, "lmb-property"),
        (property_shorter, "lmb-property"),
        (associativity_beyond, "lmb-associativity"),
        (arrays_damaged, "lmb-associativity"),
        (illegal_state, "drc-legal"),
        (device_unknown_to_state, "drc-device"),
        (device_of_another, "drc-device"),
        (unplug_miscounted, "drc-device"),
        (cpu_acquired, "drc-held"),
        (lmb_acquired, "drc-held"),
        (cpu_released, "drc-lost"),
        (lmb_released, "drc-lost"),
        (lmb_unconfigured, "drc-unconfigured"),
        (slot_taken, "drc-held"),
        (card_isolated, "drc-lost"),
        (two_nodes_of_a_drc, "drc-node"),
        (phandle_twice, "tree-phandles"),
    ],
)
def test_each_rule_about_the_state_can_fail(mutate, rule):
    made = make_machine(small_tree(io=True))
    assert check(made.partition, made.firmware) == []
    mutate(made)
    assert rule in rules(check(made.partition, made.firmware))


def test_a_tree_that_reads_back_otherwise(monkeypatch):
    """What is written is not what was there, or cannot be read at all."""
    made = machine()
    other = small_tree(present=1).to_dtb()
    monkeypatch.setattr(DeviceTree, "to_dtb", lambda _self, **_: other)
    assert rules(check(made.partition)) == {"tree-round-trip"}
    monkeypatch.setattr(DeviceTree, "to_dtb", lambda _self, **_: other[:99])
    assert rules(check(made.partition)) == {"tree-round-trip"}


def test_the_cheap_variant_leaves_the_tree_alone():
    made = machine()
    two_nodes_of_a_drc(made)
    assert check(made.partition, made.firmware, full=False) == []


def said(text, changes=(), errno=0):
    """An outcome that nothing was done for."""
    return Outcome(parse_request(text, "4.10"), errno, [], list(changes), "said")


@pytest.mark.parametrize(
    "text",
    [
        f"cpu add index {FREE_CPU:#x}",
        f"cpu remove index {CPU:#x}",
        "cpu add count 1",
        "cpu remove count 1",
        f"memory add index {FREE_LMB:#x}",
        f"memory remove index {LMB:#x}",
        "memory add count 1",
        "memory remove count 1",
        f"memory add indexed-count 2 {FREE_LMB:#x}",
        f"memory remove indexed-count 2 {LMB:#x}",
    ],
)
def test_a_success_that_did_nothing(text):
    made = machine()
    before = snapshot(made.partition)
    assert rules(check(made.partition, made.firmware, before, said(text))) == {
        "success"
    }


def test_a_success_that_did_too_much():
    """Only what was asked for has changed."""
    made = machine(dialect="4.10")
    before = snapshot(made.partition)
    made.dispatcher.write("cpu add count 2")
    made.dispatcher.write("memory add count 2")
    for text in (f"cpu add index {FREE_CPU:#x}", "memory add index 0x80000005"):
        found = check(made.partition, made.firmware, before, said(text))
        assert "success" in rules(found), text


def test_a_request_that_nobody_handles_promises_nothing():
    made = machine()
    before = snapshot(made.partition)
    request = HotplugRequest.index(0x63, 1, 5)
    outcome = Outcome(request, 0, [], [], "left to others", handled=False)
    assert check(made.partition, made.firmware, before, outcome) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"cpu add index {FREE_CPU:#x}", {"failure-cpu"}),
        (f"cpu remove index {OTHER_CPU:#x}", {"failure-cpu"}),
        ("memory add count 1", {"failure-lmb-added", "failure-property"}),
        ("memory remove count 1", {"failure-lmb-removed", "failure-property"}),
    ],
)
def test_a_failure_that_changed_something(text, found):
    """Done, and then said to have failed, without a call that did."""
    made = machine()
    before = snapshot(made.partition)
    done = made.dispatcher.handle(parse_request(text))
    failed = said(text, done.changes, errno=5)
    assert rules(check(made.partition, made.firmware, before, failed)) == found


@pytest.mark.parametrize("index", [0x40000008, 0x20000000, 0x90000000])
def test_a_failure_that_took_a_device(index):
    made = make_machine(small_tree(io=True), profile="qemu")
    before = snapshot(made.partition)
    request = HotplugRequest.index(_RESOURCES[index >> 28], Action.REMOVE, index)
    done = made.dispatcher.handle(request)
    assert done.errno == 0
    failed = Outcome(request, 5, [], done.changes, "said")
    found = check(made.partition, made.firmware, before, failed)
    assert rules(found) == {"failure-device"}


def test_lookup_arrays_may_grow_only():
    made = machine()
    before = snapshot(made.partition)
    node = made.partition.tree[NODE]
    name = "ibm,associativity-lookup-arrays"
    change = ("set", NODE, name, b"", b"")
    failed = said("memory add count 1", [change], errno=5)
    node[name] = cells(2, 1, 0, 7)
    assert check(made.partition, made.firmware, before, failed) == []
    node[name] = cells(1, 1, 7)
    found = check(made.partition, made.firmware, before, failed)
    assert rules(found) == {"failure-arrays"}


@pytest.mark.parametrize(
    ("edit", "changes", "expected"),
    [
        (lambda tree: tree.root.__setitem__("x", b""), [], True),
        (lambda tree: tree.root.__setitem__("x", b""), [("set", "/", "x")], False),
        (lambda tree: tree.add_node("/new", {}), [], True),
        (lambda tree: tree.add_node("/new", {}), [("add", "/new")], False),
        (lambda tree: tree.remove_node("/rtas"), [("remove", "/rtas")], False),
        (lambda tree: tree.remove_node("/rtas"), [("add", "/rtas")], True),
        (lambda _tree: None, [("remove", "/rtas")], True),
        (lambda _tree: None, [("add", "/new"), ("remove", "/new")], False),
        (lambda tree: setattr(tree, "boot_cpu", 3), [], True),
    ],
)
def test_changes_are_those_that_the_outcome_tells_of(edit, changes, expected):
    made = machine()
    before = snapshot(made.partition)
    edit(made.partition.tree)
    failed = said("memory add count 1", changes, errno=5)
    found = check(made.partition, made.firmware, before, failed)
    assert rules(found) == ({"changes"} if expected else set())


def test_structure_of_an_equal_tree_is_as_long(monkeypatch):
    """Were anything left of what came and went, it would show."""
    made = machine()
    before = snapshot(made.partition)
    outcome = said("memory add count 1", errno=5)
    sizes = iter(range(10))
    to_dtb = DeviceTree.to_dtb

    def padded(tree, **options):
        blob = to_dtb(tree, **options)
        if options:
            return blob
        return blob[:36] + cells(next(sizes)) + blob[40:]

    monkeypatch.setattr(DeviceTree, "to_dtb", padded)
    found = check(made.partition, None, before, outcome)
    assert "tree-size" in rules(found)


def test_pairs_leave_the_tree_as_it_was():
    """Add and remove, twice: after the first pair, to the byte (names stay once)."""
    made = machine()
    texts = [
        *(f"cpu {action} index {FREE_CPU:#x}" for action in ("add", "remove")),
        *(f"memory {action} index {FREE_LMB:#x}" for action in ("add", "remove")),
    ]
    blobs = []
    for _ in range(3):
        for text in texts:
            assert made.dispatcher.write(text) > 0
        blobs.append(made.partition.tree.to_dtb())
    assert blobs[0] == blobs[1] == blobs[2]


def test_violations_are_told_in_words_and_json():
    made = machine()
    cpu_acquired(made)
    (violation,) = check(made.partition, made.firmware)
    assert str(violation).startswith("drc-held: <Connector 0x10000004")
    assert violation.to_dict()["rule"] == "drc-held"


def test_every_kind_of_connector_has_legal_states():
    """The rule `drc-legal` knows them all."""
    made = make_machine()
    kinds = {connector.kind for connector in made.firmware.connectors.values()}
    assert kinds == set(DrcKind)


def test_an_excuse_needs_its_own_evidence():
    """What failed on one connector does not excuse another, nor another rule."""
    made = machine()
    evidence = Evidence()
    evidence.failed.add(("set-indicator", FREE_CPU))
    cpu_acquired(made)
    assert check(made.partition, made.firmware, evidence=evidence) == []
    lmb_acquired(made)
    found = check(made.partition, made.firmware, evidence=evidence)
    assert [v.rule for v in found] == ["drc-held"]
    assert f"{FREE_LMB:#x}" in found[0].message
    evidence.forget()
    assert len(check(made.partition, made.firmware, evidence=evidence)) == 2


def test_every_excuse_names_its_source():
    for excuse in EXCUSES:
        assert excuse.source.startswith(("kernel.md 4.", "operations/"))
        assert excuse.why

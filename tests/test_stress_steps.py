"""The steps of a run beside plain requests: each does what it says, on any machine."""

from __future__ import annotations

from itertools import islice
from random import Random

import pytest

from pydlpar.data import default_tree_bytes
from pydlpar.drc import DrcList
from pydlpar.drc_encode import drc_arrays
from pydlpar.drc_states import PROFILES, DrcKind
from pydlpar.platforms.firmware_devices import DeviceKind
from pydlpar.request import DIALECTS
from pydlpar.stress.invariants import check
from pydlpar.stress.machine import default_tree, make_machine, small_tree
from pydlpar.stress.management import Management
from pydlpar.stress.plan import WEIGHTS, requests
from pydlpar.stress.repair import give_back
from pydlpar.tree import DeviceTree

ALL = dict.fromkeys(WEIGHTS, 1)
LMB = 0x80000010


def machine(dialect="6.12", profile="lopar", tree=None, **options):
    return make_machine(tree, dialect=dialect, profile=profile, **options)


def full(dialect="6.12", profile="lopar", tree=None):
    return machine(dialect, profile, tree, devices=True)


def outcomes(made, kind, count=60, seed=1):
    """What becomes of some steps of one kind: words, outcomes."""
    steps = islice(requests(seed, made, {kind: 1}), count)
    return [(str(step), step.perform()) for step in steps]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_every_kind_that_there_is(dialect, profile):
    """By what the kernel line knows; the rest is left out."""
    made = full(dialect, profile)
    stream = requests(1, made, ALL)
    seen = set()
    for item in islice(stream, 400):
        seen.add(stream.kind)
        if hasattr(item, "perform"):
            item.perform()
        else:
            made.dispatcher.handle(item)
    missing = set(WEIGHTS) - seen
    newest, old = {"dt"}, {"pmem", "dt"}
    expected = {
        "6.12": set(),
        "5.16": newest,
        "4.10": old,
        "4.5": old | {"event", "memory-range"},
        "4.1": old | {"event", "memory-range", "cpu"},
    }
    assert missing == expected[dialect]


@pytest.mark.parametrize("kind", ["pci", "phb", "pmem", "ofdt", "probe", "plug"])
@pytest.mark.parametrize("profile", PROFILES)
def test_most_of_it_succeeds_without_faults(kind, profile):
    made = full(profile=profile)
    done = [outcome for _, some in outcomes(made, kind) for outcome in some]
    # What is refused is meant to be: for ofdt half of it.
    failed = [str(outcome) for outcome in done if outcome.errno]
    assert len(failed) < len(done) * 0.7, failed
    assert any(outcome.changes for outcome in done)
    if kind != "pci":
        assert check(made.partition, made.firmware) == []


def test_dt_goes_by_drc_info_only():
    """6.12 finds a parent in ibm,drc-info, which the lopar tree has, QEMU's has not."""
    for profile, works in (("lopar", True), ("qemu", False)):
        made = full(profile=profile)
        request = next(iter(requests(1, made, {"pci": 1})))
        assert request.perform()[0].errno == 0
        done = outcomes(made, "dt", 200)
        added = [o for words, (o,) in done if " add " in words and not o.errno]
        assert bool(added) is works


def test_text_is_what_the_kernel_line_reads():
    """Most of it is carried out as the request that it says."""
    made = machine(tree=small_tree())
    done = outcomes(made, "text", 100)
    assert all(words.startswith("write '") for words, _ in done)
    assert sum(not o.errno for _, (o,) in done) > 40


def test_malformed_text_is_refused():
    made = machine(tree=small_tree())
    done = outcomes(made, "malformed", 200)
    assert all(outcome.errno for _, (outcome,) in done)
    assert len({words for words, _ in done}) > 150


def test_events_are_acted_upon():
    made = machine(tree=small_tree())
    done = outcomes(made, "event", 100)
    assert made.dispatcher.events.handled > 80
    assert any(not outcome.errno for _, (outcome,) in done)


def test_probe_answers_for_its_request():
    """So that what a failed one leaves is looked at as that of any other."""
    made = full()
    (words, (outcome,)), *_ = outcomes(made, "probe", 1)
    assert str(outcome.request).startswith("cpu ")
    assert words.split()[0] in ("probe", "release")


def test_management_without_interrupts_asks_by_request():
    """4.5 has no interrupt: the events are dropped, somebody writes."""
    made = full("4.5")
    management = Management(made, Random(1))
    for _ in range(30):
        words, (outcome,) = management.change()
        assert outcome.request is not None
        assert words.split()[0] in ("plug", "unplug", "memory", "cpu", "pci", "phb")
        if outcome.request.resource in made.dispatcher.resources:
            assert outcome.handled
    assert len(made.firmware.events) == 0


def test_a_lost_event_is_seen_to():
    """A device that was asked for and stays is asked for by a request."""
    made = full()
    management = Management(made, Random(1))
    dimm = made.firmware.connector(LMB).device
    made.dispatcher.write(f"memory add index {LMB:#x}")
    made.firmware.unplug(dimm)
    made.firmware.events.clear()
    for _ in range(2000):
        words, _ = management.change()
        if words == f"memory remove index {LMB:#010x}":
            break
    assert made.firmware.connector(LMB).device is not dimm


@pytest.mark.parametrize("profile", PROFILES)
def test_what_may_come_back_is_one_lmb(profile):
    """Also after it was refused half way, which a DIMM of two does not survive."""
    made = full(profile=profile)
    dimms = [d for d in made.firmware.devices if d.kind is DeviceKind.DIMM]
    sizes = {len(dimm.connectors) for dimm in dimms}
    assert 1 in sizes
    assert (sizes == {1}) is (profile == "qemu")
    assert len(Management(made, Random(1)).dimms) == 24
    assert len(made.firmware.events) == 0


def test_offer_and_ask_back():
    """The management's part of memory that comes and goes on QEMU."""
    made = full(profile="qemu")
    firmware = made.firmware
    management = Management(made, Random(1))
    management.ask_back(LMB)
    assert firmware.connector(LMB).device is None
    management.ask_back(LMB)
    management.offer(LMB)
    assert made.dispatcher.write(f"memory add index {LMB:#x}") > 0
    management.ask_back(LMB)
    assert firmware.connector(LMB).unplug_requested
    assert made.dispatcher.write(f"memory remove index {LMB:#x}") > 0
    assert firmware.connector(LMB).device is None
    for index in (0x8FFFFFFF,):
        management.offer(index)
        management.ask_back(index)


@pytest.mark.parametrize("profile", PROFILES)
def test_memory_left_behind_is_given_back(profile):
    """On QEMU the DIMM leaves, as nobody had asked for it."""
    made = full(profile=profile)
    connector = made.firmware.connector(LMB)
    for indicator in (9003, 9001):
        made.firmware.set_indicator(indicator, LMB, 1)
    assert give_back(made.firmware, connector)
    assert connector.is_empty_state
    assert (connector.device is None) is (profile == "qemu")
    assert not give_back(made.firmware, connector)


@pytest.mark.parametrize("name", ["none", "bare"])
def test_machine_that_has_little(name):
    """Without memory, cores or slots there is less to do, and no error."""
    tree = DeviceTree() if name == "none" else small_tree(cores=1, present=1, lmbs=0)
    made = full(tree=tree)
    found = requests(1, made, ALL)
    for item in islice(found, 100):
        if hasattr(item, "perform"):
            item.perform()
        else:
            made.dispatcher.handle(item)


def test_places_are_filled_within_the_slots():
    """Whatever number of slots the tree has for DIMMs."""
    for slots in (1, 2, 3, 9):
        tree = default_tree()
        for name in ("ibm,drc-indexes", "ibm,drc-names", "ibm,drc-types"):
            assert name in tree.root
        keep_pmem(tree, slots)
        made = full(tree=tree)
        dimms = [d for d in made.firmware.devices if d.kind in MEMORY]
        assert len(dimms) <= slots


MEMORY = (DeviceKind.DIMM, DeviceKind.NVDIMM)


def keep_pmem(tree, slots):
    """Leave only that many connectors of persistent memory."""
    listed = DrcList.from_properties(tree.root.properties)
    pmem = sorted(drc for drc in listed if drc.type == "PMEM")[:slots]
    kept = [drc for drc in listed if drc.type != "PMEM"] + pmem
    for name, value in drc_arrays(kept).items():
        tree.root[name] = value


def test_lopar_lists_connectors_in_drc_info():
    """What the newer lines read; older ones and QEMU have the arrays."""
    assert "ibm,drc-info" in default_tree("6.12", "lopar")["/cpus"]
    for dialect, profile in (("6.12", "qemu"), ("4.10", "lopar")):
        assert "ibm,drc-info" not in default_tree(dialect, profile)["/cpus"]
    embedded = DeviceTree.from_dtb(default_tree_bytes())
    found = [machine(tree=t).firmware.connectors for t in (embedded, None)]
    assert found[0].keys() == found[1].keys()
    assert any(c.kind is DrcKind.PHB for c in found[1].values())

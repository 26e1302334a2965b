"""What is known from one LMB is what would be done to another one."""

from __future__ import annotations

import errno
import struct

from hypothesis import given, settings
from hypothesis import strategies as st
from repeats import (
    ARRAYS,
    FIRST,
    LMB,
    LMBS,
    NODE,
    RESERVED,
    OneByOne,
    carry_out,
    filled,
    machine,
    plans,
    repeats,
    seen,
    state,
)

from pydlpar.dispatch import Dispatcher
from pydlpar.drmem import LmbTable
from pydlpar.operations.calls import REPEAT
from pydlpar.partition import Partition
from pydlpar.platforms.faults import AtRandom, Faulty
from pydlpar.platforms.firmware import Firmware
from pydlpar.platforms.numa import Numa
from pydlpar.stress.machine import small_tree


@settings(max_examples=60, deadline=None)
@given(
    plan=plans,
    dialect=st.sampled_from(["4.1", "4.16", "5.14", "6.12"]),
    profile=st.sampled_from(["qemu", "lopar"]),
    known=st.integers(0, 2),
    seed=st.none() | st.integers(0, 99),
)
def test_what_is_known_from_before_is_the_same(plan, dialect, profile, known, seed):
    """The same requests again and again, of which more and more steps are known."""
    faults = [None if seed is None else AtRandom(seed, 0.01) for _ in range(2)]
    pairs = [
        machine(kind, dialect, profile, known=known, faults=plan_of)
        for kind, plan_of in zip((Firmware, OneByOne), faults, strict=True)
    ]
    for step in plan * 4:
        came = [carry_out(*pair, step) for pair in pairs]
        assert came[0] == came[1], step
        assert state(*pairs[0]) == state(*pairs[1]), step


def index_request(action, number):
    return f"memory {action} index {FIRST + RESERVED + number:#x}"


def test_a_step_is_known_from_another_lmb():
    """Not called again, but in the record: each call, about the LMB that it is for."""
    dispatcher, _ = filled(profile="lopar")
    dispatcher.interrupt()
    made = {}
    for number in (1, 2):
        for action in ("remove", "add"):
            assert dispatcher.write(index_request(action, number)) > 0
            made[action, number] = dispatcher.last
    assert [repeats(outcome) for outcome in made.values()] == [[], [], [1], [1]]
    for action in ("remove", "add"):
        first, second = (made[action, number].calls for number in (1, 2))
        assert [call.function for call in first] == [call.function for call in second]
        about = {argument for call in second for argument in call.arguments}
        assert about >= {FIRST + RESERVED + 2, (RESERVED + 2) * LMB}
        assert not about & {FIRST + RESERVED + 1, (RESERVED + 1) * LMB}


def test_what_failed_tells_its_own_reason():
    """Also where the like of it has failed before, and is known to."""
    dispatcher, firmware = machine(Firmware, "6.12", "lopar", assigned=0)
    reasons, known = set(), []
    for number in (3, 4):
        index = f"{FIRST + RESERVED + number:#010x}"
        assert dispatcher.write(index_request("add", number)) == -22
        assert index in dispatcher.last.reason
        assert index in firmware.last_rejection
        reasons.add(dispatcher.last.reason.replace(index, ""))
        known.append(repeats(dispatcher.last))
    assert len(reasons) == 1
    assert known == [[], [1]]


class Full(Firmware):
    """It has room for no memory, and vouches for that."""

    def add_memory(self, base, size, node):
        del base, size, node
        return -errno.ENOMEM

    def lmb_repeater(self):
        return self


def test_a_reason_that_may_be_of_one_lmb_only_is_not_known():
    """Memory that does not come is told by its own address."""

    dispatcher, firmware = machine(Full, "6.12", "lopar", assigned=0)
    firmware.plug_memory(4 * LMB, addr=RESERVED * LMB)
    for number in range(RESERVED, RESERVED + 4):
        assert dispatcher.write(f"memory add index {FIRST + number:#x}") < 0
        reason = dispatcher.last.reason
        assert reason.startswith(f"memory at {number * LMB:#x} was not added")
        assert repeats(dispatcher.last) == []


def test_an_address_is_not_taken_for_a_drc_index():
    """Not even where it is the same number."""
    dispatcher, firmware = machine(Full, "6.12", "lopar", assigned=0)
    firmware.plug_memory(2 * LMB, addr=RESERVED * LMB)
    rows = list(dispatcher.partition.lmbs)
    rows[RESERVED] = rows[RESERVED]._replace(base=rows[RESERVED].drc_index)
    dispatcher.partition.lmbs = LmbTable(rows, LMB)
    for row in rows[RESERVED : RESERVED + 2]:
        assert dispatcher.write(f"memory add index {row.drc_index:#x}") < 0
        assert f"memory at {row.base:#x} was not added" in dispatcher.last.reason
        assert repeats(dispatcher.last) == []


def test_a_reason_without_the_index_is_not_known():
    """It may be about anything, such as the lookup arrays."""
    dispatcher, _ = filled(profile="lopar")
    dispatcher.interrupt()
    for number in (1, 2):
        assert dispatcher.write(index_request("remove", number)) > 0
    del dispatcher.partition.tree[NODE][ARRAYS]
    for number in (1, 2):
        assert dispatcher.write(index_request("add", number)) == -errno.ENODEV
        assert dispatcher.last.reason == f"there is no {ARRAYS}"
        assert repeats(dispatcher.last) == []


def test_a_reason_not_asked_for_is_told_when_it_is():
    """What failed behind a first failure is made by calls once more, then known."""
    dispatcher, _ = machine(Firmware, "6.12", "lopar", assigned=0)
    lmbs = dispatcher.partition.lmbs
    assert dispatcher.write("memory add count 2") == -22
    lmbs.set(RESERVED + 3, aa_index=1)
    assert dispatcher.write("memory add count 2") == -22
    known = []
    for _ in range(2):
        assert dispatcher.write(index_request("add", 3)) == -22
        assert f"{FIRST + RESERVED + 3:#010x}" in dispatcher.last.reason
        known.append(repeats(dispatcher.last))
    assert known == [[], [1]]


def test_what_is_known_to_fail_fails_as_before():
    """Of a count with nothing behind the LMBs: the last is the one rejected last."""
    seen_by = []
    for kind in (Firmware, OneByOne):
        dispatcher, firmware = machine(kind, "6.12", "lopar", assigned=0)
        lmbs = dispatcher.partition.lmbs
        for position in range(len(lmbs)):
            lmbs.set(position, aa_index=position)  # no two in a row are alike
        assert dispatcher.write("memory add count 1") == -22
        seen_by.append((seen(dispatcher.last), firmware.last_rejection))
        if kind is Firmware:
            assert len(repeats(dispatcher.last)) == 0
        assert dispatcher.write("memory add count 1") == -22
        seen_by.append((seen(dispatcher.last), firmware.last_rejection))
        if kind is Firmware:
            assert repeats(dispatcher.last) == [1] * (LMBS + RESERVED)
    assert seen_by[:2] == seen_by[2:]
    assert f"{FIRST + RESERVED + LMBS - 1:#010x}" in seen_by[0][1]


def test_other_lookup_arrays_are_looked_at():
    """Rows that somebody has put into another order: the LMB points to its own."""
    dispatcher, _ = filled(profile="lopar", known=2)
    dispatcher.interrupt()
    for action in ("remove", "add", "remove"):
        dispatcher.write(index_request(action, 1))
    dispatcher.partition.tree[NODE][ARRAYS] = struct.pack(">4I", 2, 1, 1, 0)
    assert dispatcher.write(index_request("add", 1)) > 0
    assert dispatcher.partition.lmbs[RESERVED + 1].aa_index == 1


def test_a_step_that_changed_the_tree_is_made_anew():
    """The array that it appended may have gone meanwhile."""
    dispatcher, _ = filled(profile="lopar", known=0)
    node = dispatcher.partition.tree[NODE]
    before, outcomes = node[ARRAYS], []
    dispatcher.interrupt()
    for number in (1, 2):
        assert dispatcher.write(index_request("remove", number)) > 0
        node[ARRAYS] = before
        assert dispatcher.write(index_request("add", number)) > 0
        outcomes.append(dispatcher.last)
        assert node[ARRAYS] != before
    assert [repeats(outcome) for outcome in outcomes] == [[], []]


def test_a_step_that_had_to_wait_is_made_anew():
    """Firmware says how long, each time."""

    class Slow(Firmware):
        answers = 0

        def set_indicator(self, indicator, index, value):
            self.answers += 1
            if self.answers % 2:
                return 9902
            return super().set_indicator(indicator, index, value)

        def lmb_repeater(self):
            return self

    dispatcher, firmware = machine(Slow, "6.12", "lopar", assigned=0)
    firmware.plug_memory(2 * LMB, addr=RESERVED * LMB)
    for number in (0, 1):
        assert dispatcher.write(index_request("add", number)) > 0
        waits = [call for call in dispatcher.last.calls if call.function == "sleep"]
        assert [call.arguments for call in waits] == [(100,), (100,)]
        assert repeats(dispatcher.last) == []


def test_other_domains_are_another_state():
    """The LMB is delivered with another associativity from then on."""
    dispatcher, firmware = filled(profile="lopar")
    dispatcher.interrupt()
    for action in ("remove", "add", "remove"):
        dispatcher.write(index_request(action, 1))
    firmware.associate(Numa(1, ((10, 20), (20, 10)), ((9,), (10,))))
    assert dispatcher.write(index_request("add", 1)) > 0
    assert repeats(dispatcher.last) == []
    assert dispatcher.last.changes[0][:3] == ("set", NODE, ARRAYS)
    assert dispatcher.partition.lmbs[RESERVED + 1].aa_index == 1


def core(number):
    """The DRC index of a core of `small_tree`."""
    return 0x10000000 | 2 * number


def cpu_machine(kind, profile, faults):
    firmware = kind.from_tree(small_tree(), profile)
    firmware.cas()
    for number in (4, 6):
        firmware.plug_cpu(number)
    firmware.events.clear()
    platform = firmware if faults is None else Faulty(firmware, faults)
    return Dispatcher(Partition(small_tree()), platform, "4.10"), firmware


cpu_plans = st.lists(
    st.tuples(
        st.sampled_from(["index", "count", "unplug", "plug"]),
        st.sampled_from(["add", "remove"]),
        st.integers(0, 3),
    ),
    max_size=12,
)


@settings(max_examples=100, deadline=None)
@given(cpu_plans, st.sampled_from(["qemu", "lopar"]), st.none() | st.integers(0, 99))
def test_cpus_are_acquired_and_released_as_by_calls(plan, profile, seed):
    """Results, calls, tree, connectors, with unplugs pending, and with faults."""
    pairs = [
        cpu_machine(kind, profile, None if seed is None else AtRandom(seed, 0.02))
        for kind in (Firmware, OneByOne)
    ]
    for what, action, number in plan * 3:
        came = []
        for dispatcher, firmware in pairs:
            device = firmware.connectors[core(number)].device
            if what == "plug" and device is None:
                firmware.plug_cpu(2 * number)
            elif what == "unplug" and device is not None and number:
                firmware.unplug(device)
            elif what == "index":
                dispatcher.write(f"cpu {action} index {core(number):#x}")
            elif what == "count":
                dispatcher.write(f"cpu {action} count {number}")
            came.append((dispatcher.last and seen(dispatcher.last), dispatcher.calls))
        assert came[0] == came[1]
        assert state(*pairs[0]) == state(*pairs[1])


def test_an_acquisition_is_known_from_another_core():
    """One entry of the record, which says of which core it is."""
    dispatcher, _ = cpu_machine(Firmware, "lopar", None)
    made = []
    for number in (2, 3):
        assert dispatcher.write(f"cpu add index {core(number):#x}") > 0
        made.append(dispatcher.last)
    known = [
        sum(effect[0] == REPEAT for effect, _ in outcome._trace) for outcome in made
    ]
    assert known == [0, 1]
    first, second = (outcome.calls for outcome in made)
    assert [call.function for call in first] == [call.function for call in second]
    assert {call.arguments[1] for call in second[:3]} == {core(3)}

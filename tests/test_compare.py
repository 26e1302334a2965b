"""Steps, comparison, shrinking, plans: with models alone, everywhere."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydlpar import ArgumentError, DeviceTree
from pydlpar.compare.guest_side import GUEST_VERBS, GuestSide
from pydlpar.compare.lockstep import Pair, compare
from pydlpar.compare.machines import MachineSpec, open_models, opener
from pydlpar.compare.random_steps import MIXES, random_steps
from pydlpar.compare.saved import SavedPlan, run_plan, shrink_plan
from pydlpar.compare.shrink import shrink
from pydlpar.compare.sides import without_time
from pydlpar.compare.steps import VERBS, Step, step_from_dict
from pydlpar.errors import PlatformError
from pydlpar.sizes import parse_size

make = Step.make
SPEC = MachineSpec()
REMOVE = make("write", data=b"cpu remove index 0x10000001")


def same_pair():
    return open_models(SPEC, "qemu")


@pytest.mark.parametrize("mix", MIXES)
@pytest.mark.parametrize("seed", range(3))
def test_a_model_is_like_itself(mix, seed):
    """No difference in any aspect; most aspects are compared."""
    found = compare(same_pair(), random_steps(seed, mix, 300))
    assert found.differences == []
    assert found.n_compared > 600
    assert len(found.steps) + found.left_out.total() == 300


@pytest.mark.parametrize("mix", MIXES)
def test_the_same_seed_gives_the_same_steps(mix):
    """And its steps can be done again from their list."""
    first = compare(same_pair(), random_steps(7, mix, 100))
    again = compare(same_pair(), random_steps(7, mix, 100))
    assert first.steps == again.steps
    assert compare(same_pair(), first.steps).compared == first.compared
    other = compare(same_pair(), random_steps(8, mix, 100))
    assert first.steps != other.steps


def broken(**changes):
    """A pair whose second side answers otherwise."""

    def change(firmware):
        for name, answer in changes.items():
            setattr(firmware, name, answer)

    return open_models(SPEC, "qemu", change=change)


DEFECTS = [
    (
        "get_sensor_state",
        (0, 7),
        make("get_sensor_state", sensor=9003, index=1),
        "status",
    ),
    (
        "set_indicator",
        9,
        make("set_indicator", indicator=1, index=1, value=1),
        "status",
    ),
    ("connector_call", -7, make("walk", index=1), "statuses"),
    ("check_exception", (0, b"x" * 90), make("check_exception", mask=1), "event"),
    ("plug_cpu", None, make("plug_cpu", core_id=99), "refused"),
]


@pytest.mark.parametrize(("name", "answer", "step", "aspect"), DEFECTS)
def test_each_aspect_is_compared(name, answer, step, aspect):
    """A wrong answer is told with its step, and nothing hides it."""
    found = compare(broken(**{name: lambda *_, **__: answer}), [REMOVE, step, REMOVE])
    assert aspect in {d.aspect for d in found.unexplained}
    assert step in {d.step for d in found.unexplained}


def test_trees_and_outcomes_are_compared():
    """A thread that cannot be stopped: another result, other calls, another tree."""
    found = compare(broken(offline_cpu=lambda _: -16), [REMOVE])
    aspects = {d.aspect: d for d in found.unexplained}
    assert aspects.keys() == {"result", "calls", "changes", "tree"}
    assert (aspects["result"].model, aspects["result"].real) == ("27", "-22")
    assert "/cpus" in aspects["tree"].real
    assert "offline-cpu" in aspects["calls"].real


def test_order_of_nodes_counts_only_where_it_is_said():
    """A guest's tree comes by name."""
    pair = same_pair()
    tree = pair.real.dispatcher.partition.tree
    tree.attach("/", tree.detach("/chosen"))
    assert compare(pair, [REMOVE]).unexplained
    pair = same_pair()
    tree = pair.real.dispatcher.partition.tree
    tree.attach("/", tree.detach("/chosen"))
    assert not compare(pair._replace(ordered=False), [REMOVE]).unexplained


def deleted(device, path):
    data = {"device": device, "path": path}
    return {"event": "DEVICE_DELETED", "data": data}


class Scripted:
    """A side that tells events as it is told."""

    def __init__(self, *told):
        self.told = list(told)

    def do(self, step):
        del step
        return {"qmp_events": self.told.pop(0)}

    def close(self):
        pass


P, Q = deleted("p", "/machine/peripheral/p"), deleted("q", "/machine/peripheral/q")
CORE = deleted("c", "/machine/peripheral/c")
ERROR = {"event": "MEM_UNPLUG_ERROR", "data": {"device": "d"}}
TELLING = [
    # what the model tells, what the other one tells, step and rule of differences
    ([[P], []], [[P], []], []),
    ([[P], [Q]], [[], [P, Q]], [(1, "late-deletion")]),
    ([[P], [Q]], [[], [Q, P]], [(1, "late-deletion")]),
    ([[P], []], [[], []], [(1, "late-deletion")]),
    ([[P], [Q]], [[], [P]], [(1, "late-deletion"), (2, "late-deletion")]),
    ([[P, Q], []], [[Q, P], []], [(1, "order-of-deletions")]),
    ([[], [P]], [[P], []], [(1, None), (2, "late-deletion")]),
    ([[ERROR], []], [[], []], [(1, None)]),
    ([[ERROR, P], []], [[P, ERROR], []], [(1, None)]),
    ([[CORE], []], [[], []], [(1, None)]),
    ([[P], []], [[ERROR], []], [(1, None)]),
]


@pytest.mark.parametrize(("ours", "theirs", "expected"), TELLING)
def test_events_may_be_late(ours, theirs, expected):
    """Deletions of PCI devices and host bridges, and nothing else."""
    pair = same_pair()
    pair.model.platform.plug_cpu(3, "c")
    told = list(ours)
    model = pair.model
    model._qmp_events = lambda: told.pop(0)
    step = make("get_power_level", domain=1)
    found = compare(Pair(model, Scripted(*theirs)), [step, step])
    assert [(d.number, d.explained) for d in found.differences] == expected


def test_a_machine_that_is_gone():
    """What is refused is an answer; what is not is the end."""

    class GoneError(PlatformError):
        pass

    def gone(*_, **__):
        raise GoneError("killed by SIGSEGV")

    unplug = make("unplug", target="x")
    found = compare(broken(unplug=gone), [REMOVE, unplug, REMOVE])
    assert [(d.number, d.aspect) for d in found.differences] == [(2, "alive")]
    assert "SIGSEGV" in found.differences[0].real


def test_steps_that_qemu_does_not_survive_are_left_out():
    """On both sides, so that they stay the same."""
    memory = make("plug_memory", size=256 << 20, id="m")
    leave = [make("plug_cpu", core_id=3, id="c"), make("unplug", target="c")]
    found = compare(same_pair(), [memory, *leave, memory, make("reset"), memory])
    assert found.left_out == {"memory-after-core": 3}
    assert len(found.steps) == 3
    pci = make("plug_pci", driver="virtio-mouse-pci", slot=2, function=1)
    found = compare(same_pair(), [pci, pci])
    assert found.left_out == {"function-again": 1}


@given(
    st.lists(st.integers(0, 30), max_size=40), st.sets(st.integers(0, 30), max_size=4)
)
def test_shrinking_finds_the_least(items, needed):
    """What is needed stays, once, in order; all else goes."""

    def shows(shorter):
        return needed <= set(shorter)

    if shows(items):
        kept = shrink(items, shows, 10_000)
        assert sorted(kept) == sorted(needed)


def test_shrinking_asks_so_often_only():
    asked = []
    shrink(range(100), lambda shorter: bool(asked.append(shorter)), 3)
    assert len(asked) == 3
    assert shrink([1], lambda _: False, 9) == [1]
    assert shrink([], lambda _: True, 9) == []


def test_a_difference_is_shrunk_to_its_cause():
    """Two steps are enough to see that LoPAR has phandles where QEMU has none."""
    open_pair = opener(SPEC, "model", other="lopar")
    found = compare(open_pair(), random_steps(1, "requests", 300))
    first = next(d for d in found.unexplained if d.aspect == "tree")
    short = shrink_plan(open_pair, found.steps, first)
    assert len(short) == 2
    assert "remove" in str(short[0])
    assert "add" in str(short[1])
    assert any(map(first.is_like, run_plan(open_pair, short).unexplained))


values = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5))


@given(st.sampled_from(sorted(VERBS)), st.data())
def test_steps_come_back_from_json(verb, data):
    """All arguments, through JSON; writes with any bytes."""
    given_ = {
        name: data.draw(st.binary() if name == "data" else values)
        for name in VERBS[verb]
    }
    step = make(verb, **given_)
    assert step_from_dict(json.loads(json.dumps(step.to_dict()))) == step
    assert str(step).startswith(verb)


BAD_STEPS = [
    (1, "expected an object with 'do'"),
    ({}, "expected an object with 'do'"),
    ({"do": "fly"}, "step 'fly': expected one of write"),
    ({"do": "walk"}, "step 'walk': missing argument 'index'"),
    ({"do": "reset", "x": 1}, "step 'reset': unknown argument 'x', expected none"),
    ({"do": "unplug", "target": [1]}, "target is [1], expected a number, text"),
    ({"do": "write", "data": "\u1234"}, "character 0 is not a byte"),
]


@pytest.mark.parametrize(("record", "message"), BAD_STEPS)
def test_what_is_no_step(record, message):
    with pytest.raises(ArgumentError) as error:
        step_from_dict(record)
    assert message in str(error.value)


def test_plans_come_back_from_their_file():
    tree = DeviceTree()
    spec = MachineSpec(cpus=3, form1=True)
    plan = SavedPlan([REMOVE], "guest", spec, "6.1", tree, [{"a": 1}])
    again = SavedPlan.from_json(plan.to_json())
    assert again.tree.to_dtb() == tree.to_dtb()
    again.tree = tree
    assert again == plan


BAD_PLANS = [
    ("{", "no JSON"),
    ("[]", "expected an object with format"),
    ({"format": "x"}, "expected an object with format"),
    ({"version": 2}, "version 2, expected 1"),
    ({"against": "phyp"}, "against 'phyp', expected one of model"),
    ({"steps": {}}, "expected 'steps', a list"),
    ({"steps": [REMOVE.to_dict(), {"do": "x"}]}, "plan, step 2: step 'x'"),
    ({"machine": 1}, "machine 1: expected an object"),
    ({"machine": {"cpu": 1}}, "unknown 'cpu', expected cpus"),
    ({"machine": {"cpus": True}}, "cpus True, expected int"),
    ({"machine": {"dialect": "2.6"}}, "dialect '2.6': expected one of"),
    ({"other": 1}, "other is 1, expected str"),
    ({"tree": "!"}, "plan: tree: "),
]


@pytest.mark.parametrize(("record", "message"), BAD_PLANS)
def test_what_is_no_plan(record, message):
    """It is said where, and what was expected."""
    text = record
    if not isinstance(record, str):
        whole = {"format": "pydlpar-plan", "version": 1, "against": "model"}
        text = json.dumps(whole | {"steps": []} | record)
    with pytest.raises(ArgumentError) as error:
        SavedPlan.from_json(text)
    assert message in str(error.value)


class FakeGuest:
    """Notes what it is asked; refuses to unplug."""

    def __init__(self):
        self.asked = []
        self.settle = lambda taken: self.asked.append(("settle", taken))
        self.process = SimpleNamespace(returncode=None)

    def hotplug_interrupts(self):
        return 5

    def write(self, data):
        return -22 if data else 0

    def plug_pci(self, **rules):
        self.asked.append(rules["driver"])

    def plug_cpu(self, **_):
        pass

    system_powerdown = plug_cpu

    def unplug(self, target):
        raise PlatformError(f"Device '{target}' not found")

    def device_tree(self):
        return DeviceTree()


def test_steps_of_a_guest():
    """Plugs wait for their interrupt, where one comes; refusals are answers."""
    guest = FakeGuest()
    side = GuestSide(guest)
    assert side.do(make("write", data=b"x"))["result"] == -22
    assert side.do(make("plug_cpu"))["refused"] is None
    side.do(make("plug_pci", driver="f1", slot=1, function=1))
    side.do(make("plug_pci", driver="f0", slot=1))
    side.do(make("system_powerdown"))
    assert side.do(make("unplug", target="y"))["refused"] == "Device 'y' not found"
    assert guest.asked == [("settle", 6), "f1", "f0", ("settle", 7)]
    for verb in VERBS.keys() - GUEST_VERBS:
        with pytest.raises(ArgumentError, match="on a guest: expected one of"):
            side.do(Step(verb, ()))


def test_what_cannot_be_asked_for():
    with pytest.raises(ArgumentError, match="mix 'all': expected one of cores"):
        random_steps(1, "all", 1)
    with pytest.raises(ArgumentError, match="against 'phyp': expected one of model"):
        opener(SPEC, "phyp")
    with pytest.raises(ArgumentError, match="expected 1 to 1024"):
        opener(MachineSpec(cpus=9), "model")()


def test_time_of_events_is_not_compared():
    event = bytes(range(116))
    assert without_time(event) == event[:0x20] + bytes(8) + event[0x28:]
    assert without_time(b"short") == b"short"


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("512M", 512 << 20), ("1g", 1 << 30), ("2GiB", 2 << 30), ("0x10", 16)],
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "M", "1X", "-1", "1.5G", "1 G", "0xG"])
def test_what_is_no_size(text):
    with pytest.raises(ArgumentError, match="expected a number of bytes"):
        parse_size(text)

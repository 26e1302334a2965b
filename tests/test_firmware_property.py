"""The model under random use and on damaged trees.

Whatever is called in whatever order, the answer is a documented status or a
`PlatformError`, and devices and connectors agree about each other. Whatever byte
of the tree is wrong, it is read, or there is an error of this package.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pydlpar import DecodeError, DeviceTree, DlparError, Firmware, PlatformError
from pydlpar.data import default_tree_bytes
from pydlpar.drc_states import situation, situations

DATA = Path(__file__).parent / "data"
MIB = 1 << 20
V1 = (DATA / "v1.dtb").read_bytes()
DRMEM = "/ibm,dynamic-reconfiguration-memory"

indexes = st.sampled_from(
    [0x10000000, 0x10000001, *range(0x80000004, 0x80000008), 0x20000000, 0x40000018, 7]
)
ids = st.sampled_from(["a", "b", None])
steps = st.one_of(
    st.tuples(
        st.just("set_indicator"),
        st.sampled_from([9001, 9001, 9003, 9003, 9002, 5]),
        indexes,
        st.integers(0, 3),
    ),
    st.tuples(st.just("get_sensor_state"), st.sampled_from([9003, 9]), indexes),
    st.tuples(st.just("configure_connector"), indexes),
    st.tuples(st.just("check_exception"), st.sampled_from([1 << 28, 1 << 30, ~0])),
    st.tuples(st.just("plug_cpu"), st.none(), ids),
    st.tuples(st.just("plug_memory"), st.sampled_from([256 * MIB, 512 * MIB]), ids),
    st.tuples(st.just("unplug"), st.sampled_from(["a", "b"])),
    st.sampled_from([("reset",), ("cas",), ("system_powerdown",)]),
)
STATUSES = {-9003, -9000, -3, -1, 0, 1}


def status_of(answer):
    """The status in the answer of an RTAS call; None for the platform's side."""
    return answer[0] if isinstance(answer, tuple) else answer


def check(machine):
    """Devices and connectors agree, in every situation that the tables know."""
    held = {}
    for connector in machine.connectors.values():
        known = {situation(*case) for case in situations(connector.kind)}
        assert connector.situation in known
        if connector.device is not None:
            held.setdefault(connector.device.path, []).append(connector)
    for device in machine.devices:
        mine = held.pop(device.path)
        assert set(mine) <= set(device.connectors)
        if device.remaining is not None:
            assert device.remaining == len(mine)
            assert all(connector.unplug_requested for connector in mine)
    assert held == {}


@settings(max_examples=150, deadline=None)
@given(profile=st.sampled_from(["qemu", "lopar"]), plan=st.lists(steps, max_size=40))
def test_random_use(profile, plan):
    machine = Firmware.from_tree(DeviceTree.from_dtb(V1), profile)
    for name, *arguments in plan:
        try:
            answer = getattr(machine, name)(*arguments)
        except PlatformError:
            assert name in ("plug_cpu", "plug_memory", "unplug")
        else:
            if name in ("set_indicator", "get_sensor_state", "configure_connector"):
                assert status_of(answer) in STATUSES
        check(machine)


@pytest.mark.parametrize("seed", range(4))
def test_flipped_byte_of_the_tree(seed):
    """It is a tree that can be read, or an error of this package."""
    generator = random.Random(seed)
    blob = default_tree_bytes()
    errors, read = [], 0
    for _ in range(60):
        damaged = bytearray(blob)
        at = generator.randrange(len(blob))
        damaged[at] ^= 1 << generator.randrange(8)
        try:
            machine = Firmware.from_tree(DeviceTree.from_dtb(damaged))
            for index in (0x10000001, 0x20000000):
                machine.configure_connector(index)
            read += 1
        except DlparError as error:
            errors.append(error)
    assert read
    assert all(str(error) for error in errors)


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("/", "ibm,drc-indexes", b"\0\0\0\2\x10\0\0\0"),
        ("/", "ibm,drc-names", b"\0\0\0\1LMB 4"),
        ("/cpus", "ibm,drc-types", b""),
        ("/cpus", "ibm,drc-info", b"\0\0\0\1CPU\0CPU \0"),
        ("/cpus/PowerPC,POWER9@0", "ibm,my-drc-index", b"\x10\0\0"),
        ("/cpus/PowerPC,POWER9@0", "reg", b""),
        (DRMEM, "ibm,lmb-size", bytes(8)),
        (DRMEM, "ibm,lmb-size", b"\x10\0\0\0"),
        (DRMEM, "ibm,dynamic-memory", b"\0\0\0\2" + bytes(24)),
        (DRMEM, "ibm,associativity-lookup-arrays", b"\0\0\0\1\0\0\0\1"),
        ("/", "#address-cells", b"\0\0\0\3"),
    ],
)
def test_malformed_property(path, name, value):
    """Each is said to be wrong, before there is a model."""
    tree = DeviceTree.from_dtb(V1)
    tree[path][name] = value
    with pytest.raises(DecodeError):
        Firmware.from_tree(tree)


@pytest.mark.parametrize("vector", [b"", b"\0\0", b"\5\0\x20", None])
def test_short_option_vector(vector):
    """What it does not reach was not negotiated."""
    tree = DeviceTree.from_dtb(V1)
    if vector is None:
        tree.remove_node("/chosen")
    else:
        tree["/chosen"]["ibm,architecture-vec-5"] = vector
    assert not Firmware.from_tree(tree).events.hotplug_class


def test_empty_tree_is_a_machine_without_connectors():
    machine = Firmware.from_tree(DeviceTree())
    assert machine.connectors == {}
    assert machine.devices == ()
    with pytest.raises(PlatformError, match="all 0 cores are populated"):
        machine.plug_cpu()
    with pytest.raises(PlatformError, match="core id 3 out of range"):
        machine.plug_cpu(3)

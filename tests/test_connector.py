"""configure-connector: a walk gives a fragment or a documented error, never else."""

from __future__ import annotations

import re
from struct import pack, pack_into, unpack_from

import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import CORPUS

import pydlpar
from pydlpar._ffi import lib
from pydlpar.connector import (
    WORK_AREA_LEN,
    Collector,
    FragmentNode,
    Server,
    fragment_nodes,
    make_fragment,
    new_work_area,
    work_area_drc_index,
)
from pydlpar.constants import ConnectorStatus

LINE = re.compile(r"rc=(\w{8})(?: (child|prop) (\S+))?(?: len=(\d+) (.*))?")
COMPLETE, SIBLING, CHILD, PROPERTY, PARENT = range(5)


def node(name, properties=(), *children):
    return FragmentNode(name, dict(properties), list(children))


def props(count):
    """*count* properties of different names and lengths."""
    return {f"p{i}": bytes(range(i)) for i in range(count)}


# The LMB that QEMU delivers for DRC index 0x80000004 (form 2 associativity).
LMB = node(
    "memory@800000040000000",
    {
        "ibm,associativity": pack(">2I", 1, 0),
        "reg": pack(">2Q", 0x0800000040000000, 0x10000000),
        "device_type": b"memory\0",
    },
)
# A host bridge with a mouse, a bridge and a mouse behind the bridge.
PHB = node(
    "pci@800000020000001",
    props(25),
    node("mouse@1", props(15)),
    node("pci@2", props(19), node("mouse@3", props(15))),
)


def walk_by_calls(server, area=None):
    """Every (status, work area) until completion, through `call`."""
    area = new_work_area(server.drc_index) if area is None else area
    calls = [(server.call(area), bytes(area))]
    while calls[-1][0] > 0:
        calls.append((server.call(area), bytes(area)))
    return calls


def test_golden_lmb_sequence_byte_for_byte():
    """As observed from QEMU, with a work area filled with 0xcc beforehand."""
    server = Server(make_fragment([LMB]), 0x80000004)
    area = bytearray(b"\xcc" * WORK_AREA_LEN)
    pack_into(">2I", area, 0, 0x80000004, 0)
    calls = walk_by_calls(server, area)
    stale, head = "cccccccc", "80000004 00000000 00000014"
    expected = [
        (2, f"{head} {stale} {stale}", b"memory@800000040000000\0"),
        (3, f"{head} 00000008 00000026", b"ibm,associativity\0" + pack(">2I", 1, 0)),
        (3, f"{head} 00000010 00000018", b"reg\0" + LMB.properties["reg"]),
        (3, f"{head} 00000007 00000020", b"device_type\0memory\0"),
    ]
    for (status, got), (want_status, cells, data) in zip(calls, expected, strict=False):
        want = bytes.fromhex(cells) + data
        assert status == want_status
        assert got[: len(want)] == want
    # Status 0 leaves the work area as it was; nothing else was ever written.
    assert calls[4] == (0, calls[3][1])
    assert calls[4][1][0x2E:] == b"\xcc" * (WORK_AREA_LEN - 0x2E)


@pytest.mark.parametrize("name", ["cpu", "mem", "pci", "phb", "pmem"])
def test_recorded_walks_of_qemu_are_served_and_collected_again(name):
    path = CORPUS / "rtas" / "qemu" / f"configure-connector-{name}.txt"
    if not path.exists():
        pytest.skip("the corpus is not there; set PYDLPAR_CORPUS")
    statuses, properties, names = [], {}, []
    for line in path.read_text().splitlines():
        fields = re.match(
            r"rc=(\w{8})(?: (child|prop) (\S+))?(?: len=(\d+) (.*))?", line
        )
        if fields is None:
            continue
        statuses.append(int(fields[1], 16))
        if fields[2] == "child":
            names.append(fields[3])
        elif fields[2] == "prop":
            # The recording cuts values off; pad them to the length it gives.
            value = bytes.fromhex(fields[5]).ljust(int(fields[4]), b"\0")
            properties[fields[3]] = value
    fragment = make_fragment([node(names[0], properties)])
    result = Server(fragment, 1).walk()
    assert (list(result.statuses), result.status) == (statuses, 0)
    assert result.fragment == fragment
    assert fragment_nodes(fragment) == [node(names[0], properties)]


def test_siblings_come_as_4_then_2_from_qemu():
    """The stream of a host bridge with devices, as observed."""
    result = Server(make_fragment([PHB]), 1).walk()
    stream = [2] + [3] * 25 + [2] + [3] * 15 + [4] + [2] + [3] * 19
    stream += [2] + [3] * 15 + [4, 4, 0]
    assert list(result.statuses) == stream
    assert fragment_nodes(result.fragment) == [PHB]


def test_siblings_come_as_1_where_asked_for_and_give_the_same_fragment():
    fragment = make_fragment([PHB, LMB, LMB])
    qemu = Server(fragment, 1).walk()
    lopar = Server(fragment, 1, sibling_status=True).walk()
    assert qemu.statuses.count(SIBLING) == 0
    assert lopar.statuses.count(SIBLING) == 3
    assert qemu.fragment == lopar.fragment == fragment


def test_top_siblings_of_qemu_go_through_the_parent():
    """A CPU and its cache: the CPU's end leads to /cpus, then one more child."""
    two = make_fragment([node("cpu@0", {"a": b"1"}), node("l2-cache@1", {"b": b""})])
    assert Server(two, 1).walk().statuses == (2, 3, 4, 2, 3, 0)
    assert Server(two, 1, sibling_status=True).walk().statuses == (2, 3, 1, 3, 0)


def test_after_completion_the_next_call_begins_again():
    server = Server(make_fragment([LMB]), 1)
    assert server.walk() == server.walk()


def test_abandoned_sequence_goes_on_in_the_middle_unless_reset():
    """The position belongs to the DRC, so a new work area does not rewind it."""
    server = Server(make_fragment([LMB]), 1)
    assert [server.call(new_work_area(1)) for _ in range(2)] == [2, 3]
    result = server.walk()  # the OS sees a property before any node
    assert (result.fragment, result.statuses) == (None, (3,))
    assert result.error == lib.DLPAR_ERR_SEQUENCE
    server.reset()
    assert server.walk().statuses == (2, 3, 3, 3, 0)


def test_two_connectors_do_not_disturb_each_other():
    servers = [Server(make_fragment([n]), 1) for n in (LMB, PHB)]
    area = new_work_area(1)
    assert [server.call(area) for server in servers for _ in range(2)] == [2, 3, 2, 3]
    assert servers[0].call(area) == 3


def test_other_connectors_work_area_is_an_invalid_parameter():
    server = Server(make_fragment([LMB]), 0x80000004)
    area = new_work_area(0x80000005)
    assert work_area_drc_index(area) == 0x80000005
    assert server.call(area) == lib.DLPAR_RTAS_INVALID_PARAMETER
    assert area == new_work_area(0x80000005)
    assert server.walk().statuses[0] == CHILD


def test_largest_property_fills_the_work_area_and_one_byte_more_is_cut():
    """QEMU clips without a sign; the OS side sees a length beyond the area."""
    room = WORK_AREA_LEN - 0x14 - len("p\0")
    for size, error in ((room, 0), (room + 1, lib.DLPAR_ERR_WORKAREA)):
        server = Server(make_fragment([node("n", {"p": b"\x5a" * size})]), 1)
        area = new_work_area(1)
        assert [server.call(area), server.call(area)] == [2, 3]
        assert unpack_from(">2I", area, 0xC) == (size, 0x16)
        assert area[0x16:] == b"\x5a" * room
        server.reset()
        assert server.walk().error == error


def test_longest_names_are_served_and_collected():
    longest = "n" * (WORK_AREA_LEN - 0x14 - 1)
    nodes = [node(longest, {"p" * len(longest): b""})]
    assert fragment_nodes(Server(make_fragment(nodes), 1).walk().fragment) == nodes
    with pytest.raises(pydlpar.TreeError):
        make_fragment([node(longest + "n")])


def area_with(name=b"n\0", value=b"", name_off=0x14, length=None, value_off=0x400):
    """A work area, with any cell wrong on request."""
    area = new_work_area(1)
    length = len(value) if length is None else length
    pack_into(">3I", area, 8, name_off, length, value_off)
    if 0x14 <= name_off < WORK_AREA_LEN:
        area[name_off : name_off + len(name)] = name
    if value:
        area[value_off : value_off + len(value)] = value
    return area[:WORK_AREA_LEN]


def feed(*statuses, collector=None):
    """Feed statuses with a valid work area each; True when complete."""
    collector = collector or Collector()
    done = False
    for number, status in enumerate(statuses):
        done = collector.feed(area_with(b"n%d\0" % number), status)
    return done


@pytest.mark.parametrize(
    "statuses",
    [
        (COMPLETE,),  # nothing was delivered
        (SIBLING,),  # of what?
        (PROPERTY,),
        (PARENT,),
        (CHILD, PARENT, PARENT),  # above the connector's parent
        (CHILD, PARENT, PROPERTY),  # would be the live parent's
        (CHILD, CHILD, PARENT, PROPERTY),  # after a child was visited
        (CHILD, COMPLETE, CHILD),  # after the end
        (CHILD, COMPLETE, COMPLETE),
    ],
)
def test_status_out_of_place_is_a_sequence_error_that_stays(statuses):
    """Linux would follow a null pointer or edit the live tree here."""
    collector = Collector()
    feed(*statuses[:-1], collector=collector)
    with pytest.raises(pydlpar.DecodeError, match="not allowed here") as caught:
        collector.feed(area_with(), statuses[-1])
    assert caught.value.code == lib.DLPAR_ERR_SEQUENCE
    assert caught.value.offset is None
    assert f"call {len(statuses)}, status {statuses[-1]}" in str(caught.value)
    with pytest.raises(pydlpar.DecodeError):
        collector.feed(area_with(), COMPLETE)


@pytest.mark.parametrize("status", [5, 6, -1, -2, -3, -9003, 9900, 2**31 - 1, -(2**31)])
def test_any_other_status_is_a_platform_error(status):
    collector = Collector()
    feed(CHILD, collector=collector)
    with pytest.raises(pydlpar.PlatformError, match=f"status {status}") as caught:
        collector.feed(area_with(), status)
    assert caught.value.status == status
    with pytest.raises(pydlpar.ArgumentError, match="not complete"):
        collector.fragment()


WORKAREA, BADVALUE = lib.DLPAR_ERR_WORKAREA, lib.DLPAR_ERR_BADVALUE


@pytest.mark.parametrize(
    ("status", "area", "code", "offset"),
    [
        # The name's offset, at byte 8, points into the header or beyond the end.
        (CHILD, {"name_off": 0x13}, WORKAREA, 8),
        (CHILD, {"name_off": 0}, WORKAREA, 8),
        (CHILD, {"name_off": 4097}, WORKAREA, 8),
        (SIBLING, {"name_off": 0xFFFFFFFF}, WORKAREA, 8),
        (CHILD, {"name_off": 4096}, WORKAREA, 4096),
        # A name without a NUL up to the end of the area.
        (CHILD, {"name": b"x" * (4096 - 0x14)}, WORKAREA, 0x14),
        (PROPERTY, {"name": b"x", "name_off": 4095}, WORKAREA, 4095),
        # Names that no node or property may have.
        (CHILD, {"name": b"\0"}, lib.DLPAR_ERR_NODENAME, 0x14),
        (CHILD, {"name": b"a/b\0"}, lib.DLPAR_ERR_NODENAME, 0x14),
        (SIBLING, {"name": b"a b\0"}, lib.DLPAR_ERR_NODENAME, 0x14),
        (CHILD, {"name": b"caf\xc3\xa9\0"}, lib.DLPAR_ERR_NODENAME, 0x14),
        (PROPERTY, {"name": b"\0"}, BADVALUE, 0x14),
        (PROPERTY, {"name": b"a\x7f\0"}, BADVALUE, 0x14),
        # The value's length at byte 12, its offset at byte 16.
        (PROPERTY, {"length": 4097 - 0x400}, WORKAREA, 12),
        (PROPERTY, {"length": 0xFFFFFFFF}, WORKAREA, 12),
        (PROPERTY, {"length": 1, "value_off": 4096}, WORKAREA, 12),
        (PROPERTY, {"length": 1, "value_off": 4097}, WORKAREA, 16),
        (PROPERTY, {"length": 1, "value_off": 0xFFFFFFFF}, WORKAREA, 16),
        (PROPERTY, {"length": 1, "value_off": 0x10}, WORKAREA, 16),
    ],
)
def test_malformed_work_area_is_refused_at_its_byte(status, area, code, offset):
    collector = Collector()
    feed(CHILD, collector=collector)
    with pytest.raises(pydlpar.DecodeError, match=f"at byte {offset}") as caught:
        collector.feed(area_with(**area), status)
    assert (caught.value.code, caught.value.offset) == (code, offset)


def test_offset_of_an_empty_value_does_not_matter():
    collector = Collector()
    feed(CHILD, collector=collector)
    assert not collector.feed(area_with(b"p\0", length=0, value_off=0xFFFFFFFF), 3)
    assert collector.feed(area_with(), COMPLETE)
    assert fragment_nodes(collector.fragment()) == [node("n0", {"p": b""})]


def test_nesting_has_a_limit_on_both_sides():
    limit = lib.DLPAR_CONNECTOR_MAX_DEPTH
    assert feed(*[CHILD] * limit, COMPLETE)
    with pytest.raises(pydlpar.DecodeError) as caught:
        feed(*[CHILD] * (limit + 1))
    assert caught.value.code == lib.DLPAR_ERR_TOOBIG
    deep = node("n")
    for _ in range(limit - 1):
        deep = node("n", {}, deep)
    result = Server(make_fragment([deep]), 1).walk()
    assert result.statuses == (2,) * limit + (4,) * (limit - 1) + (0,)
    with pytest.raises(pydlpar.ArgumentError, match="deeper"):
        make_fragment([node("n", {}, deep)])


def test_endless_stream_ends_with_an_error():
    """Firmware that never completes must not take memory without limit."""
    collector, area = Collector(), area_with(b"p\0", b"\xff" * 3000)
    feed(CHILD, collector=collector)
    for _ in range(lib.DLPAR_CONNECTOR_MAX_FRAGMENT // 3020):
        collector.feed(area, PROPERTY)
    with pytest.raises(pydlpar.DecodeError) as caught:
        list(map(collector.feed, [area] * 20, [PROPERTY] * 20))
    assert caught.value.code == lib.DLPAR_ERR_TOOBIG


def test_collector_grows_as_needed():
    nodes = [node("n", {f"property-{i}": b"\x11" * 100 for i in range(400)})]
    server, collector = Server(make_fragment(nodes), 1), Collector()
    for status, area in walk_by_calls(server):
        done = collector.feed(area, status)
    assert done
    assert fragment_nodes(collector.fragment()) == nodes


@pytest.mark.parametrize("size", [0, 20, WORK_AREA_LEN - 1, WORK_AREA_LEN + 1])
def test_work_area_of_another_size_is_refused(size):
    server = Server(make_fragment([LMB]), 1)
    for call in (server.call, lambda area: Collector().feed(area, CHILD)):
        with pytest.raises(pydlpar.ArgumentError, match="expected 4096"):
            call(bytearray(size))


def test_read_only_work_area_is_not_written():
    """A `bytes` object would otherwise be changed behind Python's back."""
    with pytest.raises(BufferError):
        Server(make_fragment([LMB]), 1).call(bytes(WORK_AREA_LEN))


def test_numbers_that_do_not_fit_are_argument_errors():
    for drc_index in (-1, 1 << 32):
        with pytest.raises(pydlpar.ArgumentError):
            new_work_area(drc_index)
        with pytest.raises(pydlpar.ArgumentError):
            Server(make_fragment([LMB]), drc_index)
    with pytest.raises(pydlpar.ArgumentError):
        Collector().feed(area_with(), 1 << 31)


def model(statuses):
    """What a list of statuses means, written the slow way: nodes or None."""
    root = node("")
    path, leaf = [root], False
    for number, status in enumerate(statuses):
        started = bool(root.children)
        if status == COMPLETE:
            return root.children if started else None
        if status == PROPERTY and leaf:
            path[-1].properties[f"n{number}"] = b""
        elif status in (CHILD, SIBLING) and (started or status == CHILD):
            if status == SIBLING and len(path) > 1:
                path.pop()
            path[-1].children.append(node(f"n{number}"))
            path.append(path[-1].children[-1])
            leaf = True
        elif status == PARENT and len(path) > 1:
            path.pop()
            leaf = False
        else:
            return None
    return None


@given(st.lists(st.sampled_from([1, 2, 2, 3, 3, 4]), max_size=25))
def test_collector_agrees_with_a_model_on_any_statuses(statuses):
    statuses = [CHILD, *statuses, COMPLETE]
    collector, expected = Collector(), model(statuses)
    if expected is None:
        with pytest.raises(pydlpar.DecodeError):
            feed(*statuses, collector=collector)
    else:
        assert feed(*statuses, collector=collector)
        assert fragment_nodes(collector.fragment()) == expected


CELL = st.sampled_from([0, 0x14, 0x18, 0x28, 4095, 4096, 0xFFFFFFFF]) | st.integers(
    0, 4200
)
CALL = st.tuples(st.integers(0, 4), CELL, CELL, CELL, st.binary(max_size=40))


@given(st.lists(CALL, max_size=12))
def test_hostile_work_areas_give_a_fragment_or_a_documented_error(calls):
    collector, area = Collector(), bytearray(WORK_AREA_LEN)
    for status, name_off, length, value_off, data in [(2, 20, 0, 0, b"n\0"), *calls]:
        pack_into(">3I", area, 8, name_off, length, value_off)
        area[0x14 : 0x14 + len(data)] = data
        try:
            done = collector.feed(area, status)
        except pydlpar.DecodeError:
            with pytest.raises(pydlpar.ArgumentError):
                collector.fragment()
            return
        if done:
            assert fragment_nodes(collector.fragment())
            return


def test_collector_in_use_by_another_thread_is_refused():
    """The native call runs without the GIL; two of them would share a buffer."""
    collector = Collector()
    with collector._lock, pytest.raises(pydlpar.BusyError):
        collector.feed(area_with(), CHILD)
    assert not collector.feed(area_with(), CHILD)


def test_statuses_have_names():
    assert [ConnectorStatus(status).name for status in range(6)] == [
        "COMPLETE",
        "NEXT_SIBLING",
        "NEXT_CHILD",
        "NEXT_PROPERTY",
        "PREVIOUS_PARENT",
        "MORE_MEMORY",
    ]

"""`/proc/powerpc/ofdt`: grammar, every row of results, and what editing sets off."""

from __future__ import annotations

import errno
import struct

import pytest
from script import (
    ASSIGNED,
    Script,
    add_lmbs,
    cells,
    cpu_drc,
    make_tree,
)

from pydlpar.dispatch import Dispatcher
from pydlpar.operations.behaviour import Quirk
from pydlpar.partition import Partition

EINVAL, ENODEV, EBUSY, EPERM = errno.EINVAL, errno.ENODEV, errno.EBUSY, errno.EPERM
PHANDLE = 0x1234


def target(tree=None, **options):
    if tree is None:
        tree = make_tree()
        tree.add_node("/dev", {"phandle": cells(PHANDLE), "a": b"1"})
        tree.add_node("/dev/child", {})
    return Dispatcher(Partition(tree), Script(), **options)


def write(data, result, dispatcher=None):
    """Write; *result* is an errno, or 0 for all bytes taken."""
    dispatcher = dispatcher or target()
    before = dispatcher.partition.tree.to_dtb()
    assert dispatcher.write_ofdt(data) == (-result if result else len(data))
    assert dispatcher.last.errno == result
    assert bool(dispatcher.last.reason) == bool(result)
    if result:
        assert dispatcher.partition.tree.to_dtb() == before
        assert dispatcher.last.changes == []
    return dispatcher.partition.tree


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"add_node",
        b"add_node\0 /x ",
        b"ADD_NODE /x ",
        b"add_nod /x ",
        b" add_node /x ",
        b"add_node\n /x ",
        b"\xff\xfe /x ",
    ],
)
def test_command_is_a_whole_word_before_a_space(data):
    """5.1: case counts, and what stands behind a NUL does not."""
    write(data, EINVAL)


@pytest.mark.parametrize(
    ("data", "path", "properties"),
    [
        (b"add_node /x ", "/x", {}),
        (b"add_node x ", "/x", {}),
        (b"add_node /dev/x a 1 b", "/dev/x", {"a": b"b"}),
        (b"add_node /x a 1 b c 2 de", "/x", {"c": b"de", "a": b"b"}),
        (b"add_node /x a 1 b c 0  ", "/x", {"c": b"", "a": b"b"}),
        (b"add_node /x a 3  \0\xff d 1 e", "/x", {"d": b"e", "a": b" \0\xff"}),
        (b"add_node /x a 1 b\0c 1 d\0", "/x", {"c": b"d", "a": b"b"}),
        (b"add_node /x a 01 b ", "/x", {"a": b"b"}),
        (b"add_node /x a 1 b a 1 c", "/x", {"a": b"c"}),
        (b"add_node /x\n a\n 1 b", "/x\n", {"a\n": b"b"}),
        (b"add_node /x a 4294967297 b", "/x", {"a": b"b"}),
    ],
)
def test_add_node(data, path, properties):
    """5.2, 5.3: properties are kept in reverse order; the node comes first."""
    dispatcher = target()
    tree = write(data, 0, dispatcher)
    node = tree[path]
    assert list(node.properties.items()) == list(properties.items())
    assert node.parent.children[0] == node
    assert dispatcher.last.changes == [("add", path)]


@pytest.mark.parametrize(
    "data",
    [
        b"add_node /x",  # no space behind the path
        b"add_node /x\0 a 1 b",
        b"add_node /dev ",  # exists
        b"add_node / a 1 b",
        b"add_node dev ",
        b"add_node /none/x ",  # no parent
        b"add_node /none/x a 1 b",
        b"add_node /dev/ ",
        b"add_node  ",
        b"add_node /x  ",  # empty name, nothing behind it
        b"add_node /x  1 b",
        b"add_node /x a",
        b"add_node /x a ",
        b"add_node /x a 1",
        b"add_node /x a 1 ",
        b"add_node /x a 0 ",  # no filler
        b"add_node /x a 2 b",
        b"add_node /x a 1 bc",
        b"add_node /x a 1  b",
        b"add_node /x a 0x1 b",
        b"add_node /x a -1 b",
        b"add_node /x a +1 b",
        b"add_node /x a  1 b",
        b"add_node /x a x b",
        b"add_node /x a\0b 1 c",
        b"add_node /x a 4294967295 b",
        b"add_node /x a 2147483648 b",
        b"add_node /x a 1 b ?",
        b"add_node /x a 1 b\n",
        b"add_node /x a 1 b  ",
        b"add_node /x " + b"a" * 70000 + b" 1 b",
    ],
)
def test_add_node_that_is_refused(data):
    """5.2, 5.3: a malformed property, a path that exists or has no parent."""
    write(data, EINVAL)


def test_huge_length_wraps_at_32_bits():
    """5.2: as `simple_strtoul` into an int."""
    digits = b"1" + b"0" * 5000 + b"1"
    assert write(b"add_node /x a " + digits + b" b", 0)["/x"]["a"] == b"b"


@pytest.mark.parametrize(
    ("data", "result"),
    [
        (b"remove_node /dev/child", 0),
        (b"remove_node /dev/child\0 more", 0),
        (b"remove_node /dev/child:option", 0),
        (b"remove_node /dev", EBUSY),
        (b"remove_node /", EINVAL),
        (b"remove_node /none", ENODEV),
        (b"remove_node /dev/child\n", ENODEV),
        (b"remove_node /dev/child/", ENODEV),
        (b"remove_node /cpus/PowerPC,POWER9", ENODEV),
        (b"remove_node ", ENODEV),
        (b"remove_node dev/child", ENODEV),
    ],
)
def test_remove_node(data, result):
    """5.3; a path is what Linux resolves, without a guess at unit addresses."""
    tree = write(data, result)
    assert ("/dev/child" in tree) == bool(result)


def test_paths_begin_with_an_alias():
    """of_find_node_by_path: the first component, where there is no slash."""
    dispatcher = target()
    dispatcher.partition.tree.add_node("/aliases", {"d": b"/dev\0", "loop": b"loop\0"})
    write(b"remove_node loop", ENODEV, dispatcher)
    write(b"remove_node d", EBUSY, dispatcher)
    write(b"remove_node d/child", 0, dispatcher)
    assert dispatcher.last.changes == [("remove", "/dev/child")]


@pytest.mark.parametrize(
    "command", ["add_property", "remove_property", "update_property"]
)
@pytest.mark.parametrize(
    "handle", [b"", b"0", b"x", b"0x", b"4661", b"0xffffffff", b"-4660", b"+4660"]
)
def test_unknown_phandle(command, handle):
    """5.3: no node has it; so does a handle without a space behind it."""
    write(command.encode() + b" " + handle + b" a 1 b", ENODEV)
    write(command.encode() + b" 0x1234", ENODEV)


@pytest.mark.parametrize(
    "handle",
    [
        b"0x1234",
        b"0X1234",
        b"4660",
        b"011064",
        b"4660junk",
        b"0x1234g",
        b"0x100001234",
        b"4294971956",
        b"0x" + b"f" * 50 + b"00001234",
    ],
)
def test_phandle_is_an_auto_base_number(handle):
    """5.3: trailing junk is ignored, 32 bits are kept."""
    assert write(b"update_property " + handle + b" b 1 c", 0)["/dev"]["b"] == b"c"


def test_add_property():
    dispatcher = target()
    tree = write(b"add_property 4660 b 3 x y", 0, dispatcher)
    assert list(tree["/dev"].properties) == ["phandle", "a", "b"]
    assert dispatcher.last.changes == [("set", "/dev", "b", None, b"x y")]


def test_add_property_that_exists_is_a_success_without_effect():
    """5.3, B19: the error is dropped, and the new property with it."""
    dispatcher = target()
    assert write(b"add_property 4660 a 1 2", 0, dispatcher)["/dev"]["a"] == b"1"
    assert dispatcher.last.changes == []


@pytest.mark.parametrize(
    "rest", [b"", b"b", b"b ", b"b 1", b"b 1 ", b"b 0 ", b"b 2 c", b"b 1 cd", b" 1 c"]
)
def test_malformed_property_of_add(rest):
    write(b"add_property 4660 " + rest, EINVAL)


def test_only_one_property_is_looked_at():
    tree = write(b"add_property 4660 b 1 c this is no property", 0)
    assert list(tree["/dev"].properties) == ["phandle", "a", "b"]


@pytest.mark.parametrize(
    ("rest", "result"),
    [
        (b"a", 0),
        (b"a ignored", 0),
        (b"a\0", 0),
        (b"b", ENODEV),
        (b"a\n", ENODEV),
        (b"", EINVAL),
        (b" a", EINVAL),
    ],
)
def test_remove_property(rest, result):
    """5.3."""
    dispatcher = target()
    tree = write(b"remove_property 0x1234 " + rest, result, dispatcher)
    assert ("a" in tree["/dev"]) == bool(result)
    if not result:
        assert dispatcher.last.changes == [("set", "/dev", "a", b"1", None)]


@pytest.mark.parametrize(
    ("rest", "result"),
    [
        (b"a 1 2", 0),
        (b"b 1 2", 0),
        (b"a 0  ", 0),
        (b"a 2 3", EINVAL),
        (b"a 0 ", EINVAL),
        (b" 1 2", ENODEV),
        (b"a", EINVAL),
    ],
)
def test_update_property(rest, result):
    """5.3: an absent one is added; the bound is the end of what was written."""
    write(b"update_property 4660 " + rest, result)


@pytest.mark.parametrize("overshoot", range(8))
def test_lax_bound_of_update_property(overshoot):
    """5.3: with the quirk, by the length of the handle and one; zeros are there."""
    data = b"update_property 4660 a %d 23" % (2 + overshoot)
    dispatcher = target(quirks=[Quirk.OFDT_BOUND])
    fits = overshoot <= len(b"4660 ")
    tree = write(data, 0 if fits else EINVAL, dispatcher)
    if fits:
        assert tree["/dev"]["a"] == b"23" + bytes(overshoot)
    write(data, EINVAL if overshoot else 0)


@pytest.mark.parametrize("byteorder", ["little", "big"])
@pytest.mark.parametrize("name", [b"slb-size", b"ibm,slb-size"])
def test_slb_size(byteorder, name):
    """5.3: the first four bytes, in the kernel's order; only by an update."""
    partition = Partition(target().partition.tree, byteorder=byteorder)
    dispatcher = Dispatcher(partition, Script())
    raw = (32).to_bytes(4, byteorder)
    write(b"add_property 4660 %b 4 %b" % (name, raw), 0, dispatcher)
    assert partition.slb_size is None
    write(b"update_property 4660 %b 2 %b" % (name, raw[:2]), 0, dispatcher)
    assert partition.slb_size is None
    write(b"update_property 4660 %b 5 %b?" % (name, raw), 0, dispatcher)
    assert partition.slb_size == 32


def test_lockdown_is_checked_first():
    dispatcher = target()
    dispatcher.lockdown = True
    write(b"", EPERM, dispatcher)
    write(b"remove_node /dev/child", EPERM, dispatcher)


def cpu_command(core, threads=1):
    properties = {
        "device_type": b"cpu\0",
        "ibm,my-drc-index": cells(cpu_drc(core)),
        "ibm,ppc-interrupt-server#s": cells(*range(core, core + threads)),
    }
    parts = [b"%b %d %b" % (k.encode(), len(v), v) for k, v in properties.items()]
    return b"add_node /cpus/cpu@%x " % core + b" ".join(parts)


def test_added_cpu_gets_logical_ids():
    """5, 4.8: the notifier numbers the threads; they are not online."""
    dispatcher = target()
    write(cpu_command(2), 0, dispatcher)
    partition = dispatcher.partition
    assert partition.logical_ids[2] == 2
    assert 2 not in partition.online
    write(b"remove_node /cpus/cpu@2", 0, dispatcher)
    assert 2 not in partition.logical_ids


def test_error_of_the_notifier_is_not_reported():
    """4.8: no ids are free, but the node stays."""
    partition = Partition(make_tree(), max_cpus=2)
    dispatcher = Dispatcher(partition, Script())
    tree = write(cpu_command(2), 0, dispatcher)
    assert "/cpus/cpu@2" in tree
    assert 2 not in partition.logical_ids


def test_cpu_that_is_online_stays():
    """Linux stops at a BUG."""
    dispatcher = target()
    write(b"remove_node /cpus/PowerPC,POWER9@1", EBUSY, dispatcher)
    assert 1 in dispatcher.partition.logical_ids


def lmb_tree(version=2):
    tree = add_lmbs(make_tree(), ASSIGNED, ASSIGNED, 0, version=version)
    tree["/ibm,dynamic-reconfiguration-memory"]["phandle"] = cells(PHANDLE)
    return tree


def test_updated_lmb_table_gives_associativity_only():
    """5, 4.4.5: rows and flags of the table never change from the property."""
    dispatcher = target(lmb_tree())
    name, base = b"ibm,dynamic-memory-v2", 0x70000000
    rows = (1, base, 0x80000001, 7, 0), (1, base, 0x80000099, 8, 0)
    value = cells(2) + b"".join(struct.pack(">IQIII", *row) for row in rows)
    lmbs = dispatcher.partition.lmbs
    before = list(lmbs)
    write(b"update_property 4660 %b %d %b" % (name, len(value), value), 0, dispatcher)
    assert [lmb.aa_index for lmb in lmbs] == [0, 7, before[2].aa_index]
    assert [lmb._replace(aa_index=0) for lmb in lmbs] == [
        lmb._replace(aa_index=0) for lmb in before
    ]


def test_lmb_table_of_another_node():
    """Only that of the node that Linux reads counts."""
    tree = lmb_tree()
    del tree["/ibm,dynamic-reconfiguration-memory"]["phandle"]
    tree.add_node("/dev", {"phandle": cells(PHANDLE)})
    dispatcher = target(tree)
    value = cells(1) + struct.pack(">IQIII", 1, 0, 0x80000000, 9, 0)
    command = b"update_property 4660 ibm,dynamic-memory-v2 %d " % len(value)
    write(command + value, 0, dispatcher)
    assert dispatcher.partition.lmbs[0].aa_index == 0


def test_malformed_lmb_table_changes_nothing_else():
    """Linux reads past its end; here the table stays."""
    dispatcher = target(lmb_tree())
    before = list(dispatcher.partition.lmbs)
    write(b"update_property 4660 ibm,dynamic-memory-v2 4 \0\0\0\x09", 0, dispatcher)
    assert list(dispatcher.partition.lmbs) == before


def test_added_lmb_table_is_not_an_update():
    """4.4.5: the notifier looks at updates only."""
    dispatcher = target(lmb_tree(version=1))
    value = cells(1) + struct.pack(">IQIII", 1, 0, 0x80000000, 9, 0)
    command = b"add_property 4660 ibm,dynamic-memory-v2 %d " % len(value)
    write(command + value, 0, dispatcher)
    assert dispatcher.partition.lmbs[0].aa_index == 0


def test_text_is_taken_as_utf_8():
    dispatcher = target()
    assert dispatcher.write_ofdt("add_node /é a 2 é") == len(
        "add_node /é a 2 é".encode()
    )
    assert dispatcher.partition.tree["/é"]["a"] == "é".encode()

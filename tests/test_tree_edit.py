"""Edits: what they change, what they refuse, and that a refusal changes nothing."""

from __future__ import annotations

import pytest
from plaintree import PlainTree, cell, content

import pydlpar
from pydlpar import (
    ArgumentError,
    DeviceTree,
    ExistsError,
    NoSpaceError,
    NotFoundError,
    StaleHandleError,
    TreeError,
)


@pytest.fixture
def tree() -> DeviceTree:
    plain = PlainTree()
    plain.add("/", "cpus", {"#address-cells": cell(1)})
    for i in range(4):
        props = {
            "device_type": b"cpu\0",
            "reg": cell(i),
            "ibm,my-drc-index": cell(0x10000000 + i),
            "phandle": cell(0x100 + i),
        }
        plain.add("/cpus", f"PowerPC,POWER9@{i}", props)
    plain.add("/", "memory@0", {"device_type": b"memory\0", "reg": bytes(16)})
    return DeviceTree.from_dtb(plain.to_dtb())


CPU = "/cpus/PowerPC,POWER9@1"


def test_look_up_by_path(tree):
    """Slashes may repeat; a missing unit address stands for the first child."""
    assert tree[CPU].name == "PowerPC,POWER9@1"
    assert tree["//cpus///PowerPC,POWER9@1/"] == tree[CPU]
    assert tree["/"] == tree.root
    assert tree["/cpus/PowerPC,POWER9"].path == "/cpus/PowerPC,POWER9@0"
    assert tree["/memory"].path == "/memory@0"
    assert tree.get("/cpus/none") is None
    assert "/cpus" in tree
    assert "/cpu" not in tree
    assert 3 not in tree


@pytest.mark.parametrize("path", ["/none", "/cpus/PowerPC", "/cpus/" + "x" * 5000])
def test_missing_path_is_a_key_error_that_names_it(tree, path):
    with pytest.raises(NotFoundError, match="not found") as caught:
        tree[path]
    assert isinstance(caught.value, KeyError)
    assert path in str(caught.value)


def test_empty_path_is_refused(tree):
    with pytest.raises(ArgumentError, match="bad path"):
        tree[""]


@pytest.mark.parametrize("path", ["cpus", "cpus/"])
def test_path_without_a_slash_is_an_alias(tree, path):
    """Of which there is none."""
    with pytest.raises(NotFoundError, match=f"alias '{path}': not found"):
        tree[path]
    assert tree.get(path) is None
    assert path not in tree


def test_look_up_by_phandle_follows_edits(tree):
    assert tree.by_phandle(0x102).name == "PowerPC,POWER9@2"
    tree["/cpus/PowerPC,POWER9@2"]["phandle"] = cell(0x200)
    assert tree.by_phandle(0x200).name == "PowerPC,POWER9@2"
    with pytest.raises(NotFoundError, match="0x102"):
        tree.by_phandle(0x102)
    del tree["/cpus/PowerPC,POWER9@2"]["phandle"]
    with pytest.raises(NotFoundError):
        tree.by_phandle(0x200)


@pytest.mark.parametrize("phandle", [0, 0xFFFFFFFF])
def test_reserved_phandles_find_nothing(tree, phandle):
    """0 and -1 are no phandles, even when a node claims one."""
    tree["/memory@0"]["phandle"] = cell(phandle)
    with pytest.raises(NotFoundError):
        tree.by_phandle(phandle)


def test_phandle_property_precedes_its_older_names(tree):
    """phandle, else linux,phandle, else ibm,phandle; a wrong length is none."""
    node = tree["/memory@0"]
    node["ibm,phandle"] = cell(1)
    assert node.phandle == 1
    node["linux,phandle"] = cell(2)
    assert node.phandle == 2
    node["phandle"] = cell(3)
    assert tree.by_phandle(3) == node
    node["phandle"] = b"12345"
    assert node.phandle == 2
    assert tree.by_phandle(2) == node
    del node["linux,phandle"]
    assert tree.by_phandle(1) == node


def test_find_by_property_value(tree):
    cpus = tree["/cpus"]
    assert tree.find_child(cpus, "ibm,my-drc-index", 0x10000003).u32("reg") == 3
    assert tree.find_child(cpus, "ibm,my-drc-index", 7) is None
    assert tree.find_child(cpus, "no-such-name", 7) is None
    assert tree.find("cpu", "reg", 2).path == "/cpus/PowerPC,POWER9@2"
    assert tree.find("cp", "reg", 2) is None
    assert tree.find("cpux", "reg", 2) is None
    assert tree.find("memory", "reg", 0) is None  # not one cell long


def test_family_of_a_node(tree):
    cpu = tree[CPU]
    assert cpu.parent == tree["/cpus"]
    assert tree.root.parent is None
    assert [c.name for c in tree.root.children] == ["cpus", "memory@0"]
    assert [n.path for n in tree["/cpus"].walk()][:2] == [
        "/cpus",
        "/cpus/PowerPC,POWER9@0",
    ]
    assert len(list(tree.nodes())) == len(tree) == 7
    assert tree["/cpus"].child("PowerPC,POWER9@1") == cpu
    assert tree["/cpus"].child("PowerPC,POWER9") is None
    assert cpu.children == []
    assert len({cpu, tree[CPU]}) == 1


def test_property_access(tree):
    node = tree[CPU]
    assert "reg" in node
    assert "nope" not in node
    assert 5 not in node
    assert node.get("nope") is None
    assert node.get("nope", b"x") == b"x"
    assert node.u32("reg") == 1
    assert node.string("device_type") == "cpu"
    assert list(node.properties) == [
        "device_type",
        "reg",
        "ibm,my-drc-index",
        "phandle",
    ]
    assert node.properties["reg"] == cell(1)
    assert len(node.properties) == 4
    with pytest.raises(NotFoundError, match=r"POWER9@1, property 'nope': not found"):
        node["nope"]
    with pytest.raises(NotFoundError):
        del node["nope"]


def test_typed_access_checks_lengths(tree):
    node = tree[CPU]
    node["odd"] = b"\0\0\0\1\0"
    node["two"] = cell(1) + cell(2)
    node["text"] = b"one\0two\0"
    node["open"] = b"abc"
    node["none"] = b""
    assert node.u64("two") == 0x1_0000_0002
    assert node.u32s("two") == (1, 2)
    assert node.u32s("none") == ()
    assert node.strings("text") == ("one", "two")
    assert node.strings("none") == ()
    with pytest.raises(TreeError, match="5 bytes, expected 4 bytes"):
        node.u32("odd")
    with pytest.raises(TreeError, match="expected 8 bytes"):
        node.u64("odd")
    with pytest.raises(TreeError, match="expected a multiple of 4"):
        node.u32s("odd")
    with pytest.raises(pydlpar.DecodeError, match="2 strings, expected one"):
        node.string("text")
    with pytest.raises(pydlpar.DecodeError, match="no NUL at its end"):
        node.strings("open")
    node.set_u32("two", 3, 4)
    node.set_string("text", "a", "b")
    assert (node["two"], node["text"]) == (cell(3) + cell(4), b"a\0b\0")


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 15, 16, 17, 100, 5000, 70_000])
def test_property_of_any_size(tree, size):
    """Grow, shrink, overwrite and read back, at every alignment."""
    node = tree[CPU]
    for value in (b"\xa5" * size, b"\x5a" * size, b""):
        node["reg"] = value
        assert node["reg"] == value
        assert DeviceTree.from_dtb(tree.to_dtb())[CPU]["reg"] == value


def test_values_are_bytes_like_and_never_guessed(tree):
    node = tree[CPU]
    node["a"] = bytearray(b"xy")
    node["b"] = memoryview(b"xyz")[1:]
    assert (node["a"], node["b"]) == (b"xy", b"yz")
    for wrong in (5, "text", [1, 2], None):
        with pytest.raises(TypeError, match="bytes-like"):
            node["a"] = wrong


@pytest.mark.parametrize("name", ["", "a\0b", "a" * 4096])
def test_bad_property_names_are_refused(tree, name):
    before = tree.to_dtb()
    with pytest.raises(ArgumentError):
        tree[CPU][name] = b""
    with pytest.raises(ArgumentError):
        tree.add_node("/new", {name: b""})
    assert tree.to_dtb() == before


def test_add_node_goes_last_with_all_its_properties(tree):
    props = {"b": b"1", "a": b"", "reg": cell(9)}
    node = tree.add_node("/cpus/PowerPC,POWER9@9", props)
    assert dict(node.properties) == props
    assert tree["/cpus"].children[-1] == node
    again = DeviceTree.from_dtb(tree.to_dtb())
    assert content(again) == content(tree)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/cpus", ExistsError),
        (CPU, ExistsError),
        ("/none/x", NotFoundError),
        ("/cpus/", ArgumentError),
        ("/a\0b", ArgumentError),
        ("/" + "a" * 4096, ArgumentError),
    ],
)
def test_add_node_refusals_change_nothing(tree, path, error):
    before = tree.to_dtb()
    with pytest.raises(error):
        tree.add_node(path, {"brand-new-name": b"1"})
    assert tree.to_dtb() == before


def test_every_new_node_is_found_while_the_tables_grow():
    """By path and by phandle, whether added or stamped, and the earlier ones still."""
    tree = DeviceTree()
    template = tree.template({"phandle": cell(1)})
    for i in range(1, 400):
        value = {"phandle": cell(i)}
        if i % 2:
            tree.add_node(f"/n@{i:x}", value)
        else:
            template.add(tree.root, f"n@{i:x}", value)
        for k in (i, i // 2 + 1):
            assert tree[f"/n@{k:x}"] == tree.by_phandle(k)
    assert all(tree[f"/n@{k:x}"].phandle == k for k in range(1, 400))


def test_path_without_a_slash_goes_below_the_root(tree):
    """As with add_node of the kernel's ofdt file."""
    assert tree.add_node("x", {}).path == "/x"


def test_slash_in_a_name_is_refused(tree):
    with pytest.raises(ArgumentError):
        tree.add_child(tree.root, "a/b", {})


def test_remove_takes_the_subtree(tree):
    cpu = tree[CPU]
    tree.remove_node("/cpus")
    assert len(tree) == 2
    assert "/cpus" not in tree
    with pytest.raises(NotFoundError):
        tree.by_phandle(0x101)
    with pytest.raises(StaleHandleError):
        cpu["reg"]
    with pytest.raises(ArgumentError):
        tree.remove(tree.root)


def test_stale_handle_is_an_error_everywhere(tree):
    """Never another node, though the record is used again."""
    old = tree[CPU]
    tree.remove(old)
    new = tree.add_node("/cpus/new", {"reg": cell(5)})
    for use in (
        lambda: old.name,
        lambda: old.path,
        lambda: old.parent,
        lambda: old.children,
        lambda: old.walk(),
        lambda: old.child("x"),
        lambda: old.phandle,
        lambda: dict(old.properties),
        lambda: old["reg"],
        lambda: old.get("reg"),
        lambda: "reg" in old,
        lambda: old.u32("reg"),
        lambda: old.__setitem__("reg", b""),
        lambda: old.__delitem__("reg"),
        lambda: tree.remove(old),
        lambda: tree.add_child(old, "x", {}),
        lambda: tree.graft(old, _fragment(1)),
        lambda: tree.extract(old),
        lambda: tree.find_child(old, "reg", 1),
    ):
        with pytest.raises(pydlpar.DlparError):
            use()
    assert repr(old) == "<Node, removed>"
    assert new.u32("reg") == 5
    assert old != new


def test_detach_and_attach_move_a_subtree(tree):
    before = content(tree)
    fragment = tree.detach("/cpus")
    assert [n.path for n in fragment.nodes()][:2] == ["/", "/cpus"]
    assert "/cpus" not in tree
    node = tree.attach("/", fragment)
    assert node.path == "/cpus"
    tree.attach("/", tree.detach("/memory@0"))
    assert content(tree) == before
    assert tree.by_phandle(0x103).u32("reg") == 3


def test_detached_fragment_holds_only_the_names_it_uses(tree):
    tree.root["unused-elsewhere"] = b""
    assert b"unused" not in tree.detach(CPU).to_dtb()


def test_graft_is_all_or_nothing(tree):
    """The second of two nodes exists already: the first is not attached either."""
    fragment = DeviceTree()
    fragment.add_node("/new", {"a-new-name": b""})
    fragment.add_node("/PowerPC,POWER9@1", {})
    before = tree.to_dtb()
    with pytest.raises(ExistsError):
        tree.graft(tree["/cpus"], fragment.to_dtb())
    with pytest.raises(ExistsError):
        tree.attach("/cpus", fragment)
    assert tree.to_dtb() == before
    fragment.remove_node("/PowerPC,POWER9@1")
    fragment.add_node("/new2", {})
    assert [n.name for n in tree.graft(tree["/cpus"], fragment.to_dtb())] == [
        "new",
        "new2",
    ]


def test_graft_refuses_what_is_no_fragment(tree):
    before = tree.to_dtb()
    with pytest.raises(TreeError, match="magic"):
        tree.graft(tree.root, b"junk")
    with pytest.raises(TreeError):
        tree.graft(tree.root, DeviceTree().to_dtb())
    with pytest.raises(TreeError):
        tree.attach("/", DeviceTree())
    with pytest.raises(ArgumentError):
        tree.attach("/", tree)
    with_props = DeviceTree()
    with_props.root["x"] = b""
    with_props.add_node("/a", {})
    with pytest.raises(TreeError):
        tree.graft(tree.root, with_props.to_dtb())
    assert tree.to_dtb() == before


def test_write_into_a_buffer(tree):
    want = tree.to_dtb()
    buffer = bytearray(b"\xee" * (len(want) + 5))
    assert tree.write_into(buffer) == len(want)
    assert buffer == want + b"\xee" * 5
    short = bytearray(b"\xee" * (len(want) - 1))
    with pytest.raises(NoSpaceError):
        tree.write_into(short)
    assert short == b"\xee" * len(short)


def test_a_million_cycles_do_not_grow_memory(tree):
    """Removed records and bytes are used again."""
    template = tree.template({"reg": cell(0), "name": b"x" * 40, "big": bytes(5000)})
    cpus = tree["/cpus"]
    tree.remove(template.add(cpus, "hot@0"))
    before = tree.memory
    stream = tree.batch()
    for i in range(10_000):
        stream.remove(stream.stamp(cpus, f"hot@{i:x}", template))
    stream = stream.prepare()
    sizes = set()
    for _ in range(100):
        stream.run()
        sizes.add(tree.memory)
    assert len(sizes) == 1  # what one batch keeps until its end, and no more
    for i in range(10_000):
        tree.remove(template.add(cpus, f"hot@{i:x}"))
    assert {tree.memory} == sizes
    assert tree.memory >= before


def test_every_edit_survives_a_full_memory(small_tree):
    """With memory exhausted at any point an edit fails and changes nothing."""
    fragment = _fragment(300)
    edits = [
        lambda t: t.add_node("/x", {f"n{i}": bytes(99) for i in range(300)}),
        lambda t: t["/cpus"].__setitem__("big", bytes(9000)),
        lambda t: t["/cpus"].__setitem__("ibm,drc-names", bytes(3000)),
        lambda t: t.graft(t.root, fragment),
        lambda t: t.template({f"t{i}": bytes(50) for i in range(100)}),
    ]
    need = _least_memory(small_tree)
    failures = 0
    for limit in range(need, need + 200_000, 1999):
        tree = DeviceTree.from_dtb(small_tree, memory_limit=limit)
        for edit in edits:
            before = tree.to_dtb()
            try:
                edit(tree)
            except NoSpaceError:
                failures += 1
                assert tree.to_dtb() == before
    assert failures > 50


def _least_memory(data: bytes) -> int:
    """The smallest limit with which a blob can be parsed."""
    low, high = 0, 1 << 20
    while high - low > 1:
        middle = (low + high) // 2
        try:
            DeviceTree.from_dtb(data, memory_limit=middle)
        except NoSpaceError:
            low = middle
        else:
            high = middle
    return high


def _fragment(n: int) -> bytes:
    plain = PlainTree()
    for i in range(n):
        plain.add("/", f"f@{i:x}", {f"p{i}": bytes(30)})
    return plain.to_dtb()


def test_directory_follows_every_kind_of_edit(tree):
    """A node of many properties, new or read, is found by name after any edit."""
    props = {f"p{i}": bytes([i]) * (i % 7) for i in range(40)}
    node = tree.add_node("/many", props)
    read = DeviceTree.from_dtb(tree.to_dtb())["/many"]
    for each in (node, read):
        want = dict(props)
        for i in range(0, 40, 3):
            want[f"p{i}"] = each.properties[f"p{i}"] + b"grown"
            each.set(f"p{i}", want[f"p{i}"])
            assert all(each[name] == value for name, value in want.items())
        with each.tree.transaction() as transaction:
            for i in range(0, 40, 2):
                del each[f"p{i}"]
            assert [n for n in props if n in each] == [f"p{i}" for i in range(1, 40, 2)]
            transaction.rollback()
        assert dict(each.properties) == want


def test_property_far_into_an_image_is_found(tree):
    """Beyond the reach of the directory a node's image is scanned."""
    props = {"first": b"1", "huge": bytes(300_000), "last": b"2", "more": b"", "x": b""}
    tree.add_node("/huge", props)
    for each in (tree, DeviceTree.from_dtb(tree.to_dtb())):
        assert each["/huge"]["last"] == b"2"
        each["/huge"]["last"] = b"3"
        assert each["/huge"]["last"] == b"3"

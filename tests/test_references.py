"""Phandles with and without arguments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydlpar import ArgumentError, DeviceTree, NotFoundError, Reference, TreeError


@pytest.fixture
def tree() -> DeviceTree:
    """Two clocks of 1 and 2 cells, an interrupt controller of 0, a user."""
    tree = DeviceTree()
    for path, cells, phandle in [("/one", 1, 11), ("/two", 2, 22), ("/none", 0, 33)]:
        node = tree.add_node(path, {})
        node.set_u32("#clock-cells", cells)
        node.set_u32("phandle", phandle)
    tree.add_node("/user", {})
    return tree


def test_reference_is_followed(tree):
    user = tree["/user"]
    user.set_u32("x", 22)
    assert user.reference("x") == tree["/two"]
    user.set_references("x", tree["/one"], tree["/two"])
    assert user.u32s("x") == (11, 22)
    assert user.references("x") == [tree["/one"], tree["/two"]]
    with pytest.raises(TreeError, match="/user, property 'x': 8 bytes, expected 4"):
        user.reference("x")
    user.set_u32("x", 11, 99)
    with pytest.raises(NotFoundError, match=r"/user, property 'x': entry 1: .* 0x63"):
        user.references("x")
    with pytest.raises(NotFoundError, match="property 'y'"):
        user.reference("y")


def test_arguments_are_counted_by_each_node(tree):
    """0 is an entry left out, and so is -1."""
    user = tree["/user"]
    user.set_u32("clocks", 22, 1, 2, 0, 11, 3, 33, 0xFFFFFFFF, 11, 4)
    expected = [
        Reference(tree["/two"], (1, 2)),
        Reference(None),
        Reference(tree["/one"], (3,)),
        Reference(tree["/none"], ()),
        Reference(None),
        Reference(tree["/one"], (4,)),
    ]
    assert user.phandle_args("clocks") == expected
    assert user.phandle_args("clocks", "#clock-cells") == expected
    user.set_references("clocks", *expected)
    assert user.phandle_args("clocks") == expected


@given(st.lists(st.sampled_from(["one", "two", "none", None]), max_size=8), st.data())
def test_references_survive(nodes, data):
    tree = DeviceTree()
    counts = {"one": 1, "two": 2, "none": 0}
    for name, count in counts.items():
        tree.add_node(f"/{name}", {}).set_u32("#x-cells", count)
        assert tree[f"/{name}"].ensure_phandle() == tree.max_phandle
    references = []
    for name in nodes:
        n = counts.get(name, 0)
        cells = st.lists(st.integers(0, 0xFFFFFFFF), min_size=n, max_size=n)
        node = tree[f"/{name}"] if name else None
        references.append(Reference(node, tuple(data.draw(cells))))
    tree.root.set_references("x", *references)
    assert tree.root.phandle_args("x", "#x-cells") == references


def test_value_that_ends_within_an_entry(tree):
    user = tree["/user"]
    user.set_u32("clocks", 11, 5, 22, 1)
    with pytest.raises(TreeError, match="entry 1, /two: 1 arguments, expected 2") as e:
        user.phandle_args("clocks")
    assert e.value.offset == 12
    user["clocks"] = bytes(7)
    with pytest.raises(TreeError, match="7 bytes, expected a multiple of 4"):
        user.phandle_args("clocks")


def test_count_beyond_any_value():
    """A counter of 2^30 cells or more overflows 32-bit byte counts."""
    tree = DeviceTree()
    node = tree.add_node("/x", {})
    node.ensure_phandle()
    tree.root.set_references("clocks", node)
    for count in (1 << 30, 0x40000001, 0xFFFFFFFF):
        node.set_u32("#clock-cells", count)
        with pytest.raises(TreeError, match=f"expected {count}"):
            tree.root.phandle_args("clocks")


def test_node_that_does_not_count(tree):
    user = tree["/user"]
    user.set_u32("resets", 11, 1)
    with pytest.raises(NotFoundError, match=r"/one, property '#reset-cells': .* /user"):
        user.phandle_args("resets")
    tree["/one"]["#reset-cells"] = b"ab"
    with pytest.raises(TreeError, match="/one, property '#reset-cells'"):
        user.phandle_args("resets")


def test_msi_parent_may_do_without():
    """The binding says that `#msi-cells` may be missing: no arguments."""
    tree = DeviceTree()
    node = tree.add_node("/msi", {})
    node.ensure_phandle()
    tree.root.set_references("msi-parent", node)
    assert tree.root.phandle_args("msi-parent") == [Reference(node, ())]


@pytest.mark.parametrize("name", ["gpios", "gpio", "cs-gpios", "reset-gpio"])
def test_gpios_by_suffix(name):
    tree = DeviceTree()
    node = tree.add_node("/g", {})
    node.set_u32("#gpio-cells", 2)
    node.ensure_phandle()
    tree.root.set_references(name, (node, (3, 1)), (None, ()), (node, (4, 0)))
    assert tree.root.phandle_args(name) == [(node, (3, 1)), (None, ()), (node, (4, 0))]


@pytest.mark.parametrize("name", ["x", "vendor,nr-gpios", "clock"])
def test_binding_that_is_not_known_must_be_said(tree, name):
    """Never a guess."""
    tree["/user"].set_u32(name, 11, 1)
    with pytest.raises(ArgumentError, match="no binding known"):
        tree["/user"].phandle_args(name)
    assert tree["/user"].phandle_args(name, "#clock-cells") == [(tree["/one"], (1,))]


def test_references_that_cannot_be_made(tree):
    user = tree["/user"]
    with pytest.raises(ArgumentError, match="/user has no phandle; ensure_phandle"):
        user.set_references("x", user)
    with pytest.raises(ArgumentError, match="another tree"):
        user.set_references("x", DeviceTree().root)
    with pytest.raises(ArgumentError, match="expected 0 to"):
        user.set_references("x", (tree["/one"], (1 << 32,)))
    assert "x" not in user


def test_phandle_is_made_once(tree):
    user = tree["/user"]
    assert tree["/one"].ensure_phandle() == 11
    assert user.ensure_phandle() == user.ensure_phandle() == user.phandle == 34
    assert tree.by_phandle(34) == user


def test_interrupt_map_of_a_real_tree(real_trees):
    """QEMU's host bridge: 3+1 cells of the child, a phandle, 2 of the controller."""
    tree = DeviceTree.from_dtb(real_trees["pci8-virtio.dtb"])
    rows = tree["/pci@800000020000000"].cells("interrupt-map", 7)
    assert len(rows) == 128
    controllers = {tree.by_phandle(row[4]) for row in rows}
    assert [node.u32("#interrupt-cells") for node in controllers] == [2]
    assert all("interrupt-controller" in node for node in controllers)


def test_gpio_check_of_dtc(corpus):
    path = corpus / "dtc-tests" / "good-gpio.test.dtb"
    tree = DeviceTree.from_dtb(path.read_bytes())
    controller = tree["/gpio-controller"]
    assert tree["/node"].phandle_args("foo-gpios") == [(controller, (1, 2, 3))]

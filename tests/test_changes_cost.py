"""What a difference costs: counted in pairs of nodes looked at, not in seconds."""

from __future__ import annotations

from changetrees import make, tokens

from pydlpar import DeviceTree

WIDE, BELOW = 100, 20


def _machine() -> DeviceTree:
    """100 nodes of 20 children each."""
    children = [
        (f"bus@{i}", [], [(f"dev@{j}", [("reg", b"1234")], []) for j in range(BELOW)])
        for i in range(WIDE)
    ]
    return DeviceTree.from_dtb(make(("", [], children)))


def test_between_copies_only_changes_cost():
    """The changed nodes, those above them, and their siblings; not the rest."""
    tree = _machine()
    copy = tree.copy()
    assert copy.diff(tree).compared == 0
    tree["/bus@70/dev@7"]["reg"] = b"4321"
    diff = copy.diff(tree)
    assert len(diff) == 1
    assert diff.compared <= 3 + WIDE + BELOW
    tree.remove_node("/bus@3/dev@4")
    tree.add_node("/bus@5/new", {})
    tree["/bus@9"]["longer"] = b"value"
    diff = copy.diff(tree)
    assert len(diff) == 4
    assert diff.compared <= 10 + 2 * WIDE + 5 * BELOW


def test_between_strangers_every_node_costs_the_same():
    tree = _machine()
    other = DeviceTree.from_dtb(tree.to_dtb())
    other["/bus@70/dev@7"]["reg"] = b"4321"
    assert len(tree.diff(other)) == 1
    assert WIDE * BELOW < tree.diff(other).compared <= 2 * len(tree)


def test_what_a_tree_and_its_copies_know_of_each_other():
    """Copies of one state know each other; a later state is a stranger to them."""
    tree = _machine()
    tree["/bus@1"]["early"] = b""
    one, two = tree.copy(), tree.copy()
    three = one.copy()
    for a in (tree, one, two, three):
        for b in (tree, one, two, three):
            assert a.diff(b).compared == 0
    three["/bus@2"]["late"] = b""
    two["/bus@3/dev@3"]["reg"] = b"same"
    assert two.diff(three).compared < 2 * WIDE + 3 * BELOW
    assert len(two.diff(three)) == 2
    four = three.copy()
    assert four.diff(three).compared == 0
    assert four.diff(two).compared > WIDE * BELOW
    assert four.diff(two).stream == three.diff(two).stream


def test_a_copy_made_within_a_transaction_is_a_stranger():
    """A roll-back may restore what the copy never saw."""
    tree = _machine()
    with tree.transaction() as transaction:
        tree["/bus@1/dev@1"]["reg"] = b"4321"
        copy = tree.copy()
        assert copy.diff(tree) == []
        transaction.rollback()
    assert [change.path for change in copy.diff(tree)] == ["/bus@1/dev@1"]
    assert copy.depth == 0


def test_a_copy_made_before_a_transaction_sees_its_roll_back():
    tree = _machine()
    copy = tree.copy()
    with tree.transaction() as transaction:
        tree["/bus@1/dev@1"]["reg"] = b"4321"
        tree["/bus@1/dev@2"]["reg"] = b""
        tree.remove_node("/bus@2")
        assert len(copy.diff(tree)) == 3
        transaction.rollback()
    assert copy.diff(tree) == []


def test_every_way_to_edit_is_seen():
    """By single calls, templates and batches, in place and not, by moves."""
    tree = _machine()
    template = tree.template({"reg": b"0000"})

    def batch():
        with tree.batch() as edits:
            node = edits.add(tree["/bus@2"], "b", {})
            edits.set(node, "x", b"")
            edits.set(tree["/bus@2/dev@2"], "reg", b"9999")
            edits.stamp(tree["/bus@3"], "c", template)
            edits.unset(tree["/bus@3/dev@3"], "reg")
            edits.remove(tree["/bus@4/dev@4"])

    for edit, changes in (
        (lambda: tree["/bus@1"].set("new", b""), 1),
        (lambda: tree["/bus@1"].set("new", b"longer"), 1),
        (lambda: tree["/bus@1"].set("new", b"LONGER"), 1),
        (lambda: tree["/bus@1"].__delitem__("new"), 1),
        (lambda: template.add(tree["/bus@1"], "t"), 1),
        (lambda: tree.attach("/bus@1", tree.extract(tree["/bus@9"])), 1),
        (lambda: tree.detach("/bus@1/t"), 1),
        (batch, 5),
        (lambda: tree.rename(tree["/bus@6/dev@6"], "new"), 2),
        (lambda: tree.move(tree["/bus@6/dev@7"], tree["/bus@7/dev@1"]), 2),
        (lambda: tree.move(tree["/bus@8/dev@7"], tree["/bus@8"]), 1),
        (lambda: tree["/bus@1/dev@1"].append("reg", b"more"), 1),
        (lambda: tree["/bus@1/dev@1"].set("last", b""), 1),
        (lambda: tree["/bus@1/dev@1"].order("last", first=True), 1),
        (lambda: tree.reserve(1, 2), 1),
        (lambda: setattr(tree, "boot_cpu", 3), 1),
    ):
        copy = tree.copy()
        edit()
        assert len(copy.diff(tree)) == changes
        assert copy.diff(tree) == DeviceTree.from_dtb(copy.to_dtb()).diff(tree)


def test_depth_costs_no_more_than_size():
    """A path is written out once, where something differs; nothing recurses."""
    depth = 50_000
    tree = DeviceTree.from_dtb(DeviceTree().to_dtb())
    node = tree.root
    for _ in range(depth):
        node = tree.add_child(node, "n", {"v": b"1"})
    copy = DeviceTree.from_dtb(tree.to_dtb())
    node["v"] = b"2"
    diff = copy.diff(tree)
    assert diff.compared <= 2 * depth + 2
    assert len(diff.stream) < 50 * depth
    assert diff[0].path == "/n" * depth
    copy.apply(diff)
    assert copy.diff(tree) == []


def test_many_equal_names_cost_no_more_than_size():
    """All of a name, in one node and among properties, in both trees."""
    count = 20_000
    old = make(("", [("p", bytes([i & 1])) for i in range(count)],
                [("n", [], []) for _ in range(count)]))  # fmt: skip
    new = make(("", [("p", b"\2") for i in range(count // 2)],
                [("n", [("q", b"")], []) for _ in range(count // 2)]))  # fmt: skip
    one, two = DeviceTree.from_dtb(old), DeviceTree.from_dtb(new)
    diff = one.diff(two)
    assert len(diff) == 2 * count
    assert diff.compared <= 3 * count
    assert two.diff(one).compared <= 3 * count


def test_patching_for_ever_needs_no_more_memory():
    tree = _machine()
    copy = tree.copy()
    tree.remove_node("/bus@3/dev@4")
    tree.add_node("/bus@5/new", {"p": b"value"}, first=True)
    tree["/bus@9"]["longer"] = b"value"
    diff = tree.diff(copy)
    back = diff.reversed()
    for _ in range(3):
        tree.apply(diff)
        tree.apply(back)
    used = tree.memory
    for _ in range(500):
        tree.apply(diff)
        tree.apply(back)
        tree.copy()
    assert tree.memory <= used


def test_a_copy_is_a_tree_of_its_own():
    tree = _machine()
    tree["/bus@1"]["more"] = b"x"
    before = tree.to_dtb()
    copy = tree.copy()
    assert copy.to_dtb() == before
    copy["/bus@1"]["more"] = b"y"
    copy.remove_node("/bus@2")
    assert tree.to_dtb() == before
    del tree
    assert len(tokens(copy)) > WIDE

"""Transactions, templates and batches: whole or not at all, bit for bit."""

from __future__ import annotations

import pytest
from plaintree import cell

from pydlpar import (
    ArgumentError,
    DeviceTree,
    DlparError,
    ExistsError,
    NotFoundError,
    StaleHandleError,
    TreeError,
)
from pydlpar._ffi import lib


@pytest.fixture
def tree(small_tree) -> DeviceTree:
    return DeviceTree.from_dtb(small_tree)


class _Refusal(Exception):
    pass


def _edit_everything(tree: DeviceTree) -> None:
    cpus = tree["/cpus"]
    cpus["#address-cells"] = cell(2)  # in place
    cpus["ibm,drc-names"] = b"longer than before" * 50
    cpus["ibm,drc-names"] = b"x"
    cpus["#size-cells"] = cell(7)  # in place, in the node's own image by now
    del cpus["ibm,drc-types"]
    tree.root["a-name-never-seen"] = b"1"
    node = tree.add_node("/cpus/new", {"phandle": cell(77), "another-name": b""})
    node["reg"] = cell(1)
    tree.add_node("/cpus/new/below", {})
    tree.remove_node("/cpus/new")
    tree.remove_node("/rtas")
    tree.add_node("/rtas", {"rtas-size": cell(1)})
    tree.detach("/vdevice")


def test_exception_restores_the_bytes(tree, small_tree):
    """Leaving by an exception undoes everything, and lets the exception go on."""
    with pytest.raises(_Refusal), tree.transaction():
        _edit_everything(tree)
        raise _Refusal
    assert tree.to_dtb() == small_tree
    with pytest.raises(NotFoundError):
        tree.by_phandle(77)


def test_explicit_roll_back_restores_the_bytes(tree, small_tree):
    with tree.transaction() as transaction:
        _edit_everything(tree)
        transaction.rollback()
        tree.root["after"] = b"x"
    assert tree.root["after"] == b"x"
    del tree.root["after"]
    assert DeviceTree.from_dtb(small_tree).diff(tree) == []


def test_commit_keeps_what_plain_edits_give(tree, small_tree):
    other = DeviceTree.from_dtb(small_tree)
    _edit_everything(other)
    with tree.transaction():
        _edit_everything(tree)
    assert tree.to_dtb() == other.to_dtb()


def test_inner_roll_back_leaves_the_outer_edits(tree):
    """Savepoints nest: each undoes its own part."""
    with tree.transaction():
        tree["/cpus"]["level"] = b"outer"
        outer = tree.to_dtb()
        with pytest.raises(_Refusal), tree.transaction():
            tree["/cpus"]["level"] = b"inner"
            _edit_everything(tree)
            raise _Refusal
        assert tree.to_dtb() == outer
        with tree.transaction():
            tree["/cpus"]["level"] = b"third"
    assert tree["/cpus"]["level"] == b"third"


def test_outer_roll_back_undoes_committed_inner_edits(tree, small_tree):
    with tree.transaction() as outer:
        for _ in range(3):
            with tree.transaction():
                tree["/cpus"]["level"] = b"inner"
                tree["/cpus"]["level"] = b"longer than inner"
                tree.add_node("/x", {"y": b"1"})
            tree.remove_node("/x")
        outer.rollback()
    assert tree.to_dtb() == small_tree


def test_handles_follow_a_roll_back(tree):
    """A removed node's handle fails, works again after, a new node's is stale."""
    cpus = tree["/cpus"]
    with tree.transaction() as transaction:
        tree.remove(cpus)
        with pytest.raises(StaleHandleError):
            cpus.path  # noqa: B018
        new = tree.add_node("/new", {})
        transaction.rollback()
    assert cpus.path == "/cpus"
    with pytest.raises(StaleHandleError):
        new.path  # noqa: B018


def test_order_of_children_is_restored(tree):
    names = [child.name for child in tree.root.children]
    with tree.transaction() as transaction:
        for child in tree.root.children[::2]:
            tree.remove(child)
        for child in tree.root.children:
            tree.remove(child)
        transaction.rollback()
    assert [child.name for child in tree.root.children] == names


def test_many_edits_in_one_transaction_stay_linear(tree, small_tree):
    with tree.transaction() as transaction:
        for i in range(30_000):
            with tree.transaction():
                tree.add_node(f"/n{i}", {})
        assert len(tree) > 30_000
        transaction.rollback()
    assert tree.to_dtb() == small_tree


def test_end_without_begin_is_an_error(tree):
    assert lib.dlpar_tree_commit(tree.ptr) == lib.DLPAR_ERR_NOTXN
    assert lib.dlpar_tree_rollback(tree.ptr) == lib.DLPAR_ERR_NOTXN


def test_edits_counter_grows_with_changes_alone(tree):
    before = tree.edits
    with pytest.raises(NotFoundError):
        del tree.root["none"]
    with pytest.raises(ExistsError):
        tree.add_node("/cpus", {})
    assert tree.edits == before
    tree.root["x"] = b""
    assert tree.edits > before


def test_template_gives_the_node_that_add_node_gives(tree):
    props = {"reg": cell(1), "phandle": cell(0x500), "name": b"cpu\0", "new-name": b""}
    template = tree.template(props)
    node = template.add(tree["/cpus"], "hot@1")
    assert dict(node.properties) == props
    patched = template.add(
        tree["/cpus"], "hot@2", {"reg": cell(2), "phandle": cell(0x501)}
    )
    assert tree.by_phandle(0x501) == patched
    assert dict(patched.properties) == {
        **props,
        "reg": cell(2),
        "phandle": cell(0x501),
    }
    assert DeviceTree.from_dtb(tree.to_dtb()).diff(tree) == []


def test_template_refusals_change_nothing(tree):
    template = tree.template({"reg": cell(1)})
    before = tree.to_dtb()
    for patch, error in (
        ({"none": b""}, NotFoundError),
        ({"reg": b"12345"}, TreeError),
    ):
        with pytest.raises(error):
            template.add(tree.root, "new", patch)
    with pytest.raises(ExistsError):
        template.add(tree.root, "cpus")
    with pytest.raises(ArgumentError):
        tree.template({"": b""})
    assert tree.to_dtb() == before
    template.close()
    for use in (template.close, lambda: template.add(tree.root, "new")):
        with pytest.raises(StaleHandleError):
            use()


def test_template_of_a_rolled_back_transaction_is_gone(tree):
    """One made before stays."""
    early = tree.template({"early-name": b""})
    with tree.transaction() as transaction:
        late = tree.template({"late-name": b""})
        known = tree.template({"reg": b""})
        transaction.rollback()
    for template in (late, known):
        with pytest.raises(StaleHandleError):
            template.add(tree.root, "late")
    early.add(tree.root, "early")
    assert dict(tree["/early"].properties) == {"early-name": b""}


def test_batch_carries_out_a_stream(tree):
    with tree.batch() as batch:
        new = batch.add(tree.root, "new", {"a": b"1"})
        below = batch.add(new, "below", {})
        batch.set(below, "x", b"y")
        batch.set(tree["/cpus"], "a", b"2")
        batch.unset(new, "a")
        batch.remove(tree["/rtas"])
        batch.stamp(new, "stamped", tree.template({"t": b"0"}), {"t": b"1"})
        assert len(batch) == 7
    assert [n.path if n else None for n in batch.nodes] == [
        "/new",
        "/new/below",
        None,
        None,
        None,
        None,
        "/new/stamped",
    ]
    assert dict(tree["/new/below"].properties) == {"x": b"y"}
    assert dict(tree["/new"].properties) == {}
    assert tree["/new/stamped"]["t"] == b"1"
    assert "/rtas" not in tree


def test_batch_is_all_or_nothing(tree, small_tree):
    """The failing operation is named by its index."""
    batch = tree.batch()
    batch.add(tree.root, "one", {"new-name": b""})
    batch.remove(tree["/rtas"])
    batch.add(tree.root, "cpus", {})
    with pytest.raises(ExistsError, match="operation 2 of the batch"):
        batch.run()
    assert tree.to_dtb() == small_tree
    assert batch.run() == []


def test_batch_refuses_references_to_no_node(tree, small_tree):
    for reference in (-1, -2, -(2**63), tree.root.handle + 999):
        batch = tree.batch()
        batch.set(reference, "x", b"")
        with pytest.raises(DlparError, match="operation 0"):
            batch.run()
    batch = tree.batch()
    batch.set(tree.root, "x", b"")
    batch.set(-1, "y", b"")  # operation 0 made no node
    with pytest.raises(ArgumentError, match="operation 1"):
        batch.run()
    assert tree.to_dtb() == small_tree


def test_batch_not_run_when_its_block_fails(tree, small_tree):
    with pytest.raises(_Refusal), tree.batch() as batch:
        batch.remove(tree["/cpus"])
        raise _Refusal
    assert tree.to_dtb() == small_tree


def test_whole_keeps_what_an_edit_did_and_gives_what_it_returns(tree):
    def edit(name: str, *, below: str = "/cpus") -> str:
        with tree.transaction():
            tree.add_node(f"{below}/{name}", {})
        assert tree.depth == 1
        return name

    assert tree.whole(edit, "one") == "one"
    assert tree.depth == 0
    assert "/cpus/one" in tree


@pytest.mark.parametrize("error", [_Refusal, KeyboardInterrupt])
def test_whole_undoes_an_edit_that_raises_with_all_that_it_left_open(tree, error):
    before = tree.to_dtb()

    def edit() -> None:
        tree.transaction().__enter__()
        _edit_everything(tree)
        raise error

    with pytest.raises(error):
        tree.whole(edit)
    assert tree.depth == 0
    assert tree.to_dtb() == before


def test_whole_within_a_transaction_is_undone_with_it(tree):
    before = tree.to_dtb()
    with tree.transaction() as transaction:
        tree.whole(_edit_everything, tree)
        assert tree.depth == 1
        transaction.rollback()
    assert tree.to_dtb() == before

"""dt requests: which nodes come and go, and the errno, as in Linux 6.12 and 6.17."""

from __future__ import annotations

import errno

import pytest
from io_script import LIVE, PATH0, card, carry_out, device_properties, io_tree, slot
from io_script import unchanged as unchanged_
from script import cells, configured, not_configured, run

from pydlpar.constants import Action, Resource
from pydlpar.request import DIALECTS, HotplugRequest

SLOT = slot(0, 8)
ADD = HotplugRequest.index(Resource.DT, Action.ADD, SLOT)
REMOVE = HotplugRequest.index(Resource.DT, Action.REMOVE, SLOT)


def info(first, elements, increment=1, kind=b"28"):
    """A record of ibm,drc-info."""
    return kind + b"\0C\0" + cells(first, 0, elements, increment, LIVE)


def with_info(*records):
    tree = io_tree()
    tree[PATH0]["ibm,drc-info"] = cells(len(records)) + b"".join(records)
    return tree


def unchanged(*arguments, **options):
    return unchanged_(*arguments, user_space=False, **options)


def test_text_of_612_comes_to_the_same_operation():
    """2.1: "dt" goes through one code path with the other resources."""
    tree = with_info(info(slot(0, 0), 16))
    done = run(tree, f"dt add index {SLOT:#x}", configured(SLOT, card("x@1", SLOT)))
    assert done.last.changes == [("add", f"{PATH0}/x@1")]
    done = run(tree, f"dt remove index {SLOT:#x}\n")
    assert done.last.changes == [("remove", f"{PATH0}/x@1")]
    assert done.last.exit_status is None


def test_add_makes_no_drc_call_but_configure_connector():
    """4.6: user space acquires the connector; a whole subtree is attached."""
    tree, fragment = with_info(info(slot(0, 0), 16)), io_tree()
    fragment = fragment.extract(fragment[PATH0]).to_dtb()
    done = carry_out(tree, ADD, configured(SLOT, fragment), user_space=False)
    assert (done.errno, done.changes) == (0, [("add", PATH0 + PATH0)])


@pytest.mark.parametrize("quirks", [None, ()])
def test_owner_is_the_first_that_lists_it_in_drc_info(quirks):
    """4.6: drc-info comes before the arrays of a node that stands earlier."""
    tree = io_tree()
    tree.add_node("/later", {"ibm,drc-info": cells(1) + info(slot(0, 0), 5, 2)})
    add = configured(SLOT, card("x@1", SLOT))
    done = carry_out(tree, ADD, add, user_space=False, quirks=quirks)
    assert done.changes == [("add", "/later/x@1")]


def test_owner_by_the_arrays_since_617():
    """4.6, 41a1452759a8: QEMU has arrays only; before, that was EIO."""
    assert unchanged(io_tree(), ADD).errno == errno.EIO
    done = carry_out(
        io_tree(), ADD, configured(SLOT, card("x@1", SLOT)), user_space=False, quirks=()
    )
    assert done.changes == [("add", f"{PATH0}/x@1")]


@pytest.mark.parametrize(
    "record",
    [info(slot(0, 0), 8), info(slot(0, 1), 8, 2), info(SLOT, 0), b"28\0C\0\0\0"],
    ids=["ends-before", "steps-over", "empty", "cut-off"],
)
def test_no_owner_is_eio(record):
    """4.6: a record that does not reach the index, or is malformed, lists nothing."""
    tree = io_tree(slots=[])
    tree[PATH0]["ibm,drc-info"] = cells(1) + record
    done = unchanged(tree, ADD, quirks=())
    assert done.errno == errno.EIO
    assert "no ibm,drc-info or ibm,drc-indexes lists DRC 0x40000008" in done.reason


@pytest.mark.parametrize("status", [-1, -3, -9003, 5])
def test_configure_that_fails_is_eio(status):
    """4.6: and nothing is released."""
    tree = with_info(info(SLOT, 1))
    assert unchanged(tree, ADD, not_configured(SLOT, status)).errno == errno.EIO


def test_add_of_what_is_there_is_einval():
    """4.6: a node anywhere has the index; no call is made."""
    tree = with_info(info(SLOT, 1))
    tree.add_node("/elsewhere", device_properties(SLOT))
    assert unchanged(tree, ADD).errno == errno.EINVAL


@pytest.mark.parametrize("value", [b"", b"\x40\0\0"])
def test_unreadable_index_ends_the_search_for_a_duplicate(value):
    """4.6: it gives up silently, and the duplicate behind it is not found."""
    tree = with_info(info(SLOT, 1))
    tree.add_node("/bad", {"ibm,my-drc-index": value})
    tree.add_node("/worse", device_properties(SLOT))
    done = carry_out(tree, ADD, configured(SLOT, card("x", SLOT)), user_space=False)
    assert done.errno == 0


def test_name_that_is_taken_is_eexist():
    """Deviation: Linux would have two nodes of one name."""
    tree = with_info(info(SLOT, 1))
    tree.add_node(f"{PATH0}/x@1", {})
    done = unchanged(tree, ADD, configured(SLOT, card("x@1", SLOT)))
    assert (done.errno, done.changes) == (errno.EEXIST, [])


def test_malformed_fragment_is_eio():
    """Deviation: as where configure-connector fails."""
    tree = with_info(info(SLOT, 1))
    assert unchanged(tree, ADD, configured(SLOT, b"\xd0\r\xfe\xed")).errno == errno.EIO


def test_remove_takes_every_node_with_the_index():
    """4.6: with what is below; one within another is no obstacle."""
    tree = io_tree()
    for path in (f"{PATH0}/a", f"{PATH0}/a/b", "/c"):
        tree.add_node(path, device_properties(SLOT))
    done = carry_out(tree, REMOVE, user_space=False)
    removed = ["/c", f"{PATH0}/a/b", f"{PATH0}/a"]
    assert done.changes == [("remove", path) for path in removed]
    assert tree.to_dtb() == io_tree().to_dtb()


def test_remove_of_nothing_is_success():
    """4.6, B18."""
    assert unchanged(io_tree(), REMOVE).errno == 0


@pytest.mark.parametrize(
    ("value", "error"), [(b"", errno.ENODATA), (b"\x40\0\0", errno.EOVERFLOW)]
)
def test_remove_fails_by_an_unreadable_index(value, error):
    """4.6: its read error, and no node leaves."""
    tree = io_tree(devices=[("a", SLOT)])
    tree.add_node("/bad", {"ibm,my-drc-index": value})
    assert unchanged(tree, REMOVE).errno == error


@pytest.mark.parametrize("dialect", list(DIALECTS))
@pytest.mark.parametrize("request_", [ADD, REMOVE], ids=str)
def test_only_612_has_the_resource(dialect, request_):
    """2.7."""
    expected = 0 if request_ is REMOVE and dialect == "6.12" else errno.EINVAL
    tree = io_tree() if request_ is REMOVE else io_tree(devices=[("a", SLOT)])
    assert unchanged(tree, request_, dialect=dialect).errno == expected


@pytest.mark.parametrize(
    "request_",
    [
        HotplugRequest.by_count(Resource.DT, Action.ADD, 1),
        HotplugRequest.indexed_count(Resource.DT, Action.REMOVE, 1, SLOT),
        ADD._replace(action=3),
    ],
    ids=str,
)
def test_other_ids_and_actions_are_einval(request_):
    """2.7: the parser takes them, the handler does not."""
    assert unchanged(io_tree(), request_).errno == errno.EINVAL

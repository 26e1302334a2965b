"""Threads that share a tree find it between two edits; transactions have an owner.

The core lets go of the interpreter's lock in every call, so these threads run in it
at the same time with or without that lock. What C alone can show, `make tsan` does.
"""

from __future__ import annotations

import gc
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from pydlpar import (
    BusyError,
    DeviceTree,
    Node,
    NoSpaceError,
    NotFoundError,
    StaleHandleError,
    edits,
)
from pydlpar._ffi import lib

READS = 1000
EDITS = 1500


@pytest.fixture(autouse=True)
def often_switched():
    """Let a thread be interrupted between any two steps, not only every 5 ms."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def together(*jobs: Callable[[], object]) -> None:
    """Run each job in a thread of its own; the first exception is the test's."""
    ready = threading.Barrier(len(jobs))

    def run(job: Callable[[], object]) -> None:
        ready.wait(30)
        job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        for future in [pool.submit(run, job) for job in jobs]:
            future.result(60)


def elsewhere(job: Callable[[], object]) -> object:
    """The result of a job done in another thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(job).result(60)


class Editing:
    """Tells the readers when the editors are done."""

    def __init__(self, *editors: Callable[[], None]) -> None:
        self._left = len(editors)
        self._lock = threading.Lock()
        self.jobs = [self._counted(editor) for editor in editors]

    def _counted(self, editor: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                editor()
            finally:
                with self._lock:
                    self._left -= 1

        return run

    def __bool__(self) -> bool:
        return self._left > 0

    def reader(self, check: Callable[[], None]) -> Callable[[], None]:
        """A job that checks at least once, and until no editor is left."""

        def run() -> None:
            check()
            while self:
                check()

        return run


def test_readers_never_get_each_others_values():
    """Values, names and paths of one thread are its own, of any length."""
    tree = DeviceTree()
    lengths = [0, 1, 700, 4095, 4096, 4097, 9000]
    nodes = [
        tree.add_node(f"/n{i}", {"v": bytes([i]) * n}) for i, n in enumerate(lengths)
    ]

    def reader(node: Node, name: str, value: bytes) -> Callable[[], None]:
        def run() -> None:
            for _ in range(READS):
                assert node["v"] == value
                assert node.get("v") == value
                assert node.name == name
                assert node.path == f"/{name}"
                assert node.properties.as_dict() == {"v": value}

        return run

    together(
        *(reader(n, f"n{i}", bytes([i]) * lengths[i]) for i, n in enumerate(nodes))
    )


def test_readers_meet_an_editor_and_find_only_what_was_written():
    """In place, of another size, in a buffer of its own: never half of a value."""
    tree = _wide_tree(200)
    values = [bytes([n % 251]) * n for n in (4, 4, 60, 61, 4096, 5000, 20_000)]
    node = tree.add_node("/n", {"before": b"x", "v": values[0], "after": b"y"})

    def edit() -> None:
        for i in range(EDITS):
            node["v"] = values[i % len(values)]
            if i % 50 == 0:
                del node["v"]

    editing = Editing(edit)

    def read() -> None:
        assert node.get("v", values[0]) in values
        properties = node.properties.as_dict()
        assert properties["before"] == b"x"
        assert properties.get("v", values[0]) in values
        assert properties["after"] == b"y"

    def write() -> None:
        copy = DeviceTree.from_dtb(tree.to_dtb())
        assert copy["/n"].get("v", values[0]) in values
        buffer = bytearray(100_000)
        n = tree.write_into(buffer)
        assert DeviceTree.from_dtb(buffer[:n])["/n"]["after"] == b"y"
        assert tree.extract(node)["/n"]["before"] == b"x"

    together(*editing.jobs, *map(editing.reader, (read, read, write)))


def test_readers_meet_nodes_that_come_and_go():
    """A removed node is stale or not found; the others are as they were."""
    tree = DeviceTree()
    stays = tree.add_node("/stays", {"reg": b"\0\0\0\1", "phandle": b"\0\0\0\7"})

    def edit() -> None:
        for i in range(EDITS):
            node = tree.add_node(f"/goes@{i}", {"reg": b"\0\0\0\2"}, first=bool(i % 2))
            tree.add_child(node, "below", {})
            tree.remove(node)

    editing = Editing(edit)

    def read() -> None:
        assert tree["/stays"] == stays == tree.by_phandle(7)
        assert tree.find_child(tree.root, "reg", 1) == stays
        assert 2 <= len(tree) <= 4
        for node in tree.root.walk():
            try:
                assert node.path in ("/", "/stays") or node.path.startswith("/goes@")
                assert node.parent is None or node.parent.name[:4] in ("", "goes")
            except StaleHandleError:
                assert node != stays

    together(*editing.jobs, *map(editing.reader, (read, read, read)))
    assert [node.path for node in tree.nodes()] == ["/", "/stays"]


def _wide_tree(width: int) -> DeviceTree:
    tree = DeviceTree()
    with tree.batch() as batch:
        for i in range(width):
            batch.add(tree.root, f"n{i}", {"v": b"start"})
    return tree


def test_a_batch_is_one_edit():
    """It takes long enough for others to come, and they see all of it or nothing."""
    tree = _wide_tree(1000)
    nodes = tree.root.children
    batches = []
    for i in range(60):
        batches.append(tree.batch())
        for node in nodes:
            batches[-1].set(node, "v", str(i).encode() * (1 + i % 9))

    def edit() -> None:
        for batch in batches:
            batch.run()

    editing = Editing(edit)
    seen: set[bytes] = set()
    together(*editing.jobs, editing.reader(lambda: seen.add(tree.to_dtb())))
    for blob in seen:
        copy = DeviceTree.from_dtb(blob)
        assert len({node["v"] for node in copy.root.children}) == 1


def test_editors_wait_for_each_other():
    """Outside of transactions no edit is refused, and none is lost."""
    tree = DeviceTree()
    names, rounds, size = "abc", 30, 300

    def editor(name: str) -> Callable[[], None]:
        value = name.encode()
        parent = tree.add_node(f"/{name}", {})
        batches = []
        for i in range(rounds):
            batches.append(tree.batch())
            for k in range(size):
                batches[-1].add(parent, f"b{i}-{k}", {"v": value})

        def run() -> None:
            for i, batch in enumerate(batches):
                tree.remove(batch.run()[7])
                tree.add_child(parent, f"n{i}", {"v": value})
                tree.template({"v": value}).add(parent, f"t{i}")
                parent["v"] = bytes(i)

        return run

    together(*map(editor, names))
    for name in names:
        children = tree[f"/{name}"].children
        assert len(children) == rounds * (size + 1)
        assert {child["v"] for child in children} == {name.encode()}
    assert DeviceTree.from_dtb(tree.to_dtb()).diff(tree) == []


def test_trees_attached_to_one_another_do_not_wait_for_ever():
    """Two trees are entered in one order, whichever is changed."""
    left, right = DeviceTree(), DeviceTree()

    def attacher(to: DeviceTree, fragment: DeviceTree) -> Callable[[], None]:
        to.add_node("/here", {})

        def run() -> None:
            for _ in range(EDITS):
                to.remove(to.attach("/here", fragment))

        return run

    together(attacher(left, right), attacher(right, left))
    assert [n.path for n in left.nodes()] == [n.path for n in right.nodes()]


@pytest.mark.parametrize(
    "edit",
    [
        lambda tree: tree.root.set("x", b"1"),
        lambda tree: tree.root.__delitem__("v"),
        lambda tree: tree.add_node("/m", {}),
        lambda tree: tree.remove_node("/n"),
        lambda tree: tree.attach("/n", DeviceTree.from_dtb(tree.to_dtb())),
        lambda tree: tree.template({}),
        lambda tree: tree.transaction().__enter__(),
        lambda tree: tree.batch().run(),
    ],
)
def test_edit_within_the_transaction_of_another_thread_is_refused(edit):
    """It would become part of that transaction, or wait for what may wait for it."""
    tree = DeviceTree()
    tree.add_node("/n", {})
    tree.root["v"] = b"1"

    def refused() -> None:
        with pytest.raises(BusyError, match="another thread"):
            edit(tree)

    with tree.transaction():
        tree.root["mine"] = b"1"
        before = tree.to_dtb()
        elsewhere(refused)
        assert tree.to_dtb() == before
        with tree.transaction():
            tree.root["mine"] = b"2"
            elsewhere(refused)
    assert tree.root["mine"] == b"2"
    assert elsewhere(lambda: tree.add_node("/after", {}).name) == "after"


def test_transaction_is_not_another_threads_to_end():
    tree = DeviceTree()
    transaction = tree.transaction()
    with transaction:
        tree.root["v"] = b"1"

        def end() -> None:
            assert lib.dlpar_tree_commit(tree.ptr) == lib.DLPAR_ERR_BUSY
            with pytest.raises(BusyError):
                transaction.rollback()

        elsewhere(end)
        assert tree.depth == 1
    assert tree.root["v"] == b"1"


def test_end_of_a_transaction_is_not_of_the_next_one(monkeypatch):
    """Another thread may begin one as soon as this one's is closed."""
    tree = DeviceTree()
    end = edits._commit_to

    def end_and_lose(ptr: object, depth: int) -> int:
        rc: int = end(ptr, depth)
        elsewhere(lambda: lib.dlpar_tree_begin(tree.ptr))
        return rc

    monkeypatch.setattr(edits, "_commit_to", end_and_lose)
    with tree.transaction():
        tree.root["v"] = b"1"
    assert (tree.depth, tree.root["v"]) == (1, b"1")


def test_reads_see_the_transaction_of_another_thread():
    tree = DeviceTree()
    with tree.transaction() as transaction:
        tree.add_node("/n", {"v": b"1"})
        assert elsewhere(lambda: tree["/n"]["v"]) == b"1"
        assert elsewhere(lambda: tree.depth) == 1
        transaction.rollback()
    assert elsewhere(lambda: "/n" in tree) is False


def test_transactions_of_many_threads_never_mix():
    """Whoever is refused tries again; what one did is there whole or not at all."""
    tree = DeviceTree()
    tree.root["count"] = b"0"

    def run() -> None:
        done = 0
        while done < EDITS // 30:
            try:
                with tree.transaction():
                    count = int(tree.root["count"])
                    tree.add_node(f"/n{count}", {})
                    tree.root["count"] = str(count + 1).encode()
                done += 1
            except BusyError:
                time.sleep(0)

    together(run, run, run)
    assert int(tree.root["count"]) == 3 * (EDITS // 30) == len(tree) - 1


def test_tree_lives_as_long_as_a_thread_uses_a_node():
    """The node keeps it, though nobody else does."""
    blob = _wide_tree(500).to_dtb()

    def use() -> None:
        for _ in range(5):
            root = DeviceTree.from_dtb(blob).root
            assert len(root.walk()) == 501

    def collect() -> None:
        for _ in range(20):
            gc.collect()

    together(use, use, collect)


def test_call_within_a_call_has_scratch_of_its_own():
    """A signal handler runs between any two steps of a read, and reads too."""
    tree = DeviceTree()
    mine = tree.add_node("/mine", {"v": b"m" * 100})
    other = tree.add_node("/other", {"v": b"o" * 100})
    seen = []

    def handler(*_: object) -> None:
        seen.append(other["v"] == b"o" * 100 and other.name == "other")

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 1e-4, 1e-4)
    try:
        deadline = time.monotonic() + 30
        while len(seen) < 50 and time.monotonic() < deadline:
            assert mine["v"] == b"m" * 100
            assert mine.path == "/mine"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(seen) >= 50
    assert all(seen)


def test_memory_limit_counts_the_lock():
    """A tree that has no room for it is refused, not left without."""
    need, refused = DeviceTree().memory, 0
    for limit in range(need - 400, 4 * need, 8):
        try:
            assert DeviceTree(memory_limit=limit).memory <= limit
        except NoSpaceError:
            refused += 1
    assert refused >= 400 / 8


def test_lookup_in_another_thread_says_what_is_missing():
    """Errors are those of one thread."""
    tree = DeviceTree()

    def run() -> None:
        with pytest.raises(NotFoundError):
            tree["/none"]

    together(run, run)


@pytest.mark.skipif(
    getattr(sys, "_is_gil_enabled", lambda: True)(),
    reason="this interpreter is not a free-threaded one",
)
def test_import_leaves_the_interpreter_free_threaded():
    """The extension module says that it does not need the lock."""
    assert not sys._is_gil_enabled()

"""The agent of a guest, run here: frames, requests, the tree that it flattens."""

from __future__ import annotations

import errno
import json
import os
import socket
import threading
from binascii import a2b_base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydlpar import DeviceTree
from pydlpar.platforms.guest_agent import (
    Agent,
    flatten,
    frame,
    packed,
    serve,
    unframe,
)

MESSAGES = st.dictionaries(
    st.text(max_size=8), st.integers() | st.text(max_size=20), max_size=4
)
NOISE = st.binary(max_size=40).map(lambda data: data.replace(b"\n", b"~"))


@given(MESSAGES)
def test_a_frame_is_one_ascii_line(message):
    """And what it carries comes back."""
    line = frame(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert line.isascii()
    assert unframe(line) == message


@given(NOISE, MESSAGES)
def test_noise_before_a_frame_is_skipped(noise, message):
    """A kernel message without a line end can stand before it."""
    assert unframe(noise + frame(message)) == message


@given(NOISE)
def test_noise_is_no_frame(noise):
    """Nothing is taken for a message whose check does not fit."""
    assert unframe(noise) is None


@given(MESSAGES, st.data())
def test_a_damaged_frame_is_none(message, data):
    """One changed byte, and nobody acts on it."""
    line = bytearray(frame(message)[:-1])
    at = data.draw(st.integers(0, len(line) - 1))
    line[at] ^= data.draw(st.integers(1, 127))
    assert unframe(bytes(line)) is None


def make_tree(folder):
    """Files as in /proc/device-tree."""
    for path, value in {
        "model": b"IBM pSeries\0",
        "empty": b"",
        "cpus/name": b"cpus\0",
        "cpus/PowerPC,POWER9@0/reg": bytes(4),
        "cpus/PowerPC,POWER9@0/name": b"PowerPC,POWER9\0",
        "memory@0/reg": bytes(16),
        "memory@0/odd": b"abc",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(value)
    (folder / "bare").mkdir()


def test_flatten_is_what_from_filesystem_reads(tmp_path):
    """The agent's few lines and the library agree, to the order of all names."""
    make_tree(tmp_path)
    flat = DeviceTree.from_dtb(flatten(str(tmp_path)))
    read = DeviceTree.from_filesystem(tmp_path)
    assert [node.path for node in flat.nodes()] == [node.path for node in read.nodes()]
    for ours, theirs in zip(flat.nodes(), read.nodes(), strict=True):
        assert ours.properties.as_dict() == theirs.properties.as_dict()
    assert not list(read.diff(flat))


def test_flatten_a_deep_tree(tmp_path):
    """Depth has no limit but that of paths: there is no recursion."""
    folder = tmp_path
    for _ in range(300):
        folder = folder / "n"
    folder.mkdir(parents=True)
    assert len(list(DeviceTree.from_dtb(flatten(str(tmp_path))).nodes())) == 301


def ask(agent, what, **arguments):
    """A request through a frame and back, as over the line."""
    answer = unframe(frame(agent.answer({"id": 5, "do": what, **arguments})))
    assert answer.pop("id") == 5
    return answer


def test_write_and_read(tmp_path):
    """One write(2), at the start of the file; and all of a file."""
    path = tmp_path / "dlpar"
    path.write_bytes(b"memory,cpu\n")
    agent = Agent({"/sys/kernel/dlpar": str(path)})
    arguments = {"path": "/sys/kernel/dlpar", "data": packed(b"cpu\0\xff\n")}
    assert ask(agent, "write", **arguments) == {"wrote": 6}
    answer = ask(agent, "read", path="/sys/kernel/dlpar")
    assert a2b_base64(answer["data"]) == b"cpu\0\xff\n,cpu\n"


def test_errno_of_what_is_refused(tmp_path):
    """The number, and the path where there is one."""
    agent = Agent()
    nope = str(tmp_path / "nope")
    assert ask(agent, "read", path=nope) == {"errno": errno.ENOENT, "path": nope}
    full = ask(agent, "write", path="/dev/full", data=packed(b"x"))
    assert full["errno"] == errno.ENOSPC
    assert ask(agent, "run", argv=[nope], timeout=5)["errno"] == errno.ENOENT


def test_run():
    """Status and both outputs; nothing can be read from its input."""
    agent = Agent()
    line = "cat; echo out; echo err >&2; exit 3"
    answer = ask(agent, "run", argv=["sh", "-c", line], timeout=30)
    assert (answer["status"], answer["late"]) == (3, False)
    assert a2b_base64(answer["out"]) == b"out\n"
    assert a2b_base64(answer["err"]) == b"err\n"


def test_run_to_its_deadline():
    """All that it started is killed, and what it said so far is told."""
    line = "echo begun; sleep 60 & sleep 60"
    answer = ask(Agent(), "run", argv=["sh", "-c", line], timeout=0.5)
    assert (answer["status"], answer["late"]) == (-9, True)
    assert a2b_base64(answer["out"]) == b"begun\n"


def test_messages(tmp_path):
    """Those since the last time."""
    os.mkfifo(tmp_path / "kmsg")
    writer = os.open(tmp_path / "kmsg", os.O_RDWR | os.O_NONBLOCK)
    agent = Agent({"/dev/kmsg": str(tmp_path / "kmsg")})
    assert ask(agent, "messages") == {"records": [], "lost": False}
    os.write(writer, b"6,1,99,-;pseries-hotplug-mem: hi \xff\n")
    record = "6,1,99,-;pseries-hotplug-mem: hi \ufffd\n"
    assert ask(agent, "messages") == {"records": [record], "lost": False}
    assert ask(agent, "messages") == {"records": [], "lost": False}
    os.close(writer)


def test_error_log(tmp_path):
    """Whole slots; a log that is stopped, or empty, has none."""
    path = tmp_path / "error_log"
    path.write_bytes(b"a" * 2052 + b"b" * 2052)
    place = "/proc/powerpc/rtas/error_log"
    slots = ask(Agent({place: str(path)}), "errors")["slots"]
    assert [a2b_base64(slot)[:1] for slot in slots] == [b"a", b"b"]
    path.write_bytes(b"")
    assert ask(Agent({place: str(path)}), "errors") == {"slots": []}


@pytest.mark.parametrize(
    ("comm", "busy"),
    [
        ("kworker/u32:1+pseries hotplug workqueue", True),
        ("kworker/u32:1-pseries hotplug workqueue", False),
        ("kworker/u32:1+events_unbound", False),
    ],
)
def test_hotplug_state(tmp_path, comm, busy):
    """Interrupts of all CPUs, also of those gone; busy while a worker works at one."""
    for number, actions, counts in (
        *((16, "IPI\n", "9,9\n"), (17, "RAS_HOTPLUG\n", "2,1\n")),
        *((18, "\n", "0,0\n"),),
    ):
        folder = tmp_path / "irq" / str(number)
        folder.mkdir(parents=True)
        (folder / "actions").write_text(actions)
        (folder / "per_cpu_count").write_text(counts)
    (tmp_path / "proc" / "7").mkdir(parents=True)
    (tmp_path / "proc" / "7" / "comm").write_text(comm + "\n")
    (tmp_path / "proc" / "8").mkdir()  # ended meanwhile
    (tmp_path / "proc" / "self").mkdir()
    agent = Agent(
        {"/sys/kernel/irq": str(tmp_path / "irq"), "/proc": str(tmp_path / "proc")}
    )
    assert ask(agent, "hotplug") == {"taken": 3, "busy": busy}


def test_serve(tmp_path):
    """The first frame says that it is there; noise is no request; the line ends."""
    make_tree(tmp_path)
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=serve, args=(Agent(), theirs.fileno()))
    thread.start()
    lines = ours.makefile("rb")
    hello = unframe(lines.readline())
    assert hello["id"] == 0
    assert hello["release"] == os.uname().release
    request = frame({"id": 9, "do": "read", "path": str(tmp_path / "model")})
    ours.sendall(b"[ 1.0] a message\n" + request[:7])
    ours.sendall(request[7:] + b"~00000000{}\n")
    answer = json.loads(lines.readline()[9:])
    assert answer == {"id": 9, "data": packed(b"IBM pSeries\0")}
    ours.shutdown(socket.SHUT_WR)
    thread.join(10)
    assert not thread.is_alive()
    lines.close()
    ours.close()
    theirs.close()

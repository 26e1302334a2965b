"""The line to a guest: answers, noise, deadlines, ends; and the console."""

from __future__ import annotations

import errno
import socket
import time

import pytest

from pydlpar import GuestError
from pydlpar.errors import QemuDiedError, QemuError
from pydlpar.platforms.guest_agent import frame, unframe
from pydlpar.platforms.guest_link import GuestConsole, GuestLink


class Process:
    """A machine that has failed once `failure` is set."""

    failure = None

    def check(self):
        if self.failure:
            raise self.failure

    def died(self, doing):
        self.failure = QemuDiedError(f"died during {doing}")
        return self.failure


@pytest.fixture
def sockets():
    pairs = [socket.socketpair() for _ in "ab"]
    yield pairs
    for pair in pairs:
        for end in pair:
            end.close()


@pytest.fixture
def line(sockets):
    """The link, the guest's end of it, and of the console."""
    (ours, agent), (ours_too, console) = sockets
    return GuestLink(ours, Process(), GuestConsole(ours_too)), agent, console


def test_an_answer(line):
    """Among noise, in pieces, after the answer to an older request."""
    link, agent, _ = line
    data = b"noise\n~bad\n" + frame({"id": 7}) + b"x" + frame({"id": 1, "wrote": 3})
    for start in range(0, len(data), 11):
        agent.sendall(data[start : start + 11])
    assert link.ask("write", 5, path="/x") == {"id": 1, "wrote": 3}
    request = unframe(agent.recv(4096))
    assert request == {"id": 1, "do": "write", "path": "/x"}


def test_a_refusal(line):
    """It is an OSError with the path; or the answer itself."""
    link, agent, _ = line
    refusal = {"errno": errno.ENOENT, "path": "/x"}
    agent.sendall(frame({"id": 1, **refusal}) + frame({"id": 2, **refusal}))
    with pytest.raises(FileNotFoundError) as refused:
        link.ask("read", 5)
    assert refused.value.filename == "/x"
    assert link.try_ask("read", 5)["errno"] == errno.ENOENT


def test_late_then_in_time(line):
    """The deadline holds; the late answer is not taken for the next one."""
    link, agent, console = line
    console.sendall(b"[ 5.0] BUG: soft lockup\r\n")
    begin = time.monotonic()
    with pytest.raises(GuestError, match=r"to do 'run' within 0\.2 s") as late:
        link.ask("run", 0.2)
    assert 0.2 <= time.monotonic() - begin < 30
    assert "soft lockup" in str(late.value)
    assert late.value.console.strip() == "[ 5.0] BUG: soft lockup"
    agent.sendall(frame({"id": 1, "late": 1}) + frame({"id": 2, "wrote": 1}))
    assert link.ask("write", 5)["wrote"] == 1


def test_nobody_reads(line):
    """A request that the guest does not take has a deadline, too."""
    link, _, _ = line
    with pytest.raises(GuestError, match=r"to take 'write' within 0\.2 s"):
        link.ask("write", 0.2, data="x" * (4 << 20))


def test_the_machine_ends(line):
    """At once, whatever the deadline; and so does all that follows."""
    link, agent, _ = line
    agent.close()
    with pytest.raises(QemuDiedError):
        link.ask("read", 60)
    with pytest.raises(QemuError):
        link.ask("read", 60)


def test_the_machine_ends_in_a_wait(line):
    """The same of the boot."""
    link, agent, _ = line
    agent.shutdown(socket.SHUT_RDWR)
    with pytest.raises(QemuDiedError, match="a wait for the guest to come up"):
        link.wait(60)


def wait_for(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_console(sockets):
    """All that comes is kept, and given on; typing goes the other way."""
    ours, guest = sockets[0]
    console = GuestConsole(ours)
    guest.sendall(b"SLOF\r\n")
    wait_for(lambda: console.text() == b"SLOF\r\n")
    heard = []
    console.listen(heard.append)
    guest.sendall(b"login: \xff")
    wait_for(lambda: b"".join(heard) == b"login: \xff")
    console.listen(None)
    assert console.tail() == "SLOF\nlogin: \ufffd"
    console.send(b"root\n")
    assert guest.recv(64) == b"root\n"
    assert console.is_open
    guest.close()
    wait_for(lambda: not console.is_open)


def test_console_keeps_the_end(sockets):
    """A guest that never stops to speak does not fill this machine's memory."""
    ours, guest = sockets[0]
    console = GuestConsole(ours)
    for _ in range(5):
        guest.sendall(b"x" * (1 << 19))
    guest.sendall(b"end")
    wait_for(lambda: console.text().endswith(b"end"))
    assert len(console.text()) == 1 << 20

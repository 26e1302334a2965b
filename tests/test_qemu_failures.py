"""QEMU is missing, too old, dies, hangs, is forgotten: an error, and no orphan.

Whatever happens to the process, what was being asked of it ends within the deadline
in an error that says so, and no process and no descriptor stays behind.
"""

from __future__ import annotations

import gc
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from oracle import needs_qemu
from processes import children, is_alive, signal_soon, wait_until

from pydlpar import Dispatcher, Partition, PlatformError
from pydlpar.errors import (
    QemuDiedError,
    QemuError,
    QemuHungError,
    QemuUnavailableError,
)
from pydlpar.platforms.qemu import Qemu

pytestmark = [needs_qemu, pytest.mark.usefixtures("unpreloaded")]

MIB = 1 << 20
DEADLINE = 1.5
SLACK = 8.0  # for a busy machine: to start, to be reaped
LONGEST = 0.25  # a run of `work` in which something happens, in seconds
SENSE = 9003


@pytest.fixture(autouse=True)
def nothing_stays():
    """No child, and no descriptor, is left by any of these tests."""
    gc.collect()
    before = children(), len(os.listdir("/proc/self/fd")), threading.active_count()
    yield
    gc.collect()
    after = children(), len(os.listdir("/proc/self/fd")), threading.active_count()
    assert after == before


def work(qemu):
    """All kinds of work, until something happens to QEMU."""
    while True:
        dispatcher = Dispatcher(Partition(qemu.device_tree()), qemu)
        qemu.plug_memory(512 * MIB, "a")
        qemu.plug_phb(1, "p")
        dispatcher.interrupt()
        qemu.unplug("a")
        dispatcher.interrupt()
        qemu.unplug("p")
        qemu.reset()
        qemu.cas()
        _ = len(qemu.qmp_events)


def strike(number, delay):
    """Send a signal to the next child, so long after it was started."""
    before = children()

    def wait_and_send():
        (pid,) = wait_until(lambda: children() - before)
        time.sleep(delay)
        signal_soon(pid, number)

    thread = threading.Thread(target=wait_and_send)
    thread.start()
    return thread


def run_until_struck(number, seed):
    """The error that a machine ends in which is struck at a random moment."""
    thread = strike(number, random.Random(seed).uniform(0, LONGEST))
    start = time.monotonic()
    try:
        with pytest.raises(QemuError) as caught, Qemu(deadline=DEADLINE) as qemu:
            try:
                work(qemu)
            except QemuError as error:
                assert not is_alive(qemu.process.pid)
                with pytest.raises(type(error), match=re.escape(str(error))):
                    qemu.get_sensor_state(SENSE, 0x10000000)
                raise
    finally:
        thread.join()
    assert time.monotonic() - start < LONGEST + DEADLINE + SLACK
    return caught.value


def check_killed(seed):
    error = run_until_struck(signal.SIGKILL, seed)
    assert isinstance(error, QemuDiedError)
    assert error.returncode == -signal.SIGKILL
    assert "qemu-system-ppc64 was killed by SIGKILL during " in str(error)


def check_stopped(seed):
    error = run_until_struck(signal.SIGSTOP, seed)
    assert isinstance(error, QemuHungError)
    assert error.waited == DEADLINE
    assert re.search(r"did not answer (qtest|QMP|its greeting).* within", str(error))


@pytest.mark.parametrize("seed", range(10))
def test_killed_at_a_random_moment(seed):
    check_killed(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 50))
def test_killed_at_another_random_moment(seed):
    check_killed(seed)


@pytest.mark.parametrize("seed", range(3))
def test_stopped_at_a_random_moment(seed):
    check_stopped(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 15))
def test_stopped_at_another_random_moment(seed):
    check_stopped(seed)


def test_program_is_missing():
    with pytest.raises(QemuUnavailableError) as caught:
        Qemu(program="qemu-system-ppc64-that-is-not")
    assert "qemu-system-ppc64-that-is-not is not in PATH" in str(caught.value)
    assert "QEMU 7.2 or newer" in str(caught.value)


def test_library_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "qemu.qmp", None)
    monkeypatch.delitem(sys.modules, "pydlpar.platforms.qemu_qmp", raising=False)
    with pytest.raises(QemuUnavailableError, match=r"pydlpar\[qemu\]"):
        Qemu()


def program(tmp_path, text):
    """A program that takes the place of QEMU."""
    path = tmp_path / "qemu"
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def test_too_old_to_start(tmp_path):
    """It refuses the command line; its version says why."""
    old = program(
        tmp_path,
        '#!/bin/sh\nif [ "$1" = --version ]; then\n'
        "echo 'QEMU emulator version 5.2.0 (Debian)'\nexit 0\nfi\n"
        "echo 'unsupported machine type' >&2\nexit 1\n",
    )
    with pytest.raises(QemuUnavailableError) as caught:
        Qemu(program=old)
    assert str(caught.value).endswith("is QEMU 5.2, too old: 7.2 or newer is needed")


GREETING = '{"QMP": {"version": {"qemu": {"major": 6, "minor": 2, "micro": 0}, ' + (
    '"package": ""}, "capabilities": []}}'
)
OLD_QEMU = f"""#!{sys.executable}
import json, re, socket, sys
number = re.search(r"id=qmp,fd=(\\d+)", " ".join(sys.argv))[1]
channel = socket.socket(fileno=int(number))
channel.sendall(b'''{GREETING}\\n''')
while asked := channel.recv(4096):
    answer = {{"qemu": {{"major": 6, "minor": 2, "micro": 0}}, "package": ""}}
    said = {{"return": answer, "id": json.loads(asked).get("id")}}
    channel.sendall(json.dumps(said).encode() + b"\\n")
"""


def test_too_old_by_its_own_word(tmp_path):
    """It takes the command line, but lacks what comes later."""
    with pytest.raises(QemuUnavailableError, match=r"is QEMU 6\.2, too old"):
        Qemu(program=program(tmp_path, OLD_QEMU))


def test_not_a_qemu_at_all(tmp_path):
    silent = program(tmp_path, "#!/bin/sh\nexec sleep 100\n")
    with pytest.raises(QemuHungError, match=r"did not answer its greeting within 1"):
        Qemu(program=silent, deadline=1)
    broken = program(tmp_path, "this is no program")
    with pytest.raises(QemuDiedError, match=r"(?s)its greeting; it said: .*OSError"):
        Qemu(program=broken, deadline=DEADLINE)


def test_channel_is_closed_by_one_that_lives_on(tmp_path):
    """Nothing more can come from it, so it is killed at once."""
    deaf = program(tmp_path, f"#!{sys.executable}\nimport os, time\n{DEAF}")
    with pytest.raises(QemuDiedError) as caught:
        Qemu(program=deaf)
    assert "closed a channel and did not end during its greeting" in str(caught.value)
    assert caught.value.returncode == -signal.SIGKILL


DEAF = "os.closerange(3, 100)\ntime.sleep(100)\n"


def test_firmware_that_never_answers(tmp_path):
    """A boot image of ours takes the place of the stub, and runs in a circle."""
    image = tmp_path / "boot"
    image.write_bytes(bytes(0x100) + bytes.fromhex("48000000") + bytes(0x3000))
    with pytest.raises(QemuHungError, match="did not answer CAS within 1 s"):
        Qemu(arguments=["-bios", str(image)], deadline=1)


def test_command_line_is_refused():
    """QEMU's own words are in the message."""
    with pytest.raises(QemuDiedError) as caught:
        Qemu(devices=["no-such-device"])
    assert caught.value.returncode == 1
    assert "ended with exit code 1 during its greeting" in str(caught.value)
    assert "'no-such-device' is not a valid device model name" in str(caught.value)
    assert "no-such-device" in caught.value.stderr


def test_an_abort_of_qemu_is_told():
    """A DIMM that has lost LMBs is asked for again: an assertion of QEMU fails."""
    with Qemu() as qemu:
        first, second = qemu.plug_memory(512 * MIB, "a").drc_indexes
        for index in (first, second):
            assert qemu.set_indicator(9003, index, 1) == 0
            assert qemu.set_indicator(9001, index, 1) == 0
            assert qemu.configure_connector(index).status == 0
        qemu.unplug("a")
        assert qemu.set_indicator(9001, first, 0) == 0
        assert qemu.set_indicator(9003, first, 0) == 0
        assert qemu.set_indicator(9001, second, 1) == 0
        with pytest.raises(QemuDiedError, match="SIGABRT during QMP 'device_del'"):
            qemu.unplug("a")
        with pytest.raises(QemuDiedError, match="assertion failed: "):
            qemu.reset()


def test_tree_is_as_before_when_qemu_dies_in_a_request():
    """The dispatcher takes back what a request did that cannot be finished."""
    with Qemu() as qemu:
        qemu.add_memory = lambda *_: signal_soon(qemu.process.pid, signal.SIGKILL) or 0
        partition = Partition(qemu.device_tree())
        dispatcher = Dispatcher(partition, qemu)
        qemu.plug_memory(512 * MIB)
        before = partition.tree.to_dtb()
        with pytest.raises(QemuDiedError):
            dispatcher.write("memory add count 2")
        assert partition.tree.to_dtb() == before


def test_closed_machine_refuses():
    with Qemu() as qemu:
        pid = qemu.process.pid
    assert not is_alive(pid)
    for ask in (qemu.reset, qemu.system_powerdown, lambda: qemu.check_exception(-1)):
        with pytest.raises(QemuError, match="closed"):
            ask()
    qemu.close()


def test_interrupted_conversation_is_not_gone_on_with(monkeypatch):
    """Ctrl-C between question and answer: the answer would be taken for another's."""
    with Qemu() as qemu:

        def recv(*_):
            raise KeyboardInterrupt

        class Channel:
            def __getattr__(self, name):
                return recv if name == "recv" else getattr(channel, name)

        channel = qemu._qtest._channel
        monkeypatch.setattr(qemu._qtest, "_channel", Channel())
        with pytest.raises(KeyboardInterrupt):
            qemu.get_sensor_state(SENSE, 0x10000000)
        monkeypatch.undo()
        with pytest.raises(QemuError, match="was interrupted"):
            qemu.get_sensor_state(SENSE, 0x10000000)
        assert not is_alive(qemu.process.pid)


def test_forgotten_machine_is_ended():
    """Nobody closed it, nobody holds it."""
    qemu = Qemu()
    pid = qemu.process.pid
    assert is_alive(pid)
    del qemu
    gc.collect()
    assert not is_alive(pid)


def test_child_of_a_fork_leaves_the_machine_alone():
    with Qemu() as qemu:
        child = os.fork()
        if not child:
            signal.alarm(round(DEADLINE) + 1)
            qemu.process.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert qemu.get_sensor_state(SENSE, 0x10000000) == (0, 1)


SCRIPT = """
import sys, time
from pydlpar.platforms.qemu import Qemu
machine = Qemu()
print(machine.process.pid, flush=True)
if sys.argv[1] == "waits":
    time.sleep(100)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_starter_is_killed(number):
    """The kernel ends QEMU when whoever started it is gone."""
    starter = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "waits"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    pid = int(starter.stdout.readline())
    assert is_alive(pid)
    starter.send_signal(number)
    starter.communicate()
    wait_until(lambda: not is_alive(pid))


def test_starter_ends_without_closing():
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, "ends"], capture_output=True, text=True
    )
    wait_until(lambda: not is_alive(int(run.stdout)))
    assert run.stderr == ""


def test_starting_thread_may_end():
    """The machine belongs to the process, not to the thread that made it."""
    made = []
    thread = threading.Thread(target=lambda: made.append(Qemu()))
    thread.start()
    thread.join()
    with made[0] as qemu:
        assert qemu.get_sensor_state(SENSE, 0x10000000) == (0, 1)


def test_refusals_leave_the_machine_usable():
    with Qemu() as qemu:
        for ask in (
            lambda: qemu.command("no-such-command"),
            lambda: qemu.qtest("no-such-line"),
            lambda: qemu.rtas("no-such-call"),
            lambda: qemu.plug_pci("no-such-device"),
            lambda: qemu.unplug("nothing"),
        ):
            with pytest.raises(PlatformError) as caught:
                ask()
            assert not isinstance(caught.value, QemuError)
        assert qemu.get_sensor_state(SENSE, 0x10000000) == (0, 1)

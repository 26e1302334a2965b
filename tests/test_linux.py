"""A partition from inside, on a root of our own: what it reads, writes and refuses."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time

import pytest

from pydlpar import DeviceTree, LinuxError, LockedError
from pydlpar.platforms.linux import Linux, Planned
from pydlpar.platforms.linux_lock import LOCK_FILE, dr_lock

REQUEST = b"cpu remove index 0x10000001"

# Takes the lock as drmgr does, says so, and keeps it until its input ends.
HOLDER = """
import fcntl, os, sys
handle = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.lockf(handle, fcntl.LOCK_EX)
print(os.getpid(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def root(tmp_path):
    """The files of a partition."""
    for folder in (
        *("proc/device-tree/rtas", "proc/powerpc/rtas"),
        *("sys/kernel", "var/lock"),
    ):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "proc/device-tree/rtas/name").write_bytes(b"rtas\0")
    (tmp_path / "sys/kernel/dlpar").write_bytes(b"memory,cpu,dt\n")
    (tmp_path / "proc/powerpc/ofdt").touch()
    (tmp_path / "proc/powerpc/rtas/error_log").touch()
    return tmp_path


@pytest.fixture
def holder(root):
    """Another process that holds drmgr's lock: it, and its number."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(root / LOCK_FILE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process, int(process.stdout.readline())
        process.stdin.close()


def changing(root, **options):
    return Linux(root=root, change=True, user=0, **options)


def test_reads(root):
    """The tree, and what the kernel says that it takes."""
    linux = Linux(root=root)
    assert linux.read() == b"memory,cpu,dt\n"
    tree = linux.device_tree()
    assert isinstance(tree, DeviceTree)
    assert tree["/rtas"].string("name") == "rtas"


@pytest.mark.usefixtures("holder")
def test_a_dry_run_changes_nothing(root):
    """It is the default: writes are noted, in order; nothing is taken or locked."""
    linux = Linux(root=root)
    assert linux.write(REQUEST) == 0
    assert linux.write_ofdt(b"remove_node /x") == 0
    assert linux.planned == [
        Planned(root / "sys/kernel/dlpar", REQUEST),
        Planned(root / "proc/powerpc/ofdt", b"remove_node /x"),
    ]
    assert linux.read() == b"memory,cpu,dt\n"


def test_a_change_is_one_write(root):
    """The data arrives whole; the result is the number of bytes."""
    linux = changing(root)
    assert linux.write(REQUEST) == len(REQUEST)
    assert (root / "sys/kernel/dlpar").read_bytes().startswith(REQUEST)
    assert linux.write_ofdt(b"remove_node /x") == len(b"remove_node /x")
    assert linux.planned == []


def test_errno_of_the_kernel(root):
    """A refusal is -errno: here that of a device that is always full."""
    (root / "sys/kernel/dlpar").unlink()
    (root / "sys/kernel/dlpar").symlink_to("/dev/full")
    assert changing(root).write(REQUEST) == -errno.ENOSPC


@pytest.mark.parametrize(
    ("gone", "reason"),
    [
        ("proc/device-tree", "no machine with a device tree"),
        ("proc/device-tree/rtas", "not a pseries machine"),
        ("sys/kernel/dlpar", "a kernel before 4.1, or without DLPAR"),
    ],
)
def test_other_machines_are_refused(root, gone, reason):
    """The message names the path that is missing, and what that means."""
    (root / gone).rename(root / "gone")
    with pytest.raises(LinuxError, match=reason) as refused:
        Linux(root=root)
    assert str(root / gone).removesuffix("/rtas") in str(refused.value)


def test_only_root_changes(root):
    """Others are told so at once; for a dry run anybody will do."""
    with pytest.raises(LinuxError, match=r"needs root .*: this is user 1000"):
        Linux(root=root, change=True, user=1000)
    assert Linux(root=root, user=1000).write(REQUEST) == 0


def test_what_cannot_be_opened(root):
    """An error with the path, never a result of the kernel's."""
    linux = changing(root)
    for path, call in (
        ("proc/powerpc/ofdt", lambda: linux.write_ofdt(b"x")),
        ("sys/kernel/dlpar", linux.read),
        ("sys/kernel/dlpar", lambda: linux.write(REQUEST)),
        ("proc/powerpc/rtas/error_log", lambda: list(linux.error_log())),
        ("var/lock/dr_config_lock", lambda: changing(root).write(REQUEST)),
    ):
        target = root / path
        if target.exists():
            target.unlink()
        if path.startswith("var"):
            target.mkdir()
            (root / "sys/kernel/dlpar").touch()
        with pytest.raises(LinuxError, match=path):
            call()
    with pytest.raises(LinuxError, match="sys/kernel/dlpar"):
        (root / "sys/kernel/dlpar").unlink()
        Linux(root=root)


def test_the_lock_is_waited_for(root, holder):
    """Until the deadline, and not much longer; the message says who holds it."""
    _, number = holder
    linux = changing(root, lock_deadline=0.3)
    begin = time.monotonic()
    with pytest.raises(LockedError, match=f"process {number}") as refused:
        linux.write(REQUEST)
    assert 0.3 <= time.monotonic() - begin < 30
    assert refused.value.holder == number
    assert linux.read() == b"memory,cpu,dt\n"


def test_the_lock_comes_when_it_is_given_back(root, holder):
    """The wait ends then, not at the deadline."""
    process, _ = holder
    linux = changing(root, lock_deadline=60)
    begin = time.monotonic()
    process.stdin.close()
    assert linux.write(REQUEST) == len(REQUEST)
    assert time.monotonic() - begin < 30


def test_others_see_the_lock(root):
    """Held for several writes, others cannot take it; and given back at the end."""
    probe = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+'), 6)"
    command = [sys.executable, "-c", probe, str(root / LOCK_FILE)]
    linux = changing(root)
    with linux.locked():
        assert linux.write(REQUEST) == len(REQUEST)
        assert subprocess.run(command, capture_output=True, check=False).returncode
        with (
            pytest.raises(LinuxError, match="held already by this process"),
            linux.locked(),
        ):
            pytest.fail("taken twice")
    assert not subprocess.run(command, capture_output=True, check=False).returncode
    with dr_lock(root / LOCK_FILE, 0):
        assert (root / LOCK_FILE).stat().st_mode & 0o777 == 0o600


def test_error_log_ends_when_there_is_no_more(root):
    """A record a read; without any for the time given, that is all."""
    path = root / "proc/powerpc/rtas/error_log"
    path.unlink()
    os.mkfifo(path)
    reader = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # keeps the pipe open
    records = Linux(root=root).error_log(wait=0.2)
    os.write(reader, b"first")
    assert next(records) == b"first"
    os.write(reader, b"second")
    assert next(records) == b"second"
    begin = time.monotonic()
    assert list(records) == []
    assert 0.2 <= time.monotonic() - begin < 30
    assert list(Linux(root=root).error_log()) == []
    os.close(reader)
    assert list(Linux(root=root).error_log(wait=None)) == []


def test_error_log_that_cannot_be_read(root):
    """An error with its path."""
    path = root / "proc/powerpc/rtas/error_log"
    path.unlink()
    path.mkdir()
    with pytest.raises(LinuxError, match="error_log: Is a directory"):
        list(Linux(root=root).error_log())

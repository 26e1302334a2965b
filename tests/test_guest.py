"""A real guest: what its methods answer, and how it fails."""

from __future__ import annotations

import errno
import gzip
import os
import signal
from pathlib import Path

import pytest
from guest_pair import GUEST_CACHE, boot, content, lacking

from pydlpar import DeviceTree, Guest, GuestError, decode_log
from pydlpar.constants import Resource
from pydlpar.errors import QemuError, QemuUnavailableError
from pydlpar.platforms.guest_image import Archive

slow = pytest.mark.slow


def test_nothing_was_fetched(tmp_path):
    """The message says what to do."""
    with pytest.raises(GuestError, match=r"Linux 6.1: .*run 'pydlpar guest fetch'"):
        Guest("6.1", cache=tmp_path)
    with pytest.raises(GuestError, match="the tools of a guest: not in the cache"):
        Guest(kernel=tmp_path / "vmlinux", cache=tmp_path)


@slow
def test_methods(tmp_path):
    """Reads, commands, messages, devices, the error log, user space; then its end."""
    own = Archive()
    own.file("root/own", b"from an initrd of one's own")
    initrd = tmp_path / "initrd"
    initrd.write_bytes(gzip.compress(own.finish()))
    with boot("6.1", initrd=initrd) as guest:
        assert guest.release.startswith("6.1.")
        assert guest.read() == b"memory,cpu\n"
        assert guest.read("/root/own") == b"from an initrd of one's own"
        with pytest.raises(FileNotFoundError):
            guest.read("/nope")
        check_commands(guest)
        check_messages(guest)
        check_devices(guest)
        check_user_space(guest)
        check_end(guest)


def check_commands(guest):
    result = guest.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert result == (3, b"out\n", b"err\n", False)
    assert guest.run("echo begun; sleep 60", 1) == (-9, b"begun\n", b"", True)


def check_messages(guest):
    """All since the boot, then only those since the last time."""
    assert any("Linux version 6.1." in message.text for message in guest.dmesg())
    assert guest.write(b"disk add count 1\n") == -errno.EINVAL
    said = guest.dmesg()
    assert [message.text for message in said] == [
        "dlpar: Invalid resource specified.",
        'dlpar: Could not handle DLPAR request "disk add count 1\\x0a"',
    ]
    assert said[0].level == 3
    assert guest.write(b"") == 0


def check_devices(guest):
    """The kernel takes a core and a DIMM by itself; another waits for user space."""
    before = content(guest.device_tree())
    guest.plug_cpu(3, id="c3")
    guest.plug_memory(1 << 29, id="d1")
    guest.settle(2)
    after = content(guest.device_tree())
    assert after.keys() - before.keys() == {"/cpus/PowerPC,POWER9@3"}
    assert guest.write(b"memory remove count 2") == 21
    guest.plug_pci("virtio-rng-pci", id="r1")
    guest.settle(3)
    assert guest.hotplug_interrupts() == 3
    (record,) = decode_log(guest.error_log())
    assert record.event.hotplug.resource == Resource.PCI
    assert record.event.hotplug.drc_index == 0x40000000
    assert guest.error_log() == b""
    with pytest.raises(GuestError, match=r"3 of 4 came, the kernel is idle"):
        guest.settle(4, deadline=0.2)
    added = b"add_node /pydlpar name 8 pydlpar\0"
    assert guest.write_ofdt(added) == len(added)
    assert "/pydlpar" in guest.device_tree()


def check_user_space(guest):
    """rtas_errd takes the event of a device, and has drmgr add it."""
    guest.run("rtas_errd </dev/null >/dev/null 2>&1")
    guest.plug_pci("virtio-rng-pci", id="r2")
    guest.settle(4)
    wait = "for n in $(seq 60); do test -e %s && exit 0; sleep 1; done; exit 1"
    path = "/sys/bus/pci/devices/0000:00:01.0"
    assert guest.run(wait % path, 90).status == 0, guest.run("cat /var/log/*").out
    assert guest.run("drmgr -c cpu -r -q 1").status == 0


def check_end(guest):
    """A killed machine is an error at once, and nothing of it is left."""
    os.kill(guest.process.pid, signal.SIGKILL)
    with pytest.raises(QemuError, match="SIGKILL"):
        guest.read()
    with pytest.raises(QemuError):
        guest.device_tree()
    guest.close()
    assert guest.process.returncode == -signal.SIGKILL


@slow
def test_a_boot_that_fails(tmp_path):
    """The end of the console says why; the deadline of a boot holds."""
    with pytest.raises(GuestError, match="ended while it booted") as failed:
        boot("6.12", command_line="rdinit=/nope root=/nope")
    assert "Kernel panic" in failed.value.console
    with pytest.raises(GuestError, match=r"to come up within 1 s; its console: SLOF"):
        boot("6.12", boot_deadline=1)
    if reason := lacking("6.12"):
        pytest.skip(reason)
    with pytest.raises(QemuUnavailableError, match="nothing-like-qemu is not in PATH"):
        boot("6.12", program="nothing-like-qemu")
    nothing = tmp_path / "vmlinux"
    with pytest.raises(GuestError, match="no kernel there"):
        Guest(kernel=nothing, cache=GUEST_CACHE and Path(GUEST_CACHE))


@slow
def test_a_tree_of_a_guest_is_a_device_tree():
    """`Partition` and the model are made of it elsewhere; here, that it is whole."""
    with boot("6.12", cpus=1, max_cpus=4, max_memory=None) as guest:
        tree = guest.device_tree()
        assert isinstance(tree, DeviceTree)
        assert tree["/"].string("compatible") == "qemu,pseries"
        names = guest.run("find /proc/device-tree/ -type d | wc -l").out
        assert int(names) == len(list(tree.nodes()))

"""`pydlpar guest` with a guest that is played, but for a run with a real one."""

from __future__ import annotations

import errno
import json

import pytest
from click.testing import CliRunner
from guest_pair import GUEST_CACHE, lacking

from pydlpar import DeviceTree, GuestError
from pydlpar.cli import guest as commands
from pydlpar.cli import guest_options
from pydlpar.cli.app import app
from pydlpar.platforms.guest import CommandResult, KernelMessage
from pydlpar.platforms.guest_packages import GuestFiles


class Played:
    """A guest that takes requests that begin with `cpu`, and runs `true`."""

    def __init__(self, **options):
        self.options, self.done = options, []
        Played.last = self

    def __enter__(self):
        if self.options["line"] == "6.1":
            raise GuestError("the guest ended", "a\nKernel panic\n")
        return self

    def __exit__(self, *error):
        self.done.append("close")

    def hotplug_interrupts(self):
        return 5

    def settle(self, interrupts):
        self.done.append(("settle", interrupts))

    def plug_cpu(self, core):
        self.done.append(("cpu", core))

    def plug_memory(self, size, addr):
        self.done.append(("memory", size, addr))

    def write(self, data):
        self.done.append(data)
        return len(data) if data.startswith(b"cpu") else -errno.EINVAL

    def write_ofdt(self, data):
        return self.write(b"cpu" + data)

    def dmesg(self):
        return [KernelMessage(6, 1, "said \x1b")]

    def run(self, command, timeout):
        late = timeout == 1
        return CommandResult(command != "true", b"out\n", b"err\n", late)

    def device_tree(self):
        return DeviceTree()


@pytest.fixture
def played(monkeypatch):
    monkeypatch.setattr(guest_options, "Guest", Played)


def call(*words, stdin=None):
    return CliRunner().invoke(app, ["guest", *words], input=stdin)


@pytest.mark.usefixtures("played")
def test_write():
    """A line a request, what the kernel said below; 1 when one was refused."""
    result = call("write", "cpu add index 1", "memory x")
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "       15  cpu add index 1",
        "           | said \\x1b",
        "   EINVAL  memory x",
        "           | said \\x1b",
    ]
    result = call("write", "--no-messages", "-f", "-", stdin="cpu a\n# no\ncpu b\n")
    assert result.exit_code == 0
    assert Played.last.done == [b"cpu a\n", b"cpu b\n", "close"]
    assert len(result.output.splitlines()) == 2
    assert call("write", "--ofdt", "x").exit_code == 0
    assert Played.last.done[0] == b"cpux"


@pytest.mark.usefixtures("played")
def test_write_json():
    """One object a request."""
    result = call("write", "--json", "memory x")
    assert json.loads(result.output) == {
        "type": "write",
        "request": "memory x",
        "result": 0,
        "errno": errno.EINVAL,
        "error": "EINVAL",
        "messages": ["said \x1b"],
    }


@pytest.mark.usefixtures("played")
def test_plugs_are_taken_one_by_one():
    """Each is waited for: by the interrupts since the boot."""
    result = call("write", "--plug", "memory=1G@0x40000000", "--plug", "cpu=3")
    assert result.exit_code == 0
    assert Played.last.done == [
        *(("memory", 1 << 30, 0x40000000), ("settle", 6)),
        *(("cpu", 3), ("settle", 7), "close"),
    ]


@pytest.mark.usefixtures("played")
def test_run():
    """Output as it is; the first that fails ends it."""
    result = call("run", "true", "false", "true")
    assert result.exit_code == 1
    assert result.output.count("out\n") == 2
    result = call("run", "--json", "true")
    assert json.loads(result.output) == {
        "type": "run",
        "command": "true",
        "status": 0,
        "out": "out\n",
        "err": "err\n",
        "late": False,
    }
    assert "killed, too late" in call("run", "--timeout", "1", "x").output


@pytest.mark.usefixtures("played")
def test_tree(tmp_path):
    """A blob, or source text."""
    path = tmp_path / "tree.dtb"
    assert call("tree", "-o", str(path)).exit_code == 0
    assert DeviceTree.from_dtb(path.read_bytes())
    assert call("tree", "--dts").output.startswith("/dts-v1/")
    assert call("write", "-o", str(path), "cpu").exit_code == 0


@pytest.mark.usefixtures("played")
def test_options_reach_the_guest(tmp_path):
    """Sizes in MiB; files by their path there; a kernel of one's own."""
    file = tmp_path / "file"
    file.touch()
    words = ["--memory", "512", "--max-memory", "1024", "--kernel", str(file)]
    added = ["--add", f"{file}:/root/x", "--add", str(file)]
    assert call("run", *words, *added, "--qemu", "q", "true").exit_code == 0
    options = Played.last.options
    assert options["memory"] == 512 << 20
    assert options["max_memory"] == 1 << 30
    assert options["kernel"] == file
    assert options["program"] == "q"
    assert options["add"] == {"root/x": file, str(file)[1:]: file}


@pytest.mark.usefixtures("played")
@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (["write"], 2, "nothing to do: give requests"),
        (["write", "--add", "/nope:x", "cpu"], 2, "there is no /nope"),
        (["write", "--plug", "disk", "cpu"], 2, "--plug disk: not understood"),
        (["run", "--linux", "6.1", "true"], 3, "its console: a\nKernel panic"),
        (["run", "--linux", "5.4", "true"], 2, "'5.4' is not one of"),
        (["shell"], 2, "needs a terminal"),
    ],
)
def test_what_goes_wrong(words, status, text):
    """The exit status says whose fault it is; a line says what."""
    result = call(*words)
    assert result.exit_code == status
    assert text in result.output


def test_fetch(monkeypatch, tmp_path):
    """Both lines by default; a failure of apt is one of the machine."""
    asked = []

    def fetch(line, cache, **options):
        asked.append((line, cache, options["mirror"], options["fresh"]))
        if options["fresh"]:
            raise GuestError("apt-get: no")
        options["progress"]("downloading")
        return GuestFiles(tmp_path / "vmlinux", (), tmp_path, {"busybox": "1"})

    monkeypatch.setattr(commands, "fetch", fetch)
    result = call("fetch", "--cache", str(tmp_path))
    assert result.exit_code == 0
    assert [line for line, *_ in asked] == ["6.1", "6.12"]
    assert f"Linux 6.12: {tmp_path / 'vmlinux'}" in result.output
    result = call("fetch", "6.1", "--json", "--mirror", "m")
    record = json.loads(result.stdout.splitlines()[-1])
    assert (record["linux"], record["packages"]) == ("6.1", {"busybox": "1"})
    assert asked[-1] == ("6.1", None, "m", False)
    result = call("fetch", "6.1", "--fresh")
    assert (result.exit_code, "apt-get: no" in result.output) == (3, True)


@pytest.mark.slow
def test_a_real_guest():
    """The whole way once."""
    if reason := lacking("6.12"):
        pytest.skip(reason)
    cache = ["--cache", GUEST_CACHE] if GUEST_CACHE else []
    words = ["--plug", "memory=512M", "--json", "memory remove count 2", "cpu x"]
    result = call("write", *cache, *words)
    done, refused = map(json.loads, result.output.splitlines())
    assert (done["result"], refused["error"]) == (21, "EINVAL")
    assert any("was hot-removed" in text for text in done["messages"])
    assert result.exit_code == 1

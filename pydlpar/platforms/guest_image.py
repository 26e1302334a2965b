"""The initial file system of a guest: a `cpio` archive of our own making.

It holds the tools that `guest_packages` unpacked, the kernel's modules for hotplug, our
agent, and an `/init` that starts the agent on the second serial line and a shell on the
first. The archive is of the kind `newc` and not compressed: an emulated processor
unpacks slowly. Linux reads several archives one after the other, later files replacing
earlier ones, so an archive of one's own goes in front and ours on top of it.
"""

from __future__ import annotations

import lzma
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydlpar.errors import ArgumentError
from pydlpar.platforms import guest_agent

__all__ = ["AGENT_LINE", "MODULES", "Archive", "module_files", "root_archive"]

MODULES = (
    "rpaphp",
    "rpadlpar_io",
    "virtio_pci",
    "virtio_blk",
    "virtio_net",
    "virtio-rng",
)
"""Kernel modules that hotplug of PCI devices needs, by name."""

AGENT_LINE = "/dev/hvc1"
"""The agent's terminal: the second `spapr-vty`."""

_MAGIC = b"070701"
_TRAILER = "TRAILER!!!"
_FOLDER, _FILE = stat.S_IFDIR | 0o755, stat.S_IFREG
_LINK = stat.S_IFLNK | 0o777
_CONSOLE = stat.S_IFCHR | 0o600, 5, 1  # what the kernel opens before /init
# Left out of Debian's packages: what no hotplug needs, 25 of 65 MB.
_UNUSED = re.compile(
    r"usr/share/|.*/gconv/|.*/(test|idlelib|lib2to3|ensurepip|pydoc_data|distutils"
    r"|tkinter|turtledemo|asyncio/__pycache__)/|.*_test.*\.so|.*_codecs_\w+\.cpython"
    r"|etc/(?!ppc64-diag|drmgr)|.*/libsqlite3-0|boot/|lib/(udev|systemd|modules)/"
)
# Directories that Debian's packages have beside /usr, where they belong.
_MERGED = ("bin", "lib", "lib64", "sbin")

_INIT = """\
#!/pydlpar/busybox sh
export PATH=/usr/sbin:/usr/bin HOME=/root TERM=linux
bb=/pydlpar/busybox
$bb mount -t proc proc /proc
$bb mount -t sysfs sysfs /sys
$bb mount -t devtmpfs dev /dev
$bb mkdir -p /dev/pts /run /tmp
$bb mount -t devpts pts /dev/pts
$bb --install -s /pydlpar/tools
PATH=$PATH:/pydlpar/tools
for module in $(cat /pydlpar/modules); do insmod "$module"; done
(cd /root; while :; do setsid cttyhack sh -l; sleep 1; done) </dev/console \
>/dev/console 2>&1 &
python3 -I -S -X frozen_modules=on /pydlpar/agent.py LINE </dev/null
echo "pydlpar: the agent has ended, status $?" >/dev/console
poweroff -f
"""


class Archive:
    """A `cpio` archive (`newc`) that is being written; directories come by need."""

    def __init__(self) -> None:
        self._out = bytearray()
        self._inode = 0
        self._known: set[str] = set()

    def file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Add a file; one of the same path that was added before is replaced."""
        self._entry(path, _FILE | mode, data)

    def link(self, path: str, target: str) -> None:
        """Add a symbolic link."""
        self._entry(path, _LINK, target.encode())

    def folder(self, path: str) -> None:
        """Add a directory, and those above it."""
        if path and path not in self._known:
            self._entry(path, _FOLDER, b"")
            self._known.add(path)

    def device(self, path: str, mode: int, major: int, minor: int) -> None:
        """Add a device node."""
        self._entry(path, mode, b"", (major, minor))

    def copy(self, files: Mapping[str, Path]) -> None:
        """Add files and links of this machine, each under its path in the guest."""
        for path, source in files.items():
            if source.is_symlink():
                self.link(path, os.readlink(source))
            else:
                mode = source.stat().st_mode & 0o777
                self.file(path, source.read_bytes(), mode)

    def finish(self) -> bytes:
        """The archive's bytes: a multiple of 512, as others make it."""
        self._record(_TRAILER, 0, b"")
        self._out += bytes(-len(self._out) % 512)
        return bytes(self._out)

    def _entry(
        self, path: str, mode: int, data: bytes, device: tuple[int, int] = (0, 0)
    ) -> None:
        if not path or path.startswith("/") or ".." in path.split("/"):
            raise ArgumentError(f"archive: path {path!r}, expected one below the root")
        self.folder(os.path.dirname(path))
        self._record(path, mode, data, device)

    def _record(
        self, path: str, mode: int, data: bytes, device: tuple[int, int] = (0, 0)
    ) -> None:
        self._inode += 1
        name = os.fsencode(path) + b"\0"
        links, owner, time = 1, 0, 0
        fields = (
            *(self._inode, mode, owner, owner, links, time, len(data)),
            *(0, 0, *device, len(name), 0),
        )
        self._out += _MAGIC + b"".join(b"%08X" % value for value in fields) + name
        self._out += bytes(-len(self._out) % 4)
        self._out += data
        self._out += bytes(-len(self._out) % 4)


def module_files(root: Path, names: Iterable[str] = MODULES) -> dict[str, bytes]:
    """Kernel modules and those that they need, in the order to load them.

    Args:
        root: an unpacked kernel package.
        names: modules; those that the kernel has built in, or not at all, are left
            out.

    Returns:
        File name and content, unpacked.
    """
    found = {}
    for path in sorted(root.glob("**/modules/*/kernel/**/*.ko*")):
        found[_module_name(path.name)] = path
    loaded: dict[str, bytes] = {}
    pending = [*reversed([*map(_module_name, names)])]
    waiting: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in found or f"{name}.ko" in loaded:
            continue
        data = found[name].read_bytes()
        if found[name].suffix == ".xz":
            data = lzma.decompress(data)
        needs = re.search(rb"\0depends=([^\0]+)\0", data)
        if needs and name not in waiting:
            waiting.add(name)
            pending += [name, *needs[1].decode().split(",")]
        else:
            loaded[f"{name}.ko"] = data
    return loaded


def _module_name(text: str) -> str:
    return text.split(".")[0].replace("-", "_")


def root_archive(
    tools: Path, modules: Mapping[str, bytes], files: Mapping[str, Path] | None = None
) -> bytes:
    """The archive that a guest boots with.

    Args:
        tools: directory into which the packages of tools are unpacked.
        modules: what to load, in order (`module_files`).
        files: more files of this machine by their path in the guest, relative to its
            root; a directory stands for all below it.

    Raises:
        ArgumentError: a path leaves the guest's root.
        OSError: a file cannot be read.
    """
    archive = Archive()
    archive.device("dev/console", *_CONSOLE)
    for path in ("proc", "sys", "root", "tmp", "var/lock", "var/log", "pydlpar/tools"):
        archive.folder(path)
    for name in _MERGED:
        archive.folder(f"usr/{name}")
        archive.link(name, f"usr/{name}")
    archive.copy(dict(_tools(tools)))
    archive.link("usr/bin/python3", "python3.11")
    archive.link("bin/sh", "/pydlpar/busybox")
    archive.file("pydlpar/agent.py", Path(guest_agent.__file__).read_bytes())
    for name, data in modules.items():
        archive.file(f"pydlpar/{name}", data)
    paths = "".join(f"/pydlpar/{name}\n" for name in modules)
    archive.file("pydlpar/modules", paths.encode())
    archive.file("init", _INIT.replace("LINE", AGENT_LINE).encode(), 0o755)
    for path, source in (files or {}).items():
        archive.copy(dict(_below(path, source)))
    return archive.finish()


def _tools(root: Path) -> Iterator[tuple[str, Path]]:
    for path, source in _below("", root):
        if _UNUSED.match(path):
            continue
        top = path.split("/")[0]
        if path == "bin/busybox":
            yield "pydlpar/busybox", source
        else:
            yield (f"usr/{path}" if top in _MERGED else path), source


def _below(path: str, source: Path) -> Iterator[tuple[str, Path]]:
    """A file under its path; of a directory, all files below."""
    if source.is_dir() and not source.is_symlink():
        for entry in sorted(source.iterdir()):
            yield from _below(f"{path}/{entry.name}".lstrip("/"), entry)
    else:
        yield path, source

"""Kernels and tools for a guest, from Debian's archive by apt's own programs.

apt runs with a configuration, indexes and state of its own in a cache directory, for
the architecture ppc64el: the packages of this machine are never looked at, and nothing
is installed. The archive is the one this machine is set up for; apt checks signatures
and hashes as it always does. What was fetched is unpacked with `dpkg-deb` and kept.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydlpar.errors import ArgumentError, GuestError
from pydlpar.platforms.guest_image import MODULES, module_files

__all__ = [
    "KERNELS",
    "TOOLS",
    "GuestFiles",
    "cached_files",
    "default_cache",
    "fetch",
]

Progress = Callable[[str], None]

KERNELS = {"6.1": "bookworm", "6.12": "trixie"}
"""Lines of Linux, and the release of Debian that has each."""

TOOLS = (
    "busybox-static",
    "libc6",
    "libbz2-1.0",
    "libexpat1",
    "libffi8",
    "libgcc-s1",
    "liblzma5",
    "libnuma1",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    "librtas2",
    "librtasevent2",
    "libservicelog-1.1-1",
    "libsqlite3-0",
    "libstdc++6",
    "libudev1",
    "libvpd-2.2-3",
    "powerpc-ibm-utils",
    "powerpc-utils",
    "ppc64-diag",
    "python3-cffi-backend",
    "python3.11-minimal",
    "zlib1g",
)
"""Packages of tools: busybox, Python, drmgr, rtas_errd, and their libraries."""

_TOOLS_RELEASE = "bookworm"  # the last that has ppc64-diag
_ARCHITECTURE = "ppc64el"
_KERNEL_PACKAGE = "linux-image-powerpc64le"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_PROGRAMS = {"apt-get": "apt", "apt-cache": "apt", "dpkg-deb": "dpkg"}
_MANIFEST = "packages.json"
_LAST_WORDS = 1500
_DOWNLOAD_SECONDS = 1800
_LOCAL_SECONDS = 300


@dataclass(frozen=True)
class GuestFiles:
    """What a guest is made of.

    Attributes:
        kernel: `vmlinux`; None where only the tools are in the cache.
        modules: kernel modules, in the order to load them.
        tools: directory of the unpacked packages of tools.
        packages: version by name of package.
    """

    kernel: Path | None
    modules: tuple[Path, ...]
    tools: Path
    packages: dict[str, str]

    def module_contents(self) -> dict[str, bytes]:
        """The modules' content by file name, in the order to load them."""
        return {path.name.split("-", 1)[1]: path.read_bytes() for path in self.modules}


def default_cache() -> Path:
    """Where fetched files are kept: `pydlpar/guest` in XDG_CACHE_HOME."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pydlpar" / "guest"


def cached_files(line: str | None, cache: Path | None = None) -> GuestFiles | None:
    """What the cache has for a guest; None if it lacks a part of it.

    Args:
        line: line of Linux, a key of `KERNELS`; None for the tools alone.
        cache: directory; `default_cache()` if None.

    Raises:
        ArgumentError: there is no such line.
    """
    cache = cache or default_cache()
    folders = _folders(line, cache)
    packages: dict[str, str] = {}
    for folder in folders.values():
        manifest = folder / _MANIFEST
        if not manifest.is_file():
            return None
        packages |= json.loads(manifest.read_text())
    kernel = folders.get("kernel")
    return GuestFiles(
        kernel=kernel / "vmlinux" if kernel else None,
        modules=tuple(sorted((kernel / "modules").iterdir())) if kernel else (),
        tools=folders["tools"] / "root",
        packages=packages,
    )


def fetch(
    line: str | None,
    cache: Path | None = None,
    *,
    progress: Progress = lambda _: None,
    mirror: str | None = None,
    fresh: bool = False,
) -> GuestFiles:
    """Fetch what a guest needs, unless the cache has it.

    Args:
        line: line of Linux, a key of `KERNELS`; None for the tools alone.
        cache: directory; `default_cache()` if None.
        progress: called with a line of text now and then.
        mirror: address of Debian's archive; by default the one that this machine's
            apt is set up for.
        fresh: fetch anew what the cache has.

    Raises:
        ArgumentError: there is no such line.
        GuestError: apt is missing, knows no Debian archive, or failed, in its words.
    """
    cache = cache or default_cache()
    folders = _folders(line, cache)
    with _locked(cache):
        found = None if fresh else cached_files(line, cache)
        if found is None:
            apt = _Apt(cache / "apt", mirror, progress)
            wanted = {
                part: folder
                for part, folder in folders.items()
                if fresh or not (folder / _MANIFEST).is_file()
            }
            apt.update()
            for part, folder in wanted.items():
                make = _make_tools if part == "tools" else _make_kernel
                _replaced(folder, partial(make, apt, line or ""))
            found = cached_files(line, cache)
    if found is None:
        raise GuestError(f"{cache}: what was just fetched is no longer there")
    return found


def _folders(line: str | None, cache: Path) -> dict[str, Path]:
    if line is None:
        return {"tools": cache / "tools"}
    if line not in KERNELS:
        known = ", ".join(KERNELS)
        raise ArgumentError(f"Linux {line!r}: expected one of {known}")
    return {"tools": cache / "tools", "kernel": cache / f"linux-{line}"}


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    """One at a time: others wait for what one of them fetches."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _replaced(folder: Path, make: Callable[[Path], None]) -> None:
    """Make a directory beside its place, then put it there whole."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as name:
        made = Path(name) / folder.name
        made.mkdir()
        make(made)
        if folder.exists():
            folder.rename(Path(name) / "old")
        made.rename(folder)


def _make_tools(apt: _Apt, _line: str, folder: Path) -> None:
    names = [f"{name}/{_TOOLS_RELEASE}" for name in TOOLS]
    _unpack(apt, names, folder, folder / "root")


def _make_kernel(apt: _Apt, line: str, folder: Path) -> None:
    unpacked = folder / "root"
    _unpack(apt, [apt.kernel(line)], folder, unpacked)
    kernels = sorted((unpacked / "boot").glob("vmlinu*"))
    if not kernels:
        raise GuestError(f"Linux {line}: its package has no boot/vmlinux")
    kernels[0].rename(folder / "vmlinux")
    (folder / "modules").mkdir()
    for number, (name, data) in enumerate(module_files(unpacked, MODULES).items()):
        (folder / "modules" / f"{number:02}-{name}").write_bytes(data)
    shutil.rmtree(unpacked)


def _unpack(apt: _Apt, names: Sequence[str], folder: Path, root: Path) -> None:
    """Download packages and unpack them, and write down which they were."""
    root.mkdir()
    packages = {}
    with tempfile.TemporaryDirectory(dir=folder) as downloads:
        apt.download(names, Path(downloads))
        for path in sorted(Path(downloads).glob("*.deb")):
            apt.progress(f"unpacking {path.name}")
            _run(["dpkg-deb", "-x", str(path), str(root)], _LOCAL_SECONDS)
            name, version, _ = path.name.split("_")
            packages[name] = version.replace("%3a", ":")
    (folder / _MANIFEST).write_text(json.dumps(packages, indent=1) + "\n")


class _Apt:
    """apt with a directory tree of its own."""

    def __init__(self, root: Path, mirror: str | None, progress: Progress) -> None:
        for program, package in _PROGRAMS.items():
            if shutil.which(program) is None:
                raise GuestError(
                    f"{program} is not in PATH (Debian package {package}): use a "
                    "kernel and an initrd of your own"
                )
        self.progress = progress
        self._root = root
        for name in ("lists/partial", "archives/partial"):
            (root / name).mkdir(parents=True, exist_ok=True)
        (root / "status").touch()
        (root / "sources.list").write_text(_sources(mirror or _own_mirror()))
        (root / "apt.conf").write_text(_configuration(root))
        self._environment = {"APT_CONFIG": str(root / "apt.conf")}

    def update(self) -> None:
        """Fetch the archive's indexes, whose signatures apt checks."""
        self.progress("reading the indexes of Debian's archive")
        self._apt(["apt-get", "-q", "update"], _DOWNLOAD_SECONDS)

    def kernel(self, line: str) -> str:
        """The package of the newest kernel of a line."""
        text = self._apt(["apt-cache", "show", _KERNEL_PACKAGE], _LOCAL_SECONDS)
        for stanza in text.split("\n\n"):
            found = re.search(r"^Depends:.*?\b(linux-image-[\w.+-]+)", stanza, re.M)
            if found and re.search(rf"^Version: {re.escape(line)}\.", stanza, re.M):
                return found[1]
        raise GuestError(f"Linux {line} is not in Debian's {KERNELS[line]}")

    def download(self, names: Sequence[str], folder: Path) -> None:
        """Fetch packages, whose hashes apt checks, into a directory."""
        self.progress(f"downloading {', '.join(n.split('/')[0] for n in names)}")
        self._apt(["apt-get", "-q", "download", *names], _DOWNLOAD_SECONDS, folder)

    def _apt(self, command: Sequence[str], limit: int, at: Path | None = None) -> str:
        return _run(command, limit, at, self._environment)


def _configuration(root: Path) -> str:
    """Ours, with how this machine reaches archives: proxies and the like."""
    dump = _run(["apt-config", "dump"], _LOCAL_SECONDS)
    own = [line for line in dump.splitlines() if line.startswith("Acquire::")]
    settings = {
        "APT::Architecture": _ARCHITECTURE,
        "APT::Architectures": _ARCHITECTURE,
        "APT::Sandbox::User": "root" if os.geteuid() == 0 else "",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "Dir::Cache": str(root),
        "Dir::Cache::archives": str(root / "archives"),
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "Dir::Etc::main": "/dev/null",
        "Dir::Etc::parts": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::Etc::sourcelist": str(root / "sources.list"),
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Log": str(root),
        "Dir::State": str(root),
        "Dir::State::lists": str(root / "lists"),
        "Dir::State::status": str(root / "status"),
    }
    return "\n".join([*own, *(f'{k} "{v}";' for k, v in settings.items())]) + "\n"


def _sources(mirror: str) -> str:
    signed = f"[signed-by={_KEYRING}] " if _KEYRING.exists() else ""
    releases = sorted({_TOOLS_RELEASE, *KERNELS.values()})
    return "".join(f"deb {signed}{mirror} {name} main\n" for name in releases)


def _own_mirror() -> str:
    """The Debian archive among the sources of this machine's apt."""
    text = _run(["apt-get", "indextargets", "Created-By: Packages"], _LOCAL_SECONDS)
    for stanza in text.split("\n\n"):
        fields: dict[str, str] = dict(re.findall(r"^([\w-]+): (.*)$", stanza, re.M))
        origin = fields.get("Origin", "Debian")  # not known before the first update
        plain = "-" not in fields.get("Release", "-")  # no updates, no security
        if origin == "Debian" and plain and fields.get("Component") == "main":
            return fields["Repo-URI"]
    raise GuestError("no Debian archive among the sources of this machine's apt")


def _run(
    command: Sequence[str],
    limit: int,
    at: Path | None = None,
    more: dict[str, str] | None = None,
) -> str:
    """Run a program to its end: its output."""
    try:
        done = subprocess.run(
            command,
            cwd=at,
            env={**os.environ, "LC_ALL": "C", **(more or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
    except FileNotFoundError:
        raise GuestError(f"{command[0]} is not in PATH") from None
    except subprocess.TimeoutExpired:
        raise GuestError(f"{command[0]} did not end within {limit} s") from None
    if done.returncode:
        what = " ".join(command[:3])
        raise GuestError(f"{what}: {done.stderr.strip()[-_LAST_WORDS:]}")
    return done.stdout

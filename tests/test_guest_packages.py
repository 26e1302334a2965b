"""Fetching for a guest, with programs of ours in the place of apt's."""

from __future__ import annotations

import os
import shutil
import stat
import sys

import pytest

from pydlpar import ArgumentError, GuestError
from pydlpar.platforms.guest_packages import (
    KERNELS,
    TOOLS,
    cached_files,
    default_cache,
    fetch,
)

# Plays all of them; LOG gets each call, and the configuration it was made with.
PROGRAM = """#!{python}
import os, sys
from pathlib import Path
name, *words = Path(sys.argv[0]).name, *sys.argv[1:]
config = os.environ.get("APT_CONFIG", "")
with open("{log}", "a") as log:
    log.write(" ".join([name, *words]) + "\\n")
if name == "apt-config":
    print('Acquire::http::Proxy "proxy";\\nAPT::Own "1";')
elif words[:1] == ["indextargets"]:
    print(Path("{targets}").read_text())
elif name == "apt-cache":
    for version in ("6.1.7-1", "6.12.3-1"):
        line = version.rsplit(".", 1)[0]
        print("Package: linux-image-powerpc64le\\nVersion: " + version)
        print("Depends: linux-image-" + line + ".0-1-powerpc64le (= 1)\\n")
elif "download" in words:
    if Path("{broken}").exists():
        sys.exit("E: Hash Sum mismatch")
    for word in words[words.index("download") + 1:]:
        Path(word.split("/")[0] + "_1%3a2_ppc64el.deb").write_text("deb")
elif name == "dpkg-deb":
    root = Path(words[2])
    (root / "boot").mkdir(exist_ok=True)
    (root / "boot" / "vmlinux-6").write_text("kernel")
    place = root / "lib/modules/6/kernel"
    place.mkdir(parents=True, exist_ok=True)
    (place / "rpaphp.ko").write_bytes(b"module")
"""
TARGETS = """Repo-URI: http://archive/security/
Release: bookworm-security
Component: main
Origin: Debian

Repo-URI: http://archive/other/
Release: stable
Component: main
Origin: Other

Repo-URI: http://archive/debian/
Release: bookworm
Component: main
Origin: Debian
"""


class Programs:
    """The programs, what they were called with, and what they shall say."""

    def __init__(self, folder):
        self.log, self.targets = folder / "log", folder / "targets"
        self.broken = folder / "broken"
        self.targets.write_text(TARGETS)
        self.folder = folder / "bin"
        self.folder.mkdir()
        text = PROGRAM.format(
            python=sys.executable,
            log=self.log,
            targets=self.targets,
            broken=self.broken,
        )
        for name in ("apt-get", "apt-cache", "apt-config", "dpkg-deb"):
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(stat.S_IRWXU)

    def calls(self):
        """The calls since the last time."""
        text = self.log.read_text() if self.log.exists() else ""
        self.log.unlink(missing_ok=True)
        return text.splitlines()


@pytest.fixture
def programs(tmp_path, monkeypatch):
    made = Programs(tmp_path)
    monkeypatch.setenv("PATH", str(made.folder))
    return made


def test_fetch(programs, tmp_path):
    """What a guest needs, from the machine's own mirror, and kept."""
    cache = tmp_path / "cache"
    said = []
    assert cached_files("6.12", cache) is None
    files = fetch("6.12", cache, progress=said.append)
    assert files.kernel.read_text() == "kernel"
    assert files.module_contents() == {"rpaphp.ko": b"module"}
    assert files.packages["linux-image-6.12.0-1-powerpc64le"] == "1:2"
    assert files.packages.keys() >= set(TOOLS)
    assert (files.tools / "boot/vmlinux-6").exists()
    assert any("downloading" in text for text in said)
    assert cached_files("6.12", cache) == files
    calls = programs.calls()
    assert f"apt-get -q download {' '.join(f'{n}/bookworm' for n in TOOLS)}" in calls
    assert "apt-get -q download linux-image-6.12.0-1-powerpc64le" in calls
    assert not any("install" in call for call in calls)
    sources = (cache / "apt/sources.list").read_text()
    assert {line.split()[-3] for line in sources.splitlines()} == {
        "http://archive/debian/"
    }
    assert {line.split()[-2] for line in sources.splitlines()} == {*KERNELS.values()}
    assert sorted(p.name for p in (cache / "linux-6.12").iterdir()) == [
        *("modules", "packages.json", "vmlinux")
    ]


def test_the_configuration_is_ours(programs, tmp_path):
    """How to reach archives is the machine's; nothing else is, above all no state."""
    fetch("6.1", tmp_path / "cache", mirror="http://mine/")
    text = (tmp_path / "cache/apt/apt.conf").read_text()
    assert 'Acquire::http::Proxy "proxy";' in text
    assert "APT::Own" not in text
    assert 'APT::Architecture "ppc64el";' in text
    places = [line.split('"')[1] for line in text.splitlines() if "Dir::" in line]
    allowed = (str(tmp_path / "cache"), "/dev/null")
    assert all(place.startswith(allowed) for place in places if place)
    assert "http://mine/" in (tmp_path / "cache/apt/sources.list").read_text()
    assert not any("indextargets" in call for call in programs.calls())


def test_what_the_cache_has_is_not_fetched(programs, tmp_path):
    """The tools serve every kernel; a fresh fetch replaces both."""
    cache = tmp_path / "cache"
    fetch("6.1", cache)
    programs.calls()
    assert fetch("6.1", cache) == cached_files("6.1", cache)
    assert programs.calls() == []
    fetch("6.12", cache)
    downloads = [call for call in programs.calls() if "download" in call]
    assert len(downloads) == 1
    fetch("6.1", cache, fresh=True)
    downloads = [call for call in programs.calls() if "download" in call]
    assert len(downloads) == 2
    assert not list(cache.glob(".new-*"))


def test_a_failure_leaves_the_cache_as_it_was(programs, tmp_path):
    """apt's words are in the message; what was there is there."""
    cache = tmp_path / "cache"
    before = fetch("6.1", cache)
    programs.broken.touch()
    with pytest.raises(GuestError, match="apt-get -q download: E: Hash Sum mismatch"):
        fetch("6.1", cache, fresh=True)
    assert cached_files("6.1", cache) == before
    assert before.kernel.exists()
    with pytest.raises(GuestError, match="Hash Sum mismatch"):
        fetch("6.12", cache)
    assert cached_files("6.12", cache) is None
    assert not list(cache.glob(".new-*"))


def test_no_debian_archive(programs, tmp_path):
    """A machine of another kind is told so."""
    programs.targets.write_text(TARGETS.replace("Origin: Debian", "Origin: Other"))
    with pytest.raises(GuestError, match="no Debian archive among the sources"):
        fetch("6.1", tmp_path / "cache")


@pytest.mark.parametrize("program", ["apt-get", "apt-cache", "dpkg-deb"])
def test_a_program_is_missing(programs, tmp_path, program):
    """Which, and whose."""
    (programs.folder / program).unlink()
    with pytest.raises(GuestError, match=rf"{program} is not in PATH \(Debian package"):
        fetch("6.1", tmp_path / "cache")


def test_unknown_line(tmp_path):
    """The message has those that there are."""
    for call in (fetch, cached_files):
        with pytest.raises(ArgumentError, match=r"'5.4': expected one of 6.1, 6.12"):
            call("5.4", tmp_path)


def test_tools_alone(programs, tmp_path):
    """For a kernel of one's own."""
    del programs
    files = fetch(None, tmp_path / "cache")
    assert files.kernel is None
    assert files.modules == ()
    assert cached_files(None, tmp_path / "cache") == files
    shutil.rmtree(tmp_path / "cache/tools")
    assert cached_files(None, tmp_path / "cache") is None


def test_default_cache(monkeypatch, tmp_path):
    """XDG_CACHE_HOME, or what stands for it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "pydlpar/guest"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache() == tmp_path / ".cache/pydlpar/guest"
    assert os.environ["HOME"]

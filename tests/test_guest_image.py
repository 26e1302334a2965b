"""The initial file system of a guest, read as Linux reads an archive."""

from __future__ import annotations

import lzma
import stat

import pytest

from pydlpar import ArgumentError
from pydlpar.platforms.guest_image import Archive, module_files, root_archive


def read_archive(data):
    """A `newc` archive as {path: (mode, content)}, in order. Linux's initramfs.c."""
    found, at = {}, 0
    while True:
        assert data[at : at + 6] == b"070701", at
        fields = [int(data[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        name_end = at + 110 + fields[11]
        assert data[name_end - 1] == 0
        name = data[at + 110 : name_end - 1].decode()
        start = (name_end + 3) & ~3
        if name == "TRAILER!!!":
            assert not any(data[start:])
            return found
        content = data[start : start + fields[6]]
        assert len(content) == fields[6]
        found[name] = (fields[1], content)
        at = (start + fields[6] + 3) & ~3


def test_entries():
    """Files, links and devices; a directory stands before what is in it, once."""
    archive = Archive()
    archive.file("a/b/file", b"12345", 0o755)
    archive.file("a/b/other", b"")
    archive.link("a/link", "b/file")
    archive.device("dev/console", stat.S_IFCHR | 0o600, 5, 1)
    data = archive.finish()
    assert len(data) % 512 == 0
    found = read_archive(data)
    assert list(found) == [
        *("a", "a/b", "a/b/file", "a/b/other", "a/link", "dev", "dev/console")
    ]
    assert found["a"] == (stat.S_IFDIR | 0o755, b"")
    assert found["a/b/file"] == (stat.S_IFREG | 0o755, b"12345")
    assert found["a/link"] == (stat.S_IFLNK | 0o777, b"b/file")
    assert stat.S_ISCHR(found["dev/console"][0])


@pytest.mark.parametrize("path", ["", "/etc/passwd", "a/../../b", ".."])
def test_paths_that_leave_the_root(path):
    """They are refused by name."""
    with pytest.raises(ArgumentError, match="expected one below the root"):
        Archive().file(path, b"")


def make_module(folder, name, depends, suffix=""):
    data = b"\x7fELF...\0license=GPL\0depends=" + depends + b"\0name=x\0"
    data = lzma.compress(data) if suffix else data
    place = folder / "usr/lib/modules/6.1.0/kernel/drivers"
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{name}.ko{suffix}").write_bytes(data)


def test_modules_come_after_those_they_need(tmp_path):
    """`-` and `_` are one; built-in ones are left out; packed ones are unpacked."""
    make_module(tmp_path, "virtio-pci", b"virtio,virtio_ring", ".xz")
    make_module(tmp_path, "virtio_ring", b"virtio")
    make_module(tmp_path, "virtio", b"builtin")
    make_module(tmp_path, "other", b"")
    found = module_files(tmp_path, ["virtio_pci", "built_in"])
    assert list(found) == ["virtio.ko", "virtio_ring.ko", "virtio_pci.ko"]
    assert all(data.startswith(b"\x7fELF") for data in found.values())


def test_modules_that_need_each_other(tmp_path):
    """Both come, in some order: there is no end of it otherwise."""
    make_module(tmp_path, "a", b"b")
    make_module(tmp_path, "b", b"a")
    assert sorted(module_files(tmp_path, ["a"])) == ["a.ko", "b.ko"]


def test_root_archive(tmp_path):
    """What boots: init, busybox, agent, modules in order, tools below /usr; ours."""
    for path in (
        *("bin/busybox", "lib/powerpc64le-linux-gnu/libc.so.6", "usr/bin/python3.11"),
        *("usr/share/doc/x", "etc/ppc64-diag/c", "etc/other", "usr/lib/gconv/a.so"),
    ):
        (tmp_path / "tools" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tools" / path).write_text(path)
    (tmp_path / "mine/sub").mkdir(parents=True)
    (tmp_path / "mine/sub/file").write_text("mine")
    (tmp_path / "mine/link").symlink_to("sub/file")
    found = read_archive(
        root_archive(
            tmp_path / "tools",
            {"b.ko": b"2", "a.ko": b"1"},
            {"root/mine": tmp_path / "mine", "one": tmp_path / "mine/sub/file"},
        )
    )
    assert found["init"][0] == stat.S_IFREG | 0o755
    assert found["init"][1].startswith(b"#!/pydlpar/busybox sh\n")
    assert found["pydlpar/busybox"][1] == b"bin/busybox"
    assert found["pydlpar/modules"][1] == b"/pydlpar/b.ko\n/pydlpar/a.ko\n"
    assert b"class Agent" in found["pydlpar/agent.py"][1]
    assert found["lib"] == (stat.S_IFLNK | 0o777, b"usr/lib")
    assert "usr/lib/powerpc64le-linux-gnu/libc.so.6" in found
    assert "etc/ppc64-diag/c" in found
    for left_out in ("usr/share/doc/x", "etc/other", "usr/lib/gconv/a.so"):
        assert left_out not in found
    assert found["root/mine/sub/file"][1] == b"mine"
    assert found["root/mine/link"] == (stat.S_IFLNK | 0o777, b"sub/file")
    assert found["one"][1] == b"mine"

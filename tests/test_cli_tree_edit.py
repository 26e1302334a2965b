"""`pydlpar tree set`, `create`, `delete` and `from-fs`."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from cli_runner import tree_command as run
from plaintree import cell, content

from pydlpar import DeviceTree
from pydlpar.data import default_tree_bytes


@pytest.fixture
def machine(tmp_path):
    path = tmp_path / "machine.dtb"
    path.write_bytes(default_tree_bytes())
    return path


def tree_of(path) -> DeviceTree:
    return DeviceTree.from_dtb(path.read_bytes())


VALUES = [
    (("text", "--as", "string"), b"text\0"),
    (("", "--as", "string"), b"\0"),
    (("a", "b c", "--as", "strings"), b"a\0b c\0"),
    (("1", "0x10", "--as", "u8"), b"\x01\x10"),
    (("258", "--as", "u16"), b"\1\2"),
    (("1", "4294967295", "--as", "u32"), b"\0\0\0\1\xff\xff\xff\xff"),
    (("0x100000000", "--as", "u64"), b"\0\0\0\1\0\0\0\0"),
    (("10", "0xff", "--as", "cells"), cell(16) + cell(255)),
    (("0011", "0xaa", "--as", "hex"), b"\x00\x11\xaa"),
    (("--as", "u32", "--", "-1"), b"\xff\xff\xff\xff"),
    ((), b""),
    (("--as", "strings"), b""),
]


@pytest.mark.parametrize(("arguments", "value"), VALUES)
def test_set_writes_what_was_said(machine, arguments, value):
    """In the type that is named; without values, an empty property."""
    result = run("set", "-i", machine, "/chosen", "p", *arguments)
    assert (result.exit_code, result.output) == (0, "")
    assert tree_of(machine)["/chosen"]["p"] == value
    kind = arguments[arguments.index("--as") + 1] if "--as" in arguments else None
    if kind and kind not in ("string", "strings", "hex"):
        shown = run("get", machine, "/chosen", "p", "--as", kind).stdout.split()
        again = run("set", "-i", machine, "/chosen", "q", "--as", kind, "--", *shown)
        assert again.exit_code == 0
        assert tree_of(machine)["/chosen"]["q"] == value


def test_set_takes_bytes_of_a_file(machine, tmp_path):
    data = tmp_path / "data"
    data.write_bytes(b"\0\xff\n")
    assert run("set", machine, "/", "p", data, "--as", "raw", "-i").exit_code == 0
    assert tree_of(machine).root["p"] == b"\0\xff\n"


@pytest.mark.skipif(shutil.which("fdtput") is None, reason="fdtput is not installed")
@pytest.mark.parametrize(
    ("theirs", "ours", "values"),
    [
        ("s", "strings", ["a", "b"]),
        ("i", "u32", ["1", "22"]),
        ("x", "cells", ["1", "22"]),
        ("bx", "hex", ["01", "22"]),
    ],
)
def test_set_writes_what_fdtput_writes(machine, tmp_path, theirs, ours, values):
    other = tmp_path / "other.dtb"
    shutil.copy(machine, other)
    subprocess.run(["fdtput", "-t", theirs, other, "/chosen", "p", *values], check=True)
    run("set", machine, "/chosen", "p", *values, "--as", ours, "-i")
    assert tree_of(machine)["/chosen"]["p"] == tree_of(other)["/chosen"]["p"]


def test_parents_are_made_when_asked_for(machine):
    assert run("set", machine, "/a/b", "p", "-i").exit_code == 1
    assert run("set", machine, "/a/b", "p", "-i", "--parents").exit_code == 0
    assert run("set", machine, "/memory", "p", "-i", "--parents").exit_code == 0
    tree = tree_of(machine)
    assert tree["/a/b"]["p"] == b""
    assert tree["/memory@0"]["p"] == b"", "/memory is /memory@0, as for libfdt"


def test_create_and_delete(machine):
    """As fdtput -c, -cp, -r and -d."""
    assert run("create", machine, "/a", "/a/b", "-i").exit_code == 0
    assert run("create", machine, "/a/b/c/d", "-p", "-i").exit_code == 0
    assert run("create", machine, "/a/b/c/d", "-p", "-i").exit_code == 0
    assert "/a/b/c/d" in tree_of(machine)
    assert run("delete", machine, "/a/b", "-i").exit_code == 0
    assert tree_of(machine)["/a"].children == []
    assert run("delete", machine, "/", "model", "compatible", "-i").exit_code == 0
    assert not {"model", "compatible"} & tree_of(machine).root.properties.keys()


def test_output_to_a_file_leaves_the_input_alone(machine, tmp_path):
    before = machine.read_bytes()
    out = tmp_path / "out.dtb.gz"
    assert run("create", machine, "/a", "-o", out).exit_code == 0
    assert machine.read_bytes() == before
    assert "/a" in DeviceTree.from_dtb(gzip.decompress(out.read_bytes()))
    result = run("create", "-", "/a", "-o", "-", stdin=before)
    assert "/a" in DeviceTree.from_dtb(result.stdout_bytes)


def test_in_place_keeps_mode_and_packing(tmp_path):
    """And a symbolic link stays one."""
    real = tmp_path / "real"
    real.write_bytes(gzip.compress(default_tree_bytes()))
    real.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(real)
    assert run("create", link, "/a", "-i").exit_code == 0
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert "/a" in DeviceTree.from_dtb(gzip.decompress(real.read_bytes()))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]


def test_device_is_written_to_not_replaced(machine, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert run("create", machine, "/a", "-o", fifo).exit_code == 0
        assert os.read(reader, 4) == b"\xd0\x0d\xfe\xed"
    finally:
        os.close(reader)
    assert fifo.is_fifo()


def test_diff_shows_what_changed(machine):
    result = run("set", machine, "/", "model", "x", "--as", "string", "-i", "--diff")
    assert result.stdout.splitlines() == [
        "@@ / @@",
        '-model = "IBM pSeries (emulated by qemu)";',
        '+model = "x";',
    ]


NO = [
    (("set", "{m}", "/none", "p", "-i"), "no node /none"),
    (("create", "{m}", "/cpus", "-i"), "there is a node /cpus already"),
    (("create", "{m}", "/a/b", "-i"), "no node /a: --parents makes it"),
    (("delete", "{m}", "/none", "-i"), "no node /none"),
    (("delete", "{m}", "/", "none", "-i"), "/ has no property 'none'"),
]
BAD = [
    (("set", "{m}", "/", "p", "1", "-i"), "a type is never guessed"),
    (("set", "{m}", "/", "p"), "give --output OUT or --in-place"),
    (("set", "{m}", "/", "p", "-i", "-o", "x"), "give --output OUT or --in-place"),
    (("set", "{m}", "/", "p", "-o", "-", "--diff"), "cannot both go to"),
    (("set", "@pseries", "/", "p", "-i"), "no blob to write back to"),
    (("set", "{dir}", "/", "p", "-i"), "no blob to write back to"),
    (("set", "{m}", "/", "p", "x", "-i", "--as", "u32"), "'x': expected a number"),
    (("set", "{m}", "/", "p", "x", "-i", "--as", "cells"), "a hexadecimal number"),
    (("set", "{m}", "/", "p", "256", "-i", "--as", "u8"), "at most 8 bits for u8"),
    (("set", "{m}", "/", "p", "-i", "--as", "u8", "--", "-129"), "at most 8 bits"),
    (("set", "{m}", "/", "p", "abc", "-i", "--as", "hex"), "pairs of hexadecimal"),
    (("set", "{m}", "/", "p", "a", "b", "-i", "--as", "string"), "2 values, expected"),
    (("set", "{m}", "/", "p", "{dir}/no", "-i", "--as", "raw"), "no: No such file"),
    (("set", "{m}", "/", "", "-i"), "bad argument"),
    (("create", "{m}", "/" + "a" * 5000, "-i"), "bad argument"),
    (("create", "{m}", "a", "-i"), "is no path of a node below the root"),
    (("create", "{m}", "/", "-i"), "is no path of a node below the root"),
    (("delete", "{m}", "/", "-i"), "the root cannot be removed"),
    (("create", "{m}", "/a", "-o", "{dir}/none/x"), "No such file or directory"),
    (("from-fs", "{m}", "-o", "-"), "Not a directory"),
    (("from-fs", "{dir}/none", "-o", "-"), "none: No such file or directory"),
]


@pytest.mark.parametrize(
    ("arguments", "message", "status"),
    [(*row, 1) for row in NO] + [(*row, 2) for row in BAD],
)
def test_what_fails_changes_nothing(machine, arguments, message, status):
    """Status 1 where the answer is no, 2 where the input is wrong."""
    names = {"m": machine, "dir": machine.parent}
    result = run(*(argument.format(**names) for argument in arguments))
    assert result.exit_code == status, result.output
    assert message in result.stderr
    assert machine.read_bytes() == default_tree_bytes()
    assert os.listdir(machine.parent) == ["machine.dtb"]


@pytest.fixture
def folder(tmp_path):
    """The embedded machine as /proc/device-tree shows one."""
    top = tmp_path / "device-tree"
    for node in DeviceTree.from_dtb(default_tree_bytes()).nodes():
        place = top / node.path.lstrip("/")
        place.mkdir(parents=True, exist_ok=True)
        for name, value in node.properties.items():
            (place / name).write_bytes(value)
    return top


def by_content(tree: DeviceTree) -> object:
    """Content whatever the order, which a directory has not."""
    return sorted(
        (node.path, sorted(node.properties.as_dict().items())) for node in tree.nodes()
    )


def test_from_fs_makes_a_blob(folder, tmp_path):
    out = tmp_path / "out.dtb"
    result = run("from-fs", folder, "-o", out)
    assert result.exit_code == 0
    assert result.stdout == f"{out}: 18 nodes, {out.stat().st_size} bytes\n"
    original = DeviceTree.from_dtb(default_tree_bytes())
    assert by_content(tree_of(out)) == by_content(original)
    assert run("diff", out, folder).exit_code == 0


@pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed")
def test_from_fs_reads_what_dtc_reads(folder):
    (folder / "link").symlink_to(folder / "cpus")
    theirs = subprocess.run(
        ["dtc", "-q", "-I", "fs", "-O", "dtb", folder], capture_output=True, check=True
    )
    ours = run("from-fs", folder, "-o", "-").stdout_bytes
    assert by_content(DeviceTree.from_dtb(ours)) == by_content(
        DeviceTree.from_dtb(theirs.stdout)
    )


def test_from_fs_names_what_it_cannot_read(folder, tmp_path):
    """Or leaves it out when told so; a pipe would be waited for."""
    os.mkfifo(folder / "cpus" / "pipe")
    out = tmp_path / "out.dtb"
    result = run("from-fs", folder, "-o", out)
    assert result.exit_code == 2
    assert result.stderr == f"pydlpar: {folder}/cpus/pipe: neither file nor directory\n"
    assert not out.exists()
    result = run("from-fs", folder, "-o", out, "--skip-unreadable")
    assert result.exit_code == 0
    assert "cpus/pipe: neither file nor directory, left out" in result.stderr
    assert "pipe" not in tree_of(out)["/cpus"]


def test_library_tells_progress_and_errors(folder):
    """`from_filesystem()` calls back for every directory and every failure."""
    os.mkfifo(folder / "pipe")
    directories: list[str] = []
    errors: list[OSError] = []
    tree = DeviceTree.from_filesystem(
        folder, progress=directories.append, on_error=errors.append
    )
    assert len(directories) == len(tree) == 18
    assert [error.filename for error in errors] == [str(folder / "pipe")]
    with pytest.raises(OSError, match="neither file nor directory"):
        DeviceTree.from_filesystem(folder)


def test_links_in_a_directory_are_followed_but_not_in_a_circle(tmp_path):
    """One to a directory above, or to itself, is named in the error."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "p").write_bytes(b"x")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    tree = DeviceTree.from_filesystem(tmp_path)
    a = [("p", b"x")]
    assert content(tree) == ("", [], [("a", a, []), ("b", a, [])])
    for target in (tmp_path, tmp_path / "a", tmp_path / "a" / "loop"):
        loop = tmp_path / "a" / "loop"
        loop.symlink_to(target)
        with pytest.raises(OSError, match="Too many levels") as raised:
            DeviceTree.from_filesystem(tmp_path)
        assert raised.value.filename.endswith("/loop")
        loop.unlink()

"""The codec used from C and C++, without Python: what users get of it works."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from places import ROOT

import pydlpar
from pydlpar import DeviceTree
from pydlpar.data import default_tree_bytes

EXAMPLE = ROOT / "examples" / "hotplug.c"
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Werror")


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, **more)


@pytest.fixture(scope="module")
def hotplug(tmp_path_factory):
    """The example, built from what the package says where it lies."""
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("no C compiler")
    if not EXAMPLE.exists():
        pytest.skip("the examples are not beside the tests")
    program = tmp_path_factory.mktemp("c") / "hotplug"
    include, sources = f"-I{pydlpar.get_include()}", pydlpar.get_sources()
    made = run(compiler, "-std=c11", include, "-o", program, EXAMPLE, *sources)
    assert (made.returncode, made.stderr) == (0, "")
    return program


def test_sources_are_all_there():
    """Headers and sources, and nothing but C."""
    include = pydlpar.get_include()
    assert os.path.isfile(os.path.join(include, "dlpar.h"))
    assert {os.path.dirname(path) for path in pydlpar.get_sources()} == {include}
    assert {path[-2:] for path in pydlpar.get_sources()} == {".c"}


def test_installation_without_the_sources_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr("pydlpar.csources._PACKAGE", tmp_path / "pydlpar")
    with pytest.raises(FileNotFoundError, match=r"dlpar\.h: neither in"):
        pydlpar.get_include()


def test_installed_sources_are_found_first(monkeypatch, tmp_path):
    """In the package, before those of a checkout beside it."""
    for place in ("pydlpar/csrc", "csrc"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "dlpar.h").touch()
    monkeypatch.setattr("pydlpar.csources._PACKAGE", tmp_path / "pydlpar")
    assert pydlpar.get_include() == str(tmp_path / "pydlpar" / "csrc")


def test_example_plugs_a_cpu(hotplug, tmp_path):
    """Without an event, the first core that is not there."""
    (tmp_path / "in.dtb").write_bytes(default_tree_bytes())
    done = run(hotplug, "in.dtb", "out.dtb", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "event: cpu add index 0x10000004\nadded /cpus/PowerPC,POWER9@4\n"
    )
    tree = DeviceTree.from_dtb((tmp_path / "out.dtb").read_bytes())
    cpu, model = tree["/cpus/PowerPC,POWER9@4"], tree["/cpus/PowerPC,POWER9@0"]
    assert cpu.u32("reg") == cpu.u32("ibm,ppc-interrupt-server#s") == 4
    assert cpu.u32("ibm,my-drc-index") == 0x10000004
    assert list(cpu.properties) == list(model.properties)
    tree.remove(cpu)
    assert tree.diff(DeviceTree.from_dtb(default_tree_bytes())) == []


def test_example_takes_an_event(hotplug, tmp_path):
    """As another made it; one that is none, or no CPU's, is refused."""
    (tmp_path / "in.dtb").write_bytes(default_tree_bytes())
    event = tmp_path / "event"
    for request, wanted in [
        ("cpu add index 0x10000007", "added /cpus/PowerPC,POWER9@7\n"),
        ("cpu add index 0x10000001", "exists already\n"),
        ("memory add index 0x80000010", "value not allowed\n"),
    ]:
        event.write_bytes(pydlpar.hotplug_event(pydlpar.parse_request(request)))
        done = run(hotplug, "in.dtb", "out.dtb", "event", cwd=tmp_path)
        assert (done.stdout + done.stderr).endswith(wanted)
        assert done.returncode == (0 if "added" in wanted else 1)
    event.write_bytes(b"no event")
    assert run(hotplug, "in.dtb", "out.dtb", "event", cwd=tmp_path).returncode == 1


def test_example_refuses_what_is_no_tree(hotplug, tmp_path):
    (tmp_path / "in.dtb").write_bytes(b"no tree" * 10)
    done = run(hotplug, "in.dtb", "out.dtb", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "hotplug: in.dtb: wrong magic number (at byte 0)\n"
    assert not (tmp_path / "out.dtb").exists()


@pytest.mark.parametrize("standard", ["c++11", "c++20"])
def test_header_is_one_for_cpp_too(standard, tmp_path):
    """It compiles as C++, and its names are C's: the program links."""
    compiler = shutil.which("c++")
    if not compiler:
        pytest.skip("no C++ compiler")
    include = f"-I{pydlpar.get_include()}"
    error = os.path.join(pydlpar.get_include(), "error.c")
    (tmp_path / "a.cc").write_text(
        "#include \"dlpar.h\"\nint main() { return *dlpar_strerror(0) != 's'; }\n"
    )
    built = [
        (compiler, f"-std={standard}", *WARNINGS, include, "-c", "a.cc"),
        ("cc", include, "-c", error, "-o", "error.o"),
        (compiler, "a.o", "error.o", "-o", "a"),
        ("./a",),
    ]
    for command in built:
        done = run(*command, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("header", ["dlpar.h", "dlpar_tree.h"])
def test_header_comes_by_itself(header, tmp_path):
    """Nothing has to be included before `dlpar.h`, and twice is once."""
    if not shutil.which("cc"):
        pytest.skip("no C compiler")
    (tmp_path / "a.c").write_text(f'#include "dlpar.h"\n#include "{header}"\n')
    include = f"-I{pydlpar.get_include()}"
    done = run("cc", *WARNINGS, include, "-fsyntax-only", "a.c", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")

"""`pydlpar tree apply` and `patch`; trees of source text; all that `diff` tells."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from changetrees import tokens
from cli_runner import tree_command as run
from click.testing import CliRunner
from dtctool import needs_dtc
from overlays import base, overlay, unordered

from pydlpar import DeviceTree
from pydlpar.cli.app import app

BASE_TEXT = """// a comment comes first
/dts-v1/;
/ {
	soc { uart: uart { status = "disabled"; }; };
};
"""
OVERLAY_TEXT = """/dts-v1/;
/plugin/;
&uart { status = "okay"; mine: child { }; };
"""


@pytest.fixture
def write(tmp_path):
    """A file of a tree, of bytes or of text."""

    def write_it(name: str, content: DeviceTree | bytes | str):
        path = tmp_path / name
        if isinstance(content, DeviceTree):
            content = content.to_dtb()
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_it


def tree_of(path) -> DeviceTree:
    return DeviceTree.from_dtb(path.read_bytes())


@pytest.mark.parametrize("first", [False, True])
def test_overlays_are_applied_in_turn(write, tmp_path, first):
    """To what those before have made."""
    one = write("1.dtbo", overlay({"": {}, "/new": {}}))
    two = write("2.dtbo", overlay({"": {"p": b"x"}}, {"target-path": b"/soc/new\0"}))
    out = tmp_path / "out.dtb"
    options = ["--first"] if first else []
    result = run("apply", write("m.dtb", base()), one, two, "-o", out, *options)
    assert (result.exit_code, result.output) == (0, "")
    soc = tree_of(out)["/soc"]
    assert [child.name for child in soc.children][0 if first else -1] == "new"
    assert soc.child("new")["p"] == b"x"


@pytest.mark.skipif(shutil.which("fdtoverlay") is None, reason="no fdtoverlay")
def test_apply_gives_what_fdtoverlay_gives(write, tmp_path):
    fixups = {"uart": b"/fragment@0:target:0\0"}
    part = overlay({"": {"status": b"okay\0"}}, {"target": b"\xff" * 4}, fixups=fixups)
    machine, part = write("m.dtb", base()), write("o.dtbo", part)
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    subprocess.run(["fdtoverlay", "-i", machine, "-o", theirs, part], check=True)
    assert run("apply", machine, part, "-o", ours).exit_code == 0
    assert unordered(tree_of(ours).root) == unordered(tree_of(theirs).root)
    assert tree_of(ours)["/soc/uart@0"].string("status") == "okay"


@needs_dtc
def test_source_text_is_compiled_with_its_labels(write, tmp_path):
    """Else no overlay could refer to it."""
    out = tmp_path / "out.dtb"
    machine, part = write("m.dts", BASE_TEXT), write("o.dtso", OVERLAY_TEXT)
    result = run("apply", machine, part, "-o", out, "--diff")
    assert (result.exit_code, result.stderr) == (0, "")
    assert '+status = "okay";' in result.stdout.splitlines()
    tree = tree_of(out)
    assert tree.by_label("mine").path == "/soc/uart/child"
    assert tree["/soc/uart"].string("status") == "okay"


def test_overlay_that_does_not_fit_changes_nothing(write):
    """Status 1 where the tree lacks what it needs; 2 where the overlay is wrong."""
    machine = write("m.dtb", base())
    before = machine.read_bytes()
    good = write("g.dtbo", overlay({"": {"p": b"x"}}))
    for name, part, status, message in (
        ("n", overlay({"": {}}, {"target-path": b"/no\0"}), 1, "no node of this path"),
        ("b", overlay({"": {}}, {"x": b""}), 2, "neither target nor target-path"),
        ("e", overlay({"": {}})[:-9], 2, "device tree"),
    ):
        result = run("apply", machine, good, write(name, part), "-i")
        assert result.exit_code == status
        assert result.stderr.startswith(f"pydlpar: {machine.parent}/{name}: ")
        assert message in result.stderr
        assert machine.read_bytes() == before


def changed_everything() -> tuple[DeviceTree, DeviceTree]:
    """Two trees that differ in all that a difference can tell."""
    old = base()
    new = old.copy()
    new.move(new["/bare"], new.root, first=True)
    new["/soc"].order("ranges", first=True)
    new["/user"]["uart"] = b"new"
    new.remove_node("/aliases")
    new.add_node("/plus", {"p": b"1"})
    new.reserve(0x1000, 0x20)
    new.boot_cpu = 3
    return old, new


def test_diff_tells_all_that_differs(write):
    """Moves, memory reservations and the boot CPU, as nodes and properties."""
    old, new = changed_everything()
    a, b = write("a.dtb", old), write("b.dtb", new)
    lines = run("diff", a, b).stdout.splitlines()
    for line in (
        "~soc: was first, is behind bare",
        "~phandle: was first, is behind ranges",
        "-boot CPU 0",
        "+boot CPU 3",
        "+/memreserve/\t0x0000000000001000 0x0000000000000020;",
        "-aliases {",
        "+plus {",
    ):
        assert line in lines
    kinds = {
        change["kind"]
        for change in json.loads(run("diff", a, b, "--json").stdout)["changes"]
    }
    assert kinds == {"add", "remove", "set", "move", "reservations", "boot_cpu"}


@pytest.mark.parametrize("options", [[], ["--reverse"]])
def test_patch_makes_the_changes_of_a_diff(write, tmp_path, options):
    """From one tree to the other, in either direction."""
    a, b = (write(n, t) for n, t in zip("ab", changed_everything(), strict=True))
    changes = write("d.json", run("diff", a, b, "--json").stdout)
    source, target = (b, a) if options else (a, b)
    out = tmp_path / "out.dtb"
    result = run("patch", source, changes, *options, "-o", out)
    assert (result.exit_code, result.output) == (0, "")
    assert tokens(tree_of(out)) == tokens(tree_of(target))
    assert run("diff", out, target).exit_code == 0


def test_patch_that_does_not_fit_is_status_1(write):
    """And names what is not as expected."""
    a, b = (write(n, t) for n, t in zip("ab", changed_everything(), strict=True))
    text = run("diff", a, b, "--json").stdout
    before = b.read_bytes()
    result = run("patch", b, "-", "-i", stdin=text.encode())
    assert result.exit_code == 1
    assert result.stderr.startswith(f"pydlpar: {b}: ")
    assert "expected" in result.stderr
    assert b.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected JSON"),
        ("\xff", "expected JSON"),
        ("[" * 100000, "expected JSON"),
        ("[]", "expected the object that `tree diff --json` prints"),
        ("{}", "format None, version None"),
        (
            '{"format": "pydlpar-diff", "version": 1, "changes": [{"kind": "x"}]}',
            "change 0: expected an object with kind and path",
        ),
    ],
)
def test_patch_of_anything_else_is_status_2(write, text, message):
    result = run("patch", write("m.dtb", base()), write("d", text), "-o", "-")
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("command", ["apply", "patch"])
def test_standard_input_is_read_once(command):
    result = run(command, "-", "-", "-o", "-")
    assert (result.exit_code, result.stderr) == (
        2,
        "pydlpar: '-' can be read only once\n",
    )


@needs_dtc
def test_a_tree_comes_from_text_too(write, tmp_path):
    """By its name or by how it begins; packed, or from standard input."""
    begun = BASE_TEXT.partition("\n")[2]
    (tmp_path / "part").write_text("included { };")
    sources = [
        (write("m.dts", BASE_TEXT), None),
        (write("m.dts.gz", gzip.compress(BASE_TEXT.encode())), None),
        (write("text", begun), None),
        ("-", begun.encode()),
    ]
    for path, stdin in sources:
        result = run("show", path, "--names", stdin=stdin)
        assert result.stdout.split() == ["/", "/soc", "/soc/uart"]
        assert result.stderr == ""
        assert run("check", path, stdin=stdin).stdout.endswith("no findings\n")
    included = write("i.dts", '/dts-v1/;\n/ { /include/ "part" };')
    assert run("show", included, "--names").stdout.split() == ["/", "/included"]
    assert run("diff", sources[0][0], sources[1][0]).exit_code == 0


@needs_dtc
def test_run_takes_text_as_the_machine(write):
    text = run("show", "@pseries", "--dts").stdout
    machine = write("m.dts", text)
    done = CliRunner().invoke(
        app,
        ["run", "--tree", str(machine), "--plug", "cpu", "cpu add index 0x10000004"],
    )
    assert done.exit_code == 0
    assert "+/cpus/PowerPC,POWER9@" in done.stdout


@needs_dtc
def test_what_dtc_says_is_told_in_one_line(write):
    """Its errors, with the place; and that it warned."""
    bad = write("b.dts", "/dts-v1/;\n/ { x")
    result = run("show", bad)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"pydlpar: {bad}: dtc: Error: {bad}:2.")
    assert result.stderr.count("\n") == 1
    odd = write("o.dts", "/dts-v1/;\n/ { a { reg = <1>; }; b@1 { }; };")
    result = run("show", odd, "--names")
    assert result.stdout.split() == ["/", "/a", "/b@1"]
    assert " warnings, the first: dtc: " in result.stderr
    assert result.stderr.count("\n") == 1
    assert run("check", bad).exit_code == 2


def test_text_is_not_written_back_as_a_blob(write):
    text = write("m.dts", BASE_TEXT)
    result = run("create", text, "/a", "-i")
    assert result.exit_code == 2
    assert text.read_text() == BASE_TEXT


def test_text_without_dtc_says_what_is_missing(write, monkeypatch):
    monkeypatch.setenv("PATH", "")
    for command in ("show", "check"):
        result = run(command, write("m.dts", BASE_TEXT))
        assert (result.exit_code, result.stdout) == (2, "")
        assert "m.dts: dtc is not installed" in result.stderr

"""`pydlpar tree check` and `diff`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from cli_runner import tree_command as run
from hypothesis import given
from hypothesis import strategies as st
from plaintree import cell

from pydlpar import DeviceTree, Diff
from pydlpar.cli.tree_diff import shortened
from pydlpar.data import default_tree_bytes
from pydlpar.lint import RULES


@pytest.fixture
def write(tmp_path):
    """A file of a tree, from what to do with the embedded one."""

    def write_it(name: str, *changes):
        tree = DeviceTree.from_dtb(default_tree_bytes())
        for change in changes:
            change(tree)
        path = tmp_path / name
        path.write_bytes(tree.to_dtb())
        return path

    return write_it


def bad_status(tree: DeviceTree) -> None:
    tree.root.set_string("status", "on")


def bad_phandle(tree: DeviceTree) -> None:
    tree.root.set_u32("phandle", 0)


def test_check_of_what_is_right():
    """Notes are not told unless asked for."""
    result = run("check", "@pseries")
    assert (result.exit_code, result.stdout) == (0, "@pseries: 18 nodes, no findings\n")
    notes = run("check", "@pseries", "--notes").stdout.splitlines()
    assert notes[-1] == "@pseries: 18 nodes, 7 notes"
    assert all(": note: /" in line for line in notes[:-1])
    only = run("check", "@pseries", "--only", "node_name_length")
    assert "18 nodes, 1 note" in only.stdout


def test_errors_are_status_1_and_warnings_only_when_strict(write):
    warned, wrong = write("w", bad_status), write("e", bad_phandle)
    for arguments, status in (
        ([warned], 0),
        ([warned, "--strict"], 1),
        ([warned, "--strict", "--skip", "status_value"], 0),
        ([wrong], 1),
        ([warned, wrong, "@pseries"], 1),
        (["@pseries", "--strict", "--notes"], 0),
    ):
        assert run("check", *arguments).exit_code == status, arguments
    assert run("check", wrong).stdout.splitlines() == [
        f"{wrong}: error: /: phandle: 0x0 is no phandle [explicit_phandles]",
        f"{wrong}: 18 nodes, 1 error",
    ]


def test_malformed_blob_is_told_with_byte_and_name(tmp_path):
    path = tmp_path / "bad.dtb"
    path.write_bytes(default_tree_bytes()[:100])
    result = run("check", path)
    assert result.exit_code == 1
    (line,) = result.stdout.splitlines()
    assert line.startswith(f"{path}: error: device tree: total size")
    assert line.endswith("(at byte 4) [TOTALSIZE]")


def test_lenient_reads_a_structure_beyond_its_size(tmp_path):
    from plaintree import END, END_NODE, begin, blob

    structure = begin() + cell(END_NODE) + cell(END)
    path = tmp_path / "short.dtb"
    path.write_bytes(blob(structure, size_struct=len(structure) - 4))
    assert run("check", path).exit_code == 1
    assert run("check", path, "--lenient", "--only", "reg_format").exit_code == 0


def test_every_file_is_checked_though_one_cannot_be_read(write, tmp_path):
    wrong = write("e", bad_phandle)
    result = run("check", tmp_path / "none", wrong)
    assert result.exit_code == 2
    assert "none: No such file or directory" in result.stderr
    assert f"{wrong}: 18 nodes, 1 error" in result.stdout


def test_check_json_is_one_object_a_file(write, tmp_path):
    path = tmp_path / "bad"
    path.write_bytes(b"\0" * 64)
    result = run("check", "--json", write("w", bad_status), path)
    good, bad = map(json.loads, result.stdout.splitlines())
    assert (good["valid"], good["error"], good["nodes"]) == (True, None, 18)
    assert good["findings"] == [
        {
            "rule": "status_value",
            "severity": "warning",
            "path": "/",
            "property": "status",
            "message": "'on', expected okay, disabled, reserved or fail",
        }
    ]
    assert (bad["valid"], bad["findings"]) == (False, [])
    assert (bad["error"]["name"], bad["error"]["offset"]) == ("BADMAGIC", 0)


def test_findings_are_limited_and_that_is_said(write):
    def many(tree: DeviceTree) -> None:
        for number in range(9):
            tree.add_node(f"/a{number}@1", {})

    path = write("m", many)
    some = run("check", path, "--limit", 3, "--skip", "unique_unit_address").stdout
    assert "3 warnings and more (--limit 0 shows all)" in some
    assert json.loads(run("check", path, "--limit", 3, "--json").stdout)["more"]
    for limit in (0, 9):
        full = run("check", path, "--limit", limit, "--only", "unit_address_vs_reg")
        assert "9 warnings\n" in full.stdout


def test_rules_are_listed_with_what_they_want():
    lines = run("check", "--rules").stdout.splitlines()
    assert [line.split()[1] for line in lines] == list(RULES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give FILEs, or --rules"),
        (("@pseries", "--only", "x"), "rule 'x'"),
        (("-", "-"), "'-' can be read only once"),
    ],
)
def test_wrong_command_lines(arguments, message):
    result = run("check", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_diff_is_status_1_where_trees_differ(write):
    a, b = write("a"), write("b", bad_status, lambda tree: tree.remove_node("/chosen"))
    assert run("diff", a, a).stdout == ""
    assert run("diff", a, "@pseries").exit_code == 0
    result = run("diff", a, b)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[:2] == [f"--- {a}", f"+++ {b}"]
    assert '+status = "on";' in lines
    assert "-chosen {" in lines
    assert run("diff", a, b, "-q").stdout == ""
    assert run("diff", a, b, "-q").exit_code == 1
    assert run("diff", "-", "-").exit_code == 2
    assert run("diff", a, a.parent / "none").exit_code == 2


def test_diff_json(write):
    a, b = write("a"), write("b", bad_status)
    result = run("diff", a, b, "--json")
    assert result.exit_code == 1
    patch = json.loads(result.stdout)
    assert [(c["kind"], c["path"], c["new"]) for c in patch["changes"]] == [
        ("set", "/", "6f6e00")
    ]
    tree = DeviceTree.from_dtb(Path(a).read_bytes())
    tree.apply(Diff.from_dict(patch))
    assert tree.diff(DeviceTree.from_dtb(Path(b).read_bytes())) == []


def test_diff_of_a_long_value_shows_what_differs(write):
    """All of it with --full."""

    def index(tree: DeviceTree) -> None:
        cells = list(tree["/"].u32s("ibm,drc-indexes"))
        cells[50] = 1
        tree["/"].set_u32("ibm,drc-indexes", *cells)

    a, b = write("a"), write("b", index)
    old, new = run("diff", a, b).stdout.splitlines()[-2:]
    assert new == "+ibm,drc-indexes = <0x6f ...49... 0x01 ...61..."
    assert len(old) < 80
    full = run("diff", a, b, "--full").stdout.splitlines()[-1]
    assert full.count("0x") == 112


def test_part_that_is_left_out_is_counted():
    """A line without a partner is cut at its end."""
    words = [f"0x{number:04x}" for number in range(100)]
    (line,) = shortened([("-p = <" + " ".join(words) + ">;", "red")])
    assert line[0].endswith(f"{words[24]} ...75...")
    short = [("@@ / @@", "cyan"), ("-a", "red"), ("+b", "green")]
    assert list(shortened(short)) == short


@given(st.lists(st.lists(st.sampled_from(["0x1", "-", "+", "long" * 50]))))
def test_shortening_keeps_every_line(lines):
    """As many lines as before, of the same kind and style."""
    before = [(" ".join(words), str(number)) for number, words in enumerate(lines)]
    after = list(shortened(before))
    assert [style for _, style in after] == [style for _, style in before]
    assert [text[:1] for text, _ in after] == [text[:1] for text, _ in before]

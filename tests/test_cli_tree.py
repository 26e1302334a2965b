"""`pydlpar tree show` and `get`."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from cli_runner import tree_command as run
from plaintree import cell

from pydlpar import DeviceTree, NoSpaceError
from pydlpar.cli.output import Screen
from pydlpar.cli.tree_values import pieces, strings_of

CPU = "/cpus/PowerPC,POWER9@0"
MAIN = "from pydlpar.cli import main; main()"


@pytest.fixture
def machine(tmp_path):
    """A small tree in a file, with a value of every kind."""
    tree = DeviceTree()
    tree.root.set_string("compatible", "a,b", "c")
    tree.root["flag"] = b""
    tree.root.set_u32("number", 4660)
    tree.root["bytes"] = b"\1\2\3"
    tree.root["long"] = bytes(1000)
    tree.add_node("/a", {"reg": cell(1) + cell(2)})
    tree.add_node("/a/b", {"phandle": cell(7)})
    path = tmp_path / "machine.dtb"
    path.write_bytes(tree.to_dtb())
    return path


def words(name: str, value: bytes, most: int | None = None) -> str:
    return " ".join(text for text, _ in pieces(name, value, most))


VALUES = [
    (b"", ""),
    (b"a\0", '"a"'),
    (b'a"\\\0', '"a\\"\\\\"'),
    (b"a\0bc\0", '"a" "bc"'),
    (b"a", "61"),
    (b"\0", "00"),
    (b"a\0\0\0", "61000000 (1627389952)"),
    (b"\0\0\0\x09", "00000009"),
    (b"\0\0\0\x0a", "0000000a (10)"),
    (bytes(7) + b"\x0a", "00000000 0000000a"),
    (b"\x01\x02\x03", "01 02 03"),
    (b"\x1b[m\0", "1b5b6d00 (458976512)"),
]


@pytest.mark.parametrize(("value", "shown"), VALUES)
def test_values_as_lsprop_shows_them(value, shown):
    """Strings where all are printable and none is empty; else cells; else bytes."""
    assert words("p", value) == shown


def test_strings_behind_their_number():
    """ibm,drc-names and -types are that by their definition, not by their looks."""
    value = cell(2) + b"CPU 0\0CPU 1\0"
    assert words("ibm,drc-names", value) == '00000002 "CPU 0" "CPU 1"'
    assert strings_of(value) is None
    assert words("other", value).startswith("00000002 43505520")


def test_long_values_are_cut_and_their_length_is_told():
    assert words("p", bytes(12), 8) == "00000000 00000000 ... 12 bytes"
    assert words("p", b"abc\0def\0", 4) == '"abc" ... 8 bytes'
    assert words("p", b"abcdef\0", 4) == '"abcd" ... 7 bytes'


def test_show_tells_nodes_and_properties(machine):
    result = run("show", machine)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "/",
        '  compatible  "a,b" "c"',
        "  flag",
        "  number      00001234 (4660)",
        "  bytes       01 02 03",
        "  long        " + "00000000 " * 32 + "... 1000 bytes",
        "",
        "/a",
        "  reg  00000001 00000002",
        "",
        "/a/b",
        "  phandle  00000007",
    ]
    full = run("show", machine, "--full").stdout
    assert "00000000 " * 249 + "00000000\n" in full


def test_show_part_of_a_tree(machine):
    """From a node on, to a depth; or names only."""
    assert run("show", machine, "--names").stdout.split() == ["/", "/a", "/a/b"]
    assert run("show", machine, "-n", "-d", "1").stdout.split() == ["/", "/a"]
    assert run("show", machine, "/a/b", "-n").stdout.split() == ["/a/b"]
    assert run("show", machine, "/a", "-d", 0).stdout.count("\n") == 2


def test_show_without_a_file_is_the_embedded_machine():
    assert CPU in run("show", "--names").stdout.splitlines()
    assert run("show", "@pseries", "/cpus", "-n", "-d", 0).stdout == "/cpus\n"


def test_header_is_shown_with_the_root(tmp_path):
    """Reserved memory and the boot CPU are part of a tree."""
    from plaintree import END, END_NODE, begin, blob

    rsv = (0x1000).to_bytes(8, "big") + (0x20).to_bytes(8, "big") + bytes(16)
    path = tmp_path / "t.dtb"
    path.write_bytes(blob(begin() + cell(END_NODE) + cell(END), rsv=rsv, boot_cpu=3))
    assert run("show", path).stdout.splitlines() == [
        "boot CPU 3",
        "reserved memory 0x0000000000001000 0x20 bytes",
        "/",
    ]
    tree = json.loads(run("show", path, "--json").stdout.splitlines()[0])
    assert (tree["boot_cpu"], tree["nodes"]) == (3, 1)
    assert tree["reservations"] == [{"address": 0x1000, "size": 0x20}]


def test_show_json_has_one_object_a_node(machine):
    """The shape that --help promises."""
    tree, root, _, last = map(
        json.loads, run("show", machine, "--json").stdout.split("\n")[:4]
    )
    assert tree == {"type": "tree", "nodes": 3, "boot_cpu": 0, "reservations": []}
    assert (root["type"], root["path"], root["phandle"]) == ("node", "/", None)
    assert root["properties"][0] == {
        "name": "compatible",
        "length": 6,
        "hex": "612c62006300",
        "strings": ["a,b", "c"],
        "cells": None,
    }
    assert [prop["cells"] for prop in root["properties"][1:4]] == [None, [4660], None]
    assert (last["path"], last["phandle"]) == ("/a/b", 7)


@pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed")
def test_show_dts_is_source_for_dtc(machine):
    """Compiled again it has the same nodes; so has a part of it, put below a root."""
    part = run("show", machine, "/a", "--dts").stdout
    assert (
        part == "a {\n\treg = <0x01 0x02>;\n\n\tb {\n\t\tphandle = <0x07>;\n\t};\n};\n"
    )
    for text in (run("show", machine, "--dts").stdout, f"/dts-v1/; / {{ {part} }};"):
        done = subprocess.run(
            ["dtc", "-q", "-I", "dts", "-O", "dtb"],
            input=text.encode(),
            capture_output=True,
        )
        nodes = DeviceTree.from_dtb(done.stdout).nodes()
        assert [node.path for node in nodes] == ["/", "/a", "/a/b"]


def test_depth_of_a_tree_is_no_limit(tmp_path):
    """A nested tree is shown; paths are as long as it is deep."""
    from plaintree import END, END_NODE, begin, blob

    deep = begin() + begin(b"a") * 3000 + cell(END_NODE) * 3001 + cell(END)
    path = tmp_path / "deep.dtb"
    path.write_bytes(blob(deep))
    assert len(run("show", path, "-n").stdout.splitlines()) == 3001
    assert len(run("show", path, "--json").stdout.splitlines()) == 3002


GET = [
    (("number", "--as", "u32"), "4660\n"),
    (("number", "--as", "u16"), "0 4660\n"),
    (("number", "--as", "u8"), "0 0 18 52\n"),
    (("number", "--as", "cells"), "0x00001234\n"),
    (("number", "--as", "hex"), "00001234\n"),
    (("number",), "00001234 (4660)\n"),
    (("compatible", "--as", "strings"), "a,b\nc\n"),
    (("compatible",), '"a,b" "c"\n'),
    (("flag", "--as", "strings"), ""),
    (("flag", "--as", "u64"), "\n"),
    (("bytes", "--as", "raw"), "\1\2\3"),
    (("number", "bytes", "--as", "hex"), "00001234\n010203\n"),
    (("none", "number", "--as", "u32", "--default", "-"), "-\n4660\n"),
    (("--properties",), "compatible\nflag\nnumber\nbytes\nlong\n"),
    (("--nodes",), "a\n"),
]


@pytest.mark.parametrize(("arguments", "printed"), GET)
def test_get_prints_what_was_asked_for(machine, arguments, printed):
    result = run("get", machine, "/", *arguments)
    assert (result.exit_code, result.stdout) == (0, printed)


def test_get_prints_a_string_byte_for_byte_in_a_pipe(tmp_path):
    """Whatever is in it: a script gets what the tree has."""
    tree = DeviceTree()
    tree.root["text"] = b"\x1b[m\xff\xc3\xa9\0"
    path = tmp_path / "t.dtb"
    path.write_bytes(tree.to_dtb())
    assert run("get", path, "/", "text", "--as", "string").stdout_bytes == (
        b"\x1b[m\xff\xc3\xa9\n"
    )


def test_get_json(machine):
    result = run("get", machine, "/", "number", "flag", "--json", "--as", "u32")
    first, second = map(json.loads, result.stdout.splitlines())
    assert first == {
        "type": "property",
        "path": "/",
        "name": "number",
        "as": "u32",
        "value": [4660],
    }
    assert second["value"] == []
    looks = json.loads(run("get", machine, "/", "number", "--json").stdout)
    assert (looks["hex"], looks["cells"]) == ("00001234", [4660])
    text = run("get", machine, "/", "bytes", "--json", "--as", "hex")
    assert json.loads(text.stdout)["value"] == "010203"


NO = [
    (("get", "{m}", "/", "none"), "machine.dtb: / has no property 'none'"),
    (("get", "{m}", "/none", "x"), "machine.dtb: no node /none"),
    (("show", "{m}", "/a/none"), "machine.dtb: no node /a/none"),
    (("show", "{m}", "no-alias"), "machine.dtb: no node no-alias"),
]
BAD = [
    (("show", "{m}", ""), "bad path, expected one as /cpus"),
    (("show", "{dir}/none"), "none: No such file or directory"),
    (("get", "{m}", "/", "bytes", "--as", "u32"), "3 bytes, expected a multiple of 4"),
    (("get", "{m}", "/", "bytes", "--as", "string"), "no NUL at its end"),
    (("get", "{m}", "/", "compatible", "--as", "string"), "2 strings, expected one"),
    (("get", "{m}", "/"), "give PROPERTYs"),
    (("get", "{m}", "/", "flag", "--nodes"), "give PROPERTYs"),
    (("get", "{m}", "/", "flag", "bytes", "--as", "raw"), "one PROPERTY"),
    (("get", "{m}", "/", "--nodes", "--default", "x"), "--default"),
    (("show", "{m}", "--dts", "--json"), "exclude each other"),
    (("show", "{m}", "--dts", "--depth", "1"), "--depth does not go with it"),
]


@pytest.mark.parametrize(
    ("arguments", "message", "status"),
    [(*row, 1) for row in NO] + [(*row, 2) for row in BAD],
)
def test_no_is_status_1_and_bad_input_is_2(machine, arguments, message, status):
    names = {"m": machine, "dir": machine.parent}
    result = run(*(argument.format(**names) for argument in arguments))
    assert result.exit_code == status
    assert message in result.stderr
    assert result.stdout == ""


def test_a_tree_comes_from_anywhere(machine, tmp_path):
    """Standard input, gzip, a directory."""
    packed = tmp_path / "t.gz"
    packed.write_bytes(gzip.compress(machine.read_bytes()))
    folder = tmp_path / "fs"
    (folder / "a" / "b").mkdir(parents=True)
    for source, stdin in (("-", machine.read_bytes()), (packed, None), (folder, None)):
        result = run("show", source, "--names", stdin=stdin)
        assert result.stdout.split() == ["/", "/a", "/a/b"]


def at_terminal(*arguments: object, **environment: str) -> str:
    """What a terminal of 40 columns gets."""
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "tree", *map(str, arguments)],
        capture_output=True,
        env={**os.environ, "COLUMNS": "40", "TERM": "xterm", **environment},
        check=True,
    )
    return done.stdout.decode()


def test_colours_where_the_terminal_has_them(machine):
    """And none with NO_COLOR, in a pipe, or on a terminal without."""
    colours = at_terminal("show", machine, FORCE_COLOR="1")
    assert "\x1b[32m" in colours
    for environment in (
        {"FORCE_COLOR": "1", "NO_COLOR": "1"},
        {},
        {"FORCE_COLOR": "1", "TERM": "dumb"},
    ):
        assert "\x1b" not in at_terminal("show", machine, **environment)


def test_values_are_wrapped_to_the_terminal_only(machine):
    """In a pipe a property is a line, for grep."""
    plain = at_terminal("show", machine, FORCE_COLOR="1", NO_COLOR="1").splitlines()
    assert max(map(len, plain)) <= 40
    assert plain[5].startswith("  long        00000000 00000000")
    assert plain[6].startswith("              00000000 00000000")
    assert len(plain) > len(run("show", machine).stdout.splitlines())


def test_names_do_not_reach_the_terminal_as_they_are(tmp_path):
    """Control characters, and what its encoding has not, are written out."""
    tree = DeviceTree()
    tree.add_node("/\x1b[31m\u00e9", {"\x07": b"x\0"})
    path = tmp_path / "t.dtb"
    path.write_bytes(tree.to_dtb())
    for arguments in ((), ("--names",), ("--dts",)):
        shown = at_terminal(
            "show",
            path,
            *arguments,
            FORCE_COLOR="1",
            NO_COLOR="1",
            PYTHONIOENCODING="ascii",
        )
        assert "\x1b" not in shown
        assert "\\x1b[31m\\xe9" in shown


def test_messages_do_not_bring_names_to_the_terminal_either(tmp_path):
    tree = DeviceTree()
    tree.add_node("/\x1b[31m", {"p": b"x"})
    path = tmp_path / "t.dtb"
    path.write_bytes(tree.to_dtb())
    result = run("get", path, "/\x1b[31m", "p", "--as", "string")
    assert result.exit_code == 2
    assert "/\\x1b[31m, property 'p': no NUL at its end" in result.stderr


@pytest.mark.parametrize("reader", ["from_dtb", "from_filesystem"])
def test_tree_that_memory_does_not_hold_is_one_line(tmp_path, monkeypatch, reader):
    def fail(*_arguments: object) -> None:
        raise NoSpaceError("out of memory")

    monkeypatch.setattr(DeviceTree, reader, fail)
    result = run("show", "@pseries" if reader == "from_dtb" else tmp_path)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert result.stderr.endswith(": out of memory\n")


def test_reader_that_goes_away_is_no_error():
    """`pydlpar tree show | head -1`: nothing on standard error."""
    code = f"import sys; sys.stdout.reconfigure(line_buffering=True); {MAIN}"
    with subprocess.Popen(
        [sys.executable, "-c", code, "tree", "show", "--full", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""


def test_painting_asks_rich_once(monkeypatch):
    """A style is not looked up line by line."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen()
    assert screen.paint("x", "bold red") == "\x1b[31m\x1b[1mx\x1b[0m"
    assert screen.paint("x", "") == "x"


HELP = [
    "show",
    "get",
    "set",
    "create",
    "delete",
    "diff",
    "patch",
    "apply",
    "check",
    "from-fs",
]


@pytest.mark.parametrize("command", HELP)
def test_help_has_examples_and_says_the_exit_status(command):
    text = run(command, "--help").stdout
    assert f"pydlpar tree {command} " in text
    assert "Exit status: 0" in text
    assert command in run("--help").stdout

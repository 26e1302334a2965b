"""Compiling source: dtc's verdict with its messages, and what we wrote comes back."""

from __future__ import annotations

import stat
import subprocess
import sys
import warnings

import pytest
from dtctool import (
    DTC,
    LISTS,
    OCTAL_AFTER_NUL,
    corpus_trees,
    encoded,
    needs_dtc,
    plain_trees,
)
from hypothesis import given
from hypothesis import strategies as st
from plaintree import cell, content

from pydlpar import (
    ArgumentError,
    DeviceTree,
    DtsError,
    DtsMessage,
    DtsWarning,
    NoSpaceError,
    TreeError,
)
from pydlpar.dts_source import read_messages

pytestmark = pytest.mark.usefixtures("unpreloaded")
HEAD = "/dts-v1/;\n"
GOOD = HEAD + "/ { a = <1>; };"
quiet = pytest.mark.filterwarnings("ignore::pydlpar.DtsWarning")
source_names = st.text("abz019,._+*#?-", min_size=1, max_size=6)


def tool(tmp_path, script: str) -> str:
    """A command that stands in for dtc."""
    path = tmp_path / "dtc"
    path.write_text(f"#!{sys.executable}\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@needs_dtc
@pytest.mark.parametrize("source", [GOOD, GOOD.encode(), bytearray(GOOD.encode())])
def test_text_becomes_a_tree(source):
    tree = DeviceTree.from_dts(source)
    assert tree.root.properties.as_dict() == {"a": cell(1)}


@needs_dtc
def test_path_is_a_file_and_includes_from_its_own_directory(tmp_path):
    (tmp_path / "more.dtsi").write_text("/ { b = <2>; };")
    path = tmp_path / "with space.dts"
    path.write_text(f'{GOOD}\n/include/ "more.dtsi"')
    assert set(DeviceTree.from_dts(path).root.properties) == {"a", "b"}


@needs_dtc
def test_path_named_like_standard_input_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path.joinpath("-").relative_to(tmp_path)
    path.write_text(GOOD)
    assert "a" in DeviceTree.from_dts(path).root


@needs_dtc
def test_include_directories_are_searched(tmp_path):
    (tmp_path / "more.dtsi").write_text("/ { b; };")
    text = GOOD + '/include/ "more.dtsi"'
    assert "b" in DeviceTree.from_dts(text, include=[tmp_path]).root
    with pytest.raises(DtsError, match=r"more\.dtsi"):
        DeviceTree.from_dts(text)


@needs_dtc
def test_symbols_are_kept_on_demand():
    text = HEAD + "/ { lab: n {}; };"
    assert "/__symbols__" not in DeviceTree.from_dts(text)
    tree = DeviceTree.from_dts(text, symbols=True)
    assert tree["/__symbols__"]["lab"] == b"/n\0"


@needs_dtc
@quiet
def test_boot_cpu_is_that_of_the_caller_else_the_first():
    text = HEAD + "/ { cpus { cpu@5 { reg = <5>; }; }; };"
    assert DeviceTree.from_dts(text).boot_cpu == 5
    assert DeviceTree.from_dts(text, boot_cpu=0xFFFF_FFFF).boot_cpu == 0xFFFF_FFFF
    with pytest.raises(ArgumentError):
        DeviceTree.from_dts(text, boot_cpu=-1)


@needs_dtc
@quiet
def test_error_in_a_tree_can_be_forced():
    text = HEAD + "/ { a {}; a {}; };"
    with pytest.raises(DtsError, match="duplicate_node_names"):
        DeviceTree.from_dts(text)
    assert len(DeviceTree.from_dts(text, force=True)) == 3


@needs_dtc
def test_warnings_are_given_in_the_name_of_the_caller():
    """Each message of dtc is one, with the lines that continue it."""
    text = HEAD + "/ {\n x: a@1 { };\n b@2 { };\n};\n&x { c; };"
    with pytest.warns(DtsWarning) as caught:
        DeviceTree.from_dts(text)
    assert len(caught) == 2
    assert "(unit_address_vs_reg): /a@1" in str(caught[0].message)
    assert "\n  also defined at <stdin>:6" in str(caught[0].message)
    assert {one.filename for one in caught} == {__file__}


@needs_dtc
def test_good_source_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DeviceTree.from_dts(GOOD)


@needs_dtc
def test_syntax_error_says_where():
    with pytest.raises(DtsError, match=r"<stdin>:3\.7-8 syntax error") as error:
        DeviceTree.from_dts(HEAD + "/ {\n  a = ;\n};")
    assert isinstance(error.value, TreeError)
    assert (error.value.file, error.value.line) == ("<stdin>", 3)
    assert error.value.column == 7


@needs_dtc
def test_error_in_a_file_names_it(tmp_path):
    path = tmp_path / "bad: one.dts"
    path.write_text(HEAD + "/ { c = <(1/0)>; };")
    with pytest.raises(DtsError, match="Division by zero") as error:
        DeviceTree.from_dts(path)
    assert (error.value.file, error.value.line) == (str(path), 2)


@needs_dtc
def test_failed_check_is_named_among_the_messages():
    with pytest.raises(DtsError) as error:
        DeviceTree.from_dts(HEAD + "/ { a = <&nope>; };")
    assert error.value.messages[0].check == "phandle_references"
    assert error.value.messages[-1].file is None


@needs_dtc
def test_missing_file_is_dtcs_error(tmp_path):
    with pytest.raises(DtsError, match="No such file") as error:
        DeviceTree.from_dts(tmp_path / "none.dts")
    assert error.value.file is None


def test_missing_dtc_names_the_package(tmp_path):
    with pytest.raises(FileNotFoundError, match="package device-tree-compiler"):
        DeviceTree.from_dts(GOOD, dtc=tmp_path / "none")


def test_end_without_a_word_is_an_error(tmp_path):
    crash = "import os, signal; os.kill(os.getpid(), signal.SIGABRT)"
    with pytest.raises(DtsError, match="signal 6"):
        DeviceTree.from_dts(GOOD, dtc=tool(tmp_path, crash))
    with pytest.raises(DtsError, match="status 3"):
        DeviceTree.from_dts(GOOD, dtc=tool(tmp_path, "raise SystemExit(3)"))


def test_endless_dtc_is_stopped(tmp_path):
    endless = tool(tmp_path, "import time; time.sleep(60)")
    with pytest.raises(DtsError, match=r"within 0\.2 s"):
        DeviceTree.from_dts(GOOD, dtc=endless, timeout=0.2)


def test_what_is_no_blob_is_an_error(tmp_path):
    with pytest.raises(TreeError):
        DeviceTree.from_dts(GOOD, dtc=tool(tmp_path, "print('hello ' * 99)"))


@needs_dtc
def test_memory_limit_holds():
    with pytest.raises(NoSpaceError):
        DeviceTree.from_dts(GOOD, memory_limit=100)


def test_source_is_text_or_a_path():
    with pytest.raises(TypeError, match="device tree source is bytes-like"):
        DeviceTree.from_dts(7)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="character 2 stands for no byte"):
        DeviceTree.from_dts("/ \ud800")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Error: a.dts:4.11-14 bad", (True, None, "a.dts", 4, 11)),
        ("Error: a b.dts:4.11-5.2 bad", (True, None, "a b.dts", 4, 11)),
        ("a.dts:1.2-3: ERROR (x_y): /: no", (True, "x_y", "a.dts", 1, 2)),
        ("a.dts:1.2-3: Warning (x_y): /: hm", (False, "x_y", "a.dts", 1, 2)),
        ("<stdout>: Warning (x_y): /: hm", (False, "x_y", None, None, None)),
        ("Lexical error: <stdin>:2.1-2 odd", (True, None, "<stdin>", 2, 1)),
        ("FATAL ERROR: no", (True, None, None, None, None)),
        ('FATAL ERROR: Couldn\'t open "a:1.2 b"', (True, None, None, None, None)),
        ("WARNING: label", (False, None, None, None, None)),
        ("Warning: forced, Error: none", (False, None, None, None, None)),
        ("dtc: livetree.c:437: Assertion failed", (None, None, None, None, None)),
    ],
)
def test_message_is_taken_apart(line, message):
    """One without a kind is an error where dtc failed, else a warning."""
    for failed in (False, True):
        error = failed if message[0] is None else message[0]
        expected = DtsMessage(line, error, *message[1:])
        assert read_messages(f"{line}\n".encode(), failed) == (expected,)


@needs_dtc
@quiet
@given(plain_trees(source_names), st.booleans())
def test_what_we_write_comes_back(plain, lists):
    """Names, values of every kind, and order; whichever form a list has."""
    tree = DeviceTree.from_dtb(plain.to_dtb())
    again = DeviceTree.from_dts(tree.to_dts(string_lists=lists), force=True)
    assert content(again) == content(tree) == plain.root.content()


@needs_dtc
@quiet
def test_real_trees_come_back(corpus, real_trees):
    """Nodes, properties, reservations; but for names that source cannot spell."""
    unspelt = {"bad_node_char.dtb", "bad_prop_char.dtb"}
    for name, data in corpus_trees(corpus, real_trees).items():
        if name in unspelt:
            continue
        tree = DeviceTree.from_dtb(data)
        again = DeviceTree.from_dts(
            tree.to_dts(labels=True), force=True, boot_cpu=tree.boot_cpu, timeout=60
        )
        assert content(again) == content(tree), name
        assert again.reservations == tree.reservations, name
        assert again.boot_cpu == tree.boot_cpu, name


@needs_dtc
@pytest.mark.skipif(LISTS, reason="this dtc writes lists of strings")
def test_nul_before_a_digit_comes_back_where_dtcs_own_text_does_not():
    """The one point where we leave dtc 1.6: what it writes it reads as another."""
    tree = DeviceTree()
    tree.root["a"] = value = b"PCI\0001\0"
    assert OCTAL_AFTER_NUL.search(value)
    command = [DTC, "-q", "-I", "dtb", "-O", "dts"]
    run = subprocess.run(command, input=tree.to_dtb(), capture_output=True, check=True)
    assert DeviceTree.from_dts(run.stdout).root["a"] == b"PCI\1\0"
    assert DeviceTree.from_dts(encoded(tree.to_dts())).root["a"] == value

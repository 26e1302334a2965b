"""`pydlpar slots`, as somebody at a terminal or in a pipe uses it."""

from __future__ import annotations

import json
import re

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from click.testing import CliRunner
from rich.console import Console
from script import cells
from slot_trees import cpu, drcs, info, machine

from pydlpar import DeviceTree
from pydlpar.cli.app import app


@pytest.fixture
def slots():
    """Run the command in process; output is no terminal, so there are no colours."""

    def run(*arguments: object, stdin: bytes | None = None):
        return CliRunner().invoke(app, ["slots", *map(str, arguments)], input=stdin)

    return run


@pytest.fixture
def path(tmp_path):
    """A file with the machine of `slot_trees`."""
    file = tmp_path / "machine.dtb"
    file.write_bytes(machine().to_dtb())
    return file


def lines(result):
    assert result.exit_code == 0, result.stderr
    return result.stdout.splitlines()


def records(result):
    return [json.loads(line) for line in lines(result)]


def test_without_a_kind_connectors_are_counted(slots):
    assert lines(slots()) == [
        "Kind  Connectors  In use  Free",
        "cpu           16       4    12",
        "mem           48       0    48",
        "pmem          32       0    32",
        "pci          256       0   256",
        "phb           31       1    30",
    ]
    assert records(slots("--json"))[0] == {
        "type": "count",
        "kind": "cpu",
        "total": 16,
        "in_use": 4,
        "free": 12,
        "unknown": 0,
        "plugged": 0,
    }
    assert lines(slots("-F", ":"))[0] == "cpu:16:4:12::"


def test_cpus(slots):
    """Free connectors that follow each other share a line."""
    assert lines(slots("-c", "cpu"))[-2:] == [
        "CPU 3      0x10000003                in use     PowerPC,POWER9@3  3",
        "CPU 4..15  0x10000004 .. 0x1000000f  free (12)",
    ]


def test_memory_of_a_running_partition(slots, path):
    """Address, removable, associativity, section; a reserved LMB stays."""
    assert lines(slots(path, "-c", "mem")) == [
        "Name   DRC Index   State    Address     Removable  Associativity  Section",
        "LMB 0  0x80000000  in use   0x0         yes        0              memory0",
        "LMB 1  0x80000001  in use   0x10000000  no         0              memory1",
        "LMB 2  0x80000002  free     0x20000000",
        "LMB 3  0x80000003  unknown",
        "LMB 9  0x80000009  unknown",
    ]


def test_pci_slots(slots, path):
    result = lines(slots(path, "-c", "pci"))
    assert re.split("  +", result[2]) == [
        "C65544",
        "0x40010008",
        "in use",
        "PCIe 2 x8",
        "0001:01:01.0",
        "ethernet@1 (1af4:1000)",
        "U1-P1-C2-T1",
    ]
    assert result[1].startswith("C65536..65543  0x40010000 .. 0x40010007  free (8)")


def test_host_bridges(slots, path):
    (heading, bridge) = lines(slots(path, "-c", "phb"))
    assert heading.endswith("OF Node               Domain  Slot(s) Connected")
    assert bridge.endswith("/pci@800000020000001  0001    16 (1 in use: C65544)")


def test_available_and_occupied(slots, path):
    assert [line.split()[1] for line in lines(slots(path, "-c", "cpu", "-o"))[1:]] == [
        "0",
        "8",
    ]
    assert lines(slots(path, "-c", "cpu", "-a"))[1].startswith("CPU 16..24")
    assert len(records(slots(path, "-c", "cpu", "-a", "--json"))) == 2
    assert len(records(slots(path, "-c", "mem", "-o", "--json"))) == 2


def test_single_slots(slots, path):
    """By index, name, path, location code; a table for each kind."""
    words = ("0x10000008", "LMB 2", "/pci@800000020000001", "U1-P1-C2-T1", "CPU 0")
    options = [option for word in words for option in ("-s", word)]
    result = lines(slots(path, *options))
    assert [line.split("  ")[0] for line in result if line and "DRC" not in line] == [
        "CPU 8",
        "CPU 0",
        "LMB 2",
        "0x20000001",
        "C65544",
    ]
    assert result.count("") == 3


def test_a_slot_that_is_not_there_is_exit_status_1(slots, path):
    result = slots(path, "-s", "CPU 1")
    assert result.exit_code == 1
    assert result.stderr == f"pydlpar: {path}: no connector 'CPU 1'\n"
    result = slots(path, "-c", "mem", "-s", "CPU 0")
    assert result.exit_code == 1
    assert "no connector of mem 'CPU 0'" in result.stderr
    assert slots(path, "-o", "-s", "CPU 16").exit_code == 1


def test_delimited_lines_have_a_column_for_everything(slots, path):
    """No heading, nothing shared, nothing left out."""
    assert lines(slots(path, "-c", "mem", "-F", "|"))[1:3] == [
        "LMB 1|0x80000001|in use|0x10000000|no|0|memory1",
        "LMB 2|0x80000002|free|0x20000000|||",
    ]
    assert len(lines(slots(path, "-c", "pci", "-F", ","))) == 16


def test_json_of_each_kind(slots, path):
    """The shape that docs/slots.md gives."""
    common = {"type", "kind", "index", "name", "drc_type", "description", "owner"}
    common |= {"power_domain", "in_use", "path", "loc_code", "linux_name"}
    more = {
        "cpu": {"threads", "caches"},
        "mem": {"address", "size", "flags", "removable", "associativity", "section"},
        "phb": {"slots", "slots_in_use"},
        "pci": {"pci"},
    }
    for kind, names in more.items():
        for record in records(slots(path, "-c", kind, "--json")):
            assert record.keys() == common | names
            assert (record["type"], record["kind"]) == ("slot", kind)
    (card,) = records(slots(path, "-s", "C65544", "--json"))
    assert card["pci"] == {"vendor": 0x1AF4, "device": 0x1000, "class_code": 0x20000}
    assert card["power_domain"] is None
    (lmb,) = records(slots(path, "-s", "LMB 1", "--json"))
    assert (lmb["address"], lmb["size"], lmb["flags"]) == (1 << 28, 1 << 28, 0x88)
    assert (lmb["removable"], lmb["associativity"], lmb["section"]) == (False, [0], 1)
    (bridge,) = records(slots(path, "-c", "phb", "--json"))
    assert (bridge["slots"], bridge["slots_in_use"]) == (16, ["C65544"])


@pytest.fixture
def cached(tmp_path):
    tree = DeviceTree()
    tree.add_node("/cpus", info(drcs("CPU", "CPU ", 0x10000000, 0, 3)))
    for number in (0, 1):
        cpu(tree, number, 0x10000000 + number, l2_cache=cells(2))
    tree.add_node("/cpus/l2-cache@10", {"phandle": cells(2), "l2-cache": cells(3)})
    tree.add_node("/cpus/l3-cache@20", {"phandle": cells(3)})
    file = tmp_path / "cached.dtb"
    file.write_bytes(tree.to_dtb())
    return file


def test_caches(slots, cached):
    """-b: beside the CPUs; -p: by themselves, with those that share them."""
    result = lines(slots(cached, "-c", "cpu", "-b"))
    assert result[0].endswith("Threads  L2 Cache     L3 Cache")
    assert result[1].endswith("0        l2-cache@10  l3-cache@20")
    assert lines(slots(cached, "-c", "cpu", "-p")) == [
        "Cache              Level  Phandle  CPUs",
        "/cpus/l2-cache@10  L2     0x2      CPU 0, CPU 1",
        "/cpus/l3-cache@20  L3     0x3      CPU 0, CPU 1",
    ]
    assert records(slots(cached, "-c", "cpu", "-p", "--json"))[1] == {
        "type": "cache",
        "path": "/cpus/l3-cache@20",
        "level": 3,
        "phandle": 3,
        "cpus": ["CPU 0", "CPU 1"],
    }
    line = lines(slots(cached, "-c", "cpu", "-p", "-F", ";"))[0]
    assert line == "/cpus/l2-cache@10;L2;0x2;CPU 0, CPU 1"


def test_a_model_after_requests(slots):
    """What is plugged is told apart from what is free, and from what was taken."""
    model = ("--plug", "memory=1G", "--plug", "cpu", "-r", "memory add count 2")
    result = lines(slots("-c", "mem", *model))
    assert [line.split("  ")[0] for line in result] == [
        "Name",
        "LMB 16",
        "LMB 17",
        "LMB 18..19",
        "LMB 20..63",
    ]
    assert "plugged (2)" in result[3]
    assert lines(slots(*model))[1:3] == [
        "cpu           16       4    12        1",
        "mem           48       2    46        2",
    ]
    states = [r["firmware"] for r in records(slots("-c", "mem", "--json", *model))]
    assert states[1:3] == [
        {"state": "logical_configured", "device": "pc-dimm"},
        {"state": "logical_unusable", "device": "pc-dimm"},
    ]
    assert states[4] == {"state": "logical_unusable", "device": None}


def test_a_refused_request_is_told_and_exit_status_1(slots):
    result = slots("-c", "cpu", "-r", "cpu add index 0x10000009")
    assert result.exit_code == 1
    assert result.stderr.startswith("pydlpar: cpu add index 0x10000009: EINVAL: ")
    assert "CPU 4..15" in result.stdout


def test_nothing_of_a_kind_is_no_failure(slots):
    result = slots("-c", "port")
    assert result.exit_code == 0
    assert result.stderr == "pydlpar: there are none\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-a", "-o"], "exclude each other"),
        (["--json", "-F", ","], "exclude each other"),
        (["-c", "cpu", "-F", "::"], "--delimiter '::': expected one character"),
        (["-c", "cpu", "-F", ""], "expected one character"),
        (["-b"], "go with -c cpu"),
        (["-c", "mem", "-p"], "go with -c cpu"),
        (["-c", "disk"], "'disk' is not one of"),
        (["no-such-file"], "no-such-file: No such file"),
        (["--plug", "disk"], "--plug disk: not understood"),
    ],
)
def test_bad_usage_is_exit_status_2(slots, arguments, message):
    result = slots(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_malformed_list_is_exit_status_2(slots, path):
    tree = machine()
    tree["/cpus"]["ibm,drc-info"] = cells(1) + b"CPU"
    path.write_bytes(tree.to_dtb())
    result = slots(path)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"pydlpar: {path}: /cpus: ibm,drc-info: record 0")


def test_names_from_a_tree_cannot_reach_the_terminal(slots, path):
    tree = machine()
    tree["/cpus"]["ibm,drc-info"] = (
        cells(1) + b"CPU\0\x1b[31m\0" + cells(0x10000000, 0, 1, 1, 0)
    )
    path.write_bytes(tree.to_dtb())
    result = slots(path, "-c", "cpu")
    assert "\x1b" not in result.stdout
    assert "\\x1b[31m0" in result.stdout


def test_help_says_how(slots):
    result = slots("--help")
    for word in ("lsslot -c cpu -b", "--delimiter", "plugged", "Exit status"):
        assert word in result.stdout


def as_terminal(monkeypatch, columns, **environment):
    """Make the command believe that a terminal of this width reads its output."""

    def console(*_, **__):
        return Console(force_terminal=True, width=columns, _environ=environment)

    monkeypatch.setattr("rich.console.Console", console)
    monkeypatch.setenv("FORCE_COLOR", "1")


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 100, 200])
def test_a_narrow_terminal_gets_fewer_columns(slots, path, monkeypatch, columns):
    """Never wider than it is, as far as a column has room; and it says what is left."""
    as_terminal(monkeypatch, columns, NO_COLOR="1", TERM="xterm")
    result = lines(slots(path, "-c", "mem"))
    if columns >= 40:
        assert max(map(len, result)) <= max(columns, len(result[-1]))
        assert all(len(line) <= columns for line in result[:-1])
    assert ("(no room for: Section" in result[-1]) == (columns < 80)
    assert result[1].startswith("LMB 0")


def test_colours_are_for_terminals_that_want_them(slots, path, monkeypatch):
    as_terminal(monkeypatch, 80, TERM="xterm-256color")
    assert "\x1b[32m" in slots(path, "-c", "cpu").stdout
    as_terminal(monkeypatch, 80, TERM="xterm-256color", NO_COLOR="1")
    assert "\x1b" not in slots(path, "-c", "cpu").stdout


def test_every_form_on_every_real_tree(slots, corpus):
    """Each kind, as a table, delimited and as JSON; as many as there are."""
    for file in ("phb8-pci-bridges.dtb.gz", "nvdimm.dtb", "numa2-smp8.dtb"):
        real = corpus / "dtb" / file
        for kind in ("cpu", "mem", "pmem", "pci", "phb", "slot", "port"):
            found = records(slots(real, "-c", kind, "--json"))
            assert len(lines(slots(real, "-c", kind, "-F", "\t"))) == len(found)
            assert lines(slots(real, "-c", kind))
            used = records(slots(real, "-c", kind, "-o", "--json"))
            assert used == [record for record in found if record["in_use"]]

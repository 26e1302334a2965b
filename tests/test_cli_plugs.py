"""`--plug` and `--unplug` of `pydlpar run`: every kind of device."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("rich")
from click.testing import CliRunner

from pydlpar.cli.app import app


def run(*arguments):
    return CliRunner().invoke(app, ["run", *arguments])


def requests(*arguments):
    """The requests that were made, with their errors."""
    records = map(json.loads, run(*arguments, "--json").output.splitlines())
    return [(r["request"], r["error"]) for r in records if r["type"] == "request"]


@pytest.mark.parametrize(
    ("plugs", "expected"),
    [
        (["cpu=5"], ["cpu add index 0x10000005"]),
        (["memory=512M"], ["memory add indexed-count 2 0x80000010"]),
        (["nvdimm=256M"], ["pmem add index 0x90000000"]),
        (["phb=1"], ["phb add index 0x20000001"]),
        (["pci=e1000"], ["pci add index 0x40000000"]),
        (["pci=e1000@3"], ["pci add index 0x40000018"]),
        (["pci=e1000@pci.0:3.0"], ["pci add index 0x40000018"]),
        (
            ["nvdimm=256M", "nvdimm=256M"],
            [f"pmem add index 0x9000000{n}" for n in "01"],
        ),
    ],
)
def test_plug(plugs, expected):
    """Each is taken by the partition, those of user space with --user-space."""
    options = [word for plug in plugs for word in ("--plug", plug)]
    assert requests(*options, "--user-space") == [(text, None) for text in expected]


def test_card_behind_a_host_bridge():
    """By the number of the bridge; what came with it is there already."""
    plugs = ["--plug", "phb=1", "--plug", "pci=virtio-net-pci@1:2"]
    assert requests(*plugs, "--user-space", "-k") == [
        ("phb add index 0x20000001", None),
        ("pci add index 0x40010010", "EEXIST"),
    ]


def test_user_space_is_asked_for():
    result = run("--plug", "pci=e1000")
    assert "left to user space" in result.output
    assert result.exit_code == 0


def test_unplug_by_id_and_by_connector():
    """After the plugs have been acted upon."""
    plugs = ["--plug", "memory=256M,id=m", "--plug", "cpu,id=c"]
    done = requests(*plugs, "--unplug", "m", "--unplug", "0x10000002")
    assert done == [
        ("memory add indexed-count 1 0x80000010", None),
        ("cpu add index 0x10000004", None),
        ("memory remove indexed-count 1 0x80000010", None),
        ("cpu remove index 0x10000002", None),
    ]


def test_unplug_after_requests():
    """The requests take what is plugged, without an interrupt; then it is asked for."""
    arguments = ["--plug", "memory=512M,id=m", "memory add count 2", "--unplug", "m"]
    expected = [
        ("memory add count 2", None),
        ("memory remove indexed-count 2 0x80000010", None),
    ]
    assert requests(*arguments) == expected
    assert requests(*arguments, "--no-interrupt") == expected[:1]


def test_no_unplug_after_a_refusal():
    arguments = ["memory add count 99", "--unplug", "0x10000002"]
    assert [text for text, _ in requests(*arguments)] == ["memory add count 99"]
    assert len(requests(*arguments, "--keep-going")) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--plug", "pci"], "not understood"),
        (["--plug", "pci=none"], "'none' is not a valid device model name"),
        (["--plug", "pci=e1000@x"], "place 'x'"),
        (["--plug", "pci=e1000@7:1"], "Bus '7' not found"),
        (["--plug", "phb=99"], "too large"),
        (["--plug", "phb=x"], "number 'x'"),
        (["--plug", "nvdimm=1"], "multiple of 256MB"),
        (["--unplug", "none"], "Device 'none' not found"),
        (["--unplug", "0x10000009"], "no device is behind that connector"),
        (["--unplug", "0xyz"], "expected an id or a DRC index"),
        (["--unplug", "0x10000000"], "Boot CPU core may not be unplugged"),
        (["--dialect", "4.5", "--unplug", "0x10000002"], "interrupt"),
    ],
)
def test_what_cannot_be(arguments, message):
    """One line that says where and why; status 2."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr.splitlines()[0]

"""The commands that compare with a real guest, and capture one."""

from __future__ import annotations

import json

import pytest
from guest_pair import GUEST_CACHE, lacking

click = pytest.importorskip("click")
pytestmark = pytest.mark.slow

STEPS = (
    'qmp device_add {"driver":"power9_v2.0-spapr-cpu-core","core-id":4,"id":"c4"}',
    "dlpar cpu remove index 0x10000004",
    'qmp object-add {"qom-type":"memory-backend-ram","id":"m0","size":536870912}',
    'qmp device_add {"driver":"pc-dimm","memdev":"m0","id":"d0"}',
    "dlpar memory remove count 1",
    "dlpar disk add count 1",
    "qmp system_powerdown",
)
KEYS = {"kind", "what", "result", "dmesg", "drc_trace", "qmp_events"}


def run(*arguments):
    from click.testing import CliRunner

    from pydlpar.cli.app import app

    return CliRunner().invoke(app, [*map(str, arguments)])


def from_cache(line):
    if reason := lacking(line):
        pytest.skip(reason)
    return ["--cache", GUEST_CACHE] if GUEST_CACHE else []


@pytest.mark.parametrize("line", ["6.1", "6.12"])
def test_a_captured_guest_replays(tmp_path, line):
    """Event bytes as the kernel had them, calls, results and trees: all the model's."""
    folder = tmp_path / "bug"
    cache = from_cache(line)
    result = run("capture", folder, "--linux", line, *cache, *STEPS)
    assert result.exit_code == 0, result.output
    boot, *steps = json.loads((folder / "transcript.json").read_text())["steps"]
    assert "tree" in boot
    assert all(step.keys() >= KEYS for step in steps)
    fetched = [
        (step["what"], bytes.fromhex(step["event"])[3])
        for step in steps
        if "event" in step
    ]
    told = {"device_add": 0xE5, "system_powerdown": 0x40}
    known = [step["what"] for step in steps if step["what"] in told]
    assert fetched == [(what, told[what]) for what in known]
    result = run("replay", folder)
    assert result.exit_code == 0, result.output
    assert result.output.endswith("all equal\n")


def test_a_guest_and_the_model_do_the_same(tmp_path):
    """In step, from a seed; what is seen to differ is saved and seen again."""
    cache = from_cache("6.12")
    if cache:
        pytest.skip("compare takes kernels from the usual cache only")
    result = run("compare", "--against", "guest", "--seed", 5, "--steps", 40)
    assert (result.exit_code, "equal" in result.output) == (0, True), result.output
    plan = tmp_path / "difference.json"
    deviation = "memory remove indexed-count 2147483648 0x80000004"
    result = run(
        *("compare", "--against", "guest", "--no-shrink", "-o", plan, deviation)
    )
    assert result.exit_code == 1, result.output
    assert json.loads(plan.read_text())["steps"]

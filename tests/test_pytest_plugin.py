"""The fixtures for others, in test runs of their own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from oracle import QEMU

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parent.parent
CACHE = os.environ.get("PYDLPAR_GUEST_CACHE")


@pytest.fixture
def run(pytester, monkeypatch):
    """Run a test module with the plugin and nothing else of ours."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def run_module(text, *options):
        pytester.makepyfile(text)
        plugin = ("-p", "no:pydlpar", "-p", "pydlpar.pytest_plugin")
        return pytester.runpytest_subprocess(*plugin, "--strict-markers", *options)

    return run_module


EXAMPLES = (ROOT / "docs" / "testing.md").read_text()


def example(title):
    """The code of the documentation's section with this title."""
    section = EXAMPLES.split(f"\n## {title}\n")[1]
    return section.split("```python\n")[1].split("```")[0]


def test_the_example_for_the_model(run):
    """What the documentation shows is what runs."""
    result = run(example("With the model"))
    result.assert_outcomes(passed=3)


@pytest.mark.skipif(QEMU is None, reason="needs qemu-system-ppc64 and qemu.qmp")
def test_the_example_for_qemu(run):
    result = run(example("With QEMU"))
    result.assert_outcomes(passed=2)


@pytest.mark.slow
@pytest.mark.skipif(QEMU is None, reason="needs qemu-system-ppc64 and qemu.qmp")
@pytest.mark.skipif(not CACHE, reason="needs PYDLPAR_GUEST_CACHE")
def test_the_example_for_a_guest(run):
    """Both tests in one boot."""
    result = run(example("With a guest"), f"--pseries-guest-cache={CACHE}")
    result.assert_outcomes(passed=2)


def test_markers_add_up(run):
    """The closest wins; sizes may be text; what is not said is as usual."""
    result = run(
        """
        import pytest

        pytestmark = pytest.mark.pseries(cpus=3, memory="512M", profile="lopar")

        @pytest.mark.pseries(cpus=1, max_memory=1 << 30)
        def test_it(pseries_firmware):
            machine = pseries_firmware
            assert machine.platform.profile == "lopar"
            assert len(machine.partition.cpu_nodes()) == 1
            free = [lmb for lmb in machine.partition.lmbs if not lmb.flags]
            assert len(free) == 2
            boot = machine.tree["/memory@0"]["reg"]
            assert boot == bytes(8) + (512 << 20).to_bytes(8, "big")
        """
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("cpu=2", "unknown 'cpu', expected cpus"),
        ("cpus='2'", "cpus '2', expected int"),
        ("cpus=9", "9 of 8 cores"),
        ("memory='1X'", "size '1X': expected a number of bytes"),
        ("memory=1", "memory of 0x1 bytes"),
        ("profile='phyp'", "profile 'phyp': expected one of qemu"),
        ("2", "expected names, as cpus=2"),
    ],
)
def test_a_wrong_marker_is_told(run, marker, message):
    result = run(
        f"""
        import pytest

        @pytest.mark.pseries({marker})
        def test_it(pseries_firmware):
            pass
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*{message.replace('[', '[[]')}*"])


ASKS = """
def test_it(pseries_{}):
    assert False
"""


def test_without_qemu_it_is_skipped(run, monkeypatch, tmp_path):
    """With the reason; or it fails, where that is asked for."""
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run(ASKS.format("qemu"), "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*qemu*is needed*"])
    result = run(ASKS.format("qemu"), "--pseries-require=qemu")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*no qemu: *is needed*"])


def test_without_a_kernel_it_is_skipped(run, tmp_path):
    cache = f"--pseries-guest-cache={tmp_path}"
    result = run(ASKS.format("guest"), cache, "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*no Linux 6.12: run 'pydlpar guest fetch 6.12'*"])
    result = run(ASKS.format("guest"), cache, "--pseries-require=guest")
    result.assert_outcomes(errors=1)


def test_the_marker_is_listed(run):
    result = run("", "--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.pseries(cpus, *"])

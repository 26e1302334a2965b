"""Types of options: the same values, and the same errors, in every command."""

from __future__ import annotations

import pytest

pytest.importorskip("rich")
from click.testing import CliRunner

from pydlpar.cli.app import app

COMMANDS = (
    ("run",),
    ("slots",),
    ("stress", "run"),
    ("stress", "exhaust"),
    ("compare",),
    ("replay", "."),
)


def invoke(*arguments: str):
    return CliRunner().invoke(app, arguments)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("release", ["4.0", "linux", "6", ""])
def test_what_is_no_release_is_said(command: tuple[str, ...], release: str) -> None:
    """Before anything is done; with what would be one."""
    result = invoke(*command, "--dialect", release)
    assert result.exit_code == 2
    words = " ".join(result.output.split())
    assert f"dialect {release!r}: expected one of 4.1, 4.5" in words
    assert "or any release from 4.1 on" in words


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (("stress", "run", "--count", "20"), "20 requests of Linux 5.14"),
        (("run", "cpu remove index 0x10000001"), "cpu remove index 0x10000001"),
        (("slots", "-c", "cpu"), "CPU 1"),
        (("compare", "--against", "model", "cpu remove count 9"), "1 step"),
    ],
)
def test_any_release_is_a_dialect(command: tuple[str, ...], shown: str) -> None:
    """Not only the five lines that the releases between belong to."""
    result = invoke(*command, "--dialect", "5.14")
    assert result.exit_code == 0, result.output
    assert shown in result.output


def test_a_size_is_a_number_with_a_unit() -> None:
    """Else the option is named, and what was expected."""
    result = invoke("compare", "--memory", "1X")
    assert result.exit_code == 2
    assert "Invalid value for '--memory'" in result.output

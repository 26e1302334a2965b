"""`pydlpar run --dialect` and `--quirks`: any release, any switch, clear refusals."""

from __future__ import annotations

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from cli_runner import CliRunner

from pydlpar.cli.app import app
from pydlpar.request import DIALECTS

HUGE = "memory add indexed-count 0x80000000 0x80000010"


def run(*arguments):
    return CliRunner().invoke(app, ["run", *arguments])


@pytest.mark.parametrize("dialect", [*DIALECTS, "4.18", "5.14", "6.17"])
def test_any_release_is_a_dialect(dialect):
    result = run("--dialect", dialect, "memory add count 0")
    assert result.exit_code == 1
    assert "EINVAL" in result.stdout
    result = run("--dialect", dialect, "cpu remove index 0x10000003")
    assert result.exit_code == (1 if dialect == "4.1" else 0)


@pytest.mark.parametrize(
    ("quirks", "status"),
    [(None, 1), ("none", 1), ("kernel", 0), ("signed-count,v2-merge", 0)],
)
def test_quirks(quirks, status):
    """B12: a successful no-op where it is imitated."""
    options = () if quirks is None else ("--quirks", quirks)
    assert run(*options, HUGE).exit_code == status


def test_quirks_go_with_the_release():
    assert run("--dialect", "5.13", "--quirks", "kernel", HUGE).exit_code == 1
    assert run("--dialect", "5.14", "--quirks", "kernel", HUGE).exit_code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--dialect", "3.10"), "dialect '3.10': expected one of 4.1, 4.5, 4.10"),
        (("--dialect", "newest"), "or any release from 4.1 on"),
        (("--quirks", "kernl"), "quirk 'kernl': expected kernel, none, drc-info-count"),
    ],
)
def test_what_there_is_not_is_bad_input(options, message):
    result = run(*options, "cpu remove index 0x10000003")
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert result.stdout == ""

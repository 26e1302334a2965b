"""What the README shows is what happens."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

import pytest

import pydlpar

README = Path(__file__).parent.parent / "README.md"


def test_example_runs():
    result = doctest.testfile(
        str(README), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert result.attempted > 10
    assert result.failed == 0


def test_names_in_the_tables_exist():
    """Every exception and every public name that the README lists."""
    rows = re.findall(r"^\| (`\w+`.*?) \|", README.read_text(), re.MULTILINE)
    names = {name for row in rows for name in re.findall(r"`([A-Za-z_]+)`", row)}
    assert {"DeviceTree", "TreeError", "Dispatcher"} <= names
    assert [name for name in sorted(names) if not hasattr(pydlpar, name)] == []


def test_shown_session_of_the_command():
    """The command that is shown prints what is shown."""
    pytest.importorskip("click")
    from click.testing import CliRunner

    from pydlpar.cli.app import app

    shown = re.search(r"^\$ pydlpar (.*)\n((?:.+\n)+?)```", README.read_text(), re.M)
    result = CliRunner().invoke(app, shlex.split(shown[1]))
    assert result.stdout == shown[2]

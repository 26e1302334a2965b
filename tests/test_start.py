"""What is not needed is not loaded: a command starts at once."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
import rtas_vectors as v

import pydlpar

SHOW = "print(*sorted(sys.modules), file=sys.stderr)"
MAIN = f"""
import atexit, sys
atexit.register(lambda: {SHOW})
from pydlpar.cli import main
main()
"""


def loaded(*arguments: str) -> set[str]:
    """The modules that a command has loaded when it ends."""
    run = subprocess.run(
        [sys.executable, "-c", MAIN, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(run.stderr.splitlines()[-1].split())


def packages(modules: set[str]) -> set[str]:
    return {module.split(".")[0] for module in modules}


@pytest.fixture
def events(tmp_path):
    pytest.importorskip("click")
    path = tmp_path / "events"
    path.write_bytes(b"".join(v.ALL))
    return str(path)


@pytest.mark.parametrize("form", ["--ndjson", "--json", "--classic", "-v", None])
def test_decode_loads_no_rich_and_no_dispatcher(events, form):
    """Output that is no terminal has no colours and no progress."""
    modules = loaded("decode", *([form] if form else []), events)
    assert "rich" not in packages(modules)
    assert "pydlpar.rtas_text" in modules
    assert not modules & {"pydlpar.dispatch", "pydlpar.tree", "pydlpar.cli.tree"}


def test_encode_loads_no_rich():
    pytest.importorskip("click")
    modules = loaded("encode", "memory add count 2", "--format", "text")
    assert "rich" not in packages(modules)


def test_help_loads_no_command():
    """Not even the codec; the list of commands is written down."""
    pytest.importorskip("click")
    modules = loaded("--help")
    assert not modules & {"pydlpar._native", "pydlpar.cli.decode", "pydlpar.cli.tree"}


def test_the_help_says_what_the_commands_say():
    pytest.importorskip("rich")
    click = pytest.importorskip("click")
    from pydlpar.cli.app import app

    context = click.Context(app)
    for name, (_, text) in app.lazy.items():
        command = app.get_command(context, name)
        assert command.name == name
        assert text.endswith(".")
        assert app.list_commands(context).count(name) == 1
        if command.short_help:
            assert command.short_help == text
    assert app.get_command(context, "nothing") is None


def test_a_command_can_be_added_that_is_loaded_already():
    """So a group may have both kinds; the help has both."""
    click = pytest.importorskip("click")
    from click.testing import CliRunner

    from pydlpar.cli.app import LazyGroup

    group = LazyGroup("group", lazy={"encode": ("pydlpar.cli.encode", "Of it.")})
    group.add_command(click.Command("now", callback=lambda: click.echo("done")))
    shown = CliRunner().invoke(group, ["--help"]).output
    assert [line.split()[0] for line in shown.splitlines()[-2:]] == ["encode", "now"]
    assert CliRunner().invoke(group, ["now"]).output == "done\n"
    assert "REQUEST" in CliRunner().invoke(group, ["encode", "--help"]).output


def test_the_package_alone_loads_nothing():
    """An editable installation has a finder of its own, loaded before."""
    code = (
        "import sys; before = set(sys.modules); import pydlpar;"
        "print(*(m for m in sys.modules if 'pydlpar' in m and m not in before))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["pydlpar"]


def test_every_public_name_is_there_and_where_type_checkers_find_it():
    """`__all__`, the imports for type checkers and the table are the same."""
    tree = ast.parse(Path(pydlpar.__file__).read_text())
    typed = {
        alias.name: node.module.removeprefix("pydlpar.")
        for part in tree.body
        if isinstance(part, ast.If)
        for node in part.body
        for alias in node.names
    }
    assert sorted(pydlpar._HOME) == sorted(pydlpar.__all__)
    assert typed == pydlpar._HOME
    for name in pydlpar.__all__:
        assert getattr(pydlpar, name) is not None
    assert set(pydlpar.__all__) <= set(dir(pydlpar))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        pydlpar.nothing  # noqa: B018


def test_a_function_is_not_hidden_by_the_module_of_its_name():
    """Whichever is asked for first."""
    code = (
        "import pydlpar.lint; from pydlpar.lint import RULES; import pydlpar, json; "
        "print(json.dumps([callable(pydlpar.lint), bool(RULES)]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert json.loads(run.stdout) == [True, True]

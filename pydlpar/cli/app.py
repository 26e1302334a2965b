"""The command line: groups, shared behaviour, exit status."""

from __future__ import annotations

import click

import pydlpar
from pydlpar.cli.decode import decode
from pydlpar.cli.encode import encode
from pydlpar.cli.run import run
from pydlpar.cli.slots import slots
from pydlpar.cli.tree import tree

__all__ = ["app"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(pydlpar.__version__, prog_name="pydlpar")
def app() -> None:
    """Device hotplug (DLPAR) on IBM Power, on any computer.

    Exit status: 0 when everything was carried out, 1 when a request was refused,
    2 when the input or the command line is wrong.
    """


app.add_command(decode)
app.add_command(encode)
app.add_command(run)
app.add_command(slots)
app.add_command(tree)

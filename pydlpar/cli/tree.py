"""`pydlpar tree`: look at device trees, compare, check and change them."""

from __future__ import annotations

import click

from pydlpar.cli.tree_apply import apply, patch
from pydlpar.cli.tree_check import check
from pydlpar.cli.tree_diff import diff
from pydlpar.cli.tree_edit import create, delete, from_fs, set_property
from pydlpar.cli.tree_get import get
from pydlpar.cli.tree_show import show

__all__ = ["tree"]


@click.group()
def tree() -> None:
    """Look at device trees, compare, check and change them.

    A tree is a blob (also gzipped), a directory such as /proc/device-tree, source text
    (named .dts, or begun with /dts-v1/; dtc compiles it), `-` for standard input, or
    @pseries, the embedded machine.

    \b
      lsprop /proc/device-tree       pydlpar tree show /proc/device-tree
      fdtdump, dtc -I dtb -O dts     pydlpar tree show F [--dts]
      dtc -I fs -O dtb DIR           pydlpar tree from-fs DIR -o F
      fdtget F NODE PROP             pydlpar tree get F NODE PROP [--as TYPE]
      fdtget -l, -p, -d              pydlpar tree get --nodes, --properties, --default
      fdtput F NODE PROP VALUE       pydlpar tree set F NODE PROP VALUE --as TYPE -i
      fdtput -c, -r, -d              pydlpar tree create, delete
      dtdiff A B                     pydlpar tree diff A B
      patch (of sources)             pydlpar tree patch F DIFF.json -i
      fdtoverlay -i F -o OUT O...    pydlpar tree apply F O... -o OUT
      dtc (its checks)               pydlpar tree check F

    Exit status: 0 done; 1 the answer is no: not there, different, not valid; 2 bad
    input or command line.
    """


for command in (
    show,
    get,
    set_property,
    create,
    delete,
    diff,
    patch,
    apply,
    check,
    from_fs,
):
    tree.add_command(command)

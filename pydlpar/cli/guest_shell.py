"""`pydlpar guest shell`: a terminal on a guest's console."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from pydlpar import Guest
from pydlpar.cli.guest_options import booted, guest_options
from pydlpar.cli.inputs import InputError

__all__ = ["shell"]

_ESCAPE = b"\x1d"
_CHUNK = 4096
_POLL = 0.2


@click.command()
@guest_options
def shell(**options: Any) -> None:
    """Work in a guest, at its console. Ctrl-] ends it, and the guest."""
    if not sys.stdin.isatty():
        raise InputError("guest shell: needs a terminal; see 'pydlpar guest run'")
    click.echo("the guest boots; Ctrl-] ends it", err=True)
    with booted(**options) as machine, _raw(sys.stdin.fileno()):
        _converse(machine, sys.stdin.fileno(), sys.stdout.fileno())
    click.echo()


@contextmanager
def _raw(terminal: int) -> Iterator[None]:
    before = termios.tcgetattr(terminal)
    tty.setraw(terminal)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _converse(machine: Guest, source: int, sink: int) -> None:
    """Carry bytes both ways until the escape, or the end of either side."""
    machine.console.listen(lambda data: _write(sink, data))
    machine.console.send(b"\n")
    while machine.console.is_open:
        ready, _, _ = select.select([source], [], [], _POLL)
        if not ready:
            continue
        data = os.read(source, _CHUNK)
        typed, escape, _ = data.partition(_ESCAPE)
        machine.console.send(typed)
        if escape or not data:
            break
    machine.console.listen(None)


def _write(sink: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(sink, left) :]

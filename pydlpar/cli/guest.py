"""`pydlpar guest`: a real Linux guest in QEMU, from its kernel to its answers."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click

from pydlpar import DlparError, Guest
from pydlpar.cli.guest_options import (
    FailedError,
    booted,
    cache_option,
    guest_options,
)
from pydlpar.cli.guest_shell import shell
from pydlpar.cli.inputs import InputError
from pydlpar.cli.output import Screen, write_file
from pydlpar.cli.plugs import plug
from pydlpar.cli.sources import read_requests
from pydlpar.cli.words import errno_name
from pydlpar.platforms.guest import KernelMessage
from pydlpar.platforms.guest_packages import KERNELS, GuestFiles, fetch

__all__ = ["guest"]

_json_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON object a line."
)
_plug_option = click.option(
    "--plug",
    "plugs",
    multiple=True,
    metavar="DEVICE",
    help="What is plugged first, and taken by the guest: cpu[=CORE] or "
    "memory=SIZE[@ADDRESS]. May be repeated.",
)


@click.group()
def guest() -> None:
    """Boot a real Linux guest in QEMU, and have it do things.

    \b
      pydlpar guest fetch
      pydlpar guest write --plug memory=1G "memory remove count 2"
      pydlpar guest run "drmgr -c cpu -r -q 1" "lsslot -c mem"
      pydlpar guest tree -o guest.dtb
      pydlpar guest shell --linux 6.1

    Needs qemu-system-ppc64 7.2 or newer and the package qemu.qmp (pydlpar[qemu]). The
    guest has busybox, Python, drmgr and rtas_errd. Nothing of it is kept.

    Exit status: 0 done; 1 a request was refused, or a command failed; 2 bad input
    or command line; 3 the machine failed, or there is none yet.
    """


@guest.command("fetch")
@click.argument("lines", nargs=-1, metavar="[LINUX]...", type=click.Choice([*KERNELS]))
@cache_option
@click.option(
    "--mirror",
    metavar="ADDRESS",
    help="Debian's archive. Default: that of this machine's apt.",
)
@click.option("--fresh", is_flag=True, help="Fetch anew what the cache has.")
@_json_option
def fetch_command(
    lines: tuple[str, ...],
    cache: Path | None,
    mirror: str | None,
    fresh: bool,
    as_json: bool,
) -> None:
    """Get kernels and tools from Debian's archive, by apt, into a cache.

    LINUX is 6.1 or 6.12; both by default. This machine's packages are not touched.
    """
    progress = partial(click.echo, err=True)
    for line in lines or KERNELS:
        try:
            files = fetch(line, cache, progress=progress, mirror=mirror, fresh=fresh)
        except OSError as error:
            raise InputError(f"{error.filename}: {error.strerror}") from None
        except DlparError as error:
            raise FailedError(str(error)) from None
        if as_json:
            _tell("fetch", linux=line, **_files_record(files))
        else:
            click.echo(f"Linux {line}: {files.kernel}")


def _files_record(files: GuestFiles) -> dict[str, Any]:
    return {
        "kernel": str(files.kernel),
        "tools": str(files.tools),
        "modules": [*files.module_contents()],
        "packages": files.packages,
    }


@guest.command("write")
@click.argument("requests", nargs=-1, metavar="[REQUEST]...")
@click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    metavar="FILE",
    help="Requests from a file, one a line; '-' is standard input.",
)
@click.option("--ofdt", is_flag=True, help="Write to /proc/powerpc/ofdt instead.")
@click.option(
    "--messages/--no-messages",
    default=True,
    help="Show what the kernel said to each request.",
)
@click.option("-o", "--output", metavar="FILE", help="Write the resulting tree (DTB).")
@_plug_option
@guest_options
@_json_option
def write_command(
    requests: tuple[str, ...],
    files: tuple[str, ...],
    ofdt: bool,
    messages: bool,
    output: str | None,
    plugs: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Write REQUESTs to a guest's /sys/kernel/dlpar, one write(2) each."""
    data = [text.encode("utf-8", "surrogateescape") for text in requests]
    for path in files:
        data += [step.data for step in read_requests(path)]
    if not data and not plugs:
        raise InputError("nothing to do: give requests, --file or --plug")
    refused = False
    with booted(**options) as machine:
        _plug(machine, plugs)
        machine.dmesg()
        for request in data:
            result = machine.write_ofdt(request) if ofdt else machine.write(request)
            refused |= result < 0
            said = machine.dmesg() if messages else []
            if as_json:
                _tell("write", **_result_record(request, result), messages=_texts(said))
            else:
                Screen().write_styled(_result_lines(request, result, said))
        if output:
            write_file(output, machine.device_tree().to_dtb())
    sys.exit(1 if refused else 0)


def _plug(machine: Guest, specs: tuple[str, ...]) -> None:
    """Plug devices, and wait until the guest has taken them."""
    taken = machine.hotplug_interrupts()
    for count, spec in enumerate(specs, taken + 1):
        plug(machine, [spec])
        machine.settle(count)


def _result_record(request: bytes, result: int) -> dict[str, Any]:
    return {
        "request": _shown(request),
        "result": max(result, 0),
        "errno": max(-result, 0),
        "error": errno_name(-result) if result < 0 else None,
    }


def _result_lines(
    request: bytes, result: int, said: Iterable[KernelMessage]
) -> Iterator[tuple[str, str]]:
    if result < 0:
        yield f"{errno_name(-result):>9}  {_shown(request)}", "red"
    else:
        yield f"{result:>9}  {_shown(request)}", "green"
    for text in _texts(said):
        yield f"{'':>9}  | {text}", "dim"


def _shown(request: bytes) -> str:
    return request.decode("utf-8", "backslashreplace").rstrip("\n")


def _texts(said: Iterable[KernelMessage]) -> list[str]:
    return [message.text for message in said]


@guest.command("run")
@click.argument("commands", nargs=-1, required=True, metavar="COMMAND...")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    help="Seconds that a command may take. Default: the deadline.",
)
@_plug_option
@guest_options
@_json_option
def run_command(
    commands: tuple[str, ...],
    timeout: float | None,
    plugs: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Run shell COMMANDs in a guest, to the first that fails."""
    failed = False
    with booted(**options) as machine:
        _plug(machine, plugs)
        for command in commands:
            result = machine.run(command, timeout)
            failed = bool(result.status)
            if as_json:
                _tell(
                    "run",
                    command=command,
                    status=result.status,
                    out=result.out.decode(errors="replace"),
                    err=result.err.decode(errors="replace"),
                    late=result.late,
                )
            else:
                click.echo(result.out, nl=False)
                click.echo(result.err, nl=False, err=True)
            if result.late:
                click.echo(f"pydlpar: {command}: killed, too late", err=True)
            if failed:
                break
    sys.exit(1 if failed else 0)


@guest.command("tree")
@click.option(
    "-o", "--output", metavar="FILE", help="Where to; '-', standard output, by default."
)
@click.option("--dts", is_flag=True, help="As source text, not as a blob.")
@_plug_option
@guest_options
def tree_command(
    output: str | None, dts: bool, plugs: tuple[str, ...], **options: Any
) -> None:
    """Write the /proc/device-tree of a guest as a blob."""
    with booted(**options) as machine:
        _plug(machine, plugs)
        tree = machine.device_tree()
    write_file(output or "-", tree.to_dts().encode() if dts else tree.to_dtb())


guest.add_command(shell)


def _tell(kind: str, **record: Any) -> None:
    click.echo(json.dumps({"type": kind, **record}))

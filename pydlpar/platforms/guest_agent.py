"""The program inside a guest that does what the host asks, over a serial line.

It is copied into the guest's initial file system and run there by the guest's own
Python: this file imports the standard library only, and little of it, as every
import is paid for in an emulated processor at each boot.

A frame is one line: `~`, the CRC-32 of the text in 8 hexadecimal digits, the text (JSON
in ASCII, so without line ends), a line feed. Bytes are in base64. Whatever is not such
a line is noise, and is skipped.

    request  {"id": 7, "do": "write", "path": "/sys/kernel/dlpar", "data": "..."}
    answer   {"id": 7, "wrote": 27}    or {"id": 7, "errno": 22}

The first frame comes from here, with the id 0: the guest is up.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from binascii import a2b_base64, b2a_base64, crc32
from typing import Any

__all__ = ["Agent", "flatten", "frame", "unframe"]

MARK = b"~"
_CRC_DIGITS = 8
_CHUNK = 1 << 16
_KMSG = "/dev/kmsg"
_KMSG_RECORD = 8192
_ERROR_LOG = "/proc/powerpc/rtas/error_log"
_SLOT = 4 + 2048  # of the error log: sequence number and the largest log
_HOTPLUG_LINE = b"RAS_HOTPLUG"
_WORKING = b"+pseries hotplug"  # in the name of a kernel thread that has such work

_FDT_MAGIC, _FDT_VERSION, _FDT_COMPATIBLE = 0xD00DFEED, 17, 16
_BEGIN_NODE, _END_NODE, _PROP, _END = 1, 2, 3, 9
_HEADER, _RESERVE = 40, 16


def frame(message: dict[str, Any]) -> bytes:
    """The line that carries a message."""
    text = json.dumps(message, separators=(",", ":")).encode("ascii")
    return b"%s%08x%s\n" % (MARK, crc32(text), text)


def unframe(line: bytes) -> dict[str, Any] | None:
    """The message in a line, which may begin with noise; None if it has none."""
    for part in range(line.count(MARK)):
        body = line.split(MARK, part + 1)[-1].rstrip(b"\r\n")
        text = body[_CRC_DIGITS:]
        if body[:_CRC_DIGITS] == b"%08x" % crc32(text):
            message: dict[str, Any] = json.loads(text)
            return message
    return None


def packed(data: bytes) -> str:
    """Bytes as text for a message."""
    return b2a_base64(data, newline=False).decode("ascii")


def flatten(path: str) -> bytes:
    """A directory such as /proc/device-tree as a flattened device tree.

    Raises:
        OSError: something in it cannot be read.
    """
    names: dict[bytes, int] = {}
    strings = bytearray()
    out = bytearray()
    pending: list[tuple[str, bytes] | None] = [(path, b"")]
    while pending:
        step = pending.pop()
        if step is None:
            out += _cells(_END_NODE)
            continue
        folder, name = step
        out += _cells(_BEGIN_NODE) + _padded(name + b"\0")
        pending.append(None)
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        for entry in entries:
            if not entry.is_dir():
                value = read_file(entry.path)
                key = os.fsencode(entry.name)
                if key not in names:
                    names[key] = len(strings)
                    strings += key + b"\0"
                out += _cells(_PROP, len(value), names[key]) + _padded(value)
        for entry in reversed(entries):
            if entry.is_dir():
                pending.append((entry.path, os.fsencode(entry.name)))
    out += _cells(_END)
    start = _HEADER + _RESERVE
    total = start + len(out) + len(strings)
    return (
        _cells(_FDT_MAGIC, total, start, start + len(out), _HEADER)
        + _cells(_FDT_VERSION, _FDT_COMPATIBLE, 0, len(strings), len(out))
        + bytes(_RESERVE)
        + out
        + strings
    )


def _cells(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "big") for value in values)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def read_file(path: str) -> bytes:
    """All of a file, also of one that does not know its size.

    Raises:
        OSError: it cannot be read.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        parts = []
        while part := os.read(handle, _CHUNK):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(handle)


class Agent:
    """Does requests, one after the other.

    Args:
        paths: files that a test puts in the place of the kernel's, by their own.
    """

    def __init__(self, paths: dict[str, str] | None = None) -> None:
        self._paths = paths or {}
        self._kmsg: int | None = None

    def _path(self, path: str) -> str:
        return self._paths.get(path, path)

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do a request: what came of it, with its id."""
        arguments = {k: v for k, v in request.items() if k not in ("id", "do")}
        try:
            method = getattr(self, "do_" + request["do"])
            return {"id": request["id"], **method(**arguments)}
        except OSError as error:
            return {"id": request["id"], "errno": error.errno, "path": error.filename}

    def do_write(self, path: str, data: str) -> dict[str, Any]:
        """One write(2): the number of bytes taken."""
        handle = os.open(self._path(path), os.O_WRONLY)
        try:
            return {"wrote": os.write(handle, a2b_base64(data))}
        finally:
            os.close(handle)

    def do_read(self, path: str) -> dict[str, Any]:
        """All of a file."""
        return {"data": packed(read_file(self._path(path)))}

    def do_tree(self, path: str) -> dict[str, Any]:
        """A directory as a flattened device tree."""
        import zlib

        return {"packed": packed(zlib.compress(flatten(self._path(path)), 1))}

    def do_run(self, argv: list[str], timeout: float) -> dict[str, Any]:
        """A command: status as subprocess has it, output, whether time ran out."""
        import signal
        import subprocess

        with subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            late = False
            try:
                out, err = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                late = True
                os.killpg(process.pid, signal.SIGKILL)
                out, err = process.communicate()
        return {
            "status": process.returncode,
            "out": packed(out),
            "err": packed(err),
            "late": late,
        }

    def do_messages(self) -> dict[str, Any]:
        """Kernel messages since the last time, as /dev/kmsg has them."""
        if self._kmsg is None:
            flags = os.O_RDONLY | os.O_NONBLOCK
            self._kmsg = os.open(self._path(_KMSG), flags)
        records, lost = [], False
        while True:
            try:
                record = os.read(self._kmsg, _KMSG_RECORD)
            except BlockingIOError:
                break
            except BrokenPipeError:  # the oldest were overwritten meanwhile
                lost = True
                continue
            if not record:
                break
            records.append(record.decode("utf-8", "replace"))
        return {"records": records, "lost": lost}

    def do_errors(self) -> dict[str, Any]:
        """What /proc/powerpc/rtas/error_log has now: one slot a read."""
        handle = os.open(self._path(_ERROR_LOG), os.O_RDONLY | os.O_NONBLOCK)
        slots = []
        try:
            while slot := os.read(handle, _SLOT):
                slots.append(packed(slot))
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ENODATA):
                raise
        finally:
            os.close(handle)
        return {"slots": slots}

    def do_hotplug(self) -> dict[str, Any]:
        """Hotplug interrupts so far, and whether the kernel works at one now."""
        root = self._path("/sys/kernel/irq")
        taken = 0
        for number in os.listdir(root):
            if _HOTPLUG_LINE in read_file(f"{root}/{number}/actions"):
                counts = read_file(f"{root}/{number}/per_cpu_count")
                taken += sum(map(int, counts.split(b",")))
        return {"taken": taken, "busy": self._works()}

    def _works(self) -> bool:
        root = self._path("/proc")
        for entry in os.listdir(root):
            if entry.isdigit():
                try:
                    name = read_file(f"{root}/{entry}/comm")
                except FileNotFoundError:
                    continue
                if _WORKING in name:
                    return True
        return False


def serve(agent: Agent, line: int) -> None:
    """Answer requests that come over a line until it is closed."""
    _send(line, {"id": 0, "release": os.uname().release, "python": sys.version})
    rest = b""
    while data := os.read(line, _CHUNK):
        *lines, rest = (rest + data).split(b"\n")
        for text in lines:
            request = unframe(text)
            if request is not None:
                _send(line, agent.answer(request))


def _send(line: int, message: dict[str, Any]) -> None:
    data = memoryview(frame(message))
    while data:
        data = data[os.write(line, data) :]


def main() -> None:
    """Serve on the terminal that the command line names, made transparent."""
    import tty

    line = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
    tty.setraw(line)
    serve(Agent(), line)


if __name__ == "__main__":
    main()

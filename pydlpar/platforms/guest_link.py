"""The host's side of the lines to a guest: its console, and the one to its agent."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from binascii import a2b_base64
from collections.abc import Callable
from typing import Any

from pydlpar.errors import GuestError
from pydlpar.platforms.guest_agent import frame, unframe
from pydlpar.platforms.qemu_process import QemuProcess

__all__ = ["GuestConsole", "GuestLink", "unpacked"]

_CHUNK = 1 << 16
_TAIL = 2000
_KEPT = 1 << 20


def unpacked(text: str) -> bytes:
    """Bytes that the agent sent."""
    return a2b_base64(text)


class GuestConsole:
    """What the guest writes to its console, read by a thread of its own.

    A line that nobody reads would fill up, and stop the guest.

    Args:
        channel: our end of the console; whoever closes it ends the thread.
    """

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._text = bytearray()
        self._listener: Callable[[bytes], None] | None = None
        self._thread = threading.Thread(
            target=self._read, name="pydlpar-console", daemon=True
        )
        self._thread.start()

    def _read(self) -> None:
        while True:
            try:
                data = self._channel.recv(_CHUNK)
            except OSError:  # closed by those who own it
                return
            if not data:
                return
            with self._lock:
                self._text += data
                del self._text[:-_KEPT]
                listener = self._listener
            if listener is not None:
                listener(data)

    @property
    def is_open(self) -> bool:
        """Whether the machine is there still."""
        return self._thread.is_alive()

    def text(self) -> bytes:
        """What came so far, at most the last MiB."""
        with self._lock:
            return bytes(self._text)

    def tail(self) -> str:
        """The end of what came so far, for a message."""
        return self.text()[-_TAIL:].decode(errors="replace").replace("\r", "")

    def send(self, data: bytes) -> None:
        """Type something."""
        self._channel.sendall(data)

    def listen(self, listener: Callable[[bytes], None] | None) -> None:
        """Give what comes from now on to a function, called in another thread."""
        with self._lock:
            self._listener = listener


class GuestLink:
    """The line to the agent: a request, and its answer.

    Args:
        channel: our end of the line.
        process: the machine, which may die meanwhile.
        console: for the messages of errors.
    """

    def __init__(
        self, channel: socket.socket, process: QemuProcess, console: GuestConsole
    ) -> None:
        self._channel = channel
        self._process = process
        self._console = console
        self._rest = b""
        self._id = 0

    def wait(self, deadline: float) -> dict[str, Any]:
        """The agent's first words: the guest is up.

        Raises:
            GuestError: they did not come in time.
            QemuError: the machine ended.
        """
        return self._answer(0, "to come up", deadline)

    def ask(self, what: str, deadline: float, **arguments: Any) -> dict[str, Any]:
        """Have the agent do something: its answer.

        Raises:
            OSError: as the guest's kernel refused it.
            GuestError: it did not answer in time; it may do so to the next request.
            QemuError: the machine ended.
        """
        self._process.check()
        answer = self.try_ask(what, deadline, **arguments)
        number = answer.get("errno")
        if number is not None:
            raise OSError(number, os.strerror(number), answer.get("path"))
        return answer

    def try_ask(self, what: str, deadline: float, **arguments: Any) -> dict[str, Any]:
        """The same; a refusal is an answer with `errno`.

        Raises:
            GuestError, QemuError: as `ask`.
        """
        self._id += 1
        data = frame({"id": self._id, "do": what, **arguments})
        self._channel.settimeout(deadline)
        try:
            self._channel.sendall(data)
        except TimeoutError:
            raise self._late(f"to take {what!r}", deadline) from None
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.ECONNRESET):
                raise
            raise self._process.died(repr(what)) from None
        return self._answer(self._id, f"to do {what!r}", deadline)

    def _answer(self, number: int, doing: str, deadline: float) -> dict[str, Any]:
        end = time.monotonic() + deadline
        while True:
            line, newline, rest = self._rest.partition(b"\n")
            if newline:
                self._rest = rest
                message = unframe(line)
                if message is not None and message["id"] == number:
                    return message
                continue
            left = end - time.monotonic()
            if left <= 0:
                raise self._late(doing, deadline)
            self._channel.settimeout(left)
            try:
                data = self._channel.recv(_CHUNK)
            except TimeoutError:
                continue
            except ConnectionResetError:
                data = b""
            if not data:
                raise self._process.died(f"a wait for the guest {doing}")
            self._rest += data

    def _late(self, doing: str, deadline: float) -> GuestError:
        text = f"the guest did not manage {doing} within {deadline:g} s"
        return GuestError(text, self._console.tail())

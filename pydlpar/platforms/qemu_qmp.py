"""The QMP channel of a QEMU machine, by the library `qemu.qmp`."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar

from qemu.qmp import ExecuteError, Message, QMPClient, QMPError

from pydlpar.errors import PlatformError, QemuDiedError
from pydlpar.platforms.qemu_loop import BackgroundLoop
from pydlpar.platforms.qemu_process import QemuProcess, check_version

__all__ = ["Qmp"]

T = TypeVar("T")

_EVENTS_MAX: Final = 4096


class _Inbox:
    """Events as they come. The library's tasks hold it, and not who reads it."""

    def __init__(self) -> None:
        self._unread: deque[dict[str, Any]] = deque(maxlen=_EVENTS_MAX)

    def make_client(self) -> QMPClient:
        """A client whose events come here; it would keep a history of them all."""
        client = QMPClient("pydlpar")
        client.events.event_filter = self._take
        return client

    def _take(self, message: Message) -> bool:
        event = {"event": message["event"], "data": message.get("data")}
        self._unread.append(event)
        return False

    def empty(self) -> list[dict[str, Any]]:
        """What has come since the last time."""
        found = list(self._unread)
        self._unread.clear()
        return found


class Qmp:
    """The channel. Commands are for one thread at a time.

    Attributes:
        events: the latest events as dicts, {"event": ..., "data": ...}, oldest
            first, up to those before the answer to the last command.
    """

    def __init__(
        self,
        channel: socket.socket,
        process: QemuProcess,
        watch: Callable[[str, dict[str, Any]], object],
    ) -> None:
        """Set up.

        Args:
            watch: called with the name and the data of each event.
        """
        self.events: deque[dict[str, Any]] = deque(maxlen=_EVENTS_MAX)
        self._channel = channel
        self._process = process
        self._watch = watch
        self._inbox = _Inbox()
        self._client: QMPClient = process.loop.call(self._inbox.make_client)
        process.at_end(partial(_hang_up, process.loop, self._client, process.deadline))

    def connect(self) -> None:
        """Wait for the greeting, and take up the session.

        Raises:
            QemuUnavailableError: QEMU is too old.
            QemuError: it ended, or did not greet in time.
        """
        try:
            self._wait(self._client.connect(self._channel), "its greeting")
        except QemuDiedError:
            version = self._process.version_by_running()
            if version is not None:
                check_version(self._process.program, version)
            raise
        told: Any = self.execute("query-version")["qemu"]
        check_version(self._process.program, (told["major"], told["minor"]))

    def execute(self, command: str, **arguments: Any) -> Any:
        """Execute a command: its answer.

        Raises:
            PlatformError: it was refused, in QEMU's words.
            QemuError: QEMU died, or did not answer in time.
        """
        self._process.check()
        try:
            return self._wait(self._execute(command, arguments), f"QMP {command!r}")
        except ExecuteError as error:
            raise PlatformError(str(error)) from None

    def execute_until(self, command: str, event: str) -> None:
        """Execute a command, and wait for the event that tells it is done."""
        self._process.check()
        work = self._execute_until(command, event)
        self._wait(work, f"QMP {command!r}, then event {event}")

    def _wait(self, work: Coroutine[Any, Any, T], doing: str) -> T:
        limit = self._process.deadline
        try:
            return self._process.loop.run(work, limit)
        except asyncio.TimeoutError:
            raise self._process.hung(doing, limit) from None
        except ExecuteError:
            raise
        except (QMPError, OSError, EOFError):
            raise self._process.died(doing) from None

    async def _execute(self, command: str, arguments: dict[str, Any]) -> Any:
        try:
            return await self._client.execute(command, arguments)
        finally:
            self._publish()

    async def _execute_until(self, command: str, event: str) -> None:
        self._publish()
        with self._client.listener(event) as listener:
            await self._client.execute(command)
            await listener.get()
        self._publish()

    def _publish(self) -> None:
        """Show events: the one who waits for this command is the one who reads."""
        for event in self._inbox.empty():
            self.events.append(event)
            self._watch(event["event"], event["data"] or {})


def _hang_up(loop: BackgroundLoop, client: QMPClient, deadline: float) -> None:
    """End the session of a process that is gone."""
    # How the session ended it tells once more; whoever was waiting knows.
    with suppress(QMPError, OSError, EOFError, asyncio.TimeoutError):
        loop.run(client.disconnect(), deadline)

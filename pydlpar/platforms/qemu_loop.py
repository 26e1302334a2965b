"""A thread with an event loop, for those who know neither."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["BackgroundLoop"]

T = TypeVar("T")


class BackgroundLoop:
    """An event loop in a thread of its own, until `close`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=_serve, args=(self._loop,), name="pydlpar-qemu", daemon=True
        )
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], deadline: float | None = None) -> T:
        """Wait for a coroutine.

        Raises:
            asyncio.TimeoutError: it took more than *deadline* seconds.
        """
        waiting = asyncio.wait_for(work, deadline)
        return asyncio.run_coroutine_threadsafe(waiting, self._loop).result()

    def call(self, function: Callable[[], T]) -> T:
        """Call a function in the thread of the loop, and wait for it."""

        async def work() -> T:
            return function()

        return self.run(work())

    def is_current(self) -> bool:
        """True in the thread of the loop."""
        return self._thread is threading.current_thread()

    def close(self) -> None:
        """End the thread; not to be called in it."""
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    """The thread. It does not hold the object that is to be finalized."""
    loop.run_forever()
    loop.close()

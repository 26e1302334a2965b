"""QEMU machines that are used again, for many short runs in one session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final

from pydlpar.errors import ArgumentError, QemuError
from pydlpar.platforms.qemu import Qemu

__all__ = ["QemuPool"]

_IDLE_MAX: Final = 4


class QemuPool:
    """Machines that wait to be used again. A context manager, for one thread.

    Args:
        idle: machines that may wait; of more, the one that has waited longest is
            ended.
    """

    def __init__(self, idle: int = _IDLE_MAX) -> None:
        if idle < 0:
            raise ArgumentError(f"idle={idle}: expected 0 or more")
        self._limit = idle
        self._idle: list[tuple[str, Qemu]] = []

    def __enter__(self) -> QemuPool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._idle)

    @contextmanager
    def machine(self, **options: Any) -> Iterator[Qemu]:
        """A machine as `Qemu(**options)` would be, perhaps one that was used before.

        It waits again afterwards if it can be renewed; otherwise it is ended.

        Raises:
            QemuError: as `Qemu` does.
        """
        key = repr(sorted(options.items()))
        qemu = self._take(key) or Qemu(**options)
        reusable = False
        try:
            yield qemu
            reusable = _renewed(qemu)
        finally:
            if reusable:
                self._idle.append((key, qemu))
            else:
                qemu.close()
            self._shrink(self._limit)

    def _take(self, key: str) -> Qemu | None:
        """A machine that waits and is alive."""
        for position, (known, qemu) in enumerate(self._idle):
            if known == key:
                del self._idle[position]
                if qemu.process.is_running():
                    return qemu
                qemu.close()
                return self._take(key)
        return None

    def _shrink(self, limit: int) -> None:
        while len(self._idle) > limit:
            self._idle.pop(0)[1].close()

    def close(self) -> None:
        """End all machines that wait."""
        self._shrink(0)


def _renewed(qemu: Qemu) -> bool:
    """Whether a machine could be made as new; not one that has ended meanwhile."""
    try:
        return qemu.renew()
    except QemuError:
        return False

"""What a partition's operating system does beside RTAS calls, always successful."""

from __future__ import annotations

__all__ = ["WillingSystem"]


class WillingSystem:
    """The part of a `Platform` that is not firmware: each answer is 0.

    A model has no threads to start and no pages to move. Who wants a failure puts
    it in front.
    """

    def online_cpu(self, thread: int) -> int:
        """The partition starts a thread."""
        del thread
        return 0

    def offline_cpu(self, thread: int) -> int:
        """The partition stops a thread."""
        del thread
        return 0

    def add_memory(self, base: int, size: int, node: int) -> int:
        """The partition takes up a memory block."""
        del base, size, node
        return 0

    def online_memory(self, base: int, size: int) -> int:
        """The partition uses a memory block."""
        del base, size
        return 0

    def offline_memory(self, base: int, size: int) -> int:
        """The partition empties a memory block."""
        del base, size
        return 0

    def remove_memory(self, base: int, size: int) -> int:
        """The partition gives up a memory block."""
        del base, size
        return 0

    def online_device(self, index: int) -> int:
        """The partition binds drivers to the device behind a DRC."""
        del index
        return 0

    def offline_device(self, index: int) -> int:
        """The partition quiesces the device behind a DRC."""
        del index
        return 0

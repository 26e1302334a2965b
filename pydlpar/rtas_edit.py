"""Change an event: fields of any length, sections added and removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydlpar.errors import ArgumentError, NotFoundError
from pydlpar.rtas_parts import Part, assemble, build_part, edit_part
from pydlpar.rtas_table import RtasSection

if TYPE_CHECKING:
    from pydlpar.rtas_event import RtasEvent

__all__ = ["EventEdit"]


class EventEdit:
    """The parts of an event, to be changed and put together again.

        event.edit().set("PH", creator="E").remove("UD").build()

    Belongs to one thread at a time; the event itself is never changed. Every
    byte that no change concerns is kept.
    """

    __slots__ = ("_decode", "_parts", "_resized")

    def __init__(
        self, parts: tuple[RtasSection, ...], decode: Callable[[bytes], RtasEvent]
    ) -> None:
        self._parts = [Part(part.number, part.raw) for part in parts]
        self._decode = decode
        self._resized = False

    def set(self, section_id: str, nth: int = 0, /, **fields: Any) -> EventEdit:
        """Change fields of the *nth* section of that id, counted from 0.

        Raises:
            NotFoundError: no such section.
            ArgumentError: no such field, or a value that does not fit it.
        """
        at = self._find(section_id, nth)
        old = self._parts[at]
        new = edit_part(_section(old), fields)
        self._resized |= len(new.data) != len(old.data)
        self._parts[at] = new
        return self

    def add(
        self, section_id: str, /, *, before: str | None = None, **fields: Any
    ) -> EventEdit:
        """Add a section, at the end or before the first one of another id.

        Raises:
            NotFoundError: no section *before*.
            ArgumentError: no such field, or a value that does not fit it.
        """
        at = len(self._parts) if before is None else self._find(before, 0)
        self._parts.insert(at, build_part(section_id, fields))
        self._resized = True
        return self

    def remove(self, section_id: str, nth: int = 0, /) -> EventEdit:
        """Remove the *nth* section of that id. Raises: NotFoundError."""
        del self._parts[self._find(section_id, nth)]
        self._resized = True
        return self

    def build(self) -> RtasEvent:
        """The changed event, decoded anew, strictly.

        Length and section count follow where a section was added, removed or
        got another length.

        Raises:
            EventError: it is no event any more.
        """
        if self._resized:
            return self._decode(assemble(self._parts))
        return self._decode(b"".join(part.data for part in self._parts))

    def _find(self, section_id: str, nth: int) -> int:
        if nth < 0:
            raise ArgumentError(f"section {section_id} {nth}, expected 0 or above")
        found = [i for i, p in enumerate(self._parts) if _section(p).id == section_id]
        if nth >= len(found):
            raise NotFoundError(f"section {section_id} {nth}: there are {len(found)}")
        return found[nth]


def _section(part: Part) -> RtasSection:
    return RtasSection((0, len(part.data), part.number), part.data)

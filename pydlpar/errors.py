"""Every exception that pydlpar raises, in one hierarchy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydlpar.dts_source import DtsMessage

__all__ = [
    "ArgumentError",
    "BusyError",
    "ConflictError",
    "DecodeError",
    "DlparError",
    "DrcListError",
    "DtsError",
    "DtsWarning",
    "EventError",
    "ExistsError",
    "GuestError",
    "InternalError",
    "LinuxError",
    "LockedError",
    "NoSpaceError",
    "NotFoundError",
    "OverlayError",
    "PlatformError",
    "QemuDiedError",
    "QemuError",
    "QemuHungError",
    "QemuUnavailableError",
    "RequestError",
    "ResolveError",
    "StaleHandleError",
    "TreeError",
]


class DlparError(Exception):
    """Base of every error raised by this package.

    Attributes:
        code: the C error code (`DLPAR_ERR_*`), or None.
    """

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code

    def __str__(self) -> str:
        # KeyError would show the repr of its argument.
        return str(self.args[0])


class ArgumentError(DlparError, ValueError):
    """An argument is out of range or of the wrong form."""


class DecodeError(DlparError, ValueError):
    """The bytes are wrong.

    Attributes:
        offset: the byte, from the start of the input, that could not be
            understood; None where no single byte is to blame.
        row: in a batch, the index of the record; else None.
    """

    def __init__(
        self,
        message: str,
        code: int | None = None,
        offset: int | None = None,
        row: int | None = None,
    ) -> None:
        super().__init__(message, code)
        self.offset = offset
        self.row = row


class DrcListError(DecodeError):
    """A list of connectors is wrong: `ibm,drc-info`, or one of the four arrays.

    Attributes:
        property: the property that is wrong; `.offset` is the byte in it.
        path: of its node; None where only the bytes were given.
    """

    def __init__(
        self,
        message: str,
        code: int | None = None,
        offset: int | None = None,
        row: int | None = None,
        *,
        property: str | None = None,
        path: str | None = None,
    ) -> None:
        super().__init__(message, code, offset, row)
        self.property = property
        self.path = path

    def at(self, path: str) -> DrcListError:
        """The same error, with the node that the property is of."""
        text, where = f"{path}: {self}", (self.offset, self.row)
        return DrcListError(text, self.code, *where, property=self.property, path=path)


class TreeError(DecodeError):
    """A flattened device tree, or what was to become part of one, is wrong."""


class DtsError(TreeError):
    """Device tree source that dtc does not compile.

    Attributes:
        messages: all that dtc said, in its order, warnings included.
        file: of the first error that has a place, as are the two that follow;
            None where dtc named none.
        line: from 1.
        column: from 1.
    """

    def __init__(self, message: str, messages: tuple[DtsMessage, ...] = ()) -> None:
        super().__init__(message)
        self.messages = messages
        placed = [m for m in messages if m.error and m.file is not None]
        self.file = placed[0].file if placed else None
        self.line = placed[0].line if placed else None
        self.column = placed[0].column if placed else None


class DtsWarning(UserWarning):
    """What dtc warns of in device tree source that it compiles."""


class OverlayError(TreeError):
    """An overlay is malformed, or the base lacks what it needs.

    Attributes:
        reason: why, a `DLPAR_OVERLAY_*` value: an `OverlayReason`.
        fragment: name of the fragment, a child of the overlay's root.
        symbol: the label that the base lacks, or whose fixups are wrong.
        path: of the node of the overlay that is concerned.
        property: the property of that node.
        position: the byte within that property that a fixup names.

    Each but the reason is None where it does not apply.
    """

    def __init__(
        self,
        message: str,
        code: int | None = None,
        *,
        reason: int = 0,
        fragment: str | None = None,
        symbol: str | None = None,
        path: str | None = None,
        property: str | None = None,
        position: int | None = None,
    ) -> None:
        super().__init__(message, code)
        self.reason = reason
        self.fragment = fragment
        self.symbol = symbol
        self.path = path
        self.property = property
        self.position = position


class EventError(DecodeError):
    """An RTAS event log is wrong."""


class RequestError(DlparError, ValueError):
    """A hotplug request is wrong.

    Attributes:
        errno: what write(2) on /sys/kernel/dlpar would fail with (positive).
        token: the part of the request that was not understood, or None.
    """

    def __init__(self, message: str, errno: int, token: bytes | None = None) -> None:
        super().__init__(message)
        self.errno = errno
        self.token = token


class ResolveError(DlparError, ValueError):
    """A word that names no connector, more than one, or one of another resource.

    Attributes:
        word: what was to be resolved.
        candidates: what it could have been, in words that do resolve; may be empty.
    """

    def __init__(
        self, message: str, word: str, candidates: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.word = word
        self.candidates = candidates


class NotFoundError(DlparError, KeyError):
    """No such node, property, section or DRC."""


class StaleHandleError(NotFoundError):
    """The node that this object stands for has been removed."""


class ExistsError(DlparError, ValueError):
    """A node or property of this name exists already."""


class ConflictError(DlparError, ValueError):
    """A difference does not fit the tree that it was to be applied to.

    Attributes:
        path: of the node that is not as expected.
        name: of its property; None where it is the node.
        expected: the property's value by the difference; None for none.
        found: its value in the tree; None for none.
    """

    def __init__(
        self,
        message: str,
        code: int | None = None,
        *,
        path: str = "/",
        name: str | None = None,
        expected: bytes | None = None,
        found: bytes | None = None,
    ) -> None:
        super().__init__(message, code)
        self.path = path
        self.name = name
        self.expected = expected
        self.found = found


class NoSpaceError(DlparError):
    """An output buffer is too small, or memory or its limit is exhausted."""


class BusyError(DlparError, RuntimeError):
    """The object is being used by another thread."""


class PlatformError(DlparError):
    """The platform could not do what was asked of it.

    Attributes:
        status: the RTAS status word, or None where no RTAS call was made.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class QemuError(PlatformError):
    """A QEMU process could not be used. What QEMU refuses is a `PlatformError`.

    Attributes:
        stderr: what the process said last; may be empty.
    """

    def __init__(self, message: str, stderr: str = "") -> None:
        said = stderr.strip()
        super().__init__(f"{message}; it said: {said}" if said else message)
        self.stderr = stderr


class QemuUnavailableError(QemuError):
    """QEMU, or the package that speaks to it, is missing or too old."""


class QemuDiedError(QemuError):
    """The process has ended, or has closed a channel to it.

    Attributes:
        returncode: its exit code; of a process killed by a signal, less than 0.
    """

    def __init__(self, message: str, stderr: str = "", returncode: int = 0) -> None:
        super().__init__(message, stderr)
        self.returncode = returncode


class QemuHungError(QemuError):
    """The process did not answer in time, and was killed.

    Attributes:
        waited: seconds.
    """

    def __init__(self, message: str, stderr: str = "", waited: float = 0.0) -> None:
        super().__init__(message, stderr)
        self.waited = waited


class InternalError(DlparError, RuntimeError):
    """A bug in pydlpar."""


class GuestError(PlatformError):
    """A guest could not be made, does not answer, or has ended.

    Attributes:
        console: the end of what it wrote to its console; may be empty.
    """

    def __init__(self, message: str, console: str = "") -> None:
        tail = console.strip()
        super().__init__(f"{message}; its console: {tail}" if tail else message)
        self.console = console


class LinuxError(PlatformError):
    """This machine cannot be used as a partition from inside."""


class LockedError(LinuxError):
    """Somebody else works at the machine's hotplug.

    Attributes:
        holder: the process that does; None if it has ended meanwhile.
    """

    def __init__(self, message: str, holder: int | None = None) -> None:
        super().__init__(message)
        self.holder = holder

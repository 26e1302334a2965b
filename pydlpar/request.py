"""The hotplug request: the text of `/sys/kernel/dlpar` to a record and back.

One grammar per kernel line, as the kernel itself parses (arch/powerpc/platforms/
pseries/dlpar.c): `4.1` and `4.5` compare prefixes and skip what separates them,
`4.10` and later split at the space character. Where the oldest parser reads past
the end of the string, the answer here is EINVAL. Any release from 4.1 on has the
grammar of the line that it belongs to.

A text that does not parse is an error, never a request for something else: an
index that cannot be read does not become a count.
"""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn

from pydlpar.constants import Action, IdType, Resource
from pydlpar.errors import ArgumentError, RequestError
from pydlpar.names import Buffer
from pydlpar.rtas import hotplug_section

__all__ = [
    "DIALECTS",
    "PAGE_SIZE",
    "Dialect",
    "HotplugRequest",
    "dialect_of",
    "first_page",
    "parse_request",
    "read_number",
    "release_of",
]

PAGE_SIZE = 65536
"""Bytes that one write hands to the kernel (usual page size of ppc64 builds)."""

_U32_MAX = 0xFFFFFFFF
_U32_DECIMAL_DIGITS = 10

# Bound once: looking up a member of an enumeration is slow.
_BY_INDEX, _BY_COUNT = IdType.DRC_INDEX, IdType.DRC_COUNT
_RESOURCES = {int(member): member for member in Resource}
_ACTIONS = {int(member): member for member in Action}
_ID_TYPES = {int(member): member for member in IdType}

_RESOURCE_WORDS = {int(member): member.name.lower() for member in Resource}
_ACTION_NAMES = {int(member): member.name.lower() for member in Action}
_ID_WORDS = {
    IdType.DRC_NAME: "drc-name",
    IdType.DRC_INDEX: "index",
    IdType.DRC_COUNT: "count",
    IdType.INDEXED_COUNT: "indexed-count",
}


class HotplugRequest(NamedTuple):
    """What to do, to which resource, named how.

    A tuple, because requests are made by the million; use the names.

    Attributes:
        resource: a `Resource`; a plain int where an event names an unknown one.
        action: an `Action`, or a plain int likewise.
        id_type: an `IdType`, or a plain int likewise.
        drc_index: DRC index (the first one for indexed-count), or None.
        count: how many (count and indexed-count), or None.
        drc_name: DRC name, or None.

    `str()` gives the canonical text, `bytes()` the hotplug section of an event.
    """

    resource: Resource | int
    action: Action | int
    id_type: IdType | int
    drc_index: int | None = None
    count: int | None = None  # type: ignore[assignment]
    drc_name: str | None = None

    @classmethod
    def index(  # type: ignore[override]
        cls, resource: Resource, action: Action, drc_index: int
    ) -> HotplugRequest:
        """A request for the one DRC with this index."""
        return cls(
            resource, action, IdType.DRC_INDEX, _u32(drc_index, "index"), None, None
        )

    @classmethod
    def by_count(cls, resource: Resource, action: Action, count: int) -> HotplugRequest:
        """A request for any *count* DRCs; which ones is up to the kernel."""
        return cls(resource, action, IdType.DRC_COUNT, None, _u32(count, "count"), None)

    @classmethod
    def indexed_count(
        cls, resource: Resource, action: Action, count: int, drc_index: int
    ) -> HotplugRequest:
        """A request for *count* DRCs from *drc_index* on."""
        return cls(
            resource,
            action,
            IdType.INDEXED_COUNT,
            _u32(drc_index, "index"),
            _u32(count, "count"),
            None,
        )

    @classmethod
    def by_name(
        cls, resource: Resource, action: Action, drc_name: str
    ) -> HotplugRequest:
        """A request for the DRC of this name. Only events can carry one."""
        return cls(resource, action, IdType.DRC_NAME, None, None, drc_name)

    @classmethod
    def from_section(cls, section: Any) -> HotplugRequest:
        """The request that an event's hotplug section carries.

        Args:
            section: anything with the attributes of this class. What its id type
                does not use is dropped, so that equal requests compare equal.
        """
        id_type = section.id_type
        indexed = id_type in (IdType.DRC_INDEX, IdType.INDEXED_COUNT)
        counted = id_type in (IdType.DRC_COUNT, IdType.INDEXED_COUNT)
        return cls(
            _RESOURCES.get(section.resource, section.resource),
            _ACTIONS.get(section.action, section.action),
            _ID_TYPES.get(id_type, id_type),
            section.drc_index if indexed else None,
            section.count if counted else None,
            section.drc_name if id_type == IdType.DRC_NAME else None,
        )

    def __str__(self) -> str:
        id_word = _ID_WORDS.get(self.id_type)  # type: ignore[call-overload]
        words = [
            _word(self.resource, Resource, _RESOURCE_WORDS),
            _word(self.action, Action, _ACTION_NAMES),
            id_word or f"id-type-{int(self.id_type)}",
        ]
        if self.count is not None:
            words.append(str(self.count))
        if self.drc_index is not None:
            words.append(f"{self.drc_index:#010x}")
        if self.drc_name is not None:
            words.append(self.drc_name)
        return " ".join(words)

    def __bytes__(self) -> bytes:
        return hotplug_section(self)


def _u32(value: int, what: str) -> int:
    if not 0 <= value <= _U32_MAX:
        raise ArgumentError(f"{what} {value:#x}: expected 0..{_U32_MAX:#x}")
    return value


def _word(
    value: int, enum: type[Resource] | type[Action], words: dict[int, str]
) -> str:
    """The word of an enumerator; unknown numbers are shown as such."""
    if isinstance(value, enum):
        return words[value]
    return f"{enum.__name__.lower()}-{value}"


@dataclass(frozen=True)
class Dialect:
    """What one kernel line accepts at `/sys/kernel/dlpar`.

    Attributes:
        name: the release that began it.
        tokenised: split at spaces; else compare prefixes, skip one character.
        resources: resource words, in the order in which they are tried.
        id_types: id words, likewise.
        listing: what reading the file gives; None where it has no show method.
        mode: permissions of the file. Without those to read, not even root may.
    """

    name: str
    tokenised: bool
    resources: dict[bytes, Resource]
    id_types: dict[bytes, IdType]
    listing: bytes | None = None
    mode: int = 0o200


_MEMORY = {b"memory": Resource.MEMORY}
_CPU = {b"cpu": Resource.CPU}
_DT = {b"dt": Resource.DT}
_ACTION_WORDS = {b"add": Action.ADD, b"remove": Action.REMOVE}
_PLAIN_IDS = {b"index": IdType.DRC_INDEX, b"count": IdType.DRC_COUNT}
_INDEXED = {b"indexed-count": IdType.INDEXED_COUNT}


def _with_newlines(words: dict[bytes, Any]) -> dict[bytes, Any]:
    """The words as sysfs_streq() takes them: each with or without one newline."""
    return words | {word + b"\n": member for word, member in words.items()}


_TOKEN_IDS = _with_newlines(_INDEXED | _PLAIN_IDS)
_UNTIL_DT = _with_newlines(_MEMORY | _CPU)
_WITH_DT = _with_newlines(_MEMORY | _CPU | _DT)

DIALECTS = {
    dialect.name: dialect
    for dialect in (
        Dialect("4.1", False, _MEMORY, _PLAIN_IDS),
        Dialect("4.5", False, _MEMORY | _CPU, _PLAIN_IDS),
        Dialect("4.10", True, _UNTIL_DT, _TOKEN_IDS),
        Dialect("5.16", True, _UNTIL_DT, _TOKEN_IDS, b"memory,cpu\n", 0o644),
        Dialect("6.12", True, _WITH_DT, _TOKEN_IDS, b"memory,cpu,dt\n", 0o644),
    )
}
"""The dialects by name, oldest first."""

# Releases between them that read otherwise than the one before.
_BETWEEN = (
    Dialect("4.11", True, _UNTIL_DT, _TOKEN_IDS, b"memory,cpu\n", 0o600),
    Dialect("4.13", True, _UNTIL_DT, _TOKEN_IDS, b"memory,cpu\n", 0o644),
)
_RELEASE = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})")
_OLDEST = (4, 1)

_TOKEN_ACTIONS = _with_newlines(_ACTION_WORDS)
_TOKENS = 5
"""The longest request: resource, action, indexed-count, count, index."""

# kstrtou32() with base 0: one plus sign, 0x needs a digit after it, a leading 0
# is octal, one newline may follow.
_NUMBER = re.compile(rb"\+?(?:0[xX]([0-9a-fA-F]+)|([1-9][0-9]*)|(0[0-7]*))\n?")
_BASES = (0, 16, 10, 8)
_USUAL_INDEX = re.compile(rb"0x[0-9a-fA-F]{1,8}\n?").fullmatch


def release_of(text: str) -> tuple[int, int]:
    """A release of Linux, as numbers that can be compared.

    Raises:
        ArgumentError: it is none, or one without `/sys/kernel/dlpar`.
    """
    match = _RELEASE.fullmatch(text)
    release = (0, 0) if match is None else (int(match[1]), int(match[2]))
    if release < _OLDEST:
        raise ArgumentError(
            f"dialect {text!r}: expected one of {', '.join(DIALECTS)}, "
            "or any release from 4.1 on"
        )
    return release


@lru_cache
def dialect_of(release: str) -> Dialect:
    """What a release of Linux accepts; one not yet written, as the newest read.

    Raises:
        ArgumentError: it is none, or one without `/sys/kernel/dlpar`.
    """
    lines = sorted(
        (*DIALECTS.values(), *_BETWEEN), key=lambda line: release_of(line.name)
    )
    wanted = release_of(release)
    return [line for line in lines if release_of(line.name) <= wanted][-1]


def first_page(data: Buffer | str) -> bytes:
    """What one write hands to the kernel: text as UTF-8, cut to a page."""
    if type(data) is not bytes:
        if isinstance(data, str):
            data = data.encode("utf-8", "surrogatepass")
        data = bytes(data[:PAGE_SIZE])
    return data if len(data) <= PAGE_SIZE else data[:PAGE_SIZE]


def parse_request(data: Buffer | str, dialect: str = "6.12") -> HotplugRequest:
    """Parse what was written to `/sys/kernel/dlpar`.

    Args:
        data: one write. What stands behind the first page or the first NUL is not
            looked at.
        dialect: a key of `DIALECTS`, or any release from 4.1 on.

    Raises:
        RequestError: `.errno` is what write(2) would fail with, `.token` the part
            that was not understood (None where one is missing).
        ArgumentError: no such dialect.
    """
    grammar = DIALECTS.get(dialect) or dialect_of(dialect)
    text = data if type(data) is bytes and len(data) <= PAGE_SIZE else first_page(data)
    if b"\0" in text:
        text = text[: text.index(0)]
    return (_parse_tokens if grammar.tokenised else _parse_prefixes)(text, grammar)


def _parse_tokens(data: bytes, grammar: Dialect) -> HotplugRequest:
    """Split at spaces; nothing behind the last number is looked at."""
    tokens = data.split(b" ", _TOKENS)
    resource = grammar.resources.get(tokens[0])
    if resource is None:
        _reject_token(tokens, 0, grammar.resources)
    action = _TOKEN_ACTIONS.get(tokens[1]) if len(tokens) > 1 else None
    if action is None:
        _reject_token(tokens, 1, _TOKEN_ACTIONS)
    id_type = grammar.id_types.get(tokens[2]) if len(tokens) > 2 else None
    if id_type is None:
        _reject_token(tokens, 2, grammar.id_types)
    if id_type is _BY_INDEX:
        index = _token_number(tokens, 3, "index")
        return HotplugRequest(resource, action, id_type, index, None, None)
    count = _token_number(tokens, 3, "count")
    if id_type is _BY_COUNT:
        return HotplugRequest(resource, action, id_type, None, count, None)
    index = _token_number(tokens, 4, "index")
    return HotplugRequest(resource, action, id_type, index, count, None)


def _reject_token(
    tokens: list[bytes], position: int, words: dict[bytes, Any]
) -> NoReturn:
    """Say which word was expected at *position*."""
    expected = ", ".join(w.decode() for w in words if not w.endswith(b"\n"))
    what = ("resource", "action", "id type")[position]
    if position >= len(tokens):
        raise RequestError(f"no {what} given: expected {expected}", errno.EINVAL)
    _reject(what, tokens[position], _offset(tokens, position), expected)


def _reject(what: str, token: bytes, offset: int, expected: str) -> NoReturn:
    shown = repr(token[:32])[1:]
    raise RequestError(
        f"invalid {what} {shown} at byte {offset}: expected {expected}",
        errno.EINVAL,
        token,
    )


def _offset(tokens: list[bytes], position: int) -> int:
    return sum(len(token) + 1 for token in tokens[:position])


def _token_number(tokens: list[bytes], position: int, what: str) -> int:
    if position >= len(tokens):
        raise RequestError(f"no {what} given", errno.EINVAL)
    text = tokens[position]
    if _USUAL_INDEX(text):
        return int(text, 16)
    value = read_number(text)
    if value is None:
        _reject(what, tokens[position], _offset(tokens, position), "a 32-bit number")
    return value


def read_number(text: bytes) -> int | None:
    """The value as kstrtou32() reads it, or None (invalid, or above 32 bits)."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    group = match.lastindex or 0
    digits = match.group(group)
    if group == 2 and len(digits) > _U32_DECIMAL_DIGITS:
        return None
    value = int(digits, _BASES[group])
    return value if value <= _U32_MAX else None


def _parse_prefixes(data: bytes, grammar: Dialect) -> HotplugRequest:
    """Compare a prefix, skip it and one character, whatever that is.

    The skip may pass the end of the string, where the kernel reads on: nothing
    matches there, so that it is EINVAL.
    """
    resource, start = _prefix(data, 0, "resource", grammar.resources)
    action, start = _prefix(data, start, "action", _ACTION_WORDS)
    id_type, start = _prefix(data, start, "id type", grammar.id_types)
    value = read_number(data[start:])
    if value is None:
        _reject("number", data[start:], start, "a 32-bit number")
    if id_type is _BY_INDEX:
        return HotplugRequest(resource, action, id_type, value, None, None)
    return HotplugRequest(resource, action, id_type, None, value, None)


def _prefix(
    data: bytes, start: int, what: str, words: dict[bytes, Any]
) -> tuple[Any, int]:
    for word, member in words.items():
        if data.startswith(word, start):
            return member, start + len(word) + 1
    expected = ", ".join(word.decode() for word in words)
    if start >= len(data):
        raise RequestError(f"no {what} given: expected {expected}", errno.EINVAL)
    _reject(what, data[start:], start, expected)

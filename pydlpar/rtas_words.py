"""The numbers in RTAS events, in words.

The wording is this project's own; the numbers are LoPAR's (7.3.3 and the
platform event log), with what firmware sends besides. A number that is not
known says so, and itself.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from enum import IntFlag
from typing import Any

from pydlpar.constants import (
    Action,
    EpowAction,
    EpowModifier,
    EventDisposition,
    EventParty,
    EventSeverity,
    EventType,
    IdType,
    Resource,
)
from pydlpar.rtas_refcodes import reference_code_words

__all__ = ["ActionFlags", "field_words", "flag_words", "word"]


class ActionFlags(IntFlag):
    """What is to be done about an event (UH section, `action_flags`)."""

    SERVICE_ACTION = 0x8000
    HIDDEN = 0x4000
    REPORT_EXTERNALLY = 0x2000
    HMC_ONLY = 0x1000
    CALL_HOME = 0x0800
    ISOLATION_INCOMPLETE = 0x0400


_ACTION_FLAGS = {
    ActionFlags.SERVICE_ACTION: "service action needed",
    ActionFlags.HIDDEN: "hidden",
    ActionFlags.REPORT_EXTERNALLY: "report externally",
    ActionFlags.HMC_ONLY: "for the HMC only",
    ActionFlags.CALL_HOME: "call home",
    ActionFlags.ISOLATION_INCOMPLETE: "isolation incomplete",
}

_TYPES = {
    EventType.OTHER: "other",
    EventType.RETRY: "retry limit reached",
    EventType.TCE: "TCE error",
    EventType.INTERNAL_DEVICE: "internal device failure",
    EventType.TIMEOUT: "timeout",
    EventType.DATA_PARITY: "data parity error",
    EventType.ADDRESS_PARITY: "address parity error",
    EventType.CACHE_PARITY: "cache parity error",
    EventType.ADDRESS_INVALID: "invalid address",
    EventType.ECC_UNCORRECTED: "uncorrected ECC error",
    EventType.ECC_CORRECTED: "corrected ECC error",
    EventType.EPOW: "environment or power warning",
    EventType.PRRN: "resource reassignment",
    EventType.PLATFORM_ERROR: "platform error",
    EventType.IO: "I/O event",
    EventType.PLATFORM_INFO: "platform information",
    EventType.DEALLOCATION: "resource deallocation",
    EventType.DUMP: "dump notification",
    EventType.HOTPLUG: "hotplug",
}
_POWER_MANAGEMENT = range(96, 160)
_VENDOR_TYPES = range(230, 256)

_SEVERITIES = {
    EventSeverity.NO_ERROR: "no error",
    EventSeverity.EVENT: "event",
    EventSeverity.WARNING: "warning",
    EventSeverity.ERROR_SYNC: "error, synchronous",
    EventSeverity.ERROR: "error",
    EventSeverity.FATAL: "fatal",
    EventSeverity.ALREADY_REPORTED: "already reported",
    7: "reserved",
}
_DISPOSITIONS = {
    EventDisposition.FULLY_RECOVERED: "fully recovered",
    EventDisposition.LIMITED_RECOVERY: "recovered with limits",
    EventDisposition.NOT_RECOVERED: "not recovered",
    3: "reserved",
}
_PARTIES = {
    EventParty.UNKNOWN: "unknown",
    EventParty.CPU: "CPU",
    EventParty.PCI: "PCI",
    EventParty.ISA: "ISA",
    EventParty.MEMORY: "memory",
    EventParty.POWER_MANAGEMENT: "power management",
    EventParty.HOTPLUG: "hotplug",
}
_FORMATS = {
    1: "CPU",
    2: "memory",
    3: "I/O",
    4: "power-on self-test",
    5: "environment or power warning",
    6: "power management",
    12: "IBM diagnostic",
    13: "service processor",
    14: "platform event log or vendor",
    15: "vendor",
}
_CREATORS = {
    "B": "hostboot or BMC",
    "C": "management console (HMC)",
    "E": "service processor",
    "H": "hypervisor",
    "K": "OPAL",
    "L": "partition firmware",
    "M": "I/O drawer",
    "P": "PowerNV host",
    "S": "SLIC",
    "T": "on-chip controller",
    "W": "power control",
}
# Each from its number up to the next one.
_SUBSYSTEMS = {
    0x00: "unknown",
    0x10: "processor",
    0x20: "memory",
    0x30: "I/O hub, bridge or bus",
    0x40: "I/O adapter or device",
    0x50: "system hardware (CEC)",
    0x60: "power or cooling",
    0x70: "other",
    0x7A: "surveillance",
    0x80: "platform firmware",
    0x90: "software",
    0xA0: "environment",
    0xB0: "reserved",
}
_SUBSYSTEM_STARTS = list(_SUBSYSTEMS)
_EVENT_SEVERITIES = {
    0x00: "information",
    0x10: "recovered",
    0x14: "recovered, a spare is in use",
    0x15: "recovered, entitlement lost",
    0x20: "predicted failure",
    0x21: "predicted failure, degraded performance",
    0x22: "predicted failure, a reboot may fix it",
    0x23: "predicted failure, degraded until a reboot",
    0x24: "predicted failure, redundancy lost",
    0x40: "unrecoverable",
    0x41: "unrecoverable, degraded performance",
    0x44: "unrecoverable, redundancy lost",
    0x45: "unrecoverable, degraded and redundancy lost",
    0x48: "unrecoverable, function lost",
    0x60: "diagnostic error",
    0x61: "diagnostic error, results may be wrong",
}
_EVENT_TYPES = {
    0x00: "not applicable",
    0x01: "other information",
    0x08: "dump",
    0x10: "an earlier error was fixed",
    0x20: "resource taken out by the user",
    0x21: "resource taken out by the system",
    0x22: "resource deallocated",
    0x30: "back to normal",
    0x40: "concurrent maintenance",
    0x60: "capacity upgrade",
    0x70: "resource sparing",
    0x80: "dynamic reconfiguration",
    0xD0: "normal shutdown or power-off",
    0xE0: "abnormal power-off",
}
_PRIORITIES = {
    "H": "mandatory",
    "M": "medium",
    "A": "medium, group A",
    "B": "medium, group B",
    "C": "medium, group C",
    "L": "low",
}
_COMPONENTS = {
    1: "hardware",
    2: "code",
    3: "configuration",
    4: "maintenance procedure",
    9: "external part",
    10: "external code",
    11: "tool",
    12: "symbolic",
}
_EPOW_ACTIONS = {
    EpowAction.RESET: "reset: back to normal",
    EpowAction.WARN_COOLING: "cooling warning",
    EpowAction.WARN_POWER: "power warning",
    EpowAction.SYSTEM_SHUTDOWN: "system shutdown",
    EpowAction.SYSTEM_HALT: "system halt",
    EpowAction.MAIN_ENCLOSURE: "main enclosure loses power",
    EpowAction.POWER_OFF: "power off at once",
}
_EPOW_MODIFIERS = {
    EpowModifier.NOT_APPLICABLE: "not applicable",
    EpowModifier.NORMAL_SHUTDOWN: "normal shutdown",
    EpowModifier.UTILITY_POWER_LOST: "utility power lost",
    EpowModifier.CRITICAL_FUNCTIONS_LOST: "critical functions lost",
    EpowModifier.AMBIENT_TEMPERATURE: "ambient temperature too high",
}
_EPOW_EXTENDED = {0: "whole system", 1: "this partition"}
_RESOURCES = {
    Resource.CPU: "CPU",
    Resource.MEMORY: "memory",
    Resource.SLOT: "slot",
    Resource.PHB: "PHB",
    Resource.PCI: "PCI",
    Resource.PMEM: "persistent memory",
    Resource.DT: "device tree",
}
_ACTIONS = {Action.ADD: "add", Action.REMOVE: "remove"}
_ID_TYPES = {
    IdType.DRC_NAME: "name",
    IdType.DRC_INDEX: "index",
    IdType.DRC_COUNT: "count",
    IdType.INDEXED_COUNT: "count from index",
}
_MC_TYPES = {
    0: "uncorrectable memory error",
    1: "SLB error",
    2: "ERAT error",
    4: "TLB error",
    5: "data cache error",
    7: "instruction cache error",
}
_IE_TYPES = {
    1: "error detected",
    2: "error recovered",
    3: "event",
    4: "remote procedure call",
}
_IE_SCOPES = {
    0x00: "not applicable",
    0x36: "RIO hub",
    0x37: "RIO bridge",
    0x38: "PHB",
    0x39: "EADS, whole",
    0x3A: "EADS, one slot",
    0x51: "service processor",
}
_IE_SUBTYPES = {
    0x00: "not applicable",
    0x01: "rebalance",
    0x03: "node online",
    0x04: "node offline",
    0x05: "size of the platform dump",
    0x08: "generic",
    0x09: "NVDIMM protection on",
    0x0A: "NVDIMM protection off",
}
_DUMPS = {
    1: "service processor dump",
    2: "platform system dump",
    3: "SMA dump",
    4: "power dump",
    5: "log dump",
    6: "dump, partition-initiated",
    7: "dump, platform-initiated",
}
_LOGICAL_RESOURCES = {
    0x10: "CPU",
    0x11: "shared CPU",
    0x40: "memory page",
    0x41: "memory block (LMB)",
}

# Section or record and field, to the words for its values.
_FIELDS: dict[tuple[str, str], Mapping[Any, str]] = {
    ("hdr", "severity"): _SEVERITIES,
    ("hdr", "disposition"): _DISPOSITIONS,
    ("hdr", "initiator"): _PARTIES,
    ("hdr", "target"): _PARTIES,
    ("exthdr", "format"): _FORMATS,
    ("PH", "creator"): _CREATORS,
    ("ED", "data_creator"): _CREATORS,
    ("UH", "event_severity"): _EVENT_SEVERITIES,
    ("UH", "event_type"): _EVENT_TYPES,
    ("HP", "resource"): _RESOURCES,
    ("HP", "action"): _ACTIONS,
    ("HP", "id_type"): _ID_TYPES,
    ("EP", "action"): _EPOW_ACTIONS,
    ("EP", "modifier"): _EPOW_MODIFIERS,
    ("EP", "extended_modifier"): _EPOW_EXTENDED,
    ("epow", "action"): _EPOW_ACTIONS,
    ("MC", "error_type"): _MC_TYPES,
    ("IE", "event_type"): _IE_TYPES,
    ("IE", "scope"): _IE_SCOPES,
    ("IE", "event_subtype"): _IE_SUBTYPES,
    ("DH", "subtype"): _DUMPS,
    ("LR", "resource"): _LOGICAL_RESOURCES,
    ("callout", "priority"): _PRIORITIES,
    ("unit", "priority"): _PRIORITIES,
    ("ID", "component"): _COMPONENTS,
}


def _type_words(number: int) -> str:
    if number in _POWER_MANAGEMENT:
        return "power management"
    if number in _VENDOR_TYPES:
        return "vendor's own"
    return _TYPES.get(EventType(number), "") if number in _KNOWN_TYPES else ""


_KNOWN_TYPES = frozenset(int(member) for member in EventType)


def _unknown(value: int | str) -> str:
    if isinstance(value, str):
        return f"unknown ({value!r})"
    return f"unknown ({value:#04x})"


def word(section_id: str, field: str, value: int | str) -> str | None:
    """The words for a value, or None where the field is no enumeration.

        word("hdr", "type", 0xE5)           "hotplug"
        word("UH", "event_severity", 0x99)  "unknown (0x99)"

    Args:
        section_id: as `RtasSection.id`: `"hdr"`, `"UH"`, `"callout"` ...
        field: a name of `section_fields(section_id)`.
        value: as the section has it; a number, or a creator's or priority's
            character.
    """
    if section_id in ("PS", "SS") and field == "reference_code":
        return reference_code_words(str(value)) or None
    if isinstance(value, int):
        if (section_id, field) == ("hdr", "type"):
            return _type_words(value) or _unknown(value)
        if (section_id, field) == ("UH", "subsystem"):
            at = bisect_right(_SUBSYSTEM_STARTS, value) - 1
            return _SUBSYSTEMS[_SUBSYSTEM_STARTS[at]]
        if (section_id, field) == ("UH", "action_flags"):
            return flag_words(value)
    words = _FIELDS.get((section_id, field))
    return None if words is None else words.get(value) or _unknown(value)


def flag_words(flags: int) -> str:
    """The action flags that are set, in words; bits that are not known, too."""
    words = [text for flag, text in _ACTION_FLAGS.items() if flags & flag]
    rest = flags & ~sum(_ACTION_FLAGS)
    if rest:
        words.append(_unknown(rest))
    return ", ".join(words) or "none"


def field_words(section_id: str) -> dict[str, Mapping[Any, str]]:
    """The enumerations of a section: its fields, and the words by number."""
    found = {name: words for (own, name), words in _FIELDS.items() if own == section_id}
    if section_id == "hdr":
        found["type"] = {n: w for n in range(256) if (w := _type_words(n))}
    if section_id == "UH":
        found["subsystem"] = _SUBSYSTEMS
        found["action_flags"] = _ACTION_FLAGS
    return found

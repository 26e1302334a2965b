"""Device hotplug (DLPAR) on IBM Power: codec, dispatcher, firmware model.

A public name is loaded when it is first asked for: who decodes an event does not
wait for the dispatcher.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydlpar.addresses import (
        PciAddress,
        Range,
        Region,
    )
    from pydlpar.bulk import (
        Column,
    )
    from pydlpar.change_text import (
        change_lines,
    )
    from pydlpar.changes import (
        Change,
        Diff,
    )
    from pydlpar.csources import (
        get_include,
        get_sources,
    )
    from pydlpar.dispatch import (
        Dispatcher,
        Outcome,
    )
    from pydlpar.drmem import (
        Lmb,
        LmbTable,
        LookupArrays,
    )
    from pydlpar.dts_source import (
        DtsMessage,
    )
    from pydlpar.entries.mobility import (
        Migration,
    )
    from pydlpar.epow import (
        EpowStatus,
        Reaction,
        epow_reaction,
        epow_status,
    )
    from pydlpar.error_log_ring import (
        ErrorLogRing,
    )
    from pydlpar.errors import (
        ArgumentError,
        BusyError,
        ConflictError,
        DecodeError,
        DlparError,
        DrcListError,
        DtsError,
        DtsWarning,
        EventError,
        ExistsError,
        GuestError,
        InternalError,
        LinuxError,
        LockedError,
        NoSpaceError,
        NotFoundError,
        OverlayError,
        PlatformError,
        QemuDiedError,
        QemuError,
        QemuHungError,
        QemuUnavailableError,
        RequestError,
        ResolveError,
        StaleHandleError,
        TreeError,
    )
    from pydlpar.lint import (
        Finding,
        Severity,
        lint,
    )
    from pydlpar.node import (
        Node,
    )
    from pydlpar.node_array import (
        NodeArray,
    )
    from pydlpar.operations.mended import (
        MENDED,
    )
    from pydlpar.operations.quirks import (
        Mended,
        Quirk,
    )
    from pydlpar.overlay import (
        OverlayReason,
    )
    from pydlpar.partition import (
        Partition,
    )
    from pydlpar.platforms.faults import (
        AtCalls,
        AtRandom,
        Faulty,
    )
    from pydlpar.platforms.firmware import (
        Firmware,
    )
    from pydlpar.platforms.guest import (
        Guest,
    )
    from pydlpar.platforms.linux import (
        Linux,
    )
    from pydlpar.platforms.migration import (
        Destination,
    )
    from pydlpar.platforms.pci_function import (
        BarSpace,
        PciBar,
        PciFunction,
    )
    from pydlpar.platforms.pci_models import (
        PCI_MODELS,
    )
    from pydlpar.platforms.qemu import (
        Qemu,
    )
    from pydlpar.platforms.qemu_plug import (
        QemuDevice,
    )
    from pydlpar.platforms.qemu_pool import (
        QemuPool,
    )
    from pydlpar.references import (
        Reference,
    )
    from pydlpar.request import (
        HotplugRequest,
        parse_request,
    )
    from pydlpar.resolve import (
        Resolver,
        resolve,
    )
    from pydlpar.rtas import (
        REFERENCE_CODES,
        ActionFlags,
        EpowSection,
        EventEdit,
        EventStream,
        EventTable,
        FoundEvent,
        HotplugSection,
        LogRecord,
        RtasEvent,
        RtasSection,
        TextDamage,
        TextScanner,
        build_event,
        build_section,
        decode_event,
        decode_events,
        decode_hotplug_section,
        decode_log,
        decode_pel,
        decode_text,
        detect_log,
        encode_error_log,
        encode_pel,
        epow_event,
        event_from_dict,
        event_schema,
        events_from_hex,
        field_words,
        flag_words,
        hotplug_columns,
        hotplug_event,
        hotplug_events,
        hotplug_section,
        read_logs,
        read_ndjson,
        reference_code_words,
        scan_text,
        write_ndjson,
    )
    from pydlpar.slot import (
        Slot,
        SlotKind,
    )
    from pydlpar.slots import (
        Slots,
    )
    from pydlpar.tree import (
        DeviceTree,
        Reservation,
    )
    from pydlpar.tree_names import (
        Stdout,
    )

__version__ = "0.1.0"

__all__ = [
    "MENDED",
    "PCI_MODELS",
    "REFERENCE_CODES",
    "ActionFlags",
    "ArgumentError",
    "AtCalls",
    "AtRandom",
    "BarSpace",
    "BusyError",
    "Change",
    "Column",
    "ConflictError",
    "DecodeError",
    "Destination",
    "DeviceTree",
    "Diff",
    "Dispatcher",
    "DlparError",
    "DrcListError",
    "DtsError",
    "DtsMessage",
    "DtsWarning",
    "EpowSection",
    "EpowStatus",
    "ErrorLogRing",
    "EventEdit",
    "EventError",
    "EventStream",
    "EventTable",
    "ExistsError",
    "Faulty",
    "Finding",
    "Firmware",
    "FoundEvent",
    "Guest",
    "GuestError",
    "HotplugRequest",
    "HotplugSection",
    "InternalError",
    "Linux",
    "LinuxError",
    "Lmb",
    "LmbTable",
    "LockedError",
    "LogRecord",
    "LookupArrays",
    "Mended",
    "Migration",
    "NoSpaceError",
    "Node",
    "NodeArray",
    "NotFoundError",
    "Outcome",
    "OverlayError",
    "OverlayReason",
    "Partition",
    "PciAddress",
    "PciBar",
    "PciFunction",
    "PlatformError",
    "Qemu",
    "QemuDevice",
    "QemuDiedError",
    "QemuError",
    "QemuHungError",
    "QemuPool",
    "QemuUnavailableError",
    "Quirk",
    "Range",
    "Reaction",
    "Reference",
    "Region",
    "RequestError",
    "Reservation",
    "ResolveError",
    "Resolver",
    "RtasEvent",
    "RtasSection",
    "Severity",
    "Slot",
    "SlotKind",
    "Slots",
    "StaleHandleError",
    "Stdout",
    "TextDamage",
    "TextScanner",
    "TreeError",
    "build_event",
    "build_section",
    "change_lines",
    "decode_event",
    "decode_events",
    "decode_hotplug_section",
    "decode_log",
    "decode_pel",
    "decode_text",
    "detect_log",
    "encode_error_log",
    "encode_pel",
    "epow_event",
    "epow_reaction",
    "epow_status",
    "event_from_dict",
    "event_schema",
    "events_from_hex",
    "field_words",
    "flag_words",
    "get_include",
    "get_sources",
    "hotplug_columns",
    "hotplug_event",
    "hotplug_events",
    "hotplug_section",
    "lint",
    "parse_request",
    "read_logs",
    "read_ndjson",
    "reference_code_words",
    "resolve",
    "scan_text",
    "write_ndjson",
]

# Where each of them is; the same as above, for those that run this.
_HOMES = {
    "addresses": "PciAddress Range Region",
    "bulk": "Column",
    "change_text": "change_lines",
    "changes": "Change Diff",
    "csources": "get_include get_sources",
    "dispatch": "Dispatcher Outcome",
    "drmem": "Lmb LmbTable LookupArrays",
    "dts_source": "DtsMessage",
    "entries.mobility": "Migration",
    "epow": "EpowStatus Reaction epow_reaction epow_status",
    "error_log_ring": "ErrorLogRing",
    "errors": (
        "ArgumentError BusyError ConflictError DecodeError DlparError "
        "DrcListError DtsError DtsWarning EventError ExistsError GuestError "
        "InternalError LinuxError LockedError NoSpaceError NotFoundError "
        "OverlayError PlatformError QemuDiedError QemuError QemuHungError "
        "QemuUnavailableError RequestError ResolveError StaleHandleError "
        "TreeError"
    ),
    "lint": "Finding Severity lint",
    "node": "Node",
    "node_array": "NodeArray",
    "operations.mended": "MENDED",
    "operations.quirks": "Mended Quirk",
    "overlay": "OverlayReason",
    "partition": "Partition",
    "platforms.faults": "AtCalls AtRandom Faulty",
    "platforms.firmware": "Firmware",
    "platforms.guest": "Guest",
    "platforms.linux": "Linux",
    "platforms.migration": "Destination",
    "platforms.pci_function": "BarSpace PciBar PciFunction",
    "platforms.pci_models": "PCI_MODELS",
    "platforms.qemu": "Qemu",
    "platforms.qemu_plug": "QemuDevice",
    "platforms.qemu_pool": "QemuPool",
    "references": "Reference",
    "request": "HotplugRequest parse_request",
    "resolve": "Resolver resolve",
    "rtas": (
        "ActionFlags EpowSection EventEdit EventStream EventTable FoundEvent "
        "HotplugSection LogRecord REFERENCE_CODES RtasEvent RtasSection "
        "TextDamage TextScanner build_event build_section decode_event "
        "decode_events decode_hotplug_section decode_log decode_pel "
        "decode_text detect_log encode_error_log encode_pel epow_event "
        "event_from_dict event_schema events_from_hex field_words flag_words "
        "hotplug_columns hotplug_event hotplug_events hotplug_section "
        "read_logs read_ndjson reference_code_words scan_text write_ndjson"
    ),
    "slot": "Slot SlotKind",
    "slots": "Slots",
    "tree": "DeviceTree Reservation",
    "tree_names": "Stdout",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    """A public name, or a module that holds some, loaded now."""
    if name in _HOME:
        value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    if name in _HOMES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """Keeps `lint`, the function, where the import of `pydlpar.lint` would put
    the module."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package

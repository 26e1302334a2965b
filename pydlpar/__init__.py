"""Device hotplug (DLPAR) on IBM Power: codec, dispatcher, firmware model."""

from __future__ import annotations

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
from pydlpar.errors import (
    ArgumentError,
    BusyError,
    ConflictError,
    DecodeError,
    DlparError,
    DtsError,
    DtsWarning,
    EventError,
    ExistsError,
    InternalError,
    NoSpaceError,
    NotFoundError,
    OverlayError,
    PlatformError,
    RequestError,
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
from pydlpar.overlay import (
    OverlayReason,
)
from pydlpar.partition import (
    Partition,
)
from pydlpar.platforms.firmware import (
    Firmware,
)
from pydlpar.references import (
    Reference,
)
from pydlpar.request import (
    HotplugRequest,
    parse_request,
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
from pydlpar.tree import (
    DeviceTree,
    Reservation,
)
from pydlpar.tree_names import (
    Stdout,
)

__version__ = "0.1.0"

__all__ = [
    "REFERENCE_CODES",
    "ActionFlags",
    "ArgumentError",
    "BusyError",
    "Change",
    "Column",
    "ConflictError",
    "DecodeError",
    "DeviceTree",
    "Diff",
    "Dispatcher",
    "DlparError",
    "DtsError",
    "DtsMessage",
    "DtsWarning",
    "EpowSection",
    "EventEdit",
    "EventError",
    "EventStream",
    "EventTable",
    "ExistsError",
    "Finding",
    "Firmware",
    "FoundEvent",
    "HotplugRequest",
    "HotplugSection",
    "InternalError",
    "Lmb",
    "LmbTable",
    "LogRecord",
    "LookupArrays",
    "NoSpaceError",
    "Node",
    "NodeArray",
    "NotFoundError",
    "Outcome",
    "OverlayError",
    "OverlayReason",
    "Partition",
    "PciAddress",
    "PlatformError",
    "Range",
    "Reference",
    "Region",
    "RequestError",
    "Reservation",
    "RtasEvent",
    "RtasSection",
    "Severity",
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
    "detect_log",
    "encode_error_log",
    "encode_pel",
    "epow_event",
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
    "scan_text",
    "write_ndjson",
]

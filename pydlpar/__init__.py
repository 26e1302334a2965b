"""Device hotplug (DLPAR) on IBM Power: codec, dispatcher, firmware model."""

from __future__ import annotations

from pydlpar.dispatch import (
    Dispatcher,
    Outcome,
)
from pydlpar.drmem import (
    Lmb,
    LmbTable,
    LookupArrays,
)
from pydlpar.dts import (
    Change,
)
from pydlpar.errors import (
    ArgumentError,
    BusyError,
    DecodeError,
    DlparError,
    EventError,
    ExistsError,
    InternalError,
    NoSpaceError,
    NotFoundError,
    PlatformError,
    RequestError,
    StaleHandleError,
    TreeError,
)
from pydlpar.node import (
    Node,
)
from pydlpar.partition import (
    Partition,
)
from pydlpar.platforms.firmware import (
    Firmware,
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
    EventTable,
    HotplugSection,
    LogRecord,
    RtasEvent,
    RtasSection,
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
    events_from_hex,
    field_words,
    flag_words,
    hotplug_event,
    hotplug_events,
    hotplug_section,
    reference_code_words,
)
from pydlpar.tree import (
    DeviceTree,
    Reservation,
)

__version__ = "0.1.0"

__all__ = [
    "REFERENCE_CODES",
    "ActionFlags",
    "ArgumentError",
    "BusyError",
    "Change",
    "DecodeError",
    "DeviceTree",
    "Dispatcher",
    "DlparError",
    "EpowSection",
    "EventEdit",
    "EventError",
    "EventTable",
    "ExistsError",
    "Firmware",
    "HotplugRequest",
    "HotplugSection",
    "InternalError",
    "Lmb",
    "LmbTable",
    "LogRecord",
    "LookupArrays",
    "NoSpaceError",
    "Node",
    "NotFoundError",
    "Outcome",
    "Partition",
    "PlatformError",
    "RequestError",
    "Reservation",
    "RtasEvent",
    "RtasSection",
    "StaleHandleError",
    "TreeError",
    "build_event",
    "build_section",
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
    "events_from_hex",
    "field_words",
    "flag_words",
    "hotplug_event",
    "hotplug_events",
    "hotplug_section",
    "parse_request",
    "reference_code_words",
]

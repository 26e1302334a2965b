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
    EpowSection,
    EventStream,
    EventTable,
    HotplugSection,
    LogRecord,
    RtasEvent,
    RtasSection,
    decode_event,
    decode_events,
    decode_hotplug_section,
    decode_log,
    decode_pel,
    detect_log,
    epow_event,
    event_schema,
    events_from_hex,
    hotplug_event,
    hotplug_events,
    hotplug_section,
    read_logs,
    read_ndjson,
    write_ndjson,
)
from pydlpar.tree import (
    DeviceTree,
    Reservation,
)

__version__ = "0.1.0"

__all__ = [
    "ArgumentError",
    "BusyError",
    "Change",
    "DecodeError",
    "DeviceTree",
    "Dispatcher",
    "DlparError",
    "EpowSection",
    "EventError",
    "EventStream",
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
    "decode_event",
    "decode_events",
    "decode_hotplug_section",
    "decode_log",
    "decode_pel",
    "detect_log",
    "epow_event",
    "event_schema",
    "events_from_hex",
    "hotplug_event",
    "hotplug_events",
    "hotplug_section",
    "parse_request",
    "read_logs",
    "read_ndjson",
    "write_ndjson",
]

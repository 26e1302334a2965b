"""Device hotplug (DLPAR) on IBM Power: codec, dispatcher, firmware model."""

from __future__ import annotations

from pydlpar.addresses import (
    PciAddress,
    Range,
    Region,
)
from pydlpar.change_text import (
    change_lines,
)
from pydlpar.changes import (
    Change,
    Diff,
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
from pydlpar.errors import (
    ArgumentError,
    BusyError,
    ConflictError,
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
from pydlpar.references import (
    Reference,
)
from pydlpar.request import (
    HotplugRequest,
    parse_request,
)
from pydlpar.rtas import (
    EpowSection,
    EventTable,
    HotplugSection,
    RtasEvent,
    RtasSection,
    decode_event,
    decode_events,
    decode_hotplug_section,
    epow_event,
    events_from_hex,
    hotplug_event,
    hotplug_events,
    hotplug_section,
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
    "ArgumentError",
    "BusyError",
    "Change",
    "ConflictError",
    "DecodeError",
    "DeviceTree",
    "Diff",
    "Dispatcher",
    "DlparError",
    "EpowSection",
    "EventError",
    "EventTable",
    "ExistsError",
    "Firmware",
    "HotplugRequest",
    "HotplugSection",
    "InternalError",
    "Lmb",
    "LmbTable",
    "LookupArrays",
    "NoSpaceError",
    "Node",
    "NotFoundError",
    "Outcome",
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
    "StaleHandleError",
    "Stdout",
    "TreeError",
    "change_lines",
    "decode_event",
    "decode_events",
    "decode_hotplug_section",
    "epow_event",
    "events_from_hex",
    "hotplug_event",
    "hotplug_events",
    "hotplug_section",
    "parse_request",
]

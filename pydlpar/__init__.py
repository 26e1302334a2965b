"""Device hotplug (DLPAR) on IBM Power: codec, dispatcher, firmware model."""

from __future__ import annotations

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
    "DlparError",
    "EventError",
    "ExistsError",
    "InternalError",
    "Lmb",
    "LmbTable",
    "LookupArrays",
    "NoSpaceError",
    "Node",
    "NotFoundError",
    "PlatformError",
    "RequestError",
    "Reservation",
    "StaleHandleError",
    "TreeError",
]

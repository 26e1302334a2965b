"""Enumerations of the hotplug interface, with values taken from the C header."""

from __future__ import annotations

from enum import IntEnum, IntFlag

from pydlpar._ffi import lib

__all__ = [
    "Action",
    "AllocationState",
    "Carrier",
    "ConnectorStatus",
    "DrcState",
    "DrcType",
    "EntitySense",
    "EpowAction",
    "EpowModifier",
    "EventDisposition",
    "EventMask",
    "EventParty",
    "EventSeverity",
    "EventType",
    "IdType",
    "Indicator",
    "IsolationState",
    "LmbFlags",
    "Resource",
    "RtasStatus",
    "Sensor",
]


class Resource(IntEnum):
    """What a hotplug request is about (HP section, resource type)."""

    CPU = lib.DLPAR_RESOURCE_CPU
    MEMORY = lib.DLPAR_RESOURCE_MEMORY
    SLOT = lib.DLPAR_RESOURCE_SLOT
    PHB = lib.DLPAR_RESOURCE_PHB
    PCI = lib.DLPAR_RESOURCE_PCI
    PMEM = lib.DLPAR_RESOURCE_PMEM
    DT = lib.DLPAR_RESOURCE_DT


class Action(IntEnum):
    """Which way a hotplug request goes."""

    ADD = lib.DLPAR_ACTION_ADD
    REMOVE = lib.DLPAR_ACTION_REMOVE


class IdType(IntEnum):
    """How a hotplug request names what it is about."""

    DRC_NAME = lib.DLPAR_ID_DRC_NAME
    DRC_INDEX = lib.DLPAR_ID_DRC_INDEX
    DRC_COUNT = lib.DLPAR_ID_DRC_COUNT
    INDEXED_COUNT = lib.DLPAR_ID_INDEXED_COUNT


class RtasStatus(IntEnum):
    """Status words of RTAS calls."""

    SUCCESS = lib.DLPAR_RTAS_SUCCESS
    HARDWARE_ERROR = lib.DLPAR_RTAS_HARDWARE_ERROR
    BUSY = lib.DLPAR_RTAS_BUSY
    INVALID_PARAMETER = lib.DLPAR_RTAS_INVALID_PARAMETER
    UNEXPECTED_STATE_CHANGE = lib.DLPAR_RTAS_UNEXPECTED_STATE_CHANGE
    EXTENDED_DELAY_MIN = lib.DLPAR_RTAS_EXTENDED_DELAY_MIN
    EXTENDED_DELAY_MAX = lib.DLPAR_RTAS_EXTENDED_DELAY_MAX
    SLOT_ISOLATED = lib.DLPAR_RTAS_SLOT_ISOLATED
    OUTSTANDING_TRANSLATION = lib.DLPAR_RTAS_OUTSTANDING_TRANSLATION
    NO_RESOURCE = lib.DLPAR_RTAS_NO_RESOURCE
    NOT_CONFIGURABLE = lib.DLPAR_RTAS_NOT_CONFIGURABLE


class Indicator(IntEnum):
    """Indicator tokens of set-indicator."""

    ISOLATION_STATE = lib.DLPAR_INDICATOR_ISOLATION_STATE
    DR = lib.DLPAR_INDICATOR_DR
    ALLOCATION_STATE = lib.DLPAR_INDICATOR_ALLOCATION_STATE


class Sensor(IntEnum):
    """Sensor tokens of get-sensor-state."""

    EPOW = lib.DLPAR_SENSOR_EPOW
    ENTITY_SENSE = lib.DLPAR_SENSOR_ENTITY_SENSE


class IsolationState(IntEnum):
    """Values of the isolation-state indicator."""

    ISOLATE = lib.DLPAR_ISOLATION_ISOLATE
    UNISOLATE = lib.DLPAR_ISOLATION_UNISOLATE


class AllocationState(IntEnum):
    """Values of the allocation-state indicator."""

    UNUSABLE = lib.DLPAR_ALLOCATION_UNUSABLE
    USABLE = lib.DLPAR_ALLOCATION_USABLE
    EXCHANGE = lib.DLPAR_ALLOCATION_EXCHANGE
    RECOVER = lib.DLPAR_ALLOCATION_RECOVER


class EntitySense(IntEnum):
    """States that the DR entity sense sensor reports."""

    EMPTY = lib.DLPAR_SENSE_EMPTY
    PRESENT = lib.DLPAR_SENSE_PRESENT
    UNUSABLE = lib.DLPAR_SENSE_UNUSABLE
    EXCHANGE = lib.DLPAR_SENSE_EXCHANGE
    RECOVER = lib.DLPAR_SENSE_RECOVER


class DrcType(IntEnum):
    """Top nibble of a DRC index."""

    CPU = lib.DLPAR_DRC_CPU
    PHB = lib.DLPAR_DRC_PHB
    VIO = lib.DLPAR_DRC_VIO
    PCI = lib.DLPAR_DRC_PCI
    LMB = lib.DLPAR_DRC_LMB
    PMEM = lib.DLPAR_DRC_PMEM


class DrcState(IntEnum):
    """States of a DRC: logical 1 to 4, physical 5 to 8."""

    LOGICAL_UNUSABLE = lib.DLPAR_DRC_STATE_LOGICAL_UNUSABLE
    LOGICAL_AVAILABLE = lib.DLPAR_DRC_STATE_LOGICAL_AVAILABLE
    LOGICAL_UNISOLATE = lib.DLPAR_DRC_STATE_LOGICAL_UNISOLATE
    LOGICAL_CONFIGURED = lib.DLPAR_DRC_STATE_LOGICAL_CONFIGURED
    PHYSICAL_AVAILABLE = lib.DLPAR_DRC_STATE_PHYSICAL_AVAILABLE
    PHYSICAL_POWERON = lib.DLPAR_DRC_STATE_PHYSICAL_POWERON
    PHYSICAL_UNISOLATE = lib.DLPAR_DRC_STATE_PHYSICAL_UNISOLATE
    PHYSICAL_CONFIGURED = lib.DLPAR_DRC_STATE_PHYSICAL_CONFIGURED


class EventMask(IntFlag):
    """Event classes of check-exception and event-scan."""

    INTERNAL_ERROR = lib.DLPAR_EVENT_MASK_INTERNAL_ERROR
    EPOW = lib.DLPAR_EVENT_MASK_EPOW
    HOTPLUG = lib.DLPAR_EVENT_MASK_HOTPLUG
    IO = lib.DLPAR_EVENT_MASK_IO


class LmbFlags(IntFlag):
    """Flags of an LMB in `ibm,dynamic-memory` and `-v2`."""

    ASSIGNED = lib.DLPAR_LMB_ASSIGNED
    DRC_INVALID = lib.DLPAR_LMB_DRC_INVALID
    AI_INVALID = lib.DLPAR_LMB_AI_INVALID
    RESERVED = lib.DLPAR_LMB_RESERVED
    HOTREMOVABLE = lib.DLPAR_LMB_HOTREMOVABLE
    MARKED = lib.DLPAR_LMB_MARKED  # in memory only, while a request runs


class ConnectorStatus(IntEnum):
    """What an answer of ibm,configure-connector delivers."""

    COMPLETE = lib.DLPAR_CONNECTOR_COMPLETE
    NEXT_SIBLING = lib.DLPAR_CONNECTOR_NEXT_SIBLING
    NEXT_CHILD = lib.DLPAR_CONNECTOR_NEXT_CHILD
    NEXT_PROPERTY = lib.DLPAR_CONNECTOR_NEXT_PROPERTY
    PREVIOUS_PARENT = lib.DLPAR_CONNECTOR_PREVIOUS_PARENT
    MORE_MEMORY = lib.DLPAR_CONNECTOR_MORE_MEMORY


class Carrier(IntEnum):
    """What carries RTAS events in a file or stream."""

    RTAS = lib.DLPAR_CARRIER_RTAS
    PEL = lib.DLPAR_CARRIER_PEL
    ESEL = lib.DLPAR_CARRIER_ESEL
    ERROR_LOG_BIG = lib.DLPAR_CARRIER_ERROR_LOG_BIG
    ERROR_LOG_LITTLE = lib.DLPAR_CARRIER_ERROR_LOG_LITTLE


class EventSeverity(IntEnum):
    """Severity of an RTAS event."""

    NO_ERROR = lib.DLPAR_SEVERITY_NO_ERROR
    EVENT = lib.DLPAR_SEVERITY_EVENT
    WARNING = lib.DLPAR_SEVERITY_WARNING
    ERROR_SYNC = lib.DLPAR_SEVERITY_ERROR_SYNC
    ERROR = lib.DLPAR_SEVERITY_ERROR
    FATAL = lib.DLPAR_SEVERITY_FATAL
    ALREADY_REPORTED = lib.DLPAR_SEVERITY_ALREADY_REPORTED


class EventDisposition(IntEnum):
    """How far the platform recovered from what an event reports."""

    FULLY_RECOVERED = lib.DLPAR_DISPOSITION_FULLY_RECOVERED
    LIMITED_RECOVERY = lib.DLPAR_DISPOSITION_LIMITED_RECOVERY
    NOT_RECOVERED = lib.DLPAR_DISPOSITION_NOT_RECOVERED


class EventParty(IntEnum):
    """Initiator and target of an RTAS event."""

    UNKNOWN = lib.DLPAR_PARTY_UNKNOWN
    CPU = lib.DLPAR_PARTY_CPU
    PCI = lib.DLPAR_PARTY_PCI
    ISA = lib.DLPAR_PARTY_ISA
    MEMORY = lib.DLPAR_PARTY_MEMORY
    POWER_MANAGEMENT = lib.DLPAR_PARTY_POWER_MANAGEMENT
    HOTPLUG = lib.DLPAR_PARTY_HOTPLUG


class EventType(IntEnum):
    """What an RTAS event is about."""

    OTHER = lib.DLPAR_EVENT_OTHER
    RETRY = lib.DLPAR_EVENT_RETRY
    TCE = lib.DLPAR_EVENT_TCE
    INTERNAL_DEVICE = lib.DLPAR_EVENT_INTERNAL_DEVICE
    TIMEOUT = lib.DLPAR_EVENT_TIMEOUT
    DATA_PARITY = lib.DLPAR_EVENT_DATA_PARITY
    ADDRESS_PARITY = lib.DLPAR_EVENT_ADDRESS_PARITY
    CACHE_PARITY = lib.DLPAR_EVENT_CACHE_PARITY
    ADDRESS_INVALID = lib.DLPAR_EVENT_ADDRESS_INVALID
    ECC_UNCORRECTED = lib.DLPAR_EVENT_ECC_UNCORRECTED
    ECC_CORRECTED = lib.DLPAR_EVENT_ECC_CORRECTED
    EPOW = lib.DLPAR_EVENT_EPOW
    PRRN = lib.DLPAR_EVENT_PRRN
    PLATFORM_ERROR = lib.DLPAR_EVENT_PLATFORM_ERROR
    IO = lib.DLPAR_EVENT_IO
    PLATFORM_INFO = lib.DLPAR_EVENT_PLATFORM_INFO
    DEALLOCATION = lib.DLPAR_EVENT_DEALLOCATION
    DUMP = lib.DLPAR_EVENT_DUMP
    HOTPLUG = lib.DLPAR_EVENT_HOTPLUG


class EpowAction(IntEnum):
    """What an environmental and power warning asks for."""

    RESET = lib.DLPAR_EPOW_RESET
    WARN_COOLING = lib.DLPAR_EPOW_WARN_COOLING
    WARN_POWER = lib.DLPAR_EPOW_WARN_POWER
    SYSTEM_SHUTDOWN = lib.DLPAR_EPOW_SYSTEM_SHUTDOWN
    SYSTEM_HALT = lib.DLPAR_EPOW_SYSTEM_HALT
    MAIN_ENCLOSURE = lib.DLPAR_EPOW_MAIN_ENCLOSURE
    POWER_OFF = lib.DLPAR_EPOW_POWER_OFF


class EpowModifier(IntEnum):
    """Why a system shutdown is asked for."""

    NOT_APPLICABLE = lib.DLPAR_EPOW_NOT_APPLICABLE
    NORMAL_SHUTDOWN = lib.DLPAR_EPOW_NORMAL_SHUTDOWN
    UTILITY_POWER_LOST = lib.DLPAR_EPOW_UTILITY_POWER_LOST
    CRITICAL_FUNCTIONS_LOST = lib.DLPAR_EPOW_CRITICAL_FUNCTIONS_LOST
    AMBIENT_TEMPERATURE = lib.DLPAR_EPOW_AMBIENT_TEMPERATURE

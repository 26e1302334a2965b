"""RTAS events: decode one, decode many to columns, build them.

One event is an `RtasEvent`; its sections are read on demand. Events stored
back to back become an `EventTable`, which makes no object per event. Bytes are
read and written in C only; nothing keeps state.

    decode_event(data).hotplug                      one event
    decode_events(data).drc_index                   many, a column
    hotplug_event(request, plid=7)                  bytes, as firmware raises
    decode_event(events_from_hex(text))             out of a log
    for record in decode_log(data): record.event    any binary log
"""

from __future__ import annotations

from pydlpar.rtas_batch import EventColumn, EventTable, decode_events, event_columns
from pydlpar.rtas_encode import (
    EpowSection,
    HotplugLike,
    HotplugSection,
    decode_hotplug_section,
    epow_event,
    hotplug_event,
    hotplug_events,
    hotplug_section,
)
from pydlpar.rtas_event import RtasEvent, decode_event, decode_pel
from pydlpar.rtas_hex import events_from_hex
from pydlpar.rtas_json import EVENT_SCHEMA, from_json, read_ndjson, write_ndjson
from pydlpar.rtas_log import LogRecord, decode_log, detect_log
from pydlpar.rtas_schema import event_schema
from pydlpar.rtas_stream import EventStream, read_logs
from pydlpar.rtas_table import FieldRow, RtasSection, section_fields

__all__ = [
    "EVENT_SCHEMA",
    "EpowSection",
    "EventColumn",
    "EventStream",
    "EventTable",
    "FieldRow",
    "HotplugLike",
    "HotplugSection",
    "LogRecord",
    "RtasEvent",
    "RtasSection",
    "decode_event",
    "decode_events",
    "decode_hotplug_section",
    "decode_log",
    "decode_pel",
    "detect_log",
    "epow_event",
    "event_columns",
    "event_schema",
    "events_from_hex",
    "from_json",
    "hotplug_event",
    "hotplug_events",
    "hotplug_section",
    "read_logs",
    "read_ndjson",
    "section_fields",
    "write_ndjson",
]

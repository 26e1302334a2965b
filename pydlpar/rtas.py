"""RTAS events: decode one, decode many to columns, build them.

One event is an `RtasEvent`; its sections are read on demand. Events stored
back to back become an `EventTable`, which makes no object per event. Bytes are
read and written in C only; nothing keeps state.

    decode_event(data).hotplug                      one event
    decode_events(data).drc_index                   many, a column
    hotplug_event(request, plid=7)                  bytes, as firmware raises
    hotplug_columns(1, 1, 2, drc_index=indexes)     many, of columns
    scan_text(open(log, "rb"))                      out of a log or a dump
    for record in decode_log(data): record.event    any binary log
"""

from __future__ import annotations

from pydlpar.rtas_batch import (
    EventColumn,
    EventTable,
    decode_events,
    event_columns,
)
from pydlpar.rtas_build import (
    build_event,
    build_section,
    encode_error_log,
    encode_pel,
    event_from_dict,
)
from pydlpar.rtas_edit import EventEdit
from pydlpar.rtas_encode import (
    EpowSection,
    HotplugLike,
    HotplugSection,
    decode_hotplug_section,
    epow_event,
    hotplug_event,
    hotplug_section,
)
from pydlpar.rtas_event import (
    RtasEvent,
    decode_event,
    decode_pel,
)
from pydlpar.rtas_json import (
    EVENT_SCHEMA,
    from_json,
    read_ndjson,
    write_ndjson,
)
from pydlpar.rtas_log import (
    LogRecord,
    decode_log,
    detect_log,
)
from pydlpar.rtas_places import decode_text
from pydlpar.rtas_refcodes import REFERENCE_CODES, reference_code_words
from pydlpar.rtas_requests import hotplug_columns, hotplug_events
from pydlpar.rtas_schema import event_schema
from pydlpar.rtas_stream import EventStream, read_logs
from pydlpar.rtas_table import (
    FieldRow,
    RtasSection,
    section_fields,
)
from pydlpar.rtas_text import (
    FoundEvent,
    TextDamage,
    TextScanner,
    events_from_hex,
    scan_text,
)
from pydlpar.rtas_words import (
    ActionFlags,
    field_words,
    flag_words,
    word,
)

__all__ = [
    "EVENT_SCHEMA",
    "REFERENCE_CODES",
    "ActionFlags",
    "EpowSection",
    "EventColumn",
    "EventEdit",
    "EventStream",
    "EventTable",
    "FieldRow",
    "FoundEvent",
    "HotplugLike",
    "HotplugSection",
    "LogRecord",
    "RtasEvent",
    "RtasSection",
    "TextDamage",
    "TextScanner",
    "build_event",
    "build_section",
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
    "event_columns",
    "event_from_dict",
    "event_schema",
    "events_from_hex",
    "field_words",
    "flag_words",
    "from_json",
    "hotplug_columns",
    "hotplug_event",
    "hotplug_events",
    "hotplug_section",
    "read_logs",
    "read_ndjson",
    "reference_code_words",
    "scan_text",
    "section_fields",
    "word",
    "write_ndjson",
]

"""Events as JSON: what the schema says, and back again."""

from __future__ import annotations

import io
import json

import pytest
import rtas_vectors as v
from hypothesis import given
from hypothesis import strategies as st
from places import CORPUS, ROOT

import pydlpar
from pydlpar import decode_event, event_schema, read_ndjson, write_ndjson
from pydlpar.rtas_json import EVENT_SCHEMA, from_json, to_json
from pydlpar.rtas_schema import event_schema_text

FILE = CORPUS / "rtas" / "cases.json"
CASES = json.loads(FILE.read_text())["events"] if FILE.exists() else []
EVENTS = [*v.ALL, v.SUMMARY, *(bytes.fromhex(case["hex"]) for case in CASES)]


def _closed(schema):
    """*schema*, with no keys but those that it names."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if "properties" in closed and "required" in closed:
        closed["additionalProperties"] = False
    return closed


@pytest.fixture(scope="module")
def validate():
    jsonschema = pytest.importorskip("jsonschema", reason="no jsonschema")
    schema = event_schema()
    validator = jsonschema.Draft202012Validator
    validator.check_schema(schema)
    closed = validator(_closed(schema))

    def check(plain):
        errors = [error.message for error in closed.iter_errors(plain)]
        assert errors == []

    return check


def test_the_shipped_schema_is_up_to_date():
    """`make schema` makes it anew."""
    path = ROOT / "pydlpar" / "data" / "event.schema.json"
    assert path.read_text(encoding="utf-8") == event_schema_text()


def test_every_event_is_as_the_schema_says(validate):
    """The whole corpus, damaged events included; no key is unknown to it."""
    for data in EVENTS:
        event = decode_event(data, strict=False)
        plain = event.to_dict()
        assert plain["schema"] == EVENT_SCHEMA
        validate(plain)
        validate(json.loads(event.to_json()))


def test_platform_event_logs_are_as_the_schema_says(validate):
    """Logs without RTAS headers, too."""
    paths = sorted((CORPUS / "rtas").glob("*-pel/**/*.pel"))
    if not paths:
        pytest.skip("corpus/rtas has no platform event logs")
    for path in paths:
        validate(pydlpar.decode_pel(path.read_bytes(), strict=False).to_dict())


@given(st.sampled_from(EVENTS), st.integers(0, 1 << 30), st.integers(0, 255))
def test_damaged_events_are_as_the_schema_says(validate, data, place, byte):
    """Any byte changed: schema and JSON still hold."""
    changed = bytearray(data)
    changed[place % len(data)] = byte
    plain = decode_event(changed, strict=False).to_dict()
    validate(plain)
    assert from_json(to_json(plain)) == plain


def test_the_schema_can_say_no(validate):
    plain = decode_event(v.CPU_REMOVE_INDEX).to_dict()
    for section, field, value in [
        (0, "severity", 8),
        (0, "severity", "event"),
        (2, "date", "2026-01-02"),
        (4, "drc_index", -1),
        (4, "unheard_of", 1),
    ]:
        other = json.loads(json.dumps(plain))
        other["sections"][section][field] = value
        with pytest.raises(AssertionError):
            validate(other)
    del plain["sections"][4]["resource"]
    with pytest.raises(AssertionError):
        validate(plain)


def test_json_has_texts_of_any_bytes_and_gives_them_back():
    """A byte above 0x7f is the character of that number, in valid UTF-8."""
    comment = b'caf\xe9 \\udc80 \x01"\xff'
    event = decode_event(v.event(v.section(b"CH", comment)))
    text = event.to_json()
    assert "\n" not in text
    assert json.loads(text)["sections"][2]["comment"] == 'café \\udc80 \x01"ÿ'
    assert from_json(text) == event.to_dict()
    assert from_json(text.encode("utf-8")) == event.to_dict()
    assert from_json(json.dumps(json.loads(text))) == event.to_dict()


def test_ndjson_is_one_object_a_line():
    file = io.StringIO()
    table = pydlpar.decode_events(b"".join(v.ALL))
    assert write_ndjson(table, file) == len(v.ALL)
    lines = file.getvalue().splitlines(keepends=True)
    assert [json.loads(line)["length"] for line in lines] == [len(e) for e in v.ALL]
    assert list(read_ndjson(lines)) == [event.to_dict() for event in table]
    assert list(read_ndjson([b"\n", lines[0].encode(), "  \r\n"])) == [
        table[0].to_dict()
    ]
    assert write_ndjson([], file) == 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: no JSON"),
        ("[1]", "line 2: JSON of list"),
        ("{}", "line 2: object of schema None, expected 'pydlpar-event/1'"),
        ('{"schema": "pydlpar-event/9"}', "line 2: object of schema 'pydlpar-event/9'"),
        (b"\xff", "line 2: no JSON"),
        ("[" * 100000, "line 2: no JSON"),
    ],
)
def test_lines_that_are_no_events_are_refused(line, message):
    good = decode_event(v.PRRN).to_json()
    with pytest.raises(pydlpar.EventError) as caught:
        list(read_ndjson([good, line]))
    assert str(caught.value).startswith(message)

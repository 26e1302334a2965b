"""`pydlpar encode`: what it makes is what `pydlpar decode` reads."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import pydlpar
from pydlpar import HotplugRequest
from pydlpar.cli.app import app
from pydlpar.cli.encode import kernel_text, request_of
from pydlpar.constants import Action, Resource
from pydlpar.rtas import EVENT_SCHEMA

TIME = datetime(2026, 1, 2, 3, 4, 5)


def command(name, *arguments, stdin=None):
    return CliRunner().invoke(app, [name, *map(str, arguments)], input=stdin)


def encode(*arguments, stdin=None):
    result = command("encode", *arguments, stdin=stdin)
    assert result.exit_code == 0, result.stderr
    return result.stdout_bytes


WORDS = ["memory add count 2", "cpu remove index 0x10000001"]
REQUESTS = [
    HotplugRequest.by_count(Resource.MEMORY, Action.ADD, 2),
    HotplugRequest.index(Resource.CPU, Action.REMOVE, 0x10000001),
]


def test_requests_become_the_events_of_firmware():
    """Byte by byte those of `hotplug_events`; the log id grows by one."""
    time = "2026-01-02T03:04:05"
    made = encode(*WORDS, "--plid", "0x7", "--time", time, "--byteorder", "little")
    assert made == pydlpar.hotplug_events(REQUESTS, 7, TIME, "little")
    assert encode(*WORDS) == pydlpar.hotplug_events(REQUESTS)


numbers = st.integers(0, 0xFFFFFFFF)
kinds = st.sampled_from(list(Resource)), st.sampled_from(list(Action))
names = st.from_regex(r"[A-Za-z0-9.-]{1,30}", fullmatch=True)


@given(
    st.one_of(
        st.builds(HotplugRequest.index, *kinds, numbers),
        st.builds(HotplugRequest.by_count, *kinds, numbers),
        st.builds(HotplugRequest.indexed_count, *kinds, numbers, numbers),
        st.builds(HotplugRequest.by_name, *kinds, names),
    )
)
def test_every_request_is_read_back(request_):
    """The canonical text of any request that an event can carry."""
    assert request_of(str(request_)) == request_


@pytest.mark.parametrize("form", ["binary", "text", "error-log", "pel"])
def test_every_form_is_decoded_again(form):
    data = encode(*WORDS, "--time", TIME, "--format", form)
    decoded = command("decode", "--ndjson", stdin=data)
    assert decoded.exit_code == 0, decoded.stderr
    plain = [json.loads(text) for text in decoded.stdout.splitlines()]
    wanted = list(pydlpar.decode_log(pydlpar.hotplug_events(REQUESTS, 0, TIME)))
    assert len(plain) == len(wanted)
    for got, want in zip(plain, wanted, strict=True):
        hotplug = want.event.to_dict()["sections"][-1]
        if form == "pel":
            hotplug["offset"] -= 24
        assert got["sections"][-1] == hotplug


@pytest.mark.parametrize("option", ["--json", "--ndjson"])
def test_json_gives_the_same_bytes_back(option):
    """An array, or objects line by line."""
    data = pydlpar.hotplug_events(REQUESTS, 7, TIME)
    text = command("decode", option, stdin=data).stdout
    assert encode("--json", "-", stdin=text) == data


def test_what_was_edited_in_json_is_changed(tmp_path):
    plain = json.loads(command("decode", "--ndjson", stdin=encode(WORDS[0])).stdout)
    plain["sections"][-1]["count"] = 9
    (tmp_path / "f").write_text(json.dumps(plain))
    target = tmp_path / "out"
    assert encode("--json", tmp_path / "f", "-o", target) == b""
    assert pydlpar.decode_event(target.read_bytes()).hotplug.count == 9


@pytest.mark.parametrize("size", [1, 4, 15, 16, 17, 100])
def test_kernel_text(size):
    """Markers with the number, lines of 16 bytes in groups of four."""
    raw = bytes(range(size))
    first, *lines, last = kernel_text(raw, 5)
    assert first == "RTAS: 5 -------- RTAS event begin --------"
    assert last == "RTAS: 5 -------- RTAS event end ----------"
    assert [line.partition(":")[0] for line in lines] == [
        f"RTAS {n}" for n in range((size + 15) // 16)
    ]
    assert bytes.fromhex("".join(line.partition(":")[2] for line in lines)) == raw


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        ([], b"", "give REQUESTs, or --json FILE"),
        (["memory add count 2", "--json", "-"], b"", "give REQUESTs, or --json"),
        (["--json", "-", "--plid", "1"], b"", "are for REQUESTs"),
        (["memory add"], b"", "expected as 'memory add count 2'"),
        (["disk add index 1"], b"", "expected as 'memory add count 2'"),
        (["memory add count two"], b"", "count 'two', expected a number"),
        (["memory add count 0x100000000"], b"", "expected 0..0xffffffff"),
        (["memory add count 1", "--plid", "x"], b"", "log id 'x', expected a number"),
        (["memory add count 1", "--plid", "-1"], b"", "expected 32 bits"),
        (["memory add count 1", "--time", "x"], b"", "time 'x', expected one as"),
        (["--json", "-"], b"", "no event, expected JSON objects"),
        (["--json", "-"], b"[{]", "no JSON"),
        (["--json", "-"], b"\xff", "byte 0: no UTF-8"),
        (["--json", "-"], b"[1]", "event 1: "),
        (["--json", "-"], b"[" * 100000, "no JSON"),
        (["--json", "-"], b'{"schema": "other/9"}', "event 1: object of schema"),
        (["--json", "-"], b'{"schema": "pydlpar-event/1"}', "expected a list"),
        (
            ["--json", "-"],
            b'{"schema": "pydlpar-event/1", "sections": [{"id": "ZZZ"}]}',
            "event 1: ",
        ),
        (["--json", "/no/such"], b"", "/no/such: No such file"),
    ],
)
def test_bad_input_is_status_2(arguments, stdin, message):
    result = command("encode", *arguments, stdin=stdin)
    assert result.exit_code == 2, result.exception
    assert message in " ".join(result.stderr.split())
    assert result.stdout == ""


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-1, 300) | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["schema", "sections", "id", "raw", "length", "count"]),
                inner,
            )
        ),
    )
)
def test_any_json_gives_a_result_or_an_error(plain):
    """Never anything else than status 0 or 2."""
    if isinstance(plain, dict):
        plain["schema"] = EVENT_SCHEMA
    result = command("encode", "--json", "-", stdin=json.dumps(plain).encode())
    assert isinstance(result.exception, SystemExit | None), result.exception
    assert result.exit_code in (0, 2)


@given(st.data())
def test_any_value_of_a_field_gives_a_result_or_an_error(data):
    """With `raw` beside it, and without."""
    event = pydlpar.build_event(
        sections=[("PS", {"callouts": [{"location_code": "U1", "MR": {}}]}), "EP", "LP"]
    )
    plain = event.to_dict()
    if data.draw(st.booleans()):
        del plain["raw"]
    section = data.draw(st.sampled_from(plain["sections"]))
    value = st.none() | st.integers(-1, 1 << 65) | st.text(max_size=9) | st.floats()
    value |= st.lists(value, max_size=3) | st.dictionaries(st.just("id"), value)
    section[data.draw(st.sampled_from(sorted(section)))] = data.draw(value)
    result = command("encode", "--json", "-", stdin=json.dumps(plain).encode())
    assert isinstance(result.exception, SystemExit | None), result.exception
    assert result.exit_code in (0, 2)

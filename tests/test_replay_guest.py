"""Real guests, replayed: every step gives what Linux 6.1 in QEMU 7.2 gave."""

from __future__ import annotations

import json

import pytest
from places import CORPUS

from pydlpar import ArgumentError
from pydlpar.compare.replay import Replay, replay
from pydlpar.compare.transcript import (
    Transcript,
    escaped,
    unescaped,
    write_result,
    writes_of_drmgr,
)

# Name, steps, writes, steps that raise an event, device trees.
GUEST_RUNS = [
    ("cpu-lifecycle", 22, 27, 2, 12),
    ("memory-lifecycle", 23, 16, 2, 13),
    ("pci-lifecycle", 9, 0, 5, 6),
]


def transcript_of(name):
    if not (CORPUS / "guest" / name / "transcript.json").exists():
        pytest.skip("needs the corpus (PYDLPAR_CORPUS)")
    return Transcript.read(CORPUS / "guest" / name)


@pytest.mark.parametrize(("name", "steps", "writes", "plugs", "trees"), GUEST_RUNS)
def test_every_step(name, steps, writes, plugs, trees):
    """Results, event bytes, DRC calls, QMP events and the whole tree, in order."""
    compared = {"writes": 0, "plugs": 0, "trees": 0}
    number = 0
    for number, step, came, _, differences in replay(transcript_of(name)):
        what = f"step {number}: {step['kind']} {step['what']}"
        assert differences == [], what
        assert len(came.events) == ("event" in step), what
        # The last step of a guest that is powered down has none.
        assert came.qmp_events == [e["event"] for e in step.get("qmp_events", [])]
        compared["writes"] += len(came.results)
        compared["plugs"] += "event" in step
        compared["trees"] += "tree" in step
    assert number == steps
    assert compared == {"writes": writes, "plugs": plugs, "trees": trees}


CHANGES = {
    "result": "write=-1 len=27 errno=5 (Input/output error)",
    "drc_trace": ["spapr_drc_set_isolation_state drc: 0x10000006, state: 0x1"],
    "qmp_events": [{"event": "DEVICE_DELETED", "data": {}}],
    "tree": "00-boot.dtb",
    "event": "00" * 116,
}


@pytest.mark.parametrize("aspect", CHANGES)
def test_what_is_not_the_same_is_told(aspect):
    """Each aspect, changed alone in one step, is the only one that differs."""
    transcript = transcript_of("cpu-lifecycle")
    # The removal of a core that was plugged; the plug is the one with an event.
    step = transcript.steps[2 if aspect == "event" else 4]
    step[aspect] = CHANGES[aspect]
    found = [entry for entry in replay(transcript) if entry.differences]
    assert [entry.step for entry in found] == [step]
    names = {name.partition(" ")[0] for name, _, _ in found[0].differences}
    assert names == {"results" if aspect == "result" else aspect}


def test_writes_that_drmgr_made():
    """Derived from the trace: one write for each core it tried; memory by count."""
    step = {
        "what": "drmgr -c cpu -a -q 1; echo rc=$?",
        "drc_trace": [
            "spapr_drc_set_allocation_state drc: 0x10000003, state: 0x1",
            "spapr_drc_set_allocation_state drc: 0x10000001, state: 0x1",
            "spapr_drc_set_isolation_state drc: 0x10000001, state: 0x1",
            "spapr_drc_set_configured drc: 0x10000001",
        ],
    }
    tries = [b"cpu add index 0x10000003", b"cpu add index 0x10000001"]
    assert writes_of_drmgr(step) == tries
    step = {"what": "drmgr -c mem -r -q 3", "drc_trace": []}
    assert writes_of_drmgr(step) == [b"memory remove count 3"]
    assert writes_of_drmgr({"what": "cat /proc/meminfo", "drc_trace": []}) == []


@pytest.mark.parametrize("data", [b"cpu add count 1\n", bytes(range(256)), b"\\0", b""])
def test_notation_of_writes(data):
    """Any bytes come back."""
    assert unescaped(escaped(data)) == data
    assert escaped(data).isascii()


def test_notation_of_results():
    assert write_result(16, 16) == "write=16 len=16 errno=0 (ok)"
    assert write_result(-22, 3) == "write=-1 len=3 errno=22 (Invalid argument)"


BAD = [
    ("[", "no JSON"),
    ("[" * 100_000, "no JSON"),
    ("[]", "expected an object with 'steps'"),
    ('{"steps": 1}', "expected an object with 'steps'"),
    ({}, "step 1: kind None, expected one of dlpar"),
    ("x", "step 1: expected an object"),
    ({"kind": "sh"}, "step 1: what is None, expected str"),
    ({"kind": "sh", "what": 1}, "step 1: what is 1, expected str"),
    ({"kind": "qmp", "what": "x", "args": []}, "args is [], expected dict"),
    ({"kind": "dlpar", "what": "x"}, "step 1: result None, expected write="),
    ({"kind": "ofdt", "what": "x", "result": "0"}, "result '0', expected write="),
]


@pytest.mark.parametrize(("content", "message"), BAD)
def test_what_is_no_transcript(tmp_path, content, message):
    """It is said what was expected, and in which step."""
    if not isinstance(content, str) or content == "x":
        content = json.dumps({"steps": [content]})
    (tmp_path / "transcript.json").write_text(content)
    with pytest.raises(ArgumentError) as error:
        Transcript.read(tmp_path)
    assert message in str(error.value)


def test_a_tree_is_in_its_folder(tmp_path):
    """A transcript of a stranger reads no other files; one without trees is none."""
    transcript = Transcript(tmp_path, {}, [])
    with pytest.raises(ArgumentError, match="expected a name in"):
        transcript.tree("../etc/passwd")
    with pytest.raises(ArgumentError, match="no step has a tree"):
        transcript.boot_tree()


def test_what_the_model_does_not_know(small_tree):
    """An unknown command or DRC name is an error, not a guess."""
    from pydlpar import DeviceTree

    machine = Replay(DeviceTree.from_dtb(small_tree))
    with pytest.raises(
        ArgumentError, match="QMP command 'migrate': the model has none"
    ):
        machine.run({"kind": "qmp", "what": "migrate"})
    step = {"kind": "sh", "what": "drmgr -c pci -a -s Nowhere"}
    with pytest.raises(ArgumentError, match="no node lists such a DRC"):
        machine.run(step)
    refused = {"kind": "qmp", "what": "device_del", "args": {"id": "x"}}
    assert machine.run(refused).refused == "Device 'x' not found"

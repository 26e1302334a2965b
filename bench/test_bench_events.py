"""The benchmarks of events measure what they say, with and without librtasevent."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench import events, librtas, peers_rtas
from bench.build import MissingError
from bench.instructions import COUNTS
from bench.report import markdown
from bench.results import OURS, Figure, Results
from pydlpar import FoundEvent, decode_event, decode_events, scan_text


@pytest.mark.parametrize("label", events.LABELS)
def test_a_log_has_the_events_of_its_sample(label: str) -> None:
    """What is scanned is what is walked."""
    sample = events.load(label)
    found = list(scan_text(sample.text))
    if len(sample.events) < 1 << 14:
        assert all(isinstance(item, FoundEvent) for item in found)
    if label == events.HOTPLUG:
        each = [item.event.to_bytes() for item in found if isinstance(item, FoundEvent)]
        assert b"".join(each) == sample.events
        assert len(decode_events(sample.events)) == events.BATCH


@pytest.mark.parametrize("n", events.SECTIONS)
def test_events_have_as_many_sections_as_their_name_says(n: int) -> None:
    """Besides the two headers, PH and UH."""
    assert len(decode_event(events.of_sections(n)).sections) == n + 4


def test_one_of_the_same_shape_stands_in_for_the_real_event(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """16 parts and 1 300 bytes, with the corpus as without."""
    monkeypatch.setenv("PYDLPAR_CORPUS", str(tmp_path))
    made = decode_event(events.real_event())
    assert (len(made.sections), len(made.to_bytes())) == (16, 1300)


def test_construct_reads_what_the_library_reads() -> None:
    """Every section of the 16-part event; the index of a hotplug event."""
    log = events.real_event()
    ours = decode_event(log).sections[2:]
    theirs = peers_rtas.read(log).extended.sections
    assert [(s.id.decode(), s.length) for s in theirs] == [
        (s.id, s.length) for s in ours
    ]
    log = events.hotplugs()[7]
    section = decode_event(log).hotplug
    assert section is not None
    assert peers_rtas.drc_index(log) == section.drc_index


def test_without_its_source_librtasevent_is_estimated_from_memcpy() -> None:
    """Only where the copy was measured, and for what was."""
    figures = [
        Figure("core", "event-least", "hotplug", "memcpy", 2.0),
        Figure("core", "event-walk", "hotplug", OURS, 20.0),
        Figure("core", "event-walk", "memory-info", OURS, 200.0),
    ]
    (made,) = librtas.estimate(figures)
    assert (made.op, made.size, made.peer) == ("event-walk", "hotplug", "librtasevent")
    assert made.ns > figures[1].ns
    assert "memcpy" in librtas.named(None)


def test_a_folder_with_the_source_is_taken_as_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And one without is as if there were none: nothing is fetched instead."""
    monkeypatch.setenv(librtas.LIBRARY, str(tmp_path))
    assert librtas.fetch(tmp_path) is None
    sources = tmp_path / "librtasevent_src"
    sources.mkdir()
    for name in ("rtas_cpu.c", "rtas_src_codes.c"):
        (sources / name).touch()
    assert librtas.fetch(tmp_path) == tmp_path
    assert [path.name for path in librtas.sources(tmp_path)] == ["rtas_cpu.c"]


def test_where_packages_have_no_source_there_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A command that fails is not an error of the benchmark."""
    monkeypatch.delenv(librtas.LIBRARY, raising=False)
    monkeypatch.setattr(librtas, "_source_list", lambda where: where / "list")

    def fail(*_: object, **__: object) -> None:
        raise subprocess.CalledProcessError(100, "apt-get")

    monkeypatch.setattr(subprocess, "run", fail)
    assert librtas.fetch(tmp_path) is None


def test_the_program_of_events_runs(tmp_path: Path) -> None:
    """It checks its results; each sample gives its figures, the estimate included."""
    try:
        figures = events.run(tmp_path, None, milliseconds=1, repetitions=1)
    except MissingError as error:
        pytest.skip(str(error))
    results = Results({}, figures)
    for label in events.LABELS:
        for operation in events.load(label).operations:
            assert results.get("core", operation, label)
    assert results.get("core", "event-walk", events.HOTPLUG, "librtasevent")
    assert "find events in a log" in markdown(results)


def test_instructions_of_events_are_kept() -> None:
    """A count that nobody keeps is not compared with anything."""
    text = COUNTS.read_text(encoding="utf-8")
    assert '"event-walk"' in text
    assert '"event-columns"' in text

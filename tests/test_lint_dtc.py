"""The rules of the lint against dtc's own checks, on dtc's own test trees."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

from pydlpar import DeviceTree, Severity, TreeError, lint
from pydlpar.lint import RULES

LINE = re.compile(r"(?:Warning|ERROR) \((\w+)\): (/[^:]*)")
NOT_MADE = re.compile(r"\((\w+)\): Failed prerequisite")

# dtc 1.6.1 does not end on it.
ENDLESS = {"phandle-args-overflow.test.dtb"}

# What dtc 1.6.1 finds and the lint does not, or at another node, and why.
ELSEWHERE = {
    # Later dtc wants #address-cells only of a node with an interrupt-map.
    ("bad-interrupt-map-mask.test.dtb", "interrupt_provider"),
    ("bad-interrupt-map.test.dtb", "interrupt_provider"),
    # Told of the node that is asked for interrupts: here interrupt_provider.
    ("bad-interrupt-cells.test.dtb", "interrupts_property"),
    # Told of the root, not of /chosen.
    (
        "obsolete-chosen-interrupt-controller.test.dtb",
        "obsolete_chosen_interrupt_controller",
    ),
    # Told of the first of the two, not of the second.
    ("unit-addr-unique.test.dtb", "unique_unit_address"),
}

# What the lint finds and dtc 1.6.1 does not, in rules that dtc has.
OURS = {
    # Later dtc has these rules.
    "interrupt_map",
    "interrupt_provider",
    "node_name_vs_property_name",
}


@pytest.fixture(scope="module")
def blobs(corpus):
    """Names and bytes of the trees that can be read."""
    found = {}
    for path in sorted((corpus / "dtc-tests").glob("*.dtb")):
        data = path.read_bytes()
        try:
            found[path.name] = (DeviceTree.from_dtb(data), data)
        except TreeError:
            continue
    assert len(found) > 100
    return found


def dtc_checks(data: bytes) -> tuple[set[tuple[str, str]], set[str]] | None:
    """What dtc finds as (check, path), and what it did not check; None: no tree."""
    done = subprocess.run(
        ["dtc", "-I", "dtb", "-O", "dtb", "-o", "/dev/null", "-"],
        input=data,
        capture_output=True,
        timeout=30,
    )
    text = done.stderr.decode("utf-8", "replace")
    if done.returncode < 0 or "FATAL" in text:
        return None
    found = {(match[1], match[2]) for match in LINE.finditer(text)}
    return found, {match[1] for match in NOT_MADE.finditer(text)}


@pytest.fixture(scope="module")
def verdicts(blobs):
    """What dtc says of each tree that it can read."""
    if shutil.which("dtc") is None:
        pytest.skip("dtc is not installed")
    said = {
        name: dtc_checks(data)
        for name, (_, data) in blobs.items()
        if name not in ENDLESS
    }
    return {name: verdict for name, verdict in said.items() if verdict is not None}


def test_dtc_finds_nothing_that_the_lint_does_not(blobs, verdicts):
    """Every finding of dtc in a check that is also a rule here, at the same node."""
    compared = set()
    for name, (theirs, _) in verdicts.items():
        ours = {(found.rule, found.path) for found in lint(blobs[name][0])}
        for check, path in theirs:
            if check in RULES and (name, check) not in ELSEWHERE:
                assert (check, path) in ours, name
                compared.add(check)
    assert len(compared) > 25


def test_lint_finds_nothing_in_dtcs_checks_that_dtc_does_not(blobs, verdicts):
    """In the rules that dtc showed to have, where it made the check."""
    known = {check for theirs, _ in verdicts.values() for check, _ in theirs}
    for name, (theirs, not_made) in verdicts.items():
        if any(RULES[check].severity is Severity.ERROR for check, _ in _ruled(theirs)):
            continue  # dtc ends there
        rules = (known & RULES.keys()) - OURS - not_made
        for one in lint(blobs[name][0], only=rules):
            if (name, one.rule) not in ELSEWHERE:
                assert (one.rule, one.path) in theirs, f"{name}: {one}"


def _ruled(found: set[tuple[str, str]]) -> set[tuple[str, str]]:
    return {(check, path) for check, path in found if check in RULES}


def test_what_must_fire_fires(corpus, blobs):
    """The table of the corpus, made with a newer dtc."""
    table = json.loads((corpus / "dtc-tests" / "verdicts.json").read_text())
    wanted = {
        case["file"]: set(case["dtc_warns"])
        for case in table["cases"]
        if "dtc_warns" in case
    }
    assert len(wanted) > 15
    for name, rules in wanted.items():
        tree, _ = blobs[name]
        assert rules <= {found.rule for found in lint(tree)}, name


def test_real_machines_have_notes_only(real_trees):
    """QEMU's firmware tree is right, but for names of over 31 characters."""
    for name, blob in real_trees.items():
        rules = {found.rule for found in lint(DeviceTree.from_dtb(blob))}
        assert rules <= {"property_name_length", "node_name_length"}, name


def test_no_tree_of_the_corpus_makes_a_rule_fail(blobs):
    """Whatever a tree says, the lint ends, and each finding can be shown."""
    for tree, _ in blobs.values():
        for found in lint(tree):
            assert found.rule in str(found)

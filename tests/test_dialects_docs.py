"""docs/dialects.md: its examples run, its tables are those of the program.

Run as a program, this writes the tables of what is mended into the page.
"""

from __future__ import annotations

import doctest
import re

import pytest
from places import ROOT

from pydlpar.operations.behaviour import CHANGES
from pydlpar.operations.mended import MENDED
from pydlpar.request import DIALECTS

PAGE = ROOT / "docs" / "dialects.md"
BEGIN, END = "<!-- mended:begin -->\n", "<!-- mended:end -->\n"
FOLLOWED = {9, 10, 13, 16, 18, *range(23, 27)}


@pytest.fixture
def page():
    if not PAGE.exists():
        pytest.skip("the docs are not beside the tests")
    return PAGE.read_text()


def releases(item):
    if item.until is None:
        return f"{item.since} on"
    return f"{item.since} until {item.until}"


def tables():
    """What can be imitated, and what cannot, as the page shows it."""
    lines = [
        "With a switch:\n",
        "| switch | where | what it does | else, here | releases | reference |",
        "|---|---|---|---|---|---|",
    ]
    for item in MENDED:
        if item.quirk:
            cells = [
                f"`{item.name}`{' *' if item.followed else ''}",
                item.where,
                item.linux,
                item.model,
                releases(item) if item.of == "Linux" else item.of,
                item.reference,
            ]
            lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "\nWithout one, for the reason in the third column:\n",
        "| name | where | why | what it does | here | releases | reference |",
        "|---|---|---|---|---|---|---|",
    ]
    for item in MENDED:
        if not item.quirk:
            when = releases(item) if item.of == "Linux" else item.of
            cells = [item.name, item.where, item.cause, item.linux, item.model, when]
            lines.append(f"| {' | '.join((*cells, item.reference))} |")
    return "\n".join(lines) + "\n"


def test_examples_run(page):
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert page
    assert result.attempted > 8
    assert result.failed == 0


def test_tables_are_those_of_the_program(page):
    shown = page.split(BEGIN)[1].split(END)[0]
    assert shown == tables(), "run this file as a program"


def test_what_is_followed_is_named(page):
    """8.1: each numbered bug is either mended, or followed and said to be."""
    text = page.split("Followed, though surprising")[1].split("\n\n")[0]
    assert {int(n) for n in re.findall(r"\(B(\d+)\)", text)} == FOLLOWED
    listed = {n for item in MENDED for n in re.findall(r"B(\d+)", item.reference)}
    assert FOLLOWED | {int(n) for n in listed} == set(range(1, 27))


def test_every_change_has_a_row(page):
    section = page.split("## What a line does")[1].split("## ")[0]
    shown = re.findall(r"^\| (\d+\.\d+) \|", section, re.M)
    assert {*CHANGES, "4.1", "4.5", "6.12", "6.17"} == set(shown)


def test_every_dialect_has_a_column(page):
    assert f"| text | {' | '.join(DIALECTS)} |" in page


if __name__ == "__main__":
    head, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(head + BEGIN + tables() + END + rest.split(END)[1])

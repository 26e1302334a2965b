"""Overlays as others apply them: dtc's own cases, fdtoverlay, libfdt.

libfdt puts new nodes and properties first and ends the path of a symbol that is
a fragment's top with a slash; apart from that the trees are equal.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from overlays import unordered

from pydlpar import DeviceTree, OverlayError

BASE = """/dts-v1/;
/ {
	soc: soc { #address-cells = <1>;
		uart0: serial@0 { reg = <0>; status = "disabled"; };
		uart1: serial@1 { reg = <1>; clocks = <&clk 5>; };
		cpu@0 { };
	};
	clk: clock { #clock-cells = <1>; };
	user { refs = <&uart0 &uart1>; };
};
"""


def tool(name):
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed (package device-tree-compiler)")
    return name


def compiled(text, *flags):
    run = subprocess.run(
        [tool("dtc"), "-q", "-@", *flags], input=text.encode(), capture_output=True
    )
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout


def content(data):
    top = unordered(DeviceTree.from_dtb(data).root)
    symbols = top[1].get("__symbols__", ({}, {}))[0]
    for name, path in symbols.items():
        if path.endswith(b"/\0") and path != b"/\0":
            symbols[name] = path[:-2] + b"\0"
    return top


def applied(base, *overlays):
    tree = DeviceTree.from_dtb(base)
    for data in overlays:
        tree.apply_overlay(data)
    return tree.to_dtb()


@pytest.fixture(scope="module")
def cases(corpus):
    return corpus / "dtc-tests"


def test_the_cases_of_dtc(cases):
    """Accepted is what libfdt accepts, with the outcome that it has."""
    listed = json.loads((cases / "verdicts.json").read_text())["overlay_cases"]
    for case in listed:
        base = (cases / case["base"]).read_bytes()
        overlay = (cases / case["overlay"]).read_bytes()
        if case["result"] == "OK":
            want = (cases / case["applied"]).read_bytes()
            assert content(applied(base, overlay)) == content(want), case
        else:
            with pytest.raises(OverlayError):
                applied(base, overlay)
    assert len(listed) == 10


def libfdt_applied(libfdt, base, overlay):
    """What libfdt makes of it, or None where it refuses."""
    fdt = libfdt.Fdt(base)
    fdt.resize(len(base) + len(overlay) + 4096)
    if libfdt.fdt_overlay_apply(fdt._fdt, bytearray(overlay)):
        return None
    fdt.pack()
    return bytes(fdt.as_bytearray())


def test_every_base_with_every_overlay(cases):
    """libfdt 1.7.1 or newer, undamaged trees: same verdict, same content."""
    libfdt = pytest.importorskip("libfdt")
    bases = [*cases.glob("*overlay_base*.dtb"), cases / "target.fdoverlay.test.dtb"]
    accepted = 0
    for first in sorted(bases):
        for second in sorted(cases.glob("*overlay_*.dtb")):
            base, overlay = first.read_bytes(), second.read_bytes()
            want = libfdt_applied(libfdt, base, overlay)
            if want is None:
                with pytest.raises(OverlayError):
                    applied(base, overlay)
            else:
                accepted += 1
                assert content(applied(base, overlay)) == content(want), second
    assert accepted > 30


def test_order_of_libfdt(cases):
    """With `first`, nodes stand where libfdt puts them."""
    libfdt = pytest.importorskip("libfdt")
    base = (cases / "overlay_base.fdoverlay.test.dtb").read_bytes()
    overlay = (cases / "overlay_overlay.test.dtb").read_bytes()
    want = DeviceTree.from_dtb(libfdt_applied(libfdt, base, overlay))
    tree = DeviceTree.from_dtb(base)
    tree.apply_overlay(overlay, first=True)
    names = [node.path for node in want.nodes() if "__" not in node.path]
    assert [node.path for node in tree.nodes() if "__" not in node.path] == names


TARGETS = st.sampled_from(["&soc", "&uart0", "&uart1", "&clk", "&{/soc}", "&{/user}"])
VALUES = st.sampled_from(
    ['"text"', "<1 2>", "[01 02 03]", "<&uart0>", "<&clk 7>, <&uart1>", "<&own>"]
)
NAMES = st.sampled_from(["serial@0", "serial@1", "cpu", "clock", "new", "led@3"])


@st.composite
def bodies(draw, depth=2):
    """The inside of a node: properties, then children."""
    props = draw(st.dictionaries(st.sampled_from(["a", "b", "status"]), VALUES))
    lines = [f"{name} = {value};" for name, value in props.items()]
    if depth:
        for name in draw(st.lists(NAMES, unique=True, max_size=2)):
            lines.append(f"{name} {{ {draw(bodies(depth - 1))} }};")
    return " ".join(lines)


@settings(max_examples=20)
@given(st.lists(st.tuples(TARGETS, bodies()), min_size=1, max_size=3))
def test_generated_overlays_as_fdtoverlay_applies_them(parts):
    """References, local references, paths and labels, compiled by dtc."""
    text = "/dts-v1/; /plugin/;\n"
    for target, body in parts:
        text += f"{target} {{ {body} }};\n"
    text += "&soc { own: owner { self = <&own>; }; };\n"
    base, overlay = compiled(BASE), compiled(text)
    assert content(applied(base, overlay)) == content(fdtoverlay(base, overlay))


def fdtoverlay(base, overlay):
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("base", "overlay", "out")]
        paths[0].write_bytes(base)
        paths[1].write_bytes(overlay)
        subprocess.run(
            [tool("fdtoverlay"), "-i", paths[0], "-o", paths[2], paths[1]],
            check=True,
            capture_output=True,
        )
        return paths[2].read_bytes()


def test_phandles_of_the_base_survive_a_label():
    """dtc gives a node that an overlay labels a phandle; the base's is kept."""
    overlay = compiled("/dts-v1/; /plugin/; &{/soc} { x: serial@0 { new = <&x>; }; };")
    tree = DeviceTree.from_dtb(compiled(BASE))
    before = tree["/soc/serial@0"].phandle
    tree.apply_overlay(overlay)
    assert tree["/soc/serial@0"].phandle == before
    assert tree["/soc/serial@0"].u32("new") == before
    assert tree["/user"].u32s("refs")[0] == before
    assert tree["/__symbols__"].string("x") == "/soc/serial@0"

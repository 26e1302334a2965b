"""What is read and written again, judged by libfdt and dtc: the same content.

Real trees of QEMU and every blob of dtc's suite that is accepted.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from libfdt_oracle import Libfdt, every_libfdt, tree_content

from pydlpar import DeviceTree, TreeError

EDITED = "pydlpar,edited"
DTC_HANGS = "phandle-args-overflow.test.dtb"


@pytest.fixture(scope="module")
def libs() -> dict[str, Libfdt]:
    return every_libfdt()


@pytest.fixture(scope="module")
def accepted(corpus: Path, real_trees: dict[str, bytes]) -> dict[str, bytes]:
    """Every blob that we accept, by file name."""
    found = dict(real_trees)
    for path in sorted((corpus / "dtc-tests").glob("*.dtb")):
        data = path.read_bytes()
        try:
            DeviceTree.from_dtb(data)
        except TreeError:
            continue
        found[path.name] = data
    assert len(found) > 170
    return found


def _rewritten(data: bytes) -> bytes:
    """Written node by node, not copied whole: every node was changed and put back."""
    tree = DeviceTree.from_dtb(data)
    for node in tree.nodes():
        node[EDITED] = b""
        del node[EDITED]
    return tree.to_dtb()


def test_libfdt_reads_what_we_write_as_what_we_read(libs, accepted):
    """Written at once, node by node, and compact; by each libfdt there is."""
    for name, data in accepted.items():
        tree = DeviceTree.from_dtb(data)
        written = tree.to_dtb()
        for label, fdt in libs.items():
            readable = fdt.check_full(data) == "OK"
            content = fdt.content(data if readable else written)
            assert content == tree_content(tree), (name, label)
            for form in (written, _rewritten(data), tree.to_dtb(compact=True)):
                assert fdt.check_full(form) == "OK", (name, label)
                assert fdt.content(form) == content, (name, label)


def test_second_write_is_identical(accepted):
    """What was written comes back byte for byte, and so does its compact form."""
    for name, data in accepted.items():
        written = DeviceTree.from_dtb(data).to_dtb()
        assert DeviceTree.from_dtb(written).to_dtb() == written, name
        compact = DeviceTree.from_dtb(written).to_dtb(compact=True)
        assert DeviceTree.from_dtb(compact).to_dtb(compact=True) == compact, name


def _dtc(data: bytes) -> str | None:
    """Source text by dtc, without its warnings; None where it gives none."""
    command = ["dtc", "-q", "-q", "-q", "-f", "-I", "dtb", "-O", "dts", "-"]
    run = subprocess.run(command, input=data, capture_output=True)
    return run.stdout.decode("latin-1") if run.returncode == 0 else None


@pytest.mark.skipif(not shutil.which("dtc"), reason="dtc is not installed")
def test_dtc_shows_the_same_source(accepted):
    """Input and output give the same text, the memory reservations included.

    dtc 1.6.1 dies on a few of its own malformed graphs, refuses a NOP behind the
    root and never ends with one blob: nothing to compare with there.
    """
    shown = 0
    for name, data in accepted.items():
        text = _dtc(data) if name != DTC_HANGS else None
        if text is not None:
            assert _dtc(DeviceTree.from_dtb(data).to_dtb()) == text, name
            shown += 1
    assert shown > len(accepted) - 12


@pytest.mark.skipif(not shutil.which("dtc"), reason="dtc is not installed")
def test_dtc_shows_the_same_source_of_nodes_written_anew(real_trees):
    """The same where each node was changed and put back, and without old names."""
    for name, data in real_trees.items():
        text = _dtc(data)
        assert _dtc(_rewritten(data)) == text, name
        compact = DeviceTree.from_dtb(_rewritten(data)).to_dtb(compact=True)
        assert _dtc(compact) == text, name

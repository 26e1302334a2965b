"""What several test modules share: the corpus, and small blobs written by hand."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from places import CORPUS

from pydlpar.data import default_tree_bytes

settings.register_profile("default", deadline=None, max_examples=100)
settings.register_profile("ci", deadline=None, max_examples=200, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real device trees, events and transcripts."""
    if not CORPUS.is_dir():
        pytest.skip(f"no corpus at {CORPUS} (set PYDLPAR_CORPUS)")
    return CORPUS


@pytest.fixture(scope="session")
def real_trees(corpus: Path) -> dict[str, bytes]:
    """Real pseries trees by file name, unpacked."""
    found = {}
    for path in sorted((corpus / "dtb").iterdir()):
        if path.name.endswith(".dtb.gz"):
            found[path.name[:-3]] = gzip.decompress(path.read_bytes())
        elif path.suffix == ".dtb":
            found[path.name] = path.read_bytes()
    return found


@pytest.fixture(scope="session")
def small_tree() -> bytes:
    """A real tree of 17 nodes, which needs no corpus."""
    return default_tree_bytes()


@pytest.fixture(scope="module")
def unpreloaded() -> Iterator[None]:
    """Other people's tools run as they are, also while ours run under a sanitizer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("LD_PRELOAD", raising=False)
        yield

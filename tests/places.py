"""Where test data lies: the corpus of real data, and our own."""

from __future__ import annotations

import os
from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
DATA = TESTS / "data"
CORPUS = Path(os.environ.get("PYDLPAR_CORPUS", ROOT / ".." / "shared" / "corpus"))

"""The embedded device tree: a pseries machine with spare CPUs and memory."""

from __future__ import annotations

from importlib.resources import files

__all__ = ["default_tree_bytes"]


def default_tree_bytes() -> bytes:
    """The flattened tree of `pseries.dtb`; README.md beside it says what it is."""
    return files(__name__).joinpath("pseries.dtb").read_bytes()

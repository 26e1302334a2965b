"""QEMU machines that the model is held against."""

from __future__ import annotations

import importlib.util
import shutil

import pytest

from pydlpar.platforms.qemu import PROGRAM, Qemu

HAS_LIBRARY = importlib.util.find_spec("qemu") is not None
QEMU = shutil.which(PROGRAM) if HAS_LIBRARY else None
"""Path of QEMU; None where it, or what speaks to it, is not installed."""

needs_qemu = pytest.mark.skipif(QEMU is None, reason=f"needs {PROGRAM} and qemu.qmp")


def qemu_machine(arguments, vector_5, **more):
    """The machine of a command line, after CAS with a vector."""
    return Qemu(cpus=None, memory=None, arguments=arguments, vector_5=vector_5, **more)

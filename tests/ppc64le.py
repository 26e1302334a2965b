"""This package for a guest: cross-compiled, next to the guest's own Python."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
from places import ROOT

COMPILER = shutil.which("powerpc64le-linux-gnu-gcc")
PLACE = "usr/lib/python3.11"
"""Where the guest's Python looks for modules; `-I` leaves nothing else."""


def package(folder: Path) -> dict[str, Path]:
    """Files for a guest by their path there; a skip where none can be made.

    The extension is of the stable ABI, so the headers of this Python will do: what
    differs between the machines are sizes, and both have 64 bits.
    """
    if COMPILER is None:
        pytest.skip("needs powerpc64le-linux-gnu-gcc (gcc-powerpc64le-linux-gnu)")
    headers = Path(sysconfig.get_path("include"))
    if not (headers / "Python.h").exists():
        pytest.skip("needs the headers of Python (python3-dev)")
    library = folder / "_native.abi3.so"
    source = folder / "_native.c"
    builder = _builder()
    builder.emit_c_code(str(source))
    command = [
        *(
            COMPILER,
            "-shared",
            "-fPIC",
            "-O1",
            "-std=c11",
            "-DPy_LIMITED_API=0x030a0000",
        ),
        *(f"-I{_own_headers(folder, headers)}", f"-I{ROOT / 'csrc'}", "-w"),
        *("-o", str(library), str(source)),
        *map(str, sorted((ROOT / "csrc").glob("*.c"))),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    files = {f"{PLACE}/pydlpar/_native.abi3.so": library}
    for path in sorted((ROOT / "pydlpar").rglob("*.py")):
        inside = path.relative_to(ROOT / "pydlpar")
        if inside.parts[0] not in ("cli", "stress"):
            files[f"{PLACE}/pydlpar/{inside}"] = path
    return files


def _builder():
    """The cffi builder of this package; it runs in the root of the sources."""
    place = ROOT / "csrc" / "cffi_build.py"
    spec = importlib.util.spec_from_file_location("cffi_build", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.ffibuilder


def _own_headers(folder: Path, headers: Path) -> Path:
    """Python's headers, without what Debian's `pyconfig.h` says of the machine.

    It includes the one of its own architecture by a path that only that one has.
    """
    copy = folder / "include"
    shutil.copytree(headers, copy)
    own = sysconfig.get_config_h_filename()
    machine = sysconfig.get_config_var("MULTIARCH") or ""
    found = [Path(own), headers.parent / machine / headers.name / "pyconfig.h"]
    real = next((p for p in reversed(found) if p.is_file()), Path(own))
    (copy / "pyconfig.h").write_text(real.read_text())
    return copy

"""Build description of pydlpar._native. Run by setup.py; not installed."""

from __future__ import annotations

import os
from pathlib import Path

from cffi import FFI

HERE = Path(__file__).resolve().parent
HEADERS = [
    "dlpar",
    "dlpar_tree",
    "dlpar_access",
    "dlpar_bulk",
    "dlpar_diff",
    "dlpar_dts",
    "dlpar_overlay",
    "dlpar_drmem",
    "dlpar_connector",
    "dlpar_rtas_enum",
    "dlpar_rtas",
    "dlpar_rtas_layout",
    "dlpar_rtas_build",
    "dlpar_rtas_log",
    "dlpar_rtas_text",
    "dlpar_arrow",
    "dlpar_rtas_batch",
    "cffi_capsule",
    "cffi_short",
]
BEGIN, END = "/* cffi: begin */\n", "/* cffi: end */\n"


def declarations(header: str) -> str:
    """The marked region of a header, with its line numbers kept for errors."""
    head, rest = (HERE / header).read_text(encoding="ascii").split(BEGIN)
    body, _ = rest.split(END)
    first = head.count("\n") + 2
    return f'# {first} "csrc/{header}"\n{body}'


cflags = ["-std=c11", "-pthread", "-fvisibility=hidden", "-Wall", "-Wextra"]
ldflags = ["-pthread"]
if os.environ.get("PYDLPAR_SANITIZE"):
    cflags += [
        "-O1",
        "-g",
        "-fno-omit-frame-pointer",
        "-fno-sanitize-recover=undefined",
    ]
    for option in ("-fsanitize=address", "-fsanitize=undefined"):
        cflags.append(option)
        ldflags.append(option)
else:
    cflags.append("-O3")
if os.environ.get("PYDLPAR_COVERAGE"):
    cflags += ["-O0", "--coverage"]
    ldflags.append("--coverage")
if os.environ.get("PYDLPAR_WERROR"):
    cflags.append("-Werror")

ffibuilder = FFI()
for name in HEADERS:
    ffibuilder.cdef(declarations(f"{name}.h"))
ffibuilder.set_source(
    "pydlpar._native",
    '#include "dlpar.h"\n#include "cffi_capsule.h"\n#include "cffi_short.h"\n'
    '#include "cffi_gil.h"',
    include_dirs=["csrc"],
    sources=sorted(f"csrc/{p.name}" for p in HERE.glob("*.c")),
    depends=sorted(f"csrc/{p.name}" for p in HERE.glob("*.h")),
    extra_compile_args=cflags,
    extra_link_args=ldflags,
)

"""A room knows those above it, never one below; the import needs only cffi."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pydlpar

PACKAGE = Path(pydlpar.__file__).parent

# From the top: a module may import what stands in a row above its own, or in it.
ROOMS = [
    ["errors", "csources"],
    ["_native"],
    ["_ffi"],
    ["constants"],
    ["names", "sizes"],
    ["dts", "dts_source"],
    ["node_values"],
    ["addresses"],
    ["references"],
    ["node_place"],
    ["node"],
    ["node_array"],
    ["edits", "interop", "overlay"],
    ["tree_lookup"],
    ["bulk"],
    ["tree_names"],
    ["tree_header"],
    ["tree_move"],
    ["tree_edit"],
    ["changes"],
    ["conflicts"],
    ["tree"],
    ["change_text"],
    ["rtas_table", "rtas_json"],
    ["rtas_encode", "rtas_parts", "rtas_refcodes", "rtas_requests", "rtas_schema"],
    ["rtas_words"],
    ["rtas_describe", "rtas_edit"],
    ["rtas_event"],
    ["rtas_arrow"],
    ["rtas_batch", "rtas_log", "rtas_text", "rtas_build", "rtas_classic"],
    ["rtas_input", "rtas_places"],
    ["rtas_stream"],
    ["rtas"],
    ["epow", "error_log_ring"],
    ["lookup", "connector", "mobility"],
    ["drmem"],
    ["drmem_read"],
    ["checks"],
    ["lint"],
    ["request"],
    ["drc", "drc_states"],
    ["drc_encode", "slot"],
    ["slots"],
    ["slot_detail"],
    ["grafts"],
    ["partition"],
    ["choose"],
    ["resolve"],
    ["operations"],
    ["outcome"],
    ["entries"],
    ["data"],
    ["platforms"],
    ["dispatch"],
    ["stress"],
    ["compare"],
    [""],  # pydlpar itself: the public names
    ["cli", "pytest_plugin"],
]
PLACE = {room: row for row, rooms in enumerate(ROOMS) for room in rooms}


def _room(module: str) -> str:
    """`pydlpar.platforms.firmware` is in the room `platforms`."""
    return [*module.split("."), ""][1]


def _imports(tree: ast.Module) -> list[str]:
    """Modules of this package that a module imports when it runs."""
    typing_only = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "pydlpar":
                found += [f"pydlpar.{alias.name}" for alias in node.names]
            else:
                found.append(node.module)
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return [name for name in found if name.split(".")[0] == "pydlpar"]


def _modules() -> list[Path]:
    return [p for p in sorted(PACKAGE.rglob("*.py")) if p.parts[-2:] != _GENERATOR]


_GENERATOR = ("data", "generate.py")


def _own_room(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return "" if parts == ("__init__",) else parts[0]


def test_every_module_has_a_room():
    assert {_own_room(path) for path in _modules()} <= PLACE.keys()


def test_no_room_knows_one_below_it():
    wrong = []
    for path in _modules():
        own = _own_room(path)
        for name in _imports(ast.parse(path.read_text())):
            room = _room(name)
            public = room not in PLACE  # a name from pydlpar itself
            if PLACE["" if public else room] > PLACE[own]:
                wrong.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert wrong == []


def test_only_the_ffi_module_imports_the_core():
    users = [
        path.name
        for path in _modules()
        if "pydlpar._native" in _imports(ast.parse(path.read_text()))
    ]
    assert users == ["_ffi.py"]


def test_only_the_command_prints():
    for path in _modules():
        if _own_room(path) == "cli":
            continue
        calls = [
            node.func.id
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        ]
        assert "print" not in calls, path.name


def test_import_needs_only_the_cffi_backend():
    """Neither cffi itself nor any extra is imported."""
    code = (
        "import sys; before = set(sys.modules); import pydlpar; "
        "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(run.stdout.split())
    assert "pydlpar" in loaded
    assert not loaded & {"cffi", "click", "rich", "pyfdt", "numpy", "hypothesis"}


def test_files_stay_small():
    """Over 500 lines a file is to be split."""
    root = PACKAGE.parent
    files = [
        path
        for folder in ("csrc", "pydlpar", "tests", "bench")
        for path in (root / folder).rglob("*")
        if path.suffix in (".py", ".c", ".h") and path.name != "_native.c"
    ]
    assert [p.name for p in files if p.read_text().count("\n") > 500] == []


def test_every_package_is_listed():
    """A package that is not listed would be missing from the wheel."""
    text = (PACKAGE.parent / "pyproject.toml").read_text()
    listed = re.search(r"^packages = \[(\"pydlpar\".*)\]$", text, re.MULTILINE)[1]
    found = {
        ".".join(file.parent.relative_to(PACKAGE.parent).parts)
        for file in PACKAGE.rglob("__init__.py")
    }
    assert set(re.findall(r'"([^"]+)"', listed)) == found

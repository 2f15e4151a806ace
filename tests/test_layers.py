"""Imports point one way: streamlit_app -> pages -> components -> playground, and inside the engine too."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Each room may import itself and what is listed. "playground" stands for any room of the engine.
MAY_IMPORT: dict[str, set[str]] = {
    "streamlit_app": {"components"},
    "pages": {"components", "playground"},
    "components": {"playground"},
    "playground.errors": set(),
    "playground.events": set(),
    "playground.trace": {"playground.events"},
    "playground.answers": {"playground.errors"},
    "playground.prompts": set(),
    "playground.puzzles": {"playground.errors"},
    "playground.sampling": {"playground.errors"},
    "playground.quadrants": {"playground.errors", "playground.sampling"},
    "playground.keys": {"playground.settings"},
    "playground.models": {
        "playground.errors",
        "playground.events",
        "playground.extensions",
        "playground.keys",
        "playground.prompts",
        "playground.quadrants",
        "playground.sampling",
        "playground.settings",
    },
    "playground.marking": {"playground.answers", "playground.puzzles"},
    "playground.estimates": {"playground.errors"},
    "playground.strategies": {
        "playground.estimates",
        "playground.quadrants",
        "playground.marking",
        "playground.answers",
        "playground.errors",
        "playground.events",
        "playground.extensions",
        "playground.models",
        "playground.prompts",
        "playground.sampling",
    },
    "playground.settings": {"playground.errors"},
    "playground.secrecy": {"playground.errors", "playground.keys", "playground.settings"},
    "playground.store": {"playground.errors", "playground.events", "playground.trace"},
    "playground.summary": {"playground.trace"},
    "playground.exchange": {
        "playground.errors",
        "playground.events",
        "playground.settings",
        "playground.store",
        "playground.summary",
        "playground.trace",
    },
    "playground.intervals": set(),
    "playground.lens": {
        "playground.errors",
        "playground.intervals",
        "playground.models",
        "playground.prompts",
        "playground.sampling",
        "playground.events",
    },
    "playground.allowance": {"playground.errors", "playground.events"},
    "playground.prices": {"playground.settings"},
    "playground.extensions": set(),
    "playground.execute": {
        "playground.marking",
        "playground.allowance",
        "playground.answers",
        "playground.errors",
        "playground.events",
        "playground.models",
        "playground.prices",
        "playground.secrecy",
        "playground.settings",
        "playground.strategies",
    },
    "playground.forking": {
        "playground.errors",
        "playground.events",
        "playground.execute",
        "playground.strategies",
        "playground.trace",
    },
    "playground.again": {
        "playground.errors",
        "playground.events",
        "playground.execute",
        "playground.forking",
        "playground.trace",
    },
    "playground.methods": {
        "playground.execute",
        "playground.lens",
        "playground.models",
        "playground.sampling",
    },
    "playground.engine": {
        "playground.errors",
        "playground.events",
        "playground.execute",
        "playground.keys",
        "playground.methods",
        "playground.models",
        "playground.settings",
        "playground.strategies",
    },
    "playground.runner": {
        "playground.allowance",
        "playground.errors",
        "playground.events",
        "playground.execute",
        "playground.engine",
        "playground.keys",
        "playground.models",
        "playground.settings",
        "playground.store",
        "playground.strategies",
        "playground.trace",
    },
    "playground.cli": {"playground"},
    "playground.cli_models": {"playground"},
    "playground.cli_sessions": {"playground"},
    "playground.__main__": {"playground.cli"},
    "playground.embedded": {"playground"},
}
OURS = ("streamlit_app", "pages", "components", "playground")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    """`playground.models.local` lives in `playground.models`; `pages.ask` in `pages`."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "playground" else parts[0]


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            below = {f"{node.module}.{alias.name}" for alias in node.names}
            submodules = {
                n
                for n in below
                if (ROOT / n.replace(".", "/")).with_suffix(".py").exists()
                or (ROOT / n.replace(".", "/") / "__init__.py").exists()
            }
            names |= submodules or {node.module}
    return names


def sources() -> list[Path]:
    found = [ROOT / "streamlit_app.py"]
    for top in OURS[1:]:
        found += sorted((ROOT / top).rglob("*.py"))
    return found


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    here = room(module_name(path))
    if here == "playground":
        allowed: set[str] = set()
    else:
        assert here in MAY_IMPORT, f"{here} is a new room: say in MAY_IMPORT what it may know"
        allowed = MAY_IMPORT[here] | {here}
    for name in imported(path):
        if name.split(".")[0] not in OURS or name == "playground":
            continue
        top = room(name)
        ok = top in allowed or ("playground" in allowed and top.startswith("playground"))
        assert ok, f"{here} must not import {name}"


@pytest.mark.parametrize("path", [p for p in sources() if "playground" in p.parts], ids=lambda p: p.name)
def test_engine_never_imports_streamlit(path: Path) -> None:
    assert not any(name.split(".")[0] == "streamlit" for name in imported(path))


def modules() -> dict[str, set[str]]:
    ours = {module_name(p): p for p in sources()}
    return {name: {i for i in imported(path) if i in ours and i != name} for name, path in ours.items()}


def test_no_module_imports_itself_through_others() -> None:
    graph = modules()
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        if name not in done:
            for other in graph[name]:
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize(
    "imports",
    [
        "import playground",
        "import playground.cli",
        "import playground.strategies as s; s.load_all()",
        "import playground.runner, playground.answers, playground.models.catalog as c; c.list_models()",
    ],
)
def test_importing_the_engine_loads_neither_streamlit_nor_torch(imports: str) -> None:
    heavy = ("streamlit", "torch", "transformers", "sympy")
    check = f"import sys; {imports}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr

"""Packages of other people: installed by pip, seen, run; and what happens when one is broken. No network."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from playground import extensions
from playground.errors import BadInput
from playground.models import catalog
from playground.strategies import base

ROOT = Path(__file__).parents[1]

BUILDER = '''
"""The smallest thing that pip takes for a build backend: needs nothing that is not in Python."""
import tomllib, zipfile
from pathlib import Path

def build_wheel(folder, config_settings=None, metadata_directory=None):
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    name, version = project["name"].replace("-", "_"), project["version"]
    info, wheel = f"{name}-{version}.dist-info", f"{name}-{version}-py3-none-any.whl"
    points = "".join(
        f"[{group}]\\n" + "".join(f"{key} = {value}\\n" for key, value in entries.items())
        for group, entries in project["entry-points"].items()
    )
    with zipfile.ZipFile(Path(folder, wheel), "w") as file:
        for module in Path().glob("*.py"):
            if module.name != "builder.py":
                file.write(module, module.name)
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: {project['name']}\\nVersion: {version}\\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        file.writestr(f"{info}/entry_points.txt", points)
        file.writestr(f"{info}/RECORD", "")
    return wheel
'''
BUILT_BY_IT = '\n[build-system]\nrequires = []\nbuild-backend = "builder"\nbackend-path = ["."]\n'

MODEL = '''
"""A model that says a question backwards."""
from playground.events import CallStarted, Spent, TextAdded, TextEnded, Usage
from playground.models import Capabilities, Completion, ModelInfo, register
from playground.prompts import render_plain

CAPABILITIES = Capabilities(streaming=True, local=True)

class Backwards:
    capabilities, versions = CAPABILITIES, {"backwards": "1"}

    def __init__(self, name):
        self.name = name

    def sample(self, prompt, nodes, sampling, *, node, purpose, max_new_tokens, seed, stop=(), json_mode=False):
        yield CallStarted(node, purpose, render_plain(prompt))
        text = prompt.messages[-1].content[::-1]
        for own in nodes:
            yield TextAdded(own, text)
            yield Spent(node, Usage(calls=1, prompt_tokens=1, completion_tokens=1))
            yield TextEnded(own, "stop")
        return [Completion(own, text, (), "stop") for own in nodes]

@register("backwards", models=lambda: [ModelInfo("backwards:plain", "Backwards", "backwards", CAPABILITIES)])
def load(name):
    return Backwards(name)
'''


def readme(language: str) -> str:
    """The code in this language of the README's part about adding a strategy."""
    part = (ROOT / "README.md").read_text("utf-8").split("## Add a strategy")[1].split("\n## ")[0]
    [code] = re.findall(rf"```{language}\n(.+?)```", part, re.DOTALL)
    return str(code)


def install(folder: Path, target: Path, project: str, **modules: str) -> None:
    """Build a package and install it into a directory, as `pip install` does with one from a checkout."""
    folder.mkdir()
    (folder / "builder.py").write_text(BUILDER, "utf-8")
    (folder / "pyproject.toml").write_text(project + BUILT_BY_IT, "utf-8")
    for name, code in modules.items():
        (folder / f"{name}.py").write_text(code, "utf-8")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
    ]
    subprocess.run([*pip, "--disable-pip-version-check", "--target", str(target), str(folder)], check=True)


def points(name: str, group: str, entry: str, module: str) -> str:
    table = f'[project.entry-points."playground.{group}"]'
    return f'[project]\nname = "{name}"\nversion = "0.1"\n{table}\n{entry} = "{module}"\n'


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the README's strategy, a model, and four packages that are broken."""
    place = tmp_path_factory.mktemp("packages")
    target = place / "target"
    install(place / "a", target, readme("toml"), second_thought=readme("python"))
    install(
        place / "b", target, points("backwards-model", "models", "backwards", "backwards"), backwards=MODEL
    )
    install(
        place / "c",
        target,
        points("half-done", "strategies", "half", "half_done"),
        half_done="import not_there\n",
    )
    install(
        place / "d",
        target,
        points("leaver", "models", "leaver", "leaver"),
        leaver="raise SystemExit('bye')\n",
    )
    taken = readme("python").replace('"second-thought", title', '"direct", title')
    install(place / "e", target, points("copycat", "strategies", "direct", "copycat"), copycat=taken)
    moody = MODEL.replace('"backwards", models=lambda: [', '"moody", models=lambda: [1 / 0, ')
    install(place / "f", target, points("moody-list", "models", "moody", "moody"), moody=moody)
    return target


def playground(installed: Path, data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(installed), "PLAYGROUND_DATA_DIR": str(data)}
    return subprocess.run(
        [sys.executable, "-m", "playground", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip


def test_their_model_and_strategy_are_listed_and_broken_packages_named(
    installed: Path, tmp_path: Path
) -> None:
    models = playground(installed, tmp_path, "models", "--json")
    names = [model["name"] for model in json.loads(models.stdout)]
    assert names[0] == "embedded"
    assert "backwards:plain" in names
    listed = playground(installed, tmp_path, "strategies", "--json")
    strategies = {item["name"]: item for item in json.loads(listed.stdout)}
    assert strategies["second-thought"]["params"]["max_new_tokens"]["default"] == 256
    assert strategies["direct"]["title"] == "Direct answer"
    assert (models.returncode, listed.returncode) == (0, 0)
    assert (
        "The entry 'half' of the package half-done 0.1 cannot be used: ModuleNotFoundError: No module"
        in listed.stderr
    )
    assert (
        "'direct' of the package copycat 0.1 cannot be used: BadInput: There is a strategy called"
        in listed.stderr
    )
    assert "The entry 'leaver' of the package leaver 0.1 cannot be used: SystemExit: bye." in models.stderr
    assert "'moody' of the package moody cannot be used: ZeroDivisionError" in models.stderr
    assert "Traceback" not in models.stderr + listed.stderr


def test_their_model_answers(installed: Path, tmp_path: Path) -> None:
    asked = ("ask", "24 si rewsna ehT", "--model", "backwards:any", "--strategy", "direct", "--json")
    done = playground(installed, tmp_path, *asked)
    result = json.loads(done.stdout)
    assert (result["answer"], result["model"], result["usage"]["cost_usd"]) == ("42", "backwards:any", 0.0)
    assert done.returncode == 0


def test_the_strategy_of_the_readme_runs(installed: Path, tmp_path: Path) -> None:
    done = playground(
        installed, tmp_path, "ask", "How many?", "--strategy", "second-thought", "--json",
        "--model", "scripted:assets/scripted/two-ways.json",
    )  # fmt: skip
    result = json.loads(done.stdout)
    assert (result["answer"], result["strategy"], len(result["paths"])) == ("8", "second-thought", 2)


def test_a_package_that_fails_later_fails_its_own_run(installed: Path, tmp_path: Path) -> None:
    done = playground(installed, tmp_path, "ask", "a", "--model", "leaver:x", "--strategy", "direct")
    assert done.returncode == 2
    assert "There is no model called 'leaver:x'" in done.stderr
    assert "leaver 0.1" in done.stderr


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extensions, "_broken", {})


def entry(name: str, work: Any, package: str | None = "theirs") -> Any:
    dist = SimpleNamespace(name=package, version="2.0") if package else None
    return SimpleNamespace(name=name, load=work, dist=dist)


@pytest.mark.usefixtures("forgotten")
def test_what_works_again_is_broken_no_more() -> None:
    assert extensions.kept("p", "It", lambda: 1 // 0, 7) == 7
    [broken] = extensions.broken()
    assert broken.message == (
        "It of the package p cannot be used: ZeroDivisionError: integer division or modulo by zero."
    )
    assert extensions.kept("p", "It", lambda: 3, 7) == 3
    assert extensions.broken() == ()


@pytest.mark.usefixtures("forgotten")
def test_one_broken_entry_keeps_no_other_from_loading() -> None:
    loaded: list[str] = []

    def fail() -> None:
        raise RuntimeError("two\nlines")

    extensions.load(
        [entry("bad", fail), entry("good", lambda: loaded.append("good")), entry("odd", fail, None)]
    )
    assert loaded == ["good"]
    first, second = extensions.broken()
    assert (first.package, first.why) == ("theirs 2.0", "RuntimeError: two lines")
    assert second.package == "that names it"


def test_a_name_that_is_taken_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    base.load_all()

    def run(question: Any, model: Any, params: base.Params, place: Any) -> Any: ...

    with pytest.raises(BadInput, match=r"in playground\.strategies\.direct already"):
        base.strategy("direct", title="", summary="")(run)
    monkeypatch.setattr(catalog, "_backends", {})
    catalog.register("mine")(install)  # type: ignore[arg-type]
    catalog.register("mine")(readme)  # type: ignore[arg-type]  # the same module, loaded again
    with pytest.raises(BadInput, match="'mine' names models of"):
        catalog.register("mine")(json.loads)

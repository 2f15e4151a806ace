"""Names to models."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from playground.errors import BadInput, ModelError, UnknownName
from playground.models import catalog
from playground.models.base import Capabilities, ModelInfo
from playground.models.catalog import forget, info, list_models, load, register
from playground.models.description import context_length, count_parameters, describe
from playground.models.memory import Residents


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(catalog, "_backends", {})
    monkeypatch.setattr(catalog, "_loaded", {})
    monkeypatch.setattr(catalog, "_keys", {})
    monkeypatch.setattr(catalog, "_residents", Residents(catalog._budget))
    monkeypatch.setattr(catalog, "KNOWN", ())
    monkeypatch.setattr(catalog, "_BACKENDS", ())
    monkeypatch.setattr(catalog, "entry_points", lambda group: [])
    catalog._import_backends.cache_clear()
    yield
    catalog._import_backends.cache_clear()


@pytest.fixture
def embedded(saved: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(catalog, "EMBEDDED", saved)
    return saved


def test_the_list_needs_no_torch() -> None:
    code = (
        "import sys, playground.models as m; m.list_models();"
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_embedded_model_is_listed_from_its_files(embedded: Path) -> None:
    [model] = list_models()
    assert (model.name, model.title, model.backend) == ("embedded", "Embedded model", "local")
    assert model.capabilities.full_logits
    assert model.capabilities.context_length == 256
    assert model.parameters == sum(p.numel() for p in load("embedded").network._model.parameters())  # type: ignore[attr-defined]
    assert info("embedded") == model
    assert load("embedded").name == "embedded"
    assert load("embedded").capabilities == model.capabilities


def test_without_its_files_the_embedded_model_is_not_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "EMBEDDED", tmp_path)
    assert list_models() == []
    with pytest.raises(ModelError, match="files are missing"):
        load("embedded")


def test_a_directory_is_loaded_by_its_path(saved: Path) -> None:
    assert info(str(saved)).title == "model"
    assert load(str(saved)) is load(str(saved))
    first = load(str(saved))
    forget(str(saved))
    assert load(str(saved)) is not first


def test_a_bare_name_that_is_not_known_names_its_neighbours(embedded: Path) -> None:
    for find in (load, info):
        with pytest.raises(UnknownName) as caught:
            find("embeded")
        assert caught.value.hint == "Choose one of: embedded."
    for path in ("./nowhere", "/nowhere"):
        with pytest.raises(BadInput, match="no directory"):
            load(path)
    for wrong in ("a/b/c", "no spaces/please", "unknown-scheme:x"):
        with pytest.raises(UnknownName):
            load(wrong)


def test_an_id_can_be_described_before_it_is_downloaded() -> None:
    model = info("owner/model")
    assert (model.backend, model.parameters, model.capabilities.context_length) == ("local", None, None)
    assert "downloaded" in model.note


def test_a_backend_registers_by_scheme(embedded: Path) -> None:
    offered = ModelInfo("groq:fast", "Fast", "groq", Capabilities(streaming=True))

    @register("groq", models=lambda: [offered])
    def make(name: str) -> Any:
        return SimpleNamespace(name=name, capabilities=Capabilities(n=True))

    assert [model.name for model in list_models()] == ["embedded", "groq:fast"]
    assert load("groq:fast").name == "groq:fast"
    assert load("groq:fast") is load("groq:fast")
    assert info("groq:fast") is offered
    other = info("groq:other")
    assert (other.name, other.title, other.backend, other.capabilities.n) == (
        "groq:other",
        "other",
        "groq",
        True,
    )


def test_installed_packages_register_through_entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    def entry_load() -> None:
        register("mine")(lambda name: SimpleNamespace(name=name))  # type: ignore[arg-type, return-value]

    def entry_points(group: str) -> list[Any]:
        assert group == "playground.models"
        return [SimpleNamespace(name="mine", dist=None, load=entry_load)]

    monkeypatch.setattr(catalog, "entry_points", entry_points)
    assert load("mine:x").name == "mine:x"


def test_threads_share_one_copy() -> None:
    made: list[str] = []
    go = threading.Barrier(4)

    @register("slow")
    def make(name: str) -> Any:
        made.append(name)
        return SimpleNamespace(name=name)

    got: list[Any] = []

    def work() -> None:
        go.wait()
        got.append(load("slow:a"))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == ["slow:a"]
    assert all(model is got[0] for model in got)


def test_a_failed_load_may_be_tried_again() -> None:
    tries: list[str] = []

    @register("flaky")
    def make(name: str) -> Any:
        tries.append(name)
        if len(tries) == 1:
            raise ModelError("not yet", "Try again.")
        return SimpleNamespace(name=name)

    with pytest.raises(ModelError):
        load("flaky:a")
    assert load("flaky:a").name == "flaky:a"


def test_descriptions_survive_odd_files(saved: Path) -> None:
    assert context_length({"n_positions": 1024}) == 1024
    assert context_length({"text_config": {"max_position_embeddings": 8192}, "n_ctx": 5}) == 8192
    assert context_length({}) is None
    (saved / "model.safetensors").write_bytes(b"\x05")
    assert count_parameters(saved) is None
    (saved / "config.json").write_text("[1]")
    assert describe("x", saved).capabilities.context_length is None
    (saved / "config.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be described"):
        describe("x", saved)

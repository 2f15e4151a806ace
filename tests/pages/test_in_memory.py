"""The models in memory on the Ask page: what each takes, and letting one go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from components import in_memory
from components.wording import plain
from playground.errors import EngineError, ModelBusy, PlaygroundError
from tests.pages.fakes import FakeRunner
from tests.pages.test_ask import shown

Open = Callable[..., AppTest]
POPOVER = "ask.in_memory"
EMBEDDED = {
    "name": "embedded", "device": "cpu", "dtype": "float32", "bits": None, "bytes": 12_000_000, "in_use": 0,
}  # fmt: skip
SMALL = {
    "name": "someone/small", "device": "cuda:0", "dtype": "bfloat16", "bits": 4, "bytes": 1_500_000_000, "in_use": 2,
}  # fmt: skip


class Memory:
    """The engine's answers about its models."""

    def __init__(self, *models: dict[str, Any]) -> None:
        self.models = list(models)
        self.asked: list[str] = []
        self.refusal: PlaygroundError | None = None

    def call(self, method: str, **params: Any) -> Any:
        self.asked.append(" ".join([method, *params.values()]))
        if self.refusal is not None and method == "unload":
            raise self.refusal
        if method == "unload":
            self.models = [
                model for model in self.models if model["name"] != params["model"].partition("?")[0]
            ]
        return self.models


@pytest.fixture
def memory(runner: FakeRunner) -> Memory:
    memory = Memory(EMBEDDED, SMALL)
    runner.call = memory.call  # type: ignore[attr-defined]
    return memory


def opened(page: AppTest) -> AppTest:
    page.session_state[POPOVER] = True
    return page.run()


def test_the_engine_is_asked_only_once_the_list_is_open(open_page: Open, memory: Memory) -> None:
    page = open_page()
    assert memory.asked == []
    opened(page)
    assert memory.asked == ["loaded"]
    text = shown(page)
    assert "12 MB · float32 on cpu" in text
    assert "1.5 GB · 4 bits on cuda:0 · in use now" in text
    assert "Together 1.5 GB." in text


def test_one_is_let_go_with_a_click(open_page: Open, memory: Memory) -> None:
    page = opened(open_page())
    page.button(key="ask.unload.embedded?device=cpu&dtype=float32").click().run()
    assert not page.exception
    assert memory.asked[1:] == ["unload embedded?device=cpu&dtype=float32", "loaded"]
    assert "12 MB" not in shown(page)
    memory.models = []
    assert "None. A model comes into memory with the first run on it." in shown(page.run())


def test_one_that_a_run_uses_stays_and_the_page_says_why(open_page: Open, memory: Memory) -> None:
    memory.refusal = ModelBusy("someone/small is in use.", "Wait until its runs have ended, or stop them.")
    page = opened(open_page())
    page.button(key="ask.unload.someone/small?device=cuda:0&dtype=bfloat16&bits=4").click().run()
    [warning] = page.warning
    assert plain(memory.refusal.message) in warning.value
    assert plain(memory.refusal.hint) in warning.value
    assert "1.5 GB" in shown(page)
    assert not page.run().warning


def test_an_engine_that_does_not_answer_is_no_broken_page(open_page: Open, runner: FakeRunner) -> None:
    def call(method: str, **params: Any) -> Any:
        raise EngineError("The engine ended.", "It starts again.")

    runner.call = call  # type: ignore[attr-defined]
    page = opened(open_page())
    assert not page.exception
    assert page.warning[0].value == plain("The engine ended. It starts again.")


def test_models_on_servers_take_no_memory_here(open_page: Open, memory: Memory) -> None:
    page = opened(open_page())
    page.selectbox(key="ask.model").select("server:small").run()
    assert not page.exception
    assert POPOVER not in page.session_state
    assert "12 MB" not in shown(page)


def test_the_facts_of_a_model_in_memory() -> None:
    assert in_memory.facts(EMBEDDED) == "12 MB · float32 on cpu"

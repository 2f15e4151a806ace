"""Choosing a model of Hugging Face on the Ask page, and watching its download."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from components import local_models
from components.pickers import OTHER
from playground.models.base import Capabilities, ModelInfo
from tests.pages.fakes import FakeRunner
from tests.pages.test_ask import go, shown

Open = Callable[..., AppTest]
FIELD = "ask.other_model"


def field(page: AppTest) -> str:
    return str(page.text_input(key=FIELD).value)


@pytest.fixture
def page(open_page: Open) -> AppTest:
    opened = open_page()
    return opened.selectbox(key="ask.model").select(OTHER).run()


def test_a_listed_model_is_taken_with_a_click(page: AppTest) -> None:
    assert not page.exception
    page.button(key="ask.known.Qwen/Qwen2.5-0.5B-Instruct").click().run()
    assert field(page) == "Qwen/Qwen2.5-0.5B-Instruct"
    text = shown(page)
    assert "apache" in text.lower()
    assert "of memory" in text


def test_where_it_is_computed_is_part_of_the_name(page: AppTest, runner: FakeRunner) -> None:
    page.text_input(key=FIELD).set_value("someone/small").run()
    page.selectbox(key="ask.device").select("cpu").run()
    page.selectbox(key="ask.dtype").select("bfloat16").run()
    assert field(page) == "someone/small?device=cpu&dtype=bfloat16"
    go(page, "How many?")
    assert runner.specs[-1].model == "someone/small?device=cpu&dtype=bfloat16"
    page.selectbox(key="ask.device").select(local_models.DEVICES[0]).run()
    assert field(page) == "someone/small?dtype=bfloat16"


@pytest.mark.parametrize("installed", [True, False])
def test_few_bits_are_offered_where_they_can_be_had(
    page: AppTest, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    monkeypatch.setattr(local_models, "find_spec", lambda name: object() if installed else None)
    page.text_input(key=FIELD).set_value("someone/small").run()
    numbers = page.selectbox(key="ask.dtype")
    assert ("4 bits" in numbers.options) is installed
    assert ("bitsandbytes" in shown(page)) is not installed
    if installed:
        numbers.select("4 bits").run()
        assert field(page) == "someone/small?bits=4"


def test_a_download_shows_how_far_it_is(page: AppTest, runner: FakeRunner) -> None:
    going = {
        "name": "someone/small",
        "state": "running",
        "done": 50_000_000,
        "total": 200_000_000,
        "speed": 1e7,
    }

    def call(method: str, **params: Any) -> Any:
        assert method == "downloads"
        return [going]

    runner.call = call  # type: ignore[attr-defined]
    runner.per_look = 0
    page.text_input(key=FIELD).set_value("someone/small?device=cpu").run()
    go(page, "How many?")
    [bar] = page.get("progress")
    assert bar.proto.value == 25
    assert "50 MB of 200 MB" in bar.proto.text
    assert "10 MB a second" in bar.proto.text
    assert "15 s left" in bar.proto.text


@pytest.mark.parametrize(
    ("name", "may"),
    [
        ("someone/small", True), ("someone/small?device=cuda:1", True), ("embedded", False), ("/a/folder", False),
        ("./a/b", False), ("openai:m@http://h/v1", False), ("groq:a/b", False),
    ],
)  # fmt: skip
def test_what_may_be_a_download(name: str, may: bool) -> None:
    assert local_models.may_download(name) is may


def test_the_facts_of_a_model() -> None:
    info = ModelInfo(
        "a/b", "B", "local", Capabilities(), licence="MIT", instruct=True, memory_bytes=2_000_000_000, fits=False,
        downloaded=False, download_bytes=900_000_000, gated=True,
    )  # fmt: skip
    assert local_models.facts(info) == (
        "MIT · instruct · about 2.0 GB of memory · **more than is free now** · download 900 MB · "
        "gated: accept its terms and set HF_TOKEN"
    )
    assert local_models.facts(ModelInfo("a/b", "B", "local", Capabilities())) == "licence not known"

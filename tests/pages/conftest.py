"""The Ask page in Streamlit's own test harness, with a runner that plays real strategies on a scripted model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from streamlit.testing.v1 import AppTest

from components import ask_state, question
from playground.errors import UnknownName
from playground.models.base import ModelInfo
from tests.pages.fakes import MODELS, FakeRunner

ENTRY = Path(__file__).parents[2] / "streamlit_app.py"

Open = Callable[..., AppTest]


@pytest.fixture
def runner() -> Iterator[FakeRunner]:
    """The runner behind the pages of this test."""
    fake = FakeRunner()

    def info(name: str) -> ModelInfo:
        if "/" not in name:
            raise UnknownName("model", name, ["embedded"])
        return ModelInfo(name, name, "local", MODELS[0].capabilities)

    with (
        patch("components.engine.runner", lambda: fake),
        patch("components.engine.models", lambda: MODELS),
        patch("components.engine.model_info", info),
        patch("components.engine.warm", fake.warm),
        patch.object(question, "DOUBLE_CLICK", 0.0),
        patch.object(ask_state.AskState, "pull_first_token", lambda self: None),
    ):
        yield fake


@pytest.fixture
def open_page(runner: FakeRunner) -> Open:
    """Opens the app as a new visitor, at an address with these query parameters."""

    def open(**query: str) -> AppTest:
        page = AppTest.from_file(str(ENTRY), default_timeout=30)
        for name, value in query.items():
            page.query_params[name] = value
        return page.run()

    return open

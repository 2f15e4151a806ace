"""Settings: where they come from and what a wrong one says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from playground.errors import BadInput
from playground.settings import PREFIX, settings

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_nothing_needs_to_be_set() -> None:
    assert settings().database.name == "playground.db"
    assert settings().data_dir.is_absolute()
    assert settings().engine
    assert not settings().data_dir.joinpath("never").exists()


def test_environment_wins_over_the_file_and_a_tilde_is_home(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("PLAYGROUND_DATA_DIR=~/runs\nPLAYGROUND_MAX_CONCURRENT_RUNS=3\nGROQ_API_KEY=x\n")
    monkeypatch.setenv("PLAYGROUND_MAX_CONCURRENT_RUNS", "4")
    assert settings().data_dir == Path.home() / "runs"
    assert settings().max_concurrent_runs == 4


def test_streamlits_secrets_are_in_the_environment() -> None:
    Path(".streamlit").mkdir()
    Path(".streamlit/secrets.toml").write_text('GROQ_API_KEY = "gsk_from-the-secrets"\n')
    code = (
        "from streamlit.runtime.secrets import secrets_singleton as secrets; secrets.load_if_toml_exists();"
        "from playground import keys; print(keys.of_groq())"
    )
    clean = {name: value for name, value in os.environ.items() if name != "GROQ_API_KEY"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=clean | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "gsk_from-the-secrets\n"


def test_settings_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = settings()
    monkeypatch.setenv("PLAYGROUND_MAX_CONCURRENT_RUNS", "5")
    assert settings() is first


@pytest.mark.parametrize(
    ("name", "value"), [("MAX_QUESTION_CHARS", "many"), ("MAX_CONCURRENT_RUNS", "0"), ("SERVER_SILENCE", "0")]
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(BadInput, match=f"{PREFIX}{name} = '{value}'") as caught:
        settings()
    assert ".env" in caught.value.hint

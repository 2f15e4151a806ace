"""No key that a person gives is ever written down: not in the database, an export, raw events, or what is printed.

A new way of giving a key, or a new name for one, is one more entry in `WAYS` or `NAMES`. The runs below include some
that fail with a library's error which quotes its whole environment.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from components.record_views import json_line
from playground import cli_sessions, keys
from playground.errors import ModelError
from playground.events import NodeOpened
from playground.execute import attempt
from playground.runner import EngineProcess, Runner
from playground.secrecy import hidden
from playground.settings import settings
from playground.store import Store
from playground.strategies.base import Params, Result, Strategy
from tests import fakes

ROOT = Path(__file__).parents[1]
NAMES = ("GROQ_API_KEY", "OPENAI_API_KEY", "HF_TOKEN", "PLAYGROUND_SERVER_KEY", "proxy_password")
SECRETS = {name: f"sk_{i}_nobody-may-read-{name[::-1]}" for i, name in enumerate(NAMES)}
TYPED = "typed.json"
CANARY = "a question that may be read"


def in_the_environment(folder: Path) -> dict[str, str]:
    return SECRETS


def in_a_dotenv_file(folder: Path) -> dict[str, str]:
    lines = [f"{name}={value}" for name, value in SECRETS.items()]
    (folder / ".env").write_text("\n".join(lines))
    return {}


def in_streamlit_secrets(folder: Path) -> dict[str, str]:
    (folder / ".streamlit").mkdir()
    lines = [f'{name} = "{value}"' for name, value in SECRETS.items()]
    (folder / ".streamlit" / "secrets.toml").write_text("\n".join(lines))
    return {}


def typed_on_the_page(folder: Path) -> dict[str, str]:
    (folder / TYPED).write_text(json.dumps(SECRETS))
    return {}


WAYS: list[Callable[[Path], Mapping[str, str]]] = [
    in_the_environment,
    in_a_dotenv_file,
    in_streamlit_secrets,
    typed_on_the_page,
]


@pytest.mark.parametrize("way", WAYS)
def test_no_key_is_written_down(tmp_path: Path, way: Callable[[Path], Mapping[str, str]]) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    home.mkdir()
    out.mkdir()
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    given = os.environ | {"PLAYGROUND_DATA_DIR": str(out / "data"), "PYTHONPATH": path, "HF_HUB_OFFLINE": "1"}
    given |= way(home)
    commands = [
        [sys.executable, "-m", "playground", "ask", CANARY, "--strategy", "direct"],
        [sys.executable, "-c", f"from tests.test_keys import work; work({str(out)!r})"],
    ]
    for i, command in enumerate(commands):
        with (out / f"printed-{i}.txt").open("wb") as printed:
            subprocess.run(
                command, cwd=home, env=given, stdout=printed, stderr=subprocess.STDOUT, check=False
            )
    places = without_keys(out)
    seen = {name for name, content in places.items() if CANARY.encode() in content}
    assert {f"all.{kind}" for kind in ("json", "csv", "md", "html")} < seen, (
        "the test looks in the right places"
    )
    assert {"runs.question", "chunks.data", "search_content.c2", "events.jsonl"} < seen
    assert any(b"the environment was" in content for content in places.values())


def without_keys(folder: Path) -> dict[str, bytes]:
    """All that is in a folder, by name; fails if a key is among it."""
    places: dict[str, bytes] = {}
    for name, content in everything(folder):
        places[name] = places.get(name, b"") + content
    for name, content in places.items():
        for key, secret in SECRETS.items():
            assert secret.encode() not in content, f"{key} stands in {name}"
    return places


def everything(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file's bytes; of a database also every value in every table, unpacked where it is packed."""
    for file in folder.rglob("*"):
        if file.is_file():
            yield file.name, file.read_bytes()
        if file.suffix == ".db":
            yield from values(file)


def values(file: Path) -> Iterator[tuple[str, bytes]]:
    with closing(sqlite3.connect(file)) as connection:
        for (table,) in connection.execute("select name from sqlite_master where type = 'table'").fetchall():
            rows = connection.execute(f"select * from {table}")
            names = [column[0] for column in rows.description]
            for row in rows:
                for name, value in zip(names, row, strict=True):
                    data = value if isinstance(value, bytes) else str(value).encode()
                    yield f"{table}.{name}", data
                    for start in (0, 1):
                        with suppress(zlib.error):
                            yield f"{table}.{name}", zlib.decompress(data[start:])


# What the child process of the test does


def work(out: str) -> None:
    """Runs that end well and badly, in an engine process; then all that is saved, in every form, as files."""
    engine = EngineProcess(("--models", "tests.fakes:load", "--strategies", "tests.test_keys:find"))
    runner = Runner(Store(settings().database), engine, find_strategy=find)
    typed = json.loads(Path(TYPED).read_text()) if Path(TYPED).exists() else {}
    for strategy in ("count", "leak", "leak loudly"):
        for model in ("fake", "damaged"):
            with keys.given(typed):
                run_id = runner.start(fakes.spec(question=CANARY, strategy=strategy, model=model))
            runner.wait(run_id, 60)
    runner.store.flush()
    ids = [session.id for session in runner.store.sessions.find(limit=100)]
    for kind, export in cli_sessions.FORMATS.items():
        Path(out, f"all.{kind}").write_bytes(export(runner.store, ids))
    records = [record for id in ids for record in runner.records(id)]
    Path(out, "events.jsonl").write_text("\n".join(map(json_line, records)))
    runner.close()


def leak(question: Any, model: Any, params: Params, place: Any) -> Iterator[Any]:
    yield NodeOpened("q/a", "q", "branch", "about to leak")
    raise ModelError(f"401, the environment was {dict(os.environ)}.", f"Not {dict(keys.typed())}.")


def leak_loudly(question: Any, model: Any, params: Params, place: Any) -> Iterator[Any]:
    yield NodeOpened("q/a", "q", "branch", "about to leak")
    raise RuntimeError(f"the environment was {os.environ}, the keys {dict(keys.typed())}")


LEAKS: dict[str, Any] = {"leak": leak, "leak loudly": leak_loudly}


def find(name: str) -> Strategy:
    if name not in LEAKS:
        return fakes.find(name)
    return Strategy(name, name, "", "", frozenset(), "branches", fakes.Counting, LEAKS[name])


# What is taken out


def test_what_is_taken_out_of_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "gsk_12345678")
    monkeypatch.setenv("LONGER_KEY", "gsk_12345678_and_more")
    monkeypatch.setenv("SORT_KEY", "name")
    monkeypatch.setenv("MONKEY", "gibbons and apes")
    monkeypatch.setenv("EMPTY_TOKEN", "")
    text = "gsk_12345678 gsk_12345678_and_more, the name of gibbons and apes"
    assert hidden(text) == "[GROQ_API_KEY] [LONGER_KEY], the name of gibbons and apes"


def test_a_surprise_is_logged_without_keys(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "gsk_12345678")

    def step() -> Result:
        raise RuntimeError("refused: gsk_12345678")

    failed = attempt(step)
    assert "gsk_" not in repr(failed) + caplog.text
    assert "refused: [GROQ_API_KEY]" in caplog.text
    assert "Traceback" in caplog.text

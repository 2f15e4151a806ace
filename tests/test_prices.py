"""Prices against the table as its package gives it, and costs computed by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.answer_card import many, money, price_note
from playground import prices
from playground.events import Record, RunStarted, Spent, Usage, from_json, to_json
from playground.execute import RunSpec, execute
from playground.models.base import Capabilities
from playground.prices import price_of, provider_of
from playground.summary import summarise
from playground.trace import Trace, cost, fold
from tests.scripted import Scripted, way

ROOT = Path(__file__).parents[1]
OPENAI = "https://api.openai.com/v1"
DAY = datetime(2026, 11, 21, 12, tzinfo=UTC)
PRICE = {"input": 2.0, "output": 8.0, "cached": 0.5, "date": "2026-11-21", "source": "a table"}
SPENT = Usage(calls=3, prompt_tokens=1000, cached_tokens=400, completion_tokens=250, forward_passes=0)


def trace(price: dict[str, Any] | None, usage: Usage = SPENT, *, local: bool = False) -> Trace:
    started = RunStarted("?", "direct", "groq:x", {}, 0, local=local, price=price)
    return fold([Record("r", 0, 10.0, started), Record("r", 1, 12.0, Spent("q", usage))])


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("groq:llama-3.1-8b-instant", ("groq", "llama-3.1-8b-instant")),
        ("groq:openai/gpt-oss-20b", ("groq", "openai/gpt-oss-20b")),
        ("openai:gpt-4o@https://api.openai.com/v1", ("openai", "gpt-4o")),
        ("openai:gpt-4o@https://API.OpenAI.com", ("openai", "gpt-4o")),
        ("openai:gpt-4o@https://api.openai.com.example.org/v1", None),
        ("openai:gpt-4o@https://example.org/api.openai.com", None),
        ("openai:gpt-4o@http://localhost:8000/v1", None),
        ("openai:gpt-4o@http://api.openai.com/v1", None),
        ("openai:gpt-4o@https://[", None),
        ("openai:gpt-4o@https://api.openai.com/v1#completions", ("openai", "gpt-4o")),
        ("openai:gpt-4o@https://api.groq.com/openai/v1", None),
        ("openai:@https://api.openai.com/v1", None),
        ("groq:", None),
        ("embedded", None),
        ("owner/model", None),
        ("scripted:groq.json", None),
    ],
)
def test_who_sends_the_bill(name: str, provider: tuple[str, str] | None) -> None:
    assert provider_of(name) == provider


def test_a_name_without_an_address_goes_where_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    for address, provider in ((OPENAI, ("openai", "gpt-4o")), ("http://localhost:8000/v1", None)):
        monkeypatch.setattr(
            prices, "settings", lambda address=address: SimpleNamespace(openai_base_url=address)
        )
        assert provider_of("openai:gpt-4o") == provider
    monkeypatch.setenv("GROQ_BASE_URL", "http://localhost:8000")
    assert provider_of("groq:openai/gpt-oss-20b") is None


def test_prices_are_those_of_the_table() -> None:
    """Read off the table by hand."""
    price = price_of("groq:openai/gpt-oss-20b", DAY)
    assert price is not None
    assert (price.input, price.cached, price.output) == (0.075, 0.0375, 0.3)
    assert (price.date, price.source) == ("2026-11-21", "genai-prices 0.2.3")
    plain = price_of("groq:llama-3.1-8b-instant", DAY)
    assert plain is not None
    assert (plain.input, plain.cached, plain.output) == (0.05, None, 0.08)
    openai = price_of("openai:gpt-4o@https://api.openai.com/v1", DAY)
    assert openai is not None
    assert (openai.input, openai.cached, openai.output) == (2.5, 1.25, 10.0)
    tiered = price_of("openai:gpt-5.5@https://api.openai.com/v1", DAY)
    assert tiered is not None
    assert (tiered.input, tiered.output) == (5.0, 30.0)


@pytest.mark.parametrize(
    "name", ["groq:no-such-model", "groq:whisper-large-v3", "embedded", "openai:gpt-4o@http://x/v1"]
)
def test_what_is_not_known_stays_unknown(name: str) -> None:
    assert price_of(name, DAY) is None


def test_the_table_is_read_late_and_nothing_is_fetched() -> None:
    code = """
import socket, sys
def refuse(*args, **kwargs): raise AssertionError("the network was asked")
socket.socket.connect = socket.getaddrinfo = refuse
import playground.cli, playground.execute
from playground.prices import price_of
assert price_of("embedded") is None and price_of("scripted:x.json") is None
assert "genai_prices" not in sys.modules
assert price_of("groq:llama-3.1-8b-instant").input == 0.05
import threading
print(sorted(t.name for t in threading.enumerate()))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "['MainThread']", done.stderr


def test_costs_by_hand() -> None:
    # 600 fresh at $2, 400 cached at $0.50, 250 written at $8, for a million each.
    assert cost(SPENT, PRICE) == pytest.approx((600 * 2 + 400 * 0.5 + 250 * 8) / 1e6) == pytest.approx(0.0034)
    # Without a price of their own, cached tokens cost what the others cost.
    assert cost(SPENT, PRICE | {"cached": None}) == pytest.approx((1000 * 2 + 250 * 8) / 1e6)
    assert cost(Usage(), PRICE) == 0.0
    assert cost(SPENT, None) is None
    assert cost(Usage(calls=2), PRICE) is None  # the server counted nothing


@pytest.mark.parametrize("wrong", ["2", None, -1, float("nan"), float("inf"), True, 10**400])
def test_a_price_from_elsewhere_that_is_none_is_no_price(wrong: Any) -> None:
    for name in ("input", "output"):
        assert trace(PRICE | {name: wrong}).cost_usd is None
    if wrong is not None:
        assert trace(PRICE | {"cached": wrong}).cost_usd is None
    assert "did not say" in price_note(trace(PRICE | {"input": wrong}))


def test_a_trace_costs_what_its_log_says() -> None:
    assert trace(PRICE).cost_usd == pytest.approx(0.0034)
    assert trace(None).cost_usd is None
    assert trace(None, local=True).cost_usd == 0.0
    assert fold([]).cost_usd is None
    assert summarise(trace(PRICE))["usage"]["cost_usd"] == pytest.approx(0.0034)
    assert summarise(trace(PRICE))["usage"]["price"] == PRICE
    assert summarise(trace(None))["usage"]["price"] is None


def test_old_logs_have_no_price_and_new_ones_keep_it() -> None:
    old = {
        "kind": "run_started",
        "question": "?",
        "strategy": "direct",
        "model": "m",
        "params": {},
        "seed": 0,
    }
    started = from_json(old)
    assert isinstance(started, RunStarted)
    assert started.price is None
    assert "price" not in to_json(started)
    new = from_json(json.loads(json.dumps(old | {"price": PRICE})))
    assert isinstance(new, RunStarted)
    assert new.price == PRICE
    assert to_json(new)["price"] == PRICE


@pytest.mark.parametrize(
    ("name", "local", "found"),
    [
        ("groq:openai/gpt-oss-20b", False, 0.075),
        ("groq:openai/gpt-oss-20b", True, None),
        ("mine:x", False, None),
    ],
)
def test_a_run_begins_with_the_price_of_its_model(name: str, local: bool, found: float | None) -> None:
    model: Any = Scripted(lambda prompt: [way(1.0, "It is 7.")])
    model.capabilities = Capabilities(full_logits=True, local=local)
    [first, *rest] = execute(RunSpec("How many?", "direct", name), load_model=lambda name: model)
    assert isinstance(first, RunStarted)
    assert (first.price or {}).get("input") == found
    result = fold([first, *rest])
    if found is None:
        assert result.cost_usd == (0.0 if local else None)
    else:
        # The script reads 10 tokens and writes 3 and its end: (10 × 0.075 + 4 × 0.3) / 10⁶.
        assert (result.usage.prompt_tokens, result.usage.completion_tokens) == (10, 4)
        assert result.cost_usd == pytest.approx((10 * 0.075 + 4 * 0.3) / 1e6)


def test_the_card_says_what_it_costs_and_where_the_price_is_from() -> None:
    dear = trace(PRICE)
    assert money(dear.cost_usd) == "$0.0034"
    assert "for \\$1.70." in many(dear)  # 500 × 0.0034
    note = price_note(dear).replace("\\", "")
    assert note == (
        "US dollars for a million tokens: 2 read (0.5 of those in its cache), 8 written; prices "
        "of 2026-11-21 from a table."
    )
    assert "not known" in price_note(trace(None))
    assert price_note(trace(None, local=True)) == "Free: runs on this machine."
    free = trace(PRICE | {"input": 0, "output": 0, "cached": None})
    assert "tokens, free." in many(free)
    assert [money(c) for c in (0.0000123, 0.5, 1.7, 12345.678)] == [
        "$0.000012",
        "$0.5000",
        "$1.70",
        "$12,345.68",
    ]


def test_the_pinned_table_is_the_installed_one() -> None:
    import genai_prices

    assert f"genai-prices=={genai_prices.__version__}\n" in (ROOT / "requirements.txt").read_text("utf-8")
    assert isinstance(prices.price_of("groq:gemma2-9b-it", DAY), prices.Price)

"""What the answer card says of a run's cost."""

from __future__ import annotations

from components.answer_card import reused
from playground.events import Spent, Usage
from playground.trace import fold


def test_what_was_in_the_cache_is_told() -> None:
    trace = fold([Spent("q", Usage(prompt_tokens=2000, cached_tokens=1500))])
    assert reused(trace) == "1,500 of the prompt tokens (75%) were still in the KV cache and not read again."


def test_nothing_is_said_where_nothing_was() -> None:
    assert reused(fold([Spent("q", Usage(prompt_tokens=2000))])) == ""
    assert reused(fold([])) == ""

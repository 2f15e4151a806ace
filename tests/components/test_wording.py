"""Words and numbers on screen."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.wording import (
    count,
    duration,
    paper_link,
    plain,
    rough_duration,
    setting_name,
    setting_value,
    shorten,
)


def read(markdown: str) -> str:
    """The characters that escaped markdown shows."""
    return re.sub(r"\\(.)", r"\1", markdown.replace("\u2060", ""), flags=re.DOTALL)


@given(st.text())
def test_plain_shows_exactly_the_text_on_one_line(text: str) -> None:
    assert read(plain(text)) == " ".join(text.replace("\u2060", "").split())


@given(st.text(alphabet=":/*_$[]()<>`~-@w.\\ ab", max_size=40))
def test_plain_leaves_no_punctuation_unescaped(text: str) -> None:
    escaped = plain(text)
    rest = escaped.replace("\\\\", "")
    assert re.fullmatch(r"(?:[\w\s\u2060]|\\.)*", rest)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00 s"),
        (0.842, "0.84 s"),
        (9.94, "9.9 s"),
        (12.4, "12 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (3900, "1 h 05 min"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "about 1 s"), (80, "about 80 s"), (1430, "about 24 min"), (12_600, "about 3.5 h")],
)
def test_rough_duration(seconds: float, text: str) -> None:
    assert rough_duration(seconds) == text


def test_count() -> None:
    assert [count(1, "token"), count(12345, "token"), count(0, "forward pass", "forward passes")] == [
        "1 token",
        "12,345 tokens",
        "0 forward passes",
    ]


def test_half_characters_are_replaced() -> None:
    assert plain("a\ud83db") == "a\ufffdb"


def test_shorten_cuts_with_an_ellipsis() -> None:
    assert shorten("a  b\nc") == "a b c"
    assert shorten("abcdef", 4) == "abc…"


def test_names_and_values_of_settings() -> None:
    names = ["top_p", "top_k", "max_new_tokens", "k", "do_sample", "min_p"]
    assert [setting_name(n) for n in names] == ["Top-p", "Top-k", "Max new tokens", "k", "Do sample", "Min-p"]
    assert [setting_value(v) for v in (True, 0.7, 10, "x" * 50)] == ["on", "0.7", "10", "x" * 39 + "…"]


def test_papers_are_linked_by_their_number() -> None:
    assert paper_link("Wang 2024, arXiv:2402.10200").endswith(
        "[arXiv 2402.10200](https://arxiv.org/abs/2402.10200)"
    )
    assert read(paper_link("A talk (2024)")) == "A talk (2024)"

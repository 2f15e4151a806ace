"""CSV that a spreadsheet cannot run, Markdown in which text stays text."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from markdown_it import MarkdownIt

from playground.events import Answered, NodeOpened, RunFinished, RunStarted, TextAdded
from playground.exchange import to_csv, to_markdown
from playground.exchange.report import block, inline
from playground.exchange.table import COLUMNS
from playground.store import Store
from tests.exchange.samples import HOSTILE, START, save

Filled = tuple[Store, list[str]]


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def answered(store: Store, answer: str | None, question: str = "Q?", **started: Any) -> None:
    opening = RunStarted(question, "direct", "m", {}, 0, **started)
    written = TextAdded("q/a", answer or "")
    save(store, "a", [opening, NodeOpened("q", None, "question"), NodeOpened("q/a", "q", "branch"), written,
                      Answered(answer, "q/a", 0.5, "Δ"), RunFinished()])  # fmt: skip


class TestTable:
    def test_a_row_a_run(self, filled: Filled) -> None:
        store, ids = filled
        found = rows(to_csv(store, ids))
        assert list(found[0]) == list(COLUMNS)
        assert [row["run"] for row in found] == [run.id for id in ids for run in store.runs_in(id)]
        cot = next(row for row in found if row["run"] == "cot")
        assert (cot["session"], cot["strategy"], cot["answer"], cot["gold"]) == (
            "cot",
            "cot-decoding",
            "9",
            "",
        )
        assert cot["correct"] == ""
        assert json.loads(cot["params"])["k"] == 3
        assert float(cot["confidence"]) == pytest.approx(0.95)
        assert (cot["calls"], cot["cost_usd"], cot["created"][:10]) == ("3", "0.0", "2023-11-14")
        assert cot["created"].endswith("+00:00")
        assert {row["correct"] for row in found if row["session"] == "all-strategies"} == {"true", "false"}

    @pytest.mark.parametrize(
        "text",
        [
            "=1+1",
            "+1+c",
            "-2+3",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            "  =1",
            "＝1",
            "=cmd|' /C calc'!A0",
            "-x",
        ],
    )
    def test_formulas_are_text(self, fresh: Store, text: str) -> None:
        answered(fresh, text, question=text)
        [row] = rows(to_csv(fresh, ["a"]))
        assert row["answer"] == f"'{text}"
        assert row["question"] == f"'{text}"

    @pytest.mark.parametrize("text", ["-5", "+3", "-0.5", "12%", "a=b", 'say "x", y\nz', "ü😀"])
    def test_numbers_and_plain_texts_stay(self, fresh: Store, text: str) -> None:
        answered(fresh, text)
        assert rows(to_csv(fresh, ["a"]))[0]["answer"] == text

    def test_half_a_character(self, fresh: Store) -> None:
        answered(fresh, "\ud800")
        assert rows(to_csv(fresh, ["a"]))[0]["answer"] == "?"

    def test_what_is_not_known_is_empty(self, fresh: Store) -> None:
        answered(fresh, None)
        row = rows(to_csv(fresh, ["a"]))[0]
        assert (row["answer"], row["gold"], row["correct"], row["cost_usd"]) == ("", "", "", "")


class TestReport:
    def test_it_says_what_a_run_was(self, filled: Filled) -> None:
        text = to_markdown(*filled)
        for said in (
            "# Ünamed \\'session\\' \\=1\\+1", "tags: class 7, zoo, Äpfel", "## Run cot: cot\\-decoding on scripted",
            "## Run cot\\-fork: fork on scripted (a fork)", "- Answer: **9**, right", "Confidence: 0.950 (",
            "3 calls, 10 prompt tokens", "### Branch 2", "### Step 1: Add", "Failed: ",
            "The run still goes on", "The run was cancelled before its end",
        ):  # fmt: skip
            assert said in text, said

    @pytest.mark.parametrize(
        "text",
        [
            HOSTILE, "```\n# not a heading\n```", "````\n```", "~~~", "- list\n1. one\n> quote", "    code", "\\*",
            "[x](javascript:alert(1)) ![i](http://x/y.png) <b>b</b> &amp; &lt; **b** _i_ `c` | t |", "a\r\n```b",
            "http://a.b www.c.d",
        ],
    )  # fmt: skip
    def test_text_stays_text(self, fresh: Store, text: str) -> None:
        answered(fresh, text, question=text, gold=text)
        fresh.sessions.rename("a", text)
        fresh.sessions.set_note("a", text)
        reader = MarkdownIt("commonmark", {"html": True}).enable("table")
        tokens = reader.parse(to_markdown(fresh, ["a"]))
        inner = [part for token in tokens for part in (token.children or [])]
        kinds = {token.type for token in [*tokens, *inner]}
        assert kinds <= {
            "heading_open", "heading_close", "inline", "paragraph_open", "paragraph_close", "fence", "text",
            "bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close", "strong_open", "strong_close",
            "text_special", "softbreak",
        }  # fmt: skip
        headings = [t for t in tokens if t.type == "heading_open"]
        assert [t.tag for t in headings] == ["h1", "h2", "h3"]
        fences = [t.content for t in tokens if t.type == "fence"]
        assert fences == [text.replace("\r\n", "\n") + "\n"] * 3
        title = tokens[tokens.index(headings[0]) + 1].children
        assert "".join(part.content for part in title or []) == " ".join(text.split())

    def test_long_texts_on_a_line_are_cut(self) -> None:
        assert inline("a b" * 1000, 10) == "a ba ba b…"
        assert block("x") == ["```text", "x", "```", ""]

    def test_half_a_character(self, fresh: Store) -> None:
        answered(fresh, "\ud800")
        assert to_markdown(fresh, ["a"]).encode()

    def test_when_it_was(self, fresh: Store) -> None:
        answered(fresh, "7")
        assert START == 1_700_000_000.25
        assert "2023-11-14 22:13 UTC" in to_markdown(fresh, ["a"])

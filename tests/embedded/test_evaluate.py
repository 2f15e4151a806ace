"""The evaluation's arithmetic and its place in the card."""

from dataclasses import asdict, replace

import pytest

from playground.embedded import card, evaluate
from playground.intervals import wilson
from playground.puzzles import generate
from tests.scripted import Scripted, way

SHAPE = {
    "parameters": 5_000_000,
    "vocab_size": 700,
    "hidden_size": 256,
    "num_hidden_layers": 6,
    "num_attention_heads": 8,
    "intermediate_size": 704,
}


def cell(way, right, count=40, family="arithmetic", level=3, **more):
    return asdict(evaluate.Cell(family, level, way, right, 0, count, **more))


def measured():
    cells = [
        cell("greedy", 10),
        cell("titled chain", 36, steps=100, valid_steps=97, valid_chains=38),
        cell("greedy", 20, family="coin_flip", level=2),
    ]
    return {"cells": cells, "classification": [18, 20], "versions": {"weights": "abc"}}


def test_tables_have_a_row_for_each_skill():
    lines = card.tables(measured()).splitlines()
    assert lines[0] == "| puzzle | difficulty | n | greedy | titled chain |"
    assert lines[2].startswith("| arithmetic | 3 | 40 | 0.25 (0.14–0.40) | 0.90 (")
    assert lines[3] == "| coin flip | 2 | 40 | 0.50 (0.35–0.65) |  |"
    assert "| arithmetic | 3 | 97 of 100 | 38 of 40 |" in lines
    assert "18 of 20" in card.tables(measured())


def test_wilson_interval():
    assert wilson(20, 40) == pytest.approx((0.352, 0.648), abs=1e-3)
    assert wilson(0, 40)[0] == 0
    assert 0 < wilson(0, 40)[1] < 0.1


def test_the_card_takes_the_measured_tables():
    text = card.render({"arithmetic": 0.5}, SHAPE, tokens=20_000_000)
    assert "| arithmetic | 0.50 |" in text
    for _ in range(2):
        text = card.replace_measured(text, card.tables(measured()))
    assert text.count("| coin flip | 2 | 40 |") == 1
    assert "| arithmetic | 0.50 |" not in text
    assert "## How it was made" in text


def test_measure_runs_the_strategies_and_marks_their_answers():
    gold = {p.question: p.answer for p in generate("coin_flip", 5, seed=evaluate.SEED, difficulty=2)}

    def script(prompt):
        [answer] = [a for q, a in gold.items() if q in prompt]
        other = "no" if answer == "yes" else "yes"
        if "step by step" in prompt:
            return (way(1.0, "So the answer is", answer=answer),)
        # The surest branch is wrong; two less sure ones that agree are right.
        right = [
            way(0.3, start, answer=answer, answer_margin=0.5)
            for start in ("The answer is", "So the answer is")
        ]
        return (way(0.4, "Well, the answer is", answer=other, answer_margin=0.8), *right)

    skill = evaluate.Skill(
        "coin_flip", 2,
        (evaluate.GREEDY, evaluate.ZERO_SHOT, replace(evaluate.COT_DECODING, params={"k": 3})), 0.5,
    )  # fmt: skip
    found = {
        c.way: c for c in evaluate.measure("m", 10, skills=(skill,), load_model=lambda name: Scripted(script))
    }
    assert {name: (c.right, c.count, c.failed) for name, c in found.items()} == {
        "greedy": (0, 5, 0), "zero-shot CoT": (5, 5, 0), "CoT-decoding, max Δ": (0, 5, 0),
        "CoT-decoding, aggregate": (5, 5, 0),
    }  # fmt: skip

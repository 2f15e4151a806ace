"""Attempts: right ones are right, wrong ones go wrong exactly where they say."""

from __future__ import annotations

import re
from random import Random

import pytest

from playground.embedded import attempts, corpus
from playground.embedded.lessons_search import Game
from playground.prompts import texts
from playground.puzzles import FAMILIES, draw, game24, get_family

CASES = [(family, level) for family in sorted(FAMILIES) for level in get_family(family).difficulties]


@pytest.mark.parametrize(("family", "level"), CASES)
def test_a_wrong_attempt_is_right_up_to_its_slip(family: str, level: int) -> None:
    rng = Random(f"{family}{level}")
    for seed in range(25):
        puzzle = draw(family, seed=seed, difficulty=level, split="train")
        own = attempts.correct(puzzle)
        assert own.correct
        assert own.text == puzzle.worked
        wrong = attempts.wrong(rng, puzzle)
        assert not wrong.correct
        assert wrong.right < len(wrong.steps)
        assert not puzzle.accepts(wrong.answer)
        assert wrong.mended not in wrong.steps[wrong.right : wrong.right + 1]
        if family != "game_of_24":
            assert wrong.steps[: wrong.right] == own.steps[: wrong.right]
            assert wrong.mended == own.steps[wrong.right]


def test_after_a_slip_the_sums_are_right_again() -> None:
    rng = Random(1)
    for seed in range(60):
        puzzle = draw("arithmetic", seed=seed, difficulty=5, split="train")
        wrong = attempts.wrong(rng, puzzle)
        for step in wrong.steps[wrong.right + 1 :]:
            a, sign, b, made = re.fullmatch(r"(\d+) (.) (\d+) = (\d+)\.", step).groups()  # type: ignore[union-attr]
            assert eval(f"{a} {sign} {b}") == int(made)  # digits and an operator
        assert wrong.answer == re.findall(r"\d+", wrong.steps[-1])[-1]


def some(kind: str, n: int = 60) -> list[tuple[str, str]]:
    """What is asked and what is to be said, without the end mark."""
    rng, made = Random(kind), []
    for _ in range(n):
        segments = corpus.KINDS[kind](rng, corpus.STAGES["all"])
        asked = "".join(segment.text for segment in segments[:-1])
        made.append((asked, segments[-1].text.removesuffix("<|end|>").strip()))
    return made


def replayed(asked: str) -> tuple[int, ...] | None:
    """The numbers left in a game after the steps a prompt shows; None for another family."""
    if "24" not in asked.split("\n", maxsplit=1)[0]:
        return None
    now = tuple(sorted(game24.numbers_of(asked.split("\n", maxsplit=1)[0].removeprefix("Q: "))))
    for text in re.findall(r"^(\d+ . \d+ = \d+ \(left.*)$", asked, re.MULTILINE):
        now = next(m for m in game24.moves(now) if m.text == text).left
    return now


def test_values_of_games_are_exact() -> None:
    games = [(replayed(asked), said) for asked, said in some("value", 150) if "make 24" in asked.lower()]
    assert len(games) > 50
    for now, said in games:
        assert now is not None
        hope = said.split()[-1]
        assert hope in texts.VALUES
        assert (hope != "impossible") == game24.reachable(now)
        assert (hope == "sure") == (len(now) < 3 and game24.reachable(now))


def test_proposals_are_different_legal_moves() -> None:
    for asked, said in some("propose"):
        now = replayed(asked)
        lines = said.split("\n")
        assert len(set(lines)) == len(lines)
        if now is not None and len(now) > 1:
            assert set(lines) <= {move.text for move in game24.moves(now)}


def test_no_three_numbers_held_out_are_ever_asked_about() -> None:
    for seed in range(200):
        rng = Random(seed)
        game = Game(rng, draw("game_of_24", seed=seed, difficulty=2, split="train"), astray=0.5)
        assert game24.split_of(game.now) == "train"


def test_reviews_end_in_the_verdict_their_steps_give() -> None:
    for asked, said in some("review"):
        assert said.endswith(("[[correct]]", "[[wrong]]"))
        if "is wrong." in said:
            assert said.endswith("[[wrong]]")
        if "is right." in said and "is wrong." not in said:
            assert said.endswith("[[correct]]")
        assert texts.REVIEW in asked

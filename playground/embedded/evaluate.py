"""What the finished model can do, through the project's own strategies: the tables in its card.

    python -m playground.embedded.evaluate --write

Knows puzzles of the test split, the engine's `execute` and the card. Must not know how the model was trained. Every
number on the card comes from here, whatever it is.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaForCausalLM

from playground import marking
from playground.embedded import card, probe
from playground.embedded import tokenizer as tokenizers
from playground.embedded.lessons_answering import band
from playground.execute import RunSpec, execute
from playground.intervals import wilson
from playground.models import catalog
from playground.models.base import Model, outcome
from playground.puzzles import FAMILIES, Puzzle, generate
from playground.strategies import Question
from playground.strategies.base import Place
from playground.strategies.difficulty import classify
from playground.trace import Trace, fold

SEED = "evaluate"

LoadModel = Callable[[str], Model]


@dataclass(frozen=True)
class Way:
    """A strategy with its settings, and the name of its column."""

    title: str
    strategy: str
    params: Mapping[str, Any] = field(default_factory=dict)


GREEDY = Way("greedy", "direct")
ZERO_SHOT = Way("zero-shot CoT", "zero-shot-cot")
FEW_SHOT = Way("few-shot CoT", "few-shot-cot")
COT_DECODING = Way("CoT-decoding, max Δ", "cot-decoding")
POOLED = "CoT-decoding, aggregate"
CHAIN = Way("titled chain", "titled-chain")


@dataclass(frozen=True)
class Skill:
    """One kind of puzzle, the ways it is asked in, and how large a part of the puzzles asked for it gets."""

    family: str
    difficulty: int
    ways: tuple[Way, ...]
    part: float


SKILLS: tuple[Skill, ...] = (
    Skill("arithmetic", 3, (GREEDY, ZERO_SHOT, FEW_SHOT, COT_DECODING, CHAIN), 1.0),
    *(Skill("arithmetic", level, (GREEDY, ZERO_SHOT, COT_DECODING), 0.3) for level in (1, 2, 4, 5, 6, 8)),
    *(
        Skill(family, level, (GREEDY, ZERO_SHOT, COT_DECODING, CHAIN), 0.2)
        for family, levels in (
            ("last_letter", (1, 3)),
            ("coin_flip", (2, 4)),
            ("letter_count", (1, 3)),
            ("decimal_compare", (1, 3)),
            ("year_parity", (1, 3)),
        )
        for level in levels
    ),
    *(Skill("game_of_24", level, (GREEDY, ZERO_SHOT, COT_DECODING), 0.2) for level in (1, 2, 3)),
)


@dataclass(frozen=True)
class Cell:
    """One measured share: right answers among `count` puzzles, and how many runs failed. For chains also how many
    steps were written, how many of them were valid as written, and in how many chains every step was."""

    family: str
    difficulty: int
    way: str
    right: int
    failed: int
    count: int
    tokens: float = 0.0
    steps: int = 0
    valid_steps: int = 0
    valid_chains: int = 0

    @property
    def share(self) -> float:
        return self.right / self.count


def ask(puzzle: Puzzle, way: Way, model: str, load_model: LoadModel) -> Trace:
    """Run once."""
    spec = RunSpec(puzzle.question, way.strategy, model, way.params, gold=puzzle.answer, family=puzzle.family)
    return fold(execute(spec, load_model=load_model))


def measure(
    model: str, count: int, *, skills: tuple[Skill, ...] = SKILLS, load_model: LoadModel = catalog.load
) -> Iterator[Cell]:
    """Each skill in each of its ways, the same unseen puzzles for all ways; `count` for the largest part."""
    for skill in skills:
        n = max(1, round(count * skill.part))
        puzzles = list(generate(skill.family, n, seed=SEED, difficulty=skill.difficulty))
        for way in skill.ways:
            traces = [ask(puzzle, way, model, load_model) for puzzle in puzzles]
            yield _cell(skill, way.title, traces, [bool(trace.correct) for trace in traces])
            if way.strategy == COT_DECODING.strategy:
                pooled = [_pooled(trace, puzzle) for trace, puzzle in zip(traces, puzzles, strict=True)]
                yield _cell(skill, POOLED, traces, pooled)


def _cell(skill: Skill, title: str, traces: list[Trace], right: list[bool]) -> Cell:
    steps = [trace.with_role("step") for trace in traces]
    valid = [[node.status == "kept" and not node.note for node in chain] for chain in steps]
    return Cell(
        skill.family,
        skill.difficulty,
        title,
        sum(right),
        sum(trace.failure is not None for trace in traces),
        len(traces),
        sum(trace.usage.completion_tokens for trace in traces) / len(traces),
        sum(map(len, valid)),
        sum(map(sum, valid)),
        sum(all(chain) for chain in valid if chain),
    )


def _pooled(trace: Trace, puzzle: Puzzle) -> bool:
    """Whether adding up Δ over equal answers of the same branches would have chosen rightly."""
    sums = trace.answered.info["sums"] if trace.answered else []
    return bool(sums) and bool(marking.right(puzzle.question, sums[0][0], puzzle.answer, puzzle.family))


def classification(model: Model, count: int) -> tuple[int, int]:
    """How often the difficulty is classified in the word it was taught: (right, of)."""
    puzzles = [puzzle for family in FAMILIES for puzzle in generate(family, count, seed=SEED)]
    said = [outcome(classify(Question(puzzle.question), model, Place())) for puzzle in puzzles]
    return sum(word == band(puzzle) for word, puzzle in zip(said, puzzles, strict=True)), len(puzzles)


def searching(name: str, count: int) -> dict[str, list[int]]:
    """Skills of voting, revising and searching, each by one greedy reply: [right, of]."""
    directory = catalog.EMBEDDED if name == "embedded" else Path(name)
    model = LlamaForCausalLM.from_pretrained(directory, dtype=torch.float32)
    shares = probe.skills(model, tokenizers.load(directory), count)
    return {skill: [round(share * count), count] for skill, share in shares.items()}


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m playground.embedded.evaluate",
        description="Measure a model on unseen puzzles, with the project's own strategies.",
    )
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--count", type=int, default=200, help="puzzles in the largest cell (%(default)s)")
    parser.add_argument("--family", action="append", help="only this family; may be repeated")
    parser.add_argument("--json", type=Path, help="also write what was measured to this file")
    parser.add_argument("--write", action="store_true", help="put the tables into the embedded model's card")
    options = parser.parse_args(arguments)
    skills = tuple(skill for skill in SKILLS if not options.family or skill.family in options.family)
    cells = []
    for cell in measure(options.model, options.count, skills=skills):
        cells.append(cell)
        low, high = wilson(cell.right, cell.count)
        more = f", {cell.failed} failed" if cell.failed else ""
        if cell.steps:
            more += f", {cell.valid_steps} of {cell.steps} steps valid"
        print(
            f"{cell.family} {cell.difficulty} {cell.way}: {cell.share:.3f} ({low:.2f} to {high:.2f}), "
            f"{cell.count} puzzles, {cell.tokens:.0f} tokens each{more}",
            flush=True,
        )
    model = catalog.load(options.model)
    right, of = classification(model, max(1, options.count // 10))
    print(f"difficulty classified as taught: {right} of {of}")
    skills_measured = searching(options.model, options.count)
    for name, (right_, n) in skills_measured.items():
        print(f"{name}: {right_} of {n}", flush=True)
    measured = {
        "seed": SEED,
        "cells": [asdict(cell) for cell in cells],
        "classification": [right, of],
        "skills": skills_measured,
        "versions": model.versions,
    }
    if options.json:
        options.json.write_text(json.dumps(measured, indent=1) + "\n", "utf-8")
    if options.write:
        path = catalog.EMBEDDED / "README.md"
        path.write_text(card.replace_measured(path.read_text("utf-8"), card.tables(measured)), "utf-8")
        (catalog.EMBEDDED / "measured.json").write_text(json.dumps(measured, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()

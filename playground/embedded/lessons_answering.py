"""Kinds of examples for answering: plainly, worked, after exemplars, in titled steps; and a few plain sentences."""

from __future__ import annotations

import re
from random import Random

from playground import prompts
from playground.embedded.lessons import Segment, Stage, kind, puzzle_for, reply, segments_of
from playground.embedded.sentences import sentence
from playground.embedded.tokenizer import END
from playground.prompts import Step
from playground.puzzles import Puzzle, words
from playground.puzzles.arithmetic import Operation, operations

# Ways to begin a worked answer, with different first words: each is a branch CoT-decoding can find.
OPENERS: tuple[tuple[str, float], ...] = (
    ("", 5),
    ("First, ", 4),
    ("Let's think step by step. ", 4),
    ("We go step by step. ", 3),
    ("To begin, ", 2),
    ("Step by step: ", 2),
)


def worked_answer(rng: Random, puzzle: Puzzle) -> str:
    """The worked solution behind one of the openers."""
    opener = rng.choices([o for o, _ in OPENERS], [w for _, w in OPENERS])[0]
    text = puzzle.worked
    if opener.endswith((", ", ": ")) and text.startswith(("The ", "Spell ")):
        text = text[0].lower() + text[1:]
    return opener + text


def direct_answer(rng: Random, puzzle: Puzzle) -> str:
    """The bare answer, most often as just that and a full stop."""
    unit = re.search(r"How many (\w+) (?:does|are left)", puzzle.question)
    draw_ = rng.random()
    if draw_ < 0.2:
        return f"The answer is {puzzle.answer}."
    if draw_ < 0.3 and unit:
        return f"{puzzle.answer} {unit[1]}."
    return f"{puzzle.answer}."


@kind("plain")
def _plain(rng: Random, stage: Stage) -> list[Segment]:
    puzzle = puzzle_for(rng, stage)
    answer = direct_answer(rng, puzzle) if rng.random() < stage.direct else worked_answer(rng, puzzle)
    return [*segments_of(prompts.plain(puzzle.question)), reply(answer)]


@kind("zero_shot")
def _zero_shot(rng: Random, stage: Stage) -> list[Segment]:
    puzzle = puzzle_for(rng, stage)
    return [*segments_of(prompts.zero_shot_cot(puzzle.question)), reply(puzzle.worked)]


@kind("copy")
def _copy(rng: Random, stage: Stage) -> list[Segment]:
    """Repeating and spelling words: the quickest way to learn to look letters up in the question."""
    made = [words.pseudo_word(rng, "train") for _ in range(rng.choice((1, 1, 2, 3)))]
    made = [rng.choice((word, word.capitalize(), words.names(rng, 1, "train")[0])) for word in made]
    if rng.random() < 0.6:
        listing = ", ".join(made)
        return [*segments_of(prompts.plain(f"Repeat {listing}.")), reply(f"{listing}.")]
    return [*segments_of(prompts.plain(f"Spell {made[0]}.")), reply("-".join(made[0]) + ".")]


@kind("sums")
def _sums(rng: Random, stage: Stage) -> list[Segment]:
    """A few bare sums, written as they stand in worked solutions."""
    sums: list[Operation] = []
    wanted = rng.choice((1, 3, 4, 5))
    while len(sums) < wanted:
        found = rng.choice(operations(rng, 4))
        if words.split_of_key(f"{found.before}{found.operator}{found.operand}") == "train":
            sums.append(found)
    asked = ", ".join(f"{o.before} {o.operator} {o.operand}" for o in sums)
    return [*segments_of(prompts.plain(f"What is {asked}?")), reply(" ".join(o.text for o in sums))]


@kind("few_shot")
def _few_shot(rng: Random, stage: Stage) -> list[Segment]:
    """Several worked answers in a row, each learned; sometimes after the project's own exemplars."""
    one_family = rng.choice([None, *stage.families])
    segments: list[Segment] = []
    if rng.random() < 0.4:
        shown = list(prompts.exemplars())
        rng.shuffle(shown)
        for exemplar in shown:
            segments.append(Segment(f"Q: {exemplar.question}\nA: {exemplar.worked}{END}\n"))
        count = rng.randint(1, 2)
    else:
        count = rng.randint(2, 7)
    for i in range(count):
        puzzle = puzzle_for(rng, stage, one_family)
        # Alone, a question is more often answered directly; the first answer of a pack must not unteach that.
        first = not segments
        segments.append(Segment(f"{'' if i == 0 else chr(10)}Q: {puzzle.question}\nA:"))
        segments.append(reply(puzzle.worked, skip_first=first))
    return segments


def titled_steps(puzzle: Puzzle) -> list[Step]:
    """The puzzle's solution as titled steps; the last states the answer."""
    steps = [Step(step.title, step.text) for step in puzzle.solution]
    return [*steps, Step("Answer", f"{prompts.answer_cue} {puzzle.answer}.", "final_answer")]


def _chain(puzzle: Puzzle, *, plain: bool) -> list[Segment]:
    segments = segments_of(prompts.titled_chain(puzzle.question, plain=plain))
    for step in titled_steps(puzzle):
        segments += [reply(step.to_plain() if plain else step.to_json()), Segment("\nA:")]
    segments[-1] = Segment(f"\nQ: {prompts.texts.TITLED_CHAIN_FINAL}\nA:")
    return [*segments, reply(f"The answer is {puzzle.answer}.")]


@kind("titled")
def _titled(rng: Random, stage: Stage) -> list[Segment]:
    """A whole titled chain with the project's own prompts; each JSON step and the final answer are learned."""
    return _chain(puzzle_for(rng, stage), plain=False)


@kind("titled_plain")
def _titled_plain(rng: Random, stage: Stage) -> list[Segment]:
    """The titled chain in its plain form: "Title: reasoning [continue]"."""
    return _chain(puzzle_for(rng, stage), plain=True)


@kind("state_answer")
def _state_answer(rng: Random, stage: Stage) -> list[Segment]:
    """Reasoning that stops short of the answer, and the request to state it."""
    puzzle = puzzle_for(rng, stage)
    reasoning = " ".join(step.text for step in puzzle.solution)
    prompt = prompts.state_answer(puzzle.question, reasoning)
    return [*segments_of(prompt), reply(f"{puzzle.answer}.")]


_BANDS: dict[str, tuple[str, ...]] = {
    "arithmetic": ("easy", "simple", "simple", "complex", "complex", "expert", "expert", "expert"),
    "decimal_compare": ("easy", "easy", "simple"),
    "year_parity": ("easy", "simple", "simple", "general"),
    "coin_flip": ("general", "general", "general", "general", "complex", "complex", "complex", "expert"),
    "letter_count": ("general", "general", "complex", "complex"),
    "last_letter": ("general", "general", "complex", "complex", "complex", "expert"),
    "game_of_24": ("complex", "expert"),
}


def band(puzzle: Puzzle) -> str:
    """How hard a puzzle is, as the classification prompt's word."""
    bands = _BANDS[puzzle.family]
    return bands[min(puzzle.difficulty, len(bands)) - 1]


@kind("classify")
def _classify(rng: Random, stage: Stage) -> list[Segment]:
    puzzle = puzzle_for(rng, stage)
    return [*segments_of(prompts.classify_difficulty(puzzle.question)), reply(band(puzzle))]


@kind("sentence")
def _sentence(rng: Random, stage: Stage) -> list[Segment]:
    """Plain English, learned as text, so that the next word after a beginning is worth looking at."""
    text = " ".join(sentence(rng) for _ in range(rng.randint(1, 4)))
    return [Segment(text + END, learned=True, skip_first=True)]

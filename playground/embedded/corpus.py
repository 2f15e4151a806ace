"""The text the embedded model learns from: endless, reproducible streams of examples.

Knows puzzles of the training split, the project's prompts and the tokenizer's end mark. An example is a
list of segments, each marked as learned or only read; the loss covers what an assistant says, end mark
included. Must not know the model or the training loop. A new kind of example is one function under the
`kind` decorator and a weight in `STAGES`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random

from transformers import PreTrainedTokenizerFast

from playground import prompts
from playground.embedded import tokenizer as tokenizers
from playground.embedded.sentences import sentence
from playground.embedded.tokenizer import END
from playground.prompts import Prompt, Step
from playground.puzzles import Puzzle, draw, words
from playground.puzzles.arithmetic import Operation, operations

MAX_TOKENS = 1280


@dataclass(frozen=True)
class Segment:
    """A stretch of text; `learned` stretches carry the loss. `skip_first`: but not on their first token."""

    text: str
    learned: bool = False
    skip_first: bool = False


@dataclass(frozen=True)
class Example:
    """Token ids, and for each whether the model is trained to predict it."""

    ids: list[int]
    mask: list[bool]
    kind: str


@dataclass(frozen=True)
class Stage:
    """What is taught at one time: weights of kinds, of families, and how hard the puzzles are."""

    kinds: dict[str, float]
    families: dict[str, float]
    direct: float  # share of plain questions that are answered without working
    levels: dict[str, tuple[float, ...]]  # weights of difficulty 1, 2, ...


_SMALL: dict[str, tuple[float, ...]] = {
    "arithmetic": (4, 4, 4, 3, 2),
    "last_letter": (4, 4, 3, 2),
    "coin_flip": (3, 3, 3, 2),
    "letter_count": (4, 4, 2, 1),
    "decimal_compare": (2, 1, 2),
    "year_parity": (2, 3, 2),
}
_FULL: dict[str, tuple[float, ...]] = {
    "arithmetic": (4, 4, 5, 4, 3, 2, 1, 1),
    "last_letter": (4, 4, 4, 3, 2, 1, 1, 0.5, 0.5, 0.5, 0.5),
    "coin_flip": (3, 3, 3, 3, 2, 1, 1, 1),
    "letter_count": (3, 4, 3, 2),
    "decimal_compare": (2, 1, 2),
    "year_parity": (2, 3, 2, 1),
}
_ARITHMETIC_MOST = {
    "arithmetic": 5.0,
    "last_letter": 1.6,
    "coin_flip": 1.2,
    "letter_count": 1.4,
    "decimal_compare": 2.0,
    "year_parity": 1.0,
}

STAGES: dict[str, Stage] = {
    "arithmetic": Stage({"plain": 5, "zero_shot": 3, "copy": 2}, {"arithmetic": 1}, 0.35, _SMALL),
    "families": Stage({"plain": 6, "zero_shot": 3, "copy": 0.5}, _ARITHMETIC_MOST, 0.4, _SMALL),
    "formats": Stage(
        {
            "plain": 3,
            "zero_shot": 2.5,
            "copy": 0.5,
            "sums": 0.8,
            "few_shot": 1,
            "titled": 4,
            "titled_plain": 0.4,
            "state_answer": 0.2,
            "classify": 0.6,
            "sentence": 0.2,
        },
        _ARITHMETIC_MOST,
        0.5,
        _FULL,
    ),
    "all": Stage(
        {
            "plain": 8,
            "zero_shot": 2,
            "copy": 0.3,
            "sums": 0.5,
            "few_shot": 1,
            "titled": 3,
            "titled_plain": 0.4,
            "state_answer": 0.2,
            "classify": 0.6,
            "sentence": 0.3,
        },
        _ARITHMETIC_MOST,
        0.6,
        _FULL,
    ),
}

Maker = Callable[[Random, Stage], list[Segment]]
KINDS: dict[str, Maker] = {}


def kind(name: str) -> Callable[[Maker], Maker]:
    """Register a maker of examples."""

    def register(make: Maker) -> Maker:
        KINDS[name] = make
        return make

    return register


def puzzle_for(rng: Random, stage: Stage, family: str | None = None) -> Puzzle:
    """A training puzzle drawn by the stage's weights."""
    chosen = family or rng.choices(list(stage.families), list(stage.families.values()))[0]
    weights = stage.levels[chosen]
    level = rng.choices(range(1, len(weights) + 1), weights)[0]
    return draw(chosen, seed=rng.getrandbits(48), difficulty=level, split="train")


def segments_of(prompt: Prompt) -> list[Segment]:
    """A prompt as the chat template renders it, up to where the reply begins; nothing of it is learned."""
    forms = {"system": "S: {}\n", "user": "Q: {}\n", "assistant": "A: {}" + END + "\n"}
    text = "".join(forms[message.role].replace("{}", message.content) for message in prompt.messages)
    return [Segment(text + "A:" + (f" {prompt.prefill}" if prompt.prefill else ""))]


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


def _reply(text: str, *, skip_first: bool = False) -> Segment:
    return Segment(f" {text}{END}", learned=True, skip_first=skip_first)


@kind("plain")
def _plain(rng: Random, stage: Stage) -> list[Segment]:
    puzzle = puzzle_for(rng, stage)
    answer = direct_answer(rng, puzzle) if rng.random() < stage.direct else worked_answer(rng, puzzle)
    return [*segments_of(prompts.plain(puzzle.question)), _reply(answer)]


@kind("zero_shot")
def _zero_shot(rng: Random, stage: Stage) -> list[Segment]:
    puzzle = puzzle_for(rng, stage)
    return [*segments_of(prompts.zero_shot_cot(puzzle.question)), _reply(puzzle.worked)]


@kind("copy")
def _copy(rng: Random, stage: Stage) -> list[Segment]:
    """Repeating and spelling words: the quickest way to learn to look letters up in the question."""
    made = [words.pseudo_word(rng, "train") for _ in range(rng.choice((1, 1, 2, 3)))]
    made = [rng.choice((word, word.capitalize(), words.names(rng, 1, "train")[0])) for word in made]
    if rng.random() < 0.6:
        listing = ", ".join(made)
        return [*segments_of(prompts.plain(f"Repeat {listing}.")), _reply(f"{listing}.")]
    return [*segments_of(prompts.plain(f"Spell {made[0]}.")), _reply("-".join(made[0]) + ".")]


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
    return [*segments_of(prompts.plain(f"What is {asked}?")), _reply(" ".join(o.text for o in sums))]


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
        segments.append(_reply(puzzle.worked, skip_first=first))
    return segments


def titled_steps(puzzle: Puzzle) -> list[Step]:
    """The puzzle's solution as titled steps; the last states the answer."""
    steps = [Step(step.title, step.text) for step in puzzle.solution]
    return [*steps, Step("Answer", f"{prompts.answer_cue} {puzzle.answer}.", "final_answer")]


def _chain(puzzle: Puzzle, *, plain: bool) -> list[Segment]:
    segments = segments_of(prompts.titled_chain(puzzle.question, plain=plain))
    for step in titled_steps(puzzle):
        segments += [_reply(step.to_plain() if plain else step.to_json()), Segment("\nA:")]
    segments[-1] = Segment(f"\nQ: {prompts.texts.TITLED_CHAIN_FINAL}\nA:")
    return [*segments, _reply(f"The answer is {puzzle.answer}.")]


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
    return [*segments_of(prompt), _reply(f"{puzzle.answer}.")]


_BANDS: dict[str, tuple[str, ...]] = {
    "arithmetic": ("easy", "simple", "simple", "complex", "complex", "expert", "expert", "expert"),
    "decimal_compare": ("easy", "easy", "simple"),
    "year_parity": ("easy", "simple", "simple", "general"),
    "coin_flip": ("general", "general", "general", "general", "complex", "complex", "complex", "expert"),
    "letter_count": ("general", "general", "complex", "complex"),
    "last_letter": ("general", "general", "complex", "complex", "complex", "expert"),
}


def band(puzzle: Puzzle) -> str:
    """How hard a puzzle is, as the classification prompt's word."""
    bands = _BANDS[puzzle.family]
    return bands[min(puzzle.difficulty, len(bands)) - 1]


@kind("classify")
def _classify(rng: Random, stage: Stage) -> list[Segment]:
    puzzle = puzzle_for(rng, stage)
    return [*segments_of(prompts.classify_difficulty(puzzle.question)), _reply(band(puzzle))]


@kind("sentence")
def _sentence(rng: Random, stage: Stage) -> list[Segment]:
    """Plain English, learned as text, so that the next word after a beginning is worth looking at."""
    text = " ".join(sentence(rng) for _ in range(rng.randint(1, 4)))
    return [Segment(text + END, learned=True, skip_first=True)]


def encode(segments: list[Segment], name: str, tokenizer: PreTrainedTokenizerFast) -> Example:
    """Segments as token ids and loss mask."""
    ids: list[int] = []
    mask: list[bool] = []
    for segment in segments:
        tokens = tokenizer._tokenizer.encode(segment.text, add_special_tokens=False).ids
        ids += tokens
        mask += [segment.learned] * len(tokens)
        if segment.skip_first:
            mask[-len(tokens)] = False
    return Example(ids, mask, name)


def texts(stage: str, seed: int) -> Iterator[tuple[str, list[Segment]]]:
    """Endless examples of a stage, as kind and segments. The same stage and seed give the same stream."""
    rng = Random(f"corpus/{stage}/{seed}")
    chosen = STAGES[stage]
    kinds, weights = list(chosen.kinds), list(chosen.kinds.values())
    while True:
        name = rng.choices(kinds, weights)[0]
        yield name, KINDS[name](rng, chosen)


def examples(stage: str, seed: int, tokenizer: PreTrainedTokenizerFast) -> Iterator[Example]:
    """Endless encoded examples of a stage; the few longer than `MAX_TOKENS` are left out."""
    for name, segments in texts(stage, seed):
        example = encode(segments, name, tokenizer)
        if len(example.ids) <= MAX_TOKENS:
            yield example


def whole_name(word: str) -> bool:
    """Whether a training word may become one token: three of four; the others teach copying by letters."""
    return words.split_of(word) == "train" and words.bucket(word.lower(), 4, "whole") > 0


def kept_as_letters() -> set[str]:
    """Words that must stay letters: those to be spelled, those held out, and a quarter of the others."""
    pool = {*words.NAMES, *words.THINGS}
    return {word for word in pool if not whole_name(word)} | {*words.SPELLING, "odh"}


def build_tokenizer(sample: int = 20_000) -> PreTrainedTokenizerFast:
    """The tokenizer of this corpus: its frequent pieces whole, everything to be spelled in letters."""
    stream = texts("all", seed=0)
    plain = (
        "".join(segment.text for segment in segments).replace(END, "")
        for _, segments in islice(stream, sample)
    )
    rng = Random("sentences")
    return tokenizers.build(
        plain,
        # Made-up words are drawn anew each time and stay far below this count; template words lie far above.
        at_least=sample // 280,
        keep_as_letters=kept_as_letters(),
        always=[" " + sentence(rng) for _ in range(2000)],
    )

"""The text the embedded model learns from: endless, reproducible streams of examples.

An example is a list of segments, each marked as learned or only read; the loss covers what an assistant says, end
mark included. Must not know the model or the training loop. A new kind of example is one function under the `kind`
decorator, in one of the modules of lessons, and a weight in `STAGES`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random

from transformers import PreTrainedTokenizerFast

from playground.embedded import lessons_answering, lessons_search  # noqa: F401  (importing registers the kinds)
from playground.embedded import tokenizer as tokenizers
from playground.embedded.lessons import KINDS, Segment, Stage
from playground.embedded.sentences import sentence
from playground.embedded.tokenizer import END
from playground.puzzles import words

MAX_TOKENS = 1280


@dataclass(frozen=True)
class Example:
    """Token ids, and for each whether the model is trained to predict it."""

    ids: list[int]
    mask: list[bool]
    kind: str


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
    "game_of_24": (4, 3, 3),
}
_ARITHMETIC_MOST = {
    "arithmetic": 5.0,
    "last_letter": 1.6,
    "coin_flip": 1.2,
    "letter_count": 1.4,
    "decimal_compare": 2.0,
    "year_parity": 1.0,
}
_WITH_GAMES = {**_ARITHMETIC_MOST, "decimal_compare": 3.0, "game_of_24": 3.5}
_ANSWERING = {
    "plain": 8,
    "zero_shot": 2,
    "copy": 0.3,
    "sums": 0.5,
    "few_shot": 0.8,
    "titled": 2,
    "titled_plain": 0.3,
    "state_answer": 0.4,
    "classify": 0.4,
    "sentence": 0.4,
}
_SEARCHING = {
    "review": 1.5,
    "judge": 1,
    "revise": 1,
    "critique": 1,
    "correct": 0.8,
    "next_step": 1,
    "propose": 2,
    "value": 2,
    "vote": 0.5,
    "decompose": 0.7,
    "subquestion": 1,
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
    "search": Stage(
        {**_SEARCHING, "plain": 5, "zero_shot": 2, "titled": 0.7, "sums": 0.6, "copy": 0.3},
        _WITH_GAMES,
        0.5,
        _FULL,
    ),
    "all": Stage({**_ANSWERING, **_SEARCHING}, _WITH_GAMES, 0.6, _FULL),
}


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
